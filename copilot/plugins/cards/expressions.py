"""Adaptive Expressions: `if(empty(owner), 'nobody', owner.name)`, parsed to a tree and evaluated on JSON values.

The grammar is that of "Adaptive expressions" (Microsoft Learn): operators bind in the order of its grammar, names of
properties are matched without regard to case where there is no exact match, and anything but false and null is true.
Nothing is run but the functions of `functions.py`; every step and every character made counts against a budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

#: Limits: characters of one expression, depth of its tree, steps and characters of all that is evaluated for a card.
MOST_CHARACTERS, MOST_DEPTH, MOST_STEPS, MOST_MADE = 4_000, 40, 60_000, 2_000_000


class ExpressionError(ValueError):
    """An expression that can't be read or evaluated; the text says why."""


class TooMuchError(ExpressionError):
    """A card takes more steps, or makes more text, than any card that is meant to be read."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string, true, false or null."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A property of the data, a loop's variable, or `$root`, `$data`, `$index`, `$host`."""

    name: str


@dataclass(frozen=True, slots=True)
class Access:
    """`base.key` or `base[key]`."""

    base: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an operator under its sign."""

    name: str
    args: tuple[Node, ...]


Node = Literal | Name | Access | Call


@dataclass
class Budget:
    """What the evaluation of one card may still take."""

    steps: int = MOST_STEPS
    characters: int = MOST_MADE

    def step(self, cost: int = 1) -> None:
        """Count steps; raises TooMuchError when there are none left."""
        self.steps -= cost
        if self.steps < 0:
            raise TooMuchError("it takes too many steps")

    def made(self, value: Any) -> Any:
        """Count what was made, and return it; raises TooMuchError when it is too much."""
        size = len(value) if isinstance(value, str | list | dict) else 1
        self.characters -= size
        if self.characters < 0:
            raise TooMuchError("it makes too much text")
        return value


@dataclass
class Scope:
    """What names mean: `names` (with their `$`), else the properties of `$data`."""

    names: Mapping[str, Any]
    budget: Budget = field(default_factory=Budget)

    def value(self, name: str) -> Any:
        """Return what a name stands for, None where there is nothing."""
        if name in self.names:
            return self.names[name]
        return member(self.names.get("$data"), name)

    def plus(self, names: Mapping[str, Any]) -> Scope:
        """Return the scope inside a loop."""
        return Scope({**self.names, **names}, self.budget)


def member(value: Any, key: Any) -> Any:
    """Return a property or an item, None where there is none; a name fits in other letters' case, too."""
    if isinstance(value, Mapping) and isinstance(key, str):
        if key in value:
            return value[key]
        folded = key.casefold()
        return next((v for k, v in value.items() if isinstance(k, str) and k.casefold() == folded), None)
    if isinstance(value, list) and isinstance(key, int | float) and not isinstance(key, bool):
        return value[int(key)] if 0 <= key < len(value) else None
    return None


def evaluate(node: Node, scope: Scope) -> Any:
    """Return the value of a parsed expression (JSON types, None for what is missing).

    Raises ExpressionError for an unknown function or arguments that it can't take.
    """
    from copilot.plugins.cards.functions import call

    scope.budget.step()
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        return scope.value(node.name)
    if isinstance(node, Access):
        return member(evaluate(node.base, scope), evaluate(node.key, scope))
    return scope.budget.made(call(node.name, node.args, scope))


def is_path(node: Node) -> bool:
    """Return whether an expression only names something in the data."""
    while isinstance(node, Access):
        node = node.base
    return isinstance(node, Name)


