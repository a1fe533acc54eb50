"""Formulas that lead back to themselves: found before they are written, and named by their chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from copilot.documents.excel.dependents import Dependencies
from copilot.documents.excel.engine import Model
from copilot.documents.excel.formula_tokens import operand, within
from copilot.documents.excel.refs import address, quote_sheet
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

#: Functions that ask where a reference lies, not what stands there.
_WHERE = frozenset(
    {"ROW", "ROWS", "COLUMN", "COLUMNS", "AREAS", "SHEET", "SHEETS", "FORMULATEXT", "ISFORMULA", "ISREF", "CELL"}
)
#: Formulas that are looked at for one circle, and cells of it that are named.
_MOST, _SHOWN = 20_000, 8

At = tuple[str, int, int]


def refuse_circles(model: Model, dependencies: Dependencies, written: Iterable[At]) -> None:
    """Raise ToolInputError when a formula that was written depends on itself.

    Where the workbook is set to iterate (`calcPr`, ECMA-376 part 1, 18.2.2), circles are meant.
    """
    written = set(written)
    if not written or iterates(model.workbook):
        return
    suspects = written & dependencies.on(written)
    for at in sorted(suspects):
        chain = _circle(model, dependencies, at)
        if chain:
            names = [f"{quote_sheet(s)}!{address(row, column)}" for s, row, column in chain]
            shown = names if len(names) <= _SHOWN else [*names[: _SHOWN - 2], "...", *names[-2:]]
            hint = "Leave its own cell out, or turn on iterative calculation in Excel."
            message = f"The formula in {names[0]} depends on itself: {' reads '.join(shown)}."
            raise ToolInputError(message, hint=hint, code="circular")


def iterates(workbook: Workbook) -> bool:
    """Return whether the workbook calculates circles by iteration."""
    settings = workbook.child("calcPr")
    return settings is not None and settings.get("iterate", "0") in ("1", "true", "on")


def _circle(model: Model, dependencies: Dependencies, start: At) -> list[At]:
    """Return the cells from a formula back to itself, none when there is no such way."""
    came: dict[At, At] = {}
    front = [start]
    while front and len(came) < _MOST:
        at = front.pop()
        for read in _reads(model, dependencies, at):
            if read == start:
                return _way(came, start, at)
            if read not in came:
                came[read] = at
                front.append(read)
    return []


def _way(came: dict[At, At], start: At, last: At) -> list[At]:
    way = [start]
    while last != start:
        way.append(last)
        last = came[last]
    return [start, *reversed(way[1:]), start]


def _reads(model: Model, dependencies: Dependencies, at: At) -> Iterator[At]:
    """Yield the formulas whose values a formula reads, told exactly where that can be."""
    formula = model.formulas[at].formula if at in model.formulas else None
    if formula is None:
        return
    try:
        pieces = list(within(model.speller.spelled(formula.text, at)))
    except ToolInputError:
        return
    for token, stack in pieces:
        if not token.refers or any(name in _WHERE or (name == "OFFSET" and n == 0) for name, n in stack):
            continue
        found = operand(token.text)
        if found.kind == "area" and found.area is not None and not found.book:
            yield from dependencies.inside((found.sheet or at[0], found.area))
