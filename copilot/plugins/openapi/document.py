"""An OpenAPI document: its text read, its references followed. Nothing is fetched from anywhere.

References lead to places in the same file or in other files below the plugin's root (OpenAPI 3.1.1, section 4.6). One
that leads to another machine, out of the root or into nothing is told and counts as a schema that allows anything.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from copilot.errors import PluginError

#: Bytes of one file. YAML takes about two seconds for a megabyte, JSON a hundredth of that.
MOST_JSON, MOST_YAML = 64_000_000, 16_000_000
#: References that lead to each other before the chain counts as a circle.
_MOST_HOPS = 32
#: Characters of what is told about a reference.
_MOST_REASON = 500
#: Other files that references may lead to.
_MOST_FILES = 500

#: How a file is read: its path below the root and the most bytes; raises PluginError.
ReadFile = Callable[[str, int], bytes]


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a document: the value, the file it stands in, and its JSON pointer there (RFC 6901)."""

    value: Any
    file: str
    pointer: str = ""

    def child(self, *names: str | int) -> Node:
        """Return the piece below, with None as its value where there is none."""
        value, pointer = self.value, self.pointer
        for name in map(str, names):
            value = _step(value, name)
            pointer += "/" + (name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name)
        return Node(value, self.file, pointer)

    @property
    def map(self) -> Mapping[str, Any]:
        """The value as an object, an empty one if it is none."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The pieces of an array, none if it is none."""
        found = self.value if isinstance(self.value, list) else []
        return [self.child(number) for number in range(len(found))]


@dataclass
class Document:
    """A document with all files that it refers to; `complain` is told of each reference that leads nowhere, once."""

    path: str
    read: ReadFile
    complain: Callable[[str], None] = lambda reason: None
    _files: dict[str, Any] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    @property
    def root(self) -> Node:
        """The whole of the first file. Raises PluginError."""
        return Node(self._file(self.path), self.path)

    def put(self, root: dict[str, Any]) -> None:
        """Take this in place of the first file, as it is after it was converted."""
        self._files[self.path] = root

    def follow(self, node: Node) -> Node:
        """Return what the node refers to in the end: itself, if it has no `$ref`. Never raises."""
        for _ in range(_MOST_HOPS):
            reference = node.map.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self.target(reference, node.file)
        self._tell(f"{node.pointer} refers to itself in a circle")
        return Node({}, node.file, node.pointer)

    def target(self, reference: str, file: str) -> Node:
        """Return the place that a reference in `file` names; an empty object where there is none."""
        try:
            return self._target(reference, file)
        except PluginError as error:
            self._tell(f"$ref {reference!r}: {error.message}")
            return Node({}, file, reference)

    def _target(self, reference: str, file: str) -> Node:
        path, _, fragment = reference.partition("#")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", path):
            raise PluginError("it leads to another place on the web, and nothing is fetched.")
        if path:
            file = posixpath.normpath(posixpath.join(posixpath.dirname(file), unquote(path)))
        node = Node(self._file(file), file)
        steps = [unquote(s).replace("~1", "/").replace("~0", "~") for s in fragment.split("/")[1:]]
        if fragment and not fragment.startswith("/"):
            raise PluginError("it is no JSON pointer.")
        found = node.child(*steps)
        if found.value is None:
            raise PluginError("there is nothing.")
        return found

    def _file(self, path: str) -> Any:
        if path not in self._files:
            if len(self._files) >= _MOST_FILES:
                raise PluginError(f"the document refers to more than {_MOST_FILES} files.")
            self._files[path] = {}  # one that is broken is read, and told, once
            self._files[path] = parsed(self.read(path, MOST_JSON), path)
        return self._files[path]

    def files(self) -> list[str]:
        """Return the files that were read so far."""
        return list(self._files)

    def _tell(self, reason: str) -> None:
        from copilot.trust.sanitise import safe_text

        reason = safe_text(reason)[:_MOST_REASON]
        if reason not in self._told:
            self._told.add(reason)
            self.complain(reason)


def parsed(content: bytes, name: str) -> Any:
    """Return the JSON or YAML in a file. Raises PluginError that names the file and says where it is broken."""
    text = _text(content, name)
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text, parse_constant=lambda word: None)
        except RecursionError:
            raise PluginError(f"{name} is nested too deep.") from None
        except ValueError as error:
            return _flow(text, name, error)
    if len(content) > MOST_YAML:
        raise PluginError(f"{name} is too large for YAML: over {MOST_YAML // 1_000_000} MB.", hint="Give it as JSON.")
    return _yaml(text, name)


def _text(content: bytes, name: str) -> str:
    for encoding in ("utf-8-sig", "utf-16") if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise PluginError(f"{name} is no text in UTF-8.")


def _flow(text: str, name: str, error: ValueError) -> Any:
    """Return what is no JSON as YAML's flow style: keys without quotes, comments, a comma at the end."""
    try:
        if len(text) <= MOST_YAML // 4:
            return _yaml(text, name)
    except PluginError as other:
        if "deep" in other.message or "depth" in other.message:
            raise
    raise PluginError(f"{name} is no JSON: {error}.") from None


def _yaml(text: str, name: str) -> Any:
    import yaml

    try:
        return _plain(yaml.load(text, Loader=_loader()))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise PluginError(f"{name}{where}: this is no YAML ({problem}).") from None
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise PluginError(f"{name} can't be read as YAML ({type(error).__name__}: {error}).") from None


_loaders: list[Any] = []


def _loader() -> Any:
    """Return a loader of YAML 1.2's core schema (section 10.3.2): `no` is a word, 2024-01-01 a text, 12:30 no number.

    The C parser limits how deep a file is nested.
    """
    import yaml

    if not _loaders:
        base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        made: Any = type("CoreLoader", (base,), {"yaml_implicit_resolvers": {}})
        for tag, pattern, first in _CORE:
            made.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
        made.add_constructor("tag:yaml.org,2002:int", _int)
        made.add_constructor(None, lambda loader, node: loader.construct_scalar(node) if _is_scalar(node) else None)
        _loaders.append(made)
    return _loaders[0]


def _is_scalar(node: Any) -> bool:
    return isinstance(node.value, str)


def _int(loader: Any, node: Any) -> int | str:
    text = str(loader.construct_scalar(node))
    if len(text) > 4000:
        return text
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


_CORE: tuple[tuple[str, str, list[str]], ...] = (
    ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z", list("-+0123456789")),
    (
        "float",
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z",
        list("-+0123456789."),
    ),
    ("merge", r"(?:<<)\Z", ["<"]),
)


def _plain(value: Any) -> Any:
    """Return YAML's values as JSON has them, changed in place: keys are texts. What an alias repeats stays one object.

    Iterative and by identity: a circle of aliases ends, and a bomb is as small as it is written.
    """
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or not isinstance(each, dict | list):
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            _text_keys(each)
        waiting.extend(each.values() if isinstance(each, dict) else each)
    return value


def _text_keys(value: dict[Any, Any]) -> None:
    if not all(isinstance(key, str) for key in value):
        items = [(_key(key), child) for key, child in value.items()]
        value.clear()
        value.update(items)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return json.dumps(key) if isinstance(key, bool | int | float) or key is None else str(key)


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isdigit() and len(name) < 9 and int(name) < len(value):
        return value[int(name)]
    return None


def texts(value: Any) -> Iterator[str]:
    """Yield the texts of an array; what is none of both is left out."""
    yield from (each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
