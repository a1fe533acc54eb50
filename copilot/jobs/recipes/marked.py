"""YAML with the line of everything in it, so that an error can say where. Plain values only: maps, lists, scalars.

Stricter than YAML 1.1 where that surprises people: `no` and `2026-03-01` and `1:30` are the text that they are
written as. Aliases, tags and keys that are no text are refused, and so are names that are there twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from copilot.trust.sanitise import safe_text

#: Where something stands in a recipe: ("steps", 2, "with", "find").
Place = tuple[str | int, ...]

MOST_BYTES = 1_000_000
_MOST_NODES = 100_000
_DEEPEST = 40
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS = ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value")
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in _KINDS)
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_FRACTION = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}([eE][-+]?[0-9]{1,2})?\Z")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}
_QUOTES = 'put quotes around it: "{{ ... }}"'


@dataclass(frozen=True)
class Fault:
    """What is wrong in a recipe: the line, counted from 1 (0 where it is not known), the place, and why."""

    line: int
    place: Place
    reason: str

    def told(self, file: str) -> str:
        """Return it as a person reads it: "update.yaml, line 12, steps[2].with: ..."."""
        where = [file, *([f"line {self.line}"] if self.line else []), *([shown(self.place)] if self.place else [])]
        return safe_text(f"{', '.join(where)}: {self.reason}")


@dataclass
class Marked:
    """A value, the line of each place in it, and what is wrong."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """Return the line of a place, or of what it is in; 0 where nothing is known."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)


def shown(place: Place) -> str:
    """Return a place as people write it: steps[2].with.find, counted from 1."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def marked(text: str, first: int = 1) -> Marked:
    """Return what YAML says; `first` is the line of the file at which the text begins. Never raises."""
    made = Marked()
    loader = None
    try:
        loader = _LOADER(text)
        node = loader.get_single_node()
        _Reader(made, first).read(node)
    except yaml.YAMLError as error:
        made.faults.append(_broken(error, text, first))
    except RecursionError:
        made.faults.append(Fault(first, (), f"it is nested deeper than {_DEEPEST} levels"))
    finally:
        if loader is not None:
            loader.dispose()
    return made


def _broken(error: yaml.YAMLError, text: str, first: int) -> Fault:
    mark = getattr(error, "problem_mark", None)
    line = mark.line if mark is not None else 0
    why = str(getattr(error, "problem", None) or error).partition("\n")[0]
    if "alias" in why:
        return Fault(line + first, (), "aliases (*name) are not read here")
    near = text.splitlines()[max(0, line - 1) : line + 1]
    unquoted = any(re.search(r"[:-]\s+\{\{", each) for each in near)
    return Fault(line + first, (), f"this is no YAML: {why}{f'; {_QUOTES}' if unquoted else ''}")


class _Reader:
    def __init__(self, made: Marked, first: int) -> None:
        self._made = made
        self._first = first
        self._seen: set[int] = set()

    def read(self, node: Any) -> None:
        self._made.value = None if node is None else self._of(node, ())

    def _fault(self, node: Any, place: Place, reason: str) -> None:
        self._made.faults.append(Fault(node.start_mark.line + self._first, place, reason))

    def _of(self, node: Any, place: Place) -> Any:
        self._made.lines[place] = node.start_mark.line + self._first
        if id(node) in self._seen:
            self._fault(node, place, "aliases (*name) are not read here")
            return None
        self._seen.add(id(node))
        if len(place) > _DEEPEST or len(self._seen) > _MOST_NODES:
            raise RecursionError
        if node.tag not in _TAGS:
            self._fault(node, place, f"the tag {node.tag} is not read here")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._of(each, (*place, number)) for number, each in enumerate(node.value)]
        return self._map(node, place)

    def _map(self, node: Any, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                braces = isinstance(key, yaml.MappingNode)
                self._fault(key, place, f"{{{{ }}}} stands without quotes; {_QUOTES}" if braces else "a name is text")
                continue
            if key.value in found:
                self._fault(key, (*place, key.value), "it is there twice")
                continue
            found[key.value] = self._of(value, (*place, key.value))
            self._made.lines[(*place, key.value)] = key.start_mark.line + self._first
        return found


def _scalar(node: Any) -> Any:
    """Return a number, true, false or null that is written plainly; anything else is text."""
    text = str(node.value)
    if node.style:  # in quotes, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.match(text):
        return int(text)
    return float(text) if _FRACTION.match(text) else text
