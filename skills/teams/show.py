"""How messages are shown: quoted, with who said them and when, never as our own words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from copilot.plugins.connections.chat import Attached, Place, Said
from copilot.plugins.context import ToolContext
from copilot.trust.sanitise import safe_text

_PREVIEW, _TEXT, _QUOTE = 160, 4000, 300
_KINDS = {"one": "chat with one person", "group": "group chat", "meeting": "chat of a meeting", "channel": "channel"}


def line(text: str, length: int = 0) -> str:
    """Return foreign words on one line, without what nobody sees, shortened to `length` characters if given."""
    joined = " ".join(safe_text(text).split())
    return joined if not length or len(joined) <= length else joined[: length - 1].rstrip() + "…"


def quoted(text: str) -> str:
    """Return foreign text as a quote."""
    return "\n".join(f"> {each}".rstrip() for each in safe_text(text, lines=True).splitlines())


def when(moment: datetime | None) -> str:
    """Return a moment for a person: "Thu 28 May 2026, 15:25 UTC"."""
    return moment.astimezone(UTC).strftime("%a %d %b %Y, %H:%M UTC") if moment else "no date"


def source(place: str, said: Said) -> str:
    """Return a message as a source: where, who, when."""
    return f"Teams, {line(place, 80)}, {line(said.author.name, 60)}, {when(said.moment)}"


def noted(context: ToolContext, place: str, said: Iterable[Said]) -> tuple[str, ...]:
    """Label what is shown of messages, and return their sources."""
    sources = dict.fromkeys(source(place, each) for one in said for each in (one, *one.replies))
    for each in sources:
        context.received(b"", each)
    return tuple(sources)


def place_line(place: Place) -> str:
    """Return a chat or channel as an entry of a list, with its id."""
    facts = [
        _KINDS[place.kind],
        *([f"last {when(place.last)}"] if place.last else []),
        *(["unread"] if place.unread else []),
    ]
    people = ", ".join(line(str(each), 80) for each in place.members[:12])
    more = f" and {len(place.members) - 12} more" if len(place.members) > 12 else ""
    with_ = f"\n> with {people}{more}" if people else ""
    preview = f"\n> “{line(place.preview, _PREVIEW)}”" if place.preview else ""
    return f"> **{line(place.name, 120)}** · {' · '.join(facts)}{with_}{preview}\n> id: `{place.id}`"


def message(said: Said, indent: str = "") -> str:
    """Return a message with its replies, quoted."""
    lines = [f"**{line(said.author.name, 80)}** · {when(said.moment)}{_facts(said)} · id: `{said.id}`"]
    lines += [f"Subject: {line(said.subject, 200)}"] if said.subject else []
    text = "(deleted)" if said.deleted else _shortened(said.markdown) or "(no text)"
    lines += safe_text(text, lines=True).splitlines()
    lines += [_hanging(each) for each in said.attached]
    shown = "\n".join(f"> {indent}{each}".rstrip() for each in lines)
    return "\n".join([shown, *(message(each, indent + "> ") for each in said.replies)])


def _facts(said: Said) -> str:
    found = [
        *([said.importance] if said.importance != "normal" else []),
        *(["edited"] if said.edited else []),
        *(["event"] if said.system else []),
        *(["holds hidden text"] if said.hidden else []),
        *(line(each, 30) for each in said.reactions),
    ]
    return f" · {', '.join(found)}" if found else ""


def _hanging(attached: Attached) -> str:
    text = f": {line(attached.text, _QUOTE)}" if attached.text else ""
    return (
        f"[{attached.kind}: {line(attached.name, 120)}{text}{f' <{line(attached.url, 500)}>' if attached.url else ''}]"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _TEXT else text[:_TEXT] + f"… ({len(text) - _TEXT:,} more characters)"


def data_of(said: Said) -> dict[str, Any]:
    """Return a message as JSON types."""
    return {
        "id": said.id,
        "from": said.author.name,
        "moment": said.moment.isoformat() if said.moment else None,
        "text": said.markdown,
        "mentions": [each.name for each in said.mentions],
        "reactions": list(said.reactions),
        "attachments": [{"name": each.name, "url": each.url, "kind": each.kind} for each in said.attached],
        "deleted": said.deleted,
        "hidden": said.hidden,
        "replies": [data_of(each) for each in said.replies],
    }


def place_data(places: Sequence[Place]) -> list[dict[str, Any]]:
    """Return chats and channels as JSON types."""
    return [
        {
            "id": each.id,
            "name": each.name,
            "kind": each.kind,
            "unread": each.unread,
            "members": [str(member) for member in each.members],
        }
        for each in places
    ]
