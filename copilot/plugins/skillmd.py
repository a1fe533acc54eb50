"""SKILL.md, the file that describes a skill (Agent Skills standard), read leniently.

Only a missing description or hopeless YAML make a skill unusable; everything else is loaded and noted.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from copilot.errors import PluginError

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)(.*)\Z", re.DOTALL)
_KEY_WITH_COLON = re.compile(r"(?m)^([A-Za-z][\w-]*):[ \t]+([^\s'\"|>\[{&*!%@`#].*:.*)$")
_NAME = re.compile(r"[^\W_A-Z]+(?:-[^\W_A-Z]+)*\Z")
_LIMITS = {"name": 64, "description": 1024, "compatibility": 500}


@dataclass(frozen=True)
class SkillFile:
    """What SKILL.md says. `model_invocation` is False when only a person may start the skill."""

    name: str
    description: str
    instructions: str
    metadata: dict[str, str]
    model_invocation: bool = True
    notes: tuple[str, ...] = ()


def read(folder: Path) -> SkillFile:
    """Return the SKILL.md of a skill's folder; raises PluginError when it can't be used."""
    path = folder / "SKILL.md"
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{path} can't be read: {error}.") from error
    match = _FRONT.match(text)
    if not match:
        raise PluginError(f"{path} does not start with front matter.", hint="It begins with a line of three dashes.")
    fields, notes = _front_matter(match[1], path)
    name = _name(fields, folder, notes)
    description = str(fields.get("description") or "").strip()
    if not description:
        raise PluginError(f"{path} has no description.", hint="Say what the skill does and when to use it.")
    for field, limit in _LIMITS.items():
        if len(str(fields.get(field) or "")) > limit:
            notes.append(f"{field} is longer than {limit} characters")
    metadata = fields.get("metadata")
    pairs = {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}
    allowed = fields.get("disable-model-invocation") is not True
    return SkillFile(name, description, match[2].strip(), pairs, allowed, tuple(notes))


def _front_matter(text: str, path: Path) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as first:
        quoted = _KEY_WITH_COLON.sub(lambda m: f"{m[1]}: {_quoted(m[2])}", text)
        try:
            fields = yaml.safe_load(quoted)
        except yaml.YAMLError:
            raise PluginError(f"{path}: the front matter is no YAML ({_first_line(first)}).") from None
        notes.append("a value with a colon was read as if it were quoted")
    if not isinstance(fields, dict):
        raise PluginError(f"{path}: the front matter holds no fields.")
    return fields, notes


def _name(fields: dict[str, Any], folder: Path, notes: list[str]) -> str:
    name = unicodedata.normalize("NFKC", str(fields.get("name") or "")).strip()
    if not name:
        notes.append("name is missing; the folder's name is used")
        return folder.name
    if name != folder.name:
        notes.append(f"name is {name!r} but the folder is {folder.name!r}")
    if not _NAME.match(name):
        notes.append(f"name {name!r} is not lower-case letters, digits and single hyphens")
    return name


def _quoted(value: str) -> str:
    return "'" + value.strip().replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
