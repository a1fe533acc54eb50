"""Sections and breaks: where pages, columns and sections end, and how the pages of a section look (17.6)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import order, remove
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Number, editor
from copilot.documents.word.insert import Position, inserted, spot
from copilot.documents.word.measures import Length, shown, twips
from copilot.documents.word.names import Element, add, child, children, descend, every, name, new, number, value, within
from copilot.errors import ToolInputError

#: A section by its number from 1, or by a heading or address that stands in it.
SectionRef = int | str
BreakKind = Literal["next_page", "continuous", "even", "odd"]
Paper = Literal["A3", "A4", "A5", "B5", "letter", "legal", "tabloid"]

#: Width and height in twentieths of a point, upright.
_PAPERS = {
    "A3": (16838, 23811), "A4": (11906, 16838), "A5": (8391, 11906), "B5": (9979, 14175), "letter": (12240, 15840),
    "legal": (12240, 20160), "tabloid": (15840, 24480),
}  # fmt: skip
#: Values of `w:type` (17.18.77).
_KINDS = {"next_page": "nextPage", "continuous": "continuous", "even": "evenPage", "odd": "oddPage"}
_MARGINS = {"top": 1440, "right": 1440, "bottom": 1440, "left": 1440, "header": 720, "footer": 720, "gutter": 0}
#: What begins with a section, so that the part behind a new break does not take it over.
_OPENING = ("w:headerReference", "w:footerReference", "w:titlePg", "w:printerSettings")

_BLOCKS = ("w:p", "w:tbl", "w:sdt")

#: The lowest margin at the top or bottom: a negative one lets header and text overlap (17.6.11).
_LOWEST = -31_680


class Margins(BaseModel):
    """Margins of a page; what is not given stays. Numbers are centimetres."""

    model_config = ConfigDict(extra="forbid")

    top: Length | None = None
    bottom: Length | None = None
    left: Length | None = None
    right: Length | None = None
    header: Length | None = None
    footer: Length | None = None
    gutter: Length | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the body: its number from 1, its properties, and the paragraph that ends it (None: the last)."""

    number: int
    properties: Element
    paragraph: Element | None


def sections(document: Document) -> list[Section]:
    """Return the sections of a document in order; the last one's properties are made when missing (17.6.17)."""
    found: list[Section] = []
    for each in every(document.body, "sectPr"):
        parent = each.getparent()
        holder = parent.getparent() if parent is not None and name(parent) == "w:pPr" else None
        if holder is not None and within(holder, "w:txbxContent") is None:
            found.append(Section(len(found) + 1, each, holder))
    last = child(document.body, "w:sectPr")
    if last is None:
        last = add(document.body, "sectPr")
    return [*found, Section(len(found) + 1, last, None)]


def section_at(document: Document, wanted: SectionRef) -> Section:
    """Return a section by number, or the one around a heading or address; raises ToolInputError "section"."""
    known = sections(document)
    if isinstance(wanted, int) or wanted.strip().isdigit():
        at = int(wanted)
        if not 1 <= at <= len(known):
            hint = f"It has {len(known)}."
            raise ToolInputError(f"The document has no section {at}.", hint=hint, code="section")
        return known[at - 1]
    block = document.place(wanted)
    if block.story.kind != "body":
        reason = f"{wanted!r} stands in the {block.story.label}, which belongs to no one section."
        raise ToolInputError(reason, hint="Give the number of the section.", code="section")
    return section_around(document, block.element)


def section_around(document: Document, element: Element) -> Section:
    """Return the section that an element of the body stands in."""
    places = {each: at for at, each in enumerate(document.body.iter())}
    at = places.get(element, 0)
    known = sections(document)
    return next((s for s in known if s.paragraph is not None and places[s.paragraph] >= at), known[-1])


def chosen(document: Document, wanted: SectionRef | None) -> list[Section]:
    """Return the sections that an operation names; all for None."""
    return sections(document) if wanted is None else [section_at(document, wanted)]


# Breaks


