"""Ranges as a whole: rows written from a cell on, and cells emptied."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.places import MOST_CELLS, cell_at, place
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, address
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.excel.write import Entry, SheetEdit, entry_of, write_entries
from copilot.documents.excel.writing import Value
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError

At = tuple[int, int]


def write_range(
    content: bytes,
    cell: str,
    rows: Annotated[list[list[Value]], Field(min_length=1)],
    sheet: str = "",
    overwrite: bool = False,
    formulas: bool = True,
) -> Edited:
    """Write rows of values and formulas ("=...") from a cell on, to the right and down; null leaves a cell as it is.

    Types and guards are those of `write_cells`. Raises ToolInputError ("taken" where something stands already,
    "unchanged", "address" for more than 200,000 cells or rows that would leave the sheet) and DocumentError.
    """
    workbook = Workbook.open(content)
    target, (top, left) = cell_at(workbook, cell, sheet)
    width = max(len(row) for row in rows)
    fits(target, Area(top, left, top + len(rows) - 1, left + max(width, 1) - 1))
    entries = {
        (top + i, left + j): entry_of(value, formulas=formulas)
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
        if value is not None
    }
    if not entries:
        raise ToolInputError("There is nothing to write.", hint="Give at least one value.", code="value")
    return changed(content, workbook, target, entries, overwrite=overwrite)


def clear_range(content: bytes, range: str, sheet: str = "") -> Edited:
    """Empty the cells of a range: values and formulas go, formats, comments and rules stay.

    Whole columns and rows ("D:D") are allowed. Raises ToolInputError ("unchanged" where nothing stands,
    "cell_in_the_way" for a header of a table or a part of an array formula or pivot table) and DocumentError.
    """
    workbook = Workbook.open(content)
    target, area = place(workbook, range, sheet, most=0)
    reader = SheetReader(workbook, target)
    held = [(c.row, c.column) for _, cells in reader.rows(area) for c in cells if not c.blank]
    if not held:
        raise ToolInputError(f"{target.name}!{area} is empty already.", code="unchanged")
    return changed(content, workbook, target, {at: Entry() for at in held}, overwrite=True)


def fits(sheet: Sheet, area: Area) -> None:
    """Raise ToolInputError for an area that leaves the sheet, or has more cells than are written one by one."""
    if area.bottom > MAX_ROW or area.right > MAX_COLUMN:
        message = f"{sheet.name} ends at {address(MAX_ROW, MAX_COLUMN)}: {area.height} x {area.width} cells don't fit."
        raise ToolInputError(message, hint="Start further up or left.", code="address")
    if area.height * area.width > MOST_CELLS:
        message = f"{area} has more than {MOST_CELLS:,} cells."
        raise ToolInputError(message, hint="Do it in pieces.", code="address")


def changed(content: bytes, workbook: Workbook, sheet: Sheet, entries: dict[At, Entry], *, overwrite: bool) -> Edited:
    """Return the workbook with these entries on a sheet; raises ToolInputError "unchanged" when it holds them all."""
    edit = SheetEdit(workbook, sheet, entries)
    if all(_same(entry, edit.before[at]) for at, entry in edit.entries.items()):
        raise ToolInputError("The cells hold that already: nothing changes.", code="unchanged")
    return write_entries(content, workbook, [edit], overwrite=overwrite)


def _same(entry: Entry, cell: Cell) -> bool:
    if entry.style not in (None, cell.style):
        return False
    if entry.formula or cell.formula is not None:
        return cell.formula is not None and entry.formula == cell.formula.text
    return type(entry.value) is type(cell.value) and entry.value == cell.value


#: The operations of this module.
OPERATIONS = (write_range, clear_range)
