"""How cells look: number formats, fonts, fills, borders, alignment and named styles laid over what is there."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel import markup
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.cellstyles import style_index
from copilot.documents.excel.colors import color_attributes
from copilot.documents.excel.columns import columns, flag, rows_between, whole_number, with_columns, with_rows
from copilot.documents.excel.layout import protection_warning
from copilot.documents.excel.looks import Borders, Dresser, Look, code_of, differences
from copilot.documents.excel.number_formats import builtin_id, checked_code
from copilot.documents.excel.numfmt import display
from copilot.documents.excel.places import MOST_CELLS, place
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, address, column_letters
from copilot.documents.excel.splice import Render, RowSpan, SheetXml
from copilot.documents.excel.stylesheet import StyleSheet
from copilot.documents.excel.values import typed
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

Horizontal = Literal["general", "left", "center", "right", "fill", "justify", "centerContinuous", "distributed"]
Vertical = Literal["top", "center", "bottom", "justify", "distributed"]
Underline = Literal["single", "double", "singleAccounting", "doubleAccounting", "none"]
#: Line styles of borders (18.18.3).
LINES = (
    *("none", "thin", "medium", "thick", "double", "hair", "dotted", "dashed", "dashDot", "dashDotDot"),
    *("mediumDashed", "mediumDashDot", "mediumDashDotDot", "slantDashDot"),
)
#: Where a line can go, and on which sides of which cells that is: edges of the range, and lines between its cells.
PLACES: dict[str, tuple[str, ...]] = {
    "all": ("left", "right", "top", "bottom", "horizontal", "vertical"),
    "outline": ("left", "right", "top", "bottom"),
    "inside": ("horizontal", "vertical"),
    **{side: (side,) for side in ("left", "right", "top", "bottom", "horizontal", "vertical")},
}
_MOST_ROWS = 100_000
_EXAMPLES = 8
#: Where a row and columns with formats of their own cross, this many cells are made at most.
_CROSSINGS = 256
#: In so few columns cells are looked for by their addresses.
_FEW = 12
#: Cells that are looked at for warnings.
_LOOKED_AT = 5_000
_Lines = dict[str, tuple[str, tuple[tuple[str, str], ...]]]


def format_cells(
    content: bytes,
    range: str,
    *,
    sheet: str = "",
    number_format: str = "",
    bold: bool | None = None,
    italic: bool | None = None,
    underline: bool | Underline | None = None,
    strike: bool | None = None,
    font: Annotated[str, Field(max_length=31)] = "",
    size: Annotated[float, Field(ge=1, le=409)] | None = None,
    color: str = "",
    fill: str = "",
    horizontal: Horizontal | None = None,
    vertical: Vertical | None = None,
    wrap: bool | None = None,
    shrink: bool | None = None,
    indent: Annotated[int, Field(ge=0, le=250)] | None = None,
    rotation: Annotated[int, Field(ge=-90, le=90)] | Literal["vertical"] | None = None,
    border: str | dict[str, str] | None = None,
    style: str = "",
    locked: bool | None = None,
    hidden_formula: bool | None = None,
) -> Edited:
    """Change how cells look: number format, font, colours, alignment, borders, named style; values stay.

    `range` may also be whole columns ("A:C") or rows ("2:2"). `number_format` is a code ("#,##0.00 €") or a word
    (integer, number, percent, currency, date, datetime, text, general ...). `size` is in points. Colours are "#RRGGBB",
    a name, or a theme colour ("accent1 +40%"); `color` "automatic" and `fill` "none" clear. `border` is a line for all
    sides ("thin", "medium #FF0000", "none"), or lines by place: all, outline, inside, left, right, top, bottom,
    horizontal, vertical. A `style` ("Good", "Heading 1", "Percent") comes first, what else is given lies over it.
    `rotation` is in degrees, upwards. Raises ToolInputError (an unknown style, colour, format or line; "unchanged").
    """
    workbook = Workbook.open(content)
    found, area = place(workbook, range, sheet, most=0)
    sheets = StyleSheet(workbook)
    fonts = font_changes(bold, italic, underline, strike, font, size, color)
    alignment = _alignment(horizontal, vertical, wrap, shrink, indent, rotation)
    protection = {"locked": _bit(locked), "hidden": _bit(hidden_formula)}
    look = Look(
        number=_number(sheets, number_format) if number_format else None,
        font=fonts,
        fill=color_attributes(fill) if fill and fill.strip().lower() not in ("none", "automatic") else None,
        no_fill=fill.strip().lower() in ("none", "automatic"),
        alignment=alignment,
        protection={name: value for name, value in protection.items() if value is not None},
        style=style,
    )
    lines = border_lines(border) if border else {}
    if look == Look() and not lines:
        raise ToolInputError("No format is given.", hint="Say at least one, such as bold or fill.", code="arguments")
    if style:
        style_index(sheets, style)
    dressing = Dressing(sheets, look, area, lines)
    return dress(workbook, found, dressing, numbers=look.number is not None or style != "")


def _bit(value: bool | None) -> str | None:
    return None if value is None else "1" if value else "0"


def _number(sheets: StyleSheet, wanted: str) -> int:
    known = builtin_id(wanted)
    return sheets.number_format(checked_code(wanted)) if known is None else known


def font_changes(
    bold: bool | None = None,
    italic: bool | None = None,
    underline: bool | str | None = None,
    strike: bool | None = None,
    font: str = "",
    size: float | None = None,
    color: str = "",
) -> dict[str, dict[str, str] | None]:
    """Return the children of a font (18.8.22) that change, with their attributes; None: the child goes.

    A name takes the font out of the theme's scheme (18.8.35). Raises ToolInputError for an unknown colour.
    """
    changes: dict[str, dict[str, str] | None] = {}
    for name, wanted in (("b", bold), ("i", italic), ("strike", strike)):
        if wanted is not None:
            changes[name] = {} if wanted else None
    if underline is not None:
        kind = underline if isinstance(underline, str) else "single" if underline else "none"
        changes["u"] = None if kind == "none" else {} if kind == "single" else {"val": kind}
    if font:
        changes |= {"name": {"val": font}, "scheme": None, "family": None, "charset": None}
    if size is not None:
        changes["sz"] = {"val": f"{size:g}"}
    if color:
        changes["color"] = None if color.strip().lower() in ("automatic", "auto") else color_attributes(color)
    return changes


def _alignment(
    horizontal: str | None,
    vertical: str | None,
    wrap: bool | None,
    shrink: bool | None,
    indent: int | None,
    rotation: int | str | None,
) -> dict[str, str | None]:
    """Return the attributes of `alignment` (18.8.1); angles below the line are written as 90 and more."""
    changes: dict[str, str | None] = {}
    if horizontal is not None:
        changes["horizontal"] = None if horizontal == "general" else horizontal
    if vertical is not None:
        changes["vertical"] = None if vertical == "bottom" else vertical
    for name, wanted in (("wrapText", wrap), ("shrinkToFit", shrink)):
        if wanted is not None:
            changes[name] = "1" if wanted else None
    if indent is not None:
        changes["indent"] = str(indent) if indent else None
    if rotation is not None:
        angle = 255 if isinstance(rotation, str) else rotation if rotation >= 0 else 90 - rotation
        changes["textRotation"] = str(angle) if angle else None
    return changes


def border_lines(border: str | dict[str, str]) -> _Lines:
    """Return (line style, colour) by side from "thin", "medium #FF0000" or {"outline": "thick", "bottom": "double"}.

    Raises ToolInputError "border" for an unknown place or line.
    """
    given = {"all": border} if isinstance(border, str) else border
    lines: _Lines = {}
    for where, line in given.items():
        if where not in PLACES:
            raise ToolInputError.unknown("border", where, list(PLACES))
        parsed = _line(line)
        lines |= dict.fromkeys(PLACES[where], parsed)
    return lines


def _line(line: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    word, _, color = line.strip().partition(" ")
    known = next((each for each in LINES if each.casefold() == word.casefold()), None)
    if known is None:
        raise ToolInputError.unknown("line", word, list(LINES))
    return known, tuple(color_attributes(color).items()) if color.strip() else ()


class Dressing:
    """A look for an area: which format each of its cells gets, borders by where the cell lies."""

    def __init__(self, sheets: StyleSheet, look: Look, area: Area, lines: _Lines | None = None) -> None:
        self.sheets = sheets
        self.area = area
        self._lines = lines or {}
        self._look = look
        self._dresser = Dresser(sheets, look)

    def style(self, base: int, row: int, column: int) -> int:
        """Return the format of a cell that has the format `base`."""
        return self._dresser.dressed(base, self.borders(row, column))

    @property
    def taller(self) -> bool:
        """Whether rows may need another height: Excel fits those that nobody gave one (18.3.1.73)."""
        look = self._look
        return bool(
            {"sz", "name", "wrapText", "textRotation"} & {*look.font, *look.alignment}
            or look.style not in ("", "Hyperlink")
        )

    @property
    def bordered(self) -> bool:
        """Whether borders are asked for, so that it matters where a cell lies."""
        return bool(self._lines)

    def borders(self, row: int, column: int) -> Borders:
        """Return the lines of a cell: those of the area's edges where it lies on one, else those between cells."""
        if not self._lines:
            return ()
        area = self.area
        sides = (
            ("left", column == area.left, "vertical"),
            ("right", column == area.right, "vertical"),
            ("top", row == area.top, "horizontal"),
            ("bottom", row == area.bottom, "horizontal"),
        )
        wanted = ((side, side if edge else between) for side, edge, between in sides)
        return tuple((side, *self._lines[where]) for side, where in wanted if where in self._lines)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs (format before, format after) of all cells that were asked for."""
        return list(self._dresser.changes)


@dataclass
class _Target:
    """A sheet's XML on its way through columns, rows and cells."""

    xml: SheetXml
    area: Area
    dressing: Dressing

    def whole_columns(self) -> None:
        """Give the columns' records the format; cells in rows with a format of their own follow as cells."""
        area = self.area
        inside = [(area.left + 1, area.right - 1)] if area.width > 2 else []
        parts = [(area.left, area.left), *inside, (area.right, area.right)]
        for first, last in dict.fromkeys(parts) if self.dressing.bordered else [(area.left, area.right)]:
            data = with_columns(self.xml, first, last, partial(self._styled, b"style", 2, first))
            self.xml = SheetXml(data, self.xml.name)

    def whole_rows(self) -> None:
        """Give the rows' records the format (`s` with `customFormat`, 18.3.1.73)."""

        def change(tag: bytes) -> bytes:
            row = whole_number(tag, b"r", self.area.top)
            base = tag if flag(tag, b"customFormat") else markup.with_attribute(tag, b"s", None)
            made = self._styled(b"s", row, 2, base)
            return made if made == base == tag else markup.with_attribute(made, b"customFormat", "1")

        data = with_rows(self.xml, range(self.area.top, self.area.bottom + 1), change)
        self.xml = SheetXml(data, self.xml.name)

    def _styled(self, name: bytes, row: int, column: int, tag: bytes) -> bytes:
        base = whole_number(tag, name)
        made = self.dressing.style(base, row, column)
        return tag if made == base else markup.with_attribute(tag, name, str(made))

    def cells(self) -> None:
        """Give cells the format: those that are there, and those that must be made for it to show."""
        defaults = _Defaults(self.xml)
        patches: list[tuple[int, int, bytes]] = []
        renders: dict[int, dict[int, Render]] = {}
        touched: set[int] = set()
        for number, row in self._rows():
            found, made = self._row(number, row, defaults)
            patches += found
            renders |= {number: made} if made else {}
            touched |= {number} if found or made else set()
        self.xml = SheetXml(markup.patched(self.xml.data, patches), self.xml.name) if patches else self.xml
        if renders:
            self.xml = SheetXml(b"".join(self.xml.pieces(renders)), self.xml.name)
        if touched and self.dressing.taller:
            self._fit(touched)

    def _fit(self, numbers: Container[int]) -> None:
        """Let Excel fit the heights of rows anew: one that nobody set is what the old look needed."""

        def change(tag: bytes) -> bytes:
            fixed = flag(tag, b"customHeight") or whole_number(tag, b"r", -1) not in numbers
            return tag if fixed else markup.with_attribute(tag, b"ht", None)

        rows = range(self.area.top, self.area.bottom + 1)
        self.xml = SheetXml(with_rows(self.xml, rows, change, create=False), self.xml.name)

    def _rows(self) -> Iterator[tuple[int, RowSpan | None]]:
        """Yield the rows to look at: all of a bounded area, only those with a record where whole columns are meant."""
        present = {row.number: row for row in rows_between(self.xml, self.area.top, self.area.bottom)}
        if self.area.height == MAX_ROW:
            yield from present.items()
        else:
            yield from ((number, present.get(number)) for number in range(self.area.top, self.area.bottom + 1))

    def _row(
        self, number: int, row: RowSpan | None, defaults: _Defaults
    ) -> tuple[list[tuple[int, int, bytes]], dict[int, Render]]:
        """Return the changes of the tags of a row's cells, and the cells that are to be made."""
        tag = self.xml.data[row.start : row.inner] if row else b""
        own = defaults.of_row(tag) if flag(tag, b"customFormat") else None
        patches = []
        there: set[int] = set()
        for column, start in self._present(row):
            there.add(column)
            cell = self.xml.data[start : self.xml.data.index(b">", start) + 1]
            old = whole_number(cell, b"s")
            new = self.dressing.style(old, number, column)
            if new != old:
                patches.append((start, start + len(cell), markup.with_attribute(cell, b"s", str(new))))
        made: dict[int, Render] = {}
        for column in self._missing(own is not None, defaults):
            if column not in there:
                old = own if own is not None else defaults.of_column(column)
                new = self.dressing.style(old, number, column)
                if new != old or self.area.width == MAX_COLUMN:
                    made[column] = self._render(number, column, new)
        return patches, made

    def _present(self, row: RowSpan | None) -> Iterator[tuple[int, int]]:
        """Yield (column, offset) of the row's cells in the area. In few columns they are looked for by their name."""
        if row is None:
            return
        area, data = self.area, self.xml.data
        name = b"<" + self.xml.prefix + b"c "
        if area.width <= _FEW and data.count(name, row.inner, row.end) == data.count(name + b'r="', row.inner, row.end):
            for column in range(area.left, area.right + 1):
                sought = name + b'r="' + address(row.number, column).encode() + b'"'
                start = data.find(sought, row.inner, row.end)
                if start >= 0:
                    yield column, start
            return
        for span in self.xml.cells(row):
            if area.left <= span.column <= area.right:
                yield span.column, span.start

    def _missing(self, own_format: bool, defaults: _Defaults) -> Iterable[int]:
        """Return the columns that need a cell if there is none: where a row and a column with formats cross, too."""
        area = self.area
        if area.height == MAX_ROW:
            return range(area.left, min(area.right, area.left + _CROSSINGS) + 1) if own_format else ()
        if area.width == MAX_COLUMN:
            return () if own_format else defaults.formatted_columns()
        return range(area.left, area.right + 1)

    def _render(self, row: int, column: int, style: int) -> Render:
        place = address(row, column).encode()
        made = b"<" + self.xml.prefix + b'c r="%b" s="%d"/>' % (place, style)
        return lambda raw: made


