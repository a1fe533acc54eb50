"""The layout of sheets: widths, groups, panes, merges, print set-up, protection, read back by openpyxl."""

from __future__ import annotations

import base64
import io
import re
import warnings
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel import elements, protection
from copilot.documents.excel.edits import edit
from copilot.documents.excel.widths import shown_width, stored_width
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError
from tests.documents.excel.books import MAIN, SHEET, book, cells, changed, part, raw, values
from tests.thinning import thinned

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = sorted([*CORPUS.glob("*.xlsx"), *CORPUS.glob("*.xlsm")]) if CORPUS.is_dir() else []
ROWS = [["Name", "Wert"], ["x", 1234.5], ["ein sehr langer Text", 0.125], ["z", 7]]
WORKBOOK = "xl/workbook.xml"


def sheet_of(edited: Edited) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(io.BytesIO(edited.content)).worksheets[0]


def one(op: str, content: bytes | None = None, **fields: Any) -> Edited:
    return edit(content or book({"Data": ROWS}), [{"op": op, **fields}])


def refused(code: str, op: str, content: bytes | None = None, **fields: Any) -> str:
    with pytest.raises(ToolInputError) as error:
        one(op, content, **fields)
    assert error.value.code == code
    return str(error.value)


@pytest.mark.parametrize(
    ("shown", "stored"), [(10, 10.7109375), (8.43, 9.140625), (0.5, 0.85546875), (255, 255.7109375)]
)
def test_widths_as_the_standard_computes_them(shown: float, stored: float) -> None:
    assert stored_width(shown, 7) == pytest.approx(stored, abs=0.01)
    assert shown_width(stored, 7) == pytest.approx(shown, abs=0.08)


def test_a_width_splits_the_record_of_several_columns() -> None:
    before = cells(
        "",
        before='<cols><col min="2" max="9" width="20" style="0" /><col min="11" max="11" width="3"/></cols>',
    )
    edited = one("column_width", before, columns="D:J", width=10)
    found = re.search("<cols>(.*)</cols>", part(edited.content))
    assert found is not None
    assert re.findall(r'min="(\d+)" max="(\d+)" width="([\d.]+)"', found[1]) == [
        ("2", "3", "20"),
        ("4", "9", "10.7109375"),
        ("10", "10", "10.7109375"),
        ("11", "11", "3"),
    ]
    assert [(h.where, h.before, h.after) for h in edited.hunks] == [("Data!D:J", "width 19.29", "width 10")]
    refused("unchanged", "column_width", edited.content, columns="D:J", width=10)


def test_auto_width_shows_the_longest_text() -> None:
    edited = one("column_width", columns="A:C", width="auto")
    widths = {k: v.width for k, v in sheet_of(edited).column_dimensions.items()}
    assert set(widths) == {"A", "B"}
    assert 15 < widths["A"] < 24
    assert 5 < widths["B"] < 9
    wide = one("column_width", book({"Data": [["x" * 500]]}), columns="A", width="auto")
    assert sheet_of(wide).column_dimensions["A"].width < 82


def test_rows_and_columns_are_hidden_and_shown() -> None:
    hidden = edit(book({"Data": ROWS}), [{"op": "hide_columns", "columns": "B"}, {"op": "hide_rows", "rows": "2:7"}])
    sheet = sheet_of(hidden)
    assert sheet.column_dimensions["B"].hidden
    assert [sheet.row_dimensions[n].hidden for n in (1, 2, 7, 8)] == [False, True, True, False]
    shown = edit(hidden.content, [{"op": "show_columns", "columns": "A:D"}, {"op": "show_rows", "rows": "1:9"}])
    assert "hidden" not in part(shown.content)
    assert [(h.before, h.after) for h in shown.hunks] == [("shown / hidden", "shown"), ("shown / hidden", "shown")]
    refused("unchanged", "show_rows", shown.content, rows="3")


