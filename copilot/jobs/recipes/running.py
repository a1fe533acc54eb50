"""Follows a recipe over one document. What it does to the document, and whom it asks, are `Hands` that it is given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

from copilot.errors import EverpilotError, ModelError, ToolInputError
from copilot.jobs.job import Citation, Source
from copilot.jobs.recipes.expressions import condition, filled, template
from copilot.jobs.recipes.inputs import bound
from copilot.jobs.recipes.recipe import (
    CheckStep,
    IfStep,
    MapStep,
    PromptStep,
    Recipe,
    SetStep,
    Step,
    ToolStep,
    is_name,
)
from copilot.jobs.recipes.values import as_text, plain

#: Steps that are done for one document, items of a map counted each.
MOST_DONE = 20_000
#: Items of one map.
MOST_ITEMS = 5_000
#: Seconds that all expressions of a document may take together; a well-meant recipe needs thousandths.
MOST_SECONDS = 20.0
#: Errors after which it may go well another time, as models, budgets and sign-ins have them.
_BLAMELESS = frozenset({"budget", "quota", "auth", "needs_model", "no_model"})


@dataclass(frozen=True)
class Reply:
    """What the agent answered: `values` where fields were asked for, and where each was found."""

    text: str = ""
    values: dict[str, Any] | None = None
    citations: Sequence[Citation] = ()


class Hands(Protocol):
    """What a recipe works with: one document, an agent and tools. Errors are raised as EverpilotError."""

    @property
    def path(self) -> str:
        """The document as the tools know it, "" where the run is over rows alone."""
        ...

    async def prompt(self, text: str, fields: dict[str, Any] | None) -> Reply:
        """Return what the agent answers; `fields` is the JSON Schema of the values wanted."""
        ...

    async def call(self, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        """Return what `Copilot.call` does; `status` "ask" ends the run until a person has answered."""
        ...


class Memory(Protocol):
    """Keeps what finished steps gave, by their ids ("3.map[2].1"), so that none is repeated after a crash."""

    async def get(self, step: str) -> dict[str, Any] | None:
        """Return what `put` was given for this step, None if it did not finish."""
        ...

    async def put(self, step: str, result: dict[str, Any]) -> None:
        """Keep what the step gave, as JSON types."""
        ...


@dataclass(frozen=True)
class Done:
    """What became of one step: `status` is "done", "failed" (and the run went on) or "skipped"."""

    id: str
    kind: str
    status: str
    text: str = ""


@dataclass
class Followed:
    """What came of a recipe over a document.

    `status` is "done", "failed" (`error` says why), "skipped" (a step with `on_error: skip`: the document is left as it
    was found to be) or "asked" (`cards` are what waits for a person). `values` is the output row, None if the recipe
    has none.
    """

    status: Literal["done", "failed", "skipped", "asked"] = "done"
    text: str = ""
    values: dict[str, Any] | None = None
    citations: list[Citation] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    cards: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    steps: list[Done] = field(default_factory=list)


class CheckFailed(ToolInputError):
    """A check of the recipe does not hold; the message is the recipe's own."""

    code = "check"


