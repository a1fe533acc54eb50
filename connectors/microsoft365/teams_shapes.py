"""Graph's JSON of Teams as the values of `connections.chat`. Source: Microsoft Graph v1.0, "chatMessage", "chat"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from copilot.errors import ToolInputError
from copilot.plugins.connections.chat import Importance, Member, Place, PlaceKind, Said

from .graph import Json, at
from .teams_text import attachments, to_markdown

_KINDS: Mapping[str, PlaceKind] = {"oneOnOne": "one", "group": "group", "meeting": "meeting"}
_IMPORTANT: Mapping[str, Importance] = {"high": "high", "urgent": "urgent"}
_NOBODY = Member("", "somebody")


def base(place: str) -> str:
    """Return the path of a place: a chat by its id, a channel by those of its team and itself with a slash between."""
    team, slash, channel = place.partition("/")
    return at("/teams/{}/channels/{}", team, channel) if slash else at("/chats/{}", place)


def member(data: Json) -> Member:
    """Return a user, or a member of a chat."""
    address = data.get("mail") or data.get("email") or data.get("userPrincipalName") or ""
    return Member(str(data.get("userId") or data.get("id") or ""), str(data.get("displayName") or ""), str(address))


def chat(data: Json, me: Member) -> Place:
    """Return a chat; one without a title is called by the others in it."""
    people = tuple(member(each) for each in data.get("members") or ())
    others = [each.name or each.address or "somebody" for each in people if each.id != me.id]
    last = data.get("lastMessagePreview") or {}
    read = moment((data.get("viewpoint") or {}).get("lastMessageReadDateTime"))
    told, by = moment(last.get("createdDateTime")), _author(last.get("from"))
    body = last.get("body") or {}
    return Place(
        str(data.get("id") or ""),
        _KINDS.get(str(data.get("chatType")), "group"),
        str(data.get("topic") or "") or ", ".join(others[:6]) or "(nobody else)",
        members=people,
        last=told,
        preview=to_markdown(str(body.get("content") or ""), str(body.get("contentType")))[0][:200],
        read=read,
        unread=told is not None and by.id != me.id and (read is None or told > read),
        url=str(data.get("webUrl") or ""),
    )


def channel(data: Json, team: Json) -> Place:
    """Return a channel of a team."""
    return Place(
        f"{team['id']}/{data['id']}",
        "channel",
        str(data.get("displayName") or ""),
        team=str(team.get("displayName") or ""),
        url=str(data.get("webUrl") or ""),
    )


def said(data: Json) -> Said:
    """Return a message with the replies that came with it, the oldest first."""
    body, attached = data.get("body") or {}, attachments(data.get("attachments") or ())
    names = {str(a.get("id")): each.name for a, each in zip(data.get("attachments") or (), attached, strict=False)}
    text, hidden = to_markdown(str(body.get("content") or ""), str(body.get("contentType")), names)
    system = data.get("messageType") not in ("message", "chatMessage", None)
    return Said(
        str(data.get("id") or ""),
        _author(data.get("from")),
        moment(data.get("createdDateTime")),
        _event(data) if system else text,
        subject=str(data.get("subject") or ""),
        answers=str(data.get("replyToId") or ""),
        replies=tuple(sorted(map(said, data.get("replies") or ()), key=lambda each: str(each.moment))),
        reactions=_reactions(data.get("reactions") or ()),
        mentions=tuple(_mentioned(each) for each in data.get("mentions") or ()),
        attached=attached,
        importance=_IMPORTANT.get(str(data.get("importance")), "normal"),
        edited=bool(data.get("lastEditedDateTime")),
        deleted=bool(data.get("deletedDateTime")),
        system=system,
        hidden=hidden,
        url=str(data.get("webUrl") or ""),
    )


def _author(data: Any) -> Member:
    """Return who said it: a person, or an app, whose name is marked as that of one."""
    given = data if isinstance(data, Mapping) else {}
    for kind in ("user", "application", "device"):
        held = given.get(kind)
        if isinstance(held, Mapping):
            name = str(held.get("displayName") or "somebody")
            return Member(str(held.get("id") or ""), name if kind == "user" else f"{name} (app)")
    return _NOBODY


def _mentioned(data: Json) -> Member:
    target = data.get("mentioned") or {}
    held = target.get("user") or target.get("conversation") or target.get("application") or {}
    return Member(str(held.get("id") or ""), str(data.get("mentionText") or held.get("displayName") or ""))


def _event(data: Json) -> str:
    """Return what happened, by the name of its type: "#microsoft.graph.membersAddedEventMessageDetail"."""
    kind = str((data.get("eventDetail") or {}).get("@odata.type") or "").rpartition(".")[2]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.removesuffix("EventMessageDetail")).lower()
    return words or "something happened in the chat"


def _reactions(found: Any) -> tuple[str, ...]:
    counted = Counter(str(each.get("reactionType") or each.get("displayName")) for each in found)
    return tuple(f"{kind} {count}" if count > 1 else kind for kind, count in counted.items())


def moment(text: Any) -> datetime | None:
    """Return the moment of a text with a zone, None for none. Raises ToolInputError for another one."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(cast("str", text))
    except (TypeError, ValueError):
        raise ToolInputError(f"{text!r} is no moment.", hint="Take the page as it was given.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def written(when: datetime) -> str:
    """Return a moment as Graph's filters take it, to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
