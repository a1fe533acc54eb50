"""The tools that a model is offered: their names and schemas, and what is wrong with a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ValidationError

from copilot.models import schema

ToolLike = BaseTool | dict[str, Any] | type | Callable[..., Any]
Check = Callable[[dict[str, Any]], str]


@dataclass(frozen=True, eq=False)
class Toolset:
    """Tools bound to the router, and how (`tool_choice`, ...); they are bound to whichever client serves."""

    tools: tuple[ToolLike, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def wire(self) -> list[dict[str, Any]]:
        """The tools in OpenAI's form, which every LangChain client understands."""
        return [convert_to_openai_tool(tool) for tool in self.tools]

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

    def problem(self, name: str, args: dict[str, Any]) -> str:
        """Return what is wrong with a call, in words that a model can act on, or ""."""
        check = self._checks.get(name)
        if check is None:
            return f"There is no tool {name!r}. There is: {', '.join(self.names) or 'none'}."
        return check(args)


#: No tools.
NONE = Toolset()


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
