"""Which content a file is known to have, so that a large one is not hashed again with every save.

As git's index does it: device, inode, size and both times must be what they were when this process read or wrote those
very bytes. Two writings in the same tick of the clock would look the same, so what is younger is not believed, except
where the system tells every look from the writing after it (Linux 6.13 and later: multigrain timestamps,
https://docs.kernel.org/filesystems/multigrain-ts.html).
"""

from __future__ import annotations

import platform
import re
import sys
import time
from functools import cache
from pathlib import Path

from copilot.workspace.network import kind_of

#: Nanoseconds; the slowest usual tick of a local disk's clock is 10 ms.
_TICK = 20_000_000
_MULTIGRAIN = frozenset({"ext4", "xfs", "btrfs", "tmpfs"})
_MULTIGRAIN_SINCE = (6, 13)

Stamp = tuple[int, int, int, int, int]


class Known:
    """Hashes by file. Safe for many threads: each step is one of the interpreter's own."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, str]] = {}

    def note(self, path: Path, seen: Stamp | None, digest: str) -> None:
        """Remember what was read or written between `seen` and now, if it is still the same file and certain."""
        now = stamp(path)
        if now is not None and now == seen and is_certain(path, max(now[3:])):
            self._known[path] = (now, digest)
        else:
            self._known.pop(path, None)

    def digest(self, path: Path) -> str | None:
        """Return the hash of the file as it is now, None if it must be read."""
        found = self._known.get(path)
        return found[1] if found is not None and found[0] == stamp(path) else None


def stamp(path: Path) -> Stamp | None:
    """Return device, inode, size and times in nanoseconds; None if there is no such file."""
    try:
        s = path.lstat()
    except OSError:
        return None
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns


def is_certain(path: Path, changed: int) -> bool:
    """Return whether a later writing of `path` would show, given when it last changed (nanoseconds, Unix time)."""
    return abs(time.time_ns() - changed) > _TICK or (_has_multigrain() and kind_of(path) in _MULTIGRAIN)


@cache
def _has_multigrain() -> bool:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return sys.platform == "linux" and found is not None and tuple(map(int, found.groups())) >= _MULTIGRAIN_SINCE
