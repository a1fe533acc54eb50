"""Merged cells (ECMA-376 part 1, 18.3.1.55): made and undone, without losing a text unasked."""

from __future__ import annotations

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.guards import Guards, pivot_areas
from copilot.documents.excel.layout import written
from copilot.documents.excel.places import place
from copilot.documents.excel.refs import Area
from copilot.documents.excel.stylesheet import element
from copilot.documents.excel.verify import check_parts
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.excel.write import Entry, SheetEdit, finish
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

_MOST_MERGES = 10_000


def merge_cells(
    content: bytes, range: str, *, sheet: str = "", across: bool = False, overwrite: bool = False
) -> Edited:
    """Merge a range into one cell, or `across` each of its rows into one; only the top left text is kept.

    Other cells that hold something are named and refused; with `overwrite` they are emptied. Raises ToolInputError
    also where another merged range, a table, an array formula or a pivot table is in the way.
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet, most=0)
    reader = SheetReader(workbook, found)
    wanted = _rows_of(area) if across else [area]
    if area.height * area.width == 1 or (across and area.width == 1):
        raise ToolInputError(f"{area} is one cell: there is nothing to merge.", code="address")
    present = reader.xml.areas(b"mergeCell")
    others = [each for each in present if each not in wanted]
    wanted = [each for each in wanted if each not in present]
    if not wanted:
        raise ToolInputError(f"{found.name}!{area} is merged already.", code="unchanged")
    _refuse_overlap(workbook, found, reader, area, others)
    lost = _hidden_by(reader, area, wanted)
    if lost and not overwrite:
        names = ", ".join(cell.address for cell in lost[:5])
        more = f" and {len(lost) - 5:,} more" if len(lost) > 5 else ""
        hint = "Move or empty them first, or set overwrite to true: then they are emptied."
        raise ToolInputError(f"Merging would hide what stands in {names}{more}.", hint=hint, code="taken")
    edits = []
    if lost:
        edit = SheetEdit(workbook, found, {(cell.row, cell.column): Entry() for cell in lost})
        edit.warnings += Guards(workbook, found, reader).check(edit.entries, edit.before)
        edit.apply()
        edits.append(edit)
    _add(workbook, found, wanted)
    hunks = [Hunk(f"{found.name}!{each}", "", "merged", "structure") for each in wanted[:20]]
    if len(wanted) > 20:
        hunks.append(Hunk(f"{found.name}!{area}", "", f"{len(wanted) - 20:,} more rows merged", "structure"))
    check_parts(workbook.package, [found.part])
    return finish(content, workbook, edits, hunks)


def unmerge_cells(content: bytes, range: str, *, sheet: str = "") -> Edited:
    """Undo every merged range that a range touches; the text stays in its first cell."""
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet, most=0)
    xml = SheetReader(workbook, found).xml
    group = elements.get(xml.data, xml.prefix, b"mergeCells")
    gone: list[Area] = []
    kept: list[bytes] = []
    for each in markup.find_all(xml.data, xml.prefix + b"mergeCell", group.inner, group.close) if group else ():
        own = Area.parse(xml.attribute(each, b"ref") or "A1")
        if own.overlaps(area):
            gone.append(own)
        else:
            kept.append(xml.data[each.start : each.end])
    if not gone:
        raise ToolInputError(f"Nothing is merged on {found.name}!{area}.", code="unchanged")
    data = elements.drop(xml.data, xml.prefix, b"mergeCells")
    if kept:
        made = element(xml.prefix, "mergeCells", {"count": str(len(kept))}, b"".join(kept))
        data = elements.put(xml.data, xml.prefix, b"mergeCells", made)
    hunks = [Hunk(f"{found.name}!{each}", "merged", "", "structure") for each in gone]
    return written(workbook, found, xml.data, data, hunks)


def _rows_of(area: Area) -> list[Area]:
    if area.height > _MOST_MERGES:
        message = f"{area} has more than {_MOST_MERGES:,} rows to merge one by one."
        raise ToolInputError(message, hint="Choose fewer rows.", code="address")
    return [Area(row, area.left, row, area.right) for row in range(area.top, area.bottom + 1)]


def _refuse_overlap(workbook: Workbook, sheet: Sheet, reader: SheetReader, area: Area, merged: list[Area]) -> None:
    """Raise ToolInputError for what can't lie in a merged range."""
    others = [(each, f"the merged range {each}", "Unmerge it first.") for each in merged]
    others += [
        (t.area, f"the table {t.name!r} ({t.area})", "Tables can't hold merged cells.")
        for t in workbook.tables_on(sheet)
    ]
    arrays = Guards(workbook, sheet, reader).array_areas()
    others += [(each, f"the array formula over {each}", "Choose other cells.") for each in arrays]
    others += [(each, f"the pivot table at {each}", "Choose other cells.") for each in pivot_areas(workbook, sheet)]
    for other, what, hint in others:
        if other.overlaps(area):
            raise ToolInputError(f"{sheet.name}!{area} overlaps {what}.", hint=hint, code="cell_in_the_way")


def _hidden_by(reader: SheetReader, area: Area, wanted: list[Area]) -> list[Cell]:
    """Return the cells that hold something and would not be shown."""
    first = {(each.top, each.left) for each in wanted}
    cells = (cell for _, row in reader.rows(area) for cell in row)
    return [cell for cell in cells if (cell.row, cell.column) not in first]


def _add(workbook: Workbook, sheet: Sheet, wanted: list[Area]) -> None:
    xml = SheetReader(workbook, sheet).xml
    made = b"".join(element(xml.prefix, "mergeCell", {"ref": str(each)}) for each in wanted)
    group = elements.get(xml.data, xml.prefix, b"mergeCells")
    inside = xml.data[group.inner : group.close] if group else b""
    count = len(list(markup.find_all(inside, xml.prefix + b"mergeCell"))) + len(wanted)
    whole = element(xml.prefix, "mergeCells", {"count": str(count)}, inside + made)
    workbook.package.write(sheet.part, elements.put(xml.data, xml.prefix, b"mergeCells", whole))


#: The operations of this module.
OPERATIONS = (merge_cells, unmerge_cells)
