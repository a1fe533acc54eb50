"""The tools of the skill `search`; both read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, cast

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.search import Hit, HitKind, Passage, Search, Sought
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import Role, Slot
from copilot.trust.labels import UNKNOWN
from copilot.trust.sanitise import safe_text

Account = Annotated[str, Role("target"), Field(description="The account's name in the settings, if there are several.")]
Place = Annotated[str, Role("target"), Field(description="Only below this site or folder: its address, https://...")]
#: What opens a hit of each kind.
_OPENS = {
    "file": "open it by its address with the tools for files",
    "mail": "`mail.read` with the id",
    "chat": "`teams.read` with the place",
    "event": "the calendar tools, with the id",
    "person": "`people.find`",
    "site": "search again with it as place",
    "list": "open it by its address in the browser",
}


@tool(
    examples=[
        "search my work for the budget of the third quarter",
        "search Microsoft 365 for Lyon",
        "find everything about the offer in mail, chats and files",
        "search OneDrive and SharePoint for the forecast",
    ],
    cues=["search everything", "microsoft 365", "sharepoint", "onedrive", "across", "everywhere", "my work"],
)
def find(
    context: ToolContext,
    words: Annotated[
        str,
        Slot("query", cues=("for", "about", "mentioning")),
        Field(min_length=1, max_length=500, description='Words; an exact phrase in double quotes: "net 30".'),
    ],
    kinds: Annotated[
        list[HitKind], Field(min_length=1, description="Where to look; files, mail and chats if left out.")
    ] = ["file", "mail", "chat"],  # noqa: B006 - never changed
    author: Annotated[str, Field(description="Who wrote or sent it: a name or address.")] = "",
    title: Annotated[str, Field(description="Words of the title or subject.")] = "",
    file_type: Annotated[str, Field(description='An ending such as "xlsx"; then only files.')] = "",
    place: Place = "",
    since: Annotated[
        str, Field(description='The first day it was changed or sent: 2026-05-31, "today", "7 days".')
    ] = "",
    until: Annotated[str, Field(description="The last day, included.")] = "",
    limit: Annotated[int, Slot("number"), Field(ge=1, le=50, description="How many.")] = 15,
    page: Annotated[str, Field(description="What an earlier answer named to go on with.")] = "",
    account: Account = "",
) -> Result:
    """Search files, mail, chats, events, people and sites at once: hits with a summary, where each lies and its id."""
    search = cast(Search, context.connection("search", account))
    days = [_day(each, context.moment) for each in (since, until)]
    sought = Sought(words, author, title, file_type, place, *days)
    hits = search.find(sought, tuple(kinds), limit, page)
    sources = _noted(context, ((_source(each), each.labels) for each in hits.items))
    lines = [_shown(each) for each in hits.items] or ["Nothing was found."]
    notes = [f"There are more; go on with page=`{hits.page}`."] if hits.page else []
    notes += [f"Note: {note}" for note in hits.notes]
    head = f"{len(hits.items)} of about {hits.total} hits:" if hits.items else ""
    data = {"hits": [_data(each) for each in hits.items], "total": hits.total, "page": hits.page}
    return Result("\n\n".join(filter(None, [head, *lines, *notes])), data, sources)


@tool(
    examples=[
        "what do our documents say about budget changes?",
        "answer from SharePoint: who needs more money in Q3?",
        "find passages in our files that explain how budgets are changed",
    ],
    cues=["our documents", "from sharepoint", "passages", "company documents", "what do we know about"],
)
def passages(
    context: ToolContext,
    question: Annotated[
        str,
        Slot("query", cues=("about", "sharepoint")),
        Field(min_length=1, max_length=1500, description="The question, in one whole sentence."),
    ],
    limit: Annotated[int, Slot("number"), Field(ge=1, le=25, description="How many.")] = 8,
    place: Place = "",
    account: Account = "",
) -> Result:
    """Quote passages of the organisation's documents that may answer a question, the best first."""
    found = cast(Search, context.connection("search", account)).passages(question, limit, place)
    sources = _noted(context, ((_told(each), each.labels) for each in found.items))
    lines = [f"{_quoted(each.text)}\n>\n> — {_told(each)}" for each in found.items] or ["No passage was found."]
    lines += [f"Note: {note}" for note in found.notes]
    data = [
        {"text": each.text, "title": each.title, "url": each.url, "score": each.score, "labels": list(each.labels)}
        for each in found.items
    ]
    return Result("\n\n".join(lines), data, sources)


