"""The server's own tools: taking a change back, how an approval stands, finding and calling tools of a long list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from copilot.errors import PluginError, ToolInputError
from copilot.hosts.mcp_server import undoing
from copilot.hosts.mcp_server.catalogue import Catalogue, described
from copilot.hosts.mcp_server.waiting import WaitingRoom
from copilot.plugins.context import ToolContext
from copilot.plugins.skill import Skill
from copilot.plugins.tools import Result, Tool, build, tool
from copilot.plugins.toolsearch import ToolIndex
from copilot.trust.labels import WORKSPACE

SKILL, DOCUMENT = "everpilot", "everpilot.document"
_FOUND = 8
#: Characters of a document that a resource shows.
MOST_SHOWN = 200_000


def own_skill(room: WaitingRoom, catalogue: Callable[[], Catalogue]) -> Skill:
    """Return the tools that the server adds to those of the skills; `catalogue` gives what is served at the time."""

    @tool(effect="write", name="undo")
    def undo(
        context: ToolContext,
        number: Annotated[int | None, Field(description="Its number; without it the last one made here.")] = None,
    ) -> Result:
        """Take back a change to a document, byte for byte."""
        raise PluginError(f"{undoing.NAME} is done by the server itself.")

    @tool(effect="read", name="approval")
    def approval(context: ToolContext, id: Annotated[str, Field(description="As the answer named it.")]) -> Result:
        """Say how a change stands that waits for the person's approval: waiting, done, failed or rejected."""
        waiting = room.get(id)
        if waiting.level > catalogue().options.level:
            raise ToolInputError(f"{id} belongs to a client that may be given more.", code="unknown")
        state = "expired" if waiting.state == "waiting" and waiting.expired else waiting.state
        return Result(f"{waiting.summary}: {state}. {waiting.text}".strip(), data={"id": id, "state": state})

    @tool(effect="read", name="find_tool")
    def find_tool(
        context: ToolContext, request: Annotated[str, Field(description="What is to be done, in a few words.")]
    ) -> Result:
        """Find the tools for a task in Word, Excel, PowerPoint, PDF and other documents or services; then call_tool."""
        context.labels.append(WORKSPACE)
        served = catalogue()
        found = ToolIndex(served.skills).search(request, _FOUND, only=served.tools.__contains__)
        if not found:
            raise ToolInputError("No tool fits these words.", hint="Name the kind of document and what to do with it.")
        return Result(described(served.tools[each.name] for each in found))

    @tool(effect="write", name="call_tool")
    def call_tool(
        context: ToolContext,
        name: Annotated[str, Field(description="The tool's name, as find_tool gave it.")],
        arguments: Annotated[dict[str, Any] | None, Field(description="Its arguments.")] = None,
    ) -> Result:
        """Call a tool that find_tool found."""
        raise PluginError("call_tool is looked through by the server.")

    tools = tuple(build(each, skill=SKILL) for each in (undo, approval, find_tool, call_tool))
    return Skill(SKILL, "Take changes back, and find tools.", tools=tools, origin="core")


def document_tool() -> Tool:
    """Return the tool that reads a document for a resource; no client calls it by name."""

    @tool(effect="read", name="document")
    def document(context: ToolContext, path: str) -> Result:
        """Read a document as Markdown."""
        from copilot.documents.guarded import read_guarded

        file = context.open(path)
        text = read_guarded(file.content, file.name).markdown
        if len(text) > MOST_SHOWN:
            text = f"{text[:MOST_SHOWN]}\n\n[cut: the first {MOST_SHOWN:,} of {len(text):,} characters]"
        return Result(text, sources=(file.name,))

    return build(document, skill=SKILL)
