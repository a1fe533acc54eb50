"""Charts, pictures, sparklines and pivot tables in workbooks that spell things otherwise: strict, and with prefixes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import nullcontext

import openpyxl
import pytest

from copilot.documents import excel
from copilot.documents.excel.workbook import Workbook

from .books import MAIN, book, changed, part, raw, with_parts
from .test_images import png

OFFICE = "http://schemas.openxmlformats.org/"
ROWS = [["K", "V"], ["a", 1], ["b", 2]]
OPERATIONS: dict[str, Callable[[bytes], bytes]] = {
    "chart": lambda c: excel.add_chart(c, None, "column", "A2:A3", ["B2:B3"]).content,
    "picture": lambda c: excel.insert_image(c, png(), "D9", alt="x").content,
    "sparkline": lambda c: excel.add_sparklines(c, "B2:B3", "B9").content,
    "pivot here": lambda c: excel.create_pivot(c, "A1:B3", ["K"], ["V"], at="D2").content,
    "pivot there": lambda c: excel.create_pivot(c, "A1:B3", ["K"], ["V"]).content,
}


def strict(content: bytes) -> bytes:
    """Return a workbook in the namespaces of ISO/IEC 29500 Strict."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith((".xml", ".rels"))}
    exchanged = {
        name: text.replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main").replace(
            f"{OFFICE}officeDocument/2006/relationships", "http://purl.oclc.org/ooxml/officeDocument/relationships"
        )
        for name, text in parts.items()
    }
    return with_parts(content, {name: text.encode() for name, text in exchanged.items()})


@pytest.mark.parametrize("name", OPERATIONS)
def test_strict_stays_strict(name: str) -> None:
    before = strict(book({"Data": ROWS}))
    after = OPERATIONS[name](before)
    package = Workbook.open(after).package
    assert package.strict
    for each in changed(before, after):
        if each.endswith(".xml") and each != "[Content_Types].xml":
            text = part(after, each)
            assert f"{OFFICE}spreadsheetml" not in text
            assert f"{OFFICE}drawingml" not in text
            assert f"{OFFICE}officeDocument" not in text
    assert all("purl.oclc.org" in r.type for n in package.names() for r in package.relationships(n) if ".rels" not in n)


@pytest.mark.parametrize("name", OPERATIONS)
def test_prefixes_are_met(name: str) -> None:
    cells = "".join(
        f'<x:row r="{r}">'
        + "".join(
            f'<x:c r="{c}{r}"{" t=" + chr(34) + "str" + chr(34) if isinstance(v, str) else ""}><x:v>{v}</x:v></x:c>'
            for c, v in zip("AB", row, strict=True)
        )
        + "</x:row>"
        for r, row in enumerate(ROWS, 1)
    )
    margins = '<x:pageMargins left="1" right="1" top="1" bottom="1" header="0" footer="0"/>'
    before = raw(f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{cells}</x:sheetData>{margins}</x:worksheet>')
    after = OPERATIONS[name](before)
    sheet = part(after)
    assert "<drawing" not in sheet
    assert "<extLst" not in sheet
    if name in ("chart", "picture"):
        assert sheet.index("<x:pageMargins") < sheet.index("<x:drawing ")
    with pytest.warns(UserWarning, match="Sparkline") if name == "sparkline" else nullcontext():
        openpyxl.load_workbook(io.BytesIO(after))
    assert OPERATIONS[name](before) == after, "the same input gives the same bytes"