def test_heights() -> None:
    edited = one("row_height", rows="2:6", height=33.5)
    assert [sheet_of(edited).row_dimensions[n].height for n in (1, 2, 6, 7)] == [None, 33.5, 33.5, None]
    auto = one("row_height", edited.content, rows="2", height="auto")
    assert sheet_of(auto).row_dimensions[2].height is None
    refused("arguments", "row_height", rows="2", height=500)
    refused("address", "row_height", rows="B", height=20)


def test_groups() -> None:
    edited = edit(
        book({"Data": ROWS}),
        [
            {"op": "group_rows", "rows": "2:4"},
            {"op": "group_rows", "rows": "3", "collapsed": True},
            {"op": "group_columns", "columns": "B:C", "collapsed": True},
        ],
    )
    sheet = sheet_of(edited)
    assert [sheet.row_dimensions[n].outlineLevel for n in (1, 2, 3, 4, 5)] == [0, 1, 2, 1, 0]
    assert (sheet.row_dimensions[3].hidden, sheet.row_dimensions[4].collapsed) == (True, True)
    assert (sheet.column_dimensions["B"].outlineLevel, sheet.column_dimensions["D"].collapsed) == (1, True)
    assert (sheet.sheet_format.outlineLevelRow, sheet.sheet_format.outlineLevelCol) == (2, 1)
    flat = edit(edited.content, [{"op": "ungroup_rows", "rows": "2:4"}, {"op": "ungroup_columns", "columns": "B:C"}])
    assert [sheet_of(flat).row_dimensions[n].outlineLevel for n in (2, 3, 4)] == [0, 1, 0]
    refused("arguments", "group_rows", rows="2", level=8)


PANES: list[tuple[dict[str, Any], str | None, list[str]]] = [
    ({"cell": "B3"}, "B3", ["topRight", "bottomLeft", "bottomRight"]),
    ({"rows": 1}, "A2", ["bottomLeft"]),
    ({"columns": 2}, "C1", ["topRight"]),
]


@pytest.mark.parametrize(("fields", "cell", "panes"), PANES)
def test_panes(fields: dict[str, Any], cell: str, panes: list[str]) -> None:
    before = raw(
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetViews><x:sheetView topLeftCell="A9" workbookViewId="0">'
        '<x:selection activeCell="C12" sqref="C12"/><x:extLst><x:ext uri="{A}"/></x:extLst></x:sheetView>'
        "</x:sheetViews><x:sheetData/></x:worksheet>"
    )
    edited = one("freeze_panes", before, **fields)
    sheet = sheet_of(edited)
    assert sheet.freeze_panes == cell
    assert [s.pane for s in sheet.sheet_view.selection] == panes
    assert sheet.sheet_view.selection[-1].activeCell == "C12"
    assert '<x:extLst><x:ext uri="{A}"/></x:extLst></x:sheetView>' in part(edited.content)
    refused("unchanged", "freeze_panes", edited.content, **fields)
    free = one("freeze_panes", edited.content)
    assert part(free.content) == part(before).replace(' topLeftCell="A9"', "")


def test_the_view() -> None:
    edited = one("sheet_view", zoom=150, gridlines=False, headings=False)
    view = sheet_of(edited).sheet_view
    assert (view.zoomScale, view.showGridLines, view.showRowColHeaders) == (150, False, False)
    assert edited.hunks[0].after == "zoom 150, gridlines off, headings off"
    refused("unchanged", "sheet_view", edited.content, zoom=150)
    refused("arguments", "sheet_view", zoom=5)


