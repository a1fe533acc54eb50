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
    return schema


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
