"""What formulas read, told from their texts alone: which depend on a cell, and what those need to be computed."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from copilot.documents.excel.formulas import LATE, bare
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area
from copilot.documents.excel.reftext import Reference, pieces
from copilot.documents.excel.structured import TableRef, find
from copilot.documents.excel.workbook import Table, Workbook
from copilot.errors import ToolInputError

WORD = re.compile(r"(?<![\w.!'\]])([^\W\d][\w.\\]*)(?![\w.(!'\[])")
_EVERYWHERE = Area(1, 1, MAX_ROW, MAX_COLUMN)
_SPREAD = 4096  # cells of an array formula that are followed one by one
_NARROW = 16  # columns up to which an area is found by its columns
_LEVELS = MAX_ROW.bit_length()

At = tuple[str, int, int]
Place = tuple[str, Area]


class Dependencies:
    """Which formulas read which cells.

    `formulas` are texts by place, `spread` what array formulas cover, `used` the area of each sheet that holds cells:
    what is read outside of them is nothing.
    """

    def __init__(
        self,
        formulas: Mapping[At, str],
        workbook: Workbook,
        spread: Mapping[At, Area] | None = None,
        used: Mapping[str, Area] | None = None,
    ) -> None:
        named = _named_places(workbook)
        self._index: _Formulas | None = None
        self._spread = spread or {}
        self._used = {sheet.casefold(): area for sheet, area in (used or {}).items()}
        self._reads: dict[At, list[Place]] = {}
        for at, text in formulas.items():
            places = references(text, at[0], named, workbook.tables, at[1:])
            self._reads[at] = [*dict.fromkeys(self._clipped(places) if used is not None else places)]

    def _clipped(self, places: Iterable[Place]) -> Iterator[Place]:
        for sheet, area in places:
            own = self._used.get(sheet.casefold())
            inside = area.clipped(own) if own else None
            if inside is not None:
                yield sheet.casefold(), inside

    def on(self, edited: Iterable[At]) -> set[At]:
        """Return the formulas that may depend, directly or not, on the edited cells.

        INDIRECT, OFFSET and other functions that find cells only when they are computed count as depending on all.
        """
        index = _Readers(self._reads)
        found: set[At] = set()
        front = list(edited)
        while front:
            for at in index.take(front.pop()):
                found.add(at)
                front += self._covered(at)
        return found

    def reads(self, at: At) -> Iterator[At]:
        """Yield the formulas that a formula reads directly."""
        for place in self._reads.get(at, ()):
            yield from self.inside(place)

    def places(self) -> set[Place]:
        """Return all places that the formulas read."""
        return {place for places in self._reads.values() for place in places}

    def inside(self, place: Place) -> Iterator[At]:
        """Yield the formulas in a place, those whose array reaches into it included."""
        if self._index is None:
            self._index = _Formulas(self._reads, self._spread)
        yield from self._index.within(place)

    def _covered(self, at: At) -> Iterator[At]:
        area = self._spread.get(at)
        if area is None or area.height * area.width > _SPREAD:
            yield at
        else:
            yield from ((at[0], *cell) for cell in area.cells())

    def needs(
        self, wanted: Iterable[At], computable: Callable[[At], bool], most: int
    ) -> tuple[set[At], set[Place]] | None:
        """Return the formulas that must be computed for those of `wanted`, these included, and all places they read.

        What is not `computable` keeps its value, so that nothing is needed for it. None when more than `most` cells
        would be read.
        """
        index = _Formulas(self._reads, self._spread)
        found = set(wanted)
        places: set[Place] = set()
        front = list(found)
        while front:
            at = front.pop()
            for place in self._reads.get(at, ()) if computable(at) else ():
                most -= place[1].height * place[1].width
                if most < 0:
                    return None
                if place not in places:
                    places.add(place)
                    fresh = [read for read in index.within(place) if read not in found]
                    found.update(fresh)
                    front += fresh
        return found, places


class _Readers:
    """Formulas by the cells they read; each is handed out once.

    Rows are kept as the blocks of 1, 2, 4, 8 ... rows that make them up, so that a cell finds the areas it lies in
    without meeting the others.
    """

    def __init__(self, reads: Mapping[At, list[Place]]) -> None:
        self._narrow: defaultdict[tuple[str, int, int, int], list[At]] = defaultdict(list)
        self._wide: defaultdict[tuple[str, int, int], list[tuple[Area, At]]] = defaultdict(list)
        self._taken: set[At] = set()
        for at, places in reads.items():
            for sheet, area in places:
                self._enter(at, sheet.casefold(), area)

    def _enter(self, at: At, sheet: str, area: Area) -> None:
        for level, block in _blocks(area.top, area.bottom + 1):
            if area.width > _NARROW:
                self._wide[sheet, level, block].append((area, at))
                continue
            for column in range(area.left, area.right + 1):
                self._narrow[sheet, column, level, block].append(at)

    def take(self, cell: At) -> list[At]:
        """Return the formulas that read the cell, those left out that were returned before."""
        sheet, row, column = cell[0].casefold(), cell[1], cell[2]
        found: list[At] = []
        for level in range(_LEVELS):
            found += self._narrow.pop((sheet, column, level, row >> level), ())
            if (sheet, level, row >> level) in self._wide:
                group = self._wide[sheet, level, row >> level]
                found += [at for area, at in group if area.left <= column <= area.right]
                group[:] = [(area, at) for area, at in group if not area.left <= column <= area.right]
        fresh = [at for at in dict.fromkeys(found) if at not in self._taken]
        self._taken.update(fresh)
        return fresh


def _blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, number) of the fewest blocks of 2**level rows that make up [start, end)."""
    level = 0
    while start < end:
        if start & 1:
            yield level, start
            start += 1
        if end & 1:
            end -= 1
            yield level, end
        start, end, level = start >> 1, end >> 1, level + 1


