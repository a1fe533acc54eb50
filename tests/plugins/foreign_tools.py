"""As many skills and tools of strangers as a test wants: the catalog of many_tools again and again, a bit different."""

from __future__ import annotations

from dataclasses import replace

from copilot.plugins.skill import Skill
from copilot.plugins.tools import Effect, json_tool
from tests.plugins.many_tools import skills

MAKERS = ("contoso", "fabrikam", "northwind", "tailwind", "adatum", "litware", "proseware", "wingtip", "woodgrove")


def foreign(count: int, each: int = 10) -> list[Skill]:
    """Return `count` skills with `each` tools, all with other names; the same each time."""
    tools = [tool for skill in skills() for tool in skill.tools]
    made = []
    for number in range(count):
        maker = MAKERS[number % len(MAKERS)]
        some = [tools[(number * each + i) % len(tools)] for i in range(each)]
        name = f"{maker}-{some[0].skill if some else 'notes'}-{number}" if each else f"{maker}-notes-{number}"
        own = tuple(
            json_tool(
                f"{name}.{tool.name.partition('.')[2]}_{i}",
                f"{tool.description} Works with the service of {maker.title()}.",
                tool.arguments.json_schema(),
                Effect.FETCH,
                tool.function,
                skill=name,
            )
            for i, tool in enumerate(some)
        )
        text = "Keeps notes of a kind" if not own else f"Tools such as {some[0].description.lower()}"
        made.append(replace(Skill(name, f"{text} Use it for work with {maker.title()}."), tools=own, origin="user"))
    return made
