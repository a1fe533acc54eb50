"""Filters (18.3.2): the criteria of columns written down, and the rows that don't match hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator

from copilot.documents.excel import elements, markup
from copilot.documents.excel.calc import with_values
from copilot.documents.excel.calcchain import set_full_calculation
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.everywhere import forget, users
from copilot.documents.excel.filtertests import Tests, number_of
from copilot.documents.excel.names import find_element, write_name
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area, column_letters, column_number, quote_sheet
from copilot.documents.excel.saving import saved
from copilot.documents.excel.spellings import listed, operator_of
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.stylesheet import element
from copilot.documents.excel.tableparts import TablePart
from copilot.documents.excel.values import typed
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

FilterOperator = Annotated[
    Literal[
        "in",
        "equal",
        "not_equal",
        "greater",
        "greater_or_equal",
        "less",
        "less_or_equal",
        "between",
        "not_between",
        "contains",
        "not_contains",
        "begins_with",
        "ends_with",
        "top",
        "bottom",
        "above_average",
        "below_average",
        "blank",
        "not_blank",
    ],
    BeforeValidator(operator_of),
]
FilterValues = Annotated[list[str | int | float | bool], BeforeValidator(listed)]
#: Operators as custom filters (18.3.2.2): (operator, pattern) of each, `{}` the value; two where two are joined.
_CUSTOM: dict[str, tuple[tuple[str, str], ...]] = {
    "not_equal": (("notEqual", "{}"),),
    "greater": (("greaterThan", "{}"),),
    "greater_or_equal": (("greaterThanOrEqual", "{}"),),
    "less": (("lessThan", "{}"),),
    "less_or_equal": (("lessThanOrEqual", "{}"),),
    "between": (("greaterThanOrEqual", "{}"), ("lessThanOrEqual", "{}")),
    "not_between": (("lessThan", "{}"), ("greaterThan", "{}")),
    "contains": (("equal", "*{}*"),),
    "not_contains": (("notEqual", "*{}*"),),
    "begins_with": (("equal", "{}*"),),
    "ends_with": (("equal", "*{}"),),
    "not_blank": (("notEqual", " "),),
}
_NAME = "_xlnm._FilterDatabase"


def hidden_rows(xml: SheetXml) -> set[int]:
    """Return the numbers of rows that are not shown."""
    found = set()
    for row in xml.rows():
        tag = xml.data[row.start : row.inner]
        if b"hidden" in tag and markup.attribute(tag, b"hidden") in ("1", "true"):
            found.add(row.number)
    return found


def with_hidden(xml: SheetXml, states: Mapping[int, bool]) -> bytes:
    """Return the sheet with rows hidden or shown; a row that has no element gets one to be hidden."""
    pieces: list[bytes] = []
    at = 0
    known = set()
    new_rows = sorted((n for n, hide in states.items() if hide), reverse=True)  # the next one at the end
    for row in xml.rows():
        known.add(row.number)
        made = _hidden_before(xml.prefix, new_rows, known, row.number)
        tag = new = xml.data[row.start : row.inner]
        wanted = states.get(row.number)
        if wanted is not None and wanted != (markup.attribute(tag, b"hidden") in ("1", "true")):
            new = markup.with_attribute(tag, b"hidden", "1" if wanted else None)
        if made or new != tag:
            pieces += [xml.data[at : row.start], made, new]
            at = row.inner
    end = _hidden_before(xml.prefix, new_rows, known, 10**9)
    if end and xml.self_closed:
        tag = xml.data[: xml.inner].rstrip()[:-2].rstrip() + b">"
        return tag + end + b"</" + xml.prefix + b"sheetData>" + xml.data[xml.inner :]
    return b"".join([*pieces, xml.data[at : xml.close], end, xml.data[xml.close :]])


def _hidden_before(prefix: bytes, waiting: list[int], known: set[int], before: int) -> bytes:
    """Return new, hidden rows for those that wait and come before a row; they don't wait any more."""
    made = b""
    while waiting and waiting[-1] <= before:
        number = waiting.pop()
        if number not in known:
            made += b"<" + prefix + b'row r="%d" hidden="1"/>' % number
    return made


