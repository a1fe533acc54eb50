"""JSONPath (RFC 9535) of strangers over answers of strangers: compiled and run within limits of work.

A path of a few characters can ask for more steps than anybody waits for: queries over the whole answer for each of its
items, the same items many times over, regular expressions. Such paths are refused, and all others count their steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

#: Characters of a path, steps to all depths (`..`), selectors that are listed, and nodes that may be visited.
LONGEST, MOST_DESCENTS, MOST_COMMAS, MOST_STEPS = 500, 2, 20, 500_000
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\s+", re.DOTALL)
#: RFC 9535, sections 2.4.6 and 2.4.7: functions that run a regular expression.
_REGULAR = re.compile(r"\b(?:match|search)\(")
#: A query from the root that does not lead to one place.
_MANY = re.compile(r"\$(?:\.\w+|\[(?:''|-?\d+)\])*+(?=\.\.|\.\*|\[)")


class PathError(ValueError):
    """A path that is none, or takes too much work; the text says which."""


def compiled(text: str) -> Any:
    """Return the query of a path; raises PathError."""
    from jsonpath.exceptions import JSONPathError

    plain = _QUOTED.sub(lambda match: "" if match[0].isspace() else "''", text)
    if _REGULAR.search(plain):
        raise PathError("match() and search() are not run; compare with ==")
    if len(text) > LONGEST or plain.count("..") > MOST_DESCENTS or plain.count(",") > MOST_COMMAS:
        raise PathError(
            f"it takes too much work: {LONGEST} characters, {MOST_DESCENTS} `..` and {MOST_COMMAS} commas at most"
        )
    if _MANY.search(plain.partition("?")[2]):
        raise PathError("it takes too much work: inside a filter, a query from $ may lead to one place only")
    try:
        return _environment().compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        raise PathError(_said(error)) from None


def values(query: Any, data: Any) -> Iterator[Any]:
    """Yield what a query selects of JSON types; raises PathError where that takes too many steps, or is too deep."""
    from jsonpath.exceptions import JSONPathError

    matches: Iterable[Any] = [_counted()([MOST_STEPS])(data)]
    try:
        for segment in query.segments:
            matches = segment.resolve(matches)
        yield from (match.obj for match in matches)
    except (JSONPathError, RecursionError, TypeError, ValueError) as error:
        raise PathError(_said(error)) from None


def _said(error: Exception) -> str:
    try:
        return str(error).partition("\n")[0]
    except ValueError:  # the library looks for the place of an error in a text that has none
        return "it is empty or breaks off"


@cache
def _environment() -> Any:
    import jsonpath

    return jsonpath.JSONPathEnvironment(strict=True)


@cache
def _counted() -> Any:
    """Return what makes the kind of node that counts: of the steps left it takes one for each node that is made."""
    from jsonpath import JSONPathMatch

    def of(left: list[int]) -> Any:
        class Node(JSONPathMatch):
            def new_child(self, obj: object, key: int | str) -> JSONPathMatch:
                left[0] -= 1
                if left[0] < 0:
                    raise ValueError(f"it takes more than {MOST_STEPS:,} steps")
                return super().new_child(obj, key)

        return lambda data: Node(filter_context={}, obj=data, parent=None, path="$", parts=(), root=data)

    return of
