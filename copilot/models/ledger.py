"""The usage table: one row for each attempt, with tokens, cost and time. No text of messages is in it.

What the router learns comes from here, too: how soon a model says its first words, and how often its answers can't be
used. Without a file it is kept in memory, for as long as the process lives.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

FILE_NAME = "usage.sqlite"
#: How an attempt ended that was accepted; every other `outcome` is a class of failure.
ANSWERED = "answered"

_SAMPLE = 30  # calls of a model that are looked at to know how it is
_FRESH = 7 * 86400.0  # seconds; older calls say nothing of today
_KEPT = 400 * 86400.0  # seconds after which rows are dropped: a year, and time to look at it
_BUSY = 2.0  # seconds to wait for another process that writes
_PRIOR = 5  # answers that a model is assumed to have given well before it is known


@dataclass(frozen=True, slots=True)
class Spent:
    """One attempt. `time` is seconds since 1970 (UTC); tokens are as the vendor counts them, 0 where it told none.

    `cached` and `cache_write` are among `input`, `reasoning` is among `output`. `cost` is US dollars, None where the
    price is not known. `first` is the seconds to the first piece of a streamed answer, else None.
    """

    time: float
    model: str
    identity: str
    provider: str
    vendor_model: str
    outcome: str
    thread: str = ""
    turn: str = ""
    user: str = ""
    step: str = ""
    skill: str = ""
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: float | None = None
    seconds: float = 0.0
    first: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model has done lately. `first` is seconds, the middle of what was measured; None: nothing is known.

    `quality` is between 0 and 1: the share of usable answers, times its mark in `everpilot eval` where it has one.
    """

    first: float | None
    quality: float


