"""Refreshing a pivot table: its cache from the source, its items, and its cells, where its rules are all known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from lxml import etree

from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.drawings import child
from copilot.documents.excel.guards import pivot_areas
from copilot.documents.excel.pivot_data import Field, Item, Source, cell_value, fields_of, key_of, source_of
from copilot.documents.excel.pivot_layout import Layout, Shown, Spec, laid_out
from copilot.documents.excel.pivot_read import (
    NotComputable,
    Pivot,
    cached_fields,
    find_pivot,
    list_pivots,
    members,
    records_part,
    source_text,
    spec_of,
)
from copilot.documents.excel.pivot_xml import item_xml, items_of, records_xml, shared_attributes
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area
from copilot.documents.excel.values import Scalar, to_serial
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Workbook
from copilot.documents.excel.write import Entry, SheetEdit, finish
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

At = tuple[int, int]


@dataclass
class _Known:
    """A pivot table whose present cells are what its cache gives by our rules, so that they can be computed anew."""

    pivot: Pivot
    spec: Spec
    old: Layout
    cells: dict[At, Scalar]
    styles: dict[At, int]
    words: dict[str, str]  # "Grand Total" and "(blank)" in the language of the Excel that wrote them


def refresh_pivot(
    content: bytes, pivot: str | int, sheet: str = "", *, source: str = "", overwrite: bool = False
) -> Edited:
    """Compute a pivot table anew from its source, or from another `source` with the same columns.

    All pivot tables of the same cache follow. Where one asks for what only Excel computes (calculated or grouped
    fields, shares, label filters ...) or shows what its cache does not give, its cells stay, a warning says why, and
    Excel refreshes it when the file is opened. Raises ToolInputError: unknown pivot table, a source that is gone, cells
    in the way of a larger one, nothing to do.
    """
    workbook = Workbook.open(content)
    found = find_pivot(workbook, pivot, sheet or None)
    given = source or found.source
    if not given:
        hint = "Refresh it in Excel."
        raise ToolInputError(f"{found.name!r} has no source in this workbook.", hint=hint, code="pivot_source")
    data = source_of(workbook, given)
    fields = fields_of(workbook, data)
    try:
        known = _understood(workbook, found)
        renewed = _renewed(workbook, found, fields)
    except NotComputable as reason:
        return _marked(workbook, found, data if source else None, str(reason))
    cells = [_laid(workbook, each, renewed, overwrite=overwrite) for each in known]
    _write_cache(workbook, found, data if source else None, renewed)
    return _written(content, workbook, found, [c for c in cells if c[1]])


def _understood(workbook: Workbook, found: Pivot) -> list[_Known]:
    """Return the pivot tables of a cache; raises NotComputable for one whose cells are not what we would compute."""
    fields = cached_fields(workbook, found.cache)
    same = [p for p in list_pivots(workbook) if p.cache == found.cache]
    return [_checked(workbook, each, fields) for each in same]


def _checked(workbook: Workbook, pivot: Pivot, fields: list[Field]) -> _Known:
    spec = spec_of(workbook.package.xml(pivot.part), fields)
    reader = SheetReader(workbook, pivot.sheet)
    present: dict[At, Scalar] = {}
    styles: dict[At, int] = {}
    for _, row in reader.rows(pivot.area):
        for cell in row:
            at = cell.row - pivot.area.top, cell.column - pivot.area.left
            present[at], styles[at] = cell.value, cell.style
    layout = laid_out(spec, fields)
    if (layout.height, layout.width) != (pivot.area.height, pivot.area.width):
        raise NotComputable(f"the cells of {pivot.name!r} are not what its cache gives")
    words: dict[str, str] = {}
    for at in sorted({*present, *layout.cells} - layout.captions):
        shown, value = layout.cells.get(at, Shown(None)), present.get(at)
        word = shown.content if shown.field < 0 and shown.value < 0 else None
        if word in ("(blank)", spec.grand) and isinstance(value, str) and words.setdefault(str(word), value) == value:
            continue
        if not _alike(shown.content, value, date1904=workbook.date1904):
            raise NotComputable(f"the cells of {pivot.name!r} are not what its cache gives")
    return _Known(pivot, spec, layout, present, styles, words)


def _alike(computed: Scalar, present: Scalar, *, date1904: bool) -> bool:
    """Return whether two values are the same to Excel: dates as their numbers, numbers to 9 digits."""
    first, second = (
        to_serial(v, date1904=date1904) if isinstance(v, (datetime, date)) else v for v in (computed, present)
    )
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)
    return first == second or (first in (None, "") and second in (None, ""))


def _renewed(workbook: Workbook, found: Pivot, fresh: list[Field]) -> list[Field]:
    """Return the fields with new records and the cache's items first, so that their numbers stay."""
    described = members(child(workbook.package.xml(found.cache), "cacheFields"))
    old = cached_fields(workbook, found.cache)
    if [f.name.casefold() for f in old] != [f.name.casefold() for f in fresh]:
        raise NotComputable("the columns of its source are others than before")
    return [
        Field(o.name, f.values, o.number, list(o.items) if child(d, "sharedItems") is not None else [])
        for o, f, d in zip(old, fresh, described, strict=True)
    ]


