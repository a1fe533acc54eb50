"""Tables (18.5) as a whole: made, renamed, styled, resized, turned into plain cells."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import Cell, SheetReader, translate
from copilot.documents.excel.chartxml import STRICT, TRANSITIONAL
from copilot.documents.excel.everywhere import Home, forget, formula_hunks, rewrite, users
from copilot.documents.excel.extents import followers
from copilot.documents.excel.guards import Guards, pivot_areas
from copilot.documents.excel.names import checked_new_name, pivot_sources, rename_pivot_sources
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area
from copilot.documents.excel.saving import finished, saved, saved_after
from copilot.documents.excel.sheets import MAIN, STRICT_MAIN
from copilot.documents.excel.structured import find, made_plain, with_table
from copilot.documents.excel.table_columns import table_totals
from copilot.documents.excel.tableparts import TablePart, table_column
from copilot.documents.excel.values import CellError
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.excel.write import Entry, SheetEdit
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.table+xml"
_BUILTIN = [
    f"TableStyle{kind}{n}" for kind, most in (("Light", 21), ("Medium", 28), ("Dark", 11)) for n in range(1, most + 1)
]
_STYLE_FLAGS = ("showFirstColumn", "showLastColumn", "showRowStripes", "showColumnStripes")


def create_table(
    content: bytes,
    range: str,
    name: str = "",
    sheet: str = "",
    style: str = "TableStyleMedium2",
    header: bool = True,
    totals: dict[str, str] | None = None,
) -> Edited:
    """Make a table of a range whose first row holds the column names; `totals` adds a totals row below it.

    Column names become unique text, as Excel makes them ("Column1" for an empty one). `totals` is as in
    `table_totals`. Raises ToolInputError: a bad or taken name, a merged range, another table, a pivot table, a filter
    or an array formula in the way.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet or None, most=0)
    if area.height < (2 if header else 1):
        hint = "Include the row below it."
        raise ToolInputError(f"The table {area} would have no row of data.", hint=hint, code="address")
    reader = SheetReader(workbook, found)
    area = _used_part(reader, area)
    _refuse_overlaps(workbook, found, reader, area)
    name = checked_new_name(workbook, name or _unused_name(workbook), None, table=True)
    style = checked_style(workbook, style)
    edit = SheetEdit(workbook, found, _header_entries(reader, area) if header else {})
    names = _column_names(reader, area, edit, header=header)
    edit.entries = {at: e for at, e in edit.entries.items() if _differs(edit.before[at], e)}
    edit.warnings += Guards(workbook, found, reader).places(edit.entries)
    if edit.entries:
        edit.apply()
    _add_part(workbook, found, area, name, names, style, header=header)
    forget(workbook)
    hunks = [Hunk(f"table {name}", "", f"{found.name}!{area}: {', '.join(names)}", "structure")]
    made = finished(content, workbook, [edit] if edit.entries else [], hunks)
    return _then(made, table_totals(made.content, name, totals)) if totals else made


def _then(first: Edited, second: Edited) -> Edited:
    return Edited.of(second.content, first.hunks + second.hunks, dict.fromkeys(first.warnings + second.warnings))


def _used_part(reader: SheetReader, area: Area) -> Area:
    """Return the area without the empty rows of whole columns ("A:C"), which no table of Excel has."""
    if area.height < 100_000:
        return area
    used = Area.around((c.row, c.column) for _, cells in reader.rows(area) for c in cells)
    return Area(area.top, area.left, max(used.bottom, area.top + 1) if used else area.top + 1, area.right)


def refuse_in_the_way(where: str, area: Area, others: Sequence[tuple[str, Area]]) -> None:
    """Raise ToolInputError when one of the `others` (what it is, and its area) overlaps the area."""
    for what, other in others:
        if other.overlaps(area):
            hint = "Choose another range, or remove what is in the way."
            raise ToolInputError(f"{where}!{area} overlaps {what} {other}.", hint=hint, code="cell_in_the_way")


def obstacles(workbook: Workbook, sheet: Sheet, reader: SheetReader, but: str = "") -> list[tuple[str, Area]]:
    """Return what a table can't lie over: merged ranges, tables other than `but`, pivots, arrays, a filter."""
    found = [("the merged range", area) for area in reader.xml.areas(b"mergeCell")]
    found += [(f"the table {t.name!r} at", t.area) for t in workbook.tables_on(sheet) if t.name != but]
    found += [("the pivot table at", area) for area in pivot_areas(workbook, sheet)]
    found += [("the array formula over", area) for area in Guards(workbook, sheet, reader).array_areas()]
    return found + [("the filter over", area) for area in reader.xml.areas(b"autoFilter")]


