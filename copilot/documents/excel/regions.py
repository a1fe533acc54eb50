"""Where the data of a sheet lies: tables and blocks, their headers, their totals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from copilot.documents.excel.cells import Cell
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.refs import Area, column_letters, column_number
from copilot.documents.excel.values import CellError, show
from copilot.documents.excel.workbook import Table, Workbook
from copilot.errors import ToolInputError

_TOTAL = re.compile(
    r"(?i)\s*(?:(?:grand|sub|running|overall)[\s-]?)?totals?\b|\s*(?:sum|summe|gesamt|zwischensumme)\s*:?\s*\Z"
)
_SUM = re.compile(r"(?i)=\s*\+?(?:SUM|SUBTOTAL|AGGREGATE|AVERAGE|COUNTA?|MAX|MIN)\s*\(")
_HEADER_ROWS = 15  # how far down from the top of a block its header is looked for


@dataclass(frozen=True)
class Region:
    """A block of data: one row of headers (None: there is none), rows below, totals left out.

    `area` holds all of it; `columns` are unique names, left to right; `rows` the numbers of the data rows;
    `totals` those of rows that only sum up others.
    """

    grid: Grid = field(repr=False)
    area: Area
    header: int | None
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    totals: tuple[int, ...] = ()
    table: str = ""
    title: str = ""

    @property
    def sheet(self) -> str:
        """The name of the sheet."""
        return self.grid.sheet.name

    @property
    def where(self) -> str:
        """The place as a citation names it: "Budget!A3:D20"."""
        return f"{self.sheet}!{self.area}"

    def column(self, name: str) -> int:
        """Return the sheet's column of a header (case does not matter) or of a letter; raises ToolInputError."""
        wanted = _folded(name)
        folded = [_folded(c) for c in self.columns]
        if wanted in folded:
            return self.area.left + folded.index(wanted)
        if re.fullmatch(r"[A-Za-z]{1,3}", name) and self.area.left <= column_number(name) <= self.area.right:
            return column_number(name)
        raise ToolInputError.unknown("column", name, self.columns, where=self.table or self.where)

    def name(self, column: int) -> str:
        """Return the header of a column of the sheet."""
        return self.columns[column - self.area.left]

    def cells(self, column: int) -> list[Cell]:
        """Return the cells of the data rows in a column; blank ones are Cells without a value."""
        return [self.grid.get(row, column) or Cell(row, column, None) for row in self.rows]

    def data_area(self, column: int) -> Area:
        """Return the data rows of a column, from the first to the last."""
        return Area(self.rows[0], column, self.rows[-1], column) if self.rows else Area(1, column, 1, column)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def regions(grid: Grid) -> list[Region]:
    """Return the tables and blocks of a sheet, the largest first."""
    tables = grid.workbook.tables_on(grid.sheet)
    found = [_of_table(grid, table) for table in tables]
    free = {
        number: {c: cell for c, cell in cells.items() if not any((number, c) in t.area for t in tables)}
        for number, cells in grid.rows.items()
    }
    for area in _joined(free, _blocks({n: c for n, c in free.items() if c})):
        region = _of_block(grid, area)
        if region is not None:
            found.append(region)
    return sorted(found, key=lambda r: (-(len(r.rows) * len(r.columns)), r.area.top, r.area.left))


def _of_table(grid: Grid, table: Table) -> Region:
    data = table.data
    present = [n for n, _ in grid.within(data)] if data else []
    totals = tuple(range(table.area.bottom - table.totals_rows + 1, table.area.bottom + 1))
    header = table.area.top if table.header_rows else None
    names = unique(table.columns, table.area.left)
    return Region(grid, table.area, header, names, tuple(present), totals, table.name)


def unique(names: Iterable[str], left: int) -> tuple[str, ...]:
    """Return column names that differ: blank ones are called by their letter, later twins get it in brackets."""
    made: list[str] = []
    taken: set[str] = set()
    for offset, name in enumerate(names):
        letter = column_letters(left + offset)
        name = " ".join(name.split()) or letter
        made.append(f"{name} ({letter})" if _folded(name) in taken else name)
        taken.add(_folded(made[-1]))
    return tuple(made)


def _blocks(rows: dict[int, dict[int, Cell]]) -> list[Area]:
    """Return the rectangles that blank rows and blank columns leave."""
    bands: list[list[int]] = []
    for number in rows:
        if bands and number == bands[-1][-1] + 1:
            bands[-1].append(number)
        else:
            bands.append([number])
    found = []
    for band in bands:
        used = sorted({column for number in band for column in rows[number]})
        start = used[0]
        for here, after in zip(used, [*used[1:], 0], strict=True):
            if after != here + 1:
                found += _trimmed(rows, band, start, here)
                start = after
    return found


