"""The layout of a sheet: widths and heights, hidden and grouped columns and rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.columns import (
    column_tag,
    columns,
    default_width,
    flag,
    whole_number,
    with_columns,
    with_rows,
)
from copilot.documents.excel.guards import is_header
from copilot.documents.excel.looks import code_of
from copilot.documents.excel.numfmt import display
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, column_letters, split_sheet
from copilot.documents.excel.splice import SheetXml
from copilot.documents.excel.stylesheet import StyleSheet, attributes_of, parts_of
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.widths import MOST_AUTO, digit_pixels, shown_width, stored_width, text_width
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Width = Annotated[float, Field(gt=0, le=255)]
Height = Annotated[float, Field(gt=0, le=409.5)]
Level = Annotated[int, Field(ge=1, le=7)]
_MOST_ROWS = 100_000
#: Rows that are measured for `auto`.
_MEASURED = 20_000
_INDENT = 1.3  # digits: an indent is three spaces
_COLUMN = re.compile(r"\$?([A-Za-z]{1,3})\Z")
_ROW = re.compile(r"\$?(\d{1,7})\Z")


def column_width(content: bytes, columns: str, width: Width | Literal["auto"], *, sheet: str = "") -> Edited:
    """Set the width of columns ("B", "B:D") in characters, as Excel shows it, or "auto" to fit what they show.

    "auto" measures the shown texts (merged and wrapped cells left out) and ends at 80. Columns get visible.
    Raises ToolInputError "unchanged" where they have that width.
    """
    workbook = Workbook.open(content)
    found, first, last = columns_named(workbook, columns, sheet)
    reader = SheetReader(workbook, found)
    digit = digit_pixels(StyleSheet(workbook))
    wanted = _fitting(workbook, reader, first, last) if width == "auto" else {}
    if width == "auto" and not wanted:
        raise ToolInputError(f"There is nothing to measure in {columns!r}.", code="unchanged")
    xml = reader.xml
    hunks = []
    for low, high in [(c, c) for c in wanted] or [(first, last)]:
        characters = wanted.get(low, 0.0) if width == "auto" else float(width)
        before = _shown(xml, low, digit)
        stored = f"{stored_width(characters, digit):.15g}"
        attributes = {
            b"width": stored,
            b"customWidth": "1",
            b"bestFit": "1" if width == "auto" else None,
            b"hidden": None,
        }
        data = with_columns(xml, low, high, lambda tag, a=attributes: _set(tag, a))  # type: ignore[misc]
        if data != xml.data:
            hunks.append(Hunk(_where(found, "column", low, high), before, f"width {characters:g}", "format"))
        xml = SheetXml(data, xml.name)
    return written(workbook, found, reader.xml.data, xml.data, hunks)


def row_height(content: bytes, rows: str, height: Height | Literal["auto"], *, sheet: str = "") -> Edited:
    """Set the height of rows ("3", "3:9") in points, or "auto" to let Excel fit it to their texts.

    Raises ToolInputError "unchanged" where they have that height.
    """
    attributes: dict[bytes, str | None] = {b"ht": None, b"customHeight": None}
    if height != "auto":
        attributes = {b"ht": f"{float(height):g}", b"customHeight": "1", b"hidden": None}

    def said(tag: bytes) -> str:
        own = markup.attribute(tag, b"ht")
        return f"height {float(own):g}" if own else "height auto"

    return _rows(content, rows, sheet, lambda tag: _set(tag, attributes), said)


def hide_columns(content: bytes, columns: str, *, sheet: str = "") -> Edited:
    """Hide columns ("B", "B:D"); what they hold stays."""
    return _columns(content, columns, sheet, lambda tag: _set(tag, {b"hidden": "1"}), _visibility)


def show_columns(content: bytes, columns: str, *, sheet: str = "") -> Edited:
    """Show hidden columns again, those of width 0 and of collapsed groups, too."""
    return _columns(content, columns, sheet, _shown_again, _visibility)


def hide_rows(content: bytes, rows: str, *, sheet: str = "") -> Edited:
    """Hide rows ("3", "3:9"); what they hold stays."""
    return _rows(content, rows, sheet, lambda tag: _set(tag, {b"hidden": "1"}), _visibility)


def show_rows(content: bytes, rows: str, *, sheet: str = "") -> Edited:
    """Show hidden rows again; those that a filter hides, too, with a warning."""
    return _rows(content, rows, sheet, _shown_again, _visibility, filtered=True)


def group_columns(
    content: bytes, columns: str, *, sheet: str = "", level: Level | None = None, collapsed: bool = False
) -> Edited:
    """Group columns under one outline level more, or at `level` (1 to 7); `collapsed` hides them behind a +."""
    return _columns(content, columns, sheet, lambda tag: _grouped(tag, level, collapsed), _level, collapsed=collapsed)


def ungroup_columns(content: bytes, columns: str, *, sheet: str = "") -> Edited:
    """Take columns out of one outline level; what a collapsed group hid stays hidden until it is shown."""
    return _columns(content, columns, sheet, _ungrouped, _level)


def group_rows(
    content: bytes, rows: str, *, sheet: str = "", level: Level | None = None, collapsed: bool = False
) -> Edited:
    """Group rows under one outline level more, or at `level` (1 to 7); `collapsed` hides them behind a +."""
    return _rows(content, rows, sheet, lambda tag: _grouped(tag, level, collapsed), _level, collapsed=collapsed)


def ungroup_rows(content: bytes, rows: str, *, sheet: str = "") -> Edited:
    """Take rows out of one outline level; what a collapsed group hid stays hidden until it is shown."""
    return _rows(content, rows, sheet, _ungrouped, _level)


def columns_named(workbook: Workbook, columns: str, sheet: str = "") -> tuple[Sheet, int, int]:
    """Return the sheet, the first and the last column of "B", "B:D" or "Budget!B:D"; raises ToolInputError."""
    own, written = split_sheet(columns)
    written = f"{written}:{written}" if _COLUMN.match(written.strip()) else written
    area = Area.parse(written)
    if area.height != MAX_ROW:
        hint = "Write columns like B or B:D."
        raise ToolInputError(f"{columns!r} are no columns.", hint=hint, code="address")
    return workbook.sheet(own or sheet or None), area.left, area.right


def rows_named(workbook: Workbook, rows: str, sheet: str = "") -> tuple[Sheet, int, int]:
    """Return the sheet, the first and the last row of "3", "3:9" or "Budget!3:9"; raises ToolInputError."""
    own, written = split_sheet(rows)
    written = f"{written}:{written}" if _ROW.match(written.strip()) else written
    area = Area.parse(written)
    if area.width != MAX_COLUMN:
        raise ToolInputError(f"{rows!r} are no rows.", hint="Write rows like 3 or 3:9.", code="address")
    if area.height > _MOST_ROWS:
        hint = "Choose fewer rows."
        raise ToolInputError(f"{rows!r} are more than {_MOST_ROWS:,} rows.", hint=hint, code="address")
    return workbook.sheet(own or sheet or None), area.top, area.bottom


def _set(tag: bytes, attributes: dict[bytes, str | None]) -> bytes:
    for name, value in attributes.items():
        if markup.attribute(tag, name) != value:
            tag = markup.with_attribute(tag, name, value)
    return tag


def _shown_again(tag: bytes) -> bytes:
    if flag(tag, b"hidden"):
        tag = markup.with_attribute(tag, b"hidden", None)
    for size, custom in ((b"width", b"customWidth"), (b"ht", b"customHeight")):
        written = markup.attribute(tag, size)
        if written is not None and re.fullmatch(r"0+(?:\.0*)?", written):
            tag = _set(tag, {size: "9.140625" if size == b"width" else None, custom: None})
    return tag


def _grouped(tag: bytes, level: int | None, collapsed: bool) -> bytes:
    new = level if level is not None else whole_number(tag, b"outlineLevel") + 1
    if new > 7:
        raise ToolInputError("There are 7 outline levels at most.", hint="Ungroup some first.", code="level")
    tag = markup.with_attribute(tag, b"outlineLevel", str(new)) if new != whole_number(tag, b"outlineLevel") else tag
    return _set(tag, {b"hidden": "1"}) if collapsed else tag


def _ungrouped(tag: bytes) -> bytes:
    level = whole_number(tag, b"outlineLevel")
    return tag if not level else markup.with_attribute(tag, b"outlineLevel", str(level - 1) if level > 1 else None)


def _visibility(tag: bytes) -> str:
    return "hidden" if flag(tag, b"hidden") else "shown"


def _level(tag: bytes) -> str:
    level = whole_number(tag, b"outlineLevel")
    return (f"outline level {level}" if level else "not grouped") + (", hidden" if flag(tag, b"hidden") else "")


def _columns(
    content: bytes,
    named: str,
    sheet: str,
    change: Callable[[bytes], bytes],
    said: Callable[[bytes], str],
    *,
    collapsed: bool = False,
) -> Edited:
    workbook = Workbook.open(content)
    found, first, last = columns_named(workbook, named, sheet)
    xml = SheetReader(workbook, found).xml
    before = _joined(said(column_tag(xml, c)) for c in range(first, min(last, first + 255) + 1))
    after = SheetXml(with_columns(xml, first, last, change), xml.name)
    if collapsed:
        at = last + 1 if _summary_behind(xml, b"summaryRight") else first - 1
        if 1 <= at <= MAX_COLUMN:
            after = SheetXml(with_columns(after, at, at, lambda tag: _set(tag, {b"collapsed": "1"})), xml.name)
    now = _joined(said(column_tag(after, c)) for c in range(first, min(last, first + 255) + 1))
    data = _outlined(
        after, b"outlineLevelCol", max((whole_number(c.tag, b"outlineLevel") for c in columns(after)), default=0)
    )
    hunk = Hunk(_where(found, "column", first, last), before, now, "format")
    return written(workbook, found, xml.data, data, [hunk])


def _rows(
    content: bytes,
    named: str,
    sheet: str,
    change: Callable[[bytes], bytes],
    said: Callable[[bytes], str],
    *,
    collapsed: bool = False,
    filtered: bool = False,
) -> Edited:
    workbook = Workbook.open(content)
    found, first, last = rows_named(workbook, named, sheet)
    xml = SheetReader(workbook, found).xml
    numbers = range(first, last + 1)
    after = SheetXml(with_rows(xml, numbers, change), xml.name)
    if collapsed:
        at = last + 1 if _summary_behind(xml, b"summaryBelow") else first - 1
        if 1 <= at <= MAX_ROW:
            folded = with_rows(after, range(at, at + 1), lambda tag: _set(tag, {b"collapsed": "1"}))
            after = SheetXml(folded, xml.name)
    shown = [_row_tags(each, first, last) for each in (xml, after)]
    before, now = (_joined(said(tag) for tag in tags) for tags in shown)
    highest = max((whole_number(tag, b"outlineLevel") for tag in shown[1]), default=0)
    data = _outlined(after, b"outlineLevelRow", highest)
    hunk = Hunk(_where(found, "row", first, last), before, now, "format")
    warnings = []
    if filtered and xml.element(b"filterColumn") is not None:
        warnings.append(f"{found.name} has a filter: rows that it hides are shown, too, until it is applied again.")
    return written(workbook, found, xml.data, data, [hunk], warnings)


def _row_tags(xml: SheetXml, first: int, last: int) -> list[bytes]:
    found = [xml.row(number) for number in range(first, min(last, first + 999) + 1)]
    return [xml.data[row.start : row.inner] if row else b"" for row in found]


def _joined(said: Iterable[str]) -> str:
    return " / ".join(list(dict.fromkeys(said))[:4])


def _summary_behind(xml: SheetXml, name: bytes) -> bool:
    """Return whether the summary of a group lies below or right of it (18.3.1.61): there the + stands."""
    outline = markup.find(xml.data, xml.prefix + b"outlinePr", 0, xml.inner)
    return outline is None or xml.attribute(outline, name) not in ("0", "false")


def _outlined(xml: SheetXml, name: bytes, highest: int) -> bytes:
    """Return the sheet with room for its outline's levels at the margin (18.3.1.81)."""
    element = elements.get(xml.data, xml.prefix, b"sheetFormatPr")
    tag = (
        xml.data[element.start : element.inner]
        if element
        else b"<" + xml.prefix + b'sheetFormatPr defaultRowHeight="15"/>'
    )
    if highest <= whole_number(tag, name):
        return xml.data
    made = markup.with_attribute(tag, name, str(highest))
    if element is None:
        return elements.put(xml.data, xml.prefix, b"sheetFormatPr", made)
    return markup.replace_tag(xml.data, element, made)


