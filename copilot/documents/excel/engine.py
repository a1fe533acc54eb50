"""The calculation engine (formualizer) filled with what one recalculation needs of a workbook."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, cast

from copilot.documents.excel import engine_functions
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.dependents import Dependencies, Place
from copilot.documents.excel.engine_text import Speller, linked_cells
from copilot.documents.excel.formulas import CLOCK, bare
from copilot.documents.excel.lifting import can_be_lifted, lifted
from copilot.documents.excel.refs import Area, address
from copilot.documents.excel.values import CellError, Scalar, to_serial
from copilot.documents.excel.workbook import Workbook

#: Formulas that are computed for one edit, and cells that they read together; above, it is left to Excel.
MAX_FORMULAS = 20_000
MAX_READ = 5_000_000
#: Cells that one array formula may cover.
MAX_SPREAD = 100_000

_ERRORS = {"Div": "#DIV/0!", "Na": "#N/A", "Ref": "#REF!", "Value": "#VALUE!", "Num": "#NUM!", "Null": "#NULL!"}
_FIXED_CLOCK = datetime(2000, 1, 1, tzinfo=UTC)
#: Functions that turn serial numbers into calendar days or back: the engine counts from 1900.
_CALENDAR = re.compile(
    r"(?i)\b(?:DATE|DATEVALUE|DATEDIF|YEAR|MONTH|DAY|WEEKDAY|WEEKNUM|ISOWEEKNUM|EDATE|EOMONTH|DAYS360|YEARFRAC|TEXT"
    r"|NETWORKDAYS(?:\.INTL)?|WORKDAY(?:\.INTL)?)\("
)
_ON_ARRAYS = re.compile(r"(?i)(?<![\w.])(?:SUMPRODUCT|LOOKUP|SINGLE)\s*\(")
_HIDDEN = re.compile(rb"""<(?:[\w.-]+:)?row\s[^>]*\bhidden\s*=\s*["'](?:1|true)""")
#: Functions that pass over hidden rows.
VISIBLE_ONLY = re.compile(r"(?i)\b(?:SUBTOTAL|AGGREGATE)\s*\(")
#: Sheets of the engine where array formulas spill undisturbed, and where their height and width are asked.
_SPREAD, _ROWS, _COLUMNS = "\u2060spread", "\u2060rows", "\u2060columns"
#: The sheet of helper cells, in which functions of one value stand that are given ranges.
_LIFTED = "\u2060lifted"

At = tuple[str, int, int]


