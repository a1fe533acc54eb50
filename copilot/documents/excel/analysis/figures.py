"""Answers about columns and rows, computed exactly: no arithmetic is left to a model.

Numbers are added as the decimals that they are written as (0.1 + 0.2 is 0.3), text is compared without case, as in
Excel; blank cells, texts and errors never count as numbers, and what was left out is said.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from copilot.documents.excel.cells import Cell
from copilot.documents.excel.refs import quote_sheet
from copilot.documents.excel.regions import Region
from copilot.documents.excel.values import CellError, Percent, Scalar, show, typed
from copilot.errors import ToolInputError

Function: TypeAlias = Literal["sum", "average", "count", "min", "max", "median", "count_distinct"]
FUNCTIONS = ("sum", "average", "count", "min", "max", "median", "count_distinct")
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "contains"]
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "contains")


@dataclass(frozen=True)
class Where:
    """A condition on rows: the column's value compared with `value` (text, number or ISO date; "" means blank)."""

    column: str
    operator: Operator = "="
    value: str | int | float | bool | None = None


@dataclass(frozen=True)
class ColumnFacts:
    """What a column holds. `kind` is number, date, text, yes/no, error, mixed or blank; figures only for its kind."""

    name: str
    letter: str
    kind: str
    count: int
    blank: int
    distinct: int
    minimum: Scalar = None
    maximum: Scalar = None
    mean: Scalar = None
    total: Scalar = None
    examples: tuple[str, ...] = ()
    formulas: int = 0


@dataclass(frozen=True)
class Aggregate:
    """A computed figure, or one for each group; `formula` gives the same in Excel ("" where there is no short one).

    `groups` are (group, value, rows); `notes` say what was left out.
    """

    function: str
    column: str
    value: Scalar
    rows: int
    groups: tuple[tuple[str, Scalar, int], ...] = ()
    formula: str = ""
    where: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows of a region, in some order: `rows` are their numbers in the sheet; `matched` how many there were."""

    region: Region
    rows: tuple[int, ...]
    matched: int
    notes: tuple[str, ...] = field(default=())

    def texts(self) -> list[list[str]]:
        """Return the rows as words, one text for each column."""
        grid = self.region.grid
        columns = range(self.region.area.left, self.region.area.right + 1)
        return [[grid.reader.show(cell) if (cell := grid.get(r, c)) else "" for c in columns] for r in self.rows]

    def values(self) -> list[list[Any]]:
        """Return the rows as JSON types: dates as ISO text."""
        grid = self.region.grid
        columns = range(self.region.area.left, self.region.area.right + 1)
        return [[_json(cell.value) if (cell := grid.get(r, c)) else None for c in columns] for r in self.rows]


def _json(value: Scalar) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else show(value)


def is_number(value: Scalar) -> bool:
    """Return whether a value counts in a sum."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def describe(region: Region) -> list[ColumnFacts]:
    """Return the facts of every column of a region."""
    return [_facts(region, column) for column in range(region.area.left, region.area.right + 1)]


def _facts(region: Region, column: int) -> ColumnFacts:
    from copilot.documents.excel.refs import column_letters

    cells = region.cells(column)
    filled = [c for c in cells if c.value is not None and c.value != ""]
    values = [c.value for c in filled]
    kind = _kind(values)
    shown = dict.fromkeys(region.grid.reader.show(c) for c in filled)
    numbers = [v for v in values if is_number(v)]
    dates = [v for v in values if isinstance(v, (date, datetime))]
    ordered = numbers if kind in ("number", "mixed") and numbers else sorted(dates, key=moment)
    return ColumnFacts(
        name=region.name(column),
        letter=column_letters(column),
        kind=kind,
        count=len(filled),
        blank=len(cells) - len(filled),
        distinct=len(shown),
        minimum=min(ordered, key=moment, default=None),
        maximum=max(ordered, key=moment, default=None),
        mean=_FUNCTIONS["average"](numbers) if numbers and kind in ("number", "mixed") else None,
        total=_FUNCTIONS["sum"](numbers) if numbers and kind in ("number", "mixed") else None,
        examples=tuple(list(shown)[:5]),
        formulas=sum(c.formula is not None for c in filled),
    )


