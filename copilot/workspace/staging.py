"""What a plan would write, laid over the files as they are. Nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import ConflictError
from copilot.trust.labels import Label
from copilot.workspace.change import Change
from copilot.workspace.file import File
from copilot.workspace.listing import is_hidden, normal
from copilot.workspace.reading import missing

if TYPE_CHECKING:
    from copilot.workspace.mounted import Mounted
    from copilot.workspace.mounts import Node
    from copilot.workspace.workspace import Workspace


class Staging:
    """An overlay over the workspace for one plan: each call sees what the calls before it would write."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._staged: dict[Path, Change] = {}
        self.changes: list[Change] = []

    def resolve(self, path: str | Path) -> Path:
        """Return where `path` lies; raises OutsideRootsError."""
        return self._workspace.resolve(path)

    def show(self, path: Path) -> str:
        """Return the path as a person writes it."""
        return self._workspace.show(path)

    def read(self, path: str | Path) -> File:
        """Return the file as the plan so far would leave it; raises DocumentError or OutsideRootsError."""
        place = self.resolve(path)
        change = self._staged.get(place)
        if change is None:
            return self._workspace.read(path, known=self.files)
        name = self.show(place)
        if change.content is None:
            raise missing(name, map(self.show, self.files()))
        return File(place, name, change.content, change.label | self._workspace.label(change.content, name))

    def label(self, content: bytes, name: str) -> Label:
        """Return the label of content that came from elsewhere; `name` says in it what it is."""
        return self._workspace.label(content, name)

    def files(self, suffixes: Sequence[str] = ()) -> list[Path]:
        """Return the documents with one of these suffixes, sorted, as the plan so far would leave them."""
        wanted = tuple(normal(suffixes)) or ("",)
        found = set(self._workspace.files(suffixes))
        for path, change in self._staged.items():
            if change.content is None:
                found.discard(path)
            elif path.name.lower().endswith(wanted) and not is_hidden(path.name):
                found.add(path)
        return sorted(found)

    def exists(self, path: str | Path) -> bool:
        """Return whether a file is there; raises OutsideRootsError."""
        place = self.resolve(path)
        change = self._staged.get(place)
        return self._workspace.exists(place) if change is None else change.content is not None

    def placed(self, path: str | Path) -> tuple[Mounted, Node] | None:
        """Return where a file lies elsewhere; see `Workspace.placed`."""
        return self._workspace.placed(path)

    def unfetched(self, path: str | Path) -> Node | None:
        """Return what is known of a file that lies elsewhere and was not fetched yet; None for one that is here."""
        return None if self.resolve(path) in self._staged else self._workspace.unfetched(path)

    def hash(self, path: str | Path) -> str | None:
        """Return the SHA-256 of the file, None if there is none; raises DocumentError if it can't be read."""
        place = self.resolve(path)
        change = self._staged.get(place)
        return self._workspace.hash(place) if change is None else change.after

    def put(self, change: Change) -> None:
        """Add a change to the plan.

        Raises ConflictError if it was made from another state of the file, and what `Workspace.target` raises: nobody
        is asked to approve what can't be written anyway.
        """
        place = self._workspace.target(change.path)
        if change.before != self.hash(place):
            raise ConflictError(
                f"{self.show(place)} is not what this edit was made from.", hint="Read it again and repeat the edit."
            )
        self._staged[place] = change
        self.changes.append(change)
