"""A server behind an address: streamable HTTP, or the older SSE, with limits on what it answers.

Redirects are followed within the origin only, and headers and tokens go to no other one (the SDK's own rule).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx2
from mcp.client import Transport
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server

#: Seconds to connect and to write; and between two pieces of an answer: a call's own deadline is shorter.
_TIMEOUT = httpx2.Timeout(20.0, read=limits.LONGEST)


@dataclass
class Heard:
    """The last refusal of the server, as HTTP tells it."""

    status: int = 0
    challenge: str = ""


class TooLarge(httpx2.StreamError):
    """An answer is larger than we take."""

    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {limits.ANSWER // 1_000_000} MB")


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > limits.ANSWER:
                raise TooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Limited(httpx2.AsyncHTTPTransport):
    """Counts the bytes of each answer as they come, whatever its headers say."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"  # a compressed answer could unfold to any size
        response = await super().handle_async_request(request)
        response.stream = _Counted(cast(httpx2.AsyncByteStream, response.stream))
        return response


def client(headers: Mapping[str, str], auth: httpx2.Auth | None, heard: Heard, address: str = "") -> httpx2.AsyncClient:
    """Return the HTTP client of one server; `heard` is told what it refuses.

    With an `address` only what that one refuses counts: a sign-in asks at others, too, where a refusal means nothing.
    """

    async def listen(response: httpx2.Response) -> None:
        if response.status_code >= 400 and (not address or response.request.url == httpx2.URL(address)):
            heard.status = response.status_code
            heard.challenge = response.headers.get("www-authenticate", "")

    return httpx2.AsyncClient(
        headers={"User-Agent": "everpilot", **headers},
        auth=auth,
        timeout=_TIMEOUT,
        transport=_Limited(),
        event_hooks={"response": [listen]},
        follow_redirects=False,
    )


@asynccontextmanager
async def _streamable(server: Server, made: httpx2.AsyncClient) -> AsyncIterator[Any]:
    async with made, streamable_http_client(server.url, http_client=made) as streams:
        yield streams


def transport(
    server: Server,
    headers: Mapping[str, str],
    auth: httpx2.Auth | None,
    heard: Heard,
    *,
    sse: bool = False,
) -> Transport:
    """Return the way to a server at an address, for the SDK's client; `sse` chooses the older transport."""

    def make(**given: Any) -> httpx2.AsyncClient:
        return client(headers, auth, heard)

    if sse:
        factory = cast(Callable[..., httpx2.AsyncClient], make)
        return cast(Transport, sse_client(server.url, httpx_client_factory=factory))
    return cast(Transport, _streamable(server, client(headers, auth, heard, server.url)))
