"""Packages of the Agent Plugins Specification 1.0.0 (agent-plugins.org), read exactly as it says.

A manifest that is wrong refuses the package (5.2), a wrong mcp.json its servers (7.2.2), a wrong skill or server itself
only (7.1, 7.2.2). No schema is fetched while loading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles
from copilot.plugins.mcp.config import Server
from copilot.plugins.packages import portable_servers
from copilot.plugins.packages.skillsets import children, collect
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.skillmd import FILE
from copilot.trust.sanitise import safe_text

FORM = "agent-plugins 1.0.0"
MANIFEST, SERVERS, SKILLS = "plugin.json", "mcp.json", "skills"
SCHEMA = "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
MCP_SCHEMA = "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json"
#: Where, in the state folder, what a plugin keeps lies: it stays when the plugin is updated (9.1).
DATA = "plugin-data"
_NAME = re.compile(r"(?!.*(?:--|\.\.))[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")
_TEXTS = ("version", "description", "homepage", "repository", "license")
_FIELDS = frozenset({"$schema", "name", "author", "keywords", "extensions", *_TEXTS})


def read(path: Path, reading: Reading) -> Plugin:
    """Return what a package brings. Raises PluginError when its plugin.json is not as section 5 says."""
    files = PluginFiles(path)
    manifest, problems = _manifest(files)
    skills, more = _skills(files, manifest["name"])
    servers, others = _servers(files, manifest["name"], reading)
    return Plugin(
        manifest["name"],
        FORM,
        files.root,
        manifest.get("version", ""),
        safe_text(manifest.get("description", "")),
        skills=tuple(skills),
        servers=tuple(servers),
        problems=(*problems, *more, *others),
    )


def _manifest(files: PluginFiles) -> tuple[dict[str, Any], list[Problem]]:
    """Return the manifest and what is ignored of it (5.2: unknown fields, 8.1: extensions that are no object)."""
    where = str(files.root / MANIFEST)
    found = files.json(MANIFEST)
    if not isinstance(found, dict):
        raise PluginError(f"{where} holds no object.")
    if fault := next(_faults(found), ""):
        raise PluginError(f"{where} is not as Agent Plugins 1.0.0 says: {fault}.", code="manifest")
    problems = [
        Problem(where, f"the field {safe_text(name)[:100]!r} is not in Agent Plugins 1.0.0, and is ignored.", "noted")
        for name in found
        if name not in _FIELDS
    ]
    if not isinstance(found.get("extensions", {}), dict):
        problems.append(Problem(where, "extensions is no object, and is ignored.", "noted"))
    return found, problems


def _faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what refuses a package (5.2 to 5.5)."""
    schema, name = manifest.get("$schema"), manifest.get("name")
    if schema != SCHEMA:
        yield f"$schema is {_shown(schema)}, and only {SCHEMA} is known here"
    if not isinstance(name, str) or not _NAME.match(name) or len(name) > 64:
        yield (
            f"name is {_shown(name)}, and must be 1 to 64 of a-z, 0-9, - and ., with a letter or digit at both ends, "
            "and without -- or .."
        )
    yield from (f"{key} is no text" for key in _TEXTS if not isinstance(manifest.get(key, ""), str))
    author, keywords = manifest.get("author", {}), manifest.get("keywords", [])
    if not isinstance(author, dict) or not all(isinstance(value, str) for value in author.values()):
        yield "author is no object of texts"
    elif beyond := author.keys() - {"name", "email", "url"}:
        yield f"author has {safe_text(min(beyond))[:100]!r}, and may have name, email and url only"
    if not isinstance(keywords, list) or not all(isinstance(word, str) for word in keywords):
        yield "keywords is no list of texts"


def _skills(files: PluginFiles, name: str) -> tuple[list[Skill], list[Problem]]:
    """Return the conforming skills in `skills/`, immediate children only (7.1)."""
    try:
        if not (files.root / SKILLS).exists():
            return [], []
        if not files.path(SKILLS).is_dir():
            raise PluginError("it is no folder.")
        folders = children(files, SKILLS, (FILE,))
    except PluginError as error:
        return [], [Problem(str(files.root / SKILLS), f"{error} Its skills are left out.")]
    return collect(files, folders, strict=True, plugin=name, form=FORM, origin=f"plugin {name}")


def _servers(files: PluginFiles, name: str, reading: Reading) -> tuple[list[Server], list[Problem]]:
    """Return the servers of mcp.json; a document that is wrong at its top has none (7.2.2)."""
    where = files.root / SERVERS
    if not (where.exists() or where.is_symlink()):
        return [], []
    try:
        found = files.json(SERVERS)
        if fault := _document_fault(found):
            raise PluginError(f"{where} is not as Agent Plugins 1.0.0 says: {fault}.")
    except PluginError as error:
        return [], [Problem(str(where), f"{error} Its servers are left out.")]
    data = reading.home / DATA / name
    servers, problems = [], []
    for called, entry in found["mcpServers"].items():
        try:
            servers.append(portable_servers.server(called, entry, files.root, data, plugin=name))
        except PluginError as error:
            problems.append(Problem(f"{where}#{safe_text(called)[:100]}", str(error)))
    return servers, problems


def _document_fault(found: Any) -> str:
    if not isinstance(found, dict):
        return "it holds no object"
    if found.get("$schema") != MCP_SCHEMA:
        return f"$schema is {_shown(found.get('$schema'))}, and must be {MCP_SCHEMA}, as in plugin.json"
    if not isinstance(found.get("mcpServers"), dict):
        return "mcpServers is no object"
    beyond = found.keys() - {"$schema", "mcpServers"}
    return f"it has the field {safe_text(min(beyond))[:100]!r}" if beyond else ""


def _shown(value: Any) -> str:
    return "missing" if value is None else safe_text(repr(value))[:120]
