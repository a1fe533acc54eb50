"""The database of threads that a host keeps open on its event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.outputs import ChatResult

from copilot.agent.checkpoints import forget_older_in
from copilot.agent.copilot import Copilot
from copilot.agent.events import Final
from copilot.agent.kept_open import KeptOpen
from copilot.errors import EverpilotError
from copilot.settings import Settings
from tests.agent.scripted import Scripted


def assistant(folder: Path, kept: KeptOpen, *script: str) -> Copilot:
    made = Copilot(folder, state=folder / "state", model=Scripted(script=list(script)), env={})
    made.conversations, made.kept_open = folder / "conversations.sqlite", kept
    return made


def count(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as db:
        return dict(db.execute("SELECT thread_id, count(*) FROM checkpoints GROUP BY thread_id").fetchall())


async def test_conversations_of_many_lie_in_one_file_and_do_not_grow_with_each_turn(tmp_path: Path) -> None:
    kept = KeptOpen()
    made = [assistant(tmp_path, kept, "one", "two", "three") for _ in range(2)]
    sizes = []
    for _ in range(3):
        assert {(await each.aask("hello", thread=f"t{n}")).text for n, each in enumerate(made)}
        sizes.append(count(made[0].conversations))
    assert (await made[1].aask("and?", thread="t0")).text == "three"  # the script's last: all turns of it are known
    assert sizes[1] == sizes[2]
    assert set(sizes[2]) == {"t0", "t1"}
    assert stat.S_IMODE(made[0].conversations.stat().st_mode) == 0o600
    await made[0].aforget("t0")
    assert set(count(made[0].conversations)) == {"t1"}
    await kept.close()
    assert (
        await assistant(tmp_path, KeptOpen(), "one", "two", "three", "four").aask("hello", thread="t1")
    ).text == "four"


async def test_conversations_in_which_nothing_was_said_for_long_are_forgotten(tmp_path: Path) -> None:
    kept = KeptOpen()
    made = assistant(tmp_path, kept, "one")
    assert forget_older_in(made.conversations, datetime.now(UTC)) == 0  # there is no file
    await made.aask("hello", thread="t0")
    now = datetime.now(UTC)
    assert forget_older_in(made.conversations, now - timedelta(minutes=1)) == 0
    assert forget_older_in(made.conversations, now + timedelta(minutes=1)) == 1
    assert count(made.conversations) == {}
    await kept.close()


async def test_a_file_that_is_no_database_is_told_of(tmp_path: Path) -> None:
    made = assistant(tmp_path, KeptOpen(), "one")
    made.conversations.write_bytes(b"not a database at all, but a text of some length" * 20)
    with pytest.raises(EverpilotError, match=r"not a database"):
        await made.aask("hello")


class Broken(Scripted):
    """Fails until its vendor is there again."""

    down: bool = True

    def _generate(self, *args: Any, **more: Any) -> ChatResult:
        if self.down:
            raise ConnectionError("the vendor is gone")
        return super()._generate(*args, **more)


async def test_what_was_said_before_the_model_failed_is_known_to_the_next_turn(tmp_path: Path) -> None:
    kept, model = KeptOpen(), Broken(script=["one"])
    made = Copilot(
        tmp_path, state=tmp_path / "state", model=model, env={}, settings=Settings(routing={"builtin": False})
    )
    made.kept_open = kept
    failed = await made.aask("the first words", thread="t0")
    assert failed.error
    model.down = False
    assert (await made.aask("and now?", thread="t0")).text == "one"
    assert [m.text for m in model.seen[-1] if isinstance(m, HumanMessage)] == ["the first words", "and now?"]
    await kept.close()


class Waiting(Scripted):
    """Says nothing, for as long as it is waited for."""

    async def _agenerate(self, *args: Any, **more: Any) -> ChatResult:
        self.seen.append(args[0])
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_turn_that_is_killed_before_the_model_spoke_begins_anew(tmp_path: Path) -> None:
    """What the process that dies holds is lost with it: here it is never released."""
    kept = KeptOpen()
    await assistant(tmp_path, kept, "one").aask("hello", thread="t0")
    waits = assistant(tmp_path, kept)
    waits._model = model = Waiting(script=[])
    waits.prepare()
    turn = waits.turn_in(kept.file(waits.conversations, waits.serializer), "t0")
    task = asyncio.create_task(anext(turn.say("again", [], id="m1")))
    async with asyncio.timeout(20):
        while not model.seen:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    after = assistant(tmp_path, kept, "one", "two")
    final = [event async for event in after.astream("again", thread="t0", message_id="m1")][-1]
    assert isinstance(final, Final)
    assert final.text == "two"
    assert [m.text for m in after._model.seen[-1] if isinstance(m, HumanMessage)] == ["hello", "again"]  # type: ignore[union-attr]
    again = [event async for event in after.astream("again", thread="t0", message_id="m1")][-1]
    assert isinstance(again, Final)
    assert again.text == "two"  # told again, not asked again
    assert len(after._model.seen) == 1  # type: ignore[union-attr]
    await kept.close()


async def test_a_turn_that_is_stopped_before_the_model_spoke_is_kept(tmp_path: Path) -> None:
    kept = KeptOpen()
    waits = assistant(tmp_path, kept)
    waits._model = model = Waiting(script=[])
    task = asyncio.create_task(waits.aask("hello", thread="t0"))
    async with asyncio.timeout(20):
        while not model.seen:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    after = assistant(tmp_path, kept, "one")
    await after.aask("and now?", thread="t0")
    assert [m.text for m in after._model.seen[-1] if isinstance(m, HumanMessage)] == ["hello", "and now?"]  # type: ignore[union-attr]
    await kept.close()
