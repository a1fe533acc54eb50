"""The tools that make and change tasks. What would be changed is shown before and after, and done once agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.tasks import Assignee, Task, TaskList, Tasks, Wanted
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import tool
from copilot.slots import Role
from copilot.trust.outgoing import Outgoing

from .parameters import (
    Account,
    Due,
    ListName,
    TaskName,
    bucket_of,
    day_of,
    line,
    list_of,
    moment_of,
    noted,
    people_of,
    task_of,
    tasks_of,
)

Title = Annotated[str, Role("body"), Field(max_length=250, description="What is to be done, in a line.")]
Notes = Annotated[str, Role("body"), Field(description="Notes, as plain text.")]
Steps = Annotated[list[str], Role("body"), Field(max_length=20, description="Steps to add.")]
Reminder = Annotated[
    str, Role("target"), Field(description="When to remind, with the zone (ISO 8601); own lists only.")
]
Bucket = Annotated[str, Role("target"), Field(description="The bucket (column) of a plan.")]
Assign = Annotated[list[str], Role("recipient"), Field(description='Plans only: whom to assign, names or "me".')]


@tool(
    effect="send",
    examples=["add a task to call Ana tomorrow", "create the task Check the sums in the plan Budget 2026 for Sofia"],
    cues=["add a task", "create a task", "new task", "remind me to", "put on my list"],
)
def create(
    context: ToolContext,
    title: Title,
    list_name: ListName = "",
    due: Due = "",
    reminder: Reminder = "",
    important: Annotated[bool, Role("option")] = False,
    notes: Notes = "",
    steps: Steps = [],  # noqa: B006 - never changed
    bucket: Bucket = "",
    assign: Assign = [],  # noqa: B006
    account: Account = "",
) -> Outgoing:
    """Make a task in one of one's own lists (the default one if none is named) or in a shared plan."""
    tasks = tasks_of(context, account)
    place = list_of(tasks, list_name)
    who = _assigned(context, place.kind, account, assign)
    column = bucket_of(place, bucket) if bucket else ("", "")
    wanted = Wanted(
        _title(title),
        due=day_of(due, context.moment),
        reminder=_reminder(place.kind, reminder),
        important=important or None,
        notes=notes or None,
        steps=tuple(steps),
        bucket=column[0] or None,
        assign=tuple(each.id for each in who),
    )

    def deliver(key: str) -> str:
        made = tasks.create(place.id, wanted, key)
        return f"Made the task {line(made.title)!r} in {line(made.list_title)} (id {made.id})."

    body = "\n".join(f"{name}: {after}" for name, _, after in _new(wanted, column[1], who))
    return context.send("change", [_name(place), *(a.name for a in who)], body, deliver, subject="New task")


@tool(
    effect="send",
    examples=["move the task Check the sums to friday", "rename that task", "make the task important"],
    cues=["change the task", "move the task", "rename the task", "postpone", "assign the task", "due"],
)
def change(
    context: ToolContext,
    task: TaskName,
    title: Title = "",
    due: Due = "",
    reminder: Reminder = "",
    important: Annotated[bool | None, Role("option")] = None,
    notes: Notes = "",
    steps: Steps = [],  # noqa: B006 - never changed
    bucket: Bucket = "",
    assign: Assign = [],  # noqa: B006
    unassign: Assign = [],  # noqa: B006
    clear: Annotated[list[Literal["due", "reminder"]], Role("option"), Field(description="What to take away.")] = [],  # noqa: B006
    reopen: Annotated[bool, Role("option"), Field(description="Mark it as not done.")] = False,
    account: Account = "",
) -> Outgoing:
    """Change a task; what is left out stays as it is. `notes` replace those that are there."""
    tasks = tasks_of(context, account)
    found = task_of(tasks, task)
    noted(context, [found])
    joining = _assigned(context, found.kind, account, assign)
    leaving = _assigned(context, found.kind, account, unassign)
    column = bucket_of(_place(tasks, found), bucket) if bucket else ("", "")
    wanted = Wanted(
        _title(title) if title else None,
        done=False if reopen else None,
        due=day_of(due, context.moment),
        reminder=_reminder(found.kind, reminder),
        important=important,
        notes=notes or None,
        steps=tuple(steps),
        bucket=column[0] or None,
        assign=tuple(each.id for each in joining),
        unassign=tuple(each.id for each in leaving),
        clear=tuple(clear),
    )
    return _changed(context, tasks, found, wanted, _differences(found, wanted, column[1], joining, leaving))


