"""A skill alone, and a folder of skills: the smallest plugins."""

from __future__ import annotations

from pathlib import Path

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles
from copilot.plugins.packages.skillsets import children, collect
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem
from copilot.plugins.skillfolder import skill_in
from copilot.plugins.skillmd import harmless

#: Where a folder keeps its skills; itself when it has none of these.
_PLACES = ("skills", ".agents/skills", ".claude/skills", ".github/skills")
#: Levels below such a place: many sort their skills into folders by topic.
_DEEP = 3


def read_skill(path: Path, reading: Reading) -> Plugin:
    """Return the plugin that one skill's folder is. Raises PluginError when its SKILL.md can't be used."""
    made = skill_in(path, strict=reading.strict, origin=f"plugin ({path})", plugin="")
    problems = tuple(Problem(str(path), note, "noted") for note in made.notes)
    return Plugin(made.name, "skill", path, description=made.description, skills=(made,), problems=problems)


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
    return Plugin(name, "skills", files.root, skills=tuple(skills), problems=tuple(problems))