class _Defaults:
    """The formats of places without a cell: the row's own if it has one, else the column's (18.3.1.73)."""

    def __init__(self, xml: SheetXml) -> None:
        self._columns = [(c.first, c.last, whole_number(c.tag, b"style")) for c in columns(xml)]

    def of_row(self, tag: bytes) -> int:
        return whole_number(tag, b"s") if flag(tag, b"customFormat") else 0

    def formatted_columns(self) -> list[int]:
        spans = ((first, last) for first, last, style in self._columns if style and last - first < _CROSSINGS)
        return [column for first, last in spans for column in range(first, last + 1)]

    def of_column(self, column: int) -> int:
        return next((style for first, last, style in self._columns if first <= column <= last), 0)


def dress(workbook: Workbook, sheet: Sheet, dressing: Dressing, *, numbers: bool) -> Edited:
    """Return the workbook with the area of `dressing` formatted; `numbers` says that values may read differently.

    Raises ToolInputError "address" for too many cells and "unchanged" where all of it looks like that already.
    """
    area = dressing.area
    reader = SheetReader(workbook, sheet)
    before = _numbers(reader, area) if numbers else []
    data = dressed_data(reader.xml, dressing)
    if data == reader.xml.data:
        raise ToolInputError(f"{sheet.name}!{_named(area)} looks like that already.", code="unchanged")
    pairs = dressing.pairs
    was, becomes = differences(dressing.sheets, pairs)
    hunks = [Hunk(f"{sheet.name}!{_named(area)}", was, becomes, "format")]
    workbook.package.write(sheet.part, data)
    dressing.sheets.save()
    check_parts(workbook.package, [sheet.part, workbook.styles.part])
    if numbers:
        hunks += _examples(workbook, sheet, before, dressing.sheets)
    warnings = [*protection_warning(sheet, data), *_kept(workbook, sheet, area, numbers=numbers)]
    return Edited.of(workbook.package.save(), hunks, [*warnings, *signature_warning(workbook.package)])


