"""The end of an edit that changes no cell's value: a last look at the parts, and the saved file."""

from __future__ import annotations

from collections.abc import Iterable

from copilot.documents.excel.calc import Recalculation, recalculate
from copilot.documents.excel.calcchain import set_full_calculation
from copilot.documents.excel.everywhere import Home
from copilot.documents.excel.reshaped import MAX_SHOWN, new_values
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Workbook
from copilot.documents.excel.write import SheetEdit
from copilot.documents.hunks import Edited, Hunk


def saved(workbook: Workbook, hunks: Iterable[Hunk], parts: Iterable[str], warnings: Iterable[str] = ()) -> Edited:
    """Return the edit; raises DocumentError when one of the edited parts would not be well-formed."""
    check_parts(workbook.package, [part for part in parts if part])
    found = [*warnings, *signature_warning(workbook.package)]
    return Edited.of(workbook.package.save(), hunks, dict.fromkeys(found))


def saved_after(
    content: bytes,
    workbook: Workbook,
    homes: Iterable[Home],
    hunks: Iterable[Hunk],
    parts: Iterable[str],
    warnings: Iterable[str] = (),
) -> Edited:
    """Return the edit after which the formulas in the cells of `homes` may have other values: they are computed."""
    places = _places(homes)
    result = recalculate(content, workbook, places) if places else Recalculation()
    if result.incomplete:
        set_full_calculation(workbook)
    touched = [*parts, *(workbook.sheet(name).part for name in places), workbook.package.main]
    own = new_values(Workbook.open(content), result.values)[:MAX_SHOWN]
    return saved(workbook, [*hunks, *own, *result.hunks], touched, [*warnings, *result.warnings])


def _places(homes: Iterable[Home]) -> dict[str, list[tuple[int, int]]]:
    places: dict[str, list[tuple[int, int]]] = {}
    for home in homes:
        if home.sheet is not None and home.at is not None:
            places.setdefault(home.sheet, []).append(home.at)
    return places


def finished(
    content: bytes,
    workbook: Workbook,
    edits: Iterable[SheetEdit],
    hunks: Iterable[Hunk],
    homes: Iterable[Home] = (),
    parts: Iterable[str] = (),
) -> Edited:
    """Return the edit of cells (applied already) together with other changes; `homes` are formulas to compute, too.

    Like `write.finish`, for edits after which formulas that did not change themselves mean something else.
    """
    edits = list(edits)
    warnings = [w for edit in edits for w in edit.warnings]
    places = _places(homes)
    for edit in edits:
        places.setdefault(edit.sheet.name, []).extend(edit.entries)
    result = recalculate(content, workbook, places)
    if result.incomplete:
        set_full_calculation(workbook)
    own = [h for edit in edits for h in edit.hunks(result.values.get(edit.sheet.name))]
    written = {(edit.sheet.name, at) for edit in edits for at in edit.entries}
    others = {
        name: {at: value for at, value in values.items() if (name, at) not in written}
        for name, values in result.values.items()
    }
    own += new_values(Workbook.open(content), others)[:MAX_SHOWN]
    touched = [workbook.sheet(name).part for name in places]
    every = [*parts, *touched, *(t.part for t in workbook.tables), workbook.styles.part, workbook.package.main]
    return saved(workbook, [*hunks, *own, *result.hunks], every, [*warnings, *result.warnings])