class Model:
    """All cells of a workbook, formulas apart; with `like`, those of sheets not in `edited` are taken from there."""

    def __init__(self, workbook: Workbook, like: Model | None = None, edited: Container[str] = ()) -> None:
        self.workbook = workbook
        self._spread: dict[At, bool] = {}
        self.readers: dict[str, SheetReader] = {}
        self.sheets: dict[str, dict[At, Cell]] = {}
        for sheet in workbook.worksheets:
            if like is not None and sheet.name not in edited and sheet.name in like.readers:
                self.sheets[sheet.name] = like.sheets[sheet.name]
                continue
            self.readers[sheet.name] = reader = SheetReader(workbook, sheet)
            self.sheets[sheet.name] = {(sheet.name, c.row, c.column): c for _, cells in reader.rows() for c in cells}
        self.cells = {at: cell for cells in self.sheets.values() for at, cell in cells.items()}
        self.formulas = {at: c for at, c in self.cells.items() if c.formula is not None}
        self.arrays = {
            at: c.formula.area or Area(c.row, c.column, c.row, c.column)
            for at, c in self.formulas.items()
            if c.formula is not None and c.formula.kind in ("array", "dataTable")
        }

    def dependencies(self, edited: Iterable[At] = ()) -> Dependencies:
        """Return what the formulas read; `edited` cells count even if they are empty now."""
        texts = {at: c.formula.text for at, c in self.formulas.items() if c.formula is not None}
        return Dependencies(texts, self.workbook, self.arrays, self.used(edited))

    def used(self, edited: Iterable[At] = ()) -> dict[str, Area]:
        """Return the area of each sheet that holds all its cells, and those that were just edited."""
        places: dict[str, list[At]] = {sheet: list(cells) for sheet, cells in self.sheets.items()}
        for at in edited:
            places.setdefault(at[0], []).append(at)
        areas = {sheet: Area.around((at[1], at[2]) for at in cells) for sheet, cells in places.items()}
        return {sheet: area for sheet, area in areas.items() if area is not None}

    def computable(self, at: At) -> bool:
        """Return whether the engine is asked for the formula: no data table, nothing of chance and clock."""
        formula = self.cells[at].formula
        if formula is None or formula.kind == "dataTable" or len(formula.text) <= 1 or self.volatile(at):
            return False
        if at in self.arrays and self.arrays[at].height * self.arrays[at].width > MAX_SPREAD:
            return False
        return not (self.workbook.date1904 and _CALENDAR.search(formula.text)) and self._spreads(at)

    def on_arrays(self, at: At) -> bool:
        """Return whether the formula, or a part of it, works on ranges cell by cell."""
        formula = self.cells[at].formula
        return at in self.arrays or (formula is not None and bool(_ON_ARRAYS.search(formula.text)))

    def _spreads(self, at: At) -> bool:
        """Return whether the functions of one value that are given ranges can be spread over helper cells."""
        formula = self.cells[at].formula
        if formula is None or not self.on_arrays(at):
            return True
        if at not in self._spread:
            spelled = self.speller.spelled(formula.text, at, qualified=True)
            self._spread[at] = can_be_lifted(spelled, array=at in self.arrays)
        return self._spread[at]

    def volatile(self, at: At) -> bool:
        """Return whether the formula's value changes with time or chance."""
        formula = self.cells[at].formula
        return formula is not None and bool(CLOCK.search(bare(formula.text)))

    def covered(self, at: At) -> list[At]:
        """Return the cells that hold a formula's values: those of an array, else the cell itself."""
        area = self.arrays.get(at)
        return [(at[0], *cell) for cell in area.cells()] if area is not None and self.computable(at) else [at]

    @cached_property
    def hides_rows(self) -> bool:
        """Whether rows are hidden somewhere: the engine does not see which, and SUBTOTAL asks for it."""
        return any(_HIDDEN.search(reader.xml.data) for reader in self.readers.values())

    @cached_property
    def speller(self) -> Speller:
        """What rewrites the formulas for the engine."""
        return Speller(self.workbook, self.arrays)


@dataclass
class Work:
    """What is to be computed: the wanted formulas, all that those need, and the places they read."""

    affected: set[At]
    formulas: set[At]
    places: set[Place]

    @classmethod
    def of(cls, model: Model, dependencies: Dependencies, wanted: set[At]) -> Work | None:
        """Return the work that computing `wanted` is, None when it is too much."""
        found = dependencies.needs(wanted, model.computable, MAX_READ) if len(wanted) <= MAX_FORMULAS else None
        return cls(wanted, *found) if found is not None and len(found[0]) <= MAX_FORMULAS else None

    def before(self, base: Model, after: Model) -> Work:
        """Return the same work on the workbook before an edit, with what its formulas read there.

        A table or a name may have been larger, a formula another one.
        """
        moved = _meant(base.workbook) != _meant(after.workbook)
        texts: dict[At, str] = {}
        for at in self.formulas & base.formulas.keys():
            was = base.formulas[at].formula
            now = after.formulas[at].formula if at in after.formulas else None
            if was is not None and (moved or now is None or was.text != now.text):
                texts[at] = was.text
        if not texts:
            return self
        read = Dependencies(texts, base.workbook, used=base.used()).places()
        return replace(self, places=self.places | read)

    def cells(self, model: Model) -> Iterator[tuple[At, Cell]]:
        """Yield the cells that are read for their values: formulas that are not part of the work are read so, too."""
        rows: dict[tuple[str, int], list[At]] = {}
        for at in sorted(model.cells.keys() - (model.formulas.keys() & self.formulas)):
            rows.setdefault((at[0].casefold(), at[1]), []).append(at)
        seen: set[At] = set()
        for sheet, area in _joined(self.places):
            for number in range(area.top, area.bottom + 1):
                seen.update(at for at in rows.get((sheet, number), ()) if area.left <= at[2] <= area.right)
        yield from ((at, model.cells[at]) for at in sorted(seen))


