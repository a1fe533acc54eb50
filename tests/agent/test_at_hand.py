"""A model is told of the skills that can do something here; the others are listed, and say what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot import Copilot
from copilot.settings import parsed

ELSEWHERE = {"mail", "calendar", "teams", "people", "search", "tasks", "files"}


def names(office: Path, data: dict[str, object]) -> set[str]:
    return {skill.name for skill in Copilot(office, settings=parsed(data, "test")).at_hand.skills}


def test_without_an_account_nothing_is_offered_that_needs_one(office: Path) -> None:
    found = names(office, {})
    assert {"word", "excel", "powerpoint", "documents"} <= found
    assert not found & (ELSEWHERE | {"web"})
    assert {skill.name for skill in Copilot(office).skills.skills} >= ELSEWHERE


@pytest.mark.parametrize(
    ("connector", "more"),
    [("microsoft365", ELSEWHERE), ("imap", {"mail"}), ("caldav", {"calendar"})],
)
def test_an_account_brings_what_its_connector_serves(office: Path, connector: str, more: set[str]) -> None:
    assert names(office, {"accounts": {"work": {"connector": connector}}}) & ELSEWHERE == more


@pytest.mark.parametrize("data", [{"trust": {"hosts": ["learn.microsoft.com"]}}, {"web": {"engine": "brave"}}])
def test_the_web_is_offered_where_something_of_it_may_be_asked(office: Path, data: dict[str, object]) -> None:
    assert "web" in names(office, data)


def test_a_tool_without_its_account_says_what_to_set_up(office: Path) -> None:
    outcome = Copilot(office).call("mail.search", {"query": "budget"})
    assert outcome["status"] == "failed"
    assert "everpilot login" in outcome["error"]["message"]


def test_a_state_folder_that_is_not_there_is_made(office: Path, tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    assert Copilot(office, state=state).ask("what is the total of Revenue in sales.xlsx?").error is None
    assert state.stat().st_mode & 0o077 == 0
