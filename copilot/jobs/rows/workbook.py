"""Results as an Excel workbook: one sheet of values, one for each list of objects, and where every value comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from copilot.documents.tables import column_letters
from copilot.errors import SettingsError
from copilot.jobs.job import Outcome, Source
from copilot.jobs.rows.cells import as_text, visible
from copilot.jobs.rows.csvfile import JOINT
from copilot.jobs.rows.plan import unique
from copilot.jobs.rows.records import Record, cited
from copilot.jobs.rows.writing import Writer

if TYPE_CHECKING:
    from openpyxl import Workbook

#: Limits of a worksheet ("Excel specifications and limits"): rows, columns, UTF-16 units in a cell, letters of a name.
MAX_ROWS, MAX_COLUMNS, MAX_TEXT, _MAX_NAME = 1_048_576, 16_384, 32_767, 31
_DIGITS = 15  # that a number keeps
_LARGEST = 9.99999999999999e307
#: Excel counts a 29 February 1900 that there never was; days before it are another day elsewhere.
_FIRST_DAY = date(1900, 3, 1)
_LONG = 60  # characters from which text is wrapped
_NAME = re.compile(r"[\[\]:*?/\\]")
#: What Excel would read as a character by its number (ECMA-376 part 1, 22.9.2.19).
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_SOURCES = ("document", "field", "value", "where", "quote", "confidence")
#: Confidence, and the colours it is filled with.
_FILLS = {"near": "FFF2CC", "missing": "FCE4D6", "unsupported": "F8CBAD"}
_FLAGGED, _FAILED = "FFF2CC", "F8CBAD"


class Looks(NamedTuple):
    """Styles, each made once, and what makes a cell."""

    make: Any
    head: Any
    text: Any
    long: Any
    number: Any
    day: Any
    moment: Any


class WorkbookWriter(Writer):
    """Numbers are numbers, dates dates, text is text whatever it begins with; what Excel can't hold is told in flags.

    Rows beyond a sheet's last go on in another one. Raises SettingsError for more columns than a sheet has.
    """

    def _open(self) -> None:
        from openpyxl import Workbook

        if len(self.names) > MAX_COLUMNS:
            hint = "Write CSV, JSON Lines or SQLite instead."
            raise SettingsError(f"The schema has {len(self.names):,} columns, Excel {MAX_COLUMNS:,}.", hint=hint)
        self._book: Workbook | None = Workbook(write_only=True)
        self._looks = _looks(self._book)
        below = list(self.table.below())
        names = unique(["Results", *(_title(table.name) for table in below), "Sources"])
        last = len(self.names)
        heads = [["document", "item", *(c.name for c in table.columns)] for table in below]
        looked = [(last - 3, last - 2, last - 1), *((),) * len(below), (len(_SOURCES) - 1,)]
        self._sheets = [
            _Sheet(self._book, name, head, self._looks, places)
            for name, head, places in zip(names, [self.names, *heads, list(_SOURCES)], looked, strict=True)
        ]
        self._below = dict(zip((table.name for table in below), self._sheets[1:-1], strict=True))
        self._heads = {table.name: [column.name for column in table.columns] for table in below}
        self._temporary = self.output.file(self.path)

    def _write(self, source: Source, outcome: Outcome, made: Record) -> None:
        cells = [self._cell(each, name, made) for name, each in zip(self.names, self.row(made), strict=False)]
        for item in made.items:
            names = (f"{item.table}[{item.item}].{name}" for name in self._heads[item.table])
            row = [self._cell(each, name, made) for name, each in zip(names, item.cells, strict=True)]
            self._below[item.table].add([made.document, item.item, *row])
        self._sheets[0].add([*cells, *(cut(each)[0] for each in made.about)])
        for each in made.citations:
            value = cited(each, outcome.values)
            shown = value if isinstance(value, int | float) else None if value is None else as_text(value)
            cell = held(shown)[0]
            self._sheets[-1].add([made.document, each.field, cell, each.where, cut(each.quote)[0], each.confidence])

    def _cell(self, value: Any, name: str, made: Record) -> Any:
        cell, why = held(value)
        if why:
            made.problems.append(f"{name}: {why}")
        return cell

    def _finish(self, good: bool) -> None:
        book = getattr(self, "_book", None)
        if book is None:
            return
        if good:
            for sheet in self._sheets:
                sheet.finish()
            book.save(self._temporary)
        else:
            for sheet in book.worksheets:
                _forget(sheet)
        self._book = None


class _Sheet:
    """One sheet and those that go on where it is full, each with a bold head that stays in view, and a filter."""

    def __init__(
        self, book: Workbook, name: str, columns: Sequence[str], looks: Looks, looked: Sequence[int] = ()
    ) -> None:
        self._looked = looked  # where confidence, flags and errors stand, if they do
        self._book, self._name, self._columns, self._looks = book, name, columns, looks
        self._parts: list[tuple[Any, int]] = []
        self._begin()

    def add(self, cells: Iterable[Any]) -> None:
        """Write a row."""
        sheet, count = self._parts[-1]
        if count == MAX_ROWS:
            self._begin()
            sheet, count = self._parts[-1]
        sheet.append([_styled(sheet, each, self._looks) for each in cells])
        self._parts[-1] = (sheet, count + 1)

    def finish(self) -> None:
        """Set what needs the number of rows: the filter, and the colours of what a person should look at."""
        last = column_letters(len(self._columns))
        for sheet, count in self._parts:
            sheet.auto_filter.ref = f"A1:{last}{count}"
            for place, formula, color in self._rules():
                letter = column_letters(place + 1)
                _fill(sheet, f"{letter}2:{letter}{max(count, 2)}", formula.format(f"{letter}2"), color)

    def _rules(self) -> Iterator[tuple[int, str, str]]:
        """Yield columns that are filled: where, the formula that decides, and the colour."""
        for place in (self._looked[0],) if self._looked else ():
            yield from ((place, f'{{}}="{word}"', color) for word, color in _FILLS.items())
        for place, color in zip(self._looked[1:], (_FLAGGED, _FAILED), strict=False):
            yield place, "LEN({})>0", color

    def _begin(self) -> None:
        number = len(self._parts) + 1
        name = self._name if number == 1 else f"{self._name[: _MAX_NAME - 4]} ({number})"
        sheet: Any = self._book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for place, column in enumerate(self._columns, start=1):
            width = (
                40 if column in ("document", "flags", "error", "quote", "text") else min(max(len(column) + 4, 14), 40)
            )
            sheet.column_dimensions[column_letters(place)].width = width
        sheet.append(
            [_with(self._looks.make(sheet, visible(name)[:MAX_TEXT]), self._looks.head) for name in self._columns]
        )
        self._parts.append((sheet, 1))


def held(value: Any) -> tuple[Any, str]:
    """Return a value as Excel can hold it, and what became of it if it can't, "" if it can."""
    if isinstance(value, list):
        return cut(JOINT.join(_shown(each) for each in value if each is not None))
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, datetime):
        fits = value.tzinfo is None and value.date() >= _FIRST_DAY
        return (value, "") if fits else (value.isoformat(), "")
    if isinstance(value, date):
        return (value, "") if value >= _FIRST_DAY else (value.isoformat(), "")
    if isinstance(value, bool) or value is None:
        return value, ""
    exact = abs(value) <= _LARGEST and (isinstance(value, float) or len(str(abs(value)).rstrip("0")) <= _DIGITS)
    return (value, "") if exact else (str(value), "is written as text, for Excel keeps 15 digits")


