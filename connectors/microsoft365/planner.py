"""Plans and tasks of Planner. Source: Microsoft Graph v1.0, "plannerPlan", "plannerTask", "plannerTaskDetails"."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from copilot.errors import ServiceError
from copilot.plugins.connections.tasks import Assignee, Step, Task, TaskList, Wanted

from .graph import Call, Graph, GraphError, Json, Reply, after, at

_READ, _WRITE = "Tasks.Read", "Tasks.ReadWrite"
_WHOLE = ("return=representation",)
_SKEW = timedelta(seconds=90)
#: Planner's priorities: 0 and 1 urgent, 2 to 4 important, 5 to 7 medium, 8 to 10 low ("plannerTask").
_IMPORTANT, _MEDIUM = 3, 5


class Planner:
    """The plans that somebody shares: `me` is the path of who. Ids are "planner:PLAN" and "planner:PLAN:TASK"."""

    def __init__(self, graph: Graph, me: str) -> None:
        self._graph, self._me = graph, me
        self._names: dict[str, str] = {}

    async def lists(self) -> list[TaskList]:
        """Return the plans with their buckets."""
        held = await self._graph.items(f"{self._me}/planner/plans", limit=500, top=0, what="your plans", scope=_READ)
        paths = [at("/planner/plans/{}/buckets", str(each["id"])) for each in held.items]
        answers = await self._graph.batch([Call("GET", path, what="the buckets", scope=_READ) for path in paths])
        return [_plan(each, answer) for each, answer in zip(held.items, answers, strict=True)]

    async def tasks(self, list_id: str, done: bool, limit: int) -> list[Task]:
        """Return the tasks of a plan."""
        plan = next((each for each in await self.lists() if each.id == list_id), None)
        if plan is None:
            raise ServiceError("Planner did not find this plan.", hint="List the plans again.", code="missing")
        path = at("/planner/plans/{}/tasks", _ids(list_id)[0])
        held = await self._graph.items(path, limit=1000, top=0, what=f"the tasks of {plan.title}", scope=_READ)
        found = [_task(each, plan) for each in held.items]
        return await self._named([each for each in found if done or not each.done][:limit])

    async def mine(self, limit: int) -> list[Task]:
        """Return the open tasks that are assigned to whose plans these are."""
        path = f"{self._me}/planner/tasks"
        held, plans = await asyncio.gather(
            self._graph.items(path, limit=1000, top=0, what="your tasks in plans", scope=_READ), self.lists()
        )
        named = {each.id: each for each in plans}
        found = [_task(each, named.get(f"planner:{each.get('planId')}")) for each in held.items]
        return await self._named([each for each in found if not each.done][:limit])

    async def task(self, id: str) -> Task:
        """Return a task with its steps and notes."""
        plan_id, task_id = _ids(id)
        path = at("/planner/tasks/{}", task_id)
        data, details, plan = await asyncio.gather(
            self._graph.get(path, what="the task", scope=_READ),
            self._graph.get(path + "/details", what="the details of the task", scope=_READ),
            self._one(plan_id),
        )
        return (await self._named([_task(data, plan, details)]))[0]

    async def _named(self, tasks: list[Task]) -> list[Task]:
        """Return tasks with the names of those they are assigned to; whoever is not found stays without one."""
        asked = list(dict.fromkeys(a.id for task in tasks for a in task.assigned if a.id not in self._names))
        params = {"$select": "id,displayName"}
        calls = [Call("GET", at("/users/{}", id), params=params, what="the names of people") for id in asked]
        for id, answer in zip(asked, await self._graph.batch(calls), strict=True):
            if isinstance(answer, Reply):
                self._names[id] = str(answer.json.get("displayName") or "")
        return [
            replace(task, assigned=tuple(Assignee(a.id, self._names.get(a.id, "")) for a in task.assigned))
            for task in tasks
        ]

    async def _one(self, plan_id: str) -> TaskList:
        path = at("/planner/plans/{}", plan_id)
        plan, buckets = await self._graph.batch(
            [Call("GET", path, what="the plan", scope=_READ), Call("GET", path + "/buckets", what="the buckets")]
        )
        if isinstance(plan, GraphError):
            raise plan
        return _plan(plan.json, buckets)

    async def create(self, list_id: str, wanted: Wanted, key: str) -> Task:
        """Make a task. Planner keeps no key: after a lost answer the task is looked for by its title and time."""
        plan_id, _ = _ids(list_id)
        body = {"planId": plan_id, **_body(wanted)}
        started, what = self._graph.clock.now() - _SKEW, f"the task {wanted.title!r}"
        for last in (False, True):
            try:
                made = await self._graph.post("/planner/tasks", body, what=what, scope=_WRITE, key=key)
                break
            except GraphError as error:
                if error.code != "uncertain":
                    raise
                there = await after(what, self._since(plan_id, wanted.title or "", started))
                if there is not None:
                    made = there
                    break
                if last:
                    raise
        await after(what, self._detailed(str(made["id"]), wanted, key))
        return await after(what, self.task(f"{list_id}:{made['id']}"))

    async def _since(self, plan_id: str, title: str, started: datetime) -> Json | None:
        path = at("/planner/plans/{}/tasks", plan_id)
        held = await self._graph.items(path, limit=1000, top=0, what="the tasks of the plan", scope=_READ)
        fitting = [each for each in held.items if each.get("title") == title]
        return next((each for each in fitting if _moment(each.get("createdDateTime")) >= started), None)

    async def change(self, task: Task, wanted: Wanted, key: str) -> Task:
        """Change a task that is still as it was read (its eTag), then its notes and steps."""
        body = _body(wanted)
        if body:
            path, what = at("/planner/tasks/{}", _ids(task.id)[1]), f"the task {task.title!r}"
            await self._graph.patch(path, body, what=what, scope=_WRITE, if_match=task.tag, prefer=_WHOLE, key=key)
        await self._detailed(_ids(task.id)[1], wanted, key)
        return await self.task(task.id)

    async def _detailed(self, task_id: str, wanted: Wanted, key: str) -> None:
        """Set notes and add steps, which lie in an object with a tag of its own; a step's id is made of the key."""
        if wanted.notes is None and not wanted.steps:
            return
        path = at("/planner/tasks/{}/details", task_id)
        held = await self._graph.get(path, what="the details of the task", scope=_READ)
        body: Json = {} if wanted.notes is None else {"description": wanted.notes}
        if wanted.steps:
            body["checklist"] = {_step_id(key, n): _step(text) for n, text in enumerate(wanted.steps)}
        tag = str(held.get("@odata.etag") or "")
        await self._graph.patch(path, body, what="the details of the task", scope=_WRITE, if_match=tag, prefer=_WHOLE)


