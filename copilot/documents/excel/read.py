"""A workbook as a model or a person reads it: grids with addresses, formulas beside values, hidden things marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from copilot.documents.excel.analysis.figures import is_number
from copilot.documents.excel.annotations import annotations_of, parts_of
from copilot.documents.excel.cells import Cell
from copilot.documents.excel.formulas import without_prefixes
from copilot.documents.excel.grid import BIG, Grid
from copilot.documents.excel.numfmt import BUILTIN, display_cell, rounded
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, column_letters, quote_sheet, split_sheet
from copilot.documents.excel.regions import Region, regions
from copilot.documents.excel.stream import last_rows
from copilot.documents.excel.unseen import HIDDEN_COLUMN, Unseen, unseen_cells
from copilot.documents.excel.values import CellError, show
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.segments import Heading, Outline, Reading, Segment, SheetOutline, TableOutline

#: Characters of Markdown for the whole workbook: about 12,000 tokens.
MAX_CHARACTERS = 48_000
#: Rows of one sheet that a reading shows before it cuts.
MAX_ROWS = 200
_MAX_CELL = 300
_MARGINS = ("header", "footer")
_HEAD = 50  # rows of a big sheet that its outline looks at
_CHARACTERS = 3  # of a grid for a token, at the least
_WIDE = 60  # columns that are shown of a sheet that is too long for one reading


def outline(content: bytes) -> Outline:
    """Return the sheets with their used ranges, headers and tables. Cheap, also for big files.

    Of a sheet over 8 MB the columns are those of its first and last rows. Raises DocumentError.
    """
    workbook = Workbook.open(content)
    sheets = tuple(_sheet_outline(workbook, sheet) for sheet in workbook.worksheets)
    headings = tuple(Heading(s.name, 1, f"sheet {s.name}") for s in workbook.sheets if s.state == "visible")
    return Outline("excel", _property(workbook, "title"), headings, sheets)


def _sheet_outline(workbook: Workbook, sheet: Sheet) -> SheetOutline:
    tables = tuple(TableOutline(t.name, str(t.area), t.columns) for t in workbook.tables_on(sheet))
    grid, used = _glimpse(workbook, sheet)
    found = regions(grid)
    holds = tuple(_holds(grid, found))
    columns = found[0].columns if found else ()
    return SheetOutline(sheet.name, str(used) if used else "", columns, tables, sheet.state != "visible", holds)


def _glimpse(workbook: Workbook, sheet: Sheet) -> tuple[Grid, Area | None]:
    """Return the cells of a sheet and its used range; of a big one only the first cells, and those of its last rows."""
    if workbook.package.size(sheet.part) <= BIG:
        grid = Grid.of(workbook, sheet, compute=False)
        return grid, grid.used
    grid = Grid.streamed(workbook, sheet, Area(1, 1, MAX_ROW, MAX_COLUMN), most=_HEAD)
    ends = [(row.number, column) for row in last_rows(workbook, sheet) for column in row.values]
    return grid, Area.around(iter([*ends, *((r, c) for r, cells in grid.rows.items() for c in cells)]))


def _holds(grid: Grid, found: list[Region]) -> Iterator[str]:
    """Yield in words what a sheet holds besides its main block of data: what an outline must not be silent about."""
    for region in found[1:12]:
        names = ", ".join(region.columns[:8])
        yield f"{'table ' + region.table if region.table else 'block'} {region.area}: {names}"
    if len(found) > 12:
        yield f"{len(found) - 12} more blocks"
    if grid.hidden_rows:
        yield f"hidden rows: {_runs(grid.hidden_rows)}"
    if grid.hidden_columns:
        yield f"hidden columns: {_runs(grid.hidden_columns, letters=True)}"
    merged = grid.reader.xml.areas(b"mergeCell")
    if merged:
        shown = ", ".join(str(a) for a in merged[:10])
        yield f"merged: {shown}{f' and {len(merged) - 10} more' if len(merged) > 10 else ''}"
    counts: dict[str, int] = {}
    for each in annotations_of(grid.reader):
        counts[each.kind] = counts.get(each.kind, 0) + 1
    for kind, count in {**counts, **parts_of(grid.workbook, grid.sheet)}.items():
        yield f"{count} {kind}{'s' if count > 1 else ''}"
    if grid.reader.xml.element(b"sheetProtection") is not None:
        yield "protected"


def _runs(numbers: Iterable[int], *, letters: bool = False) -> str:
    """Return numbers in short: "3-5, 9"."""
    made: list[list[int]] = []
    for number in sorted(numbers):
        if made and number == made[-1][1] + 1:
            made[-1][1] = number
        else:
            made.append([number, number])
    name: Callable[[int], str] = column_letters if letters else str
    texts = [name(a) if a == b else f"{name(a)}-{name(b)}" for a, b in made[:20]]
    return ", ".join(texts) + (f" and {len(made) - 20} more" if len(made) > 20 else "")


def _property(workbook: Workbook, name: str) -> str:
    for part in workbook.package.related("", "core-properties"):
        if workbook.package.has(part):
            for element in workbook.package.xml(part):
                if isinstance(element.tag, str) and etree.QName(element).localname == name:
                    return (element.text or "").strip()
    return ""


@dataclass(frozen=True)
class RangeReading:
    """The cells of a range: `markdown` a grid with addresses, `values` typed rows (dates as ISO text), `formulas`.

    `shown` are the same rows as Excel shows them, by their number formats. `next` is the range to go on with when not
    all of it is in here ("Budget!A201:F900"), "" when it is.
    """

    sheet: str
    area: Area
    markdown: str
    values: list[list[object]]
    formulas: dict[str, str]
    notes: tuple[str, ...] = ()
    shown: list[list[str]] = field(default_factory=list)
    next: str = ""

    @property
    def where(self) -> str:
        """The place as a citation names it."""
        return f"{self.sheet}!{self.area}"


def read_range(
    content: bytes,
    sheet: str | None,
    range: str | None = None,
    *,
    formulas: bool = True,
    max_rows: int = MAX_ROWS,
    budget: int = 0,
) -> RangeReading:
    """Return the cells of a range ("A1:C9", "Budget!A1:C9", "A:C"); of all that is used for None.

    At most `max_rows` rows are in it, and no more than a grid of `budget` tokens has room for (0: any number); the
    notes say what was cut, `next` how to go on. Of a big sheet only the rows asked for are held. Numbers are shown as
    Excel shows them; where that hides digits, the value follows in brackets. Raises ToolInputError and DocumentError.
    """
    workbook = Workbook.open(content)
    own, place = split_sheet(range) if range else (None, "")
    found = workbook.sheet(own or sheet)
    wanted = Area.parse(place) if place else None
    grid, used = _part(workbook, found, wanted, max_rows)
    if used is None:
        return RangeReading(
            grid.sheet.name, wanted or Area(1, 1, 1, 1), "(the sheet is empty)", [], {}, tuple(grid.notes)
        )
    area = (wanted.clipped(used) if wanted else used) or Area(wanted.top, wanted.left, wanted.top, wanted.left)  # type: ignore[union-attr]
    notes = list(grid.notes)
    whole = area
    if area.height > max_rows:
        area = Area(area.top, area.left, area.top + max_rows - 1, area.right)
    if budget:
        area = _affordable(grid, area, budget * _CHARACTERS, formulas=formulas)
    following = ""
    if area.bottom < whole.bottom:
        rest = Area(area.bottom + 1, whole.left, whole.bottom, whole.right)
        following = f"{quote_sheet(grid.sheet.name)}!{rest}"
        notes.append(f"Rows {rest.top} to {rest.bottom} are not shown: ask for a smaller range, or go on with {rest}.")
    cells = {(c.row, c.column): c for _, row in grid.within(area) for c in row.values()}
    places = [[cells.get((r, c)) for c in _span(area.left, area.right)] for r in _span(area.top, area.bottom)]
    texts = {c.address: without_prefixes(c.formula.text) for c in cells.values() if c.formula is not None}
    notes += _hidden(grid, area)
    notes += _errors(grid.sheet.name, list(cells.values()))
    markdown = grid_markdown(grid, area, formulas=formulas, as_shown=True)
    values = [[_json(cell) for cell in row] for row in places]
    shown = [[as_excel(grid, cell) for cell in row] for row in places]
    return RangeReading(grid.sheet.name, area, markdown, values, texts, tuple(notes), shown, following)


def as_excel(grid: Grid, cell: Cell | None) -> str:
    """Return a cell's value as Excel shows it, "" for a blank one."""
    return display_cell(cell, grid.workbook.styles, date1904=grid.workbook.date1904) if cell is not None else ""


