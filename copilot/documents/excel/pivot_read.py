"""Pivot tables that are there: their source, their cache, and what they ask for (ECMA-376 part 1, 18.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from copilot.documents.excel.drawings import child, local
from copilot.documents.excel.markup import decode_xstring
from copilot.documents.excel.pivot_data import Field, Item
from copilot.documents.excel.pivot_layout import SPELLED, Spec, Value
from copilot.documents.excel.refs import Area, quote_sheet
from copilot.documents.excel.values import CellError, number
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

_FUNCTIONS = {spelled: name for name, (spelled, _) in SPELLED.items()}
_ON = ("1", "true", "on")


class NotComputable(Exception):
    """A pivot table asks for something that only Excel computes; the text says what, as the end of a sentence."""


@dataclass(frozen=True)
class Pivot:
    """A pivot table: its name, where it lies, its part and that of its cache; `source` is a table, a range or ""."""

    name: str
    sheet: Sheet
    part: str
    cache: str
    area: Area
    source: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[str, ...]
    filters: tuple[str, ...]

    @property
    def where(self) -> str:
        """The place as a citation names it."""
        return f"{self.sheet.name}!{self.area}"


def list_pivots(workbook: Workbook, sheet: str | None = None) -> list[Pivot]:
    """Return the pivot tables of a workbook, or of one sheet; raises ToolInputError for an unknown sheet."""
    package = workbook.package
    return [
        found
        for each in ([workbook.sheet(sheet)] if sheet else workbook.worksheets)
        for part in package.related(each.part, "pivotTable")
        if package.has(part) and (found := _pivot(workbook, each, part)) is not None
    ]


def _pivot(workbook: Workbook, sheet: Sheet, part: str) -> Pivot | None:
    root = workbook.package.xml(part)
    location = child(root, "location")
    cache = next((p for p in workbook.package.related(part, "pivotCacheDefinition") if workbook.package.has(p)), "")
    if location is None or not cache:
        return None
    definition = workbook.package.xml(cache)
    names = [decode_xstring(f.get("name", "")) for f in members(child(definition, "cacheFields"))]

    def named(group: str, attribute: str) -> tuple[str, ...]:
        found = [int(e.get(attribute, "-1")) for e in members(child(root, group))]
        return tuple(names[n] for n in found if 0 <= n < len(names))

    values = tuple(decode_xstring(e.get("name", "")) for e in members(child(root, "dataFields")))
    return Pivot(
        decode_xstring(root.get("name", "")),
        sheet,
        part,
        cache,
        Area.parse(location.get("ref", "")),
        source_text(definition),
        named("rowFields", "x"),
        named("colFields", "x"),
        values,
        named("pageFields", "fld"),
    )


def find_pivot(workbook: Workbook, pivot: str | int, sheet: str | None = None) -> Pivot:
    """Return the pivot table of that name, or with that number on its sheet; raises ToolInputError."""
    known = list_pivots(workbook, sheet)
    if not known:
        raise ToolInputError("There is no pivot table.", hint="Make one with create_pivot.", code="unknown_pivot")
    text = str(pivot).strip().casefold()
    fitting = [p for p in known if p.name.casefold() == text]
    if not fitting and text.isdigit():
        numbers = {p.part: [q.part for q in known if q.sheet == p.sheet].index(p.part) + 1 for p in known}
        fitting = [p for p in known if numbers[p.part] == int(text)]
    if not fitting:
        raise ToolInputError.unknown("pivot", str(pivot), [p.name for p in known])
    if len(fitting) > 1:
        places = ", ".join(p.where for p in fitting)
        raise ToolInputError(f"Several pivot tables fit: {places}.", hint="Name the sheet.", code="ambiguous_pivot")
    return fitting[0]


def members(group: etree._Element | None) -> list[etree._Element]:
    """Return the elements of a list, none where it is missing."""
    return [e for e in group if local(e)] if group is not None else []


def source_text(definition: etree._Element) -> str:
    """Return the source of a cache as a person writes it: a table's name or "Data!A1:D9"; "" for another kind."""
    source = child(definition, "cacheSource", "worksheetSource")
    if source is None or any(str(k).endswith("}id") for k in source.attrib):
        return ""
    if source.get("name"):
        return source.get("name", "")
    sheet, ref = source.get("sheet", ""), source.get("ref", "")
    return f"{quote_sheet(sheet)}!{ref}" if sheet and ref else ""


