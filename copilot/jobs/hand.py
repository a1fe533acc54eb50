"""Does the steps of the workflows: each asks the store where the document stands, does the next thing, and says so."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

from copilot.agent.copilot import Copilot
from copilot.errors import ApprovalError, EverpilotError, JobError
from copilot.jobs import ending, feeding
from copilot.jobs.allowed import refuse
from copilot.jobs.database import PASSING as PASSED
from copilot.jobs.database import is_away
from copilot.jobs.deferring import Deferring
from copilot.jobs.engine import Client
from copilot.jobs.job import Edit, Outcome, Status
from copilot.jobs.saving import save
from copilot.jobs.store import Document, Run, Store
from copilot.jobs.templates import renamed
from copilot.jobs.troubles import DISK, waits
from copilot.jobs.work import Desk, faults
from copilot.jobs.work import answer as answered
from copilot.jobs.work import work as worked
from copilot.jobs.work.readers import Readers
from copilot.jobs.work.scratch import clear
from copilot.jobs.workflows import AGAIN, OVER, SAVE, finish_of, in_thread
from copilot.models.occasion import occasion

_log = logging.getLogger(__name__)
#: Codes of errors that may be gone the next time: the same document is tried again.
PASSING = frozenset({"no_model", "slow", "unreachable", "throttled", "locked", "unexpected", "threads", "busy", PASSED})
#: Failures of vendors that say nothing of the document: it waits rather than be set aside.
_OUTAGE = frozenset({"dead", "slow", "rate", "quota", "auth", "config"})
_WAIT = 0.5  # seconds between two looks whether money that others keep is free again
#: The number of the document whose step this is.
_at_hand: ContextVar[int] = ContextVar("everpilot_document", default=0)
_DESKS = 8  # runs whose assistants are kept


class Hand:
    """What one worker process does of runs. `live` are assistants that a script made itself, by the run's id.

    `folders` are those that it opens for others (allowed.py)."""

    def __init__(
        self,
        client: Client,
        store: Store,
        worker: str,
        *,
        folders: Sequence[str] = (),
        state: Path | None = None,
        env: Mapping[str, str] | None = None,
        live: Mapping[str, Copilot] | None = None,
    ) -> None:
        self.client, self.store, self.worker = client, store, worker
        self._folders = tuple(folders)
        self._state = state
        self._env = os.environ if env is None else env
        self._live = live if live is not None else {}
        self._runs: dict[str, Run] = {}
        self._desks: OrderedDict[str, Desk] = OrderedDict()
        self._readers = Readers()
        self._making = asyncio.Lock()

    # --- the steps ------------------------------------------------------------------------------------------------

    async def work(self, run: str, number: int, attempt: int) -> str:
        """Do a document, as far as it goes without a person."""
        document = await in_thread(self.store.begin, run, number, attempt, self.worker)
        if document is None:
            return await self._already(run, number, attempt)
        outcome = await self._outcome(self._run(run), document)
        return await self._settled(self._run(run), document, outcome)

    async def save(self, run: str, number: int, attempt: int) -> str:
        """Write what was approved of a document; again later where somebody has it open."""
        document = await in_thread(self.store.document, run, number)
        if document.attempt != attempt or document.status is not Status.SAVING:
            return await self._over(run)
        outcome = await self._saved(self._run(run), document)
        self._waits("save", outcome)
        if self._passing(outcome) and (_lacks_room(outcome) or document.tries < self._run(run).job.tries):
            await in_thread(self.store.keep, run, number, attempt, outcome)
            await in_thread(self.store.tried, run, number)
            return AGAIN
        return await self._end(self._run(run), document, outcome)

    async def answer(self, run: str, number: int, attempt: int, approve: bool, card: str, by: str) -> str:
        """Go on with a document after what a person said to the card of what would go out."""
        document = await in_thread(self.store.document, run, number)
        if document.attempt != attempt or document.status is not Status.RUNNING:
            return await self._already(run, number, attempt)
        whole, desk = self._run(run), await self._desk(self._run(run))
        _at_hand.set(number)
        try:
            with occasion(thread=desk.thread(document.source.key), pace=self._pace(desk)):
                outcome = await answered(whole.job, document.source, desk, approve=approve, card=card)
        except ApprovalError as error:  # answered before this step broke off: what it led to stands in the thread
            outcome = await worked(whole.job, document.source, desk)
            if error.code == "scratch" and outcome.status is Status.ASKED:
                await in_thread(self.store.note, run, _asked_again(document))
        except EverpilotError as error:
            outcome = faults.failed(error)
        return await self._settled(whole, document, outcome)

    async def submit(self, run: str, mark: str, documents: list[list[int]]) -> dict[str, Any]:
        """Hand documents to a vendor's batch endpoint; see `Deferring.submit`."""
        found: dict[str, Any] = await (await self._deferring(run)).submit(mark, [(n, a) for n, a in documents])
        await self._over(run)
        return found

    async def poll(self, run: str, sent: dict[str, Any]) -> dict[str, Any]:
        """Return how far a batch is; see `Deferring.poll`."""
        return await (await self._deferring(run)).poll(sent)

    async def take(self, run: str, sent: dict[str, Any], last: bool) -> bool:
        """Write down what a batch was answered; see `Deferring.take`."""
        done = await (await self._deferring(run)).take(sent, last)
        await self._over(run)
        return done

    async def _deferring(self, run: str) -> Deferring:
        whole = self._run(run)
        return Deferring(self.store, self.client, whole, await self._desk(whole))

    async def feed(self, run: str) -> int:
        """List the documents of a run and order each; returns how many were new."""
        whole = self._run(run)
        base = await in_thread(self._base, whole)
        count = await in_thread(feeding.feed, self.store, self.client, whole, base)
        await self._over(run)
        return int(count)

    async def finish(self, run: str) -> str:
        """Write the tables and the report of a run, and say so."""
        whole = await in_thread(self.store.run, run)
        base = await in_thread(self._base, whole)
        await in_thread(ending.finish, self.store, whole, base)
        if (await in_thread(self.store.run, run)).ended:
            await in_thread(clear, base.state, run)  # what was cancelled leaves its copy
        return OVER

    # --- one document ---------------------------------------------------------------------------------------------

    async def _outcome(self, run: Run, document: Document) -> Outcome:
        if document.tries > run.job.tries:
            return _worn_out(document)
        try:
            desk = await self._desk(run)
            allowance = await self._allowed(document)
            if allowance is not None and allowance <= 0:
                return _unaffordable(run)
            return await self._worked(run, document, desk, allowance)
        except EverpilotError as error:
            return faults.failed(error)
        except Exception as error:
            if not (is_away(error) or isinstance(error, sqlite3.Error)):
                raise
            return faults.failed(faults.away(error))

    async def _worked(self, run: Run, document: Document, desk: Desk, allowance: float | None) -> Outcome:
        if document.attempt > 1 and document.tries == 1:
            await desk.forget(document.source.key)  # a person ordered it anew
        thread = desk.thread(document.source.key)
        _at_hand.set(document.number)
        more = None if allowance is None else partial(self.store.more, document)
        try:
            async with asyncio.timeout(run.job.seconds) as limit:
                pace = self._pace(desk, _longer(limit))
                with occasion(thread=thread, allowance=allowance, more=more, pace=pace):
                    return await worked(run.job, document.source, desk)
        except TimeoutError:
            text = f"It took longer than {run.job.seconds:.3g} s."
            return Outcome(status=Status.FAILED, error=faults.told("slow", text, "Raise jobs.seconds."))

    async def _allowed(self, document: Document) -> float | None:
        while True:
            given: float | None = await in_thread(self.store.allowance, document)
            if given is None or given != 0.0:
                return given
            await asyncio.sleep(_WAIT)

    def _pace(self, desk: Desk, told: Callable[[float], None] = lambda wait: None) -> Callable[[str], float] | None:
        """Return what says how many seconds a call has to wait; `told` hears of it, too."""
        limits = desk.settings.jobs.per_minute

        def wait(name: str) -> float:
            seconds = self.store.wait(name, limits[name]) if name in limits else 0.0
            if seconds:
                told(seconds)
            return seconds

        return wait if limits else None

    async def _settled(self, run: Run, document: Document, outcome: Outcome) -> str:
        """Write down what came of the work, or that it is to be tried again, or that its change is to be written."""
        where = (document.run, document.number, document.attempt)
        outcome = renamed(run, document.source, outcome)
        self._waits("work", outcome)
        if self._passing(outcome) or await self._is_short(outcome, document):
            if document.tries < run.job.tries:
                await in_thread(self.store.keep, *where, outcome)
                await in_thread(self.store.release, document, outcome.cost or 0.0)  # this try is known to be over
                return AGAIN
            outcome = _set_aside(outcome)
        if outcome.status in (Status.DONE, Status.REVIEW) and run.job.mode == "dry-run":
            outcome = outcome.model_copy(update={"status": Status.DONE})
        elif outcome.status is Status.DONE and outcome.edits:
            await in_thread(self.store.keep, *where, outcome, Status.SAVING)
            return SAVE
        return await self._end(run, document, outcome)

    @staticmethod
    def _passing(outcome: Outcome) -> bool:
        passing = outcome.status is Status.FAILED and (outcome.error or {}).get("code") in PASSING
        return passing or _lacks_room(outcome)

    @staticmethod
    def _waits(what: str, outcome: Outcome) -> None:
        error = outcome.error or {}
        waits(what, f"{error['message']} {error['hint']}" if _lacks_room(outcome) else "")

    async def _is_short(self, outcome: Outcome, document: Document) -> bool:
        """Return whether a document was stopped by the budget while others keep some of it, which they may not need."""
        said = (outcome.error or {}).get("code")
        stopped = said == "budget" or any(each.get("failure") == "budget" for each in outcome.attempts)
        if outcome.status is not Status.HELD or not stopped:
            return False
        return bool(await in_thread(self.store.is_shared, document))

    async def _saved(self, run: Run, document: Document) -> Outcome:
        outcome, desk = document.outcome or Outcome(status=Status.DONE), await self._desk(run)
        outcome = outcome.model_copy(update={"error": None, "status": Status.DONE})
        done: list[Edit] = []
        try:
            for edit in outcome.edits:
                content = await in_thread(self.store.blob, run.id, edit.after) if edit.after else None
                done.append(await in_thread(save, desk.base, run, document.number, edit, content))
        except EverpilotError as error:
            left = outcome.edits[len(done) :]
            return outcome.model_copy(
                update={"status": Status.FAILED, "error": faults.failed(error).error, "edits": done + left}
            )
        return outcome.model_copy(update={"edits": done})

    async def _end(self, run: Run, document: Document, outcome: Outcome) -> str:
        await in_thread(self.store.end, document.run, document.number, document.attempt, outcome)
        if outcome.status not in (Status.ASKED, Status.HELD):
            desk = await self._desk(run)
            await desk.forget(document.source.key)
        if outcome.status is Status.DONE:
            for edit in outcome.edits:
                await in_thread(self.store.drop_blob, run.id, edit.after, document.number)
        return await self._over(run.id)

    async def _already(self, run: str, number: int, attempt: int) -> str:
        """Return how to go on with a document that has its outcome: this step was done, but nobody had noted it."""
        document = await in_thread(self.store.document, run, number)
        if document.attempt == attempt and document.status is Status.SAVING:
            return SAVE
        return await self._over(run)

    async def _over(self, run: str) -> str:
        """Order the end of the run once nothing of it is open."""
        if not await in_thread(self.store.is_open, run):
            await in_thread(self._order_end, run)
        return OVER

    def _order_end(self, run: str) -> None:
        whole = self.store.run(run)
        self.client.put([finish_of(run, whole.round)])

    # --- what runs share ------------------------------------------------------------------------------------------

    def _run(self, id: str) -> Run:
        if id not in self._runs:
            self._runs[id] = self.store.run(id)
        return self._runs[id]

    def _base(self, run: Run) -> Copilot:
        if run.id in self._live:
            return self._live[run.id]
        place = run.place
        refuse(place, self._folders)
        if not Path(place["folder"]).is_dir() and "://" not in place["folder"]:
            hint = "A worker on another machine needs the same folders at the same paths."
            raise JobError(f"The folder {place['folder']} of run {run.id} is not here.", hint=hint, code="elsewhere")
        chosen: dict[str, Any] = {"mode": "yes", "user": place.get("user", ""), "env": self._env, "state": self._state}
        return Copilot(place["folder"], folders=place.get("folders", ()), **chosen)

    async def _desk(self, run: Run) -> Desk:
        async with self._making:
            if run.id not in self._desks:
                base = await in_thread(self._base, run)
                self._desks[run.id] = Desk(
                    base, run.id, blobs=_Blobs(self.store, run.id), answers=self.store, readers=self._readers
                )
            self._desks.move_to_end(run.id)
        return self._desks[run.id]

    async def aclose(self) -> None:
        """End what the desks started."""
        for desk in self._desks.values():
            await desk.aclose()
        self._desks.clear()
        await in_thread(self._readers.close)


