"""The XML of a chart part (DrawingML charts, ECMA-376 part 1, 21.2), in the order that its schema fixes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from copilot.documents.excel.colors import color_attributes
from copilot.documents.excel.markup import encode_xstring, escape
from copilot.documents.excel.values import Scalar, show

ChartType = Literal["column", "bar", "line", "pie", "area", "scatter", "doughnut", "radar", "bubble"]
CHART_TYPES: tuple[ChartType, ...] = (
    "column",
    "bar",
    "line",
    "pie",
    "area",
    "scatter",
    "doughnut",
    "radar",
    "bubble",
)
#: Types that share one pair of axes, so that a chart may mix them, in the order in which they lie over each other.
COMBINED: tuple[ChartType, ...] = ("area", "column", "line")
#: Types that show parts of one whole: one series, a colour for each slice.
ROUND: tuple[ChartType, ...] = ("pie", "doughnut")
#: Types whose x values are numbers.
MEASURED: tuple[ChartType, ...] = ("scatter", "bubble")

Stacked = Literal["", "stacked", "percent"]
Legend = Literal["auto", "none", "top", "bottom", "left", "right"]
Labels = Literal["", "none", "value", "percent", "category", "series"]
Trendline = Literal["linear", "exponential", "logarithmic", "power", "polynomial", "moving_average"]


@dataclass(frozen=True, slots=True)
class Points:
    """Cells that a chart shows: the reference, and their present values as its cache. `code` is a number format."""

    ref: str
    values: tuple[Scalar, ...]
    code: str = "General"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its name (a cell, or a text), categories (x values), values and, for bubbles, sizes.

    `kind` overrides the chart's type, `secondary` puts it on an axis of its own at the other side, `color` is as people
    write it ("#1F4E78", "dark blue", "accent2 +40%").
    """

    name: Points | str
    categories: Points | None
    values: Points
    sizes: Points | None = None
    kind: ChartType | None = None
    secondary: bool = False
    color: str = ""
    labels: str = ""
    trendline: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """How an axis is to look; None and "" leave it to Excel. `log` is the base of a logarithmic scale."""

    title: str = ""
    format: str = ""
    minimum: float | None = None
    maximum: float | None = None
    log: float | None = None
    gridlines: bool | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a chart shows beside its series. `themed`: there is a theme to take colours from."""

    title: str = ""
    stacked: str = ""
    legend: str = "auto"
    labels: str = ""
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    y2: Axis = field(default_factory=Axis)
    themed: bool = True
    date1904: bool = False


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


def chart_xml(kind: ChartType, series: list[Series], look: Look, names: Namespaces) -> bytes:
    """Return a chart part (chartSpace, 21.2.2.29)."""
    many = len(series) > 1 or kind in ROUND
    legend = {"auto": "bottom" if many else "none"}.get(look.legend, look.legend)
    blanks = "zero" if kind == "area" else "gap"
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<c:chartSpace xmlns:c="{names.chart}" xmlns:a="{names.main}" xmlns:r="{names.relationships}">'
        f"{_value('date1904', 1) if look.date1904 else ''}{_value('roundedCorners', 0)}<c:chart>"
        f"{title_xml(look.title, 1400, themed=look.themed) if look.title else ''}"
        f"{_value('autoTitleDeleted', 0 if look.title else 1)}"
        f"<c:plotArea><c:layout/>{_plots(kind, series, look)}{_axes(kind, series, look)}</c:plotArea>"
        f"{legend_xml(legend) if legend != 'none' else ''}"
        f"{_value('plotVisOnly', 1)}{_value('dispBlanksAs', blanks)}</c:chart>{_frame(themed=look.themed)}"
        "</c:chartSpace>"
    ).encode()


def _value(tag: str, value: object) -> str:
    return f'<c:{tag} val="{value}"/>'


def legend_xml(side: str) -> str:
    """Return a legend at a side: top, bottom, left or right."""
    return f"<c:legend>{_value('legendPos', side[0])}{_value('overlay', 0)}</c:legend>"


def title_xml(text: str, size: int, *, themed: bool = True) -> str:
    """Return the title of a chart or an axis; `size` in hundredths of a point."""
    return f"<c:title>{rich_xml(text, size, themed=themed)}{_value('overlay', 0)}</c:title>"


def rich_xml(text: str, size: int, *, themed: bool = True) -> str:
    """Return the text of a title, one paragraph for each line."""
    ink = _ink(themed=themed)
    lines = "".join(
        f'<a:p><a:pPr><a:defRPr sz="{size}" b="0">{ink}</a:defRPr></a:pPr>'
        f'<a:r><a:rPr lang="en-US" sz="{size}" b="0">{ink}</a:rPr><a:t>{escape(line)}</a:t></a:r></a:p>'
        for line in text.splitlines() or [""]
    )
    return f"<c:tx><c:rich><a:bodyPr/><a:lstStyle/>{lines}</c:rich></c:tx>"


def _ink(*, themed: bool) -> str:
    """Return the fill of text: the theme's text colour, softened as Excel does it."""
    if not themed:
        return '<a:solidFill><a:srgbClr val="595959"/></a:solidFill>'
    return (
        '<a:solidFill><a:schemeClr val="tx1"><a:lumMod val="65000"/><a:lumOff val="35000"/></a:schemeClr></a:solidFill>'
    )


