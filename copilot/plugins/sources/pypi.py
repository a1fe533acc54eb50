"""Plugins on PyPI, or on the index that pip is set to: downloaded as a wheel and unpacked, neither built nor installed.

A wheel is an archive (binary distribution format, PEP 427), so that nothing of it runs when it is looked at. What it
depends on is not installed; it is named. A skill that is Python only can't be looked at without running it: that one
belongs into Everpilot's own environment, by pip, and is named so.
"""

from __future__ import annotations

import configparser
import email.parser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from copilot._redaction import redacted
from copilot.errors import PluginError
from copilot.plugins.archives import unpack
from copilot.plugins.skill import Problem
from copilot.plugins.sources.source import Fetched, Progress, Source
from copilot.workspace.save import make_private

TIMEOUT = 300.0  # seconds
ENTRY_POINTS = "copilot.skills"
#: What tells a plugin's folder, and how deep in a wheel it is looked for.
_MARKS = ("plugin.json", ".claude-plugin/plugin.json", ".codex-plugin/plugin.json", "declarativeAgent.json", "SKILL.md")
_DEEPEST = 4


def fetch(source: Source, into: Path, progress: Progress) -> Fetched:
    """Return the plugin in a distribution's wheel, and its version.

    Raises PluginError: no such distribution, no wheel of it, no pip, or no plugin in it.
    """
    requirement = _checked(source.place)
    progress(f"downloading {requirement}")
    wheel = _downloaded(requirement, into / "wheel")
    unpack(wheel, into / "unpacked", name=wheel.name)
    name, version = wheel.name.split("-")[:2]
    metadata = next((into / "unpacked").glob("*.dist-info"), None)
    if metadata is None:
        raise PluginError(f"{wheel.name} is no wheel: it has no dist-info folder.")
    root = _root(into, metadata, name)
    told = tuple(_dependencies(metadata))
    return Fetched(root, version, root.name if root.name != "skills" else name.replace("_", "-"), told)


def _checked(requirement: str) -> str:
    """Return the requirement if it is a name with versions; addresses and options of pip are none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = Requirement(requirement)
    except InvalidRequirement as error:
        told = str(error).partition("\n")[0]
        raise PluginError(
            f"{requirement!r} is no requirement: {told}.", hint="Write pypi:NAME or pypi:NAME==1.2."
        ) from None
    if found.url or found.marker:
        raise PluginError(f"{requirement!r} is more than a name and a version.", hint="Write pypi:NAME==1.2.")
    return f"{found.name}{found.specifier}"


def _downloaded(requirement: str, into: Path) -> Path:
    make_private(into)
    options = ("--only-binary=:all:", "--no-deps", "--no-input", "--disable-pip-version-check", "--quiet")
    command = [*_pip(), "download", *options, "--dest", str(into), "--", requirement]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False, cwd=into
        )
    except subprocess.TimeoutExpired:
        raise PluginError(f"{requirement} can't be downloaded: it took longer than {TIMEOUT:.0f} s.") from None
    wheels = sorted(into.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise _not_downloaded(requirement, done.stderr.decode("utf-8", "replace"))
    return wheels[0]


def _pip() -> list[str]:
    """Return how pip is called: the one of this Python, else one on the PATH."""
    import importlib.util

    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-I", "-m", "pip"]
    if found := shutil.which("pip"):
        return [found]
    raise PluginError(
        "pip is not installed, and downloads from PyPI need it.", hint=f"Run: {sys.executable} -m ensurepip"
    )


def _not_downloaded(requirement: str, said: str) -> PluginError:
    why = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    told = redacted((why or said.splitlines() or ["pip gave no reason"])[-1]).rstrip(".")
    if re.search(r"NewConnectionError|Temporary failure|Connection refused|Max retries|timed out", said):
        hint = "The machine is offline, or the index does not answer. Give the wheel's files as a folder instead."
    else:
        hint = "Check name and version. What has no wheel is not installed: building it would run its code."
    return PluginError(f"{requirement} can't be downloaded: {told}.", hint=hint)


def _root(into: Path, metadata: Path, name: str) -> Path:
    """Return the folder of the plugin in an unpacked wheel: what its entry points name, else what is there."""
    unpacked = into / "unpacked"
    packages = list(_entry_points(metadata))
    if packages:
        folders = [unpacked.joinpath(*package.split(".")) for package in packages]
        described = [folder for folder in folders if (folder / "SKILL.md").is_file()]
        if not described:
            hint = f"If you trust it with all that you can do: {sys.executable} -m pip install {name}"
            told = f"{name} gives its skills as Python alone, and to look at them would run it."
            raise PluginError(told, hint=hint, code="python_only")
        return described[0] if len(described) == 1 else _gathered(described, into / "skills")
    found = list(_marked(unpacked, 0))
    if len(found) == 1:
        return found[0]
    if found and all((folder / "SKILL.md").is_file() for folder in found):
        return _gathered(found, into / "skills")
    if found:
        names = ", ".join(folder.relative_to(unpacked).as_posix() for folder in found[:5])
        raise PluginError(f"{name} holds several plugins: {names}.", hint="Unpack it and install one of the folders.")
    raise PluginError(f"{name} holds no plugin: no SKILL.md, no plugin.json, no entry point {ENTRY_POINTS!r}.")


def _entry_points(metadata: Path) -> Iterator[str]:
    """Yield the packages that the entry points name ("entry points specification", packaging.python.org)."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    path = metadata / "entry_points.txt"
    try:
        parser.read_string(path.read_text("utf-8") if path.is_file() else "")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise PluginError(f"{metadata.name}/entry_points.txt can't be read: {error}.") from None
    if parser.has_section(ENTRY_POINTS):
        for _, value in parser.items(ENTRY_POINTS):
            package = value.partition(":")[0].partition("[")[0].strip()
            if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", package):
                yield package


def _gathered(folders: list[Path], into: Path) -> Path:
    """Return a folder that holds several skills, side by side."""
    make_private(into / "skills")
    for folder in folders:
        if not (into / "skills" / folder.name).exists():
            shutil.copytree(folder, into / "skills" / folder.name)
    return into


def _marked(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the outermost folders that look like a plugin."""
    if depth and (any((folder / mark).is_file() for mark in _MARKS) or any(folder.glob("skills/*/SKILL.md"))):
        yield folder
    elif depth < _DEEPEST:
        for inside in sorted(p for p in folder.iterdir() if p.is_dir()):
            yield from _marked(inside, depth + 1)


def _dependencies(metadata: Path) -> Iterator[Problem]:
    """Yield what the distribution needs and what is not installed for it."""
    try:
        headers = email.parser.HeaderParser().parsestr((metadata / "METADATA").read_text("utf-8", "replace"))
    except OSError:
        return
    needed = [str(each) for each in headers.get_all("Requires-Dist") or [] if "extra ==" not in str(each)]
    if needed:
        names = ", ".join(each.partition(";")[0].strip() for each in needed[:10])
        command = f"{os.path.basename(sys.executable)} -m pip install ..."
        yield Problem("METADATA", f"it needs {names}; that is not installed for it: {command}", "noted")
