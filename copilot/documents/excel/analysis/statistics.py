"""How the values of a column are spread: quantiles, histograms, outliers."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Hashable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel.analysis.conditions import Condition, rules
from copilot.documents.excel.analysis.figures import is_number
from copilot.documents.excel.analysis.frame import Frame
from copilot.documents.excel.analysis.groups import By, Key, LeftOut, keys_of
from copilot.documents.excel.analysis.tally import Figure, Tally, exact, plain, quantile
from copilot.documents.excel.values import Scalar, show
from copilot.errors import ToolInputError

_MAD = 0.6745  # makes the median's deviation comparable to a standard deviation (Iglewicz and Hoaglin)


def _numbers(
    frame: Frame, index: int, keys: Sequence[Key] = ()
) -> tuple[dict[tuple[Hashable, ...], list[float]], list[str]]:
    """Return the sorted numbers of a column, by group, and in words what was left out."""
    out = LeftOut(frame, [Figure(function="sum", column=frame.columns[index])])
    groups: dict[tuple[Hashable, ...], list[float]] = {}
    for row in frame.rows():
        out.look(row)
        value = row[1][index]
        if isinstance(value, (int, float)) and is_number(value):
            groups.setdefault(tuple([k.of(row[1][k.index]) for k in keys]), []).append(value)
    if not groups:
        raise ToolInputError(f"The column {frame.columns[index]!r} holds no numbers.", code="column")
    return {group: sorted(values) for group, values in groups.items()}, out.notes()


def _names(keys: Sequence[Key], group: tuple[Hashable, ...]) -> list[Scalar]:
    return [k.shown[v] for k, v in zip(keys, group, strict=True)]


def _plain_place(frame: Frame, index: int, keys: Sequence[Key]) -> str:
    """Return a column as a formula names it, "" where a formula would count other rows."""
    origin = frame.origin
    return "" if keys or frame.rules or origin is None or origin.broken or not origin.here else origin.place(index)


def quantiles(
    frame: Frame,
    column: str,
    at: list[Annotated[float, Field(ge=0, le=1)]] | None = None,
    by: list[By | str] | None = None,
    where: list[Condition] | None = None,
) -> Frame:
    """Return quantiles of a column (0, 0.25, 0.5, 0.75, 1 unless `at` says others), as PERCENTILE.INC computes them."""
    frame = frame.filtered(rules(frame, where or []))
    index, keys = frame.column(column), keys_of(frame, by or [])
    wanted = at or [0, 0.25, 0.5, 0.75, 1]
    groups, notes = _numbers(frame, index, keys)
    place = _plain_place(frame, index, keys)
    rows, formulas = [], []
    for group, ordered in groups.items():
        rows.append([*_names(keys, group), len(ordered), *(quantile(ordered, q) for q in wanted)])
        texts = [f"=PERCENTILE.INC({place},{show(q)})" if place else "" for q in wanted]
        formulas.append([*[""] * len(keys), f"=COUNT({place})" if place else "", *texts])
    return frame.made(
        [*(k.by.title for k in keys), "count", *(f"{show(q)}" for q in wanted)], rows, notes=notes, formulas=formulas
    )


def outliers(
    frame: Frame,
    column: str,
    method: Literal["iqr", "zscore", "mad"] = "iqr",
    limit: Annotated[float, Field(ge=0)] = 0,
    by: list[By | str] | None = None,
    where: list[Condition] | None = None,
) -> Frame:
    """Return the rows whose value lies far from the others, with their score; the notes name method and limits.

    "iqr": more than 1.5 quartile distances outside the quartiles (QUARTILE.INC); "zscore": 3 standard deviations
    (STDEV.S) from the mean; "mad": 3.5 from the median. `limit` sets another number.
    """
    frame = frame.filtered(rules(frame, where or []))
    index, keys = frame.column(column), keys_of(frame, by or [])
    groups, notes = _numbers(frame, index, keys)
    factor = limit or {"iqr": 1.5, "zscore": 3, "mad": 3.5}[method]
    limits = {group: _METHODS[method](ordered, factor) for group, ordered in groups.items()}
    for group, (low, high, _) in limits.items():
        name = " / ".join(show(n) for n in _names(keys, group))
        span = f"outside {_short(low)} to {_short(high)}"
        notes.append(f"{name + ': ' if name else ''}{method}, factor {show(factor)}: {span}.")
    rows: list[list[Scalar]] = []
    for number, values in frame.rows():
        value = values[index]
        if isinstance(value, (int, float)) and is_number(value):
            low, high, score = limits[tuple([k.of(values[k.index]) for k in keys])]
            if not low <= exact(value) <= high:
                rows.append([number or None, *values, round(float(score(value)), 4)])
    found = [*notes, f"{len(rows)} of {sum(map(len, groups.values())):,} values are outliers."]
    return frame.made(["Row", *frame.columns, "Score"], rows, notes=found)


def _short(value: Decimal) -> str:
    return show(float(f"{value:.10g}"))


Limits = tuple[Decimal, Decimal, Callable[[float], Decimal]]


def _iqr(ordered: Sequence[float], factor: float) -> Limits:
    low, high = exact(quantile(ordered, 0.25) or 0), exact(quantile(ordered, 0.75) or 0)
    distance = high - low
    reach = exact(factor) * distance

    def score(value: float) -> Decimal:
        beyond = max(low - exact(value), exact(value) - high)
        return beyond / distance if distance else Decimal(0)

    return low - reach, high + reach, score


def _zscore(ordered: Sequence[float], factor: float) -> Limits:
    tally = Tally(["stdev"])
    for value in ordered:
        tally.add(value)
    mean, spread = (tally.result(f) for f in ("average", "stdev"))
    return _around(exact(mean), exact(spread or 0), factor)  # type: ignore[arg-type]


def _mad(ordered: Sequence[float], factor: float) -> Limits:
    middle = exact(quantile(ordered, 0.5) or 0)
    distances = sorted(float(abs(exact(v) - middle)) for v in ordered)
    return _around(middle, exact(quantile(distances, 0.5) or 0) / exact(_MAD), factor)


def _around(middle: Decimal, spread: Decimal, factor: float) -> Limits:
    reach = exact(factor) * spread
    return middle - reach, middle + reach, lambda value: (exact(value) - middle) / spread if spread else Decimal(0)


_METHODS: dict[str, Callable[[Sequence[float], float], Limits]] = {"iqr": _iqr, "zscore": _zscore, "mad": _mad}


def histogram(
    frame: Frame,
    column: str,
    bins: Annotated[int, Field(ge=1, le=1000)] | list[float] = 10,
    where: list[Condition] | None = None,
) -> Frame:
    """Count the values of a column in bins: about so many of a round width, or between the borders that are given.

    A bin holds its lower border, not its upper one; the last one holds both.
    """
    frame = frame.filtered(rules(frame, where or []))
    index = frame.column(column)
    groups, notes = _numbers(frame, index)
    ordered = groups[()]
    edges = sorted(exact(b) for b in bins) if isinstance(bins, list) else _round_edges(ordered, bins)
    if len(set(edges)) < 2:
        raise ToolInputError("Bins need at least two different borders.", code="arguments")
    counts = [0] * (len(edges) - 1)
    outside = 0
    for value in ordered:
        at = bisect.bisect_right(edges, exact(value)) - 1
        at = at - 1 if exact(value) == edges[-1] else at
        if 0 <= at < len(counts):
            counts[at] += 1
        else:
            outside += 1
    place = _plain_place(frame, index, ())
    rows, formulas = [], []
    for at, count in enumerate(counts):
        low, high = plain(edges[at]), plain(edges[at + 1])
        last = at == len(counts) - 1
        rows.append([low, high, count])
        text = f'=COUNTIFS({place},">={show(low)}",{place},"<{"=" if last else ""}{show(high)}")' if place else ""
        formulas.append(["", "", text])
    if outside:
        notes.append(f"{outside:,} values lie outside of the bins.")
    return frame.made(["From", "To", "count"], rows, notes=notes, formulas=formulas)


def _round_edges(ordered: Sequence[float], bins: int) -> list[Decimal]:
    """Return borders at round numbers that hold all values, for about so many bins."""
    low, high = exact(ordered[0]), exact(ordered[-1])
    if low == high:
        return [low, low + 1]
    raw = (high - low) / bins
    power = Decimal(1).scaleb(raw.adjusted())
    step = next(step for m in (1, 2, 5, 10) if (step := m * power) >= raw)
    start = (low / step).to_integral_value(ROUND_FLOOR) * step
    count = int(((high - start) / step).to_integral_value(ROUND_CEILING))
    return [start + step * n for n in range(max(count, 1) + 1)]
