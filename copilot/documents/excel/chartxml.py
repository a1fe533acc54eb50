"""The XML of a chart part (DrawingML charts, ECMA-376 part 1, 21.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from copilot.documents.excel.markup import escape
from copilot.documents.excel.values import Scalar, show

ChartType = Literal["column", "bar", "line", "pie", "area", "scatter"]
CHART_TYPES: tuple[ChartType, ...] = ("column", "bar", "line", "pie", "area", "scatter")


@dataclass(frozen=True, slots=True)
class Points:
    """Cells that a chart shows: the reference, and their present values as its cache. `code` is a number format."""

    ref: str
    values: tuple[Scalar, ...]
    code: str = "General"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its name (a cell, or a text), categories (x values) and values."""

    name: Points | str
    categories: Points | None
    values: Points


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of charts, drawings and relationships, as the file's flavour wants them."""

    chart: str
    main: str
    drawing: str
    relationships: str


TRANSITIONAL = Namespaces(
    "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
)
STRICT = Namespaces(
    "http://purl.oclc.org/ooxml/drawingml/chart",
    "http://purl.oclc.org/ooxml/drawingml/main",
    "http://purl.oclc.org/ooxml/drawingml/spreadsheetDrawing",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)


def chart_xml(
    kind: ChartType, series: list[Series], title: str, axes: tuple[str, str], names: Namespaces, *, themed: bool = True
) -> bytes:
    """Return a chart part. `axes` are the titles of the category and the value axis, "" for none.

    `themed` says that the workbook has a theme to take colours from.
    """
    plots = "".join(_series(kind, index, each, themed=themed) for index, each in enumerate(series))
    plot = _PLOTS[kind].format(series=plots)
    both = "" if kind == "pie" else _axes(kind, series, axes)
    shown = f'<c:title>{_rich(title, 1400)}<c:overlay val="0"/></c:title><c:autoTitleDeleted val="0"/>'
    legend = '<c:legend><c:legendPos val="b"/><c:overlay val="0"/></c:legend>'
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<c:chartSpace xmlns:c="{names.chart}" xmlns:a="{names.main}" xmlns:r="{names.relationships}">'
        f'<c:roundedCorners val="0"/><c:chart>{shown if title else _NO_TITLE}'
        f"<c:plotArea><c:layout/>{plot}{both}</c:plotArea>"
        f"{legend if len(series) > 1 or kind == 'pie' else ''}"
        '<c:plotVisOnly val="1"/><c:dispBlanksAs val="gap"/></c:chart></c:chartSpace>'
    ).encode()


_NO_TITLE = '<c:autoTitleDeleted val="1"/>'
_AXES = '<c:axId val="111111111"/><c:axId val="222222222"/>'
_PLOTS: dict[str, str] = {
    "column": '<c:barChart><c:barDir val="col"/><c:grouping val="clustered"/><c:varyColors val="0"/>{series}'
    f'<c:gapWidth val="100"/>{_AXES}</c:barChart>',
    "bar": '<c:barChart><c:barDir val="bar"/><c:grouping val="clustered"/><c:varyColors val="0"/>{series}'
    f'<c:gapWidth val="100"/>{_AXES}</c:barChart>',
    "line": '<c:lineChart><c:grouping val="standard"/><c:varyColors val="0"/>{series}<c:marker val="1"/>'
    f"{_AXES}</c:lineChart>",
    "area": f'<c:areaChart><c:grouping val="stacked"/><c:varyColors val="0"/>{{series}}{_AXES}</c:areaChart>',
    "pie": '<c:pieChart><c:varyColors val="1"/>{series}<c:firstSliceAng val="0"/></c:pieChart>',
    "scatter": '<c:scatterChart><c:scatterStyle val="lineMarker"/><c:varyColors val="0"/>{series}'
    f"{_AXES}</c:scatterChart>",
}


#: Colours for a workbook without a theme; with one, charts take its accents.
_PALETTE = ("4472C4", "ED7D31", "A5A5A5", "FFC000", "5B9BD5", "70AD47")


