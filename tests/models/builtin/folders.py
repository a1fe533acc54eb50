"""Folders of real documents for the tests, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import docx
import openpyxl
import pptx
from openpyxl.worksheet.table import Table


@dataclass(frozen=True)
class OnDisk:
    """The part of the workspace that the planner needs, over a folder."""

    root: Path

    def files(self, suffixes: Sequence[str] = ()) -> list[Path]:
        found = sorted(p for p in self.root.rglob("*") if p.is_file())
        return [p for p in found if not suffixes or p.suffix.lower() in suffixes]

    def read(self, path: Path) -> Content:
        return Content(self.show(path), path.read_bytes())

    def show(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Content:
    name: str
    content: bytes


def word(path: Path, *blocks: str) -> None:
    """Write a document: "# x" is a heading, everything else a paragraph."""
    document = docx.Document()
    for block in blocks:
        if block.startswith("#"):
            document.add_heading(block.lstrip("# "), level=len(block) - len(block.lstrip("#")))
        else:
            document.add_paragraph(block)
    document.save(str(path))


def workbook(path: Path, **sheets: list[list[object]]) -> None:
    """Write a workbook; a sheet named T_x holds a table named x."""
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.removeprefix("T_"))
        for row in rows:
            sheet.append(row)
        if name.startswith("T_"):
            last = openpyxl.utils.get_column_letter(len(rows[0]))
            sheet.add_table(Table(displayName=name.removeprefix("T_"), ref=f"A1:{last}{len(rows)}"))
    book.save(path)


def deck(path: Path, *slides: tuple[str, str]) -> None:
    presentation = pptx.Presentation()
    for title, body in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title  # type: ignore[union-attr]
        slide.placeholders[1].text = body  # type: ignore[attr-defined]
    presentation.save(str(path))


def office(root: Path) -> Path:
    """A small company's folder."""
    word(
        root / "contract.docx",
        "# Services Agreement",
        "This agreement is made between Acme GmbH and Northwind Ltd. Acme provides the services.",
        "# 2. Payment",
        "The due date of each invoice is 30 days after receipt. Acme may charge interest of 5 % on late payments.",
        "# 3. Termination",
        "Either party may terminate this agreement with a notice period of three months.",
        "# 4. Liability",
        "The liability of the supplier is limited to the yearly fee. Written notice must reach Acme in Berlin.",
    )
    word(
        root / "quarterly-report.docx",
        "# Quarterly Report Q3 2025",
        "Revenue grew by 12 percent, driven by Acme and two new customers in the North.",
        "# Scope",
        "This report covers July to September 2025.",
        "# Outlook",
        "We expect slower growth in the fourth quarter because of higher prices.",
    )
    workbook(
        root / "budget.xlsx",
        Plan=[["Month", "Revenue", "Cost"], ["Jan", 100, 80], ["Feb", 120, 90], ["Mar", 130, 85]],
        Notes=[["Remark", "Author"], ["checked", "Kim"]],
    )
    workbook(
        root / "sales.xlsx",
        T_Orders=[
            ["Date", "Region", "Product", "Amount"],
            ["2025-01-03", "North", "Lamp", 1200],
            ["2025-01-04", "South", "Desk", 800],
            ["2025-01-09", "North", "Desk", 450],
        ],
    )
    deck(root / "deck.pptx", ("Acme in 2025", "Growth in all regions"), ("Plans for 2026", "New markets"))
    return root


def practice(root: Path) -> Path:
    """Another folder, with several files of each kind and names that overlap."""
    word(
        root / "Lease Agreement 2024.docx",
        "# Lease Agreement",
        "The landlord, Brightwater Estates, lets the office in Mill Lane to the tenant, Harbor Studio.",
        "# Rent",
        "The monthly rent is 2,400 euros and is payable on the first working day of each month.",
        "# Deposit",
        "The tenant pays a deposit of three monthly rents. The deposit bears no interest.",
    )
    word(root / "meeting_minutes.docx", "# Minutes of 4 May", "Present: Dana Wood, Piotr Nowak.", "# Decisions",
         "The board approved the new office in Mill Lane. Dana Wood orders the furniture.")  # fmt: skip
    word(root / "annual_report.docx", "# Annual Report 2024",
         "Harbor Studio closed the year with a profit of 310,000 euros.",
         "# Staff", "The studio employs 14 people. Piotr Nowak joined as head of design.")  # fmt: skip
    workbook(
        root / "inventory.xlsx",
        T_Stock=[["Item", "Warehouse", "Quantity", "Unit price"], ["Chair", "Lyon", 40, 55.5],
                 ["Desk", "Porto", 12, 210], ["Lamp", "Lyon", 75, 19.9]],
        Suppliers=[["Supplier", "Country"], ["Oakline", "France"], ["Lumina", "Portugal"]],
    )  # fmt: skip
    workbook(
        root / "staff_hours.xlsx",
        Hours=[["Employee", "Project", "Week", "Hours"], ["Dana", "Atlas", 1, 32], ["Piotr", "Atlas", 1, 20],
               ["Dana", "Beacon", 2, 8]],
    )  # fmt: skip
    deck(root / "pitch.pptx", ("Harbor Studio", "Design for small spaces"), ("Team", "14 people in Mill Lane"))
    (root / "readme.txt").write_text("Documents of Harbor Studio. Keep them tidy.\n", "utf-8")
    return root
