"""What was given already, and names in order: in memory while they are few, in a temporary file when they are not."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain, islice

#: Names of one folder that are sorted in memory.
_FEW = 50_000

Named = tuple[str, str]


class Seen:
    """Files by what they are, so that none is given twice, and their keys, so that no two are the same."""

    def __init__(self) -> None:
        self._known = _temporary()
        self._known.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID")
        self._known.execute("CREATE TABLE keys (key TEXT PRIMARY KEY) WITHOUT ROWID")

    def earlier(self, id: str, name: str) -> str | None:
        """Return the name under which the file was given before; None if it was not, and remember it."""
        done = self._known.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id, name))
        if done.rowcount:
            return None
        earlier: str = self._known.execute("SELECT name FROM seen WHERE id = ?", (id,)).fetchone()[0]
        return earlier

    def key(self, key: str, name: str) -> str:
        """Return the key, told apart from others if two names become the same in one spelling."""
        if key.isascii() or self._known.execute("INSERT OR IGNORE INTO keys VALUES (?)", (key,)).rowcount:
            return key
        return f"{key}#{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    def close(self) -> None:
        """Remove the temporary file."""
        self._known.close()


def in_order(names: Iterable[Named]) -> Iterator[Named]:
    """Yield pairs, sorted by the first; the names of a huge folder are sorted on disk."""
    rest = iter(names)
    few = list(islice(rest, _FEW))
    beyond = next(rest, None)
    if beyond is None:
        yield from sorted(few)
    else:
        yield from _sorted_on_disk(chain(few, (beyond,), rest))


def _sorted_on_disk(names: Iterable[Named]) -> Iterator[Named]:
    table = _temporary()
    try:
        table.execute("CREATE TABLE names (name TEXT PRIMARY KEY, kind TEXT) WITHOUT ROWID")
        table.executemany("INSERT OR REPLACE INTO names VALUES (?, ?)", names)
        yield from table.execute("SELECT name, kind FROM names ORDER BY name")
    finally:
        table.close()


def _temporary() -> sqlite3.Connection:
    """Return a private database that lies in memory up to its cache, and beyond in a file that nobody else sees."""
    table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    table.execute("PRAGMA journal_mode = OFF")
    table.execute("BEGIN")
    return table
