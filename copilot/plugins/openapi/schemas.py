"""Schemas of an API as lean JSON Schemas of arguments (draft 2020-12): what a model needs, and no more.

OpenAPI 3.0 has a dialect of its own (3.0.4, section 4.7.24): `nullable`, boolean `exclusiveMinimum`. Both are
converted, `readOnly` properties are left out (they are not sent), circles stay references to `$defs`. A pattern becomes
a word of the description: a stranger's regular expression is not run. `oneOf` becomes `anyOf`: real schemas overlap,
and the service itself has the last word.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from copilot.plugins.openapi.document import Document, Node

#: Limits of the schema of one tool: pieces and levels that stand in it (or in one definition) themselves, characters of
#: all its definitions together as JSON.
MOST_PIECES, DEEPEST, MOST_DEFINED = 250, 16, 12_000
#: Characters of a property's description, and values of an enumeration, that a model is shown.
MOST_WORDS, MOST_VALUES = 160, 60
#: Characters of a description further down, and the level from which on a property is further down.
_FEWER_WORDS, _DOWN = 60, 2

_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
#: What documents write in place of a type.
_MEANT = {
    **{"int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "float": "number"},
    **{"double": "number", "decimal": "number", "bool": "boolean", "file": "string", "str": "string"},
    **{"date": "string", "datetime": "string", "date-time": "string", "uuid": "string", "text": "string"},
    **{"list": "array", "dict": "object", "map": "object", "String": "string", "Integer": "integer"},
}
_FORMATS = frozenset({"date", "date-time", "time", "email", "uri", "uuid", "duration", "byte", "binary"})
_NUMBERS = ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
#: Parts of an `allOf` that hold nothing else are one object.
_MERGES = frozenset({"type", "properties", "required", "description", "title", "allOf", "nullable", "deprecated"})
_MERGES_TOO = frozenset({"example", "examples", "externalDocs", "xml", "discriminator", "$ref", "additionalProperties"})
_COMPLEX = ("properties", "items", "allOf", "oneOf", "anyOf", "additionalProperties", "prefixItems", "not", "$ref")


_Where = tuple[str, str]  # a file and a JSON pointer


class Definitions:
    """The schemas of a document that others refer to: each is named, and converted, once for all tools."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._names: dict[_Where, str] = {}
        self._taken: set[str] = set()
        self._made: dict[_Where, tuple[dict[str, Any], list[Node], int]] = {}

    def name(self, node: Node) -> str:
        """Return the name of a schema under `$defs`: the last step of its pointer, numbered if it is taken."""
        place = (node.file, node.pointer)
        if place not in self._names:
            plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", node.pointer.rpartition("/")[2]) or "schema"
            numbered = (f"{plain}_{number}" for number in count(2))
            free = plain if plain not in self._taken else next(n for n in numbered if n not in self._taken)
            self._names[place] = free
            self._taken.add(free)
        return self._names[place]

    def made(self, node: Node) -> tuple[dict[str, Any], list[Node], int]:
        """Return the lean form of a schema, what it refers to, and its characters as JSON."""
        place = (node.file, node.pointer)
        if place not in self._made:
            lean = Lean(self)
            made = lean.of(node, 1)
            self._made[place] = made, lean.referred, len(json.dumps(made))
        return self._made[place]

    def left_out(self, node: Node) -> dict[str, Any]:
        """Return what stands in the place of a schema that one tool has no room for."""
        return {**_type(node.map), "description": "not spelled out"}


