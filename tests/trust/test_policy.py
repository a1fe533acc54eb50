"""The policy: the whole table, and that everything unknown is a no."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.trust.labels import UNKNOWN, USER, Confidentiality, Integrity, Label
from copilot.trust.policy import EFFECTS, MODES, RULES, Rule, decide

TABLE = {
    # effect: (ask, yes, dry-run, read-only)
    "read": ("allow", "allow", "allow", "allow"),
    "write": ("ask", "allow", "deny", "deny"),
    "delete": ("ask", "allow", "deny", "deny"),
    "send": ("ask", "ask", "deny", "deny"),
}


@pytest.mark.parametrize("label", [USER, UNKNOWN, Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED)])
@pytest.mark.parametrize("effect", sorted(TABLE))
def test_every_effect_in_every_mode(effect: str, label: Label) -> None:
    found = tuple(decide(effect, label, mode).verdict for mode in ("ask", "yes", "dry-run", "read-only"))
    assert found == TABLE[effect]


def test_the_table_above_is_whole() -> None:
    assert set(TABLE) == EFFECTS
    assert len(MODES) == 4


def test_replacing_a_file_is_asked_with_its_own_reason() -> None:
    verdict = decide("write", USER, "ask", overwrites=True)
    assert (verdict.verdict, verdict.rule) == ("ask", "overwrite")
    assert "replaces" in verdict.why


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("effect", ["write", "delete"])
def test_nothing_is_written_outside_the_roots(effect: str, mode: str) -> None:
    verdict = decide(effect, USER, mode, inside_roots=False)
    assert (verdict.verdict, verdict.rule) == ("deny", "outside-roots")


def test_documents_had_a_part_in_what_is_sent() -> None:
    assert decide("send", UNKNOWN, "yes").rule == "send-tainted"
    assert decide("send", USER, "yes").rule == "send"


@pytest.mark.parametrize(
    ("effect", "label", "mode", "rule"),
    [
        ("execute", USER, "yes", "unknown-effect"),
        ("", USER, "yes", "unknown-effect"),
        ("WRITE", USER, "yes", "unknown-effect"),
        ("write", USER, "always", "unknown-mode"),
        ("read", USER, "", "unknown-mode"),
        ("send", None, "yes", "no-label"),
        ("read", {"integrity": "user"}, "yes", "no-label"),
        ([], USER, "yes", "policy-error"),
        ("write", USER, {}, "policy-error"),
    ],
)
def test_fails_closed(effect: Any, label: Any, mode: Any, rule: str) -> None:
    verdict = decide(effect, label, mode)
    assert (verdict.verdict, verdict.rule) == ("deny", rule)
    assert verdict.why


@pytest.mark.parametrize("effect", sorted(EFFECTS))
@pytest.mark.parametrize("mode", sorted(MODES))
def test_without_a_rule_nothing_is_allowed(effect: str, mode: str) -> None:
    assert decide(effect, USER, mode, rules=()).verdict == "deny"


@pytest.mark.parametrize("label", [None, "user", 3])
@pytest.mark.parametrize("effect", sorted(EFFECTS))
def test_no_label_is_a_denial(effect: str, label: Any) -> None:
    assert decide(effect, label, "yes").verdict == "deny"


def test_rules_have_names_and_reasons() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.why.endswith(".") for rule in RULES)


def test_a_rule_can_look_at_confidentiality() -> None:
    rule = Rule("secret", "deny", "Restricted.", at_least=Confidentiality.RESTRICTED)
    secret = Label(confidentiality=Confidentiality.RESTRICTED)
    assert decide("read", secret, rules=[rule, *RULES]).verdict == "deny"
    assert decide("read", UNKNOWN, rules=[rule, *RULES]).verdict == "allow"
