"""The folders that the user opened, and the only way from a written path to a place on disk."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from copilot.errors import DocumentError, OutsideRootsError, WorkspaceError
from copilot.workspace.mounted import Mounted


class Roots:
    """The opened folders. `private` is our state folder: should it lie inside them, it is not given out.

    `mounts` are those of them that lie elsewhere. All paths that come back are absolute and free of symbolic links.
    """

    def __init__(self, folders: Sequence[Path], private: Path | None = None, mounts: Sequence[Mounted] = ()) -> None:
        if not folders:
            raise WorkspaceError("No folder is open.", hint="Name one with --dir.")
        self.folders = tuple(dict.fromkeys(_opened(folder) for folder in folders))
        self.mounts = tuple(mounts)
        elsewhere = {mount.folder for mount in mounts}
        #: The folders of this machine; the others fill with what is read of them.
        self.here = tuple(folder for folder in self.folders if folder not in elsewhere)
        self.known_as = ""
        self._private = tuple(_withheld(_real(private), self.here)) if private else ()

    def mount_of(self, place: Path) -> Mounted | None:
        """Return the place elsewhere that a resolved path lies in, None for one of this machine."""
        return next((mount for mount in self.mounts if place.is_relative_to(mount.folder)), None)

    def resolve(self, path: str | Path) -> Path:
        """Return where `path` lies: relative to the first folder that has it (the first one if none has).

        The file need not exist. Raises OutsideRootsError for everything that leads out, also through `..` or a link.
        """
        text = os.fspath(path)
        if not text.strip() or "\0" in text:
            raise DocumentError(f"{text!r} is no file name.", hint="Name a file in the opened folders.", code="missing")
        places = [self._spelled(_real(place)) for place in self._places(text)]
        inside = [place for place in places if self.contains(place)]
        if not inside:
            raise self.outside(text)
        found = next((place for place in places if self._is_there(place)), places[0])
        if not self.contains(found):
            raise self.outside(text)
        return found

    def contains(self, place: Path) -> bool:
        """Return whether the resolved `place` is inside the folders and not private."""
        if self.mount_of(place) is not None:
            return True
        if any(place.is_relative_to(private) for private in self._private):
            return False
        return any(place.is_relative_to(folder) for folder in self.folders)

    def relative(self, place: Path) -> Path:
        """Return `place` below the first folder that holds it; raises OutsideRootsError."""
        for folder in self.folders:
            if place.is_relative_to(folder):
                return place.relative_to(folder)
        raise self.outside(str(place))

    def show(self, path: Path) -> str:
        """Return the path as a person writes it, so that `resolve` finds the same place again."""
        place = _real(path)
        if not self.contains(place):
            return str(path)
        short = self.relative(place)
        if len(self.folders) > 1 and self.resolve(short) != place:
            mount = self.mount_of(place)
            return str(place) if mount is None else f"{mount.name}/{short.as_posix()}"
        return short.as_posix()

    def short(self, path: Path) -> str:
        """Return a listed path as a person writes it: `show`, without looking at the disk where that is possible."""
        if len(self.folders) == 1 and path.is_relative_to(self.folders[0]):
            return path.relative_to(self.folders[0]).as_posix()
        return self.show(path)

    def outside(self, given: str) -> OutsideRootsError:
        """Return the error for a path that leads out; the folders are named `known_as`, if that says something."""
        names = self.known_as or ", ".join([*map(str, self.here), *(mount.name for mount in self.mounts)])
        return OutsideRootsError(f"{given!r} is outside the opened folders.", hint=f"Opened: {names}.")

    def _places(self, text: str) -> Iterator[Path]:
        """Yield the places that `text` may mean, in this system's spelling and in others'."""
        for mount in self.mounts:
            if text == mount.name or text.startswith(f"{mount.name}/"):
                yield mount.folder / text.removeprefix(mount.name).lstrip("/")
                return
        for spelling in dict.fromkeys(_spellings(text)):
            path = _at_home(spelling)
            if path.is_absolute():
                yield path
            else:
                yield from (folder / path for folder in self.folders)

    def _spelled(self, place: Path) -> Path:
        mount = self.mount_of(place)
        return place if mount is None or place == mount.folder else mount.canonical(place)

    def _is_there(self, place: Path) -> bool:
        mount = self.mount_of(place)
        return os.path.lexists(place) if mount is None else mount.has(place)


def _withheld(state: Path, folders: Sequence[Path]) -> list[Path]:
    """The whole state folder; of one that was itself opened, or holds an opened folder, what must not be written."""
    if any(folder.is_relative_to(state) for folder in folders):
        return [state / name for name in ("journal", "locks", "trust", "trusted.json")]
    return [state]


def _spellings(text: str) -> Iterator[str]:
    if os.sep == "/" and "\\" in text:
        yield text.replace("\\", "/")  # first: for a new file it is what was meant
    yield text
    for form in ("NFC", "NFD"):  # macOS hands out decomposed names, most people type composed ones
        yield unicodedata.normalize(form, text)


def _at_home(text: str) -> Path:
    return Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _opened(folder: Path) -> Path:
    try:
        place = _real(folder.expanduser())
    except RuntimeError:  # ~name of a user that there is none of
        place = _real(folder)
    if not os.path.isdir(place):
        what = "is a file, not a folder" if os.path.exists(place) else "does not exist"
        raise WorkspaceError(f"The folder {folder} {what}.", hint="Name an existing folder.")
    return place