def _where(sheet: Sheet, what: str, first: int, last: int) -> str:
    names = [column_letters(n) if what == "column" else str(n) for n in (first, last)]
    return f"{sheet.name}!{names[0]}:{names[1]}"


def written(
    workbook: Workbook, sheet: Sheet, before: bytes, data: bytes, hunks: list[Hunk], warnings: list[str] | None = None
) -> Edited:
    """Return the workbook with the sheet's part replaced; raises ToolInputError "unchanged" where it is the same."""
    if data == before:
        raise ToolInputError(f"On {sheet.name!r} that is so already.", code="unchanged")
    workbook.package.write(sheet.part, data)
    check_parts(workbook.package, [sheet.part])
    said = [*(warnings or []), *protection_warning(sheet, data), *signature_warning(workbook.package)]
    return Edited.of(workbook.package.save(), hunks, said)


def protection_warning(sheet: Sheet, data: bytes) -> list[str]:
    """Return the warning that the sheet is protected, if it is."""
    prefix = markup.prefix_of(data)
    element = elements.get(data, prefix, b"sheetProtection")
    if element is None or not flag(data[element.start : element.inner], b"sheet"):
        return []
    return [f"The sheet {sheet.name!r} is protected: Excel would not allow this edit."]


def _shown(xml: SheetXml, column: int, digit: int) -> str:
    tag = column_tag(xml, column)
    written = markup.attribute(tag, b"width") if tag else None
    try:
        stored = float(written) if written else default_width(xml)
    except ValueError:
        stored = default_width(xml)
    return "hidden" if flag(tag, b"hidden") else f"width {shown_width(stored, digit):g}"


