"""Inserted and deleted rows and columns: every formula still means the cells that it meant before."""

from __future__ import annotations

import io
import random
import re
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from copilot.documents.excel import shifting
from copilot.documents.excel.reftext import Reference, joined, pieces
from copilot.documents.excel.shift import Follower, Shift
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError
from tests.documents.excel import books
from tests.thinning import thinned

OPERATIONS = {operation.__name__: operation for operation in shifting.OPERATIONS}
WIDTH, HEIGHT = 9, 14


# --- references in texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A1+B$2*SUM($A:$C,1:5)", ["A1", "B$2", "$A:$C", "1:5"]),
        ('"A1"&A1&"it""s B2"', ["A1"]),
        ("LOG10(A1)+XFE1+A1048577+TAX2024", ["A1", "TAX2024"]),
        ("'It''s B2'!A1:B2+Übersicht!C3", ["'It''s B2'!A1:B2", "Übersicht!C3"]),
        ("Jan:Mar!A1+'a b:c d'!B2", ["Jan:Mar!A1", "'a b:c d'!B2"]),
        ("[1]Sheet1!A1+'[x.xlsx]S 1'!B2+[1]!Rate", []),
        ("T[[#This Row],[A1]]+T[B2]+[@C3]+T[[#All],[it''s]]", []),
        ("_xlfn.LET(_xlpm.a1,A1,_xlpm.a1+_xlfn.ANCHORARRAY(B2))", ["A1", "B2"]),
        ("#REF!A1+Data!#REF!+A1#", ["Data!#REF!", "A1"]),
        ("A1:OFFSET(B2,1,1) C3:C4,@D5", ["A1", "B2", "C3:C4", "D5"]),
        ("1.5E3+2E5*10%", []),
        ("R1C1+RC+RC2", ["RC2"]),
    ],
)
def test_references_are_told_from_the_rest(text: str, found: list[str]) -> None:
    parts = pieces(text)
    assert [str(p) for p in parts if isinstance(p, Reference)] == found
    assert joined(parts) == text


INSERT = Shift(rows=True, at=5, count=2, deletes=False)
DELETE = Shift(rows=True, at=5, count=2, deletes=True)
LEFT = Shift(rows=False, at=2, count=1, deletes=True)


@pytest.mark.parametrize(
    ("shift", "text", "after"),
    [
        (INSERT, "A4+A5+$A$5", "A4+A7+$A$7"),
        (INSERT, "SUM(A1:A4)+SUM(A1:A5)+SUM(A5:A9)", "SUM(A1:A4)+SUM(A1:A7)+SUM(A7:A11)"),
        (INSERT, "A9:A1+A:A+1:1048576+Other!A9", "A11:A1+A:A+1:1048576+Other!A9"),
        (INSERT, "A1048576+A1048570:A1048576", "#REF!+A1048572:A1048576"),
        (INSERT, "5:5+Data!A6+'data'!A6", "7:7+Data!A8+'data'!A8"),
        (DELETE, "A4+A5+A6+A7", "A4+#REF!+#REF!+A5"),
        (DELETE, "SUM(A1:A5)+SUM(A6:A9)+SUM(A5:A6)+SUM(A1:A9)", "SUM(A1:A4)+SUM(A5:A7)+SUM(#REF!)+SUM(A1:A7)"),
        (DELETE, "Data!$A$5+Data!5:6", "Data!#REF!+Data!#REF!"),
        (DELETE, "A:B+Jan:Mar!A7", "A:B+Jan:Mar!A7"),
        (LEFT, "A1+B1+$C$1+A1:C1+B:B+A:C+1:1", "A1+#REF!+$B$1+A1:B1+#REF!+A:B+1:1"),
    ],
)
def test_texts(shift: Shift, text: str, after: str) -> None:
    follower = Follower("Data", shift, ("data", "other"))
    assert follower.text(text, own=True) == after


def test_names_move_only_where_they_are_absolute() -> None:
    follower = Follower("Data", INSERT, ("data",))
    assert follower.name("Data!$A$5:$A$9+Data!A5+Data!$A5") == "Data!$A$7:$A$11+Data!A5+Data!$A5"


# --- against a slow, obvious model ---------------------------------------------------------------------------------


def _letters(column: int) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[column - 1]


