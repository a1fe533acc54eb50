"""What an error of a database means: whether it passes by itself, and what a person can do about it."""

from __future__ import annotations

import errno
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from copilot._redaction import redacted

#: The code of the error for a database that may answer again: it restarts, or is locked.
PASSING = "database"
#: The code of the error for a disk without room, or one that fails: nothing goes on before a person mended that.
DISK = "disk"
#: What is tried again: nothing is lost, and what was begun goes on once the database answers.
AGAIN = frozenset({PASSING, DISK})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened, in the driver's words or plainer ones; the error's code, None for one that stays; a hint."""

    why: str
    code: str | None
    hint: str


#: By SQLSTATE (PostgreSQL, appendix A) or, where no session came about and there is none, by the words; {user} is the
#: user of the address. The first that fits counts.
_POSTGRES: tuple[tuple[str, str, str], ...] = (
    (
        "28P01",
        r"password authentication failed|no password supplied",
        "Check the password: in the setting `database` as the $NAME of a variable, in $PGPASSWORD, or in ~/.pgpass.",
    ),
    ("3D000", r'database ".*" does not exist', "Make it with createdb, or name another in the setting `database`."),
    ("28000", r'role ".*" does not exist', "Check the user in the setting `database`."),
    ("", r"no pg_hba\.conf entry", "Its server lets this machine or user in only once pg_hba.conf says so."),
    (
        "42501",
        r"permission denied",
        "Let {user} make tables: GRANT CREATE ON DATABASE and GRANT CREATE, USAGE ON SCHEMA public, or make {user} the "
        "owner of the database.",
    ),
    (
        "25006",
        r"read-only transaction",
        "It takes no changes: name the server that does in the setting `database`, or with several hosts there add "
        "target_session_attrs=read-write.",
    ),
    (
        "57014",
        r"statement timeout",
        "Give its statements more time: ALTER ROLE {user} SET statement_timeout = '30s'.",
    ),
    (
        "53300",
        r"too many (?:connections|clients)|remaining connection slots",
        "Raise max_connections of its server, or the limit of {user}: a worker takes up to 30.",
    ),
    ("53100", r"No space left on device|could not extend file", "Make room on the disk of its server."),
    (
        "",
        r"unsupported startup parameter",
        "Name the server itself in the setting `database`, no pooler in front of it: workers hold locks of a session.",
    ),
    ("", r"\b(?:SSL|sslmode|certificate)\b", "Check sslmode and its files in the setting `database`."),
    ("", r"invalid (?:connection option|URI query)", "Check what stands behind the ? in the setting `database`."),
    ("", r"resolve host|translate host", "Check the host in the setting `database`."),
    (
        "",
        r"refused|timeout|timed out|unreachable|No such file",
        "Check that its server runs, and the host and port in the setting `database`.",
    ),
)
_ELSE = "Check the setting `database`, that its server runs, and the password ($PGPASSWORD or ~/.pgpass)."
#: SQLSTATEs after which the session is no good: after a failover it leads to a server that takes no changes, or it
#: was too slow. SQLAlchemy and DBOS then open another one and do the transaction again.
LOST = frozenset({"25006", "57014"})

_NEW = (
    "Put a copy of it back, or move it away, with all whose names begin like it: a new one is made, without its runs."
)
_ROOM = "Make room on its disk, then go on: everpilot batch resume."
#: By the beginning of the error's name (sqlite.org/rescode.html): in plainer words, the code, and the hint.
_SQLITE: tuple[tuple[str, str, str | None, str], ...] = (
    ("SQLITE_BUSY", "another process writes into it for too long", PASSING, "Try again."),
    ("SQLITE_LOCKED", "another process writes into it for too long", PASSING, "Try again."),
    ("SQLITE_PROTOCOL", "another process writes into it for too long", PASSING, "Try again."),
    ("SQLITE_FULL", "there is no room on its disk", DISK, _ROOM),
    ("SQLITE_IOERR", "its disk is full, or fails", DISK, _ROOM),
    (
        "SQLITE_READONLY",
        "it may not be written",
        DISK,
        "Let this user write it and its folder, or set EVERPILOT_HOME to another folder.",
    ),
    (
        "SQLITE_CANTOPEN",
        "it can't be opened",
        DISK,
        "Let this user read and write it and its folder, or set EVERPILOT_HOME to another folder.",
    ),
    ("SQLITE_CORRUPT", "the file is damaged", DISK, _NEW),
    ("SQLITE_NOTADB", "the file is damaged, or is no database", DISK, _NEW),
)


#: What keeps steps of this process waiting that a person has to mend, by what they do; gone once one went on.
_stuck: dict[str, tuple[str, float]] = {}
#: Seconds that it is known at least: others may still read in a database that takes no changes.
_HELD = {"database": 3.0}


def stuck() -> str:
    """Return what a person has to mend (a disk without room, say) before the steps of this process go on, else ""."""
    return next((error for error, _ in _stuck.values()), "")


def waits(what: str, error: str) -> None:
    """Note what steps that do `what` wait for; "" for nothing any more."""
    now = time.monotonic()
    if error:
        _stuck[what] = error, now
    elif what in _stuck and now - _stuck[what][1] >= _HELD.get(what, 0.0):
        del _stuck[what]


def over() -> None:
    """Forget what anything waited for: nothing is worked on in this process any more."""
    _stuck.clear()


def of_postgres(error: BaseException, user: str) -> Trouble:
    """Return what an error of Postgres, or of the way to it, means; `user` is the one that it is asked as."""
    said, state = _said(error), str(getattr(_driver(error), "sqlstate", None) or "")
    for known, words, hint in _POSTGRES:
        if state == known if state and known else re.search(words, said):
            code = DISK if known == "53100" else _passing(error, state)
            return Trouble(said, code, hint.format(user=user or "its user"))
    return Trouble(said, _passing(error, state), _ELSE)


def of_file(error: BaseException, path: Path) -> Trouble:
    """Return what an error of the SQLite file at `path` means. The documents have nothing to do with it."""
    said, safe = _said(error), " The documents are not touched."
    name = str(getattr(_driver(error), "sqlite_errorname", "SQLITE_CORRUPT" if "malformed" in said else ""))
    if path.is_dir():
        return Trouble("it is a folder", DISK, f"Move the folder away: a file of that name is needed.{safe}")
    for known, why, code, hint in _SQLITE:
        if name.startswith(known):
            return Trouble(why, code, hint + safe)
    if re.search("no such (?:column|table)|has no column", said):
        return Trouble(f"it was made by another version ({said})", None, _NEW + safe)
    return Trouble(said, None if name else _passing(error, ""), f"Check the disk and its room.{safe}")


def is_disk(error: BaseException | None) -> bool:
    """Return whether an error, or what led to it, is a disk without room: of a file, or of a database."""
    return any(_lacks_room(each) for each in _causes(error))


def _lacks_room(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    name = getattr(error, "sqlite_errorname", "") if isinstance(error, sqlite3.Error) else ""
    return name.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE")) or getattr(error, "sqlstate", None) == "53100"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _passing(error: BaseException, state: str) -> str | None:
    from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

    passes = state in LOST or isinstance(error, InterfaceError | OperationalError | TimeoutError)
    return PASSING if passes or getattr(error, "connection_invalidated", False) else None


def _driver(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def _said(error: BaseException) -> str:
    """Return what a driver says, in one line: of several addresses that were tried, what the first one said."""
    said = str(_driver(error)).strip().splitlines() or [type(error).__name__]
    plain = (
        said[0].rpartition("FATAL:")[2].strip().removeprefix("connection failed: ").removeprefix("connection is bad: ")
    )
    return redacted(plain).rstrip(".")
