"""The header of a table: names that prompts can use, each of them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from copilot.documents.tables import column_letters
from copilot.errors import DocumentError
from copilot.jobs.sources.found import Found

#: Lines of a title that may stand above a header.
_TITLE = 10
#: More columns than any spreadsheet has are no table.
_MOST = 16_384


Row = tuple[int, list[Any]]


def header_of(rows: Iterator[Row], table: str, found: Found) -> tuple[Row, Iterator[Row]] | None:
    """Return the header with its number, and the rows below it; None where there is no row.

    It is the first row, except for a line or two of one cell above rows of several: a title, which is told.
    """
    first = list(islice(rows, _TITLE + 2))
    if not first:
        return None
    place = next((n for n, (_, cells) in enumerate(first) if not _is_title(cells)), 0)
    if place > _TITLE or any(_is_title(cells) for _, cells in first[place : place + 2]):
        place = 0
    if place:
        found.note(f"The header of {table} is row {first[place][0]}; what stands above it is not read.")
    return first[place], chain(first[place + 1 :], rows)


def _is_title(cells: Sequence[Any]) -> bool:
    return sum(cell not in (None, "") for cell in cells) < 2


class Columns:
    """The columns of a table by its header. Raises DocumentError, naming the column, for one without a name or twice.

    Empty cells at the ends of a header are no columns: spreadsheets leave them behind.
    """

    def __init__(self, header: Sequence[Any], table: str, number: int) -> None:
        names = [" ".join(str(cell if cell is not None else "").split()) for cell in header]
        while names and not names[-1]:
            names.pop()
        self._skipped = next((n for n, name in enumerate(names) if name), 0)
        self._where = f"row {number} of {table}"
        names = names[self._skipped :]
        if len(names) > _MOST:
            raise DocumentError(f"{table} has {len(names):,} columns; up to {_MOST:,} are read.", code="too_large")
        first: dict[str, int] = {}
        for place, name in enumerate(names, start=self._skipped + 1):
            self._check(name, place, first.setdefault(name, place))
        self.names = names

    def _check(self, name: str, place: int, first: int) -> None:
        letters = column_letters(place)
        if not name:
            raise DocumentError(f"Column {letters} has no name in {self._where}.", hint="Give each column a name.")
        if first != place:
            raise DocumentError(
                f"Columns {column_letters(first)} and {letters} are both named {name!r} in {self._where}.",
                hint="Give each column a name of its own.",
            )

    def values(self, cells: Sequence[Any], number: int, found: Found) -> dict[str, Any] | None:
        """Return the values of a row; None, and the reason told, for one that has more cells than there are columns.

        Cells that are missing at the end are empty text. Raises DocumentError for a value in front of all columns.
        """
        for place, cell in enumerate(cells[: self._skipped], start=1):
            self._check("" if cell not in (None, "") else "-", place, place)
        cells = cells[self._skipped :]
        if any(cell not in (None, "") for cell in cells[len(self.names) :]):
            found.skip(f"row {number}", f"rows with more cells than the {len(self.names)} columns")
            return None
        padded = [*cells, *[""] * (len(self.names) - len(cells))]
        return {name: "" if cell is None else cell for name, cell in zip(self.names, padded, strict=False)}
