"""Adaptive Cards Template Language: a card's JSON with `${expressions}`, `$data` and `$when`, filled with data.

After "Adaptive Cards Template Language" (Microsoft Learn): `$data` binds an element to an object, or repeats it for
every item of a list (`$index` counts them); `$when` keeps an element only where it is true; `$root`, `$data`, `$host`
name what there is. A string that is one expression takes its value's type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.cards.expressions import (
    Budget,
    ExpressionError,
    Node,
    Scope,
    TooMuchError,
    evaluate,
    functions_of,
    is_path,
    parse,
)
from copilot.plugins.cards.functions import known, shown, text_of

#: Depth of a card's JSON.
MOST_DEPTH = 60
_GONE: Any = object()


@dataclass(frozen=True)
class Expanded:
    """A filled template, and what could not be filled in: the text then stays as it is written."""

    value: Any
    problems: tuple[str, ...] = ()


def expand(
    template: Any,
    data: Any,
    *,
    host: Mapping[str, Any] | None = None,
    keep_missing: bool = True,
    budget: Budget | None = None,
) -> Expanded:
    """Return the template filled with the data (JSON types).

    `keep_missing` leaves `${name}` where the data has no such name, as Microsoft's library does; else nothing stands
    there. `budget` is what is left for it, where several cards share one. Raises PluginError (code "card_too_large")
    for a template that is too deep, or makes too much.
    """
    run = _Run(keep_missing)
    names = {"$root": data, "$data": data, "$host": dict(host or {})}
    try:
        value = run.node(template, Scope(names, budget or Budget()), 0)
    except (TooMuchError, RecursionError) as error:
        reason = str(error) if isinstance(error, TooMuchError) else "it is too deep"
        raise PluginError(f"The card can't be filled: {reason}.", code="card_too_large") from None
    return Expanded(None if value is _GONE else value, tuple(run.problems))


def fill(text: str, data: Any, *, keep_missing: bool = True) -> str:
    """Return one text with its expressions filled; raises PluginError as `expand`."""
    return text_of(expand(text, data, keep_missing=keep_missing).value)


def problems(template: Any) -> list[str]:
    """Return what can't be filled whatever the data: expressions that can't be read, and unknown functions."""
    found: dict[str, None] = {}
    for text in _texts(template, 0):
        for piece in _pieces(text):
            if isinstance(piece, _Expression):
                found |= dict.fromkeys(_faults(piece.text))
    return list(found)


def _faults(text: str) -> Iterator[str]:
    try:
        node = parse(text)
    except ExpressionError as error:
        yield f"${{{text[:80]}}} can't be read: {error}"
        return
    for name in functions_of(node):
        if not known(name):
            yield f"there is no function {name} (in ${{{text[:80]}}})"


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict) and depth < MOST_DEPTH:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each, depth + 1)


@dataclass(frozen=True, slots=True)
class _Expression:
    text: str


@dataclass
class _Run:
    keep_missing: bool
    problems: dict[str, None] = field(default_factory=dict)

    def node(self, node: Any, scope: Scope, depth: int) -> Any:
        """Return a filled part of the template; a list where `$data` repeats it, _GONE where `$when` takes it out."""
        scope.budget.step()
        if depth > MOST_DEPTH:
            raise TooMuchError("it is too deep")
        if isinstance(node, str):
            return self.text(node, scope)
        if isinstance(node, list):
            return self._list(node, scope, depth)
        return self._element(node, scope, depth) if isinstance(node, dict) else node

    def _list(self, items: list[Any], scope: Scope, depth: int) -> list[Any]:
        made: list[Any] = []
        for item in items:
            value = self.node(item, scope, depth + 1)
            repeated = isinstance(item, dict) and "$data" in item and isinstance(value, list)
            made += value if repeated else [] if value is _GONE else [value]
        return made

    def _element(self, element: dict[str, Any], scope: Scope, depth: int) -> Any:
        if "$data" not in element:
            return self._kept(element, scope, depth)
        data = self.node(element["$data"], scope, depth + 1)
        if not isinstance(data, list):
            return self._kept(element, scope.plus({"$data": None if data is _GONE else data}), depth)
        scopes = (scope.plus({"$data": item, "$index": index}) for index, item in enumerate(data))
        made = (self._kept(element, inner, depth) for inner in scopes)
        return [value for value in made if value is not _GONE]

    def _kept(self, element: dict[str, Any], scope: Scope, depth: int) -> Any:
        if "$when" in element and not self._holds(element["$when"], scope):
            return _GONE
        members = ((k, self.node(v, scope, depth + 1)) for k, v in element.items() if k not in ("$data", "$when"))
        return {key: value for key, value in members if value is not _GONE}

    def _holds(self, condition: Any, scope: Scope) -> bool:
        if isinstance(condition, str):
            whole = _whole(condition)
            condition = self._value(whole, scope)[0] if whole is not None else condition.strip().lower() == "true"
        return condition is True

    def text(self, text: str, scope: Scope) -> Any:
        """Return a text with its expressions filled; the value itself where it is one expression and nothing else."""
        if "${" not in text:
            return scope.budget.made(text)
        if (whole := _whole(text)) is not None:
            value, missing = self._value(whole, scope)
            return scope.budget.made(missing if value is None else value)
        parts = (p if isinstance(p, str) else self._shown(p.text, scope) for p in _pieces(text))
        return scope.budget.made("".join(parts))

    def _shown(self, text: str, scope: Scope) -> str:
        value, missing = self._value(text, scope)
        return str(scope.budget.made(missing if value is None else shown(value)))

    def _value(self, text: str, scope: Scope) -> tuple[Any, str]:
        """Return an expression's value, and what stands there when it has none."""
        written = f"${{{text}}}"
        try:
            node: Node = parse(text)
            value = evaluate(node, scope)
        except TooMuchError:
            raise
        except ExpressionError as error:
            self.problems[f"{written[:80]} stays as it is: {error}"] = None
            return None, written
        return value, written if self.keep_missing and is_path(node) else ""


def _whole(text: str) -> str | None:
    """Return the expression that a text is and nothing else, None for any other text."""
    pieces = list(_pieces(text))
    return pieces[0].text if len(pieces) == 1 and isinstance(pieces[0], _Expression) else None


_OPENING = re.compile(r"\\?\$\{")


def _pieces(text: str) -> Iterator[str | _Expression]:
    r"""Yield the plain and the computed parts of a text; `\${` is no expression, and one that never ends is text."""
    place = 0
    while match := _OPENING.search(text, place):
        if match[0][0] == "\\":
            yield text[place : match.start()] + "${"
            place = match.end()
            continue
        if (end := _end(text, match.end())) < 0:
            break
        if match.start() > place:
            yield text[place : match.start()]
        yield _Expression(text[match.end() : end].strip())
        place = end + 1
    if place < len(text):
        yield text[place:]


def _end(text: str, place: int) -> int:
    """Return where the brace is that closes an expression, -1 if nowhere; braces in its strings and objects don't."""
    depth, quote = 0, ""
    while place < len(text):
        sign = text[place]
        if quote:
            place += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"`":
            quote = sign
        elif sign == "}" and depth == 0:
            return place
        else:
            depth += (sign == "{") - (sign == "}")
        place += 1
    return -1