def _noted(context: ToolContext, found: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """Label what is shown, each by its sensitivity labels, and return the sources.

    The labels are decided by their GUIDs, as those of a mail are that names them in its header msip_labels.
    """
    sources = []
    for source, guids in found:
        named = "; ".join(f"MSIP_Label_{guid}_Enabled=true" for guid in guids)
        context.received(f"msip_labels: {named}\r\n\r\n".encode() if named else b"", source)
        sources.append(source)
    context.labels.append(UNKNOWN)
    return tuple(dict.fromkeys(sources))


def _day(text: str, now: datetime | None) -> date | None:
    """Return the day that a text names, None for "". Raises ToolInputError."""
    wanted = text.strip().lower()
    if not wanted:
        return None
    today = (now or datetime.now(UTC)).date()
    number, _, unit = wanted.removesuffix(" ago").partition(" ")
    days = {"day": 1, "week": 7, "month": 30}.get(unit.removesuffix("s"))
    if wanted in ("today", "yesterday"):
        return today - timedelta(days=wanted == "yesterday")
    if number.isdecimal() and days and len(number) < 4:
        return today - timedelta(days=int(number) * days)
    try:
        return date.fromisoformat(wanted)
    except ValueError:
        hint = 'Write it as 2026-05-31, or "today", "yesterday", "7 days".'
        raise ToolInputError(f"{text!r} is no day.", hint=hint, code="moment") from None


def _line(text: str, length: int = 160) -> str:
    joined = " ".join(safe_text(text).split())
    return joined if len(joined) <= length else joined[: length - 1].rstrip() + "…"


def _quoted(text: str) -> str:
    return "\n".join(f"> {each}".rstrip() for each in safe_text(text, lines=True).splitlines())


def _told(passage: Passage) -> str:
    by = f", {_line(passage.author, 60)}" if passage.author else ""
    return f"{_line(passage.title, 120)}{by}{f' <{_line(passage.url, 500)}>' if passage.url else ''}"


def _source(hit: Hit) -> str:
    return (
        f"{hit.kind} {_line(hit.title, 80)}, {_line(hit.where, 120)}"
        if hit.where
        else f"{hit.kind} {_line(hit.title, 80)}"
    )


def _shown(hit: Hit) -> str:
    """Return a hit, quoted: what it is, what it says, where it lies, how it is opened."""
    day = hit.moment.date().isoformat() if hit.moment else ""
    facts = [
        hit.kind,
        *filter(None, (_line(hit.author, 80), day)),
        *(["has a sensitivity label"] if hit.labels else []),
    ]
    lines = [f"**{_line(hit.title)}** · {' · '.join(facts)}", _line(hit.summary, 400)]
    lines += [f"where: {_line(hit.where, 200)}"] if hit.where else []
    lines += [f"<{_line(hit.url, 500)}>"] if hit.url else []
    lines += [f"id: `{hit.id}` ({_OPENS[hit.kind]})"]
    return "\n".join(f"> {each}" for each in lines if each)


def _data(hit: Hit) -> dict[str, Any]:
    return {
        "kind": hit.kind,
        "id": hit.id,
        "drive": hit.drive,
        "title": hit.title,
        "summary": hit.summary,
        "where": hit.where,
        "url": hit.url,
        "author": hit.author,
        "moment": hit.moment.isoformat() if hit.moment else None,
        "labels": list(hit.labels),
    }
