"""Find and load skills: bundled, the user's, a project's, and those of installed packages, all through the same door.

A skill is a folder with SKILL.md; with Python tools it is a package with `tools.py`. First goes a project's trusted
skills, the user's folders, ours, entry points. Of two of one name the first is used, and that is said. Skills that came
for any assistant (~/.agents/skills, ~/.claude/skills) and those of plugins replace none: where the name is taken they
are named with where they come from, "claude:excel". A broken skill is named and skipped, never fatal. Of a skill only
the head of SKILL.md is read here; its instructions and files when they are asked for (skillfolder.py).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from copilot import _roots
from copilot._redaction import redacted
from copilot.errors import PluginError
from copilot.plugins import skillmd
from copilot.plugins.projects import PLACES, Admitted
from copilot.plugins.skill import Problem, Severity, Skill, Skills
from copilot.plugins.skillfolder import renamed, skill_in
from copilot.plugins.tools import Tool, build, is_tool
from copilot.settings import SkillSettings, home
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.plugin import Plugin

ENTRY_POINTS = "copilot.skills"


def load(
    settings: SkillSettings | None = None, *, admitted: Sequence[Admitted] = (), plugins: Sequence[Plugin] = ()
) -> Skills:
    """Return every skill that can be loaded, and why the others could not.

    `admitted` are trusted skills of the opened folders (plugins/projects.py); they go before all others. `plugins` are
    what discovery.py read; what is wrong with them is told there.
    """
    settings = settings or SkillSettings()
    shelf = _Shelf(settings.disabled)
    for where, make in _candidates(settings, {each.copy.parent: each.folder for each in admitted}, shelf):
        shelf.add(where, make)
    for place in PLACES:
        for folder in shelf.listed(Path.home() / place):
            shelf.add(str(folder), partial(_shared, folder, shelf), origin=place.partition("/")[0].strip("."))
    for plugin in plugins:
        for skill in plugin.skills:
            shelf.place(f"plugin {plugin.name}", skill, skill.plugin or plugin.name)
    return Skills(tuple(shelf.found.values()), tuple(shelf.problems))


class _Shelf:
    """The skills that were found, by name, and what is to be said of them and of others."""

    def __init__(self, disabled: Iterable[str]) -> None:
        self.found: dict[str, Skill] = {}
        self.problems: list[Problem] = []
        self._disabled = frozenset(disabled)

    def say(self, where: object, reason: str, severity: Severity = "refused") -> None:
        """Keep a problem; names and reasons may hold what strangers wrote."""
        self.problems.append(Problem(safe_text(str(where)), safe_text(reason), severity))

    def listed(self, root: Path) -> list[Path]:
        """Return the folders of skills in a folder, sorted; none where there is no such folder."""
        try:
            return [folder for folder in sorted(root.iterdir()) if skillmd.file_in(folder)] if root.is_dir() else []
        except OSError as error:
            self.say(root, f"it can't be listed: {error.strerror}.")
            return []

    def add(self, where: str, make: Callable[[], Skill], *, origin: str = "") -> None:
        """Load one skill; with an `origin` it replaces none."""
        skill = self._guarded(where, make)
        if skill is not None:
            for note in skill.notes:
                self.say(where, note, "noted")
            self.place(where, skill, origin)

    def place(self, where: str, skill: Skill, origin: str = "") -> None:
        """Put a skill where it belongs: a name that is taken stays with the first."""
        if self._disabled & {skill.name, f"{origin}:{skill.name}"}:
            return
        taken = self.found.get(skill.name)
        if taken is not None and origin:
            self.say(
                where, f"skill {skill.name!r} is named {origin}:{skill.name}; there is one ({taken.origin})", "noted"
            )
            skill = renamed(skill, f"{origin}:{skill.name}")
            taken = self.found.get(skill.name)
        if taken is not None:
            self.say(where, f"skill {skill.name!r} is replaced by {taken.origin}", "noted")
            return
        self.found[skill.name] = skill

    def _guarded(self, where: str, make: Callable[[], Skill]) -> Skill | None:
        try:
            return make()
        except PluginError as error:
            self.say(where, str(error), "noted" if error.code == "replaced" else "refused")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything, and stop no others
            self.say(where, redacted(f"it fails to load: {type(error).__name__}: {error}"))
        return None


def from_folder(folder: Path, *, package: str, origin: str) -> Skill:
    """Return the skill in `folder`, whose Python package is importable as `package`. Raises PluginError."""
    python = (folder / "tools.py").is_file()
    tools = (lambda name: _tools(_module(folder, f"{package}.tools"), name)) if python else None
    return skill_in(folder, tools=tools, origin=origin)


def _shared(folder: Path, shelf: _Shelf) -> Skill:
    """Return a skill that lies where every assistant looks: no Python of it is run in our process."""
    if (folder / "tools.py").is_file() and (folder / "__init__.py").is_file():
        told = f"its tools.py is not loaded from here; if it was made for Everpilot, move it to {home() / 'skills'}."
        shelf.say(folder, told, "unsupported")
    return skill_in(folder, origin=f"user ({folder.parent})")


def from_functions(functions: Iterable[Callable[..., Any]], *, name: str = "custom") -> Skill:
    """Return a skill made of Python functions marked with `@tool`. Raises PluginError."""
    marked = list(functions)
    for function in marked:
        if not is_tool(function):
            raise PluginError(f"{function!r} is no tool.", hint="Mark it with @copilot.tool.")
    return Skill(
        name, f"Tools of this program ({name}).", tools=tuple(build(f, skill=name) for f in marked), origin="python"
    )


def _candidates(
    settings: SkillSettings, projects: Mapping[Path, Path], shelf: _Shelf
) -> Iterator[tuple[str, Callable[[], Skill]]]:
    """Yield every skill's folder and how to load it; `projects` are roots of private copies, and what they copy."""
    first: dict[str, Path] = {}  # a package name leads to one folder only, the first
    for root in _folders(settings, projects):
        origin = "bundled" if root == _roots.bundled("skills") else f"user ({root})"
        origin = f"project ({projects[root]})" if root in projects else origin
        for folder in shelf.listed(root):
            winner = first.setdefault(folder.name, folder)
            package = f"copilot.skills.{folder.name}"
            make = partial(from_folder, folder, package=package, origin=origin)
            yield str(folder), make if winner is folder else partial(_replaced, folder.name, winner)
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        yield f"entry point {point.name}", partial(_from_entry_point, point)


def _replaced(name: str, winner: Path) -> Skill:
    raise PluginError(f"Skill {name!r} is replaced by the user's one in {winner}.", code="replaced")


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