def test_merges() -> None:
    rows = [["Titel", None, None], [1, 2, None], [None, None, None], ["=SUM(A2:B2)"]]
    before = excel.create({"Data": rows}, formulas=True).content
    edited = one("merge_cells", before, range="A1:C1")
    assert [str(m) for m in sheet_of(edited).merged_cells.ranges] == ["A1:C1"]
    assert changed(before, edited.content) == {SHEET}
    message = refused("taken", "merge_cells", edited.content, range="A2:C2")
    assert "B2" in message
    emptied = one("merge_cells", edited.content, range="A2:C2", overwrite=True)
    assert (values(emptied.content)["A4"], "B2" in values(emptied.content)) == (1, False)
    assert ("Data!B2", "2", "") in [(h.where, h.before, h.after) for h in emptied.hunks]
    refused("cell_in_the_way", "merge_cells", emptied.content, range="A1:C2")
    refused("unchanged", "merge_cells", emptied.content, range="A2:C2")
    refused("address", "merge_cells", emptied.content, range="D2")
    across = one("merge_cells", emptied.content, range="E1:F3", across=True)
    assert len(sheet_of(across).merged_cells.ranges) == 5
    assert '<mergeCells count="5">' in part(across.content)
    free = one("unmerge_cells", across.content, range="A:Z")
    assert "mergeCell" not in part(free.content)
    refused("unchanged", "unmerge_cells", free.content, range="A1:C3")


def test_what_can_not_be_merged() -> None:
    table = book({"Data": ROWS}, {"T": ("Data", "A1:B4")})
    assert "'T'" in refused("cell_in_the_way", "merge_cells", table, range="B4:C4")
    array = cells('<row r="1"><c r="A1"><f t="array" ref="A1:A3">B1:B3</f><v>0</v></c></row>')
    assert "array" in refused("cell_in_the_way", "merge_cells", array, range="A3:B3")


def test_page_setup() -> None:
    before = book({"Data": ROWS, "A, 'B'": [[1]]})
    edited = one(
        "page_setup",
        before,
        sheet="A, 'B'",
        orientation="landscape",
        paper="A4",
        fit_width=1,
        margins={"left": "2 cm", "top": 1},
        print_area="A1:F40,H1:I2",
        title_rows="1:2",
        title_columns="A",
        header={"left": "{file}", "right": "Seite {page} von {pages}"},
        footer="R&&D",
        center="horizontal",
        gridlines=True,
        page_breaks=[12, "F"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet = openpyxl.load_workbook(io.BytesIO(edited.content)).worksheets[1]
    setup = sheet.page_setup
    assert (setup.orientation, setup.paperSize, setup.fitToWidth, setup.fitToHeight) == ("landscape", 9, 1, 0)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_margins.left, sheet.page_margins.top) == (pytest.approx(2 / 2.54), 1)
    assert sheet.print_area == "'A, ''B'''!$A$1:$F$40,'A, ''B'''!$H$1:$I$2"
    assert (sheet.print_title_rows, sheet.print_title_cols) == ("$1:$2", "$A:$A")
    assert (sheet.oddHeader.left.text, sheet.oddHeader.right.text) == ("&F", "Seite &P von &N")
    assert "<oddFooter>&amp;CR&amp;&amp;D</oddFooter>" in part(edited.content, "xl/worksheets/sheet2.xml")
    assert (sheet.print_options.horizontalCentered, sheet.print_options.gridLines) == (True, True)
    assert ([b.id for b in sheet.row_breaks.brk], [b.id for b in sheet.col_breaks.brk]) == ([11], [5])
    assert changed(before, edited.content) == {"xl/worksheets/sheet2.xml", WORKBOOK}
    back = one("page_setup", edited.content, sheet="A, 'B'", scale=80, print_area="", title_rows="", page_breaks=[])
    text = part(back.content, "xl/worksheets/sheet2.xml")
    assert 'fitToPage="1"' not in text
    assert "Breaks" not in text
    assert 'scale="80"' in text
    assert re.findall(r"<definedName [^>]*>([^<]*)<", part(back.content, WORKBOOK)) == ["'A, ''B'''!$A:$A"]


def test_page_setup_refuses() -> None:
    for fields in ({"scale": 5}, {"paper": "A9"}, {"scale": 90, "fit_width": 1}, {"margins": {"middle": 1}}):
        refused("arguments", "page_setup", **fields)
    refused("length", "page_setup", margins={"left": "2 ells"})
    refused("address", "page_setup", page_breaks=[1])
    refused("header", "page_setup", header="x" * 300)
    refused("unchanged", "page_setup", page_breaks=[])


def test_the_hash_of_a_password() -> None:
    """The standard's recipe, written out once more; the short hash is the one of its example."""
    salt = base64.b64decode("AAAAAAAAAAAAAAAAAAAAAA==")
    assert protection.password_hash("x", salt, 0) == protection.password_hash("x", salt, 0, "SHA-512")
    assert protection.password_hash("x", salt, 1) != protection.password_hash("x", salt, 0)
    assert protection.legacy_hash("test") == "CBEB"
    assert openpyxl.utils.protection.hash_password("Geheim 1") == protection.legacy_hash("Geheim 1").lstrip("0")


def test_a_sheet_is_protected_and_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "SPINS", 100)
    before = book({"Data": ROWS})
    edited = one("protect_sheet", before, password="Geheim", allow=["select_locked", "sort", "filter"])
    found = sheet_of(edited).protection
    assert (found.sheet, found.objects, found.scenarios, found.sort, found.autoFilter) == (
        True,
        True,
        True,
        False,
        False,
    )
    assert (found.formatCells, found.selectUnlockedCells, found.selectLockedCells) == (True, True, False)
    assert (found.algorithmName, found.spinCount) == ("SHA-512", 100)
    assert one("protect_sheet", before, password="Geheim", allow=["select_locked", "sort", "filter"]) == edited
    refused("protected", "protect_sheet", edited.content)
    refused("password", "unprotect_sheet", edited.content, password="geheim")
    refused("password", "unprotect_sheet", edited.content)
    free = one("unprotect_sheet", edited.content, password="Geheim")
    assert part(free.content) == part(before)
    refused("unchanged", "unprotect_sheet", free.content)
    old = raw(f'<worksheet xmlns="{MAIN}"><sheetData/><sheetProtection sheet="1" password="CBEB"/></worksheet>')
    assert "Protection" not in part(one("unprotect_sheet", old, password="test").content)