def _meant(workbook: Workbook) -> list[tuple[str, str]]:
    """Return what the tables and names of a workbook stand for."""
    tables = [(table.name, f"{table.sheet}!{table.area}") for table in workbook.tables]
    return [*tables, *((name.name, name.refers_to) for name in workbook.names)]


def _joined(places: set[Place]) -> list[Place]:
    """Return the same cells as fewer places: those of equal columns that overlap or touch are one."""
    joined: list[Place] = []
    for sheet, area in sorted(places, key=lambda p: (p[0], p[1].left, p[1].right, p[1].top)):
        above, own = joined[-1] if joined else ("", area)
        same = above == sheet and (own.left, own.right) == (area.left, area.right) and area.top <= own.bottom + 1
        if same:
            joined[-1] = sheet, Area(own.top, own.left, max(own.bottom, area.bottom), own.right)
        else:
            joined.append((sheet, area))
    return joined


class Engine:
    """An engine that holds the values, formulas and linked values that the work needs."""

    def __init__(self, model: Model, work: Work) -> None:
        import formualizer as fz

        self.model, self.work = model, work
        self._texts: dict[At, str] = {}
        self._blocks: dict[str, str] = {}
        self._lifted = 0  # rows of helper cells
        self._engine = fz.Workbook()
        self._engine.set_deterministic_clock(_FIXED_CLOCK, "utc")
        engine_functions.register(self._engine)
        for each in model.workbook.worksheets:
            self._engine.add_sheet(each.name)
        self._fill()
        self._fill_links()
        wanted = sorted(work.formulas & model.formulas.keys())
        self._arrays = [at for at in wanted if at in model.arrays and model.computable(at)]
        if self._arrays:
            for name in (_SPREAD, _ROWS, _COLUMNS):
                self._engine.add_sheet(name)
        for at in wanted:
            self._enter(at)

    def _enter(self, at: At) -> None:
        cell = self.model.formulas[at]
        if cell.formula is None or not self.model.computable(at):
            self.pin(at, cell.value)
        elif at in self.model.arrays:
            self._enter_array(at, cell.formula.text)
        else:
            self._engine.set_formula(*at, self._text(at, cell.formula.text))

    def _text(self, at: At, text: str) -> str:
        """Return a formula as the engine computes it right; helper cells that it needs are filled."""
        if not self.model.on_arrays(at):
            return self.model.speller.spelled(text, at)
        if at not in self._texts:
            spelled = self.model.speller.spelled(text, at, qualified=True)
            self._texts[at] = lifted(spelled, at[1:], self._helpers, array=at in self.model.arrays)
        return self._texts[at]

    def _helpers(self, key: str, make: Callable[[], list[list[str]]]) -> str:
        """Return the range of helper cells for a key; they are filled with formulas when it is first asked for."""
        if key not in self._blocks:
            texts = make()
            if not self._lifted:
                self._engine.add_sheet(_LIFTED)
            top = self._lifted + 1
            self._lifted += len(texts)
            self._engine.set_formulas_batch(_LIFTED, top, 1, texts)
            self._blocks[key] = f"'{_LIFTED}'!{Area(top, 1, self._lifted, len(texts[0]))}"
        return self._blocks[key]

    def _enter_array(self, at: At, text: str) -> None:
        """An array formula stands on a sheet of its own, so that it meets nothing; its cells refer to it there."""
        spelled = self._text(at, text)
        self._engine.set_formula(_SPREAD, at[1], at[2], spelled)
        cells = self.model.covered(at)
        formula = self.model.formulas[at].formula
        fixed = len(cells) > 1 and formula is not None and not formula.dynamic
        if fixed:
            self._engine.set_formula(_ROWS, at[1], at[2], f"=ROWS({spelled[1:]})")
            self._engine.set_formula(_COLUMNS, at[1], at[2], f"=COLUMNS({spelled[1:]})")
        for _, row, column in cells:
            self._engine.set_formula(at[0], row, column, _fixed(at, row, column) if fixed else _spread(row, column))

    def shapes(self) -> dict[At, tuple[int, int]]:
        """Return how high and wide the results of the dynamic arrays are, where the engine can tell."""
        found: dict[At, tuple[int, int]] = {}
        for at in self._arrays:
            formula = self.model.formulas[at].formula
            if formula is None or not formula.dynamic:
                continue
            spelled = self._text(at, formula.text)[1:]
            size = []
            for sheet, function in ((_ROWS, "ROWS"), (_COLUMNS, "COLUMNS")):
                self._engine.set_formula(sheet, at[1], at[2], f"={function}({spelled})")
                value = self._alone((sheet, at[1], at[2]))
                size.append(int(value) if isinstance(value, (int, float)) else 0)
            if size[0] > 0 and size[1] > 0:
                found[at] = (size[0], size[1])
        return found

    def _fill(self) -> None:
        columns: dict[tuple[str, int], list[tuple[int, Any]]] = {}
        for (sheet, row, column), cell in self.work.cells(self.model):
            columns.setdefault((sheet, column), []).append((row, _plain(cell.value, self.model.workbook)))
        for (sheet, column), values in columns.items():
            for first, block in _blocks(values):
                self._engine.set_values_batch(sheet, first, column, block)

    def _fill_links(self) -> None:
        for name, cells in linked_cells(self.model.workbook).items():
            self._engine.add_sheet(name)
            for at, value in cells.items():
                self._engine.set_value(name, *at, _plain(cast(Scalar, value), self.model.workbook))

    def pin(self, at: At, value: Scalar) -> None:
        """Put a value where a formula is."""
        self._engine.set_value(*at, _plain(value, self.model.workbook))

    def values(self, places: list[At]) -> dict[At, Scalar]:
        """Return the values of the cells that the engine could compute.

        All are asked for in one go: for each single one the engine would walk through all that it depends on again.
        """
        try:
            found = self._engine.evaluate_cells(places)
        except Exception:  # noqa: BLE001 - the engine's errors have no common base; one bad cell must not cost the others
            found = [self._alone(at) for at in places]
        return {at: value for at, given in zip(places, found, strict=True) if (value := _taken(given)) is not _UNABLE}

    def _alone(self, at: At) -> Any:
        try:
            return self._engine.evaluate_cell(*at)
        except Exception:  # noqa: BLE001 - see values: what it can't compute is left to Excel
            return _UNABLE


