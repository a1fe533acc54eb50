"""Who is in on a day, by a rota of the folder."""

from typing import Annotated, Literal

from pydantic import Field

from copilot import Result, Slot, ToolContext, tool

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri"]


@tool(effect="read", examples=["who is in on Tue by rota.txt?"], cues=["in", "office", "rota"])
def who_is_in(
    ctx: ToolContext,
    path: Annotated[str, Slot("document", (".txt",)), Field(description="The rota.")],
    day: Annotated[Day, Field(description="The day of the week.")],
) -> Result:
    """Say who is in the office on a day."""
    file = ctx.open(path)
    lines = [line.partition(":") for line in file.content.decode("utf-8-sig", "replace").splitlines()]
    people = [name.strip() for name, _, days in lines if day in days.split()]
    told = ", ".join(people) or "nobody"
    return Result(f"On {day}, {told} {'are' if len(people) > 1 else 'is'} in.", data=people, sources=(file.name,))
