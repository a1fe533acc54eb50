"""The readers of all forms that a plugin can have; each is a module of its own, imported when its form is met.

Whoever adds a form adds a row.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles, most_of
from copilot.plugins.plugin import Plugin, Reading

#: What tells a single file's form apart stands in its first bytes or is a key at its top.
_Matches = Callable[["Found"], bool]


@dataclass(frozen=True)
class Found:
    """What lies at a place: the path, and for a single JSON or YAML file the keys at its top (else empty)."""

    path: Path
    keys: frozenset[str] = frozenset()
    value: Any = None

    def has(self, *names: str) -> bool:
        """Return whether the folder has one of these files."""
        return self.path.is_dir() and any((self.path / name).is_file() for name in names)


@dataclass(frozen=True)
class Reader:
    """One form: how it is recognised, and the function ("module:function") that reads it.

    The function takes the path and a `Reading`, returns a `Plugin` and raises PluginError when nothing can be used.
    """

    form: str
    matches: _Matches
    function: str

    def read(self, path: Path, reading: Reading) -> Plugin:
        """Return what the plugin brings; raises PluginError."""
        module, _, name = self.function.partition(":")
        return cast("Callable[[Path, Reading], Plugin]", getattr(importlib.import_module(module), name))(path, reading)


def _is_app(found: Found) -> bool:
    """Whether a folder is an app package, or a project that becomes one (its files lie in appPackage)."""
    name = next((each for each in ("manifest.json", "appPackage/manifest.json") if found.has(each)), "")
    if not name:
        return False
    manifest = PluginFiles(found.path).json(name)
    return isinstance(manifest, dict) and "manifestVersion" in manifest


def _is_agent(found: Found) -> bool:
    """Whether a file is a declarative agent: by its schema, a draft's too, its own name, or fields of no other form."""
    if not isinstance(found.value, dict) or found.keys & _OF_OTHERS:
        return False
    schema, version = str(found.value.get("$schema", "")), str(found.value.get("version", ""))
    drafted = any(word in schema for word in ("declarative-agent", "declarative-copilot", "declarativeAgent"))
    minimal = {"name", "description"} <= found.keys and version.startswith("v1.")
    named = found.path.name.casefold() == "declarativeagent.json"  # its reader tells what is missing
    return drafted or minimal or named or {"name", "instructions"} <= found.keys


#: Keys at the top of other forms, some of which have a name and a description, too.
_OF_OTHERS = frozenset(
    {"manifestVersion", "functions", "runtimes", "name_for_human", "openapi", "swagger", "mcpServers"}
)
_HERE = "copilot.plugins"
_OPENAPI_FILES = tuple(f"{stem}.{end}" for stem in ("openapi", "swagger") for end in ("json", "yaml", "yml"))
#: How an API description begins: it may be large, and is read by its own reader, once.
_OPENAPI = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\s|---|#[^\n]*\n)*\{?\s*[\"']?(?:openapi|swagger)[\"']?\s*:\s*[\"']?[23]\."
)
READERS: tuple[Reader, ...] = (
    # folders
    Reader("m365-app", _is_app, f"{_HERE}.app_package:read"),
    Reader("agent-plugins", lambda f: _is_agent_plugins(f.path), f"{_HERE}.packages.agent_plugins:read"),
    Reader("api-plugin", lambda f: _is_api_plugin(f.path), f"{_HERE}.api_plugin.reader:read"),
    Reader(
        "claude-plugin",
        lambda f: f.has(".claude-plugin/plugin.json", ".codex-plugin/plugin.json", "plugin.json"),
        f"{_HERE}.packages.claude:read",
    ),
    Reader(
        "claude-marketplace",
        lambda f: f.has(".claude-plugin/marketplace.json", ".agents/plugins/marketplace.json", "marketplace.json"),
        f"{_HERE}.packages.marketplace:read",
    ),
    Reader("declarative-agent", lambda f: f.has("declarativeAgent.json"), f"{_HERE}.declarative.manifest:read"),
    Reader("skill", lambda f: f.has("SKILL.md", "skill.md"), f"{_HERE}.packages.folders:read_skill"),
    Reader("skills", lambda f: _holds_skills(f.path), f"{_HERE}.packages.folders:read_skills"),
    Reader("mcp-servers", lambda f: f.has(".mcp.json", "mcp.json"), f"{_HERE}.mcp.config:read"),
    Reader("openapi", lambda f: f.has(*_OPENAPI_FILES), f"{_HERE}.openapi.reader:read"),
    # single files
    Reader("m365-app", lambda f: "manifestVersion" in f.keys, f"{_HERE}.app_package:read"),
    Reader("declarative-agent", _is_agent, f"{_HERE}.declarative.manifest:read"),
    Reader("api-plugin", lambda f: "schema_version" in f.keys, f"{_HERE}.api_plugin.reader:read"),
    Reader("openapi", lambda f: bool({"openapi", "swagger"} & f.keys), f"{_HERE}.openapi.reader:read"),
    Reader("mcp-servers", lambda f: bool({"mcpServers", "servers"} & f.keys), f"{_HERE}.mcp.config:read"),
)
#: What is understood, for messages.
FORMS = (
    "a folder with SKILL.md, an Agent Plugins package, a .claude-plugin or .codex-plugin folder, a Microsoft 365 app "
    "package, a declarative agent, an API plugin manifest, an OpenAPI document, or a file of mcpServers"
)


