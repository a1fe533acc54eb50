"""The top of a report: how a run ended in one sentence, a bar, and what was asked, by whom, on which models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from copilot.jobs.job import Status
from copilot.jobs.report.markup import cut, items, text
from copilot.jobs.report.view import KINDS, Kind, RunView, by_kind, counted, dollars, duration

_WIDTH = 1_000  # units of the bar
_MODES = MappingProxyType(
    {
        "ask": "asks before it saves",
        "yes": "saves without asking",
        "dry-run": "dry run: saves nothing",
        "read-only": "reads only",
    }
)
#: What a person can do for documents of a status: what to say of one and of many, and the command, "" to answer below.
_NEEDS = (
    (Status.REVIEW, "change waits", "changes wait", ""),
    (Status.ASKED, "document would send something", "documents would send something", ""),
    (Status.HELD, "document is held by the budget or a quota", "documents are held by the budget or a quota", "resume"),
    (Status.FAILED, "document failed", "documents failed", "retry"),
)


def headline(run: RunView, counts: Mapping[Status, int]) -> str:
    """Return in a sentence or two how far the run is, as plain text."""
    kinds, total = by_kind(counts), sum(counts.values())
    if not total:
        return "No document was worked on."
    done = "All" if kinds["done"] == total else f"{kinds['done']:,} of"
    verb = "is" if total == 1 else "are"
    parts = [f"{done} {counted(total, 'document')} {verb} done."]
    words: dict[Kind, tuple[str, str]] = {
        "waiting": ("waits", "wait"),
        "failed": ("failed", "failed"),
        "rejected": ("was declined", "were declined"),
    }
    said = [
        f"{kinds[kind]:,} {one if kinds[kind] == 1 else many}" for kind, (one, many) in words.items() if kinds[kind]
    ]
    if kinds["open"]:
        said.append(f"{kinds['open']:,} not done")
    return " ".join([*parts, *([f"{', '.join(said)}."] if said else [])])


def bar(counts: Mapping[Status, int]) -> str:
    """Return the counts as a bar with its numbers beneath it, told to those who can't see it as well."""
    kinds, total = by_kind(counts), max(sum(counts.values()), 1)
    told = ", ".join(f"{kinds[kind]:,} {word}" for kind, word in KINDS.items() if kinds[kind])
    parts, at = [], 0.0
    for kind, count in kinds.items():
        width = _WIDTH * count / total
        parts += [f'<rect class="{kind}" x="{at:.1f}" width="{width:.1f}" height="14"/>'] if count else []
        at += width
    drawn = f'<svg class="bar" viewBox="0 0 {_WIDTH} 14" preserveAspectRatio="none" role="img" aria-label="{told}">'
    return f'{drawn}{"".join(parts)}</svg><ul class="counts">{"".join(_counts(kinds))}</ul>'


def facts(run: RunView) -> str:
    """Return what was asked, when, by whom, and what it took, as a list of terms."""
    entries = "".join(f"<div><dt>{text(term)}</dt><dd>{told}</dd></div>" for term, told in _facts(run) if told)
    asked = f'<blockquote class="asked" dir="auto">{text(cut(run.prompt), lines=True)}</blockquote>'
    return f'{asked if run.prompt.strip() else ""}<dl class="facts">{entries}</dl>'


def needs(run: RunView, counts: Mapping[Status, int]) -> str:
    """Return what a person has to do, with the command or a link to where it is done on the page; "" for nothing."""
    told = []
    for status, one, many, command in _NEEDS:
        if count := counts.get(status, 0):
            todo = (
                f"<code>{text(run.command(command))}</code>" if command else '<a href="#answer">look, then answer</a>'
            )
            told.append(f"{counted(count, one, many)}: {todo}")
    head = '<section class="needs" aria-labelledby="needs"><h2 id="needs">Needs you</h2>'
    return f"{head}{items(told)}</section>" if told else ""


def _counts(kinds: Mapping[Kind, int]) -> Iterator[str]:
    for kind, word in KINDS.items():
        if kinds[kind] or kind == "done":
            yield f'<li class="{kind}"><b>{kinds[kind]:,}</b> {word}</li>'


def _facts(run: RunView) -> Iterator[tuple[str, str]]:
    yield "Recipe", text(run.recipe)
    yield "Started", _time(run.started)
    yield "Ended", _time(run.ended) if run.ended else "not yet"
    if run.started and run.ended:
        yield "Took", duration((run.ended - run.started).total_seconds())
    yield "By", text(run.by)
    cost = dollars(run.cost)
    yield "Cost", f"{cost} of at most {dollars(run.budget)}" if run.budget is not None else cost
    yield "Models", items(f"{text(model)} ({counted(count, 'document')})" for model, count in run.models.items())
    yield "Machines", text(cut(", ".join(run.workers), 500))
    yield "Output", text(run.output)
    yield "Mode", text(_MODES.get(run.mode, run.mode))
    yield "Run", f"<code>{text(run.id)}</code>"


def _time(moment: datetime | None) -> str:
    if moment is None:
        return ""
    shown = f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()
    return f'<time datetime="{text(moment.isoformat())}">{text(shown)}</time>'
