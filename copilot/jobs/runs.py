"""Runs as hosts handle them: begun, looked at, answered, gone on with, tried again, cancelled."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import JobError
from copilot.jobs.database import Database
from copilot.jobs.ending import FOLDER as REPORTS
from copilot.jobs.engine import Client
from copilot.jobs.job import OPEN, Job, Status
from copilot.jobs.report.digest import Answer, Shown
from copilot.jobs.store import Document, Run, Store, pages
from copilot.jobs.workflows import answer_of, batches, feed_of, finish_of, saving_of, works_of

if TYPE_CHECKING:
    import sqlalchemy as sa

#: What is ordered anew by `retry`, and by `resume`.
FAILED = (Status.FAILED, Status.QUARANTINED)
HELD = (Status.HELD,)


@dataclass(slots=True)
class Answered:
    """What became of an answer: how many documents were accepted and declined, and which had changed since."""

    accepted: int = 0
    declined: int = 0
    stale: list[str] = field(default_factory=list)


class Runs:
    """The runs in a database. Nothing is worked on here: workers do that, in this process or elsewhere."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = Store(database)
        self.client = Client(database)

    def begin(self, job: Job, place: Mapping[str, Any], *, title: str = "", by: str = "", id: str = "") -> Run:
        """Write down a new run and return it; its documents are listed by `order`, or by feeding.feed.

        With the `id` of a run that is there already (a trigger that fired twice) that one is returned.
        """
        made = Run(id or secrets.token_hex(4), job, dict(place), title=title or _title(job), by=by)
        self.store.create(made)
        return self.store.run(made.id)

    def same(self, job: Job, place: Mapping[str, Any]) -> list[str]:
        """Return the ids of the last runs that do the same work with the same documents and are not at their end."""
        names = ("folder", "given", "rows", "table")
        where = [place.get(name) for name in names]
        alike = [run for run in self.store.runs() if not run.ended and [run.place.get(name) for name in names] == where]
        return [run.id for run in alike if run.job == job and self.store.is_open(run.id)]

    def order(self, run: Run) -> None:
        """Have a worker list the documents of a run."""
        self.client.put([feed_of(run.id, run.round)])

    def resume(self, id: str, *, budget: float | None = None) -> int:
        """Go on with what is held, with what an error of the engine left undone, and with the listing if it was broken
        off; returns how many documents that are.

        What was under way goes on by itself, as soon as there is a worker. `budget` raises that of the run.
        """
        run = self._going(id)
        self._note_recipe(run)
        if budget is not None:
            self.store.raise_budget(run.id, budget)
        count = self.store.again(run.id, HELD, self._order(run.job)) + self._revive(run)
        self._next_round(run)
        return count

    def retry(self, id: str, statuses: Iterable[Status] = FAILED) -> int:
        """Try again what failed; returns how many documents that are."""
        run = self._going(id)
        self._note_recipe(run)
        count = self.store.again(run.id, statuses, self._order(run.job))
        self._next_round(run)
        return count

    def cancel(self, id: str) -> int:
        """Stop a run: what is written stays, what waits is declined, and nothing more is begun."""
        run = self.store.run(id)
        stopped = self.store.cancel(run.id)
        for page in pages(self.store.documents(run.id, (Status.CANCELLED,))):
            self.client.cancel([each.workflow for each in page])
        self.store.next_round(run.id)
        self.client.put([finish_of(run.id, self.store.run(run.id).round)])
        return stopped

    # --- answers --------------------------------------------------------------------------------------------------

    def shown(self, id: str, digest: str = "") -> Shown:
        """Return what the report with this digest showed, or what waits now. Raises ApprovalError, JobError."""
        run = self.store.run(id)
        if digest:
            return Shown.from_bytes(self.store.blob(run.id, digest), digest)
        now = Shown(run.id)
        for each in self.store.documents(run.id, (Status.REVIEW, Status.ASKED)):
            now.add(each.source, each.told)
        return now

    def answer(self, answer: Answer, by: str, audit: Callable[[dict[str, Any]], Any] = lambda event: None) -> Answered:
        """Do what a person answered to a report: each document only if it is still what was shown.

        `audit` is told of each, before anything is written. Raises JobError for an unknown run.
        """
        self.client.open()
        run, said = self.store.run(answer.run), Answered()
        for each in self.store.documents(run.id, (Status.REVIEW, Status.ASKED)):
            verdict = answer.verdict(each.source, each.told)
            if verdict == "stale":
                said.stale.append(each.source.path or each.source.key)
            elif verdict != "unanswered":
                audit(_answered(run, each, answer, verdict, by))
                if self._take(each, verdict == "accepted", by):
                    said.accepted += verdict == "accepted"
                    said.declined += verdict == "declined"
        self._next_round(run)
        return said

    def _take(self, each: Document, accepted: bool, by: str) -> bool:
        """Have an answer of one document done, in one transaction; False when it was answered meanwhile."""
        if each.status is Status.ASKED:
            cards = each.outcome.cards if each.outcome else []
            work = [answer_of(each, accepted, str(card.get("digest", "")), by) for card in cards[:1]]
            return self.store.settle(each, Status.RUNNING, lambda connection: self.client.put(work, connection))
        if not accepted:
            return self.store.settle(each, Status.REJECTED)
        return self.store.settle(each, Status.SAVING, lambda connection: self.client.put([saving_of(each)], connection))

    # --- the way on -----------------------------------------------------------------------------------------------

    def _order(self, job: Job) -> Callable[[sa.Connection, Sequence[Document]], None]:
        return lambda connection, documents: self.client.put(works_of(job, documents), connection)

    def _revive(self, run: Run) -> int:
        """Order anew what counts as under way and whose workflow ended with an error; returns how many documents."""
        broken = self.client.failed(f"{run.id}.")
        left = [each for each in self.store.documents(run.id, OPEN) if each.workflow in broken] if broken else []
        for each in left:
            if each.status is Status.SAVING:  # as it was approved
                self.client.put([replace(saving_of(each), id=f"{each.workflow}.save.{run.round + 1}")])
        begun = [each for each in left if each.status is not Status.SAVING]
        return len(left) - len(begun) + self.store.order_anew(begun, self._order(run.job))

    def _going(self, id: str) -> Run:
        self.client.open()
        run = self.store.run(id)
        if self.store.counts(run.id).get(Status.CANCELLED):
            raise JobError(f"Run {run.id} was cancelled.", hint="Begin a new one.", code="cancelled")
        return run

    def _note_recipe(self, run: Run) -> None:
        """Say in the run if the file of its recipe is another one now."""
        if run.job.recipe and run.place.get("recipe"):
            from copilot.jobs.recipes.reading import changed
            from copilot.jobs.recipes.recipe import Recipe

            if told := changed(Recipe.of(run.job.recipe), Path(run.place["recipe"])):
                self.store.note(run.id, told)

    def batches(self, id: str) -> list[dict[str, Any]]:
        """Return the batches of a run at vendors: {batch, model, ended, done, failed, total, trouble}."""
        return batches(self.client, id)

    def _next_round(self, run: Run) -> None:
        """Have the run ended anew, with its listing gone on with if that was broken off."""
        round = self.store.next_round(run.id)
        if not run.listed:
            self.client.put([feed_of(run.id, round)])
        elif not self.store.is_open(run.id):
            self.client.put([finish_of(run.id, round)])

    def is_open(self, id: str) -> bool:
        """Return whether something is still to be done without a person, the report included."""
        run = self.store.run(id)
        return self.store.is_open(run.id) or self.store.run(run.id).finished < run.round

    def forget(self, days: int) -> list[str]:
        """Delete what is kept of runs that ended so many days ago, with their reports in the state folder; returns
        their ids."""
        self.client.open()
        gone = self.store.forget(days_ago(days))
        for id in gone:
            self._forget_rest(id)
        return gone

    def remove(self, id: str) -> None:
        """Delete what is kept of a run; its documents and their history stay."""
        self.client.open()
        self.store.delete(id)
        self._forget_rest(id)

    def _forget_rest(self, id: str) -> None:
        self.client.forget(f"{id}.")  # else a run of the same id, as a watch has it, would find its work done
        (self.database.state / REPORTS / f"{id}.html").unlink(missing_ok=True)

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()
        self.database.close()


def days_ago(days: float) -> str:
    """Return the moment so many days ago, as the store writes moments."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


def open_ones(counts: Mapping[Status, int]) -> int:
    """Return how many documents are still worked on."""
    return sum(count for status, count in counts.items() if status in OPEN)


def _title(job: Job) -> str:
    if job.recipe:
        return str(job.recipe.get("name", "recipe"))
    return " ".join(job.prompt.split())[:80]


def _answered(run: Run, each: Document, answer: Answer, verdict: str, by: str) -> dict[str, Any]:
    told = {"thread": run.id, "tool": "batch", "file": each.source.path, "approval": answer.shown}
    return {
        "event": "decision",
        **told,
        "verdict": "allow" if verdict == "accepted" else "deny",
        "status": verdict,
        "actor": by,
    }
