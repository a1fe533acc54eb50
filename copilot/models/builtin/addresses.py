"""Filling cells and ranges that are named by their address."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.documents.segments import SheetOutline
from copilot.models.builtin.state import SLOT_NOUNS, State


def fill_addresses(state: State) -> None:
    """Fill cell and range slots; an address with a sheet also names the sheet."""
    columns = {c.lower() for s in _sheets(state) for c in s.columns}
    for parameter in state.open("range", "cell"):
        kinds = ("range", "cell") if parameter.slot.kind == "range" else ("cell",)
        for kind in kinds:
            index = next((i for i, t in enumerate(state.tokens) if t.kind == kind and state.free(i)), None)
            if index is not None and state.open("column") and _names_column(state, index, columns):
                continue  # "Q1" is a header here
            if index is not None and parameter.name not in state.args:
                if state.tokens[index].lower in columns:
                    state.loose.append(f"{state.tokens[index].text} is also the name of a column")
                noun = (
                    range(index - 1, index + 1)
                    if state.before(index) in SLOT_NOUNS["range"]
                    else range(index, index + 1)
                )
                state.give(parameter, _address(state, state.tokens[index].value), noun)
        if parameter.required and parameter.name not in state.args:
            state.missing[parameter.name] = f"which {parameter.slot.kind}?"


def _names_column(state: State, index: int, columns: set[str]) -> bool:
    return state.tokens[index].lower in columns and state.before(index) not in ("cell", "cells", "range", "at")


def _address(state: State, written: str) -> str:
    """Return the address in capitals; its sheet goes to the sheet slot when there is one."""
    sheet, mark, cell = written.rpartition("!")
    slot = next(iter(state.open("sheet")), None)
    if mark and slot is not None:
        state.args[slot.name] = _sheet_named(state, sheet.strip("'"))
        return cell.upper()
    return f"{sheet}{mark}{cell.upper()}"


def _sheet_named(state: State, given: str) -> str:
    return next((s.name for s in _sheets(state) if s.name.lower() == given.lower()), given)


def split_address(state: State, written: str) -> str:
    """Return the cell of an address, its sheet given to the sheet slot."""
    return _address(state, written)


def _sheets(state: State) -> Sequence[SheetOutline]:
    outline = state.doc.outline if state.doc else None
    return outline.sheets if outline else ()
