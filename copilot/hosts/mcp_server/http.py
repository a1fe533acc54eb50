"""The server over streamable HTTP: who may reach it, and from where.

A page in a browser may not: requests of other origins than those that were named are refused, and so are those that
came by another name than the machine's own (DNS rebinding). Off this machine nothing is served without a token.
Source: Model Context Protocol, "Transports", "Security Warning".
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http import EventStore
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from copilot.errors import SettingsError
from copilot.hosts.mcp_server.events import RecentEvents

PATH = "/mcp"
_SESSIONS = 64
_LAST_SECONDS = 3  # for what is being answered when it is told to stop; open streams would keep it for ever
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Address:
    """Where it listens, which token a client must show ("": none), and which pages may reach it."""

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    origins: tuple[str, ...] = field(default=())

    @classmethod
    def parse(cls, given: str, token: str = "", origins: tuple[str, ...] = ()) -> Address:
        """Return the address of "PORT", "HOST:PORT" or "[::1]:PORT"; raises SettingsError for anything else.

        Also for one that is not this machine's own when there is no token.
        """
        host, _, port = given.rpartition(":")
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            raise SettingsError(f"--http {given!r} is no port.", hint="Such as --http 8765, or --http 127.0.0.1:8765.")
        found = cls(host.strip("[]") or "127.0.0.1", int(port), token, origins)
        if not found.is_local and not token:
            hint = "Put a long secret into a variable and name it: --token-env EVERPILOT_MCP_TOKEN"
            raise SettingsError(f"{found.host} can be reached from other machines, so a token is needed.", hint=hint)
        return found

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def url(self) -> str:
        """The address for a client."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{PATH}"

    def security(self) -> TransportSecuritySettings:
        """Return which names and origins are taken.

        On other addresses any name is: there the token keeps strangers out, whatever name led them here.
        """
        own = [f"http://{name}:*" for name in _LOOPBACK]
        names = [each for name in (*_LOOPBACK, self.host) for each in (name, f"{name}:*")]
        return TransportSecuritySettings(
            enable_dns_rebinding_protection=self.is_local,
            allowed_hosts=names,
            allowed_origins=[*own, *self.origins],
        )


class _Sessions(StreamableHTTPSessionManager):
    """Sessions that each have a store of events of their own."""

    @property
    def event_store(self) -> EventStore | None:
        """A new store: it is asked for once, when a session begins."""
        return RecentEvents()

    @event_store.setter
    def event_store(self, value: EventStore | None) -> None:
        """Take what the parent sets at first, which is nothing."""


class Gate:
    """Lets a request in by its token and its origin, before anything of it is read."""

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self._app = app
        self._token = _digest(address.token) if address.token else b""
        self._origins = frozenset(address.origins)
        self._local = address.is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not (401, 403)."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if self._token and not self._knows(headers.get("authorization", "")):
                refused = JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": "Bearer"})
                await refused(scope, receive, send)
                return
            origin = headers.get("origin")
            if origin is not None and not self._local and origin not in self._origins:
                await JSONResponse({"error": "this origin is not allowed"}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _knows(self, given: str) -> bool:
        """Compare in a time that says nothing of the token; RFC 6750, section 2.1."""
        scheme, _, token = given.partition(" ")
        return hmac.compare_digest(_digest(token.strip()), self._token) and scheme.lower() == "bearer"


def application(server: Server[Any], address: Address) -> Starlette:
    """Return the ASGI application that serves `server` at `PATH`."""
    manager = _Sessions(server, security_settings=address.security(), max_sessions=_SESSIONS)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(address.origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Mcp-Session-Id"],
    )
    return Starlette(
        routes=[Route(PATH, endpoint=StreamableHTTPASGIApp(manager))],
        middleware=[*([cors] if address.origins else []), Middleware(Gate, address=address)],
        lifespan=lambda app: manager.run(),
    )


def listening(address: Address) -> socket.socket:
    """Return the socket that it listens on; raises SettingsError when the port is taken, or not ours to take."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
    except OSError as error:
        made.close()
        raise SettingsError(
            f"{address.url} can't be served: {error.strerror or error}.", hint="Take another port."
        ) from error
    return made


async def over_http(server: Server[Any], address: Address, bound: socket.socket) -> None:
    """Serve until the process is told to stop; what is logged goes to stderr."""
    import uvicorn

    app = application(server, address)
    config = uvicorn.Config(
        app, log_config=None, lifespan="on", server_header=False, timeout_graceful_shutdown=_LAST_SECONDS
    )
    await uvicorn.Server(config).serve(sockets=[bound])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
