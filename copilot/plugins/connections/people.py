"""People: what a connector serves under the kind "people": who is who, who leads whom, groups and their addresses.

Names, jobs and notes are what people or an administrator wrote: untrusted. All methods raise ServiceError; "scope"
means that the sign-in lacks a right, which the message names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

#: Where somebody is known from: the directory, the person's own contacts, those they work with, a group of people.
Source = Literal["directory", "contact", "colleague", "group"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a group of people. `address` is the mail address, "" where there is none."""

    id: str
    name: str
    address: str = ""
    source: Source = "directory"
    job: str = ""
    department: str = ""
    office: str = ""
    company: str = ""
    phones: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name and self.address else self.name or self.address


@dataclass(frozen=True, slots=True)
class Whom:
    """Who is looked for; all of it must fit. `name` is a name, an address, or the beginning of one."""

    name: str = ""
    job: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """People, the likeliest first. `notes` say where it could not be looked, and what to do about it."""

    items: tuple[Person, ...]
    more: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reachable:
    """Whether somebody can be reached: the service's words for it."""

    id: str
    availability: str
    activity: str = ""


class People(Protocol):
    """The people that one account can see."""

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        ...

    def me(self) -> Person:
        """Return whose account it is."""
        ...

    def find(self, whom: Whom, limit: int = 20) -> Found:
        """Return who may be meant: of the directory, the contacts, and those one works with; each once."""
        ...

    def relevant(self, limit: int = 20) -> list[Person]:
        """Return those one works with most."""
        ...

    def managers(self, id: str) -> list[Person]:
        """Return who leads somebody, then who leads them, up to the top."""
        ...

    def reports(self, id: str) -> list[Person]:
        """Return who reports to somebody."""
        ...

    def groups(self, name: str = "", limit: int = 20) -> Found:
        """Return the groups of a name, or the beginning of one; without a name those that one is in."""
        ...

    def members(self, group: str, limit: int = 200) -> Found:
        """Return who is in a group, and in the groups within it."""
        ...

    def reachable(self, ids: list[str]) -> list[Reachable]:
        """Return whether people can be reached now."""
        ...
