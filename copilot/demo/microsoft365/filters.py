"""$filter: the common part of OData's expressions, as a test of a resource.

eq ne gt ge lt le in, and or not, startswith endswith contains tolower toupper, any all, on paths such as
`from/emailAddress/address`. Source: OData 4.01, part 2 "URL Conventions", section 5.1.1.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from copilot.demo.microsoft365.refusals import Refusal, bad_request
from copilot.demo.microsoft365.state import read_moment

#: The variables of lambdas are in the mapping beside the resource itself, which is under "".
Scope = Mapping[str, Any]
Term = Callable[[Scope], Any]

_TOKENS = re.compile(
    r"\s*(?:(?P<text>(?:[\w.]+)?'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?|\d{4}-\d\d-\d\d)"
    r"|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[@$A-Za-z_][\w.@]*(?:/[@$A-Za-z_][\w.@]*)*)"
    r"|(?P<sign>[(),:/]))"
)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}
_CHANGES: Mapping[str, Callable[[str], Any]] = {
    "tolower": str.lower,
    "toupper": str.upper,
    "length": len,
    "trim": str.strip,
}


def parse(text: str) -> Callable[[Any], bool]:
    """Return the test that `text` describes. Raises the 400 that Graph answers for what it can't read."""
    reader = _Reader(text)
    term = reader.disjunction()
    reader.end()
    return lambda resource: bool(term({"": resource}))


def value_at(resource: Any, path: str) -> Any:
    """Return the value at "a/b/c" of a resource, None where there is none."""
    for step in path.split("/"):
        resource = resource.get(step) if isinstance(resource, Mapping) else None
    return resource


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def disjunction(self) -> Term:
        terms = [self._conjunction()]
        while self._took("or"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda scope: any(term(scope) for term in terms)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._wrong()

    def _conjunction(self) -> Term:
        terms = [self._negation()]
        while self._took("and"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda scope: all(term(scope) for term in terms)

    def _negation(self) -> Term:
        if self._took("not"):
            term = self._negation()
            return lambda scope: not term(scope)
        return self._comparison()

    def _comparison(self) -> Term:
        left = self._primary()
        word = self._peek()
        if word in _COMPARISONS:
            self._at += 1
            compare, right = _COMPARISONS[word], self._primary()
            return lambda scope: _compared(compare, left(scope), right(scope))
        if self._took("in"):
            self._take("(")
            choices = self._arguments()
            return lambda scope: any(_compared(operator.eq, left(scope), each(scope)) for each in choices)
        return left

    def _primary(self) -> Term:
        if self._took("("):
            term = self.disjunction()
            self._take(")")
            return term
        if self._at >= len(self._tokens):
            raise self._wrong()
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind != "name":
            return _literal(kind, text)
        if text in _WORDS:
            return lambda scope: _WORDS[text]
        return self._named(text)

    def _named(self, name: str) -> Term:
        if not self._took("("):
            return _path(name)
        path, _, last = name.rpartition("/")
        if last in ("any", "all"):
            return self._lambda(path, last)
        return _called(name.lower(), self._arguments(), self._wrong())

    def _lambda(self, path: str, kind: str) -> Term:
        source = _path(path)
        if self._took(")"):
            return lambda scope: bool(source(scope))
        variable = self._tokens[self._at][1]
        self._at += 1
        self._take(":")
        inner = self.disjunction()
        self._take(")")
        every = any if kind == "any" else all
        return lambda scope: every(inner({**scope, variable: each}) for each in source(scope) or ())

    def _arguments(self) -> list[Term]:
        found = [self.disjunction()]
        while self._took(","):
            found.append(self.disjunction())
        self._take(")")
        return found

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _took(self, word: str) -> bool:
        taken = self._peek() == word and self._tokens[self._at][0] != "text"
        self._at += taken
        return taken

    def _take(self, word: str) -> None:
        if not self._took(word):
            raise self._wrong()

    def _wrong(self) -> Refusal:
        return bad_request(f"Invalid filter clause: syntax error in '{self._text}'.", "BadRequest")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        found = _TOKENS.match(text, at)
        if found is None:
            raise bad_request(f"Invalid filter clause: syntax error at position {at} in '{text}'.", "BadRequest")
        at = found.end()
        yield str(found.lastgroup), found.group(str(found.lastgroup))


def _literal(kind: str, text: str) -> Term:
    value: Any = text
    if kind == "text":  # an enumeration's type may stand before the quote
        value = text[text.index("'") + 1 : -1].replace("''", "'")
    elif kind == "number":
        value = float(text) if "." in text else int(text)
    elif kind == "sign":
        raise bad_request(f"Invalid filter clause: '{text}' was not expected.", "BadRequest")
    return lambda scope: value


def _path(path: str) -> Term:
    first, _, rest = path.partition("/")

    def value(scope: Scope) -> Any:
        if first in scope:
            return value_at(scope[first], rest) if rest else scope[first]
        return value_at(scope[""], path)

    return value


def _called(name: str, arguments: list[Term], wrong: Refusal) -> Term:
    if name in _TESTS and len(arguments) == 2:
        test, (left, right) = _TESTS[name], arguments
        return lambda scope: test(_text(left(scope)), _text(right(scope)))
    if name in _CHANGES and len(arguments) == 1:
        change, (only,) = _CHANGES[name], arguments
        return lambda scope: change(_text(only(scope)))
    raise wrong


def _text(value: Any) -> str:
    """Graph compares text without regard to case."""
    return "" if value is None else str(value).casefold()


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    left, right = _comparable(left), _comparable(right)
    if compare in (operator.eq, operator.ne):
        return compare(left, right)
    if left is None or right is None or type(left) is not type(right):
        return {type(left), type(right)} <= {int, float} and compare(left, right)
    return compare(left, right)


def _comparable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value[:4].isdigit() and value[4:5] == "-":
        try:
            return read_moment(value)
        except ValueError:
            return value.casefold()
    return value.casefold()


def sort_key(value: Any) -> tuple[int, Any]:
    """Return what $orderby sorts a value by: nothing first, then truth values and numbers, then moments, then text."""
    found = _comparable(value)
    if found is None:
        return 0, 0
    if isinstance(found, int | float):
        return 1, found
    return (2, found) if isinstance(found, datetime) else (3, str(found))