def _colour(index: int, *, themed: bool) -> str:
    if themed:
        return f'<a:solidFill><a:schemeClr val="accent{index % 6 + 1}"/></a:solidFill>'
    return f'<a:solidFill><a:srgbClr val="{_PALETTE[index % 6]}"/></a:solidFill>'


def _look(kind: ChartType, index: int, series: Series, *, themed: bool) -> str:
    """Return the format of a series, of each slice for a pie."""
    fill = _colour(index, themed=themed)
    if kind == "scatter":
        dot = f"<c:spPr>{fill}<a:ln>{fill}</a:ln></c:spPr>"
        return (
            '<c:spPr><a:ln w="19050"><a:noFill/></a:ln></c:spPr>'
            f'<c:marker><c:symbol val="circle"/><c:size val="6"/>{dot}</c:marker>'
        )
    if kind == "line":
        return f'<c:spPr><a:ln w="28575" cap="rnd">{fill}</a:ln></c:spPr><c:marker><c:symbol val="none"/></c:marker>'
    if kind == "pie":
        slices = "".join(
            f'<c:dPt><c:idx val="{i}"/><c:bubble3D val="0"/><c:spPr>{_colour(i, themed=themed)}</c:spPr></c:dPt>'
            for i in range(min(len(series.values.values), 60))
        )
        return slices + _PIE_LABELS
    invert = '<c:invertIfNegative val="0"/>' if kind in ("column", "bar") else ""
    return f"<c:spPr>{fill}</c:spPr>{invert}"


def _series(kind: ChartType, index: int, series: Series, *, themed: bool) -> str:
    text = f"<c:v>{escape(series.name)}</c:v>" if isinstance(series.name, str) else _texts(series.name)
    parts = [f'<c:idx val="{index}"/><c:order val="{index}"/><c:tx>{text}</c:tx>']
    parts.append(_look(kind, index, series, themed=themed))
    across, up = ("xVal", "yVal") if kind == "scatter" else ("cat", "val")
    if series.categories is not None:
        numeric = kind == "scatter" or _are_moments(series.categories)
        inside = _numbers(series.categories) if numeric else _texts(series.categories)
        parts.append(f"<c:{across}>{inside}</c:{across}>")
    parts.append(f"<c:{up}>{_numbers(series.values)}</c:{up}>")
    if kind in ("line", "scatter"):
        parts.append('<c:smooth val="0"/>')
    return f"<c:ser>{''.join(parts)}</c:ser>"


_PIE_LABELS = (
    '<c:dLbls><c:showLegendKey val="0"/><c:showVal val="0"/><c:showCatName val="0"/><c:showSerName val="0"/>'
    '<c:showPercent val="1"/><c:showBubbleSize val="0"/><c:showLeaderLines val="1"/></c:dLbls>'
)


def _are_moments(points: Points) -> bool:
    return points.code != "General" and all(isinstance(v, (int, float)) for v in points.values if v is not None)


def _texts(points: Points) -> str:
    cached = "".join(
        f'<c:pt idx="{i}"><c:v>{escape(show(v))}</c:v></c:pt>' for i, v in enumerate(points.values) if v is not None
    )
    return (
        f"<c:strRef><c:f>{escape(points.ref)}</c:f><c:strCache>"
        f'<c:ptCount val="{len(points.values)}"/>{cached}</c:strCache></c:strRef>'
    )


def _numbers(points: Points) -> str:
    cached = "".join(
        f'<c:pt idx="{i}"><c:v>{v!r}</c:v></c:pt>'
        for i, v in enumerate(points.values)
        if isinstance(v, (int, float)) and not isinstance(v, bool)
    )
    return (
        f"<c:numRef><c:f>{escape(points.ref)}</c:f><c:numCache><c:formatCode>{escape(points.code)}</c:formatCode>"
        f'<c:ptCount val="{len(points.values)}"/>{cached}</c:numCache></c:numRef>'
    )


