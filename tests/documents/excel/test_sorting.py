# ruff: noqa: E501 - XML and rows as they lie in a file
"""Sorting, duplicates, find and replace."""

from __future__ import annotations

import io
import random
from datetime import date
from typing import Any

import openpyxl
import pytest

from copilot.documents.excel import comments, replacing, sorting
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

from .books import SHEET, book, cells, changed, formulas, hunks, part, values

MIXED: list[Any] = ["b", 3, None, True, "A", -1, False, "10", 2.5, "#N/A", "B"]


def column(content: bytes, letter: str, count: int, first: int = 2) -> list[Any]:
    found = formulas(content)
    return [found.get(f"{letter}{n}") for n in range(first, first + count)]


@pytest.mark.parametrize(
    ("descending", "expected"),
    [
        (False, [-1, 2.5, 3, "10", "A", "b", "B", False, True, "#N/A", None]),
        (True, ["#N/A", True, False, "b", "B", "A", "10", 3, 2.5, -1, None]),
    ],
)
def test_mixed_types_sort_as_in_excel(descending: bool, expected: list[Any]) -> None:
    before = book({"Data": [["Key"], *[[value] for value in MIXED]]})
    edited = sorting.sort_range(before, [{"column": "Key", "descending": descending}], "A1:A12")
    assert column(edited.content, "A", 11) == expected
    assert changed(before, edited.content) == {SHEET}


def test_sorting_is_stable_and_takes_several_keys() -> None:
    chance = random.Random(7)
    rows = [[chance.choice("abc"), chance.randrange(3), n] for n in range(40)]
    before = book({"Data": [["K", "N", "Id"], *rows]})
    edited = sorting.sort_range(before, [{"column": "N", "descending": True}, {"column": "A"}], "A1:C41")
    found = values(edited.content)
    expected = sorted(rows, key=lambda row: (-row[1], row[0]))
    assert [[found[f"{c}{n}"] for c in "ABC"] for n in range(2, 42)] == expected


def test_formulas_of_the_own_row_follow_and_dependents_are_computed() -> None:
    before = book(
        {
            "Data": [
                ["N", "Twice", "Share"],
                [3, "=A2*2", "=A2/SUM(A$2:A$4)"],
                [1, "=A3*2", "=A3/SUM(A$2:A$4)"],
                [2, "=A4*2", "=A4/SUM(A$2:A$4)"],
            ],
            "Out": [["=Data!A2"]],
        }
    )
    edited = sorting.sort_range(before, [{"column": "N"}], "Data!A1:C4")
    assert column(edited.content, "A", 3) == [1, 2, 3]
    assert column(edited.content, "B", 3) == ["=A2*2", "=A3*2", "=A4*2"]
    assert [values(edited.content)[f"B{n}"] for n in (2, 3, 4)] == [2, 4, 6]
    assert column(edited.content, "C", 3) == ["=A2/SUM(A$2:A$4)", "=A3/SUM(A$2:A$4)", "=A4/SUM(A$2:A$4)"]


def test_shared_formulas_are_spelled_out() -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{9 - n}</v></c><c r="B{n}">'
        + (f'<f t="shared" ref="B1:B4" si="0">A{n}*2</f>' if n == 1 else '<f t="shared" si="0"/>')
        + f"<v>{18 - 2 * n}</v></c></row>"
        for n in range(1, 5)
    )
    edited = sorting.sort_range(cells(rows), [{"column": "A"}], "A1:B3", header=False)
    assert formulas(edited.content) == {
        "A1": 6,
        "B1": "=A1*2",
        "A2": 7,
        "B2": "=A2*2",
        "A3": 8,
        "B3": "=A3*2",
        "A4": 5,
        "B4": "=A4*2",
    }
    assert "shared" not in part(edited.content)


def test_formats_rich_text_links_and_comments_move_with_their_cells() -> None:
    rows = '<row r="1"><c r="A1" s="0"><v>2</v></c><c r="B1" t="inlineStr"><is><r><rPr><b/></rPr><t>two</t></r></is></c></row><row r="2"><c r="A2"><v>1</v></c></row>'
    links = (
        '<hyperlinks><hyperlink ref="B1" location="Data!A9"/><hyperlink ref="A1:B2" location="Data!A8"/></hyperlinks>'
    )
    content = comments.add_comment(cells(rows, links), "A1", "of two", author="Ann").content
    content = comments.add_comment(content, "A2", "of one", author="Ann", threaded=True).content
    edited = sorting.sort_range(content, [{"column": "A"}], "A1:B2", header=False)
    assert "<r><rPr><b/></rPr><t>two</t></r>" in part(edited.content).partition('r="B2"')[2]
    assert '<hyperlink ref="B2" location="Data!A9"/><hyperlink ref="A1:B2"' in part(edited.content)
    workbook = Workbook.open(edited.content)
    assert [(c.cell, c.text) for c in comments.comments(workbook, workbook.sheet(None))] == [
        ("A1", "of one"),
        ("A2", "of two"),
    ]
    boxes = part(edited.content, "xl/drawings/vmlDrawing1.vml")
    assert boxes.count("<x:Row>0</x:Row>") == boxes.count("<x:Row>1</x:Row>") == 1
    sheet = openpyxl.load_workbook(io.BytesIO(edited.content)).worksheets[0]
    assert sheet["A2"].comment.text == "of two"
    assert sheet["A1"].comment.text.endswith("of one")


