"""Turning a plot of one type into another: what both can hold stays, the rest goes (ECMA-376 part 1, 21.2.2)."""

from __future__ import annotations

from typing import Literal

from lxml import etree

from copilot.documents.excel.chart_parts import type_of
from copilot.documents.excel.drawings import child, local
from copilot.errors import ToolInputError

Changeable = Literal[
    "column",
    "stacked column",
    "percent stacked column",
    "bar",
    "stacked bar",
    "percent stacked bar",
    "line",
    "area",
    "stacked area",
    "pie",
    "doughnut",
]
_COMMON = ("idx", "order", "tx", "spPr", "dPt", "dLbls", "cat", "val", "extLst")
_LINED = ("trendline", "errBars")
#: What the series of a plot may hold.
_SERIES: dict[str, tuple[str, ...]] = {
    "barChart": (*_COMMON, *_LINED, "invertIfNegative", "pictureOptions", "shape"),
    "lineChart": (*_COMMON, *_LINED, "marker", "smooth"),
    "areaChart": (*_COMMON, *_LINED, "pictureOptions"),
    "pieChart": (*_COMMON, "explosion"),
    "doughnutChart": (*_COMMON, "explosion"),
}
#: What a plot holds around its series: (element, value) before and behind them.
_HEADS: dict[str, tuple[str, ...]] = {"barChart": ("barDir", "grouping"), "lineChart": ("grouping",)}
_HEADS["areaChart"] = ("grouping",)
_TAILS: dict[str, tuple[str, ...]] = {
    "barChart": ("dLbls", "gapWidth", "overlap", "serLines"),
    "lineChart": ("dLbls", "dropLines", "hiLowLines", "upDownBars", "marker"),
    "areaChart": ("dLbls", "dropLines"),
    "pieChart": ("dLbls", "firstSliceAng"),
    "doughnutChart": ("dLbls", "firstSliceAng", "holeSize"),
}
_ROUND = ("pieChart", "doughnutChart")


def turned(plot: etree._Element, wanted: Changeable, label: str) -> etree._Element:
    """Return the plot as another type, in its place in the chart.

    Raises ToolInputError where the two differ in more than how they draw: axes, three dimensions.
    """
    grouping, _, kind = wanted.rpartition(" ")
    tag = {"column": "barChart", "bar": "barChart"}.get(kind, f"{kind}Chart")
    old = local(plot)
    if type_of(plot) == wanted:
        return plot
    if old not in _SERIES or (old in _ROUND) != (tag in _ROUND):
        message = f"{label} is a {type_of(plot)} chart, which can't be turned into a {wanted} chart."
        raise ToolInputError(message, hint="Add a new chart with add_chart and delete this one.", code="chart_type")
    _turn_axes(plot, flat=kind == "bar")
    namespace = etree.QName(plot).namespace
    plot.tag = f"{{{namespace}}}{tag}"
    values = {
        "barDir": "bar" if kind == "bar" else "col",
        "grouping": {"stacked": "stacked", "percent stacked": "percentStacked"}.get(
            grouping, "clustered" if tag == "barChart" else "standard"
        ),
        "overlap": "100" if grouping else "0",
        "holeSize": "60",
        "marker": "1",
    }
    _rebuild(plot, tag, values, namespace)
    return plot


def _rebuild(plot: etree._Element, tag: str, values: dict[str, str], namespace: str | None) -> None:
    """Give a plot the children of its new type, in their order; series keep what both types know."""
    present = {local(e): e for e in plot if local(e) != "ser"}
    others = [e for e in plot if local(e) in ("axId", "extLst")]
    series = [e for e in plot if local(e) == "ser"]
    for element in list(plot):
        plot.remove(element)
    for name in (*_HEADS.get(tag, ()), "varyColors", None, *_TAILS[tag]):
        if name is None:
            plot.extend(series)
        elif name in values:
            etree.SubElement(plot, f"{{{namespace}}}{name}", {"val": values[name]})
        elif name in present:
            plot.append(present[name])
    plot.extend(others)
    for each in series:
        for element in list(each):
            if local(element) not in _SERIES[tag]:
                each.remove(element)
        if tag == "lineChart":
            _as_line(each)


def _as_line(series: etree._Element) -> None:
    """Let a line have the colour that the bars or areas were filled with."""
    shape = child(series, "spPr")
    fill = child(shape, "solidFill")
    if shape is None or fill is None:
        return
    main = etree.QName(fill).namespace
    for line in [e for e in shape if local(e) == "ln"]:
        shape.remove(line)
    line = etree.Element(f"{{{main}}}ln", {"w": "28575", "cap": "rnd"})
    shape.replace(fill, line)
    line.append(fill)


def _turn_axes(plot: etree._Element, *, flat: bool) -> None:
    """Let the axes lie as the type wants them: the categories at the left for bars, else below."""
    ids = {e.get("val") for e in plot if local(e) == "axId"}
    area = plot.getparent()
    for axis in area if area is not None else ():
        own = child(axis, "axId")
        position = child(axis, "axPos")
        if not local(axis).endswith("Ax") or own is None or own.get("val") not in ids or position is None:
            continue
        lying = position.get("val") in ("b", "t")
        if lying == (flat == (local(axis) != "valAx")):
            position.set("val", {"b": "l", "t": "r", "l": "b", "r": "t"}[position.get("val", "b")])
