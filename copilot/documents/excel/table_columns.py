"""Columns of tables (18.5.1.3): formulas, new ones, new names, totals."""

from __future__ import annotations

from copilot.documents.excel import markup
from copilot.documents.excel.arrays import without_at
from copilot.documents.excel.cells import SheetReader, translate
from copilot.documents.excel.checking import FormulaCheck
from copilot.documents.excel.everywhere import Home, forget, formula_hunks, users
from copilot.documents.excel.formulas import checked_formula
from copilot.documents.excel.guards import Guards, pivot_areas
from copilot.documents.excel.names import pivot_sources
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, address
from copilot.documents.excel.saving import finished
from copilot.documents.excel.structured import TableRef, find, refers, stored
from copilot.documents.excel.tableparts import TablePart, follow_columns
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.excel.write import Entry, SheetEdit, entry_of
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

#: What a totals row computes: the word of the file (18.18.84) and the number that SUBTOTAL takes for it.
TOTALS: dict[str, tuple[str, int]] = {
    "sum": ("sum", 109),
    "average": ("average", 101),
    "count": ("count", 103),
    "count_numbers": ("countNums", 102),
    "max": ("max", 104),
    "min": ("min", 105),
    "stdev": ("stdDev", 107),
    "var": ("var", 110),
}


def column_index(table: Table, column: str) -> int:
    """Return the place of a column from 0 (case and spaces don't matter); raises ToolInputError with the closest."""
    wanted = " ".join(column.split()).casefold()
    for index, name in enumerate(table.columns):
        if " ".join(name.split()).casefold() == wanted:
            return index
    raise ToolInputError.unknown("column", column, list(table.columns), where=f"the table {table.name!r}")


def table_totals(content: bytes, table: str, totals: dict[str, str] | None = None) -> Edited:
    """Set what the totals row of a table shows, by column; the row is added if need be, and removed without totals.

    A value is sum, average, count, count_numbers, max, min, stdev, var, none, a formula ("=...") or a text such as
    "Total". Raises ToolInputError for an unknown column, and when something stands below the table.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    sheet = workbook.sheet(found.sheet)
    if not totals:
        return _without_totals(content, workbook, sheet, found)
    row = found.area.bottom if found.totals_rows else found.area.bottom + 1
    reader = SheetReader(workbook, sheet)
    part = TablePart(workbook, found)
    area = Area(found.area.top, found.area.left, row, found.area.right)
    if not found.totals_rows:
        _refuse_below(workbook, sheet, reader, found, row)
        part.resize(area, 1)
        part.set(totalsRowCount="1", totalsRowShown=None)
    entries = {}
    for name, what in totals.items():
        index = column_index(found, name)
        entries[row, found.area.left + index] = _total(reader, part, found, index, what)
    part.save()
    forget(workbook)
    edit = SheetEdit(workbook, sheet, entries)
    edit.warnings += Guards(workbook, sheet, reader).places(entries)
    edit.apply()
    grown = [] if found.totals_rows else [Hunk(f"table {found.name}", str(found.area), str(area), "structure")]
    return finished(content, workbook, [edit], grown)


def _refuse_below(workbook: Workbook, sheet: Sheet, reader: SheetReader, table: Table, row: int) -> None:
    new = Area(row, table.area.left, row, table.area.right)
    hint = "Make room below the table first."
    if row > MAX_ROW:
        raise ToolInputError(f"The table {table.name!r} ends with the sheet.", hint=hint, code="cell_in_the_way")
    taken = [c.address for _, cells in reader.rows(new) for c in cells]
    areas = [t.area for t in workbook.tables_on(sheet) if t.name != table.name] + pivot_areas(workbook, sheet)
    areas += reader.xml.areas(b"mergeCell") + Guards(workbook, sheet, reader).array_areas()
    taken += [str(area) for area in areas if area.overlaps(new)]
    if taken:
        message = f"There is no room for a totals row: {sheet.name}!{taken[0]} is in the way."
        raise ToolInputError(message, hint=hint, code="cell_in_the_way")


def _total(reader: SheetReader, part: TablePart, table: Table, index: int, what: str) -> Entry:
    """Write one column's total into the table's part, and return what its cell shows."""
    part.set_column(index, totalsRowFunction=None, totalsRowLabel=None)
    part.set_totals_formula(index, None)
    known = TOTALS.get({"avg": "average", "mean": "average", "std": "stdev"}.get(what.casefold(), what.casefold()))
    if known is not None:
        part.set_column(index, totalsRowFunction=known[0])
        column = TableRef(0, 0, table.name, (), (table.columns[index],))
        style = _style_above(reader, table, index) if known[0] not in ("count", "countNums") else None
        return Entry(formula=f"=SUBTOTAL({known[1]},{column})", style=style, moved=True)
    if what.casefold() == "none" or not what:
        return Entry(moved=True)
    if what.startswith("="):
        formula = "=" + stored(checked_formula(what)[1:], table)
        part.set_column(index, totalsRowFunction="custom")
        part.set_totals_formula(index, formula)
        return Entry(formula=formula, style=_style_above(reader, table, index), moved=True, given=True)
    part.set_column(index, totalsRowLabel=what)
    return Entry(what, moved=True)


def _style_above(reader: SheetReader, table: Table, index: int) -> int | None:
    """Return the format of the column's last cell of data, so that its total looks like it."""
    row, column = (table.data or table.area).bottom, table.area.left + index
    raw = reader.xml.cell(row, column)
    return reader.parse(raw, row, column).style or None if raw is not None else None


