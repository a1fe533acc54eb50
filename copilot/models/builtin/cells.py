"""Filling cells with values, and rows: "set B4 to 42 and C4 to 17", "add a row: 2026-03-01, North, 120"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from openpyxl.utils.cell import column_index_from_string, get_column_letter

from copilot.models.builtin.addresses import split_address
from copilot.models.builtin.lexing import number
from copilot.models.builtin.named_cells import named_cell
from copilot.models.builtin.state import SLOT_NOUNS, State, runs
from copilot.models.builtin.structure import chosen_sheets
from copilot.models.builtin.texts import doubt_value, plain_words
from copilot.models.builtin.toolview import Parameter
from copilot.models.builtin.words import DETERMINERS, TRAILERS, word_set
from copilot.slots import EXCEL_SUFFIXES


def fill_cell_values(state: State) -> None:
    """Fill a dict of cells and values: "set B4 to 42 and C4 to 17", "put =SUM(B2:B9) in B10", "B4 = 42"."""
    for parameter in state.open("cell_values"):
        cells = [i for i, t in enumerate(state.tokens) if t.kind == "cell" and state.free(i)]
        values: dict[str, Any] = {}
        if state.clause.verb in ("clear", "empty", "blank") and cells:
            values = {split_address(state, state.tokens[i].value): None for i in cells}
            state.spend(cells, parameter.name)
            cells = cells[: len(values)]
        for index in () if values else cells:
            span, value = _value_of(state, index)
            if span:
                values[split_address(state, state.tokens[index].value)] = value
                state.spend([index, *span], parameter.name)
        _share_values(state, cells, values)
        _check_columns(state, values)
        if values and state.clause.verb in _ARITHMETIC and any(isinstance(v, (int, float)) for v in values.values()):
            state.loose.append("whether to count that onto the value or to write it over the value")
        if values and len(values) == len(cells):
            state.args[parameter.name] = values
        elif not cells and _by_names(state, parameter):
            continue
        elif parameter.required:
            state.missing[parameter.name] = "which cell gets which value?"


def _by_names(state: State, parameter: Parameter) -> bool:
    """Fill the one cell that is named by its row and column; False when none is."""
    found = named_cell(state, [s.name for s in chosen_sheets(state)])
    if found is None:
        return False
    named, value, spoken = found
    state.give(parameter, {named.address: value}, named.words | spoken)
    sheet = next(iter(state.open("sheet")), None)
    if sheet is not None:
        state.args[sheet.name] = named.region.sheet
    cell = named.region.grid.get(named.row, named.column)
    if cell is not None and cell.formula:
        state.loose.append(f"{named.address} holds a formula")
    if state.clause.verb in _ARITHMETIC:
        state.loose.append("whether to count that onto the value or to write it over the value")
    return True


_ARITHMETIC = word_set("""add subtract increase decrease multiply divide raise reduce lower count append""")


def _check_columns(state: State, values: dict[str, Any]) -> None:
    """Account for a header that is the cell's own column ("the quantity in C3"); doubt one that is not."""
    sheet = next(iter(chosen_sheets(state)), None)
    letters = {re.sub(r"[^A-Z]", "", address) for address in values}
    start = re.match(r"\$?([A-Z]{1,3})\$?\d", sheet.used) if sheet else None
    if sheet is None or start is None or len(letters) != 1:
        return
    first = column_index_from_string(start[1])
    for offset, header in enumerate(sheet.columns):
        for run, _ in runs(state.tokens, header):
            if run.start and all(state.free(i) for i in run) and get_column_letter(first + offset) in letters:
                state.spend(run, "cells")


def _share_values(state: State, cells: Sequence[int], values: dict[str, Any]) -> None:
    """Give "B4 and C4 to 7" the value of the cell after it."""
    for index, following in reversed(list(pairwise(cells))):
        between = {state.tokens[i].lower for i in range(index + 1, following)}
        value = values.get(split_address(state, state.tokens[following].value))
        if between and between <= {"and", ",", "cell", "cells", "both"} and value is not None and state.free(index):
            values[split_address(state, state.tokens[index].value)] = value
            state.spend([index], "cells")


