"""Rows of a table: added, moved, deleted (ECMA-376 part 1, 17.4.78), merged cells that go through them kept whole."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, remove
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Number, Words, editor
from copilot.documents.word.names import Element, child, children, descend, descendants, name, new
from copilot.documents.word.tables.grid import Grid, Row, Slot, cell_properties, content_of, is_blank
from copilot.documents.word.tables.places import column_at, table_at
from copilot.errors import ToolInputError

Values = list[Words] | dict[str, Words]
#: The number of a row behind which something goes; 0 is the top.
After = Annotated[int, Field(ge=0)]
#: What a new row does not take over from the one it is made like.
_ROW_OWN = ("w:ins", "w:del", "w:trPrChange", "w:tblHeader", "w:cnfStyle")
_CELL_OWN = ("w:cnfStyle", "w:vMerge", "w:cellIns", "w:cellDel", "w:cellMerge", "w:tcPrChange")


@editor
def add_table_row(document: Document, table: Words, values: Values, *, after: Number | None = None) -> Edit:
    """Add a row below row `after` (below the last one if None), formatted like it.

    `values` are the texts in the order of the columns, or by column header. Raises ToolInputError, DocumentError.
    """
    return add_rows.on(document, table, [values], after=after)


@editor
def add_rows(
    document: Document,
    table: Words,
    rows: Annotated[list[Values], Field(min_length=1)],
    *,
    after: After | None = None,
    like: Number | None = None,
) -> Edit:
    """Add rows below row `after` (0 the top, None the end), formatted like row `like` or the one above them.

    Each row is its texts in the order of the columns, or by column header. A merged cell that goes through the place
    grows. Raises ToolInputError with the code row, values or unknown_column; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    at = len(grid.rows) if after is None else after
    neighbour = grid.row(max(at, 1))
    model = grid.row(like) if like is not None else _model(grid, at)
    ties = _ties(grid, at, model)
    made, hunks = [], []
    for index, values in enumerate(rows, at + 1):
        texts = _texts(document, block, values, model, ties)
        made.append(_like_row(model, texts, ties))
        hunks.append(Hunk(f"{block.where}, row {index}", "", "\t".join(texts), "structure"))
    _put_rows(neighbour.element, made, before=at == 0)
    document.touch(block.story)
    return Edit.of(hunks)


def _put_rows(beside: Element, made: Sequence[Element], *, before: bool) -> None:
    if before:
        for row in made:
            beside.addprevious(row)
        return
    for row in reversed(made):
        row.tail, beside.tail = beside.tail, None
        beside.addnext(row)


def _model(grid: Grid, at: int) -> Row:
    """Return the row that a new one is made like: the one above it, the one below if that is the header."""
    above = grid.row(max(at, 1))
    header = at <= 1 or descend(above.element, "w:trPr", "w:tblHeader") is not None
    return grid.rows[at] if header and 0 < at < len(grid.rows) else above


def _ties(grid: Grid, at: int, model: Row) -> set[int]:
    """Return the starts of the model's cells at which a merged cell goes from row `at` into the next."""
    if not 0 < at < len(grid.rows):
        return set()
    below = {(s.start, s.end) for s in grid.rows[at].slots if s.merge == "continue"}
    return {s.start for s in model.slots if (s.start, s.end) in below}


def _texts(document: Document, table: Block, values: Values, model: Row, ties: set[int]) -> list[str]:
    """Return one text for each cell of a new row."""
    if isinstance(values, Mapping):
        by_column = {column_at(document, table, key) - 1: words for key, words in values.items()}
        found = [next((w for at, w in by_column.items() if s.start <= at < s.end), "") for s in model.slots]
    else:
        if len(values) > len(model.slots):
            reason = f"{len(values)} values for {len(model.slots)} columns of {table.where}."
            raise ToolInputError(reason, code="values")
        found = [*values, *[""] * (len(model.slots) - len(values))]
    for slot, words in zip(model.slots, found, strict=True):
        if words and slot.start in ties:
            reason = (
                f"Column {slot.start + 1} of {table.where} is one merged cell there, which {words!r} can't go into."
            )
            raise ToolInputError(reason, hint='Give "" for it, or split the cell first.', code="merged")
    return [build.clean(words, "values") for words in found]


def _like_row(model: Row, texts: Sequence[str], ties: set[int]) -> Element:
    """Return a new row with the cells of `model`, each with one paragraph that looks like the model's first."""
    made = bare_row(model.element)
    for slot, words in zip(model.slots, texts, strict=True):
        cell = like_cell(made, slot.cell, words)
        made.append(cell)
        if slot.start in ties:
            Slot(cell, slot.start, slot.span).set_merge("continue")
    return made


