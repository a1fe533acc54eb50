"""An analysis given as data: steps that are checked before the first of them runs, each on what the last one made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from pydantic import ValidationError

from copilot.documents.excel.analysis.conditions import Condition
from copilot.documents.excel.analysis.frame import Frame
from copilot.documents.excel.analysis.groups import By
from copilot.documents.excel.analysis.joins import compare, join
from copilot.documents.excel.analysis.periods import periods
from copilot.documents.excel.analysis.profile import profile
from copilot.documents.excel.analysis.ranking import cumulate, pareto, rank, top
from copilot.documents.excel.analysis.sources import Books, Source
from copilot.documents.excel.analysis.statistics import histogram, outliers, quantiles
from copilot.documents.excel.analysis.summaries import aggregate, filter, pivot
from copilot.documents.excel.analysis.tally import figure
from copilot.documents.excel.values import CellError, Percent, Scalar, show
from copilot.documents.operations import Call, Operations
from copilot.errors import ToolInputError

#: Every step: a function of rows that returns rows.
ANALYSES = Operations(
    [
        filter,
        aggregate,
        pivot,
        join,
        compare,
        periods,
        top,
        rank,
        pareto,
        cumulate,
        outliers,
        quantiles,
        histogram,
        profile,
    ]
)
#: What the first step may say besides its own fields: where its rows are.
SOURCE = tuple(Source.model_fields)
#: Rows that a result holds at most; the notes say so when there were more.
MOST_ROWS = 100_000


@dataclass(frozen=True)
class Analysis:
    """The result of an analysis: `rows` of typed values under `columns`, ready to be written into cells.

    `formulas` lie under the same columns: what gives the same value in Excel, "" where there is no short formula;
    `formula` is the first of them. `sources` name the ranges that were read, as citations do.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    notes: tuple[str, ...] = ()
    formula: str = ""
    formulas: tuple[tuple[str, ...], ...] = ()
    sources: tuple[str, ...] = ()
    total: int = 0

    def plain_rows(self) -> list[list[Any]]:
        """Return the rows as JSON types: dates as ISO text."""
        return [[_json(value) for value in row] for row in self.rows]

    def markdown(self, most: int = 50) -> str:
        """Return the result as a Markdown table of at most so many rows."""
        lines = ["| " + " | ".join(_cell(c) for c in self.columns) + " |", "|---" * len(self.columns) + "|"]
        lines += ["| " + " | ".join(_cell(_shown(v)) for v in row) + " |" for row in self.rows[:most]]
        if len(self.rows) > most:
            lines.append(f"\n{len(self.rows) - most:,} more rows are not shown.")
        return "\n".join(lines)


def _json(value: Scalar) -> Any:
    if isinstance(value, Percent):
        return float(value)
    return show(value) if isinstance(value, (CellError, date, time, timedelta)) else value


def _shown(value: Scalar) -> str:
    return show(value, kind="percent", decimals=2) if isinstance(value, Percent) else show(value, decimals=6)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def analyse(
    content: bytes,
    steps: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    others: Mapping[str, bytes] | None = None,
) -> Analysis:
    """Return what one step, or several in order, compute of a workbook's rows; nothing is changed.

    A step is a mapping such as {"op": "aggregate", "figures": ["sum Amount"], "by": ["Region"]}. The first one may
    say where its rows are with `sheet`, `table`, `range` or `file` (a name in `others`); without, the data that has the
    columns is taken. Raises ToolInputError that names the step and the column, and DocumentError.
    """
    given = [dict(steps)] if isinstance(steps, Mapping) else [dict(step) for step in steps]
    source = _source(given)
    calls = ANALYSES.calls(given)
    frame = Books(content, others).frame(source, () if source.range else list(_columns(calls[0])))
    for call in calls:
        frame = call.run(frame)
    return _result(frame)


def _source(steps: Sequence[dict[str, Any]]) -> Source:
    """Return where the rows are, taken out of the first step."""
    given = {key: steps[0].pop(key) for key in SOURCE if steps and key in steps[0]}
    try:
        return Source.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        raise ToolInputError(f"{problem['loc'][0]}: {problem['msg']}.", code="arguments") from None


def _columns(call: Call) -> Iterator[str]:
    """Yield the columns that a step names, as far as they must be in the rows that it is given."""
    for name, value in call.arguments.items():
        if name in ("column", "date") and value:
            yield value
        elif name == "columns" and call.operation.name not in ("join", "compare"):
            yield from _named(value)
        elif name == "figures":
            yield from (found.column for each in value if (found := figure(each)).column)
        elif name in ("by", "rows", "where"):
            yield from _named(value)
        elif name == "on":
            yield from value


def _named(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, Condition):
            yield from _named([*each.any, *each.all])
        if isinstance(each, (Condition, By)) and each.column:
            yield each.column
        elif isinstance(each, str) and each:
            yield each


def _result(frame: Frame) -> Analysis:
    rows: list[tuple[Scalar, ...]] = []
    count = 0
    for _, values in frame.rows():
        count += 1
        if count <= MOST_ROWS:
            rows.append(values)
    notes = (*frame.notes, *frame.late_notes())
    if count > MOST_ROWS:
        notes = (*notes, f"{count:,} rows: the first {MOST_ROWS:,} are in the result.")
    first = next((text for row in frame.formulas for text in row if text), "")
    return Analysis(frame.columns, tuple(rows), tuple(dict.fromkeys(notes)), first, frame.formulas, frame.read, count)
