"""What a person sees of a run while it goes on: a bar, counts, cost, pace, what happened last; and how it ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from copilot.hosts import render
from copilot.hosts.output import as_json, as_line
from copilot.jobs.job import ENDED, OPEN, WAITING, Status
from copilot.jobs.report.view import Kind, by_kind, dollars, duration
from copilot.trust.sanitise import safe_text

Output = Literal["text", "json", "stream-json"]

_FRAMES = 4  # a second
_EVERY = 5.0  # seconds between two plain lines
_LAST = 5  # lines of what happened last
_VENDORS = 4  # vendors that are shown
_STYLES: Mapping[Kind, str] = {
    "done": "green",
    "waiting": "yellow",
    "failed": "red",
    "rejected": "magenta",
    "open": "dim",
}
#: What is told of each kind, "open" aside: that is what the bar leaves empty.
_TOLD: tuple[tuple[Kind, str], ...] = (
    ("done", "done"),
    ("failed", "failed"),
    ("waiting", "waiting"),
    ("rejected", "declined"),
)


@dataclass(frozen=True)
class Progress:
    """How far a run is. `cost` and `budget` are US dollars; `speed` is documents a minute, None to have it measured.

    `last` are lines of what happened, the newest last; `vendors` says of each how it is, "ok" or what is the matter.
    """

    counts: Mapping[Status, int]
    cost: float | None = None
    budget: float | None = None
    speed: float | None = None
    last: Sequence[str] = ()
    vendors: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many documents the run has."""
        return sum(self.counts.values())

    @property
    def settled(self) -> int:
        """How many documents nothing happens to any more by itself."""
        return sum(self.counts.get(status, 0) for status in ENDED | WAITING)


@dataclass(frozen=True)
class Summary:
    """How a run ended, or why it paused: `steps` are (what, command), `report` and `output` are paths, "" for none."""

    run: str
    counts: Mapping[Status, int]
    cost: float | None = None
    seconds: float = 0.0
    report: str = ""
    output: str = ""
    steps: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    stopped: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON types."""
        return {
            "type": "final",
            "run": self.run,
            "counts": _plain(self.counts),
            "cost": self.cost,
            "seconds": round(self.seconds, 3),
            "report": self.report,
            "output": self.output,
            "steps": [{"what": what, "command": command} for what, command in self.steps],
            "notes": list(self.notes),
            "stopped": self.stopped,
        }


#: What can be done for documents of a status: words for one and for many, and the command of `batch`.
_STEPS = (
    (Status.REVIEW, "1 change waits for your answer", "{:,} changes wait for your answer", "review"),
    (Status.ASKED, "1 document would send something", "{:,} documents would send something", "review"),
    (Status.HELD, "1 document is held: {why}", "{:,} documents are held: {why}", "resume"),
    (Status.FAILED, "1 document failed", "{:,} documents failed", "retry"),
    (Status.QUARANTINED, "1 document is set aside: see the report", "{:,} documents are set aside", "report"),
)


def steps(run: str, counts: Mapping[Status, int], program: str = "everpilot", why: str = "") -> list[tuple[str, str]]:
    """Return what a person can do next, as (what, command), for a run with these counts; `why` is what holds some."""
    why = why or "the budget or a quota ended"
    found = []
    for status, one, many, command in _STEPS:
        if count := counts.get(status, 0):
            told = (one if count == 1 else many).format(count, why=why)
            found.append((told, f"{program} batch {command} {run}"))
    if sum(counts.get(status, 0) for status in OPEN):
        found.append(("Not all documents were reached", f"{program} batch resume {run}"))
    return found


class Pace:
    """How fast a run is, as a moving average: documents a minute over about the last `window` seconds.

    Unknown (None) until `fewest` documents took `shortest` seconds: a first guess would only be wrong.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        window: float = 120.0,
        shortest: float = 5.0,
        fewest: int = 3,
    ) -> None:
        self._clock = clock
        self._window = window
        self._shortest = shortest
        self._fewest = fewest
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, settled: int) -> None:
        """Take note of how many documents are settled now; a smaller number (a retry) begins anew."""
        now = self._clock()
        if self._seen and settled < self._seen[-1][1]:
            self._seen.clear()
        while len(self._seen) > 2 and now - self._seen[1][0] >= self._window:
            self._seen.popleft()
        if len(self._seen) > 1 and now - self._seen[-2][0] < self._window / 100:  # constant memory, however many come
            self._seen.pop()
        self._seen.append((now, settled))

    @property
    def speed(self) -> float | None:
        """Documents a minute; a run that stands still becomes slower and slower. None while unknown."""
        if not self._seen:
            return None
        (since, before), (_, settled) = self._seen[0], self._seen[-1]
        passed = self._clock() - since
        if passed < self._shortest or settled - before < self._fewest:
            return None
        return 60 * (settled - before) / passed


