"""Sheets as a whole: renamed, copied, moved, hidden and deleted, with everything that names or counts them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from copilot.documents.excel import markup
from copilot.documents.excel.calcchain import set_full_calculation
from copilot.documents.excel.colors import color_attributes, color_words
from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.reshaped import drop_chain, recalculated
from copilot.documents.excel.sheet_copy import SheetCopy
from copilot.documents.excel.sheet_refs import SheetReferences, cell_data, removing, rename_elsewhere, renaming
from copilot.documents.excel.sheets import checked_name, list_sheet
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.tabs import Tabs, any_sheet
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Position = Annotated[int, Field(ge=1)]


def rename_sheet(content: bytes, sheet: str, to: str) -> Edited:
    """Rename a sheet; formulas, names, charts, validations, links and pivot tables' sources follow.

    Warns about INDIRECT formulas and macros that may name it in a text. Raises ToolInputError for an unknown sheet and
    for a name that is bad or taken.
    """
    workbook = Workbook.open(content)
    found = any_sheet(workbook, sheet)
    name = checked_name(to, [n for n in workbook.listed("name") if n != found.name])
    if name == found.name:
        raise ToolInputError(f"The sheet is named {name!r} already.", code="unchanged")
    references = SheetReferences(workbook, renaming(found.name, name), word=found.name)
    references.follow()
    parts = references.parts + rename_elsewhere(workbook, found.name, name)
    tabs = Tabs(workbook)
    tabs.set(found.index, "name", name)
    tabs.save()
    warnings = []
    if references.indirect:
        names = ", ".join(references.indirect[:5])
        warnings.append(f"These build an address from a text that may hold the old name: {names}.")
    if workbook.package.macros:
        warnings.append("The workbook has macros: they are not changed, and may name the sheet.")
    followed = f"{len(references.touched)} references follow" if references.touched else ""
    hunks = [Hunk(f"sheet {found.name}", found.name, name, "structure")]
    if followed:
        hunks.append(Hunk("workbook", "", followed, "structure"))
    return _finished(workbook, parts, hunks, warnings)


def move_sheet(content: bytes, sheet: str, position: Position) -> Edited:
    """Move a sheet's tab to a position, counted from 1 with the hidden sheets; a position behind the last is the last.

    Raises ToolInputError for an unknown sheet, and "unchanged".
    """
    workbook = Workbook.open(content)
    found = any_sheet(workbook, sheet)
    tabs = Tabs(workbook)
    count = len(tabs.sheets)
    target = min(position, count) - 1
    if target == found.index:
        raise ToolInputError(f"{found.name!r} is at position {target + 1} already.", code="unchanged")
    _place(workbook, found.index, target)
    hunk = Hunk(f"sheet {found.name}", f"position {found.index + 1}", f"position {target + 1}", "structure")
    return _finished(workbook, [], [hunk], _spans(workbook))


def _place(workbook: Workbook, source: int, target: int) -> None:
    """Move a sheet in the list, and everything that counts sheets along."""
    tabs = Tabs(workbook)
    order = [n for n in range(len(tabs.sheets)) if n != source]
    order.insert(target, source)
    places = {old: new for new, old in enumerate(order)}
    tabs.renumber(lambda old: places.get(old, old))
    tabs.reorder(order)


def _spans(workbook: Workbook) -> list[str]:
    """Warn about references over several sheets: which these are has changed."""
    found: list[str] = []

    def look(reference: object) -> object:
        found.extend([str(reference)] if getattr(reference, "sheet", "") != getattr(reference, "last", "") else [])
        return reference

    SheetReferences(workbook, look).follow()  # type: ignore[arg-type]
    names = ", ".join(dict.fromkeys(found[:5]))
    return [f"Formulas refer to all sheets between two others, which may be others now: {names}."] if found else []


def hide_sheet(content: bytes, sheet: str, very: bool = False) -> Edited:
    """Hide a sheet; `very` so that only a program can show it again.

    Raises ToolInputError for the last visible sheet, and "unchanged".
    """
    workbook = Workbook.open(content)
    found = any_sheet(workbook, sheet)
    state = "veryHidden" if very else "hidden"
    if found.state == state:
        raise ToolInputError(f"{found.name!r} is hidden already.", code="unchanged")
    tabs = Tabs(workbook)
    _refuse_last(tabs, found)
    tabs.set(found.index, "state", state)
    front = tabs.active
    if front == found.index:
        after = [n for n in tabs.visible() if n > front] or tabs.visible()[::-1]
        tabs.activate(after[0])
    tabs.save()
    parts = _select(workbook, found, tabs) if front == found.index else []
    return _finished(workbook, parts, [Hunk(f"sheet {found.name}", found.state, state, "structure")], [])


def _refuse_last(tabs: Tabs, sheet: Sheet) -> None:
    if tabs.visible() in ([], [sheet.index]):
        hint = "Show or add another sheet first."
        raise ToolInputError(f"{sheet.name!r} is the only visible sheet.", hint=hint, code="last_sheet")


def _select(workbook: Workbook, gone: Sheet, tabs: Tabs) -> list[str]:
    """Select the sheet in front instead of one that is not shown any more: selected sheets are edited together."""
    front = next((s for s in workbook.sheets if s.index == tabs.active), None)
    written = []
    for sheet, selected in ((gone, None), (front, "1")):
        if sheet is None or not workbook.package.has(sheet.part):
            continue
        data = markup.plain(workbook.package.read(sheet.part), sheet.part)
        end = data.find(b"sheetData")
        nodes = Nodes(data, 0, data.rfind(b"<", 0, end) if end > 0 else None)
        for node in nodes.named("sheetView"):
            nodes.set(node, "tabSelected", selected)
        if patches := nodes.patches():
            workbook.package.write(sheet.part, markup.patched(data, patches))
            written.append(sheet.part)
    return written


def show_sheet(content: bytes, sheet: str) -> Edited:
    """Show a hidden sheet. Raises ToolInputError "unchanged" for one that is visible."""
    workbook = Workbook.open(content)
    found = any_sheet(workbook, sheet)
    if found.state == "visible":
        raise ToolInputError(f"{found.name!r} is visible already.", code="unchanged")
    tabs = Tabs(workbook)
    tabs.set(found.index, "state", None)
    tabs.save()
    return _finished(workbook, [], [Hunk(f"sheet {found.name}", found.state, "visible", "structure")], [])


def delete_sheet(content: bytes, sheet: str, force: bool = False) -> Edited:
    """Delete a sheet; refused while anything refers to it, unless `force`, which leaves #REF! there as Excel does.

    Raises ToolInputError "referenced" that names the places, "last_sheet", and "cell_in_the_way" for a sheet whose
    tables or pivot tables slicers depend on.
    """
    workbook = Workbook.open(content)
    found = any_sheet(workbook, sheet)
    tabs = Tabs(workbook)
    if found.state == "visible":
        _refuse_last(tabs, found)
    _refuse_slicers(workbook, found)
    references = _without(workbook, found)
    if references.touched and not force:
        names = ", ".join(references.touched[:5])
        more = f" and {len(references.touched) - 5} more" if references.touched[5:] else ""
        hint = "Change these first, or delete it with force, which leaves #REF! in them."
        raise ToolInputError(f"These refer to {found.name!r}: {names}{more}.", hint=hint, code="referenced")
    tabs = Tabs(workbook)  # names may have changed
    tabs.remove(found.index)
    front = tabs.active == found.index
    tabs.renumber(lambda old: None if old == found.index else old - (old > found.index))
    if front or tabs.active not in tabs.visible():
        tabs.activate(next((n for n in tabs.visible() if n >= found.index), tabs.visible()[-1]))
    tabs.save()
    _remove_parts(workbook, found)
    drop_chain(workbook)
    warnings = [f"These gave #REF! when the sheet went: {', '.join(references.touched[:5])}."] if force else []
    hunks = [Hunk(f"sheet {found.name}", "a sheet with its contents", "", "structure")]
    hunks += [_lost(found.name, place) for place in references.touched[:40]]
    edited = _finished(workbook, references.parts, hunks, warnings if references.touched else [])
    content, more_edits = recalculated(edited.content, references.cells)
    return Edited.of(content, [*edited.hunks, *more_edits.hunks], [*edited.warnings, *more_edits.warnings])


def _lost(sheet: str, place: str) -> Hunk:
    """Return what people see of a place ("Other!A1", "the name Budget") that referred to a deleted sheet."""
    cell = "!" in place and not place.startswith("the name ")
    return Hunk(place, f"refers to {sheet}", "#REF!", "cell" if cell else "structure")


def _without(workbook: Workbook, sheet: Sheet) -> SheetReferences:
    """Send all references through the loss of a sheet; those on the sheet itself and in its local names don't count."""
    own = frozenset(_reach(workbook, [sheet.part])) | {sheet.part}
    change = removing(sheet.name, workbook.listed("name"))
    local = {name.name for name in workbook.names if name.sheet == sheet.name}
    references = SheetReferences(workbook, change, skip=own)
    references.follow()
    shared = {name.name for name in workbook.names if name.sheet != sheet.name}
    only = {f"the name {name}" for name in local - shared}
    references.touched = [place for place in references.touched if place not in only]
    return references


