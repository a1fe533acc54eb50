"""Plugins of Claude Code and Codex: `.claude-plugin/plugin.json`, `.codex-plugin/plugin.json`, or plugin.json itself.

Skills, commands and MCP servers are loaded; hooks, agents and what else such a plugin brings are named and not used.
Sources: the reference of Claude Code's plugins, Codex's page on plugins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles
from copilot.plugins.mcp.config import Found, Server, parse
from copilot.plugins.mcp.expansion import Variables
from copilot.plugins.packages import commands
from copilot.plugins.packages.skillsets import children, collect
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.skillmd import FILES, harmless
from copilot.trust.sanitise import safe_text

FORM = "claude-plugin"
#: Where the manifest lies, in the order of deepagents.
MANIFESTS = ("plugin.json", ".claude-plugin/plugin.json", ".codex-plugin/plugin.json")
DATA = "plugin-data"
#: Parts that we do not have: the field of the manifest, where it lies by default, and what it is.
_UNSUPPORTED = (
    ("hooks", "hooks/hooks.json", "hooks are not run"),
    ("agents", "agents", "agents (subagents) are not loaded"),
    ("lspServers", ".lsp.json", "language servers are not started"),
    ("outputStyles", "output-styles", "output styles are not used"),
    ("monitors", "monitors/monitors.json", "monitors are not run"),
    ("apps", ".app.json", "apps (connectors of one assistant) are not available"),
    ("settings", "settings.json", "settings of another assistant are not applied"),
    ("userConfig", "", "what it asks a person for is not asked; set the variables that its servers name"),
    ("channels", "", "channels are not opened"),
    ("dependencies", "", "plugins that it depends on are not fetched; install them, too"),
)


def read(path: Path, reading: Reading) -> Plugin:
    """Return what a plugin's folder brings. Raises PluginError when its manifest can't be used."""
    files = PluginFiles(path)
    relative, manifest = _manifest(files)
    form = "codex-plugin" if relative.startswith(".codex") else FORM
    return assemble(files, manifest, reading, where=str(files.root / relative), form=form)


def assemble(
    files: PluginFiles,
    manifest: Mapping[str, Any],
    reading: Reading,
    *,
    where: str,
    form: str = FORM,
    only: bool = False,
) -> Plugin:
    """Return what a manifest (also one that stands in a marketplace) makes of a folder; `where` is what names it.

    With `only` the paths that a field names take the place of the default folder, else they come beside it.
    """
    parts = _Parts(files, manifest, where, only)
    name = parts.name()
    skills = parts.skills(reading, name, form)
    prompts = parts.prompts()
    if prompts:
        skills = (*skills, _carrier(name, form, files.root, prompts))
    servers = parts.servers(reading, name)
    parts.unsupported()
    return Plugin(
        name,
        form,
        files.root,
        parts.text("version"),
        parts.text("description"),
        skills=skills,
        servers=servers,
        problems=tuple(parts.problems),
    )


def _carrier(name: str, form: str, root: Path, prompts: Any) -> Skill:
    """Return the skill that holds a plugin's commands: no model sees it, and a person starts what is in it."""
    return Skill(
        f"{name}:commands",
        f"The commands of the plugin {name}.",
        root=root,
        origin=f"plugin {name}",
        prompts=prompts,
        model_invocation=False,
        form=form,
        plugin=name,
        user_invocation=False,
    )


def _manifest(files: PluginFiles) -> tuple[str, dict[str, Any]]:
    """Return the first manifest that is one, with its place; raises PluginError that says why none is."""
    wrong: list[str] = []
    for relative in MANIFESTS:
        if not files.exists(relative):
            continue
        try:
            found = files.json(relative)
        except PluginError as error:
            wrong.append(str(error))
            continue
        if isinstance(found, dict) and isinstance(found.get("name"), str) and found["name"].strip():
            return relative, found
        wrong.append(f"{files.root / relative} is no manifest of a plugin: it has no name.")
    raise PluginError(" ".join(wrong) or f"{files.root} has no plugin.json.", hint="It needs one object with a name.")


