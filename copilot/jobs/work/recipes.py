"""A recipe over one document: the hands with which it works in the document's scratch."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from copilot.agent.events import Final
from copilot.agent.plan import By, Call, Step
from copilot.errors import EverpilotError, ModelError, ToolInputError
from copilot.jobs.job import Job, Outcome, Source, Status
from copilot.jobs.recipes.recipe import Recipe
from copilot.jobs.recipes.running import Followed, Reply, follow
from copilot.jobs.work import faults
from copilot.jobs.work.agent import following, is_inside
from copilot.jobs.work.desk import Desk
from copilot.jobs.work.edits import edits_of
from copilot.jobs.work.extract import Used, extract
from copilot.jobs.work.rows import reading_of
from copilot.jobs.work.scratch import Scratch, put
from copilot.jobs.work.standing import holding
from copilot.trust.approvals import Card
from copilot.trust.labels import UNKNOWN, WORKSPACE, Confidentiality, Integrity, Label

_STEPS, _LABEL = "steps.jsonl", "label.json"
#: Errors of a turn that are no fault of the document.
_NO_MODEL = frozenset({"no_model", "needs_model", "model", "too_long", "asked", "budget"})


@dataclass(frozen=True)
class Said:
    """What a person said to the card with this digest."""

    approve: bool | list[str]
    card: str
    message: str = ""


class Waits(Exception):
    """Something would go out: the recipe waits for an answer to these cards."""

    def __init__(self, cards: list[dict[str, Any]]) -> None:
        super().__init__("waits for an approval")
        self.cards = cards


async def run(
    job: Job, source: Source, scratch: Scratch, desk: Desk, said: Said | None = None, used: Used | None = None
) -> Outcome:
    """Return what a recipe makes of the document; steps that were finished before a crash are not repeated.

    `used` is counted up also when an error is raised: of models and budgets, that the document has no part in.
    """
    recipe = Recipe.of(job.recipe or {})
    hands = ScratchHands(job, source, scratch, desk, said, used)
    memory = FileMemory(scratch.folder / "kept" / _STEPS)
    with holding(scratch):
        await asyncio.to_thread(desk.assistant, job)
        try:
            followed = await follow(recipe, job.inputs, source, hands, memory)
        except Waits as waits:
            followed = Followed(status="asked", cards=waits.cards)
        return await asyncio.to_thread(_outcome, followed, recipe, job, scratch, desk, hands)


def _outcome(
    followed: Followed, recipe: Recipe, job: Job, scratch: Scratch, desk: Desk, hands: ScratchHands
) -> Outcome:
    known: dict[str, Any] = {
        **hands.used.known(),
        "text": followed.text,
        "values": followed.values,
        "citations": followed.citations,
        "thread": hands.thread,
    }
    if followed.status == "failed":
        error = followed.error or {"code": "error", "message": "The recipe failed.", "hint": ""}
        return Outcome(status=faults.status_of(error, hands.used.attempts), error=error, **known)
    if followed.status == "skipped" or recipe.outputs.files == "none":
        return Outcome(status=Status.DONE, **known)
    edits = edits_of(scratch, desk.blobs)
    if followed.status == "asked":
        return Outcome(status=Status.ASKED, cards=followed.cards, edits=edits, **known)
    review = bool(edits) and job.mode in ("ask", "dry-run")
    return Outcome(status=Status.REVIEW if review else Status.DONE, edits=edits, **known)


class ScratchHands:
    """`Hands` of a recipe, in one scratch. Nothing that a recipe's values hold endorses anything."""

    def __init__(
        self, job: Job, source: Source, scratch: Scratch, desk: Desk, said: Said | None, used: Used | None = None
    ) -> None:
        self.path = scratch.origin.name
        self.used = Used() if used is None else used
        self.thread = desk.thread(source.key)
        self._job, self._source, self._scratch, self._desk, self._said = job, source, scratch, desk, said
        self._mode = "read-only" if job.mode == "read-only" else "yes"
        self._calls: Counter[str] = Counter()
        self._kept_label = scratch.folder / "kept" / _LABEL
        self._seen = _label_in(self._kept_label) | scratch.origin.label

    async def prompt(self, text: str, fields: dict[str, Any] | None) -> Reply:
        """Return what the agent answers, or the fields that are in the document.

        Raises ModelError where no model can, ToolInputError for an answer that does not fit, Waits.
        """
        return await (self._fields(text, fields) if fields else self._turn(text))

    async def _fields(self, text: str, fields: dict[str, Any]) -> Reply:
        job = self._job.model_copy(update={"prompt": _literal(text), "fields": fields, "inputs": {}})
        source = Source(key=self._source.key)
        reading = await reading_of(self._desk, self._scratch, self._source)
        label = self._seen  # steps before may have put of it into the text
        found = await extract(job, source, reading, self.path or "the row", label, self._desk, self.used)
        if found.error:
            raise ToolInputError(found.error["message"], code=found.error["code"])
        return Reply(found.text, found.values, found.citations)

    async def _turn(self, text: str) -> Reply:
        turn = await self._desk.turn(self._job, self._source.key, self._seen)
        waiting = await turn.pending() if self._desk.saver(self._scratch).is_begun else None
        said = self._said
        if waiting is not None and (said is None or said.card != waiting.card["digest"]):
            raise Waits([waiting.card])
        if waiting is not None and said is not None:
            events = turn.answer(said.approve, said.message, said.card)
        else:
            events = turn.say(text, [self.path] if self.path else [], "")
        final = await following(events, self._job, self._source, self._desk)
        self._count(final)
        if final.approvals:
            raise Waits(final.approvals)
        if final.error:
            error = faults.of_turn(final.error, final.attempts)
            wrong = ModelError if error["code"] in _NO_MODEL else ToolInputError
            raise wrong(error["message"], hint=error["hint"], code=error["code"])
        return Reply(final.text)

    def _count(self, final: Final) -> None:
        self.used.served_by = final.served_by or self.used.served_by
        self.used.attempts += final.attempts
        self.used.input_tokens += final.usage.get("input_tokens", 0)
        self.used.output_tokens += final.usage.get("output_tokens", 0)
        if final.usage.get("cost") is not None:
            self.used.cost = (self.used.cost or 0.0) + final.usage["cost"]

    async def call(self, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        """Run a tool, and return what it did like `Copilot.call`; with `status` "ask" `changes` are the cards."""
        return await asyncio.to_thread(self._called, tool, args)

    def _called(self, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        runner = self._desk.assistant(self._job).runner
        call = self._call(tool, args)
        label = UNKNOWN | self._seen
        by = By(thread=self.thread, actor=self._desk.base.user, turn="recipe", moment=datetime.now(UTC))
        steps = runner.stage([call], mode=self._mode, label=label, by=by)
        card, approval = runner.card(steps, thread=self.thread, created=datetime.now(UTC)), ""
        self._saw(steps[0].label)
        if card is not None:
            approval = self._approved(card, steps)
            if approval == "rejected":
                return _rejected(tool)
            if not approval:
                return {**steps[0].told(tool), "changes": [card.to_dict()]}
        try:
            runner.record(steps, by=by, approval=approval)
            runner.commit(steps, thread=self.thread, by=by, approval=approval)
        finally:
            if card is not None:
                runner.finish(card.id)
        self._saw(steps[0].label)
        return steps[0].told(tool)

    def _saw(self, label: Label) -> None:
        """Note what a step read, before its text is in anybody's hands: all that follows may hold it."""
        if self._seen | label != self._seen:
            self._seen |= label
            put(self._kept_label, json.dumps(self._seen.to_dict()).encode())

    def _approved(self, card: Card, steps: list[Step]) -> str:
        """Return the digest of a card that may be done, "rejected", or "" where a person has to be asked."""
        runner, said = self._desk.assistant(self._job).runner, self._said
        seen = self._job.mode in ("ask", "dry-run") and is_inside(card.to_dict())
        if not seen and (said is None or said.card != card.digest):
            return ""
        if not seen and said is not None and not said.approve:
            return "rejected"
        return card.digest if runner.use(card, steps) else ""

    def _call(self, tool: str, args: dict[str, Any]) -> Call:
        """Return the call under a key that is the same when the recipe is followed again."""
        text = json.dumps([tool, args], sort_keys=True, ensure_ascii=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        self._calls[digest] += 1
        id = f"{digest}-{self._calls[digest]}"
        return Call(id, tool, dict(args), f"{self.thread}:recipe:{id}")


class FileMemory:
    """What finished steps of a recipe gave, in a file of the scratch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, dict[str, Any]] | None = None

    async def get(self, step: str) -> dict[str, Any] | None:
        """Return what `put` was given for this step, None if it did not finish."""
        if self._known is None:
            self._known = await asyncio.to_thread(self._read)
        return self._known.get(step)

    async def put(self, step: str, result: dict[str, Any]) -> None:
        """Keep what the step gave."""
        await self.get(step)
        assert self._known is not None
        self._known[step] = result
        await asyncio.to_thread(self._append, json.dumps([step, result]).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        with open(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
            file.write(line)

    def _read(self) -> dict[str, dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return known
        for line in lines:
            try:
                step, result = json.loads(line)
            except ValueError:
                break  # the line that a crash cut
            known[step] = result
        return known


def _label_in(path: Path) -> Label:
    """Return the label of what steps read before a crash; RESTRICTED where that can't be told."""
    try:
        return Label.from_dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return WORKSPACE
    except (OSError, ValueError, KeyError, TypeError):
        return Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED)


def check(recipe: dict[str, Any]) -> Recipe:
    """Return a recipe of a job. Raises ToolInputError (code "recipe") for what is none."""
    from pydantic import ValidationError

    try:
        return Recipe.of(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ToolInputError(f"The recipe can't be used: {place}: {first['msg']}.", code="recipe") from error


def _rejected(tool: str) -> dict[str, Any]:
    text = "It was not approved; nothing was done."
    error = EverpilotError(text, code="rejected").to_dict()
    none: dict[str, Any] = {"data": None, "sources": [], "changes": []}
    return {"tool": tool, "status": "rejected", "text": text, "error": error, **none}


def _literal(text: str) -> str:
    """Return a text that is already filled, as a prompt that fills to it."""
    return text.replace("{", "{{").replace("}", "}}")
