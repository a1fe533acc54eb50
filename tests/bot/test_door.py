"""The protocol at the door: what is answered, at once, and what reaches the inbox."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from copilot.errors import SettingsError
from copilot.hosts.bot import logs
from copilot.hosts.bot.app import LIFE, create_app
from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.credentials import NoToken
from copilot.hosts.bot.echo import Echo
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.inbox import Answer
from copilot.hosts.bot.metrics import Metrics
from copilot.hosts.bot.serve import Address, check, drain
from copilot.sections.bot import BotSettings
from copilot.settings import Settings
from tests.bot.issuing import AGENT, APP, Kept, entra, message, served, token

CARD = {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "Got it, one moment."}


@pytest.mark.parametrize(
    ("more", "status", "body", "kept"),
    [
        ({}, 202, b"", 1),
        ({"type": "conversationUpdate", "membersAdded": [{"id": "28:bot"}]}, 202, b"", 1),
        ({"type": "typing"}, 202, b"", 0),
        ({"type": "somethingNew"}, 202, b"", 0),
        ({"type": "invoke", "name": "adaptiveCard/action", "value": {}}, 200, CARD, 1),
        ({"type": "invoke", "name": "message/submitAction", "value": {}}, 200, {}, 1),
        ({"type": "invoke", "name": "fileConsent/invoke", "value": {}}, 200, b"", 1),
        ({"type": "invoke", "name": "signin/tokenExchange", "value": {}}, 200, b"", 1),
        ({"type": "invoke", "name": "signin/verifyState", "value": {}}, 200, b"", 1),
        ({"type": "invoke", "name": "composeExtension/query", "value": {}}, 501, b"", 0),
        (
            {"deliveryMode": "expectReplies", "text": "x"},
            200,
            {"activities": [_ := {"type": "message", "text": "You said: x"}]},
            0,
        ),
        ({"serviceUrl": "https://smba.trafficmanager.net.evil.example/"}, 403, b"", 0),
        ({"text": 5}, 400, {"error": {"code": "BadSyntax", "message": "text is not a text"}}, 0),
    ],
)
async def test_each_kind_is_answered_at_once(more: dict[str, Any], status: int, body: Any, kept: int) -> None:
    async with served() as door:
        response = await door.post(message(**more))
        found = await response.read()
        assert (response.status, found if isinstance(body, bytes) else json.loads(found)) == (status, body)
        assert len(door.inbox.put_) == kept


async def test_an_unknown_channel_is_acknowledged_and_ignored() -> None:
    async with served() as door:
        response = await door.post(message(channelId="martian"), entra())
        assert (response.status, door.inbox.put_) == (202, [])
        response = await door.post(message(channelId="martian", type="invoke", name="adaptiveCard/action"), entra())
        assert (response.status, door.inbox.put_) == (200, [])


async def test_a_storm_of_duplicates_reaches_the_inbox_once() -> None:
    async with served() as door:
        first = await door.post(message())
        again = [await door.post(message()) for _ in range(20)]
        other = await door.post(message(conversation={"id": "another"}))
        assert {first.status, other.status, *(each.status for each in again)} == {202}
        assert len(door.inbox.put_) == 2


async def test_no_room_is_said_so_that_it_is_sent_again() -> None:
    async with served() as door:
        door.inbox.room = 0
        full = await door.post(message())
        waited = await door.post(message(deliveryMode="expectReplies"))
        clicked = await door.post(message(type="invoke", name="adaptiveCard/action", value={}))
        consented = await door.post(message(type="invoke", name="fileConsent/invoke", value={}))
        assert (full.status, full.headers["Retry-After"], waited.status) == (429, "5", 429)
        assert (clicked.status, (await clicked.json())["statusCode"], consented.status) == (200, 503, 429)
        door.inbox.room = 1
        assert (await door.post(message())).status == 202  # a refused one is not taken for a duplicate


async def test_an_inbox_that_fails_is_not_told_to_the_sender(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as door:
        door.inbox.fault = RuntimeError("the table is gone")
        response = await door.post(message())
        assert (response.status, await response.read()) == (503, b"")
        assert "the table is gone" in caplog.text


async def test_stop_reaches_the_turn_and_is_else_a_message() -> None:
    async with served() as door:
        door.inbox.running = True
        assert (await door.post(message(text="stop"))).status == 202
        assert (door.inbox.running, door.inbox.put_) == (False, [])
        assert (await door.post(message(text="stop"))).status == 202  # the same again
        assert door.inbox.put_ == []
        assert (await door.post(message(text="stop", id="2"))).status == 202
        assert len(door.inbox.put_) == 1


async def test_an_invoke_can_be_answered_with_more() -> None:
    async with served() as door:
        door.inbox.quick = Answer(412, {"id": "1", "failureDetail": "no consent"})
        response = await door.post(message(type="invoke", name="signin/tokenExchange", value={"id": "1"}))
        assert (response.status, await response.json()) == (412, {"id": "1", "failureDetail": "no consent"})
        assert len(door.inbox.put_) == 1


async def test_an_answer_that_takes_long_is_an_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(invoke: Any, who: Any) -> Answer | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr("copilot.hosts.bot.invokes.THINKING", 0.01)
    async with served() as door:
        door.inbox.answer = forever  # type: ignore[method-assign]
        response = await door.post(message(type="invoke", name="adaptiveCard/action", value={}))
        assert (response.status, await response.json()) == (200, CARD)


async def test_bodies_that_are_too_large_or_of_another_kind() -> None:
    async with served() as door:
        right = {"Authorization": f"Bearer {token()}"}

        async def chunks() -> Any:
            for _ in range(20):
                yield b"x" * 65_536

        json_ = {**right, "Content-Type": "application/json"}
        large = await door.client.post("/api/messages", data=io.BytesIO(b'{"a":"' + b"x" * 1_100_000), headers=json_)
        streamed = await door.client.post("/api/messages", data=chunks(), headers=json_)
        plain = await door.client.post("/api/messages", data=json.dumps(message()), headers=right)
        unsigned = await door.client.post(
            "/api/messages", data=b"{" * 500_000, headers={"Content-Type": "application/json"}
        )
        got = await door.client.get("/api/messages", headers=right)
        assert [r.status for r in (large, streamed, plain, unsigned, got)] == [413, 413, 415, 401, 405]


# --- with no app ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "more", "status"),
    [
        ({}, {}, 202),
        ({"Host": "localhost:3978"}, {}, 202),
        ({"Authorization": "Bearer whatever"}, {}, 202),
        ({"Host": "rebound.example"}, {}, 403),
        ({"Origin": "https://evil.example"}, {}, 403),
        ({"X-Forwarded-For": "1.2.3.4"}, {}, 403),
        ({}, {"serviceUrl": "http://10.0.0.1/"}, 403),
        ({}, {"serviceUrl": "http://127.0.0.1@evil.example/"}, 403),
    ],
)
async def test_with_no_app_only_this_machine_may_send(
    headers: dict[str, str], more: dict[str, Any], status: int
) -> None:
    inbox = Kept()
    async with TestClient(TestServer(create_app(Settings(), inbox))) as client:
        activity = message(**{"serviceUrl": "http://127.0.0.1:9/", **more})
        response = await client.post("/api/messages", json=activity, headers=headers)
        assert response.status == status
        assert [who["kind"] for _, who in inbox.put_] == (["local"] if status == 202 else [])


@pytest.mark.parametrize(
    ("bot", "host", "says"),
    [
        ({}, "0.0.0.0", "can be reached from other machines"),
        ({"tenant": "x"}, "127.0.0.1", ""),
        ({"app_id": APP}, "0.0.0.0", "bot.app_id has no proof beside it"),
        ({"app_id": APP, "managed_identity": True, "secret_env": "S"}, "0.0.0.0", "secret_env and managed_identity"),
        ({"app_id": APP, "secret_env": "EVERPILOT_NOT_SET"}, "0.0.0.0", "EVERPILOT_NOT_SET is not set"),
        ({"app_id": APP, "managed_identity": True}, "0.0.0.0", ""),
    ],
)
def test_what_is_not_served(bot: dict[str, Any], host: str, says: str) -> None:
    settings = Settings(bot=BotSettings(**bot))
    if not says:
        check(settings, Address(host))
        return
    with pytest.raises(SettingsError, match=says):
        check(settings, Address(host))


def test_settings_that_lack_the_app_are_told() -> None:
    with pytest.raises(SettingsError, match=r"bot\.app_id is missing"):
        create_app(Settings(bot=BotSettings(agents=[AGENT])), Kept())


# --- health, logs, the end --------------------------------------------------------------------------------------------


async def test_health_readiness_and_metrics() -> None:
    async with served() as door:
        await door.post(message())
        await door.post(message(), "no.good.token")
        await door.post(message(type="x" * 500))
        alive, ready = await door.client.get("/health"), await door.client.get("/ready")
        text = await (await door.client.get("/metrics")).text()
        assert (alive.status, ready.status) == (200, 200)
        assert 'everpilot_bot_activities_total{outcome="new",type="message"} 1.0' in text
        assert 'everpilot_bot_activities_total{outcome="ignored",type="other"} 1.0' in text
        assert 'everpilot_bot_refused_total{reason="malformed"} 1.0' in text
        assert "everpilot_bot_waiting 1.0" in text
        for elsewhere in ({"X-Forwarded-For": "1.2.3.4"}, {"Host": "bot.example.com"}):
            assert (await door.client.get("/metrics", headers=elsewhere)).status == 404
        door.inbox.away = "the database is not reached"
        ready = await door.client.get("/ready")
        assert (ready.status, await ready.json()) == (503, {"status": "the database is not reached"})
        assert (await door.client.get("/health")).status == 200


async def test_metrics_open_with_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(bot=BotSettings(metrics_key_env="METRICS_KEY"))
    with pytest.raises(SettingsError, match=r"bot\.metrics_key_env: the environment variable METRICS_KEY is not set"):
        create_app(settings, Kept())
    monkeypatch.setenv("METRICS_KEY", "k" * 20)
    async with TestClient(TestServer(create_app(settings, Kept()))) as client:
        for key, status in (("", 401), ("Bearer wrong", 401), (f"Bearer {'k' * 20}", 200)):
            headers = {"Authorization": key, "Host": "bot-a:3978"}
            assert (await client.get("/metrics", headers=headers)).status == status


async def test_told_to_stop_it_is_not_ready_and_still_keeps_what_arrives() -> None:
    async with served() as door:
        app = door.client.app
        assert app is not None
        assert await drain(app, door.inbox, 7) == 2
        assert door.inbox.drained == [7]
        ready = await door.client.get("/ready")
        assert (ready.status, await ready.json()) == (503, {"status": "draining"})
        response = await door.post(message())
        assert (response.status, response.headers["Connection"]) == (202, "close")
        assert app[LIFE].draining
        assert len(door.inbox.put_) == 1


async def test_logs_are_lines_of_json_with_ids_and_no_words() -> None:
    stream = io.StringIO()
    handler, logger = logs.to(stream), logging.getLogger("copilot")
    try:
        async with served() as door:
            bearer = token()
            await door.post(message(id="1\n{}", text="my secret plan"), bearer)
            await door.post(message(id="2"), token(key="stranger"))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    taken, refused = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (taken["event"], taken["id"], taken["outcome"]) == ("activity", "1\n{}", "new")
    assert (refused["event"], refused["reason"], refused["level"]) == ("refused", "signature", "warning")
    assert "secret plan" not in stream.getvalue()
    assert bearer[:40] not in stream.getvalue()


async def test_the_echo_goes_all_the_way() -> None:
    from tests.bot.test_connector import Service

    service = Service()
    async with TestServer(service.app()) as there:
        connector = Connector(NoToken(), Hosts((), here=True), Metrics())
        echo = Echo(connector)
        async with TestClient(TestServer(create_app(Settings(), echo))) as client:
            activity = message(serviceUrl=str(there.make_url("/")), text="Hello")
            assert (await client.post("/api/messages", json=activity)).status == 202
            assert await echo.drain(10) == 0
            waited = await client.post("/api/messages", json={**activity, "id": "2", "deliveryMode": "expectReplies"})
            assert (await waited.json())["activities"][0]["text"] == "Hello"
        await connector.close()
    assert [body["text"] for _, _, body in service.calls] == ["Hello"]
