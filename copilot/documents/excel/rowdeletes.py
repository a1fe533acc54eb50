"""Rows deleted because of what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from copilot.documents.excel.analysis.conditions import Condition, rules
from copilot.documents.excel.analysis.frame import Frame, Origin
from copilot.documents.excel.analysis.sources import Books
from copilot.documents.excel.cells import Cell
from copilot.documents.excel.refs import MAX_COLUMN, Area, column_letters
from copilot.documents.excel.shifting import delete_rows
from copilot.documents.excel.sorting import Rows, without_rows
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

#: Groups of neighbouring rows that are deleted one by one, which costs as much as reading the sheet for each of them.
_MOST_RUNS = 200


def delete_rows_where(
    content: bytes,
    where: Annotated[list[Condition], Field(min_length=1)],
    range: str = "",
    table: str = "",
    sheet: str = "",
    header: bool = True,
) -> Edited:
    """Delete the rows of a table or range that fulfil all conditions: [{"column": "Qty", "operator": "=", "value": 0}].

    Operators are those of an analysis; columns are headers or letters. Whole rows of the sheet go, and all references
    follow; where something stands beside the range, only its cells go and those below move up. Raises ToolInputError
    ("unchanged" for no such row, "no_data" where no row of a table would be left) and as `delete_rows` does.
    """
    rows = Rows.of(content, range, table, sheet, header=header)
    gone = _found(rows, where, Books(content))
    if not gone:
        raise ToolInputError(f"No row of {rows.where} fulfils the conditions.", code="unchanged")
    if rows.table is not None and len(gone) == rows.area.height:
        hint = "A table keeps one row: empty it with clear_range."
        raise ToolInputError(f"All rows of the table {rows.table.name!r} would go.", hint=hint, code="no_data")
    runs = _runs(gone)
    if len(runs) > _MOST_RUNS or _beside(rows, set(gone)):
        return without_rows(content, rows, dict.fromkeys(gone, "deleted"))
    hunks: list[Hunk] = []
    warnings: list[str] = []
    for first, count in reversed(runs):
        done = delete_rows(content, first, count, rows.sheet.name)
        content = done.content
        hunks += done.hunks
        warnings += done.warnings
    return Edited.of(content, hunks, dict.fromkeys(warnings))


def _found(rows: Rows, where: Sequence[Condition], books: Books) -> list[int]:
    """Return the numbers of the rows that fulfil the conditions."""
    columns = [*range(rows.area.left, rows.area.right + 1)]
    names = tuple(rows.names.get(c) or column_letters(c) for c in columns)
    frame = Frame(names, lambda: iter(()), books, origin=Origin(rows.sheet.name, rows.area.left))
    tests = rules(frame, where)
    cells = rows.values(columns)
    empty = Cell(0, 0, None)
    numbers = range(rows.area.top, rows.area.bottom + 1)
    values = ((n, tuple(cells.get((n, c), empty).value for c in columns)) for n in numbers)
    return [n for n, found in values if any(v is not None for v in found) and all(t.holds(found) for t in tests)]


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return (first, count) of neighbouring rows."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == sum(found[-1]):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((number, 1))
    return found


def _beside(rows: Rows, gone: set[int]) -> bool:
    """Return whether something stands left or right of the range in the rows that go."""
    area = Area(min(gone), 1, max(gone), MAX_COLUMN)
    return any(
        cell.row in gone and not cell.blank and not rows.area.left <= cell.column <= rows.area.right
        for _, cells in rows.reader.rows(area)
        for cell in cells
    )


#: The operations of this module.
OPERATIONS = (delete_rows_where,)
