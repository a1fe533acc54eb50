"""So many messages a minute: in one process, and in a real Postgres that replicas share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from copilot.hosts.bot.limits import Limits
from tests.bot.chats import Clock


def paces(one: Limits, other: Limits, clock: Clock) -> None:
    async def run() -> None:
        assert [(await limits.take("ada")).ok for limits in (one, other, one)] == [True] * 3
        refused = await other.take("ada")
        assert (refused.ok, refused.seconds, refused.tell) == (False, 20, True)
        assert not (await one.take("ada")).tell  # said once
        assert (await one.take("ben")).ok
        clock.now += 20
        assert (await one.take("ada")).ok
        assert not (await other.take("ada")).ok
        clock.now += 60
        assert [(await one.take("ada")).ok for _ in range(4)] == [True, True, True, False]
        assert (await one.take("ada")).seconds == 20
        clock.now -= 3600  # a clock that goes back lets one through, and keeps nobody out for an hour
        assert [(await each.take("ada")).ok for each in (one, other, one)] == [True, False, False]
        clock.now += 20
        assert [(await one.take("ada")).ok for _ in range(2)] == [True, False]
        clock.now += 3600

    asyncio.run(run())


def test_in_one_process() -> None:
    clock = Clock()
    limits = Limits(3, clock=clock)
    paces(limits, limits, clock)


def test_shared_by_replicas(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    from copilot.jobs.database import Database
    from tests.jobs.postgres import postgres

    clock = Clock()
    with postgres() as server:
        one, other = (Database(server.url, tmp_path) for _ in range(2))
        try:
            paces(Limits(3, one, clock=clock), Limits(3, other, clock=clock), clock)
            clock.now += 10_000
            assert Limits(3, one, clock=clock).forget(60) == 2
        finally:
            one.close()
            other.close()