@editor
def page_break(document: Document, at: str = "", position: Position = "after") -> Edit:
    """Let a new page begin behind (or before) a heading or an address; at the end when `at` is "".

    Raises ToolInputError for a stale address, or "place" where no page can break; DocumentError.
    """
    return _break(document, at, position, "page")


@editor
def column_break(document: Document, at: str = "", position: Position = "after") -> Edit:
    """Let a new column begin behind (or before) a heading or an address.

    Raises ToolInputError for a stale address, or "place" where no column can break; DocumentError.
    """
    around = section_around(document, spot(document, at, position).element)
    columns = number(child(around.properties, "w:cols"), "num") or 1
    edit = _break(document, at, position, "column")
    warnings = ["The section has one column, so the break begins a new page; see page_setup."] if columns < 2 else []
    return Edit.of(edit.hunks, [*edit.warnings, *warnings])


def _break(document: Document, at: str, position: Position, kind: str) -> Edit:
    place = spot(document, at, position)
    if place.story.kind != "body" or (place.beside is not None and place.beside.boxed):
        raise ToolInputError(f"No {kind} can break {place.where}.", hint="Choose a place in the text.", code="place")
    if place.beside is not None and place.beside.depth:
        raise ToolInputError(f"No {kind} can break in a table, {place.where}.", code="place")
    made = new(place.element, "p")
    add(add(made, "r"), "br", type=kind)
    return inserted(document, place, [made], [f"[{kind} break]"])


@editor
def section_break(
    document: Document, at: str, kind: BreakKind = "next_page", position: Literal["after", "before"] = "after"
) -> Edit:
    """Let a new section begin behind (or before) a heading or an address, with the same page and header as before.

    Raises ToolInputError for a stale address; "place" in tables, text boxes, headers and notes; "unchanged" where a
    section begins already; DocumentError.
    """
    block = document.place(at)
    if block.story.kind != "body" or block.depth or block.kind not in ("paragraph", "table"):
        hint = "Choose a paragraph, heading or table of the text."
        raise ToolInputError(f"No section can begin at {block.where}.", hint=hint, code="place")
    around = section_around(document, block.element)
    end = block.element if position == "after" else _previous(block.element)
    if position == "before" and end is None:
        raise ToolInputError(f"{block.where} is where a section begins.", code="unchanged")
    if end is not None and descend(end, "w:pPr", "w:sectPr") is not None:
        raise ToolInputError(f"A section ends there already, {position} {block.where}.", code="unchanged")
    ending = copy.deepcopy(around.properties)
    ending.tail = None
    for change in list(children(ending, "w:sectPrChange")):
        ending.remove(change)
    if end is None or name(end) != "w:p":
        made = new(block.element, "p")
        (block.element.addnext if position == "after" else block.element.addprevious)(made)
        end = made
    if _following(end) is None:  # a section holds a paragraph, be it an empty one
        end.addnext(new(end, "p"))
    order.put(order.ensure(end, "pPr"), ending)
    _begin(around.properties, kind)
    document.touch(block.story)
    hunk = Hunk(f"{position} {block.where}", "", f"[section break: {kind.replace('_', ' ')}]", "structure")
    return Edit.of([hunk])


def _previous(element: Element) -> Element | None:
    """Return the block before one, marks of ranges passed over."""
    return next((each for each in element.itersiblings(preceding=True) if name(each) in _BLOCKS), None)


def _following(element: Element) -> Element | None:
    return next((each for each in element.itersiblings() if name(each) in _BLOCKS), None)


def _begin(properties: Element, kind: str) -> None:
    """Let a section begin in that way and go on with what the one before it had."""
    for each in list(children(properties, *_OPENING)):
        properties.remove(each)
    pages = child(properties, "w:pgNumType")
    if pages is not None and value(pages, "start") is not None:
        del pages.attrib[f"{str(pages.tag).rpartition('}')[0]}}}start"]
    order.set_child(properties, "type", val=_KINDS[kind])


