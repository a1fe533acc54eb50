"""Hedging: when a model stays silent, the next one is asked as well, and who speaks first goes on alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from copilot.models.roster import Candidate


class Floor:
    """Who of several that were asked at once may speak: the first one that has something to say."""

    def __init__(self) -> None:
        self.speaker: Candidate | None = None
        self.taken = asyncio.Event()

    def take(self, candidate: Candidate) -> bool:
        """Return whether `candidate` may speak."""
        if self.speaker is None:
            self.speaker = candidate
            self.taken.set()
        return self.speaker is candidate


Task = asyncio.Task[AIMessage | None]


@dataclass
class Race:
    """Asks one model, and after `seconds` of silence another one as well.

    `serve` asks one and returns its accepted answer or None; `another` returns whom to ask as well, or None;
    `put_back` is told who was called off without having failed.
    """

    serve: Callable[[Candidate, Floor], Coroutine[Any, Any, AIMessage | None]]
    another: Callable[[], Candidate | None]
    put_back: Callable[[Candidate], None]
    seconds: float

    async def run(self, first: Candidate) -> tuple[AIMessage | None, Candidate | None]:
        """Return the accepted answer, or None when those that were asked failed, and who was the first to speak."""
        floor = Floor()
        heard = asyncio.create_task(floor.taken.wait())
        asked = {asyncio.create_task(self.serve(first, floor)): first}
        try:
            await asyncio.wait([heard, *asked], timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            if not heard.done() and not any(task.done() for task in asked) and (second := self.another()) is not None:
                asked[asyncio.create_task(self.serve(second, floor))] = second
            return await self._decided(asked, heard, floor), floor.speaker
        finally:
            await _called_off([heard, *asked])

    async def _decided(self, asked: dict[Task, Candidate], heard: asyncio.Task[bool], floor: Floor) -> AIMessage | None:
        while asked and floor.speaker is None:
            await asyncio.wait([heard, *asked], return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in asked if task.done()]:
                if (message := task.result()) is not None:
                    return message
                del asked[task]
        losers = [task for task, candidate in asked.items() if candidate is not floor.speaker]
        await _called_off(losers)
        for task in losers:
            self.put_back(asked.pop(task))
        return await next(iter(asked)) if asked else None


async def _called_off(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end; what they would have raised is nobody's business any more."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