def moment(value: Any) -> Any:
    """Return a date as a moment, so that it can be compared with one."""
    return datetime(value.year, value.month, value.day) if type(value) is date else value


def _kind(values: Iterable[Scalar]) -> str:
    kinds = {kind_of(v) for v in values}
    if not kinds:
        return "blank"
    return kinds.pop() if len(kinds) == 1 else "mixed"


def kind_of(value: Scalar) -> str:
    """Return what kind a value is: number, date, time, text, yes/no or error."""
    if isinstance(value, CellError):
        return "error"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "yes/no"
    return "number" if isinstance(value, (int, float)) else "date" if isinstance(value, date) else "time"


def _decimal(value: Any) -> Decimal:
    return Decimal(repr(value) if isinstance(value, int) else repr(float(value)))


def _clean(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() and abs(value) < 10**15 else float(value)


def _median(values: list[Any]) -> int | float:
    return _clean(statistics.median([_decimal(v) for v in values]))


_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda values: _clean(sum((_decimal(v) for v in values), Decimal(0))),
    "average": lambda values: _clean(sum((_decimal(v) for v in values), Decimal(0)) / len(values)) if values else None,
    "count": len,
    "min": lambda values: min(values, key=moment, default=None),
    "max": lambda values: max(values, key=moment, default=None),
    "median": lambda values: _median(values) if values else None,
    "count_distinct": lambda values: len({_folded(v) for v in values}),
}


def _folded(value: Scalar) -> Any:
    return value.strip().casefold() if isinstance(value, str) else value


def aggregate(
    region: Region, function: Function, column: str | None, *, where: Iterable[Where] = (), group_by: str | None = None
) -> Aggregate:
    """Compute one figure over a column, for the rows that fulfil all conditions, for each group if one is named.

    `column` may be None for "count" (rows). Raises ToolInputError: unknown column, nothing to compute with.
    """
    conditions = list(where)
    rows = select(region, conditions).rows
    at = region.column(column) if column else None
    if at is None and function != "count":
        raise ToolInputError(
            f"{function} needs a column.", hint=f"There is: {', '.join(region.columns)}.", code="column"
        )
    cells = [region.grid.get(row, at) if at else Cell(row, 1, row) for row in rows]
    notes = list(_left_out(region, [c for c in cells if c is not None], function, at))
    groups: tuple[tuple[str, Scalar, int], ...] = ()
    if group_by:
        groups = _grouped(region, rows, at, function, region.column(group_by))
    value = _FUNCTIONS[function](_counted(cells, function, any_value=at is None))
    if value is None and rows:
        notes.append(f"There is no value in {column!r} that {function} could use.")
    formula = _formula(region, function, at, conditions) if not group_by else ""
    name = region.name(at) if at else "rows"
    return Aggregate(function, name, value, len(rows), groups, formula, _words(conditions), tuple(notes))


def _counted(cells: Iterable[Cell | None], function: str, *, any_value: bool = False) -> list[Any]:
    """Return the values that a function uses: for figures numbers (or dates for min and max), else what is filled."""
    values = [c.value for c in cells if c is not None and c.value is not None and c.value != ""]
    if any_value or function in ("count", "count_distinct"):
        return values
    numbers = [v for v in values if is_number(v)]
    dates = [v for v in values if isinstance(v, date)]
    return numbers if numbers or function not in ("min", "max") else dates


def _left_out(region: Region, cells: list[Cell], function: str, column: int | None) -> Iterable[str]:
    if region.totals:
        rows = ", ".join(str(r) for r in region.totals[:5])
        yield f"Left out as totals of the others: row{'s' if len(region.totals) > 1 else ''} {rows}."
    if column is None or function in ("count", "count_distinct"):
        return
    odd = [c for c in cells if c.value is not None and c.value != "" and not is_number(c.value)]
    if odd and not (function in ("min", "max") and all(isinstance(c.value, date) for c in odd)):
        examples = ", ".join(f"{c.address} {show(c.value)[:30]!r}" for c in odd[:3])
        yield f"Left out for holding no number: {len(odd)} cell{'s' if len(odd) > 1 else ''} ({examples})."
    hidden = [c for c in cells if c.row in region.grid.hidden_rows]
    if hidden:
        yield f"{len(hidden)} of the rows are hidden in Excel; they are included."


