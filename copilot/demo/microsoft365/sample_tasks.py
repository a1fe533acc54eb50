"""What Nina has to do, and the plan of the finance group."""

from __future__ import annotations

from typing import Any

from copilot.demo.microsoft365 import planner
from copilot.demo.microsoft365.state import State
from copilot.demo.microsoft365.story import moment, when, who
from copilot.demo.microsoft365.tasks import made_task


def fill(state: State) -> None:
    """Add lists, tasks and a plan."""
    nina, tomas, sofia = (who(state, n) for n in ("nina.keller", "tomas.berg", "sofia.lind"))
    for user in state.users:
        _list(state, user["id"], "Tasks", "defaultList")
    mine = next(iter(state.collection("todoLists", nina)))["id"]
    home = _list(state, nina, "Year end", "none")
    soon, late = _day(state, 1), _day(state, -1)
    dues = [when(state, days, "10:00") for days in (2, 2, -1)]
    with state.at(moment(state, -4)):
        steps = [{"displayName": "Sales"}, {"displayName": "IT", "isChecked": True}]
        _task(state, mine, "Collect the Q3 figures", due=soon, importance="high", checklistItems=steps)
        _task(state, mine, "Call Ana about the offer", due=late)
        _task(state, mine, "Book the room", status="completed")
        _task(state, home, "Archive the ledgers", body={"content": "All of 2025", "contentType": "text"})
    finance = state.groups.where(displayName="Finance")[0]["id"]
    with state.at(moment(state, -6)):
        plan = planner.add_plan(state, "Budget 2026", finance, tomas, ("To do", "Review"))["id"]
        todo, review = (b["id"] for b in state.collection("buckets").where(planId=plan))
        for due, (title, bucket, whom, done) in zip(
            dues,
            (
                ("Put the Q3 sheet together", todo, (nina,), 50),
                ("Check the sums", review, (sofia,), 0),
                ("Write the review notes", review, (tomas,), 100),
            ),
            strict=True,
        ):
            body = {"planId": plan, "bucketId": bucket, "title": title, "percentComplete": done}
            about = {"dueDateTime": due, "assignments": {id: {} for id in whom}}
            planner.add_task(state, {**body, **about}, tomas)


def _list(state: State, user: str, name: str, well_known: str) -> str:
    made = {"displayName": name, "isOwner": True, "isShared": False, "wellknownListName": well_known}
    return str(state.collection("todoLists", user).add(made, "AAMk")["id"])


def _task(state: State, list_id: str, title: str, due: Any = None, **more: Any) -> None:
    dated = {"dueDateTime": due} if due else {}
    made = made_task(state.stamp(), {"title": title, **dated, **more}, state.new_id())
    state.collection("todoTasks", list_id).add(made, "AAMk")


def _day(state: State, days: int) -> dict[str, str]:
    return {"dateTime": f"{when(state, days)[:10]}T00:00:00.0000000", "timeZone": "UTC"}