def _fitting(workbook: Workbook, reader: SheetReader, first: int, last: int) -> dict[int, float]:
    """Return the width that the texts of each column need, in characters; columns without a text are left out."""
    measure = _Measure(workbook)
    merged = [area for area in reader.xml.areas(b"mergeCell") if area.width > 1]
    tables = [t for t in workbook.tables_on(reader.sheet) if t.header_rows]
    widest: dict[int, float] = {}
    for count, (row, cells) in enumerate(reader.rows(Area(1, first, MAX_ROW, last))):
        if count >= _MEASURED:
            break
        if flag(reader.xml.data[row.start : row.inner], b"hidden"):
            continue
        for cell in cells:
            at = (cell.row, cell.column)
            if any(at in area for area in merged):
                continue
            width = measure.width(cell)
            width += 2.5 if any(is_header(table, at) for table in tables) else 0.0  # the filter's button
            widest[cell.column] = max(widest.get(cell.column, 0.0), width)
    return {column: min(MOST_AUTO, round(width + 1.0, 1)) for column, width in sorted(widest.items()) if width}


class _Format(NamedTuple):
    """What of a cell format decides how wide a text is; `size` is a share of the first font's, `indent` in digits."""

    size: float
    bold: bool
    wrapped: bool
    indent: float
    code: str