def _corner(rng: random.Random, row: int, column: int) -> str:
    return f"{rng.choice(['', '$'])}{_letters(column)}{rng.choice(['', '$'])}{row}"


def _reference(rng: random.Random, sheet: str) -> str:
    top, bottom = sorted(rng.randint(1, HEIGHT) for _ in range(2))
    left, right = sorted(rng.randint(1, WIDTH) for _ in range(2))
    prefix = rng.choice(["", f"{sheet}!"]) if sheet == "Data" else f"{sheet}!"
    if rng.random() < 0.4:
        return prefix + _corner(rng, top, left)
    return f"{prefix}{_corner(rng, top, left)}:{_corner(rng, bottom, right)}"


def _covered(text: str) -> set[tuple[int, int]]:
    """Return the cells that an address covers, read by a rule of its own."""
    corners = [
        (int(row), ord(column) - 64) for column, row in re.findall(r"\$?([A-Z])\$?(\d+)", text.rpartition("!")[2])
    ]
    (top, left), (bottom, right) = corners[0], corners[-1]
    return {(r, c) for r in range(top, bottom + 1) for c in range(left, right + 1)}


def _model(name: str, at: int, count: int) -> dict[tuple[int, int], tuple[int, int] | None]:
    """Return, for each cell after the edit, the cell that it was: a list of rows is taken apart and put together."""
    grid: list[list[tuple[int, int] | None]] = [[(r, c) for c in range(1, 25)] for r in range(1, 31)]
    for _ in range(count):
        if name == "insert_rows":
            grid.insert(at - 1, [None] * 24)
        elif name == "delete_rows":
            del grid[at - 1]
        for row in grid if name.endswith("columns") else ():
            if name.startswith("insert"):
                row.insert(at - 1, None)
            else:
                del row[at - 1]
    return {(r, c): was for r, row in enumerate(grid, 1) for c, was in enumerate(row, 1)}


@pytest.mark.parametrize("seed", thinned(range(160), 32))
def test_every_formula_means_the_same_cells(seed: int) -> None:
    rng = random.Random(seed)
    wanted: dict[tuple[str, int, int], str] = {}
    rows: dict[str, list[list[str]]] = {}
    for sheet in ("Data", "Other"):
        rows[sheet] = []
        for r in range(1, HEIGHT + 1):
            refs = [_reference(rng, "Data") for _ in range(WIDTH)]
            if sheet == "Other":
                refs = [f"Data!{ref.rpartition('!')[2]}" for ref in refs]
            rows[sheet].append([f"=SUM({ref})" for ref in refs])
            wanted |= {(sheet, r, c): ref for c, ref in enumerate(refs, 1)}
    before = books.book(rows)
    name = rng.choice(sorted(OPERATIONS))
    at, count = rng.randint(1, 9), rng.randint(1, 3)
    model = _model(name, at, count)
    place = {was: now for now, was in model.items() if was is not None}
    after = OPERATIONS[name](before, at=at, count=count, sheet="Data").content
    found = {sheet: books.formulas(after, sheet) for sheet in rows}
    for (sheet, row, column), ref in wanted.items():
        now = place.get((row, column)) if sheet == "Data" else (row, column)
        if now is None:
            continue
        text = found[sheet][f"{_letters(now[1])}{now[0]}"]
        meant = _covered(ref) & place.keys()
        if not meant:
            assert "#REF!" in text, (ref, text)
            continue
        cells = _covered(text[5:-1])
        assert {was for cell in cells if (was := model[cell])} == meant, (name, at, count, ref, text)
        assert text.count("$") == ref.count("$")
        rim = {f([c[i] for c in cells]) for i in (0, 1) for f in (min, max)}
        assert rim == {f([place[m][i] for m in meant]) for i in (0, 1) for f in (min, max)}, (ref, text)


