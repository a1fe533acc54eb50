"""Schemas of tools in the little that some clients can convert: one type, texts in enumerations, unions one level deep.

Such a client breaks off at the first schema that it can't convert, and with it every call that the tool is offered in.
What is lost is said in the description; whoever runs the tool checks its arguments by the whole schema all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
#: Levels that are looked at; references that lead to each other in a circle are left alone below them.
_DEEPEST = 24
#: Values of an enumeration that the description names.
_MOST_VALUES = 40
#: What may stand beside a union that is taken apart: words only.
_WORDS = {"anyOf", "description", "title", "default"}
_MAPS, _LISTS, _ONE = ("properties", "$defs"), ("anyOf", "oneOf", "allOf"), ("items", "additionalProperties", "not")


def plain(schema: Schema) -> Schema:
    """Return the schema so that any client can convert it; the very same object where it already is so."""
    made = _plain(schema, schema, 0)
    return schema if made == schema else made


def _plain(schema: Any, root: Schema, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema
    made = _one_type(_worded(_merged(schema, root)))
    for key in _MAPS:
        if isinstance(made.get(key), dict):
            made[key] = {name: _plain(each, root, depth + 1) for name, each in made[key].items()}
    for key in _LISTS:
        if isinstance(made.get(key), list):
            made[key] = [_plain(each, root, depth + 1) for each in _branches(made[key], root, 0)]
    for key in _ONE:
        if isinstance(made.get(key), dict):
            made[key] = _plain(made[key], root, depth + 1)
    return made


def _worded(schema: Schema) -> Schema:
    """Return the schema with an enumeration of texts only; other values become words of the description."""
    given = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(given, list):
        return dict(schema)
    made = {key: value for key, value in schema.items() if key not in ("const", "enum")}
    values = [each for each in given if each is not None]
    types = schema.get("type", "string")
    if values and all(isinstance(each, str) for each in values) and "string" in types:
        return {**made, "type": types, "enum": values}
    told = ", ".join(map(str, values[:_MOST_VALUES]))
    return {**made, "description": f"{schema.get('description', '')} One of {told}.".strip()} if told else made


def _one_type(schema: Schema) -> Schema:
    """Return the schema with one type: null becomes `nullable`, several others a union."""
    given = schema.get("type")
    if not isinstance(given, list):
        return schema
    types = [each for each in given if each != "null"]
    nullable = {"nullable": True} if len(types) < len(given) else {}
    rest = {key: value for key, value in schema.items() if key != "type"}
    if len(types) == 1 or not types:
        return {**rest, "type": types[0] if types else "null", **nullable}
    return rest if "anyOf" in rest else {**rest, "anyOf": [{"type": each} for each in types], **nullable}


def _merged(schema: Schema, root: Schema) -> Schema:
    """Return an `allOf` of objects as one object, as far as its parts say properties."""
    parts = schema.get("allOf")
    found = [_target(part, root) for part in parts] if isinstance(parts, list) else []
    if len(found) < 2 or not any(isinstance(part.get("properties"), dict) for part in found):
        return schema
    rest = {key: value for key, value in schema.items() if key != "allOf"}
    made: Schema = {"type": "object", "properties": {}, "required": [], **rest}
    made["properties"] = {k: v for part in (*found, rest) for k, v in part.get("properties", {}).items()}
    made["required"] = [name for part in (*found, rest) for name in part.get("required", [])]
    return made


def _branches(branches: list[Any], root: Schema, depth: int) -> Iterator[Any]:
    """Yield the branches of a union, those of unions inside it among them."""
    for branch in branches:
        found = _target(branch, root)
        inner = found.get("anyOf")
        if isinstance(inner, list) and depth < _DEEPEST // 4 and not set(found) - _WORDS:
            yield from _branches(inner, root, depth + 1)
        else:
            yield branch


def _target(schema: Any, root: Schema) -> Schema:
    """Return what a reference to one of the schema's own definitions means, the schema itself for anything else."""
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
        return schema
    found = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
    return found if isinstance(found, dict) else schema
