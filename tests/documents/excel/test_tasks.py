"""Tasks as people ask for them in spreadsheet forums, solved with operations alone and checked cell by cell."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import openpyxl
import pytest

from copilot.documents.excel import lifting
from copilot.documents.excel.edits import edit
from copilot.errors import ToolInputError

from .books import MAIN, book, cells, changed, formulas, part, raw, values, with_parts

ORDERS = book(
    {
        "S": [
            ["Name", "Code", "Qty", "Price", "Date"],
            ["Ann Lee", "AB-12", 3, 2.5, datetime(2026, 1, 5)],
            ["Bob Ray", "CD-7", 0, 4, datetime(2026, 1, 20)],
            ["Cy Fox", "EF-123", 5, 1.5, datetime(2026, 2, 3)],
            ["Ann Lee", "GH-4", 2, 10, datetime(2026, 3, 9)],
        ],
        "Clients": [["Key", "City"], ["Ann Lee", "Bonn"], ["Cy Fox", "Ulm"]],
    }
)


def column(letter: str, wanted: Sequence[Any], start: int = 2) -> dict[str, Any]:
    """Return the cells of a column by address."""
    return {f"{letter}{row}": value for row, value in enumerate(wanted, start)}


def fill(formula: str, place: str = "F2:F5") -> list[dict[str, Any]]:
    return [{"op": "write_formula", "sheet": "S", "range": place, "formula": formula}]


def on(**fields: Any) -> dict[str, Any]:
    return {"sheet": "S", **fields}


TASKS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "price times quantity": (fill("=C2*D2"), column("F", [7.5, 0, 7.5, 20])),
    "the part before the dash": (fill('=LEFT(B2,FIND("-",B2)-1)'), column("F", ["AB", "CD", "EF", "GH"])),
    "look up on the other sheet": (
        fill('=IFERROR(VLOOKUP(A2,Clients!$A$2:$B$3,2,FALSE),"none")'),
        column("F", ["Bonn", "none", "Ulm", "Bonn"]),
    ),
    "running total": (fill("=SUM($C$2:C2)"), column("F", [3, 3, 8, 10])),
    "number rows by group": (fill("=COUNTIF($A$2:A2,A2)"), column("F", [1, 1, 1, 2])),
    "rank": (fill("=RANK(D2,$D$2:$D$5)"), column("F", [3, 2, 4, 1])),
    "share of the total": (fill("=C2/SUM($C$2:$C$5)"), column("F", [0.3, 0, 0.5, 0.2])),
    "sum per month": (
        [
            on(op="fill_series", range="H2:H4", start="2026-01-01", unit="month"),
            *fill("=SUMPRODUCT((MONTH($E$2:$E$5)=MONTH(H2))*$C$2:$C$5)", "I2:I4"),
        ],
        {**column("H", [datetime(2026, m, 1) for m in (1, 2, 3)]), **column("I", [3, 5, 2])},
    ),
    "count of different names": (fill("=SUMPRODUCT(1/COUNTIF(A2:A5,A2:A5))", "H1"), {"H1": 3}),
    "split names": (
        [on(op="split_column", range="A2:A5", separator=" ", to="F2")],
        {**column("F", ["Ann", "Bob", "Cy", "Ann"]), **column("G", ["Lee", "Ray", "Fox", "Lee"])},
    ),
    "transpose": (
        [on(op="copy_range", range="A1:C2", to="H1", transpose=True)],
        {"H1": "Name", "I1": "Ann Lee", "H2": "Code", "I2": "AB-12", "H3": "Qty", "I3": 3},
    ),
    "move a column": (
        [on(op="copy_range", range="C1:C5", to="H1"), on(op="clear_range", range="C:C")],
        {**column("H", ["Qty", 3, 0, 5, 2], 1), **column("C", [None] * 5, 1)},
    ),
    "number the rows": ([on(op="fill_series", range="F2:F5", start=1)], column("F", [1, 2, 3, 4])),
    "a block of values": (
        [on(op="write_range", cell="G1", rows=[["x", "=SUM(C2:C5)"], [None, "007"]])],
        {"G1": "x", "H1": 10, "H2": "007"},
    ),
    "sums by name, as formulas": (
        [on(op="write_analysis", steps=[{"op": "aggregate", "sheet": "S", "figures": ["sum Qty"], "by": ["Name"]}],
            cell="H1", formulas=True)],
        {"H1": "Name", "I1": "sum of Qty", **column("H", ["Ann Lee", "Bob Ray", "Cy Fox"]), **column("I", [5, 0, 5])},
    ),
}  # fmt: skip


@cache
def contents(content: bytes) -> dict[tuple[str, str], Any]:
    """Return what all cells of a workbook hold, by sheet and address."""
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    return {
        (s.title, c.coordinate): c.value for s in workbook for row in s.iter_rows() for c in row if c.value is not None
    }


def assert_only(before: bytes, after: bytes, wanted: Mapping[str, Any], sheet: str = "S") -> None:
    """Assert what cells show now, and that no other cell of the workbook is another one."""
    shown = values(after, sheet)
    assert {at: shown.get(at) for at in wanted} == dict(wanted)
    old, new = contents(before), contents(after)
    other = {at for at in old.keys() | new.keys() if old.get(at) != new.get(at)}
    assert other <= {(sheet, at) for at in wanted}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_solved_and_nothing_else_changes(name: str) -> None:
    calls, wanted = TASKS[name]
    done = edit(ORDERS, calls)
    assert_only(ORDERS, done.content, wanted)
    assert changed(ORDERS, done.content) <= {
        "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/metadata.xml", "[Content_Types].xml",
        "xl/_rels/workbook.xml.rels",
    }  # fmt: skip


LIFTED: dict[str, Any] = {
    "=SUMPRODUCT(LEN(A2:A5))": 27,
    "=SUM(LEN(B2:B5)-LEN(SUBSTITUTE(B2:B5,1,)))": 2,
    '=SUMPRODUCT(--(TEXT(E2:E5,"yyyy-mm")="2026-01"),C2:C5)': 3,
    "=SUMPRODUCT(MOD(ROW(A2:A5),2)*C2:C5)": 2,
    '=SUM(SUMIFS(C2:C5,A2:A5,{"Ann Lee","Cy Fox"}))': 10,
    "=SUM(LARGE(D2:D5,{1,2}))": 14,
    "=SUMPRODUCT(C2:C5>2)": 0,  # logical values are no numbers there
    "=SUMPRODUCT(--(C2:C5>2))": 2,
    '=SUMPRODUCT(--EXACT(A2:A5,"Ann Lee"),SUMIF(A2:A5,A2:A5,C2:C5))': 10,
    "=INDEX(A2:A5,MATCH(MAX(LEN(B2:B5)),LEN(B2:B5),0))": "Cy Fox",
    '=TEXTJOIN(",",TRUE,UPPER(LEFT(A2:A5)))': "A,B,C,A",
    "=SUM(IF(ISNUMBER(SEARCH(\"lee\",A2:A5)),ROUND(D2:D5,0)))": 13,
    "=SUMPRODUCT(ABS(ROW()-ROW(A2:A5)))": 46,
    "=SUM(COLUMN(A1:C1)*ROW(A1:A2))": 18,
}  # fmt: skip


@pytest.mark.parametrize("formula", LIFTED)
def test_functions_of_one_value_work_through_ranges(formula: str) -> None:
    done = edit(ORDERS, [{"op": "write_cells", "sheet": "S", "cells": {"H15": formula}}])
    assert values(done.content, "S")["H15"] == LIFTED[formula]
    assert not done.warnings


@pytest.mark.parametrize(
    "formula",
    [
        '=TEXTJOIN("",TRUE,IFERROR(MID(A2,ROW(INDIRECT("1:"&LEN(A2))),1)*1,""))',
        "=LET(x,A2:A5,SUM(LEN(x)))",
        "=SUMPRODUCT(LEN(OFFSET(A2,0,0,3)))",
        "=SUMPRODUCT((YEAR(E:E)=2026)*1)",
        '=VLOOKUP("b",CHOOSE({1,2},A2:A5,C2:C5),2,FALSE)',
    ],
)
def test_what_cannot_be_told_is_left_to_excel_by_name(formula: str) -> None:
    done = edit(ORDERS, [{"op": "write_cells", "sheet": "S", "cells": {"H15": formula}}])
    assert "H15" not in values(done.content, "S")
    assert done.warnings == ("The result of S!H15 is computed when Excel opens the file.",)
    assert "fullCalcOnLoad" in part(done.content, "xl/workbook.xml")


def test_helpers_are_shared_and_limited() -> None:
    asked: list[str] = []

    def room(key: str, make: Any) -> str:
        asked.append(key)
        return f"H!A1:A{len(make())}"

    text = lifting.lifted("=SUM(LEN(S!A1:A3),LEN(S!A1:A3))", (9, 9), room, array=True)
    assert text == "=SUM(H!A1:A3,H!A1:A3)"
    assert len(set(asked)) == 1
    assert lifting.lifted("=SUM(LEN(S!A1))", (1, 1), room, array=True) == "=SUM(LEN(S!A1))"
    assert not lifting.can_be_lifted("=SUM(LEN(S!A1:A30000))", array=True)


VALUED = book({"S": [["k", "v"], ["a", "=1+1"], ["b", '=A3&"-x"'], ["c", 0], ["d", 0]]})


def test_rows_are_deleted_by_what_formulas_give() -> None:
    done = edit(VALUED, [{"op": "delete_rows_where", "range": "A1:B5", "where": [{"column": "v", "value": 2}]}])
    assert formulas(done.content) == {
        "A1": "k", "B1": "v", "A2": "b", "B2": '=A2&"-x"', "A3": "c", "B3": 0, "A4": "d", "B4": 0
    }  # fmt: skip
    both = edit(VALUED, [{"op": "delete_rows_where", "range": "A1:B5", "where": [{"column": "B", "value": 0}]}])
    assert list(formulas(both.content)) == ["A1", "B1", "A2", "B2", "A3", "B3"]


def test_what_stands_beside_deleted_rows_stays() -> None:
    before = book({"S": [["k", "v", None, "s"], ["a", 0, None, 1], ["b", 2, None, 2]]})
    call = {"op": "delete_rows_where", "range": "A1:B3", "where": [{"column": "v", "value": 0}]}
    assert formulas(edit(before, [call]).content) == {
        "A1": "k", "B1": "v", "D1": "s", "A2": "b", "B2": 2, "D2": 1, "D3": 2
    }  # fmt: skip


def test_values_are_copied_that_the_file_does_not_hold() -> None:
    done = edit(VALUED, [{"op": "copy_range", "range": "B2:B3", "to": "D2", "what": "values"}])
    assert {at: v for at, v in formulas(done.content).items() if at[0] == "D"} == {"D2": 2, "D3": "b-x"}
    clock = book({"S": [["=TODAY()"]]})
    with pytest.raises(ToolInputError, match="A1 of S have no values") as error:
        edit(clock, [{"op": "copy_range", "range": "A1", "to": "D2", "what": "values"}])
    assert error.value.code == "no_value"


def test_copies_keep_formats_and_move_references() -> None:
    dressed = edit(VALUED, [{"op": "format_cells", "range": "A2:A3", "bold": True, "number_format": "0.00"}]).content
    done = edit(dressed, [{"op": "copy_range", "range": "A2:B3", "to": "D5:E8"}])
    found = formulas(done.content)
    assert (found["D5"], found["E6"], found["E8"]) == ("a", '=D6&"-x"', '=D8&"-x"')
    sheet = openpyxl.load_workbook(io.BytesIO(done.content))["S"]
    assert sheet["D7"].font.b
    assert sheet["D7"].number_format == "0.00"
    assert not sheet["E7"].font.b
    only = edit(dressed, [{"op": "copy_range", "range": "A2", "to": "B2:B3", "what": "formats"}])
    assert formulas(only.content) == formulas(dressed)
    assert openpyxl.load_workbook(io.BytesIO(only.content))["S"]["B3"].font.b


@pytest.mark.parametrize(
    ("start", "fields", "wanted"),
    [
        ("2026-01-31", {"unit": "month"}, [datetime(2026, 1, 31), datetime(2026, 2, 28), datetime(2026, 3, 31)]),
        ("2026-01-02", {"unit": "weekday"}, [datetime(2026, 1, 2), datetime(2026, 1, 5), datetime(2026, 1, 6)]),
        ("2024-02-29", {"unit": "year"}, [datetime(2024, 2, 29), datetime(2025, 2, 28), datetime(2026, 2, 28)]),
        (0.1, {"step": 0.1}, [0.1, 0.2, 0.3]),
        (10, {"step": -5}, [10, 5, 0]),
    ],
)
def test_series(start: Any, fields: dict[str, Any], wanted: list[Any]) -> None:
    before = book({"S": [["k"]]})
    calls = [{"op": "fill_series", "range": "B1:D1", "start": start, **fields}]
    done = edit(before, calls)
    assert edit(before, calls).content == done.content
    assert [values(done.content)[at] for at in ("B1", "C1", "D1")] == wanted


def test_parts_of_texts_keep_their_types() -> None:
    before = book({"S": [["a-007-5"], ["b-=x-2026-01-02"], ["c"]]})
    done = edit(before, [{"op": "split_column", "range": "A1:A3", "separator": "-", "parts": 3}])
    found = formulas(done.content)
    assert {at: found.get(at) for at in ("B1", "C1", "D1", "B2", "C2", "D2", "B3", "C3")} == {
        "B1": "a", "C1": "007", "D1": 5, "B2": "b", "C2": "=x", "D2": datetime(2026, 1, 2), "B3": "c", "C3": None
    }  # fmt: skip


ARRAYS = cells(
    '<row r="1"><c r="A1"><f t="array" ref="A1:A2">B1:B2*2</f><v>2</v></c></row><row r="2"><c r="A2"><v>4</v></c></row>'
)
MERGED = cells('<row r="1"><c r="A1"><v>1</v></c></row>', '<mergeCells count="1"><mergeCell ref="D1:E1"/></mergeCells>')


@pytest.mark.parametrize(
    ("content", "call", "code"),
    [
        (ORDERS, on(op="write_range", cell="A1", rows=[["x"]]), "taken"),
        (ORDERS, on(op="write_range", cell="A1", rows=[["Name", None]]), "unchanged"),
        (ORDERS, on(op="write_range", cell="XFD1", rows=[[1, 2]]), "address"),
        (ORDERS, on(op="write_range", cell="H1", rows=[[None]]), "value"),
        (ORDERS, on(op="copy_range", range="A:A", to="H1"), "address"),
        (ORDERS, on(op="copy_range", range="A1:C1", to="H1:I1"), "address"),
        (ORDERS, on(op="copy_range", range="A1", to="A2"), "taken"),
        (ORDERS, on(op="copy_range", range="A1", to="A1"), "unchanged"),
        (ARRAYS, {"op": "copy_range", "range": "A1", "to": "D1"}, "cell_in_the_way"),
        (ARRAYS, {"op": "clear_range", "range": "A2"}, "cell_in_the_way"),
        (MERGED, {"op": "copy_range", "range": "A1", "to": "E1"}, "cell_in_the_way"),
        (MERGED, {"op": "clear_range", "range": "B1:C9"}, "unchanged"),
        (ORDERS, on(op="fill_series", range="H1:I2", start=1), "address"),
        (ORDERS, on(op="fill_series", range="H1:H2", start="soon"), "value"),
        (ORDERS, on(op="fill_series", range="H1:H2", start="2026-01-01", step=0.5), "value"),
        (ORDERS, on(op="fill_series", range="H1:H2", start="9999-12-31"), "value"),
        (ORDERS, on(op="split_column", range="A1:B2", separator="-"), "address"),
        (ORDERS, on(op="split_column", range="A2:A3", separator="-"), "not_found"),
        (ORDERS, on(op="split_column", range="A2:A3", separator=" "), "taken"),
        (ORDERS, on(op="delete_rows_where", range="A1:E5", where=[{"column": "Qy", "value": 1}]), "unknown_column"),
        (ORDERS, on(op="delete_rows_where", range="A1:E5", where=[{"column": "Qty", "value": 99}]), "unchanged"),
        (ORDERS, on(op="delete_rows_where", range="A1:E5", where=[]), "arguments"),
        (ORDERS, on(op="write_analysis", steps=[{"op": "filter", "where": [{"column": "Qty", "value": 99}]}],
                    cell="H1"), "no_data"),
        (ORDERS, on(op="write_analysis", steps=[{"op": "filter", "table": "T"}], cell="H1"), "unknown_table"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(content: bytes, call: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        edit(content, [call])
    assert error.value.code == code


def test_rows_without_cells_survive_inserted_columns() -> None:
    before = cells('<row r="1"></row><row r="2"><c r="B2"><v>1</v></c></row>')
    assert formulas(edit(before, [{"op": "insert_columns", "at": "A"}]).content) == {"C2": 1}


def test_new_relationships_have_a_content_type_where_there_is_no_default() -> None:
    before = raw(f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>')
    types = part(before, "[Content_Types].xml")
    kind = "application/vnd.openxmlformats-package.relationships+xml"
    assert f'<Default Extension="rels" ContentType="{kind}"/>' in types
    named = "".join(
        f'<Override PartName="/{n}" ContentType="{kind}"/>' for n in ("_rels/.rels", "xl/_rels/workbook.xml.rels")
    )
    types = types.replace(f'<Default Extension="rels" ContentType="{kind}"/>', "").replace(
        "</Types>", f"{named}</Types>"
    )
    without = with_parts(before, {"[Content_Types].xml": types.encode()})
    done = edit(without, [{"op": "hyperlink", "range": "A1", "url": "https://example.org/", "text": "x"}])
    assert '"/xl/worksheets/_rels/sheet1.xml.rels"' in part(done.content, "[Content_Types].xml")


def test_texts_that_are_dates_before_excel_s_calendar_stay_texts() -> None:
    done = edit(ORDERS, [on(op="write_cells", cells={"H1": "1850-01-01", "H2": "0:05"})])
    assert formulas(done.content, "S")["H1"] == "1850-01-01"
    assert "<v>0.00347222222222222</v>" in part(done.content, "xl/worksheets/sheet1.xml")


def test_a_formula_that_was_right_by_chance_keeps_its_value() -> None:
    before = cells(
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f>A1+1</f><v>99</v></c><c r="C1"><f>B1</f><v>2</v></c></row>'
    )
    done = edit(before, [{"op": "write_cells", "cells": {"A1": 5}, "overwrite": True}])
    assert values(done.content) == {"A1": 5, "B1": 99, "C1": 2}
    assert any("Data!B1, Data!C1" in each for each in done.warnings)


def test_a_text_in_a_pivot_table_does_not_stop_replacing_elsewhere() -> None:
    before = edit(
        ORDERS, [{"op": "create_pivot", "source": "S!A1:E5", "rows": ["Name"], "values": ["Qty"], "at": "S!H1"}]
    )
    done = edit(before.content, [{"op": "find_replace", "find": "Ann", "replace": "Anna", "sheet": "S"}])
    assert values(done.content, "S")["A2"] == "Anna Lee"
    assert values(done.content, "S")["H2"] == "Ann Lee"
    assert any("left alone, as parts of pivot tables" in each for each in done.warnings)


def test_a_link_leaves_the_height_of_its_row() -> None:
    before = cells('<row r="1" ht="15"><c r="A1"><v>1</v></c></row>')
    done = edit(before, [{"op": "hyperlink", "range": "B1", "url": "https://example.org/", "text": "x"}])
    assert '<row r="1" ht="15">' in part(done.content)
