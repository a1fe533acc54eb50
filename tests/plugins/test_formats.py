"""The limits of each form, one row each: what is beyond them is told, and the rest loads all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.plugins import readers
from copilot.plugins.plugin import Plugin, Reading

AGENT = {"version": "v1.8", "name": "A", "description": "d", "instructions": "i"}
APP = {"manifestVersion": "1.29", "name": {"short": "A"}, "description": {"short": "d"}, "version": "1.0.0"}
SKILL = "---\nname: {}\ndescription: Does it.\n---\nDo it.\n"
PLUGIN = ".claude-plugin/plugin.json"


def load(folder: Path, files: dict[str, Any], at: str) -> Plugin:
    for name, content in files.items():
        place = folder / "plugin" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return readers.read(folder / "plugin" / at, Reading(folder / "state"))


def told(plugin: Plugin) -> str:
    return "\n".join(f"{problem.severity}: {problem.reason}" for problem in plugin.problems)


def capability(name: str, **scope: Any) -> dict[str, Any]:
    return {"capabilities": [{"name": name, **scope}]}


def many(count: int, **field: Any) -> list[dict[str, Any]]:
    """So many objects, each with a field that is told apart by its number."""
    return [{key: value.format(number) for key, value in field.items()} for number in range(count)]


#: Declarative agent manifest v1.8: what it says, what is told ("" is nothing).
AGENTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "n" * 100, "description": "d" * 1_000, "instructions": "i" * 8_000}, ""),
    ({"name": "n" * 101}, "noted: name has 101 characters, and 100 are allowed"),
    ({"description": "d" * 1_001}, "noted: description has 1,001 characters, and 1,000 are allowed"),
    ({"instructions": "i" * 8_001}, "noted: instructions has 8,001 characters, and 8,000 are allowed"),
    ({"name": None}, "repaired: name is missing"),
    ({"description": None}, "noted: description is missing"),
    ({"conversation_starters": many(12, text="t{}")}, ""),
    ({"conversation_starters": many(13, text="t{}")}, "conversation_starters has 13 entries, and 12 are allowed"),
    ({"disclaimer": {"text": "x" * 501}}, "disclaimer.text has 501 characters, and 500 are allowed"),
    ({"actions": many(11, id="a{}", file="x.json")}, "actions has 11 entries, and 10 are allowed"),
    ({"editorial_answers": {"answers": many(301, question="q{}", answer="a")}}, "301 entries, and 300 are allowed"),
    (capability("WebSearch", sites=many(4, url="https://a{}.example")), ""),
    (capability("WebSearch", sites=many(5, url="https://a{}.example")), "sites has 5 entries, and 4 are allowed"),
    (capability("TeamsMessages", urls=many(6, url="https://a{}.example")), "urls has 6 entries, and 5 are allowed"),
    (capability("Email", group_mailboxes=[f"{n}@a.example" for n in range(26)]), "26 entries, and 25 are allowed"),
    (capability("Meetings", items_by_id=many(6, id="{}")), "items_by_id has 6 entries, and 5 are allowed"),
    (capability("EmbeddedKnowledge", files=many(11, file="f{}.txt")), "files has 11 entries, and 10 are allowed"),
    (capability("EmbeddedKnowledge", files=[{"file": "f.exe"}]), "noted: EmbeddedKnowledge: 'f.exe' is of a kind"),
    (capability("EmbeddedKnowledge", files=[{"file": "large.txt"}]), "1,000,001 bytes, and 1 MB is allowed"),
    (capability("People", include_related_content=True), ""),
    (capability("Dataverse", knowledge_sources=[{"host_name": "h", "tables": [{"table_name": "t"}]}]), ""),
    (capability("GraphConnectors", connections=[{"connection_id": "c", "items_by_path": [{"path": "p"}]}]), ""),
    (capability("Flying"), "unsupported: capabilities[0] is no capability ('Flying')"),
    (capability("WebSearch", wings=2), "capabilities[0].wings is no field of this form"),
    ({"user_overrides": [{"path": "$.capabilities", "allowed_actions": ["add"]}]}, "is ignored: known is only"),
]


@pytest.mark.parametrize(("fields", "reason"), AGENTS)
def test_a_declarative_agent(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    manifest = {key: value for key, value in {**AGENT, **fields}.items() if value is not None}
    others = {"f.exe": "x", "large.txt": "x" * 1_000_001, **{f"f{n}.txt": "x" for n in range(11)}}
    named = [each["file"] for c in fields.get("capabilities", ()) for each in c.get("files", ())]
    files = {"declarativeAgent.json": manifest, **{name: others[name] for name in named}}
    plugin = load(tmp_path, files, "declarativeAgent.json")
    assert len(plugin.personas) == 1
    assert reason in told(plugin)
    assert bool(reason) or not plugin.problems


def server(**more: Any) -> dict[str, Any]:
    remote = {"mcpServerUrl": "https://m.example/mcp", **more}
    return {"id": "c", "displayName": "C", "description": "d", "toolSource": {"remoteMcpServer": remote}}


def signed(kind: str) -> dict[str, Any]:
    return {"agentConnectors": [server(authorization={"type": kind, "referenceId": "ref"})]}


#: App package, manifestVersion 1.28 to 1.30: what it says, servers' references (None: no server), what is told.
APPS: list[tuple[dict[str, Any], list[str] | None, str]] = [
    ({"agentConnectors": [server()]}, [""], ""),
    ({"agentConnectors": [server()], "manifestVersion": "1.28"}, [""], "mcpToolDescription is missing, and 1.28"),
    ({"agentConnectors": [server(mcpServerUrl="http://m.example")]}, None, "must be an https address"),
    *((signed(kind), ["ref"], "") for kind in ("OAuthPluginVault", "ApiKeyPluginVault", "AzureKeyVault")),
    (signed("DynamicClientRegistration"), [""], ""),
    (signed("None"), [""], ""),
    ({"agentConnectors": [{**server(), "id": "c" * 65}]}, [""], "id has 65 characters, and 64 are allowed"),
    ({"agentConnectors": [{**server(), "displayName": "n" * 129}]}, [""], "129 characters, and 128 are allowed"),
    ({"agentConnectors": [{**server(), "description": "d" * 4_001}]}, [""], "4,001 characters, and 4,000 are"),
    (
        {"agentConnectors": [{**server(), "id": f"c{n}"} for n in range(11)]},
        [""] * 10,
        "11 entries, and 10 are allowed",
    ),
    ({"agentSkills": [{"folder": "s" * 257}]}, None, "folder has 257 characters, and 256 are allowed"),
    ({"agentSkills": [{"folder": "one"}] * 21}, None, "agentSkills has 22 entries, and 20 are allowed"),
    ({"copilotAgents": {"customEngineAgents": [{"id": "x", "type": "bot"}]}}, None, "is a bot that runs elsewhere"),
    ({"manifestVersion": "1.30", "bots": [{}], "staticTabs": [{}], "authorization": {}}, None, ""),
]


@pytest.mark.parametrize(("fields", "references", "reason"), APPS)
def test_an_app_package(tmp_path: Path, fields: dict[str, Any], references: list[str] | None, reason: str) -> None:
    skills = [*fields.get("agentSkills", ()), {"folder": "skills/a"}]
    files = {"manifest.json": {**APP, **fields, "agentSkills": skills}, "skills/a/SKILL.md": SKILL.format("a")}
    plugin = load(tmp_path, {**files, "one/SKILL.md": SKILL.format("one")}, "")
    assert [str(each.auth.get("reference") or "") for each in plugin.servers] == (references or [])
    assert reason in told(plugin)
    assert bool(reason) or not plugin.problems


#: Claude and Codex folders: files beside a skill `a`, the plugin's name, what is told.
FOLDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"plugin.json": {"name": "root"}, PLUGIN: {"name": "claude"}}, "root", ""),
    ({PLUGIN: {"name": "claude"}, ".codex-plugin/plugin.json": {"name": "codex"}}, "claude", ""),
    ({".codex-plugin/plugin.json": {"name": "codex"}}, "codex", ""),
    ({PLUGIN: {"name": "a b"}}, "a-b", "repaired: the name 'a b' is used as 'a-b'"),
    ({PLUGIN: {"name": "p", "skills": "./more"}, "more/b/SKILL.md": SKILL.format("b")}, "p", ""),
    ({PLUGIN: {"name": "p", "skills": "more"}, "more/b/SKILL.md": SKILL.format("b")}, "p", "is to begin with ./"),
    ({PLUGIN: {"name": "p", "mcpServers": "m.json"}, "m.json": {"mcpServers": {}}}, "p", "is to begin with ./"),
    ({PLUGIN: {"name": "p", "skills": "./../x"}}, "p", "leads out of the plugin's folder"),
    ({PLUGIN: {"name": "p"}, "hooks/hooks.json": {}}, "p", "unsupported: hooks are not run"),
    ({PLUGIN: {"name": "p"}, "agents/z.md": "x"}, "p", "unsupported: agents (subagents) are not loaded"),
    ({PLUGIN: {"name": "p", "version": "1", "author": {"name": "x"}, "keywords": ["a"]}}, "p", ""),
]


@pytest.mark.parametrize(("files", "name", "reason"), FOLDERS)
def test_a_claude_or_codex_folder(tmp_path: Path, files: dict[str, Any], name: str, reason: str) -> None:
    plugin = load(tmp_path, {"skills/a/SKILL.md": SKILL.format("a"), **files}, "")
    assert plugin.name == name
    assert {"a", *(["b"] if "more/b/SKILL.md" in files else [])} == {skill.name for skill in plugin.skills}
    assert reason in told(plugin)
    assert bool(reason) or not plugin.problems
