"""Footnotes and endnotes (17.11): added, rewritten, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from copilot.documents.hunks import Hunk
from copilot.documents.word import bodies, build, builtin, spans
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.names import Element, add, child, children, every, name, namespace, new, value
from copilot.documents.word.order import ensure, insert
from copilot.documents.word.remove import unlink
from copilot.documents.word.styles import free_part

_TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_EMPTY = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<w:{} xmlns:w="{}"/>'


@dataclass(frozen=True, slots=True)
class _Kind:
    """The words of one kind of note: local name of its element, short name in paths."""

    local: Literal["footnote", "endnote"]
    prefix: str

    @property
    def part(self) -> str:
        return f"{self.local}s"


_FOOTNOTE, _ENDNOTE = _Kind("footnote", "fn"), _Kind("endnote", "en")


@editor
def add_footnote(document: Document, address: str, text: Words, after: str = "") -> Edit:
    """Add a footnote behind the words `after` of a paragraph, at its end when they are ""; lines become paragraphs.

    Raises ToolInputError for a stale address, words that are not there or there several times, or a place outside of
    the body; DocumentError.
    """
    return _added(document, _FOOTNOTE, address, text, after)


@editor
def add_endnote(document: Document, address: str, text: Words, after: str = "") -> Edit:
    """Add an endnote behind the words `after` of a paragraph, at its end when they are ""; see `add_footnote`."""
    return _added(document, _ENDNOTE, address, text, after)


@editor
def edit_note(document: Document, note: str, text: Words) -> Edit:
    """Make a note ("fn2", "en1") read `text`; words that stay keep their formatting. Raises ToolInputError."""
    place = bodies.story(document, note, "fn", "en")
    before, after = bodies.rewrite(place, text)
    document.touch(place)
    return Edit.of([Hunk(place.label, before, after)])


@editor
def delete_note(document: Document, note: str) -> Edit:
    """Delete a note ("fn2", "en1") and its reference in the text. Raises ToolInputError."""
    place = bodies.story(document, note, "fn", "en")
    kind = _FOOTNOTE if place.kind == "footnote" else _ENDNOTE
    key = value(place.container, "id") or ""
    said = bodies.said(place)
    references = [e for e in every(document.body, f"{kind.local}Reference") if value(e, "id") == key]
    for reference in references:
        take_out(reference)
    document.released.add((kind.local, key))
    if references:
        document.touch(document.stories[0])
    else:
        unlink(place.container)
        document.touch(place)
    return Edit.of([Hunk(place.label, said, "", "structure")])


def take_out(reference: Element) -> None:
    """Remove a reference, and its run when nothing else stands in it."""
    run = reference.getparent()
    unlink(reference)
    if run is not None and name(run) == "w:r" and not any(name(each) not in ("w:rPr", "") for each in run):
        unlink(run)


def _added(document: Document, kind: _Kind, address: str, words: str, after: str) -> Edit:
    lines = build.lines(words)
    place = spans.span(document, address, after)
    bodies.refuse_place(place.block, f"{kind.local}s", "body")
    spans.refuse_box(place.block, f"{kind.local}s")
    near = place.block.element
    styles = document.styles
    text_style = builtin.ensure(styles, f"{kind.local} text")
    mark_style = builtin.ensure(styles, f"{kind.local} reference", "character")
    part = _part(document, kind)
    root = document.package.xml(part)
    key = bodies.next_id([*children(root, f"w:{kind.local}"), *every(document.body, f"{kind.local}Reference")], 1)
    note = add(root, kind.local, id=key)
    mark = bodies.mark(note, f"{kind.local}Ref", mark_style)
    note.extend(bodies.paragraphs(note, [f" {lines[0]}", *lines[1:]], text_style, mark))
    reference = bodies.mark(near, f"{kind.local}Reference", mark_style)
    reference[-1].set(f"{{{namespace(near)}}}id", key)
    spans.put_behind(document, place, [reference])
    document.package.touch(part)
    document.touch(place.block.story)
    number = document.note_numbers(f"w:{kind.local}")[key]
    behind = f"{place.block.where}, behind {place.words!r}" if after else place.block.where
    return Edit.of([Hunk(behind, "", f"{kind.local} {number}: " + "\n".join(lines), "structure")])


# Parts


def _part(document: Document, kind: _Kind) -> str:
    """Return the part of a kind of notes, made with its separators when it is missing (17.11.23, 17.11.1)."""
    package = document.package
    for part in package.related(document.main, kind.part):
        if package.has(part):
            return part
    space = namespace(package.xml(document.main))
    part = free_part(package, f"word/{kind.part}.xml")
    package.add(part, _EMPTY.format(kind.part, space).encode(), f"{_TYPES}.{kind.part}+xml")
    package.relate(document.main, kind.part, part)
    root = package.xml(part)
    for key, separator in (("-1", "separator"), ("0", "continuationSeparator")):
        note = add(root, kind.local, type=separator, id=key)
        paragraph = add(note, "p")
        add(add(paragraph, "pPr"), "spacing", after="0", line="240", lineRule="auto")
        add(add(paragraph, "r"), separator)
    package.touch(part)
    _list_separators(document, kind)
    return part


def _list_separators(document: Document, kind: _Kind) -> None:
    """Name the separators in the settings (17.11.11, 17.11.5)."""
    part = settings(document)
    root = document.package.xml(part)
    properties = ensure(root, f"{kind.local}Pr")
    if child(properties, f"w:{kind.local}") is None:
        for key in ("-1", "0"):
            insert(properties, new(properties, kind.local, id=key))
    document.package.touch(part)


def settings(document: Document) -> str:
    """Return the settings part, made when it is missing (17.15)."""
    package = document.package
    for part in package.related(document.main, "settings"):
        if package.has(part):
            return part
    part = free_part(package, "word/settings.xml")
    space = namespace(package.xml(document.main))
    package.add(part, _EMPTY.format("settings", space).encode(), f"{_TYPES}.settings+xml")
    package.relate(document.main, "settings", part)
    return part


#: The operations of this module.
OPERATIONS = (add_footnote, add_endnote, edit_note, delete_note)
