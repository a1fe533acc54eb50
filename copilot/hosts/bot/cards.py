"""Approvals as Adaptive Cards 1.5: exactly what would be done, who may answer, until when; and what came of it.

Nothing is approved unseen. What does not fit into a card (28 KB in Teams) is on its next pages, turned in place, and
the buttons that approve are on the last one only; whoever does not want to turn pages can have the whole change as a
file, and is then shown the last page. Declining is possible on every page.

In a group all see one card, and on it that something waits, and for whom; the buttons are in the views of those who may
answer: Teams asks for a view of their own for the people that the card names, and there is a button that asks for it
where that did not happen (Universal actions for Adaptive Cards, User specific views).

The data of a button is the card's id and digest, which page it was on, and what was clicked; the answer is checked
where it arrives (card_answers.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from copilot.documents import worddiff
from copilot.hosts.bot.channels import ChannelProfile
from copilot.hosts.bot.diff_table import Element, Row, chunks, plain, rich, rows, run, short, size, table
from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.words import WORDS, Words
from copilot.trust.sanitise import safe_markdown, safe_text

#: What every button of an approval has as its verb, and in its data, where it is submitted without one.
VERB = "everpilot.approval"
CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
#: People of one conversation who can have a view of their own (User specific views).
MOST_REFRESHED = 60
MOST_NOTE = 1_000
_SLACK = 400
_MOST_STEPS = 40
_MOST_LINE = 300
_MOST_SUMMARY = 120

Status = Literal["working", "approved", "declined", "expired", "void", "overtaken", "failed"]
_COLORS: dict[Status, str] = {
    "working": "accent",
    "approved": "good",
    "declined": "attention",
    "expired": "warning",
    "void": "warning",
    "overtaken": "warning",
    "failed": "attention",
}


@dataclass(frozen=True)
class Asking:
    """How an approval is asked: `who` may answer by name, `refresh` whose views renew themselves (channel ids).

    `expires` is when it can't be answered any more (the card's own time if None), `whole` says that the whole change
    can be had as a file.
    """

    who: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()
    expires: datetime | None = None
    whole: bool = False


@dataclass(frozen=True)
class Settled:
    """What came of an approval: `steps` are the numbers of the approved steps where not all were."""

    status: Status
    by: str = ""
    when: datetime | None = None
    steps: tuple[int, ...] = ()


def steps_of(card: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the steps that a card asks for: call ids, each with its items, in order."""
    steps: dict[str, list[dict[str, Any]]] = {}
    for item in card["items"]:
        steps.setdefault(item["call_id"], []).append(item)
    return steps


def approval(
    card: Mapping[str, Any], profile: ChannelProfile, asking: Asking = Asking(), page: int = 0, words: Words = WORDS
) -> Element:  # fmt: skip
    """Return the page `page` of an approval (`Card.to_dict`) as an Adaptive Card; the last one if there are fewer.

    It has buttons: it is for who may answer.
    """
    pages = _own_pages(card, profile, asking, words)
    page = min(max(page, 0), len(pages) - 1)
    return _framed(card, asking, words, pages[page], page, len(pages))


def all_pages(
    card: Mapping[str, Any], profile: ChannelProfile, asking: Asking = Asking(), words: Words = WORDS
) -> list[Element]:
    """Return all pages of an approval, each as `approval` does."""
    pages = _own_pages(card, profile, asking, words)
    return [_framed(card, asking, words, shown, page, len(pages)) for page, shown in enumerate(pages)]


def page_count(
    card: Mapping[str, Any], profile: ChannelProfile, asking: Asking = Asking(), words: Words = WORDS
) -> int:
    """Return how many pages an approval has."""
    return len(_own_pages(card, profile, asking, words))


def for_all(
    card: Mapping[str, Any], profile: ChannelProfile, asking: Asking = Asking(), words: Words = WORDS
) -> Element:
    """Return an approval as everybody in a conversation sees it: as much of the change as fits, and who can answer."""
    room = _room(profile, _for_all(card, asking, words, [], more=True))
    first, *more = _pages(card, room, words)
    return _for_all(card, asking, words, first, more=bool(more))


