"""Writing cells: what may be written where, and everything in the package that has to follow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time

from copilot.documents.excel import arrays, markup, styles
from copilot.documents.excel.calc import Recalculation, as_shown, recalculate
from copilot.documents.excel.calcchain import drop_formulas, set_full_calculation
from copilot.documents.excel.cells import (
    Cell,
    Formula,
    SheetReader,
    cell_element,
    formula_content,
    translate,
    value_content,
)
from copilot.documents.excel.checking import FormulaCheck
from copilot.documents.excel.dateresults import date_result
from copilot.documents.excel.formulas import bare, checked_formula
from copilot.documents.excel.guards import Guards, is_header
from copilot.documents.excel.refs import Area, address, parse_cell, split_sheet
from copilot.documents.excel.splice import Render, SheetXml
from copilot.documents.excel.structured import find
from copilot.documents.excel.tableparts import follow_table_cells
from copilot.documents.excel.values import Percent, Scalar, show, typed
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to stand in a cell: a formula with "=", or a value; `style` overrides the cell's own.

    `moved` says that it stood elsewhere before: a table's totals that move down are still what the table says.
    `given`: a formula as somebody wrote it, which is checked against the workbook and spelled as a file does;
    `checked`: one that was written by somebody and has been checked.
    `typed`: the text that a value was read from. `array`: the range of an array formula, whose other cells are empty
    entries; `dynamic`: it spills as far as it needs to.
    """

    value: Scalar = None
    formula: str = ""
    style: int | None = None
    moved: bool = False
    given: bool = False
    checked: bool = False
    typed: str = ""
    array: Area | None = None
    dynamic: bool = False


