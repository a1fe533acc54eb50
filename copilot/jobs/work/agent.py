"""A prompt over one document: one turn of the agent, in the document's scratch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from copilot.agent.events import Event, Final
from copilot.jobs.job import Job, Outcome, Source, Status
from copilot.jobs.work import faults
from copilot.jobs.work.desk import Desk
from copilot.jobs.work.edits import edits_of
from copilot.jobs.work.filling import filled
from copilot.jobs.work.scratch import Scratch
from copilot.jobs.work.standing import holding

#: How often one turn may ask about files of the scratch alone.
_MOST_CARDS = 20
#: Effects that stay inside the scratch until a person answers the report.
_INSIDE = frozenset({"write", "delete", "move"})
#: Modes in which a person sees every change of a file before it is real.
_REPORTED = frozenset({"ask", "dry-run"})


async def ask(job: Job, source: Source, scratch: Scratch, desk: Desk) -> Outcome:
    """Return what one turn makes of the document; a turn that was broken off goes on.

    Raises ToolInputError (code "missing_value") for a name that the row lacks, and what reading the scratch raises.
    """
    said = filled(job.prompt, job.inputs, source.values, scratch.origin.name)
    files = [scratch.origin.name] if scratch.origin.name else []
    with holding(scratch):
        turn = await desk.turn(job, source.key)
        events = turn.say(said.text, files, said.typed, id=desk.thread(source.key))
        return await _ended(events, job, source, scratch, desk)


async def answered(
    job: Job, source: Source, scratch: Scratch, desk: Desk, approve: bool | list[str], message: str, card: str
) -> Outcome:
    """Return what became of a document whose turn waited for an answer to the card with this digest.

    Raises ApprovalError when it waits for none, or for another one.
    """
    with holding(scratch):
        turn = await desk.turn(job, source.key)
        return await _ended(turn.answer(approve, message, card), job, source, scratch, desk)


async def _ended(events: AsyncIterator[Event], job: Job, source: Source, scratch: Scratch, desk: Desk) -> Outcome:
    final = await following(events, job, source, desk)
    return await asyncio.to_thread(outcome_of, final, job, scratch, desk)


async def following(events: AsyncIterator[Event], job: Job, source: Source, desk: Desk) -> Final:
    """Return the end of a turn, or where only a person can answer: what it asks about files of the scratch alone is
    allowed, where that person sees the change in the report before it is real."""
    final = await _last(events)
    for _ in range(_MOST_CARDS):
        if not (final.approvals and job.mode in _REPORTED and is_inside(final.approvals[0])):
            break
        turn = await desk.turn(job, source.key)
        final = await _last(turn.answer(True, "", final.approvals[0]["digest"]))
    return final


def outcome_of(final: Final, job: Job, scratch: Scratch, desk: Desk) -> Outcome:
    """Return the end of a turn as an outcome: changes of a turn that failed are none."""
    used = final.usage
    known: dict[str, Any] = {
        "text": final.text,
        "served_by": final.served_by,
        "attempts": final.attempts,
        "input_tokens": used.get("input_tokens", 0),
        "output_tokens": used.get("output_tokens", 0),
        "cost": used.get("cost"),
        "thread": final.thread,
    }
    if final.error is not None:
        error = faults.of_turn(final.error, final.attempts)
        return Outcome(status=faults.status_of(error, final.attempts), error=error, **known)
    edits = edits_of(scratch, desk.blobs)
    if final.approvals:
        return Outcome(status=Status.ASKED, cards=final.approvals, edits=edits, **known)
    return Outcome(status=Status.REVIEW if edits and job.mode in _REPORTED else Status.DONE, edits=edits, **known)


def is_inside(card: Mapping[str, Any]) -> bool:
    """Return whether all that a card asks about stays in the scratch."""
    return all(item.get("effect") in _INSIDE for item in card["items"])


async def _last(events: AsyncIterator[Event]) -> Final:
    found: Final | None = None
    async for event in events:
        if isinstance(event, Final):
            found = event
    assert found is not None
    return found
