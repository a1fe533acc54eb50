"""Remove blocks, and keep what other parts of the document hold on to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from copilot.documents.hunks import Hunk
from copilot.documents.word.blocks import Block, cells, rows, text_boxes, twin
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.names import Element, add, child, descend, every, name, value
from copilot.errors import ToolInputError

_HOLDERS = frozenset(
    {"w:tc", "w:txbxContent", "w:hdr", "w:ftr", "w:footnote", "w:endnote", "w:comment", "w:sdtContent", "w:body"}
)
_UNUSED_BOOKMARK = "_GoBack"  # where the cursor was last: nobody refers to it


@editor
def delete_blocks(document: Document, addresses: Sequence[str]) -> Edit:
    """Delete the paragraphs, tables and rows at these addresses or headings.

    Section breaks, bookmarks and the ends of ranges that reach beyond stay where they were. Raises ToolInputError for
    a stale address, or when half of a field or of a merged cell would be left; DocumentError.
    """
    if not addresses:
        raise ToolInputError("addresses is empty: nothing would be deleted.")
    blocks = list({b.path: b for b in (document.place(address) for address in addresses)}.values())
    blocks = [b for b in blocks if not any(b.path.startswith(f"{other.path}.") for other in blocks)]
    for block in blocks:
        if block.kind == "cell":
            hint = "Set its text instead, or delete its row."
            raise ToolInputError(f"{block.path} is a cell: a table can't lose a single one.", hint=hint, code="address")
    _refuse_halves(blocks)
    hunks = [Hunk(b.where, _whole_text(document, b), "", "structure") for b in blocks]
    warnings = [warning for block in blocks for warning in _losses(document, block)]
    for block in blocks:
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


def _refuse_halves(blocks: list[Block]) -> None:
    """Refuse to cut a field in two: Word would take the rest of the document for the field."""
    depth = 0
    for block in blocks:
        for mark in every(block.element, "fldChar"):
            depth += {"begin": 1, "end": -1}.get(value(mark, "fldCharType") or "", 0)
    if depth:
        where = blocks[0].where if len(blocks) == 1 else "these blocks"
        raise ToolInputError(
            f"A field that goes on in other paragraphs (such as a table of contents) begins or ends in {where}.",
            hint="Delete all paragraphs of the field together, or set the text instead.",
            code="field",
        )


def _losses(document: Document, block: Block) -> Iterator[str]:
    """Warn of what goes with a block besides its text."""
    numbers = {kind: document.note_numbers(f"w:{kind}") for kind in ("footnote", "endnote", "comment")}
    for kind, shown in numbers.items():
        for reference in every(block.element, f"{kind}Reference"):
            number = shown.get(value(reference, "id") or "", "?")
            yield f"The reference to {kind} {number} in {block.where} goes too."
    pictures = sum(1 for each in block.element.iter() if name(each) in ("w:drawing", "w:pict", "w:object"))
    if pictures:
        yield f"{pictures} picture{'s' if pictures > 1 else ''} or object{'s' if pictures > 1 else ''} goes with it."


def _remove(block: Block) -> Iterator[str]:
    """Take a block out; yield what to warn about."""
    element = block.element
    if block.kind == "row":
        table = next(e for e in element.iterancestors() if name(e) == "w:tbl")
        _keep_merges(block, table)
        if len(list(rows(table))) == 1:
            element = table
    kept = list(_range_marks(element))
    parent = element.getparent()
    if parent is None:
        return
    if name(element) == "w:p" and _must_stay(element):
        has_section = descend(element, "w:pPr", "w:sectPr") is not None
        _empty(element, kept)
        if has_section:
            yield f"The section break at {block.where} stays, in an empty paragraph."
        return
    for mark in kept:
        element.addprevious(mark)
    _unlink(element)
    _end_with_paragraph(parent)


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


def _range_marks(element: Element) -> Iterator[Element]:
    """Yield the ends of ranges that must outlive the block: bookmarks, and ranges whose other end is elsewhere."""
    ends: dict[tuple[str, str], list[Element]] = {}
    for each in element.iter():
        kind = name(each)
        if kind.startswith("w:") and kind.endswith(("Start", "End")) and value(each, "id") is not None:
            stem = kind.removesuffix("Start").removesuffix("End")
            ends.setdefault((stem, value(each, "id") or ""), []).append(each)
    for (stem, _), marks in ends.items():
        bookmark = stem == "w:bookmark" and all(value(m, "name") != _UNUSED_BOOKMARK for m in marks)
        if bookmark or len(marks) == 1:
            yield from marks


def _must_stay(paragraph: Element) -> bool:
    """Return whether the paragraph carries a section break, or its container would be left without one."""
    if descend(paragraph, "w:pPr", "w:sectPr") is not None:
        return True
    holder = next((each for each in paragraph.iterancestors() if name(each) in _HOLDERS), None)
    if holder is None:
        return False
    if any(p is not paragraph and paragraph not in p.iterancestors() for p in every(holder, "p")):
        return False
    return name(holder) != "w:body" or not any(name(each) in ("w:tbl", "w:sdt") for each in holder)


def _empty(paragraph: Element, kept: list[Element]) -> None:
    properties = child(paragraph, "w:pPr")
    for each in list(paragraph):
        if each is not properties:
            paragraph.remove(each)
    paragraph.extend(kept)


def _unlink(element: Element) -> None:
    """Remove an element; the text behind it (white space) stays with what stands before."""
    parent = element.getparent()
    if parent is not None:
        element.tail = None
        parent.remove(element)


def _end_with_paragraph(parent: Element) -> None:
    """A cell ends with a paragraph (17.4.65)."""

    if name(parent) != "w:tc":
        return
    blocks = [each for each in parent if name(each) in ("w:p", "w:tbl", "w:sdt")]
    if not blocks or name(blocks[-1]) == "w:tbl":
        add(parent, "p")