@dataclass
class SheetEdit:
    """Entries for one sheet, checked against what stands there, ready to be written."""

    workbook: Workbook
    sheet: Sheet
    entries: dict[tuple[int, int], Entry]
    reader: SheetReader = field(init=False)
    before: dict[tuple[int, int], Cell] = field(init=False)
    warnings: list[str] = field(default_factory=list)
    _dated: dict[tuple[int, int], int] = field(default_factory=dict, init=False)  # formulas that get a format

    def __post_init__(self) -> None:
        self.reader = SheetReader(self.workbook, self.sheet)
        self.entries = {at: self._settled(at, entry) for at, entry in self.entries.items()}
        self.before = _present(self.reader, self.entries)
        self._empty_spills()

    def _settled(self, at: tuple[int, int], entry: Entry) -> Entry:
        """Return an entry whose formula is checked against the workbook and spelled as a file does."""
        if not entry.given:
            return entry
        text = FormulaCheck(self.workbook).stored(entry.formula, self.sheet, at)
        dynamic = entry.array is None and arrays.is_dynamic(text, self.workbook)
        text = arrays.without_at(text, dynamic=dynamic)
        return replace(entry, formula=text, dynamic=dynamic, array=Area(*at, *at) if dynamic else entry.array)

    def _empty_spills(self) -> None:
        """Empty the cells that a dynamic array spilled over when its own cell is written anew."""
        areas = [
            c.formula.area
            for c in self.before.values()
            if c.formula and c.formula.dynamic and c.formula.area is not None
        ]
        more = {at: Entry() for area in areas for at in area.cells() if at not in self.entries}
        if more:
            self.entries = {**self.entries, **more}
            self.before.update(_present(self.reader, more))

    @property
    def xml(self) -> SheetXml:
        """The sheet's part."""
        return self.reader.xml

    @property
    def formulas(self) -> bool:
        """Whether the sheet holds a formula, before or after the edit."""
        return self.xml.has_formulas() or any(entry.formula for entry in self.entries.values())

    def apply(self) -> None:
        """Write the entries into the package: cells, formats, shared formulas, tables, calculation chain."""
        renders: dict[int, dict[int, Render]] = {}
        for row, column, text in self.reader_shared():
            renders.setdefault(row, {})[column] = self._formula_only(text)
        for (row, column), entry in self.entries.items():
            style = self._style(self.before[row, column], entry)
            if entry.formula and style is not None:
                self._dated[row, column] = style
            renders.setdefault(row, {})[column] = self._render(row, column, entry, style)
        self.workbook.package.write(self.sheet.part, self.xml.pieces(renders))
        gone = [cell for at, cell in self.before.items() if cell.formula is not None and not self.entries[at].formula]
        drop_formulas(self.workbook, self.sheet, [cell.address for cell in gone])

    def reader_shared(self) -> list[tuple[int, int, str]]:
        """Return (row, column, formula) of cells whose shared formula loses its master here (18.3.1.40)."""
        groups = {
            cell.formula.shared
            for cell in self.before.values()
            if cell.formula is not None and cell.formula.kind == "shared" and cell.formula.area is not None
        }
        if not groups:
            return []
        return [
            (cell.row, cell.column, cell.formula.text)
            for _, cells in self.reader.rows()
            for cell in cells
            if cell.formula is not None
            and cell.formula.shared in groups
            and cell.formula.kind == "shared"
            and (cell.row, cell.column) not in self.entries
        ]

    def _formula_only(self, text: str) -> Render:
        prefix = self.xml.prefix

        def render(raw: bytes | None) -> bytes:
            found = markup.find(raw or b"", prefix + b"f")
            if raw is None or found is None:
                raise AssertionError("a dependent of a shared formula has an element")
            made = formula_content(text, prefix)
            always = markup.attribute(raw[found.start : found.inner], b"ca")  # to be calculated at every change
            tag = made[: made.index(b">") + 1]
            made = markup.with_attribute(tag, b"ca", always) + made[len(tag) :]
            return raw[: found.start] + made + raw[found.end :]

        return render

    def _render(self, row: int, column: int, entry: Entry, style: int | None) -> Render:
        prefix = self.xml.prefix
        kind: str | None = None
        if entry.formula and entry.array is not None:
            return self._array(row, column, entry, style)
        if entry.formula:
            inner = formula_content(entry.formula, prefix)
        else:
            kind, inner = value_content(entry.value, prefix, date1904=self.workbook.date1904)
        return lambda raw: cell_element(raw, row, column, prefix, kind, inner, style)

    def _array(self, row: int, column: int, entry: Entry, style: int | None) -> Render:
        prefix = self.xml.prefix
        content = formula_content(entry.formula, prefix)
        end = content.index(b">")
        inner = content[:end] + b' t="array" ref="' + str(entry.array).encode() + b'"' + content[end:]
        index = str(arrays.dynamic_index(self.workbook)) if entry.dynamic else None

        def render(raw: bytes | None) -> bytes:
            made = cell_element(raw, row, column, prefix, None, inner, style)
            end = made.index(b">") + 1
            return markup.with_attribute(made[:end], b"cm", index) + made[end:]

        return render

    def _style(self, cell: Cell, entry: Entry) -> int | None:
        """Return the format that the cell needs, None to keep what it has."""
        base = entry.style if entry.style is not None else self.inherited(cell)
        wanted = wanted_format(entry)
        if isinstance(entry.value, str) and _ENTERED_AS_FORMULA.match(entry.value):
            return self._quoted(base, cell)
        shown = self.workbook.styles.kind(base)
        if (entry.given or entry.checked) and entry.array is None and shown == "general":
            found = date_result(bare(entry.formula), lambda place: self._shown_at(place)[0])
            if found is not None:
                number = self._shown_at(found[1])[1] if found[1] else styles.NUMBER_FORMATS[found[0]]
                return add_format(self.workbook, base, number)
        keeps = {"percent": ("percent",), "date": ("date", "datetime"), "datetime": ("datetime",), "time": ("time",)}
        if wanted is None or shown in keeps[wanted.removesuffix("2")] or (shown != "general" and wanted[:4] == "perc"):
            return base if base != cell.style else None
        return add_format(self.workbook, base, styles.NUMBER_FORMATS[wanted])

    def _shown_at(self, place: str) -> tuple[str, int]:
        """Return what a place that a formula reads shows, now or after this edit, and the id of its number format."""
        if "[" in place:
            found = next(find(place))
            table = found.table_in(self.workbook.tables, self.sheet.name, (0, 0))
            sheet, (left, _) = table.sheet, found.columns_in(table)
            at = (table.data.top if table.data else table.area.top, left)
        else:
            own, cell = split_sheet(place.replace("$", ""))
            sheet, at = own or self.sheet.name, parse_cell(cell)
        entry = self.entries.get(at) if sheet.casefold() == self.sheet.name.casefold() else None
        if entry is not None and (kind := wanted_format(entry)):
            return kind, styles.NUMBER_FORMATS[kind]
        target = self.workbook.sheet(sheet)
        reader = self.reader if target == self.sheet else SheetReader(self.workbook, target)
        raw = reader.xml.cell(*at)
        style = reader.parse(raw, *at).style if raw is not None else 0
        return self.workbook.styles.kind(style), self.workbook.styles.number(style)

    def _quoted(self, base: int, cell: Cell) -> int | None:
        """Return a format whose text stays text when somebody enters it again."""
        part = self.workbook.styles.part
        if not part or self.workbook.styles.kind(base) == "text":
            return base if base != cell.style else None
        data = markup.plain(self.workbook.package.read(part), part)
        written, index = styles.with_quote_prefix(data, base)
        if written != data:
            self.workbook.package.write(part, written)
            del self.workbook.styles
        return index

    def inherited(self, cell: Cell) -> int:
        """Return the cell's format; where there is no cell yet, the one of its row or column."""
        if self.xml.cell(cell.row, cell.column) is not None:
            return cell.style
        return default_style(self.xml, cell.row, cell.column)

    def hunks(self, results: Mapping[tuple[int, int], Scalar] | None = None) -> list[Hunk]:
        """Return what changes, cell by cell; `results` are values of new formulas."""
        found = []
        for (row, column), entry in sorted(self.entries.items()):
            before = self.before[row, column]
            value = (results or {}).get((row, column)) if entry.formula else entry.value
            style = before.style if entry.style is None else entry.style
            if entry.formula and (row, column) in self._dated:
                style = self._dated[row, column]
                value = as_shown(value, style, self.workbook)
            after = Cell(row, column, value, style if not isinstance(value, Percent) else 0, _formula(entry))
            where = f"{self.sheet.name}!{address(row, column)}"
            hunk = Hunk(where, self.reader.describe(before), self.reader.describe(after), "cell")
            if hunk.before or hunk.after:
                found.append(hunk)
        return found


