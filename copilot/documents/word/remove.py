"""Remove blocks, and keep what other parts of the document hold on to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from copilot.documents.hunks import Hunk
from copilot.documents.word import orphans
from copilot.documents.word.blocks import Block, cells, rows, text_boxes, twin
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.names import Element, add, child, descend, every, name, new, value, within
from copilot.errors import ToolInputError

_HOLDERS = frozenset(
    {"w:tc", "w:txbxContent", "w:hdr", "w:ftr", "w:footnote", "w:endnote", "w:comment", "w:sdtContent", "w:body"}
)
_STAYS = {"section": "The section break", "tables": "What keeps the tables apart"}
_UNUSED_BOOKMARK = "_GoBack"  # where the cursor was last: nobody refers to it


@editor
def delete_blocks(document: Document, addresses: Sequence[str]) -> Edit:
    """Delete the paragraphs, tables and rows at these addresses or headings.

    Section breaks, bookmarks and the ends of ranges that reach beyond stay where they were. Raises ToolInputError for
    a stale address, or when half of a field or of a merged cell would be left; DocumentError.
    """
    if not addresses:
        raise ToolInputError("addresses is empty: nothing would be deleted.")
    return deleted(document, document.places(addresses))


def deleted(document: Document, blocks: Sequence[Block]) -> Edit:
    """Delete blocks that were looked up already, as `delete_blocks` does."""
    blocks = [b for b in blocks if not any(b.path.startswith(f"{other.path}.") for other in blocks)]
    for block in blocks:
        if block.kind == "cell":
            hint = "Set its text instead, or delete its row."
            raise ToolInputError(f"{block.path} is a cell: a table can't lose a single one.", hint=hint, code="address")
    refuse_halves(blocks)
    hunks = [Hunk(b.where, _whole_text(document, b), "", "structure") for b in blocks]
    warnings = [warning for block in blocks for warning in _losses(document, block)]
    for block in blocks:
        _keep_comments(block.element)
        document.released |= orphans.references(block.element)
        copied = twin(block.element) if block.kind == "paragraph" else None
        warnings += _remove(block)
        if copied is not None:
            warnings += _remove(replace(block, element=copied))
    for story in {b.story.part: b.story for b in blocks}.values():
        document.touch(story)
    return Edit.of(hunks, warnings)


def _whole_text(document: Document, block: Block) -> str:
    if block.kind == "paragraph":
        boxed = document.blocks if next(text_boxes(block.element), None) is not None else []
        boxes = [b for b in boxed if b.kind == "paragraph" and b.path.startswith(f"{block.path}.x")]
        return "\n".join(document.text(b) for b in (block, *boxes))
    if block.kind == "row":
        return document.text(block)
    inside = [b for b in document.blocks if b.kind == "row" and b.path.rpartition(".r")[0] == block.path]
    return "\n".join(document.text(row) for row in inside)


def refuse_halves(blocks: Sequence[Block]) -> None:
    """Refuse to cut a field in two: Word would take the rest of the document for the field."""
    depth = lowest = 0
    for block in blocks:
        for mark in every(block.element, "fldChar"):
            depth += {"begin": 1, "end": -1}.get(value(mark, "fldCharType") or "", 0)
            lowest = min(lowest, depth)
    if depth or lowest:
        where = blocks[0].where if len(blocks) == 1 else "these blocks"
        raise ToolInputError(
            f"A field that goes on in other paragraphs (such as a table of contents) begins or ends in {where}.",
            hint="Name all paragraphs of the field together, or set the text instead.",
            code="field",
        )


def _losses(document: Document, block: Block) -> Iterator[str]:
    """Warn of what goes with a block besides its text."""
    numbers = {kind: document.note_numbers(f"w:{kind}") for kind in ("footnote", "endnote", "comment")}
    for kind, shown in numbers.items():
        for reference in every(block.element, f"{kind}Reference"):
            number = shown.get(value(reference, "id") or "", "?")
            yield f"The {kind} {number}, which {block.where} refers to, goes too."
    pictures = sum(1 for each in block.element.iter() if name(each) in ("w:drawing", "w:pict", "w:object"))
    if pictures:
        yield f"{pictures} picture{'s' if pictures > 1 else ''} or object{'s' if pictures > 1 else ''} goes with it."


def _keep_comments(element: Element) -> None:
    """Let a comment that begins before an element, and ends in it, end with the paragraph before instead (17.13.4)."""
    before = element.getprevious()
    while before is not None and name(before) != "w:p":
        before = before.getprevious()
    started = {value(each, "id") for each in every(element, "commentRangeStart")}
    references = [each for each in every(element, "commentReference") if value(each, "id") not in started]
    for reference in references if before is not None and name(element) == "w:p" else ():
        ends = [each for each in every(element, "commentRangeEnd") if value(each, "id") == value(reference, "id")]
        run = within(reference, "w:r")
        if before is None or run is None or not ends or len([e for e in run if name(e) != "w:rPr"]) != 1:
            continue
        for each in (ends[0], run):
            each.tail = None
            before.append(each)


def _remove(block: Block) -> Iterator[str]:
    """Take a block out; yield what to warn about."""
    element = block.element
    if block.kind == "row":
        table = next(e for e in element.iterancestors() if name(e) == "w:tbl")
        _keep_merges(block, table)
        if len(list(rows(table))) == 1:
            element = table
    kept = list(range_marks(element))
    parent = element.getparent()
    if parent is None:
        return
    if name(element) == "w:p" and (why := must_stay(element)):
        empty(element, kept)
        if why != "last":
            yield f"{_STAYS[why]} at {block.where} stays, in an empty paragraph."
        return
    for mark in kept:
        element.addprevious(mark)
    keep_section(element)
    unlink(element)
    end_with_paragraph(parent)


def keep_section(element: Element) -> None:
    """Put an empty paragraph behind a block that is about to go when it is all that the last section holds."""
    if is_last_section(element):
        element.addnext(new(element, "p"))


def is_last_section(element: Element) -> bool:
    """Whether a block of the body is all that its last section holds, which needs a paragraph (17.6.17)."""
    parent, above = element.getparent(), _beside(element, "previous")
    if parent is None or name(parent) != "w:body" or above is None:
        return False
    if (below := _beside(element, "next")) is not None and name(below) != "w:sectPr":
        return False
    last = [*every(above, "p")][-1:]
    return name(above) != "w:tbl" and any(descend(each, "w:pPr", "w:sectPr") is not None for each in last)


def _keep_merges(block: Block, table: Element) -> None:
    there = list(rows(table))
    at = there.index(block.element)
    below = {column: cell for cell, column, _ in cells(there[at + 1])} if at + 1 < len(there) else {}
    for cell, column, _ in cells(block.element):
        merge = descend(cell, "w:tcPr", "w:vMerge")
        under = descend(below.get(column), "w:tcPr", "w:vMerge")
        if merge is None or value(merge) != "restart" or under is None or value(under) == "restart":
            continue
        hint = "Delete the rows of the merged cell together, or delete the table."
        raise ToolInputError(f"A merged cell begins in {block.where} and goes on below.", hint=hint, code="merged")


def range_marks(element: Element, *, bookmarks: bool = True) -> Iterator[Element]:
    """Yield the ends of ranges that must outlive the block: bookmarks, and ranges whose other end is elsewhere."""
    ends: dict[tuple[str, str], list[Element]] = {}
    for each in element.iter():
        kind = name(each)
        if kind.startswith("w:") and kind.endswith(("Start", "End")) and value(each, "id") is not None:
            stem = kind.removesuffix("Start").removesuffix("End")
            ends.setdefault((stem, value(each, "id") or ""), []).append(each)
    for (stem, _), marks in ends.items():
        bookmark = bookmarks and stem == "w:bookmark" and all(value(m, "name") != _UNUSED_BOOKMARK for m in marks)
        if bookmark or len(marks) == 1:
            yield from marks


def must_stay(paragraph: Element) -> str:
    """Return why a paragraph can't go as a whole, "" if it can.

    "section": it ends one (17.6.18). "tables": those above and below would become one. "last": what holds it, or
    the last section, would be left without a paragraph.
    """
    if descend(paragraph, "w:pPr", "w:sectPr") is not None:
        return "section"
    above, below = _neighbour(paragraph, "previous"), _neighbour(paragraph, "next")
    if above == below == "w:tbl":
        return "tables"
    if is_last_section(paragraph):
        return "last"
    holder = next((each for each in paragraph.iterancestors() if name(each) in _HOLDERS), None)
    if holder is None or any(p is not paragraph and paragraph not in p.iterancestors() for p in every(holder, "p")):
        return ""
    alone = name(holder) != "w:body" or not any(name(each) in ("w:tbl", "w:sdt") for each in holder)
    return "last" if alone else ""


def _neighbour(element: Element, side: Literal["previous", "next"]) -> str:
    """Return the name of the block beside an element, "" if there is none."""
    beside = _beside(element, side)
    return "" if beside is None else name(beside)


def _beside(element: Element, side: Literal["previous", "next"]) -> Element | None:
    """Return the block beside an element, marks of ranges passed over."""
    others = element.itersiblings(preceding=side == "previous")
    return next((each for each in others if name(each) and not name(each).endswith(("Start", "End"))), None)


def empty(paragraph: Element, kept: Sequence[Element]) -> None:
    """Take everything out of a paragraph but its properties and these marks."""
    properties = child(paragraph, "w:pPr")
    for each in list(paragraph):
        if each is not properties:
            paragraph.remove(each)
    paragraph.extend(kept)


def unlink(element: Element) -> None:
    """Remove an element; the text behind it (white space) stays with what stands before."""
    parent = element.getparent()
    if parent is not None:
        element.tail = None
        parent.remove(element)


def end_with_paragraph(parent: Element) -> None:
    """Add the paragraph that a cell ends with when it is missing (17.4.65)."""
    if name(parent) != "w:tc":
        return
    blocks = [each for each in parent if name(each) in ("w:p", "w:tbl", "w:sdt")]
    if not blocks or name(blocks[-1]) == "w:tbl":
        add(parent, "p")


#: The operations of this module.
OPERATIONS = (delete_blocks,)
