"""What a report tells of a run as a whole, and the words for where a document stands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from copilot.jobs.job import Status

#: The few kinds that a bar and a headline tell apart.
Kind = Literal["done", "waiting", "failed", "rejected", "open"]

#: The word that a person reads for each status, and the kind that it is counted under.
WORDS: Mapping[Status, tuple[str, Kind]] = MappingProxyType(
    {
        Status.DONE: ("done", "done"),
        Status.REVIEW: ("waits for you", "waiting"),
        Status.ASKED: ("would send something", "waiting"),
        Status.HELD: ("held", "waiting"),
        Status.FAILED: ("failed", "failed"),
        Status.QUARANTINED: ("set aside", "failed"),
        Status.REJECTED: ("declined", "rejected"),
        Status.CANCELLED: ("cancelled", "open"),
        Status.RUNNING: ("at work", "open"),
        Status.SAVING: ("being saved", "open"),
        Status.SAVING: ("being saved", "open"),
        Status.QUEUED: ("not begun", "open"),
    }
)
#: The kinds in the order of a bar, with their headline.
KINDS: Mapping[Kind, str] = MappingProxyType(
    {"done": "done", "waiting": "waiting", "failed": "failed", "rejected": "declined", "open": "not done"}
)


@dataclass(frozen=True)
class RunView:
    """A run, as its report shows it. Times have a time zone; `cost` and `budget` are US dollars, None if not known.

    `by` is who started it, `models` how many documents each model did, `workers` which machines worked, `notes` what a
    person should know of the run (what was not done, and why), `output` where rows or changed files went.
    """

    id: str
    title: str = ""
    prompt: str = ""
    recipe: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    by: str = ""
    counts: Mapping[Status, int] = field(default_factory=dict)
    cost: float | None = None
    budget: float | None = None
    models: Mapping[str, int] = field(default_factory=dict)
    workers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mode: str = ""
    output: str = ""
    program: str = "everpilot"

    @property
    def total(self) -> int:
        """How many documents the run has."""
        return sum(self.counts.values())

    def command(self, what: str, *more: str) -> str:
        """Return the command line that does something with this run: `batch WHAT RUN MORE`."""
        return " ".join([self.program, "batch", *map(shlex.quote, (what, self.id, *more))])


def by_kind(counts: Mapping[Status, int]) -> dict[Kind, int]:
    """Return how many documents are done, waiting, failed, declined and not done, each also where it is 0."""
    found: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    for status, count in counts.items():
        found[WORDS[Status(status)][1]] += count
    return found


def dollars(amount: float | None) -> str:
    """Return an amount of US dollars; small ones with four digits after the point, "not known" for None."""
    if amount is None:
        return "not known"
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${amount:.4f}" if amount >= 0.00005 else "< $0.0001"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units, such as "2 h 05 min"."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, seconds = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun, such as "1 document" or "2,000 documents"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
