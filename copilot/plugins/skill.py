"""A skill: what every plugged-in thing becomes, whatever form it came in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from copilot.plugins.tools import Tool


@dataclass(frozen=True)
class Skill:
    """Instructions and tools for one kind of work.

    `name` and `description` follow the Agent Skills standard (SKILL.md); `instructions` is the body, given to the
    model when the skill is used. `root` is its folder, `origin` where it was found ("bundled", "user",
    "entry point NAME", "python"). `notes` are repairs and doubts met while loading, for `everpilot doctor`.
    """

    name: str
    description: str
    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    root: Path | None = None
    origin: str = "bundled"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A plugin that could not be loaded, or only in part: where it lies and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Skills:
    """The loaded skills, and what could not be loaded."""

    skills: tuple[Skill, ...]
    problems: tuple[Problem, ...] = ()

    def tools(self) -> dict[str, Tool]:
        """Return all tools by their public name."""
        return {tool.name: tool for skill in self.skills for tool in skill.tools}

    def plus(self, more: Iterable[Skill]) -> Skills:
        """Return these and `more`; one of the same name replaces the earlier one."""
        added = {skill.name: skill for skill in more}
        return Skills(tuple(s for s in self.skills if s.name not in added) + tuple(added.values()), self.problems)
