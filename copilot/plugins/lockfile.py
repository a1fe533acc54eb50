"""`plugins.lock`: exactly which plugins are installed, where each came from, and the hash of its content.

It is TOML, so that a person can read it and a repository shows what changed. The one in the state folder says what is
installed; one in a folder of documents says what that folder's people want (`everpilot plugins sync`).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.workspace.save import make_private, sync_folder

FILE = "plugins.lock"
VERSION = 1
_HEAD = "# Written by `everpilot plugins`. To install exactly this somewhere else: everpilot plugins sync\n"
_HASH = re.compile(r"[0-9a-f]{64}\Z")
#: What a plugin is kept under: a file name on every system, and a word on the command line.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Entry:
    """One installed plugin.

    `source` is what it is fetched from again, `resolved` what that was ("commit 1f0c...", "1.2.0"), `sha256` the hash
    of its content (trusting.Content), `base` the name of the folder that it is kept in and `path` the file in it that
    is read, "" for the folder itself. `time` is when it was installed (ISO 8601, UTC). The `previous_...` fields are
    those of the version before, "" where there is none to go back to.
    """

    name: str
    source: str
    sha256: str
    form: str = ""
    resolved: str = ""
    version: str = ""
    base: str = ""
    path: str = ""
    time: str = ""
    enabled: bool = True
    previous_sha256: str = ""
    previous_resolved: str = ""
    previous_version: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be a place in the state folder."""
        if not NAME.match(self.name) or ".." in self.name:
            raise ValueError(f"{self.name!r} is no name of a plugin")
        for digest in (self.sha256, *([self.previous_sha256] if self.previous_sha256 else ())):
            if not _HASH.match(digest):
                raise ValueError(f"{self.name}: {digest!r} is no SHA-256")
        base = self.base or self.name
        if base in (".", "..") or base.startswith(".") or any(c in base for c in "/\\\0:"):
            raise ValueError(f"{self.name}: {base!r} is no name of a folder")
        if self.path.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", self.path) or ":" in self.path:
            raise ValueError(f"{self.name}: {self.path!r} leads out of its folder")

    @property
    def folder(self) -> str:
        """The name of the folder that it is kept in."""
        return self.base or self.name

    def after(self, other: Entry) -> Entry:
        """Return this entry with `other`, the version before, to go back to."""
        return replace(
            self,
            previous_sha256=other.sha256,
            previous_resolved=other.resolved,
            previous_version=other.version,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON types; empty fields are left out."""
        return {key: value for key, value in asdict(self).items() if value != ""}


def read(path: Path) -> dict[str, Entry]:
    """Return the entries of a lock file by name; none where there is no file.

    Raises PluginError when it can't be read, is no lock file, of a newer version, or names a plugin twice.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES)
        data = tomllib.loads(content.decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"it is no valid TOML ({error})") from None
    if data.get("version") != VERSION:
        told = f"its version is {data.get('version')!r}, and {VERSION} is understood"
        raise _broken(path, told)
    rows = data.get("plugin", [])
    entries = [_entry(row, path) for row in rows] if isinstance(rows, list) else []
    found = {entry.name: entry for entry in entries}
    if len(found) != len(entries) or not isinstance(rows, list):
        raise _broken(path, "a plugin is named twice" if isinstance(rows, list) else "`plugin` is no list")
    return found


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Replace the lock file, at once or not at all (0600). Raises PluginError."""
    text = rendered(entries)
    make_private(path.parent)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PluginError(f"{path} can't be written: {error.strerror}.") from error


def rendered(entries: Iterable[Entry]) -> str:
    """Return the text of a lock file, by name; the same entries give the same text."""
    parts = [_HEAD, f"version = {VERSION}\n"]
    for entry in sorted(entries, key=lambda e: e.name):
        parts.append("\n[[plugin]]\n")
        parts += [f"{key} = {_toml(value)}\n" for key, value in entry.to_dict().items()]
    return "".join(parts)


def _toml(value: str | bool) -> str:
    """Return a TOML value: a basic string has JSON's escapes, and DEL is escaped too (TOML 1.0, "String")."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _entry(row: Any, path: Path) -> Entry:
    if not isinstance(row, Mapping):
        raise _broken(path, "an entry is no table")
    known = {f.name: bool if f.name == "enabled" else str for f in fields(Entry)}
    wrong = [key for key, value in row.items() if key in known and not isinstance(value, known[key])]
    if missing := [key for key in ("name", "source", "sha256") if key not in row]:
        raise _broken(path, f"an entry has no {missing[0]}")
    if wrong:
        raise _broken(path, f"{row['name']!r}: {wrong[0]} has a value that it can't have")
    try:
        return Entry(**{key: value for key, value in row.items() if key in known})
    except ValueError as error:
        raise _broken(path, str(error)) from None


def _broken(path: Path, why: str) -> PluginError:
    hint = "Restore it, or move it away and install the plugins again."
    return PluginError(f"{path} can't be used: {why}.", hint=hint, code="lock")
