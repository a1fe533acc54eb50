"""Which formulas may depend on a cell, told from their texts alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.documents.excel.formulas import LATE, bare
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, split_sheet
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

_SHEET = r"(?:(?:'(?:[^']|'')+'|[^\s'!()+\-*/^&=<>,;:{}\"\[\]]+)!)?"
_CORNER = r"\$?[A-Za-z]{1,3}\$?[0-9]{1,7}"
REFERENCE = re.compile(
    rf"({_SHEET})(?<![\w.])({_CORNER}(?::{_CORNER})?|\$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}}|\$?[0-9]+:\$?[0-9]+)(?![\w(.\[])"
)
WORD = re.compile(r"(?<![\w.!'\]])([^\W\d][\w.\\]*)(?![\w.(!'])")
_EVERYWHERE = Area(1, 1, MAX_ROW, MAX_COLUMN)

At = tuple[str, int, int]
Place = tuple[str, Area]


def dependents(formulas: dict[At, str], edited: Iterable[At], workbook: Workbook) -> set[At]:
    """Return the cells of `formulas` that may depend, directly or not, on the edited ones.

    INDIRECT, OFFSET and other functions that find cells only when they are computed count as depending on everything.
    """
    named = _named_places(workbook)
    reads = {at: references(text, at[0], named) for at, text in formulas.items()}
    found: set[At] = set()
    front = list(edited)
    while front:
        fresh = {at for at, places in reads.items() if at not in found and _touches(places, front)}
        found |= fresh
        front = list(fresh)
    return found


def _touches(places: list[Place], cells: list[At]) -> bool:
    return any(sheet.casefold() == s.casefold() and (r, c) in area for sheet, area in places for s, r, c in cells)


def references(formula: str, sheet: str, named: dict[str, list[Place]]) -> list[Place]:
    """Return the areas that a formula on `sheet` refers to, those of names and tables included."""
    text = bare(formula)
    if LATE.search(text):
        return [(name, _EVERYWHERE) for name in {p[0] for places in named.values() for p in places} | {sheet}]
    found = []
    for match in REFERENCE.finditer(text):
        own, _ = split_sheet(match[1] + "A1") if match[1] else (None, "")
        try:
            found.append((own or sheet, Area.parse(match[2])))
        except ToolInputError:
            continue
    for match in WORD.finditer(text):
        found += named.get(match[1].casefold(), [])
    return found


def _named_places(workbook: Workbook) -> dict[str, list[Place]]:
    """Return what the workbook's tables and defined names stand for, and every sheet under its own name."""
    named: dict[str, list[Place]] = {f"\0{s.name}": [(s.name, _EVERYWHERE)] for s in workbook.worksheets}
    for table in workbook.tables:
        named[table.name.casefold()] = [(table.sheet, table.area)]
    for _ in range(2):  # a name may stand for other names
        for name in workbook.names:
            home = name.sheet or workbook.worksheets[0].name
            named[name.name.casefold()] = references(name.refers_to, home, named)
    return named
