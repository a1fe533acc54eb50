"""What a server offers, as plain JSON: asked for page by page, and checked piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.arguments import JsonArguments
from copilot.plugins.mcp import limits
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from mcp.client import Client

#: What of a tool counts: a server may change its icons and `_meta` as it likes.
_TOOL = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True)
class Listing:
    """What a server offers: tools, prompts, resources and templates as the protocol writes them (by their names there).

    `problems` are what of it can't be used, and why. `instructions` are the server's own words, `protocol` the version
    that was agreed on, `legacy` that it knows the older handshake only.
    """

    tools: tuple[Mapping[str, Any], ...] = ()
    prompts: tuple[Mapping[str, Any], ...] = ()
    resources: tuple[Mapping[str, Any], ...] = ()
    templates: tuple[Mapping[str, Any], ...] = ()
    instructions: str = ""
    title: str = ""
    protocol: str = ""
    legacy: bool = False
    sse: bool = False
    problems: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Listing:
        """Return what `to_dict` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        made: dict[str, Any] = {name: tuple(data[name]) for name in ("tools", "prompts", "resources", "templates")}
        if not all(isinstance(each, dict) for value in made.values() for each in value):
            raise ValueError("its lists hold something else")
        made |= {name: str(data[name]) for name in ("instructions", "title", "protocol")}
        made |= {name: data[name] is True for name in ("legacy", "sse")}
        return cls(**made, problems=tuple(map(str, data["problems"])))

    def tool(self, name: str) -> Mapping[str, Any] | None:
        """Return a tool by its name."""
        return next((tool for tool in self.tools if tool.get("name") == name), None)


async def listed(client: Client) -> Listing:
    """Return what the server offers. A part that it does not have, or can't list, is empty; that is a problem."""
    has = client.server_capabilities
    problems: list[str] = []
    tools = await _all(client, "tools", limits.TOOLS, problems) if has.tools else []
    prompts = await _all(client, "prompts", limits.PROMPTS, problems) if has.prompts else []
    resources = await _all(client, "resources", limits.RESOURCES, problems) if has.resources else []
    templates = await _all(client, "resources/templates", limits.RESOURCES, problems) if has.resources else []
    info = client.server_info
    return Listing(
        tools=tuple(_usable_tools(tools, problems)),
        prompts=tuple(each for each in prompts if isinstance(each.get("name"), str)),
        resources=tuple(each for each in resources if isinstance(each.get("uri"), str)),
        templates=tuple(each for each in templates if isinstance(each.get("uriTemplate"), str)),
        instructions=(client.instructions or "")[: limits.INSTRUCTIONS],
        title=((info.title or info.name) if info else "")[: limits.LOG_WIDTH],
        protocol=client.protocol_version,
        problems=tuple(problems),
    )


#: A list's method, and the key that it is under.
_KEYS = {"resources/templates": "resourceTemplates"}


async def _all(client: Client, what: str, most: int, problems: list[str]) -> list[dict[str, Any]]:
    """Return all pages of a list; one that repeats its cursor, or never ends, is cut."""
    from mcp.shared.exceptions import MCPError

    found: list[dict[str, Any]] = []
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(limits.PAGES):
        try:
            page, cursor = await _page(client, what, cursor, problems)
        except MCPError as error:
            if what == "tools":
                raise
            problems.append(f"{what}/list failed: {safe_text(error.message)[: limits.LOG_WIDTH]}")
            return found
        found += page
        if cursor is None or cursor in seen or len(found) > most:
            break
        seen.add(cursor)
    if cursor is not None:
        problems.append(f"it lists more {what} than are taken, or its pages never end; the rest is left out.")
    return found[:most]


async def _page(
    client: Client, what: str, cursor: str | None, problems: list[str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return one page. Where it does not fit the standard as a whole, its parts are looked at one by one."""
    from pydantic import ValidationError

    asks: dict[str, Callable[..., Any]] = {
        "tools": client.list_tools,
        "prompts": client.list_prompts,
        "resources": client.list_resources,
        "resources/templates": client.list_resource_templates,
    }
    key = _KEYS.get(what, what)
    try:
        answer = await asks[what](cursor=cursor, cache_mode="bypass")
        data = answer.model_dump(by_alias=True, mode="json", exclude_none=True)
        return list(data[key]), answer.next_cursor
    except ValidationError as error:
        raw = await _raw(client, f"{what}/list", cursor)
        items = raw.get(key)
        if not isinstance(items, list):
            problems.append(f"{what}/list answers no list of them: {error.error_count()} errors.")
            return [], None
        following = raw.get("nextCursor")
        return [e for e in items if isinstance(e, dict)], following if isinstance(following, str) else None


async def _raw(client: Client, method: str, cursor: str | None) -> dict[str, Any]:
    """Return the answer of the server without the SDK's checks, which take a list whole or not at all."""
    session: Any = client.session
    data: dict[str, Any] = {"method": method, "params": {"cursor": cursor} if cursor else {}}
    options: dict[str, Any] = {}
    session._stamp(data, options)
    answer = await session._dispatcher.send_raw_request(method, data["params"], options)
    return answer if isinstance(answer, dict) else {}


def _usable_tools(tools: list[dict[str, Any]], problems: list[str]) -> list[Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for tool in tools:
        name = tool.get("name")
        kept = {key: tool[key] for key in _TOOL if tool.get(key) is not None}
        execution = tool.get("execution")
        why = _why_not(name, kept, execution if isinstance(execution, Mapping) else {})
        if isinstance(name, str) and name in found:
            why = "it is there twice; the first one counts."
        if why:
            problems.append(f"tool {safe_text(str(name))[:80]!r} is left out: {why}")
        elif isinstance(name, str):
            found[name] = kept
    return list(found.values())


def _why_not(name: object, tool: Mapping[str, Any], execution: Mapping[str, Any]) -> str:
    if not isinstance(name, str) or not name or len(name) > 200:
        return "it has no name."
    if not isinstance(tool.get("inputSchema"), Mapping):
        return "it has no input schema."
    if execution.get("taskSupport") == "required":
        return "it runs as a task only, which is not supported."
    if not isinstance(tool.get("description", ""), str) or not isinstance(tool.get("annotations", {}), Mapping):
        return "its description or its annotations are no such thing."
    if len(json.dumps(tool)) > limits.TOOL:
        return f"it is longer than {limits.TOOL:,} characters."
    return _broken(tool["inputSchema"])


def _broken(schema: Any) -> str:
    """Return why no call can be checked with a schema, "" when one can."""
    try:
        JsonArguments.of(schema).parse({}, "it")
    except PluginError as error:
        return error.message
    except ToolInputError:  # arguments are missing, which is well
        return ""
    return ""
