"""Skills that lie in an opened folder: found, and let in only as far as they are trusted (plugins/trusting.py)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot.errors import PluginError
from copilot.plugins import skillmd
from copilot.plugins.skill import Problem
from copilot.plugins.trusting import Content, Decisions, Standing, skill_content

#: Where a project's skills lie. Source: agentskills.io, guide for clients.
PLACES = (".agents/skills", ".claude/skills")
_NAMED = 5  # changes that are named in a message


@dataclass(frozen=True)
class Admitted:
    """A trusted skill of an opened folder: where it lies, and the private copy that is loaded in its place."""

    folder: Path
    copy: Path


def find(roots: Iterable[Path], named: Iterable[str] = ()) -> list[Path]:
    """Return the folders of the skills in the opened folders, and in the `named` ones (a copilot.toml's paths)."""
    places = [root / place for root in roots for place in PLACES] + [Path(path) for path in named]
    found: dict[Path, None] = {}
    for place in places:
        try:
            folders = sorted(place.iterdir()) if place.is_dir() else []
            found |= dict.fromkeys(folder for folder in folders if skillmd.file_in(folder))
        except OSError:  # a folder that can't be listed has no skills for us
            continue
    return list(found)


def admit(folders: Sequence[Path], state: Path) -> tuple[list[Admitted], list[Problem]]:
    """Return the skills that are trusted as they are now, and why the others are not loaded."""
    admitted: list[Admitted] = []
    problems: list[Problem] = []
    decisions = Decisions(state)
    for folder in folders:
        try:
            content = skill_content(folder)
            standing = decisions.standing(content)
            if standing.state == "trusted":
                admitted.append(Admitted(folder, decisions.private_copy(content)))
            else:
                problems.append(Problem(str(folder), why_not(folder, standing)))
        except PluginError as error:
            problems.append(Problem(str(folder), str(error)))
    return admitted, problems


def why_not(folder: Path, standing: Standing) -> str:
    """Return why a skill is not loaded, with the command that shows and trusts it."""
    if standing.state == "changed":
        named = ", ".join(standing.changes[:_NAMED]) + (" and more" if len(standing.changes) > _NAMED else "")
        why = f"it changed since it was trusted ({named}), and is not loaded."
    else:
        why = "it came with the folder and nobody has trusted it, so it is not loaded."
    return f'{why} To look at it: everpilot trust --show "{folder}" To trust it as it is: everpilot trust "{folder}"'


@dataclass(frozen=True)
class Shown:
    """What a person sees of a skill before it is trusted: nothing of it was run to find that out."""

    content: Content
    standing: Standing
    tools: tuple[tuple[str, str, str], ...]  # name, effect, what it says it does
    scripts: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON types."""
        return {
            "where": self.content.where,
            "digest": self.content.digest,
            "state": self.standing.state,
            "changes": list(self.standing.changes),
            "files": {name: len(data) for name, data in self.content.files.items()},
            "tools": [{"name": n, "effect": e, "description": d} for n, e, d in self.tools],
            "scripts": list(self.scripts),
        }


def look(folder: Path, decisions: Decisions) -> Shown:
    """Return what a skill holds, read and not run. Raises PluginError."""
    content = skill_content(folder)
    scripts = tuple(name for name in content.files if name.startswith("scripts/") or name.endswith(_RUNS))
    return Shown(content, decisions.standing(content), tuple(tools_in(content.files)), scripts)


_RUNS = (".py", ".sh", ".bash", ".ps1", ".bat", ".cmd", ".js", ".mjs", ".ts", ".rb", ".pl", ".exe", ".so", ".dll")


def tools_in(files: Mapping[str, bytes]) -> Iterator[tuple[str, str, str]]:
    """Yield the functions of tools.py that are marked as tools, by their source alone."""
    if "tools.py" not in files:
        return
    try:
        tree = ast.parse(files["tools.py"])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield "tools.py", "unknown", "It is no Python that can be read."
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for mark in node.decorator_list:
                if _name_of(mark) == "tool":
                    yield node.name, _effect(mark), (ast.get_docstring(node) or "").partition("\n")[0]


def _name_of(mark: ast.expr) -> str:
    called = mark.func if isinstance(mark, ast.Call) else mark
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _effect(mark: ast.expr) -> str:
    """Return the declared effect, as far as it can be read: `effect=Effect.WRITE` or `effect="write"`."""
    given = {k.arg: k.value for k in mark.keywords} if isinstance(mark, ast.Call) else {}
    effect = given.get("effect")
    if effect is None:
        return "read"
    if isinstance(effect, ast.Attribute):
        return effect.attr.lower()
    return str(effect.value) if isinstance(effect, ast.Constant) else "unknown"
