"""Writes models into the user's copilot.toml, leaving everything else in it as it was, comments too."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from copilot.errors import SettingsError
from copilot.settings import ModelSettings


def add_model(path: Path, model: ModelSettings, *, first: bool = False) -> None:
    """Write a `[[models]]` entry; one of the same name is replaced. `first` puts it at the front of `routing.order`.

    Raises:
        SettingsError: the file is no TOML, or can't be written.
    """
    document = _read(path)
    entries = document.get("models")
    if not isinstance(entries, AoT):
        entries = tomlkit.aot()
        document["models"] = entries
    table = tomlkit.item(_told(model))
    at = next((i for i, entry in enumerate(entries) if entry.get("name") == model.name), None)
    if at is None:
        table.trivia.indent = "\n" if entries else ""
        entries.append(table)
    else:
        entries[at] = table
    if first or "order" in document.get("routing", {}):
        _order(document, model.name, first=first)
    _write(path, tomlkit.dumps(document))


def _told(model: ModelSettings) -> dict[str, Any]:
    """Return what was said of a model: nothing that has its default."""
    return model.model_dump(mode="json", exclude_defaults=True, exclude_none=True)


def _order(document: tomlkit.TOMLDocument, name: str, *, first: bool) -> None:
    routing = document.setdefault("routing", tomlkit.table())
    order = [other for other in routing.get("order", []) if other != name]
    routing["order"] = [name, *order] if first else [*order, name]


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}.", hint="Mend the file or move it away.") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from error


def _write(path: Path, text: str) -> None:
    """Put a new file in the place of the old one, which keeps its mode; a new one is its owner's alone."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
        with open(beside, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, mode)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path.resolve())
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise SettingsError(f"{path} can't be written: {error.strerror}.") from error
