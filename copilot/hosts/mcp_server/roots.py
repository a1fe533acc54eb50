"""The folders that a client has open ("Roots"): they make what is served smaller, never larger.

With `--roots` they are what is served. The client names them, as the person opened them there; its model does not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import ValidationError

from copilot.hosts.mcp_server.asking import Context, is_modern

REQUEST = "roots"
_PLUGIN = ("PLUGIN_ROOT", "CLAUDE_PLUGIN_ROOT")


def has_roots(ctx: Context) -> bool:
    """Return whether the client says that it can tell its roots."""
    capabilities = ctx.session.client_capabilities
    return capabilities is not None and capabilities.roots is not None


async def roots_of(ctx: Context) -> list[Path]:
    """Return the folders that the client says it works in; empty where it says nothing.

    Clients of 2026-07-28 can only be asked by an answer to a call (`asking_for` and `given`), and are with `--roots`:
    roots are deprecated there (SEP-2577).
    """
    if is_modern(ctx) or not has_roots(ctx) or not ctx.session.can_send_request:
        return []
    related = ServerMessageMetadata(related_request_id=ctx.request_id)
    try:
        found = await ctx.session.send_request(types.ListRootsRequest(), types.ListRootsResult, metadata=related)
    except (MCPError, ValidationError):
        return []
    return _paths(found)


def asking_for() -> types.InputRequiredResult:
    """Return the answer to a call that asks a client of 2026-07-28 for its roots."""
    return types.InputRequiredResult(input_requests={REQUEST: types.ListRootsRequest()})


def given(params: types.CallToolRequestParams) -> list[Path] | None:
    """Return the roots that a repeated call carries, None for a first call."""
    found = (params.input_responses or {}).get(REQUEST)
    return _paths(found) if isinstance(found, types.ListRootsResult) else None


def opened(given: Sequence[Path]) -> tuple[Path, ...]:
    """Return the given folders that can be served; the whole file system is none that a person opens."""
    return tuple(dict.fromkeys(root for root in given if root.is_dir() and root != Path(root.anchor)))


def is_plugin(folder: Path) -> bool:
    """Return whether a folder is only where a host keeps us as a plugin: nobody's documents lie there."""
    homes = [Path(os.environ[name]) for name in _PLUGIN if os.environ.get(name)]
    return any(folder.resolve() == home.resolve() for home in homes)


def narrowed(given: Sequence[Path], served: Sequence[Path]) -> tuple[Path, ...]:
    """Return the given folders that lie inside the served ones; empty: nothing is narrowed.

    Nothing is where a given folder holds a served one whole, or none of them has to do with what is served.
    """
    real = [folder.resolve() for folder in served]
    if any(base.is_relative_to(root) for root in given for base in real):
        return ()
    inside = [root for root in given if root.is_dir() and any(root.is_relative_to(base) for base in real)]
    return tuple(dict.fromkeys(inside))


def _paths(found: types.ListRootsResult) -> list[Path]:
    return [path for root in found.roots if (path := _path(str(root.uri))) is not None]


def _path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    try:
        return Path(url2pathname(parts.path)).resolve()
    except (OSError, ValueError):
        return None
