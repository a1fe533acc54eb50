"""What the tools have in common: parameters, moments, and which place or person a name means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.chat import Chat, Member, Place
from copilot.plugins.context import ToolContext
from copilot.slots import Role, Slot
from copilot.trust.labels import UNKNOWN

from .show import line

Account = Annotated[str, Role("target"), Field(description="The account's name in the settings, if there are several.")]
PlaceName = Annotated[
    str,
    Role("target"),
    Slot("query", cues=("in", "channel", "chat")),
    Field(min_length=1, description='A chat or channel: its id, its name, "Team / Channel", or who it is with.'),
]
Day = Annotated[
    str,
    Slot("value", cues=("since", "after", "from")),
    Field(description='A day or moment (ISO 8601), "today", "3 days".'),
]

_AGO = re.compile(r"(?:the )?(?:last |past )?(\d{1,4}) (hour|day|week|month)s?(?: ago)?", re.IGNORECASE)
_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 720}
_ID = re.compile(r"(?:[0-9a-f-]{36}/)?19:[^\s/]+@[\w.]+\Z", re.IGNORECASE)


def chat_of(context: ToolContext, account: str) -> Chat:
    """Return the chats of an account; names in them are other people's words. Raises ServiceError."""
    context.labels.append(UNKNOWN)
    return cast(Chat, context.connection("chat", account))


def moment_of(text: str, now: datetime | None) -> datetime | None:
    """Return the moment that a text names, None for ""; a day is its beginning, in UTC. Raises ToolInputError."""
    wanted = text.strip().lower()
    if not wanted:
        return None
    present = (now or datetime.now(UTC)).astimezone(UTC)
    today = present.replace(hour=0, minute=0, second=0, microsecond=0)
    if wanted in ("today", "yesterday"):
        return today - timedelta(days=wanted == "yesterday")
    if ago := _AGO.fullmatch(wanted):
        return present - timedelta(hours=int(ago[1]) * _HOURS[ago[2].lower()])
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        hint = 'Write it as 2026-05-31 or 2026-05-31T14:00:00Z, or "today", "yesterday", "3 days".'
        raise ToolInputError(f"{text!r} is no day or moment.", hint=hint, code="moment") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_id(name: str) -> bool:
    """Return whether a name is the id of a chat or channel, as a list gave it."""
    return _ID.match(name.strip()) is not None


def place_of(chat: Chat, name: str) -> Place:
    """Return the chat or channel of an id, of a name, of "Team / Channel", or with a person.

    Raises ToolInputError for none, with the closest, and for several, which are listed.
    """
    places = [*chat.chats(200), *chat.channels()]
    wanted = _folded(name)
    for fits in (_is_id, _is_named, _is_called, _is_with):
        found = [each for each in places if fits(each, name.strip(), wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = "; ".join(f"{line(each.name, 80)} ({each.kind}, id {each.id})" for each in found[:8])
            hint = f"Ask the user which: {listed}."
            raise ToolInputError(f"{name!r} can be {len(found)} places.", hint=hint, code="ambiguous_place")
    raise ToolInputError.unknown("chat or channel", name, [line(each.name, 80) for each in places])


def _folded(text: str) -> str:
    return " ".join(re.sub(r"\s*[/›>]\s*", " / ", text).split()).casefold()


def _is_id(place: Place, name: str, wanted: str) -> bool:
    return place.id == name


def _is_named(place: Place, name: str, wanted: str) -> bool:
    return _folded(place.name) == wanted


def _is_called(place: Place, name: str, wanted: str) -> bool:
    return _folded(place.title) == wanted.removeprefix("#").removesuffix(" channel").removesuffix(" chat")


def _is_with(place: Place, name: str, wanted: str) -> bool:
    """Whether it is the chat of two with somebody of that name, or address."""
    if place.kind != "one":
        return False
    return any(wanted in (each.name.casefold(), each.address.casefold()) for each in place.members)


def people_of(chat: Chat, names: Sequence[str]) -> tuple[Member, ...]:
    """Return who is meant, each once. Raises ToolInputError: nobody, or several people of that name, who are listed."""
    found = [_one(chat, name) for name in names if name.strip()]
    return tuple({each.id or each.address: each for each in found}.values())


def _one(chat: Chat, name: str) -> Member:
    wanted = name.strip().removeprefix("@").casefold()
    if wanted in ("me", "myself"):
        return chat.me
    candidates = chat.people(name.strip().removeprefix("@"))
    exact = [each for each in candidates if wanted in (each.name.casefold(), each.address.casefold())]
    chosen = exact or ([] if "@" in wanted else candidates)
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        hint = "Give the address, or ask the user for it."
        raise ToolInputError(f"Nobody named {name!r} was found.", hint=hint, code="unknown_recipient")
    listed = "; ".join(line(str(each), 120) for each in chosen[:10])
    raise ToolInputError(
        f"{name!r} can be {len(chosen)} people.", hint=f"Ask the user which: {listed}.", code="ambiguous_recipient"
    )
