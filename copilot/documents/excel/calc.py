"""Recalculation after an edit: values of new formulas, and of the formulas that depend on edited cells.

The engine is trusted for a cell only where, before the edit, it computed the very value that the file holds for it
(Excel's). Cells where it did not are held at the file's value, so that nothing else is computed from a guess; when
such a cell depends on the edit, that is reported and Excel is asked to calculate everything when it opens the file.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from copilot.documents.excel import markup
from copilot.documents.excel.cells import Cell, SheetReader, value_content
from copilot.documents.excel.dependents import WORD, Dependencies, Place
from copilot.documents.excel.formulas import VOLATILE, bare, without_prefixes
from copilot.documents.excel.refs import Area, address, quote_sheet
from copilot.documents.excel.splice import Render
from copilot.documents.excel.values import CellError, Scalar, from_serial, to_serial
from copilot.documents.excel.workbook import Sheet, Table, Workbook
from copilot.documents.hunks import Hunk
from copilot.documents.package import Package

#: Bytes of all sheets together up to which dependents are computed at once; above, Excel does it when it opens.
MAX_BYTES = 6_000_000
#: Formulas that are computed for one edit, and cells that they read together; above, it is left to Excel as well.
MAX_FORMULAS = 20_000
MAX_READ = 5_000_000
#: Recalculated formulas that a change shows one by one.
MAX_HUNKS = 100

_ERRORS = {"Div": "#DIV/0!", "Na": "#N/A", "Ref": "#REF!", "Value": "#VALUE!", "Num": "#NUM!", "Null": "#NULL!"}
_THIS_ROW = re.compile(r"(?i)([\w.\\]*)\[(?:\[#This Row\],\s*\[((?:[^\[\]']|'.)+)\]|@\[?((?:[^\[\]']|'.)+?)\]?)\]")
_PLAIN_NAME = re.compile(r"(?:'(?:[^']|'')+'|[\w.]+)!\$[A-Z]+\$\d+(?::\$[A-Z]+\$\d+)?|-?\d+(?:\.\d+)?")
_FIXED_CLOCK = datetime(2000, 1, 1, tzinfo=UTC)

At = tuple[str, int, int]


@dataclass
class Recalculation:
    """What a recalculation gave: `values` of edited formulas by sheet, hunks of dependents, and what is left open."""

    values: dict[str, dict[tuple[int, int], Scalar]] = field(default_factory=dict)
    hunks: list[Hunk] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    incomplete: bool = False


def recalculate(
    content: bytes,
    workbook: Workbook,
    edited: Mapping[str, list[tuple[int, int]]],
    known: Mapping[str, bool] | None = None,
) -> Recalculation:
    """Compute what follows from an edit and write it into `workbook`'s sheets as cached values.

    `content` is the file before the edit; `edited` names the cells that were written, by sheet; `known` says of some
    sheet parts whether they hold formulas, so that they need not be read for that.
    """
    package = workbook.package
    parts = [sheet.part for sheet in workbook.worksheets]
    if not any((known or {})[part] if part in (known or {}) else has_formulas(package, part) for part in parts):
        return Recalculation()
    if sum(package.size(part) for part in parts) > MAX_BYTES:
        return _left_to_excel("The workbook is large")
    after = _Model(workbook)
    places = {(sheet, *at) for sheet, given in edited.items() for at in given}
    dependencies = after.dependencies()
    own = places & after.formulas.keys()
    wanted = dependencies.on(places) | own
    if not wanted:
        return Recalculation()
    work = _Work.of(after, dependencies, wanted)
    partial = work is None
    work = work or _Work.of(after, dependencies, own)
    if work is None or not work.affected:
        return _left_to_excel("Many formulas depend on the edit")
    try:
        engine = _load(after, work)
        base = _Model(Workbook.open(content), after, edited)
        trusted = _trusted(base, _load(base, work), work)
    except Exception as error:  # noqa: BLE001 - the engine meets files of any kind: what it can't do is left to Excel
        return _left_to_excel(f"The calculation engine gave up ({error})"[:160])
    result = _Run(after, base, engine, trusted, places, work).result()
    if partial:
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


class _Model:
    """All cells of a workbook, formulas apart; with `like`, those of sheets not in `edited` are taken from there."""

    def __init__(self, workbook: Workbook, like: _Model | None = None, edited: Container[str] = ()) -> None:
        self.workbook = workbook
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

    def dependencies(self) -> Dependencies:
        """Return what the formulas read."""
        texts = {at: c.formula.text for at, c in self.formulas.items() if c.formula is not None}
        spread = {at: c.formula.area for at, c in self.formulas.items() if c.formula is not None and c.formula.area}
        arrays = {at: area for at, area in spread.items() if self._array(at)}
        return Dependencies(texts, self.workbook, arrays, self.used())

    def _array(self, at: At) -> bool:
        formula = self.formulas[at].formula
        return formula is not None and formula.kind in ("array", "dataTable")

    def used(self) -> dict[str, Area]:
        """Return the area of each sheet that holds all its cells."""
        areas = {sheet: Area.around((at[1], at[2]) for at in cells) for sheet, cells in self.sheets.items()}
        return {sheet: area for sheet, area in areas.items() if area is not None}

    def computable(self, at: At) -> bool:
        """Return whether the engine is asked for the formula: it is a plain one, free of chance and clock."""
        return _plain_formula(self.cells[at]) and not self.volatile(at)

    def volatile(self, at: At) -> bool:
        formula = self.cells[at].formula
        return formula is not None and bool(VOLATILE.search(bare(formula.text)))


@dataclass
class _Work:
    """What is to be computed: the wanted formulas, all that those need, and the places they read."""

    affected: set[At]
    formulas: set[At]
    places: set[Place]

    @classmethod
    def of(cls, model: _Model, dependencies: Dependencies, wanted: set[At]) -> _Work | None:
        """Return the work that computing `wanted` is, None when it is too much."""
        found = dependencies.needs(wanted, model.computable, MAX_READ) if len(wanted) <= MAX_FORMULAS else None
        return cls(wanted, *found) if found is not None and len(found[0]) <= MAX_FORMULAS else None

    def cells(self, model: _Model) -> Iterator[tuple[At, Cell]]:
        """Yield the cells without a formula that are read."""
        rows: dict[tuple[str, int], list[At]] = {}
        for at in sorted(model.cells.keys() - model.formulas.keys()):
            rows.setdefault((at[0].casefold(), at[1]), []).append(at)
        seen: set[At] = set()
        for sheet, area in _joined(self.places):
            for number in range(area.top, area.bottom + 1):
                seen.update(at for at in rows.get((sheet, number), ()) if area.left <= at[2] <= area.right)
        yield from ((at, model.cells[at]) for at in sorted(seen))


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


def _load(model: _Model, work: _Work) -> Any:
    """Return an engine that holds the values, formulas, tables and names that the work needs."""
    import formualizer as fz

    engine = fz.Workbook()
    engine.set_deterministic_clock(_FIXED_CLOCK, "utc")
    for each in model.workbook.worksheets:
        engine.add_sheet(each.name)
    _fill(engine, model, work)
    for table in model.workbook.tables:
        _add_table(engine, table)
    names = _plain_names(model.workbook)
    for sheet, row, column in sorted(work.formulas & model.formulas.keys()):
        cell = model.formulas[sheet, row, column]
        if _plain_formula(cell) and cell.formula is not None:
            text = _without_this_row(cell.formula.text, model.workbook.tables, sheet, row, column)
            engine.set_formula(sheet, row, column, without_prefixes(_spelled_out(text, names)))
        else:
            engine.set_value(sheet, row, column, _plain(cell.value, model.workbook))
    return engine


def _fill(engine: Any, model: _Model, work: _Work) -> None:
    rows: dict[tuple[str, int], dict[int, Any]] = {}
    for (sheet, row, column), cell in work.cells(model):
        rows.setdefault((sheet, row), {})[column] = _plain(cell.value, model.workbook)
    for (sheet, row), values in rows.items():
        first, last = min(values), max(values)
        if last - first < 200:
            engine.set_values_batch(sheet, row, first, [[values.get(c) for c in range(first, last + 1)]])
        else:
            for column, value in values.items():
                engine.set_value(sheet, row, column, value)


def _plain(value: Scalar, workbook: Workbook) -> Any:
    """Return a value as the engine takes it: moments as serial numbers, as Excel holds them."""
    import formualizer as fz

    if isinstance(value, (datetime, date, time, timedelta)):
        return float(to_serial(value, date1904=workbook.date1904))
    if isinstance(value, CellError):
        kind = next((k for k, shown in _ERRORS.items() if shown == value), "Na")
        return fz.LiteralValue.error(kind, None)
    return value


def _add_table(engine: Any, table: Table) -> None:
    area = (table.area.top, table.area.left, table.area.bottom, table.area.right)
    headers = list(table.columns)
    engine.add_table(
        table.name, table.sheet, area, headers, header_row=table.header_rows > 0, totals_row=table.totals_rows > 0
    )


def _plain_formula(cell: Cell) -> bool:
    """Return whether the cell has a formula of its own, no array, data table or broken one."""
    return cell.formula is not None and cell.formula.kind in ("normal", "shared") and len(cell.formula.text) > 1


def _plain_names(workbook: Workbook) -> dict[str, str]:
    """Return the names that stand for an absolute place or a number, with what they stand for."""
    return {
        name.name.casefold(): name.refers_to if "!" in name.refers_to else f"({name.refers_to})"
        for name in workbook.names
        if name.sheet is None and _PLAIN_NAME.fullmatch(name.refers_to)
    }


def _spelled_out(text: str, names: dict[str, str]) -> str:
    """Return the formula with plain names replaced: the engine can't be told about names."""
    if not names:
        return text
    pieces = re.split(r'("(?:[^"]|"")*"|\[[^\]]*\])', text)
    for index in range(0, len(pieces), 2):
        pieces[index] = WORD.sub(lambda m: names.get(m[1].casefold(), m[0]), pieces[index])
    return "".join(pieces)


