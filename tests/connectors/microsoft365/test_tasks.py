"""Tasks of To Do and Planner: shown together, changed before and after, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.microsoft365.planner import _task as plan_task
from copilot.connectors.microsoft365.todo import _task as list_task
from copilot.demo.microsoft365 import sample
from copilot.errors import ServiceError, ToolInputError
from tests.connectors.microsoft365.working import Desk
from tests.vendors.graph import Graph


@pytest.fixture
def desk(graph: Graph, tmp_path: Path) -> Desk:
    return Desk(graph, tmp_path)


def todo(graph: Graph) -> list[dict[str, Any]]:
    return [t for owner in graph.state.owners("todoTasks") for t in graph.state.collection("todoTasks", owner)]


def plan(graph: Graph) -> list[dict[str, Any]]:
    return list(graph.state.collection("planTasks"))


def test_all_work_in_one_list(desk: Desk) -> None:
    found = desk.call("tasks.mine")
    assert [(each["title"], each["due"], each["list"]) for each in found.data] == [
        ("Call Ana about the offer", "2026-05-31", "Tasks"),
        ("Collect the Q3 figures", "2026-06-02", "Tasks"),
        ("Put the Q3 sheet together", "2026-06-03", "Budget 2026"),
        ("Archive the ledgers", None, "Year end"),
    ]
    assert "due 2026-05-31 (late)" in found.markdown
    assert "50 % · for Nina Keller" in found.markdown
    assert "tasks, Budget 2026" in desk.label.sources


def test_lists_and_plans(desk: Desk) -> None:
    assert [(each["title"], each["kind"]) for each in desk.call("tasks.list").data] == [
        ("Tasks", "list"),
        ("Year end", "list"),
        ("Budget 2026", "plan"),
    ]
    titles = [each["title"] for each in desk.call("tasks.list", list_name="budget 2026", done=True).data]
    assert titles == ["Put the Q3 sheet together", "Check the sums", "Write the review notes"]
    with pytest.raises(ToolInputError, match="No list or plan named 'Budgets'"):
        desk.call("tasks.list", list_name="Budgets")


def test_a_task_with_steps_and_notes(desk: Desk) -> None:
    found = desk.call("tasks.read", task="Collect the Q3 figures")
    assert found.data["steps"] == [{"text": "Sales", "done": False}, {"text": "IT", "done": True}]
    assert desk.call("tasks.read", task="Archive the ledgers").data["notes"] == "All of 2025"
    with pytest.raises(ToolInputError, match="No open task named 'Book a room'"):
        desk.call("tasks.read", task="Book a room")


def test_a_new_task_of_ones_own(desk: Desk, graph: Graph) -> None:
    asked = {"title": "Call Leo", "due": "friday", "reminder": "2026-06-05T09:00:00+02:00", "steps": ["phone", "note"]}
    made = desk.send("tasks.create", **asked, important=True, notes="about IT")
    assert (made.kind, made.effect, made.recipients) == ("change", "alter", ("list Tasks",))
    assert made.body.splitlines() == [
        "title: Call Leo",
        "due: 2026-06-05",
        "reminder: 2026-06-05T09:00:00+02:00",
        "important: yes",
        "notes: about IT",
        "step: phone",
        "step: note",
    ]
    count = len(todo(graph))
    assert "Made the task" in made.deliver("key-1")
    assert len(todo(graph)) == count + 1
    found = desk.call("tasks.read", task="Call Leo").data
    assert found["reminder"] == "2026-06-05T07:00:00+00:00"
    assert (found["due"], found["notes"], len(found["steps"])) == ("2026-06-05", "about IT", 2)


def test_a_new_task_of_a_plan(desk: Desk, graph: Graph) -> None:
    made = desk.send(
        "tasks.create",
        title="Print it",
        list_name="Budget 2026",
        bucket="review",
        assign=["Sofia Lind", "me"],
        notes="On A3",
        steps=["cut"],
    )
    assert made.recipients == ("plan Budget 2026", "Sofia Lind", "Nina Keller")
    assert "bucket: Review" in made.body
    made.deliver("k")
    found = desk.call("tasks.read", task="Print it").data
    assert (found["bucket"], found["assigned"], found["notes"]) == ("Review", ["Sofia Lind", "Nina Keller"], "On A3")
    assert found["steps"] == [{"text": "cut", "done": False}]


@pytest.mark.parametrize("kind", ["reset", "reset_after", "error_after", "throttle", "gateway"])
@pytest.mark.parametrize("where", ["", "Budget 2026"])
def test_a_task_is_made_once(desk: Desk, graph: Graph, kind: str, where: str) -> None:
    made = desk.send("tasks.create", title="Once", list_name=where, steps=["a"])
    graph.faults.next(kind, method="POST", path="/tasks$")
    made.deliver("key")
    found = [each for each in (plan(graph) if where else todo(graph)) if each["title"] == "Once"]
    assert len(found) == 1
    if not where:  # the same delivery again, as after a crash, is another task only with another key
        assert found[0]["_links"][0]["externalId"] == "key"


@pytest.mark.parametrize("where", ["", "Budget 2026"])
def test_a_task_that_is_made_never_looks_unmade(desk: Desk, graph: Graph, where: str) -> None:
    made = desk.send("tasks.create", title="Once", list_name=where, steps=["a"])
    graph.faults.add("html", method="GET")
    with pytest.raises(ServiceError, match="not known whether") as caught:
        made.deliver("key")
    assert caught.value.code == "uncertain"
    graph.faults.clear()
    assert len([each for each in (plan(graph) if where else todo(graph)) if each["title"] == "Once"]) == 1


@pytest.mark.parametrize(
    ("task", "asked", "rows"),
    [
        ("Call Ana about the offer", {"due": "tomorrow", "important": True},
         ["due: 2026-05-31 -> 2026-06-02", "important: no -> yes"]),
        ("Call Ana about the offer", {"clear": ["due"], "title": "Write to Ana"},
         ["title: Call Ana about the offer -> Write to Ana", "due: 2026-05-31 -> none"]),
        ("Put the Q3 sheet together", {"bucket": "Review", "assign": ["Sofia Lind"], "unassign": ["me"]},
         ["bucket: To do -> Review", "assigned: Nina Keller -> Sofia Lind"]),
        ("Archive the ledgers", {"notes": "All", "steps": ["2024"]},
         ["notes: All of 2025 -> All", "step: none -> 2024"]),
    ],
)  # fmt: skip
def test_a_change_shows_before_and_after(desk: Desk, task: str, asked: dict[str, Any], rows: list[str]) -> None:
    id = next(each["id"] for each in desk.call("tasks.mine").data if each["title"] == task)
    made = desk.send("tasks.change", task=id, **asked)
    assert made.body.splitlines() == rows
    made.deliver("k")
    with pytest.raises(ToolInputError, match="changes nothing"):
        desk.send(
            "tasks.change", task=id, **{k: v for k, v in asked.items() if k not in ("steps", "assign", "unassign")}
        )


@pytest.mark.parametrize("task", ["Call Ana about the offer", "Put the Q3 sheet together"])
def test_done_and_what_changed_meanwhile(desk: Desk, graph: Graph, task: str) -> None:
    made, late = desk.send("tasks.complete", task=task), desk.send("tasks.change", task=task, title="Other")
    assert made.body == "done: no -> yes"
    graph.faults.next("throttle", method="PATCH")
    made.deliver("k1")
    assert task not in [each["title"] for each in desk.call("tasks.mine").data]
    with pytest.raises(ServiceError, match="changed since it was read") as caught:
        late.deliver("k2")
    assert caught.value.code == "conflict"


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"title": " "}, "needs a title"),
        ({"title": "x", "due": "32 May"}, "is no day"),
        ({"title": "x", "reminder": "2026-06-05T09:00:00"}, "with a zone"),
        ({"title": "x", "assign": ["me"]}, "Only tasks of a plan"),
        ({"title": "x", "list_name": "Budget 2026", "reminder": "2026-06-05T09:00:00Z"}, "no reminders"),
        ({"title": "x", "list_name": "Budget 2026", "bucket": "Doing"}, "No bucket named 'Doing' in Budget 2026"),
        ({"title": "x", "list_name": "Budget 2026", "assign": ["Zoe"]}, "'Zoe' is no people"),
    ],
)
def test_what_can_not_be(desk: Desk, asked: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ToolInputError, match=wrong):
        desk.send("tasks.create", **asked)


def test_missing_rights_name_the_command(graph: Graph, tmp_path: Path) -> None:
    reads = Desk(graph, tmp_path, graph.fake.tokens.issue(sample.ME, {"User.Read", "Tasks.Read"}))
    made = reads.send("tasks.create", title="x")
    with pytest.raises(ServiceError, match=r"everpilot login work --add Tasks\.ReadWrite") as caught:
        made.deliver("k")
    assert caught.value.code == "scope"


def test_shapes_of_the_documentation() -> None:
    found = list_task(
        {
            "id": "AlMKX",
            "title": "Shop",
            "status": "inProgress",
            "importance": "low",
            "isReminderOn": True,
            "reminderDateTime": {"dateTime": "2026-05-04T14:00:00.0000000", "timeZone": "Pacific Standard Time"},
            "dueDateTime": {"dateTime": "2026-05-05T16:00:00.0000000", "timeZone": "Eastern Standard Time"},
            "body": {"content": "\r\n", "contentType": "html"},
            "recurrence": {"pattern": {}, "range": {}},
        },
        "todo:L",
        "Home",
    )
    assert (found.id, found.done, found.notes, found.repeats) == ("todo:L:AlMKX", False, "", True)
    assert found.due is not None
    assert found.due.isoformat() == "2026-05-05"
    assert found.reminder is not None
    assert found.reminder.isoformat() == "2026-05-04T14:00:00-07:00"
    held = plan_task(
        {"id": "T", "planId": "P", "title": "x", "percentComplete": 100, "priority": 1, "assignments": {}}, None
    )
    assert (held.id, held.done, held.important, held.list_title) == ("planner:P:T", True, True, "a plan")