def bare_row(row: Element, *, header: bool = False) -> Element:
    """Return a row with the properties of another one and no cells; a header only when `header` says so."""
    made = copy.deepcopy(row)
    made.tail = None
    for attribute in list(made.attrib):
        if isinstance(attribute, str) and attribute.rpartition("}")[2] in ("paraId", "textId"):
            del made.attrib[attribute]
    for each in list(children(child(made, "w:trPr"), *_ROW_OWN)):
        if not header or name(each) != "w:tblHeader":
            remove.unlink(each)
    for each in [e for e in made if name(e) not in ("w:tblPrEx", "w:trPr")]:
        made.remove(each)
    return made


def like_cell(near: Element, model: Element, words: str) -> Element:
    """Return a new cell that looks like another one; lines become paragraphs."""
    cell = new(near, "tc")
    if (properties := child(model, "w:tcPr")) is not None:
        kept = copy.deepcopy(properties)
        kept.tail = None
        for each in list(children(kept, *_CELL_OWN)):
            kept.remove(each)
        cell.append(kept)
    like = next((p for p in descendants(model, "w:p")), None)
    for line in words.split("\n"):
        cell.append(build.paragraph(near, line, like=like))
    return cell


@editor
def delete_rows(document: Document, table: Words, rows: Annotated[list[Number], Field(min_length=1)]) -> Edit:
    """Delete rows by their numbers; a merged cell that begins in one and goes on below keeps its content.

    Deleting all of them deletes the table. Raises ToolInputError "row", or "field" when half of one would be left.
    """
    block = table_at(document, table)
    grid = Grid(block)
    gone = sorted(set(rows))
    blocks = [_row_block(document, block, grid.row(at)) for at in gone]
    if len(gone) < len(grid.rows):
        for at in reversed(gone):
            _pass_down(grid, at, set(gone))
    return remove.deleted(document, blocks)


def _row_block(document: Document, table: Block, row: Row) -> Block:
    return next(b for b in document.blocks if b.path == f"{table.path}.r{row.number}")


def _pass_down(grid: Grid, at: int, gone: set[int]) -> None:
    """Let merged cells that begin in row `at` begin in the next row that stays."""
    for slot in grid.row(at).slots:
        chain = grid.chain(at, slot)
        if slot.merge != "restart" or chain[0][1] is not slot:
            continue
        heir = next((other for row, other in chain[1:] if row.number not in gone), None)
        if heir is None:
            continue
        heir.set_merge("restart")
        if is_blank(heir.cell):
            move_content(slot.cell, heir.cell)


def move_content(source: Element, target: Element) -> None:
    """Move what stands in a cell into another one, whose own content is left out when it is blank.

    An empty paragraph stays behind, as every cell ends with one (17.4.65).
    """
    if is_blank(source):
        return
    moved = content_of(source)
    if is_blank(target):
        for each in content_of(target):
            target.remove(each)
    left = new(source, "p")
    first = next((e for e in moved if name(e) == "w:p"), None)
    if first is not None and (properties := child(first, "w:pPr")) is not None:
        kept = copy.deepcopy(properties)
        for each in list(children(kept, "w:sectPr", "w:pPrChange", "w:numPr", "w:rPr")):
            kept.remove(each)
        left.append(kept)
    target.extend(moved)
    source.append(left)
    cell_properties(source)


@editor
def move_row(document: Document, table: Words, row: Number, after: After) -> Edit:
    """Move a row below row `after` (0: to the top).

    Raises ToolInputError "merged" when a merged cell is in the way, "control", "row" or "unchanged"; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    moved, target = grid.row(row), grid.row(max(after, 1))
    if after in (row, row - 1):
        raise ToolInputError(f"Row {row} of {block.where} stands there already.", code="unchanged")
    for at in (row - 1, row, after):
        if grid.ties(at):
            reason = f"A merged cell of {block.where} goes on from row {at} into row {at + 1}."
            raise ToolInputError(reason, hint="Split it first, with split_cell.", code="merged")
    element, beside = _movable(grid, moved), _movable(grid, target)
    hunk = Hunk(
        f"{block.where}, row {row}",
        f"row {row}: {document.text(_row_block(document, block, moved))}",
        f"row {after + (after < row)}",
        "structure",
    )
    remove.unlink(element)
    _put_rows(beside, [element], before=after == 0)
    document.touch(block.story)
    return Edit.of([hunk])


def _movable(grid: Grid, row: Row) -> Element:
    """Return what moves with a row: itself, or the content control that holds only this row."""
    found = row.element
    while (parent := found.getparent()) is not None and parent is not grid.table:
        if len([e for e in parent if name(e) in ("w:tr", "w:sdt", "w:sdtContent", "w:customXml")]) > 1:
            reason = f"Row {row.number} of {grid.where} stands in a content control with other rows."
            raise ToolInputError(reason, hint="Change the texts of its cells instead.", code="control")
        found = parent
    return found


#: The operations of this module.
OPERATIONS = (add_table_row, add_rows, delete_rows, move_row)
