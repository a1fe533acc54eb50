"""An inbox that says back what it hears: to try a registration, its keys and the network, with no model."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from copilot.hosts.bot import logs
from copilot.hosts.bot.activities import identity
from copilot.hosts.bot.connector import Connector, Refused
from copilot.hosts.bot.inbox import Activity, Answer, Put

log = logging.getLogger(__name__)

_MOST = 1_000


class Echo:
    """Answers each message with its own text. Nothing is durable: what runs is lost when the process ends."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, activity: Activity, who: dict[str, Any]) -> Put:
        """Answer a message, in its own time."""
        if len(self._tasks) >= _MOST:
            return "full"
        if activity["type"] == "message":
            task = asyncio.create_task(self._reply(activity, who))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return "new"

    async def replies(self, activity: Activity, who: dict[str, Any]) -> list[Activity] | None:
        """Return what it says back."""
        return [_said(activity)]

    async def answer(self, invoke: Activity, who: dict[str, Any]) -> Answer | None:
        """Return None: each invoke is just acknowledged."""
        return None

    async def stop(self, activity: Activity, who: dict[str, Any]) -> bool:
        """Return False: nothing runs long enough."""
        return False

    async def trouble(self) -> str:
        """Return "": there is no database."""
        return ""

    def waiting(self) -> int:
        """Return how many answers are on their way."""
        return len(self._tasks)

    async def drain(self, seconds: float) -> int:
        """Let the answers go out, and return how many did not."""
        if not self._tasks:
            return 0
        _, left = await asyncio.wait(self._tasks, timeout=seconds)
        return len(left)

    async def _reply(self, activity: Activity, who: dict[str, Any]) -> None:
        try:
            with self._connector.metrics.turn():
                await self._connector.channel(activity, who).send(_said(activity))
        except Refused as refusal:
            channel, conversation, id = identity(activity)
            told = logs.told(channel=channel, conversation=conversation, id=id, code=refusal.code)
            log.warning("not_echoed", extra=told)


def _said(activity: Activity) -> Activity:
    return {"type": "message", "text": activity.get("text") or "", "textFormat": "plain"}
