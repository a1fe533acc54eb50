"""The main job on the shipped files, with no model and no network: as a newcomer meets it."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from docx import Document
from openpyxl import load_workbook
from pptx import Presentation

from copilot import Copilot
from tests.acceptance.conftest import Everpilot
from tests.documents.test_package import raw_entries


def changed_parts(before: bytes, after: bytes) -> set[str]:
    """The entries whose compressed bytes differ, or that are new."""
    old, new = raw_entries(before), raw_entries(after)
    return {name for name in old | new if old.get(name) != new.get(name)}


def all_text(path: Path) -> str:
    """Every text of a Word file, headers and footers too, read straight from the XML."""
    with zipfile.ZipFile(path) as archive:
        return "".join(
            archive.read(n).decode() for n in archive.namelist() if n.startswith("word/") and n.endswith(".xml")
        )


@pytest.fixture
def copilot(office: Path) -> Copilot:
    return Copilot(office, env={})


def test_replace_in_the_contract_shows_makes_and_undoes_exactly_it(everpilot: Everpilot) -> None:
    path = everpilot.folder / "contract.docx"
    before = path.read_bytes()
    shown = everpilot("-p", "replace Acme with Contoso in contract.docx")
    assert shown.code == 3
    assert "Contoso" in shown.out
    assert " approve " in shown.out
    assert path.read_bytes() == before
    done = everpilot.ask("replace Acme with Contoso in contract.docx", "--yes")
    assert done.code == 0
    assert done.json["served_by"] == "builtin"
    (change,) = done.json["changes"]
    assert (change["path"], change["committed"]) == ("contract.docx", True)
    assert all("Acme" in h["before"] and "Acme" not in h["after"] for h in change["hunks"])
    after = path.read_bytes()
    assert "Acme" not in all_text(path)
    assert changed_parts(before, after) <= {n for n in raw_entries(before) if n.startswith("word/")}
    assert {"word/styles.xml", "word/numbering.xml", "docProps/core.xml"}.isdisjoint(changed_parts(before, after))
    assert len(Document(io.BytesIO(after)).paragraphs) == len(Document(io.BytesIO(before)).paragraphs)
    assert everpilot("undo").code == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("what is the total of Revenue in sales.xlsx", "1009968"),
        ("sum of Revenue by Region in sales.xlsx", "442259"),
        ("show the rows of sales.xlsx where Units is over 40", "41"),
        ("list the sheets of budget.xlsx", "Assumptions"),
        ("summarise quarterly-report.docx", "€347,047"),
        ("when is an invoice payable according to contract.docx?", "30 days"),
        ("which files mention Brightwater?", "contract.docx"),
    ],
)
def test_reading_requests(copilot: Copilot, request_: str, said: str) -> None:
    final = copilot.ask(request_)
    assert said in final.text
    assert (final.error, final.changes, final.approvals) == (None, [], [])
    assert "builtin (no language model)" in final.text


def test_the_figures_are_those_of_another_library(copilot: Copilot) -> None:
    rows = list(load_workbook(copilot.folder / "sales.xlsx", data_only=True)["Sales"].iter_rows(values_only=True))
    head = next(i for i, row in enumerate(rows) if "Revenue" in row)
    column, region = rows[head].index("Revenue"), rows[head].index("Region")
    data = [row for row in rows[head + 1 :] if isinstance(row[column], int | float) and row[region]]
    outcome = copilot.call(
        "excel.aggregate", {"path": "sales.xlsx", "function": "sum", "column": "Revenue", "sheet": "Sales"}
    )
    assert f"{sum(float(row[column]) for row in data):.0f}" in outcome["text"]


def test_a_chart_is_native_and_everything_else_stays(copilot: Copilot) -> None:
    path = copilot.folder / "budget.xlsx"
    before = path.read_bytes()
    args = {"path": "budget.xlsx", "sheet": "Assumptions", "type": "column", "categories": "A4:A7", "series": ["B4:B7"]}
    outcome = copilot.call("excel.add_chart", args, mode="yes")
    assert outcome["status"] == "done", outcome
    after = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert archive.testzip() is None
        charts = [n for n in archive.namelist() if n.startswith("xl/charts/chart")]
    kept = raw_entries(before)
    assert len(charts) == sum(n.startswith("xl/charts/chart") for n in kept) + 1
    old_charts = {n for n in kept if "chart" in n or "drawing" in n}
    assert old_charts.isdisjoint(changed_parts(before, after))


def test_a_deck_from_the_report(copilot: Copilot) -> None:
    final = copilot.ask("create a deck from quarterly-report.docx", mode="yes")
    assert final.error is None
    (made,) = [c["path"] for c in final.changes]
    deck = Presentation(str(copilot.folder / made))
    titles = [s.shapes.title.text_frame.text for s in deck.slides if s.shapes.title is not None]
    assert {"Risks", "Outlook"} <= set(titles)


def test_two_edits_of_one_plan_make_one_card(copilot: Copilot) -> None:
    final = copilot.ask("replace Acme with Contoso in contract.docx and set B5 to 7 in budget.xlsx")
    assert {i["path"] for i in final.approvals[0]["items"]} == {"contract.docx", "budget.xlsx"}
    done = copilot.resume(final.thread)
    assert [c["committed"] for c in done.changes] == [True, True]


def test_a_follow_up_knows_what_it_is_about(copilot: Copilot) -> None:
    first = copilot.ask("sum of Revenue by Region in sales.xlsx")
    second = copilot.ask("and by Product?", thread=first.thread)
    assert "Gateway" in second.text


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_edited_files_open_in_libreoffice(copilot: Copilot, tmp_path: Path) -> None:
    for request_ in (
        "replace Acme with Contoso in contract.docx",
        "set B5 to 42 in budget.xlsx",
        "replace Harbour with Haven in kickoff-deck.pptx",
    ):
        assert copilot.ask(request_, mode="yes").error is None
    files = [str(copilot.folder / n) for n in ("contract.docx", "budget.xlsx", "kickoff-deck.pptx")]
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    run = ["soffice", "--headless", profile, "--convert-to", "pdf", "--outdir", str(tmp_path), *files]
    subprocess.run(run, check=True, capture_output=True, timeout=110)
    for name in ("contract", "budget", "kickoff-deck"):
        assert (tmp_path / f"{name}.pdf").stat().st_size > 5_000
