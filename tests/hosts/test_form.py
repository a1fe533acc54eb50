"""What a server asks in the middle of a call: shown as what it is, typed by a person, sent only when they said so."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from copilot.hosts.terminal.form import Form
from copilot.plugins.mcp.elicitation import Answer, Question

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "days", "room"],
    "properties": {
        "name": {"type": "string", "title": "Your name"},
        "days": {"type": "integer"},
        "half": {"type": "boolean", "default": False},
        "room": {"type": "string", "oneOf": [{"const": "r1", "title": "Aspen"}, {"const": "r2", "title": "Birch"}]},
        "food": {"type": "array", "items": {"type": "string", "enum": ["none", "soup", "cake"]}},
        "note": {"type": "string"},
    },
}


class Typist:
    """Types these lines, one for each question; an exception is what a key press raises."""

    def __init__(self, *lines: str | type[BaseException]) -> None:
        self.lines = list(lines)
        self.asked: list[str] = []
        self.opened: list[str] = []
        self.shown = io.StringIO()

    def line(self, question: str) -> str:
        self.asked.append(question)
        given = self.lines.pop(0)
        if isinstance(given, str):
            return given
        raise given

    def answer(self, question: Question) -> Answer:
        def browse(url: str) -> bool:
            self.opened.append(url)
            return True

        return Form(Console(file=self.shown, width=80), line=self.line, browse=browse)(question)


@pytest.mark.parametrize(
    ("lines", "action", "content"),
    [
        (("Ann", "3", "", "2", "2,cake", "", "y"), "accept", (3, False, "r2", ["soup", "cake"])),
        (("", "Ann", "three", "3", "maybe", "y", "9", "Aspen", "", "", "x", "y"), "accept", (3, True, "r1", None)),
        (("Ann", "3", "", "1", "", "", "n"), "decline", None),
        (("Ann", EOFError), "decline", None),
        ((KeyboardInterrupt,), "cancel", None),
    ],
)
def test_a_form_is_filled_field_by_field(lines: tuple[Any, ...], action: str, content: Any) -> None:
    typist = Typist(*lines)
    question = Question("desk", "Who\x1b[31m comes?", schema=SCHEMA)
    answer = typist.answer(question)
    assert (answer.action, typist.lines) == (action, [])
    if content is not None:
        days, half, room, food = content
        food_given = {"food": food} if food else {}
        assert answer.content == {"name": "Ann", "days": days, "half": half, "room": room, **food_given}
    assert question.misfit(answer) == ""
    assert "The MCP server desk asks (not Everpilot" in typist.shown.getvalue()
    assert "\x1b" not in typist.shown.getvalue()


def test_no_page_is_opened_unasked() -> None:
    for typed, action, opened in (("n", "decline", []), ("y", "accept", ["https://desk.example/pay"])):
        typist = Typist(typed)
        answer = typist.answer(Question("desk", "Pay.", url="https://desk.example/pay"))
        assert (answer.action, typist.opened) == (action, opened)
        assert "https://desk.example/pay" in typist.shown.getvalue()


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"properties": {"a": None}, "required": 3}])
def test_what_has_no_fields_is_agreed_to_or_not(schema: dict[str, Any]) -> None:
    assert Typist("what", "y").answer(Question("desk", "Sure?", schema=schema)) == Answer("accept", {})
    assert Typist("n").answer(Question("desk", "Sure?", schema=schema)).action == "decline"


def test_a_broken_field_asks_for_plain_text() -> None:
    schema = {"properties": {"a": {"type": ["x"], "enum": "no", "enumNames": 3, "items": 4}}, "required": ["a"]}
    assert Typist("text", "y").answer(Question("desk", "?", schema=schema)) == Answer("accept", {"a": "text"})
