"""Threads in Postgres: replicas that start at once on an empty database all get their tables, and none a deadlock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint

from copilot.agent import checkpoints
from tests.jobs.postgres import postgres


async def test_many_that_make_the_tables_at_once_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The saver makes an index CONCURRENTLY, which waits for every statement that runs, also one that waits for it."""
    monkeypatch.setattr(checkpoints, "_ready", set())

    async def first_thread(dsn: str) -> bool:
        async with checkpoints.checkpoints(Path("unused"), dsn=dsn) as saver:
            return [each async for each in saver.alist(None)] == []

    with postgres() as server:
        dsn = server.fresh("threads")
        assert all(await asyncio.gather(*(first_thread(dsn) for _ in range(6))))
        await old_ones_are_forgotten(dsn)


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
