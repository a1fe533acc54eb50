"""Results as tables: written, and read back by what people read them with."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import EverpilotError, LockedError, SettingsError, WorkspaceError
from copilot.jobs.job import Citation, Outcome, Source, Status
from copilot.jobs.rows import FORMS, schema_of, writer
from tests.thinning import ALL

FIELDS = """invoice_no!, date: date, at: datetime, total: number (gross), count: int, paid: bool, tags: [text],
currency: EUR|USD, seller: {name, city}, items: [name, price: number, parts: [sku, n: int]]"""
SCHEMA = schema_of(FIELDS)
LONG = "x" * 40_000
FULL = {
    "invoice_no": '=HYPERLINK("http://x","y")',
    "date": "2024-02-29",
    "at": "2024-02-29T10:30:00",
    "total": 1234.5,
    "count": 10**20 + 1,
    "paid": True,
    "tags": ["a", "b, c", '"d"'],
    "currency": "EUR",
    "seller": {"name": 'Müller, "Söhne"\r\n& Co', "city": None},
    "items": [
        {"name": LONG, "price": 0.1, "parts": [{"sku": "_x0041_", "n": 1}, {"sku": "\x1b[31m\ud800\x00", "n": 2}]},
        {"name": "-5 pieces", "price": float("nan"), "parts": []},
        {"name": "#N/A", "price": "a lot", "parts": None},
    ],
    "surprise": 1,
}
BARE = {
    "invoice_no": "@SUM(1)",
    "date": "1850-12-31",
    "at": "2024-01-01T00:00:00+01:00",
    "total": 1e308,
    "count": -(10**20),
    "paid": False,
    "tags": [],
    "currency": None,
    "seller": None,
    "items": [],
}
CITATIONS = [
    Citation(field="total", where="page 1", quote="=1.234,50 EUR", confidence="near"),
    Citation(field="items[0].price", where="page 2", quote="0,10", confidence="exact"),
    Citation(field="date", confidence="missing"),
]
OUTCOMES = [
    (Source(key="a.docx", path="a.docx"), Outcome(status=Status.DONE, values=FULL, citations=CITATIONS)),
    (Source(key="row-2-ab", path="t.docx", values={"who": "+1"}), Outcome(status=Status.DONE, values=BARE)),
    (
        Source(key="row-3-cd", values={"who": "Bo"}),
        Outcome(status=Status.FAILED, error={"code": "broken", "message": "It is\ntorn.", "hint": "Ask again."}),
    ),
]


def written(path: Path, outcomes: Sequence[tuple[Source, Outcome]] = OUTCOMES, schema: Any = SCHEMA) -> Path:
    with writer(path, schema, given=["who"]) as out:
        for source, outcome in outcomes:
            out.add(source, outcome)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    for ending in FORMS:
        written(folder / f"out{ending}")
    return folder


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def named(path: Path) -> list[dict[str, str]]:
    head, *rows = read(path)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_csv(made: Path) -> None:
    content = (made / "out.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == 4
    first, second, third = named(made / "out.csv")
    assert first["invoice_no"] == "'" + FULL["invoice_no"]
    assert (first["date"], first["total"], first["count"]) == ("2024-02-29", "1234.5", str(10**20 + 1))
    assert (first["paid"], first["tags"]) == ("true", 'a; b, c; "d"')
    assert first["seller.name"] == 'Müller, "Söhne"\n& Co'
    assert first["confidence"] == "missing"
    assert first["flags"].split("; ")[:2] == ["total: near", "date: missing"]
    assert "surprise is not in the schema" in first["flags"]
    assert "items[2].price: nan is no number" in first["flags"]
    assert (second["document"], second["who"], second["invoice_no"]) == ("t.docx#row-2-ab", "+1", "'@SUM(1)")
    assert (third["document"], third["status"], third["error"]) == ("row-3-cd", "failed", "It is torn. Ask again.")
    items = named(made / "out.items.csv")
    assert [each["item"] for each in items] == ["1", "2", "3"]
    assert [each["name"] for each in items] == [LONG, "-5 pieces", "#N/A"]
    parts = read(made / "out.items.parts.csv")
    assert parts[1:] == [["a.docx", "1.1", "_x0041_", "1"], ["a.docx", "1.2", "\ufffd[31m\ufffd\ufffd", "2"]]


def test_json_lines(made: Path) -> None:
    first, second, third = map(json.loads, (made / "out.jsonl").read_text("utf-8").splitlines())
    assert first["values"]["count"] == 10**20 + 1
    assert first["values"]["items"][1]["price"] is None
    assert first["values"]["items"][0]["parts"][1]["sku"] == "\x1b[31m\ufffd\x00"
    assert first["values"]["surprise"] == 1
    assert first["citations"][0] == CITATIONS[0].model_dump()
    assert second["values"] == BARE
    assert (second["key"], second["given"]) == ("row-2-ab", {"who": "+1"})
    assert third["error"] == {"code": "broken", "message": "It is\ntorn.", "hint": "Ask again."}


def test_rerun_is_byte_equal(made: Path, tmp_path: Path) -> None:
    for name in ("out.csv", "out.items.csv", "out.jsonl", "out.tsv"):
        written(tmp_path / name.replace(".items", ""))
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes(), name


def test_xlsx(made: Path) -> None:
    import openpyxl

    book = openpyxl.load_workbook(made / "out.xlsx")
    assert book.sheetnames == ["Results", "items", "items.parts", "Sources"]
    sheet = book["Results"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:P4")
    assert sheet["A1"].font.bold
    head, first, second, third = ([cell.value for cell in row] for row in sheet.iter_rows())
    got = dict(zip(head, first, strict=True))
    assert got["invoice_no"] == FULL["invoice_no"]
    assert (got["date"], got["at"]) == (datetime(2024, 2, 29), datetime(2024, 2, 29, 10, 30))
    assert (got["total"], got["paid"], got["count"]) == (1234.5, True, str(10**20 + 1))
    assert "count: is written as text, for Excel keeps 15 digits" in got["flags"]
    assert "items[1].name: is cut" in got["flags"]
    assert not [cell.coordinate for each in book for row in each.iter_rows() for cell in row if cell.data_type in "fe"]
    old = dict(zip(head, second, strict=True))
    assert (old["date"], old["at"]) == ("1850-12-31", "2024-01-01T00:00:00+01:00")
    assert (old["count"], old["total"]) == (-1e20, str(1e308))
    assert third[head.index("status")] == "failed"
    assert len(str(book["items"]["C2"].value)) == 32_767
    assert book["items"]["C2"].alignment.wrap_text
    cited = [[cell.value for cell in row] for row in book["Sources"].iter_rows(min_row=2)]
    assert cited[0] == ["a.docx", "total", 1234.5, "page 1", "=1.234,50 EUR", "near"]
    assert cited[1][2] == 0.1
    assert len(list(sheet.conditional_formatting)) == 3


def test_sqlite(made: Path) -> None:
    with sqlite3.connect(made / "out.sqlite") as base:
        base.row_factory = sqlite3.Row
        first, second, _ = base.execute("SELECT * FROM results ORDER BY id")
        assert [first[name] for name in ("invoice_no", "total", "paid", "seller.city")] == [
            FULL["invoice_no"],
            1234.5,
            1,
            None,
        ]
        assert (first["date"], second["date"], second["total"]) == ("2024-02-29", "1850-12-31", 1e308)
        assert "count: is rounded" in first["flags"]
        types = {row["name"]: row["type"] for row in base.execute("PRAGMA table_info(results)")}
        assert [types[name] for name in ("total", "count", "paid", "date")] == ["REAL", "INTEGER", "BOOLEAN", "TEXT"]
        joined = base.execute(
            'SELECT p.sku, i.name FROM "items.parts" p, items i, results r WHERE p.parent = i.id AND i.parent = r.id'
        )
        assert [(row["sku"], len(row["name"])) for row in joined] == [
            ("_x0041_", 40_000),
            ("\x1b[31m\ufffd\ufffd", 40_000),
        ]
        assert [row["value"] for row in base.execute("SELECT value FROM tags ORDER BY item")] == FULL["tags"]
        near = base.execute("SELECT value, location, quote FROM citations WHERE confidence = 'near'").fetchall()
        assert [tuple(row) for row in near] == [(1234.5, "page 1", "=1.234,50 EUR")]
    base.close()


@pytest.mark.skipif(not shutil.which("soffice"), reason="needs LibreOffice")
@pytest.mark.skipif(not ALL, reason="starts an office program: 5 s")
def test_libreoffice_reads_the_workbook(made: Path, tmp_path: Path) -> None:
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to"]
    command.append("csv:Text - txt - csv (StarCalc):44,34,76")  # comma, quote, UTF-8
    subprocess.run([*command, "--outdir", str(tmp_path), str(made / "out.xlsx")], check=True, capture_output=True)
    first = named(tmp_path / "out.csv")[0]
    assert (first["invoice_no"], first["date"]) == (FULL["invoice_no"], "2024-02-29")


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", list(FORMS))
def test_an_error_leaves_what_was_there(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    path.write_bytes(b"before")
    path.chmod(0o640)

    def broken() -> None:
        with writer(path, SCHEMA) as out:
            out.add(*OUTCOMES[0])
            raise KeyError("stopped")

    with pytest.raises(KeyError, match="stopped"):
        broken()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"before"
    written(path, OUTCOMES[1:], schema_of("invoice_no"))
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() != b"before"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_that_is_open_or_can_not_be(tmp_path: Path) -> None:
    (tmp_path / ".~lock.out.csv#").write_text(",Ann,pc,01.01.2026 10:00,file:///x;")
    with pytest.raises(LockedError, match=r"out\.csv"):
        written(tmp_path / "out.csv")
    (tmp_path / "out.db-wal").write_bytes(b"x")
    with pytest.raises(LockedError, match="another program"):
        written(tmp_path / "out.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="can't be written"):
        written(tmp_path / "file" / "out.csv")
    with pytest.raises(SettingsError, match=r"\.jsonl"):
        written(tmp_path / "out.pdf")
    (tmp_path / "real").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "out.csv")
    written(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real" / "out.csv").is_file()


def test_a_full_disk_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    from copilot.jobs.rows.output import refused

    with pytest.raises(WorkspaceError, match="No space left"), refused(Path("out.csv")):  # noqa: SIM117
        with open("/dev/full", "w") as stream:
            stream.write("x" * 100_000)


def test_more_rows_than_a_sheet_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openpyxl

    monkeypatch.setattr("copilot.jobs.rows.workbook.MAX_ROWS", 3)
    outcome = Outcome(status=Status.DONE, values={"a": "1"})
    written(tmp_path / "out.xlsx", [(Source(key=str(n), path=f"{n}.docx"), outcome) for n in range(5)], schema_of("a"))
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames == ["Results", "Sources", "Results (2)", "Results (3)"]
    assert [book[name].max_row for name in ("Results", "Results (2)", "Results (3)")] == [3, 3, 2]


def test_answers_in_words(tmp_path: Path) -> None:
    outcome = Outcome(status=Status.DONE, text="=It is\nfine.")
    written(tmp_path / "out.csv", [(Source(key="a", path="a.docx"), outcome)], None)
    rows = read(tmp_path / "out.csv")
    assert rows[0] == ["document", "who", "text", "status", "confidence", "flags", "error"]
    assert rows[1][2] == "'=It is\nfine."


#: What people and attackers write, and whether a spreadsheet would run it.
RUN = ["=1+1", " =1", "\t=1", "+1+cmd|' /C calc'!A0", "-2+3+cmd|x", "@SUM(A1)", "＝1+1", "= 1", "=", "==x"]
PLAIN = ["-5", "- a dash", "+49 30 1234", "@nina", "a=b", "1-2", "-", "", "'=x", "5 = five"]


def test_formulas_are_text_and_the_rest_is_as_it_was() -> None:
    from copilot.jobs.rows.cells import neutral

    assert [neutral(text) for text in RUN] == [f"'{text}" for text in RUN]
    assert [neutral(text) for text in PLAIN] == PLAIN


# --- schemas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no fields"),
        ("a b", "a comma is missing behind the field 'a'"),
        ("a: nubmer", "The field 'a' has the unknown type 'nubmer'. Did you mean 'number'?"),
        ("a, b: [c, d: dat]", "'b.d' has the unknown type 'dat'"),
        ("a, a", "'a' is named twice"),
        ("items: [name", "']' is missing at the end of 'items'"),
        ("a]", "']' closes nothing"),
        ("a: ", "'a' has no type"),
        ("a: X|", "a word is missing behind | in the field 'a'"),
        ("a: {b: {c: {d: {e: {f: {g}}}}}}", "'a.b.c.d.e.f' lies more than"),
        ("x" * 30_000, "30,000 characters"),
        ("gone.json", "gone.json does not exist"),
        ("pathlib:Path", "describes no object with fields"),
        ("pathlib:Nope", "pathlib has no class 'Nope'"),
        ("no_such_module_x:Y", "No module named 'no_such_module_x'"),
        ("{", "no valid JSON"),
        ('{"type": "array"}', "describes no object with fields"),
        ('{"type": "object", "properties": {"a": {"type": "strin"}}}', "the field 'a.type'"),
        ('{"type": "object", "properties": {"a": {"$ref": "http://x/y"}}}', "properties.a refers to 'http://x/y'"),
        ('{"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}', "properties.a refers to '#/$defs/b'"),
        ('{"properties": ' * 200 + "1" + "}" * 200, "can't be used"),
    ],
)
def test_schemas_that_can_not_be(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        schema_of(text)
    assert told in str(raised.value)
    assert raised.value.code == "schema"


def test_the_ways_to_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = schema_of("a! (what it is), b: date; c: [number]\nd: X|Y")
    assert short["properties"] == {
        "a": {"type": "string", "description": "what it is"},
        "b": {"type": ["string", "null"], "format": "date"},
        "c": {"type": "array", "items": {"type": "number"}},
        "d": {"type": ["string", "null"], "enum": ["X", "Y", None]},
    }
    assert schema_of(short) is not None
    (tmp_path / "s.json").write_text(json.dumps(short))
    (tmp_path / "s.yaml").write_text("properties:\n  a: {type: string}\n")
    (tmp_path / "map.yaml").write_text("total: number\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    module = "from pydantic import BaseModel\nclass Line(BaseModel):\n    n: int\n"
    (tmp_path / "forms_x.py").write_text(
        module + "class Form(BaseModel):\n    lines: list[Line]\n    note: str | None\n"
    )
    (tmp_path / "bad_x.py").write_text("raise RuntimeError('not today')")
    monkeypatch.chdir(tmp_path)
    assert schema_of(tmp_path / "s.json") == short
    assert list(schema_of("s.yaml")["properties"]) == ["a"]
    assert list(schema_of("map.yaml")["properties"]) == ["total"]
    assert schema_of("forms_x:Form") == schema_of("forms_x.py:Form")
    assert list(schema_of("forms_x:Form")["properties"]) == ["lines", "note"]
    for given, told in [("list.yaml", "holds a list"), ("bad_x:Form", "not today")]:
        with pytest.raises(EverpilotError, match=told):
            schema_of(given)
    with pytest.raises(SettingsError, match="not loaded from here"):
        schema_of("forms_x:Form", classes=False)


def columns(schema: dict[str, Any], path: Path) -> list[str]:
    with writer(path, schema) as out:
        pass
    return [out.names[0], *out.names[1:-4]]


def test_columns_of_schemas_as_programs_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {
        "$defs": {"Money": {"type": "object", "properties": {"amount": {"type": "number"}, "currency": {}}}},
        "type": "object",
        "properties": {
            "status": {"const": "x"},
            "Status": {"enum": [1, 2, None]},
            "price": {"anyOf": [{"$ref": "#/$defs/Money"}, {"type": "null"}]},
            "either": {"oneOf": [{"type": "string"}, {"type": "number"}]},
            "both": {"allOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]},
            "free": {"type": "object"},
            "pairs": {"type": "array", "items": {"type": "array"}},
            "tree": {"$ref": "#"},
            "loop": {"anyOf": [{"$ref": "#/properties/loop"}, {"type": "null"}]},
            'x"; DROP TABLE results; --': {"type": "string"},
        },
    }
    expected = ["document", "status", "Status (2)", "price.amount", "price.currency", "either", "both.x", "both.y"]
    expected += ["free", "pairs", "tree", "loop", 'x"; DROP TABLE results; --']
    for ending in (".csv", ".sqlite", ".xlsx", ".jsonl"):
        assert columns(schema_of(schema), tmp_path / f"out{ending}") == expected
    monkeypatch.setattr("copilot.jobs.rows.workbook.MAX_COLUMNS", 1_000)
    wide = {"type": "object", "properties": {f"c{n}": {} for n in range(2_000)}}
    for ending, limit in ((".xlsx", "1,000"), (".sqlite", "2,000")):
        with pytest.raises(SettingsError, match=limit):
            columns(wide, tmp_path / f"wide{ending}")
