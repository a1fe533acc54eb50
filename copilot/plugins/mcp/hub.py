"""All servers of one assistant, behind a plain, synchronous face: one loop in one thread, and deadlines."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import _redaction
from copilot.errors import EverpilotError, PluginError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.cache import Cache
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.elicitation import Answer, Elicit, Question
from copilot.plugins.mcp.faults import MayHaveRunError
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.mcp.pins import Pins

if TYPE_CHECKING:
    from copilot.plugins.mcp.connection import Connection, World

_MISSING = 'Run: pip install "everpilot[mcp]"'
Progress = Callable[[str], None]


def silent(message: str) -> None:
    """Say nothing."""


class Hub:
    """The servers of one assistant, connected when they are first needed; safe for many threads.

    `state` is the folder of what was learnt and trusted, `roots` the workspace's folders, which programs may ask for.
    `elicit` asks the person what a server wants to know (None: it is declined); `headers` returns the credentials that
    the settings have for a server.
    """

    def __init__(
        self,
        state: Path,
        *,
        roots: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        elicit: Elicit | None = None,
        headers: Callable[[Server], Mapping[str, str]] | None = None,
    ) -> None:
        self.state = state
        self.pins = Pins(state)
        self.cache = Cache(state)
        self.elicit = elicit
        self._roots = tuple(root.resolve().as_uri() for root in roots)
        self._env = os.environ if env is None else env
        self._headers = headers or (lambda server: {})
        self._lock = threading.Lock()
        self._loop: _Loop | None = None
        self._world: World | None = None
        self._connections: dict[str, Connection] = {}

    # --- what servers are asked -----------------------------------------------------------------------------------

    def listing(self, server: Server, *, seconds: float = limits.CONNECT) -> Listing:
        """Return what a server offers now, which is kept; connects. Raises PluginError."""
        found: Listing = self._run(lambda progress: self._listed(server), server, seconds=seconds + 5)
        return found

    def listings(self, servers: Iterable[Server], *, seconds: float = limits.START) -> dict[str, Listing | PluginError]:
        """Return what each server offers, by its key, all asked side by side; or why it can't be said.

        One that is not there in time is left to go on: what it says later is there at the next start. One that was not
        there at the starts before gets less time, half of it for each of them.
        """
        asked = {server.key: (server, self._begin(self._listed(server))) for server in servers}
        start, least = time.monotonic(), min(seconds, limits.LATE)
        return {
            key: self._in_time(server, task, start + max(seconds / 2 ** self.cache.missed(server), least))
            for key, (server, task) in asked.items()
        }

    def call(
        self,
        server: Server,
        tool: str,
        args: Mapping[str, Any],
        *,
        repeat: bool = False,
        progress: Progress = silent,
    ) -> Any:
        """Return the answer of a tool (the SDK's CallToolResult) and what is to be said beside it.

        Only a tool that is still as it was trusted is called. `repeat` says that it only reads, so that it may be
        asked again where a connection breaks. Raises PluginError or ToolInputError when it was not done, and
        MayHaveRunError when nobody knows (never with `repeat`).
        """
        work = partial(self._call, server, tool, args, repeat)
        return self._run(work, server, seconds=server.timeout, progress=progress, certain=repeat)

    def read(self, server: Server, uri: str) -> Any:
        """Return a resource (the SDK's ReadResourceResult). Raises PluginError or ToolInputError."""
        return self._run(
            lambda progress: self._ask(server, lambda client: client.read_resource(uri)), server, seconds=server.timeout
        )

    def prompt(self, server: Server, name: str, args: Mapping[str, str]) -> Any:
        """Return a prompt (the SDK's GetPromptResult). Raises PluginError or ToolInputError."""
        return self._run(
            lambda progress: self._ask(server, lambda client: client.get_prompt(name, dict(args))),
            server,
            seconds=server.timeout,
        )

    def watch(self, server: Server, uri: str, changed: Callable[[str], None]) -> None:
        """Have `changed` called (in another thread) when a server says that a resource changed. Raises PluginError."""
        self._run(lambda progress: self._watch(server, uri, changed), server, seconds=server.timeout)

    def close(self) -> None:
        """End all connections and programs, in a few seconds at most. Can be called again."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop(self._connections)

    # --- on the loop ----------------------------------------------------------------------------------------------

    async def _listed(self, server: Server) -> Listing:
        found = await self._connection(server).list()
        self.cache.keep(server, found)
        return found

    async def _call(self, server: Server, tool: str, args: Mapping[str, Any], repeat: bool, progress: Progress) -> Any:
        connection = self._connection(server)
        listing = await connection.list()
        self.cache.keep(server, listing)
        self.pins.must_be_trusted(server, listing, tool)
        connection.notes.clear()
        answer = await connection.call(tool, args, repeat=repeat, progress=progress)
        return answer, tuple(connection.notes)

    async def _ask(self, server: Server, request: Callable[[Any], Any]) -> Any:
        return await self._connection(server).ask(request)

    async def _watch(self, server: Server, uri: str, changed: Callable[[str], None]) -> None:
        await self._connection(server).watch(uri, changed)

    def _connection(self, server: Server) -> Connection:
        from copilot.plugins.mcp.connection import Connection

        self.pins.must_be_startable(server)
        if server.key not in self._connections:
            assert self._world is not None
            self._connections[server.key] = Connection(server, self._world, self.cache.load(server))
        return self._connections[server.key]

    # --- between the threads --------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._running().loop)
        except BaseException:
            work.close()
            raise

    def _in_time(self, server: Server, task: Any, end: float) -> Listing | PluginError:
        try:
            found: Listing = task.result(timeout=max(0.0, end - time.monotonic()))
            return found
        except TimeoutError:
            self.cache.miss(server)
            return PluginError(f"MCP server {server.name} is not there yet; its tools are offered at the next start.")
        except PluginError as error:
            return error
        except EverpilotError as error:
            return PluginError(error.message, hint=error.hint)

    def _run(
        self,
        work: Callable[[Progress], Coroutine[Any, Any, Any]],
        server: Server,
        *,
        seconds: float,
        progress: Progress = silent,
        certain: bool = True,
    ) -> Any:
        try:
            return self._running().run(work, seconds=seconds, progress=progress)
        except TimeoutError:
            why = f"MCP server {server.name} did not answer within {seconds:g} seconds."
            if certain:
                raise PluginError(why, code="mcp") from None
            raise MayHaveRunError(f"{why} It may have been done all the same.") from None

    def _running(self) -> _Loop:
        with self._lock:
            if self._loop is None:
                self._loop = _Loop()
                self._world = self._made_world()
                # Also when the process ends, or when nobody has the hub any more.
                weakref.finalize(self, self._loop.stop, self._connections)
            return self._loop

    def _made_world(self) -> World:
        try:
            from copilot.plugins.mcp.connection import World
        except ImportError as error:
            raise PluginError(f"MCP servers need a library that is not installed ({error}).", hint=_MISSING) from error
        from copilot.plugins.mcp.oauth import stored

        _redaction.guard_logs("mcp")
        assert self._loop is not None
        asker = _asker(weakref.ref(self), self._loop)
        return World(self._env, self._roots, asker, self._headers, partial(stored, self.state))


def _asker(hub: weakref.ref[Hub], loop: _Loop) -> Callable[[], Elicit | None]:
    """Return what looks up who asks the person, now; connections don't hold the hub."""

    def look() -> Elicit | None:
        found = hub()
        return partial(loop.asked, found.elicit) if found is not None and found.elicit is not None else None

    return look


class _Loop:
    """An event loop in a thread of its own, that others wait for."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._stopped = False
        self._asking = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="everpilot-mcp", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        with suppress(RuntimeError):
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left, timeout=limits.GRACE) if left else asyncio.sleep(0))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(
        self, work: Callable[[Progress], Coroutine[Any, Any, Any]], *, seconds: float, progress: Progress = silent
    ) -> Any:
        """Return what the work returns; its progress is told in the calling thread, and gives it more time.

        Raises TimeoutError after `seconds` without a word, but not while a person is asked something; whatever ends
        the waiting cancels the work.
        """
        heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(work(partial(_tell, heard)), self.loop)
        future.add_done_callback(lambda done: heard.put(None))
        try:
            _wait(heard, progress, seconds, self._asking.locked)
        except BaseException:
            future.cancel()
            raise
        return future.result()

    def asked(self, elicit: Elicit, question: Question) -> Answer:
        """Return a person's answer: one question at a time, and nobody's patience ends meanwhile."""
        with self._asking:
            return elicit(question)

    def stop(self, connections: dict[str, Connection]) -> None:
        """End the connections and the thread. Can be called again, and from any thread."""
        if self._stopped:
            return
        self._stopped = True
        if threading.current_thread() is self._thread:  # nobody can wait here; the programs end by themselves
            self.loop.stop()
            return
        found = list(connections.values())
        connections.clear()
        with suppress(Exception):  # at the end of the process nothing is left to tell
            closing = asyncio.run_coroutine_threadsafe(_close_all(found), self.loop)
            closing.result(timeout=6 * limits.GRACE + 2)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=3 * limits.GRACE)


def _tell(heard: queue.SimpleQueue[str | None], message: str) -> None:
    if heard.qsize() < 100:  # a server that floods us with its progress is heard in part
        heard.put(message)


def _wait(heard: queue.SimpleQueue[str | None], progress: Progress, seconds: float, asking: Callable[[], bool]) -> None:
    start = time.monotonic()
    end = start + seconds
    while True:
        try:
            message = heard.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            if not asking():
                raise TimeoutError from None
            start, end = time.monotonic(), time.monotonic() + seconds
            continue
        if message is None:
            return
        progress(message)
        end = min(time.monotonic() + seconds, start + max(limits.LONGEST, seconds))


async def _close_all(connections: Iterable[Connection]) -> None:
    await asyncio.gather(*(each.end() for each in connections), return_exceptions=True)
