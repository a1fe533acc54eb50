"""The grid of a table (17.4.48) while cells that were deleted as a tracked change still stand in its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from copilot.documents.word.blocks import cells, rows
from copilot.documents.word.names import Element, child, children, descend, name, new, value, within

#: Columns of a grid: the first one, from 1, and how many.
Columns = list[tuple[int, int]]


def widen(table: Element) -> None:
    """Give a table that all rows have lost the same columns of, with a mark each (17.13.5.1), these columns back."""
    grid = child(table, "w:tblGrid")
    there = [list(cells(row)) for row in rows(table)]
    gone = [[each for each in row if descend(each[0], "w:tcPr", "w:cellDel") is not None] for row in there]
    columns = _same([[each[1:] for each in row] for row in gone])
    if grid is None or _count(grid) + sum(span for _, span in columns) != _used(table):
        return
    former = list(children(descend(grid, "w:tblGridChange", "w:tblGrid"), "w:gridCol"))
    for column, span in columns:
        for index in range(column - 1, column - 1 + span):
            wide = value(former[index], "w") if len(former) == _used(table) else None
            grid.insert(index, new(grid, "gridCol", **({"w": wide} if wide else {})))


def lost(gone: Iterable[Element]) -> dict[Element, Columns]:
    """Return the columns that all rows of a table lose when these elements go, by the table."""
    going = set(gone)
    tables = (within(each, "w:tbl") for each in going if name(each) == "w:tc")
    found = {}
    for table in dict.fromkeys(each for each in tables if each is not None):
        left = [row for row in rows(table) if row not in going]
        found[table] = _same([[each[1:] for each in cells(row) if each[0] in going] for row in left])
    return {table: columns for table, columns in found.items() if columns}


def narrow(table: Element, columns: Columns) -> None:
    """Take columns that were lost out of a table's grid, if it has them."""
    grid = child(table, "w:tblGrid")
    if grid is None or _count(grid) - sum(span for _, span in columns) != _used(table):
        return
    there = list(children(grid, "w:gridCol"))
    for column, span in columns:
        for each in there[column - 1 : column - 1 + span]:
            grid.remove(each)


def _same(found: Sequence[Columns]) -> Columns:
    """Return the columns of the first row when all rows have as many: which of equal cells went is chance."""
    counts = {sum(span for _, span in each) for each in found}
    return found[0] if len(counts) == 1 else []


def _count(grid: Element) -> int:
    return sum(1 for _ in children(grid, "w:gridCol"))


def _used(table: Element) -> int:
    return max((column + span - 1 for row in rows(table) for _, column, span in cells(row)), default=0)