@pytest.mark.parametrize("seed", thinned(range(80), 16))
def test_shared_formulas_mean_the_same_cells(seed: int) -> None:
    rng = random.Random(seed)
    refs = [_corner(rng, rng.randint(1, 6), rng.randint(1, 3)) for _ in range(2)]
    data = ""
    for row in range(2, 12):
        f = f'<f t="shared" ref="H2:H11" si="0">{refs[0]}+{refs[1]}</f>' if row == 2 else '<f t="shared" si="0"/>'
        data += f'<row r="{row}"><c r="A{row}"><v>{row}</v></c><c r="H{row}">{f}<v>1</v></c></row>'
    before = books.cells(data)
    name, at, count = rng.choice(sorted(OPERATIONS)), rng.randint(1, 7), rng.randint(1, 2)
    model = _model(name, at, count)
    place = {was: now for now, was in model.items() if was is not None}
    old, new = books.formulas(before), books.formulas(OPERATIONS[name](before, at=at, count=count).content)
    for row in range(2, 12):
        now = place.get((row, 8))
        if now is None:
            continue
        text = new[f"{_letters(now[1])}{now[0]}"]
        for was, became in zip(old[f"H{row}"][1:].split("+"), text[1:].split("+"), strict=True):
            target = place.get(next(iter(_covered(was))))
            assert became == "#REF!" if target is None else _covered(became) == {target}, (name, at, count, was, became)


# --- what else lies on a sheet -------------------------------------------------------------------------------------

X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
XM = "http://schemas.microsoft.com/office/excel/2006/main"
HEAD = (
    '<dimension ref="A1:D9"/><sheetViews><sheetView workbookViewId="0"><pane ySplit="2" topLeftCell="A3" '
    'activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft" activeCell="B3" sqref="B3:B4"/></sheetView>'
    '</sheetViews><cols><col min="1" max="2" width="20" customWidth="1"/><col min="3" max="5" width="9"/></cols>'
)
TAIL = (
    '<protectedRanges><protectedRange sqref="A3:A5" name="p"/></protectedRanges>'
    '<autoFilter ref="A1:D9"><filterColumn colId="2"/></autoFilter>'
    '<mergeCells count="2"><mergeCell ref="A3:A4"/><mergeCell ref="C3:D3"/></mergeCells>'
    '<conditionalFormatting sqref="B3:B9"><cfRule type="expression" priority="1"><formula>B3&gt;$D$9</formula></cfRule>'
    '</conditionalFormatting><dataValidations count="1"><dataValidation type="custom" sqref="C3:C9">'
    "<formula1>C3&gt;B3</formula1></dataValidation></dataValidations>"
    '<hyperlinks><hyperlink ref="A3" location="Data!D9"/></hyperlinks>'
    '<rowBreaks count="1" manualBreakCount="1"><brk id="4" max="16383" man="1"/></rowBreaks>'
    f'<extLst><ext uri="u" xmlns:x14="{X14}"><x14:sparklineGroups xmlns:xm="{XM}"><x14:sparklineGroup><x14:sparklines>'
    "<x14:sparkline><xm:f>Data!A3:D3</xm:f><xm:sqref>E3</xm:sqref></x14:sparkline></x14:sparklines>"
    "</x14:sparklineGroup></x14:sparklineGroups></ext></extLst>"
)
ROWS = "".join(
    f'<row r="{r}" spans="1:4" s="3" customFormat="1"><c r="A{r}" s="1"><v>{r}</v></c>'
    f'<c r="D{r}"><v>{r * 2}</v></c></row>'
    for r in range(1, 10)
)


