"""Find and load skills: bundled, the user's, a project's, and those of installed packages, all through the same door.

A skill is a folder with SKILL.md; with Python tools it is a package with `tools.py`. The user's folders come
first, so a user's skill replaces a bundled one of the same name, and that is said. A broken skill is
named and skipped, never fatal.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from copilot import _roots
from copilot._redaction import redacted
from copilot.errors import PluginError
from copilot.plugins import skillmd
from copilot.plugins.projects import Admitted
from copilot.plugins.skill import Problem, Skill, Skills
from copilot.plugins.tools import Tool, build, is_tool
from copilot.settings import SkillSettings, home

ENTRY_POINTS = "copilot.skills"


def load(settings: SkillSettings | None = None, *, admitted: Sequence[Admitted] = ()) -> Skills:
    """Return every skill that can be loaded, and why the others could not.

    `admitted` are trusted skills of the opened folders (plugins/projects.py); they go before all others.
    """
    settings = settings or SkillSettings()
    found: dict[str, Skill] = {}
    problems: list[Problem] = []
    for where, make in _candidates(settings, {each.copy.parent: each.folder for each in admitted}):
        skill = _guarded(where, make, problems)
        if skill is None or skill.name in settings.disabled:
            continue
        if skill.name in found:
            problems.append(Problem(where, f"skill {skill.name!r} is replaced by {found[skill.name].origin}"))
            continue
        found[skill.name] = skill
    return Skills(tuple(found.values()), tuple(problems))


def from_folder(folder: Path, *, package: str, origin: str) -> Skill:
    """Return the skill in `folder`, whose Python package is importable as `package`. Raises PluginError."""
    described = skillmd.read(folder)
    tools: tuple[Tool, ...] = ()
    if (folder / "tools.py").is_file():
        tools = _tools(_module(folder, f"{package}.tools"), described.name)
    return Skill(described.name, described.description, described.instructions, tools, folder, origin, described.notes)


def from_functions(functions: Iterable[Callable[..., Any]], *, name: str = "custom") -> Skill:
    """Return a skill made of Python functions marked with `@tool`. Raises PluginError."""
    marked = list(functions)
    for function in marked:
        if not is_tool(function):
            raise PluginError(f"{function!r} is no tool.", hint="Mark it with @copilot.tool.")
    return Skill(
        name, f"Tools of this program ({name}).", tools=tuple(build(f, skill=name) for f in marked), origin="python"
    )


def _candidates(settings: SkillSettings, projects: Mapping[Path, Path]) -> Iterator[tuple[str, Callable[[], Skill]]]:
    """Yield every skill's folder and how to load it; `projects` are roots of private copies, and what they copy."""
    first: dict[str, Path] = {}  # a package name leads to one folder only, the first
    for root in _folders(settings, projects):
        origin = "bundled" if root == _roots.bundled("skills") else f"user ({root})"
        origin = f"project ({projects[root]})" if root in projects else origin
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if (folder / "SKILL.md").is_file():
                winner = first.setdefault(folder.name, folder)
                package = f"copilot.skills.{folder.name}"
                make = partial(from_folder, folder, package=package, origin=origin)
                yield str(folder), make if winner is folder else partial(_replaced, folder.name, winner)
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        yield f"entry point {point.name}", partial(_from_entry_point, point)


def _replaced(name: str, winner: Path) -> Skill:
    raise PluginError(f"Skill {name!r} is replaced by the user's one in {winner}.")


def _folders(settings: SkillSettings, projects: Iterable[Path]) -> list[Path]:
    """Return the skill folders, ours last, and make their packages importable in the same order."""
    first = [str(root) for root in projects]
    users = [str(Path(p).expanduser()) for p in settings.paths] + [str(home() / "skills")]
    package = importlib.import_module("copilot.skills")
    ours = str(_roots.bundled("skills"))
    order = dict.fromkeys(first + [p for p in _roots.roots("skills") if p != ours] + users + [ours])
    package.__path__ = list(order)
    importlib.invalidate_caches()
    return [Path(p) for p in order]


def _guarded(where: str, make: Callable[[], Skill], problems: list[Problem]) -> Skill | None:
    try:
        skill = make()
    except PluginError as error:
        problems.append(Problem(where, str(error)))
        return None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything, and stop no others
        problems.append(Problem(where, redacted(f"it fails to load: {type(error).__name__}: {error}")))
        return None
    problems.extend(Problem(where, note) for note in skill.notes)
    return skill


def _module(folder: Path, name: str) -> ModuleType:
    if not (folder / "__init__.py").is_file():
        raise PluginError(f"{folder} has tools.py but no __init__.py.", hint="Add an empty one.")
    loaded = sys.modules.get(name)
    if loaded is not None and not _is_in(loaded, folder):
        for stale in [
            m for m in sys.modules if m == name.rpartition(".")[0] or m.startswith(name.rpartition(".")[0] + ".")
        ]:
            del sys.modules[stale]
    module = importlib.import_module(name)
    if not _is_in(module, folder):
        raise PluginError(f"{name} was imported from {module.__file__}, not from {folder}.")
    return module


def _is_in(module: ModuleType, folder: Path) -> bool:
    return module.__file__ is not None and Path(module.__file__).resolve().parent == folder.resolve()


def _tools(module: ModuleType, skill: str) -> tuple[Tool, ...]:
    made = tuple(build(value, skill=skill) for value in vars(module).values() if is_tool(value))
    names = [t.name for t in made]
    if twice := {n for n in names if names.count(n) > 1}:
        raise PluginError(f"Skill {skill!r} has two tools named {min(twice)!r}.")
    return made


def _from_entry_point(point: importlib.metadata.EntryPoint) -> Skill:
    loaded = point.load()
    if callable(loaded) and not isinstance(loaded, ModuleType):
        loaded = loaded()
    if isinstance(loaded, Skill):
        return loaded
    if isinstance(loaded, ModuleType) and loaded.__file__:
        return from_folder(Path(loaded.__file__).parent, package=loaded.__name__, origin=f"entry point {point.name}")
    raise PluginError(f"Entry point {point.name!r} gives {type(loaded).__name__}.", hint="Give a package or a Skill.")
