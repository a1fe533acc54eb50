"""Writing a file so that it is either the old one or the new one, whatever happens: beside, fsync, replace."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
import stat
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from copilot.errors import ConflictError, DocumentError, LockedError
from copilot.workspace.metadata import PRIVATE, Metadata
from copilot.workspace.owners import owner_of

_BESIDE = re.compile(r"\.everpilot-[0-9a-f]{16}\.tmp\Z")
_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells cheaply that a file is still the one that was looked at."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Return the stamp of what lies at `path` (of a link itself), None if nothing does."""
        try:
            s = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns)


def beside(path: Path, store: str = "") -> Path:
    """Return a fresh name in the same folder that `is_beside` knows again; `store` is whose it is (`store_name`)."""
    return path.with_name(f".everpilot-{store}{secrets.token_hex(8)[len(store) :]}.tmp")


def is_beside(path: Path) -> bool:
    """Return whether this is the name of a temporary file of ours."""
    return bool(_BESIDE.fullmatch(path.name))


def store_name(state: Path) -> str:
    """Return 4 hex digits that tell the temporary files of this state folder, on this machine, from others'."""
    name = f"{socket.gethostname()}\0{os.path.realpath(state)}"
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:4]


def refuse_unwritable(path: Path, name: str, *, now: float | None = None) -> str:
    """Raise LockedError unless the file (or a new one in its folder) may be written and nobody has it open.

    `now` is Unix time in seconds. Returns what should be said of an owner file that is not obeyed, "" if there is none.
    """
    owner = owner_of(path)
    stale = owner.stale(time.time() if now is None else now) if owner else ""
    if owner is not None and not stale:
        who = owner.name or "Somebody"
        raise LockedError(
            f"{who} has {name} open.",
            hint=f"Close it there; if nobody has it open, delete {owner.lock.name!r} beside it.",
        )
    if os.path.lexists(path):
        _refuse_file(path, path.stat(), name)
    folder = next(parent for parent in path.parents if os.path.exists(parent))
    if not _may_write(folder, folder.stat()):
        raise LockedError(f"The folder of {name} can't be written.", hint=f"Check the permissions of {folder}.")
    return f"{owner.lock.name!r} beside {name} was not obeyed: {stale}." if owner else ""


def _refuse_file(path: Path, status: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise DocumentError(f"{name} is a folder.", hint="Name a file in it.", code="folder")
    if not stat.S_ISREG(status.st_mode):
        raise LockedError(f"{name} is no regular file.", hint="Name a document.")
    if status.st_nlink > 1:
        raise LockedError(
            f"{name} is one of {status.st_nlink} hard links to the same file; replacing it would part them.",
            hint="Work on a copy.",
        )
    if not _may_write(path, status):
        raise LockedError(f"{name} is read-only.", hint="Make it writable, or work on a copy.")


def _may_write(path: Path, status: os.stat_result) -> bool:
    """The mode counts too: to the administrator the system says that everything may be written."""
    effective = os.access in os.supports_effective_ids
    return bool(status.st_mode & 0o222) and os.access(path, os.W_OK, effective_ids=effective)


def write_beside(temporary: Path, content: bytes, like: Metadata | None, *, durable: bool = True) -> int:
    """Write `content` to `temporary`, down to the disk unless not `durable`, with the metadata `like`.

    Without `like` it gets what new files get. Returns the number of its inode. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600 if like is not None else 0o666)
    with os.fdopen(descriptor, "wb", buffering=0) as stream:
        _write_all(stream, content)
        if like is PRIVATE:
            os.chmod(temporary, like.mode)
        elif like is not None:
            like.apply(temporary)
        if durable:
            os.fsync(descriptor)
        return os.fstat(descriptor).st_ino


def _write_all(stream: FileIO, content: bytes) -> None:
    """A system may take a part only, on a disk that fills up for instance: what is left is offered again."""
    left = memoryview(content)
    while left:
        left = left[stream.write(left) or 0 :]


def refuse_changed(path: Path, seen: Stamp | None, name: str) -> None:
    """Raise ConflictError if `path` is no longer what was `seen`, or a folder above it became a link."""
    if Stamp.of(path) != seen or Path(os.path.realpath(path)) != path:
        raise changed(name)


def changed(name: str) -> ConflictError:
    """Return the error for a file that somebody else wrote meanwhile."""
    return ConflictError(f"{name} changed while it was being written.", hint="Read it again and repeat the edit.")


def make_folders(folder: Path) -> None:
    """Make `folder` and what is missing above it, down to the disk."""
    if not os.path.isdir(folder):
        make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def make_private(folder: Path) -> None:
    """Make `folder` and what is missing above it, for our eyes only: `mkdir(parents=True)` opens the upper ones."""
    if not os.path.isdir(folder):
        make_private(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)


def remove_folders(folders: list[Path]) -> None:
    """Remove the folders, innermost first, as far as they are empty."""
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        try:
            folder.rmdir()
        except OSError:
            return  # something else lies in it, or it is gone


def sync_folder(folder: Path) -> None:
    """Make a replaced name last through a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)
