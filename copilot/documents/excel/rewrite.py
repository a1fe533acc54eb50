"""References in formulas, moved without touching anything else of the text."""

from __future__ import annotations

from collections.abc import Callable

from copilot.documents.excel.refs import Area
from copilot.documents.excel.reftext import Reference, joined, pieces, replaced


def rewritten(formula: str, home: str, target: str, change: Callable[[Area], Area]) -> str:
    """Return the formula of a cell on sheet `home` with its references to sheet `target` sent through `change`.

    The $ signs stay where they are; strings, structured references, other workbooks and references over several
    sheets are left alone.
    """

    def moved(reference: Reference) -> Reference:
        if not reference.corners or reference.sheet != reference.last:
            return reference
        if (reference.sheet or home).casefold() != target.casefold():
            return reference
        area = reference.area
        new = change(area)
        return reference if new == area else reference.placed(new)

    return joined(replaced(pieces(formula), moved))