def _value_of(state: State, cell: int) -> tuple[list[int], Any]:
    """Return the tokens of a cell's value and the value: after "to", "=", ":" or before "in"."""
    after = cell + 1
    while after < len(state.tokens) and (after in state.used or state.tokens[after].lower in ("on", "in", "of", "the")):
        after += 1  # "B3 on the Plan sheet to 150"
    cue = state.tokens[after].lower if after < len(state.tokens) else ""
    if cue in ("to", "=", "as", "is", ":", "be", "with", "equals") and after + 1 < len(state.tokens):
        span = _value_span(state, after + 1)
        return ([after, *span], _cell_value(state, span)) if span else ([], None)
    if after < len(state.tokens) and state.tokens[after].kind == "formula":
        return _assigned(state, after)
    back = cell
    while back and state.before(back) in SLOT_NOUNS["cell"] | DETERMINERS:
        back -= 1
    if state.before(back) in ("in", "into", "to", "at", "on"):
        end = back - 1
        start = end
        while (
            start > 0
            and state.free(start - 1)
            and state.tokens[start - 1].text not in (",", ";")
            and (state.tokens[start - 1].lower not in ("and", "value", "the", "formula", "number", "text"))
            and (start - 1 > 0 or state.clause.inherited_verb)
        ):
            start -= 1
        span = list(range(start, end))
        if span:
            doubt_value(state, span)
            return [*span, *range(end, cell)], _cell_value(state, span)
    return [], None


def _assigned(state: State, index: int) -> tuple[list[int], Any]:
    """Read "B4 =42" or "B4 =SUM(A1:A3)", where the lexer saw a formula: a lone number is a value."""
    text = state.tokens[index].value
    plain = number(text[1:])
    return [index], text if plain is None else plain


def _value_span(state: State, start: int) -> list[int]:
    span: list[int] = []
    for index in range(start, len(state.tokens)):
        token = state.tokens[index]
        if not state.free(index) or token.text in (",", ";") or (token.lower in ("and", "in", "on") and span):
            break
        span.append(index)
        if token.kind in ("quote", "formula"):
            break
        if token.kind in ("number", "date") and not (
            index + 1 < len(state.tokens)
            and state.tokens[index + 1].kind == "word"
            and state.tokens[index + 1].lower not in ("in", "and", "on", "please", "for")
        ):
            break
    while span and state.tokens[span[-1]].lower in TRAILERS:
        span.pop()
    doubt_value(state, span)
    return span


def _cell_value(state: State, span: list[int]) -> Any:
    if len(span) == 1:
        token = state.tokens[span[0]]
        if state.doc is not None and state.doc.suffix not in EXCEL_SUFFIXES:
            return token.value  # a text document holds "£19,800" as it is written
        if token.kind == "number" and (value := number(token.value)) is not None and not token.value.endswith("%"):
            return value
        return token.value
    return plain_words(state, span)


def fill_row_values(state: State) -> None:
    """Fill a row: what stands after a colon or "with", separated by commas; "Name: value" makes a dict."""
    for parameter in state.open("row_values"):
        start = next((i + 1 for i, t in enumerate(state.tokens) if t.text == ":" and state.free(i)), None)
        if start is None:
            cues = (*parameter.slot.cues, "with the values", "with values", "with", "values", "containing", "saying")
            start = next((r.stop for c in cues for r in state.phrases(c)), None)
        if parameter.slot.many:
            start = next((r.stop for c in _HEADS for r in state.phrases(c) if state.free(r.stop)), start)
            if start is not None and (heads := _heads(state, start)):
                state.give(parameter, [[plain_words(state, h) for h in heads]], range(start - 1, heads[-1][-1] + 1))
                continue
        if start is None:
            start = next((i + 1 for i, t in enumerate(state.tokens) if i and t.lower in _ROW_NOUNS), None)
            start = start if start is not None and len(_row(state, start) or ()) > 1 else None
        if start is None and not state.clause.inherited_verb and len(_row(state, 1) or ()) > 2:
            start = 1  # "add Ann, 12, 7 to the sheet Marks"
        row = _row(state, start) if start is not None else None
        if row:
            span = range(start, _row_end(state, start))  # type: ignore[arg-type]
            state.give(parameter, _row_form(state, parameter, row), [*span, start - 1])  # type: ignore[operator]
        elif parameter.required:
            state.missing[parameter.name] = "which values? Write them after a colon, separated by commas"


