"""Making a pivot table: its parts, and its result in the cells, so that it reads right before Excel refreshes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Required, cast

from pydantic import ConfigDict
from typing_extensions import TypedDict

from copilot.documents.excel import elements, markup
from copilot.documents.excel.guards import Guards, pivot_areas
from copilot.documents.excel.pivot_data import Field, Source, cell_value, fields_of, label, source_of
from copilot.documents.excel.pivot_layout import SPELLED, Function, Layout, Shown, Spec, Value, laid_out
from copilot.documents.excel.pivot_xml import cache_xml, records_xml, table_xml
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, parse_cell, split_sheet
from copilot.documents.excel.sheets import MAIN, STRICT_MAIN, add_sheet, checked_name
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.excel.write import Entry, SheetEdit, add_format, finish
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: Styles that a pivot table may have: those that Excel brings along (18.18.77 names none: they are Excel's own).
_STYLE = re.compile(r"PivotStyle(?:Light|Medium|Dark)(?:[1-9]|1\d|2[0-8])\Z")
_DATES = range(14, 23)  # built-in number formats of dates and times (18.8.30)
At = tuple[int, int]


class ValueGiven(TypedDict, total=False):
    """A figure as an operation gives it: the column, what is made of it, what it is called."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    column: Required[str]
    function: Function
    name: str


def create_pivot(
    content: bytes,
    source: str,
    rows: Sequence[str],
    values: Sequence[str | ValueGiven],
    columns: Sequence[str] = (),
    *,
    at: str = "",
    filters: Mapping[str, str | int | float | bool | list[str | int | float | bool]] | None = None,
    name: str = "",
    style: str = "PivotStyleLight16",
    subtotals: bool = False,
    totals: bool = True,
    compact: bool = False,
    overwrite: bool = False,
) -> Edited:
    """Make a pivot table of a table or a range with a header row, its result computed into the cells.

    `rows`, `columns` and the keys of `filters` are names of columns; a filter is "" (all), an item, or several.
    `values` are columns (summed, or counted where they hold no numbers) or mappings with a `function`: sum, count,
    average, max, min, product, count_numbers, stdev, stdevp, var, varp. `at` is its top left cell ("F3",
    "Report!A3"), or the name of a sheet that is made; empty for a new sheet. `compact` puts all row fields into one
    column, as Excel does at first. Raises ToolInputError: unknown column or item, a place that is taken.
    """
    workbook = Workbook.open(content)
    data = source_of(workbook, source)
    fields = fields_of(workbook, data)
    pages, hidden = _filters(fields, filters or {})
    spec = _spec(fields, rows, columns, values, pages, hidden, subtotals=subtotals, totals=totals, compact=compact)
    layout = laid_out(spec, fields)
    made, home_name, corner = _place(content, workbook, data, at, bool(pages))
    workbook = Workbook.open(made)
    home = workbook.sheet(home_name)
    top = corner[0] + (len(pages) + 1 if pages else 0)
    area = _area(home, (top, corner[1]), layout)
    shown = _page_cells(spec, fields, pages) | {(r + top - corner[0], c): s for (r, c), s in layout.cells.items()}
    edit = SheetEdit(workbook, home, _entries(workbook, spec, fields, shown, corner))
    _check(edit, area, overwrite=overwrite)
    edit.apply()
    if made is not content:
        _widen(workbook, home, edit.entries)
    title = _name(workbook, name)
    _add_parts(workbook, home, data, fields, spec, layout, pages, title, area, _checked_style(style))
    what = f"pivot table {title!r} of {data.where}: {', '.join(v.name for v in spec.values)} by {', '.join(rows)}"
    across = f" and {', '.join(columns)}" if columns else ""
    hunk = Hunk(f"{home.name}!{area}", "", what + across, "structure")
    return finish(made, workbook, [edit], [hunk])


