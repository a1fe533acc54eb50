"""The skills in a plugin's folder: each is read on its own, and one that can't be used stops no other."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins import skillmd
from copilot.plugins.files import PluginFiles
from copilot.plugins.skill import Problem, Skill
from copilot.plugins.skillfolder import skill_in
from copilot.trust.sanitise import safe_text

#: Skills of one plugin: the largest public ones have some hundred.
MOST_SKILLS = 2_000
#: Folders, and levels below each other, in which skills are looked for that no form names.
_MOST_LOOKED_AT, _DEEPEST = 2_000, 6
#: What no skill lies in.
_LEFT_OUT = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})


def collect(files: PluginFiles, folders: Iterable[str], **how: Any) -> tuple[list[Skill], list[Problem]]:
    """Return the skills in these folders of a plugin, and what is wrong with them or with others.

    `how` goes to `skill_in` (strict, plugin, form, origin). Of two of one name the first counts.
    """
    found: dict[str, Skill] = {}
    problems: list[Problem] = []
    for relative in dict.fromkeys(folders):
        where = safe_text(str(files.root / relative))
        try:
            made = skill_in(_inside(files, relative), **how)
        except PluginError as error:
            problems.append(Problem(where, str(error)))
            continue
        if made.name in found:
            problems.append(Problem(where, f"another skill of this plugin is named {made.name!r}, so it is left out."))
            continue
        found[made.name] = made
        problems.extend(Problem(where, note, "noted") for note in made.notes)
    return list(found.values()), problems


def children(files: PluginFiles, relative: str, names: tuple[str, ...] = skillmd.FILES, *, deep: int = 1) -> list[str]:
    """Return the folders below `relative` that hold one of the files `names`, sorted, as paths in the plugin.

    `deep` is how many levels down they are looked for; nothing is looked for below a skill. Raises PluginError when
    the folder leads out of the plugin or can't be listed.
    """
    found = list(_below(files, relative.strip("/"), names, deep))
    if len(found) > MOST_SKILLS:
        raise PluginError(f"{files.root / relative} holds over {MOST_SKILLS} skills.", code="too_large")
    return found


def elsewhere(root: Path, taken: Collection[str] = ()) -> list[str]:
    """Return the folders that hold skills below `root` beside those of `taken`, as paths in it: what nobody asked for.

    Only so far is looked as a person waits for a message: links are not followed.
    """
    found: dict[str, None] = {}
    for seen, (place, folders, names) in enumerate(os.walk(root)):
        if seen >= _MOST_LOOKED_AT:
            break
        here = Path(place).relative_to(root)
        deep = len(here.parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if name not in _LEFT_OUT and name != ".git")
        if here.parts and here.as_posix() not in taken and any(name in names for name in skillmd.FILES):
            found[here.parent.as_posix()] = None
            folders.clear()
    return list(found)


def _below(files: PluginFiles, relative: str, names: tuple[str, ...], deep: int) -> Iterator[str]:
    try:
        listed = sorted(os.listdir(files.path(relative)))
    except OSError as error:
        raise PluginError(f"{files.root / relative} can't be listed: {error.strerror}.") from error
    for name in listed:
        child = f"{relative}/{name}" if relative not in ("", ".") else name
        if name in _LEFT_OUT or name.startswith(".") or not (files.root / child).is_dir():
            continue
        if any(each in names for each in _listed(files, child)):
            yield child
        elif deep > 1 and not (files.root / child).is_symlink():
            yield from _below(files, child, names, deep - 1)


def _listed(files: PluginFiles, relative: str) -> list[str]:
    try:
        return os.listdir(files.root / relative)
    except OSError:
        return []  # it is met again when the skill is read, or it is none


def _inside(files: PluginFiles, relative: str) -> Any:
    """Return a skill's folder, whose SKILL.md lies inside the plugin (Agent Plugins 1.0.0, section 4.1)."""
    folder = files.path(relative)
    for name in skillmd.FILES:
        files.path(f"{relative}/{name}")
    return folder
