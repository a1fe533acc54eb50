"""What a run works on: real folders, places and tables; the expectations are what a person at a shell means."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.errors import DocumentError, EverpilotError, OutsideRootsError, WorkspaceError
from copilot.jobs.job import Source
from copilot.jobs.sources import Found, sources
from copilot.jobs.sources.patterns import Pattern, spread
from copilot.jobs.sources.seen import Seen, in_order
from tests.vendors.graph import Graph
from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server

FILES = ["b.docx", "a.docx", "x.png", "~$a.docx", ".h.docx", "sub/c.pdf", "sub/deep/d.txt", "sub/u.json", "old/a.docx"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    for name in FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("text")
    return made


@pytest.fixture
def opened(folder: Path, tmp_path: Path) -> Copilot:
    return Copilot(folder, state=tmp_path / "state")


def keys(opened: Copilot, *given: str, found: Found | None = None) -> list[str]:
    return [each.key for each in sources(given, opened, found=found)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["."], ["a.docx", "b.docx", "old/a.docx", "sub/c.pdf", "sub/deep/d.txt"]),
        (["*.docx"], ["a.docx", "b.docx"]),
        (["**/*.docx"], ["a.docx", "b.docx", "old/a.docx"]),
        (["**/a.*"], ["a.docx", "old/a.docx"]),
        (["sub"], ["sub/c.pdf", "sub/deep/d.txt"]),
        (["sub/**"], ["sub/c.pdf", "sub/deep/d.txt"]),
        (["s*"], ["sub/c.pdf", "sub/deep/d.txt"]),  # as a shell gives it: the folder
        (["sub/*.json"], ["sub/u.json"]),  # asked for by its ending
        (["sub/u.json"], ["sub/u.json"]),
        (["**/*.{pdf,txt}"], ["sub/c.pdf", "sub/deep/d.txt"]),
        (["[ab].docx"], ["a.docx", "b.docx"]),
        (["?.docx", "a.docx"], ["a.docx", "b.docx"]),
        (["b.docx", "./a.docx", "sub/../b.docx"], ["b.docx", "a.docx"]),
        (["{a,z}.docx"], ["a.docx"]),
    ],
)
def test_words_of_a_command_line(opened: Copilot, given: Sequence[str], expected: list[str]) -> None:
    assert keys(opened, *given) == expected
    assert keys(opened, *given) == expected, "the same on every listing"


def test_nothing_is_left_out_silently(opened: Copilot, folder: Path) -> None:
    (folder / "link.docx").symlink_to(folder / "a.docx")
    (folder / "out.docx").symlink_to("/etc/passwd")
    (folder / "broken.docx").symlink_to("nowhere")
    (folder / "round").symlink_to(folder)
    for name in ("result.csv", "result.items.csv"):
        (folder / name).write_text("mine")
    os.mkfifo(folder / "pipe.docx")
    (folder / "sub" / os.fsdecode(b"bad\xff.docx")).write_text("x")
    found = Found()
    given = [each.path for each in sources([".", "*.docx"], opened, found=found, ours=[folder / "result.csv"])]
    assert given == ["a.docx", "b.docx", "old/a.docx", "sub/c.pdf", "sub/deep/d.txt"]
    assert found.count == 5
    left = {name: reason for reason, each in found.left.items() for name in each.names}
    assert left["x.png"] == ".png files, which can't be read"
    assert left["out.docx"] == "out of the opened folders"
    assert left["broken.docx"] == left["pipe.docx"] == "no regular file, or a link to nothing"
    assert left["round"].startswith("a link to a folder")
    assert left["result.csv"] == left["result.items.csv"] == "written by this run itself"
    assert left["~$a.docx"] == left[".h.docx"] == "hidden, or somebody's lock of an open file"
    assert left["a.docx"] == "named a second time"
    assert any("no valid text" in reason for reason in left.values())
    assert "\ufffd" in found.lines()[-1] or any("bad" in line for line in found.lines())


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (["zz.docx"], DocumentError, "'a.docx'"),
        (["a.dox"], DocumentError, "Did you mean: 'a.docx'"),
        (["subb/*.docx"], DocumentError, "Did you mean: 'sub'"),
        (["a.docx", "gone.docx"], DocumentError, "gone.docx"),
        (["**/*.xyz"], DocumentError, "Nothing fits '**/*.xyz'"),
        (["*.png"], DocumentError, None),
        (["~$a.docx"], DocumentError, "1 hidden"),
        (["../*.docx"], OutsideRootsError, "outside"),
        (["/etc/passwd"], OutsideRootsError, "outside"),
        (["**/../x"], EverpilotError, ".. behind a pattern"),
        (["microsoft365:Finance/Documents"], WorkspaceError, "--dir"),
        (["search:budget"], WorkspaceError, "whose service can search"),
        ([], DocumentError, "No documents are named"),
        (["{a,b}" * 9 + ".docx"], EverpilotError, "more than 256"),
        (["a\0b"], EverpilotError, "no file name"),
    ],
)
def test_words_that_mean_nothing(opened: Copilot, given: list[str], error: type[Exception], told: str | None) -> None:
    if told is None:  # a picture that was asked for by its ending is the work's to refuse
        assert keys(opened, *given) == ["x.png"]
        return
    with pytest.raises(error) as raised:
        keys(opened, *given)
    assert told in str(raised.value)


def test_a_word_that_fits_nothing_beside_others_is_told(opened: Copilot) -> None:
    found = Found()
    assert keys(opened, "*.docx", "*.pptx", found=found) == ["a.docx", "b.docx"]
    assert found.notes == ["Nothing fits '*.pptx'."]


def test_names_of_two_folders_and_of_where_the_command_runs(
    opened: Copilot, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "more"
    other.mkdir()
    for name in ("a.docx", "new.docx"):
        (other / name).write_text("x")
    both = Copilot(folder, folders=[other], state=tmp_path / "state2")
    given = list(sources(["*.docx"], both))
    assert [each.path for each in given] == ["a.docx", "b.docx", str(other / "a.docx"), "new.docx"]
    assert [both.workspace.resolve(each.path).parent for each in given] == [folder, folder, other, other]
    monkeypatch.chdir(folder / "sub")
    assert keys(opened, "c.pdf", "deep/*") == ["sub/c.pdf", "sub/deep/d.txt"]
    (tmp_path / "outside.docx").write_text("x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutsideRootsError):
        keys(opened, "outside.docx")


def test_keys_are_unique_and_in_one_spelling(opened: Copilot, folder: Path) -> None:
    names = ["re\u0301sume\u0301.docx", "r\u00e9sum\u00e9.docx"]  # decomposed, composed
    for name in names:
        (folder / name).write_text("x")
    given = list(sources(["r*.docx"], opened))
    if len(given) == 2:  # a system that keeps them apart
        assert given[0].key == names[1]
        assert given[1].key.startswith(f"{names[1]}#")
        assert sorted(each.path for each in given) == sorted(names)
    seen = Seen()
    assert (seen.earlier("x", "one"), seen.earlier("x", "two")) == (None, "one")
    seen.close()


def test_patterns() -> None:
    assert sorted(spread("a{b,c{d,e}}.{x,y}")) == ["ab.x", "ab.y", "acd.x", "acd.y", "ace.x", "ace.y"]
    assert spread("a{b}.x") == ["a{b}.x"]
    deep = Pattern(("**", "x", "**", "*.docx"))
    assert deep.fits(("a", "x", "b", "c", "f.docx"))
    assert deep.fits(("x", "f.docx"))
    assert not deep.fits(("a", "f.docx"))
    assert Pattern(("a", "**")).fits(("a", "b", "c"))
    assert not Pattern(("a", "**")).fits(("b", "c"))
    assert Pattern(("*.DOCX",), folds=True).fits(("a.docx",))
    assert not Pattern(("*.DOCX",)).fits(("a.docx",))


def test_a_huge_folder_is_sorted_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.jobs.sources.seen._FEW", 100)
    names = [f"{n * 7919 % 3_000:05d}" for n in range(3_000)]
    assert list(in_order((name, "file") for name in names)) == [(name, "file") for name in sorted(names)]


def test_a_store_is_listed_and_not_fetched(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    store, base = fsspec.filesystem("memory"), f"/{tmp_path.name}"
    for name in ("a.docx", "sub/b.PDF", "sub/c.png", ".hidden.docx"):
        store.pipe_file(f"{base}/{name}", b"x")
    place = f"storage:memory:/{base}"
    opened = Copilot(place, state=tmp_path / "state")
    found = Found()
    assert keys(opened, place, found=found) == ["a.docx", "sub/b.PDF"]
    assert keys(opened, f"{place}/sub/*.pdf") == keys(opened, "sub/*.pdf") == ["sub/b.PDF"]
    assert keys(opened, f"{place}/a.docx", "a.docx") == ["a.docx"]
    assert list(found.left) == [".png files, which can't be read"]
    with pytest.raises(DocumentError, match=r"'sub/b\.PDF'"):
        keys(opened, f"{place}/sub/b.pdg")
    assert not [path for path in opened.roots[0].rglob("*") if path.is_file()]


def test_a_search_of_a_place_that_has_one(graph: Graph, tmp_path: Path) -> None:
    from copilot.settings import Settings

    settings = Settings.model_validate({"accounts": {"work": graph.account()}})
    opened = Copilot("microsoft365:Finance/Documents", settings=settings, state=tmp_path / "state", env=graph.env)
    found = keys(opened, "search:Budget")
    assert "Budgets/Budget 2026.xlsx" in found
    assert keys(opened, "search:Budget", "Budgets/*.xlsx")[: len(found)] == found
    assert not [path for path in opened.roots[0].rglob("*") if path.is_file()]


# --- tables ---------------------------------------------------------------------------------------------------------


def rows(table: Path, opened: Copilot, *given: str, found: Found | None = None) -> list[Source]:
    return list(sources(given, opened, table, found=found))


PEOPLE = "Name;Betrag;Note\r\nMüller;1.234,50;=1+1\r\n\r\nÖzil;-3;@x\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_csv_of_all_countries(opened: Copilot, tmp_path: Path, encoding: str, separator: str) -> None:
    table = tmp_path / "t.csv"
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator).writerows(csv.reader(PEOPLE.splitlines(), delimiter=";"))
    table.write_bytes(stream.getvalue().encode(encoding))
    given = rows(table, opened)
    assert [each.values for each in given] == [
        {"Name": "Müller", "Betrag": "1.234,50", "Note": "=1+1"},
        {"Name": "Özil", "Betrag": "-3", "Note": "@x"},
    ]
    assert [each.key.rpartition("-")[0] for each in given] == ["row-2", "row-4"]
    assert [each.key for each in rows(table, opened)] == [each.key for each in given]
    assert [each.path for each in given] == ["", ""]


def test_csv_with_quotes_lines_and_what_excel_puts_before_it(opened: Copilot, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(b'sep=;\r\n"a\r\nb";c;\r\n"x;""y""\nz";5" pipe;\r\nonly;\r\n')
    assert [each.values for each in rows(table, opened)] == [
        {"a b": 'x;"y"\nz', "c": '5" pipe'},
        {"a b": "only", "c": ""},
    ]


def test_tables_that_begin_elsewhere_and_lines_of_an_old_mac(opened: Copilot, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for content, note in [
        (b'a,b\r1,"x\ry"\r', []),
        (b"\n\n,a,b,,\n,1,x y,,\n", []),
        (b"Sales of 2025,,\n\na,b\n1,x y\n", ["The header of t.csv is row 3; what stands above it is not read."]),
    ]:
        table.write_bytes(content)
        found = Found()
        values = [
            {name: " ".join(text.split()) for name, text in each.values.items()}
            for each in rows(table, opened, found=found)
        ]
        assert (values, found.notes) == ([{"a": "1", "b": "x y"}], note)
    table.write_text("names\nAnn\nBo, Cy\nDi\n")  # one column, and a comma in it
    assert [each.values for each in rows(table, opened)] == [{"names": "Ann"}, {"names": "Di"}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (",a,b\n0,1,2\n", "Column A has no name"),  # the index that programs write
        ("", "no header"),
        ("a,b\n", "no row to work on"),
        ("a,,b\n1,2,3\n", "Column B has no name in row 1"),
        ("a,b,a\n1,2,3\n", "Columns A and C are both named 'a'"),
        ('a,b\n1,"open\n2,3\n', "A quote that is opened in line 2"),
        ("a,b\n1,2,3\n", "rows with more cells than the 2 columns"),
    ],
)
def test_csv_that_is_not_clear(opened: Copilot, tmp_path: Path, content: str, told: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(content)
    with pytest.raises(DocumentError, match=told):
        rows(table, opened)


def test_rows_name_documents(opened: Copilot, folder: Path, tmp_path: Path) -> None:
    (folder / "lists").mkdir()
    (folder / "lists" / "near.docx").write_text("x")
    table = folder / "lists" / "t.csv"
    table.write_text("File,who\na.docx,Ann\na.docx,Bo\nnear.docx,Cy\ngone.docx,Di\n/etc/passwd,Ed\n,Flo\n")
    found = Found()
    given = rows(table, opened, found=found)
    assert [(each.path, each.values["who"]) for each in given] == [
        ("a.docx", "Ann"),
        ("a.docx", "Bo"),
        ("lists/near.docx", "Cy"),
    ]
    assert len({each.key for each in given}) == 3
    assert [name.partition(":")[0] for name in found.left["rows whose document can't be used"].names] == [
        "row 5",
        "row 6",
        "row 7",
    ]
    with pytest.raises(DocumentError, match=r"names documents, and b\.docx"):
        rows(table, opened, "b.docx")


def test_a_template_for_all_rows(opened: Copilot, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("who\nAnn\nBo\n")
    assert [(each.path, each.values) for each in rows(table, opened, "a.docx")] == [
        ("a.docx", {"who": "Ann"}),
        ("a.docx", {"who": "Bo"}),
    ]
    with pytest.raises(DocumentError, match="only one file"):
        rows(table, opened, "a.docx", "b.docx")
    with pytest.raises(DocumentError, match="no table"):
        rows(tmp_path / "docs" / "x.png", opened)
    with pytest.raises(DocumentError, match="There is no file"):
        rows(Path("gone.csv"), opened)


def workbook(path: Path, *sheets: Sequence[Sequence[Any]]) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    for number, each in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet()
        assert sheet is not None
        for row in each:
            sheet.append(row)
    book.save(path)
    return path


def test_xlsx_keeps_types(opened: Copilot, tmp_path: Path) -> None:
    head = ("Name", "Amount", "Day", "When", "Paid")
    table = workbook(
        tmp_path / "t.xlsx",
        [(), head, ("Ann", 5.0, date(2026, 3, 1), datetime(2026, 3, 1, 9, 30), True), (), ("Bo", 2.5)],
        [("other",)],
    )
    found = Found()
    given = rows(table, opened, found=found)
    ann = {"Name": "Ann", "Amount": 5, "Day": "2026-03-01", "When": "2026-03-01T09:30:00", "Paid": True}
    assert [each.values for each in given] == [ann, {"Name": "Bo", "Amount": 2.5, "Day": "", "When": "", "Paid": ""}]
    assert [each.key.rpartition("-")[0] for each in given] == ["row-3", "row-5"]
    assert found.notes == ["Only the first sheet of t.xlsx (Sheet) is read, not Sheet1."]


def test_xlsx_that_is_none_or_hostile(opened: Copilot, tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", [("a",), (1,)]).read_bytes()
    bad = tmp_path / "bad.xlsx"
    cases = {
        b"": "empty",
        b"PK\x03\x04nonsense": "bad.xlsx",
        good[: len(good) // 2]: "bad.xlsx",
        _changed(good, "xl/workbook.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'): "DOCTYPE",
        _changed(good, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>"): "can't be read",
        _changed(good, "xl/styles.xml", b"<nonsense"): "can't be read",
    }
    for content, told in cases.items():
        bad.write_bytes(content)
        with pytest.raises(DocumentError, match=told):
            rows(bad, opened)


def _changed(content: bytes, part: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name == part else old.read(name))
    return out.getvalue()


def test_json_lines(opened: Copilot, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    lines = [
        '\ufeff{"a": 1, "b": [true, null]}',
        "",
        "[1]",
        "{broken",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"path": "sub/c.pdf"}',
        '{"a": ' + "9" * 5000 + "}",
    ]
    table.write_bytes("\n".join(lines).encode() + b'\n{"a": "\xff"}\n')
    found = Found()
    given = rows(table, opened, found=found)
    assert [(each.key.rpartition("-")[0], each.path, each.values) for each in given] == [
        ("row-1", "", {"a": 1, "b": [True, None]}),
        ("row-8", "sub/c.pdf", {"path": "sub/c.pdf"}),
    ]
    assert found.left["lines that are no JSON object"].count == 7
    assert json.dumps([each.model_dump() for each in given])