def _spec(
    fields: Sequence[Field],
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[str | ValueGiven],
    pages: Sequence[int],
    hidden: Mapping[int, frozenset[int]],
    *,
    subtotals: bool,
    totals: bool,
    compact: bool,
) -> Spec:
    down, across = _numbers(fields, rows), _numbers(fields, columns)
    if not down or not values:
        hint = "Name at least one column for the rows and one for the values."
        raise ToolInputError("A pivot table needs rows and values.", hint=hint, code="value")
    used = [*down, *across, *pages]
    twice = next((n for n in used if used.count(n) > 1), None)
    if twice is not None:
        hint = "Use each column once in rows, columns and filters."
        raise ToolInputError(f"The column {fields[twice].name!r} is given twice.", hint=hint, code="value")
    return Spec(
        down,
        across,
        tuple(_values(fields, values)),
        {n: fields[n].ascending() for n in used},
        hidden,
        frozenset((*down, *across)) if subtotals else frozenset(),
        totals,
        totals,
        compact,
    )


def _numbers(fields: Sequence[Field], names: Iterable[str]) -> tuple[int, ...]:
    return tuple(field_number(fields, name) for name in names)


def field_number(fields: Sequence[Field], name: str) -> int:
    """Return the number of the field of that name (case does not matter); raises ToolInputError with the closest."""
    wanted = " ".join(name.split()).casefold()
    for number, field in enumerate(fields):
        if " ".join(field.name.split()).casefold() == wanted:
            return number
    raise ToolInputError.unknown("column", name, [f.name for f in fields])


def _values(fields: Sequence[Field], given: Sequence[str | ValueGiven]) -> list[Value]:
    made: list[Value] = []
    taken = [f.name.casefold() for f in fields]
    for each in given:
        wanted = _in_words(fields, each) if isinstance(each, str) else each
        number = field_number(fields, wanted["column"])
        field = fields[number]
        function = wanted.get("function") or ("sum" if field.numeric else "count")
        title = wanted.get("name") or f"{SPELLED[function][1]} {field.name}"
        if wanted.get("name") and title.casefold() in taken:
            hint = (
                f"Take another name, such as {title + ' '!r}."
                if title.casefold() not in taken
                else "Take another name."
            )
            raise ToolInputError(f"The name {title!r} is taken in the pivot table.", hint=hint, code="name")
        title = next(t for t in (title, *(f"{title}{i}" for i in range(2, 99))) if t.casefold() not in taken)
        taken.append(title.casefold())
        made.append(Value(number, function, title, _number_format(field, function)))
    return made


def _in_words(fields: Sequence[Field], given: str) -> ValueGiven:
    """Return a figure given as a column's name, or as an analysis takes it: "average Amount", "count of Item"."""
    if given.casefold() not in {f.name.casefold() for f in fields}:
        for function in SPELLED:
            word, _, column = given.strip().partition(" ")
            if word.casefold() == function and column.strip():
                return {"column": column.strip().removeprefix("of "), "function": cast(Function, function)}
    return {"column": given}


def _number_format(field: Field, function: str) -> int:
    """Return the number format of a figure: its column's where it is of the same kind, two decimals for a mean."""
    if function in ("count", "count_numbers"):
        return 0
    if function in ("sum", "max", "min", "product") or (field.number and function == "average"):
        return field.number
    return 4


def _filters(fields: Sequence[Field], given: Mapping[str, object]) -> tuple[list[int], dict[int, frozenset[int]]]:
    """Return the fields of the filters, and the items that each leaves out."""
    pages: list[int] = []
    hidden: dict[int, frozenset[int]] = {}
    for name, chosen in given.items():
        number = field_number(fields, name)
        pages.append(number)
        wanted = chosen if isinstance(chosen, (list, tuple)) else [] if chosen in ("", None) else [chosen]
        codes = {fields[number].code(item) for item in wanted}
        if codes:
            hidden[number] = frozenset(range(len(fields[number].items))) - codes
    return pages, hidden


# --- place -----------------------------------------------------------------------------------------------------------


