"""Find and replace in the cells of a sheet: types are kept."""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.formulas import checked_formula, without_prefixes
from copilot.documents.excel.guards import Guards, is_header, pivot_areas
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area
from copilot.documents.excel.values import CellError, show, typed
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.excel.write import Entry, SheetEdit, finish
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError


def find_replace(
    content: bytes,
    find: str,
    replace: str,
    range: str = "",
    sheet: str = "",
    match_case: bool = False,
    whole_cell: bool = False,
    in_formulas: bool = False,
) -> Edited:
    """Replace a text in the values of a range, a sheet, or all sheets; with `in_formulas` in formulas as well.

    Texts stay texts and numbers numbers: a number changes only where what comes out is one. Dates, logical values and
    results of formulas are left alone. Raises ToolInputError when nothing is found.
    """
    workbook = Workbook.open(content)
    if not find:
        raise ToolInputError("There is nothing to find.", hint="Give the text to find.", code="arguments")
    swap = _swap(find, replace, match_case=match_case, whole_cell=whole_cell)
    edits, warnings = [], []
    for found, area in _places(workbook, range, sheet):
        reader = SheetReader(workbook, found)
        entries, told = _entries(workbook, found, reader, area, swap, in_formulas=in_formulas)
        warnings += told
        if entries:
            edit = SheetEdit(workbook, found, entries)
            edit.warnings += [w for w in Guards(workbook, found, reader).check(entries, edit.before) if "protect" in w]
            edits.append(edit)
    if not edits:
        hint = warnings[0] if warnings else "Check the spelling, or look into formulas with in_formulas."
        raise ToolInputError(f"{find!r} is found in no cell.", hint=hint, code="not_found")
    edits[0].warnings += warnings
    for edit in edits:
        edit.apply()
    return finish(content, workbook, edits)


def _places(workbook: Workbook, range: str, sheet: str) -> list[tuple[Sheet, Area | None]]:
    if range:
        return [place(workbook, range, sheet or None, most=0)]
    return [(workbook.sheet(sheet), None)] if sheet else [(each, None) for each in workbook.worksheets]


def _swap(find: str, replace: str, *, match_case: bool, whole_cell: bool) -> Callable[[str], str]:
    pattern = re.compile(re.escape(find), 0 if match_case else re.IGNORECASE)

    def swap(text: str) -> str:
        if whole_cell:
            return replace if pattern.fullmatch(text) else text
        return pattern.sub(lambda _: replace, text)

    return swap


def _entries(
    workbook: Workbook,
    sheet: Sheet,
    reader: SheetReader,
    area: Area | None,
    swap: Callable[[str], str],
    *,
    in_formulas: bool,
) -> tuple[dict[tuple[int, int], Entry], list[str]]:
    found, left, kept = {}, [], []
    barred = [*Guards(workbook, sheet, reader).array_areas(), *pivot_areas(workbook, sheet)]
    for _, cells in reader.rows(area):
        for cell in cells:
            entry = _value(cell, swap) if cell.formula is None else _formula(cell, swap) if in_formulas else None
            if entry is not None and entry.value is None and not entry.formula and not _emptied(cell, swap):
                left.append(cell.address)
            elif entry is not None and any((cell.row, cell.column) in each for each in barred):
                kept.append(cell.address)
            elif entry is not None:
                found[cell.row, cell.column] = entry
    for table in workbook.tables_on(sheet):
        for at, entry in list(found.items()):
            if is_header(table, at):
                found[at] = Entry(show(entry.value))
    told = [f"{sheet.name}: left alone, for it would be no number any more: {', '.join(left[:8])}."] if left else []
    if kept:
        told.append(f"{sheet.name}: left alone, as parts of pivot tables or arrays: {', '.join(kept[:8])}.")
    return found, told


def _emptied(cell: Cell, swap: Callable[[str], str]) -> bool:
    return swap(show(cell.value)) == ""


def _value(cell: Cell, swap: Callable[[str], str]) -> Entry | None:
    """Return the new entry of a cell without a formula, None where nothing changes; an empty one that can't be kept."""
    value = cell.value
    if isinstance(value, (bool, CellError)) or not isinstance(value, (str, int, float)):
        return None
    text = value if isinstance(value, str) else show(value)
    new = swap(text)
    if new == text:
        return None
    if isinstance(value, str):
        return Entry(new or None)
    number = typed(new)
    return Entry(number) if isinstance(number, (int, float)) and not isinstance(number, bool) else Entry()


def _formula(cell: Cell, swap: Callable[[str], str]) -> Entry | None:
    if cell.formula is None or cell.formula.kind not in ("normal", "shared"):
        return None
    shown = without_prefixes(cell.formula.text)
    new = swap(shown)
    if new == shown:
        return None
    if not new.startswith("="):
        raise ToolInputError(f"{cell.address} would hold {new!r}, which is no formula any more.", code="formula")
    return Entry(formula=checked_formula(new))


#: The operations of this module.
OPERATIONS = (find_replace,)