Group = Literal["model", "day", "thread", "user", "step", "skill", "provider"]
_GROUPS: dict[Group, str] = {
    "model": "model",
    "day": "date(time, 'unixepoch')",
    "thread": "thread",
    "user": "user",
    "step": "step",
    "skill": "skill",
    "provider": "provider",
}
_COLUMNS = [f.name for f in fields(Spent)]
_TEXT = {"model", "identity", "provider", "vendor_model", "outcome", "thread", "turn", "user", "step", "skill"}
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, {", ".join(f"{c} {'TEXT' if c in _TEXT else 'REAL'}" for c in _COLUMNS)});
CREATE INDEX IF NOT EXISTS calls_time ON calls (time);
CREATE INDEX IF NOT EXISTS calls_thread ON calls (thread);
CREATE INDEX IF NOT EXISTS calls_identity ON calls (identity, id);
CREATE TABLE IF NOT EXISTS marks (identity TEXT PRIMARY KEY, mark REAL NOT NULL, time REAL NOT NULL);
"""  # noqa: E501
_values = attrgetter(*_COLUMNS)
_INSERT = f"INSERT INTO calls ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class Ledger:
    """The usage table in `path`, or in memory; for all threads, and beside other processes."""

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.clock = clock
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._pid = 0
        self._reserved: dict[object, Spent] = {}

    def add(self, spent: Spent) -> None:
        """Write down an attempt. A table that can't be written costs the row, not the answer."""
        self._done(lambda db: db.execute(_INSERT, _values(spent)))

    @contextmanager
    def reserved(self, expected: Spent) -> Iterator[None]:
        """Count `expected` as spent while its call is under way, so that calls side by side keep within a budget."""
        key = object()
        with self._lock:
            self._reserved[key] = expected
        try:
            yield
        finally:
            with self._lock:
                self._reserved.pop(key, None)

    def spent(self, *, since: float = 0.0, **where: str) -> float:
        """Return the US dollars of all attempts since `since` (seconds since 1970) with these values of columns."""
        names = [name for name in where if name in _TEXT]
        clause = " AND ".join(["time >= ?", *(f"{name} = ?" for name in names)])
        rows = self._rows(f"SELECT SUM(cost) FROM calls WHERE {clause}", [since, *(where[n] for n in names)])
        with self._lock:
            under_way = [s for s in self._reserved.values() if all(getattr(s, n) == where[n] for n in names)]
        return (rows[0][0] or 0.0 if rows else 0.0) + sum(s.cost or 0.0 for s in under_way if s.time >= since)

    def standing(self, identity: str) -> Standing:
        """Return how a model has done in its last calls."""
        since = self.clock() - _FRESH
        rows = self._rows(
            "SELECT outcome, first FROM calls WHERE identity = ? AND time >= ? ORDER BY id DESC LIMIT ?",
            [identity, since, _SAMPLE],
        )
        firsts = sorted(first for outcome, first in rows if first is not None and outcome == ANSWERED)
        usable = sum(outcome == ANSWERED for outcome, _ in rows)
        soft = sum(outcome == "soft" for outcome, _ in rows)
        marks = self._rows("SELECT mark FROM marks WHERE identity = ?", [identity])
        share = (usable + _PRIOR) / (usable + soft + _PRIOR)
        return Standing(firsts[len(firsts) // 2] if firsts else None, share * (marks[0][0] if marks else 1.0))

    def mark(self, identity: str, mark: float) -> None:
        """Write down how a model did in `everpilot eval`: the share of tasks that it did right."""
        row = (identity, mark, self.clock())
        self._done(lambda db: db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", row))

    def totals(self, by: Group, *, since: float = 0.0) -> list[dict[str, Any]]:
        """Return one row for each value of `by`, the dearest first.

        Each row: the value under `by`'s name; `calls`, `failed`; tokens of accepted answers (`input_tokens`,
        `output_tokens`, `cached_tokens`, `reasoning_tokens`); `wasted_tokens` of attempts that could not be used;
        `cost` in US dollars of all of them, `wasted_cost` of the latter; `unpriced`, the calls without a known price.
        """
        good = f"outcome = '{ANSWERED}'"
        sums = [
            f"SUM({good})",
            f"SUM(NOT {good})",
            *(
                f"SUM(CASE WHEN {good} THEN {column} ELSE 0 END)"
                for column in ("input", "output", "cached", "reasoning")
            ),
            f"SUM(CASE WHEN {good} THEN 0 ELSE input + output END)",
            "SUM(cost)",
            f"SUM(CASE WHEN {good} THEN 0 ELSE cost END)",
            "SUM(cost IS NULL AND input + output > 0)",
        ]
        rows = self._rows(
            f"SELECT {_GROUPS[by]}, {', '.join(sums)} FROM calls WHERE time >= ? GROUP BY 1 ORDER BY SUM(cost) DESC, 1",
            [since],
        )
        return [_total(by, row) for row in rows]

    # --- the database ---------------------------------------------------------------------------------------------

    def _rows(self, query: str, values: Sequence[Any]) -> list[Any]:
        return self._done(lambda db: db.execute(query, values).fetchall()) or []

    def _done(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what `work` makes of the connection, or None: it is broken. It is kept: opening one costs more."""
        with self._lock:
            try:
                if self._db is None or self._pid != os.getpid():  # SQLite's connections don't survive a fork
                    self._db, self._pid = self._connect(), os.getpid()
                    weakref.finalize(self, _close, self._db, self._pid)
                with self._db:
                    return work(self._db)
            except (sqlite3.Error, OSError) as error:
                self._db = None
                log.warning("The usage table %s can't be used: %s", self.path or "", error)
                return None

    def _connect(self) -> sqlite3.Connection:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        db = sqlite3.connect(self.path or ":memory:", timeout=_BUSY, check_same_thread=False)
        # A row that a power cut takes is no harm; a sync of the disk for each answer is.
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)
        with db:
            db.execute("DELETE FROM calls WHERE time < ?", [self.clock() - _KEPT])
        return db


def _close(db: sqlite3.Connection, pid: int) -> None:
    if pid == os.getpid():
        db.close()


def _total(by: Group, row: Sequence[Any]) -> dict[str, Any]:
    value, calls, failed, read, written, cached, reasoning, wasted, cost, wasted_cost, unpriced = row
    return {
        by: value,
        "calls": int(calls),
        "failed": int(failed),
        "input_tokens": int(read),
        "output_tokens": int(written),
        "cached_tokens": int(cached),
        "reasoning_tokens": int(reasoning),
        "wasted_tokens": int(wasted),
        "cost": 0.0 if cost is None and not unpriced else cost,
        "wasted_cost": wasted_cost or 0.0,
        "unpriced": int(unpriced),
    }


def day_begins(now: float) -> float:
    """Return when the day of `now` began in UTC; both are seconds since 1970."""
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day.timestamp()


_processwide: dict[Path | None, Ledger] = {}
_registry_lock = threading.Lock()


def of_process(folder: Path | None) -> Ledger:
    """Return the one `Ledger` of this process for a state folder (None: kept in memory only)."""
    path = None if folder is None else folder / FILE_NAME
    with _registry_lock:
        return _processwide.setdefault(path, Ledger(path))
