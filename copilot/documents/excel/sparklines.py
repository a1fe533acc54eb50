"""Sparklines: small charts in cells, kept in an extension of the sheet (x14:sparklineGroups, [MS-XLSX] 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from copilot.documents.excel import elements, markup
from copilot.documents.excel.colors import color_attributes
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area, quote_sheet, split_sheet
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Kind = Literal["line", "column", "win_loss"]

_URI = "{05C60535-1F16-4fd2-B633-F4F36F0B64E0}"
_X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
_XM = "http://schemas.microsoft.com/office/excel/2006/main"
_TYPES = {"line": ' lineWeight="1.25"', "column": ' type="column"', "win_loss": ' type="stacked"'}
#: Excel's own second colours: negative points, axis, markers, first, last, high and low.
_COLOURS = (
    ("Negative", "FFD00000"),
    ("Axis", "FF000000"),
    ("Markers", "FFD00000"),
    ("First", "FFD00000"),
    ("Last", "FFD00000"),
    ("High", "FFD00000"),
    ("Low", "FFD00000"),
)


@dataclass(frozen=True, slots=True)
class Sparkline:
    """One sparkline: the sheet and the cell that it lies in, the range that it shows, its kind."""

    sheet: str
    cell: str
    range: str
    kind: str


def list_sparklines(workbook: Workbook, sheet: Sheet) -> list[Sparkline]:
    """Return the sparklines of a sheet."""
    data = markup.plain(workbook.package.read(sheet.part), sheet.part)
    return [each for group in _groups(data) for each in group.lines(data, sheet.name)]


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of sparklines in a sheet's part, with the prefixes that it uses."""

    element: markup.Element
    prefix: bytes

    def lines(self, data: bytes, sheet: str) -> Iterator[Sparkline]:
        """Yield its sparklines."""
        tag = data[self.element.start : self.element.inner]
        kind = {"column": "column", "stacked": "win_loss"}.get(markup.attribute(tag, b"type") or "", "line")
        for each in self.each(data):
            yield Sparkline(sheet, _text(data, each, b"sqref"), _text(data, each, b"f"), kind)

    def each(self, data: bytes) -> list[markup.Element]:
        """Return where its sparklines lie."""
        return list(markup.find_all(data, self.prefix + b"sparkline", self.element.inner, self.element.close))


def _text(data: bytes, element: markup.Element, local: bytes) -> str:
    """Return the text of the child of that local name, whatever its prefix."""
    for name, start in markup.children(data, element.inner, element.close):
        if name.rpartition(b":")[2] == local:
            found = elements.whole(data, name, start)
            return markup.unescape(data[found.inner : found.close].decode()).strip()
    return ""


def _holder(data: bytes) -> tuple[markup.Element, bytes] | None:
    """Return the element `sparklineGroups` and its prefix, None where there is none."""
    extension = elements.extension(data, markup.prefix_of(data), _URI)
    if extension is None or extension.empty:
        return None
    for name, start in markup.children(data, extension.inner, extension.close):
        head, colon, local = name.rpartition(b":")
        if local == b"sparklineGroups":
            return elements.whole(data, name, start), head + colon
    return None


def _groups(data: bytes) -> list[_Group]:
    found = _holder(data)
    if found is None:
        return []
    holder, prefix = found
    return [_Group(e, prefix) for e in markup.find_all(data, prefix + b"sparklineGroup", holder.inner, holder.close)]


def add_sparklines(
    content: bytes,
    range: str,
    at: str,
    kind: Kind = "line",
    sheet: str = "",
    *,
    color: str = "#376092",
    markers: bool = False,
    high_low: bool = False,
    same_axis: bool = False,
    overwrite: bool = False,
) -> Edited:
    """Put sparklines of `range` into the cells `at`: one for each row of the data, or for each column.

    `at` is one cell, or a column (a row) of as many cells as the data has rows (columns). `markers` shows the points of
    a line, `high_low` the highest and the lowest, `same_axis` gives all the same scale. Raises ToolInputError where the
    two don't fit together, where a cell has a sparkline already (`overwrite` replaces it) or holds a value.
    """
    workbook = Workbook.open(content)
    source, area = place(workbook, range, sheet)
    own, written = split_sheet(at)
    home, cells = place(workbook, written, own or sheet or source.name)
    pairs = _pairs(area, cells)
    part = home.part
    data = markup.plain(workbook.package.read(part), part)
    _refuse_taken(workbook, home, cells, overwrite=overwrite)
    before = {s.cell: s.range for s in list_sparklines(workbook, home)}
    taken = [str(c) for c, _ in pairs if str(c) in before]
    if taken and not overwrite:
        message = f"{home.name}!{taken[0]} has a sparkline already."
        raise ToolInputError(message, hint="Choose other cells, or set overwrite to true.", code="taken")
    data = _without(data, cells)
    made = _group_xml(kind, color, pairs, source.name, markers=markers, high_low=high_low, same_axis=same_axis)
    workbook.package.write(part, _with_group(data, made))
    name = quote_sheet(source.name)
    hunks = [
        Hunk(f"{home.name}!{c}", before.get(str(c), ""), f"{kind} sparkline of {name}!{a}", "format") for c, a in pairs
    ]
    check_parts(workbook.package, [part])
    return Edited.of(workbook.package.save(), hunks, signature_warning(workbook.package))


