"""To Do: lists, tasks, steps. Source: Microsoft Graph v1.0, "Use the Microsoft To Do API"."""

from __future__ import annotations

from typing import Any

from copilot.demo.microsoft365.call import Body, Call, created
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import Refusal, bad_request, if_match, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Collection, Resource

routes = Routes()

_READ, _WRITE = "Tasks.Read", "Tasks.ReadWrite"
_STATUSES = ("notStarted", "inProgress", "completed", "waitingOnOthers", "deferred")
_EMPTY: dict[str, Any] = {"content": "", "contentType": "text"}
#: What can be set of a task.
_FIELDS = (
    "title",
    "body",
    "importance",
    "isReminderOn",
    "status",
    "categories",
    "dueDateTime",
    "startDateTime",
    "reminderDateTime",
    "recurrence",
)


@routes.get("/users/{user}/todo/lists", needs=_READ)
def lists(call: Call) -> Body:
    """List the lists of a person."""
    return page(call, call.state.collection("todoLists", call.mailbox()), "users/todo/lists")


@routes.get("/users/{user}/todo/lists/{list}", needs=_READ)
def list_(call: Call) -> Body:
    """Return a list."""
    return shape(call, _list(call), "users/todo/lists/$entity")


@routes.get("/users/{user}/todo/lists/{list}/tasks", needs=_READ)
def tasks(call: Call) -> Body:
    """List the tasks of a list, the newest first."""
    found = [_view(each) for each in _tasks(call)]
    expand = {"checklistItems": _steps, "linkedResources": _links}
    return page(call, reversed(found), "users/todo/lists/tasks", size=20, expand=expand)


@routes.post("/users/{user}/todo/lists/{list}/tasks", needs=_WRITE)
def add(call: Call) -> Body:
    """Make a task."""
    body = call.json()
    made = add_task(call, _tasks(call), body)
    return created(shape(call, _view(made), "users/todo/lists/tasks/$entity"))


@routes.get("/users/{user}/todo/lists/{list}/tasks/{task}", needs=_READ)
def task(call: Call) -> Body:
    """Return a task."""
    expand = {"checklistItems": _steps, "linkedResources": _links}
    return shape(call, _view(_task(call)), "users/todo/lists/tasks/$entity", expand)


@routes.patch("/users/{user}/todo/lists/{list}/tasks/{task}", needs=_WRITE)
def change(call: Call) -> Body:
    """Change a task."""
    found = _task(call)
    if_match(call, _tag(found), code="ErrorIrresolvableConflict")
    _checked(fields := {k: v for k, v in call.json().items() if k in _FIELDS})
    if "status" in fields:
        now = {"dateTime": call.state.stamp().rstrip("Z") + ".0000000", "timeZone": "UTC"}
        fields["completedDateTime"] = now if fields["status"] == "completed" else None
    _touched(call, found, fields)
    return shape(call, _view(found), "users/todo/lists/tasks/$entity")


@routes.delete("/users/{user}/todo/lists/{list}/tasks/{task}", needs=_WRITE)
def remove(call: Call) -> Body:
    """Delete a task."""
    _tasks(call).remove(_task(call)["id"])
    return None


@routes.get("/users/{user}/todo/lists/{list}/tasks/{task}/checklistItems", needs=_READ)
def steps(call: Call) -> Body:
    """List the steps of a task."""
    return page(call, _steps(_task(call)), "users/todo/lists/tasks/checklistItems")


@routes.post("/users/{user}/todo/lists/{list}/tasks/{task}/checklistItems", needs=_WRITE)
def add_step(call: Call) -> Body:
    """Add a step."""
    found, name = _task(call), call.json().get("displayName")
    if not name:
        raise bad_request("displayName is required.", "invalidRequest")
    made = {
        "id": call.state.new_id(),
        "displayName": str(name),
        "isChecked": bool(call.json().get("isChecked")),
        "createdDateTime": call.state.stamp(),
    }
    _touched(call, found, {"_steps": [*found["_steps"], made]})
    return created(shape(call, made, "users/todo/lists/tasks/checklistItems/$entity"))


def add_task(call: Call, held: Collection, body: Resource) -> Resource:
    """Return a new task with what a body says of it. Raises the 400."""
    if not str(body.get("title") or "").strip():
        raise bad_request("The property 'title' is required.", "invalidRequest")
    _checked(body)
    return held.add(made_task(call.state.stamp(), body, call.state.new_id()), "AAMk")


def made_task(stamp: str, body: Resource, tag: str) -> Resource:
    """Return a task as To Do keeps it."""
    links = [{"id": f"{tag}-{n}", **each} for n, each in enumerate(body.get("linkedResources", ()))]
    steps = [
        {"isChecked": False, **each, "id": f"{tag}-s{n}", "createdDateTime": stamp}
        for n, each in enumerate(body.get("checklistItems", ()))
    ]
    return {
        "importance": "normal",
        "isReminderOn": False,
        "status": "notStarted",
        "title": "",
        "createdDateTime": stamp,
        "lastModifiedDateTime": stamp,
        "hasAttachments": False,
        "categories": [],
        "body": _EMPTY,
        **{k: v for k, v in body.items() if k in _FIELDS},
        "_links": links,
        "_steps": steps,
        "_changes": 1,
    }


def _checked(body: Resource) -> None:
    if body.get("status", "completed") not in _STATUSES or body.get("importance", "low") not in (
        "low",
        "normal",
        "high",
    ):
        raise bad_request("Requested value was not found.", "invalidRequest")
    for name in ("dueDateTime", "startDateTime", "reminderDateTime"):
        when = body.get(name)
        if when is not None and not (isinstance(when, dict) and when.get("dateTime") and when.get("timeZone")):
            raise bad_request(f"Invalid value for {name}.", "invalidRequest")


def _touched(call: Call, task: Resource, fields: Resource) -> None:
    more = {"lastModifiedDateTime": call.state.stamp(), "_changes": task["_changes"] + 1}
    _tasks(call).change(task["id"], {**fields, **more})


def _list(call: Call) -> Resource:
    found = call.state.collection("todoLists", call.mailbox()).get(call.params["list"])
    if found is None:
        raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
    return found


def _tasks(call: Call) -> Collection:
    return call.state.collection("todoTasks", _list(call)["id"])


def _task(call: Call) -> Resource:
    found = _tasks(call).get(call.params["task"])
    if found is None:
        raise Refusal(404, "itemNotFound", "Item not found", inner={"code": "ErrorItemNotFound"})
    return found


def _tag(task: Resource) -> str:
    return f'W/"{task["id"][-12:]}{task["_changes"]}"'


def _view(task: Resource) -> Resource:
    shown = {k: v for k, v in task.items() if v is not None}
    return {"@odata.etag": _tag(task), **shown}


def _steps(task: Resource) -> list[Resource]:
    return list(task["_steps"])


def _links(task: Resource) -> list[Resource]:
    return list(task["_links"])
