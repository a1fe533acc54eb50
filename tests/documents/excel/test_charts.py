from __future__ import annotations

import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from lxml import etree

from copilot.documents import excel
from copilot.errors import ToolInputError

from .books import book, changed, part

ROWS: list[list[Any]] = [
    ["Month", "Sales", "Cost"],
    ["Jan", 10, 5],
    ["Feb", 20, 6],
    ["Mar", 30, 7],
    ["Total", "=SUM(B2:B4)", "=SUM(C2:C4)"],
]
CHART = "xl/charts/chart1.xml"


@pytest.fixture(scope="module")
def content() -> bytes:
    return book({"Data": ROWS})


@pytest.mark.parametrize("kind", excel.CHART_TYPES)
def test_each_type_opens_and_refers_to_its_cells(content: bytes, kind: str) -> None:
    measured = kind in ("scatter", "bubble")
    edited = excel.add_chart(content, None, kind, "Sales" if measured else "Month", ["Cost"], title="A & B")
    sheet = openpyxl.load_workbook(io.BytesIO(edited.content))["Data"]
    (chart,) = sheet._charts  # type: ignore[attr-defined]
    (series,) = chart.series
    values = series.yVal if measured else series.val
    assert values.numRef.f == "Data!$C$2:$C$4", "the total is not drawn"
    assert [p.v for p in values.numRef.numCache.pt] == [5, 6, 7]
    assert series.tx.strRef.f == "Data!$C$1"
    assert "A &amp; B" in part(edited.content, CHART)
    check_order(part(edited.content, CHART))


#: The children that the schema puts into a fixed order (ECMA-376 part 1, A.5.1), as far as we write them.
ORDER = {
    "chartSpace": "date1904 roundedCorners chart spPr txPr",
    "chart": "title autoTitleDeleted plotArea legend plotVisOnly dispBlanksAs",
    "plotArea": "layout areaChart barChart lineChart pieChart doughnutChart radarChart scatterChart bubbleChart "
    "catAx dateAx valAx",
    "barChart": "barDir grouping varyColors ser dLbls gapWidth overlap axId",
    "lineChart": "grouping varyColors ser dLbls dropLines marker axId",
    "areaChart": "grouping varyColors ser dLbls dropLines axId",
    "pieChart": "varyColors ser dLbls firstSliceAng",
    "doughnutChart": "varyColors ser dLbls firstSliceAng holeSize",
    "radarChart": "radarStyle varyColors ser dLbls axId",
    "scatterChart": "scatterStyle varyColors ser dLbls axId",
    "bubbleChart": "varyColors ser dLbls bubble3D bubbleScale showNegBubbles axId",
    "ser": "idx order tx spPr invertIfNegative marker explosion dPt dLbls trendline cat xVal val yVal smooth "
    "bubbleSize bubble3D",
    "trendline": "name spPr trendlineType order period dispRSqr dispEq",
    "scaling": "logBase orientation max min",
    "title": "tx layout overlay spPr txPr",
    "legend": "legendPos legendEntry layout overlay",
    **dict.fromkeys(
        ("catAx", "valAx", "dateAx"),
        "axId scaling delete axPos majorGridlines minorGridlines title numFmt majorTickMark minorTickMark tickLblPos "
        "spPr txPr crossAx crosses auto lblAlgn lblOffset noMultiLvlLbl crossBetween",
    ),
}


def check_order(xml: str) -> None:
    """Assert that each element has known children only, in the order of the schema."""
    for element in etree.fromstring(xml.encode()).iter():
        wanted = ORDER.get(etree.QName(element).localname, "").split()
        if wanted and "drawingml/2006/chart" in element.tag:
            found = [etree.QName(child).localname for child in element]
            axes = etree.QName(element).localname == "plotArea"  # they may come in any order
            places = [min(wanted.index(n), wanted.index("catAx")) if axes else wanted.index(n) for n in found]
            assert places == sorted(places), (element.tag, found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stacked": "stacked"}, ['<c:grouping val="stacked"/>', '<c:overlap val="100"/>']),
        ({"stacked": "percent"}, ['<c:grouping val="percentStacked"/>', 'formatCode="0%"']),
        ({"legend": "none"}, ['<c:plotVisOnly val="1"/>']),
        ({"legend": "right"}, ['<c:legendPos val="r"/>']),
        ({"labels": "value"}, ['<c:showVal val="1"/>']),
        ({"axis_titles": ("Time", "Money")}, ["<a:t>Time</a:t>", "<a:t>Money</a:t>"]),
        ({"y_axis": {"minimum": 1, "maximum": 9.5, "log": 10}}, ['<c:logBase val="10"/>', '<c:max val="9.5"/>']),
        ({"y_axis": {"format": "0.0%", "title": "Share"}}, ['formatCode="0.0%" sourceLinked="0"', "<a:t>Share</a:t>"]),
    ],
)
def test_what_a_chart_can_be_told(content: bytes, options: dict[str, Any], words: list[str]) -> None:
    xml = part(excel.add_chart(content, None, "column", "Month", ["Sales", "Cost"], **options).content, CHART)
    assert all(word in xml for word in words)
    assert ("<c:legend>" in xml) is (options.get("legend") != "none")
    check_order(xml)


