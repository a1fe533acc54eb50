"""Two steps of the file system that Python's `os` lacks: exchange two names, and rename without overwriting.

Both are one call of the system, so that nobody can write between a look and the step that follows from it: what was
in the way is in our hands afterwards, or still in its place.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_AT_FDCWD = -100
#: `renameat2` (Linux, rename(2)) and `renamex_np` (macOS, rename(2)): flags for "must not exist" and "exchange".
_FLAGS = {"linux": (1, 2), "darwin": (4, 2)}
_CANT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV}
_NO_LINKS = {*_CANT, errno.EPERM, errno.EMLINK, errno.EACCES}


def swap(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False, and nothing is done, where the system or the disk can't.

    Raises OSError, FileNotFoundError if one of them is gone.
    """
    return _rename(one, other, 1)


def rename_new(source: Path, target: Path) -> None:
    """Rename `source` to `target`, which must not be there: raises FileExistsError, or OSError.

    Where the system has no such step, by a second link; on disks without links by looking first.
    """
    if _rename(source, target, 0):
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.rename(source, target)
        return
    os.unlink(source)


def _rename(source: Path, target: Path, flag: int) -> bool:
    call = _system_call()
    if call is None:
        return False
    if call(os.fsencode(source), os.fsencode(target), _FLAGS[sys.platform][flag]) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANT:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))


@cache
def _system_call() -> Callable[[bytes, bytes, int], int] | None:
    if sys.platform not in _FLAGS:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        mac: Callable[[bytes, bytes, int], int] | None = getattr(library, "renamex_np", None)
        return mac
    linux = getattr(library, "renameat2", None)
    return None if linux is None else lambda a, b, flags: int(linux(_AT_FDCWD, a, _AT_FDCWD, b, flags))
