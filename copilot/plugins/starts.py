"""What a person starts by name in the chat: every skill that may be (`/invoices due in May`), and every prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from copilot.errors import ToolInputError
from copilot.models.builtin import FOLLOW
from copilot.plugins.packages.commands import filled
from copilot.plugins.skill import Prompt, Skill
from copilot.trust.labels import Label


@dataclass(frozen=True)
class Start:
    """One name that can be typed: what it is for, what may follow it, and the message that it stands for.

    `message` takes what the person typed behind the name; it raises PluginError when a file can't be read any more, and
    ToolInputError when something is missing. `label` is that of the words that are not the person's own.
    """

    name: str
    description: str
    hint: str
    message: Callable[[str], str]
    label: Label


def starts(skills: Iterable[Skill], taken: Iterable[str] = ()) -> dict[str, Start]:
    """Return what can be started, by the name with its slash; names in `taken` stay free.

    What came in a plugin has its name before its own, "/docs:review", and the short one, too, where that is free.
    """
    found: dict[str, Start] = {}
    short: dict[str, list[Start]] = {}
    for owner, start in _all(skills):
        found[f"/{owner}:{start.name}" if owner else f"/{start.name}"] = start
        short.setdefault(f"/{start.name}", []).append(start)
    for name, same in short.items():
        if len(same) == 1 or name in found:
            found.setdefault(name, same[0])
    kept = frozenset(taken)
    return {name: start for name, start in sorted(found.items()) if name not in kept}


def started(line: str, known: dict[str, Start]) -> tuple[str, str] | None:
    """Return the message of a line that begins with a name that can be started, and what of it the person typed.

    None for any other line. Raises PluginError and ToolInputError.
    """
    name, said = (*line.strip().split(maxsplit=1), "", "")[:2]
    start = known.get(name.lower())
    return (start.message(said), said) if start else None


def _all(skills: Iterable[Skill]) -> Iterator[tuple[str, Start]]:
    for skill in skills:
        owner = _word(skill.plugin)
        if skill.user_invocation and (skill.root is not None or skill.instructions):
            name = _word(skill.name)
            is_named = owner and name.startswith(f"{owner}:")
            start = Start(
                name.removeprefix(f"{owner}:") if is_named else name,
                skill.description,
                skill.hint,
                lambda said, skill=skill: _of_skill(skill, said),  # type: ignore[misc]
                skill.label,
            )
            yield owner, start
        for prompt in skill.prompts:
            yield owner or _word(skill.name), _of_prompt(prompt)


def _of_prompt(prompt: Prompt) -> Start:
    hint = " ".join(each.description or each.name for each in prompt.arguments)
    return Start(_word(prompt.name), prompt.description, hint, lambda said: _filled(prompt, said), prompt.label)


def _of_skill(skill: Skill, said: str) -> str:
    """Return the message that starts a skill: what was typed first, for it is what the turn is about."""
    names = skill.hint.split()
    if any(f"${name}" in skill.instructions for name in ("ARGUMENTS", *names)):  # a `$1` alone is a script's
        return filled(skill.instructions, said, names)
    asked = said or f"Do what the skill {skill.name} is for."
    return f"{asked}\n\n{FOLLOW}{skill.name}):\n\n{skill.instructions}"


def _filled(prompt: Prompt, said: str) -> str:
    """Return a prompt's words. One blank takes all that was typed; of several each takes a word, the last the rest."""
    names = [each.name for each in prompt.arguments]
    words = said.split(maxsplit=max(len(names) - 1, 0)) if len(names) > 1 else [said] if said else []
    missing = [each.name for each in prompt.arguments[len(words) :] if each.required]
    if missing:
        told = f"/{_word(prompt.name)} {' '.join(name.upper() for name in names)}"
        raise ToolInputError(f"/{_word(prompt.name)} needs {', '.join(missing)}.", hint=f"Type: {told}")
    return prompt.text(dict(zip(names, words, strict=False)))


def _word(name: str) -> str:
    """Return a name as it can be typed: one word in lower case."""
    return "-".join(name.lower().replace("/", "-").split())
