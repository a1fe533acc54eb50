from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from lxml import etree

from copilot.documents import excel
from copilot.documents.excel.workbook import Workbook
from copilot.errors import EverpilotError, ToolInputError
from tests.thinning import thinned

from .books import book, changed, part, with_parts
from .test_charts import CHART, ROWS, check_order

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
DRAWING = "xl/drawings/drawing1.xml"


@pytest.fixture(scope="module")
def content() -> bytes:
    plain = book({"Data": ROWS, "Other": [["X"], [1], [2], [3]]})
    one = excel.add_chart(plain, "Data", "column", "Month", ["Sales"], title="Sales by month").content
    return excel.add_chart(one, "Data", "pie", "Month", ["Cost"], title="Cost").content


def charts(content: bytes) -> list[excel.Chart]:
    return excel.list_charts(Workbook.open(content))


def test_charts_are_listed(content: bytes) -> None:
    first, second = charts(content)
    assert (first.number, first.title, first.types, first.sheet.name) == (1, "Sales by month", ("column",), "Data")
    assert (second.number, second.title, second.types) == (2, "Cost", ("pie",))
    assert [(s.name, s.values, s.categories) for s in first.series] == [
        ("Sales", "Data!$B$2:$B$4", "Data!$A$2:$A$4"),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"title": "A <new> one"}, "<a:t>A &lt;new&gt; one</a:t>"),
        ({"title": ""}, '<c:autoTitleDeleted val="1"/>'),
        ({"series": [{"series": 1, "values": "Cost"}]}, "<c:f>Data!$C$2:$C$4</c:f>"),
        ({"series": [{"series": "sales", "values": "Data!B2:B3"}]}, "<c:f>Data!$B$2:$B$3</c:f>"),
        ({"series": [{"values": "Cost"}]}, '<c:idx val="1"/><c:order val="1"/>'),
        ({"series": [{"series": 1, "name": "Turnover"}]}, "<c:tx><c:v>Turnover</c:v></c:tx>"),
        ({"series": [{"series": 1, "color": "accent2"}]}, '<a:schemeClr val="accent2"'),
        ({"categories": "A2:A3"}, "<c:f>Data!$A$2:$A$3</c:f>"),
        ({"x_title": "Month", "y_title": "EUR"}, "<a:t>EUR</a:t>"),
        ({"type": "line"}, '<c:lineChart><c:grouping val="standard"/>'),
        ({"type": "stacked bar"}, '<c:barDir val="bar"/><c:grouping val="stacked"/>'),
        ({"type": "area"}, "<c:areaChart>"),
        ({"legend": "left"}, '<c:legendPos val="l"/>'),
    ],
)
def test_a_change_and_nothing_else(content: bytes, change: dict[str, Any], expected: str) -> None:
    edited = excel.edit_chart(content, 1, **change)
    assert expected in part(edited.content, CHART)
    assert changed(content, edited.content) == {CHART}
    assert edited.hunks
    assert all(h.before != h.after for h in edited.hunks)
    check_order(part(edited.content, CHART))
    openpyxl.load_workbook(io.BytesIO(edited.content))
    with pytest.raises(ToolInputError) as error:
        excel.edit_chart(edited.content, 1, **{k: v for k, v in change.items() if k in ("title", "type", "legend")})
    assert error.value.code == "unchanged"


def test_the_look_of_a_title_stays() -> None:
    one = excel.add_chart(book({"Data": ROWS}), None, "column", "Month", ["Sales"], title="Old\nlines").content
    styled = part(one, CHART).replace('sz="1400" b="0"', 'sz="2400" b="1"')

    edited = excel.edit_chart(with_parts(one, {CHART: styled.encode()}), "Old\nlines", title="New")
    xml = part(edited.content, CHART)
    assert 'sz="2400" b="1"' in xml
    assert "<a:t>lines<" not in xml
    assert xml.count("<a:p>") == styled.count("<a:p>") - 1


def test_caches_follow_their_ranges(content: bytes) -> None:
    xml = part(excel.edit_chart(content, 1, series=[{"series": 1, "values": "Cost"}]).content, CHART)
    root = etree.fromstring(xml.encode())
    values = [v.text for v in root.iter("{*}v")]
    assert values == ["Cost", "Jan", "Feb", "Mar", "5", "6", "7"], "a name that is a cell follows"


def test_series_come_and_go(content: bytes) -> None:
    two = excel.edit_chart(content, "Sales by month", series=[{"values": "Cost"}])
    assert [s.name for s in charts(two.content)[0].series] == ["Sales", "Cost"]
    one = excel.edit_chart(two.content, 1, series=[{"series": "Sales", "remove": True}])
    assert [s.name for s in charts(one.content)[0].series] == ["Cost"]
    assert one.hunks[0].after == ""


