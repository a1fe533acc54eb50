"""Who is dead: whoever's lock is free, for long enough that the living could take theirs again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("dbos")

from copilot.jobs.database import Database
from copilot.jobs.presence import GRACE, InPostgres, OnDisk
from tests.jobs.postgres import Postgres, postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def two(server: Postgres, tmp_path: Path) -> Iterator[tuple[InPostgres, InPostgres, Clock]]:
    """A worker that lives, one that looks, and the clock of the second."""
    clock, databases = Clock(), [Database(server.fresh("presence"), tmp_path) for _ in range(2)]
    databases[1] = databases[0].again()
    first, second = InPostgres(databases[0], "first"), InPostgres(databases[1], "second", clock)
    yield first, second, clock
    first.leave()
    second.leave()
    for each in databases:
        each.close()


def looks(presence: InPostgres, clock: Clock, worker: str, seconds: float) -> bool:
    """Look now and after some seconds; whether it is gone then."""
    presence.gone(worker)
    clock.now += seconds
    return presence.gone(worker)


def test_the_living_are_not_gone_however_long_they_say_nothing(two: tuple[InPostgres, InPostgres, Clock]) -> None:
    first, second, clock = two
    assert first.hold()
    assert not looks(second, clock, "first", 3_600.0)


def test_who_ended_is_gone_after_a_while(two: tuple[InPostgres, InPostgres, Clock]) -> None:
    first, second, clock = two
    first.hold()
    first.leave()
    assert not looks(second, clock, "first", GRACE - 0.1)
    assert looks(second, clock, "first", 0.2)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_living_are_not_gone_after_the_server_began_anew(
    two: tuple[InPostgres, InPostgres, Clock], server: Postgres, mode: str
) -> None:
    first, second, clock = two
    first.hold()
    server.down(mode)
    assert not first.hold()  # and no error: the next look tries again
    server.up()
    assert not second.gone("first")
    assert first.hold()
    assert not looks(second, clock, "first", GRACE * 2)


def test_a_lost_session_is_made_anew_in_the_same_look(
    two: tuple[InPostgres, InPostgres, Clock], server: Postgres
) -> None:
    first, second, clock = two
    first.hold()
    with second._database.begin() as connection:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        connection.exec_driver_sql(ended)
    assert first.hold()
    assert not looks(second, clock, "first", GRACE * 2)


def test_on_one_machine_the_system_gives_a_lock_back(tmp_path: Path) -> None:
    first, second = OnDisk(tmp_path, "first"), OnDisk(tmp_path, "second")
    assert first.hold()
    assert first.hold()
    assert not second.gone("first")
    first.leave()
    assert second.gone("first")
    assert second.gone("nobody")
    assert list(tmp_path.iterdir()) == []
