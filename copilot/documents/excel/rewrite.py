"""References in formulas, moved without touching anything else of the text."""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.documents.excel.dependents import REFERENCE
from copilot.documents.excel.refs import Area, column_letters, split_sheet
from copilot.errors import ToolInputError

_LITERAL = re.compile(r'("(?:[^"]|"")*"|\[[^\]]*\])')
_PART = re.compile(r"(\$?)([A-Za-z]*)(\$?)([0-9]*)\Z")


def rewritten(formula: str, home: str, target: str, change: Callable[[Area], Area]) -> str:
    """Return the formula of a cell on sheet `home` with its references to sheet `target` sent through `change`.

    The $ signs stay where they are; strings and structured references are left alone.
    """

    def replace(match: re.Match[str]) -> str:
        own, _ = split_sheet(f"{match[1]}A1") if match[1] else (home, "")
        if (own or home).casefold() != target.casefold():
            return match[0]
        try:
            area = Area.parse(match[2])
        except ToolInputError:
            return match[0]
        new = change(area)
        return match[0] if new == area else match[1] + _spelled(match[2], new)

    pieces = _LITERAL.split(formula)
    for index in range(0, len(pieces), 2):
        pieces[index] = REFERENCE.sub(replace, pieces[index])
    return "".join(pieces)


def _spelled(old: str, area: Area) -> str:
    corners = [(area.top, area.left), (area.bottom, area.right)]
    written = []
    for text, (row, column) in zip(old.split(":"), corners, strict=False):
        match = _PART.match(text)
        if match is None:
            return old
        letters = match[1] + column_letters(column) if match[2] else match[1]
        written.append(letters + match[3] + (str(row) if match[4] else ""))
    return ":".join(written)
