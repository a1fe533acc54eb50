"""The desk: what a worker process makes once, and lays out for every document of a run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from copilot.agent.copilot import Copilot
from copilot.jobs.job import Job
from copilot.jobs.work import scratch as scratches
from copilot.jobs.work.keeping import Answers, Blobs, FolderBlobs
from copilot.jobs.work.readers import Readers
from copilot.jobs.work.shape import Shape
from copilot.jobs.work.standing import PlacedAudit, PlacedGuard, at_hand, stand_in
from copilot.settings import Settings

if TYPE_CHECKING:
    from copilot.agent.turn import Turn
    from copilot.jobs.work.scratch import Scratch
    from copilot.jobs.work.threads import FileSaver
    from copilot.models.router import RoutedChatModel
    from copilot.trust.labels import Label
    from copilot.workspace.file import File

#: What a tool says of a change by the mode of the job: it is in a private copy, and where that ends.
_DONE = {
    "ask": "Done in a private copy, to be saved once a person accepts it",
    "dry-run": "Done in a private copy, which a dry run does not save",
}
_SHAPES = 32  # schemas that are kept: recipes may make their own
#: What is costly to make and the same for every assistant of a person.
_SHARED = ("_discovered", "project_skills", "skills", "personas", "servers", "hub", "serializer", "_secrets")


class Desk:
    """What the work on documents of one run needs, shared between them: all of it is safe for many at once.

    `base` is the person's assistant: its workspace is where documents are read, its settings and skills count. `run`
    is the run's id. `blobs` keep new content, `answers` those of identical requests (None: none are kept), `saver`
    the threads (a file of the state folder without one); `readers` are those of a worker with several desks. One event
    loop uses a desk; `aclose` ends what it started.
    """

    def __init__(
        self,
        base: Copilot,
        run: str,
        *,
        blobs: Blobs | None = None,
        answers: Answers | None = None,
        readers: Readers | None = None,
    ) -> None:
        self.base, self.run, self.state = base, run, base.state
        self.blobs: Blobs = blobs or FolderBlobs(base.state / "jobs" / "blobs")
        self.answers = answers
        self.readers, self._own_readers = readers or Readers(), readers is None
        self._assistants: dict[tuple[str, str], Copilot] = {}
        self._shapes: dict[str, Shape] = {}
        self._audit = PlacedAudit(base.audit)

    @property
    def settings(self) -> Settings:
        """The settings of the person."""
        return self.base.settings

    def assistant(self, job: Job) -> Copilot:
        """Return the assistant that works in scratches, for the job's model and agent; made once for each.

        Raises SettingsError for a model, ToolInputError for an agent that there is none of.
        """
        key = (job.model, job.agent)
        if key not in self._assistants:
            self._assistants[key] = self._made(job)
        return self._assistants[key]

    def _made(self, job: Job) -> Copilot:
        home = self.state / scratches.FOLDER
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        places = self.settings.places.model_copy(update={"open": []})
        chosen: dict[str, Any] = {"agent": job.agent} if job.agent else {}
        chosen |= {"model": job.model} if job.model else {}
        settings = self.settings.model_copy(update={"places": places})
        made = self.base.like(folder=home, folders=(), mode="yes", settings=settings, **chosen)
        shared = {name: getattr(self.base, name) for name in _SHARED}
        workspace = stand_in(self.state, _DONE.get(job.mode, "Done and saved"))
        guard = PlacedGuard(settings.trust, self.state, self.base.workspace.roots)
        made.__dict__.update(shared, workspace=workspace, guard=guard, audit=self._audit)
        return made

    def router(self, job: Job) -> RoutedChatModel:
        """Return the model of a job, with failover; raises as `assistant`."""
        return self.assistant(job).router

    async def turn(self, job: Job, key: str, label: Label | None = None) -> Turn:
        """Return a turn in the thread of the scratch at hand, with the label of what is said; raises as `assistant`."""
        assistant = await asyncio.to_thread(self.assistant, job)
        mode = "read-only" if job.mode == "read-only" else "yes"
        return assistant.turn_in(self.saver(at_hand()), self.thread(key), mode, label)

    def thread(self, key: str) -> str:
        """Return the name of the thread of a document: the same one in every process."""
        return f"{self.run}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"

    def saver(self, scratch: Scratch) -> FileSaver:
        """Return where the thread of a scratch is kept."""
        from copilot.jobs.work.threads import FileSaver

        if scratch.saver is None:
            scratch.saver = FileSaver(scratch.thread_file, self.base.serializer)
        return scratch.saver

    async def forget(self, key: str) -> None:
        """Remove the scratch of a document with its thread, if there is one."""
        place = scratches.place_for(self.state, self.run, key)
        if place.exists():
            await asyncio.to_thread(shutil.rmtree, place, True)

    def shape(self, job: Job) -> Shape:
        """Return the checked schema of the job's fields. Raises ToolInputError (code "schema")."""
        key = json.dumps(job.fields, sort_keys=True, default=str)
        if key not in self._shapes:
            while len(self._shapes) >= _SHAPES:
                self._shapes.pop(next(iter(self._shapes)))
            self._shapes[key] = Shape(job.fields or {})
        return self._shapes[key]

    def recorded(self, event: Mapping[str, Any]) -> None:
        """Write an event into the person's audit log."""
        self._audit.record({"folder": str(self.base.folder), **event})

    async def read(self, path: str) -> File:
        """Return a document as the person's workspace has it; fetched, where it lies elsewhere.

        Raises DocumentError, or OutsideRootsError.
        """
        return await asyncio.to_thread(self.base.workspace.read, path)

    @cached_property
    def models(self) -> str:
        """What an answer depends on, besides what is asked: a hash of the settings, and of who asks.

        What one person's accounts, or rules for what may be read, let into an answer is nothing for another's.
        """
        settings = self.settings
        told = [[each.model_dump() for each in settings.models], settings.routing.model_dump()]
        text = repr([*told, settings.trust.model_dump(), sorted(settings.accounts), self.base.user])
        return hashlib.sha256(text.encode()).hexdigest()

    async def aclose(self) -> None:
        """End the readers, unless they were given."""
        if self._own_readers:
            await asyncio.to_thread(self.readers.close)

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
