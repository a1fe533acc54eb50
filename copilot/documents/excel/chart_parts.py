"""Charts that are there: what they show, read from their parts, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from copilot.documents.excel.drawings import Placed, child, local, placed
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

_TYPES = {
    "lineChart": "line",
    "areaChart": "area",
    "pieChart": "pie",
    "doughnutChart": "doughnut",
    "radarChart": "radar",
    "scatterChart": "scatter",
    "bubbleChart": "bubble",
    "ofPieChart": "pie of pie",
    "stockChart": "stock",
    "surfaceChart": "surface",
}
_STACKED = {"stacked": "stacked ", "percentStacked": "percent stacked "}


@dataclass(frozen=True)
class ShownSeries:
    """A series as its chart names it: references without values; `name` is the text in the cache."""

    name: str
    values: str
    categories: str


@dataclass(frozen=True)
class Chart:
    """A chart of a workbook; `number` counts from 1 on its sheet, `types` are such as "stacked column"."""

    number: int
    placed: Placed
    title: str
    types: tuple[str, ...]
    series: tuple[ShownSeries, ...]

    @property
    def sheet(self) -> Sheet:
        """The sheet that it lies on."""
        return self.placed.sheet

    @property
    def part(self) -> str:
        """Its chart part."""
        return self.placed.target

    @property
    def extended(self) -> bool:
        """Whether it is one of the newer kinds (waterfall, sunburst ...; [MS-ODRAWXML] 2.24.3)."""
        return self.placed.kind == "chartex"

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f"{self.title!r}" if self.title else f"chart {self.number}"


def list_charts(workbook: Workbook, sheet: str | None = None) -> list[Chart]:
    """Return the charts of a workbook, or of one sheet, chart sheets included; raises ToolInputError."""
    found = []
    for each in workbook.sheets if not sheet else [_sheet(workbook, sheet)]:
        there = [p for p in placed(workbook, each) if p.kind in ("chart", "chartex") and workbook.package.has(p.target)]
        found += [_chart(workbook, number, p) for number, p in enumerate(there, 1)]
    return found


def _sheet(workbook: Workbook, name: str) -> Sheet:
    wanted = name.strip().casefold()
    return next((s for s in workbook.sheets if s.name.casefold() == wanted), None) or workbook.sheet(name)


def find_chart(workbook: Workbook, chart: int | str, sheet: str | None = None) -> Chart:
    """Return the chart with that number on its sheet or that title (case does not matter).

    Raises ToolInputError: none, several that fit, with what there is.
    """
    known = list_charts(workbook, sheet)
    if not known:
        where = f"{sheet!r}" if sheet else "The workbook"
        raise ToolInputError(f"{where} has no chart.", hint="Add one with add_chart.", code="unknown_chart")
    text = str(chart).strip()
    fitting = [c for c in known if c.title.casefold() == text.casefold() or c.placed.name.casefold() == text.casefold()]
    if not fitting and text.isdigit():
        fitting = [c for c in known if c.number == int(text)]
    listed = "; ".join(f"{c.sheet.name} {c.number}: {c.title or c.placed.name}" for c in known[:12])
    if not fitting:
        raise ToolInputError(f"There is no chart {chart!r}.", hint=f"There is: {listed}.", code="unknown_chart")
    if len(fitting) > 1:
        hint = f"Name its sheet and its number there: {listed}."
        raise ToolInputError(f"Several charts fit {chart!r}.", hint=hint, code="ambiguous_chart")
    return fitting[0]


def _chart(workbook: Workbook, number: int, found: Placed) -> Chart:
    root = workbook.package.xml(found.target)
    if found.kind == "chartex":
        return Chart(number, found, _extended_title(root), _extended_types(root), _extended_series(root))
    types = tuple(dict.fromkeys(type_of(p) for p in plots(root)))
    shown = tuple(_shown(s) for s in series_of(root))
    title = text_of(child(root, "chart", "title"))
    hidden = child(root, "chart", "autoTitleDeleted")
    automatic = hidden is None or hidden.get("val") in ("0", "false")
    if not title and automatic and len(shown) == 1:  # Excel shows the name of the only series
        title = shown[0].name
    return Chart(number, found, title, types, shown)


def plots(root: etree._Element) -> list[etree._Element]:
    """Return the plots of a chart part: barChart, lineChart ... in its plot area."""
    area = child(root, "chart", "plotArea")
    return [e for e in area if local(e).endswith("Chart")] if area is not None else []


def series_of(root: etree._Element) -> list[etree._Element]:
    """Return the series of a chart part in the order in which Excel lists them (c:order)."""
    found = [e for plot in plots(root) for e in plot if local(e) == "ser"]
    return sorted(found, key=lambda e: number_of(child(e, "order")))


def number_of(element: etree._Element | None) -> int:
    """Return the whole number in `val`, 0 where there is none."""
    text = element.get("val", "") if element is not None else ""
    return int(text) if text.isdigit() else 0


def type_of(plot: etree._Element) -> str:
    """Return what a plot is called: "column", "stacked bar", "3-D pie"."""
    name = local(plot)
    flat = name.replace("3D", "")
    kind = _TYPES.get(flat, flat.removesuffix("Chart"))
    if flat == "barChart":
        direction = child(plot, "barDir")
        kind = "bar" if direction is not None and direction.get("val") == "bar" else "column"
    grouping = child(plot, "grouping")
    stacked = _STACKED.get(grouping.get("val", ""), "") if grouping is not None else ""
    return ("3-D " if flat != name else "") + stacked + kind


def text_of(element: etree._Element | None) -> str:
    """Return the words of a title or a name: its rich text, or the cached text of the cell that it shows."""
    if element is None:
        return ""
    paragraphs = ["".join(t.text or "" for t in p.iter() if local(t) == "t") for p in element.iter() if local(p) == "p"]
    if child(element, "tx", "rich") is not None:
        return "\n".join(paragraphs).strip()
    return " ".join(v.text or "" for v in _descendants(child(element, "tx"), "v")).strip()


def _descendants(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    return (e for e in element.iter() if local(e) == name) if element is not None else iter(())


def ref_of(element: etree._Element | None) -> str:
    """Return the reference (c:f) in `val`, `cat` and their like, "" for none."""
    return next((e.text or "" for e in _descendants(element, "f")), "")


def _shown(series: etree._Element) -> ShownSeries:
    def ref(*names: str) -> str:
        return next((r for n in names if (r := ref_of(child(series, n)))), "")

    return ShownSeries(text_of(series), ref("val", "yVal"), ref("cat", "xVal"))


# --- the newer kinds ([MS-ODRAWXML] 2.24.3) ------------------------------------------------------------------------


def _extended_title(root: etree._Element) -> str:
    title = child(root, "chart", "title")
    rich = "".join(e.text or "" for e in _descendants(title, "t"))
    return rich or " ".join(e.text or "" for e in _descendants(title, "v"))


def _extended_types(root: etree._Element) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e.get("layoutId", "") for e in _descendants(root, "series")))


def _extended_series(root: etree._Element) -> tuple[ShownSeries, ...]:
    data = {e.get("id", ""): e for e in _descendants(child(root, "chartData"), "data")}
    found = []
    for series in _descendants(child(root, "chart"), "series"):
        name = " ".join(e.text or "" for e in _descendants(child(series, "tx"), "v"))
        link = child(series, "dataId")
        own = data.get(link.get("val", "") if link is not None else "")
        found.append(ShownSeries(name, ref_of(child(own, "numDim")), ref_of(child(own, "strDim"))))
    return tuple(found)
