"""SKILL.md, the file that describes a skill (Agent Skills standard, agentskills.io/specification).

Read leniently: only a missing description or hopeless YAML make a skill unusable; everything else is loaded, and what
is not as the standard says is noted. Strictly, any of that refuses the skill (inside an Agent Plugins package, whose
section 7.1 wants it so). Fields of other assistants are no fault either way: the standard names six and forbids none.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins import frontmatter

FILE = "SKILL.md"
#: The standard knows the first only; the second is seen, and read when nobody is strict.
FILES = (FILE, "skill.md")
_NAME = re.compile(r"[^\W_]+(?:-[^\W_]+)*\Z")
_HARMLESS = re.compile(r"[^\w \-:+@&,'()]+")
_LIMITS = {"name": 64, "description": 1024, "compatibility": 500}
_TEXTS = ("description", "license", "compatibility")
_LONGEST_NAME, _SHOWN = 200, 80
_LONGEST_DESCRIPTION = 4_000  # of what the model's index gets
#: What the standard advises for a body, "progressive disclosure"; a token is about four characters.
_ADVISED_LINES, _ADVISED_TOKENS, _TOKEN = 500, 5_000, 4


@dataclass(frozen=True)
class SkillFile:
    """What SKILL.md says; its body is read when it is asked for.

    `model_invocation` is False when only a person may start the skill, `user_invocation` when only the model may.
    `allowed_tools` are names in the words of whoever wrote it: a wish, which allows nothing here. `hint` says what a
    person types behind the skill's name.
    """

    path: Path
    name: str
    description: str
    metadata: dict[str, str] = field(default_factory=dict)
    license: str = ""
    compatibility: str = ""
    allowed_tools: tuple[str, ...] = ()
    hint: str = ""
    model_invocation: bool = True
    user_invocation: bool = True
    notes: tuple[str, ...] = ()

    @property
    def instructions(self) -> str:
        """The body, without characters that nobody sees; raises PluginError when it can't be read any more."""
        return frontmatter.body(self.path)


def file_in(folder: Path) -> Path | None:
    """Return the folder's SKILL.md, None when it has none."""
    return next((path for name in FILES if (path := folder / name).is_file()), None)


def read(folder: Path, *, strict: bool = False) -> SkillFile:
    """Return what the SKILL.md in a skill's folder says; raises PluginError when it can't be used.

    With `strict`, whatever is not as the standard says is an error; else it is a note.
    """
    path = file_in(folder)
    if path is None:
        raise PluginError(f"{folder} has no {FILE}.")
    try:
        found, faults = _described(path, folder.name)
    except frontmatter.FrontMatterError as error:
        raise PluginError(f"{path} can't be used: {error.message}.") from None
    if strict and faults:
        raise PluginError(
            f"{path} is not as the Agent Skills standard says: {frontmatter.listed(faults)}.", code="strict"
        )
    return found


def harmless(name: str) -> str:
    """Return a name that is nothing else: no path, no terminal control, no characters that nobody sees."""
    seen = " ".join(frontmatter.visible(unicodedata.normalize("NFKC", name)).split())
    return _HARMLESS.sub("-", seen)[:_LONGEST_NAME].strip(" -:")


def _described(path: Path, folder: str) -> tuple[SkillFile, list[str]]:
    text, faults = frontmatter.head(path)
    front, body, fault = frontmatter.split(text)
    if front is None:
        raise frontmatter.FrontMatterError("it does not start with front matter, a line of three dashes and fields")
    read = frontmatter.read(front)
    faults += [each for each in (fault, *read.faults) if each]
    if path.name != FILE:
        faults.append(f"the file is named {path.name}, not {FILE}")
    fields, told = _fields(read.fields, faults), [*read.notes, *_advice(body)]
    name = _name(fields, folder, faults)
    description = _texts(fields, faults)
    flags = _invocation(fields, told)
    made = SkillFile(
        path,
        name,
        description,
        _metadata(fields, faults),
        frontmatter.text_of(fields.get("license")),
        frontmatter.text_of(fields.get("compatibility")),
        _allowed(fields, faults),
        frontmatter.text_of(fields.get("argument-hint")) or " ".join(frontmatter.words(fields.get("arguments"))),
        *flags,
        notes=tuple(dict.fromkeys([*faults, *told])),
    )
    return made, faults


