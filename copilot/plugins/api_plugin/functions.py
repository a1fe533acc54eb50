"""A manifest's functions over whatever tool serves them: names, words, parameters, labels, cards and questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from copilot.plugins.api_plugin import confirmation
from copilot.plugins.api_plugin.manifest import Function, State
from copilot.plugins.api_plugin.semantics import Semantics
from copilot.plugins.arguments import JsonArguments
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Outcome, Result, Tool
from copilot.trust.labels import WORKSPACE, Confidentiality, Label
from copilot.trust.outgoing import Outgoing
from copilot.trust.sanitise import safe_text

Tell = Callable[[str, str], None]
#: Characters of a description that a model is always given; what is beyond stands in the instructions.
MOST_DESCRIPTION = 1_000
#: How confidential the manifest says that answers are ("Data handling values").
_PRIVATE, _PUBLIC = frozenset({"GetPrivateData"}), frozenset({"GetPublicData", "DataTransform"})


def adapted(
    tool: Tool,
    function: Function,
    semantics: Semantics | None,
    tell: Tell,
    *,
    ours: frozenset[str] = frozenset(),
    shows: bool = True,
) -> Tool:
    """Return the tool as the manifest's function describes it.

    A function that attests nothing about its data (`security_info`) works alone. `tell(place, reason)` hears of
    parameters that don't agree with the tool's. `ours` are arguments that are none of the service's, which the
    manifest's own list leaves alone; with `shows` False the tool makes cards of its answers itself (see `carded`).
    """
    description = function.description or tool.description
    examples = tuple(each for state in function.states.values() for each in state.examples)
    return replace(
        tool,
        description=description[:MOST_DESCRIPTION],
        arguments=_arguments(tool, function, tell, ours),
        function=_Called(tool, function, semantics, shows),
        examples=tuple(dict.fromkeys(examples)) or tool.examples,
        alone=function.data_handling is None,
    )


class _Called:
    """The tool's function, with the manifest's words before and its cards after it."""

    def __init__(self, tool: Tool, function: Function, semantics: Semantics | None, shows: bool) -> None:
        self._inner = tool.function
        self._function = function
        self._semantics = semantics
        self._shows = shows

    def __call__(self, context: ToolContext, /, **args: Any) -> Outcome | str | Any:
        before = len(context.labels)
        outcome = self._inner(context, **args)
        if isinstance(outcome, Outgoing):
            return confirmation.asked(outcome, self._function, args)
        context.labels[before:] = [self._labelled(label) for label in context.labels[before:]]
        if isinstance(outcome, Result) and self._semantics is not None:
            level = self._semantics.confidentiality(outcome.data)
            context.labels += [] if level is None else [replace(WORKSPACE, confidentiality=level)]
            return carded(outcome, self._semantics) if self._shows else outcome
        return outcome

    def _labelled(self, label: Label) -> Label:
        handling = self._function.data_handling or frozenset()
        if handling & _PRIVATE:
            return replace(label, confidentiality=max(label.confidentiality, Confidentiality.INTERNAL))
        if "GetPublicData" in handling and handling <= _PUBLIC:
            return replace(label, confidentiality=Confidentiality.PUBLIC)
        return label


def carded(result: Result, semantics: Semantics) -> Result:
    """Return a result with its answer as cards; what the tool says about further pages stays below them."""
    if result.data is None:
        return result
    shown = semantics.show(result.data)
    notes = [f"[a part of the card was not filled in: {safe_text(why)}]" for why in shown.problems[:3]]
    text = "\n\n".join([shown.markdown, *notes, *_told_beside(result.markdown)])
    return replace(result, markdown=text, sources=tuple(dict.fromkeys((*result.sources, *shown.sources))))


def _told_beside(text: str) -> Iterator[str]:
    """Yield what the tool says about the answer and not in it: how to ask for the next page."""
    yield from (line for line in text.splitlines()[-3:] if line.startswith("There is more"))


def _arguments(tool: Tool, function: Function, tell: Tell, ours: frozenset[str]) -> Any:
    """Return the tool's arguments with the manifest's words, and without what the manifest leaves out.

    The tool's own types count: they are what the service takes.
    """
    given = function.parameters
    if given is None or not isinstance(tool.arguments, JsonArguments) or not given["properties"]:
        return tool.arguments
    schema = tool.arguments.json_schema()
    theirs: dict[str, Any] = dict(schema["properties"])
    named = {name: found for name in given["properties"] if (found := _match(name, theirs))}
    for name in given["properties"]:
        if name not in named:
            tell(f"{function.place}.parameters", f"{safe_text(name)[:60]!r} is no parameter of the operation.")
    if not named:
        return tool.arguments
    needed = [name for name in schema.get("required", []) if isinstance(name, str)]
    kept = {name: s for name, s in theirs.items() if name in {*named.values(), *needed} | ours}
    for name, own in named.items():
        kept[own] = _worded(kept[own], given["properties"][name], f"{function.place}.parameters.{name}", tell)
    required = list(dict.fromkeys([*needed, *(named[name] for name in given["required"] if name in named)]))
    made = {**schema, "properties": kept, **({"required": required} if required else {})}
    roles = {name: role for name, role in tool.arguments.given_roles.items() if name in kept}
    return JsonArguments.of(made, roles)


def _match(name: str, theirs: Mapping[str, Any]) -> str:
    """Return the tool's own name of a parameter, "" if there is none; letters' case does not matter."""
    if name in theirs:
        return name
    return next((own for own in theirs if isinstance(own, str) and own.lower() == name.lower()), "")


def _worded(own: Any, given: Mapping[str, Any], place: str, tell: Tell) -> Any:
    """Return a parameter's schema with the manifest's description, choices and default, where they agree with it."""
    if not isinstance(own, Mapping):
        return own
    made = dict(own)
    if isinstance(words := given.get("description"), str) and words.strip():
        made["description"] = words.strip()
    wanted, has = given.get("type"), own.get("type")
    if wanted and has and wanted not in (has if isinstance(has, list) else [has]):
        tell(place, f"it is {safe_text(str(wanted))[:20]} here and {has} in the operation, which counts.")
        return made
    choices = [each for each in given.get("enum", []) if isinstance(each, str)]
    if choices and "enum" in own and not set(choices) <= set(map(str, own["enum"])):
        tell(place, "it allows values that the operation does not; the operation's count.")
    elif choices:
        made["enum"] = choices
    if "default" in given and "default" not in own:
        made["default"] = given["default"]
    return made


# --- instructions -----------------------------------------------------------------------------------------------------

_WHEN = {"reasoning": "Before calling", "responding": "When answering", "disengaging": "Afterwards"}


def instructions(opening: str, functions: Mapping[str, Function]) -> str:
    """Return what the model is told of a plugin when it is used: its own words, then those of each function.

    `functions` are by the names of their tools. An instruction that is one text stands in place of the function's
    description, a list adds to it ("State object").
    """
    parts = [opening.strip(), *(told for name, function in functions.items() if (told := _told(name, function)))]
    return "\n\n".join(part for part in parts if part)


def _told(name: str, function: Function) -> str:
    lines = [line for when, state in function.states.items() for line in _lines(_WHEN[when], state, function)]
    if not lines and len(function.description) <= MOST_DESCRIPTION:
        return ""
    replaced = any(state.replaces and state.instructions for state in function.states.values())
    described = [] if replaced or not function.description else [function.description]
    return "\n".join([f"## {name}", *described, *lines])


def _lines(when: str, state: State, function: Function) -> Iterator[str]:
    told = list(state.instructions)
    if not told and state.description not in ("", function.description):
        told = [state.description]
    if len(told) == 1:
        yield f"{when}: {told[0]}"
    elif told:
        yield f"{when}:"
        yield from (f"- {each}" for each in told)
