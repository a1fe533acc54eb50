"""The assistant of a room: an ordinary one, but for what is given to it in place of the host's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.agent.copilot import Copilot
from copilot.agent.threads import Threads
from copilot.hosts.bot import fence

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from copilot.trust.audit import Audit

#: What an assistant that is made like another one chooses by its own arguments.
_CHOSEN = frozenset({"router"})


class Actor:
    """A log of decisions as one person writes it, whose name is put where an event says none."""

    def __init__(self, audit: Audit, name: str) -> None:
        self._audit, self._name = audit, name

    def record(self, event: Mapping[str, Any]) -> int:
        """Append a record and return its number; see `Audit.record`."""
        return self._audit.record({**event, "actor": event.get("actor") or self._name})


class Unlisted(Threads):
    """The threads of a room, which nobody lists: a channel shows its conversations itself."""

    def touch(self, thread: str, folder: Path, message: str, others: Sequence[Path] = (), agent: str = "") -> None:
        """Record nothing."""


class RoomCopilot(Copilot):
    """An assistant with parts that were made elsewhere; those that it makes (`like`: worker agents) have them, too.

    So no agent of a room ever has an account of the host, or writes a log of its own.
    """

    _given: Mapping[str, Any] = {}

    def give(self, parts: Mapping[str, Any]) -> None:
        """Use these parts, by the names of the properties that would make them."""
        self._given = dict(parts)
        self.__dict__.update(parts)

    @asynccontextmanager
    async def _threads(self) -> AsyncIterator[BaseCheckpointSaver[Any]]:
        async with super()._threads() as saver:
            fence.before_writes(saver)
            yield saver

    def like(self, **changes: Any) -> Copilot:
        """Return an assistant made as this one was, but for these arguments of its own."""
        made = super().like(**changes)
        if isinstance(made, RoomCopilot):
            made.give({name: part for name, part in self._given.items() if name not in _CHOSEN})
        return made
