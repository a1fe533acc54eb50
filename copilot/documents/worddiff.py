"""A change as words in context: data that a terminal, a Markdown and an HTML card show, each in its own way.

Words that go and come are told from those that stay; long stretches that stay are cut to some context beside the
changes, with an ellipsis. What moved is one entry with both its places, and a format is told as "old → new".
"""

from __future__ import annotations

import difflib
import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

SpanKind = Literal["same", "removed", "added"]

#: Characters of what stays the same that are shown beside a change.
CONTEXT = 40
_MOST_WORK = 4_000_000  # word pairs that are compared; longer texts are shown whole
_MOST_STEPS = 4_000_000  # of the search for what is the same: words that come again and again make it cubic
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_HTML = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
_MARKDOWN = {"same": "{}", "removed": "~~{}~~", "added": "**{}**"}
_ENDS = re.compile(r"(\s*)(.*?)(\s*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that stays the same, goes or comes."""

    text: str
    kind: SpanKind = "same"


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of a card: `where`, and both texts in spans (empty for what comes new or goes whole).

    `kind` is that of the hunk, or "moved": `where` then names the old place and `there` the new one.
    """

    where: str
    kind: str
    before: tuple[Span, ...] = ()
    after: tuple[Span, ...] = ()
    there: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON types."""
        return asdict(self)


def sides(before: str, after: str, *, context: int | None = CONTEXT) -> tuple[list[Span], list[Span]]:
    """Return both texts as spans, for a line of the old and a line of the new.

    `context` is how many characters beside a change are shown of what stays the same, None for all of it. Texts of
    which one is empty, or that are too long to compare, are one span each.
    """
    old: list[Span] = []
    new: list[Span] = []
    for gone, come, same in _pairs(before, after, context):
        old += [Span(same)] if same else [Span(gone, "removed")] if gone else []
        new += [Span(same)] if same else [Span(come, "added")] if come else []
    return old, new


def inline(before: str, after: str, *, context: int | None = CONTEXT) -> list[Span]:
    """Return both texts as one line of spans: what goes stands before what comes in its place."""
    spans: list[Span] = []
    for gone, come, same in _pairs(before, after, context):
        spans += [Span(same)] if same else []
        spans += [Span(gone, "removed")] if gone else []
        spans += [Span(come, "added")] if come else []
    return spans


def _pairs(before: str, after: str, context: int | None) -> Iterator[tuple[str, str, str]]:
    """Yield what goes, what comes in its place, or what stays the same."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if not before or not after or len(old) * len(new) > _MOST_WORK:
        yield before, after, ""
        return
    steps = list(_steps(old, new))
    for number, (gone, come, same) in enumerate(steps):
        if same and context is not None:
            same = _cut(same, context, first=number == 0, last=number == len(steps) - 1)
        yield gone, come, same


class _Bounded(difflib.SequenceMatcher[str]):
    """Finds nothing more that stays the same once it took too long: the rest is told as gone and come."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, old, new, autojunk=False)
        times = Counter(new)
        self._costs = [times[word] for word in old]
        self._left = _MOST_STEPS

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._left -= sum(self._costs[alo:ahi])
        if self._left < 0:
            return difflib.Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


def _steps(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the differences of two rows of words; two that only a space parts are one."""
    gone = come = ""
    held = ""
    for tag, i1, i2, j1, j2 in _Bounded(old, new).get_opcodes():
        if tag == "equal":
            same = "".join(old[i1:i2])
            if (gone and come) and same.isspace():
                held = same
                continue
            if gone or come:
                yield gone, come, ""
            gone = come = ""
            yield "", "", same
        else:
            gone, come, held = gone + held + "".join(old[i1:i2]), come + held + "".join(new[j1:j2]), ""
    if gone or come:
        yield gone, come, ""
    if held:
        yield "", "", held


def _cut(same: str, context: int, *, first: bool, last: bool) -> str:
    """Return what stays the same, with only some context of the changes beside it; words are not cut."""
    if len(same) <= 3 * context:
        return same
    head = "" if first else same[:context].rpartition(" ")[0] + " "
    tail = "" if last else " " + same[-context:].partition(" ")[2]
    return f"{head}…{tail}"


def told(hunks: Iterable[Mapping[str, Any]]) -> list[Told]:
    """Return hunks (`Hunk.to_dict`) as the entries of a card, in order; a removal and an addition of one text moved."""
    given = list(hunks)
    moves = _moves(given)
    entries: list[Told] = []
    for at, hunk in enumerate(given):
        before, after = str(hunk["before"]), str(hunk["after"])
        if at in moves:
            if (there := moves[at]) is not None:
                entries.append(Told(hunk["where"], "moved", (Span(before),), (), given[there]["where"]))
        else:
            old, new = sides(before, after)
            entries.append(Told(hunk["where"], hunk["kind"], tuple(old), tuple(new)))
    return entries


def _moves(hunks: Sequence[Mapping[str, Any]]) -> dict[int, int | None]:
    """Return for each removal that comes back elsewhere where it does, and None for that other hunk."""
    come = {h["after"]: at for at, h in enumerate(hunks) if h["kind"] == "structure" and h["after"] and not h["before"]}
    found: dict[int, int | None] = {}
    for at, hunk in enumerate(hunks):
        there = come.get(hunk["before"])
        goes = hunk["kind"] == "structure" and hunk["before"] and not hunk["after"]
        if goes and there is not None and there not in found:
            found[at], found[there] = there, None
    return found


def markdown(hunks: Iterable[Mapping[str, Any]]) -> str:
    """Return hunks as a Markdown list: ~~gone~~, **come**; signs of Markdown in the texts are escaped."""
    return "\n".join(f"- {_line(each, _MARKDOWN, _escaped)}" for each in told(hunks))


def as_html(hunks: Iterable[Mapping[str, Any]]) -> str:
    """Return hunks as an HTML list with `<del>` and `<ins>`; the texts are escaped, line breaks kept."""
    items = "".join(f"<li>{_line(each, _HTML, _safe)}</li>" for each in told(hunks))
    return f'<ul class="changes">{items}</ul>'


def _line(entry: Told, forms: Mapping[str, str], safe: Callable[[str], str]) -> str:
    where = safe(entry.where)
    if entry.kind == "moved":
        return f"{where} → {safe(entry.there)}: {_spans(entry.before, forms, safe)}"
    if entry.kind == "format":
        return f"{where}: {_spans(entry.before, forms, safe)} → {_spans(entry.after, forms, safe)}"
    if not entry.before or not entry.after:
        return f"{where}: {_spans(entry.before or entry.after, forms, safe)}"
    old, new = "".join(s.text for s in entry.before), "".join(s.text for s in entry.after)
    return f"{where}: {_spans(_woven(entry) or inline(old, new, context=None), forms, safe)}"


def _woven(entry: Told) -> list[Span]:
    """Return both sides as one line; they share what stays the same."""
    woven: list[Span] = []
    new = list(entry.after)
    for span in entry.before:
        if span.kind == "removed":
            woven.append(span)
            continue
        while new and new[0].kind == "added":
            woven.append(new.pop(0))
        if not new or new[0] != span:
            return []
        woven.append(new.pop(0))
    return woven + new


def _spans(spans: Iterable[Span], forms: Mapping[str, str], safe: Callable[[str], str]) -> str:
    parts = []
    for span in spans:
        match = _ENDS.match(span.text)
        head, words, tail = match.groups() if match else ("", span.text, "")
        # Markdown wants its marks next to the words.
        parts.append(f"{safe(head)}{forms[span.kind].format(safe(words)) if words else ''}{safe(tail)}")
    return "".join(parts)


def _escaped(text: str) -> str:
    return " ".join(_MARKUP.sub(r"\\\1", text).split("\n"))


def _safe(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
