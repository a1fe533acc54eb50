"""`everpilot trust`: what a folder brings along, trusted as it is; the decisions, and how to take them back."""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot import settings
from copilot._home import login
from copilot.cli import DONE, FAILED
from copilot.errors import SettingsError
from copilot.hosts import render
from copilot.hosts.output import as_json, say
from copilot.plugins import projects
from copilot.plugins.trusting import Decisions
from copilot.trust.audit import Audit
from copilot.trust.sanitise import safe_text


@dataclass(frozen=True)
class _Brought:
    """What a folder brings along: its settings file (None: it has none), and its skills."""

    path: Path
    content: bytes | None
    skills: list[projects.Shown]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        file = {"file": str(self.path), "content": self.content.decode("utf-8", "replace")} if self.content else None
        return {"settings": file, "skills": [skill.to_dict() for skill in self.skills]}


def trust(parsed: argparse.Namespace) -> int:
    """Trust what a folder brings along, show it, list the decisions, or take them back."""
    if parsed.list:
        return _list(parsed)
    folder = Path(parsed.folder).expanduser().resolve()
    if parsed.revoke:
        return _revoke(folder)
    brought = _brought(folder)
    if parsed.json:
        as_json(brought.to_dict())
    elif parsed.show or sys.stdin.isatty():
        _show(brought)
    if parsed.show:
        return DONE
    if sys.stdin.isatty() and not parsed.yes and not _agreed():
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
    if content is None and not found:
        raise SettingsError(f"There is no {path} to trust, and no skill in {' or '.join(projects.PLACES)}.")
    return _Brought(path, content, [projects.look(skill, decisions) for skill in found])


def _named(folder: Path, content: bytes | None) -> list[str]:
    try:
        paths = tomllib.loads((content or b"").decode("utf-8-sig")).get("skills", {}).get("paths", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
        return []  # the settings' own reader says what is wrong
    return [str(folder / Path(str(path)).expanduser()) for path in paths] if isinstance(paths, list) else []


def _agreed() -> bool:
    return input("Trust all of this as it is now? [y/N] ").strip().lower() in ("y", "yes")


def _show(brought: _Brought) -> None:
    if brought.content is not None:
        print(f"{safe_text(str(brought.path))}:")
        for line in brought.content.decode("utf-8", "replace").splitlines():
            print(f"  {safe_text(line)}")
    for skill in brought.skills:
        _show_skill(skill)


def _show_skill(skill: projects.Shown) -> None:
    state = {"trusted": "trusted as it is", "new": "not trusted yet", "changed": "changed since it was trusted"}
    print(f"\nSkill {safe_text(skill.content.where)}: {state[skill.standing.state]}")
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


def _revoke(folder: Path) -> int:
    state = settings.home()
    log = Audit(state, actor=login())
    log.record({"event": "trust", "action": "revoke", "folder": str(folder)})
    gone = [each.where for each in Decisions(state).revoke(folder)]
    files = [file for file in settings.trusted_files() if Path(file) == folder or Path(file).is_relative_to(folder)]
    gone += [file for file in files if settings.distrust(Path(file))]
    for where in gone:
        print(f"{safe_text(where)} is not trusted any more.")
    if not gone:
        say(f"nothing in {folder} was trusted")
        return FAILED
    return DONE
