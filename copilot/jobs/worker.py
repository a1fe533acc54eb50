"""A worker of runs in this process: one, whoever in it needs one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.errors import JobError
from copilot.jobs import troubles, workflows
from copilot.jobs.engine import Queue, Worker
from copilot.jobs.hand import Hand
from copilot.jobs.runs import Runs
from copilot.jobs.work import sweep
from copilot.sections.jobs import JobSettings

_log = logging.getLogger(__name__)


@dataclass
class _Working:
    worker: Worker
    hand: Hand
    users: int = 1
    live: dict[str, Copilot] = field(default_factory=dict)


_now: list[_Working] = []
_guard = threading.Lock()


@contextmanager
def working(
    runs: Runs,
    settings: JobSettings,
    *,
    state: Path | None = None,
    env: Mapping[str, str] | None = None,
    live: Mapping[str, Copilot] | None = None,
    more: Sequence[Queue] = (),
    told: Callable[[str], None] = _log.info,
    patience: int = 0,
) -> Iterator[Worker]:
    """Work on runs inside the block; at its end what runs has `patience` seconds, and the rest is left to others.

    `live` are assistants of a script, by the run's id; `more` are further queues of this worker. Blocks side by side
    share the worker. Raises SettingsError when the database can't be used, JobError while one works on another.
    """
    with _guard:
        if _now and _now[0].worker.database.address != runs.database.address:
            raise JobError("This process works on runs of another database already.", code="busy")
        if _now:
            _now[0].users += 1
        else:
            _now.append(_begun(runs, settings, state, env, more, told))
        _now[0].live.update(live or {})
    working = _now[0]
    try:
        yield working.worker
    finally:
        with _guard:
            working.users -= 1
            if not working.users:
                _now.clear()
                working.worker.stop(patience)
                asyncio.run(working.hand.aclose())
                troubles.over()


def _begun(
    runs: Runs,
    settings: JobSettings,
    state: Path | None,
    env: Mapping[str, str] | None,
    more: Sequence[Queue],
    told: Callable[[str], None],
) -> _Working:
    queues = workflows.queues(settings.parallel, settings.everywhere or None)
    live: dict[str, Copilot] = {}
    own = Runs(runs.database.again())  # it outlives the block that happened to be the first
    worker = Worker(own.database, [*queues, *more], told)
    chosen: dict[str, Any] = {"folders": settings.folders}
    hand = Hand(own.client, own.store, worker.id, state=state, env=env, live=live, **chosen)
    worker.buried = own.store.bury
    workflows.use(hand)
    worker.start()
    sweep(state or runs.database.state, own.store.going)
    return _Working(worker, hand, live=live)