def _refuse_slicers(workbook: Workbook, sheet: Sheet) -> None:
    package = workbook.package
    tables = {t.part for t in workbook.tables_on(sheet)}
    ids = [m[1] for part in tables if (m := re.search(rb'\sid="(\d+)"', package.read(part)[:2000]))]
    marks = [b'tabId="%b"' % sheet.id.encode(), *(b'tableId="%b"' % key for key in ids)]
    caches = [p for p in package.names() if "slicercache" in p.casefold() or "timelinecache" in p.casefold()]
    used = any(mark in package.read(part) for part in caches for mark in marks)
    if used or any(r.short_type in ("slicer", "timeline") for r in package.relationships(sheet.part)):
        message = f"Slicers depend on {sheet.name!r}."
        raise ToolInputError(message, hint="Delete the slicers in Excel first.", code="cell_in_the_way")


def _reach(workbook: Workbook, front: list[str]) -> set[str]:
    """Return the parts that can be reached from these, but through the workbook."""
    package, found = workbook.package, set[str]()
    while front:
        for relationship in package.relationships(front.pop()):
            part = relationship.target
            if not relationship.external and part not in found and package.has(part) and part != package.main:
                found.add(part)
                front.append(part)
    return found


def _remove_parts(workbook: Workbook, sheet: Sheet) -> None:
    """Remove the sheet's part, and those that nothing else uses."""
    package = workbook.package
    own = _reach(workbook, [sheet.part])
    package.unrelate(package.main, sheet.part)
    package.remove(sheet.part)
    used = _reach(workbook, ["", package.main])
    for part in sorted(own - used - {sheet.part}):
        package.remove(part)


