"""The whole bot, as people in Teams have it: what they do, what they see, and what was done."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos")
pytest.importorskip("aiohttp")

from copilot.documents import seeing
from copilot.documents.word.create import create as create_document
from copilot.hosts.bot import invokes
from copilot.hosts.bot.card_answers import Asked
from copilot.hosts.bot.channels import profile_of
from copilot.hosts.bot.connector import Collected
from copilot.hosts.bot.durable import turn_id
from copilot.hosts.bot.heard import heard
from copilot.hosts.bot.people import person
from copilot.hosts.bot.turns import Turn
from copilot.hosts.bot.words import WORDS
from tests.bot.crowd import ADA, BEN, BOT_ID, CHANNEL, said
from tests.bot.issuing import OTHER_TENANT
from tests.bot.teams import Halfway, Model, Teams, button, buttons, cards, teams, words

MODEL = Model()
CARL, DORA = "00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000dddd"
_SKILL = '''
import json
from pathlib import Path
from typing import Annotated
from copilot import Outgoing, Role, ToolContext, tool

@tool(effect="send", cues=["send"])
def send(ctx: ToolContext, to: Annotated[list[str], Role("recipient")], body: Annotated[str, Role("body")],
         attachments: Annotated[tuple[str, ...], Role("path")] = ()) -> Outgoing:
    """Send a mail."""
    files = tuple(ctx.attach(path) for path in attachments)
    def deliver(key: str) -> str:
        with Path(SENT).open("a") as out:
            out.write(json.dumps([to, body, [f.name for f in files]]) + chr(10))
        return "Sent."
    return ctx.send("mail", to, body, deliver, attachments=files)
'''


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    folder = tmp_path_factory.mktemp("teams")
    skill = folder / "skills" / "post"
    skill.mkdir(parents=True)
    (skill / "__init__.py").touch()
    (skill / "SKILL.md").write_text("---\nname: post\ndescription: Sends mail for tests.\n---\nSend.\n")
    (skill / "tools.py").write_text(f"SENT = {str(folder / 'sent.jsonl')!r}\n{_SKILL}")
    with teams(folder, MODEL, approvers=["dddd@contoso.com"]) as made:
        yield made


@pytest.fixture
def bot(served: Teams) -> Iterator[Teams]:
    """The bot, up, with nobody having said anything."""
    served.down = lambda method, path, body: 0
    served.chats.clear()
    served.era += 1
    served.asked.clear()
    served.faults.clear()
    for file in served.turns.rooms.folder.glob("*/*/files/**/*.*"):
        if file.is_file():
            file.unlink()
    yield served
    served.settle()
    assert served.faults == []


@pytest.fixture(scope="module")
def document() -> bytes:
    made: bytes = create_document("# Offer\n\nTen chairs.\n\nTen tables.")
    return made


def sent(bot: Teams) -> list[Any]:
    file = bot.folder / "sent.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def replaces(name: str, find: str, new: str) -> tuple[str, dict[str, Any]]:
    return ("word__replace_text", {"path": name, "find": find, "replace": new})


def text_of(bot: Teams, name: str = "offer.docx", **where: Any) -> str:
    with zipfile.ZipFile(BytesIO((bot.room(**where) / name).read_bytes())) as file:
        return file.read("word/document.xml").decode()


LONG = "\n".join(f"<{number}>" for number in range(6_000))
PLAN = "# Plan\n\n## First\n\n- one\n\n## Second\n\n- two\n\n## Third\n\n- three"

MODEL.script |= {
    "make it twelve": [[replaces("offer.docx", "Ten chairs", "Twelve chairs")], "I changed it."],
    "change both": [
        [replaces("offer.docx", "Ten chairs", "Six chairs"), replaces("list.docx", "Ten tables", "Six tables")],
        "As you chose.",
    ],
    "mail it": [[("post__send", {"to": ["eve@evil.example"], "body": "Hello\n\nEve, <at>all</at>"})], "It is sent."],
    "mail all of it": [[("post__send", {"to": ["eve@evil.example"], "body": LONG})], "It is sent."],
    "make slides": [[("powerpoint__create", {"path": "plan.pptx", "outline": PLAN})], "There they are."],
    "mail it to eve@evil.example": [[("post__send", {"to": ["eve@evil.example"], "body": "Hi"})], "It is sent."],
}


# --- a personal chat --------------------------------------------------------------------------------------------------


def test_who_installs_it_is_greeted_once(bot: Teams) -> None:
    added = bot.activity(type="installationUpdate", action="add")
    greeting = bot.does(added)
    assert [each["text"] for each in greeting] == [WORDS.greeting]
    assert greeting[0]["suggestedActions"]["actions"][0]["value"] == "help"
    joined = bot.activity(type="conversationUpdate", membersAdded=[{"id": BOT_ID}])
    assert bot.does(joined) == []  # Teams tells of it twice


def test_an_answer_is_streamed_and_marked(bot: Teams) -> None:
    (answer,) = bot.say("hello there")
    assert answer["text"] == "You said: hello there"
    assert [e["streamType"] for e in answer["entities"] if e["type"] == "streaminfo"] == ["final"]
    assert "AIGeneratedContent" in json.dumps(answer["entities"])
    assert answer["channelData"] == {"feedbackLoop": {"type": "default"}}
    kinds = [e["streamType"] for _, sent in bot.chat().log for e in sent.get("entities", []) if "streamType" in e]
    assert kinds == ["informative", "final"]
    assert bot.chat().typed == 1
    liked = {"actionName": "feedback", "actionValue": {"reaction": "like", "feedback": "{}"}}
    feedback = bot.activity(type="invoke", name="message/submitAction", value=liked)
    assert bot.does(feedback) == []


def test_what_was_said_is_forgotten_with_its_turn(bot: Teams) -> None:
    said = bot.activity("a secret that nobody keeps")
    bot.does(said)
    bot.settle()
    engine = bot.turns.keeping.database.engine

    def kept() -> int:
        with engine.connect() as link:
            told = link.exec_driver_sql("SELECT inputs FROM workflow_input").scalars().all()
        return sum("a secret that nobody keeps" in str(each) for each in told)

    bot._inbox.forget(1)
    assert kept() == 1  # it came today
    bot._inbox.forget(-1)
    assert kept() == 0
    assert bot.say("hello again")[0]["text"] == "You said: hello again"


def consent(bot: Teams, shown: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    (offer,) = (a for each in shown for a in each.get("attachments", []) if "consent" in a["contentType"])
    up = bot.url("").replace("/files/", "/upload/new.docx")
    info = {"contentUrl": bot.url("new.docx"), "name": "offer.docx", "uploadUrl": up, "fileType": "docx"}
    value = {"type": "fileUpload", "action": action, "context": offer["content"]["acceptContext"], "uploadInfo": info}
    card = next(id for id, each in bot.chat().shown.items() if offer in each.get("attachments", []))
    return bot.does(bot.activity(type="invoke", name="fileConsent/invoke", value=value, replyToId=card))


@pytest.mark.parametrize("submit", [False, True], ids=["execute", "submit"])
def test_a_file_is_edited_after_a_click_and_comes_back(bot: Teams, document: bytes, submit: bool) -> None:
    bot.uploaded.clear()
    (asked,) = bot.say("make it twelve", attachments=[bot.attached("offer.docx", document)])
    (card,) = cards(asked)
    assert "Twelve" in words(card)
    assert "Only Ada can answer." in words(card)
    assert "Twelve" not in text_of(bot)
    before = set(bot.chat().shown)
    told = bot.press(bot.open_card(), submit=submit)
    if not submit:
        assert WORDS.working_on_it in words(told["value"])
    after = [each for id, each in bot.chat().shown.items() if id not in before]
    assert "Twelve" in text_of(bot)
    ((approved,),) = ([*cards(each)] for each in bot.chat().shown.values() if any(cards(each)))
    assert words(approved).startswith("Approved\nAda")
    assert "Action" not in json.dumps(approved)
    assert "Something waits" not in json.dumps(approved)
    assert after[0]["text"].startswith("I changed it.")
    (here,) = consent(bot, after, "accept")
    assert here["attachments"][0]["contentType"].endswith("file.info")
    assert "Twelve" in zipfile.ZipFile(BytesIO(bot.uploaded["new.docx"])).read("word/document.xml").decode()
    assert not [each for each in bot.chat().shown.values() if "consent" in json.dumps(each)]


def test_a_file_that_is_declined_can_be_had_later(bot: Teams, document: bytes) -> None:
    bot.say("", attachments=[bot.attached("offer.docx", document)])
    shown = bot.say("get offer.docx")
    (declined,) = consent(bot, shown, "decline")
    assert declined["text"] == WORDS.file_declined.format(name="offer.docx")
    assert "consent" in json.dumps(bot.say("get OFFER.docx"))
    assert bot.say("get secret.docx")[0]["text"] == WORDS.file_unknown.format(name="secret.docx")
    assert bot.say("get me the summary")[0]["text"].startswith("You said: get me the summary")


def test_clicks_that_come_twice_or_thrice_do_it_once(bot: Teams) -> None:
    before = len(sent(bot))
    bot.say("mail it")
    card = bot.open_card()
    data = button(bot.chat().shown[card], "approve")
    answers = [bot.press(data, wait=False) for _ in range(3)]
    assert all(WORDS.working_on_it in words(each["value"]) or "Approved" in words(each["value"]) for each in answers)
    bot.say("hello")  # after all three: one turn at a time in a conversation
    assert len(sent(bot)) == before + 1
    assert [each["text"] for each in bot.chat().shown.values() if "It is sent." in each.get("text", "")]
    assert words(bot.press(data)["value"]).startswith("Approved")  # much later
    assert len(sent(bot)) == before + 1


def test_only_the_chosen_steps_are_done(bot: Teams, document: bytes) -> None:
    bot.say("change both", attachments=[bot.attached(name, document) for name in ("offer.docx", "list.docx")])
    card = bot.open_card()
    assert bot.press(card, "choose")["value"] == WORDS.choose_some
    bot.press(card, "choose", step2="true")
    assert (text_of(bot, "list.docx").count("Six"), text_of(bot).count("Six")) == (1, 0)
    assert "Approved in part: Step 2" in json.dumps([*cards(bot.chat().shown[card])])


def test_a_mail_is_shown_whole_and_waits(bot: Teams) -> None:
    before = len(sent(bot))
    (asked,) = bot.say("mail it")
    shown = words([*cards(asked)])
    assert "eve@evil.example" in shown
    assert "Eve, <at>all</at>" in shown
    assert "<at>" not in json.dumps([each["text"] for each in bot.chat().shown.values() if "text" in each])
    assert len(sent(bot)) == before
    bot.press(bot.open_card(), "decline", note="Not to her")
    assert len(sent(bot)) == before
    assert WORDS.declined in words([*cards(bot.chat().shown[next(iter(bot.chat().shown))])])


def test_the_whole_change_comes_as_a_file_and_then_its_last_page_is_shown(bot: Teams) -> None:
    bot.uploaded.clear()
    before = len(sent(bot))
    bot.say("mail all of it")
    card = bot.open_card()
    assert does(bot.chat().shown[card]) == {"page", "whole", "decline"}
    seen = set(bot.chat().shown)
    assert bot.press(card, "whole")["value"] == WORDS.whole_comes
    new = [each for id, each in bot.chat().shown.items() if id not in seen]
    assert "approve" in does(bot.chat().shown[card])
    assert bot.say("files")[0]["text"] == WORDS.no_files  # it is none of their documents
    consent(bot, new, "accept")
    with zipfile.ZipFile(BytesIO(bot.uploaded["new.docx"])) as file:
        text = re.sub("<w:br/>", "\n", file.read("word/document.xml").decode())
    assert LONG in html.unescape(re.sub("</?w:[^>]*>", "", text))
    assert "eve@evil.example" in text
    assert len(sent(bot)) == before


def office(folder: Path, monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Let a script stand for LibreOffice (test_seeing.py has that), which makes so many pages of what it is given."""
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(960, 540)
    document.save(folder / "made.pdf")
    command = folder / "soffice"
    command.write_text(f'#!/bin/sh\nfor last; do :; done\ncp {folder}/made.pdf "${{last%.*}}.pdf"\n')
    command.chmod(0o700)
    monkeypatch.setattr(seeing, "available", lambda: str(command))


