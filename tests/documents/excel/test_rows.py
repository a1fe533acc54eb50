# ruff: noqa: E501 - XML and rows as they lie in a file
from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from copilot.documents import excel
from copilot.errors import ToolInputError

from .books import SHEET, book, cells, changed, formulas, hunks, part, values, with_parts

BUDGET: list[list[Any]] = [
    ["Budget 2026"],
    [],
    ["Item", "Plan", "Actual", "Diff"],
    ["Rent", 100, 90, "=C4-B4"],
    ["Food", 50, 60, "=C5-B5"],
    ["Total", "=SUM(B4:B5)", "=SUM(C4:C5)", "=SUM(D4:D5)"],
]


def test_a_row_goes_above_the_total_which_goes_on_summing() -> None:
    before = book({"Budget": BUDGET, "Sum": [["=Budget!B6", "=SUM(Budget!B4:B5)", "=Budget!$C$6*2", "=Budget!A1"]]})
    edited = excel.add_row(before, {"item": "Fun", "Actual": 7, "Plan": "5"})
    found = formulas(edited.content, "Budget")
    assert (found["A6"], found["B6"], found["C6"], found["D6"]) == ("Fun", 5, 7, "=C6-B6")
    assert [found[f"{c}7"] for c in "ABCD"] == ["Total", "=SUM(B4:B6)", "=SUM(C4:C6)", "=SUM(D4:D6)"]
    moved = formulas(edited.content, "Sum")
    assert (moved["A1"], moved["C1"], moved["D1"]) == ("=Budget!B7", "=Budget!$C$7*2", "=Budget!A1")
    assert values(edited.content, "Budget")["B7"] == 155


def test_a_table_grows_with_its_filter_and_formulas() -> None:
    rows = [
        ["Day", "Item", "Price", "Twice"],
        [date(2026, 1, 1), "a", 10, "=C2*2"],
        [date(2026, 1, 2), "b", 20, "=C3*2"],
    ]
    before = book({"Data": rows}, {"Sales": ("Data", "A1:D3")})
    edited = excel.add_table_row(before, "sales", ["2026-01-03", "c", 30])
    assert str(excel.tables(edited.content)[0].area) == "A1:D4"
    assert part(edited.content, "xl/tables/table1.xml").count('"A1:D4"') == 2
    assert formulas(edited.content)["D4"] == "=C4*2"
    assert excel.read_range(edited.content, None, "A4:D4").values == [["2026-01-03", "c", 30, 60]]
    assert ("table Sales", "A1:D3", "A1:D4") in hunks(edited)


def test_a_totals_row_of_a_table_moves_down() -> None:
    before = book(
        {"Data": [["Item", "Price"], ["a", 1], ["Total", "=SUBTOTAL(109,T[Price])"]]}, {"T": ("Data", "A1:B3")}
    )
    table = (
        part(before, "xl/tables/table1.xml")
        .replace('totalsRowShown="0"', "")
        .replace("<table ", '<table totalsRowCount="1" ', 1)
    )
    before = with_parts(
        before, {"xl/tables/table1.xml": table.replace('<autoFilter ref="A1:B3"', '<autoFilter ref="A1:B2"').encode()}
    )
    edited = excel.add_row(before, {"Item": "b", "Price": 2}, table="T")
    assert formulas(edited.content) == {
        "A1": "Item", "B1": "Price", "A2": "a", "B2": 1, "A3": "b", "B3": 2, "A4": "Total", "B4": "=SUBTOTAL(109,T[Price])"
    }  # fmt: skip
    assert 'ref="A1:B4"' in part(edited.content, "xl/tables/table1.xml")
    assert 'ref="A1:B3"' in part(edited.content, "xl/tables/table1.xml")


def test_an_empty_row_of_a_table_is_filled_first() -> None:
    before = book({"Data": [["Item", "Price"], ["a", 1]]}, {"T": ("Data", "A1:B4")})
    edited = excel.add_row(before, ["b", 2])
    assert changed(before, edited.content) == {SHEET}
    assert formulas(edited.content) == {"A1": "Item", "B1": "Price", "A2": "a", "B2": 1, "A3": "b", "B3": 2}


def test_text_that_looks_like_a_formula_stays_text_in_a_row() -> None:
    before = book({"Data": [["Item", "Price"], ["a", 1]]})
    edited = excel.append_row(before, "Data", ['=HYPERLINK("http://x","y")', 2])
    assert '=HYPERLINK("http://x","y")' in values(edited.content).values()
    assert "<f" not in part(edited.content)
    assert "<f>1+1</f>" in part(excel.append_row(before, "Data", ["b", "=1+1"], formulas=True).content)


