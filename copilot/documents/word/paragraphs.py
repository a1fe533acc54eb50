"""Paragraphs and tables as a whole: moved, copied, split, joined, made headings of a level."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import splitting, text
from copilot.documents.word.blocks import Block, twin
from copilot.documents.word.build import set_style
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.insert import MAX_DEPTH, Position, Spot, heading_style, spot
from copilot.documents.word.names import Element, child, children, name, new
from copilot.documents.word.remove import (
    empty,
    end_with_paragraph,
    keep_section,
    must_stay,
    range_marks,
    refuse_halves,
    unlink,
)
from copilot.documents.word.styles import style_id
from copilot.errors import ToolInputError

Addresses = Annotated[list[str], Field(min_length=1)]

#: What can stand once in a document only, and so not in a copy.
_ONCE = frozenset(
    {
        "w:bookmarkStart", "w:bookmarkEnd", "w:commentRangeStart", "w:commentRangeEnd", "w:permStart", "w:permEnd",
        "w:moveFromRangeStart", "w:moveFromRangeEnd", "w:moveToRangeStart", "w:moveToRangeEnd", "w:sectPr",
    }
)  # fmt: skip
_REFERENCES = {"w:footnoteReference": "footnote", "w:endnoteReference": "endnote", "w:commentReference": "comment"}
_RELATED = "officeDocument"  # in the namespace of attributes that lead to another part


@editor
def move_blocks(document: Document, addresses: Addresses, at: str = "", position: Position = "after") -> Edit:
    """Move paragraphs and tables to a heading or an address, to the end when `at` is ""; they keep their order.

    Section breaks, and ranges that only begin or end in them, stay where they were. Raises ToolInputError for stale
    addresses, a place inside of what is moved, half of a field, or another part of the document (body to header).
    """
    blocks, place = _taken(document, addresses, at, position)
    if any(block.story.part != place.story.part for block in blocks):
        hint = "Insert the text there and delete it here."
        raise ToolInputError(f"{blocks[0].where} can't move {place.where}: another part.", hint=hint, code="address")
    if _stands_so(document, blocks, place):
        raise ToolInputError("They stand there already: nothing would change.", code="unchanged")
    hunks = [Hunk(b.where, _shown(document, b), "", "structure") for b in blocks]
    hunks.append(Hunk(place.where, "", "\n".join(_shown(document, b) for b in blocks), "structure"))
    warnings = _boxed(blocks)
    _move([block.element for block in blocks], place)
    document.touch(place.story)
    return Edit.of(hunks, warnings)


def _move(elements: Sequence[Element], place: Spot) -> None:
    marker = new(place.element, "p")  # the element that names the place may be one of those that move
    place.put([marker])
    parents = {id(parent): parent for each in (marker, *elements) if (parent := each.getparent()) is not None}
    for element in elements:
        marker.addprevious(_released(element))
    unlink(marker)
    for parent in parents.values():
        _part_tables(parent)


@editor
def copy_blocks(document: Document, addresses: Addresses, at: str = "", position: Position = "after") -> Edit:
    """Put a copy of paragraphs and tables at a heading or an address, at the end when `at` is "".

    Bookmarks, notes, comments and section breaks are not copied. Raises ToolInputError like `move_blocks`.
    """
    blocks, place = _taken(document, addresses, at, position)
    foreign = [b for b in blocks if b.story.part != place.story.part and _leads_elsewhere(b.element)]
    if foreign:
        reason = f"{foreign[0].where} holds a picture or link of its part of the document."
        raise ToolInputError(reason, hint="Copy it within its part, or insert its text.", code="address")
    lost = {_REFERENCES[name(each)] for b in blocks for each in b.element.iter() if name(each) in _REFERENCES}
    warnings = [f"The copy has no {kind}s." for kind in sorted(lost)]
    made = [_copied(block.element, _drawings(document, place)) for block in blocks]
    place.put(made)
    if (parent := place.element.getparent()) is not None:
        _part_tables(parent)
    document.touch(place.story)
    hunk = Hunk(place.where, "", "\n".join(_shown(document, b) for b in blocks), "structure")
    return Edit.of([hunk], warnings)


@editor
def split_paragraph(document: Document, address: str, before: Words, nth: Annotated[int, Field(ge=1)] = 1) -> Edit:
    """Split a paragraph in two before these words (the `nth` time that they stand in it); both keep its formatting.

    Raises ToolInputError when the words are not there, or a field or content control would be cut in two.
    """
    block = _paragraph(document, address)
    line = document.line(block)
    offset = _offset(document, block, line.text, before, nth)
    copied = twin(block.element)
    alike = copied is not None and text.line(copied, document.fields(block.story.part)).text == line.text
    tail = splitting.split(block.element, document.fields(block.story.part), offset, block.where)
    block.element.addnext(tail)
    if alike and copied is not None:
        copied.addnext(splitting.split(copied, document.fields(block.story.part), offset, block.where))
    document.touch(block.story)
    shown = f"{line.text[:offset].rstrip()}\n{line.text[offset:]}"
    return Edit.of([Hunk(block.where, line.text, shown, "structure")])


@editor
def join_paragraphs(
    document: Document, addresses: Annotated[list[str], Field(min_length=1)], separator: str = " "
) -> Edit:
    """Join paragraphs that follow each other into the first, which keeps its formatting; `separator` comes between.

    Raises ToolInputError when something stands between them, or a section ends in one but the last.
    """
    blocks = [_written(document, block) for block in document.places(addresses)]
    blocks = list({b.path: b for b in _in_order(document, blocks)}.values())
    if len(blocks) < 2:
        raise ToolInputError(f"{blocks[0].where} alone can't be joined.", hint="Name two or more.", code="arguments")
    before = [document.text(b) for b in blocks]
    splitting.join([b.element for b in blocks], separator, [b.where for b in blocks])
    document.touch(blocks[0].story)
    after = document.text(document.block_of(blocks[0].element) or blocks[0])
    return Edit.of([Hunk(blocks[0].where, "\n".join(before), after, "structure")])


@editor
def set_level(document: Document, addresses: Addresses, level: Annotated[int, Field(ge=0, le=MAX_DEPTH)]) -> Edit:
    """Make paragraphs headings of `level` 1 to 9 in the document's own heading style; 0 makes them body text.

    Raises ToolInputError for a stale address, or when they are so already.
    """
    hunks = []
    for block in [_written(document, block) for block in document.places(addresses)]:
        old = document.styles.level(block.element)
        if old == level:
            continue
        wanted = heading_style(document, level) if level else document.styles.default()
        for element in (block.element, twin(block.element)):
            if element is not None:
                _restyle(element, wanted)
        words = shortened(document.text(block))
        hunks.append(Hunk(block.where, f"{words} [{_level(old)}]", f"{words} [{_level(level)}]", "format"))
        document.touch(block.story)
    if not hunks:
        raise ToolInputError(f"It is {_level(level)} already: nothing would change.", code="unchanged")
    return Edit.of(hunks)


def _level(level: int) -> str:
    return f"heading {level}" if level else "body text"


def _restyle(element: Element, style: str | None) -> None:
    properties = child(element, "w:pPr")
    for each in list(children(properties, "w:outlineLvl", "w:pStyle")):
        if properties is not None and (name(each) == "w:outlineLvl" or style is None):
            properties.remove(each)
    if style is not None and style != style_id(element):
        set_style(element, style)


# Taking and putting


def _taken(document: Document, addresses: Sequence[str], at: str, position: Position) -> tuple[list[Block], Spot]:
    blocks = _in_order(document, document.places(addresses))
    blocks = [b for b in blocks if not any(b.path.startswith(f"{other.path}.") for other in blocks)]
    for block in blocks:
        if block.kind in ("row", "cell"):
            hint = "Move rows with the operations on tables."
            raise ToolInputError(f"{block.path} is a {block.kind}, no paragraph or table.", hint=hint, code="address")
    refuse_halves(blocks)
    place = spot(document, at, position)
    inside = [b for b in blocks if any(each is b.element for each in place.element.iterancestors())]
    if inside:
        raise ToolInputError(f"The place {at!r} lies inside of {inside[0].where}.", code="address")
    return blocks, place


def _in_order(document: Document, blocks: Sequence[Block]) -> list[Block]:
    wanted = {block.path for block in blocks}
    return [block for block in document.blocks if block.path in wanted]


def _stands_so(document: Document, blocks: Sequence[Block], place: Spot) -> bool:
    """Whether the blocks stand at the place, one behind the other."""
    chain = [b.element for b in blocks]
    row = chain
    if place.element not in chain:
        row = [*chain, place.element] if place.before else [place.element, *chain]
    return all(later is earlier.getnext() for earlier, later in pairwise(row))


def _released(element: Element) -> Element:
    """Return what moves of a block: itself, or its content in a new paragraph when the paragraph has to stay."""
    for mark in list(range_marks(element, bookmarks=False)):
        mark.tail = None
        element.addprevious(mark)
    if name(element) != "w:p" or not must_stay(element):
        keep_section(element)
        unlink(element)
        return element
    made = splitting.sibling(element)
    made.extend([each for each in element if name(each) != "w:pPr"])
    empty(element, [])
    return made


def _copied(element: Element, drawings: int) -> Element:
    made = copy.deepcopy(element)
    made.tail = None
    for each in list(made.iter()):
        kind, parent = name(each), each.getparent()
        for key in [k for k in each.attrib if str(k).rpartition("}")[2] in ("paraId", "textId")]:
            del each.attrib[key]
        if parent is not None and (kind in _ONCE or kind in _REFERENCES or _is_control_id(each)):
            unlink(each)
        elif kind == "wp:docPr":
            drawings += 1
            each.set("id", str(drawings))
    return made


def _is_control_id(element: Element) -> bool:
    parent = element.getparent()
    return name(element) == "w:id" and parent is not None and name(parent) == "w:sdtPr"


def _drawings(document: Document, place: Spot) -> int:
    """Return the highest id of the drawings in a part (20.4.2.5)."""
    root = document.package.xml(place.story.part)
    found = [each.get("id", "") for each in root.iter() if name(each) == "wp:docPr"]
    return max((int(each) for each in found if each.isdigit()), default=0)


def _leads_elsewhere(element: Element) -> bool:
    return any(_RELATED in str(key) for each in element.iter() for key in each.attrib)


def _part_tables(parent: Element) -> None:
    """Put an empty paragraph where tables came to touch, which Word would merge, and where a cell lost its last one."""
    for table in [e for e in parent if name(e) == "w:tbl"]:
        following = table.getnext()
        if following is not None and name(following) == "w:tbl":
            table.addnext(new(table, "p"))
    end_with_paragraph(parent)


def _boxed(blocks: Sequence[Block]) -> list[str]:
    copies = [b for b in blocks if twin(b.element) is not None]
    return ["The text box has a copy for programs older than Word 2010, which stays as it was."] if copies else []


def _shown(document: Document, block: Block) -> str:
    if block.kind != "table":
        return document.text(block)
    rows = [b for b in document.blocks if b.kind == "row" and b.path.rpartition(".r")[0] == block.path]
    return "\n".join(document.text(row) for row in rows)


def _paragraph(document: Document, address: str) -> Block:
    return _written(document, document.place(address))


def _written(document: Document, block: Block) -> Block:
    """Return a paragraph, or the only one of a cell."""
    if block.kind == "cell":
        inside = [b for b in document.blocks if b.path.startswith(f"{block.path}.") and b.depth == block.depth + 1]
        if len(inside) == 1 and inside[0].kind == "paragraph":
            return inside[0]
    if block.kind != "paragraph":
        raise ToolInputError(f"{block.path} is a {block.kind}, no paragraph.", code="address")
    return block


def _offset(document: Document, block: Block, line: str, before: str, nth: int) -> int:
    at = -1
    for _ in range(nth):
        at = line.find(before, at + 1) if before else -1
        if at < 0:
            hint = f"It reads: {shortened(line, 200)!r}."
            often = f" {nth} times" if nth > 1 else ""
            raise ToolInputError(f"{block.where} does not hold {before!r}{often}.", hint=hint, code="not_found")
    if not line[:at].strip() or not line[at:].strip():
        raise ToolInputError(f"{block.where} begins with {before!r}: nothing would be split.", code="unchanged")
    return at


#: The operations of this module.
OPERATIONS = (move_blocks, copy_blocks, split_paragraph, join_paragraphs, set_level)