def _without_totals(content: bytes, workbook: Workbook, sheet: Sheet, table: Table) -> Edited:
    if not table.totals_rows:
        raise ToolInputError(f"The table {table.name!r} has no totals row.", code="unchanged")
    where = [str(h) for h in users(workbook, lambda text, h: _uses_totals(text, table, h), table.name)]
    if where:
        message = f"The totals of {table.name!r} are used in {', '.join(where[:5])}."
        raise ToolInputError(message, hint="Change these formulas first.", code="used")
    part = TablePart(workbook, table)
    for index, _ in enumerate(table.columns):
        part.set_column(index, totalsRowFunction=None, totalsRowLabel=None)
        part.set_totals_formula(index, None)
    area = Area(table.area.top, table.area.left, table.area.bottom - 1, table.area.right)
    part.set(totalsRowCount=None, totalsRowShown=None)
    part.resize(area, 0)
    part.save()
    forget(workbook)
    row = table.area.bottom
    edit = SheetEdit(workbook, sheet, {(row, c): Entry() for c in range(area.left, area.right + 1)})
    edit.entries = {at: e for at, e in edit.entries.items() if not edit.before[at].blank}
    edit.warnings += Guards(workbook, sheet, edit.reader).places(edit.entries)
    if edit.entries:
        edit.apply()
    return finished(content, workbook, [edit], [Hunk(f"table {table.name}", str(table.area), str(area), "structure")])


def _uses_totals(text: str, table: Table, home: Home) -> bool:
    if home.table == table.name:
        return False
    return any("#Totals" in s.items and s.table.casefold() == table.name.casefold() for s in find(text))


def calculated_column(content: bytes, table: str, column: str, formula: str, overwrite: bool = False) -> Edited:
    """Fill a column of a table with one formula, which new rows get too ("=[@Price]*[@Amount]", "=B2*1.19").

    Plain addresses are those of the first row of data and move along. Values that stand in the column are replaced
    only with `overwrite`. Raises ToolInputError for an unknown table or column, and a bad formula.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    index = column_index(found, column)
    if not formula.startswith("="):
        raise ToolInputError(f"{formula!r} is no formula.", hint='It starts with "=".', code="formula")
    edit = _filled(workbook, found, index, formula)
    taken = [c.address for _, c in sorted(edit.before.items()) if c.formula is None and not c.blank]
    if taken and not overwrite:
        hint = "Set overwrite to true, or add a column with add_table_column."
        message = f"The column {column!r} holds values: {', '.join(taken[:5])}."
        raise ToolInputError(message, hint=hint, code="taken")
    edit.apply()
    return finished(content, workbook, [edit], [])


def _filled(workbook: Workbook, table: Table, index: int, formula: str) -> SheetEdit:
    """Write a column's formula into the table's part, and return the edit of its cells."""
    data = table.data
    if data is None:
        raise ToolInputError(f"The table {table.name!r} has no row of data.", code="no_data")
    column, sheet = data.left + index, workbook.sheet(table.sheet)
    checked = FormulaCheck(workbook).stored(checked_formula(formula), sheet, (data.top, column))
    text = without_at(checked, dynamic=False)  # nothing spills in a table
    part = TablePart(workbook, table)
    part.set_calculated(index, text)
    part.save()
    forget(workbook)
    entries = {
        (row, column): Entry(formula="=" + translate(text[1:], data.top, column, row, column), checked=True)
        for row in range(data.top, data.bottom + 1)
    }
    edit = SheetEdit(workbook, sheet, entries)
    edit.warnings += Guards(workbook, sheet, edit.reader).places(entries)
    return edit


def add_table_column(
    content: bytes,
    table: str,
    name: str,
    formula: str = "",
    values: list[str | int | float | bool | None] | None = None,
) -> Edited:
    """Add a column at the right end of a table, filled with a formula or with values from the first row down.

    Raises ToolInputError: a taken name, more values than rows, something beside the table.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    sheet = workbook.sheet(found.sheet)
    name = _new_name(found, name)
    column = found.area.right + 1
    area = Area(found.area.top, found.area.left, found.area.bottom, column)
    _refuse_beside(workbook, sheet, found, column)
    part = TablePart(workbook, found)
    part.set_columns([*range(len(found.columns)), name])
    part.resize(area, found.totals_rows)
    part.save()
    forget(workbook)
    grown = workbook.table(found.name)
    edit = _filled(workbook, grown, len(found.columns), formula) if formula else SheetEdit(workbook, sheet, {})
    entries = dict(edit.entries) | _values(grown, column, values or [])
    if found.header_rows:
        entries[area.top, column] = Entry(name, style=_header_style(edit.reader, area.top, column - 1))
    edit = SheetEdit(workbook, sheet, entries)
    edit.warnings += Guards(workbook, sheet, edit.reader).places(entries)
    if entries:
        edit.apply()
    hunks = [Hunk(f"table {found.name}", str(found.area), str(area), "structure")]
    whole = users(workbook, lambda text, _: refers(text, found), found.name)
    return finished(content, workbook, [edit], hunks, [h for h in whole if not h.at or h.at not in entries])


