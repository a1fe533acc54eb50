"""The parts around a sheet when its rows or columns are shifted: comments, drawings, tables, pivot tables."""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.documents.excel import markup
from copilot.documents.excel.formula_places import Formulas
from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.refs import Area
from copilot.documents.excel.shift import Shift
from copilot.documents.excel.shifting_sheet import PLACES, drop, filter_columns, shifted_areas
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.errors import ToolInputError

_ANCHOR = re.compile(r"\s*,\s*")


def shifted_places(nodes: Nodes, shift: Shift) -> None:
    """Move the places of comments (18.7.3), threaded comments and single XML cells; those that are gone go."""
    for node in nodes:
        attribute = PLACES.get(node.name)
        old = nodes.get(node, attribute) if attribute else None
        if attribute and old:
            new = shifted_areas(old, shift)
            if new:
                nodes.set(node, attribute, new)
            else:
                drop(nodes, node)


def shifted_drawing(nodes: Nodes, shift: Shift) -> None:
    """Move the anchors of a drawing (20.5.2) with their cells; an absolute one stays."""
    for node in nodes.named("twoCellAnchor", "oneCellAnchor", "anchor"):
        start, end = (next((c for c in node.children if c.name == name), None) for name in ("from", "to"))
        kind = nodes.get(node, "editAs") or "twoCell"
        if node.name == "anchor" and nodes.get(node, "moveWithCells") not in ("1", "true"):
            kind = "absolute"
        elif node.name == "anchor" and nodes.get(node, "sizeWithCells") not in ("1", "true"):
            kind = "oneCell"
        if start is not None and kind != "absolute":
            _anchor(nodes, start, end, shift, sizes=kind == "twoCell")


def _anchor(nodes: Nodes, start: Node, end: Node | None, shift: Shift, *, sizes: bool) -> None:
    name = "row" if shift.rows else "col"
    low, high = _mark(nodes, start, name), _mark(nodes, end, name) if end is not None else None
    if low is None:
        return
    old, last = int(nodes.text(low)), int(nodes.text(high)) if high is not None else None
    first, new_last = moved_anchor(old, last, shift, sizes=sizes)
    nodes.write(low, str(first))
    if shift.index(old + 1) is None:
        _zero(nodes, start, name)
    if high is not None and new_last is not None and last is not None:
        nodes.write(high, str(new_last))
        if sizes and shift.index(last + 1) is None and shift.index(old + 1) is not None:
            _zero(nodes, end, name)


def moved_anchor(first: int, last: int | None, shift: Shift, *, sizes: bool = True) -> tuple[int, int | None]:
    """Return where an anchor's rows or columns (from 0) are afterwards.

    What lay on deleted cells alone keeps its size: nobody is helped by a picture without height.
    """
    low = shift.near(first + 1) - 1
    if last is None:
        return low, None
    gone = shift.index(first + 1) is None and shift.index(last + 1) is None
    if not sizes or gone:
        return low, low + last - first
    return low, max(shift.near(last + 1) - 1, low)


def _mark(nodes: Nodes, node: Node | None, name: str) -> Node | None:
    found = next((c for c in node.children if c.name == name), None) if node is not None else None
    return found if found is not None and nodes.text(found).strip().isdigit() else None


def _zero(nodes: Nodes, node: Node | None, name: str) -> None:
    offset = next((c for c in node.children if c.name == f"{name}Off"), None) if node is not None else None
    if offset is not None:
        nodes.write(offset, "0")


def shifted_vml(nodes: Nodes, shift: Shift) -> None:
    """Move the shapes of comments and controls in a VML drawing: their cell and their anchor, counted from 0."""
    for data in nodes.named("ClientData"):
        cell = {c.name: c for c in data.children if c.name in ("Row", "Column", "Anchor")}
        place = cell.get("Row" if shift.rows else "Column")
        if place is not None and nodes.text(place).strip().isdigit():
            new = shift.index(int(nodes.text(place)) + 1)
            if new is None:
                if data.parent is not None:
                    nodes.remove(data.parent)
                continue
            nodes.write(place, str(new - 1))
        if "Anchor" in cell:
            _vml_anchor(nodes, cell["Anchor"], shift)


def _vml_anchor(nodes: Nodes, node: Node, shift: Shift) -> None:
    """Move an anchor "left, dx, top, dy, right, dx, bottom, dy" (part 4, 19.4.2.1)."""
    written = nodes.text(node)
    numbers = _ANCHOR.split(written.strip())
    at = 2 if shift.rows else 0
    if len(numbers) != 8 or not all(n.lstrip("-").isdigit() for n in numbers):
        return
    low, high = moved_anchor(int(numbers[at]), int(numbers[at + 4]), shift)
    if (low, high) != (int(numbers[at]), int(numbers[at + 4])):
        numbers[at], numbers[at + 4] = str(low), str(high)
        nodes.write(node, ", ".join(numbers))


# --- tables ----------------------------------------------------------------------------------------------------