def functions_of(node: Node) -> Iterator[str]:
    """Yield the names of all functions and operators that an expression uses."""
    if isinstance(node, Access):
        yield from functions_of(node.base)
        yield from functions_of(node.key)
    elif isinstance(node, Call):
        yield node.name
        for each in node.args:
            yield from functions_of(each)


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?(?![\w.]))
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\$]|\\.|\$(?!\{))*`)
    | (?P<name>(?:@{1,2}|[$%\#])?[^\W\d]\w*(?:!(?!=))?|\$(?!\w))
    | (?P<sign>==|!=|<>|<=|>=|&&|\|\||\?\?|=>|[-+*/%^&<>!?:.,()\[\]{}])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_CONSTANTS = {"true": True, "false": False, "null": None}
#: Operators by how weakly they bind (Adaptive expressions, grammar); `^` binds to the right.
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("??",),
    ("||",),
    ("&&",),
    ("<", "<=", ">", ">="),
    ("&",),
    ("==", "!=", "<>"),
    ("+", "-"),
    ("*", "/", "%"),
    ("^",),
)


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """Return the tree of an expression; raises ExpressionError that says where it breaks off."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"it is longer than {MOST_CHARACTERS:,} characters")
    parser = _Parser(_tokens(text))
    node = parser.ternary(0)
    if parser.kind:
        raise ExpressionError(f"{parser.text!r} is not expected there")
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"{text[place : place + 20]!r} can't be read")
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens; `depth` limits it."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("", "")]
        self._place = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._place][0]

    @property
    def text(self) -> str:
        return self._tokens[self._place][1]

    def ternary(self, depth: int) -> Node:
        condition = self._binary(0, depth)
        if not self._took("?"):
            return condition
        yes = self.ternary(self._deeper(depth))
        self._need(":")
        return Call("if", (condition, yes, self.ternary(self._deeper(depth))))

    def _binary(self, level: int, depth: int) -> Node:
        if level == len(_LEVELS):
            return self._unary(depth)
        left = self._binary(level + 1, depth)
        made = 0
        while self.kind == "sign" and self.text in _LEVELS[level]:
            sign = self._next()
            made = self._deeper(made)  # a chain makes a tree as deep as it is long
            if sign == "^":
                return Call(sign, (left, self._binary(level, self._deeper(depth))))
            left = Call(sign, (left, self._binary(level + 1, depth)))
        return left

    def _unary(self, depth: int) -> Node:
        if self.kind == "sign" and self.text in ("!", "-", "+"):
            sign = self._next()
            return Call({"!": "not", "-": "negate", "+": "posate"}[sign], (self._unary(self._deeper(depth)),))
        return self._postfix(depth)

    def _postfix(self, depth: int) -> Node:
        node = self._primary(depth)
        while self.kind == "sign" and self.text in (".", "[", "("):
            depth = self._deeper(depth)
            sign = self._next()
            if sign == ".":
                node = Access(node, Literal(self._property()))
            elif sign == "[":
                node = Access(node, self.ternary(depth))
                self._need("]")
            elif isinstance(node, Name):
                node = Call(node.name, self._arguments(")", depth))
            else:
                raise ExpressionError("only a name can be called")
        return node

    def _primary(self, depth: int) -> Node:
        kind, text = self.kind, self._next()
        if kind == "number":
            return Literal(float(text) if "." in text else int(text[:18]))
        if kind == "string":
            return Literal(_ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1]))
        if kind == "name":
            return Literal(_CONSTANTS[text]) if text in _CONSTANTS else Name(text)
        if text == "(":
            node = self.ternary(self._deeper(depth))
            self._need(")")
            return node
        if text == "[":
            return Call("createArray", self._arguments("]", depth))
        raise ExpressionError(f"{text!r} is not expected there" if text else "it breaks off")

    def _arguments(self, closing: str, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._took(closing):
            if found:
                self._need(",")
            found.append(self.ternary(self._deeper(depth)))
        return tuple(found)

    def _property(self) -> str:
        if self.kind != "name":
            raise ExpressionError("a name must follow the dot")
        return self._next()

    def _next(self) -> str:
        text = self.text
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return text

    def _took(self, sign: str) -> bool:
        taken = self.kind == "sign" and self.text == sign
        if taken:
            self._next()
        return taken

    def _need(self, sign: str) -> None:
        if not self._took(sign):
            raise ExpressionError(f"{sign!r} is missing")

    @staticmethod
    def _deeper(depth: int) -> int:
        if depth >= MOST_DEPTH:
            raise ExpressionError("it is nested too deep")
        return depth + 1
