"""One period against the one before and against the same a year ago; running totals and moving averages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel.analysis.conditions import Condition, Rule, rules
from copilot.documents.excel.analysis.formulas import figure_formula
from copilot.documents.excel.analysis.frame import Frame
from copilot.documents.excel.analysis.groups import (
    NO_DATE,
    By,
    Groups,
    LeftOut,
    each_row,
    keys_of,
    next_start,
    period_name,
    undated,
)
from copilot.documents.excel.analysis.tally import Figure, Function, Tally, exact, figure, plain
from copilot.documents.excel.values import Percent, Scalar, show
from copilot.errors import ToolInputError

_MOST = 20_000


def periods(
    frame: Frame,
    date: str,
    column: str = "",
    every: Literal["day", "week", "month", "quarter", "year"] = "month",
    function: Function = "sum",
    by: str = "",
    where: list[Condition] | None = None,
    average: Annotated[int, Field(ge=0, le=366)] = 0,
    last: Annotated[int, Field(ge=0)] = 0,
) -> Frame:
    """Compute a figure per period: change to the period before and to a year ago (absolute and in %), running total.

    `by` keeps groups apart, `average` adds a moving average over so many periods, `last` keeps the latest ones.
    Periods without rows are in it: as 0 for sums and counts, blank for others.
    """
    frame = frame.filtered(rules(frame, where or []))
    wanted = [figure(Figure(function=function if column else "count", column=column))]
    keys = keys_of(frame, [*([by] if by else []), By(column=date, every=every)])
    groups, out = Groups(frame, keys, wanted), LeftOut(frame, wanted)
    days = Tally()

    def use(values: Sequence[Scalar]) -> None:
        days.add(values[keys[-1].index])
        groups.add(tuple([k.of(values[k.index]) for k in keys]), values)

    count = each_row(frame, out, use)
    found = {key: groups.results(key, wanted)[0] for key in groups.ordered() if key[-1] != NO_DATE}
    starts = _without_gaps(sorted({start for *_, start in found if isinstance(start, Date)}), every)
    if not starts:
        raise ToolInputError(f"The column {date!r} holds no dates.", code="column")
    empty: Scalar = 0 if wanted[0].function in ("sum", "count") else None
    rows: list[list[Scalar]] = []
    formulas: list[list[str]] = []
    for name in dict.fromkeys(key[:-1] for key in found):
        series = [found.get((*name, start), empty) for start in starts]
        head = [keys[0].shown[name[0]]] if by else []
        lines = _lines(series, starts, every, average)
        for start, values in list(zip(starts, lines, strict=True))[-last:]:
            own = groups.rules((*name, start)) if (*name, start) in groups.found else None
            text = _formula(frame, wanted[0], groups.columns[0], own)
            rows.append([*head, period_name(start, every), *values])
            formulas.append([*[""] * len(head), "", text, *[""] * (len(values) - 1)])
    titles = [*([by] if by else []), every.capitalize(), wanted[0].title, *_TITLES]
    notes = [f"{count:,} rows.", _span(days, every), *out.notes(), *undated(keys)]
    return frame.made([*titles, *([f"Average of {average}"] if average else [])], rows, notes=notes, formulas=formulas)


_TITLES = ("Before", "Change", "Change %", "Year ago", "Change to year ago", "Change to year ago %", "Running total")


def _formula(frame: Frame, wanted: Figure, index: int, own: list[Rule] | None) -> str:
    if own is None:
        return ""
    return figure_formula(frame, wanted.function, index if index >= 0 else None, [*frame.rules, *own])


def _without_gaps(starts: Sequence[Date], every: str) -> list[Date]:
    made: list[Date] = []
    for start in starts:
        while made and (following := next_start(made[-1], every)) < start:
            if len(made) >= _MOST:
                hint = "Choose longer periods, or leave out the dates that are far off."
                raise ToolInputError(
                    f"From {made[0]} to {starts[-1]} are too many periods.", hint=hint, code="too_many"
                )
            made.append(following)
        made.append(start)
    return made


def _lines(series: Sequence[Scalar], starts: Sequence[Date], every: str, average: int) -> Iterator[list[Scalar]]:
    place = {start: i for i, start in enumerate(starts)}
    running = Decimal(0)
    for index, (value, start) in enumerate(zip(series, starts, strict=True)):
        number = _exact(value)
        running += number or 0
        before = series[index - 1] if index else None
        ago = place.get(_year_ago(start, every))
        year = series[ago] if ago is not None else None
        line = [value, before, *_change(value, before), year, *_change(value, year), plain(running)]
        yield [*line, _moving(series, index, average)] if average else line


def _year_ago(start: Date, every: str) -> Date:
    if every in ("day", "week"):
        return next_start(start, "week", -52) if every == "week" else _day_before(start)
    return next_start(start, "month", -12) if start.year > 2 else start


def _day_before(start: Date) -> Date:
    try:
        return start.replace(year=start.year - 1)
    except ValueError:  # the 29th of February, or the first year there is
        return start


def _exact(value: Scalar) -> Decimal | None:
    return exact(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _change(value: Scalar, before: Scalar) -> tuple[Scalar, Scalar]:
    """Return the difference and its share of the value before; None where there is none (before is 0 or blank)."""
    new, old = _exact(value), _exact(before)
    if new is None or old is None:
        return None, None
    return plain(new - old), Percent(round(float((new - old) / abs(old)), 12)) if old else None


def _moving(series: Sequence[Scalar], index: int, count: int) -> Scalar:
    if index + 1 < count:
        return None
    numbers = [n for v in series[index + 1 - count : index + 1] if (n := _exact(v)) is not None]
    return plain(sum(numbers, Decimal(0)) / len(numbers)) if numbers else None


def _span(days: Tally, every: str) -> str:
    first, last = (show(day)[:10] for day in days.days or ("", ""))
    return f"The dates go from {first} to {last}: the first and the last {every} may not be whole."
