"""The inbox in groups, by rules and without a model: what needs an answer, what one waits for, what is bulk mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from copilot.plugins.connections.mail import Address, Headline

_MACHINES = re.compile(
    r"(?:no-?reply|do-?not-?reply|news(?:letter)?s?|notifications?|mailer-daemon|bounces?|alerts?|marketing)\b[^@]*@",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|\b(?:please|could you|can you|would you|let me know|by (?:mon|tues|wednes|thurs|fri)day|deadline|asap|bitte"
    r"|können sie|kannst du|merci de|por favor|s'il vous plaît)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\b(?:From|Von|De|Da): |\b(?:On|Am|Le) .{4,90}:|-{4,}|_{4,}")


@dataclass(frozen=True)
class Seen:
    """What the rules look at: whose mailbox it is, and what was last sent in each thread."""

    me: Address
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()

    @classmethod
    def of(cls, me: Address, inbox: Sequence[Headline], sent: Sequence[Headline]) -> Seen:
        """Return what is known from the messages that came and went."""
        known: dict[str, set[str]] = {}
        for head in (*sent, *inbox):
            own = _domain(head.sender.address) == _domain(me.address)
            for who in (*((head.sender,) if own else ()), *(head.to if head in sent else ())):
                known.setdefault(_folded(who.name), set()).add(_domain(who.address))
        last = {h.thread: h.moment for h in sorted(sent, key=_time) if h.thread and h.moment}
        answered = {h.id for h in inbox if h.moment and (at := last.get(h.thread)) and at > h.moment}
        return cls(me, {k: frozenset(v) for k, v in known.items() if k}, frozenset(answered))


def is_bulk(head: Headline) -> bool:
    """Return whether a message went to many: list headers (RFC 2369, 2919, 3834), or the sender is a machine."""
    headers = head.headers
    automatic = headers.get("auto-submitted", "no").strip().lower() != "no"
    bulk = headers.get("precedence", "").strip().lower() in ("bulk", "list", "junk")
    return "list-unsubscribe" in headers or "list-id" in headers or bulk or automatic or _is_machine(head)


def _is_machine(head: Headline) -> bool:
    return bool(_MACHINES.match(head.sender.address))


def _is_odd(head: Headline, seen: Seen) -> bool:
    """Whether somebody has the name of one who is known, at another place."""
    places = seen.known.get(_folded(head.sender.name), frozenset())
    return bool(places) and _domain(head.sender.address) not in places


def _is_asked(head: Headline, seen: Seen) -> bool:
    mine = any(each.address.casefold() == seen.me.address.casefold() for each in head.to)
    asks = head.flagged or head.important or _asks(head)
    return mine and asks and head.id not in seen.answered


#: The groups of the inbox in the order in which they are looked at; the first that fits is it.
GROUPS: tuple[tuple[str, Callable[[Headline, Seen], bool]], ...] = (
    ("Looks wrong: a known name at an unknown place", _is_odd),
    ("Newsletters and machines", lambda head, seen: is_bulk(head)),
    ("Needs your answer", _is_asked),
    ("Answered", lambda head, seen: head.id in seen.answered),
    ("For your information", lambda head, seen: True),
)
#: The order in which they are shown; what one waits for comes from the sent items.
ORDER = ("Needs your answer", "Waiting for an answer", GROUPS[0][0], "For your information", "Answered", GROUPS[1][0])


def grouped(inbox: Sequence[Headline], sent: Sequence[Headline], me: Address) -> dict[str, list[Headline]]:
    """Return the messages of each group, in `ORDER`, groups without any left out."""
    seen = Seen.of(me, inbox, sent)
    found: dict[str, list[Headline]] = {name: [] for name in ORDER}
    for head in inbox:
        found[next(name for name, test in GROUPS if test(head, seen))].append(head)
    found[ORDER[1]] = _waiting(inbox, sent, me)
    return {name: heads for name, heads in found.items() if heads}


def _waiting(inbox: Sequence[Headline], sent: Sequence[Headline], me: Address) -> list[Headline]:
    """Return the last of one's own messages of each thread that ask others something nobody answered."""
    last: dict[str, Headline] = {}
    for head in sorted((*inbox, *sent), key=_time):
        last[head.thread or head.id] = head
    mine = {
        head.id for head in sent if any(w.address.casefold() != me.address.casefold() for w in (*head.to, *head.cc))
    }
    asked = [head for head in last.values() if head.id in mine and _asks(head)]
    return sorted(asked, key=_time, reverse=True)


def _asks(head: Headline) -> bool:
    """Whether it asks something, in its subject or in what is not quoted of its beginning."""
    return bool(_ASKS.search(f"{head.subject} {_QUOTED.split(head.preview)[0]}"))


def _time(head: Headline) -> float:
    return head.moment.timestamp() if head.moment else 0.0


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