def _pairs(data: Area, cells: Area) -> list[tuple[Area, Area]]:
    """Return (cell, data) for each sparkline; raises ToolInputError where the numbers differ."""
    single = [Area(r, c, r, c) for r, c in cells.cells()]
    rows = [Area(r, data.left, r, data.right) for r, c in data.cells() if c == data.left]
    columns = [Area(data.top, c, data.bottom, c) for r, c in data.cells() if r == data.top]
    if len(single) == 1 and 1 in (data.width, data.height):
        return [(single[0], data)]
    lying = cells.height == 1 and cells.width > 1
    for wanted in (columns, rows) if lying else (rows, columns):
        if 1 in (cells.width, cells.height) and len(wanted) == len(single):
            return list(zip(single, wanted, strict=True))
    hint = f"Give {data.height} cells below each other, or {data.width} beside each other."
    message = f"{cells} and the data {data} don't fit together: a sparkline shows one row or one column."
    raise ToolInputError(message, hint=hint, code="address")


def _refuse_taken(workbook: Workbook, sheet: Sheet, cells: Area, *, overwrite: bool) -> None:
    """Refuse cells that hold something: a sparkline would lie behind it."""
    taken = [c for _, row in Grid.of(workbook, sheet, compute=False, area=cells).within(cells) for c in row.values()]
    if taken and not overwrite:
        message = f"{sheet.name}!{taken[0].address} holds something: a sparkline would lie behind it."
        raise ToolInputError(message, hint="Choose empty cells, or set overwrite to true.", code="taken")


def _group_xml(
    kind: str,
    color: str,
    pairs: list[tuple[Area, Area]],
    sheet: str,
    *,
    markers: bool,
    high_low: bool,
    same_axis: bool,
) -> bytes:
    flags = ' markers="1"' * markers + ' high="1" low="1"' * high_low
    axis = ' minAxisType="group" maxAxisType="group"' * same_axis
    negative = ' negative="1"' if kind == "win_loss" else ""
    facts = "".join(f' {k}="{v}"' for k, v in color_attributes(color).items())
    series = f"<x14:colorSeries{facts}/>"
    others = "".join(f'<x14:color{name} rgb="{value}"/>' for name, value in _COLOURS)
    lines = "".join(
        f"<x14:sparkline><xm:f>{markup.escape(quote_sheet(sheet))}!{area}</xm:f>"
        f"<xm:sqref>{cell}</xm:sqref></x14:sparkline>"
        for cell, area in pairs
    )
    return (
        f'<x14:sparklineGroup xmlns:x14="{_X14}" xmlns:xm="{_XM}"{_TYPES[kind]} displayEmptyCellsAs="gap"{flags}'
        f"{negative}{axis}>{series}{others}<x14:sparklines>{lines}</x14:sparklines></x14:sparklineGroup>"
    ).encode()


def _with_group(data: bytes, group: bytes) -> bytes:
    """Return the sheet's part with a further group of sparklines."""
    found = _holder(data)
    if found is not None:
        holder, prefix = found
        return markup.insert_into(data, holder, prefix + b"sparklineGroups", group)
    inner = b'<x14:sparklineGroups xmlns:xm="' + _XM.encode() + b'">' + group + b"</x14:sparklineGroups>"
    return elements.put_extension(data, markup.prefix_of(data), _URI, inner, {"x14": _X14})


def _without(data: bytes, cells: Area) -> bytes:
    """Return the sheet's part without the sparklines in an area; groups that are left empty go as well."""
    for group in reversed(_groups(data)):
        each = group.each(data)
        gone = [e for e in each if _inside(_text(data, e, b"sqref"), cells)]
        for element in [group.element] if gone and len(gone) == len(each) else reversed(gone):
            data = data[: element.start] + data[element.end :]
    if _holder(data) is not None and not _groups(data):
        data = elements.drop_extension(data, markup.prefix_of(data), _URI)
    return data


def _inside(sqref: str, cells: Area) -> bool:
    try:
        return Area.parse(sqref).overlaps(cells)
    except ToolInputError:
        return False


def delete_sparklines(content: bytes, range: str, sheet: str = "") -> Edited:
    """Delete the sparklines in the cells of a range; raises ToolInputError where there is none."""
    workbook = Workbook.open(content)
    home, cells = place(workbook, range, sheet, most=0)
    gone = [s for s in list_sparklines(workbook, home) if _inside(s.cell, cells)]
    if not gone:
        there = ", ".join(s.cell for s in list_sparklines(workbook, home)[:10])
        hint = f"There are sparklines in {there}." if there else f"{home.name!r} has no sparklines."
        raise ToolInputError(f"{home.name}!{cells} holds no sparkline.", hint=hint, code="unchanged")
    data = markup.plain(workbook.package.read(home.part), home.part)
    workbook.package.write(home.part, _without(data, cells))
    hunks = [Hunk(f"{home.name}!{s.cell}", f"{s.kind} sparkline of {s.range}", "", "format") for s in gone]
    check_parts(workbook.package, [home.part])
    return Edited.of(workbook.package.save(), hunks, signature_warning(workbook.package))


#: What this module adds to the operations on a workbook.
OPERATIONS = (add_sparklines, delete_sparklines)
