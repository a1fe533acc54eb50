"""The journal of everything written: an index in SQLite over content-addressed objects.

A row is `writing` while the new file is written beside the old one, `pending` when that lies complete on the disk, and
`done` once it has taken the old one's place. A row that its process left behind tells, together with the files, which
of the two a document is (see recovery.py).
"""

from __future__ import annotations

import base64
import json
import os
import re
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from copilot._sealing import Sealer
from copilot.errors import WorkspaceError
from copilot.trust.labels import UNKNOWN, Label, join
from copilot.workspace.metadata import Metadata
from copilot.workspace.network import is_shared
from copilot.workspace.save import make_private

Status = Literal["writing", "pending", "done"]

_VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
    status TEXT NOT NULL,
    key TEXT NOT NULL,
    path BLOB NOT NULL,                        -- as the system spells it: names need not be valid text
    after TEXT,
    undoes INTEGER,
    temporary BLOB NOT NULL,
    details TEXT NOT NULL,                     -- JSON, sealed if the journal is encrypted
    thread TEXT NOT NULL DEFAULT '',
    turn TEXT NOT NULL DEFAULT '',
    before TEXT
);
CREATE TABLE IF NOT EXISTS objects (           -- what is kept: a cheap sum; the folder of objects is the truth
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    time INTEGER NOT NULL                      -- of the last change that it belongs to, in Unix seconds
);
CREATE UNIQUE INDEX IF NOT EXISTS by_key ON entries (key) WHERE key <> '';
CREATE INDEX IF NOT EXISTS by_after ON entries (after);
CREATE INDEX IF NOT EXISTS by_status ON entries (status) WHERE status <> 'done';
CREATE INDEX IF NOT EXISTS by_path ON entries (path);
CREATE INDEX IF NOT EXISTS by_thread ON entries (thread, turn) WHERE thread <> '';
CREATE INDEX IF NOT EXISTS by_time ON objects (time, size);
"""
#: From the tables of version 1, whose details are never sealed.
_UPGRADE = """
ALTER TABLE entries ADD COLUMN thread TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN turn TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN before TEXT;
UPDATE entries SET thread = json_extract(details, '$.thread'), before = json_extract(details, '$.before');
"""
_COLUMNS = "number, status, key, path, after, undoes, temporary, details, thread, turn, before"
#: The newest version of each file; of a deleted one the last that there was.
_NEWEST = """
SELECT coalesce(after, before) FROM entries WHERE number IN
    (SELECT max(number) FROM entries WHERE status = 'done' GROUP BY path)
"""
_SEALED = "sealed:"
_LEAST_PAGE = 512  # bytes; a database is whole pages (https://www.sqlite.org/fileformat2.html, 1.3.2)
_DAMAGED = "It is damaged. Move it away to begin a new one; nothing is edited without it."


@dataclass(frozen=True)
class Entry:
    """One committed change. `time` is ISO 8601 in UTC; `before` and `after` are hashes, None where there is no file.

    `undoes` is the number of the entry that this one took back, `undone_by` the one that took this one back.
    `hunks` are `Hunk.to_dict`; `key` is what the caller gave to find it again. `turn` names what a person said, in the
    conversation `thread`, that it was done for.
    """

    number: int
    time: str
    path: Path
    summary: str
    before: str | None
    after: str | None
    thread: str = ""
    turn: str = ""
    key: str = ""
    undoes: int | None = None
    undone_by: int | None = None
    hunks: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON types."""
        return {**asdict(self), "path": self.path.as_posix()}


@dataclass(frozen=True)
class Row:
    """An entry as it is kept, with what recovery and undo need: folders made for it, the metadata of the old file.

    `label` is that of everything the new content was made from; `sizes` are the bytes before and after, None: no file,
    or not known. `inode` is that of the new file while it is being written; it is not kept.
    """

    entry: Entry
    status: Status
    temporary: Path | None = None
    folders: list[Path] = field(default_factory=list)
    metadata: Metadata | None = None
    label: Label = UNKNOWN
    sizes: tuple[int | None, int | None] = (None, None)
    inode: int = 0


@dataclass(frozen=True)
class Usage:
    """Bytes of all objects and the oldest one's time; bytes after the last pruning and its time (Unix seconds)."""

    total: int
    oldest: int
    left: int
    pruned: int


@dataclass
class Pruning:
    """For one pruning: times of the objects, those that must stay; `left` is filled in: hash to bytes on the disk."""

    times: dict[str, int]
    protected: set[str]
    left: dict[str, int] = field(default_factory=dict)


