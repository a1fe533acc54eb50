"""Tables of contents and of figures (17.16.5.68): inserted with their entries, and computed anew."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import bookmarks, build, builtin, fieldcodes, spans, text
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.fieldcodes import FieldCode
from copilot.documents.word.fields import Values
from copilot.documents.word.insert import Position, Spot, spot
from copilot.documents.word.names import Element, add, child, every, name, new, side, value, within
from copilot.documents.word.order import ensure, put, set_child
from copilot.documents.word.remove import unlink
from copilot.documents.word.styles import style_id
from copilot.errors import ToolInputError

Levels = Annotated[int, Field(ge=1, le=9)]

_NONE = "No table of contents entries found."
_RANGE = re.compile(r"([1-9])\s*-\s*([1-9])")
_LEVEL = re.compile(r"toc ([1-9])\Z", re.IGNORECASE)
_PAGE = 8  # characters of a page number, at most
_TAB = 440  # twentieths of a point for the number of a heading, each level


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table: its level from 1, the number and words that it shows, and the paragraph that it leads to."""

    level: int
    label: str
    words: str
    block: Block

    @property
    def shown(self) -> str:
        """The line without its page."""
        return f"{self.label}\t{self.words}" if self.label else self.words


@editor
def insert_toc(
    document: Document, at: str, *, position: Position = "after", levels: Levels = 3, title: Words = "Contents"
) -> Edit:
    """Insert a table of contents of the headings down to `levels` at a heading or an address, under a title.

    Page numbers are those of when Word last laid the document out; Word computes them anew when it opens the file.
    Raises ToolInputError for a place that isn't there; DocumentError.
    """
    place = spot(document, at, position)
    code = f'TOC \\o "1-{levels}" \\h \\z \\u'
    entries = _headings(document, levels)
    made = _table(document, place, code, entries, title, figures=False)
    return _inserted(document, place, _control(place.element, made, at), title, entries)


@editor
def insert_table_of_figures(
    document: Document, at: str, label: Words = "Figure", *, position: Position = "after", title: Words = ""
) -> Edit:
    """Insert a table of the captions with a label ("Figure", "Table") at a heading or an address.

    Raises ToolInputError for a place that isn't there; DocumentError.
    """
    place = spot(document, at, position)
    label = label_checked(label)
    entries = _captions(document, label)
    made = _table(document, place, f'TOC \\h \\z \\c "{label}"', entries, title, figures=True)
    return _inserted(document, place, made, title, entries)


@editor
def update_toc(document: Document) -> Edit:
    """Compute the tables of contents and of figures anew; lines that are right stay as they are.

    Raises ToolInputError when there is none, or all are up to date.
    """
    if not _tables(document):
        hint = "Insert one with insert_toc."
        raise ToolInputError("The document has no table of contents.", hint=hint, code="not_found")
    hunks, warnings = update_all(document)
    if not hunks:
        told = f" {' '.join(warnings)}" if warnings else ""
        raise ToolInputError(f"The tables of contents are up to date.{told}", code="unchanged")
    return Edit.of(hunks, warnings)


def label_checked(label: str) -> str:
    """Return the label of captions: letters only, as it is the name of a sequence; raises ToolInputError."""
    label = label.strip()
    if not re.fullmatch(r"[^\W\d_]{1,40}", label):
        raise ToolInputError(f"{label!r} can't be a label: one word of letters such as Figure.", code="arguments")
    return label


# What stands in a table


def _headings(document: Document, levels: int, least: int = 1, styled: dict[str, int] | None = None) -> list[Entry]:
    """Return the headings from one level to another, and the paragraphs in styles that are given a level."""
    labels = Values(document).labels
    found = []
    for block in document.blocks:
        if block.story.kind != "body" or block.kind != "paragraph" or block.boxed:
            continue
        level = document.styles.level(block.element)
        level = level if least <= level <= levels else 0
        level = (styled or {}).get(document.styles.name(style_id(block.element)).casefold(), level)
        words = " ".join(document.text(block).split())
        if level and words:
            found.append(Entry(level, labels.get(block.element, ""), words, block))
    return found


