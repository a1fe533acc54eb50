"""Documents become tools; what is wrong with them is told, and stops nothing else."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError
from copilot.plugins.openapi import reader
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.tools import Effect, Tool
from copilot.settings import PluginSettings

HEAD = "openapi: 3.0.3\ninfo: {title: Desk, version: '1'}\nservers: [{url: 'https://desk.example'}]\n"
GET = "{responses: {'200': {description: fine}}}"


def read(tmp_path: Path, text: str, name: str = "openapi.yaml", **more: Any) -> Plugin:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return reader.read(path, Reading(tmp_path / "home", **more))


def tools(plugin: Plugin) -> dict[str, Tool]:
    return {tool.name: tool for skill in plugin.skills for tool in skill.tools}


def reasons(plugin: Plugin) -> str:
    return "\n".join(f"{p.severity} {p.where} {p.reason}" for p in plugin.problems)


def test_parameters_and_body_are_one_flat_object(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + textwrap.dedent("""
        paths:
          /rooms/{id}:
            parameters:
              - {name: id, in: path, required: true, schema: {type: integer}}
            put:
              operationId: updateRoom
              summary: Change a room
              parameters:
                - {name: id, in: query, schema: {type: string}}
                - {name: $select, in: query, schema: {type: array, items: {type: string}}}
                - {name: Authorization, in: header, schema: {type: string}}
              requestBody:
                required: true
                content:
                  application/json:
                    schema:
                      allOf:
                        - {$ref: '#/components/schemas/Named'}
                        - type: object
                          required: [size, made]
                          properties:
                            size: {type: number, minimum: 0, exclusiveMinimum: true}
                            made: {type: string, format: date, readOnly: true}
                            until: {type: string, format: date, nullable: true}
                            id: {type: string, description: Its mark on the door.}
              responses: {'200': {description: fine}}
        components:
          schemas:
            Named: {type: object, required: [name], properties: {name: {type: string, example: x, pattern: '^(a+)+$'}}}
        """),
    )
    tool = tools(plugin)["desk.update_room"]
    assert tool.effect is Effect.SEND
    assert tool.description == "Change a room"
    assert tool.arguments.json_schema() == {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "id_query": {"type": "string"},
            "select": {"type": "array", "items": {"type": "string"}},
            "name": {"type": "string", "description": "Pattern: ^(a+)+$"},
            "size": {"type": "number", "exclusiveMinimum": 0},
            "until": {"type": ["string", "null"], "format": "date"},
            "id_body": {"type": "string", "description": "Its mark on the door."},
        },
        "additionalProperties": False,
        "required": ["id", "name", "size"],
    }
    assert not plugin.problems


def test_circles_stay_references(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + textwrap.dedent("""
        paths:
          /trees:
            post:
              requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Tree'}}}}
              responses: {}
        components:
          schemas:
            Tree:
              properties: {name: {type: string}, children: {type: array, items: {$ref: '#/components/schemas/Tree'}}}
            Loop: {$ref: '#/components/schemas/Loop'}
        """),
    )
    tool = tools(plugin)["desk.post_trees"]
    schema = tool.arguments.json_schema()
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert tool.validate({"name": "a", "children": [{"name": "b", "children": []}]})
    with pytest.raises(Exception, match="children"):
        tool.validate({"children": [{"children": [{"children": 3}]}]})


def test_a_bad_operation_is_left_out_and_told(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + textwrap.dedent(f"""
        paths:
          /a: {{get: {GET}, post: 17}}
          /b/{{id}}: {{get: {{operationId: same, responses: {{}}}}}}
          /c:
            get: {{operationId: same, parameters: [null, {{in: query}}, {{$ref: '#/nowhere'}}], responses: {{}}}}
          /d: {{$ref: 'https://elsewhere.example/paths.yaml#/d'}}
          /e: {{$ref: '../outside.yaml#/e'}}
          /f: []
        """),
    )
    assert set(tools(plugin)) == {"desk.get_a", "desk.same", "desk.same_2"}
    assert tools(plugin)["desk.same"].arguments.json_schema()["properties"]["id"] == {"type": "string"}
    told = reasons(plugin)
    for words in (
        *("refused", "POST /a it is no object", "'same' is used twice", "{id}, which is not declared"),
        *("nothing is fetched", "outside.yaml", "#/nowhere"),
    ):
        assert words in told


def test_files_below_the_root_belong_to_the_document(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "room.yaml").write_text("Room: {properties: {kind: {$ref: 'kind.json'}}}")
    (tmp_path / "parts" / "kind.json").write_text('{"type": "string", "enum": ["hall", "cell"]}')
    text = HEAD + textwrap.dedent("""
paths:
  /rooms:
    post:
      requestBody: {content: {application/json: {schema: {$ref: 'parts/room.yaml#/Room'}}}}
      responses: {}
