from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

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


@pytest.fixture
def content() -> bytes:
    return book({"Data": ROWS})


@pytest.mark.parametrize("kind", excel.CHART_TYPES)
def test_each_type_opens_and_refers_to_its_cells(content: bytes, kind: str) -> None:
    edited = excel.add_chart(content, None, kind, "Sales" if kind == "scatter" else "Month", ["Cost"], title="A & B")
    sheet = openpyxl.load_workbook(io.BytesIO(edited.content))["Data"]
    (chart,) = sheet._charts  # type: ignore[attr-defined]
    (series,) = chart.series
    values = series.yVal if kind == "scatter" else series.val
    assert values.numRef.f == "Data!$C$2:$C$4", "the total is not drawn"
    assert [p.v for p in values.numRef.numCache.pt] == [5, 6, 7]
    assert series.tx.strRef.f == "Data!$C$1"
    assert "A &amp; B" in part(edited.content, CHART)


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
    ],
)
def test_what_cannot_be_drawn(content: bytes, kind: str, categories: str, series: list[str], code: str) -> None:
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
