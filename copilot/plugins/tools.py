"""A tool: a typed Python function that a skill offers, and what it declares about itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import to_jsonable_python

from copilot.documents.hunks import Hunk
from copilot.errors import PluginError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.workspace.change import Change

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class Effect(StrEnum):
    """What a tool does to the world; the policy decides by it."""

    READ = "read"
    WRITE = "write"
    SEND = "send"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Result:
    """What a reading tool returns.

    `markdown` is what the model and the person read; `data` the same as JSON types, for scripts; `sources` are the
    places it was taken from ("contract.docx, paragraph 12").
    """

    markdown: str
    data: Any = None
    sources: tuple[str, ...] = ()


ToolFunction = Callable[..., "Result | Change | list[Change] | str"]


@dataclass(frozen=True)
class Tool:
    """One function that the agent may call.

    `name` is "skill.function"; `wire_name` is the same in the letters that every vendor accepts. `examples` are
    requests that this tool serves and `cues` words that hint at it: the builtin planner ranks by them.
    """

    name: str
    description: str
    effect: Effect
    arguments: type[BaseModel]
    function: ToolFunction
    examples: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    skill: str = ""

    @property
    def wire_name(self) -> str:
        """The name that is sent to vendors, which allow letters, digits, - and _ only."""
        return wire_name(self.name)

    def validate(self, args: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments in their Python types; raises ToolInputError that names every wrong one."""
        try:
            parsed = self.arguments.model_validate(args)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(p) for p in e['loc']) or 'arguments'}: {e['msg']}" for e in error.errors()
            )
            known = ", ".join(self.arguments.model_fields)
            raise ToolInputError(
                f"{self.name} can't take these arguments: {problems}.", hint=f"It takes: {known}.", code="arguments"
            ) from None
        return {name: getattr(parsed, name) for name in type(parsed).model_fields}

    def stage(self, context: ToolContext, args: dict[str, Any]) -> Result | list[Change]:
        """Run the function with validated arguments: a `Result`, or the changes it would make. Nothing is written."""
        return outcome_of(self.function(context, **self.validate(args)), self.name)


def outcome_of(returned: object, name: str) -> Result | list[Change]:
    """Return what the tool `name` returned, with its data as JSON types; raises PluginError for anything else."""
    if isinstance(returned, str):
        return Result(returned)
    if isinstance(returned, Result) and isinstance(returned.markdown, str):
        return replace(returned, data=to_jsonable_python(returned.data, fallback=repr, bytes_mode="base64"))
    changes = [returned] if isinstance(returned, Change) else returned
    if isinstance(changes, list | tuple) and all(_is_whole(change) for change in changes):
        return list(changes)
    what = "something that is not whole" if isinstance(returned, Result | Change | list) else type(returned).__name__
    raise PluginError(
        f"{name} has a bug: it returned {what}. Nothing was written.",
        hint="A tool returns text or a Result when it reads, a Change or a list of them when it writes.",
        code="tool_result",
    )


def _is_whole(change: object) -> bool:
    return (
        isinstance(change, Change)
        and isinstance(change.path, Path)
        and isinstance(change.content, bytes | None)
        and isinstance(change.hunks, tuple | list)
        and all(isinstance(hunk, Hunk) for hunk in change.hunks)
    )


def wire_name(name: str) -> str:
    """Return "word__replace_text" for "word.replace_text"."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name.replace(".", "__"))[:64]


def public_name(name: str) -> str:
    """Return "word.replace_text" for "word__replace_text"; a name that has no "__" comes back as it is."""
    return name.replace("__", ".", 1)


@dataclass(frozen=True)
class _Declaration:
    effect: Effect
    examples: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    name: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@overload
def tool(function: ToolFunction, /) -> ToolFunction: ...
@overload
def tool(
    *,
    effect: str = "read",
    examples: tuple[str, ...] | list[str] = (),
    cues: tuple[str, ...] | list[str] = (),
    name: str = "",
) -> Callable[[ToolFunction], ToolFunction]: ...
def tool(
    function: ToolFunction | None = None,
    /,
    *,
    effect: str = "read",
    examples: tuple[str, ...] | list[str] = (),
    cues: tuple[str, ...] | list[str] = (),
    name: str = "",
) -> Any:
    """Mark a function as a tool: `@tool(effect="write", examples=[...], cues=[...])`.

    The function takes a `ToolContext` first, then typed parameters (their descriptions by `Field`), and returns a
    `Result` (or text) when it reads, a `Change` or several when it writes. Its docstring is what the model reads.
    """
    declared = _Declaration(Effect(effect), tuple(examples), tuple(cues), name)

    def mark(target: ToolFunction) -> ToolFunction:
        target.__everpilot_tool__ = declared  # type: ignore[attr-defined]
        return target

    return mark(function) if function is not None else mark


def is_tool(value: object) -> bool:
    """Return whether `value` was marked with `@tool`."""
    return isinstance(getattr(value, "__everpilot_tool__", None), _Declaration)


def build(function: ToolFunction, *, skill: str) -> Tool:
    """Return the `Tool` of a marked function; raises PluginError that says what is wrong with its declaration."""
    declared = cast(_Declaration, function.__everpilot_tool__)  # type: ignore[attr-defined]
    name = declared.name or function.__name__
    if not _NAME.match(name):
        raise PluginError(f"Skill {skill!r}: a tool can't be named {name!r}.", hint="Use a-z, 0-9 and _.")
    description = inspect.cleandoc(function.__doc__ or "")
    if not description:
        raise PluginError(f"Skill {skill!r}: tool {name!r} has no docstring, and the model needs one.")
    return Tool(
        name=f"{skill}.{name}",
        description=description,
        effect=declared.effect,
        arguments=_arguments(function, f"{skill}.{name}"),
        function=function,
        examples=declared.examples,
        cues=declared.cues,
        skill=skill,
    )


def renamed(made: Tool, skill: str) -> Tool:
    """Return the tool under another skill's name."""
    return replace(made, name=f"{skill}.{made.name.partition('.')[2]}", skill=skill)


def _arguments(function: ToolFunction, name: str) -> type[BaseModel]:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise PluginError(f"Tool {name!r} must take a ToolContext as its first parameter.")
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"Tool {name!r}: *{parameter.name} has no schema.", hint="Name every parameter.")
        if parameter.name not in hints:
            raise PluginError(f"Tool {name!r}: parameter {parameter.name!r} has no type.")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    model_name = "".join(part.title() for part in re.split(r"[._]", name))
    return cast(type[BaseModel], create_model(model_name, __config__=ConfigDict(extra="forbid"), **fields))
