"""What the tools have in common: parameters, days, which list or task is meant, and how a task is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, cast

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.people import People, Whom
from copilot.plugins.connections.tasks import Assignee, Task, TaskList, Tasks
from copilot.plugins.context import ToolContext
from copilot.slots import Role, Slot
from copilot.trust.sanitise import safe_text

Account = Annotated[str, Role("target"), Field(description="The account's name in the settings, if there are several.")]
ListName = Annotated[
    str,
    Role("target"),
    Slot("query", cues=("list", "plan", "in")),
    Field(description="A list or plan: its name or id."),
]
TaskName = Annotated[str, Role("target"), Field(min_length=1, description="The id of the task, or its title.")]
Due = Annotated[
    str, Role("target"), Field(description='A day: 2026-06-05, "today", "tomorrow", "friday", "in 3 days".')
]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_IN = re.compile(r"in (\d{1,3}) (day|week)s?")


def tasks_of(context: ToolContext, account: str) -> Tasks:
    """Return the tasks of an account. Raises ServiceError."""
    return cast(Tasks, context.connection("tasks", account))


def line(text: str, length: int = 120) -> str:
    """Return foreign words on one line, without what nobody sees, shortened."""
    joined = " ".join(safe_text(text).split())
    return joined if len(joined) <= length else joined[: length - 1].rstrip() + "…"


def day_of(text: str, now: datetime | None) -> date | None:
    """Return the day that a text names, None for ""; a weekday is the next one after today. Raises ToolInputError."""
    wanted = " ".join(text.lower().split()).removeprefix("next ").removeprefix("on ")
    if not wanted:
        return None
    today = (now or datetime.now(UTC)).date()
    if wanted in ("today", "tomorrow"):
        return today + timedelta(days=wanted == "tomorrow")
    if wanted in _DAYS:
        return today + timedelta(days=(_DAYS.index(wanted) - today.weekday() - 1) % 7 + 1)
    if ahead := _IN.fullmatch(wanted):
        return today + timedelta(days=int(ahead[1]) * (7 if ahead[2] == "week" else 1))
    try:
        return date.fromisoformat(wanted)
    except ValueError:
        hint = 'Write it as 2026-06-05, or "today", "tomorrow", "friday", "in 3 days".'
        raise ToolInputError(f"{text!r} is no day.", hint=hint, code="day") from None


def moment_of(text: str) -> datetime | None:
    """Return the moment of a reminder, None for "". Raises ToolInputError for one without a zone, too."""
    try:
        found = datetime.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        found = None
    if text.strip() and (found is None or found.tzinfo is None):
        hint = "Write it with the zone: 2026-06-05T09:00:00+02:00."
        raise ToolInputError(f"{text!r} is no moment with a zone.", hint=hint, code="moment")
    return found


def list_of(tasks: Tasks, name: str) -> TaskList:
    """Return the list or plan of a name or id, the default list for "". Raises ToolInputError."""
    lists = tasks.lists()
    wanted = " ".join(name.split()).casefold()
    for found in (
        [each for each in lists if each.default and not wanted],
        [each for each in lists if each.id == name.strip()],
        [each for each in lists if each.title.casefold() == wanted],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            listed = "; ".join(f"{line(each.title)} ({each.kind}, id {each.id})" for each in found)
            hint = f"Ask the user which: {listed}."
            raise ToolInputError(f"{name!r} can be {len(found)} lists.", hint=hint, code="ambiguous_list")
    raise ToolInputError.unknown("list or plan", name, [line(each.title) for each in lists])


def task_of(tasks: Tasks, name: str) -> Task:
    """Return the task of an id or of the title of an open one. Raises ToolInputError."""
    if re.match(r"\w+:\S+:\S+\Z", name.strip()):
        return tasks.task(name.strip())
    every = tasks.mine().items
    wanted = " ".join(name.split()).casefold()
    found = [each for each in every if each.title.casefold() == wanted]
    if len(found) > 1:
        listed = "; ".join(f"{line(each.title)} in {line(each.list_title)} (id {each.id})" for each in found)
        hint = f"Ask the user which: {listed}."
        raise ToolInputError(f"{name!r} can be {len(found)} tasks.", hint=hint, code="ambiguous_task")
    if not found:
        raise ToolInputError.unknown("open task", name, [each.title for each in every])
    return tasks.task(found[0].id)


def bucket_of(place: TaskList, name: str) -> tuple[str, str]:
    """Return a plan's bucket, (id, name). Raises ToolInputError."""
    for id, title in place.buckets:
        if name.strip().casefold() in (title.casefold(), id.casefold()):
            return id, title
    raise ToolInputError.unknown("bucket", name, [line(title) for _, title in place.buckets], where=place.title)


def people_of(context: ToolContext, account: str, names: Iterable[str]) -> list[Assignee]:
    """Return who is meant: people of the directory. Raises ToolInputError: nobody, or several, who are listed."""
    people = cast(People, context.connection("people", account))
    found = []
    for name in (each.strip() for each in names):
        if name.casefold() in ("me", "myself"):
            me = people.me()
            found.append(Assignee(me.id, me.name))
            continue
        listed = [each for each in people.find(Whom(name)).items if each.source != "contact"]
        exact = [each for each in listed if name.casefold() in (each.name.casefold(), each.address.casefold())]
        chosen = exact or listed
        if len(chosen) != 1:
            hint = f"There is: {'; '.join(line(str(each)) for each in chosen[:8])}." if chosen else "Give the address."
            raise ToolInputError(f"{name!r} is {len(chosen) or 'no'} people.", hint=hint, code="ambiguous_person")
        found.append(Assignee(chosen[0].id, chosen[0].name))
    return found


# --- how tasks are shown ----------------------------------------------------------------------------------------------


def noted(context: ToolContext, found: Sequence[Task]) -> tuple[str, ...]:
    """Label what is shown of tasks, and return their sources."""
    sources = tuple(dict.fromkeys(f"tasks, {line(each.list_title)}" for each in found)) or ("tasks",)
    for each in sources:
        context.received(b"", each)
    return sources


def shown(task: Task, today: date) -> str:
    """Return a task as an entry of a list, quoted."""
    late = " (late)" if task.due and task.due < today and not task.done else ""
    who = ", ".join(line(each.name or "somebody", 60) for each in task.assigned)
    facts = [
        line(task.list_title, 60) + (f" / {line(task.bucket, 40)}" if task.bucket else ""),
        *([f"due {task.due.isoformat()}{late}"] if task.due else []),
        *([f"{task.percent} %"] if 0 < task.percent < 100 else []),
        *(["important"] if task.important else []),
        *(["repeats"] if task.repeats else []),
        *([f"for {who}"] if who else []),
    ]
    mark = "x" if task.done else " "
    return f"> - [{mark}] **{line(task.title)}** · {' · '.join(facts)} · id: `{task.id}`"


def data_of(task: Task) -> dict[str, Any]:
    """Return a task as JSON types."""
    return {
        "id": task.id,
        "title": task.title,
        "list": task.list_title,
        "kind": task.kind,
        "done": task.done,
        "due": task.due.isoformat() if task.due else None,
        "reminder": task.reminder.isoformat() if task.reminder else None,
        "important": task.important,
        "bucket": task.bucket,
        "percent": task.percent,
        "assigned": [each.name or each.id for each in task.assigned],
        "notes": task.notes,
        "steps": [{"text": each.text, "done": each.done} for each in task.steps],
    }