def test_a_workbook_is_protected_and_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "SPINS", 100)
    before = book({"Data": ROWS})
    edited = one("protect_workbook", before, password="p")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = openpyxl.load_workbook(io.BytesIO(edited.content)).security
    assert (found.lockStructure, found.workbookAlgorithmName) == (True, "SHA-512")
    refused("password", "unprotect_workbook", edited.content)
    assert "workbookProtection" in part(edited.content, WORKBOOK)
    assert 'lockStructure="1"' not in part(one("unprotect_workbook", edited.content, password="p").content, WORKBOOK)


@pytest.mark.parametrize("file", thinned(FILES, 18), ids=lambda f: f.name)
def test_real_files(file: Path) -> None:
    before = file.read_bytes()
    sheet = excel.Workbook.open(before).worksheets[0]
    given = {"sheet": sheet.name}
    edited = edit(
        before,
        [
            {"op": "column_width", "columns": "C:D", "width": 21.5, **given},
            {"op": "row_height", "rows": "4:5", "height": 31.5, **given},
            {"op": "group_rows", "rows": "30:31", **given},
            {"op": "freeze_panes", "cell": "C7", **given},
            {"op": "sheet_view", "zoom": 77, **given},
            {"op": "merge_cells", "range": "XFA900:XFC901", **given},
            {"op": "page_setup", "print_area": "A1:H99", "orientation": "landscape", "footer": "neu {page}", **given},
        ],
    )
    assert changed(before, edited.content) <= {sheet.part, excel.Workbook.open(before).package.main}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(edited.content))
    if sheet.name not in book.sheetnames:
        return  # openpyxl leaves out sheets that it can't read
    found = book[sheet.name]
    assert (found.freeze_panes, found.sheet_view.zoomScale, found.row_dimensions[5].height) == ("C7", 77, 31.5)
    assert found.page_setup.orientation == "landscape"
    data = part(edited.content, sheet.part).encode()
    ranks = [child.rank for child in elements.children(data) if child.rank >= 0]
    assert ranks == sorted(ranks)
