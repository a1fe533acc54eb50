"""Cells merged and split, sideways (`w:gridSpan`, 17.4.17) and downwards (`w:vMerge`, 17.4.84)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import remove
from copilot.documents.word.blocks import MAX_SPAN, Block
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.tables.grid import Grid, Row, Slot
from copilot.documents.word.tables.places import box_of, table_at
from copilot.documents.word.tables.rows import bare_row, like_cell, move_content
from copilot.errors import ToolInputError

#: How many cells one is split into.
Pieces = Annotated[int, Field(ge=1, le=MAX_SPAN)]


@editor
def merge_cells(document: Document, table: Words, cells: str) -> Edit:
    """Merge the cells of a rectangle ("r2c1:r2c3") into one; what stands in them is joined, paragraph by paragraph.

    Raises ToolInputError with the code row, column, cells, or "merged" when a merged cell reaches beyond it.
    """
    block = table_at(document, table)
    grid = Grid(block)
    grid.refuse_odd()
    box = _box(grid, cells)
    if sum(len(slots) for _, slots in box) < 2:
        raise ToolInputError(f"{cells} of {block.where} is one cell already.", code="unchanged")
    first = box[0][1][0]
    start, end = first.start, box[0][1][-1].end
    before = [document.text(b) for _, slots in box for s in slots if (b := document.block_of(s.cell)) is not None]
    widths = grid.widths
    for row, slots in box:
        for slot in slots:
            if slot is not first:
                move_content(slot.cell, first.cell)
        for slot in slots[1:]:
            remove.unlink(slot.cell)
        slots[0].set_span(end - start)
        slots[0].set_width(sum(widths[start:end]))
        slots[0].set_merge("" if len(box) == 1 else "restart" if slots[0] is first else "continue")
        row.slots = [s for s in row.slots if s not in slots[1:]]
    _heal(grid, box)
    document.touch(block.story)
    merged = document.block_of(first.cell)
    after = document.text(merged) if merged is not None else ""
    return Edit.of([Hunk(grid.named(*_corner(box)), " | ".join(before), after, "structure")])


def _corner(box: Sequence[tuple[Row, list[Slot]]]) -> tuple[Row, Slot]:
    return box[0][0], box[0][1][0]


def _box(grid: Grid, cells: str) -> list[tuple[Row, list[Slot]]]:
    """Return the rows of a rectangle with their cells in it; refuses what reaches beyond it."""
    top, left, bottom, right = box_of(cells)
    start = min(grid.slot(top, left).start, grid.slot(bottom, left).start)
    end = max(grid.slot(top, right).end, grid.slot(bottom, right).end)
    found = []
    for row in (grid.row(at) for at in range(top, bottom + 1)):
        slots = [s for s in row.slots if s.start < end and s.end > start]
        if not slots or (slots[0].start, slots[-1].end) != (start, end):
            raise _beyond(grid, row, slots[0] if slots and slots[0].start < start else slots[-1] if slots else None)
        for slot in slots:
            chain = grid.chain(row.number, slot)
            if any(not top <= other.number <= bottom for other, _ in chain):
                raise _beyond(grid, row, slot)
            if slot.cell.getparent() is not row.element and len(slots) + (bottom - top) > 1:
                reason = f"{grid.named(row, slot)} stands in a content control."
                raise ToolInputError(reason, hint="Leave it out of the cells to merge.", code="control")
        found.append((row, slots))
    return found


def _beyond(grid: Grid, row: Row, slot: Slot | None) -> ToolInputError:
    where = grid.named(row, slot) if slot is not None else f"{grid.where}, row {row.number}"
    hint = "Name a rectangle that holds whole cells, or split that one first."
    return ToolInputError(f"{where} reaches beyond the cells to merge.", hint=hint, code="merged")


def _heal(grid: Grid, box: Sequence[tuple[Row, list[Slot]]]) -> None:
    """Take out rows that are nothing but the lower part of a merged cell over the whole table: Word shows none."""
    whole = all(len(row.slots) == 1 and not row.before and not row.after for row, _ in box)
    if whole and len(box) > 1 and all(row.element.getparent() is grid.table for row, _ in box):
        for row, _ in box[1:]:
            remove.unlink(row.element)
        box[0][1][0].set_merge("")


@editor
def split_cell(
    document: Document, table: Words, cell: str, *, rows: Pieces | None = None, columns: Pieces | None = None
) -> Edit:
    """Split a cell ("r2c1") into `columns` side by side and `rows` one below the other; its text stays in the first.

    A merged cell is taken apart again when neither is given. Raises ToolInputError with the code row, column,
    unchanged, or "merged" for a number of rows that does not fit a merged cell; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    grid.refuse_odd()
    top, left, *_ = box_of(cell)
    slot = grid.slot(top, left)
    chain = grid.chain(top, slot)
    wide, high = columns or (slot.span if rows is None else 1), rows or (len(chain) if columns is None else 1)
    if wide == high == 1:
        hint = "Say into how many rows or columns."
        raise ToolInputError(
            f"{grid.named(chain[0][0], slot)} is one cell: nothing to split.", hint=hint, code="unchanged"
        )
    if rows is None and columns is not None:
        high = 0  # as it is
    hunk = Hunk(grid.named(chain[0][0], slot), "1 cell", f"{wide} x {max(high, 1)} cells", "structure")
    if 1 < high < len(chain):
        reason = f"{grid.named(chain[0][0], slot)} is merged over {len(chain)} rows, which {high} can't share evenly."
        raise ToolInputError(reason, hint=f"Split it into {len(chain)} rows.", code="merged")
    if high > len(chain):
        _add_rows(grid, chain, high - len(chain))
        grid = Grid(block)
        chain = grid.chain(chain[0][0].number, grid.slot(chain[0][0].number, slot.start + 1))
    if high > 1:
        for _, each in chain:
            each.set_merge("")
    if wide > 1:
        _split_sideways(block, grid, chain, wide)
    document.touch(block.story)
    return Edit.of([hunk])


