"""Signing in to a server (MCP 2025-11-25, "Authorization"): the SDK's flow, our own storage, a loopback address.

The flow: protected resource metadata (RFC 9728), authorization server metadata (RFC 8414), dynamic client registration
(RFC 7591) or a client metadata document, authorization code with PKCE (RFC 7636), a resource indicator (RFC 8707),
refresh, and more scopes where the server asks for them. Tokens lie encrypted in the state folder, bound to the server's
address, and are sent nowhere else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from copilot.errors import PluginError

try:
    from mcp.client.auth import OAuthClientProvider
    from mcp.client.auth.oauth2 import OAuthContext
    from mcp.client.auth.utils import union_scopes
    from mcp.shared.auth import (
        AuthorizationCodeResult,
        OAuthClientInformationFull,
        OAuthClientMetadata,
        OAuthMetadata,
        OAuthToken,
        ProtectedResourceMetadata,
    )
except ImportError as missing:
    hint = 'Run: pip install "everpilot[mcp]"'
    raise PluginError(f"MCP servers need a library that is not installed ({missing}).", hint=hint) from missing

from copilot import _redaction
from copilot._sealing import VARIABLE, Sealer
from copilot.plugins.mcp.cache import FOLDER
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.connection import Connection, World
from copilot.plugins.mcp.faults import SignInNeededError
from copilot.trust.sanitise import safe_text
from copilot.workspace.save import make_private

#: Seconds that a person has to sign in, in the browser.
PATIENCE = 300.0
#: Seconds before its end from which a token is renewed rather than used.
_MARGIN = 60.0
_CALLBACK = "/callback"
_BASIC = "client_secret_basic"
_MOST_SCOPES = 2_000  # characters
_NOT_INTERACTIVE = "http://127.0.0.1/callback"
_MOST_REQUEST = 16_384  # bytes of a browser's request line and headers


class Storage:
    """What one sign-in left: tokens, when they end, who we are registered as, and where they came from.

    Without a key (EVERPILOT_KEY, or the keyring) nothing can be kept: SettingsError says so. A `fresh` one begins as if
    there had been no sign-in, and replaces the one before when there is a new one.
    """

    def __init__(self, state: Path, server: Server, *, fresh: bool = False) -> None:
        self._fresh = fresh
        self._about = server.url.encode()
        self._file = state / FOLDER / f"{hashlib.sha256(self._about).hexdigest()[:32]}.signin"
        self._sealer = _sealer(state / FOLDER / "signin.key", os.environ.get(VARIABLE, ""))
        self._server = server
        self.provider: OAuthClientProvider | None = None

    @property
    def is_used(self) -> bool:
        """Whether there is a sign-in; of a fresh one, whether there was a new one."""
        return not self._fresh and self._file.is_file()

    def forget(self) -> bool:
        """Remove it; False when there was none."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        return True

    def load(self) -> dict[str, Any]:
        """Return what is kept; nothing when it is damaged. Raises SettingsError without the key."""
        if self._fresh:
            return {}
        try:
            found = json.loads(self._sealer.open(self._file.read_bytes(), self._about))
        except (OSError, ValueError):
            return {}
        for name in ("access_token", "refresh_token"):
            _redaction.remember(str((found.get("tokens") or {}).get(name) or ""))
        return found if isinstance(found, dict) else {}

    def must_have_a_key(self) -> None:
        """Raise SettingsError where nothing could be kept."""
        self._sealer.seal(b"")

    def _keep(self, **more: Any) -> None:
        sealed = self._sealer.seal(json.dumps({**self.load(), **more}).encode(), self._about)
        make_private(self._file.parent)
        beside = self._file.with_suffix(f".{secrets.token_hex(6)}.tmp")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(sealed)
        beside.replace(self._file)
        self._fresh = False

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens, None if there are none."""
        found = self.load().get("tokens")
        return OAuthToken.model_validate(found) if found else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep tokens, and where they are renewed."""
        _redaction.remember(tokens.access_token, tokens.refresh_token or "")
        ends = time.time() + tokens.expires_in if tokens.expires_in else None
        context = self.provider.context if self.provider else None
        self._keep(
            tokens=tokens.model_dump(mode="json", exclude_none=True),
            ends=ends,
            issuer=_dumped(context.oauth_metadata if context else None),
            resource=_dumped(context.protected_resource_metadata if context else None),
        )

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return who we are to the server's authority: as its entry says, else as we were registered."""
        if client_id := self._server.auth.get("client_id"):
            secret = self._server.auth.get("client_secret") or None
            method = _BASIC if secret else "none"
            return OAuthClientInformationFull.model_validate(
                {
                    **{"client_id": client_id, "client_secret": secret, "token_endpoint_auth_method": method},
                    **{"redirect_uris": [_NOT_INTERACTIVE]},
                }
            )
        found = self.load().get("client")
        return OAuthClientInformationFull.model_validate(found) if found else None

    @property
    def wanted(self) -> str:
        """The scopes that the server asked for when the last sign-in did not do, "" when it never did."""
        return str(self.load().get("wanted") or "")

    def want(self, scopes: str) -> None:
        """Remember the scopes that the next sign-in has to ask for, too."""
        self._keep(wanted=scopes[:_MOST_SCOPES])

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep who we were registered as."""
        _redaction.remember(client_info.client_secret or "")
        self._keep(client=client_info.model_dump(mode="json", exclude_none=True))


@lru_cache(4)
def _sealer(key_file: Path, secret: str) -> Sealer:
    """Return the sealer of a folder, the same one while the secret is: to derive a key takes its time."""
    return Sealer(key_file, "The sign-ins of MCP servers")


def _dumped(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_none=True) if model is not None else None


class _Metadata(OAuthClientMetadata):
    """What we ask for: the scopes of the entry where it has some, else what the flow chooses; and those `wanted`."""

    chosen: str = Field("", exclude=True)
    wanted: str = Field("", exclude=True)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, union_scopes(self.chosen or value, self.wanted) if name == "scope" else value)


class _Context(OAuthContext):
    """Shows a secret the way that the authority takes it; one that says nothing takes HTTP Basic (RFC 8414, 2)."""

    def prepare_token_auth(
        self, data: dict[str, str], headers: dict[str, str] | None = None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form and the headers of a request for a token."""
        taken = (self.oauth_metadata and self.oauth_metadata.token_endpoint_auth_methods_supported) or [_BASIC]
        if self.client_info and self.client_info.token_endpoint_auth_method == _BASIC and _BASIC not in taken:
            method = {"token_endpoint_auth_method": "client_secret_post"}
            self.client_info = self.client_info.model_copy(update=method)
        return super().prepare_token_auth(data, headers)


