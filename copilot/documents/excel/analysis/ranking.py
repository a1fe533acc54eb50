"""Rows and groups by their size: the top ones, ranks, and who makes up most of a total."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from copilot.documents.excel.analysis.conditions import Condition, rules
from copilot.documents.excel.analysis.figures import is_number, moment
from copilot.documents.excel.analysis.frame import Frame, Row
from copilot.documents.excel.analysis.groups import By, Groups, Key, LeftOut, each_row, keys_of
from copilot.documents.excel.analysis.tally import Figure, exact, figure, plain
from copilot.documents.excel.values import Percent, Scalar, show
from copilot.errors import ToolInputError


def _ranked(
    frame: Frame, index: int, keys: Sequence[Key], *, most: int = 0, descending: bool = True
) -> dict[tuple[Hashable, ...], list[Row]]:
    """Return the rows that hold a number or a date in a column, by group; `most` keeps about so many of the first."""
    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    for row in frame.rows():
        if is_number(row[1][index]) or isinstance(row[1][index], date):
            members = groups.setdefault(tuple([k.of(row[1][k.index]) for k in keys]), [])
            members.append(row)
            if most and len(members) >= 2 * most + 10_000:
                members[:] = _with_ties(_sorted(members, index, descending=descending), index, most)
    if not groups:
        raise ToolInputError(
            f"The column {frame.columns[index]!r} holds no numbers or dates to rank by.", code="column"
        )
    return groups


def _with_ties(ordered: list[Row], index: int, most: int) -> list[Row]:
    last = ordered[min(most, len(ordered)) - 1][1][index]
    return ordered[:most] + [row for row in ordered[most:] if row[1][index] == last]


def _size(value: Scalar) -> Any:
    return exact(value) if isinstance(value, (int, float)) else moment(value)


def _sorted(rows: list[Row], index: int, *, descending: bool) -> list[Row]:
    kinds = {is_number(row[1][index]) for row in rows}
    kept = rows if len(kinds) == 1 else [row for row in rows if is_number(row[1][index])]
    return sorted(kept, key=lambda row: _size(row[1][index]), reverse=descending)


def top(
    frame: Frame,
    column: str,
    count: Annotated[int, Field(ge=1, le=100_000)] = 10,
    lowest: bool = False,
    by: list[By | str] | None = None,
    where: list[Condition] | None = None,
) -> Frame:
    """Return the rows with the highest (or lowest) values of a column, so many for each group of `by`.

    Rows that tie with the last one are counted in the notes.
    """
    frame = frame.filtered(rules(frame, where or []))
    index, keys = frame.column(column), keys_of(frame, by or [])
    groups = _ranked(frame, index, keys, most=count, descending=not lowest)
    rows, notes, formulas = [], [], []
    for members in groups.values():
        ordered = _sorted(members, index, descending=not lowest)
        rows += [values for _, values in ordered[:count]]
        formulas += [
            _nth(frame, index, n, lowest=lowest) if not keys else "" for n in range(1, len(ordered[:count]) + 1)
        ]
        notes += _ties(frame, ordered, index, count)
    grid = [[text if i == index else "" for i in range(len(frame.columns))] for text in formulas]
    return frame.made(frame.columns, rows, notes=notes, formulas=grid)


def _nth(frame: Frame, index: int, number: int, *, lowest: bool) -> str:
    if frame.origin is None or frame.rules or frame.origin.broken or not frame.origin.here:
        return ""
    return f"={'SMALL' if lowest else 'LARGE'}({frame.origin.place(index)},{number})"


def _ties(frame: Frame, ordered: Sequence[Row], index: int, count: int) -> list[str]:
    if len(ordered) <= count:
        return []
    last = ordered[count - 1][1][index]
    tied = [row for row in ordered[count:] if row[1][index] == last]
    places = ", ".join(str(number) for number, _ in tied[:5])
    more = "s tie" if len(tied) > 1 else " ties"
    return [f"{len(tied)} more row{more} with the last one ({show(last)}): row {places}."] if tied else []


def rank(
    frame: Frame,
    column: str,
    lowest_first: bool = False,
    by: list[By | str] | None = None,
    where: list[Condition] | None = None,
) -> Frame:
    """Add the rank of each row by a column, within its group of `by`; equal values share a rank (RANK.EQ).

    The rows come in the order of their ranks, group by group.
    """
    frame = frame.filtered(rules(frame, where or []))
    index, keys = frame.column(column), keys_of(frame, by or [])
    rows, formulas = [], []
    plain_ranks = not keys and not frame.rules and frame.origin and not frame.origin.broken and frame.origin.here
    for members in _ranked(frame, index, keys).values():
        place, before = 0, None
        for number, row in enumerate(_sorted(members, index, descending=not lowest_first), 1):
            value = _size(row[1][index])
            place, before = (place, before) if value == before else (number, value)
            rows.append([*row[1], place])
            cell = frame.where(row[0], index).rpartition("!")[2]
            text = (
                f"=RANK.EQ({cell},{frame.origin.place(index)},{int(lowest_first)})"
                if plain_ranks and frame.origin
                else ""
            )
            formulas.append([*[""] * len(frame.columns), text])
    return frame.made([*frame.columns, "Rank"], rows, formulas=formulas)


def pareto(
    frame: Frame,
    by: By | str,
    column: str = "",
    function: Literal["sum", "count"] = "sum",
    a: Annotated[float, Field(gt=0, lt=100)] = 80,
    b: Annotated[float, Field(gt=0, le=100)] = 95,
    where: list[Condition] | None = None,
) -> Frame:
    """Return groups by size with their shares and class: A up to `a` % of the total, B up to `b` %, else C."""
    frame = frame.filtered(rules(frame, where or []))
    wanted = [figure(Figure(function=function if column else "count", column=column))]
    keys = keys_of(frame, [by])
    groups, out = Groups(frame, keys, wanted), LeftOut(frame, wanted)
    each_row(frame, out, lambda values: groups.add((keys[0].of(values[keys[0].index]),), values))
    sizes = {key: exact(v) for key in groups.ordered() if isinstance(v := groups.results(key, wanted)[0], (int, float))}
    total = sum(sizes.values(), Decimal(0))
    if total <= 0:
        raise ToolInputError(f"The {wanted[0].title} is {plain(total)}: there are no shares of that.", code="column")
    rows: list[list[Scalar]] = []
    running = Decimal(0)
    for key in sorted(sizes, key=lambda k: -sizes[k]):
        before = running / total * 100
        running += sizes[key]
        kind = "A" if before < exact(a) else "B" if before < exact(b) else "C"
        rows.append([*groups.names(key), plain(sizes[key]), _share(sizes[key] / total), _share(running / total), kind])
    negative = sum(size < 0 for size in sizes.values())
    notes = [*out.notes(), *([f"{negative} groups are negative: the shares go over 100 %."] if negative else [])]
    return frame.made([keys[0].by.title, wanted[0].title, "Share", "Cumulative share", "Class"], rows, notes=notes)


def _share(value: Decimal) -> Percent:
    return Percent(round(float(value), 12))


def cumulate(frame: Frame, column: str, order: str = "", by: list[By | str] | None = None) -> Frame:
    """Add the running total of a column, row by row (in the order of the column `order`), within groups of `by`."""
    index, keys = frame.column(column), keys_of(frame, by or [])
    found = list(frame.rows())
    if order:
        at = frame.column(order)
        from copilot.documents.excel.analysis.figures import rank as sort_key

        found.sort(key=lambda row: sort_key(row[1][at]) or (9, 0))
    running: dict[tuple[Hashable, ...], Decimal] = {}
    rows = []
    out = LeftOut(frame, [Figure(function="sum", column=frame.columns[index])])
    for row in found:
        out.look(row)
        values = row[1]
        key = tuple(k.of(values[k.index]) for k in keys)
        value = values[index]
        number = exact(value) if isinstance(value, (int, float)) and is_number(value) else Decimal(0)
        running[key] = running.get(key, Decimal(0)) + number
        rows.append([*values, plain(running[key])])
    return frame.made([*frame.columns, f"Running {frame.columns[index]}"], rows, notes=out.notes())