def cut(text: str) -> tuple[str, str]:
    """Return text as a cell can hold it, and what became of it."""
    made = _ESCAPE.sub("_x005F_", visible(text))
    units = len(made.encode("utf-16-le")) // 2
    if units <= MAX_TEXT:
        return made, ""
    whole = made.encode("utf-16-le")[: 2 * (MAX_TEXT - 1)].decode("utf-16-le", "ignore")
    return f"{whole}…", f"is cut, for it has {units:,} characters and a cell holds {MAX_TEXT:,}"


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else as_text(value)


def _title(name: str) -> str:
    """Return the name of a sheet."""
    return _NAME.sub("_", visible(name)).strip("'")[: _MAX_NAME - 4] or "list"


def _styled(sheet: Any, value: Any, looks: Looks) -> Any:
    if value is None or value == "":
        return None
    return _with(looks.make(sheet, value), _look(value, looks))


def _look(value: Any, looks: Looks) -> Any:
    if isinstance(value, str):
        return looks.long if len(value) > _LONG or "\n" in value else looks.text
    if isinstance(value, datetime):
        return looks.moment
    return looks.day if isinstance(value, date) else looks.number


def _with(cell: Any, look: Any) -> Any:
    if isinstance(cell.value, str):
        cell.data_type = "s"  # else text that begins with = is a formula, and #N/A an error
    cell._style = look
    return cell


def _looks(book: Workbook) -> Looks:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill

    stand: Any = _Stand(book)

    def look(**changes: Any) -> Any:
        cell: Any = WriteOnlyCell(stand, "")
        for name, value in {"alignment": Alignment(vertical="top"), **changes}.items():
            setattr(cell, name, value)
        return copy(cell._style)

    quoted = {"quotePrefix": True}  # so that it stays text when a person edits the cell
    return Looks(
        WriteOnlyCell,
        look(font=Font(bold=True), fill=PatternFill("solid", fgColor="DDEBF7"), **quoted),
        look(**quoted),
        look(alignment=Alignment(vertical="top", wrap_text=True), **quoted),
        look(),
        look(number_format="yyyy-mm-dd"),
        look(number_format="yyyy-mm-dd hh:mm:ss"),
    )


class _Stand:
    """In place of a sheet, for styles are the workbook's."""

    def __init__(self, book: Workbook) -> None:
        self.parent = book


def _fill(sheet: Any, cells: str, formula: str, color: str) -> None:
    from openpyxl.formatting.formatting import ConditionalFormattingList
    from openpyxl.formatting.rule import FormulaRule
    from openpyxl.styles import PatternFill

    rule: Any = FormulaRule
    if not isinstance(getattr(sheet, "conditional_formatting", None), ConditionalFormattingList):
        sheet.conditional_formatting = ConditionalFormattingList()
    sheet.conditional_formatting.add(cells, rule([formula], fill=PatternFill(bgColor=color)))


def _forget(sheet: Any) -> None:
    """Remove the temporary file of a sheet that will not be saved."""
    writer = sheet._writer
    sheet.close()
    writer.cleanup()
