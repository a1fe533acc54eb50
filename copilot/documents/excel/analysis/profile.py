"""A table as a whole: what each column holds, and what looks wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from copilot.documents.excel.analysis.figures import kind_of, moment
from copilot.documents.excel.analysis.frame import Frame, Row
from copilot.documents.excel.analysis.tally import Tally, exact, plain
from copilot.documents.excel.refs import column_letters
from copilot.documents.excel.values import CellError, Scalar, show, typed

_DISTINCT = 200_000  # values that are kept apart; above, "more than" is said
_KEY = re.compile(r"(?i)(?:\A|[\W_])(?:id|key|code|no|nr|number|sku|isbn|iban|email|e-mail)\Z|\Wid\b|Id\Z")
_TITLES = (
    "Column",
    "Letter",
    "Type",
    "Filled",
    "Blank",
    "Distinct",
    "Minimum",
    "Maximum",
    "Mean",
    "Sum",
    "Examples",
    "Suspicious",
)


def profile(frame: Frame, today: str = "", correlations: bool = False) -> Frame:
    """Describe every column: types, blanks, distinct values, figures, examples, and what looks wrong.

    Named with an example: numbers stored as text, spaces around texts, mixed types, errors, a constant column,
    twins in what looks like a key, dates after `today` (an ISO date; without it dates are not judged).
    """
    columns = [_Column(frame, i) for i in range(len(frame.columns))]
    limit = typed(today) if today else None
    seen: dict[tuple[Any, ...], int] = {}
    count = twins = 0
    for row in frame.rows():
        count += 1
        for column in columns:
            column.add(row, limit)
        if len(seen) < _DISTINCT:
            first = seen.setdefault(row[1], row[0])
            twins += first != row[0]
    notes = [f"{count:,} rows, {len(columns)} columns."]
    if twins:
        notes.append(f"{twins:,} rows are the same as an earlier one in every column.")
    keys = [c.name for c in columns if c.unique and count > 1]
    notes.append(f"Could be a key (no blanks, no twins): {', '.join(keys)}." if keys else "No column could be a key.")
    notes += [f"{c.name}: {problem}" for c in columns for problem in c.problems()]
    if correlations:
        notes += _correlations(frame, columns)
    return frame.made(_TITLES, [c.line() for c in columns], notes=notes)


class _Column:
    """What is known of a column after some rows."""

    def __init__(self, frame: Frame, index: int) -> None:
        self._frame, self.index = frame, index
        self.name = frame.columns[index]
        self.tally = Tally()
        self.kinds: dict[str, int] = {}
        self._examples: dict[str, None] = {}
        self._distinct: dict[Any, str] = {}
        self._twin = ""
        self._twins = 0
        self._found: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._kind_at: dict[str, str] = {}

    def add(self, row: Row, limit: Scalar) -> None:
        """Look at a row's value."""
        value = row[1][self.index]
        self.tally.add(value)
        if value is None or value == "":
            return
        kind = kind_of(value)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self._kind_at.setdefault(kind, f"{self._place(row)} {show(value)[:30]!r}")
        if len(self._examples) < 5:
            self._examples.setdefault(show(value)[:60])
        key = value.strip().casefold() if isinstance(value, str) else (kind, value)
        if key in self._distinct:
            self._twins += 1
            self._twin = self._twin or f"{self._place(row)} {show(value)[:30]!r}"
        elif len(self._distinct) < _DISTINCT:
            self._distinct[key] = ""
        for problem in _problems_of(value, limit):
            self._counts[problem] = self._counts.get(problem, 0) + 1
            if self._counts[problem] <= 3:
                self._found.setdefault(problem, []).append(f"{self._place(row)} {show(value)[:30]!r}")

    def _place(self, row: Row) -> str:
        return self._frame.where(row[0], self.index).rpartition("!")[2]

    @property
    def kind(self) -> str:
        """The kind of its values, "mixed" for several, "blank" for none."""
        return "blank" if not self.kinds else next(iter(self.kinds)) if len(self.kinds) == 1 else "mixed"

    @property
    def unique(self) -> bool:
        """Whether its values tell all rows apart."""
        return not self.tally.blank and not self._twins and bool(self.tally.filled) and not self._full

    @property
    def _full(self) -> bool:
        return len(self._distinct) >= _DISTINCT

    def problems(self) -> Iterator[str]:
        """Yield in words what looks wrong."""
        for problem, count in self._counts.items():
            yield f"{count:,} {problem} ({', '.join(self._found[problem])})."
        if len(self.kinds) > 1:
            told = ", ".join(f"{n:,} {kind} (first {self._kind_at[kind]})" for kind, n in sorted(self.kinds.items()))
            yield f"mixed types: {told}."
        if len(self._distinct) == 1 and self.tally.filled > 2:
            yield f"constant: all {self.tally.filled:,} values are {next(iter(self._examples))!r}."
        if self._twins and _KEY.search(self.name):
            yield f"looks like a key, but {self._twins:,} values are there before (first {self._twin})."
        if self.tally.blank and _KEY.search(self.name):
            yield f"looks like a key, but {self.tally.blank:,} are blank."

    def line(self) -> list[Scalar]:
        """Return the row that describes it."""
        numbers = self.tally.numbers
        origin = self._frame.origin
        distinct: Scalar = f"more than {_DISTINCT:,}" if self._full else len(self._distinct)
        mean, total = (self.tally.result(f) if numbers else None for f in ("average", "sum"))
        figures = [self.tally.result("min"), self.tally.result("max"), mean, total]
        letter = column_letters(origin.left + self.index) if origin else ""
        kept: list[Scalar] = [self.name, letter, self.kind, self.tally.filled, self.tally.blank, distinct]
        return [*kept, *figures, ", ".join(self._examples), sum(1 for _ in self.problems())]