# --- cells -----------------------------------------------------------------------------------------------------------


def _laid(
    workbook: Workbook, known: _Known, fields: list[Field], *, overwrite: bool
) -> tuple[_Known, dict[At, Entry], Area]:
    """Return the cells that change and the new area; the definition's part is written."""
    spec = _extended(workbook, known, fields)
    layout = laid_out(spec, fields)
    old = known.pivot.area
    area = Area(old.top, old.left, old.top + layout.height - 1, old.left + layout.width - 1)
    _check_room(workbook, known.pivot, area, overwrite=overwrite)
    entries = _entries(workbook, known, layout)
    _write_table(workbook, known, layout, area, len(spec.values) > 1)
    return known, entries, area


def _extended(workbook: Workbook, known: _Known, fields: list[Field]) -> Spec:
    """Return the spec with the new items: behind the others, or at their place where the field is sorted."""
    described = members(child(workbook.package.xml(known.pivot.part), "pivotFields"))
    order = dict(known.spec.order)
    hidden = dict(known.spec.hidden)
    for number, codes in known.spec.order.items():
        field, element = fields[number], described[number]
        new = range(len(codes), len(field.items))
        kind = element.get("sortType", "manual")
        every = [*codes, *new]
        if kind != "manual" and new:
            every.sort(key=lambda code, f=field: key_of(f.items[code]), reverse=kind == "descending")  # type: ignore[misc]
        order[number] = every
        if hidden.get(number) and element.get("includeNewItemsInFilter", "0") not in ("1", "true"):
            hidden[number] = hidden[number] | frozenset(new)
    return replace(known.spec, order=order, hidden=hidden)


def _check_room(workbook: Workbook, pivot: Pivot, area: Area, *, overwrite: bool) -> None:
    if area.bottom > MAX_ROW or area.right > MAX_COLUMN:
        raise ToolInputError(f"{pivot.name!r} would leave the sheet.", code="too_large")
    others = [a for a in pivot_areas(workbook, pivot.sheet) if a != pivot.area]
    others += [t.area for t in workbook.tables_on(pivot.sheet)]
    if in_the_way := next((a for a in others if a.overlaps(area)), None):
        message = f"{pivot.name!r} would grow to {area}, over what lies at {in_the_way}."
        raise ToolInputError(message, hint="Move one of them in Excel.", code="taken")
    for _, row in SheetReader(workbook, pivot.sheet).rows(area):
        for cell in row:
            if (cell.row, cell.column) not in pivot.area and not overwrite:
                message = f"{pivot.name!r} would grow to {area}, over {cell.address}, which holds something."
                raise ToolInputError(message, hint="Empty it, or set overwrite to true.", code="taken")


def _entries(workbook: Workbook, known: _Known, layout: Layout) -> dict[At, Entry]:
    """Return the cells that get another value; a new cell looks like the first of its kind."""
    looks: dict[tuple[int, int], int] = {}
    for at, shown in sorted(known.old.cells.items()):
        looks.setdefault((shown.field, shown.value), known.styles.get(at, 0))
    made: dict[At, Entry] = {}
    area = known.pivot.area
    for at in sorted({*known.cells, *layout.cells}):
        shown = layout.cells.get(at, Shown(None))
        if shown.field < 0 and shown.value < 0 and isinstance(shown.content, str):
            shown = Shown(known.words.get(shown.content, shown.content))
        present = known.cells.get(at)
        if at in layout.captions and present not in (None, ""):
            continue
        place = area.top + at[0], area.left + at[1]
        before = known.old.cells.get(at)
        same = before is not None and (before.field, before.value) == (shown.field, shown.value)
        typed = shown.field >= 0 or shown.value >= 0
        style = looks.get((shown.field, shown.value)) if typed and not same else None
        if style is not None or not _alike(shown.content, present, date1904=workbook.date1904):
            made[place] = Entry(cell_value(shown.content), style=style)
    return made


# --- parts -----------------------------------------------------------------------------------------------------------


def _parsed(fragment: str, like: etree._Element) -> etree._Element:
    """Return an element in the namespace of another one."""
    return etree.fromstring(f'<root xmlns="{etree.QName(like).namespace}">{fragment}</root>')[0]


def _write_table(workbook: Workbook, known: _Known, layout: Layout, area: Area, several: bool) -> None:
    """Write what a definition says of its place, its items and its lines; everything else of it stays."""
    package = workbook.package
    root = package.xml(known.pivot.part)
    before = etree.tostring(root)
    location = child(root, "location")
    if location is not None and location.get("ref") != str(area):
        location.set("ref", str(area))
    described = members(child(root, "pivotFields"))
    for number, codes in layout.spec.order.items():
        if len(codes) != len(known.spec.order[number]):
            _list_items(described[number], codes, layout.spec.hidden.get(number, frozenset()))
    for group, lines, data in (("rowItems", layout.rows, False), ("colItems", layout.columns, several)):
        present = child(root, group)
        inside = "".join(items_of(lines, data=data))
        made = _parsed(f'<{group} count="{len(lines)}">{inside}</{group}>', root)
        if present is not None and etree.tostring(made, method="c14n") != etree.tostring(present, method="c14n"):
            made.tail = present.tail
            root.replace(present, made)
    if etree.tostring(root) != before:
        package.touch(known.pivot.part)


