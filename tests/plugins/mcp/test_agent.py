"""Tools of servers in a plan: what the policy makes of them, and what is done after an approval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.agent.plan import Call, Runner
from copilot.agent.step import Step
from copilot.trust.labels import UNKNOWN, USER, Confidentiality, Label
from tests.plugins.mcp.conftest import Desk, raw

Make = Callable[..., Desk]


def staged(desk: Desk, tool: str, label: Label, mode: str = "ask", **args: str) -> tuple[Runner, Step]:
    tools = {t.name: t for skill in desk.offered.skills for t in skill.tools}
    runner = Runner(tools, desk.workspace)
    (step,) = runner.stage([Call("1", tool, dict(args), "key")], mode=mode, label=label)
    return runner, step


def test_a_reading_tool_runs_on_the_person_s_words(desk: Make, tmp_path: Path) -> None:
    made = desk()
    made.offer(raw(tmp_path))
    _, step = staged(made, "raw.echo", USER, text="hello")
    assert (step.status, step.text) == ("done", "hello")
    assert step.label.tainted


def test_words_of_documents_go_to_a_server_only_where_it_is_cleared_and_then_they_are_asked_about(
    desk: Make, tmp_path: Path
) -> None:
    made = desk()
    made.offer(raw(tmp_path))
    _, step = staged(made, "raw.echo", UNKNOWN, text="from a document")
    assert step.status == "denied"
    made.offer(replace(raw(tmp_path), max_confidentiality=Confidentiality.INTERNAL))
    runner, step = staged(made, "raw.echo", UNKNOWN, text="from a document")
    assert step.status == "ask"
    assert "echo" not in (tmp_path / "log.txt").read_text().split()
    runner.commit([step], thread="t")
    assert (step.status, step.text) == ("done", "from a document")


@pytest.mark.parametrize("mode", ["ask", "auto", "yes"])
def test_a_changing_tool_is_always_asked_and_done_once(desk: Make, tmp_path: Path, mode: str) -> None:
    made = desk()
    made.offer(raw(tmp_path))
    runner, step = staged(made, "raw.note", USER, mode, text="remember this")
    assert step.status == "ask"
    assert "note" not in (tmp_path / "log.txt").read_text().split()
    (shown,) = step.shown
    assert any("remember this" in hunk["after"] for hunk in shown["hunks"])
    for _ in range(2):
        runner.commit([step], thread="t")
    assert step.status == "done"
    assert "remember this" in step.text
    assert (tmp_path / "log.txt").read_text().split().count("note") == 1


def test_a_call_that_broke_off_is_not_told_as_done(desk: Make, tmp_path: Path) -> None:
    made = desk()
    made.offer(raw(tmp_path))
    runner, step = staged(made, "raw.dies_changing", USER)
    runner.commit([step], thread="t")
    assert step.status == "failed"
    assert "may have" in step.text
    runner.commit([step], thread="t")
    assert (tmp_path / "log.txt").read_text().split().count("dies_changing") == 1