class Lean:
    """The schemas of one tool, as far as they stand in it themselves; `referred` is what they refer to."""

    def __init__(self, shared: Definitions) -> None:
        self._shared = shared
        self._document = shared.document
        self.referred: list[Node] = []
        self.pieces = 0

    def of(self, node: Node, depth: int = 0) -> dict[str, Any]:
        """Return the lean form of a schema. What it refers to is defined by `finish`."""
        if isinstance(node.value, bool) or not node.map:
            return {}
        if isinstance(node.map.get("$ref"), str):
            return self._reference(node, depth)
        self.pieces += 1
        if depth > DEEPEST or self.pieces > MOST_PIECES:
            return _left_out(node)
        return _nullable(node.map, self._converted(self.merged(node), depth))

    def finish(self) -> dict[str, Any]:
        """Return the definitions of all that was referred to; those beyond the limits allow anything, and say so."""
        found: dict[str, Any] = {}
        waiting, size = deque(self.referred), 0
        while waiting:
            node = waiting.popleft()
            if (name := self._shared.name(node)) in found:
                continue
            if size > MOST_DEFINED:
                found[name] = self._shared.left_out(node)
                continue
            found[name], referred, more = self._shared.made(node)
            waiting.extend(referred)
            size += more
        return found

    def merged(self, node: Node) -> Node:
        """Return the schema with an `allOf` of plain objects as one object; any other schema as it is."""
        if not isinstance(node.map.get("allOf"), list):
            return node
        parts = list(self._parts(node, set(), 0))
        if len(parts) > 1 and not all(set(_known(part)) <= _MERGES | _MERGES_TOO for part in parts):
            return node
        whole: dict[str, Any] = {}
        for part in parts:
            whole = _both(whole, part)
        whole.pop("allOf", None)
        whole |= {key: node.map[key] for key in ("description", "nullable", "readOnly") if key in node.map}
        return Node(whole, node.file, node.pointer)

    def writable(self, node: Node) -> Iterator[tuple[str, Node, bool]]:
        """Yield name, schema and necessity of the properties of an object that may be sent."""
        properties = node.child("properties")
        required = node.map.get("required")
        wanted = [each for each in required if isinstance(each, str)] if isinstance(required, list) else []
        for name in properties.map:
            each = _unwrapped(properties.child(name))
            shown = self._at(each)
            if isinstance(shown.value, dict | bool) and shown.map.get("readOnly") is not True:
                yield name, each, name in wanted or shown.map.get("required") is True

    def _at(self, node: Node) -> Node:
        return self._document.follow(node)

    def _parts(self, node: Node, seen: set[_Where], depth: int) -> Iterator[dict[str, Any]]:
        """Yield a schema's own keywords and, first, those of all parts of its `allOf`, absolute in their references.

        A part that is named twice, or in a circle, comes once: it says the same each time.
        """
        for part in node.child("allOf").items:
            found = self._at(part)
            place = (found.file, found.pointer)
            if place not in seen and depth < DEEPEST:
                seen.add(place)
                yield from self._parts(found, seen, depth + 1)
        own = {key: value for key, value in node.map.items() if key != "allOf"}
        properties = node.child("properties")
        if properties.map:
            own["properties"] = {name: _Placed(properties.child(name)) for name in properties.map}
        yield own

    def _reference(self, node: Node, depth: int) -> dict[str, Any]:
        found = self._at(node)
        beside = _words(node.map)
        if not any(key in found.map for key in _COMPLEX):
            return {**self.of(found, depth + 1), **beside}
        self.referred.append(found)
        return _nullable(node.map, {"$ref": f"#/$defs/{self._shared.name(found)}", **beside})

    def _converted(self, node: Node, depth: int) -> dict[str, Any]:
        value = node.map
        most = MOST_WORDS if depth < _DOWN else _FEWER_WORDS
        made = {**_type(value), **_limits(value), **_words(value, most)}
        for key in ("items", "not", "contains", "propertyNames", "additionalProperties"):
            if isinstance(value.get(key), dict):
                made[key] = self.of(_placed(node, key), depth + 1)
        if value.get("additionalProperties") is False:
            made["additionalProperties"] = False
        for key, meant in (("allOf", "allOf"), ("anyOf", "anyOf"), ("oneOf", "anyOf")):
            if branches := [self.of(branch, depth + 1) for branch in node.child(key).items]:
                made[meant] = made.get(meant, []) + branches
        if tuples := [self.of(each, depth + 1) for each in node.child("prefixItems").items]:
            made["prefixItems"] = tuples
        only = made.get("allOf", []) if set(made) <= {"allOf", "description"} else []
        made = {**only[0], **_words(value)} if len(only) == 1 else made
        return made | self._properties(node, depth)

    def _properties(self, node: Node, depth: int) -> dict[str, Any]:
        properties, wanted = {}, []
        for name, each, needed in self.writable(node):
            properties[name] = self.of(_unwrapped(each), depth + 1)
            wanted += [name] if needed else []
        found: dict[str, Any] = {"properties": properties} if properties else {}
        return found | ({"required": wanted} if wanted else {})


