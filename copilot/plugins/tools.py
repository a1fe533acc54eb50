"""A tool: a typed Python function that a skill offers, and what it declares about itself."""

from __future__ import annotations

import inspect
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, create_model
from pydantic_core import to_jsonable_python

from copilot.documents.hunks import Hunk
from copilot.errors import PluginError
from copilot.plugins.arguments import Arguments, JsonArguments, PythonArguments
from copilot.plugins.context import ToolContext
from copilot.plugins.service import Service
from copilot.slots import RoleKind
from copilot.trust.labels import Label
from copilot.trust.outgoing import KINDS, Attachment, Outgoing
from copilot.trust.sanitise.written import written
from copilot.workspace.change import Change

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
#: Characters of the two parts of a tool's name: vendors allow 64 for both and what stands between them.
MOST_SLUG, MOST_NAME = 22, 40


class Effect(StrEnum):
    """What a tool does to the world; the policy decides by it."""

    READ = "read"
    WRITE = "write"
    SEND = "send"
    DELETE = "delete"
    FETCH = "fetch"  # asks another machine for something; what it asks for leaves this one
    MOVE = "move"  # also permissions


@dataclass(frozen=True, slots=True)
class Result:
    """What a reading tool returns.

    `markdown` is what the model and the person read; `data` the same as JSON types, for scripts; `sources` are the
    places it was taken from ("contract.docx, paragraph 12"). `leads` are web addresses that a search engine gave, word
    for word: see agent/requests.py.
    """

    markdown: str
    data: Any = None
    sources: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()


ToolFunction = Callable[..., "Result | Change | list[Change] | Outgoing | str"]
#: What a call comes to, before anything of it is done.
Outcome = Result | list[Change] | Outgoing


