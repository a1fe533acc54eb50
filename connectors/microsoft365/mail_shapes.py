"""Graph's messages, folders and rules as values of the mail interface, and queries as Graph takes them.

Sources: Microsoft Graph v1.0, "message resource type", "Use the $search query parameter", "Filter and sort messages",
"singleValueLegacyExtendedProperty"; [MS-OXPROPS] for the properties that have no field of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from copilot.plugins.connections.mail import (
    Absence,
    Address,
    Folder,
    FolderRole,
    Headline,
    Letter,
    Message,
    Part,
    PartKind,
    Protection,
    Query,
    Rule,
)

from .graph import Json

#: The fields of a message that a list shows.
FIELDS = (
    "id,subject,from,sender,toRecipients,ccRecipients,receivedDateTime,sentDateTime,conversationId,parentFolderId,"
    "bodyPreview,isRead,isDraft,flag,hasAttachments,importance,categories"
)
WHOLE = f"{FIELDS},bccRecipients,replyTo,body"
#: Headers that Exchange keeps as named properties of the set of internet headers ([MS-OXPROPS] 1.3.2).
_HEADERS = ("msip_labels", "list-id", "list-unsubscribe", "precedence", "auto-submitted")
_NAMED = "String {00020386-0000-0000-C000-000000000046} Name "
#: PidTagSensitivity ([MS-OXPROPS] 2.1006): 0 normal, 1 personal, 2 private, 3 confidential.
_SENSITIVITY = "Integer 0x36"
#: The property by which a draft of ours is found again; the set is this program's own.
KEY = "String {6d4e1f0a-5b0c-4c55-9a0e-2f6a1b7c9d21} Name EverpilotKey"
EXPAND = "singleValueExtendedProperties($filter={})".format(
    " or ".join(f"id eq '{name}'" for name in (*(_NAMED + each for each in _HEADERS), _SENSITIVITY))
)
#: What a folder is for, by its well-known name.
ROLES: Mapping[str, FolderRole] = {
    "inbox": "inbox",
    "sentitems": "sent",
    "drafts": "drafts",
    "deleteditems": "trash",
    "junkemail": "junk",
    "archive": "archive",
}
_BEGINNING = "1900-01-01T00:00:00Z"
_KINDS: Mapping[str, PartKind] = {"itemAttachment": "message", "referenceAttachment": "link"}


# --- messages ---------------------------------------------------------------------------------------------------------


def headline(data: Json) -> Headline:
    """Return a message as a list shows it."""
    properties = {p["id"].casefold(): str(p.get("value", "")) for p in data.get("singleValueExtendedProperties") or ()}
    headers = {name: properties[key] for name in _HEADERS if (key := f"{_NAMED}{name}".casefold()) in properties}
    labels = headers.pop("msip_labels", "")
    sensitivity = properties.get(_SENSITIVITY.casefold(), "0")
    return Headline(
        id=str(data.get("id", "")),
        subject=str(data.get("subject") or ""),
        sender=address(data.get("from") or data.get("sender")),
        to=addresses(data.get("toRecipients")),
        cc=addresses(data.get("ccRecipients")),
        moment=moment(data.get("receivedDateTime") or data.get("sentDateTime")),
        thread=str(data.get("conversationId") or ""),
        folder=str(data.get("parentFolderId") or ""),
        preview=str(data.get("bodyPreview") or ""),
        unread=not data.get("isRead", True),
        flagged=(data.get("flag") or {}).get("flagStatus") == "flagged",
        draft=bool(data.get("isDraft")),
        attachments=bool(data.get("hasAttachments")),
        important=data.get("importance") == "high",
        categories=tuple(str(each) for each in data.get("categories") or ()),
        headers=headers,
        protection=Protection(labels, private=sensitivity not in ("0", "")),
    )


def message(data: Json, parts: Iterable[Json]) -> Message:
    """Return a whole message with its attachments."""
    body = data.get("body") or {}
    content = str(body.get("content") or "")
    is_html = str(body.get("contentType", "")).lower() == "html"
    return Message(
        head=headline(data),
        html=content if is_html else "",
        text="" if is_html else content,
        bcc=addresses(data.get("bccRecipients")),
        reply_to=addresses(data.get("replyTo")),
        parts=tuple(part(each) for each in parts),
    )


def part(data: Json) -> Part:
    """Return an attachment."""
    kind = _KINDS.get(str(data.get("@odata.type", "")).rpartition(".")[2], "file")
    name = str(data.get("name") or "attachment")
    return Part(
        id=str(data.get("id", "")),
        name=f"{name}.eml" if kind == "message" and not name.lower().endswith(".eml") else name,
        media="message/rfc822" if kind == "message" else str(data.get("contentType") or "application/octet-stream"),
        size=int(data.get("size") or 0),
        inline=bool(data.get("isInline")),
        kind=kind,
    )


def address(data: Any) -> Address:
    """Return who a recipient is, an empty address for nobody."""
    found = (data or {}).get("emailAddress") or {}
    return Address(str(found.get("address") or ""), str(found.get("name") or ""))


def addresses(data: Any) -> tuple[Address, ...]:
    """Return who the recipients are."""
    return tuple(address(each) for each in data or ())


def moment(text: Any) -> datetime | None:
    """Return the moment that Graph wrote, None for none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def body_of(letter: Letter) -> Json:
    """Return a letter as Graph takes a draft."""
    fields = {"toRecipients": letter.to, "ccRecipients": letter.cc, "bccRecipients": letter.bcc}
    return {
        "subject": letter.subject,
        "body": {"contentType": "html", "content": letter.html},
        **{name: [_recipient(each) for each in whom] for name, whom in fields.items()},
    }


