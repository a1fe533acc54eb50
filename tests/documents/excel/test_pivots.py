from __future__ import annotations

import io
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

from .books import book, changed, part, with_parts

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
HEAD = ["Region", "Product", "Month", "Rep", "Units", "Amount"]
ROWS: list[list[Any]] = [
    HEAD,
    ["North", "Pen", date(2026, 1, 1), "Ann", 1, 10.5],
    ["South", "Ink", date(2026, 2, 1), "Bob", 2, 20],
    ["north", "Pen", date(2026, 2, 1), "Ann", None, 30],
    [None, "Pad", date(2026, 1, 1), "Bob", 4, 40],
    ["South", "Pen", date(2026, 1, 1), "Ann", 5, 0.5],
]
TABLE = "xl/pivotTables/pivotTable1.xml"
CACHE = "xl/pivotCache/pivotCacheDefinition1.xml"


@pytest.fixture(scope="module")
def content() -> bytes:
    return book({"Data": ROWS, "Notes": [["Text"]]}, {"Sales": ("Data", "A1:F6")})


def grid(content: bytes, sheet: str = "Pivot") -> list[list[Any]]:
    """Return the used cells of a sheet as openpyxl reads them, without blank rows above."""
    rows = [list(r) for r in openpyxl.load_workbook(io.BytesIO(content), data_only=True)[sheet].values]
    return [r for r in rows if any(v is not None for v in r)]


JAN, FEB = datetime(2026, 1, 1), datetime(2026, 2, 1)
CASES: list[tuple[dict[str, Any], list[list[Any]], str]] = [
    (
        {"rows": ["Region"], "values": ["Amount"]},
        [["Region", "Sum of Amount"], ["North", 40.5], ["South", 20.5], ["(blank)", 40], ["Grand Total", 101]],
        'ref="A3:B7" firstHeaderRow="1" firstDataRow="1" firstDataCol="1"',
    ),
    (
        {"rows": ["Region"], "values": ["Amount", {"column": "Units", "function": "average", "name": "Mean"}]},
        [
            *(["Region", "Sum of Amount", "Mean"], ["North", 40.5, 1], ["South", 20.5, 3.5]),
            *(["(blank)", 40, 4], ["Grand Total", 101, 3]),
        ],
        'ref="A3:C7" firstHeaderRow="0" firstDataRow="1" firstDataCol="1"',
    ),
    (
        {"rows": ["Region"], "columns": ["Month"], "values": ["Amount"]},
        [
            *(["Sum of Amount", "Month", None, None], ["Region", JAN, FEB, "Grand Total"]),
            *(["North", 10.5, 30, 40.5], ["South", 0.5, 20, 20.5], ["(blank)", 40, None, 40]),
            ["Grand Total", 51, 50, 101],
        ],
        'ref="A3:D8" firstHeaderRow="1" firstDataRow="2" firstDataCol="1"',
    ),
    (
        {"rows": ["Rep", "Product"], "values": ["Amount"], "subtotals": True},
        [
            *(["Rep", "Product", "Sum of Amount"], ["Ann", "Pen", 41], ["Ann Total", None, 41]),
            *(["Bob", "Ink", 20], [None, "Pad", 40], ["Bob Total", None, 60], ["Grand Total", None, 101]),
        ],
        'ref="A3:C9" firstHeaderRow="1" firstDataRow="1" firstDataCol="2"',
    ),
    (
        {"rows": ["Rep", "Product"], "values": ["Amount"], "subtotals": True, "compact": True},
        [
            *(["Row Labels", "Sum of Amount"], ["Ann", 41], ["Pen", 41], ["Bob", 60], ["Ink", 20], ["Pad", 40]),
            ["Grand Total", 101],
        ],
        'ref="A3:B9" firstHeaderRow="1" firstDataRow="1" firstDataCol="1"',
    ),
    (
        {"rows": ["Region"], "columns": ["Rep"], "values": ["Amount", "Product"], "totals": False},
        [
            [None, "Rep", "Values", None, None],
            [None, "Ann", None, "Bob", None],
            ["Region", "Sum of Amount", "Count of Product", "Sum of Amount", "Count of Product"],
            *(["North", 40.5, 2, None, None], ["South", 0.5, 1, 20, 1], ["(blank)", None, None, 40, 1]),
        ],
        'ref="A3:E8" firstHeaderRow="1" firstDataRow="3" firstDataCol="1"',
    ),
    (
        {
            "rows": ["Product"],
            "values": ["Amount"],
            "filters": {"Rep": "ann", "Units": [1, 5], "Month": ""},
        },
        [
            *(["Rep", "Ann"], ["Units", "(Multiple Items)"], ["Month", "(All)"]),
            *(["Product", "Sum of Amount"], ["Pen", 11], ["Grand Total", 11]),
        ],
        'ref="A5:B7" firstHeaderRow="1" firstDataRow="1" firstDataCol="1" rowPageCount="3" colPageCount="1"',
    ),
]