class _Placed(dict[str, Any]):
    """A schema that was taken to another place: it remembers where it stood, which its references start from."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.map)
        self.node = node


def _placed(node: Node, key: str) -> Node:
    return _unwrapped(node.child(key))


def _unwrapped(node: Node) -> Node:
    return node.value.node if isinstance(node.value, _Placed) else node


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    made = {**one, **other}
    for key in ("properties", "required"):
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            made[key] = {**mine, **theirs}
        elif isinstance(mine, list) and isinstance(theirs, list):
            made[key] = mine + theirs
    return made


def _known(part: Mapping[str, Any]) -> Iterator[str]:
    for key, value in part.items():
        if not key.startswith("x-"):
            yield "closed" if key == "additionalProperties" and value not in (True, {}) else key


def _type(value: Mapping[str, Any]) -> dict[str, Any]:
    given = value.get("type")
    names = given if isinstance(given, list) else [given]
    meant = [_MEANT.get(n, n) for n in names if isinstance(n, str)]
    types = list(dict.fromkeys(n for n in meant if n in _TYPES))
    if not types and isinstance(value.get("properties"), dict):
        types = ["object"]
    made: dict[str, Any] = {"type": types[0] if len(types) == 1 else types} if types else {}
    if str(value.get("format")) in _FORMATS:
        made["format"] = value["format"]
    if given == "file":
        made["format"] = "binary"
    return made


def _limits(value: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {key: value[key] for key in _NUMBERS if _is_number(value.get(key))}
    made |= {key: value[key] for key in _COUNTS if _is_count(value.get(key))}
    if made.get("multipleOf", 1) <= 0:
        del made["multipleOf"]
    for key, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if value.get(exclusive) is True and key in made:
            made[exclusive] = made.pop(key)
    if "const" in value and not isinstance(value["const"], dict | list):
        made["const"] = value["const"]
    default = value.get("default")
    if isinstance(default, str | int | float) and default not in ("", False) and len(str(default)) <= MOST_WORDS:
        made["default"] = default
    values = _values(value)
    return made | ({"enum": values} if 0 < len(values) <= MOST_VALUES else {})


def _values(value: Mapping[str, Any]) -> list[Any]:
    """Return the values of an enumeration, each once; null where it may be left empty."""
    given = value.get("enum")
    plain = [each for each in given if not isinstance(each, dict | list)] if isinstance(given, list) else []
    found = list({(type(each), each): each for each in plain}.values())
    return [*found, None] if found and value.get("nullable") is True and None not in found else found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _words(value: Mapping[str, Any], most: int = MOST_WORDS) -> dict[str, Any]:
    """Return what a person wrote about it, and what is told rather than checked."""
    said = shortened(value.get("description"), most)
    values, pattern = _values(value), value.get("pattern")
    if len(values) > MOST_VALUES:
        said += f" One of {', '.join(map(str, values[:20]))} and {len(values) - 20} others."
    if isinstance(pattern, str) and len(pattern) <= MOST_WORDS // 2:
        said += f" Pattern: {pattern}"
    if value.get("writeOnly") is True and "password" in str(value.get("format")):
        said += " (a secret)"
    return {"description": said.strip()} if said.strip() else {}


def _nullable(value: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Return the schema so that it takes null, where OpenAPI 3.0's `nullable` says that it does."""
    if value.get("nullable") is not True and value.get("x-nullable") is not True:
        return made
    if isinstance(made.get("type"), str):
        return {**made, "type": [made["type"], "null"]}
    if isinstance(made.get("type"), list) or not made:
        return made if not made or "null" in made["type"] else {**made, "type": [*made["type"], "null"]}
    said = {key: made.pop(key) for key in ("description",) if key in made}
    return {"anyOf": [made, {"type": "null"}], **said} if made else said


def _left_out(node: Node) -> dict[str, Any]:
    name = node.pointer.rpartition("/")[2]
    said = shortened(node.map.get("description"), MOST_WORDS)
    return {**_type(node.map), "description": f"{said} ({name}: too large to be spelled out here)".strip()}


def shortened(text: Any, most: int) -> str:
    """Return a text on one line, without what nobody sees, cut at the end of a sentence or word if it is too long."""
    from copilot.trust.sanitise.characters import without_controls

    if not isinstance(text, str):
        return ""
    line = " ".join(without_controls(text[: most * 8]).split())
    if len(line) <= most:
        return line
    cut = line[:most]
    sentence = max(cut.rfind(". "), cut.rfind("; "))
    return cut[: sentence + 1] if sentence > most // 3 else f"{cut.rpartition(' ')[0] or cut}..."
