"""The tools that a model is offered: their names and schemas, and what is wrong with a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ValidationError

from copilot.models import schema
from copilot.models.plain import plain

ToolLike = BaseTool | dict[str, Any] | type | Callable[..., Any]
Check = Callable[[dict[str, Any]], str]
Find = Callable[[str], ToolLike | None]

_unoffered: ContextVar[Find | None] = ContextVar("everpilot_tools_unoffered", default=None)


@contextmanager
def also_callable(find: Find) -> Iterator[None]:
    """Accept calls of tools that are not offered inside the block: `find` returns one by its name, or None."""
    token = _unoffered.set(find)
    try:
        yield
    finally:
        _unoffered.reset(token)


@dataclass(frozen=True, eq=False)
class Toolset:
    """Tools bound to the router, and how (`tool_choice`, ...); they are bound to whichever client serves."""

    tools: tuple[ToolLike, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def wire(self) -> list[dict[str, Any]]:
        """The tools in OpenAI's form, which every LangChain client understands."""
        return [wired(tool) for tool in self.tools]

    @cached_property
    def plain(self) -> list[ToolLike]:
        """The tools for a client that can't convert every schema: as they are, or in OpenAI's form with a plain one."""
        return [_plainly(tool, wire) for tool, wire in zip(self.tools, self.wire, strict=True)]

    @cached_property
    def choice(self) -> str:
        """What is said about calls: "" (the model decides), "any", "none", or the name of the tool to be called."""
        return choice(self.options.get("tool_choice"))

    def unmet(self, called: Sequence[str]) -> str:
        """Return what is wrong with an answer that called these tools, by what was said about calls, or ""."""
        if not self.choice or self.choice not in ("any", "none", *self.names):
            return ""
        if self.choice == "none":
            return "called a tool that it was told not to use" if called else ""
        met = bool(called) if self.choice == "any" else self.choice in called
        return "" if met else "did not call the tool that it was told to use"

    @cached_property
    def size(self) -> int:
        """How many bytes of JSON the tools are, for estimating tokens."""
        return sum(len(json.dumps(tool, default=str)) for tool in self.wire)

    @cached_property
    def _checks(self) -> dict[str, Check]:
        pairs = zip(self.tools, self.wire, strict=True)
        return {name: check for tool, wire in pairs for name, check in _check(tool, wire)}

    @property
    def names(self) -> list[str]:
        """The names that a call may use."""
        return list(self._checks)

    def takes_nothing(self, name: str) -> bool:
        """Return whether there is a tool `name` and it has no parameters."""
        also = _found(name) if name not in self._checks else None
        wires = [wired(also)] if also is not None else self.wire
        functions = (wire.get("function") or {} for wire in wires)
        return any(f.get("name") == name and not (f.get("parameters") or {}).get("properties") for f in functions)

    @cached_property
    def called(self) -> list[str]:
        """Every name that a `tool_choice` may use: also those of tools that run at the vendor."""
        named = ((tool.get("function") or tool).get("name") or tool.get("type") for tool in self.wire)
        return [str(name) for name in named if name]

    def problem(self, name: str, args: dict[str, Any]) -> str:
        """Return what is wrong with a call, in words that a model can act on, or ""."""
        check = self._checks.get(name)
        if check is None and (tool := _found(name)) is not None:
            return _of_unoffered(tool, args)
        if check is None:
            return f"There is no tool {name!r}. There is: {', '.join(self.names) or 'none'}."
        return check(args)


#: No tools.
NONE = Toolset()


class Wire(list[dict[str, Any]]):
    """Tools in OpenAI's form, as LangChain hands them about; `tools` are what they were made of."""

    def __init__(self, toolset: Toolset) -> None:
        super().__init__(toolset.wire)
        self.tools = toolset.tools


#: By the model of the arguments, then the tool's name and description.
_wires: WeakKeyDictionary[type[Any], dict[tuple[str, str], dict[str, Any]]] = WeakKeyDictionary()


