"""The list of threads: which there are, where they were held, and what they are about."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from copilot._redaction import redacted
from copilot.errors import ThreadError

_TABLE = """CREATE TABLE IF NOT EXISTS threads (
    id TEXT PRIMARY KEY, folder TEXT NOT NULL, title TEXT NOT NULL, updated TEXT NOT NULL)"""
_AGENTS = "CREATE TABLE IF NOT EXISTS agents (thread TEXT PRIMARY KEY, agent TEXT NOT NULL)"
_OTHERS = "CREATE TABLE IF NOT EXISTS others (thread TEXT, folder TEXT, PRIMARY KEY (thread, folder))"


def what_to_do(error: Exception, lost: str) -> str:
    """Return the next step after an error of a database of the state folder; `lost` says what moving it away costs."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return f"It is damaged: move it away to start anew; {lost}."
    return "Check the disk, its room and who may write there, or set EVERPILOT_HOME to another folder."


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation: `updated` is UTC in ISO 8601."""

    id: str
    folder: str
    title: str
    updated: str


class Threads:
    """The threads of a user, in a small database beside the checkpoints."""

    def __init__(self, state: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = state / "sessions.sqlite"
        self._clock = clock
        self._made = False

    def new_id(self) -> str:
        """Return a fresh id: eight hex digits, short enough to type."""
        return secrets.token_hex(4)

    def touch(self, thread: str, folder: Path, message: str, others: Sequence[Path] = (), agent: str = "") -> None:
        """Record that the thread was used, with which `others` beside its folder, and with which agent.

        Its first message is its title.
        """
        title = redacted(" ".join(message.split()))[:80]  # it is listed and exported
        with self._open() as db:
            db.execute(
                "INSERT INTO threads VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET updated = excluded.updated",
                (thread, str(folder), title, self._clock().isoformat()),
            )
            db.executemany("INSERT OR IGNORE INTO others VALUES (?, ?)", [(thread, str(other)) for other in others])
            db.execute("INSERT OR REPLACE INTO agents VALUES (?, ?)", (thread, agent))

    def agent(self, thread: str) -> str:
        """Return the agent that the thread was last held with, "" for none."""
        with self._open() as db:
            found = db.execute("SELECT agent FROM agents WHERE thread = ?", [thread]).fetchone()
            return str(found[0]) if found else ""

    def others(self, thread: str) -> list[Path]:
        """Return the folders that the thread worked in beside its own."""
        with self._open() as db:
            rows = db.execute("SELECT folder FROM others WHERE thread = ? ORDER BY rowid", [thread])
            return [Path(row[0]) for row in rows]

    def recent(self, folder: Path | None = None, limit: int = 20) -> list[Thread]:
        """Return the threads last used first, those of one folder if given."""
        where, arguments = ("WHERE folder = ?", [str(folder)]) if folder else ("", [])
        with self._open() as db:
            rows = db.execute(f"SELECT * FROM threads {where} ORDER BY updated DESC LIMIT ?", [*arguments, limit])
            return [Thread(id, where, redacted(title), updated) for id, where, title, updated in rows]

    def find(self, thread: str) -> Thread:
        """Return the thread whose id is, or uniquely starts with, `thread`; raises ThreadError."""
        escaped = thread.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        with self._open() as db:
            rows = db.execute("SELECT * FROM threads WHERE id LIKE ? ESCAPE '\\' LIMIT 2", [f"{escaped}%"]).fetchall()
            exact = db.execute("SELECT * FROM threads WHERE id = ?", [thread]).fetchall()
        rows = exact or rows
        if len(rows) != 1 or not thread:
            what = "several threads start with" if rows and thread else "there is no thread"
            raise ThreadError(f"{what.capitalize()} {thread!r}.", hint="List them with: everpilot sessions")
        return Thread(*rows[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as db, db:
                if not self._made or not self._path.stat().st_size:  # somebody may have removed it
                    for table in (_TABLE, _OTHERS, _AGENTS):
                        db.execute(table)
                    self._path.chmod(0o600)
                    self._made = True
                yield db
        except sqlite3.Error as error:
            message = f"The list of threads ({self._path}) can't be used: {error}."
            raise ThreadError(message, hint=what_to_do(error, "the threads stay")) from error