def _new_name(table: Table, name: str) -> str:
    name = name.strip()
    if not name or len(name) > 255:
        raise ToolInputError("A column needs a name of 1 to 255 characters.", code="name")
    if name.casefold() in {c.casefold() for c in table.columns}:
        raise ToolInputError(f"The table {table.name!r} has a column {name!r} already.", code="taken")
    return name


def _values(table: Table, column: int, values: list[str | int | float | bool | None]) -> dict[tuple[int, int], Entry]:
    rows = table.data.height if table.data else 0
    if len(values) > rows:
        message = f"{len(values)} values are given for {rows} rows of the table {table.name!r}."
        raise ToolInputError(message, hint="Add the rows first.", code="value")
    top = table.data.top if table.data else 0
    return {(top + n, column): entry_of(v, formulas=False) for n, v in enumerate(values) if v is not None}


def _header_style(reader: SheetReader, row: int, column: int) -> int | None:
    raw = reader.xml.cell(row, column)
    return reader.parse(raw, row, column).style or None if raw is not None else None


def _refuse_beside(workbook: Workbook, sheet: Sheet, table: Table, column: int) -> None:
    hint = "Make room beside the table first, or fill a column of it."
    if column > MAX_COLUMN:
        raise ToolInputError(f"The table {table.name!r} ends with the sheet.", hint=hint, code="cell_in_the_way")
    reader = SheetReader(workbook, sheet)
    new = Area(table.area.top, column, table.area.bottom, column)
    taken = [c.address for _, cells in reader.rows(new) for c in cells]
    areas = [t.area for t in workbook.tables_on(sheet) if t.name != table.name] + pivot_areas(workbook, sheet)
    areas += reader.xml.areas(b"mergeCell") + Guards(workbook, sheet, reader).array_areas()
    taken += [str(area) for area in areas if area.overlaps(new)]
    if taken:
        message = f"There is no room for a column: {sheet.name}!{taken[0]} is in the way."
        raise ToolInputError(message, hint=hint, code="cell_in_the_way")


def rename_column(content: bytes, table: str, column: str, to: str) -> Edited:
    """Rename a column of a table: its header, and the structured references to it in all formulas.

    Raises ToolInputError for an unknown table or column and a taken name.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    index = column_index(found, column)
    old, to = found.columns[index], to.strip()
    if old == to:
        raise ToolInputError(f"The column is named {to!r} already.", code="unchanged")
    if old.casefold() != to.casefold():
        to = _new_name(found, to)
    sheet = workbook.sheet(found.sheet)
    done = follow_columns(workbook, found, {old: to})
    part = TablePart(workbook, found)
    part.set_column(index, name=markup.encode_xstring(to).replace("\n", "_x000a_"))
    part.save()
    forget(workbook)
    entries = {(found.area.top, found.area.left + index): Entry(to)} if found.header_rows else {}
    edit = SheetEdit(workbook, sheet, entries)
    if entries:
        edit.apply()
    if pivot_sources(workbook, found.name):
        edit.warnings.append(f"A pivot table reads {found.name!r}: it loses the field {old!r} when it is refreshed.")
    hunks = [Hunk(f"table {found.name}, column {address(1, found.area.left + index)[:-1]}", old, to, "structure")]
    return finished(content, workbook, [edit], [*hunks, *formula_hunks(done)], parts=[h.part for h, _, _ in done])


#: The operations of this module.
OPERATIONS = (table_totals, calculated_column, add_table_column, rename_column)
