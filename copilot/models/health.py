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

FILE_NAME = "circuits.sqlite"
_SCHEMA = """CREATE TABLE IF NOT EXISTS circuits (
    identity TEXT PRIMARY KEY, kind TEXT NOT NULL, reason TEXT NOT NULL, row INTEGER NOT NULL,
    opened REAL NOT NULL, seconds REAL NOT NULL, probing REAL NOT NULL)"""
_COLUMNS = "identity, kind, reason, row, opened, seconds, probing"
_FORGOTTEN = 3600.0  # seconds after which a circuit that opened and closed says nothing any more
_BUSY = 0.25  # seconds to wait for another process that writes; health is a hint, not worth more


_LONGEST_PROBE = 3600.0  # seconds
_Row = tuple[str, str, str, int, float, float, float]


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of one model's circuit. `since` and `until` are monotonic seconds; `row` counts outages in a row."""

    kind: FailureClass
    reason: str
    row: int
    since: float
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
    _unsaved: set[str] = field(default_factory=set, repr=False)
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

    def begin(self, identity: str, seconds: float, *, force: bool = False) -> bool:
        """Return whether a model may be asked now, and note that it is; `force` asks whatever its circuit says.

        A closed circuit lets everybody through. A half-open one lets one caller of all processes through, and nobody
        else for at most `seconds` or until it is known what came of it.
        """
        with self._lock:
            if self.remaining(identity) > 0 and not force:
                return False
            if (found := self._circuits.get(identity)) is None:
                return True
            self._circuits[identity] = replace(found, probing_until=self.clock.monotonic() + seconds)
            return self._claimed(identity, seconds) or force

    def _claimed(self, identity: str, seconds: float) -> bool:
        """Return whether no other process is at it. Where the file can't be asked, this process counts alone."""
        now = self.clock.wall()
        claim = "UPDATE circuits SET probing = ? WHERE identity = ? AND NOT probing BETWEEN ? AND ?"
        if self._write(claim, (now + seconds, identity, now, now + _LONGEST_PROBE)) != 0:
            return True
        return all(row[0] != identity for row in self._read())  # not there: another process healed it

    def abandon(self, identity: str) -> None:
        """Note that an attempt ended without telling anything (the user cancelled it): the next one may probe."""
        with self._lock:
            if (found := self._circuits.get(identity)) and found.probing_until:
                self._circuits[identity] = replace(found, probing_until=0.0)
                self._write("UPDATE circuits SET probing = 0 WHERE identity = ?", (identity,))

    def succeeded(self, identity: str) -> None:
        """Note that a model answered: its circuit closes."""
        with self._lock:
            if self._circuits.pop(identity, None) is not None:
                self._write("DELETE FROM circuits WHERE identity = ?", (identity,))

    def failed(self, identity: str, failure: Failure, *, began: float | None = None) -> None:
        """Note a failure: the circuit opens for as long as its class says, or stays as it is.

        `began` is when the attempt was begun (monotonic): many that were under way when a vendor died are one outage.
        """
        with self._lock:
            self._look()
            before = self._circuits.get(identity)
            if failure.open_seconds(1) <= 0:
                self.abandon(identity)
                return
            now = self.clock.monotonic()
            same = before is not None and began is not None and began < before.since
            row = before.row + (not same) if before is not None and before.kind == failure.kind else 1
            seconds = failure.open_seconds(row)
            self._circuits[identity] = Circuit(failure.kind, failure.text, row, now, now + seconds)
            values = (identity, failure.kind, failure.text, row, self.clock.wall(), seconds, 0.0)
            saved = self._write(f"INSERT OR REPLACE INTO circuits ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            (self._unsaved.add if saved < 0 else self._unsaved.discard)(identity)

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

    def _merge(self, rows: Iterable[_Row]) -> None:
        kept = {identity: self._circuits[identity] for identity in self._unsaved & self._circuits.keys()}
        now, wall = self.clock.monotonic(), self.clock.wall()
        for identity, kind, reason, row, opened, seconds, probing in rows:
            if kind not in RULES or wall - opened - seconds > _FORGOTTEN:
                continue
            ago = max(wall - opened, 0.0)
            theirs = Circuit(kind, reason, row, now - ago, now - ago + seconds, _monotonic(probing, now, wall))
            ours = self._circuits.get(identity)
            newer = ours is None or theirs.until > ours.until + 1
            kept[identity] = theirs if ours is None or newer else _probed(ours, theirs)
        self._circuits = kept  # what is gone from the file was healed by another process

    def _read(self) -> list[_Row]:
        if self.path is None:
            return []
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY)) as base:
                return base.execute(f"SELECT {_COLUMNS} FROM circuits").fetchall()
        except sqlite3.OperationalError as error:
            log.info("The health of the models can't be read from %s: %s", self.path, error)
        except sqlite3.DatabaseError as error:
            log.warning("%s is broken (%s); it is begun anew.", self.path, error)
            self.path.unlink(missing_ok=True)
        return []

    def _write(self, statement: str, values: tuple[str | int | float, ...]) -> int:
        """Return how many rows were changed, or -1 where nothing is kept."""
        if self.path is None:
            return -1
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY)) as base, base:
                self.path.chmod(0o600)
                base.execute(_SCHEMA)
                changed = base.execute(statement, values).rowcount
                base.execute("DELETE FROM circuits WHERE opened + seconds < ?", (self.clock.wall() - 24 * _FORGOTTEN,))
            self._seen = None  # others may have written since we looked
            return changed
        except (OSError, sqlite3.Error) as error:
            log.info("The health of the models can't be kept in %s: %s", self.path, error)
            return -1


def _monotonic(wall_until: float, now: float, wall: float) -> float:
    """Return a moment of the file in monotonic seconds; one that lies far ahead was written under a wrong clock."""
    ahead = wall_until - wall
    return now + ahead if 0 < ahead < _LONGEST_PROBE else 0.0


def _probed(ours: Circuit, theirs: Circuit) -> Circuit:
    return replace(ours, probing_until=max(ours.probing_until, theirs.probing_until))


_processwide: dict[Path | None, Health] = {}
_registry_lock = threading.Lock()


def of_process(folder: Path | None) -> Health:
    """Return the one `Health` of this process for a state folder (None: kept in memory only)."""
    path = None if folder is None else folder / FILE_NAME
    with _registry_lock:
        return _processwide.setdefault(path, Health(path))
