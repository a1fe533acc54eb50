"""Cells of a worksheet: read into Python values, and written as elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast

from copilot.documents.excel import markup
from copilot.documents.excel.formulas import without_prefixes
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.splice import RowSpan, SheetXml
from copilot.documents.excel.values import CellError, Scalar, from_serial, number, show, to_serial
from copilot.documents.excel.workbook import Sheet, Workbook, string_text
from copilot.documents.package import Package


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula: `text` starts with "="; `area` is what an array or a data table covers; `kind` as in 18.18.6.

    `dynamic`: an array that spills as far as it needs to ([MS-XLSX] 2.2.2), not one of a fixed range.
    """

    text: str
    kind: str = "normal"
    area: Area | None = None
    shared: str = ""
    dynamic: bool = False


@dataclass(slots=True)  # not frozen, as are the spans: they are made by the million, and that would double the time
class Cell:
    """A cell: `value` is what it shows (the cached one for a formula, None where there is none)."""

    row: int
    column: int
    value: Scalar
    style: int = 0
    formula: Formula | None = None

    @property
    def address(self) -> str:
        """The address, "B4"."""
        return address(self.row, self.column)

    @property
    def blank(self) -> bool:
        """Whether the cell holds nothing."""
        return self.formula is None and (self.value is None or self.value == "")


def inflated(package: Package, part: str) -> bytes:
    """Return a part's bytes; a big one as a bytearray that is filled piece by piece, so that it is held only once."""
    if package.size(part) < 8_000_000:
        return package.read(part)
    data = bytearray()
    for chunk in package.stream(part):
        data += chunk
    return cast(bytes, data)


class SheetReader:
    """The cells of one sheet."""

    def __init__(self, workbook: Workbook, sheet: Sheet, xml: SheetXml | None = None) -> None:
        self.workbook = workbook
        self.sheet = sheet
        self.xml = xml or SheetXml(inflated(workbook.package, sheet.part), sheet.part)
        self._masters: dict[str, tuple[str, int, int]] = {}
        prefix = re.escape(self.xml.prefix)
        self._v = re.compile(b"<" + prefix + rb"v(?:\s[^>]*)?>([^<]*)</")
        self._f = re.compile(b"<" + prefix + rb"f((?:\s[^>]*?)?)(?:/>|>([^<]*)</)")
        self._type = re.compile(rb"""\st\s*=\s*["'](\w+)""")
        self._style = re.compile(rb"""\ss\s*=\s*["'](\d+)""")
        usual = rb'<%bc r="[A-Z]+[0-9]+"(?: s="([0-9]+)")?(?: t="([a-z]+)")?(?:/>|><%bv>([^<]*)</%bv></%bc>)\Z'
        self._usual = re.compile(usual % (prefix, prefix, prefix, prefix))

    def rows(self, area: Area | None = None) -> Iterator[tuple[RowSpan, list[Cell]]]:
        """Yield each row with its cells, blank ones left out; only those in `area` if it is given.

        Shared formulas (18.3.1.40) are spelled out, which needs their master cells: they are looked for from the top.
        """
        for row in self.xml.rows():
            if area is not None and row.number > area.bottom:
                return
            inside = area is None or area.top <= row.number <= area.bottom
            if not inside and b"shared" not in self.xml.data[row.start : row.end]:
                continue
            cells = []
            for span in self.xml.cells(row):
                cell = self.parse(self.xml.data[span.start : span.end], row.number, span.column)
                if inside and not cell.blank and (area is None or area.left <= span.column <= area.right):
                    cells.append(cell)
            if inside:
                yield row, cells

    def at(self, row: int, column: int) -> Cell:
        """Return one cell; a blank one where there is none."""
        for _, cells in self.rows(Area(row, column, row, column)):
            for cell in cells:
                return cell
        raw = self.xml.cell(row, column)
        return self.parse(raw, row, column) if raw is not None else Cell(row, column, None)

    def parse(self, raw: bytes, row: int, column: int) -> Cell:
        """Return the cell that an element means."""
        usual = self._usual.match(raw)
        if usual is not None:
            written, kind, text = usual.groups()
            index = int(written) if written else 0
            value = None if text is None else self._typed(_text(text), kind or b"n", index)
            return Cell(row, column, value, index)
        tag_end = raw.index(b">") + 1
        tag = raw[:tag_end]
        style = self._style.search(tag)
        index = int(style[1]) if style else 0
        if tag_end == len(raw):
            return Cell(row, column, None, index)
        typed = self._type.search(tag)
        value = self._value(raw[tag_end:], typed[1] if typed else b"n", index)
        return Cell(row, column, value, index, self._formula(raw, row, column))

    def _value(self, inner: bytes, kind: bytes, style: int) -> Scalar:
        if kind == b"inlineStr":
            found = markup.find(inner, self.xml.prefix + b"is")
            return string_text(inner[found.inner : found.close], self.xml.prefix) if found else None
        match = self._v.search(inner)
        if match is None:
            return None
        return self._typed(_text(match[1]), kind, style)

    def _typed(self, text: str, kind: bytes, style: int) -> Scalar:
        if kind == b"s":
            return self.workbook.string(text)
        if kind == b"str":
            return markup.decode_xstring(text)
        if kind == b"b":
            return text.strip() in ("1", "true")
        if kind == b"e":
            return CellError(text)
        if kind == b"d":
            return _iso(text)
        if not text.strip():
            return None
        try:
            value = number(text)
        except ValueError:
            return text
        shown = self.workbook.styles.kind(style)
        if shown in ("date", "datetime", "time", "duration"):
            return from_serial(value, shown, date1904=self.workbook.date1904)
        return value

    def _formula(self, raw: bytes, row: int, column: int) -> Formula | None:
        match = self._f.search(raw)
        if match is None:
            return None
        tag = b"<f" + match[1] + b">"
        text = markup.decode_xstring(markup.unescape((match[2] or b"").decode("utf-8", "replace")))
        kind = markup.attribute(tag, b"t") or "normal"
        ref = markup.attribute(tag, b"ref")
        area = Area.parse(ref) if ref and kind in ("array", "dataTable") else None
        if kind != "shared":
            dynamic = kind == "array" and _METADATA.search(raw, 0, raw.index(b">")) is not None
            return Formula(f"={text}", kind, area, dynamic=dynamic)
        group = markup.attribute(tag, b"si") or ""
        if text:
            self._masters[group] = (text, row, column)
        elif group in self._masters:
            text = translate(*self._masters[group], row, column)
        return Formula(f"={text}", "shared", Area.parse(ref) if ref else None, group)

    def show(self, cell: Cell) -> str:
        """Return the cell's value in words, by its number format."""
        styles = self.workbook.styles
        return show(cell.value, kind=styles.kind(cell.style), decimals=styles.decimals(cell.style))

    def describe(self, cell: Cell) -> str:
        """Return the cell as a change shows it: its value, or its formula with the value behind it."""
        if cell.formula is None:
            return self.show(cell)
        text = without_prefixes(cell.formula.text)
        text = f"{{{text}}}" if cell.formula.kind == "array" and not cell.formula.dynamic else text
        return f"{text} ({self.show(cell)})" if cell.value is not None else text


