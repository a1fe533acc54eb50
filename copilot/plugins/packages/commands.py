"""Commands of other assistants: `commands/*.md`, prompts that a person starts by name, with `$ARGUMENTS` and `$1`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins import frontmatter
from copilot.plugins.files import PluginFiles
from copilot.plugins.skill import Problem, Prompt, PromptArgument
from copilot.plugins.skillmd import harmless
from copilot.trust.labels import WORKSPACE
from copilot.trust.sanitise import safe_text

#: The one blank of a command: what the person types behind its name.
ARGUMENTS = "arguments"
MOST_COMMANDS = 1_000
_LONGEST_DESCRIPTION = 300
#: `$5` is the fifth word, `$50` and `$5.00` are money.
_BLANK = re.compile(r"\$(?:ARGUMENTS\b(?:\[(\d{1,2})\])?|([1-9])(?![\d]|[.,]\d)|([a-z]\w{0,40}))")
#: What other assistants run, or read in, before the model sees the words.
_RUNS = re.compile(r"(?<![^\s(])!`[^`\n]+`")


def filled(text: str, said: str, names: Sequence[str] = ()) -> str:
    """Return a command's text with its blanks filled with what was typed; where there are none, that follows."""
    made, blanks = fill(text, said, names)
    return made if blanks or not said else f"{made}\n\n{said}"


def fill(text: str, said: str, names: Sequence[str] = ()) -> tuple[str, int]:
    """Return a text with its blanks filled with what was typed, in one pass, and how many blanks there were.

    `$ARGUMENTS` is all of it, `$1` its first word and `$ARGUMENTS[0]` the same, and so is `$version` where that is the
    first of `names`.
    """
    words = _words(said)
    named = {f"${name}": at for at, name in enumerate(names)}
    blanks = 0

    def one(match: re.Match[str]) -> str:
        nonlocal blanks
        index, number, name = match.groups()
        if name is not None and match[0] not in named:
            return match[0]
        blanks += 1
        if match[0] == "$ARGUMENTS":
            return said
        at = named[match[0]] if name is not None else int(index) if index is not None else int(number) - 1
        return words[at] if at < len(words) else ""

    return _BLANK.sub(one, text), blanks


def prompts(files: PluginFiles, places: Iterable[str]) -> tuple[list[Prompt], list[Problem]]:
    """Return the commands in these folders and files of a plugin, and what is wrong with some.

    One in a folder of its own is named by it, too: `git/commit.md` is "git:commit".
    """
    found: dict[str, Prompt] = {}
    problems: list[Problem] = []
    for name, relative in _files(files, places, problems):
        if len(found) >= MOST_COMMANDS:
            problems.append(Problem(str(files.root), f"it has over {MOST_COMMANDS} commands; the rest is left out."))
            break
        where = safe_text(str(files.root / relative))
        try:
            found.setdefault(name, _prompt(name, files.path(relative), problems))
        except PluginError as error:
            problems.append(Problem(where, str(error)))
    return list(found.values()), problems


def _files(files: PluginFiles, places: Iterable[str], problems: list[Problem]) -> list[tuple[str, str]]:
    """Return names and paths of the command files."""
    found: list[tuple[str, str]] = []
    for place in dict.fromkeys(places):
        try:
            folder = files.path(place)
        except PluginError as error:
            problems.append(Problem(str(files.root), str(error)))
            continue
        if folder.is_dir():
            found += [(_name(path, place), path) for path in files.glob(f"{place.strip('/')}/**/*.md")]
        else:
            found.append((_name(place, str(Path(place).parent)), place))
    return found


def _name(path: str, place: str) -> str:
    parts = Path(path).relative_to(place).with_suffix("").parts
    return ":".join(harmless(part).replace(" ", "-") or "command" for part in parts)


def _prompt(name: str, path: Path, problems: list[Problem]) -> Prompt:
    fields, body = _read(path)
    if runs := _RUNS.findall(body):
        told = f"it wants {safe_text(runs[0])[:80]} to be run first; nothing is run, and the words stay as they are."
        problems.append(Problem(str(path), told, "unsupported"))
    names = frontmatter.words(fields.get("arguments"))
    hint = frontmatter.text_of(fields.get("argument-hint")) or " ".join(names)
    description = frontmatter.text_of(fields.get("description")) or _first_line(body) or name
    blank = PromptArgument(ARGUMENTS, hint)
    return Prompt(name, description[:_LONGEST_DESCRIPTION], partial(_filled, path, names), (blank,), WORKSPACE)


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Return the fields of a command, none where it has no front matter or one that is no YAML, and its start."""
    text, _ = frontmatter.head(path)
    front, body, _ = frontmatter.split(text)
    try:
        return (frontmatter.read(front).fields if front and front.strip() else {}), body
    except frontmatter.FrontMatterError as error:
        raise PluginError(f"{path} can't be used: {error.message}.") from None


def _filled(path: Path, names: Sequence[str], blanks: Mapping[str, str]) -> str:
    return filled(frontmatter.body(path), blanks.get(ARGUMENTS, "").strip(), names)


def _first_line(body: str) -> str:
    lines = (line.strip(" #*_\t") for line in frontmatter.visible(body).splitlines())
    return next((line for line in lines if line), "")


def _words(said: str) -> list[str]:
    split: Callable[[str], list[str]] = shlex.split
    try:
        return split(said)
    except ValueError:
        return said.split()
