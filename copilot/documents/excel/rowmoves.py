"""Cells of rows moved to other rows of the same columns, as sorting does it: values, formulas, formats, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from copilot.documents.excel import elements, markup
from copilot.documents.excel.calc import recalculate
from copilot.documents.excel.calcchain import drop_formulas, set_full_calculation
from copilot.documents.excel.cells import Cell, SheetReader, formula_content, translate
from copilot.documents.excel.commentparts import move_comments
from copilot.documents.excel.extents import extents, resized
from copilot.documents.excel.formulas import LATE
from copilot.documents.excel.guards import Guards, pivot_areas
from copilot.documents.excel.refs import MAX_ROW, Area, address
from copilot.documents.excel.reftext import Reference, pieces
from copilot.documents.excel.reshaped import MAX_SHOWN, new_values
from copilot.documents.excel.saving import saved
from copilot.documents.excel.splice import Render
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

At = tuple[int, int]


@dataclass
class RowMoves:
    """Rows of an area that take the places of others: `sources` maps each row to where its cells come from, or None."""

    content: bytes
    workbook: Workbook
    sheet: Sheet
    reader: SheetReader
    area: Area
    sources: Mapping[int, int | None]
    cells: dict[At, Cell] = field(init=False)  # those with a formula

    def __post_init__(self) -> None:
        moving = self._rows()
        read = self.reader.rows(self.area) if self.reader.xml.has_formulas() else ()
        self.cells = {
            (cell.row, cell.column): cell
            for row, cells in read
            if row.number in moving
            for cell in cells
            if cell.formula is not None
        }

    def _rows(self) -> set[int]:
        """Return the rows that cells leave or come to."""
        return {row for pair in self.sources.items() for row in pair if row is not None}

    def check(self) -> list[str]:
        """Return warnings; raises ToolInputError for what can't move: merged cells, arrays, formulas of other rows."""
        where = f"{self.sheet.name}!{self.area}"
        guards = Guards(self.workbook, self.sheet, self.reader)
        obstacles = [("merged cells", a) for a in self.reader.xml.areas(b"mergeCell")]
        obstacles += [("an array formula", a) for a in guards.array_areas()]
        obstacles += [("a pivot table", a) for a in pivot_areas(self.workbook, self.sheet)]
        for what, area in obstacles:
            if area.overlaps(self.area):
                hint = "Leave it out of the range, or unmerge it first." if what == "merged cells" else "Leave it out."
                message = f"The rows of {where} can't move: {area} is {what}."
                raise ToolInputError(message, hint=hint, code="cell_in_the_way")
        for table in self.workbook.tables_on(self.sheet):
            inside = table.data is not None and self.area.clipped(table.data) == self.area
            if table.area.overlaps(self.area) and not inside:
                hint = f"Choose rows of its data ({table.data}), or give the table."
                message = f"{where} overlaps the table {table.name!r} without lying in it."
                raise ToolInputError(message, hint=hint, code="cell_in_the_way")
        self._check_formulas()
        return guards.protection()

    def _check_formulas(self) -> None:
        """A formula that reads another row would read a wrong one afterwards, as it does when Excel sorts."""
        for cell in self.cells.values():
            if cell.formula is None:
                continue
            if cell.formula.kind == "dataTable":
                raise self._refused(cell, "is a data table")
            for piece in pieces(cell.formula.text):
                if isinstance(piece, Reference) and self._astray(piece, cell):
                    raise self._refused(cell, f"refers to {piece}, another row than its own")
            if LATE.search(cell.formula.text) and "OFFSET" in cell.formula.text.upper():
                raise self._refused(cell, "finds its cells by their distance (OFFSET)")

    def _refused(self, cell: Cell, why: str) -> ToolInputError:
        message = f"{self.sheet.name}!{cell.address} {why}: it would be wrong when its row moves."
        hint = "Replace it by its value, or let it refer to its own row, or to whole ranges with $."
        return ToolInputError(message, hint=hint, code="cell_in_the_way")

    def _astray(self, found: Reference, cell: Cell) -> bool:
        here = found.sheet.casefold() in ("", self.sheet.name.casefold()) and found.sheet == found.last
        rows = [(corner.fixed_row, corner.row) for corner in found.corners if corner.row and corner.column]
        if not rows:
            return False  # whole columns, or whole rows given by $: 1:1 moves with the row
        if all(fixed for fixed, _ in rows):
            first, last = rows[0][1], rows[-1][1]
            single = here and any(row in self.sources for row in range(first, min(last, MAX_ROW) + 1))
            return single and not (first <= min(self.sources) and last >= max(self.sources))
        return not here or any(fixed or row != cell.row for fixed, row in rows)

    def apply(self, hunks: list[Hunk], warnings: list[str], extra: list[str] | None = None) -> Edited:
        """Move the cells, what hangs on them and the values that follow; return the edit."""
        renders = self._spelled_out()
        for (row, column), render in self._moved():
            renders.setdefault(row, {})[column] = render
        package = self.workbook.package
        data = b"".join(self.reader.xml.pieces(renders))
        moves = {
            (source, column): (row, column)
            for row, source in self.sources.items()
            if source is not None
            for column in range(self.area.left, self.area.right + 1)
        }
        gone = {(row, column) for row, column in self._places()} - set(moves)
        data = _with_links(data, self.reader.xml.prefix, moves, gone)
        package.write(self.sheet.part, data)
        touched = move_comments(self.workbook, self.sheet, moves, gone)
        self._drop_from_chain(moves)
        places = sorted({at for pair in moves.items() for at in pair if pair[0] != pair[1]} | gone)
        before = Workbook.open(self.content)
        others = resized(self.workbook, extents(before))
        asked = {**others, self.sheet.name: sorted({*places, *others.get(self.sheet.name, ())})}
        result = recalculate(self.content, self.workbook, asked)
        if result.incomplete:
            set_full_calculation(self.workbook)
        parts = [self.sheet.part, package.main, *touched, *(extra or []), *(s.part for s in self.workbook.worksheets)]
        moved = set(places)
        values = {
            name: {at: value for at, value in found.items() if name != self.sheet.name or at not in moved}
            for name, found in result.values.items()
        }
        hunks = [*hunks, *new_values(before, values)[:MAX_SHOWN], *result.hunks]
        return saved(self.workbook, hunks, parts, [*warnings, *result.warnings])

    def _places(self) -> Iterator[At]:
        for row in self.sources:
            yield from ((row, column) for column in range(self.area.left, self.area.right + 1))

    def _moved(self) -> Iterator[tuple[At, Render]]:
        """Yield what each place gets: the raw cell that moves there, or nothing."""
        raws = self._raws()
        for row, column in self._places():
            source = self.sources[row]
            raw = raws.get((source, column)) if source is not None else None
            if raw is None and (row, column) not in raws:
                continue
            yield (row, column), self._render(raw, source, row, column)

    def _raws(self) -> dict[At, bytes]:
        xml = self.reader.xml
        found = {}
        rows = self._rows()
        for row in xml.rows():
            if row.number in rows:
                for span in xml.cells(row):
                    if self.area.left <= span.column <= self.area.right:
                        found[row.number, span.column] = xml.data[span.start : span.end]
        return found

    def _render(self, raw: bytes | None, source: int | None, row: int, column: int) -> Render:
        if raw is None or source is None:
            return lambda _: b""
        prefix = self.reader.xml.prefix
        made = _addressed(raw, address(source, column), address(row, column))
        cell = self.cells.get((source, column))
        if cell is not None and cell.formula is not None:
            moved = translate(cell.formula.text[1:], source, column, row, column)
            made = with_formula(made, prefix, f"={moved}", (row, column))
        return lambda _: made

    def _spelled_out(self) -> dict[int, dict[int, Render]]:
        """Return renders that give cells outside, whose shared formula has a cell that moves, their own (18.3.1.40)."""
        groups = {c.formula.shared for c in self.cells.values() if c.formula and c.formula.kind == "shared"}
        renders: dict[int, dict[int, Render]] = {}
        if not groups:
            return renders
        prefix = self.reader.xml.prefix
        for _, cells in self.reader.rows():
            for cell in cells:
                formula = cell.formula
                if formula is not None and formula.kind == "shared" and formula.shared in groups:
                    text, at = formula.text, (cell.row, cell.column)
                    renders.setdefault(cell.row, {})[cell.column] = _plain(prefix, text, at)
        return renders

    def _drop_from_chain(self, moves: Mapping[At, At]) -> None:
        had = {at for at, cell in self.cells.items() if cell.formula is not None}
        have = {moves[at] for at in had if at in moves}
        drop_formulas(self.workbook, self.sheet, [address(*at) for at in sorted(had - have)])


