"""ASGI by hand: the body in, the answer out, and a connection that breaks. Source: ASGI, "HTTP & WebSocket" 2.3."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from copilot.demo.microsoft365.call import Answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    parts = []
    while True:
        event = await receive()
        parts.append(event.get("body", b""))
        if event["type"] == "http.disconnect" or not event.get("more_body"):
            return b"".join(parts)


async def send_answer(send: Send, answer: Answer, *, truncated: bool = False) -> None:
    """Send an answer; a truncated one promises all of its body, gives half, and breaks off."""
    headers = [(k.lower().encode("latin-1"), v.encode("latin-1", "replace")) for k, v in answer.headers.items()]
    if answer.status != 204 and answer.status >= 200:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if truncated and len(answer.body) > 1:
        await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        await cut(send)
        return
    await send({"type": "http.response.body", "body": answer.body})


async def cut(send: Send) -> None:
    """Break the connection. The server's own object is behind `send`; without one the client gets an empty answer."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the server broke the connection")
    transport.close() if transport.get_write_buffer_size() else transport.abort()
    await asyncio.sleep(0)
    while not transport.is_closing():  # pragma: no cover - closing is immediate
        await asyncio.sleep(0)
