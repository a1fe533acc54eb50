"""The database of threads that a host keeps open on its event loop."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from copilot.agent.checkpoints import forget_older_in
from copilot.agent.copilot import Copilot
from copilot.agent.kept_open import KeptOpen
from copilot.errors import EverpilotError
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
