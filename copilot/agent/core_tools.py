"""The agent's own tools, about itself rather than about documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.tools import Result, build, tool
from copilot.trust.labels import WORKSPACE


def core_skill(skills: Skills) -> Skill:
    """Return the skill with which the model reads the instructions of the others."""
    known = {skill.name: skill for skill in skills.skills}

    @tool(effect="read")
    def read(context: ToolContext, name: Annotated[str, Field(description="The skill's name.")]) -> Result:
        """Read a skill's full instructions."""
        if name not in known:
            raise ToolInputError.unknown("skill", name, known)
        skill = known[name]
        context.labels.append(WORKSPACE)
        tools = "\n".join(f"- {t.wire_name}" for t in skill.tools)
        return Result(f"{skill.instructions or skill.description}\n\nTools:\n{tools or '- none'}")

    return Skill("skills", "Read the instructions of a skill.", tools=(build(read, skill="skills"),), origin="core")
