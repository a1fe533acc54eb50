from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

from .books import MAIN, SHEET, book, changed, part, raw

ROWS: list[list[Any]] = [["A", 1, 5, 3], ["B", 4, 2, 8], ["C", 0, -1, 7]]


@pytest.fixture(scope="module")
def content() -> bytes:
    return book({"My Data": ROWS})


def listed(content: bytes) -> list[tuple[str, str, str]]:
    workbook = Workbook.open(content)
    return [(s.cell, s.range, s.kind) for s in excel.list_sparklines(workbook, workbook.sheet(None))]


@pytest.mark.parametrize(
    ("data", "at", "kind", "expected"),
    [
        ("B1:D3", "E1:E3", "line", [("E1", "'My Data'!B1:D1"), ("E2", "'My Data'!B2:D2"), ("E3", "'My Data'!B3:D3")]),
        ("B1:D3", "B5:D5", "column", [("B5", "'My Data'!B1:B3"), ("C5", "'My Data'!C1:C3"), ("D5", "'My Data'!D1:D3")]),
        ("B1:D1", "F9", "win_loss", [("F9", "'My Data'!B1:D1")]),
        ("B1:B3", "F9", "line", [("F9", "'My Data'!B1:B3")]),
    ],
)
def test_one_for_each_row_or_column(
    content: bytes, data: str, at: str, kind: str, expected: list[tuple[str, str]]
) -> None:
    edited = excel.add_sparklines(content, data, at, kind, markers=True)  # type: ignore[arg-type]
    assert listed(edited.content) == [(*each, kind) for each in expected]
    assert changed(content, edited.content) == {SHEET}
    xml = part(edited.content)
    assert xml.index("</sheetData>") < xml.index("<extLst>")
    assert "{05C60535-1F16-4fd2-B633-F4F36F0B64E0}" in xml
    with pytest.warns(UserWarning, match="Sparkline Group extension"):  # so it knows them for what they are
        openpyxl.load_workbook(io.BytesIO(edited.content))


def test_more_of_them_and_fewer(content: bytes) -> None:
    one = excel.add_sparklines(content, "B1:D3", "E1:E3", color="accent2 +40%").content
    two = excel.add_sparklines(one, "B1:D1", "G1", "column").content
    assert len(listed(two)) == 4
    assert part(two).count("<extLst>") == 1
    less = excel.delete_sparklines(two, "E2:E9").content
    assert [cell for cell, *_ in listed(less)] == ["E1", "G1"]
    again = excel.delete_sparklines(excel.delete_sparklines(less, "G1").content, "E1").content
    assert part(again) == part(content), "what was put in is taken out again"


def test_overwriting_replaces_a_sparkline(content: bytes) -> None:
    one = excel.add_sparklines(content, "B1:D3", "E1:E3").content
    with pytest.raises(ToolInputError, match="sparkline already"):
        excel.add_sparklines(one, "B1:D1", "E2", "column")
    two = excel.add_sparklines(one, "B1:D1", "E2", "column", overwrite=True).content
    assert sorted(listed(two))[1] == ("E2", "'My Data'!B1:D1", "column")


def test_prefixed_and_with_other_extensions() -> None:
    other = '<x:extLst><x:ext uri="{OTHER}" xmlns:q="urn:q"><q:kept a="1"/></x:ext></x:extLst>'
    row = '<x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c><x:c r="B1"><x:v>2</x:v></x:c></x:row>'
    before = raw(f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{row}</x:sheetData>{other}</x:worksheet>')
    after = part(excel.add_sparklines(before, "A1:B1", "C1").content)
    assert '<x:ext uri="{OTHER}" xmlns:q="urn:q"><q:kept a="1"/></x:ext><x:ext uri="{05C60535' in after


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: excel.add_sparklines(c, "B1:D3", "E1:E2"), "address"),
        (lambda c: excel.add_sparklines(c, "B1:D3", "E1"), "address"),
        (lambda c: excel.add_sparklines(c, "B1:D3", "A1:A3"), "taken"),
        (lambda c: excel.add_sparklines(c, "B1:D1", "Nope!A1"), "unknown_sheet"),
        (lambda c: excel.add_sparklines(c, "B1:D1", "E1", color="blurple"), "color"),
        (lambda c: excel.delete_sparklines(c, "A1:Z9"), "unchanged"),
    ],
)
def test_what_is_refused(content: bytes, call: Any, code: str) -> None:
    with pytest.raises(ToolInputError) as error:
        call(content)
    assert error.value.code == code