def _blocks(values: list[tuple[int, Any]]) -> Iterator[tuple[int, list[list[Any]]]]:
    """Yield the values of a column, given with their rows in order, as blocks of rows that follow one another.

    Each call of the engine costs as much as many values.
    """
    first, block = 0, list[list[Any]]()
    for row, value in values:
        if row != first + len(block):
            if block:
                yield first, block
            first, block = row, []
        block.append([value])
    if block:
        yield first, block


def _spread(row: int, column: int) -> str:
    return f"='{_SPREAD}'!{address(row, column)}"


def _fixed(at: At, row: int, column: int) -> str:
    """Return what a cell of an array of a fixed range shows (18.3.1.40): a result of one row or column is repeated
    over the range, and what lies beyond any other result is #N/A."""
    master = address(at[1], at[2])
    rows, columns = f"'{_ROWS}'!{master}", f"'{_COLUMNS}'!{master}"
    one, down = _spread(at[1], at[2])[1:], _spread(row, at[2])[1:]
    across, both = _spread(at[1], column)[1:], _spread(row, column)[1:]
    beyond = f"OR(AND({rows}>1,{rows}<{row - at[1] + 1}),AND({columns}>1,{columns}<{column - at[2] + 1}))"
    return f"=IF({beyond},NA(),IF({rows}=1,IF({columns}=1,{one},{across}),IF({columns}=1,{down},{both})))"


