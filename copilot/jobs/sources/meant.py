"""What a person means by a word of the command line: a file, a folder, a pattern, a place elsewhere, a search."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from copilot.documents.kinds import SUFFIX_KINDS
from copilot.errors import DocumentError
from copilot.jobs.sources import places
from copilot.jobs.sources.folders import Folders, folds_case
from copilot.jobs.sources.found import Found
from copilot.jobs.sources.patterns import EVERYTHING, Pattern, is_pattern, split, spread
from copilot.jobs.sources.places import Opened
from copilot.workspace.mounted import Mounted
from copilot.workspace.reading import missing

SEARCH = "search:"

#: Yields resolved paths of documents; nothing is listed before it is called.
Listing = Callable[[], Iterator[Path]]


class Reader:
    """Reads the words. Raises the errors of `listings` at once, for all of them, before anything is listed."""

    def __init__(self, opened: Opened, folders: Folders, found: Found) -> None:
        self._opened, self._folders, self._found = opened, folders, found

    def listings(self, given: str) -> list[Listing]:
        """Return what a word stands for.

        Raises DocumentError (missing, with the closest names), OutsideRootsError, WorkspaceError for a place that is
        not opened, ToolInputError for a pattern that can't be.
        """
        text = given.replace(os.sep, "/") if os.name == "nt" else given
        text = text.removeprefix("folder:")
        if text.startswith(SEARCH):
            return [partial(places.search, text.removeprefix(SEARCH).strip(), self._opened, self._found)]
        if there := places.mount_of(text, self._opened.mounts):
            return self._elsewhere(*there, given)
        if (place := self._existing(text)) is not None:
            return [self._known(place, given)]
        if error := places.not_opened(text):
            raise error
        if is_pattern(text):
            return [each for one in spread(text) for each in self._fitting(one)]
        raise self._missing(given)

    def _elsewhere(self, mounted: Mounted, rest: str, given: str) -> list[Listing]:
        place = mounted.folder / rest
        if not rest or mounted.has(place):
            return [self._known(mounted.canonical(place) if rest else place, given)]
        if not is_pattern(rest):
            raise self._missing(given)
        split_up = [split(one) for one in spread(rest)]
        return [partial(places.inside, mounted, base, Pattern(parts, True), self._found) for base, parts in split_up]

    def _existing(self, text: str) -> Path | None:
        """Return what is there under a name: in the opened folders, or in the folder that the command runs in."""
        place = self._opened.workspace.resolve(text)
        if self._is_there(place):
            return place
        beside = Path.cwd() / text
        return self._opened.workspace.resolve(beside) if os.path.lexists(beside) else None

    def _is_there(self, place: Path) -> bool:
        mounted = self._mount(place)
        return os.path.lexists(place) if mounted is None else mounted.has(place)

    def _mount(self, place: Path) -> Mounted | None:
        return next((each for each in self._opened.mounts.values() if place.is_relative_to(each.folder)), None)

    def _known(self, place: Path, given: str) -> Listing:
        mounted = self._mount(place)
        if mounted is None:
            return partial(self._folders.below, place, EVERYTHING) if place.is_dir() else self._one(place, given)
        if mounted.has(place, folders=False):
            return lambda: iter((place,))
        return partial(places.inside, mounted, place.relative_to(mounted.folder).as_posix(), EVERYTHING, self._found)

    def _one(self, place: Path, given: str) -> Listing:
        return partial(self._folders.one, place, given)

    def _fitting(self, text: str) -> list[Listing]:
        if not is_pattern(text):
            place = self._existing(text)
            return [] if place is None else [self._known(place, text)]
        base, parts = split(text)
        found = [self._in(place, parts) for place in self._bases(base)]
        if not found:
            raise DocumentError(
                f"There is no folder {base!r}, which {text!r} begins with.", hint=self._close(base), code="missing"
            )
        return found

    def _in(self, place: Path, parts: tuple[str, ...]) -> Listing:
        mounted = self._mount(place)
        if mounted is None:
            return partial(self._folders.below, place, Pattern(parts, folds_case(place)))
        base = place.relative_to(mounted.folder).as_posix()
        return partial(places.inside, mounted, base, Pattern(parts, True), self._found)

    def _bases(self, base: str) -> list[Path]:
        """Return the folders that a pattern begins with: in each opened one, or in the folder the command runs in."""
        workspace = self._opened.workspace
        if not base:
            return list(workspace.roots)
        resolved = workspace.resolve(base)
        tried = [resolved] if os.path.isabs(base) or base.startswith("~") else [root / base for root in workspace.roots]
        found = [workspace.resolve(each) for each in tried if self._is_folder(each)]
        if not found and (Path.cwd() / base).is_dir():
            found = [workspace.resolve(Path.cwd() / base)]
        return list(dict.fromkeys(found))

    def _is_folder(self, place: Path) -> bool:
        mounted = self._mount(place)
        if mounted is None:
            return place.is_dir()
        return mounted.has(place) and not mounted.has(place, folders=False)

    def _missing(self, given: str) -> DocumentError:
        return missing(given, _names(self._opened))

    def _close(self, base: str) -> str:
        folders = sorted({str(Path(name).parent) for name in _names(self._opened)} - {"."})
        return missing(base, folders).hint if folders else "There are no folders of documents here."


def closest(given: str, opened: Opened) -> str:
    """Return a hint with the names of documents that come closest to a word."""
    return missing(given, _names(opened)).hint


def _names(opened: Opened) -> list[str]:
    workspace = opened.workspace
    return list(dict.fromkeys(workspace.show(path) for path in workspace.files(tuple(SUFFIX_KINDS))))