def _captions(document: Document, label: str) -> list[Entry]:
    """Return the paragraphs of the body that hold a number of a sequence, as entries of the first level."""
    found = []
    for block in document.blocks:
        if block.story.kind != "body" or block.kind != "paragraph" or not _counts(block.element, label):
            continue
        found.append(Entry(1, "", " ".join(document.text(block).split()), block))
    return found


def _counts(paragraph: Element, label: str) -> bool:
    codes = fieldcodes.fields(paragraph)
    return any(each.kind == "SEQ" and each.argument.casefold() == label.casefold() for each in codes)


def _pages(document: Document) -> dict[Element, int]:
    """Return the page that each paragraph of the body began on when Word last laid it out; nothing if never."""
    found: dict[Element, int] = {}
    page = 1
    for each in document.body.iter():
        kind = name(each)
        if kind == "w:p":
            first = next((e for e in each.iter() if name(e) in ("w:lastRenderedPageBreak", "w:t")), None)
            found[each] = page + (first is not None and name(first) == "w:lastRenderedPageBreak")
        elif kind == "w:lastRenderedPageBreak":
            page += 1
    return found if page > 1 else {}


# Making


def _table(
    document: Document, place: Spot, code: str, entries: Sequence[Entry], title: str, *, figures: bool
) -> list[Element]:
    """Return the paragraphs of a new table: its title, its lines, and the one that ends the field."""
    near = place.element
    width = build.text_width(document, place.beside or Block(document.body, "paragraph", "", "", place.story))
    desk = _Desk(document)
    made = [desk.line(near, each, figures, width) for each in entries]
    if not made:
        made = [build.paragraph(near, _NONE)]
    runs = fieldcodes.made(near, code, "", dirty=True)
    for run in reversed(runs[:3]):
        _lead(made[0], run)
    last = new(near, "p")
    last.append(runs[4])
    heading = []
    if title.strip():
        style = builtin.ensure(document.styles, "TOC Heading")
        heading = [build.paragraph(near, " ".join(build.lines(title, "title")), style=style)]
        if document.numbering.of(heading[0]) is not None:  # the style takes over from headings that are numbered
            _unnumber(heading[0])
    return [*heading, *made, last]


def _unnumber(paragraph: Element) -> None:
    """Take a paragraph out of the numbering that its style has (17.9.18)."""
    set_child(ensure(ensure(paragraph, "pPr"), "numPr"), "numId", val="0")


def _lead(paragraph: Element, element: Element) -> None:
    """Put an element first in a paragraph, behind its properties."""
    properties = child(paragraph, "w:pPr")
    if properties is None:
        paragraph.insert(0, element)
    else:
        spans.add_behind(properties, element)


def _style(document: Document, entry: Entry, figures: bool) -> str:
    return builtin.ensure(document.styles, "table of figures" if figures else f"toc {entry.level}")


