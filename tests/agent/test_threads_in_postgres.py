"""Threads in Postgres: replicas that start at once on an empty database all get their tables, and none a deadlock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint

from copilot.agent import checkpoints
from copilot.agent.copilot import Copilot
from copilot.agent.kept_open import KeptOpen
from copilot.settings import Settings
from tests.agent.scripted import Scripted
from tests.jobs.postgres import postgres


async def test_many_that_make_the_tables_at_once_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The saver makes an index CONCURRENTLY, which waits for every statement that runs, also one that waits for it."""
    monkeypatch.setattr(checkpoints, "_ready", set())

    async def first_thread(dsn: str) -> bool:
        async with checkpoints.checkpoints(Path("unused"), dsn=dsn) as saver:
            return [each async for each in saver.alist(None)] == []

    with postgres() as server:
        dsn = server.fresh("threads")
        assert all(await asyncio.gather(*(first_thread(dsn) for _ in range(6))))
        await old_ones_are_forgotten(dsn)
        await a_turn_is_kept_whole(dsn, tmp_path)


async def old_ones_are_forgotten(dsn: str) -> None:
    said = {
        "a" * 32: "2026-01-01T00:00:00+00:00",
        "b" * 32: "2026-03-01T00:00:00+00:00",
        "chat": "2026-01-01T00:00:00+00:00",
    }
    async with checkpoints.checkpoints(Path("unused"), dsn=dsn) as saver:
        for thread, moment in said.items():
            config: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
            await saver.aput(config, {**empty_checkpoint(), "ts": moment}, {}, {})
        assert await checkpoints.forget_older(dsn, datetime(2026, 2, 1, tzinfo=UTC), "^[0-9a-f]{32}$") == 1
        left = [each.config["configurable"]["thread_id"] async for each in saver.alist(None)]
        assert sorted(left) == ["b" * 32, "chat"]


async def a_turn_is_kept_whole(dsn: str, folder: Path) -> None:
    """Its first steps are not written by themselves, but all that they gave; and what is past can be forgotten."""
    model, kept, thread = Scripted(script=["one", "two", "three"]), KeptOpen(), "c" * 32
    made = Copilot(folder, state=folder / "state", model=model, env={}, settings=Settings(database=dsn))
    made.kept_open = kept
    for said, answer in (("hello", "one"), ("and?", "two")):
        assert (await made.aask(said, thread=thread)).text == answer
    async with checkpoints.checkpoints(Path("unused"), dsn=dsn) as saver:
        steps = [each async for each in saver.alist({"configurable": {"thread_id": thread}})]
    assert len(steps) == 4  # two a turn, of five
    values = steps[0].checkpoint["channel_values"]
    assert [m.text for m in values["messages"]] == ["hello", "one", "and?", "two"]
    assert [words for words, *_ in values["typed"]] == ["hello", "and?"]
    assert await checkpoints.prune(dsn, "^[0-9a-f]{32}$") == 1
    async with checkpoints.checkpoints(Path("unused"), dsn=dsn) as saver:
        assert len([each async for each in saver.alist({"configurable": {"thread_id": thread}})]) == 1
    assert (await made.aask("what did I say?", thread=thread)).text == "three"
    assert [m.text for m in model.seen[-1] if isinstance(m, HumanMessage)] == ["hello", "and?", "what did I say?"]
    await kept.close()