# --- the cache -------------------------------------------------------------------------------------------------------


def cached_fields(workbook: Workbook, cache: str) -> list[Field]:
    """Return the fields with the records that the cache holds; raises NotComputable."""
    definition = workbook.package.xml(cache)
    described = members(child(definition, "cacheFields"))
    for field in described:
        if field.get("formula") or field.get("databaseField", "1") not in _ON:
            raise NotComputable(f"the field {field.get('name', '')!r} is calculated")
        if child(field, "fieldGroup") is not None:
            raise NotComputable(f"the field {field.get('name', '')!r} is grouped")
    if child(definition, "calculatedItems") is not None or child(definition, "cacheHierarchies") is not None:
        raise NotComputable("it has calculated items or comes from a data model")
    shared = [[_item(e) for e in members(child(f, "sharedItems"))] for f in described]
    columns: list[list[Item]] = [[] for _ in described]
    for record in _records(workbook, cache):
        values = members(record)
        if len(values) != len(described):
            raise NotComputable("its cache is not complete")
        for column, items, value in zip(columns, shared, values, strict=True):
            column.append(_recorded(value, items))
    return [
        Field(decode_xstring(f.get("name", "")), values, int(f.get("numFmtId", "0")), items)
        for f, values, items in zip(described, columns, shared, strict=True)
    ]


def records_part(workbook: Workbook, cache: str) -> str | None:
    """Return the part with the records of a cache, None where it keeps none."""
    found = workbook.package.related(cache, "pivotCacheRecords")
    return next((p for p in found if workbook.package.has(p)), None)


def _records(workbook: Workbook, cache: str) -> Iterator[etree._Element]:
    part = records_part(workbook, cache)
    if part is None:
        raise NotComputable("its cache holds no records")
    yield from members(workbook.package.xml(part))


def _recorded(value: etree._Element, items: list[Item]) -> Item:
    if local(value) != "x":
        return _item(value)
    index = int(value.get("v", "0"))
    if index >= len(items):
        raise NotComputable("its cache is not complete")
    return items[index]


def _item(element: etree._Element) -> Item:
    text = element.get("v", "")
    kind = local(element)
    if kind == "m":
        return None
    if kind == "b":
        return text in _ON
    try:
        if kind == "n":
            return number(text)
        if kind == "d":
            return datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise NotComputable(f"its cache holds {text!r} for a number or a date") from None
    return CellError(text) if kind == "e" else decode_xstring(text)


# --- what is asked for ---------------------------------------------------------------------------------------------


def spec_of(root: etree._Element, fields: list[Field]) -> Spec:
    """Return what a table definition asks for; raises NotComputable for what goes beyond `Spec`."""
    described = members(child(root, "pivotFields"))
    if len(described) != len(fields):
        raise NotComputable("its fields are not those of its cache")
    rows, columns = _axis(root, "rowFields"), _axis(root, "colFields")
    values = tuple(_value(e, fields) for e in members(child(root, "dataFields")))
    pages = [int(e.get("fld", "0")) for e in members(child(root, "pageFields"))]
    _refuse_features(root, rows, values)
    columns = tuple(n for n in columns if n != -2)
    order, hidden = {}, {}
    for number_ in (*rows, *columns, *pages):
        order[number_], hidden[number_] = _items(described[number_], fields[number_])
    for page in members(child(root, "pageFields")):
        if (chosen := page.get("item")) is not None:
            own = int(page.get("fld", "0"))
            hidden[own] = frozenset(order[own]) - {order[own][int(chosen)]}
    forms = [described[n] for n in (*rows, *columns)]
    compact = _form(forms)
    return Spec(
        rows,
        columns,
        values,
        order,
        hidden,
        frozenset(n for n in (*rows, *columns) if described[n].get("defaultSubtotal", "1") in _ON),
        root.get("rowGrandTotals", "1") in _ON,
        root.get("colGrandTotals", "1") in _ON,
        compact,
        _values_row(root),
        {n: decode_xstring(e.get("name", "")) for n, e in enumerate(described) if e.get("name")},
    )


