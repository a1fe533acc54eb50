"""How mail is shown: quoted, one line of facts each, never as our own words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from copilot.plugins.connections.mail import Address, Headline, Message, Part
from copilot.plugins.context import ToolContext
from copilot.trust.sanitise import safe_text

_PREVIEW, _PART = 200, 12_000


def line(text: str, length: int = 0) -> str:
    """Return foreign words on one line, without what nobody sees, shortened to `length` characters if given."""
    joined = " ".join(safe_text(text).split())
    return joined if not length or len(joined) <= length else joined[: length - 1].rstrip() + "…"


def quoted(text: str) -> str:
    """Return foreign text as a quote."""
    return "\n".join(f"> {each}".rstrip() for each in text.splitlines())


def when(moment: datetime | None) -> str:
    """Return a moment for a person: "Thu 28 May 2026, 15:25 UTC"."""
    return moment.astimezone(UTC).strftime("%a %d %b %Y, %H:%M UTC") if moment else "no date"


def source(head: Headline) -> str:
    """Return a message as a source: who, what, when."""
    day = head.moment.astimezone(UTC).date().isoformat() if head.moment else "no date"
    return f"mail {line(head.sender.address, 80)}, {line(head.subject, 80)}, {day}"


def noted(context: ToolContext, heads: Iterable[Headline], me: Address) -> tuple[str, ...]:
    """Label what is shown of messages, and return their sources. A private one is for those it went between."""
    sources = []
    for head in heads:
        labels = " ".join(head.protection.labels.split())
        readers = (
            [each.address for each in (*head.participants, me) if each.address] if head.protection.private else None
        )
        sources.append(source(head))
        context.received(f"msip_labels: {labels}\r\n\r\n".encode(), sources[-1], readers)
    return tuple(dict.fromkeys(sources))


def facts(head: Headline) -> str:
    """Return what is noted about a message, in words."""
    found = [
        *(["draft"] if head.draft else []),
        *(["unread"] if head.unread else []),
        *(["flagged"] if head.flagged else []),
        *(["important"] if head.important else []),
        *(["attachments"] if head.attachments else []),
        *(["private"] if head.protection.private else []),
        *(f"category {line(each, 40)}" for each in head.categories),
    ]
    return f" · {', '.join(found)}" if found else ""


def listed(head: Headline, note: str = "") -> str:
    """Return a message as an entry of a list, with its id."""
    told = f" · {note}" if note else ""
    return (
        f"> **{line(head.subject, 120) or '(no subject)'}** · {line(str(head.sender), 100)} · {when(head.moment)}"
        f"{facts(head)}{told}\n> {line(head.preview, _PREVIEW)}\n> id: `{head.id}`"
    )


def data_of(head: Headline) -> dict[str, Any]:
    """Return a message of a list as JSON types."""
    return {
        "id": head.id,
        "subject": head.subject,
        "from": str(head.sender),
        "to": [str(each) for each in head.to],
        "cc": [str(each) for each in head.cc],
        "date": head.moment.isoformat() if head.moment else None,
        "preview": head.preview,
        "unread": head.unread,
        "flagged": head.flagged,
        "draft": head.draft,
        "attachments": head.attachments,
        "categories": list(head.categories),
    }


def heading(message: Message) -> str:
    """Return the headers of a message as quoted lines."""
    head = message.head
    people = (("To", head.to), ("Cc", head.cc), ("Bcc", message.bcc), ("Reply to", message.reply_to))
    lines = [
        f"**{line(head.subject, 300) or '(no subject)'}**",
        f"From: {line(str(head.sender), 200)} · {when(head.moment)}{facts(head)}",
        *(f"{name}: {', '.join(line(str(each), 120) for each in whom[:40])}" for name, whom in people if whom),
    ]
    return "\n".join(f"> {each}" for each in lines)


def attachments(parts: Iterable[Part]) -> str:
    """Return the attachments as a list, those within the text left out."""
    shown = [f"> - {line(p.name, 120)} ({line(p.media, 60)}, {size(p.size)})" for p in parts if not p.inline]
    return "\n".join(["Attachments:", *shown]) if shown else ""


def size(count: int) -> str:
    """Return bytes for a person: "14 kB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def part_of(text: str, number: int) -> tuple[str, int]:
    """Return part `number` of a long text, cut at line ends where that goes, and how many parts there are."""
    pieces, current = [], ""
    for row in text.splitlines(keepends=True):
        while len(current) + len(row) > _PART:
            room = _PART - len(current) if len(row) > _PART else 0
            pieces.append(current + row[:room])
            current, row = "", row[room:]
        current += row
    pieces = [each for each in (*pieces, current) if each] or [""]
    return pieces[min(number, len(pieces)) - 1], len(pieces)
