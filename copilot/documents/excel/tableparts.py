"""Tables (18.5): their parts as bytes, and what follows from an edit of their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import Cell
from copilot.documents.excel.everywhere import Home, formula_hunks, rewrite
from copilot.documents.excel.guards import is_header
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.structured import with_columns
from copilot.documents.excel.values import show
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.hunks import Hunk

if TYPE_CHECKING:
    from copilot.documents.excel.write import Entry

At = tuple[int, int]


class TablePart:
    """The XML of a table, edited as bytes."""

    def __init__(self, workbook: Workbook, table: Table) -> None:
        self._package = workbook.package
        self._part = table.part
        self.data = markup.plain(workbook.package.read(table.part), table.part)
        self.prefix = markup.prefix_of(self.data)

    def columns(self) -> list[markup.Element]:
        """Return the `tableColumn` elements."""
        return list(markup.find_all(self.data, self.prefix + b"tableColumn"))

    def attribute(self, index: int, name: str) -> str | None:
        """Return an attribute of a column."""
        element = self.columns()[index]
        return markup.attribute(self.data[element.start : element.inner], name.encode())

    def set_column(self, index: int, **attributes: str | None) -> None:
        """Set or remove attributes of a column."""
        element = self.columns()[index]
        tag = self.data[element.start : element.inner]
        for name, value in attributes.items():
            tag = markup.with_attribute(tag, name.encode(), value)
        self.data = markup.replace_tag(self.data, element, tag)

    def set_totals_formula(self, index: int, formula: str | None) -> None:
        """Set or remove a column's own formula of the totals row (18.5.1.6)."""
        name = self.prefix + b"totalsRowFormula"
        element = self.columns()[index]
        old = markup.find(self.data, name, element.inner, element.close)
        if old is not None:
            self.data = self.data[: old.start] + self.data[old.end :]
        if formula is None:
            return
        made = b"<" + name + b">" + markup.escape(formula[1:]).encode() + b"</" + name + b">"
        element = self.columns()[index]
        calculated = markup.find(self.data, self.prefix + b"calculatedColumnFormula", element.inner, element.close)
        if calculated is not None:
            self.data = self.data[: calculated.end] + made + self.data[calculated.end :]
        elif element.empty:
            self.data = markup.insert_into(self.data, element, self.prefix + b"tableColumn", made)
        else:
            self.data = self.data[: element.inner] + made + self.data[element.inner :]

    def calculated(self, index: int) -> str | None:
        """Return a column's formula for new rows with its "=", None if it has none."""
        element = self.columns()[index]
        name = self.prefix + b"calculatedColumnFormula"
        found = markup.find(self.data, name, element.inner, element.close)
        if found is None:
            return None
        return "=" + markup.unescape(self.data[found.inner : found.close].decode())

    def set_calculated(self, index: int, formula: str | None) -> None:
        """Set or remove a column's formula (with its "=") for its cells (18.5.1.1): the first child of the column."""
        name = self.prefix + b"calculatedColumnFormula"
        element = self.columns()[index]
        old = markup.find(self.data, name, element.inner, element.close)
        if old is not None:
            self.data = self.data[: old.start] + self.data[old.end :]
            element = self.columns()[index]
        if formula is None:
            return
        made = b"<" + name + b">" + markup.escape(formula[1:]).encode() + b"</" + name + b">"
        if element.empty:
            self.data = markup.insert_into(self.data, element, self.prefix + b"tableColumn", made)
        else:
            self.data = self.data[: element.inner] + made + self.data[element.inner :]

    def set_columns(self, kept: Sequence[int | str]) -> None:
        """Keep these columns (by index, with all they hold) and make new ones (by name), in this order."""
        group = markup.find(self.data, self.prefix + b"tableColumns")
        if group is None:
            raise AssertionError("a table has columns")
        present = [self.data[e.start : e.end] for e in self.columns()]
        ids = [int(markup.attribute(raw[: raw.index(b">") + 1], b"id") or 0) for raw in present]
        made, number = [], max(ids, default=0)
        for each in kept:
            if isinstance(each, int):
                made.append(present[each])
                continue
            number += 1
            made.append(table_column(self.prefix, number, each))
        tag = markup.with_attribute(self.data[group.start : group.inner], b"count", str(len(made)))
        self.data = self.data[: group.start] + tag + b"".join(made) + self.data[group.close :]

    def set(self, **attributes: str | None) -> None:
        """Set or remove attributes of the table itself."""
        root = self._root()
        tag = self.data[root.start : root.inner]
        for name, value in attributes.items():
            tag = markup.with_attribute(tag, name.encode(), value)
        self.data = markup.replace_tag(self.data, root, tag)

    def child(self, name: bytes) -> markup.Element | None:
        """Return the table's child of that name, None where there is none."""
        return elements.get(self.data, self.prefix, name)

    def put(self, name: bytes, element: bytes) -> None:
        """Put a child in at its place, or exchange it."""
        self.data = elements.put(self.data, self.prefix, name, element)

    def resize(self, area: Area, totals_rows: int) -> None:
        """Set the area of the table and, without its totals rows, of its filter."""
        for name, ref in ((b"table", area), (b"autoFilter", _without(area, totals_rows))):
            element = markup.find(self.data, self.prefix + name) if name != b"table" else self._root()
            if element is not None:
                tag = markup.with_attribute(self.data[element.start : element.inner], b"ref", str(ref))
                self.data = markup.replace_tag(self.data, element, tag)

    def _root(self) -> markup.Element:
        match = markup.tag_pattern(self.prefix + b"table").search(self.data)
        if match is None:
            raise AssertionError("a table part begins with its table")
        return markup.Element(match.start(), match.end(), match.end(), match.end())

    def save(self) -> None:
        """Write the part into the package."""
        self._package.write(self._part, self.data)


