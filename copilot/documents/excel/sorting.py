"""Rows put into another order, and rows that are there twice taken out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import BeforeValidator

from copilot.documents.excel.calc import with_values
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.everywhere import forget
from copilot.documents.excel.filters import hidden_rows
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area, column_letters, column_number
from copilot.documents.excel.rowmoves import RowMoves
from copilot.documents.excel.spellings import sort_keys
from copilot.documents.excel.tableparts import TablePart
from copilot.documents.excel.values import CellError, Scalar, to_serial
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

At = tuple[int, int]


@dataclass
class Rows:
    """Rows of data on a sheet: `area` without the header, `names` of its columns by number."""

    workbook: Workbook
    sheet: Sheet
    reader: SheetReader
    area: Area
    names: dict[int, str]
    table: Table | None

    @classmethod
    def of(cls, content: bytes, range: str, table: str, sheet: str, *, header: bool) -> Rows:
        """Return the rows of a table, or of a range (whose first row is a header or not)."""
        workbook = Workbook.open(content)
        if bool(range) == bool(table):
            raise ToolInputError("Give a range or a table.", hint='Such as range: "A1:D20".', code="arguments")
        if table:
            found = workbook.table(table)
            home = workbook.sheet(found.sheet)
            names = dict(enumerate(found.columns, found.area.left))
            if found.data is None:
                raise ToolInputError(f"The table {found.name!r} has no row of data.", code="no_data")
            return cls(workbook, home, SheetReader(workbook, home), found.data, names, found)
        home, area = place(workbook, range, sheet or None, most=0)
        reader = SheetReader(workbook, home)
        area = _clipped(reader, area)
        names = {}
        if header:
            for _, cells in reader.rows(Area(area.top, area.left, area.top, area.right)):
                names = {c.column: reader.show(c) for c in cells}
            area = Area(area.top + 1, area.left, area.bottom, area.right)
        if area.height < 1:
            raise ToolInputError(f"{range} holds no row of data.", code="no_data")
        return cls(workbook, home, reader, area, names, None)

    def column(self, name: str) -> int:
        """Return the number of a column by its header or letter; raises ToolInputError with the closest."""
        wanted = " ".join(name.split()).casefold()
        for number, known in self.names.items():
            if " ".join(known.split()).casefold() == wanted:
                return number
        if name.isascii() and name.isalpha() and len(name) <= 3:
            number = column_number(name)
            if self.area.left <= number <= self.area.right:
                return number
        letters = [column_letters(c) for c in range(self.area.left, min(self.area.right, self.area.left + 30) + 1)]
        raise ToolInputError.unknown("column", name, [*self.names.values(), *letters])

    def values(self, columns: Collection[int]) -> dict[At, Cell]:
        """Return the cells of these columns that hold something; no others are looked into."""
        xml, found = self.reader.xml, {}
        for row in xml.rows():
            if self.area.top <= row.number <= self.area.bottom:
                for span in xml.cells(row):
                    if span.column in columns:
                        cell = self.reader.parse(xml.data[span.start : span.end], row.number, span.column)
                        found[row.number, span.column] = cell
        filled = {at: cell for at, cell in found.items() if not cell.blank}
        return with_values(self.workbook, self.sheet, filled)

    @property
    def where(self) -> str:
        """The place as a citation names it."""
        return f"{self.sheet.name}!{self.area}"


def _clipped(reader: SheetReader, area: Area) -> Area:
    """Return the used part of whole columns or rows."""
    if area.height * area.width <= 1_000_000:
        return area
    used = Area.around((c.row, c.column) for _, cells in reader.rows(area) for c in cells)
    return Area(area.top, area.left, used.bottom, min(area.right, used.right)) if used else area


def sort_key(value: Scalar, *, descending: bool, date1904: bool) -> tuple[int, float | str]:
    """Return what sorts as Excel does: numbers, texts (case aside), FALSE, TRUE, errors; nothing always at the end."""
    if value is None or value == "":
        return (9 if not descending else -9, 0)
    if isinstance(value, CellError):
        return 3, 0
    if isinstance(value, bool):
        return 2, float(value)
    if isinstance(value, (datetime, date, time, timedelta)):
        return 0, float(to_serial(value, date1904=date1904))
    if isinstance(value, (int, float)):
        return 0, float(value)
    return 1, value.casefold().replace("-", "").replace("'", "")


def sort_range(
    content: bytes,
    by: Annotated[list[dict[str, str | bool]], BeforeValidator(sort_keys)],
    range: str = "",
    table: str = "",
    sheet: str = "",
    header: bool = True,
) -> Edited:
    """Sort the rows of a table or range: `by` lists {"column": name or letter, "descending"?: true}, first counts most.

    Values, formulas, formats, comments and links move; hidden rows stay where they are. Equal rows keep their order.
    Raises ToolInputError: an unknown column, merged cells, array formulas, and formulas that refer to other rows,
    which Excel would leave wrong.
    """
    rows = Rows.of(content, range, table, sheet, header=header)
    keys = _keys(rows, by)
    hidden = hidden_rows(rows.reader.xml)
    visible = [n for n in _span(rows.area) if n not in hidden]
    cells = rows.values({column for column, _ in keys})
    order = list(visible)
    for column, descending in reversed(keys):

        def key(number: int, column: int = column, descending: bool = descending) -> tuple[int, float | str]:
            cell = cells.get((number, column))
            value = cell.value if cell is not None else None
            return sort_key(value, descending=descending, date1904=rows.workbook.date1904)

        order.sort(key=key, reverse=descending)
    sources = {at: source for at, source in zip(visible, order, strict=True) if at != source}
    moves = RowMoves(content, rows.workbook, rows.sheet, rows.reader, rows.area, sources)
    warnings = moves.check()
    if not sources:
        raise ToolInputError(f"{rows.where} is in that order already.", code="unchanged")
    if len(visible) < rows.area.height:
        warnings.append(f"{rows.area.height - len(visible)} hidden rows of {rows.where} stayed where they are.")
    after = ", ".join(f"{rows.names.get(c) or column_letters(c)}{' descending' if d else ''}" for c, d in keys)
    before = f"rows {_some(visible)}"
    hunk = Hunk(rows.where, before, f"sorted by {after}: rows {_some(order)}", "structure")
    return moves.apply([hunk], warnings)


def _span(area: Area) -> list[int]:
    return list(range(area.top, area.bottom + 1))


def _some(numbers: Sequence[int]) -> str:
    more = f", and {len(numbers) - 20} more" if len(numbers) > 20 else ""
    return ", ".join(str(n) for n in numbers[:20]) + more


def _keys(rows: Rows, by: list[dict[str, str | bool]]) -> list[tuple[int, bool]]:
    found = []
    for each in by:
        wrong = set(each) - {"column", "descending"}
        if wrong or "column" not in each or not isinstance(each.get("descending", False), bool):
            hint = 'Each is like {"column": "Price", "descending": true}.'
            raise ToolInputError(f"{each} is no sort key.", hint=hint, code="arguments")
        found.append((rows.column(str(each["column"])), bool(each.get("descending", False))))
    if not found:
        hint = 'Such as by: [{"column": "Price"}].'
        raise ToolInputError("There is no column to sort by.", hint=hint, code="arguments")
    return found


def remove_duplicates(
    content: bytes,
    range: str = "",
    table: str = "",
    sheet: str = "",
    columns: list[str] | None = None,
    header: bool = True,
) -> Edited:
    """Take out the rows of a table or range that are there before (in these columns, all without); the first stays.

    The rows below move up, a table ends earlier. Case does not matter. Raises ToolInputError when there is no such
    row, and as sorting does for what can't move.
    """
    rows = Rows.of(content, range, table, sheet, header=header)
    chosen = [rows.column(c) for c in columns] if columns else _columns(rows.area)
    cells = rows.values(set(chosen))
    seen: dict[tuple[object, ...], int] = {}
    gone: dict[int, str] = {}
    for number in _span(rows.area):
        same = tuple(_same(cells.get((number, column))) for column in chosen)
        if same in seen and any(part is not None for part in same):
            gone[number] = f"removed: as row {seen[same]}"
        else:
            seen.setdefault(same, number)
    if not gone:
        raise ToolInputError(f"{rows.where} holds no row twice.", code="unchanged")
    return without_rows(content, rows, gone)


def without_rows(content: bytes, rows: Rows, gone: Mapping[int, str]) -> Edited:
    """Return the workbook with rows taken out (by number, with the reason that a hunk gives): those below move up.

    Cells beside the rows stay, a table ends earlier. Raises ToolInputError for what can't move.
    """
    if rows.table is not None and rows.table.totals_rows:
        hint = "Remove the totals row first (table_totals without totals) and add it again afterwards."
        message = f"The table {rows.table.name!r} has a totals row, which would have to move."
        raise ToolInputError(message, hint=hint, code="cell_in_the_way")
    kept = [number for number in _span(rows.area) if number not in gone]
    places: list[int | None] = [*kept, *([None] * len(gone))]
    sources = {at: source for at, source in zip(_span(rows.area), places, strict=True) if at != source}
    moves = RowMoves(content, rows.workbook, rows.sheet, rows.reader, rows.area, sources)
    warnings = moves.check()
    shown = list(gone.items())[:100]
    hunks = [Hunk(f"{rows.sheet.name}!{n}:{n}", _row_words(rows, n), why, "structure") for n, why in shown]
    hunks.append(Hunk(rows.where, f"{rows.area.height} rows", f"{len(kept)} rows", "structure"))
    return moves.apply(hunks, warnings, _shrink(rows, len(gone)))


def _columns(area: Area) -> list[int]:
    return list(range(area.left, area.right + 1))


def _same(cell: Cell | None) -> object:
    """Return what makes a value equal to another one: numbers by value, texts without regard to case."""
    value = cell.value if cell is not None else None
    if value is None or value == "":
        return None
    return ("text", value.casefold()) if isinstance(value, str) else (type(value).__name__ == "bool", value)


def _row_words(rows: Rows, number: int) -> str:
    xml = rows.reader.xml
    row = xml.row(number)
    cells = [
        rows.reader.parse(xml.data[span.start : span.end], number, span.column)
        for span in (xml.cells(row) if row else ())
        if rows.area.left <= span.column <= rows.area.right
    ]
    return " | ".join(rows.reader.describe(cell) for cell in cells if not cell.blank)[:200]


def _shrink(rows: Rows, count: int) -> list[str]:
    if rows.table is None:
        return []
    old = rows.table.area
    part = TablePart(rows.workbook, rows.table)
    part.resize(Area(old.top, old.left, old.bottom - count, old.right), 0)
    part.save()
    forget(rows.workbook)
    return [rows.table.part]


#: The operations of this module.
OPERATIONS = (sort_range, remove_duplicates)