def opening(
    card: Mapping[str, Any], profile: ChannelProfile, asking: Asking = Asking(), words: Words = WORDS
) -> Element:
    """Return the card that an approval is asked with: for all, where each can have a view of their own."""
    return (for_all if profile.views else approval)(card, profile, asking, words=words)


def settled(card: Mapping[str, Any], outcome: Settled, words: Words = WORDS) -> Element:
    """Return the card that takes the place of an approval once it is answered, expired or void: no buttons to press."""
    texts = {
        "working": words.working_on_it,
        "approved": words.approved,
        "declined": words.declined,
        "expired": words.expired,
        "void": words.void,
        "overtaken": words.overtaken,
        "failed": words.not_done,
    }
    head = texts[outcome.status]
    if outcome.status == "approved" and outcome.steps:
        head = words.approved_partly.format(steps=", ".join(words.step.format(number=n) for n in outcome.steps))
    body = [_block(head, weight="bolder", size="medium", color=_COLORS[outcome.status])]
    if outcome.by:
        body.append(rich(run(short(plain(outcome.by), _MOST_LINE), size="small")))
    if outcome.when is not None:
        body.append(_timed(_moment(outcome.when)))
    steps = steps_of(card)
    for number, items in enumerate(list(steps.values())[:_MOST_STEPS], 1):
        mark = _mark(outcome, number)
        body += [rich(run(short(f"{mark} {headline(item)}", _MOST_LINE), isSubtle=mark == "–")) for item in items[:3]]
    if len(steps) > _MOST_STEPS:
        body.append(_block(words.more_sources.format(count=len(steps) - _MOST_STEPS), isSubtle=True))
    return _card(body, f"{head} ({_what(card)})")


def message(content: Element, text: str = "") -> Activity:
    """Return the activity that shows a card. `text` stands above it, and in notifications."""
    made: Activity = {
        "type": "message",
        "attachmentLayout": "list",
        "attachments": [{"contentType": CONTENT_TYPE, "content": content}],
        "summary": content.get("fallbackText", ""),
    }
    return {**made, "text": text, "textFormat": "plain"} if text else made


def summary(card: Mapping[str, Any], words: Words = WORDS) -> str:
    """Return in a line what waits for an approval."""
    return words.approval_summary.format(what=_what(card))


def written(card: Mapping[str, Any], words: Words = WORDS) -> str:
    """Return an approval as Markdown text, all of it, for channels without cards; it is answered in words."""
    lines = [words.approval_text.format(key=str(card["digest"])[:8]), ""]
    for number, items in enumerate(steps_of(card).values(), 1):
        for item in items:
            lines += [f"{number}\\. {safe_markdown(headline(item))}", "", worddiff.markdown(_quoted(item)), ""]
            lines += [safe_markdown(words.warning.format(text=safe_text(str(w)))) for w in item.get("warnings", [])]
    return "\n".join(lines).strip()


# --- pages ------------------------------------------------------------------------------------------------------------


def _own_pages(card: Mapping[str, Any], profile: ChannelProfile, asking: Asking, words: Words) -> list[list[Element]]:
    """Return the bodies of the pages of who may answer: the same, whatever buttons there are beside."""
    asking = replace(asking, whole=True)
    frame = max((_framed(card, asking, words, [], page, 3) for page in (1, 2)), key=size)
    return _pages(card, _room(profile, frame), words)


def _room(profile: ChannelProfile, frame: Element) -> int:
    """Return how many bytes of a card are left beside what is on all of its pages."""
    return profile.card_bytes - size(message(frame)) - _SLACK


def _pages(card: Mapping[str, Any], room: int, words: Words) -> list[list[Element]]:
    """Return the bodies of the pages: as much on each as fits into `room`."""
    pages: list[list[Element | Row]] = [[]]
    used = 0
    for atom in _atoms(card, words):
        needs = _weight(atom, words)
        if pages[-1] and used + needs > room:
            pages.append([])
            used = 0
            needs += _HEAD if isinstance(atom, Row) else 0
        pages[-1].append(atom)
        used += needs
    return [_elements(page, words) for page in pages]


