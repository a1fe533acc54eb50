"""Who speaks, and whether they are served: by the channel's word alone, never by the message's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from aiohttp import web
from aiohttp.test_utils import TestServer

from copilot.hosts.bot.connector import Connector
from copilot.hosts.bot.credentials import NoToken
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.mentions import without_mentions
from copilot.hosts.bot.metrics import Metrics
from copilot.hosts.bot.people import People, Person, Refusal, key_of, person
from copilot.sections.bot import BotSettings
from tests.bot.crowd import ADA, BEN, BOT, CHANNEL, said, somebody
from tests.bot.issuing import APP, OTHER_TENANT, TENANT

AGENT = {"kind": "agent", "app": "x", "tenant": TENANT, "service_url": ""}
PAGE = {"kind": "webchat", "user": "dl_ada", "tenant": "", "app": "", "service_url": ""}
HERE = {"kind": "local", "app": "", "tenant": "", "service_url": ""}


def why(activity: dict[str, Any], who: dict[str, Any] = CHANNEL, bot: BotSettings = BOT) -> str:
    found = person(activity, who, bot)
    return found.why if isinstance(found, Refusal) else ""


def test_a_person_of_teams_is_who_entra_says() -> None:
    found = person(said(), CHANNEL, BOT)
    assert isinstance(found, Person)
    assert (found.domain, found.tenant, found.object_id, found.group, found.guest) == (
        "entra",
        TENANT,
        ADA,
        False,
        False,
    )
    upper = person(said(user=ADA.upper(), tenant=TENANT.upper()), CHANNEL, BOT)
    assert isinstance(upper, Person)
    assert upper.key == found.key
    hostile = said()
    hostile["from"]["name"] = "Ada\x1b[31m\u202e admin\n"
    shown = person(hostile, CHANNEL, BOT)
    assert isinstance(shown, Person)
    assert not set(shown.name) & set("\x1b\u202e\n")


@pytest.mark.parametrize(
    ("bot", "tenant", "expected"),
    [
        ({"tenant": TENANT}, TENANT, ""),
        ({"tenant": TENANT}, OTHER_TENANT, "tenant"),
        ({"tenant": TENANT, "tenants": [OTHER_TENANT.upper()]}, OTHER_TENANT, ""),
        ({"tenant": TENANT, "tenants": [OTHER_TENANT]}, TENANT, "tenant"),
        ({}, TENANT, "tenant"),  # a bot of many tenants that names none serves none
        ({"tenants": ["*"]}, OTHER_TENANT, ""),
        ({"tenant": TENANT}, "", "nobody"),
    ],
)
def test_tenants(bot: dict[str, Any], tenant: str, expected: str) -> None:
    assert why(said(tenant=tenant), bot=BotSettings(app_id=APP, **bot)) == expected


def test_other_channels_cant_claim_somebody_of_entra() -> None:
    """What a client of Direct Line sends of tenant and object ID is its own to write."""
    forged = {**said(), "channelId": "directline"}
    assert why(forged) == "tenant"
    found = person(forged, CHANNEL, BotSettings(app_id=APP, tenants=["*"]))
    assert isinstance(found, Person)
    assert (found.domain, found.object_id, found.tenant) == ("channel directline", "", "")
    assert found.key != somebody().key
    assert found.room_key != somebody().room_key
    page = person({**said(), "channelId": "webchat"}, PAGE, BOT)
    here = person(said(), HERE, BOT)
    assert isinstance(page, Person)
    assert isinstance(here, Person)
    assert page.id == "dl_ada"
    assert len({page.room_key, here.room_key, found.room_key, somebody().room_key}) == 4
    agent = person(said(), AGENT, BOT)
    assert isinstance(agent, Person)
    assert agent.key == somebody().key  # the settings name the agents that are believed


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ""),
        ({"entities": []}, "unaddressed"),  # the name in the text is no mention
        (
            {"entities": [{"type": "mention", "mentioned": {"id": "29:other"}, "text": "<at>Everpilot</at>"}]},
            "unaddressed",
        ),
        ({"entities": [{"type": "mention", "mentioned": None}, {"type": "clientInfo"}]}, "unaddressed"),
        ({"entities": [], "text": "", "value": {"verb": "everpilot.approval"}}, ""),
        ({"entities": [], "text": "words", "value": {"a": 1}}, "unaddressed"),
        ({"entities": [], "type": "invoke", "name": "adaptiveCard/action"}, ""),
    ],
)
def test_in_a_group_it_answers_when_it_is_meant(more: dict[str, Any], expected: str) -> None:
    assert why({**said(chat="team"), **more}) == expected


def test_bots_are_not_answered() -> None:
    assert why(said(**{"from": {"id": "28:other", "role": "bot"}})) == "bot"
    assert why(said(**{"from": {"id": f"28:{APP}", "aadObjectId": ADA}})) == "bot"


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        ("<at>Everpilot</at> sum it up", None, "sum it up"),
        ("please <at>Everpilot</at>&nbsp;ask <at>Ben</at>", None, "please   ask Ben"),
        ("<at>Ben</at> is right", [], "Ben is right"),
        ("1 < 2 and a <atom> stays", [], "1 < 2 and a <atom> stays"),
    ],
)
def test_words_without_mentions(text: str, entities: list[Any] | None, expected: str) -> None:
    activity = {**said(chat="team"), "text": text}
    activity |= {} if entities is None else {"entities": entities}
    assert without_mentions(activity) == expected


def test_rooms_and_threads_are_apart() -> None:
    ada, ben = somebody(), somebody(user=BEN)
    abroad, team, other = somebody(tenant=OTHER_TENANT), somebody(chat="team"), somebody(chat="other")
    assert len({each.room_key for each in (ada, ben, abroad, team, other)}) == 5
    assert len({each.thread for each in (ada, ben, abroad, team, other)}) == 5
    assert somebody(user=BEN, chat="team").room_key == team.room_key  # a group's is its members'
    assert team.key == ada.key
    assert abroad.key != ada.key
    copilot = person(
        {**said(), "channelId": "msteams:COPILOT", "conversation": said()["conversation"] | {"id": "c"}}, CHANNEL, BOT
    )
    assert isinstance(copilot, Person)
    assert (copilot.room_key, copilot.thread) == (ada.room_key, copilot.thread)
    assert copilot.thread != ada.thread
    channel = said(chat="team")
    channel["conversation"] |= {"id": "19:team@thread.v2;messageid=1", "conversationType": "channel"}
    one = person(channel, CHANNEL, BOT)
    channel["conversation"]["id"] = "19:team@thread.v2;messageid=2"
    two = person(channel, CHANNEL, BOT)
    assert isinstance(one, Person)
    assert isinstance(two, Person)
    assert one.room_key == two.room_key
    assert one.thread != two.thread


def test_keys_name_nothing_and_cant_be_made_to_meet() -> None:
    assert key_of("a", "bc") != key_of("ab", "c")
    assert key_of("a:1", "b") != key_of("a", "1:b")
    hostile = key_of("../..", "\ud800", "x" * 5000)
    assert len(hostile) == 32
    assert hostile.isalnum()
    assert key_of("person", "entra", TENANT, ADA) == somebody().key


@pytest.mark.parametrize(
    ("sender", "guest"),
    [
        ({"id": "29:x", "aadObjectId": ADA}, False),
        ({"id": "29:x"}, True),  # nobody that Entra knows
        ({"id": "29:x", "aadObjectId": ADA, "tenantId": OTHER_TENANT}, True),
        ({"id": "29:x", "aadObjectId": ADA, "userRole": "anonymous"}, True),
    ],
)
def test_a_guest_in_a_group_has_a_room_of_their_own(sender: dict[str, Any], guest: bool) -> None:
    found = somebody(chat="team", **{"from": sender})
    assert found.guest is guest
    assert (found.room_key == somebody(user=BEN, chat="team").room_key) is not guest
    assert (found.thread == somebody(user=BEN, chat="team").thread) is not guest


class Roster:
    """A channel's service that knows its members by their path."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{rest:.*}", self._member)
        return app

    async def _member(self, request: web.Request) -> web.Response:
        self.asked.append(request.raw_path)
        status, body = self.answers.get(request.path.rpartition("29:")[2], (404, {}))
        return web.json_response(body, status=status)