def _recipient(who: Address) -> Json:
    return {"emailAddress": {"address": who.address, **({"name": who.name} if who.name else {})}}


# --- queries ----------------------------------------------------------------------------------------------------------


def params_of(query: Query) -> dict[str, str]:
    """Return the query options: a search where words are looked for, else a filter; Exchange takes no both."""
    terms = list(_terms(query))
    if terms:
        text = " ".join([*terms, *_dated(query)]).replace('"', '\\"')
        return {"$search": f'"{text}"'}
    return {"$filter": " and ".join(_filters(query)), "$orderby": "receivedDateTime desc"}


def _terms(query: Query) -> Iterator[str]:
    for phrase, word in re.findall(r'"([^"]*)"|(\S+)', query.words):
        if text := plain(phrase or word):
            yield f'"{text}"'
    for name, value in (("from", query.sender), ("recipients", query.to), ("subject", query.subject)):
        if text := plain(value):
            yield f'{name}:"{text}"'


def plain(text: str) -> str:
    """Return a text that stands between quotes of the query language as it is."""
    return " ".join(re.sub(r'["\\\x00-\x1f]', " ", text).split())


def _dated(query: Query) -> Iterator[str]:
    """Yield the days and the rest that the query language knows; `fits` is more exact."""
    if query.since:
        yield f"received>={query.since.astimezone(UTC).date()}"
    if query.until:
        yield f"received<={query.until.astimezone(UTC).date()}"
    if query.attachment is not None:
        yield f"hasAttachments:{str(query.attachment).lower()}"


def _filters(query: Query) -> Iterator[str]:
    """Yield the conditions; what is sorted by has to come first."""
    yield f"receivedDateTime ge {_stamp(query.since) if query.since else _BEGINNING}"
    if query.until:
        yield f"receivedDateTime lt {_stamp(query.until)}"
    if query.unread is not None:
        yield f"isRead eq {str(not query.unread).lower()}"
    if query.flagged is not None:
        yield f"flag/flagStatus {'eq' if query.flagged else 'ne'} 'flagged'"
    if query.attachment is not None:
        yield f"hasAttachments eq {str(query.attachment).lower()}"
    if query.category:
        yield "categories/any(c:c eq '{}')".format(query.category.replace("'", "''"))


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fits(query: Query) -> Callable[[Headline], bool]:
    """Return the test of what a search can't say: marks, categories, and moments to the second."""
    category = query.category.casefold()

    def test(head: Headline) -> bool:
        return (
            query.unread in (None, head.unread)
            and query.flagged in (None, head.flagged)
            and query.attachment in (None, head.attachments)
            and (not category or category in (each.casefold() for each in head.categories))
            and (not query.since or head.moment is None or head.moment >= query.since)
            and (not query.until or head.moment is None or head.moment < query.until)
        )

    return test


# --- folders, rules, absence ------------------------------------------------------------------------------------------


def folder(data: Json, above: str = "", role: FolderRole = "") -> Folder:
    """Return a folder that lies in the folder with the path `above`."""
    name = str(data.get("displayName") or "")
    path = f"{above}/{name}" if above else name
    return Folder(
        str(data["id"]), path, role, int(data.get("unreadItemCount") or 0), int(data.get("totalItemCount") or 0)
    )


def rule(data: Json, folders: Mapping[str, str]) -> Rule:
    """Return a rule in words; `folders` are paths by ids."""
    unless = [f"not: {each}" for each in _said(data.get("exceptions"), folders)]
    return Rule(
        str(data.get("displayName") or ""),
        bool(data.get("isEnabled", True)),
        (*_said(data.get("conditions"), folders), *unless),
        tuple(_said(data.get("actions"), folders)),
    )


def _said(data: Any, folders: Mapping[str, str]) -> Iterator[str]:
    for name, value in (data or {}).items():
        if value in (None, False, [], {}) or name.startswith("@"):
            continue
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
        yield words if value is True else f"{words}: {_value(value, folders)}"


def _value(value: Any, folders: Mapping[str, str]) -> str:
    if isinstance(value, list):
        return ", ".join(_value(each, folders) for each in value)
    if isinstance(value, Mapping) and "emailAddress" in value:
        return str(address(value))
    return folders.get(str(value), str(value))


def absence(data: Json) -> Absence:
    """Return the automatic reply."""
    start, end = (_zoned(data.get(name)) for name in ("scheduledStartDateTime", "scheduledEndDateTime"))
    status = data.get("status")
    scheduled = status == "scheduled"
    return Absence(
        status in ("alwaysEnabled", "scheduled"),
        start if scheduled else None,
        end if scheduled else None,
        str(data.get("internalReplyMessage") or ""),
        str(data.get("externalReplyMessage") or ""),
    )


def _zoned(data: Any) -> datetime | None:
    """Return the moment of a dateTimeTimeZone, which is UTC where nothing else was asked for."""
    return moment(str((data or {}).get("dateTime", ""))[:26])
