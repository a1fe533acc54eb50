"""Formula texts checked against the workbook before they are written, and spelled as files do."""

from __future__ import annotations

import pytest

from copilot.documents import excel
from copilot.documents.excel import arrays
from copilot.documents.excel.checking import FormulaCheck
from copilot.documents.excel.formulas import checked_formula
from copilot.documents.excel.functions import known
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

from .books import book, formulas, part, with_parts

SHEETS = {"Data": [["Item", "Net [EUR]"], ["a", 3], ["b", 1]], "Q 1": [[1, 2]], "Q 2": [[3, 4]]}


@pytest.fixture(scope="module")
def workbook() -> Workbook:
    content = book(SHEETS, {"Sales": ("Data", "A1:B3")})
    names = (
        "<definedNames><definedName name='Rate'>Data!$B$2</definedName>"
        "<definedName name='Local' localSheetId='1'>'Q 1'!$A$1</definedName>"
        "<definedName name='TWICE'>_xlfn.LAMBDA(_xlpm.x,_xlpm.x*2)</definedName>"
        "<definedName name='TAX24'>Data!$B$2</definedName></definedNames>"
    )
    xml = part(content, "xl/workbook.xml").replace("<definedNames/>", "")
    parts = {"xl/workbook.xml": xml.replace("<calcPr", names + "<calcPr").encode()}
    return Workbook.open(with_parts(content, parts))


def stored(workbook: Workbook, formula: str, sheet: str = "Data", at: tuple[int, int] = (9, 5)) -> str:
    return FormulaCheck(workbook).stored(checked_formula(formula), workbook.sheet(sheet), at)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("= sum(A1:A3)", "=sum(A1:A3)"),
        ("=XLOOKUP(1,A:A,B:B)", "=_xlfn.XLOOKUP(1,A:A,B:B)"),
        ("=SORT(A1:A3)", "=_xlfn._xlws.SORT(A1:A3)"),
        ("=NETWORKDAYS.INTL(A1,A2)", "=NETWORKDAYS.INTL(A1,A2)"),
        ('=IF(A1="SORT(",1,2)', '=IF(A1="SORT(",1,2)'),
        ("=LET(x,2,y,x+1,x*y)", "=_xlfn.LET(_xlpm.x,2,_xlpm.y,_xlpm.x+1,_xlpm.x*_xlpm.y)"),
        ("=LAMBDA(v,v+1)(3)", "=_xlfn.LAMBDA(_xlpm.v,_xlpm.v+1)(3)"),
        ("=SUM(A1#)", "=SUM(_xlfn.ANCHORARRAY(A1))"),
        ("=TWICE(Rate)", "=TWICE(Rate)"),
        ("=SUM(Sales[Net '[EUR']])", "=SUM(Sales[Net '[EUR']])"),
        ("=Sales[[#Totals],[Item]]", "=Sales[[#Totals],[Item]]"),
        ("=ROWS(Sales)", "=ROWS(Sales)"),
        ("=SUM('Q 1:Q 2'!A1)", "=SUM('Q 1:Q 2'!A1)"),
        ("='Q 1'!Local+B3:B1", "='Q 1'!Local+B3:B1"),
        ("=PI()*-A1%", "=PI()*-A1%"),
        ("=IF(A1,,#N/A)", "=IF(A1,,#N/A)"),
    ],
)
def test_formulas_are_spelled_as_files_do(workbook: Workbook, formula: str, expected: str) -> None:
    assert stored(workbook, formula) == expected


def test_this_row_is_written_out(workbook: Workbook) -> None:
    assert stored(workbook, "=[@Item]&1", at=(2, 2)) == "=Sales[[#This Row],[Item]]&1"
    assert stored(workbook, "=Sales[@[Net '[EUR']]]*2", at=(3, 9)) == "=Sales[[#This Row],[Net '[EUR']]]*2"
    assert stored(workbook, "=SUM([Net '[EUR']])", at=(2, 2)) == "=SUM(Sales[Net '[EUR']])"


