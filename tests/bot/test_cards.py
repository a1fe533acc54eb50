"""Approval cards: all of a change is on them, Microsoft's own reader takes them, and nothing in them is obeyed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from copilot.hosts.bot.cards import (
    MOST_REFRESHED,
    VERB,
    Asking,
    Settled,
    Status,
    all_pages,
    approval,
    for_all,
    message,
    opening,
    page_count,
    settled,
    written,
)
from copilot.hosts.bot.channels import PROFILES
from copilot.hosts.bot.diff_table import chunks, size
from copilot.trust.approvals import Card, Item
from copilot.trust.outgoing import Attachment, Outgoing

VERSION = "3.0.6"
TEAMS = PROFILES[("msteams", "personal")]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOSTILE = "[a](http://evil.example) ![b](https://evil.example/p.png) <at>all</at> {{DATE(2020-01-01T00:00:00Z)}} **c**"
#: Reads each card as Microsoft's renderer does, and tells what it complains about and which properties it dropped.
READER = """
const AC = require(process.argv[1]), cards = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const dropped = (a, b, at) => {
  if (Array.isArray(a)) return a.flatMap((x, i) => dropped(x, (b || [])[i], at));
  if (a === null || typeof a !== 'object') return [];
  return Object.keys(a).flatMap(k => b == null || !(k in b) ? [a.type + '.' + k] : dropped(a[k], b[k], at + '/' + k));
};
console.log(JSON.stringify(cards.map(card => {
  const context = new AC.SerializationContext(AC.Versions.v1_5), read = new AC.AdaptiveCard();
  read.parse(card, context);
  const events = [...Array(context.eventCount).keys()].map(i => context.getEventAt(i).message);
  const faults = read.validateProperties().validationEvents.map(e => e.message);
  const lost = dropped(card, read.toJSON(new AC.SerializationContext(AC.Versions.v1_5)), '');
  return {faults: [...events, ...faults], dropped: [...new Set(lost)].sort()};
})));
"""


def hunk(where: str, before: str, after: str, kind: str = "text") -> dict[str, Any]:
    return {"where": where, "before": before, "after": after, "kind": kind}


def card_of(*items: Item, why: str = "A document asked for it.") -> dict[str, Any]:
    return Card.of("t1-0", "t1", items, why, NOW).to_dict()


def edit(call: str = "c1", *hunks: dict[str, Any], **more: Any) -> Item:
    given: dict[str, Any] = {"summary": "Replaced 1 place", "path": "contract.docx", "digest": "d", **more}
    return Item(call, "word.replace_text", {}, "write", hunks=list(hunks), **given)


def mail(body: str) -> Item:
    sent = Outgoing(
        "mail", ("bob@example.com", "eve@example.org"), body, str, "Offer", (Attachment("a.docx", "0" * 64, 3),)
    )
    return Item("c2", "mail.send", {}, "send", sent.summary, hunks=sent.shown(), digest=sent.digest())


PRICE = hunk("paragraph 3", "The price is 100 EUR.", "The price is 120 EUR.")
CARDS = {
    "edit": card_of(edit("c1", PRICE)),
    "mail": card_of(mail("Dear Bob,\n\nhere it is.")),
    "two steps": card_of(edit("c1", PRICE), edit("c1", hunk("A1", "1", "2", "cell"), path="b.xlsx"), mail("x")),
    "moved": card_of(edit("c1", hunk("p 1", "all of it", "", "structure"), hunk("p 9", "", "all of it", "structure"))),
    "nothing to show": card_of(edit("c1", hunk("file", "", "", "file"))),
    "many": card_of(edit("c1", *(hunk(f"S!A{n}", str(n), str(n + 1), "cell") for n in range(300)))),
    "long": card_of(mail("".join(f"<{n}>" for n in range(6_000)))),
    "hostile": card_of(
        edit("c1", hunk(HOSTILE, HOSTILE, ""), summary=HOSTILE, path=HOSTILE, warnings=[HOSTILE]), why=HOSTILE
    ),
    "wide": card_of(
        edit("c1", *[hunk("👩" * 600, "👩" * 1_500, "é" * 1_500)] * 2, summary="👩" * 1_500, warnings=["👩" * 1_500]),
        why="👩" * 1_500,
    ),
    "many steps": card_of(*(edit(f"c{n}", PRICE) for n in range(60))),
}
ASKING = Asking(who=("Ann", HOSTILE, "👩" * 900), refresh=tuple(f"29:{n}" for n in range(99)), expires=NOW, whole=True)


def pages(name: str, asking: Asking = ASKING) -> list[dict[str, Any]]:
    return all_pages(CARDS[name], TEAMS, asking)


@cache
def every() -> list[dict[str, Any]]:
    states: tuple[Status, ...] = ("working", "approved", "declined", "expired", "void")
    over = [settled(card, Settled(state, HOSTILE, NOW, (1,))) for card in CARDS.values() for state in states]
    shown = [page for name in CARDS for page in pages(name)[:3] + pages(name)[-1:]]
    return [*shown, *over, *(for_all(card, TEAMS, ASKING) for card in CARDS.values())]


def found(value: Any, type: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from found(each, type)
    if isinstance(value, dict):
        if value.get("type") == type:
            yield value
        for key, each in value.items():
            yield from found(each, type) if key != "fallback" else ()


def orders(card: dict[str, Any]) -> list[str]:
    return [action["data"]["do"] for action in found(card, "Action.Execute")]


def words(card: dict[str, Any]) -> str:
    return "".join(run["text"] for run in found(card, "TextRun")).replace("\u200b", "")


@pytest.fixture(scope="module")
def reader() -> Path:
    """Return the file of Microsoft's adaptivecards (MIT), installed once into a cache folder."""
    node, npm = shutil.which("node"), shutil.which("npm")
    folder = Path(platformdirs.user_cache_dir("everpilot-tests", appauthor=False)) / f"adaptivecards-{VERSION}"
    if not node or not (npm or folder.is_dir()):
        pytest.skip("node or npm is not installed")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            order = [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--fetch-retries=0",
                "--prefix",
                made,
            ]
            try:
                subprocess.run([*order, f"adaptivecards@{VERSION}"], check=True, capture_output=True, timeout=60)
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"adaptivecards can't be installed: {error}")
            shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder / "node_modules" / "adaptivecards" / "dist" / "adaptivecards.min.js"


