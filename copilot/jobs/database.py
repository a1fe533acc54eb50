"""The database of durable runs: a file in the state folder, or the Postgres that the setting `database` names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot._database import dsn
from copilot._redaction import redacted
from copilot.errors import SettingsError, WorkspaceError

if TYPE_CHECKING:
    import sqlalchemy as sa

FILE = "jobs.sqlite"
_NEEDED = 'Durable runs need more packages: pip install "everpilot[jobs]"'
#: The server tells within half a minute that the other end is gone, so that a dead machine's locks are given back.
_ALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
_SECONDS = 10  # until there is a connection
#: The code of the error for a database that may answer again: it restarts, is locked, or its disk is full.
PASSING = "database"


class Database:
    """One database for everything that lasts: DBOS's tables, those of runs, and the threads of turns.

    `address` is the setting `database`; "" means a file in the `state` folder. `$NAME` in it is read from `env`.
    `dsn` is the same for other clients of the Postgres, "" for a file.
    """

    def __init__(self, address: str, state: Path, env: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.is_postgres = bool(address)
        self.path = state / FILE
        self.dsn = dsn(address, os.environ if env is None else env) if address else ""
        self.address = f"postgresql+psycopg{self.dsn[10:]}" if address else f"sqlite:///{self.path}"

    @property
    def shown(self) -> str:
        """Return the address as a person may see it, without a password."""
        from sqlalchemy import make_url

        return make_url(self.address).render_as_string() if self.is_postgres else str(self.path)

    @cached_property
    def engine(self) -> sa.Engine:
        """The connections. Raises SettingsError without the packages, WorkspaceError where the file can't be made."""
        try:
            import sqlalchemy
        except ImportError as error:
            raise SettingsError(_NEEDED) from error
        if self.is_postgres:
            more: dict[str, Any] = {"connect_timeout": _SECONDS, "application_name": "everpilot", "options": _ALIVE}
            return sqlalchemy.create_engine(self.address, pool_size=20, pool_pre_ping=True, connect_args=more)
        return self._file()

    def _file(self) -> sa.Engine:
        import sqlalchemy

        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            hint = "Check the disk, its room and who may write there, or set EVERPILOT_HOME to another folder."
            raise WorkspaceError(f"{self.path} can't be made: {error.strerror}.", hint=hint) from error
        engine = sqlalchemy.create_engine(self.address)

        @sqlalchemy.event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            connection.isolation_level = (
                "IMMEDIATE"  # writers take turns and never find out at the end that they may not
            )
            for pragma in ("busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    def check(self) -> None:
        """Raise SettingsError when the database does not answer."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.connect():
                pass
        except SQLAlchemyError as error:
            raise self.unreachable(error) from None

    def unreachable(self, error: Exception) -> SettingsError:
        """Return what to tell of an error of the database; its code is PASSING where it may be gone in a minute."""
        from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

        why = _reason(error).rstrip(".")
        hint = "Check the setting `database`, that its server runs, and the password ($PGPASSWORD or ~/.pgpass)."
        passing = isinstance(error, OperationalError | InterfaceError | TimeoutError)
        return SettingsError(
            f"The database {self.shown} can't be used: {why}.",
            hint=hint if self.is_postgres else "Check the disk and its room; the documents are not touched.",
            code=PASSING if passing else None,
        )

    @contextmanager
    def one(self) -> Iterator[sa.Connection]:
        """Open a connection for one statement, which counts at once; raises SettingsError as `begin` does.

        In Postgres that is half of the way of a transaction, which has a beginning and an end of its own.
        """
        from sqlalchemy.exc import DBAPIError, TimeoutError

        if not self.is_postgres:
            with self.begin() as connection:
                yield connection
            return
        try:
            with self.engine.connect() as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
        except (DBAPIError, TimeoutError) as error:
            raise self.unreachable(error) from error

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Open a transaction; raises SettingsError when the database does not answer."""
        from sqlalchemy.exc import DBAPIError, TimeoutError

        try:
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, TimeoutError) as error:
            raise self.unreachable(error) from error

    def again(self) -> Database:
        """Return the same database with connections of its own."""
        other = copy(self)
        other.__dict__.pop("engine", None)
        return other

    def close(self) -> None:
        """Give the connections back."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def is_away(error: BaseException | None) -> bool:
    """Return whether an error comes from a database that may answer again: it restarts, or the connection broke."""
    import psycopg
    from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

    away = (OperationalError, InterfaceError, TimeoutError, psycopg.OperationalError, psycopg.InterfaceError)
    return error is not None and (isinstance(error, away) or is_away(error.__cause__))


def _reason(error: Exception) -> str:
    """Return what a driver says, in one line: of several addresses that were tried, what the first one said."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    return redacted(said[0])
