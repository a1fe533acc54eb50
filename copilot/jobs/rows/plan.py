"""Which columns and tables the values of a schema need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from copilot.jobs.rows.schemas import Schema, resolved

#: What a cell holds; "any" are scalars of no one type, "json" what has no columns of its own.
Kind = Literal["text", "integer", "number", "boolean", "date", "datetime", "any", "json"]
Path = tuple[str, ...]

_KINDS: dict[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
_FORMATS: dict[str, Kind] = {"date": "date", "date-time": "datetime"}
_TYPE_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number"}
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, where its value lies in an object, and what that is; `many` are lists of such values."""

    name: str
    path: Path
    kind: Kind = "text"
    many: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of an object, and the lists of objects in it, each a table of its own."""

    name: str
    path: Path = ()
    columns: tuple[Column, ...] = ()
    children: tuple[Table, ...] = ()
    known: frozenset[Path] = frozenset()

    def below(self) -> Iterator[Table]:
        """Yield the tables below, outer ones first."""
        for child in self.children:
            yield child
            yield from child.below()


@dataclass
class _Parts:
    prefix: str = ""
    columns: list[Column] = field(default_factory=list)
    children: list[Table] = field(default_factory=list)


def plan(schema: Schema, name: str = "results") -> Table:
    """Return the table of the values of a schema: nested objects flattened with dots, lists of objects below it.

    What nests deeper than a person would, or holds itself, is one column of JSON.
    """
    return _Planner(schema).table(schema, name, (), frozenset())


def unique(names: Iterable[str]) -> list[str]:
    """Return names that differ also where case does not count: later ones get a number."""
    taken: set[str] = set()
    made = []
    for name in names:
        chosen, number = name, 2
        while chosen.casefold() in taken:
            chosen, number = f"{name} ({number})", number + 1
        taken.add(chosen.casefold())
        made.append(chosen)
    return made


class _Planner:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._names: list[str] = []

    def table(self, node: Any, name: str, path: Path, above: frozenset[int]) -> Table:
        self._names = unique([*self._names, name])
        name = self._names[-1]
        parts = _Parts(f"{name}." if path else "")
        self._collect(_simple(node, self._root), (), parts, above)
        names = unique(column.name for column in parts.columns)
        columns = tuple(Column(n, c.path, c.kind, c.many) for n, c in zip(names, parts.columns, strict=True))
        known = frozenset([*(c.path for c in columns), *(c.path for c in parts.children)])
        return Table(name, path, columns, tuple(parts.children), known)

    def _collect(self, schema: Schema, path: Path, parts: _Parts, above: frozenset[int]) -> None:
        """Add what an object at `path` has; `above` are the objects that it lies in."""
        properties = _properties(schema)
        for name, each in properties.items():
            self._add(each, (*path, name), parts, above | {id(properties)})

    def _add(self, node: Any, path: Path, parts: _Parts, above: frozenset[int]) -> None:
        schema, name = _simple(node, self._root), ".".join(path)
        if self._has_columns(schema, above):
            self._collect(schema, path, parts, above)
        elif _type(schema) == "array":
            items = _simple(schema.get("items"), self._root)
            if self._has_columns(items, above):
                parts.children.append(self.table(items, parts.prefix + name, path, above))
            else:
                parts.columns.append(Column(name, path, kind := _kind(items), kind != "json"))
        else:
            parts.columns.append(Column(name, path, _kind(schema)))

    def _has_columns(self, schema: Schema, above: frozenset[int]) -> bool:
        properties = _properties(schema)
        return bool(properties) and id(properties) not in above and len(above) < _DEEPEST


def _simple(node: Any, root: Schema, depth: int = 20) -> Schema:
    """Return a schema without references, and without the null of a value that may be missing."""
    schema = resolved(node, root)
    union = next((each for each in ("anyOf", "oneOf", "allOf") if isinstance(schema.get(each), list)), None)
    if union is None or depth == 0:
        return schema
    rest = {key: value for key, value in schema.items() if key != union}
    options = [_simple(each, root, depth - 1) for each in schema[union][:20]] if depth > 15 else []
    there = [each for each in options if each.get("type") != "null"]
    if len(there) == 1:
        return {**there[0], **rest}
    if union == "allOf":
        return {**rest, "properties": {name: one for each in (*there, rest) for name, one in _properties(each).items()}}
    kinds = {_kind(each) for each in there}
    return {**there[0], **rest} if len(kinds) == 1 and "json" not in kinds else {**rest, "type": "mixed"}


def _properties(schema: Schema) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) and _type(schema) in ("object", "") else {}


def _type(schema: Schema) -> str:
    """Return the one type beside null, "" for none, "mixed" for several."""
    given = schema.get("type")
    if isinstance(given, str):
        return given
    if isinstance(given, list):
        kinds = [each for each in given if each != "null"]
        return str(kinds[0]) if len(kinds) == 1 else "number" if set(kinds) == {"integer", "number"} else "mixed"
    values = schema.get("enum", [schema.get("const")])
    named = {_TYPE_NAMES.get(type(value), "mixed") for value in values if value is not None}
    return named.pop() if len(named) == 1 else "mixed" if named else ""


def _kind(schema: Schema) -> Kind:
    name = _type(schema)
    if name == "string":
        return _FORMATS.get(str(schema.get("format")), "text")
    return _KINDS.get(name, "json" if name in ("object", "array") else "any")
