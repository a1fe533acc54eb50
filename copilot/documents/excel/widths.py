"""Widths of columns: what people say, what the file says (ECMA-376 part 1, 18.3.1.13), and what a text needs."""

from __future__ import annotations

import unicodedata

from copilot.documents.excel.stylesheet import StyleSheet, attributes_of, parts_of

#: The width of a digit in ems; of fonts that are not named here that of Calibri.
_DIGIT = {"arial": 0.556, "helvetica": 0.556, "verdana": 0.636, "tahoma": 0.546, "courier new": 0.6, "consolas": 0.55}
_CALIBRI = 0.507
_NARROW, _WIDE = frozenset("ijl.,:;|!'`()[]{}ftr "), frozenset("mwMW@%")
#: Columns are not made wider than this by `auto`: longer texts are better wrapped.
MOST_AUTO = 80.0


def digit_pixels(sheets: StyleSheet) -> int:
    """Return the width of a digit of the workbook's first font, in pixels at 96 dpi: 7 for Calibri 11."""
    children = {name: attributes_of(part) for name, part in parts_of(sheets.item(b"fonts", 0), sheets.prefix)}
    name = children.get(b"name", {}).get("val", "Calibri").casefold()
    try:
        size = float(children.get(b"sz", {}).get("val", "11"))
    except ValueError:
        size = 11.0
    return max(1, int(size * 96 / 72 * _DIGIT.get(name, _CALIBRI)))


def stored_width(characters: float, digit: int) -> float:
    """Return the width that a file holds for one that Excel shows: five pixels of margin are added (18.3.1.13)."""
    if characters < 1:
        return int(characters * (digit + 5) / digit * 256) / 256
    return int((characters * digit + 5) / digit * 256) / 256


def shown_width(stored: float, digit: int) -> float:
    """Return the width in characters that Excel shows for one that a file holds (18.3.1.13)."""
    pixels = int((256 * stored + int(128 / digit)) / 256 * digit)
    if pixels < digit + 5:
        return round(pixels / (digit + 5), 2)
    return int((pixels - 5) / digit * 100 + 0.5) / 100


def text_width(text: str, *, size: float = 1.0, bold: bool = False) -> float:
    """Return how many digits wide the longest line of a text is; `size` is its font's share of the first font's."""
    return max((sum(map(_width, line)) for line in text.splitlines()), default=0.0) * size * (1.08 if bold else 1.0)


def _width(letter: str) -> float:
    if letter in _NARROW:
        return 0.6
    if letter in _WIDE:
        return 1.6
    if unicodedata.east_asian_width(letter) in ("W", "F"):
        return 2.0
    return 1.2 if letter.isupper() else 1.0
