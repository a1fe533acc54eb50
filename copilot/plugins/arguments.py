"""What a tool is called with: the parameters of a Python function, or a JSON Schema that came with the tool.

Both answer the same questions: which arguments there are, what each matters to the policy, whether a call fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from copilot.errors import PluginError, ToolInputError
from copilot.slots import RoleKind, Slot, role_of

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

#: Kinds of slots that hold what is written, rather than what names a thing that is there.
_WRITTEN = frozenset({"text", "value", "row_values", "cell_values"})
#: A wrong call is told this many things that are wrong with it.
_TOLD = 5
#: Levels of a schema that are followed; deeper ones are refused, no API has them.
_DEEPEST = 64


class Arguments(Protocol):
    """The arguments of one tool."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a call may use."""
        ...

    @property
    def roles(self) -> Mapping[str, RoleKind | None]:
        """What each argument matters to the policy (slots.Role); None for one that declares nothing."""
        ...

    @property
    def looked_up(self) -> frozenset[str]:
        """The arguments that must fit what is there already, whatever characters that has."""
        ...

    @property
    def offered(self) -> type[BaseModel] | dict[str, Any]:
        """The same in a form that LangChain takes as a tool's schema."""
        ...

    def default(self, name: str) -> Any:
        """Return what an argument is when it is not given; `...` for one that must be given or has no default."""
        ...

    def parse(self, args: Mapping[str, Any], tool: str) -> dict[str, Any]:
        """Return the arguments in their Python types; raises ToolInputError that names every wrong one."""
        ...

    def json_schema(self) -> dict[str, Any]:
        """Return them as a JSON Schema (draft 2020-12)."""
        ...


@dataclass(frozen=True)
class PythonArguments:
    """The parameters of a Python function, as a pydantic model."""

    model: type[BaseModel]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names that a call may use."""
        return tuple(self.model.model_fields)

    @cached_property
    def roles(self) -> Mapping[str, RoleKind | None]:
        """What each parameter declares to be; a switch that declares nothing is an option."""
        fields = self.model.model_fields
        declared = {name: role_of([*f.metadata, *_nested(f.annotation)]) for name, f in fields.items()}
        return {n: "option" if r is None and fields[n].annotation is bool else r for n, r in declared.items()}

    @cached_property
    def looked_up(self) -> frozenset[str]:
        """The parameters whose slot names a thing that is there."""
        fields = self.model.model_fields.items()
        kinds = {name: [m.kind for m in field.metadata if isinstance(m, Slot)] for name, field in fields}
        return frozenset(name for name, found in kinds.items() if not _WRITTEN.issuperset(found))

    @property
    def offered(self) -> type[BaseModel]:
        """The model itself."""
        return self.model

    def default(self, name: str) -> Any:
        """Return the parameter's default; `...` where it has none."""
        found = self.model.model_fields[name].default
        return ... if found is PydanticUndefined else found

    def parse(self, args: Mapping[str, Any], tool: str) -> dict[str, Any]:
        """Return the arguments in their Python types; raises ToolInputError that names every wrong one."""
        try:
            parsed = self.model.model_validate(args)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(p) for p in e['loc']) or 'arguments'}: {e['msg']}" for e in error.errors()
            )
            raise _misfit(tool, problems, self.names) from None
        return {name: getattr(parsed, name) for name in self.model.model_fields}

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return self.model.model_json_schema()

    def json_schema(self) -> dict[str, Any]:
        """Return the model's JSON Schema."""
        return dict(self._schema)


