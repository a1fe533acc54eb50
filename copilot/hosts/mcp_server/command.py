"""`everpilot mcp`: serves the folder to other assistants; `everpilot mcp approve` answers what waits for a person."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from copilot.agent.copilot import Copilot
from copilot.cli import DONE
from copilot.errors import ApprovalError, PluginError, SettingsError, ToolInputError
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.once import make_copilot
from copilot.hosts.output import say
from copilot.trust.labels import Confidentiality

_NEEDED = 'Run: pip install "everpilot[mcp]"'


def mcp(parsed: argparse.Namespace) -> int:
    """Serve, or answer an approval."""
    try:
        import mcp.server  # noqa: F401 - an extra
    except ImportError as error:
        raise PluginError(f"The MCP server needs a library that is not installed ({error}).", hint=_NEEDED) from error
    return approve(parsed) if parsed.action == "approve" else serve(parsed)


def serve(parsed: argparse.Namespace) -> int:
    """Serve until the client, or the person, ends it."""
    import anyio

    from copilot.hosts.mcp_server import server as serving

    if parsed.roots and parsed.http is not None:
        raise ToolInputError("--roots is for one client on stdin and stdout, not for --http.", code="usage")
    first = make_copilot(parsed)
    for note in (*first.settings.notes, *(f"{p.where}: {p.reason}" for p in first.skills.problems)):
        say(note)  # stderr: hosts show it in their log of the server
    options = Options(
        skills=tuple(_names(parsed.skills)),
        tools=tuple(_names(parsed.tools)),
        lean=True if parsed.lean else None,
        level=Confidentiality.parse(parsed.max_confidentiality),
        roots=parsed.roots,
    )
    made = serving.build(partial(_opened, first), options)
    if parsed.http is None:
        if sys.stdin and sys.stdin.isatty():
            say("waiting for an assistant on stdin: add this command to its settings (Ctrl+C ends it)")
        anyio.run(serving.over_stdio, made)
        return DONE
    from copilot.hosts.mcp_server import http

    address = http.Address.parse(parsed.http, _token(parsed.token_env), tuple(parsed.allow_origin))
    bound = http.listening(address)
    say(f"listening on {replace(address, port=bound.getsockname()[1]).url}")
    anyio.run(http.over_http, made, address, bound)
    return DONE


def _opened(first: Copilot, roots: Sequence[Path]) -> Copilot:
    """Return an assistant over the served folders, or over folders inside them, as the command line opened them."""
    folder, *more = roots or first.roots
    return first.like(folder=folder, folders=more)


def _names(given: Sequence[str]) -> list[str]:
    return [name.strip() for each in given for name in each.split(",") if name.strip()]


def _token(variable: str | None) -> str:
    if variable is None:
        return ""
    token = os.environ.get(variable, "").strip()
    if not token:
        raise SettingsError(f"The variable {variable} of --token-env is empty.", hint="Put a long secret into it.")
    return token


# --- approve ------------------------------------------------------------------------------------------------------


def approve(parsed: argparse.Namespace) -> int:
    """List what waits, or show one change and ask the person at the terminal; nobody else can answer."""
    from copilot.hosts.mcp_server import approving

    if not parsed.id:
        return approving.listed()
    if parsed.http is not None:
        raise ToolInputError("--http and approve don't go together.", code="usage")
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        hint = "Run it in a terminal window; a program can't approve for you."
        raise ApprovalError("An approval is given at a terminal.", hint=hint, code="no_terminal")
    return approving.answered(parsed.id)
