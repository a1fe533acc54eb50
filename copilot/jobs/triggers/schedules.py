"""Schedules: runs that begin by the clock, each time once, however many workers look at it.

A schedule holds when it is due next. Who moves that on, in one transaction with the new run, has begun it; whoever
comes second finds that it was moved. So nothing needs to be remembered elsewhere, and a time that nobody was there for
is seen by the first worker that is.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from copilot.errors import JobError
from copilot.jobs.job import Job
from copilot.jobs.runs import Runs
from copilot.jobs.store import Run
from copilot.jobs.triggers.cron import Cron
from copilot.jobs.triggers.tables import Tables, insert_new, made
from copilot.jobs.workflows import feed_of

if TYPE_CHECKING:
    import sqlalchemy as sa

CatchUp = Literal["none", "last", "all"]
#: Seconds after which a time counts as missed.
LATE = 120.0
_AT_ONCE = 100  # missed times that are made up for in one look
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule. `due` is the next time (Unix seconds), `last` the id of the run that it began last.

    `catch_up` says what becomes of times while no worker ran; `overlap`, whether a run begins while the last one is
    still at work. `note` is what became of the last time, where nothing was begun.
    """

    name: str
    cron: Cron
    job: Job
    place: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    by: str = ""
    catch_up: CatchUp = "last"
    overlap: bool = False
    paused: bool = False
    due: float = 0.0
    last: str = ""
    note: str = ""
    created: str = ""


def checked(name: str) -> str:
    """Return a name that a schedule or watch can have. Raises JobError."""
    if not NAME.fullmatch(name):
        hint = "Small letters, digits and -, at most 40: nightly-invoices."
        raise JobError(f"{name!r} can't be its name.", hint=hint, code="usage")
    return name


class Schedules:
    """The schedules in the database of runs. `clock` tells Unix seconds."""

    def __init__(self, runs: Runs, clock: Callable[[], float] = time.time) -> None:
        self._runs = runs
        self._clock = clock

    @cached_property
    def _t(self) -> Tables:
        self._runs.client.open()
        self._runs.store.runs(1)  # its tables are there before a transaction of ours is open
        return made(self._runs.database)

    # --- what people do -------------------------------------------------------------------------------------------

    def add(self, schedule: Schedule) -> Schedule:
        """Write down a new schedule and return it as it stands. Raises JobError when its name is taken."""
        checked(schedule.name)
        new = replace(schedule, due=schedule.cron.after(self._clock()), created=_iso(self._clock()))
        table = self._t.schedules
        with self._runs.database.begin() as connection:
            if not connection.execute(insert_new(self._runs.database, table), _row(new)).rowcount:
                hint = f"Choose another name, or: everpilot schedule remove {new.name}"
                raise JobError(f"There is a schedule {new.name} already.", hint=hint, code="taken")
        return new

    def all(self) -> list[Schedule]:
        """Return the schedules by name."""
        table = self._t.schedules
        with self._runs.database.begin() as connection:
            return [_schedule(row) for row in connection.execute(table.select().order_by(table.c.name))]

    def get(self, name: str) -> Schedule:
        """Return one schedule. Raises JobError."""
        found = [each for each in self.all() if each.name == name]
        if not found:
            hint = "List them with: everpilot schedule list"
            raise JobError(f"There is no schedule {name!r}.", hint=hint, code="unknown_schedule")
        return found[0]

    def pause(self, name: str) -> None:
        """Begin nothing until it is resumed. Raises JobError."""
        self._set(self.get(name).name, paused=True)

    def resume(self, name: str) -> Schedule:
        """Go on with the next time from now, and return the schedule: while it paused nothing was missed."""
        found = self.get(name)
        self._set(name, paused=False, due=found.cron.after(self._clock()), note="")
        return self.get(name)

    def remove(self, name: str) -> None:
        """Forget a schedule; its runs stay. Raises JobError."""
        table = self._t.schedules
        with self._runs.database.begin() as connection:
            connection.execute(table.delete().where(table.c.name == self.get(name).name))

    def fire(self, name: str) -> Run:
        """Begin a run of a schedule now, beside its times, and return it. Raises JobError."""
        found = self.get(name)
        run = _run(found, self._clock(), "now-")
        with self._runs.database.begin() as connection:
            self._begin(connection, run)
        self._set(name, last=run.id)
        return run

    def _set(self, name: str, **values: Any) -> None:
        table = self._t.schedules
        with self._runs.database.begin() as connection:
            connection.execute(table.update().where(table.c.name == name).values(**values))

    # --- what workers do ------------------------------------------------------------------------------------------

    def tick(self) -> list[Run]:
        """Begin what is due, and return the runs that this look began."""
        table, now = self._t.schedules, self._clock()
        with self._runs.database.begin() as connection:
            due = connection.execute(table.select().where(table.c.due <= now, table.c.paused.is_(False))).all()
        return [run for row in due for run in self._due(_schedule(row), now)]

    def _due(self, each: Schedule, now: float) -> list[Run]:
        times = self._times(each, now)
        busy = not each.overlap and self._is_open(each.last)
        if busy and each.catch_up == "all" and now - each.due > LATE:
            return []  # missed ones are made up for one after the other
        if each.catch_up == "all" and not each.overlap:
            times = times[:1]
        following = each.cron.after(times[-1] if each.catch_up == "all" else now)
        if busy:
            return self._left_out(each, following, f"{_told(times[-1], each)} was left out: {each.last} was at work.")
        if each.catch_up == "none" and now - times[-1] > LATE:
            return self._left_out(each, following, f"{_told(times[-1], each)} was missed: no worker ran.")
        return self._begun(each, following, [_run(each, time) for time in times])

    @staticmethod
    def _times(each: Schedule, now: float) -> list[float]:
        """Return the times up to now that count: all of them (of very many the first), or the last one."""
        if each.catch_up == "all":
            return [each.due, *islice(each.cron.times(each.due, now), _AT_ONCE - 1)]
        return [each.cron.last(each.due, now)]

    def _begun(self, each: Schedule, following: float, runs: list[Run]) -> list[Run]:
        with self._runs.database.begin() as connection:
            if not self._move(connection, each, due=following, last=runs[-1].id, note=""):
                return []
            for run in runs:
                self._begin(connection, run)
        return runs

    def _left_out(self, each: Schedule, following: float, note: str) -> list[Run]:
        with self._runs.database.begin() as connection:
            moved = self._move(connection, each, due=following, note=note)
        if moved and each.last:
            self._runs.store.note(each.last, f"{each.name}: {note}")
        return []

    def _move(self, connection: sa.Connection, each: Schedule, **values: Any) -> bool:
        """Move a schedule on, and return whether nobody else had."""
        c = self._t.schedules.c
        still = (c.name == each.name, c.due == each.due, c.paused.is_(False))
        return bool(connection.execute(self._t.schedules.update().where(*still).values(**values)).rowcount)

    def _begin(self, connection: sa.Connection, run: Run) -> None:
        self._runs.store.create(run, connection)
        self._runs.client.put([feed_of(run.id, 0)], connection)

    def _is_open(self, run: str) -> bool:
        try:
            return bool(run) and self._runs.is_open(run)
        except JobError:
            return False  # it is forgotten


