"""One paragraph as text a model can read: links, notes, revisions and hidden text marked as what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from copilot.documents.segments import Segment
from copilot.documents.word import text
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.names import Element, child, children, every, name, relationship, value
from copilot.documents.word.text import Piece, Trail
from copilot.documents.word.visibility import Visibility

DELETED = "tracked deletion"
ALT_TEXT = "alternative text"

#: A HYPERLINK field: its address, or with \\l a bookmark (17.16.5.25).
_HYPERLINK = re.compile(r'\s*HYPERLINK\s+(\\l\s+)?"([^"]*)"', re.IGNORECASE)
_NOTES = {
    "w:footnoteReference": ("w:footnote", "[^{}]"),
    "w:endnoteReference": ("w:endnote", "[^e{}]"),
    "w:commentReference": ("w:comment", " [comment {}]"),
}
#: By a word of the address that `a:graphicData` gives as the kind of its content.
_GRAPHICS = (("chart", "chart"), ("diagram", "SmartArt"), ("picture", "picture"), ("ink", "ink"), ("slicer", "slicer"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A paragraph: its visible text, the same with marks, what is hidden in it, and what can't be shown."""

    visible: str
    markdown: str
    hidden: tuple[Segment, ...] = ()
    omitted: tuple[str, ...] = ()
    inserted: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class _State:
    """What neighbouring pieces share when they are shown together."""

    reason: str = ""
    inserted: Element | None = None
    deleted: Element | None = None
    target: str = ""
    anchor: Element | None = None


class Renderer:
    """Renders the paragraphs of one document; `flags` gathers what it meets."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._visibility = Visibility(document)
        self._numbers = {kind: document.note_numbers(kind) for kind, _ in _NOTES.values()}
        self._targets: dict[str, dict[str, str]] = {}
        self.flags: set[str] = set()

    def paragraph(self, block: Block) -> Rendered:
        """Return a paragraph with everything in it marked."""
        fields = self._document.fields(block.story.part)
        visible, marked = "", ""
        hidden: list[Segment] = []
        omitted: list[str] = []
        inserted: list[Segment] = []
        states = ((self._state(piece, block), piece) for piece in text.pieces(block.element, fields))
        for state, group in groupby(states, key=lambda pair: pair[0]):
            words = "".join(piece.text for _, piece in group)
            if state.anchor is not None:
                mark, alt, missing = self._anchor(state.anchor, block)
                marked += mark
                hidden += [Segment(alt, block.where, "picture", "", 0, ALT_TEXT)] if alt else []
                omitted += [missing] if missing else []
            elif words:
                marked += self._marked(words, state, block)
                if state.reason:
                    hidden.append(_segment(words, state, block))
                else:
                    visible += words
                    inserted += [_segment(words, state, block)] if state.inserted is not None else []
        return Rendered(visible, marked, tuple(hidden), tuple(omitted), tuple(inserted))

    def _state(self, piece: Piece, block: Block) -> _State:
        if piece.kind == "anchor":
            return _State(anchor=piece.element)
        trail = piece.trail
        self.flags |= {"fields"} if trail.field else set()
        if trail.deleted is not None:
            self.flags.add("tracked-changes")
            return _State(DELETED, None, trail.deleted)
        reason = self._visibility.reason(piece, block.element)
        if trail.inserted is not None:
            self.flags.add("tracked-changes")
        if reason:
            self.flags.add("hidden-text")
        return _State(reason, trail.inserted, None, self._leads_to(trail, block.story.part))

    def _marked(self, words: str, state: _State, block: Block) -> str:
        if state.deleted is not None:
            return f"[deleted{_by(state.deleted)}: {words}]"
        if state.reason:
            return f"[{state.reason}: {words}]"
        shown = _linked(words, state.target)
        return shown if state.inserted is None else f"[inserted{_by(state.inserted)}: {shown}]"

    def _leads_to(self, trail: Trail, part: str) -> str:
        if trail.link is not None:
            return self.target(part, trail.link)
        found = _HYPERLINK.match(trail.field)
        return "" if found is None else f"#{found[2]}" if found[1] else found[2]

    def target(self, part: str, link: Element) -> str:
        """Return where a `w:hyperlink` leads, "#name" inside of the document."""
        if part not in self._targets:
            self._targets[part] = {r.id: r.target for r in self._document.package.relationships(part) if r.external}
        bookmark = value(link, "anchor")
        return self._targets[part].get(relationship(link), "") + (f"#{bookmark}" if bookmark else "")

    def _anchor(self, element: Element, block: Block) -> tuple[str, str, str]:
        """Return the mark of a reference or picture, its alternative text, and what of it can't be shown."""
        kind = name(element)
        if kind in _NOTES:
            note, form = _NOTES[kind]
            if kind == "w:commentReference":
                self.flags.add("comments")
            return form.format(self._numbers[note].get(value(element, "id") or "", "?")), "", ""
        what = _depicted(element)
        if not what:
            return "", "", ""
        alt = _alt_text(element)
        missing = f"{what} in {block.where}" + (f" ({shortened(alt)!r})" if alt else "")
        return f"![{what}: {alt}]" if alt else f"![{what}]", alt, missing


def _linked(words: str, target: str) -> str:
    return f"[{words}]({target})" if target and words.strip() and target != words else words


def _segment(words: str, state: _State, block: Block) -> Segment:
    revision = state.inserted is not None or state.deleted is not None
    return Segment(words, block.where, "revision" if revision else "paragraph", "", 0, state.reason)


def _by(change: Element) -> str:
    author, date = value(change, "author") or "", (value(change, "date") or "")[:10]
    return f" by {author}{f', {date}' if date else ''}" if author else ""


def _depicted(element: Element) -> str:
    """Return what a drawing shows, "" for what holds nothing but text."""
    found = {name(each) for each in element.iter()}
    if name(element) == "w:object" or "o:OLEObject" in found:
        program = next((each.get("ProgID") for each in element.iter() if name(each) == "o:OLEObject"), None)
        return f"embedded object{f' {program}' if program else ''}"
    uris = [each.get("uri") or "" for each in element.iter() if name(each) == "a:graphicData"]
    for mark, what in _GRAPHICS:
        if any(mark in uri for uri in uris):
            return what
    if "v:imagedata" in found:
        return "picture"
    if next(every(element, "txbxContent"), None) is not None:
        return ""
    return "ink" if name(element) == "w:contentPart" else "drawing"


def _alt_text(element: Element) -> str:
    for each in _described(element):
        words = (each.get("descr") or each.get("alt") or "").strip()
        if words:
            return words
    return ""


def _described(element: Element) -> Iterator[Element]:
    """Yield the elements that may carry the alternative text of a drawing."""
    for frame in children(element, "wp:inline", "wp:anchor"):
        if (properties := child(frame, "wp:docPr")) is not None:
            yield properties
    for each in element.iter():
        if name(each) in ("v:shape", "v:rect", "v:imagedata", "pic:cNvPr"):
            yield each
