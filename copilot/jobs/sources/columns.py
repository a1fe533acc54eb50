"""The header of a table: names that prompts can use, each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from copilot.documents.tables import column_letters
from copilot.errors import DocumentError
from copilot.jobs.sources.found import Found

#: More columns than any spreadsheet has are no table.
_MOST = 16_384


class Columns:
    """The columns of a table by its header. Raises DocumentError, naming the column, for one without a name or twice.

    Empty cells at the end of a header are no columns: spreadsheets leave them behind.
    """

    def __init__(self, header: Sequence[Any], table: str, number: int) -> None:
        names = [" ".join(str(cell if cell is not None else "").split()) for cell in header]
        while names and not names[-1]:
            names.pop()
        if len(names) > _MOST:
            raise DocumentError(f"{table} has {len(names):,} columns; up to {_MOST:,} are read.", code="too_large")
        first: dict[str, int] = {}
        for place, name in enumerate(names, start=1):
            self._check(name, place, first.setdefault(name, place), f"row {number} of {table}")
        self.names = names

    def _check(self, name: str, place: int, first: int, where: str) -> None:
        letters = column_letters(place)
        if not name:
            raise DocumentError(f"Column {letters} has no name in {where}.", hint="Give each column a name.")
        if first != place:
            raise DocumentError(
                f"Columns {column_letters(first)} and {letters} are both named {name!r} in {where}.",
                hint="Give each column a name of its own.",
            )

    def values(self, cells: Sequence[Any], number: int, found: Found) -> dict[str, Any] | None:
        """Return the values of a row; None, and the reason told, for one that has more cells than there are columns.

        Cells that are missing at the end are empty text.
        """
        if any(cell not in (None, "") for cell in cells[len(self.names) :]):
            found.skip(f"row {number}", f"rows with more cells than the {len(self.names)} columns")
            return None
        padded = [*cells, *[""] * (len(self.names) - len(cells))]
        return {name: "" if cell is None else cell for name, cell in zip(self.names, padded, strict=False)}