def _refuse_overlaps(workbook: Workbook, sheet: Sheet, reader: SheetReader, area: Area) -> None:
    refuse_in_the_way(sheet.name, area, obstacles(workbook, sheet, reader))


def _unused_name(workbook: Workbook) -> str:
    taken = {t.name.casefold() for t in workbook.tables} | {n.name.casefold() for n in workbook.names}
    return next(name for n in range(1, len(taken) + 2) if (name := f"Table{n}").casefold() not in taken)


def checked_style(workbook: Workbook, style: str) -> str:
    """Return a table style as it is spelled, "" for "none"; raises ToolInputError with the closest ones."""
    if style.casefold() in ("none", ""):
        return ""
    root = workbook.package.xml(workbook.styles.part) if workbook.styles.part else None
    own = [e.get("name", "") for e in root.iter("{*}tableStyle")] if root is not None else []
    for known in own + _BUILTIN:
        if known.casefold() in (style.casefold(), f"tablestyle{style.casefold().replace(' ', '')}"):
            return known
    close = difflib.get_close_matches(style, own + _BUILTIN, 3, 0.5) or ["TableStyleMedium2", "TableStyleLight1"]
    hint = f"Such as {', '.join(close)}; none for no style."
    raise ToolInputError(f"There is no table style {style!r}.", hint=hint, code="unknown_style")


def _header_entries(reader: SheetReader, area: Area) -> dict[tuple[int, int], Entry]:
    """Return the header row as unique text: what is shown, "Column1" for nothing, a number behind a second one."""
    cells = {c.column: c for _, found in reader.rows(Area(area.top, area.left, area.top, area.right)) for c in found}
    taken: set[str] = set()
    entries = {}
    for column in range(area.left, area.right + 1):
        cell = cells.get(column)
        text = reader.show(cell) if cell is not None and not isinstance(cell.value, CellError) else ""
        entries[area.top, column] = Entry(unique_name(text or f"Column{column - area.left + 1}", taken))
    return entries


def unique_name(text: str, taken: set[str]) -> str:
    """Return a column name that is not taken yet ("Price2" for a second "Price"), and note it as taken."""
    text = text[:255]
    name, number = text, 2
    while name.casefold() in taken:
        name, number = f"{text[:250]}{number}", number + 1
    taken.add(name.casefold())
    return name


def _differs(before: Cell, entry: Entry) -> bool:
    return before.formula is not None or not isinstance(before.value, str) or before.value != entry.value


def _column_names(reader: SheetReader, area: Area, edit: SheetEdit, *, header: bool) -> list[str]:
    columns = range(area.left, area.right + 1)
    if not header:
        return [f"Column{n}" for n, _ in enumerate(columns, 1)]
    return [str(edit.entries[area.top, column].value) for column in columns]


def _add_part(
    workbook: Workbook, sheet: Sheet, area: Area, name: str, columns: list[str], style: str, *, header: bool
) -> None:
    package = workbook.package
    ids = [int(workbook.package.xml(t.part).get("id", "0")) for t in workbook.tables]
    number = max(ids, default=0) + 1
    filtered = f'<autoFilter ref="{area}"/>' if header else ""
    listed = b"".join(table_column(b"", n, column) for n, column in enumerate(columns, 1)).decode()
    shown = f' name="{style}"' if style else ""
    plain = "" if header else ' headerRowCount="0"'
    data = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<table xmlns="{STRICT_MAIN if package.strict else MAIN}" id="{number}" name="{name}" displayName="{name}" '
        f'ref="{area}"{plain} totalsRowShown="0">{filtered}<tableColumns count="{len(columns)}">{listed}</tableColumns>'
        f'<tableStyleInfo{shown} showFirstColumn="0" showLastColumn="0" showRowStripes="1" showColumnStripes="0"/>'
        "</table>"
    )
    part = package.unused_name("xl/tables/table{}.xml")
    package.add(part, data.encode(), _CONTENT_TYPE)
    _list_part(workbook, sheet, package.relate(sheet.part, "table", part))