class _Desk:
    """Makes the lines of a table: what they need of the document is looked for once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._pages = _pages(document)
        self._namer = bookmarks.Namer(document)

    def line(self, near: Element, entry: Entry, figures: bool, width: int) -> Element:
        """Return the paragraph of an entry: a link to what it names, with its page behind a row of dots."""
        made = build.paragraph(near, "", style=_style(self._document, entry, figures))
        tabs = new(made, "tabs")
        if entry.label:
            add(tabs, "tab", val=side(tabs, "left"), pos=str(_TAB * entry.level))
        add(tabs, "tab", val=side(tabs, "right"), leader="dot", pos=str(width))
        put(made[0], tabs)
        made.append(self._link(near, entry))
        return made

    def _link(self, near: Element, entry: Entry) -> Element:
        line = self._document.text(entry.block)
        place = spans.Span(entry.block, 0, len(line), line, True)
        anchor = bookmarks.hidden(self._document, place, "_Toc", self._namer)
        link = new(near, "hyperlink", anchor=anchor, history="1")
        text.set_text(add(link, "r"), f"{entry.shown}\t")
        page = self._pages.get(entry.block.element)
        shown = "" if page is None else str(page)
        link.extend(fieldcodes.made(near, f"PAGEREF {anchor} \\h", shown, dirty=page is None))
        return link


def _control(near: Element, paragraphs: Sequence[Element], seed: str) -> list[Element]:
    """Return a content control around a table, by which Word knows it for one (17.5.2.13)."""
    control = new(near, "sdt")
    properties = add(control, "sdtPr")
    number = int(hashlib.sha256(f"{seed} {len(paragraphs)}".encode()).hexdigest()[:7], 16) + 1
    taken = {value(each) for each in near.getroottree().getroot().iter() if name(each) == "w:id"}
    while str(number) in taken:
        number += 1
    add(properties, "id", val=str(number))
    part = add(properties, "docPartObj")
    add(part, "docPartGallery", val="Table of Contents")
    add(part, "docPartUnique")
    add(control, "sdtContent").extend(paragraphs)
    return [control]


def _inserted(document: Document, place: Spot, made: list[Element], title: str, entries: Sequence[Entry]) -> Edit:
    if place.story.kind != "body":
        hint = "Choose a place in the body."
        raise ToolInputError(f"A table of contents can't stand {place.where}.", hint=hint, code="place")
    place.put(made)
    document.touch(place.story)
    lines = [title.strip(), *(each.shown for each in entries)]
    warnings = [] if entries else ["There is nothing yet that the table could list."]
    if entries and not _pages(document):
        warnings.append("The page numbers are missing until Word opens the file and updates the table.")
    return Edit.of([Hunk(place.where, "", "\n".join(line for line in lines if line), "structure")], warnings)


# Updating


def _tables(document: Document) -> list[FieldCode]:
    return [each for each in fieldcodes.fields(document.body) if each.kind == "TOC" and not each.simple]


def update_all(document: Document) -> tuple[list[Hunk], list[str]]:
    """Compute every table of the body anew; return what changed, and what could not be computed."""
    hunks: list[Hunk] = []
    warnings: list[str] = []
    for each in _tables(document):
        entries = _entries(document, each)
        where = _where(document, each)
        if entries is None:
            warnings.append(f"The table at {where} lists what only Word can find; Word updates it.")
            continue
        try:
            hunk = _update(document, each, entries, where)
        except _Entangled:
            warnings.append(f"The table at {where} is interwoven with other text; Word updates it.")
            continue
        if hunk is not None:
            hunks.append(hunk)
    return hunks, warnings


def _where(document: Document, given: FieldCode) -> str:
    paragraph = within(given.marks[0], "w:p")
    block = None if paragraph is None else document.block_of(paragraph)
    return block.where if block else "the body"


def _entries(document: Document, given: FieldCode) -> list[Entry] | None:
    """Return what a table lists by its switches, None when they are others than those of headings and captions."""
    if any(given.has(switch) for switch in ("\\b", "\\f", "\\l", "\\a", "\\d", "\\s")):
        return None
    if label := given.option("\\c"):
        return _captions(document, label)
    styled: dict[str, int] = {}
    pairs = re.split(r"[,;]", given.option("\\t"))
    for style, level in zip(pairs[::2], pairs[1::2], strict=False):
        styled[style.strip().casefold()] = int(level) if level.strip().isdigit() else 1
    spread = _RANGE.search(given.option("\\o"))
    if spread is None:
        return _headings(document, 0 if styled and not given.has("\\o") else 9, 1, styled)
    return _headings(document, int(spread[2]), int(spread[1]), styled)


class _Entangled(Exception):
    """The table is not made of whole paragraphs that follow each other."""


def _update(document: Document, given: FieldCode, entries: Sequence[Entry], where: str) -> Hunk | None:
    lines, lead, tail = _taken_apart(given)
    entries = [each for each in entries if each.block.element not in set(lines)]
    known = {line: _said(line) for line in lines}
    shown = [line for line in lines if known[line]]
    figures = bool(given.option("\\c"))
    kept = _kept(document, shown, known, entries, figures)
    if kept == shown or (not entries and [known[line] for line in shown] == [_NONE]):
        return None
    desk = _Desk(document)
    width = build.text_width(document, entries[0].block) if entries else 0
    made = [
        _like_old(desk.line(lines[0], entry, figures, width), lines) if line is None else line
        for entry, line in zip(entries, kept, strict=True)
    ]
    _put_together(lines, made or [build.paragraph(lines[0], _NONE)], lead, tail, alone=not known[lines[-1]])
    given.set_dirty()
    document.touch(document.stories[0])
    after = [each.shown for each in entries] or [_NONE]
    return Hunk(where, "\n".join(known[line] for line in shown), "\n".join(after), "structure")


def _kept(
    document: Document, shown: Sequence[Element], known: dict[Element, str], entries: Sequence[Entry], figures: bool
) -> list[Element | None]:
    """Return for each entry the line that shows it already, None where a new one is needed."""
    free = list(shown)
    found: list[Element | None] = []
    for entry in entries:
        fitting = (line for line in free if known[line] == entry.shown and _fits(document, line, entry, figures))
        line = next(fitting, None)
        if line is not None:
            free.remove(line)
        found.append(line)
    return found


def _fits(document: Document, line: Element, entry: Entry, figures: bool) -> bool:
    """Return whether a line has the level of an entry; in a style that is not Word's own it may have any."""
    level = _LEVEL.match(document.styles.name(style_id(line)))
    return figures or level is None or int(level[1]) == entry.level


