"""Cell and range addresses in A1 notation (ECMA-376 part 1, 18.2.1 and 18.18.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from copilot.errors import ToolInputError

MAX_ROW = 1_048_576
MAX_COLUMN = 16_384

_CELL = re.compile(r"\$?([A-Za-z]{1,4})\$?([0-9]{1,8})\Z")
_COLUMN = re.compile(r"\$?([A-Za-z]{1,4})\Z")
_ROW = re.compile(r"\$?([0-9]{1,8})\Z")
_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*\Z")


@lru_cache(maxsize=4096)
def column_letters(column: int) -> str:
    """Return "AB" for 28."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@lru_cache(maxsize=4096)
def column_number(letters: str) -> int:
    """Return 28 for "AB"."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def address(row: int, column: int) -> str:
    """Return "B4" for (4, 2)."""
    return f"{column_letters(column)}{row}"


def _bad(text: str, why: str, hint: str = "") -> ToolInputError:
    return ToolInputError(f"{text!r} is no address: {why}.", hint=hint or "Write it like B4 or A1:C9.", code="address")


def parse_cell(text: str) -> tuple[int, int]:
    """Return (row, column) of "B4" or "$B$4", counted from 1; raises ToolInputError."""
    match = _CELL.match(text.strip())
    if not match:
        raise _bad(text, "a cell is a column's letters and a row's number")
    return _checked(text, int(match[2]), column_number(match[1]))


def _checked(text: str, row: int, column: int) -> tuple[int, int]:
    if not 1 <= row <= MAX_ROW or not 1 <= column <= MAX_COLUMN:
        raise _bad(text, f"a sheet ends at {address(MAX_ROW, MAX_COLUMN)}")
    return row, column


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, all four borders included, counted from 1."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def parse(cls, text: str) -> Area:
        """Return the area of "A1:C9", "B4", "A:C" or "2:5" ($ is ignored); raises ToolInputError."""
        first, colon, last = text.strip().partition(":")
        if not colon:
            row, column = parse_cell(first)
            return cls(row, column, row, column)
        area = _corners(text, first.strip(), last.strip())
        if area.top > area.bottom or area.left > area.right:
            right_way = cls(*_sorted(area))
            raise _bad(text, "its corners are the wrong way round", f"Did you mean {right_way}?")
        return area

    @classmethod
    def around(cls, cells: Iterator[tuple[int, int]]) -> Area | None:
        """Return the smallest area that holds all (row, column), None for none."""
        found = list(cells)
        if not found:
            return None
        rows, columns = [r for r, _ in found], [c for _, c in found]
        return cls(min(rows), min(columns), max(rows), max(columns))

    def __str__(self) -> str:
        first, last = address(self.top, self.left), address(self.bottom, self.right)
        return first if first == last else f"{first}:{last}"

    def __contains__(self, cell: object) -> bool:
        if not isinstance(cell, tuple):
            return False
        return bool(self.top <= cell[0] <= self.bottom and self.left <= cell[1] <= self.right)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left + 1

    def overlaps(self, other: Area) -> bool:
        """Return whether the two share a cell."""
        return not (
            other.left > self.right or other.right < self.left or other.top > self.bottom or other.bottom < self.top
        )

    def absolute(self) -> str:
        """Return "$A$1:$C$9", as charts and names write it."""
        first = f"${column_letters(self.left)}${self.top}"
        last = f"${column_letters(self.right)}${self.bottom}"
        return first if first == last else f"{first}:{last}"

    def clipped(self, other: Area) -> Area | None:
        """Return the part of this area that lies in `other`, None for nothing."""
        if not self.overlaps(other):
            return None
        return Area(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def cells(self) -> Iterator[tuple[int, int]]:
        """Yield (row, column), row by row."""
        for row in range(self.top, self.bottom + 1):
            for column in range(self.left, self.right + 1):
                yield row, column


def _sorted(area: Area) -> tuple[int, int, int, int]:
    top, bottom = sorted((area.top, area.bottom))
    left, right = sorted((area.left, area.right))
    return top, left, bottom, right


def _corners(text: str, first: str, last: str) -> Area:
    if _COLUMN.match(first) and _COLUMN.match(last):
        _, left = _checked(text, 1, column_number(first.replace("$", "")))
        _, right = _checked(text, 1, column_number(last.replace("$", "")))
        return Area(1, left, MAX_ROW, right)
    if _ROW.match(first) and _ROW.match(last):
        top, _ = _checked(text, int(first.replace("$", "")), 1)
        bottom, _ = _checked(text, int(last.replace("$", "")), 1)
        return Area(top, 1, bottom, MAX_COLUMN)
    if not _CELL.match(first) or not _CELL.match(last):
        raise _bad(text, "a range is two cells with a colon between them")
    top, left = parse_cell(first)
    bottom, right = parse_cell(last)
    return Area(top, left, bottom, right)


def split_sheet(text: str) -> tuple[str | None, str]:
    """Return ("My Sheet", "A1:B2") for "'My Sheet'!A1:B2", and (None, text) where no sheet is named."""
    text = text.strip()
    if text.startswith("'"):
        match = re.match(r"'((?:[^']|'')+)'!(.*)\Z", text, re.DOTALL)
        if match:
            return match[1].replace("''", "'"), match[2]
    sheet, mark, rest = text.rpartition("!")
    return (sheet, rest) if mark and sheet else (None, text)


def quote_sheet(name: str) -> str:
    """Return the sheet's name as a formula writes it: in quotes unless it is a plain word."""
    if _PLAIN_NAME.match(name) and not _CELL.match(name) and not re.match(r"(?i)r\d*c?\d*\Z|true\Z|false\Z", name):
        return name
    return "'" + name.replace("'", "''") + "'"
