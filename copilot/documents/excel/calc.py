"""Recalculation after an edit: values of new formulas, and of the formulas that depend on edited cells.

The engine is trusted for a cell only where, before the edit, it computed the very value that the file holds for it
(Excel's). Cells where it did not are held at the file's value, so that nothing else is computed from a guess; when
such a cell depends on the edit, that is reported and Excel is asked to calculate everything when it opens the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from copilot.documents.excel import markup
from copilot.documents.excel.cells import Cell, cell_element, value_content
from copilot.documents.excel.circular import refuse_circles
from copilot.documents.excel.dependents import Dependencies
from copilot.documents.excel.engine import VISIBLE_ONLY, Engine, Model, Work, same, trusted
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, address
from copilot.documents.excel.splice import Render
from copilot.documents.excel.values import CellError, Scalar, from_serial
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.documents.hunks import Hunk
from copilot.documents.package import Package
from copilot.errors import ToolInputError

#: Bytes of all sheets together up to which dependents are computed at once; above, Excel does it when it opens.
MAX_BYTES = 6_000_000
#: Recalculated formulas that a change shows one by one.
MAX_HUNKS = 100

At = tuple[str, int, int]
Updates = dict[str, dict[tuple[int, int], Scalar]]


@dataclass
class Recalculation:
    """What a recalculation gave: `values` of edited formulas by sheet, hunks of dependents, and what is left open.

    `open` are the cells whose values are left to Excel.
    """

    values: Updates = field(default_factory=dict)
    hunks: list[Hunk] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    incomplete: bool = False
    open: list[At] = field(default_factory=list)


def recalculate(
    content: bytes,
    workbook: Workbook,
    edited: Mapping[str, list[tuple[int, int]]],
    known: Mapping[str, bool] | None = None,
) -> Recalculation:
    """Compute what follows from an edit and write it into `workbook`'s sheets as cached values.

    `content` is the file before the edit; `edited` names the cells that were written, by sheet; `known` says of some
    sheet parts whether they hold formulas, so that they need not be read for that. Raises ToolInputError for a
    formula that depends on itself, and for a result that would spill over cells that hold something.
    """
    package = workbook.package
    parts = [sheet.part for sheet in workbook.worksheets]
    if not any((known or {})[part] if part in (known or {}) else has_formulas(package, part) for part in parts):
        return Recalculation()
    if sum(package.size(part) for part in parts) > MAX_BYTES:
        return _left_to_excel("The workbook is large")
    after = Model(workbook)
    places = {(sheet, *at) for sheet, given in edited.items() for at in given}
    job = _Job(after, places)
    if not job.wanted:
        return Recalculation()
    refuse_circles(after, job.dependencies, job.own)
    if not job.planned():
        return _left_to_excel("Many formulas depend on the edit")
    try:
        before = {at: after.arrays[at] for at in after.arrays}
        job.spread()
        engine = Engine(after, job.work)
        base = Model(Workbook.open(content), after, edited)
        sure = trusted(base, job.work.before(base, after), job.dependencies)
    except ToolInputError:
        raise
    except Exception as error:  # noqa: BLE001 - the engine meets files of any kind: what it can't do is left to Excel
        return _left_to_excel(f"The calculation engine gave up ({error})"[:160])
    result = _Run(job, base, engine, sure, before).result()
    if job.partial:
        result.warnings += _left_to_excel("Many formulas depend on the edit").warnings
        result.incomplete = True
    return result


def has_formulas(package: Package, part: str) -> bool:
    """Return whether a sheet part holds a formula; it is looked through in pieces."""
    before = b""
    for chunk in package.stream(part):
        if _FORMULA.search(before + chunk):
            return True
        before = chunk[-40:]
    return False


_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")


def _left_to_excel(why: str) -> Recalculation:
    message = f"{why}: values of formulas are brought up to date when Excel opens the file, not before."
    return Recalculation(warnings=[message], incomplete=True)


class _Job:
    """What an edit asks for: the formulas that depend on it, and the work that computing them is."""

    work: Work

    def __init__(self, model: Model, places: set[At]) -> None:
        self.model, self.places = model, places
        self.blocked: dict[At, At] = {}
        self.partial = False
        self._find()

    def _find(self) -> None:
        self.dependencies: Dependencies = self.model.dependencies(self.places)
        self.own = self.places & self.model.formulas.keys()
        self.wanted = self.dependencies.on(self.places) | self.own

    def planned(self) -> bool:
        """Return whether the work can be done here; `partial` says that only the new formulas are computed."""
        work = Work.of(self.model, self.dependencies, self.wanted)
        self.partial = work is None
        work = work or Work.of(self.model, self.dependencies, self.own)
        if work is None or not work.affected:
            return False
        self.work = work
        return True

    def spread(self) -> None:
        """Let dynamic arrays take the room that their results need.

        Raises ToolInputError for a new one that would cover cells which hold something.
        """
        arrays = self.model.arrays
        dynamic = [at for at in self.work.affected if at in arrays and self._dynamic(at)]
        if not dynamic:
            return
        for at, (height, width) in Engine(self.model, self.work).shapes().items():
            if at not in self.work.affected:
                continue
            area = Area(at[1], at[2], min(at[1] + height - 1, MAX_ROW), min(at[2] + width - 1, MAX_COLUMN))
            in_the_way = self._in_the_way(at, area)
            if in_the_way is None:
                arrays[at] = area
            elif at in self.own:
                raise self._refused(at, area, in_the_way)
            else:
                self.blocked[at] = in_the_way
        self.places |= {cell for at in dynamic for cell in self.model.covered(at) if at in self.own}
        self._find()
        self.planned()

    def _dynamic(self, at: At) -> bool:
        formula = self.model.formulas[at].formula
        return formula is not None and formula.dynamic

    def _in_the_way(self, at: At, area: Area) -> At | None:
        """Return a cell that a result can't spill over: one that holds something, of a table or merged."""
        own = self.model.arrays[at]
        reader = self.model.readers.get(at[0])
        barred = [t.area for t in self.model.workbook.tables if t.sheet == at[0]]
        barred += reader.xml.areas(b"mergeCell") if reader is not None else []
        for other in barred if area.height * area.width > 1 else ():
            if (inside := other.clipped(area)) is not None:
                return at[0], inside.top, inside.left
        for row, column in area.cells():
            cell = (at[0], row, column)
            if (row, column) not in own and cell in self.model.cells and not self.model.cells[cell].blank:
                return cell
        return None

    def _refused(self, at: At, area: Area, cell: At) -> ToolInputError:
        where = f"{at[0]}!{address(*cell[1:])}"
        found = self.model.cells.get(cell)
        table = next((t for t in self.model.workbook.tables if t.sheet == at[0] and cell[1:] in t.area), None)
        reader = self.model.readers[at[0]]
        held = f"holds {reader.describe(found)!r}" if found is not None and not found.blank else "is merged"
        held = f"is in the table {table.name!r}" if table is not None else held
        message = f"The result of {at[0]}!{address(*at[1:])} covers {area} (#SPILL!), but {where} {held}."
        return ToolInputError(message, hint="Choose a place with room, or empty that cell first.", code="spill")