def _formula(entry: Entry) -> Formula | None:
    return Formula(entry.formula) if entry.formula else None


def _present(reader: SheetReader, entries: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Cell]:
    """Return the cells that stand where entries will go."""
    wanted = set(entries)
    found = {at: Cell(*at, None) for at in wanted}
    area = Area.around(iter(wanted))
    xml = reader.xml
    for number in {row for row, _ in wanted}:
        row = xml.row(number)
        for span in xml.cells(row) if row else ():
            if (number, span.column) in wanted:
                found[number, span.column] = reader.parse(xml.data[span.start : span.end], number, span.column)
    if any(c.formula is not None and c.formula.text == "=" and c.formula.kind == "shared" for c in found.values()):
        for _, cells in reader.rows(area):  # dependents need their masters, which lie further up
            found.update({(c.row, c.column): c for c in cells if (c.row, c.column) in wanted})
    return found


def wanted_format(entry: Entry) -> str | None:
    """Return the kind of number format that an entry's value needs, a key of styles.NUMBER_FORMATS; None for none."""
    value = entry.value
    if isinstance(value, Percent):
        return "percent" if float(round(value * 100, 9)).is_integer() else "percent2"
    if isinstance(value, datetime):
        return "datetime"
    if isinstance(value, date):
        return "date"
    return "time" if isinstance(value, time) else None


