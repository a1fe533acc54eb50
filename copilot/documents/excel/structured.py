"""Structured references (ECMA-376 part 1, 18.17.2.3): `Sales[[#Totals],[Net]]`, `[@Price]` and the cells they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from copilot.documents.excel.refs import Area, address, quote_sheet
from copilot.documents.excel.workbook import Table
from copilot.errors import ToolInputError

#: A reference with its brackets, at most two deep; an apostrophe hides the sign behind it.
REFERENCE = re.compile(r"(?<![\w.\]!'])([^\W\d][\w.\\]*)?(\[(?:'.|[^\[\]']|\[(?:'.|[^\[\]'])*\])*\])(?![\w.]*!)")
_ITEM = re.compile(r"\[((?:'.|[^\[\]'])*)\]")
_ITEMS = {"#all": "#All", "#data": "#Data", "#headers": "#Headers", "#totals": "#Totals", "#this row": "#This Row"}
_STRING = re.compile(r'("(?:[^"]|"")*")')

At = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Structured:
    """A structured reference: its table ("" for the one around the cell), its rows (`items`), its columns."""

    table: str
    items: tuple[str, ...]
    first: str = ""
    last: str = ""

    @property
    def this_row(self) -> bool:
        """Whether it means the row of the formula."""
        return "#This Row" in self.items

    def stored(self, table: str) -> str:
        """Return it as a file stores it: with the table's name, `@` written out ([MS-XLSX] 2.2.2.1)."""
        columns = f"[{_escaped(self.first)}]" if self.first else ""
        columns += f":[{_escaped(self.last)}]" if self.last else ""
        if not self.items and self.first and not self.last:
            return f"{table}{columns}"
        if not columns and len(self.items) <= 1:
            return f"{table}[{self.items[0] if self.items else ''}]"
        return f"{table}[{','.join([*(f'[{item}]' for item in self.items), *([columns] if columns else [])])}]"


def parse(table: str, brackets: str) -> Structured | None:
    """Return the reference that stands in brackets behind a table's name; None for another use of brackets."""
    inside = brackets[1:-1].strip()
    row = inside.startswith("@")
    inside = inside[1:].strip() if row else inside
    parts = _ITEM.findall(inside) if inside.startswith("[") else [inside] if inside else []
    items = [_ITEMS[p.strip().casefold()] for p in parts if p.strip().casefold() in _ITEMS]
    columns = [re.sub(r"'(.)", r"\1", p) for p in parts if p.strip().casefold() not in _ITEMS]
    if row:
        items.insert(0, "#This Row")
    if len(columns) > 2 or any(p.startswith("#") for p in parts if p.strip().casefold() not in _ITEMS):
        return None
    return Structured(table, tuple(items), *columns)


def find_table(found: Structured, tables: Iterable[Table], sheet: str, at: At) -> Table:
    """Return the table that a reference in the cell means; raises ToolInputError with the closest names."""
    tables = list(tables)
    for table in tables:
        own = table.sheet == sheet and at in table.area
        if table.name.casefold() == found.table.casefold() if found.table else own:
            return table
    if not found.table:
        hint = "Write the table's name before the bracket."
        raise ToolInputError(f"{sheet}!{address(*at)} is in no table.", hint=hint, code="unknown_table")
    raise ToolInputError.unknown("table", found.table, [t.name for t in tables])


def columns_of(found: Structured, table: Table) -> tuple[int, int]:
    """Return the sheet's first and last column that a reference means; raises ToolInputError with the closest names."""
    folded = [c.casefold().strip() for c in table.columns]
    places = []
    for name in (found.first, found.last or found.first) if found.first else ():
        if name.casefold().strip() not in folded:
            raise ToolInputError.unknown("column", name, list(table.columns))
        places.append(table.area.left + folded.index(name.casefold().strip()))
    return (min(places), max(places)) if places else (table.area.left, table.area.right)


def area_of(found: Structured, table: Table, row: int) -> Area | None:
    """Return the cells that a reference in a row means; None where the table has no such rows."""
    left, right = columns_of(found, table)
    rows = [r for item in found.items or ("#Data",) for r in _rows(item, table, row)]
    return Area(min(rows), left, max(rows), right) if rows else None


def _rows(item: str, table: Table, row: int) -> list[int]:
    data, area = table.data, table.area
    if item == "#This Row":
        return [row] if data is not None and data.top <= row <= data.bottom else []
    if item == "#Headers":
        return [area.top] if table.header_rows else []
    if item == "#Totals":
        return [area.bottom] if table.totals_rows else []
    if item == "#All":
        return [area.top, area.bottom]
    return [data.top, data.bottom] if data is not None else []


def as_addresses(text: str, tables: tuple[Table, ...], sheet: str, at: At) -> str:
    """Return a formula with its structured references as plain addresses; what means nothing stays as it is."""
    if "[" not in text or not tables:
        return text

    def plain(match: re.Match[str]) -> str:
        found = parse(match[1] or "", match[2])
        try:
            table = find_table(found, tables, sheet, at) if found else None
            area = area_of(found, table, at[0]) if found and table else None
        except ToolInputError:
            return match[0]
        if table is None or area is None:
            return match[0] if table is None else "#REF!"
        return str(area) if table.sheet == sheet else f"{quote_sheet(table.sheet)}!{area}"

    return outside_strings(text, lambda piece: REFERENCE.sub(plain, piece))


def outside_strings(text: str, change: Callable[[str], str]) -> str:
    """Return a formula with `change` applied to all of it but its string literals."""
    pieces = _STRING.split(text)
    for index in range(0, len(pieces), 2):
        pieces[index] = change(pieces[index])
    return "".join(pieces)


def _escaped(column: str) -> str:
    """Return a column's name as a reference spells it: # [ ] ' behind an apostrophe."""
    return re.sub(r"([\[\]#'])", r"'\1", column)
