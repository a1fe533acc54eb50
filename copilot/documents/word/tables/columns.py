"""Columns of a table: added, moved, deleted, every row and the grid kept in step (ECMA-376 part 1, 17.4.16)."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, orphans, remove
from copilot.documents.word.blocks import MAX_SPAN, Block
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.measures import Length, twips
from copilot.documents.word.names import name
from copilot.documents.word.tables.grid import Grid, Row, Slot
from copilot.documents.word.tables.places import column_at, table_at
from copilot.documents.word.tables.rows import like_cell
from copilot.errors import ToolInputError


@editor
def add_column(
    document: Document,
    table: Words,
    *,
    header: Words = "",
    values: list[Words] | None = None,
    after: int | str | None = None,
    width: Length | None = None,
) -> Edit:
    """Add a column behind column `after` (number or header; 0 the first place, None the last), cells like beside it.

    `header` goes into the first row, `values` into the rows below it (into all rows without `header`). The other
    columns become narrower when the table would be wider than the text. Raises ToolInputError with the code column,
    unknown_column, values or merged; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    grid.refuse_odd()
    if grid.columns >= MAX_SPAN:
        raise ToolInputError(f"{block.where} has {MAX_SPAN} columns: Word allows no more.", code="column")
    at = _boundary(document, block, grid, after)
    texts = _column_texts(grid, header, values or [])
    widths = grid.widths
    made = twips(width, "width", whole=sum(widths)) if width is not None else sum(widths) // len(widths)
    for row, words in zip(grid.rows, texts, strict=True):
        if (_widen(row, at) or not _place_cell(row, at, words)) and words:
            reason = f"{block.where}, row {row.number} has no room for {words!r}: a merged cell is there."
            raise ToolInputError(reason, hint='Give "" for that row.', code="merged")
    changed = Grid(block)
    room = max(build.text_width(document, block), sum(widths))
    changed.set_widths(_fitted([*widths[:at], made, *widths[at:]], at, room))
    changed.set_total(sum(changed.widths))
    document.touch(block.story)
    return Edit.of([Hunk(f"{block.where}, column {at + 1}", "", "\n".join(texts).rstrip("\n"), "structure")])


def _boundary(document: Document, block: Block, grid: Grid, after: int | str | None) -> int:
    """Return the grid column that a place behind a column begins at."""
    if after is None:
        return grid.columns
    column = column_at(document, block, after)
    return 0 if column == 0 else grid.column(column)[1]


def _column_texts(grid: Grid, header: str, values: Sequence[str]) -> list[str]:
    texts = [header, *values] if header else list(values)
    if len(texts) > len(grid.rows):
        reason = f"{len(texts)} texts for the {len(grid.rows)} rows of {grid.where}."
        raise ToolInputError(reason, hint="The header counts as a row.", code="values")
    return [build.clean(words, "values") for words in [*texts, *[""] * (len(grid.rows) - len(texts))]]


def _widen(row: Row, at: int) -> bool:
    """Let what spans a place take the new column in; return whether something did and no cell is to be made."""
    if at < row.before:
        row.skip(row.before + 1, row.after)
        return True
    if row.after and at > row.end:
        row.skip(row.before, row.after + 1)
        return True
    return False


def _place_cell(row: Row, at: int, words: str) -> bool:
    """Put a new cell into a row where a column begins; False when a cell there became wider instead."""
    if (over := next((s for s in row.slots if s.start < at < s.end), None)) is not None or _is_title(row):
        (over or row.slots[0]).set_span((over or row.slots[0]).span + 1)
        return False
    beside = next((s for s in row.slots if s.end == at), None) or (row.slots[0] if at <= row.before else row.slots[-1])
    made = like_cell(row.element, beside.cell, words)
    Slot(made, at, 1).set_span(1)
    top = row.top(beside)
    if beside.start >= at:
        top.addprevious(made)
    else:
        made.tail, top.tail = top.tail, None
        top.addnext(made)
    return True


def _is_title(row: Row) -> bool:
    """Return whether one cell spans the whole table: a title over it."""
    return len(row.slots) == 1 and row.slots[0].span > 1 and not row.before and not row.after


