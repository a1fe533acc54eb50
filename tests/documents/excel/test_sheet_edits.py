"""Sheets renamed, copied, moved, hidden and deleted, and the parts around a sheet whose rows move."""

from __future__ import annotations

import io
import warnings
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart
from openpyxl.chart import Reference as ChartReference
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table

from copilot.documents.excel import sheet_edits, shifting
from copilot.documents.excel.reftext import joined, pieces, replaced
from copilot.documents.excel.sheet_refs import removing, renaming
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError
from tests.documents.excel import books

OPERATIONS = {operation.__name__: operation for operation in sheet_edits.OPERATIONS}


def _rich() -> bytes:
    """Return a workbook whose second sheet, the chart, a name and a validation refer to the first, "My Data"."""
    workbook = openpyxl.Workbook()
    data: Any = workbook.active
    data.title = "My Data"
    for row in (["Item", "Price"], ["a", 1], ["b", 2], ["c", "=SUM(B2:B3)+'My Data'!B2"]):
        data.append(row)
    data["B3"].comment = Comment("Why?", "Ann")
    data.add_table(Table(displayName="Prices", ref="A1:B4"))
    chart = BarChart()
    chart.add_data(ChartReference(data, min_col=2, min_row=1, max_row=4), titles_from_data=True)
    data.add_chart(chart, "D3")
    other = workbook.create_sheet("Other")
    other["A1"] = "='My Data'!B3*2"
    other["A2"] = '=INDIRECT("My Data!B2")+SUM(Prices[Price])'
    validation = DataValidation(type="list", formula1="'My Data'!$A$2:$A$4")
    validation.add("C1")
    other.add_data_validation(validation)
    workbook.defined_names["Rate"] = DefinedName("Rate", attr_text="'My Data'!$B$3")
    data.defined_names["Own"] = DefinedName("Own", attr_text="'My Data'!$B$2")
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


RICH = _rich()


