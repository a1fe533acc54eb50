"""Figures by groups, and pivots: many rows into few."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Annotated

from pydantic import Field

from copilot.documents.excel.analysis.conditions import Condition, rules, words
from copilot.documents.excel.analysis.figures import rank
from copilot.documents.excel.analysis.formulas import figure_formula
from copilot.documents.excel.analysis.frame import Frame
from copilot.documents.excel.analysis.groups import By, Groups, Key, LeftOut, each_row, keys_of, undated
from copilot.documents.excel.analysis.tally import Figure, Function, figure
from copilot.documents.excel.values import Scalar
from copilot.errors import ToolInputError

Limit = Annotated[int, Field(ge=0, description="Rows of the result, 0 for all.")]
_MOST_COLUMNS = 200


def filter(
    frame: Frame,
    where: list[Condition] | None = None,
    columns: list[str] | None = None,
    order: list[str] | None = None,
    limit: Limit = 0,
) -> Frame:
    """Keep the rows that fulfil all conditions ({column, operator, value} or {any: [...]}); choose, order, cut.

    `order` are columns, with "-" in front for the highest first.
    """
    made = frame.filtered(rules(frame, where or []))
    if not (columns or order or limit):
        return made
    indexes = made.indexes(columns or made.columns)
    ordered = _ordered(made, order or [])
    rows = [[values[i] for i in indexes] for _, values in ordered]
    notes = [f"{len(rows):,} rows, the first {limit:,} are kept."] if 0 < limit < len(rows) else []
    return made.made([made.columns[i] for i in indexes], rows[: limit or None], notes=notes)


def _ordered(frame: Frame, order: Sequence[str]) -> list[tuple[int, tuple[Scalar, ...]]]:
    found = list(frame.rows())
    for each in reversed(order):
        known = any(each.casefold() == c.casefold() for c in frame.columns)
        descending = each.startswith("-") and not known
        index = frame.column(each[1:] if descending else each)
        filled = [r for r in found if rank(r[1][index]) is not None]
        filled.sort(key=lambda r: rank(r[1][index]) or (9, 0), reverse=descending)
        found = filled + [r for r in found if rank(r[1][index]) is None]
    return found


def aggregate(
    frame: Frame,
    figures: list[Figure | str],
    by: list[By | str] | None = None,
    where: list[Condition] | None = None,
    having: list[Condition] | None = None,
    order: list[str] | None = None,
    limit: Limit = 0,
) -> Frame:
    """Compute figures ("sum Amount", "count"), for each group of `by` (a column, or {column, every: "month"}).

    `having` are conditions on the result, `order` its columns ("-rows" for the most first).
    """
    frame = frame.filtered(rules(frame, where or []))
    wanted, keys = [figure(f) for f in figures], keys_of(frame, by or [])
    groups, out = Groups(frame, keys, wanted), LeftOut(frame, wanted)
    if not keys:
        groups.start(())
    pairs = [(key, key.index) for key in keys]
    count = each_row(frame, out, lambda values: groups.add(tuple(k.of(values[i]) for k, i in pairs), values))
    rows, formulas = [], []
    for key in groups.ordered():
        rows.append([*groups.names(key), *groups.results(key, wanted)])
        formulas.append([*[""] * len(keys), *_formulas(frame, groups, key, wanted)])
    titles = _titles([k.by.title for k in keys] + [f.title for f in wanted])
    made = frame.made(titles, rows, notes=[*_conditions(frame, count), *out.notes(), *undated(keys)], formulas=formulas)
    return _finished(made, having or [], order or [], limit)


def _titles(names: Sequence[str]) -> list[str]:
    made: list[str] = []
    for name in names:
        count = sum(m.split(" #")[0].casefold() == name.casefold() for m in made)
        made.append(f"{name} #{count + 1}" if count else name)
    return made


def _conditions(frame: Frame, count: int) -> list[str]:
    told = " and ".join(words(rule, frame.columns) for rule in frame.rules)
    return [f"{count:,} row{'s' if count != 1 else ''}{f' with {told}' if told else ''}."]


def _formulas(frame: Frame, groups: Groups, key: tuple[Hashable, ...], figures: Sequence[Figure]) -> list[str]:
    """Return the formulas for the figures of a group; none for a figure that has no value."""
    own = groups.rules(key) if key in groups.found else None
    if own is None:
        return [""] * len(figures)
    return [
        figure_formula(frame, f.function, index if index >= 0 else None, [*frame.rules, *own])
        if value is not None
        else ""
        for f, index, value in zip(figures, groups.columns, groups.results(key, figures), strict=True)
    ]


def _finished(made: Frame, having: Sequence[Condition], order: Sequence[str], limit: int) -> Frame:
    """Return a result with conditions on it, in another order, cut."""
    if not (having or order or limit):
        return made
    numbered = made.numbered().filtered(rules(made, having))
    ordered = _ordered(numbered, order)
    notes = [f"{len(ordered):,} rows, the first {limit:,} are kept."] if 0 < limit < len(ordered) else []
    kept = ordered[: limit or None]
    formulas = [made.formulas[n] for n, _ in kept] if made.formulas else []
    return made.made(made.columns, [values for _, values in kept], notes=notes, formulas=formulas)


def pivot(
    frame: Frame,
    rows: list[By | str],
    columns: By | str | list[By | str],
    function: Function = "sum",
    column: str = "",
    where: list[Condition] | None = None,
    totals: bool = True,
) -> Frame:
    """Cross rows with the values of a column: one figure (function of column) for each pair, with totals."""
    frame = frame.filtered(rules(frame, where or []))
    wanted = [figure(Figure(function=function if column else "count", column=column))]
    down, across = keys_of(frame, rows), keys_of(frame, columns if isinstance(columns, list) else [columns])
    table = _Table(frame, down, across, wanted)
    out = LeftOut(frame, wanted)
    count = each_row(frame, out, table.add)
    heads = table.heads()
    lines = [table.line(key, heads, totals=totals) for key in table.down.ordered()]
    if totals:
        lines.append(table.line(None, heads, totals=True))
    names = [" / ".join(str(_head(n)) for n in table.across.names(h)) for h in heads] + (["Total"] if totals else [])
    notes = [*_conditions(frame, count), *out.notes(), *undated([*down, *across])]
    titles = _titles([k.by.title for k in down] + names)
    return frame.made(titles, [r for r, _ in lines], notes=notes, formulas=[f for _, f in lines])


def _head(value: Scalar) -> object:
    return "(blank)" if value is None else value


class _Table:
    """A pivot under way: groups of pairs, of rows, of columns, and of all."""

    def __init__(self, frame: Frame, down: list[Key], across: list[Key], wanted: list[Figure]) -> None:
        self.frame, self._wanted = frame, wanted
        self._keys = [*down, *across]
        self._rows = len(down)
        self.pairs = Groups(frame, self._keys, wanted)
        self.down, self.across = Groups(frame, down, wanted), Groups(frame, across, wanted)
        self.whole = Groups(frame, [], wanted)

    def add(self, values: Sequence[Scalar]) -> None:
        """Count a row."""
        key = tuple([k.of(values[k.index]) for k in self._keys])
        self.pairs.add(key, values)
        self.down.add(key[: self._rows], values)
        self.across.add(key[self._rows :], values)
        self.whole.add((), values)

    def heads(self) -> list[tuple[Hashable, ...]]:
        """Return the values that become columns; raises ToolInputError for too many."""
        found = self.across.ordered()
        if len(found) > _MOST_COLUMNS:
            name = self.across.keys[0].by.column
            hint = "Swap rows and columns, or put dates together with every."
            raise ToolInputError(f"{name!r} has {len(found)} values: too many columns.", hint=hint, code="too_many")
        return found

    def line(
        self, key: tuple[Hashable, ...] | None, heads: Sequence[tuple[Hashable, ...]], *, totals: bool
    ) -> tuple[list[Scalar], list[str]]:
        """Return a row of the pivot and its formulas; the row of totals for None."""
        names: list[Scalar] = self.down.names(key) if key is not None else ["Total", *[None] * (self._rows - 1)]
        values: list[Scalar] = [*names]
        formulas = [""] * self._rows
        for head in heads:
            groups, place = (self.pairs, (*key, *head)) if key is not None else (self.across, head)
            self._put(groups, place, values, formulas)
        if totals:
            self._put(*((self.down, key) if key is not None else (self.whole, ())), values, formulas)
        return values, formulas

    def _put(self, groups: Groups, key: tuple[Hashable, ...], values: list[Scalar], formulas: list[str]) -> None:
        known = key in groups.found
        values.append(groups.results(key, self._wanted)[0] if known else None)
        formulas += _formulas(self.frame, groups, key, self._wanted)
