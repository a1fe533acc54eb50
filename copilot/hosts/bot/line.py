"""One turn at a time in a conversation, in the order of its messages, whichever replicas they came to.

Each turn has a number in the database (keeping.py); the one with the lowest that has not ended is worked on. Who waits
for another replica looks now and then; who waits for a turn of this one is told.
"""

from __future__ import annotations

import asyncio
import time
from bisect import insort
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot.hosts.bot.keeping import Begun, Keeping

_LOOK = 0.25  # seconds between two looks whether a turn of another replica has ended
#: Seconds after which somebody who waits asks whether anybody still works on what is before them.
_DOUBT = 20.0

_Waiting = tuple[int, asyncio.Event]


class Line:
    """Where the turns of this replica wait. `parallel` of them are worked on at once.

    `is_open(id)` says whether somebody has, or will have, the turn `id` to work on.
    """

    def __init__(self, keeping: Keeping, parallel: int, is_open: Callable[[str], bool]) -> None:
        self._keeping, self._is_open = keeping, is_open
        self._places = asyncio.Semaphore(parallel)
        self._waiting: dict[str, list[_Waiting]] = {}
        self.count = 0  # how many wait here

    @asynccontextmanager
    async def turn(
        self, id: str, conversation: str, person: str, placed: Callable[[], None]
    ) -> AsyncIterator[Begun | None]:
        """Take a number, say so (`placed`), wait for one's turn, and work on it inside; None: it ended before."""
        begun = await asyncio.to_thread(self._keeping.begin, id, conversation, person)
        placed()
        if begun is None:
            yield None
            return
        self.count += 1
        try:
            if not begun.first:
                begun = await self._until_first(id, conversation, person, begun.number)
            await self._places.acquire()
        finally:
            self.count -= 1
        try:
            yield begun
        finally:
            self._places.release()
            self._call_next(conversation)

    async def _until_first(self, id: str, conversation: str, person: str, number: int) -> Begun | None:
        mine, since = (number, asyncio.Event()), time.monotonic()
        waiting = self._waiting.setdefault(conversation, [])
        insort(waiting, mine, key=lambda each: each[0])
        try:
            while True:
                await self._look(mine, waiting)
                if waiting[0] is not mine:
                    continue
                begun = await asyncio.to_thread(self._keeping.begin, id, conversation, person)
                if begun is None or begun.first:
                    return begun
                if time.monotonic() - since > _DOUBT:
                    since = time.monotonic()
                    await asyncio.to_thread(self._doubt, conversation)
        finally:
            waiting.remove(mine)
            self._call_next(conversation)

    async def _look(self, mine: _Waiting, waiting: list[_Waiting]) -> None:
        """Wait until told, and the first of those who wait here not for long: others may have ended elsewhere."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK if waiting[0] is mine else None):
                await mine[1].wait()
        mine[1].clear()

    def _call_next(self, conversation: str) -> None:
        if waiting := self._waiting.get(conversation):
            waiting[0][1].set()
        else:
            self._waiting.pop(conversation, None)

    def _doubt(self, conversation: str) -> None:
        """End the turns of a conversation that nobody has to work on any more."""
        for id in self._keeping.running(conversation):
            if not self._is_open(id):
                self._keeping.end(id)
