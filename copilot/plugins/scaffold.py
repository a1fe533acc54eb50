"""`everpilot plugins new`: a plugin to start from, which works, is tested and can be published as it is.

What is made lies in templates/KIND: each file's text, with $name, $title, $identifier and $python in it.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from copilot.errors import PluginError

KINDS = ("skill", "package", "openapi", "mcp", "agent")
_SUFFIX = ".template"
#: As strict as the strictest form: a skill's name (agentskills.io, "name field").
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_LONGEST = 64
#: What is read of each kind: the folder itself, or a file in it.
_READ = {"openapi": "openapi.yaml"}


@dataclass(frozen=True)
class Made:
    """What was made: the folder, the names of the files in it, and the commands that come next."""

    folder: Path
    files: tuple[str, ...]
    next: tuple[str, ...]


def make(name: str, kind: str, into: Path) -> Made:
    """Make the folder `name` below `into` and return what is in it.

    Raises PluginError: the name can't be one, the kind is unknown, or the folder is there and holds something.
    """
    if not _NAME.match(name) or len(name) > _LONGEST:
        hint = f"Use a-z, 0-9 and single hyphens between them, at most {_LONGEST}: invoice-checks."
        raise PluginError(f"A plugin can't be called {name!r}.", hint=hint, code="usage")
    if kind not in KINDS:
        raise PluginError(f"There is no kind {kind!r}.", hint=f"There is: {', '.join(KINDS)}.", code="usage")
    folder = (into / name).absolute()
    if folder.is_dir() and any(folder.iterdir()):
        raise PluginError(f"{folder} is not empty, and nothing in it is overwritten.", hint="Choose another name.")
    made = _written(folder, kind, name)
    return Made(folder, tuple(made), _next(folder, kind, name))


def _written(folder: Path, kind: str, name: str) -> list[str]:
    """Write the files beside, so that a folder is there as a whole or not at all."""
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    words = {
        "name": name,
        "title": name.replace("-", " ").capitalize(),
        "identifier": name.replace("-", "_"),
        "python": Path(sys.executable).name,
    }
    made = []
    try:
        for path, text in _templates(files("copilot.plugins") / "templates" / kind):
            relative = Template(path).substitute(words)
            target = beside / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(text).substitute(words), "utf-8")
            made.append(relative)
        if folder.is_dir():
            folder.rmdir()  # it is empty
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise PluginError(f"{folder} can't be made: {error.strerror}.") from error
    return sorted(made)


def _templates(folder: Traversable, below: str = "") -> list[tuple[str, str]]:
    """Return the templates of a kind: their paths, in which $$name stands for a name, and their texts."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _templates(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            found.append((f"{below}{entry.name.removesuffix(_SUFFIX)}", entry.read_text("utf-8")))
    return found


def _next(folder: Path, kind: str, name: str) -> tuple[str, ...]:
    read = folder / _READ[kind] if kind in _READ else folder
    steps = [
        f"{Path(sys.executable).name} -m pytest {folder}",
        f"everpilot plugins doctor --strict {read}",
        f"everpilot plugins install {read}",
    ]
    if kind in ("skill", "package"):
        skill = folder if kind == "skill" else folder / "skills" / name
        steps.append(f"everpilot eval --skill {skill} --models builtin --yes")
    return tuple(steps)
