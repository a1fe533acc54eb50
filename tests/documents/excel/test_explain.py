# ruff: noqa: E501 - XML as it lies in a file
"""Formulas explained, errors listed, and a whole workbook recalculated."""

from __future__ import annotations

import pytest

from copilot.documents import excel
from copilot.documents.excel import office_calc
from copilot.documents.excel.edits import edit
from copilot.errors import ToolInputError

from .books import book, cells, part, values, with_parts

BOOK = book(
    {
        "Data": [["Item", "Net"], ["a", 3], ["b", 1], ["c", "x"]],
        "Sum up": [["=SUM(Sales[Net])"], ["=A1*Rate"], ["=IF(A2>1,A2/Data!D9,0)"], ["=A3+1"]],
    },
    {"Sales": ("Data", "A1:B4")},
)
NAME = '<definedNames><definedName name="Rate">Data!$B$2</definedName></definedNames>'
NAMED = with_parts(
    BOOK,
    {"xl/workbook.xml": part(BOOK, "xl/workbook.xml").replace("<definedNames/>", "").replace("<calcPr", NAME + "<calcPr").encode()},
)  # fmt: skip


def test_a_workbook_without_values_is_calculated() -> None:
    done = edit(NAMED, [{"op": "recalculate"}])
    assert values(done.content, "Sum up") == {"A1": 4, "A2": 12, "A3": "#DIV/0!", "A4": "#DIV/0!"}
    assert any("Sum up!A3 shows #DIV/0!" in w for w in done.warnings)
    assert [p.where for p in excel.errors(done.content)] == ["Sum up!A3", "Sum up!A4"]
    with pytest.raises(ToolInputError, match="up to date"):
        excel.recalculate_workbook(done.content)


def test_only_values_that_are_surely_better_are_replaced() -> None:
    content = cells(
        '<row r="1"><c r="A1"><v>2</v></c><c r="B1"><f>A1*2</f><v>5</v></c><c r="C1"><f>MYFUNC(A1)</f><v>7</v></c>'
        '<c r="D1"><f>C1+B1</f><v>12</v></c><c r="E1"><f>BESSELI(A1,1)</f><v>9</v></c><c r="F1"><f>TODAY()</f><v>1</v></c></row>'
    )
    done = excel.recalculate_workbook(content)
    assert values(done.content) == {"A1": 2, "B1": 4, "C1": 7, "D1": 11, "E1": 9, "F1": 1}
    left = next(w for w in done.warnings if "Left to Excel" in w)
    assert all(f"Data!{cell}" in left for cell in ("C1", "E1", "F1"))
    assert 'fullCalcOnLoad="1"' in part(done.content, "xl/workbook.xml")


def test_an_explanation_follows_names_tables_and_ranges() -> None:
    content = excel.recalculate_workbook(NAMED).content
    told = excel.explain_formula(content, "'Sum up'!A2")
    assert (told.where, told.formula, told.value) == ("'Sum up'!A2", "=A1*Rate", "12")
    assert [(s.level, s.written, s.where, s.value) for s in told.sources] == [
        (1, "A1", "'Sum up'!A1", "4"),
        (1, "Rate", "Data!B2", "3"),
        (2, "Sales[Net]", "Data!B2:B4", "3 of 3 cells hold something; 2 numbers from 1 to 3 (3, 1, x)"),
    ]
    assert told.dependents == ("'Sum up'!A3",)
    assert told.reason == ""


def test_an_error_is_traced_to_where_it_begins() -> None:
    content = excel.recalculate_workbook(NAMED).content
    told = excel.explain_formula(content, "A4", "Sum up")
    assert told.reason.startswith("It shows #DIV/0! because of 'Sum up'!A3 (=IF(A2>1,A2/Data!D9,0))")
    own = excel.explain_formula(content, "A3", "Sum up")
    assert own.reason == "It shows #DIV/0! itself: something is divided by zero or by an empty cell."
    assert ("IF", "one of two values by a condition") in own.functions
    assert any(s.where == "Data!D9" and s.value == "empty" for s in own.sources)
    assert "Read by 'Sum up'!A4." in str(own)


def test_the_levels_have_an_end() -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><f>A{n - 1}+1</f><v>{n}</v></c></row>' for n in range(2, 40))
    told = excel.explain_formula(cells('<row r="1"><c r="A1"><v>1</v></c></row>' + rows), "A39")
    assert [s.where for s in told.sources] == ["Data!A38", "Data!A37", "Data!A36", "Data!A35"]
    assert told.cut


@pytest.mark.parametrize(("cell", "code"), [("B2", "no_formula"), ("Z9", "no_formula"), ("Dat!A1", "unknown_sheet")])
def test_what_cannot_be_explained(cell: str, code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        excel.explain_formula(NAMED, cell)
    assert caught.value.code == code


def test_the_office_suite_is_asked_for_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    content = cells(
        '<row r="1"><c r="A1"><v>2</v></c><c r="B1"><f>A1*2</f><v>4</v></c><c r="C1"><f>MYFUNC(A1)</f></c></row>'
    )
    answers = {("Data", 1, 1): 2, ("Data", 1, 2): 4, ("Data", 1, 3): 42}
    monkeypatch.setattr(office_calc, "calculated", lambda _: answers)
    assert values(excel.recalculate_workbook(content, "office").content)["C1"] == 42
    answers["Data", 1, 2] = 5  # it does not agree with the file elsewhere: nothing is taken
    with pytest.raises(ToolInputError, match="up to date"):
        excel.recalculate_workbook(content, "office")


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ("CEILING(-2.5,-2)", -4),
        ("CEILING(2.5,0)", 0),
        ("CEILING(6.3,0.1)", 6.3),
        ("FLOOR(-2.5,2)", -4),
        ("FLOOR(2.5,-1)", "#NUM!"),
        ("FLOOR(1,0)", "#DIV/0!"),
        ("CEILING.MATH(-5.5,2,1)", -6),
        ("FLOOR.MATH(-5.5,2,1)", -4),
        ("MDETERM({1,2;3,4})", -2),
        ("SUM(MMULT({1,2},{3;4}))", 11),
        ('TEXT(1234.567,"#,##0.00")', "1,234.57"),
        ('TEXT(0.256,"0.0%")', "25.6%"),
        ('TEXT(45000,"yyyy-mm-dd")', "2023-03-15"),
        ('TEXT("abc","0")', "abc"),
        ('IFERROR(TEXT(1/0,"0"),"bad")', "bad"),
    ],
)
def test_functions_of_our_own(formula: str, result: object) -> None:
    found = values(excel.write_cells(BOOK, "Data", {"F1": f"={formula}"}).content, "Data")["F1"]
    assert found == (pytest.approx(result) if isinstance(result, float) else result)


def test_sheets_in_a_stack_and_linked_workbooks_are_computed() -> None:
    content = book({"Jan": [[1]], "Feb": [[2]], "Mar": [[4]], "All": [[None]]})
    assert values(excel.write_cells(content, "All", {"A1": "=SUM(Jan:Mar!A1)"}).content, "All")["A1"] == 7
