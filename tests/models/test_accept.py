"""What may leave the router: whole answers with whole, known, fitting tool calls."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from copilot.models import dialects, schema
from copilot.models.accept import RawCall, Unusable, accepted, merge, raw_calls
from copilot.models.failures import AttemptFailed
from copilot.models.toolset import Toolset
from tests.models.routing import read_cell

OPENAI = dialects.get("openai")
TOOLS = Toolset((read_cell,))
DICT_TOOL = {
    "type": "function",
    "function": {
        "name": "write",
        "parameters": {
            "type": "object",
            "properties": {"cells": {"type": "object", "additionalProperties": {"type": "number"}}},
            "required": ["cells"],
        },
    },
}


def _accept(
    calls: list[RawCall], tools: Toolset = TOOLS, finish: str | None = "tool_calls", text: str = ""
) -> AIMessage:
    metadata = {"finish_reason": finish} if finish else {}
    return accepted(AIMessage(text, response_metadata=metadata), calls, OPENAI, tools, strict=True)


@pytest.mark.parametrize(
    "args",
    [
        '{"cell": "B4"',
        '{"cell": "B',
        '{"cell": "B4"}}',
        '{"cell": "B4"} {"cell": "C4"}',
        '["B4"]',
        '"B4"',
        "{cell: 1}",
        "{",
        "null",
    ],
)
def test_arguments_that_are_no_whole_json_object(args: str) -> None:
    with pytest.raises(Unusable, match="malformed"):
        _accept([RawCall("read_cell", args, "1")])


@pytest.mark.parametrize("args", ['{"cell": "B4", "times": NaN}', '{"cell": "B4", "times": Infinity}'])
def test_numbers_that_json_does_not_have(args: str) -> None:
    with pytest.raises(Unusable, match="malformed"):
        _accept([RawCall("read_cell", args, "1")])


@pytest.mark.parametrize(
    ("name", "args", "problem"),
    [
        ("read_cell", {}, "cell: Field required"),
        ("read_cell", {"cell": 4}, "cell: Input should be a valid string"),
        ("read_cel", {"cell": "B4"}, "There is no tool 'read_cel'. There is: read_cell."),
    ],
)
def test_calls_that_do_not_fit_say_why(name: str, args: dict[str, Any], problem: str) -> None:
    with pytest.raises(Unusable) as caught:
        _accept([RawCall("read_cell", {"cell": "A1"}, "good"), RawCall(name, args, "bad")])
    assert caught.value.feedback is not None
    assert caught.value.feedback.problems == {"good": "", "bad": problem}


def test_a_call_without_tools_is_unknown() -> None:
    with pytest.raises(Unusable, match="does not exist"):
        _accept([RawCall("read_cell", {"cell": "B4"}, "1")], Toolset())


def test_tools_given_as_json_schema_are_checked_too() -> None:
    tools = Toolset((DICT_TOOL,))
    assert _accept([RawCall("write", '{"cells": {"A1": 42}}', "1")], tools).tool_calls[0]["args"] == {
        "cells": {"A1": 42}
    }
    with pytest.raises(Unusable, match="wrong tool arguments"):
        _accept([RawCall("write", '{"cells": {"A1": "x"}}', "1")], tools)


def test_every_call_gets_an_id_of_its_own() -> None:
    calls = [RawCall("read_cell", {"cell": c}, i) for c, i in [("A1", "x"), ("A2", "x"), ("A3", None), ("A4", "")]]
    ids = [c["id"] for c in _accept(calls).tool_calls]
    assert len(set(ids)) == 4
    assert all(ids)


@pytest.mark.parametrize(
    ("finish", "text", "error"),
    [
        (None, "Half", AttemptFailed),
        ("length", "Half", Unusable),
        ("content_filter", "Half", Unusable),
        ("stop", "  \n", Unusable),
        ("insufficient_system_resource", "Half", AttemptFailed),
    ],
)
def test_endings_that_are_none(finish: str | None, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        _accept([], finish=finish, text=text)


@pytest.mark.parametrize("finish", ["stop", "stopstop", "eos", "end_turn", "COMPLETE"])
def test_endings_in_the_words_of_other_servers(finish: str) -> None:
    assert _accept([], finish=finish, text="Whole.").text == "Whole."


def _chunk(**piece: Any) -> AIMessageChunk:
    told = {"name": None, "args": None, "id": None, "index": 0, "type": "tool_call_chunk", **piece}
    return AIMessageChunk("", tool_call_chunks=[told])


def test_pieces_of_calls_are_put_together() -> None:
    chunks = [
        _chunk(name="a", id="1", args=""),
        _chunk(args='{"x"'),
        _chunk(name="b", id="2", index=1, args="{"),
        _chunk(args=": 1}"),
        _chunk(index=1, args="}"),
    ]
    assert raw_calls(chunks) == [RawCall("a", '{"x": 1}', "1"), RawCall("b", "{}", "2")]


def test_servers_that_number_every_call_0() -> None:
    chunks = [_chunk(name="a", id="1", args='{"x": 1}'), _chunk(name="b", id="2", args='{"x": 2}')]
    assert raw_calls(chunks) == [RawCall("a", '{"x": 1}', "1"), RawCall("b", '{"x": 2}', "2")]


def test_servers_that_repeat_name_and_id_in_every_piece() -> None:
    chunks = [_chunk(name="a", id="1", args='{"x"'), _chunk(name="a", id="1", args=": 1}")]
    assert raw_calls(chunks) == [RawCall("a", '{"x": 1}', "1")]


def test_calls_without_a_number_come_whole() -> None:
    chunks = [_chunk(name="a", id="1", args="{}", index=None), _chunk(name="b", id="2", args="{}", index=None)]
    assert [c.name for c in raw_calls(chunks)] == ["a", "b"]


def test_the_last_reason_of_a_stream_counts() -> None:
    chunks = [
        AIMessageChunk("a", response_metadata={"finish_reason": "stop"}),
        AIMessageChunk("b", response_metadata={"finish_reason": "length"}),
    ]
    assert merge(chunks, OPENAI).response_metadata["finish_reason"] == "length"
    with pytest.raises(AttemptFailed):
        merge([], OPENAI)


DEFS = {
    "$defs": {
        "P": {
            "type": "object",
            "properties": {"n": {"type": "integer"}},
            "required": ["n"],
            "additionalProperties": False,
        }
    }
}


@pytest.mark.parametrize(
    ("value", "spec", "problem"),
    [
        ({"a": 1}, {"type": "object", "properties": {"a": {"type": "integer"}}}, ""),
        ({"a": 1.0}, {"type": "object", "properties": {"a": {"type": "integer"}}}, ""),
        ({"a": 1.5}, {"type": "object", "properties": {"a": {"type": "integer"}}}, "a: should be integer"),
        ({"a": True}, {"type": "object", "properties": {"a": {"type": "integer"}}}, "a: should be integer"),
        ({"a": None}, {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}, ""),
        ({"a": "x"}, {"type": "object", "properties": {"a": {"enum": ["y", "z"]}}}, "a: should be one of 'y', 'z'"),
        (
            {"a": [1, "x"]},
            {"properties": {"a": {"type": "array", "items": {"type": "number"}}}},
            "a[1]: should be number",
        ),
        ({"a": "x"}, {"properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}, "a: should be integer"),
        ({"p": {"n": 1}}, {"properties": {"p": {"$ref": "#/$defs/P"}}, **DEFS}, ""),
        ({"p": {}}, {"properties": {"p": {"$ref": "#/$defs/P"}}, **DEFS}, "p.n: is missing"),
        (
            {"p": {"n": 1, "m": 2}},
            {"properties": {"p": {"$ref": "#/$defs/P"}}, **DEFS},
            "p.m: is not known; there is n",
        ),
        ([], {"type": "object"}, "arguments: should be object"),
        ({"a": 1}, {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}, ""),
    ],
)
def test_json_schema(value: Any, spec: dict[str, Any], problem: str) -> None:
    assert schema.problem(value, spec) == problem


def test_an_object_that_a_client_parsed_may_hold_what_json_has_not() -> None:
    with pytest.raises(Unusable, match="malformed"):
        _accept([RawCall("read_cell", {"cell": "B4", "times": float("nan")}, "1")])


@pytest.mark.parametrize("finish", ["max_tokens", "MAX_TOKENS", "SAFETY", "content_filtered", "refusal"])
def test_a_gateway_hands_on_the_words_of_the_vendor_behind_it(finish: str) -> None:
    with pytest.raises(Unusable):
        _accept([], finish=finish, text="Half")


def test_half_letters_never_reach_the_state() -> None:
    assert _accept([], finish="stop", text="half \ud83d").content == "half ?"
