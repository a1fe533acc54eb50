"""Watches in the database: what is watched, what is done with it, and which versions of which files are known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from copilot.errors import JobError
from copilot.jobs.job import OPEN, Job, Source, Status
from copilot.jobs.runs import Runs, days_ago
from copilot.jobs.store import Document, Run
from copilot.jobs.tables import tables as run_tables
from copilot.jobs.triggers.schedules import checked
from copilot.jobs.triggers.tables import Tables, insert_new, made, put
from copilot.jobs.workflows import finish_of, work_of

if TYPE_CHECKING:
    import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch. `run` is the id of the run that its documents are added to.

    `existing`: what is there at the start is done, too. `quiet` are the seconds that a file must not have changed for,
    `interval` those between two looks where nothing tells of changes. `detached`: workers do it. `begun`: what was
    there at the start is known.
    """

    name: str
    job: Job
    place: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    by: str = ""
    existing: bool = False
    quiet: float = 2.0
    interval: float = 60.0
    detached: bool = False
    begun: bool = False
    run: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file: its path, the SHA-256 of its content, and by what it is known without being read."""

    source: Source
    digest: str
    stamp: str

    @property
    def ordered(self) -> Source:
        """Return the version as a document of a run."""
        return self.source.model_copy(update={"key": f"{self.source.key}@{self.digest[:16]}"})


class Watches:
    """The watches in the database of runs."""

    def __init__(self, runs: Runs, clock: Callable[[], float] = time.time) -> None:
        self.runs = runs
        self._clock = clock

    @cached_property
    def _t(self) -> Tables:
        self.runs.client.open()
        self.runs.store.runs(1)  # its tables are there before a transaction of ours is open
        return made(self.runs.database)

    # --- what people do -------------------------------------------------------------------------------------------

    def add(self, watch: Watch) -> Watch:
        """Return the watch of that name as it stands, written down if it is new.

        Raises JobError where another work is watched for under the name.
        """
        created = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
        new = replace(watch, name=checked(watch.name), run=watch.run or f"watch-{watch.name}", created=created)
        with self.runs.database.begin() as connection:
            connection.execute(insert_new(self.runs.database, self._t.watches), _row(new))
        found = self.get(watch.name)
        if (found.job, found.place) != (watch.job, watch.place):
            hint = f"Choose another --name, or: everpilot watch remove {watch.name}"
            raise JobError(f"There is a watch {watch.name} with other work already.", hint=hint, code="taken")
        if found.detached != watch.detached:
            self._set(watch.name, detached=watch.detached)
        return replace(found, detached=watch.detached, quiet=watch.quiet, interval=watch.interval)

    def all(self) -> list[Watch]:
        """Return the watches by name."""
        table = self._t.watches
        with self.runs.database.begin() as connection:
            return [_watch(row) for row in connection.execute(table.select().order_by(table.c.name))]

    def get(self, name: str) -> Watch:
        """Return one watch. Raises JobError."""
        found = [each for each in self.all() if each.name == name]
        if not found:
            hint = "List them with: everpilot watch list"
            raise JobError(f"There is no watch {name!r}.", hint=hint, code="unknown_watch")
        return found[0]

    def remove(self, name: str) -> None:
        """Forget a watch and what it knows; its run stays. Raises JobError."""
        found, t = self.get(name), self._t
        with self.runs.database.begin() as connection:
            connection.execute(t.versions.delete().where(t.versions.c.watch == found.name))
            connection.execute(t.watches.delete().where(t.watches.c.name == found.name))

    def _set(self, name: str, **values: Any) -> None:
        table = self._t.watches
        with self.runs.database.begin() as connection:
            connection.execute(table.update().where(table.c.name == name).values(**values))

    # --- versions -------------------------------------------------------------------------------------------------

    def stamps(self, watch: str) -> dict[str, set[str]]:
        """Return by what the known versions of each file are known."""
        versions, found = self._t.versions, dict[str, set[str]]()
        chosen = versions.select().where(versions.c.watch == watch)
        with self.runs.database.begin() as connection:
            for row in connection.execute(chosen):
                found.setdefault(row.path, set()).add(row.stamp)
        return found

    def known(self, watch: str, versions: Sequence[Version]) -> set[tuple[str, str]]:
        """Return which of these are known, each as its path and digest."""
        table = self._t.versions
        paths = [each.source.key for each in versions]
        chosen = table.select().where(table.c.watch == watch, table.c.path.in_(paths))
        with self.runs.database.begin() as connection:
            return {(row.path, row.digest) for row in connection.execute(chosen)}

    def remember(self, watch: str, versions: Iterable[Version]) -> None:
        """Know these from now on, by their new stamps."""
        with self.runs.database.begin() as connection:
            self._remember(connection, watch, versions)

    def _remember(self, connection: sa.Connection, watch: str, versions: Iterable[Version]) -> None:
        rows = [{"watch": watch, "path": v.source.key, "digest": v.digest, "stamp": v.stamp} for v in versions]
        if rows:
            upsert = put(self.runs.database, self._t.versions, ("watch", "path", "digest"), ("stamp",))
            connection.execute(upsert, rows)

    def begin(self, watch: str) -> None:
        """Say that what was there at the start is known."""
        self._set(watch, begun=True)

    def counts(self, watch: Watch) -> int:
        """Return how many versions a watch knows."""
        from sqlalchemy import func, select

        versions = self._t.versions
        with self.runs.database.begin() as connection:
            chosen = select(func.count()).where(versions.c.watch == watch.name)
            return int(connection.execute(chosen).scalar_one())

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, watch: Watch) -> Run:
        """Return the run of a watch, begun if it is not there (any more)."""
        run = self.runs.begin(watch.job, watch.place, title=watch.title, by=watch.by, id=watch.run)
        if not run.listed:
            self.runs.store.mark(run.id, listed=True)
        return run

    def order(self, watch: Watch, versions: Sequence[Version]) -> int:
        """Add versions to the run, known from now on in the same transaction; returns how many were new to it.

        The report is renewed at their end: they begin a new round of the run.
        """
        run, store = self.run(watch), self.runs.store
        round = store.next_round(run.id)

        def then(connection: sa.Connection, documents: Sequence[Document]) -> None:
            self.runs.client.put([work_of(each) for each in documents], connection)
            self._remember(connection, watch.name, versions)

        made = store.add(run.id, [each.ordered for each in versions], then)
        if not made:
            self.remember(watch.name, versions)
        if not store.is_open(run.id):
            self.runs.client.put([finish_of(run.id, round)])
        return len(made)

    def forget(self, days: int) -> int:
        """Forget the documents of watches that ended so many days ago, and return how many; those whose rows a table
        holds stay: it is written anew with all of them. Their versions stay known."""
        before, count = days_ago(days), 0
        for watch in self.all():
            if not watch.place.get("table") and (gone := self.runs.store.thin(watch.run, before)):
                self.runs.client.forget(f"{watch.run}.", before)
                count += gone
        return count

    def at_work(self, watch: Watch) -> set[str]:
        """Return the paths of documents that are still worked on."""
        return {each.source.path for each in self.runs.store.documents(watch.run, OPEN)}

    def results(self, watch: Watch, since: str) -> tuple[set[str], str]:
        """Return the SHA-256 of what the run wrote or may still write, of documents that something happened to since
        a moment, and the last such moment."""
        found: set[str] = set()
        table = run_tables().documents
        chosen = table.select().where(table.c.run == watch.run, table.c.updated >= since)
        chosen = chosen.where(table.c.status != Status.QUEUED.value).order_by(table.c.updated)
        with self.runs.database.begin() as connection:
            for row in connection.execution_options(yield_per=500).execute(chosen):
                edits = json.loads(row.outcome).get("edits", []) if row.outcome else []
                found.update(edit["after"] for edit in edits if edit.get("after"))
                since = row.updated
        return found, since


def _row(each: Watch) -> dict[str, Any]:
    text = {"name": each.name, "title": each.title, "by": each.by, "created": each.created, "run": each.run}
    asked = {"job": each.job.model_dump_json(exclude_defaults=True), "place": json.dumps(each.place)}
    flags = {"existing": each.existing, "detached": each.detached, "begun": each.begun}
    return {**text, **asked, **flags, "quiet": each.quiet, "interval": each.interval}


def _watch(row: Any) -> Watch:
    return Watch(
        row.name,
        Job.model_validate_json(row.job),
        json.loads(row.place),
        row.title,
        row.by,
        bool(row.existing),
        row.quiet,
        row.interval,
        bool(row.detached),
        bool(row.begun),
        row.run,
        row.created,
    )
