"""The files that a program left in its folder: plain files only, whatever else it may have put there."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from copilot.plugins.sandbox.limits import Limits

_DEEPEST = 12
_LONGEST = 400


@dataclass(frozen=True)
class Left:
    """A file that a run left: its name in the folder (with /), bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass
class Outputs:
    """New and changed files with their contents, and what was left out, in words."""

    files: list[tuple[Left, bytes]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def collect(work: Path, before: Mapping[str, str], limits: Limits) -> Outputs:
    """Return the files below `work` that are not as they were: `before` is name to SHA-256.

    Links are not followed, and what is no plain file, or has a name that can't be written, is left out and named.
    """
    found = Outputs()
    size = 0
    for name, path in _walk(work, "", found, 0):
        content = _read(path, limits.disk - size)
        if content is None:
            found.left_out.append(f"{_shown(name)}: it can't be read, or is too large")
            continue
        size += len(content)
        left = Left(name, len(content), hashlib.sha256(content).hexdigest())
        if before.get(name) != left.sha256:
            found.files.append((left, content))
        if len(found.files) > limits.files:
            found.left_out.append("and more files than are kept")
            break
    return found


def _walk(folder: Path, prefix: str, found: Outputs, depth: int) -> Iterator[tuple[str, Path]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        found.left_out.append(f"{_shown(prefix)}: it can't be read")
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if why := _why_not(entry, name, depth):
            found.left_out.append(f"{_shown(name)}: {why}")
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{name}/", found, depth + 1)
        else:
            yield name, Path(entry.path)


def _why_not(entry: os.DirEntry[str], name: str, depth: int) -> str:
    if not name.isprintable() or "\\" in name or len(name) > _LONGEST:
        return "its name can't be kept"
    if entry.is_symlink():
        return "it is a link"
    if depth >= _DEEPEST:
        return "it lies too deep"
    plain = entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
    return "" if plain else "it is no plain file"


def _read(path: Path, most: int) -> bytes | None:
    """Return a file's bytes; None for what is not one (any more), has a second name, or is larger than `most`."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size > most:
                return None
            content = file.read(most + 1)
    except OSError:
        return None
    return content if len(content) <= most else None


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii")[:120]
