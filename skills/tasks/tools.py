"""The tools of the skill `tasks`: those that read are here, those that change something in changing.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import Slot
from copilot.trust.sanitise import safe_text

from .changing import change, complete, create
from .parameters import Account, ListName, TaskName, data_of, line, list_of, noted, shown, task_of, tasks_of

__all__ = ["change", "complete", "create"]


@tool(
    examples=["what are my tasks?", "what do I have to do?", "show my open tasks and what is late", "list my to-dos"],
    cues=["my tasks", "to do", "todo", "to-dos", "open tasks", "have to do", "due"],
)
def mine(
    context: ToolContext,
    limit: Annotated[int, Slot("number"), Field(ge=1, le=200, description="How many.")] = 50,
    account: Account = "",
) -> Result:
    """List all open tasks: those of one's own lists, and those of plans that are assigned to oneself, by their days."""
    work = tasks_of(context, account).mine(limit)
    today = (context.moment or datetime.now(UTC)).date()
    lines = [shown(each, today) for each in work.items] or ["There is nothing to do."]
    notes = [f"Note: {each}" for each in work.notes]
    text = "\n".join([f"{len(work.items)} open tasks:", "", *lines, *notes])
    return Result(text, [data_of(each) for each in work.items], noted(context, work.items))


@tool(
    name="list",
    examples=["show the tasks of the plan Budget 2026", "which task lists do I have?", "show the list Year end"],
    cues=["task list", "task lists", "plan", "plans", "planner"],
)
def list_tasks(
    context: ToolContext,
    list_name: ListName = "",
    done: Annotated[bool, Field(description="Show those that are done, too.")] = False,
    account: Account = "",
) -> Result:
    """List the tasks of a list or plan; without a name, the lists and plans that there are."""
    tasks = tasks_of(context, account)
    if not list_name.strip():
        lists = tasks.lists()
        context.received(b"", "tasks")
        lines = [f"> - **{line(each.title)}** ({each.kind}{', default' if each.default else ''}) · id: `{each.id}`"
                 + (f" · buckets: {', '.join(line(name, 40) for _, name in each.buckets)}" if each.buckets else "")
                 for each in lists]  # fmt: skip
        return Result("\n".join(lines), [{"id": e.id, "title": e.title, "kind": e.kind} for e in lists], ("tasks",))
    place = list_of(tasks, list_name)
    found = tasks.tasks(place.id, done=done)
    today = (context.moment or datetime.now(UTC)).date()
    lines = [shown(each, today) for each in found] or ["There is nothing in it."]
    text = "\n".join([f"{len(found)} tasks in {line(place.title)}:", "", *lines])
    return Result(text, [data_of(each) for each in found], noted(context, found))


@tool(
    examples=["show the task Collect the Q3 figures", "read the steps of that task"],
    cues=["the task", "steps of the task", "task details"],
)
def read(
    context: ToolContext, task: Annotated[TaskName, Slot("query", cues=("task",))], account: Account = ""
) -> Result:
    """Show a task with its steps and notes."""
    found = task_of(tasks_of(context, account), task)
    pieces = [shown(found, (context.moment or datetime.now(UTC)).date())]
    pieces += [f"> reminder: {found.reminder.isoformat()}"] if found.reminder else []
    pieces += [f">     - [{'x' if step.done else ' '}] {line(step.text)}" for step in found.steps]
    pieces += [f"> {each}".rstrip() for each in safe_text(found.notes, lines=True).splitlines()]
    return Result("\n".join(pieces), data_of(found), noted(context, [found]))
