"""All cells of a sheet in memory, with values for formulas that the file holds none for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from copilot.documents.excel.cells import Cell, Formula, SheetReader, translate
from copilot.documents.excel.markup import attribute
from copilot.documents.excel.refs import Area
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.stream import StreamedRow, shell, stream_rows
from copilot.documents.excel.values import ERRORS, CellError, Scalar
from copilot.documents.excel.workbook import Sheet, Workbook

#: Bytes of a sheet above which it is read for its values only where those are enough, or in parts.
BIG = 8_000_000


def _calamine(workbook: Workbook, sheet: Sheet) -> dict[int, dict[int, Cell]] | None:
    """Return the values of a big sheet, several times faster than cell by cell; None where that reader gives up."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(workbook.content))
        found = book.get_sheet_by_name(sheet.name)
        top, left = found.start or (0, 0)
        rows = found.to_python(skip_empty_area=True)
    except python_calamine.CalamineError:
        return None
    return {
        top + r: {left + c: Cell(top + r, left + c, _value(v)) for c, v in enumerate(row, 1) if v != ""}
        for r, row in enumerate(rows, 1)
        if any(v != "" for v in row)
    }


def _value(value: Any) -> Scalar:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return CellError(value) if isinstance(value, str) and value in ERRORS else cast(Scalar, value)


def _shell_reader(workbook: Workbook, sheet: Sheet) -> SheetReader:
    """Return a reader that knows all of a sheet but its rows."""
    return SheetReader(workbook, sheet, SheetXml(shell(workbook, sheet), sheet.part))


def _remember(masters: dict[str, tuple[str, int, int]], row: StreamedRow) -> None:
    for column, group in row.masters.items():
        masters[group] = row.formulas[column], row.number, column


def _streamed_cells(row: StreamedRow, area: Area, masters: dict[str, tuple[str, int, int]]) -> dict[int, Cell]:
    found = {}
    for column in sorted({*row.values, *row.formulas, *row.shared}):
        if area.left <= column <= area.right:
            text = row.formulas.get(column, "")
            if not text and (master := masters.get(row.shared.get(column, ""))):
                text = translate(*master, row.number, column)
            formula = Formula(f"={text}") if text else None
            found[column] = Cell(row.number, column, row.values.get(column), row.styles.get(column, 0), formula)
    return found


@dataclass
class Grid:
    """The non-blank cells of one sheet, by row and column."""

    workbook: Workbook
    sheet: Sheet
    reader: SheetReader
    rows: dict[int, dict[int, Cell]]
    hidden_rows: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, workbook: Workbook, sheet: Sheet, *, compute: bool = True, area: Area | None = None, fast: bool = False
    ) -> Grid:
        """Return the sheet's cells, or those of an area; formulas without a value are computed where that can be done.

        With `fast` a big sheet is read for its values only: no formulas, no number formats, no hidden rows.
        """
        if fast and workbook.package.size(sheet.part) > BIG and (values := _calamine(workbook, sheet)) is not None:
            return cls(workbook, sheet, _shell_reader(workbook, sheet), values)
        reader = SheetReader(workbook, sheet)
        rows: dict[int, dict[int, Cell]] = {}
        hidden = set()
        for span, cells in reader.rows(area):
            if cells:
                rows.setdefault(span.number, {}).update({c.column: c for c in cells})
            tag = reader.xml.data[span.start : span.inner]
            if b"hidden" in tag and attribute(tag, b"hidden") in ("1", "true"):
                hidden.add(span.number)
        grid = cls(workbook, sheet, reader, dict(sorted(rows.items())), frozenset(hidden))
        if compute and workbook.package.size(sheet.part) <= BIG:
            grid._compute()
        return grid

    @classmethod
    def streamed(cls, workbook: Workbook, sheet: Sheet, area: Area, *, most: int = 0) -> Grid:
        """Return the cells of an area of a big sheet, of at most `most` rows that hold something there.

        The sheet is gone through up to that row; formulas without a value stay without.
        """
        rows: dict[int, dict[int, Cell]] = {}
        hidden = set()
        masters: dict[str, tuple[str, int, int]] = {}
        for row in stream_rows(workbook, sheet, styles=True, start=area.top):
            if row.number > area.bottom or (most and len(rows) >= most):
                break
            _remember(masters, row)
            cells = _streamed_cells(row, area, masters) if row.number >= area.top else {}
            if cells:
                rows[row.number] = cells
                if row.hidden:
                    hidden.add(row.number)
        return cls(workbook, sheet, _shell_reader(workbook, sheet), rows, frozenset(hidden))

    def _compute(self) -> None:
        """Give formulas that a library wrote without a value the value that the engine computes."""
        empty = [c for row in self.rows.values() for c in row.values() if c.formula is not None and c.value is None]
        if not empty:
            return
        from copilot.documents.excel.calc import compute_missing
        from copilot.documents.excel.expansion import computable

        small = computable(self.workbook, empty)
        values = compute_missing(self.workbook, self.sheet, small) if small else {}
        for cell in empty:
            if (cell.row, cell.column) in values:
                self.rows[cell.row][cell.column] = replace(cell, value=values[cell.row, cell.column])
        if len(values) < len(empty):
            left = ", ".join(c.address for c in empty if (c.row, c.column) not in values)
            self.notes.append(
                f"{self.sheet.name}: formulas without a stored value that can't be computed here: {left[:120]}"
            )
        if values:
            self.notes.append(
                f"{self.sheet.name}: {len(values)} formula values were computed here, the file holds none."
            )

    @property
    def used(self) -> Area | None:
        """The smallest area that holds all non-blank cells."""
        return Area.around((r, c) for r, cells in self.rows.items() for c in cells)

    def get(self, row: int, column: int) -> Cell | None:
        """Return the cell, None for a blank one."""
        return self.rows.get(row, {}).get(column)

    def within(self, area: Area) -> Iterator[tuple[int, dict[int, Cell]]]:
        """Yield the rows of an area that hold something there."""
        for number, cells in self.rows.items():
            if area.top <= number <= area.bottom:
                inside = {c: cell for c, cell in cells.items() if area.left <= c <= area.right}
                if inside:
                    yield number, inside

    @property
    def hidden_columns(self) -> frozenset[int]:
        """The columns that are not shown."""
        from copilot.documents.excel.unseen import hidden_columns

        return hidden_columns(self)