def _grouped(
    region: Region, rows: Iterable[int], column: int | None, function: str, by: int
) -> tuple[tuple[str, Scalar, int], ...]:
    groups: dict[Any, list[int]] = {}
    names: dict[Any, str] = {}
    for row in rows:
        cell = region.grid.get(row, by)
        key = _folded(cell.value) if cell else None
        names.setdefault(key, region.grid.reader.show(cell).strip() if cell else "(blank)")
        groups.setdefault(key, []).append(row)
    made = []
    for key, members in groups.items():
        cells = [region.grid.get(row, column) if column else Cell(row, 1, row) for row in members]
        made.append(
            (names[key], _FUNCTIONS[function](_counted(cells, function, any_value=column is None)), len(members))
        )
    return tuple(made)


def select(region: Region, where: Iterable[Where]) -> Rows:
    """Return the data rows that fulfil all conditions."""
    rows = region.rows
    for condition in where:
        test = _test(region, condition)
        column = region.column(condition.column)
        rows = tuple(row for row in rows if test(cell.value if (cell := region.grid.get(row, column)) else None))
    return Rows(region, rows, len(rows))


def _test(region: Region, where: Where) -> Callable[[Scalar], bool]:
    if where.operator not in OPERATORS:
        raise ToolInputError.unknown("operator", str(where.operator), OPERATORS)
    wanted = typed(where.value) if where.value is not None else ""
    if where.operator == "contains":
        text = show(wanted if not isinstance(where.value, str) else where.value).casefold()
        return lambda value: text in show(value).casefold()
    return lambda value: compared(value, wanted, where.operator)


def compared(value: Scalar, wanted: Scalar, operator: str) -> bool:
    """Return whether two values compare so, as in Excel: kinds that differ are only unequal, text without case."""
    blank = value is None or value == ""
    if wanted == "" or wanted is None:
        return blank if operator == "=" else not blank if operator == "!=" else False
    if blank:
        return operator == "!="
    ordering = operator in ("<", "<=", ">", ">=")
    if ordering and isinstance(value, str) and not isinstance(wanted, str):
        return False  # as in Excel: a text is neither more nor less than a number
    pair = _comparable(value, wanted)
    if pair is None:
        return operator == "!="
    left, right = pair
    result = {"=": left == right, "!=": left != right}
    if operator in result:
        return bool(result[operator])
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])


def _comparable(value: Scalar, wanted: Scalar) -> tuple[Any, Any] | None:
    """Return two values that can be compared, None for different kinds."""
    if isinstance(value, (int, float)) and isinstance(wanted, (int, float)) and is_number(value) and is_number(wanted):
        return _decimal(value), _decimal(wanted)
    if isinstance(value, date) and isinstance(wanted, date):
        if type(wanted) is date and isinstance(value, datetime):
            return value.date(), wanted
        return moment(value), moment(wanted)
    if isinstance(value, time) and isinstance(wanted, time):
        return value, wanted
    if isinstance(value, bool) or isinstance(wanted, bool):
        return show(value).casefold(), show(wanted).casefold()
    if isinstance(value, str):
        return _folded(value), _folded(show(wanted))
    if isinstance(wanted, str) and isinstance(value, date):
        return value.isoformat()[: len(wanted)], wanted  # "2026" or "2026-03" means all of that year or month
    return None


def sort(region: Region, by: str, *, descending: bool = False, where: Iterable[Where] = ()) -> Rows:
    """Return the rows in order of a column, as Excel sorts: numbers, texts, truth values, errors; blanks last."""
    column = region.column(by)
    rows = select(region, where).rows
    keyed = [(rank(cell.value) if (cell := region.grid.get(row, column)) else None, row) for row in rows]
    filled = [pair for pair in keyed if pair[0] is not None]
    filled.sort(key=lambda pair: pair[0], reverse=descending)  # type: ignore[arg-type, return-value]
    ordered = [row for _, row in filled] + [row for key, row in keyed if key is None]
    return Rows(region, tuple(ordered), len(ordered))


