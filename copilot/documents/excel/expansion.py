"""Formulas that are small in a file and endless in a computer: names of names of names, texts repeated a billion times.

The engine that computes missing values would follow them; what is found here is left uncomputed, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.documents.excel.cells import Cell
from copilot.documents.excel.workbook import Workbook

MOST = 50_000  # name references that one formula may come to
_LONGEST = 8192  # characters: what Excel takes (ECMA-376 part 1, 18.17.2)
_DEEPEST = 64  # levels of functions in functions, as in Excel
_WORD = re.compile(r"[A-Za-z_\\][\w.\\]{0,254}")
#: Functions that make something as big as an argument says.
_MAKERS = re.compile(r"\b(?:REPT|SEQUENCE|RANDARRAY|MAKEARRAY|EXPAND|MUNIT|REDUCE|SCAN)\s*\(", re.IGNORECASE)


def computable(workbook: Workbook, cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells whose formulas may be computed here."""
    sizes = _sizes({name.name.upper(): name.refers_to for name in workbook.names})
    return [cell for cell in cells if cell.formula is not None and _is_small(cell.formula.text, sizes)]


def _is_small(text: str, sizes: dict[str, int]) -> bool:
    if len(text) > _LONGEST or _MAKERS.search(text) or _depth(text) > _DEEPEST:
        return False
    return not sizes or sum(sizes.get(word.upper(), 0) for word in _WORD.findall(text)) <= MOST


def _depth(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    return deepest


def _sizes(names: dict[str, str]) -> dict[str, int]:
    """Return how many references each name comes to; more than MOST for those that lead in circles."""
    below = {
        name: [w for w in map(str.upper, _WORD.findall(text[:_LONGEST])) if w in names] for name, text in names.items()
    }
    sizes: dict[str, int] = {}
    for start in names:
        stack = [start]
        while stack:
            name = stack[-1]
            missing = [w for w in below[name] if w not in sizes]
            if missing and len(stack) <= len(names) and not set(missing) & set(stack[-200:]):
                stack.extend(dict.fromkeys(missing))
                continue
            heavy = MOST + 1 if missing or len(names[name]) > _LONGEST or _MAKERS.search(names[name]) else 1
            sizes[name] = min(heavy + sum(sizes.get(w, 0) for w in below[name]), MOST + 1)
            stack.pop()
    return sizes
