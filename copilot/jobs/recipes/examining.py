"""Looks at a recipe before any document is touched: names, tools, their arguments, expressions, tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from copilot.errors import EverpilotError, PluginError
from copilot.jobs.recipes.expressions import Expression, Template, condition, template
from copilot.jobs.recipes.filters import closest
from copilot.jobs.recipes.inputs import bound
from copilot.jobs.recipes.marked import Fault, Place
from copilot.jobs.recipes.reading import Read, RecipeError
from copilot.jobs.recipes.recipe import (
    BUILTIN,
    WHOLE_DOCUMENT,
    Built,
    CheckStep,
    IfStep,
    MapStep,
    PromptStep,
    Recipe,
    SetStep,
    Step,
    ToolStep,
)
from copilot.jobs.recipes.running import names_of
from copilot.plugins.tools import Tool

#: What each type of input is in JSON Schema.
_JSON = {"number": "number", "integer": "integer", "boolean": "boolean", "list": "array", "table": "array"}
#: What the result of a tool has; see running.py.
_OUTCOME = ("text", "data", "sources", "changes", "changed", "error")


def examined(read: Read, tools: Mapping[str, Tool]) -> Read:
    """Return the recipe, complete: a tool that needs a `path` and is given none gets the document.

    Raises RecipeError with every name, tool, argument and expression that can't be right.
    """
    faults = sorted(_Look(read, tools).faults(), key=lambda each: each.line)
    if faults:
        raise RecipeError(read.path.name, dict.fromkeys(faults))
    complete = read.recipe.model_copy(deep=True)
    for _, step in complete.walk():
        if isinstance(step, ToolStep) and "path" in _required(tools[step.tool]):
            step.with_.setdefault("path", WHOLE_DOCUMENT)
    return replace(read, recipe=complete)


def _required(tool: Tool) -> Sequence[str]:
    found = tool.arguments.json_schema().get("required")
    return [str(name) for name in found] if isinstance(found, list) else []


@dataclass
class _Known:
    """The names at a place, and the fields of those whose fields are known (None: any)."""

    names: dict[str, frozenset[str] | None] = field(default_factory=dict)

    def copy(self) -> _Known:
        return _Known(dict(self.names))


class _Look:
    def __init__(self, read: Read, tools: Mapping[str, Tool]) -> None:
        self._read = read
        self._recipe = read.recipe
        self._tools = tools

    def faults(self) -> Iterator[Fault]:
        """Yield everything that is wrong."""
        known = _Known(dict.fromkeys((*BUILTIN, *self._recipe.inputs)))
        yield from self._inputs()
        yield from self._steps(self._recipe.steps, ("steps",), known)
        for name, value in self._recipe.outputs.row.items():
            yield from self._values(value, ("outputs", "row", name), known)
        yield from self._values(self._recipe.outputs.text, ("outputs", "text"), known)
        yield from self._tests()

    def _fault(self, place: Place, reason: str) -> Fault:
        return self._read.fault(place, reason)

    def _inputs(self) -> Iterator[Fault]:
        for name, wanted in self._recipe.inputs.items():
            if (wanted.type == "choice") != bool(wanted.choices):
                yield self._fault(("inputs", name), "choices belong to the type choice, and it has some")
        try:
            free = {n: wanted.model_copy(update={"required": False}) for n, wanted in self._recipe.inputs.items()}
            bound(self._recipe.model_copy(update={"inputs": free}), {})  # looks at the defaults
        except EverpilotError as error:
            yield self._fault(("inputs",), error.message)

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, steps: list[Step], place: Place, known: _Known) -> Iterator[Fault]:
        for number, step in enumerate(steps):
            here = (*place, number)
            if step.when is not None:
                yield from self._condition(step.when, (*here, "when"), known)
            yield from self._step(step, here, known)

    def _step(self, step: Step, place: Place, known: _Known) -> Iterator[Fault]:
        match step:
            case PromptStep():
                yield from self._values(step.prompt, (*place, "prompt"), known)
                _prompted(step, known)
            case ToolStep():
                yield from self._values(step.with_, (*place, "with"), known)
                yield from self._tool(step, place)
                _named(step, known, frozenset(_OUTCOME))
            case CheckStep():
                yield from self._condition(step.check, (*place, "check"), known)
                yield from self._values(step.message, (*place, "message"), known)
                _named(step, known)
            case IfStep():
                yield from self._branches(step, place, known)
            case MapStep():
                yield from self._map(step, place, known)
            case SetStep():
                for name, value in step.set.items():
                    yield from self._values(value, (*place, "set", name), known)
                    known.names[name] = None

    def _branches(self, step: IfStep, place: Place, known: _Known) -> Iterator[Fault]:
        """What one of the branches makes may be there afterwards."""
        yield from self._condition(step.if_, (*place, "if"), known)
        made = []
        for name, steps in step.blocks.items():
            inner = known.copy()
            yield from self._steps(steps, (*place, name), inner)
            made.append(inner.names)
        for name in {**made[0], **made[1]}:
            known.names[name] = made[0].get(name) if made[0].get(name) == made[1].get(name) else None

    def _map(self, step: MapStep, place: Place, known: _Known) -> Iterator[Fault]:
        yield from self._condition(step.map, (*place, "map"), known)
        inner = known.copy()
        inner.names[step.as_ or "item"] = None
        yield from self._steps(step.steps, (*place, "steps"), inner)
        yield from self._values(step.collect, (*place, "collect"), inner)
        if (step.into is None) != (step.collect is None):
            yield self._fault(place, "collect says what, into says under which name: both or neither")
        if not step.steps and step.collect is None:
            yield self._fault(place, "a map has steps, or collects something")
        if step.into:
            known.names[step.into] = None

    # --- expressions --------------------------------------------------------------------------------------------------

    def _values(self, value: Any, place: Place, known: _Known) -> Iterator[Fault]:
        if isinstance(value, Mapping):
            for name, each in value.items():
                yield from self._values(str(name), (*place, name), known)
                yield from self._values(each, (*place, name), known)
        elif isinstance(value, list):
            for number, each in enumerate(value):
                yield from self._values(each, (*place, number), known)
        elif isinstance(value, str):
            try:
                found = template(value).expressions
            except EverpilotError as error:
                yield self._fault(place, str(error))
                return
            for each in found:
                yield from self._names(each, place, known)

    def _condition(self, value: str | bool, place: Place, known: _Known) -> Iterator[Fault]:
        try:
            yield from self._names(condition(value), place, known)
        except EverpilotError as error:
            yield self._fault(place, str(error))

    def _names(self, found: Expression, place: Place, known: _Known) -> Iterator[Fault]:
        for name in sorted(found.names - found.optional - known.names.keys()):
            yield self._fault(place, f"there is no {name!r} here. {closest(name, list(known.names))}")
        for name, part in sorted(found.fields):
            fields = known.names.get(name)
            if fields is not None and part not in fields:
                yield self._fault(place, f"{name} has no {part!r}. {closest(part, sorted(fields))}")

    # --- tools --------------------------------------------------------------------------------------------------------

    def _tool(self, step: ToolStep, place: Place) -> Iterator[Fault]:
        tool = self._tools.get(step.tool)
        if tool is None:
            yield self._fault(
                (*place, "tool"), f"there is no tool {step.tool!r}. {closest(step.tool, list(self._tools))}"
            )
            return
        schema = tool.arguments.json_schema()
        names = tool.arguments.names
        for name in step.with_:
            if name not in names and "{{" not in name and schema.get("additionalProperties", False) is False:
                yield self._fault((*place, "with", name), f"{tool.name} takes no {name!r}. {closest(name, names)}")
        for name in _required(tool):
            if name not in step.with_ and name != "path":
                yield self._fault((*place, "with"), f"{tool.name} needs {name!r}")
        for name in step.with_.keys() & set(names):
            yield from self._argument(schema, name, step.with_[name], (*place, "with", name))

    def _argument(self, schema: Mapping[str, Any], name: str, value: Any, place: Place) -> Iterator[Fault]:
        """Yield a fault for an argument that no value can make right; what is not known before the run is let pass."""
        own = {**schema.get("properties", {}).get(name, {}), "$defs": schema.get("$defs", {})}
        wanted = self._stands_for(value)
        if wanted is _UNKNOWN:
            return
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
        from referencing import Registry

        try:
            wrong = best_match(Draft202012Validator(own, registry=Registry()).iter_errors(wanted))
        except Exception:  # noqa: BLE001 - the schema is a stranger's; what is wrong with it is told when it is called
            return
        if wrong is not None and (wrong.validator == "type" or value == wanted):
            yield self._fault(place, f"{name}: {wrong.message[:160]}")

    def _stands_for(self, value: Any) -> Any:
        """Return a value of the type that an argument will have, or _UNKNOWN."""
        if isinstance(value, str):
            return self._text_stands_for(value)
        return _UNKNOWN if _has_expressions(value) else value

    def _text_stands_for(self, value: str) -> Any:
        try:
            read: Template = template(value)
        except EverpilotError:
            return _UNKNOWN  # told already
        if not read.expressions:
            return value
        if len(read.parts) > 1:
            return "text"
        wanted = self._recipe.inputs.get(read.expressions[0].source)
        if wanted is None or (wanted.default is None and not wanted.must_be_given):
            return _UNKNOWN
        return _SAMPLES[_JSON.get(wanted.type, "string")]

    # --- tests --------------------------------------------------------------------------------------------------------

    def _tests(self) -> Iterator[Fault]:
        for number, case in enumerate(self._recipe.tests):
            place = ("tests", number)
            for name in case.inputs.keys() - self._recipe.inputs.keys():
                known = list(self._recipe.inputs)
                yield self._fault((*place, "inputs", name), f"there is no input {name!r}. {closest(name, known)}")
            for each in [case.document, *case.files]:
                yield from self._document(each, place) if each else ()
            for name in case.expect.row.keys() - self._recipe.outputs.row.keys():
                yield self._fault((*place, "expect", "row", name), f"the output has no column {name!r}")

    def _document(self, built: Built, place: Place) -> Iterator[Fault]:
        if sum(each is not None for each in (built.file, built.markdown, built.sheets, built.text)) != 1:
            yield self._fault(place, f"{built.name} is made of one of markdown, sheets, text or file")
        if built.file and not (self._read.path.parent / built.file).is_file():
            yield self._fault(place, f"there is no file {built.file} beside the recipe")


def _has_expressions(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_expressions(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(_has_expressions(each) for each in value)
    return isinstance(value, str) and "{{" in value


_UNKNOWN: Any = object()
_SAMPLES: dict[str, Any] = {"number": 1.5, "integer": 1, "boolean": True, "array": [], "string": "text"}


def _prompted(step: PromptStep, known: _Known) -> None:
    if step.as_:
        _named(step, known, frozenset(step.fields["properties"]) if step.fields else None)
    elif step.fields:
        known.names |= dict.fromkeys(names_of(step.fields))


def _named(step: Step, known: _Known, fields: frozenset[str] | None = None) -> None:
    """Note the name of a result; of a step that may fail nothing is known but that it has one."""
    if step.as_:
        known.names[step.as_] = fields if step.on_error == "fail" and step.when is None else None


def must_be_installed(recipe: Recipe, tools: Mapping[str, Tool]) -> None:
    """Raise PluginError where a kept recipe needs tools that are not here any more."""
    wanted = {step.tool for _, step in recipe.walk() if isinstance(step, ToolStep)}
    if missing := sorted(wanted - tools.keys()):
        raise PluginError(f"{recipe.name} needs tools that are not here: {', '.join(missing)}.", code="recipe")
