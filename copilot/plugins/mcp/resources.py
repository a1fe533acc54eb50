"""The resources of servers: two tools over all of them, and the resources of each as those of its skill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.mcp import content, limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.hub import Hub
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.mcp.tools import label_of, service_of
from copilot.plugins.service import Service
from copilot.plugins.skill import Resource, Skill
from copilot.plugins.tools import Effect, Result, Tool, json_tool
from copilot.trust.sanitise import safe_text

SKILL = "mcp"
_SHOWN = 100  # resources in one list


def resources_of(server: Server, listing: Listing, hub: Hub) -> list[Resource]:
    """Return the resources of a server; each is read when it is needed, and is not trusted."""
    return [
        Resource(
            str(each["uri"]),
            _read(server, str(each["uri"]), hub),
            _about(each),
            _text(each.get("mimeType")),
            label_of(server),
        )
        for each in listing.resources
    ]


def _read(server: Server, uri: str, hub: Hub) -> Callable[[], bytes]:
    return lambda: content.resource_bytes(hub.read(server, uri).contents)


def resource_skill(found: Sequence[tuple[Server, Listing]], hub: Hub) -> Skill | None:
    """Return a skill with the tools `mcp.list_resources` and `mcp.read_resource`; None where no server has any.

    A server may be asked with what it may be given, and with what it gave itself.
    """
    having = {server.name: (server, listing) for server, listing in found if listing.resources or listing.templates}
    if not having:
        return None
    servers = [server for server, _ in having.values()]
    service = Service(
        "MCP servers",
        tuple(dict.fromkeys(server.origin for server in servers if server.origin)),
        min(server.max_confidentiality for server in servers),
        local=all(server.transport == "stdio" for server in servers),
    )
    return Skill(
        SKILL,
        f"Reads the resources (files, records, pages) that the MCP servers {', '.join(having)} offer.",
        tools=(_list_tool(having, hub, service), _read_tool(having, hub, service)),
        origin="mcp",
        form="mcp-servers",
    )


Having = Mapping[str, tuple[Server, Listing]]


def _list_tool(having: Having, hub: Hub, service: Service) -> Tool:
    def call(context: ToolContext, /, **args: Any) -> Result:
        chosen = [_chosen(having, args["server"])] if args.get("server") else list(having.values())
        context.labels += [label_of(server) for server, _ in chosen]
        rows = [row for server, listing in chosen for row in _rows(server, listing, str(args.get("about") or ""))]
        more = [f"and {len(rows) - _SHOWN} more; say what they are about"] if len(rows) > _SHOWN else []
        return Result("\n".join([*rows[:_SHOWN], *more]) or "There is none.", data=rows)

    return json_tool(
        f"{SKILL}.list_resources",
        "List the resources that MCP servers offer: their addresses, and what they are.",
        _schema({"server": _servers(having), "about": {"type": "string", "description": "A word that they hold."}}),
        Effect.READ,
        call,
    )


def _read_tool(having: Having, hub: Hub, service: Service) -> Tool:
    def call(context: ToolContext, /, **args: Any) -> Result:
        server, _ = _chosen(having, args["server"])
        context.labels.append(label_of(server))
        answer = hub.read(server, args["uri"])
        return Result(content.resource(answer.contents), sources=(f"mcp {server.name} {args['uri']}",))

    return json_tool(
        f"{SKILL}.read_resource",
        "Read a resource of an MCP server by its address out of mcp.list_resources; fill in a template's {blanks}.",
        _schema({"server": _servers(having), "uri": {"type": "string"}}, "server", "uri"),
        Effect.FETCH,
        call,
        roles={"server": "option"},
        service=service,
        whom=lambda args: service_of(having[name][0]) if (name := str(args.get("server"))) in having else None,
    )


def _chosen(having: Having, name: str) -> tuple[Server, Listing]:
    if name not in having:
        raise ToolInputError.unknown("server", name, having)
    return having[name]


def _servers(having: Having) -> dict[str, Any]:
    return {"type": "string", "enum": list(having), "description": "The server's name."}


def _schema(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _rows(server: Server, listing: Listing, about: str) -> list[str]:
    rows = [f"{server.name}: {_text(each['uri'])} {_about(each)}".strip() for each in listing.resources]
    rows += [f"{server.name}: {_text(each['uriTemplate'])} (template) {_about(each)}" for each in listing.templates]
    return [row for row in rows if about.lower() in row.lower()]


def _about(described: Mapping[str, Any]) -> str:
    parts = (_text(described.get(name)) for name in ("title", "name", "description"))
    return ": ".join(dict.fromkeys(part for part in parts if part))


def _text(value: Any) -> str:
    return safe_text(value)[: limits.LOG_WIDTH] if isinstance(value, str) else ""