def _list_items(field: etree._Element, codes: Sequence[int], hidden: frozenset[int]) -> None:
    """Put new items into a field's list, in the order of `codes`; those that are there keep their elements."""
    group = child(field, "items")
    if group is None:
        return
    present = {int(e.get("x", "-1")): e for e in members(group) if e.get("t", "data") == "data"}
    ends = [e for e in members(group) if e.get("t", "data") != "data"]
    several = field.get("multipleItemSelectionAllowed", "0") in ("1", "true") or any(
        e.get("h") for e in present.values()
    )
    for element in list(group):
        group.remove(element)
    for code in codes:
        mark = ' h="1"' if several and code in hidden else ""
        group.append(present[code] if code in present else _parsed(f'<item{mark} x="{code}"/>', field))
    group.extend(ends)
    group.set("count", str(len(group)))


def _write_cache(workbook: Workbook, found: Pivot, source: Source | None, fields: list[Field]) -> None:
    """Write the records, the new shared items and what is said about them."""
    package = workbook.package
    root = package.xml(found.cache)
    listed = set()
    for number, element in enumerate(members(child(root, "cacheFields"))):
        shared = child(element, "sharedItems")
        if shared is None:
            continue
        if len(shared):
            listed.add(number)
        _share(shared, fields[number])
    count = len(fields[0].values)
    root.set("recordCount", str(count))
    _ask(root, source)
    package.touch(found.cache)
    part = records_part(workbook, found.cache)
    if part is not None:
        package.write(part, records_xml(fields, listed, etree.QName(root).namespace or ""))


def _share(shared: etree._Element, field: Field) -> None:
    known = len(members(shared))
    for name in list(shared.attrib):
        if name not in ("count",):
            del shared.attrib[name]
    items: list[Item] = field.items
    for name, value in shared_attributes(items).items():
        shared.set(name, value)
    if known:
        for item in items[known:]:
            shared.append(_parsed(item_xml(item), shared))
        shared.set("count", str(len(items)))


def _ask(root: etree._Element, source: Source | None) -> None:
    """Let Excel refresh the cache when it opens the file, from another source if one is given."""
    root.set("refreshOnLoad", "1")
    element = child(root, "cacheSource", "worksheetSource")
    if source is None or element is None:
        return
    for name in ("name", "ref", "sheet"):
        if name in element.attrib:
            del element.attrib[name]
    if source.table:
        element.set("name", source.table)
    else:
        element.set("ref", str(source.area))
        element.set("sheet", source.sheet.name)


def _marked(workbook: Workbook, found: Pivot, source: Source | None, reason: str) -> Edited:
    """Return the file in which Excel is asked to refresh the pivot table when it opens it; its cells stay."""
    package = workbook.package
    root = package.xml(found.cache)
    before = root.get("refreshOnLoad", "0"), source_text(root)
    _ask(root, source)
    after = root.get("refreshOnLoad", "0"), source_text(root)
    if before == after:
        message = f"{found.name!r} is computed by Excel only, when it opens the file: {reason}."
        raise ToolInputError(message, hint="Open it in Excel.", code="unchanged")
    package.touch(found.cache)
    check_parts(package, [found.cache])
    warning = (
        f"{found.where}: {found.name!r} still shows its old values, Excel computes it when it opens the file: {reason}."
    )
    hunk = Hunk(found.where, f"pivot table {found.name!r}", "to be refreshed when Excel opens the file", "structure")
    return Edited.of(package.save(), [hunk], [warning, *signature_warning(package)])


def _written(
    content: bytes, workbook: Workbook, found: Pivot, changed: list[tuple[_Known, dict[At, Entry], Area]]
) -> Edited:
    """Write the cells, sheet by sheet, and return the edit."""
    by_sheet: dict[str, dict[At, Entry]] = {}
    for known, entries, _ in changed:
        by_sheet.setdefault(known.pivot.sheet.name, {}).update(entries)
    edits = []
    for name, entries in by_sheet.items():
        edit = SheetEdit(workbook, workbook.sheet(name), entries)
        edit.apply()
        edits.append(edit)
    if not edits:
        hint = "It is computed from its source as it stands in the file."
        raise ToolInputError(f"{found.name!r} shows what its source holds already.", hint=hint, code="unchanged")
    sizes = [
        Hunk(k.pivot.where, f"pivot table {k.pivot.name!r} at {k.pivot.area}", f"at {area}", "structure")
        for k, _, area in changed
        if area != k.pivot.area
    ]
    check_parts(workbook.package, [found.cache, *(k.pivot.part for k, _, _ in changed)])
    return finish(content, workbook, edits, sizes)


#: What this module adds to the operations on a workbook.
OPERATIONS = (refresh_pivot,)
