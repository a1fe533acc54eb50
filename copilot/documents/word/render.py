"""One paragraph as text a model can read: links, notes, revisions and hidden text marked as what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from copilot.documents.segments import Segment
from copilot.documents.word import maths, text
from copilot.documents.word.blocks import Block
from copilot.documents.word.depicted import Depicted, depicted
from copilot.documents.word.document import Document
from copilot.documents.word.marks import Mark, Marks, targets
from copilot.documents.word.names import Element, name, relationship, value
from copilot.documents.word.revised import Revised, View, said
from copilot.documents.word.text import Piece, Trail
from copilot.documents.word.visibility import Visibility

DELETED = "tracked deletion"
ALT_TEXT = "alternative text"

#: A HYPERLINK field: its address, or with \\l a bookmark (17.16.5.25).
_HYPERLINK = re.compile(r'\s*HYPERLINK\s+(\\l\s+)?"([^"]*)"', re.IGNORECASE)
#: A reference to a bookmark or a note (17.16.5.51, 17.16.5.41).
_REFERENCE = re.compile(r'\s*(?:NOTE)?REF\s+"?([^\s"\\]+)', re.IGNORECASE)
#: Fields whose code matters to who edits the text: what they show comes from somewhere else.
_NAMED_FIELDS = frozenset({
    "MERGEFIELD", "IF", "=", "INCLUDETEXT", "INCLUDEPICTURE", "LINK", "DDE", "DDEAUTO", "DOCPROPERTY", "DOCVARIABLE",
    "FILLIN", "DATABASE", "NEXT",
})  # fmt: skip
_NOTES = {
    "w:footnoteReference": ("w:footnote", "[^{}]"),
    "w:endnoteReference": ("w:endnote", "[^e{}]"),
    "w:commentReference": ("w:comment", " [comment {}]"),
}
_END = "¶"  # a paragraph's end in a tracked change


@dataclass(frozen=True, slots=True)
class Rendered:
    """A paragraph: its visible text, the same with marks, what is hidden in it, and what can't be shown.

    `text` is what an address is made from. `further` are insertions (also part of the visible text) and the words of
    charts and other drawings.
    """

    text: str

    visible: str
    markdown: str
    hidden: tuple[Segment, ...] = ()
    omitted: tuple[str, ...] = ()
    further: tuple[Segment, ...] = ()
    flows: bool = False  # in this view the next paragraph goes on in the same line


@dataclass(frozen=True, slots=True)
class _State:
    """What neighbouring pieces share when they are shown together."""

    reason: str = ""
    inserted: str = ""
    deleted: str = ""
    target: str = ""
    field: str = ""
    format: str = ""
    single: Element | None = None  # a picture, a note's reference, an equation
    mark: str = ""


_PLAIN = _State()  # what most words are: one object, which costs no comparison


@dataclass
class _Line:
    """A paragraph while it is put together."""

    visible: str = ""
    markdown: str = ""
    change: str = ""  # the change that the last words stand in
    hidden: list[Segment] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)
    further: list[Segment] = field(default_factory=list)


class Renderer:
    """Renders the paragraphs of one document in a view; `flags` gathers what it meets."""

    def __init__(self, document: Document, view: View = "all") -> None:
        self._document = document
        self._view = view
        self._visibility = Visibility(document)
        self._numbers = {kind: document.note_numbers(kind) for kind, _ in _NOTES.values()}
        self._targets: dict[str, dict[str, str]] = {}
        self._marks: dict[str, Marks] = {}
        self._revised: dict[str, Revised] = {}
        self._said: dict[Element, str] = {}
        self._led_to: frozenset[str] | None = None
        self.flags: set[str] = set()

    def marks(self, part: str) -> Marks:
        """Return the marks of a part."""
        if part not in self._marks:
            if self._led_to is None:
                parts = dict.fromkeys(story.part for story in self._document.stories)
                self._led_to = targets([self._document.package.xml(each) for each in parts])
            self._marks[part] = Marks(self._document.package.xml(part), self._led_to)
        return self._marks[part]

    def revised(self, part: str) -> Revised:
        """Return the changes in properties of a part."""
        if part not in self._revised:
            self._revised[part] = Revised(self._document.package.xml(part))
        return self._revised[part]

    def paragraph(self, block: Block) -> Rendered:
        """Return a paragraph with everything in it marked."""
        part = block.story.part
        pieces = list(text.pieces(block.element, self._document.fields(part)))
        marks = self.marks(part).of(block.element)
        line = _Line()
        entries: Iterator[Piece | Mark] = _merged(block.element, pieces, marks) if marks else iter(pieces)
        states = ((self._state(each, block), each) for each in entries)
        for state, group in groupby(states, key=lambda pair: pair[0]):
            if state.mark:
                line.markdown += state.mark
            elif state.single is not None:
                self._single(line, state, next(group)[1], block)
            else:
                self._words(line, state, "".join(_text(each) for _, each in group), block)
        self._ended(line, block)
        flows = self.revised(part).flows(block.element, self._view)
        hidden, omitted, further = tuple(line.hidden), tuple(line.omitted), tuple(line.further)
        own = "".join(piece.text for piece in pieces if piece.trail.deleted is None)
        return Rendered(own, line.visible, line.markdown, hidden, omitted, further, flows)

    def _words(self, line: _Line, state: _State, words: str, block: Block, shown: str = "") -> None:
        if not words or self._is_out(state):
            return
        marked = self._marked(shown or words, state)
        line.markdown += marked
        line.change = state.deleted or state.inserted
        gone = bool(state.deleted) and self._view == "all"
        if state.reason or gone:
            hidden = DELETED if gone else state.reason
            line.hidden.append(_segment(words, state, block, hidden))
            return
        line.visible += words
        if state.inserted and self._view == "all":
            line.further.append(_segment(words, state, block, ""))

    def _is_out(self, state: _State) -> bool:
        """Return whether the view leaves this out."""
        return bool(state.deleted) if self._view == "clean" else self._view == "original" and bool(state.inserted)

    def _single(self, line: _Line, state: _State, piece: Piece | Mark, block: Block) -> None:
        if not isinstance(piece, Piece) or self._is_out(state):
            return
        if name(piece.element) in ("m:oMath", "m:oMathPara"):
            formula = maths.latex(piece.element)
            dollars = "$$" if name(piece.element) == "m:oMathPara" else "$"
            self._words(line, state, piece.text, block, f"{dollars}{formula}{dollars}" if formula else "")
            return
        mark, drawing = self._anchor(piece.element, block)
        line.markdown += self._marked(mark, state) if mark else ""
        gone = bool(state.deleted) and self._view == "all"
        if drawing.alt:
            line.hidden.append(Segment(drawing.alt, block.where, "picture", "", 0, DELETED if gone else ALT_TEXT))
        if drawing.words:
            kind = drawing.kind if drawing.kind in ("chart", "paragraph") else "diagram"
            line.further.append(Segment(drawing.words, block.where, kind, "", 0, DELETED if gone else ""))
        if drawing.missing:
            line.omitted.append(drawing.missing)

    def _ended(self, line: _Line, block: Block) -> None:
        """Put the change of the paragraph's end and of its format behind it."""
        if self._view != "all":
            return
        revised = self.revised(block.story.part)
        end, format_ = revised.end(block.element), revised.formats.get(block.element)
        if end is not None:
            self.flags.add("tracked-changes")
            words = said(end)
            joined = line.change == words and line.markdown.endswith("]")
            line.markdown = f"{line.markdown[:-1]}{_END}]" if joined else f"{line.markdown}[{words}: {_END}]"
        if format_ is not None:
            self.flags.add("tracked-changes")
            line.markdown += f" [{said(format_)}]"

    def _state(self, piece: Piece | Mark, block: Block) -> _State:
        if isinstance(piece, Mark):
            return _State(mark=piece.text)
        trail = piece.trail
        deleted = self._change(trail.deleted) if trail.deleted is not None else ""
        inserted = self._change(trail.inserted) if trail.inserted is not None else ""
        single = piece.element if piece.kind == "anchor" or piece.run is None else None
        if single is not None or deleted:
            return _State("", inserted, deleted, single=single)
        reason = self._visibility.reason(piece, block.element)
        if reason:
            self.flags.add("hidden-text")
        format_ = ""
        formats = self.revised(block.story.part).formats
        if formats and self._view == "all" and piece.run in formats:
            format_ = self._change(formats[piece.run])
        if not trail.field and trail.link is None:
            plain = not (reason or inserted or format_)
            return _PLAIN if plain else _State(reason, inserted, "", format=format_)
        self.flags |= {"fields"} if trail.field else set()
        code = " ".join(trail.field.split())
        named = code if code.partition(" ")[0].upper() in _NAMED_FIELDS or code.startswith("=") else ""
        return _State(reason, inserted, "", self._leads_to(trail, block.story.part), named, format_)

    def _change(self, change: Element) -> str:
        """Return a tracked change in words."""
        if change not in self._said:
            self.flags.add("tracked-changes")
            self._said[change] = said(change)
        return self._said[change]

    def _marked(self, words: str, state: _State) -> str:
        if self._view != "all":
            return f"[{state.reason}: {words}]" if state.reason else _linked(words, state)
        if state.deleted:
            inner = f", {state.inserted}" if state.inserted else ""
            return f"[{state.deleted}{inner}: {words}]"
        if state.reason:
            return f"[{state.reason}: {words}]"
        shown = _linked(words, state)
        shown = f"[{state.format}: {shown}]" if state.format else shown
        return f"[{state.inserted}: {shown}]" if state.inserted else shown

    def _leads_to(self, trail: Trail, part: str) -> str:
        if trail.link is not None:
            return self.target(part, trail.link)
        if (reference := _REFERENCE.match(trail.field)) is not None:
            return f"#{reference[1]}"
        found = _HYPERLINK.match(trail.field)
        return "" if found is None else f"#{found[2]}" if found[1] else found[2]

    def target(self, part: str, link: Element) -> str:
        """Return where a `w:hyperlink` leads, "#name" inside of the document."""
        if part not in self._targets:
            self._targets[part] = {r.id: r.target for r in self._document.package.relationships(part) if r.external}
        bookmark = value(link, "anchor")
        return self._targets[part].get(relationship(link), "") + (f"#{bookmark}" if bookmark else "")

    def _anchor(self, element: Element, block: Block) -> tuple[str, Depicted]:
        """Return the mark of a note's reference or a drawing, and what there is to say of the drawing."""
        kind = name(element)
        if kind in _NOTES:
            note, form = _NOTES[kind]
            if kind == "w:commentReference":
                self.flags.add("comments")
            return form.format(self._numbers[note].get(value(element, "id") or "", "?")), Depicted()
        drawing = depicted(self._document.package, block.story.part, element, block.where)
        return drawing.mark, drawing


