"""The tables of runs: what each run is, where every document of it stands, and what came of it.

They lie beside DBOS's in one database, so that a document and the workflow that does it are written in one transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from copilot.errors import JobError
from copilot.jobs.database import Database
from copilot.jobs.job import ENDED, OPEN, Job, Outcome, Source, Status
from copilot.jobs.money import Money
from copilot.jobs.tables import tables
from copilot.workspace.change import sha256

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Documents that are listed, written and read at once.
PAGE = 500
_BEGUN = (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `place` says where its documents lie and what it was given, as the host that began it knew it:
    {folder, folders, given, rows, out, ...}, JSON types. Times are UTC in ISO 8601, "" for not yet.

    Each answer, and each order to go on, begins a new `round`; `finished` is the last one with tables and a report.
    """

    id: str
    job: Job
    place: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    by: str = ""
    created: str = ""
    ended: str = ""
    listed: bool = False
    round: int = 0
    finished: int = -1
    spent: float = 0.0
    notes: tuple[str, ...] = ()
    budget: float | None = None  # as it is now: `resume` may have raised that of the job


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a run. `attempt` counts the orders to do it, `tries` how often it was begun in this order."""

    run: str
    number: int
    source: Source
    status: Status
    attempt: int = 1
    tries: int = 0
    outcome: Outcome | None = None
    worker: str = ""
    updated: str = ""

    @property
    def workflow(self) -> str:
        """Return the id of the workflow that does it."""
        return f"{self.run}.{self.number}.{self.attempt}"

    @property
    def told(self) -> Outcome:
        """What came of it so far, with where it stands."""
        return (self.outcome or Outcome(status=self.status)).model_copy(update={"status": self.status})


class Store(Money):
    """The tables of runs in a database, made when they are not there."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self._clock = clock

    @cached_property
    def _t(self) -> Any:
        made = tables()
        with self.database.begin() as connection:
            if self.database.is_postgres:  # of two that make them at once, one waits
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7165431190)")
            made.metadata.create_all(connection)
        return made

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")

    # --- runs -----------------------------------------------------------------------------------------------------

    def create(self, run: Run, connection: sa.Connection | None = None) -> None:
        """Write down a new run, in the caller's transaction if given one; one that is there is left alone."""
        values = {
            "id": run.id,
            "title": run.title,
            "by": run.by,
            "created": run.created or self._now(),
            "job": run.job.model_dump_json(exclude_defaults=True),
            "place": json.dumps(run.place),
            "budget": run.job.budget,
            "notes": json.dumps(run.notes),
        }
        with nullcontext(connection) if connection is not None else self.database.begin() as writing:
            writing.execute(self._insert_new(self._t.runs).values(**values))

    def run(self, id: str) -> Run:
        """Return the run whose id is, or uniquely starts with, `id`. Raises JobError."""
        runs = self._t.runs
        with self.database.begin() as connection:
            found = connection.execute(runs.select().where(runs.c.id.startswith(id, autoescape=True)).limit(3)).all()
        found = [row for row in found if row.id == id] or found
        if len(found) != 1 or not id:
            what = "Several runs start" if len(found) > 1 and id else "There is no run that starts"
            raise JobError(f"{what} with {id!r}.", hint="List them with: everpilot batch list", code="unknown_run")
        return _run(found[0])

    def runs(self, limit: int = 20) -> list[Run]:
        """Return the runs, the newest first."""
        runs = self._t.runs
        with self.database.begin() as connection:
            return [_run(row) for row in connection.execute(runs.select().order_by(runs.c.created.desc()).limit(limit))]

    def going(self) -> list[str]:
        """Return the ids of the runs that have not ended."""
        runs = self._t.runs
        with self.database.begin() as connection:
            return list(connection.execute(self._select(runs.c.id).where(runs.c.ended == "")).scalars())

    def raise_budget(self, id: str, budget: float) -> None:
        """Give a run another budget, in US dollars."""
        self._set(id, budget=budget)

    def finished(self, id: str, round: int) -> None:
        """Say that the tables and the report of a round are written."""
        self._set(id, finished=round)

    def note(self, id: str, text: str) -> None:
        """Add a note to a run, once."""
        run = self.run(id)
        if text not in run.notes:
            self._set(id, notes=json.dumps([*run.notes, text]))

    def mark(self, id: str, *, listed: bool | None = None, ended: bool | None = None) -> None:
        """Say that all documents of a run are listed, or that it has ended, or goes on."""
        values: dict[str, Any] = {} if listed is None else {"listed": listed}
        self._set(id, **values, **({} if ended is None else {"ended": self._now() if ended else ""}))

    def next_round(self, id: str) -> int:
        """Return the number of a new round of a run, which then has to be finished anew."""
        runs = self._t.runs
        change = runs.update().where(runs.c.id == id).values(round=runs.c.round + 1, ended="").returning(runs.c.round)
        with self.database.begin() as connection:
            return int(connection.execute(change).scalar_one())

    def _set(self, id: str, **values: Any) -> None:
        runs = self._t.runs
        with self.database.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == id).values(**values))

    def forget(self, before: str) -> list[str]:
        """Delete the runs that ended before a moment, and answers as old; returns the ids of the runs."""
        t = self._t
        with self.database.begin() as connection:
            old = self._select(t.runs.c.id).where(t.runs.c.ended != "", t.runs.c.ended < before)
            ids = list(connection.execute(old).scalars())
            connection.execute(t.answers.delete().where(t.answers.c.created < before))
        for id in ids:
            self.delete(id)
        return ids

    def thin(self, id: str, before: str) -> int:
        """Delete the documents of a run that ended before a moment, but for the last: the numbers go on; returns how
        many."""
        documents, uses = self._t.documents, self._t.uses
        with self.database.begin() as connection:
            last = self._select(self._sa.func.max(documents.c.number)).where(documents.c.run == id).scalar_subquery()
            old = documents.c.run == id, documents.c.status.in_([s.value for s in ENDED]), documents.c.updated < before
            gone = connection.execute(documents.delete().where(*old, documents.c.number < last)).rowcount
            left = self._select(documents.c.number).where(documents.c.run == id)
            connection.execute(uses.delete().where(uses.c.run == id, uses.c.number > 0, uses.c.number.not_in(left)))
        return int(gone)

    def delete(self, id: str) -> None:
        """Delete all that is kept of a run."""
        t = self._t
        with self.database.begin() as connection:
            for table in (t.documents, t.blobs, t.uses):
                connection.execute(table.delete().where(table.c.run == id))
            connection.execute(t.runs.delete().where(t.runs.c.id == id))

    # --- documents ------------------------------------------------------------------------------------------------

    def add(
        self, run: str, sources: Sequence[Source], then: Callable[[sa.Connection, Sequence[Document]], None]
    ) -> list[Document]:
        """Write down those of the sources that are new to the run, and do `then` in the same transaction."""
        documents = self._t.documents
        with self.database.begin() as connection:
            self._lock(connection, run)
            keys = [source.key for source in sources]
            there = self._select(documents.c.key).where(documents.c.run == run, documents.c.key.in_(keys))
            known = set(connection.execute(there).scalars())
            last = self._select(self._sa.func.max(documents.c.number)).where(documents.c.run == run)
            first = int(connection.execute(last).scalar() or 0) + 1
            new = list({s.key: s for s in sources if s.key not in known}.values())
            made = [Document(run, first + i, source, Status.QUEUED) for i, source in enumerate(new)]
            if made:
                connection.execute(documents.insert(), [self._row(each) for each in made])
                then(connection, made)
        return made

    def _row(self, each: Document) -> dict[str, Any]:
        return {
            "run": each.run,
            "number": each.number,
            "key": each.source.key,
            "source": each.source.model_dump_json(exclude_defaults=True),
            "status": each.status.value,
            "attempt": each.attempt,
            "tries": 0,
            "updated": "",  # nothing has happened to it
        }

    def document(self, run: str, number: int) -> Document:
        """Return one document. Raises JobError."""
        documents = self._t.documents
        with self.database.begin() as connection:
            where = documents.select().where(documents.c.run == run, documents.c.number == number)
            row = connection.execute(where).one_or_none()
        if row is None:
            raise JobError(f"Run {run} has no document {number}.", code="unknown_document")
        return _document(row)

    def documents(
        self, run: str, statuses: Iterable[Status] = (), *, most: int | None = None, after: int = 0
    ) -> Iterator[Document]:
        """Yield the documents of a run in order, those of some statuses if given; a page is in memory at a time."""
        documents, wanted = self._t.documents, [status.value for status in statuses]
        left = most
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            chosen = documents.select().where(documents.c.run == run, documents.c.number > after)
            chosen = chosen.where(documents.c.status.in_(wanted)) if wanted else chosen
            with self.database.begin() as connection:
                page = connection.execute(chosen.order_by(documents.c.number).limit(size)).all()
            yield from map(_document, page)
            if len(page) < size:
                return
            after, left = page[-1].number, None if left is None else left - len(page)

    def settled(self, run: str, since: str = "") -> Iterator[Document]:
        """Yield the documents that nothing happens to by itself any more, those that came to it since a moment."""
        documents, open_ones = self._t.documents, [status.value for status in OPEN]
        after = (since, 0)
        while True:
            order = self._sa.tuple_(documents.c.updated, documents.c.number)
            chosen = documents.select().where(documents.c.run == run, documents.c.status.not_in(open_ones))
            chosen = chosen.where(order > self._sa.tuple_(*after)) if after[0] else chosen
            with self.database.begin() as connection:
                page = connection.execute(chosen.order_by(documents.c.updated, documents.c.number).limit(PAGE)).all()
            yield from map(_document, page)
            if len(page) < PAGE:
                return
            after = (page[-1].updated, page[-1].number)

    def latest(self, run: str, most: int = 5) -> list[Document]:
        """Return the documents that something happened to last, the newest first."""
        documents = self._t.documents
        begun = documents.c.updated > "", documents.c.status != Status.QUEUED.value
        chosen = documents.select().where(documents.c.run == run, *begun)
        with self.database.begin() as connection:
            rows = connection.execute(chosen.order_by(documents.c.updated.desc()).limit(most)).all()
        return [_document(row) for row in rows]

    def workers(self, run: str) -> tuple[str, ...]:
        """Return the workers of a run, each as its machine and process."""
        documents = self._t.documents
        chosen = self._select(documents.c.worker).where(documents.c.run == run, documents.c.worker != "").distinct()
        with self.database.begin() as connection:
            return tuple(sorted(worker.rpartition("-")[0] for worker in connection.execute(chosen).scalars()))

    def counts(self, run: str) -> dict[Status, int]:
        """Return how many documents stand where; what is none is left out."""
        documents, count = self._t.documents, self._sa.func.count()
        chosen = self._select(documents.c.status, count).where(documents.c.run == run).group_by(documents.c.status)
        with self.database.begin() as connection:
            return {Status(status): number for status, number in connection.execute(chosen)}

    def is_open(self, run: str) -> bool:
        """Return whether something of a run is still to be done by itself, or to be listed."""
        t = self._t
        some = self._select(t.documents.c.number).where(t.documents.c.run == run)
        with self.database.begin() as connection:
            listed = connection.execute(self._select(t.runs.c.listed).where(t.runs.c.id == run)).scalar()
            working = some.where(t.documents.c.status.in_([s.value for s in OPEN])).limit(1)
            return not listed or connection.execute(working).first() is not None

    def begin(self, run: str, number: int, attempt: int, worker: str) -> Document | None:
        """Return the document as it is to be done now, or None: this attempt has its outcome already, or is void."""
        documents = self._t.documents
        change = (
            documents.update()
            .where(*self._this(run, number, attempt), documents.c.status.in_([s.value for s in _BEGUN]))
            .values(status=Status.RUNNING.value, tries=documents.c.tries + 1, worker=worker, updated=self._now())
            .returning(*documents.c)
        )
        with self.database.begin() as connection:
            row = connection.execute(change).one_or_none()
        return _document(row) if row is not None else None

    def end(self, run: str, number: int, attempt: int, outcome: Outcome) -> bool:
        """Write down what came of an attempt and what it cost; returns whether it counts: it does once."""
        t, cost = self._t, outcome.cost or 0.0
        open_ones = [s.value for s in Status if s not in ENDED]
        change = t.documents.update().where(*self._this(run, number, attempt), t.documents.c.status.in_(open_ones))
        values = {"status": outcome.status.value, "outcome": _packed(outcome), "updated": self._now()}
        with self.database.begin() as connection:
            before = self._select(t.documents.c.charged, t.documents.c.reserved).where(
                *self._this(run, number, attempt)
            )
            charged, reserved = connection.execute(before.with_for_update()).one_or_none() or (0.0, 0.0)
            counts = bool(connection.execute(change.values(**values, charged=cost, reserved=0.0)).rowcount)
            if counts and (cost != charged or reserved):
                moved = {"spent": t.runs.c.spent + (cost - charged), "reserved": t.runs.c.reserved - reserved}
                moved["dearest"] = self._sa.case((t.runs.c.dearest < cost, cost), else_=t.runs.c.dearest)
                connection.execute(t.runs.update().where(t.runs.c.id == run).values(**moved))
        return counts

    def keep(self, run: str, number: int, attempt: int, outcome: Outcome, status: Status | None = None) -> bool:
        """Write down how far an attempt has come, and where it stands then; returns whether it was still open."""
        documents = self._t.documents
        open_ones = [s.value for s in OPEN]
        change = documents.update().where(*self._this(run, number, attempt), documents.c.status.in_(open_ones))
        values: dict[str, Any] = {"outcome": _packed(outcome), "updated": self._now()}
        values |= {} if status is None else {"status": status.value}
        with self.database.begin() as connection:
            return bool(connection.execute(change.values(**values)).rowcount)

    def tried(self, run: str, number: int) -> None:
        """Count one more try of a document."""
        documents = self._t.documents
        this = documents.update().where(documents.c.run == run, documents.c.number == number)
        with self.database.begin() as connection:
            connection.execute(this.values(tries=documents.c.tries + 1))

    def again(
        self, run: str, statuses: Iterable[Status], then: Callable[[sa.Connection, Sequence[Document]], None]
    ) -> int:
        """Order the documents of some statuses anew, with `then` in the same transaction; returns how many."""
        return self.order_anew(self.documents(run, statuses), then)

    def order_anew(
        self, documents: Iterable[Document], then: Callable[[sa.Connection, Sequence[Document]], None]
    ) -> int:
        """Order documents anew, those that have not changed meanwhile; see `again`."""
        count = 0
        for page in pages(documents):
            with self.database.begin() as connection:
                ordered = [o for each in page if (o := self._reordered(connection, each)) is not None]
                then(connection, ordered)
            count += len(ordered)
        return count

    def _reordered(self, connection: sa.Connection, each: Document) -> Document | None:
        documents = self._t.documents
        spent = self._select(documents.c.charged).where(*self._this(each.run, each.number, each.attempt))
        kept = float(connection.execute(spent).scalar() or 0.0)
        values = {"status": Status.QUEUED.value, "attempt": each.attempt + 1, "tries": 0, "outcome": None}
        change = documents.update().where(
            *self._this(each.run, each.number, each.attempt), documents.c.status == each.status.value
        )
        paid = {"charged": 0.0, "before": documents.c.before + kept, "updated": self._now()}
        if not connection.execute(change.values(**values, **paid)).rowcount:
            return None
        return Document(each.run, each.number, each.source, Status.QUEUED, each.attempt + 1)

    def settle(
        self, each: Document, status: Status, then: Callable[[sa.Connection], None] = lambda connection: None
    ) -> bool:
        """Give a document another status, with `then` in the same transaction; False if it has changed meanwhile."""
        documents = self._t.documents
        still = (*self._this(each.run, each.number, each.attempt), documents.c.status == each.status.value)
        with self.database.begin() as connection:
            change = documents.update().where(*still).values(status=status.value, updated=self._now())
            done = bool(connection.execute(change).rowcount)
            if done:
                then(connection)
        return done

    def cancel(self, run: str) -> int:
        """Cancel what is not done; returns how many documents were still to be worked on."""
        stopped = sum(count for status, count in self.counts(run).items() if status in OPEN)
        documents, open_ones = self._t.documents, [s.value for s in Status if s not in ENDED]
        change = documents.update().where(documents.c.run == run, documents.c.status.in_(open_ones))
        with self.database.begin() as connection:
            connection.execute(change.values(status=Status.CANCELLED.value, updated=self._now()))
        self.mark(run, listed=True)
        return stopped

    def _this(self, run: str, number: int, attempt: int) -> tuple[Any, ...]:
        c = self._t.documents.c
        return c.run == run, c.number == number, c.attempt == attempt

    # --- bytes and answers ----------------------------------------------------------------------------------------

    def put_blob(self, run: str, data: bytes, number: int = 0) -> str:
        """Keep the bytes that a document becomes until it is saved; returns their SHA-256.

        Documents may become the same; with 0 as `number` they are kept until the run is deleted.
        """
        blobs, digest = self._t.blobs, sha256(data)
        with self.database.begin() as connection:
            connection.execute(self._insert_new(self._t.uses), {"run": run, "digest": digest, "number": number})
            there = self._select(blobs.c.digest).where(blobs.c.run == run, blobs.c.digest == digest)
            if connection.execute(there).first() is None:
                connection.execute(self._insert_new(blobs), {"run": run, "digest": digest, "data": data})
        return digest

    def blob(self, run: str, digest: str) -> bytes:
        """Return kept bytes. Raises JobError when they are not there any more, or are not what was put there."""
        blobs = self._t.blobs
        with self.database.begin() as connection:
            found = connection.execute(
                self._select(blobs.c.data).where(blobs.c.run == run, blobs.c.digest == digest)
            ).scalar()
        if found is None:
            hint = f"Run the document again: everpilot batch retry {run}"
            raise JobError("The new bytes of the document are not kept any more.", hint=hint, code="lost")
        if sha256(content := bytes(found)) != digest:
            hint = "Somebody changed the database. Nothing of it was written."
            raise JobError("The new bytes of the document are not those that were shown.", hint=hint, code="altered")
        return content

    def drop_blob(self, run: str, digest: str, number: int) -> None:
        """Forget the bytes of a document that is saved, unless another one needs them."""
        blobs, uses = self._t.blobs, self._t.uses
        these = uses.c.run == run, uses.c.digest == digest
        with self.database.begin() as connection:
            connection.execute(uses.delete().where(*these, uses.c.number == number))
            if connection.execute(uses.select().where(*these).limit(1)).first() is None:
                connection.execute(blobs.delete().where(blobs.c.run == run, blobs.c.digest == digest))

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what an identical request over identical content was answered with, or None."""
        answers = self._t.answers
        with self.database.begin() as connection:
            found = connection.execute(self._select(answers.c.answer).where(answers.c.key == key)).scalar()
        return json.loads(found) if found else None

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer for the next identical request."""
        answers = self._t.answers
        row = {"key": key, "answer": json.dumps(answer), "created": self._now()}
        with self.database.begin() as connection:
            connection.execute(self._insert_new(answers), row)

    def _insert_new(self, table: Any) -> Any:
        """Return an insert that leaves a row alone which is there already."""
        from sqlalchemy.dialects import postgresql, sqlite

        insert = postgresql.insert if self.database.is_postgres else sqlite.insert
        return insert(table).on_conflict_do_nothing()

    @property
    def _sa(self) -> Any:
        import sqlalchemy

        return sqlalchemy

    def _select(self, *columns: Any) -> Any:
        return self._sa.select(*columns)


def _packed(outcome: Outcome) -> str:
    return outcome.model_dump_json(exclude_defaults=True, exclude_none=True)


def _run(row: Any) -> Run:
    return Run(
        id=row.id,
        job=Job.model_validate_json(row.job),
        place=json.loads(row.place),
        title=row.title,
        by=row.by,
        created=row.created,
        ended=row.ended,
        listed=bool(row.listed),
        round=row.round,
        finished=row.finished,
        spent=row.spent,
        notes=tuple(json.loads(row.notes)),
        budget=row.budget,
    )


def _document(row: Any) -> Document:
    return Document(
        run=row.run,
        number=row.number,
        source=Source.model_validate_json(row.source),
        status=Status(row.status),
        attempt=row.attempt,
        tries=row.tries,
        outcome=Outcome.model_validate_json(row.outcome) if row.outcome else None,
        worker=row.worker,
        updated=row.updated,
    )


def pages(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield documents by so many as are held in memory at once."""
    page: list[Document] = []
    for each in documents:
        page.append(each)
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page
