"""The Python tools of installed plugins: `tools.py` beside a SKILL.md, run in our process since a person trusted it.

Reading a plugin runs nothing of it. This is done afterwards, and only for what was installed and is as it was then
(installed.py). Each skill is a package of its own name, so that two plugins with a skill of one name don't meet.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

from copilot._redaction import redacted
from copilot.errors import PluginError
from copilot.plugins.plugin import Plugin
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.tools import Tool, build, is_tool


def with_python(plugin: Plugin) -> Plugin:
    """Return the plugin with the tools of its skills' `tools.py`; one that fails to load is a problem."""
    problems: list[Problem] = []
    skills = tuple(_with_tools(skill, plugin, problems) for skill in plugin.skills)
    return replace(plugin, skills=skills, problems=(*plugin.problems, *problems)) if problems or skills else plugin


def _with_tools(skill: Skill, plugin: Plugin, problems: list[Problem]) -> Skill:
    source = skill.root / "tools.py" if skill.root else None
    if source is None or skill.tools or not source.is_file():
        return skill
    try:
        if not source.resolve().is_relative_to(plugin.root.resolve()):
            raise PluginError(f"{source} is a link that leads out of the plugin.")
        tools = tools_in(source.parent, skill.name)
    except PluginError as error:
        problems.append(Problem(str(source), str(error)))
        return skill
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything, and stop no others
        problems.append(Problem(str(source), redacted(f"it fails to load: {type(error).__name__}: {error}")))
        return skill
    return _replaced(skill, tools)


def _replaced(skill: Skill, tools: tuple[Tool, ...]) -> Skill:
    """Return the skill with its tools; its instructions stay what is read when they are needed."""
    import copy

    made = copy.copy(skill)
    object.__setattr__(made, "tools", tools)
    return made


def tools_in(folder: Path, skill: str) -> tuple[Tool, ...]:
    """Return the functions of a folder's tools.py that are marked with `@tool`. Raises what they raise, PluginError."""
    if not (folder / "__init__.py").is_file():
        raise PluginError(f"{folder} has tools.py but no __init__.py.", hint="Add an empty one.")
    digest = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    package = f"_everpilot_plugin_{re.sub(r'[^0-9a-z]', '_', folder.name.lower())}_{digest}"
    if package not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            package, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise PluginError(f"{folder} is no Python package.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[package] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[package]
            raise
    tools = importlib.import_module(f"{package}.tools")
    made = tuple(build(value, skill=skill) for value in vars(tools).values() if is_tool(value))
    names = [tool.name for tool in made]
    if twice := {name for name in names if names.count(name) > 1}:
        raise PluginError(f"Two tools are named {min(twice)!r}.")
    return made
