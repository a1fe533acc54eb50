"""A server that speaks HTTP/1.1 by hand, so that it can break off anywhere; a clock that is only moved by waiting."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from copilot.connectors.microsoft365.graph import Backoff, Graph, Limiter


@dataclass(frozen=True)
class Asked:
    """A request that came in; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """An answer. `cut` are the bytes of it after which the connection is reset; 0 resets it without an answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None

    def wire(self) -> bytes:
        raw = (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )
        heads = {"content-length": str(len(raw)), "request-id": "req-1"}
        if not isinstance(self.body, bytes) and self.body is not None:
            heads["content-type"] = "application/json"
        lines = [f"HTTP/1.1 {self.status} X", *(f"{k}: {v}" for k, v in {**heads, **self.headers}.items()), "", ""]
        return "\r\n".join(lines).encode() + raw


def refusal(status: int, code: str = "", message: str = "", headers: Mapping[str, str] | None = None) -> Says:
    """A refusal as Graph writes it."""
    inner = {"date": "2026-01-01T00:00:00", "request-id": "inner-1"}
    return Says(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers or {})


Handler = Callable[[Asked], Says | Awaitable[Says]]


class Server:
    """Answers with what `handler` returns, and remembers what it was asked."""

    def __init__(self) -> None:
        self.handler: Handler = lambda asked: Says(200, {})
        self.asked: list[Asked] = []
        self.url = ""
        self._serving: set[asyncio.Task[None]] = set()

    def script(self, *answers: Says) -> None:
        """Answer with these, one after the other."""
        left = list(answers)
        self.handler = lambda asked: left.pop(0)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(task := asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await self._answered(await self._read(reader), writer):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()
        self._serving.discard(task)

    async def _answered(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Return whether the connection stays."""
        self.asked.append(asked)
        found = self.handler(asked)
        says = found if isinstance(found, Says) else await found
        writer.write(says.wire()[: says.cut])
        return says.cut is None

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


class FakeClock:
    """A clock that stands still but for who waits."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self.time - 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Tokens:
    """Tokens that are numbered; those in `refused` were."""

    def __init__(self) -> None:
        self.number = 1
        self.claims: list[str] = []

    async def token(self, *, refused: str = "", claims: str = "") -> str:
        if refused == self.now:
            self.number += 1
            self.claims.append(claims)
        return self.now

    @property
    def now(self) -> str:
        return f"secret-token-{self.number}"


@dataclass
class Desk:
    """A server, and a client of it."""

    server: Server
    clock: FakeClock
    tokens: Tokens
    graph: Graph

    def client(self, **more: Any) -> Graph:
        """Another client of the same server."""
        given = {"account": "work", "clock": self.clock, "limiter": Limiter(self.clock)}
        given["backoff"] = Backoff(jitter=lambda: 1.0)
        return Graph(self.server.url, self.tokens, **{**given, **more})


@contextlib.asynccontextmanager
async def desk() -> Any:
    server, clock, tokens = Server(), FakeClock(), Tokens()
    await server.start()
    made = Desk(server, clock, tokens, None)  # type: ignore[arg-type]
    made.graph = made.client()
    try:
        yield made
    finally:
        await made.graph.close()
        await server.stop()