@dataclass
class _Filter:
    """The filter of a sheet or table: its area with the header, its XML, and the columns' names."""

    workbook: Workbook
    sheet: Sheet
    table: Table | None
    area: Area
    raw: bytes
    prefix: bytes

    @property
    def data(self) -> Area:
        """The rows that are filtered."""
        return Area(self.area.top + 1, self.area.left, self.area.bottom, self.area.right)

    def with_column(self, index: int, criteria: bytes) -> bytes:
        """Return the `autoFilter` element with the criteria of one column exchanged; b"" removes them."""
        made = element(self.prefix, "filterColumn", {"colId": str(index)}, criteria) if criteria else b""
        opening = self.raw[: self.raw.index(b">") + 1]
        if opening.endswith(b"/>"):
            opening = opening[:-2].rstrip() + b">"
        columns, rest = self.columns()
        columns.pop(index, None)
        if made:
            columns[index] = made
        inner = b"".join(columns[n] for n in sorted(columns)) + rest
        return opening + inner + b"</" + self.prefix + b"autoFilter>"

    def columns(self) -> tuple[dict[int, bytes], bytes]:
        """Return the `filterColumn` elements by column, and what else the filter holds (its sort order)."""
        found, rest = {}, b""
        start = self.raw.index(b">") + 1
        for name, at in markup.children(self.raw, start, len(self.raw)) if not self.raw[:start].endswith(b"/>") else ():
            whole = elements.whole(self.raw, name, at)
            part = self.raw[whole.start : whole.end]
            number = markup.attribute(self.raw[whole.start : whole.inner], b"colId") or ""
            if name == self.prefix + b"filterColumn" and number.isdigit():
                found[int(number)] = part
            else:
                rest += part
        return found, rest


def auto_filter(
    content: bytes,
    range: str = "",
    table: str = "",
    sheet: str = "",
    column: str = "",
    operator: FilterOperator = "in",
    values: FilterValues | None = None,
    percent: bool = False,
    clear: bool = False,
) -> Edited:
    """Put a filter on a range or table, or filter a column by values or a condition: other rows are hidden.

    `column` is a header or letter; `operator` goes with `values`: in a list, one value, two for between, a count for
    top and bottom. Without `column` the range just gets its filter buttons. `clear` takes the criteria of the column,
    or the whole filter, away and shows the rows. Raises ToolInputError: unknown names, wrong values, a second filter.
    """
    workbook = Workbook.open(content)
    found = _filter(workbook, range, table, sheet, clear=clear)
    if clear:
        return _cleared(workbook, found, column)
    if not column:
        if values:
            raise ToolInputError("Values need a column.", hint="Name the column to filter.", code="arguments")
        return _plain(workbook, found)
    reader = SheetReader(workbook, found.sheet)
    index = _column(found, reader, column)
    cells = {
        (c.row, c.column): c for _, row in reader.rows(found.data) for c in row if c.column == found.area.left + index
    }
    cells = with_values(workbook, found.sheet, cells)
    criteria = _criteria(found, list(cells.values()), operator, values or [], percent=percent)
    raw = found.with_column(index, criteria)
    states, warnings = _states(found, reader, raw)
    words = f"{operator.replace('_', ' ')} {', '.join(str(v) for v in values or [])}".strip()
    return _write_filter(workbook, found, reader, raw, states, f"{column}: {words}", warnings)


def _states(found: _Filter, reader: SheetReader, raw: bytes) -> tuple[dict[int, bool], list[str]]:
    """Return which rows are hidden by the criteria of all columns, and a warning about some that can't be told."""
    columns, _ = replace(found, raw=raw).columns()
    tests = {found.area.left + index: Tests(reader).of(_declared(part, raw, found)) for index, part in columns.items()}
    hidden = hidden_rows(reader.xml) if None in tests.values() else set()
    read = reader.rows(found.data) if tests else ()
    held = {(c.row, c.column): c for _, row in read for c in row if tests.get(c.column) is not None}
    cells = with_values(reader.workbook, found.sheet, held)
    states = {
        row: row in hidden or not all(test(cells.get((row, c))) for c, test in tests.items() if test is not None)
        for row in _rows(found.data)
    }
    told = "Rows that colours, icons or periods of another column hide stay hidden." if None in tests.values() else ""
    return states, [told] if told else []


