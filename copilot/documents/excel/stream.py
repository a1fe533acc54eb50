"""The values of a sheet's rows, one row after the other: a sheet of any length is read in the same little memory.

Only the list of shared strings is held whole. Cells are read as `SheetReader` reads them, without their formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from copilot.documents import xml
from copilot.documents.excel import markup
from copilot.documents.excel.refs import column_number
from copilot.documents.excel.values import CellError, Scalar, from_serial, number
from copilot.documents.excel.workbook import Sheet, Workbook, string_text
from copilot.errors import DocumentError

_CDATA = re.compile(rb"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_ATTRIBUTE = re.compile(rb"""\s(r|s|t)\s*=\s*["']\s*([^"']*)""")
_MOMENTS = ("date", "datetime", "time", "duration")


@dataclass(slots=True)
class StreamedRow:
    """A row: values by column, blank cells left out; the text of its formulas, and the cell formats if asked for.

    A shared formula (18.3.1.40) has its text at its master only; `masters` and `shared` name their group.
    """

    number: int
    values: dict[int, Scalar]
    formulas: dict[int, str]
    hidden: bool = False
    styles: dict[int, int] = field(default_factory=dict)
    shared: dict[int, str] = field(default_factory=dict)
    masters: dict[int, str] = field(default_factory=dict)


def stream_rows(workbook: Workbook, sheet: Sheet, *, styles: bool = False, start: int = 1) -> Iterator[StreamedRow]:
    """Yield the rows of a sheet that hold something, from the top; `styles` also gives the cells' formats.

    Rows before `start` may be left out, as far as no other cell's formula is told by them.

    Raises DocumentError for a part that is cut off, or that refers to texts that are missing.
    """
    blocks = _blocks(workbook, sheet)
    first = next(blocks, b"")
    prefix = markup.prefix_of(first) if first else b""
    parser = _Parser(workbook, prefix, styles=styles)
    closing = b"</" + prefix + b"row>"
    rest = b""
    for block in chain([first], blocks):
        data = rest + block
        end = data.rfind(closing)
        cut = end + len(closing) if end >= 0 else 0
        if cut and not parser.skips(data, cut, start):
            yield from parser.rows(data[:cut])
        rest = data[cut:]
    yield from parser.rows(rest)
    if b"</" + prefix + b"worksheet" not in rest:
        raise DocumentError(f"The part {sheet.part!r} is cut off: the file is damaged.", code="broken")


def _blocks(workbook: Workbook, sheet: Sheet) -> Iterator[bytes]:
    """Yield a part in pieces of UTF-8; one in another encoding as a whole."""
    pieces = workbook.package.stream(sheet.part)
    first = next(pieces, b"")
    odd = first[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in first[:4] or first[:1] == b"\x4c"
    declared = re.match(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)""", first.lstrip(b"\xef\xbb\xbf"))
    if odd or (declared and declared[1].lower() not in (b"utf-8", b"us-ascii", b"ascii")):
        yield markup.plain(workbook.package.read(sheet.part), sheet.part)
        return
    xml.refuse_doctype(first, sheet.part)
    yield first
    yield from pieces


class _Parser:
    """Reads rows out of pieces of a sheet that hold whole rows."""

    def __init__(self, workbook: Workbook, prefix: bytes, *, styles: bool = False) -> None:
        self.workbook = workbook
        self.prefix = prefix
        self._with_styles = styles
        p = re.escape(prefix)
        self._pattern = re.compile(
            b"<" + p + rb"row((?:\s[^>]*)?)>"
            b"|<" + p + rb'c(?: r="([A-Z]{1,3})\d+")?(?: s="(\d+)")?(?: t="(\w+)")?((?:\s[^>]*?)?)'
            b"(?:/>|>(?:<" + p + rb"f((?:\s[^>]*?)?)(?:/>|>([^<]*)</" + p + rb"f>))?\s*"
            b"(?:<" + p + rb"v(?:\s[^>]*)?>([^<]*)</" + p + rb"v>)?(.*?)</" + p + rb"c\s*>)",
            re.DOTALL,
        )
        self._value = re.compile(b"<" + p + rb"v(?:\s[^>]*)?>([^<]*)</")
        self._formula = re.compile(b"<" + p + rb"f(?:\s[^>]*)?>([^<]*)</")
        self._inline = re.compile(b"<" + p + b"is><" + p + rb"t(?:\s[^>]*)?>([^<&\r]*)</" + p + b"t></" + p + b"is>")
        self._columns: dict[bytes, int] = {}
        self._kinds: dict[bytes, str] = {}
        self._row = 0

    def skips(self, data: bytes, end: int, start: int) -> bool:
        """Return whether the rows up to `end` all come before `start`, and hold no formula that others share."""
        if start <= 1:
            return False
        at = data.rfind(b"<" + self.prefix + b'row r="', 0, end)
        found = re.match(rb"\d+", data[at + len(self.prefix) + 8 : at + len(self.prefix) + 16]) if at >= 0 else None
        if found is None or int(found[0]) >= start or data.find(b"shared", 0, end) >= 0:
            return False
        self._row = int(found[0])
        return True

    def rows(self, data: bytes) -> Iterator[StreamedRow]:
        """Yield the rows of a piece that hold something."""
        if b"<!" in data:
            data = _COMMENT.sub(
                b"", _CDATA.sub(lambda m: markup.escape(m[1].decode("utf-8", "replace")).encode(), data)
            )
        row: StreamedRow | None = None
        column = 0
        for match in self._pattern.finditer(data):
            attributes, letters, style, kind, more, how, formula, value, rest = match.groups()
            if attributes is not None:
                if row is not None and (row.values or row.formulas or row.shared):
                    yield row
                row, column = self._opened(attributes), 0
                continue
            if row is None:
                continue
            if more and not more.isspace():
                letters, style, kind = _spelled(match[0], letters, style, kind)
            column = self._column(letters) if letters else column + 1
            if rest and not rest.isspace():
                value, formula = self._looked_for(rest, value, formula, kind)
            if how or formula:
                self._formed(row, column, how, formula)
            if value is not None:
                shown = self._number(value, style) if kind is None else self._typed(value, kind, style)
                if shown is not None and shown != "":
                    row.values[column] = shown
            if self._with_styles and style:
                row.styles[column] = int(style)
        if row is not None and (row.values or row.formulas or row.shared):
            yield row

    def _column(self, letters: bytes) -> int:
        found = self._columns.get(letters)
        if found is None:
            found = self._columns[letters] = column_number(letters.decode())
        return found

    def _formed(self, row: StreamedRow, column: int, how: bytes | None, formula: bytes | None) -> None:
        """Take note of a cell's formula."""
        if how and b"shared" in how:
            group = row.masters if formula else row.shared
            group[column] = markup.attribute(b"<f" + how + b">", b"si") or ""
        if formula:
            row.formulas[column] = markup.unescape(formula.decode("utf-8", "replace"))

    def _opened(self, attributes: bytes) -> StreamedRow:
        found = re.search(rb"""\sr\s*=\s*["']\s*(\d+)""", attributes)
        self._row = int(found[1]) if found else self._row + 1
        hidden = b'ht="0"' in attributes
        hidden = hidden or (
            b"hidden" in attributes and markup.attribute(b"<row" + attributes + b">", b"hidden") in ("1", "true")
        )
        return StreamedRow(self._row, {}, {}, hidden)

    def _looked_for(
        self, rest: bytes, value: bytes | None, formula: bytes | None, kind: bytes | None
    ) -> tuple[bytes | None, bytes | None]:
        """Return value and formula of a cell that is not written in the usual way, and of one with its own text."""
        if kind == b"inlineStr":
            return rest, formula
        own, text = self._value.search(rest), self._formula.search(rest)
        return (own[1] if own and value is None else value), (text[1] if text and formula is None else formula)

    def _typed(self, raw: bytes, kind: bytes | None, style: bytes | None) -> Scalar:
        if kind is None or kind == b"n":
            return self._number(raw, style)
        if kind == b"s":
            return self.workbook.string(raw.decode())
        if kind == b"inlineStr":
            plain = self._inline.fullmatch(raw)
            return markup.decode_xstring(plain[1].decode("utf-8", "replace")) if plain else self._rich(raw)
        text = markup.unescape(raw.decode("utf-8", "replace"))
        if kind == b"str":
            return markup.decode_xstring(text)
        if kind == b"b":
            return text.strip() in ("1", "true")
        if kind == b"d":
            return _moment(text.strip())
        return CellError(text) if kind == b"e" else text

    def _rich(self, raw: bytes) -> str | None:
        found = markup.find(raw, self.prefix + b"is")
        return string_text(raw[found.inner : found.close], self.prefix) if found else None

    def _number(self, raw: bytes, style: bytes | None) -> Scalar:
        value: int | float
        try:
            value = int(raw)
        except ValueError:
            if not raw.strip():
                return None
            try:
                value = number(raw.decode())
            except ValueError:
                return raw.decode("utf-8", "replace")
        shown = self._kind(style) if style else ""
        return from_serial(value, shown, date1904=self.workbook.date1904) if shown in _MOMENTS else value

    def _kind(self, style: bytes) -> str:
        if style not in self._kinds:
            self._kinds[style] = self.workbook.styles.kind(int(style))
        return self._kinds[style]


def _spelled(raw: bytes, letters: Any, style: Any, kind: Any) -> tuple[Any, Any, Any]:
    """Return column, style and type of a cell whose attributes are in another order, or written another way."""
    tag = raw[: raw.index(b">")]
    found = dict(_ATTRIBUTE.findall(tag))
    place = re.match(rb"[A-Za-z]+", found.get(b"r", b""))
    return place[0] if place else letters, found.get(b"s", style), found.get(b"t", kind)


def _moment(text: str) -> Scalar:
    """Return the date of a cell of type "d" (18.18.11), the text if it is none."""
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return text
    return moment if "T" in text else moment.date()


def shell(workbook: Workbook, sheet: Sheet) -> bytes:
    """Return a sheet's part without its rows: what stands before and behind them, in little memory."""
    before, after = b"", b""
    opened = closed = False
    prefix = b""
    for block in _blocks(workbook, sheet):
        if not opened:
            before += block
            prefix = prefix or markup.prefix_of(before)
            found = markup.tag_pattern(prefix + b"sheetData").search(before)
            if found is None:
                continue
            opened, after, before = True, before[found.end() :], before[: found.end()]
            closed = found[1].endswith(b"/")
        else:
            after += block
        if not closed:
            at = after.find(b"</" + prefix + b"sheetData")
            closed = at >= 0
            after = after[at:] if closed else after[-64:]
    return before + after


def last_rows(workbook: Workbook, sheet: Sheet, least: int = 20) -> list[StreamedRow]:
    """Return the last rows of a big sheet that hold something (at least so many if there are), without reading all."""
    prefix = b""
    kept = b""
    for block in _blocks(workbook, sheet):
        prefix = prefix or markup.prefix_of(block)
        kept = (kept + block)[-2_000_000:]
    start = kept.find(b"<" + prefix + b"row ")
    rows = list(_Parser(workbook, prefix, styles=True).rows(kept[start:])) if start >= 0 else []
    return rows[-least:]