def _ids(id: str) -> tuple[str, str]:
    _, _, rest = id.partition(":")
    plan, _, task = rest.partition(":")
    return plan, task


def _step_id(key: str, number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{key}/{number}"))


def _step(text: str) -> Json:
    return {"@odata.type": "microsoft.graph.plannerChecklistItem", "title": text, "isChecked": False}


def _body(wanted: Wanted) -> Json:
    """Return what is set of a task; assignments that are taken away are null."""
    given: Json = {
        "title": wanted.title,
        "bucketId": wanted.bucket,
        "percentComplete": None if wanted.done is None else 100 if wanted.done else 0,
        "priority": None if wanted.important is None else _IMPORTANT if wanted.important else _MEDIUM,
        "dueDateTime": f"{wanted.due.isoformat()}T10:00:00Z" if wanted.due else None,
    }
    body = {name: value for name, value in given.items() if value is not None}
    body |= {"dueDateTime": None} if "due" in wanted.clear else {}
    new = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
    assigned: Json = {**dict.fromkeys(wanted.assign, new), **dict.fromkeys(wanted.unassign)}
    return body | ({"assignments": assigned} if assigned else {})


def _plan(data: Json, buckets: Reply | GraphError) -> TaskList:
    held = buckets.json.get("value") or () if isinstance(buckets, Reply) else ()
    columns = tuple((str(each["id"]), str(each.get("name") or "")) for each in held)
    return TaskList(f"planner:{data['id']}", str(data.get("title") or ""), "plan", columns, shared=True)


def _task(data: Json, plan: TaskList | None, details: Json | None = None) -> Task:
    list_id = f"planner:{data.get('planId')}"
    names = dict(plan.buckets) if plan else {}
    assigned = tuple(Assignee(str(id)) for id in (data.get("assignments") or {}))
    percent = int(data.get("percentComplete") or 0)
    return Task(
        f"{list_id}:{data['id']}",
        str(data.get("title") or ""),
        list_id,
        plan.title if plan else "a plan",
        "plan",
        done=percent == 100,
        due=_day(data.get("dueDateTime")),
        start=_day(data.get("startDateTime")),
        important=int(data["priority"] if data.get("priority") is not None else _MEDIUM) < _MEDIUM,
        notes=str((details or {}).get("description") or "").strip(),
        steps=_steps((details or {}).get("checklist") or {}),
        assigned=assigned,
        bucket=names.get(str(data.get("bucketId")), ""),
        percent=percent,
        tag=str(data.get("@odata.etag") or ""),
    )


def _steps(checklist: Json) -> tuple[Step, ...]:
    listed = sorted(checklist.items(), key=lambda each: str(each[1].get("orderHint") or ""))
    return tuple(Step(str(s.get("title") or ""), bool(s.get("isChecked")), id) for id, s in listed)


def _day(text: Any) -> date | None:
    return _moment(text).date() if text else None


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))
