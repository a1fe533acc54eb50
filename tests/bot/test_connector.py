"""Replies to a channel's service: a real server that takes them, throttles, refuses and breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from copilot.errors import SettingsError
from copilot.hosts.bot.clouds import CLOUDS
from copilot.hosts.bot.connector import Collected, Connector, Refused, ServiceChannel
from copilot.hosts.bot.credentials import AppToken, signing
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.metrics import Metrics
from copilot.sections.bot import BotSettings
from tests.bot.issuing import APP, message

#: A connection that ends with no answer.
CUT = 0


@dataclass
class Service:
    """A channel's service. `answers`: (status, headers) of the next requests; then it takes everything."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    heard: asyncio.Event | None = None

    def app(self, heard: asyncio.Event | None = None) -> web.Application:
        self.heard = heard
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.calls.append((request.method, request.raw_path, body))
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.heard:
            self.heard.set()
        status, headers = self.answers.pop(0) if self.answers else (201, {})
        if status == CUT:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"id": f"r{len(self.calls)}"}, status=status or 200, headers=headers)


class Signed:
    """Tokens that are numbered."""

    def __init__(self) -> None:
        self.number = 1
        self.fault = ""

    async def token(self) -> str:
        if self.fault:
            raise SettingsError(self.fault)
        return f"t{self.number}"

    def renew(self) -> None:
        self.number += 1


@dataclass
class Sending:
    service: Service
    channel: ServiceChannel
    signed: Signed
    slept: list[float]
    metrics: Metrics

    async def outcome(self, method: str = "send") -> tuple[str, bool, float | None]:
        given: dict[str, tuple[Any, ...]] = {
            "send": ({"text": "Hi"},),
            "update": ("m1", {"text": "Hi"}),
            "delete": ("m1",),
        }
        with pytest.raises(Refused) as refused:
            await getattr(self.channel, method)(*given[method])
        return refused.value.code, refused.value.later, refused.value.retry_after


@asynccontextmanager
async def sending(*answers: tuple[int, dict[str, str]], **more: Any) -> AsyncIterator[Sending]:
    service, signed, slept, metrics = Service(list(answers)), Signed(), [], Metrics()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with TestServer(service.app()) as server:
        connector = Connector(signed, Hosts((), here=True), metrics, sleep)
        channel = connector.channel(message(serviceUrl=str(server.make_url("/amer/")), **more))
        yield Sending(service, channel, signed, slept, metrics)
        await connector.close()


async def test_what_is_sent_says_where_it_belongs() -> None:
    async with sending() as to:
        assert await to.channel.send({"text": "Hi", "id": "mine"}) == "r1"
        await to.channel.update("m/1", {"text": "Ho"})
        await to.channel.delete("m1")
        await to.channel.typing()
        post, put, delete, typing = to.service.calls
        place = "/amer/v3/conversations/19%3Aroom%3Bmessageid%3D7/activities"
        assert [call[:2] for call in (post, put, delete)] == [
            ("POST", f"{place}/1"),
            ("PUT", f"{place}/m%2F1"),
            ("DELETE", f"{place}/m1"),
        ]
        assert (post[2]["text"], post[2]["type"], post[2]["replyToId"]) == ("Hi", "message", "1")
        assert (post[2]["from"]["id"], post[2]["recipient"]["id"]) == ("28:bot", "29:ada")
        assert "id" not in post[2]
        assert (put[2]["id"], typing[1], typing[2]["type"]) == ("m/1", place, "typing")
        assert set(to.service.tokens) == {"Bearer t1"}


async def test_an_id_of_a_channel_is_never_another_place() -> None:
    async with sending(conversation={"id": "a/../../b?c#d%2e" + "x" * 200}) as to:
        await to.channel.send({"text": "Hi"})
        assert to.service.calls[0][1].startswith("/amer/v3/conversations/a%2F..%2F..%2Fb%3Fc%23d%252ex")
        assert "x" * 200 in to.service.calls[0][1]
    async with sending(conversation={"id": ".."}) as to:
        assert (await to.outcome())[0] == "invalid"


