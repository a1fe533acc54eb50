"""Documents of a run through the batch endpoint of a vendor: handed over together, answered within a day, for less.

Whatever can't be handed over, or comes back without an answer that fits, is done live, as any other document. The steps
of the workflow `deferred` are the methods of `Deferring`: each can be done again after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from copilot.documents.segments import Reading
from copilot.errors import EverpilotError, ServiceError
from copilot.jobs.engine import Client
from copilot.jobs.job import Job, Outcome, Status
from copilot.jobs.store import Document, Run, Store
from copilot.jobs.work import Desk, reuse
from copilot.jobs.work.deferred import Answered, Deferred, Order, deferred_of, settled
from copilot.jobs.work.extract import Asked, prepared
from copilot.jobs.work.one import opened
from copilot.jobs.workflows import in_thread, work_of
from copilot.models.ledger import ANSWERED
from copilot.workspace.change import sha256

_log = logging.getLogger(__name__)
#: Bytes of requests in one batch; OpenAI takes 200 MB, Anthropic 256 MB, and all of them are in memory at once.
_MOST_BYTES = 64 << 20
#: Refusals after which the batch is not asked for again.
_GONE = frozenset({"unsupported", "invalid"})
#: US dollars that are kept at least, to know a document that is at the vendor.
_LEAST = 1e-9


@dataclass(frozen=True)
class Ready:
    """A document that can be handed over: what is asked about it, what was read, and the SHA-256 of its bytes."""

    document: Document
    asked: Asked
    reading: Reading
    content: str

    @property
    def order(self) -> Order:
        """What is handed over."""
        return Order(_key(self.document), self.asked.requests[0], self.asked.label)

    @property
    def size(self) -> int:
        """About how many bytes it is."""
        return sum(len(str(message.text)) for message in self.order.messages)


class Live(Exception):
    """This document is done live."""


def why_live(job: Job, desk: Desk) -> str:
    """Return why no document of a job can be handed over, "" where they can."""
    if job.recipe is not None:
        return "a recipe works step by step"
    if job.fields is None:
        return "only an extraction of fields can be handed over, without tools"
    try:
        found = deferred_of(desk.router(job))
    except EverpilotError as error:
        return error.message.rstrip(".")
    return "" if found else "the model that comes first has no batch endpoint"


class Deferring:
    """The steps of deferred documents of one run."""

    def __init__(self, store: Store, client: Client, run: Run, desk: Desk) -> None:
        self._store, self._client, self._run, self._desk = store, client, run, desk

    async def submit(self, mark: str, documents: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Hand documents ([number, attempt]) over and return {batch, model, sent, later}.

        `sent` are [number, attempt, SHA-256 of the document], `later` those that the budget has no room for while
        others are under way. The rest is ordered live. Done again, a batch that is known by its mark is not paid twice.
        """
        told: dict[str, Any] = {"batch": "", "model": "", "sent": [], "later": []}
        waiting = [each async for each in self._queued(documents)]
        if why := await in_thread(why_live, self._run.job, self._desk):
            await in_thread(self._store.note, self._run.id, f"Nothing was deferred: {why}.")
            await self._live(waiting)
            return told
        deferred = await in_thread(self._deferred)
        ready, later = await self._gathered(deferred, waiting)
        told["later"] = [[each.number, each.attempt] for each in later]
        if ready:
            await self._handed(deferred, mark, ready, told)
        return told

    async def _queued(self, documents: Iterable[tuple[int, int]]) -> Any:
        for number, attempt in documents:
            each = await in_thread(self._store.document, self._run.id, number)
            if each.attempt == attempt and each.status is Status.QUEUED:
                yield each

    async def _gathered(self, deferred: Deferred, waiting: Sequence[Document]) -> tuple[list[Ready], list[Document]]:
        """Return what is handed over now, and what later; what never can be is ordered live."""
        ready: list[Ready] = []
        later: list[Document] = []
        size = 0
        for each in waiting:
            try:
                made = await self._ready(each, deferred)
            except (Live, EverpilotError) as error:
                _log.info("%s is done live: %s", each.source.key, error)
                await self._live([each])
                continue
            size += made.size
            most = max(await in_thread(deferred.most, made.order), _LEAST)
            room = "full" if size > _MOST_BYTES and ready else await in_thread(self._store.reserve, each, most)
            if room == "kept":
                ready.append(made)
            elif room == "full":
                later.append(each)
            else:
                await self._live([each])
        return ready, later

    async def _handed(self, deferred: Deferred, mark: str, ready: Sequence[Ready], told: dict[str, Any]) -> None:
        try:
            batch = await deferred.found(mark) or await deferred.submit([each.order for each in ready], mark)
        except EverpilotError as error:
            await in_thread(self._store.note, self._run.id, f"Nothing was deferred: {error.message}")
            await self._live([each.document for each in ready])
            return
        for each in ready:
            event = {"event": "deferred", "thread": self._run.id, "model": deferred.name, "status": batch}
            self._desk.recorded({**event, "file": each.document.source.path})
        sent = [[each.document.number, each.document.attempt, each.content] for each in ready]
        told.update(batch=batch, model=deferred.name, sent=sent)

    async def _ready(self, document: Document, deferred: Deferred) -> Ready:
        """Return a document as it is handed over. Raises Live, and what reading it raises."""
        job, source, desk = self._run.job, document.source, self._desk
        file = await desk.read(source.path) if source.path else None
        content = file.sha256 if file else sha256(b"")
        if job.reuse and await in_thread(self._store.get, reuse.key_of(job, source, content, desk.models)):
            raise Live("it was answered before")
        reading, name, label = await opened(source, file, desk)
        asked = await in_thread(prepared, job, source, reading, name, label, desk)
        if len(asked.requests) != 1:
            raise Live("it is too long for one request")
        made = Ready(document, asked, reading, content)
        if why := deferred.barred(made.order):
            raise Live(f"{deferred.name} {why}")
        return made

    async def poll(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Return how far a batch is: {ended, done, failed, total, stop, trouble}; `stop`: the run was cancelled."""
        told: dict[str, Any] = {"ended": False, "done": 0, "failed": 0, "total": len(sent["sent"])}
        try:
            deferred = await in_thread(self._deferred, sent["model"])
            counts = await in_thread(self._store.counts, self._run.id)
            if counts.get(Status.CANCELLED):
                with suppress(ServiceError):  # it may be over, or was cancelled by the person's own command
                    await deferred.cancel(sent["batch"])
                return {**told, "ended": True, "stop": True}
            found = await deferred.poll(sent["batch"])
        except EverpilotError as error:
            return {**told, "ended": error.code in _GONE, "trouble": error.message}
        return {**told, "ended": found.ended, "done": found.done, "failed": found.failed}

    async def take(self, sent: dict[str, Any], last: bool) -> bool:
        """Write down what the vendor answered, and order the rest live; returns False if it has to be asked again.

        With `last` whatever can't be fetched counts as not answered.
        """
        found: dict[str, Answered] = {}
        try:
            deferred = await in_thread(self._deferred, sent["model"])
            async for answer in deferred.results(sent["batch"]):
                found[answer.key] = answer
        except EverpilotError as error:
            if not last and error.code not in _GONE:
                return False
            text = f"The answers of a batch at {sent['model']} can't be fetched; they are asked for live."
            await in_thread(self._store.note, self._run.id, f"{text} {error.message}")
        for number, attempt, content in sent["sent"]:
            async for each in self._queued([(number, attempt)]):
                await self._taken(each, content, found.get(_key(each)), deferred)
        return True

    async def _taken(self, each: Document, content: str, answer: Answered | None, deferred: Deferred) -> None:
        """Write down one answer; a document without one that fits is done live."""
        outcome = None
        if answer is not None:
            try:
                outcome = await self._outcome(each, content, answer, deferred)
            except (Live, EverpilotError) as error:
                _log.info("%s is done live: %s", each.source.key, error)
            spent = deferred.spent(answer, ANSWERED if outcome else "unfit", thread=self._run.id, user=self._run.by)
            await in_thread(self._desk.router(self._run.job).ledger.add, spent)
        if outcome is None:
            await in_thread(self._store.release, each, (answer.cost or 0.0) if answer else 0.0)
            await self._live([each])
            return
        await in_thread(self._store.end, each.run, each.number, each.attempt, outcome)

    async def _outcome(self, each: Document, content: str, answer: Answered, deferred: Deferred) -> Outcome | None:
        """Return what an answer makes of a document. Raises Live where the document has changed since it was read."""
        ready = await self._ready(each, deferred)
        if ready.content != content:
            raise Live("it has changed since it was handed over")
        outcome = settled(ready.asked, answer, ready.reading, deferred.name)
        if outcome is None or outcome.status is not Status.DONE:
            return None
        job = self._run.job
        if job.reuse and (kept := reuse.kept(outcome, each.source)) is not None:
            await in_thread(self._store.put, reuse.key_of(job, each.source, content, self._desk.models), kept)
        return outcome

    async def _live(self, documents: Sequence[Document]) -> None:
        if documents:
            await in_thread(self._client.put, [work_of(each) for each in documents])

    def _deferred(self, name: str = "") -> Deferred:
        """Return the endpoint. Raises SettingsError, or ServiceError where the model has none any more."""
        router = self._desk.router(self._run.job)
        found = deferred_of(router.preferring(name) if name else router)
        if found is None or (name and found.name != name):
            raise ServiceError(f"{name or 'The model'} has no batch endpoint any more.", code="unsupported")
        return found


async def cancel(job: Job, desk: Desk, batches: Iterable[dict[str, Any]]) -> list[str]:
    """Have vendors stop batches ({batch, model}) that have not ended; returns what could not be stopped, and why."""
    trouble = []
    for each in batches:
        try:
            found = deferred_of(desk.router(job).preferring(each["model"]))
            if found is not None and not each.get("ended"):
                await found.cancel(each["batch"])
        except EverpilotError as error:
            trouble.append(f"{each['model']}, {each['batch']}: {error.message}")
    return trouble


def _key(document: Document) -> str:
    return f"d{document.number}-{document.attempt}"