def _list_part(workbook: Workbook, sheet: Sheet, relation: str) -> None:
    """Write the table into the sheet's list of table parts (18.3.1.95)."""
    package = workbook.package
    data = markup.plain(package.read(sheet.part), sheet.part)
    names = STRICT if package.strict else TRANSITIONAL
    data, short = elements.declared(data, names.relationships, "r")
    prefix = markup.prefix_of(data)
    made = b"<" + prefix + b"tablePart " + short + b'id="' + relation.encode() + b'"/>'
    group = elements.get(data, prefix, b"tableParts")
    name = prefix + b"tableParts"
    if group is None:
        listed = b"<" + name + b' count="1">' + made + b"</" + name + b">"
        data = elements.put(data, prefix, b"tableParts", listed)
    else:
        count = len(list(markup.find_all(data, prefix + b"tablePart", group.inner, group.close))) + 1
        data = markup.insert_into(data, group, name, made)
        tag = markup.with_attribute(data[group.start : data.index(b">", group.start) + 1], b"count", str(count))
        data = data[: group.start] + tag + data[data.index(b">", group.start) + 1 :]
    package.write(sheet.part, data)


def rename_table(content: bytes, table: str, to: str) -> Edited:
    """Rename a table; structured references in formulas, names and rules, and pivot tables on it follow.

    Raises ToolInputError for an unknown table and a name that Excel does not take.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    if found.name == to.strip():
        raise ToolInputError(f"The table is named {to!r} already.", code="unchanged")
    if found.name.casefold() != to.strip().casefold():
        to = checked_new_name(workbook, to, None, table=True)
    done = rewrite(workbook, lambda text, _: with_table(text, found.name, to), found.name)
    pivots = rename_pivot_sources(workbook, found.name, to)
    part = TablePart(workbook, found)
    part.set(name=to, displayName=to)
    part.save()
    forget(workbook)
    hunks = [Hunk(f"table {found.name}", found.name, to, "structure"), *formula_hunks(done)]
    parts = [found.part, *pivots, *(home.part for home, _, _ in done)]
    return saved(workbook, hunks, parts, named_in_strings(workbook, found.name))


def named_in_strings(workbook: Workbook, name: str) -> list[str]:
    """Return a warning about formulas that build a reference from a text with that name: these don't follow."""
    pattern = re.compile(r'(?i)INDIRECT\s*\(.*"[^"]*(?<!\w)' + re.escape(name) + r"(?!\w)")
    where = [str(home) for home in users(workbook, lambda text, _: bool(pattern.search(text)), name)]
    if not where:
        return []
    return [f"{', '.join(where[:5])}: INDIRECT has {name!r} in a text, which does not follow the new name."]


