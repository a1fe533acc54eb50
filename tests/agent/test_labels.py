"""A thread's label outlives its messages: what was summarised away still may not go to a model that is not cleared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_core.messages import ToolMessage

from copilot import Copilot
from copilot.settings import ModelSettings, Settings
from tests.acceptance.test_failover import _label

READ = [("documents__read", {"path": "contract.docx"})]


def made(folder: Path, name: str, script: list[Any], clearance: str) -> Copilot:
    model = ModelSettings.model_validate(
        {
            "name": name,
            "provider": "tests.agent.scripted:Scripted",
            "options": {"script": script},
            "max_confidentiality": clearance,
            "window": 18_000,
        }
    )
    return Copilot(folder, settings=Settings(models=[model]))


def test_a_summary_is_as_confidential_as_what_it_was_made_from(office: Path) -> None:
    _label(office / "contract.docx")
    cleared = made(office, "cleared", [READ, *(f"Answer {n}." for n in range(60))], "restricted")
    thread = cleared.ask("read the contract").thread
    for number in range(16):
        final = cleared.ask(f"question {number}: " + "tell me more " * 150, thread=thread)
        assert final.served_by == "cleared", (number, final)
    assert not [m for m in _messages(cleared, thread) if isinstance(m, ToolMessage)], "the reading was summarised away"
    other = made(office, "other", ["Leaked."] * 90, "internal")
    assert other.ask("what did it say?", thread=thread).served_by == "builtin"
    assert other.ask("hello").served_by == "other", "in a thread of its own it may answer"


def _messages(copilot: Copilot, thread: str) -> list[Any]:
    """What the checkpoint of the thread holds, read with LangGraph's own saver."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(copilot.state / "threads.sqlite")) as saver:
        found = saver.get_tuple({"configurable": {"thread_id": thread}})
        assert found is not None
        return list(found.checkpoint["channel_values"]["messages"])