def _declared(part: bytes, raw: bytes, found: _Filter) -> bytes:
    """Return a column's element with all namespaces that it may use, to be parsed on its own."""
    names = set(re.findall(rb"[\s<]([\w.-]+):[\w.-]+", part)) - {b"xml", b"xmlns"}
    end = len(b"<" + found.prefix + b"filterColumn")
    made = b"".join(b" xmlns:" + n + b'="' + n + b'"' for n in sorted(names) if b"xmlns:" + n + b"=" not in part)
    return part[:end] + made + part[end:]


def _rows(area: Area) -> list[int]:
    return list(range(area.top, area.bottom + 1))


def _filter(workbook: Workbook, range: str, table: str, sheet: str, *, clear: bool) -> _Filter:
    """Return the filter that is there, or a new one for the range."""
    if table:
        found = workbook.table(table)
        part = TablePart(workbook, found)
        present = part.child(b"autoFilter")
        area = Area(found.area.top, found.area.left, found.area.bottom - found.totals_rows, found.area.right)
        if not found.header_rows:
            raise ToolInputError(f"The table {found.name!r} has no header row to filter by.", code="no_header")
        new = b"<" + part.prefix + f'autoFilter ref="{area}"/>'.encode()
        raw = part.data[present.start : present.end] if present else new
        return _Filter(workbook, workbook.sheet(found.sheet), found, area, raw, part.prefix)
    home, wanted = place(workbook, range, sheet or None, most=0) if range else (workbook.sheet(sheet or None), None)
    data = markup.plain(workbook.package.read(home.part), home.part)
    prefix = markup.prefix_of(data)
    present = elements.get(data, prefix, b"autoFilter")
    ref = markup.attribute(data[present.start : present.inner], b"ref") if present else None
    if present is not None and ref and (wanted is None or wanted == Area.parse(ref)):
        return _Filter(workbook, home, None, Area.parse(ref), data[present.start : present.end], prefix)
    if wanted is None or clear:
        hint = f"There is one on {ref}." if ref else "Give a range with its header row."
        raise ToolInputError(f"There is no such filter on the sheet {home.name!r}.", hint=hint, code="unchanged")
    _refuse_second(workbook, home, wanted, ref)
    area = _used(workbook, home, wanted)
    new = b"<" + prefix + f'autoFilter ref="{area}"/>'.encode()
    return _Filter(workbook, home, None, area, new, prefix)


def _refuse_second(workbook: Workbook, sheet: Sheet, area: Area, ref: str | None) -> None:
    if ref:
        hint = "Clear it first, or make the data a table."
        raise ToolInputError(f"The sheet {sheet.name!r} has a filter on {ref} already.", hint=hint, code="taken")
    for table in workbook.tables_on(sheet):
        if table.area.overlaps(area):
            hint = f"Filter the table: table {table.name!r}."
            raise ToolInputError(f"{area} overlaps the table {table.name!r}.", hint=hint, code="cell_in_the_way")


def _used(workbook: Workbook, sheet: Sheet, area: Area) -> Area:
    """Return the area down to its last used row where whole columns are given."""
    if area.height < 1_000_000:
        return area
    reader = SheetReader(workbook, sheet)
    used = Area.around((c.row, c.column) for _, cells in reader.rows(area) for c in cells)
    return Area(area.top, area.left, used.bottom, area.right) if used else Area(area.top, area.left, 2, area.right)


def _column(found: _Filter, reader: SheetReader, column: str) -> int:
    head = Area(found.area.top, found.area.left, found.area.top, found.area.right)
    names = {c.column: reader.show(c) for _, cells in reader.rows(head) for c in cells}
    wanted = " ".join(column.split()).casefold()
    for number, name in names.items():
        if " ".join(name.split()).casefold() == wanted:
            return number - found.area.left
    if column.isascii() and column.isalpha() and len(column) <= 3:
        number = column_number(column)
        if found.area.left <= number <= found.area.right:
            return number - found.area.left
    letters = [column_letters(c) for c in range(found.area.left, found.area.right + 1)]
    raise ToolInputError.unknown("column", column, [*names.values(), *letters[:20]])


