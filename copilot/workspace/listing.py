"""Which documents there are in the opened folders."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot.workspace.roots import Roots

#: Directory entries looked at before a listing ends: a home folder must not hang a turn.
MAX_ENTRIES = 100_000
MAX_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Listing:
    """Files, sorted; `complete` is False when there were too many, and the deepest folders were left out."""

    paths: list[Path]
    complete: bool = True


def walk(roots: Roots, suffixes: Sequence[str] = (), *, entries: int = MAX_ENTRIES, files: int = MAX_FILES) -> Listing:
    """Return the files with one of `suffixes` (".docx"; all if none): no hidden ones, no owner files, no way out.

    Links to folders are not followed (what they show is listed where it lies); links to files are listed unless they
    lead out. Names that are not valid text are left out: no model could name them. Of places elsewhere it is what they
    list, fetched or not.
    """
    wanted = tuple(normal(suffixes))
    found: dict[Path, None] = dict.fromkeys(path for mount in roots.mounts for path in mount.paths(suffixes))
    for seen, entry in enumerate(_breadth_first(roots)):
        if seen >= entries or len(found) >= files:
            return Listing(sorted(found), complete=False)
        if entry.name.lower().endswith(wanted or ("",)) and _is_file(entry, roots):
            found[Path(entry.path)] = None
    return Listing(sorted(found))


def normal(suffixes: Iterable[str]) -> list[str]:
    """Return the suffixes in lower case, each with its dot."""
    return [suffix.lower() if suffix.startswith(".") else f".{suffix.lower()}" for suffix in suffixes if suffix]


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is left out: dot files and the owner files of Office."""
    return name.startswith((".", "~$"))


def _breadth_first(roots: Roots) -> Iterator[os.DirEntry[str]]:
    folders = deque(str(folder) for folder in roots.here)
    while folders:
        for entry in _entries(folders.popleft()):
            if is_hidden(entry.name) or not _is_text(entry.name):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif roots.contains(Path(entry.path)):
                folders.append(entry.path)


def _is_text(name: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in name)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []  # a folder that may not be entered has no documents for us; opening one by name says why


def _is_file(entry: os.DirEntry[str], roots: Roots) -> bool:
    try:
        if not entry.is_file():
            return False
    except OSError:  # a link in a circle
        return False
    return not entry.is_symlink() or roots.contains(Path(os.path.realpath(entry.path)))