def _grey(*, themed: bool) -> str:
    """Return the line of grids, axes and the frame."""
    fill = '<a:schemeClr val="tx1"><a:lumMod val="15000"/><a:lumOff val="85000"/></a:schemeClr>'
    return f'<a:ln w="9525"><a:solidFill>{fill if themed else _rgb("D9D9D9")}</a:solidFill></a:ln>'


def _frame(*, themed: bool) -> str:
    """Return the background and the text of the whole chart: the theme's font at 9 points."""
    paper = '<a:schemeClr val="bg1"/>' if themed else _rgb("FFFFFF")
    return (
        f"<c:spPr><a:solidFill>{paper}</a:solidFill>{_grey(themed=themed)}</c:spPr><c:txPr><a:bodyPr/><a:lstStyle/>"
        f'<a:p><a:pPr><a:defRPr sz="900">{_ink(themed=themed)}</a:defRPr></a:pPr>'
        '<a:endParaRPr lang="en-US"/></a:p></c:txPr>'
    )


def _rgb(colour: str) -> str:
    return f'<a:srgbClr val="{colour}"/>'


# --- plots -------------------------------------------------------------------------------------------------------

_FIRST, _SECOND = ("111111111", "222222222"), ("333333333", "444444444")
_GROUPINGS = {"": "clustered", "stacked": "stacked", "percent": "percentStacked"}
_AXES = '<c:axId val="{0}"/><c:axId val="{1}"/>'


def _groups(kind: ChartType, series: list[Series]) -> list[tuple[ChartType, bool, list[int]]]:
    """Return (type, secondary, numbers of its series): what shares a type and axes is one plot."""
    found: dict[tuple[bool, int, ChartType], list[int]] = {}
    for index, each in enumerate(series):
        own = each.kind or kind
        rank = COMBINED.index(own) if own in COMBINED else 0
        found.setdefault((each.secondary, rank, own), []).append(index)
    return [(own, second, numbers) for (second, _, own), numbers in sorted(found.items())]


def _plots(kind: ChartType, series: list[Series], look: Look) -> str:
    made = []
    for own, second, numbers in _groups(kind, series):
        inside = "".join(_series(own, n, series[n], look) for n in numbers)
        head, tail = _plot(own, look, single=len(numbers) == 1)
        ids = "" if own in ROUND else _AXES.format(*(_SECOND if second else _FIRST))
        tag = f"c:{_TAGS[own]}"
        made.append(f"<{tag}>{head}{_value('varyColors', int(own in ROUND))}{inside}{tail}{ids}</{tag}>")
    return "".join(made)


_TAGS: dict[str, str] = {
    "column": "barChart",
    "bar": "barChart",
    "line": "lineChart",
    "area": "areaChart",
    "pie": "pieChart",
    "doughnut": "doughnutChart",
    "radar": "radarChart",
    "scatter": "scatterChart",
    "bubble": "bubbleChart",
}


def _plot(kind: ChartType, look: Look, *, single: bool) -> tuple[str, str]:
    """Return what stands before and behind the series of a plot (CT_BarChart and its like, 21.2.2)."""
    if kind in ("column", "bar"):
        head = _value("barDir", "col" if kind == "column" else "bar") + _value("grouping", _GROUPINGS[look.stacked])
        if look.stacked:
            return head, _value("gapWidth", 60) + _value("overlap", 100)
        return head, _value("gapWidth", 80 if single else 100) + ("" if single else _value("overlap", -10))
    if kind == "area":  # areas that lie over each other hide what they show
        return _value("grouping", _GROUPINGS[look.stacked or "stacked"]), ""
    if kind == "line":
        return _value("grouping", _GROUPINGS[look.stacked] if look.stacked else "standard"), _value("marker", 1)
    return {
        "pie": ("", _value("firstSliceAng", 0)),
        "doughnut": ("", _value("firstSliceAng", 0) + _value("holeSize", 60)),
        "radar": (_value("radarStyle", "marker"), ""),
        "scatter": (_value("scatterStyle", "lineMarker"), ""),
        "bubble": ("", _value("bubbleScale", 60) + _value("showNegBubbles", 0)),
    }[kind]


