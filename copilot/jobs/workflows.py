"""The durable workflows of a run: one for each document, one that lists them, one that ends the run.

    document   work (a step: tried again, held, or done) → save (a step, where the change is approved beforehand)
    save       what a person approved of one document
    answer     what a person said to something that would go out
    feed       lists the documents, a page after the other
    deferred   documents handed to a vendor's batch endpoint → asked for, for up to a day → answers taken, the rest live
    finish     tables and report, once nothing is open

A step that was done is not done again; one that was under way when its worker died is. So each begins by asking the
store where the document stands, and what it writes is bound to the attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, Any

from copilot.errors import SettingsError
from copilot.jobs.engine import Client, Queue, Work, _dbos
from copilot.jobs.job import Job
from copilot.jobs.store import Document
from copilot.jobs.troubles import AGAIN as WAITS
from copilot.jobs.troubles import DISK, waits

if TYPE_CHECKING:
    from copilot.jobs.hand import Hand

_log = logging.getLogger(__name__)
DOCUMENTS = "everpilot-documents"
RUNS = "everpilot-runs"
BATCHES = "everpilot-batches"
#: Seconds before a document is tried again, by how often it was.
PAUSES = (1.0, 5.0, 30.0, 120.0)
#: Seconds before the database is asked again that did not answer.
_LOST = (0.2, 0.5, 1.0, 2.0, 5.0)
AGAIN, SAVE, OVER = "again", "save", "over"
#: Seconds between two looks at a vendor's batch; the last is that of all further ones.
POLLS = (10.0, 20.0, 60.0, 120.0, 300.0)
#: Seconds after which nothing is expected of a batch: vendors promise a day.
_LONGEST = 26 * 3600.0
_FETCHES = 10  # how often the answers are asked for
_AT_VENDORS = 64  # batches of one worker at once
_EVENT, _BATCH = "batch", ".batch."


@dataclass(frozen=True, slots=True)
class _Registered:
    names: tuple[str, ...]


#: Who does the steps in this process; set before the worker starts.
_hands: list[Hand] = []


def queues(here: int, everywhere: int | None = None) -> list[Queue]:
    """Return the queues of runs: so many documents at once in this worker, and over all."""
    return [Queue(DOCUMENTS, here=here, everywhere=everywhere), Queue(RUNS, here=4), Queue(BATCHES, here=_AT_VENDORS)]


def work_of(document: Document) -> Work:
    """Return the work that does a document."""
    return Work("document", DOCUMENTS, document.workflow, (document.run, document.number, document.attempt))


def works_of(job: Job, documents: Sequence[Document]) -> list[Work]:
    """Return the work that does new documents of a run: together where they are deferred, else each by itself."""
    if not job.deferred or not documents:
        return [work_of(each) for each in documents]
    first = documents[0]
    each = [[document.number, document.attempt] for document in documents]
    return [Work("deferred", BATCHES, f"{first.run}{_BATCH}{first.number}.{first.attempt}", (first.run, each))]


def batches(client: Client, run: str) -> list[dict[str, Any]]:
    """Return the batches of a run at vendors: {batch, model, ended, done, failed, total, trouble}."""
    found = client.dbos.list_workflows(workflow_id_prefix=f"{run}{_BATCH}", load_input=False, load_output=False)
    told = [client.dbos.get_event(each.workflow_id, _EVENT, timeout_seconds=0.01) for each in found]
    return [each for one in told if isinstance(one, dict) for each in one.values()]


def saving_of(document: Document) -> Work:
    """Return the work that writes what was approved of a document."""
    args = (document.run, document.number, document.attempt)
    return Work("save", DOCUMENTS, f"{document.workflow}.save", args, priority=1)


def answer_of(document: Document, approve: bool, card: str, by: str) -> Work:
    """Return the work that goes on after what a person said to the card with that digest."""
    args = (document.run, document.number, document.attempt, approve, card, by)
    return Work("answer", DOCUMENTS, f"{document.workflow}.answer.{card[:16]}", args, priority=1)


def feed_of(run: str, round: int) -> Work:
    """Return the work that lists the documents of a run."""
    return Work("feed", RUNS, f"{run}.feed.{round}", (run,))


def finish_of(run: str, round: int, part: int = 0) -> Work:
    """Return the work that writes the tables and the report of a run."""
    return Work("finish", RUNS, f"{run}.finish.{round}.{part}", (run,))


def use(hand: Hand) -> None:
    """Say who does the steps in this process, and make the workflows known to DBOS."""
    _hands[:] = [hand]
    register()


@cache
def register() -> _Registered:
    """Make the workflows known to DBOS, once."""
    dbos = _dbos().DBOS
    made: dict[str, Any] = {"document": _document, "save": _save, "answer": _answer}
    made |= {"deferred": _deferred, "feed": _feed, "finish": _finish}
    for name, function in made.items():
        dbos.workflow(name=name, max_recovery_attempts=None)(function)
    return _Registered(tuple(made))


async def _step(name: str, *args: Any) -> Any:
    dbos: Any = _dbos().DBOS
    return await dbos.run_step_async({"name": name}, getattr(_hands[0], name), *args)


async def _document(run: str, number: int, attempt: int) -> str:
    said = await _step("work", run, number, attempt)
    tried = 0
    while said == AGAIN:
        await _dbos().DBOS.sleep_async(PAUSES[min(tried, len(PAUSES) - 1)])
        tried += 1
        said = await _step("work", run, number, attempt)
    return await _saved(run, number, attempt) if said == SAVE else str(said)


async def _save(run: str, number: int, attempt: int) -> str:
    return await _saved(run, number, attempt)


async def _saved(run: str, number: int, attempt: int) -> str:
    said, tried = await _step("save", run, number, attempt), 0
    while said == AGAIN:
        await _dbos().DBOS.sleep_async(PAUSES[min(tried, len(PAUSES) - 1)])
        tried += 1
        said = await _step("save", run, number, attempt)
    return str(said)


async def _answer(run: str, number: int, attempt: int, approve: bool, card: str, by: str) -> str:
    said = await _step("answer", run, number, attempt, approve, card, by)
    return await _saved(run, number, attempt) if said == SAVE else str(said)


async def _deferred(run: str, documents: list[list[int]]) -> str:
    """Hand documents over and take the answers, in as many batches as the budget has room for one after the other."""
    told: dict[str, Any] = {}
    left, pauses = documents, chain(POLLS, repeat(POLLS[-1]))
    for round in count():
        mark = f"{_dbos().DBOS.workflow_id}.{round}"
        sent = await _step("submit", run, mark, left)
        left = sent["later"]
        if sent["batch"] and not await _answered(run, mark, sent, told):
            return OVER  # cancelled
        if not left:
            return OVER
        if not sent["batch"]:
            await _dbos().DBOS.sleep_async(next(pauses))
    raise AssertionError


async def _answered(run: str, mark: str, sent: dict[str, Any], told: dict[str, Any]) -> bool:
    """Wait for the answers of a batch and have them taken; returns False if the run was cancelled meanwhile.

    `told`, what is shown of all batches of this workflow, is kept up to date.
    """
    dbos: Any = _dbos().DBOS
    waited, state = 0.0, {"ended": False}
    for pause in chain(POLLS, repeat(POLLS[-1])):
        new = await _step("poll", run, sent)
        if new != state:
            state, told[mark] = new, {"batch": sent["batch"], "model": sent["model"], **new}
            await dbos.set_event_async(_EVENT, told)
        if state["ended"] or waited > _LONGEST:
            break
        await dbos.sleep_async(pause)
        waited += pause
    if state.get("stop"):
        return False
    for tried, pause in zip(range(1, _FETCHES + 1), chain(POLLS, repeat(POLLS[-1])), strict=False):
        if await _step("take", run, sent, tried == _FETCHES):
            break
        await dbos.sleep_async(pause)
    return True


async def _feed(run: str) -> int:
    return int(await _step("feed", run))


async def _finish(run: str) -> str:
    return str(await _step("finish", run))


async def in_thread(function: Any, *args: Any, **named: Any) -> Any:
    """Run what blocks in a thread; as long as the database does not answer, again: it is safe to do twice."""
    pauses = chain(_LOST, repeat(_LOST[-1]))
    while True:
        try:
            found = await asyncio.to_thread(function, *args, **named)
        except SettingsError as error:
            if error.code not in WAITS:
                raise
            waits("database", str(error) if error.code == DISK else "")
            _log.warning("%s It is tried again.", error)
        else:
            waits("database", "")
            return found
        await asyncio.sleep(next(pauses))
