"""The tables of the page: conversations and what was said in them, files, and the key that signs."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

#: `counter` is the newest watermark. Whoever writes to a conversation raises it first, and so holds its row: watermarks
#: of one conversation are committed in their order, and a reader never misses one.
CONVERSATIONS = sa.Table(
    "everpilot_webchat_conversations",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(80), nullable=False),
    sa.Column("counter", sa.BigInteger, nullable=False),
    sa.Column("touched", sa.Float, nullable=False, index=True),  # seconds since 1970
)

#: `place` is where an activity stands in the conversation, `version` the watermark of its newest state, `rank` how far
#: a stream had come when it was written: an older piece does not replace a newer one.
ACTIVITIES = sa.Table(
    "everpilot_webchat_activities",
    METADATA,
    sa.Column("conversation", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("dedupe", sa.String(200)),
    sa.Column("passing", sa.Boolean, nullable=False),  # typing: nothing for who comes later
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("conversation", "dedupe", name="everpilot_webchat_once"),
    sa.Index("everpilot_webchat_newer", "conversation", "version"),
)

FILES = sa.Table(
    "everpilot_webchat_files",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("conversation", sa.String(64), nullable=False, index=True),
    sa.Column("name", sa.String(400), nullable=False),
    sa.Column("type", sa.String(200), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("made", sa.Float, nullable=False),
)

PIECES = sa.Table(
    "everpilot_webchat_pieces",
    METADATA,
    sa.Column("file", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

KEYS = sa.Table(
    "everpilot_webchat_keys",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
