"""Places that can't simply be written: parts of arrays, merged ranges, pivot tables, table headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from copilot.documents.excel import markup, styles
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.formulas import without_prefixes
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.errors import ToolInputError

if TYPE_CHECKING:
    from copilot.documents.excel.write import Entry

#: Cells that an error names, and characters of what stands in each.
_NAMED, _LONGEST = 5, 90

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
        return self.protection()

    def check(self, entries: Mapping[At, Entry], before: Mapping[At, Cell]) -> list[str]:
        """Return warnings; raises ToolInputError for a cell that can't be written."""
        self._merged(entries)
        self._arrays(entries)
        self._pivots(entries)
        for table in self.workbook.tables_on(self.sheet):
            self._headers(table, entries)
        return [*self.protection(), *self._overwritten(entries, before)]

    def refuse_overwriting(self, entries: Mapping[At, Entry], before: Mapping[At, Cell]) -> None:
        """Raise ToolInputError that names what a write would replace, with what stands there now.

        Emptying a cell that holds a plain value is what was asked for, and putting the same value again changes
        nothing: neither is refused. Formulas, table headers and locked cells of a protected sheet are.
        """
        tables = self.workbook.tables_on(self.sheet)
        held = [at for at in sorted(entries) if self._holds(entries[at], before[at], tables)]
        locked = self._locked([at for at in sorted(entries) if at not in held], before)
        if not held and not locked:
            return
        told = [f"{self.sheet.name}!{address(*at)} holds {self._what(before[at], at, tables)}" for at in held[:_NAMED]]
        told += [f"{self.sheet.name}!{address(*at)} is locked" for at in locked[: _NAMED - len(told)]]
        more = len(held) + len(locked) - len(told)
        message = "; ".join(told) + (f"; and {more} more" if more else "") + "."
        raise ToolInputError(message, hint="Choose other cells, or set overwrite to true.", code="taken")

    def _holds(self, entry: Entry, cell: Cell, tables: list[Table]) -> bool:
        at = (cell.row, cell.column)
        if cell.blank or (entry.value is None and not entry.formula and cell.formula is None):
            return not cell.blank and any(is_header(table, at) for table in tables)
        if cell.formula is not None:
            return entry.formula != cell.formula.text
        return bool(entry.formula) or type(entry.value) is not type(cell.value) or entry.value != cell.value

    def _what(self, cell: Cell, at: At, tables: list[Table]) -> str:
        header = next((table for table in tables if is_header(table, at)), None)
        if cell.formula is not None:
            return f"the formula {without_prefixes(cell.formula.text)}"[:_LONGEST]
        shown = self.reader.show(cell)
        shown = repr(shown) if isinstance(cell.value, str) else shown
        return (f"{shown}, a header of the table {header.name!r}" if header else shown)[:_LONGEST]

    def _locked(self, places: Iterable[At], before: Mapping[At, Cell]) -> list[At]:
        """Return the cells that the sheet's protection covers (18.3.1.85): all but those whose format says no."""
        part = self.workbook.styles.part
        if not self.protection() or not part:
            return []
        data = markup.plain(self.workbook.package.read(part), part)
        return [at for at in places if not styles.unlocked(data, before[at].style)]

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
                master = self.reader.at(area.top, area.left)
                dynamic = master.formula is not None and master.formula.dynamic
                hint = f"Write all of {area} at once, or leave it."
                why = f"is part of an array formula over {area}"
                if dynamic:
                    why = f"shows a value that {master.address} spills over {area}"
                    hint = f"Change the formula in {master.address}, or choose a cell outside."
                raise self._refuse(hit[0], why, hint)

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
                    hint = "Change its source data, then use refresh_pivot."
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
            if index < len(names):
                names[index] = str(new)
        if len({n.casefold() for n in names}) < len(names):
            raise ToolInputError(f"The table {table.name!r} would have two columns of one name.", code="taken")

    def protection(self) -> list[str]:
        """Return a warning where the sheet is protected."""
        element = self.reader.xml.element(b"sheetProtection")
        if element is not None and self.reader.xml.attribute(element, b"sheet") in ("1", "true", "on"):
            return [f"The sheet {self.sheet.name!r} is protected: Excel would not allow this edit."]
        return []

    def _overwritten(self, entries: Mapping[At, Entry], before: Mapping[At, Cell]) -> list[str]:
        warnings = []
        lost = [(at, c) for at, c in sorted(before.items()) if c.formula is not None and not entries[at].formula]
        formulas = [c.address for _, c in lost]
        emptied = [c.address for at, c in lost if entries[at].value is None]
        replaced = [place for place in formulas if place not in set(emptied)]
        if replaced:
            warnings.append(f"{self.sheet.name}: a formula is replaced by a value in {_some(replaced)}.")
        if emptied:
            warnings.append(f"{self.sheet.name}: a formula is deleted in {_some(emptied)}.")
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