class _Run:
    """One recalculation: pins what can't be trusted, computes, and writes what changed."""

    def __init__(self, job: _Job, base: Model, engine: Engine, sure: set[At], before: Mapping[At, Area]) -> None:
        self.job, self.after, self.base, self.engine = job, job.model, base, engine
        self.work, self.edited, self.trusted, self.before = job.work, job.places, sure, before
        self._noted = 0

    def result(self) -> Recalculation:
        """Return the outcome; cached values are written into the package."""
        out = Recalculation()
        known = self.work.formulas & self.after.formulas.keys()
        pinned = {at for at in known if at not in self.edited and not self._sure(at)}
        stale = sorted(pinned & self.work.affected)
        for at in sorted(pinned):
            for cell in self.after.covered(at):
                self.engine.pin(cell, self.after.cells[cell].value if cell in self.after.cells else None)
        wanted = sorted(self.work.affected - pinned, key=self._order)
        asked = [at for at in wanted if self.after.computable(at) and not (at in self.edited and self._hidden(at))]
        found = self.engine.values([cell for at in asked for cell in self.after.covered(at)]) if asked else {}
        updates: Updates = {}
        unable = []
        for at in wanted:
            if at not in found:
                unable.append(at)
            else:
                self._update(out, updates, at, found)
        if self._noted > MAX_HUNKS:
            out.hunks.append(Hunk("workbook", "", f"{self._noted - MAX_HUNKS:,} more formulas get new values", "cell"))
        _report(out, stale, unable)
        write_values(self.after, updates, {at: a for at, a in self.after.arrays.items() if self.before.get(at) != a})
        return out

    def _update(self, out: Recalculation, updates: Updates, at: At, found: Mapping[At, Scalar]) -> None:
        """Take over the new values of a formula: of its own cell, and of those that it covers."""
        covered = self.after.covered(at)
        if self.before.get(at) != self.after.arrays.get(at):
            updates.setdefault(at[0], {})[at[1:]] = found[at]  # also where only the range changes that it covers
        for cell in covered:
            held = self.after.cells.get(cell)
            old, value = (held.value if held else None), found.get(cell)
            new = at in self.edited or (held is None) or (cell != at and old is None)
            if new or (old is not None and not same(value, old, self.after.workbook)):
                updates.setdefault(cell[0], {})[cell[1:]] = value
                self._note(out, cell, held or Cell(cell[1], cell[2], None), value)
        for row, column in self.before.get(at, Area(at[1], at[2], at[1], at[2])).cells():
            if len(covered) > 1 or at in self.before:
                dropped = (at[0], row, column)
                if dropped not in covered and dropped in self.after.cells:
                    updates.setdefault(at[0], {})[row, column] = None
                    self._note(out, dropped, self.after.cells[dropped], None)

    def _note(self, out: Recalculation, at: At, cell: Cell, value: Scalar) -> None:
        if at in self.edited and at in self.after.formulas:
            out.values.setdefault(at[0], {})[at[1:]] = value
            return
        self._noted += 1
        if self._noted > MAX_HUNKS:
            return
        reader = self.after.readers[at[0]]
        shown = as_shown(value, cell.style, self.after.workbook)
        new = Cell(cell.row, cell.column, shown, cell.style, cell.formula)
        where = f"{at[0]}!{cell.address}"
        out.hunks.append(Hunk(where, reader.describe(cell), reader.describe(new), "cell"))

    def _sure(self, at: At) -> bool:
        """Return whether the engine may compute the cell: it is the formula that it was right about before."""
        before, now = self.base.cells.get(at), self.after.cells[at].formula
        if at not in self.trusted or before is None or before.formula is None or now is None or at in self.job.blocked:
            return False
        return before.formula.text == now.text

    def _hidden(self, at: At) -> bool:
        """Return whether a new formula counts only rows that are shown: which these are the engine is not told."""
        formula = self.after.formulas[at].formula
        return formula is not None and bool(VISIBLE_ONLY.search(formula.text)) and self.after.hides_rows

    def _order(self, at: At) -> tuple[int, int, int]:
        return list(self.after.sheets).index(at[0]), at[1], at[2]


