"""The tables of triggers, beside those of runs, and the transactions that they share with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from copilot.jobs.database import Database


@dataclass(frozen=True, slots=True)
class Tables:
    """`schedules`; `watches`; `versions`, which files with which content a watch knows."""

    metadata: Any
    schedules: Any
    watches: Any
    versions: Any


@cache
def tables() -> Tables:
    """Return the tables; all of their names begin with everpilot_."""
    from sqlalchemy import Boolean, Column, Float, MetaData, Table, Text, false

    metadata = MetaData()

    def text(name: str, **more: Any) -> Any:
        return Column(name, Text, nullable=False, **(more or {"server_default": ""}))

    def flag(name: str) -> Any:
        return Column(name, Boolean, nullable=False, server_default=false())

    def number(name: str) -> Any:
        return Column(name, Float, nullable=False, server_default="0")

    schedules = Table(
        "everpilot_schedules",
        metadata,
        text("name", primary_key=True),
        *map(text, ("cron", "zone", "catch_up", "job", "place", "title", "by", "created", "last", "note")),
        *map(flag, ("overlap", "paused")),
        number("due"),  # Unix seconds
    )
    watches = Table(
        "everpilot_watches",
        metadata,
        text("name", primary_key=True),
        *map(text, ("job", "place", "title", "by", "created", "run", "note")),
        *map(flag, ("existing", "detached", "begun")),
        *map(number, ("quiet", "interval")),
    )
    versions = Table(
        "everpilot_versions",
        metadata,
        *(text(name, primary_key=True) for name in ("watch", "path", "digest")),
        text("stamp"),
    )
    return Tables(metadata, schedules, watches, versions)


def made(database: Database) -> Tables:
    """Return the tables, made in the database when they are not there."""
    found = tables()
    with database.begin() as connection:
        if database.is_postgres:  # of two that make them at once, one waits
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7165431196)")
        found.metadata.create_all(connection)
    return found


def insert_new(database: Database, table: Any) -> Any:
    """Return an insert that leaves a row alone which is there already."""
    from sqlalchemy.dialects import postgresql, sqlite

    return (postgresql.insert if database.is_postgres else sqlite.insert)(table).on_conflict_do_nothing()


def put(database: Database, table: Any, keys: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    """Return an insert that changes these columns of a row which is there already."""
    from sqlalchemy.dialects import postgresql, sqlite

    new = (postgresql.insert if database.is_postgres else sqlite.insert)(table)
    return new.on_conflict_do_update(index_elements=keys, set_={name: new.excluded[name] for name in changed})
