"""Formulas wherever a workbook holds them: cells, rules, names, tables, charts; found and rewritten as bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copilot.documents.excel import markup
from copilot.documents.excel.refs import address, parse_cell
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.workbook import Workbook
from copilot.documents.hunks import Hunk

_ATTRIBUTES = rb"""(?:[^>"']|"[^"]*"|'[^']*')*"""
_TEXTS = re.compile(
    rb"<(?:[\w.-]+:)?(f|formula[12]?|calculatedColumnFormula|totalsRowFormula|definedName)(?=[\s>])("
    + _ATTRIBUTES
    + rb")>([^<]+)</"
)
_CHART = re.compile(r"\b(?:drawingml\.chart|chartex)\+xml\Z")
_ADDRESS = re.compile(rb"""<(?:[\w.-]+:)?c\s(?:[^>"']|"[^"]*"|'[^']*')*?\br\s*=\s*["']([A-Z]+[0-9]+)""")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a formula is: its part; the sheet (None for the workbook); (row, column) of a cell's; its element's name.

    `name` is what a defined name is called; `table` the name of the table whose part holds it.
    """

    part: str
    sheet: str | None
    at: tuple[int, int] | None
    element: str
    name: str = ""
    table: str = ""

    def __str__(self) -> str:
        if self.at is not None:
            return f"{self.sheet}!{address(*self.at)}"
        if self.name:
            return f"the name {self.name}"
        if self.table:
            return f"table {self.table}"
        word = "a rule" if self.element in ("formula", "formula1", "formula2") else "a chart or rule"
        return f"{word} on {self.sheet}" if self.sheet else "a chart"


Change = Callable[[str, Home], str]


def rewrite(workbook: Workbook, change: Change, needle: str = "") -> list[tuple[Home, str, str]]:
    """Send every formula (without "=") of the workbook through `change`; return (home, before, after) of the changed.

    Parts that don't hold `needle` are not looked at. The workbook's cached names and tables are forgotten.
    """
    done: list[tuple[Home, str, str]] = []
    for part, sheet, table in list(_parts(workbook)):
        data = markup.plain(workbook.package.read(part), part)
        if not _holds(data, needle):
            continue
        found = list(_changes(workbook, data, part, sheet, table, change))
        if found:
            pieces, at = [], 0
            for start, end, _, _, after in found:
                pieces += [data[at:start], markup.escape(markup.encode_xstring(after)).encode()]
                at = end
            workbook.package.write(part, b"".join([*pieces, data[at:]]))
            done += [(home, before, after) for _, _, home, before, after in found]
    if done:
        forget(workbook)
    return done


def forget(workbook: Workbook) -> None:
    """Let the workbook read its names and tables anew."""
    for cached in ("names", "tables"):
        workbook.__dict__.pop(cached, None)


def _holds(data: bytes, needle: str) -> bool:
    if not needle or not needle.isascii() or markup.escape(needle) != needle:
        return True
    return re.search(re.escape(needle.encode()), data, re.IGNORECASE) is not None


def _changes(
    workbook: Workbook, data: bytes, part: str, sheet: str | None, table: str, change: Change
) -> Iterator[tuple[int, int, Home, str, str]]:
    places: dict[int, tuple[int, int]] | None = None
    for match in _TEXTS.finditer(data):
        before = markup.decode_xstring(markup.unescape(match[3].decode("utf-8", "replace")))
        element = match[1].decode()
        at, name, home_sheet = None, "", sheet
        if element == "definedName":
            tag = b"<d" + match[2] + b">"
            name, home_sheet = markup.attribute(tag, b"name") or "", _scope(workbook, tag)
        elif element == "f" and sheet is not None and part == workbook.sheet(sheet).part:
            at = _cell_of(data, match.start())
            if at is None:
                places = _unnumbered(data, part) if places is None else places
                at = places.get(data.rfind(b"<", 0, match.start()), places.get(match.start()))
        home = Home(part, home_sheet, at, element, name, table)
        after = change(before, home)
        if after != before:
            yield match.start(3), match.end(3), home, before, after


def _scope(workbook: Workbook, tag: bytes) -> str | None:
    index = markup.attribute(tag, b"localSheetId")
    return next((s.name for s in workbook.sheets if str(s.index) == index), None)


def _cell_of(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the cell whose formula begins at `at`, None where the formula is no cell's or the cell has no address."""
    start = data.rfind(b"<", 0, at)
    match = _ADDRESS.match(data, start) if start >= 0 else None
    return parse_cell(match[1].decode()) if match and match.end() <= at else None


def _unnumbered(data: bytes, part: str) -> dict[int, tuple[int, int]]:
    """Return where the cells' elements begin, for files that leave out the addresses."""
    xml = SheetXml(data, part)
    return {cell.start: (row.number, cell.column) for row in xml.rows() for cell in xml.cells(row)}


def _parts(workbook: Workbook) -> Iterator[tuple[str, str | None, str]]:
    """Yield (part, sheet, table) of the parts that may hold formulas."""
    package = workbook.package
    yield package.main, None, ""
    for sheet in workbook.worksheets:
        yield sheet.part, sheet.name, ""
    for table in workbook.tables:
        yield table.part, table.sheet, table.name
    for name in package.names():
        if "chart" in name.casefold() and _CHART.search(package.content_type(name)):
            yield name, None, ""


def users(workbook: Workbook, uses: Callable[[str, Home], bool], needle: str = "") -> list[Home]:
    """Return where formulas are that `uses` says yes to; nothing is changed."""
    found: list[Home] = []

    def look(text: str, home: Home) -> str:
        if uses(text, home):
            found.append(home)
        return text

    rewrite(workbook, look, needle)
    return found


def formula_hunks(done: list[tuple[Home, str, str]]) -> list[Hunk]:
    """Return what a rewrite of formulas changed, place by place; at most 100."""
    kinds = {True: "cell", False: "structure"}
    shown = [
        Hunk(str(home), f"={before}", f"={after}", kinds[home.at is not None])  # type: ignore[arg-type]
        for home, before, after in done[:100]
    ]
    left = len(done) - len(shown)
    return [*shown, Hunk("formulas", "", f"and {left:,} more formulas follow", "structure")] if left else shown
