"""`everpilot policy`: what is in force, why something was decided, and what is always allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.cli import main

ARGS = '{"path": "contract.docx", "find": "Acme", "replace": "Contoso"}'


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["policy", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_shows_the_whole_table(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "show", "--dir", str(office))
    rules = {row["rule"]: row for row in found["rules"]}
    assert (found["mode"], found["hosts"]) == ("ask", [])
    assert rules["delete"]["verdict"] == "ask"
    assert rules["outside-roots"]["if"] == {"effects": ["delete", "move", "write"], "inside_roots": False}
    assert main(["policy", "--dir", str(office)]) == 0
    assert "outside-roots" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "verdict", "rule"),
    [
        ((), "ask", "write"),
        (("--mode", "auto"), "ask", "write-tainted"),
        (("--mode", "auto", "--untainted"), "allow", "write-untainted"),
        (("--mode", "auto", "--said", "replace Acme by Contoso in contract.docx"), "allow", "write-as-typed"),
        (("--mode", "read-only"), "deny", "read-only"),
        (("--mode", "yes"), "allow", "approved-beforehand"),
    ],
)
def test_explains_and_changes_nothing(
    office: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], verdict: str, rule: str
) -> None:
    before = (office / "contract.docx").read_bytes()
    found = told(capsys, "explain", "word.replace_text", "--args", ARGS, "--dir", str(office), *more)
    assert (found["verdict"], found["rule"]) == (verdict, rule)
    assert [step["rule"] for step in found["steps"] if step["applies"]] == [rule]
    assert found["why"]
    assert (office / "contract.docx").read_bytes() == before


def test_explains_in_words(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "documents.list", "--label", "restricted", "--dir", str(office)]) == 0
    out = capsys.readouterr().out
    assert "documents.list (read), mode ask: allow." in out
    assert "Data: restricted, documents had a part in it" in out


def test_always_allow_is_listed_and_taken_back(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--dir", str(office))
    grant = told(capsys, "allow", "word.replace_text", "--folder", ".", *where)
    assert (grant["number"], grant["folder"]) == (1, str(office.resolve()))
    assert told(capsys, "explain", "word.replace_text", "--args", ARGS, *where)["rule"] == "grant 1"
    assert main(["call", "word.replace_text", "--args", ARGS, *where]) == 0
    assert [g["tool"] for g in told(capsys_cleared(capsys), "list", *where)] == ["word.replace_text"]
    assert main(["policy", "revoke", "1", *where]) == 0
    assert "asked about again" in capsys.readouterr().out
    assert told(capsys, "list", *where) == []


def capsys_cleared(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    capsys.readouterr()
    return capsys


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("explain",), 2, "Say which tool"),
        (("explain", "word.replace"), 1, "word.replace_text"),
        (("explain", "word.replace_text", "--args", "{"), 2, "JSON"),
        (("explain", "word.replace_text", "--args", "[]"), 2, "JSON object"),
        (("explain", "word.replace_text"), 2, "path"),
        (("allow", "word.replace_text", "--folder", "nowhere"), 2, "no folder nowhere"),
        (("revoke",), 2, "which grant"),
        (("revoke", "7"), 2, "no grant 7"),
    ],
)
def test_mistakes(
    office: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    assert main(["policy", *arguments, "--dir", str(office)]) == code
    assert says in capsys.readouterr().err


def test_a_place_outside_is_explained_as_a_denial(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = json.dumps({"path": "/etc/passwd", "find": "a", "replace": "b"})
    found = told(capsys, "explain", "word.replace_text", "--args", args, "--dir", str(office))
    assert (found["verdict"], found["rule"]) == ("deny", "outside-roots")
