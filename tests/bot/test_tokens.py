"""Whose tokens open the door: every wrong kind is refused, with a reason in the log and none to the sender."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from copilot.hosts.bot.keys import Keys, Unavailable, fetcher
from tests.bot.issuing import (
    APP,
    ISSUER,
    OTHER_TENANT,
    TENANT,
    V1,
    V2,
    Issuers,
    TestServer,
    entra,
    message,
    private,
    public,
    served,
    token,
)


def _now() -> int:
    return int(time.time())


def _unsigned(head: dict[str, Any], claims: dict[str, Any] | None = None) -> str:
    said = {"iss": ISSUER, "aud": APP, "exp": _now() + 60, "nbf": _now() - 60, **(claims or {})}
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in (head, said)]
    return ".".join([*parts, ""])


def _pem() -> bytes:
    return private("channel").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _confused() -> str:
    """HS256 with the public key, which everybody has, as the secret: RFC 8725, section 2.1."""
    import hashlib
    import hmac

    head = _unsigned({"alg": "HS256", "kid": "channel", "typ": "JWT"}).rstrip(".")
    made = hmac.new(_pem(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def _forged() -> str:
    head, body, signature = token().split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps({**said, "extra": 1}).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


#: What is wrong, the token, the status, and the reason in the log.
WRONG: list[tuple[str, Any, int, str]] = [
    ("none at all", None, 401, "no token"),
    ("no JWT", "abc", 401, "no token"),
    ("nonsense with dots", "a.b.c", 401, "malformed"),
    ("huge", "a" * 8_001 + ".b.c", 401, "no token"),
    ("another issuer", lambda: token({"iss": "https://sts.evil.example/"}), 401, "issuer"),
    ("the issuer of another cloud", lambda: token({"iss": "https://api.botframework.us"}), 401, "issuer"),
    ("an issuer that is no text", lambda: _unsigned({"alg": "RS256", "kid": "channel"}, {"iss": ["x"]}), 401, "issuer"),
    ("another audience", lambda: token({"aud": "someone-else"}), 401, "audience"),
    ("no audience", lambda: token(without=("aud",)), 401, "claims"),
    ("expired", lambda: token({"exp": _now() - 400}), 401, "expired"),
    ("no expiry", lambda: token(without=("exp",)), 401, "claims"),
    ("not valid yet", lambda: token({"nbf": _now() + 400}), 401, "not yet"),
    ("no begin", lambda: token(without=("nbf",)), 401, "claims"),
    ("algorithm none", lambda: _unsigned({"alg": "none", "kid": "channel"}), 401, "algorithm"),
    ("HS256", lambda: token(key="s" * 32, alg="HS256"), 401, "algorithm"),
    ("HS256 with the public key", _confused, 401, "algorithm"),
    ("PS256", lambda: token(key=private("channel"), alg="PS256"), 401, "algorithm"),
    ("signed by a stranger under our key's name", lambda: token(key="stranger"), 401, "signature"),
    ("changed after it was signed", _forged, 401, "signature"),
    ("a key that nobody knows", lambda: token(kid="unknown"), 401, "key"),
    ("no key named", lambda: token(kid=None), 401, "key"),
    ("a key of another kind", lambda: token(kid="curve"), 401, "key"),
    ("a broken key", lambda: token(kid="broken"), 401, "key"),
    ("a key brought along", lambda: token(key="stranger", headers={"jwk": public("stranger")}), 401, "signature"),
    ("a critical extension", lambda: _unsigned({"alg": "RS256", "kid": "channel", "crit": ["b64"]}), 401, "malformed"),
    ("another service", lambda: token({"serviceurl": "https://smba.trafficmanager.net/amer/"}), 403, "service url"),
    ("no service", lambda: token(without=("serviceurl",)), 403, "claims"),
    ("a key with no endorsement", lambda: token(key="unendorsed", kid="unendorsed"), 403, "endorsement"),
    ("Entra: signed by the channels' key", lambda: entra(key="channel", kid="channel"), 401, "key"),
    ("Entra: another tenant", lambda: entra(_in(OTHER_TENANT)), 403, "tenant"),
    ("Entra: tid of another tenant than the issuer's", lambda: entra({"tid": OTHER_TENANT}), 401, "tenant"),
    ("Entra: no tid", lambda: entra(without=("tid",)), 401, "tenant"),
    ("Entra: a key of another tenant", lambda: entra(key="personal", kid="personal"), 401, "tenant"),
    ("Entra: an issuer with more behind it", lambda: entra({"iss": f"{_in(TENANT)['iss']}/x"}), 401, "issuer"),
    ("Entra: an agent that nobody named", lambda: entra({"azp": "stranger"}), 403, "caller"),
    ("Entra: the agent only where v1.0 has it", lambda: entra({"azp": None, "appid": APP}), 403, "caller"),
    ("Entra: a person's token", lambda: entra({"scp": "access_as_user"}), 403, "caller"),
    ("Entra: another audience", lambda: entra({"aud": "https://graph.microsoft.com"}), 401, "audience"),
    ("Entra: no expiry", lambda: entra(without=("exp",)), 401, "claims"),
]


def _in(tenant: str) -> dict[str, str]:
    return {"iss": V2.replace("{tenant}", tenant), "tid": tenant}


async def test_every_wrong_token_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    found = {}
    async with served() as door:
        for what, made, _, _ in WRONG:
            caplog.clear()
            with caplog.at_level(logging.WARNING, "copilot"):
                response = await door.post(message(), made() if callable(made) else made)
            reasons = [r.fields["reason"] for r in caplog.records if r.msg == "refused"]
            found[what] = (response.status, *reasons)
            assert await response.read() == b"", what
        assert found == {what: (status, reason) for what, _, status, reason in WRONG}
        assert door.inbox.put_ == []
        assert door.issuers.asked == ["channel", "entra"]  # unknown keys don't make us ask again and again


@pytest.mark.parametrize(
    ("claims", "more"),
    [
        ({}, {}),
        ({"exp": -200}, {}),  # seconds from now: clocks may differ by five minutes
        ({"nbf": 200}, {}),
        ({"serviceurl": "https://SMBA.trafficmanager.net/emea"}, {}),
        ({"aud": [APP]}, {}),
    ],
)
async def test_a_channel_is_let_in(claims: dict[str, Any], more: dict[str, Any]) -> None:
    claims = {name: _now() + value if name in ("exp", "nbf") else value for name, value in claims.items()}
    async with served() as door:
        response = await door.post(message(), token(claims, **more))
        assert response.status == 202
        activity, who = door.inbox.put_[0]
        assert activity == message()
        assert (who["kind"], who["app"], who["tenant"]) == ("channel", "", "")


@pytest.mark.parametrize(
    ("claims", "settings"),
    [
        ({}, {}),
        ({"aud": f"api://{APP}"}, {}),
        ({"iss": V1.replace("{tenant}", TENANT), "ver": "1.0", "azp": None, "appid": APP}, {}),  # the bot itself
        (_in(OTHER_TENANT), {"tenant": "", "tenants": []}),  # of many tenants
        (_in(OTHER_TENANT), {"tenants": [OTHER_TENANT.upper()]}),
    ],
)
async def test_an_agent_that_is_named_is_let_in(claims: dict[str, Any], settings: dict[str, Any]) -> None:
    tenant = claims.get("tid", TENANT)
    said = message(channelData={"tenant": {"id": tenant.upper()}})
    said["conversation"] = {**said["conversation"], "tenantId": tenant}
    async with served(**settings) as door:
        response = await door.post(said, entra(claims))
        assert response.status == 202
        assert door.inbox.put_[0][1]["kind"] == "agent"
        assert door.inbox.put_[0][1]["tenant"] == tenant


async def test_an_agent_speaks_for_nobody_of_another_tenant() -> None:
    elsewhere = message(conversation={"id": "19:room", "tenantId": OTHER_TENANT})
    told = message(conversation={"id": "19:room"}, channelData={"tenant": {"id": OTHER_TENANT}})
    async with served(tenants=[TENANT, OTHER_TENANT]) as door:
        assert [(await door.post(each, entra())).status for each in (elsewhere, told)] == [403, 403]
        assert door.inbox.put_ == []


async def test_a_token_is_not_for_a_channel_that_its_key_may_not_sign_for() -> None:
    async with served() as door:
        assert (await door.post(message(channelId="webchat"))).status == 202
        assert (await door.post(message(channelId="msteams:COPILOT", id="2"))).status == 202
        assert (await door.post(message(channelId="slack"))).status == 403


async def test_keys_are_fetched_once_and_again_when_a_new_one_signs() -> None:
    issuers, now = Issuers(), [0.0]
    async with TestServer(issuers.app()) as server:
        fetch, close = fetcher()
        keys = Keys(str(server.make_url("/channel/openid")), fetch, ISSUER, lambda: now[0])
        assert all(await asyncio.gather(*(keys.find("channel") for _ in range(5))))
        issuers.keys["channel"].append(public("new"))
        assert await keys.find("new") is None  # asked a moment ago
        now[0] = 301
        assert await keys.find("new")
        assert await keys.find("channel")
        assert len(issuers.asked) == 2
        issuers.down = True
        now[0] += 25 * 3600
        assert await keys.find("channel")  # can't be fetched anew: the old one holds
        now[0] += 5 * 24 * 3600
        with pytest.raises(Unavailable):
            await keys.find("channel")
        await close()


async def test_without_keys_nobody_is_refused_for_good() -> None:
    async with served() as door:
        door.issuers.down = True
        response = await door.post(message())
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
        assert (await door.post(message())).status == 503
        assert door.issuers.asked == ["channel"]


@pytest.mark.parametrize("fault", ["issuer", "jwks_uri"])
async def test_a_configuration_that_leads_elsewhere_is_not_followed(fault: str) -> None:
    issuers = Issuers(elsewhere="http://127.0.0.1:1" if fault == "jwks_uri" else "")
    async with TestServer(issuers.app()) as server:
        fetch, close = fetcher()
        keys = Keys(str(server.make_url("/channel/openid")), fetch, "https://other" if fault == "issuer" else ISSUER)
        with pytest.raises(Unavailable):
            await keys.find("channel")
        await close()
