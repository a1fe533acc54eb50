"""What is known of a place elsewhere, what of it lies here, and what still has to be stored there: one SQLite file.

A change that is to be stored has a row before its file is written here (`next`), and loses it in the same transaction
that notes the version it became there. So whatever a process leaves behind, the next one can tell how far it came.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.errors import WorkspaceError
from copilot.workspace.mounts import Changes, Node
from copilot.workspace.network import is_shared
from copilot.workspace.save import make_private

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS nodes (
    id TEXT PRIMARY KEY, parent TEXT NOT NULL, name TEXT NOT NULL, folder INTEGER NOT NULL, tag TEXT NOT NULL,
    size INTEGER NOT NULL, modified TEXT NOT NULL, author TEXT NOT NULL, hash TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS kept (              -- files that lie here, as they were fetched or stored
    path TEXT PRIMARY KEY, id TEXT NOT NULL, tag TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    used INTEGER NOT NULL, label TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS outbox (
    path TEXT PRIMARY KEY,
    id TEXT NOT NULL,                          -- of the file that it was made from, '' for a new one
    tag TEXT NOT NULL,
    base TEXT NOT NULL,                        -- SHA-256 of that version, '' for a new file
    after TEXT NOT NULL,                       -- SHA-256 of what waits; 'gone' for a deletion, '' for nothing yet
    next TEXT NOT NULL,                        -- the same of what is being written here
    sent TEXT NOT NULL,                        -- JSON: what may be there already, as [SHA-256, hash there, size]
    trouble TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS refused (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, message TEXT NOT NULL, hint TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS was (path TEXT PRIMARY KEY, id TEXT NOT NULL);  -- what lay at a path before
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
#: What stands in place of a hash for a file that is to be deleted.
GONE = "gone"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that lies here: whose version it is, its hash, its bytes, and a counter of when it was last used."""

    path: str
    id: str
    tag: str
    sha256: str
    size: int
    used: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that is to be stored; see the table `outbox`."""

    path: str
    id: str
    tag: str
    base: str
    after: str
    next: str
    sent: tuple[tuple[str, str, int], ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a change with a key was taken back: the kind of error, and its words."""

    kind: str
    message: str
    hint: str


