"""Planner: plans, buckets, tasks and their details; each change needs its eTag.

Source: Microsoft Graph v1.0, "Use the Planner REST API".
"""

from __future__ import annotations

from typing import Any

from copilot.demo.microsoft365.call import Answer, Body, Call, created
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import bad_request, forbidden, if_match, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource, State

routes = Routes()

_READ, _WRITE = "Tasks.Read | Group.Read.All", "Tasks.ReadWrite"
_FIELDS = ("title", "bucketId", "percentComplete", "priority", "dueDateTime", "startDateTime", "orderHint")


@routes.get("/users/{user}/planner/plans", needs=_READ)
def plans(call: Call) -> Body:
    """List the plans that are shared with a person."""
    me = call.mailbox()
    return page(call, [_view(p) for p in call.state.collection("plans") if _open(call.state, p, me)], "plans")


@routes.get("/groups/{group}/planner/plans", needs=_READ)
def group_plans(call: Call) -> Body:
    """List the plans of a group."""
    found = [_view(p) for p in call.state.collection("plans") if p["owner"] == call.params["group"]]
    return page(call, found, "plans")


@routes.get("/users/{user}/planner/tasks", needs=_READ)
def mine(call: Call) -> Body:
    """List the tasks that are assigned to a person."""
    me = call.mailbox()
    return page(call, [_view(t) for t in call.state.collection("planTasks") if me in t["assignments"]], "tasks")


@routes.get("/planner/plans/{plan}", needs=_READ)
def plan(call: Call) -> Body:
    """Return a plan."""
    return shape(call, _view(_plan(call)), "plans/$entity")


@routes.get("/planner/plans/{plan}/buckets", needs=_READ)
def buckets(call: Call) -> Body:
    """List the buckets of a plan."""
    plan = _plan(call)["id"]
    return page(call, [_view(b) for b in call.state.collection("buckets") if b["planId"] == plan], "buckets")


@routes.get("/planner/plans/{plan}/tasks", needs=_READ)
def tasks(call: Call) -> Body:
    """List the tasks of a plan."""
    plan = _plan(call)["id"]
    return page(call, [_view(t) for t in call.state.collection("planTasks") if t["planId"] == plan], "tasks")


@routes.post("/planner/tasks", needs=_WRITE)
def add(call: Call) -> Body:
    """Make a task."""
    body = call.json()
    if not str(body.get("title") or "").strip() or not body.get("planId"):
        raise bad_request("The request is invalid: title and planId are required.", "BadRequest")
    plan = call.state.collection("plans").get(str(body["planId"]))
    if plan is None or not _open(call.state, plan, call.grant.user):
        raise forbidden("You do not have the required permissions to access this item.", "Forbidden")
    made = add_task(call.state, body, call.grant.user or "")
    return created(shape(call, _view(made), "tasks/$entity"))


@routes.get("/planner/tasks/{task}", needs=_READ)
def task(call: Call) -> Body:
    """Return a task."""
    return shape(call, _view(_task(call)), "tasks/$entity")


@routes.patch("/planner/tasks/{task}", needs=_WRITE)
def change(call: Call) -> Body:
    """Change a task; nothing comes back unless it is preferred."""
    found = _task(call)
    _matched(call, found)
    body = call.json()
    fields = {k: v for k, v in body.items() if k in _FIELDS}
    if "percentComplete" in fields:
        fields["completedDateTime"] = call.state.stamp() if fields["percentComplete"] == 100 else None
    assigned = dict(found["assignments"])
    for who, how in body.get("assignments", {}).items():
        assigned.pop(who, None)
        assigned.update({who: _assignment(call.state, call.grant.user or "")} if how else {})
    call.state.collection("planTasks").change(found["id"], {**fields, "assignments": assigned, **_next(found)})
    return _changed(call, found, "tasks/$entity")


@routes.get("/planner/tasks/{task}/details", needs=_READ)
def details(call: Call) -> Body:
    """Return the notes and steps of a task, which have an eTag of their own."""
    return shape(call, _view(_details(call)), "tasks/details/$entity")


@routes.patch("/planner/tasks/{task}/details", needs=_WRITE)
def change_details(call: Call) -> Body:
    """Change the notes and steps of a task."""
    found = _details(call)
    _matched(call, found)
    body = call.json()
    steps = {**found["checklist"], **body.get("checklist", {})}
    fields = {"checklist": {k: _step(call, v) for k, v in steps.items() if v is not None}}
    fields.update({k: body[k] for k in ("description", "previewType") if k in body})
    call.state.collection("planDetails").change(found["id"], {**fields, **_next(found)})
    return _changed(call, found, "tasks/details/$entity")


