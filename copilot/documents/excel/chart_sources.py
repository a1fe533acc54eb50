"""Ranges and column names as what a chart shows: references with their present values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from copilot.documents.excel.cells import Cell
from copilot.documents.excel.chartxml import MOMENTS, Points
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.refs import Area, parse_cell, quote_sheet, split_sheet
from copilot.documents.excel.regions import Region, find_region, regions
from copilot.documents.excel.values import Scalar, to_serial
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

MAX_POINTS = 32_000
#: The codes of built-in number formats (ECMA-376 part 1, 18.8.30) that an axis takes over.
_BUILTIN = {1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00"}


def _is_header(region: Region, name: str) -> bool:
    return name.strip().casefold() in {c.strip().casefold() for c in region.columns}


class Sources:
    """Turns ranges, names and column names into the cells that a chart refers to."""

    def __init__(self, workbook: Workbook, home: Sheet, sheet: str | None, names: Sequence[str] = ()) -> None:
        self.workbook = workbook
        self.home = home
        self._grids: dict[str, Grid] = {}
        self._named = sheet
        self.warnings: list[str] = []
        self._together = self._common([n for n in names if n and ":" not in n and "!" not in n])

    def _common(self, names: list[str]) -> Region | None:
        """Return the block of data that has all the named columns: a value belongs to the name beside it."""
        try:
            region = find_region(self.workbook, self._named, None, names) if names else None
        except ToolInputError:
            return None  # each for itself: addresses, or columns of several blocks
        return region if region and all(_is_header(region, n) for n in names) else None

    def grid(self, name: str) -> Grid:
        """Return the cells of a sheet, read once."""
        if name not in self._grids:
            self._grids[name] = Grid.of(self.workbook, self.workbook.sheet(name))
        return self._grids[name]

    def categories(self, given: str | None) -> Points | None:
        """Return the x values, None for none."""
        if not given:
            return None
        _, points = self._found(given, numbers=False)
        return points

    def series(self, given: str) -> tuple[Points | str, Points]:
        """Return the name ("" where no text stands beside them) and the values of a series.

        Raises ToolInputError when it holds no number.
        """
        name, points = self._found(given, numbers=True)
        if not any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in points.values):
            raise ToolInputError(
                f"{given!r} holds no numbers to draw.", hint="Choose another column or range.", code="no_data"
            )
        return name, points

    def _found(self, given: str, *, numbers: bool) -> tuple[Points | str, Points]:
        shared = self._together  # a header may look like an address: "Q1"
        place = None if shared and _is_header(shared, given) else self._as_range(given)
        if place is None:
            region = shared or find_region(self.workbook, self._named, None, [given])
            column = region.column(given)
            area = region.data_area(column)
            name = (
                self._points(region.sheet, Area(region.header, column, region.header, column))
                if region.header
                else given
            )
            if any(area.top <= t <= area.bottom for t in region.totals):
                self.warnings.append(f"{region.sheet}!{area} also holds rows that total others.")
            return name, self._points(region.sheet, area)
        sheet, area = place
        return self._ranged(given, sheet, area, numbers=numbers)

    def _as_range(self, given: str) -> tuple[str, Area] | None:
        own, place = split_sheet(given)
        try:
            area = Area.parse(place)
        except ToolInputError as error:
            if own is not None or (":" in place and "corners" in error.message):
                raise
            return None
        return self.workbook.sheet(own or self.home.name).name, area

    def _ranged(self, given: str, sheet: str, area: Area, *, numbers: bool) -> tuple[Points | str, Points]:
        grid = self.grid(sheet)
        used = grid.used
        clipped = area.clipped(used) if used else None
        if clipped is None:
            raise ToolInputError(f"{given!r} holds nothing.", hint="Choose another range.", code="no_data")
        if clipped.width > 1 and clipped.height > 1:
            hint = "Give one range for each series."
            raise ToolInputError(
                f"{given!r} is wider than one column and higher than one row.", hint=hint, code="address"
            )
        head = grid.get(clipped.top, clipped.left)
        rest = self._without_head(clipped)
        if (
            rest is not None
            and head is not None
            and isinstance(head.value, str)
            and self._headed(grid, rest, numbers=numbers)
        ):
            return self._points(sheet, Area(head.row, head.column, head.row, head.column)), self._points(sheet, rest)
        return self._beside(grid, clipped) if numbers else "", self._points(sheet, clipped)

    def _without_head(self, area: Area) -> Area | None:
        if area.height > 1:
            return Area(area.top + 1, area.left, area.bottom, area.right)
        return Area(area.top, area.left + 1, area.bottom, area.right) if area.width > 1 else None

    def _headed(self, grid: Grid, rest: Area, *, numbers: bool) -> bool:
        """Return whether the first cell is a header: of numbers always, of texts when a block has its header there."""
        if numbers:
            return True
        return any(r.header == rest.top - 1 and r.area.left <= rest.left <= r.area.right for r in regions(grid))

    def _beside(self, grid: Grid, area: Area) -> Points | str:
        """Return the text before the range as the name of its series: above a column, left of a row."""
        row, column = (area.top - 1, area.left) if area.height >= area.width else (area.top, area.left - 1)
        cell = grid.get(row, column)
        if cell is not None and isinstance(cell.value, str):
            return self._points(grid.sheet.name, Area(row, column, row, column))
        return ""

    def _points(self, sheet: str, area: Area) -> Points:
        if area.height * area.width > MAX_POINTS:
            raise ToolInputError(
                f"A series has at most {MAX_POINTS:,} points.", hint="Choose a smaller range.", code="address"
            )
        grid = self.grid(sheet)
        cells = [grid.get(*at) for at in area.cells()]
        values = tuple(self._plain(c) for c in cells)
        return Points(f"{quote_sheet(sheet)}!{area.absolute()}", values, self._code(cells))

    def _code(self, cells: Sequence[Cell | None]) -> str:
        """Return the number format that all numbers have, "General" where they differ."""
        styles = self.workbook.styles
        used = {
            c.style for c in cells if c is not None and not isinstance(c.value, (str, bool)) and c.value is not None
        }
        kinds = {styles.kind(style) for style in used}
        if len(kinds) == 1 and (moment := MOMENTS.get(next(iter(kinds)))):
            return moment
        codes = {styles.code(style) or _BUILTIN.get(styles.number(style), "General") for style in used}
        return next(iter(codes)) if len(codes) == 1 else "General"

    def _plain(self, cell: Cell | None) -> Scalar:
        if cell is None:
            return None
        if isinstance(cell.value, (datetime, date, time, timedelta)):
            return to_serial(cell.value, date1904=self.workbook.date1904)
        return cell.value

    def name(self, given: str) -> Points | str:
        """Return what a series is called: the text of a cell ("B1", "Data!B1", "=Data!B1"), else the words given."""
        sheet, written = split_sheet(given.removeprefix("="))
        try:
            row, column = parse_cell(written)
            found = self.workbook.sheet(sheet or self.home.name).name
        except ToolInputError:
            return given
        if sheet is None and not given.startswith("="):  # "Q1" is a name, unless a text stands in that cell
            cell = self.grid(found).get(row, column)
            if cell is None or not isinstance(cell.value, str):
                return given
        return self._points(found, Area(row, column, row, column))
