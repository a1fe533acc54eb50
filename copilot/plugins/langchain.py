"""Our tools as LangChain tools: what a model is offered. They run in the agent's tool step, nowhere else."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel

from copilot.plugins.tools import Tool

#: Under this key of a LangChain tool's metadata lies our `Tool`, with its examples, cues and slots.
TOOL = "everpilot_tool"


class _Offered(StructuredTool):
    """A tool whose schema goes to vendors as it is declared; LangChain's own copy of it spells out every default."""

    @property
    def tool_call_schema(self) -> type[BaseModel] | dict[str, Any]:
        """The model of the arguments, or their JSON Schema."""
        return cast("type[BaseModel] | dict[str, Any]", self.args_schema)


def as_langchain(tool: Tool) -> BaseTool:
    """Return the LangChain form of `tool`, under its wire name."""

    def outside_the_tool_step(**_: Any) -> NoReturn:
        raise RuntimeError(f"{tool.name} runs in the agent's tool step, where it is staged and decided on.")

    return _Offered.from_function(
        func=outside_the_tool_step,
        name=tool.wire_name,
        description=tool.description,
        args_schema=tool.arguments.offered,
        metadata={TOOL: tool},
    )


def of_langchain(tool: object) -> Tool | None:
    """Return our `Tool` that a LangChain tool was made from, or None for a stranger."""
    metadata = getattr(tool, "metadata", None)
    found = metadata.get(TOOL) if isinstance(metadata, dict) else None
    return found if isinstance(found, Tool) else None