async def test_a_throttled_reply_is_sent_again_when_the_channel_says() -> None:
    soon = format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)
    async with sending(
        (429, {"Retry-After": "3"}), (503, {"Retry-After": soon}), (502, {}), (504, {"Retry-After": "?"})
    ) as to:
        assert await to.channel.send({"text": "Hi"}) == "r5"
        assert to.slept[:2] == [3.0, 0.0]
        assert 2 <= to.slept[2] <= 4 <= to.slept[3] <= 8
        assert b'everpilot_bot_retries_total{why="429"} 1.0' in to.metrics.text()[0]


@pytest.mark.parametrize(
    ("answers", "method", "outcome", "calls"),
    [
        ([(429, {"Retry-After": "3600"})], "send", ("throttled", True, 3600.0), 1),  # kept for the next message
        ([(429, {"Retry-After": "30"})] * 3, "send", ("throttled", True, 30.0), 2),
        ([(503, {})] * 9, "send", ("throttled", True, None), 5),
        ([(403, {})], "send", ("denied", False, None), 1),
        ([(404, {})], "update", ("missing", False, None), 1),
        ([(400, {})], "send", ("invalid", False, None), 1),
        ([(413, {})], "send", ("full", False, None), 1),
        ([(500, {})], "send", ("broken", False, None), 1),
        ([(307, {"Location": "http://127.0.0.1:1/"})], "send", ("broken", False, None), 1),
        ([(401, {})] * 3, "send", ("denied", False, None), 2),
        ([(CUT, {})], "send", ("uncertain", False, None), 1),  # perhaps it was delivered: not twice
        ([(CUT, {})] * 20, "update", ("unreachable", True, None), 0),
    ],
)
async def test_what_is_refused(answers: Any, method: str, outcome: tuple[Any, ...], calls: int) -> None:
    async with sending(*answers) as to:
        assert await to.outcome(method) == outcome
        assert not calls or len(to.service.calls) == calls


async def test_what_can_be_done_again_is_when_the_answer_got_lost() -> None:
    async with sending((CUT, {})) as to:
        await to.channel.update("m1", {"text": "Hi"})
        assert len(to.service.calls) == 2


async def test_a_refused_token_is_exchanged_once() -> None:
    async with sending((401, {})) as to:
        assert await to.channel.send({"text": "Hi"}) == "r2"
        assert to.service.tokens == ["Bearer t1", "Bearer t2"]


async def test_another_agent_gets_tokens_made_out_to_itself() -> None:
    async with sending() as to:
        asked: list[str] = []
        other = Signed()
        other.number = 50
        connector = to.channel.connector
        connector.signed_for = lambda agent: asked.append(agent) or other  # type: ignore[func-returns-value]
        for kind in ("agent", "agent", "channel", "local"):
            await connector.channel(to.channel.activity, {"kind": kind, "app": "their-app"}).send({"text": "Hi"})
        assert (to.service.tokens, asked) == (["Bearer t50", "Bearer t50", "Bearer t1", "Bearer t1"], ["their-app"])
    made = signing(BotSettings(app_id=APP, managed_identity=True), CLOUDS["public"], "their-app")
    assert isinstance(made, AppToken)
    assert made.source.settings.scope == "their-app/.default"


async def test_deleting_what_is_gone_and_typing_that_fails_are_nothing() -> None:
    async with sending((404, {}), (429, {"Retry-After": "1"})) as to:
        await to.channel.delete("m1")
        await to.channel.typing()
        assert (len(to.service.calls), to.slept) == (2, [])


async def test_without_a_token_nothing_is_sent() -> None:
    async with sending() as to:
        to.signed.fault = "The bot can't sign in."
        assert await to.outcome() == ("signed_out", True, None)
        assert to.service.calls == []


