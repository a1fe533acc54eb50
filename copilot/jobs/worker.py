"""A worker of runs in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from copilot.agent.copilot import Copilot
from copilot.jobs import workflows
from copilot.jobs.engine import Queue, Worker
from copilot.jobs.hand import Hand
from copilot.jobs.runs import Runs
from copilot.sections.jobs import JobSettings

_log = logging.getLogger(__name__)


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

    `live` are assistants of a script, by the run's id; `more` are further queues of this worker. Raises SettingsError
    when the database can't be used.
    """
    queues = workflows.queues(settings.parallel, settings.everywhere or None)
    worker = Worker(runs.database, [*queues, *more], told)
    hand = Hand(runs.client, runs.store, worker.id, at_once=settings.parallel, state=state, env=env, live=live)
    workflows.use(hand)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(patience)
        asyncio.run(hand.aclose())
