"""Places that can't simply be written: parts of arrays, merged ranges, pivot tables, table headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from copilot.documents.excel import markup
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.errors import ToolInputError

if TYPE_CHECKING:
    from copilot.documents.excel.write import Entry

At = tuple[int, int]


class Guards:
    """What stands in the way of writing on one sheet."""

    def __init__(self, workbook: Workbook, sheet: Sheet, reader: SheetReader) -> None:
        self.workbook = workbook
        self.sheet = sheet
        self.reader = reader

    def places(self, entries: Mapping[At, Entry]) -> list[str]:
        """Return warnings about the places alone: whether cells are part of something that can't be cut."""
        self._merged(entries)
        self._arrays(entries)
        return self._protection()

    def check(self, entries: Mapping[At, Entry], before: Mapping[At, Cell]) -> list[str]:
        """Return warnings; raises ToolInputError for a cell that can't be written."""
        self._merged(entries)
        self._arrays(entries)
        self._pivots(entries)
        for table in self.workbook.tables_on(self.sheet):
            self._headers(table, entries)
        return [*self._protection(), *self._overwritten(entries, before)]

    def _refuse(self, at: At, why: str, hint: str) -> ToolInputError:
        return ToolInputError(f"{self.sheet.name}!{address(*at)} {why}.", hint=hint, code="cell_in_the_way")

    def _merged(self, entries: Mapping[At, Entry]) -> None:
        for area in self.reader.xml.areas(b"mergeCell"):
            for at in entries:
                if at in area and at != (area.top, area.left):
                    hint = f"Write to {address(area.top, area.left)}."
                    raise self._refuse(at, f"is inside the merged range {area}, which shows only its first cell", hint)

    def _arrays(self, entries: Mapping[At, Entry]) -> None:
        """An array formula or data table is written as a whole or not at all, as in Excel (18.3.1.40)."""
        for area in self.array_areas():
            hit = [at for at in entries if at in area]
            if hit and any(at not in entries for at in area.cells()):
                hint = f"Write all of {area} at once, or leave it."
                raise self._refuse(hit[0], f"is part of an array formula over {area}", hint)

    def array_areas(self) -> list[Area]:
        """Return the areas of array formulas and data tables of more than one cell."""
        xml = self.reader.xml
        found = []
        if b"array" not in xml.data and b"dataTable" not in xml.data:
            return []
        for match in markup.tag_pattern(xml.prefix + b"f").finditer(xml.data, xml.inner, xml.close):
            if markup.attribute(match[0], b"t") in ("array", "dataTable") and (
                ref := markup.attribute(match[0], b"ref")
            ):
                area = Area.parse(ref)
                if area.height * area.width > 1:
                    found.append(area)
        return found

    def _pivots(self, entries: Mapping[At, Entry]) -> None:
        for area in pivot_areas(self.workbook, self.sheet):
            for at in entries:
                if at in area:
                    hint = "Change its source data and refresh it in Excel."
                    raise self._refuse(at, f"is inside the pivot table at {area}", hint)

    def _headers(self, table: Table, entries: Mapping[At, Entry]) -> None:
        names = list(table.columns)
        for at, entry in entries.items():
            if not is_header(table, at):
                continue
            index = at[1] - table.area.left
            new = entry.value
            if entry.formula or new is None or not str(new).strip():
                hint = "Give the column a name as text."
                raise self._refuse(
                    at, f"is a column header of the table {table.name!r}: it can't be empty or a formula", hint
                )
            if index < len(names) and str(new) != names[index]:
                self._renamed(table, at, names[index])
                names[index] = str(new)
        if len({n.casefold() for n in names}) < len(names):
            raise ToolInputError(f"The table {table.name!r} would have two columns of one name.", code="taken")

    def _renamed(self, table: Table, at: At, old: str) -> None:
        users = column_users(self.workbook, table, old)
        if users:
            hint = "Rename the column in Excel, which rewrites them."
            where = ", ".join(users[:3])
            raise self._refuse(at, f"names the table column {old!r}, which formulas refer to ({where})", hint)

    def _protection(self) -> list[str]:
        element = self.reader.xml.element(b"sheetProtection")
        if element is not None and self.reader.xml.attribute(element, b"sheet") in ("1", "true", "on"):
            return [f"The sheet {self.sheet.name!r} is protected: Excel would not allow this edit."]
        return []

    def _overwritten(self, entries: Mapping[At, Entry], before: Mapping[At, Cell]) -> list[str]:
        warnings = []
        formulas = [c.address for at, c in sorted(before.items()) if c.formula is not None and not entries[at].formula]
        if formulas:
            warnings.append(f"{self.sheet.name}: a formula is replaced by a value in {_some(formulas)}.")
        values = [c.address for _, c in sorted(before.items()) if not c.blank and c.address not in formulas]
        if values:
            warnings.append(f"{self.sheet.name}: overwrites what stands in {_some(values)}.")
        return warnings


def _some(addresses: list[str]) -> str:
    more = f" and {len(addresses) - 8} more" if len(addresses) > 8 else ""
    return ", ".join(addresses[:8]) + more


def is_header(table: Table, at: At) -> bool:
    """Return whether a cell is a column header of the table."""
    return table.header_rows > 0 and at[0] == table.area.top and table.area.left <= at[1] <= table.area.right


def pivot_areas(workbook: Workbook, sheet: Sheet) -> list[Area]:
    """Return where the sheet's pivot tables lie."""
    found = []
    for part in workbook.package.related(sheet.part, "pivotTable"):
        if workbook.package.has(part):
            location = next((e for e in workbook.package.xml(part) if str(e.tag).endswith("}location")), None)
            if location is not None and location.get("ref"):
                found.append(Area.parse(location.get("ref", "")))
    return found


def column_users(workbook: Workbook, table: Table, column: str) -> list[str]:
    """Return the parts (and names) whose formulas refer to a column of the table by its name."""
    inside = re.compile(r"\[\s*@?\s*\[?" + re.escape(_escaped(column)) + r"\s*\]", re.IGNORECASE)
    found = []
    for sheet in workbook.worksheets:
        data = workbook.package.read(sheet.part)
        prefix = re.escape(markup.prefix_of(data))
        formulas = re.findall(b"<" + prefix + b"(?:f|formula1?|formula2)(?:\\s[^>]*)?>([^<]*\\[[^<]*)<", data)
        if any(inside.search(markup.unescape(f.decode("utf-8", "replace"))) for f in formulas):
            found.append(sheet.name)
    for other in workbook.tables:
        text = workbook.package.read(other.part).decode("utf-8", "replace")
        if any(inside.search(markup.unescape(f)) for f in re.findall(r"Formula[^>]*>([^<]*)<", text)):
            found.append(f"table {other.name}")
    return found + [n.name for n in workbook.names if inside.search(n.refers_to)]


def _escaped(column: str) -> str:
    """Return a column name as structured references spell it: # [ ] ' behind an apostrophe."""
    return re.sub(r"([\[\]#'])", r"'\1", column)
