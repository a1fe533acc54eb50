"""Writing a file so that it is either the old one or the new one, whatever happens: beside, fsync, replace."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from copilot.errors import ConflictError, DocumentError, LockedError
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


def beside(path: Path) -> Path:
    """Return a fresh name in the same folder, one that `is_beside` knows again."""
    return path.with_name(f".everpilot-{secrets.token_hex(8)}.tmp")


def is_beside(path: Path) -> bool:
    """Return whether this is the name of a temporary file of ours."""
    return bool(_BESIDE.fullmatch(path.name))


def refuse_unwritable(path: Path, name: str) -> None:
    """Raise LockedError unless the file (or a new one in its folder) may be written and nobody has it open."""
    if (owner := owner_of(path)) is not None:
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


def write_beside(temporary: Path, content: bytes, like: Path | None, mode: int | None = None) -> None:
    """Write `content` to `temporary` down to the disk, with the mode, owner and attributes of the file `like`.

    Without `like` it gets `mode`, or what new files get. Raises OSError.
    """
    private = like is not None or mode is not None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600 if private else 0o666)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        if like is not None:
            _copy_metadata(like, temporary)
        elif mode is not None:
            os.chmod(temporary, mode)
        os.fsync(descriptor)


def _copy_metadata(source: Path, target: Path) -> None:
    """Attributes and owner where the system lets us; the mode always, and last, since chown takes bits away."""
    status = source.stat()
    _copy_attributes(source, target)
    if hasattr(os, "chown") and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        for owner in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
            try:
                os.chown(target, *owner)
                break
            except PermissionError:
                continue  # not ours to give away; the group alone may still be
    os.chmod(target, stat.S_IMODE(status.st_mode))


def _copy_attributes(source: Path, target: Path) -> None:
    if not hasattr(os, "listxattr"):  # macOS and Windows: not in the standard library
        return
    try:
        names = os.listxattr(source)
    except OSError:  # a file system without attributes
        return
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError:
            continue  # security.* and trusted.* are the system's to set


def replace(temporary: Path, path: Path, seen: Stamp | None, name: str) -> None:
    """Put `temporary` in the place of `path`; raises ConflictError if that is no longer what was `seen`."""
    _refuse_changed(path, seen, name)
    os.replace(temporary, path)
    sync_folder(path.parent)


def remove(path: Path, seen: Stamp | None, name: str) -> None:
    """Delete `path`; raises ConflictError if it is no longer what was `seen`."""
    _refuse_changed(path, seen, name)
    path.unlink()
    sync_folder(path.parent)


def _refuse_changed(path: Path, seen: Stamp | None, name: str) -> None:
    if Stamp.of(path) != seen or Path(os.path.realpath(path)) != path:
        raise ConflictError(f"{name} changed while it was being written.", hint="Read it again and repeat the edit.")


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
