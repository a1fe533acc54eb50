"""A skill: what every plugged-in thing becomes, whatever form it came in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from copilot.plugins.tools import Tool
from copilot.trust.labels import UNKNOWN, WORKSPACE, Label

#: refused: it is not loaded; unsupported: a part of it is not, the rest is; repaired: it is loaded, and not exactly as
#: it is written; noted: it is loaded, and somebody should look at it.
Severity = Literal["refused", "unsupported", "repaired", "noted"]


@dataclass(frozen=True)
class Resource:
    """Something that belongs to a skill and is read when it is needed: a reference, an asset, a resource of a server.

    `name` is a path in the skill's folder or a URI; `read` returns its bytes and raises PluginError.
    """

    name: str
    read: Callable[[], bytes]
    description: str = ""
    media_type: str = ""
    label: Label = UNKNOWN


@dataclass(frozen=True)
class PromptArgument:
    """A blank of a prompt."""

    name: str
    description: str = ""
    required: bool = False


@dataclass(frozen=True)
class Prompt:
    """A prompt that a person starts by its name; `text` returns the words for the blanks and raises PluginError."""

    name: str
    description: str
    text: Callable[[Mapping[str, str]], str]
    arguments: tuple[PromptArgument, ...] = ()
    label: Label = UNKNOWN


@dataclass(frozen=True)
class Skill:
    """Instructions and tools for one kind of work.

    `name` and `description` follow the Agent Skills standard (SKILL.md); `instructions` is the body, given to the
    model when the skill is used. `root` is its folder, `origin` where it was found ("bundled", "user",
    "entry point NAME", "python"), `plugin` the package that it came in and `form` what it was written as. `notes` are
    repairs and doubts met while loading, for `everpilot doctor`. With `model_invocation` False only a person starts it,
    with `user_invocation` False only the model; `hint` is what a person may type behind its name. `accounts` are the
    kinds of work that it needs of accounts ("mail", "people:read"), so that a sign-in asks for no more.
    `label` is that of its instructions: what nobody trusted is no skill, so they count as the workspace's own words.
    """

    name: str
    description: str
    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    root: Path | None = None
    origin: str = "bundled"
    notes: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    examples: tuple[str, ...] = ()
    model_invocation: bool = True
    form: str = "skill"
    plugin: str = ""
    label: Label = WORKSPACE
    user_invocation: bool = True
    hint: str = ""
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """What is wrong with a plugin, or with a part of it: where it lies, why, and what that means for it.

    Both texts quote the plugin: characters that a terminal would act on, or that nobody sees, are taken out of them.
    """

    where: str
    reason: str
    severity: Severity = "refused"

    def __post_init__(self) -> None:
        """Clean both texts."""
        from copilot.trust.sanitise.characters import without_controls

        object.__setattr__(self, "where", without_controls(self.where))
        object.__setattr__(self, "reason", without_controls(self.reason))


@dataclass(frozen=True)
class Skills:
    """The loaded skills, and what could not be loaded."""

    skills: tuple[Skill, ...]
    problems: tuple[Problem, ...] = ()

    def tools(self) -> dict[str, Tool]:
        """Return all tools by their public name; of two of one name the first counts: none is replaced by another's.

        Names that are one on the wire are one name, too: a model could not say which of them it calls.
        """
        found: dict[str, Tool] = {}
        for tool in (tool for skill in self.skills for tool in skill.tools):
            found.setdefault(tool.wire_name, tool)
        return {tool.name: tool for tool in found.values()}

    def beside(self, others: Skills) -> Skills:
        """Return these, and behind them others, with what is to be said of both."""
        return Skills((*self.skills, *others.skills), (*self.problems, *others.problems))

    def plus(self, more: Iterable[Skill]) -> Skills:
        """Return these and `more`; one of the same name replaces the earlier one."""
        added = {skill.name: skill for skill in more}
        return Skills(tuple(s for s in self.skills if s.name not in added) + tuple(added.values()), self.problems)
