"""Microsoft 365 app packages: what they bring, in which language, and what of it is left out."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.readers import read
from tests.conftest import ROOT

APP: dict[str, Any] = {
    "manifestVersion": "1.29",
    "version": "1.2.3",
    "name": {"short": "Desk", "full": "Contoso Help Desk"},
    "description": {"short": "Helps.", "full": "Helps everybody."},
    "icons": {"color": "color.png"},
    "localizationInfo": {
        "defaultLanguageTag": "en-us",
        "defaultLanguageFile": "lang/en.json",
        "additionalLanguages": [
            {"languageTag": "de", "file": "lang/de.json"},
            {"languageTag": "fr", "file": "gone.json"},
        ],
    },
    "agentSkills": [{"folder": "skills/tickets"}],
    "agentConnectors": [
        {
            "id": "docs",
            "displayName": "Docs",
            "description": "Searches the docs.",
            "toolSource": {
                "remoteMcpServer": {
                    "mcpServerUrl": "https://mcp.contoso.com/mcp",
                    "authorization": {"type": "OAuthPluginVault", "referenceId": "docs-oauth"},
                }
            },
        }
    ],
    "copilotAgents": {"declarativeAgents": [{"id": "desk", "file": "agents/declarativeAgent.json"}]},
}
AGENT = {
    "version": "v1.8",
    "name": "[[NAME]]",
    "description": "[[ABOUT]]",
    "instructions": "Be brief.",
    "conversation_starters": [{"text": "[[ASK]]"}],
}
FILES: dict[str, Any] = {
    "color.png": "x",
    "agents/declarativeAgent.json": AGENT,
    "lang/en.json": {"localizationKeys": {"NAME": "Help Desk", "ABOUT": "Helps.", "ASK": "My tickets?"}},
    "lang/de.json": {"localizationKeys": {"NAME": "Hilfe", "ASK": "Meine Tickets?"}, "description.short": "Hilft."},
    "skills/tickets/SKILL.md": "---\nname: tickets\ndescription: Writes tickets. Use it for tickets.\n---\nAsk first.",
}


def package(folder: Path, app: Any = APP, files: dict[str, Any] = FILES) -> Path:
    for name, content in {**files, "manifest.json": app}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def load(path: Path, home: Path, **env: str) -> Plugin:
    return read(path, Reading(home, env=env))


def reasons(plugin: Plugin) -> str:
    return "\n".join(f"{problem.severity}: {problem.reason}" for problem in plugin.problems)


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return target


def test_a_package_brings_skills_servers_and_agents(tmp_path: Path) -> None:
    plugin = load(package(tmp_path / "app"), tmp_path)
    assert (plugin.name, plugin.form, plugin.version) == ("desk", "m365-app 1.29", "1.2.3")
    assert [skill.name for skill in plugin.skills] == ["tickets"]
    server = plugin.servers[0]
    assert (server.name, server.transport, server.url) == ("docs", "http", "https://mcp.contoso.com/mcp")
    assert (server.auth["reference"], server.ask, server.plugin) == ("docs-oauth", True, "desk")
    agent = plugin.personas[0]
    assert (agent.name, agent.id, agent.plugin) == ("Help Desk", "desk", "desk")
    assert [starter.text for starter in agent.starters] == ["My tickets?"]
    assert plugin.problems == ()


@pytest.mark.parametrize("form", ["zip", "manifest", "project"])
def test_the_same_from_a_zip_a_manifest_file_and_a_project(tmp_path: Path, form: str) -> None:
    folder = package(tmp_path / "project" / "appPackage")
    places = {"zip": tmp_path / "app.zip", "manifest": folder / "manifest.json", "project": tmp_path / "project"}
    if form == "zip":
        zipped(folder, places["zip"])
    plugin = load(places[form], tmp_path / "home")
    assert [each.name for each in plugin.personas] == ["Help Desk"]
    assert [each.name for each in plugin.skills] == ["tickets"]


@pytest.mark.parametrize(
    ("language", "name", "starter", "about", "described"),
    [
        ("de_AT.UTF-8", "Hilfe", "Meine Tickets?", "Helps.", "Hilft."),
        ("en_US.UTF-8", "Help Desk", "My tickets?", "Helps.", "Helps."),
        ("en_GB.UTF-8", "Help Desk", "My tickets?", "Helps.", "Helps."),
        ("ja_JP.UTF-8", "Help Desk", "My tickets?", "Helps.", "Helps."),
        ("C", "Help Desk", "My tickets?", "Helps.", "Helps."),
    ],
)
def test_the_words_are_the_persons_with_the_default_below(
    tmp_path: Path, language: str, name: str, starter: str, about: str, described: str
) -> None:
    plugin = load(package(tmp_path / "app"), tmp_path, LANG=language)
    agent = plugin.personas[0]
    assert (agent.name, agent.starters[0].text, agent.description) == (name, starter, about)
    assert (plugin.description, plugin.name) == (described, "desk")


def test_a_language_file_that_is_missing_is_told(tmp_path: Path) -> None:
    plugin = load(package(tmp_path / "app"), tmp_path, LANG="fr_FR")
    assert plugin.personas[0].name == "Help Desk"
    assert "unsupported: A language file is left out" in reasons(plugin)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"manifestVersion": "1.17"}, "noted: manifestVersion 1.17 is older than 1.28"),
        ({"manifestVersion": "1.31"}, "noted: manifestVersion 1.31 is newer than 1.30"),
        ({"manifestVersion": "devPreview"}, "noted: manifestVersion is 'devPreview', a preview"),
        ({"icons": {"color": "gone.png"}}, "noted: icons.color: there is no file 'gone.png'"),
        ({"agentSkills": [{"folder": "../.."}]}, "unsupported: agentSkills[0] is left out"),
        ({"agentSkills": [{"folder": "gone"}]}, "unsupported: agentSkills[0] is left out"),
        ({"agentSkills": [{}]}, "unsupported: agentSkills[0] is left out: it names no file"),
        ({"agentSkills": "skills/tickets"}, "repaired: agentSkills[0] is a text where an object is meant"),
        ({"agentConnectors": [{"id": "x", "toolSource": {"plugin": {}}}]}, "its tools come from plugin"),
        (
            {"agentConnectors": [{"id": "x", "toolSource": {"remoteMcpServer": {"mcpServerUrl": "http://x.com"}}}]},
            "mcpServerUrl is 'http://x.com', and must be an https address",
        ),
    ],
)
def test_a_part_that_cannot_be_used_is_told_and_the_rest_loads(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    plugin = load(package(tmp_path / "app", {**APP, **fields}), tmp_path)
    assert reason in reasons(plugin)
    assert plugin.personas


@pytest.mark.parametrize(
    ("version", "described", "content", "only", "told"),
    [
        ("1.29", {"file": "tools.json"}, {"tools": [{"name": "find"}, {"name": 3}, "x"]}, ("find",), ""),
        ("1.29", {"file": "tools.json"}, [{"name": "find"}], ("find",), ""),
        ("1.29", None, None, None, ""),
        ("1.28", None, None, None, "mcpToolDescription is missing, and 1.28 requires it"),
        ("1.29", {"file": "gone.json"}, None, None, "does not exist"),
        ("1.29", {"file": "../tools.json"}, None, None, "leads out"),
        ("1.29", {"file": "tools.json"}, {"tools": {}}, None, "names no tool"),
    ],
)
def test_a_connector_offers_the_tools_that_the_package_describes(
    tmp_path: Path, version: str, described: Any, content: Any, only: tuple[str, ...] | None, told: str
) -> None:
    remote = {"mcpServerUrl": "https://mcp.contoso.com/mcp", "mcpToolDescription": described}
    connector = {"id": "docs", "toolSource": {"remoteMcpServer": remote}}
    app = {"manifestVersion": version, "name": {"short": "Desk"}, "agentConnectors": [connector]}
    (tmp_path / "manifest.json").write_text(json.dumps(app))
    (tmp_path / "tools.json").write_text(json.dumps(content))
    plugin = read(tmp_path, Reading(tmp_path / "state"))
    assert plugin.servers[0].only == only
    assert told in " ".join(problem.reason for problem in plugin.problems)
    assert bool(plugin.problems) == bool(told)


def test_a_connectors_name_is_as_long_as_it_may_be(tmp_path: Path) -> None:
    source = {"remoteMcpServer": {"mcpServerUrl": "https://mcp.contoso.com/mcp"}}
    app = {"manifestVersion": "1.29", "name": "Desk", "agentConnectors": [{"id": "d" * 70, "toolSource": source}]}
    (tmp_path / "manifest.json").write_text(json.dumps(app))
    plugin = read(tmp_path, Reading(tmp_path / "state"))
    assert [server.name for server in plugin.servers] == ["d" * 64]
    assert "agentConnectors[0].id has 70 characters, and 64 are allowed" in plugin.problems[-1].reason


@pytest.mark.parametrize("part", [{"agentSkills": [{"folder": "."}]}, {"agentSkills": [{"folder": ""}]}, {}])
def test_a_package_is_no_part_of_itself(tmp_path: Path, part: dict[str, Any]) -> None:
    agents = {"declarativeAgents": [{"file": "agent.json"}], "plugins": [{"file": "manifest.json"}]}
    app = {"manifestVersion": "1.29", "name": {"short": "Desk"}, "copilotAgents": agents, **part}
    (tmp_path / "manifest.json").write_text(json.dumps(app))
    actions = [{"id": "1", "file": "agent.json"}, {"id": "2", "file": "manifest.json"}, {"id": "3", "file": "."}]
    agent = {"version": "v1.8", "name": "A", "description": "D", "instructions": "I", "actions": actions}
    (tmp_path / "agent.json").write_text(json.dumps(agent))
    plugin = read(tmp_path, Reading(tmp_path / "state"))
    assert [persona.name for persona in plugin.personas] == ["A"]
    told = " ".join(problem.reason for problem in plugin.problems)
    assert all(f"actions[{n}] is left out" in told for n in range(3))
    assert "copilotAgents.plugins[0] is left out" in told


def test_agents_where_earlier_manifests_had_them(tmp_path: Path) -> None:
    older = {
        "manifestVersion": "devPreview",
        "name": "Old",
        "copilotExtensions": {"declarativeCopilots": [{"file": "a.json"}]},
    }
    plugin = load(package(tmp_path / "app", older, {"a.json": {**AGENT, "name": "Old one"}}), tmp_path)
    assert [agent.name for agent in plugin.personas] == ["Old one"]
    assert "is what copilotAgents was called before" in reasons(plugin)


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (
            {"manifestVersion": "1.28", "name": {"short": "T"}, "staticTabs": [{}], "bots": [{}]},
            "it has: staticTabs, bots",
        ),
        (
            {"manifestVersion": "1.28", "copilotAgents": {"customEngineAgents": [{"id": "x", "type": "bot"}]}},
            "runs elsewhere",
        ),
        (
            {"manifestVersion": "1.28", "copilotAgents": {"declarativeAgents": [{"file": "gone.json"}]}},
            "does not exist",
        ),
        (
            {"manifestVersion": "1.28", "copilotAgents": 3, "agentSkills": {"a": 1}, "agentConnectors": "x"},
            "can be used|brings no",
        ),
        ({"manifestVersion": None, "localizationInfo": [], "name": 7}, "brings no agent"),
    ],
)
def test_a_package_of_which_nothing_can_be_used_says_why(tmp_path: Path, app: dict[str, Any], reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        load(package(tmp_path / "app", app, {}), tmp_path)


@pytest.mark.parametrize(("language", "name"), [("en", "House rules"), ("de_DE.UTF-8", "Hausordnung")])
def test_the_example_is_as_the_standard_wants_it(tmp_path: Path, language: str, name: str) -> None:
    place = ROOT / "examples" / "plugins" / "declarative-agent"
    plugin = read(place, Reading(tmp_path, strict=True, env={"LANG": language}))
    assert (plugin.problems, plugin.personas[0].name) == ((), name)
