"""Places elsewhere as opened folders: what a drive in the cloud, or any other store of files, has to offer for it.

A `Mount` is the vendor's part: it lists without content, fetches, stores over the version that was read, removes. All
else is `mounted.Mounted`: the private folder that is the root, what of it is fetched, and what still has to be stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from copilot.errors import PlaceConflictError, ServiceError

#: Why a change could not be stored just now, and will be tried again: nobody has refused it.
LATER = frozenset({"unreachable", "slow", "throttled", "signed_out", "uncertain", "broken"})


@dataclass(frozen=True, slots=True)
class Node:
    """A file or folder at a place, without its content.

    `id` stays when it is moved; `parent` is the folder's. `tag` names the version of the content. `size` is in bytes,
    `modified` is ISO 8601, `by` who changed it last, `hash` its hash as the place computes them ("": it does not).
    """

    id: str
    parent: str
    name: str
    folder: bool = False
    tag: str = ""
    size: int = 0
    modified: str = ""
    by: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a cursor; with `fresh` the nodes are everything there is. `gone` are ids."""

    nodes: Sequence[Node]
    gone: Sequence[str]
    cursor: str
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What a place says of a file: ids of sensitivity labels, and addresses of who may read it (None: not known)."""

    labels: tuple[str, ...] = ()
    readers: frozenset[str] | None = None


class Mount(Protocol):
    """A folder at a place elsewhere. Every method raises ServiceError, whose code decides what becomes of a change.

    With one of LATER it waits; "conflict" and "missing" are looked into; with any other it is taken back.
    """

    @property
    def name(self) -> str:
        """How a person writes the place: "microsoft365:Finance/Documents"."""
        ...

    @property
    def key(self) -> str:
        """What tells its cache from others': the place, and whose account reaches it."""
        ...

    @property
    def account(self) -> str:
        """Who changes files there, as others see it; "" if it is not known."""
        ...

    @property
    def writes(self) -> bool:
        """Whether files may be changed there."""
        ...

    def root(self) -> str:
        """Return the id of the folder."""
        ...

    def changes(self, cursor: str) -> Changes:
        """Return what changed below the folder since `cursor` ("": from the beginning); folders come, too."""
        ...

    def look(self, id: str) -> Node | None:
        """Return a file as it is now, None if it is gone."""
        ...

    def find(self, parent: str, names: Sequence[str]) -> Node | None:
        """Return what lies at a path below a folder, None if nothing does."""
        ...

    def fetch(self, node: Node, target: Path, limit: int) -> Node:
        """Write the content to `target`, which is complete then, and return whose it is: this version or a newer one.

        Raises ServiceError, "full" for more than `limit` bytes.
        """
        ...

    def store(self, source: Path, node: Node | None, parent: str, names: Sequence[str]) -> Node:
        """Store a file over the version `node.tag` of `node`, or (None) as a new one at a path below a folder.

        Folders of the path are made. Raises ServiceError: "conflict" when it is another version now or the name is
        taken, "missing" when it is gone, "locked" with who has it.
        """
        ...

    def remove(self, node: Node) -> None:
        """Remove a file that is still the version `node.tag`. Raises as `store`."""
        ...

    def fingerprint(self, file: Path) -> str:
        """Return the hash of a local file as the place computes them, "" if it does not."""
        ...

    def marks(self, node: Node) -> Marks:
        """Return what the place says of a file beside its content: its labels, and who may read it."""
        ...


@runtime_checkable
class WritesOpen(Protocol):
    """A mount that can change a file that people have open, by its parts instead of as a whole."""

    def write_open(self, node: Node, before: bytes, after: bytes, hunks: Sequence[Any]) -> Node | None:
        """Make the change in the open file and return what it is then; None where it can't be made so.

        Raises ServiceError: "conflict" when what is to be changed is not as it was in `before`.
        """
        ...


def conflict(name: str, place: str, now: Node | None) -> PlaceConflictError:
    """Return the error for a file that is not, at its place, what a change was made from."""
    if now is None:
        what = f"{name} is gone at {place}: it was deleted or moved away since it was read"
    else:
        by = f" by {now.by}" if now.by else ""
        when = f" on {now.modified}" if now.modified else ""
        what = f"{name} was changed at {place}{by}{when}, after it was read"
    return PlaceConflictError(f"{what}; nothing was written there.", hint="Read it again and repeat the edit.")


def exists(name: str, place: str, now: Node) -> PlaceConflictError:
    """Return the error for a new file whose name is taken at its place."""
    by = f"; {now.by} wrote it" if now.by else ""
    when = f" on {now.modified}" if now.by and now.modified else ""
    return PlaceConflictError(
        f"{name} exists already at {place}{by}{when}; nothing was written there.",
        hint="Read it, or choose another name.",
    )


def when_to_try(error: ServiceError) -> bool:
    """Return whether what failed should be tried again by itself."""
    return error.code in LATER
