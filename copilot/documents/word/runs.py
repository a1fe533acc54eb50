"""Runs cut at a place in the text, so that a stretch of words has runs of its own."""

from __future__ import annotations

import copy

from copilot.documents.word import text
from copilot.documents.word.names import XML_SPACE, Element, child, name, new
from copilot.documents.word.text import Fields, Line, Piece
from copilot.errors import ToolInputError

#: Attributes that name one element only, and so must not stand on a copy of it.
_OWN = ("paraId", "textId")


def stretch(paragraph: Element, fields: Fields, start: int, end: int, where: str) -> list[Element]:
    """Return the runs of the text [start, end) of a paragraph, cut so that they hold nothing else.

    Raises ToolInputError "fixed" when an equation or symbol stands in it. `where` is for the message.
    """
    for offset in (end, start):
        _cut(text.line(paragraph, fields), offset, where)
    line = text.line(paragraph, fields)
    touched = line.touched(start, end)
    if any(piece.kind == "fixed" for piece in touched):
        raise fixed(where)
    return list(dict.fromkeys(piece.run for piece in touched if piece.run is not None))


def fixed(where: str) -> ToolInputError:
    """Return the error for a place that is part of an equation or a symbol."""
    hint = "Choose words beside it."
    return ToolInputError(f"An equation or symbol stands in the way in {where}.", hint=hint, code="fixed")


def cut(line: Line, offset: int, where: str) -> Element | None:
    """Return the first run at or behind a place in the text, cut so that it begins there; None at the end.

    Raises ToolInputError "fixed" in the middle of an equation. The line has to be read anew.
    """
    _cut(line, offset, where)
    following = [p for p in line.pieces if p.start >= offset and p.run is not None and p.length]
    return following[0].run if following else None


def _cut(line: Line, offset: int, where: str) -> None:
    piece = next((p for p in line.pieces if p.length and p.start <= offset < p.end), None)
    if piece is None or offset == 0:
        return
    if piece.kind == "fixed":
        if piece.start < offset:
            raise fixed(where)
        return
    if piece.start < offset:
        _cut_text(piece, offset - piece.start)
    elif piece.run is not None and _begins_run(piece):
        return
    else:
        _cut_run(piece, piece.element)


def _cut_text(piece: Piece, at: int) -> None:
    """Cut a `w:t` in two, and its run between them. The piece goes on with the second half, in a run of its own."""
    raw = piece.raw
    tail = hollow(piece.element)
    text.fill(piece.element, raw[:at])
    text.fill(tail, raw[at:])
    for half in (piece.element, tail):
        half.set(XML_SPACE, "preserve")
    piece.element.addnext(tail)
    piece.element, piece.raw = tail, raw[at:]
    piece.text, piece.start, piece.length = piece.text[at:], piece.start + at, piece.length - at
    _cut_run(piece, tail)


def _cut_run(piece: Piece, first: Element) -> None:
    """Move `first` and what follows it in its run into a new run behind it."""
    run = first.getparent()
    if run is None or name(run) != "w:r":
        return
    made = like(run)
    following = [first, *first.itersiblings()]
    _add_after(run, made)
    made.extend(following)
    piece.run = made


def _begins_run(piece: Piece) -> bool:
    before = [each for each in piece.element.itersiblings(preceding=True) if name(each) not in ("w:rPr", "")]
    return not before


def hollow(element: Element) -> Element:
    """Return an element with the tag and the attributes of another one, and nothing in it."""
    made = element.makeelement(element.tag)
    for key, given in element.attrib.items():
        made.set(key, given)
    return made


def like(run: Element) -> Element:
    """Return an empty run with the attributes and the properties of another one."""
    made = new(run, "r")
    for key, given in run.attrib.items():
        if str(key).rpartition("}")[2] not in _OWN:
            made.set(key, given)
    if (properties := child(run, "w:rPr")) is not None:
        kept = copy.deepcopy(properties)
        kept.tail = None
        made.append(kept)
    return made


def _add_after(element: Element, added: Element) -> None:
    tail, element.tail = element.tail, None
    element.addnext(added)
    added.tail = tail
