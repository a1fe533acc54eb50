"""Clicks on approval cards: read, checked, and answered as the protocol has it.

An answer counts from the person who was asked, or from an approver, in the conversation and tenant where it was asked,
while the card is open and is what they saw, and once. Any other click changes nothing: it gets the card as it stands
now, or a sentence that says why. Everything here is pure; who stores `Asked` takes care that one answer settles it.

Sources: Universal actions for Adaptive Cards, `adaptiveCard/action` (request, response and status codes); a fallback
Action.Submit arrives as a message whose `value` is the button's data.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from copilot.errors import ApprovalError
from copilot.hosts.bot.cards import CONTENT_TYPE, MOST_NOTE, VERB, Settled, steps_of
from copilot.hosts.bot.diff_table import Element
from copilot.hosts.bot.words import WORDS, Words
from copilot.trust.approvals import Answer
from copilot.trust.sanitise import safe_text

INVOKE = "adaptiveCard/action"
MESSAGE = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"

#: "open" asks for the buttons, "look" is what a client asks by itself (Universal actions, Refresh).
Decision = Literal["approve", "choose", "decline", "page", "whole", "open", "look"]
_DECISIONS: tuple[Decision, ...] = ("approve", "choose", "decline", "page", "whole", "open", "look")
_TYPED = re.compile(r"\s*(approve|decline)\s+([0-9a-f]{8})\s*[.!]?\s*", re.IGNORECASE)
_MOST_ID = 1_000
_MOST_STEPS = 100


@dataclass(frozen=True)
class Clicker:
    """Who answers, as the channel says: `ids` are their channel id, object id and addresses, where they did it.

    `named` are those that settings may name an approver by (None: all of them); ids and addresses are compared in
    lower case. None of it is taken from the text of a message.
    """

    ids: frozenset[str]
    conversation: str
    tenant: str = ""
    name: str = ""
    named: frozenset[str] | None = None

    @classmethod
    def of(cls, activity: Mapping[str, Any], addresses: frozenset[str] = frozenset()) -> Clicker:
        """Return who sent an activity; `addresses` are those that are known of them from elsewhere (a sign-in)."""
        sender, conversation = _map(activity.get("from")), _map(activity.get("conversation"))
        data = _map(activity.get("channelData"))
        tenant = conversation.get("tenantId") or _map(data.get("tenant")).get("id") or ""
        ids = {_text(sender.get(key)) for key in ("id", "aadObjectId")} | set(addresses)
        return cls(
            frozenset(each.lower() for each in ids if each),
            # In channels the id ends in ";messageid=…", which names the thread of a message, not another conversation.
            _text(conversation.get("id")).partition(";messageid=")[0],
            _text(tenant).lower(),
            safe_text(_text(sender.get("name")))[:80],
        )


@dataclass(frozen=True)
class CardAnswer:
    """A click on a card: which, with which digest, what was chosen (`steps` by number), by whom, and their words."""

    card: str
    digest: str
    decision: Decision
    by: Clicker
    steps: tuple[int, ...] = ()
    page: int = 0
    note: str = ""
    invoke: bool = False


@dataclass(frozen=True)
class Asked:
    """An approval as it stands: the card, who may answer it where until when, and what came of it (None: open).

    `askers` and `approvers` are ids as in `Clicker`, `names` theirs as people read them. An approver may answer from
    the same conversation only, as everybody else: the card is nowhere else.
    """

    card: Mapping[str, Any]
    askers: frozenset[str]
    conversation: str
    expires: datetime
    tenant: str = ""
    approvers: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    pages: int = 1
    settled: Settled | None = None


@dataclass(frozen=True)
class Verdict:
    """What to do about a click.

    `do`: "act" (take `answer` to the turn that waits), "page" (show the page `page`), "whole" (hand over the whole
    change, and show the page `page`), "show" (show the card as it stands; nothing else happens), "refuse" (say `text`
    to the one who clicked; nothing else happens). `expired` tells that an open card is over now, `may` whether who
    clicked may answer it.
    """

    do: Literal["act", "page", "whole", "show", "refuse"]
    answer: Answer | None = None
    text: str = ""
    page: int = 0
    expired: bool = False
    may: bool = True

    @property
    def leads_on(self) -> bool:
        """Whether anything is to be done about it, besides showing something to the one who clicked.

        A card that can be clicked though it is over is one whose last edit did not arrive: all are shown how it stands.
        """
        return self.do in ("act", "whole") or (self.do == "show" and self.may)


def parse(activity: Mapping[str, Any], addresses: frozenset[str] = frozenset()) -> CardAnswer | None:
    """Return the click that an activity is, executed or submitted; None if it is none on a card of ours.

    Raises ApprovalError for one that has our mark and can't be read.
    """
    data = _data(activity)
    if data is None:
        return None
    decision = next((known for known in _DECISIONS if known == data.get("do")), None)
    card, digest, page = _text(data.get("card")), _text(data.get("digest")), data.get("page")
    if decision is None or not card or not digest or type(page) is not int or len(card + digest) > _MOST_ID:
        raise ApprovalError("The answer to the card could not be read.", hint="Ask again.", code="answer")
    chosen = (n for n in range(1, _MOST_STEPS + 1) if str(data.get(f"step{n}", "")).lower() == "true")
    note = data.get("note")
    return CardAnswer(
        card,
        digest,
        decision,
        Clicker.of(activity, addresses),
        tuple(chosen),
        page,
        safe_text(note, lines=True)[:MOST_NOTE].strip() if isinstance(note, str) else "",
        activity.get("type") == "invoke",
    )


def typed(
    activity: Mapping[str, Any], card: Mapping[str, Any], addresses: frozenset[str] = frozenset()
) -> CardAnswer | None:
    """Return the answer that a person typed to `card` ("approve 1a2b3c4d"), None if the message is none."""
    found = _TYPED.fullmatch(_text(activity.get("text"))[:200])
    if found is None or found[2].lower() != str(card["digest"])[:8]:
        return None
    decision: Decision = "approve" if found[1].lower() == "approve" else "decline"
    return CardAnswer(card["id"], card["digest"], decision, Clicker.of(activity, addresses), page=_LAST)


_LAST = 1_000_000


def check(answer: CardAnswer, asked: Asked, now: datetime, words: Words = WORDS) -> Verdict:
    """Return what to do about a click, at the time `now`. The strictest reason comes first."""
    if not _here(answer.by, asked):
        return Verdict("refuse", text=words.elsewhere)
    by = answer.by
    if not (by.ids & asked.askers or (by.ids if by.named is None else by.named) & asked.approvers):
        if answer.decision == "look":
            return Verdict("show", may=False)
        names = words.either.join(safe_text(name)[:80] for name in asked.names) or "…"
        return Verdict("refuse", text=words.not_you.format(names=names))
    if asked.settled is not None:
        return Verdict("show")
    if now >= asked.expires:
        return Verdict("show", expired=True)
    if answer.decision in ("look", "open"):
        return Verdict("page", page=answer.page)
    if not _same(answer.card, str(asked.card["id"])) or not _same(answer.digest, str(asked.card["digest"])):
        return Verdict("show")
    if answer.decision == "page":
        return Verdict("page", page=answer.page)
    if answer.decision == "whole":
        return Verdict("whole", page=asked.pages - 1)
    return _decided(answer, asked, words)


def _decided(answer: CardAnswer, asked: Asked, words: Words) -> Verdict:
    calls = list(steps_of(asked.card))
    approved: tuple[str, ...] = ()
    if answer.decision != "decline":
        if answer.page < asked.pages - 1:
            return Verdict("page", page=answer.page, text=words.last_page)
        approved = tuple(calls)
    if answer.decision == "choose":
        approved = tuple(call for number, call in enumerate(calls, 1) if number in answer.steps)
        if not approved:
            return Verdict("refuse", text=words.choose_some)
    return Verdict("act", Answer(asked.card["digest"], approved, answer.note, asked.card["id"]))


def expires_at(card: Mapping[str, Any], minutes: int) -> datetime:
    """Return when a card can't be answered any more: after so many minutes, or when it says so itself."""
    created, own = (datetime.fromisoformat(str(card[key])) for key in ("created", "expires"))
    return min(created + timedelta(minutes=minutes), own)


