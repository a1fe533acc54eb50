"""The tables of runs, as SQLAlchemy knows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Tables:
    """`runs`; their `documents`; `blobs`, bytes to be saved, and `uses`, the documents that need them; `answers`, kept
    ones; `rates`, whom to ask when."""

    metadata: Any
    runs: Any
    documents: Any
    blobs: Any
    uses: Any
    answers: Any
    rates: Any


@cache
def tables() -> Tables:
    """Return the tables; all of their names begin with everpilot_."""
    from sqlalchemy import (
        Boolean,
        Column,
        Float,
        Index,
        Integer,
        LargeBinary,
        MetaData,
        Table,
        Text,
        UniqueConstraint,
        false,
    )

    metadata = MetaData()

    def text(name: str, **more: Any) -> Any:
        return Column(name, Text, nullable=False, **(more or {"server_default": ""}))

    def number(name: str) -> Any:
        return Column(name, Float, nullable=False, server_default="0")

    runs = Table(
        "everpilot_runs",
        metadata,
        text("id", primary_key=True),
        *map(text, ("title", "by", "created", "ended", "job", "place", "notes")),
        Column("listed", Boolean, nullable=False, server_default=false()),
        Column("round", Integer, nullable=False, server_default="0"),
        Column("finished", Integer, nullable=False, server_default="-1"),
        Column("budget", Float),
        number("spent"),  # by all attempts
        number("reserved"),  # for what is under way
        number("dearest"),  # what the dearest attempt cost
    )
    documents = Table(
        "everpilot_documents",
        metadata,
        text("run", primary_key=True),
        Column("number", Integer, primary_key=True),
        *map(text, ("key", "source", "status", "worker", "updated")),
        Column("attempt", Integer, nullable=False, server_default="1"),
        Column("tries", Integer, nullable=False, server_default="0"),
        Column("outcome", Text),
        number("charged"),  # by this attempt
        number("before"),  # by those before it
        number("reserved"),
        UniqueConstraint("run", "key", name="everpilot_documents_key"),
        Index("everpilot_documents_status", "run", "status", "number"),
        Index("everpilot_documents_updated", "run", "updated", "number"),
    )
    blobs = Table(
        "everpilot_blobs",
        metadata,
        text("run", primary_key=True),
        text("digest", primary_key=True),
        Column("data", LargeBinary, nullable=False),
    )
    uses = Table(
        "everpilot_uses",
        metadata,
        text("run", primary_key=True),
        text("digest", primary_key=True),
        Column("number", Integer, primary_key=True),
    )
    answers = Table("everpilot_answers", metadata, text("key", primary_key=True), text("answer"), text("created"))
    rates = Table("everpilot_rates", metadata, text("name", primary_key=True), number("due"))
    return Tables(metadata, runs, documents, blobs, uses, answers, rates)
