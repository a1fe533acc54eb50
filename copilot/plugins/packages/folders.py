"""A skill alone, and a folder of skills: the smallest plugins."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles
from copilot.plugins.packages.skillsets import children, collect, elsewhere
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem
from copilot.plugins.skillfolder import skill_in
from copilot.plugins.skillmd import FILE, file_in, harmless
from copilot.trust.sanitise import safe_text

#: Where a folder keeps its skills; itself when it has none of these.
_PLACES = ("skills", ".agents/skills", ".claude/skills", ".github/skills")
#: Levels below such a place: many sort their skills into folders by topic.
_DEEP = 3
_NAMED = 5  # folders in a message


def read_skill(path: Path, reading: Reading) -> Plugin:
    """Return the plugin that one skill's folder is. Raises PluginError when its SKILL.md can't be used."""
    made = skill_in(path, strict=reading.strict, origin=f"plugin {path.name}", plugin="")
    problems = [Problem(str(path), note, "noted") for note in made.notes]
    files = PluginFiles(path)
    folders = children(files, _PLACES[0], deep=_DEEP) if files.exists(_PLACES[0]) else []
    how = {"strict": reading.strict, "plugin": made.name, "form": "skill", "origin": f"plugin {path.name}"}
    more, others = collect(files, folders, **how)  # one skill at the top, and more where a folder keeps them
    skills = (made, *(skill for skill in more if skill.name != made.name))
    problems += [*others, *_elsewhere(path, folders)]
    return Plugin(made.name, "skill", path, description=made.description, skills=skills, problems=tuple(problems))


def read_any(path: Path, reading: Reading) -> Plugin:
    """Return the plugin that a folder is where skills are meant, whatever else lies in it. Raises PluginError."""
    if not path.is_dir():
        raise PluginError(f"{path} is no folder with a {FILE}.", code="missing")
    return (read_skill if file_in(path) else read_skills)(path, reading)


def read_skills(path: Path, reading: Reading) -> Plugin:
    """Return the plugin that a folder with skills is. Raises PluginError when none of them can be used."""
    files = PluginFiles(path)
    places = [place for place in _PLACES if files.exists(place)] or ["."]
    folders = [folder for place in places for folder in children(files, place, deep=_DEEP)]
    name = harmless(files.root.name) or "skills"
    how = {"strict": reading.strict, "plugin": name, "form": "skill", "origin": f"plugin {name}"}
    skills, problems = collect(files, folders, **how)
    if not skills:
        told = "; ".join(f"{problem.where}: {problem.reason}" for problem in problems[:3])
        raise PluginError(f"{path} holds no skill that can be used. {told}".strip())
    problems += _elsewhere(files.root, folders)
    return Plugin(name, "skills", files.root, skills=tuple(skills), problems=tuple(problems))


def _elsewhere(root: Path, taken: Collection[str]) -> Iterator[Problem]:
    """Yield a problem where a folder holds more skills than those that are looked for in it."""
    if others := elsewhere(root, taken):
        named = ", ".join(safe_text(each) for each in others[:_NAMED]) + (" and more" if len(others) > _NAMED else "")
        yield Problem(str(root), f"more skills lie in {named}; name such a folder to load them, too.", "noted")
