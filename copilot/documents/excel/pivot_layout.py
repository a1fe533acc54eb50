"""What stands where in a pivot table: its lines and columns, its captions, and the computed values."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from copilot.documents.excel.pivot_data import Field, Item, label
from copilot.documents.excel.values import CellError, Scalar

Function = Literal[
    "sum", "count", "average", "max", "min", "product", "count_numbers", "stdev", "stdevp", "var", "varp"
]
LineKind = Literal["data", "default", "grand"]
#: The same functions as the standard spells them (ST_DataConsolidateFunction, 18.18.17), and as Excel captions them.
SPELLED: dict[str, tuple[str, str]] = {
    "sum": ("sum", "Sum of"),
    "count": ("count", "Count of"),
    "average": ("average", "Average of"),
    "max": ("max", "Max of"),
    "min": ("min", "Min of"),
    "product": ("product", "Product of"),
    "count_numbers": ("countNums", "Count of"),
    "stdev": ("stdDev", "StdDev of"),
    "stdevp": ("stdDevp", "StdDevp of"),
    "var": ("var", "Var of"),
    "varp": ("varp", "Varp of"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A figure: the function over a field, its caption, its number format."""

    field: int
    function: str
    name: str
    number: int = 0


@dataclass(frozen=True)
class Spec:
    """What a pivot table is asked for, fields by their numbers.

    `order` gives the display order of each axis field's items, `hidden` those left out (filters included);
    `subtotals` the axis fields with a line for each group. `compact` puts all row fields into one column.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    values: tuple[Value, ...]
    order: Mapping[int, Sequence[int]]
    hidden: Mapping[int, frozenset[int]] = field(default_factory=dict)
    subtotals: frozenset[int] = frozenset()
    right: bool = True
    bottom: bool = True
    compact: bool = False
    values_row: bool = False
    captions: Mapping[int, str] = field(default_factory=dict)
    row_caption: str = "Row Labels"
    column_caption: str = "Column Labels"
    data_caption: str = "Values"
    grand: str = "Grand Total"


@dataclass(frozen=True, slots=True)
class Line:
    """A line or a column: the places of its items in their fields' order, and which figure it shows."""

    kind: LineKind
    key: tuple[int, ...] = ()
    data: int = 0
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cell shows: `field` is whose number format it takes, `value` which figure it is (-1: none)."""

    content: Scalar
    field: int = -1
    value: int = -1


@dataclass
class Layout:
    """A pivot table laid out: cells by (row, column) from its top left corner, from 0; `captions` those of fields."""

    spec: Spec
    rows: list[Line]
    columns: list[Line]
    head: int
    width: int
    labels: int
    cells: dict[tuple[int, int], Shown] = field(default_factory=dict)
    captions: frozenset[tuple[int, int]] = frozenset()

    @property
    def height(self) -> int:
        """Rows, the header included."""
        return self.head + len(self.rows)


def laid_out(spec: Spec, fields: Sequence[Field]) -> Layout:
    """Return the table with its values."""
    places = {f: {code: i for i, code in enumerate(codes)} for f, codes in spec.order.items()}
    kept = [n for n in range(len(fields[0].values)) if not _left_out(spec, fields, n)] if fields else []
    row_keys = [tuple(places[f][fields[f].codes[n]] for f in spec.rows) for n in kept]
    column_keys = [tuple(places[f][fields[f].codes[n]] for f in spec.columns) for n in kept]
    rows = _lines(set(row_keys), spec.rows, spec, outline=spec.compact)
    if spec.bottom or not rows:
        rows.append(Line("grand"))
    columns = _columns(set(column_keys), spec)
    labels = 1 if spec.compact else len(spec.rows)
    head = _head(spec)
    made = Layout(spec, rows, columns, head, labels + len(columns), labels)
    _captions(made, spec, fields)
    made.captions = frozenset(made.cells)
    _row_labels(made, spec, fields)
    _column_labels(made, spec, fields)
    _figures(made, spec, fields, list(zip(kept, row_keys, column_keys, strict=True)))
    return made


def _head(spec: Spec) -> int:
    """Return the number of header rows (firstDataRow, 18.10.1.49)."""
    if not spec.columns:
        return 2 if spec.values_row and len(spec.values) > 1 else 1
    return 1 + len(spec.columns) + (len(spec.values) > 1)


def _left_out(spec: Spec, fields: Sequence[Field], record: int) -> bool:
    return any(fields[f].codes[record] in codes for f, codes in spec.hidden.items())


def _lines(keys: set[tuple[int, ...]], own: Sequence[int], spec: Spec, *, outline: bool) -> list[Line]:
    """Return the lines of an axis, without its grand total: groups opened (outline) or closed by their subtotals."""
    made: list[Line] = []
    last: tuple[int, ...] = ()
    for key in sorted(keys):
        same = _common(last, key)
        if not outline:
            made += _closed(last, same, own, spec)
        else:
            made += [
                Line("data", key[: depth + 1], shown=own[depth] in spec.subtotals)
                for depth in range(same, len(key) - 1)
            ]
        if key:
            made.append(Line("data", key))
        last = key
    return made if outline else made + _closed(last, 0, own, spec)


def _closed(last: tuple[int, ...], same: int, own: Sequence[int], spec: Spec) -> list[Line]:
    """Return the subtotals below the groups that end: the innermost first, none for the last field."""
    return [
        Line("default", last[: depth + 1])
        for depth in range(len(last) - 2, same - 1, -1)
        if own[depth] in spec.subtotals
    ]


def _common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _columns(keys: set[tuple[int, ...]], spec: Spec) -> list[Line]:
    lines = _lines(keys, spec.columns, spec, outline=False) if spec.columns else [Line("data")]
    if spec.columns and (spec.right or not lines):
        lines.append(Line("grand"))
    return [Line(line.kind, line.key, n) for line in lines for n in range(len(spec.values))]


# --- captions --------------------------------------------------------------------------------------------------------


def _captions(made: Layout, spec: Spec, fields: Sequence[Field]) -> None:
    """Write the names of the fields: of the rows above them, of the columns in the first line, of a lone figure."""
    low = made.head - 1

    def caption(number: int) -> str:
        return spec.captions.get(number) or fields[number].name

    if spec.compact:
        made.cells[low, 0] = Shown(spec.row_caption)
    else:
        made.cells.update({(low, i): Shown(caption(f)) for i, f in enumerate(spec.rows)})
    if not spec.columns:
        for i, value in enumerate(spec.values):
            made.cells[low, made.labels + i] = Shown(value.name)
        if made.head == 2:
            made.cells[0, made.labels] = Shown(spec.data_caption)
        return
    if len(spec.values) == 1:
        made.cells[0, 0] = Shown(spec.values[0].name)
    names = [spec.column_caption] if spec.compact else [caption(f) for f in spec.columns]
    if len(spec.values) > 1 and not spec.compact:
        names.append(spec.data_caption)
    for i, name in enumerate(names):
        if made.labels + i < made.width:
            made.cells[0, made.labels + i] = Shown(name)


def _row_labels(made: Layout, spec: Spec, fields: Sequence[Field]) -> None:
    last: tuple[int, ...] = ()
    for offset, line in enumerate(made.rows):
        at = made.head + offset
        if line.kind == "grand":
            made.cells[at, 0] = Shown(spec.grand)
        elif line.kind == "default":
            depth = len(line.key) - 1
            made.cells[at, depth] = Shown(_total(spec, fields, spec.rows, line.key))
        elif spec.compact:
            made.cells[at, 0] = _label(spec, fields, spec.rows, line.key, len(line.key) - 1)
        else:
            for depth in range(_common(last, line.key), len(line.key)):
                made.cells[at, depth] = _label(spec, fields, spec.rows, line.key, depth)
        last = line.key if line.kind == "data" else ()


def _column_labels(made: Layout, spec: Spec, fields: Sequence[Field]) -> None:
    several = len(spec.values) > 1
    last: tuple[int, ...] = ()
    for offset, line in enumerate(made.columns):
        at = made.labels + offset
        name = spec.values[line.data].name
        if not spec.columns:
            continue
        if line.kind == "grand":
            made.cells[1, at] = Shown(f"Total {name}" if several else spec.grand)
        elif line.kind == "default":
            text = label_text(spec, fields, spec.columns, line.key)
            made.cells[len(line.key), at] = Shown(f"{text} {name}" if several else f"{text} Total")
        else:
            for depth in range(_common(last, line.key), len(line.key)):
                made.cells[1 + depth, at] = _label(spec, fields, spec.columns, line.key, depth)
            if several:
                made.cells[1 + len(spec.columns), at] = Shown(name)
        last = line.key if line.kind == "data" else ()


def _item(spec: Spec, fields: Sequence[Field], own: Sequence[int], key: tuple[int, ...], depth: int) -> Item:
    number = own[depth]
    return fields[number].items[spec.order[number][key[depth]]]


def _label(spec: Spec, fields: Sequence[Field], own: Sequence[int], key: tuple[int, ...], depth: int) -> Shown:
    item = _item(spec, fields, own, key, depth)
    return Shown("(blank)") if item is None else Shown(item, own[depth])


def label_text(spec: Spec, fields: Sequence[Field], own: Sequence[int], key: tuple[int, ...]) -> str:
    """Return the last item of a key in words."""
    return label(_item(spec, fields, own, key, len(key) - 1))


def _total(spec: Spec, fields: Sequence[Field], own: Sequence[int], key: tuple[int, ...]) -> str:
    return f"{label_text(spec, fields, own, key)} Total"


# --- figures ----------------------------------------------------------------------------------------------------

Record = tuple[int, tuple[int, ...], tuple[int, ...]]


def _figures(made: Layout, spec: Spec, fields: Sequence[Field], records: Sequence[Record]) -> None:
    """Compute each cell from the records themselves, totals too: an average of averages would be wrong."""
    down = {len(line.key) for line in made.rows}
    across = {len(line.key) for line in made.columns}
    groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for number, row, column in records:
        for i in down:
            for j in across:
                groups.setdefault((row[:i], column[:j]), []).append(number)
    for i, line in enumerate(made.rows):
        for j, column_line in enumerate(made.columns):
            found = groups.get((line.key, column_line.key))
            if found is None or not line.shown:
                continue
            value = spec.values[column_line.data]
            data = fields[value.field].values
            result = aggregated(value.function, [data[n] for n in found])
            if result is not None:
                made.cells[made.head + i, made.labels + j] = Shown(result, value=column_line.data)


def aggregated(function: str, items: Sequence[Item]) -> Scalar:
    """Return what a pivot table's function makes of items; None where there is nothing but blanks.

    Counting takes all but blanks; everything else takes numbers and dates only, and an error for an error.
    """
    present = [i for i in items if i is not None]
    if not present:
        return None
    if function == "count":
        return len(present)
    numbers = [_serial(i) for i in present if not isinstance(i, (str, bool))]
    if function == "count_numbers":
        return len(numbers)
    error = next((i for i in present if isinstance(i, CellError)), None)
    return error if error is not None else _computed(function, numbers)


def _serial(item: Item) -> int | float:
    if isinstance(item, datetime):
        days = (item - datetime(1899, 12, 30)) / timedelta(days=1)
        return int(days) if days == int(days) else days
    return item if isinstance(item, (int, float)) else 0


def _computed(function: str, numbers: Sequence[int | float]) -> Scalar:
    least = {"average": 1, "stdevp": 1, "varp": 1, "stdev": 2, "var": 2}.get(function, 0)
    if len(numbers) < least:
        return CellError("#DIV/0!")
    try:
        result = _COMPUTED[function](numbers)
    except OverflowError:
        return CellError("#NUM!")
    if math.isinf(result) or math.isnan(result):
        return CellError("#NUM!")
    return int(result) if isinstance(result, float) and result.is_integer() and abs(result) < 1e15 else result


_COMPUTED: dict[str, Callable[[Sequence[int | float]], int | float]] = {
    "sum": math.fsum,
    "average": lambda n: math.fsum(n) / len(n),
    "max": lambda n: max(n, default=0),
    "min": lambda n: min(n, default=0),
    "product": math.prod,
    "stdev": statistics.stdev,
    "stdevp": statistics.pstdev,
    "var": statistics.variance,
    "varp": statistics.pvariance,
}