def _affordable(grid: Grid, area: Area, characters: int, *, formulas: bool) -> Area:
    """Return the first rows of an area whose grid has at most so many characters; one row at least."""
    text = grid_markdown(grid, area, formulas=formulas, as_shown=True)
    left = characters
    bottom = area.top - 1
    numbers = [number for number, _ in grid.within(area)]
    lines = text.split("\n")
    left -= sum(len(line) + 1 for line in lines[:2])
    for number, line in zip(numbers, lines[2:], strict=True):
        left -= len(line) + 1
        if left < 0 and bottom >= area.top:
            return Area(area.top, area.left, bottom, area.right)
        bottom = number
    return area


def _hidden(grid: Grid, area: Area) -> Iterator[str]:
    rows = [r for r in grid.hidden_rows if area.top <= r <= area.bottom]
    columns = [c for c in grid.hidden_columns if area.left <= c <= area.right]
    if rows:
        yield f"Hidden rows: {_runs(rows)}."
    if columns:
        yield f"Hidden columns: {_runs(columns, letters=True)}."
    if grid.sheet.state != "visible":
        yield f"The sheet {grid.sheet.name} is hidden."


def _part(workbook: Workbook, sheet: Sheet, wanted: Area | None, rows: int) -> tuple[Grid, Area | None]:
    """Return the cells to read, and the used range: all cells of a sheet, of a big one only the rows that are shown."""
    if workbook.package.size(sheet.part) <= BIG:
        grid = Grid.of(workbook, sheet)
        return grid, grid.used
    glimpse, used = _glimpse(workbook, sheet)
    shown = wanted.clipped(used) if wanted and used else used
    if shown is None:
        return glimpse, used
    shown = Area(shown.top, shown.left, min(shown.bottom, shown.top + rows - 1), shown.right)
    return Grid.streamed(workbook, sheet, shown), used


