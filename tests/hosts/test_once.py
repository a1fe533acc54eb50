"""One answer and its exit code, without starting a process for each case."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from copilot.agent.events import Delta, Event, Final, Switched
from copilot.cli import _parser, exit_code_of
from copilot.errors import ApprovalError, DocumentError, EverpilotError, NoModelError, SettingsError
from copilot.hosts.once import again, decoded, exit_code, show
from copilot.hosts.output import as_json

CARD = {"items": [], "why": "It changes a file.", "id": "i", "thread": "t", "digest": "d"}


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({}, 0),
        ({"error": {"code": "conflict", "message": "m"}}, 1),
        ({"error": {"code": "unexpected", "message": "m"}}, 1),
        ({"approvals": [CARD]}, 3),
        ({"error": {"code": "no_model", "message": "m"}}, 4),
        ({"error": {"code": "asked", "message": "m"}, "menu": [{"tool": "word.read", "args": {}}]}, 4),
    ],
)
def test_exit_codes(end: dict[str, Any], code: int) -> None:
    assert exit_code(Final("text", "t", **end)) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("m"), 2),
        (EverpilotError("m", code="usage"), 2),
        (ApprovalError("m", code="calls"), 2),
        (ApprovalError("m", code="stale"), 1),
        (DocumentError("m", code="missing"), 1),
        (NoModelError("m"), 4),
    ],
)
def test_exit_codes_of_errors(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (b"", ""),
        ("Résumé".encode(), "Résumé"),
        ("\ufeffRésumé".encode(), "Résumé"),
        ("Résumé".encode("utf-16"), "Résumé"),
        (b"caf\xe9", "caf\ufffd"),
    ],
)
def test_what_is_piped_in_is_read_in_any_encoding(given: bytes, text: str) -> None:
    assert decoded(given) == text


@pytest.mark.parametrize("given", [b"PK\x03\x04\0\0", b"\x89PNG\r\n\x1a\n\0\0", b"text\0"])
def test_what_is_no_text_is_refused(given: bytes) -> None:
    with pytest.raises(EverpilotError, match="Name the file") as refused:
        decoded(given)
    assert exit_code_of(refused.value) == 2


def test_text_goes_to_stdout_and_remarks_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = [
        Delta("m", "half"),
        Switched("a", "b", "Anthropic: \x1b[2Joverloaded"),
        Final("The **answer**.", "t", served_by="b"),
    ]
    assert show(iter(events), "text") == 0
    told = capsys.readouterr()
    assert told.out == "The **answer**.\n"
    assert told.err == "everpilot: Anthropic: overloaded, continued on b\n"
    assert show(iter([Final("", "t", error={"code": "limit", "message": "Stopped\nhere."})]), "text") == 1
    assert capsys.readouterr() == ("", "everpilot: Stopped here.\n")


def test_stream_json_has_every_event_and_json_the_last_alone(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = [Delta("m", "日本"), Final("日本", "t")]
    assert show(iter(events), "stream-json") == 0
    assert [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()] == ["delta", "final"]
    assert show(iter(events), "json") == 0
    assert "type" not in json.loads(capsys.readouterr().out)


def test_how_an_approval_is_answered_names_what_the_thread_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = _parser().parse_args(["-p", "x", "--mcp-config", "my servers.json", "--mcp-config", "b.json"])
    card = {**CARD, "items": [], "created": "", "expires": ""}
    assert show(iter([Final("", "t", approvals=[card])]), "text", again(parsed)) == 3
    told = capsys.readouterr().out
    assert "approve t --mcp-config 'my servers.json' --mcp-config b.json\n" in told
    assert "approve t --mcp-config 'my servers.json' --mcp-config b.json --reject\n" in told
    assert again(_parser().parse_args(["-p", "x"])) == ""


def test_a_turn_without_an_end_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(iter([]), "text") == 1
    assert "without an answer" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize("text", ["“quoted” 日本 🎉", "half of a pair: \ud83c"])
def test_json_survives_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str, text: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    as_json({"text": text})
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == {"text": text}
