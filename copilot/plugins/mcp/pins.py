"""Which servers may be started, and which of their tools are called: those that are as they were when trusted.

A server that changes a tool after it was trusted (a "rug pull") can't have it called until a person looked at it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from copilot.errors import PluginError
from copilot.plugins.mcp.config import Server
from copilot.plugins.mcp.listing import Listing
from copilot.plugins.trusting import Content, Decision, Decisions, Standing, mcp_content

#: The part that says that the tools were looked at, too: before the first connection they are not known.
_LISTED = "tools listed"
_NAMED = 5


@dataclass(frozen=True)
class Checked:
    """What of a server's tools may be called, by name, and what is not as it was trusted."""

    tools: frozenset[str]
    changes: tuple[str, ...] = ()


class Pins:
    """The decisions on servers, in a state folder; safe for many threads."""

    def __init__(self, state: Path) -> None:
        self._decisions = Decisions(state)
        self._lock = threading.Lock()

    def standing(self, server: Server) -> Standing:
        """Return how the server itself stands (how it is started or reached), its tools apart. Raises PluginError.

        The person's own one is always trusted.
        """
        if not server.ask:
            return Standing("trusted")
        kept = self._kept(server)
        if kept is None:
            return Standing("new")
        before, now = _entry(kept.parts), _entry(content_of(server, None).parts)
        names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        return Standing("changed", tuple(f"{name} changed" for name in names)) if names else Standing("trusted")

    def must_be_startable(self, server: Server) -> None:
        """Raise PluginError for a server of somebody's files that nobody trusted as it is."""
        standing = self.standing(server)
        if standing.state != "trusted":
            raise PluginError(why_not(server, standing), code="untrusted")

    def must_be_trusted(self, server: Server, listing: Listing, tool: str) -> None:
        """Raise PluginError when a tool is not what was trusted, or is gone."""
        checked = self.check(server, listing)
        if tool in checked.tools:
            return
        if listing.tool(tool) is None:
            raise PluginError(f"MCP server {server.name} has no tool {tool!r} any more.", code="gone")
        raise PluginError(
            f"Tool {tool!r} of MCP server {server.name} is not what was trusted; it was not called.",
            hint=commands(server),
            code="changed",
        )

    def check(self, server: Server, listing: Listing) -> Checked:
        """Return which tools may be called. The first listing of a trusted server is pinned."""
        with self._lock:
            kept = self._kept(server)
            now = content_of(server, listing)
            if (
                kept is None
                or _LISTED not in kept.parts
                or (not server.ask and _entry(kept.parts) != _entry(now.parts))
            ):
                self._decisions.trust(now)
                return Checked(frozenset(_names(now.parts)))
        before, after = _tools(kept.parts), _tools(now.parts)
        same = frozenset(name for name, part in after.items() if before.get(name) == part)
        return Checked(same, tuple(_changes(before, after)))

    def is_pinned(self, server: Server) -> bool:
        """Return whether the tools of this very server were looked at before."""
        kept = self._kept(server)
        return (
            kept is not None and _LISTED in kept.parts and _entry(kept.parts) == _entry(content_of(server, None).parts)
        )

    def trust(self, server: Server, listing: Listing | None) -> Decision:
        """Record that a server is trusted with these tools (None: those that it lists first)."""
        with self._lock:
            return self._decisions.trust(content_of(server, listing))

    def _kept(self, server: Server) -> Decision | None:
        key = content_of(server, None).key
        return next((made for made in self._decisions.all() if f"{made.kind}:{made.where}" == key), None)


def content_of(server: Server, listing: Listing | None) -> Content:
    """Return what a decision on a server is about: its entry, and its tools if they are known."""
    where = server.where or (f"plugin {server.plugin}" if server.plugin else "")
    made = mcp_content(server.name, server.entry, listing.tools if listing else (), where=where)
    return replace(made, parts={**made.parts, _LISTED: "yes"}) if listing else made


def why_not(server: Server, standing: Standing) -> str:
    """Return why a server is not started, with the command that shows and trusts it."""
    if standing.state == "changed":
        named = ", ".join(standing.changes[:_NAMED])
        why = f"MCP server {server.name} changed since it was trusted ({named}), and is not started."
    else:
        why = f"MCP server {server.name} came with the folder and nobody has trusted it, so it is not started."
    return f"{why} {commands(server)}"


def commands(server: Server) -> str:
    """Return the commands that show a server and trust it, in a sentence."""
    return f"To look at it: everpilot trust --show {how(server)} To trust it as it is: everpilot trust {how(server)}"


def how(server: Server) -> str:
    """Return what `everpilot trust` is given for a server: its folder, or "mcp:NAME" for the person's own."""
    if not server.ask:
        return f"mcp:{server.name}"
    path = Path(server.where)
    return f'"{path.parent.parent if path.parent.name in (".vscode", ".cursor") else path.parent}"'


def _entry(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: part for name, part in parts.items() if not name.startswith("tool ") and name != _LISTED}


def _tools(parts: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix("tool "): part for name, part in parts.items() if name.startswith("tool ")}


def _names(parts: Mapping[str, str]) -> list[str]:
    return list(_tools(parts))


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    new = [f"tool {name} is new" for name in after if name not in before]
    gone = [f"tool {name} is gone" for name in before if name not in after]
    return new + gone + [f"tool {name} changed" for name in after if before.get(name, after[name]) != after[name]]