def copy_sheet(content: bytes, sheet: str, to: str, position: Position | None = None) -> Edited:
    """Copy a sheet with its charts, comments and tables, behind the others or to a position counted from 1.

    References of the sheet to itself lead to the copy, its tables get names of their own, images are shared. Names of
    the whole workbook still mean the first sheet. Raises ToolInputError for a bad or taken name, and for a sheet
    with slicers.
    """
    workbook = Workbook.open(content)
    source = workbook.sheet(sheet)
    name = checked_name(to, workbook.listed("name"))
    copy = SheetCopy(workbook, source, name)
    part = copy.make()
    package = workbook.package
    list_sheet(workbook, name, package.relate(package.main, "worksheet", part))
    last = len(Tabs(workbook).sheets) - 1
    _copy_names(workbook, copy, source.index, last)
    if position is not None and position - 1 < last:
        _place(workbook, last, position - 1)
    drop_chain(workbook)
    hunks = [Hunk(f"sheet {name}", "", f"a copy of {source.name}", "structure")]
    hunks += [
        Hunk(f"table {copy.tables[own]}", "", f"a copy of {table.name}", "structure")
        for table in workbook.tables_on(source)
        if (own := table.name.casefold()) in copy.tables
    ]
    warnings = _spans(workbook)
    if warnings:
        set_full_calculation(workbook)
    return _finished(workbook, copy.written, hunks, warnings)


