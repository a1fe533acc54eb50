from __future__ import annotations

import re

import pytest

from copilot.documents import excel
from copilot.errors import ToolInputError

from .books import book, changed, part, values, with_parts

ROWS = [
    ["Name", "When", "Share", "Twice"],
    ["x & y", "2026-01-02", "12.5%", "=C2*2"],
    ["007", None, 3, "=SUM(Data!A1:A2)"],
]


def test_a_sheet_is_added_with_typed_values() -> None:
    before = book({"Data": [[1], [2]]})
    edited = excel.add_sheet(before, "New & <co>", ROWS, formulas=True)
    found = values(edited.content, "New & <co>")
    assert (found["A2"], found["C2"], found["D2"], found["A3"], found["D3"]) == ("x & y", 0.125, 0.25, "007", 3)
    assert [s.name for s in excel.Workbook.open(edited.content).sheets] == ["Data", "New & <co>"]
    assert changed(before, edited.content) >= {"xl/worksheets/sheet2.xml", "xl/workbook.xml", "[Content_Types].xml"}
    assert "xl/worksheets/sheet1.xml" not in changed(before, edited.content)


def test_formulas_are_text_unless_they_are_asked_for() -> None:
    edited = excel.add_sheet(book({"Data": [[1]]}), "N", [["=1+1"]])
    assert values(edited.content, "N") == {"A1": "=1+1"}


@pytest.mark.parametrize("name", ["", "a" * 32, "a/b", "a[b]", "what?", "'x", "x'", "History", "dAtA", "a:b", "*"])
def test_names_that_excel_does_not_take(name: str) -> None:
    with pytest.raises(ToolInputError) as error:
        excel.add_sheet(book({"Data": [[1]]}), name)
    assert error.value.code == "sheet_name"


def test_a_new_workbook_is_the_same_each_time() -> None:
    made = excel.create({"Data": ROWS, "Two": [["a"], [1]]}, formulas=True)
    assert made == excel.create({"Data": ROWS, "Two": [["a"], [1]]}, formulas=True)
    assert values(made.content, "Two") == {"A1": "a", "A2": 1}
    assert [s.name for s in excel.outline(made.content).sheets] == ["Data", "Two"]


def test_an_empty_workbook_can_be_edited_further() -> None:
    content = excel.create({}).content
    content = excel.add_sheet(content, "Notes").content
    assert values(excel.write_cells(content, "Notes", {"B2": "hi"}).content, "Notes") == {"B2": "hi"}


def test_a_listed_sheet_without_its_part_keeps_its_name_and_id() -> None:
    content = excel.create({"Data": [["x"]]}).content
    ghost = '<sheet name="Module" sheetId="9" r:id="rIdGone"/></sheets>'
    content = with_parts(
        content, {"xl/workbook.xml": part(content, "xl/workbook.xml").replace("</sheets>", ghost).encode()}
    )
    listed = part(excel.add_sheet(content, "New").content, "xl/workbook.xml")
    assert re.findall(r'sheetId="(\d+)"', listed) == ["1", "9", "10"]
    with pytest.raises(ToolInputError, match="module"):
        excel.add_sheet(content, "module")


def test_formats_in_alternative_content_are_counted_once() -> None:
    # Excel knows no namespace "other", so that it takes the fallback: index 1 is one format, not two.
    content = excel.create({"Data": [["x"]]}).content
    styles = part(content, "xl/styles.xml")
    font = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"'
    either = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f'<mc:Choice xmlns:o="urn:other" Requires="o">{font} o:more="1"/></mc:Choice>'
        f"<mc:Fallback>{font}/></mc:Fallback></mc:AlternateContent>"
    )
    count = styles.split("<cellXfs", 1)[1].count("<xf ")
    content = with_parts(content, {"xl/styles.xml": styles.replace("</cellXfs>", f"{either}</cellXfs>").encode()})
    edited = excel.write_cells(content, None, {"C3": "2026-03-01"}).content
    index = int(re.findall(r'<c r="C3" s="(\d+)"', part(edited))[0])
    group = re.sub("<mc:Choice.*?</mc:Choice>", "", part(edited, "xl/styles.xml").split("<cellXfs", 1)[1])
    formats = re.findall(r"<xf [^>]*>", group.split("</cellXfs>")[0])
    assert 'numFmtId="14"' in formats[index]
    assert index <= count + 1


def test_the_formulas_of_new_sheets_spill_and_see_the_other_sheets() -> None:
    made = excel.create({"Sum": [["=SUM(Data!A1:A3)", "=Data!A1:A3*2"]], "Data": [[1], [2], [3]]}, formulas=True)
    assert values(made.content, "Sum") == {"A1": 6, "B1": 2, "B2": 4, "B3": 6}
    with pytest.raises(ToolInputError, match="covers") as caught:
        excel.add_sheet(made.content, "Full", [["=Data!A1:A3*2"], ["taken"]], formulas=True)
    assert caught.value.code == "spill"
    with pytest.raises(ToolInputError, match="no function"):
        excel.create({"One": [["=SUMM(A2)"]]}, formulas=True)
