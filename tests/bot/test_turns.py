"""The whole bot, as people in Teams have it: what they do, what they see, and what was done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos")
pytest.importorskip("aiohttp")

from copilot.documents.word.create import create as create_document
from tests.bot.crowd import ADA, BEN
from tests.bot.teams import Halfway, Model, Teams, button, buttons, cards, teams, words

MODEL = Model()
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
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    folder = tmp_path_factory.mktemp("teams")
    skill = folder / "skills" / "post"
    skill.mkdir(parents=True)
    (skill / "__init__.py").touch()
    (skill / "SKILL.md").write_text("---\nname: post\ndescription: Sends mail for tests.\n---\nSend.\n")
    (skill / "tools.py").write_text(f"SENT = {str(folder / 'sent.jsonl')!r}\n{_SKILL}")
    with teams(folder, MODEL, approvers=["dddd@contoso.com"]) as made:
        yield made


def sent(bot: Teams) -> list[Any]:
    file = bot.folder / "sent.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def replaces(name: str, find: str, new: str) -> tuple[str, dict[str, Any]]:
    return ("word__replace_text", {"path": name, "find": find, "replace": new})


@pytest.fixture(scope="module")
def document() -> bytes:
    made: bytes = create_document("# Offer\n\nTen chairs.\n\nTen tables.")
    return made


def test_a_message_is_answered_as_a_stream(bot: Teams) -> None:
    shown = bot.say("hello there")
    print(json.dumps(shown, indent=1))
    assert 0


def test_edit(bot: Teams, document) -> None:
    MODEL.script["make it twelve"] = [[replaces("offer.docx", "Ten chairs", "Twelve chairs")], "I changed it."]
    shown = bot.say("make it twelve", attachments=[bot.attached("offer.docx", document)])
    print(json.dumps(shown, indent=1))
    out = bot.press(bot.open_card())
    print(json.dumps(out)[:300])
    print(json.dumps(bot.chat().shown, indent=1)[-6000:])
    print(bot.faults)
    assert 0
