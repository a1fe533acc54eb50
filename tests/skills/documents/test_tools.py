"""The tools of the skill `documents` on the example folder and on made files."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from docx import Document
from openpyxl import Workbook

from copilot.errors import DocumentError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.plugins.tools import Effect, Result, Tool
from copilot.slots import Slot
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace
from tests.conftest import ROOT

TOOLS = {name: tool for name, tool in load().tools().items() if tool.skill == "documents"}
Call = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    write(path / "lease.docx", "The lease begins on 1 March 2025.", "Acme Ltd pays the rent of 4,200 euros a month.")
    write(path / "lease-2.docx", "The lease begins on 1 April 2025.", "Acme Ltd pays the rent of 4,200 euros a month.")
    (path / "notes.md").write_text("# Meeting\n\nAnn will call Contoso about the *net 30 days* clause.\n", "utf-8")
    (path / "broken.docx").write_bytes(b"PK\x03\x04 cut off")
    (path / "old.xlsx").write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600))
    return path


def write(path: Path, *paragraphs: str) -> None:
    document = Document()
    for text in paragraphs:
        document.add_paragraph(text)
    out = io.BytesIO()
    document.save(out)
    path.write_bytes(out.getvalue())


def context(folder: Path, home: Path) -> ToolContext:
    return ToolContext(Workspace([folder], home / "workspace").staging())


@pytest.fixture
def call(folder: Path, home: Path) -> Call:
    def stage(name: str, **arguments: Any) -> Result:
        result = TOOLS[f"documents.{name}"].stage(context(folder, home), arguments)
        assert isinstance(result, Result)
        json.dumps(result.data)
        return result

    return stage


@pytest.fixture
def in_office(office: Path, home: Path) -> Call:
    def stage(name: str, **arguments: Any) -> Result:
        result = TOOLS[f"documents.{name}"].stage(context(office, home), arguments)
        assert isinstance(result, Result)
        return result

    return stage


def test_the_skill_file_fits_the_standard() -> None:
    text = (ROOT / "skills" / "documents" / "SKILL.md").read_text("utf-8")
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    fields = yaml.safe_load(front)
    assert fields["name"] == "documents"
    assert 1 <= len(fields["description"]) <= 1024
    assert set(fields) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    for name in TOOLS:
        assert f"`{name}`" in body or f"`{name}`:" in body


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_every_tool_is_declared_in_full(tool: Tool) -> None:
    assert len(tool.examples) >= 3
    assert len(tool.cues) >= 3
    schema = tool.arguments.json_schema()
    for name, field in tool.arguments.model.model_fields.items():
        assert schema["properties"][name].get("description"), name
        assert any(isinstance(m, Slot) for m in _metadata(field)) or not field.is_required(), name
    assert tool.effect is (Effect.WRITE if tool.name == "documents.convert" else Effect.READ)


def _metadata(field: Any) -> list[Any]:
    return [
        *field.metadata,
        *(m for a in getattr(field.annotation, "__args__", ()) for m in getattr(a, "__metadata__", ())),
    ]


def test_list_names_what_cannot_be_read(call: Call) -> None:
    result = call("list")
    rows = {row["path"]: row for row in result.data}
    assert rows["lease.docx"]["kind"] == "word"
    assert rows["notes.md"]["title"] == "Meeting"
    assert rows["old.xlsx"]["kind"] == "not readable (legacy)"
    assert "Not read (2)" in result.markdown
    assert [row["path"] for row in call("list", kind="text").data] == ["notes.md"]
    assert "no pdf documents" in call("list", kind="pdf").markdown


def test_read_quotes_every_line(call: Call) -> None:
    result = call("read", path="lease.docx")
    body = result.markdown.split("\n\n", 1)[1]
    assert all(line.startswith(">") for line in body.splitlines() if line)
    assert "The lease begins on 1 March 2025. {p" in result.markdown
    assert result.sources == ("lease.docx",)


def test_a_long_document_comes_in_parts(call: Call, folder: Path) -> None:
    text = "\n\n".join(f"# Chapter {n}\n\n{'Words of chapter. ' * 60}" for n in range(40))
    (folder / "long.md").write_text(text, "utf-8")
    first = call("read", path="long.md")
    count = first.data["parts"]
    assert count > 2
    assert "Outline:" in first.markdown
    assert f"read part 2 of {count}" in first.markdown
    whole = "".join(call("read", path="long.md", part=n).data["text"] for n in range(1, count + 1))
    assert "".join(whole.split()) == "".join(text.split())
    assert "There is more" not in call("read", path="long.md", part=count).markdown
    with pytest.raises(ToolInputError, match=f"has {count}"):
        call("read", path="long.md", part=count + 1)


def test_one_section(in_office: Call) -> None:
    text = in_office("read", path="contract.docx", section="liability").data["text"]
    assert text.startswith("# Liability")
    assert "consequential loss" in text
    assert "initial term" not in text
    budget = in_office("read", path="budget.xlsx", section="Assumptions").data["text"]
    assert "Inflation" in budget
    assert "Marketing" not in budget
    with pytest.raises(ToolInputError, match="Liability"):
        in_office("read", path="contract.docx", section="liabilities")


def test_summarize_quotes_with_places(in_office: Call) -> None:
    result = in_office("summarize", path="quarterly-report.docx", sentences=3)
    assert len(result.data) == 3
    assert all(source.startswith("quarterly-report.docx, ") for source in result.sources)
    assert "not a written summary" in result.markdown
    text = in_office("read", path="quarterly-report.docx").data["text"]
    assert all(quote["text"] in text for quote in result.data if "; " not in quote["text"])


def test_summarize_with_a_focus(in_office: Call) -> None:
    result = in_office("summarize", path="quarterly-report.docx", sentences=2, focus="service desk")
    assert all("service desk" in quote["text"].lower() for quote in result.data)
    nothing = in_office("summarize", path="quarterly-report.docx", focus="volcanoes")
    assert nothing.data == []
    assert "no sentences to quote about 'volcanoes'" in nothing.markdown


def test_overview_has_every_document(in_office: Call, office: Path) -> None:
    data = in_office("overview").data
    assert {entry["path"] for entry in data} == {p.name for p in office.iterdir() if p.suffix != ".toml"}
    assert all(entry["quotes"] for entry in data)


@pytest.mark.parametrize(
    ("question", "path", "place"),
    [
        ("How long is the initial term?", None, "contract.docx"),
        ("When is the next steering meeting?", None, "meeting-notes.docx"),
        ("How much is due on the invoice?", None, "supplier-invoice.pdf"),
        ("What is the budget of Marketing in March?", None, "budget.xlsx, Budget!"),
        ("who owns the handover?", "kickoff-deck.pptx", "kickoff-deck.pptx, slide 5"),
    ],
)
def test_answer_over_the_folder(in_office: Call, question: str, path: str | None, place: str) -> None:
    result = in_office("answer", question=question, path=path)
    assert any(source.startswith(place) for source in result.sources)
    assert all(line.startswith(">") for line in result.markdown.splitlines()[1:] if line)


def test_answer_says_when_nothing_fits(in_office: Call) -> None:
    result = in_office("answer", question="Which volcano erupted in Iceland?")
    assert "No passage" in result.markdown
    assert not any(quote["found"] for quote in result.data)


@pytest.mark.parametrize(
    ("query", "files"),
    [
        ("Acme rents", ["lease-2.docx", "lease.docx"]),
        ('"begins on 1 March"', ["lease.docx"]),
        ('"march begins"', []),
        ("contoso", ["notes.md"]),
        ('"net 30 days"', ["notes.md"]),
        ("1 April 2025", ["lease-2.docx"]),
        ("2025-04-01", ["lease-2.docx"]),
        ("4200", ["lease-2.docx", "lease.docx"]),
        ("Contoso rent", []),
        ("any files about Contoso", ["notes.md"]),
    ],
)
def test_search(call: Call, query: str, files: list[str]) -> None:
    result = call("search", query=query)
    assert sorted(hit["path"] for hit in result.data["files"]) == files
    assert sorted(s["path"] for s in result.data["skipped"]) == ["broken.docx", "old.xlsx"]
    assert "Not read (2)" in result.markdown
    assert all(quote["where"] for quote in result.data["quotes"])


def test_search_offers_what_is_near(call: Call) -> None:
    result = call("search", query="Contoso clause penalty")
    assert result.data["files"] == []
    assert "No passage has all of these words" in result.markdown
    assert [q["path"] for q in result.data["quotes"]] == ["notes.md"]


def test_search_in_one_file_and_of_one_kind(call: Call) -> None:
    assert call("search", query="lease", path="lease.docx").data["total"] == 1
    assert call("search", query="lease", kind="text").data["total"] == 0
    with pytest.raises(ToolInputError, match="nothing to look for"):
        call("search", query="...")
    with pytest.raises(DocumentError):
        call("search", query="lease", path="broken.docx")


def test_search_scales_to_hundreds_of_files(call: Call, folder: Path) -> None:
    for number in range(300):
        (folder / f"note-{number:03}.txt").write_text(
            f"Note {number} about the {'falcon' if number % 50 == 0 else 'lease'}."
        )
    result = call("search", query="falcon")
    assert [hit["path"] for hit in result.data["files"]] == [f"note-{n:03}.txt" for n in range(0, 300, 50)]
    many = call("search", query="lease")
    assert "Also in:" in many.markdown


def test_compare(call: Call) -> None:
    result = call("compare", old="lease.docx", new="lease-2.docx")
    assert result.data["counts"] == {"added": 0, "removed": 0, "changed": 1, "moved": 0}
    assert "~~March~~**April**" in result.markdown
    with pytest.raises(ToolInputError, match="itself"):
        call("compare", old="lease.docx", new="lease.docx")


@pytest.mark.parametrize(("target", "name"), [(None, "lease.md"), ("texts/copy.md", "copy.md")])
def test_convert_is_a_change_of_a_new_file(folder: Path, home: Path, target: str | None, name: str) -> None:
    (folder / "texts").mkdir()
    tool = TOOLS["documents.convert"]
    first, second = (tool.stage(context(folder, home), {"path": "lease.docx", "target": target}) for _ in range(2))
    assert isinstance(first, list)
    assert isinstance(second, list)
    (change,) = first
    assert isinstance(change, Change)
    assert change.path.name == name
    assert change.before is None
    assert change.content == b"The lease begins on 1 March 2025.\n\nAcme Ltd pays the rent of 4,200 euros a month.\n"
    assert change.digest() == second[0].digest()
    assert not (folder / "lease.md").exists()


def test_convert_warns_before_it_replaces(folder: Path, home: Path) -> None:
    (change,) = TOOLS["documents.convert"].stage(context(folder, home), {"path": "lease.docx", "target": "notes.md"})
    assert isinstance(change, Change)
    assert change.before is not None
    assert any("would be replaced" in warning for warning in change.warnings)
    with pytest.raises(ToolInputError, match=r"ends in \.md"):
        TOOLS["documents.convert"].stage(context(folder, home), {"path": "lease.docx", "target": "x.docx"})


def test_properties(in_office: Call) -> None:
    result = in_office("properties", path="contract.docx")
    assert result.data["kind"] == "word"
    assert result.data["bytes"] > 1000


@pytest.mark.parametrize(
    "name", [n.partition(".")[2] for n in TOOLS if n not in ("documents.list", "documents.overview")]
)
def test_a_missing_file_is_said(call: Call, folder: Path, home: Path, name: str) -> None:
    arguments: dict[str, Any] = {
        "path": "leese.docx",
        "question": "what?",
        "query": "lease",
        "old": "leese.docx",
        "new": "lease.docx",
    }
    tool = TOOLS[f"documents.{name}"]
    with pytest.raises(DocumentError, match=r"lease\.docx") as caught:
        tool.stage(
            context(folder, home), {k: v for k, v in arguments.items() if k in tool.arguments.model.model_fields}
        )
    assert caught.value.code == "missing"


def test_rows_that_a_reading_cuts_are_searched_too(call: Call, folder: Path) -> None:
    workbook = Workbook()
    workbook.active.title = "Stock list"
    workbook.active.append(["Part", "Made on", "Price"])
    for number in range(1, 1501):
        workbook.active.append([f"bolt {number}", datetime.datetime(2025, 1, 1 + number % 28), number * 2])
    workbook.save(folder / "stock.xlsx")
    result = call("search", query='"bolt 1234"')
    assert [(q["where"], q["text"]) for q in result.data["quotes"]] == [
        ("Stock list!A1235:C1235", "Part: bolt 1234; Made on: 2025-01-03; Price: 2468")
    ]
    assert (
        "Price: 2468" in call("answer", question="What is the price of bolt 1234?", path="stock.xlsx").data[0]["text"]
    )
    assert call("search", query="bolt", path="stock.xlsx").data["total"] == 1500
