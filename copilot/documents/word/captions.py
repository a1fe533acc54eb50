"""Captions with numbers (17.16.5.56), and references to them, to headings, notes, bookmarks and list items."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from copilot.documents.hunks import Hunk
from copilot.documents.word import bodies, bookmarks, build, builtin, fieldcodes, spans, text
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.fields import Values, follow, parsed, references, refresh
from copilot.documents.word.insert import whole
from copilot.documents.word.names import Element, add, every, new, value, within
from copilot.documents.word.order import insert
from copilot.documents.word.toc import label_checked
from copilot.errors import ToolInputError

Show = Literal["text", "number", "page"]

_NOTE = re.compile(r"\W*(fn|en|footnote|endnote)\s*(\d+)\W*\Z", re.IGNORECASE)
_CAPTION = re.compile(r"([^\W\d_]+)\s+(\S+?)[.:]?\Z")


@editor
def add_caption(
    document: Document,
    address: str,
    text: Words,
    label: Words = "",
    position: Literal["above", "below", "before", "after", ""] = "",
) -> Edit:
    """Add a numbered caption to the table or the paragraph with the picture at `address`; later numbers follow.

    `label` is "Table" or "Figure" unless given; a table's caption stands above it, a picture's below. Raises
    ToolInputError for a stale address or a row or cell.
    """
    block = document.place(address)
    if block.kind not in ("table", "paragraph"):
        reason = f"{address!r} is a {block.kind}; captions belong to tables and paragraphs."
        raise ToolInputError(reason, code="address")
    return captioned(document, block, text, label, position)


def captioned(document: Document, block: Block, words: str, label: str = "", position: str = "") -> Edit:
    """Give a block that was looked up already a caption, as `add_caption` does."""
    bodies.refuse_place(block, "caption", "body")
    name = label_checked(label or ("Table" if block.kind == "table" else "Figure"))
    above = position in ("above", "before") or (not position and block.kind == "table")
    words = " ".join(build.lines(words))
    before = references(document)
    made = _caption(document, block.element, name, words)
    if above:
        insert(made[0], new(made, "keepNext"))
        whole(block.element).addprevious(made)
    else:
        spans.add_behind(whole(block.element), made)
    document.touch(block.story)
    hunks = [*refresh(document, {"SEQ"}, {name.casefold()}), *follow(document, before)]
    own = document.block_of(made)
    said = "" if own is None else document.text(own)
    hunks = [hunk for hunk in hunks if own is None or hunk.where != own.where]
    place = f"{'above' if above else 'below'} {block.where}"
    return Edit.of([Hunk(place, "", said, "structure"), *hunks])


def _caption(document: Document, near: Element, label: str, words: str) -> Element:
    made = build.paragraph(near, f"{label} ", style=builtin.ensure(document.styles, "caption"))
    made.extend(fieldcodes.made(near, f"SEQ {label} \\* ARABIC", "0"))
    text.set_text(add(made, "r"), f": {words}")
    return made


# References


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a reference leads to: a bookmark there, and what kind of thing it is."""

    kind: Literal["paragraph", "caption", "note", "bookmark"]
    bookmark: str
    said: str


@editor
def cross_reference(
    document: Document, address: str, to: Words, show: Show = "text", after: str = "", words: str = ""
) -> Edit:
    """Refer to something behind words of a paragraph, in the place of `words` of it, or at its end: a live field.

    `to`: a heading or numbered paragraph (its words or address), a caption ("Figure 2"), a note ("fn1") or a bookmark.
    `show`: its text, its number ("Figure 2", "1.2"), or its page. Raises ToolInputError when it is not there or has no
    number.
    """
    if after and words:
        raise ToolInputError("Give either after or words (which the reference replaces).", code="arguments")
    at = spans.span(document, address, after or words)
    aim = _aim(document, to, show)
    code, dirty = _code(document, aim, show), False
    given = parsed(code)
    shown = Values(document).of(given)
    if shown is None:
        if show == "number":
            hint = 'Show its text or its page: show="page".'
            raise ToolInputError(f"{to!r} has no number to refer to.", hint=hint, code="no_number")
        shown, dirty = "" if show == "page" else _said(document, aim), True
    at = spans.span(document, address, after or words) if not document.is_frozen else at
    write = spans.write_instead if words else spans.write_behind
    write(document, at, fieldcodes.made(at.block.element, code, shown, dirty=dirty))
    document.touch(at.block.story)
    behind = f", {'in the place of' if words else 'behind'} {at.words!r}" if after or words else ""
    said = shown or "page"
    missing = "The page number is missing until Word opens the file and updates the field."
    warnings = [missing] if dirty and show == "page" else []
    return Edit.of([Hunk(f"{at.block.where}{behind}", words, f"{said} (refers to {aim.said})", "structure")], warnings)


