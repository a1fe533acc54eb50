"""What a pivot table counts: the fields and records of its source (ECMA-376 part 1, 18.10.1.2 and 18.10.1.90)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from copilot.documents.excel.grid import Grid
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.regions import regions
from copilot.documents.excel.values import CellError, Scalar, show, to_serial
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

#: A value as a pivot cache knows it; None for a blank. A date is a datetime, a time of day the number that it is.
Item: TypeAlias = bool | int | float | str | datetime | None
Key: TypeAlias = tuple[int, float, str]

#: Records that are computed here at most.
MOST_RECORDS = 200_000


def item_of(value: Scalar, *, date1904: bool) -> Item:
    """Return a cell's value as a pivot cache keeps it; an empty text is a blank."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, (time, timedelta)):
        return to_serial(value, date1904=date1904)
    return value


def key_of(item: Item) -> Key:
    """Return what makes an item one of its kind and its place: numbers, dates, texts, logical values, errors, blank.

    Texts that differ in case only are one item, as in Excel.
    """
    if item is None:
        return 5, 0.0, ""
    if isinstance(item, bool):
        return 3, float(item), ""
    if isinstance(item, datetime):
        return 1, (item - datetime(1899, 12, 30)) / timedelta(days=1), ""
    if isinstance(item, (int, float)):
        return 0, float(item), ""
    return (4 if isinstance(item, CellError) else 2), 0.0, item.casefold()


def cell_value(value: Scalar) -> Scalar:
    """Return an item as a cell takes it: a day without a time is a date, which its format then shows."""
    return value.date() if isinstance(value, datetime) and value.time() == time() else value


@dataclass
class Field:
    """A column of the source: its values by record, and the distinct ones in the order in which they came."""

    name: str
    values: list[Item]
    number: int = 0
    items: list[Item] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known = {key_of(item): i for i, item in reversed(list(enumerate(self.items)))}
        for value in self.values:
            key = key_of(value)
            if key not in self._known:
                self._known[key] = len(self.items)
                self.items.append(value)
            self.codes.append(self._known[key])

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers and nothing else but blanks."""
        found = [v for v in self.items if v is not None]
        return bool(found) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in found)

    def ascending(self) -> list[int]:
        """Return the numbers of the items in ascending order."""
        return sorted(range(len(self.items)), key=lambda i: key_of(self.items[i]))

    def code(self, wanted: object) -> int:
        """Return the number of the item that a caller means; raises ToolInputError with the closest."""
        text = show(wanted) if isinstance(wanted, (bool, int, float, datetime, date)) else str(wanted)
        for index, item in enumerate(self.items):
            if item == wanted or label(item).casefold() == text.strip().casefold():
                return index
        raise ToolInputError.unknown("item", text, [label(i) for i in self.items[:200]], where=self.name)


def label(item: Item) -> str:
    """Return an item in words: dates without a time as dates, "(blank)" for none."""
    if item is None:
        return "(blank)"
    if isinstance(item, datetime) and item.time() == time():
        return item.date().isoformat()
    return show(item)


@dataclass(frozen=True)
class Source:
    """Where a pivot table's data is: a table by its name, or a range on a sheet, header row included."""

    sheet: Sheet
    area: Area
    table: str = ""

    @property
    def where(self) -> str:
        """The place as a person reads it."""
        return self.table or f"{self.sheet.name}!{self.area}"


def source_of(workbook: Workbook, given: str, sheet: str | None = None) -> Source:
    """Return the source that "Sales" (a table), "Data!A1:D90" or "" (the only block of data) means.

    Raises ToolInputError.
    """
    if not given:
        home = workbook.sheet(sheet)
        found = regions(Grid.of(workbook, home, fast=True))
        if not found or found[0].header is None:
            raise ToolInputError(f"{home.name!r} holds no rows below a header.", code="no_data")
        return source_of(workbook, found[0].table or f"{_body(found[0].area, found[0].totals)}", home.name)
    for table in workbook.tables:
        if table.name.casefold() == given.strip().casefold():
            if not table.header_rows or table.data is None:
                raise ToolInputError(f"The table {table.name!r} has no header or no rows.", code="no_data")
            return Source(workbook.sheet(table.sheet), Area(table.area.top, *_rest(table.data)), table.name)
    try:
        home, area = place(workbook, given, sheet, most=0)
    except ToolInputError as error:
        if error.code != "address" or ":" in given:
            raise
        raise ToolInputError.unknown("table", given, [t.name for t in workbook.tables]) from None
    used = Grid.of(workbook, home, fast=True).used
    clipped = area.clipped(used) if used else None
    if clipped is None or clipped.height < 2:
        hint = "Give a range with its header row, or the name of a table."
        raise ToolInputError(f"{given!r} holds no rows below a header.", hint=hint, code="no_data")
    return Source(home, clipped)


def _rest(area: Area) -> tuple[int, int, int]:
    return area.left, area.bottom, area.right


def _body(area: Area, totals: Sequence[int]) -> Area:
    """Return a block without the totals at its end: they would be counted again."""
    bottom = area.bottom
    while bottom in totals:
        bottom -= 1
    return Area(area.top, area.left, bottom, area.right)


def fields_of(workbook: Workbook, source: Source) -> list[Field]:
    """Return the source's columns; raises ToolInputError for a header without a name and for too many rows."""
    if source.area.height > MOST_RECORDS:
        message = f"{source.where} has more than {MOST_RECORDS:,} rows."
        raise ToolInputError(message, hint="Make the pivot table in Excel.", code="too_large")
    grid = Grid.of(workbook, source.sheet)
    found: list[Field] = []
    for column in range(source.area.left, source.area.right + 1):
        head = grid.get(source.area.top, column)
        name = show(head.value).strip() if head is not None else ""
        if not name:
            where = f"{source.sheet.name}!{address(source.area.top, column)}"
            hint = "Write a name there, or choose a range whose columns all have one."
            raise ToolInputError(
                f"{where} is empty: each column of a pivot table has a name.", hint=hint, code="header"
            )
        cells = [grid.get(row, column) for row in range(source.area.top + 1, source.area.bottom + 1)]
        values = [item_of(c.value if c else None, date1904=workbook.date1904) for c in cells]
        found.append(Field(_unique(name, [f.name for f in found]), values, _number(workbook, cells)))
    return found


def _number(workbook: Workbook, cells: Iterable[object]) -> int:
    """Return the number format of the first number or date of a column."""
    from copilot.documents.excel.cells import Cell

    for cell in cells:
        if isinstance(cell, Cell) and cell.value is not None and not isinstance(cell.value, (str, bool)):
            return workbook.styles.number(cell.style)
    return 0


def _unique(name: str, taken: Sequence[str]) -> str:
    """Return the name of a field: Excel numbers the later of twins."""
    known = {t.casefold() for t in taken}
    return next(n for n in (name, *(f"{name}{i}" for i in range(2, len(taken) + 3))) if n.casefold() not in known)
