"""Where values come from, found by looking: nothing that a model says about its sources is believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from copilot.documents.segments import Reading, Segment
from copilot.jobs.job import Citation, Confidence
from copilot.jobs.work.figures import plain, stands

_MOST = 20  # quotes of one field
_LONGEST = 2_000  # characters of a quote
_SHORTEST = 2  # of one that can be looked for at all
_SPAN = 12  # segments that a quote may reach over


class Text:
    """A document to look quotes up in."""

    def __init__(self, reading: Reading) -> None:
        self._segments: Sequence[Segment] = [s for s in reading.segments if s.text.strip()]

    @cached_property
    def _plain(self) -> list[str]:
        return [plain(segment.text) for segment in self._segments]

    @cached_property
    def _whole(self) -> tuple[str, list[int]]:
        """The whole text in one, and where in it each segment begins."""
        starts, at = [], 0
        for text in self._plain:
            starts.append(at)
            at += len(text) + 1
        return " ".join(self._plain), starts

    def find(self, quote: str) -> Segment | None:
        """Return the piece that a quote stands in, or begins in; one that a person sees rather than a hidden one."""
        wanted = plain(quote).strip(" .…")
        if len(wanted) < _SHORTEST:
            return next((s for s, t in zip(self._segments, self._plain, strict=True) if t == wanted), None)
        within = [s for s, t in zip(self._segments, self._plain, strict=True) if wanted in t]
        if within:
            return next((s for s in within if not s.hidden), within[0])
        return self._over(wanted)

    def _over(self, wanted: str) -> Segment | None:
        """Return the piece where a quote begins that goes on in the next ones; hidden, if any of them is."""
        from bisect import bisect_right

        whole, starts = self._whole
        at = whole.find(wanted)
        if at < 0:
            return None
        first, last = bisect_right(starts, at) - 1, bisect_right(starts, at + len(wanted) - 1) - 1
        if last - first > _SPAN:
            return None
        over = self._segments[first : last + 1]
        return next((s for s in over if s.hidden), over[0])


def cited(field: str, value: Any, evidence: Any, text: Text) -> list[Citation]:
    """Return the citations of a field: what a model named as `evidence` ([{quote, where}]), looked up in the text.

    A value without any quote is "unsupported". What stands only where nobody sees it is "near" at best, and its place
    says why.
    """
    if value is None:
        return [Citation(field=field)]
    found = [(quote, where, text.find(quote)) for quote, where in _quotes(evidence)]
    if not found:
        return [Citation(field=field, confidence="unsupported")]
    seen = " \n ".join(quote for quote, _, segment in found if segment is not None and not segment.hidden)
    exact = stands(value, seen)
    return [
        Citation(field=field, where=_place(segment, where), quote=quote, confidence=_sure(segment, exact))
        for quote, where, segment in found
    ]


def confidence_of(citations: Iterable[Citation]) -> Confidence:
    """Return how sure a field is by its citations: as its weakest one."""
    order: tuple[Confidence, ...] = ("missing", "unsupported", "near", "exact")
    return min((citation.confidence for citation in citations), key=order.index, default="missing")


def _sure(segment: Segment | None, exact: bool) -> Confidence:
    if segment is None:
        return "unsupported"
    return "exact" if exact and not segment.hidden else "near"


def _place(segment: Segment | None, said: str) -> str:
    if segment is None:
        return f"{said} (not found)".strip() if said else ""
    return f"{segment.where} (hidden: {segment.hidden})" if segment.hidden else segment.where


def _quotes(evidence: Any) -> list[tuple[str, str]]:
    """Return quotes and places, whatever a model made of the form."""
    given = evidence if isinstance(evidence, list) else [evidence]
    found: dict[str, str] = {}
    for each in given[:_MOST]:
        quote, where = (each.get("quote"), each.get("where")) if isinstance(each, Mapping) else (each, "")
        if isinstance(quote, str) and quote.strip():
            found.setdefault(quote.strip()[:_LONGEST], where[:200] if isinstance(where, str) else "")
    return list(found.items())