class Provider(OAuthClientProvider):
    """The SDK's flow, that also remembers when tokens end and where they are renewed."""

    async def _initialize(self) -> None:
        await super()._initialize()
        storage = self.context.storage
        if not isinstance(storage, Storage):
            return
        kept = storage.load()
        if isinstance(kept.get("ends"), int | float):
            self.context.token_expiry_time = float(kept["ends"]) - _MARGIN
        with suppress(ValueError):
            if kept.get("issuer"):
                self.context.oauth_metadata = OAuthMetadata.model_validate(kept["issuer"])
            if kept.get("resource"):
                self.context.protected_resource_metadata = ProtectedResourceMetadata.model_validate(kept["resource"])


def stored(state: Path, server: Server) -> Provider | None:
    """Return the sign-in of a server for calls, None if there is none.

    Tokens are used and renewed, nobody is sent to a browser, and no app is registered.
    """
    storage = Storage(state, server)
    if not storage.is_used:
        return None

    async def nobody(url: str) -> None:
        storage.want(parse_qs(urlsplit(url).query).get("scope", [""])[0])
        raise SignInNeededError(server.name)

    async def never() -> AuthorizationCodeResult:
        raise SignInNeededError(server.name)

    return _provider(storage, server, _NOT_INTERACTIVE, nobody, never)