_HEAD = 700  # a table begun again: its columns and its heads


def _weight(atom: Element | Row, words: Words) -> int:
    if isinstance(atom, Row):
        return size(table([atom], words)["rows"][1]) + 8
    return size(atom) + (_HEAD if atom["type"] == "Container" else 8)


def _elements(atoms: Sequence[Element | Row], words: Words) -> list[Element]:
    """Return the elements of one page; rows that follow each other are one table."""
    elements: list[Element] = []
    waiting: list[Row] = []
    for atom in atoms:
        if isinstance(atom, Row):
            waiting.append(atom)
            continue
        if waiting:
            elements.append(table(waiting, words))
        waiting = []
        elements.append(atom)
    return [*elements, table(waiting, words)] if waiting else elements


def _atoms(card: Mapping[str, Any], words: Words) -> Iterator[Element | Row]:
    """Yield everything that is shown of an approval, in pieces that can stand on a page of their own."""
    for text in chunks(plain(card.get("why", ""))):
        yield rich(run(text, isSubtle=True))
    steps = steps_of(card)
    for number, items in enumerate(steps.values(), 1):
        prefix = f"{words.step.format(number=number)}: " if len(steps) > 1 else ""
        for item in items:
            first, *more = [*chunks(f"{prefix}{headline(item)}")] or [""]
            yield _heading(first, words.tool.format(tool=plain(item.get("tool", ""))))
            yield from (rich(run(text, weight="bolder")) for text in more)
            yield from rows(item.get("hunks", []), words, sent=not item.get("path"))
            for warning in item.get("warnings", []):
                for text in chunks(words.warning.format(text=plain(warning))):
                    yield rich(run(text, color="warning"))


def _heading(text: str, tool: str) -> Element:
    subtle = rich(run(short(tool, _MOST_LINE), isSubtle=True, size="small"), spacing="none")
    return {"type": "Container", "separator": True, "items": [rich(run(text, weight="bolder")), subtle]}


def headline(item: Mapping[str, Any]) -> str:
    """Return in a line what one item of a card would do, to which file."""
    path, told = plain(item.get("path", "")), plain(item.get("summary", ""))
    return f"{path}: {told}" if path else told


def _what(card: Mapping[str, Any]) -> str:
    """Return in a few words what a card asks for."""
    items = card["items"]
    first = short(headline(items[0]), _MOST_SUMMARY) if items else ""
    return f"{first} (+{len(items) - 1})" if len(items) > 1 else first


