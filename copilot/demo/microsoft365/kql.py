"""$search and the search API: the common part of the Keyword Query Language.

Words and "phrases" (all must be there), `name:value`, `name>=value`, OR, NOT and -, brackets, a trailing *.
Source: "Keyword Query Language (KQL) syntax reference"; "$search query parameter" for messages and people.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from copilot.demo.microsoft365.state import read_moment

_TOKENS = re.compile(r'\s*(?P<sign>[()])|\s*(?P<term>-?(?:[\w.@]+\s*(?::|>=|<=|<>|>|<|=)\s*)?(?:"[^"]*"|[^\s()"]+))')
_NAMED = re.compile(r"(?P<name>[\w.@]+)\s*(?P<sign>:|>=|<=|<>|>|<|=)\s*(?P<value>.+)", re.S)
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Searched:
    """What of a resource is searched: all its `text`, and the `fields` that can be named (lower-case names)."""

    text: str
    fields: Mapping[str, Any]


Test = Callable[[Searched], bool]


def parse(query: str) -> Test:
    """Return the test of a query; whatever is no KQL is looked for as words. An empty one fits all."""
    tokens = [found.group().strip() for found in _TOKENS.finditer(query)]
    return _Reader(tokens).alternatives()


def words(query: str) -> list[str]:
    """Return the plain words of a query, for the ranking and the marked hits."""
    tokens = [found.group("term") for found in _TOKENS.finditer(query) if found.group("term")]
    plain = [t for t in tokens if not _NAMED.fullmatch(t) and not t.startswith("-") and t not in ("AND", "OR", "NOT")]
    return [word for token in plain for word in token.strip('"*').casefold().split()]


class _Reader:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens, self._at = tokens, 0

    def alternatives(self) -> Test:
        tests = [self._all()]
        while self._peek() == "OR":
            self._at += 1
            tests.append(self._all())
        return lambda searched: any(test(searched) for test in tests)

    def _all(self) -> Test:
        tests: list[Test] = []
        while self._peek() not in ("", "OR", ")"):
            if self._peek() == "AND":
                self._at += 1
                continue
            tests.append(self._one())
        return lambda searched: all(test(searched) for test in tests)

    def _one(self) -> Test:
        token = self._peek()
        self._at += 1
        if token == "NOT" and self._peek():
            inner = self._one()
            return lambda searched: not inner(searched)
        if token == "(":
            inner = self.alternatives()
            self._at += 1
            return inner
        if token.startswith("-") and len(token) > 1:
            test = _term(token[1:])
            return lambda searched: not test(searched)
        return _term(token)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""


def _term(token: str) -> Test:
    named = _NAMED.fullmatch(token)
    if named is None:
        return lambda searched: _within(token, searched.text)
    name, sign, value = named["name"].casefold(), named["sign"], named["value"].strip('"')
    return lambda searched: _fits(searched.fields.get(name), sign, value)


def _within(token: str, text: str) -> bool:
    """A phrase stands as it is, at the beginnings of words; case does not count."""
    wanted = re.escape(token.strip('"').rstrip("*").casefold())
    return not wanted or re.search(rf"(?<![^\W_]){wanted}", text.casefold()) is not None


def _fits(field: Any, sign: str, value: str) -> bool:
    if isinstance(field, list | tuple | set | frozenset):
        return any(_fits(each, sign, value) for each in field)
    if field is None:
        return False
    if sign == "<>":
        return not _fits(field, "=", value)
    low, dots, high = value.partition("..")
    if dots:
        return _ordered(field, operator.ge, low) and _ordered(field, operator.le, high)
    if sign in _ORDERS:
        return _ordered(field, _ORDERS[sign], value)
    if isinstance(field, bool):
        return str(field).casefold() == value.casefold()
    return str(field).startswith(value) if _moment(field) else _within(value, str(field))


def _ordered(field: Any, compare: Callable[[Any, Any], bool], value: str) -> bool:
    left, right = _moment(field), _moment(value)
    if left and right:
        return compare(left.date(), right.date()) if len(value) == 10 else compare(left, right)
    try:
        return compare(float(field), float(value))
    except ValueError:
        return compare(str(field).casefold(), value.casefold())


def _moment(value: Any) -> datetime | None:
    text = str(value)
    try:
        return read_moment(text) if text[:4].isdigit() and text[4:5] == "-" else None
    except ValueError:
        return None
