"""Where an analysis gets its rows: a table, a block of data or a range, of this workbook or of another one.

Small sheets are read whole, with their formulas; big ones as a stream, each time anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from copilot.documents.excel import grid as grids
from copilot.documents.excel.analysis.frame import Frame, Origin, Row
from copilot.documents.excel.cells import Cell, Formula
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.refs import Area, split_sheet
from copilot.documents.excel.regions import Region, find_region, is_total, region_of, regions, sums
from copilot.documents.excel.stream import StreamedRow, stream_rows
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

_HEAD = 200  # rows of a big sheet that say where its data begins
_GAP = 3  # blank rows that end the data of a big sheet


class Source(BaseModel):
    """Where rows are: a table, or a sheet, or a range; `file` names another workbook."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = ""
    sheet: str = ""
    table: str = ""
    range: str = ""


class Books:
    """The workbook of an analysis, and others by name."""

    def __init__(self, content: bytes, others: Mapping[str, bytes] | None = None) -> None:
        self._contents: dict[str, bytes] = {"": content, **(others or {})}
        self._open: dict[str, Workbook] = {}

    def workbook(self, file: str = "") -> Workbook:
        """Return a workbook; "" is the one that the analysis is about. Raises ToolInputError and DocumentError."""
        name = next((n for n in self._contents if n.casefold() == file.casefold()), None)
        if name is None:
            raise ToolInputError.unknown("file", file, [n for n in self._contents if n])
        if name not in self._open:
            self._open[name] = Workbook.open(self._contents[name])
        return self._open[name]

    def frame(self, source: Source, wanted: Iterable[str] = ()) -> Frame:
        """Return the rows of a source; where it names no place, the data that has the wanted columns."""
        workbook = self.workbook(source.file)
        if source.range:
            return self._of_range(workbook, source)
        if (big := self._big(workbook, source, list(wanted))) is not None:
            return big
        region = find_region(workbook, source.sheet or None, source.table or None, wanted, reading=True)
        return self._of_region(region, source.file)

    def _of_range(self, workbook: Workbook, source: Source) -> Frame:
        own, written = split_sheet(source.range)
        sheet, area = workbook.sheet(own or source.sheet or None), Area.parse(written)
        if workbook.package.size(sheet.part) > grids.BIG:
            return self._streamed(workbook, sheet, area, None, source.file)
        grid = Grid.of(workbook, sheet)
        inside = area.clipped(grid.used) if grid.used else None
        region = region_of(grid, inside) if inside else None
        if region is None:
            raise ToolInputError(f"{sheet.name}!{area} holds no rows of data.", code="no_data")
        return self._of_region(region, source.file)

    def _of_region(self, region: Region, file: str) -> Frame:
        columns = range(region.area.left, region.area.right + 1)
        rows = [(n, tuple(_value(region.grid.get(n, c)) for c in columns)) for n in region.rows]
        first, last = (region.rows[0], region.rows[-1]) if region.rows else (1, 1)
        broken = not rows or any(first <= total <= last for total in region.totals)
        origin = Origin(region.sheet, region.area.left, first, last, broken=broken, here=not file)
        if region.table:
            origin.table, origin.table_columns = region.table, region.grid.workbook.table(region.table).columns
        where = f"{file}, {region.where}" if file else region.where
        notes = (*region.grid.notes, *_told(region))
        return Frame(region.columns, lambda: iter(rows), self, (where,), notes, origin)

    # --- big sheets ---------------------------------------------------------------------------------------------

    def _big(self, workbook: Workbook, source: Source, wanted: Sequence[str]) -> Frame | None:
        """Return the rows of a big sheet as a stream; None where the sheet that is meant is a small one."""
        if source.table:
            table = workbook.table(source.table)
            sheet = workbook.sheet(table.sheet)
            if workbook.package.size(sheet.part) <= grids.BIG:
                return None
            return self._streamed(workbook, sheet, table.area, source.table, source.file)
        if source.sheet:
            sheets = [workbook.sheet(source.sheet)]
        else:
            workbook.refuse_guess()
            sheets = [s for s in workbook.worksheets if s.state == "visible"] or list(workbook.worksheets)
        if not any(workbook.package.size(s.part) > grids.BIG for s in sheets):
            return None
        folded = {w.casefold() for w in wanted if w}
        frames = [self._any(workbook, sheet, source.file) for sheet in sheets]
        found = [f for f in frames if f is not None]
        fitting = [f for f in found if folded <= {c.casefold() for c in f.columns}] or found
        if not fitting:
            raise ToolInputError(f"{', '.join(repr(s.name) for s in sheets)} holds no rows of data.", code="no_data")
        return fitting[0]

    def _any(self, workbook: Workbook, sheet: Sheet, file: str) -> Frame | None:
        if workbook.package.size(sheet.part) > grids.BIG:
            return self._streamed(workbook, sheet, None, None, file)
        found = regions(Grid.of(workbook, sheet))
        return self._of_region(found[0], file) if found else None

    def _streamed(self, workbook: Workbook, sheet: Sheet, area: Area | None, table: str | None, file: str) -> Frame:
        head = _head(workbook, sheet, area)
        if head is None:
            raise ToolInputError(f"{sheet.name!r} holds no rows of data.", code="no_data")
        stream = _Stream(workbook, sheet, head, area)
        origin = Origin(sheet.name, head.area.left, stream.top, stream.top, here=not file)
        stream.origin = origin
        columns = head.columns
        if table:
            found = workbook.table(table)
            origin.table, origin.table_columns = found.name, found.columns
            columns = head.columns if len(head.columns) == len(found.columns) else found.columns

        def where() -> str:
            bottom = max(origin.last, origin.first) if area is None else area.bottom
            whole = Area(head.area.top, head.area.left, bottom, head.area.right)
            return f"{file + ', ' if file else ''}{sheet.name}!{whole}"

        return Frame(columns, stream.rows, self, (), (), origin, late_notes=stream.notes, late_source=where)


