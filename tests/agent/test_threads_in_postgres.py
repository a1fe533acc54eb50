"""Threads in Postgres: replicas that start at once on an empty database all get their tables, and none a deadlock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

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
