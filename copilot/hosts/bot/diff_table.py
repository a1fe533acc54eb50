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
    """Yield a text in pieces that a page can hold."""
    for at in range(0, len(text), most):
        yield text[at : at + most]


def run(text: str, **look: Any) -> Element:
    """Return a stretch of text, made safe before; long words may break, lest a narrow column cuts them off."""
    return {"type": "TextRun", "text": _LONG.sub("\\g<0>\u200b", text), **look}


def rich(*runs: Element, **more: Any) -> Element:
    """Return a paragraph of text runs. A card refuses one without text, so an empty one holds a space."""
    return {"type": "RichTextBlock", "inlines": [r for r in runs if r["text"]] or [run(" ")], **more}


def rows(hunks: Iterable[Mapping[str, Any]], words: Words, *, sent: bool = False) -> Iterator[Row]:
    """Yield the rows of a change (`Change.to_dict`, its hunks), all of it: long texts take several.

    What is `sent` replaces nothing: its parts stand there as they go out.
    """
    given = [
        {
            "where": short(plain(hunk.get("where", "")), _MOST_WHERE),
            "before": plain(hunk.get("before", ""), lines=True),
            "after": plain(hunk.get("after", ""), lines=True),
            "kind": str(hunk.get("kind", "text")),
        }
        for hunk in hunks
    ]
    for entry in told(given):
        where = entry.where
        for number, cell in enumerate(_cells(entry, words, sent)):
            yield Row(where if not number else words.continued.format(where=where), tuple(cell))


def _cells(entry: Told, words: Words, sent: bool) -> Iterator[list[Element]]:
    """Yield what stands in the second column: both sides in one cell, if they are short."""
    if entry.kind == "moved":
        sides = [*_texts(words.moved.format(there=entry.there), entry.before, "accent")]
    elif sent and not entry.before:
        sides = [*_texts("", entry.after, "default")]
    else:
        sides = [*_texts(words.removed, entry.before, "attention"), *_texts(words.added, entry.after, "good")]
    if len(sides) == 2 and size(sides) <= 2 * _MOST:
        yield sides
        return
    yield from ([each] for each in sides or [rich(run(" "))])


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
        "columns": [{"width": 1}, {"width": 3}],
        "firstRowAsHeader": True,
        "gridStyle": "default",
        "rows": [head, *body],
    }


def _row(where: Element, cell: Sequence[Element]) -> Element:
    cells = [{"type": "TableCell", "items": [where]}, {"type": "TableCell", "items": list(cell)}]
    return {"type": "TableRow", "cells": cells}
