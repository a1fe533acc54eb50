"""Data under way in an analysis: named columns, rows that can be gone through again, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from copilot.documents.excel.refs import Area, address, column_letters, column_number, quote_sheet
from copilot.documents.excel.values import Scalar
from copilot.errors import ToolInputError

if TYPE_CHECKING:
    from copilot.documents.excel.analysis.conditions import Rule
    from copilot.documents.excel.analysis.sources import Books

#: A row: its number in the sheet (0 for one that was computed), and its values by column.
Row: TypeAlias = tuple[int, tuple[Scalar, ...]]


@dataclass
class Origin:
    """Where rows lie in a sheet; `last` is known once they have been gone through.

    `broken` says that rows between the first and the last don't count (subtotals): no formula gives the same.
    """

    sheet: str
    left: int
    first: int = 0
    last: int = 0
    table: str = ""
    table_columns: tuple[str, ...] = ()
    broken: bool = False
    here: bool = True

    def place(self, index: int) -> str:
        """Return a column's data as a formula names it: "Sales[Amount]" or "Sales!$D$5:$D$9"."""
        if self.table:
            escaped = "".join(f"'{c}" if c in "[]#'@" else c for c in self.table_columns[index])
            return f"{self.table}[{escaped}]"
        column = self.left + index
        return f"{quote_sheet(self.sheet)}!{Area(self.first, column, self.last, column).absolute()}"

    def cell(self, row: int, index: int) -> str:
        """Return the address of a cell as a citation names it: "Sales!D8"."""
        return f"{self.sheet}!{address(row, self.left + index)}"


@dataclass(frozen=True)
class Frame:
    """Rows under columns. `each` goes through them, from the start each time; `rules` are the filters so far.

    `formulas` hold, row by row, the Excel formula that gives the same value ("" for none).
    """

    columns: tuple[str, ...]
    each: Callable[[], Iterator[Row]] = field(repr=False)
    books: Books = field(repr=False)
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    origin: Origin | None = None
    rules: tuple[Rule, ...] = ()
    formulas: tuple[tuple[str, ...], ...] = ()
    late_notes: Callable[[], Sequence[str]] = tuple
    late_source: Callable[[], str] | None = None

    @property
    def read(self) -> tuple[str, ...]:
        """The ranges that were read; of a stream this is known once it has been gone through."""
        return (self.late_source(),) if self.late_source is not None else self.sources

    def column(self, name: str) -> int:
        """Return the index of a column by its header (case does not matter) or its letter in the sheet.

        Raises ToolInputError for an unknown one (with the closest) and for a header that several columns have.
        """
        wanted = _folded(name)
        found = [_folded(c) for c in self.columns]
        if wanted in found:
            self._refuse_twins(name, wanted, found)
            return found.index(wanted)
        left = self.origin.left if self.origin else 1
        if self.origin and name.isascii() and name.isalpha() and len(name) < 4:
            index = column_number(name) - left
            if 0 <= index < len(self.columns):
                return index
        for index in range(len(self.columns)):
            if wanted == _folded(f"{self.columns[index]} ({column_letters(left + index)})"):
                return index
        raise ToolInputError.unknown("column", name, self.columns, where=", ".join(self.read))

    def _refuse_twins(self, name: str, wanted: str, found: Sequence[str]) -> None:
        if self.origin is None:
            return
        left = self.origin.left
        own = found.index(wanted)
        letters = [column_letters(left + own)] + [
            column_letters(left + i)
            for i, c in enumerate(found)
            if c == f"{wanted} ({column_letters(left + i).lower()})"
        ]
        if len(letters) > 1:
            message = f"{len(letters)} columns are named {self.columns[own]!r}: {', '.join(letters)}."
            raise ToolInputError(message, hint="Name the one that is meant by its letter.", code="ambiguous_column")

    def indexes(self, names: Iterable[str]) -> list[int]:
        """Return the indexes of several columns."""
        return [self.column(name) for name in names]

    def rows(self) -> Iterator[Row]:
        """Yield the rows that fulfil all filters."""
        rules = self.rules
        if not rules:
            yield from self.each()
            return
        for row in self.each():
            if all(rule.holds(row[1]) for rule in rules):
                yield row

    def where(self, row: int, index: int) -> str:
        """Return where a value lies: "Sales!D8"; "row 8" of data that was computed."""
        return self.origin.cell(row, index) if self.origin else f"{self.columns[index]}"

    def made(
        self,
        columns: Iterable[str],
        rows: Iterable[Sequence[Scalar]],
        *,
        notes: Iterable[str] = (),
        formulas: Iterable[Sequence[str]] = (),
        sources: Iterable[str] = (),
    ) -> Frame:
        """Return rows that were computed from these: what they came from and what was said stays."""
        kept = [(0, tuple(row)) for row in rows]
        return Frame(
            tuple(columns),
            lambda: iter(kept),
            self.books,
            tuple(dict.fromkeys((*self.read, *sources))),
            tuple(dict.fromkeys((*self.notes, *self.late_notes(), *notes))),
            formulas=tuple(tuple(f) for f in formulas),
        )

    def numbered(self) -> Frame:
        """Return the same rows, each under its place from 0, so that formulas can be found again."""
        each = self.each
        return replace(self, each=lambda: ((n, values) for n, (_, values) in enumerate(each())))

    def filtered(self, rules: Iterable[Rule]) -> Frame:
        """Return the rows that fulfil these as well."""
        return replace(self, rules=(*self.rules, *rules), formulas=())


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
