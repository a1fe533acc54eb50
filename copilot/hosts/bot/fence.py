"""Whether a turn is still ours: a process that stood still for a while may have been taken for dead meanwhile.

Then another goes on with the turn, and this one must say, write and note nothing of it any more. So what a turn does
that others can see asks first. That costs nothing while this process surely has its lock (jobs/presence.py); where that
is not sure, the database says who has the turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from copilot.hosts.bot import logs

if TYPE_CHECKING:
    from copilot.jobs.engine import Worker

log = logging.getLogger(__name__)

#: What a saver of threads writes with.
_WRITES = ("aput", "aput_writes", "adelete_thread", "arelease")


class TakenOver(asyncio.CancelledError):
    """Another process has the turn: here it ends as one that is broken off."""


class Fence:
    """Stands before what one execution of a turn does: `id` is its workflow, `owner` the token that it runs under.

    `lost` tells that another process has the turn.
    """

    def __init__(self, worker: Worker, id: str, owner: str) -> None:
        self._worker, self._id, self._owner = worker, id, owner
        self._standing = worker.standing()
        self.lost = False

    @property
    def is_sure(self) -> bool:
        """Whether nobody can have taken this process for dead since the turn began."""
        return not self.lost and self._standing is not None and self._worker.standing() == self._standing

    def ask(self) -> None:
        """Raise TakenOver when another has the turn, and SettingsError when the database does not answer."""
        if self.lost or not self._worker.client.is_owner(self._id, self._owner):
            if not self.lost:
                log.warning("taken over", extra=logs.told(turn=self._id))
            self.lost = True
            raise TakenOver


#: That of the turn which runs here.
_now: ContextVar[Fence | None] = ContextVar("everpilot_fence", default=None)


def put(fence: Fence) -> None:
    """Put a fence before all that this task does."""
    _now.set(fence)


async def check() -> None:
    """Raise TakenOver when another process has the turn that runs here; SettingsError when the database is away."""
    fence = _now.get()
    if fence is not None and not fence.is_sure:
        await asyncio.to_thread(fence.ask)


def check_here() -> None:
    """Do the same where waiting for the database holds nobody up."""
    fence = _now.get()
    if fence is not None and not fence.is_sure:
        fence.ask()


def before_writes(saver: Any) -> None:
    """Have a saver of threads ask before it writes: a turn that goes on elsewhere has its thread to itself."""
    for name in filter(partial(hasattr, saver), _WRITES):
        setattr(saver, name, _asking(getattr(saver, name)))


def _asking(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def asked(*args: Any, **more: Any) -> Any:
        await check()
        return await write(*args, **more)

    return asked
