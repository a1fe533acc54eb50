"""One server of an Agent Plugins `mcp.json` (specification 1.0.0, sections 7.2.1 and 9): closed, and expanded once.

The rules are not those of other `mcpServers` files: `type` must be there, and nothing but `${PLUGIN_ROOT}` and
`${PLUGIN_DATA}` is replaced, in args, env and cwd alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from copilot.errors import PluginError
from copilot.plugins.mcp.config import Server
from copilot.plugins.service import origin
from copilot.trust.sanitise import safe_text

ROOT, DATA = "PLUGIN_ROOT", "PLUGIN_DATA"
_PLACEHOLDER = re.compile(r"\$\{(PLUGIN_ROOT|PLUGIN_DATA)\}")
_CWD = re.compile(r"\./|\$\{PLUGIN_(?:ROOT|DATA)\}(?:/|\Z)")
#: RFC 9110, sections 5.1 and 5.5.
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?\Z")
_STDIO = frozenset({"type", "command", "args", "env", "cwd"})
_REMOTE = frozenset({"type", "url", "headers"})
_LONGEST_NAME = 200


def server(name: str, entry: Any, root: Path, data: Path, *, plugin: str) -> Server:
    """Return the server of one entry; raises PluginError that says which rule it breaks.

    `root` is the plugin's folder, `data` the one it may keep things in; neither is written here.
    """
    if not name or len(name) > _LONGEST_NAME or safe_text(name) != name:
        raise PluginError("its name can't be used: it is empty, too long, or holds characters that nobody sees.")
    if not isinstance(entry, dict):
        raise PluginError("it is no object.")
    transport = entry.get("type")
    known = _STDIO if transport == "stdio" else _REMOTE if transport in ("streamable-http", "sse") else frozenset()
    if not known:
        raise PluginError("its type must be stdio, streamable-http or sse.")
    if beyond := entry.keys() - known:
        raise PluginError(f"a {transport} server has no field {safe_text(min(beyond))[:100]!r}.")
    where = str(root / "mcp.json")
    if transport == "stdio":
        return Server(name, "stdio", where=where, plugin=plugin, entry=entry, **_program(entry, root, data))
    kind: Any = "sse" if transport == "sse" else "http"
    return Server(name, kind, url=_url(entry), headers=_headers(entry), where=where, plugin=plugin, entry=entry)


def _program(entry: Mapping[str, Any], root: Path, data: Path) -> dict[str, Any]:
    """Return command, args, env and cwd (7.2.1); the two variables are set last (9.1)."""
    places = {ROOT: str(root.resolve()), DATA: str(data.resolve())}
    args, env = entry.get("args", []), _texts(entry, "env")
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        raise PluginError("args is no list of texts.")
    if reserved := env.keys() & places.keys():
        raise PluginError(f"env may not set {min(reserved)}: it is set for every server.")
    return {
        "command": _command(entry.get("command"), root),
        "args": tuple(_expanded(arg, places) for arg in args),
        "env": {**{key: _expanded(value, places) for key, value in env.items()}, **places},
        "cwd": _cwd(entry.get("cwd", "./"), root, data, places),
    }


def _expanded(text: str, places: Mapping[str, str]) -> str:
    """Return the text after one pass; what a replacement brings is not looked at again (9.2)."""
    return _PLACEHOLDER.sub(lambda match: places[match[1]], text)


def _command(command: Any, root: Path) -> str:
    """Return one executable: a bare name as it is, a path of the plugin resolved."""
    if not isinstance(command, str) or not command or "\0" in command:
        raise PluginError("command is no text, or empty.")
    if not command.startswith("./"):
        if re.search(r"[/\\\s]", command) or command in (".", ".."):
            raise PluginError("command must be one name, or a path in the plugin that begins with ./ (no arguments).")
        return command
    return str(_contained(root, command, root, "command"))


def _cwd(cwd: Any, root: Path, data: Path, places: Mapping[str, str]) -> str:
    """Return the working folder; the plugin's own when none is named."""
    if not isinstance(cwd, str) or not _CWD.match(cwd):
        raise PluginError("cwd must begin with ./, ${PLUGIN_ROOT} or ${PLUGIN_DATA}.")
    base = data if cwd.startswith("${PLUGIN_DATA}") else root
    return str(_contained(base, _expanded(cwd, places), root, "cwd"))


def _contained(base: Path, path: str, root: Path, field: str) -> Path:
    """Return where a path leads, links followed; raises PluginError when that is not below `base` (4.1)."""
    inside = base.resolve()
    try:
        found = (root / PurePosixPath(path)).resolve()
    except (OSError, RuntimeError, ValueError):
        raise PluginError(f"{field} is no path that can be followed.") from None
    if not found.is_relative_to(inside):
        raise PluginError(f"{field} leads out of {'the plugin' if inside == root.resolve() else 'PLUGIN_DATA'}.")
    return found


def _url(entry: Mapping[str, Any]) -> str:
    url = entry.get("url")
    if not isinstance(url, str) or not origin(url).startswith(("http://", "https://")):
        raise PluginError("url must be an absolute http or https address without a user name.")
    if "#" in url or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise PluginError("url may have no fragment, space or control character.")
    parts = urlsplit(url)
    if parts.scheme.lower() == "http" and not _is_loopback(parts.hostname or ""):
        raise PluginError("url must be https; http is for this machine only.")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _headers(entry: Mapping[str, Any]) -> dict[str, str]:
    headers = _texts(entry, "headers")
    lower = [name.lower() for name in headers]
    if len(set(lower)) < len(lower):
        raise PluginError("headers has one name twice (upper and lower case are the same).")
    for name, value in headers.items():
        if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value):
            raise PluginError(f"headers: {safe_text(name)[:100]!r} is no header that can be sent.")
    return headers


def _texts(entry: Mapping[str, Any], key: str) -> dict[str, str]:
    found = entry.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise PluginError(f"{key} is no object of texts.")
    return found
