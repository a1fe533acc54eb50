"""Columns that are drawn as they stand, a name beside each value."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.models.builtin.state import State


def draws(state: State) -> bool:
    """Whether the columns are taken as they stand, a name beside each value: as a chart does, which groups nothing."""
    kinds = [p.slot.kind for p in state.view.parameters]
    columns = [p for p in state.view.parameters if p.slot.kind == "column"]
    return state.view.acts and len(columns) > 1 and any(p.list_like for p in columns) and "function" not in kinds


def drawable(state: State, columns: Sequence[str], sheets: Sequence[str]) -> list[str]:
    """Return the sheets where one block of data has the columns, and each of its rows another name to stand for it."""
    labels = [state.args[p.name] for p in state.view.parameters if p.slot.kind == "column" and not p.list_like
              and p.name in state.args]  # fmt: skip
    wanted = {c.casefold() for c in columns}
    fitting = []
    for region in state.doc.regions if state.doc else ():
        if region.sheet not in sheets or not wanted <= {c.casefold() for c in region.columns}:
            continue
        names = [[c.value for c in region.cells(region.column(label))] for label in labels]
        if all(len(set(map(str, each))) == len(each) for each in names):
            fitting.append(region.sheet)
        elif len(sheets) == 1:
            state.loose.append(f"{labels[0]!r} repeats in {region.where}: a chart shows every row, it does not total")
    return list(dict.fromkeys(fitting))
