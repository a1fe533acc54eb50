"""Tables of documents as they fit on slides: without what only a spreadsheet shows, and not longer than is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FORMULA = re.compile(r"\s*`=[^`]*`")
_NUMBER = re.compile(r"([+-]?\d+\.\d{3,})(?=\s*%?\Z)")
_KEY = re.compile(r"(?i)\b(total|sum|average|change|share|gesamt|summe)\b")
_ROWS = 12  # what is shown of a table that is longer than _LONG
_LONG = 30
_COLUMNS = 8

Rows = list[list[str]]


def shown(rows: Sequence[Sequence[str]]) -> tuple[Rows, list[str], str]:
    """Return the table for a slide, the lines that stood above it, and in words what is left out ("" for nothing)."""
    table, above = _without_frame([[_plain(cell) for cell in row] for row in rows])
    table = _without_empty(table)
    left_out: list[str] = []
    if table and len(table[0]) > _COLUMNS:
        table, columns = _narrowed(table)
        left_out.append(f"the columns {', '.join(columns)}")
    if len(table) - 1 > _LONG:
        left_out.append(f"{len(table) - 1 - _ROWS} of {len(table) - 1} rows")
        table = table[: _ROWS + 1]
    return table, above, " and ".join(left_out)


def _plain(cell: str) -> str:
    """Return a cell without its formula, and without more than two decimals."""
    text = _FORMULA.sub("", cell).strip()
    found = _NUMBER.match(text)
    return f"{float(found[1]):.2f}".rstrip("0").rstrip(".") + text[found.end() :] if found else text


def _without_frame(rows: Rows) -> tuple[Rows, list[str]]:
    """Return the rows without a spreadsheet's letters and numbers, and the titles that stand above the header."""
    framed = len(rows) > 1 and rows[0][0] == "" and all(re.fullmatch(r"[A-Z]{1,3}", c) for c in rows[0][1:])
    if not framed or not all(row[0].isdigit() for row in rows[1:]):
        return rows, []
    rows = [row[1:] for row in rows[1:]]
    above: list[str] = []
    while len(rows) > 2 and sum(1 for cell in rows[0] if cell) == 1 < max(len([c for c in r if c]) for r in rows):
        above.append(next(cell for cell in rows.pop(0) if cell))
    return rows, above


def _without_empty(rows: Rows) -> Rows:
    rows = [row for row in rows if any(row)]
    width = max((len(row) for row in rows), default=0)
    square = [row + [""] * (width - len(row)) for row in rows]
    kept = [i for i in range(width) if any(row[i] for row in square)]
    return [[row[i] for i in kept] for row in square]


def _narrowed(rows: Rows) -> tuple[Rows, list[str]]:
    """Return the first column with those from the first total on, or the first columns, and what is left out."""
    header = rows[0]
    start = next((i for i, cell in enumerate(header) if i and _KEY.search(cell)), 1)
    start = min(start, len(header) - 1)
    kept = [0, *range(start, min(start + _COLUMNS - 1, len(header)))]
    gone = [header[i] or str(i + 1) for i in range(len(header)) if i not in kept]
    return [[row[i] for i in kept] for row in rows], gone
