"""Several operations on one workbook, in order, as one edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from copilot.documents.hunks import Edited
from copilot.documents.operations import Opener, Operations, run_each

#: The modules that have operations, each in a tuple OPERATIONS: functions of the file's bytes that return an `Edited`.
MODULES = (
    *("writing", "recalculation", "rows", "sheets"),
    *("charts", "chart_edits", "sparklines", "images", "pivots", "pivot_refresh"),
    *("formats", "richtext", "links", "layout", "views", "merges", "printing", "protection"),
    *("conditional", "validation", "filters", "sorting", "replacing", "names", "comments"),
    *("shifting", "sheet_edits", "table_edits", "table_columns"),
    *("ranges", "copying", "filling", "rowdeletes", "results"),
)


@cache
def operations() -> Operations:
    """Return every operation on a workbook; their modules are imported when this is first asked."""
    found = [import_module(f"copilot.documents.excel.{module}").OPERATIONS for module in MODULES]
    return Operations(function for functions in found for function in functions)


def edit(content: bytes, calls: Sequence[Mapping[str, Any]], *, opener: Opener | None = None) -> Edited:
    """Return the workbook after all operations, each of which sees what the ones before it did.

    An operation is a mapping such as {"op": "merge_cells", "range": "A1:C1"}; `opener` reads the files that one names
    (a picture). What changes nothing is told in the warnings. Raises ToolInputError that names the operation by its
    number, and DocumentError; then nothing of the batch is done.
    """
    made = [Edited.of(content, ())]
    said = run_each(operations().calls(calls, opener), lambda call: made.append(call.run(made[-1].content)))
    hunks = [hunk for done in made for hunk in done.hunks]
    warnings = [warning for done in made for warning in done.warnings]
    return Edited.of(made[-1].content, hunks, dict.fromkeys([*warnings, *said]))
