"""`/health`, `/ready` and `/metrics`: for whoever runs the bot and the balancer before it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from copilot.hosts.bot import gate
from copilot.hosts.bot.door import Life
from copilot.hosts.bot.inbox import Inbox
from copilot.hosts.bot.metrics import Metrics

_SECONDS = 3.0


@dataclass(frozen=True)
class Health:
    """Says how the process is."""

    inbox: Inbox
    metrics: Metrics
    life: Life
    #: What /metrics is opened with; "" for programs on this machine alone.
    key: str = ""

    async def alive(self, request: web.Request) -> web.Response:
        """Answer 200: it runs. A database that is away is no reason to start it again."""
        return web.json_response({"status": "alive"})

    async def ready(self, request: web.Request) -> web.Response:
        """Answer 200 if activities can be kept; 503 with the reason if not, or if it is told to stop."""
        why = "draining" if self.life.draining else await self._trouble()
        return web.json_response({"status": why or "ready"}, status=503 if why else 200)

    async def metrics_(self, request: web.Request) -> web.Response:
        """Answer the metrics: to who has the key; where there is none to this machine alone, else 404."""
        if self.key and not gate.is_same(gate.bearer(request), self.key):
            return web.Response(status=401, text="Wrong key.\n", headers={"WWW-Authenticate": "Bearer"})
        if not self.key and not gate.is_local(request):
            raise web.HTTPNotFound
        self.metrics.waiting.set(self.inbox.waiting())
        body, kind = self.metrics.text()
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _trouble(self) -> str:
        try:
            async with asyncio.timeout(_SECONDS):
                return await self.inbox.trouble()
        except TimeoutError:
            return "the database does not answer"
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not ready
            return "the database fails"
