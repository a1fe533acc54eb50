"""What is to be extracted, however it is given: a class, a JSON Schema, a file, or the short form."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copilot.errors import EverpilotError, SettingsError
from copilot.jobs.rows import shortform

Schema = dict[str, Any]

_CLASS = re.compile(r"(?P<module>[A-Za-z_][\w.]*|[^:,\[\]{}]+\.py):(?P<name>[A-Za-z_][\w.]*)\Z")
_FILES = (".json", ".yaml", ".yml")


def schema_of(given: str | Path | type | Mapping[str, Any], *, classes: bool = True) -> Schema:
    """Return the JSON Schema of an object with the fields of `given`, checked.

    `given` is a pydantic class (or dataclass, TypedDict), a schema, the path of a JSON or YAML file with one, the name
    of a class (`module:Class`, `file.py:Class`), or the short form (`shortform`). A name of a class runs its module:
    where the text is not the person's own, `classes=False` refuses it. Raises SettingsError (code "schema"), which
    names the field.
    """
    if isinstance(given, Mapping):
        return checked(dict(given), "The schema")
    if isinstance(given, type):
        return _of_class(given)
    text = str(given).strip()
    if isinstance(given, Path) or text.lower().endswith(_FILES):
        return _of_file(Path(text))
    if text.startswith("{"):
        return _of_json(text)
    match = _CLASS.match(text)
    if match and match["name"].lower() not in shortform.KINDS:
        return _named(match["module"], match["name"], classes)
    return checked(shortform.parse(text), "The short form")


def checked(schema: Schema, what: str) -> Schema:
    """Return the schema if it is one of an object with fields, complete in itself; raises SettingsError."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema, Draft202012Validator).check_schema(schema)
        _check_references(schema, schema, "")
    except SchemaError as error:
        raise _wrong(what, f"{_field(list(error.absolute_path))}{error.message[:200]}") from None
    except (RecursionError, TypeError) as error:
        raise _wrong(what, f"it can't be checked ({type(error).__name__})") from None
    if not isinstance(resolved(schema, schema).get("properties"), dict) or not resolved(schema, schema)["properties"]:
        raise _wrong(what, 'it describes no object with fields ("type": "object", "properties": {...})')
    return schema


def resolved(node: Any, root: Schema) -> Schema:
    """Return what a node of a schema says, behind references within the schema; {} where it says nothing."""
    for _ in range(30):
        if not isinstance(node, dict):
            return {}
        if not isinstance(node.get("$ref"), str):
            return node
        node = _target(node["$ref"], root)
    return {}


def _target(reference: str, root: Schema) -> Any:
    found: Any = root
    for key in reference.removeprefix("#").strip("/").split("/"):
        key = key.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) and key else found if not key else None
    return found


def _check_references(node: Any, root: Schema, at: str) -> None:
    """Raise SettingsError for a reference to elsewhere, which is never fetched, or to nothing."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and (not reference.startswith("#") or _target(reference, root) is None):
            raise _wrong("The schema", f"{at or 'it'} refers to {reference!r}, which is not in it")
        for name, each in node.items():
            _check_references(each, root, f"{at}.{name}" if at else str(name))
    elif isinstance(node, list):
        for number, each in enumerate(node):
            _check_references(each, root, f"{at}[{number}]")


def _of_class(given: type) -> Schema:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        made = TypeAdapter(given).json_schema()
    except PydanticUserError as error:
        raise _wrong(
            given.__name__, f"pydantic makes no schema of it: {error.message.splitlines()[0].split('. ')[0]}"
        ) from None
    return checked(made, given.__name__)


def _of_file(path: Path) -> Schema:
    from copilot.jobs.recipes.fields import schema_of as of_map
    from copilot.plugins.files import most_of

    try:
        found = most_of(path)
        if isinstance(found, dict) and not {"$schema", "$ref", "properties"} & found.keys():
            found = of_map(found)  # the short form as recipes have it
    except EverpilotError as error:
        raise SettingsError(error.message, hint=error.hint, code="schema") from error
    except ValueError as error:
        raise _wrong(str(path), str(error)) from None
    if not isinstance(found, dict):
        raise _wrong(str(path), f"it holds a {type(found).__name__} and no schema")
    return checked(found, str(path))


def _of_json(text: str) -> Schema:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong("The schema", f"it is no valid JSON ({error})") from None
    return checked(found, "The schema")


def _named(module: str, name: str, classes: bool) -> Schema:
    if not classes:
        raise SettingsError(
            f"The class {module}:{name} is not loaded from here.", hint="Write a schema.", code="schema"
        )
    found: Any = _module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        there = ", ".join(n for n, each in vars(_module(module)).items() if isinstance(each, type) and n[0] != "_")[
            :300
        ]
        raise SettingsError(f"{module} has no class {name!r}.", hint=f"There is: {there or 'none'}.", code="schema")
    return _of_class(found)


def _module(name: str) -> Any:
    """Return a module by its name, or by its file; a module in the folder that the command runs in is found, too."""
    path = Path(name) if name.endswith(".py") else Path(*name.split(".")).with_suffix(".py")
    try:
        if not path.is_file() or (not name.endswith(".py") and name in sys.modules):
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)  # pydantic looks up annotations there
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a person's own module raises while it is loaded
        why = f"{type(error).__name__}: {error}"[:300]
        hint = "Mend it, or check the name."
        raise SettingsError(f"{name} can't be loaded ({why}).", hint=hint, code="schema") from error
    return module


def _field(path: list[Any]) -> str:
    names = [str(part) for part in path if part not in ("properties", "items", "$defs")]
    return f"the field {'.'.join(names)!r}: " if names else ""


def _wrong(what: str, why: str) -> SettingsError:
    return SettingsError(f"{what} can't be used: {why}.", hint="Write a JSON Schema of an object.", code="schema")
