"""The root of the repository is a package that other assistants install: Agent Plugins 1.0.0, and two vendors' own."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot.cli import _command_parser
from tests.conftest import ROOT

SKILLS = sorted(path.parent for path in (ROOT / "skills").glob("*/SKILL.md"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
#: Fields of the standards (Agent Plugins 1.0.0, section "Manifest"; Agent Skills, "SKILL.md").
MANIFEST = {"$schema", "name", "version", "description", "homepage", "repository", "license", "keywords", "author"}
FRONT = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}


def stored(name: str) -> Any:
    return json.loads((ROOT / name).read_text("utf-8"))


def test_the_manifest_is_strictly_conforming() -> None:
    found = stored("plugin.json")
    assert found["$schema"] == "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    assert set(found) <= MANIFEST
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?", found["name"])
    assert found["version"] == VERSION
    assert all(isinstance(word, str) for word in found["keywords"])


def test_the_servers_start_our_command() -> None:
    found = stored("mcp.json")
    assert set(found) == {"$schema", "mcpServers"}
    assert found["$schema"] == "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json"
    (server,) = found["mcpServers"].values()
    assert (server["type"], server["command"]) == ("stdio", "everpilot")
    parsed = _command_parser(server["args"][0]).parse_args(server["args"][1:])
    assert (parsed.action, parsed.roots, parsed.yes) == ("serve", True, False)
    assert stored(".mcp.json")["mcpServers"] == {"everpilot": {"command": "everpilot", "args": server["args"]}}


def test_other_assistants_manifests_say_the_same() -> None:
    ours = stored("plugin.json")
    for name in (".claude-plugin/plugin.json", ".codex-plugin/plugin.json"):
        found = stored(name)
        assert {key: found[key] for key in ("name", "version", "description", "license")} == {
            key: ours[key] for key in ("name", "version", "description", "license")
        }
        for key in ("skills", "mcpServers"):
            if key in found:
                assert found[key].startswith("./")
                assert (ROOT / found[key]).exists()
    market = stored(".claude-plugin/marketplace.json")
    assert market["owner"]["name"]
    assert [(p["name"], p["source"]) for p in market["plugins"]] == [(ours["name"], "./")]


@pytest.mark.parametrize("folder", SKILLS, ids=lambda path: path.name)
def test_each_skill_is_strictly_conforming(folder: Path) -> None:
    text = (folder / "SKILL.md").read_text("utf-8")
    assert text.startswith("---\n")
    front, _, body = text[4:].partition("\n---\n")
    fields = yaml.safe_load(front)
    assert set(fields) <= FRONT
    assert fields["name"] == folder.name
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", fields["name"])
    assert 1 <= len(fields["description"].strip()) <= 1024
    assert len(fields.get("compatibility", "")) <= 500
    assert len(body.splitlines()) < 500
    assert len(body) / 4 < 5000, "tokens, as advised; about four characters each"


@pytest.mark.parametrize("folder", SKILLS, ids=lambda path: path.name)
def test_each_skill_makes_sense_elsewhere(folder: Path) -> None:
    """It says how its tools are called there, and every tool that it names is there."""
    from copilot.plugins import loader
    from copilot.settings import SkillSettings

    text = (folder / "SKILL.md").read_text("utf-8")
    tools = {t.name: t for s in loader.load(SkillSettings()).skills if s.origin == "bundled" for t in s.tools}
    wire = {t.wire_name for t in tools.values()}
    section = text.partition("## In another assistant\n")[2]
    assert "everpilot call" in section
    assert set(re.findall(r"`(\w+__\w+)`", section)) <= wire
    called = re.findall(r"everpilot call ([\w.]+)", section)
    assert called
    assert set(called) <= set(tools)
    names = "|".join(sorted({name.partition(".")[0] for name in tools}))
    assert set(re.findall(rf"`((?:{names})\.[a-z_]+)`", text)) <= set(tools)
