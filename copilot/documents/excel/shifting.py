"""Rows and columns inserted and deleted, with every reference in the workbook moved along.

What refers to deleted cells alone becomes #REF!, ranges shrink and grow, as Excel does it. What can't follow is named
in a refusal: an array formula or a pivot table that would be cut, a table that would lose its header or its last row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from copilot.documents.excel import markup
from copilot.documents.excel.cells import SheetReader, inflated
from copilot.documents.excel.extents import extents, resized
from copilot.documents.excel.formula_places import Formulas, content_types, formula_parts, homes
from copilot.documents.excel.guards import Guards
from copilot.documents.excel.nodes import Node, Nodes
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, address, column_letters, column_number
from copilot.documents.excel.reshaped import drop_chain, recalculated
from copilot.documents.excel.sheet_refs import cell_data
from copilot.documents.excel.shift import Follower, Shift
from copilot.documents.excel.shifting_cells import Outcome, ShiftedCells, followed_cells
from copilot.documents.excel.shifting_parts import (
    follow_sources,
    lost_columns,
    new_columns,
    refuse_pivots,
    refuse_tables,
    shifted_drawing,
    shifted_pivot,
    shifted_places,
    shifted_table,
    shifted_vml,
)
from copilot.documents.excel.shifting_sheet import Elements, shifted_areas
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.structured import without_columns
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import DocumentError, ToolInputError

#: Cells of deleted rows or columns, and formulas that lost what they refer to, that a change shows one by one.
MAX_SHOWN = 40

Count = Annotated[int, Field(ge=1, le=MAX_ROW)]
RowNumber = Annotated[int, Field(ge=1, le=MAX_ROW)]


def insert_rows(content: bytes, at: RowNumber, count: Count = 1, sheet: str = "") -> Edited:
    """Insert empty rows above row `at`, in the format of the row above; all references follow.

    Raises ToolInputError "cell_in_the_way" where an array formula or a pivot table would be cut or cells would be
    pushed off the sheet, "unchanged" where nothing lies below.
    """
    return _Shifting(content, sheet, Shift(True, at, count, False)).edited()


def delete_rows(content: bytes, at: RowNumber, count: Count = 1, sheet: str = "") -> Edited:
    """Delete rows from row `at` on; references to them alone become #REF!, ranges shrink.

    Raises ToolInputError "cell_in_the_way" where an array formula or a pivot table would be cut, or a table would lose
    its header or all of its data.
    """
    return _Shifting(content, sheet, Shift(True, at, count, True)).edited()


def insert_columns(content: bytes, at: str | int, count: Count = 1, sheet: str = "") -> Edited:
    """Insert empty columns left of column `at` ("C" or 3), in the format of the column before; references follow.

    A table that the columns go through gets new columns. Raises ToolInputError as `insert_rows` does.
    """
    return _Shifting(content, sheet, Shift(False, _column(at), count, False)).edited()


def delete_columns(content: bytes, at: str | int, count: Count = 1, sheet: str = "") -> Edited:
    """Delete columns from column `at` ("C" or 3) on; references to them alone become #REF!, ranges shrink.

    Raises ToolInputError as `delete_rows` does.
    """
    return _Shifting(content, sheet, Shift(False, _column(at), count, True)).edited()


def _column(at: str | int) -> int:
    text = str(at).strip()
    if text.isascii() and text.isalpha():
        number = column_number(text) if len(text) <= 3 else 0
    else:
        number = int(text) if text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= MAX_COLUMN:
        raise ToolInputError(f"{at!r} is no column.", hint="Write it like C, or as its number.", code="address")
    return number


class _Shifting:
    """One shift of one sheet, and all that follows from it."""

    def __init__(self, content: bytes, sheet: str, shift: Shift) -> None:
        if shift.at + shift.count - 1 > shift.limit:
            last = str(MAX_ROW) if shift.rows else column_letters(MAX_COLUMN)
            message = f"The sheet ends at {'row' if shift.rows else 'column'} {last}."
            raise ToolInputError(message, hint="Choose fewer.", code="address")
        self._content, self._shift = content, shift
        self._workbook = Workbook.open(content)
        self._package = self._workbook.package
        self._sheet = self._workbook.sheet(sheet)
        order = tuple(s.name.casefold() for s in self._workbook.sheets)
        self._follower = Follower(self._sheet.name, shift, order)
        self._tables = self._workbook.tables_on(self._sheet)
        lost = {t.name.casefold(): columns for t in self._tables if (columns := lost_columns(t, shift))}
        if lost:
            known = {t.name.casefold(): t.columns for t in self._tables}
            self._follower.tables = lambda text: without_columns(text, lost, known)
        self._homes = homes(self._workbook)
        self._extents = extents(self._workbook)
        self._written: list[str] = []
        self._outcomes: dict[str, Outcome] = {}
        self._several: list[str] = []

    def edited(self) -> Edited:
        """Return the edit; raises ToolInputError for what stands in the way, before anything is written."""
        xml = SheetXml(inflated(self._package, self._sheet.part), self._sheet.part)
        self._refuse(xml)
        shown = self._shown() if self._shift.deletes else ""
        self._own_sheet(xml)
        del xml
        self._own_parts()
        for sheet in self._workbook.worksheets:
            if sheet != self._sheet:
                self._other_sheet(sheet)
        self._other_parts()
        self._sources()
        if not self._written:
            what = f"{'row' if self._shift.rows else 'column'} {self._shift.name.partition(':')[0]}"
            message = f"Nothing lies at or behind {what} of {self._sheet.name!r}."
            raise ToolInputError(message, hint="Write there without inserting.", code="unchanged")
        self._chain()
        return self._finished(shown)

    def _refuse(self, xml: SheetXml) -> None:
        for area in Guards(self._workbook, self._sheet, SheetReader(self._workbook, self._sheet, xml)).array_areas():
            if self._shift.within(area) and not self._shift.takes(area):
                message = f"{self._sheet.name}!{area} is an array formula or a data table, which can't be cut."
                raise ToolInputError(message, hint="Choose a place outside of it.", code="cell_in_the_way")
        queries = {t.part for t in self._tables if self._package.related(t.part, "queryTable")}
        refuse_tables(self._tables, self._shift, queries=queries)
        refuse_pivots(self._workbook, self._sheet, self._shift)

    def _formulas(self, home: str | None) -> Formulas:
        own = home == self._sheet.name
        follower = self._follower
        return Formulas(
            lambda text, offset: follower.text(text, own=own, offset=offset), lambda text: follower.name(text)
        )

    # --- the sheet itself ------------------------------------------------------------------------------------------

    def _own_sheet(self, xml: SheetXml) -> None:
        headers = {
            (table.area.top, column): name
            for table in self._tables
            if table.header_rows
            for column, name in new_columns(table, self._shift).items()
        }
        cells = ShiftedCells(xml, self._follower, headers)
        patches = list(cells.patches())
        self._outcomes[self._sheet.name] = cells.formulas.outcome
        head = Nodes(xml.data, 0, cell_data(xml))
        tail = Nodes(xml.data, xml.close)
        for nodes in (head, tail):
            Elements(nodes, self._shift, self._formulas(self._sheet.name)).follow()
            shifted_drawing(nodes, self._shift)
        self._drop_tables(tail)
        patches = [*head.patches(), *patches, *tail.patches()]
        self._write(self._sheet.part, xml.data, patches)

    def _drop_tables(self, tail: Nodes) -> None:
        """Take out tables of which all rows or columns are deleted: what they held is gone."""
        for table in self._tables:
            if not self._shift.takes(table.area):
                continue
            ids = {r.id for r in self._package.relationships(self._sheet.part) if r.target == table.part}
            for node in tail.named("tablePart"):
                tag = tail.data[node.start : node.inner]
                if any(f'"{key}"'.encode() in tag for key in ids):
                    parent = node.parent
                    tail.remove(node)
                    if parent is not None:
                        tail.set(parent, "count", str(len(parent.left)))
                        if not parent.left:
                            tail.remove(parent)
            self._package.unrelate(self._sheet.part, table.part)
            self._package.remove(table.part)
        self._tables = [t for t in self._tables if not self._shift.takes(t.area)]

    def _own_parts(self) -> None:
        for table in self._tables:
            nodes = self._nodes(table.part)
            shifted_table(nodes, table, self._shift, self._formulas(self._sheet.name))
            self._save(table.part, nodes)
        for kind, follow in (
            ("comments", shifted_places),
            ("threadedComment", shifted_places),
            ("tableSingleCells", shifted_places),
            ("drawing", shifted_drawing),
            ("vmlDrawing", shifted_vml),
            ("pivotTable", shifted_pivot),
        ):
            for part in dict.fromkeys(self._package.related(self._sheet.part, kind)):
                if self._package.has(part):
                    self._follow_part(part, kind, follow)

    def _follow_part(self, part: str, kind: str, follow: Callable[[Nodes, Shift], None]) -> None:
        try:
            nodes = self._nodes(part)
        except DocumentError:
            if kind == "vmlDrawing":
                return  # only the place of a box: no reason to refuse the edit
            raise
        follow(nodes, self._shift)
        self._save(part, nodes)

    # --- everything else -------------------------------------------------------------------------------------------

    def _other_sheet(self, sheet: Sheet) -> None:
        xml = SheetXml(inflated(self._package, sheet.part), sheet.part)
        patches, self._outcomes[sheet.name] = followed_cells(xml, self._follower)
        head, tail = Nodes(xml.data, 0, cell_data(xml)), Nodes(xml.data, xml.close)
        for nodes in (head, tail):
            self._formulas(sheet.name).rewrite(nodes)
            for node in nodes.named("dataRef"):
                self._source(nodes, node)
        self._write(sheet.part, xml.data, [*head.patches(), *patches, *tail.patches()])

    def _other_parts(self) -> None:
        kinds = content_types(self._workbook)
        done = {s.part for s in self._workbook.worksheets} | {t.part for t in self._tables}
        for part in formula_parts(self._workbook):
            if part in done or (self._homes.get(part) != self._sheet.name and not self._mentions(part)):
                continue
            try:
                nodes = self._nodes(part)
            except DocumentError:
                if kinds[part].endswith("vmldrawing"):
                    continue
                raise
            self._formulas(self._homes.get(part)).rewrite(nodes)
            self._save(part, nodes)

    def _mentions(self, part: str) -> bool:
        data = self._package.read(part)
        return b"!" in data or b"\0" in data[:4] or (self._follower.tables is not None and b"[" in data)

    def _sources(self) -> None:
        follow_sources(self._workbook, self._source)

    def _source(self, nodes: Nodes, node: Node) -> None:
        """Move a place that names its sheet in an attribute beside it; one that is gone stays as it is."""
        old = nodes.get(node, "ref")
        if old and (nodes.get(node, "sheet") or "").casefold() == self._sheet.name.casefold():
            new = shifted_areas(old, self._shift) or old
            if new != old:
                nodes.set(node, "ref", new)
                self._written.append("")

    def _nodes(self, part: str) -> Nodes:
        return Nodes(markup.plain(self._package.read(part), part))

    def _save(self, part: str, nodes: Nodes) -> None:
        self._write(part, nodes.data, nodes.patches())

    def _write(self, part: str, data: bytes, patches: Sequence[tuple[int, int, bytes]]) -> None:
        changes = [p for p in patches if data[p[0] : p[1]] != p[2]]
        if changes:
            self._package.write(part, markup.patched(data, changes))
            self._written.append(part)

    def _chain(self) -> None:
        """Remove the calculation chain (18.6), which names formulas by their places: Excel makes a new one."""
        if any(outcome.formulas for outcome in self._outcomes.values()):
            drop_chain(self._workbook)

    # --- what people see -------------------------------------------------------------------------------------------

    def _finished(self, shown: str) -> Edited:
        check_parts(self._package, [part for part in self._written if part])
        what = ("row" if self._shift.rows else "column") + ("s" if self._shift.count > 1 else "")
        text = f"{self._shift.count:,} {what} {'deleted' if self._shift.deletes else 'inserted'}"
        hunks = [Hunk(f"{self._sheet.name}!{self._shift.name}", shown, text, "structure")]
        broken = [
            Hunk(f"{name}!{address(*at)}", f"={before}", f"={after}", "cell")
            for name, outcome in self._outcomes.items()
            for at, before, after in outcome.broken
        ]
        hunks += broken[:MAX_SHOWN]
        warnings = self._warnings(broken)
        content = self._package.save()
        reshaped = resized(Workbook.open(content), self._extents)
        for name, outcome in self._outcomes.items():
            reshaped.setdefault(name, []).extend(outcome.reshaped)
        content, more = recalculated(content, reshaped)
        return Edited.of(content, [*hunks, *more.hunks], dict.fromkeys([*warnings, *more.warnings]))

    def _warnings(self, broken: list[Hunk]) -> list[str]:
        warnings = signature_warning(self._package)
        if broken:
            names = ", ".join(h.where for h in broken[:5]) + (f" and {len(broken) - 5:,} more" if broken[5:] else "")
            warnings.append(f"These formulas refer to what is deleted and give #REF! now: {names}.")
        several = [f"{n}!{address(*at)}" for n, o in self._outcomes.items() for at in o.several]
        if several:
            names = ", ".join(several[:5])
            warnings.append(f"These refer to the same cells on several sheets, and were not moved: {names}.")
        return warnings

    def _shown(self) -> str:
        """Return what stands in the rows or columns that are deleted, as far as it fits."""
        shift, found = self._shift, []
        high = shift.after - 1
        area = Area(shift.at, 1, high, MAX_COLUMN) if shift.rows else Area(1, shift.at, MAX_ROW, high)
        reader = SheetReader(self._workbook, self._sheet)
        for _, cells in reader.rows(area):
            found += [f"{cell.address}: {reader.describe(cell)}" for cell in cells]
            if len(found) > MAX_SHOWN:
                return "; ".join(found[:MAX_SHOWN]) + " ..."
        return "; ".join(found)


OPERATIONS = (insert_rows, delete_rows, insert_columns, delete_columns)