def _fields(found: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return the fields under the standard's names; some write "Name" or "allowed_tools"."""
    fields = dict(found)
    for key, value in found.items():
        plain = key.strip().lower().replace("_", "-")
        if plain != key and plain in _KNOWN and plain not in found:
            faults.append(f"{key} was read as {plain}")
            fields[plain] = value
    return fields


_KNOWN = frozenset(
    {
        *("name", "description", "license", "compatibility", "metadata", "allowed-tools"),
        *("disable-model-invocation", "user-invocable", "argument-hint"),
    }
)


def _name(fields: dict[str, Any], folder: str, faults: list[str]) -> str:
    written = fields.get("name")
    name = unicodedata.normalize("NFKC", written).strip() if isinstance(written, str) else ""
    if not name:
        faults.append("name is missing; the folder's name is used")
        return harmless(folder) or "skill"
    if name != unicodedata.normalize("NFKC", folder):
        faults.append(f"name is {name[:_SHOWN]!r} but the folder is {folder!r}")
    if not _NAME.match(name) or name != name.lower():
        faults.append(f"name {name[:_SHOWN]!r} is not lower-case letters, digits and single hyphens")
    if len(name) > _LIMITS["name"]:
        faults.append(f"name is longer than {_LIMITS['name']} characters")
    made = harmless(name)
    if made != name:
        faults.append(f"the name is used as {made!r}")
    return made or harmless(folder) or "skill"


def _texts(fields: dict[str, Any], faults: list[str]) -> str:
    """Check the fields that are text, and return the description; raises FrontMatterError when there is none."""
    for key in _TEXTS:
        value = fields.get(key)
        if isinstance(value, dict | list):
            faults.append(f"{key} is no text; its parts were put together")
        limit = _LIMITS.get(key)
        if limit and len(frontmatter.text_of(value)) > limit:
            faults.append(f"{key} is longer than {limit} characters")
    description = frontmatter.text_of(fields.get("description"))
    if not description:
        told = "it has no description: say what the skill does and when to use it"
        raise frontmatter.FrontMatterError(frontmatter.listed([*faults, told]))
    when = frontmatter.text_of(fields.get("when_to_use"))  # a foreign field that says half of what this one should
    return f"{description} {when}".strip()[:_LONGEST_DESCRIPTION]


def _metadata(fields: dict[str, Any], faults: list[str]) -> dict[str, str]:
    found = fields.get("metadata")
    if found is not None and not isinstance(found, dict):
        faults.append("metadata is no map, and is left out")
    return {k: frontmatter.text_of(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _allowed(fields: dict[str, Any], faults: list[str]) -> tuple[str, ...]:
    """Return the names in allowed-tools, which the standard wants as one text with spaces between them."""
    written = fields.get("allowed-tools")
    if isinstance(written, dict | list):
        faults.append("allowed-tools is no text; its names were read")
    return frontmatter.words(written)


def _advice(body: str) -> list[str]:
    """Return what the standard advises otherwise about a body: it loads all the same, and costs what it is long."""
    lines, tokens = len(body.strip().splitlines()), len(body) // _TOKEN
    if lines <= _ADVISED_LINES and tokens <= _ADVISED_TOKENS:
        return []
    size = f"{lines:,} lines" if lines > _ADVISED_LINES else f"about {tokens:,} tokens"
    advised = f"{_ADVISED_LINES} lines and {_ADVISED_TOKENS:,} tokens"
    return [f"the body has {size}, and at most {advised} are advised: move details into files that it names"]


def _invocation(fields: dict[str, Any], notes: list[str]) -> tuple[bool, bool]:
    """Return whether the model, and whether a person may start it; what is neither yes nor no is the stricter."""
    disabled, invocable = (frontmatter.flag(fields.get(k)) for k in ("disable-model-invocation", "user-invocable"))
    if disabled is None:
        notes.append("disable-model-invocation is neither true nor false; only a person starts the skill")
    if "user-invocable" not in fields:
        invocable = True
    if disabled is not False and invocable is False:
        notes.append("neither the model nor a person may start the skill")
    return disabled is False, invocable is not False
