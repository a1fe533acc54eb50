"""Telling clients what has changed: lists of tools, prompts and resources, and documents that they subscribed to."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from copilot.errors import EverpilotError
from copilot.hosts.mcp_server.asking import Context
from copilot.hosts.mcp_server.orders import Outcome
from copilot.hosts.mcp_server.served import Served, key_of
from copilot.hosts.mcp_server.stamps import file_stamp, skills_stamp
from copilot.hosts.mcp_server.uris import document_uri, path_of

_log = logging.getLogger(__name__)
#: Subscriptions of all clients together.
_MOST = 1000


class Notices:
    """Sends notices to every connection, the old way (notifications) and the new one (`subscriptions/listen`)."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._bus = InMemorySubscriptionBus()
        self._listening = ListenHandler(self._bus)
        self._stamps: dict[str, object] = {}

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve one stream of notices of a client of 2026-07-28."""
        uris, key = [str(uri) for uri in params.notifications.resource_subscriptions or ()], f"listen {id(params)}"
        for uri in uris:
            self._watch(uri, key)
        try:
            return await self._listening(ctx, params)
        finally:
            for uri in uris:
                self._forget(uri, key)

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        """Note that the client wants to know when a document changes."""
        self._watch(str(params.uri), key_of(ctx))
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        """Forget it."""
        self._forget(str(params.uri), key_of(ctx))
        return types.EmptyResult()

    async def changed(self, outcome: Outcome) -> None:
        """Tell of documents that were just written."""
        for name in outcome.touched:
            uri = document_uri(name)
            if uri in self._served.subscribed:
                self._stamps[uri] = self._stamp(uri)
                await self._updated(uri)
        if outcome.listed:
            await self._bus.publish(ResourcesListChanged())
            for session in list(self._served.sessions.values()):
                await session.send_resource_list_changed()

    @asynccontextmanager
    async def lifespan(self, server: Server[Any]) -> AsyncIterator[dict[str, Any]]:
        """Look for changes on the disk as long as the server runs."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._look)
            yield {}
            tasks.cancel_scope.cancel()

    async def _look(self) -> None:
        while True:
            await anyio.sleep(self._served.options.interval)
            try:
                await self._looked()
            except Exception:  # noqa: BLE001 - a look that fails, for whatever reason, must not end the serving
                _log.warning("looking for changes failed", exc_info=True)

    async def _looked(self) -> None:
        if await anyio.to_thread.run_sync(self._reloaded):
            await self._lists_changed()
        for uri in [u for u, stamp in list(self._stamps.items()) if stamp != self._stamp(u)]:
            self._stamps[uri] = self._stamp(uri)
            await self._updated(uri)

    def _reloaded(self) -> bool:
        now = skills_stamp(self._served.copilot.settings.skills.paths)
        if now == self._served.stamp:
            return False
        self._served.stamp = now
        try:
            return self._served.reload()
        except EverpilotError:
            return False  # what was loaded before is served on; `everpilot doctor` says what is wrong

    async def _lists_changed(self) -> None:
        for event in (ToolsListChanged(), PromptsListChanged(), ResourcesListChanged()):
            await self._bus.publish(event)
        for session in list(self._served.sessions.values()):
            await session.send_tool_list_changed()
            await session.send_prompt_list_changed()
            await session.send_resource_list_changed()

    async def _updated(self, uri: str) -> None:
        await self._bus.publish(ResourceUpdated(uri=uri))
        for key in list(self._served.subscribed.get(uri, ())):
            if (session := self._served.sessions.get(key)) is not None:
                await session.send_resource_updated(uri)

    def _watch(self, uri: str, key: str) -> None:
        subscribed = self._served.subscribed
        if uri in subscribed or len(subscribed) < _MOST:
            subscribed.setdefault(uri, set()).add(key)
            self._stamps.setdefault(uri, self._stamp(uri))

    def _forget(self, uri: str, key: str) -> None:
        keys = self._served.subscribed.get(uri, set())
        keys.discard(key)
        if not keys:
            self._served.subscribed.pop(uri, None)
            self._stamps.pop(uri, None)

    def _stamp(self, uri: str) -> object:
        """Return what tells whether a document changed; None where there is none."""
        name = path_of(uri)
        try:
            return None if name is None else file_stamp(self._served.copilot.workspace.resolve(name))
        except EverpilotError:
            return None
