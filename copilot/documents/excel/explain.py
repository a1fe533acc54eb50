"""Why a cell shows what it shows: its formula in pieces, what it reads with the values, who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.excel.calc import MAX_BYTES
from copilot.documents.excel.cells import Cell
from copilot.documents.excel.dependents import Dependencies
from copilot.documents.excel.engine import Model
from copilot.documents.excel.formula_tokens import calls, operand, tokens
from copilot.documents.excel.formulas import without_prefixes
from copilot.documents.excel.functions import known
from copilot.documents.excel.places import cell_at
from copilot.documents.excel.refs import Area, address, quote_sheet
from copilot.documents.excel.values import CellError, Scalar, show
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

#: Levels that are followed, formulas that are named in all, and precedents of one formula.
LEVELS, MOST, WIDE = 4, 60, 12
_SHOWN = 5  # values of a range, and dependents, that are named

At = tuple[str, int, int]

_REASONS = {
    "#DIV/0!": "something is divided by zero or by an empty cell",
    "#N/A": "a lookup finds nothing, or a value is not available",
    "#NAME?": "a function or a name is not known",
    "#NULL!": "two ranges that are said to cross have no cell in common",
    "#NUM!": "a number is too large, or there is no result for it",
    "#REF!": "it refers to cells that were deleted",
    "#VALUE!": "a text stands where a number is needed, or a range does not fit",
    "#SPILL!": "the cells that the result needs are not empty",
    "#CALC!": "the result would be empty",
}


@dataclass(frozen=True, slots=True)
class Source:
    """What a formula reads: how it is written, where that is, its value in words, and its own formula ("" for none)."""

    level: int
    written: str
    where: str
    value: str
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A formula explained: `functions` say what each gives, `sources` what it reads, nearest first.

    `reason` says why the result is an error, "" when it is none; `cut`: there is more than was followed.
    """

    where: str
    formula: str
    value: str
    functions: tuple[tuple[str, str], ...]
    sources: tuple[Source, ...]
    dependents: tuple[str, ...]
    reason: str = ""
    cut: bool = False

    def __str__(self) -> str:
        lines = [
            f"{self.where}: {self.formula} = {self.value}",
            *(f"- {name} gives {what}" for name, what in self.functions),
        ]
        for source in self.sources:
            shown = f", {source.formula}" if source.formula else ""
            written = f"{source.written} is " if source.written != source.where else ""
            lines.append(f"{'  ' * source.level}{written}{source.where}{shown}: {source.value}")
        lines += ["There is more behind these."] if self.cut else []
        lines += [f"Read by {', '.join(self.dependents)}."] if self.dependents else ["No formula reads it."]
        return "\n".join([*lines, self.reason] if self.reason else lines)


def explain_formula(content: bytes, cell: str, sheet: str = "", levels: int = LEVELS) -> Explanation:
    """Return what the formula of a cell does, what it reads over several levels, and why it shows an error.

    Raises ToolInputError for a cell without a formula ("no_formula") and a workbook that is too large to be searched.
    """
    workbook = Workbook.open(content)
    found, (row, column) = cell_at(workbook, cell, sheet or None)
    if sum(workbook.package.size(s.part) for s in workbook.worksheets) > MAX_BYTES:
        raise ToolInputError("The workbook is too large to be searched.", hint="Read the cells.", code="too_large")
    model = Model(workbook)
    at = next((master for master in _masters(model, (found.name, row, column))), None)
    if at is None:
        held = show(model.cells[found.name, row, column].value) if (found.name, row, column) in model.cells else ""
        message = f"{found.name}!{address(row, column)} holds no formula" + (f" but {held!r}." if held else ".")
        raise ToolInputError(message, hint="Name a cell with a formula.", code="no_formula")
    return _Explainer(model, at).explanation(levels)


def _masters(model: Model, at: At) -> Iterator[At]:
    if at in model.formulas:
        yield at
    yield from (
        master for master, area in model.arrays.items() if master[0] == at[0] and at[1:] in area and master != at
    )