@dataclass(frozen=True)
class Tool:
    """One function that the agent may call.

    `name` is "skill.function"; `wire_name` is the same in the letters that every vendor accepts. `examples` are
    requests that this tool serves and `cues` words that hint at it: the builtin planner ranks by them. `hosts` are
    addresses on the web that every call goes to, whatever its arguments ("https://mcp.contoso.com"). `service` is who
    the calls of a plugin's tool go to, as the person agreed to it; such a tool reaches nobody else. `alone` tools are
    not combined with data of other plugins unasked (API plugin manifest, `security_info` left out). `whom` says of a
    call's arguments which service it goes to, where that is not always the same one; of a tool `on_web` the settings'
    `[web]` says it. One that is `first` answers questions before others do that take them as well.
    """

    name: str
    description: str
    effect: Effect
    arguments: Arguments
    function: ToolFunction
    examples: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    skill: str = ""
    hosts: tuple[str, ...] = ()
    service: Service | None = None
    alone: bool = False
    whom: Callable[[Mapping[str, Any]], Service | None] | None = None
    on_web: bool = False
    first: bool = False

    def service_for(self, args: Mapping[str, Any]) -> Service | None:
        """Return the service that a call with these arguments goes to, None where it goes to none."""
        return (self.whom(args) if self.whom else None) or self.service

    @property
    def roles(self) -> Mapping[str, RoleKind | None]:
        """What each parameter matters to the policy (slots.Role); None for one that declares nothing."""
        return self.arguments.roles

    @property
    def wire_name(self) -> str:
        """The name that is sent to vendors, which allow letters, digits, - and _ only."""
        return wire_name(self.name)

    def validate(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments in their Python types; raises ToolInputError that names every wrong one."""
        return self.arguments.parse(args, self.name)

    def stage(self, context: ToolContext, args: dict[str, Any]) -> Outcome:
        """Run the function with validated arguments: a `Result`, the changes it would make, or what it would send.

        Nothing is written or sent. What would be written holds no characters that nobody sees.
        """
        found = self.validate(args)
        if self.effect is not Effect.READ:
            kept = self.arguments.looked_up
            found = {name: value if name in kept else written(value) for name, value in found.items()}
        return outcome_of(self.function(context, **found), self.name)


def outcome_of(returned: object, name: str) -> Outcome:
    """Return what the tool `name` returned, with its data as JSON types; raises PluginError for anything else."""
    if isinstance(returned, str):
        return Result(returned)
    if isinstance(returned, Result) and isinstance(returned.markdown, str):
        return replace(returned, data=_jsonable(returned.data))
    if isinstance(returned, Outgoing) and _is_sendable(returned):
        return returned
    changes = [returned] if isinstance(returned, Change) else returned
    if isinstance(changes, list | tuple) and all(_is_whole(change) for change in changes):
        return list(changes)
    known = isinstance(returned, Result | Change | Outgoing | list)
    what = "something that is not whole" if known else type(returned).__name__
    raise PluginError(
        f"{name} has a bug: it returned {what}. Nothing was written.",
        hint="A tool returns text or a Result when it reads, Changes when it writes, an Outgoing when it sends.",
        code="tool_result",
    )


def _jsonable(data: object) -> object:
    """Return data as JSON types; half a surrogate pair in it, which a server may well send, becomes "?"."""
    try:
        return to_jsonable_python(data, fallback=repr, bytes_mode="base64")
    except UnicodeEncodeError:
        return json.loads(json.dumps(data, ensure_ascii=False, default=repr).encode("utf-8", "replace"))


def _is_whole(change: object) -> bool:
    return (
        isinstance(change, Change)
        and isinstance(change.path, Path)
        and isinstance(change.content, bytes | None)
        and isinstance(change.hunks, tuple | list)
        and all(isinstance(hunk, Hunk) for hunk in change.hunks)
    )


def _is_sendable(outgoing: Outgoing) -> bool:
    texts = (outgoing.body, outgoing.subject, *outgoing.recipients, *outgoing.hosts)
    return (
        outgoing.kind in KINDS
        and isinstance(outgoing.recipients, tuple)
        and isinstance(outgoing.hosts, tuple)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(each, Attachment) for each in outgoing.attachments)
        and callable(outgoing.deliver)
        and isinstance(outgoing.label, Label)
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
    hosts: tuple[str, ...] = ()
    on_web: bool = False
    #: By public name: a function keeps its model, which takes long to make, however often its skill is loaded.
    arguments: dict[str, PythonArguments] = field(default_factory=dict, compare=False)


@overload
def tool(function: ToolFunction, /) -> ToolFunction: ...
@overload
def tool(
    *,
    effect: str = "read",
    examples: tuple[str, ...] | list[str] = (),
    cues: tuple[str, ...] | list[str] = (),
    name: str = "",
    hosts: tuple[str, ...] | list[str] = (),
    on_web: bool = False,
) -> Callable[[ToolFunction], ToolFunction]: ...
def tool(
    function: ToolFunction | None = None,
    /,
    *,
    effect: str = "read",
    examples: tuple[str, ...] | list[str] = (),
    cues: tuple[str, ...] | list[str] = (),
    name: str = "",
    hosts: tuple[str, ...] | list[str] = (),
    on_web: bool = False,
) -> Any:
    """Mark a function as a tool: `@tool(effect="write", examples=[...], cues=[...])`.

    The function takes a `ToolContext` first, then typed parameters (their descriptions by `Field`), and returns a
    `Result` (or text) when it reads or fetches, a `Change` or several when it writes, an `Outgoing` when it sends. One
    that sends or fetches declares a `Role` for every parameter, or it is not run. `hosts` are the web addresses that
    every call goes to; a tool `on_web` goes where `[web]` of the settings says, by `ToolContext.web`. Its docstring is
    what the model reads.
    """
    declared = _Declaration(Effect(effect), tuple(examples), tuple(cues), name, tuple(hosts), on_web)

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
    public = f"{skill}.{name}"
    if public not in declared.arguments:
        declared.arguments[public] = PythonArguments(_arguments(function, public))
    return Tool(
        name=public,
        description=description,
        effect=declared.effect,
        arguments=declared.arguments[public],
        function=function,
        examples=declared.examples,
        cues=declared.cues,
        skill=skill,
        hosts=declared.hosts,
        on_web=declared.on_web,
    )


def json_tool(
    name: str,
    description: str,
    schema: Any,
    effect: Effect,
    function: ToolFunction,
    *,
    roles: Mapping[str, RoleKind] | None = None,
    **more: Any,
) -> Tool:
    """Return a tool whose arguments are described by a JSON Schema, as OpenAPI documents and MCP servers have them.

    `name` is "skill.function"; `function` takes the `ToolContext` by place, and the arguments by their names, which may
    be any text: declare it as `def call(context, /, **args)`. `more` are other fields of `Tool`. Raises PluginError for
    a schema that can't be used.
    """
    skill = name.partition(".")[0]
    arguments = JsonArguments.of(schema, roles)
    return Tool(name, description, Effect(effect), arguments, function, **{"skill": skill, **more})


def tool_name(text: str, taken: Iterable[str] = ()) -> str:
    """Return the second part of a tool's name out of any text ("getUser-by id" is "getUser_by_id").

    One that is `taken` gets a number; what has no letter or digit at all is "tool".
    """
    return _free(_ascii(text, "_")[:MOST_NAME] or "tool", "_", taken)


def slug(text: str, taken: Iterable[str] = ()) -> str:
    """Return a skill's name as the first part of its tools' names, out of any text ("Contoso CRM (v2)" is
    "contoso-crm-v2"); one that is `taken` gets a number, and "plugin" is what has no letter or digit.
    """
    return _free(_ascii(text.lower(), "-")[:MOST_SLUG].strip("-") or "plugin", "-", taken)


def _ascii(text: str, between: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z0-9]+", between, plain).strip(between)


def _free(name: str, between: str, taken: Iterable[str]) -> str:
    """Return the name, with the lowest number that makes it a new one."""
    used = set(taken)
    numbered = (f"{name[:-4] if len(name) >= MOST_SLUG else name}{between}{number}" for number in count(2))
    return name if name not in used else next(n for n in numbered if n not in used)


def renamed(made: Tool, skill: str) -> Tool:
    """Return the tool under another skill's name."""
    return replace(made, name=f"{skill}.{made.name.partition('.')[2]}", skill=skill)


def _arguments(function: ToolFunction, name: str) -> type[BaseModel]:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise PluginError(f"Tool {name!r} must take a ToolContext as its first parameter.")
    hints = get_type_hints(function, include_extras=True)
    first = hints.get(parameters[0].name, ToolContext)
    if first not in (ToolContext, Any, object):
        hint = f"Write: def {function.__name__}(ctx: ToolContext, {parameters[0].name}, ...)."
        raise PluginError(f"Tool {name!r}: its first parameter is {parameters[0].name!r}, no ToolContext.", hint=hint)
    fields: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"Tool {name!r}: *{parameter.name} has no schema.", hint="Name every parameter.")
        if parameter.name not in hints:
            raise PluginError(f"Tool {name!r}: parameter {parameter.name!r} has no type.")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    model_name = "".join(part.title() for part in re.split(r"[._]", name))
    config = ConfigDict(extra="forbid", json_schema_extra=_lean)
    return cast(type[BaseModel], create_model(model_name, __config__=config, **fields))


def _lean(schema: dict[str, Any]) -> None:
    """Take out what tells a model nothing and costs tokens: titles, empty defaults, that other names are refused."""
    for told in ("title", "additionalProperties"):
        schema.pop(told, None)
    for each in schema.get("properties", {}).values():
        each.pop("title", None)
        if isinstance(each.get("items"), dict) and each["items"].get("additionalProperties") is True:
            del each["items"]["additionalProperties"]
        if each.get("default", ...) in ("", None, False, []):
            del each["default"]
