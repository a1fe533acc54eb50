# ruff: noqa: E501 - XML and rows as they lie in a file
from __future__ import annotations

import importlib
import subprocess
import sys
from datetime import date, datetime

import pytest
from lxml import etree

from copilot.documents import excel
from copilot.errors import DocumentError, ToolInputError

from .books import MAIN, SHEET, book, cells, changed, formulas, hunks, part, raw, values

X = "http://purl.oclc.org/x"

#: Insides of sheetData that mean the same: A1 = 1, B1 = 2, A3 = 3.
SPELLINGS = {
    "plain": '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row><row r="3"><c r="A3"><v>3</v></c></row>',
    "no addresses": "<row><c><v>1</v></c><c><v>2</v></c></row><row/><row><c><v>3</v></c></row>",
    "empty row": '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row><row r="2"/><row r="3"><c r="A3"><v>3</v></c></row>',
    "attributes": "<row  spans='1:2' r='1' ><c s=\"0\"  r='A1' t='n' ><v>1</v ></c ><c r='B1'><v>2</v></c></row ><row r='3'><c r='A3'><v>3</v></c></row>",
    "blank cells": '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c><c r="C1" s="0"/></row><row r="2"><c r="B2"/></row><row r="3"><c r="A3"><v>3</v></c></row>',
    "cdata": '<row r="1"><c r="A1"><v><![CDATA[1]]></v></c><c r="B1"><v>2</v></c></row><!-- <row r="2"/> --><row r="3"><c r="A3"><v>3</v></c></row>',
    "white space": '\n <row r="1">\n  <c r="A1"><v>1</v></c>\n  <c r="B1"><v>2</v></c>\n </row>\n <row r="3">\n <c r="A3"><v>3</v></c>\n</row>\n',
}
TARGETS = ["A1", "B1", "C1", "D1", "A2", "B2", "A3", "C3", "A4", "AZ9"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_cell_in_any_spelling(spelling: str, target: str) -> None:
    before = cells(SPELLINGS[spelling])
    edited = excel.write_cells(before, "Data", {target: "neu & <x>"})
    assert values(edited.content) == {"A1": 1, "B1": 2, "A3": 3} | {target: "neu & <x>"}
    assert changed(before, edited.content) == {SHEET}


@pytest.mark.parametrize("target", TARGETS)
def test_several_cells_at_once_and_a_prefix(target: str) -> None:
    data = '<x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row><x:row r="3"><x:c r="C3"><x:v>3</x:v></x:c></x:row>'
    before = raw(
        f'<x:worksheet xmlns:x="{MAIN}"><x:dimension ref="A1:C3"/><x:sheetData>{data}</x:sheetData></x:worksheet>'
    )
    edited = excel.write_cells(before, None, {target: 7, "B2": "=A1+1", "Z26": True})
    assert values(edited.content) == {"A1": 1, "C3": 3, "B2": 8 if target == "A1" else 2, "Z26": True} | (
        {target: 7} if target != "B2" else {}
    )


def test_an_empty_sheet() -> None:
    edited = excel.write_cells(
        raw(f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>'), None, {"B2": 1, "A1": 2, "B1": 3}
    )
    assert values(edited.content) == {"A1": 2, "B1": 3, "B2": 1}


def test_only_the_cell_and_the_hints_change() -> None:
    inside = '<row r="1" spans="1:2" ht="30" x:a="1" xmlns:x="urn:x"><c r="A1" s="0"><v>1</v></c><c r="B1"><v>2</v></c></row>'
    before = cells(inside, before='<dimension ref="A1:B1"/>', after="<extLst><ext uri='u'/></extLst>")
    after = excel.write_cells(before, None, {"D1": 5}).content
    expected = part(before).replace('ref="A1:B1"', 'ref="A1:D1"').replace('spans="1:2"', 'spans="1:4"')
    expected = expected.replace(' spans="1:4" ht="30" x:a="1"', ' spans="1:4" ht="30" x:a="1"')
    expected = expected.replace("</c></row>", '</c><c r="D1"><v>5</v></c></row>')
    assert etree.canonicalize(part(after)) == etree.canonicalize(expected)


def test_the_format_of_the_cell_stays_and_its_metadata_goes() -> None:
    before = cells(
        '<row r="1"><c r="A1" s="1" vm="1" cm="1" t="e" ph="1"><v>#VALUE!</v><extLst><ext uri="u"/></extLst></c></row>'
    )
    after = excel.write_cells(before, None, {"A1": "x"}).content
    assert '<c r="A1" s="1" ph="1" t="inlineStr"><is><t>x</t></is><extLst><ext uri="u"/></extLst></c>' in part(after)


def test_emptying_a_cell_keeps_its_format() -> None:
    after = excel.write_cells(
        cells('<row r="1"><c r="A1" s="3" t="str"><f>B1</f><v>x</v></c></row>'), None, {"A1": None}
    )
    assert '<c r="A1" s="3"/>' in part(after.content)
    assert hunks(after) == [("Data!A1", "=B1 (x)", "")]


@pytest.mark.parametrize(
    "text",
    [
        "  two  spaces ",
        "line\nbreak",
        "tab\there",
        "a\r\nb",
        "\x01bell",
        "_x0041_",
        "ünï 𝄞",
        "",
        "'=not",
        "]]>",
        "&amp;",
    ],
)
def test_texts_come_back_as_they_were(text: str) -> None:
    edited = excel.write_cells(cells(""), None, {"A1": "'" + text})
    assert excel.read_range(edited.content, None, "A1").values == ([[text]] if text else [])


@pytest.mark.parametrize("text", ["'=1+1", "+49 30", "-x", "@SUM(A1)", "007"])
def test_text_that_looks_like_a_formula_stays_text(text: str) -> None:
    edited = excel.write_cells(cells(""), None, {"A1": text})
    assert formulas(edited.content) == {"A1": text.removeprefix("'")}
    assert "<f" not in part(edited.content)


def test_dates_get_a_date_format_and_percents_theirs() -> None:
    edited = excel.write_cells(
        cells(""), None, {"A1": "2026-03-01", "A2": "12.5%", "A3": "2026-03-01T08:30", "A4": "20%"}
    )
    again = excel.write_cells(edited.content, None, {"B1": "2027-01-01"})
    assert values(edited.content) == {
        "A1": datetime(2026, 3, 1),
        "A2": 0.125,
        "A3": datetime(2026, 3, 1, 8, 30),
        "A4": 0.2,
    }
    assert excel.read_range(edited.content, None).values == [["2026-03-01"], [0.125], ["2026-03-01 08:30"], [0.2]]
    assert "styles" not in str(changed(edited.content, again.content)), "the format that is there is taken again"
    assert part(edited.content, "xl/styles.xml").startswith(part(cells(""), "xl/styles.xml").split("<cellXfs")[0])


def test_a_date_in_the_1904_system() -> None:
    from .books import with_parts

    book1904 = cells("")
    workbook = part(book1904, "xl/workbook.xml").replace("<bookViews>", '<workbookPr date1904="1"/><bookViews>')
    before = with_parts(book1904, {"xl/workbook.xml": workbook.encode()})
    edited = excel.write_cells(before, None, {"A1": "2026-03-01"})
    assert values(edited.content) == {"A1": datetime(2026, 3, 1)}


def test_a_cell_that_shows_a_date_keeps_its_own_format() -> None:
    before = excel.create({"Data": [["When"], [date(2026, 1, 1)]]}).content
    after = excel.write_cells(before, None, {"A2": "2026-05-05"})
    assert changed(before, after.content) == {SHEET}


SHARED = (
    '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f t="shared" ref="B1:B4" si="0">A1*2+$A$1</f><v>3</v></c></row>'
    '<row r="2"><c r="A2"><v>2</v></c><c r="B2"><f t="shared" si="0"/><v>5</v></c></row>'
    '<row r="3"><c r="A3"><v>3</v></c><c r="B3"><f t="shared" si="0"/><v>7</v></c></row>'
    '<row r="4"><c r="A4"><v>4</v></c><c r="B4"><f t="shared" si="0"/><v>9</v></c></row>'
)


def test_overwriting_the_master_of_shared_formulas_spells_the_others_out() -> None:
    edited = excel.write_cells(cells(SHARED), None, {"B1": 100})
    found = formulas(edited.content)
    assert found["B1"] == 100
    assert [found[f"B{n}"] for n in (2, 3, 4)] == [f"=A{n}*2+$A$1" for n in (2, 3, 4)]
    assert values(edited.content) == {"A1": 1, "A2": 2, "A3": 3, "A4": 4, "B1": 100, "B2": 5, "B3": 7, "B4": 9}


def test_a_spelled_out_formula_is_still_calculated_at_every_change() -> None:
    content = cells(SHARED.replace('<f t="shared" si="0"/><v>5</v>', '<f t="shared" ca="1" si="0"/><v>5</v>'))
    assert '<c r="B2"><f ca="1">A2*2+$A$1</f><v>5</v></c>' in part(excel.write_cells(content, None, {"B1": 1}).content)


def test_overwriting_a_dependent_leaves_the_others_shared() -> None:
    edited = excel.write_cells(cells(SHARED), None, {"B3": 100})
    assert part(edited.content).count('t="shared"') == 3
    assert hunks(edited) == [("Data!B3", "=A3*2+$A$1 (7)", "100")]


ARRAY = (
    '<row r="1"><c r="A1"><f t="array" ref="A1:A2">B1:B2*2</f><v>2</v></c></row><row r="2"><c r="A2"><v>4</v></c></row>'
)
MERGED = '<mergeCells count="1"><mergeCell ref="B2:C3"/></mergeCells>'


@pytest.mark.parametrize(
    ("content", "target", "words"),
    [
        (cells(ARRAY), "A1", "array formula over A1:A2"),
        (cells(ARRAY), "A2", "array formula over A1:A2"),
        (cells("", MERGED), "C3", "Write to B2"),
    ],
)
def test_places_that_cannot_be_written_alone(content: bytes, target: str, words: str) -> None:
    with pytest.raises(ToolInputError, match=words):
        excel.write_cells(content, None, {target: 1})


def test_a_whole_array_and_the_first_of_a_merged_range_can_be_written() -> None:
    assert values(excel.write_cells(cells(ARRAY), None, {"A1": 8, "A2": 9}).content) == {"A1": 8, "A2": 9}
    assert values(excel.write_cells(cells("", MERGED), None, {"B2": 8}).content) == {"B2": 8}


def test_the_calculation_chain_loses_only_what_is_no_formula_any_more() -> None:
    from .books import with_parts

    base = cells('<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f>2+2</f><v>4</v></c></row>')
    types = part(base, "[Content_Types].xml").replace(
        "</Types>",
        '<Override PartName="/xl/calcChain.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"/></Types>',
    )
    rels = part(base, "xl/_rels/workbook.xml.rels").replace(
        "</Relationships>",
        '<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/calcChain" Target="calcChain.xml"/></Relationships>',
    )
    chain = f'<calcChain xmlns="{MAIN}"><c r="A1" i="1"/><c r="B1"/></calcChain>'
    before = with_parts(
        base,
        {
            "[Content_Types].xml": types.encode(),
            "xl/_rels/workbook.xml.rels": rels.encode(),
            "xl/calcChain.xml": chain.encode(),
        },
    )
    one = excel.write_cells(before, None, {"A1": 5}).content
    assert part(one, "xl/calcChain.xml") == f'<calcChain xmlns="{MAIN}"><c r="B1" i="1"/></calcChain>'
    both = excel.write_cells(before, None, {"A1": 5, "B1": 6}).content
    assert "calcChain" not in part(both, "[Content_Types].xml") + part(both, "xl/_rels/workbook.xml.rels")
    with pytest.raises(KeyError):
        part(both, "xl/calcChain.xml")
    assert "xl/calcChain.xml" not in changed(before, excel.write_cells(before, None, {"A1": "=3+3"}).content)


def test_table_headers_name_their_column() -> None:
    before = book({"Data": [["Item", "Price"], ["a", 1]]}, {"Prices": ("Data", "A1:B2")})
    edited = excel.write_cells(before, "Data", {"B1": "Cost"})
    assert excel.tables(edited.content)[0].columns == ("Item", "Cost")
    assert ("table Prices, column B1", "Price", "Cost") in hunks(edited)
    assert excel.write_cells(before, "Data", {"B1": 2026}).content, "a number becomes a text: a header is one"
    for bad in (None, "=1+1", "item"):
        with pytest.raises(ToolInputError):
            excel.write_cells(before, "Data", {"B1": bad})


def test_formulas_follow_a_header_that_is_written() -> None:
    before = book(
        {"Data": [["Item", "Price"], ["a", 1]], "Sum": [["=SUM(Prices[Price])"]]}, {"Prices": ("Data", "A1:B2")}
    )
    edited = excel.write_cells(before, "Data", {"B1": "Item", "A1": "Price"})  # exchanged
    assert formulas(edited.content, "Sum") == {"A1": "=SUM(Prices[Item])"}
    assert excel.tables(edited.content)[0].columns == ("Price", "Item")
    assert ("Sum!A1", "=SUM(Prices[Price])", "=SUM(Prices[Item])") in hunks(edited)


@pytest.mark.parametrize(
    "formula",
    [
        "=SUM(A1",
        "=1+",
        "=SUM(1,2))",
        '="open',
        "=",
        "=A1;B1)",
        "=cmd|'/c calc'!A0",
        "=SUM(A1;B1)",
        "=" + "1+" * 5000 + "1",
    ],
)
def test_broken_and_dangerous_formulas_are_refused(formula: str) -> None:
    if formula == "=":
        assert formulas(excel.write_cells(cells(""), None, {"A1": formula}).content) == {"A1": "="}
        return
    with pytest.raises(ToolInputError):
        excel.write_cells(cells(""), None, {"A1": formula})


def test_newer_functions_are_stored_with_their_prefix() -> None:
    edited = excel.write_cells(
        cells(""), None, {"A1": '=XLOOKUP("FILTER(",B1:B2,C1:C2)', "A2": "=SUM(FILTER(B1:B2,B1:B2>0))"}
    )
    assert '_xlfn.XLOOKUP("FILTER("' in part(edited.content)
    assert "SUM(_xlfn._xlws.FILTER(" in part(edited.content)
    assert excel.read_range(edited.content, None).formulas["A1"].startswith("=XLOOKUP(")


def test_a_formula_is_filled_into_a_range() -> None:
    before = book({"Data": [[1, 2], [3, 4], [5, 6]]})
    edited = excel.write_formula(before, None, "C1:C3", "=A1*B1+$A$1")
    assert values(edited.content)["C3"] == 31
    assert formulas(edited.content)["C3"] == "=A3*B3+$A$1"


@pytest.mark.parametrize(
    ("sheet", "given", "code", "words"),
    [
        ("Bugdet", {"A1": 1}, "unknown_sheet", "Budget"),
        (None, {"Nope!A1": 1}, "unknown_sheet", "Budget"),
        ("Budget", {"1A": 1}, "address", "1A"),
        ("Budget", {"A0": 1}, "address", "A0"),
        ("Budget", {"A1:B2": 1}, "address", "A1:B2"),
        ("Budget", {"A1": 1, "$A$1": 2}, "address", "twice"),
        ("Budget", {}, "value", "nothing"),
    ],
)
def test_wrong_places_say_what_there_is(sheet: str | None, given: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(ToolInputError, match=words) as error:
        excel.write_cells(book({"Budget": [[1]], "Plan": [[2]]}), sheet, given)
    assert error.value.code == code


def test_sheet_names_are_found_without_case_and_several_sheets_written() -> None:
    edited = excel.write_cells(book({"Budget": [[1]], "Plan": [[2]]}), None, {"budget!A2": 3, "PLAN!A1": 4})
    assert values(edited.content, "Budget") == {"A1": 1, "A2": 3}
    assert values(edited.content, "Plan") == {"A1": 4}


def test_what_is_overwritten_is_said() -> None:
    before = cells(
        '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><v>4</v></c></row>', '<sheetProtection sheet="1"/>'
    )
    edited = excel.write_cells(before, None, {"A1": 5, "B1": 6})
    said = " ".join(edited.warnings)
    assert "formula is replaced by a value in A1" in said
    assert "overwrites what stands in B1" in said
    assert "protected" in said
    with pytest.raises(ToolInputError, match=r"A1 holds the formula =1\+1; Data!B1 holds 4"):
        excel.write_cells(before, None, {"A1": 5, "B1": 6}, overwrite=False)


def test_the_same_edit_gives_the_same_bytes() -> None:
    before = book({"Data": [["Item", "When"], ["a", date(2026, 1, 1)]]})
    given = {"C1": "=COUNTA(A1:A2)", "C2": "2026-05-05", "C3": "x"}
    assert excel.write_cells(before, None, given) == excel.write_cells(before, None, given)


@pytest.mark.parametrize(
    ("sheet", "code"),
    [
        (f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1"><v>1</v></row></sheetData></worksheet>', "broken"),
        (f'<worksheet xmlns="{MAIN}"><sheetData><row r="1">', "broken"),
        (f'<worksheet xmlns="{MAIN}"></worksheet>', "broken"),
        (f'<!DOCTYPE worksheet [<!ENTITY a "b">]><worksheet xmlns="{MAIN}"><sheetData/></worksheet>', "unsafe"),
    ],
)
def test_a_damaged_sheet_is_refused(sheet: str, code: str) -> None:
    with pytest.raises(DocumentError) as error:
        excel.write_cells(raw(sheet), None, {"A1": 1})
    assert error.value.code == code


def test_a_sheet_in_utf16() -> None:
    from .books import with_parts

    sheet = f'<?xml version="1.0" encoding="UTF-16"?><worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="str"><v>ü</v></c></row></sheetData></worksheet>'
    edited = excel.write_cells(with_parts(cells(""), {SHEET: sheet.encode("utf-16")}), None, {"B1": "ß"})
    assert values(edited.content) == {"A1": "ü", "B1": "ß"}


def test_a_number_in_powers_of_ten_stays_text_only_among_codes() -> None:
    content = excel.create({"Data": [["Code", "Size"], ["'1E4", "1E4"], ["'2E4", None], [None, None]]}).content
    assert values(excel.write_cells(content, None, {"A4": "1E5", "B4": "1E5"}).content)["A4"] == "1E5"
    assert values(excel.write_cells(content, None, {"A4": "1E5", "B4": "1E5"}).content)["B4"] == 100_000


def test_a_sheet_that_is_held_in_one_piece_takes_every_kind_of_edit() -> None:
    long = "x" * 32_000  # more than 8,000,000 bytes: such a part is inflated piece by piece
    row = "".join(f'<c r="A{n}" t="str"><v>{long}</v></c></row><row r="{n + 1}">' for n in range(1, 260))
    content = cells(f'<row r="1">{row}<c r="B260"><v>7</v></c></row>')
    for operation in (
        {"op": "freeze_panes", "cell": "A2"},
        {"op": "insert_columns", "at": "B"},
    ):
        content = excel.edit(content, [operation]).content
    assert values(content)["C260"] == 7


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("openpyxl", "formualizer", "pydantic", "lxml", "copilot.documents.excel.write")
    code = f"import sys, copilot.documents.excel; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_that_are_modules_too_stay_functions() -> None:
    for name in ("read", "regions"):
        importlib.import_module(f"copilot.documents.excel.{name}")
        assert callable(getattr(excel, name))
    assert all(hasattr(excel, name) for name in excel.__all__)