def _span(first: int, last: int) -> Iterator[int]:
    return iter(range(first, last + 1))


def _json(cell: Cell | None) -> object:
    if cell is None or cell.value is None or isinstance(cell.value, (bool, int, float, str)):
        return cell.value if cell else None
    return show(cell.value)


def _errors(sheet: str, cells: list[Cell]) -> list[str]:
    wrong = [f"{sheet}!{c.address} {c.value}" for c in cells if isinstance(c.value, CellError)]
    more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return [f"Errors: {', '.join(wrong[:10])}{more}."] if wrong else []


def grid_markdown(grid: Grid, area: Area, *, formulas: bool = True, as_shown: bool = False) -> str:
    """Return an area as a Markdown table: column letters above, row numbers at the left, blank rows left out.

    With `as_shown` numbers are written as Excel shows them; dates are ISO dates in any case.
    """
    used = sorted({c for _, cells in grid.within(area) for c in cells}) or [area.left]
    lines = ["| | " + " | ".join(column_letters(c) for c in used) + " |", "|---" * (len(used) + 1) + "|"]
    for number, cells in grid.within(area):
        shown = [_shown(grid, cells[c], formulas=formulas, as_shown=as_shown) if c in cells else "" for c in used]
        lines.append(f"| {number} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _shown(grid: Grid, cell: Cell, *, formulas: bool, as_shown: bool) -> str:
    text = _short(_number_shown(grid, cell) if as_shown and is_number(cell.value) else grid.reader.show(cell))
    if formulas and cell.formula is not None:
        formula = _short(without_prefixes(cell.formula.text))
        text = f"{text} `{formula}`" if text else f"`{formula}`"
    return text.replace("|", "\\|").replace("\n", "<br>")


def _number_shown(grid: Grid, cell: Cell) -> str:
    """Return a number as Excel shows it; the value goes with it where the format hides it or digits that matter."""
    styles = grid.workbook.styles
    exact = grid.reader.show(cell)
    code = styles.code(cell.style) or BUILTIN.get(styles.number(cell.style), "General")
    if code.casefold() == "general":
        return exact
    shown = as_excel(grid, cell).strip()
    value = float(cell.value) if isinstance(cell.value, (int, float)) else 0.0
    kept = abs(float(rounded(value, code)) - value) <= 5e-7 * max(1.0, abs(value))
    return shown if (kept and any(c.isdigit() for c in shown)) or not value else f"{shown} ({exact})".lstrip()


def _short(text: str) -> str:
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 1] + "…"