#: Colours for a workbook without a theme; with one, charts take its accents.
_PALETTE = ("4472C4", "ED7D31", "A5A5A5", "FFC000", "5B9BD5", "70AD47")


_SCHEME = (*("bg1", "tx1", "bg2", "tx2"), *(f"accent{n}" for n in range(1, 7)), "hlink", "folHlink")


def fill_xml(color: str, inside: str = "") -> str:
    """Return a fill of a colour as people write it, of the theme too; raises ToolInputError for an unknown one."""
    found = color_attributes(color)
    if "rgb" in found:
        return f'<a:solidFill><a:srgbClr val="{found["rgb"][-6:]}">{inside}</a:srgbClr></a:solidFill>'
    tint = float(found.get("tint", "0"))
    lighter = f'<a:lumOff val="{round(tint * 100_000)}"/>' if tint > 0 else ""
    shade = f'<a:lumMod val="{round((1 - abs(tint)) * 100_000)}"/>{lighter}' if tint else ""
    scheme = _SCHEME[int(found["theme"])]
    return f'<a:solidFill><a:schemeClr val="{scheme}">{shade}{inside}</a:schemeClr></a:solidFill>'


def _fill(index: int, color: str, *, themed: bool, alpha: int = 0) -> str:
    inside = f'<a:alpha val="{alpha}"/>' if alpha else ""
    if color or not themed:
        return fill_xml(color or _PALETTE[index % 6], inside)
    darker = '<a:lumMod val="60000"/>' if index % 12 >= 6 else ""  # the accents again, as Excel goes on with them
    return f'<a:solidFill><a:schemeClr val="accent{index % 6 + 1}">{darker}{inside}</a:schemeClr></a:solidFill>'


def _shape(kind: ChartType, index: int, series: Series, *, themed: bool) -> str:
    """Return spPr and what follows it up to the points of a series."""
    fill = _fill(index, series.color, themed=themed)
    if kind == "scatter":
        dot = f"<c:spPr>{fill}<a:ln>{fill}</a:ln></c:spPr>"
        marker = f'<c:marker><c:symbol val="circle"/><c:size val="6"/>{dot}</c:marker>'
        return f'<c:spPr><a:ln w="19050"><a:noFill/></a:ln></c:spPr>{marker}'
    if kind in ("line", "radar"):
        line = f'<c:spPr><a:ln w="28575" cap="rnd">{fill}<a:round/></a:ln></c:spPr>'
        return f'{line}<c:marker><c:symbol val="none"/></c:marker>'
    if kind == "bubble":
        return (
            f"<c:spPr>{_fill(index, series.color, themed=themed, alpha=70000)}</c:spPr>{_value('invertIfNegative', 0)}"
        )
    invert = _value("invertIfNegative", 0) if kind in ("column", "bar") else ""
    return f"<c:spPr>{fill}</c:spPr>{invert}"


def _slices(series: Series, *, themed: bool) -> str:
    paper = '<a:schemeClr val="bg1"/>' if themed else _rgb("FFFFFF")
    edge = f'<a:ln w="19050"><a:solidFill>{paper}</a:solidFill></a:ln>'
    return "".join(
        f'<c:dPt><c:idx val="{i}"/><c:bubble3D val="0"/><c:spPr>{_fill(i, "", themed=themed)}{edge}</c:spPr></c:dPt>'
        for i in range(min(len(series.values.values), 60))
    )


def _series(kind: ChartType, index: int, series: Series, look: Look) -> str:
    """Return a series with its parts in the order of CT_BarSer, CT_LineSer ... (21.2.2.170)."""
    round_ = kind in ROUND
    look_of = _slices(series, themed=look.themed) if round_ else _shape(kind, index, series, themed=look.themed)
    labels = series.labels or look.labels or ("percent" if round_ else "")
    parts = [
        f'<c:idx val="{index}"/><c:order val="{index}"/>{name_xml(series.name)}{look_of}',
        labels_xml(labels, leaders=kind == "pie") if labels and labels != "none" else "",
        _trendline(series.trendline) if series.trendline else "",
        _data(kind, series),
    ]
    return f"<c:ser>{''.join(parts)}</c:ser>"


