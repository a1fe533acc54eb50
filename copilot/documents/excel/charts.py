"""Adding a native chart: a chart part, a place in the sheet's drawing, and their relationships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Required

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from copilot.documents.excel import drawings
from copilot.documents.excel.chart_sources import Sources
from copilot.documents.excel.chartxml import (
    CHART_TYPES,
    COMBINED,
    Axis,
    ChartType,
    Labels,
    Legend,
    Look,
    Points,
    Series,
    Stacked,
    Trendline,
    chart_xml,
)
from copilot.documents.excel.refs import Area
from copilot.documents.excel.values import show
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

CHART = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
_WIDTH, _HEIGHT = 8, 16  # columns and rows that a chart covers: about 13 x 8 cm with default sizes


class SeriesGiven(TypedDict, total=False):
    """One series as an operation gives it: `values` is a range or a column's name, `name` a text or a cell."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    values: Required[str]
    name: str
    categories: str
    sizes: str
    type: Literal["column", "line", "area"]
    secondary: bool
    color: str
    labels: Labels
    trendline: Trendline


class AxisGiven(TypedDict, total=False):
    """How an axis is to look: `format` is a number format, `log` the base of a logarithmic scale."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    title: str
    format: str
    minimum: float
    maximum: float
    log: Annotated[float, Field(ge=2, le=1000)]
    gridlines: bool


def add_chart(
    content: bytes,
    sheet: str | None = None,
    type: ChartType = "column",
    categories: str | None = None,
    series: Sequence[str | SeriesGiven] = (),
    *,
    title: str = "",
    anchor: str | None = None,
    axis_titles: tuple[str, str] = ("", ""),
    stacked: Stacked = "",
    legend: Legend = "auto",
    labels: Labels = "",
    x_axis: AxisGiven | None = None,
    y_axis: AxisGiven | None = None,
    y2_axis: AxisGiven | None = None,
    width: Annotated[int, Field(ge=2, le=100)] = _WIDTH,
    height: Annotated[int, Field(ge=3, le=200)] = _HEIGHT,
) -> Edited:
    """Add a chart to a sheet, as Excel would make it: editable, and following its cells.

    `type` is column, bar, line, pie, doughnut, area, scatter, bubble or radar. `categories` (x values) and each of
    `series` are ranges ("A2:A9", "Data!B2:B9") or names of columns of the sheet's data; a range that starts with a text
    takes its name from it. A series may also be a mapping (see SeriesGiven): with a `type` of its own it makes a
    combined chart, `secondary` puts it on an axis at the right.
    It is placed right of the data, below what is there, or with its top left corner at the cell `anchor`; `width` and
    `height` are in columns and rows. Raises ToolInputError.
    """
    workbook = Workbook.open(content)
    given: list[SeriesGiven] = [{"values": s} if isinstance(s, str) else s for s in series]
    kind = _checked_type(type, given, stacked)
    home = workbook.sheet(sheet)
    sources = Sources(workbook, home, sheet, [categories or "", *(s["values"] for s in given)])
    made = _series(sources, kind, categories, given)
    package = workbook.package
    themed = any(package.has(p) for p in package.related(package.main, "theme"))
    x, y, y2 = _axes(axis_titles, x_axis, y_axis, y2_axis)
    look = Look(title or _title(made), stacked, legend, labels, x, y, y2, themed=themed, date1904=workbook.date1904)
    box = (
        drawings.box_at(workbook, home, anchor, width, height)
        if anchor
        else drawings.free_box(workbook, home, width, height)
    )
    part = package.unused_name("xl/charts/chart{}.xml")
    package.add(part, chart_xml(kind, made, look, drawings.namespaces(workbook)), CHART)
    drawing = _into_drawing(workbook, home, part, box, title or "Chart")
    place = Area(box[1] + 1, box[0] + 1, box[3], box[2])
    across = next((s.categories for s in made if s.categories), None)
    shown = ", ".join(s.values.ref for s in made) + (f" over {across.ref}" if across else "")
    hunk = Hunk(f"{home.name}!{place}", "", f"{kind} chart {look.title!r}: {shown}", "structure")
    check_parts(package, [home.part, part, drawing])
    warnings = [*sources.warnings, *(drawings.covering(workbook, home, place) if anchor else [])]
    return Edited.of(package.save(), [hunk], [*warnings, *signature_warning(package)])


def _checked_type(given: str, series: Sequence[SeriesGiven], stacked: str) -> ChartType:
    kind = next((k for k in CHART_TYPES if k == given.strip().lower()), None)
    if kind is None:
        raise ToolInputError.unknown("chart type", given, CHART_TYPES)
    if not series:
        raise ToolInputError("A chart needs at least one series.", hint="Name a column or a range.", code="value")
    if kind == "pie" and len(series) > 1:
        raise ToolInputError("A pie chart shows one series.", hint="Use one, or a column chart.", code="value")
    mixed = [s for s in series if s.get("type", kind) != kind or s.get("secondary")]
    if mixed and kind not in COMBINED:
        hint = f"Take one of {', '.join(sorted(COMBINED))} for the chart."
        raise ToolInputError(f"A {kind} chart can't be combined, nor have a second axis.", hint=hint, code="value")
    if all(s.get("secondary") for s in series):
        raise ToolInputError("All series are on the second axis.", hint="Leave one on the first.", code="value")
    if stacked and kind not in ("column", "bar", "line", "area"):
        raise ToolInputError(f"A {kind} chart can't be stacked.", hint="Use a column chart.", code="value")
    return kind


def _series(sources: Sources, kind: ChartType, categories: str | None, given: Sequence[SeriesGiven]) -> list[Series]:
    across = sources.categories(categories)
    repeated = len(across.values) - len(set(across.values)) if across and kind not in ("scatter", "bubble") else 0
    if across and 2 * repeated > len(across.values):
        sources.warnings.append(
            f"{across.ref} names {repeated} things again: the chart shows each row, it does not total."
        )
    return [_one(sources, across, each) for each in given]


def _one(sources: Sources, across: Points | None, given: SeriesGiven) -> Series:
    name, values = sources.series(given["values"])
    own = given.get("categories")
    sizes = given.get("sizes")
    return Series(
        sources.name(given["name"]) if given.get("name") else name,
        sources.categories(own) if own else across,
        values,
        sources.series(sizes)[1] if sizes else None,
        given.get("type"),
        given.get("secondary", False),
        given.get("color", ""),
        given.get("labels", ""),
        given.get("trendline", ""),
    )


def _axes(titles: Sequence[str], *given: AxisGiven | None) -> list[Axis]:
    """Return the x, y and second y axis; raises ToolInputError for a scale that can't be."""
    found = []
    for index, each in enumerate(given):
        fields: dict[str, Any] = dict(each or {})
        fields.setdefault("title", titles[index] if index < len(titles) else "")
        axis = Axis(**fields)
        low, high = axis.minimum, axis.maximum
        if low is not None and high is not None and low >= high:
            hint = "Let the minimum be less than the maximum."
            raise ToolInputError(f"An axis can't go from {low:g} to {high:g}.", hint=hint, code="value")
        if axis.log is not None and any(v is not None and v <= 0 for v in (low, high)):
            hint = "Leave out minimum and maximum."
            raise ToolInputError("A logarithmic axis has no place for zero and below.", hint=hint, code="value")
        found.append(axis)
    return found


def _title(series: list[Series]) -> str:
    names = [s.name if isinstance(s.name, str) else show(s.name.values[0]) for s in series]
    return ", ".join(n for n in names if n)


def _into_drawing(workbook: Workbook, sheet: Sheet, chart: str, box: drawings.Box, name: str) -> str:
    """Put the chart part on the sheet; returns the drawing part."""
    names = drawings.namespaces(workbook)
    drawing = drawings.drawing_for(workbook, sheet)
    number = drawings.next_id(workbook, drawing)
    relation = workbook.package.relate(drawing, "chart", chart)
    frame = drawings.chart_frame(relation, number, f"{name} {number}", names)
    drawings.put_on(workbook, drawing, drawings.anchor_xml(box, frame, names))
    return drawing


#: What this module adds to the operations on a workbook.
OPERATIONS = (add_chart,)