class Index:
    """The file of one place. Safe for many threads and processes: each process has a connection of its own."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._of = 0  # the process whose connection it is: none outlives a fork

    # --- what there is ------------------------------------------------------------------------------------------------

    def meta(self, name: str) -> str:
        """Return a value of its own, "" if there is none."""
        found = self._all("SELECT value FROM meta WHERE name = ?", name)
        return str(found[0][0]) if found else ""

    def nodes(self) -> Iterator[tuple[Node, bool]]:
        """Yield all nodes, and whether they are gone."""
        query = "SELECT id, parent, name, folder, tag, size, modified, author, hash, gone FROM nodes"
        for id, parent, name, folder, tag, size, modified, by, hash, gone in self._all(query):
            yield Node(id, parent, name, bool(folder), tag, size, modified, by, hash), bool(gone)

    def take(self, changes: Changes, root: str) -> None:
        """Take in what changed, with the cursor to go on from, in one step."""
        with self._writing(nodes=True) as db:
            if changes.fresh:
                db.execute("UPDATE nodes SET gone = 1")
            _put(db, changes.nodes)
            db.executemany("UPDATE nodes SET gone = 1 WHERE id = ?", [(id,) for id in changes.gone])
            _note(db, "cursor", changes.cursor)
            _note(db, "root", root)

    def put(self, node: Node) -> None:
        """Take in one node."""
        with self._writing(nodes=True) as db:
            _put(db, [node])

    def lose(self, id: str) -> None:
        """Note that a node is gone."""
        with self._writing(nodes=True) as db:
            db.execute("UPDATE nodes SET gone = 1 WHERE id = ?", (id,))

    def remember(self, was: Iterable[tuple[str, str]]) -> None:
        """Note which node lay at a path where none lies any more."""
        if rows := list(was):
            with self._writing(durable=False) as db:
                db.executemany("INSERT OR REPLACE INTO was VALUES (?, ?)", rows)

    def was(self, path: str) -> str:
        """Return the id of what lay at a path before, "" if that is not known."""
        found = self._all("SELECT id FROM was WHERE path = ?", path)
        return str(found[0][0]) if found else ""

    # --- what lies here -----------------------------------------------------------------------------------------------

    def kept(self, path: str) -> Kept | None:
        """Return what lies here at a path."""
        found = self._all(f"SELECT {_KEPT} FROM kept WHERE path = ?", path)
        return Kept(*found[0]) if found else None

    def all_kept(self) -> list[Kept]:
        """Return all that lies here, the least recently used first."""
        return [Kept(*row) for row in self._all(f"SELECT {_KEPT} FROM kept ORDER BY used")]

    def keep(self, kept: Kept) -> None:
        """Note a file that lies here now."""
        with self._writing() as db:
            _keep(db, kept)

    def use(self, path: str) -> None:
        """Note that a file was used."""
        with self._writing(durable=False) as db:
            db.execute("UPDATE kept SET used = (SELECT coalesce(max(used), 0) + 1 FROM kept) WHERE path = ?", (path,))

    def drop(self, path: str) -> None:
        """Note that a file does not lie here any more."""
        with self._writing() as db:
            db.execute("DELETE FROM kept WHERE path = ?", (path,))

    # --- what waits ---------------------------------------------------------------------------------------------------

    def waiting(self, path: str) -> Waiting | None:
        """Return what is to be stored of a path."""
        found = self._all(f"SELECT {_WAITING} FROM outbox WHERE path = ?", path)
        return _waiting(found[0]) if found else None

    def all_waiting(self) -> list[Waiting]:
        """Return all that is to be stored, in the order in which it came."""
        return [_waiting(row) for row in self._all(f"SELECT {_WAITING} FROM outbox ORDER BY rowid")]

    def await_(self, waiting: Waiting) -> None:
        """Note what is to be stored."""
        with self._writing() as db:
            sent = json.dumps(waiting.sent)
            row = (waiting.path, waiting.id, waiting.tag, waiting.base, waiting.after, waiting.next, sent)
            places = ", ".join("?" * 8)
            db.execute(
                f"INSERT INTO outbox ({_WAITING}) VALUES ({places}) ON CONFLICT (path) DO UPDATE SET id = excluded.id,"
                " tag = excluded.tag, base = excluded.base, after = excluded.after, next = excluded.next,"
                " sent = excluded.sent, trouble = excluded.trouble",
                (*row, waiting.trouble),
            )

    def withdraw(self, path: str) -> None:
        """Note that nothing of a path is to be stored any more."""
        with self._writing() as db:
            db.execute("DELETE FROM outbox WHERE path = ?", (path,))

    def stored(self, path: str, node: Node | None, kept: Kept | None) -> None:
        """Note what a change became at the place: in one step it waits no more, and lies here as that version."""
        with self._writing(nodes=True) as db:
            was = db.execute("SELECT id FROM outbox WHERE path = ?", (path,)).fetchone()
            db.execute("DELETE FROM outbox WHERE path = ?", (path,))
            db.execute("DELETE FROM kept WHERE path = ?", (path,))
            if node is not None:
                _put(db, [node])
            elif was:
                db.execute("UPDATE nodes SET gone = 1 WHERE id = ?", was)
            if kept is not None:
                _keep(db, kept)

    # --- what was refused ---------------------------------------------------------------------------------------------

    def refuse(self, key: str, refused: Refused) -> None:
        """Note why the change with a key was taken back."""
        with self._writing() as db:
            row = (key, refused.kind, refused.message, refused.hint)
            db.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)", row)

    def refusal(self, key: str) -> Refused | None:
        """Return why the change with a key was taken back, None if it was not."""
        found = self._all("SELECT kind, message, hint FROM refused WHERE key = ?", key)
        return Refused(*found[0]) if found else None

    # --- the file -----------------------------------------------------------------------------------------------------

    def revision(self) -> int:
        """Return a number that changes whenever anybody changed the nodes."""
        return int(self.meta("revision") or 0)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._open() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self, *, durable: bool = True, nodes: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield the connection in a transaction; `nodes` says that what is listed changes by it."""
        with self._open() as db:
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            yield db
            if nodes:
                value = db.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
                _note(db, "revision", str(int(value[0]) + 1 if value else 1))
            db.execute("COMMIT")  # an exception closes the connection, which rolls back

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection of this process; after an error it is another one, and what was begun is rolled back."""
        with self._lock:
            try:
                yield self._connected()
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise WorkspaceError(
                    f"The index of a place, {self.file}, can't be used: {error}.",
                    hint="Check the disk. What waits to be stored is in it: move it away only when nothing does.",
                ) from error
            except BaseException:
                self._close()
                raise

    def _connected(self) -> sqlite3.Connection:
        if self._db is not None and self._of != os.getpid():
            _FORKED.append(self._db)
        if self._db is None or self._of != os.getpid():
            make_private(self.file.parent)
            with suppress(FileExistsError):  # before SQLite makes it for everybody
                os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            db = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
            weakref.finalize(self, _end, db, os.getpid())
            self._prepare(db)
            self._db, self._of = db, os.getpid()
        return self._db

    def _close(self) -> None:
        if self._db is not None and self._of == os.getpid():
            self._db.close()
        self._db = None

    def _prepare(self, db: sqlite3.Connection) -> None:
        if not is_shared(self.file.parent):  # a write-ahead log needs memory that all its users share
            with suppress(sqlite3.OperationalError):  # somebody is writing: the next process switches it
                db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise WorkspaceError(f"{self.file} is of a newer everpilot.", hint="Update everpilot.")
        if version < _VERSION:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")


def _end(db: sqlite3.Connection, of: int) -> None:
    """Close a connection in the process that opened it; one that came by a fork must not be touched."""
    if of == os.getpid():
        db.close()
    else:
        _FORKED.append(db)


#: Connections of the process that this one was forked from (https://www.sqlite.org/howtocorrupt.html, 2.6).
_FORKED: list[sqlite3.Connection] = []
_KEPT = "path, id, tag, sha256, size, used, label"
_WAITING = "path, id, tag, base, after, next, sent, trouble"


def _waiting(row: tuple[object, ...]) -> Waiting:
    path, id, tag, base, after, next, sent, trouble = map(str, row)
    return Waiting(path, id, tag, base, after, next, tuple((a, b, c) for a, b, c in json.loads(sent)), trouble)


def _put(db: sqlite3.Connection, nodes: Iterable[Node]) -> None:
    rows = [(n.id, n.parent, n.name, int(n.folder), n.tag, n.size, n.modified, n.by, n.hash) for n in nodes]
    db.executemany("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)


def _keep(db: sqlite3.Connection, kept: Kept) -> None:
    (last,) = db.execute("SELECT coalesce(max(used), 0) FROM kept").fetchone()
    row = (kept.path, kept.id, kept.tag, kept.sha256, kept.size, last + 1, kept.label)
    db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _note(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