def outcome(answer: Answer, asked: Asked, by: Clicker, now: datetime, *, done: bool = True) -> Settled:
    """Return what an answer makes of the card: it is being done until the turn says that it is `done`."""
    numbers = tuple(n for n, call in enumerate(steps_of(asked.card), 1) if call in answer.approved)
    if not numbers:
        return Settled("declined", by.name, now)
    every = len(numbers) == len(steps_of(asked.card))
    return Settled("approved" if done else "working", by.name, now, () if every else numbers)


# --- the bodies of invoke responses ---------------------------------------------------------------------------------


def with_card(card: Element) -> dict[str, Any]:
    """Return the body that puts a card in the place of the one that was clicked, for the person who did."""
    return {"statusCode": 200, "type": CONTENT_TYPE, "value": card}


def with_text(text: str) -> dict[str, Any]:
    """Return the body that says a sentence to the person who clicked, and leaves the card as it is."""
    return {"statusCode": 200, "type": MESSAGE, "value": text}


def with_error(text: str, *, status: int = 400, code: str = "BadRequest") -> dict[str, Any]:
    """Return the body for a click that can't be read (400) or could not be dealt with (500)."""
    return {"statusCode": status, "type": ERROR, "value": {"code": code, "message": text}}


# --- what arrives -----------------------------------------------------------------------------------------------------


def _data(activity: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the data of the button that was clicked, None if it is not one of ours."""
    value = _map(activity.get("value"))
    if activity.get("type") == "invoke" and activity.get("name") == INVOKE:
        action = _map(value.get("action"))
        data = _map(action.get("data"))
        return data if action.get("verb") == VERB or data.get("everpilot") == VERB else None
    if activity.get("type") == "message" and value.get("everpilot") == VERB:
        return value
    return None


def _here(by: Clicker, asked: Asked) -> bool:
    same = by.conversation == asked.conversation.partition(";messageid=")[0]
    return same and bool(by.conversation) and by.tenant == asked.tenant.lower()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
