"""Files elsewhere: the interface of the kind "files", and what a mount may offer beside `workspace.mounts.Mount`.

All times are ISO 8601, sizes are bytes. A place is written as it is opened: "microsoft365:Finance/Documents".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from copilot.workspace.mounts import Mount, Node

LinkType = Literal["view", "edit"]
LinkScope = Literal["organization", "anonymous", "users"]


@dataclass(frozen=True, slots=True)
class Place:
    """Something that can be opened: its name as it is opened, and what people call it."""

    name: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder that was listed or found: the place it can be opened as, and what is known of it."""

    place: str
    name: str
    folder: bool = False
    size: int = 0
    modified: str = ""
    by: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A version that the place keeps; `id` is its own name of it."""

    id: str
    modified: str
    by: str
    size: int
    present: bool = False


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may do what with a file: people or a group, or whoever has a link. `inherited` comes from a folder above."""

    who: tuple[str, ...]
    roles: tuple[str, ...]
    link: str = ""
    scope: str = ""
    inherited: bool = False
    expires: str = ""


@dataclass(frozen=True, slots=True)
class Handed:
    """A file that was put into one's own files to be handed over; `id` and `tag` name it and its version there.

    `url` opens it in a browser, `address` is where it lies, `mark` is what the vendor's chats know it by ("": nothing).
    """

    id: str
    tag: str
    name: str
    url: str
    address: str = ""
    mark: str = ""


class Files(Protocol):
    """The files of an account. Every method raises ServiceError."""

    def places(self, query: str = "") -> list[Place]:
        """Return what can be opened, by words in its name if given."""
        ...

    def open(self, place: str) -> Mount:
        """Return a folder as a mount; nothing is fetched before it is needed."""
        ...

    def browse(self, place: str) -> list[Found]:
        """Return what is in a folder."""
        ...

    def search(self, query: str, place: str = "", limit: int = 25) -> list[Found]:
        """Return the files that a query finds, by name and content; below a place, if one is given."""
        ...


@runtime_checkable
class OpensLinks(Protocol):
    """Files that can be had by the address that a browser shows, or by a sharing link."""

    def linked(self, address: str, target: Path, limit: int) -> str:
        """Write the file that an address leads to to `target`, and return its name.

        Raises ServiceError: "missing" (also for a folder), "denied", "full" for more than `limit` bytes.
        """
        ...


@runtime_checkable
class HandsOver(Protocol):
    """Files of a person, into which others can be put, and shown to people from there. Raises ServiceError.

    Nothing is ever shown to whoever has an address, outside of the organisation.
    """

    def hand(self, source: Path, folder: str, name: str, over: tuple[str, str] | None = None) -> Handed:
        """Put a file into a folder of one's own, which is made for it, and return it as it lies there.

        `over` is a version (its id and tag) that is replaced, if it still stands there. A name that is taken becomes
        another one: nothing that anybody else wrote is replaced.
        """
        ...

    def show(self, handed: Handed, people: Sequence[str]) -> tuple[str, ...]:
        """Let people, by address, read it, without a mail to them; return those who may not be let.

        Raises ServiceError ("denied") when that is all of them.
        """
        ...

    def link(self, handed: Handed) -> str:
        """Return the address by which whoever in the organisation has it reads the file."""
        ...


@runtime_checkable
class KeepsVersions(Protocol):
    """A mount whose place keeps old versions."""

    def versions(self, node: Node) -> list[FileVersion]:
        """Return the versions of a file, the present one first."""
        ...

    def version_content(self, node: Node, version: str, limit: int) -> bytes:
        """Return the content of a version. Raises ServiceError: "missing", "full" over `limit` bytes."""
        ...


@runtime_checkable
class ChecksOut(Protocol):
    """A mount whose files can be checked out: nobody else changes them, or sees what changes, meanwhile."""

    def check_out(self, node: Node) -> None:
        """Check a file out. Raises ServiceError: "locked" with who has it."""
        ...

    def check_in(self, node: Node, comment: str) -> None:
        """Check a file in, so that others see what was changed."""
        ...

    def discard(self, node: Node) -> None:
        """Give a check-out up, and with it what was changed since."""
        ...


@runtime_checkable
class Shares(Protocol):
    """A mount whose files can be shared."""

    def permissions(self, node: Node) -> list[Permission]:
        """Return who may do what with a file."""
        ...

    def share(self, node: Node, kind: LinkType, scope: LinkScope, expires: str = "") -> str:
        """Make a sharing link, and return its address; the one that there is already, if it is the same."""
        ...

    def invite(self, node: Node, people: Sequence[str], kind: LinkType, message: str) -> tuple[str, ...]:
        """Share a file with people, who get a mail with the message; return who got it."""
        ...
