"""Graph's hits as the values of `connections.search`. Source: Microsoft Graph v1.0, "searchHit"."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from copilot.plugins.connections.search import Hit, HitKind

from .graph import Json

_MARKS = re.compile(r"</?c\d+>|<ddd ?/>|<[^<>]{1,40}>")
#: Fields under which a sensitivity label's GUID comes with a file.
_LABELS = ("informationProtectionLabelId", "InformationProtectionLabelId", "sensitivityLabelId")


def hit(kind: HitKind, data: Json) -> Hit | None:
    """Return a hit, None for one without a resource."""
    held = data.get("resource")
    if not isinstance(held, Mapping):
        return None
    made = _READERS[kind](dict(held))
    return replace(
        made,
        id=str(held.get("id") or data.get("hitId") or ""),
        summary=plain(str(data.get("summary") or "")) or made.summary,
        labels=labels(dict(held)),
    )


def plain(text: str) -> str:
    """Return a summary without the marks of the words that were found; what was left out is "…"."""
    marked = text.replace("<ddd/>", "…").replace("<ddd />", "…")
    return " ".join(html.unescape(_MARKS.sub("", marked)).split())


def labels(held: Json) -> tuple[str, ...]:
    """Return the GUIDs of the sensitivity labels that a hit names."""
    fields = (held.get("listItem") or {}).get("fields") or held.get("fields") or {}
    named = held.get("sensitivityLabel") or {}
    every = [*(fields.get(name) for name in _LABELS), named.get("sensitivityLabelId"), named.get("id")]
    return tuple(dict.fromkeys(str(each).strip("{}").lower() for each in every if each))


def _file(held: Json) -> Hit:
    url = str(held.get("webUrl") or "")
    parent = held.get("parentReference") or {}
    return Hit(
        "file",
        str(held.get("name") or ""),
        where=_folder(url),
        url=url,
        drive=str(parent.get("driveId") or ""),
        author=_by(held.get("lastModifiedBy")) or _by(held.get("createdBy")),
        moment=_moment(held.get("lastModifiedDateTime")),
    )


def _site(held: Json) -> Hit:
    url = str(held.get("webUrl") or "")
    title = str(held.get("displayName") or held.get("name") or "")
    return Hit("site", title, str(held.get("description") or ""), _folder(url), url, moment=_changed(held))


def _list(held: Json) -> Hit:
    return replace(_site(held), kind="list")


def _mail(held: Json) -> Hit:
    moment = _moment(held.get("receivedDateTime") or held.get("createdDateTime"))
    return Hit(
        "mail",
        str(held.get("subject") or "(no subject)"),
        str(held.get("bodyPreview") or ""),
        "mailbox",
        str(held.get("webLink") or ""),
        author=_address(held.get("from") or held.get("sender")),
        moment=moment,
    )


def _event(held: Json) -> Hit:
    start = held.get("start") or {}
    return Hit(
        "event",
        str(held.get("subject") or "(no subject)"),
        str(held.get("bodyPreview") or ""),
        str((held.get("location") or {}).get("displayName") or "calendar"),
        str(held.get("webLink") or ""),
        author=_address(held.get("organizer")),
        moment=_moment(start.get("dateTime")) if start.get("timeZone") in ("UTC", None) else None,
    )


def _chat(held: Json) -> Hit:
    channel = held.get("channelIdentity") or {}
    place = f"{channel.get('teamId')}/{channel.get('channelId')}" if channel.get("channelId") else held.get("chatId")
    return Hit(
        "chat",
        str(held.get("subject") or "") or f"Message of {_address(held.get('from')) or 'somebody'}",
        where=str(place or ""),
        url=str(held.get("webUrl") or held.get("webLink") or ""),
        author=_address(held.get("from")),
        moment=_moment(held.get("createdDateTime")),
    )


def _person(held: Json) -> Hit:
    scored = held.get("scoredEmailAddresses") or held.get("emailAddresses") or ()
    address = next((str(each.get("address")) for each in scored if each.get("address")), "")
    about = ", ".join(str(held[name]) for name in ("jobTitle", "department") if held.get(name))
    return Hit("person", str(held.get("displayName") or ""), about, address)


_READERS: Mapping[HitKind, Callable[[Json], Hit]] = {
    "file": _file,
    "mail": _mail,
    "chat": _chat,
    "event": _event,
    "person": _person,
    "site": _site,
    "list": _list,
}


def _folder(url: str) -> str:
    """Return where something lies, of its address: host and folders."""
    parts = urlsplit(url)
    return unquote(f"{parts.netloc}{parts.path}").rpartition("/")[0]


def _by(data: Any) -> str:
    user = data.get("user") if isinstance(data, Mapping) else None
    return str((user or {}).get("displayName") or "")


def _address(data: Any) -> str:
    if not isinstance(data, Mapping):
        return ""
    held = data.get("emailAddress") or data.get("user") or {}
    name, address = str(held.get("name") or held.get("displayName") or ""), str(held.get("address") or "")
    return f"{name} <{address}>" if name and address and name != address else name or address


def _changed(held: Json) -> datetime | None:
    return _moment(held.get("lastModifiedDateTime") or held.get("createdDateTime"))


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