def _trimmed(rows: dict[int, dict[int, Cell]], band: Sequence[int], left: int, right: int) -> list[Area]:
    inside = [n for n in band if any(left <= c <= right for c in rows[n])]
    return [Area(inside[0], left, inside[-1], right)] if inside else []


def _joined(rows: dict[int, dict[int, Cell]], areas: list[Area]) -> list[Area]:
    """Join a block with the one above it when it goes on there: same columns, and no header of its own."""
    found: list[Area] = []
    for area in sorted(areas, key=lambda a: (a.left, a.top)):
        above = found[-1] if found else None
        goes_on = (
            above is not None
            and above.left <= area.left
            and area.right <= above.right
            and area.top - above.bottom <= 3
            and above.height > 1
            and not _looks_like_header(rows[area.top], area)
            and _alike(rows[above.bottom], rows[area.top], area)
        )
        if goes_on and above is not None:
            found[-1] = Area(above.top, above.left, area.bottom, above.right)
        else:
            found.append(area)
    return found


def _alike(above: dict[int, Cell], below: dict[int, Cell], area: Area) -> bool:
    """Return whether two rows hold the same kinds of values, a total with its label included."""
    if any(isinstance(c.value, str) and _TOTAL.match(c.value) for c in below.values()):
        return True
    shared = [c for c in range(area.left, area.right + 1) if c in above and c in below]
    return len(shared) >= 2 and all(_kind(above[c]) == _kind(below[c]) for c in shared)


def _kind(cell: Cell) -> str:
    value = cell.value
    if isinstance(value, str):
        return "error" if isinstance(value, CellError) else "text"
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _looks_like_header(cells: dict[int, Cell], area: Area) -> bool:
    inside = [c for n, c in cells.items() if area.left <= n <= area.right]
    texts = [c for c in inside if _kind(c) == "text"]
    years = [
        c for c in inside if (isinstance(c.value, int) and 1900 <= c.value <= 2100) or _kind(c) in ("date", "datetime")
    ]
    if len(inside) < max(2 if area.width > 1 else 1, area.width / 2) or not texts:
        return False
    names = [_folded(show(c.value)) for c in inside]
    return len(texts) + len(years) == len(inside) and 2 * len(set(names)) >= len(names) and not _TOTAL.match(names[0])


def _of_block(grid: Grid, area: Area) -> Region | None:
    rows = dict(grid.within(area))
    numbers = list(rows)
    header = _header(rows, numbers, area)
    title = " ".join(show(c.value) for n in numbers if header is not None and n < header for c in rows[n].values())
    below = [n for n in numbers if header is None or n > header]
    if not below or (header is None and (area.width < 2 or len(below) < 2)):
        return None
    top = header if header is not None else below[0]
    names = [
        show(rows[header][c].value) if header is not None and c in rows[header] else ""
        for c in range(area.left, area.right + 1)
    ]
    totals = _totals(rows, below)
    data = tuple(n for n in below if n not in totals)
    whole = Area(top, area.left, area.bottom, area.right)
    return Region(grid, whole, header, unique(names, area.left), data, totals, title=title[:200])


def region_of(grid: Grid, area: Area) -> Region | None:
    """Return the data in an area that somebody names; None where it holds no rows."""
    return _of_block(grid, area)


def is_total(label: object) -> bool:
    """Return whether a text is how a row of totals begins."""
    return isinstance(label, str) and bool(_TOTAL.match(label))


def sums(formula: str) -> bool:
    """Return whether a formula (with or without "=") begins as one that sums up others."""
    return bool(_SUM.match(formula if formula.startswith("=") else f"={formula}"))


def _header(rows: dict[int, dict[int, Cell]], numbers: list[int], area: Area) -> int | None:
    for number in numbers[:_HEADER_ROWS]:
        cells = rows[number]
        if _looks_like_header(cells, area) and number != numbers[-1]:
            return number
        if len(cells) >= max(2, area.width / 2) and any(_kind(c) not in ("text",) for c in cells.values()):
            return None  # data has begun
    return None


