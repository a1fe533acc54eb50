"""The turns of a conversation: one at a time, in their order, over several replicas on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from copilot.hosts.bot import line as line_module
from copilot.hosts.bot.keeping import Keeping
from copilot.hosts.bot.line import Line
from copilot.jobs.database import Database


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    database = Database("", tmp_path)
    yield Keeping(database)
    database.close()


class Watch:
    """Turns that note when they begin and end, and end when they are told to."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping
        self.seen: list[str] = []
        self.go: dict[str, asyncio.Event] = {}
        self.placed: dict[str, asyncio.Event] = {}

    async def begins(self, line: Line, id: str, conversation: str = "c") -> asyncio.Task[None]:
        self.go[id], self.placed[id] = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(self._turn(line, id, conversation))
        await self.placed[id].wait()
        return task

    async def _turn(self, line: Line, id: str, conversation: str) -> None:
        async with line.turn(id, conversation, "Ada", self.placed[id].set) as begun:
            if begun is None:
                self.seen.append(f"{id} was over")
                return
            self.seen.append(id)
            await self.go[id].wait()
            self.keeping.end(id)

    async def until(self, *seen: str) -> None:
        async with asyncio.timeout(10):
            while self.seen != list(seen):
                await asyncio.sleep(0.01)


def line_of(keeping: Keeping, parallel: int = 4, *, dead: tuple[str, ...] = ()) -> Line:
    return Line(keeping, parallel, lambda id: id not in dead)


async def test_turns_of_a_conversation_follow_each_other_over_replicas(keeping: Keeping) -> None:
    one, other, watch = line_of(keeping), line_of(keeping), Watch(keeping)
    tasks = [
        await watch.begins(line, id) for line, id in [(one, "1"), (other, "2"), (one, "3"), (one, "4"), (other, "5")]
    ]
    tasks.append(await watch.begins(one, "else", "another"))
    await watch.until("1", "else")
    assert (one.count, other.count) == (2, 2)
    shown = ["1", "else"]
    for id in ("1", "2", "3", "4"):
        watch.go[id].set()
        shown.append(str(int(id) + 1))
        await watch.until(*shown)
    watch.go["5"].set(), watch.go["else"].set()
    await asyncio.gather(*tasks)
    assert (one.count, other.count) == (0, 0)
    assert one._waiting == other._waiting == {}


async def test_only_so_many_are_worked_on_at_once(keeping: Keeping) -> None:
    line, watch = line_of(keeping, 2), Watch(keeping)
    tasks = [await watch.begins(line, str(n), f"conversation {n}") for n in range(4)]
    await watch.until("0", "1")
    watch.go["1"].set()
    await watch.until("0", "1", "2")
    for each in watch.go.values():
        each.set()
    await asyncio.gather(*tasks)


async def test_who_waits_and_is_broken_off_leaves_its_place_to_the_next(keeping: Keeping) -> None:
    line, watch = line_of(keeping), Watch(keeping)
    first, second, third = [await watch.begins(line, each) for each in ("1", "2", "3")]
    await watch.until("1")
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    watch.go["1"].set()
    await first
    assert watch.seen == ["1"]  # the second still has its place: another replica will have it
    again = await watch.begins(line_of(keeping), "2")
    await watch.until("1", "2")
    watch.go["2"].set()
    await watch.until("1", "2", "3")
    watch.go["3"].set()
    await asyncio.gather(again, third)


async def test_a_turn_that_ended_is_not_worked_on_again(keeping: Keeping) -> None:
    line, watch = line_of(keeping), Watch(keeping)
    task = await watch.begins(line, "1")
    watch.go["1"].set()
    await task
    await (await watch.begins(line, "1"))
    assert watch.seen == ["1", "1 was over"]


async def test_a_turn_that_nobody_has_any_more_holds_nobody_up(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workflow failed for good, or was cancelled, and nobody noted that it ended."""
    monkeypatch.setattr(line_module, "_DOUBT", 0.0)
    monkeypatch.setattr(line_module, "_LOOK", 0.01)
    assert keeping.begin("lost", "c", "Ada") is not None
    watch = Watch(keeping)
    waits = await watch.begins(line_of(keeping), "2")
    assert watch.seen == []
    freed = await watch.begins(line_of(keeping, dead=("lost",)), "3")
    await watch.until("2")
    watch.go["2"].set(), watch.go["3"].set()
    await asyncio.gather(waits, freed)


async def test_a_turn_that_waits_knows_what_the_ones_before_it_left(keeping: Keeping) -> None:
    line, watch = line_of(keeping), Watch(keeping)
    task = await watch.begins(line, "1")
    placed = asyncio.Event()

    async def second() -> list[str]:
        async with line.turn("2", "c", "Ada", placed.set) as begun:
            assert begun is not None
            return [each.activity["text"] for each in begun.kept]

    waits = asyncio.create_task(second())
    await placed.wait()
    keeping.keep("c", "1", {"type": "message", "text": "not delivered"})
    watch.go["1"].set()
    assert await waits == ["not delivered"]
    await task
