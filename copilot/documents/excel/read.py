"""A workbook as a model or a person reads it: grids with addresses, formulas beside values, hidden things marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from copilot.documents.excel import markup
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.formulas import without_prefixes
from copilot.documents.excel.grid import BIG, Grid
from copilot.documents.excel.refs import Area, column_letters, split_sheet
from copilot.documents.excel.regions import regions
from copilot.documents.excel.unseen import HIDDEN_COLUMN, Unseen, unseen_cells
from copilot.documents.excel.values import CellError, show
from copilot.documents.excel.workbook import Sheet, Table, Workbook, string_text
from copilot.documents.segments import Heading, Outline, Reading, Segment, SheetOutline, TableOutline

#: Characters of Markdown for the whole workbook: about 12,000 tokens.
MAX_CHARACTERS = 48_000
#: Rows of one sheet that a reading shows before it cuts.
MAX_ROWS = 200
_MAX_CELL = 300
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
    used, columns = _used_and_columns(workbook, sheet)
    return SheetOutline(sheet.name, str(used) if used else "", columns, tables, sheet.state != "visible")


def _used_and_columns(workbook: Workbook, sheet: Sheet) -> tuple[Area | None, tuple[str, ...]]:
    if workbook.package.size(sheet.part) <= BIG:
        grid = Grid.of(workbook, sheet, compute=False)
        found = regions(grid)
        return grid.used, found[0].columns if found else ()
    reader = SheetReader(workbook, sheet)
    head: list[Cell] = []
    last = 0
    tail = list(reader.xml.rows())[-20:]
    for span, cells in reader.rows(Area(1, 1, 50, 16_384)):
        head += cells
        last = max(last, span.number)
    for span in tail:
        for place in reader.xml.cells(span):
            cell = reader.parse(reader.xml.data[place.start : place.end], span.number, place.column)
            head += [] if cell.blank else [cell]
    used = Area.around((c.row, c.column) for c in head)
    rows: dict[int, dict[int, Cell]] = {}
    for cell in head:
        if cell.row <= 50:
            rows.setdefault(cell.row, {})[cell.column] = cell
    found = regions(Grid(workbook, sheet, reader, rows))
    return used, found[0].columns if found else ()


def _property(workbook: Workbook, name: str) -> str:
    for part in workbook.package.related("", "core-properties"):
        if workbook.package.has(part):
            for element in workbook.package.xml(part):
                if isinstance(element.tag, str) and etree.QName(element).localname == name:
                    return (element.text or "").strip()
    return ""


@dataclass(frozen=True)
class RangeReading:
    """The cells of a range: `markdown` a grid with addresses, `values` typed rows (dates as ISO text), `formulas`."""

    sheet: str
    area: Area
    markdown: str
    values: list[list[object]]
    formulas: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The place as a citation names it."""
        return f"{self.sheet}!{self.area}"


