"""`Copilot` as scripts have it: the assistant, and the same over many documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from copilot.agent.copilot import Copilot as _Copilot
from copilot.agent.copilot import iterate
from copilot.errors import JobError

if TYPE_CHECKING:
    from copilot.jobs.job import Citation, Edit, Job, Mode
    from copilot.jobs.report import Answer, Shown
    from copilot.jobs.runs import Runs
    from copilot.jobs.store import Document

T = TypeVar("T")
_LOOK = 0.2  # seconds between two looks for what is done


@dataclass(frozen=True)
class Done(Generic[T]):
    """What came of one document.

    `status` is "done", "review" (its change waits for `Batch.accept`), "asked", "held", "failed", "quarantined",
    "rejected" or "cancelled". `value` is what was extracted: an instance of the class that was given as `fields`, else
    a dict; None where nothing was. `error` is None, or {code, message, hint}. `cost` are US dollars, None if not known.
    """

    path: str
    status: str
    text: str = ""
    value: T | None = None
    citations: Sequence[Citation] = ()
    edits: Sequence[Edit] = ()
    row: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    served_by: str = ""
    cost: float | None = None
    seconds: float = 0.0


class Copilot(_Copilot):
    """The assistant over a folder, and over many documents at once: see `batch`."""

    def batch(
        self,
        prompt: str = "",
        files: Sequence[str | Path] = (),
        *,
        recipe: str | Path | None = None,
        inputs: Mapping[str, Any] | None = None,
        fields: Any = None,
        rows: str | Path | None = None,
        mode: Mode = "ask",
        to: str | Path = "",
        table: str | Path | None = None,
        budget: float | None = None,
        parallel: int | None = None,
        tries: int | None = None,
        reuse: bool = False,
        deferred: bool = False,
        model: str = "",
        run: str = "",
    ) -> Batch:
        """Return a run of `prompt`, or of a recipe's file, over documents: nothing is begun before it is iterated.

            async for done in Copilot("contracts").batch("replace Acme Ltd by Acme GmbH", ["**/*.docx"], mode="yes"):
                print(done.path, done.status)

        `files` are files, folders, patterns and places; `rows` a table whose rows fill the {names} of the prompt.
        `fields` makes it an extraction: a pydantic class, a JSON Schema, or a short form such as "total: number".
        `mode`: "ask" (changes wait for `accept`), "yes" (written at once), "dry-run", "read-only". The run is durable:
        with the id of an earlier one as `run` it goes on, and gives also what was done before. The rest is as in
        `everpilot batch` (docs/batch.md). Raises SettingsError without the packages of `everpilot[jobs]`.
        """
        chosen = {"recipe": recipe, "inputs": dict(inputs or {}), "fields": fields, "rows": rows, "mode": mode}
        more: dict[str, Any] = {"to": str(to), "table": table, "budget": budget, "tries": tries, "reuse": reuse}
        more |= {"deferred": deferred, "model": model}
        return Batch(self, prompt, [str(file) for file in files], {**chosen, **more}, parallel, run)


class Batch:
    """A run, iterated with `async for` or `for`; each document comes once, as soon as it is done or waits.

    `id` names it, once it is begun. Left in the middle it goes on when it is iterated again, here or elsewhere.
    """

    def __init__(
        self,
        copilot: _Copilot,
        prompt: str,
        given: list[str],
        options: Mapping[str, Any],
        parallel: int | None,
        run: str,
    ) -> None:
        self.id = run
        self._copilot = copilot
        self._prompt = prompt
        self._given = given
        self._options = options
        self._parallel = parallel

    def __iter__(self) -> Iterator[Done[Any]]:
        return iterate(self.__aiter__)

    async def __aiter__(self) -> AsyncIterator[Done[Any]]:
        stack = ExitStack()
        try:
            runs = await asyncio.to_thread(self._begun, stack)
            news = _News(runs, self.id)
            while await asyncio.to_thread(runs.is_open, self.id):
                for each in await asyncio.to_thread(lambda: list(news.since_last())):
                    yield self._done(each)
                await asyncio.sleep(_LOOK)
            for each in await asyncio.to_thread(lambda: list(news.all_left())):
                yield self._done(each)
        finally:
            await asyncio.to_thread(stack.close)

    def accept(self, *names: str) -> None:
        """Accept the changes that wait (those of the named documents, all of them without names).

        They are written when the run is iterated again. Raises JobError for a run that is not begun.
        """
        self._answer(lambda shown: shown.only(names) if names else shown.all())

    def reject(self) -> None:
        """Decline everything that waits."""
        self._answer(lambda shown: shown.none())

    def _answer(self, chosen: Callable[[Shown], Answer]) -> None:
        runs = self._runs()
        try:
            answer = chosen(runs.shown(self._known()))
            runs.answer(answer, self._copilot.user or "script", self._copilot.audit.record)
        finally:
            runs.close()

    def _known(self) -> str:
        if not self.id:
            raise JobError("This run is not begun: iterate over it first.", code="unknown_run")
        return self.id

    def _runs(self) -> Runs:
        from copilot.jobs.database import Database
        from copilot.jobs.runs import Runs

        return Runs(Database(self._copilot.settings.database, self._copilot.state))

    def _begun(self, stack: ExitStack) -> Runs:
        """Begin the run, or go on with it, with a worker in this process."""
        from copilot.jobs.worker import working

        runs = self._runs()
        stack.callback(runs.close)
        if goes_on := bool(self.id):
            self.id = runs.store.run(self.id).id
        else:
            run = runs.begin(*self._checked(), by=self._copilot.user or "script")
            self.id = run.id
        jobs = self._copilot.settings.jobs
        jobs = jobs.model_copy(update={"parallel": self._parallel}) if self._parallel else jobs
        stack.enter_context(working(runs, jobs, live={self.id: self._copilot}))
        if goes_on:
            runs.resume(self.id)
        else:
            runs.order(runs.store.run(self.id))
        return runs

    def _checked(self) -> tuple[Job, dict[str, Any]]:
        """Return what is asked, and where the documents lie; raises what is wrong with either."""
        from copilot.jobs.feeding import listed
        from copilot.jobs.rows import writer
        from copilot.jobs.sources import Found
        from copilot.jobs.store import Run
        from copilot.jobs.work import check

        job = self._job()
        place = self._place()
        first = next(listed(self._copilot, Run("", job, place), Found()), None)
        check(job, first.values if first else ())
        if place.get("table"):
            writer(place["table"], job.fields)
        return job, place

    def _job(self) -> Job:
        from copilot.jobs.job import Job
        from copilot.jobs.rows import schema_of

        chosen, jobs = self._options, self._copilot.settings.jobs
        budget = chosen["budget"] if chosen["budget"] is not None else jobs.budget
        return Job(
            **self._work(),
            fields=schema_of(chosen["fields"]) if chosen["fields"] is not None else None,
            mode=chosen["mode"],
            to=chosen["to"],
            budget=budget,
            tries=chosen["tries"] or jobs.tries,
            reuse=chosen["reuse"],
            deferred=chosen["deferred"],
            model=chosen["model"],
            seconds=jobs.seconds,
        )

    def _work(self) -> dict[str, Any]:
        if self._options["recipe"] is None:
            return {"prompt": self._prompt, "inputs": self._options["inputs"]}
        from copilot.jobs.recipes.examining import examined
        from copilot.jobs.recipes.inputs import bound
        from copilot.jobs.recipes.reading import read

        recipe = examined(read(self._recipe()), self._copilot.offered.tools()).recipe
        self._given = self._given or list(recipe.files)
        return {"recipe": recipe.to_dict(), "inputs": bound(recipe, self._options["inputs"])}

    def _recipe(self) -> Path:
        from copilot.jobs.recipes.starting import found

        return found(str(self._options["recipe"]), self._copilot.folder).absolute()

    def _place(self) -> dict[str, Any]:
        from copilot.jobs.feeding import place_of

        chosen = {name: self._options[name] for name in ("rows", "table", "to")}
        recipe = self._recipe() if self._options["recipe"] is not None else None
        return place_of(self._copilot, self._given, recipe=recipe, **chosen)

    def _done(self, each: Document) -> Done[Any]:
        found = each.outcome
        told: dict[str, Any] = {"path": each.source.path, "status": each.status.value, "row": each.source.values}
        if found is None:
            return Done(**told)
        kept = ("text", "citations", "edits", "error", "served_by", "cost", "seconds")
        return Done(**told, value=self._value(found.values), **{name: getattr(found, name) for name in kept})

    def _value(self, values: dict[str, Any] | None) -> Any:
        wanted = self._options["fields"]
        if values is not None and isinstance(wanted, type) and hasattr(wanted, "model_validate"):
            return wanted.model_validate(values)
        return values


class _News:
    """What of a run was not given yet; a bit for each document is all that is kept."""

    def __init__(self, runs: Runs, run: str) -> None:
        self._runs = runs
        self._run = run
        self._given = bytearray()
        self._moment = ""

    def since_last(self) -> Iterator[Document]:
        """Yield what came since the last look."""
        for each in self._runs.store.settled(self._run, self._moment):
            self._moment = max(self._moment, each.updated)
            if self._is_new(each.number):
                yield each

    def all_left(self) -> Iterator[Document]:
        """Yield all that was not given, whatever the clocks of the workers say."""
        for each in self._runs.store.settled(self._run):
            if self._is_new(each.number):
                yield each

    def _is_new(self, number: int) -> bool:
        place, bit = divmod(number, 8)
        self._given.extend(bytes(max(place + 1 - len(self._given), 0)))
        was = self._given[place] >> bit & 1
        self._given[place] |= 1 << bit
        return not was