def _without_this_row(text: str, tables: tuple[Table, ...], sheet: str, row: int, column: int) -> str:
    """Return the formula with references to "this row" of a table as plain cells, which the engine knows."""

    def cell(match: re.Match[str]) -> str:
        name, wanted = match[1].casefold(), re.sub(r"'(.)", r"\1", match[2] or match[3]).casefold()
        for table in tables:
            here = table.sheet == sheet and (row, column) in table.area
            if (table.name.casefold() == name if name else here) and table.area.top <= row <= table.area.bottom:
                folded = [c.casefold() for c in table.columns]
                if wanted in folded:
                    place = address(row, table.area.left + folded.index(wanted))
                    return place if table.sheet == sheet else f"{quote_sheet(table.sheet)}!{place}"
        return match[0]

    return _THIS_ROW.sub(cell, text) if "[" in text else text


def _computed(engine: Any, places: list[At]) -> dict[At, Scalar]:
    """Return the values of the cells that the engine could compute.

    All are asked for in one go: for each single one the engine would walk through all that it depends on again.
    """
    try:
        found = engine.evaluate_cells(places)
    except Exception:  # noqa: BLE001 - the engine's errors have no common base; one bad cell must not cost the others
        found = [_alone(engine, at) for at in places]
    return {at: value for at, given in zip(places, found, strict=True) if (value := _taken(given)) is not _UNABLE}