def _axes(kind: ChartType, series: list[Series], titles: tuple[str, str]) -> str:
    first = series[0].categories
    moments = first is not None and kind != "scatter" and _are_moments(first)
    tag = "valAx" if kind == "scatter" else "dateAx" if moments else "catAx"
    code = first.code if moments and first is not None else "General"
    below, beside = ("l", "b") if kind == "bar" else ("b", "l")
    order = "maxMin" if kind == "bar" else "minMax"
    tail = {"valAx": '<c:crossBetween val="midCat"/>', "dateAx": '<c:auto val="1"/><c:lblOffset val="100"/>'}
    end = tail.get(tag, '<c:auto val="1"/><c:lblAlgn val="ctr"/><c:lblOffset val="100"/><c:noMultiLvlLbl val="0"/>')
    across = _axis(tag, "111111111", "222222222", below, order, titles[0], code, end, grid=False, crosses="autoZero")
    between = "midCat" if kind in ("area", "scatter") else "between"
    crosses = "max" if kind == "bar" else "autoZero"
    end = f'<c:crossBetween val="{between}"/>'
    values = series[0].values.code
    up = _axis("valAx", "222222222", "111111111", beside, "minMax", titles[1], values, end, grid=True, crosses=crosses)
    return across + up


def _axis(
    tag: str, own: str, other: str, side: str, order: str, title: str, code: str, end: str, *, grid: bool, crosses: str
) -> str:
    grey = '<a:ln w="9525"><a:solidFill><a:srgbClr val="D9D9D9"/></a:solidFill></a:ln>'
    lines = f"<c:majorGridlines><c:spPr>{grey}</c:spPr></c:majorGridlines>"
    titled = f'<c:title>{_rich(title, 1000)}<c:overlay val="0"/></c:title>' if title else ""
    return (
        f'<c:{tag}><c:axId val="{own}"/><c:scaling><c:orientation val="{order}"/></c:scaling><c:delete val="0"/>'
        f'<c:axPos val="{side}"/>{lines if grid else ""}{titled}'
        f'<c:numFmt formatCode="{escape(code, quote=True)}" sourceLinked="1"/><c:majorTickMark val="none"/>'
        f'<c:minorTickMark val="none"/><c:tickLblPos val="nextTo"/><c:crossAx val="{other}"/>'
        f'<c:crosses val="{crosses}"/>{end}</c:{tag}>'
    )


def _rich(text: str, size: int) -> str:
    lines = "".join(
        f'<a:p><a:pPr><a:defRPr sz="{size}" b="0"/></a:pPr>'
        f'<a:r><a:rPr lang="en-US" sz="{size}" b="0"/><a:t>{escape(line)}</a:t></a:r></a:p>'
        for line in text.splitlines() or [""]
    )
    return f"<c:tx><c:rich><a:bodyPr/><a:lstStyle/>{lines}</c:rich></c:tx>"


def anchor_xml(box: tuple[int, int, int, int], relation: str, number: int, name: str, names: Namespaces) -> bytes:
    """Return the anchor of a chart in a drawing: `box` is left, top, right, bottom in columns and rows from 0.

    It declares its own namespaces, so that it fits into any drawing part.
    """
    left, top, right, bottom = box

    def corner(tag: str, column: int, row: int) -> str:
        place = (
            f"<xdr:col>{column}</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>{row}</xdr:row><xdr:rowOff>0</xdr:rowOff>"
        )
        return f"<xdr:{tag}>{place}</xdr:{tag}>"

    return (
        f'<xdr:twoCellAnchor xmlns:xdr="{names.drawing}" xmlns:a="{names.main}">'
        f"{corner('from', left, top)}{corner('to', right, bottom)}"
        f'<xdr:graphicFrame macro=""><xdr:nvGraphicFramePr><xdr:cNvPr id="{number}" name="{escape(name, quote=True)}"/>'
        "<xdr:cNvGraphicFramePr/></xdr:nvGraphicFramePr>"
        '<xdr:xfrm><a:off x="0" y="0"/><a:ext cx="0" cy="0"/></xdr:xfrm>'
        f'<a:graphic><a:graphicData uri="{names.chart}">'
        f'<c:chart xmlns:c="{names.chart}" xmlns:r="{names.relationships}" r:id="{relation}"/>'
        "</a:graphicData></a:graphic></xdr:graphicFrame><xdr:clientData/></xdr:twoCellAnchor>"
    ).encode()
