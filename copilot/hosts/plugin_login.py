"""`everpilot plugins login`: a person signs in, in a browser, to what plugins talk to."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

from copilot import settings as settings_module
from copilot.cli import DONE, FAILED
from copilot.errors import PluginError, ToolInputError
from copilot.hosts.output import as_json, say
from copilot.plugins.discovery import discover
from copilot.plugins.mcp import places
from copilot.plugins.mcp.config import Server
from copilot.plugins.plugin import Reading
from copilot.settings import Settings
from copilot.trust.sanitise import safe_text


def login(parsed: argparse.Namespace) -> int:
    """Sign in to a reference of [plugins.auth], an MCP server, or the servers of a plugin; or sign out."""
    folder = Path(parsed.dir or ".").expanduser().resolve()
    chosen = settings_module.load(folder)
    state = settings_module.home()
    if parsed.name in chosen.plugins.auth:
        told = [_reference(parsed, chosen, state)]
    else:
        servers = list(_servers(parsed.name, chosen, state, folder))
        told = [_server(parsed, server, state) for server in servers]
    if parsed.json:
        as_json([{"name": parsed.name, "told": text} for text in told])
    else:
        for text in told:
            print(safe_text(text))
    return DONE if told else FAILED


def _show(text: str) -> None:
    say(text)


def _browse() -> Callable[[str], bool]:
    """Return what opens an address; nothing where nobody sits."""
    return webbrowser.open if sys.stderr.isatty() else lambda address: False


def _reference(parsed: argparse.Namespace, chosen: Settings, state: Path) -> str:
    from copilot.plugins.credentials import Secrets

    secrets = Secrets(chosen.plugins.auth, state, os.environ)
    if parsed.sign_out:
        return _gone(parsed.name, secrets.logout(parsed.name))
    return secrets.login(parsed.name, show=_show, browse=_browse())


def _server(parsed: argparse.Namespace, server: Server, state: Path) -> str:
    from copilot.plugins.mcp import oauth  # needs the library, which a web API does without

    if parsed.sign_out:
        return _gone(server.name, oauth.logout(server, state))
    return oauth.login(server, state, show=_show, browse=_browse())


def _gone(name: str, there: bool) -> str:
    return f"The sign-in of {name} is forgotten." if there else f"There was no sign-in of {name}."


def _servers(name: str, chosen: Settings, state: Path, folder: Path) -> Iterator[Server]:
    """Yield the servers of that name, or of the plugin of that name. Raises ToolInputError, PluginError."""
    labels: dict[str, str] = {**chosen.trust.labels}
    plugins, _ = discover(Reading(state, settings=chosen.plugins, env=os.environ, labels=labels))
    of_plugins = {plugin.name: plugin.servers for plugin in plugins}
    own = places.own(chosen.mcp, folder, os.environ).servers
    every = (*own, *(server for servers in of_plugins.values() for server in servers))
    found = [server for server in every if server.name == name] or list(of_plugins.get(name, ()))
    if not found and name not in of_plugins:
        known = [*chosen.plugins.auth, *(server.name for server in every), *of_plugins]
        raise ToolInputError.unknown("sign-in", name, known)
    remote = [server for server in found if server.url]
    if not remote:
        raise PluginError(
            f"{name} has no server to sign in to.",
            hint="For a web API, write [plugins.auth.REFERENCE] and sign in to the reference.",
        )
    yield from remote