def _run(each: Schedule, moment: float, more: str = "") -> Run:
    """Return the run of a time. The same time is the same run."""
    at = datetime.fromtimestamp(moment, UTC)
    id = f"{each.name}-{more}{at:%Y%m%dT%H%M%S}Z"
    job = each.job.model_copy(update={"to": each.job.to.replace("{run}", id)})
    place = {name: _filled(value, id) for name, value in each.place.items() if name in ("table", "report", "ours")}
    return Run(id, job, {**each.place, **place}, title=each.title or each.name, by=each.by)


def _filled(value: Any, run: str) -> Any:
    return [_filled(each, run) for each in value] if isinstance(value, list) else str(value).replace("{run}", run)


def _told(moment: float, each: Schedule) -> str:
    from zoneinfo import ZoneInfo

    return f"{datetime.fromtimestamp(moment, ZoneInfo(each.cron.zone)):%Y-%m-%d %H:%M}"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _row(each: Schedule) -> dict[str, Any]:
    text = {"name": each.name, "title": each.title, "by": each.by, "created": each.created, "note": each.note}
    times = {"cron": each.cron.text, "zone": each.cron.zone, "catch_up": each.catch_up, "due": each.due}
    asked = {"job": each.job.model_dump_json(exclude_defaults=True), "place": json.dumps(each.place)}
    return {**text, **times, **asked, "overlap": each.overlap, "paused": each.paused, "last": each.last}


def _schedule(row: Any) -> Schedule:
    return Schedule(
        row.name,
        Cron(row.cron, row.zone),
        Job.model_validate_json(row.job),
        json.loads(row.place),
        row.title,
        row.by,
        row.catch_up,
        bool(row.overlap),
        bool(row.paused),
        row.due,
        row.last,
        row.note,
        row.created,
    )
