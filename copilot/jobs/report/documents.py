"""One document of a run as HTML: its change, its values, its line in the list of all."""

from __future__ import annotations

from collections.abc import Iterable

from copilot.jobs.job import Outcome, Source, Status
from copilot.jobs.report import changes
from copilot.jobs.report.markup import cut, flag, folded, named, prose, text
from copilot.jobs.report.values import MEANING, doubtful, extracted
from copilot.jobs.report.view import WORDS, counted, dollars


def name(source: Source) -> str:
    """Return how a person calls a document: its path, or the key of a row."""
    return source.path or source.key


def waiting(source: Source, outcome: Outcome, pick: str, anchor: str, *, opened: bool) -> str:
    """Return a document that waits for an answer, with a box to tick; `pick` is its name for commands.

    A change is ticked beforehand, what would be sent is not, nor what is too long to be shown whole.
    """
    around = _around(outcome, source)
    shown = [changes.card(card) for card in outcome.cards] + [changes.edit(edit, around) for edit in outcome.edits]
    whole = all(complete for _, complete in shown)
    body = "".join(html for html, _ in shown) + _said(outcome) + extracted(outcome)
    sends = outcome.status is Status.ASKED
    ticked = " checked" if whole and not sends else ""
    box = (
        f'<input type="checkbox" name="pick" value="{pick}" data-kind="{"send" if sends else "change"}"{ticked} '
        f'aria-label="Accept {text(cut(name(source), 200))}">'
    )
    body += f'<p class="dim">In commands: <code>--only {pick}</code></p>'
    flags = [flag("not shown in full", "near")] if not whole else []
    return f'<div class="pick">{box}{_folded(source, outcome, body, anchor, opened, flags)}</div>'


def changed(source: Source, outcome: Outcome, anchor: str, *, opened: bool) -> str:
    """Return a document whose change was saved, or whose answer is a text."""
    body = "".join(changes.edit(edit, _around(outcome, source), saved=True)[0] for edit in outcome.edits)
    return _folded(source, outcome, body + _said(outcome), anchor, opened)


def valued(source: Source, outcome: Outcome, anchor: str, *, opened: bool) -> str:
    """Return a document with what was extracted from it; it is open where a person should look."""
    doubts = doubtful(outcome)
    flags = [flag(f"{count:,} {MEANING[kind][0]}", kind) for kind, count in doubts.items()]
    return _folded(source, outcome, extracted(outcome), anchor, opened or bool(doubts), flags)


def line(source: Source, told: str = "") -> str:
    """Return a document of a group, with what there is to say of it alone."""
    more = f': <span dir="auto">{text(cut(told, 1_000))}</span>' if told else ""
    return f"<li>{named(name(source))}{more}</li>\n"


def row(source: Source, outcome: Outcome, number: int, href: str) -> str:
    """Return the line of a document in the list of all; `href` is where more of it stands, "" for nowhere."""
    word, kind = WORDS[outcome.status]
    shown = f'<a href="{href}">{named(name(source))}</a>' if href else named(name(source))
    again = f" {flag('answered from before', 'open')}" if outcome.reused else ""
    cost = dollars(outcome.cost) if outcome.cost is not None else "–"
    return (
        f'<tr><td class="number">{number:,}</td><th scope="row">{shown}</th><td>{flag(word, kind)}{again}</td>'
        f'<td>{text(cut(outcome.served_by or "–", 100))}</td><td class="number">{cost}</td></tr>'
    )


def _folded(source: Source, outcome: Outcome, body: str, anchor: str, opened: bool, flags: Iterable[str] = ()) -> str:
    said = [edit.summary for edit in outcome.edits if edit.summary]
    told = [text(cut("; ".join(said), 300))] if said else []
    places = sum(len(edit.hunks) for edit in outcome.edits)
    told += [counted(places, "place")] if places else []
    notes = sum(len(edit.warnings) for edit in outcome.edits)
    marks = [*flags, *([flag(counted(notes, "note"), "near")] if notes else [])]
    dim = f'<span class="dim">{" · ".join(told)}</span>' if told else ""
    return folded(
        f"<h3>{named(name(source))}</h3> {dim} {' '.join(marks)}", body, opened=opened, kind="doc", anchor=anchor
    )


def _around(outcome: Outcome, source: Source) -> str:
    """Return the path that the heading of a document already told, with the summary of its one change."""
    return source.path if len(outcome.edits) == 1 else ""


def _said(outcome: Outcome) -> str:
    return prose(outcome.text) if outcome.text.strip() and outcome.values is None else ""