def dressed_data(xml: SheetXml, dressing: Dressing) -> bytes:
    """Return the bytes of a sheet with the area of `dressing` formatted; nothing is written."""
    area = dressing.area
    columns_meant, rows_meant = area.height == MAX_ROW, area.width == MAX_COLUMN
    if rows_meant and not columns_meant and area.height > _MOST_ROWS:
        hint = "Choose fewer rows, or whole columns."
        raise ToolInputError(f"{area} has more than {_MOST_ROWS:,} rows.", hint=hint, code="address")
    if not (columns_meant or rows_meant) and area.height * area.width > MOST_CELLS:
        hint = "Choose a smaller range, or whole columns (A:C)."
        raise ToolInputError(f"{area} has more than {MOST_CELLS:,} cells.", hint=hint, code="address")
    target = _Target(xml, area, dressing)
    target.cells()
    if columns_meant:
        target.whole_columns()
    elif rows_meant:
        target.whole_rows()
    return target.xml.data


def _named(area: Area) -> str:
    """Return the area as people write it: "A:C" for whole columns, "2:5" for whole rows."""
    if area.height == MAX_ROW:
        return f"{column_letters(area.left)}:{column_letters(area.right)}"
    return f"{area.top}:{area.bottom}" if area.width == MAX_COLUMN else str(area)