def test_a_combined_chart_has_two_plots_and_two_pairs_of_axes(content: bytes) -> None:
    line = {
        "values": "Cost",
        "type": "line",
        "secondary": True,
        "color": "#c00000",
        "trendline": "linear",
        "name": "B9",
    }
    edited = excel.add_chart(content, None, "column", "Month", ["Sales", line], y2_axis={"title": "EUR"})
    xml = part(edited.content, CHART)
    check_order(xml)
    (chart,) = openpyxl.load_workbook(io.BytesIO(edited.content))["Data"]._charts  # type: ignore[attr-defined]
    assert [type(c).__name__ for c in (chart, *chart._charts[1:])] == ["BarChart", "LineChart"]
    assert xml.count("<c:valAx>") == xml.count("<c:catAx>") == 2
    assert '<c:srgbClr val="C00000">' in xml.replace("a:srgb", "c:srgb")
    assert "<c:v>B9</c:v>" in xml, "an empty cell names nothing: the words are the name"


def test_size_and_place(content: bytes) -> None:
    one = excel.add_chart(content, None, "column", "Month", ["Sales"], width=4, height=10)
    assert one.hunks[0].where == "Data!E1:H10"
    assert excel.add_chart(one.content, None, "column", "Month", ["Sales"], width=4).hunks[0].where == "Data!E12:H27"


def test_dates_get_a_date_axis_and_percents_stay_names() -> None:
    rows: list[list[Any]] = [["Day", "N"], *([date(2026, m, 1), m] for m in (1, 2, 3))]
    xml = part(excel.add_chart(book({"Data": rows}), None, "line", "Day", ["N"]).content, CHART)
    assert "<c:dateAx>" in xml
    assert "<c:numRef><c:f>Data!$A$2:$A$4</c:f>" in xml


def test_ranges_take_their_name_from_the_header(content: bytes) -> None:
    by_range = excel.add_chart(content, "Data", "line", "A2:A4", ["B1:B4", "Data!C2:C4"])
    by_name = excel.add_chart(content, "Data", "line", "Month", ["Sales", "Cost"])
    assert part(by_range.content, CHART) == part(by_name.content, CHART)


def test_a_second_chart_goes_into_the_same_drawing_below_the_first(content: bytes) -> None:
    one = excel.add_chart(content, None, "column", "Month", ["Sales"])
    two = excel.add_chart(one.content, None, "pie", "Month", ["Sales"])
    assert len(openpyxl.load_workbook(io.BytesIO(two.content))["Data"]._charts) == 2  # type: ignore[attr-defined]
    assert changed(one.content, two.content) >= {"xl/drawings/drawing1.xml", "xl/charts/chart2.xml"}
    assert CHART not in changed(one.content, two.content)
    assert one.hunks[0].where != two.hunks[0].where


def test_the_chart_does_not_cover_data(content: bytes) -> None:
    (hunk,) = excel.add_chart(content, None, "column", "Month", ["Sales"]).hunks
    place = excel.read_range(content, "Data", hunk.where.partition("!")[2])
    assert place.values == [[None]] or all(v is None for row in place.values for v in row)
    (placed,) = excel.add_chart(content, None, "column", "Month", ["Sales"], anchor="B20").hunks
    assert placed.where.startswith("Data!B20:")


def test_the_drawing_element_stands_where_the_schema_wants_it() -> None:
    before = book({"Data": ROWS[:4]}, {"T": ("Data", "A1:C4")})
    edited = excel.add_chart(before, None, "column", "Month", ["Sales"])
    sheet = part(edited.content)
    assert sheet.index("<drawing") < sheet.index("<tableParts")
    assert sheet.index("</sheetData>") < sheet.index("<drawing")


@pytest.mark.parametrize(
    ("kind", "categories", "series", "code"),
    [
        ("donut", "Month", ["Sales"], "unknown_chart_type"),
        ("column", "Month", [], "value"),
        ("pie", "Month", ["Sales", "Cost"], "value"),
        ("column", "Mnth", ["Sales"], "unknown_column"),
        ("column", "Month", ["Slaes"], "unknown_column"),
        ("column", "Month", ["Month"], "no_data"),
        ("column", "Month", ["B9:B2"], "address"),
        ("column", "Month", ["Z1:Z9"], "no_data"),
        ("column", "Month", ["A1:C4"], "address"),
        ("column", "Month", ["Nope!A1:A4"], "unknown_sheet"),
        ("pie", "Month", [{"values": "Sales", "type": "line"}], "value"),
        ("column", "Month", [{"values": "Sales", "secondary": True}], "value"),
        ("column", "Month", [{"values": "Sales", "color": "blurple"}], "color"),
    ],
)
def test_what_cannot_be_drawn(content: bytes, kind: str, categories: str, series: list[Any], code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        excel.add_chart(content, None, kind, categories, series)
    assert error.value.code == code


def test_the_same_chart_gives_the_same_bytes(content: bytes) -> None:
    assert excel.add_chart(content, None, "bar", "Month", ["Cost"]) == excel.add_chart(
        content, None, "bar", "Month", ["Cost"]
    )


def test_categories_that_repeat_are_named() -> None:
    rows: list[list[Any]] = [["Region", "Sum"], *(["NS"[n % 2], n] for n in range(9))]
    edited = excel.add_chart(book({"Data": rows}), None, "column", "Region", ["Sum"])
    assert any("does not total" in w for w in edited.warnings)