def _taken_apart(given: FieldCode) -> tuple[list[Element], list[Element], list[Element]]:
    """Return the paragraphs of a table, what begins the field in the first one, and what ends it in the last one."""
    if len(given.marks) != 3:
        raise _Entangled
    runs = [mark.getparent() for mark in given.marks]
    first, last = within(given.marks[0], "w:p"), within(given.marks[2], "w:p")
    if first is None or last is None or first is last or first.getparent() is not last.getparent():
        raise _Entangled
    if any(run is None or run.getparent() not in (first, last) for run in runs):
        raise _Entangled
    lines = [first]
    while lines[-1] is not last:
        following = lines[-1].getnext()
        if following is None or name(following) != "w:p":
            raise _Entangled
        lines.append(following)
    lead = _until(first, runs[1])
    tail = [runs[2], *runs[2].itersiblings()] if runs[2] is not None else []
    if any(each.text for part in (lead, tail) for e in part for each in every(e, "t")):
        raise _Entangled
    return lines, lead, [each for each in tail if each is not None]


def _until(paragraph: Element, last: Element | None) -> list[Element]:
    found = []
    for each in paragraph:
        if name(each) == "w:pPr":
            continue
        found.append(each)
        if each is last:
            return found
    raise _Entangled


def _said(line: Element) -> str:
    """Return the line that a paragraph of a table shows, without its page."""
    words = text.line(line, text.field_parts(line)).text
    head, tab, page = words.rpartition("\t")
    return (head if tab and len(page) <= _PAGE else words).strip()


def _like_old(made: Element, lines: Sequence[Element]) -> Element:
    """Let a new line look like those of its level that the table has; return it."""
    style = style_id(made)
    same = [line for line in lines if style_id(line) == style and next(every(line, "tab"), None) is not None]
    properties = child(same[0], "w:pPr") if same else None
    if properties is not None:
        taken = copy.deepcopy(properties)
        taken.tail = None
        made.replace(made[0], taken)
    return made


def _put_together(
    lines: Sequence[Element], made: Sequence[Element], lead: Sequence[Element], tail: Sequence[Element], *, alone: bool
) -> None:
    """Put the lines of a table into the place of the old ones; `alone`: the last paragraph only ends the field."""
    for each in (*lead, *tail):
        unlink(each)
    marker = new(lines[0], "p")
    lines[0].addprevious(marker)
    for line in lines[: -1 if alone else None]:
        unlink(line)
    for line in made:
        line.tail = None
        marker.addprevious(line)
    unlink(marker)
    for each in reversed(lead):
        _lead(made[0], each)
    (lines[-1] if alone else made[-1]).extend(tail)


#: The operations of this module.
OPERATIONS = (insert_toc, update_toc, insert_table_of_figures)