class _Stop(Exception):
    """The document is left (`skip`), or waits for a person."""

    def __init__(self, status: Literal["skipped", "asked"], text: str, cards: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(text)
        self.status: Literal["skipped", "asked"] = status
        self.text = text
        self.cards = list(cards)


def is_blameless(error: EverpilotError) -> bool:
    """Return whether the document has no part in an error: the next one would fare no better."""
    return isinstance(error, ModelError) or error.code in _BLAMELESS


async def follow(
    recipe: Recipe,
    inputs: Mapping[str, Any],
    source: Source,
    hands: Hands,
    memory: Memory | None = None,
    *,
    today: Callable[[], date] = date.today,
) -> Followed:
    """Return what comes of the recipe over one document; what a recipe or a document can do wrong is in its `error`.

    Raises what `is_blameless` says: no model could answer, or the budget is spent.

    `inputs` are checked as `inputs.bound` does. `today` is asked once and remembered, so that a run that goes on
    tomorrow comes to the same.
    """
    run = _Run(recipe, hands, memory)
    try:
        scope = await run.scope(inputs, source, today)
        await run.steps(recipe.steps, scope, "")
        run.outputs(scope)
    except _Stop as stop:
        run.out.status, run.out.text, run.out.cards = stop.status, stop.text or run.out.text, stop.cards
    except EverpilotError as error:
        if is_blameless(error):
            raise
        run.out.status, run.out.error = "failed", {"code": error.code, "message": error.message, "hint": error.hint}
    return run.out


class _Run:
    """One document on its way through the recipe."""

    def __init__(self, recipe: Recipe, hands: Hands, memory: Memory | None) -> None:
        self.out = Followed()
        self._recipe = recipe
        self._hands = hands
        self._memory = memory
        self._count = 0
        self._spent = 0.0

    async def scope(self, inputs: Mapping[str, Any], source: Source, today: Callable[[], date]) -> dict[str, Any]:
        """Return the names that are there before the first step."""
        begun = await self._remembered("today", lambda: {"today": today().isoformat()})
        scope = {"document": self._hands.path, "row": source.values, "today": date.fromisoformat(begun["today"])}
        return {**scope, **bound(self._recipe, inputs)}

    def outputs(self, scope: Mapping[str, Any]) -> None:
        """Note what the recipe gives: its row and its text."""
        outputs = self._recipe.outputs
        self.out.values = {name: self.filled(value, scope) for name, value in outputs.row.items()} or None
        self.out.text = self.text(outputs.text, scope) or self.out.text

    async def _remembered(self, step: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        kept = await self._memory.get(step) if self._memory else None
        if kept is None:
            kept = make()
            await self._keep(step, kept)
        return kept

    async def _keep(self, step: str, result: dict[str, Any]) -> None:
        if self._memory:
            await self._memory.put(step, result)

    # --- expressions --------------------------------------------------------------------------------------------------

    def filled(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """Return a value with its expressions replaced, as JSON types."""
        return plain(self._timed(lambda: filled(value, scope)))

    def text(self, value: str, scope: Mapping[str, Any]) -> str:
        """Return a text with its expressions replaced."""
        return str(self._timed(lambda: template(value).text(scope)))

    def holds(self, value: str | bool, scope: Mapping[str, Any]) -> bool:
        """Return whether a condition holds."""
        return bool(self._timed(lambda: condition(value).value(scope)))

    def _timed(self, make: Callable[[], Any]) -> Any:
        if self._spent > MOST_SECONDS:
            raise ToolInputError("The expressions of this recipe take too long.", code="too_slow")
        begun = time.monotonic()
        try:
            return make()
        finally:
            self._spent += time.monotonic() - begun

    # --- steps --------------------------------------------------------------------------------------------------------

    async def steps(self, steps: Sequence[Step], scope: dict[str, Any], inside: str) -> None:
        """Do the steps in order; `inside` is the id of the step that they are in."""
        for number, step in enumerate(steps, 1):
            await self._step(step, scope, f"{inside}.{number}" if inside else str(number))

    async def _step(self, step: Step, scope: dict[str, Any], place: str) -> None:
        self._count += 1
        if self._count > MOST_DONE:
            raise ToolInputError(f"The recipe takes more than {MOST_DONE:,} steps for one document.", code="too_many")
        await asyncio.sleep(0)  # other documents want to go on, too
        try:
            if step.when is not None and not self.holds(step.when, scope):
                self._tell(place, step, "skipped")
                return
            await self._do(step, scope, place)
            self._tell(place, step, "done")
        except EverpilotError as error:
            if is_blameless(error):
                raise  # `on_error` has nothing to say
            self._failed(step, scope, place, _placed(error, step, place))

    def _failed(self, step: Step, scope: dict[str, Any], place: str, error: EverpilotError) -> None:
        self._tell(place, step, "failed", str(error))
        if step.on_error == "skip":
            raise _Stop("skipped", str(error)) from error
        if step.on_error == "fail":
            raise error
        if step.as_ and not isinstance(step, MapStep):
            scope[step.as_] = {"error": error.to_dict()}

    def _tell(self, place: str, step: Step, status: str, text: str = "") -> None:
        self.out.steps.append(Done(place, step.kind, status, text))

    async def _do(self, step: Step, scope: dict[str, Any], place: str) -> None:
        match step:
            case PromptStep():
                await self._prompt(step, scope, place)
            case ToolStep():
                await self._tool(step, scope, place)
            case CheckStep():
                self._check(step, scope)
            case IfStep():
                branch = "then" if self.holds(step.if_, scope) else "else"
                await self.steps(step.blocks[branch], scope, f"{place}.{branch}")
            case MapStep():
                await self._map(step, scope, place)
            case SetStep():
                for name, value in step.set.items():
                    scope[name] = self.filled(value, scope)

    async def _prompt(self, step: PromptStep, scope: dict[str, Any], place: str) -> None:
        kept = await self._memory.get(place) if self._memory else None
        if kept is None:
            reply = await self._hands.prompt(self.text(step.prompt, scope), step.fields)
            cited = [each.model_dump(mode="json") for each in reply.citations]
            kept = {"text": reply.text, "values": plain(reply.values), "citations": cited}
            await self._keep(place, kept)
        self.out.citations += [Citation.model_validate(each) for each in kept["citations"]]
        self.out.text = kept["text"]
        if step.as_:
            scope[step.as_] = kept["text"] if step.fields is None else kept["values"] or {}
        elif step.fields is not None:
            scope.update({name: each for name, each in (kept["values"] or {}).items() if name in names_of(step.fields)})

    async def _tool(self, step: ToolStep, scope: dict[str, Any], place: str) -> None:
        kept = await self._memory.get(place) if self._memory else None
        if kept is None:
            args = self.filled(step.with_, scope)
            outcome = await self._hands.call(step.tool, args)
            if outcome["status"] == "ask":
                raise _Stop("asked", "", outcome.get("changes") or ())
            _must_be_done(outcome)
            kept = {name: plain(outcome.get(name)) for name in ("text", "data", "sources", "changes")}
            await self._keep(place, kept)
        self.out.changes += kept["changes"] or []
        if step.as_:
            scope[step.as_] = {**kept, "changed": bool(kept["changes"]), "error": None}

    def _check(self, step: CheckStep, scope: dict[str, Any]) -> None:
        held = self.holds(step.check, scope)
        if not held:
            raise CheckFailed(self.text(step.message, scope) or f"This does not hold: {step.check}")
        if step.as_:
            scope[step.as_] = held

    async def _map(self, step: MapStep, scope: dict[str, Any], place: str) -> None:
        items = self._timed(lambda: condition(step.map).value(scope))
        if not isinstance(items, list):
            raise ToolInputError(f"map goes over a list, and this is {as_text(items)[:60]!r}.", code="value")
        if len(items) > MOST_ITEMS:
            raise ToolInputError(f"map goes over at most {MOST_ITEMS:,} items, not {len(items):,}.", code="too_many")
        collected = []
        for number, item in enumerate(items):
            inner = {**scope, step.as_ or "item": item}
            await self.steps(step.steps, inner, f"{place}.map[{number}]")
            if step.collect is not None:
                collected.append(self.filled(step.collect, inner))
        if step.into:
            scope[step.into] = plain(collected)


def names_of(fields: Mapping[str, Any]) -> list[str]:
    """Return the names that a prompt without `as` gives its values: those of its fields that can be names."""
    found = fields.get("properties")
    return [name for name in found if is_name(name)] if isinstance(found, Mapping) else []


def _must_be_done(outcome: Mapping[str, Any]) -> None:
    """Raise ToolInputError for a call that failed or was denied."""
    error = outcome.get("error")
    if error or outcome["status"] in ("failed", "denied", "rejected"):
        told = error or {}
        message = str(told.get("message") or outcome.get("text") or "It was not done.")
        raise ToolInputError(message, code=str(told.get("code") or outcome["status"]))


def _placed(error: EverpilotError, step: Step, place: str) -> EverpilotError:
    """Return the error with the step in front, the innermost one; that of a check is the recipe's own words."""
    if isinstance(error, CheckFailed) or hasattr(error, "step"):
        return error
    name = step.title or (f"{step.kind} {step.tool}" if isinstance(step, ToolStep) else step.kind)
    error.message = f"Step {place} ({name}): {error.message}"
    error.step = place  # type: ignore[attr-defined]
    return error