def _totals(rows: dict[int, dict[int, Cell]], numbers: list[int]) -> tuple[int, ...]:
    """Return the rows that sum up others: by their formulas, the last ones also by their label."""
    found = []
    at_the_end = True
    for number in reversed(numbers):
        cells = [rows[number][c] for c in sorted(rows[number])]
        label = isinstance(cells[0].value, str) and bool(_TOTAL.match(cells[0].value))
        if not label and all(c.formula is None for c in cells):
            at_the_end = False
            continue
        numeric = [c for c in cells if _kind(c) == "number"]
        summed = [c for c in cells if _downwards(c, least=1 if label else 2)]
        mostly = bool(summed) and 2 * len(summed) >= len(numeric)
        if (label and (mostly or at_the_end or bool(summed))) or (mostly and at_the_end and len(numbers) > 1):
            found.append(number)
        else:
            at_the_end = False
    found += [n for n in numbers if found and n > min(found) and n not in found and _from_totals(rows[n], found)]
    return tuple(sorted(found))


def _from_totals(cells: dict[int, Cell], totals: list[int]) -> bool:
    """Return whether all numbers of a row below a total are computed from totals: a reserve, a tax, a balance."""
    from copilot.documents.excel.dependents import references

    numeric = [c for c in cells.values() if _kind(c) == "number"]
    reads = [[a for _, a in references(c.formula.text, "", {})] if c.formula else [] for c in numeric]
    return bool(reads) and all(any(a.top in totals for a in areas) for areas in reads)


def _downwards(cell: Cell, *, least: int) -> bool:
    """Return whether a formula sums at least so many cells above it in its own column, not along its row."""
    from copilot.documents.excel.dependents import references

    text = cell.formula.text if cell.formula else ""
    if not _SUM.match(text):
        return False
    places = references(text, "", {})
    if not places:
        return "[" in text
    return any(a.left <= cell.column <= a.right and a.top < cell.row and a.height >= least for _, a in places)


def find_region(
    workbook: Workbook,
    sheet: str | None = None,
    table: str | None = None,
    columns: Iterable[str] = (),
    *,
    reading: bool = False,
) -> Region:
    """Return the table or block that a request means: by table, by sheet, or as the only one with these columns.

    For `reading`, never for writing, the first of several sheets is taken when nothing says which is meant (a note says
    so), and big sheets are read for their values only. Raises ToolInputError: unknown sheet, table or column (with the
    closest), or several that fit.
    """
    wanted = [c for c in columns if c]
    if table:
        found = workbook.table(table)
        if sheet and workbook.sheet(sheet).name != found.sheet:
            raise ToolInputError(
                f"The table {found.name!r} is on {found.sheet!r}, not on {sheet!r}.", code="unknown_table"
            )
        grid = Grid.of(workbook, workbook.sheet(found.sheet), fast=reading)
        region = next(r for r in regions(grid) if r.table == found.name)
        for column in wanted:
            region.column(column)
        return region
    if not sheet:
        workbook.refuse_guess()
    sheets = (
        [workbook.sheet(sheet)]
        if sheet
        else [s for s in workbook.worksheets if s.state == "visible"] or list(workbook.worksheets)
    )
    candidates = [r for s in sheets for r in regions(Grid.of(workbook, s, fast=reading))]
    if not candidates:
        raise ToolInputError(f"{_names(sheets)} holds no rows of data.", code="no_data")
    if reading and not sheet and not wanted and len({r.sheet for r in candidates}) > 1:
        others = ", ".join(dict.fromkeys(r.sheet for r in candidates if r.sheet != candidates[0].sheet))
        candidates[0].grid.notes.append(f"This is the sheet {candidates[0].sheet}; there is also data on: {others}.")
        return candidates[0]
    return _best(candidates, wanted, one_sheet=bool(sheet) or len(sheets) == 1)


def _names(sheets: Iterable[object]) -> str:
    return ", ".join(repr(getattr(s, "name", "")) for s in sheets)


def _best(candidates: list[Region], wanted: list[str], *, one_sheet: bool) -> Region:
    def has(region: Region, column: str) -> bool:
        return _folded(column) in {_folded(c) for c in region.columns}

    fitting = [r for r in candidates if all(has(r, c) for c in wanted)]
    if not fitting:
        if one_sheet or len(candidates) == 1:
            for column in wanted:
                candidates[0].column(column)  # raises, or takes letters
            return candidates[0]
        known = [c for r in candidates for c in r.columns]
        missing = next((c for c in wanted if not any(has(r, c) for r in candidates)), wanted[0])
        raise ToolInputError.unknown(
            "column", missing, known, where="one sheet or table together" if missing in known else "any sheet"
        )
    if len({r.sheet for r in fitting}) > 1:
        places = ", ".join(dict.fromkeys(repr(r.sheet) for r in fitting))
        raise ToolInputError(f"Several sheets fit: {places}.", hint="Say which sheet is meant.", code="ambiguous_sheet")
    return fitting[0]
