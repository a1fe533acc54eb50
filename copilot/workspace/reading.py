"""Reading a file whole, with reasons a person can use when it can't be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePath

from copilot.documents import limits
from copilot.errors import DocumentError
from copilot.workspace.change import sha256

MAX_BYTES = limits.DEFAULT.file

_CHUNK = 1 << 20


def read_bytes(path: Path, name: str, *, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file; `name` is what it is called in errors.

    Raises DocumentError: missing, folder, unreadable or too_large.
    """
    if "\0" in os.fspath(path):
        raise DocumentError(f"{name!r} is no file name.", code="missing")
    try:
        # Not blocking, or opening a pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            _refuse_special(os.fstat(descriptor).st_mode, name)
            return _all_of(partial(os.read, descriptor), name, limit)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refusal(error, path, name) from error


def read_file(path: Path) -> bytes:
    """Return the bytes of a file that the person named, wherever it lies; raises DocumentError like `read_bytes`.

    Not for tools, which read through the workspace.
    """
    try:
        return read_bytes(path, str(path))
    except DocumentError as error:
        if error.code != "missing":
            raise
        raise missing(str(path), _beside(path)) from None


def _beside(path: Path) -> list[str]:
    try:
        return sorted(str(path.with_name(name)) for name in os.listdir(path.parent) if not name.startswith("."))
    except OSError:
        return []  # no such folder either: there is nothing to offer


def _refuse_special(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise _folder(name)
    if not stat.S_ISREG(mode):
        raise DocumentError(f"{name} is a device or pipe, not a file.", code="unreadable")


def _all_of(read: Callable[[int], bytes], name: str, limit: int) -> bytes:
    chunks, size = [], 0
    while chunk := read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise DocumentError(f"{name} is larger than {limit / 2**20:,.0f} MiB.", code="too_large")
        chunks.append(chunk)
    return b"".join(chunks)


def hash_of(path: Path, name: str) -> str | None:
    """Return the SHA-256 of the file, None if there is none; raises DocumentError if it can't be read."""
    try:
        return sha256(read_bytes(path, name))
    except DocumentError as error:
        if error.code == "missing":
            return None
        raise


def missing(name: str, known: Iterable[str]) -> DocumentError:
    """Return the error for a file that is not there, with the names that come closest."""
    names = list(known)
    close = _closest(name, names)
    offered = close or names[:5]
    word = "Did you mean" if close else "There is"
    hint = f"{word}: {', '.join(repr(n) for n in offered)}." if offered else "There are no documents here."
    return DocumentError(f"There is no file {name!r}.", hint=hint, code="missing")


def _closest(name: str, known: list[str], most: int = 5) -> list[str]:
    """Return the names that come closest: people get letters wrong, or know a part of the name; folders matter less."""
    from rapidfuzz import fuzz, process, utils

    plain = {shown: PurePath(shown).name for shown in known}
    found: list[str] = []
    for scorer, least in ((fuzz.ratio, 65), (fuzz.WRatio, 80)):
        matches = process.extract(
            PurePath(name).name, plain, scorer=scorer, processor=utils.default_process, limit=most, score_cutoff=least
        )
        found += [shown for _, _, shown in matches]
    return list(dict.fromkeys(found))[:most]


def _folder(name: str) -> DocumentError:
    return DocumentError(f"{name} is a folder.", hint="Name a file in it.", code="folder")


def _refusal(error: OSError, path: Path, name: str) -> DocumentError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return DocumentError(f"There is no file {name!r}.", code="missing")
    if error.errno == errno.EISDIR or os.path.isdir(path):
        return _folder(name)
    reason = error.strerror or type(error).__name__
    return DocumentError(f"{name} can't be read: {reason}.", hint="Check who may read it.", code="unreadable")
