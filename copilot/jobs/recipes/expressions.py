"""Expressions in `{{ }}`: Jinja's syntax, of which only what can neither run long nor grow large is let in.

The language has names, fields, comparisons, arithmetic, `a if b else c`, lists, maps, and the filters of filters.py;
nothing is called, no attribute of Python is seen, and no loop exists. What a document says is only ever a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from copilot.errors import PluginError, ToolInputError
from copilot.jobs.recipes.filters import FILTERS, closest
from copilot.jobs.recipes.values import DEEPEST, as_text, joined, plain

if TYPE_CHECKING:
    from jinja2.nodes import Expr, Node
    from jinja2.sandbox import SandboxedEnvironment

#: Characters of one expression, and of a text with expressions in it.
MOST_EXPRESSION, MOST_TEMPLATE = 2_000, 60_000
#: Names that mean something of their own to Jinja.
NOT_NAMES = frozenset({"self", "super", "caller", "loop", "varargs", "kwargs"})
_OPEN, _CLOSE = "{{", "}}"
_TESTS = ("defined", "undefined", "none", "number", "string", "mapping", "in", "true", "false")
#: What of Jinja's syntax there is (jinja2.nodes).
_NODES = frozenset(
    {"Const", "TemplateData", "Name", "Getattr", "Getitem", "Slice", "Filter", "Test", "Compare", "Operand", "CondExpr"}
    | {"And", "Or", "Not", "Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Neg", "Pos"}
    | {"List", "Tuple", "Dict", "Pair", "Keyword"}
)
_INSTEAD = {
    "Call": "Nothing is called here; write a filter: {{ total | round(2) }}.",
    "Pow": "Multiply instead.",
    "Concat": 'Write texts beside each other: "{{ name }}, {{ city }}".',
}


class ExpressionError(ToolInputError):
    """An expression that can't be read, or has no value; the message quotes it."""

    code = "expression"


@dataclass(frozen=True)
class Expression:
    """One expression: its source, the names that it uses, and those of them that it may do without."""

    source: str
    names: frozenset[str]
    optional: frozenset[str] = frozenset()
    fields: frozenset[tuple[str, str]] = frozenset()
    compiled: Callable[..., Any] = field(compare=False, repr=False, default=lambda **_: None)

    def value(self, scope: Mapping[str, Any]) -> Any:
        """Return the value, typed; raises ExpressionError that quotes the expression and says why it has none."""
        from jinja2 import Undefined
        from jinja2.exceptions import SecurityError, UndefinedError

        try:
            found = self.compiled(dict(scope))
            if isinstance(found, Undefined):
                found._fail_with_undefined_error()
            return found if isinstance(found, date) else plain(found)
        except (ToolInputError, UndefinedError, SecurityError) as error:
            why = getattr(error, "message", None) or str(error)
            hint = getattr(error, "hint", "")
            raise ExpressionError(f"{_quoted(self.source)}: {why}", hint=hint) from None
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"{_quoted(self.source)} has no value: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero."
    text = str(getattr(error, "message", None) or error) or type(error).__name__
    return f"{text}." if not text.endswith(".") else text


def _quoted(source: str) -> str:
    short = " ".join(source.split())
    return f"{_OPEN} {short if len(short) <= 120 else short[:119] + '…'} {_CLOSE}"


@dataclass(frozen=True)
class Template:
    """A text with expressions in it; with nothing but one expression, its value stays what it is."""

    parts: tuple[str | Expression, ...]

    def value(self, scope: Mapping[str, Any]) -> Any:
        """Return the text, or the typed value of a text that is one whole expression; raises ExpressionError."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return self.parts[0].value(scope)
        return self.text(scope)

    def text(self, scope: Mapping[str, Any]) -> str:
        """Return the text with the values in it, as as_text writes them; raises ExpressionError."""
        return joined((p if isinstance(p, str) else as_text(p.value(scope)) for p in self.parts), "")

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in the text."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


def filled(value: Any, scope: Mapping[str, Any]) -> Any:
    """Return a value of the recipe with every expression in it, at any depth, replaced by its value."""
    if isinstance(value, str):
        return template(value).value(scope)
    if isinstance(value, Mapping):
        return {template(str(key)).text(scope): filled(each, scope) for key, each in value.items()}
    return [filled(each, scope) for each in value] if isinstance(value, list) else value


@lru_cache(maxsize=500)
def template(text: str) -> Template:
    """Return a text read as one with expressions; raises ExpressionError for one that can't be read."""
    if len(text) > MOST_TEMPLATE:
        raise ExpressionError(f"The text is longer than {MOST_TEMPLATE:,} characters.")
    parts: list[str | Expression] = []
    rest = text
    while (start := rest.find(_OPEN)) >= 0:
        end = _end(rest, start + 2)
        if end < 0:
            raise ExpressionError(f"{rest[start : start + 40]!r}: the closing {_CLOSE} is missing.")
        parts += [rest[:start]] if start else []
        parts.append(expression(rest[start + 2 : end]))
        rest = rest[end + 2 :]
    if len(parts) == 1 and isinstance(parts[0], Expression) and not rest.strip():
        rest = ""  # a block of YAML ends in a line feed
    return Template(tuple([*parts, rest] if rest or not parts else parts))


