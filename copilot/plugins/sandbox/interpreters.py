"""Which program runs a script, by its ending or its first line, and the folders that it needs to be seen."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from copilot.errors import ToolInputError

#: Ending to interpreters, the first that is there; the same names stand in first lines (#!/usr/bin/env node).
_BY_SUFFIX: Mapping[str, tuple[str, ...]] = {
    ".py": ("python",),
    ".sh": ("bash", "sh"),
    ".bash": ("bash",),
    ".js": ("node",),
    ".mjs": ("node",),
    ".cjs": ("node",),
    ".rb": ("ruby",),
    ".pl": ("perl",),
}
_KNOWN = {"python": "python", "python3": "python"} | {n: n for n in ("bash", "sh", "node", "ruby", "perl")}
_FIRST_LINE = re.compile(rb"#!\s*(\S+)(?:[ \t]+(?:-S[ \t]+)?(\S+))?")
#: Python alone leaves the person's own packages and variables out, and with -I also the script's folder, which scripts
#: import from: it is put back.
_START = (
    "import sys, runpy; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rpartition('/')[0]); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


@dataclass(frozen=True)
class Interpreter:
    """A program that runs scripts: `command` stands before the script's path, `readable` are folders it needs."""

    name: str
    command: tuple[str, ...]
    readable: tuple[Path, ...] = ()


def of_script(name: str, content: bytes) -> Interpreter:
    """Return what runs a script; raises ToolInputError where nothing is known to, or it is not installed."""
    first = _FIRST_LINE.match(content[:200])
    wanted = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower(), ())
    if not wanted and first:
        program = PurePosixPath((first[2] if first[1].endswith(b"/env") and first[2] else first[1]).decode("latin-1"))
        wanted = (_KNOWN[program.name],) if program.name in _KNOWN else ()
    if not wanted:
        kinds = ", ".join(_BY_SUFFIX)
        hint = f"Scripts end in {kinds}, or begin with #! and the name of their program."
        raise ToolInputError(f"Nothing here is known to run {name}.", hint=hint, code="no_interpreter")
    found = next((made for program in wanted if (made := _installed(program)) is not None), None)
    if found is None:
        needs = " or ".join(wanted)
        raise ToolInputError(f"{name} needs {needs}, which is not installed.", code="no_interpreter")
    return found


def _installed(name: str) -> Interpreter | None:
    if name == "python":
        folders = tuple(dict.fromkeys(Path(folder) for folder in (sys.prefix, sys.base_prefix)))
        return Interpreter("python", (sys.executable, "-I", "-B", "-X", "utf8", "-c", _START), folders)
    found = shutil.which(name)
    if found is None:
        return None
    return Interpreter(name, (found,), _folders(Path(found)))


def _folders(program: Path) -> tuple[Path, ...]:
    """Return what a program outside of the system's folders needs: its installation, never the person's home."""
    found: dict[Path, None] = {}
    for each in (program, program.resolve()):
        above = each.parent.parent if each.parent.name == "bin" else each
        alone = above == Path.home() or Path.home().is_relative_to(above)
        found[each if alone else above] = None
    return tuple(found)
