"""The references in a formula's text, told from everything else in it (ECMA-376 part 1, 18.17.2).

A text is cut into pieces: what is no reference stays as it is written, to the letter. Strings, numbers, functions,
names, the variables of LET and LAMBDA, structured references and error values are no references to cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, column_letters, column_number, quote_sheet

_CORNER = r"\$?[A-Za-z]{1,3}\$?[1-9][0-9]{0,6}"
_BODY = (
    rf"(?:{_CORNER}(?::{_CORNER})?|\$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}}|\$?[1-9][0-9]{{0,6}}:\$?[1-9][0-9]{{0,6}})"
    r"(?![\w.(!\[\\?])"
)
_WORD = r"(?:[^\W\d]|\\)[\w.\\?]*"
_SHEET = r"[^\s'!()+\-*/^&=<>,;:{}\"\[\]#@%|$]+"
_BRACKETS = r"\[(?:'.|[^\[\]']|\[(?:'.|[^\[\]'])*\])*\]"
_TOKEN = re.compile(
    rf"""(?P<string>"(?:[^"]|"")*")
    |(?P<error>\#REF!(?:{_BODY})?|\#[A-Z/0_]+[!?]?)
    |(?P<prefix>'(?:[^']|'')*'!|(?:\[[^\[\]]*\])?(?!{_CORNER}:){_SHEET}(?::{_SHEET})?!|\[[^\[\]]*\]!)
     (?P<tail>{_BODY}|\#REF!|{_WORD})?
    |(?P<table>(?:{_WORD})?{_BRACKETS})
    |(?P<body>{_BODY})
    |{_WORD}
    |[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"(\$?)([A-Za-z]*)(\$?)([0-9]*)\Z")
REF_ERROR = "#REF!"


@dataclass(frozen=True, slots=True)
class Corner:
    """One corner of a reference: `row` 0 in "A:C", `column` 0 in "1:5"; `fixed_*` says that a $ stands before it."""

    row: int
    column: int
    fixed_row: bool
    fixed_column: bool

    def moved(self, rows: int, columns: int) -> Corner:
        """Return the corner as a copied formula has it: what has no $ moves, around the end of the sheet if need be."""
        row = (self.row - 1 + rows) % MAX_ROW + 1 if self.row and not self.fixed_row else self.row
        column = (self.column - 1 + columns) % MAX_COLUMN + 1 if self.column and not self.fixed_column else self.column
        return Corner(row, column, self.fixed_row, self.fixed_column)

    def __str__(self) -> str:
        letters = ("$" if self.fixed_column else "") + column_letters(self.column) if self.column else ""
        return letters + (("$" if self.fixed_row else "") + str(self.row) if self.row else "")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference: `prefix` is what names its sheet, as written ("'My Sheet'!", "" for none).

    `sheet` and `last` are the sheets it names, both the same but in a 3-D reference (Jan:Mar!A1). `corners` are one or
    two; without any `word` is the name behind the sheet ("Sheet1!Rate"), or "#REF!".
    """

    prefix: str
    sheet: str
    last: str
    external: bool
    corners: tuple[Corner, ...]
    word: str = ""

    @property
    def area(self) -> Area:
        """The cells, whichever way round the corners are written. Only where there are corners."""
        rows = [c.row for c in self.corners if c.row] or [1, MAX_ROW]
        columns = [c.column for c in self.corners if c.column] or [1, MAX_COLUMN]
        return Area(min(rows), min(columns), max(rows), max(columns))

    def moved(self, rows: int, columns: int) -> Reference:
        """Return the reference as a formula has it that was copied so many rows and columns further."""
        return replace(self, corners=tuple(corner.moved(rows, columns) for corner in self.corners))

    def placed(self, area: Area) -> Reference:
        """Return the reference to another area, its $ signs and the order of its corners kept."""
        if len(self.corners) == 1:
            ends = [(area.top, area.left)]
        else:
            first, last = self.corners
            rows = (area.top, area.bottom) if first.row <= last.row else (area.bottom, area.top)
            columns = (area.left, area.right) if first.column <= last.column else (area.right, area.left)
            ends = list(zip(rows, columns, strict=True))
        corners = tuple(
            Corner(row if c.row else 0, column if c.column else 0, c.fixed_row, c.fixed_column)
            for c, (row, column) in zip(self.corners, ends, strict=True)
        )
        return replace(self, corners=corners)

    def on(self, sheet: str, last: str = "") -> Reference:
        """Return the reference with other sheets named."""
        last = last or sheet
        return replace(self, prefix=_prefix(sheet, last), sheet=sheet, last=last)

    def broken(self) -> Reference:
        """Return what is left of a reference to cells that are gone: #REF! behind the sheet."""
        return replace(self, corners=(), word=REF_ERROR)

    def __str__(self) -> str:
        return self.prefix + (":".join(map(str, self.corners)) or self.word)


def _prefix(sheet: str, last: str) -> str:
    if sheet == last:
        return quote_sheet(sheet) + "!"
    if quote_sheet(sheet) == sheet and quote_sheet(last) == last:
        return f"{sheet}:{last}!"
    return "'" + f"{sheet}:{last}".replace("'", "''") + "'!"


Pieces = tuple["str | Reference", ...]
#: What becomes of a reference: itself, another one, or a text in its place.
Change = Callable[[Reference], "Reference | str"]


@lru_cache(maxsize=8192)
def pieces(text: str) -> Pieces:
    """Return a formula (with or without "=") cut into references and the text between them; joined it is the same."""
    found: list[str | Reference] = []
    at = 0
    for match in _TOKEN.finditer(text):
        reference = _reference(match)
        if reference is not None:
            found += [text[at : match.start()], reference]
            at = match.end()
    return (*found, text[at:])


def _reference(match: re.Match[str]) -> Reference | None:
    kind = match.lastgroup
    if kind == "body":
        corners = _corners(match["body"])
        return Reference("", "", "", False, corners) if corners else None
    prefix, tail = match["prefix"], match["tail"]
    if prefix is None or tail is None:
        return None
    name = prefix[:-1]
    if name.startswith("'"):
        name = name[1:-1].replace("''", "'")
    if "[" in name:
        return None  # in another workbook, which does not change
    sheet, colon, last = name.partition(":")
    corners = _corners(tail)
    return Reference(prefix, sheet, last if colon else sheet, False, corners, "" if corners else tail)


@lru_cache(maxsize=65_536)
def _corners(text: str) -> tuple[Corner, ...]:
    """Return the corners of "A1:B2", none for what is no place on a sheet (a name such as XYZ1)."""
    found = []
    for part in text.split(":"):
        match = _PART.match(part)
        if match is None:
            return ()
        letters, row = match[2], int(match[4] or 0)
        fixed_row = bool(match[3]) if letters else bool(match[1])
        corner = Corner(row, column_number(letters) if letters else 0, fixed_row, bool(match[1]) and bool(letters))
        if corner.row > MAX_ROW or corner.column > MAX_COLUMN or (len(text) == len(part) and not (row and letters)):
            return ()
        found.append(corner)
    return tuple(found)


def joined(parts: Pieces) -> str:
    """Return the text of pieces."""
    return "".join(map(str, parts))


def moved(parts: Pieces, rows: int, columns: int) -> Pieces:
    """Return the pieces of a formula copied so many rows and columns further."""
    if not rows and not columns:
        return parts
    return tuple(p if isinstance(p, str) else p.moved(rows, columns) for p in parts)


def replaced(parts: Pieces, change: Change) -> Pieces:
    """Return the pieces with every reference sent through `change`; the same object when nothing changes."""
    if len(parts) == 1:
        return parts
    new = tuple(p if isinstance(p, str) else change(p) for p in parts)
    return parts if new == parts else new
