"""Column and row records of a sheet as bytes: `col` (18.3.1.13) split where an edit cuts it, `row` (18.3.1.73)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copilot.documents.excel import elements, markup
from copilot.documents.excel.refs import MAX_COLUMN
from copilot.documents.excel.splice import RowSpan, SheetXml
from copilot.errors import DocumentError

#: Returns a start tag from the present one.
Change = Callable[[bytes], bytes]
_TRUE = ("1", "true", "on")


@dataclass(frozen=True, slots=True)
class Columns:
    """One `col` element: the columns that it describes, its tag and where it lies."""

    first: int
    last: int
    tag: bytes
    start: int
    end: int


def columns(xml: SheetXml) -> list[Columns]:
    """Return the column records of a sheet in the order of the file; those without numbers are left out."""
    found = []
    for group in markup.find_all(xml.data, xml.prefix + b"cols", 0, xml.inner):
        for each in markup.find_all(xml.data, xml.prefix + b"col", group.inner, group.close):
            tag = xml.data[each.start : each.inner]
            low, high = (markup.attribute(tag, name) or "" for name in (b"min", b"max"))
            if low.isdigit() and high.isdigit():
                found.append(Columns(int(low), min(int(high), MAX_COLUMN), tag, each.start, each.end))
    return found


def column_tag(xml: SheetXml, column: int) -> bytes:
    """Return the tag of the record that describes a column, b"" for none."""
    return next((each.tag for each in columns(xml) if each.first <= column <= each.last), b"")


def with_columns(xml: SheetXml, first: int, last: int, change: Change) -> bytes:
    """Return the sheet with the records of columns `first` to `last` changed, split or made as needed.

    A record that the change makes as empty as none at all is left in: its width was written by somebody.
    """
    present = columns(xml)
    patches: list[tuple[int, int, bytes]] = []
    free = first
    anchor = None
    for each in sorted(present, key=lambda record: record.first):
        if each.last < first or each.first > last:
            anchor = each.start if each.first > last and anchor is None else anchor
            continue
        gap = _made(xml, free, each.first - 1, change)
        patches.append((each.start, each.end, gap + _split(each, first, last, change)))
        free = each.last + 1
    rest = _made(xml, free, last, change)
    if rest:
        patches += _rest(present, anchor, rest)
    return markup.patched(xml.data, patches) if present or not rest else _first(xml, rest)


def _rest(present: list[Columns], anchor: int | None, rest: bytes) -> list[tuple[int, int, bytes]]:
    """Return where new records go that lie behind all that were changed."""
    if not present:
        return []
    at = anchor if anchor is not None else max(each.end for each in present)
    return [(at, at, rest)]


def _first(xml: SheetXml, made: bytes) -> bytes:
    name = xml.prefix + b"cols"
    return elements.put(xml.data, xml.prefix, b"cols", b"<" + name + b">" + made + b"</" + name + b">")


def _split(each: Columns, first: int, last: int, change: Change) -> bytes:
    def part(low: int, high: int, tag: bytes) -> bytes:
        if low > high:
            return b""
        return markup.with_attribute(markup.with_attribute(tag, b"min", str(low)), b"max", str(high))

    low, high = max(first, each.first), min(last, each.last)
    changed = change(each.tag)
    if changed == each.tag:
        return _closed(each.tag)
    pieces = (part(each.first, low - 1, each.tag), part(low, high, changed), part(high + 1, each.last, each.tag))
    return b"".join(_closed(piece) for piece in pieces)


def _closed(tag: bytes) -> bytes:
    return tag if tag.endswith(b"/>") or not tag else tag[:-1] + b"/>"


def _made(xml: SheetXml, low: int, high: int, change: Change) -> bytes:
    if low > high:
        return b""
    width = f'width="{default_width(xml):.15g}"'
    fresh = b"<" + xml.prefix + f'col min="{low}" max="{high}" {width}/>'.encode()
    changed = change(fresh)
    return b"" if changed == fresh else changed


def default_width(xml: SheetXml) -> float:
    """Return the width of columns without a record, as the file counts it (18.3.1.81): Excel's own is 9.140625."""
    element = xml.element(b"sheetFormatPr")
    written = xml.attribute(element, b"defaultColWidth") if element else None
    base = xml.attribute(element, b"baseColWidth") if element else None
    try:
        return float(written) if written else float(base or 8) + 1.140625 - (0 if base is None or base == "8" else 0.43)
    except ValueError:
        return 9.140625


def rows_between(xml: SheetXml, first: int, last: int) -> Iterator[RowSpan]:
    """Yield the rows of a sheet that have a record, from `first` to `last`."""
    if last - first < 50:
        yield from (row for number in range(first, last + 1) if (row := xml.row(number)) is not None)
        return
    for row in xml.rows():
        if row.number > last:
            return
        if row.number >= first:
            yield row


def with_rows(xml: SheetXml, numbers: range, change: Change, *, create: bool = True) -> bytes:
    """Return the sheet with the tags of these rows changed; rows without a record get one if it says something."""
    if not numbers:
        return xml.data
    patches: list[tuple[int, int, bytes]] = []
    made: list[bytes] = []
    expected = numbers[0]
    for row in rows_between(xml, numbers[0], numbers[-1]):
        missing = _fresh_rows(xml, range(expected, row.number), change) if create else b""
        tag = xml.data[row.start : row.inner]
        changed = change(tag)
        if changed != tag or missing:
            patches.append((row.start, row.inner, missing + changed))
        expected = row.number + 1
    if create:
        made.append(_fresh_rows(xml, range(expected, numbers[-1] + 1), change))
    rest = b"".join(made)
    if rest:
        patches += _appended(xml, expected, rest)
    return markup.patched(xml.data, patches)


def _fresh_rows(xml: SheetXml, numbers: range, change: Change) -> bytes:
    found = []
    for number in numbers:
        fresh = b"<" + xml.prefix + b'row r="%d"/>' % number
        changed = change(fresh)
        found.append(b"" if changed == fresh else changed)
    return b"".join(found)


def _appended(xml: SheetXml, number: int, rest: bytes) -> list[tuple[int, int, bytes]]:
    if not xml.self_closed:
        at = xml.place_for(number)
        return [(at, at, rest)]
    start = xml.data.rindex(b"<", 0, xml.inner)
    tag = xml.data[start : xml.inner - 2].rstrip()
    return [(start, xml.inner, tag + b">" + rest + b"</" + xml.prefix + b"sheetData>")]


def flag(tag: bytes, name: bytes) -> bool:
    """Return whether a tag's attribute is set ("1" or "true")."""
    return markup.attribute(tag, name) in _TRUE


def whole_number(tag: bytes, name: bytes, default: int = 0) -> int:
    """Return a tag's attribute as a number; raises DocumentError "broken" where it is none."""
    written = markup.attribute(tag, name)
    if written is None:
        return default
    if not written.strip().isdigit():
        raise DocumentError(f"The attribute {name.decode()} is {written!r}: the file is damaged.", code="broken")
    return int(written)
