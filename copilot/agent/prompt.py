"""The system prompt: who the assistant is, how it works with files, and which skills there are."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from copilot.plugins.skill import Skill


def system_prompt(skills: Sequence[Skill]) -> str:
    """Return the prompt (system.md) with one line a skill; full instructions are read with a tool when needed."""
    prompt = files("copilot.agent").joinpath("system.md").read_text("utf-8")
    lines = [f"- {skill.name}: {' '.join(skill.description.split())}" for skill in skills]
    head = "Skills (read one's instructions with skills__read before difficult work)"
    return "\n".join([prompt, head, *lines, ""]) if lines else prompt
