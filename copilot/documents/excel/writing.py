"""Writing cells and formulas as operations: what holds something is only replaced when that is said."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from copilot.documents.excel import write
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError

#: What a cell may be given.
Value = bool | int | float | str | datetime | date | None


def write_cells(
    content: bytes,
    cells: Annotated[dict[str, Value], Field(min_length=1)],
    sheet: str = "",
    overwrite: bool = False,
    formulas: bool = True,
) -> Edited:
    """Write values and formulas ("=...") into cells by address; null empties; formulas=false keeps "=..." as text.

    A cell that holds something else, a table's header and a locked cell are refused without `overwrite`. Raises
    ToolInputError (see write.write_cells; "unchanged" when all cells hold that already) and DocumentError.
    """
    return _changed(write.write_cells(content, sheet or None, cells, overwrite=overwrite, formulas=formulas))


def write_formula(
    content: bytes,
    range: str,
    formula: Annotated[str, Field(pattern=r"^\s*=")],
    sheet: str = "",
    array: bool = False,
    overwrite: bool = False,
) -> Edited:
    """Write a formula into a cell, fill it into a range, or with array=true make it one array formula over the range.

    A formula whose result is several values (FILTER, SORT, A1:A9*2) spills from its cell by itself. Raises
    ToolInputError (see write.write_formula) and DocumentError.
    """
    edited = write.write_formula(content, sheet or None, range, formula.strip(), array=array, overwrite=overwrite)
    return _changed(edited)


def _changed(edited: Edited) -> Edited:
    if all(hunk.before == hunk.after for hunk in edited.hunks):
        raise ToolInputError("The cells hold that already: nothing changes.", code="unchanged")
    return edited


OPERATIONS = (write_cells, write_formula)