def _problems_of(value: Scalar, limit: Scalar) -> Iterator[str]:
    if isinstance(value, CellError):
        yield "errors"
    elif isinstance(value, str):
        if value != value.strip() or "\xa0" in value:
            yield "texts with spaces around them"
        meant = typed(value.strip().replace("\xa0", "")) if len(value) < 40 else value
        if isinstance(meant, (int, float)) and not isinstance(meant, bool):
            yield "numbers stored as text"
        elif isinstance(meant, date):
            yield "dates stored as text"
    elif isinstance(value, date) and isinstance(limit, date) and moment(value) > moment(limit):
        yield f"dates after {show(limit)[:10]}"


def _correlations(frame: Frame, columns: list[_Column]) -> Iterator[str]:
    """Yield the pairs of number columns that go along with each other (PEARSON), from 0.5 on, the closest first."""
    numeric = [c.index for c in columns if c.kind == "number" and len(c.kinds) == 1 and c.tally.filled > 2][:12]
    pairs = [(a, b) for n, a in enumerate(numeric) for b in numeric[n + 1 :]]
    found = sorted(((_pearson(frame, a, b), a, b) for a, b in pairs), key=lambda each: -abs(each[0]))
    for value, a, b in found[:10]:
        if abs(value) >= 0.5:
            yield f"{frame.columns[a]} and {frame.columns[b]} correlate with {value:.3f}."


def _pearson(frame: Frame, a: int, b: int) -> float:
    count, sums = 0, [exact(0)] * 5
    for _, values in frame.rows():
        left, right = values[a], values[b]
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            x, y = exact(left), exact(right)
            count += 1
            sums = [s + n for s, n in zip(sums, (x, y, x * x, y * y, x * y), strict=True)]
    x, y, xx, yy, xy = sums
    below = (count * xx - x * x) * (count * yy - y * y)
    return float(plain((count * xy - x * y) / below.sqrt())) if below > 0 else 0.0
