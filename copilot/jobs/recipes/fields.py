"""The fields that a prompt asks for: a JSON Schema, or its short form.

fields:
  number: text                      a name and a type; all are asked for, and null is what is not in the document
  total: number, without currency   what stands behind the comma is told to the model
  paid: boolean
  due: date
  currency: [EUR, USD, GBP]         one of these
  lines:                            a list: [ ... ] around what an item is
    - item: text
      amount: number
  seller: {name: text, city: text}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from copilot.jobs.bounded import drafts, validator
from copilot.jobs.recipes.filters import closest

_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
}
_DEEPEST = 8
_MOST = 500


def schema_of(value: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object: as it is, or out of the short form; raises ValueError."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError('fields are names with types, such as {total: number}, or a JSON Schema of type "object"')
    if value.get("type") == "object" and isinstance(value.get("properties"), Mapping):
        return _valid(dict(value))
    return _object(value, 0)


def _valid(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        raise ValueError(f"this is no JSON Schema: {getattr(error, 'message', error)!s:.200}") from None
    _refuse(schema)
    if drafts(schema):
        raise ValueError("a part of it has a $schema of its own")
    return schema


def _refuse(part: Any) -> None:
    """Raise ValueError for what a stranger's schema may do: patterns that never end, references that lead away."""
    inner = part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ()
    if isinstance(part, Mapping):
        if any(isinstance(part.get(key), str | Mapping) for key in ("pattern", "patternProperties")):
            raise ValueError("patterns are not looked at here; write a check with the filter find")
        if not str(part.get("$ref", "#")).startswith("#") or "$dynamicRef" in part:
            raise ValueError(f"{str(part.get('$ref'))[:60]!r} leads away; a $ref begins with #")
    for each in inner:
        _refuse(each)


def misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """Return what of a value does not fit a JSON Schema, with the place, "" if all does; nothing is fetched for it."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        wrong = best_match(validator(schema, Draft202012Validator, registry=Registry()).iter_errors(value))
    except (Unresolvable, RecursionError) as error:
        return f"the schema refers to what is not there, or to itself ({type(error).__name__})"
    if wrong is None:
        return ""
    place = ".".join(str(part) for part in wrong.absolute_path)
    return f"{place}: {wrong.message[:200]}".removeprefix(": ")


def _object(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth > _DEEPEST or len(value) > _MOST:
        raise ValueError(f"fields go at most {_DEEPEST} levels deep, {_MOST} on each")
    made = {str(name): _of(str(name), each, depth + 1) for name, each in value.items()}
    return {"type": "object", "properties": made, "required": list(made), "additionalProperties": False}


def _of(name: str, value: Any, depth: int) -> dict[str, Any]:
    if isinstance(value, str):
        return _scalar(name, value)
    if isinstance(value, Mapping):
        return _valid(dict(value)) if _is_schema(value) else _object(value, depth)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        return {"type": "array", "items": _object(value[0], depth)}
    if isinstance(value, list) and len(value) == 1 and value[0] in _TYPES:
        return {"type": "array", "items": dict(_TYPES[value[0]])}
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return {"enum": [*value, None]}
    raise ValueError(f"{name}: a field is a type ({', '.join(_TYPES)}), a list of choices, [items] or a map")


def _is_schema(value: Mapping[str, Any]) -> bool:
    """Return whether a map is a JSON Schema, and no object that has a field called "type"."""
    beside = {"description", "enum", "items", "properties", "format", "minimum", "maximum", "pattern"} & value.keys()
    return "enum" in value or ("type" in value and bool(beside)) or value.get("type") in ("object", "array")


def _scalar(name: str, written: str) -> dict[str, Any]:
    kind, _, told = written.partition(",")
    if kind.strip() not in _TYPES:
        raise ValueError(f"{name}: there is no type {kind.strip()!r}. {closest(kind.strip(), tuple(_TYPES))}")
    made = dict(_TYPES[kind.strip()])
    made["type"] = [made["type"], "null"]
    return {**made, "description": told.strip()} if told.strip() else made


Schema = Annotated[dict[str, Any], BeforeValidator(schema_of)]