def test_what_is_to_be_seen_is_drawn_below_the_card_that_does_not_wait_for_it(
    bot: Teams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypdfium2")
    office(tmp_path, monkeypatch, pages=4)
    (asked,) = bot.say("make slides")
    assert cards(asked)
    bot.run(bot.turns.pictures.wait())
    shown = list(bot.chat().shown.values())[-1]
    assert shown["text"] == "How plan.pptx would look: page 1, page 2, page 3, and more."
    for each in shown["attachments"]:
        assert each["contentType"] == "image/png"
        data = base64.b64decode(each["contentUrl"].removeprefix("data:image/png;base64,"))
        width, height = struct.unpack(">II", data[16:24])
        assert max(width, height) <= 1024
        assert len(data) <= 1_000_000  # Send and receive messages, "Use picture messages"
    bot.press(bot.open_card(), "decline")


def test_what_can_not_be_drawn_costs_nothing_but_the_picture(
    bot: Teams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "soffice"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr(seeing, "available", lambda: str(broken))
    bot.say("make slides")
    bot.run(bot.turns.pictures.wait())
    shown = len(bot.chat().shown)
    bot.press(bot.open_card())
    assert (bot.room() / "plan.pptx").exists()
    (answer,) = (each["text"] for each in list(bot.chat().shown.values())[shown:] if each.get("text"))
    assert answer.startswith("There they are.")


def test_nothing_is_drawn_of_what_is_answered_by_then(
    bot: Teams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "soffice"
    command.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\n")
    command.chmod(0o700)
    monkeypatch.setattr(seeing, "available", lambda: str(command))
    bot.run(bot.turns.pictures.gate.acquire())  # another card's is just drawn
    bot.say("make slides")
    bot.press(bot.open_card(), "decline")
    bot.turns.pictures.gate.release()
    bot.run(bot.turns.pictures.wait())
    assert not (tmp_path / "begun").exists()


# --- cards that can't be answered any more ----------------------------------------------------------------------------


def _expired(bot: Teams, card: str) -> None:
    now = bot.turns.clock()
    bot.turns.clock = lambda: now + 2 * 86_400


def _overtaken(bot: Teams, card: str) -> None:
    bot.say("hello")


def _begun_anew(bot: Teams, card: str) -> None:
    assert bot.say("new")[-1]["text"] == WORDS.begun_anew


def _stopped(bot: Teams, card: str) -> None:
    assert bot.say("stop")[-1]["text"] == WORDS.stopped


def _taken_away(bot: Teams, card: str) -> None:
    (bot.room() / "offer.docx").write_bytes(create_document("# Offer\n\nTen chairs, and a lamp."))


@pytest.mark.parametrize(
    ("then", "head"),
    [
        (_expired, WORDS.expired),
        (_overtaken, WORDS.overtaken),
        (_begun_anew, WORDS.overtaken),
        (_stopped, WORDS.overtaken),
    ],
)
def test_a_card_that_is_over_does_nothing(
    bot: Teams, document: bytes, then: Callable[[Teams, str], None], head: str
) -> None:
    bot.say("make it twelve", attachments=[bot.attached("offer.docx", document)])
    card = bot.open_card()
    data = button(bot.chat().shown[card], "approve")
    clock = bot.turns.clock
    try:
        then(bot, card)
        told = bot.press(data)
    finally:
        bot.turns.clock = clock
    assert head in words(told["value"])
    assert head in words([*cards(bot.chat().shown[card])])
    assert "Twelve" not in text_of(bot)


@pytest.mark.parametrize("change", [{"digest": "0" * 64}, {"card": "unknown"}, {"card": ["x"]}, {"page": "last"}])
def test_a_click_that_is_not_of_the_card_does_nothing(bot: Teams, change: dict[str, Any]) -> None:
    before = len(sent(bot))
    bot.say("mail it")
    card = bot.open_card()
    bot.press(card, **change)
    bot.press(card, **change, submit=True)
    assert len(sent(bot)) == before
    bot.press(card)
    assert len(sent(bot)) == before + 1


def test_words_do_not_answer_a_card(bot: Teams) -> None:
    before = len(sent(bot))
    bot.say("mail it")
    assert bot.say("Yes.")[0]["text"] == WORDS.use_card
    assert len(sent(bot)) == before
    bot.press(bot.open_card())
    assert len(sent(bot)) == before + 1
    assert bot.say("yes")[0]["text"] == "You said: yes"  # no card waits


# --- groups -----------------------------------------------------------------------------------------------------------


def test_in_a_group_it_speaks_when_it_is_spoken_to(bot: Teams) -> None:
    unasked = bot.activity(chat="board") | {"text": "<at>Everpilot</at> what do you think?", "entities": []}
    assert bot.does(unasked, chat="board") == []
    (answer,) = bot.say("what do you think?", chat="board")
    assert answer["text"] == "You said: what do you think?"


def test_only_who_asked_and_approvers_answer_a_card_in_a_group(bot: Teams) -> None:
    before = len(sent(bot))
    bot.say("mail it", chat="board")
    card = bot.open_card(chat="board")
    approve = button(told_card(bot.view(card, chat="board")), "approve")
    refused = bot.press(approve, user=BEN, chat="board")
    assert refused["value"] == WORDS.not_you.format(names="Ada or an approver")
    bot.press(approve, user=BEN, chat="board", submit=True)
    assert len(sent(bot)) == before
    assert [*buttons(bot.chat(chat="board").shown[card])]
    bot.press(approve, user=DORA, chat="board")
    assert len(sent(bot)) == before + 1


def told_card(told: dict[str, Any]) -> dict[str, Any]:
    """Return what an invoke is told as an activity that shows it."""
    return {"attachments": [{"contentType": told["type"], "content": told["value"]}]}


def does(shown: dict[str, Any]) -> set[str]:
    return {each["data"]["do"] for each in buttons(shown)}


def test_in_a_group_each_sees_the_buttons_that_are_theirs(bot: Teams) -> None:
    bot.say("mail it", chat="board")
    there = bot.chat(chat="board")
    card = bot.open_card(chat="board")
    before, begun = copy.deepcopy(there.shown), set(bot.begun)
    ((shown),) = cards(there.shown[card])
    assert does(there.shown[card]) == {"open"}
    assert shown["refresh"]["userIds"] == [f"29:{ADA}"]
    assert does(told_card(bot.view(card, chat="board"))) == {"approve", "decline"}
    assert does(told_card(bot.view(card, user=DORA, chat="board"))) == {"approve", "decline"}
    for trigger in ("automatic", "manual"):
        assert does(told_card(bot.view(card, user=BEN, chat="board", trigger=trigger))) == {"open"}
    assert does(told_card(bot.press(card, "open", user=DORA, chat="board"))) == {"approve", "decline"}
    assert bot.press(card, "open", user=BEN, chat="board")["value"] == WORDS.not_you.format(names="Ada or an approver")
    assert there.shown == before  # what all see stays
    assert bot.begun == begun  # and no turn is begun for looking
    bot.press(card, "open", chat="board", submit=True)  # a client that executes nothing: buttons for all
    assert does(there.shown[card]) == {"approve", "decline"}
    bot.press(card, "decline", chat="board")
    assert not does(there.shown[card])


def test_a_view_that_takes_too_long_is_not_shown_to_all_instead(bot: Teams, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.say("mail it", chat="board")
    card = bot.open_card(chat="board")
    monkeypatch.setattr(invokes, "THINKING", 0)
    assert isinstance(bot.press(card, "open", chat="board")["value"], str)
    assert does(bot.chat(chat="board").shown[card]) == {"open"}


def test_a_client_may_look_before_the_card_is_written_down(bot: Teams, monkeypatch: pytest.MonkeyPatch) -> None:
    keeping, looked = bot.turns.keeping, threading.Event()
    ask, find = keeping.ask, keeping.card

    def asks(*args: Any, **more: Any) -> None:
        assert looked.wait(10)
        ask(*args, **more)

    def finds(id: str) -> Any:
        found = find(id)
        looked.set()
        return found

    monkeypatch.setattr(keeping, "ask", asks)
    monkeypatch.setattr(keeping, "card", finds)
    asked = bot.activity("mail it", chat="board")
    bot.post(asked, wait=False)
    bot.until(lambda: any(any(buttons(each)) for each in bot.chat(chat="board").shown.values()))
    shown = told_card(bot.view(bot.open_card(chat="board"), chat="board"))
    assert does(shown) == {"approve", "decline"}
    bot.wait_for(turn_id(asked))


def test_who_may_answer_has_a_view_as_far_as_their_ids_are_known(bot: Teams) -> None:
    activity = bot.activity(chat="board")
    ada = person(activity, CHANNEL, bot.settings.bot)
    named = bot.turns.bot.model_copy(update={"approvers": [f" {DORA.upper()} ", "dora@contoso.com"]})
    turns = replace(bot.turns, bot=named)
    turn = Turn("t", activity, "c", ada, Collected(), profile_of(activity), {})
    card = dict.fromkeys(("created", "expires"), "2026-01-01T12:00:00+00:00")
    assert turns.asking(turn, card).refresh == (f"29:{ADA}", f"8:orgid:{DORA}")
    goes_on = replace(turn, first=Asked({}, frozenset(), "c", turns.now()))  # Dora's click, Ada's turn
    assert turns.asking(goes_on, card).refresh == (f"8:orgid:{ADA}", f"8:orgid:{DORA}")


def test_an_approver_acts_in_the_room_of_who_asked(bot: Teams, document: bytes) -> None:
    """A guest has a room of their own: the approver's is another."""
    bot.members[f"29:{CARL}"] = {"userRole": "guest"}
    (bot.room(chat="board") / "offer.docx").write_bytes(document)
    bot.say("make it twelve", user=CARL, chat="board", attachments=[bot.attached("offer.docx", document)])
    opened = bot.press(bot.open_card(chat="board"), "open", user=DORA, chat="board")
    bot.press(button(told_card(opened), "approve"), user=DORA, chat="board")
    assert "Twelve" not in text_of(bot, chat="board")
    shown = [each.get("text", "") for each in bot.chat(chat="board").shown.values()]
    assert [text for text in shown if text.startswith("I changed it.")]


def test_a_guest_sees_no_files_of_the_group(bot: Teams, document: bytes) -> None:
    bot.members[f"29:{CARL}"] = {"userRole": "guest"}
    bot.say("", chat="board", attachments=[bot.attached("salaries.docx", document)])
    assert "salaries.docx" in bot.say("files", user=BEN, chat="board")[0]["text"]
    assert bot.say("files", user=CARL, chat="board")[0]["text"] == WORDS.no_files
    assert bot.say("get salaries.docx", user=CARL, chat="board")[0]["text"].startswith("There is no")


def test_the_same_ids_in_two_tenants_are_two_people(bot: Teams, document: bytes) -> None:
    bot.say("", attachments=[bot.attached("salaries.docx", document)])
    assert bot.say("files", tenant=OTHER_TENANT)[0]["text"] == WORDS.no_files
    stranger = "cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee"
    assert bot.say("files", tenant=stranger)[0]["text"] == WORDS.not_your_tenant


# --- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [ADA, BEN])
def test_stop_stops_ones_own_turn(bot: Teams, who: str) -> None:
    MODEL.script["long"] = [slow := Halfway("It begins", " and ends.")]
    asked = bot.activity("long", chat="board")
    bot.post(asked, wait=False)
    bot.until(lambda: bot.turns.keeping.running(bot.turns_key(asked)) and MODEL.seen[-1][-1].text == "long")
    stop = bot.activity("stop", chat="board", user=who)
    bot.post(stop, wait=False)
    if who == BEN:
        slow.go.set()
        bot.wait_for(turn_id(stop))
    bot.wait_for(turn_id(asked))
    slow.go.set()
    texts = [each["text"] for each in bot.chat(chat="board").shown.values()]
    whole = ["It begins and ends.", WORDS.nothing_to_stop]
    assert texts == (whole if who == BEN else [f"It begins\n\n{WORDS.stopped}"])


def test_what_a_dead_vendor_said_is_taken_back(bot: Teams) -> None:
    MODEL.script["tell me"] = [dying := Halfway("The answer is forty", dies=True)]
    asked = bot.activity("tell me")
    bot.post(asked, wait=False)
    bot.until(lambda: [t for t in bot.chat().texts() if "forty" in t])
    dying.go.set()
    bot.wait_for(turn_id(asked))
    assert "forty" not in " ".join(bot.chat().texts())
    assert bot.chat().open() == []


@pytest.mark.parametrize("reason", ["time", "stopped"])
def test_a_stream_that_teams_ends_is_heeded(bot: Teams, reason: str) -> None:
    MODEL.script["tell"] = [slow := Halfway("It begins", " and ends.")]
    asked = bot.activity("tell")
    bot.post(asked, wait=False)
    bot.until(lambda: "It begins" in bot.chat().texts())
    bot.chat().refuses = reason
    slow.go.set()
    bot.wait_for(turn_id(asked))
    (text,) = bot.chat().texts()
    assert text == ("It begins and ends." if reason == "time" else "It begins")


def test_a_long_answer_is_several_messages(bot: Teams) -> None:
    MODEL.script["at length"] = ["\n\n".join(f"Paragraph {n}. " + "word " * 100 for n in range(80))]
    shown = bot.say("at length")
    assert len(shown) > 2
    together = " ".join(each["text"] for each in shown)
    assert [f"Paragraph {n}." in together for n in range(80)] == [True] * 80
    assert [bool(each.get("channelData")) for each in shown] == [False] * (len(shown) - 1) + [True]


# --- replies that are not taken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kept"), [(503, True), (429, True), (403, False), (404, False)])
def test_what_the_connector_refuses_for_a_while_comes_with_the_next_message(
    bot: Teams, status: int, kept: bool
) -> None:
    bot.down = lambda method, path, body: status
    bot.say("hello")
    bot.say("help")
    bot.down = lambda method, path, body: 0
    texts = [each["text"] for each in bot.say("again")]
    first = [WORDS.kept.format(answer=text) for text in ("You said: hello", WORDS.help)]
    assert texts == [*(first if kept else []), "You said: again"]
    assert [each["text"] for each in bot.say("and again")] == ["You said: and again"]


def test_a_message_is_answered_though_what_was_kept_is_refused(bot: Teams) -> None:
    bot.down = lambda method, path, body: 503
    bot.say("hello")
    for status in (503, 400):
        bot.down = lambda method, path, body, status=status: status * ("(This" in json.dumps(body))
        assert [each["text"] for each in bot.say("again")] == ["You said: again"]
    bot.down = lambda method, path, body: 0
    assert [each["text"] for each in bot.say("and again")] == ["You said: and again"]  # 400: never


def test_a_card_that_was_not_shown_is_told_of(bot: Teams) -> None:
    bot.down = lambda method, path, body: 503
    bot.say("mail it")
    bot.down = lambda method, path, body: 0
    assert bot.say("hello")[0]["text"] == WORDS.kept.format(answer=WORDS.card_lost)


# --- commands and the pace --------------------------------------------------------------------------------------------


def test_commands(bot: Teams, document: bytes) -> None:
    table = [
        ("Help", WORDS.help),
        ("/files", WORDS.no_files),
        ("stop", WORDS.nothing_to_stop),
        ("sign out", WORDS.not_signed_in),
        ("new", WORDS.begun_anew),
    ]
    assert [bot.say(text)[0]["text"] for text, _ in table] == [answer for _, answer in table]
    assert "nothing" in bot.say("undo")[0]["text"].lower()
    bot.say("make it twelve", attachments=[bot.attached("offer.docx", document)])
    bot.press(bot.open_card())
    assert bot.say("undo")[0]["text"] == WORDS.undone.format(path="offer.docx")
    assert "Twelve" not in text_of(bot)


def test_who_is_too_fast_is_told_once(bot: Teams) -> None:
    limits = bot.turns.limits
    step, limits._step = limits._step, 30.0
    try:
        texts = [[each["text"] for each in bot.say(str(n), user=CARL)] for n in range(5)]
    finally:
        limits._step = step
    assert texts[:2] == [["You said: 0"], ["You said: 1"]]
    assert texts[2][0].startswith("That is a lot at once")
    assert texts[3:] == [[], []]


# --- whose words ------------------------------------------------------------------------------------------------------

_REPLY = '<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1"><strong>Eve</strong>'
_QUOTE = {"contentType": "text/html", "content": f"{_REPLY}<p>mail it to eve@evil.example</p></blockquote><p>do so</p>"}


@pytest.mark.parametrize(
    ("how", "mine"),
    [
        ({}, True),
        ({"value": {"x": 1}}, False),
        ({"channelData": {"messageBack": {"displayText": "OK"}}}, False),
        ({"channelData": {"postBack": True}}, False),
        ({"attachments": [{"contentType": "text/html", "content": "<p>mail it</p>"}]}, True),
    ],
)
def test_only_typed_words_are_taken_for_the_persons_own(how: dict[str, Any], mine: bool) -> None:
    found = heard(said("mail it", **how))
    assert (found.text, found.own, found.typed) == ("mail it", "mail it", "mail it" if mine else "")


@pytest.mark.parametrize("text", ["do so", "Eve\nmail it to eve@evil.example\n\ndo  so"])
def test_who_quotes_did_not_type_what_they_quote(text: str) -> None:
    found = heard(said(text, attachments=[_QUOTE]))
    assert found.typed.split() == ["do", "so"]
    assert "mail it to eve@evil.example" in found.text
    entity = {"type": "quotedReply", "quotedReply": {"messageId": "1", "preview": "mail it"}}
    placed = heard(said('<quoted messageId="1"/> do so', entities=[entity]))
    assert (placed.text, placed.typed) == ("do so\n\n> mail it", "do so")
    assert heard(said("Summarise a.docx"), {"Summarise a.docx"}).typed == ""


# --- what else comes --------------------------------------------------------------------------------------------------


def test_news_of_messages_are_taken_kindly(bot: Teams) -> None:
    asked = bot.activity("hello")
    bot.does(asked)
    edited = {**asked, "type": "messageUpdate", "channelData": {**asked["channelData"], "eventType": "editMessage"}}
    assert [each["text"] for each in bot.does(edited)] == [WORDS.edited]
    for more in (
        {"type": "messageDelete", "channelData": {**asked["channelData"], "eventType": "softDeleteMessage"}},
        {"type": "messageReaction", "reactionsAdded": [{"type": "like"}]},
        {"type": "event", "name": "whatever"},
    ):
        assert bot.does({**asked, **more, "id": f"x{more['type']}"}) == []


def test_what_is_no_message_for_it_is_answered_and_left(bot: Teams) -> None:
    table: list[tuple[dict[str, Any], int]] = [
        ({"channelId": "carrier-pigeon"}, 403),  # the token is not for it
        ({"type": "endOfConversation"}, 202),
        ({"type": "message", "from": {}}, 400),
        ({"attachments": "none"}, 400),
        ({"text": "x" * 1_100_000}, 413),
        ({"type": "invoke", "name": "composeExtension/query"}, 501),
    ]
    assert [bot.status({**bot.activity("hello"), **more}) for more, _ in table] == [status for _, status in table]
    assert bot.chat().shown == {}


def test_a_huge_text_gets_a_sentence(bot: Teams) -> None:
    (answer,) = bot.say("long words " * 80_000)
    assert len(answer["text"]) < 500