def add_plan(state: State, title: str, group: str, by: str, names: tuple[str, ...]) -> Resource:
    """Return a new plan of a group with its buckets."""
    plan = state.collection("plans").add(
        {
            "title": title,
            "owner": group,
            "createdDateTime": state.stamp(),
            "createdBy": _by(by),
            "container": {
                "containerId": group,
                "type": "group",
                "url": f"https://graph.microsoft.com/v1.0/groups/{group}",
            },
            "_changes": 1,
        },
        "P",
    )
    for name in names:
        bucket = {"name": name, "planId": plan["id"], "orderHint": f"85{state.tick()}", "_changes": 1}
        state.collection("buckets").add(bucket, "B")
    return plan


def add_task(state: State, body: Resource, by: str) -> Resource:
    """Return a new task of a plan, with its empty details."""
    assigned = {who: _assignment(state, by) for who in body.get("assignments", {})}
    made = state.collection("planTasks").add(
        {
            "planId": body["planId"],
            "bucketId": body.get("bucketId"),
            "title": body["title"],
            "orderHint": "8585",
            "assigneePriority": "",
            "percentComplete": body.get("percentComplete", 0),
            "startDateTime": body.get("startDateTime"),
            "createdDateTime": state.stamp(),
            "dueDateTime": body.get("dueDateTime"),
            "hasDescription": False,
            "previewType": "automatic",
            "completedDateTime": None,
            "completedBy": None,
            "referenceCount": 0,
            "checklistItemCount": 0,
            "activeChecklistItemCount": 0,
            "conversationThreadId": None,
            "priority": body.get("priority", 5),
            "createdBy": _by(by),
            "appliedCategories": {},
            "assignments": assigned,
            "_changes": 1,
        },
        "T",
    )
    held = {"id": made["id"], "description": "", "previewType": "automatic", "references": {}, "checklist": {}}
    state.collection("planDetails").add({**held, "_changes": 1})
    return made


def _step(call: Call, step: Resource) -> Resource:
    by = {"lastModifiedDateTime": call.state.stamp(), "lastModifiedBy": _by(call.grant.user or "")}
    return {"@odata.type": "#microsoft.graph.plannerChecklistItem", "isChecked": False, "orderHint": "85", **by, **step}


def _by(user: str) -> Resource:
    return {"user": {"displayName": None, "id": user}}


def _assignment(state: State, by: str) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.plannerAssignment",
        "assignedDateTime": state.stamp(),
        "orderHint": "85",
        "assignedBy": _by(by),
    }


def _matched(call: Call, found: Resource) -> None:
    """Planner takes no change without If-Match, and answers an old one with 409 or 412."""
    if "if-match" not in call.headers:
        raise bad_request("The If-Match header must be specified for this type of request.", "BadRequest")
    if_match(call, _tag(found))


def _changed(call: Call, found: Resource, context: str) -> Body:
    if "return=representation" in call.headers.get("prefer", "").replace(" ", ""):
        return Answer(200, shape(call, _view(found), context))
    return None


def _next(found: Resource) -> Resource:
    return {"_changes": found["_changes"] + 1}


def _tag(found: Resource) -> str:
    return f'W/"JzEtVGFzayAgQEBA{found["_changes"]:04}"'


def _view(found: Resource) -> Resource:
    return {"@odata.etag": _tag(found), **found}


def _open(state: State, plan: Resource, user: str | None) -> bool:
    group = state.groups.get(plan["owner"])
    return user is None or (group is not None and user in group["_members"])


def _plan(call: Call) -> Resource:
    return _found(call, "plans", call.params["plan"])


def _task(call: Call) -> Resource:
    return _found(call, "planTasks", call.params["task"])


def _details(call: Call) -> Resource:
    _task(call)
    return _found(call, "planDetails", call.params["task"])


def _found(call: Call, kind: str, id: str) -> Resource:
    found = call.state.collection(kind).get(id)
    if found is None:
        raise not_found("The requested item is not found.", "NotFound")
    plan = call.state.collection("plans").get(str(found.get("planId") or found["id"]))
    if plan is not None and not _open(call.state, plan, call.grant.user):
        raise forbidden("You do not have the required permissions to access this item.", "Forbidden")
    return found
