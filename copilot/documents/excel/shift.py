"""What inserted or deleted rows and columns make of a place: as numbers, areas and references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, column_letters
from copilot.documents.excel.reftext import Pieces, Reference, joined, moved, pieces, replaced


@dataclass(frozen=True, slots=True)
class Shift:
    """`count` rows (or columns) inserted before number `at`, or deleted from there on."""

    rows: bool
    at: int
    count: int
    deletes: bool

    @property
    def limit(self) -> int:
        """The last row or column of a sheet."""
        return MAX_ROW if self.rows else MAX_COLUMN

    @property
    def after(self) -> int:
        """The first number behind what is deleted; `at` for an insertion."""
        return self.at + self.count if self.deletes else self.at

    @property
    def name(self) -> str:
        """The rows or columns as a person writes them: "3:5", "B:D"."""
        low, high = self.at, self.at + self.count - 1
        return f"{low}:{high}" if self.rows else f"{column_letters(low)}:{column_letters(high)}"

    def index(self, number: int) -> int | None:
        """Return where a row or column is afterwards, None when it is deleted or pushed off the sheet."""
        if number < self.at:
            return number
        if self.deletes:
            return number - self.count if number >= self.after else None
        return number + self.count if number + self.count <= self.limit else None

    def near(self, number: int) -> int:
        """Return where a row or column is afterwards, what takes its place when it is gone."""
        moved = self.index(number)
        return moved if moved is not None else min(self.at, self.limit)

    def back(self, number: int) -> int:
        """Return where a row or column was before."""
        if number < self.at:
            return number
        return number + self.count if self.deletes else max(number - self.count, self.at)

    def span(self, low: int, high: int) -> tuple[int, int] | None:
        """Return where a range is afterwards, None when all of it is gone; whole columns and rows stay whole."""
        if (low, high) == (1, self.limit):
            return low, high
        if not self.deletes:
            low, high = (n if n < self.at else n + self.count for n in (low, high))
        else:
            low = low if low < self.at else max(self.at, low - self.count)
            high = high if high < self.at else max(self.at - 1, high - self.count)
        return (low, min(high, self.limit)) if low <= min(high, self.limit) else None

    def area(self, area: Area) -> Area | None:
        """Return where an area is afterwards, None when all of it is gone."""
        if self.rows:
            found = self.span(area.top, area.bottom)
            return Area(found[0], area.left, found[1], area.right) if found else None
        found = self.span(area.left, area.right)
        return Area(area.top, found[0], area.bottom, found[1]) if found else None

    def cell(self, row: int, column: int) -> tuple[int, int] | None:
        """Return where a cell is afterwards, None when it is gone."""
        new = self.index(row if self.rows else column)
        if new is None:
            return None
        return (new, column) if self.rows else (row, new)

    def within(self, area: Area) -> bool:
        """Return whether the shift changes the inside of an area: cuts it open, or takes part of it away."""
        low, high = (area.top, area.bottom) if self.rows else (area.left, area.right)
        if not self.deletes:
            return low < self.at <= high
        return low < self.after and self.at <= high

    def takes(self, area: Area) -> bool:
        """Return whether all of an area is deleted."""
        low, high = (area.top, area.bottom) if self.rows else (area.left, area.right)
        return self.deletes and self.at <= low and high < self.after


@dataclass
class Follower:
    """References to one sheet, sent through a shift of it.

    `reshaped` says whether one of those seen since it was set to False covers other cells than before; `several`
    whether there was a reference over several sheets, which is left as it is. `tables` rewrites structured references
    in a text (for tables that lose columns).
    """

    sheet: str
    shift: Shift
    order: tuple[str, ...]
    reshaped: bool = False
    several: bool = False
    tables: Callable[[str], str] | None = None
    _folded: str = field(init=False)
    _named: dict[str, bool] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._folded = self.sheet.casefold()

    def change(self, reference: Reference, *, own: bool) -> Reference:
        """Return a reference as it is afterwards; `own` says whether it stands on the sheet itself."""
        if not reference.corners:
            return reference
        if reference.sheet != reference.last:
            self.several = self.several or self._between(reference)
            return reference
        if not (self._is(reference.sheet) if reference.sheet else own):
            return reference
        old = reference.area
        new = self.shift.area(old)
        if new is None:
            self.reshaped = True
            return reference.broken()
        if (new.height, new.width) != (old.height, old.width) or (new == old and self._whole(old)):
            self.reshaped = True
        return reference if new == old else reference.placed(new)

    def _whole(self, area: Area) -> bool:
        return area.height == MAX_ROW if self.shift.rows else area.width == MAX_COLUMN

    def _is(self, sheet: str) -> bool:
        known = self._named.get(sheet)
        if known is None:
            known = self._named[sheet] = sheet.casefold() == self._folded
        return known

    def _between(self, reference: Reference) -> bool:
        ends = [n for n, s in enumerate(self.order) if s in (reference.sheet.casefold(), reference.last.casefold())]
        return bool(ends) and self._folded in self.order[min(ends) : max(ends) + 1]

    def pieces(self, parts: Pieces, *, own: bool) -> Pieces:
        """Return a formula's pieces as they are afterwards."""
        return replaced(parts, lambda reference: self.change(reference, own=own))

    def text(self, text: str, *, own: bool, offset: tuple[int, int] = (0, 0)) -> str:
        """Return a formula's text afterwards; `offset` copies it so many rows and columns further before."""
        found = joined(self.pieces(moved(pieces(text), *offset), own=own))
        return self.tables(found) if self.tables is not None else found

    def name(self, text: str) -> str:
        """Return what a defined name stands for afterwards: what has no $ is relative to where the name is used."""
        return joined(replaced(pieces(text), self._name))

    def _name(self, reference: Reference) -> Reference:
        fixed = [
            (c.fixed_row or not c.row) if self.shift.rows else (c.fixed_column or not c.column)
            for c in reference.corners
        ]
        return self.change(reference, own=False) if fixed and all(fixed) else reference
