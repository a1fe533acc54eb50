"""Tasks: what a connector serves under the kind "tasks": lists of one's own, and plans that are shared.

Ids say where a task lies, and are opaque. Titles, notes and names are other people's words: untrusted. Due dates are
days; reminders are moments with a zone. All methods raise ServiceError; "conflict" means that it changed since it was
read, and "uncertain" that it may have been done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

#: A list of one's own, or a plan that a group shares.
ListKind = Literal["list", "plan"]


@dataclass(frozen=True, slots=True)
class TaskList:
    """A list or a plan; `buckets` are the columns of a plan, (id, name); `default` the list where tasks usually go."""

    id: str
    title: str
    kind: ListKind = "list"
    buckets: tuple[tuple[str, str], ...] = ()
    default: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a task."""

    text: str
    done: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Assignee:
    """Whom a task is assigned to."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A task. `tag` changes with it: a change is made only to what was read. `percent` is how far a plan's task is."""

    id: str
    title: str
    list_id: str
    list_title: str
    kind: ListKind = "list"
    done: bool = False
    due: date | None = None
    start: date | None = None
    reminder: datetime | None = None
    important: bool = False
    notes: str = ""
    steps: tuple[Step, ...] = ()
    assigned: tuple[Assignee, ...] = ()
    bucket: str = ""
    percent: int = 0
    repeats: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new task holds, or what is changed of one: None leaves it as it is, and for a new one leaves it out.

    `clear` names what is taken away ("due", "reminder"). `steps` are added. `assign` and `unassign` are ids of people.
    """

    title: str | None = None
    done: bool | None = None
    due: date | None = None
    reminder: datetime | None = None
    important: bool | None = None
    notes: str | None = None
    steps: tuple[str, ...] = ()
    bucket: str | None = None
    assign: tuple[str, ...] = ()
    unassign: tuple[str, ...] = ()
    clear: tuple[Literal["due", "reminder"], ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """Tasks, and where it could not be looked, in words that name the next step."""

    items: tuple[Task, ...]
    notes: tuple[str, ...] = ()


class Tasks(Protocol):
    """The tasks of one account."""

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        ...

    def lists(self) -> list[TaskList]:
        """Return the lists and the plans."""
        ...

    def tasks(self, list_id: str, *, done: bool = False, limit: int = 100) -> list[Task]:
        """Return the tasks of a list or plan, without steps and notes; those that are done only if `done`."""
        ...

    def mine(self, limit: int = 200) -> Work:
        """Return all open tasks of one's own lists, and those of plans that are assigned to oneself."""
        ...

    def task(self, id: str) -> Task:
        """Return a task with its steps and notes."""
        ...

    def create(self, list_id: str, wanted: Wanted, key: str) -> Task:
        """Make a task; with the same key there is one, however often it is made."""
        ...

    def change(self, task: Task, wanted: Wanted, key: str) -> Task:
        """Change a task that is still as it was read. Code "conflict": it is not."""
        ...
