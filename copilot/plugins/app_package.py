"""Microsoft 365 app packages (manifestVersion 1.28 to 1.30, others as far as they go): skills, MCP servers, agents.

A package also brings tabs, bots and message extensions, which live elsewhere; they are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import PluginError
from copilot.plugins.declarative import localisation, manifest
from copilot.plugins.declarative.fields import Fields, Notes, brief
from copilot.plugins.declarative.texts import Texts
from copilot.plugins.files import PluginFiles
from copilot.plugins.persona import Persona, handle
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Skill

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server

FILE = "manifest.json"
#: Where the vendor's toolkit keeps what becomes the package.
PROJECT = "appPackage"
_KNOWN = ((1, 28), (1, 30))
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?")
_LONGEST_ID = 64  # characters of a connector's id
_MOST_SKILLS, _MOST_CONNECTORS, _MOST_AGENTS = 20, 10, 10
_NO_AUTH = frozenset({"", "none", "dynamicclientregistration"})  # the last is found out by asking the server (RFC 7591)
_AUTH = _NO_AUTH | {"oauthpluginvault", "apikeypluginvault", "azurekeyvault"}


@dataclass
class _Parts:
    """What has been read so far."""

    skills: list[Skill] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    personas: list[Persona] = field(default_factory=list)
    met: list[str] = field(default_factory=list)


def read(path: Path, reading: Reading) -> Plugin:
    """Return what an app package brings: `path` is its folder, its manifest, or a project of the vendor's toolkit.

    Raises PluginError when it is no app package, or brings nothing that an assistant can use.
    """
    files = PluginFiles(_folder(path))
    value = files.json(path.name if path.is_file() else FILE)
    if not isinstance(value, dict) or "manifestVersion" not in value:
        raise PluginError(f"{path} is no app package: its manifest.json has no manifestVersion.", code="form")
    return _Package(files, value, reading).plugin()


def _folder(path: Path) -> Path:
    if path.is_file():
        return path.parent
    return path if (path / FILE).is_file() else path / PROJECT


class _Package:
    """Reads one package."""

    def __init__(self, files: PluginFiles, value: dict[str, Any], reading: Reading) -> None:
        self.files = files
        self.reading = reading
        self.notes = Notes(str(files.root / FILE))
        plain = Fields(value, "", self.notes)
        self.strings = localisation.strings(plain, files, localisation.language_of(reading.env))
        self.texts = Texts(files, "", self.notes, self.strings)
        self.app = Fields(value, "", self.notes, self.texts.mend)
        self.parts = _Parts()

    def plugin(self) -> Plugin:
        """Return everything that the package brings; raises PluginError for one that brings nothing."""
        version = self._version()
        name = self._told("name", "short") or self._told("name", "full") or self.files.root.name
        called = handle(self._told("name", "short", as_written=True) or name)
        self._icons()
        self._skills()
        self._connectors(called)
        self._agents(called)
        self._must_bring_something(name)
        manifest.refuse_if_strict(name, self.notes.all(), self.reading)
        return Plugin(
            called,
            f"m365-app {version}".strip(),
            self.files.root,
            version=self.app.raw("version"),
            description=self._told("description", "short") or self._told("description", "full"),
            skills=tuple(self.parts.skills),
            servers=tuple(self.parts.servers),
            personas=tuple(self.parts.personas),
            problems=self.notes.all(),
        )

    def _version(self) -> str:
        written = self.app.raw("manifestVersion").strip()
        match = _VERSION.fullmatch(written)
        if match is None:
            told = f"manifestVersion is {brief(written)!r}, a preview or none; it is read as far as it goes."
            self.notes.add(told, "noted")
        elif not _KNOWN[0] <= (int(match[1]), int(match[2])) <= _KNOWN[1]:
            age = "older than 1.28" if (int(match[1]), int(match[2])) < _KNOWN[0] else "newer than 1.30"
            self.notes.add(f"manifestVersion {brief(written)} is {age}; it is read as far as it goes.", "noted")
        return brief(written, 20)

    def _told(self, name: str, which: str, *, as_written: bool = False) -> str:
        """Return the app's name or description, in the person's language where a file has it, or as it is written."""
        if isinstance(self.app.value().get(name), str):
            return " ".join(self.app.text(name).split())
        written = found.text(which) if (found := self.app.object(name)) else ""
        told = written if as_written else self.strings.fields.get(f"{name}.{which}", written)
        return " ".join(told.split())

    def _icons(self) -> None:
        icons = self.app.object("icons")
        for name in icons.names() if icons else ():
            assert icons is not None
            file = icons.raw(name)
            if file and not file.startswith(("https:", "data:")) and not self.files.exists(file):
                self.notes.add(f"icons.{brief(name)}: there is no file {brief(file)!r}.", "noted")

    def _must_bring_something(self, name: str) -> None:
        if self.parts.skills or self.parts.servers or self.parts.personas:
            return
        if self.parts.met:
            why = " ".join(problem.reason for problem in self.notes.all() if problem.severity == "unsupported")
            raise PluginError(f"Nothing of the app {brief(name)!r} can be used. {why[:1_000]}", code="nothing")
        has = [each for each in self.app.names() if isinstance(self.app.value()[each], list)]
        told = f"The app {brief(name)!r} brings no agent, skill or MCP server"
        raise PluginError(f"{told} (it has: {', '.join(map(brief, has[:12])) or 'nothing'}).", code="nothing")

    # --- what it brings -----------------------------------------------------------------------------------------------

    def _skills(self) -> None:
        from copilot.plugins.packages.folders import read_any

        for each in self.app.objects("agentSkills", _MOST_SKILLS, single="folder"):
            each.only(("folder",))
            with_folder = each.text("folder", 256)
            if plugin := self._guarded(each, lambda where=with_folder: read_any(self._inside(where), self.reading)):
                self.notes.take(plugin.problems)
                self.parts.skills += plugin.skills

    def _connectors(self, plugin: str) -> None:
        for each in self.app.objects("agentConnectors", _MOST_CONNECTORS):
            each.only(("id", "displayName", "description", "toolSource", "name", "version"))
            each.text("displayName", 128)
            each.text("description", 4_000)
            source = each.object("toolSource")
            remote = source.object("remoteMcpServer") if source else None
            if remote is None:
                kinds = ", ".join(map(brief, source.names())) if source else "nothing"
                self._left_out(each, f"its tools come from {kinds}, and only remoteMcpServer is known")
            else:
                self._server(each, remote, plugin)

    def _server(self, connector: Fields, remote: Fields, plugin: str) -> None:
        from copilot.plugins.mcp.config import parse

        remote.only(("mcpServerUrl", "mcpToolDescription", "authorization"))
        url = remote.blank("mcpServerUrl")
        if not url.lower().startswith("https://"):
            self._left_out(connector, f"mcpServerUrl is {brief(url)!r}, and must be an https address")
            return
        entry: dict[str, Any] = {"type": "http", "url": url}
        if reference := self._reference(remote):
            entry["auth"] = reference
        name = connector.raw("id") or handle(connector.text("displayName"))
        if len(name) > _LONGEST_ID:
            told = f"{connector.at('id')} has {len(name):,} characters, and {_LONGEST_ID} are allowed; it is cut."
            self.notes.add(told, "repaired")
            name = name[:_LONGEST_ID]
        found = parse({name: entry}, str(self.files.root / FILE), ask=True, plugin=plugin)
        self.parts.met.append(name)
        self.notes.take(found.problems)
        described = self._described(remote)
        self.parts.servers += (replace(server, only=described) for server in found.servers)

    def _described(self, remote: Fields) -> tuple[str, ...] | None:
        """Return the tools that the package describes, which are then all that are offered; None: the server is asked.

        Required in 1.28, optional since 1.29 (app manifest, remoteMcpServer).
        """
        described = remote.object("mcpToolDescription")
        if described is None:
            if self.app.raw("manifestVersion").strip() == "1.28":
                told = f"{remote.at('mcpToolDescription')} is missing, and 1.28 requires it; the server is asked."
                self.notes.add(told, "repaired")
            return None
        described.only(("file",))
        try:
            value = self.files.json(self.texts.relative(described.raw("file")))
        except PluginError as error:
            self.notes.add(f"{described.place}: {error} The server is asked for its tools.", "repaired")
            return None
        listed = value.get("tools") if isinstance(value, dict) else value
        tools = listed if isinstance(listed, list) else []
        names = tuple(each["name"] for each in tools if isinstance(each, dict) and isinstance(each.get("name"), str))
        if not names:
            self.notes.add(f"{described.place} names no tool; the server is asked for its tools.", "repaired")
        return names or None

    def _reference(self, remote: Fields) -> str:
        """Return by what the credential for this server is looked up, "" where none is needed."""
        found = remote.object("authorization")
        if found is None:
            return ""
        found.only(("type", "referenceId"))
        kind, reference = found.raw("type").strip().lower(), found.blank("referenceId")
        if kind not in _AUTH:
            told = f"{found.place}: the type {brief(kind)!r} is not known; the reference is looked up as it is."
            self.notes.add(told, "repaired")
        return "" if kind in _NO_AUTH else reference

    def _agents(self, plugin: str) -> None:
        for each in self._listed("declarativeAgents", "declarativeCopilots"):
            each.only(("id", "file"))
            self.parts.met.append(each.place)
            self._agent(each, plugin)
        for each in self._listed("plugins"):
            self._action(each)
        for each in self._listed("customEngineAgents"):
            self._left_out(
                each, "a custom engine agent is a bot that runs elsewhere, and is no file that could be read"
            )

    def _listed(self, *names: str) -> Iterator[Fields]:
        """Yield the agents of one kind, also where earlier manifests had them (copilotExtensions)."""
        for group in ("copilotAgents", "copilotExtensions"):
            found = self.app.object(group)
            for name in names if found else ():
                assert found is not None
                listed = found.objects(name, _MOST_AGENTS, single="file")
                if listed and (group != "copilotAgents" or name == "declarativeCopilots"):
                    self.notes.add(f"{found.at(name)} is what copilotAgents was called before; it is read.", "repaired")
                if len(listed) > 1 and name == "declarativeAgents":
                    self.notes.add(
                        f"{found.at(name)} has {len(listed)} agents, and one is allowed; all are read.", "noted"
                    )
                yield from listed

    def _agent(self, listed: Fields, plugin: str) -> None:
        place = manifest.Place(self.files, listed.raw("file").strip(), plugin, self.strings)
        made = self._guarded(listed, lambda: manifest.agent(place, self.reading))
        if made is None:
            return
        persona, notes = made
        self.notes.take(notes.all())
        self.parts.personas.append(replace(persona, id=persona.id or listed.raw("id")))
        self.parts.servers += persona.all_servers

    def _action(self, listed: Fields) -> None:
        """Read an API plugin that the app offers by itself, without an agent."""
        from copilot.plugins.declarative.actions import FORMS
        from copilot.plugins.readers import read_part

        self.parts.met.append(listed.place)
        if plugin := self._guarded(listed, lambda: read_part(self._inside(listed.raw("file")), self.reading, FORMS)):
            self.notes.take(plugin.problems)
            self.parts.skills += plugin.skills
            self.parts.servers += plugin.servers

    # --- how ----------------------------------------------------------------------------------------------------------

    def _inside(self, named: str) -> Path:
        return self.files.path(self.texts.relative(named))

    def _guarded(self, fields: Fields, make: Any) -> Any:
        """Return what was made, None where it can't be used: that is reported, and the rest stays."""
        if not (fields.has("file") or fields.has("folder")):
            self._left_out(fields, "it names no file")
            return None
        try:
            return make()
        except PluginError as error:
            self._left_out(fields, str(error))
            return None

    def _left_out(self, fields: Fields, why: str) -> None:
        self.parts.met.append(fields.place)
        self.notes.add(f"{fields.place} is left out: {why.rstrip('.')}.", "unsupported")
