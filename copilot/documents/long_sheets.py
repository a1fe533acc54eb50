"""The rows of big sheets that a reading leaves out: streamed as values, for searching and answering."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterator

from copilot.documents.grids import GridRow, regions
from copilot.documents.passages import Passage, passages, sheet_rows
from copilot.documents.segments import Reading

# What the Excel reader says of a sheet that it cut: "Data: rows 201 to 30001 of A1:J30001".
_CUT = re.compile(r"(?P<sheet>.+): rows (?P<first>\d+) to (?P<last>\d+) of ", re.DOTALL)
MAX_ROWS = 200_000  # of one sheet


def all_passages(content: bytes, reading: Reading) -> tuple[Passage, ...]:
    """Return the passages of a reading, and those of the rows that it cut from big sheets."""
    found = passages(reading)
    cut = {m["sheet"]: int(m["first"]) for text in reading.omitted if (m := _CUT.match(text))}
    if reading.kind != "excel" or not cut:
        return found
    last = max((p.position for p in found), default=0)
    return found + tuple(p for sheet, first in cut.items() for p in _rows_from(content, sheet, first, last + 1))


def _rows_from(content: bytes, sheet: str, first: int, position: int) -> Iterator[Passage]:
    rows = list(_values(content, sheet))
    for text, where, header, number in sheet_rows(regions(rows), sheet):
        if number >= first:
            yield Passage(text, where, "row", sheet, header, position)


def _values(content: bytes, sheet: str) -> Iterator[GridRow]:
    """Yield the rows of a sheet that hold something, as text; at most MAX_ROWS."""
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
        found = workbook.get_sheet_by_name(sheet)
        top = found.start[0] if found.start else 0
        # Rows come from the first used one on, cells from column A on.
        for number, cells in enumerate(found.iter_rows(), start=1):
            if number - 1 < top or not any(cell != "" for cell in cells):
                continue
            if number > MAX_ROWS:
                return
            yield GridRow(number, tuple(_shown(cell) for cell in cells))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)
