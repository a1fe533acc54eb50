"""`everpilot trust`: what a folder brings along, trusted as it is; the decisions, and how to take them back."""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot import settings
from copilot._home import login
from copilot.cli import DONE, FAILED
from copilot.errors import SettingsError
from copilot.hosts import render
from copilot.hosts.output import agreed, as_json, say
from copilot.plugins import projects
from copilot.plugins.mcp import looking
from copilot.plugins.mcp.looking import PREFIX, ShownServer
from copilot.plugins.mcp.places import PROJECT_FILES
from copilot.plugins.trusting import Decisions
from copilot.trust.audit import Audit
from copilot.trust.sanitise import safe_text


@dataclass(frozen=True)
class _Brought:
    """What a folder brings along: its settings file (None: it has none), its skills, and its MCP servers."""

    path: Path
    content: bytes | None
    skills: list[projects.Shown]
    servers: list[ShownServer] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        file = {"file": str(self.path), "content": self.content.decode("utf-8", "replace")} if self.content else None
        servers = [server.to_dict() for server in self.servers]
        return {"settings": file, "skills": [skill.to_dict() for skill in self.skills], "servers": servers}


def trust(parsed: argparse.Namespace) -> int:
    """Trust what a folder brings along, show it, list the decisions, or take them back."""
    if parsed.list:
        return _list(parsed)
    if parsed.folder.startswith(PREFIX):
        return _revoke(parsed.folder) if parsed.revoke else _decide(_own_server(parsed.folder), parsed)
    folder = Path(parsed.folder).expanduser().resolve()
    return _revoke(folder) if parsed.revoke else _decide(_brought(folder), parsed)


def _decide(brought: _Brought, parsed: argparse.Namespace) -> int:
    if parsed.json:
        as_json(brought.to_dict())
    elif parsed.show or sys.stdin.isatty():
        _show(brought)
    if parsed.show:
        return DONE
    if sys.stdin.isatty() and not parsed.yes and not agreed("Trust all of this as it is now?"):
        print("Nothing is trusted.")
        return FAILED
    return _trust(brought, quiet=parsed.json)


def _brought(folder: Path) -> _Brought:
    """Return what the folder brings; raises SettingsError when it is nothing."""
    decisions = Decisions(settings.home())
    path = folder / settings.FILE_NAME
    if (folder / "SKILL.md").is_file():
        return _Brought(path, None, [projects.look(folder, decisions)])
    content = path.read_bytes() if path.is_file() else None
    found = projects.find([folder], _named(folder, content))
    servers = looking.in_folder(folder, settings.home())
    if content is None and not found and not servers:
        files = " or ".join(PROJECT_FILES)
        raise SettingsError(
            f"There is no {path} to trust, no skill in {' or '.join(projects.PLACES)}, and no MCP server in {files}."
        )
    return _Brought(path, content, [projects.look(skill, decisions) for skill in found], servers)


def _own_server(named: str) -> _Brought:
    """Return one of the person's own MCP servers ("mcp:NAME"), to be trusted anew. Raises PluginError."""
    here = Path.cwd()
    own = settings.load(here).mcp
    found = looking.one_of_own(named.removeprefix(PREFIX), own, here, settings.home())
    return _Brought(Path(found.server.where), None, [], [found])


