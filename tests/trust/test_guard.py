"""The policy in force: the rules of the settings and "always allow" over the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import SettingsError
from copilot.settings import TrustSettings, parsed
from copilot.trust.grants import Grants
from copilot.trust.guard import Guard
from copilot.trust.labels import UNKNOWN, USER, Confidentiality, Integrity, Label
from copilot.trust.policy import Request

RESTRICTED = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED)


def guard(tmp_path: Path, *tools: dict[str, Any]) -> Guard:
    return Guard(TrustSettings.model_validate({"tools": tools}), tmp_path / "state", [tmp_path])


def write(tmp_path: Path, *names: str, **facts: Any) -> Request:
    paths = tuple(str(tmp_path / name) for name in names or ("a.docx",))
    return Request(**{"effect": "write", "label": UNKNOWN, "tool": "word.replace_text", "paths": paths, **facts})


@pytest.mark.parametrize(
    ("rule", "facts", "verdict"),
    [
        ({"tool": "word.*", "verdict": "allow"}, {}, "allow"),
        ({"tool": "word.*", "verdict": "deny"}, {}, "deny"),
        ({"tool": "word.*", "verdict": "deny"}, {"effect": "read"}, "deny"),
        ({"tool": "word.*", "verdict": "ask"}, {"effect": "read"}, "ask"),
        ({"tool": "excel.*", "verdict": "deny"}, {}, "ask"),
        ({"tool": "*", "verdict": "allow", "effect": "read"}, {}, "ask"),
        ({"tool": "*", "verdict": "allow", "label": "internal"}, {}, "allow"),
        ({"tool": "*", "verdict": "allow", "label": "internal"}, {"label": RESTRICTED}, "ask"),
        ({"tool": "*", "verdict": "deny", "label": "restricted"}, {}, "ask"),
        ({"tool": "*", "verdict": "deny", "label": "restricted"}, {"label": RESTRICTED}, "deny"),
        # what can't be opened
        ({"tool": "*", "verdict": "allow"}, {"effect": "delete"}, "ask"),
        ({"tool": "*", "verdict": "allow"}, {"effect": "move"}, "ask"),
        ({"tool": "*", "verdict": "allow"}, {"effect": "alter"}, "ask"),
        ({"tool": "*", "verdict": "allow"}, {"overwrites": True}, "ask"),
        ({"tool": "*", "verdict": "allow"}, {"effect": "send"}, "ask"),
        ({"tool": "*", "verdict": "allow"}, {"effect": "send", "label": USER}, "allow"),
        ({"tool": "*", "verdict": "allow"}, {"effect": "fetch"}, "deny"),
        ({"tool": "*", "verdict": "allow"}, {"inside_roots": False}, "deny"),
        ({"tool": "*", "verdict": "allow"}, {"mode": "read-only"}, "deny"),
        ({"tool": "*", "verdict": "ask"}, {"mode": "read-only"}, "deny"),
        ({"tool": "*", "verdict": "ask"}, {"mode": "yes"}, "ask"),
    ],
)
def test_rules_of_the_settings(tmp_path: Path, rule: dict[str, Any], facts: dict[str, Any], verdict: str) -> None:
    assert guard(tmp_path, rule).judge(write(tmp_path, **facts)).verdict == verdict


def test_a_folder_holds_for_all_files_to_allow_and_for_any_to_deny(tmp_path: Path) -> None:
    allow = guard(tmp_path, {"tool": "*", "verdict": "allow", "folder": "drafts"})
    deny = guard(tmp_path, {"tool": "*", "verdict": "deny", "folder": str(tmp_path / "drafts")})
    for names, expected in (
        (("drafts/a.docx",), ("allow", "deny")),
        (("drafts/a.docx", "b.docx"), ("ask", "deny")),
        (("drafts2/a.docx",), ("ask", "ask")),
    ):
        request = write(tmp_path, *names)
        assert (allow.judge(request).verdict, deny.judge(request).verdict) == expected
    assert allow.judge(replace(write(tmp_path), paths=())).verdict == "ask"


def test_deny_goes_before_ask_before_allow(tmp_path: Path) -> None:
    rules = [{"tool": "word.*", "verdict": "allow"}, {"tool": "word.replace_*", "verdict": "ask"}]
    assert guard(tmp_path, *rules).judge(write(tmp_path)).verdict == "ask"
    rules.append({"tool": "word.replace_text", "verdict": "deny"})
    assert guard(tmp_path, *rules).judge(write(tmp_path)).verdict == "deny"


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ([{"tool": "a.b", "verdict": "allow"}, {"tool": "a.b", "verdict": "deny"}], "both allow and deny"),
        ([{"tool": "a.b", "verdict": "ask"}, {"tool": "a.b", "verdict": "allow"}], "both ask and allow"),
        ([{"tool": "a.b", "verdict": "allow"}, {"tool": "a.*", "verdict": "deny"}], "never holds"),
        ([{"tool": "a.b", "verdict": "allow", "effect": "delete"}], "always asked"),
        ([{"tool": "", "verdict": "allow"}], "at least 1"),
        ([{"tool": "a.b", "verdict": "maybe"}], "allow"),
    ],
)
def test_contradictions_are_errors(tools: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        parsed({"trust": {"tools": tools}}, "copilot.toml")


@pytest.mark.parametrize("host", ["http://a.com", "a.com/x", "*", "*.a.com", "a", "a.*.com", ""])
def test_hosts_are_hosts(host: str) -> None:
    if host in ("*", "*.a.com"):
        assert parsed({"trust": {"hosts": [host]}}, "x").trust.hosts == [host]
    else:
        with pytest.raises(SettingsError, match="is no host"):
            parsed({"trust": {"hosts": [host]}}, "x")


def test_rules_of_a_folder_that_is_not_trusted_are_ignored(tmp_path: Path) -> None:
    from copilot import settings

    (tmp_path / "copilot.toml").write_text('[trust]\nmode = "auto"\n[[trust.tools]]\ntool = "*"\nverdict = "allow"\n')
    found = settings.load(tmp_path)
    assert (found.trust.mode, found.trust.tools) == ("ask", [])
    assert any("[trust] is ignored" in note for note in found.notes)
    settings.trust(tmp_path / "copilot.toml")
    assert settings.load(tmp_path).trust.mode == "auto"


def test_grants_are_listed_scoped_and_revoked(tmp_path: Path) -> None:
    made = guard(tmp_path)
    one = made.grants.allow("word.replace_text", str(tmp_path / "drafts"))
    assert made.grants.allow("word.replace_text", str(tmp_path / "drafts")) == one
    assert made.judge(write(tmp_path, "drafts/a.docx")).verdict == "allow"
    assert made.judge(write(tmp_path, "b.docx")).verdict == "ask"
    assert made.judge(write(tmp_path, "drafts/a.docx", tool="word.replace_texts")).verdict == "ask"
    assert made.judge(write(tmp_path, "drafts/a.docx", effect="delete")).verdict == "ask"
    assert made.judge(write(tmp_path, "drafts/a.docx", overwrites=True)).verdict == "ask"
    assert made.judge(write(tmp_path, "drafts/a.docx", effect="send")).verdict == "ask"
    assert guard(tmp_path).grants.all() == [one], "it is there for every other process"
    made.grants.revoke(one.number)
    assert made.judge(write(tmp_path, "drafts/a.docx")).verdict == "ask"
    with pytest.raises(SettingsError, match="no grant 7"):
        made.grants.revoke(7)


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"tool": "*"}]'])
def test_a_broken_list_of_grants_allows_nothing(tmp_path: Path, content: str) -> None:
    made = guard(tmp_path)
    file = tmp_path / "state" / "trust" / "grants.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    verdict = made.judge(write(tmp_path))
    assert (verdict.verdict, verdict.rule) == ("deny", "policy-error")
    with pytest.raises(SettingsError, match=r"grants\.json"):
        Grants(file).all()


@pytest.mark.parametrize("facts", [{"label": None}, {"effect": "x"}, {"mode": "x"}, {"paths": 3}, {"tool": None}])
def test_fails_closed(tmp_path: Path, facts: dict[str, Any]) -> None:
    made = guard(tmp_path, {"tool": "*", "verdict": "allow", "folder": "x"})
    assert made.judge(write(tmp_path, **facts)).verdict == "deny"


def test_an_explanation_ends_where_the_decision_was_made(tmp_path: Path) -> None:
    made = guard(tmp_path, {"tool": "excel.*", "verdict": "deny"})
    made.grants.allow("word.replace_text")
    verdict, steps = made.explain(write(tmp_path))
    assert verdict.rule == "grant 1"
    assert [(s.where, s.rule) for s in steps if s.applies] == [("table", "write"), ("grants", "grant 1")]
    assert steps[0].where == "trust.tools[0]"
    assert {row["where"] for row in made.table()} == {"trust.tools[0]", "table", "grants"}
