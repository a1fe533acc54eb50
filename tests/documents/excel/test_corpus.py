"""Every edit on every real workbook that lies beside the repository: nothing may be lost."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from pathlib import Path

import openpyxl
import pytest

from copilot.documents import excel
from copilot.errors import ToolInputError
from tests.thinning import thinned

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = thinned(sorted([*CORPUS.glob("*.xlsx"), *CORPUS.glob("*.xlsm")]) if CORPUS.is_dir() else [], 3)
#: For what costs more: each edits and opens a file several times.
FEWER = thinned(FILES, 2)
pytestmark = pytest.mark.skipif(not FILES, reason="no corpus beside the repository")

_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]+[0-9]+)".*?(?:/>|</(?:\w+:)?c>)', re.DOTALL)


def entries(content: bytes) -> dict[str, bytes]:
    """Return each entry's bytes as they lie in the file: local header, name, extra field and packed data."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            head = content[info.header_offset : info.header_offset + 30]
            names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
            start = info.header_offset
            found[info.filename] = content[start : start + 30 + names + info.compress_size]
    return found


def raw_changes(before: bytes, after: bytes) -> set[str]:
    old, new = entries(before), entries(after)
    return {n for n in old.keys() | new.keys() if old.get(n) != new.get(n)}


def assert_opens(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        openpyxl.load_workbook(io.BytesIO(content))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_one_cell_on_each_sheet(file: Path) -> None:
    before = file.read_bytes()
    workbook = excel.Workbook.open(before)
    for sheet in workbook.worksheets:
        edited = excel.write_cells(before, sheet.name, {"ZZ700": "neu"})
        assert raw_changes(before, edited.content) <= {sheet.part, "xl/workbook.xml"}
        old, new = (_cells(c, sheet.part) for c in (before, edited.content))
        recalculated = {h.where.rpartition("!")[2] for h in edited.hunks}
        assert {a for a in old.keys() | new.keys() if old.get(a) != new.get(a)} <= recalculated | {"ZZ700"}
        assert excel.read_range(edited.content, sheet.name, "ZZ700").values == [["neu"]]
    assert_opens(edited.content)


def _cells(content: bytes, part: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {m[1].decode(): m[0] for m in _CELL.finditer(archive.read(part))}


@pytest.mark.parametrize("file", FEWER, ids=lambda f: f.name)
def test_overwriting_what_is_there(file: Path) -> None:
    before = file.read_bytes()
    refused = set()
    for sheet in excel.Workbook.open(before).worksheets[:2]:
        used = excel.read_range(before, sheet.name, max_rows=30)
        filled = [
            f"{excel.Workbook.open(before).sheet(sheet.name).name}!{_address(used.area.top + r, used.area.left + c)}"
            for r, row in enumerate(used.values)
            for c, value in enumerate(row)
            if value is not None
        ]
        last = before
        for target in filled[:: max(1, len(filled) // 3)]:
            try:
                edited = excel.write_cells(before, None, {_quoted(target): 12.5})
            except ToolInputError as error:
                refused.add(error.code)
                continue
            kept = raw_changes(before, edited.content)
            assert all(
                n.startswith(
                    ("xl/worksheets/", "xl/tables/", "xl/calcChain", "xl/workbook.xml", "[Content", "xl/_rels/workbook")
                )
                for n in kept
            )
            last = edited.content
        assert_opens(last)
    assert refused <= {"cell_in_the_way"}


def _quoted(target: str) -> str:
    sheet, _, place = target.rpartition("!")
    return "'" + sheet.replace("'", "''") + "'!" + place


def _address(row: int, column: int) -> str:
    from copilot.documents.excel.refs import address

    return address(row, column)


@pytest.mark.parametrize("file", FEWER, ids=lambda f: f.name)
def test_sheets_charts_and_rows(file: Path) -> None:
    before = file.read_bytes()
    added = excel.add_sheet(before, "Added", [["Name", "Value"], ["a", 1], ["b", 2]])
    charted = excel.add_chart(added.content, "Added", "column", "Name", ["Value"])
    assert_opens(charted.content)
    kept = set(entries(before)) - raw_changes(before, charted.content)
    assert set(entries(before)) - kept <= {
        "[Content_Types].xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/styles.xml",
    }
    first = excel.Workbook.open(before).worksheets[0].name
    two = excel.write_cells(before, first, {"ZZ1": "x", "ZZ2": 1, "ZZ3": 2}).content
    assert_opens(excel.add_chart(two, first, "line", None, ["ZZ1:ZZ3"]).content)
    refused = set()
    for table in excel.tables(before):
        try:
            edited = excel.add_row(before, {table.columns[0]: "new"}, table=table.name)
        except ToolInputError as error:
            refused.add(error.code)
        else:
            assert_opens(edited.content)
    assert refused <= {"cell_in_the_way"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_reading(file: Path) -> None:
    content = file.read_bytes()
    assert excel.read(content).segments
    assert excel.outline(content).sheets
