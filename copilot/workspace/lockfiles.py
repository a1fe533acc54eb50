"""Locks as files that are made exclusively: for network folders, where other machines have state folders of their own,
and for systems without advisory locks.

The file holds owner, host, process and time, so that a person can be told who holds it, and what a crash left behind is
taken over: the process is gone (on this machine), or the file is older than any save takes.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.errors import LockedError
from copilot.workspace.change import sha256

#: Seconds after which the lock of another machine is a leftover. Its clock may differ: the file's own age counts, too.
STALE = 600.0
_PAUSE = 0.05


def beside(path: Path) -> Path:
    """Return where the lock of a document lies: hidden, and of a length that fits every name."""
    return path.with_name(f".everpilot-{sha256(os.fsencode(path.name))[:16]}.lock")


@contextmanager
def hold(lock: Path, name: str, wait: float) -> Iterator[None]:
    """Hold the lock file for the document called `name`; raises LockedError that names who has it, or OSError."""
    deadline, ours = time.monotonic() + wait, _content()
    while not _made(lock, ours):
        holder = _holder(lock)
        if holder is not None and holder.is_gone():
            _take_away(lock, holder)
        elif time.monotonic() >= deadline:
            who = holder.who if holder else "Somebody"
            hint = f"Try again when it is done; if nobody does, delete {lock.name!r} beside it."
            raise LockedError(f"{who} is writing {name}.", hint=hint)
        else:
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        with suppress(OSError):
            if lock.read_bytes() == ours:  # not the lock of one who took ours for a leftover
                lock.unlink()


@dataclass(frozen=True)
class _Holder:
    content: bytes
    age: float
    host: str = ""
    process: int = 0
    owner: str = ""

    @property
    def who(self) -> str:
        return f"{self.owner or 'Somebody'} on {self.host}" if self.host else "Somebody"

    def is_gone(self) -> bool:
        here = self.host == socket.gethostname()
        return self.age > STALE or (here and not _is_alive(self.process))


def _content() -> bytes:
    try:
        owner = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without a name, as in some containers
        owner = ""
    told = {"owner": owner, "host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}
    return json.dumps({**told, "token": secrets.token_hex(8)}).encode()


def _made(lock: Path, content: bytes) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(lock, flags, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    return True


def _holder(lock: Path) -> _Holder | None:
    """Return who holds it, None if it is gone by now."""
    try:
        content, age = lock.read_bytes(), time.time() - lock.stat().st_mtime
    except OSError:
        return None
    try:
        told: dict[str, Any] = dict(json.loads(content))
        return _Holder(content, age, str(told["host"]), int(told["pid"]), str(told["owner"]))
    except (ValueError, KeyError, TypeError):
        return _Holder(content, age)  # not yet written, or broken: its age decides


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # to ask would be to end it (os.kill); its age decides
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _take_away(lock: Path, holder: _Holder) -> None:
    """Remove a leftover. Two may try: by a rename only one gets it, and who got a new one by mistake gives it back."""
    aside = lock.with_name(f"{lock.name}-{secrets.token_hex(4)}")
    with suppress(OSError):
        os.rename(lock, aside)
        if aside.read_bytes() != holder.content:
            with suppress(OSError):
                os.link(aside, lock)
        aside.unlink()
