"""The agent's own tools, about itself rather than about documents."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from copilot._identity import Identity
from copilot.errors import PluginError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.skill import Resource, Skill, Skills
from copilot.plugins.skillfolder import MOST_FILES, find, linked
from copilot.plugins.tools import Result, Tool, build, tool

#: Characters of a skill's file that a model is given at once; a long reference is read on with `start`.
_MOST_TEXT = 40_000
_MOST_LISTED = 60


def core_skill(skills: Skills, more: Sequence[Tool] = ()) -> Skill:
    """Return the skill with which the model reads the instructions and the files of the others.

    `more` are further tools about skills, which need more of the agent than is known here. For the same skills and
    tools it is the same one: what models are told of it, and what is worked out about that, is so for all assistants.
    """
    return _made(Identity(*skills.skills), Identity(*more))


@lru_cache(maxsize=64)
def _made(chosen: Identity, more: Identity) -> Skill:
    known: dict[str, Skill] = {skill.name: skill for skill in chosen.objects}
    offered = {name: skill for name, skill in known.items() if skill.model_invocation}

    @tool(effect="read")
    def read(
        context: ToolContext,
        name: Annotated[str, Field(description="The skill's name.")],
        file: Annotated[str, Field(description="One of its files, to read that instead.")] = "",
        start: Annotated[int, Field(description="Character of the file to start at.", ge=0)] = 0,
    ) -> Result:
        """Read a skill's full instructions, or one of its files."""
        # A skill that only a person starts is not read unasked; when one has, the model still reads its files.
        skill = known.get(name) if file else offered.get(name)
        if skill is None:
            raise ToolInputError.unknown("skill", name, offered)
        try:
            return _file(context, skill, file, start) if file else _whole(context, skill)
        except PluginError as error:
            raise ToolInputError(error.message, hint=error.hint) from None

    return Skill(
        "skills", "Read the instructions of a skill.", tools=(build(read, skill="skills"), *more.objects), origin="core"
    )


def _whole(context: ToolContext, skill: Skill) -> Result:
    context.labels.append(skill.label)
    parts = [skill.instructions or skill.description]
    parts.append("Tools:\n" + ("\n".join(f"- {tool.wire_name}" for tool in skill.tools) or "- none"))
    if skill.resources:
        parts.append(_listed(skill))
    return Result("\n\n".join(parts))


def _listed(skill: Skill) -> str:
    """Return the files of a skill, those first that its instructions name."""
    first = dict.fromkeys(r.name for each in linked(skill.instructions) if (r := find(skill.resources, each)))
    names = list(dict.fromkeys([*first, *(each.name for each in skill.resources)]))
    lines = [f"- {name}" for name in names[:_MOST_LISTED]]
    beyond = len(names) - _MOST_LISTED
    if beyond > 0:
        lines.append(f"- and {'at least ' if len(names) >= MOST_FILES else ''}{beyond} more")
    return "Files (read one with skills__read, its `file`):\n" + "\n".join(lines)


def _file(context: ToolContext, skill: Skill, file: str, start: int) -> Result:
    found = find(skill.resources, file)
    if found is None:
        raise ToolInputError.unknown("file", file, [each.name for each in skill.resources], where=f"skill {skill.name}")
    context.labels.append(skill.label | found.label)
    text = _text(found)
    shown = text[start : start + _MOST_TEXT]
    end = start + len(shown)
    more = f"\n\n(Cut here: {len(text) - end:,} characters follow, from start={end}.)" if end < len(text) else ""
    return Result(shown + more, sources=(f"skill {skill.name}, {found.name}",))


def _text(resource: Resource) -> str:
    """Return a file as text; raises ToolInputError for one that is none, PluginError when it can't be read."""
    content = resource.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        kind = f" ({resource.media_type})" if resource.media_type else ""
        raise ToolInputError(f"{resource.name} is no text{kind}, {len(content):,} bytes.", hint="Read another file.")
    return text
