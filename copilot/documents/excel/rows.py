"""Adding a row to a table or to a block of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from copilot.documents.excel.cells import Cell, translate
from copilot.documents.excel.dependents import references
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.guards import Guards, pivot_areas
from copilot.documents.excel.refs import Area
from copilot.documents.excel.regions import Region, find_region, unique
from copilot.documents.excel.rewrite import rewritten
from copilot.documents.excel.tableparts import TablePart
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.excel.write import Entry, SheetEdit, entry_of, finish
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

RowValues = Mapping[str, object] | Sequence[object]


def add_row(
    content: bytes, values: RowValues, *, sheet: str | None = None, table: str | None = None, formulas: bool = False
) -> Edited:
    """Add a row under the data of a table, or of the block of a sheet that has these columns.

    `values` are in the order of the columns, or by column name. Columns with a formula go on with it, formats are
    those of the row above, totals move down and go on summing. On a sheet without rows of data the row goes below what
    is there: headers as a rule. Text that starts with "=" stays text unless `formulas`.
    Raises ToolInputError: unknown names, too many values, something in the way below.
    """
    workbook = Workbook.open(content)
    names = list(values) if isinstance(values, Mapping) else []
    if table is None and sheet is None and len(workbook.tables) == 1 and not _elsewhere(workbook, names):
        table = workbook.tables[0].name
    try:
        region = find_region(workbook, sheet, table, names)
    except ToolInputError as error:
        if error.code != "no_data" or not (sheet or len(workbook.worksheets) == 1):
            raise
        region = _below_all(workbook, workbook.sheet(sheet), len(values))
    return _Addition(content, workbook, region).add(values, formulas=formulas)


def _below_all(workbook: Workbook, sheet: Sheet, width: int) -> Region:
    """Return a block without rows under the last used row of a sheet, which is taken for its headers."""
    grid = Grid.of(workbook, sheet, compute=False)
    used = grid.used
    if used is None:
        return Region(grid, Area(1, 1, 1, width), None, unique([""] * width, 1), ())
    area = Area(used.bottom, used.left, used.bottom, max(used.right, used.left + width - 1))
    headers = [grid.get(used.bottom, column) for column in range(area.left, area.right + 1)]
    names = unique([grid.reader.show(cell) if cell else "" for cell in headers], area.left)
    return Region(grid, area, used.bottom, names, ())


def add_table_row(content: bytes, table: str, values: RowValues, *, formulas: bool = False) -> Edited:
    """Add a row to a table; see `add_row`."""
    return add_row(content, values, table=table, formulas=formulas)


def append_row(content: bytes, sheet: str, values: RowValues, *, formulas: bool = False) -> Edited:
    """Add a row under the main block of data of a sheet; see `add_row`."""
    return add_row(content, values, sheet=sheet, formulas=formulas)


def _elsewhere(workbook: Workbook, names: Sequence[str]) -> bool:
    """Return whether the only table lacks one of the named columns."""
    known = {" ".join(c.split()).casefold() for c in workbook.tables[0].columns}
    return any(" ".join(n.split()).casefold() not in known for n in names)


@dataclass
class _Addition:
    """One row added to one region: `at` is the row it takes, `pushed` the totals rows that make room."""

    content: bytes
    workbook: Workbook
    region: Region

    def __post_init__(self) -> None:
        self.sheet = self.workbook.sheet(self.region.sheet)
        self.table: Table | None = self.workbook.table(self.region.table) if self.region.table else None
        self.columns = range(self.region.area.left, self.region.area.right + 1)
        self.grows = True
        self.at = self._place()
        self.pushed = [r for r in self.region.totals if r >= self.at] if self.grows else []

    def _place(self) -> int:
        rows = self.region.rows
        last = rows[-1] if rows else (self.region.header or self.region.area.top - 1)
        if self.table is not None:
            data = self.table.data
            if data is not None and last < data.bottom:
                self.grows = False  # an empty row of the table is waiting
            else:
                last = data.bottom if data is not None else last
        return last + 1

    def add(self, values: RowValues, *, formulas: bool) -> Edited:
        """Return the edit."""
        row = self._entries(values, formulas=formulas)
        if not row:
            raise ToolInputError("The new row would be empty.", hint="Give at least one value.", code="value")
        if self.grows:
            self._refuse_what_is_below()
        here = {**self._moved_totals(), **row}
        followers = self._followers(set(here))
        here.update(followers.pop(self.sheet, {}))
        edits = [SheetEdit(self.workbook, s, entries) for s, entries in [(self.sheet, here), *followers.items()]]
        for edit in edits:
            if edit.sheet == self.sheet:
                edit.warnings += Guards(self.workbook, self.sheet, edit.reader).places(edit.entries)
        warnings = self._not_extended()
        for edit in edits:
            edit.apply()
        extra = self._resize()
        edits[0].warnings += warnings
        return finish(self.content, self.workbook, edits, extra)

    def _entries(self, values: RowValues, *, formulas: bool) -> dict[tuple[int, int], Entry]:
        if isinstance(values, Mapping):
            given = {self.region.column(name): value for name, value in values.items()}
        else:
            if len(values) > len(self.region.columns):
                known = ", ".join(self.region.columns)
                message = f"{len(values)} values are given for {len(self.region.columns)} columns."
                raise ToolInputError(message, hint=f"The columns are: {known}.", code="value")
            given = dict(zip(self.columns, values, strict=False))
        made = {}
        for column in self.columns:
            entry = self._continued(column) if given.get(column) is None else entry_of(given[column], formulas=formulas)
            if entry is not None:
                above = self._above(column)
                styled = above.style if above is not None else None
                made[self.at, column] = replace(entry, style=styled)
        return made if any(v is not None for v in given.values()) else {}

    def _above(self, column: int) -> Cell | None:
        rows = self.region.rows
        if not rows:
            return None
        raw = self.region.grid.reader.xml.cell(rows[-1], column)
        return self.region.grid.reader.parse(raw, rows[-1], column) if raw is not None else None

    def _continued(self, column: int) -> Entry | None:
        """Return the formula of the row above, moved down, or of the table's column; None where there is none."""
        above = self.region.grid.get(self.region.rows[-1], column) if self.region.rows else None
        if above is not None and above.formula is not None and above.formula.kind in ("normal", "shared"):
            text = rewritten(above.formula.text, self.sheet.name, self.sheet.name, self._shift_totals)
            return Entry(formula="=" + translate(text[1:], above.row, column, self.at, column))
        if self.table is not None and above is None:
            own = TablePart(self.workbook, self.table).calculated(column - self.region.area.left)
            return Entry(formula=own) if own else None
        return None

    def _refuse_what_is_below(self) -> None:
        """Refuse when the row that is needed is not free in these columns."""
        room = self.at + len(self.pushed)
        for column in self.columns:
            cell = self.region.grid.get(room, column)
            if cell is not None:
                what = self.region.grid.reader.show(cell)[:40]
                message = f"There is no room for a row: {self.region.sheet}!{cell.address} holds {what!r}."
                raise ToolInputError(message, hint="Make room below the data in Excel first.", code="cell_in_the_way")
        new = Area(self.at, self.region.area.left, room, self.region.area.right)
        own = self.table.name if self.table else ""
        others = [t.area for t in self.workbook.tables_on(self.sheet) if t.name != own]
        for area in others + pivot_areas(self.workbook, self.sheet) + self.region.grid.reader.xml.areas(b"mergeCell"):
            if area.overlaps(new):
                message = f"There is no room for a row: {self.region.sheet}!{area} is in the way."
                raise ToolInputError(message, hint="Make room below the data in Excel first.", code="cell_in_the_way")

    def _shift(self, area: Area) -> Area:
        """Return where an area lies after the edit: pushed rows are one further down, ranges over the data longer."""
        if not self.pushed or area.left > self.region.area.right or area.right < self.region.area.left:
            return area
        low, high = self.pushed[0], self.pushed[-1]
        top = area.top + 1 if low <= area.top <= high else area.top
        bottom = area.bottom + 1 if low <= area.bottom <= high else area.bottom
        if area.bottom == self.at - 1 and area.height > 1:
            bottom += 1
        return Area(top, area.left, bottom, area.right)

    def _shift_totals(self, area: Area) -> Area:
        """Return where an area lies that a data row refers to: totals move, ranges that end with the data stay."""
        return area if area.bottom == self.at - 1 else self._shift(area)

    def _moved_totals(self) -> dict[tuple[int, int], Entry]:
        moved: dict[tuple[int, int], Entry] = {}
        for row in reversed(self.pushed):
            for column in self.columns:
                cell = self.region.grid.get(row, column)
                raw = self.region.grid.reader.xml.cell(row, column)
                style = self.region.grid.reader.parse(raw, row, column).style if raw is not None else None
                if row == self.pushed[0]:
                    moved.setdefault((row, column), Entry(style=self._plain_style(column)))
                if cell is not None and cell.formula is not None:
                    text = rewritten(cell.formula.text, self.sheet.name, self.sheet.name, self._shift)
                    moved[row + 1, column] = Entry(formula=text, style=style, moved=True)
                else:
                    moved[row + 1, column] = Entry(cell.value if cell else None, style=style, moved=True)
        return moved

    def _plain_style(self, column: int) -> int | None:
        above = self._above(column)
        return above.style if above is not None else 0

    def _followers(self, done: set[tuple[int, int]]) -> dict[Sheet, dict[tuple[int, int], Entry]]:
        """Return, by sheet, new texts of the formulas that refer to the moved totals."""
        found: dict[Sheet, dict[tuple[int, int], Entry]] = {}
        for sheet in self.workbook.worksheets if self.pushed else ():
            grid = self.region.grid if sheet == self.sheet else Grid.of(self.workbook, sheet, compute=False)
            for cell in (cell for cells in grid.rows.values() for cell in cells.values()):
                at = (cell.row, cell.column)
                if cell.formula is None or (sheet == self.sheet and at in done):
                    continue
                if self._refers(cell.formula.text, sheet.name):
                    found.setdefault(sheet, {})[at] = self._followed(cell, sheet.name)
        if self.pushed:
            self._refuse_names()
        return found

    def _refers(self, text: str, home: str) -> bool:
        totals = Area(self.pushed[0], self.region.area.left, self.pushed[-1], self.region.area.right)
        return any(
            sheet.casefold() == self.sheet.name.casefold()
            and (totals.top in range(a.top, a.bottom + 1))
            and a.height <= 1_000_000
            and a.overlaps(totals)
            for sheet, a in references(text, home, {})
        )

    def _followed(self, cell: Cell, home: str) -> Entry:
        if cell.formula is None or cell.formula.kind not in ("normal", "shared"):
            message = f"{home}!{cell.address} is an array formula that refers to the totals row."
            raise ToolInputError(message, hint="Insert the row in Excel, which moves it.", code="cell_in_the_way")
        return Entry(formula=rewritten(cell.formula.text, home, self.sheet.name, self._shift))

    def _refuse_names(self) -> None:
        for name in self.workbook.names:
            if not name.name.startswith("_xlnm.") and self._refers(name.refers_to, name.sheet or ""):
                message = f"The name {name.name!r} refers to the totals row, which would move."
                raise ToolInputError(message, hint="Insert the row in Excel.", code="cell_in_the_way")

    def _not_extended(self) -> list[str]:
        """Return warnings about formulas and charts whose range ends with the data: they don't take in the new row."""
        if not self.grows:
            return []
        found = self._charts_not_extended()
        for number, cells in self.region.grid.rows.items() if not self.pushed else ():
            for cell in cells.values():
                if cell.formula is None or (number in self.region.rows and cell.column in self.columns):
                    continue
                places = references(cell.formula.text, self.sheet.name, {})
                where = f"{self.sheet.name}!{cell.address}"
                found += [
                    f"{where} covers {a} and does not take in the new row." for n, a in places if self._ends(n, a)
                ]
        return list(dict.fromkeys(found))[:5]

    def _charts_not_extended(self) -> list[str]:
        package = self.workbook.package
        found = []
        for sheet in self.workbook.sheets:
            drawings = [d for d in package.related(sheet.part, "drawing") if package.has(d)]
            for chart in (c for d in drawings for c in package.related(d, "chart") if package.has(c)):
                refs = [e.text or "" for e in package.xml(chart).iter("{*}f")]
                places = [p for ref in refs for p in references(ref, sheet.name, {})]
                if any(self._ends(name, area) for name, area in places):
                    found.append(f"A chart on {sheet.name} does not take in the new row: its ranges end above it.")
        return found

    def _ends(self, sheet: str, area: Area) -> bool:
        """Return whether an area covers data of the region down to its last row."""
        inside = self.region.area.left <= area.left <= self.region.area.right
        same = sheet.casefold() == self.sheet.name.casefold()
        return same and inside and area.bottom == self.at - 1 and area.height > 1

    def _resize(self) -> list[Hunk]:
        if self.table is None or not self.grows:
            return []
        old = self.table.area
        new = Area(old.top, old.left, old.bottom + 1, old.right)
        part = TablePart(self.workbook, self.table)
        part.resize(new, self.table.totals_rows)
        part.save()
        del self.workbook.tables
        return [Hunk(f"table {self.table.name}", str(old), str(new), "structure")]


OPERATIONS = (add_row,)
