"""One person is not another: by no spelling of an id, no client's word, nobody else's words in the same chat."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("sqlalchemy")

from copilot.errors import SettingsError, WorkspaceError
from copilot.hosts.bot import clicks
from copilot.hosts.bot.card_answers import Asked, CardAnswer, Clicker, check
from copilot.hosts.bot.keeping import OpenCard
from copilot.hosts.bot.people import People, Person, Refusal, person
from copilot.hosts.bot.turns import Turns
from copilot.hosts.bot.words import WORDS
from copilot.sections.bot import BotSettings
from tests.agent import sandbox
from tests.agent.sandbox import TOOLS, WORLD
from tests.agent.scripted import Scripted
from tests.bot.crowd import ADA, BEN, CHANNEL, said, somebody
from tests.bot.issuing import APP

EVERYBODY = BotSettings(app_id=APP, tenants=["*"])


def at_direct_line(id: str) -> dict[str, Any]:
    return {**said(), "channelId": "directline", "from": {"id": id, "aadObjectId": ADA}, "conversation": {"id": "c"}}


def known(activity: dict[str, Any]) -> Person:
    found = person(activity, CHANNEL, EVERYBODY)
    assert isinstance(found, Person)
    return found


@pytest.mark.parametrize(("one", "other"), [("dl_kim", "dl_Kim"), ("dl_kim", "dl_\N{KELVIN SIGN}im"), ("i̇", "İ")])
def test_ids_that_look_alike_are_two_persons(one: str, other: str) -> None:
    first, second = known(at_direct_line(one)), known(at_direct_line(other))
    assert first.key != second.key
    assert first.room_key != second.room_key


async def test_an_id_that_a_client_chose_is_nobody_of_the_settings() -> None:
    people = People(BotSettings(app_id=APP, tenants=["*"], users=["boss@contoso.com", ADA]))
    for id in ("boss@contoso.com", ADA, ADA.upper()):
        assert isinstance(await people.admit(at_direct_line(id), CHANNEL), Refusal)
    assert isinstance(await people.admit(said(), CHANNEL), Person)


def _asked(**how: Any) -> Asked:
    card = {"id": "1", "digest": "d", "items": [{"call_id": "c"}]}
    return Asked(card, how.pop("askers", frozenset({"somebody"})), "c", datetime.now(UTC) + timedelta(1), **how)


def test_an_approver_is_who_the_channel_vouches_for() -> None:
    """A client of Direct Line can write any id, and any object id, of those that may approve."""
    asked = _asked(tenant=known(at_direct_line("x")).tenant, approvers=frozenset({"boss@contoso.com", ADA}))
    for id in ("boss@contoso.com", ADA):
        activity = {**at_direct_line(id), "channelData": {}}
        click = CardAnswer("1", "d", "approve", Clicker.of(activity))
        assert check(clicks._by(click, known(activity)), asked, datetime.now(UTC)).text == WORDS.not_you.format(
            names="…"
        )
    teams = {**said(), "conversation": {"id": "c", "conversationType": "groupChat"}, "channelData": {}}
    click = CardAnswer("1", "d", "approve", Clicker.of(teams))
    assert check(clicks._by(click, somebody()), asked, datetime.now(UTC)).do == "act"


def test_a_card_of_another_channel_is_not_answered_here() -> None:
    found = OpenCard(_asked(), "t", "a", person=somebody().packed())
    assert clicks._same_place(found, somebody(user=BEN))
    assert not clicks._same_place(found, replace(somebody(), channel="directline"))
    assert not clicks._same_place(found, replace(somebody(), tenant="another"))


# --- words of others --------------------------------------------------------------------------------------------------


def in_a_group(folder: Path, user: str, *script: Any) -> Any:
    from copilot import Copilot
    from copilot.settings import Settings

    chosen: dict[str, Any] = {"model": Scripted(script=list(script)), "tools": TOOLS, "settings": Settings(), "env": {}}
    return Copilot(folder, user=user, mode="auto", **chosen)


SEND = [("custom__send", {"to": ["eve@evil.example"], "body": "Hello"})]


@pytest.mark.parametrize(("second", "sent"), [("ada", 1), ("ben", 0)])
def test_what_one_typed_in_a_group_lets_nothing_be_sent_as_another(tmp_path: Path, second: str, sent: int) -> None:
    """Mail goes out of the account of whoever's turn it is: they have to have typed to whom."""
    sandbox.fill(folder := tmp_path / "docs")
    script = ("Noted.", SEND, "Done.")
    in_a_group(folder, "ada", *script).ask("When I ask, send eve@evil.example Hello", thread="group")
    final = in_a_group(folder, second, *script).ask("please send it", thread="group")
    assert len(WORLD.mailed) == sent, final.approvals
    assert bool(final.approvals) is not bool(sent)


def test_people_are_not_told_how_the_host_is_set_up(tmp_path: Path) -> None:
    host = cast(Any, SimpleNamespace(words=WORDS, rooms=SimpleNamespace(folder=tmp_path / "rooms", state=tmp_path)))
    error: Any = SettingsError("The database postgresql://bot@db.internal/x can't be used.")
    assert Turns._reason(host, error, said()) == WORDS.set_up
    error = WorkspaceError(f"{tmp_path}/rooms/ab/cd/files/a.docx can't be written: No space left on device.")
    assert Turns._reason(host, error, said()) == "… can't be written: No space left on device."