def _numbers(reader: SheetReader, area: Area) -> list[Cell]:
    """Return the first numbers of an area, as examples of what a number format changes."""
    found: list[Cell] = []
    for _, cells in reader.rows(area):
        found += [cell for cell in cells if _numeric(cell)]
        if len(found) >= _EXAMPLES:
            break
    return found[:_EXAMPLES]


def _numeric(cell: Cell) -> bool:
    return cell.value is not None and not isinstance(cell.value, (str, bool))


def _examples(workbook: Workbook, sheet: Sheet, before: list[Cell], sheets: StyleSheet) -> list[Hunk]:
    """Return how the examples read before and now, as Excel shows them."""
    reader = SheetReader(workbook, sheet)
    found = []
    for cell in before:
        raw = reader.xml.cell(cell.row, cell.column)
        style = reader.parse(raw, cell.row, cell.column).style if raw else cell.style
        was, now = (
            display(cell.value, code_of(sheets, each), date1904=workbook.date1904) for each in (cell.style, style)
        )
        if now != was:
            found.append(Hunk(f"{sheet.name}!{cell.address}", was, now, "format"))
    return found


def _kept(workbook: Workbook, sheet: Sheet, area: Area, *, numbers: bool) -> list[str]:
    """Return warnings where a number format suggests another type than the value's: a format never converts."""
    if not numbers:
        return []
    reader = SheetReader(workbook, sheet)
    kept: list[str] = []
    texts: list[str] = []
    left = _LOOKED_AT
    for _, cells in reader.rows(area):
        left -= len(cells)
        for cell in cells:
            kind = workbook.styles.kind(cell.style)
            if kind == "text" and _numeric(cell):
                kept.append(cell.address)
            elif kind not in ("text", "general") and isinstance(cell.value, str) and not cell.formula:
                texts += [cell.address] if not isinstance(typed(cell.value), str) else []
        if left < 0:
            break
    warnings = []
    if kept:
        warnings.append(f"{sheet.name}: {_some(kept)} hold numbers: the format text does not make them text.")
    if texts:
        warnings.append(f"{sheet.name}: {_some(texts)} hold numbers stored as text, which no number format changes.")
    return warnings


def _some(addresses: list[str]) -> str:
    more = f" and {len(addresses) - 8:,} more" if len(addresses) > 8 else ""
    return ", ".join(addresses[:8]) + more


#: The operations of this module.
OPERATIONS = (format_cells,)
