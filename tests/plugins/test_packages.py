"""Packages of Agent Plugins 1.0.0 are read exactly as the specification says (sections in the tests)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError
from copilot.plugins import readers
from copilot.plugins.packages import agent_plugins
from copilot.plugins.plugin import Plugin, Reading

SCHEMAS = "https://agent-plugins.org/schemas/1.0.0"
SKILL = "---\nname: {name}\ndescription: Does {name}.\n---\nDo it.\n"
STDIO = {"type": "stdio", "command": "node"}


def package(root: Path, manifest: Any = None, servers: Any = None, skills: tuple[str, ...] = ()) -> Path:
    root.mkdir(exist_ok=True)
    full = {"$schema": f"{SCHEMAS}/plugin.schema.json", "name": "reports", **(manifest or {})}
    (root / "plugin.json").write_text(json.dumps({k: v for k, v in full.items() if v != "-"}))
    if servers is not None:
        whole = {"$schema": f"{SCHEMAS}/mcp.schema.json", "mcpServers": servers}
        (root / "mcp.json").write_text(servers if isinstance(servers, str) else json.dumps(whole))
    for name in skills:
        (root / "skills" / name).mkdir(parents=True)
        (root / "skills" / name / "SKILL.md").write_text(SKILL.format(name=name))
    return root


def read(root: Path) -> Plugin:
    return readers.read(root, Reading(home=root.parent / "state"))


def test_a_whole_package(tmp_path: Path) -> None:
    manifest = {"version": "1.2", "description": "Reports.", "author": {"name": "A"}, "keywords": ["a"]}
    root = package(tmp_path / "p", {**manifest, "extensions": {"com.example": {"x": 1}}}, {"v": STDIO}, ("b", "a"))
    found = read(root)
    assert (found.name, found.form, found.version) == ("reports", "agent-plugins 1.0.0", "1.2")
    assert [(s.name, s.plugin, s.instructions) for s in found.skills] == [
        ("a", "reports", "Do it."),
        ("b", "reports", "Do it."),
    ]
    assert [s.name for s in found.servers] == ["v"]
    assert found.problems == ()


@pytest.mark.parametrize("name", ["a", "my-plugin", "acme.tools", "lint3r", "a" * 64, "0"])
def test_names_that_are_valid(tmp_path: Path, name: str) -> None:
    """5.5"""
    assert read(package(tmp_path / "p", {"name": name})).name == name


@pytest.mark.parametrize(
    "manifest",
    [
        *(
            {"name": n}
            for n in ("My-Plugin", "-start", "end-", "has--double", "a..b", "", "a" * 65, ".a", "a b", "ä", "a\n")
        ),
        *({"name": n} for n in (None, 7, ["a"], "-")),
        *({"$schema": s} for s in ("-", f"{SCHEMAS}/plugin.schema.json#", SCHEMAS.replace("1.0.0", "2.0.0"), 1)),
        *({key: 1} for key in ("version", "description", "homepage", "repository", "license", "keywords", "author")),
        {"version": None},
        {"keywords": ["a", 1]},
        {"author": {"name": 1}},
        {"author": {"twitter": "x"}},
    ],
    ids=str,
)
def test_a_manifest_that_breaks_a_rule_refuses_the_package(tmp_path: Path, manifest: dict[str, Any]) -> None:
    """5.2 to 5.5"""
    root = package(tmp_path / "p", manifest, skills=("a",))
    with pytest.raises(PluginError, match=r"plugin\.json"):
        agent_plugins.read(root, Reading(home=tmp_path))


def test_what_is_reported_and_ignored(tmp_path: Path) -> None:
    """5.2: unknown fields, 8.1: extensions that are no object"""
    found = read(package(tmp_path / "p", {"skills": "./x", "extensions": False, "displayName": "R"}, skills=("a",)))
    assert [s.name for s in found.skills] == ["a"]
    told = " ".join(problem.reason for problem in found.problems)
    assert all(name in told for name in ("'skills'", "'displayName'", "extensions"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": "x"', "null", "\x00"])
def test_a_manifest_that_is_no_object(tmp_path: Path, text: str) -> None:
    root = package(tmp_path / "p")
    (root / "plugin.json").write_text(text)
    with pytest.raises(PluginError, match=r"plugin\.json"):
        agent_plugins.read(root, Reading(home=tmp_path))


def test_skills_are_immediate_children_that_conform(tmp_path: Path) -> None:
    """7.1 and 4.1"""
    root = package(tmp_path / "p", skills=("good", "other", "deep/er"))
    for name, text in {
        "wrong-name": SKILL.format(name="other-name"),
        "no-description": "---\nname: no-description\n---\n",
        "no-yaml": "---\nname: no-yaml\n- description: x\n---\n",
        "readme-only": "",
    }.items():
        (root / "skills" / name).mkdir()
        (root / "skills" / name / ("SKILL.md" if text else "README.md")).write_text(text)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "SKILL.md").write_text(SKILL.format(name="linked"))
    (root / "skills" / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "skills" / "inner").mkdir()
    (root / "skills" / "inner" / "SKILL.md").symlink_to(tmp_path / "elsewhere" / "SKILL.md")
    (root / "skills" / "lower").mkdir()
    (root / "skills" / "lower" / "skill.md").write_text(SKILL.format(name="lower"))
    found = read(root)
    assert [s.name for s in found.skills] == ["good", "other"]
    refused = {Path(p.where).name for p in found.problems if p.severity == "refused"}
    assert refused == {"wrong-name", "no-description", "no-yaml", "linked", "inner"}


def test_component_places_of_the_wrong_kind(tmp_path: Path) -> None:
    """6.2: the others stay"""
    root = package(tmp_path / "p", servers={"v": STDIO})
    (root / "skills").write_text("no folder")
    assert [s.name for s in read(root).servers] == ["v"]
    (root / "skills").unlink()
    (root / "skills").symlink_to(tmp_path)
    assert "leads out" in read(root).problems[0].reason
    (root / "mcp.json").unlink()
    (root / "mcp.json").mkdir()
    assert "servers are left out" in " ".join(problem.reason for problem in read(root).problems)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"$schema": f"{SCHEMAS}/mcp.schema.json", "mcpServers": []}),
        json.dumps({"$schema": f"{SCHEMAS}/mcp.schema.json", "mcpServers": {}, "inputs": []}),
        json.dumps({"$schema": f"{SCHEMAS}/plugin.schema.json", "mcpServers": {"v": STDIO}}),
        json.dumps({"mcpServers": {"v": STDIO}}),
    ],
)
def test_a_wrong_mcp_document_costs_the_servers_alone(tmp_path: Path, document: str) -> None:
    """7.2.2"""
    found = read(package(tmp_path / "p", servers=document, skills=("a",)))
    assert ([s.name for s in found.skills], found.servers) == (["a"], ())
    assert len(found.problems) == 1
    assert "mcp.json" in found.problems[0].where


def test_programs_are_expanded_once_and_contained(tmp_path: Path) -> None:
    """7.2.1, 9.1 and 9.2"""
    root = package(
        tmp_path / "p",
        servers={
            "default": {
                **STDIO,
                "args": ["${PLUGIN_ROOT}/x y", "", "${PLUGIN_DATA}", "${OTHER}", "$HOME", "${PLUGIN_ROOT_X}"],
                "env": {"A": "${PLUGIN_ROOT}|${PLUGIN_DATA}", "B": "${A}"},
            },
            "own": {"type": "stdio", "command": "./bin/run it", "cwd": "./work"},
            "rooted": {**STDIO, "cwd": "${PLUGIN_ROOT}/work"},
            "data": {**STDIO, "cwd": "${PLUGIN_DATA}"},
        },
    )
    (root / "bin").mkdir()
    (root / "work").mkdir()
    found = {server.name: server for server in read(root).servers}
    place, data = str(root.resolve()), str((tmp_path / "state" / "plugin-data" / "reports").resolve())
    assert found["default"].args == (f"{place}/x y", "", data, "${OTHER}", "$HOME", "${PLUGIN_ROOT_X}")
    env = {"A": f"{place}|{data}", "B": "${A}", "PLUGIN_ROOT": place, "PLUGIN_DATA": data}
    assert found["default"].env == env
    assert (found["default"].command, found["default"].cwd) == ("node", place)
    assert (found["own"].command, found["own"].cwd) == (f"{place}/bin/run it", f"{place}/work")
    assert (found["rooted"].cwd, found["data"].cwd) == (f"{place}/work", data)


def test_a_folder_named_like_a_placeholder_is_not_expanded_again(tmp_path: Path) -> None:
    """9.2: one pass"""
    root = package(tmp_path / "${PLUGIN_DATA}", servers={"v": {**STDIO, "args": ["${PLUGIN_ROOT}"]}})
    assert read(root).servers[0].args == (str(root.resolve()),)


def test_web_servers(tmp_path: Path) -> None:
    """7.2.1"""
    root = package(
        tmp_path / "p",
        servers={
            "a": {
                "type": "streamable-http",
                "url": "https://x.example/mcp?q=${PLUGIN_ROOT}",
                "headers": {"X-A": "${B}"},
            },
            "b": {"type": "sse", "url": "http://127.0.0.1:8000/sse"},
            "c": {"type": "sse", "url": "http://[::1]/sse"},
            "d": {"type": "streamable-http", "url": "http://localhost:1/"},
        },
    )
    found = {server.name: server for server in read(root).servers}
    assert (found["a"].transport, found["a"].url) == ("http", "https://x.example/mcp?q=${PLUGIN_ROOT}"), "no expansion"
    assert found["a"].headers == {"X-A": "${B}"}
    assert found["b"].transport == "sse"
    assert len(found) == 4


HTTP = {"type": "streamable-http", "url": "https://x.example/mcp"}
BAD_SERVERS: dict[str, Any] = {
    "no object": 7,
    "no type": {"command": "node"},
    "other type": {"type": "http", "url": "https://x.example"},
    "no command": {"type": "stdio"},
    "empty command": {"type": "stdio", "command": ""},
    "a list": {"type": "stdio", "command": ["node"]},
    "a shell line": {"type": "stdio", "command": "npx -y x"},
    "an absolute command": {"type": "stdio", "command": "/bin/sh"},
    "a command above": {"type": "stdio", "command": "../run"},
    "a command that leads out": {"type": "stdio", "command": "./../run"},
    "a placeholder command": {"type": "stdio", "command": "${PLUGIN_ROOT}/run"},
    "a linked command": {"type": "stdio", "command": "./out/run"},
    "args": {**STDIO, "args": "x"},
    "an arg": {**STDIO, "args": [1]},
    "env": {**STDIO, "env": {"A": 1}},
    "reserved root": {**STDIO, "env": {"PLUGIN_ROOT": "x"}},
    "reserved data": {**STDIO, "env": {"PLUGIN_DATA": "x"}},
    "bare cwd": {**STDIO, "cwd": "work"},
    "cwd out": {**STDIO, "cwd": "./.."},
    "cwd linked out": {**STDIO, "cwd": "./out"},
    "cwd root out": {**STDIO, "cwd": "${PLUGIN_ROOT}/../x"},
    "cwd data out": {**STDIO, "cwd": "${PLUGIN_DATA}/.."},
    "cwd glued": {**STDIO, "cwd": "${PLUGIN_ROOT}x"},
    "unknown field": {**STDIO, "timeout": 5},
    "another's field": {**STDIO, "url": "https://x.example"},
    "no url": {"type": "sse"},
    "relative": {**HTTP, "url": "/mcp"},
    "not web": {**HTTP, "url": "ftp://x.example:21/"},
    "plain http": {**HTTP, "url": "http://x.example/mcp"},
    "like localhost": {**HTTP, "url": "http://localhost.x.example/"},
    "user": {**HTTP, "url": "https://me:you@x.example/"},
    "fragment": {**HTTP, "url": "https://x.example/#"},
    "port": {**HTTP, "url": "https://x.example:99999/"},
    "header twice": {**HTTP, "headers": {"X-A": "1", "x-a": "2"}},
    "header name": {**HTTP, "headers": {"X A": "1"}},
    "header value": {**HTTP, "headers": {"X-A": "1\r\nX-B: 2"}},
    "headers": {**HTTP, "headers": ["a"]},
    "evil\u202e": STDIO,
    "": STDIO,
}


def test_a_wrong_server_is_skipped_and_the_others_stay(tmp_path: Path) -> None:
    """7.2.1 and 7.2.2"""
    root = package(tmp_path / "p", servers={**BAD_SERVERS, "good": STDIO}, skills=("a",))
    (root / "out").symlink_to(tmp_path)
    found = read(root)
    assert [server.name for server in found.servers] == ["good"]
    assert len(found.problems) == len(BAD_SERVERS)
    assert all(p.severity == "refused" and p.where.isprintable() for p in found.problems)
    assert [s.name for s in found.skills] == ["a"]