def tables(content: bytes) -> tuple[Table, ...]:
    """Return the tables of a workbook."""
    return Workbook.open(content).tables


def read(content: bytes) -> Reading:
    """Return the whole workbook for a model: each sheet's regions, comments, validations, names, hidden parts.

    Big sheets are cut; `omitted` says where. Raises DocumentError.
    """
    workbook = Workbook.open(content)
    reader = _Reader(workbook)
    for sheet in workbook.sheets:
        reader.sheet(sheet)
    reader.names()
    flags = tuple(dict.fromkeys(_flags(workbook) + reader.flags))
    properties = {k: v for k in ("title", "creator", "subject", "description") if (v := _property(workbook, k))}
    return Reading(
        "excel",
        tuple(reader.segments),
        reader.markdown(),
        flags,
        tuple(reader.omitted),
        properties.get("title", ""),
        properties,
    )


def _flags(workbook: Workbook) -> list[str]:
    package = workbook.package
    found = []
    if package.macros:
        found.append("macros")
    if package.related(package.main, "externalLink"):
        found.append("external-links")
    if package.related(package.main, "connections"):
        found.append("connections")
    if package.signed:
        found.append("signed")
    if any(s.state != "visible" for s in workbook.sheets):
        found.append("hidden-sheets")
    return found