class _Formulas:
    """Formulas by where they stand (or what they cover)."""

    def __init__(self, places: Iterable[At], spread: Mapping[At, Area]) -> None:
        rows: defaultdict[str, dict[int, list[At]]] = defaultdict(dict)
        for at in places:
            rows[at[0].casefold()].setdefault(at[1], []).append(at)
        self._rows = rows
        self._numbers = {sheet: sorted(numbers) for sheet, numbers in rows.items()}
        self._spread = {at: area for at, area in spread.items() if area.height * area.width > 1}

    def within(self, place: Place) -> Iterator[At]:
        """Yield the formulas in a place, those whose array reaches into it included."""
        sheet, area = place[0].casefold(), place[1]
        numbers = self._numbers.get(sheet, [])
        for number in numbers[bisect_left(numbers, area.top) : bisect_right(numbers, area.bottom)]:
            yield from (at for at in self._rows[sheet][number] if area.left <= at[2] <= area.right)
        yield from (at for at, own in self._spread.items() if at[0].casefold() == sheet and own.overlaps(area))


def references(
    formula: str, sheet: str, named: dict[str, list[Place]], tables: Sequence[Table] = (), at: tuple[int, int] = (0, 0)
) -> list[Place]:
    """Return the areas that a formula in the cell `at` of `sheet` refers to, those of names and tables included."""
    text = bare(formula)
    found: list[Place] = []
    several = False
    for piece in pieces(text):
        if isinstance(piece, Reference):
            several = several or piece.sheet != piece.last
            found += [(piece.sheet or sheet, piece.area)] if piece.corners else named.get(piece.word.casefold(), [])
    if several or LATE.search(text):
        return [(name, _EVERYWHERE) for name in {p[0] for places in named.values() for p in places} | {sheet}]
    for match in WORD.finditer(text) if named else ():
        found += named.get(match[1].casefold(), [])
    for structured in find(text) if tables and "[" in text else ():
        found += _structured(structured, sheet, tables, at)
    return found


def _structured(found: TableRef, sheet: str, tables: Sequence[Table], at: tuple[int, int]) -> list[Place]:
    """Return the cells of a structured reference: all of the table where a column is not there (any more)."""
    try:
        table = found.table_in(tables, sheet, at)
    except ToolInputError:
        return []
    try:
        area = found.area(table, at[0])
    except ToolInputError:
        return [(table.sheet, table.area)]
    return [(table.sheet, area)] if area is not None else []


def _named_places(workbook: Workbook) -> dict[str, list[Place]]:
    """Return what the workbook's tables and defined names stand for, and every sheet under its own name."""
    named: dict[str, list[Place]] = {f"\0{s.name}": [(s.name, _EVERYWHERE)] for s in workbook.worksheets}
    for table in workbook.tables:
        named[table.name.casefold()] = [(table.sheet, table.area)]
    for _ in range(2):  # a name may stand for other names
        for name in workbook.names:
            home = name.sheet or workbook.worksheets[0].name
            named[name.name.casefold()] = references(name.refers_to, home, named, workbook.tables)
    return named
