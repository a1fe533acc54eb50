"""Folders, runs and workers for the tests of schedules, watches and webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.jobs.database import Database
from copilot.jobs.feeding import place_of
from copilot.jobs.job import Job, Outcome, Status
from copilot.jobs.runs import Runs
from copilot.jobs.store import Document
from copilot.settings import Settings

pytest.importorskip("dbos")


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Site:
    """A folder of documents and the runs over it; documents are ended by hand, as a worker would."""

    def __init__(self, home: Path, database: str = "") -> None:
        self.docs, self.state = home / "docs", home / "state"
        self.docs.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True, mode=0o700)
        self.copilot = Copilot(self.docs, state=self.state, settings=Settings())
        self.runs = Runs(Database(database, self.state))

    def place(self, *given: str) -> dict[str, Any]:
        return place_of(self.copilot, list(given))

    def queued(self, run: str) -> list[Document]:
        return list(self.runs.store.documents(run, (Status.QUEUED,)))

    def end(self, document: Document, **outcome: Any) -> None:
        """Do a document."""
        store = self.runs.store
        begun = store.begin(document.run, document.number, document.attempt, "worker")
        assert begun is not None
        store.end(document.run, document.number, document.attempt, Outcome(status=Status.DONE, **outcome))


@contextmanager
def site(home: Path, database: str = "") -> Iterator[Site]:
    made = Site(home, database)
    try:
        yield made
    finally:
        made.runs.close()


def job(prompt: str = "read it", **more: Any) -> Job:
    return Job(prompt=prompt, **more)