def _report(out: Recalculation, stale: list[At], unable: list[At]) -> None:
    if stale:
        names = ", ".join(f"{s}!{address(r, c)}" for s, r, c in stale[:5])
        more = f" and {len(stale) - 5} more" if len(stale) > 5 else ""
        out.warnings.append(
            f"Excel computes these anew when it opens the file, until then they show the old value: {names}{more}."
        )
    if unable:
        names = ", ".join(f"{s}!{address(r, c)}" for s, r, c in unable[:5])
        out.warnings.append(f"The result of {names} is computed when Excel opens the file.")
    errors = [
        f"{s}!{address(*at)} gives {v}"
        for s, g in out.values.items()
        for at, v in g.items()
        if isinstance(v, CellError)
    ]
    out.warnings += errors[:5]
    out.incomplete = bool(stale or unable)
    out.open = [*stale, *unable]


def as_shown(value: Scalar, style: int, workbook: Workbook) -> Scalar:
    """Return a computed value as a cell's format shows it: a serial number as its date."""
    kind = workbook.styles.kind(style)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and kind in ("date", "datetime", "time"):
        return from_serial(value, kind, date1904=workbook.date1904)
    return value


def write_values(model: Model, updates: Updates, areas: Mapping[At, Area]) -> None:
    """Put computed values into the `v` elements of cells, and how far arrays reach into their masters; no more."""
    for sheet in model.workbook.worksheets:
        values = updates.get(sheet.name)
        if not values:
            continue
        xml = model.readers[sheet.name].xml
        renders: dict[int, dict[int, Render]] = {}
        for (row, column), value in values.items():
            area = areas.get((sheet.name, row, column))
            renders.setdefault(row, {})[column] = _value_only(value, row, column, xml.prefix, model.workbook, area)
        model.workbook.package.write(sheet.part, xml.pieces(renders))


