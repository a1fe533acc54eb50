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


def test_many_that_were_under_way_are_one_outage() -> None:
    time = FakeTime()
    health = Health(clock=time.clock)
    began = time.now
    for _ in range(10):
        time.pass_(0.1)
        health.failed("a", DEAD, began=began)
    circuit = health.circuit("a")
    assert circuit is not None
    assert circuit.row == 1
    assert health.remaining("a") == 5
    time.pass_(5)
    assert health.begin("a", 60)
    health.failed("a", DEAD, began=time.now)
    assert health.remaining("a") == 10


def test_of_many_threads_one_probes() -> None:
    time = FakeTime()
    health = Health(clock=time.clock)
    health.failed("a", DEAD)
    time.pass_(6)
    with ThreadPoolExecutor(16) as pool:
        allowed = list(pool.map(lambda _: health.begin("a", 60), range(64)))
    assert allowed.count(True) == 1
    health.succeeded("a")
    assert all(health.begin("a", 60) for _ in range(5)), "a closed circuit lets everybody through"


def test_of_many_processes_one_probes(tmp_path: Path) -> None:
    time, path = FakeTime(), tmp_path / FILE_NAME
    everyone = [Health(path, time.clock) for _ in range(8)]
    everyone[0].failed("a", DEAD)
    time.pass_(6)
    assert [health.remaining("a") for health in everyone] == [0] * 8, "half open, as all of them see"
    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(lambda health: health.begin("a", 60), everyone))
    assert allowed.count(True) == 1
    prober = everyone[allowed.index(True)]
    prober.failed("a", DEAD, began=time.now)
    assert all(health.remaining("a") == pytest.approx(10) for health in everyone)
    time.pass_(11)
    assert everyone[3].begin("a", 60)
    everyone[3].abandon("a")
    assert everyone[5].begin("a", 60), "who was cancelled lets the next one probe"
    everyone[5].succeeded("a")
    assert all(health.circuit("a") is None for health in everyone)


def test_a_prober_that_died_blocks_nobody_for_ever(tmp_path: Path) -> None:
    time, path = FakeTime(), tmp_path / FILE_NAME
    one, two = Health(path, time.clock), Health(path, time.clock)
    one.failed("a", DEAD)
    time.pass_(6)
    assert one.begin("a", 60)
    assert not two.begin("a", 60)
    time.pass_(61)
    assert two.begin("a", 60)
