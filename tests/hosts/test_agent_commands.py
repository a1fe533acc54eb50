"""Agents on the command line and in the chat: listed, chosen, greeted; a thread goes on with its agent."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from copilot.cli import _parser, main
from copilot.hosts.once import open_copilot, reaching
from copilot.hosts.output import as_json
from copilot.hosts.terminal.chat import Chat, Loading
from copilot.hosts.terminal.commands import Commands
from copilot.hosts.terminal.complete import ChatCompleter
from copilot.hosts.terminal.greeting import greet, starters_of
from copilot.hosts.terminal.prompt import Prompt
from copilot.hosts.terminal.screen import Screen
from copilot.plugins.persona import Persona, Starter

AGENT = {
    "version": "v1.8",
    "name": "Help Desk\u202e\x1b[31m",
    "description": "Helps with IT.",
    "instructions": "Be brief.",
    "capabilities": [{"name": "Dataverse"}],
    "disclaimer": {"text": "No legal advice."},
    "conversation_starters": [{"title": "Mine", "text": "Show my tickets"}],
    "editorial_answers": {
        "answers": [{"question": "How do I reset my password?", "answer": "Go to reset.contoso.com."}]
    },
}


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    place = tmp_path / "desk"
    place.mkdir()
    (place / "declarativeAgent.json").write_text(json.dumps(AGENT), "utf-8")
    (home / "copilot.toml").write_text(f"[plugins]\npaths = [{json.dumps(str(place))}]\n", "utf-8")
    documents = tmp_path / "documents"
    documents.mkdir()
    return documents


def run(*words: str) -> int:
    return main([*words])


def test_agents_are_listed_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("agents", "--dir", str(folder), "--json") == 0
    assert [each["agent"] for each in json.loads(capsys.readouterr().out)] == ["help-desk"]
    assert run("agents", "help-desk", "--dir", str(folder)) == 0
    out = capsys.readouterr().out
    assert "Dataverse is not served here" in out
    assert "\x1b[31m" not in out
    assert "\u202e" not in out


def test_what_is_told_of_an_agent_is_about_it_and_clean_in_both_forms(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = home / "other" / "declarativeAgent.json"
    other.parent.mkdir()
    other.write_text(json.dumps({**AGENT, "name": "Other", "capabilities": [{"name": "Flying"}]}), "utf-8")
    places = [str(folder.parent / "desk"), str(other.parent)]
    (home / "copilot.toml").write_text(f"[plugins]\npaths = {json.dumps(places)}\n", "utf-8")
    assert run("agents", "help-desk", "--dir", str(folder), "--json") == 0
    out = capsys.readouterr().out
    assert "\u202e" not in out
    told = json.loads(out)
    assert told["name"] == "Help Desk"
    assert [each["reason"].partition(" ")[0] for each in told["problems"]] == ["Dataverse"]
    assert run("tools", "--dir", str(folder)) == 0
    remarks = capsys.readouterr().err
    assert "is no capability ('Flying')" in remarks


def test_doctor_names_a_plugin_of_the_settings_that_is_not_there(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [str(folder.parent / "gone"), str(folder.parent / "desk")]
    (home / "copilot.toml").write_text(f"[plugins]\npaths = {json.dumps(places)}\n", "utf-8")
    assert run("plugins", "doctor", "--json") == 1
    first, *others = json.loads(capsys.readouterr().out)
    assert first["reason"].endswith("gone does not exist.")
    assert not [each for each in others if each["severity"] == "refused"]


def test_a_plugin_that_the_settings_name_by_its_path_is_shown(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the name of its place, as the list tells it, or by its own; what is installed comes before it."""
    desk = folder.parent / "desk"
    for name in ("desk", "help-desk", str(desk)):
        assert run("plugins", "show", name, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["source"], told["state"], len(told["agents"])) == (str(desk), "copilot.toml", 1)
    assert run("plugins", "show", "desk") == 0
    assert "file declarativeAgent.json" in capsys.readouterr().out
    assert run("plugins", "show", "dsk") != 0
    assert "dsk" in capsys.readouterr().err


def test_tools_for_scripts_tell_what_is_not_loaded_beside_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tools", "--dir", str(folder), "--agent", "help-desk", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["name"]
    assert "Dataverse is not served here" in told.err