@dataclass
class _Parts:
    """Reads the parts of one plugin, and keeps what is to be said of them."""

    files: PluginFiles
    manifest: Mapping[str, Any]
    where: str
    only: bool = False

    def __post_init__(self) -> None:
        self.problems: list[Problem] = []

    def say(self, reason: str, severity: Any = "repaired") -> None:
        """Keep a problem of the manifest."""
        self.problems.append(Problem(self.where, reason, severity))

    def name(self) -> str:
        """Return the plugin's name: one word that is harmless."""
        written = str(self.manifest.get("name", "")).strip()
        made = "-".join(harmless(written).replace(":", "-").split()) or "plugin"
        if made != written:
            self.say(f"the name {safe_text(written)[:100]!r} is used as {made!r}.")
        return made

    def text(self, key: str) -> str:
        """Return a field that is text, "" when it is not there or no text."""
        value = self.manifest.get(key, "")
        if not isinstance(value, str):
            self.say(f"{key} is no text, and is ignored.")
        return safe_text(value) if isinstance(value, str) else ""

    def skills(self, reading: Reading, name: str, form: str) -> tuple[Skill, ...]:
        """Return the skills of the default folder and of those that the manifest names."""
        folders = list(self._skill_folders())
        how = {"strict": reading.strict, "plugin": name, "form": form, "origin": f"plugin {name}"}
        found, problems = collect(self.files, folders, **how)
        self.problems.extend(problems)
        return tuple(found)

    def _skill_folders(self) -> Iterator[str]:
        for place in self._places("skills", "skills"):
            try:
                if any(self.files.exists(f"{place}/{name}") for name in FILES):
                    yield place
                elif self.files.path(place).is_dir():
                    yield from children(self.files, place)
                else:
                    self.say(f"skills names {safe_text(place)[:200]!r}, which is no folder.", "refused")
            except PluginError as error:
                self.say(str(error), "refused")
        if "skills" not in self.manifest and not self.files.exists("skills") and self.files.exists(FILES[0]):
            yield "."

    def prompts(self) -> tuple[Any, ...]:
        """Return the commands."""
        places = [p for p in self._places("commands", "commands") if self._is_there(p, "commands")]
        found, problems = commands.prompts(self.files, places)
        self.problems.extend(problems)
        return tuple(found)

    def _is_there(self, place: str, field: str) -> bool:
        if self.files.exists(place):
            return True
        self.say(f"{field} names {safe_text(place)[:200]!r}, which is not in the plugin.", "refused")
        return False

    def _places(self, field: str, default: str) -> Iterator[str]:
        """Yield the default folder, when it is there, and the paths that a field names: a text, a list, or a map."""
        given = self.manifest.get(field)
        if default and self.files.exists(default) and not (self.only and given is not None):
            yield default
        if isinstance(given, Mapping):
            given = [each.get("source") for each in given.values() if isinstance(each, Mapping)]
        for place in given if isinstance(given, list) else [given]:
            if isinstance(place, str) and place.strip():
                yield self._below(field, place).rstrip("/") or "."
            elif place is not None:
                self.say(f"{field} names something that is no path, and it is left out.")

    def _below(self, field: str, place: str) -> str:
        """Return a path that a field names, as it is below the plugin's folder; it is to begin with ./, and counts
        without that, too."""
        written = place.strip()
        if not written.startswith("./") and written != ".":
            self.say(f"{field} names {safe_text(written)[:200]!r}; a path is to begin with ./, and is read so.")
        return written.removeprefix("./")

    def servers(self, reading: Reading, name: str) -> tuple[Server, ...]:
        """Return the servers of .mcp.json and of the manifest, which names files or holds them."""
        data = reading.home / DATA / name
        root = str(self.files.root)
        known = {"CLAUDE_PLUGIN_ROOT": root, "PLUGIN_ROOT": root, "CODEX_PLUGIN_ROOT": root}
        known |= {"CLAUDE_PLUGIN_DATA": str(data), "PLUGIN_DATA": str(data)}
        expand = Variables(reading.env or os.environ, known)
        found = Found()
        for where, entries in self._server_maps():
            found += parse(entries, where, expand=expand, plugin=name, cwd=root)
        self.problems.extend(found.problems)
        by_name = {server.name: replace(server, env={**server.env, **known}) for server in found.servers}
        return tuple(by_name.values())

    def _server_maps(self) -> Iterator[tuple[str, Any]]:
        given = self.manifest.get("mcpServers")
        paths = [".mcp.json"] if self.files.exists(".mcp.json") else []
        for each in given if isinstance(given, list) else [given]:
            if isinstance(each, str):
                paths.append(self._below("mcpServers", each))
            elif isinstance(each, Mapping):
                yield self.where, each.get("mcpServers", each)
            elif each is not None:
                self.say("mcpServers is neither a path nor a map, and is ignored.", "refused")
        for path in dict.fromkeys(paths):
            try:
                found = self.files.json(path)
                yield str(self.files.root / path), found.get("mcpServers", found) if isinstance(found, dict) else found
            except PluginError as error:
                self.say(str(error), "refused")

    def unsupported(self) -> None:
        """Name the parts that we do not have."""
        for field, default, told in _UNSUPPORTED:
            given = self.manifest.get(field)
            there = [default] if default and self.files.exists(default) else []
            if given or there:
                self.say(f"{told} ({field}{': ' + there[0] if there else ''}).", "unsupported")