def _copy_names(workbook: Workbook, copy: SheetCopy, source: int, target: int) -> None:
    tabs = Tabs(workbook)
    made = []
    for element, _ in tabs.local_names(source):
        nodes = Nodes(element)
        root = nodes.all[0]
        nodes.set(root, "localSheetId", str(target))
        nodes.write(root, copy.text(nodes.text(root)))
        made.append(nodes.result())
    if made:
        tabs.add_names(made)
        tabs.save()


def tab_color(content: bytes, sheet: str, color: str = "") -> Edited:
    """Give a sheet's tab a colour ("#1F4E79", "green", "accent1"), or none for "".

    Raises ToolInputError for what is no colour, and "unchanged".
    """
    workbook = Workbook.open(content)
    found = workbook.sheet(sheet)
    wanted = color_attributes(color) if color.strip() else {}
    xml = SheetXml(workbook.package.read(found.part), found.part)
    nodes = Nodes(xml.data, 0, cell_data(xml))
    old = next((color_words(_color_of(nodes, n)) for n in nodes.named("tabColor")), "")
    _set_color(nodes, xml.prefix, wanted)
    patches = nodes.patches()
    if not patches or markup.patched(xml.data, patches) == xml.data:
        raise ToolInputError(f"The tab of {found.name!r} looks like that already.", code="unchanged")
    workbook.package.write(found.part, markup.patched(xml.data, patches))
    hunk = Hunk(f"sheet {found.name}, tab", old, color_words(wanted) if wanted else "", "format")
    return _finished(workbook, [found.part], [hunk], [])


def _color_of(nodes: Nodes, node: Node) -> dict[str, str]:
    """Return the attributes of a colour element (18.8.19) that say which colour it is."""
    return {name: value for name in ("rgb", "theme", "indexed", "tint") if (value := nodes.get(node, name))}


def _set_color(nodes: Nodes, prefix: bytes, color: dict[str, str]) -> None:
    """Write `tabColor`, the first child of `sheetPr`, which is the first child of the sheet (18.3.1.82)."""
    for node in nodes.named("tabColor"):
        if color and _color_of(nodes, node) == color:
            return
        nodes.remove(node)
    if not color:
        return
    attributes = "".join(f' {name}="{value}"' for name, value in color.items())
    element = b"<" + prefix + b"tabColor" + attributes.encode() + b"/>"
    holder = next(iter(nodes.named("sheetPr")), None)
    if holder is None:
        made = b"<" + prefix + b"sheetPr>" + element + b"</" + prefix + b"sheetPr>"
        root = nodes.all[0]
        if root.children:
            nodes.insert_before(root.children[0], made)
        else:
            nodes.append(root, made)
    elif holder.left:
        nodes.insert_before(holder.left[0], element)
    else:
        nodes.append(holder, element)


def _finished(workbook: Workbook, parts: list[str], hunks: list[Hunk], warnings: list[str]) -> Edited:
    check_parts(workbook.package, [*parts, workbook.package.main])
    return Edited.of(workbook.package.save(), hunks, [*warnings, *signature_warning(workbook.package)])


OPERATIONS = (rename_sheet, copy_sheet, move_sheet, hide_sheet, show_sheet, delete_sheet, tab_color)
