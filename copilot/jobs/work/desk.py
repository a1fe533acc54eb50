"""The desk: what a worker process makes once, and lays out for every document of a run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.agent.copilot import Copilot
from copilot.jobs.job import Job
from copilot.jobs.work import scratch as scratches
from copilot.jobs.work.keeping import Answers, Blobs, FolderBlobs
from copilot.jobs.work.readers import Readers
from copilot.jobs.work.shape import Shape
from copilot.jobs.work.standing import PlacedAudit, PlacedGuard, stand_in
from copilot.settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from copilot.agent.turn import Turn
    from copilot.models.router import RoutedChatModel
    from copilot.workspace.file import File

_SHAPES = 32  # schemas that are kept: recipes may make their own
THREADS = Path("jobs") / "threads.sqlite"
#: What is costly to make and the same for every assistant of a person.
_SHARED = ("_discovered", "project_skills", "skills", "personas", "servers", "hub", "serializer", "_secrets")


class Desk:
    """What the work on documents of one run needs, shared between them: all of it is safe for many at once.

    `base` is the person's assistant: its workspace is where documents are read, its settings and skills count. `run`
    is the run's id. `blobs` keep new content, `answers` those of identical requests (None: none are kept), and `saver`
    the threads (a file of the state folder without one). One event loop uses a desk; `aclose` ends what it started.
    """

    def __init__(
        self,
        base: Copilot,
        run: str,
        *,
        blobs: Blobs | None = None,
        answers: Answers | None = None,
        saver: BaseCheckpointSaver[Any] | None = None,
    ) -> None:
        self.base, self.run, self.state = base, run, base.state
        self.blobs: Blobs = blobs or FolderBlobs(base.state / "jobs" / "blobs")
        self.answers = answers
        self.readers = Readers()
        self._assistants: dict[tuple[str, str], Copilot] = {}
        self._shapes: dict[str, Shape] = {}
        self._audit = PlacedAudit(base.audit)
        self._saver = self._given = saver
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

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
        workspace = stand_in(self.state)
        guard = PlacedGuard(settings.trust, self.state, self.base.workspace.roots)
        made.__dict__.update(shared, workspace=workspace, guard=guard, audit=self._audit)
        return made

    def router(self, job: Job) -> RoutedChatModel:
        """Return the model of a job, with failover; raises as `assistant`."""
        return self.assistant(job).router

    async def turn(self, job: Job, key: str) -> Turn:
        """Return a turn in the thread of a document; raises as `assistant`."""
        saver = await self.saver()
        assistant = await asyncio.to_thread(self.assistant, job)
        return assistant.turn_in(saver, self.thread(key), "read-only" if job.mode == "read-only" else "yes")

    def thread(self, key: str) -> str:
        """Return the thread of a document: the same one in every process."""
        return f"{self.run}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"

    async def is_begun(self, key: str) -> bool:
        """Return whether the thread of a document holds anything."""
        saver = await self.saver()
        return await saver.aget_tuple({"configurable": {"thread_id": self.thread(key)}}) is not None

    async def forget_thread(self, key: str) -> None:
        """Remove the thread of a document."""
        saver = await self.saver()
        await saver.adelete_thread(self.thread(key))

    async def forget(self, key: str) -> None:
        """Remove the thread of a document, and its scratch, if there are any."""
        if scratches.place_for(self.state, self.run, key).exists():
            await self.forget_thread(key)
            await asyncio.to_thread(shutil.rmtree, scratches.place_for(self.state, self.run, key), True)

    async def saver(self) -> BaseCheckpointSaver[Any]:
        """Return where threads are kept; raises EverpilotError when the database can't be used."""
        async with self._opening:
            if self._saver is None:
                from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

                from copilot._database import dsn
                from copilot.agent.checkpoints import checkpoints

                path = self.state / THREADS
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                at = dsn(self.settings.database, os.environ) if self.settings.database else ""
                opened = await self._stack.enter_async_context(checkpoints(path, self.base.serializer, at))
                if isinstance(opened, AsyncSqliteSaver):
                    # A crash of ours loses nothing by it; after a power cut a document is begun anew.
                    await opened.conn.execute("PRAGMA synchronous=OFF")
                self._saver = opened
        return self._saver

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
        """What the answers of models depend on, besides what they are asked: a hash of the settings."""
        told = (self.settings.models, self.settings.routing)
        text = repr([[each.model_dump() for each in told[0]], told[1].model_dump()])
        return hashlib.sha256(text.encode()).hexdigest()

    async def reopen(self) -> None:
        """Leave a database of threads that failed; the next document opens it anew. One that was given stays."""
        async with self._opening:
            if self._given is None:
                self._saver = None
                stack, self._stack = self._stack, AsyncExitStack()
                with suppress(Exception):  # what is broken need not close well
                    await stack.aclose()

    async def aclose(self) -> None:
        """Close the database of threads and end the readers."""
        await self._stack.aclose()
        await asyncio.to_thread(self.readers.close)

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
