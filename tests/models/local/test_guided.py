"""The thin layer for models whose template knows no tools: what they are told, and how their answers are read."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from copilot.models.failures import AttemptFailed
from copilot.models.local.guided import Choice, Reader, plain_history
from copilot.models.schema import problem

NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "one", "description": "First.", "parameters": {"type": "object"}}},
    {
        "type": "function",
        "function": {
            "name": "two",
            "parameters": {
                "type": "object",
                "properties": {"node": {"$ref": "#/$defs/Node"}},
                "required": ["node"],
                "$defs": {"Node": NODE},
            },
        },
    },
]
ANSWERS = [
    {"reply": 'He said "no\\yes",\n\ttwice: ⟂ 🙂 é'},
    {"reply": ""},
    {"tool": "two", "arguments": {"node": {"next": {"next": {}}}}},
    {"tool": "one", "arguments": {}},
]


def read(text: str, size: int) -> tuple[str, str, str]:
    """Return the text, the tool and its arguments that come of an answer in pieces of some size."""
    reader, said, name, args = Reader(), "", "", ""
    for start in range(0, len(text), size):
        piece, calls = reader.feed(text[start : start + size])
        said += piece
        for call in calls:
            name, args = name or call["name"] or "", args + (call["args"] or "")
    reader.check()
    return said, name, args


@pytest.mark.parametrize(("answer", "ascii_only", "indent"), list(itertools.product(ANSWERS, [True, False], [None, 1])))
def test_an_answer_is_the_same_in_pieces_of_any_size(
    answer: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(answer, ensure_ascii=ascii_only, indent=indent)
    for size in (1, 2, 3, 7, len(text)):
        said, name, args = read(text, size)
        assert said == answer.get("reply", "")
        assert name == answer.get("tool", "")
        assert not name or json.loads(args) == answer["arguments"]


@pytest.mark.parametrize("text", ['{"reply":"cut', '{"tool":"one","arguments":{"a":1', "words", '{"other":1}', ""])
def test_what_is_not_whole_is_told(text: str) -> None:
    reader = Reader()
    reader.feed(text)
    with pytest.raises(AttemptFailed, match="malformed"):
        reader.check()


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        (None, [True, True, True]),
        ("auto", [True, True, True]),
        ("any", [False, True, True]),
        ("required", [False, True, True]),
        ("one", [False, True, False]),
        ({"type": "function", "function": {"name": "two"}}, [False, False, True]),
    ],
)
def test_the_schema_allows_what_the_choice_leaves(choice: Any, allowed: list[bool]) -> None:
    schema = Choice.of(TOOLS, choice).schema
    node = {"tool": "two", "arguments": {"node": {"next": {}}}}
    answers = [{"reply": "yes"}, {"tool": "one", "arguments": {}}, node]
    assert [not problem(answer, schema) for answer in answers] == allowed
    assert problem({"tool": "three", "arguments": {}}, schema)
    assert problem({"tool": "two", "arguments": {}}, schema)
    assert problem({"tool": "two", "arguments": {"node": {"next": 1}}}, schema) or allowed[2] is False


def test_no_choice_leaves_no_tools() -> None:
    assert not Choice.of(TOOLS, "none").tools


HISTORY: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("What is in B4?"),
    AIMessage("Let me look.", tool_calls=[{"name": "read", "args": {"cell": "B4"}, "id": "1"}]),
    ToolMessage("41", tool_call_id="1"),
    HumanMessage("And?"),
]


def test_the_history_is_what_a_template_without_tools_takes() -> None:
    system, ask, call, result = plain_history(HISTORY, "TOOLS")
    assert system.text == "Be brief.\n\nTOOLS"
    assert ask.text == "What is in B4?"
    assert call.text == 'Let me look.\n{"tool": "read", "arguments": {"cell": "B4"}}'
    assert isinstance(call, AIMessage)
    assert not call.tool_calls
    assert result.text == "Result of read: 41\nAnd?"


def test_without_a_system_role_the_user_says_it() -> None:
    first, *rest = plain_history(HISTORY, system_role=False)
    assert first.text == "Be brief.\nWhat is in B4?"
    assert [m.type for m in [first, *rest]] == ["human", "ai", "human"]
