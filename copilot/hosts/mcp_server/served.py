"""What one server holds: the skills, the desks over the folders, and who is connected."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
from mcp.server.session import ServerSession

from copilot.agent.copilot import Copilot
from copilot.errors import WorkspaceError
from copilot.hosts.mcp_server import own, roots
from copilot.hosts.mcp_server.asking import Context, is_modern
from copilot.hosts.mcp_server.catalogue import Catalogue
from copilot.hosts.mcp_server.desk import Desk, first_seen
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.mcp_server.stamps import skills_stamp
from copilot.hosts.mcp_server.waiting import WaitingRoom

#: Connections that are remembered for notices, and folders that clients narrowed it to.
_CONNECTIONS, _DESKS = 256, 32


class Served:
    """The state of one server. `open_` returns an assistant over the served folder, or over folders inside it."""

    def __init__(self, open_: Callable[[Sequence[Path]], Copilot], options: Options) -> None:
        self.options = options
        self.copilot = open_(())
        self.stamp = skills_stamp(self.copilot.settings.skills.paths)  # before they are loaded
        self.room = WaitingRoom(self.copilot.state, encrypt=self.copilot.settings.records.encrypt)
        self.thread = f"mcp-{secrets.token_hex(4)}"
        self.sessions: OrderedDict[str, ServerSession] = OrderedDict()
        self.subscribed: dict[str, set[str]] = {}
        self._open = open_
        self._seen = first_seen(self.copilot.settings, options.level)
        self._own = own.own_skill(self.room, lambda: self.catalogue)
        self._roots: dict[str, tuple[Path, ...]] = {}
        self._desks: OrderedDict[tuple[Path, ...], Desk] = OrderedDict()
        self.catalogue = Catalogue.of(self.copilot.at_hand, self._own, options)

    def reload(self) -> bool:
        """Load the skills anew; return whether a client sees a difference. Raises EverpilotError: then all stays."""
        copilot = self._open(())
        catalogue = Catalogue.of(copilot.at_hand, self._own, self.options)
        if catalogue.same_as(self.catalogue):
            return False
        self.copilot, self.catalogue = copilot, catalogue
        self._desks.clear()
        return True

    def wants_roots(self, ctx: Context) -> bool:
        """Return whether the client must say what it has open before anything can be served."""
        return self.options.roots and is_modern(ctx) and roots.has_roots(ctx) and key_of(ctx) not in self._roots

    def open_roots(self, ctx: Context, given: Sequence[Path]) -> None:
        """Serve a client what it has open, as far as it may."""
        served = self.copilot.roots
        self._roots[key_of(ctx)] = roots.opened(given) if self.options.roots else roots.narrowed(given, served)
        if len(self._roots) > _CONNECTIONS:
            del self._roots[next(iter(self._roots))]  # should it still be there, it is asked again

    async def desk(self, ctx: Context) -> Desk:
        """Return the desk over what this client opened: its roots where they lie inside the served folder.

        Raises WorkspaceError when only roots are served and there are none.
        """
        key = key_of(ctx)
        if key not in self._roots and not self.wants_roots(ctx):
            self.open_roots(ctx, await roots.roots_of(ctx))
        chosen = self._roots.get(key, ())
        if not chosen and self.options.roots and roots.is_plugin(self.copilot.folder):
            hint = "Open one in the assistant, or add the server with --dir (docs/mcp.md)."
            raise WorkspaceError("The assistant does not say which folder is open.", hint=hint)
        return await anyio.to_thread.run_sync(self._desk, chosen)

    def _desk(self, folders: tuple[Path, ...]) -> Desk:
        made = self._desks.get(folders)
        if made is None:
            copilot = self._open(folders) if folders else self.copilot
            document = own.document_tool()
            tools = {**self.catalogue.all, document.name: document}
            made = self._desks[folders] = Desk(copilot, tools, self.options.level, self.thread, self._seen)
            if len(self._desks) > _DESKS:
                self._desks.popitem(last=False)
        return made

    def joined(self, ctx: Context) -> None:
        """Remember a connection, for notices."""
        key = key_of(ctx)
        self.sessions[key] = ctx.session
        if len(self.sessions) > _CONNECTIONS:
            gone, _ = self.sessions.popitem(last=False)
            self._roots.pop(gone, None)
            for keys in self.subscribed.values():
                keys.discard(gone)

    def forget_roots(self, ctx: Context) -> None:
        """Ask the client for its roots again before the next call."""
        self._roots.pop(key_of(ctx), None)


def key_of(ctx: Context) -> str:
    """Return what tells connections apart: the id of a session over HTTP; over stdio there is one."""
    request: Any = ctx.request
    headers = getattr(request, "headers", None) or {}
    return str(headers.get("mcp-session-id", ""))
