"""Rows in groups: by the values of columns, or by the days, months, quarters or years of dates."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from copilot.documents.excel.analysis.conditions import Rule
from copilot.documents.excel.analysis.figures import rank
from copilot.documents.excel.analysis.frame import Frame, Row
from copilot.documents.excel.analysis.tally import ANY_VALUE, Figure, Tally
from copilot.documents.excel.values import Scalar, show
from copilot.errors import ToolInputError

Every: TypeAlias = Literal["day", "week", "month", "quarter", "year", "weekday"]
MOST_GROUPS = 100_000
NO_DATE = "(no date)"


class By(BaseModel):
    """A column to group by; `every` puts dates together: those of a month, a quarter ... (weeks begin on Monday)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    every: Every | None = None

    @property
    def title(self) -> str:
        """The name of its column in the result."""
        return f"{self.column} ({self.every})" if self.every else self.column


def by(given: Iterable[By | str]) -> list[By]:
    """Return what to group by, plain names as such."""
    return [each if isinstance(each, By) else By(column=each) for each in given]


# --- periods ----------------------------------------------------------------------------------------------------


def start_of(day: date, every: str) -> date:
    """Return the first day of the day's week, month, quarter or year."""
    plain = date(day.year, day.month, day.day)
    if every == "week":
        return plain - timedelta(days=plain.weekday())
    if every == "month":
        return plain.replace(day=1)
    if every == "quarter":
        return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return date(day.year, 1, 1) if every == "year" else plain


def next_start(start: date, every: str, count: int = 1) -> date:
    """Return the first day of the period so many later (earlier, where negative); raises OverflowError past 9999."""
    if every in ("day", "week"):
        return start + timedelta(days=count * (7 if every == "week" else 1))
    months = start.year * 12 + start.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[every]
    if not 12 <= months < 120_000:
        raise OverflowError("no such date")
    return date(months // 12, months % 12 + 1, 1)


def period_name(start: date, every: str) -> Scalar:
    """Return a period as a result shows it: 2026 (year), "2026-Q1", "2026-03", "2026-W05" or the day itself."""
    if every == "year":
        return start.year
    if every == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    if every == "month":
        return f"{start.year}-{start.month:02}"
    if every == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02}"
    return start


# --- keys -------------------------------------------------------------------------------------------------------


@dataclass
class Key:
    """One column that rows are grouped by. `shown` are the names of its values, `odd` those written in several ways."""

    by: By
    index: int
    shown: dict[Hashable, Scalar] = field(default_factory=dict)
    order: dict[Hashable, Any] = field(default_factory=dict)
    odd: set[Hashable] = field(default_factory=set)
    undated: int = 0

    def of(self, value: Scalar) -> Hashable:
        """Return what the values of one group have in common."""
        if self.by.every:
            return self._period(value, self.by.every)
        if isinstance(value, str):
            bare = value.strip()
            key: Hashable = bare.casefold() if type(value) is str else value
            if bare != value:
                self.odd.add(key)
        else:
            key = (type(value).__name__, value) if isinstance(value, bool) else value
            bare = value  # type: ignore[assignment]
        if key not in self.shown:
            self.shown[key], self.order[key] = bare, rank(bare) or (9, 0)
        return key

    def _period(self, value: Scalar, every: str) -> Hashable:
        if not isinstance(value, date):
            self.undated += 1
            self.shown[NO_DATE], self.order[NO_DATE] = NO_DATE, (9, 0)
            return NO_DATE
        if every == "weekday":
            number = value.weekday()
            self.shown[number], self.order[number] = f"{value:%A}", (0, number)
            return number
        start = start_of(value, every)
        if start not in self.shown:
            self.shown[start], self.order[start] = period_name(start, every), (1, start)
        return start

    def rule(self, key: Hashable) -> Rule | None:
        """Return the group as a rule, from which a formula is made; None where none says the same."""
        if key in self.odd or key is None or key == NO_DATE or self.by.every == "weekday":
            return None
        if self.by.every and isinstance(key, date):
            try:
                return Rule("from", self.index, (key, next_start(key, self.by.every)))
            except (OverflowError, ValueError):
                return None
        value = self.shown[key]
        return Rule("=", self.index, (value,)) if not isinstance(value, (bool, datetime)) else None


@dataclass
class Group:
    """The rows of one group: how many, and a tally for each column that is asked for."""

    tallies: dict[int, Tally]
    rows: int = 0


