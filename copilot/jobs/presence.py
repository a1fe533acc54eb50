"""Who is alive: each worker holds a lock named after it, which the system takes back when it dies.

In Postgres it is a session's advisory lock, on one machine the lock of a file. Nothing has to be written regularly,
and no clock is compared: who can take a worker's lock knows that it is gone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from copilot._flock import taken
from copilot.jobs.database import Database
from copilot.workspace.save import make_private

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Seconds that a lock in Postgres has to be free: after its restart the living take their locks again, each at its
#: next look (engine.LOOK) and as soon as a busy machine lets it.
GRACE = 8.0
#: Seconds after which Postgres ends the session of a worker that says nothing: its process stands still, or its machine
#: does, and the system would keep the session for ever. With GRACE and two looks it is less than half a minute.
SILENCE = 10.0


#: What the session is called that holds a worker's lock.
_SESSION = "everpilot worker"
_SILENT = """SELECT set_config('idle_session_timeout', %s, false)
    WHERE current_setting('server_version_num')::int >= 140000"""
_LIVING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"


def _passed() -> float:
    """Return seconds, also those in which the machine slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Presence(Protocol):
    """The lock of this worker, and a look at those of others."""

    def hold(self) -> bool:
        """Take our own lock, or see that we still hold it; False while somebody else does."""

    def gone(self, worker: str) -> bool:
        """Return whether that worker is dead."""

    def standing(self) -> int | None:
        """Return a number that is another one after others may have taken us for dead; None while that is not sure."""

    def leave(self) -> None:
        """Give our lock back."""


def presence(database: Database, worker: str) -> Presence:
    """Return the presence of `worker` in a database."""
    if database.is_postgres:
        return InPostgres(database, worker)
    return OnDisk(database.state / "locks" / "workers", worker)


def living(database: Database) -> int:
    """Return how many workers of a database are alive: with a file of this machine's state folder, those of it."""
    if not database.is_postgres:
        return OnDisk(database.state / "locks" / "workers", "").living()
    with database.begin() as connection:
        found: Any = connection.exec_driver_sql(_LIVING, (_SESSION,)).scalar()
    return int(found)


class OnDisk:
    """The lock of a file for each worker of this machine."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._held: int | None = None

    def hold(self) -> bool:
        """Take our own lock, or see that we still hold it."""
        if self._held is None:
            self._held = self._taken(self._worker)
        return self._held is not None

    def gone(self, worker: str) -> bool:
        """Return whether that worker is dead; its file is removed then."""
        if (descriptor := self._taken(worker)) is None:
            return False
        with suppress(OSError):
            self._file(worker).unlink()
        os.close(descriptor)
        return True

    def standing(self) -> int | None:
        """Return the same number always: who stands still keeps the lock of a file."""
        return 0

    def leave(self) -> None:
        """Give our lock back."""
        if self._held is not None:
            with suppress(OSError):
                self._file(self._worker).unlink()
            os.close(self._held)
            self._held = None

    def living(self) -> int:
        """Return how many workers hold their locks."""
        try:
            files = list(self._folder.iterdir())
        except OSError:
            return 0
        return sum(not _is_free(file) for file in files)

    def _file(self, worker: str) -> Path:
        return self._folder / hashlib.sha256(worker.encode()).hexdigest()[:32]

    def _taken(self, worker: str) -> int | None:
        make_private(self._folder)
        descriptor = os.open(self._file(worker), os.O_RDWR | os.O_CREAT, 0o600)
        if taken(descriptor):
            return descriptor
        os.close(descriptor)
        return None


def _is_free(file: Path) -> bool:
    """Return whether nobody holds the lock of a file; it is not made."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return True
    try:
        return taken(descriptor)
    finally:
        os.close(descriptor)


class InPostgres:
    """An advisory lock of a session of its own for each worker."""

    def __init__(self, database: Database, worker: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._worker = worker
        self._clock = clock
        self._session: sa.Connection | None = None
        self._free: dict[str, float] = {}  # since when a lock was seen free
        self._sessions = 0
        self._sure = float("-inf")  # when the lock was surely ours

    def hold(self) -> bool:
        """Take our own lock, or see that we still hold it; a session that broke is made anew."""
        from sqlalchemy.exc import SQLAlchemyError

        for _ in range(2):  # the second time in a new session: others wait only so long for us
            try:
                return self._held() or self._taken()
            except SQLAlchemyError:
                self._drop()
        return False

    def _held(self) -> bool:
        if self._session is None:
            return False
        asked = _passed()
        self._session.exec_driver_sql("SELECT 1")
        self._sure = asked
        return True

    def _taken(self) -> bool:
        asked = _passed()
        session = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not self._ask(session, "pg_try_advisory_lock", self._worker):
            session.close()
            return False
        session.exec_driver_sql("SELECT set_config('application_name', %s, false)", (_SESSION,))
        session.exec_driver_sql(_SILENT, (str(int(SILENCE * 1000)),))
        self._session, self._sure, self._sessions = session, asked, self._sessions + 1
        return True

    def standing(self) -> int | None:
        """Return the number of our session; None when it was not used for so long that others may think it is gone.

        Nobody may before the lock was free for GRACE, and it was not when the session was last used.
        """
        return self._sessions if self._session is not None and _passed() - self._sure < GRACE / 2 else None

    def gone(self, worker: str) -> bool:
        """Return whether that worker's lock has been free for a while."""
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            free = self._ask(session, "pg_try_advisory_lock", worker)
            if free:
                self._ask(session, "pg_advisory_unlock", worker)
        if not free:
            self._free.pop(worker, None)
            return False
        return self._clock() - self._free.setdefault(worker, self._clock()) >= GRACE

    def leave(self) -> None:
        """Give our lock back."""
        self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            with suppress(Exception):  # the session may be broken, which gives the lock back as well
                self._session.invalidate()
                self._session.close()
            self._session = None

    @staticmethod
    def _ask(session: sa.Connection, function: str, worker: str) -> bool:
        number = int.from_bytes(hashlib.sha256(f"everpilot worker {worker}".encode()).digest()[:8], signed=True)
        found: Any = session.exec_driver_sql(f"SELECT {function}(%s)", (number,)).scalar()
        return bool(found)