@pytest.mark.parametrize(
    ("formula", "code", "said"),
    [
        ("=SUN(A1)", "unknown_function", "SUM"),
        ("=VLOKUP(1,A:B,2)", "unknown_function", "VLOOKUP"),
        ("=VLOOKUP(1,A:B)", "formula", "3 to 4 arguments, not 2"),
        ("=PI(1)", "formula", "no arguments, not 1"),
        ("=Dat!A1", "unknown_sheet", "'Data'"),
        ("=SUM('Q 1:Q 9'!A1)", "unknown_sheet", "'Q 1'"),
        ("=Rat*2", "unknown_name_or_table", "'Rate'"),
        ("=Local", "unknown_name_or_table", "Local"),
        ("=Sale[Item]", "unknown_table", "'Sales'"),
        ("=Sales[Net]", "unknown_column", "Net [EUR]"),
        ("=[@Item]", "unknown_table", "in no table"),
        ("=Sales[@Item]", "formula", "in no row"),
        ("=A1048577", "address", "outside the sheet"),
        ("=XFE1", "address", "outside the sheet"),
        ("=SUM(A1:B)", "address", "no range"),
        ("=TAX24*2", "formula", "a cell and a defined name"),
        ("=[1]Sheet1!A1", "unknown_linked_workbook", "none"),
        ("='[Other.xlsx]Sheet1'!A1", "unknown_linked_workbook", "Other.xlsx"),
        ("=SUM(A1", "formula", "not closed"),
        ("=A1+", "formula", "no formula"),
        ("=cmd|'/C calc'!A0", "formula", "another program"),
    ],
)
def test_what_is_not_there_is_refused_with_the_closest(workbook: Workbook, formula: str, code: str, said: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        stored(workbook, formula)
    assert (caught.value.code, said in str(caught.value)) == (code, True), str(caught.value)


@pytest.mark.parametrize(
    ("formula", "dynamic"),
    [
        ("=SUM(A1:A3)", False),
        ("=A1:A3", True),
        ("=A1:A3*2", True),
        ("=@A1:A3*2", False),
        ("=SUM(A1:A3*2)", True),
        ("=SUM(-A1:A3)", True),
        ("=SUMPRODUCT(A1:A3*B1:B3)", False),
        ("=FILTER(A1:A3,B1:B3>1)", True),
        ("=VLOOKUP(A1,A:B,2,0)", False),
        ("=VLOOKUP(A1:A3,A:B,2,0)", True),
        ("=COUNTIF(A1:A3,B1)", False),
        ("=COUNTIF(A1:A3,B1:B3)", True),
        ("=LEN(A1:A2)", True),
        ("=IF(A1>1,SUM(B1:B2),0)", False),
        ("=SUM({1,2})", False),
        ("={1,2}", True),
        ("=INDEX(A1:B3,MATCH(1,A1:A3,0),2)", False),
        ("=Rate*2", False),
        ("=Sales[Item]", True),
        ("=SUM((A1:A2,B1:B2))", False),
    ],
)
def test_which_formulas_are_dynamic_arrays(workbook: Workbook, formula: str, dynamic: bool) -> None:
    assert arrays.is_dynamic(formula, workbook) is dynamic


def test_the_list_of_functions() -> None:
    from openpyxl.utils import FORMULAE

    assert set(FORMULAE) <= set(known())
    assert all(0 <= f.fewest <= f.most <= 255 and f.phrase for f in known().values())
    assert known()["SORT"].prefix == "_xlfn._xlws."


def test_the_formulas_of_a_new_sheet_are_checked(workbook: Workbook) -> None:
    made = excel.add_sheet(workbook.content, "New", [["=New!B1+Data!B2", 1]], formulas=True)
    assert formulas(made.content, "New")["A1"] == "=New!B1+Data!B2"
    with pytest.raises(ToolInputError, match="'Data'"):
        excel.add_sheet(workbook.content, "New", [["=Dat!B2"]], formulas=True)
