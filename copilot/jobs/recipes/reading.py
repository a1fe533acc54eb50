"""Reads a recipe from a file: YAML, or Markdown whose front matter is the recipe and whose text is its prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from copilot.errors import PluginError
from copilot.jobs.recipes import recipe as models
from copilot.jobs.recipes.filters import closest
from copilot.jobs.recipes.marked import MOST_BYTES, Fault, Marked, Place, marked
from copilot.jobs.recipes.recipe import DEEPEST_STEPS, KINDS, MOST_STEPS, Recipe
from copilot.plugins.files import read_bytes
from copilot.plugins.frontmatter import decoded, split, visible

#: How files with recipes end.
SUFFIXES = (".yaml", ".yml", ".md")
_TOLD = 10  # faults in one message
_BLOCK = re.compile(r"(?ms)^```ya?ml[ \t]+steps[ \t]*\n(.*?)^```[ \t]*$")
_STEP_FIELDS = ("fields", "as", "on_error", "when")  # of the prompt that the text of a Markdown file is


class RecipeError(PluginError):
    """A recipe that can't be used; the message names the file, and line, step and field of each fault."""

    code = "recipe"

    def __init__(self, file: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        told = [each.told(file) for each in self.faults[:_TOLD]]
        more = len(self.faults) - len(told)
        super().__init__("\n".join([*told, *([f"... and {more:,} more"] if more > 0 else [])]))


@dataclass(frozen=True)
class Read:
    """A recipe with its file, and the lines of what is in it."""

    recipe: Recipe
    path: Path
    source: Marked

    def fault(self, place: Place, reason: str) -> Fault:
        """Return a fault at a place of the recipe."""
        return Fault(self.source.line(place), place, reason)


def read(path: Path) -> Read:
    """Return the recipe in a file; raises RecipeError with all that is wrong, PluginError if it can't be read."""
    if path.suffix.lower() not in SUFFIXES:
        hint = f"It ends in {', '.join(SUFFIXES)}."
        raise PluginError(f"{path.name} is no recipe.", hint=hint, code="recipe")
    text, doubts = decoded(read_bytes(path, MOST_BYTES))
    if doubts:
        raise RecipeError(path.name, [Fault(0, (), f"{doubts[0]}; save it as UTF-8")])
    return parsed(text, path)


def changed(kept: Recipe, path: Path) -> str:
    """Return what to tell of a run that goes on with its own copy of a recipe, "" if its file says the same still."""
    goes_on = "the run goes on with its own copy."
    try:
        now = read(path).recipe
    except PluginError as error:
        return f"{path.name} can't be read any more ({error.message.splitlines()[0]}); {goes_on}"
    if now.digest == kept.digest:
        return ""
    versions = f" (version {kept.version}, now {now.version})" if kept.version != now.version else ""
    return f"{path.name} was changed since the run began{versions}; {goes_on}"


def parsed(text: str, path: Path) -> Read:
    """Return the recipe that a text is; see `read`."""
    text = visible(text.encode("utf-8", "replace").decode("utf-8"))  # what nobody sees is no part of it
    source = _markdown(text) if path.suffix.lower() == ".md" else marked(text)
    if source.faults:
        raise RecipeError(path.name, source.faults)
    if not isinstance(source.value, dict):
        raise RecipeError(path.name, [Fault(1, (), "a recipe is a map: name, steps ...")])
    source.value.setdefault("name", path.stem)
    if too_many := list(_too_many(source)):
        raise RecipeError(path.name, too_many)
    try:
        return Read(Recipe.model_validate(source.value), path, source)
    except ValidationError as error:
        raise RecipeError(path.name, _faults(error, source)) from None


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _markdown(text: str) -> Marked:
    """Return the front matter with the text as its steps: prompts, and what stands in blocks marked ```yaml steps."""
    front, body, fault = split(text)
    if front is None or fault:
        return Marked(faults=[Fault(1, (), fault or "a recipe in Markdown begins with front matter between ---")])
    source = marked(front, first=2)
    if source.faults or not isinstance(source.value, dict):
        return source
    own: dict[str, Any] = {name: source.value.pop(name) for name in _STEP_FIELDS if name in source.value}
    steps, base = list(_sections(body, 3 + front.count("\n"))), source.value.get("steps")
    prompts = [step for step in steps if isinstance(step, dict)]
    if own and len(prompts) != 1:
        source.faults.append(Fault(2, (), f"{next(iter(own))} belongs to one prompt, and the text has {len(prompts)}"))
    _add(source, steps, own, base if isinstance(base, list) else [])
    return source


def _sections(body: str, first: int) -> Iterator[dict[str, Any] | Marked]:
    """Yield each piece of text as a prompt with its line, and each block of steps as it was read."""
    at = 0
    for block in [*_BLOCK.finditer(body), None]:
        words = body[at : block.start()] if block else body[at:]
        if words.strip():
            lead = len(words) - len(words.lstrip())
            yield {"prompt": words.strip(), "line": first + body.count("\n", 0, at + lead)}
        if block:
            yield marked(block[1], first + body.count("\n", 0, block.start(1)))
            at = block.end()


def _add(source: Marked, found: list[dict[str, Any] | Marked], own: dict[str, Any], base: list[Any]) -> None:
    """Put the steps of the text before those of the front matter, with their lines."""
    steps: list[Any] = []
    lines: dict[Place, int] = {}
    for each in found:
        if isinstance(each, dict):
            lines[("steps", len(steps))] = each["line"]
            steps.append({"prompt": each["prompt"], **own})
            continue
        source.faults += each.faults
        inner = each.value if isinstance(each.value, list) else [each.value]
        for number, step in enumerate(inner):
            moved = {p[1:]: line for p, line in each.lines.items() if p[:1] == (number,)}
            lines |= {("steps", len(steps), *rest): line for rest, line in moved.items()}
            steps.append(step)
    if not steps:
        return
    for place in [p for p in source.lines if p[:1] == ("steps",) and len(p) > 1]:
        lines[("steps", int(place[1]) + len(steps), *place[2:])] = source.lines.pop(place)
    source.lines |= lines
    source.value["steps"] = [*steps, *base]


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _too_many(source: Marked) -> Iterator[Fault]:
    """Yield a fault for steps beyond the limits; looked at before the models are built."""
    level, count, depth = list(_inside(("steps",), source.value.get("steps"))), 0, 1
    while level and depth <= DEEPEST_STEPS:
        count += len(level)
        level = [each for place, step in level for key in _BLOCKS for each in _inside((*place, key), step.get(key))]
        depth += 1
    if level:
        yield Fault(source.line(level[0][0]), level[0][0], f"steps are nested deeper than {DEEPEST_STEPS} levels")
    if count > MOST_STEPS:
        yield Fault(source.line(("steps",)), ("steps",), f"there are more than {MOST_STEPS} steps")


_BLOCKS = ("then", "else", "steps")


def _inside(place: Place, steps: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
    if isinstance(steps, list):
        yield from (((*place, number), step) for number, step in enumerate(steps) if isinstance(step, dict))


def _faults(error: ValidationError, source: Marked) -> list[Fault]:
    found = []
    for each in error.errors():
        place = _place(each["loc"], source.value)
        found.append(Fault(source.line(place), place, _reason(each, place)))
    return sorted(dict.fromkeys(found), key=lambda each: each.line)


def _place(loc: tuple[int | str, ...], value: Any) -> Place:
    """Return where an error is in what was written: pydantic also names the kinds of steps and types."""
    place: list[int | str] = []
    for number, part in enumerate(loc):
        final = number == len(loc) - 1
        is_kind = isinstance(value, Mapping) and part in KINDS and number and isinstance(loc[number - 1], int)
        if is_kind and not (final and part in value):
            continue
        if isinstance(value, Mapping) and part in value:
            value = value[part]
            place.append(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
            place.append(part)
        elif final and isinstance(value, Mapping) and part != "[key]":
            place.append(part)
    return tuple(place)


def _reason(error: Any, place: Place) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return f"there is no such field. {closest(str(place[-1]), _fields_at(place, error['loc']))}"
    if kind == "union_tag_not_found":
        return _no_step(given)
    if kind == "missing":
        return "it is missing"
    if kind == "literal_error":
        expected = str(error["ctx"]["expected"])
        near = closest(str(given), re.findall(r"'(\w+)'", expected))
        return f"{_short(given)} is not one of {expected}. {near if near.startswith('Did') else ''}".strip()
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{message}, not {_short(given)}" if kind.endswith(("_type", "_parsing")) else message


def _no_step(given: Any) -> str:
    words = [str(key) for key in given] if isinstance(given, Mapping) else []
    kinds = [word for word in words if word in KINDS]
    if len(kinds) > 1:
        return f"a step is one of {', '.join(kinds)}, not several; write one step for each"
    if not words:
        return f"a step is a map with one of {', '.join(KINDS)}"
    near = next((told for word in words if (told := closest(word, KINDS)).startswith("Did")), "")
    return f"a step needs one of {', '.join(KINDS)}, and this has {', '.join(words[:6])}. {near}".strip()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _fields_at(place: Place, loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the fields that may stand where an unknown one does."""
    step = next((str(part) for part in reversed(loc[:-1]) if part in KINDS), "") if "steps" in place else ""
    model: type[BaseModel] = _MODELS[step] if step else _section(place[:-1])
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _section(place: Place) -> type[BaseModel]:
    names = [part for part in place if isinstance(part, str)]
    if names[:1] == ["tests"]:
        return _IN_TESTS.get(names[-1], models.Case)
    return _SECTIONS.get(names[0], Recipe) if names else Recipe


_SECTIONS: dict[str, type[BaseModel]] = {"inputs": models.Input, "outputs": models.Outputs}
_IN_TESTS: dict[str, type[BaseModel]] = {"expect": models.Expect, "document": models.Built, "files": models.Built}
_MODELS: dict[str, type[BaseModel]] = {
    "prompt": models.PromptStep,
    "tool": models.ToolStep,
    "check": models.CheckStep,
    "if": models.IfStep,
    "map": models.MapStep,
    "set": models.SetStep,
}