_ROW_NOUNS = ("row", "entry", "record", "line")
_HEADS = ("columns", "headers", "header", "column headers", "headings")


def _heads(state: State, start: int) -> list[list[int]]:
    """Return the headers of a new table: "with the columns Hazard, Measure and Owner"."""
    heads: list[list[int]] = [[]]
    for index in range(start, _row_end(state, start)):
        if state.tokens[index].text in (",", ";", ":") or state.tokens[index].lower == "and":
            heads.append([])
        else:
            heads[-1].append(index)
    return [h for h in heads if h]


def _row_end(state: State, start: int) -> int:
    end = start
    while end < len(state.tokens) and state.free(end) and state.tokens[end].kind != "file":
        if state.tokens[end].lower in _PLACES and _leads_away(state, end):
            break
        end += 1
    return end


_PLACES = ("to", "in", "into", "at", "under", "after", "below", "before", "on")


def _leads_away(state: State, index: int) -> bool:
    """Whether values end at a preposition: before an article or what was understood already ("to the table")."""
    after = index + 1
    return after >= len(state.tokens) or not state.free(after) or state.tokens[after].lower in DETERMINERS


def _row(state: State, start: int) -> list[tuple[str, Any]] | None:
    """Return the cells as (column, value), the column empty when it is not named."""
    cells: list[list[int]] = [[]]
    for index in range(start, _row_end(state, start)):
        if state.tokens[index].text in (",", ";"):
            cells.append([])
        else:
            cells[-1].append(index)
    cells = [c[1:] if len(c) > 1 and state.tokens[c[0]].lower == "and" else c for c in cells]
    if not cells or not all(cells):
        return None
    row = [_named_cell(state, cell) for cell in cells]
    return row if len({bool(name) for name, _ in row}) == 1 else None


def _named_cell(state: State, cell: list[int]) -> tuple[str, Any]:
    mark = next((i for i in cell[1:-1] if state.tokens[i].text in ("=", ":")), None)
    if mark is None:
        formula = next((i for i in cell[1:] if state.tokens[i].kind == "formula"), None)
        if formula is not None and formula == cell[-1]:
            return plain_words(state, [i for i in cell if i < formula]), _assigned(state, formula)[1]
        return "", _cell_value(state, cell)
    return plain_words(state, [i for i in cell if i < mark]), _cell_value(state, [i for i in cell if i > mark])


def _row_form(state: State, parameter: Parameter, row: list[tuple[str, Any]]) -> Any:
    """Return a dict when the columns are named, else a list; doubt a list of another length than the table."""
    columns = table_columns(state)
    if row[0][0]:
        known = {c.lower(): c for c in columns}
        if unknown := [name for name, _ in row if columns and name.lower() not in known]:
            state.loose.append(f"no column {unknown[0]!r}")
        return {known.get(name.lower(), name): value for name, value in row}
    values = [value for _, value in row]
    if columns and len(columns) != len(values):
        state.loose.append(f"{len(values)} values for the {len(columns)} columns {', '.join(columns)}")
    if dict in parameter.types and not parameter.types & {list, tuple}:
        return dict(zip(columns, values, strict=False))
    return values


def table_columns(state: State) -> tuple[str, ...]:
    """The columns of the table or sheet that the call names, or of the only one."""
    outline = state.doc.outline if state.doc else None
    sheets = outline.sheets if outline else ()
    given = {
        v
        for p in state.view.parameters
        if p.slot.kind in ("table", "sheet") and isinstance(v := state.args.get(p.name), str)
    }
    for sheet in sheets:
        for table in sheet.tables:
            if table.name in given:
                return table.columns
    for sheet in sheets:
        if sheet.name in given:
            return sheet.tables[0].columns if len(sheet.tables) == 1 else sheet.columns
    tables = [t for s in sheets for t in s.tables]
    if len(tables) == 1:
        return tables[0].columns
    return sheets[0].columns if len(sheets) == 1 and not tables else ()