MEMBER = {"objectId": ADA, "tenantId": TENANT, "userRole": "user", "userPrincipalName": "Ada@Contoso.example"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, MEMBER, "member"),
        (200, {**MEMBER, "userRole": "guest"}, "guest"),
        (200, {**MEMBER, "userPrincipalName": "ada_fabrikam.example#EXT#@contoso.onmicrosoft.com"}, "guest"),
        (200, {**MEMBER, "tenantId": OTHER_TENANT}, "guest"),
        (200, {**MEMBER, "objectId": BEN}, "guest"),  # somebody else's entry
        (200, {}, "guest"),
        (404, {}, "guest"),
        (403, {}, "guest"),
        (500, {}, "later"),
    ],
)
def test_the_roster_says_who_is_a_guest(status: int, body: dict[str, Any], expected: str) -> None:
    async def run() -> None:
        roster = Roster()
        roster.answers[ADA] = (status, body)
        async with TestServer(roster.app()) as server:
            connector = Connector(NoToken(), Hosts((), here=True), Metrics())
            people = People(BOT, connector)
            activity = said(chat="team", serviceUrl=str(server.make_url("/")))
            found = await people.admit(activity, CHANNEL)
            again = await people.admit(activity, CHANNEL)
            await connector.close()
        told = found.why if isinstance(found, Refusal) else "guest" if found.guest else "member"
        assert told == expected
        assert again == found
        if expected != "later":
            assert len(roster.asked) == 1
            assert "19%3Ateam%40thread.v2/members/29%3A" in roster.asked[0]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("users", "body", "expected"),
    [
        ([ADA.upper()], {}, ""),
        ([BEN], {}, "user"),
        (["ada@contoso.example"], MEMBER, ""),
        (["ada@contoso.example"], {**MEMBER, "userRole": "guest"}, "user"),  # an address that another tenant gave
        (["ben@contoso.example"], MEMBER, "user"),
    ],
)
def test_users_by_object_id_or_address(users: list[str], body: dict[str, Any], expected: str) -> None:
    async def run() -> None:
        roster = Roster()
        roster.answers[ADA] = (200, body)
        async with TestServer(roster.app()) as server:
            connector = Connector(NoToken(), Hosts((), here=True), Metrics())
            people = People(BOT.model_copy(update={"users": users}), connector)
            found = await people.admit(said(serviceUrl=str(server.make_url("/"))), CHANNEL)
            await connector.close()
        assert (found.why if isinstance(found, Refusal) else "") == expected

    asyncio.run(run())