def _addressed(raw: bytes, old: str, new: str) -> bytes:
    """Return a cell's element with another address."""
    end = raw.index(b">") + 1
    plain = b' r="' + old.encode() + b'"'
    if plain in raw[:end]:
        return raw.replace(plain, b' r="' + new.encode() + b'"', 1)
    return markup.with_attribute(raw[:end], b"r", new) + raw[end:]


def _plain(prefix: bytes, text: str, at: At) -> Render:
    return lambda raw: with_formula(raw or b"", prefix, text, at)


def with_formula(raw: bytes, prefix: bytes, text: str, at: At) -> bytes:
    """Return a cell's element with the text of its formula exchanged; one of an array of one cell keeps being one."""
    found = markup.find(raw, prefix + b"f")
    if found is None:
        return raw
    tag = raw[found.start : found.inner]
    made = formula_content(text, prefix)
    opening = made[: made.index(b">") + 1]
    for name in (b"ca", b"aca"):
        opening_value = markup.attribute(tag, name)
        made = markup.with_attribute(opening, name, opening_value) + made[len(opening) :]
        opening = made[: made.index(b">") + 1]
    if markup.attribute(tag, b"t") == "array":
        new = markup.with_attribute(markup.with_attribute(opening, b"t", "array"), b"ref", address(*at))
        made = new + made[len(opening) :]
    return raw[: found.start] + made + raw[found.end :]


def _with_links(data: bytes, prefix: bytes, moves: Mapping[At, At], gone: set[At]) -> bytes:
    """Return the sheet with the hyperlinks of single cells moved along; those of several cells stay, as in Excel."""
    group = elements.get(data, prefix, b"hyperlinks")
    if group is None:
        return data
    targets = {str(Area(*at, *at)): address(*to) for at, to in moves.items()}
    dropped = {address(*at) for at in gone if at not in moves}
    pieces, at, left = [], group.inner, 0
    for element in markup.find_all(data, prefix + b"hyperlink", group.inner, group.close):
        tag = data[element.start : element.inner]
        ref = markup.attribute(tag, b"ref") or ""
        pieces.append(data[at : element.start])
        at = element.end
        if ref in dropped and ref not in targets:
            continue
        left += 1
        moved = markup.with_attribute(tag, b"ref", targets[ref]) if targets.get(ref, ref) != ref else tag
        pieces += [moved, data[element.inner : element.end]]
    if not left:
        return elements.drop(data, prefix, b"hyperlinks")
    return data[: group.inner] + b"".join([*pieces, data[at : group.close]]) + data[group.close :]
