"""A change as elements of an Adaptive Card: a table of what goes and what comes, told apart by word and by colour.

Text of documents stands in text runs only: they know no Markdown, so nothing in it becomes a link, a picture or a
heading (Adaptive Cards, RichTextBlock and TextRun, 1.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.documents.worddiff import Span, Told, told
from copilot.hosts.bot.words import Words
from copilot.trust.sanitise import safe_text

Element = dict[str, Any]
#: Characters of one text in one row; longer ones go on in the next row, and so on the next page if need be.
_MOST = 1_000
_MOST_WHERE = 400
#: Characters of two values that stand in one line.
_MOST_LINE = 80
#: Cards replace {{DATE(…)}} and {{TIME(…)}} also in text runs (Text features): a document's own must stay as it is.
_FUNCTION = re.compile(r"\{(?=\{)")
_LONG = re.compile(r"\S{40}(?=\S)")
_LOOKS: dict[str, dict[str, Any]] = {
    "removed": {"color": "attention", "strikethrough": True},
    "added": {"color": "good", "weight": "bolder"},
    "same": {},
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a place, and what changes there."""

    where: str
    cell: tuple[Element, ...]


def size(element: Any) -> int:
    """Return how many bytes something has as JSON, if every character beyond ASCII is escaped: the most it can have."""
    return len(json.dumps(element, separators=(",", ":")))


def plain(text: object, *, lines: bool = False) -> str:
    """Return text of somebody else as a card shows it, unchanged but for what nobody would see."""
    return _FUNCTION.sub("{ ", safe_text(str(text), lines=lines))


def short(text: str, most: int) -> str:
    """Return a text of at most `most` characters; one that is cut ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def chunks(text: str, most: int = _MOST) -> Iterator[str]:
    """Yield a text in pieces that a page can hold, which end where a line or a word does, if one does in good time."""
    while len(text) > most:
        line, word = text.rfind("\n", most // 2, most), text.rfind(" ", most // 2, most)
        at = line + 1 or word + 1 or most
        yield text[:at]
        text = text[at:]
    if text:
        yield text


def run(text: str, **look: Any) -> Element:
    """Return a stretch of text, made safe before; long words may break, lest a narrow column cuts them off."""
    return {"type": "TextRun", "text": _LONG.sub("\\g<0>\u200b", text), **look}


def rich(*runs: Element, **more: Any) -> Element:
    """Return a paragraph of text runs. A card refuses one without text, so an empty one holds a space."""
    return {"type": "RichTextBlock", "inlines": [r for r in runs if r["text"]] or [run(" ")], **more}


def entries(hunks: Iterable[Mapping[str, Any]]) -> list[Told]:
    """Return the entries of a change (`Change.to_dict`, its hunks), without what nobody would see."""
    given = [
        {
            "where": plain(hunk.get("where", "")),
            "before": plain(hunk.get("before", ""), lines=True),
            "after": plain(hunk.get("after", ""), lines=True),
            "kind": str(hunk.get("kind", "text")),
        }
        for hunk in hunks
    ]
    return told(given)


def rows(hunks: Iterable[Mapping[str, Any]], words: Words, *, sent: bool = False) -> Iterator[Row]:
    """Yield the rows of a change (`Change.to_dict`, its hunks), all of it: long texts take several.

    What is `sent` replaces nothing: its parts stand there as they go out.
    """
    for entry in entries(hunks):
        where = short(entry.where, _MOST_WHERE)
        for number, cell in enumerate(_cells(entry, words, sent)):
            yield Row(where if not number else words.continued.format(where=where), tuple(cell))


def _cells(entry: Told, words: Words, sent: bool) -> Iterator[list[Element]]:
    """Yield what stands in the second column: both sides in one cell, if they are short; two values in one line."""
    if (line := _values(entry, words)) is not None:
        yield [line]
        return
    if entry.kind == "moved":
        sides = [*_texts(words.moved.format(there=short(entry.there, _MOST_WHERE)), entry.before, "accent")]
    elif sent and not entry.before:
        sides = [*_texts("", entry.after, "default")]
    else:
        gone, come = (words.before, words.after) if entry.before and entry.after else (words.removed, words.added)
        sides = [*_texts(gone, entry.before, "attention"), *_texts(come, entry.after, "good")]
    if len(sides) == 2 and size(sides) <= 2 * _MOST:
        yield sides
        return
    yield from ([each] for each in sides or [rich(run(" "))])


def _values(entry: Told, words: Words) -> Element | None:
    """Return the two values of a cell, or the two formats of a text, in a line, None for what is none or too long."""
    before, after = ("".join(span.text for span in side) for side in (entry.before, entry.after))
    short_ones = before and after and len(before + after) <= _MOST_LINE and "\n" not in before + after
    if entry.kind not in ("cell", "format") or not short_ones:
        return None
    gone = {"strikethrough": True} if entry.kind == "cell" else {}
    new = run(after, color="good", weight="bolder")
    return rich(run(before, color="attention", **gone), run(words.becomes), new)


def _texts(label: str, spans: Sequence[Span], color: str) -> Iterator[Element]:
    """Yield the paragraphs of one side of a change, each begun with the word that says which side it is."""
    whole = len(spans) == 1  # new or gone as a whole: coloured, not struck through word by word
    waiting: list[Element] = []
    count = 0
    for span in spans:
        for text in chunks(span.text):
            if waiting and count + len(text) > _MOST:
                yield rich(run(label, color=color, weight="bolder"), *waiting)
                waiting, count = [], 0
            look: dict[str, Any] = {"color": color} if whole else _LOOKS[span.kind]
            waiting.append(run(text, **look))
            count += len(text)
    if waiting:
        yield rich(run(label, color=color, weight="bolder"), *waiting)


def table(shown: Sequence[Row], words: Words) -> Element:
    """Return rows as a table with its heads (Adaptive Cards 1.5, Table)."""
    head = _row(rich(run(words.where, weight="bolder")), (rich(run(words.change, weight="bolder")),))
    body = [_row(rich(run(row.where, isSubtle=True)), row.cell) for row in shown]
    return {
        "type": "Table",
        "columns": [{"width": 2}, {"width": 5}],
        "firstRowAsHeader": True,
        "gridStyle": "default",
        "rows": [head, *body],
    }


def _row(where: Element, cell: Sequence[Element]) -> Element:
    cells = [{"type": "TableCell", "items": [where]}, {"type": "TableCell", "items": list(cell)}]
    return {"type": "TableRow", "cells": cells}