class _Measure:
    """Measures what cells show, in the fonts of their formats."""

    def __init__(self, workbook: Workbook) -> None:
        self._sheets = StyleSheet(workbook)
        self._date1904 = workbook.date1904
        self._first = self._font(0)[0]
        self._known: dict[int, _Format] = {}

    def _font(self, index: int) -> tuple[float, bool]:
        raw = self._sheets.item(b"fonts", index)
        given = {name: attributes_of(part) for name, part in parts_of(raw, self._sheets.prefix)}
        bold = b"b" in given and given[b"b"].get("val", "1") not in ("0", "false")
        try:
            return float(given.get(b"sz", {}).get("val", "11")), bold
        except ValueError:
            return 11.0, bold

    def _format(self, style: int) -> _Format:
        raw = self._sheets.item(b"cellXfs", style)
        alignment = attributes_of(dict(parts_of(raw, self._sheets.prefix)).get(b"alignment", b"<a>"))
        size, bold = self._font(int(attributes_of(raw).get("fontId", "0") or 0))
        wrapped = alignment.get("wrapText", "0") in ("1", "true")
        indent = _INDENT * int(alignment.get("indent", "0") or 0)
        return _Format(size / (self._first or 11.0), bold, wrapped, indent, code_of(self._sheets, style))

    def width(self, cell: Cell) -> float:
        """Return the width of what a cell shows, in digits; 0 where it wraps its text."""
        if cell.style not in self._known:
            self._known[cell.style] = self._format(cell.style)
        look = self._known[cell.style]
        shown = display(cell.value, look.code, date1904=self._date1904)
        return 0.0 if look.wrapped else text_width(shown, size=look.size, bold=look.bold) + look.indent


#: The operations of this module.
OPERATIONS = (
    *(column_width, row_height, hide_columns, show_columns, hide_rows, show_rows),
    *(group_columns, ungroup_columns, group_rows, ungroup_rows),
)
