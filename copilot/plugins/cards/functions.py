"""The functions of Adaptive Expressions ("Prebuilt functions", Microsoft Learn), those that a card has a use for.

One table; what is not in it is an unknown function. Left out on purpose: what differs with each call (rand, newGuid),
regular expressions of strangers (isMatch), XML, and the clock (utcNow and its kin): the same data gives the same card.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from copilot.plugins.cards import dates
from copilot.plugins.cards.expressions import (
    MOST_MADE,
    ExpressionError,
    Name,
    Node,
    Scope,
    TooMuchError,
    evaluate,
    member,
)

#: The largest list that is made from nothing, and the largest number that is counted with.
MOST_ITEMS, LARGEST = 1_000, 10**15


def call(name: str, args: tuple[Node, ...], scope: Scope) -> Any:
    """Return what a function gives; raises ExpressionError when it is unknown or can't take these arguments."""
    if name in _LAZY:
        return _LAZY[name](args, scope)
    function = _EAGER.get(name)
    if function is None:
        raise ExpressionError(f"there is no function {name}")
    values = [evaluate(arg, scope) for arg in args]
    scope.budget.step(sum(len(v) for v in values if isinstance(v, str | list | dict)) // 100)
    try:
        return function(*values)
    except TooMuchError:
        raise
    except (TypeError, ValueError, ArithmeticError, IndexError, KeyError, AttributeError, RecursionError) as error:
        if None in values:  # what is missing gives what is missing
            return None
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(f"{name} can't take these values ({type(error).__name__})") from None


def known(name: str) -> bool:
    """Return whether there is a function or an operator of this name."""
    return name in _LAZY or name in _EAGER


def truth(value: Any) -> bool:
    """Return whether a value counts as true: everything does but false and null (so 0 and "" do)."""
    return value is not None and value is not False


def text_of(value: Any) -> str:
    """Return a value as a card shows it: null is nothing, whole numbers have no point, lists and objects are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < LARGEST else repr(value)
    if isinstance(value, str):
        return value
    return _written(value) if isinstance(value, list | Mapping) else str(value)


def shown(value: Any) -> str:
    """Return a value as it stands in the middle of a text: a list of plain values has commas between them."""
    if isinstance(value, list) and not any(isinstance(item, list | Mapping) for item in value):
        return _glued([text_of(item) for item in value], ",")
    return text_of(value)


def shortened(value: Any, most: int) -> str:
    """Return a value as a card shows it, at most so many characters of it."""
    if not isinstance(value, list | Mapping):
        return text_of(value)[:most]
    parts, size = [], 0
    for part in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        parts.append(part)
        size += len(part)
        if size > most:
            return f"{''.join(parts)[:most]}… [cut]"
    return "".join(parts)


def _written(value: Any) -> str:
    """Return a value as JSON, in pieces: a small list can hold one large text a thousand times."""
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)
    parts, size = [], 0
    for part in encoder.iterencode(value):
        parts.append(part)
        size += len(part)
        if size > MOST_MADE:
            raise TooMuchError("it makes too much text")
    return "".join(parts)


def _glued(parts: list[str], separator: str = "") -> str:
    if sum(map(len, parts)) + len(separator) * len(parts) > MOST_MADE:
        raise TooMuchError("it makes too much text")
    return separator.join(parts)


# --- those that do not evaluate all their arguments -------------------------------------------------------------------


def _if(args: tuple[Node, ...], scope: Scope) -> Any:
    if len(args) not in (2, 3):
        raise ExpressionError("if takes a condition and two values")
    if truth(evaluate(args[0], scope)):
        return evaluate(args[1], scope)
    return evaluate(args[2], scope) if len(args) == 3 else None


def _and(args: tuple[Node, ...], scope: Scope) -> bool:
    return all(truth(evaluate(arg, scope)) for arg in args)


def _or(args: tuple[Node, ...], scope: Scope) -> bool:
    return any(truth(evaluate(arg, scope)) for arg in args)


def _coalesce(args: tuple[Node, ...], scope: Scope) -> Any:
    return next((value for arg in args if (value := evaluate(arg, scope)) is not None), None)


def _exists(args: tuple[Node, ...], scope: Scope) -> bool:
    return all(evaluate(arg, scope) is not None for arg in args)


def _each(args: tuple[Node, ...], scope: Scope) -> list[tuple[Any, Any]]:
    """Return every item of a collection, and what the loop's body gives for it."""
    if len(args) != 3 or not isinstance(args[1], Name):
        raise ExpressionError("a loop takes a list, a name for its items, and an expression")
    name = args[1].name
    items = _items(evaluate(args[0], scope))
    return [(item, evaluate(args[2], scope.plus({name: item}))) for item in items]


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [{"key": key, "value": item} for key, item in value.items()]
    return _list(value)


_LAZY: dict[str, Callable[[tuple[Node, ...], Scope], Any]] = {
    "if": _if,
    "and": _and,
    "&&": _and,
    "or": _or,
    "||": _or,
    "coalesce": _coalesce,
    "??": _coalesce,
    "exists": _exists,
    "foreach": lambda args, scope: [made for _, made in _each(args, scope)],
    "select": lambda args, scope: [made for _, made in _each(args, scope)],
    "where": lambda args, scope: [item for item, made in _each(args, scope) if truth(made)],
    "any": lambda args, scope: any(truth(made) for _, made in _each(args, scope)),
    "all": lambda args, scope: all(truth(made) for _, made in _each(args, scope)),
}


# --- values -----------------------------------------------------------------------------------------------------------


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ExpressionError("a list is needed")
    return value


def _text(value: Any) -> str:
    if isinstance(value, list | Mapping):
        raise ExpressionError("a text is needed")
    return text_of(value)


def _number(value: Any) -> int | float:
    """Return a number; a text that is one counts as one: APIs send amounts as text."""
    if isinstance(value, str):
        value = float(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ExpressionError("a number is needed")
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST else value


def _bounded(value: int | float) -> int | float:
    """Return what was counted: whole numbers as such, large ones as floating point, so that none grows for ever."""
    return float(value) if isinstance(value, int) and abs(value) > LARGEST else _number(value)


def _int(value: Any) -> int:
    return int(_number(value))


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}[value.strip().lower()]
    return value != 0 if isinstance(value, int | float) else truth(value)


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return _text(left) + _text(right)
    return _bounded(_number(left) + _number(right))


def _divided(left: Any, right: Any) -> int | float:
    """Return a quotient; of two whole numbers a whole one, cut towards zero ("Division", Adaptive expressions)."""
    a, b = _number(left), _number(right)
    return math.trunc(a / b) if isinstance(a, int) and isinstance(b, int) else a / b


def _power(left: Any, right: Any) -> int | float:
    result = float(_number(left)) ** float(_number(right))
    if isinstance(result, complex):
        raise ExpressionError("that power is no number")
    return _number(result)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _compared(test: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return test(left, right)
    return left is not None and right is not None and test(_number(left), _number(right))


def _folded(function: Callable[[Any, Any], Any], *values: Any) -> Any:
    first, *others = values
    for each in others:
        first = function(first, each)
    return first


def _numbers(*values: Any) -> list[int | float]:
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [_number(item) for item in flat]


def _rounded(value: Any, digits: Any = 0) -> int | float:
    """Return a number rounded half away from zero, as people do."""
    number, scale = _number(value), 10 ** max(0, min(_int(digits), 15))
    result = math.copysign(math.floor(abs(number) * scale + 0.5 + 1e-9) / scale, number)
    return _number(result)


def format_number(value: Any, digits: Any = 2, locale: Any = "") -> str:
    """Return a number with so many digits after the point, and commas between thousands."""
    places = max(0, min(_int(digits), 15))
    return f"{_rounded(value, places):,.{places}f}"


# --- texts ------------------------------------------------------------------------------------------------------------


def _length(value: Any) -> int:
    return 0 if value is None else len(value) if isinstance(value, list | Mapping) else len(_text(value))


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _substring(value: Any, start: Any, length: Any = None) -> str:
    text, first = _text(value), max(0, _int(start))
    return text[first:] if length is None else text[first : first + max(0, _int(length))]


def _replaced(value: Any, old: Any, new: Any) -> str:
    text, sought, put = _text(value), _text(old), _text(new)
    return _glued(text.split(sought), put) if sought else text


def _replaced_in_any_case(value: Any, old: Any, new: Any) -> str:
    text, sought, put = _text(value), _text(old), _text(new)
    low, parts, place = text.lower(), [], 0
    while sought and (found := low.find(sought.lower(), place)) >= 0:
        parts += [text[place:found], put]
        place = found + len(sought)
    return _glued([*parts, text[place:]])


def _concat(*values: Any) -> Any:
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    return _glued([text_of(value) for value in values])


def _joined(items: Any, separator: Any, last: Any = None) -> str:
    parts = [text_of(item) for item in _list(items)]
    if last is None or len(parts) < 2:
        return _glued(parts, _text(separator))
    return _glued([_glued(parts[:-1], _text(separator)), _text(last), parts[-1]])


def _split(value: Any, separator: Any = "") -> list[str]:
    text, mark = _text(value), _text(separator)
    return text.split(mark) if mark else list(text)


def _contains(value: Any, sought: Any) -> bool:
    if isinstance(value, Mapping):
        return sought in value
    return any(_same(item, sought) for item in value) if isinstance(value, list) else _text(sought) in _text(value)


def _index_of(value: Any, sought: Any) -> int:
    if isinstance(value, list):
        return next((i for i, item in enumerate(value) if _same(item, sought)), -1)
    return _text(value).find(_text(sought))


def _last_index_of(value: Any, sought: Any) -> int:
    if isinstance(value, list):
        return max((i for i, item in enumerate(value) if _same(item, sought)), default=-1)
    return _text(value).rfind(_text(sought))


def _ordinal(value: Any) -> str:
    number = _int(value)
    teen = 10 <= abs(number) % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(abs(number) % 10, 'th')}"


def _title(value: Any) -> str:
    return " ".join(word[:1].upper() + word[1:].lower() for word in _text(value).split(" "))


def _sentence(value: Any) -> str:
    text = _text(value)
    return text[:1].upper() + text[1:].lower()


# --- lists and objects ------------------------------------------------------------------------------------------------


def _sequence(value: Any) -> Any:
    return value if isinstance(value, list) else _text(value)


def _first(value: Any) -> Any:
    found = _sequence(value)
    return found[0] if found else None


def _last(value: Any) -> Any:
    found = _sequence(value)
    return found[-1] if found else None


def _unique(*lists: Any) -> list[Any]:
    """Return the items of all lists, each once, in the order that they were met in."""
    found: dict[str, Any] = {}
    for items in lists:
        for item in _list(items):
            found.setdefault(f"{type(item).__name__}{text_of(item)}", item)
    return list(found.values())


def _common(first: Any, *others: Any) -> list[Any]:
    return [item for item in _unique(first) if all(_contains(_list(other), item) for other in others)]


def _sorted(items: Any, key: Any = "", *, down: bool = False) -> list[Any]:
    def rank(item: Any) -> tuple[bool, float, str]:
        value = member(item, key) if key else item
        number = isinstance(value, int | float)
        return not number, value if number else 0.0, "" if number else text_of(value)

    return sorted(_list(items), key=rank, reverse=down)


def _range(start: Any, count: Any) -> list[int]:
    if not 0 <= _int(count) <= MOST_ITEMS:
        raise ExpressionError(f"a range has at most {MOST_ITEMS:,} items")
    return list(range(_int(start), _int(start) + _int(count)))


def _flattened(items: Any, depth: Any = 100) -> list[Any]:
    found: list[Any] = []
    for item in _list(items):
        found += _flattened(item, _int(depth) - 1) if isinstance(item, list) and _int(depth) > 0 else [item]
    return found


def _property(value: Any, name: Any, default: Any = None) -> Any:
    found = member(value, name)
    return default if found is None else found


def _merged(*objects: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in objects:
        merged |= each
    return merged


def _json(value: Any) -> Any:
    return json.loads(_text(value), parse_constant=lambda name: None)


def _kind(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


_EAGER: dict[str, Callable[..., Any]] = {
    # operators
    "+": _plus,
    "-": lambda a, b: _bounded(_number(a) - _number(b)),
    "*": lambda a, b: _bounded(_number(a) * _number(b)),
    "/": _divided,
    "%": lambda a, b: _bounded(math.fmod(_number(a), _number(b))),
    "^": _power,
    "&": lambda a, b: text_of(a) + text_of(b),
    "==": _same,
    "!=": lambda a, b: not _same(a, b),
    "<>": lambda a, b: not _same(a, b),
    "<": partial(_compared, lambda a, b: a < b),
    "<=": partial(_compared, lambda a, b: a <= b),
    ">": partial(_compared, lambda a, b: a > b),
    ">=": partial(_compared, lambda a, b: a >= b),
    "negate": lambda a: -_number(a),
    "posate": _number,
    # logic
    "not": lambda a: not truth(a),
    "equals": _same,
    "less": partial(_compared, lambda a, b: a < b),
    "lessOrEquals": partial(_compared, lambda a, b: a <= b),
    "greater": partial(_compared, lambda a, b: a > b),
    "greaterOrEquals": partial(_compared, lambda a, b: a >= b),
    "empty": _empty,
    # texts
    "length": _length,
    "substring": _substring,
    "replace": _replaced,
    "replaceIgnoreCase": _replaced_in_any_case,
    "concat": _concat,
    "join": _joined,
    "split": _split,
    "trim": lambda a: _text(a).strip(),
    "toLower": lambda a, locale="": _text(a).lower(),
    "toUpper": lambda a, locale="": _text(a).upper(),
    "titleCase": lambda a, locale="": _title(a),
    "sentenceCase": lambda a, locale="": _sentence(a),
    "startsWith": lambda a, b: _text(a).startswith(_text(b)),
    "endsWith": lambda a, b: _text(a).endswith(_text(b)),
    "countWord": lambda a: len(_text(a).split()),
    "addOrdinal": _ordinal,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "contains": _contains,
    "reverse": lambda a: _sequence(a)[::-1],
    "uriComponent": lambda a: quote(_text(a), safe="!'()*~"),
    "uriComponentToString": lambda a: unquote(_text(a)),
    # lists and objects
    "count": _length,
    "first": _first,
    "last": _last,
    "take": lambda a, n: _sequence(a)[: max(0, _int(n))],
    "skip": lambda a, n: _sequence(a)[max(0, _int(n)) :],
    "subArray": lambda a, start, end=None: _list(a)[_int(start) : None if end is None else _int(end)],
    "createArray": lambda *items: list(items),
    "range": _range,
    "flatten": _flattened,
    "unique": _unique,
    "union": _unique,
    "intersection": _common,
    "sortBy": _sorted,
    "sortByDescending": partial(_sorted, down=True),
    "getProperty": _property,
    "setProperty": lambda a, name, value: {**a, name: value},
    "addProperty": lambda a, name, value: {**a, name: value},
    "removeProperty": lambda a, name: {k: v for k, v in a.items() if k != name},
    "merge": _merged,
    "json": _json,
    # numbers
    "add": lambda *n: _folded(_plus, *n),
    "sub": lambda *n: _folded(lambda a, b: _bounded(_number(a) - _number(b)), *n),
    "mul": lambda *n: _folded(lambda a, b: _bounded(_number(a) * _number(b)), *n),
    "div": lambda *n: _folded(_divided, *n),
    "mod": lambda a, b: int(math.fmod(_int(a), _int(b))),
    "exp": _power,
    "sqrt": lambda a: math.sqrt(_number(a)),
    "abs": lambda a: abs(_number(a)),
    "ceiling": lambda a: math.ceil(_number(a)),
    "floor": lambda a: math.floor(_number(a)),
    "round": _rounded,
    "min": lambda *n: min(_numbers(*n)),
    "max": lambda *n: max(_numbers(*n)),
    "sum": lambda *n: _bounded(sum(_numbers(*n))),
    "average": lambda *n: _bounded(sum(_numbers(*n)) / len(_numbers(*n))),
    "formatNumber": format_number,
    # conversions and kinds
    "string": lambda a, locale="": text_of(a),
    "int": _int,
    "float": lambda a: float(_number(a)),
    "bool": _bool,
    "isString": _kind(str),
    "isBoolean": _kind(bool),
    "isArray": _kind(list),
    "isObject": _kind(dict),
    "isInteger": lambda a: _kind(int, float)(a) and float(a).is_integer(),
    "isFloat": lambda a: _kind(float)(a) and not a.is_integer(),
    # dates
    **dates.FUNCTIONS,
}
