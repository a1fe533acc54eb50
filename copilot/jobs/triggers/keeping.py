"""What a worker does beside its runs: begins those that schedules and watches ask for."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.errors import EverpilotError
from copilot.jobs.presence import Presence, presence
from copilot.jobs.runs import Runs
from copilot.jobs.triggers.schedules import Schedules
from copilot.jobs.triggers.watches import Watch, Watches
from copilot.jobs.triggers.watching import Watcher

_log = logging.getLogger(__name__)
LOOK = 1.0  # seconds between two looks at the clock
DAY = 86_400.0  # seconds


def presence_of(runs: Runs, watch: str) -> Presence:
    """Return the lock of a watch: one process looks for it at a time."""
    return presence(runs.database, f"watch {watch}")


def opened(place: Mapping[str, Any], state: Path | None = None) -> Copilot:
    """Return an assistant over the folders of a run's place."""
    chosen: dict[str, Any] = {"mode": "yes", "user": place.get("user", ""), "env": os.environ, "state": state}
    return Copilot(place["folder"], folders=place.get("folders", ()), **chosen)


class Keeper:
    """Looks at schedules and detached watches, and once a day forgets what ended more than `keep_days` ago (0: never).

    `told` gets a line for a person when something was begun.
    """

    def __init__(
        self,
        runs: Runs,
        *,
        state: Path | None = None,
        told: Callable[[str], None] = _log.info,
        clock: Callable[[], float] = time.time,
        keep_days: int = 0,
    ) -> None:
        self._runs = runs
        self._keep_days = keep_days
        self._state = state
        self._told = told
        self._clock = clock
        self._schedules = Schedules(runs, clock)
        self._watches = Watches(runs, clock)
        self._kept: dict[str, _Kept] = {}
        self._swept = 0.0

    def look(self) -> None:
        """Begin what is due now. Raises EverpilotError when the database does not answer."""
        for run in self._schedules.tick():
            self._told(f"Began run {run.id} by its schedule.")
        if self._keep_days and self._clock() - self._swept >= DAY:
            self._swept = self._clock()
            self._runs.forget(self._keep_days)
            self._watches.forget(self._keep_days)
        watches = {each.name: each for each in self._watches.all() if each.detached}
        for name in self._kept.keys() - watches.keys():
            self._kept.pop(name).lock.leave()
        for watch in watches.values():
            self._watched(watch)

    def _watched(self, watch: Watch) -> None:
        kept = self._kept.get(watch.name) or _Kept(presence_of(self._runs, watch.name))
        self._kept[watch.name] = kept
        if self._clock() < kept.due or not self._is_here(watch) or not kept.lock.hold():
            return
        try:
            kept.watcher = kept.watcher or Watcher(self._watches, watch, opened(watch.place, self._state))
            if count := kept.watcher.look():
                self._told(f"{watch.name}: {count:,} new or changed.")
            kept.trouble = ""
        except (EverpilotError, OSError) as error:
            kept.say(str(error), self._told, watch.name)
        kept.due = self._clock() + (kept.watcher.pause if kept.watcher else watch.interval)

    @staticmethod
    def _is_here(watch: Watch) -> bool:
        return Path(watch.place["folder"]).is_dir()

    def close(self) -> None:
        """Let others look for the watches."""
        for kept in self._kept.values():
            kept.lock.leave()
        self._kept.clear()


class _Kept:
    """A watch that this process looks for, as long as nobody else does."""

    def __init__(self, lock: Presence) -> None:
        self.lock = lock
        self.watcher: Watcher | None = None
        self.due = 0.0
        self.trouble = ""

    def say(self, trouble: str, told: Callable[[str], None], name: str) -> None:
        if trouble != self.trouble:  # a share that is gone for a night is told once
            told(f"{name} can't be watched now: {trouble}")
        self.trouble = trouble


@contextmanager
def keeping(
    runs: Runs, *, state: Path | None = None, told: Callable[[str], None] = _log.info, keep_days: int = 0
) -> Iterator[None]:
    """Begin runs by schedules and watches inside the block, in a thread, and forget old ones; see `Keeper`."""
    keeper, over = Keeper(runs, state=state, told=told, keep_days=keep_days), threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            try:
                keeper.look()
            except Exception as error:  # noqa: BLE001 - a database that restarts is asked again at the next look
                _log.warning("the look at schedules and watches failed: %s", error)

    thread = threading.Thread(target=look, name="everpilot-triggers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        with suppress(Exception):  # the database may be gone, and the locks with it
            keeper.close()
