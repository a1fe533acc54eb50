"""The work on one document of a run, from its bytes to an outcome: what a durable step calls."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Collection

from pydantic import ValidationError

from copilot._redaction import redacted
from copilot.documents.segments import Reading
from copilot.errors import ApprovalError, EverpilotError, ToolInputError
from copilot.jobs.job import Job, Outcome, Source, Status
from copilot.jobs.troubles import is_disk
from copilot.jobs.work import agent, extract, faults, filling, reuse
from copilot.jobs.work import scratch as scratches
from copilot.jobs.work.desk import Desk
from copilot.jobs.work.rows import row_reading
from copilot.jobs.work.scratch import Scratch
from copilot.jobs.work.shape import Shape
from copilot.trust.labels import UNKNOWN, Label
from copilot.workspace.file import File

_log = logging.getLogger(__name__)
_OUTCOME = "outcome.json"
#: Of databases and drivers that may be there again in a minute: the step is to be done again, not the document failed.
_DATABASES = ("psycopg", "sqlalchemy", "aiosqlite", "dbos")


def check(job: Job, columns: Collection[str]) -> None:
    """Raise ToolInputError for a job that no document could be done by: before any of them is begun.

    `columns` are the names of the values that every source has. Codes: "missing_value", "schema", "recipe", "nothing".
    """
    if job.recipe is not None:
        from copilot.jobs.work.recipes import check as check_recipe

        check_recipe(job.recipe)
    elif not job.prompt.strip() and job.fields is None:
        text = "There is nothing to do: a prompt, fields or a recipe is needed."
        raise ToolInputError(text, hint='Say what to do: everpilot batch "..." FILES', code="nothing")
    filling.check(job.prompt, [*job.inputs, *columns])
    if job.fields is not None:
        Shape(job.fields)


async def work(job: Job, source: Source, desk: Desk) -> Outcome:
    """Return what came of one document: done, or with a change to be looked at (`Status.REVIEW`), or waiting for an
    answer about what would go out (`ASKED`), or failed, or held (the budget, a quota or a key ended).

    Nothing of it is written anywhere but into blobs and the document's scratch. Done again after a crash, it goes on
    where it stopped; what was finished is returned again. Only errors of databases are raised.
    """
    began = time.monotonic()
    outcome = await _guarded(job, source, desk)
    if outcome.status in (Status.FAILED, Status.QUARANTINED):
        await desk.forget(source.key)  # tried again, it begins anew
    return outcome.model_copy(update={"seconds": round(time.monotonic() - began, 3)})


async def answer(
    job: Job, source: Source, desk: Desk, *, approve: bool | list[str], message: str = "", card: str = ""
) -> Outcome:
    """Return what came of a document after a person's answer to the card with this digest; see `work`.

    `approve` is True, False, or the call ids that are approved. Raises ApprovalError when it waits for no answer, or
    for one to another card, or its scratch is not on this machine: `work` then shows the card anew.
    """
    scratch = await asyncio.to_thread(scratches.found, desk.state, desk.run, source.key, desk.settings.trust)
    if scratch is None:
        hint = "It is asked again when the document is worked on again."
        raise ApprovalError(f"What was asked about {source.path or source.key} is gone.", hint=hint, code="scratch")
    try:
        if job.recipe is None:
            outcome = await agent.answered(job, source, scratch, desk, approve, message, card)
        else:
            from copilot.jobs.work.recipes import Said, run

            outcome = await run(job, source, scratch, desk, Said(approve, card, message))
    except ApprovalError:
        raise
    except EverpilotError as error:
        outcome = faults.failed(error)
    await asyncio.to_thread(_keep, scratch, outcome)
    return outcome


async def _guarded(job: Job, source: Source, desk: Desk) -> Outcome:
    used = extract.Used()
    try:
        return await _worked(job, source, desk, used)
    except EverpilotError as error:
        return faults.failed(error, thread=desk.thread(source.key), **used.known())
    except Exception as error:
        if is_disk(error):
            return faults.failed(faults.full(error), thread=desk.thread(source.key), **used.known())
        if isinstance(error, sqlite3.Error) or type(error).__module__.partition(".")[0] in _DATABASES:
            raise
        _log.warning("the work on a document failed", exc_info=True)
        reason = redacted(f"{type(error).__name__}: {error}")[:300]
        return Outcome(status=Status.FAILED, error=faults.told("unexpected", f"Something unexpected: {reason}."))


async def _worked(job: Job, source: Source, desk: Desk, used: extract.Used) -> Outcome:
    begun = await asyncio.to_thread(scratches.found, desk.state, desk.run, source.key, desk.settings.trust)
    if begun is not None and (done := await asyncio.to_thread(_kept, begun)) is not None:
        return done
    file = await desk.read(source.path) if source.path and begun is None else None
    content = begun.origin.sha256 if begun else file.sha256 if file else ""
    key = reuse.key_of(job, source, content, desk.models) if job.reuse and desk.answers else ""
    if key and desk.answers and (found := await asyncio.to_thread(desk.answers.get, key)) is not None:
        outcome = reuse.given(found, job, source)
        if outcome is not None and _has_bytes(outcome, desk):
            return outcome
    outcome = await _asked(job, source, desk, begun, file, used)
    if key and desk.answers and (kept := reuse.kept(outcome, source)) is not None:
        await asyncio.to_thread(desk.answers.put, key, kept)
    return outcome


async def _asked(
    job: Job, source: Source, desk: Desk, begun: Scratch | None, file: File | None, used: extract.Used
) -> Outcome:
    if job.recipe is None and job.fields is not None:
        return await _extracted(job, source, desk, file, used)
    scratch = begun
    if scratch is None:
        if file is not None:
            await desk.readers.read(file.content, file.name)  # what can't be read safely goes no further
        made = (desk.state, desk.run, source.key, source.path, file, desk.settings.trust)
        scratch = await asyncio.to_thread(scratches.made, *made)
    if job.recipe is None:
        outcome = await agent.ask(job, source, scratch, desk)
    else:
        from copilot.jobs.work.recipes import run

        outcome = await run(job, source, scratch, desk, used=used)
    await asyncio.to_thread(_keep, scratch, outcome)
    return outcome


async def _extracted(job: Job, source: Source, desk: Desk, file: File | None, used: extract.Used) -> Outcome:
    reading, name, label = await opened(source, file, desk)
    return await extract.extract(job, source, reading, name, label, desk, used)


async def opened(source: Source, file: File | None, desk: Desk) -> tuple[Reading, str, Label]:
    """Return what is read of a document, or of a row without one: its text, name and label. Raises DocumentError."""
    if file is None:
        return row_reading(source.values), "the row", UNKNOWN
    return await desk.readers.read(file.content, file.name), file.path.name, file.label


def _has_bytes(outcome: Outcome, desk: Desk) -> bool:
    """Return whether the new bytes of what was kept are still there; they are kept for this document, too."""
    try:
        for edit in outcome.edits:
            if edit.after:
                desk.blobs.put(desk.blobs.get(edit.after))
    except (EverpilotError, OSError):
        return False
    return True


def _keep(scratch: Scratch, outcome: Outcome) -> None:
    """Note in the scratch what came of the document, for a step that is done again before anybody else noted it."""
    place = scratch.folder / "kept" / _OUTCOME
    if outcome.status in (Status.DONE, Status.REVIEW):
        scratches.put(place, outcome.model_dump_json().encode())


def _kept(scratch: Scratch) -> Outcome | None:
    try:
        return Outcome.model_validate(json.loads((scratch.folder / "kept" / _OUTCOME).read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None