def default_style(xml: SheetXml, row: int, column: int) -> int:
    """Return the format that an empty place has from its row or column (18.3.1.73, 18.3.1.13)."""
    span = xml.row(row)
    tag = xml.data[span.start : span.inner] if span else b""
    if markup.attribute(tag, b"customFormat") in ("1", "true"):
        return int(markup.attribute(tag, b"s") or 0)
    columns = xml.element(b"cols")
    if columns is None:
        return 0
    for element in markup.find_all(xml.data, xml.prefix + b"col", columns.inner, columns.close):
        low, high = xml.attribute(element, b"min"), xml.attribute(element, b"max")
        if low and high and int(low) <= column <= int(high):
            return int(xml.attribute(element, b"style") or 0)
    return 0


def add_format(workbook: Workbook, base: int, number: int) -> int:
    """Return the index of a cell format like `base` with a number format; the styles part grows if needed."""
    part = workbook.styles.part
    if not part:
        return base
    data = markup.plain(workbook.package.read(part), part)
    written, index = styles.with_format(data, base, number)
    if written != data:
        workbook.package.write(part, written)
        del workbook.styles
    return index


def entry_of(value: object, *, formulas: bool = True, text: bool = False) -> Entry:
    """Return the entry for a value as a tool is given it; a string with "=" in front is a formula if `formulas`."""
    if formulas and isinstance(value, str) and value.startswith("=") and len(value.strip()) > 1:
        return Entry(formula=checked_formula(value), given=True)
    made = typed(value, text=text or (isinstance(value, str) and value.startswith("=")))
    return Entry(value=made, typed=value if isinstance(value, str) and not isinstance(made, str) else "")


#: Texts that Excel would take for a formula if they were entered.
_ENTERED_AS_FORMULA = re.compile(r"=.|[+\-@][^\s+\-]")


def write_cells(
    content: bytes, sheet: str | None, cells: Mapping[str, object], *, overwrite: bool = True, formulas: bool = True
) -> Edited:
    """Write values and formulas ("=...") into cells, each in the format that its place has.

    `cells` maps addresses ("B4", or "Budget!B4" where no sheet is given) to values; None empties a cell. Dates (also
    "2026-03-01") and percents get a format where the cell has none. With `overwrite` False a cell that holds
    something else, a table's header or a locked cell is refused; emptying a plain value is not. Raises
    ToolInputError (unknown sheet, bad address or formula, a place that can't be written) and DocumentError.
    """
    workbook = Workbook.open(content)
    if not cells:
        raise ToolInputError("There is nothing to write.", hint="Name at least one cell and its value.", code="value")
    by_sheet = _by_sheet(workbook, sheet, cells, formulas=formulas)
    edits = [SheetEdit(workbook, found, entries) for found, entries in by_sheet.items()]
    return write_entries(content, workbook, edits, overwrite=overwrite)


def write_entries(content: bytes, workbook: Workbook, edits: list[SheetEdit], *, overwrite: bool) -> Edited:
    """Return the workbook with checked entries written and what depends on them computed: see `write_cells`."""
    for edit in edits:
        check_entries(edit, overwrite=overwrite)
    for edit in edits:
        edit.apply()
    return finish(content, workbook, edits)


def write_formula(
    content: bytes, sheet: str | None, place: str, formula: str, *, array: bool = False, overwrite: bool = True
) -> Edited:
    """Write a formula into a cell, or into each cell of a range with its references moved along, as filling does.

    With `array` it is one array formula over the range, as Ctrl+Shift+Enter makes it. Raises ToolInputError (no
    formula, bad place, more than 10,000 cells) and DocumentError.
    """
    if not formula.startswith("="):
        raise ToolInputError(f"{formula!r} is no formula.", hint='It starts with "=".', code="formula")
    text = checked_formula(formula)
    own, bare = split_sheet(place)
    area = Area.parse(bare)
    if area.height * area.width > _MAX_FILL:
        raise ToolInputError(
            f"{area} has more than {_MAX_FILL:,} cells.", hint="Choose a smaller range.", code="address"
        )
    workbook = Workbook.open(content)
    target = workbook.sheet(own or sheet)
    if array:
        entries = {at: Entry() for at in area.cells()}
        entries[area.top, area.left] = Entry(formula=text, given=True, array=area)
    else:
        stored = FormulaCheck(workbook).stored(text, target, (area.top, area.left))
        moved = {at: "=" + translate(stored[1:], area.top, area.left, *at) for at in area.cells()}
        entries = {at: Entry(formula=each, given=True) for at, each in moved.items()}
    return write_entries(content, workbook, [SheetEdit(workbook, target, entries)], overwrite=overwrite)