def rank(value: Scalar) -> tuple[int, Any] | None:
    """Return what values are sorted by: numbers, dates, times, texts, truth values, errors; None for a blank one."""
    if value is None or value == "":
        return None
    if is_number(value):
        return 0, value
    if isinstance(value, (date, datetime)):
        return 1, moment(value)
    if isinstance(value, CellError):
        return 5, str(value)
    if isinstance(value, bool):
        return 4, value
    return (3, value.casefold()) if isinstance(value, str) else (2, value)


def top(region: Region, by: str, count: int, *, descending: bool = True, where: Iterable[Where] = ()) -> Rows:
    """Return the `count` rows with the highest (or lowest) values of a column; blanks and texts don't compete."""
    column = region.column(by)
    ordered = sort(region, by, descending=descending, where=where)
    valued = [
        r
        for r in ordered.rows
        if (c := region.grid.get(r, column)) and (is_number(c.value) or isinstance(c.value, date))
    ]
    if not valued and ordered.rows:
        raise ToolInputError(f"The column {region.name(column)!r} holds no numbers or dates to rank by.", code="column")
    notes = []
    if 0 < count < len(valued):
        last = region.grid.get(valued[count - 1], column)
        tied = [r for r in valued[count:] if (c := region.grid.get(r, column)) and last and c.value == last.value]
        if tied:
            others = ", ".join(map(str, tied[:5]))
            notes.append(
                f"{len(tied)} more row{'s tie' if len(tied) > 1 else ' ties'} with the last one: row {others}."
            )
    return Rows(region, tuple(valued[:count]), len(valued), tuple(notes))


def _words(where: Iterable[Where]) -> str:
    return " and ".join(f"{w.column} {w.operator} {'(blank)' if w.value in (None, '') else w.value}" for w in where)


# --- the same in Excel -------------------------------------------------------------------------------------------

_EXCEL = {"sum": "SUM", "average": "AVERAGE", "count": "COUNTA", "min": "MIN", "max": "MAX", "median": "MEDIAN"}
_EXCEL_IF = {"sum": "SUMIFS", "average": "AVERAGEIFS", "count": "COUNTIFS", "min": "MINIFS", "max": "MAXIFS"}


def _formula(region: Region, function: str, column: int | None, where: list[Where]) -> str:
    """Return the formula that gives the same, "" where there is no short one."""
    if not region.rows or any(region.rows[0] <= t <= region.rows[-1] for t in region.totals):
        return ""
    if not where:
        if column is None or function not in _EXCEL:
            return ""
        return f"={_EXCEL[function]}({_place(region, column)})"
    if function not in _EXCEL_IF:
        return ""
    pairs = [f"{_place(region, region.column(w.column))},{_criterion(w)}" for w in where]
    if function == "count" and column is not None:
        pairs.append(f'{_place(region, column)},"<>"')
    first = [] if function == "count" or column is None else [_place(region, column)]
    return f"={_EXCEL_IF[function]}({','.join([*first, *pairs])})"


def _place(region: Region, column: int) -> str:
    if region.table:
        name = region.grid.workbook.table(region.table).columns[column - region.area.left]
        escaped = "".join(f"'{c}" if c in "[]#'@" else c for c in name)
        return f"{region.table}[{escaped}]"
    return f"{quote_sheet(region.sheet)}!{region.data_area(column).absolute()}"


def _criterion(where: Where) -> str:
    value = typed(where.value) if where.value is not None else ""
    operator = {"!=": "<>", "=": "", "contains": ""}.get(where.operator, where.operator)
    if isinstance(value, date):
        call = f"DATE({value.year},{value.month},{value.day})"
        return f'"{operator}"&{call}' if operator else call
    if is_number(value) and not operator and where.operator == "=":
        return show(value if not isinstance(value, Percent) else float(value))
    text = show(float(value) if isinstance(value, Percent) else value).replace('"', '""')
    if where.operator == "contains":
        text = f"*{text}*"
    return f'"{operator}{text}"' if text or operator else '"="'
