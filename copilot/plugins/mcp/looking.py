"""What a person sees of a server before it is trusted: nothing is started to find that out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.mcp import places
from copilot.plugins.mcp.cache import Cache
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.mcp.pins import Pins, content_of
from copilot.plugins.trusting import Decision, Standing
from copilot.settings import McpSettings

#: How `everpilot trust` is told a server of the person's own.
PREFIX = "mcp:"


@dataclass(frozen=True)
class ShownServer:
    """A server as it would be trusted: how it is started or reached, and its tools as it listed them last, if ever."""

    server: Server
    standing: Standing
    listing: Listing | None

    @property
    def tools(self) -> tuple[tuple[str, str, str], ...]:
        """Name, effect, and what it says it does, of each tool that is known."""
        return tuple(
            (str(tool["name"]), _effect(tool), str(tool.get("description") or "").strip().partition("\n")[0])
            for tool in (self.listing.tools if self.listing else ())
        )

    @property
    def gets(self) -> tuple[str, ...]:
        """The names of the variables and headers that it is given; their values may be secrets."""
        return (*self.server.env, *self.server.headers)

    def trust(self, state: Path) -> Decision:
        """Record that it is trusted as it was shown."""
        return Pins(state).trust(self.server, self.listing)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "name": self.server.name,
            "where": self.server.key,
            "digest": content_of(self.server, self.listing).digest,
            "state": self.standing.state,
            "changes": list(self.standing.changes),
            "starts": self.server.place,
            "gets": list(self.gets),
            "tools": [{"name": n, "effect": e, "description": d} for n, e, d in self.tools],
        }


def in_folder(folder: Path, state: Path) -> list[ShownServer]:
    """Return the servers that a folder's files name, as far as they can be read (plugins/mcp/places.py)."""
    return _looked(places.project(folder).servers, state)


def one_of_own(name: str, settings: McpSettings, folder: Path, state: Path) -> ShownServer:
    """Return the person's own server of that name. Raises PluginError."""
    servers = places.own(settings, folder).servers
    found = _looked((each for each in servers if each.name == name), state)
    if not found:
        known = ", ".join(dict.fromkeys(each.name for each in servers)) or "none"
        raise PluginError(f"There is no MCP server {name!r} of your own.", hint=f"There is: {known}.")
    return found[0]


def _looked(servers: Iterable[Server], state: Path) -> list[ShownServer]:
    pins, cache = Pins(state), Cache(state)
    return [_shown(server, pins, cache.load(server)) for server in servers]


def _shown(server: Server, pins: Pins, listing: Listing | None) -> ShownServer:
    standing = pins.standing(server)
    if standing.state == "trusted" and listing is not None and pins.is_pinned(server):
        changes = pins.check(server, listing).changes
        standing = Standing("changed", changes) if changes else standing
    return ShownServer(server, standing, listing)


def _effect(tool: Any) -> str:
    hints = tool.get("annotations") or {}
    if hints.get("readOnlyHint") is True:
        return "says that it only reads"
    return "may delete" if hints.get("destructiveHint") is True else "may change things"
