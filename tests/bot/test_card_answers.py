"""Clicks on approval cards: who, where, when, once; and what arrives is whatever a stranger likes to send."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.errors import ApprovalError
from copilot.hosts.bot import card_answers
from copilot.hosts.bot.card_answers import Asked, CardAnswer, check, outcome, parse, typed
from copilot.hosts.bot.cards import CONTENT_TYPE, VERB, Settled, approval
from copilot.hosts.bot.channels import PROFILES
from copilot.trust.approvals import Card, Item

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CARD = Card.of(
    "t1-0", "t1", [Item(f"c{n}", "word.edit", {}, "write", "Edit", f"{n}.docx", digest="d") for n in (1, 2)], "", NOW
).to_dict()
ASKED = Asked(
    CARD,
    frozenset({"29:ann", "oid-ann"}),
    "19:chat",
    NOW + timedelta(hours=1),
    "tenant-1",
    frozenset({"boss@example.com"}),
    ("Ann",),
)
DATA = {"everpilot": VERB, "do": "approve", "card": "t1-0", "digest": CARD["digest"], "page": 0}


def click(data: dict[str, Any] | None = None, *, invoke: bool = True, **more: Any) -> dict[str, Any]:
    """Return the activity of a click, as Teams sends it."""
    data = {**DATA, **(data or {})}
    activity: dict[str, Any] = {
        "from": {"id": "29:Ann", "aadObjectId": "OID-ann", "name": "Ann\u202e\n"},
        "conversation": {"id": "19:chat;messageid=17", "tenantId": "tenant-1"},
        "channelData": {"tenant": {"id": "tenant-1"}},
        "replyToId": "a1",
    }
    value = {"action": {"type": "Action.Execute", "verb": VERB, "data": data}, "trigger": "manual"} if invoke else data
    kind = {"type": "invoke", "name": "adaptiveCard/action"} if invoke else {"type": "message"}
    return {**activity, **kind, "value": value, **more}


def read(activity: dict[str, Any], addresses: frozenset[str] = frozenset()) -> CardAnswer:
    answer = parse(activity, addresses)
    assert answer is not None
    return answer


@pytest.mark.parametrize("invoke", [True, False])
def test_an_answer_is_read_from_both_kinds_of_buttons(invoke: bool) -> None:
    answer = read(click({"note": "  yes\u202e  ", "step2": "true", "step1": "false"}, invoke=invoke))
    assert (answer.card, answer.decision, answer.steps, answer.note) == ("t1-0", "approve", (2,), "yes")
    assert answer.by.ids == {"29:ann", "oid-ann"}
    assert (answer.by.conversation, answer.by.name) == ("19:chat", "Ann ")
    assert answer.invoke == invoke


OTHER = {"id": "29:eve", "aadObjectId": "oid-eve", "name": "Ann"}


@pytest.mark.parametrize(
    ("activity", "asked", "now", "do", "approved"),
    [
        (click(), ASKED, NOW, "act", ("c1", "c2")),
        (click({"do": "decline"}), ASKED, NOW, "act", ()),
        (click({"do": "choose", "step2": "true"}), ASKED, NOW, "act", ("c2",)),
        (click({"do": "choose"}), ASKED, NOW, "refuse", None),
        (click({"do": "choose", "step3": "true"}), ASKED, NOW, "refuse", None),
        (click({"do": "look"}), ASKED, NOW, "page", None),
        (click({"do": "open"}), ASKED, NOW, "page", None),
        (click({"do": "page", "page": 3}), ASKED, NOW, "page", None),
        (click({"do": "whole"}), ASKED, NOW, "whole", None),
        (click({"do": "whole", "digest": "0" * 64}), ASKED, NOW, "show", None),
        # not by others, also if they bear the name, and not elsewhere
        (click(**{"from": OTHER}), ASKED, NOW, "refuse", None),
        (click(**{"from": {}}), ASKED, NOW, "refuse", None),
        (click({"do": "open"}, **{"from": OTHER}), ASKED, NOW, "refuse", None),
        (click({"do": "whole"}, **{"from": OTHER}), ASKED, NOW, "refuse", None),
        (click(conversation={"id": "19:other", "tenantId": "tenant-1"}), ASKED, NOW, "refuse", None),
        (click(conversation={"id": "19:chat", "tenantId": "tenant-2"}), ASKED, NOW, "refuse", None),
        (click(conversation={}), replace(ASKED, conversation=""), NOW, "refuse", None),
        # not after its time, not twice, not another card or another content
        (click(), ASKED, NOW + timedelta(hours=1), "show", None),
        (click(), replace(ASKED, settled=Settled("approved", "Ann", NOW)), NOW, "show", None),
        (click({"do": "decline"}), replace(ASKED, settled=Settled("working", "Ann", NOW)), NOW, "show", None),
        (click({"digest": "0" * 64}), ASKED, NOW, "show", None),
        (click({"card": "t1-1"}), ASKED, NOW, "show", None),
        # not before all pages could be seen; declining is possible at once
        (click(), replace(ASKED, pages=3), NOW, "page", None),
        (click({"page": 2}), replace(ASKED, pages=3), NOW, "act", ("c1", "c2")),
        (click({"do": "decline"}), replace(ASKED, pages=3), NOW, "act", ()),
    ],
)
def test_what_counts(
    activity: dict[str, Any], asked: Asked, now: datetime, do: str, approved: tuple[str, ...] | None
) -> None:
    verdict = check(read(activity), asked, now)
    assert verdict.do == do
    assert (verdict.answer.approved if verdict.answer else None) == approved
    assert bool(verdict.text) >= (do == "refuse")
    if verdict.answer:
        assert (verdict.answer.card_id, verdict.answer.card_digest) == ("t1-0", CARD["digest"])


def test_a_client_that_looks_by_itself_is_shown_what_its_person_may_see() -> None:
    mine, theirs = (check(read(click({"do": "look"}, **more)), ASKED, NOW) for more in ({}, {"from": OTHER}))
    assert (mine.do, mine.may) == ("page", True)
    assert (theirs.do, theirs.may) == ("show", False)
    elsewhere = click({"do": "look"}, conversation={"id": "19:other", "tenantId": "tenant-1"})
    assert check(read(elsewhere), ASKED, NOW).do == "refuse"


def test_a_view_leads_to_nothing_and_an_answer_or_an_expired_card_does() -> None:
    for do, leads in {"look": False, "open": False, "page": False, "choose": False, "approve": True}.items():
        assert check(read(click({"do": do})), ASKED, NOW).leads_on == leads
    assert check(read(click({"do": "look"})), ASKED, NOW + timedelta(hours=1)).leads_on
    assert not check(read(click({"do": "look"}, **{"from": OTHER})), ASKED, NOW + timedelta(hours=1)).leads_on
    # Somebody sees buttons on a card that is answered: its edit did not arrive.
    assert check(read(click()), replace(ASKED, settled=Settled("approved", "Ann", NOW)), NOW).leads_on


def test_an_approver_is_known_by_an_address_from_elsewhere_only() -> None:
    other = click(**{"from": {**OTHER, "name": "boss@example.com", "email": "boss@example.com"}})
    assert check(read(other), ASKED, NOW).do == "refuse"
    assert check(read(other, frozenset({"Boss@Example.com"})), ASKED, NOW).do == "act"


def test_an_expired_card_is_told_apart() -> None:
    verdict = check(read(click()), ASKED, NOW + timedelta(days=1))
    assert verdict.expired
    assert not check(read(click()), replace(ASKED, settled=Settled("declined")), NOW).expired


def test_the_buttons_of_a_card_are_answers_to_it() -> None:
    card = approval(CARD, PROFILES[("msteams", "personal")])
    for action in card["body"][-1]["actions"]:
        verdict = check(read(click(action["data"])), ASKED, NOW)
        assert (verdict.do, action["data"]["do"]) in {("act", "approve"), ("act", "decline"), ("refuse", "choose")}


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        (f"approve {CARD['digest'][:8]}", "approve"),
        (f" Decline  {CARD['digest'][:8].upper()}. ", "decline"),
        ("approve 00000000", None),
        (f"please approve {CARD['digest'][:8]}", None),
        ("approve", None),
        (None, None),
    ],
)
def test_a_typed_answer(text: Any, decision: str | None) -> None:
    answer = typed({**click(), "type": "message", "text": text}, CARD)
    assert (answer.decision if answer else None) == decision
    if answer:
        assert check(answer, replace(ASKED, pages=9), NOW).do == "act"


@pytest.mark.parametrize(
    "activity",
    [
        {},
        {"type": "message", "text": "hello"},
        {"type": "message", "value": {"x": 1}},
        {"type": "message", "value": "text"},
        {"type": "invoke", "name": "adaptiveCard/action", "value": None},
        {"type": "invoke", "name": "adaptiveCard/action", "value": {"action": {"verb": "other", "data": {}}}},
        {"type": "invoke", "name": "task/fetch", "value": {"action": {"verb": VERB, "data": DATA}}},
        {"type": "event", "value": DATA},
    ],
)
def test_what_is_no_answer(activity: dict[str, Any]) -> None:
    assert parse(activity) is None


@pytest.mark.parametrize(
    "data",
    [
        {"do": "destroy"},
        {"do": ["approve"]},
        {"card": None},
        {"card": "x" * 2000},
        {"digest": 7},
        {"digest": ""},
        {"page": "0"},
        {"page": True},
        {"page": None},
    ],
)
def test_what_has_our_mark_and_is_broken_is_refused(data: dict[str, Any]) -> None:
    for invoke in (True, False):
        with pytest.raises(ApprovalError, match="could not be read"):
            parse(click(data, invoke=invoke))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda c: st.lists(c, max_size=3), max_leaves=5
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from([*DATA, "note", "step1"]), JSON), JSON, JSON, JSON)
def test_nothing_that_arrives_breaks_it(data: dict[str, Any], sender: Any, conversation: Any, channel: Any) -> None:
    activity = click(data, **{"from": sender, "conversation": conversation, "channelData": channel})
    try:
        answer = parse(activity)
    except ApprovalError:
        return
    assert answer is not None
    assert check(answer, ASKED, NOW).do == "refuse"


def test_the_bodies_are_as_documented() -> None:
    assert card_answers.with_card({"type": "AdaptiveCard"}) == {
        "statusCode": 200,
        "type": CONTENT_TYPE,
        "value": {"type": "AdaptiveCard"},
    }
    assert card_answers.with_text("x")["type"] == "application/vnd.microsoft.activity.message"
    assert card_answers.with_error("x") == {
        "statusCode": 400,
        "type": "application/vnd.microsoft.error",
        "value": {"code": "BadRequest", "message": "x"},
    }


def test_a_card_expires_by_the_first_of_two_clocks() -> None:
    assert card_answers.expires_at(CARD, 60) == NOW + timedelta(hours=1)
    assert card_answers.expires_at(CARD, 10**6) == NOW + timedelta(days=7)


def test_what_an_answer_makes_of_the_card() -> None:
    by = read(click()).by
    part = check(read(click({"do": "choose", "step2": "true"})), ASKED, NOW).answer
    none = check(read(click({"do": "decline"})), ASKED, NOW).answer
    every = check(read(click()), ASKED, NOW).answer
    assert part
    assert none
    assert every
    assert outcome(part, ASKED, by, NOW) == Settled("approved", "Ann ", NOW, (2,))
    assert outcome(none, ASKED, by, NOW, done=False).status == "declined"
    assert outcome(every, ASKED, by, NOW, done=False) == Settled("working", "Ann ", NOW)