_UNABLE: Any = object()


def _alone(engine: Any, at: At) -> Any:
    try:
        return engine.evaluate_cell(*at)
    except Exception:  # noqa: BLE001 - see _computed: what it can't compute is left to Excel
        return _UNABLE


def _taken(value: Any) -> Scalar:
    """Return a value of the engine as ours: _UNABLE for an array, and for errors that Excel might not get."""
    if isinstance(value, dict):
        shown = _ERRORS.get(str(value.get("kind")))
        return CellError(shown) if shown else cast(Scalar, _UNABLE)
    return cast(Scalar, _UNABLE if isinstance(value, list) else value)


def _same(value: Scalar, cached: Scalar, workbook: Workbook) -> bool:
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


def _trusted(model: _Model, engine: Any, work: _Work) -> set[At]:
    """Return the formula cells whose cached value the engine arrives at, and those that have none."""
    cells = model.formulas
    asked = [at for at in sorted(work.formulas & cells.keys()) if model.computable(at)]
    return {
        at
        for at, value in _computed(engine, asked).items()
        if cells[at].value is None or _same(value, cells[at].value, model.workbook)
    }


class _Run:
    """One recalculation: pins what can't be trusted, computes, and writes what changed."""

    def __init__(
        self, after: _Model, base: _Model, engine: Any, trusted: set[At], edited: set[At], work: _Work
    ) -> None:
        self.after, self.base, self.engine, self.work = after, base, engine, work
        self.edited, self.trusted = edited, trusted
        self._noted = 0

    def result(self) -> Recalculation:
        """Return the outcome; cached values are written into the package."""
        out = Recalculation()
        known = self.work.formulas & self.after.formulas.keys()
        pinned = {at for at in known if at not in self.edited and not self._sure(at)}
        stale = sorted(pinned & self.work.affected)
        for at in sorted(pinned):
            self.engine.set_value(*at, _plain(self.after.cells[at].value, self.after.workbook))
        updates: dict[str, dict[tuple[int, int], Scalar]] = {}
        unable = []
        wanted = sorted(self.work.affected - pinned, key=self._order)
        found = _computed(self.engine, [at for at in wanted if self.after.computable(at)])
        for at in wanted:
            cell, value = self.after.formulas[at], found.get(at)
            if at not in found:
                unable.append(at)
            elif at in self.edited or (cell.value is not None and not _same(value, cell.value, self.after.workbook)):
                updates.setdefault(at[0], {})[at[1:]] = value
                self._note(out, at, cell, value)
        if self._noted > MAX_HUNKS:
            out.hunks.append(Hunk("workbook", "", f"{self._noted - MAX_HUNKS:,} more formulas get new values", "cell"))
        self._report(out, stale, unable)
        _write(self.after, updates)
        return out

    def _note(self, out: Recalculation, at: At, cell: Cell, value: Scalar) -> None:
        if at in self.edited:
            out.values.setdefault(at[0], {})[at[1:]] = value
            return
        self._noted += 1
        if self._noted > MAX_HUNKS:
            return
        reader = self.after.readers[at[0]]
        new = Cell(cell.row, cell.column, _as_before(value, cell, self.after.workbook), cell.style, cell.formula)
        where = f"{at[0]}!{cell.address}"
        out.hunks.append(Hunk(where, reader.describe(cell), reader.describe(new), "cell"))

    def _report(self, out: Recalculation, stale: list[At], unable: list[At]) -> None:
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

    def _sure(self, at: At) -> bool:
        """Return whether the engine may compute the cell: it is the formula that it was right about before."""
        before, now = self.base.cells.get(at), self.after.cells[at].formula
        if at not in self.trusted or before is None or before.formula is None or now is None:
            return False
        return before.formula.text == now.text

    def _order(self, at: At) -> tuple[int, int, int]:
        return list(self.after.sheets).index(at[0]), at[1], at[2]