def _quoted(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the hunks of an item without what nobody sees; `worddiff.markdown` escapes the rest."""
    hunks = item.get("hunks", [])
    texts = ("where", "before", "after")
    return [{**h, **{key: safe_text(str(h[key]), lines=key != "where") for key in texts}} for h in hunks]


# --- the frame of a card ----------------------------------------------------------------------------------------------


def _framed(
    card: Mapping[str, Any], asking: Asking, words: Words, shown: list[Element], page: int, pages: int
) -> Element:
    last = page == pages - 1
    body = [_block(words.approval, weight="bolder", size="medium"), *shown]
    if pages > 1:
        text = words.page if last else words.page_first
        body.append(_block(text.format(page=page + 1, pages=pages), isSubtle=True, spacing="small"))
    if last:
        body += _inputs(card, words)
    body += _limits(card, asking, words)
    rows = (_turning(card, asking, words, page, pages), _deciding(card, words, page, last=last))
    body += [{"type": "ActionSet", "actions": buttons} for buttons in rows if buttons]
    return _card(body, words.approval_summary.format(what=_what(card)))


def _for_all(card: Mapping[str, Any], asking: Asking, words: Words, shown: list[Element], *, more: bool) -> Element:
    body = [_block(words.waits, weight="bolder", size="medium"), *shown]
    if more:
        body.append(_block(words.more_to_see, isSubtle=True, spacing="small"))
    button = _button(words.answer, _data(card, "open"))
    body += [*_limits(card, asking, words), {"type": "ActionSet", "actions": [button]}]
    made = _card(body, words.approval_summary.format(what=_what(card)))
    if asking.refresh:
        action = {"type": "Action.Execute", "verb": VERB, "data": _data(card, "look")}
        made["refresh"] = {"action": action, "userIds": list(asking.refresh[:MOST_REFRESHED])}
    return made


def _inputs(card: Mapping[str, Any], words: Words) -> list[Element]:
    """Return what a person fills in: which of several steps, and words for the model. No title holds foreign text."""
    steps = steps_of(card)
    toggles: list[Element] = []
    if 1 < len(steps) <= _MOST_STEPS:
        toggles = [
            {"type": "Input.Toggle", "id": f"step{n}", "title": words.choose.format(number=n), "value": "true"}
            for n in range(1, len(steps) + 1)
        ]
    note = {"type": "Input.Text", "id": "note", "placeholder": words.note, "maxLength": MOST_NOTE, "isMultiline": True}
    return [*toggles, note]


def _limits(card: Mapping[str, Any], asking: Asking, words: Words) -> list[Element]:
    lines: list[Element] = []
    if asking.who:
        names = short(words.either.join(plain(name) for name in asking.who), _MOST_LINE)
        lines.append(rich(run(words.who.format(names=names), isSubtle=True, size="small")))
    until = asking.expires or _time(str(card.get("expires", "")))
    if until is not None:
        lines.append(_timed(words.until.format(when=_moment(until))))
    return lines


def _turning(card: Mapping[str, Any], asking: Asking, words: Words, page: int, pages: int) -> list[Element]:
    """Return the buttons that show more of a card."""
    buttons: list[Element] = []
    if page > 0:
        buttons.append(_button(words.previous_page, _data(card, "page", page - 1)))
    if page < pages - 1:
        buttons.append(_button(words.next_page, _data(card, "page", page + 1)))
    if pages > 1 and asking.whole:
        buttons.append(_button(words.whole, _data(card, "whole", page)))
    return buttons


def _deciding(card: Mapping[str, Any], words: Words, page: int, *, last: bool) -> list[Element]:
    """Return the buttons that answer: they stand in a row of their own, lest one is cut off where it is narrow."""
    count = len(steps_of(card))
    buttons: list[Element] = []
    if last:
        title = words.approve_all if count > 1 else words.approve
        buttons.append(_button(title, _data(card, "approve", page), style="positive"))
        if 1 < count <= _MOST_STEPS:
            buttons.append(_button(words.approve_chosen, _data(card, "choose", page)))
    return [*buttons, _button(words.decline, _data(card, "decline", page), style="destructive")]


def _button(title: str, data: dict[str, Any], **look: Any) -> Element:
    """Return a button that is executed, or submitted where a client knows only that."""
    submit = {"type": "Action.Submit", "title": title, "data": data, **look}
    return {"type": "Action.Execute", "title": title, "verb": VERB, "data": data, "fallback": submit, **look}


def _data(card: Mapping[str, Any], do: str, page: int = 0) -> dict[str, Any]:
    return {"everpilot": VERB, "do": do, "card": card["id"], "digest": card["digest"], "page": page}


def _card(body: list[Element], fallback: str) -> Element:
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "fallbackText": safe_markdown(fallback),
        "body": body,
    }


def _mark(outcome: Settled, number: int) -> str:
    done = outcome.status == "approved" and (not outcome.steps or number in outcome.steps)
    return "✓" if done else "…" if outcome.status == "working" else "–"


def _block(text: str, **look: Any) -> Element:
    """Return a paragraph of our own words: text blocks know Markdown, so nobody else's may stand in one."""
    return {"type": "TextBlock", "text": text, "wrap": True, **look}


def _timed(text: str) -> Element:
    """Return a line of our own words with a moment, which the client writes in the reader's time (Text features)."""
    return _block(text, isSubtle=True, size="small")


def _moment(when: datetime) -> str:
    stamp = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{{{{DATE({stamp}, SHORT)}}}} {{{{TIME({stamp})}}}}"


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
