"""The system prompt: who the assistant is, how it works with files, and which skills there are."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from copilot.agent.skill_index import index_lines
from copilot.plugins.skill import Skill

_HEAD = "Skills (read one's instructions with skills__read before difficult work)"
_SEARCHED = (
    f"{_HEAD}. Of their tools you are offered those that seem to fit; find others with tools__find, in the words of "
    "the work at hand, before you say that something can't be done. What you find can be called at once."
)


def system_prompt(skills: Sequence[Skill], *, most: int | None = None) -> str:
    """Return the prompt (system.md) with one line a skill; full instructions are read with a tool when needed.

    `most` is given where tools are found by searching: the characters that the index of skills may take.
    """
    prompt = files("copilot.agent").joinpath("system.md").read_text("utf-8")
    lines = index_lines(skills, most)
    return "\n".join([prompt, _HEAD if most is None else _SEARCHED, *lines, ""]) if lines else prompt
