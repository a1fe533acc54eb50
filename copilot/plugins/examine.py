"""What a person sees of a plugin before it is trusted, and what an update would change. Nothing of it is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot._redaction import redacted
from copilot.errors import PluginError
from copilot.plugins import lockfile, readers
from copilot.plugins.contents import Files, files_of
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.projects import tools_in
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.sources.source import Fetched, Source
from copilot.plugins.trusting import Content

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server

#: What a tool may do, from the least to the most: an update that goes up in this grows.
_REACH = ("read", "write", "fetch", "send", "move", "delete", "unknown")
_NAMED_FILES = 12


@dataclass(frozen=True)
class ToolShown:
    """A tool before it is trusted: its name, what it does to the world, what it says it does."""

    name: str
    effect: str
    description: str = ""


@dataclass(frozen=True)
class Shown:
    """What a plugin brings: skills and commands with what they are for, tools, servers (name: command line or address),
    the hosts that its tools go to, the credentials that it asks for, agents, what can be run, and its files (bytes by
    name)."""

    name: str
    form: str
    version: str = ""
    description: str = ""
    skills: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[ToolShown, ...] = ()
    servers: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "name": self.name,
            "form": self.form,
            "version": self.version,
            "description": self.description,
            "skills": [{"name": n, "description": d} for n, d in self.skills.items()],
            "commands": [{"name": n, "description": d} for n, d in self.commands.items()],
            "tools": [{"name": t.name, "effect": t.effect, "description": t.description} for t in self.tools],
            "servers": [{"name": n, "place": p} for n, p in self.servers.items()],
            "hosts": list(self.hosts),
            "credentials": list(self.credentials),
            "agents": list(self.agents),
            "programs": list(self.programs),
            "files": dict(self.files),
            "problems": [{"where": p.where, "reason": p.reason, "severity": p.severity} for p in self.problems],
        }


@dataclass(frozen=True)
class Candidate:
    """A plugin that was fetched and read: its files below `folder`, the one that is read (`path`, "" for the folder),
    and what the person is shown."""

    name: str
    source: Source
    fetched: Fetched
    folder: Path
    path: str
    files: Files
    shown: Shown

    def entry(self, content: Content) -> lockfile.Entry:
        """Return it as it will be in the lock."""
        return lockfile.Entry(
            self.name,
            self.source.text,
            content.digest,
            form=self.shown.form,
            resolved=self.fetched.resolved,
            version=self.shown.version,
            base=self.folder.name,
            path=self.path,
        )


def candidate(source: Source, fetched: Fetched, reading: Reading, into: Path, *, name: str = "") -> Candidate:
    """Return what was fetched as a plugin that can be installed; its files are moved below `into`.

    `name` is what the person wants it called. Raises PluginError when it is no plugin, or nothing of it can be used.
    """
    base = _folder_name(fetched.name)
    folder, path = _placed(fetched.path, into, base)
    files = files_of(folder)
    if not files.sizes:
        raise PluginError(f"{source.text} holds no files.")
    plugin = read(folder / path if path else folder, reading)
    if plugin.form == "skill" and source.kind != "folder" and _folder_name(plugin.name) != base:
        folder, path = _placed(folder, into / "named", _folder_name(plugin.name))  # the repository's name is no fault
        files, plugin = files_of(folder), read(folder, reading)
    shown = show(plugin, files, fetched.problems)
    return Candidate(plugin_name(name or plugin.name or base), source, fetched, folder, path, files, shown)


def read(path: Path, reading: Reading) -> Plugin:
    """Return the plugin at a path; a reader that fails is a PluginError, too."""
    try:
        return readers.read(path, reading)
    except PluginError:
        raise
    except Exception as error:  # whatever hostile input does to a reader, a person gets a sentence
        raise PluginError(redacted(f"{path.name} can't be read: {type(error).__name__}: {error}")) from error


def show(plugin: Plugin, files: Files, more: Iterable[Problem] = ()) -> Shown:
    """Return what a person is shown of a plugin."""
    skills = [*plugin.skills, *(skill for persona in plugin.personas for skill in persona.all_skills)]
    services = [tool.service for skill in skills for tool in skill.tools if tool.service]
    origins = [server.origin for server in plugin.servers if server.origin]
    hosts = {
        *origins,
        *(host for s in services for host in s.hosts),
        *(h for s in skills for t in s.tools for h in t.hosts),
    }
    return Shown(
        name=plugin.name,
        form=plugin.form,
        version=plugin.version,
        description=plugin.description,
        skills={skill.name: skill.description for skill in skills if not is_carrier(skill)},
        commands={f"/{prompt.name}": prompt.description for skill in skills for prompt in skill.prompts},
        tools=tuple(_unique(tool for skill in skills for tool in _tools(skill, files))),
        servers={server.name: _place(server, plugin, files) for server in plugin.servers},
        hosts=tuple(sorted(hosts)),
        credentials=plugin.references,
        agents=tuple(persona.name for persona in plugin.personas),
        programs=files.programs,
        files=files.sizes,
        hashes=files.hashes,
        problems=tuple(_placed_in(plugin, files, [*plugin.problems, *_notes(skills, plugin.problems), *more])),
    )


def is_carrier(skill: Skill) -> bool:
    """Return whether a skill only holds what a person starts by name, and is none to anybody else."""
    return bool(skill.prompts) and not skill.model_invocation and not skill.user_invocation


def _place(server: Server, plugin: Plugin, files: Files) -> str:
    """Return a server's command line or address; where its files lie now says nothing, and differs with each fetch."""
    place = server.place
    for root in (plugin.root, files.root, files.root.resolve()):
        place = place.replace(str(root), "${PLUGIN_ROOT}")
    return place