def test_moving_keeps_the_size_and_deleting_takes_the_parts(content: bytes) -> None:
    moved = excel.move_chart(content, 1, "B30")
    assert changed(content, moved.content) == {DRAWING}
    before, after = charts(content)[0].placed.area, charts(moved.content)[0].placed.area
    assert (after.top, after.left, after.height, after.width) == (30, 2, before.height, before.width)
    gone = excel.delete_chart(content, 1)
    assert changed(content, gone.content) == {
        *(DRAWING, CHART, "[Content_Types].xml", "xl/drawings/_rels/drawing1.xml.rels"),
    }
    assert [c.title for c in charts(gone.content)] == ["Cost"]
    openpyxl.load_workbook(io.BytesIO(gone.content))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: excel.edit_chart(c, 3, title="x"), "unknown_chart"),
        (lambda c: excel.edit_chart(c, "Nope", title="x"), "unknown_chart"),
        (lambda c: excel.edit_chart(c, 1, "Other", title="x"), "unknown_chart"),
        (lambda c: excel.edit_chart(c, 1, title="Sales by month"), "unchanged"),
        (lambda c: excel.edit_chart(c, 1, series=[{"series": 7, "values": "Cost"}]), "unknown_series"),
        (lambda c: excel.edit_chart(c, 1, series=[{"series": 1, "remove": True}]), "value"),
        (lambda c: excel.edit_chart(c, 1, series=[{"name": "x"}]), "value"),
        (lambda c: excel.edit_chart(c, 1, type="pie"), "chart_type"),
        (lambda c: excel.edit_chart(c, 2, x_title="x"), "no_axis"),
        (lambda c: excel.move_chart(c, 1, "XFD1"), "address"),
        (lambda c: excel.delete_chart(c, 9), "unknown_chart"),
    ],
)
def test_what_is_refused(content: bytes, call: Any, code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        call(content)
    assert error.value.code == code


FILES = [p for p in sorted(CORPUS.glob("*.xls[xm]")) if p.stat().st_size < 300_000] if CORPUS.is_dir() else []


@pytest.mark.parametrize("path", thinned(FILES, 4), ids=lambda p: p.name)
def test_charts_that_excel_made(path: Path) -> None:
    content = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = charts(content)
        except EverpilotError:
            return
    for chart in found[:2]:
        edited = excel.edit_chart(content, chart.number, chart.sheet.name, title="A new title")
        assert changed(content, edited.content) == {chart.part}
        before, after = (etree.fromstring(part(c, chart.part).encode()) for c in (content, edited.content))
        assert _without_title(before) == _without_title(after)
        assert before.nsmap == after.nsmap


def _without_title(root: etree._Element) -> bytes:
    for element in [e for e in root.iter("{*}title", "{*}autoTitleDeleted") if e.getparent().tag.endswith("}chart")]:
        element.getparent().remove(element)
    return etree.tostring(root, method="c14n")


CX = "http://schemas.microsoft.com/office/drawing/2014/chartex"
WATERFALL = (
    f'<cx:chartSpace xmlns:cx="{CX}" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><cx:chartData>'
    '<cx:data id="0"><cx:strDim type="cat"><cx:f>Data!$A$2:$A$4</cx:f></cx:strDim><cx:numDim type="val">'
    "<cx:f>Data!$B$2:$B$4</cx:f></cx:numDim></cx:data></cx:chartData><cx:chart><cx:title><cx:tx><cx:txData>"
    "<cx:v>Steps</cx:v></cx:txData></cx:tx></cx:title><cx:plotArea><cx:plotAreaRegion>"
    '<cx:series layoutId="waterfall"><cx:tx><cx:txData><cx:v>Sales</cx:v></cx:txData></cx:tx><cx:dataId val="0"/>'
    "</cx:series></cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>"
)


def test_charts_of_newer_kinds_are_listed_and_titled(content: bytes) -> None:
    chart = '<c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    drawing = part(content, DRAWING)
    uri = 'uri="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    drawing = drawing.replace(uri, f'uri="{CX}"', 1).replace(chart, f'<cx:chart xmlns:cx="{CX}"', 1)
    newer = with_parts(content, {DRAWING: drawing.encode(), CHART: WATERFALL.encode()})
    found = charts(newer)[0]
    assert (found.extended, found.title, found.types) == (True, "Steps", ("waterfall",))
    assert found.series == (type(found.series[0])("Sales", "Data!$B$2:$B$4", "Data!$A$2:$A$4"),)
    assert "<cx:v>Better</cx:v>" in part(excel.edit_chart(newer, "Steps", title="Better").content, CHART)
    with pytest.raises(ToolInputError, match="waterfall chart: only its title"):
        excel.edit_chart(newer, "Steps", type="line")
    assert [c.title for c in charts(excel.delete_chart(newer, "Steps").content)] == ["Cost"]


def test_a_range_without_a_header_has_no_name() -> None:
    edited = excel.add_chart(book({"Data": [[1], [2]]}), None, "column", None, ["A1:A2"])
    assert "<c:tx>" not in part(edited.content, CHART)
