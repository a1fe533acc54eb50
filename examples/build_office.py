"""Writes the documents in `examples/office`: python examples/build_office.py [FOLDER].

All companies, people and figures are invented. The same run gives the same bytes: dates are fixed, and formula
cells carry the values that Excel would show. Needs XlsxWriter, which python-pptx brings along.
"""

from __future__ import annotations

import sys
from pathlib import Path

from _office.budget import budget
from _office.contract import contract
from _office.deck import deck
from _office.invoice import invoice
from _office.notes import notes
from _office.report import report
from _office.sales import sales_book

DOCUMENTS = {
    "contract.docx": contract,
    "quarterly-report.docx": report,
    "meeting-notes.docx": notes,
    "budget.xlsx": budget,
    "sales.xlsx": sales_book,
    "kickoff-deck.pptx": deck,
    "supplier-invoice.pdf": invoice,
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in DOCUMENTS.items():
        (folder / name).write_bytes(build())
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "office")