def _text(piece: Piece | Mark) -> str:
    return piece.text if isinstance(piece, Piece) else ""


def _merged(paragraph: Element, pieces: list[Piece], marks: list[Mark]) -> Iterator[Piece | Mark]:
    """Yield pieces and marks in the order of the document; a mark `after` comes behind all that its element holds."""
    order: dict[Element, int] = {each: at for at, each in enumerate(paragraph.iter())}
    placed: list[tuple[float, int, Mark]] = []
    for at, mark in enumerate(marks):
        if mark.element is paragraph:
            place = float(len(order)) if mark.after else -1.0
        else:
            last = mark.element
            while mark.after and len(last):
                last = last[-1]
            place = order.get(last, len(order)) + (0.5 if mark.after else -0.5)
        placed.append((place, at, mark))
    waiting = iter(sorted(placed, key=lambda entry: entry[:2]))
    following = next(waiting, None)
    for piece in pieces:
        while following is not None and following[0] < order.get(piece.element, 0):
            yield following[2]
            following = next(waiting, None)
        yield piece
    while following is not None:
        yield following[2]
        following = next(waiting, None)


def _linked(words: str, state: _State) -> str:
    linked = f"[{words}]({state.target})" if state.target and words.strip() and state.target != words else words
    return f"[field {state.field}: {linked}]" if state.field else linked


def _segment(words: str, state: _State, block: Block, hidden: str) -> Segment:
    revision = state.inserted or state.deleted
    return Segment(words, block.where, "revision" if revision else "paragraph", "", 0, hidden)
