"""Whether a folder lies on a disk that other machines write to, where the system's locks may not reach."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

#: Types of network file systems as Linux names them (proc_pid_mountinfo(5)); FUSE may be anything, and counts.
_SHARED = ("nfs", "cifs", "smb", "9p", "ceph", "afs", "ncpfs", "lustre", "glusterfs", "gpfs", "beegfs", "davfs", "fuse")
_LOCAL_FUSE = ("fuseblk", "fusectl", "fuse.portal", "fuse.gvfsd", "fuse.snapfuse")
_DRIVE_REMOTE = 4  # of GetDriveTypeW (Windows, fileapi.h)


def is_shared(folder: Path) -> bool:
    """Return whether `folder` is on a network file system, False where the system does not say (macOS)."""
    if sys.platform == "win32":
        return _is_remote_drive(folder)
    return _kind_is_shared(kind_of(folder))


def kind_of(path: Path) -> str:
    """Return the type of the file system that `path` is on, as Linux names it; "" where it is not known."""
    try:
        return _kind(os.stat(path).st_dev)
    except OSError:
        return ""


def _kind_is_shared(kind: str) -> bool:
    return kind.startswith(_SHARED) and not kind.startswith(_LOCAL_FUSE)


@lru_cache(maxsize=64)
def _kind(device: int) -> str:
    """Return the type of the file system with this device number; "" if it is not known."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return ""
    return next((line[line.index("-") + 1] for line in lines if line[2] == wanted and "-" in line), "")


def _is_remote_drive(folder: Path) -> bool:
    import ctypes

    anchor = folder.resolve().anchor
    if anchor.startswith("\\\\"):
        return True
    library = getattr(ctypes, "windll", None)
    return library is not None and library.kernel32.GetDriveTypeW(anchor) == _DRIVE_REMOTE