class Screen:
    """Shows the progress of a run: drawn in place on a terminal, as a line now and then elsewhere, as JSON for scripts.

    Progress goes to stderr, the summary to stdout. `update` is cheap and can be called from any thread.
    """

    def __init__(
        self,
        title: str = "",
        output: Output = "text",
        *,
        console: Console | None = None,
        out: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._output = output
        self._console = console or render.console(stderr=True)
        self._out = out or render.console()
        self._clock = clock
        self._pace = Pace(clock)
        self._progress = Progress({})
        self._told: tuple[float, Progress] | None = None
        drawn = output == "text" and self._console.is_terminal and not self._console.is_dumb_terminal
        # Drawn by the clock, not by the document: thousands may end in a second.
        self._live = (
            Live(
                console=self._console,
                transient=True,
                refresh_per_second=_FRAMES,
                get_renderable=self.frame,
                vertical_overflow="crop",
            )
            if drawn
            else None
        )

    def __enter__(self) -> Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def update(self, progress: Progress) -> None:
        """Show how far the run is now."""
        self._progress = progress
        self._pace.add(progress.settled)
        if self._live:
            if not self._live.is_started:
                self._live.start()
        elif self._told is None or (progress != self._told[1] and self._clock() - self._told[0] >= _EVERY):
            self._tell(progress)

    def close(self, summary: Summary | None = None) -> None:
        """Draw nothing any more, and show how the run ended."""
        self._stop()
        if summary is None:
            return
        if self._output == "json":
            as_json({key: value for key, value in summary.to_dict().items() if key != "type"})
        elif self._output == "stream-json":
            as_line(summary.to_dict())
        else:
            self._out.print(summarised(summary, self._out.width), soft_wrap=True)  # a command is copied in one piece

    def frame(self) -> RenderableType:
        """Return what is drawn now. It has as many lines each time that as much is known, so that nothing jumps."""
        progress, width = self._progress, max(self._console.width - 1, 10)
        lines = [_cut(Text(safe_text(self._title), "bold"), width)] if self._title else []
        lines.append(_bar(progress, width, self._console.encoding))
        lines += packed(list(self._pieces(progress)), width)
        lines += packed(list(_vendors(progress.vendors)), width)
        last = [_cut(Text(f"  {safe_text(line)}", "dim"), width) for line in progress.last[-_LAST:]]
        return Group(*lines, *last, *[Text("")] * (_LAST - len(last) if last else 0))

    def _stop(self) -> None:
        if self._live and self._live.is_started:
            self._live.stop()
        elif not self._live and self._told and self._told[1] != self._progress:
            self._tell(self._progress)

    def _tell(self, progress: Progress) -> None:
        """Say in one line how far the run is."""
        self._told = (self._clock(), progress)
        if self._output == "stream-json":
            as_line(self._as_event(progress))
        elif self._output == "text":
            pieces = [piece.plain for piece in (*self._pieces(progress), *_vendors(progress.vendors))]
            told = " · ".join([f"{progress.settled:,} of {progress.total:,}", *pieces])
            print(told, file=self._console.file, flush=True)

    def _as_event(self, progress: Progress) -> dict[str, Any]:
        speed, left = self._speed(progress), self._left(progress)
        return {
            "type": "progress",
            "counts": _plain(progress.counts),
            "total": progress.total,
            "settled": progress.settled,
            "cost": progress.cost,
            "budget": progress.budget,
            "per_minute": None if speed is None else round(speed, 2),
            "seconds_left": None if left is None else round(left),
            "vendors": dict(progress.vendors),
            "last": list(progress.last[-1:]),
        }

    def _pieces(self, progress: Progress) -> Iterator[Text]:
        kinds = by_kind(progress.counts)
        for kind, word in _TOLD:
            if kinds[kind] or kind == "done":
                yield Text(f"{word} {kinds[kind]:,}", _STYLES[kind] if kinds[kind] else "")
        if progress.cost is not None:
            most = f" of {dollars(progress.budget)}" if progress.budget is not None else ""
            yield Text(f"{dollars(progress.cost)}{most}")
        speed, left = self._speed(progress), self._left(progress)
        if progress.settled < progress.total:
            yield Text("pace unknown" if speed is None else f"{speed:,.1f}/min" if speed < 10 else f"{speed:,.0f}/min")
            yield Text("time left unknown" if left is None else f"about {_rough(left)} left")

    def _speed(self, progress: Progress) -> float | None:
        return progress.speed if progress.speed is not None else self._pace.speed

    def _left(self, progress: Progress) -> float | None:
        """Return the seconds that are left, None if they can't be known."""
        speed = self._speed(progress)
        return 60 * (progress.total - progress.settled) / speed if speed else None


def summarised(summary: Summary, width: int) -> RenderableType:
    """Return how a run ended, with the next steps, for a screen so wide."""
    kinds = by_kind(summary.counts)
    told = [Text(f"{word} {kinds[kind]:,}", _STYLES[kind]) for kind, word in _TOLD if kinds[kind] or kind == "done"]
    if kinds["open"]:
        told.append(Text(f"not done {kinds['open']:,}"))
    if summary.cost is not None:
        told.append(Text(dollars(summary.cost)))
    told.append(Text(duration(summary.seconds)))
    head = Text(safe_text(f"Run {summary.run} {_stands(summary)}"), "bold")
    lines = [head, *packed(told, width), *(Text(safe_text(note), "yellow") for note in summary.notes)]
    for what, place in (("Output", summary.output), ("Report", summary.report), *summary.steps):
        if place:
            lines.append(Text.assemble((f"{safe_text(what)}:", ""), "\n  ", (safe_text(place), "cyan")))
    return Group(*lines)


def _stands(summary: Summary) -> str:
    """Return in words where a run stands."""
    if summary.stopped:
        return "was stopped"
    if any(summary.counts.get(status) for status in OPEN):
        return "has not ended"
    return "waits for you" if any(summary.counts.get(status) for status in WAITING) else "ended"


def packed(pieces: Sequence[Text], width: int) -> list[Text]:
    """Return the pieces joined by dots, on as few lines of at most `width` cells as they need."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + 3 + piece.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], (" · ", "dim"), piece)
        else:
            lines.append(_cut(piece, width))
    return lines


def _vendors(vendors: Mapping[str, str]) -> Iterator[Text]:
    """Yield how each vendor is, those in trouble first."""
    ordered = sorted(vendors.items(), key=lambda entry: (entry[1] == "ok", entry[0]))
    for name, state in ordered[:_VENDORS]:
        yield Text(safe_text(f"{name} {state}"), "" if state == "ok" else "yellow")
    if len(ordered) > _VENDORS:
        yield Text(f"{len(ordered) - _VENDORS} more")


def _bar(progress: Progress, width: int, encoding: str) -> Text:
    """Return a bar with its numbers, in signs that also say without colours how far it is."""
    numbers = f" {progress.settled:,}/{progress.total:,}"
    room = max(width - len(numbers), 4)
    full, rest = ("━", "─") if encoding.lower().startswith("utf") else ("#", "-")
    bar, at, seen = Text(no_wrap=True), 0, 0
    kinds = by_kind(progress.counts)
    for kind, _ in _TOLD:
        seen += kinds[kind]
        end = room * seen // max(progress.total, 1)
        bar.append(full * (end - at), _STYLES[kind])
        at = end
    return bar.append(rest * (room - at), "dim").append(numbers)


def _cut(line: Text, width: int) -> Text:
    """Return a line of at most so many cells."""
    if cell_len(line.plain) <= width:
        return line
    return Text(set_cell_size(line.plain, width - 1) + "…", line.style, no_wrap=True)


def _rough(seconds: float) -> str:
    """Return a length of time no more exactly than it can be known."""
    if seconds < 60:
        return "1 min" if seconds > 30 else "30 s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60 // 5 * 5:02} min" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _plain(counts: Mapping[Status, int]) -> dict[str, int]:
    return {Status(status).value: count for status, count in counts.items() if count}
