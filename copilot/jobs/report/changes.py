"""The changes of a document as HTML: texts by words, cells as a table, what would be sent as it will be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from copilot.documents.worddiff import Span, Told, told
from copilot.jobs.job import Edit
from copilot.jobs.report.markup import MOST as MOST_OF_TEXT
from copilot.jobs.report.markup import cut, flag, folded, items, named, rows, text
from copilot.jobs.report.view import counted
from copilot.trust.sanitise import safe_text

#: Places of a change that are shown at once; the others open with a click.
AT_ONCE = 40
#: Characters of HTML that one change may take. Beyond, it is said that not all is shown.
MOST = 400_000
#: Pairs of characters that are compared by words in one change: seconds at the most.
_COMPARED = 40_000_000

_MARKS = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}


def edit(change: Edit, around: str = "", *, saved: bool = False) -> tuple[str, bool]:
    """Return a change as HTML, and whether all of it is shown. `saved` tells how to take it back.

    `around` is the path of the document under whose name it stands: that is not told once more.
    """
    shown, whole = places(change.hunks)
    head = "" if change.path == around else f'<p class="path">{named(change.path)} {text(change.summary)}</p>'
    parts = [head, _warnings(change.warnings), shown]
    if not change.hunks:
        parts.append(f'<p class="dim">{_bytes(change)}</p>')
    if saved and change.entry is not None:
        parts.append(f'<p class="dim">Taken back by: <code>everpilot undo {change.entry}</code></p>')
    return "".join(parts), whole


def card(asked: Mapping[str, Any]) -> tuple[str, bool]:
    """Return an approval card as HTML, what would go out and why it is asked, and whether all of it is shown."""
    found = [entry for entry in _list(asked.get("items")) if isinstance(entry, Mapping)]
    parts, whole = [], True
    for entry in found:
        shown, all_of_it = places([each for each in _list(entry.get("hunks")) if isinstance(each, Mapping)])
        whole = whole and all_of_it
        head = f"{named(entry.get('path') or entry.get('tool', ''))} {text(entry.get('summary', ''))}"
        parts.append(f'<p class="path">{head}</p>{_warnings(_list(entry.get("warnings")))}{shown}')
    return "".join(parts) + f'<p class="dim">{text(asked.get("why", ""))}</p>', whole


def places(hunks: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """Return the places of a change as HTML, and whether each is shown in full: what is cut says so."""
    long = any(map(_long, hunks))
    hunks = [_safe(hunk) for hunk in hunks]
    first, second = _places(hunks[:AT_ONCE]), _places(hunks[AT_ONCE:])
    shown, left = _within(first, MOST)
    more, left_more = _within(second, MOST - len(shown))
    if more:
        shown += folded(f"{counted(len(hunks) - AT_ONCE, 'more place')}", more)
    whole = not (left or left_more) and not long
    return shown + ("" if whole else f"<p>{flag('not shown in full', 'near')} It is too long for this page.</p>"), whole


def _within(parts: Iterator[str], room: int) -> tuple[str, bool]:
    """Return as much HTML as there is room for, and whether something was left out."""
    taken: list[str] = []
    for part in parts:
        if len(part) > room:
            return "".join(taken), True
        taken.append(part)
        room -= len(part)
    return "".join(taken), False


def _places(hunks: Sequence[Mapping[str, str]]) -> Iterator[str]:
    cells = [hunk for hunk in hunks if hunk["kind"] == "cell"]
    yield from map(_told, _entries([hunk for hunk in hunks if hunk["kind"] != "cell"]))
    if cells:
        yield rows(("Cell", "Before", "After"), "".join(map(_cell, cells)), "Cells that change", "cells")


def _entries(hunks: Sequence[Mapping[str, str]]) -> Iterator[Told]:
    """Yield hunks compared by words; once that took much work, the others are told as gone and come."""
    work = list(accumulate(len(hunk["before"]) * len(hunk["after"]) for hunk in hunks))
    some = sum(each <= _COMPARED for each in work)
    yield from told(hunks[:some])
    for hunk in hunks[some:]:
        gone, come = Span(hunk["before"], "removed"), Span(hunk["after"], "added")
        yield Told(hunk["where"], hunk["kind"], (gone,) if gone.text else (), (come,) if come.text else ())


def _told(entry: Told) -> str:
    there = f" → {text(entry.there)}" if entry.there else ""
    head = f'<p class="where">{text(entry.where)}{there}</p>'
    if entry.kind == "moved":
        return f'<div class="hunk">{head}{_line("↷", "moved", entry.before)}</div>'
    before = _line("−", "before", entry.before) if entry.before else ""
    after = _line("+", "after", entry.after) if entry.after else ""
    return f'<div class="hunk">{head}{before}{after}</div>'


def _line(sign: str, word: str, spans: Sequence[Span]) -> str:
    kind = f"{word} whole" if len(spans) == 1 and spans[0].kind != "same" else word  # nothing in it to stand out
    inside = "".join(_MARKS[span.kind].format(text(span.text, lines=True)) for span in spans)
    return f'<p class="{kind}" dir="auto"><b aria-hidden="true">{sign}</b><i class="unseen">{word}: </i>{inside}</p>'


def _cell(hunk: Mapping[str, str]) -> str:
    before, after = (text(hunk[side], lines=True) for side in ("before", "after"))
    old = f"<del>{before}</del>" if before else '<span class="dim">empty</span>'
    new = f"<ins>{after}</ins>" if after else '<span class="dim">empty</span>'
    return f'<tr><th scope="row">{text(hunk["where"])}</th><td dir="auto">{old}</td><td dir="auto">{new}</td></tr>'


def _safe(hunk: Mapping[str, Any]) -> dict[str, str]:
    """Return a hunk with texts that can be compared and shown, whatever was in it."""
    sides = {side: cut(safe_text(str(hunk.get(side) or ""), lines=True)) for side in ("before", "after")}
    return {"where": safe_text(str(hunk.get("where", ""))), "kind": str(hunk.get("kind", "text")), **sides}


def _long(hunk: Mapping[str, Any]) -> bool:
    return any(len(str(hunk.get(side) or "")) > MOST_OF_TEXT for side in ("before", "after"))


def _warnings(warnings: Iterable[Any]) -> str:
    return items((f"{flag('note', 'near')} {text(warning)}" for warning in warnings), "warnings")


def _bytes(change: Edit) -> str:
    if not change.before:
        return "A new file."
    return "The file is deleted." if not change.after else "No place in it can be told apart: see the file itself."


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