class _Explainer:
    def __init__(self, model: Model, at: At) -> None:
        self.model, self.at = model, at
        self.dependencies: Dependencies = model.dependencies()
        self.cut = False

    def explanation(self, levels: int) -> Explanation:
        formula = self._formula(self.at)
        names = dict.fromkeys(call.name for call in calls(formula) if call.name)
        functions = [(name, known()[name].phrase) for name in names if name in known()]
        cell = self.model.formulas[self.at]
        return Explanation(
            where=_where(self.at),
            formula=without_prefixes(formula),
            value=self._show(cell),
            functions=tuple(functions),
            sources=tuple(self._sources(levels)),
            dependents=tuple(self._dependents()),
            reason=self._reason(),
            cut=self.cut,
        )

    def _formula(self, at: At) -> str:
        formula = self.model.formulas[at].formula
        return formula.text if formula is not None else ""

    def _sources(self, levels: int) -> list[Source]:
        found: list[Source] = []
        seen = {self.at}
        front = [(self.at, 1)]
        while front:
            at, level = front.pop(0)
            for written, sheet, area in self._reads(at):
                if len(found) >= MOST:
                    self.cut = True
                    return found
                found.append(self._source(level, written, sheet, area))
                inner = [each for each in self.dependencies.inside((sheet, area)) if each not in seen][:WIDE]
                seen.update(inner)
                if level < levels:
                    front += [(each, level + 1) for each in inner]
                else:
                    self.cut |= bool(inner)
        return found

    def _reads(self, at: At) -> list[tuple[str, str, Area]]:
        """Return what a formula refers to: as it is written, and the place that it means."""
        found = []
        try:
            pieces = tokens(self._formula(at))
        except ToolInputError:
            return []
        for token in pieces:
            if not token.refers:
                continue
            try:
                spelled = tokens(self.model.speller.spelled(f"={token.text}", at))
            except ToolInputError:
                continue
            for each in spelled:
                meant = operand(each.text) if each.refers else None
                if meant is not None and meant.kind == "area" and meant.area is not None:
                    found.append((token.text, self._home(meant.sheet or at[0]), meant.area))
        return list(dict.fromkeys(found))

    def _home(self, name: str) -> str:
        return next((s for s in self.model.sheets if s.casefold() == name.casefold()), name)

    def _source(self, level: int, written: str, sheet: str, area: Area) -> Source:
        where = f"{quote_sheet(sheet)}!{area}"
        if area.height * area.width == 1:
            cell = self.model.cells.get((sheet, area.top, area.left))
            formula = without_prefixes(cell.formula.text) if cell is not None and cell.formula is not None else ""
            return Source(level, written, where, self._show(cell) if cell is not None else "empty", formula)
        return Source(level, written, where, self._summary(sheet, area))

    def _summary(self, sheet: str, area: Area) -> str:
        """Return a range in words: how many values of which kind, the first of them, and its errors."""
        held = [c for at, c in self.model.sheets.get(sheet, {}).items() if at[1:] in area and not c.blank]
        numbers = [c.value for c in held if isinstance(c.value, (int, float)) and not isinstance(c.value, bool)]
        wrong = [c for c in held if isinstance(c.value, CellError)]
        told = [f"{len(held)} of {area.height * area.width} cells hold something"]
        if numbers:
            told.append(f"{len(numbers)} numbers from {show(min(numbers))} to {show(max(numbers))}")
        if wrong:
            told.append(f"{len(wrong)} errors, the first {wrong[0].value} in {wrong[0].address}")
        shown = ", ".join(self._show(c) for c in held[:_SHOWN])
        return "; ".join(told) + (f" ({shown}{', ...' if len(held) > _SHOWN else ''})" if held else "")

    def _show(self, cell: Cell) -> str:
        styles = self.model.workbook.styles
        if cell.value is None:
            return "not computed yet" if cell.formula is not None else "empty"
        return show(cell.value, kind=styles.kind(cell.style), decimals=styles.decimals(cell.style)) or '""'

    def _dependents(self) -> list[str]:
        cells = set(self.model.covered(self.at))
        direct = [at for at in self.dependencies.on(cells) if cells & self._cells_read(at)]
        names = [_where(at) for at in sorted(direct)]
        return names[:_SHOWN] + ([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])

    def _cells_read(self, at: At) -> set[At]:
        mine = self.model.covered(self.at)
        return {cell for _, sheet, area in self._reads(at) for cell in mine if cell[0] == sheet and cell[1:] in area}

    # --- errors ------------------------------------------------------------------------------------------------

    def _reason(self) -> str:
        """Return why the result is an error: the first cell behind it that shows one without reading one."""
        value = self.model.formulas[self.at].value
        if not isinstance(value, CellError):
            return ""
        at, way = self.at, [self.at]
        while (before := self._wrong(at)) is not None and before not in way:
            way.append(before)
            at = before
        error = self._value(at)
        why = _REASONS.get(str(error), "it is entered as an error")
        if at == self.at:
            return f"It shows {value} itself: {why}."
        held = self.model.cells[at]
        formula = f" ({without_prefixes(held.formula.text)})" if held.formula is not None else ""
        return f"It shows {value} because of {_where(at)}{formula}, which shows {error}: {why}."

    def _wrong(self, at: At) -> At | None:
        if at not in self.model.formulas:
            return None
        for _, sheet, area in self._reads(at):
            cells = self.model.sheets.get(sheet, {})
            inside = sorted(
                each for each, cell in cells.items() if each[1:] in area and isinstance(cell.value, CellError)
            )
            if inside:
                return inside[0]
        return None

    def _value(self, at: At) -> Scalar:
        return self.model.cells[at].value if at in self.model.cells else None


def _where(at: At) -> str:
    return f"{quote_sheet(at[0])}!{address(at[1], at[2])}"
