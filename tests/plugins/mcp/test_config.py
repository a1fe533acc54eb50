"""`mcpServers` files: what is read, what is repaired and said, what is refused and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot import settings
from copilot._redaction import GONE, redacted
from copilot.errors import PluginError
from copilot.plugins.mcp import places
from copilot.plugins.mcp.config import INSIDE, Found, Server, parse
from copilot.plugins.mcp.expansion import Variables
from copilot.plugins.plugin import Reading
from copilot.settings import McpSettings
from copilot.trust.labels import Confidentiality

ENV = {"TOKEN": "t0p-secret-value", "HOST": "mcp.contoso.com", "EMPTY": ""}


def one(entry: Any, **more: Any) -> tuple[Server, list[str]]:
    """The server of one entry, and what was said about it."""
    found = parse({"s": entry}, "f", expand=Variables(ENV), **more)
    assert len(found.servers) == 1, found.problems
    return found.servers[0], [f"{p.severity}: {p.reason}" for p in found.problems]


def refused(entry: Any) -> str:
    found = parse({"s": entry}, "f", expand=Variables(ENV))
    assert not found.servers
    (problem,) = found.problems
    assert (problem.where, problem.severity) == ("f#s", "refused")
    return problem.reason


@pytest.mark.parametrize(
    ("entry", "transport"),
    [
        ({"command": "uvx", "args": ["a"]}, "stdio"),
        ({"type": "stdio", "command": "uvx"}, "stdio"),
        ({"type": "local", "command": "uvx", "tools": ["*"]}, "stdio"),
        ({"url": "https://mcp.contoso.com/mcp"}, "http"),
        ({"type": "http", "url": "https://mcp.contoso.com/mcp"}, "http"),
        ({"type": "streamable-http", "url": "http://127.0.0.1:3000/mcp"}, "http"),
        ({"type": "sse", "url": "http://localhost:3000/sse"}, "sse"),
    ],
)
def test_what_is_usual_is_read_without_a_word(entry: dict[str, Any], transport: str) -> None:
    server, said = one(entry)
    assert server.transport == transport
    assert not said


@pytest.mark.parametrize(
    ("entry", "field", "value", "said"),
    [
        ({"type": "streamableHttp", "url": "https://a.b/c"}, "transport", "http", "read as http"),
        ({"serverUrl": "https://a.b/c"}, "url", "https://a.b/c", "serverUrl is read as url"),
        ({"httpUrl": "https://a.b/c"}, "url", "https://a.b/c", "httpUrl is read as url"),
        ({"url": "https://a.b/c#x"}, "url", "https://a.b/c", "fragment"),
        ({"type": "http", "command": "x"}, "transport", "stdio", "of another kind"),
        ({"command": "npx -y thing"}, "args", ("-y", "thing"), "split into words"),
        ({"command": ["npx", "-y", "thing"]}, "args", ("-y", "thing"), "first item is the program"),
        ({"command": "x", "args": "a 'b c'"}, "args", ("a", "b c"), "split into words"),
        ({"command": "x", "args": ["--port", 80, True]}, "args", ("--port", "80", "true"), "read as a text"),
        ({"command": "x", "env": {"A": 1, "B": None}}, "env", {"A": "1"}, "null"),
        ({"command": "x", "timeout": 30000}, "timeout", 30.0, "milliseconds"),
        ({"command": "x", "timeout_ms": 10000}, "timeout", 10.0, "timeout_ms is read as timeout"),
        ({"baseUrl": "https://a.b/c"}, "url", "https://a.b/c", "baseUrl is read as url"),
        ({"command": "x", "isActive": False}, "disabled", True, "isActive is read as enabled"),
        (
            {"transport": {"type": "sse", "url": "https://a.b/c"}},
            "transport",
            "sse",
            "transport is read as the entry's",
        ),
        (
            {"url": "https://a.b/c", "requestInit": {"headers": {"K": "v"}}},
            "headers",
            {"K": "v"},
            "requestInit is read",
        ),
        ({"command": {"path": "npx", "args": ["-y"]}, "settings": {}}, "args", ("-y",), "command is read as the"),
        ({"settings": {"url": "https://a.b/c"}}, "url", "https://a.b/c", "settings is read as the"),
        ({"command": "x", "timeout": "5000"}, "timeout", 5.0, "milliseconds"),
        ({"command": "x", "timeout": "soon"}, "timeout", 60.0, "60 seconds are taken"),
        ({"command": "x", "disabled": "yes"}, "disabled", False, "disabled is 'yes'"),
        ({"command": "x", "tools": 5}, "only", None, "tools is a number"),
        ({"command": "x", "alwaysAllow": ["rm"]}, "only", None, "alwaysAllow is ignored"),
        ({"command": "x", "autoApprove": ["*"]}, "only", None, "autoApprove is ignored"),
        ({"command": "x", "envFile": ".env"}, "command", "x", "envFile' is not supported"),
        ({"url": "http://mcp.contoso.com"}, "url", "http://mcp.contoso.com", "not encrypted"),
        ({"command": "x", "url": "https://a.b"}, "transport", "stdio", "url means nothing"),
    ],
)
def test_what_is_odd_is_repaired_and_said(entry: dict[str, Any], field: str, value: Any, said: str) -> None:
    server, heard = one(entry)
    assert getattr(server, field) == value
    assert any(said in each for each in heard), heard


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (None, "the entry is null"),
        ([], "the entry is a list"),
        ({}, "neither a command nor a url"),
        ({"command": ""}, "command is empty"),
        ({"command": 5}, "command is a number"),
        ({"command": "a\0b"}, "no text that a program"),
        ({"command": "x", "args": {"a": 1}}, "args is a map"),
        ({"command": "x", "args": [["a"]]}, "args[0] is a list"),
        ({"command": "x", "env": ["A=1"]}, "env is a list"),
        ({"command": "x", "env": {"A=B": "1"}}, "which can't be a name"),
        ({"type": "websocket", "url": "wss://a.b"}, "must be stdio, http (streamable-http) or sse"),
        ({"type": {}, "url": "https://a.b"}, "type is a map"),
        ({"url": "ftp://a.b"}, "no plain web address"),
        ({"url": "https://user:pw@a.b"}, "no plain web address"),
        ({"url": "https://[::1"}, "no plain web address"),
        ({"url": "https://a.b", "headers": {"X": "a\r\nY: b"}}, "headers.X is no header"),
        ({"url": "https://${UNSET}/mcp"}, "url needs the variable UNSET, which is not set"),
        ({"command": "x", "env": {"K": "${UNSET}"}}, "env.K needs the variable UNSET"),
        ({"command": "x", "args": ["a", "${not-a-name}"]}, "args[1] holds a malformed variable"),
        ({"command": "x", "args": ["${"]}, "malformed"),
        ({"url": "https://a.b", "headers": {"A": "Bearer ${input:token}"}}, "asks for the input 'token'"),
    ],
)
def test_what_can_not_be_used_is_refused_by_its_field(entry: Any, why: str) -> None:
    assert why in refused(entry)


def test_variables_are_expanded_once_where_they_may_be() -> None:
    entry = {
        "url": "https://${HOST}/${PART:-mcp}",
        "headers": {"Authorization": "Bearer ${TOKEN}", "X": "$TOKEN ${EMPTY:-none} ${EMPTY} ${A:-${B}}"},
    }
    server, _ = one(entry)
    assert server.url == "https://mcp.contoso.com/mcp"
    assert server.headers["Authorization"] == "Bearer t0p-secret-value"
    assert server.headers["X"] == "$TOKEN none  ${B}"
    assert server.entry == entry
    assert "t0p-secret-value" not in repr(server)


def test_a_program_s_own_variables_count_in_its_arguments_where_nothing_else_sets_them() -> None:
    server, _ = one(
        {"command": "x", "args": ["K:${KEY}", "${HOST}", "{env:HOST}"], "env": {"KEY": "k", "HOST": "other"}}
    )
    assert server.args == ("K:k", "mcp.contoso.com", "mcp.contoso.com")


def test_the_value_of_a_variable_is_not_shown() -> None:
    program, _ = one({"command": "npx", "args": ["mcp-remote", "--header", "X-Key:${TOKEN}"]})
    assert program.place == "npx mcp-remote --header X-Key:${TOKEN}"
    address, _ = one({"url": "https://${HOST}/${TOKEN}/mcp"})
    assert address.place == "https://${HOST}/${TOKEN}/mcp"


def test_a_place_in_the_environment_of_a_program_is_no_secret(tmp_path: Path) -> None:
    one({"command": "x", "env": {"ROOT": str(tmp_path), "KEY": "sbp_2345678"}})
    assert redacted(f"{tmp_path}/f sbp_2345678") == f"{tmp_path}/f {GONE}"


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 65, "evil\u202e", "\x1b[2J"])
def test_a_name_that_can_not_be_shown_is_none(name: str) -> None:
    (problem,) = parse({name: {"command": "x"}}, "f").problems
    assert "its name can't be used" in problem.reason
    assert problem.where.isprintable()


def test_secrets_on_a_command_line_are_not_shown() -> None:
    server, _ = one({"command": "npx", "args": ["tool", "--access-token", "sbp_0123", "mongodb://u:hunter22@db/x"]})
    assert "sbp_0123" not in server.place
    assert "hunter22" not in server.place
    assert "npx tool --access-token" in server.place


# --- files ------------------------------------------------------------------------------------------------------------


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def read(tmp_path: Path, text: str, name: str = ".mcp.json") -> Found:
    return places.read(written(tmp_path / name, text), env=ENV)


@pytest.mark.parametrize(
    "text",
    [
        '{"mcpServers": {"a": {"command": "x"}}}',
        '\ufeff{"mcpServers": {"a": {"command": "x"}}}',
        '{"servers": {"a": {"command": "x"}}, "inputs": []}',
        '{"mcp": {"servers": {"a": {"command": "x"}}}}',
        '{"mcp.servers": {"a": {"command": "x"}}, "editor.rulers": [100]}',
        '{"theme": "dark", "context_servers": {"a": {"command": "x"}}}',
        '{"$schema": "s", "mcp": {"a": {"type": "local", "command": ["x"], "enabled": true}}}',
        '{"a": {"command": "x"}}',
        '{// why\n"servers": {"a": {"command": "x", "args": ["http://not-a-comment", "/* nor this */"],},},}',
        '{"mcpServers": {"a": {"command": "y"}, "a": {"command": "x"}}}',
    ],
)
def test_files_of_all_shapes(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert [(each.name, each.command) for each in found.servers] == [("a", "x")]
    assert all(problem.severity == "repaired" for problem in found.problems)
    assert found.servers[0].cwd == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no valid JSON"),
        ('{"mcpServers": {', "no valid JSON"),
        ("[1]", "no JSON object"),
        ('{"name": "x", "tools": []}', "has no mcpServers"),
        ("[" * 100_000, "nested too deep"),
        ('{"mcpServers": ' + '{"a":' * 80 + "1" + "}" * 81, "nested too deep"),
        ('{"x": "' + "y" * 1_000_001 + '"}', "larger than 1 MB"),
    ],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(PluginError, match=why):
        read(tmp_path, text)


def test_a_map_that_is_none_is_said(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, '{"mcpServers": ["a"]}').problems
    assert problem.reason == "mcpServers is a list, and must be a map of servers."


def test_the_variables_of_editors(tmp_path: Path) -> None:
    entry = {"command": "${workspaceFolder}/run", "env": {"T": "${env:TOKEN}"}}
    text = json.dumps({"servers": {"a": entry}, "inputs": [{"id": "k"}]})
    found = read(tmp_path, text, ".vscode/mcp.json")
    assert found.servers[0].command == f"{tmp_path}/run"
    assert found.servers[0].env["T"] == ENV["TOKEN"]
    assert "asks for inputs (k)" in found.problems[0].reason
    claude = read(tmp_path, '{"mcpServers": {"a": {"command": "x", "args": ["${CLAUDE_PROJECT_DIR}"]}}}')
    assert claude.servers[0].args == (str(tmp_path),)


def test_the_person_s_own_come_first_and_a_folder_s_are_asked_about(tmp_path: Path, home: Path) -> None:
    written(home / "mcp.json", '{"mcpServers": {"kept": {"command": "x"}}}')
    written(home / "copilot.toml", '[mcp.servers.set]\nurl = "https://${HOST}/mcp"\nmax_confidentiality = "internal"\n')
    more = written(tmp_path / "more.json", '{"mcpServers": {"named": {"command": "x"}}}')
    folder = tmp_path / "folder"
    written(folder / ".cursor" / "mcp.json", '{"mcpServers": {"theirs": {"command": "x"}}}')
    written(folder / ".mcp.json", "{")
    chosen = settings.load(folder).mcp.model_copy(update={"files": [str(more), str(tmp_path / "gone.json")]})
    found = places.everything(chosen, [folder], env=ENV)
    assert [(each.name, each.ask) for each in found.servers] == [
        *(("named", False), ("kept", False), ("set", False), ("theirs", True)),
    ]
    assert found.servers[2].url == "https://mcp.contoso.com/mcp"
    assert found.servers[2].max_confidentiality is Confidentiality.INTERNAL
    assert len(found.problems) == 2  # gone.json, and the broken file


def test_a_folder_that_is_not_trusted_brings_no_servers_by_its_settings(tmp_path: Path) -> None:
    written(tmp_path / "copilot.toml", '[mcp.servers.x]\ncommand = "evil"\n')
    loaded = settings.load(tmp_path)
    assert loaded.mcp == McpSettings()
    assert any("[mcp] is ignored" in note for note in loaded.notes)


def test_a_file_is_a_plugin_too(tmp_path: Path, home: Path) -> None:
    written(tmp_path / "crm" / ".mcp.json", '{"mcpServers": {"a": {"command": "${TOKEN}"}, "b": 5}}')
    plugin = places.as_plugin(tmp_path / "crm", Reading(home, env=ENV))
    assert (plugin.name, plugin.form, [each.name for each in plugin.servers]) == ("crm", "mcp-servers", ["a"])
    assert plugin.servers[0].plugin == "crm"
    assert [problem.where.rpartition("#")[2] for problem in plugin.problems] == ["b"]


def test_an_everpilot_that_another_one_started_starts_no_servers(tmp_path: Path) -> None:
    written(tmp_path / ".mcp.json", '{"mcpServers": {"a": {"command": "everpilot", "args": ["mcp"]}}}')
    assert [each.name for each in places.everything(McpSettings(), [tmp_path], env={}).servers] == ["a"]
    inside = places.everything(McpSettings(), [tmp_path], env={INSIDE: "1"})
    assert not inside.servers
    assert "another Everpilot started this one" in inside.problems[0].reason
