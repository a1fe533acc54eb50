"""New tables: from data, and from paragraphs; and tables made paragraphs again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, remove, splitting, text
from copilot.documents.word.blocks import Block, block_elements
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.insert import Position, inserted, parted, spot
from copilot.documents.word.measures import Length
from copilot.documents.word.names import Element, add, children, name, new
from copilot.documents.word.tables.grid import Grid
from copilot.documents.word.tables.looks import CellAlign, align_paragraph, lengths, set_widths
from copilot.documents.word.tables.places import table_at
from copilot.documents.word.tables.styles import table_style_id
from copilot.errors import ToolInputError

#: How columns stand: one word for all, or one for each; "auto" puts columns of numbers to the right.
Aligned = Literal["auto", "none"] | list[CellAlign]

_NUMBER = re.compile(r"[^\w]{0,2}[(]?[-+\u2212]?[^\w]{0,2}\d[\d.,'\u00a0\u202f ]*\s?(%|[^\w\s]|[A-Z]{3})?[)]?")


@editor
def add_table(
    document: Document,
    rows: Sequence[Sequence[Words]],
    *,
    at: str = "",
    position: Position = "after",
    style: str | None = None,
    header: bool = True,
    widths: list[Length] | None = None,
    align: Aligned = "auto",
) -> Edit:
    """Insert a table; the first row is its header unless `header` is False.

    Without `style` it looks like the document's other tables, else it has thin lines. `widths` are centimetres, or
    "30%" of the text; `align` is one word for each column, "auto" puts columns of numbers to the right. Raises
    ToolInputError, DocumentError.
    """
    place = spot(document, at, position)
    style_of = table_style_id(document, style) if style else build.usual_table_style(document)
    near = place.beside or Block(document.body, "paragraph", "", "", place.story)
    made = build.table(document, near, rows, style_of, header=header)
    edit = inserted(document, place, parted(place, made), ["\t".join(row) for row in rows])
    _shape(document, made, widths, _alignments(rows, align, header=header))
    return edit


def _shape(document: Document, made: Element, widths: Sequence[float | str] | None, aligned: Sequence[str]) -> None:
    """Give a table that was just put into the document its widths and alignments."""
    block = document.block_of(made)
    if block is None:  # hidden from readers: in a copy for old programs
        return
    grid = Grid(block)
    if widths is not None:
        if len(widths) != grid.columns:
            raise ToolInputError(f"{len(widths)} widths for {grid.columns} columns.", code="widths")
        set_widths(grid, lengths(document, block, widths))
    for row in grid.rows:
        for slot, how in zip(row.slots, aligned, strict=False):
            for paragraph in children(slot.cell, "w:p") if how not in ("", "left") else ():
                align_paragraph(paragraph, how)


def _alignments(rows: Sequence[Sequence[str]], align: Aligned, *, header: bool) -> list[str]:
    """Return one alignment for each column, "" for the usual one."""
    columns = max((len(row) for row in rows), default=0)
    if isinstance(align, list):
        if len(align) != columns:
            raise ToolInputError(f"{len(align)} alignments for {columns} columns.", code="align")
        return list(align)
    if align == "none":
        return [""] * columns
    body = rows[1:] if header else rows
    cells = [[row[at].strip() for row in body if at < len(row) and row[at].strip()] for at in range(columns)]
    return ["right" if column and all(map(_NUMBER.fullmatch, column)) else "" for column in cells]


@editor
def text_to_table(
    document: Document,
    addresses: Annotated[list[str], Field(min_length=1)],
    separator: Annotated[str, Field(min_length=1)] = "\t",
    *,
    style: str | None = None,
    header: bool = True,
) -> Edit:
    """Turn paragraphs that follow each other into a table, one row each, cut at `separator`; formatting stays.

    Raises ToolInputError: other blocks stand between them, a field or content control would be cut in two, a section
    ends in one.
    """
    blocks = _in_line(document, addresses)
    style_of = table_style_id(document, style) if style else build.usual_table_style(document)
    texts = [[cell.strip() for cell in document.line(b).text.split(separator)] for b in blocks]
    columns = max(len(row) for row in texts)
    made = build.table(document, blocks[0], [[""] * columns for _ in blocks], style_of, header=header)
    for block, row in zip(blocks, children(made, "w:tr"), strict=True):
        pieces = _cut(document, block, separator)
        if block is blocks[0]:
            pieces[0].addprevious(made)
        for piece, cell in zip(pieces, children(row, "w:tc"), strict=False):
            for each in list(children(cell, "w:p")):
                cell.remove(each)
            remove.unlink(piece)
            cell.append(piece)
    _apart(made)
    document.touch(blocks[0].story)
    before = "\n".join(separator.join(row) for row in texts)
    return Edit.of([Hunk(blocks[0].where, before, "\n".join("\t".join(row) for row in texts), "structure")])


def _in_line(document: Document, addresses: Sequence[str]) -> list[Block]:
    """Return paragraphs in the order of the document; refuses those that something stands between."""
    named = {b.path: b for b in document.places(addresses)}
    blocks = [b for b in document.blocks if b.path in named]
    for block in blocks:
        if block.kind != "paragraph":
            raise ToolInputError(f"{block.path} is a {block.kind}, no paragraph.", code="address")
        if remove.must_stay(block.element) == "section":
            raise ToolInputError(f"A section ends in {block.where}, which can't go into a table.", code="section")
        if block is not blocks[-1] and block.element.getnext() is not blocks[blocks.index(block) + 1].element:
            raise ToolInputError(f"Something else follows {block.where}: they must stand together.", code="address")
    remove.refuse_halves(blocks)
    return blocks


def _cut(document: Document, block: Block, separator: str) -> list[Element]:
    """Cut a paragraph at the separators; return the pieces in order, the separators taken out."""
    element, part = block.element, block.story.part
    words = document.line(block).text
    pieces = [element]
    at = words.rfind(separator)
    while at >= 0:
        head = text.line(element, document.fresh_fields(part))
        if at + len(separator) < len(head.text):
            piece = splitting.split(element, document.fresh_fields(part), at + len(separator), block.where)
        else:
            piece = splitting.sibling(element)
        element.addnext(piece)
        pieces.insert(1, piece)
        head = text.line(element, document.fresh_fields(part))
        head.splice(at, at + len(separator), "")
        head.flush()
        at = words.rfind(separator, 0, at)
    return pieces


def _apart(made: Element) -> None:
    """Put an empty paragraph between tables that came to touch, and behind the last one of a cell or body."""
    following = made.getnext()
    if following is None or name(following) in ("w:tbl", "w:sectPr"):
        made.addnext(new(made, "p"))
    before = made.getprevious()
    if before is not None and name(before) == "w:tbl":
        made.addprevious(new(made, "p"))


@editor
def table_to_text(document: Document, table: Words, separator: str = "\t") -> Edit:
    """Turn a table into paragraphs, one for each row, the cells joined with `separator`; formatting stays.

    Raises ToolInputError "nested" for a table with tables inside of it, "control" for rows in content controls.
    """
    block = table_at(document, table)
    grid = Grid(block)
    rows = [b for b in document.blocks if b.kind == "row" and b.path.rpartition(".r")[0] == block.path]
    before = "\n".join(document.text(row) for row in rows)
    made = []
    for row in grid.rows:
        cells = [_paragraphs_of(grid, row.element, s.cell) for s in row.slots if s.merge != "continue"]
        if cells:
            made.append(_joined(cells, separator))
    marks = [e for e in block.element if name(e).endswith(("Start", "End"))]
    for paragraph in (*marks, *made):
        paragraph.tail = None
        block.element.addprevious(paragraph)
    remove.unlink(block.element)
    document.touch(block.story)
    return Edit.of([Hunk(block.where, before, before.replace("\t", separator), "structure")])


def _joined(cells: Sequence[Sequence[Element]], separator: str) -> Element:
    """Return the first paragraph of a row with the content of all cells in it."""
    line = cells[0][0]
    remove.unlink(line)
    for at, paragraphs in enumerate(cells):
        for index, paragraph in enumerate(paragraphs):
            if paragraph is line:
                continue
            text.set_text(add(line, "r"), " " if index else separator)
            line.extend([each for each in paragraph if name(each) != "w:pPr"])
        if not paragraphs and at:
            text.set_text(add(line, "r"), separator)
    return line


def _paragraphs_of(grid: Grid, row: Element, cell: Element) -> list[Element]:
    """Return the paragraphs of a cell; refuses other content."""
    found = list(block_elements(cell))
    if any(name(each) != "w:p" for each in found):
        hint = "Turn the inner table into text first."
        raise ToolInputError(f"A cell of {grid.where} holds a table of its own.", hint=hint, code="nested")
    if (
        cell.getparent() is not row
        or row.getparent() is not grid.table
        or any(e.getparent() is not cell for e in found)
    ):
        reason = f"A part of {grid.where} stands in a content control."
        raise ToolInputError(reason, hint="Copy its text instead.", code="control")
    return found


#: The operations of this module.
OPERATIONS = (add_table, text_to_table, table_to_text)