def _text(raw: bytes) -> str:
    return markup.unescape(raw.decode("utf-8", "replace"))


_METADATA = re.compile(rb"""\scm\s*=\s*["'][1-9]""")


def translate(text: str, row: int, column: int, to_row: int, to_column: int) -> str:
    """Return a formula (without "=") as it reads when copied from one cell to another."""
    moved: str = _translator(text, row, column).translate_formula(address(to_row, to_column))
    return moved[1:]


@lru_cache(maxsize=64)
def _translator(text: str, row: int, column: int) -> Any:
    """Return the translator of one formula: cutting it into tokens costs most, and a shared one is moved often."""
    from openpyxl.formula.translate import Translator

    return Translator(f"={text}", origin=address(row, column))


def _iso(text: str) -> Scalar:
    """Return the date of a cell of type "d" (18.18.11), the text if it is none."""
    try:
        moment = datetime.fromisoformat(text.strip().removesuffix("Z"))
    except ValueError:
        return text
    return moment.date() if "T" not in text else moment


# --- writing ---------------------------------------------------------------------------------------------------


def value_content(value: Scalar, prefix: bytes, *, date1904: bool, inline: bool = True) -> tuple[str | None, bytes]:
    """Return the `t` attribute and the inner XML of a value; `inline` False gives the cached value of a formula."""
    if value is None:
        return None, b""
    if isinstance(value, CellError):
        return "e", _v(prefix, str(value))
    if isinstance(value, str):
        return _text_content(value, prefix, inline=inline)
    if isinstance(value, bool):
        return "b", _v(prefix, "1" if value else "0")
    if isinstance(value, (datetime, date, time, timedelta)):
        value = to_serial(value, date1904=date1904)
    return None, _v(prefix, repr(_plain_number(value)))


def _plain_number(value: float) -> int | float:
    """Return a number without a needless ".0", as Excel writes it."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return int(value) if isinstance(value, int) or whole else float(value)


def _text_content(value: str, prefix: bytes, *, inline: bool) -> tuple[str, bytes]:
    text = markup.escape(markup.encode_xstring(value)).encode()
    if not inline:
        return "str", b"<" + prefix + b"v>" + text + b"</" + prefix + b"v>"
    space = b' xml:space="preserve"' if value != value.strip() or "\n" in value else b""
    t = b"<" + prefix + b"t" + space + b">" + text + b"</" + prefix + b"t>"
    return "inlineStr", b"<" + prefix + b"is>" + t + b"</" + prefix + b"is>"


def _v(prefix: bytes, text: str) -> bytes:
    return b"<" + prefix + b"v>" + text.encode() + b"</" + prefix + b"v>"


def formula_content(text: str, prefix: bytes) -> bytes:
    """Return the `f` element of a formula given with its "="."""
    stored = markup.escape(markup.encode_xstring(text[1:])).encode()
    space = b' xml:space="preserve"' if stored != stored.strip() else b""
    return b"<" + prefix + b"f" + space + b">" + stored + b"</" + prefix + b"f>"


def cell_element(
    raw: bytes | None, row: int, column: int, prefix: bytes, kind: str | None, inner: bytes, style: int | None
) -> bytes:
    """Return a cell's element with new content.

    Of the present one its style (unless `style` is given), other attributes and extensions stay; what describes the
    old value (its type, and the metadata indexes of rich values and dynamic arrays) goes.
    """
    name = prefix + b"c"
    tag = b"<" + name + b' r="' + address(row, column).encode() + b'"/>'
    rest = b""
    if raw is not None:
        match = markup.tag_pattern(name).match(raw)
        tag = match[0] if match else tag
        extension = markup.find(raw, prefix + b"extLst")
        rest = raw[extension.start : extension.end] if extension else b""
    for old in (b"t", b"cm", b"vm"):
        tag = markup.with_attribute(tag, old, None)
    if markup.attribute(tag, b"r") is None:
        tag = markup.with_attribute(tag, b"r", address(row, column))
    if style is not None:
        tag = markup.with_attribute(tag, b"s", str(style))
    if kind is not None:
        tag = markup.with_attribute(tag, b"t", kind)
    opened = tag[:-2].rstrip() if tag.endswith(b"/>") else tag[:-1]
    if not inner + rest:
        return opened + b"/>"
    return opened + b">" + inner + rest + b"</" + name + b">"