class _Blobs:
    """The store's blobs of one run."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run

    def put(self, content: bytes) -> str:
        """Keep the bytes for the document that is worked on here, and return their SHA-256."""
        return self._store.put_blob(self._run, content, _at_hand.get())

    def get(self, digest: str) -> bytes:
        """Return the bytes. Raises JobError when they are not there."""
        return self._store.blob(self._run, digest)


def _worn_out(document: Document) -> Outcome:
    """Return the outcome of a document that was begun as often as it may be."""
    last = document.outcome
    if last is not None and last.error:
        return _set_aside(last)
    text = f"Its worker ended each of the {document.tries - 1} times that it was tried."
    hint = "The file may need more memory than there is: try it alone, with everpilot inspect FILE."
    return Outcome(status=Status.QUARANTINED, error=faults.told("worker_ended", text, hint))


def _longer(limit: asyncio.Timeout) -> Callable[[float], None]:
    """Return what gives the work as much longer as it has to wait for its turn; to be called from any thread."""
    loop = asyncio.get_running_loop()

    def put_off(seconds: float) -> None:
        if (end := limit.when()) is not None and not limit.expired():
            with suppress(RuntimeError):  # the work is over
                limit.reschedule(end + seconds)

    def told(seconds: float) -> None:
        loop.call_soon_threadsafe(put_off, seconds)

    return told


def _asked_again(document: Document) -> str:
    machine = document.worker.rpartition("-")[0] or "another machine"
    name = document.source.path or document.source.key
    return (
        f"{name} was asked about by a worker on {machine}, and its private copy is there: the answer came to another "
        f"worker, which began anew and asks again. Let workers of one machine do what sends something."
    )


def _lacks_room(outcome: Outcome) -> bool:
    """Return whether a document waits for room on a disk: until then nothing of it is lost, or done twice."""
    return (outcome.error or {}).get("code") == DISK


def _set_aside(outcome: Outcome) -> Outcome:
    """Return a failure that came each time: held where only vendors, or a database, failed, else quarantined."""
    if outcome.status is Status.HELD:
        return outcome
    failures = {attempt.get("failure") for attempt in outcome.attempts}
    code = (outcome.error or {}).get("code")
    outage = code == PASSED or (code == "no_model" and failures <= _OUTAGE)
    return outcome.model_copy(update={"status": Status.HELD if outage else Status.QUARANTINED})


def _unaffordable(run: Run) -> Outcome:
    text = f"The run's budget of ${run.job.budget or 0:.4g} is used up."
    hint = f"Go on with more: everpilot batch resume {run.id} --budget DOLLARS"
    return Outcome(status=Status.HELD, error=faults.told("budget", text, hint))
