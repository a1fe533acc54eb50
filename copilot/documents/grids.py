"""Sheets as readers show them, a grid with column letters and row numbers, taken apart into tables again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from copilot.documents.tables import column_letters

_FORMULA = re.compile(r"\s*`=[^`]*`\Z")
_NUMERIC = re.compile(r"[-+(]?\s?[$€£]?\s?\d[\d.,' ]*\s?[%€$£)]?\Z|\d{4}-\d\d-\d\d\b|TRUE\Z|FALSE\Z|#[A-Z/0!?]+\Z")


@dataclass(frozen=True, slots=True)
class GridRow:
    """A row of a sheet: its number and its cells from column A on, formulas taken off."""

    number: int
    cells: tuple[str, ...]

    def range(self) -> str:
        """Return the address of the cells that hold something ("A5:Q5")."""
        filled = [n for n, cell in enumerate(self.cells, start=1) if cell] or [1]
        first, last = (f"{column_letters(n)}{self.number}" for n in (filled[0], filled[-1]))
        return first if first == last else f"{first}:{last}"


@dataclass(frozen=True, slots=True)
class Region:
    """Rows that belong together: lines of text above, a header (None where there is none), and the rows under it."""

    titles: tuple[GridRow, ...]
    header: GridRow | None
    rows: tuple[GridRow, ...]


def grid(rows: Sequence[Sequence[str]]) -> list[GridRow] | None:
    """Return the rows of a grid; None for an ordinary table. `rows` are the cells of the Markdown table."""
    if len(rows) < 1 or len(rows[0]) < 2 or rows[0][0]:
        return None
    letters = rows[0][1:]
    if not all(re.fullmatch(r"[A-Z]{1,3}", cell) for cell in letters):
        return None
    found = []
    for row in rows[1:]:
        if not row or not row[0].isdigit():
            return None
        found.append(GridRow(int(row[0]), _placed(letters, row[1:])))
    return found


def _placed(letters: Sequence[str], cells: Sequence[str]) -> tuple[str, ...]:
    """Return the cells from column A on, whatever column the grid begins with."""
    placed: list[str] = []
    for letter, cell in zip(letters, cells, strict=False):
        at = _column(letter)
        placed.extend([""] * (at - len(placed) - 1))
        placed.append(_FORMULA.sub("", cell))
    return tuple(placed)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def regions(rows: Sequence[GridRow]) -> list[Region]:
    """Cut a grid where rows are missing or blank, and find the header of each piece."""
    pieces: list[list[GridRow]] = []
    for row in rows:
        if not any(row.cells):
            continue
        if pieces and row.number - pieces[-1][-1].number == 1:
            pieces[-1].append(row)
        else:
            pieces.append([row])
    found: list[Region] = []
    for piece in pieces:
        found.append(_region(piece, found[-1].header if found else None))
    return found


def _region(piece: list[GridRow], above: GridRow | None) -> Region:
    count = 0
    while count < len(piece) - 1 and len(_filled(piece[count])) == 1:
        count += 1
    titles, rest = piece[:count], piece[count:]
    if len(rest) == 1 and len(_filled(rest[0])) == 1:
        return Region(tuple(piece), None, ())
    if _is_header(rest[0]) and len(rest) > 1:
        return Region(tuple(titles), rest[0], tuple(rest[1:]))
    # A total under a blank row still belongs to the header above.
    inherited = above if above is not None and len(_filled(rest[0])) <= len(_filled(above)) else None
    return Region(tuple(titles), inherited, tuple(rest))


def _filled(row: GridRow) -> list[str]:
    return [cell for cell in row.cells if cell]


def _is_header(row: GridRow) -> bool:
    """Whether a row can be a header: two or more cells, words, except for years and the like."""
    filled = _filled(row)
    numeric = sum(bool(_NUMERIC.match(cell)) and not re.fullmatch(r"(?:19|20)\d\d", cell) for cell in filled)
    return len(filled) >= 2 and numeric == 0