def _data(kind: ChartType, series: Series) -> str:
    across, up = ("xVal", "yVal") if kind in MEASURED else ("cat", "val")
    parts = []
    if series.categories is not None:
        numeric = all_numbers(series.categories) if kind in MEASURED else are_moments(series.categories)
        parts.append(f"<c:{across}>{(numbers_xml if numeric else texts_xml)(series.categories)}</c:{across}>")
    parts.append(f"<c:{up}>{numbers_xml(series.values)}</c:{up}>")
    if kind == "bubble":
        sizes = numbers_xml(series.sizes) if series.sizes else _same_sizes(len(series.values.values))
        parts.append(f"<c:bubbleSize>{sizes}</c:bubbleSize>{_value('bubble3D', 0)}")
    if kind in ("line", "scatter"):
        parts.append(_value("smooth", 0))
    return "".join(parts)


def _same_sizes(count: int) -> str:
    points = "".join(f'<c:pt idx="{i}"><c:v>1</c:v></c:pt>' for i in range(count))
    return f'<c:numLit><c:formatCode>General</c:formatCode><c:ptCount val="{count}"/>{points}</c:numLit>'


def labels_xml(kind: str, *, leaders: bool = False) -> str:
    """Return the data labels that show the value, percent, category or series name (dLbls, 21.2.2.49)."""
    shown = {"value": "Val", "category": "CatName", "series": "SerName", "percent": "Percent"}[kind]
    flags = "".join(
        _value(f"show{name}", int(name == shown))
        for name in ("LegendKey", "Val", "CatName", "SerName", "Percent", "BubbleSize")
    )
    return f"<c:dLbls>{flags}{_value('showLeaderLines', 1) if leaders else ''}</c:dLbls>"


_TRENDS = {
    "linear": ("linear", ""),
    "exponential": ("exp", ""),
    "logarithmic": ("log", ""),
    "power": ("power", ""),
    "polynomial": ("poly", '<c:order val="2"/>'),
    "moving_average": ("movingAvg", '<c:period val="2"/>'),
}


def _trendline(kind: str) -> str:
    name, more = _TRENDS[kind]
    line = '<c:spPr><a:ln w="19050" cap="rnd"><a:prstDash val="sysDot"/></a:ln></c:spPr>'
    flags = _value("dispRSqr", 0) + _value("dispEq", 0)
    return f"<c:trendline>{line}{_value('trendlineType', name)}{more}{flags}</c:trendline>"


# --- references and their caches -------------------------------------------------------------------------------------


def name_xml(name: Points | str) -> str:
    """Return what a series is called: a cell, or a text; "" lets Excel call it by its number."""
    if not name:
        return ""
    return f"<c:tx>{f'<c:v>{escape(name)}</c:v>' if isinstance(name, str) else texts_xml(name)}</c:tx>"


def all_numbers(points: Points) -> bool:
    """Return whether the cells hold nothing but numbers (and blanks)."""
    found = [v for v in points.values if v is not None]
    return bool(found) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in found)


def are_moments(points: Points) -> bool:
    """Return whether the cells are dates or times, which an axis shows in their number format."""
    return points.code in MOMENTS.values() and all_numbers(points)


#: The format that an axis shows moments in.
MOMENTS = {"date": "yyyy\\-mm\\-dd", "datetime": "yyyy\\-mm\\-dd hh:mm", "time": "hh:mm"}


def texts_xml(points: Points) -> str:
    """Return the cells as texts, with their cache (strRef, 21.2.2.201)."""
    shown = [_shown(v) for v in points.values]
    cached = "".join(f'<c:pt idx="{i}"><c:v>{escape(v)}</c:v></c:pt>' for i, v in enumerate(shown) if v)
    return (
        f"<c:strRef><c:f>{escape(points.ref)}</c:f><c:strCache>"
        f'<c:ptCount val="{len(points.values)}"/>{cached}</c:strCache></c:strRef>'
    )


def _shown(value: Scalar) -> str:
    return encode_xstring(show(value))


def numbers_xml(points: Points) -> str:
    """Return the cells as numbers, with their cache (numRef, 21.2.2.123)."""
    cached = "".join(
        f'<c:pt idx="{i}"><c:v>{v!r}</c:v></c:pt>'
        for i, v in enumerate(points.values)
        if isinstance(v, (int, float)) and not isinstance(v, bool)
    )
    return (
        f"<c:numRef><c:f>{escape(points.ref)}</c:f><c:numCache><c:formatCode>{escape(points.code)}</c:formatCode>"
        f'<c:ptCount val="{len(points.values)}"/>{cached}</c:numCache></c:numRef>'
    )


