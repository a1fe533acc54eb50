"""The documents below a folder of this machine, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from copilot.documents.kinds import kind_of, promised_kind
from copilot.errors import DocumentError, OutsideRootsError
from copilot.jobs.sources.found import Found
from copilot.jobs.sources.patterns import Pattern, Positions
from copilot.jobs.sources.seen import in_order
from copilot.workspace.listing import is_hidden
from copilot.workspace.workspace import Workspace

#: Why something is left out; each goes on from names.
HIDDEN = "hidden, or somebody's lock of an open file"
OUTSIDE = "out of the opened folders"
OURS = "written by this run itself"
SEEN = "named a second time"
_FOLDER_LINK = "a link to a folder, which is not followed"
_NO_FILE = "no regular file, or a link to nothing"
_NO_TEXT = "with a name that is no valid text"
_CLOSED = "a folder that may not be entered"
_HEAD = 8192


class Folders:
    """Walks below folders. `ours` are files and folders that the run itself writes or was given as its table."""

    def __init__(self, workspace: Workspace, found: Found, ours: tuple[Path, ...]) -> None:
        self._workspace, self._found = workspace, found
        self._ours = frozenset(os.path.realpath(path) for path in ours)
        # A table may have others beside it, one for each list: results.items.csv.
        self._beside = tuple((f"{root}.", suffix) for root, suffix in map(os.path.splitext, self._ours) if suffix)

    def below(self, folder: Path, pattern: Pattern) -> Iterator[Path]:
        """Yield the documents below a resolved folder that fit, sorted by name, files before the folders beside them.

        What fits and is not given is told to `found`; what does not fit was not asked for.
        """
        waiting = [(str(folder), pattern.start)]
        while waiting:
            path, positions = waiting.pop()
            deeper: list[tuple[str, Positions]] = []
            for name, kind in self._entries(path):
                place = os.path.join(path, name)
                after = pattern.after(positions, name)
                if not after or self._is_left_out(place, name, after, pattern):
                    continue
                if kind == "folder":
                    deeper += [(place, pattern.inside(after))] if self._may_enter(place) else []
                elif pattern.ends(after) and (file := self._file(place, kind, pattern.suffix)):
                    yield file
            waiting += reversed(deeper)

    def one(self, place: Path, given: str) -> Iterator[Path]:
        """Yield a file that was named itself, unless it is none that can be worked on."""
        if self._is_ours(os.path.realpath(place)):
            self._found.skip(given, OURS)
        elif is_hidden(place.name):
            self._found.skip(given, HIDDEN)
        elif not os.path.isfile(place):
            self._found.skip(given, _NO_FILE)
        elif promised_kind(place.name) or _reads_as_text(place):
            yield place
        else:
            self._found.skip(given, unreadable(place.name))

    def _is_left_out(self, place: str, name: str, after: Positions, pattern: Pattern) -> bool:
        reason = HIDDEN if is_hidden(name) else OURS if self._is_ours(place) else ""
        if reason and pattern.ends(after):
            self._found.skip(self._short(place), reason)
        return bool(reason)

    def _is_ours(self, place: str) -> bool:
        return place in self._ours or any(place.startswith(root) and place.endswith(end) for root, end in self._beside)

    def _may_enter(self, place: str) -> bool:
        try:
            self._workspace.resolve(place)
        except OutsideRootsError:  # our state folder, should it lie in an opened one
            self._found.skip(place, OUTSIDE)
            return False
        return True

    def _file(self, place: str, kind: str, suffix: str) -> Path | None:
        """Return where a file lies, None (and the reason told) if it is none for us."""
        path = Path(place)
        reason = "" if kind == "file" else _NO_FILE
        if kind == "link":
            path, reason = self._target(path)
        if not reason and not (promised_kind(path.name) or path.suffix.lower() == suffix != ""):
            reason = unreadable(path.name)
        if reason:
            self._found.skip(self._short(place), reason)
        return None if reason else path

    def _target(self, link: Path) -> tuple[Path, str]:
        """Return where a link leads, and why that is nothing for us ("" if it is)."""
        try:
            path = self._workspace.resolve(link)
        except OutsideRootsError:
            return link, OUTSIDE
        if os.path.isdir(path):
            return link, _FOLDER_LINK
        return path, "" if os.path.isfile(path) else _NO_FILE

    def _entries(self, folder: str) -> Iterator[tuple[str, str]]:
        try:
            with os.scandir(folder) as entries:
                yield from in_order((entry.name, _kind(entry)) for entry in entries if self._is_text(entry))
        except OSError:
            self._found.skip(self._short(folder), _CLOSED)

    def _is_text(self, entry: os.DirEntry[str]) -> bool:
        valid = not any("\ud800" <= c <= "\udfff" for c in entry.name)
        if not valid:
            self._found.skip(os.fsencode(entry.name).decode("utf-8", "replace"), _NO_TEXT)
        return valid

    def _short(self, place: str) -> str:
        folder = next((root for root in self._workspace.roots if Path(place).is_relative_to(root)), None)
        return place if folder is None else Path(place).relative_to(folder).as_posix()


def unreadable(name: str) -> str:
    """Return why a file of this name is left out."""
    suffix = Path(name).suffix.lower()
    return f"{suffix[:12]} files, which can't be read" if suffix else "files without a suffix"


@cache
def folds_case(folder: Path) -> bool:
    """Return whether two spellings of a name that differ in case only are one file there."""
    other = folder.with_name(folder.name.swapcase())
    try:
        return other != folder and os.path.samefile(other, folder)
    except OSError:
        return False


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "link"
    return "folder" if entry.is_dir() else "file" if entry.is_file() else "other"


def _reads_as_text(place: Path) -> bool:
    try:
        with place.open("rb") as stream:
            head = stream.read(_HEAD)
        return not head.startswith(b"PK") and kind_of(head, place.name) == "text"
    except (OSError, DocumentError):
        return False
