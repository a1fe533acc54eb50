"""The journal of everything written: an index in SQLite over content-addressed objects.

A row is `writing` while the new file is written beside the old one, `pending` when that lies complete on the disk, and
`done` once it has taken the old one's place. A row that its process left behind tells, together with the files, which
of the two a document is (see recovery.py).
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from copilot.errors import WorkspaceError
from copilot.trust.labels import UNKNOWN, Label, join
from copilot.workspace.save import make_private

Status = Literal["writing", "pending", "done"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
    status TEXT NOT NULL,
    key TEXT NOT NULL,
    path BLOB NOT NULL,                        -- as the system spells it: names need not be valid text
    after TEXT,
    undoes INTEGER,
    temporary BLOB NOT NULL,
    details TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS by_key ON entries (key) WHERE key <> '';
CREATE INDEX IF NOT EXISTS by_after ON entries (after);
CREATE INDEX IF NOT EXISTS by_status ON entries (status) WHERE status <> 'done';
"""
_COLUMNS = "number, status, key, path, after, undoes, temporary, details"


@dataclass(frozen=True)
class Entry:
    """One committed change. `time` is ISO 8601 in UTC; `before` and `after` are hashes, None where there is no file.

    `undoes` is the number of the entry that this one took back, `undone_by` the one that took this one back.
    `hunks` are `Hunk.to_dict`; `key` is what the caller gave to find it again.
    """

    number: int
    time: str
    path: Path
    summary: str
    before: str | None
    after: str | None
    thread: str = ""
    key: str = ""
    undoes: int | None = None
    undone_by: int | None = None
    hunks: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON types."""
        return {**asdict(self), "path": self.path.as_posix()}


@dataclass(frozen=True)
class Row:
    """An entry as it is kept, with what recovery and undo need: folders made for it, the mode of the old file.

    `label` is that of everything the new content was made from.
    """

    entry: Entry
    status: Status
    temporary: Path | None = None
    folders: list[Path] = field(default_factory=list)
    mode: int | None = None
    label: Label = UNKNOWN


class Journal:
    """The index of one state folder. Safe for many threads and processes: each call opens its own connection."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def begin(self, row: Row) -> Row:
        """Record that a change starts, and return the row with its number."""
        entry = row.entry
        temporary = os.fsencode(row.temporary) if row.temporary else b""
        place, key = os.fsencode(entry.path), _text(entry.key)
        values = (None, row.status, key, place, entry.after, entry.undoes, temporary, _details(row))
        with self._writing() as db:
            number = db.execute(f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).lastrowid
        return replace(row, entry=replace(row.entry, number=number or 0))

    def mark(self, number: int, status: Status) -> None:
        """Record how far the change is."""
        with self._writing() as db:
            db.execute("UPDATE entries SET status = ? WHERE number = ?", (status, number))

    def drop(self, number: int) -> None:
        """Forget a change that did not happen."""
        with self._writing() as db:
            db.execute("DELETE FROM entries WHERE number = ?", (number,))

    def unsettled(self) -> list[Row]:
        """Return the changes that somebody is making, or left behind."""
        return self._rows("status <> 'done'", (), -1)

    def by_key(self, key: str) -> Entry | None:
        """Return the finished entry with this key."""
        rows = self._rows("status = 'done' AND key = ? AND key <> ''", (_text(key),), 1)
        return rows[0].entry if rows else None

    def label(self, digest: str) -> Label:
        """Return the label of what the content with this hash was made from, when we wrote it; else a public one."""
        return join(row.label for row in self._rows("status = 'done' AND after = ?", (digest,), -1))

    def row(self, number: int, folders: Sequence[Path]) -> Row | None:
        """Return the finished entry with this number, if its file is in one of `folders`."""
        where, values = _inside(folders)
        rows = self._rows(f"status = 'done' AND number = ? AND {where}", (number, *values), 1)
        return rows[0] if rows else None

    def rows(self, folders: Sequence[Path], limit: int = -1) -> list[Row]:
        """Return the finished entries of files in `folders`, newest first, at most `limit` (all if negative)."""
        where, values = _inside(folders)
        return self._rows(f"status = 'done' AND {where}", values, limit)

    def _rows(self, where: str, values: Sequence[object], limit: int) -> list[Row]:
        if not os.path.isfile(self.file):
            return []
        query = f"SELECT {_COLUMNS} FROM entries WHERE {where} ORDER BY number DESC LIMIT ?"
        with self._open() as db:
            found = db.execute(query, (*values, limit)).fetchall()
            undoing = db.execute(
                "SELECT number, undoes FROM entries WHERE status = 'done' AND undoes IS NOT NULL ORDER BY number DESC"
            ).fetchall()
        undone: dict[int, int] = {}
        for number, undoes in undoing:  # newest first: whether an undo was itself undone is known when we come to it
            if number not in undone:
                undone[undoes] = number
        return [_row(record, undone) for record in found]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")  # an exception closes the connection, which rolls back

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            make_private(self.file.parent)
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))  # before SQLite makes it for everybody
            with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as db:
                self._prepare(db)
                yield db
        except (sqlite3.Error, OSError) as error:
            raise WorkspaceError(f"The journal {self.file} can't be used: {error}.", hint=_hint(error)) from error

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous = FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise WorkspaceError(f"The journal {self.file} is of a newer everpilot.", hint="Update everpilot.")
        if version < _VERSION:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")


def _hint(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return "It is damaged. Move it away to begin a new one; nothing is edited without it."
    return "Check that there is room on the disk and that you may write it; nothing is edited without it."


def _inside(folders: Sequence[Path]) -> tuple[str, list[bytes | int]]:
    """Return an SQL condition for paths below the folders, and its values."""
    values: list[bytes | int] = []
    for folder in folders:
        prefix = os.path.join(os.fsencode(folder), b"")
        values += [len(prefix), prefix]
    return "(" + " OR ".join(["substr(path, 1, ?) = ?"] * len(folders)) + ")", values


def _text(value: str) -> str:
    """Half surrogate pairs can't be stored as text."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _details(row: Row) -> str:
    entry = row.entry
    details = {
        "time": entry.time,
        "summary": entry.summary,
        "before": entry.before,
        "thread": entry.thread,
        "hunks": entry.hunks,
        "folders": [str(folder) for folder in row.folders],
        "mode": row.mode,
        "label": row.label.to_dict(),
    }
    return json.dumps(details)


def _row(record: tuple[Any, ...], undone: dict[int, int]) -> Row:
    number, status, key, path, after, undoes, temporary, details = record
    kept = json.loads(details)
    folders, mode = [Path(folder) for folder in kept.pop("folders")], kept.pop("mode")
    label = Label.from_dict(kept.pop("label"))
    place, by = Path(os.fsdecode(path)), undone.get(number)
    entry = Entry(number=number, key=key, path=place, after=after, undoes=undoes, undone_by=by, **kept)
    return Row(entry, status, Path(os.fsdecode(temporary)) if temporary else None, folders, mode, label)