def _criteria(found: _Filter, cells: list[Cell], operator: str, values: FilterValues, *, percent: bool) -> bytes:
    """Return the XML of a condition."""
    if operator == "blank":
        return element(found.prefix, "filters", {"blank": "1"})
    if operator in ("in", "equal"):
        return _listed(found, values)
    if operator in ("top", "bottom"):
        return _ranked(found, cells, operator, values, percent=percent)
    if operator in ("above_average", "below_average"):
        numbers = _numbers(found, cells)
        kind = "aboveAverage" if operator == "above_average" else "belowAverage"
        average = f"{sum(numbers) / len(numbers):.17g}"
        return element(found.prefix, "dynamicFilter", {"type": kind, "val": average})
    parts = _CUSTOM[operator]
    wanted = 0 if operator == "not_blank" else len(parts)
    if len(values) != wanted:
        message = f"{operator} needs {wanted} value{'s' if wanted != 1 else ''}, and {len(values)} are given."
        raise ToolInputError(message, hint="Give them as values.", code="arguments")
    date1904 = found.workbook.date1904
    inner = b""
    for (name, pattern), value in zip(parts, values or [""], strict=True):
        compared = {"operator": name if name != "equal" else None, "val": _val(pattern, value, date1904)}
        inner += element(found.prefix, "customFilter", compared)
    both = "1" if operator == "between" else None
    return element(found.prefix, "customFilters", {"and": both}, inner)


def _val(pattern: str, value: str | int | float | bool, date1904: bool) -> str:
    if "*" in pattern:
        return markup.encode_xstring(pattern.format(re.sub(r"([*?~])", r"~\1", str(value))))
    number = number_of(typed(value), date1904=date1904)
    return pattern.format(f"{number:.15g}" if number is not None else _text(value))


