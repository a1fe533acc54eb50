"""Arguments that a JSON Schema describes: checked, named, and with a role each."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.arguments import JsonArguments, readable
from copilot.plugins.langchain import as_langchain
from copilot.plugins.tools import Effect, Result, json_tool, slug, tool_name

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "$filter": {"type": "string"},
        "class": {"$ref": "#/$defs/Class"},
        "count": {"type": "integer", "minimum": 1, "default": 10},
        "json": {"type": ["string", "null"]},
    },
    "required": ["class"],
    "additionalProperties": False,
    "$defs": {"Class": {"enum": ["a", "b"]}},
}


def test_names_roles_and_defaults() -> None:
    arguments = JsonArguments.of(SCHEMA, {"count": "option"})
    assert arguments.names == ("$filter", "class", "count", "json")
    assert arguments.roles == {"$filter": "target", "class": "target", "count": "option", "json": "target"}
    assert arguments.default("count") == 10
    assert arguments.default("class") is ...


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({}, "'class' is a required property"),
        ({"class": "c"}, "class: 'c' is not one of"),
        ({"class": "a", "count": 0}, "count: 0 is less than the minimum"),
        ({"class": "a", "other": 1}, "'other' was unexpected"),
        ({"class": "a", "$filter": 1}, "$filter: 1 is not of type 'string'"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong_and_what_there_is(args: dict[str, Any], told: str) -> None:
    with pytest.raises(ToolInputError, match=r"crm\.find") as caught:
        JsonArguments.of(SCHEMA).parse(args, "crm.find")
    assert told in str(caught.value)
    assert "It takes: $filter, class, count, json." in str(caught.value)
    assert caught.value.code == "arguments"


def test_a_right_call_comes_back_as_it_was_given() -> None:
    given = {"class": "a", "json": None, "$filter": "x eq 1"}
    assert JsonArguments.of(SCHEMA).parse(given, "crm.find") == given


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        "object",
        {"type": "array"},
        {"properties": []},
        {"properties": {"a": {"type": "strange"}}},
        {"properties": {"a": {"$ref": "https://example.com/not-fetched.json"}}},
        {"properties": {"a": {"$ref": "#/$defs/gone"}}},
    ],
)
def test_a_schema_that_cannot_be_used_is_named(schema: Any) -> None:
    with pytest.raises(PluginError):
        JsonArguments.of(schema).parse({"a": 1}, "crm.find")


def test_a_schema_that_is_too_deep_is_refused_before_anything_recurses() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(5_000):
        deep = {"type": "object", "properties": {"a": deep}}
    with pytest.raises(PluginError, match="nested deeper"):
        JsonArguments.of(deep)


def test_a_schema_without_type_and_properties_takes_nothing_in_particular() -> None:
    assert JsonArguments.of({}).parse({"anything": 1}, "x.y") == {"anything": 1}


def test_recursive_schemas_are_checked() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}
    arguments = JsonArguments.of({"properties": {"node": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}})
    with pytest.raises(ToolInputError, match=r"node\.next\.next"):
        arguments.parse({"node": {"next": {"next": {}}}}, "x.y")


def test_a_tool_takes_arguments_of_any_name() -> None:
    def call(context: Any, /, **args: Any) -> Result:
        return Result(repr(sorted(args)))

    made = json_tool("crm.find", "Find.", SCHEMA, Effect.FETCH, call)
    assert made.skill == "crm"
    outcome = made.stage(None, {"class": "b", "$filter": "x", "json": None})  # type: ignore[arg-type]
    assert isinstance(outcome, Result)
    assert outcome.markdown == "['$filter', 'class', 'json']"
    offered = as_langchain(made)
    assert offered.name == "crm__find"
    assert offered.tool_call_schema == SCHEMA


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("getUser-by id", "getUser_by_id"),
        ("Überweisung", "Uberweisung"),
        ("../../etc/passwd", "etc_passwd"),
        ("\x1b[31mred", "31mred"),
        ("日本", "tool"),
        ("a__b", "a_b"),
        ("x" * 99, "x" * 40),
    ],
)
def test_any_text_makes_a_name_that_every_vendor_takes(text: str, name: str) -> None:
    assert tool_name(text) == name


def test_names_that_are_taken_get_a_number() -> None:
    assert tool_name("a b", ["a_b"]) == "a_b_2"
    assert tool_name("a b", ["a_b", "a_b_2"]) == "a_b_3"
    long = "x" * 40
    assert tool_name(long, [long]) != long
    assert len(tool_name(long, [long])) <= 40
    assert slug("Contoso CRM (v2)") == "contoso-crm-v2"
    assert len(slug("a" * 60, ["a" * 22])) <= 22


def test_arguments_are_shown_in_full_before_they_are_sent() -> None:
    assert readable({"title": "Hi", "tags": ["a"], "n": 1}) == 'title: Hi\ntags: [\n "a"\n]\nn: 1'


def test_no_argument_can_look_like_another_one() -> None:
    shown = readable({"note": "hello\nto: nobody", "to\nbcc: x": "eve", "more": ["a\nto: b"]})
    assert shown == 'note:\n  hello\n  to: nobody\n"to\\nbcc: x": eve\nmore: [\n "a\\nto: b"\n]'