def _add_rows(grid: Grid, chain: Sequence[tuple[Row, Slot]], count: int) -> None:
    """Add rows below a merged cell, through which every other cell of its last row goes on."""
    row, own = chain[-1]
    for _ in range(count):
        made = bare_row(row.element, header=True)
        for slot in row.slots:
            cell = like_cell(made, slot.cell, "")
            made.append(cell)
            Slot(cell, slot.start, slot.span).set_merge("" if slot is own and len(chain) == 1 else "continue")
        made.tail, row.element.tail = row.element.tail, None
        row.element.addnext(made)
    for slot in row.slots:
        if slot is not own and not slot.merge:
            slot.set_merge("restart")
    if len(chain) == 1:
        own.set_merge("")


def _split_sideways(table: Block, grid: Grid, chain: Sequence[tuple[Row, Slot]], wide: int) -> None:
    """Divide the cells of a merged cell into `wide` each; the grid gets the columns that are missing."""
    start, end = chain[0][1].start, chain[0][1].end
    widths = grid.widths
    extra = max(wide - (end - start), 0)
    if grid.columns + extra > MAX_SPAN:
        raise ToolInputError(f"{grid.where} would have more than {MAX_SPAN} columns.", code="column")
    if extra:
        widths[end - 1 : end] = [max(widths[end - 1] // (extra + 1), 1)] * (extra + 1)
        for row in grid.rows:
            _stretch(row, end - 1, extra, [slot for _, slot in chain])
    total = end - start + extra
    spans = [total // wide + (1 if at < total % wide else 0) for at in range(wide)]
    for row, slot in chain:
        slot.set_span(spans[0])
        beside = row.top(slot)
        for span in reversed(spans[1:]):
            made = like_cell(row.element, slot.cell, "")
            fresh = Slot(made, start, span)
            fresh.set_span(span)
            fresh.set_merge(slot.merge)
            beside.addnext(made)
    changed = Grid(table)
    changed.set_widths(widths, of_cells=False)
    for row in changed.rows:
        for slot in row.slots:
            if start <= slot.start < start + total:
                slot.set_width(sum(widths[slot.start : slot.end]))


def _stretch(row: Row, last: int, extra: int, own: Sequence[Slot]) -> None:
    """Let what covers the grid column `last` cover the new ones behind it, too."""
    if (over := row.at(last)) is not None:
        if over not in own:
            over.set_span(over.span + extra)
    elif last < row.before:
        row.skip(row.before + extra, row.after)
    elif row.after:
        row.skip(row.before, row.after + extra)


#: The operations of this module.
OPERATIONS = (merge_cells, split_cell)
