"""One writer a file, across processes: advisory locks in the state folder, released by the system when we die."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from copilot._flock import taken
from copilot.errors import LockedError, WorkspaceError
from copilot.workspace import lockfiles
from copilot.workspace.change import sha256
from copilot.workspace.network import is_shared
from copilot.workspace.save import make_private

#: Seconds to wait for another process that is just writing the same file.
WAIT = 10.0
_PAUSE = 0.02
_SHARDS = 256
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class Locks:
    """The locks of one state folder. Files share a fixed number of lock files, so that none has to be removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, path: Path, name: str, wait: float = WAIT) -> Iterator[None]:
        """Hold the lock of `path`, called `name` in errors; raises LockedError when another one keeps it for long.

        On a network folder also the lock file beside it, for the processes of other machines.
        """
        with self._hold_here(path, name, wait), _hold_there(path, name, wait):
            yield

    @contextmanager
    def _hold_here(self, path: Path, name: str, wait: float) -> Iterator[None]:
        descriptor = self._open(path)
        try:
            if _waited(descriptor, name, wait):
                yield
            else:
                with lockfiles.hold(self._place(path).with_suffix(".lock"), name, wait):
                    yield
        finally:
            os.close(descriptor)

    @contextmanager
    def attempt(self, path: Path) -> Iterator[bool]:
        """Hold the lock of `path` if it is free; False if somebody has it."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self.hold(path, str(path), 0))
                free = True
            except LockedError:
                free = False
            yield free

    def _place(self, path: Path) -> Path:
        return self._folder / f"{int(sha256(os.fsencode(path))[:8], 16) % _SHARDS:02x}"

    def _open(self, path: Path) -> int:
        try:
            make_private(self._folder)
            return os.open(self._place(path), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise WorkspaceError(
                f"The state folder {self._folder} can't be written: {error.strerror}.",
                hint="Set EVERPILOT_HOME to a folder that you may write.",
            ) from error


@contextmanager
def _hold_there(path: Path, name: str, wait: float) -> Iterator[None]:
    if not is_shared(path.parent):  # also where the folder is still to be made: nobody else can have the file then
        yield
        return
    with lockfiles.hold(lockfiles.beside(path), name, wait):
        yield


def _waited(descriptor: int, name: str, wait: float) -> bool:
    """Wait for the lock; False where the disk of the state folder has no advisory locks. Raises LockedError."""
    deadline = time.monotonic() + wait
    while True:
        try:
            if taken(descriptor):
                return True
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
        if time.monotonic() >= deadline:
            raise LockedError(f"Another everpilot is writing {name}.", hint="Try again when it is done.")
        time.sleep(_PAUSE)
