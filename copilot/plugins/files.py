"""The files of a plugin, read only: every path stays inside its folder, links too; sizes are limited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from copilot.errors import PluginError

#: Bytes of one file of text that is parsed: the largest public API descriptions have about 12 MB.
MOST_BYTES = 32_000_000
#: Bytes of one name in a path, which is what most file systems take; characters of a path in a message.
_LONGEST_NAME, _LONGEST_SHOWN = 255, 300
#: Levels of a JSON or YAML value; Python's own parsers go no deeper than about a thousand.
_DEEPEST = 200
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PluginFiles:
    """A plugin's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def path(self, relative: str) -> Path:
        """Return where a file lies; raises PluginError for a path that leads out, absolute ones and links included.

        A path that can be no file's (a name that is too long, a null byte) is an error, too.
        """
        parts = PurePosixPath(relative.replace("\\", "/"))
        shown = f"{relative!r}" if len(relative) <= _LONGEST_SHOWN else f"{relative[:_LONGEST_SHOWN]!r}..."
        if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in parts.parts):
            raise PluginError(f"{shown} is too long for a file's name.", code="outside")
        try:
            found = (self.root / parts).resolve()
            found.exists()  # what no file system takes as a path fails here, and not where it is used
        except (OSError, ValueError, RuntimeError):  # a null byte, a path that is too long, links in a circle
            raise PluginError(f"{shown} is no path of a file.", code="outside") from None
        if parts.is_absolute() or not found.is_relative_to(self.root):
            raise PluginError(f"{shown} leads out of the plugin's folder {self.root}.", code="outside")
        return found

    def exists(self, relative: str) -> bool:
        """Return whether there is such a file or folder inside."""
        try:
            return self.path(relative).exists()
        except (PluginError, OSError, ValueError):
            return False

    def read(self, relative: str, most: int = MOST_BYTES) -> bytes:
        """Return a file's bytes; raises PluginError when it is missing, no file, too large, or leads out."""
        return read_bytes(self.path(relative), most)

    def text(self, relative: str, most: int = MOST_BYTES) -> str:
        """Return a file's text (UTF-8); raises PluginError."""
        return decoded(self.read(relative, most), self.path(relative))

    def json(self, relative: str) -> Any:
        """Return a JSON file's value; raises PluginError that names the file and the place."""
        return parsed_json(self.text(relative), self.path(relative))

    def yaml(self, relative: str) -> Any:
        """Return a YAML file's value; raises PluginError that names the file and the place."""
        return parsed_yaml(self.text(relative), self.path(relative))

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield the files that fit, sorted, by their paths in the folder; those that lead out are left out."""
        for path in sorted(self.root.glob(pattern)):
            if path.is_file() and path.resolve().is_relative_to(self.root):
                yield path.relative_to(self.root).as_posix()


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes; raises PluginError when it is missing, no plain file, or larger than `most` bytes."""
    try:
        if not path.is_file():
            raise PluginError(f"{path} {'is no file' if path.exists() else 'does not exist'}.", code="missing")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.", code="unreadable") from error
    if len(content) > most:
        raise PluginError(f"{path} is larger than {most:,} bytes.", code="too_large")
    return content


def decoded(content: bytes, path: Path) -> str:
    """Return text out of UTF-8 with or without a byte order mark; raises PluginError."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PluginError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}).", code="broken") from None


def most_of(path: Path) -> Any:
    """Return the value of a JSON or YAML file, whichever it is; raises PluginError."""
    text = decoded(read_bytes(path), path)
    looks_like_json = text.lstrip()[:1] in ("{", "[")
    return parsed_json(text, path) if looks_like_json else parsed_yaml(text, path)


def parsed_json(text: str, path: Path) -> Any:
    """Return the value of JSON text; of a key that is there twice the last counts. Raises PluginError."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise PluginError(f"{path} is no valid JSON: {error}.", hint="Mend the file.", code="broken") from None
    except RecursionError:
        raise PluginError(f"{path} is nested too deep.", code="too_deep") from None
    return _not_too_deep(value, path)


def parsed_yaml(text: str, path: Path) -> Any:
    """Return the value of YAML text: plain types only, no aliases that blow up. Raises PluginError."""
    try:
        if text.count("*") and _aliases(text) > 1000:
            raise PluginError(f"{path} has too many YAML aliases.", code="unsafe")
        value = yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError) as error:
        told = " ".join(str(error).split())[:300]
        raise PluginError(f"{path} is no valid YAML: {told}", hint="Mend the file.", code="broken") from None
    except RecursionError:
        raise PluginError(f"{path} is nested too deep.", code="too_deep") from None
    return _not_too_deep(value, path)


def _aliases(text: str) -> int:
    return sum(1 for event in yaml.parse(text, Loader=_LOADER) if isinstance(event, yaml.AliasEvent))


def _not_too_deep(value: Any, path: Path) -> Any:
    """Return the value; YAML can make one that holds itself, and that many times over."""
    level, seen = [value], 0
    for _ in range(_DEEPEST):
        level = [child for each in level for child in _children(each)]
        seen += len(level)
        if not level:
            return value
        if seen > 5_000_000:
            break
    raise PluginError(f"{path} is nested too deep, or holds itself.", code="too_deep")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [v for v in value.values() if isinstance(v, dict | list)]
    return [v for v in value if isinstance(v, dict | list)] if isinstance(value, list) else []