class Journal:
    """The index of one state folder. Safe for many threads and processes: each call opens its own connection."""

    def __init__(self, file: Path, sealer: Sealer | None = None, *, encrypt: bool = False) -> None:
        self.file = file
        self._sealer = sealer
        self._encrypt = encrypt
        self._idle: sqlite3.Connection | None = None
        self._idle_in = 0

    def begin(self, row: Row) -> Row:
        """Record that a change starts, and return the row with its number."""
        values = (row.status, *self._values(row))
        with self._writing(durable=False) as db:  # lost in a power cut: what it names is found without it (`sweep`)
            places = ", ".join("?" * len(values))
            query = f"INSERT INTO entries ({_COLUMNS.removeprefix('number, ')}) VALUES ({places})"
            number = db.execute(query, values).lastrowid
        return replace(row, entry=replace(row.entry, number=number or 0))

    def ready(self, row: Row) -> None:
        """Record that everything for the change lies on the disk: from now on it may happen at any time."""
        names = [f"{name} = ?" for name in _COLUMNS.split(", ")[2:]]
        with self._writing() as db:
            query = f"UPDATE entries SET status = 'pending', {', '.join(names)} WHERE number = ?"
            db.execute(query, (*self._values(row), row.entry.number))

    def done(self, number: int, kept: Sequence[tuple[str, int]] = (), time: int = 0) -> None:
        """Record that the change happened, and which objects (hash, bytes on the disk) it keeps since `time`."""
        with self._writing(durable=False) as db:  # lost in a power cut: it is `pending`, and settled at the next start
            db.execute("UPDATE entries SET status = 'done' WHERE number = ?", (number,))
            db.executemany(
                "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE SET size = excluded.size,"
                " time = max(time, excluded.time)",
                [(digest, size, time) for digest, size in kept],
            )

    def drop(self, number: int) -> None:
        """Forget a change that did not happen."""
        with self._writing() as db:
            db.execute("DELETE FROM entries WHERE number = ?", (number,))

    def unsettled(self) -> list[Row]:
        """Return the changes that somebody is making, or left behind."""
        return self._rows("status <> 'done'", (), -1)

    def happened(self, number: int) -> bool:
        """Return whether the change with this number is done."""
        return bool(self._rows("status = 'done' AND number = ?", (number,), 1))

    def by_key(self, key: str) -> Entry | None:
        """Return the finished entry with this key."""
        rows = self._rows("status = 'done' AND key = ? AND key <> ''", (_text(key),), 1)
        return rows[0].entry if rows else None

    def of_path(self, path: Path) -> list[Row]:
        """Return the finished entries of one file, newest first."""
        return self._rows("status = 'done' AND path = ?", (os.fsencode(path),), -1)

    def of_thread(self, thread: str, turn: str | None, folders: Sequence[Path]) -> list[Row]:
        """Return the finished entries of a conversation (of one turn of it) in `folders`, newest first."""
        where, values = _inside(folders)
        chosen, more = ("", ()) if turn is None else (" AND turn = ?", (turn,))
        return self._rows(f"status = 'done' AND thread = ?{chosen} AND {where}", (_text(thread), *more, *values), -1)

    def knows(self, digest: str) -> bool:
        """Return whether some entry is about content with this hash."""
        return bool(self._rows("after = ? OR before = ?", (digest, digest), 1))

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
        return [self._row(record, undone) for record in found]

    def _values(self, row: Row) -> tuple[object, ...]:
        """Return what is kept of a row, but its number and status."""
        entry = row.entry
        temporary = os.fsencode(row.temporary) if row.temporary else b""
        place, key = os.fsencode(entry.path), _text(entry.key)
        names = (_text(entry.thread), _text(entry.turn), entry.before)
        return (key, place, entry.after, entry.undoes, temporary, self._sealed(_details(row)), *names)

    def _sealed(self, details: str) -> str:
        if not self._encrypt:
            return details
        assert self._sealer is not None
        return _SEALED + base64.b64encode(self._sealer.seal(details.encode(), b"details")).decode()

    def _opened(self, details: str) -> str:
        if not details.startswith(_SEALED):
            return details
        try:
            if self._sealer is None:
                raise ValueError("it is encrypted, and there is nothing to open it with")
            return self._sealer.open(base64.b64decode(details.removeprefix(_SEALED)), b"details").decode()
        except ValueError as error:
            raise WorkspaceError(f"The journal {self.file} can't be used: {error}.", hint=_DAMAGED) from None

    def _row(self, record: tuple[Any, ...], undone: dict[int, int]) -> Row:
        number, status, key, path, after, undoes, temporary, details, _, turn, _ = record
        kept = json.loads(self._opened(details))
        folders, mode = [Path(folder) for folder in kept.pop("folders")], kept.pop("mode", None)
        label, attributes = Label.from_dict(kept.pop("label")), kept.pop("metadata", None)
        was = Metadata.from_dict(attributes) if attributes else Metadata(mode) if mode is not None else None
        sizes = tuple(kept.pop("sizes", (None, None)))
        place, by = Path(os.fsdecode(path)), undone.get(number)
        entry = Entry(number=number, key=key, path=place, after=after, undoes=undoes, undone_by=by, turn=turn, **kept)
        return Row(entry, status, _path(temporary), folders, was, label, sizes)

    def usage(self) -> Usage:
        """Return what the store takes, and how it was left by the last pruning."""
        with self._open() as db:
            query = "SELECT coalesce(sum(size), 0), coalesce(min(time), 0) FROM objects WHERE digest <> ''"
            total, oldest = db.execute(query).fetchone()
            last = db.execute("SELECT size, time FROM objects WHERE digest = ''").fetchone()
        return Usage(total, oldest, *(last or (0, 0)))

    @contextmanager
    def pruning(self, now: int) -> Iterator[Pruning]:
        """Yield what a pruning must know; nobody begins or ends a change meanwhile. Then keep what it left."""
        with self._writing() as db:
            times = dict(db.execute("SELECT digest, time FROM objects WHERE digest <> ''").fetchall())
            newest = db.execute(_NEWEST).fetchall()
            busy = db.execute("SELECT before, after FROM entries WHERE status <> 'done'").fetchall()
            work = Pruning(times, {d for pair in busy for d in pair if d} | {d for (d,) in newest if d})
            yield work
            db.execute("DELETE FROM objects")
            rows = [(digest, size, work.times.get(digest, now)) for digest, size in work.left.items()]
            db.executemany("INSERT INTO objects VALUES (?, ?, ?)", [*rows, ("", sum(work.left.values()), now)])

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction, which is on the disk afterwards if it is to be `durable`."""
        self._stay_open()
        with self._open() as db:
            if not durable and db.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                db.execute("PRAGMA synchronous = NORMAL")  # of WAL: consistent always, the last ones perhaps not there
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")  # an exception closes the connection, which rolls back

    def _stay_open(self) -> None:
        """Hold a connection that does nothing: the last one that closes would copy the whole log, and sync twice."""
        if self._idle is None or self._idle_in != os.getpid():
            with self._open() as first:
                if not is_shared(self.file.parent):  # a write-ahead log needs memory that all its users share
                    with suppress(sqlite3.OperationalError):  # somebody is writing: the next process switches it
                        first.execute("PRAGMA journal_mode = WAL")  # one sync a change in place of six
                self._idle = db = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
                self._idle_in = os.getpid()
                db.execute("PRAGMA user_version").fetchone()  # without a look it is not open
                weakref.finalize(self, db.close)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            make_private(self.file.parent)
            self._make_or_check()
            with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as db:
                self._prepare(db)
                yield db
        except (sqlite3.Error, OSError) as error:
            raise WorkspaceError(f"The journal {self.file} can't be used: {error}.", hint=_hint(error)) from error

    def _make_or_check(self) -> None:
        """Make the file before SQLite makes it for everybody; raise if it is none of SQLite's, which a log may hide.

        It must not be opened to look into it: closing it again would free all locks that SQLite holds on it in this
        process (https://www.sqlite.org/howtocorrupt.html, 2.2).
        """
        try:
            size = os.stat(self.file).st_size
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            return
        if size % _LEAST_PAGE:
            raise sqlite3.DatabaseError("file is not a database")

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous = FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise WorkspaceError(f"The journal {self.file} is of a newer everpilot.", hint="Update everpilot.")
        if version < _VERSION:
            self._upgrade(db)

    def _upgrade(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()  # another process may have done it meanwhile
        if version < _VERSION:
            script = (_UPGRADE if version else "") + _SCHEMA
            for statement in re.sub(r"--.*", "", script).split(";"):  # executescript would commit before it starts
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        db.execute("COMMIT")


def _hint(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return _DAMAGED
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


def _path(name: bytes) -> Path | None:
    return Path(os.fsdecode(name)) if name else None


def _details(row: Row) -> str:
    entry = row.entry
    details = {
        "time": entry.time,
        "summary": entry.summary,
        "before": entry.before,
        "thread": entry.thread,
        "hunks": entry.hunks,
        "folders": [str(folder) for folder in row.folders],
        "metadata": row.metadata.to_dict() if row.metadata else None,
        "label": row.label.to_dict(),
        "sizes": row.sizes,
    }
    return json.dumps(details)
