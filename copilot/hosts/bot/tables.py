"""The tables of people and files: offers that wait, what lies in people's drives, and how fast each person writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from copilot.jobs.database import Database

METADATA = sa.MetaData()

#: An offer of a file. `person`, `conversation` and `room` are keys; `path` lies below the room's folder; `invoke` is
#: the answer that is being worked on; `expires` is in Unix seconds. `whose` is the person as they were in the group
#: whose file it is, packed; "": the room is their own.
OFFERS = sa.Table(
    "everpilot_bot_offers",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("conversation", sa.String(64), nullable=False),
    sa.Column("room", sa.String(64), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("invoke", sa.Text, nullable=False),
    sa.Column("expires", sa.Float, nullable=False, index=True),
    sa.Column("whose", sa.Text, nullable=False, server_default=""),
)

#: Files that were put into the drive of a person: the key of person, room and path; what the drive calls the file and
#: its version; who may read it there (JSON); when, in Unix seconds.
HANDED = sa.Table(
    "everpilot_bot_handed",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("people", sa.Text, nullable=False),
    sa.Column("made", sa.Float, nullable=False, index=True),
)

#: `due` and `told` are Unix seconds; see limits.py.
PACES = sa.Table(
    "everpilot_bot_paces",
    METADATA,
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("due", sa.Float, nullable=False, index=True),
    sa.Column("told", sa.Float, nullable=False),
)


def make(database: Database) -> None:
    """Make the tables that are not there; of replicas that start at once, one does and the others wait."""
    with database.begin() as link:
        if database.is_postgres:
            link.exec_driver_sql("SELECT pg_advisory_xact_lock(7165431192)")
        METADATA.create_all(link)