def _axis(root: etree._Element, group: str) -> tuple[int, ...]:
    return tuple(int(e.get("x", "0")) for e in members(child(root, group)))


def _value(element: etree._Element, fields: list[Field]) -> Value:
    if element.get("showDataAs", "normal") != "normal" or child(element, "extLst") is not None:
        raise NotComputable(f"{element.get('name', '')!r} is shown as a share or a difference")
    function = _FUNCTIONS[element.get("subtotal", "sum")]
    return Value(int(element.get("fld", "0")), function, decode_xstring(element.get("name", "")))


def _refuse_features(root: etree._Element, rows: tuple[int, ...], values: tuple[Value, ...]) -> None:
    if child(root, "filters") is not None:
        raise NotComputable("it is filtered by labels or values")
    if -2 in rows or root.get("dataOnRows", "0") in _ON:
        raise NotComputable("its figures lie below each other")
    if not rows or not values:
        raise NotComputable("it has no rows or no figures")
    if root.get("gridDropZones", "0") in _ON:
        raise NotComputable("it has the classic layout")


_FEATURES = (
    ("autoShow", "0", "shows the top of its items only"),
    ("insertBlankRow", "0", "has blank lines between its items"),
    ("showAll", "1", "shows items without data"),
)
_SUBTOTALS = ("sumSubtotal", "countSubtotal", "countASubtotal", "avgSubtotal", "maxSubtotal", "minSubtotal")


def _items(field: etree._Element, data: Field) -> tuple[list[int], frozenset[int]]:
    """Return the display order of a field's items and those that are hidden."""
    for name, default, why in _FEATURES:
        if field.get(name, default) in _ON:
            raise NotComputable(f"the field {data.name!r} {why}")
    if any(field.get(name, "0") in _ON for name in _SUBTOTALS):
        raise NotComputable(f"the field {data.name!r} has subtotals of its own")
    if child(field, "autoSortScope") is not None:
        raise NotComputable(f"the field {data.name!r} is sorted by a figure")
    order: list[int] = []
    hidden = set()
    for item in members(child(field, "items")):
        if item.get("t", "data") != "data":
            continue
        if item.get("sd", "1") not in _ON or item.get("n"):
            raise NotComputable(f"the field {data.name!r} has items that are collapsed or renamed")
        code = int(item.get("x", "-1"))
        if not 0 <= code < len(data.items):
            raise NotComputable("its items are not those of its cache")
        order.append(code)
        if item.get("h", "0") in _ON:
            hidden.add(code)
    if sorted(order) != list(range(len(data.items))):
        raise NotComputable("its items are not those of its cache")
    return order, frozenset(hidden)


def _form(fields: list[etree._Element]) -> bool:
    """Return whether the axis fields are compact, False for tabular; raises NotComputable for a mixture."""
    outline = {f.get("outline", "1") in _ON for f in fields}
    compact = {f.get("compact", "1") in _ON for f in fields}
    if outline == {False}:
        return False
    if outline == compact == {True} and all(f.get("subtotalTop", "1") in _ON for f in fields):
        return True
    raise NotComputable("it has a layout of its own")


def _values_row(root: etree._Element) -> bool:
    location = child(root, "location")
    return location is not None and location.get("firstHeaderRow") == "1" and location.get("firstDataRow") == "2"
