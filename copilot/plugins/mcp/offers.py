"""Servers become skills: from what is known of them where they are trusted, asked where nothing is known yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from copilot.errors import PluginError
from copilot.plugins.mcp import limits
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.hub import Hub
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.mcp.pins import commands, why_not
from copilot.plugins.mcp.prompts import prompts_of
from copilot.plugins.mcp.resources import SKILL, resource_skill, resources_of
from copilot.plugins.mcp.tools import service_of, tools_of
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.tools import MOST_SLUG, slug
from copilot.trust.sanitise import safe_text
from copilot.trust.sanitise.written import written

_NAMED = 12  # tools that a skill's description names


@dataclass(frozen=True)
class Offered:
    """What servers offer: one skill each, one more for their resources, and why the rest is not there."""

    skills: tuple[Skill, ...] = ()
    problems: tuple[Problem, ...] = ()


def offered(
    servers: Iterable[Server], hub: Hub, *, taken: Collection[str] = (), seconds: float = limits.START
) -> Offered:
    """Return the skills of the servers; `taken` are names that other skills have, which a server never replaces.

    A server whose tools are known is not started. The others are, side by side, under one deadline of `seconds`; what
    can't be used is a problem.
    """
    problems: list[Problem] = []
    usable = [server for server in _each_once(servers, problems) if _may_start(server, hub, problems)]
    known = {server.key: hub.cache.load(server) for server in usable}
    unknown = [server for server in usable if known[server.key] is None or not hub.pins.is_pinned(server)]
    found: dict[str, Listing | PluginError] = {key: value for key, value in known.items() if value is not None}
    if unknown:
        found |= _asked(unknown, hub, seconds)
    made: list[Skill] = []
    having: list[tuple[Server, Listing]] = []
    for server in usable:
        listing = found[server.key]
        if isinstance(listing, PluginError):
            problems.append(Problem(server.key, str(listing)))
            continue
        names = [SKILL, *(skill.name for skill in made)]
        made.append(_skill(server, listing, hub, _name(server, taken, names), problems))
        having.append((server, listing))
    extra = resource_skill(having, hub)
    return Offered((*made, *([extra] if extra else [])), tuple(problems))


def _asked(servers: Sequence[Server], hub: Hub, seconds: float) -> dict[str, Listing | PluginError]:
    try:
        return hub.listings(servers, seconds=seconds)
    except PluginError as error:  # the library is not there: all of them need it
        return dict.fromkeys((server.key for server in servers), error)


def _each_once(servers: Iterable[Server], problems: list[Problem]) -> list[Server]:
    """Return the servers, each name once: the first one counts, as the person's own come first."""
    found: dict[str, Server] = {}
    for server in servers:
        if server.disabled:
            problems.append(Problem(server.key, f"MCP server {server.name} is disabled in its entry.", "noted"))
        elif server.name in found:
            other = found[server.name].where or "another one"
            problems.append(Problem(server.key, f"MCP server {server.name} is replaced by that of {other}."))
        else:
            found[server.name] = server
    return list(found.values())


def _may_start(server: Server, hub: Hub, problems: list[Problem]) -> bool:
    try:
        standing = hub.pins.standing(server)
    except PluginError as error:
        problems.append(Problem(server.key, str(error)))
        return False
    if standing.state != "trusted":
        problems.append(Problem(server.key, why_not(server, standing)))
    return standing.state == "trusted"


def _name(server: Server, taken: Collection[str], names: Sequence[str]) -> str:
    """Return the skill's name: never one that a skill has already."""
    name = slug(server.name, names)
    return slug(f"{name[: MOST_SLUG - 4]}-mcp", [*names, *taken]) if name in taken else name


def _skill(server: Server, listing: Listing, hub: Hub, name: str, problems: list[Problem]) -> Skill:
    checked = hub.pins.check(server, listing)
    tools, more = tools_of(server, listing, hub, skill=name, trusted=checked.tools)
    problems += more
    problems += [Problem(server.key, safe_text(each), "unsupported") for each in listing.problems]
    if checked.changes:
        named = ", ".join(safe_text(each) for each in checked.changes[:_NAMED])
        reason = f"it is not as it was trusted ({named}). What changed is not called. {commands(server)}"
        problems.append(Problem(server.key, reason))
    words = str(written(listing.instructions)).strip()
    return Skill(
        name,
        _description(server, [tool.name.partition(".")[2] for tool in tools]),
        instructions=words,
        tools=tuple(tools),
        origin=f"plugin {server.plugin}" if server.plugin else f"mcp ({server.where or 'settings'})",
        resources=tuple(resources_of(server, listing, hub)),
        prompts=tuple(prompts_of(server, listing, hub)),
        form="mcp-servers",
        plugin=server.plugin,
        label=service_of(server).described,
    )


def _description(server: Server, tools: Sequence[str]) -> str:
    named = ", ".join(tools[:_NAMED]) + (" and more" if len(tools) > _NAMED else "")
    return f"Tools of the MCP server {server.name}: {named}." if tools else f"The MCP server {server.name}."
