"""Plugins that came with somebody's files: used only after one recorded decision, which is bound to their content.

A decision names what was decided on, part by part (files of a skill; command, address and tools of an MCP server), so
that a later change is told by name. Any change voids it. What was looked at is what is used: a skill is loaded from a
private copy of the very bytes that were hashed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from copilot._flock import alone
from copilot.errors import PluginError
from copilot.workspace.save import make_private

FILE = "plugins.json"
COPIES = "plugins"
#: Limits of a skill's folder: more is no skill, or is meant to keep us busy.
MOST_FILES, MOST_BYTES = 500, 20_000_000
#: What Python makes itself; left out of the copy, too, so that nothing of it is ever loaded.
_SKIPPED = frozenset({"__pycache__"})

Kind = Literal["skill", "mcp", "plugin"]


@dataclass(frozen=True)
class Content:
    """What a decision is about: `parts` are names and SHA-256 hashes, `files` the bytes of a skill."""

    kind: Kind
    where: str
    parts: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the kind and of all parts with their names."""
        return _sha256([self.kind, dict(self.parts)])

    @property
    def key(self) -> str:
        """What the decision is kept under: the place, not the content."""
        return f"{self.kind}:{self.where}"


@dataclass(frozen=True)
class Decision:
    """A recorded decision: which content was trusted, when (ISO 8601, UTC), and what its parts were."""

    kind: str
    where: str
    digest: str
    time: str
    parts: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON types."""
        return {"kind": self.kind, "where": self.where, "digest": self.digest, "time": self.time, "parts": self.parts}


@dataclass(frozen=True)
class Standing:
    """How a plugin stands: "trusted", "new" (nobody decided), or "changed" since it was; `changes` names what."""

    state: Literal["trusted", "new", "changed"]
    changes: tuple[str, ...] = ()


def skill_content(folder: Path) -> Content:
    """Return the content of a skill's folder: all its files, by their names in it.

    Raises PluginError when it can't be read, is too large, or a link in it leads out of it.
    """
    root = folder.resolve()
    files: dict[str, bytes] = {}
    size = 0
    for path in _walk(root, root, frozenset()):
        content = _read(path, root, MOST_BYTES - size)
        size += len(content)
        if size > MOST_BYTES or len(files) >= MOST_FILES:
            raise PluginError(
                f"{folder} is too large for a skill: over {MOST_FILES} files or {MOST_BYTES // 1_000_000} MB."
            )
        files[path.relative_to(root).as_posix()] = content
    return Content("skill", str(root), {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}, files)


def mcp_content(
    name: str, server: Mapping[str, Any], tools: Iterable[Mapping[str, Any]], *, where: str = ""
) -> Content:
    """Return the content of an MCP server: how it is started or reached, and what its tools say they do.

    `server` is its entry in `mcpServers` (command, args, cwd, env, url, headers, ...); of variables and headers the
    names count, the values may be secrets. `tools` are as `tools/list` returns them (Model Context Protocol, "Tools").
    `where` is the file that names the server, so that two folders' servers are told apart.
    """
    parts = {key: _sha256(value) for key, value in server.items() if key not in ("env", "headers")}
    for key in ("env", "headers"):
        if isinstance(names := server.get(key), Mapping):
            parts |= {f"{key} {each}": _sha256(True) for each in names}
    for tool in tools:
        called = f"tool {tool.get('name', '')}"
        while called in parts:
            called += " (again)"
        parts[called] = _sha256(dict(tool))
    return Content("mcp", f"{where}#{name}" if where else name, parts)


class Decisions:
    """The decisions in a state folder (0600)."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._file = state / FILE
        self._read: tuple[object, dict[str, Decision]] = (None, {})  # the file as it was last read: it is asked often

    def all(self) -> list[Decision]:
        """Return every decision, by place. Raises PluginError when the file is damaged: then nothing is trusted."""
        return [found for _, found in sorted(self._stored().items())]

    def standing(self, content: Content) -> Standing:
        """Return whether this very content is trusted, or what has changed since it was."""
        kept = self._stored().get(content.key)
        if kept is None:
            return Standing("new")
        if kept.digest == content.digest:
            return Standing("trusted")
        return Standing("changed", tuple(_changes(kept.parts, content.parts)))

    def trust(self, content: Content, *, now: datetime | None = None) -> Decision:
        """Record that this content is trusted; the decision before, on the same place, is void."""
        time = (now or datetime.now(UTC)).isoformat(timespec="seconds")
        made = Decision(content.kind, content.where, content.digest, time, dict(content.parts))
        with self._alone():
            self._write({**self._stored(), content.key: made})
        return made

    def revoke(self, place: Path | str) -> list[Decision]:
        """Take back the decisions on a plugin, or on all below a folder, and return them."""
        given = str(place)
        with self._alone():
            stored = self._stored()
            gone = {k: d for k, d in stored.items() if given in (k, d.where) or _is_below(d.where, given)}
            if gone:
                self._write({k: d for k, d in stored.items() if k not in gone})
        return list(gone.values())

    def private_copy(self, content: Content) -> Path:
        """Return a folder in the state folder that holds exactly these files; made if it is not there.

        The folder is named like the skill's own. Raises PluginError when it can't be written.
        """
        name = Path(content.where).name
        place = self._state / COPIES / content.digest / name
        try:
            if place.is_dir() and skill_content(place).parts == content.parts:
                return place
            _copy(content.files, place)
        except OSError as error:
            raise PluginError(f"{content.where} can't be copied to {place}: {error.strerror}.") from error
        return place

    def _stored(self) -> dict[str, Decision]:
        try:
            now = self._file.stat()
            written = (now.st_ino, now.st_mtime_ns, now.st_size)
            if self._read[0] != written:
                found = json.loads(self._file.read_text("utf-8"))
                self._read = (written, {str(key): Decision(**value) for key, value in found.items()})
            return self._read[1]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise PluginError(
                f"{self._file} can't be read ({error}); no plugin of a folder is trusted.",
                hint="Move it away and trust them again.",
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the decisions: one that was taken back must not come back with what another process writes.

        Raises PluginError when others hold it for too long.
        """
        make_private(self._state)
        try:
            with alone(self._state / f".{FILE}.lock"):
                yield
        except TimeoutError as error:
            hint = "Try it again in a moment."
            raise PluginError("Another everpilot is writing down what is trusted.", hint=hint) from error

    def _write(self, stored: Mapping[str, Decision]) -> None:
        make_private(self._state)
        beside = self._file.with_suffix(f".{secrets.token_hex(4)}.tmp")
        text = json.dumps({key: made.to_dict() for key, made in sorted(stored.items())}, indent=1)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(self._file)


def _walk(folder: Path, root: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield the files below a folder, by name; a folder that leads back to itself is not followed."""
    real = folder.resolve()
    if real in above:
        return
    _must_be_inside(real, folder, root)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise PluginError(f"{folder} can't be read: {error.strerror}.") from error
    for path in entries:
        if path.name in _SKIPPED:
            continue
        if path.is_dir():
            yield from _walk(path, root, above | {real})
        else:
            yield path


def _must_be_inside(real: Path, path: Path, root: Path) -> None:
    if not real.is_relative_to(root):
        raise PluginError(f"{path} is a link that leads out of the skill's folder.", hint="Copy the file into it.")


def _read(path: Path, root: Path, most: int) -> bytes:
    """Return the bytes of one file; pipes and devices are none, and links must stay inside."""
    real = path.resolve()
    _must_be_inside(real, path, root)
    try:
        with open(
            os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)), "rb"
        ) as file:
            if not real.is_file():
                raise PluginError(f"{path} is no file.")
            return file.read(most + 1)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.") from error


def _copy(files: Mapping[str, bytes], place: Path) -> None:
    beside = place.parent.with_name(f"{place.parent.name}.{secrets.token_hex(4)}")
    for name, content in files.items():
        target = beside / place.name / name
        make_private(target.parent)
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    if place.parent.exists():  # broken, or altered: what was trusted takes its place
        place.parent.rename(place.parent.with_name(f"{place.parent.name}.{secrets.token_hex(4)}.old"))
    beside.rename(place.parent)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"{name} is new"
        elif name not in after:
            yield f"{name} is gone"
        elif before[name] != after[name]:
            yield f"{name} changed"


def _is_below(where: str, folder: str) -> bool:
    return Path(where.partition("#")[0]).is_relative_to(folder)


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
