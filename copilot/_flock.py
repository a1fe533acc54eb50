"""A lock on an open file that the system takes back when its process ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: How often a lock that another holds is tried, and the seconds between.
_TRIES, _PAUSE = 500, 0.01

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def taken(descriptor: int) -> bool:
    """Return whether the lock is ours now, False while another holds it; raises OSError where there are no locks."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made (0600) if it is not there; another process waits until it is given back.

    Raises TimeoutError when others hold it for about five seconds, OSError where the file can't be made.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, lock: Path) -> None:
    for _ in range(_TRIES):
        if taken(descriptor):
            return
        time.sleep(_PAUSE)
    raise TimeoutError(f"{lock} is held by another process.")