def _place(content: bytes, workbook: Workbook, source: Source, at: str, filtered: bool) -> tuple[bytes, str, At]:
    """Return the file (with a new sheet if one is wanted), the sheet and the cell where the pivot table begins."""
    corner = (1, 1) if filtered else (3, 1)  # as Excel leaves room for filters
    own, written = split_sheet(at)
    try:
        cell = parse_cell(written) if at else None
    except ToolInputError:
        if own is not None:
            raise
        return add_sheet(content, checked_name(at, workbook.listed("name"))).content, at.strip(), corner
    if cell is not None:
        return content, workbook.sheet(own or source.sheet.name).name, cell
    taken = {n.casefold() for n in workbook.listed("name")}
    name = next(n for n in ("Pivot", *(f"Pivot{i}" for i in range(2, len(taken) + 3))) if n.casefold() not in taken)
    return add_sheet(content, name).content, name, corner


def _area(sheet: Sheet, corner: At, layout: Layout) -> Area:
    bottom, right = corner[0] + layout.height - 1, corner[1] + layout.width - 1
    if bottom > MAX_ROW or right > MAX_COLUMN:
        message = (
            f"The pivot table has {layout.height:,} rows and {layout.width:,} columns: {sheet.name!r} ends before."
        )
        raise ToolInputError(message, hint="Group by a column with fewer different values.", code="too_large")
    return Area(*corner, bottom, right)


def _check(edit: SheetEdit, area: Area, *, overwrite: bool) -> None:
    """Refuse a place where something stands: cells (unless `overwrite`), a table, another pivot table."""
    whole = Area.around(iter([*edit.entries, (area.top, area.left), (area.bottom, area.right)])) or area
    for table in edit.workbook.tables_on(edit.sheet):
        if table.area.overlaps(whole):
            message = f"The pivot table would lie over the table {table.name!r} at {table.area}."
            raise ToolInputError(message, hint="Choose another place.", code="taken")
    for other in pivot_areas(edit.workbook, edit.sheet):
        if other.overlaps(whole):
            message = f"The pivot table would lie over another one at {other}."
            raise ToolInputError(message, hint="Choose another place.", code="taken")
    taken = [c for c in edit.before.values() if not c.blank]
    if taken and not overwrite:
        names = ", ".join(c.address for c in taken[:5])
        hint = "Choose empty cells or a new sheet, or set overwrite to true."
        raise ToolInputError(f"On {edit.sheet.name!r} these cells hold something: {names}.", hint=hint, code="taken")
    edit.warnings += Guards(edit.workbook, edit.sheet, edit.reader).check(edit.entries, edit.before)


# --- cells -----------------------------------------------------------------------------------------------------------


def _page_cells(spec: Spec, fields: Sequence[Field], pages: Sequence[int]) -> dict[At, Shown]:
    """Return the cells of the filters: a name and what is chosen, one below the other."""
    cells: dict[At, Shown] = {}
    for row, number in enumerate(pages):
        hidden = spec.hidden.get(number, frozenset())
        left = [i for n, i in enumerate(fields[number].items) if n not in hidden]
        chosen = Shown("(All)") if not hidden else Shown("(Multiple Items)")
        if hidden and len(left) == 1:
            chosen = Shown(left[0] if left[0] is not None else "(blank)", number)
        cells[row, 0] = Shown(fields[number].name)
        cells[row, 1] = chosen
    return cells


def _entries(
    workbook: Workbook, spec: Spec, fields: Sequence[Field], shown: Mapping[At, Shown], corner: At
) -> dict[At, Entry]:
    styles: dict[int, int | None] = {}
    made = {}
    for (row, column), each in shown.items():
        number = number_of(spec, fields, each)
        if number and number not in styles:
            styles[number] = add_format(workbook, 0, number)
        made[corner[0] + row, corner[1] + column] = Entry(cell_value(each.content), style=styles.get(number))
    return made


def number_of(spec: Spec, fields: Sequence[Field], shown: Shown) -> int:
    """Return the number format that a cell of a pivot table takes, 0 for none."""
    if shown.value >= 0:
        return spec.values[shown.value].number
    return fields[shown.field].number if shown.field >= 0 and not isinstance(shown.content, (str, bool)) else 0


