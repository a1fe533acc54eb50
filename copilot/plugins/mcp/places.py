"""Where files with `mcpServers` lie, and how one is read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import PluginError
from copilot.plugins.mcp.config import INSIDE, Found, Server, parse
from copilot.plugins.mcp.expansion import Variables
from copilot.plugins.skill import Problem
from copilot.settings import user_file
from copilot.trust.labels import Confidentiality
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.plugin import Plugin, Reading
    from copilot.settings import McpSettings

#: Files of an opened folder. Sources: the pages of Claude Code, VS Code and Cursor on MCP.
PROJECT_FILES = (".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json")
#: The person's own, beside copilot.toml.
OWN_FILE = "mcp.json"
#: Bytes of one file.
MOST_BYTES = 1_000_000
#: How deep a file is nested at most: a server has four levels.
_DEEPEST = 64
#: Strings stay; comments, and commas before a closing bracket, go: VS Code allows them in its files.
_JSONC = re.compile(r'("(?:[^"\\]|\\.)*+")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMAS = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*[}\]])', re.DOTALL)


def own(settings: McpSettings, folder: Path, env: Mapping[str, str] | None = None) -> Found:
    """Return the person's own servers: of the files that the settings (or the command line) name, of the settings, and
    of `mcp.json` beside the person's `copilot.toml`. Their programs run in `folder` where nothing else is said.
    """
    beside = user_file().with_name(OWN_FILE)
    files = [Path(name).expanduser() for name in settings.files] + ([beside] if beside.is_file() else [])
    found = Found()
    for path in files:
        found += guarded(path, folder=folder, env=env)
    return found + _of_settings(settings, folder, os.environ if env is None else env)


def _of_settings(settings: McpSettings, folder: Path, env: Mapping[str, str]) -> Found:
    found = Found()
    for name, chosen in settings.servers.items():
        entry = chosen.model_dump(exclude_unset=True, exclude={"max_confidentiality"})
        cleared = Confidentiality.parse(chosen.max_confidentiality)
        found += parse(
            {name: entry}, str(user_file()), expand=Variables(env), cwd=str(folder), max_confidentiality=cleared
        )
    return found


def everything(
    settings: McpSettings,
    roots: Sequence[Path],
    plugins: Iterable[Server] = (),
    env: Mapping[str, str] | None = None,
    cleared: Callable[[str], Confidentiality] = lambda name: Confidentiality.PUBLIC,
) -> Found:
    """Return all servers of an assistant over these folders: the person's own, those of plugins, those of the folders.

    `cleared` says what the settings let a service of that name be asked with; plugins have asked that themselves. Where
    two have one name, the first counts (offers.py). There are none where another Everpilot started this one.
    """
    if (os.environ if env is None else env).get(INSIDE):
        reason = "they are left out: another Everpilot started this one, as its own server."
        return Found(problems=(Problem("MCP servers", reason, "noted"),))
    found = _cleared(own(settings, roots[0], env), cleared) + Found(tuple(plugins))
    for root in roots:
        found += _cleared(project(root, env), cleared)
    return found


def _cleared(found: Found, cleared: Callable[[str], Confidentiality]) -> Found:
    servers = (
        replace(each, max_confidentiality=max(each.max_confidentiality, cleared(each.name))) for each in found.servers
    )
    return replace(found, servers=tuple(servers))


def project(folder: Path, env: Mapping[str, str] | None = None) -> Found:
    """Return the servers of an opened folder's files; they are asked about. What can't be read is a problem."""
    found = Found()
    for name in PROJECT_FILES:
        if (folder / name).is_file():
            found += guarded(folder / name, folder=folder, env=env, ask=True)
    return found


def guarded(path: Path, *, folder: Path, env: Mapping[str, str] | None = None, ask: bool = False) -> Found:
    """Return the servers of a file, with a problem where it can't be read; see `read`."""
    try:
        return read(path, folder=folder, env=env, ask=ask)
    except PluginError as error:
        return Found(problems=(Problem(str(path), str(error)),))


def read(path: Path, *, folder: Path | None = None, env: Mapping[str, str] | None = None, ask: bool = False) -> Found:
    """Return the servers that a file names, and what is to be said of it. Raises PluginError.

    `folder` is where their programs run (the file's own if left out), `env` where variables are looked up.
    """
    text = _text(path)
    data, notes = _json(text, str(path))
    servers, more = _servers(data, path)
    expand = Variables(os.environ if env is None else env, _known(path, folder))
    cwd = str(folder or _root(path))
    return Found(problems=(*notes, *more)) + parse(servers, str(path), expand=expand, ask=ask, cwd=cwd)


_EDITORS = frozenset({".vscode", ".cursor"})