def test_hidden_rows_stay_where_they_are() -> None:
    rows = "".join(
        f'<row r="{n}"{h}><c r="A{n}"><v>{10 - n}</v></c></row>'
        for n, h in ((1, ""), (2, ' hidden="1"'), (3, ""), (4, ""))
    )
    edited = sorting.sort_range(cells(rows), [{"column": "A"}], "A1:A4", header=False)
    assert column(edited.content, "A", 4, 1) == [6, 8, 7, 9]
    assert any("1 hidden rows" in w for w in edited.warnings)


def test_dates_sort_among_numbers_in_a_table() -> None:
    before = book({"Data": [["Day", "T"], [date(2026, 3, 1), "b"], [date(2025, 3, 1), "a"]]}, {"T": ("Data", "A1:B3")})
    edited = sorting.sort_range(before, [{"column": "Day"}], table="T")
    assert column(edited.content, "B", 2) == ["a", "b"]
    with pytest.raises(ToolInputError, match="in that order already"):
        sorting.sort_range(edited.content, [{"column": "Day"}], table="T")


@pytest.mark.parametrize(
    ("row", "after", "why"),
    [
        ('<c r="B1"><f>A2</f></c>', "", "refers to A2, another row"),
        ('<c r="B1"><f>SUM(A$1:A1)</f></c>', "", "refers to A.1:A1, another row"),
        ('<c r="B1"><f>Other!A1</f></c>', "", "refers to Other!A1, another row"),
        ('<c r="B1"><f>$A$2*2</f></c>', "", "refers to .A.2, another row"),
        ('<c r="B1"><f t="array" ref="B1:B2">A1:A2</f></c>', "", "an array formula"),
        ("", '<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells>', "merged cells"),
    ],
)
def test_what_would_be_wrong_afterwards_is_refused(row: str, after: str, why: str) -> None:
    content = cells(f'<row r="1"><c r="A1"><v>2</v></c>{row}</row><row r="2"><c r="A2"><v>1</v></c></row>', after)
    with pytest.raises(ToolInputError, match=why) as caught:
        sorting.sort_range(content, [{"column": "A"}], "A1:B2", header=False)
    assert caught.value.code == "cell_in_the_way"


def test_an_unknown_column_and_half_a_table_are_refused() -> None:
    content = book({"Data": [["Day", "T"], [2, "b"], [1, "a"]]}, {"T": ("Data", "A1:B3")})
    with pytest.raises(ToolInputError, match="'Dy'"):
        sorting.sort_range(content, [{"column": "Dy"}], table="T")
    with pytest.raises(ToolInputError, match="without lying in it"):
        sorting.sort_range(content, [{"column": "A"}], "A2:C4")


def test_duplicates_go_and_the_table_ends_earlier() -> None:
    before = book(
        {"Data": [["A", "B", "C"], ["x", 1, "=B2*2"], ["X", 1, "=B3*2"], ["y", 1, "=B4*2"], ["x", 2, "=B5*2"]]},
        {"T": ("Data", "A1:C5")},
    )
    edited = sorting.remove_duplicates(before, table="T", columns=["A", "B"])
    assert [column(edited.content, c, 4) for c in "ABC"] == [
        ["x", "y", "x", None],
        [1, 1, 2, None],
        ["=B2*2", "=B3*2", "=B4*2", None],
    ]
    assert 'ref="A1:C4"' in part(edited.content, "xl/tables/table1.xml")
    assert hunks(edited)[0][::2] == ("Data!3:3", "removed: as row 2")
    with pytest.raises(ToolInputError, match="holds no row twice"):
        sorting.remove_duplicates(edited.content, table="T", columns=["A", "B"])


def test_duplicates_of_plain_rows() -> None:
    edited = sorting.remove_duplicates(
        book({"Data": [[1, "a"], [1, "a"], [True, "a"], [None, None], [None, None], [2, "b"]]}), "A1:B6", header=False
    )
    assert [column(edited.content, c, 6, 1) for c in "AB"] == [
        [1, True, None, None, 2, None],
        ["a", "a", None, None, "b", None],
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"find": "2025", "replace": "2026"},
            {"A1": "FY 2026", "B1": 2026, "A2": "00720260", "B2": '="2025"&B1', "C1": "fy 2026"},
        ),
        (
            {"find": "2025", "replace": "2026", "whole_cell": True},
            {"A1": "FY 2025", "B1": 2026, "A2": "00720250", "B2": '="2025"&B1', "C1": "fy 2025"},
        ),
        (
            {"find": "FY", "replace": "=X", "match_case": True},
            {"A1": "=X 2025", "B1": 2025, "A2": "00720250", "B2": '="2025"&B1', "C1": "fy 2025"},
        ),
        (
            {"find": "b1", "replace": "A1", "in_formulas": True},
            {"A1": "FY 2025", "B1": 2025, "A2": "00720250", "B2": '="2025"&A1', "C1": "fy 2025"},
        ),
    ],
)
def test_texts_are_replaced_and_types_kept(given: dict[str, Any], expected: dict[str, Any]) -> None:
    before = book({"Data": [["FY 2025", 2025, "fy 2025"], ["00720250", '="2025"&B1']]})
    edited = replacing.find_replace(before, **given)
    assert formulas(edited.content) == expected
    assert "<f>X" not in part(edited.content)  # what looks like a formula is a text


def test_a_number_that_would_be_none_is_left_alone() -> None:
    with pytest.raises(ToolInputError, match=r"found in no cell.*no number any more: A1"):
        replacing.find_replace(book({"Data": [[25]]}), "2", "x")
