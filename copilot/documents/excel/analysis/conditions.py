"""Conditions on rows, given as data: compared as Excel compares, and joined with and, or."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

from copilot.documents.excel.analysis.figures import compared
from copilot.documents.excel.analysis.frame import Frame
from copilot.documents.excel.spellings import sign_of
from copilot.documents.excel.values import Scalar, show, typed
from copilot.errors import ToolInputError

Operator: TypeAlias = Literal[
    "=", "!=", "<", "<=", ">", ">=", "contains", "not contains", "starts with", "ends with", "like", "between",
    "in", "not in", "blank", "not blank",
]  # fmt: skip
Given: TypeAlias = str | int | float | bool | None


class Condition(BaseModel):
    """A condition: a column compared with a value (a list for "between" and "in"), or `any` or `all` of some.

    Dates are ISO texts; "like" takes * and ? as Excel does; "between" includes both ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = ""
    operator: Annotated[Operator, BeforeValidator(sign_of)] = "="
    value: Given | list[Given] = None
    any: list[Condition] = []
    all: list[Condition] = []


@dataclass(eq=False)
class Rule:
    """A condition on the columns of a frame. `operator` may also be "any", "all", "from" (low <= x < high).

    `padded` becomes true when a value was taken that Excel's formulas would not count: a text that is equal but for
    spaces around it, a date that lies in the year or month that was named.
    """

    operator: str
    index: int = -1
    wanted: tuple[Scalar, ...] = ()
    parts: tuple[Rule, ...] = ()
    padded: bool = False
    _compare: Callable[[Scalar], bool] = field(default=bool, repr=False)

    def __post_init__(self) -> None:
        self._compare = _comparison(self)

    def holds(self, values: Sequence[Scalar]) -> bool:
        """Return whether a row fulfils it."""
        if self.operator == "any":
            return any(part.holds(values) for part in self.parts)
        if self.operator == "all":
            return all(part.holds(values) for part in self.parts)
        value = values[self.index]
        result = self._compare(value)
        if result and not self.padded:
            self.padded = self._loosely(value)
        return result

    def _loosely(self, value: Scalar) -> bool:
        if isinstance(value, str):
            return value != value.strip()
        return isinstance(value, date) and any(isinstance(w, (str, int)) and w != "" for w in self.wanted)

    @property
    def odd(self) -> bool:
        """Whether it, or a part of it, met padded texts."""
        return self.padded or any(part.odd for part in self.parts)


def rules(frame: Frame, where: Iterable[Condition]) -> tuple[Rule, ...]:
    """Return conditions as rules on a frame; raises ToolInputError for what does not fit."""
    return tuple(_rule(frame, condition) for condition in where)


def _rule(frame: Frame, given: Condition) -> Rule:
    for operator, parts in (("any", given.any), ("all", given.all)):
        if parts:
            if given.column:
                raise ToolInputError(f"A condition has a column or {operator!r}, not both.", code="arguments")
            return Rule(operator, parts=rules(frame, parts))
    if not given.column:
        raise ToolInputError("A condition needs a column.", hint='{"column": ..., "operator": ..., "value": ...}')
    return Rule(given.operator, frame.column(given.column), _wanted(given))


def _wanted(given: Condition) -> tuple[Scalar, ...]:
    several = given.operator in ("between", "in", "not in")
    values = given.value if isinstance(given.value, list) else [given.value]
    if isinstance(given.value, list) != several or (given.operator == "between" and len(values) != 2):
        need = "two values, [from, to]" if given.operator == "between" else "a list" if several else "one value"
        raise ToolInputError(f"{given.operator!r} needs {need} for {given.column!r}.", code="arguments")
    if given.operator in ("contains", "not contains", "starts with", "ends with", "like"):
        return (show(values[0]),)
    return tuple("" if v is None else typed(v) for v in values)


def _comparison(rule: Rule) -> Callable[[Scalar], bool]:
    operator, wanted = rule.operator, rule.wanted
    if operator in ("any", "all"):
        return bool
    if operator in ("blank", "not blank"):
        return lambda value: (value is None or value == "") == (operator == "blank")
    if operator in _TEXT:
        return _text_comparison(operator, str(wanted[0]))
    if operator == "between":
        low, high = wanted
        return lambda value: _fits(value, low, ">=") and _fits(value, high, "<=")
    if operator == "from":
        low, high = wanted
        return lambda value: isinstance(value, date) and _fits(value, low, ">=") and _fits(value, high, "<")
    if operator in ("in", "not in"):
        return lambda value: any(_fits(value, each, "=") for each in wanted) == (operator == "in")
    return lambda value: _fits(value, wanted[0], operator)


_TEXT: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "not contains": lambda text, part: part not in text,
    "starts with": lambda text, part: text.startswith(part),
    "ends with": lambda text, part: text.endswith(part),
    "like": lambda text, part: bool(_pattern(part).fullmatch(text)),
}


def _text_comparison(operator: str, wanted: str) -> Callable[[Scalar], bool]:
    compare, folded = _TEXT[operator], wanted.casefold()
    return lambda value: compare(show(value).strip().casefold(), folded)


def _pattern(text: str) -> re.Pattern[str]:
    """Return Excel's wildcards as a pattern: * for anything, ? for one character, ~ before one that means itself."""
    pieces = re.findall(r"~[*?~]|\*+|.", text, re.DOTALL)
    made = [".*" if p[0] == "*" else "." if p == "?" else re.escape(p[-1]) for p in pieces]
    return re.compile("".join(made), re.DOTALL)


def _fits(value: Scalar, wanted: Scalar, operator: str) -> bool:
    if isinstance(value, date) and type(wanted) is int and 1900 <= wanted <= 2200:
        return compared(value.year, wanted, operator)
    if isinstance(wanted, str) and operator in ("<", "<=", ">", ">=") and not isinstance(value, str):
        return False
    return compared(value, wanted, operator)


def words(rule: Rule, columns: Sequence[str]) -> str:
    """Return a rule in words: "Region = North"."""
    if rule.operator in ("any", "all"):
        joint = " or " if rule.operator == "any" else " and "
        return "(" + joint.join(words(part, columns) for part in rule.parts) + ")"
    values = ", ".join("(blank)" if v in (None, "") else show(v) for v in rule.wanted)
    return (
        f"{columns[rule.index]} {rule.operator} {values}".rstrip()
        if "blank" not in rule.operator
        else (f"{columns[rule.index]} is {rule.operator}")
    )


def moment_of(value: Scalar) -> datetime | None:
    """Return a date or a moment as a moment, None for anything else."""
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time()) if isinstance(value, date) else None