@pytest.mark.parametrize(
    ("operation", "there", "gone"),
    [
        (
            ("insert_rows", 3),
            [
                'dimension ref="A1:D10"',
                'topLeftCell="A4"',
                'ySplit="2"',
                'activeCell="B4" sqref="B4:B5"',
                'protectedRange sqref="A4:A6"',
                'autoFilter ref="A1:D10"',
                'mergeCell ref="A4:A5"',
                'sqref="B4:B10"',
                "B4&gt;$D$10",
                "C4&gt;B4",
                'hyperlink ref="A4" location="Data!D10"',
                'brk id="5"',
                "<xm:f>Data!A4:D4</xm:f><xm:sqref>E4</xm:sqref>",
                '<row r="3" spans="1:4" s="3" customFormat="1"><c r="A3" s="1"/></row>',
                '<row r="4" spans="1:4" s="3" customFormat="1"><c r="A4" s="1"><v>3</v></c>',
            ],
            [],
        ),
        (("insert_rows", 2), ['ySplit="3"', 'topLeftCell="A4"'], []),
        (
            ("delete_rows", 3),
            [
                'sqref="B3:B8"',
                "B3&gt;$D$8",
                "C3&gt;B3",
                'brk id="3"',
                'ySplit="2"',
                'autoFilter ref="A1:D8"',
                'protectedRange sqref="A3:A4"',
            ],
            ["<hyperlinks", "<mergeCells", "sparkline", "extLst"],
        ),
        (
            ("insert_columns", "B"),
            [
                '<col min="1" max="3"',
                '<col min="4" max="6"',
                'colId="3"',
                'mergeCell ref="D3:E3"',
                "C3&gt;$E$9",
                'spans="1:5"',
                '<c r="A1" s="1"><v>1</v></c><c r="B1" s="1"/><c r="E1"><v>2</v></c>',
            ],
            [],
        ),
        (
            ("delete_columns", "C"),
            [
                '<col min="3" max="4"',
                'mergeCells count="1"',
                'autoFilter ref="A1:C9"',
                "B3&gt;$C$9",
                '<c r="C1"><v>2</v>',
            ],
            ["dataValidation", "filterColumn"],
        ),
    ],
)
def test_what_lies_on_the_sheet_follows(operation: tuple[str, str | int], there: list[str], gone: list[str]) -> None:
    before = books.cells(ROWS, before=HEAD, after=TAIL)
    edited = OPERATIONS[operation[0]](before, at=operation[1])  # type: ignore[arg-type]
    written = books.part(edited.content)
    assert [text for text in there if text not in written] == []
    assert [text for text in gone if text in written] == []
    assert books.changed(before, edited.content) == {books.SHEET}


def test_prefixes_and_odd_spellings() -> None:
    main = books.MAIN
    sheet = (
        f'<x:worksheet xmlns:x="{main}"><x:sheetData><x:row><x:c><x:v>1</x:v></x:c><x:c s="0"><x:v>2</x:v></x:c>'
        "</x:row>"
        "<x:row r='5' ><x:c s='0' r='B5'><x:f>A1+ B5</x:f></x:c></x:row></x:sheetData></x:worksheet>"
    )
    edited = shifting.insert_rows(books.raw(sheet), at=2)
    assert books.formulas(edited.content) == {"A1": 1, "B1": 2, "B6": "=A1+ B6"}
    assert "<x:row><x:c><x:v>1</x:v></x:c>" in books.part(edited.content)
    edited = shifting.insert_columns(books.raw(sheet), at=1)
    assert books.formulas(edited.content) == {"B1": 1, "C1": 2, "C5": "=B1+ C5"}


TABLE = {"Sales": ("Data", "B2:D5")}
TABLE_ROWS = [[], ["", "Item", "Price", "Count"], ["", "a", 1, 2], ["", "b", 3, 4], ["", "c", 5, 6]]


def _table(content: bytes) -> tuple[str, list[str]]:
    table = Workbook.open(content).table("Sales")
    return str(table.area), list(table.columns)


def test_tables_grow_and_shrink() -> None:
    before = books.book({"Data": TABLE_ROWS, "Other": [["=SUM(Sales[Price])", "=SUM(Sales[[Price]:[Count]])"]]}, TABLE)
    assert _table(shifting.insert_rows(before, at=4).content) == ("B2:D6", ["Item", "Price", "Count"])
    assert _table(shifting.delete_rows(before, at=1).content) == ("B1:D4", ["Item", "Price", "Count"])
    wide = shifting.insert_columns(before, at="C", count=2).content
    assert _table(wide) == ("B2:F5", ["Item", "Column1", "Column2", "Price", "Count"])
    assert books.values(wide, "Data")["C2"] == "Column1"
    narrow = shifting.delete_columns(before, at="C")
    assert _table(narrow.content) == ("B2:C5", ["Item", "Count"])
    assert books.formulas(narrow.content, "Other") == {"A1": "=SUM(#REF!)", "B1": "=SUM(Sales[[Count]:[Count]])"}
    assert "Other!A1" in narrow.warnings[0]
    gone = shifting.delete_rows(before, at=2, count=4).content
    assert Workbook.open(gone).tables == ()
    assert "table" not in books.part(gone)