_MAX_FILL = 10_000


def _by_sheet(
    workbook: Workbook, sheet: str | None, cells: Mapping[str, object], *, formulas: bool
) -> dict[Sheet, dict[tuple[int, int], Entry]]:
    found: dict[Sheet, dict[tuple[int, int], Entry]] = {}
    for where, value in cells.items():
        own, place = split_sheet(where)
        target = workbook.sheet(own or sheet)
        at = parse_cell(place)
        group = found.setdefault(target, {})
        if at in group:
            raise ToolInputError(f"{target.name}!{address(*at)} is given twice.", code="address")
        group[at] = entry_of(value, formulas=formulas)
    return found


def check_entries(edit: SheetEdit, *, overwrite: bool) -> None:
    """Refuse what can't be written, keep texts in cells that are formatted as text, and collect the warnings."""
    for at, entry in list(edit.entries.items()):
        if any(is_header(t, at) for t in edit.workbook.tables_on(edit.sheet)) and entry.value is not None:
            edit.entries[at] = Entry(value=show(entry.value))  # the header of a table is text, whatever it looks like
            continue
        before = edit.before[at]
        shown = edit.workbook.styles.kind(before.style)
        if entry.typed and (shown == "text" or _codes(edit, at)):
            edit.entries[at] = replace(entry, value=entry.typed, typed="")
        elif shown == "text" and not entry.formula and isinstance(entry.value, (int, float)) and before.style:
            edit.warnings.append(f"{edit.sheet.name}!{before.address} is formatted as text.")
    guards = Guards(edit.workbook, edit.sheet, edit.reader)
    if not overwrite:
        guards.refuse_overwriting(edit.entries, edit.before)
    edit.warnings += guards.check(edit.entries, edit.before)


#: Rows above and below a cell that are looked at to tell what its column holds.
_NEAR = 3


def _codes(edit: SheetEdit, at: tuple[int, int]) -> bool:
    """Return whether the cells around are texts that look like numbers ("00123"): then another such is one, too."""
    if not isinstance(edit.entries[at].value, (int, float)):
        return False
    rows = [at[0] + n for n in range(-_NEAR, _NEAR + 1) if n and at[0] + n > 0]
    cells = _present(edit.reader, [(row, at[1]) for row in rows]).values()
    values = [cell.value for cell in cells if not cell.blank and cell.formula is None]
    digits = [v for v in values if isinstance(v, str) and v[:1].isdigit() and v.replace("-", "").isalnum()]
    return bool(digits) and not any(isinstance(v, (int, float)) for v in values)


def finish(content: bytes, workbook: Workbook, edits: list[SheetEdit], extra: Iterable[Hunk] = ()) -> Edited:
    """Follow up in tables, recalculate what depends on the edits, and return the saved file with its hunks."""
    warnings = [w for edit in edits for w in edit.warnings]
    hunks: list[Hunk] = []
    for edit in edits:
        hunks += follow_table_cells(workbook, edit.sheet, edit.entries, edit.before)
    edited = {edit.sheet.name: list(edit.entries) for edit in edits}
    known = {edit.sheet.part: edit.formulas for edit in edits}
    result: Recalculation = recalculate(content, workbook, edited, known)
    warnings += result.warnings
    if result.incomplete:
        set_full_calculation(workbook)
    own = [h for edit in edits for h in edit.hunks(result.values.get(edit.sheet.name))]
    hunks = own + list(extra) + hunks + result.hunks
    warnings += signature_warning(workbook.package)
    parts = [edit.sheet.part for edit in edits] + [t.part for t in workbook.tables] + [workbook.styles.part]
    check_parts(workbook.package, [p for p in parts if p])
    return Edited.of(workbook.package.save(), hunks, dict.fromkeys(warnings))