def _known(path: Path, folder: Path | None) -> dict[str, str]:
    """Return the variables of editors (VS Code's reference of variables); Claude Code has two."""
    root = (folder or _root(path)).resolve()
    if path.parent.name not in _EDITORS:
        return {"CLAUDE_PROJECT_DIR": str(root), "CLAUDE_PLUGIN_ROOT": str(_root(path).resolve())}
    return {
        **{"workspaceFolder": str(root), "workspaceFolderBasename": root.name},
        **{"userHome": str(Path.home()), "pathSeparator": os.sep},
    }


def as_plugin(path: Path, reading: Reading) -> Plugin:
    """Return a file with `mcpServers`, or a folder that has one, as a plugin. Raises PluginError."""
    from copilot.plugins.plugin import Plugin

    if path.is_dir():
        path = next((path / name for name in (*PROJECT_FILES, OWN_FILE) if (path / name).is_file()), path / OWN_FILE)
    found = read(path, env=reading.env or None)
    root = _root(path)
    name = root.name if path.name in (".mcp.json", OWN_FILE) else path.stem
    servers = tuple(
        replace(each, plugin=name, max_confidentiality=reading.clearance(each.name)) for each in found.servers
    )
    return Plugin(name or "mcp", "mcp-servers", root, servers=servers, problems=found.problems)


def _root(path: Path) -> Path:
    """Return the folder that a file speaks for: above `.vscode` and `.cursor`."""
    return path.parent.parent if path.parent.name in _EDITORS else path.parent


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.") from error
    if len(content) > MOST_BYTES:
        raise PluginError(f"{path} is larger than {MOST_BYTES // 1_000_000} MB, and no list of servers.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PluginError(f"{path} is no UTF-8 text ({error.reason}).") from None


def _json(text: str, where: str) -> tuple[Any, list[Problem]]:
    """Return the JSON of a text, and what was odd: comments, trailing commas, names that stand twice."""
    problems: list[Problem] = []
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        names = [name for name, _ in pairs]
        twice.extend(name for name in found if names.count(name) > 1)
        return found

    try:
        data = json.loads(text, object_pairs_hook=once)
    except RecursionError:
        raise PluginError(f"{where} is nested too deep.") from None
    except ValueError as error:
        data = _mended(text, where, error)
        problems.append(Problem(where, "it holds comments or commas that JSON does not allow.", "repaired"))
    if _is_deep(data):
        raise PluginError(f"{where} is nested too deep.")
    named = dict.fromkeys(safe_text(name)[:64] for name in twice)
    problems += [Problem(where, f"{name!r} stands in it twice: the last one counts.", "repaired") for name in named]
    return data, problems


def _mended(text: str, where: str, error: ValueError) -> Any:
    plain = _COMMAS.sub(lambda m: m[1] or "", _JSONC.sub(lambda m: m[1] or " ", text))
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        raise PluginError(f"{where} is no valid JSON: {error}.") from None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def _servers(data: Any, path: Path) -> tuple[Any, list[Problem]]:
    """Return the map of servers in a file, whatever it is called there. Raises PluginError for none."""
    if not isinstance(data, Mapping):
        raise PluginError(f"{path} holds no JSON object.")
    problems = list(_beside(data, str(path)))
    if "mcpServers" in data:
        return data["mcpServers"], problems
    for way in _WAYS:
        if (found := _under(data, way)) is not None:
            return found, [*problems, *(_beside(data["mcp"], str(path)) if way[0] == "mcp" else ())]
    if not data or _is_bare(data):
        return data, [Problem(str(path), "it has no mcpServers around its servers.", "repaired")] if data else []
    raise PluginError(f"{path} has no mcpServers.")


#: Where else servers lie: VS Code (its own file, its settings), Zed, and OpenCode.
_WAYS = (("servers",), ("mcp", "servers"), ("mcp.servers",), ("context_servers",), ("mcp",))


def _under(data: Mapping[str, Any], way: Sequence[str]) -> Any:
    found: Any = data
    for name in way:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) and (way != ("mcp",) or _is_bare(found)) else None


def _beside(data: Mapping[str, Any], where: str) -> Iterator[Problem]:
    inputs = data.get("inputs")
    if isinstance(inputs, list) and inputs:
        named = [safe_text(str(each.get("id", "?")))[:64] for each in inputs if isinstance(each, Mapping)]
        yield Problem(where, f"it asks for inputs ({', '.join(named)}), as only an editor can.", "unsupported")


def _is_bare(data: Mapping[str, Any]) -> bool:
    """Whether the map is that of the servers themselves, as in the `.mcp.json` of some plugins."""
    entries = [value for name, value in data.items() if name != "$schema"]
    return bool(entries) and all(isinstance(e, Mapping) and ("command" in e or "url" in e) for e in entries)