async def test_a_service_that_is_not_there_may_be_later() -> None:
    async with sending() as to:
        to.channel.activity["serviceUrl"] = "http://127.0.0.1:9/"
        assert await to.outcome() == ("unreachable", True, None)
        assert len(to.slept) == 4


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://smba.trafficmanager.net/emea/", True),
        ("https://directline.botframework.com/", True),
        ("https://answers.contoso.com", True),
        ("http://smba.trafficmanager.net/emea/", False),
        ("https://smba.trafficmanager.net:8443/", False),
        ("https://evil.trafficmanager.net/", False),
        ("https://botframework.com.evil.example/", False),
        ("https://notbotframework.com/", False),
        ("https://user@smba.trafficmanager.net/", False),
        ("https://smba.trafficmanager.net\\@evil.example/", False),
        ("https://smba.trafficmanager.net/?next=x", False),
        ("https://smba.trafficmanager.net/#x", False),
        ("https://127.0.0.1/", False),
        ("http://localhost:3978/", False),
        ("https://169.254.169.254/", False),
        ("https://[::1]/", False),
        ("https://[broken/", False),
        ("urn:everpilot:webchat", False),
        ("file:///etc/passwd", False),
        ("https://smba.trafficmanager.net/\n", False),
        ("https://bоtframework.com/", False),  # a Cyrillic letter
        ("", False),
    ],
)
def test_whom_the_bot_answers(url: str, allowed: bool) -> None:
    names = ("botframework.com", "smba.trafficmanager.net", "*.Contoso.com")
    assert Hosts(names).allows(url) is allowed


async def test_a_name_that_leads_into_the_own_network_is_not_followed() -> None:
    pytest.importorskip("microsoft_agents.hosting.core")
    connector = Connector(Signed(), Hosts(("localhost",)), Metrics(), asyncio.sleep)
    with pytest.raises(Refused) as refused:
        await connector.call("POST", "https://localhost:9/v3/conversations/1/activities", {"text": "Hi"}, tries=1)
    await connector.close()
    assert (refused.value.code, refused.value.later) == ("denied", False)


async def test_what_is_waited_for_is_collected() -> None:
    to = Collected()
    first = await to.send({"text": "One"})
    await to.send({"type": "typing", "text": "Reading ..."})
    second = await to.send({"text": "Two"})
    await to.typing()
    await to.update(first, {"text": "One!"})
    await to.update("unknown", {"text": "?"})
    await to.delete(second)
    assert to.activities == [{"type": "message", "text": "One!"}]


@pytest.mark.parametrize(
    ("bot", "cloud", "expected"),
    [
        (
            {"secret_env": "BOT_SECRET"},
            "public",
            ("client_credentials", "botframework.com", "https://api.botframework.com/.default"),
        ),
        (
            {"secret_env": "BOT_SECRET", "tenant": "t"},
            "gov",
            ("client_credentials", "t", "https://api.botframework.us/.default"),
        ),
        (
            {"certificate": "bot.pem", "tenant": "t"},
            "china",
            ("client_credentials", "t", "https://api.botframework.azure.cn/.default"),
        ),
        (
            {"managed_identity": True, "tenant": "t"},
            "public",
            ("managed_identity", "", "https://api.botframework.com/.default"),
        ),
    ],
)
def test_for_whom_the_bot_signs(
    bot: dict[str, Any], cloud: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_SECRET", "a secret of the bot")
    made = signing(BotSettings(app_id=APP, **bot), CLOUDS[cloud])
    assert isinstance(made, AppToken)
    asked = made.source.settings
    assert (asked.method, asked.tenant, asked.scope) == expected
    assert (asked.client_id, asked.authority) == (APP, CLOUDS[cloud].login)
    assert (made.source.secret is not None) is ("secret_env" in bot)


async def test_a_bot_that_gets_no_token_says_which_settings_to_look_at(tmp_path: Path) -> None:
    made = signing(BotSettings(app_id=APP, certificate=str(tmp_path / "none.pem")), CLOUDS["public"])
    with pytest.raises(SettingsError, match=r"The bot can't sign in\. .*none\.pem can't be read"):
        await made.token()
