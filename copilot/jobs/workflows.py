"""The durable workflows of a run: one for each document, one that lists them, one that ends the run.

    document   work (a step: tried again, held, or done) → save (a step, where the change is approved beforehand)
    save       what a person approved of one document
    answer     what a person said to something that would go out
    feed       lists the documents, a page after the other
    finish     tables and report, once nothing is open

A step that was done is not done again; one that was under way when its worker died is. So each begins by asking the
store where the document stands, and what it writes is bound to the attempt.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from copilot.jobs.engine import Queue, Work, _dbos
from copilot.jobs.store import Document

if TYPE_CHECKING:
    from copilot.jobs.hand import Hand

DOCUMENTS = "everpilot-documents"
RUNS = "everpilot-runs"
#: Seconds before a document is tried again, by how often it was.
PAUSES = (1.0, 5.0, 30.0, 120.0)
AGAIN, SAVE, OVER = "again", "save", "over"


@dataclass(frozen=True, slots=True)
class _Registered:
    names: tuple[str, ...]


#: Who does the steps in this process; set before the worker starts.
_hands: list[Hand] = []


def queues(here: int, everywhere: int | None = None) -> list[Queue]:
    """Return the queues of runs: so many documents at once in this worker, and over all."""
    return [Queue(DOCUMENTS, here=here, everywhere=everywhere), Queue(RUNS, here=4)]


def work_of(document: Document) -> Work:
    """Return the work that does a document."""
    return Work("document", DOCUMENTS, document.workflow, (document.run, document.number, document.attempt))


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
    made = {"document": _document, "save": _save, "answer": _answer, "feed": _feed, "finish": _finish}
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


async def _feed(run: str) -> int:
    return int(await _step("feed", run))


async def _finish(run: str) -> str:
    return str(await _step("finish", run))


async def in_thread(function: Any, *args: Any, **named: Any) -> Any:
    """Run what blocks in a thread."""
    return await asyncio.to_thread(function, *args, **named)