def _provider(storage: Storage, server: Server, redirect: str, send: Any, answer: Any, *, wanted: str = "") -> Provider:
    scopes = str(server.auth.get("scopes") or "")
    metadata = _Metadata.model_validate(
        {
            **{"client_name": "Everpilot", "redirect_uris": [redirect], "scope": scopes or None},
            **{"chosen": scopes, "wanted": wanted},
            **{"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"]},
        }
    )
    document = server.auth.get("client_metadata_url") or None
    try:
        made = Provider(server.url, metadata, storage, send, answer, client_metadata_url=document)
    except ValueError as error:
        raise PluginError(
            f"MCP server {server.name}: {error}.", hint="Mend client_metadata_url in its entry."
        ) from None
    made.context = _Context(**{each.name: getattr(made.context, each.name) for each in fields(made.context)})
    storage.provider = made
    return made


def login(
    server: Server,
    state: Path,
    *,
    show: Callable[[str], None] = print,
    browse: Callable[[str], object] = webbrowser.open,
    seconds: float = PATIENCE,
) -> str:
    """Sign in to a server, in the person's browser, and return what to tell. Raises PluginError or SettingsError.

    `show` is told the address, for a machine without a browser; `browse` opens it.
    """
    if server.transport == "stdio":
        raise PluginError(f"MCP server {server.name} is a program; it signs in by itself, or by its env.")
    if "authorization" in {name.lower() for name in server.headers}:
        raise PluginError(f"MCP server {server.name} has a header Authorization of its own; there is no sign-in.")
    wanted = Storage(state, server).wanted
    return asyncio.run(_login(server, Storage(state, server, fresh=True), show, browse, seconds, wanted))


def logout(server: Server, state: Path) -> bool:
    """Forget the sign-in; False when there was none. The server's authority may still count it until it expires."""
    return Storage(state, server).forget()


async def _login(
    server: Server,
    storage: Storage,
    show: Callable[[str], None],
    browse: Callable[[str], object],
    seconds: float,
    wanted: str,
) -> str:
    storage.must_have_a_key()  # else nobody is sent to a browser
    answered: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()
    listening = await asyncio.start_server(
        lambda reader, writer: _called_back(reader, writer, answered), "127.0.0.1", int(server.auth.get("port") or 0)
    )
    port = listening.sockets[0].getsockname()[1]

    async def send(url: str) -> None:
        show(f"Sign in to {server.name} here: {safe_text(url)}")
        await asyncio.to_thread(browse, url)

    async def answer() -> AuthorizationCodeResult:
        return await answered

    redirect = f"http://127.0.0.1:{port}{_CALLBACK}"
    provider = _provider(storage, server, redirect, send, answer, wanted=wanted)
    connection = Connection(server, World({}, auth=lambda server: provider), patience=seconds)
    async with listening:
        try:
            listing = await connection.list()
        finally:
            await connection.close()
            answered.cancel()
    if not storage.is_used:
        return f"{server.name} wants no sign-in: it offers {len(listing.tools)} tools as it is."
    return f"Signed in to {server.name}; it offers {len(listing.tools)} tools."


async def _called_back(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Future[AuthorizationCodeResult]
) -> None:
    """Take the browser's way back (RFC 8252, 7.3), once; anything else that calls here is told nothing."""
    told, status = "This is not the way back of a sign-in.", "404 Not Found"
    with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError, ValueError):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        target = head[:_MOST_REQUEST].split(b" ", 2)[1].decode("ascii", "replace")
        parts = urlsplit(target)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == _CALLBACK and not answered.done() and ("code" in given or "error" in given):
            told, status = _taken(given, answered), "200 OK"
    with suppress(ConnectionError):
        body = f"<!doctype html><meta charset=utf-8><title>Everpilot</title><p>{told}</p>".encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def _taken(given: dict[str, str], answered: asyncio.Future[AuthorizationCodeResult]) -> str:
    if "error" in given:
        why = safe_text(given.get("error_description") or given["error"])[:200]
        answered.set_exception(PluginError(f"the sign-in was refused: {why}.", hint="Try it again.", code="sign_in"))
        return "The sign-in was refused. You can close this window."
    answered.set_result(AuthorizationCodeResult(code=given["code"], state=given.get("state"), iss=given.get("iss")))
    return "You are signed in. You can close this window."
