"""The rows of a workbook as a mail merge takes them: typed values with the text that the workbook shows for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from copilot.documents import excel


def merge_rows(content: bytes, sheet: str, table: str) -> Iterator[dict[str, Any]]:
    """Yield each row of data, by column header; raises ToolInputError for an unknown sheet or table."""
    from copilot.documents.excel.numfmt import display_cell  # here: every command loads the skills, few merge
    from copilot.documents.word.templates import Shown

    workbook = excel.Workbook.open(content)
    region = excel.find_region(workbook, sheet or None, table or None, [], reading=True)
    columns = list(enumerate(region.columns, region.area.left))
    for number in excel.select(region, []).rows:
        cells = {name: region.grid.get(number, column) for column, name in columns if name}
        yield {
            name: None
            if cell is None or cell.value is None
            else Shown(cell.value, display_cell(cell, workbook.styles, date1904=workbook.date1904))
            for name, cell in cells.items()
        }
