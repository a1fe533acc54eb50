"""Functions that the calculation engine lacks or computes differently from Excel: small ones, exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from copilot.documents.excel.numfmt import display

Matrix = list[list[float]]

#: What stands for a value that a function does not have.
NUM, VALUE, DIV = "Num", "Value", "Div"


class _Wrong(Exception):
    """The result is the error of that kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def register(engine: Any) -> None:
    """Make the functions known to an engine, over its own where it has them."""
    for name, (function, fewest, most) in FUNCTIONS.items():
        engine.register_function(
            name, _guarded(function), min_args=fewest, max_args=most, thread_safe=False, allow_override_builtin=True
        )


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its errors as the engine's values; an error among its arguments is its result."""

    def call(*arguments: Any) -> Any:
        import formualizer as fz

        for given in arguments:
            if isinstance(given, dict):
                return fz.LiteralValue.error(str(given.get("kind", "Value")), None)
        try:
            return function(*arguments)
        except _Wrong as wrong:
            return fz.LiteralValue.error(wrong.kind, None)
        except (OverflowError, ZeroDivisionError):
            return fz.LiteralValue.error(NUM, None)

    return call


def _number(value: Any) -> float:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return 0.0
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise _Wrong(VALUE) from None
    if isinstance(value, (bool, int, float)):
        return float(value)
    raise _Wrong(VALUE)


def _multiple(count: float, step: float) -> float:
    """Return a multiple without the noise of binary fractions, as Excel shows it."""
    return float(f"{count * step:.15g}")


def _steps(number: float, step: float) -> float:
    """Return how many steps a number is; a whole number where only binary noise is missing."""
    steps = number / step
    return round(steps) if abs(steps - round(steps)) < 1e-12 * max(1.0, abs(steps)) else steps


def ceiling(number: Any, step: Any) -> float:
    """CEILING: away from zero for signs that agree; #NUM! for a positive number and a negative step."""
    x, s = _number(number), _number(step)
    if x == 0 or s == 0:
        return 0.0
    if x > 0 > s:
        raise _Wrong(NUM)
    return _multiple(math.ceil(_steps(x, s)), s)


def floor(number: Any, step: Any) -> float:
    """FLOOR: towards zero for signs that agree; #DIV/0! for a step of 0."""
    x, s = _number(number), _number(step)
    if x == 0:
        return 0.0
    if s == 0:
        raise _Wrong(DIV)
    if x > 0 > s:
        raise _Wrong(NUM)
    return _multiple(math.floor(_steps(x, s)), s)


def ceiling_math(number: Any, step: Any = None, mode: Any = 0) -> float:
    """CEILING.MATH: up; a negative number with `mode` away from zero."""
    x, s = _number(number), abs(_number(1 if step is None else step))
    if s == 0:
        return 0.0
    up = math.floor if x < 0 and _number(mode) else math.ceil
    return _multiple(up(_steps(x, s)), s)


def floor_math(number: Any, step: Any = None, mode: Any = 0) -> float:
    """FLOOR.MATH: down; a negative number with `mode` towards zero."""
    x, s = _number(number), abs(_number(1 if step is None else step))
    if s == 0:
        return 0.0
    down = math.ceil if x < 0 and _number(mode) else math.floor
    return _multiple(down(_steps(x, s)), s)


def _matrix(value: Any) -> Matrix:
    rows = value if isinstance(value, list) else [[value]]
    rows = [row if isinstance(row, list) else [row] for row in rows]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for row in rows for v in row):
        raise _Wrong(VALUE)
    return [[float(v) for v in row] for row in rows]


def mmult(left: Any, right: Any) -> Matrix:
    """MMULT: #VALUE! where the sizes don't fit, or a cell is no number."""
    a, b = _matrix(left), _matrix(right)
    if len(a[0]) != len(b):
        raise _Wrong(VALUE)
    return [[math.fsum(x * row[j] for x, row in zip(line, b, strict=True)) for j in range(len(b[0]))] for line in a]


def _square(value: Any) -> Matrix:
    matrix = _matrix(value)
    if len(matrix) != len(matrix[0]):
        raise _Wrong(VALUE)
    return matrix


def mdeterm(value: Any) -> float:
    """MDETERM, by elimination with the largest pivot."""
    matrix, result = [row[:] for row in _square(value)], 1.0
    for column in range(len(matrix)):
        pivot = max(range(column, len(matrix)), key=lambda r: abs(matrix[r][column]))
        if matrix[pivot][column] == 0:
            return 0.0
        if pivot != column:
            matrix[pivot], matrix[column], result = matrix[column], matrix[pivot], -result
        result *= matrix[column][column]
        for row in range(column + 1, len(matrix)):
            _subtract(matrix[row], matrix[column], matrix[row][column] / matrix[column][column])
    return result


def _subtract(row: list[float], other: list[float], factor: float) -> None:
    for index, value in enumerate(other):
        row[index] -= factor * value


def minverse(value: Any) -> Matrix:
    """MINVERSE, by elimination; #NUM! for a matrix that has none."""
    matrix = _square(value)
    size = len(matrix)
    both = [row + [float(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda r: abs(both[r][column]))
        if both[pivot][column] == 0:
            raise _Wrong(NUM)
        both[pivot], both[column] = both[column], both[pivot]
        head = both[column][column]
        both[column] = [v / head for v in both[column]]
        for row in range(size):
            if row != column:
                _subtract(both[row], both[column], both[row][column])
    return [row[size:] for row in both]


def text(value: Any, code: Any) -> str:
    """TEXT: the value in a number format, as a cell would show it; a text by the format's fourth section."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list) or not isinstance(code, (str, int, float)):
        raise _Wrong(VALUE)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (datetime, date)):
        raise _Wrong(VALUE)
    if isinstance(value, str):
        return _text_of(value, str(code))
    return display(value or 0.0, str(code)) if code != "" else ""


def _text_of(value: str, code: str) -> str:
    try:
        return display(float(value), code) if code else value
    except ValueError:
        return display(value, code) if code else value


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "CEILING": (ceiling, 2, 2),
    "FLOOR": (floor, 2, 2),
    "CEILING.MATH": (ceiling_math, 1, 3),
    "FLOOR.MATH": (floor_math, 1, 3),
    "CEILING.PRECISE": (lambda number, step=None: ceiling_math(number, step), 1, 2),
    "ISO.CEILING": (lambda number, step=None: ceiling_math(number, step), 1, 2),
    "FLOOR.PRECISE": (lambda number, step=None: floor_math(number, step), 1, 2),
    "MMULT": (mmult, 2, 2),
    "MDETERM": (mdeterm, 1, 1),
    "MINVERSE": (minverse, 1, 1),
    "TEXT": (text, 2, 2),
}
