"""An Adaptive Card (filled, see templating.py) as Markdown: what a person would see of it, in the order they see it.

Elements of the schema 1.0 to 1.6. Links and images are written with their full target; buttons that need a host that
answers them are named. The text is made safe at the end (trust/sanitise): a card's words are an API's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from copilot.plugins.cards.dates import moment, written
from copilot.plugins.cards.functions import shortened
from copilot.trust.sanitise import safe_markdown, safe_text

#: Limits: depth of elements, elements, characters of the whole and of one text.
MOST_DEPTH, MOST_ELEMENTS, MOST_CHARACTERS, MOST_TEXT = 40, 5_000, 60_000, 20_000
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)[^\s<>\"]{1,2000}\Z", re.IGNORECASE)
#: `{{DATE(2024-02-01T10:00:00Z, SHORT)}}` in a TextBlock ("Text features", date and time functions).
_DATE = re.compile(r"\{\{\s*(DATE|TIME)\s*\(\s*([^(),]{1,60}?)\s*(?:,\s*(\w+)\s*)?\)\s*\}\}")
_DATES = {"COMPACT": "d", "SHORT": "ddd, MMM d, yyyy", "LONG": "D"}


def markdown(card: Any) -> str:
    """Return the card as safe Markdown, "" for one that shows nothing; what is beyond the limits is cut, and told."""
    writer = _Writer(_toggled(card))
    parts, size = [], 0
    for block in writer.element(card, 0):
        parts.append(block)
        size += len(block)
        if size > MOST_CHARACTERS:
            parts.append("[cut: the card goes on]")
            break
    return safe_markdown("\n\n".join(parts)).strip()


class _Writer:
    """Yields the blocks of elements; `shown` are ids of hidden ones that a button of the card makes visible."""

    def __init__(self, shown: frozenset[str]) -> None:
        self._shown = shown
        self._left = MOST_ELEMENTS

    def element(self, element: Any, depth: int) -> Iterator[str]:
        """Yield what one element shows; nothing for what is none."""
        self._left -= 1
        if not isinstance(element, dict) or depth > MOST_DEPTH or self._left < 0:
            return
        if element.get("isVisible") is False and str(element.get("id")) not in self._shown:
            return
        kind = str(element.get("type", ""))
        write = _ELEMENTS.get(kind) or (_Writer.action if kind.startswith("Action.") else None)
        write = write or (_Writer.input if kind.startswith("Input.") else _Writer.other)
        yield from write(self, element, depth + 1)
        if isinstance(element.get("selectAction"), dict):
            yield from self.action(element["selectAction"], depth + 1)

    def each(self, elements: Any, depth: int) -> Iterator[str]:
        """Yield what a list of elements shows."""
        for element in elements if isinstance(elements, list) else [elements]:
            yield from self.element(element, depth)

    def card(self, card: dict[str, Any], depth: int) -> Iterator[str]:
        yield from self.each(card.get("body"), depth)
        yield from self.each(card.get("actions"), depth)

    def items(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        for key in ("items", "cells", "pages", "images", "actions"):
            yield from self.each(element.get(key), depth)

    def text(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        text = _worded(element.get("text"))
        if not text:
            return
        plain = "\n" not in text and not set(text) & set("*_")
        if element.get("style") == "heading" and plain:
            text = f"### {text}"
        elif str(element.get("weight", "")).lower() == "bolder" and plain:
            text = f"**{text}**"
        yield text

    def rich(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        runs = element.get("inlines")
        parts = [_run(run) for run in runs] if isinstance(runs, list) else []
        if text := "".join(parts).strip():
            yield text

    def facts(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        facts = [f for f in _maps(element.get("facts")) if f.get("value") not in (None, "")]
        lines = [f"- {_line(f.get('title')).rstrip(':')}: {_line(f.get('value'))}" for f in facts]
        if lines:
            yield "\n".join(lines)

    def columns(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        """Yield columns that have one line each beside each other, others below each other."""
        columns = [list(self.element({"type": "Column", **c}, depth)) for c in _maps(element.get("columns"))]
        if all(len(blocks) <= 1 and "\n" not in "".join(blocks) for blocks in columns):
            columns = [[" · ".join(block for blocks in columns for block in blocks)]]
        yield from (block for blocks in columns for block in blocks if block)

    def table(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        rows = [self._row(row, depth) for row in _maps(element.get("rows"))]
        width = max(map(len, rows), default=0)
        if not width:
            return
        if element.get("firstRowAsHeader") is False:
            rows.insert(0, [""] * width)
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
        yield "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])

    def _row(self, row: dict[str, Any], depth: int) -> list[str]:
        cells = (self.element({"type": "TableCell", **cell}, depth + 1) for cell in _maps(row.get("cells")))
        return [" ".join(" ".join(cell).split()).replace("|", "\\|") for cell in cells]

    def image(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        address = _address(element.get("url"))
        name = _line(element.get("altText"))
        if address or name:
            yield f"Image: {name}{' ' if name and address else ''}{f'({address})' if address else ''}"

    def media(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        addresses = [a for source in _maps(element.get("sources")) if (a := _address(source.get("url")))]
        yield f"Media: {_line(element.get('altText'))} ({', '.join(addresses)})"

    def code(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        if text := shortened(element.get("codeSnippet"), MOST_TEXT).replace("```", "'''"):
            yield f"```\n{text}\n```"

    def input(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        label = _line(element.get("label") or element.get("placeholder") or element.get("title") or element.get("id"))
        value = _line(element.get("value"))
        if label or value:
            yield f"{label or 'Input'}: {value or '(to be filled in)'}"

    def action(self, action: dict[str, Any], depth: int) -> Iterator[str]:
        """Yield where a button leads; one that an application would have to answer is only named."""
        kind, title = action.get("type"), _line(action.get("title"))
        if kind == "Action.OpenUrl":
            if address := _address(action.get("url")):
                yield f"{title or 'Open'} ({address})"
        elif kind == "Action.ShowCard":
            yield from [f"**{title}**"] if title else []
            yield from self.element(action.get("card"), depth)
        elif kind != "Action.ToggleVisibility" and title:
            yield f"(button: {title})"

    def other(self, element: dict[str, Any], depth: int) -> Iterator[str]:
        """Yield what can be shown of an element that is not known: its fallback, else its text and what it holds."""
        fallback = element.get("fallback")
        if isinstance(fallback, dict):
            yield from self.element(fallback, depth)
            return
        yield from self.text(element, depth)
        yield from self.items(element, depth)
        yield from self.each(element.get("body"), depth)


_ELEMENTS: dict[str, Callable[[_Writer, dict[str, Any], int], Iterator[str]]] = {
    "AdaptiveCard": _Writer.card,
    **dict.fromkeys(
        ("Container", "Column", "TableCell", "ActionSet", "ImageSet", "Carousel", "CarouselPage"), _Writer.items
    ),
    "TextBlock": _Writer.text,
    "RichTextBlock": _Writer.rich,
    "FactSet": _Writer.facts,
    "ColumnSet": _Writer.columns,
    "Table": _Writer.table,
    "Image": _Writer.image,
    "Media": _Writer.media,
    "CodeBlock": _Writer.code,
}


def _maps(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _worded(value: Any) -> str:
    return _spaced(value).strip()


def _spaced(value: Any) -> str:
    return _DATE.sub(_dated, shortened(value, MOST_TEXT))


def _line(value: Any) -> str:
    return " ".join(_worded(value).split())


def _run(run: Any) -> str:
    return _spaced(run.get("text") if isinstance(run, dict) else run)


def _dated(match: re.Match[str]) -> str:
    """Return a date or a time as it is written, with its zone: nobody here knows the reader's."""
    try:
        at = moment(match[2])
        if match[1] == "TIME":
            return f"{written(at, 't')} {written(at, 'zzz') if at.utcoffset() else 'UTC'}"
        return written(at, _DATES.get((match[3] or "COMPACT").upper(), "d"))
    except (ValueError, OverflowError):
        return match[0]


def _address(value: Any) -> str:
    """Return an address that a person could go to, "" for scripts, data and whatever is none."""
    text = safe_text(shortened(value, 4_000)).strip()
    return text.replace("(", "%28").replace(")", "%29") if _ADDRESS.match(text) else ""


def _toggled(card: Any) -> frozenset[str]:
    """Return the ids of elements that a button of the card shows and hides."""
    found: set[str] = set()
    waiting, left = [card], MOST_ELEMENTS * 10
    while waiting and (left := left - 1):
        each = waiting.pop()
        if isinstance(each, dict):
            targets = each.get("targetElements") if each.get("type") == "Action.ToggleVisibility" else None
            for target in targets if isinstance(targets, list) else []:
                found.add(str(target.get("elementId") if isinstance(target, dict) else target))
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return frozenset(found)
