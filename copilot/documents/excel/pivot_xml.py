"""The parts of a pivot table: cache definition, cache records, table definition (ECMA-376 part 1, 18.10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from copilot.documents.excel.markup import encode_xstring, escape
from copilot.documents.excel.pivot_data import Field, Item, Source
from copilot.documents.excel.pivot_layout import SPELLED, Layout, Line, Spec
from copilot.documents.excel.refs import Area
from copilot.documents.excel.values import CellError

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
#: The version of Excel that the parts are written for: 6 is Excel 2016.
_VERSIONS = 'createdVersion="6" refreshedVersion="6" minRefreshableVersion="3"'


def quoted(text: str) -> str:
    """Return text as the value of an attribute."""
    return escape(encode_xstring(text), quote=True)


def item_xml(item: Item, prefix: str = "") -> str:
    """Return an item of a cache: s, n, d, b, e or m (18.10.1.85 and its like)."""
    if item is None:
        return f"<{prefix}m/>"
    if isinstance(item, bool):
        return f'<{prefix}b v="{int(item)}"/>'
    if isinstance(item, datetime):
        return f'<{prefix}d v="{_moment(item)}"/>'
    if isinstance(item, (int, float)):
        return f'<{prefix}n v="{item!r}"/>'
    return f'<{prefix}{"e" if isinstance(item, CellError) else "s"} v="{quoted(item)}"/>'


def _moment(value: datetime) -> str:
    return value.replace(microsecond=0).isoformat()


def shared_attributes(items: Sequence[Item]) -> dict[str, str]:
    """Return what a cache says about the items of a field (sharedItems, 18.10.1.90), as Excel writes it."""
    blanks = any(i is None for i in items)
    texts = [i for i in items if isinstance(i, (str, bool))]
    dates = [i for i in items if isinstance(i, datetime)]
    numbers = [i for i in items if isinstance(i, (int, float)) and not isinstance(i, bool)]
    found: dict[str, str] = {}
    if not texts:
        if (numbers or dates) and not blanks:
            found["containsSemiMixedTypes"] = "0"
        if not numbers:
            found["containsNonDate"] = "0"
        if dates:
            found["containsDate"] = "1"
        found["containsString"] = "0"
    elif dates:
        found["containsDate"] = "1"
    if blanks:
        found["containsBlank"] = "1"
    if sum(map(bool, (texts, dates, numbers))) > 1:
        found["containsMixedTypes"] = "1"
    if numbers:
        found["containsNumber"] = "1"
        if all(isinstance(n, int) for n in numbers):
            found["containsInteger"] = "1"
        found |= {"minValue": repr(min(numbers)), "maxValue": repr(max(numbers))}
    if dates:  # the end is the day after the last one
        last = max(dates).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        found |= {"minDate": _moment(min(dates)), "maxDate": _moment(last)}
    if any(isinstance(t, str) and len(t) > 255 for t in texts):
        found["longText"] = "1"
    return found


def cache_xml(source: Source, fields: Sequence[Field], listed: Iterable[int], main: str, relationships: str) -> bytes:
    """Return a cache definition (18.10.1.67); the items of the fields `listed` are shared, of others only described.

    It asks Excel to refresh it when it is opened. The records' relationship is rId1.
    """
    known = set(listed)
    area = (
        f'name="{quoted(source.table)}"' if source.table else f'ref="{source.area}" sheet="{quoted(source.sheet.name)}"'
    )
    made = "".join(_cache_field(f, listed=n in known) for n, f in enumerate(fields))
    count = len(fields[0].values)
    return (
        f'{_DECLARATION}<pivotCacheDefinition xmlns="{main}" xmlns:r="{relationships}" r:id="rId1" refreshOnLoad="1" '
        f'{_VERSIONS} recordCount="{count}"><cacheSource type="worksheet"><worksheetSource {area}/></cacheSource>'
        f'<cacheFields count="{len(fields)}">{made}</cacheFields></pivotCacheDefinition>'
    ).encode()


def _cache_field(field: Field, *, listed: bool) -> str:
    facts = "".join(f' {k}="{v}"' for k, v in shared_attributes(field.items).items())
    items = "".join(map(item_xml, field.items))
    shared = (
        f'<sharedItems{facts} count="{len(field.items)}">{items}</sharedItems>' if listed else f"<sharedItems{facts}/>"
    )
    return f'<cacheField name="{quoted(field.name)}" numFmtId="{field.number}">{shared}</cacheField>'


def records_xml(fields: Sequence[Field], listed: Iterable[int], main: str) -> bytes:
    """Return the records of a cache (18.10.1.68): an index for a shared item, else the value."""
    known = set(listed)
    columns = [
        [f'<x v="{code}"/>' for code in f.codes] if n in known else list(map(item_xml, f.values))
        for n, f in enumerate(fields)
    ]
    rows = "".join(f"<r>{''.join(row)}</r>" for row in zip(*columns, strict=True))
    count = len(fields[0].values)
    return f'{_DECLARATION}<pivotCacheRecords xmlns="{main}" count="{count}">{rows}</pivotCacheRecords>'.encode()


def table_xml(
    spec: Spec,
    fields: Sequence[Field],
    layout: Layout,
    pages: Sequence[int],
    *,
    name: str,
    cache: int,
    area: Area,
    style: str,
    main: str,
) -> bytes:
    """Return a table definition (18.10.1.73) in tabular or compact form; `pages` are the fields of its filters."""
    grand = ("" if spec.right else ' rowGrandTotals="0"') + ("" if spec.bottom else ' colGrandTotals="0"')
    form = ' outline="1" outlineData="1"' if spec.compact else ' compact="0" compactData="0"'
    paged = f' rowPageCount="{len(pages)}" colPageCount="1"' if pages else ""
    hides = len(spec.values) > 1 and not spec.columns
    first = 0 if hides else 1
    columns = [*spec.columns, *([-2] if len(spec.values) > 1 else [])]
    parts = [
        f'<location ref="{area}" firstHeaderRow="{first}" firstDataRow="{layout.head}" '
        f'firstDataCol="{layout.labels}"{paged}/>',
        _counted("pivotFields", [_pivot_field(spec, fields, n, pages) for n in range(len(fields))]),
        _counted("rowFields", [f'<field x="{n}"/>' for n in spec.rows]),
        _counted("rowItems", items_of(layout.rows, data=False)),
        _counted("colFields", [f'<field x="{n}"/>' for n in columns]),
        _counted("colItems", items_of(layout.columns, data=len(spec.values) > 1)),
        _counted("pageFields", [_page(spec, n) for n in pages]),
        _counted("dataFields", [_data_field(spec, i) for i in range(len(spec.values))]),
        f'<pivotTableStyleInfo name="{quoted(style)}" showRowHeaders="1" showColHeaders="1" showRowStripes="0" '
        'showColStripes="0" showLastColumn="1"/>',
        _HIDES if hides else "",
    ]
    return (
        f'{_DECLARATION}<pivotTableDefinition xmlns="{main}" name="{quoted(name)}" cacheId="{cache}" '
        'applyNumberFormats="0" applyBorderFormats="0" applyFontFormats="0" applyPatternFormats="0" '
        f'applyAlignmentFormats="0" applyWidthHeightFormats="1" dataCaption="{quoted(spec.data_caption)}" '
        'updatedVersion="6" minRefreshableVersion="3" useAutoFormatting="1" itemPrintTitles="1" createdVersion="6" '
        f'indent="0"{form} multipleFieldFilters="0"{grand}>{"".join(parts)}</pivotTableDefinition>'
    ).encode()


#: The caption "Values" over several figures is not shown ([MS-XLSX] 2.6.33).
_HIDES = (
    f'<extLst><ext uri="{{962EF5D1-5CA2-4c93-8EF4-DBF5C05439D2}}" xmlns:x14="{_X14}">'
    '<x14:pivotTableDefinition hideValuesRow="1"/></ext></extLst>'
)


def _counted(tag: str, inside: Sequence[str], prefix: str = "") -> str:
    """Return a list with its count, "" for an empty one."""
    if not inside:
        return ""
    return f'<{prefix}{tag} count="{len(inside)}">{"".join(inside)}</{prefix}{tag}>'


def _pivot_field(spec: Spec, fields: Sequence[Field], number: int, pages: Sequence[int]) -> str:
    axis = "axisRow" if number in spec.rows else "axisCol" if number in spec.columns else ""
    axis = "axisPage" if number in pages else axis
    form = "" if spec.compact else ' compact="0" outline="0"'
    figure = ' dataField="1"' if any(v.field == number for v in spec.values) else ""
    if not axis:
        return f'<pivotField{figure}{form} showAll="0"/>'
    hidden = spec.hidden.get(number, frozenset())
    several = number in pages and len(fields[number].items) - len(hidden) != 1
    marked = ' multipleItemSelectionAllowed="1"' if several and hidden else ""
    subtotal = number in spec.subtotals
    format = f' numFmtId="{fields[number].number}"' if fields[number].number else ""
    marks = [' h="1"' if marked and code in hidden else "" for code in spec.order[number]]
    items = [f'<item{mark} x="{code}"/>' for mark, code in zip(marks, spec.order[number], strict=True)]
    if subtotal:
        items.append('<item t="default"/>')
    none = "" if subtotal else ' defaultSubtotal="0"'
    facts = f'axis="{axis}"{figure}{format}{form}{marked} showAll="0"{none}'
    return f"<pivotField {facts}>{_counted('items', items)}</pivotField>"


def _page(spec: Spec, number: int) -> str:
    """Return a filter: which item it shows, where that is a single one (18.10.1.63)."""
    hidden = spec.hidden.get(number, frozenset())
    left = [place for place, code in enumerate(spec.order[number]) if code not in hidden]
    single = f' item="{left[0]}"' if hidden and len(left) == 1 else ""
    return f'<pageField fld="{number}"{single} hier="-1"/>'


def _data_field(spec: Spec, index: int) -> str:
    value = spec.values[index]
    function = SPELLED[value.function][0]
    subtotal = "" if function == "sum" else f' subtotal="{function}"'
    format = f' numFmtId="{value.number}"' if value.number else ""
    return f'<dataField name="{quoted(value.name)}" fld="{value.field}"{subtotal} baseField="0" baseItem="0"{format}/>'


def items_of(lines: Sequence[Line], *, data: bool, prefix: str = "") -> list[str]:
    """Return the items of an axis (rowItems, colItems; 18.10.1.84): what is as in the line before is only counted.

    `data`: several figures lie on this axis, and each line says which of them it shows.
    """
    made = []
    last: tuple[int, ...] = ()
    for line in lines:
        key = line.key or ((0,) if line.kind == "grand" else ())
        if data and line.kind == "data":
            key = (*key, line.data)
        same = 0
        if line.kind == "data":
            pairs = zip(last, key, strict=False)
            same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(last), len(key)))
            same = min(same, max(len(key) - 1, 0))
        elif line.kind == "default":
            same = len(key) - 1
        facts = (f' t="{line.kind}"' if line.kind != "data" else "") + (f' r="{same}"' if same else "")
        facts += f' i="{line.data}"' if line.data else ""
        inside = "".join(f'<{prefix}x v="{v}"/>' if v else f"<{prefix}x/>" for v in key[same:])
        made.append(f"<{prefix}i{facts}>{inside}</{prefix}i>" if inside else f"<{prefix}i{facts}/>")
        last = key if line.kind == "data" else ()
    return made
