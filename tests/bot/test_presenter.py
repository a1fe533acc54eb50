"""What a person in a chat sees of a turn, on channels that stream, edit, or do neither."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from copilot.agent.events import ApprovalEvent, Delta, Discard, Event, Final, Switched, ToolEvent, Usage
from copilot.hosts.bot.cards import CONTENT_TYPE
from copilot.hosts.bot.channels import PROFILES, ChannelProfile, profile_of, refusal
from copilot.hosts.bot.presenter import About, Presenter, present
from copilot.hosts.bot.split import utf16
from copilot.hosts.bot.words import WORDS
from copilot.trust.approvals import Card, Item
from copilot.trust.labels import Confidentiality, Integrity, Label
from tests.bot.chats import Chat, Clock

TEAMS, GROUP, WEB = PROFILES[("msteams", "personal")], PROFILES[("msteams", "")], PROFILES[("webchat", "")]
COPILOT, EMULATOR = PROFILES[("msteams:copilot", "")], PROFILES[("emulator", "")]
NOTHING = About()
ITEM = Item("c1", "word.replace_text", {}, "write", "Replaced 1 place", "contract.docx", [], [], "d")
CARD = Card.of("t1-0", "t1", [ITEM], "It was asked.", datetime(2026, 1, 1, tzinfo=UTC)).to_dict()


def chat_of(profile: ChannelProfile, **more: Any) -> Chat:
    seconds = 120.0 if profile.stream_seconds < 120 else float("inf")
    return Chat(Clock(), profile.streams, profile.restarts, profile.edits, seconds, **more)


def run(
    chat: Chat,
    profile: ChannelProfile,
    events: Iterable[Event | float],
    *,
    sent: dict[str, Any] | None = None,
    about: About = NOTHING,
) -> Presenter:
    """Show events; a number among them is seconds that pass. Every state on the way can be written as JSON."""

    presenter = Presenter(chat, profile, about=about, sent=sent, clock=chat.clock)

    async def passing(seconds: float) -> None:
        end = chat.clock.now + seconds
        while (due := presenter.due()) is not None and chat.clock.now + due <= end:
            chat.clock.now += due
            await presenter.tick()
            assert presenter.due() != 0.0, "due at once for ever"
        chat.clock.now = end

    async def whole() -> None:
        await presenter.begin()
        for event in events:
            await (passing(event) if isinstance(event, float) else presenter.show(event))
            assert json.loads(json.dumps(presenter.state())) == presenter.state()

    asyncio.run(whole())
    return presenter


def answer(text: str, message: str = "m", pieces: int = 4, every: float = 0.4) -> Iterable[Event | float]:
    size = len(text) // pieces + 1
    for at in range(0, len(text), size):
        yield Delta(message, text[at : at + size])
        yield every


def final(text: str = "", **more: Any) -> Final:
    return Final(text, "t1", **{"served_by": "a/model", **more})


SCENES: dict[str, list[Event | float]] = {
    "plain": [
        *answer("The price is 120 EUR. It was 100 EUR before."),
        final("The price is 120 EUR. It was 100 EUR before."),
    ],
    "not streamed": [final("The price is 120 EUR. It was 100 EUR before.")],
    "tool": [
        ToolEvent("c", "documents.read", {"path": "contract.docx"}, "started"),
        5.0,
        ToolEvent("c", "documents.read", {}, "done", "…"),
        Usage("a/model", 1, 1),
        *answer("The price is 120 EUR. It was 100 EUR before."),
        final("The price is 120 EUR. It was 100 EUR before."),
    ],
    "broken off": [
        *answer("The price is 99", "m1"),
        2.0,
        Discard("m1"),
        Switched("a/model", "b/model", "overloaded"),
        2.0,
        *answer("The price is 120 EUR. It was 100 EUR before.", "m2"),
        4.0,
        final("The price is 120 EUR. It was 100 EUR before."),
    ],
    "broken off, the same words again": [
        *answer("The price is ", "m1"),
        2.0,
        Discard("m1"),
        *answer("The price is 120 EUR. It was 100 EUR before.", "m2"),
        final("The price is 120 EUR. It was 100 EUR before."),
    ],
    "slow": [
        *answer("The price", every=2.0),
        200.0,
        *answer(" is 120 EUR. It was 100 EUR before.", every=2.0),
        final("The price is 120 EUR. It was 100 EUR before."),
    ],
    "slow tool": [
        ToolEvent("c", "documents.read", {"path": "contract.docx"}, "started"),
        300.0,
        *answer("The price is 120 EUR. It was 100 EUR before."),
        final("The price is 120 EUR. It was 100 EUR before."),
    ],
}


@pytest.mark.parametrize(
    "profile", [TEAMS, GROUP, WEB, COPILOT, EMULATOR], ids=["teams", "group", "web", "m365", "other"]
)
@pytest.mark.parametrize("scene", SCENES)
def test_one_clean_answer(scene: str, profile: ChannelProfile) -> None:
    chat = chat_of(profile)
    presenter = run(chat, profile, SCENES[scene])
    assert presenter.finished
    assert chat.typed >= 1
    assert not chat.open()
    *before, last = chat.texts()
    assert last == "The price is 120 EUR. It was 100 EUR before."
    # Where nothing can be taken back, what is void says so, and what was cut short that it goes on.
    assert len(before) <= (1 if profile is COPILOT else 0)
    assert all(text.endswith((WORDS.broken_off, WORDS.goes_on_below)) for text in before)
    [entity] = [e for e in list(chat.shown.values())[-1].get("entities", []) if e["type"] != "streaminfo"] or [{}]
    assert bool(profile.annotations) == (entity.get("additionalType") == ["AIGeneratedContent"])


@pytest.mark.parametrize("reason", ["time", "done", "unsupported"])
def test_a_refused_stream_still_ends_in_one_answer(reason: str) -> None:
    chat = chat_of(TEAMS)
    events = SCENES["plain"]

    def breaking() -> Iterable[Event | float]:
        for number, event in enumerate(events):
            if number == 4:
                chat.refuses = reason
            yield event

    presenter = run(chat, TEAMS, breaking())
    assert presenter.finished
    assert chat.texts()[-1] == "The price is 120 EUR. It was 100 EUR before."
    assert len(chat.texts()) == (1 if reason != "unsupported" else 2)


def test_the_stop_button_ends_it() -> None:
    chat = chat_of(TEAMS)

    async def go() -> tuple[Presenter, Final | None]:
        presenter = Presenter(chat, TEAMS, clock=chat.clock)

        async def events() -> AsyncIterator[Event]:
            yield Delta("m", "The price")
            chat.clock.now += 2
            chat.refuses = "stopped"
            yield Delta("m", " is 120")
            chat.clock.now += 2
            yield Delta("m", " EUR")
            raise AssertionError("nobody listens any more")

        return presenter, await present(events(), presenter)

    presenter, end = asyncio.run(go())
    assert presenter.stopped
    assert end is None
    assert len(chat.log) == 2


def test_another_process_goes_on_without_a_second_message() -> None:
    """After every event of every scene the process may die; the other one sees the turn from a later event on."""
    for profile in (TEAMS, WEB):
        for name, scene in SCENES.items():
            for at in range(len(scene)):
                chat = chat_of(profile)
                first = run(chat, profile, scene[:at])
                presenter = run(chat, profile, scene[-1:], sent=first.state())
                assert presenter.finished
                assert chat.texts() == ["The price is 120 EUR. It was 100 EUR before."], (name, at)
                again = run(chat, profile, scene[-1:], sent=presenter.state())
                assert again.finished
                assert len(chat.shown) == 1


def test_what_goes_on_is_told_in_order_and_in_time() -> None:
    chat = chat_of(TEAMS)
    call = ToolEvent("c", "documents.read", {"path": "con\x1b[31mtract.docx <at>all</at>"}, "started")
    more = ToolEvent("c", "odd.tool", {}, "progress", "half")
    run(chat, TEAMS, [call, 3.0, more, 3.0, final("Done it.")])
    told = [activity["text"] for _, activity in chat.log]
    assert told == ["Thinking …", "Reading contract.docx &lt;at>all&lt;/at> …", "odd.tool: half", "Done it."]


def test_a_long_answer_comes_in_parts_that_each_can_be_read() -> None:
    code = "```py\n" + "\n".join(f"line_{n} = {n}" for n in range(2_000)) + "\n```"
    text = "Intro.\n\n" + "\n\n".join(f"Paragraph {n}. " + "word " * 200 for n in range(30)) + f"\n\n{code}\n\nEnd."
    for profile in (TEAMS, WEB, EMULATOR):
        chat = chat_of(profile)
        run(chat, profile, [*answer(text, pieces=40), final(text)])
        texts = chat.texts()
        assert len(texts) > 2
        assert all(utf16(each) <= profile.text_bytes for each in texts)
        assert all(each.count("```") % 2 == 0 for each in texts)
        assert _lines("\n".join(texts)) == _lines(text)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("```")]


def test_sources_labels_feedback_and_suggestions_stand_on_the_last_message() -> None:
    names = ("contract.docx", "https://example.com/a", "budget.xlsx, Sheet1!A1", *(f"n{i}.txt" for i in range(30)))
    label = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, names)
    about = About(to="29:ann", label=label, prompts=("Shorten it", "x" * 200, "Translate it", "Mail it", "More"))
    chat = chat_of(TEAMS)
    run(chat, TEAMS, [final("As [2] says.")], about=about)
    [activity] = chat.shown.values()
    [entity] = [e for e in activity["entities"] if e["type"] != "streaminfo"]
    assert [claim["position"] for claim in entity["citation"]] == list(range(3, 23))  # [2] is the model's own
    assert entity["citation"][0]["appearance"]["image"] == {"@type": "ImageObject", "name": "Microsoft Word"}
    assert entity["citation"][1]["appearance"]["url"] == "https://example.com/a"
    assert entity["usageInfo"]["name"] == "Restricted"
    assert activity["channelData"] == {"feedbackLoop": {"type": "default"}}
    assert [a["value"] for a in activity["suggestedActions"]["actions"]] == ["Shorten it", "Translate it", "Mail it"]
    assert activity["suggestedActions"]["to"] == ["29:ann"]
    assert "- [3] contract.docx" in activity["text"]
    assert "and 13 more" in activity["text"]


def test_what_was_saved_and_what_failed_is_said() -> None:
    change = {"path": "a.docx", "summary": "Replaced <at>x</at>", "hunks": [{}, {}], "committed": True}
    chat = chat_of(GROUP)
    run(chat, GROUP, [final("Done it.", changes=[change, {**change, "committed": False}])])
    assert chat.texts() == ["Done it.\n\n✓ a.docx: Replaced &lt;at>x&lt;/at> (2 places)"]
    chat = chat_of(TEAMS)
    run(chat, TEAMS, [final(served_by="", error={"code": "x", "message": "No model [answers](http://evil.example)."})])
    assert chat.texts() == ["That did not work: No model answers (http://evil.example)."]
    assert "additionalType" not in json.dumps(chat.log)
    chat = chat_of(TEAMS)
    failed = final(served_by="", error={"code": "x", "message": "No model answers."})
    run(chat, TEAMS, [*answer("The price"), failed])
    assert chat.texts() == ["The price\n\nThat did not work: No model answers."]


@pytest.mark.parametrize("profile", [TEAMS, GROUP, WEB, COPILOT, EMULATOR])
def test_an_approval_is_one_card_after_what_was_said(profile: ChannelProfile) -> None:
    for said in ([], [*answer("I change the price.", "m1")]):
        chat = chat_of(profile)
        events = [*said, ApprovalEvent("i", CARD), final("", approvals=[CARD])]
        presenter = run(chat, profile, events)
        cards = [a for a in chat.shown.values() if a.get("attachments")]
        assert len(cards) == 1
        assert cards[0]["attachments"][0]["contentType"] == CONTENT_TYPE
        assert list(chat.shown)[-1] == presenter.asked["t1-0"]
        assert len(chat.shown) == 1 + bool(said)
        assert not chat.open()
        run(chat, profile, [final("", approvals=[CARD])], sent={**presenter.state(), "finished": False})
        assert len(chat.shown) == 1 + bool(said)


def test_a_chat_without_cards_gets_the_whole_change_in_words() -> None:
    profile = profile_of({"channelId": "sms"})
    hunk = {"where": "p 1", "before": "", "after": "word " * 3000, "kind": "text"}
    card = Card.of("c", "t", [replace(ITEM, hunks=[hunk])], "", datetime(2026, 1, 1, tzinfo=UTC)).to_dict()
    chat = chat_of(profile)
    run(chat, profile, [ApprovalEvent("i", card), final("", approvals=[card])])
    whole = " ".join(chat.texts())
    assert whole.count("word") == 3000
    assert f"approve {card['digest'][:8]}" in whole


def test_a_turn_that_is_stopped_says_so() -> None:
    for profile in (TEAMS, WEB, GROUP):
        chat = chat_of(profile)

        async def go(chat: Chat = chat, profile: ChannelProfile = profile) -> None:
            presenter = Presenter(chat, profile, clock=chat.clock)
            await presenter.begin()
            await presenter.show(Delta("m", "The price is"))
            await presenter.close()
            await presenter.show(Delta("m", " never"))

        asyncio.run(go())
        assert chat.texts() == [f"The price is\n\n{WORDS.stopped}"]
        assert not chat.open()


@pytest.mark.parametrize(
    ("activity", "profile"),
    [
        ({"channelId": "msteams", "conversation": {"conversationType": "personal"}}, TEAMS),
        ({"channelId": "msteams", "conversation": {"conversationType": "groupChat"}}, GROUP),
        ({"channelId": "msteams", "conversation": {"conversationType": "channel"}}, GROUP),
        ({"channelId": "msteams", "channelData": {"productContext": "COPILOT"}}, COPILOT),
        ({"channelId": "webchat"}, WEB),
        ({"channelId": "emulator", "conversation": []}, EMULATOR),
    ],
)
def test_what_a_conversation_can_do(activity: dict[str, Any], profile: ChannelProfile) -> None:
    assert profile_of(activity) == profile
    buffered = profile_of({**activity, "deliveryMode": "expectReplies"})
    assert not buffered.streams
    assert not buffered.edits


@pytest.mark.parametrize(
    ("status", "code", "message", "reason"),
    [
        (403, "ContentStreamNotAllowed", "Content stream finished due to exceeded streaming time.", "time"),
        (
            403,
            "ContentStreamNotAllowed",
            "Content stream is not allowed on an already completed streamed message",
            "done",
        ),
        (403, "ContentStreamNotAllowed", "Content stream was canceled by user.", "stopped"),
        (403, "ContentStreamNotAllowed", "Content stream is not allowed", "unsupported"),
        (403, "ContentStreamNotAllowed", "Message size too large", "time"),
        (400, "BadArgument", "Streaming API is not enabled", "unsupported"),
        (400, "BadRequest", "Start streaming activities should include text", "done"),
        (429, "", "API calls quota exceeded", None),
        (403, "", "", None),
    ],
)
def test_what_teams_says_of_a_stream(status: int, code: str, message: str, reason: str | None) -> None:
    found = refusal(status, {"error": {"code": code, "message": message}})
    assert (found.reason if found else None) == reason