def refuse_tables(tables: list[Table], shift: Shift, *, queries: set[str]) -> None:
    """Raise ToolInputError for a shift that a table can't follow."""
    for table in tables:
        if shift.takes(table.area) or not shift.within(table.area):
            continue
        where = f"the table {table.name} ({table.sheet}!{table.area})"
        if not shift.rows and table.part in queries:
            hint = "Change the query's columns in Excel."
            raise _in_the_way(f"The columns of {where} come from a query.", hint)
        if not shift.deletes or not shift.rows:
            continue
        top, data = table.area.top, table.data
        if table.header_rows and shift.at <= top < shift.after:
            raise _in_the_way(
                f"Row {top} is the header of {where}.", "Delete all of the table's rows, or none of them."
            )
        if data is not None and shift.takes(data):
            hint = "Leave at least one row, or delete all of the table's rows."
            raise _in_the_way(f"These are all rows of data of {where}.", hint)


def _in_the_way(message: str, hint: str) -> ToolInputError:
    return ToolInputError(message, hint=hint, code="cell_in_the_way")


def new_columns(table: Table, shift: Shift) -> dict[int, str]:
    """Return the names of the columns that a shift inserts into a table, by their number on the sheet."""
    if shift.rows or shift.deletes or not table.area.left < shift.at <= table.area.right:
        return {}
    taken = {name.casefold() for name in table.columns}
    found: dict[int, str] = {}
    number = 1
    for column in range(shift.at, shift.at + shift.count):
        while f"column{number}" in taken:
            number += 1
        found[column] = f"Column{number}"
        taken.add(f"column{number}")
    return found


def lost_columns(table: Table, shift: Shift) -> set[str]:
    """Return the names, in small letters, of the columns that a shift deletes from a table."""
    if shift.rows or not shift.deletes:
        return set()
    return {name.casefold() for n, name in enumerate(table.columns, table.area.left) if shift.at <= n < shift.after}


def shifted_table(nodes: Nodes, table: Table, shift: Shift, formulas: Formulas) -> None:
    """Bring a table part (18.5.1.2) in line: its places, its columns and their formulas."""
    formulas.rewrite(nodes)
    root = nodes.all[0]
    if table.totals_rows and shift.rows and shift.deletes and shift.at <= table.area.bottom < shift.after:
        nodes.set(root, "totalsRowCount", None)
        nodes.set(root, "totalsRowShown", "0")
    for node in nodes.named("table", "autoFilter", "sortState", "sortCondition"):
        old = nodes.get(node, "ref")
        new = shifted_areas(old, shift) if old else old
        if old and new:
            nodes.set(node, "ref", new)
        elif old:
            drop(nodes, node)
    for node in nodes.named("autoFilter"):
        filter_columns(nodes, node, shift)
    if not shift.rows:
        _table_columns(nodes, table, shift)


def _table_columns(nodes: Nodes, table: Table, shift: Shift) -> None:
    columns = nodes.named("tableColumn")
    if not columns or columns[0].parent is None:
        return
    holder = columns[0].parent
    for index, node in enumerate(columns):
        if shift.deletes and shift.index(table.area.left + index) is None:
            nodes.remove(node)
    made = new_columns(table, shift)
    if made:
        highest = max(int(nodes.get(node, "id") or 0) for node in columns)
        fragment = "".join(
            f'<{columns[0].prefix.decode()}tableColumn id="{highest + n}" name="{name}"/>'
            for n, name in enumerate(made.values(), 1)
        )
        nodes.insert_before(columns[shift.at - table.area.left], fragment.encode())
    nodes.set(holder, "count", str(len(holder.left) + len(made)))


# --- pivot tables ------------------------------------------------------------------------------------------------


def refuse_pivots(workbook: Workbook, sheet: Sheet, shift: Shift) -> None:
    """Raise ToolInputError for a shift inside of a pivot table: Excel does not do it either."""
    for part in workbook.package.related(sheet.part, "pivotTable"):
        if not workbook.package.has(part):
            continue
        for node in _nodes(workbook, part).named("location"):
            area = _area(markup.attribute(workbook.package.read(part)[node.start : node.inner], b"ref") or "")
            if area is not None and shift.within(area):
                hint = "Choose a place outside of it, or move the pivot table in Excel first."
                raise _in_the_way(f"There is a pivot table in {sheet.name}!{area}.", hint)


def _nodes(workbook: Workbook, part: str) -> Nodes:
    return Nodes(markup.plain(workbook.package.read(part), part))


def _area(text: str) -> Area | None:
    try:
        return Area.parse(text)
    except ToolInputError:
        return None


def shifted_pivot(nodes: Nodes, shift: Shift) -> None:
    """Move the place of a pivot table (18.10.1.49)."""
    for node in nodes.named("location"):
        old = nodes.get(node, "ref")
        if old:
            nodes.set(node, "ref", shifted_areas(old, shift) or old)


def follow_sources(workbook: Workbook, follow: Callable[[Nodes, Node], None]) -> None:
    """Call `follow` for every place that a pivot table's cache is filled from (18.10.1.95, 18.10.1.79)."""
    for part in workbook.package.related(workbook.package.main, "pivotCacheDefinition"):
        if not workbook.package.has(part):
            continue
        data = markup.plain(workbook.package.read(part), part)
        end = data.find(b"cacheFields")  # what follows can be long, and names no place
        nodes = Nodes(data, 0, end if end > 0 else None)
        for node in nodes.named("worksheetSource", "rangeSet"):
            follow(nodes, node)
        if patches := nodes.patches():
            workbook.package.write(part, markup.patched(data, patches))
