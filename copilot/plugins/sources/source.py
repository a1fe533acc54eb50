"""A source of a plugin, as a person writes it, and what fetching it gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from copilot.errors import PluginError
from copilot.plugins.skill import Problem

Kind = Literal["folder", "archive", "file", "git", "pypi", "marketplace"]
_SCP = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!//|\\)(?=[^\s])")
_MARKET = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)@([A-Za-z0-9][A-Za-z0-9._-]*)\Z")
_ARCHIVES = (".zip", ".plugin", ".mcpb")
_FILES = (".json", ".jsonc", ".yaml", ".yml")
_WEB_FILES = (*_ARCHIVES, *_FILES, ".whl", ".tar.gz")
HOW = "Give a folder, a .zip, a manifest, a git address, pypi:NAME, or PLUGIN@MARKETPLACE."


@dataclass(frozen=True)
class Source:
    """Where a plugin comes from. `text` is how it is written down in the lock; `place` the folder, file, address,
    requirement or marketplace; `ref` and `inside` are a git reference and a folder in what is fetched. `entry` is what
    a marketplace says of it where that takes the place of the plugin's own manifest."""

    kind: Kind
    text: str
    place: str
    ref: str = ""
    inside: str = ""
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Fetched:
    """What was fetched: the folder or file that holds the plugin, which version it is ("commit 1f0c...", "1.2.0"), what
    it should be called, and what a person should know of it."""

    path: Path
    resolved: str = ""
    name: str = ""
    problems: tuple[Problem, ...] = field(default_factory=tuple)


#: Told of what goes on while something is fetched.
Progress = Callable[[str], None]


def silent(message: str) -> None:
    """Tell nobody."""


def parse(text: str, *, here: Path | None = None) -> Source:
    """Return the source that a person wrote; relative paths are those of `here`.

    Raises PluginError, with what can be given, for what is none or is not there.
    """
    given = text.strip()
    if not given or given.startswith("-") or any(c in given for c in "\0\n\r"):
        raise PluginError(f"{given!r} is no source of a plugin.", hint=HOW)
    if given.startswith("pypi:"):
        return Source("pypi", given, given.removeprefix("pypi:").strip())
    place = (here or Path()).joinpath(Path(given).expanduser())
    if _exists(place):
        return _local(place.resolve())
    if "://" in given or given.startswith("git+") or _is_scp(given):
        return _git(given)
    if match := _MARKET.match(given):
        return Source("marketplace", given, match[2], inside=match[1])
    raise _not_there(given, place)


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):
        return False


def _is_scp(given: str) -> bool:
    """Return whether it is git's short form of ssh, `user@host:path`; `C:\\...` is a drive."""
    return bool(_SCP.match(given)) and not re.match(r"[A-Za-z]:", given) and ("@" in given or ".git" in given)


def _local(place: Path) -> Source:
    if place.is_dir():
        return Source("folder", str(place), str(place))
    if place.suffix.lower() in _ARCHIVES:
        return Source("archive", str(place), str(place))
    return Source("file", str(place), str(place))


def _git(given: str) -> Source:
    address, _, rest = given.removeprefix("git+").partition("#")
    ref, _, inside = rest.partition(":")
    if address.startswith(("http://", "https://")) and address.lower().rstrip("/").endswith(_WEB_FILES):
        raise PluginError(f"{given} is a file on the web.", hint="Download it, look at it, and install the file.")
    parts = re.split(r"[/\\]", inside)
    if inside and (inside.startswith(("/", "\\")) or ".." in parts or ":" in inside):
        raise PluginError(f"{inside!r} leads out of the repository {address}.", hint="Name a folder inside of it.")
    if ref.startswith("-") or re.search(r"[\s~^?*\[\\]|\.\.|@\{", ref):
        raise PluginError(f"{ref!r} is no branch, tag or commit.", hint="Write it as in URL#v1.2 or URL#main:folder.")
    return Source("git", given.removeprefix("git+"), address, ref, inside.strip("/"))


def _not_there(given: str, place: Path) -> PluginError:
    if re.search(r"[/\\~]", given) or given.lower().endswith((*_ARCHIVES, *_FILES)) or given.startswith("."):
        return PluginError(f"There is no {place}.", hint="Check the path.", code="missing")
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", given)
    hint = f"From PyPI: everpilot plugins install pypi:{given} " if found else ""
    return PluginError(f"There is no file or folder {given!r}.", hint=f"{hint}{HOW}", code="missing")