def _value(cell: Cell | None) -> Any:
    return cell.value if cell is not None and cell.value != "" else None


def _told(region: Region) -> Iterator[str]:
    if region.totals:
        rows = ", ".join(str(r) for r in region.totals[:5])
        yield f"Left out as totals of the others: row{'s' if len(region.totals) > 1 else ''} {rows}."
    hidden = [n for n in region.rows if n in region.grid.hidden_rows]
    if hidden:
        yield f"{len(hidden)} of the rows are hidden in Excel; they are included."


def _head(workbook: Workbook, sheet: Sheet, area: Area | None) -> Region | None:
    """Return the data that the first rows of a big sheet hold."""
    rows: dict[int, dict[int, Cell]] = {}
    streamed = (r for r in stream_rows(workbook, sheet) if area is None or r.number >= area.top)
    for row in islice(streamed, _HEAD):
        cells = {c: Cell(row.number, c, v, 0, _formula(row, c)) for c, v in row.values.items()}
        inside = {c: x for c, x in cells.items() if area is None or area.left <= c <= area.right}
        if inside:
            rows[row.number] = inside
    # The grid is looked at for its cells only; a reader would hold the whole sheet.
    grid = Grid(workbook, sheet, cast(Any, None), rows)
    if area is not None:
        used = area.clipped(grid.used) if grid.used else None
        return region_of(grid, used) if used else None
    found = [r for r in regions(grid) if not r.table] or regions(grid)
    return found[0] if found else None


def _formula(row: StreamedRow, column: int) -> Formula | None:
    return Formula(f"={row.formulas[column]}") if column in row.formulas else None


class _Stream:
    """The rows of one block of a big sheet. Rows that only total others are left out, and that is said."""

    def __init__(self, workbook: Workbook, sheet: Sheet, head: Region, area: Area | None) -> None:
        self._workbook, self._sheet = workbook, sheet
        self._columns = range(head.area.left, head.area.right + 1)
        self.top = (head.header + 1) if head.header is not None else head.area.top
        self._bottom = area.bottom if area is not None else None
        self.origin: Origin | None = None
        self._said: list[str] = []

    def notes(self) -> Sequence[str]:
        """Return what is to be said of the rows, once they have been gone through."""
        return tuple(self._said)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of data, from the start."""
        totals: list[int] = []
        held: Row | None = None
        hidden, last = 0, self.top
        self._said = []
        get_row = _values_of(self._columns)
        for row in stream_rows(self._workbook, self._sheet):
            if row.number < self.top:
                continue
            if self._ends(row.number, last):
                break
            values = get_row(row.values)
            if values is None:
                continue
            last = row.number
            if held is not None:
                yield held
                held = None
            label = next((v for v in values if v is not None), None)
            if is_total(label):
                if any(sums(f) for f in row.formulas.values()):
                    totals.append(row.number)
                else:
                    held = row.number, values
                continue
            hidden += row.hidden
            if self.origin is not None:
                self.origin.last = row.number
            yield row.number, values
        self._say(totals + ([held[0]] if held else []), hidden)

    def _ends(self, number: int, last: int) -> bool:
        if self._bottom is not None:
            return number > self._bottom
        if number - last > _GAP:
            self._said.append(f"{self._sheet.name}: what follows from row {number} on lies apart and was not read.")
            return True
        return False

    def _say(self, totals: Sequence[int], hidden: int) -> None:
        if totals:
            rows = ", ".join(str(n) for n in totals[:5])
            self._said.append(f"Left out as totals of the others: row{'s' if len(totals) > 1 else ''} {rows}.")
            if self.origin is not None and totals[0] < self.origin.last:
                self.origin.broken = True
        if hidden:
            self._said.append(f"{hidden} of the rows are hidden in Excel; they are included.")


def _values_of(columns: range) -> Callable[[dict[int, Any]], tuple[Any, ...] | None]:
    def values(found: dict[int, Any]) -> tuple[Any, ...] | None:
        made = tuple([found.get(c) for c in columns])
        return made if any(v is not None for v in made) else None

    return values