@editor
def remove_section_break(document: Document, section: Number, keep: Literal["after", "before"] = "after") -> Edit:
    """Join a section with the next one; `keep` says whose pages the whole gets: those after the break, or before it.

    What it began with (kind of break, first page number, headers that the next one took over) stays. Raises
    ToolInputError "section" when it is the last one; DocumentError.
    """
    known = sections(document)
    if section >= len(known):
        reason = f"No break follows section {section}: the document has {len(known)}."
        raise ToolInputError(reason, code="section")
    first, second = known[section - 1], known[section]
    paragraph = first.paragraph
    assert paragraph is not None
    merged = copy.deepcopy(second.properties if keep == "after" else first.properties)
    _inherit(merged, first.properties)
    holder = second.properties.getparent()
    if holder is not None:
        merged.tail = second.properties.tail
        holder.replace(second.properties, merged)
    block = document.block_of(paragraph)
    where = block.where if block is not None else f"section {section}"
    remove.unlink(first.properties)
    properties = child(paragraph, "w:pPr")
    if properties is not None and not len(properties):
        paragraph.remove(properties)
    if not len(paragraph) and not remove.must_stay(paragraph):
        remove.unlink(paragraph)
    document.touch(document.stories[0])
    return Edit.of([Hunk(where, "[section break]", "", "structure")])


def _inherit(properties: Element, first: Element) -> None:
    """Give a section what the one before it began with."""
    known = {(name(e), value(e, "type") or "default") for e in children(properties, *_OPENING[:2])}
    for each in children(first, *_OPENING[:2]):
        if (name(each), value(each, "type") or "default") not in known:
            order.insert(properties, copy.deepcopy(each))
    kind = child(first, "w:type")
    if kind is not None:
        order.put(properties, copy.deepcopy(kind))
    elif (own := child(properties, "w:type")) is not None:
        properties.remove(own)
    if (start := value(child(first, "w:pgNumType"), "start")) is not None:
        pages = order.ensure(properties, "pgNumType")
        pages.set(f"{str(pages.tag).rpartition('}')[0]}}}start", start)


# Pages


@editor
def page_setup(
    document: Document,
    section: SectionRef | None = None,
    *,
    orientation: Literal["portrait", "landscape"] | None = None,
    paper: Paper | None = None,
    width: Length | None = None,
    height: Length | None = None,
    margins: Margins | None = None,
    columns: Annotated[int, Field(ge=1, le=45)] | None = None,
    column_space: Length | None = None,
    column_line: bool | None = None,
) -> Edit:
    """Set paper, orientation, margins and columns of a section (number, heading or address in it), or of all of them.

    Lengths are centimetres, or "1in"; what is not given stays. Raises ToolInputError "section", "length", "margins"
    when no room for text is left, or "unchanged"; DocumentError.
    """
    hunks = []
    given = (orientation, paper, width, height, margins, columns, column_space, column_line)
    if all(each is None for each in given):
        raise ToolInputError('Nothing is given to set, such as orientation="landscape".', code="arguments")
    for each in chosen(document, section):
        properties = each.properties
        before = described(properties)
        state = _state(properties)
        _set_size(properties, orientation, paper, width, height)
        if margins is not None:
            _set_margins(properties, margins)
        _set_columns(properties, columns, column_space, column_line)
        _refuse_narrow(each)
        if _state(properties) != state:
            hunks.append(Hunk(f"section {each.number}", f"[{before}]", f"[{described(properties)}]", "format"))
    if not hunks:
        raise ToolInputError("The pages look so already: nothing would change.", code="unchanged")
    document.touch(document.stories[0])
    return Edit.of(hunks)


def _state(properties: Element) -> list[str]:
    return [f"{name(each)}{sorted(each.attrib.values())}" for each in properties.iter()]


def _set(element: Element, **attributes: int | str) -> None:
    space = str(element.tag).rpartition("}")[0]
    for key, given in attributes.items():
        element.set(f"{space}}}{key}", str(given))


def page_size(properties: Element) -> tuple[int, int]:
    """Return width and height of the pages in twentieths of a point; US Letter where nothing is said (17.6.13)."""
    size = child(properties, "w:pgSz")
    return number(size, "w") or _PAPERS["letter"][0], number(size, "h") or _PAPERS["letter"][1]


