"""Python functions as tools of an assistant in your own program: python deadlines.py [FOLDER]."""

import sys
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from copilot import Copilot, Result, ToolContext, tool


@tool(effect="read", examples=["what is 10 working days after 2026-05-01?"], cues=["working", "days", "after"])
def working_days_after(
    ctx: ToolContext,
    days: Annotated[int, Field(description="How many working days.", ge=0, le=10_000)],
    start: Annotated[str, Field(description="The first day, as 2026-05-01.")],
) -> Result:
    """Say which date lies so many working days after another (Monday to Friday, no holidays)."""
    day = date.fromisoformat(start)
    for _ in range(days):
        day += timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
    return Result(f"{days} working days after {start} is {day:%A, %Y-%m-%d}.", data=day.isoformat())


def main(folder: str) -> None:
    """Ask the assistant, which has these tools beside its own; with a model configured, the model answers."""
    office = Copilot(folder, tools=[working_days_after])
    print(office.call("custom.working_days_after", {"days": 10, "start": "2026-05-01"})["text"])
    print(office.ask("what is the total of Revenue in sales.xlsx?").text)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
