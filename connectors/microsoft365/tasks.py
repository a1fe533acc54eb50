"""Tasks of To Do and Planner, as one.

Source: Microsoft Graph v1.0, "Use the Microsoft To Do API", "Use the Planner REST API". A task of To Do carries the key
of its making as a linked resource, so that it can be found after a lost answer; Planner takes a change only with the
tag of what was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections.tasks import Task, TaskList, Wanted, Work

from .graph import Graph
from .planner import Planner
from .todo import ToDo

if TYPE_CHECKING:
    from .connection import Microsoft365

_LEFT_OUT = frozenset({"scope", "denied", "unsupported", "missing"})


class GraphTasks:
    """The tasks of one account. Ids begin with where they lie: "todo:" or "planner:"."""

    def __init__(self, connection: Microsoft365) -> None:
        self._connection = connection
        self._made: tuple[ToDo, Planner] | None = None

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._connection.account

    @property
    def _parts(self) -> tuple[ToDo, Planner]:
        if self._made is None:
            graph: Graph = self._connection.graph
            self._made = ToDo(graph, self._connection.me), Planner(graph, self._connection.me)
        return self._made

    def _of(self, id: str) -> ToDo | Planner:
        todo, planner = self._parts
        place = id.partition(":")[0]
        if place not in ("todo", "planner"):
            raise ToolInputError(f"{id!r} is no task or list.", hint="Take the id from a list of them.")
        return todo if place == "todo" else planner

    def lists(self) -> list[TaskList]:
        """Return the lists and the plans; what can't be looked at is left out where the other can."""
        todo, planner = self._parts
        return self._connection.run(lambda: _both(todo.lists(), planner.lists()))[0]

    def tasks(self, list_id: str, *, done: bool = False, limit: int = 100) -> list[Task]:
        """Return the tasks of a list or plan, without steps and notes."""
        part = self._of(list_id)
        return self._connection.run(lambda: part.tasks(list_id, done, limit))

    def mine(self, limit: int = 200) -> Work:
        """Return all open tasks of one's own lists, and those of plans that are assigned to oneself; by their days."""
        todo, planner = self._parts
        found, notes = self._connection.run(lambda: _both(todo.mine(limit), planner.mine(limit)))
        ordered = sorted(found, key=lambda each: (each.due is None, each.due, not each.important, each.title))
        return Work(tuple(ordered[:limit]), notes)

    def task(self, id: str) -> Task:
        """Return a task with its steps and notes."""
        part = self._of(id)
        return self._connection.run(lambda: part.task(id))

    def create(self, list_id: str, wanted: Wanted, key: str) -> Task:
        """Make a task; with the same key there is one, however often it is made."""
        part = self._of(list_id)
        return self._connection.run(lambda: part.create(list_id, wanted, key))

    def change(self, task: Task, wanted: Wanted, key: str) -> Task:
        """Change a task that is still as it was read. Code "conflict": it is not."""
        part = self._of(task.id)
        return self._connection.run(lambda: part.change(task, wanted, key))


async def _both(*work: Coroutine[Any, Any, list[Any]]) -> tuple[list[Any], tuple[str, ...]]:
    """Return what two places have, and why one of them could not be looked at. Raises ServiceError for both."""
    answers: Sequence[Any] = await asyncio.gather(*work, return_exceptions=True)
    lost = [each for each in answers if isinstance(each, BaseException)]
    for each in lost:
        if not isinstance(each, ServiceError) or each.code not in _LEFT_OUT or len(lost) == len(answers):
            raise each
    found = [one for each in answers if not isinstance(each, BaseException) for one in each]
    return found, tuple(str(each) for each in lost)
