"""The example folder is what its script writes, and it is as real as it looks."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pypdf
import pytest
from docx import Document
from pptx import Presentation

from tests.conftest import ROOT

OFFICE = ROOT / "examples" / "office"
NAMES = sorted(p.name for p in OFFICE.iterdir() if p.suffix in (".docx", ".xlsx", ".pptx", ".pdf"))


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    script = ROOT / "examples" / "build_office.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True, cwd=ROOT)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_script_writes_exactly_these_files(rebuilt: Path, name: str) -> None:
    """Compared entry by entry: another zlib compresses otherwise."""
    if name.endswith(".pdf"):
        assert (rebuilt / name).read_bytes() == (OFFICE / name).read_bytes()
        return
    with zipfile.ZipFile(rebuilt / name) as new, zipfile.ZipFile(OFFICE / name) as old:
        assert new.namelist() == old.namelist()
        for entry in new.namelist():
            if not entry.endswith(".xlsx"):
                assert new.read(entry) == old.read(entry), entry


def test_the_contract_names_acme_in_all_kinds_of_places() -> None:
    made = Document(str(OFFICE / "contract.docx"))
    section = made.sections[0]
    assert "Acme" in section.header.paragraphs[0].text
    assert "Acme" in section.footer.paragraphs[0].text
    assert any("Acme" in c.text for t in made.tables for row in t.rows for c in row.cells)
    assert any(r.bold and "Acme" in r.text for p in made.paragraphs for r in p.runs)
    cut = [p for p in made.paragraphs if p.text.count("Acme") > sum(r.text.count("Acme") for r in p.runs)]
    assert len(cut) >= 2
    assert sum(p.text.count("Acme") for p in made.paragraphs) > 20
    assert any("within 30 days" in p.text for p in made.paragraphs)


def cells(name: str) -> dict[str, tuple[object, object]]:
    """Formula and cached value of every formula cell."""
    formulas, values = openpyxl.load_workbook(OFFICE / name), openpyxl.load_workbook(OFFICE / name, data_only=True)
    return {
        f"{sheet.title}!{cell.coordinate}": (cell.value, values[sheet.title][cell.coordinate].value)
        for sheet in formulas
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    }


def test_sums_of_the_budget_carry_their_values() -> None:
    values = openpyxl.load_workbook(OFFICE / "budget.xlsx", data_only=True)
    found = cells("budget.xlsx")
    assert len(found) > 80
    for place, (formula, value) in found.items():
        assert value is not None, place
        if match := re.fullmatch(r"=SUM\((?:(\w+)!)?([A-Z]+\d+:[A-Z]+\d+)\)", str(formula)):
            sheet = values[match[1] or place.split("!")[0]]
            assert value == pytest.approx(sum(c.value or 0 for row in sheet[match[2]] for c in row)), place


def test_sales_agree_with_their_summary() -> None:
    values = openpyxl.load_workbook(OFFICE / "sales.xlsx", data_only=True)
    rows = list(values["Sales"].iter_rows(min_row=2, values_only=True))
    assert len(rows) > 100
    assert all(row[6] == pytest.approx(row[4] * row[5]) for row in rows)
    summary = values["Summary"]
    for region, units, revenue, *_ in summary.iter_rows(min_row=4, max_row=7, values_only=True):
        own = [row for row in rows if row[1] == region]
        assert units == sum(row[4] for row in own)
        assert revenue == pytest.approx(sum(row[6] for row in own))
    assert summary["C8"].value == pytest.approx(sum(row[6] for row in rows))
    table = openpyxl.load_workbook(OFFICE / "sales.xlsx")["Sales"].tables["Sales"]
    assert table.ref == f"A1:G{len(rows) + 1}"


def test_the_report_agrees_with_the_sales() -> None:
    rows = list(
        openpyxl.load_workbook(OFFICE / "sales.xlsx", data_only=True)["Sales"].iter_rows(min_row=2, values_only=True)
    )
    table = Document(str(OFFICE / "quarterly-report.docx")).tables[0]
    for row in table.rows[1:-1]:
        region, _, third, _ = (cell.text for cell in row.cells)
        revenue = sum(r[6] for r in rows if r[1] == region and r[0].month in (7, 8, 9))
        assert third == f"€{revenue:,.0f}"


def test_the_deck_has_a_table_a_chart_and_notes() -> None:
    slides = list(Presentation(str(OFFICE / "kickoff-deck.pptx")).slides)
    assert 6 <= len(slides) <= 8
    assert any(s.has_table for slide in slides for s in slide.shapes)
    assert any(s.has_chart for slide in slides for s in slide.shapes)
    assert sum(slide.has_notes_slide for slide in slides) >= 3


def test_the_invoice_can_be_read() -> None:
    text = pypdf.PdfReader(OFFICE / "supplier-invoice.pdf").pages[0].extract_text()
    assert "Amount due" in text
    assert "2,858.00" in text