def test_the_official_reader_takes_every_card_whole(reader: Path) -> None:
    done = subprocess.run(
        ["node", "-e", READER, str(reader)], input=json.dumps(every()), capture_output=True, text=True, timeout=60
    )
    assert not done.returncode, done.stderr
    for told in json.loads(done.stdout):
        assert told["faults"] == []
        # It writes no defaults, and keeps fallbacks to itself.
        assert set(told["dropped"]) <= {"Table.firstRowAsHeader", "Action.Execute.fallback", "Input.Text.isMultiline"}


def test_every_card_is_as_large_as_teams_takes() -> None:
    for card in every():
        assert size(message(card)) <= TEAMS.card_bytes


@pytest.mark.parametrize("name", CARDS)
def test_the_whole_change_is_shown_and_approved_on_the_last_page_only(name: str) -> None:
    shown = pages(name)
    whole = " ".join(words(page) for page in shown)
    squeezed = "".join(whole.split())
    for each in (each for item in CARDS[name]["items"] for each in item["hunks"] if len(each["after"]) < 1000):
        for text in (each["before"], each["after"]):
            assert "".join(text.replace("{{", "{ {").split()) in squeezed
    for number, page in enumerate(shown):
        last = number == len(shown) - 1
        assert ("approve" in orders(page)) == last
        assert "decline" in orders(page)
        assert orders(page).count("page") == (number > 0) + (not last)
    assert (len(shown) > 1) == (name in ("many", "long", "wide", "many steps"))


def test_long_texts_lose_nothing() -> None:
    text = CARDS["long"]["items"][0]["hunks"][3]["after"]
    runs = [run["text"] for page in pages("long", Asking()) for run in found(page, "TextRun") if "<" in run["text"]]
    assert "".join(runs).replace("\u200b", "") == text


def test_long_texts_go_on_where_a_line_or_a_word_ends() -> None:
    text = "\n".join("to be or not to be" for _ in range(300)) + "x" * 3_000
    pieces = [*chunks(text, 1_000)]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) == 1_000  # what has no end is cut
    assert {piece[-1] for piece in pieces[:5]} == {"\n"}
    assert next(chunks("a b " * 300, 1_000)).endswith("b ")
    assert [*chunks("")] == []


def test_a_page_is_one_of_all() -> None:
    whole = pages("many")
    assert page_count(CARDS["many"], TEAMS, ASKING) == len(whole)
    assert approval(CARDS["many"], TEAMS, ASKING, 1) == whole[1]
    assert approval(CARDS["many"], TEAMS, ASKING, 99) == whole[-1]
    assert approval(CARDS["many"], TEAMS, ASKING, -1) == whole[0]