@pytest.mark.parametrize(("given", "expected", "location"), CASES)
def test_the_result_stands_in_the_cells(
    content: bytes, given: dict[str, Any], expected: list[list[Any]], location: str
) -> None:
    edited = excel.create_pivot(content, "Sales", **given)
    assert grid(edited.content) == expected
    assert f"<location {location}/>" in part(edited.content, TABLE)
    (pivot,) = openpyxl.load_workbook(io.BytesIO(edited.content))["Pivot"]._pivots  # type: ignore[attr-defined]
    assert len(pivot.cache.records.r) == 5
    assert pivot.cache.cacheSource.worksheetSource.name == "Sales"
    assert pivot.cache.refreshOnLoad
    counted = re.findall(r'<(rowItems|colItems) count="(\d+)">(.*?)</\1>', part(edited.content, TABLE))
    assert {name: int(n) for name, n, _ in counted} == {
        name: len(re.findall(r"<i[ >/]", inside)) for name, _, inside in counted
    }
    assert "xl/worksheets/sheet1.xml" not in changed(content, edited.content)


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        (["a", "b"], ""),
        (["a", None], ' containsBlank="1"'),
        (
            [1, 2.5],
            ' containsSemiMixedTypes="0" containsString="0" containsNumber="1" minValue="1" maxValue="2.5"',
        ),
        (
            [1, None],
            ' containsString="0" containsBlank="1" containsNumber="1" containsInteger="1" minValue="1" maxValue="1"',
        ),
        (["a", 1], ' containsMixedTypes="1" containsNumber="1" containsInteger="1" minValue="1" maxValue="1"'),
        (
            [date(2026, 1, 1)] * 2,
            ' containsSemiMixedTypes="0" containsNonDate="0" containsDate="1" containsString="0" '
            'minDate="2026-01-01T00:00:00" maxDate="2026-01-02T00:00:00"',
        ),
        ([True, "x" * 300], ' longText="1"'),
    ],
)
def test_what_the_cache_says_of_a_column(values: list[Any], facts: str) -> None:
    rows = [["K", "V"], *(["k", v] for v in values)]
    edited = excel.create_pivot(book({"Data": rows}), "A1:B3", ["K"], [{"column": "V", "function": "count"}])
    assert f"<sharedItems{facts}/>" in part(edited.content, CACHE)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        *(("sum", 12), ("count", 4), ("average", 4), ("max", 7), ("min", 2), ("product", 42), ("count_numbers", 3)),
        *(("stdev", 7**0.5), ("var", 7), ("varp", 14 / 3), ("stdevp", (14 / 3) ** 0.5)),
    ],
)
def test_functions(function: str, expected: float) -> None:
    rows = [["K", "V"], ["a", 2], ["a", 3], ["a", 7], ["a", "text"], ["a", None]]
    edited = excel.create_pivot(book({"Data": rows}), "A1:B6", ["K"], [{"column": "V", "function": function}])  # type: ignore[list-item, typeddict-item]
    assert grid(edited.content)[1][1] == pytest.approx(expected)


def test_mixed_kinds_are_sorted_as_excel_does() -> None:
    rows = [["K", "V"], ["b", 1], [True, 1], [None, 1], [3, 1], ["A", 1], [-1, 1]]
    edited = excel.create_pivot(book({"Data": rows}), "A1:B7", ["K"], ["V"], at="D1")
    labels = [r[3] for r in grid(edited.content, "Data")]
    assert labels == ["K", -1, 3, "A", "b", True, "(blank)", "Grand Total"]


def test_numbers_look_like_their_source() -> None:
    one = book({"Data": ROWS})
    edited = excel.create_pivot(one, "Data!A1:F6", ["Month"], ["Amount"], at="H1")
    sheet = openpyxl.load_workbook(io.BytesIO(edited.content))["Data"]
    assert sheet["H2"].number_format == sheet["C2"].number_format != "General"
    assert sheet["H2"].value == JAN


def test_several_pivots_are_listed(content: bytes) -> None:
    one = excel.create_pivot(content, "Sales", ["Region"], ["Amount"], at="Report").content
    two = excel.create_pivot(one, "Data!A1:F6", ["Rep"], ["Units"], ["Product"], at="Report!F3").content
    found = excel.list_pivots(Workbook.open(two))
    assert [(p.name, p.where, p.source, p.rows, p.columns, p.values) for p in found] == [
        ("PivotTable1", "Report!A3:B7", "Sales", ("Region",), (), ("Sum of Amount",)),
        ("PivotTable2", "Report!F3:J7", "Data!A1:F6", ("Rep",), ("Product",), ("Sum of Units",)),
    ]
    assert two == excel.create_pivot(one, "Data!A1:F6", ["Rep"], ["Units"], ["Product"], at="Report!F3").content


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"source": "Nope"}, "unknown_table"),
        ({"source": "Nope!A1:B2"}, "unknown_sheet"),
        ({"source": "A1:F1"}, "no_data"),
        ({"source": "A1:G6"}, None),
        ({"source": "H1:J6"}, "no_data"),
        ({"rows": []}, "value"),
        ({"values": []}, "value"),
        ({"rows": ["Regoin"]}, "unknown_column"),
        ({"columns": ["Region"]}, "value"),
        ({"filters": {"Rep": "Zoe"}}, "unknown_item"),
        ({"at": "Data!B2"}, "taken"),
        ({"at": "Notes!A1"}, "taken"),
        ({"at": "bad/name"}, "sheet_name"),
        ({"at": "Data!XFD1"}, "too_large"),
        ({"style": "Nope"}, "style"),
        ({"values": [{"column": "Units", "name": "Amount"}]}, "name"),
    ],
)
def test_what_is_refused(content: bytes, given: dict[str, Any], code: str | None) -> None:
    arguments: dict[str, Any] = {"source": "Sales", "rows": ["Region"], "values": ["Amount"], **given}
    if code is None:  # a column beyond the data is not there
        assert excel.create_pivot(content, **arguments)
        return
    with pytest.raises(ToolInputError) as error:
        excel.create_pivot(content, **arguments)
    assert error.value.code == code


