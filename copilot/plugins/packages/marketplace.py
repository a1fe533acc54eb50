"""Marketplaces of Claude Code and Codex: `marketplace.json`, a list of plugins with where each lies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles
from copilot.plugins.packages import claude
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.skillmd import harmless
from copilot.trust.sanitise import safe_text

FORM = "claude-marketplace"
PLACES = (".claude-plugin/marketplace.json", ".agents/plugins/marketplace.json", "marketplace.json")
MOST_PLUGINS = 5_000
#: What a source elsewhere is written with: the field that holds its address.
_ADDRESSES = {"github": "repo", "url": "url", "git": "url", "git-subdir": "url", "npm": "package", "pip": "package"}
#: Fields of an entry that name parts of the plugin, and where such a part lies when it is not named.
_PARTS = {"skills": "", "commands": "commands", "mcpServers": ".mcp.json", "hooks": "hooks", "agents": "agents"}
#: Files at the top that stay whatever is named: what a person is to read, and the terms.
_FOR_PEOPLE = frozenset({"LICENSE", "LICENCE", "COPYING", "NOTICE", "README", "THIRD_PARTY_NOTICES"})
#: Fields of an entry that are about the list, not about the plugin.
_LISTED = frozenset({"source", "strict", "category", "tags", "policy", "interface"})


@dataclass(frozen=True)
class Listed:
    """One plugin of a marketplace.

    `kind` is "path" for one that lies in the marketplace's own folder (`address` is then its path there), else where it
    has to be fetched from: "github", "url", "git", "git-subdir", "npm", "pip", with `address`, `ref` and `path`.
    `entry` is what is written; with `strict` False it takes the place of the plugin's own manifest.
    """

    name: str
    kind: str
    address: str
    description: str = ""
    version: str = ""
    ref: str = ""
    path: str = ""
    strict: bool = True
    entry: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Marketplace:
    """A marketplace: its folder, and the plugins that it lists."""

    name: str
    root: Path
    plugins: tuple[Listed, ...]
    problems: tuple[Problem, ...] = ()


def listing(path: Path) -> Marketplace:
    """Return the marketplace in a folder, or whose file is given. Raises PluginError when it can't be read."""
    files, relative = _place(path)
    where = str(files.root / relative)
    found = files.json(relative)
    if not isinstance(found, dict) or not isinstance(found.get("plugins"), list):
        raise PluginError(f"{where} is no marketplace: it has no list of plugins.", hint='It is {"plugins": [...]}.')
    name = harmless(str(found.get("name") or "")) or files.root.name
    base = found.get("metadata", {}).get("pluginRoot", "") if isinstance(found.get("metadata"), dict) else ""
    plugins: dict[str, Listed] = {}
    problems: list[Problem] = []
    for number, entry in enumerate(found["plugins"][:MOST_PLUGINS], 1):
        try:
            listed = _listed(entry, base if isinstance(base, str) else "")
        except PluginError as error:
            problems.append(Problem(f"{where}, plugin {number}", str(error)))
            continue
        if listed.name in plugins:
            problems.append(Problem(where, f"it lists {listed.name!r} twice; the first counts."))
        plugins.setdefault(listed.name, listed)
    if len(found["plugins"]) > MOST_PLUGINS:
        problems.append(Problem(where, f"it lists over {MOST_PLUGINS} plugins; the rest is left out."))
    return Marketplace(name, files.root, tuple(plugins.values()), tuple(problems))


def read(path: Path, reading: Reading) -> Plugin:
    """Return all plugins that lie in a marketplace's folder, as one; those elsewhere are named. Raises PluginError."""
    market = listing(path)
    skills: dict[str, Skill] = {}
    servers: list[Any] = []
    problems = list(market.problems)
    for listed in market.plugins:
        try:
            plugin = read_listed(market, listed, reading)
        except PluginError as error:
            problems.append(Problem(f"{market.root}, plugin {listed.name}", str(error)))
            continue
        problems.extend(plugin.problems)
        servers.extend(plugin.servers)
        for skill in plugin.skills:
            skills.setdefault(skill.name, skill)
    if market.plugins and not skills and not servers:
        told = " ".join(problem.reason for problem in problems[:3])
        raise PluginError(f"Nothing in the marketplace {market.root} can be used here. {told}")
    return Plugin(
        market.name, FORM, market.root, skills=tuple(skills.values()), servers=tuple(servers), problems=tuple(problems)
    )


def read_listed(market: Marketplace, listed: Listed, reading: Reading) -> Plugin:
    """Return a plugin that lies in the marketplace's own folder. Raises PluginError for one that lies elsewhere."""
    if listed.kind != "path":
        told = f"{listed.name} lies elsewhere ({listed.kind} {safe_text(listed.address)[:200]})."
        raise PluginError(told, hint="Fetch it with: everpilot plugins install", code="elsewhere")
    folder = PluginFiles(market.root).path(listed.address)
    if not folder.is_dir():
        raise PluginError(f"{listed.name} is not there: {folder} is no folder.", code="missing")
    entry = {key: value for key, value in listed.entry.items() if key not in _LISTED}
    manifest = _own_manifest(folder) if listed.strict else {}
    where = f"{market.root}, plugin {listed.name}"
    return claude.assemble(
        PluginFiles(folder), {**entry, **manifest}, reading, where=where, form=FORM, only=not listed.strict
    )