def read_range(
    content: bytes, sheet: str | None, range: str | None = None, *, formulas: bool = True, max_rows: int = MAX_ROWS
) -> RangeReading:
    """Return the cells of a range ("A1:C9", "Budget!A1:C9", "A:C"); of all that is used for None.

    At most `max_rows` rows are shown; the notes say what was cut. Raises ToolInputError and DocumentError.
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
    if area.height > max_rows:
        notes.append(f"Rows {area.top + max_rows} to {area.bottom} are not shown: ask for a smaller range.")
        area = Area(area.top, area.left, area.top + max_rows - 1, area.right)
    cells = {(c.row, c.column): c for _, row in grid.within(area) for c in row.values()}
    values = [[_json(cells.get((r, c))) for c in _span(area.left, area.right)] for r in _span(area.top, area.bottom)]
    texts = {c.address: without_prefixes(c.formula.text) for c in cells.values() if c.formula is not None}
    notes += _errors(grid.sheet.name, list(cells.values()))
    return RangeReading(
        grid.sheet.name, area, grid_markdown(grid, area, formulas=formulas), values, texts, tuple(notes)
    )


def _part(workbook: Workbook, sheet: Sheet, wanted: Area | None, rows: int) -> tuple[Grid, Area | None]:
    """Return the cells to read, and the used range: all cells of a sheet, of a big one only the rows that are shown."""
    if workbook.package.size(sheet.part) <= BIG:
        grid = Grid.of(workbook, sheet)
        return grid, grid.used
    used, _ = _used_and_columns(workbook, sheet)
    shown = wanted.clipped(used) if wanted and used else used
    if shown is not None:
        shown = Area(shown.top, shown.left, min(shown.bottom, shown.top + rows - 1), shown.right)
    return Grid.of(workbook, sheet, area=shown or wanted), used


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


def grid_markdown(grid: Grid, area: Area, *, formulas: bool = True) -> str:
    """Return an area as a Markdown table: column letters above, row numbers at the left, blank rows left out."""
    used = sorted({c for _, cells in grid.within(area) for c in cells}) or [area.left]
    lines = ["| | " + " | ".join(column_letters(c) for c in used) + " |", "|---" * (len(used) + 1) + "|"]
    for number, cells in grid.within(area):
        shown = [_shown(grid, cells[c], formulas=formulas) if c in cells else "" for c in used]
        lines.append(f"| {number} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _shown(grid: Grid, cell: Cell, *, formulas: bool) -> str:
    text = _short(grid.reader.show(cell))
    if formulas and cell.formula is not None:
        formula = _short(without_prefixes(cell.formula.text))
        text = f"{text} `{formula}`" if text else f"`{formula}`"
    return text.replace("|", "\\|").replace("\n", "<br>")


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


_NOT_SHOWN = {
    "chart": "chart",
    "image": "picture",
    "diagramData": "SmartArt diagram",
    "oleObject": "embedded object",
    "ctrlProp": "form control",
    "package": "embedded file",
    "slicer": "slicer",
    "pivotTable": "pivot table",
}


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
        for where, text in _comments(self.workbook, grid.sheet):
            self.flags.append("comments")
            self._add(text, f"{name}!{where}", "comment", hidden=hidden)
        for table in self.workbook.tables_on(grid.sheet):
            self._add(f"table {table.name}: {', '.join(table.columns)}", f"{name}!{table.area}", "name", hidden=hidden)
        merged = grid.reader.xml.areas(b"mergeCell")
        if merged:
            self._add(", ".join(str(a) for a in merged[:100]), f"sheet {name}", "merged", hidden=hidden)
        for where, text in _validations(grid.reader):
            self._add(text, f"{name}!{where}", "validation", hidden=hidden)
        for where, text in _margins(grid.reader):
            self._add(text, f"{name}, {where}", where, hidden=hidden)

    def _not_shown(self, sheet: Sheet) -> None:
        counts: dict[str, int] = {}
        parts = [sheet.part, *self.workbook.package.related(sheet.part, "drawing")]
        for part in parts:
            for relation in self.workbook.package.relationships(part):
                if word := _NOT_SHOWN.get(relation.short_type):
                    counts[word] = counts.get(word, 0) + 1
        for word, count in counts.items():
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
    text = grid_markdown(grid, area)
    if len(text) > max(left, 2_000) and area.width > _WIDE:
        area = Area(area.top, area.left, area.bottom, area.left + _WIDE - 1)
        text = grid_markdown(grid, area)
    while len(text) > max(left, 2_000) and area.height > 1:
        height = max(1, int(area.height * max(left, 2_000) / len(text) * 0.9))
        area = Area(area.top, area.left, area.top + min(height, area.height - 1) - (height == area.height), area.right)
        text = grid_markdown(grid, area)
    return area, text


def _comments(workbook: Workbook, sheet: Sheet) -> Iterator[tuple[str, str]]:
    """Yield (address, text with author) of comments; the threaded ones, and what is not their shadow."""
    package = workbook.package
    threaded = [p for p in package.related(sheet.part, "threadedComment") if package.has(p)]
    seen = set()
    for part in threaded:
        people = {
            e.get("id", ""): e.get("displayName", "")
            for p in package.related(package.main, "person")
            if package.has(p)
            for e in package.xml(p)
            if isinstance(e.tag, str)
        }
        for comment in package.xml(part):
            if isinstance(comment.tag, str):
                text = "".join(t.text or "" for t in comment if str(t.tag).endswith("}text"))
                seen.add(comment.get("ref", ""))
                yield (
                    comment.get("ref", ""),
                    f"{people.get(comment.get('personId', ''), '')}: {text}".removeprefix(": "),
                )
    for part in package.related(sheet.part, "comments"):
        if not package.has(part):
            continue
        data = markup.plain(package.read(part), part)
        prefix = markup.prefix_of(data)
        authors = [markup.unescape(data[e.inner : e.close].decode()) for e in markup.find_all(data, prefix + b"author")]
        for element in markup.find_all(data, prefix + b"comment"):
            tag = data[element.start : element.inner]
            where, author = markup.attribute(tag, b"ref") or "", markup.attribute(tag, b"authorId") or ""
            text = string_text(data[element.inner : element.close], prefix)
            who = authors[int(author)] if author.isdigit() and int(author) < len(authors) else ""
            if where not in seen:
                yield where, f"{who}: {text}" if who and not text.startswith(who) else text


_MARGIN = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(Header|Footer)(?:\s[^>]*)?>([^<]+)<")
_MARGIN_CODES = re.compile(r'&(?:"[^"]*"|K[0-9A-F]{6}|\d+|[LCRBIUESXYPNDTFZAGO])')


def _margins(reader: SheetReader) -> Iterator[tuple[str, str]]:
    """Yield ("header" or "footer", text) of the printed pages, without the codes of 18.3.1.46."""
    for match in _MARGIN.finditer(reader.xml.data, reader.xml.close):
        text = " ".join(_MARGIN_CODES.sub(" ", markup.unescape(match[2].decode("utf-8", "replace"))).split())
        if text:
            yield match[1].decode().lower(), text


def _validations(reader: SheetReader) -> Iterator[tuple[str, str]]:
    """Yield (range, rule in words) of the data validations, those of the 2010 extension included."""
    data = reader.xml.data[reader.xml.close :]
    for match in re.finditer(rb"<(?:(\w+):)?dataValidation\s([^>]*)>(.*?)</(?:\w+:)?dataValidation>", data, re.DOTALL):
        tag = b"<dataValidation " + match[2] + b">"
        formulas = re.findall(rb"<(?:\w+:)?formula[12](?:\s[^>]*)?>(?:<\w+:f>)?([^<]*)<", match[3])
        where = markup.attribute(tag, b"sqref") or "".join(
            t.decode() for t in re.findall(rb"<\w+:sqref>([^<]*)<", match[3])
        )
        kind = markup.attribute(tag, b"type") or "any"
        operator = markup.attribute(tag, b"operator") or ("between" if len(formulas) > 1 else "")
        told = [
            words
            for key in (b"promptTitle", b"prompt", b"errorTitle", b"error")
            if (words := markup.attribute(tag, key))
        ]
        rule = " and ".join(markup.unescape(f.decode("utf-8", "replace")) for f in formulas)
        yield where, " ".join(x for x in (kind, operator if kind != "list" else "", rule, *told) if x)
