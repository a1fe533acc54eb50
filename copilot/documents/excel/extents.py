"""Tables and names that cover more or fewer cells than before: the formulas that use them have other values then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from copilot.documents.excel.dependents import WORD
from copilot.documents.excel.everywhere import Home, users
from copilot.documents.excel.reftext import Reference, pieces
from copilot.documents.excel.structured import find
from copilot.documents.excel.workbook import Workbook

At = tuple[int, int]
#: How many rows and columns each area has that a name stands for.
Sizes = tuple[tuple[int, int], ...]


def extents(workbook: Workbook) -> dict[str, Sizes]:
    """Return how large the tables and the areas of defined names are, by name in lower case."""
    found: dict[str, Sizes] = {}
    for name in workbook.names:
        own = tuple((p.area.height, p.area.width) for p in _areas(name.refers_to))
        found[name.name.casefold()] = found.get(name.name.casefold(), ()) + own
    for table in workbook.tables:
        found[table.name.casefold()] = ((table.area.height, table.area.width),)
    return found


def _areas(text: str) -> Iterable[Reference]:
    return (piece for piece in pieces(text) if isinstance(piece, Reference) and piece.corners)


def resized(workbook: Workbook, before: Mapping[str, Sizes]) -> dict[str, list[At]]:
    """Return the cells, by sheet, whose formulas use a table or name of another size than `before` (see `extents`)."""
    now = extents(workbook)
    places: dict[str, list[At]] = {}
    for home in followers(workbook, {name for name, sizes in before.items() if now.get(name) != sizes}):
        if home.sheet is not None and home.at is not None:
            places.setdefault(home.sheet, []).append(home.at)
    return places


def followers(workbook: Workbook, names: Set[str]) -> list[Home]:
    """Return where formulas use tables or names (in lower case), or names that stand for these."""
    found: list[Home] = []
    seen: Set[str] = set()
    while names - seen:
        seen = names
        found = _users(workbook, seen)
        names = seen | {home.name.casefold() for home in found if home.name}
    return found


def _users(workbook: Workbook, names: Set[str]) -> list[Home]:
    return users(workbook, lambda text, _: not names.isdisjoint(_used(text)))


def _used(text: str) -> set[str]:
    """Return the words of a formula that may be names or tables, in lower case.

    A table that is only read in the formula's own row does not count: there its size changes nothing.
    """
    words = {word.casefold() for word in WORD.findall(text)}
    return words | {f.table.casefold() for f in find(text) if not f.this_row} if "[" in text else words
