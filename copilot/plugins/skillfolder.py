"""A skill that is a folder: its head is read when it is found, its instructions and files when they are needed."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from copilot.plugins import frontmatter, skillmd
from copilot.plugins.files import PluginFiles
from copilot.plugins.skill import Resource, Skill
from copilot.plugins.tools import Tool
from copilot.plugins.tools import renamed as renamed_tool
from copilot.trust.labels import WORKSPACE, Label

#: Limits of what is listed, and of one file that is read: a skill's references are texts to read.
MOST_FILES, MOST_DEEP, MOST_BYTES = 500, 8, 5_000_000
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
_LINK = re.compile(r"\]\(\s*<?([^)\s>#]+)")


class _Late:
    """A field that may be given as a function, which is called when the value is first asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, skill: Any, owner: type | None = None) -> Any:
        if skill is None:
            return self
        value = vars(skill)[self._name]
        if callable(value):
            value = vars(skill)[self._name] = value()
        return value

    def __set__(self, skill: Any, value: Any) -> None:
        vars(skill)[self._name] = value


class FolderSkill(Skill):
    """A skill in a folder. Asking for `instructions` raises PluginError when the file can't be read any more."""

    instructions: Any = _Late()
    resources: Any = _Late()


def skill_in(
    folder: Path,
    *,
    tools: Callable[[str], tuple[Tool, ...]] | None = None,
    strict: bool = False,
    label: Label = WORKSPACE,
    **more: Any,
) -> Skill:
    """Return the skill that a folder is; raises PluginError when its SKILL.md can't be used.

    `tools` makes its tools, given its name; `strict` refuses what is not as the standard says; `more` are further
    fields of `Skill` (origin, plugin, form).
    """
    described = skillmd.read(folder, strict=strict)
    made: Any = FolderSkill
    result: Skill = made(
        described.name,
        described.description,
        partial(frontmatter.body, described.path),
        tools=tools(described.name) if tools else (),
        root=folder,
        notes=described.notes,
        resources=partial(resources_in, folder, label, python=tools is None),
        model_invocation=described.model_invocation,
        user_invocation=described.user_invocation,
        hint=described.hint,
        accounts=tuple(described.metadata.get("accounts", "").split()),
        label=label,
        **more,
    )
    return result


def renamed(skill: Skill, name: str) -> Skill:
    """Return the skill under another name, its tools, too; nothing of it is read for that."""
    made = copy(skill)
    object.__setattr__(made, "name", name)
    object.__setattr__(made, "tools", tuple(renamed_tool(tool, name) for tool in skill.tools))
    return made


def resources_in(folder: Path, label: Label = WORKSPACE, *, python: bool = True) -> tuple[Resource, ...]:
    """Return a skill's files, sorted, without SKILL.md, what is hidden, and links that lead out; none is read.

    `python` False leaves out the modules beside SKILL.md: they are its tools, which a model calls and does not read.
    """
    files = PluginFiles(folder)
    names = (n for n in _names(folder, files.root) if python or "/" in n or not n.endswith(".py"))
    kinds = ((name, mimetypes.guess_type(name)[0] or "") for name in sorted(names))
    return tuple(Resource(n, partial(files.read, n, MOST_BYTES), media_type=kind, label=label) for n, kind in kinds)


def linked(body: str) -> tuple[str, ...]:
    """Return the files that a body's Markdown links name, each once, in order."""
    named = (match[1].removeprefix("./") for match in _LINK.finditer(body))
    return tuple(dict.fromkeys(name for name in named if "://" not in name and not name.startswith(("/", "mailto:"))))


def find(resources: tuple[Resource, ...], said: str) -> Resource | None:
    """Return the resource that a model means: by its path, or by the end of one where only one fits.

    Skills name their files as they like: "./references/x.md", "x.md", "${CLAUDE_PLUGIN_ROOT}/skills/s/references/x.md".
    """
    wanted = said.strip().replace("\\", "/").partition("#")[0].removeprefix("./")
    by_name = {each.name: each for each in resources}
    if wanted in by_name:
        return by_name[wanted]
    ends = [each for each in resources if wanted.endswith(f"/{each.name}")]
    ends = ends or [each for each in resources if each.name.endswith(f"/{wanted}")]
    longest = max(ends, key=lambda each: len(each.name), default=None)
    return longest if len(ends) == 1 or any(wanted.endswith(f"/{each.name}") for each in ends) else None


def _names(folder: Path, root: Path) -> Iterator[str]:
    found = 0
    for place, folders, names in os.walk(folder):
        here = Path(place).relative_to(folder)
        deep = len(here.parts) >= MOST_DEEP
        folders[:] = [] if deep else sorted(f for f in folders if f not in _LEFT_OUT and not f.startswith("."))
        for name in sorted(names):
            relative = (here / name).as_posix()
            if relative in skillmd.FILES or name.startswith(".") or name.endswith(".pyc"):
                continue
            if not _is_inside(Path(place) / name, root):
                continue
            found += 1
            if found > MOST_FILES:
                return
            yield relative


def _is_inside(path: Path, root: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(root)
