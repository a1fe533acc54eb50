"""The first values of a sheet's columns, to tell columns of numbers from others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.documents.segments import SheetOutline
from copilot.models.builtin.ground import Doc

_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]")
_ROWS = 200
_FORMULA = re.compile(r"\s*`=.*`\Z")  # a reading shows a formula behind its value


def sample_rows(doc: Doc, sheet: SheetOutline) -> list[list[str]]:
    """Return the first rows below the headers of the sheet's main region, in the order of its columns."""
    rows: list[list[str]] = []
    header: list[int] = []
    for line in _table_lines(doc, sheet):
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not header:
            places = [next((i for i, c in enumerate(cells) if c == name), -1) for name in sheet.columns]
            header = places if places and all(p >= 0 for p in places) else []
        elif len(rows) < _ROWS and not re.fullmatch(r"[\s|:\-]+", line):
            rows.append([_FORMULA.sub("", cells[i]) if i < len(cells) else "" for i in header])
    return rows


def _table_lines(doc: Doc, sheet: SheetOutline) -> list[str]:
    segments = [s for s in doc.segments() if s.where.split("!")[0].strip("'") == sheet.name]
    return [line for s in segments for line in s.text.splitlines() if "|" in line]


def members(doc: Doc, sheets: Sequence[SheetOutline]) -> list[tuple[str, tuple[str, str]]]:
    """Return the texts that stand in exactly one column, with its sheet and header; numbers are left out."""
    found: dict[str, set[tuple[str, str]]] = {}
    for sheet in sheets:
        for row in sample_rows(doc, sheet):
            for name, value in zip(sheet.columns, row, strict=False):
                if len(value) > 1 and re.search(r"[^\W\d_]", value) and not _DATE.match(value) and name:
                    found.setdefault(value, set()).add((sheet.name, name))
    return [(value, next(iter(places))) for value, places in found.items() if len(places) == 1]