def _fitted(widths: Sequence[int], fixed: int, room: int) -> list[int]:
    """Return the widths made narrower, all but the new one, so that they fit into `room`."""
    total = sum(widths)
    if total <= room:
        return list(widths)
    keep = min(widths[fixed], room // 2)
    factor = (room - keep) / (total - widths[fixed])
    return [keep if at == fixed else max(int(width * factor), 1) for at, width in enumerate(widths)]


@editor
def delete_column(document: Document, table: Words, column: int | str) -> Edit:
    """Delete a column by number or header; cells that reach beyond it become narrower, the others keep their width.

    Raises ToolInputError with the code column or unknown_column; "last" for the only one; "field"; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    grid.refuse_odd()
    start, end = grid.column(column_at(document, block, column))
    if not any(s.start < start or s.end > end for row in grid.rows for s in row.slots):
        raise ToolInputError(f"{block.where} has no other column.", hint="Delete the table.", code="last")
    gone = [s for row in grid.rows for s in row.slots if start <= s.start and s.end <= end]
    blocks = [b for s in gone if (b := document.block_of(s.cell)) is not None]
    for each in blocks:
        remove.refuse_halves([each])
    text = "\n".join(words for b in blocks if not b.merged and (words := document.text(b)))
    widths = grid.widths
    for slot in gone:
        document.released |= orphans.references(slot.cell)
    for row in grid.rows:
        _narrow(row, start, end)
    for row in [each for each in Grid(block).rows if not each.slots]:
        remove.unlink(row.element)
    changed = Grid(block)
    changed.set_widths([*widths[:start], *widths[end:]], of_cells=False)
    changed.set_total(sum(widths[:start]) + sum(widths[end:]))
    document.touch(block.story)
    return Edit.of([Hunk(f"{block.where}, column {start + 1}", text, "", "structure")])


def _narrow(row: Row, start: int, end: int) -> None:
    """Take the grid columns [start, end) out of a row."""
    before = row.before - max(min(row.before, end) - start, 0)
    after = row.after - max(min(row.end + row.after, end) - max(row.end, start), 0) if row.after else 0
    for slot in row.slots:
        shared = min(slot.end, end) - max(slot.start, start)
        if shared >= slot.span:
            _drop_cell(row, slot)
        elif shared > 0:
            slot.set_span(slot.span - shared)
    row.skip(max(before, 0), max(after, 0))


def _drop_cell(row: Row, slot: Slot) -> None:
    """Remove a cell with the content control that holds nothing but it; bookmarks and ends of ranges stay."""
    element = slot.cell
    top = row.top(slot)
    if len([s for s in row.slots if row.top(s) is top]) == 1:
        element = top
    marks = list(remove.range_marks(element))
    heir = next((s.cell for s in row.slots if s is not slot and s.cell.getparent() is not None), None)
    paragraph = next((e for e in reversed(heir) if name(e) == "w:p"), None) if heir is not None else None
    for mark in marks:
        if paragraph is not None:
            mark.tail = None
            paragraph.append(mark)
    remove.unlink(element)


@editor
def move_column(document: Document, table: Words, column: int | str, after: int | str) -> Edit:
    """Move a column behind another one (by number or header; 0: to the first place).

    Raises ToolInputError "merged" when a merged cell is in the way, column, unknown_column, unchanged; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    grid.refuse_odd()
    start, end = grid.column(column_at(document, block, column))
    at = _boundary(document, block, grid, after)
    if start <= at <= end:
        raise ToolInputError(f"Column {start + 1} of {block.where} stands there already.", code="unchanged")
    span = range(min(start, at), max(end, at))
    moves = [(row, _moving(grid, row, (start, end), at, span)) for row in grid.rows]
    title = next((s for s in grid.rows[0].slots if s.start == start), None)
    named = document.block_of(title.cell) if title is not None else None
    for row, slots in moves:
        _move_cells(row, slots, at)
    widths = grid.widths
    taken = widths[start:end]
    rest = [*widths[:start], *widths[end:]]
    target = at if at < start else at - (end - start)
    Grid(block).set_widths([*rest[:target], *taken, *rest[target:]], of_cells=False)
    said = f" {document.text(named)!r}" if named is not None else ""
    document.touch(block.story)
    hunk = Hunk(f"{block.where}, column {start + 1}", f"column {start + 1}{said}", f"column {target + 1}", "structure")
    return Edit.of([hunk])


def _moving(grid: Grid, row: Row, moved: tuple[int, int], at: int, span: range) -> list[Slot]:
    """Return the cells of a row that move; none when one cell spans all of it. Refuses merged cells in the way."""
    over = row.at(span.start)
    if over is not None and over.start <= span.start and over.end >= span.stop:
        return []
    edges = {row.before, *(s.end for s in row.slots)}
    if not {*moved, at} <= edges:
        reason = f"Row {row.number} of {grid.where} has a merged cell over the column or where it would go."
        raise ToolInputError(reason, hint="Split it first, with split_cell.", code="merged")
    slots = [s for s in row.slots if moved[0] <= s.start < moved[1]]
    tops = {id(row.top(s)) for s in slots}
    if any(id(row.top(s)) in tops for s in row.slots if s not in slots):
        reason = f"Row {row.number} of {grid.where} has a content control around several cells."
        raise ToolInputError(reason, hint="Change the texts of the cells instead.", code="control")
    return slots


def _move_cells(row: Row, slots: Sequence[Slot], at: int) -> None:
    if not slots:
        return
    tops = list(dict.fromkeys(row.top(slot) for slot in slots))
    beside = next((s for s in row.slots if s.start >= at), None)
    last = row.top(row.slots[-1])
    for each in tops:
        if beside is not None:
            row.top(beside).addprevious(each)
        else:
            last.addnext(each)
            last = each


#: The operations of this module.
OPERATIONS = (add_column, delete_column, move_column)
