"""Structured parameters of operations: which fields they take, and what is wrong with one, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from typing_extensions import is_typeddict


def spelled(annotation: Any) -> str:
    """Return the fields of the structures in a type, `?` behind those that may be left out: "{values, name?}".

    Empty for a type that has none.
    """
    return " or ".join(dict.fromkeys(f"{{{', '.join(_fields(each))}}}" for each in _structures(annotation)))


def _structures(annotation: Any) -> Iterator[Any]:
    if is_typeddict(annotation) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield annotation
    for part in get_args(annotation):
        yield from _structures(part)


def _fields(structure: Any) -> Iterator[str]:
    if is_typeddict(structure):
        for name, hint in get_type_hints(structure, include_extras=True).items():
            needed = get_origin(hint) is Required or (structure.__total__ and get_origin(hint) is not NotRequired)
            yield name if needed else f"{name}?"
    else:
        fields = structure.model_fields.items()
        yield from ((field.alias or name) + ("" if field.is_required() else "?") for name, field in fields)


def problems(error: ValidationError, given: Mapping[str, Any]) -> str:
    """Return what pydantic found wrong in `given`: "series.1.axis: Extra inputs are not permitted; ..."."""
    found = error.errors()
    deeper = {tuple(e["loc"][:depth]) for e in found for depth in range(len(e["loc"]) - 1)}
    told: dict[str, list[str]] = {}
    for each in found:
        at, inside = _place(each["loc"], given, missing=each["type"] == "missing")
        if not inside and each["loc"][:-1] in deeper:
            continue  # another kind of value would do as well, and the one that was meant is told about
        told.setdefault(".".join(map(str, at)) or "fields", []).append(each["msg"].removeprefix("Value error, "))
    return "; ".join(f"{place}: {_either(said)}" for place, said in told.items())


def _either(said: Sequence[str]) -> str:
    """Return what is said of one place as one: "Input should be a valid integer or a valid string"."""
    first, *others = dict.fromkeys(said)
    return " or ".join([first, *(each.removeprefix("Input should be ") for each in others)])


def _place(loc: Sequence[int | str], given: Any, *, missing: bool) -> tuple[list[int | str], bool]:
    """Return an error's place without the names of types, and whether it ends with a field or an item."""
    found: list[int | str] = []
    inside = True
    for number, step in enumerate(loc):
        last = number == len(loc) - 1
        if isinstance(given, Mapping) and (step in given or (last and missing)):
            found.append(step)
            given, inside = given.get(step), True
        elif isinstance(given, (list, tuple)) and isinstance(step, int) and step < len(given):
            found.append(step)
            given, inside = given[step], True
        else:
            inside = False
    return found, inside
