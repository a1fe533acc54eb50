"""Circuits: which models are left alone for a while after they failed.

One circuit belongs to (vendor, endpoint, key, model), counts for the whole process, and is kept in the state folder, so
that a command that starts every minute does not find the same outage again each time. In the process time is monotonic;
in the file it is the wall clock, and a file written under a wrong clock can't keep a circuit open longer than it was
opened for.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from copilot.models.failures import RULES, Failure, FailureClass

log = logging.getLogger(__name__)

FILE_NAME = "health.sqlite"
_SCHEMA = """CREATE TABLE IF NOT EXISTS circuits (
    identity TEXT PRIMARY KEY, kind TEXT NOT NULL, reason TEXT NOT NULL, row INTEGER NOT NULL,
    opened REAL NOT NULL, seconds REAL NOT NULL)"""
_FORGOTTEN = 3600.0  # seconds after which a circuit that opened and closed says nothing any more
_BUSY = 0.25  # seconds to wait for another process that writes; health is a hint, not worth more


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of one model's circuit. `until` is monotonic seconds; `row` counts failures in a row."""

    kind: FailureClass
    reason: str
    row: int
    until: float
    probing_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from; replaced in tests."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


@dataclass
class Health:
    """All circuits that this process knows; thread-safe. `path` is None where nothing is kept."""

    path: Path | None = None
    clock: Clock = field(default_factory=Clock)
    _circuits: dict[str, Circuit] = field(default_factory=dict, repr=False)
    _seen: tuple[int, int] | None = field(default=None, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def circuit(self, identity: str) -> Circuit | None:
        """Return the circuit of a model that failed lately, open or half open; None: it is healthy."""
        with self._lock:
            self._look()
            return self._circuits.get(identity)

    def remaining(self, identity: str) -> float:
        """Return for how many more seconds the model is left alone; 0: it may be asked.

        A circuit whose time is over is half open: one caller may try, the others wait for what comes of it.
        """
        found = self.circuit(identity)
        return max(0.0, max(found.until, found.probing_until) - self.clock.monotonic()) if found else 0.0

    def begin(self, identity: str, seconds: float) -> None:
        """Note that a model is being asked: a half-open circuit lets nobody else through for at most `seconds`."""
        with self._lock:
            if found := self._circuits.get(identity):
                self._circuits[identity] = replace(found, probing_until=self.clock.monotonic() + seconds)

    def abandon(self, identity: str) -> None:
        """Note that an attempt ended without telling anything (the user cancelled it): the next one may probe."""
        with self._lock:
            if found := self._circuits.get(identity):
                self._circuits[identity] = replace(found, probing_until=0.0)

    def succeeded(self, identity: str) -> None:
        """Note that a model answered: its circuit closes."""
        with self._lock:
            if self._circuits.pop(identity, None) is not None:
                self._write("DELETE FROM circuits WHERE identity = ?", (identity,))

    def failed(self, identity: str, failure: Failure) -> None:
        """Note a failure: the circuit opens for as long as its class says, or stays as it is."""
        with self._lock:
            self._look()
            before = self._circuits.get(identity)
            row = before.row + 1 if before is not None and before.kind == failure.kind else 1
            seconds = failure.open_seconds(row)
            if seconds <= 0:
                self.abandon(identity)
                return
            self._circuits[identity] = Circuit(failure.kind, failure.text, row, self.clock.monotonic() + seconds)
            self._write(
                "INSERT OR REPLACE INTO circuits VALUES (?, ?, ?, ?, ?, ?)",
                (identity, failure.kind, failure.text, row, self.clock.wall(), seconds),
            )

    # --- the file -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take over what other processes wrote since we last looked. One `stat` when there is nothing new."""
        if self.path is None:
            return
        try:
            found = self.path.stat()
        except OSError:
            return
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._seen = seen
            self._merge(self._read())

    def _merge(self, rows: Iterable[tuple[str, str, str, int, float, float]]) -> None:
        kept = {}
        now, wall = self.clock.monotonic(), self.clock.wall()
        for identity, kind, reason, row, opened, seconds in rows:
            if kind not in RULES or wall - opened - seconds > _FORGOTTEN:
                continue
            left = min(opened + seconds - wall, seconds)
            ours = self._circuits.get(identity)
            kept[identity] = ours or Circuit(kind, reason, row, now + left)
            if ours and now + left > ours.until + 1:
                kept[identity] = Circuit(kind, reason, row, now + left, ours.probing_until)
        self._circuits = kept  # what is gone from the file was healed by another process

    def _read(self) -> list[tuple[str, str, str, int, float, float]]:
        if self.path is None:
            return []
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY)) as base:
                return base.execute("SELECT identity, kind, reason, row, opened, seconds FROM circuits").fetchall()
        except sqlite3.OperationalError as error:
            log.info("The health of the models can't be read from %s: %s", self.path, error)
        except sqlite3.DatabaseError as error:
            log.warning("%s is broken (%s); it is begun anew.", self.path, error)
            self.path.unlink(missing_ok=True)
        return []

    def _write(self, statement: str, values: tuple[str | int | float, ...]) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY)) as base, base:
                self.path.chmod(0o600)
                base.execute(_SCHEMA)
                base.execute(statement, values)
                base.execute("DELETE FROM circuits WHERE opened + seconds < ?", (self.clock.wall() - 24 * _FORGOTTEN,))
            found = self.path.stat()
            self._seen = (found.st_mtime_ns, found.st_size)
        except (OSError, sqlite3.Error) as error:
            log.info("The health of the models can't be kept in %s: %s", self.path, error)


_processwide: dict[Path | None, Health] = {}
_registry_lock = threading.Lock()


def of_process(folder: Path | None) -> Health:
    """Return the one `Health` of this process for a state folder (None: kept in memory only)."""
    path = None if folder is None else folder / FILE_NAME
    with _registry_lock:
        return _processwide.setdefault(path, Health(path))
