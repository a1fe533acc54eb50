"""Recalculating a whole workbook, and the errors that its formulas show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from copilot.documents.excel import office_calc
from copilot.documents.excel.calc import MAX_BYTES, MAX_HUNKS, Updates, write_values
from copilot.documents.excel.calcchain import set_full_calculation
from copilot.documents.excel.cells import Cell, SheetReader
from copilot.documents.excel.engine import VISIBLE_ONLY, Engine, Model, Work, same
from copilot.documents.excel.formula_tokens import calls
from copilot.documents.excel.formulas import without_prefixes
from copilot.documents.excel.functions import known
from copilot.documents.excel.refs import address
from copilot.documents.excel.values import CellError, Scalar
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.errors import ToolInputError

EngineName = Literal["builtin", "office"]
#: Rounds in which formulas are tried again with what they read held at the file's values.
_ROUNDS = 6

At = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell that shows an error: `where` ("Budget!B4"), the `error` and the `formula` behind it ("" for a value)."""

    where: str
    error: str
    formula: str


def errors(content: bytes) -> list[Problem]:
    """Return the cells that show an error (#REF!, #DIV/0! ...) by the values that the file holds, sheet by sheet."""
    workbook = Workbook.open(content)
    found = []
    for sheet in workbook.worksheets:
        for _, cells in SheetReader(workbook, sheet).rows():
            found += [_problem(sheet.name, cell) for cell in cells if isinstance(cell.value, CellError)]
    return found


def _problem(sheet: str, cell: Cell) -> Problem:
    formula = without_prefixes(cell.formula.text) if cell.formula is not None else ""
    return Problem(f"{sheet}!{cell.address}", str(cell.value), formula)


def recalculate(content: bytes, engine: EngineName = "builtin") -> Edited:
    """Bring the values of all formulas up to date; cells that can't be computed here are named and left to Excel.

    `engine` "office" asks LibreOffice (some seconds) for what the built-in engine can't, and takes its value where it
    agrees with the file on the formulas that both know. Raises ToolInputError ("unchanged" when all values are right
    already, "too_large") and DocumentError.
    """
    workbook = Workbook.open(content)
    if sum(workbook.package.size(s.part) for s in workbook.worksheets) > MAX_BYTES:
        hint = "Open it in Excel, which calculates it."
        raise ToolInputError("The workbook is too large to be calculated here.", hint=hint, code="too_large")
    model = Model(workbook)
    if not model.formulas:
        raise ToolInputError("The workbook has no formulas.", code="unchanged")
    values, left = _values(model)
    if engine == "office" and left:
        more = office_calc.agreed_values(content, model, left)
        values.update(more)
        left = [at for at in left if at not in more]
    updates = _updates(model, values)
    warnings = [*_left(model, left), *_errors(model, updates)]
    if not updates:
        raise ToolInputError(" ".join(["All values that can be computed are up to date.", *warnings]), code="unchanged")
    write_values(model, updates, {})
    if left:
        set_full_calculation(workbook)
    check_parts(workbook.package, [workbook.sheet(name).part for name in updates])
    return Edited.of(workbook.package.save(), _hunks(model, updates), [*warnings, *signature_warning(workbook.package)])


def _values(model: Model) -> tuple[dict[At, Scalar], list[At]]:
    """Return the values of all cells that formulas give, and the formulas that are left to Excel."""
    wanted = set(model.formulas)
    dependencies = model.dependencies()
    work = Work.of(model, dependencies, wanted)
    if work is None:
        raise ToolInputError("The workbook has too many formulas to be calculated here.", code="too_large")
    asked = [at for at in sorted(wanted) if model.computable(at)]
    cells = list(dict.fromkeys(cell for at in asked for cell in model.covered(at)))
    changing = [at for at in wanted if model.volatile(at)]
    left = {at for at in wanted if not model.computable(at)} | (dependencies.on(changing) if changing else set())
    found: dict[At, Scalar] = {}
    for last in (*[False] * _ROUNDS, True):
        found = _held(model, Engine(model, work), left).values(cells)
        doubtful = {at for at in wanted - left if not _believed(model, at, found)}
        if not doubtful:
            break
        # What reads a doubtful formula is doubted because of that: it is tried again with that one held.
        roots = {at for at in doubtful if not any(r in doubtful and r != at for r in dependencies.reads(at))}
        left |= doubtful if last or not roots else roots
    held = {cell for at in left for cell in model.covered(at)}
    return {cell: value for cell, value in found.items() if cell not in held}, sorted(left)