def _text(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return f"{value:.15g}" if isinstance(value, float) else markup.encode_xstring(str(value))


def _listed(found: _Filter, values: FilterValues) -> bytes:
    """Return a list of values (18.3.2.8): texts and numbers as they are shown, dates by day (18.3.2.4)."""
    if not values:
        raise ToolInputError("There is no value to filter by.", hint="Give values.", code="arguments")
    texts, days = b"", b""
    for value in values:
        meant = typed(value)
        if isinstance(meant, date):
            day = {"year": str(meant.year), "month": str(meant.month), "day": str(meant.day)}
            days += element(found.prefix, "dateGroupItem", {**day, "dateTimeGrouping": "day"})
        elif value != "":
            texts += element(found.prefix, "filter", {"val": _text(value)})
    return element(found.prefix, "filters", {"blank": "1" if "" in values else None}, texts + days)


def _numbers(found: _Filter, cells: list[Cell]) -> list[float]:
    date1904 = found.workbook.date1904
    numbers = [n for c in cells if (n := number_of(c.value, date1904=date1904)) is not None]
    if not numbers:
        raise ToolInputError("The column holds no number.", code="no_data")
    return numbers


def _ranked(found: _Filter, cells: list[Cell], operator: str, values: FilterValues, *, percent: bool) -> bytes:
    """Return the rows with the highest or lowest values (18.3.2.10)."""
    count = values[0] if len(values) == 1 else 10
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not 1 <= count <= 500:
        raise ToolInputError(f"{operator} takes a count from 1 to 500.", hint="Such as values: [10].", code="arguments")
    numbers = sorted(_numbers(found, cells), reverse=operator == "top")
    wanted = max(1, int(len(numbers) * count / 100)) if percent else int(count)
    attributes = {
        "top": None if operator == "top" else "0",
        "percent": "1" if percent else None,
        "val": f"{count:.15g}",
        "filterVal": f"{numbers[min(wanted, len(numbers)) - 1]:.17g}",
    }
    return element(found.prefix, "top10", attributes)


def _plain(workbook: Workbook, found: _Filter) -> Edited:
    reader = SheetReader(workbook, found.sheet)
    return _write_filter(workbook, found, reader, found.raw, {}, "filter buttons")


def _cleared(workbook: Workbook, found: _Filter, column: str) -> Edited:
    reader = SheetReader(workbook, found.sheet)
    columns, _ = found.columns()
    raw = b""
    if column:
        index = _column(found, reader, column)
        if index not in columns:
            raise ToolInputError(f"The column {column!r} is not filtered.", code="unchanged")
        raw = found.with_column(index, b"")
    elif found.table is not None:
        if not columns:
            raise ToolInputError(f"The table {found.table.name!r} is not filtered.", code="unchanged")
        for index in columns:
            raw = replace(found, raw=raw or found.raw).with_column(index, b"")
    before = hidden_rows(reader.xml)
    states = {row: False for row in _rows(found.data) if row in before}
    warnings: list[str] = []
    if column:
        states, warnings = _states(found, reader, raw)
    return _write_filter(workbook, found, reader, raw, states, f"{column} no criteria".strip() if raw else "", warnings)


def _write_filter(
    workbook: Workbook,
    found: _Filter,
    reader: SheetReader,
    raw: bytes,
    states: Mapping[int, bool],
    words: str,
    warnings: Sequence[str] = (),
) -> Edited:
    """Write the filter into its part and the rows' states into the sheet; subtotals of shown rows are left to Excel."""
    package = workbook.package
    before = hidden_rows(reader.xml)
    data = with_hidden(reader.xml, states) if states else bytes(reader.xml.data)
    parts = [found.sheet.part, package.main]
    if found.table is not None:
        part = TablePart(workbook, found.table)
        if (raw and raw != found.raw) or part.child(b"autoFilter") is None or found.raw not in part.data:
            part.put(b"autoFilter", raw)
            part.save()
            parts.append(found.table.part)
    elif raw:
        data = elements.put(data, found.prefix, b"autoFilter", raw)
        _name_database(workbook, found)
    else:
        data = elements.drop(data, found.prefix, b"autoFilter")
        _forget_database(workbook, found)
    if data != reader.xml.data:
        package.write(found.sheet.part, data)
    elif found.table is None and raw == found.raw and not states:
        raise ToolInputError(f"{found.sheet.name}!{found.area} has that filter already.", code="unchanged")
    hidden = {row for row, hide in states.items() if hide}
    changed = {row for row, hide in states.items() if hide != (row in before)}
    warnings = [*warnings, *(_subtotals(workbook, found) if changed else [])]
    after = f"{words} ({len(hidden)} of {found.data.height} rows hidden)" if states and words else words
    return saved(
        workbook, [Hunk(f"{found.sheet.name}!{found.area}", "", after or "no filter", "format")], parts, warnings
    )


def _subtotals(workbook: Workbook, found: _Filter) -> list[str]:
    pattern = re.compile(r"(?i)\b(?:SUBTOTAL|AGGREGATE)\s*\(")
    where = [
        str(home) for home in users(workbook, lambda text, home: home.at is not None and bool(pattern.search(text)))
    ]
    if not where:
        return []
    set_full_calculation(workbook)
    return [f"Totals of the rows that are shown are computed when Excel opens the file: {', '.join(where[:5])}."]


def _name_database(workbook: Workbook, found: _Filter) -> None:
    """Excel keeps the filtered range under a hidden name of the sheet (18.2.5)."""
    meaning = f"{quote_sheet(found.sheet.name)}!{found.area.absolute()}"
    present = [n for n in workbook.names if n.name == _NAME and n.sheet == found.sheet.name]
    if present and present[0].refers_to == meaning:
        return
    write_name(workbook, _NAME, found.sheet.name, meaning, "")
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    place_of = find_element(workbook, data, _NAME, found.sheet.name)
    if place_of is not None:
        tag = markup.with_attribute(data[place_of.start : place_of.inner], b"hidden", "1")
        package.write(package.main, markup.replace_tag(data, place_of, tag))
    forget(workbook)


def _forget_database(workbook: Workbook, found: _Filter) -> None:
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    place_of = find_element(workbook, data, _NAME, found.sheet.name)
    if place_of is None:
        return
    data = data[: place_of.start] + data[place_of.end :]
    prefix = markup.prefix_of(data)
    if markup.find(data, prefix + b"definedName") is None:
        data = elements.drop(data, prefix, b"definedNames")
    package.write(package.main, data)
    forget(workbook)


#: The operations of this module.
OPERATIONS = (auto_filter,)