def _end(text: str, at: int) -> int:
    """Return where the expression ends: braces of maps and of texts in quotes don't count."""
    depth, quote = 0, ""
    while at < len(text):
        sign = text[at]
        if quote:
            at += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif not depth and text.startswith(_CLOSE, at):
            return at
        else:
            depth += (sign == "{") - (sign == "}")
        at += 1
    return -1


def condition(text: str | bool) -> Expression:
    """Return what stands after `check`, `if` or `when`: an expression, with {{ }} around it or without."""
    source = str(text).strip()
    whole = source.startswith(_OPEN) and _end(source, 2) == len(source) - 2
    return expression(source[2:-2] if whole else source)


@lru_cache(maxsize=2_000)
def expression(source: str) -> Expression:
    """Return one expression, read and checked; raises ExpressionError that says what in it is not let in."""
    from jinja2.exceptions import TemplateError

    source = source.strip()
    if not source:
        raise ExpressionError("There is nothing between {{ and }}.")
    if len(source) > MOST_EXPRESSION:
        raise ExpressionError(f"An expression is longer than {MOST_EXPRESSION:,} characters.")
    try:
        tree = _parsed(source)
        _check(tree, source)
        compiled = _environment().compile_expression(source, undefined_to_none=False)
    except (TemplateError, RecursionError, MemoryError, SyntaxError, OverflowError, ValueError) as error:
        raise ExpressionError(f"{_quoted(source)} can't be read: {_why(error)}") from None
    optional = frozenset(_tested(tree))
    return Expression(source, frozenset(_names(tree)), optional, frozenset(_fields(tree)), compiled)


def _parsed(source: str) -> Expr:
    from jinja2.exceptions import TemplateSyntaxError
    from jinja2.parser import Parser

    parser = Parser(_environment(), source, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(f"{parser.stream.current.value!r} is not understood here", 1)
    return tree


def _check(tree: Node, source: str, depth: int = 0) -> None:
    """Raise ExpressionError for a part that is not in the language, a filter or a test that is not known."""
    kind = type(tree).__name__
    if kind not in _NODES or depth > DEEPEST:
        hint = _INSTEAD.get(kind, "") if depth <= DEEPEST else "Use `set` for parts of it."
        what = f"{kind} is not part of the language" if depth <= DEEPEST else "it is nested too deep"
        raise ExpressionError(f"{_quoted(source)} can't be used: {what}.", hint=hint)
    if kind == "Name" and getattr(tree, "name", "") in NOT_NAMES:
        raise ExpressionError(f"{_quoted(source)} can't be used: {getattr(tree, 'name', '')} is no value here.")
    for family, known in (("Filter", tuple(FILTERS)), ("Test", _TESTS)):
        if kind == family and (name := getattr(tree, "name", "")) not in known:
            raise ExpressionError(f"{_quoted(source)}: no {family.lower()} named {name!r}.", hint=closest(name, known))
    for child in tree.iter_child_nodes():
        _check(child, source, depth + 1)


def _names(tree: Node) -> set[str]:
    from jinja2 import nodes

    own = {tree.name} if isinstance(tree, nodes.Name) else set()
    return own | {each.name for each in tree.find_all(nodes.Name)}


def _tested(tree: Node) -> set[str]:
    """Return the names that the expression asks for, or has a default for, in case they are not there."""
    from jinja2 import nodes

    asks = [tree, *tree.find_all((nodes.Test, nodes.Filter))]
    return {
        each.node.name
        for each in asks
        if isinstance(each, nodes.Test | nodes.Filter) and each.name in ("defined", "undefined", "default")
        if isinstance(each.node, nodes.Name)
    }


def _fields(tree: Node) -> set[tuple[str, str]]:
    """Return the (name, field) pairs that are read, as in invoice.total."""
    from jinja2 import nodes

    found = [tree, *tree.find_all(nodes.Getattr)]
    return {
        (each.node.name, each.attr)
        for each in found
        if isinstance(each, nodes.Getattr) and isinstance(each.node, nodes.Name)
    }


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    try:
        from copilot.jobs.recipes.sandbox import environment
    except ImportError:
        hint = 'Install it with: pip install "everpilot[jobs]"'
        raise PluginError("Recipes need the package jinja2.", hint=hint) from None
    return environment(_TESTS)
