"""The policy: the whole table, and that everything unknown is a no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.trust.labels import UNKNOWN, USER, Confidentiality, Integrity, Label
from copilot.trust.policy import EFFECTS, MODES, RULES, Request, Rule, decide, judge
from tests.thinning import examples

ORDER = ("ask", "auto", "yes", "dry-run", "read-only")
TABLE = {
    # effect: in the modes of ORDER, on what documents had a part in and nobody typed
    "read": ("allow", "allow", "allow", "allow", "allow"),
    "write": ("ask", "ask", "allow", "deny", "deny"),
    "delete": ("ask", "ask", "allow", "deny", "deny"),
    "move": ("ask", "ask", "allow", "deny", "deny"),
    "send": ("ask", "ask", "ask", "deny", "deny"),
    "alter": ("ask", "ask", "ask", "deny", "deny"),
    "upload": ("deny", "deny", "deny", "deny", "deny"),
    "fetch": ("deny", "deny", "deny", "deny", "deny"),
    "remember": ("deny", "deny", "deny", "deny", "deny"),
    "run": ("ask", "ask", "ask", "deny", "deny"),
}
LABELS = st.builds(
    Label, st.sampled_from(Integrity), st.sampled_from(Confidentiality), st.just(()), st.none() | st.just(frozenset())
)
REQUESTS = st.builds(
    Request,
    st.sampled_from(sorted(EFFECTS)),
    LABELS,
    st.sampled_from(sorted(MODES)),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "link", "source", "again", "words"]),
    st.booleans(),
    st.sampled_from(["", "host", "private-host", "redirector", "unlisted-host"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}


@pytest.mark.parametrize("confidentiality", [Confidentiality.INTERNAL, Confidentiality.RESTRICTED])
@pytest.mark.parametrize("effect", sorted(TABLE))
def test_every_effect_in_every_mode(effect: str, confidentiality: Confidentiality) -> None:
    label = Label(Integrity.UNTRUSTED, confidentiality)
    assert tuple(decide(effect, label, mode).verdict for mode in ORDER) == TABLE[effect]


def test_the_table_above_is_whole() -> None:
    assert set(TABLE) == EFFECTS
    assert set(ORDER) == MODES


@settings(max_examples=examples(2000, 6))
@given(REQUESTS, LABELS)
def test_more_in_the_label_never_allows_more(request: Request, more: Label) -> None:
    stricter = replace(request, label=request.label | more)
    assert STRICTNESS[judge(stricter).verdict] >= STRICTNESS[judge(request).verdict]


@settings(max_examples=examples(2000, 6))
@given(REQUESTS)
def test_what_must_not_be_is_not_in_any_mode(request: Request) -> None:
    verdict = judge(request)
    leaves = request.effect in ("send", "upload", "alter")
    if request.effect in ("write", "delete", "move") and not request.inside_roots:
        assert verdict.verdict == "deny"
    if (leaves or request.effect == "fetch") and not request.declared:
        assert verdict.verdict == "deny"
    if request.effect in ("fetch", "upload", "send") and request.host:
        assert verdict.verdict == "deny"
    if leaves and request.label.confidentiality is Confidentiality.RESTRICTED and request.outsider:
        assert verdict.verdict == "deny"
    if leaves and not (request.endorsed and request.mode in ("auto", "yes")):
        assert verdict.verdict != "allow"
    if request.effect in ("fetch", "upload") and request.label.tainted and not (request.cleared or request.own):
        assert verdict.verdict == "deny" or request.label.confidentiality is Confidentiality.PUBLIC
    if request.effect == "fetch" and (request.combined or (request.label.tainted and not request.own)):
        assert verdict.verdict != "allow" or request.label.confidentiality is Confidentiality.PUBLIC
    if request.effect in ("delete", "move") and request.mode != "yes":
        assert verdict.verdict != "allow"
    if verdict.grantable:
        assert verdict.verdict == "ask"
        assert not (leaves and request.label.tainted)
        assert request.effect not in ("delete", "move", "alter")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"endorsed": True, "verbatim": True}, ("allow", "write-as-typed")),
        ({"endorsed": True, "creates": True}, ("allow", "write-new")),
        ({"endorsed": True}, ("ask", "write-tainted")),
        ({"verbatim": True, "creates": True}, ("ask", "write-tainted")),
        ({"endorsed": True, "creates": True, "unasked": "link"}, ("ask", "write-link")),
        ({"endorsed": True, "verbatim": True, "overwrites": True}, ("ask", "overwrite")),
        ({"label": USER}, ("allow", "write-untainted")),
        ({"effect": "send", "endorsed": True}, ("allow", "send-as-typed")),
        ({"effect": "send", "endorsed": True, "unasked": "source"}, ("ask", "send-source")),
        ({"effect": "send", "endorsed": True, "unasked": "again"}, ("ask", "send-again")),
        ({"effect": "send", "endorsed": True, "unasked": "words"}, ("ask", "send-unasked")),
        ({"effect": "send", "endorsed": True, "unasked": "link"}, ("ask", "send-link")),
        ({"effect": "send", "endorsed": True, "outsider": True}, ("ask", "send-to-outsider")),
        ({"effect": "send", "label": USER}, ("ask", "send")),
        ({"effect": "alter", "endorsed": True, "verbatim": True, "label": USER}, ("ask", "alter")),
        ({"effect": "fetch", "label": USER}, ("allow", "fetch")),
        ({"effect": "fetch", "cleared": True}, ("ask", "fetch-cleared")),
        ({"effect": "fetch", "cleared": True, "host": "unlisted-host"}, ("deny", "unlisted-host")),
        ({"effect": "fetch", "own": True}, ("allow", "fetch")),
        ({"effect": "fetch", "label": USER, "combined": True}, ("ask", "combined")),
        ({"effect": "alter", "label": USER, "combined": True}, ("ask", "combined-send")),
        ({"effect": "upload", "label": USER, "endorsed": True}, ("allow", "send-as-typed")),
        ({"effect": "remember", "label": USER}, ("allow", "remember")),
    ],
)
def test_what_auto_decides(facts: dict[str, Any], expected: tuple[str, str]) -> None:
    verdict = judge(Request(**{"effect": "write", "label": UNKNOWN, "mode": "auto", **facts}))
    assert (verdict.verdict, verdict.rule) == expected


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
