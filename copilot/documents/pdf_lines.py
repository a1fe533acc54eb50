"""Lines of a PDF page put together to paragraphs again: the format knows only where glyphs stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_ITEM = re.compile(r"(?:[•●▪◦‣–·*\ue000-\uf8ff]|[-o]\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]\s)")
_NUMBERED = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[IVX]{1,5}\.|(?:Chapter|Section|Article|Part|Appendix|Annex)\s+\w+[.:]?)\s+[A-ZÀ-Þ]"
)
_ENDS_IN_FIGURE = re.compile(r"\d[\d.,]*\s?[%€$£]?\Z")  # a row of a table: the next one begins a new row
_TERMINAL = re.compile(r"[.!?:;…][\"'”’)\]]*\Z")
_LONGEST_HEADING = 100  # characters


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: `x` and `y` of its start in points (y grows upwards), `size` of its largest letters."""

    text: str
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item or heading; `level` counts from 1 for headings, 0 for all else."""

    text: str
    kind: str
    level: int = 0


class LineCollector:
    """Takes the pieces that pypdf hands to a text visitor, and gives lines."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._text = ""
        self._start: tuple[float, float] | None = None
        self._size = 0.0

    def visit(self, text: str, cm: Sequence[float], tm: Sequence[float], _font: object, size: float) -> None:
        """Take one piece of text with its matrices (ISO 32000-1, 8.3.4); the signature is pypdf's."""
        for number, part in enumerate(text.split("\n")):
            if number:
                self.finish()
            if part.strip():
                if self._start is None:
                    self._start = (tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5])
                scale = abs(tm[3] or tm[1]) * abs(cm[3] or cm[1])
                self._size = max(self._size, round(size * scale, 1))
            self._text += part

    def finish(self) -> None:
        """End the present line."""
        text = re.sub(r"\s+", " ", self._text.replace("\x00", "")).strip()
        if text:
            x, y = self._start or (0.0, 0.0)
            self.lines.append(Line(text, x, y, self._size))
        self._text, self._start, self._size = "", None, 0.0


def blocks(lines: Sequence[Line], body: float, titles: dict[str, int]) -> list[Block]:
    """Return the paragraphs, items and headings of one page.

    `body` is the size of the document's ordinary text, `titles` its bookmarks by text with their depth.
    """
    found: list[list[Line]] = []
    usual = _usual_gap(lines)
    widest = max((len(line.text) for line in lines), default=0)
    for line in lines:
        if found and _goes_on(found[-1], line, usual, widest, titles):
            found[-1].append(line)
        else:
            found.append([line])
    return [_block(group, body, titles) for group in found]


def _usual_gap(lines: Sequence[Line]) -> float:
    """Return the usual distance between lines of one paragraph, in letter sizes."""
    gaps = [
        (above.y - below.y) / above.size
        for above, below in pairwise(lines)
        if above.size and abs(above.size - below.size) < 0.5 and 0.5 < (above.y - below.y) / above.size < 3
    ]
    return median(gaps) if gaps else 1.25


def _goes_on(group: list[Line], line: Line, usual: float, widest: int, titles: dict[str, int]) -> bool:
    last = group[-1]
    if _folded(last.text) in titles or _folded(line.text) in titles or _ITEM.match(line.text):
        return False
    if abs(last.size - line.size) > 0.08 * max(last.size, line.size):
        return False
    gap = (last.y - line.y) / last.size if last.size else usual
    if gap > 1.3 * usual or gap < -0.5:
        return gap < -0.5 and not _TERMINAL.search(last.text) and line.text[:1].islower()
    if _NUMBERED.match(line.text) and len(line.text) < _LONGEST_HEADING:
        return False
    if _TERMINAL.search(last.text):
        return len(last.text) > 0.75 * widest and line.x <= group[0].x + line.size
    if _ENDS_IN_FIGURE.search(last.text) and not line.text[:1].islower() and len(last.text) < 0.9 * widest:
        return False
    # A short line without an end mark before a new sentence stands for itself: a heading, a label, a table cell.
    return len(last.text) > 0.5 * widest or line.text[:1].islower()


def _block(group: list[Line], body: float, titles: dict[str, int]) -> Block:
    text = join(line.text for line in group)
    first = group[0]
    if level := titles.get(_folded(text), 0):
        return Block(text, "heading", level)
    if _ITEM.match(first.text) and not (first.size > 1.12 * body and _NUMBERED.match(text)):
        return Block(text, "list")
    short = len(text) <= _LONGEST_HEADING and len(group) <= 3 and not re.search(r"[.;,!]\Z", text)
    if short and any(c.isalpha() for c in text):
        if first.size > 1.12 * body:
            return Block(text, "heading", 1 if first.size > 1.5 * body else 2)
        if _NUMBERED.match(text) and len(group) == 1:
            return Block(text, "heading", 2 + min(text.split()[0].rstrip(".").count("."), 3))
        if len(group) == 1 and len(text) > 3 and text.isupper():
            return Block(text, "heading", 3)
    return Block(text, "paragraph")


def _folded(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()


def folded_titles(titles: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return bookmarks as `blocks` wants them: by folded text."""
    return {_folded(text): level for text, level in titles if _folded(text)}


def join(lines: Iterable[str]) -> str:
    """Return hard-wrapped lines as one text; a word cut by a hyphen at the end of a line is whole again."""
    text = ""
    for line in lines:
        if text.endswith("\u00ad") or (re.search(r"[a-zà-ÿ]-\Z", text) and re.match(r"[a-zà-ÿ]", line)):
            text = text[:-1] + line
        elif text.endswith(("-", "/")) and not text.endswith((" -", "--", " /")):
            text += line
        else:
            text = f"{text} {line}" if text else line
    return text.replace("\u00ad", "")


def body_size(pages: Iterable[Sequence[Line]]) -> float:
    """Return the letter size that most of the text has, in points; 12 when nothing is known."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 12.0


def repeated_edges(pages: Sequence[Sequence[Line]]) -> dict[str, str]:
    """Return the lines that stand at the top or bottom of most pages, with "header" or "footer"; numbers are wild."""
    if len(pages) < 3:
        return {}
    tops, bottoms = Counter[str](), Counter[str]()
    for lines in pages:
        tops.update({wild(line.text) for line in lines[:2]})
        bottoms.update({wild(line.text) for line in lines[-2:]})
    enough = max(3, round(0.6 * len(pages)))
    return {t: "footer" for t, n in bottoms.items() if n >= enough} | {
        t: "header" for t, n in tops.items() if n >= enough
    }


def wild(text: str) -> str:
    """Return a line with its numbers made equal, so that "Page 3 of 9" is the same on every page."""
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", text.strip().casefold())