@pytest.mark.parametrize(
    ("rows", "tables", "given", "code"),
    [
        ([["A", "B"], [1, 2]], {}, [1, 2, 3], "value"),
        ([["A", "B"], [1, 2]], {}, {"C": 1}, "unknown_column"),
        ([["A", "B"], [1, 2]], {}, [], "value"),
        ([["A", "B"], [1, 2]], {}, [None, None], "value"),
        ([["A", "B"], [1, 2], [None, None], ["note"]], {"T": ("Data", "A1:B2")}, [3, 4], ""),
        ([["A", "B"], [1, 2], ["note"]], {"T": ("Data", "A1:B2")}, [3, 4], "cell_in_the_way"),
    ],
)
def test_rows_that_cannot_be_added(
    rows: list[list[Any]], tables: dict[str, tuple[str, str]], given: Any, code: str
) -> None:
    before = book({"Data": rows}, tables)
    if not code:
        assert excel.add_row(before, given).content
        return
    with pytest.raises(ToolInputError) as error:
        excel.add_row(before, given)
    assert error.value.code == code


def test_a_formula_that_does_not_take_in_the_new_row_is_named() -> None:
    before = book({"Data": [["A", "B", None, "Sum"], [1, 2, None, "=SUM(B2:B3)"], [3, 4]]})
    edited = excel.append_row(before, "Data", [5, 6])
    assert any("D2" in w and "B2:B3" in w for w in edited.warnings)


def test_formats_come_from_the_row_above() -> None:
    data = (
        '<row r="1"><c r="A1" t="str"><v>Item</v></c><c r="B1" t="str"><v>Share</v></c></row>'
        '<row r="2"><c r="A2" t="str" s="0"><v>x</v></c><c r="B2" s="1"><v>0.5</v></c></row>'
    )
    styled = excel.write_cells(excel.create({"Data": []}).content, None, {"A1": "5%"}).content
    before = with_parts(styled, {SHEET: part(cells(data)).encode()})
    edited = excel.append_row(before, "Data", ["y", 0.25])
    assert '<c r="B3" s="1"><v>0.25</v></c>' in part(edited.content)


def test_formulas_on_the_same_sheet_follow_the_total() -> None:
    rows: list[list[Any]] = [
        ["Item", "Plan", "Share", None, "Sum", "=B4"],
        ["Rent", 100, "=B2/B$4"],
        ["Food", 50, "=B3/B$4"],
        ["Total", "=SUM(B2:B3)", "=SUM(C2:C3)"],
    ]
    edited = excel.append_row(book({"Data": rows}), "Data", {"Item": "Fun", "Plan": 50})
    found = formulas(edited.content)
    assert [found[f"C{n}"] for n in (2, 3, 4)] == ["=B2/B$5", "=B3/B$5", "=B4/B$5"]
    assert (found["F1"], found["B5"], found["C5"]) == ("=B5", "=SUM(B2:B4)", "=SUM(C2:C4)")


def test_a_chart_that_does_not_take_in_the_row_is_named() -> None:
    before = excel.add_chart(book({"Data": [["Item", "Price"], ["a", 1], ["b", 2]]}), None, "column", "Item", ["Price"])
    assert any("chart" in w for w in excel.append_row(before.content, "Data", ["c", 3]).warnings)


@pytest.mark.parametrize(
    ("rows", "given", "written"),
    [
        ([], ["x", 1], {"A1": "x", "B1": 1}),
        ([["Name", "Age"]], ["Ann", 3], {"A1": "Name", "B1": "Age", "A2": "Ann", "B2": 3}),
        ([["Name", "Age"]], {"age": 3}, {"A1": "Name", "B1": "Age", "B2": 3}),
        ([["A note"]], ["a", "b"], {"A1": "A note", "A2": "a", "B2": "b"}),
    ],
)
def test_a_sheet_without_rows_takes_the_first_one(rows: list[list[Any]], given: Any, written: dict[str, Any]) -> None:
    before = book({"List": rows})
    assert formulas(excel.add_row(before, given, sheet="List").content) == written
    assert formulas(excel.add_row(before, given).content) == written  # the only sheet


def test_totals_that_move_are_still_what_the_table_says_of_them() -> None:
    column = '<tableColumn id="2" name="Price" totalsRowFunction="average" totalsRowDxfId="7"/>'
    own = "<totalsRowFormula>MAX(B2:B3)</totalsRowFormula>"
    third = f'<tableColumn id="3" name="Most" totalsRowFunction="custom">{own}</tableColumn>'
    rows = [["Item", "Price", "Most"], ["a", 1, 1], ["b", 3, 2], ["Total", "=SUBTOTAL(101,T[Price])", "=MAX(B2:B3)"]]
    before = book({"Data": rows}, {"T": ("Data", "A1:C4")})
    table = (
        '<table xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" id="1" name="T" displayName="T"'
        ' ref="A1:C4" totalsRowCount="1"><autoFilter ref="A1:C3"/><tableColumns count="3">'
        f'<tableColumn id="1" name="Item" totalsRowLabel="Total"/>{column}{third}</tableColumns></table>'
    )
    before = with_parts(before, {"xl/tables/table1.xml": table.encode()})
    after = part(excel.add_row(before, ["c", 5, 4], table="T").content, "xl/tables/table1.xml")
    assert after == table.replace("A1:C4", "A1:C5").replace("A1:C3", "A1:C4").replace("B2:B3", "B2:B4")
