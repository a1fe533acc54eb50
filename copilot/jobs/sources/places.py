"""The documents of places elsewhere: what they list, without fetching it, and what their search finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from copilot.documents.kinds import promised_kind
from copilot.errors import OutsideRootsError, ServiceError, WorkspaceError
from copilot.jobs.sources.folders import unreadable
from copilot.jobs.sources.found import Found
from copilot.jobs.sources.patterns import Pattern, is_pattern, split
from copilot.plugins import connectors
from copilot.plugins.connections import Connections
from copilot.plugins.connections.files import Files
from copilot.workspace.mounted import Mounted
from copilot.workspace.workspace import Workspace

#: Files that are asked for, and what a service gives at most; some never say that there are more.
_HITS, _FULL = 1000, 100


class Opened(Protocol):
    """What is opened: a `Copilot` is one."""

    @property
    def workspace(self) -> Workspace:
        """The opened folders."""
        ...

    @property
    def mounts(self) -> Mapping[str, Mounted]:
        """Those that lie elsewhere, by the place as it was opened."""
        ...

    @property
    def connections(self) -> Connections:
        """The accounts."""
        ...

    @property
    def state(self) -> Path:
        """The state folder."""
        ...


def mount_of(text: str, mounts: Mapping[str, Mounted]) -> tuple[Mounted, str] | None:
    """Return the opened place that a text begins with, and the path in it; None if it is none."""
    for place, mounted in mounts.items():
        for name in (place, mounted.name):
            if text == name or text.startswith(f"{name.rstrip('/')}/"):
                return mounted, text.removeprefix(name.rstrip("/")).strip("/")
    return None


def inside(mounted: Mounted, base: str, pattern: Pattern, found: Found) -> Iterator[Path]:
    """Yield the documents of a place below `base` that fit, sorted; raises ServiceError when it can't be asked."""
    folder = mounted.folder / base
    for place in sorted(mounted.paths()):
        if not place.is_relative_to(folder) or not pattern.fits(place.relative_to(folder).parts):
            continue
        if promised_kind(place.name) or place.suffix.lower() == pattern.suffix != "":
            yield place
        else:
            found.skip(f"{mounted.name}/{place.relative_to(mounted.folder).as_posix()}", unreadable(place.name))


def search(words: str, opened: Opened, found: Found) -> Iterator[Path]:
    """Yield what the services of the opened places find.

    Raises WorkspaceError where no opened place can search, and ServiceError when one can't be asked.
    """
    asked = [(place, files) for place in opened.mounts if (files := _files(place, opened)) is not None]
    if not asked:
        raise WorkspaceError(
            f"'search:{words}' needs a place whose service can search, and none is open.",
            hint="Open one (--dir microsoft365:Finance/Documents), or name files and folders: '**/*.docx'.",
            code="unsupported",
        )
    for place, files in asked:
        hits = files.search(words, _bare(place), _HITS)
        if hits and len(hits) % _FULL == 0:
            found.note(f"The search of {place} gave {len(hits):,} files and may have left out more; narrow it.")
        yield from _known([hit.place for hit in hits], opened.workspace, found)


def _known(hits: list[str], workspace: Workspace, found: Found) -> Iterator[Path]:
    for hit in hits:
        try:
            place = workspace.resolve(hit)
        except OutsideRootsError:
            found.skip(hit, "found, but outside of the opened places")
            continue
        if not workspace.exists(place):
            found.skip(hit, "found, but not listed by the place")
        elif not promised_kind(place.name):
            found.skip(hit, unreadable(place.name))
        else:
            yield place


def _files(place: str, opened: Opened) -> Files | None:
    """Return the files of the account that a place is opened with, None where its service has no search."""
    name, rest = connectors.parted(place)
    account = rest.partition("?account=")[2]
    able = opened.connections.serving("files")
    ours = [each.name for each in opened.connections.accounts if each.settings.connector == name and each.name in able]
    if account and account not in ours:
        return None
    chosen = account or next((each for each in able if each in ours), "")
    files: Files | None = opened.connections.of("files", chosen) if chosen else None
    return files


def _bare(place: str) -> str:
    return place.partition("?account=")[0]


def not_opened(text: str) -> WorkspaceError | None:
    """Return the error for a place of a connector that is not opened, None for anything else."""
    name, _ = connectors.parted(text)
    if name not in connectors.known() or name == "folder":
        return None
    folder = split(text)[0] if is_pattern(text) else text
    return WorkspaceError(f"The place {text!r} is not opened.", hint=f'Open it: --dir "{folder}"', code="missing")


def ask(error: ServiceError, text: str) -> ServiceError:
    """Return the error of a service with what was asked of it."""
    return ServiceError(f"{text!r} can't be listed: {error.message}", hint=error.hint, code=error.code)
