"""Tools for clients that can't convert every JSON Schema: what is simplified, and that the vendor's client takes it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from langchain_core.tools import StructuredTool

from copilot.models.plain import plain
from copilot.models.terms import terms_of
from copilot.models.toolset import Toolset

Schema = dict[str, Any]
NODE: Schema = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "n": {"type": ["integer", "null"]}}}
#: A property as JSON Schema has it, and as it is told.
TABLE: tuple[tuple[Schema, Schema], ...] = (
    ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
    ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "description": "One of 1, 2."}),
    (
        {"type": ["string", "null"], "enum": ["a", None], "description": "Which."},
        {"type": "string", "nullable": True, "enum": ["a"], "description": "Which."},
    ),
    ({"const": "x"}, {"type": "string", "enum": ["x"]}),
    ({"type": ["integer", "null"], "minimum": 1}, {"type": "integer", "nullable": True, "minimum": 1}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    (
        {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}, {"type": "null"}]},
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}, {"type": "null"}]},
    ),
    (
        {"allOf": [{"$ref": "#/$defs/Node"}, {"properties": {"z": {"type": "string"}}, "required": ["z"]}]},
        {
            "type": "object",
            "properties": {
                "next": {"$ref": "#/$defs/Node"},
                "n": {"type": "integer", "nullable": True},
                "z": {"type": "string"},
            },
            "required": ["z"],
        },
    ),
)


def offered(schema: Schema) -> StructuredTool:
    return StructuredTool.from_function(lambda **args: None, name="crm__find", description="Find.", args_schema=schema)


def whole(schema: Schema) -> Schema:
    return {"type": "object", "properties": {"a": schema}, "$defs": {"Node": NODE}}


@pytest.mark.parametrize(("schema", "expected"), TABLE)
def test_schemas_are_simplified_and_the_client_converts_them(schema: Schema, expected: Schema) -> None:
    google = pytest.importorskip("langchain_google_genai.chat_models")
    assert plain(whole(schema))["properties"]["a"] == expected
    toolset = Toolset((offered(whole(schema)),))
    before = deepcopy(toolset.wire)
    client = google.ChatGoogleGenerativeAI(model="gemini-2.5-flash", google_api_key="none")
    terms_of("langchain_google_genai:ChatGoogleGenerativeAI").bound(client, toolset)
    assert toolset.wire == before, "the check of a call stays whole"


def test_what_is_plain_stays_the_same_object() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]}
    assert plain(schema) is schema
    tool = offered(schema)
    assert Toolset((tool,)).plain == [tool]
