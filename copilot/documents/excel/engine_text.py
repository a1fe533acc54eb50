"""Formulas as the calculation engine takes them: names, tables, linked books and stacks of sheets as plain places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

from copilot.documents.excel import linked_books
from copilot.documents.excel.cells import translate
from copilot.documents.excel.dependents import WORD
from copilot.documents.excel.formula_tokens import Operand, Token, operand, within
from copilot.documents.excel.formulas import bare, without_prefixes
from copilot.documents.excel.functions import known
from copilot.documents.excel.refs import Area, quote_sheet
from copilot.documents.excel.structured import as_addresses
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

At = tuple[str, int, int]

_SHEETS = re.compile(r"(?:[^\s'!()+\-*/^&=<>,;:{}\"\[\]]|'[^']*):[^'!]*'?!|\[\d+\]")
_SPILL = re.compile(r"ANCHORARRAY\(([^()]*)\)")
_RELATIVE = re.compile(r"(?<![$A-Za-z])[A-Za-z]{1,3}\$?\d|(?<![\d$A-Za-z])\$?[A-Za-z]{1,3}\d")
_LEVELS = 4  # names that stand for names


class Speller:
    """Rewrites a workbook's formulas; `arrays` says where the array formulas spread."""

    def __init__(self, workbook: Workbook, arrays: Mapping[At, Area]) -> None:
        self.workbook, self.arrays = workbook, arrays

    def spelled(self, text: str, at: At, *, qualified: bool = False) -> str:
        """Return the formula of a cell for the engine; `qualified`: every address names its sheet."""
        text = without_prefixes(as_addresses(text, self.workbook.tables, at[0], at[1:]))
        if "ANCHORARRAY(" in text:
            text = _SPILL.sub(lambda m: self._spill(m, at), text)
        text = text.replace("SINGLE(", "(@") if "SINGLE(" in text else text
        if not qualified and not self._needs_tokens(text):
            return text
        for _ in range(_LEVELS):
            try:
                before, text = text, "=" + "".join(self._token(*each, at, qualified) for each in within(text))
            except ToolInputError:
                return text
            if before == text or not self._needs_tokens(text):
                break
        return text

    def _needs_tokens(self, text: str) -> bool:
        plain = bare(text)
        if _SHEETS.search(plain):
            return True
        return bool(self._names) and any(m[1].casefold() in self._folded for m in WORD.finditer(plain))

    @cached_property
    def _names(self) -> dict[tuple[str, str], str]:
        return {
            ((n.sheet or "").casefold(), n.name.casefold()): n.refers_to for n in self.workbook.names if n.refers_to
        }

    @cached_property
    def _folded(self) -> set[str]:
        return {name for _, name in self._names}

    def _spill(self, match: re.Match[str], at: At) -> str:
        found = operand(match[1])
        area = found.area
        home = self._sheet(found.sheet or at[0])
        spread = self.arrays.get((home, area.top, area.left)) if area else None
        return f"{quote_sheet(home)}!{spread or match[1]}" if area else match[0]

    def _sheet(self, name: str) -> str:
        return next((s.name for s in self.workbook.worksheets if s.name.casefold() == name.casefold()), name)

    def _token(self, token: Token, stack: tuple[tuple[str, int], ...], at: At, qualified: bool) -> str:
        if not token.refers:
            return token.text
        found = operand(token.text)
        if found.book:
            return self._linked(found, token.text)
        if found.last:
            return self._stacked(found, token.text, stack)
        if found.kind == "name":
            return self._named(found, token.text, at)
        if qualified and not found.sheet and found.kind == "area":
            mark = "@" if token.text.startswith("@") else ""
            return f"{mark}{quote_sheet(at[0])}!{found.body}"
        return token.text

    def _linked(self, found: Operand, text: str) -> str:
        if not found.book.isdigit() or found.last or found.kind != "area":
            return text
        return f"{quote_sheet(linked_sheet(int(found.book), found.sheet))}!{found.body}"

    def _stacked(self, found: Operand, text: str, stack: tuple[tuple[str, int], ...]) -> str:
        """Return `Jan:Mar!B2` as its cells one by one, where a function takes any number of arguments."""
        names = [s.name for s in self.workbook.sheets]
        folded = [n.casefold() for n in names]
        function = known().get(stack[-1][0]) if stack else None
        ends = [folded.index(n.casefold()) for n in (found.sheet, found.last) if n.casefold() in folded]
        if function is None or function.most < 255 or len(ends) < 2:
            return text
        cells = {s.name for s in self.workbook.worksheets}
        sheets = [n for n in names[min(ends) : max(ends) + 1] if n in cells]
        return ",".join(f"{quote_sheet(name)}!{found.body}" for name in sheets)

    def _named(self, found: Operand, text: str, at: At) -> str:
        home, name = (found.sheet or at[0]).casefold(), found.body.casefold()
        meant = self._names.get((home, name)) or self._names.get(("", name))
        if meant is None:
            return text
        if _RELATIVE.search(bare(meant)):
            meant = translate(meant, 1, 1, at[1], at[2])
        meant = without_prefixes(as_addresses(meant, self.workbook.tables, at[0], at[1:]))
        return meant if operand(meant).kind in ("area", "name") else f"({meant})"


def linked_sheet(number: int, sheet: str) -> str:
    """Return the name that a sheet of a linked workbook has in the engine."""
    return f"\u2060{number}\u2060{sheet}"


def linked_cells(workbook: Workbook) -> dict[str, dict[tuple[int, int], object]]:
    """Return the kept values of all linked workbooks by the engine's names of their sheets."""
    found: dict[str, dict[tuple[int, int], object]] = {}
    for number, part in enumerate(linked_books.parts(workbook), 1):
        for sheet, cells in linked_books.kept_values(workbook, part).items() if part else ():
            found[linked_sheet(number, sheet)] = dict(cells)
    return found