def test_a_column_without_a_name_is_named() -> None:
    with pytest.raises(ToolInputError, match="Data!B1 is empty"):
        excel.create_pivot(book({"Data": [["A", None, "C"], [1, 2, 3]]}), "A1:C2", ["A"], ["C"])


# --- refreshing ------------------------------------------------------------------------------------------------------

EDITS: list[dict[str, Any]] = [
    {"F2": 1000},
    {"A3": "West", "F3": 7},  # a new item
    {"A5": "North", "F6": None},  # one that goes
    {"C2": "2027-05-01"},
]


@pytest.mark.parametrize(("number", "edit"), [(n, EDITS[n % 4]) for n in range(len(CASES))])
def test_refreshing_gives_what_making_it_anew_gives(content: bytes, edit: dict[str, Any], number: int) -> None:
    given = CASES[number][0]
    made = excel.create_pivot(content, "Sales", **given).content
    edited = excel.write_cells(made, "Data", edit).content
    fresh = excel.create_pivot(excel.write_cells(content, "Data", edit).content, "Sales", **given).content
    if grid(edited) == grid(fresh):  # the pivot table does not show what was edited
        with pytest.raises(ToolInputError, match="already"):
            excel.refresh_pivot(edited, "PivotTable1")
        return
    refreshed = excel.refresh_pivot(edited, "PivotTable1")
    assert not refreshed.warnings
    assert _sorted(grid(refreshed.content)) == _sorted(grid(fresh))
    openpyxl.load_workbook(io.BytesIO(refreshed.content))
    with pytest.raises(ToolInputError, match="already"):
        excel.refresh_pivot(refreshed.content, "PivotTable1")


def _sorted(rows: list[list[Any]]) -> list[list[str]]:
    """Return rows and columns in an order of their own: a new item comes last where it is refreshed."""
    width = max(len(r) for r in rows)
    padded = [[str(v) for v in r] + ["None"] * (width - len(r)) for r in rows if any(v is not None for v in r)]
    return sorted(sorted(r) for r in padded)


def test_a_growing_table_and_another_source(content: bytes) -> None:
    made = excel.create_pivot(content, "Data!A1:F5", ["Region"], ["Amount"], at="Report").content
    refreshed = excel.refresh_pivot(made, 1, source="Sales")
    assert grid(refreshed.content, "Report")[-1] == ["Grand Total", 101]
    assert '<worksheetSource name="Sales"/>' in part(refreshed.content, CACHE)


def test_what_only_excel_computes_is_left_to_it(content: bytes) -> None:
    made = excel.create_pivot(content, "Sales", ["Region"], ["Amount"]).content
    table = part(made, TABLE).replace('fld="5"', 'fld="5" showDataAs="percentOfTotal"')
    cache = part(made, CACHE).replace(' refreshOnLoad="1"', "")
    shares = with_parts(made, {TABLE: table.encode(), CACHE: cache.encode()})
    edited = excel.refresh_pivot(shares, "PivotTable1")
    assert "share or a difference" in edited.warnings[0]
    assert changed(shares, edited.content) == {CACHE}
    with pytest.raises(ToolInputError, match="by Excel only"):
        excel.refresh_pivot(edited.content, "PivotTable1")


def test_cells_in_the_way_of_a_larger_one(content: bytes) -> None:
    made = excel.create_pivot(content, "Sales", ["Region"], ["Amount"]).content
    edited = excel.write_cells(made, None, {"Data!A2": "West", "Pivot!A8": "a note"}).content
    with pytest.raises(ToolInputError, match="A8, which holds something"):
        excel.refresh_pivot(edited, "PivotTable1")
    assert excel.refresh_pivot(edited, "PivotTable1", overwrite=True)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus")
def test_a_pivot_table_that_excel_made() -> None:
    content = (CORPUS / "Open-XML-SDK__basicspreadsheet.xlsx").read_bytes()
    with pytest.raises(ToolInputError, match="already"):
        excel.refresh_pivot(content, 1)
