"""The sections of a report: where each document belongs, and on which page of its section it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from copilot.jobs.job import Confidence, Outcome, Source, Status
from copilot.jobs.report import documents
from copilot.jobs.report.digest import Shown
from copilot.jobs.report.reasons import Groups, alike, reason
from copilot.jobs.report.spool import Spool
from copilot.jobs.report.values import doubtful
from copilot.jobs.report.view import RunView

Name = Literal["sends", "changes", "values", "results", "all"]

Maker = Callable[[str], str]

#: Documents of a run up to which all of them stand open.
_FEW = 25
#: Bytes that a page of one section holds, about.
_ROOM = 3_000_000
#: Documents on a page of each section.
_MOST: dict[Name, int] = {"sends": 250, "changes": 250, "values": 250, "results": 250, "all": 1_000}

#: Where nothing came of a document, in words, and the next step; `{resume}` is a command.
_LEFT = MappingProxyType(
    {
        Status.HELD: ("Held: the budget or a quota ended", "{resume}"),
        Status.CANCELLED: ("Cancelled before they were done", ""),
        Status.QUEUED: ("Not begun", "{resume}"),
        Status.RUNNING: ("At work when this was written", "{resume}"),
        Status.SAVING: ("Accepted, not yet saved when this was written", "{resume}"),
        Status.REJECTED: ("Declined: nothing was changed", ""),
        Status.DONE: ("Looked at: nothing to change, nothing found", ""),
    }
)


@dataclass
class Sections:
    """Everything of a report below its top, filled one document at a time. `name` is that of its first file."""

    run: RunView
    name: str
    shown: Shown
    spools: dict[Name, Spool] = field(default_factory=dict)
    failures: Groups = field(default_factory=Groups)
    aside: Groups = field(default_factory=Groups)
    warnings: Groups = field(default_factory=Groups)
    left: Groups = field(default_factory=Groups)
    counts: Counter[Status] = field(default_factory=Counter)
    doubts: Counter[Confidence] = field(default_factory=Counter)
    _number: int = 0

    def __post_init__(self) -> None:
        self.spools = {name: Spool(most, _ROOM) for name, most in _MOST.items()}

    def file(self, name: Name, page: int) -> str:
        """Return the name of the file with a page of a section; the first pages stand together."""
        return self.name if page == 1 else f"{PurePath(self.name).stem}.{name}-{page}.html"

    def add(self, source: Source, outcome: Outcome) -> None:
        """Take a document."""
        self._number += 1
        self.counts[outcome.status] += 1
        place = next((href for href in self._placed(source, outcome)), "")
        self.spools["all"].add(documents.row(source, outcome, self._number, place))
        for edit in outcome.edits:
            for warning in edit.warnings:
                self.warnings.named(alike(warning, source)).add(documents.line(source, warning))

    def close(self) -> None:
        """Forget everything."""
        groups = (self.failures, self.aside, self.warnings, self.left)
        for spool in (*self.spools.values(), *(group.lines for all_of in groups for group in all_of)):
            spool.close()

    def _placed(self, source: Source, outcome: Outcome) -> list[str]:
        """Put a document where it belongs and return where that is, the first place first."""
        if outcome.status in (Status.REVIEW, Status.ASKED):
            return [self._waiting(source, outcome)]
        if outcome.status in (Status.FAILED, Status.QUARANTINED):
            return [self._failed(source, outcome)]
        places = list(self._results(source, outcome)) if outcome.status is Status.DONE else []
        return places or [self._nothing(source, outcome)]

    def _waiting(self, source: Source, outcome: Outcome) -> str:
        pick = self.shown.add(source, outcome)
        name: Name = "sends" if outcome.status is Status.ASKED else "changes"
        return self._write(name, lambda anchor: documents.waiting(source, outcome, pick, anchor, opened=self._few))

    def _results(self, source: Source, outcome: Outcome) -> Iterator[str]:
        if outcome.values is not None:
            self.doubts.update(doubtful(outcome))
            yield self._write("values", lambda anchor: documents.valued(source, outcome, anchor, opened=self._few))
        if outcome.edits or (outcome.text.strip() and outcome.values is None):
            yield self._write("results", lambda anchor: documents.changed(source, outcome, anchor, opened=self._few))

    def _failed(self, source: Source, outcome: Outcome) -> str:
        title, step, message = reason(outcome, source, self.run.command("retry"))
        groups = self.aside if outcome.status is Status.QUARANTINED else self.failures
        groups.named(title, step).add(documents.line(source, message))
        return self._first("failed" if groups is self.failures else "aside")

    def _nothing(self, source: Source, outcome: Outcome) -> str:
        title, step = _LEFT[outcome.status]
        told = reason(outcome, source, "")[2] if outcome.error else ""
        self.left.named(title, step.replace("{resume}", self.run.command("resume"))).add(documents.line(source, told))
        return self._first("left")

    def _first(self, anchor: str) -> str:
        """Return the address of a place on the first page."""
        return f"{quote(self.file('all', 1))}#{anchor}"

    @property
    def _few(self) -> bool:
        return self.run.total <= _FEW and self._number <= _FEW

    def _write(self, name: Name, made: Maker) -> str:
        """Write a document into a section; return the address of it, relative to the other pages."""
        spool = self.spools[name]
        anchor = f"{name}-{self._number}"
        file = self.file(name, spool.turn())
        spool.add(made(anchor))
        return f"{quote(file)}#{anchor}"
