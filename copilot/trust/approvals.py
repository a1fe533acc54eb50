"""Approvals: a card that shows exactly what would be done, and an answer that is bound to it by a hash.

Everything here is JSON types, so that a card can lie in a checkpoint for days and be answered by another process.
Check an answer twice: against the stored card when it arrives (it knows when it expires), and against the card made
again from the files as they are when the calls are staged a second time (its digest tells whether anything changed).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from copilot.errors import ApprovalError

#: How long a card can be answered.
LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Item:
    """One effect of one tool call: the public name of the tool, its arguments, and what it would do.

    `hunks` are what is shown (`Hunk.to_dict`), `label` what the data is (`Label.to_dict`), `digest` the hash of the
    change (`Change.digest`: path, bytes before and after). A call that changes several files has an item for each,
    with the same `call_id`. What is sent has no path: recipients, the whole body and the attachments are its hunks.
    `grantable` says that the person may always allow such a call.
    """

    call_id: str
    tool: str
    args: dict[str, Any]
    effect: str
    summary: str
    path: str = ""
    hunks: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    digest: str = ""
    label: dict[str, Any] = field(default_factory=dict)
    grantable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the item as JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Card:
    """What a person is asked: the items of one plan, and why they are asked. Times are ISO 8601 in UTC."""

    id: str
    thread: str
    items: tuple[Item, ...]
    why: str
    created: str
    expires: str

    @classmethod
    def of(
        cls, id: str, thread: str, items: Iterable[Item], why: str, now: datetime, lifetime: timedelta = LIFETIME
    ) -> Card:
        """Return a card made `now` (with a time zone) that can be answered for `lifetime`."""
        return cls(id, thread, tuple(items), why, now.isoformat(), (now + lifetime).isoformat())

    @property
    def digest(self) -> str:
        """SHA-256 of what is approved: tools, canonical arguments, labels, file hashes and everything shown.

        The same calls on the same files have the same digest whenever the card is made, so `created`, `expires`,
        `id` and `why` have no part in it.
        """
        return _sha256({"thread": self.thread, "items": [item.to_dict() for item in self.items]})

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON types, with its digest."""
        return {
            "id": self.id,
            "thread": self.thread,
            "items": [item.to_dict() for item in self.items],
            "why": self.why,
            "created": self.created,
            "expires": self.expires,
            "digest": self.digest,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Card:
        """Return the card that `to_dict` wrote; raises ApprovalError if it is none or was altered."""
        try:
            items = tuple(Item(**item) for item in data["items"])
            card = cls(data["id"], data["thread"], items, data["why"], data["created"], data["expires"])
            intact = card.digest == data["digest"]
        except (KeyError, TypeError, ValueError) as error:
            raise ApprovalError("This is no approval card.", hint="Ask again.", code="card") from error
        if not intact:
            raise ApprovalError("The approval card was altered.", hint="Ask again.", code="card")
        return card


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to the card with this digest and id: the calls they approved, and words for the model.

    It counts once. `always`: what can be allowed of the approved calls is not asked again.
    """

    card_digest: str
    approved: tuple[str, ...] = ()
    message: str = ""
    card_id: str = ""
    always: bool = False

    @classmethod
    def all_of(cls, card: Card, message: str = "") -> Answer:
        """Return the answer that approves everything on the card."""
        return cls(card.digest, tuple(dict.fromkeys(item.call_id for item in card.items)), message, card.id)

    @classmethod
    def none_of(cls, card: Card, message: str = "") -> Answer:
        """Return the answer that approves nothing on the card."""
        return cls(card.digest, (), message, card.id)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types."""
        return {**asdict(self), "approved": list(self.approved)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Answer:
        """Return the answer that `to_dict` wrote; raises ApprovalError if it is none."""
        try:
            approved, message = tuple(data["approved"]), data.get("message", "")
            answer = cls(data["card_digest"], approved, message, data["card_id"], data.get("always", False))
        except (KeyError, TypeError, AttributeError) as error:
            raise ApprovalError("This is no answer to an approval.", hint="Ask again.", code="answer") from error
        texts = (answer.card_digest, answer.card_id, answer.message, *answer.approved)
        # A string is iterable too: approved="abc" must not become the calls a, b and c.
        words = isinstance(data["approved"], list | tuple) and all(isinstance(text, str) for text in texts)
        if not words or not isinstance(answer.always, bool):
            raise ApprovalError("This is no answer to an approval.", hint="Ask again.", code="answer")
        return answer


def check(card: Card, answer: Answer, now: datetime) -> None:
    """Return if `answer` may be acted on; raises ApprovalError that says why not (changed, expired, unknown call)."""
    if answer.card_digest != card.digest or answer.card_id != card.id:
        raise ApprovalError(
            "What would be done has changed since it was shown.", hint="Look at it again and decide anew.", code="stale"
        )
    if now >= _expiry(card):
        raise ApprovalError(f"The approval expired on {card.expires}.", hint="Ask again.", code="expired")
    if unknown := sorted(set(answer.approved) - {item.call_id for item in card.items}):
        raise ApprovalError(f"The approval names calls that were not asked about: {', '.join(unknown)}.", code="calls")


def _expiry(card: Card) -> datetime:
    try:
        expires = datetime.fromisoformat(card.expires)
    except ValueError as error:
        raise ApprovalError("The approval card has no valid time.", hint="Ask again.", code="card") from error
    if expires.tzinfo is None:
        raise ApprovalError("The approval card has no time zone.", hint="Ask again.", code="card")
    return expires


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