def _widen(workbook: Workbook, sheet: Sheet, entries: Mapping[At, Entry]) -> None:
    """Make the columns of a new sheet as wide as what stands in them."""
    wide: dict[int, int] = {}
    for (_, column), entry in entries.items():
        text = label(entry.value) if entry.value is not None else ""  # type: ignore[arg-type]
        wide[column] = max(wide.get(column, 0), len(text) + 2)
    cols = "".join(
        f'<col min="{c}" max="{c}" width="{min(max(w, 9), 50)}" customWidth="1"/>' for c, w in sorted(wide.items())
    )
    data = markup.plain(workbook.package.read(sheet.part), sheet.part)
    workbook.package.write(sheet.part, elements.put(data, b"", b"cols", f"<cols>{cols}</cols>".encode()))


# --- parts -----------------------------------------------------------------------------------------------------------


def _checked_style(style: str) -> str:
    if not _STYLE.match(style):
        hint = "Take PivotStyleLight1 to Light28, Medium1 to Medium28 or Dark1 to Dark28."
        raise ToolInputError(f"There is no pivot table style {style!r}.", hint=hint, code="style")
    return style


def _name(workbook: Workbook, wanted: str) -> str:
    """Return the pivot table's name: the one that is wanted, else the first free "PivotTable1"."""
    taken = {
        (workbook.package.xml(part).get("name") or "").casefold()
        for sheet in workbook.worksheets
        for part in workbook.package.related(sheet.part, "pivotTable")
        if workbook.package.has(part)
    }
    if wanted and wanted.casefold() in taken:
        raise ToolInputError(f"There is a pivot table {wanted!r} already.", hint="Choose another name.", code="name")
    names = (f"PivotTable{i}" for i in range(1, len(taken) + 2))
    return wanted or next(n for n in names if n.casefold() not in taken)


def _add_parts(
    workbook: Workbook,
    sheet: Sheet,
    source: Source,
    fields: Sequence[Field],
    spec: Spec,
    layout: Layout,
    pages: Sequence[int],
    name: str,
    area: Area,
    style: str,
) -> None:
    package = workbook.package
    main = STRICT_MAIN if package.strict else MAIN
    listed = {*spec.rows, *spec.columns, *pages}
    cache = package.unused_name("xl/pivotCache/pivotCacheDefinition{}.xml")
    records = package.unused_name("xl/pivotCache/pivotCacheRecords{}.xml")
    table = package.unused_name("xl/pivotTables/pivotTable{}.xml")
    space = _relationships(workbook)
    package.add(cache, cache_xml(source, fields, listed, main, space), f"{_TYPE}.pivotCacheDefinition+xml")
    package.add(records, records_xml(fields, listed, main), f"{_TYPE}.pivotCacheRecords+xml")
    package.relate(cache, "pivotCacheRecords", records)
    number = _list_cache(workbook, package.relate(package.main, "pivotCacheDefinition", cache))
    made = table_xml(spec, fields, layout, pages, name=name, cache=number, area=area, style=style, main=main)
    package.add(table, made, f"{_TYPE}.pivotTable+xml")
    package.relate(table, "pivotCacheDefinition", cache)
    package.relate(sheet.part, "pivotTable", table)


def _relationships(workbook: Workbook) -> str:
    from copilot.documents.excel.drawings import namespaces

    return namespaces(workbook).relationships


def _list_cache(workbook: Workbook, relation: str) -> int:
    """Write the cache into the workbook's list (18.2.12); returns its id."""
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    prefix = markup.prefix_of(data)
    used = [int(n) for n in re.findall(rb"""\scacheId\s*=\s*["'](\d+)""", data)]
    number = max(used, default=0) + 1
    data, short = elements.declared(data, _relationships(workbook), "r")
    made = b"<" + prefix + f'pivotCache cacheId="{number}" '.encode() + short + f'id="{relation}"/>'.encode()
    present = elements.get(data, prefix, b"pivotCaches")
    if present is not None:
        data = markup.insert_into(data, present, prefix + b"pivotCaches", made)
    else:
        group = b"<" + prefix + b"pivotCaches>" + made + b"</" + prefix + b"pivotCaches>"
        data = elements.put(data, prefix, b"pivotCaches", group)
    package.write(package.main, data)
    return number


#: What this module adds to the operations on a workbook.
OPERATIONS = (create_pivot,)