def _named(folder: Path, content: bytes | None) -> list[str]:
    try:
        paths = tomllib.loads((content or b"").decode("utf-8-sig")).get("skills", {}).get("paths", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
        return []  # the settings' own reader says what is wrong
    return [str(folder / Path(str(path)).expanduser()) for path in paths] if isinstance(paths, list) else []


def _show(brought: _Brought) -> None:
    if brought.content is not None:
        print(f"{safe_text(str(brought.path))}:")
        for line in brought.content.decode("utf-8", "replace").splitlines():
            print(f"  {safe_text(line)}")
    for skill in brought.skills:
        _show_skill(skill)
    for server in brought.servers:
        _show_server(server)


_STATES = {"trusted": "trusted as it is", "new": "not trusted yet", "changed": "changed since it was trusted"}


def _show_server(shown: ShownServer) -> None:
    runs = "runs" if shown.server.transport == "stdio" else "talks to"
    print(f"\nMCP server {safe_text(shown.server.name)}: {_STATES[shown.standing.state]}")
    print(f"  {runs}: {safe_text(shown.server.place)}")
    if shown.gets:
        print(f"  is given: {safe_text(', '.join(shown.gets))}")
    for change in shown.standing.changes:
        print(f"  {safe_text(change)}")
    for name, effect, description in shown.tools:
        print(f"  tool {safe_text(name)} ({effect}): {safe_text(description)}")
    if shown.listing is None:
        print("  its tools are not known before it is started; those that it lists first are then kept to.")


def _show_skill(skill: projects.Shown) -> None:
    print(f"\nSkill {safe_text(skill.content.where)}: {_STATES[skill.standing.state]}")
    for change in skill.standing.changes:
        print(f"  {safe_text(change)}")
    for name, effect, description in skill.tools:
        print(f"  tool {safe_text(name)} ({safe_text(effect)}): {safe_text(description)}")
    for name in skill.scripts:
        print(f"  runs code: {safe_text(name)}")
    rows = [(name, f"{len(data):,}") for name, data in skill.content.files.items()]
    render.console().print(render.table(("File", "Bytes"), rows))


def _trust(brought: _Brought, *, quiet: bool) -> int:
    """Record the decisions, on the bytes that were shown."""
    state = settings.home()
    log, decisions = Audit(state, actor=login()), Decisions(state)
    told = sys.stderr if quiet else sys.stdout
    if brought.content is not None:
        log.record({"event": "trust", "action": "trust", "kind": "settings", "path": str(brought.path)})
        settings.trust(brought.path, brought.content)
        print(f"{safe_text(str(brought.path))} is trusted as it is now.", file=told)
    for skill in brought.skills:
        content = skill.content
        event = {"event": "trust", "action": "trust", "kind": content.kind, "path": content.where}
        log.record({**event, "digest": content.digest})
        decisions.trust(content)
        print(f"Skill {safe_text(content.where)} is trusted as it is now: {len(content.files)} files.", file=told)
    for server in brought.servers:
        made = server.trust(state)
        log.record({"event": "trust", "action": "trust", "kind": "mcp", "path": made.where, "digest": made.digest})
        tools = f"{len(server.tools)} tools" if server.listing else "the tools that it lists first"
        print(f"MCP server {safe_text(server.server.name)} is trusted as it is now: {tools}.", file=told)
    return DONE


def _list(parsed: argparse.Namespace) -> int:
    made = Decisions(settings.home()).all()
    files = settings.trusted_files()
    if parsed.json:
        as_json([{"kind": "settings", "where": w, "digest": d} for w, d in files.items()] + [m.to_dict() for m in made])
        return DONE
    rows = [("settings", where, "") for where in files]
    rows += [(each.kind, each.where, each.time[:16].replace("T", " ")) for each in made]
    heads = ("Kind", "Where", "Trusted (UTC)")
    render.console().print(render.table(heads, rows) if rows else "Nothing is trusted.")
    return DONE


def _revoke(place: Path | str) -> int:
    state = settings.home()
    log = Audit(state, actor=login())
    folder = Path(place)
    log.record({"event": "trust", "action": "revoke", "folder": str(place)})
    name = _own_server(place).servers[0].server.key if isinstance(place, str) else place
    gone = [each.where for each in Decisions(state).revoke(name)]
    files = [file for file in settings.trusted_files() if Path(file) == folder or Path(file).is_relative_to(folder)]
    gone += [file for file in files if settings.distrust(Path(file))]
    for where in gone:
        print(f"{safe_text(where)} is not trusted any more.")
    if not gone:
        say(f"nothing in {place} was trusted")
        return FAILED
    return DONE