class Groups:
    """Rows put together by keys; without keys all are one group."""

    def __init__(self, frame: Frame, keys: Sequence[Key], figures: Sequence[Figure]) -> None:
        self.keys = keys
        self.found: dict[tuple[Hashable, ...], Group] = {}
        self._needs: dict[int, set[str]] = {}
        self.columns = [frame.column(f.column) if f.column else -1 for f in figures]
        for index, each in zip(self.columns, figures, strict=True):
            if index >= 0:
                self._needs.setdefault(index, set()).add(each.function)

    def add(self, key: tuple[Hashable, ...], values: Sequence[Scalar]) -> None:
        """Count a row in its group."""
        group = self.found.get(key)
        if group is None:
            if len(self.found) >= MOST_GROUPS:
                raise ToolInputError(
                    f"There are more than {MOST_GROUPS:,} groups.",
                    hint="Group by a column with fewer values.",
                    code="too_many",
                )
            group = self.start(key)
        group.rows += 1
        for index, tally in group.tallies.items():
            tally.add(values[index])

    def start(self, key: tuple[Hashable, ...]) -> Group:
        """Return a new group without rows."""
        self.found[key] = Group({i: Tally(f) for i, f in self._needs.items()})
        return self.found[key]

    def ordered(self) -> list[tuple[Hashable, ...]]:
        """Return the groups in the order of their values: numbers, dates, texts; blanks last."""
        return sorted(self.found, key=lambda key: tuple(k.order[v] for k, v in zip(self.keys, key, strict=True)))

    def names(self, key: tuple[Hashable, ...]) -> list[Scalar]:
        """Return the values that a group stands for."""
        return [k.shown[v] for k, v in zip(self.keys, key, strict=True)]

    def rules(self, key: tuple[Hashable, ...]) -> list[Rule] | None:
        """Return a group as rules, None where they can't say it."""
        made = [k.rule(v) for k, v in zip(self.keys, key, strict=True)]
        return None if None in made else [rule for rule in made if rule is not None]

    def results(self, key: tuple[Hashable, ...], figures: Sequence[Figure]) -> list[Scalar]:
        """Return the figures of a group."""
        group = self.found[key]
        return [
            group.tallies[index].result(each.function) if index >= 0 else group.rows
            for index, each in zip(self.columns, figures, strict=True)
        ]


def keys_of(frame: Frame, given: Iterable[By | str]) -> list[Key]:
    """Return the keys of a grouping; raises ToolInputError for unknown columns."""
    return [Key(each, frame.column(each.column)) for each in by(given)]


class LeftOut:
    """Counts the cells that a figure can't use, with where the first of them lie."""

    def __init__(self, frame: Frame, figures: Sequence[Figure]) -> None:
        self._frame = frame
        wanted = {frame.column(f.column): f for f in figures if f.column and f.function not in ANY_VALUE}
        self._dates = {i for i, f in wanted.items() if f.function in ("min", "max")}
        self._columns = tuple(wanted)
        self._found: dict[int, list[str]] = {}
        self._counts: dict[int, int] = {}

    def look(self, row: Row) -> None:
        """Take note of what a row holds that is no number."""
        number, values = row
        for index in self._columns:
            value = values[index]
            kind = type(value)
            if kind is int or kind is float or value is None or value == "":
                continue
            if index in self._dates and isinstance(value, date):
                continue
            self._counts[index] = self._counts.get(index, 0) + 1
            if self._counts[index] <= 3:
                where = self._frame.where(number, index).rpartition("!")[2]
                self._found.setdefault(index, []).append(f"{where} {show(value)[:30]!r}")

    def notes(self) -> list[str]:
        """Return in words what was left out, column by column."""
        return [
            f"Left out of {self._frame.columns[index]} for holding no number: {count:,} cell{'s' if count > 1 else ''} "
            f"({', '.join(self._found[index])})."
            for index, count in self._counts.items()
        ]


def undated(keys: Iterable[Key]) -> list[str]:
    """Return in words how many cells hold no date where dates are put together."""
    return [
        f"{k.undated:,} row{'s' if k.undated > 1 else ''} without a date in {k.by.column}: the group {NO_DATE}."
        for k in keys
        if k.undated
    ]


def each_row(frame: Frame, out: LeftOut, use: Callable[[Sequence[Scalar]], None]) -> int:
    """Go through the rows once, and return how many there are."""
    count = 0
    for row in frame.rows():
        count += 1
        out.look(row)
        use(row[1])
    return count