def _as_before(value: Scalar, cell: Cell, workbook: Workbook) -> Scalar:
    """Return a computed value as the cell's format shows it: a serial number as its date."""
    kind = workbook.styles.kind(cell.style)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and kind in ("date", "datetime", "time"):
        return from_serial(value, kind, date1904=workbook.date1904)
    return value


def _write(model: _Model, updates: dict[str, dict[tuple[int, int], Scalar]]) -> None:
    """Put computed values into the `v` elements of formula cells, nothing else."""
    for sheet in model.workbook.worksheets:
        values = updates.get(sheet.name)
        if not values:
            continue
        xml = model.readers[sheet.name].xml
        renders: dict[int, dict[int, Render]] = {}
        for (row, column), value in values.items():
            renders.setdefault(row, {})[column] = _value_only(value, xml.prefix, model.workbook)
        model.workbook.package.write(sheet.part, xml.pieces(renders))


def _value_only(value: Scalar, prefix: bytes, workbook: Workbook) -> Render:
    kind, inner = value_content(0 if value is None else value, prefix, date1904=workbook.date1904, inline=False)

    def render(raw: bytes | None) -> bytes:
        match = markup.tag_pattern(prefix + b"c").match(raw or b"")
        formula = markup.find(raw or b"", prefix + b"f")
        if raw is None or match is None or formula is None:
            raise AssertionError("only formula cells are computed")
        tag = markup.with_attribute(match[0], b"t", kind)
        old = markup.find(raw, prefix + b"v")
        start, end = (old.start, old.end) if old else (formula.end, formula.end)
        return tag + raw[match.end() : start] + inner + raw[end:]

    return render


def compute_missing(workbook: Workbook, sheet: Sheet, cells: list[Cell]) -> dict[tuple[int, int], Scalar]:
    """Return values of formulas that the file holds none for, as far as the engine can compute them.

    Nothing that depends on the clock or on chance is computed. Empty for workbooks that are too large for it.
    """
    if sum(workbook.package.size(s.part) for s in workbook.worksheets) > MAX_BYTES:
        return {}
    model = _Model(workbook)
    dependencies = model.dependencies()
    work = _Work.of(model, dependencies, {(sheet.name, c.row, c.column) for c in cells})
    if work is None:
        return {}
    try:
        engine = _load(model, work)
    except Exception:  # noqa: BLE001 - the engine meets files of any kind; the caller says what has no value
        return {}
    changing = [at for at in sorted(model.formulas) if model.volatile(at)]
    unsure = dependencies.on(changing) | set(changing)
    asked = {(sheet.name, c.row, c.column): c for c in cells}
    sure = [at for at in asked if at not in unsure and model.computable(at)]
    return {at[1:]: _as_before(value, asked[at], workbook) for at, value in _computed(engine, sure).items()}