class _Reader:
    """Collects segments sheet by sheet, within a budget of characters."""

    def __init__(self, workbook: Workbook) -> None:
        self.workbook = workbook
        self.segments: list[Segment] = []
        self.omitted = [
            f"sheet {name}: the file lists it but does not hold it: it is damaged" for name in workbook.lost
        ]
        self.flags: list[str] = []
        self._left = MAX_CHARACTERS
        self._unseen = Unseen.of(workbook)

    def markdown(self) -> str:
        """Return all segments as one text."""
        lines = []
        for segment in self.segments:
            hidden = f" ({segment.hidden})" if segment.hidden else ""
            if segment.kind == "heading":
                lines.append(f"## {segment.text}{hidden}")
            elif segment.kind == "table":
                lines.append(f"{segment.where}{hidden}\n\n{segment.text}")
            else:
                lines.append(f"- {segment.where}, {segment.kind}{hidden}: {segment.text}")
        return "\n\n".join(lines) + "\n"

    def _add(self, text: str, where: str, kind: str, *, hidden: str = "", address: str = "", level: int = 0) -> None:
        if len(text) > self._left:
            self.omitted.append(f"{where} ({kind}): too long for one reading, ask for a part of it")
            return
        self._left -= len(text)
        self.segments.append(Segment(text, where, kind, address, level, hidden))

    def sheet(self, sheet: Sheet) -> None:
        """Add one sheet."""
        hidden = {"visible": "", "hidden": "hidden sheet", "veryHidden": "very hidden sheet"}.get(
            sheet.state, sheet.state
        )
        self._add(sheet.name, f"sheet {sheet.name}", "heading", hidden=hidden, level=1)
        if sheet.kind != "worksheet":
            self.omitted.append(f"sheet {sheet.name}: a {sheet.kind}, which has no cells")
            return
        grid, used = _part(self.workbook, sheet, None, MAX_ROWS)
        self.omitted += grid.notes
        self._grid(grid, used, hidden)
        self._annotations(grid, hidden)
        self._not_shown(sheet)

    def _grid(self, grid: Grid, used: Area | None, hidden: str) -> None:
        if used is None:
            return
        unseen = {} if hidden else unseen_cells(grid, self._unseen.reasons)
        if unseen:
            self._hidden_cells(grid, unseen)
            kept = {r: {c: cell for c, cell in cells.items() if (r, c) not in unseen} for r, cells in grid.rows.items()}
            grid = replace(grid, rows={r: cells for r, cells in kept.items() if cells})
        if not grid.rows:
            return
        shown = used
        last = list(grid.rows)[min(len(grid.rows), MAX_ROWS) - 1]
        if last < used.bottom and len(grid.rows) > MAX_ROWS:
            shown = Area(used.top, used.left, last, used.right)
            self.omitted.append(f"{grid.sheet.name}: rows {last + 1} to {used.bottom} of {used}")
        area, text = _within_budget(grid, shown, self._left)
        if area.bottom < shown.bottom:
            self.omitted.append(f"{grid.sheet.name}: rows {area.bottom + 1} to {shown.bottom} of {used}")
        if area.right < shown.right:
            span = f"{column_letters(area.right + 1)} to {column_letters(shown.right)}"
            self.omitted.append(f"{grid.sheet.name}: columns {span} of {used}")
        where = f"{grid.sheet.name}!{area}"
        self._add(text, where, "table", hidden=hidden, address=where)

    def _hidden_cells(self, grid: Grid, unseen: dict[tuple[int, int], str]) -> None:
        """Add the cells that are not seen: those of a hidden column together, all others row by row."""
        self.flags.append("hidden-text")
        lines: dict[tuple[str, str], list[str]] = {}
        for (row, column), why in unseen.items():
            place = f"column {column_letters(column)}" if why == HIDDEN_COLUMN else f"row {row}"
            lines.setdefault((place, why), []).append(_short(grid.reader.describe(grid.rows[row][column])))
        for (place, why), texts in lines.items():
            if words := " | ".join(text for text in texts if text):
                self._add(words, f"{grid.sheet.name}, {place}", "cell", hidden=why)

    def _annotations(self, grid: Grid, hidden: str) -> None:
        name = grid.sheet.name
        for table in self.workbook.tables_on(grid.sheet):
            self._add(f"table {table.name}: {', '.join(table.columns)}", f"{name}!{table.area}", "name", hidden=hidden)
        merged = grid.reader.xml.areas(b"mergeCell")
        if merged:
            self._add(", ".join(str(a) for a in merged[:100]), f"sheet {name}", "merged", hidden=hidden)
        for found in annotations_of(grid.reader):
            if found.kind == "comment":
                self.flags.append("comments")
            kind = found.kind
            where = (
                f"{name}!{found.where}" if found.where else f"{name}, {kind}" if kind in _MARGINS else f"sheet {name}"
            )
            self._add(found.text, where, kind, hidden=hidden)

    def _not_shown(self, sheet: Sheet) -> None:
        for word, count in parts_of(self.workbook, sheet).items():
            self.omitted.append(f"sheet {sheet.name}: {count} {word}{'s' if count > 1 else ''}")

    def names(self) -> None:
        """Add the defined names."""
        for name in self.workbook.names:
            if name.name.startswith("_xlnm."):
                continue
            where = f"sheet {name.sheet}" if name.sheet else "workbook"
            self._add(f"{name.name} = {name.refers_to}", where, "name", hidden="hidden name" if name.hidden else "")


def _within_budget(grid: Grid, area: Area, left: int) -> tuple[Area, str]:
    """Return the area cut to rows that fit, and its Markdown; of a very wide one its first columns."""
    text = grid_markdown(grid, area, as_shown=True)
    if len(text) > max(left, 2_000) and area.width > _WIDE:
        area = Area(area.top, area.left, area.bottom, area.left + _WIDE - 1)
        text = grid_markdown(grid, area, as_shown=True)
    while len(text) > max(left, 2_000) and area.height > 1:
        height = max(1, int(area.height * max(left, 2_000) / len(text) * 0.9))
        area = Area(area.top, area.left, area.top + min(height, area.height - 1) - (height == area.height), area.right)
        text = grid_markdown(grid, area, as_shown=True)
    return area, text