def text_size(properties: Element) -> int:
    """Return the width of the text on the pages of a section in twentieths of a point."""
    margins = child(properties, "w:pgMar")
    sides = [number(margins, side) for side in ("left", "right")]
    gutter = number(margins, "gutter") or 0
    return page_size(properties)[0] - sum(_MARGINS["left"] if s is None else s for s in sides) - gutter


def _set_size(
    properties: Element,
    orientation: str | None,
    paper: str | None,
    width: float | str | None,
    height: float | str | None,
) -> None:
    if orientation is None and paper is None and width is None and height is None:
        return
    old = page_size(properties)
    landscape = orientation == "landscape" if orientation else old[0] > old[1]
    size = _PAPERS[paper] if paper else old
    size = (
        twips(width, "width") if width is not None else size[0],
        twips(height, "height") if height is not None else size[1],
    )
    if width is None or height is None or orientation is not None:
        size = (max(size), min(size)) if landscape else (min(size), max(size))
    element = order.ensure(properties, "pgSz")
    _set(element, w=size[0], h=size[1])
    orient = f"{str(element.tag).rpartition('}')[0]}}}orient"
    if size[0] > size[1]:
        element.set(orient, "landscape")
    elif orient in element.attrib:
        del element.attrib[orient]
    code = f"{str(element.tag).rpartition('}')[0]}}}code"
    if code in element.attrib and sorted(size) != sorted(old):  # the printer's number of the old paper
        del element.attrib[code]


def _set_margins(properties: Element, margins: Margins) -> None:
    element = child(properties, "w:pgMar")
    if element is None:
        element = order.ensure(properties, "pgMar")
        _set(element, **_MARGINS)
    for side, given in Margins.model_validate(margins).model_dump(exclude_none=True).items():
        _set(element, **{side: twips(given, f"margins.{side}", least=_LOWEST if side in ("top", "bottom") else 0)})


def _set_columns(properties: Element, columns: int | None, space: float | str | None, line: bool | None) -> None:
    if columns is None and space is None and line is None:
        return
    element = order.ensure(properties, "cols")
    if columns is not None:
        _set(element, num=columns, equalWidth="1")
        for each in list(children(element, "w:col")):
            element.remove(each)
        if value(element, "space") is None:
            _set(element, space=720)
    if space is not None:
        _set(element, space=twips(space, "column_space", least=0))
    if line is not None:
        _set(element, sep="1" if line else "0")


def _refuse_narrow(section: Section) -> None:
    margins = child(section.properties, "w:pgMar")
    used = sum(abs(number(margins, side) or 0) for side in ("top", "bottom"))
    wide, high = text_size(section.properties), page_size(section.properties)[1] - used
    if wide < 720 or high < 720:
        reason = f"The margins leave {shown(min(wide, high))} for the text of section {section.number}."
        raise ToolInputError(reason, hint="Make them smaller or the paper larger.", code="margins")


def described(properties: Element) -> str:
    """Return paper, margins and columns of a section for people."""
    width, height = page_size(properties)
    paper = next((p for p, size in _PAPERS.items() if _close(size, sorted((width, height)))), "")
    said = [f"{paper} " if paper else "", f"{shown(width)} x {shown(height)}"]
    margins = child(properties, "w:pgMar")
    sides = (
        [shown(number(margins, side) or 0) for side in ("top", "right", "bottom", "left")]
        if margins is not None
        else []
    )
    columns = number(child(properties, "w:cols"), "num") or 1
    margin = f", margins {' '.join(side.removesuffix(' cm') for side in sides)} cm" if sides else ""
    return f"{''.join(said)}{margin}{f', {columns} columns' if columns > 1 else ''}"


def _close(paper: tuple[int, int], size: list[int]) -> bool:
    return all(abs(a - b) <= 20 for a, b in zip(paper, size, strict=True))


#: The operations of this module.
OPERATIONS = (page_break, column_break, section_break, remove_section_break, page_setup)
