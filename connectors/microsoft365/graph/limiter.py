"""How many calls are under way to one tenant at once, and since when none is sent because Graph asked for a pause."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .errors import TITLE, GraphError
from .retry import Clock, SystemClock

#: Calls at once: Exchange takes four of one app for one mailbox ("Microsoft Graph service-specific throttling limits").
MOST = 4
#: Calls that have to go well before one more is sent at once.
_GROW_AFTER = 10


class Limiter:
    """Shared by all calls of a tenant: a 429 slows down everybody.

    After one, as long as Graph asked, nothing is sent, and then half as many calls at once; each `_GROW_AFTER` calls
    that go well allow one more again, up to `most`. Made for one event loop at a time.
    """

    def __init__(self, clock: Clock | None = None, most: int = MOST) -> None:
        self._clock = clock or SystemClock()
        self._most = self._allowed = most
        self._under_way = self._good = 0
        self._resume = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def allowed(self) -> int:
        """How many calls may be under way at once at present."""
        return self._allowed

    @asynccontextmanager
    async def turn(self, until: float, what: str) -> AsyncIterator[None]:
        """Wait for a place and for the end of a pause, and hold the place.

        Raises GraphError (throttled) at once when the pause outlasts `until`, a time of the clock.
        """
        await self._place()
        try:
            await self.pause(until, what)
            yield
        finally:
            self._leave()

    async def pause(self, until: float, what: str) -> None:
        """Wait for the end of a pause; raises GraphError as `turn` does."""
        while (left := self._resume - self._clock.monotonic()) > 0:
            if self._resume > until:
                raise GraphError(
                    f"{TITLE} asks to be left alone for {left:.0f} more seconds: {what} was not sent.",
                    hint="Try again then.",
                    code="throttled",
                    retry_after=left,
                )
            await self._clock.sleep(left)

    def throttled(self, seconds: float) -> None:
        """Take note that Graph asked for a pause."""
        self._resume = max(self._resume, self._clock.monotonic() + seconds)
        self._allowed, self._good = max(self._allowed // 2, 1), 0

    def went_well(self) -> None:
        """Take note that a call was answered."""
        self._good += 1
        if self._good >= _GROW_AFTER and self._allowed < self._most:
            self._allowed, self._good = self._allowed + 1, 0
            self._wake()

    async def _place(self) -> None:
        if self._under_way < self._allowed and not self._waiting:
            self._under_way += 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except BaseException:
            if mine in self._waiting:
                self._waiting.remove(mine)
            elif mine.done() and not mine.cancelled():
                self._leave()  # the place had been given to us
            raise

    def _leave(self) -> None:
        self._under_way -= 1
        self._wake()

    def _wake(self) -> None:
        """Give free places to those who wait longest."""
        while self._waiting and self._under_way < self._allowed:
            first = self._waiting.popleft()
            if not first.done():
                self._under_way += 1
                first.set_result(None)


_shared: dict[str, Limiter] = {}


def shared(tenant: str) -> Limiter:
    """Return the one limiter of a tenant in this process."""
    return _shared.setdefault(tenant, Limiter())