def _said(document: Document, aim: _Aim) -> str:
    return bookmarks.text_of(bookmarks.required(document, aim.bookmark)).split(bookmarks.PARAGRAPH)[0]


def _code(document: Document, aim: _Aim, show: Show) -> str:
    if show == "page":
        return f"PAGEREF {aim.bookmark} \\h"
    if aim.kind == "note":
        return f"NOTEREF {aim.bookmark} \\h"
    start = bookmarks.required(document, aim.bookmark)
    numbered = within(start, "w:p") in Values(document).labels
    if show == "number" and (aim.kind == "paragraph" or (aim.kind == "bookmark" and numbered)):
        return f"REF {aim.bookmark} \\r \\h"
    return f"REF {aim.bookmark} \\h"


def _aim(document: Document, to: str, show: Show) -> _Aim:
    if _NOTE.match(to):
        return _note(document, to)
    if (start := bookmarks.start_of(document, to.strip().removeprefix("#"))) is not None:
        title = value(start, "name") or ""
        return _Aim("bookmark", title, f"bookmark {title}")
    if (found := _captioned(document, to)) is not None:
        block, end = found
        line = document.text(block)
        whole = show != "number" or end >= len(line)
        at = spans.Span(block, 0, len(line) if whole else end, line if whole else line[:end], whole)
        return _Aim("caption", _bookmarked(document, at), shortened(line))
    block = _placed(document, to)
    if block.kind != "paragraph":
        hint = "Refer to its caption, such as Table 1."
        raise ToolInputError(f"{to!r} is a {block.kind}, which has no number or text.", hint=hint, code="address")
    line = document.text(block)
    return _Aim("paragraph", _bookmarked(document, spans.Span(block, 0, len(line), line, True)), shortened(line))


def _placed(document: Document, to: str) -> Block:
    """Return the heading or paragraph that `to` names; the error for a caption's label and number offers captions."""
    try:
        return document.place(to)
    except ToolInputError as error:
        if error.code != "unknown_heading" or not re.search(r"\d", to):
            raise
        seen = (fieldcodes.fields(b.element) for b in document.blocks if b.kind == "paragraph")
        there = [f"{each.argument} {each.shown}" for found in seen for each in found if each.kind == "SEQ"]
        raise ToolInputError.unknown(
            "caption or heading", to, [*there, *(document.text(b) for b, _ in document.headings())]
        ) from None


def _bookmarked(document: Document, at: spans.Span) -> str:
    made = bookmarks.hidden(document, at, "_Ref")
    document.touch(at.block.story)
    return made


def _captioned(document: Document, to: str) -> tuple[Block, int] | None:
    """Return the paragraph whose caption has that label and number, and where its number ends in its text."""
    wanted = _CAPTION.match(to.strip())
    if wanted is None:
        return None
    for block in document.blocks:
        codes = fieldcodes.fields(block.element) if block.kind == "paragraph" else []
        for each in codes:
            if each.kind != "SEQ" or each.argument.casefold() != wanted[1].casefold() or each.shown != wanted[2]:
                continue
            pieces = document.line(block).pieces
            return block, max((p.end for p in pieces if p.element in each.result), default=0)
    return None


def _note(document: Document, to: str) -> _Aim:
    """Return the bookmark around the reference of a note, made when there is none (17.16.5.40)."""
    story = bodies.story(document, to, "fn", "en")
    key = value(story.container, "id")
    local = f"{story.kind}Reference"
    reference = next((e for e in every(document.body, local) if value(e, "id") == key), None)
    run = None if reference is None else within(reference, "w:r")
    paragraph = None if run is None else within(run, "w:p")
    block = None if paragraph is None else document.block_of(paragraph)
    if run is None or block is None:
        raise ToolInputError(f"Nothing in the text refers to {story.label}.", code="not_found")
    before = run.getprevious()
    if before is not None and (title := value(before, "name") or "").startswith("_Ref"):
        return _Aim("note", title, story.label)
    return _Aim("note", bookmarks.around(document, block, run, f"{story.prefix} {key}"), story.label)


#: The operations of this module.
OPERATIONS = (add_caption, cross_reference)
