"""An API as it is kept after it was compiled: plain data, written as JSON and read back without the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

Place = Literal["path", "query", "header", "cookie", "querystring"]
PLACES: frozenset[str] = frozenset(get_args(Place))
#: How the arguments of a call become a body: properties of one object, one value, the text of it, or a file's bytes.
BodyMode = Literal["flat", "whole", "text", "file"]
#: A security requirement: what is needed together, scheme by scheme, with its scopes.
Requirement = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the argument it is filled from, its own name and place, and how it is written.

    `media` is set where the parameter has `content` in place of a schema (OpenAPI 3.1.1, section 4.8.12.2).
    """

    arg: str
    name: str
    place: Place
    style: str = "simple"
    explode: bool = False
    reserved: bool = False
    media: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body: `fields` are arguments and the properties they fill (mode "flat"), `arg` the only argument of
    the other modes; `files` are properties whose argument names a document; `encoding` as in OpenAPI 3.1.1, 4.8.15."""

    media: str
    mode: BodyMode
    arg: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    encoding: dict[str, dict[str, Any]] = field(default_factory=dict)
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: how it is called, and what a model is told of it.

    `id` is the document's operationId (or one that was derived), `name` the second part of the tool's name, `schema`
    the arguments. `reads` says that it only asks for something. `security` are alternatives, none needed where empty.
    `pages` is the argument that takes the address of a next page, "" where the document shows no such addresses.
    """

    id: str
    name: str
    method: str
    path: str
    server: str
    description: str
    schema: dict[str, Any]
    reads: bool
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    security: tuple[Requirement, ...] = ()
    examples: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    select: str = ""
    pages: str = ""
    idempotency: str = "Idempotency-Key"
    consequential: bool | None = None  # what x-openai-isConsequential says

    @property
    def label(self) -> str:
        """Its method and path: "GET /pets/{id}"."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Api:
    """A compiled API. `form` is "openapi 3.1" or the like, `schemes` its security schemes by name, `problems` are
    (where, reason, severity) of all that was repaired or left out."""

    title: str
    version: str
    form: str
    description: str
    operations: tuple[Operation, ...]
    schemes: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: tuple[tuple[str, str, str], ...] = ()

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that its operations lie at, each once: "https://api.contoso.com"."""
        from urllib.parse import urlsplit

        parts = (urlsplit(each.server) for each in self.operations)
        return tuple(dict.fromkeys(f"{p.scheme}://{p.netloc}" for p in parts if p.netloc))

    def operation(self, operation_id: str) -> Operation | None:
        """Return the operation with this operationId, None if there is none."""
        return next((each for each in self.operations if each.id == operation_id), None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        made = _fields(self)
        made["operations"] = [
            {
                **_fields(each),
                "parameters": [_fields(parameter) for parameter in each.parameters],
                "body": None if each.body is None else _fields(each.body),
            }
            for each in self.operations
        ]
        return made

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Api:
        """Return what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        operations = tuple(_operation(each) for each in data["operations"])
        problems = tuple((str(where), str(reason), str(severity)) for where, reason, severity in data["problems"])
        return cls(**{**data, "operations": operations, "problems": problems})


def _fields(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _operation(data: dict[str, Any]) -> Operation:
    body = data["body"]
    lists = {key: tuple(data[key]) for key in ("security", "examples", "cues")}
    made = {
        "parameters": tuple(Parameter(**each) for each in data["parameters"]),
        "body": None if body is None else Body(**{**body, "files": tuple(body["files"])}),
    }
    return Operation(**{**data, **lists, **made})
