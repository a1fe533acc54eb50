"""One writer a file, across processes: advisory locks in the state folder, released by the system when we die."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from copilot.errors import LockedError, WorkspaceError
from copilot.workspace.change import sha256
from copilot.workspace.save import make_private

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: Seconds to wait for another process that is just writing the same file.
WAIT = 10.0
_PAUSE = 0.02
_SHARDS = 256


class Locks:
    """The locks of one state folder. Files share a fixed number of lock files, so that none has to be removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, path: Path, name: str, wait: float = WAIT) -> Iterator[None]:
        """Hold the lock of `path`, called `name` in errors; raises LockedError when another one keeps it for long."""
        descriptor = self._open(path)
        try:
            deadline = time.monotonic() + wait
            while not _try(descriptor):
                if time.monotonic() >= deadline:
                    raise LockedError(f"Another everpilot is writing {name}.", hint="Try again when it is done.")
                time.sleep(_PAUSE)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def attempt(self, path: Path) -> Iterator[bool]:
        """Hold the lock of `path` if it is free; False if somebody has it."""
        descriptor = self._open(path)
        try:
            yield _try(descriptor)
        finally:
            os.close(descriptor)

    def _open(self, path: Path) -> int:
        shard = int(sha256(os.fsencode(path))[:8], 16) % _SHARDS
        try:
            make_private(self._folder)
            return os.open(self._folder / f"{shard:02x}", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise WorkspaceError(
                f"The state folder {self._folder} can't be written: {error.strerror}.",
                hint="Set EVERPILOT_HOME to a folder that you may write.",
            ) from error


def _try(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