def _text(content: bytes, word: str) -> str:
    """Return all parts with that word in their name, joined."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist() if word in name)


def _sheets(content: bytes) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(io.BytesIO(content)).sheetnames


def test_a_new_name_is_followed_everywhere() -> None:
    edited = sheet_edits.rename_sheet(RICH, "my data", "Zahlen")
    content = edited.content
    assert _sheets(content) == ["Zahlen", "Other"]
    assert books.formulas(content, "Zahlen")["B4"] == "=SUM(B2:B3)+Zahlen!B2"
    assert books.formulas(content, "Other")["A1"] == "=Zahlen!B3*2"
    assert "<formula1>Zahlen!$A$2:$A$4</formula1>" in _text(content, "sheet2.xml")
    assert "Zahlen!$B$2:$B$4" in _text(content, "charts/chart1.xml").replace("'", "")
    assert "Zahlen!$B$3" in _text(content, "workbook.xml")
    assert "My Data'" not in _text(content, "xl/")
    assert any("Other!A2" in warning for warning in edited.warnings)
    back = sheet_edits.rename_sheet(content, "Zahlen", "My Data").content
    assert books.formulas(back, "Other") == books.formulas(RICH, "Other")


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("rename_sheet", {"sheet": "Other", "to": "my data"}, "sheet_name"),
        ("rename_sheet", {"sheet": "Other", "to": "a/b"}, "sheet_name"),
        ("rename_sheet", {"sheet": "Othr", "to": "x"}, "unknown_sheet"),
        ("rename_sheet", {"sheet": "Other", "to": "Other"}, "unchanged"),
        ("copy_sheet", {"sheet": "Other", "to": "Other"}, "sheet_name"),
        ("move_sheet", {"sheet": "Other", "position": 9}, "unchanged"),
        ("show_sheet", {"sheet": "Other"}, "unchanged"),
        ("tab_color", {"sheet": "Other", "color": "bluish"}, "color"),
        ("tab_color", {"sheet": "Other"}, "unchanged"),
        ("delete_sheet", {"sheet": "My Data"}, "referenced"),
    ],
)
def test_bad_input(name: str, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        OPERATIONS[name](RICH, **arguments)
    assert caught.value.code == code


def test_a_sheet_that_is_referred_to_goes_only_by_force() -> None:
    with pytest.raises(ToolInputError, match="Other!A1"):
        sheet_edits.delete_sheet(RICH, "My Data")
    edited = sheet_edits.delete_sheet(RICH, "My Data", force=True)
    assert _sheets(edited.content) == ["Other"]
    assert books.formulas(edited.content, "Other")["A1"] == "=#REF!*2"
    with zipfile.ZipFile(io.BytesIO(edited.content)) as archive:
        left = set(archive.namelist())
    assert not [n for n in left if any(w in n for w in ("chart", "drawing", "table", "comment", "sheet1"))]
    assert [n.name for n in Workbook.open(edited.content).names] == ["Rate"]
    assert "sheet1.xml" not in _text(edited.content, "Content_Types")
    with pytest.raises(ToolInputError, match="only visible sheet"):
        sheet_edits.delete_sheet(edited.content, "Other")


def test_a_sheet_nobody_refers_to_goes() -> None:
    edited = sheet_edits.delete_sheet(RICH, "Other")
    assert _sheets(edited.content) == ["My Data"]
    assert books.changed(RICH, edited.content) == {
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "[Content_Types].xml",
        "xl/worksheets/sheet2.xml",
    }


def test_a_copy_stands_on_its_own() -> None:
    edited = sheet_edits.copy_sheet(RICH, "My Data", "Copy", position=1)
    content = edited.content
    assert _sheets(content) == ["Copy", "My Data", "Other"]
    assert books.formulas(content, "Copy")["B4"] == "=SUM(B2:B3)+Copy!B2"
    assert books.formulas(content, "My Data") == books.formulas(RICH, "My Data")
    workbook = Workbook.open(content)
    assert {t.name: t.sheet for t in workbook.tables} == {"Prices": "My Data", "Prices_2": "Copy"}
    assert {(n.name, n.sheet, n.refers_to) for n in workbook.names if n.name == "Own"} == {
        ("Own", "My Data", "'My Data'!$B$2"),
        ("Own", "Copy", "Copy!$B$2"),
    }
    assert "Copy" in _text(content, "charts/chart2.xml")
    assert books.changed(RICH, content) & {"xl/worksheets/sheet1.xml", "xl/charts/chart1.xml"} == set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy = openpyxl.load_workbook(io.BytesIO(content))["Copy"]
    assert copy["B3"].comment.text == "Why?"
    assert sheet_edits.copy_sheet(RICH, "My Data", "Copy", position=1).content == content


def test_moving_and_hiding_take_along_what_counts_sheets() -> None:
    content = sheet_edits.move_sheet(RICH, "My Data", 2).content
    assert _sheets(content) == ["Other", "My Data"]
    assert [n.sheet for n in Workbook.open(content).names if n.name == "Own"] == ["My Data"]
    hidden = sheet_edits.hide_sheet(RICH, "My Data", very=True)
    assert [s.state for s in Workbook.open(hidden.content).sheets] == ["veryHidden", "visible"]
    assert 'activeTab="1"' in _text(hidden.content, "workbook.xml")
    with pytest.raises(ToolInputError, match="only visible"):
        sheet_edits.hide_sheet(hidden.content, "Other")
    shown = sheet_edits.show_sheet(hidden.content, "My Data").content
    assert [s.state for s in Workbook.open(shown).sheets] == ["visible", "visible"]


def test_colours_of_tabs() -> None:
    edited = sheet_edits.tab_color(RICH, "Other", "#1f4e79")
    assert books.changed(RICH, edited.content) == {"xl/worksheets/sheet2.xml"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = openpyxl.load_workbook(io.BytesIO(edited.content))["Other"]
    assert other.sheet_properties.tabColor.rgb == "FF1F4E79"
    assert "tabColor" not in _text(sheet_edits.tab_color(edited.content, "Other").content, "sheet2.xml")
    plain = sheet_edits.tab_color(books.cells(""), "Data", "00FF00").content
    assert '<sheetPr><tabColor rgb="FF00FF00"/></sheetPr><sheetData>' in books.part(plain)


def test_parts_around_a_sheet_follow_its_rows() -> None:
    content = shifting.insert_rows(RICH, at=2, count=2, sheet="My Data").content
    assert books.formulas(content, "Other")["A1"] == "='My Data'!B5*2"
    assert 'ref="B5"' in _text(content, "comments/comment1.xml") + _text(content, "comments1.xml")
    assert ":Row>4</" in _text(content, "vml")
    assert "$B$4:$B$6" in _text(content, "charts/chart1.xml")
    assert "row>4</" in _text(content, "drawings/drawing1.xml")
    assert "'My Data'!$A$4:$A$6" in _text(content, "sheet2.xml")
    names = {n.name: n.refers_to for n in Workbook.open(content).names}
    assert names == {"Rate": "'My Data'!$B$5", "Own": "'My Data'!$B$4"}
    gone = shifting.delete_rows(RICH, at=3, sheet="My Data")
    assert "Why?" not in _text(gone.content, "comment")
    assert "ClientData" not in _text(gone.content, "vml")
    assert {n.name: n.refers_to for n in Workbook.open(gone.content).names}["Rate"] == "'My Data'!#REF!"
    assert books.formulas(gone.content, "Other")["A1"] == "='My Data'!#REF!*2"


@pytest.mark.parametrize(
    ("text", "renamed", "removed"),
    [
        ("Feb!A1+feb!B2+'Feb'!C3", "'New 1'!A1+'New 1'!B2+'New 1'!C3", "#REF!+#REF!+#REF!"),
        ("SUM(Jan:Feb!A1)", "SUM('Jan:New 1'!A1)", "SUM(Jan!A1)"),
        ("SUM(Feb:Mar!A1)+SUM(Jan:Mar!A1)", "SUM('New 1:Mar'!A1)+SUM(Jan:Mar!A1)", "SUM(Mar!A1)+SUM(Jan:Mar!A1)"),
        ("Feb!Rate*Feb!#REF!", "'New 1'!Rate*'New 1'!#REF!", "#REF!*#REF!"),
        ('"Feb!A1"&[1]Feb!A1&Feb', '"Feb!A1"&[1]Feb!A1&Feb', '"Feb!A1"&[1]Feb!A1&Feb'),
    ],
)
def test_names_of_sheets_in_formulas(text: str, renamed: str, removed: str) -> None:
    assert joined(replaced(pieces(text), renaming("Feb", "New 1"))) == renamed
    assert joined(replaced(pieces(text), removing("Feb", ["Jan", "Feb", "Mar"]))) == removed
