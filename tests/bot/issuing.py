"""What the tests of the door need: issuers with keys of their own, tokens of every kind, an inbox that remembers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from copilot.hosts.bot.app import create_app
from copilot.hosts.bot.clouds import CLOUDS, Cloud
from copilot.hosts.bot.inbox import Answer
from copilot.hosts.bot.keys import fetcher
from copilot.sections.bot import BotSettings
from copilot.settings import Settings

APP = "11111111-2222-3333-4444-555555555555"
AGENT = "99999999-8888-7777-6666-555555555555"
TENANT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
OTHER_TENANT = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee"
SERVICE = "https://smba.trafficmanager.net/emea/"
ISSUER = CLOUDS["public"].issuer
V1, V2 = CLOUDS["public"].entra_issuers


#: Names that share a key with another: making one takes a while.
_SAME = {"unendorsed": "channel", "personal": "entra", "new": "stranger"}


def private(name: str) -> rsa.RSAPrivateKey:
    """The key of this name; 2048 bits, as Microsoft's."""
    return _made(_SAME.get(name, name))


@cache
def _made(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public(name: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = RSAAlgorithm.to_jwk(private(name).public_key(), as_dict=True)
    return {"kty": "RSA", "use": "sig", "kid": name, "n": made["n"], "e": made["e"], **more}


def token(
    claims: dict[str, Any] | None = None,
    *,
    key: Any = "channel",
    kid: str | None = "channel",
    alg: str = "RS256",
    without: tuple[str, ...] = (),
    headers: dict[str, Any] | None = None,
) -> str:
    """A token of the channels' issuer, as Microsoft's are, but for what is given."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": APP, "serviceurl": SERVICE, "nbf": now - 60, "exp": now + 3600, **(claims or {})}
    for name in without:
        del said[name]
    head = {**({"kid": kid} if kid else {}), **(headers or {})}
    return jwt.encode(said, private(key) if isinstance(key, str) and alg == "RS256" else key, alg, head)


def entra(claims: dict[str, Any] | None = None, **more: Any) -> str:
    """A token by which another agent asks this one (client credentials, v2.0)."""
    said = {"iss": V2.replace("{tenant}", TENANT), "tid": TENANT, "azp": AGENT, "ver": "2.0", **(claims or {})}
    without = (*more.pop("without", ()), "serviceurl")
    return token(said, **{"key": "entra", "kid": "entra", "without": without, **more})


def message(**more: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "1",
        "channelId": "msteams",
        "serviceUrl": SERVICE,
        "from": {"id": "29:ada", "name": "Ada", "aadObjectId": "0"},
        "recipient": {"id": "28:bot"},
        "conversation": {"id": "19:room;messageid=7", "conversationType": "personal", "tenantId": TENANT},
        "text": "What is in contract.docx?",
        "channelData": {"tenant": {"id": TENANT}},
        **more,
    }


@dataclass
class Issuers:
    """Serves the channels' keys and Entra's; `asked` counts."""

    keys: dict[str, list[Any]] = field(
        default_factory=lambda: {
            "channel": [
                public("channel", endorsements=["msteams", "webchat"]),
                public("unendorsed"),
                {"kty": "EC", "kid": "curve"},
                {"kty": "RSA", "kid": "broken", "n": 5, "e": None},
                "nonsense",
            ],
            "entra": [
                public("entra", issuer="https://login.microsoftonline.com/{tenantid}/v2.0"),
                public("personal", issuer=f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"),
            ],
        }
    )
    asked: list[str] = field(default_factory=list)
    down: bool = False
    elsewhere: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/{who}/openid", self._openid), web.get("/{who}/keys", self._keys)])
        return app

    async def _openid(self, request: web.Request) -> web.Response:
        who = request.match_info["who"]
        self.asked.append(who)
        if self.down:
            return web.Response(status=503)
        there = self.elsewhere or f"http://{request.host}"
        return web.json_response({"issuer": ISSUER, "jwks_uri": f"{there}/{who}/keys"})

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": self.keys[request.match_info["who"]]})


@dataclass
class Kept:
    """An inbox that keeps what it is given in a list."""

    put_: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    room: int = 1_000
    running: bool = False
    quick: Answer | None = None
    fault: Exception | None = None
    away: str = ""
    drained: list[float] = field(default_factory=list)

    async def put(self, activity: dict[str, Any], who: dict[str, Any]) -> Any:
        if self.fault:
            raise self.fault
        if len(self.put_) >= self.room:
            return "full"
        known = any(each["id"] == activity["id"] for each, _ in self.put_)
        self.put_.append((activity, who))
        return "known" if known else "new"

    async def replies(self, activity: dict[str, Any], who: dict[str, Any]) -> list[dict[str, Any]] | None:
        return None if self.room == 0 else [{"type": "message", "text": f"You said: {activity['text']}"}]

    async def answer(self, invoke: dict[str, Any], who: dict[str, Any]) -> Answer | None:
        return self.quick

    async def stop(self, activity: dict[str, Any], who: dict[str, Any]) -> bool:
        was, self.running = self.running, False
        return was

    async def trouble(self) -> str:
        return self.away

    def waiting(self) -> int:
        return len(self.put_)

    async def drain(self, seconds: float) -> int:
        self.drained.append(seconds)
        return 2


def local_cloud(server: TestServer) -> Cloud:
    """The public cloud, with its issuers' addresses on this machine."""
    at = CLOUDS["public"]
    here = {
        "metadata": str(server.make_url("/channel/openid")),
        "entra_metadata": str(server.make_url("/entra/openid")),
    }
    return Cloud(**{**vars(at), **here})


@dataclass
class Served:
    """A door that is open, and who stands around it."""

    client: TestClient[Any, Any]
    inbox: Kept
    issuers: Issuers
    cloud: Cloud

    async def post(self, activity: Any, bearer: str | None = "", **more: Any) -> Any:
        """Send an activity; with a good token, unless another or none (None) is given."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer or token()}"}
        return await self.client.post("/api/messages", json=activity, headers={**headers, **more.pop("headers", {})})


@asynccontextmanager
async def served(**bot: Any) -> AsyncIterator[Served]:
    """Open a door. It is a bot of one tenant that one other agent may ask, unless other settings are given."""
    issuers, inbox = Issuers(), Kept()
    settings = Settings(bot=BotSettings(**{"app_id": APP, "tenant": TENANT, "agents": [AGENT], **bot}))
    async with TestServer(issuers.app()) as there:
        cloud = local_cloud(there)
        fetch, close = fetcher()
        app = create_app(settings, inbox, cloud=cloud, fetch=fetch)
        async with TestClient(TestServer(app)) as client:
            yield Served(client, inbox, issuers, cloud)
        await close()
