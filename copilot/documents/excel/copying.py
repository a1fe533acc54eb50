"""Ranges copied to another place of the workbook: values, formulas moved along, formats; turned, and repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from copilot.documents.excel.calc import with_values
from copilot.documents.excel.cells import Cell, SheetReader, translate
from copilot.documents.excel.formats import Dressing, dress
from copilot.documents.excel.guards import Guards
from copilot.documents.excel.looks import Look
from copilot.documents.excel.places import place
from copilot.documents.excel.ranges import changed, fits
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.stylesheet import StyleSheet
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.excel.write import Entry, default_style
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError

Copied = Literal["all", "values", "formulas", "formats"]
At = tuple[int, int]


def copy_range(
    content: bytes,
    range: str,
    to: str,
    sheet: str = "",
    what: Copied = "all",
    transpose: bool = False,
    overwrite: bool = False,
) -> Edited:
    """Copy cells to another place: values, formulas moved along, formats; or only `what`; `transpose` turns them.

    `to` is a cell, or a range that the cells are repeated over as often as they fit ("D2" to "D3:D50" fills down).
    "values" copies what formulas show, as `transpose` always does. Merged cells, rules, comments, links and column
    widths are not copied. Raises ToolInputError ("taken" as for `write_cells`, "address" where the sizes do not fit,
    "cell_in_the_way" for a part of an array formula, "unchanged") and DocumentError.
    """
    workbook = Workbook.open(content)
    source, area = place(workbook, range, sheet)
    target, goal = place(workbook, to, sheet or source.name)
    copy = _Copy(workbook, source, area, "values" if transpose and what != "formats" else what, transpose)
    goal = copy.covered(goal)
    fits(target, goal)
    if what == "formats":
        return dress(workbook, target, _Painted(StyleSheet(workbook), goal, dict(copy.styles(goal))), numbers=True)
    return changed(content, workbook, target, dict(copy.entries(target, goal)), overwrite=overwrite)


@dataclass
class _Copy:
    """Cells on their way to another place."""

    workbook: Workbook
    sheet: Sheet
    area: Area
    what: Copied
    turned: bool

    def __post_init__(self) -> None:
        self.reader = SheetReader(self.workbook, self.sheet)
        self.cells = {(c.row, c.column): c for _, cells in self.reader.rows(self.area) for c in cells}
        self.arrays = Guards(self.workbook, self.sheet, self.reader).array_areas()
        if self.what == "values":
            self.cells = with_values(self.workbook, self.sheet, self.cells)

    @property
    def size(self) -> At:
        """Rows and columns of what is copied, as they lie afterwards."""
        return (self.area.width, self.area.height) if self.turned else (self.area.height, self.area.width)

    def covered(self, goal: Area) -> Area:
        """Return the area that is written: for a cell the size of the source, else a whole number of copies."""
        height, width = self.size
        if goal.height * goal.width == 1:
            return Area(goal.top, goal.left, goal.top + height - 1, goal.left + width - 1)
        if goal.height % height or goal.width % width:
            hint = f"Name its first cell, {address(goal.top, goal.left)}, or a multiple of {height} x {width} cells."
            raise ToolInputError(f"{goal} can't be filled with {height} x {width} cells.", hint=hint, code="address")
        return goal

    def entries(self, target: Sheet, goal: Area) -> Iterator[tuple[At, Entry]]:
        """Yield what the cells of `goal` get; a place that is empty on both sides is left out."""
        reader = SheetReader(self.workbook, target)
        present = {(c.row, c.column) for _, cells in reader.rows(goal) for c in cells}
        for at, cell in self._pairs(goal):
            empty = cell.blank and at not in present
            if not (empty and (self.what != "all" or cell.style == default_style(reader.xml, *at))):
                yield at, self._entry(cell, at)

    def styles(self, goal: Area) -> Iterator[tuple[At, int]]:
        """Yield the formats of the cells of `goal`."""
        yield from ((at, cell.style) for at, cell in self._pairs(goal))

    def _pairs(self, goal: Area) -> Iterator[tuple[At, Cell]]:
        """Yield each place of `goal` with the cell that comes there."""
        height, width = self.size
        top, left = self.area.top, self.area.left
        for at in goal.cells():
            i, j = (at[0] - goal.top) % height, (at[1] - goal.left) % width
            origin = (top + j, left + i) if self.turned else (top + i, left + j)
            yield at, self.cells.get(origin) or Cell(*origin, None, default_style(self.reader.xml, *origin))

    def _entry(self, cell: Cell, at: At) -> Entry:
        style = cell.style if self.what == "all" else None
        if self.what == "values":
            return Entry(cell.value)
        if any((cell.row, cell.column) in area for area in self.arrays):
            message = f"{self.sheet.name}!{cell.address} is part of an array formula, which can't be copied in parts."
            raise ToolInputError(message, hint='Copy what it shows, with what "values".', code="cell_in_the_way")
        if cell.formula is None:
            return Entry(cell.value, style=style)
        moved = "=" + translate(cell.formula.text[1:], cell.row, cell.column, *at)
        array = Area(*at, *at) if cell.formula.kind == "array" else None
        return Entry(formula=moved, style=style, given=True, array=array)


class _Painted(Dressing):
    """Formats that are known for each cell."""

    def __init__(self, sheets: StyleSheet, area: Area, styles: Mapping[At, int]) -> None:
        super().__init__(sheets, Look(), area)
        self._styles = styles
        self._changes: dict[tuple[int, int], None] = {}

    def style(self, base: int, row: int, column: int) -> int:
        """Return the format that the cell gets."""
        new = self._styles[row, column]
        if new != base:
            self._changes[base, new] = None
        return new

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs (format before, format after) of all cells that change."""
        return list(self._changes)


#: The operations of this module.
OPERATIONS = (copy_range,)
