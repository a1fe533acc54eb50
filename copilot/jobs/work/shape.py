"""The JSON Schema of the values that are extracted: whether it can be used, and what of an answer does not fit it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from copilot.errors import ToolInputError
from copilot.jobs.bounded import drafts, validator

_MOST_FIELDS = 200
_MOST_BYTES = 100_000
_MOST_TOLD = 20  # violations
_LONGEST = 300  # characters of one


class Shape:
    """A checked schema. Its fields are the properties of an object at the top.

    Raises ToolInputError (code "schema"): it is no JSON Schema (draft 2020-12 unless it says another), no object with
    properties, too large, or refers to what is not in it.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        import json

        try:
            size = len(json.dumps(schema))
        except (TypeError, ValueError, RecursionError) as error:
            raise _unusable(f"it is no JSON ({error})") from error
        if size > _MOST_BYTES:
            raise _unusable(f"it is larger than {_MOST_BYTES // 1000} kB")
        self.schema = dict(schema)
        properties = self.schema.get("properties")
        if not isinstance(properties, Mapping) or not properties or self.schema.get("type", "object") != "object":
            raise _unusable('it must be {"type": "object", "properties": {...}} at the top')
        if len(properties) > _MOST_FIELDS:
            raise _unusable(f"it has more than {_MOST_FIELDS} fields")
        self.fields: dict[str, Any] = dict(properties)
        required = self.schema.get("required", [])
        self.required = frozenset(required) if isinstance(required, list) else frozenset()
        self._check()

    def _check(self) -> None:
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for

        if drafts(self.schema):
            raise _unusable("a part of it has a $schema of its own")
        try:
            validator_for(self.schema, default=_draft()).check_schema(self.schema)
        except (SchemaError, TypeError, RecursionError) as error:
            raise _unusable(str(getattr(error, "message", error))[:_LONGEST]) from error
        self._resolve()
        self.problems({})

    def _resolve(self) -> None:
        """Follow every reference: one that leads out of the schema, or nowhere, is told now."""
        from referencing import Registry
        from referencing.exceptions import NoSuchAnchor, Unresolvable
        from referencing.jsonschema import DRAFT202012

        resource = DRAFT202012.create_resource(self.schema)
        resolver = Registry().with_resource("", resource).resolver()
        for reference in _references(self.schema):
            try:
                if not reference.startswith("#"):
                    raise _unusable(f"it refers to {reference[:100]!r}, which is not in it")
                resolver.lookup(reference)
            except (Unresolvable, NoSuchAnchor, ValueError, TypeError) as error:
                raise _unusable(f"it refers to {reference[:100]!r}, which is not in it") from error

    @property
    def _validator(self) -> Any:
        """A validator for one value."""
        from jsonschema import FormatChecker
        from referencing import Registry

        return validator(self.schema, self._kind, registry=Registry(), format_checker=FormatChecker())

    @cached_property
    def _kind(self) -> Any:
        from jsonschema.validators import validator_for

        return validator_for(self.schema, default=_draft())

    def admits_null(self, field: str) -> bool:
        """Return whether a field may be null, or may be left out."""
        return field not in self.required or not self._of(field, None)

    def problems_of(self, field: str, value: Any) -> list[str]:
        """Return what the schema of a field does not allow of its value, each with its place."""
        return self._of(field, value)

    def _of(self, field: str, value: Any) -> list[str]:
        part = self._validator.evolve(schema=self.fields[field])
        return self._told(part, value, field)

    def problems(self, values: Mapping[str, Any]) -> list[str]:
        """Return what the schema does not allow of all values together, each with its place."""
        return self._told(self._validator, dict(values), "")

    def _told(self, validator: Any, value: Any, at: str) -> list[str]:
        from jsonschema.exceptions import ValidationError
        from referencing.exceptions import Unresolvable

        try:
            errors: list[ValidationError] = sorted(validator.iter_errors(value), key=lambda e: str(list(e.path)))
        except (Unresolvable, RecursionError) as error:
            raise _unusable(f"a reference in it leads nowhere, or in a circle ({str(error)[:100]})") from error
        except Exception as error:  # a pattern that is no regular expression, and the like
            raise _unusable(f"it can't be applied ({type(error).__name__}: {str(error)[:100]})") from error
        return [_line(error, at) for error in errors[:_MOST_TOLD]]


def _line(error: Any, at: str) -> str:
    place = at + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"{place.lstrip('.') or 'the values'}: {error.message[:_LONGEST]}"


def _draft() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, Mapping):
        for name, value in schema.items():
            if name in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            elif name not in ("const", "enum", "default", "examples"):
                yield from _references(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _unusable(why: str) -> ToolInputError:
    hint = "The fields of a job are a JSON Schema, as pydantic's model_json_schema() makes it."
    return ToolInputError(f"The schema of the fields can't be used: {why}.", hint=hint, code="schema")