def _value_only(
    value: Scalar, row: int, column: int, prefix: bytes, workbook: Workbook, area: Area | None = None
) -> Render:
    def render(raw: bytes | None) -> bytes:
        formula = markup.find(raw or b"", prefix + b"f")
        shown = 0 if value is None and formula is not None else value
        kind, inner = value_content(shown, prefix, date1904=workbook.date1904, inline=False)
        match = markup.tag_pattern(prefix + b"c").match(raw or b"")
        if raw is None or match is None or formula is None:
            return cell_element(raw, row, column, prefix, kind, inner, None)
        tag = markup.with_attribute(match[0], b"t", kind)
        old = markup.find(raw, prefix + b"v")
        start, end = (old.start, old.end) if old else (formula.end, formula.end)
        made = tag + raw[match.end() : start] + inner + raw[end:]
        return _reaching(made, prefix, area) if area is not None else made

    return render


def _reaching(raw: bytes, prefix: bytes, area: Area) -> bytes:
    """Return the master cell of an array with the range that its values cover."""
    formula = markup.find(raw, prefix + b"f")
    if formula is None:
        raise AssertionError("an array has a formula")
    tag = markup.with_attribute(raw[formula.start : formula.inner], b"ref", str(area))
    return markup.replace_tag(raw, formula, tag)


def compute_missing(workbook: Workbook, sheet: Sheet, cells: list[Cell]) -> dict[tuple[int, int], Scalar]:
    """Return values of formulas that the file holds none for, as far as the engine can compute them.

    Nothing that depends on the clock or on chance is computed. Empty for workbooks that are too large for it.
    """
    if sum(workbook.package.size(s.part) for s in workbook.worksheets) > MAX_BYTES:
        return {}
    model = Model(workbook)
    asked = {(sheet.name, c.row, c.column): c for c in cells}
    found = computed(model, asked)
    return {at[1:]: as_shown(found[at], cell.style, workbook) for at, cell in asked.items() if at in found}


def with_values(workbook: Workbook, sheet: Sheet, cells: Mapping[tuple[int, int], Cell]) -> dict[tuple[int, int], Cell]:
    """Return cells by (row, column), those whose formula has no value in the file with the one that is computed.

    Raises ToolInputError "no_value" that names formulas whose values are not known: they can't be copied or compared.
    """
    missing = [cell for cell in cells.values() if cell.formula is not None and cell.value is None]
    found = compute_missing(workbook, sheet, missing) if missing else {}
    unknown = [cell.address for cell in missing if (cell.row, cell.column) not in found]
    if unknown:
        more = f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else ""
        message = f"The formulas in {', '.join(unknown[:5])}{more} of {sheet.name} have no values in the file."
        raise ToolInputError(message, hint="Open and save it in Excel first, which computes them.", code="no_value")
    return {at: replace(cell, value=found[at]) if at in found else cell for at, cell in cells.items()}


def computed(model: Model, wanted: Iterable[At]) -> dict[At, Scalar]:
    """Return the values that the engine gets for formulas, nothing for those that hang on the clock or on chance."""
    wanted = set(wanted)
    dependencies = model.dependencies()
    work = Work.of(model, dependencies, wanted)
    if work is None:
        return {}
    try:
        engine = Engine(model, work)
    except Exception:  # noqa: BLE001 - the engine meets files of any kind; the caller says what has no value
        return {}
    changing = [at for at in sorted(model.formulas) if model.volatile(at)]
    unsure = (dependencies.on(changing) if changing else set()) | set(changing)
    return engine.values([at for at in sorted(wanted) if at not in unsure and model.computable(at)])