def _held(model: Model, engine: Engine, places: Iterable[At]) -> Engine:
    """Return the engine with formulas held at the file's values."""
    for at in sorted(places):
        for cell in model.covered(at):
            engine.pin(cell, model.cells[cell].value if cell in model.cells else None)
    return engine


def _believed(model: Model, at: At, found: Mapping[At, Scalar]) -> bool:
    """Return whether the engine's values for a formula are taken: the file has none, the same, or it is exact there."""
    cells = model.covered(at)
    if not model.computable(at) or any(cell not in found for cell in cells):
        return False
    held = [model.cells[cell].value if cell in model.cells else None for cell in cells]
    if all(same(found[cell], value, model.workbook) for cell, value in zip(cells, held, strict=True)):
        return True
    formula = model.formulas[at].formula
    text = formula.text if formula is not None else ""
    if VISIBLE_ONLY.search(text) and model.hides_rows:
        return False
    try:
        return all(value is None for value in held) or all(_exact(call.name) for call in calls(text))
    except ToolInputError:
        return False


def _exact(name: str) -> bool:
    function = known().get(name)
    return function is not None and function.exact


def _updates(model: Model, values: Mapping[At, Scalar]) -> Updates:
    updates: Updates = {}
    for at, value in sorted(values.items()):
        held = model.cells[at].value if at in model.cells else None
        if held is None or not same(value, held, model.workbook):
            updates.setdefault(at[0], {})[at[1:]] = value
    return updates


def _left(model: Model, left: Iterable[At]) -> list[str]:
    names = [f"{s}!{address(row, column)}" for s, row, column in left]
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    return (
        [f"Left to Excel, which computes them when it opens the file: {', '.join(names[:10])}{more}."] if names else []
    )


def _errors(model: Model, updates: Updates) -> list[str]:
    found = []
    for at, cell in sorted(model.formulas.items()):
        value = updates.get(at[0], {}).get(at[1:], cell.value)
        if isinstance(value, CellError):
            found.append(f"{at[0]}!{cell.address} shows {value}")
    more = f"; and {len(found) - 10:,} more" if len(found) > 10 else ""
    return [f"{'; '.join(found[:10])}{more}."] if found else []


def _hunks(model: Model, updates: Updates) -> list[Hunk]:
    hunks = []
    for sheet, values in updates.items():
        reader = model.readers[sheet]
        for (row, column), value in values.items():
            cell = model.cells.get((sheet, row, column), Cell(row, column, None))
            new = Cell(row, column, value, cell.style, cell.formula)
            hunks.append(Hunk(f"{sheet}!{cell.address}", reader.describe(cell), reader.describe(new), "cell"))
    if len(hunks) <= MAX_HUNKS:
        return hunks
    rest = Hunk("workbook", "", f"{len(hunks) - MAX_HUNKS:,} more formulas get new values", "cell")
    return [*hunks[:MAX_HUNKS], rest]


def recalculate_workbook(content: bytes, engine: EngineName = "builtin") -> Edited:
    """Return the workbook with the values of all its formulas up to date: see `recalculate`."""
    return recalculate(content, engine)


OPERATIONS = (recalculate,)

__all__ = ["OPERATIONS", "EngineName", "Problem", "errors", "recalculate", "recalculate_workbook"]
