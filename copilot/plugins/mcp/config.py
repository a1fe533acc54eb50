"""What an MCP server is to us, and how one entry of `mcpServers` becomes it.

The shapes: Claude Desktop and Code, Cursor, Copilot CLI, Windsurf, Gemini CLI, Cline and VS Code write nearly the same
thing. What an entry says differently is repaired, and what we do not do is named; both are reported.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from copilot import _redaction
from copilot.errors import PluginError
from copilot.plugins.mcp.expansion import Expand, as_written, beside
from copilot.plugins.service import origin
from copilot.plugins.skill import Problem, Severity
from copilot.trust.labels import Confidentiality
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.plugin import Plugin, Reading
    from copilot.plugins.tools import Tool

Transport = Literal["stdio", "http", "sse"]

#: Seconds that a call may take where the entry says nothing.
TIMEOUT = 60.0
#: A variable of the programs that we start. An Everpilot among them starts no servers of its own: two that name each
#: other, or one that names itself, would go on for ever.
INSIDE = "EVERPILOT_INSIDE"
#: Servers in one file; more is no configuration.
MOST_SERVERS = 200
_LONGEST_NAME = 64
_LONGEST_TEXT = 32_000

#: How the transports are written, after lower-casing and without - and _.
_TYPES: dict[str, Transport] = {
    **dict.fromkeys(("stdio", "local", "command"), "stdio"),
    **dict.fromkeys(("http", "streamablehttp", "remote", "httpstream"), "http"),
    "sse": "sse",
}
#: The spellings that are reported as no repair: those of the Agent Plugins standard, and of mcpServers files.
_USUAL = frozenset({"stdio", "http", "streamable-http", "sse", "local"})
#: Names that some writers give to what everybody else calls otherwise.
_ALIASES = {
    **{"serverUrl": "url", "httpUrl": "url", "environment": "env", "transport": "type", "transportType": "type"},
    **{"timeout_ms": "timeout", "timeoutMs": "timeout", "baseUrl": "url", "isActive": "enabled"},
}
#: Maps that some writers put fields of an entry into, and what may stand in each.
_NESTED = {
    **{"transport": ("type", "url", "headers"), "requestInit": ("headers",)},
    **{"command": ("path", "args", "env"), "settings": ("url", "headers")},
}
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)
#: What stands behind a word that says so, in the arguments of a program, is not shown.
_SECRET_ARGUMENT = re.compile(r"(--?[\w-]*(?:token|key|secret|passw\w*|pat)(?:=|\s+))(\S+)", re.IGNORECASE)
#: What says that tools need no question. Nothing that lies beside a server decides that here.
_ALLOWS = ("alwaysAllow", "autoApprove", "trust", "autoAllow")
#: What an entry may say and what changes nothing for us.
_SILENT = frozenset({"description", "name", "title", "icon", "gallery", "version", "metadata", "$schema", "note"})
_READ = frozenset(
    {"type", "command", "args", "env", "cwd", "url", "headers", "timeout", "disabled", "enabled"}
    | {"tools", "includeTools", "excludeTools", "disabledTools", "oauth", "auth", "max_confidentiality"}
)
_AUTH = {
    **{"client_id": "client_id", "clientId": "client_id", "CLIENT_ID": "client_id"},
    **{"client_secret": "client_secret", "clientSecret": "client_secret", "CLIENT_SECRET": "client_secret"},
    **{"scopes": "scopes", "scope": "scopes", "client_metadata_url": "client_metadata_url"},
    **{"callbackPort": "port", "redirect_port": "port", "reference": "reference"},
}


@dataclass(frozen=True)
class Server:
    """One MCP server: how it is started or reached, and what was said about it.

    `timeout` is in seconds, for one call. `only` are the tools that the entry keeps (None: all), `without` those it
    leaves out. `where` is the file that names it, `plugin` the package it came in. With `ask` it came with somebody's
    files, and is not started before a person trusted it; without, it is the person's own, pinned when it is first
    used. `entry` is what was written, before any variable: what a decision is about. `guessed` says that the entry
    has no type, so that another transport may be tried. `auth` holds what OAuth needs: client_id, client_secret,
    scopes, client_metadata_url, port. `shown` is the command line, or the address, as written, where it holds a
    variable. `adapt` makes of a tool, by the server's name for it, what the plugin's manifest says of it; `asks`
    are tools that are asked about even where the server calls them reading.
    """

    name: str
    transport: Transport
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = TIMEOUT
    only: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    disabled: bool = False
    where: str = ""
    plugin: str = ""
    ask: bool = False
    entry: Mapping[str, Any] = field(default_factory=dict, repr=False)
    guessed: bool = False
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    max_confidentiality: Confidentiality = Confidentiality.PUBLIC
    shown: str = field(default="", compare=False)
    adapt: Mapping[str, Callable[[Tool], Tool]] = field(default_factory=dict, repr=False, compare=False)
    asks: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """What it is told apart by: the file that names it, and its name."""
        return f"{self.where}#{self.name}" if self.where else self.name

    @property
    def place(self) -> str:
        """What it is started with, or its address, without a query (which may hold a key), for a person.

        A variable stays one: it may hold a secret.
        """
        if self.transport == "stdio":
            line = self.shown or shlex.join([self.command, *self.args])
            return safe_text(_redaction.redacted(_SECRET_ARGUMENT.sub(rf"\1{_redaction.GONE}", line)))
        return safe_text(_redaction.redacted((self.shown or self.url).partition("?")[0]))

    @property
    def origin(self) -> str:
        """The origin of its address, "" for a program."""
        return origin(self.url) if self.url else ""

    def offers(self, tool: str) -> bool:
        """Return whether the entry keeps a tool."""
        return tool not in self.without and (self.only is None or tool in self.only)


@dataclass(frozen=True)
class Found:
    """The servers of a file, and what is to be said about it."""

    servers: tuple[Server, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __add__(self, other: Found) -> Found:
        return Found(self.servers + other.servers, self.problems + other.problems)


def parse(
    servers: Any, where: str, *, expand: Expand = as_written, ask: bool = False, plugin: str = "", **more: Any
) -> Found:
    """Return the servers of a `mcpServers` map. One that can't be used is a problem, the others stay.

    `more` are fields of `Server` that the entries don't decide ("cwd").
    """
    if not isinstance(servers, Mapping):
        return Found(problems=(Problem(where, f"mcpServers is {_kind(servers)}, and must be a map of servers."),))
    found = Found()
    for name, entry in list(servers.items())[:MOST_SERVERS]:
        found += _guarded(str(name), entry, where, expand=expand, ask=ask, plugin=plugin, **more)
    if len(servers) > MOST_SERVERS:
        found += Found(problems=(Problem(where, f"it names over {MOST_SERVERS} servers; the rest is left out."),))
    return found


def _guarded(name: str, entry: Any, where: str, **how: Any) -> Found:
    place = f"{where}#{safe_text(name)[:_LONGEST_NAME]}"
    try:
        server, notes = read_entry(name, entry, where, **how)
    except PluginError as error:
        return Found(problems=(Problem(place, str(error)),))
    return Found((server,), tuple(Problem(place, reason, severity) for severity, reason in notes))


def read_entry(
    name: str,
    entry: Any,
    where: str,
    *,
    expand: Expand = as_written,
    ask: bool = False,
    plugin: str = "",
    cwd: str = "",
    max_confidentiality: Confidentiality = Confidentiality.PUBLIC,
) -> tuple[Server, list[tuple[Severity, str]]]:
    """Return the server of one entry, and what was repaired or is not supported. Raises PluginError.

    `expand` replaces variables in command, args, env, url and headers. `cwd` is where a program runs that names no
    folder of its own.
    """
    reader = _Reader(_mapping(entry, "the entry"), expand)
    reader.rename()
    transport, guessed = reader.transport()
    made = Server(
        name=_name(name),
        transport=transport,
        timeout=reader.timeout(),
        only=reader.names("tools", "includeTools"),
        without=reader.names("excludeTools", "disabledTools") or (),
        disabled=reader.switch("disabled", False) or not reader.switch("enabled", True),
        where=where,
        plugin=plugin,
        ask=ask,
        entry=dict(reader.written),
        guessed=guessed,
        max_confidentiality=max_confidentiality,
        **(reader.program(cwd) if transport == "stdio" else reader.address()),
    )
    reader.rest(transport)
    # What is a file or a folder here is no secret, and messages about it must say which.
    _redaction.remember(*made.headers.values(), *(v for v in made.env.values() if not os.path.exists(v)))
    return made, reader.notes


class _Reader:
    """Reads the fields of one entry, and notes what is odd about them."""

    def __init__(self, entry: Mapping[str, Any], expand: Expand) -> None:
        self.written = entry
        self.entry = dict(entry)
        self.expand = expand
        self.notes: list[tuple[Severity, str]] = []

    def rename(self) -> None:
        """Give the fields their usual names and places."""
        for outer, inner in _NESTED.items():
            self._lift(outer, inner)
        for odd, usual in _ALIASES.items():
            if odd in self.entry and usual not in self.entry:
                self.entry[usual] = self.entry.pop(odd)
                self.notes.append(("repaired", f"{odd} is read as {usual}."))

    def _lift(self, outer: str, names: tuple[str, ...]) -> None:
        """Take the fields out of a map that stands in the entry; the entry's own count before them."""
        given = self.entry.get(outer)
        if not isinstance(given, Mapping) or not any(name in given for name in names):
            return
        self.entry |= {n: given[n] for n in names if n in given and n not in self.entry}
        if beyond := [name for name in given if name not in names]:
            self.notes.append(("unsupported", f"{outer}.{_shown(beyond[0])} is not supported, and is ignored."))
        del self.entry[outer]
        if "path" in self.entry:
            self.entry["command"] = self.entry.pop("path")
        self.notes.append(("repaired", f"what stands in {outer} is read as the entry's own."))

    def transport(self) -> tuple[Transport, bool]:
        """Return how the server is reached, and whether that is a guess. Raises PluginError."""
        given = self.entry.get("type")
        if given is None:
            return self._guessed(), True
        found = _TYPES.get(re.sub(r"[-_\s]", "", given.lower())) if isinstance(given, str) else None
        if found is None:
            raise PluginError(f"type is {_shown(given)}, and must be stdio, http (streamable-http) or sse.")
        if (found == "stdio") != ("command" in self.entry) and ("command" in self.entry) != ("url" in self.entry):
            self.notes.append(("repaired", f"type is {_shown(given)}, and the entry is of another kind: that counts."))
            return self._guessed(), True
        if given not in _USUAL:
            self.notes.append(("repaired", f"type {_shown(given)} is read as {found}."))
        return found, False

    def _guessed(self) -> Transport:
        if "command" in self.entry:
            return "stdio"
        if "url" in self.entry:
            return "http"
        raise PluginError("it has neither a command nor a url, so there is nothing to start or to reach.")

    def program(self, cwd: str) -> dict[str, Any]:
        """Return command, args, env and cwd, expanded."""
        command, args = self._command()
        env = {name: self.expand(value, f"env.{name}") for name, value in self.texts("env").items()}
        folder = self.expand(self._text("cwd"), "cwd") if self.entry.get("cwd") is not None else cwd
        expand = beside(self.expand, env)
        return {
            "command": expand(command, "command"),
            "args": tuple(expand(arg, f"args[{i}]") for i, arg in enumerate(args)),
            "env": env,
            "cwd": folder,
            "shown": _line([command, *args]),
        }

    def _command(self) -> tuple[str, list[str]]:
        given = self.entry.get("command")
        args = self._list("args")
        if isinstance(given, list):
            self.notes.append(("repaired", "command is a list: its first item is the program."))
            words = [self._scalar(word, "command") for word in given]
            given, args = (words[0] if words else ""), words[1:] + args
        command = self._text("command", given).strip()
        if not command:
            raise PluginError("command is empty.")
        if " " in command and not args and not command.startswith(("/", "\\", "~", '"')):
            words = _split(command, "command")
            self.notes.append(("repaired", "command holds arguments, too: it is split into words."))
            command, args = words[0], words[1:]
        return command, args

    def _list(self, name: str) -> list[str]:
        given = self.entry.get(name)
        if given is None:
            return []
        if isinstance(given, str):
            self.notes.append(("repaired", f"{name} is a text: it is split into words."))
            return _split(given, name)
        if not isinstance(given, list):
            raise PluginError(f"{name} is {_kind(given)}, and must be a list of texts.")
        return [self._scalar(item, f"{name}[{i}]") for i, item in enumerate(given)]

    def _scalar(self, value: Any, where: str) -> str:
        """Return a text; a number or a truth value becomes one, and that is noted."""
        if isinstance(value, str):
            return self._text(where, value)
        if not isinstance(value, bool | int | float):
            raise PluginError(f"{where} is {_kind(value)}, and must be a text.")
        self.notes.append(("repaired", f"{where} is {_kind(value)}: it is read as a text."))
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _text(self, where: str, value: Any = None) -> str:
        value = self.entry.get(where) if value is None else value
        if not isinstance(value, str):
            raise PluginError(f"{where} is {_kind(value)}, and must be a text.")
        if "\0" in value or len(value) > _LONGEST_TEXT:
            raise PluginError(f"{where} is no text that a program or an address can have.")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Return a map of texts, not yet expanded; what is null is left out. Raises PluginError."""
        given = self.entry.get(name)
        if given is None:
            return {}
        found: dict[str, str] = {}
        for key, value in _mapping(given, name).items():
            if value is None:
                self.notes.append(("repaired", f"{name}.{_shown(key)} is null: it is left out."))
            else:
                found[self._key(key, name)] = self._scalar(value, f"{name}.{safe_text(str(key))[:_LONGEST_NAME]}")
        return found

    def _key(self, key: Any, where: str) -> str:
        if not isinstance(key, str) or not key or "=" in key or not key.isprintable():
            raise PluginError(f"{where} holds {_shown(key)}, which can't be a name.")
        return key

    def address(self) -> dict[str, Any]:
        """Return url, headers and auth, expanded. Raises PluginError."""
        written = self._text("url").strip()
        url = self.expand(written, "url")
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(origin(url))
        except ValueError:
            known = False
        if not known:
            raise PluginError("url is no plain web address (http or https, a host, no user name).")
        if parts.fragment:
            url = url.partition("#")[0]
            self.notes.append(("repaired", "url has a fragment: it is left out."))
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            self.notes.append(("noted", "url is not encrypted (http): anybody on the way reads what is sent."))
        headers = {name: self.expand(text, f"headers.{name}") for name, text in self.texts("headers").items()}
        if bad := next((name for name, text in headers.items() if not (name + text).isprintable()), ""):
            raise PluginError(f"headers.{bad} is no header that can be sent.")
        return {"url": url, "headers": headers, "auth": self._auth(), "shown": written if "${" in written else ""}

    def _auth(self) -> dict[str, Any]:
        given = self.entry.get("oauth", self.entry.get("auth"))
        if given is None or isinstance(given, bool | str):
            return {"reference": given} if isinstance(given, str) and given else {}
        found: dict[str, Any] = {}
        for key, value in _mapping(given, "auth").items():
            if key not in _AUTH:
                self.notes.append(("unsupported", f"auth.{_shown(key)} is ignored."))
            elif isinstance(value, str):
                found[_AUTH[key]] = self.expand(value, f"auth.{key}")
            elif isinstance(value, list):
                found[_AUTH[key]] = " ".join(str(each) for each in value)
            elif isinstance(value, int):
                found[_AUTH[key]] = value
        _redaction.remember(str(found.get("client_secret", "")))
        return found

    def timeout(self) -> float:
        """Return the seconds that a call may take. From 1,000 upwards it is milliseconds, as most clients count."""
        given = self.entry.get("timeout")
        if given is None:
            return TIMEOUT
        if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
            given = float(given)
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e9:
            self.notes.append(("repaired", f"timeout is {_shown(given)}: {TIMEOUT:g} seconds are taken."))
            return TIMEOUT
        if given >= 1000:
            self.notes.append(("noted", f"timeout {given:g} is read as milliseconds."))
            return given / 1000
        return float(given)

    def names(self, *fields: str) -> tuple[str, ...] | None:
        """Return the names in the first of these fields that is there; None for all ("*", or left out)."""
        for name in fields:
            given = self.entry.get(name)
            if isinstance(given, list) and all(isinstance(each, str) for each in given):
                return None if "*" in given else tuple(given)
            if isinstance(given, Mapping) and name == "tools":
                given = None  # a map says how each tool is shown, not which there are
            if given is not None:
                self.notes.append(("unsupported", f"{name} is {_kind(given)} and no list of names: it is ignored."))
        return None

    def switch(self, name: str, default: bool) -> bool:
        """Return a truth value, also where it is written as a text."""
        given = self.entry.get(name, default)
        if isinstance(given, str) and given.lower() in ("true", "false"):
            return given.lower() == "true"
        if not isinstance(given, bool):
            self.notes.append(("repaired", f"{name} is {_shown(given)}: {str(default).lower()} is taken."))
            return default
        return given

    def rest(self, transport: Transport) -> None:
        """Note what is not done: fields nobody reads here, and those that belong to the other kind of server."""
        for name in _ALLOWS:
            if self.entry.pop(name, None):
                self.notes.append(("noted", f"{name} is ignored: your own policy says which calls are asked about."))
        other = ("url", "headers") if transport == "stdio" else ("command", "args", "env", "cwd")
        if beyond := [name for name in other if self.entry.get(name)]:
            self.notes.append(("noted", f"{', '.join(beyond)} means nothing to this kind of server."))
        for name in self.entry:
            if name not in _READ and name not in _SILENT:
                self.notes.append(("unsupported", f"{_shown(name)} is not supported, and is ignored."))


def read(path: Path, reading: Reading) -> Plugin:
    """Return a file with `mcpServers`, or a folder that has one, as a plugin. Raises PluginError."""
    from copilot.plugins.mcp import places

    return places.as_plugin(path, reading)


def _line(words: list[str]) -> str:
    """Return a command line as it is written, where it holds a variable; else ""."""
    if not any("${" in word for word in words):
        return ""
    return " ".join(word if "${" in word and " " not in word else shlex.quote(word) for word in words)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PluginError(f"{where} is {_kind(value)}, and must be a map.")
    return value


def _name(name: str) -> str:
    if not name.strip() or len(name) > _LONGEST_NAME or safe_text(name) != name:
        raise PluginError(
            f"its name can't be used: it takes 1 to {_LONGEST_NAME} characters that can be seen, on one line."
        )
    return name


def _split(text: str, where: str) -> list[str]:
    try:
        return shlex.split(text) or [""]
    except ValueError as error:
        raise PluginError(f"{where} can't be split into words ({error}).") from None


def _kind(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    kinds: tuple[tuple[type[Any] | tuple[type[Any], ...], str], ...] = (
        *((str, "a text"), ((int, float), "a number"), (list, "a list"), (Mapping, "a map")),
    )
    return next((word for kind, word in kinds if isinstance(value, kind)), type(value).__name__)


def _shown(value: Any) -> str:
    return safe_text(repr(value))[:_LONGEST_NAME] if isinstance(value, str | int | float) else _kind(value)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
