"""Lists and tasks of To Do. Source: Microsoft Graph v1.0, "todoTaskList", "todoTask", "checklistItem"."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any

from copilot.errors import ServiceError
from copilot.plugins.connections import zones
from copilot.plugins.connections.tasks import Step, Task, TaskList, Wanted

from .graph import Graph, GraphError, Json, after, at

_READ, _WRITE = "Tasks.Read", "Tasks.ReadWrite"
#: The application of the linked resource that holds the key of a task's making.
_BY = "Everpilot"
_PAGE = 100


class ToDo:
    """The lists of To Do: `me` is the path of whose they are. Ids are "todo:LIST" and "todo:LIST:TASK"."""

    def __init__(self, graph: Graph, me: str) -> None:
        self._graph, self._me = graph, me

    async def lists(self) -> list[TaskList]:
        """Return the lists; those of flagged mail come with them."""
        held = await self._graph.items(
            f"{self._me}/todo/lists", limit=500, top=_PAGE, what="your lists of tasks", scope=_READ
        )
        return [_list(each) for each in held.items]

    async def tasks(self, list_id: str, done: bool, limit: int) -> list[Task]:
        """Return the tasks of a list."""
        named = {each.id: each for each in await self.lists()}
        if list_id not in named:
            raise ServiceError("Microsoft To Do did not find this list.", hint="List the lists again.", code="missing")
        return await self._in(named[list_id], done, limit)

    async def _in(self, place: TaskList, done: bool, limit: int) -> list[Task]:
        params: dict[str, str | int] = {} if done else {"$filter": "status ne 'completed'"}
        held = await self._graph.items(
            self._path(place.id) + "/tasks",
            limit=limit,
            params=params,
            what=f"the tasks in {place.title}",
            scope=_READ,
        )
        return [_task(each, place.id, place.title) for each in held.items]

    async def mine(self, limit: int) -> list[Task]:
        """Return the open tasks of all lists."""
        found = await asyncio.gather(*(self._in(each, False, limit) for each in await self.lists()))
        return [each for tasks in found for each in tasks]

    async def task(self, id: str) -> Task:
        """Return a task with its steps and notes."""
        place, path = _list_of(id), self._path(id)
        params = {"$expand": "checklistItems"}
        held, about = await asyncio.gather(
            self._graph.get(path, params=params, what="the task", scope=_READ),
            self._graph.get(self._path(place), what="the list of the task", scope=_READ),
        )
        return _task(held, place, str(about.get("displayName") or ""))

    async def create(self, list_id: str, wanted: Wanted, key: str) -> Task:
        """Make a task that carries its key; one with the key that is there is taken for it."""
        body = {**_body(wanted), "linkedResources": [_link(wanted.title or "", key)]}
        body |= {"checklistItems": [{"displayName": text} for text in wanted.steps]} if wanted.steps else {}
        path, what = self._path(list_id) + "/tasks", f"the task {wanted.title!r}"
        for last in (False, True):
            try:
                made = str((await self._graph.post(path, body, what=what, scope=_WRITE, key=key))["id"])
                break
            except GraphError as error:
                if error.code != "uncertain":
                    raise
                made = await after(what, self._with(path, key))
                if made:
                    break
                if last:
                    raise
        return await after(what, self.task(f"{list_id}:{made}"))

    async def _with(self, path: str, key: str) -> str:
        """Return the id of the newest tasks' one that was made with a key, "" for none."""
        held = await self._graph.items(path, limit=_PAGE, params={"$expand": "linkedResources"}, what="the tasks")
        for each in held.items:
            if any(link.get("externalId") == key for link in each.get("linkedResources") or ()):
                return str(each["id"])
        return ""

    async def change(self, task: Task, wanted: Wanted, key: str) -> Task:
        """Change a task that is still as it was read; its steps are added after it."""
        path, what = self._path(task.id), f"the task {task.title!r}"
        now = await self._graph.get(path, what=what, scope=_READ)
        if task.tag and now.get("@odata.etag") != task.tag:
            raise ServiceError(
                f"{what.capitalize()} changed since it was read; nothing was written.",
                hint="Read it again.",
                code="conflict",
            )
        if body := _body(wanted):
            await self._graph.patch(path, body, what=what, scope=_WRITE, key=key, idempotent=True)
        for text in wanted.steps:
            await self._graph.post(
                path + "/checklistItems", {"displayName": text}, what=f"the step {text!r}", scope=_WRITE
            )
        return await self.task(task.id)

    def _path(self, id: str) -> str:
        _, _, rest = id.partition(":")
        place, _, task = rest.partition(":")
        path = f"{self._me}/todo/lists/{at('{}', place)}"
        return f"{path}/tasks/{at('{}', task)}" if task else path


