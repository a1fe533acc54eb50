"""Circuits, with a clock that is moved by hand."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot.models.failures import Failure
from copilot.models.health import FILE_NAME, Health, of_process
from tests.models.routing import FakeTime

DEAD = Failure("dead", "server error (500)")


def test_opens_half_opens_doubles_and_closes() -> None:
    time = FakeTime()
    health = Health(clock=time.clock)
    assert health.remaining("a") == 0
    health.failed("a", DEAD)
    assert health.remaining("a") == 5
    assert health.remaining("b") == 0
    time.pass_(5)
    assert health.remaining("a") == 0
    health.begin("a", 60)
    assert health.remaining("a") == 60, "only one may probe"
    health.failed("a", DEAD)
    assert health.remaining("a") == 10
    time.pass_(10)
    health.begin("a", 60)
    health.abandon("a")
    assert health.remaining("a") == 0
    health.succeeded("a")
    health.failed("a", DEAD)
    assert health.remaining("a") == 5


def test_another_class_of_failure_starts_anew() -> None:
    health = Health(clock=FakeTime().clock)
    for _ in range(4):
        health.failed("a", DEAD)
    health.failed("a", Failure("slow", "stalled"))
    assert health.remaining("a") == 10


def test_a_soft_failure_opens_nothing() -> None:
    health = Health(clock=FakeTime().clock)
    health.failed("a", Failure("soft", "empty answer"))
    assert health.circuit("a") is None


def test_other_processes_see_it_and_see_it_heal(tmp_path: Path) -> None:
    time, path = FakeTime(), tmp_path / FILE_NAME
    one, two = Health(path, time.clock), Health(path, time.clock)
    assert two.remaining("a") == 0
    one.failed("a", DEAD)
    assert two.remaining("a") == pytest.approx(5)
    time.pass_(6)
    assert Health(path, time.clock).remaining("a") == 0
    two.failed("a", DEAD)
    assert one.remaining("a") == pytest.approx(10), "it counts on from what the other saw"
    two.succeeded("a")
    assert one.remaining("a") == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrong_clock_can_not_keep_a_circuit_open(tmp_path: Path) -> None:
    time, path = FakeTime(), tmp_path / FILE_NAME
    Health(path, time.clock).failed("a", DEAD)
    time.day -= 1_000_000  # the clock was ahead when it was written
    assert Health(path, time.clock).remaining("a") == 5


def test_an_outage_of_yesterday_is_forgotten(tmp_path: Path) -> None:
    time, path = FakeTime(), tmp_path / FILE_NAME
    health = Health(path, time.clock)
    for _ in range(5):
        health.failed("a", DEAD)
    time.pass_(86400)
    fresh = Health(path, time.clock)
    fresh.failed("a", DEAD)
    assert fresh.remaining("a") == 5


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be taken for one" * 20])
def test_a_broken_file_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    health = Health(path, FakeTime().clock)
    assert health.remaining("a") == 0
    health.failed("a", DEAD)
    assert Health(path, FakeTime().clock).remaining("a") > 0


def test_without_a_place_to_write_it_works_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    health = Health(tmp_path / "file" / FILE_NAME, FakeTime().clock)
    health.failed("a", DEAD)
    assert health.remaining("a") == 5


def test_a_locked_file_delays_nobody(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    health = Health(path, FakeTime().clock)
    health.failed("a", DEAD)
    with sqlite3.connect(path, isolation_level=None) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        health.failed("b", DEAD)
        assert health.remaining("b") == 5
    blocker.close()


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    healths = [Health(path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: healths[n % 4].failed(f"m{n % 5}", DEAD), range(40)))
    with sqlite3.connect(path) as base:
        assert base.execute("SELECT count(*) FROM circuits").fetchone() == (5,)
    base.close()


def test_one_health_for_the_process(tmp_path: Path) -> None:
    assert of_process(tmp_path) is of_process(tmp_path)
    assert of_process(tmp_path) is not of_process(None)
