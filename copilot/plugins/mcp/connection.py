"""One server, supervised: connected when it is needed, started again when it ended, never asked twice to change things.

Everything in here runs on the one loop of the hub.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import mcp_types as types
from mcp.client import Client, ClientRequestContext, IncomingMessage
from mcp.shared.exceptions import MCPError

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.elicitation import Elicit, Question
from copilot.plugins.mcp.faults import MayHaveRunError, explained, leaves
from copilot.plugins.mcp.listing import Listing, listed
from copilot.plugins.mcp.stdio import Log
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from mcp.client import Transport

    from copilot.plugins.mcp.http import Heard

_T = TypeVar("_T")
#: JSON-RPC's and MCP's codes for a request that was understood as wrong, so that nothing was done.
_NOT_DONE = frozenset({types.INVALID_PARAMS, types.METHOD_NOT_FOUND})
_CLOSED = types.CONNECTION_CLOSED
#: What a server may say that its list changed.
_LISTS = ("tools", "prompts", "resources")
#: Calls in a row that a server may leave unanswered before it is started anew.
_PATIENCE = 2
#: What the SDK says for a session that the server has forgotten: the request was not looked at.
_FORGOTTEN = "Session terminated"


@dataclass
class World:
    """What all connections are given: our environment, the workspace's folders, and how a person is asked.

    `headers` returns what a server is sent besides its own headers (credentials by reference), `auth` its sign-in.
    `elicit` is looked up at each question. `notify` is told of lists that changed.
    """

    env: Mapping[str, str] = field(repr=False)  # it holds keys
    roots: tuple[str, ...] = ()
    elicit: Callable[[], Elicit | None] = lambda: None
    headers: Callable[[Server], Mapping[str, str]] = lambda server: {}
    auth: Callable[[Server], Any] = lambda server: None
    notify: Callable[[Server, str], None] = lambda server, message: None
    clock: Callable[[], float] = time.monotonic


@dataclass
class _Life:
    """One start of the server, until it ends."""

    ready: asyncio.Future[Client]
    over: asyncio.Event
    task: asyncio.Task[None] | None = None
    streams: list[asyncio.Task[None]] = field(default_factory=list)
    log: Log = field(default_factory=Log)
    heard: Heard | None = None
    error: BaseException | None = None


class Connection:
    """The connection to one server.

    `known` is what was learnt of it before (how it is talked to), `patience` the seconds until it must be there.
    """

    def __init__(
        self, server: Server, world: World, known: Listing | None = None, *, patience: float = limits.CONNECT
    ) -> None:
        self._patience = patience
        self.server = server
        self.world = world
        self.listing: Listing | None = None
        self.stale = False  # the server said that its lists changed
        self.notes: list[str] = []
        self._known = known
        self._life: _Life | None = None
        self._lock = asyncio.Lock()
        self._failed = 0
        self._hung = 0
        self._last = ""
        self._not_before = 0.0
        self._watching: dict[str, Callable[[str], None]] = {}
        self._ended = False

    # --- what is asked of it --------------------------------------------------------------------------------------

    async def list(self) -> Listing:
        """Return what the server offers now; connects when there is no connection. Raises PluginError."""
        client = await self._client()
        if self.listing is None or self.stale:
            self.stale = False
            found = await self._guarded(listed(client), seconds=limits.CONNECT)
            self.listing = replace(found, legacy=self._legacy, sse=self._sse)
        return self.listing

    async def call(
        self, name: str, args: Mapping[str, Any], *, repeat: bool, progress: Callable[[str], None]
    ) -> types.CallToolResult:
        """Return the answer of a tool.

        Raises PluginError when it was not called, MayHaveRunError when nobody knows whether it was.
        With `repeat` (it only reads) it is called again, once, when the connection breaks in the middle.
        """

        done = progress

        async def told(progress: float, total: float | None, message: str | None) -> None:
            done(_progress(progress, total, message))

        async def ask(client: Client) -> types.CallToolResult:
            return await client.call_tool(name, dict(args), progress_callback=told)

        return await self._asked(ask, repeat=repeat)

    async def ask(self, request: Callable[[Client], Awaitable[_T]]) -> _T:
        """Return the answer to a request that changes nothing. Raises PluginError."""
        return await self._asked(request, repeat=True)

    async def watch(self, uri: str, changed: Callable[[str], None]) -> None:
        """Have `changed` called with the URI when the server says that a resource changed. Raises PluginError."""
        client = await self._client()
        capability = client.server_capabilities.resources
        if capability is None or not capability.subscribe:
            raise PluginError(f"MCP server {self.server.name} does not tell when its resources change.")
        self._watching[uri] = changed
        if client.session.initialize_result is None:
            assert self._life is not None
            self._life.streams.append(asyncio.create_task(self._listen(client, open_ := asyncio.Event())))
            await self._guarded(open_.wait(), seconds=limits.CONNECT)
        else:
            request = types.SubscribeRequest(params=types.SubscribeRequestParams(uri=uri))
            await self._guarded(client.session.send_request(request, types.EmptyResult), seconds=limits.CONNECT)

    async def end(self) -> None:
        """End the connection for good: nobody connects it again, also who waits for that now."""
        self._ended = True
        await self.close()

    async def close(self) -> None:
        """End the connection, and the program."""
        if (life := self._life) is not None and life.task is not None:
            life.over.set()
            if not life.ready.done():  # it waits for a server that is not there, and not for `over`
                life.task.cancel()
            done, _ = await asyncio.wait({life.task}, timeout=4 * limits.GRACE + 1)
            if not done:
                life.task.cancel()
                await asyncio.wait({life.task}, timeout=limits.GRACE)
        self._life = None

    # --- being connected --------------------------------------------------------------------------------------------

    async def _client(self) -> Client:
        """Return the client of a living connection; makes one, or raises PluginError."""
        async with self._lock:
            life = self._life
            if life is not None and not life.over.is_set() and life.task is not None and not life.task.done():
                return life.ready.result()
            await self.close()
            self._must_be_startable()
            try:
                client = await self._connected()
            except PluginError:
                self._count_failure()
                raise
            self.listing = None
            return client

    def _must_be_startable(self) -> None:
        if self._ended:
            raise PluginError(f"The connection to MCP server {self.server.name} was ended.", code="mcp")
        wait = self._not_before - self.world.clock()
        if wait > 0:
            raise PluginError(
                f"MCP server {self.server.name} failed {self._failed} times in a row; it is tried again in "
                f"{wait:.0f} seconds. {self._last}".strip(),
                code="mcp",
            )

    def _count_failure(self) -> None:
        pause = limits.BACKOFF[min(self._failed, len(limits.BACKOFF) - 1)]
        self._failed += 1
        self._not_before = self.world.clock() + pause

    @property
    def _legacy(self) -> bool:
        return self._known is not None and self._known.legacy

    @property
    def _sse(self) -> bool:
        return self.server.transport == "sse" or (self._known is not None and self._known.sse)

    async def _connected(self) -> Client:
        """Connect, by the ways that are left: servers of older kinds end when they are asked about newer ones."""
        try:
            return await self._start()
        except PluginError as error:
            if (way := self._other_way(error)) is None:
                self._last = error.message
                raise
            self._known = way
        try:
            return await self._start()
        except PluginError as error:
            self._known, self._last = None, error.message
            raise

    def _other_way(self, error: PluginError) -> Listing | None:
        """Return how else the server may be talked to, or None."""
        if error.code != "mcp" or self._known is not None or self._ended:
            return None
        life = self._life
        if self.server.transport == "stdio":
            ended = life is not None and life.error is not None and life.log.garbage < limits.GARBAGE
            return Listing(legacy=True) if ended else None
        status = life.heard.status if life is not None and life.heard is not None else 0
        # "Backwards Compatibility" of the transports: a server that refuses the POST may be one of the older kind.
        return Listing(legacy=True, sse=True) if self.server.guessed and 400 <= status < 500 and status != 401 else None

    async def _start(self) -> Client:
        loop = asyncio.get_running_loop()
        life = _Life(loop.create_future(), asyncio.Event())
        self._life = life
        life.task = loop.create_task(self._live(life))
        try:
            return await asyncio.wait_for(asyncio.shield(life.ready), self._patience)
        except (Exception, asyncio.CancelledError) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            life.over.set()
            if life.task is not None and not life.task.done():
                life.task.cancel()
                await asyncio.wait({life.task}, timeout=4 * limits.GRACE)
            if cancelled:
                raise
            raise self._explain(error, life) from error

    async def _live(self, life: _Life) -> None:
        """Hold the connection open in this one task until it is over (the SDK's scopes belong to one task)."""
        try:
            async with self._new_client(life) as client:
                life.ready.set_result(client)
                life.streams.append(asyncio.create_task(self._listen(client, asyncio.Event())))
                try:
                    await life.over.wait()
                finally:
                    for stream in life.streams:
                        stream.cancel()
                    await asyncio.wait(life.streams)
        except BaseException as error:  # noqa: BLE001 - kept for whoever waits for it
            life.error = error
            if not life.ready.done():
                life.ready.set_exception(_first(error))
                life.ready.exception()  # it is raised where it is waited for, or nobody waits any more
        finally:
            life.over.set()

    async def _listen(self, client: Client, open_: asyncio.Event) -> None:
        """Keep the stream of changes open that newer servers have (2026-07-28, "Subscriptions"); older ones just tell.

        What comes in is also heard by `_heard`. Without the stream, changes are met at the next connection. `open_` is
        set when the server has agreed to it.
        """
        has = client.server_capabilities
        lists = {name: bool(getattr(getattr(has, name), "list_changed", False)) for name in _LISTS}
        if client.session.initialize_result is not None or not (any(lists.values()) or self._watching):
            return
        wanted: dict[str, Any] = {f"{name}_list_changed": said for name, said in lists.items()}
        with suppress(Exception):  # a stream that breaks off costs nothing but what it would have told
            async with client.listen(**wanted, resource_subscriptions=tuple(self._watching)) as changes:
                open_.set()
                async for _ in changes:
                    pass

    def _new_client(self, life: _Life) -> Client:
        local = self.server.transport == "stdio"
        return Client(
            self._transport(life),
            mode="legacy" if self._legacy or self._sse else "auto",
            client_info=types.Implementation(name="everpilot", version=_version()),
            # A server elsewhere has no use for the paths of this machine.
            list_roots_callback=self._roots if local and self.world.roots else None,
            elicitation_callback=self._elicit,
            logging_callback=self._logged,
            message_handler=self._heard,
            cache=None,
        )

    def _transport(self, life: _Life) -> Transport:
        if self.server.transport == "stdio":
            from copilot.plugins.mcp import stdio

            return stdio.transport(self.server, self.world.env, life.log, life.over.set)
        from copilot.plugins.mcp import http

        life.heard = http.Heard()
        headers = {**self.server.headers, **self.world.headers(self.server)}
        auth = None if "authorization" in {name.lower() for name in headers} else self.world.auth(self.server)
        return http.transport(self.server, headers, auth, life.heard, sse=self._sse)

    # --- asking ---------------------------------------------------------------------------------------------------

    async def _asked(self, request: Callable[[Client], Awaitable[_T]], *, repeat: bool) -> _T:
        client = await self._client()
        life = self._life
        assert life is not None
        try:
            answer = await request(client)
        except asyncio.CancelledError:
            self._hung += 1
            if self._hung >= _PATIENCE:  # it answers nobody: the next call meets a new one
                life.over.set()
            raise
        except Exception as error:
            await self._after(life, error)
            if _was_not_seen(error) or (repeat and _is_broken(error)):
                return await self._guarded(request(await self._client()))
            raise self._failure(error, life, repeat=repeat) from error
        self._failed, self._not_before, self._hung = 0, 0.0, 0
        return answer

    async def _guarded(self, answer: Awaitable[_T], seconds: float | None = None) -> _T:
        """Return an answer; whatever goes wrong is a PluginError."""
        life = self._life
        assert life is not None
        try:
            return await asyncio.wait_for(answer, seconds)
        except Exception as error:
            await self._after(life, error)
            raise self._failure(error, life, repeat=True) from error

    async def _after(self, life: _Life, error: BaseException) -> None:
        """End a connection that broke, and wait for what its own task knows of the reason."""
        if _is_broken(error) or _was_not_seen(error):
            life.over.set()
            if life.task is not None:
                await asyncio.wait({life.task}, timeout=4 * limits.GRACE)
            self._count_failure()

    def _failure(self, error: Exception, life: _Life, *, repeat: bool) -> Exception:
        if isinstance(error, MCPError) and error.code in _NOT_DONE:
            told = safe_text(error.message)[: limits.LOG_WIDTH]
            return ToolInputError(f"MCP server {self.server.name} refuses the call: {told}", code="mcp_refused")
        found = self._explain(error, life)
        if repeat or found.code == "sign_in":
            return found
        return MayHaveRunError(f"{found.message} It may have been done all the same.")

    def _explain(self, error: BaseException, life: _Life) -> PluginError:
        inner = life.error if life.error is not None and _is_broken(error) else None
        if inner is not None and not all(isinstance(e, asyncio.CancelledError) for e in leaves(inner)):
            error = inner
        status = life.heard.status if life.heard is not None else 0
        return explained(self.server, error, status=status, said=life.log.told())

    # --- what the server asks of us -------------------------------------------------------------------------------

    async def _roots(self, context: ClientRequestContext) -> types.ListRootsResult:
        return types.ListRootsResult(
            roots=[types.Root.model_validate({"uri": u, "name": u.rpartition("/")[2]}) for u in self.world.roots]
        )

    async def _elicit(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        question = Question.of(self.server.name, params)
        if question.is_elsewhere:
            self.notes.append("It wanted to send you to an address that is no web page, so that was declined.")
            return types.ElicitResult(action="decline")
        if (elicit := self.world.elicit()) is None:
            self.notes.append(f"It asked: {question.message!r}. Nobody can be asked here, so that was declined.")
            return types.ElicitResult(action="decline")
        answer = question.filled(await asyncio.to_thread(elicit, question))
        if why := question.misfit(answer):
            self.notes.append(f"It asked: {question.message!r}. {why}")
            return types.ElicitResult(action="cancel")
        return types.ElicitResult(action=answer.action, content=answer.content)

    async def _logged(self, params: types.LoggingMessageNotificationParams) -> None:
        if self._life is not None:
            self._life.log.say(f"{params.level}: {params.data}")

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            if (changed := self._watching.get(str(message.params.uri))) is not None:
                changed(str(message.params.uri))
        elif isinstance(
            message,
            types.ToolListChangedNotification
            | types.PromptListChangedNotification
            | types.ResourceListChangedNotification,
        ):
            self.stale = True
            self.world.notify(self.server, "its list changed")


def _first(error: BaseException) -> BaseException:
    """Return the error that says most: not a cancellation, where there is another."""
    found = list(leaves(error))
    plain = next((each for each in found if not isinstance(each, asyncio.CancelledError)), None)
    return plain or ConnectionError("Connection closed")


def _is_broken(error: BaseException) -> bool:
    return (isinstance(error, MCPError) and error.code == _CLOSED) or isinstance(
        error, OSError | anyio.ClosedResourceError
    )


def _was_not_seen(error: BaseException) -> bool:
    return isinstance(error, MCPError) and error.message == _FORGOTTEN


def _progress(done: float, total: float | None, message: str | None) -> str:
    """Return how far a call is, in words."""
    said = safe_text(message)[: limits.LOG_WIDTH] if message else ""
    share = f"{done:g} of {total:g}" if total else f"{done:g}"
    return f"{said} ({share})" if said else share


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    with suppress(PackageNotFoundError):
        return version("everpilot")
    return "0"
