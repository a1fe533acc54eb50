"""The tools of a server, as tools of ours."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.arguments import readable
from copilot.plugins.context import ToolContext
from copilot.plugins.mcp import content, limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.hub import Hub
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.service import Service
from copilot.plugins.skill import Problem
from copilot.plugins.tools import Effect, Result, Tool, json_tool, tool_name
from copilot.trust.labels import Label
from copilot.trust.outgoing import Kind, Outgoing
from copilot.trust.sanitise import safe_text
from copilot.trust.sanitise.written import written

#: Texts in a schema: a longer one is cut, it is for the model to read.
_SCHEMA_TEXTS = frozenset({"description", "title", "$comment"})


def service_of(server: Server) -> Service:
    """Return who a server's tools talk to: its origin, or a program on this machine."""
    hosts = (server.origin,) if server.origin else ()
    return Service(server.name, hosts, server.max_confidentiality, local=server.transport == "stdio", place=server.key)


def label_of(server: Server) -> Label:
    """Return the label of what a server says: untrusted, and from there."""
    return service_of(server).source


def tools_of(
    server: Server, listing: Listing, hub: Hub, *, skill: str, trusted: Container[str]
) -> tuple[list[Tool], list[Problem]]:
    """Return the tools that are trusted and that the entry keeps, under the name of a skill; and why others are not."""
    made: list[Tool] = []
    problems: list[Problem] = []
    for described in listing.tools:
        name = str(described["name"])
        if name not in trusted or not server.offers(name):
            continue
        try:
            made.append(_tool(server, described, hub, skill, [tool.name.partition(".")[2] for tool in made]))
        except PluginError as error:
            problems.append(Problem(server.key, f"tool {safe_text(name)[:80]!r} is left out: {error}", "unsupported"))
    return made, problems


def _tool(server: Server, described: Mapping[str, Any], hub: Hub, skill: str, taken: list[str]) -> Tool:
    name = str(described["name"])
    hints = described.get("annotations") or {}
    reads = hints.get("readOnlyHint") is True and name not in server.asks
    run = _reading(server, name, hub) if reads else _changing(server, name, hub, _kind(hints))
    made = json_tool(
        f"{skill}.{tool_name(name, taken)}",
        _description(server, described),
        _lean(described["inputSchema"]),
        Effect.FETCH if reads else Effect.SEND,
        run,
        service=service_of(server),
    )
    return server.adapt[name](made) if name in server.adapt else made


def _kind(hints: Mapping[str, Any]) -> Kind:
    return "delete" if hints.get("destructiveHint") is True else "change"


def _reading(server: Server, name: str, hub: Hub) -> Callable[..., Result]:
    def call(context: ToolContext, /, **args: Any) -> Result:
        context.labels.append(label_of(server))
        answer, notes = hub.call(server, name, args, repeat=True, progress=context.progress)
        return content.result(server, answer, notes)

    return call


def _changing(server: Server, name: str, hub: Hub, kind: Kind) -> Callable[..., Outgoing]:
    def call(context: ToolContext, /, **args: Any) -> Outgoing:
        def deliver(key: str) -> str:
            answer, notes = hub.call(server, name, args, progress=context.progress)
            return content.receipt(server, answer, notes)

        body = f"MCP server {server.name} ({server.place})\ntool {safe_text(name)}\n{readable(args)}"
        return context.send(kind, (server.name,), body, deliver)

    return call


def _description(server: Server, described: Mapping[str, Any]) -> str:
    """Return what a model reads of a tool: the server's words, which nobody vouches for, cut and without the unseen."""
    title = str(described.get("title") or (described.get("annotations") or {}).get("title") or "")
    told = str(written(described.get("description") or title or described["name"])).strip()
    if len(told) > limits.DESCRIPTION:
        told = f"{told[: limits.DESCRIPTION]}…"
    return told or f"A tool of the MCP server {server.name}."


def _lean(value: Any) -> Any:
    """Return a schema without characters that nobody sees, and with its texts cut."""
    if isinstance(value, list):
        return [_lean(each) for each in value]
    if isinstance(value, dict):
        return {key: _short(each) if key in _SCHEMA_TEXTS else _lean(each) for key, each in value.items()}
    return value


def _short(value: Any) -> Any:
    if not isinstance(value, str):
        return _lean(value)  # a property that is called so
    text = str(written(value))
    return text if len(text) <= limits.LOG_WIDTH else f"{text[: limits.LOG_WIDTH]}…"