""")
    shown = tools(read(tmp_path, text))["desk.post_rooms"].arguments.json_schema()["properties"]
    assert shown == {"kind": {"type": "string", "enum": ["hall", "cell"]}}
    (tmp_path / "parts" / "kind.json").write_text('{"type": "integer"}')  # what was kept is void then
    shown = tools(read(tmp_path, text))["desk.post_rooms"].arguments.json_schema()["properties"]
    assert shown == {"kind": {"type": "integer"}}


def test_what_was_compiled_is_kept_and_gives_the_same(tmp_path: Path) -> None:
    posted = "{requestBody: {content: {text/plain: {}}}, responses: {}}"
    text = HEAD + f"paths: {{/a: {{get: {GET}}}, /b: {{post: {posted}}}}}"
    first = read(tmp_path, text)
    kept = list((tmp_path / "home" / "compiled").iterdir())
    assert len(kept) == 1
    again = read(tmp_path, text)
    assert {n: t.arguments.json_schema() for n, t in tools(first).items()} == {
        n: t.arguments.json_schema() for n, t in tools(again).items()
    }
    kept[0].write_text("{broken")
    assert set(tools(read(tmp_path, text))) == {"desk.get_a", "desk.post_b"}


def test_a_file_that_was_missing_is_read_once_it_is_there(tmp_path: Path) -> None:
    text = HEAD + "paths: {/a: {get: {parameters: [{$ref: 'more/q.yaml'}]}}}\n"
    assert "more/q.yaml" in reasons(read(tmp_path, text))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "q.yaml").write_text("{name: q, in: query, schema: {type: integer}}")
    found = read(tmp_path, text)
    assert tools(found)["desk.get_a"].arguments.names == ("q", "select")
    assert "more/q.yaml" not in reasons(found)


def test_yaml_is_read_as_its_version_1_2_says(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + textwrap.dedent("""
        paths:
          /a:
            get:
              parameters:
                - {name: country, in: query, schema: {type: string, enum: [NO, SE, yes]}}
                - {name: day, in: query, schema: {type: string, default: 2024-01-01}}
                - {name: at, in: query, schema: {type: string, default: 12:30}}
              responses: {200: {description: fine}}
        """),
    )
    shown = tools(plugin)["desk.get_a"].arguments.json_schema()["properties"]
    assert shown["country"]["enum"] == ["NO", "SE", "yes"]
    assert (shown["day"]["default"], shown["at"]["default"]) == ("2024-01-01", "12:30")


SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Old Desk", "version": "1"},
    "host": "old.example",
    "basePath": "/v1",
    "schemes": ["http", "https"],
    "consumes": ["application/json"],
    "securityDefinitions": {"key": {"type": "apiKey", "in": "query", "name": "key"}},
    "paths": {
        "/rooms": {
            "get": {
                "parameters": [
                    {
                        "name": "tags",
                        "in": "query",
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "multi",
                    },
                    {"name": "key", "in": "query", "type": "string"},
                ]
            },
            "post": {"parameters": [{"name": "room", "in": "body", "schema": {"$ref": "#/definitions/Room"}}]},
        },
        "/plans": {
            "post": {
                "consumes": ["multipart/form-data"],
                "parameters": [{"name": "plan", "in": "formData", "type": "file", "required": True}],
            }
        },
    },
    "definitions": {"Room": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def test_swagger_2_is_converted(tmp_path: Path) -> None:
    plugin = read(tmp_path, json.dumps(SWAGGER), "swagger.json")
    found = tools(plugin)
    assert plugin.form == "swagger 2.0"
    assert set(found["old-desk.get_rooms"].arguments.names) == {"tags", "select"}
    assert found["old-desk.post_rooms"].arguments.names == ("name",)
    assert found["old-desk.post_plans"].roles == {"plan": "path"}
    service = found["old-desk.get_rooms"].service
    assert service
    assert service.hosts == ("https://old.example",)


def test_a_swagger_parameter_whose_name_is_none_stops_nothing(tmp_path: Path) -> None:
    broken = json.loads(json.dumps(SWAGGER))
    for path in broken["paths"].values():
        path["parameters"] = [{"name": {"a": 1}, "in": ["query"]}]
    plugin = read(tmp_path, json.dumps(broken), "swagger.json")
    assert "without a name or place" in reasons(plugin)
    assert "old-desk.get_rooms" in tools(plugin)


def test_parts_that_are_named_again_and_again_are_merged_once(tmp_path: Path) -> None:
    """Forty levels that name the level below twice are two to the fortieth parts, if each is followed each time."""
    below = {f"L{n}": {"allOf": [{"$ref": f"#/components/schemas/L{n - 1}"}] * 2} for n in range(1, 12)}
    schemas = {"L0": {"type": "object", "properties": {"z": {"type": "string"}}, "required": ["z"]}, **below}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/L11"}}}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Desk", "version": "1"},
        "servers": [{"url": "https://desk.example"}],
        "components": {"schemas": schemas},
        "paths": {"/a": {"post": {"requestBody": body}}},
    }
    arguments = tools(read(tmp_path, json.dumps(document), "openapi.json"))["desk.post_a"].arguments
    assert arguments.names == ("z",)
    assert arguments.json_schema().get("required", []) in ([], ["z"])


def test_the_path_of_a_reference_is_shown_without_what_nobody_sees(tmp_path: Path) -> None:
    text = HEAD + 'paths: {/a: {get: {parameters: [{$ref: "\\u001b[31mx\\u202e.yaml"}]}}}\n'
    assert not any(mark in reasons(read(tmp_path, text)) for mark in ("\x1b", "\u202e"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no `openapi: 3"),
        ("[]", "no `openapi: 3"),
        ("openapi: 4.0.0", "'4.0.0'"),
        ("openapi: 3.1.0\nwebhooks: {a: {post: {}}}", "webhooks"),
        ("openapi: 3.1.0\npaths: []", "no paths"),
        ("openapi: [", "no YAML"),
        ('{"openapi": "3.0.0", "paths": {"a" 1}}', "no JSON"),
        ("[" * 5000, "nest"),
        ("a: &a [*a]", "no `openapi: 3"),
        ("openapi: 3.0.0\ninfo: {title: X}\npaths: {/a: {get: {}}}", "[plugins.services.x] url"),
        ("openapi: 3.0.0\nservers: [{url: 'ftp://x'}]\npaths: {/a: {get: {}}}", "no web address"),
        ("openapi: 3.0.0\nservers: [{url: 'https://a:b@x'}]\npaths: {/a: {get: {}}}", "no web address"),
    ],
)
def test_what_can_t_be_used_says_why(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PluginError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


def test_a_document_without_a_server_gets_the_one_of_the_settings(tmp_path: Path) -> None:
    settings = PluginSettings.model_validate({"services": {"x": {"url": "https://mine.example/base/"}}})
    text = f"openapi: 3.0.0\ninfo: {{title: X}}\nservers: [{{url: /v2}}]\npaths: {{/a: {{get: {GET}}}}}"
    tool = tools(read(tmp_path, text, settings=settings))["x.get_a"]
    assert tool.service
    assert tool.service.hosts == ("https://mine.example",)


def test_an_alias_bomb_costs_what_it_weighs(tmp_path: Path) -> None:
    rows = ["l0: &l0 {type: object, properties: {a: {type: string}}}"]
    for i in range(1, 30):
        many = ", ".join(f"p{n}: *l{i - 1}" for n in range(10))
        rows.append(f"l{i}: &l{i} {{type: object, properties: {{{many}}}}}")
    body = "requestBody: {content: {application/json: {schema: *l29}}}"
    bomb = "x-b:\n  " + "\n  ".join(rows) + f"\npaths: {{/a: {{post: {{{body}, responses: {{}}}}}}}}\n"
    schema = tools(read(tmp_path, HEAD + bomb))["desk.post_a"].arguments.json_schema()
    assert len(json.dumps(schema)) < 200_000


def test_consequential_reads_are_shown_first_and_the_rest_always(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + textwrap.dedent("""
        paths:
          /a:
            get: {x-openai-isConsequential: true, responses: {}}
            post: {x-openai-isConsequential: false, responses: {}}
          /b: {get: {x-oai-isConsequential: false, deprecated: true, summary: Ask., responses: {}}}
        """),
    )
    found = tools(plugin)
    assert {n: t.effect for n, t in found.items()} == {
        "desk.get_a": Effect.SEND,
        "desk.post_a": Effect.SEND,
        "desk.get_b": Effect.FETCH,
    }
    assert found["desk.get_b"].description == "Deprecated. Ask"


def test_hostile_words_are_cleaned(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + 'paths: {/a: {get: {operationId: "../\\e[31mx\\u202e", summary: "red \\e[31m\\u202eder", responses: {}}}}',
    )
    tool = tools(plugin)["desk.31mx"]
    assert tool.description == "red der"


def test_a_large_document_is_compiled_once(tmp_path: Path) -> None:
    schemas = {
        f"S{i}": {
            "type": "object",
            "properties": {f"p{n}": {"$ref": f"#/components/schemas/S{(i * 7 + n) % 300}"} for n in range(8)},
        }
        for i in range(300)
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S1"}}}}
    paths = {
        f"/things/{i}": {"post": {"operationId": f"make{i}", "requestBody": body, "responses": {}}} for i in range(60)
    }
    document = {"openapi": "3.1.0", "info": {"title": "Large"}, "servers": [{"url": "https://l.example"}]}
    plugin = read(tmp_path, json.dumps({**document, "paths": paths, "components": {"schemas": schemas}}), "large.json")
    found = tools(plugin)
    assert len(found) == 60
    assert max(len(json.dumps(tool.arguments.json_schema())) for tool in found.values()) < 30_000


def test_what_is_not_done_is_told(tmp_path: Path) -> None:
    plugin = read(
        tmp_path,
        HEAD
        + textwrap.dedent("""
        webhooks: {ring: {post: {}}}
        paths:
          /a: {post: {callbacks: {done: {}}, responses: {}}, additionalOperations: {COPY: {}}}
        components:
          securitySchemes:
            cert: {type: mutualTLS}
            digest: {type: http, scheme: Digest}
            key: {type: apiKey, in: header, name: X-Key}
        """),
    )
    told = reasons(plugin)
    for words in ("webhooks", "called back (1 operations)", "COPY", "'mutualTLS'", "'digest'"):
        assert words in told
    assert "key" not in told
