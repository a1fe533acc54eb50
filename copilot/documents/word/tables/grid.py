"""A table as its grid: rows of cells that each cover some grid columns (ECMA-376 part 1, 17.4.16, 17.4.17, 17.4.48)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from copilot.documents.word import order
from copilot.documents.word.blocks import MAX_SPAN, Block, cells, rows
from copilot.documents.word.names import Element, child, children, descend, name, new, number, value
from copilot.errors import ToolInputError

_USUAL = 1440  # twentieths of a point: an inch, for columns of which no width is known

Merge = Literal["", "restart", "continue"]


@dataclass(slots=True)
class Slot:
    """A cell in its row: it covers the grid columns [start, end), counted from 0."""

    cell: Element
    start: int
    span: int

    @property
    def end(self) -> int:
        """The grid column behind it."""
        return self.start + self.span

    @property
    def merge(self) -> Merge:
        """Whether a vertically merged cell begins here, goes on here, or neither (17.4.84)."""
        found = descend(self.cell, "w:tcPr", "w:vMerge")
        if found is None:
            return ""
        return "restart" if value(found) == "restart" else "continue"

    def set_merge(self, merge: Merge) -> None:
        """Begin or go on a vertically merged cell, or end being part of one."""
        properties = cell_properties(self.cell)
        if merge:
            order.set_child(properties, "vMerge", **({"val": "restart"} if merge == "restart" else {}))
        elif (found := child(properties, "w:vMerge")) is not None:
            properties.remove(found)

    def set_span(self, span: int) -> None:
        """Let the cell cover that many grid columns; its place in this object is not changed."""
        self.span = span
        properties = cell_properties(self.cell)
        if span > 1:
            order.set_child(properties, "gridSpan", val=str(span))
        elif (found := child(properties, "w:gridSpan")) is not None:
            properties.remove(found)

    def set_width(self, width: int) -> None:
        """Give the cell a preferred width in twentieths of a point."""
        order.set_child(cell_properties(self.cell), "tcW", w=str(width), type="dxa")


@dataclass(slots=True)
class Row:
    """A row with its number from 1, the grid columns that it leaves free at both ends, and its cells."""

    element: Element
    number: int
    before: int
    after: int
    slots: list[Slot]

    @property
    def end(self) -> int:
        """The grid column behind its last cell."""
        return self.slots[-1].end if self.slots else self.before

    def at(self, column: int) -> Slot | None:
        """Return the cell that covers a grid column, None where there is none."""
        return next((s for s in self.slots if s.start <= column < s.end), None)

    def skip(self, before: int, after: int) -> None:
        """Leave that many grid columns free at the ends (17.4.14, 17.4.15)."""
        for local, wanted, was in (("gridBefore", before, self.before), ("gridAfter", after, self.after)):
            if wanted == was:
                continue
            properties = order.ensure(self.element, "trPr")
            found = child(properties, f"w:{local}")
            if wanted > 0:
                order.set_child(properties, local, val=str(wanted))
            elif found is not None:
                properties.remove(found)
                width = child(properties, f"w:w{local[4:]}")
                if width is not None:
                    properties.remove(width)
        self.before, self.after = before, after

    def top(self, slot: Slot) -> Element:
        """Return what stands directly in the row for a cell: itself, or the content control around it."""
        found = slot.cell
        while (parent := found.getparent()) is not None and parent is not self.element:
            found = parent
        return found


class Grid:
    """The grid of a table. Rows and cells are found once: make a new one after they were changed."""

    def __init__(self, table: Block) -> None:
        self.table = table.element
        self.where = table.where
        self.rows = [self._row(row, at) for at, row in enumerate(rows(table.element), 1)]
        if not self.rows:
            raise ToolInputError(f"{table.where} has no rows: it is damaged.", code="table")
        self.columns = max(1, *(row.end + row.after for row in self.rows))

    @staticmethod
    def _row(row: Element, at: int) -> Row:
        slots = [Slot(cell, column - 1, span) for cell, column, span in cells(row)]
        properties = child(row, "w:trPr")
        skipped = [number(child(properties, f"w:grid{side}")) or 0 for side in ("Before", "After")]
        before, after = (min(max(each, 0), MAX_SPAN) for each in skipped)
        return Row(row, at, before, after, slots)

    def row(self, at: int) -> Row:
        """Return a row by its number from 1; raises ToolInputError "row"."""
        if not 1 <= at <= len(self.rows):
            hint = f"It has {len(self.rows)} rows."
            raise ToolInputError(f"{self.where} has no row {at}.", hint=hint, code="row")
        return self.rows[at - 1]

    def slot(self, row: int, column: int) -> Slot:
        """Return the cell at a row and a grid column, both from 1; raises ToolInputError "row" or "column"."""
        found = self.row(row).at(column - 1)
        if found is None:
            here = self.row(row)
            hint = f"Its cells stand in the columns {here.before + 1} to {here.end}."
            raise ToolInputError(f"Row {row} of {self.where} has no column {column}.", hint=hint, code="column")
        return found

    def column(self, column: int) -> tuple[int, int]:
        """Return the grid columns [start, end) of the narrowest cell over grid column `column` (from 1)."""
        found = [s for row in self.rows if (s := row.at(column - 1)) is not None]
        if not found:
            hint = f"It has {self.columns} columns."
            raise ToolInputError(f"{self.where} has no column {column}.", hint=hint, code="column")
        narrow = min(found, key=lambda slot: slot.span)
        return narrow.start, narrow.end

    def named(self, row: Row, slot: Slot) -> str:
        """Return what to call a cell in a message."""
        return f"{self.where}, row {row.number}, column {slot.start + 1}"

    def chain(self, row: int, slot: Slot) -> list[tuple[Row, Slot]]:
        """Return the cells that are merged vertically with the one in row `row`, top first, itself included."""
        at = row - 1
        while at > 0 and (own := self._same(at, slot)) is not None and own.merge == "continue":
            if (above := self._same(at - 1, slot)) is None or not above.merge:
                break
            at -= 1
        found = [(self.rows[at], first)] if (first := self._same(at, slot)) is not None else []
        while found and at + 1 < len(self.rows):
            at += 1
            below = self._same(at, slot)
            if below is None or below.merge != "continue" or not found[0][1].merge:
                break
            found.append((self.rows[at], below))
        return found

    def _same(self, at: int, slot: Slot) -> Slot | None:
        """Return the cell of a row that covers the same grid columns."""
        found = self.rows[at].at(slot.start)
        return found if found is not None and (found.start, found.end) == (slot.start, slot.end) else None

    def ties(self, at: int) -> bool:
        """Return whether a merged cell goes on from row `at` (from 1) into the next one."""
        return at < len(self.rows) and any(slot.merge == "continue" for slot in self.rows[at].slots)

    def refuse_odd(self) -> None:
        """Raise ToolInputError "merged" for cells merged in the way of Word 97 (`w:hMerge`, 17.4.22)."""
        for row in self.rows:
            for slot in row.slots:
                if descend(slot.cell, "w:tcPr", "w:hMerge") is not None:
                    raise ToolInputError(
                        f"{self.named(row, slot)} is merged sideways in the way of Word 97.",
                        hint="Open the document in Word and save it: that writes such cells anew.",
                        code="merged",
                    )

    # Widths

    @property
    def widths(self) -> list[int]:
        """The widths of the grid columns in twentieths of a point, guessed where the table doesn't say them."""
        said = [number(each, "w") or 0 for each in children(child(self.table, "w:tblGrid"), "w:gridCol")]
        said = [*said, *[0] * self.columns][: self.columns]
        known = [width for width in said if width > 0]
        usual = sum(known) // len(known) if known else _USUAL
        return [width if width > 0 else usual for width in said]

    def set_widths(self, widths: Sequence[int], *, of_cells: bool = True) -> None:
        """Write the widths of all grid columns, and those of the cells over them."""
        grid = order.ensure(self.table, "tblGrid")
        there = list(children(grid, "w:gridCol"))
        for each in there[len(widths) :]:
            grid.remove(each)
        for _ in range(len(widths) - len(there)):
            made = new(grid, "gridCol")
            last = next(reversed(list(children(grid, "w:gridCol"))), None)
            grid.insert(0 if last is None else grid.index(last) + 1, made)
        for each, width in zip(children(grid, "w:gridCol"), widths, strict=True):
            each.set(f"{str(each.tag).rpartition('}')[0]}}}w", str(width))
        for row in self.rows if of_cells else ():
            for slot in row.slots:
                slot.set_width(sum(widths[slot.start : slot.end]))

    def set_total(self, width: int) -> None:
        """Give the table a preferred width in twentieths of a point, unless it is as wide as its content."""
        properties = table_properties(self.table)
        if value(child(properties, "w:tblW"), "type") not in (None, "auto", "nil"):
            order.set_child(properties, "tblW", w=str(width), type="dxa")


def table_properties(table: Element) -> Element:
    """Return the `w:tblPr` of a table, made when it is missing."""
    return order.ensure(table, "tblPr")


def cell_properties(cell: Element) -> Element:
    """Return the `w:tcPr` of a cell, made when it is missing."""
    return order.ensure(cell, "tcPr")


def content_of(cell: Element) -> list[Element]:
    """Return what stands in a cell, its properties left out."""
    return [each for each in cell if name(each) != "w:tcPr"]


def is_blank(cell: Element) -> bool:
    """Return whether a cell holds nothing but empty paragraphs."""
    return all(
        not name(each) or (name(each) == "w:p" and all(name(inner) in ("", "w:pPr") for inner in each))
        for each in content_of(cell)
    )


def wrapped(grid: Grid, row: Row) -> Iterator[Slot]:
    """Yield the cells of a row that stand in a content control or the like."""
    for slot in row.slots:
        if slot.cell.getparent() is not row.element:
            yield slot
