"""Several operations on one workbook, in order, as one edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from copilot.documents.excel import (
    chart_edits,
    charts,
    comments,
    conditional,
    filters,
    formats,
    images,
    layout,
    links,
    merges,
    names,
    pivot_refresh,
    pivots,
    printing,
    protection,
    recalculation,
    replacing,
    richtext,
    sheet_edits,
    shifting,
    sorting,
    sparklines,
    table_columns,
    table_edits,
    validation,
    views,
    writing,
)
from copilot.documents.excel.rows import add_row
from copilot.documents.excel.sheets import add_sheet
from copilot.documents.hunks import Edited, Hunk
from copilot.documents.operations import Opener, Operations

#: Every operation: a function of the file's bytes that returns what it makes of them.
OPERATIONS = Operations(
    [
        *(*writing.OPERATIONS, *recalculation.OPERATIONS, add_row, add_sheet),
        *(*charts.OPERATIONS, *chart_edits.OPERATIONS, *sparklines.OPERATIONS, *images.OPERATIONS),
        *(*pivots.OPERATIONS, *pivot_refresh.OPERATIONS),
        *(*formats.OPERATIONS, *richtext.OPERATIONS, *links.OPERATIONS, *layout.OPERATIONS),
        *(*views.OPERATIONS, *merges.OPERATIONS, *printing.OPERATIONS, *protection.OPERATIONS),
        *(*conditional.OPERATIONS, *validation.OPERATIONS, *filters.OPERATIONS, *sorting.OPERATIONS),
        *(*replacing.OPERATIONS, *names.OPERATIONS, *comments.OPERATIONS),
        *(*shifting.OPERATIONS, *sheet_edits.OPERATIONS),
        *(*table_edits.OPERATIONS, *table_columns.OPERATIONS),
    ]
)


def edit(content: bytes, operations: Sequence[Mapping[str, Any]], *, opener: Opener | None = None) -> Edited:
    """Return the workbook after all operations, each of which sees what the ones before it did.

    An operation is a mapping such as {"op": "merge_cells", "range": "A1:C1"}; `opener` reads the files that one names
    (a picture). Raises ToolInputError that names the
    operation by its number, and DocumentError; then nothing of the batch is done.
    """
    hunks: list[Hunk] = []
    warnings: list[str] = []
    for call in OPERATIONS.calls(operations, opener):
        done: Edited = call.run(content)
        content = done.content
        hunks += done.hunks
        warnings += done.warnings
    return Edited.of(content, hunks, dict.fromkeys(warnings))