def _list_of(id: str) -> str:
    return id.rpartition(":")[0]


def _link(title: str, key: str) -> Json:
    return {"applicationName": _BY, "displayName": title, "externalId": key}


def _body(wanted: Wanted) -> Json:
    """Return what is set of a task."""
    given: Json = {
        "title": wanted.title,
        "status": None if wanted.done is None else "completed" if wanted.done else "notStarted",
        "importance": None if wanted.important is None else "high" if wanted.important else "normal",
        "body": None if wanted.notes is None else {"content": wanted.notes, "contentType": "text"},
        "dueDateTime": _day(wanted.due),
        "reminderDateTime": _moment(wanted.reminder),
        "isReminderOn": True if wanted.reminder else None,
    }
    body = {name: value for name, value in given.items() if value is not None}
    body |= {"dueDateTime": None} if "due" in wanted.clear else {}
    return body | ({"isReminderOn": False, "reminderDateTime": None} if "reminder" in wanted.clear else {})


def _day(day: date | None) -> Json | None:
    """Return a day as To Do keeps it: midnight, by name in UTC."""
    return {"dateTime": f"{day.isoformat()}T00:00:00.0000000", "timeZone": "UTC"} if day else None


def _moment(when: datetime | None) -> Json | None:
    if when is None:
        return None
    return {"dateTime": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}


def _list(data: Json) -> TaskList:
    return TaskList(
        f"todo:{data['id']}",
        str(data.get("displayName") or ""),
        default=data.get("wellknownListName") == "defaultList",
        shared=bool(data.get("isShared")),
    )


def _task(data: Json, list_id: str, list_title: str) -> Task:
    body = data.get("body") or {}
    steps = [Step(str(s.get("displayName") or ""), bool(s.get("isChecked")), str(s.get("id") or ""))
             for s in data.get("checklistItems") or ()]  # fmt: skip
    return Task(
        f"{list_id}:{data['id']}",
        str(data.get("title") or ""),
        list_id,
        list_title,
        done=data.get("status") == "completed",
        due=_read_day(data.get("dueDateTime")),
        start=_read_day(data.get("startDateTime")),
        reminder=_read_moment(data.get("reminderDateTime")) if data.get("isReminderOn") else None,
        important=data.get("importance") == "high",
        notes=str(body.get("content") or "").strip(),
        steps=tuple(steps),
        repeats=bool(data.get("recurrence")),
        tag=str(data.get("@odata.etag") or ""),
    )


def _read_moment(data: Any) -> datetime | None:
    """Return the moment of a dateTimeTimeZone; the name of its zone may be that of Windows."""
    if not isinstance(data, dict) or not data.get("dateTime"):
        return None
    try:
        wall = datetime.fromisoformat(str(data["dateTime"])[:26].rstrip("Z"))
    except ValueError:
        return None
    name = str(data.get("timeZone") or "UTC")
    return wall.replace(tzinfo=zones.zone(name) if zones.known(name) else UTC)


def _read_day(data: Any) -> date | None:
    """Return the day of a dateTimeTimeZone: the one that its clock shows, wherever that is."""
    found = _read_moment(data)
    return found.date() if found else None