def _tools(skill: Skill, files: Files) -> Iterator[ToolShown]:
    """Yield a skill's tools; those in Python by their source alone, where it is not loaded."""
    for tool in skill.tools:
        yield ToolShown(tool.name, tool.effect.value, tool.description.partition("\n")[0])
    source = skill.root / "tools.py" if skill.root else None
    if (
        not skill.tools
        and source is not None
        and source.is_file()
        and source.resolve().is_relative_to(files.root.resolve())
    ):
        for name, effect, told in tools_in({"tools.py": source.read_bytes()}):
            yield ToolShown(f"{skill.name}.{name}", effect, told)


def _unique(tools: Iterable[ToolShown]) -> Iterator[ToolShown]:
    seen: set[str] = set()
    for tool in tools:
        if tool.name not in seen:
            seen.add(tool.name)
            yield tool


def _placed_in(plugin: Plugin, files: Files, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield problems with their places in the plugin: where its files lie for the moment says nothing to anybody."""
    roots = dict.fromkeys(str(root) for root in (plugin.root, files.root, files.root.resolve()))
    for problem in problems:
        where, reason = problem.where, problem.reason
        for root in roots:
            where = plugin.name if where == root else where.replace(f"{root}/", "")
            reason = reason.replace(f"{root}/", "")
        yield replace(problem, where=where, reason=reason)


def _notes(skills: Iterable[Skill], problems: Iterable[Problem]) -> Iterator[Problem]:
    told = {problem.reason for problem in problems}
    for skill in skills:
        yield from (Problem(skill.name, note, "noted") for note in skill.notes if note not in told)


@dataclass(frozen=True)
class Difference:
    """What an update changes; `grown` is what it may do that it could not do before."""

    grown: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, list[str]]:
        """Return it as JSON types."""
        return {"grown": list(self.grown), "changed": list(self.changed)}


def difference(before: Shown, after: Shown) -> Difference:
    """Return what is new, gone and changed: permissions that grew first, then tools, servers and files, in words."""
    grown = [*_grown_tools(before, after), *_grown_servers(before, after)]
    grown += [f"goes to {host}" for host in after.hosts if host not in before.hosts]
    grown += [f"asks for the credential {name}" for name in after.credentials if name not in before.credentials]
    grown += [f"new program {name}" for name in after.programs if name not in before.programs]
    changed = [f"version {before.version or '-'} -> {after.version or '-'}"] if before.version != after.version else []
    names = {tool.name for tool in after.tools}
    changed += [f"tool {tool.name} is gone" for tool in before.tools if tool.name not in names]
    changed += [f"server {name} is gone" for name in before.servers if name not in after.servers]
    changed += [f"skill {name} is gone" for name in before.skills if name not in after.skills]
    return Difference(tuple(grown), (*changed, *_changed_files(before, after)))


def _grown_tools(before: Shown, after: Shown) -> Iterator[str]:
    known = {tool.name: tool.effect for tool in before.tools}
    for tool in after.tools:
        if tool.name not in known:
            yield f"new tool {tool.name} ({tool.effect})"
        elif _reach(tool.effect) > _reach(known[tool.name]):
            yield f"tool {tool.name} goes from {known[tool.name]} to {tool.effect}"


def _reach(effect: str) -> int:
    return _REACH.index(effect) if effect in _REACH else len(_REACH)


def _grown_servers(before: Shown, after: Shown) -> Iterator[str]:
    for name, place in after.servers.items():
        if name not in before.servers:
            yield f"new server {name}: {place}"
        elif place != before.servers[name]:
            yield f"server {name} is now {place} (was {before.servers[name]})"


def _changed_files(before: Shown, after: Shown) -> Iterator[str]:
    told: list[str] = []
    for name in sorted({*before.hashes, *after.hashes}):
        if name not in before.hashes:
            told.append(f"{name} is new")
        elif name not in after.hashes:
            told.append(f"{name} is gone")
        elif before.hashes[name] != after.hashes[name]:
            told.append(f"{name} changed")
    yield from told[:_NAMED_FILES]
    if len(told) > _NAMED_FILES:
        yield f"and {len(told) - _NAMED_FILES:,} more files"


def plugin_name(given: str) -> str:
    """Return a name as plugins are kept under: small letters, digits, and . _ - between them. Raises PluginError."""
    name = re.sub(r"[^a-z0-9._]+", "-", given.strip().lower())
    name = re.sub(r"\.\.+", ".", name)[:64].strip("-._")
    if not lockfile.NAME.match(name):
        raise PluginError(f"{given[:80]!r} gives no name for the plugin.", hint="Choose one with --name NAME.")
    return name


def _folder_name(given: str) -> str:
    """Return a name for the folder: as given as far as a folder can be called so."""
    name = re.sub(r"[^\w .+@-]+", "-", given.strip())[:100].strip(" .-")
    return name or "plugin"


def _placed(path: Path, into: Path, base: str) -> tuple[Path, str]:
    """Move what was fetched into a folder of its name; return the folder and the file in it, "" for a folder."""
    into.mkdir(mode=0o700, exist_ok=True)
    folder = into / base
    if path.is_dir():
        path.rename(folder)
        return folder, ""
    folder.mkdir(mode=0o700)
    path.rename(folder / path.name)
    return folder, path.name