@tool(
    effect="send",
    examples=["mark the task Call Ana about the offer as done", "complete that task", "tick off Book the room"],
    cues=["complete", "done", "tick off", "finish the task", "mark as done"],
)
def complete(context: ToolContext, task: TaskName, account: Account = "") -> Outgoing:
    """Mark a task as done."""
    tasks = tasks_of(context, account)
    found = task_of(tasks, task)
    noted(context, [found])
    if found.done:
        raise ToolInputError(f"{line(found.title)!r} is done already.", code="task_done")
    return _changed(context, tasks, found, Wanted(done=True), [("done", "no", "yes")])


def _changed(
    context: ToolContext, tasks: Tasks, found: Task, wanted: Wanted, rows: Sequence[tuple[str, str, str]]
) -> Outgoing:
    if not rows:
        raise ToolInputError(f"That changes nothing of {line(found.title)!r}.", code="no_change")

    def deliver(key: str) -> str:
        made = tasks.change(found, wanted, key)
        return f"Changed the task {line(made.title)!r} in {line(made.list_title)}."

    body = "\n".join(f"{name}: {before} -> {after}" for name, before, after in rows)
    whom = [f"{'plan' if found.kind == 'plan' else 'list'} {line(found.list_title)}"]
    return context.send("change", whom, body, deliver, subject=f"Task {line(found.title)}")


# --- what is shown of it ----------------------------------------------------------------------------------------------


def _new(wanted: Wanted, bucket: str, who: Sequence[Assignee]) -> list[tuple[str, str, str]]:
    empty = Task("", "", "", "")
    return _differences(empty, wanted, bucket, who, ())


def _differences(
    task: Task, wanted: Wanted, bucket: str, joining: Sequence[Assignee], leaving: Sequence[Assignee]
) -> list[tuple[str, str, str]]:
    """Return what is another afterwards: (what, before, after), in whole."""
    due = None if "due" in wanted.clear else wanted.due or task.due
    reminder = None if "reminder" in wanted.clear else wanted.reminder or task.reminder
    names = [each.name or each.id for each in task.assigned]
    after = [each.name for each in joining if each.id not in {a.id for a in task.assigned}]
    left = {each.id for each in leaving}
    kept = [each.name or each.id for each in task.assigned if each.id not in left]
    rows = [
        ("title", task.title, wanted.title or task.title),
        ("done", _yes(task.done), _yes(task.done if wanted.done is None else wanted.done)),
        ("due", _day(task.due), _day(due)),
        ("reminder", _moment(task.reminder), _moment(reminder)),
        ("important", _yes(task.important), _yes(task.important if wanted.important is None else wanted.important)),
        ("bucket", task.bucket or "none", bucket or task.bucket or "none"),
        ("assigned", ", ".join(names) or "nobody", ", ".join([*kept, *after]) or "nobody"),
        ("notes", task.notes or "none", wanted.notes or task.notes or "none"),
    ]
    return [row for row in rows if row[1] != row[2]] + [("step", "none", text) for text in wanted.steps]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "none"


def _moment(when: datetime | None) -> str:
    return when.isoformat() if when else "none"


def _title(title: str) -> str:
    if not title.strip():
        raise ToolInputError("A task needs a title.", code="no_title")
    return " ".join(title.split())


def _name(place: TaskList) -> str:
    return f"{'plan' if place.kind == 'plan' else 'list'} {line(place.title)}"


def _place(tasks: Tasks, found: Task) -> TaskList:
    return next((each for each in tasks.lists() if each.id == found.list_id), TaskList(found.list_id, found.list_title))


def _assigned(context: ToolContext, kind: str, account: str, names: Sequence[str]) -> list[Assignee]:
    if names and kind != "plan":
        raise ToolInputError("Only tasks of a plan are assigned to people.", hint="Name a plan.", code="no_plan")
    return people_of(context, account, names) if names else []


def _reminder(kind: str, text: str) -> datetime | None:
    if text.strip() and kind == "plan":
        raise ToolInputError("A plan's tasks have no reminders.", hint="Use `due`.", code="no_reminder")
    return moment_of(text)