def wired(tool: ToolLike) -> dict[str, Any]:
    """Return a tool in OpenAI's form, to be left as it is: every agent of a process is given the same one."""
    model = tool.args_schema if isinstance(tool, BaseTool) else None
    if not isinstance(tool, BaseTool) or not isinstance(model, type) or tool.tool_call_schema is not model:
        return convert_to_openai_tool(tool)
    known = _wires.setdefault(model, {})
    named = (tool.name, tool.description)
    if named not in known:
        known[named] = convert_to_openai_tool(tool)
    return known[named]


def _plainly(tool: ToolLike, wire: dict[str, Any]) -> ToolLike:
    function = wire.get("function")
    parameters = function.get("parameters") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(parameters, dict) or plain(parameters) is parameters:
        return tool
    return {**wire, "function": {**function, "parameters": plain(parameters)}}


def choice(given: Any) -> str:
    """Return a `tool_choice` in one form: "" (the model decides), "any", "none", or the name of the tool to be called.

    Understood are LangChain's words and the vendors' own: "required", True, `{"type": "function", "function": {"name":
    ...}}` (OpenAI), `{"type": "tool", "name": ...}` (Anthropic), `{"tool": {"name": ...}}` (Bedrock), `{"mode": "ANY",
    "allowed_function_names": [...]}` (Gemini). Any other dict is a vendor's own and goes to its client as it is: "".
    """
    if isinstance(given, bool) or given is None:
        return "any" if given else ""
    if isinstance(given, str):
        return _WORDS.get(given.lower(), given)
    return said(given) if isinstance(given, Mapping) else ""


_WORDS = {"": "", "auto": "", "any": "any", "required": "any", "none": "none", "validated": ""}


def said(given: Mapping[str, Any]) -> str:
    """Return what a `tool_choice` as a dict says: the name of a tool, "any", "none", or "" where we do not know it."""
    inner = given.get("function") or given.get("tool") or given
    if isinstance(inner, Mapping) and isinstance(name := inner.get("name"), str):
        return name
    if isinstance(config := given.get("function_calling_config"), Mapping):
        return said(config)
    allowed: Sequence[Any] = given.get("allowed_function_names") or ()
    word = str(given.get("mode") or given.get("type") or next(iter(given), "")).lower()
    return str(allowed[0]) if len(allowed) == 1 and _WORDS.get(word) == "any" else _WORDS.get(word, "")


def _found(name: str) -> ToolLike | None:
    find = _unoffered.get()
    return find(name) if find else None


def _of_unoffered(tool: ToolLike, args: dict[str, Any]) -> str:
    """Return what is wrong with a call of a tool whose schema the model has not seen, with the schema, or ""."""
    wire = wired(tool)
    problem = next((check(args) for _, check in _check(tool, wire)), "")
    schema_text = json.dumps(wire["function"].get("parameters") or {}, ensure_ascii=False, default=str)
    return f"{problem} Its arguments are: {schema_text}" if problem else ""


def _check(tool: ToolLike, wire: dict[str, Any]) -> list[tuple[str, Check]]:
    """Return the name of a tool with the check of its arguments; nothing for tools that run at the vendor."""
    function = wire.get("function")
    if not isinstance(function, dict) or "name" not in function:
        return []
    # `tool_call_schema` leaves out what LangChain injects, which a model can't know.
    model = tool.tool_call_schema if isinstance(tool, BaseTool) else tool
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [(function["name"], _by_model(model))]
    parameters = function.get("parameters") or {}
    return [(function["name"], lambda args: schema.problem(args, parameters))]


def _by_model(model: type[BaseModel]) -> Check:
    def check(args: dict[str, Any]) -> str:
        try:
            model.model_validate(args)
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:5])
        return ""

    return check


def estimate_tokens(texts: Sequence[str], images: int = 0) -> int:
    """Return about how many tokens these texts and images are: four UTF-8 bytes a token, 1,000 tokens an image."""
    sizes = (len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts)
    return sum(sizes) // 4 + images * 1000