# --- axes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Side:
    """What an axis is: `tag` its element, `side` where it lies, `end` what follows `crosses`."""

    tag: str
    own: str
    other: str
    side: str
    end: str
    code: str = "General"
    order: str = "minMax"
    crosses: str = "autoZero"
    deleted: bool = False
    lined: bool = False


def _axes(kind: ChartType, series: list[Series], look: Look) -> str:
    if kind in ROUND:
        return ""
    made = []
    for second in (False, True):
        own = [s for s in series if s.secondary is second]
        if own:
            made.append(_pair(own[0].kind or kind, own, look, second=second))
    return "".join(made)


def _pair(kind: ChartType, series: list[Series], look: Look, *, second: bool) -> str:
    """Return a category and a value axis; those of the second pair lie at the other side, their categories hidden."""
    own, other = _SECOND if second else _FIRST
    below, beside = ("l", "b") if kind == "bar" else ("b", "r" if second else "l")
    tag, code, end = _across(kind, series[0].categories)
    order = "maxMin" if kind == "bar" else "minMax"
    across = _Side(tag, own, other, below, end, code, order, deleted=second)
    between = (
        "midCat" if kind in ("scatter", "bubble") or all((s.kind or kind) == "area" for s in series) else "between"
    )
    crosses = "max" if kind == "bar" or second else "autoZero"
    format = "0%" if look.stacked == "percent" and kind not in MEASURED else series[0].values.code
    up = _Side(
        "valAx", other, own, beside, _value("crossBetween", between), format, crosses=crosses, lined=kind in MEASURED
    )
    x, y = (Axis(), look.y2) if second else (look.x, look.y)
    grid = False if second else True if y.gridlines is None else y.gridlines
    x_grid = kind in ("radar", *MEASURED) if x.gridlines is None else x.gridlines
    return _axis(across, replace(x, gridlines=x_grid), look) + _axis(up, replace(y, gridlines=grid), look)


_CATEGORY_END = '<c:auto val="1"/><c:lblAlgn val="ctr"/><c:lblOffset val="100"/><c:noMultiLvlLbl val="0"/>'


def _across(kind: ChartType, categories: Points | None) -> tuple[str, str, str]:
    """Return the element, the number format and the end of the axis of x values."""
    if kind in MEASURED:
        code = categories.code if categories is not None and all_numbers(categories) else "General"
        return "valAx", code, _value("crossBetween", "midCat")
    moments = categories is not None and are_moments(categories)
    code = categories.code if moments and categories is not None else "General"
    if code == MOMENTS["date"] and kind != "radar":  # the unit of a date axis is the day: it can't show hours
        return "dateAx", code, '<c:auto val="1"/><c:lblOffset val="100"/>'
    return "catAx", code, _CATEGORY_END


def _axis(side: _Side, axis: Axis, look: Look) -> str:
    """Return an axis (CT_CatAx, CT_ValAx, CT_DateAx; 21.2.2.25)."""
    grey = _grey(themed=look.themed)
    lines = f"<c:majorGridlines><c:spPr>{grey}</c:spPr></c:majorGridlines>" if axis.gridlines else ""
    titled = title_xml(axis.title, 1000, themed=look.themed) if axis.title else ""
    line = grey if side.tag != "valAx" or side.lined else "<a:ln><a:noFill/></a:ln>"
    code = (
        f'<c:numFmt formatCode="{escape(axis.format or side.code, quote=True)}" sourceLinked="{int(not axis.format)}"/>'
    )
    position = "low" if side.tag != "valAx" else "nextTo"  # below the plot, also where values are negative
    return (
        f"<c:{side.tag}>{_value('axId', side.own)}{scaling_xml(axis, side.order)}{_value('delete', int(side.deleted))}"
        f"{_value('axPos', side.side)}{lines}{titled}{code}{_value('majorTickMark', 'none')}"
        f"{_value('minorTickMark', 'none')}{_value('tickLblPos', position)}<c:spPr>{line}</c:spPr>"
        f"{_value('crossAx', side.other)}{_value('crosses', side.crosses)}{side.end}</c:{side.tag}>"
    )


def scaling_xml(axis: Axis, order: str = "minMax") -> str:
    """Return the scale of an axis (21.2.2.161)."""
    log = _value("logBase", f"{axis.log:g}") if axis.log is not None else ""
    top = _value("max", repr(axis.maximum)) if axis.maximum is not None else ""
    bottom = _value("min", repr(axis.minimum)) if axis.minimum is not None else ""
    return f"<c:scaling>{log}{_value('orientation', order)}{top}{bottom}</c:scaling>"