@pytest.mark.parametrize(
    ("name", "at", "count", "message"),
    [
        ("delete_rows", 2, 1, "header of the table Sales"),
        ("delete_rows", 3, 3, "all rows of data of the table Sales"),
    ],
)
def test_what_would_break_a_table_is_refused(name: str, at: int, count: int, message: str) -> None:
    with pytest.raises(ToolInputError, match=message) as caught:
        OPERATIONS[name](books.book({"Data": TABLE_ROWS}, TABLE), at=at, count=count)
    assert caught.value.code == "cell_in_the_way"


ARRAY = (
    '<row r="2"><c r="A2"><f t="array" ref="A2:A4">B2:B4*2</f><v>2</v></c><c r="B2"><v>1</v></c></row>'
    '<row r="3"><c r="A3"><v>2</v></c></row><row r="4"><c r="A4"><v>2</v></c></row>'
)


def test_array_formulas_move_whole_or_not_at_all() -> None:
    before = books.cells(ARRAY)
    assert 'ref="A3:A5">B3:B5*2' in books.part(shifting.insert_rows(before, at=2).content)
    assert "array" not in books.part(shifting.delete_rows(before, at=1, count=4).content)
    for name in ("insert_rows", "delete_rows"):
        with pytest.raises(ToolInputError, match="Data!A2:A4 is an array"):
            OPERATIONS[name](before, at=3)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("insert_rows", {"at": 50}, "unchanged"),
        ("delete_rows", {"at": 1_048_576, "count": 2}, "address"),
        ("insert_columns", {"at": "XFE"}, "address"),
        ("insert_columns", {"at": "A1"}, "address"),
        ("delete_columns", {"at": 0}, "address"),
        ("insert_rows", {"at": 1, "sheet": "Dta"}, "unknown_sheet"),
        ("insert_rows", {"at": 1, "count": 1_048_576}, "cell_in_the_way"),
        ("insert_columns", {"at": "A", "count": 16_384}, "cell_in_the_way"),
    ],
)
def test_bad_input(name: str, arguments: dict[str, object], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        OPERATIONS[name](books.cells('<row r="1"><c r="A1"><v>1</v></c></row>'), **arguments)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_values_follow() -> None:
    """Formulas over cells that are gone are computed again, and those that depend on them on other sheets."""
    rows = "".join(f'<row r="{r}"><c r="A{r}"><v>{r}</v></c></row>' for r in range(1, 5))
    rows += '<row r="5"><c r="A5"><f>SUM(A1:A4)</f><v>10</v></c><c r="B5"><f>A5*2</f><v>20</v></c></row>'
    edited = shifting.delete_rows(books.cells(rows), at=2)
    assert books.values(edited.content) == {"A1": 1, "A2": 3, "A3": 4, "A4": 8, "B4": 16}
    shown = books.hunks(edited)
    assert shown[0] == ("Data!2:2", "A2: 2", "1 row deleted")
    assert ("Data!A4", "10", "8") in shown
    broken = shifting.delete_rows(books.cells(rows.replace("A5*2", "A2*2")), at=2)
    assert ("Data!B4", "=A2*2", "=#REF!*2") in books.hunks(broken)
    assert any("Data!B4" in warning for warning in broken.warnings)


def test_twice_the_same_bytes_and_back_again() -> None:
    before = books.cells(ROWS, before=HEAD, after=TAIL)
    made = shifting.insert_rows(before, at=5, count=3).content
    assert shifting.insert_rows(before, at=5, count=3).content == made
    assert books.part(shifting.delete_rows(made, at=5, count=3).content) == books.part(before)


# --- real files ------------------------------------------------------------------------------------------------------

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = sorted([*CORPUS.glob("*.xlsx"), *CORPUS.glob("*.xlsm")]) if CORPUS.is_dir() else []


@pytest.mark.parametrize("file", thinned(FILES, 7), ids=lambda f: f.name)
def test_real_files(file: Path) -> None:
    before = file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(before)) as archive:
        names = set(archive.namelist())
    for name, at in (("insert_rows", 2), ("delete_rows", 3), ("insert_columns", "B"), ("delete_columns", "C")):
        try:
            after = OPERATIONS[name](before, at=at).content  # type: ignore[arg-type]
        except ToolInputError:
            continue  # what stands in the way is named: see the tests above
        with zipfile.ZipFile(io.BytesIO(after)) as archive:
            gone = names - set(archive.namelist())
            assert all("calcChain" in part for part in gone)
            for part in books.changed(before, after) - gone:
                ET.fromstring(archive.read(part))