def table_column(prefix: bytes, number: int, name: str) -> bytes:
    """Return a new `tableColumn`; line breaks in its name are written as Excel does."""
    spelled = markup.encode_xstring(name).replace("\n", "_x000a_")
    return b"<" + prefix + f'tableColumn id="{number}" name="{markup.escape(spelled, quote=True)}"/>'.encode()


def _without(area: Area, totals_rows: int) -> Area:
    return Area(area.top, area.left, area.bottom - totals_rows, area.right)


def follow_table_cells(
    workbook: Workbook, sheet: Sheet, entries: Mapping[At, Entry], before: Mapping[At, Cell]
) -> list[Hunk]:
    """Bring table parts in line with edited header and totals cells; return what that changes.

    Formulas that refer to a column by its name follow a new one, as they do in Excel.
    """
    hunks: list[Hunk] = []
    for table in workbook.tables_on(sheet):
        touched = {at: e for at, e in entries.items() if at in table.area}
        headers = {at: e for at, e in touched.items() if is_header(table, at)}
        totals = {at: e for at, e in touched.items() if table.totals_rows and at[0] == table.area.bottom}
        if not headers and not totals:
            continue
        part = TablePart(workbook, table)
        names: dict[str, str] = {}
        for at, entry in headers.items():
            hunks += _rename(part, table, at, entry, names)
        for at, entry in totals.items():
            _retotal(part, at[1] - table.area.left, entry)
        part.save()
        hunks += formula_hunks(follow_columns(workbook, table, names)) if names else []
    return hunks


def _rename(part: TablePart, table: Table, at: At, entry: Entry, names: dict[str, str]) -> list[Hunk]:
    index = at[1] - table.area.left
    old, new = table.columns[index], show(entry.value)
    if old == new:
        return []
    names[old] = new
    part.set_column(index, name=markup.encode_xstring(new).replace("\n", "_x000a_"))
    return [Hunk(f"table {table.name}, column {address(*at)}", old, new, "structure")]


def _retotal(part: TablePart, index: int, entry: Entry) -> None:
    """Say in the table what now stands in its totals row, or Excel puts the old one back."""
    if entry.moved:
        if part.attribute(index, "totalsRowFunction") == "custom":
            part.set_totals_formula(index, entry.formula or None)
        return
    part.set_column(index, totalsRowFunction=None, totalsRowLabel=None)
    part.set_totals_formula(index, entry.formula or None)
    if entry.formula:
        part.set_column(index, totalsRowFunction="custom")
    elif entry.value is not None:
        part.set_column(index, totalsRowLabel=show(entry.value))


def follow_columns(workbook: Workbook, table: Table, names: Mapping[str, str]) -> list[tuple[Home, str, str]]:
    """Let all formulas that refer to columns of a table follow their new names; return (home, before, after)."""

    def change(text: str, home: Home) -> str:
        own = home.at is not None and home.sheet == table.sheet and home.at in table.area
        return with_columns(text, table, names, inside=own or home.table == table.name)

    return rewrite(workbook, change, "[")
