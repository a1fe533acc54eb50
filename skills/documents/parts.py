"""One section of a document, by its heading."""

from __future__ import annotations

from copilot.documents.segments import Outline, Reading, Segment
from copilot.errors import ToolInputError


def section_of(reading: Reading, names: Outline, wanted: str) -> str:
    """Return what stands under a heading, sheet or slide title, up to the next of its depth.

    Raises ToolInputError with the closest titles when there is none of that name.
    """
    segments = reading.segments
    start = next((n for n, s in enumerate(segments) if _is_heading(s) and _same(s.text, wanted)), None)
    if start is None:
        start = next((n for n, s in enumerate(segments) if _is_heading(s) and _within(s.text, wanted)), None)
    if start is not None:
        level = segments[start].level
        following = (
            n for n in range(start + 1, len(segments)) if _is_heading(segments[n]) and segments[n].level <= level
        )
        return _text(segments[start : next(following, len(segments))])
    of_sheet = [s for s in segments if s.where.rpartition("!")[0].strip("'").casefold() == wanted.strip().casefold()]
    if of_sheet:
        return _text(of_sheet)
    known = [h.text for h in names.headings] + [s.name for s in names.sheets]
    raise ToolInputError.unknown("section", wanted, known)


def _is_heading(segment: Segment) -> bool:
    return segment.kind in ("heading", "title") and not segment.hidden


def _same(text: str, wanted: str) -> bool:
    return _plain(text) == _plain(wanted)


def _within(text: str, wanted: str) -> bool:
    """Whether the heading is the wanted words behind a number: "7. Termination" for "termination"."""
    words = _plain(text).split()
    asked = _plain(wanted).split()
    return bool(asked) and words[-len(asked) :] == asked and len(words) - len(asked) <= 2


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() else " " for c in text.casefold()).strip()


def _text(segments: tuple[Segment, ...] | list[Segment]) -> str:
    return "\n\n".join(_block(s) for s in segments)


def _block(segment: Segment) -> str:
    mark = "#" * max(1, min(segment.level, 6)) + " " if _is_heading(segment) else ""
    address = f" {{{segment.address}}}" if segment.address else ""
    hidden = f"[hidden: {segment.hidden}] " if segment.hidden else ""
    gap = "\n\n" if segment.kind == "table" and address else ""
    return f"{mark}{hidden}{address.strip()}{gap}{segment.text}" if gap else f"{mark}{hidden}{segment.text}{address}"
