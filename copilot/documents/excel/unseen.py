"""Cells that a person would not see: hidden rows and columns, formats that show nothing, colours that do not stand out.

Conditional formats and table styles are not followed: what they paint counts as seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeVar

from lxml import etree

from copilot.documents.excel.grid import Grid
from copilot.documents.excel.markup import attribute, find_all
from copilot.documents.excel.workbook import Workbook

HIDDEN_ROW, HIDDEN_COLUMN = "hidden row", "hidden column"
WHITE, TINY, BLANK = "white text", "tiny text", "format that shows nothing"
SAME = "text in the colour of its background"

_NEAR = 24  # of 255: colours that differ less can't be told apart
_WHITE = 0xF0
#: Colours by index (18.8.27) that stand for white and black; 64 and 65 are the system's text and background.
_INDEXED = {0: "000000", 1: "FFFFFF", 8: "000000", 9: "FFFFFF", 64: "000000", 65: "FFFFFF"}
_THEME = {0: "FFFFFF", 1: "000000"}  # light 1 and dark 1, as nearly every theme has them

RGB = tuple[int, int, int]
T = TypeVar("T")


def unseen_cells(grid: Grid, styles: dict[int, str] | None = None) -> dict[tuple[int, int], str]:
    """Return why each cell of the grid that is not seen is not, by row and column; `styles` are `Unseen.reasons`."""
    rows, columns = grid.hidden_rows | _flat_rows(grid), grid.hidden_columns
    styles = styles or {}
    if not rows and not columns and not styles:
        return {}
    found: dict[tuple[int, int], str] = {}
    for number, cells in grid.rows.items():
        for column, cell in cells.items():
            why = HIDDEN_ROW if number in rows else HIDDEN_COLUMN if column in columns else styles.get(cell.style, "")
            if why and not (why == BLANK and cell.blank):
                found[number, column] = why
    return found


def _flat_rows(grid: Grid) -> frozenset[int]:
    """Return the rows of no height (18.3.1.73), and all that are not set apart where rows are hidden by default."""
    xml = grid.reader.xml
    if b"zeroHeight" not in xml.data[: xml.inner] and b' ht="0' not in xml.data:
        return frozenset()
    default = re.search(rb'<[^>]*sheetFormatPr[^>]*zeroHeight\s*=\s*"(?:1|true)"', xml.data[: xml.inner]) is not None
    found = set()
    for span in xml.rows():
        height = attribute(xml.data[span.start : span.inner], b"ht")
        if (height is None and default) or (height is not None and _number(height) < 1):
            found.add(span.number)
    return frozenset(found)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 99.0


class Unseen:
    """What the cell formats of a workbook hide."""

    def __init__(self, root: etree._Element | None) -> None:
        self._root = root

    @classmethod
    def of(cls, workbook: Workbook) -> Unseen:
        """Return that of a workbook."""
        part = workbook.styles.part
        return cls(workbook.package.xml(part) if part else None)

    @cached_property
    def reasons(self) -> dict[int, str]:
        """Why a cell of a format (an index into cellXfs) is not seen; formats that are seen are not in it."""
        fonts = list(self._group("fonts"))
        fills = [_solid(fill) for fill in self._group("fills")]
        codes = {e.get("numFmtId", ""): e.get("formatCode", "") for e in self._group("numFmts")}
        found = {}
        for index, xf in enumerate(self._group("cellXfs")):
            font = _at(fonts, xf.get("fontId"))
            why = _font_reason(font, _at(fills, xf.get("fillId"))) if font is not None else ""
            if why := why or _code_reason(codes.get(xf.get("numFmtId", ""), "")):
                found[index] = why
        return found

    def _group(self, name: str) -> Iterator[etree._Element]:
        for group in self._root if self._root is not None else ():
            if isinstance(group.tag, str) and group.tag.endswith(f"}}{name}"):
                yield from (e for e in group if isinstance(e.tag, str))


def _at(items: Sequence[T], index: str | None) -> T | None:
    number = int(index) if index and index.isdigit() else 0
    return items[number] if number < len(items) else None


def _font_reason(font: etree._Element, fill: RGB | tuple[()] | None) -> str:
    parts = {str(e.tag).rpartition("}")[2]: e for e in font}
    if "sz" in parts and _number(parts["sz"].get("val", "")) <= 2:
        return TINY
    color = _rgb(parts.get("color"))
    if color is None:
        return ""
    if not fill:
        return WHITE if fill is None and min(color) >= _WHITE else ""
    return SAME if max(abs(a - b) for a, b in zip(color, fill, strict=True)) <= _NEAR else ""


def _solid(fill: etree._Element) -> RGB | tuple[()] | None:
    """Return the colour of a solid fill: None for no fill, () for one that is there but of an unknown colour."""
    pattern = next((e for e in fill if str(e.tag).endswith("}patternFill")), None)
    if pattern is None:
        return () if len(fill) else None
    if pattern.get("patternType", "none") == "none":
        return None
    shown = next((e for e in pattern if str(e.tag).endswith("}fgColor")), None)
    return _rgb(shown) or ()


def _rgb(color: etree._Element | None) -> RGB | None:
    """Return a colour (18.8.3); None for an automatic one, or a theme's that is tinted or not black or white."""
    if color is None or color.get("tint", "0").strip("-0.") or color.get("auto"):
        return None
    theme, index = color.get("theme", ""), color.get("indexed", "")
    text = color.get("rgb") or (_THEME.get(int(theme)) if theme.isdigit() else None)
    text = text or (_INDEXED.get(int(index)) if index.isdigit() else None)
    if not text or not re.fullmatch(r"[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}", text):
        return None
    packed = int(text[-6:], 16)
    return packed >> 16, packed >> 8 & 255, packed & 255


def _code_reason(code: str) -> str:
    """Return whether a format code shows nothing (18.8.31): all sections are empty; or paints in white."""
    sections = code.split(";")
    if len(sections) > 2 and not any(s.replace('"', "").strip() for s in sections):
        return BLANK
    return WHITE if re.search(r"\[(?:white|color\s*2)\]", code, re.IGNORECASE) else ""


def hidden_columns(grid: Grid) -> frozenset[int]:
    """Return the columns that are hidden or of no width, up to the last that is used (18.3.1.13)."""
    xml = grid.reader.xml
    group = xml.element(b"cols")
    used = grid.used
    last = used.right if used else 0
    found: set[int] = set()
    for element in find_all(xml.data, xml.prefix + b"col", group.inner, group.close) if group else ():
        width = xml.attribute(element, b"width")
        if xml.attribute(element, b"hidden") in ("1", "true") or (width is not None and _number(width) < 0.1):
            low, high = _whole(xml.attribute(element, b"min")), _whole(xml.attribute(element, b"max"))
            found.update(range(low, min(high, last) + 1))
    return frozenset(found)


def _whole(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"\d{1,6}", text) else 1
