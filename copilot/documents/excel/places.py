"""Where an operation works: a range as it is given, with or without its sheet, on a workbook."""

from __future__ import annotations

from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, parse_cell, split_sheet
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

#: Cells that one operation may touch one by one.
MOST_CELLS = 200_000


def place(workbook: Workbook, range: str, sheet: str | None = None, *, most: int = MOST_CELLS) -> tuple[Sheet, Area]:
    """Return the sheet and the area of "A1:C9" or "Budget!A1:C9"; `sheet` counts where the range names none.

    Raises ToolInputError for an unknown sheet, a bad address, and for more than `most` cells ("A:A"); `most` 0 allows
    whole rows and columns.
    """
    own, written = split_sheet(range)
    found, area = workbook.sheet(own or sheet or None), Area.parse(written)
    if most and area.height * area.width > most:
        unbounded = area.height == MAX_ROW or area.width == MAX_COLUMN
        hint = "Give its first and last cell, such as A1:A200." if unbounded else "Choose a smaller range."
        raise ToolInputError(f"{written!r} has more than {most:,} cells.", hint=hint, code="address")
    return found, area


def cell_at(workbook: Workbook, cell: str, sheet: str | None = None) -> tuple[Sheet, tuple[int, int]]:
    """Return the sheet and (row, column) of "B4" or "Budget!B4"; raises ToolInputError."""
    own, written = split_sheet(cell)
    return workbook.sheet(own or sheet or None), parse_cell(written)
