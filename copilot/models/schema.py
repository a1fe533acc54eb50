"""The part of JSON Schema (draft 2020-12) that tool parameters are written in: types, enum, objects, arrays, unions.

Keywords that are not known here are not checked: whoever runs the tool checks its arguments again.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_DEEPEST = 30


def problem(value: Any, schema: Schema) -> str:
    """Return the first thing about `value` that its schema does not allow, with its place, or ""."""
    return _check(value, schema, schema, "", 0)


def _check(value: Any, schema: Any, root: Schema, at: str, depth: int) -> str:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return ""
    schema = _resolved(schema, root)
    here = at or "arguments"
    if "type" in schema and not _is_type(value, schema["type"]):
        return f"{here}: should be {_words(schema['type'])}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{here}: should be one of {', '.join(map(repr, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        return f"{here}: should be {schema['const']!r}"
    for part in schema.get("allOf", ()):
        if found := _check(value, part, root, at, depth + 1):
            return found
    for union in ("anyOf", "oneOf"):
        problems = [_check(value, part, root, at, depth + 1) for part in schema.get(union, ())]
        if problems and all(problems):
            return problems[0]
    if isinstance(value, dict):
        return _object(value, schema, root, at, depth)
    return _array(value, schema, root, at, depth) if isinstance(value, list) else ""


def _object(value: dict[str, Any], schema: Schema, root: Schema, at: str, depth: int) -> str:
    properties = schema.get("properties", {})
    dot = f"{at}." if at else ""
    if missing := next((name for name in schema.get("required", ()) if name not in value), None):
        return f"{dot}{missing}: is missing"
    for name, item in value.items():
        rest = schema.get("additionalProperties", True)
        if name not in properties and rest is False:
            return f"{dot}{name}: is not known; there is {', '.join(properties) or 'nothing'}"
        if found := _check(item, properties.get(name, rest), root, f"{dot}{name}", depth + 1):
            return found
    return ""


def _array(value: list[Any], schema: Schema, root: Schema, at: str, depth: int) -> str:
    items = schema.get("items")
    checks = (_check(item, items, root, f"{at}[{i}]", depth + 1) for i, item in enumerate(value))
    return next((found for found in checks if found), "")


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(_DEEPEST):
        ref = schema.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/"):
            break
        found: Any = root
        for key in ref[2:].split("/"):
            found = found.get(key.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
        schema = found if isinstance(found, dict) else {}
    return schema


def _is_type(value: Any, types: Any) -> bool:
    return any(_is_one(value, name) for name in ([types] if isinstance(types, str) else types))


def _is_one(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))


def _words(types: Any) -> str:
    return types if isinstance(types, str) else " or ".join(types)