def test_json_for_scripts_has_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "a\u202eb\x1b[31m\x9b\U000e0041", "plain": "Grüße 👍"}
    as_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert out.isprintable() or not {c for c in out if not c.isprintable()} - {"\n"}
    assert "Grüße 👍" in out


def test_the_chat_of_an_agent_greets_before_the_first_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its starters are requests to begin with: they are there, and completed, when a person begins to type."""
    before: list[str] = []

    class Leaving(Prompt):
        def ask(self) -> str | None:
            before.append(capsys.readouterr().out)
            return None

    with create_pipe_input() as given:
        parsed = _parser().parse_args(["--agent", "help-desk", "--dir", str(folder)])
        prompt = Leaving(folder, given=given, shown=DummyOutput())
        assert Chat(parsed, prompt, Loading(parsed)).run() == 0
    assert "No legal advice." in before[0]
    assert "Mine: Show my tickets" in before[0]


def test_one_answer_of_an_agent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--agent", "help-desk", "-p", "How do I reset my password?", "--dir", str(folder)) == 0
    told = capsys.readouterr()
    assert told.out.strip() == "Go to reset.contoso.com."
    assert "No legal advice." in told.err
    assert run("-c", "-p", "How do I reset my password?", "--dir", str(folder), "--output-format", "json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["served_by"].startswith("editorial answer of Help Desk")
    assert "No legal advice." not in told.err


def test_an_unknown_agent_is_told_with_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--agent", "nobody", "-p", "hi", "--dir", str(folder)) == 1
    assert "There is: 'help-desk'" in capsys.readouterr().err


def test_without_is_for_agents_and_what_they_let_one_switch_off(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--without", "Dataverse", "-p", "hi", "--dir", str(folder)) == 2
    assert "Name the agent with --agent" in capsys.readouterr().err
    assert run("--agent", "help-desk", "--without", "Dataverse", "-p", "hi", "--dir", str(folder)) == 1
    assert "No capability named 'Dataverse'" in capsys.readouterr().err


def test_a_thread_goes_on_with_its_agent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--agent", "help-desk", "-p", "How do I reset my password?", "--dir", str(folder), "--output-format", "json")
    thread = json.loads(capsys.readouterr().out)["thread"]
    plain = open_copilot(argparse.Namespace(dir=str(folder)))
    assert plain.persona is None
    persona = reaching(plain, thread).persona
    assert persona is not None
    assert persona.handle == "help-desk"


def test_the_chat_greets_and_changes_agents(folder: Path) -> None:
    shown = io.StringIO()
    screen = Screen(Console(file=shown, width=200))
    commands = Commands(open_copilot(argparse.Namespace(dir=str(folder))), screen, "t1")
    commands.run("/agents")
    assert "help-desk" in shown.getvalue()
    commands.run("/agents help-desk")
    assert commands.thread != "t1"
    assert commands.starters() == ("Show my tickets",)
    for words in ("Helps with IT.", "No legal advice.", "Mine: Show my tickets"):
        assert words in shown.getvalue()
    commands.run("/plugins")
    assert "1 agent" in shown.getvalue()
    commands.run("/mcp")
    assert "No MCP server is set" in shown.getvalue()
    commands.run("/agents none")
    assert commands.copilot.persona is None
    assert commands.starters() == ()
    assert "\x1b[31m" not in shown.getvalue()


def test_starters_are_completed_and_not_where_the_agent_wants_no_suggestions(tmp_path: Path) -> None:
    completer = ChatCompleter(tmp_path)
    completer.starters = ("Show my tickets", "Open a ticket")

    def completed(text: str) -> list[str]:
        return [each.text for each in completer.get_completions(Document(text), CompleteEvent())]

    assert completed("show") == ["Show my tickets"]
    assert completed("") == ["Show my tickets", "Open a ticket"]
    assert completed("nothing") == []
    assert completed("/agen") == ["/agents"]
    agent = Persona("A", starters=(Starter("Ask\x1b[2J me"), Starter("Mail?", needs=("Email",))))
    assert starters_of(agent) == ("Ask me",)
    assert starters_of(Persona("A", starters=agent.starters, suggestions=False)) == ()
    greet(Screen(Console(file=io.StringIO())), None)
