"""A worker in this process, and small runs that it works on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from copilot import Copilot
from copilot.jobs import workflows
from copilot.jobs.database import Database
from copilot.jobs.feeding import place_of
from copilot.jobs.job import Job, Status
from copilot.jobs.runs import Runs
from copilot.jobs.store import Document, Run
from copilot.jobs.worker import working
from copilot.sections.jobs import JobSettings
from copilot.settings import Settings

_NEVER = threading.Event()
SETTINGS = JobSettings(parallel=3)


def until(true: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    while not true():
        _NEVER.wait(0.02)


class Site:
    """A state folder with one worker; each run has a folder of documents of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "state"
        self.state.mkdir(mode=0o700)
        self.runs = Runs(Database("", self.state))
        self._folders = 0
        self._loaded = Copilot(home, settings=Settings(), state=self.state, env={})

    def folder(self, **files: bytes) -> Path:
        """Return a new folder with these files; `__` in a name is its point."""
        self._folders += 1
        made = self.home / f"docs{self._folders}"
        made.mkdir()
        for name, content in files.items():
            (made / name.replace("__", ".")).write_bytes(content)
        return made

    def base(self, folder: Path, **chosen: Any) -> Copilot:
        """Return an assistant without models, unless the settings say others."""
        made = Copilot(folder, state=self.state, **{"settings": Settings(), "env": {}, **chosen})
        made.__dict__["skills"] = self._loaded.skills
        return made

    def run(
        self, base: Copilot, given: list[str], prompt: str = "", *, place: Mapping[str, Any] | None = None, **job: Any
    ) -> Run:
        """Begin a run and wait until nothing is left to do without a person."""
        asked = Job(prompt=prompt, **job)
        whole = self.runs.begin(asked, place_of(base, given, to=asked.to, **(place or {})), by="Ann")
        with working(self.runs, SETTINGS, live={whole.id: base}):
            self.runs.order(whole)
            self.settle(whole.id)
        return self.runs.store.run(whole.id)

    def settle(self, run: str) -> None:
        """Wait until nothing is left to do without a person."""
        until(lambda: not self.runs.is_open(run))

    def accept(self, run: str, *names: str) -> Any:
        """Accept what waits, or the named documents."""
        shown = self.runs.shown(run)
        said = self.runs.answer(shown.only(names) if names else shown.all(), "Ann")
        self.settle(run)
        return said

    def documents(self, run: str) -> dict[str, Document]:
        """Return the documents of a run by the names of their files."""
        return {each.source.path or each.source.key: each for each in self.runs.store.documents(run)}

    def statuses(self, run: str) -> dict[str, Status]:
        """Return where each document stands."""
        return {name: each.status for name, each in self.documents(run).items()}


@contextmanager
def site(home: Path, patch: Any) -> Iterator[Site]:
    """Return a site whose worker waits for nothing."""
    patch.setattr(workflows, "PAUSES", (0.01,))
    patch.setattr(workflows, "POLLS", (0.05,))
    made = Site(home)
    with working(made.runs, SETTINGS, state=made.state, env={}):
        yield made
    made.runs.close()
