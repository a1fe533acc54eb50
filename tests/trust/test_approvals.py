"""Approvals: bound to what was shown, JSON all the way, void after any change."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.errors import ApprovalError
from copilot.trust.approvals import Answer, Card, Item, check
from tests.thinning import examples

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LABEL = {"integrity": "untrusted", "confidentiality": "internal", "sources": ["a.docx"]}


def item(call_id: str = "c1", **more: Any) -> Item:
    hunk = {"where": "paragraph 1", "before": "Acme", "after": "Contoso", "kind": "text"}
    given = {
        "tool": "word.replace_text",
        "args": {"path": "a.docx", "find": "Acme", "all": True, "count": 1},
        "effect": "write",
        "summary": "Replace Acme",
        "path": "a.docx",
        "hunks": [hunk],
        "warnings": ["in a field"],
        "digest": "ab" * 32,
        "label": LABEL,
    }
    return Item(call_id, **{**given, **more})


def card(*items: Item, now: datetime = NOW) -> Card:
    return Card.of("t1-c1", "t1", items or (item(), item("c2")), "It changes a file.", now)


def test_survives_json() -> None:
    asked = card()
    again = Card.from_dict(json.loads(json.dumps(asked.to_dict())))
    assert again.digest == asked.digest
    assert again == asked
    answer = Answer.from_dict(json.loads(json.dumps(Answer.all_of(asked, "go").to_dict())))
    check(again, answer, NOW)
    assert answer == Answer(asked.digest, ("c1", "c2"), "go", asked.id)


def test_the_same_plan_staged_again_later_is_the_same() -> None:
    check(card(now=NOW + timedelta(days=3)), Answer.all_of(card()), NOW + timedelta(days=3))


def test_nothing_approved_is_an_answer_too() -> None:
    answer = Answer.none_of(card(), "not today")
    check(card(), answer, NOW)
    assert answer.approved == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"tool": "word.delete"},
        {"args": {"path": "a.docx", "find": "Acme", "all": 1, "count": 1}},
        {"args": {"path": "a.docx", "find": "Acme", "all": True, "count": 1.0}},
        {"effect": "delete"},
        {"path": "b.docx"},
        {"digest": "cd" * 32},
        {"label": {**LABEL, "confidentiality": "public"}},
        {"hunks": []},
        {"warnings": []},
        {"summary": "Replace Acme "},
        {"call_id": "c9"},
    ],
)
def test_any_change_voids(changed: dict[str, Any]) -> None:
    answer = Answer.all_of(card())
    with pytest.raises(ApprovalError, match="changed since it was shown") as caught:
        check(card(replace(item(), **changed), item("c2")), answer, NOW)
    assert caught.value.code == "stale"


def test_another_thread_or_order_or_number_of_calls_voids() -> None:
    answer = Answer.all_of(card())
    for other in (
        replace(card(), thread="t2"),
        card(item("c2"), item()),
        card(item()),
        card(item(), item("c2"), item("c3")),
    ):
        with pytest.raises(ApprovalError):
            check(other, answer, NOW)


@pytest.mark.parametrize(
    ("later", "fine"),
    [
        (timedelta(days=7) - timedelta(seconds=1), True),
        (timedelta(days=7), False),
        (timedelta(days=400), False),
    ],
)
def test_expires(later: timedelta, fine: bool) -> None:
    now = (NOW + later).astimezone(timezone(timedelta(hours=9)))
    if fine:
        check(card(), Answer.all_of(card()), now)
    else:
        with pytest.raises(ApprovalError, match="expired"):
            check(card(), Answer.all_of(card()), now)


@pytest.mark.parametrize("expires", ["", "never", "2099-01-01T00:00:00"])
def test_a_card_without_a_valid_time_approves_nothing(expires: str) -> None:
    with pytest.raises(ApprovalError):
        check(replace(card(), expires=expires), Answer.all_of(card()), NOW)


def test_only_what_was_asked_can_be_approved() -> None:
    with pytest.raises(ApprovalError, match="c7"):
        check(card(), replace(Answer.all_of(card()), approved=("c1", "c7")), NOW)


@pytest.mark.parametrize(
    "data",
    [{}, {"items": 3}, {**card().to_dict(), "items": [{"call_id": "c1"}]}, {**card().to_dict(), "thread": "t2"}],
)
def test_no_card(data: dict[str, Any]) -> None:
    with pytest.raises(ApprovalError):
        Card.from_dict(data)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"card_digest": "x"},
        {"card_digest": "x", "approved": "c1"},
        {"card_digest": "x", "approved": [1]},
        {"card_digest": 1, "approved": []},
        {"card_digest": "x", "approved": None},
    ],
)
def test_no_answer(data: dict[str, Any]) -> None:
    with pytest.raises(ApprovalError):
        Answer.from_dict(data)


def test_an_answer_is_to_one_card_only() -> None:
    """The same plan that is asked about again, after an answer was used, is another card."""
    with pytest.raises(ApprovalError, match="changed since"):
        check(replace(card(), id="t1-c1-1"), Answer.all_of(card()), NOW)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=70) | st.lists(st.text(max_size=3), max_size=3)


@settings(max_examples=examples(1000), deadline=None)
@given(st.sampled_from(["card_digest", "card_id", "approved", "always", "message"]), VALUES)
def test_of_a_thousand_mutated_answers_none_approves_more(name: str, value: Any) -> None:
    """A mutated answer is refused, or approves no more than the one that was given."""
    given = Answer.none_of(card()).to_dict()
    try:
        answer = Answer.from_dict({**given, name: value})
        check(card(), answer, NOW)
    except ApprovalError:
        return
    assert answer.approved == ()
    assert (answer.card_digest, answer.card_id) == (given["card_digest"], given["card_id"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), JSON, st.data())
def test_any_mutation_of_the_arguments_voids(args: dict[str, Any], value: Any, data: st.DataObject) -> None:
    asked = card(item(args=args))
    changed = copy.deepcopy(args)
    name = data.draw(st.sampled_from(sorted(args)) if args else st.just("new"))
    changed[name] = value
    same = json.dumps(changed, sort_keys=True) == json.dumps(args, sort_keys=True)
    assert (card(item(args=changed)).digest == asked.digest) is same


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_the_order_of_arguments_does_not_matter(args: dict[str, Any]) -> None:
    turned = dict(reversed(list(args.items())))
    assert card(item(args=turned)).digest == card(item(args=args)).digest


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_mutation_of_a_stored_card_is_noticed(data: st.DataObject) -> None:
    stored = card().to_dict()
    places = [(key, i) for i, one in enumerate(stored["items"]) for key, v in one.items() if isinstance(v, str)]
    key, i = data.draw(st.sampled_from(places))
    stored["items"][i][key] += data.draw(st.text(min_size=1, max_size=3))
    with pytest.raises(ApprovalError):
        Card.from_dict(stored)