def test_what_goes_and_comes_is_told_by_word_and_by_colour() -> None:
    [card] = pages("edit")
    runs = list(found(card, "TextRun"))
    gone, come = next(r for r in runs if r["text"] == "100"), next(r for r in runs if r["text"] == "120")
    assert gone["color"] == "attention"
    assert gone["strikethrough"]
    assert come["color"] == "good"
    assert "Before: The price is 100 EUR.After: The price is 120 EUR." in words(card)


def test_what_is_sent_is_shown_as_it_goes_out() -> None:
    [card] = pages("mail")
    text = words(card)
    assert "Tobob@example.comToeve@example.org" in text
    assert "Dear Bob,\n\nhere it is." in text
    assert "0" * 64 in text
    assert "Added" not in text


def test_nothing_from_a_document_stands_where_markdown_is_read() -> None:
    for card in every():
        for block in found(card, "TextBlock"):
            assert "evil" not in block["text"]
        for control in [*found(card, "Input.Toggle"), *found(card, "Action.Execute")]:
            assert "evil" not in control.get("title", "")
        for run in found(card, "TextRun"):
            assert "{{DATE(2020" not in run["text"]
        assert "](http" not in card["fallbackText"]
        assert not [*found(card, "Image")]


def test_a_button_holds_what_it_is_bound_to_and_nothing_else() -> None:
    [card] = pages("edit")
    for button in found(card, "Action.Execute"):
        assert button["verb"] == VERB
        assert set(button["data"]) == {"everpilot", "do", "card", "digest", "page"}
        assert button["data"]["digest"] == CARDS["edit"]["digest"]
        if "fallback" in button:
            assert button["fallback"] == {
                **{k: v for k, v in button.items() if k not in ("fallback", "verb")},
                "type": "Action.Submit",
            }


def test_steps_can_be_chosen() -> None:
    [card] = pages("two steps")
    assert [toggle["id"] for toggle in found(card, "Input.Toggle")] == ["step1", "step2"]
    assert [a["data"]["do"] for a in found(card, "Action.Execute") if "title" in a] == ["approve", "choose", "decline"]


def test_the_whole_change_can_be_had_where_it_takes_pages_and_a_file_can_be_handed_over() -> None:
    for shown in map(pages, CARDS):
        assert {"whole" in orders(page) for page in shown} == {len(shown) > 1}
    assert "whole" not in orders(pages("many", replace(ASKING, whole=False))[0])
    # Whoever asks for a page later knows less of the chat than who asked for the approval: they are the same pages.
    cuts = [
        [len([*found(page, "TableRow")]) for page in pages("many", a)] for a in (ASKING, Asking(ASKING.who, (), NOW))
    ]
    assert cuts[0] == cuts[1]


def test_what_all_see_in_a_group_has_no_button_that_decides() -> None:
    group, alone = PROFILES[("msteams", "")], PROFILES[("msteams", "personal")]
    card = opening(CARDS["many"], group, ASKING)
    assert orders(card) == ["open", "look"]
    assert not [*found(card, "Input.Text"), *found(card, "Input.Toggle")]
    assert "S!A11 → 2" in words(card)
    assert "Only Ann" in words(card)
    assert card["refresh"]["userIds"] == list(ASKING.refresh[:MOST_REFRESHED])
    assert card["refresh"]["action"]["data"]["do"] == "look"
    assert "approve" in orders(opening(CARDS["edit"], alone, ASKING))
    assert "refresh" not in opening(CARDS["edit"], alone, ASKING)


def test_what_is_over_has_no_buttons() -> None:
    states: tuple[Status, ...] = ("working", "approved", "declined", "expired", "void")
    for state in states:
        card = settled(CARDS["two steps"], Settled(state, "Ann", NOW, (1,)))
        assert not list(found(card, "Action.Execute"))
        assert ("✓" in words(card)) == (state == "approved")
        assert "{{DATE(2026-01-01T12:00:00Z, SHORT)}}" in card["body"][2]["text"]


def test_in_words_all_of_it_is_there() -> None:
    text = written(CARDS["two steps"])
    for part in (
        "contract.docx",
        "~~100~~**120**",
        "bob@example.com",
        "eve@example.org",
        CARDS["two steps"]["digest"][:8],
    ):
        assert part in text
    assert "](http" not in written(CARDS["hostile"]).replace("\\](http", "")
