"""The result of an analysis written into cells: exact values, or the formulas that give them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from copilot.documents.excel.analysis import Analysis, analyse
from copilot.documents.excel.places import cell_at
from copilot.documents.excel.ranges import changed, fits
from copilot.documents.excel.refs import Area
from copilot.documents.excel.workbook import Workbook
from copilot.documents.excel.write import Entry, entry_of
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError


def write_analysis(
    content: bytes,
    steps: Annotated[list[dict[str, Any]], Field(min_length=1)],
    cell: str,
    sheet: str = "",
    header: bool = True,
    formulas: bool = False,
    overwrite: bool = False,
) -> Edited:
    """Write what `steps` (as for an analysis) compute of this workbook from a cell on: headers, then rows.

    With `formulas` a figure is written as the formula that gives it, where there is one, so that it follows the data.
    Raises ToolInputError (as an analysis and `write_cells` do; "no_data" for a result without rows) and DocumentError.
    """
    found = analyse(content, steps)
    if not found.rows:
        raise ToolInputError("The result has no rows.", hint="Check the conditions.", code="no_data")
    workbook = Workbook.open(content)
    target, (top, left) = cell_at(workbook, cell, sheet)
    rows = ([[Entry(name) for name in found.columns]] if header else []) + _rows(found, formulas=formulas)
    fits(target, Area(top, left, top + len(rows) - 1, left + len(found.columns) - 1))
    entries = {(top + i, left + j): entry for i, row in enumerate(rows) for j, entry in enumerate(row)}
    edited = changed(content, workbook, target, entries, overwrite=overwrite)
    return Edited.of(edited.content, edited.hunks, [*edited.warnings, *found.notes])


def _rows(found: Analysis, *, formulas: bool) -> list[list[Entry]]:
    texts = found.formulas if formulas and len(found.formulas) == len(found.rows) else ((),) * len(found.rows)
    return [
        [
            entry_of(text) if text.startswith("=") else Entry(value)
            for value, text in zip(row, [*given, *[""] * (len(row) - len(given))], strict=True)
        ]
        for row, given in zip(found.rows, texts, strict=True)
    ]


#: The operations of this module.
OPERATIONS = (write_analysis,)