def made_of(folder: Path, entry: Mapping[str, Any]) -> Path:
    """Return a private copy of a plugin's folder with its entry as the manifest (`strict` is false in it).

    Where the entry names its skills, only they, its other parts and what stands at the top for people are left: such
    a folder is often the whole marketplace. Raises PluginError when the folder can't be written.
    """
    manifest = {key: value for key, value in entry.items() if key not in _LISTED}
    try:
        for place in (*claude.MANIFESTS, *PLACES):
            (folder / place).unlink(missing_ok=True)
        if "skills" in manifest:
            _prune(folder, _kept(folder, manifest))
        made = folder / claude.MANIFESTS[1]
        made.parent.mkdir(mode=0o700, exist_ok=True)
        made.write_text(json.dumps(manifest, indent=1), "utf-8")
    except OSError as error:
        raise PluginError(f"{folder} can't be written: {error.strerror}.") from error
    return folder


def _kept(folder: Path, manifest: Mapping[str, Any]) -> set[Path]:
    """Return the places that a manifest names, those that count unnamed, and the texts at the top."""
    named = [place for key in _PARTS for place in _texts(manifest.get(key))]
    named += [default for key, default in _PARTS.items() if default and key not in manifest]
    kept = {PluginFiles(folder).path(place) for place in named}
    return kept | {path for path in folder.iterdir() if path.is_file() and path.stem.upper() in _FOR_PEOPLE}


def _texts(value: Any) -> Iterator[str]:
    yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _prune(folder: Path, kept: set[Path]) -> None:
    """Remove what is neither kept, nor below or above of something that is."""
    for path in list(folder.iterdir()):
        place = path.resolve()
        if place in kept:
            continue
        if not any(each.is_relative_to(place) for each in kept):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif path.is_dir():
            _prune(path, kept)


def _own_manifest(folder: Path) -> dict[str, Any]:
    """Return the plugin's manifest; an entry of a marketplace may stand for one that is not there."""
    files = PluginFiles(folder)
    there = [place for place in claude.MANIFESTS if files.exists(place)]
    found = files.json(there[0]) if there else {}
    if not isinstance(found, dict):
        raise PluginError(f"{folder / there[0]} holds no object.")
    return found


def _place(path: Path) -> tuple[PluginFiles, str]:
    """Return the marketplace's folder and the path of its file in it."""
    if path.is_dir():
        files = PluginFiles(path)
        return files, next((place for place in PLACES if files.exists(place)), PLACES[0])
    for place in PLACES:
        if path.as_posix().endswith(f"/{place}"):
            return PluginFiles(path.parents[place.count("/")]), place
    return PluginFiles(path.parent), path.name


def _listed(entry: Any, base: str) -> Listed:
    if not isinstance(entry, dict):
        raise PluginError("it is no object.")
    name = entry.get("name")
    if not isinstance(name, str) or not harmless(name):
        raise PluginError("it has no name.")
    texts = {key: safe_text(entry[key]) for key in ("description", "version") if isinstance(entry.get(key), str)}
    where = dict(_source(entry.get("source", entry.get("path")), base))  # some write where it lies as a path
    return Listed(harmless(name), strict=entry.get("strict") is not False, entry=entry, **texts, **where)


def _source(source: Any, base: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of `Listed` that say where a plugin lies. Raises PluginError."""
    if isinstance(source, dict) and source.get("source") in ("local", "path", "directory"):
        source = source.get("path")
    if isinstance(source, str) and source.strip():
        is_web = "://" in source or source.startswith("git@")
        yield "kind", "url" if is_web else "path"
        yield "address", source if is_web else _joined(base, source)
        return
    kind = source.get("source") if isinstance(source, dict) else None
    address = source.get(_ADDRESSES.get(str(kind), "")) if isinstance(source, dict) else None
    if not isinstance(kind, str) or not isinstance(address, str) or not address:
        raise PluginError("its source is neither a path nor one that is known (github, url, git-subdir, npm, pip).")
    yield "kind", kind
    yield "address", address
    ref = source.get("sha") or source.get("ref") or source.get("version")
    yield from ((key, value) for key, value in (("ref", ref), ("path", source.get("path"))) if isinstance(value, str))


def _joined(base: str, source: str) -> str:
    plain = source.strip().removeprefix("./").rstrip("/")
    above = base.strip().removeprefix("./").strip("/")
    return "/".join(part for part in (above if not source.startswith("./") else "", plain) if part) or "."
