"""Paragraphs of DrawingML (`a:p`): their text, and changing a stretch of it inside the runs it lies in."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from copilot.documents.powerpoint.names import Element, child, children, is_, like, tags
from copilot.errors import ToolInputError

# What XML 1.0 (2.2) can't hold.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a paragraph: its text, and the `a:t` that holds it (None for what can't be written into)."""

    text: str
    holder: Element | None
    element: Element


@dataclass(frozen=True, slots=True)
class Bullet:
    """A line of a text body; `level` 0 is the outermost."""

    text: str
    level: int = 0


def _pieces(parent: Element) -> Iterator[Piece]:
    """Yield the pieces of a paragraph. A line break counts as a newline; fields and formulas are not written into."""
    for element in parent:
        if is_(element, "a:r"):
            holder = child(element, "a:t")
            if holder is not None:
                yield Piece(holder.text or "", holder, element)
        elif is_(element, "a:br"):
            yield Piece("\n", None, element)
        elif is_(element, "a:fld"):
            holder = child(element, "a:t")
            yield Piece("" if holder is None else holder.text or "", None, element)
        elif is_(element, "mc:AlternateContent"):
            yield from _pieces(_first_choice(element))
        elif formula := "".join(t.text or "" for t in element.iter(*tags("m:t"))):
            yield Piece(formula, None, element)


def _first_choice(element: Element) -> Element:
    found = child(element, "mc:Choice")
    return element if found is None else found


def text_of(paragraph: Element) -> str:
    """Return the text of a paragraph, line breaks as newlines."""
    return "".join(piece.text for piece in _pieces(paragraph))


def parts_of(paragraph: Element) -> Iterator[tuple[Element, str]]:
    """Yield the runs, breaks and fields of a paragraph with their text."""
    yield from ((piece.element, piece.text) for piece in _pieces(paragraph))


def plain(element: Element | None) -> str:
    """Return the text of all paragraphs in `element`, one a line, without empty ones."""
    if element is None:
        return ""
    return "\n".join(text for p in element.iter(*tags("a:p")) if (text := text_of(p).strip()))


def replace_spans(paragraph: Element, spans: Sequence[tuple[int, int, str]]) -> int:
    """Write new text over stretches (start, end, text) of a paragraph; return how many could be written.

    The new text takes the format of the first run that it replaces. A stretch that touches a field or a formula is
    left alone; a line break inside one is removed.
    """
    done = 0
    for start, end, new in sorted(spans, reverse=True):
        done += _replace_span(paragraph, start, end, new)
    return done


def _replace_span(paragraph: Element, start: int, end: int, new: str) -> bool:
    touched: list[tuple[Piece, int, int]] = []
    position = 0
    for piece in _pieces(paragraph):
        stop = position + len(piece.text)
        if (position < end and stop > start) or (
            start == end and position <= start <= stop and not touched and piece.holder is not None
        ):
            touched.append((piece, max(start - position, 0), min(end, stop) - position))
        position = stop
    if not touched or any(p.holder is None and not is_(p.element, "a:br") for p, *_ in touched):
        return False
    first = next((i for i, (piece, *_) in enumerate(touched) if piece.holder is not None), None)
    if first is None:
        return False
    for i, (piece, left, right) in enumerate(touched):
        if piece.holder is None:
            _remove(piece.element)
            continue
        piece.holder.text = piece.text[:left] + (new if i == first else "") + piece.text[right:]
    _break_lines(touched[first][0])
    return True


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _break_lines(piece: Piece) -> None:
    """Turn newlines in a run into line breaks between runs of the same format."""
    run, holder = piece.element, piece.holder
    parent = run.getparent()
    if holder is None or parent is None or "\n" not in (holder.text or ""):
        return
    first, *rest = (holder.text or "").split("\n")
    holder.text = first
    at = parent.index(run)
    for line in rest:
        mark = etree.Element(like(run, "a:br"))
        look = child(run, "a:rPr")
        if look is not None:
            mark.append(copy.deepcopy(look))
        more = copy.deepcopy(run)
        target = child(more, "a:t")
        if target is not None:
            target.text = line
        parent[at + 1 : at + 1] = [mark, more]
        at += 2


def set_text(paragraph: Element, new: str) -> None:
    """Make `new` the text of a paragraph, changing only what differs between its first and its last new letter."""
    old = text_of(paragraph)
    if old == new:
        return
    if not any(piece.holder is not None for piece in _pieces(paragraph)):
        _fresh_run(paragraph, new)
        return
    start = _common(old, new)
    tail = _common(old[start:][::-1], new[start:][::-1])
    if not _replace_span(paragraph, start, len(old) - tail, new[start : len(new) - tail]):
        _fresh_run(paragraph, new)


def _common(one: str, other: str) -> int:
    """Return how many letters two texts share at their start."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _fresh_run(paragraph: Element, text: str) -> None:
    """Replace the content of a paragraph by one run in the format of its first one (or of its end mark)."""
    look = next(paragraph.iter(*tags("a:rPr")), None)
    if look is None:
        look = child(paragraph, "a:endParaRPr")
    look = copy.deepcopy(look)
    for element in list(paragraph):
        if not is_(element, "a:pPr", "a:endParaRPr"):
            paragraph.remove(element)
    run = etree.Element(like(paragraph, "a:r"))
    if look is not None:
        look.tag = like(paragraph, "a:rPr")
        run.append(look)
    holder = etree.SubElement(run, like(paragraph, "a:t"))
    holder.text = text
    end = child(paragraph, "a:endParaRPr")
    paragraph.insert(len(paragraph) if end is None else paragraph.index(end), run)
    _break_lines(Piece(text, holder, run))


def set_lines(body: Element, lines: Sequence[str]) -> None:
    """Make the lines the paragraphs of a text body; each keeps the format of the paragraph that it replaces."""
    present = children(body, "a:p")
    for paragraph in present[len(lines) :]:
        body.remove(paragraph)
    if not present:
        present = [etree.SubElement(body, like(body, "a:p"))]
    for i, line in enumerate(lines or [""]):
        if i < len(present):
            set_text(present[i], line)
        else:
            fresh = copy.deepcopy(children(body, "a:p")[-1])
            children(body, "a:p")[-1].addnext(fresh)
            set_text(fresh, line)
    if not lines:
        body.append(present[0])


def checked(text: str, what: str) -> str:
    """Return `text` with its line ends as newlines; raises ToolInputError for characters that no XML can hold."""
    if found := _ILLEGAL.search(text):
        raise ToolInputError(f"The {what} holds the character U+{ord(found[0]):04X}, which no document can hold.")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\v", "\n")
