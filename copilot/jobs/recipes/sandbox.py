"""Jinja's sandbox, narrowed: fields of maps, parts of dates, and arithmetic that neither runs long nor grows large.

Imports jinja2, so it is imported where the first expression is read.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.sandbox import SandboxedEnvironment

from copilot.errors import ToolInputError
from copilot.jobs.recipes.filters import FILTERS, closest
from copilot.jobs.recipes.values import MOST_TEXT, MOST_VALUES, as_text, too_large

_MOST_BITS = 4_096  # of a whole number
_COMPARISONS = ("eq", "ne", "lt", "gt", "le", "ge")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


def environment(tests: Iterable[str]) -> SandboxedEnvironment:
    """Return where expressions are compiled: with the filters of filters.py, these tests, and nothing else."""
    made = _Environment(undefined=StrictUndefined, autoescape=False)
    made.globals.clear()
    made.filters.clear()
    made.filters.update(FILTERS)
    made.tests = {name: made.tests[name] for name in (*tests, *_COMPARISONS)}
    return made


class _Environment(SandboxedEnvironment):
    intercepted_binops = frozenset(_OPERATORS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._part(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, list | tuple | str) and isinstance(argument, int):
            return obj[argument] if -len(obj) <= argument < len(obj) else self._missing(obj, argument)
        return self._part(obj, argument)

    def _part(self, obj: Any, name: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(name, str) and name in obj:
            return obj[name]
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        if isinstance(obj, date) and name in ("year", "month", "day"):
            return getattr(obj, name)
        return self._missing(obj, name)

    def _missing(self, obj: Any, name: Any) -> Any:
        known = [as_text(key) for key in obj][:200] if isinstance(obj, Mapping) else []
        return self.undefined(f"there is no {name!r} in it. {closest(as_text(name), known)}".strip())

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        return _calculated(operator, left, right)


def _calculated(sign: str, left: Any, right: Any) -> Any:
    """Return the result of an operator: numbers with numbers, and texts or lists put together with +."""
    numbers = all(isinstance(each, int | float) for each in (left, right))
    if numbers and sign != "**" and not _is_huge(left) and not _is_huge(right):
        return _OPERATORS[sign](left, right)
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return _put_together(left, right, MOST_TEXT)
    if sign == "+" and isinstance(left, list) and isinstance(right, list):
        return _put_together(left, right, MOST_VALUES)
    kinds = f"{_kind(left)} {sign} {_kind(right)}"
    hint = "Text becomes a number by a filter: {{ amount | number('en') }}."
    raise ToolInputError(f"{kinds} can't be calculated.", hint=hint, code="expression")


def _put_together(left: Any, right: Any, most: int) -> Any:
    if len(left) + len(right) > most:
        raise too_large()
    return left + right


def _is_huge(value: int | float) -> bool:
    return isinstance(value, int) and value.bit_length() > _MOST_BITS


def _kind(value: Any) -> str:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    kinds = ((bool, "yes/no"), (int | float, "number"), (str, "text"), (list, "list"), (Mapping, "map"), (date, "date"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")