@dataclass(frozen=True)
class JsonArguments:
    """Arguments by a JSON Schema (draft 2020-12 unless `$schema` says another), as OpenAPI and MCP give them.

    `given_roles` says what arguments matter to the policy; one that is not in it is a target: it may say what is acted
    on. Build it with `of`, which refuses a schema that can't be used.
    """

    schema: Mapping[str, Any]
    given_roles: Mapping[str, RoleKind] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Any, roles: Mapping[str, RoleKind] | None = None) -> JsonArguments:
        """Return the arguments of a schema for an object; raises PluginError for one that can't be used.

        A missing type is an object's, as many servers leave it out.
        """
        if not isinstance(schema, Mapping):
            raise PluginError("the input schema is no JSON object.")
        made: dict[str, Any] = {"type": "object", "properties": {}, **schema}
        if made["type"] != "object" or not isinstance(made["properties"], Mapping):
            raise PluginError("the input schema does not describe an object.")
        if _depth(made) > _DEEPEST:
            raise PluginError(f"the input schema is nested deeper than {_DEEPEST} levels.")
        return cls(made, dict(roles or {}))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the properties."""
        return tuple(self.schema["properties"])

    @cached_property
    def roles(self) -> Mapping[str, RoleKind | None]:
        """What each argument matters: as given, else a target."""
        return {name: self.given_roles.get(name, "target") for name in self.names}

    @property
    def looked_up(self) -> frozenset[str]:
        """None: what goes elsewhere is written."""
        return frozenset()

    @property
    def offered(self) -> dict[str, Any]:
        """The schema itself."""
        return dict(self.schema)

    def default(self, name: str) -> Any:
        """Return the property's default; `...` where it has none."""
        found = self.schema["properties"].get(name)
        return found.get("default", ...) if isinstance(found, Mapping) else ...

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import Draft202012Validator, validator_for

        chosen = validator_for(self.schema, Draft202012Validator)
        try:
            chosen.check_schema(dict(self.schema))
        except SchemaError as error:
            raise PluginError(f"The input schema is broken at {error.json_path}: {error.message[:200]}") from None
        return chosen(self.schema, registry=_nothing_is_fetched())

    def parse(self, args: Mapping[str, Any], tool: str) -> dict[str, Any]:
        """Return the arguments as they are given; raises ToolInputError that names the wrong ones."""
        from jsonschema.exceptions import best_match
        from referencing.exceptions import Unresolvable

        try:
            found = sorted(self._validator.iter_errors(dict(args)), key=lambda e: list(map(str, e.absolute_path)))
            told = [best_match([error]) or error for error in found[:_TOLD]]  # of a union, the nearest branch
        except (Unresolvable, RecursionError) as error:
            raise PluginError(f"{tool}: its input schema refers to what is not there ({error}).") from None
        problems = "; ".join(f"{_place(each)}: {each.message[:200]}" for each in told)
        if problems:
            raise _misfit(tool, problems, self.names)
        return dict(args)

    def json_schema(self) -> dict[str, Any]:
        """Return the schema."""
        return dict(self.schema)


def _misfit(tool: str, problems: str, names: tuple[str, ...]) -> ToolInputError:
    hint = f"It takes: {', '.join(names) or 'nothing'}."
    return ToolInputError(f"{tool} can't take these arguments: {problems}.", hint=hint, code="arguments")


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "arguments"


def _nothing_is_fetched() -> Any:
    """Return a registry that knows the published drafts and asks nobody for a schema."""
    from jsonschema_specifications import REGISTRY

    return REGISTRY


def _depth(value: Any) -> int:
    """Return how deep a JSON value is nested, no further than one level too many."""
    level, found = [value], 0
    while level and found <= _DEEPEST:
        found += 1
        level = [child for each in level for child in _children(each)]
    return found


def _children(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _nested(annotation: object) -> Iterator[object]:
    """Yield what is declared inside a type: `list[Annotated[str, Role("recipient")]]`, or with `| None`."""
    for part in get_args(annotation):
        yield from getattr(part, "__metadata__", ())
        yield from _nested(part)


def readable(args: Mapping[str, Any]) -> str:
    """Return arguments as a person reads them before they are sent: one line each, longer values in full below.

    Texts of several lines are set in: none of them can look like a further argument.
    """
    return "\n".join(f"{_in_a_line(name)}:{_beside(_plain(value))}" for name, value in args.items())


def _in_a_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)


def _beside(text: str) -> str:
    lines = text.splitlines()
    if len(lines) < 2 or text[0] in "[{":  # JSON, in which texts have no lines
        return f" {text}"
    return "".join(f"\n  {line}" for line in lines)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=1 if isinstance(value, dict | list) else None, default=repr)
