"""A template's marks made elements of their own, so that filling it is only a walk over them.

Every mark becomes an `<ep-mark n="7"/>` where it stands. The marks of a loop or condition come to stand beside what
they hold: runs, paragraphs or rows. A paragraph or row with nothing but such marks goes into the first of them, from
where it comes back when the loop is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from copilot.documents.word import text
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, every, name, within
from copilot.documents.word.templates import mergefields
from copilot.documents.word.templates.elements import copied, drop_empty, new_mark, remove
from copilot.documents.word.templates.marks import MARK, Mark, read, refuse_unclosed
from copilot.documents.word.templates.pairing import Pair, Placed, pair

_FLOWS = ("w:txbxContent", "w:footnote", "w:endnote", "w:comment", "w:hdr", "w:ftr", "w:body")
_CONTROL = ("each", "if", "else", "end")
_STORIES = ("body", "header", "footer", "footnote", "endnote")


@dataclass
class Compiled:
    """The marks of a document by number, which belong together, and the parts that hold them."""

    marks: list[Mark] = field(default_factory=list)
    #: Number of the end, and of the else, by that of the beginning of a loop or condition.
    ends: dict[int, int] = field(default_factory=dict)
    elses: dict[int, int] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    #: Words and place of what asks for data but can't be filled: fields of other kinds.
    strange: list[tuple[str, str]] = field(default_factory=list)

    def note(self, pairs: list[Pair]) -> None:
        """Note which marks belong together."""
        for each in pairs:
            if each.end is not None:
                self.ends[each.begin.mark.number] = each.end.mark.number
            if each.middle is not None:
                self.elses[each.begin.mark.number] = each.middle.mark.number


def compiled(document: Document) -> Compiled:
    """Make the marks of a document elements, in its trees, and return them.

    Raises ToolInputError that names mark and place: one that can't be read, is not closed, or stands where its
    partner can't be reached.
    """
    made = Compiled()
    places = _Places(document)
    stories = [story for story in document.stories if story.kind in _STORIES]
    for part in dict.fromkeys(story.part for story in stories):
        before = len(made.marks)
        _compile(document, part, made, places)
        if len(made.marks) > before:
            made.parts.append(part)
    return made


class _Places:
    """Where paragraphs stand, as a message has it; the blocks of a document are counted when the first is asked for."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _known(self) -> dict[Element, str]:
        return {block.element: block.where for block in self._document.blocks if block.kind == "paragraph"}

    def of(self, element: Element) -> str:
        """Return the place of a paragraph, or of the one around an element."""
        found = (self._known[each] for each in (element, *element.iterancestors()) if each in self._known)
        return next(found, "the document")


def _compile(document: Document, part: str, made: Compiled, places: _Places) -> None:
    root = document.package.xml(part)
    placed = _place_fields(root, made, places)
    marked = [within(each, "w:p") for each in every(root, "t") if "{" in (each.text or "") or len(each)]
    paragraphs = [each for each in dict.fromkeys(marked) if each is not None]
    fields = document.fresh_fields(part) if placed else document.fields(part) if paragraphs else {}
    flows: dict[Element, list[Placed]] = {}
    for paragraph in paragraphs:
        for each in _place_marks(paragraph, fields, places, made):
            if each.mark.kind in _CONTROL:
                flows.setdefault(_flow(paragraph), []).append(each)
    for marks in flows.values():
        made.note(pair(marks))


def _flow(paragraph: Element) -> Element:
    ancestors = [each for each in paragraph.iterancestors() if name(each) in _FLOWS]
    return ancestors[0] if ancestors else paragraph


# Placing


def _place_fields(root: Element, made: Compiled, places: _Places) -> bool:
    """Make merge fields marks that hold their runs (17.16.5.35)."""
    found = False
    for asked in mergefields.fields(root):
        where = places.of(asked.elements[0])
        if not asked.known:
            made.strange.append((asked.code, where))
            continue
        copy = within(asked.elements[0], "mc:Fallback") is not None
        mark = Mark(len(made.marks), asked.code, "field", asked.name, where, asked.filters, copy=copy)
        made.marks.append(mark)
        element = new_mark(root, mark)
        asked.elements[0].addprevious(element)
        element.extend(asked.elements)
        found = True
    return found


def _place_marks(paragraph: Element, fields: text.Fields, places: _Places, made: Compiled) -> list[Placed]:
    line = text.line(paragraph, fields)
    if "{{" not in line.text:
        return []
    where = places.of(paragraph)
    refuse_unclosed(line.text, where)
    placed: list[Placed] = []
    found = []
    for match in MARK.finditer(line.text):
        mark = read(match[0], len(made.marks), where, copy=within(paragraph, "mc:Fallback") is not None)
        if mark is None:
            continue
        if not line.is_free(*match.span()):
            made.strange.append((match[0], where))
            continue
        made.marks.append(mark)
        found.append((mark, match.start(), match.end()))
    for mark, start, end in reversed(found):
        element = new_mark(paragraph, mark)
        _put(line, start, end, element)
        placed.insert(0, Placed(mark, element, paragraph))
    return placed


def _put(line: text.Line, start: int, end: int, element: Element) -> None:
    """Put an element in place of [start, end) of a line, in the run of its first character."""
    touched = line.touched(start, end)
    target = next(piece for piece in touched if piece.kind == "text")
    for piece in touched:
        if piece is not target:
            _shorten(piece, min(end, piece.end) - piece.start)
    at, until = start - target.start, min(end, target.end) - target.start
    tail = target.raw[until:]
    target.element.addnext(element)
    if tail:
        rest = target.element.makeelement(target.element.tag, copied(target.element))
        text.fill(rest, tail)
        element.addnext(rest)
    target.raw = target.raw[:at]
    text.fill(target.element, target.raw)
    if not target.raw:
        remove(target.element)


def _shorten(piece: text.Piece, by: int) -> None:
    """Take the first characters of a piece away, and what is empty then."""
    if piece.kind == "text" and len(piece.raw) > by:
        piece.raw = piece.raw[by:]
        text.fill(piece.element, piece.raw)
        return
    remove(piece.element)
    if piece.run is not None:
        drop_empty(piece.run)