def delete_table(content: bytes, table: str) -> Edited:
    """Turn a table into plain cells, which stay as they are; structured references to it become addresses.

    Raises ToolInputError for an unknown table, and for one that slicers or a query are connected to.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    _refuse_connected(workbook, found)

    def plain(text: str, home: Home) -> str:
        at = home.at
        inside = at is not None and home.sheet == found.sheet and at in found.area
        return made_plain(text, found, home.sheet if home.at else None, at[0] if at else None, inside=inside)

    done = [each for each in rewrite(workbook, plain) if each[0].part != found.part]
    _release_pivots(workbook, found)
    _drop_part(workbook, found)
    forget(workbook)
    hunks = [Hunk(f"table {found.name}", f"{found.sheet}!{found.area}", "", "structure"), *formula_hunks(done)]
    lost = [home for home, _, after in done if "#REF!" in after]
    parts = [workbook.sheet(found.sheet).part, *(home.part for home, _, _ in done)]
    return saved_after(content, workbook, lost, hunks, parts, named_in_strings(workbook, found.name))


def _refuse_connected(workbook: Workbook, table: Table) -> None:
    package = workbook.package
    number = package.xml(table.part).get("id", "")
    why = "a query" if package.related(table.part, "queryTable") else ""
    for relation in package.relationships(package.main):
        if relation.short_type == "slicerCache" and package.has(relation.target):
            caches = package.xml(relation.target).iter("{*}tableSlicerCache")
            why = "a slicer" if any(c.get("tableId") == number for c in caches) else why
    if why:
        hint = f"Remove {why} in Excel first."
        raise ToolInputError(f"The table {table.name!r} is connected to {why}.", hint=hint, code="used")


def _release_pivots(workbook: Workbook, table: Table) -> None:
    """Let pivot caches on the table go on with its cells (18.10.1.95: `ref` and `sheet` instead of `name`)."""
    package = workbook.package
    for part in pivot_sources(workbook, table.name):
        data = markup.plain(package.read(part), part)
        element = markup.find(data, markup.prefix_of(data) + b"worksheetSource")
        if element is None:
            continue
        tag = markup.with_attribute(data[element.start : element.inner], b"name", None)
        tag = markup.with_attribute(tag, b"ref", str(table.area))
        tag = markup.with_attribute(tag, b"sheet", table.sheet)
        package.write(part, markup.replace_tag(data, element, tag))


def _drop_part(workbook: Workbook, table: Table) -> None:
    package = workbook.package
    part = workbook.sheet(table.sheet).part
    ids = {r.id for r in package.relationships(part) if r.target == table.part}
    data = markup.plain(package.read(part), part)
    prefix = markup.prefix_of(data)
    group = elements.get(data, prefix, b"tableParts")
    listed = list(markup.find_all(data, prefix + b"tablePart", group.inner, group.close)) if group else []
    gone = [e for e in listed if _relation(data[e.start : e.inner]) in ids]
    for element in reversed(gone):
        data = data[: element.start] + data[element.end :]
    group = elements.get(data, prefix, b"tableParts")
    if group is not None and len(gone) == len(listed):
        data = elements.drop(data, prefix, b"tableParts")
    elif group is not None:
        tag = markup.with_attribute(data[group.start : group.inner], b"count", str(len(listed) - len(gone)))
        data = markup.replace_tag(data, group, tag)
    package.write(part, data)
    package.unrelate(part, table.part)
    package.remove(table.part)


def _relation(tag: bytes) -> str:
    match = re.search(rb"""\s[\w.-]+:id\s*=\s*["']([^"']*)""", tag)
    return match[1].decode() if match else ""


def table_style(
    content: bytes,
    table: str,
    style: str | None = None,
    row_stripes: bool | None = None,
    column_stripes: bool | None = None,
    first_column: bool | None = None,
    last_column: bool | None = None,
) -> Edited:
    """Set a table's style ("TableStyleMedium2", "Light 9", "none") and its stripes and emphasised columns.

    What is not given stays. Raises ToolInputError for an unknown table or style, and when nothing changes.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    part = TablePart(workbook, found)
    present = part.child(b"tableStyleInfo")
    name = part.prefix + b"tableStyleInfo"
    tag = part.data[present.start : present.inner] if present else b"<" + name + b"/>"
    made = tag
    if style is not None:
        made = markup.with_attribute(made, b"name", checked_style(workbook, style) or None)
    for flag, value in zip(_STYLE_FLAGS, (first_column, last_column, row_stripes, column_stripes), strict=True):
        if value is not None:
            made = markup.with_attribute(made, flag.encode(), "1" if value else "0")
    if made == tag:
        raise ToolInputError(f"The table {found.name!r} looks like that already.", code="unchanged")
    closing = part.data[present.inner : present.end] if present else b""
    part.put(b"tableStyleInfo", made + closing)
    part.save()
    return saved(workbook, [Hunk(f"table {found.name}", _style_words(tag), _style_words(made), "format")], [found.part])


def _style_words(tag: bytes) -> str:
    name = markup.attribute(tag, b"name") or "no style"
    flags = [flag[4:] for flag in _STYLE_FLAGS if markup.attribute(tag, flag.encode()) in ("1", "true")]
    return ", ".join([name, *(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", flag).lower() for flag in flags)])


def resize_table(content: bytes, table: str, range: str) -> Edited:
    """Let a table cover another range: its header row stays in its row, new columns get names, rows their formulas.

    Raises ToolInputError: a range with another first row or without a common cell, columns that formulas refer to and
    that would go, something in the way, a totals row that would have to move.
    """
    workbook = Workbook.open(content)
    found = workbook.table(table)
    sheet, area = place(workbook, range, found.sheet)
    _check_resize(found, sheet, area)
    reader = SheetReader(workbook, sheet)
    refuse_in_the_way(sheet.name, area, obstacles(workbook, sheet, reader, but=found.name))
    _refuse_lost_columns(workbook, found, area)
    part = TablePart(workbook, found)
    entries = _new_headers(reader, found, area)
    entries.update(_new_formulas(reader, part, found, area))
    _set_area(part, found, area, {at[1]: str(e.value) for at, e in entries.items() if at[0] == area.top})
    part.save()
    forget(workbook)
    edit = SheetEdit(workbook, sheet, entries)
    edit.warnings += Guards(workbook, sheet, reader).places(entries)
    if entries:
        edit.apply()
    homes = followers(workbook, {found.name.casefold()})
    hunks = [Hunk(f"table {found.name}", str(found.area), str(area), "structure")]
    return finished(content, workbook, [edit] if entries else [], hunks, homes)


def _check_resize(table: Table, sheet: Sheet, area: Area) -> None:
    if sheet.name != table.sheet or area.top != table.area.top or not area.overlaps(table.area):
        message = f"The table {table.name!r} at {table.sheet}!{table.area} can't cover {sheet.name}!{area}."
        raise ToolInputError(message, hint=f"Its first row must stay row {table.area.top}.", code="address")
    if area == table.area:
        raise ToolInputError(f"The table {table.name!r} covers {area} already.", code="unchanged")
    if area.height <= table.header_rows + table.totals_rows:
        raise ToolInputError(f"The table {area} would have no row of data.", code="address")
    if table.totals_rows and area.bottom != table.area.bottom:
        hint = "Remove the totals row first (table_totals without totals) and add it again afterwards."
        raise ToolInputError(f"The totals row of {table.name!r} would have to move.", hint=hint, code="cell_in_the_way")


def _refuse_lost_columns(workbook: Workbook, table: Table, area: Area) -> None:
    gone = {
        name.casefold()
        for column, name in enumerate(table.columns, table.area.left)
        if not area.left <= column <= area.right
    }

    def uses(text: str, home: Home) -> bool:
        return any(
            s.table.casefold() == table.name.casefold() and gone & {c.casefold() for c in s.columns} for s in find(text)
        )

    where = [str(home) for home in users(workbook, uses, table.name)] if gone else []
    if where:
        message = f"Columns of {table.name!r} that would go are used in {', '.join(where[:5])}."
        raise ToolInputError(message, hint="Change these formulas first.", code="used")


def _new_headers(reader: SheetReader, table: Table, area: Area) -> dict[tuple[int, int], Entry]:
    kept = {c: n for c, n in enumerate(table.columns, table.area.left) if area.left <= c <= area.right}
    taken = {n.casefold() for n in kept.values()}
    made = {}
    for column in (c for c in range(area.left, area.right + 1) if c not in kept):
        cell = reader.at(area.top, column) if table.header_rows else Cell(area.top, column, None)
        text = reader.show(cell) or f"Column{column - area.left + 1}"
        made[area.top, column] = Entry(unique_name(text, taken))
    return made


def _new_formulas(reader: SheetReader, part: TablePart, table: Table, area: Area) -> dict[tuple[int, int], Entry]:
    """Return the formulas of calculated columns in the empty cells of new rows."""
    made: dict[tuple[int, int], Entry] = {}
    for index, column in enumerate(range(table.area.left, table.area.right + 1)):
        formula = part.calculated(index)
        if formula is None or not area.left <= column <= area.right:
            continue
        for row in range(table.area.bottom + 1, area.bottom + 1):
            raw = reader.xml.cell(row, column)
            if raw is None or reader.parse(raw, row, column).blank:
                first = table.area.top + table.header_rows
                made[row, column] = Entry(formula="=" + translate(formula[1:], first, column, row, column))
    return made


def _set_area(part: TablePart, table: Table, area: Area, names: dict[int, str]) -> None:
    filtered = part.child(b"autoFilter")
    if area.left != table.area.left and filtered is not None and not filtered.empty:
        hint = "Clear the filter first, or keep the first column."
        message = f"The table {table.name!r} is filtered by columns that would be counted anew."
        raise ToolInputError(message, hint=hint, code="cell_in_the_way")
    kept: list[int | str] = [
        names[column] if column in names else column - table.area.left for column in range(area.left, area.right + 1)
    ]
    part.set_columns(kept)
    part.resize(area, table.totals_rows)
    sort_state = part.child(b"sortState")
    if sort_state is not None:  # it remembers how the old range was sorted
        part.data = elements.drop(part.data, part.prefix, b"sortState")


#: The operations of this module.
OPERATIONS = (create_table, resize_table, rename_table, table_style, delete_table)
