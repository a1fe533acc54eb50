"""The rows of big sheets that a reading leaves out: streamed as values, for searching and answering."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterator

from python_calamine import CalamineError, CalamineWorkbook

from copilot.documents.grids import GridRow, regions
from copilot.documents.passages import Passage, passages, sheet_rows
from copilot.documents.segments import Reading
from copilot.errors import DocumentError

# What the Excel reader says of a sheet that it cut: "Data: rows 201 to 30001 of A1:J30001".
_CUT = re.compile(r"(?P<sheet>.+): rows (?P<first>\d+) to (?P<last>\d+) of ", re.DOTALL)
MAX_ROWS = 200_000  # of one sheet
_BEHIND = 1_000_000  # the position of rows behind all blocks of the reading


def all_passages(content: bytes, reading: Reading) -> tuple[Passage, ...]:
    """Return the passages of a reading, and those of the rows that it cut from big sheets."""
    found = passages(reading)
    cut = {m["sheet"]: int(m["first"]) for text in reading.omitted if (m := _CUT.match(text))}
    if reading.kind != "excel" or not cut:
        return found
    hidden = {s.where.rpartition("!")[0]: s.hidden for s in reading.segments if s.kind == "table"}
    more = (p for sheet, first in cut.items() for p in _rows_from(content, sheet, first, hidden.get(sheet, "")))
    return (*found, *more)


def unsearched(reading: Reading) -> list[str]:
    """Return in words which rows even `all_passages` leaves out."""
    cut = [m for text in reading.omitted if reading.kind == "excel" and (m := _CUT.match(text))]
    return [f"{m['sheet']}: rows after {MAX_ROWS:,} are not searched" for m in cut if int(m["last"]) > MAX_ROWS]


def _rows_from(content: bytes, sheet: str, first: int, hidden: str) -> Iterator[Passage]:
    try:
        rows = list(_values(content, sheet))
    except CalamineError as error:
        raise DocumentError(f"The rows of {sheet} from row {first} on can't be read ({error}).") from error
    for text, where, header, number in sheet_rows(regions(rows), sheet):
        if number >= first:
            yield Passage(text, where, "row", sheet, header, _BEHIND, hidden=hidden)


def _values(content: bytes, sheet: str) -> Iterator[GridRow]:
    """Yield the rows of a sheet that hold something, as text; at most MAX_ROWS."""
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