_UNABLE: Any = object()


def _taken(value: Any) -> Scalar:
    """Return a value of the engine as ours: _UNABLE for an array, and for errors that Excel might not get."""
    if isinstance(value, dict):
        shown = _ERRORS.get(str(value.get("kind")))
        return CellError(shown) if shown else cast(Scalar, _UNABLE)
    return cast(Scalar, _UNABLE if isinstance(value, list) else value)


def _plain(value: Scalar, workbook: Workbook) -> Any:
    """Return a value as the engine takes it: moments as serial numbers, as Excel holds them."""
    import formualizer as fz

    if isinstance(value, (datetime, date, time, timedelta)):
        return float(to_serial(value, date1904=workbook.date1904))
    if isinstance(value, CellError):
        kind = next((k for k, shown in _ERRORS.items() if shown == value), "Na")
        return fz.LiteralValue.error(kind, None)
    return value


def same(value: Scalar, cached: Scalar, workbook: Workbook) -> bool:
    """Return whether two values are one, to the 12 digits that engines agree on."""
    left, right = _number(value, workbook), _number(cached, workbook)
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= 1e-12 * max(abs(left), abs(right), 1e-3)
    if left is None or right is None:
        return (left or "") == (right or "") or {left, right} == {None, 0.0}
    return type(left) is type(right) and left == right


def _number(value: Scalar, workbook: Workbook) -> Any:
    if isinstance(value, (datetime, date, time, timedelta)):
        return float(to_serial(value, date1904=workbook.date1904))
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, (int, float)) else value


#: Rounds in which formulas are tried again with what they read held at the file's values, and how many at most.
_ROUNDS, _TRIED_AGAIN = 8, 2_000


def trusted(model: Model, work: Work, dependencies: Dependencies) -> set[At]:
    """Return the formulas whose cached value the engine arrives at, and those that have none.

    A formula that reads a wrong one is not wrong itself: it is tried again with that one held at the file's value.
    """
    engine = Engine(model, work)
    asked = [at for at in sorted(work.formulas & model.formulas.keys()) if model.computable(at)]
    sure = _right(model, engine, asked)
    wrong = [at for at in asked if at not in sure]
    for _ in range(_ROUNDS):
        left = set(wrong)
        roots = [at for at in wrong if not any(read in left and read != at for read in dependencies.reads(at))]
        if not roots or len(wrong) > _TRIED_AGAIN or len(roots) == len(wrong):
            break
        _hold(model, engine, roots)
        wrong = [at for at in wrong if at not in set(roots)]
        fixed = _right(model, engine, wrong)
        sure |= fixed
        wrong = [at for at in wrong if at not in fixed]
    lucky = dependencies.on([at for at in asked if at not in sure]) & sure  # right because what they read was wrong?
    if lucky:
        _hold(model, engine, [at for at in asked if at not in sure])
        sure = (sure - lucky) | _right(model, engine, sorted(lucky))
    return sure


def _hold(model: Model, engine: Engine, places: Iterable[At]) -> None:
    """Put the file's values where formulas are."""
    for at in places:
        for cell in model.covered(at):
            engine.pin(cell, model.cells[cell].value if cell in model.cells else None)


def _right(model: Model, engine: Engine, asked: Iterable[At]) -> set[At]:
    asked = list(asked)
    cells = [cell for at in asked for cell in model.covered(at)]
    found = engine.values(list(dict.fromkeys(cells)))
    sure = set()
    for at in asked:
        held = [(cell, model.cells[cell].value if cell in model.cells else None) for cell in model.covered(at)]
        unknown = all(value is None for _, value in held)
        if all(cell in found and (unknown or same(found[cell], value, model.workbook)) for cell, value in held):
            sure.add(at)
    return sure
