"""A worker that is told of new work looks at once, and goes on looking."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

pytest.importorskip("dbos")

from copilot.jobs.database import Database
from copilot.jobs.engine import NAME, Queue, Work, Worker, _Alarm, _dbos


def waiting(event: threading.Event, name: str) -> tuple[threading.Thread, list[bool]]:
    """A thread of this name that waits for the event for half a minute, and what it is told."""
    told: list[bool] = []
    made = threading.Thread(target=lambda: told.append(event.wait(30)), name=name, daemon=True)
    made.start()
    return made, told


def test_a_bell_wakes_the_threads_of_queues_and_is_no_order_to_stop() -> None:
    alarm = _Alarm.of(threading.Event())
    queue, heard = waiting(alarm, f"queue-worker-{NAME}-x")
    manager, ordered = waiting(alarm, "manager of the queues")
    alarm.ring()
    queue.join(20)
    assert heard == [False]
    manager.join(0.2)
    assert ordered == [], "whoever waits for the order to stop hears no bell"
    alarm.set()
    manager.join(20)
    assert ordered == [True]


def test_work_that_is_put_while_a_worker_starts_is_done_long_before_the_next_look(tmp_path: Path) -> None:
    done, dbos = threading.Semaphore(0), _dbos().DBOS

    @dbos.workflow(name="test-engine-bell")  # type: ignore[untyped-decorator]
    def note(number: int) -> int:
        done.release()
        return number

    database = Database("", tmp_path)
    worker = Worker(database, [Queue("everpilot-test-bell", here=2, poll=60.0)])
    worker.start()
    try:
        for number in range(3):
            worker.client.put([Work("test-engine-bell", "everpilot-test-bell", f"bell-{number}", (number,))])
            worker.wake()
            assert done.acquire(timeout=30), f"work {number} waits for the next look"
    finally:
        worker.stop()
        database.close()
