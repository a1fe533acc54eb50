"""Adding a native chart: a chart part, a place in the sheet's drawing, and their relationships."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from copilot.documents.excel import markup
from copilot.documents.excel.cells import Cell
from copilot.documents.excel.chartxml import (
    CHART_TYPES,
    STRICT,
    TRANSITIONAL,
    ChartType,
    Namespaces,
    Points,
    Series,
    anchor_xml,
    chart_xml,
)
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.refs import Area, parse_cell, quote_sheet, split_sheet
from copilot.documents.excel.regions import Region, find_region
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.values import Scalar, show, to_serial
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

_CHART = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
_DRAWING = "application/vnd.openxmlformats-officedocument.drawing+xml"
#: What may follow `drawing` in a worksheet (18.3.1.99): it goes before the first of these.
_AFTER_DRAWING = (
    b"legacyDrawing",
    b"legacyDrawingHF",
    b"drawingHF",
    b"picture",
    b"oleObjects",
    b"controls",
    b"webPublishItems",
    b"tableParts",
    b"extLst",
)
_WIDTH, _HEIGHT = 8, 16  # columns and rows that a chart covers: about 13 x 8 cm with default sizes
MAX_POINTS = 32_000


def add_chart(
    content: bytes,
    sheet: str | None,
    type: str,
    categories: str | None,
    series: Sequence[str],
    *,
    title: str = "",
    anchor: str | None = None,
    axis_titles: tuple[str, str] = ("", ""),
) -> Edited:
    """Add a chart to a sheet, as Excel would make it: editable, and following its cells.

    `type` is column, bar, line, pie, area or scatter. `categories` (x values) and each of `series` are ranges ("A2:A9",
    "Data!B2:B9") or names of columns of the sheet's data; a range that starts with a text
    takes its name from it.
    It is placed right of the data, or with its top left corner at the cell `anchor`. Raises ToolInputError.
    """
    workbook = Workbook.open(content)
    kind = _checked_type(type, series)
    home = workbook.sheet(sheet)
    sources = _Sources(workbook, home, sheet, [categories or "", *series])
    across, lines = sources.categories(categories), [sources.series(s) for s in series]
    made = [Series(name, across, values) for name, values in lines]
    repeated = len(across.values) - len(set(across.values)) if across and kind != "scatter" else 0
    if across and 2 * repeated > len(across.values):
        sources.warnings.append(
            f"{across.ref} names {repeated} things again: the chart shows each row, it does not total."
        )
    box = _box(workbook, home, anchor)
    names = STRICT if workbook.package.strict else TRANSITIONAL
    package = workbook.package
    part = package.unused_name("xl/charts/chart{}.xml")
    themed = any(package.has(p) for p in package.related(package.main, "theme"))
    package.add(part, chart_xml(kind, made, title or _title(made), axis_titles, names, themed=themed), _CHART)
    _into_drawing(workbook, home, part, box, title or "Chart", names)
    place = Area(box[1] + 1, box[0] + 1, box[3], box[2])
    shown = ", ".join(s.values.ref for s in made) + (f" over {across.ref}" if across else "")
    hunk = Hunk(f"{home.name}!{place}", "", f"{kind} chart {title or _title(made)!r}: {shown}", "structure")
    check_parts(package, [home.part, part, *package.related(home.part, "drawing")])
    return Edited.of(package.save(), [hunk], [*sources.warnings, *signature_warning(package)])


def _checked_type(given: str, series: Sequence[str]) -> ChartType:
    for kind in CHART_TYPES:
        if kind == given.strip().lower():
            if not series:
                raise ToolInputError(
                    "A chart needs at least one series.", hint="Name a column or a range.", code="value"
                )
            if kind == "pie" and len(series) > 1:
                raise ToolInputError("A pie chart shows one series.", hint="Use one, or a column chart.", code="value")
            return kind
    raise ToolInputError.unknown("chart type", given, CHART_TYPES)


def _title(series: list[Series]) -> str:
    names = [s.name if isinstance(s.name, str) else show(s.name.values[0]) for s in series]
    return ", ".join(n for n in names if n)


def _is_header(region: Region, name: str) -> bool:
    return name.strip().casefold() in {c.strip().casefold() for c in region.columns}


class _Sources:
    """Turns ranges and column names into the cells that a chart refers to."""

    def __init__(self, workbook: Workbook, home: Sheet, sheet: str | None, names: Sequence[str] = ()) -> None:
        self.workbook = workbook
        self.home = home
        self._grids: dict[str, Grid] = {}
        self._named = sheet
        self.warnings: list[str] = []
        self._together = self._common([n for n in names if n and ":" not in n and "!" not in n])

    def _common(self, names: list[str]) -> Region | None:
        """Return the block of data that has all the named columns: a value belongs to the name beside it."""
        try:
            region = find_region(self.workbook, self._named, None, names) if names else None
        except ToolInputError:
            return None  # each for itself: addresses, or columns of several blocks
        return region if region and all(_is_header(region, n) for n in names) else None

    def grid(self, name: str) -> Grid:
        """Return the cells of a sheet, read once."""
        if name not in self._grids:
            self._grids[name] = Grid.of(self.workbook, self.workbook.sheet(name))
        return self._grids[name]

    def categories(self, given: str | None) -> Points | None:
        """Return the x values, None for none."""
        if not given:
            return None
        _, points = self._found(given, numbers=False)
        return points

    def series(self, given: str) -> tuple[Points | str, Points]:
        """Return the name and the values of a series; raises ToolInputError when it holds no number."""
        name, points = self._found(given, numbers=True)
        if not any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in points.values):
            raise ToolInputError(
                f"{given!r} holds no numbers to draw.", hint="Choose another column or range.", code="no_data"
            )
        return name or given, points

    def _found(self, given: str, *, numbers: bool) -> tuple[Points | str, Points]:
        shared = self._together  # a header may look like an address: "Q1"
        place = None if shared and _is_header(shared, given) else self._as_range(given)
        if place is None:
            region = shared or find_region(self.workbook, self._named, None, [given])
            column = region.column(given)
            area = region.data_area(column)
            name = (
                self._points(region.sheet, Area(region.header, column, region.header, column))
                if region.header
                else given
            )
            if any(area.top <= t <= area.bottom for t in region.totals):
                self.warnings.append(f"{region.sheet}!{area} also holds rows that total others.")
            return name, self._points(region.sheet, area)
        sheet, area = place
        return self._ranged(given, sheet, area, numbers=numbers)

    def _as_range(self, given: str) -> tuple[str, Area] | None:
        own, place = split_sheet(given)
        try:
            area = Area.parse(place)
        except ToolInputError as error:
            if own is not None or (":" in place and "corners" in error.message):
                raise
            return None
        return self.workbook.sheet(own or self.home.name).name, area

    def _ranged(self, given: str, sheet: str, area: Area, *, numbers: bool) -> tuple[Points | str, Points]:
        grid = self.grid(sheet)
        used = grid.used
        clipped = area.clipped(used) if used else None
        if clipped is None:
            raise ToolInputError(f"{given!r} holds nothing.", hint="Choose another range.", code="no_data")
        if clipped.width > 1 and clipped.height > 1:
            hint = "Give one range for each series."
            raise ToolInputError(
                f"{given!r} is wider than one column and higher than one row.", hint=hint, code="address"
            )
        head = grid.get(clipped.top, clipped.left)
        rest = self._without_head(clipped)
        if (
            rest is not None
            and head is not None
            and isinstance(head.value, str)
            and self._headed(grid, rest, numbers=numbers)
        ):
            return self._points(sheet, Area(head.row, head.column, head.row, head.column)), self._points(sheet, rest)
        return self._beside(grid, clipped) if numbers else "", self._points(sheet, clipped)

    def _without_head(self, area: Area) -> Area | None:
        if area.height > 1:
            return Area(area.top + 1, area.left, area.bottom, area.right)
        return Area(area.top, area.left + 1, area.bottom, area.right) if area.width > 1 else None

    def _headed(self, grid: Grid, rest: Area, *, numbers: bool) -> bool:
        """Return whether the first cell is a header: of numbers always, of texts when a block has its header there."""
        if numbers:
            return True
        from copilot.documents.excel.regions import regions

        return any(r.header == rest.top - 1 and r.area.left <= rest.left <= r.area.right for r in regions(grid))

    def _beside(self, grid: Grid, area: Area) -> Points | str:
        """Return the text before the range as the name of its series: above a column, left of a row."""
        row, column = (area.top - 1, area.left) if area.height >= area.width else (area.top, area.left - 1)
        cell = grid.get(row, column)
        if cell is not None and isinstance(cell.value, str):
            return self._points(grid.sheet.name, Area(row, column, row, column))
        return ""

    def _points(self, sheet: str, area: Area) -> Points:
        if area.height * area.width > MAX_POINTS:
            raise ToolInputError(
                f"A series has at most {MAX_POINTS:,} points.", hint="Choose a smaller range.", code="address"
            )
        grid = self.grid(sheet)
        cells = [grid.get(*at) for at in area.cells()]
        kinds = {grid.workbook.styles.kind(c.style) for c in cells if c is not None and not isinstance(c.value, str)}
        moment = {"date": "yyyy\\-mm\\-dd", "datetime": "yyyy\\-mm\\-dd hh:mm", "time": "hh:mm", "percent": "0%"}
        code = moment.get(next(iter(kinds)), "General") if len(kinds) == 1 else "General"
        values = tuple(self._plain(c) for c in cells)
        return Points(f"{quote_sheet(sheet)}!{area.absolute()}", values, code)

    def _plain(self, cell: Cell | None) -> Scalar:
        if cell is None:
            return None
        if isinstance(cell.value, (datetime, date, time, timedelta)):
            return to_serial(cell.value, date1904=self.workbook.date1904)
        return cell.value


def _box(workbook: Workbook, sheet: Sheet, anchor: str | None) -> tuple[int, int, int, int]:
    """Return where the chart goes: left, top, right, bottom in columns and rows from 0."""
    if anchor:
        row, column = parse_cell(split_sheet(anchor)[1])
        return column - 1, row - 1, column - 1 + _WIDTH, row - 1 + _HEIGHT
    used = Grid.of(workbook, sheet).used
    left = used.right + 1 if used else 1
    bottom = 0
    for part in workbook.package.related(sheet.part, "drawing"):
        data = workbook.package.read(part)
        spans = re.findall(rb"<(?:\w+:)?to>.*?<(?:\w+:)?col>\s*(\d+).*?<(?:\w+:)?row>\s*(\d+)", data, re.DOTALL)
        for column, row in spans:
            if int(column) >= left:  # something is there already: go below it
                bottom = max(bottom, int(row) + 1)
    top = bottom + 1 if bottom else (used.top - 1 if used else 0)
    return left, top, left + _WIDTH, top + _HEIGHT


def _into_drawing(
    workbook: Workbook, sheet: Sheet, chart: str, box: tuple[int, int, int, int], name: str, names: Namespaces
) -> None:
    package = workbook.package
    drawings = [p for p in package.related(sheet.part, "drawing") if package.has(p)]
    if drawings:
        drawing = drawings[0]
    else:
        drawing = package.unused_name("xl/drawings/drawing{}.xml")
        empty = f'<xdr:wsDr xmlns:xdr="{names.drawing}" xmlns:a="{names.main}"></xdr:wsDr>'
        package.add(drawing, b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + empty.encode(), _DRAWING)
        _link_drawing(workbook, sheet, package.relate(sheet.part, "drawing", drawing), names)
    data = markup.plain(package.read(drawing), drawing)
    numbers = [int(n) for n in re.findall(rb"""cNvPr\b[^>]*?\sid=["'](\d+)""", data)]
    number = max(numbers, default=1) + 1
    relation = package.relate(drawing, "chart", chart)
    anchor = anchor_xml(box, relation, number, f"{name} {number}", names)
    package.write(drawing, _before_end(data, anchor))


def _before_end(data: bytes, fragment: bytes) -> bytes:
    """Return a part with a fragment as the last child of its root."""
    prefix = markup.prefix_of(data)
    match = markup.tag_pattern(prefix + b"wsDr").search(data)
    if match is not None and match[1].endswith(b"/"):
        element = markup.Element(match.start(), match.end(), match.end(), match.end())
        return markup.insert_into(data, element, prefix + b"wsDr", fragment)
    at = data.rindex(b"</" + prefix + b"wsDr")
    return data[:at] + fragment + data[at:]


def _link_drawing(workbook: Workbook, sheet: Sheet, relation: str, names: Namespaces) -> None:
    xml = SheetXml(workbook.package.read(sheet.part), sheet.part)
    data = xml.data
    end = data.rindex(b"</" + xml.prefix + b"worksheet")
    after = data.find(b">", xml.close) + 1 if not xml.self_closed else xml.inner
    later = {xml.prefix + name for name in _AFTER_DRAWING}
    at = next((start for name, start in markup.children(data, after, end) if name in later), end)
    made = b"<" + xml.prefix + f'drawing xmlns:r="{names.relationships}" r:id="{relation}"/>'.encode()
    workbook.package.write(sheet.part, data[:at] + made + data[at:])