def recognise(path: Path) -> Reader:
    """Return the reader of what lies at the path; raises PluginError that names what is understood."""
    found = _found(path)
    for reader in READERS:
        if reader.matches(found):
            return reader
    raise PluginError(f"{path} is no plugin that is understood.", hint=_hint(path), code="form")


def _hint(path: Path) -> str:
    """Return what a person may try: the folders below in which skills lie, or the forms that are understood."""
    from copilot.plugins.packages.skillsets import elsewhere

    if path.is_dir() and (others := elsewhere(path)):
        named = f"{', '.join(others[:5])}{' and more' if len(others) > 5 else ''}"
        return f"Skills lie below it in {named}: name such a folder."
    return f"Understood is {FORMS}."


def read_part(path: Path, reading: Reading, forms: Collection[str]) -> Plugin:
    """Return what a file that a plugin names brings, if it has one of these forms: a plugin is no part of itself.

    Raises PluginError.
    """
    reader = recognise(path)
    if reader.form not in forms:
        told = f"{path} is of the form {reader.form}, and {' or '.join(forms)} is meant here."
        raise PluginError(told, code="form")
    return reader.read(path, reading)


def read(path: Path, reading: Reading) -> Plugin:
    """Return what the plugin at the path brings, whatever form it has; a .zip is unpacked first. Raises PluginError."""
    if path.is_file() and path.suffix.lower() in (".zip", ".plugin", ".mcpb"):
        from copilot.plugins.archives import unpacked

        path = unpacked(path, reading.home)
    return recognise(path).read(path, reading)


def _found(path: Path) -> Found:
    if path.is_dir():
        return Found(path)
    if not path.exists():
        raise PluginError(f"{path} does not exist.", code="missing")
    if path.suffix.lower() not in (".json", ".yaml", ".yml", ".jsonc"):
        return Found(path)
    if _OPENAPI.match(_beginning(path)):
        return Found(path, frozenset({"openapi"}))
    value = most_of(path)
    return Found(path, frozenset(map(str, value)) if isinstance(value, dict) else frozenset(), value)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2_000)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.", code="unreadable") from error


def _is_agent_plugins(path: Path) -> bool:
    if not path.is_dir() or not (path / "plugin.json").is_file():
        return False
    try:
        manifest = PluginFiles(path).json("plugin.json")
    except PluginError:
        return False
    return isinstance(manifest, dict) and "agent-plugins.org" in str(manifest.get("$schema", ""))


def _is_api_plugin(path: Path) -> bool:
    """Whether a folder holds API plugin manifests, and nothing that stands above them: an agent, skills."""
    if not path.is_dir() or (path / "declarativeAgent.json").is_file() or _holds_other_manifest(path):
        return False
    from copilot.plugins.api_plugin.reader import manifests

    return bool(manifests(path))


def _holds_other_manifest(path: Path) -> bool:
    return any((path / each / "plugin.json").is_file() for each in (".claude-plugin", ".codex-plugin"))


def _holds_skills(path: Path) -> bool:
    places = ("skills", ".agents/skills", ".claude/skills", ".github/skills", ".")
    return any(next(_skills_below(path / name), None) for name in places)


def _skills_below(path: Path) -> Iterator[Path]:
    """Yield the skills in a folder; those of a folder named for them may be sorted into others by topic."""
    for name in ("SKILL.md", "skill.md"):
        yield from path.glob(f"*/{name}")
        if path.name == "skills":
            yield from path.glob(f"*/*/{name}")
