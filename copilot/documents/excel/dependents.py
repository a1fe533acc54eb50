"""What formulas read, told from their texts alone: which depend on a cell, and what those need to be computed."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from copilot.documents.excel.formulas import LATE, bare
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, split_sheet
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

_SHEET = r"(?:(?:'(?:[^']|'')+'|[^\s'!()+\-*/^&=<>,;:{}\"\[\]]+)!)?"
_CORNER = r"\$?[A-Za-z]{1,3}\$?[0-9]{1,7}"
REFERENCE = re.compile(
    rf"({_SHEET})(?<![\w.])({_CORNER}(?::{_CORNER})?|\$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}}|\$?[0-9]+:\$?[0-9]+)(?![\w(.\[])"
)
WORD = re.compile(r"(?<![\w.!'\]])([^\W\d][\w.\\]*)(?![\w.(!'])")
_SEVERAL_SHEETS = re.compile(r"[^\s'!()+\-*/^&=<>,;:{}\"\[\]]+:[^\s'!()+\-*/^&=<>,;:{}\"\[\]]+!|'[^']*:[^']*'!")
_OWN_TABLE = re.compile(r"(?<![\w.\]\[])\[")
_EVERYWHERE = Area(1, 1, MAX_ROW, MAX_COLUMN)
_BAND = 6  # areas are found by their rows in bands of 2**6
_WIDE = 4096  # bands above which an area is looked at for every cell instead

At = tuple[str, int, int]
Place = tuple[str, Area]


class Dependencies:
    """Which formulas read which cells. `formulas` are texts by place, `spread` what array formulas cover."""

    def __init__(self, formulas: Mapping[At, str], workbook: Workbook, spread: Mapping[At, Area] | None = None) -> None:
        named = _named_places(workbook)
        self._spread = spread or {}
        self._reads = {at: [*references(text, at[0], named)] for at, text in formulas.items()}
        for at, text in formulas.items():
            if "[" in text and _OWN_TABLE.search(text):
                tables = [t for t in workbook.tables if t.sheet == at[0] and (at[1], at[2]) in t.area]
                self._reads[at] += [(t.sheet, t.area) for t in tables]

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

    def _covered(self, at: At) -> Iterator[At]:
        area = self._spread.get(at)
        if area is None or area.height * area.width > _WIDE:
            yield at
        else:
            yield from ((at[0], *cell) for cell in area.cells())

    def needs(self, wanted: Iterable[At], computable: Callable[[At], bool]) -> tuple[set[At], set[Place]]:
        """Return the formulas that must be computed for those of `wanted`, these included, and all places they read.

        What is not `computable` keeps its value, so that nothing is needed for it.
        """
        index = _Formulas(self._reads, self._spread)
        found = set(wanted)
        places: set[Place] = set()
        front = list(found)
        while front:
            at = front.pop()
            for place in self._reads.get(at, ()) if computable(at) else ():
                if place in places:
                    continue
                places.add(place)
                fresh = [read for read in index.within(place) if read not in found]
                found.update(fresh)
                front += fresh
        return found, places


class _Readers:
    """Formulas by the cells they read; each is handed out once."""

    def __init__(self, reads: Mapping[At, list[Place]]) -> None:
        self._cells: defaultdict[At, list[At]] = defaultdict(list)
        self._bands: defaultdict[tuple[str, int], dict[Area, list[At]]] = defaultdict(dict)
        self._wide: defaultdict[str, dict[Area, list[At]]] = defaultdict(dict)
        self._taken: set[At] = set()
        for at, places in reads.items():
            for sheet, area in places:
                self._enter(at, sheet.casefold(), area)

    def _enter(self, at: At, sheet: str, area: Area) -> None:
        first, last = area.top >> _BAND, area.bottom >> _BAND
        if area.height == area.width == 1:
            self._cells[sheet, area.top, area.left].append(at)
        elif last - first > _WIDE:
            self._wide[sheet].setdefault(area, []).append(at)
        else:
            for band in range(first, last + 1):
                self._bands[sheet, band].setdefault(area, []).append(at)

    def take(self, cell: At) -> list[At]:
        """Return the formulas that read the cell, those left out that were returned before."""
        sheet, row, column = cell[0].casefold(), cell[1], cell[2]
        found = self._cells.pop((sheet, row, column), [])
        for group in (self._bands.get((sheet, row >> _BAND)), self._wide.get(sheet)):
            if group:
                for area in [a for a in group if (row, column) in a]:
                    found = found + group.pop(area)
        fresh = [at for at in dict.fromkeys(found) if at not in self._taken]
        self._taken.update(fresh)
        return fresh


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


def references(formula: str, sheet: str, named: dict[str, list[Place]]) -> list[Place]:
    """Return the areas that a formula on `sheet` refers to, those of names and tables included."""
    text = bare(formula)
    if LATE.search(text) or (":" in text and _SEVERAL_SHEETS.search(text)):
        return [(name, _EVERYWHERE) for name in {p[0] for places in named.values() for p in places} | {sheet}]
    found = []
    for match in REFERENCE.finditer(text):
        own, _ = split_sheet(match[1] + "A1") if match[1] else (None, "")
        area = _area(match[2])
        if area is not None:
            found.append((own or sheet, area))
    for match in WORD.finditer(text) if named else ():
        found += named.get(match[1].casefold(), [])
    return found


def _area(text: str) -> Area | None:
    """Return the area of a reference; its corners may be the wrong way round, as Excel allows while typing."""
    first, colon, last = text.partition(":")
    for written in (text, f"{last}:{first}") if colon else (text,):
        try:
            return Area.parse(written)
        except ToolInputError:
            continue
    return None


def _named_places(workbook: Workbook) -> dict[str, list[Place]]:
    """Return what the workbook's tables and defined names stand for, and every sheet under its own name."""
    named: dict[str, list[Place]] = {f"\0{s.name}": [(s.name, _EVERYWHERE)] for s in workbook.worksheets}
    for table in workbook.tables:
        named[table.name.casefold()] = [(table.sheet, table.area)]
    for _ in range(2):  # a name may stand for other names
        for name in workbook.names:
            home = name.sheet or workbook.worksheets[0].name
            named[name.name.casefold()] = references(name.refers_to, home, named)
    return named
