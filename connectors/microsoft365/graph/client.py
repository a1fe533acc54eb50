"""The client of Microsoft Graph: asynchronous calls that are repeated where that is harmless, and explained errors."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack
from urllib.parse import urlsplit

from copilot.errors import ServiceError, SettingsError

from . import batch, delta, downloads, paging, uploads
from .errors import GraphError
from .limiter import Limiter, shared
from .models import Json
from .requests import Call, More, Reply, refuse_writes
from .retry import Backoff, Clock, Outcome, SystemClock
from .wire import LARGEST, Wire, is_here, origin

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)

#: Seconds that one call may take with all its waits, and one sending of it.
PATIENCE, ONE_ANSWER = 90.0, 40.0
#: Bytes a second at which content moves at least: it is given more time. Silence ends a sending sooner.
SLOWEST = 64 * 1024


class Tokens(Protocol):
    """Where access tokens come from."""

    async def token(self, *, refused: str = "", claims: str = "") -> str:
        """Return a token that is good for Graph.

        `refused` is one that Graph has just refused: another one is needed. `claims` is what Graph wants proved in it
        ("Claims challenges"). Raises ServiceError (signed_out) when somebody has to sign in.
        """
        ...


class Graph:
    """Graph for one account. Everything is done on one event loop (`copilot.plugins.connections.loop`).

    `base_url` is one of NATIONAL_URLS, or where a fake listens; `tenant` names whose calls share a limiter. With
    `writes` False a call that would change something is refused before it leaves.
    """

    def __init__(
        self,
        base_url: str,
        tokens: Tokens,
        *,
        account: str = "",
        tenant: str = "",
        writes: bool = True,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        limiter: Limiter | None = None,
        patience: float = PATIENCE,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        place = urlsplit(base_url)
        if not place.hostname or (place.scheme != "https" and not (place.scheme == "http" and is_here(base_url))):
            raise SettingsError(f"{base_url!r} is no address of Microsoft Graph.", hint="It begins with https://.")
        self.base_url = base_url.rstrip("/")
        self.account, self.writes, self.patience = account, writes, patience
        self.clock = clock or SystemClock()
        self.backoff = backoff or Backoff()
        self.limiter = limiter or shared(f"{origin(base_url)} {tenant}")
        self.tokens = tokens
        self.wire = Wire(verify, direct=is_here(base_url), account=account, clock=self.clock)

    # --- one call -----------------------------------------------------------------------------------------------------

    async def get(self, path: str, **more: Unpack[More]) -> Json:
        """Return the object at a path."""
        return (await self.send(Call("GET", path, **more))).json

    async def post(self, path: str, json: Any = None, **more: Unpack[More]) -> Json:
        """Return what a POST answers, {} if nothing. It is not sent twice unless `idempotent` says that it may be."""
        return (await self.send(Call("POST", path, json=json, **more))).json

    async def patch(self, path: str, json: Any, **more: Unpack[More]) -> Json:
        """Return the object after a change. It is sent twice only with `if_match` or `idempotent`."""
        return (await self.send(Call("PATCH", path, json=json, **more))).json

    async def put(self, path: str, json: Any, **more: Unpack[More]) -> Json:
        """Return the object after it was replaced."""
        return (await self.send(Call("PUT", path, json=json, **more))).json

    async def delete(self, path: str, **more: Unpack[More]) -> None:
        """Delete what lies at a path."""
        await self.send(Call("DELETE", path, **more))

    async def send(self, call: Call) -> Reply:
        """Return the answer to a call, sent again where that is harmless, within `patience` seconds.

        Raises GraphError; its code is "uncertain" when the call may have been done and can't be sent twice.
        """
        until = self.clock.monotonic() + self.patience
        before: GraphError | None = None  # of a sending that may have been done
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._next(call, until, before)
            if outcome.reply is not None:
                return outcome.reply
            assert outcome.trouble is not None
            if before is not None and not outcome.passing:
                return _settled(call, outcome.trouble, before)
            if outcome.done in ("maybe", "lost"):
                if not call.repeatable:
                    raise _unknown(call, outcome)
                before = outcome.trouble
            await self._wait(call, outcome, attempt, until, before)

    async def _next(self, call: Call, until: float, before: GraphError | None) -> Outcome:
        try:
            return await self.once(call, until)
        except ServiceError as error:
            if before is None or call.reads:
                raise
            raise GraphError.uncertain(call.title, before, error) from error

    async def _wait(self, call: Call, outcome: Outcome, attempt: int, until: float, before: GraphError | None) -> None:
        """Wait before the next sending; raises the outcome's error when there is none."""
        trouble = outcome.trouble
        assert trouble is not None
        pause = self.backoff.pause(attempt, outcome.wait)
        if outcome.throttled:
            self.limiter.throttled(pause)
        late = self.clock.monotonic() + pause > until
        if not outcome.passing or late or (attempt >= self.backoff.attempts and not outcome.throttled):
            if before is not None and not call.reads and trouble.code != "uncertain":
                raise GraphError.uncertain(call.title, before, trouble) from trouble
            raise trouble
        log.info("%s again in %.1f s: %s", call.method, pause, trouble.message)
        if not outcome.throttled:  # else the limiter waits, with everybody
            await self.clock.sleep(pause)

    async def once(self, call: Call, until: float | None = None) -> Outcome:
        """Return what one sending of a call comes to; a token that is refused is renewed, once.

        Raises ServiceError for what is refused before it leaves, and when nobody is signed in.
        """
        until = self.clock.monotonic() + self.patience if until is None else until
        call.checked()
        if not self.writes:
            refuse_writes(call)
        token = "" if call.bare else await self.tokens.token()
        outcome = await self._once(call, token, until)
        if outcome.trouble is not None and outcome.trouble.status == 401 and not call.bare:
            claims = outcome.trouble.claims
            fresh = await self.tokens.token(refused=token, claims=claims)
            if fresh != token:
                outcome = await self._once(call, fresh, until)
        if outcome.reply is not None:
            self.limiter.went_well()
        return outcome

    async def _once(self, call: Call, token: str, until: float) -> Outcome:
        async with self.limiter.turn(until, call.title):
            left = max(min(until - self.clock.monotonic(), ONE_ANSWER), 0.1)
            left += (len(call.content or b"") + (LARGEST if call.raw else 0)) / SLOWEST
            return await self.wire.exchange(call, self.url(call), token, left)

    def url(self, call: Call) -> str:
        """Return the whole address of a call. Raises GraphError for a link that leads elsewhere."""
        if call.bare:
            return call.path
        if call.link:
            if origin(call.link) != origin(self.base_url):
                raise GraphError.nonsense(call.title, "its next page lies on another server")
            return call.link
        query = call.query()
        return f"{self.base_url}/{'beta' if call.beta else 'v1.0'}{call.path}{'?' if query else ''}{query}"

    # --- many ---------------------------------------------------------------------------------------------------------

    def pages(self, path: str, *, top: int = 0, **more: Unpack[More]) -> AsyncIterator[paging.Page]:
        """Yield the pages of a collection; `top` is how many entries each should have."""
        return paging.pages(self, paging.listing(path, top, more))

    async def items(self, path: str, *, limit: int, top: int | None = None, **more: Unpack[More]) -> paging.Items:
        """Return the first `limit` entries of a collection, and whether there are more.

        As many a page as are wanted are asked for, at most paging.TOP, or `top`; 0 where `$top` is not taken.
        """
        return await paging.items(
            self, paging.listing(path, min(limit, paging.TOP) if top is None else top, more), limit
        )

    async def batch(self, calls: Sequence[Call | batch.Step]) -> list[Reply | GraphError]:
        """Return what each of the calls came to, in their order; see batch.run."""
        return await batch.run(self, calls)

    async def delta(self, path: str, link: str = "", **more: Unpack[More]) -> delta.Delta:
        """Return what changed since `link`, everything without one; see delta.changes."""
        return await delta.changes(self, Call("GET", path, **more), link)

    # --- content ------------------------------------------------------------------------------------------------------

    async def content(self, path: str, *, limit: int, **more: Unpack[More]) -> bytes:
        """Return the bytes at a path, at most `limit`; see downloads.content."""
        return await downloads.content(self, Call("GET", path, **more), limit)

    async def download(self, path: str, target: Path, **more: Unpack[downloads.Options]) -> downloads.Downloaded:
        """Write the content of the file at an item's path to `target`; see downloads.download."""
        return await downloads.download(self, path, target, **more)

    async def upload(self, path: str, source: bytes | Path, **more: Unpack[uploads.Options]) -> Json:
        """Return the item after its content was stored; see uploads.upload."""
        return await uploads.upload(self, path, source, **more)

    async def close(self) -> None:
        """Close the connections."""
        await self.wire.close()


def _settled(call: Call, trouble: GraphError, before: GraphError) -> Reply:
    """Return the reply where a refusal says that an earlier sending was done; raises what is not certain.

    A DELETE that now finds nothing did its work. Any other refusal can be our own doing (a precondition that fails
    because of what we wrote, a name that we took) or somebody else's.
    """
    if call.reads:
        raise trouble
    if call.method == "DELETE" and trouble.status in (404, 410):
        return Reply(204)
    raise GraphError.uncertain(call.title, before, trouble)


def _unknown(call: Call, outcome: Outcome) -> GraphError:
    assert outcome.trouble is not None
    why = "it said that it was done, but its answer broke off" if outcome.done == "lost" else ""
    return GraphError.uncertain(call.title, outcome.trouble, why=why)
