"""What may happen once only: an answer to an approval counts once, and what is sent is sent at most once.

Both are recorded in the state folder and not in the checkpoint, so that a checkpoint that was copied or taken back
repeats nothing. A delivery is recorded before it begins: when the process dies in the middle, nobody knows whether it
went out, and it is not tried again.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from copilot._flock import taken
from copilot.errors import ApprovalError, EverpilotError, WorkspaceError
from copilot.trust.outgoing import Outgoing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (card TEXT PRIMARY KEY, prefix TEXT NOT NULL, digest TEXT NOT NULL, time TEXT);
CREATE INDEX IF NOT EXISTS by_prefix ON answers (prefix);
CREATE TABLE IF NOT EXISTS acting (card TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS deliveries (
    key TEXT PRIMARY KEY, thread TEXT NOT NULL, digest TEXT NOT NULL, summary TEXT NOT NULL,
    status TEXT NOT NULL, receipt TEXT NOT NULL, time TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS recipients (key TEXT NOT NULL, thread TEXT NOT NULL, recipient TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_thread ON recipients (thread);
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is known of a delivery: `status` is "sent", "failed" (nothing went out) or "unknown" (it may have)."""

    key: str
    summary: str
    status: str
    receipt: str


class Once:
    """The record of one state folder; safe for many threads and processes. Its file is made when first written."""

    def __init__(self, file: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = file
        self._clock = clock
        self._held: dict[str, int] = {}  # the locks of answers that are acted on here

    # Answers

    def uses(self, prefix: str) -> int:
        """Return how many answers to cards of this plan were acted on to the end."""
        query = "SELECT count(*) FROM answers WHERE prefix = ? AND card NOT IN (SELECT card FROM acting)"
        rows = self._rows(query, (prefix,))
        return int(rows[0][0]) if rows else 0

    def use(self, card: str, prefix: str, digest: str) -> None:
        """Record that the answer to a card is acted on; raises ApprovalError when one was already."""
        try:
            with self._writing() as db:
                db.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", (card, prefix, digest, self._now()))
        except sqlite3.IntegrityError:
            raise ApprovalError("This approval was used already.", hint="Ask again.", code="used") from None

    def begin(self, card: str, prefix: str, digest: str) -> None:
        """As `use`, for what ends with `finish`: when the process dies in between, another may begin it again.

        What was written or sent by then is not done twice: each call has a key of its own. Raises ApprovalError.
        """
        lock = self._file.parent / "locks" / f"answer-{hashlib.sha256(card.encode()).hexdigest()[:32]}"
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not taken(held):
                raise ApprovalError("This approval is being acted on.", hint="Wait for its end.", code="used")
            if not self._was_broken_off(card, digest):
                self.use(card, prefix, digest)
                self._note("INSERT INTO acting VALUES (?)", card)
        except BaseException:
            os.close(held)
            raise
        self._held[card] = held

    def finish(self, card: str) -> None:
        """Record that everything an answer allowed was tried: it counts no more."""
        if (held := self._held.pop(card, None)) is not None:
            try:
                self._note("DELETE FROM acting WHERE card = ?", card)
            finally:
                os.close(held)

    def _was_broken_off(self, card: str, digest: str) -> bool:
        query = "SELECT a.card FROM answers a JOIN acting b ON a.card = b.card WHERE a.card = ? AND a.digest = ?"
        return bool(self._rows(query, (card, digest)))

    def _note(self, statement: str, card: str) -> None:
        with self._writing() as db:
            db.execute(statement, (card,))

    # Deliveries

    def delivery(self, key: str) -> Delivery | None:
        """Return what is known of the delivery with this key, None if it was never begun."""
        rows = self._rows("SELECT key, summary, status, receipt FROM deliveries WHERE key = ?", (key,))
        return Delivery(*rows[0]) if rows else None

    def sent_to(self, thread: str, recipient: str) -> int:
        """Return how many deliveries of a thread went, or may have gone, to this recipient."""
        query = (
            "SELECT count(*) FROM recipients r JOIN deliveries d ON r.key = d.key "
            "WHERE r.thread = ? AND r.recipient = ? AND d.status <> 'failed'"
        )
        rows = self._rows(query, (thread, recipient.lower()))
        return int(rows[0][0]) if rows else 0

    def deliver(self, outgoing: Outgoing, *, key: str, thread: str) -> Delivery:
        """Deliver it, unless a delivery with this key was begun before, and return what is known of it.

        Whatever `deliver` raises is raised again; an EverpilotError means that nothing was sent. Only with the code
        "uncertain" it may have been: then the delivery is unknown, and its receipt says why.
        """
        if (done := self.delivery(key)) is not None or not self._begin(outgoing, key, thread):
            return done or self.delivery(key) or Delivery(key, outgoing.summary, "unknown", "")
        try:
            receipt = outgoing.deliver(key)
        except EverpilotError as error:
            if error.code == "uncertain":
                return Delivery(key, outgoing.summary, "unknown", str(error))
            self._end(key, "failed", "")
            raise
        self._end(key, "sent", receipt)
        return Delivery(key, outgoing.summary, "sent", receipt)

    def _begin(self, outgoing: Outgoing, key: str, thread: str) -> bool:
        row = (key, thread, outgoing.digest(), outgoing.summary, "unknown", "", self._now())
        try:
            with self._writing() as db:
                db.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                whom = [(key, thread, name.lower()) for name in outgoing.recipients]
                db.executemany("INSERT INTO recipients VALUES (?, ?, ?)", whom)
        except sqlite3.IntegrityError:
            return False  # another process was quicker
        return True

    def _end(self, key: str, status: str, receipt: str) -> None:
        with self._writing() as db:
            db.execute("UPDATE deliveries SET status = ?, receipt = ? WHERE key = ?", (status, receipt, key))

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")

    def _rows(self, query: str, values: Sequence[str]) -> list[tuple[str, ...]]:
        if not os.path.isfile(self._file) or not os.path.getsize(self._file):
            return []  # nothing was ever written, or another process is making it just now
        with self._open() as db:
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'acting'").fetchone() is None:
                db.executescript(_SCHEMA)  # a record of before
            return db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))  # before SQLite makes it for everybody
        with self._open() as db:
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")  # an exception closes the connection, which rolls back

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as db:
                yield db
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            hint = "Check the disk and who may write there; nothing is approved or sent without it."
            raise WorkspaceError(f"The record {self._file} can't be used: {error}.", hint=hint) from error
