"""API plugin manifests, v2.1 to v2.4, read from files: what is loaded, and what is told of the rest."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest

from copilot.errors import PluginError, SettingsError
from copilot.plugins.context import ToolContext
from copilot.plugins.credentials import Secrets
from copilot.plugins.plugin import Plugin
from copilot.plugins.tools import Effect, Result, Tool, json_tool
from copilot.settings import PluginAuth
from copilot.trust.labels import Confidentiality, Integrity
from copilot.trust.outgoing import Outgoing
from tests.conftest import ROOT
from tests.plugins.api_plugin.conftest import GUID, ITEMS, Package, Site, document, manifest, told


def context() -> ToolContext:
    return ToolContext(cast(Any, None))


def tool(plugin: Plugin, name: str) -> Tool:
    return {each.name: each for skill in plugin.skills for each in skill.tools}[name]


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Do {name}.", **more}


def runtime(**more: Any) -> dict[str, Any]:
    return {"type": "OpenApi", "auth": {"type": "None"}, "spec": {"url": "openapi.json"}, **more}


# --- what a whole manifest becomes ------------------------------------------------------------------------------------


def test_a_manifest_becomes_a_skill(package: Package) -> None:
    plugin = package.read(manifest())
    assert not plugin.problems
    assert (plugin.name, plugin.form) == ("inventory", "api-plugin v2.4")
    (skill,) = plugin.skills
    assert skill.description == "Use it for questions about items in the store."
    assert skill.examples == ("What is in the store?",)
    assert "## inventory.listItems\nBefore calling: Search before you add." in skill.instructions
    assert "When answering: Name the price with every item." in skill.instructions
    found = tool(plugin, "inventory.listItems")
    assert found.effect is Effect.FETCH
    assert found.description == "List the items whose name has these words."
    assert found.examples == ("Which bolts are there?",)
    assert found.service is not None
    assert found.service.hosts == ("https://api.shop.example",)
    assert tool(plugin, "inventory.addItem").effect is Effect.SEND


def test_one_text_of_instructions_replaces_the_description_and_a_list_adds_to_it(package: Package) -> None:
    states = {"reasoning": {"instructions": ["One.", "Two."]}, "responding": {"description": "Short answers."}}
    adding = package.read(manifest(functions=[function("listItems", states=states)]))
    assert "Do listItems.\nBefore calling:\n- One.\n- Two.\nWhen answering: Short" in adding.skills[0].instructions
    replacing = package.read(
        manifest(functions=[function("listItems", states={"reasoning": {"instructions": "One."}})])
    )
    assert "Do listItems." not in replacing.skills[0].instructions


def test_parameters_of_the_manifest_describe_and_narrow_those_of_the_operation(package: Package) -> None:
    parameters = {
        "type": "object",
        "properties": {
            "q": {"type": "string", "description": "Words.", "enum": ["bolt"], "default": "bolt"},
            "color": {"type": "string"},
        },
        "required": ["q", "size"],
    }
    plugin = package.read(manifest(functions=[function("listItems", parameters=parameters)]))
    schema = tool(plugin, "inventory.listItems").arguments.json_schema()
    assert set(schema["properties"]) == {"q", "select"}
    assert schema["properties"]["q"] == {"type": "string", "description": "Words.", "enum": ["bolt"], "default": "bolt"}
    assert schema["required"] == ["q"]
    assert "'color' is no parameter of the operation" in told(plugin)
    assert "'size' is no property" in told(plugin)


def test_a_default_that_is_written_as_a_text(package: Package) -> None:
    properties = {"limit": {"type": "integer", "default": "5"}, "q": {"type": "string", "default": "bolt"}}
    plugin = package.read(manifest(functions=[function("listItems", parameters={"properties": properties})]))
    schema = tool(plugin, "inventory.listItems").arguments.json_schema()
    assert schema["properties"]["limit"]["default"] == 5
    assert "repaired functions[0].parameters.properties.limit.default: the text '5' is read as integer" in told(plugin)


def test_types_and_needs_of_the_operation_count(package: Package) -> None:
    parameters = {
        "properties": {"price": {"type": "string", "description": "What it costs.", "default": 5}},
        "required": [],
    }
    plugin = package.read(manifest(functions=[function("addItem", parameters=parameters)]))
    schema = tool(plugin, "inventory.addItem").arguments.json_schema()
    assert schema["properties"]["price"]["type"] == "number"
    assert schema["properties"]["price"]["description"] == "What it costs."
    assert schema["required"] == ["name"]
    assert "it is string here and number in the operation" in told(plugin)
    assert "default: it is a number; it is ignored" in told(plugin)


def test_the_example_loads_without_a_word(tmp_path: Path) -> None:
    from copilot.plugins.plugin import Reading
    from copilot.plugins.readers import read

    plugin = read(ROOT / "examples" / "plugins" / "room-booking" / "ai-plugin.json", Reading(tmp_path))
    assert not plugin.problems
    assert [each.name for each in plugin.skills[0].tools] == ["rooms.findRooms", "rooms.bookRoom"]


def test_the_folder_of_a_manifest_is_the_plugin_and_not_the_api_description_in_it(tmp_path: Path) -> None:
    from copilot.plugins.plugin import Reading
    from copilot.plugins.readers import read

    folder = tmp_path / "rooms"
    shutil.copytree(ROOT / "examples" / "plugins" / "room-booking", folder)
    assert read(folder, Reading(tmp_path)).form == "api-plugin v2.4"
    shutil.copy(folder / "ai-plugin.json", folder / "other.json")
    with pytest.raises(PluginError, match=r"ai-plugin\.json, other\.json"):
        read(folder, Reading(tmp_path))
    for name in ("ai-plugin.json", "other.json"):
        (folder / name).unlink()
    assert read(folder, Reading(tmp_path)).form.startswith("openapi")


# --- versions and closed objects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v2.1", "v2.2", "v2.3", "v2.4", "2.2", "V2.3"])
def test_these_versions_are_read(package: Package, version: str) -> None:
    assert package.read(manifest(schema_version=version)).form == f"api-plugin v{version.lower().removeprefix('v')}"


@pytest.mark.parametrize("version", ["v2", "v2.0", "v2.5", "v2.10"])
def test_another_version_2_is_read_and_told(package: Package, version: str) -> None:
    plugin = package.read(manifest(schema_version=version))
    assert f"{version} is not known; it is read as v2.4" in told(plugin)


@pytest.mark.parametrize("version", ["v3.0", "v1", "", None, "latest", ["v2.4"], 17])
def test_other_versions_are_refused(package: Package, version: Any) -> None:
    with pytest.raises(PluginError, match="version"):
        package.read(manifest(schema_version=version))


def test_unknown_fields_are_told_and_ignored_and_refused_where_it_is_strict(package: Package) -> None:
    given = manifest(color="red")
    given["functions"][0]["strength"] = 5
    given["capabilities"]["localization"] = {}
    given["runtimes"][0]["x-note"] = "anybody's"
    plugin = package.read(given)
    assert "unsupported color: the schema has no such field" in told(plugin)
    assert "functions[0].strength" in told(plugin)
    assert "texts in other languages are not used" in told(plugin)
    assert "x-note" not in told(plugin)
    with pytest.raises(PluginError, match="color: the schema has no such field"):
        package.read(given, strict=True)


def test_limits_of_texts_are_told(package: Package) -> None:
    plugin = package.read(manifest(name_for_human="n" * 21, description_for_human="d" * 101))
    assert "name_for_human: it is longer than 20" in told(plugin)
    assert "description_for_human: it is longer than 100" in told(plugin)


def test_localised_texts(package: Package) -> None:
    from copilot.plugins.api_plugin.reader import read_manifest
    from copilot.plugins.plugin import Reading

    given = manifest(description_for_model="[[what]]")
    path = package.put("ai-plugin.json", given)
    plugin = read_manifest(given, path, Reading(package.home), localised={"what": "Für Teile."})
    assert plugin.description == "Für Teile."


# --- which runtime serves what ----------------------------------------------------------------------------------------


def test_functions_are_inferred_where_none_are_named(package: Package) -> None:
    given = manifest()
    del given["functions"]
    plugin = package.read(given)
    names = [each.name for each in plugin.skills[0].tools]
    assert names == ["inventory.listItems", "inventory.addItem", "inventory.listSecrets", "inventory.recount"]


@pytest.mark.parametrize(
    ("serves", "expected"),
    [
        (None, {"listItems", "addItem"}),
        (["*"], {"listItems", "addItem"}),
        (["list*"], {"listItems"}),
        (["addItem"], {"addItem"}),
        (["addItem", "gone"], {"addItem"}),
    ],
)
def test_run_for_functions(package: Package, serves: Any, expected: set[str]) -> None:
    one = runtime(run_for_functions=serves) if serves is not None else runtime()
    plugin = package.read(manifest(runtimes=[one]))
    assert {each.name.partition(".")[2] for each in plugin.skills[0].tools} == expected
    missing = {"listItems", "addItem"} - expected
    assert all(f"no runtime serves '{name}'" in told(plugin) for name in missing)
    assert ("there is no function 'gone'" in told(plugin)) == ("gone" in (serves or []))


def test_a_function_is_served_by_one_runtime(package: Package) -> None:
    other = document("https://other.example")
    package.put("other.json", other)
    given = manifest(
        runtimes=[
            runtime(run_for_functions=["*"]),
            runtime(run_for_functions=["listItems"], spec={"url": "other.json"}),
        ]
    )
    plugin = package.read(given)
    found = tool(plugin, "inventory.listItems")
    assert found.service is not None
    assert found.service.hosts == ("https://other.example",)
    assert "runtimes[0] serves it, too; runtimes[1] is taken" in told(plugin)


def test_a_function_that_the_api_does_not_have(package: Package) -> None:
    plugin = package.read(manifest(functions=[function("listItems"), function("LIST_ITEMS"), function("nothing")]))
    assert "'LIST_ITEMS' is taken as the operation 'listItems'" in told(plugin)
    assert "the API has no operation 'nothing'; it has: listItems" in told(plugin)
    assert len(plugin.skills[0].tools) == 2


def test_functions_of_the_same_name(package: Package) -> None:
    plugin = package.read(manifest(functions=[function("listItems"), {"name": "listItems"}, {"description": "none"}]))
    assert "there are two functions 'listItems'" in told(plugin)
    assert "a function without a name" in told(plugin)


# --- where the API's description is -----------------------------------------------------------------------------------


def test_a_description_in_the_manifest(package: Package) -> None:
    spec = {"api_description": json.dumps(document()), "url": "ignored.json"}
    assert len(package.read(manifest(runtimes=[runtime(spec=spec)])).skills[0].tools) == 2


def test_a_description_on_the_web_is_not_fetched(package: Package) -> None:
    far = runtime(spec={"url": "https://shop.example/api/inventory.yaml"})
    with pytest.raises(PluginError, match="nothing is fetched while a plugin is loaded"):
        package.read(manifest(runtimes=[far]))
    package.put("inventory.yaml", document("/v1"))
    plugin = package.read(manifest(runtimes=[far]))
    assert "inventory.yaml beside the manifest is read" in told(plugin)
    found = tool(plugin, "inventory.listItems").service
    assert found is not None
    assert found.hosts == ("https://shop.example",)


@pytest.mark.parametrize("url", ["../openapi.json", "gone.json", "../../gone.json", "ai-plugin.json", ""])
def test_a_description_that_is_not_there(package: Package, url: str) -> None:
    package.folder.parent.joinpath("openapi.json").write_text(json.dumps(document()), "utf-8")
    with pytest.raises(PluginError, match="nothing of the API plugin can be used"):
        package.read(manifest(runtimes=[runtime(spec={"url": url})]))


def test_variables_in_a_description(package: Package) -> None:
    package.put("openapi.json", json.dumps(document("${{SERVER_URL}}/api")))
    with pytest.raises(PluginError, match="set it in the environment"):
        package.read(manifest())
    plugin = package.read(manifest(), env={"SERVER_URL": "https://shop.example"})
    found = tool(plugin, "inventory.listItems").service
    assert found is not None
    assert found.hosts == ("https://shop.example",)


def test_a_manifest_of_version_1_with_its_description_beside_the_site(package: Package) -> None:
    old = {
        "schema_version": "v1",
        "name_for_human": "Inventory",
        "name_for_model": "inventory",
        "description_for_human": "d",
        "description_for_model": "m",
        "auth": {"type": "none"},
        "api": {"type": "openapi", "url": "https://shop.example/openapi.json"},
    }
    plugin = package.read(old, name=".well-known/ai-plugin.json")
    assert plugin.form == "api-plugin v2.1"
    assert len(plugin.skills[0].tools) == 4
    old["api"] = {"type": "openapi", "url": "$host/openapi.json"}
    assert "$host/openapi.json is not there; openapi.json beside" in told(package.read(old))
    with pytest.raises(PluginError, match="`api`; it is missing"):
        package.read({**old, "api": None})


# --- MCP servers and Office add-ins -----------------------------------------------------------------------------------


def mcp(**more: Any) -> dict[str, Any]:
    return {
        "type": "RemoteMCPServer",
        "auth": {"type": "OAuthPluginVault", "reference_id": "store-login"},
        "spec": {"url": "https://mcp.shop.example/mcp", **more},
        "run_for_functions": ["*"],
    }


TOOLS = [{"name": "find", "description": "Find.", "inputSchema": {"type": "object", "properties": {}}}]


def test_a_remote_server(package: Package) -> None:
    given = manifest(functions=[function("find")], runtimes=[mcp(mcp_tool_description={"tools": TOOLS})])
    plugin = package.read(given)
    (server,) = plugin.servers
    assert (server.name, server.url, server.only) == ("inventory", "https://mcp.shop.example/mcp", ("find",))
    assert server.auth["reference"] == "store-login"
    assert server.ask
    assert not plugin.problems


def test_what_the_manifest_says_of_a_servers_tools(package: Package) -> None:
    """The tool is made by the MCP client once the server was asked; it is then as the manifest describes it."""
    capabilities = {
        "confirmation": {"title": "Find {{function.parameters.q}}"},
        "security_info": {"data_handling": ["ResourceStateUpdate"]},
    }
    (server,) = package.read(
        manifest(functions=[function("find", capabilities=capabilities)], runtimes=[mcp()])
    ).servers
    assert server.asks == {"find"}

    def send(ctx: ToolContext, /, **args: Any) -> Outgoing:
        return ctx.send("change", ("inventory",), "tool find", lambda key: "done")

    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    made = server.adapt["find"](json_tool("inventory.find", "Server's words.", schema, Effect.SEND, send))
    assert made.description == "Do find."
    assert not made.alone
    outgoing = made.stage(context(), {"q": "bolts"})
    assert isinstance(outgoing, Outgoing)
    assert (outgoing.subject, outgoing.body) == ("Find bolts", "tool find")


def test_tools_of_a_server_in_a_file_and_by_discovery(package: Package) -> None:
    package.put("tools.json", {"tools": [*TOOLS, 5, {"name": ""}]})
    listed = mcp(mcp_tool_description={"file": "tools.json"})
    named = manifest(functions=[function("find"), function("other")], runtimes=[listed])
    plugin = package.read(named)
    assert "mcp_tool_description has no tool 'other'" in told(plugin)
    assert "tools[1] is no tool" in told(plugin)
    found = package.read(manifest(functions=[], runtimes=[mcp(enable_dynamic_discovery=True)]))
    assert found.servers[0].only is None
    assert "asked for its tools anyway" in told(found)


@pytest.mark.parametrize(
    "url", ["https://<your-app>/mcp", "${{MCP_URL}}", "mcp", "ftp://a.example", "https://u@a.example"]
)
def test_a_server_without_an_address(package: Package, url: str) -> None:
    with pytest.raises(PluginError, match="nothing of the API plugin can be used: runtimes"):
        package.read(manifest(functions=[function("find")], runtimes=[mcp(url=url)]))


def test_an_office_add_in_does_not_run_here(package: Package) -> None:
    local = {"type": "LocalPlugin", "spec": {"local_endpoint": "Microsoft.Office.Addin", "allowed_host": ["document"]}}
    given = manifest(functions=[function("listItems"), function("replaceText")])
    given["functions"].append(function("paintRed", states={"reasoning": {"instructions": "Use hex."}}))
    given["runtimes"] = [
        {**local, "run_for_functions": ["paintRed", "replaceText"]},
        runtime(run_for_functions=["listItems"]),
    ]
    plugin = package.read(given)
    assert "it is a command of an Office add-in, which does not run here" in told(plugin)
    assert "paintRed" not in plugin.skills[0].instructions
    assert "word.replace_text does it in place of the Office add-in" in told(plugin)
    assert tool(plugin, "inventory.replaceText").effect is Effect.WRITE
    assert "runtimes[0].auth: auth is missing; None is taken" in told(plugin)


# --- calls ------------------------------------------------------------------------------------------------------------


def test_an_answer_is_shown_by_its_card_and_labelled(live: Package) -> None:
    plugin = live.read(manifest())
    ctx = context()
    result = tool(plugin, "inventory.listItems").stage(ctx, {"q": "bolt"})
    assert isinstance(result, Result)
    assert result.data == {"results": [ITEMS[0]], "total": 1}
    assert result.markdown == (
        "**Bolt**\n\n- Price: €1,234.50\n- Tags: steel, m8\n\nOpen (https://shop.example/7)\n\n"
        'Data: {"id": 7, "price": 1234.5, "tags": ["steel", "m8"]}'
    )
    assert "Bolt (https://shop.example/7)" in result.sources
    assert ctx.label.integrity is Integrity.UNTRUSTED
    assert ctx.label.confidentiality is Confidentiality.PUBLIC
    assert "service inventory" in ctx.label.sources


def test_a_part_of_an_answer_is_shown_as_it_is(live: Package) -> None:
    result = tool(live.read(manifest()), "inventory.listItems").stage(context(), {"select": "$.results[*].id"})
    assert isinstance(result, Result)
    assert result.data == [7, 8]
    assert "€" not in result.markdown


def test_a_change_is_asked_with_the_manifests_words_and_the_whole_request(live: Package, inventory: Site) -> None:
    plugin = live.read(manifest())
    before = len(inventory.asked)
    outgoing = tool(plugin, "inventory.addItem").stage(context(), {"name": "Pin", "price": 3})
    assert isinstance(outgoing, Outgoing)
    assert len(inventory.asked) == before
    assert outgoing.subject == "Add Pin"
    assert outgoing.kind == "change"
    above, _, below = outgoing.body.partition("\n\n")
    assert above == "**Name**: Pin\n**Price**: 3"
    assert below.startswith(f"POST {inventory.origin}/items\n")
    assert '"name"' in below
    answer = outgoing.deliver("key")
    assert inventory.asked[-1]["body"] == {"name": "Pin", "price": 3}
    assert "**Pin**" in answer
    assert "Price: €3.00" in answer


def test_what_the_manifest_says_of_data_becomes_effect_and_label(live: Package) -> None:
    def handled(*names: str) -> dict[str, Any]:
        return {"capabilities": {"security_info": {"data_handling": list(names)}}}

    plugin = live.read(
        manifest(
            functions=[
                function("recount", **handled("ResourceStateUpdate")),
                function("listItems", **handled("GetPrivateData", "Unheard")),
                function("listSecrets"),
            ]
        )
    )
    assert tool(plugin, "inventory.recount").effect is Effect.SEND
    assert not tool(plugin, "inventory.listItems").alone
    assert tool(plugin, "inventory.listSecrets").alone
    assert "'Unheard' is not known" in told(plugin)
    ctx = context()
    tool(plugin, "inventory.listItems").stage(ctx, {})
    assert ctx.label.confidentiality is Confidentiality.INTERNAL


@pytest.mark.parametrize(
    ("labels", "expected"), [({GUID: "internal"}, Confidentiality.INTERNAL), ({}, Confidentiality.RESTRICTED)]
)
def test_a_sensitivity_label_of_an_item_labels_the_answer(
    live: Package, labels: dict[str, str], expected: Confidentiality
) -> None:
    semantics = {"data_path": "$.results", "properties": {"title": "name", "information_protection_label": "$.label"}}
    capabilities = {"response_semantics": semantics, "security_info": {"data_handling": ["GetPublicData"]}}
    plugin = live.read(manifest(functions=[function("listSecrets", capabilities=capabilities)]), labels=labels)
    ctx = context()
    result = tool(plugin, "inventory.listSecrets").stage(ctx, {})
    assert isinstance(result, Result)
    assert result.markdown.startswith("**Plan**")
    assert ctx.label.confidentiality is expected
    assert "'name' has no $; it is read as if it had" in told(plugin)


def test_a_credential_is_found_by_its_reference(live: Package, inventory: Site) -> None:
    auth = {"type": "ApiKeyPluginVault", "reference_id": "${{STORE_KEY}}"}
    secrets = Secrets({"STORE_KEY": PluginAuth(kind="api_key", api_key_env="THE_KEY")}, live.home, {"THE_KEY": "k-123"})
    plugin = live.read(manifest(runtimes=[runtime(auth=auth)]), secrets=secrets)
    tool(plugin, "inventory.listItems").stage(context(), {})
    assert inventory.asked[-1]["key"] == "k-123"
    assert "k-123" not in repr(plugin)
    unset = live.read(manifest(runtimes=[runtime(auth=auth)]), secrets=Secrets({}, live.home, {}))
    with pytest.raises(SettingsError, match="needs a credential") as caught:
        tool(unset, "inventory.listItems").stage(context(), {})
    assert "STORE_KEY" in str(caught.value)


# --- cards ------------------------------------------------------------------------------------------------------------


def test_cards_in_files_and_what_is_wrong_with_them(package: Package) -> None:
    def shown(file: str) -> dict[str, Any]:
        return {"capabilities": {"response_semantics": {"data_path": "$", "static_template": {"file": file}}}}

    package.put("cards/ok.json", {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "${nofunc(a)}"}]})
    package.put("cards/list.json", [])
    package.put("cards/broken.json", "{")
    functions = [
        function("listItems", **shown("./cards/ok.json")),
        function("addItem", **shown("cards/gone.json")),
        function("recount", **shown("../../secret.json")),
        function("listSecrets", **shown("cards/broken.json")),
    ]
    plugin = package.read(manifest(functions=functions))
    assert len(plugin.skills[0].tools) == 4
    report = told(plugin)
    assert "there is no function nofunc" in report
    assert "gone.json does not exist. Answers are shown without the card" in report
    assert "leads out of the plugin's folder" in report
    assert "broken.json is no valid JSON" in report


@pytest.mark.parametrize("path", ["$[", "", "$..a..b..c", "$[?match(@.a, '(a+)+')]", "$" + ".a" * 400])
def test_a_path_that_is_none(package: Package, path: str) -> None:
    capabilities = {"response_semantics": {"data_path": path, "properties": {"title": "$["}}}
    plugin = package.read(manifest(functions=[function("listItems", capabilities=capabilities)]))
    assert "Answers are shown without it" in told(plugin)


# --- hostile and broken -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": "v2.4"}', '{"schema_version": 5, "x": [}'])
def test_what_is_no_manifest_is_refused_with_its_reason(package: Package, text: str) -> None:
    from copilot.plugins.plugin import Reading
    from copilot.plugins.readers import read

    with pytest.raises(PluginError) as caught:
        read(package.put("ai-plugin.json", text), Reading(package.home))
    assert "ai-plugin.json" in str(caught.value)


ODD: list[Any] = [None, 5, "text", [], {}, [None]]
PLACES: list[tuple[Any, ...]] = [
    ("name_for_human",),
    ("description_for_human",),
    ("namespace",),
    ("capabilities",),
    ("capabilities", "conversation_starters"),
    ("functions",),
    ("functions", 0),
    ("functions", 0, "name"),
    ("functions", 0, "description"),
    ("functions", 0, "parameters"),
    ("functions", 0, "parameters", "properties"),
    ("functions", 0, "parameters", "properties", "q"),
    ("functions", 0, "parameters", "required"),
    ("functions", 0, "states"),
    ("functions", 0, "states", "reasoning"),
    ("functions", 0, "states", "reasoning", "instructions"),
    ("functions", 0, "states", "reasoning", "examples"),
    ("functions", 0, "capabilities"),
    ("functions", 0, "capabilities", "response_semantics"),
    ("functions", 0, "capabilities", "response_semantics", "data_path"),
    ("functions", 0, "capabilities", "response_semantics", "properties"),
    ("functions", 0, "capabilities", "response_semantics", "properties", "title"),
    ("functions", 0, "capabilities", "response_semantics", "static_template"),
    ("functions", 0, "capabilities", "security_info"),
    ("functions", 0, "capabilities", "security_info", "data_handling"),
    ("functions", 1, "capabilities", "confirmation"),
    ("functions", 1, "capabilities", "confirmation", "body"),
    ("runtimes",),
    ("runtimes", 0),
    ("runtimes", 0, "type"),
    ("runtimes", 0, "auth"),
    ("runtimes", 0, "auth", "type"),
    ("runtimes", 0, "spec"),
    ("runtimes", 0, "spec", "url"),
    ("runtimes", 0, "run_for_functions"),
]


def test_anything_anywhere_is_reported_and_never_a_crash(package: Package) -> None:
    for place in PLACES:
        for odd in ODD:
            given = deepcopy(manifest())
            inside: Any = given
            for step in place[:-1]:
                inside = inside[step]
            inside[place[-1]] = odd
            plugin = None
            with suppress(PluginError):
                plugin = package.read(given)
            assert plugin is None or plugin.skills, place


def test_hostile_names_are_shown_harmlessly(package: Package) -> None:
    bad = "\x1b[2J\u202eevil"
    given = manifest(functions=[function("listItems"), function(bad)], **{bad: 1})
    report = told(package.read(given))
    assert "\x1b" not in report
    assert "\u202e" not in report


def test_a_large_manifest_is_read_in_time(package: Package) -> None:
    functions = [function(f"f{number}") for number in range(1_500)]
    plugin = package.read(manifest(functions=[function("listItems"), *functions]))
    assert "there are over 1,000; the rest is left out" in told(plugin)
