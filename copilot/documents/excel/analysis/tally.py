"""Figures over values that come one after the other: exact in decimals, in as little memory as the function needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from copilot.documents.excel.analysis.figures import moment
from copilot.documents.excel.values import Scalar
from copilot.errors import ToolInputError

Function: TypeAlias = Literal[
    "sum", "average", "count", "min", "max", "median", "count_distinct", "stdev", "variance", "first", "last", "blanks"
]
#: Functions that take any filled cell, not only numbers.
ANY_VALUE = ("count", "count_distinct", "first", "last", "blanks")
_NEEDS_NUMBERS = ("median",)

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Figure(BaseModel):
    """A figure: a function over a column (none for "count": rows), and the name of its column in the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: Function
    column: str = ""
    name: str = ""

    @property
    def title(self) -> str:
        """The name of its column in the result."""
        return self.name or (f"{self.function.replace('_', ' ')} of {self.column}" if self.column else "rows")


def figure(given: Figure | str) -> Figure:
    """Return a figure that may be given in words: "sum Amount", "count"; raises ToolInputError."""
    if isinstance(given, Figure):
        found = given
    else:
        function, _, column = given.strip().partition(" ")
        known = Function.__args__  # type: ignore[attr-defined]
        if function.lower() not in known:
            raise ToolInputError.unknown("function", function, known)
        found = Figure(function=function.lower(), column=column.strip().removeprefix("of "))  # type: ignore[arg-type]
    if not found.column and found.function != "count":
        raise ToolInputError(f"{found.function} needs a column.", hint='Such as "sum Amount".', code="column")
    return found


def exact(value: float) -> Decimal:
    """Return a number as the decimal that it is written as."""
    return Decimal(value) if isinstance(value, int) else Decimal(repr(float(value)))


def plain(value: Decimal) -> int | float:
    """Return a decimal as a cell holds it."""
    return int(value) if value == value.to_integral_value() and abs(value) < 10**15 else float(value)


class Tally:
    """What is known of the values that were added; `functions` are the ones that it will be asked for."""

    __slots__ = (
        "blank",
        "days",
        "distinct",
        "exact",
        "filled",
        "first",
        "high",
        "last",
        "low",
        "numbers",
        "odd",
        "squares",
        "values",
        "whole",
    )  # fmt: skip

    def __init__(self, functions: Iterable[str] = ()) -> None:
        wanted = set(functions)
        self.filled = self.blank = self.numbers = self.odd = self.whole = 0
        self.exact = Decimal(0)
        self.squares: Decimal | None = Decimal(0) if wanted & {"stdev", "variance"} else None
        self.values: list[float] | None = [] if wanted & {"median"} else None
        self.distinct: set[Any] | None = set() if "count_distinct" in wanted else None
        self.low: Any = None
        self.high: Any = None
        self.days: tuple[Any, Any] | None = None
        self.first: Scalar = None
        self.last: Scalar = None

    def add(self, value: Scalar) -> None:
        """Count one value."""
        if value is None or value == "":
            self.blank += 1
            return
        if not self.filled:
            self.first = value
        self.last = value
        self.filled += 1
        if self.distinct is not None:
            self.distinct.add(value.strip().casefold() if isinstance(value, str) else value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._number(value)
        elif isinstance(value, date):
            self._day(value)
        else:
            self.odd += 1

    def _number(self, value: float) -> None:
        self.numbers += 1
        if type(value) is int:
            self.whole += value
        else:
            self.exact = _EXACT.add(self.exact, Decimal(repr(float(value))))
        if self.low is None or value < self.low:
            self.low = value
        if self.high is None or value > self.high:
            self.high = value
        if self.squares is not None:
            self.squares = _EXACT.add(self.squares, _EXACT.power(exact(value), 2))
        if self.values is not None:
            self.values.append(value)

    def _day(self, value: date) -> None:
        self.odd += 1
        if self.days is None:
            self.days = value, value
        low, high = self.days
        at = moment(value)
        self.days = (value if at < moment(low) else low), (value if at > moment(high) else high)

    @property
    def total(self) -> Decimal:
        """The exact sum."""
        return _EXACT.add(self.exact, Decimal(self.whole))

    def result(self, function: str) -> Scalar:
        """Return a figure, None where there is no value that it could use."""
        return _RESULTS[function](self)


def _extreme(tally: Tally, at: int) -> Scalar:
    if tally.numbers:
        return (tally.low, tally.high)[at]  # type: ignore[no-any-return]
    return tally.days[at] if tally.days else None


def _average(tally: Tally) -> Scalar:
    return plain(_EXACT.divide(tally.total, Decimal(tally.numbers))) if tally.numbers else None


def _variance(tally: Tally) -> Decimal | None:
    if tally.numbers < 2 or tally.squares is None:
        return None
    mean = _EXACT.divide(_EXACT.power(tally.total, 2), Decimal(tally.numbers))
    return _EXACT.divide(_EXACT.subtract(tally.squares, mean), Decimal(tally.numbers - 1))


def _spread(tally: Tally, *, root: bool) -> Scalar:
    found = _variance(tally)
    return None if found is None else plain(_EXACT.sqrt(max(found, Decimal(0))) if root else found)


_RESULTS: dict[str, Callable[[Tally], Scalar]] = {
    "sum": lambda t: plain(t.total),
    "average": _average,
    "count": lambda t: t.filled,
    "min": lambda t: _extreme(t, 0),
    "max": lambda t: _extreme(t, 1),
    "median": lambda t: quantile(sorted(t.values or []), 0.5),
    "count_distinct": lambda t: len(t.distinct or ()),
    "stdev": lambda t: _spread(t, root=True),
    "variance": lambda t: _spread(t, root=False),
    "first": lambda t: t.first,
    "last": lambda t: t.last,
    "blanks": lambda t: t.blank,
}


def quantile(ordered: Sequence[float], at: float) -> int | float | None:
    """Return a quantile of sorted numbers as PERCENTILE.INC does: between two values in proportion; None for none."""
    if not ordered:
        return None
    position = exact(at) * (len(ordered) - 1)
    below = int(position)
    low = exact(ordered[below])
    high = exact(ordered[min(below + 1, len(ordered) - 1)])
    return plain(_EXACT.add(low, _EXACT.multiply(_EXACT.subtract(high, low), position - below)))
