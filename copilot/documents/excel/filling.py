"""Cells filled by a rule: a series of numbers or dates, and texts cut at a separator into the columns beside."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel.calc import with_values
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.places import place
from copilot.documents.excel.ranges import changed, fits
from copilot.documents.excel.refs import Area, parse_cell, split_sheet
from copilot.documents.excel.values import Scalar, typed
from copilot.documents.excel.workbook import Workbook
from copilot.documents.excel.write import Entry, entry_of
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError

Unit = Literal["day", "weekday", "week", "month", "year"]


def fill_series(
    content: bytes,
    range: str,
    start: int | float | str,
    step: int | float = 1,
    unit: Unit = "day",
    sheet: str = "",
    overwrite: bool = False,
) -> Edited:
    """Fill a column or row with start, start + step ...: numbers, or dates ("2026-01-31") by day, weekday, month ...

    Months and years keep the day of `start` as far as the month has it. Raises ToolInputError ("address" for a range
    of several rows and columns, "value" for a start that is no number or date, and as `write_cells`).
    """
    workbook = Workbook.open(content)
    target, area = place(workbook, range, sheet)
    if min(area.height, area.width) > 1:
        raise ToolInputError(f"{area} is no single column or row.", hint="Fill one after the other.", code="address")
    first = typed(start)
    if isinstance(first, bool) or not isinstance(first, (int, float, date)):
        hint = 'Such as 1, or "2026-01-31".'
        raise ToolInputError(f"{start!r} is no number and no date.", hint=hint, code="value")
    if isinstance(first, date) and not float(step).is_integer():
        raise ToolInputError(f"Dates go on by whole {unit}s, not by {step}.", code="value")
    entries = {at: Entry(_next(first, n, step, unit)) for n, at in enumerate(area.cells())}
    return changed(content, workbook, target, entries, overwrite=overwrite)


def _next(first: int | float | date, count: int, step: int | float, unit: Unit) -> Scalar:
    if not isinstance(first, date):
        value = first + count * step
        return value if isinstance(value, int) else round(value, 12)
    number = count * int(step)
    try:
        if unit in ("month", "year"):
            return _months_later(first, number * (12 if unit == "year" else 1))
        if unit == "weekday":
            return _weekdays_later(first, number)
        return first + timedelta(days=number * (7 if unit == "week" else 1))
    except (OverflowError, ValueError):
        raise ToolInputError(f"The series leaves the calendar after {count} steps.", code="value") from None


def _months_later(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return first.replace(year=year, month=month + 1, day=min(first.day, monthrange(year, month + 1)[1]))


def _weekdays_later(first: date, number: int) -> date:
    """Return the date that lies so many days from Monday to Friday away."""
    weeks, rest = divmod(abs(number), 5)
    way = 1 if number >= 0 else -1
    found = first + timedelta(days=7 * weeks * way)
    while rest:
        found += timedelta(days=way)
        rest -= found.weekday() < 5
    return found


def split_column(
    content: bytes,
    range: str,
    separator: Annotated[str, Field(min_length=1)],
    to: str = "",
    sheet: str = "",
    parts: Annotated[int, Field(ge=0, le=100)] = 0,
    text: bool = False,
    overwrite: bool = False,
) -> Edited:
    """Cut the texts of a column at a separator and write the parts side by side, from `to` on (right of it if empty).

    With `parts` there are at most so many, the last with all that is left. Parts lose spaces around them and are typed
    as `write_cells` does, or stay `text`. Formulas are cut as what they show. Raises ToolInputError ("not_found" where
    no text holds the separator, "address" for several columns, and as `write_cells`).
    """
    workbook = Workbook.open(content)
    source, area = place(workbook, range, sheet)
    if area.width > 1:
        raise ToolInputError(f"{area} is more than one column.", hint="Split one after the other.", code="address")
    reader = SheetReader(workbook, source)
    held = {(c.row, c.column): c for _, cells in reader.rows(area) for c in cells if not c.blank}
    texts = {c.row: reader.show(c) for c in with_values(workbook, source, held).values()}
    if not any(separator in each for each in texts.values()):
        raise ToolInputError(f"{separator!r} is in no cell of {source.name}!{area}.", code="not_found")
    own, cell = split_sheet(to or str(Area(area.top, area.left + 1, area.top, area.left + 1)))
    target = workbook.sheet(own or source.name)
    top, left = parse_cell(cell)
    pieces = {
        row: [p.strip() for p in each.split(separator, parts - 1 if parts else -1)] for row, each in texts.items()
    }
    fits(target, Area(top, left, top + area.height - 1, left + max(map(len, pieces.values())) - 1))
    entries = {
        (top + row - area.top, left + n): _entry(piece, text=text)
        for row, found in pieces.items()
        for n, piece in enumerate(found)
    }
    return changed(content, workbook, target, entries, overwrite=overwrite)


def _entry(piece: str, *, text: bool) -> Entry:
    return entry_of(piece or None, formulas=False, text=text or piece.startswith("'"))


#: The operations of this module.
OPERATIONS = (fill_series, split_column)
