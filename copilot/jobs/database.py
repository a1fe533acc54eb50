"""The database of durable runs: a file in the state folder, or the Postgres that the setting `database` names."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot._database import dsn
from copilot.errors import SettingsError, WorkspaceError
from copilot.jobs import troubles, writers
from copilot.jobs.troubles import PASSING

if TYPE_CHECKING:
    import sqlalchemy as sa

FILE = "jobs.sqlite"
_NEEDED = 'Durable runs need more packages: pip install "everpilot[jobs]"'
#: The server tells within half a minute that the other end is gone, so that a dead machine's locks are given back.
_ALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
#: What a process that stands still in the middle of a transaction has locked is free again after so many milliseconds.
_STILL = "-c idle_in_transaction_session_timeout=20000"
_SECONDS = 10  # until there is a connection
_FOREIGN = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT EXISTS (SELECT 1 FROM"
    " sqlite_master WHERE name GLOB 'everpilot_*' OR name IN ('workflow_status', 'dbos_migrations')) LIMIT 1"
)
__all__ = ["FILE", "PASSING", "Database", "is_away"]


class Database:
    """One database for everything that lasts: DBOS's tables, those of runs, and the threads of turns.

    `address` is the setting `database`; "" means a file in the `state` folder. `$NAME` in it is read from `env`.
    `dsn` is the same for other clients of the Postgres, "" for a file.
    """

    def __init__(self, address: str, state: Path, env: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.is_postgres = bool(address)
        self.path = state / FILE
        self.is_left = False  # once its worker ends: nothing is tried again
        self.dsn = dsn(address, os.environ if env is None else env) if address else ""
        self.address = _known_to_sqlalchemy(self.dsn) if address else f"sqlite:///{self.path}"

    @property
    def shown(self) -> str:
        """Return the address as a person may see it, without a password."""
        if not self.is_postgres:
            return str(self.path)
        url = self._url
        plain = url.set(drivername="postgresql", query={k: v for k, v in url.query.items() if "password" not in k})
        return plain._replace(password=None).render_as_string().replace("%2F", "/").replace("%3A", ":")

    @property
    def _url(self) -> sa.URL:
        from sqlalchemy import make_url

        return make_url(self.address)

    @cached_property
    def engine(self) -> sa.Engine:
        """The connections. Raises SettingsError without the packages, WorkspaceError where the file can't be made."""
        try:
            import sqlalchemy
        except ImportError as error:
            raise SettingsError(_NEEDED) from error
        if self.is_postgres:
            given = self._url.query
            more: dict[str, Any] = {"connect_timeout": _SECONDS, "application_name": "everpilot"}
            more = {name: value for name, value in more.items() if name not in given}
            more["options"] = f"{given.get('options', '')} {_ALIVE} {_STILL}".strip()
            made = sqlalchemy.create_engine(self.address, pool_size=20, pool_pre_ping=True, connect_args=more)
        else:
            made = self._file()
        sqlalchemy.event.listen(made, "handle_error", self._lost)
        return made

    def _file(self) -> sa.Engine:
        import sqlalchemy

        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            hint = "Check the disk, its room and who may write there, or set EVERPILOT_HOME to another folder."
            raise WorkspaceError(f"{self.path} can't be made: {error.strerror}.", hint=hint) from error
        engine = sqlalchemy.create_engine(self.address)
        writers.one_at_a_time(engine)

        @sqlalchemy.event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            connection.isolation_level = (
                "IMMEDIATE"  # writers take turns and never find out at the end that they may not
            )
            connection.execute("PRAGMA busy_timeout=30000")
            if other := _foreign(connection):
                hint = "Move it away, or set EVERPILOT_HOME to another folder; nothing was changed in it."
                text = f"{self.path} is the database of another program: it holds a table {other!r}."
                raise SettingsError(text, hint=hint)
            for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    def _lost(self, context: Any) -> None:
        """Have SQLAlchemy give up a session that is no good any more, although it is still there: DBOS does what it did
        in it again, for as long as it has to, rather than call a workflow failed."""
        error = context.original_exception
        state = getattr(error, "sqlstate", None)
        full = troubles.is_disk(error)
        if full:  # it may be DBOS that asks, which tells nobody
            troubles.waits("database", str(self.unreachable(error)))
        if not self.is_left and (state in troubles.LOST or full):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = state == "25006"  # then the others lead to that server, too

    def check(self) -> None:
        """Raise SettingsError when the database does not answer."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.connect():
                pass
        except SQLAlchemyError as error:
            raise self.unreachable(error) from None

    def unreachable(self, error: Exception) -> SettingsError:
        """Return what to tell of an error of the database; its code is one of troubles.AGAIN where the same may work
        in a minute, or once a person made room."""
        if self.is_postgres:
            found = troubles.of_postgres(error, self._url.username or "")
        else:
            found = troubles.of_file(error, self.path)
        text = f"The database {self.shown} can't be used: {found.why}."
        return SettingsError(text, hint=found.hint, code=found.code)

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
    lost = getattr(error, "sqlstate", None) in troubles.LOST
    return error is not None and (isinstance(error, away) or lost or is_away(error.__cause__))


def _known_to_sqlalchemy(dsn: str) -> str:
    """Return the address as SQLAlchemy takes it: several hosts stand behind the question mark."""
    before, at, after = dsn.removeprefix("postgresql://").rpartition("@")
    hosts, slash, rest = after.partition("/")
    if "," not in hosts:
        return f"postgresql+psycopg{dsn[10:]}"
    name, _, query = rest.partition("?")
    several = "&".join([*(f"host={host}" for host in hosts.split(",")), *([query] if query else [])])
    return f"postgresql+psycopg://{before}{at}{slash}{name}?{several}"


def _foreign(connection: Any) -> str:
    """Return a table of a file that holds some, and none of ours or DBOS's: it is another program's; else ""."""
    try:
        found = connection.execute(_FOREIGN).fetchone()
    except UnicodeDecodeError as error:  # the message about a damaged file quotes its bytes
        raise sqlite3.DatabaseError("database disk image is malformed") from error
    return str(found[0]) if found else ""
