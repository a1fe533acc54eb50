"""Long documents in parts that a model can take, and one section by its heading."""

from __future__ import annotations

from copilot.documents.segments import Outline, Reading, Segment
from copilot.errors import ToolInputError

BUDGET = 16_000  # characters of a part: about 4,000 tokens


def parts(markdown: str, budget: int = BUDGET) -> list[str]:
    """Return the text in parts of at most `budget` characters, cut between blocks, else lines, else anywhere."""
    found: list[str] = []
    current = ""
    for piece in _pieces(markdown, budget):
        if current and len(current) + len(piece) > budget:
            found.append(current.strip("\n"))
            current = ""
        current += piece
    return [*found, current.strip("\n")]


def _pieces(text: str, budget: int) -> list[str]:
    pieces: list[str] = []
    for block in text.split("\n\n"):
        whole = f"{block}\n\n"
        lines = [whole] if len(whole) <= budget else [f"{line}\n" for line in block.split("\n")] + ["\n"]
        pieces += [line[at : at + budget] for line in lines for at in range(0, len(line), budget)]
    return pieces


def part_of(markdown: str, number: int) -> tuple[str, int]:
    """Return part `number` (from 1) and how many there are; raises ToolInputError for one that is not there."""
    every = parts(markdown)
    if number > len(every):
        raise ToolInputError(f"There is no part {number}.", hint=f"The text has {len(every)}.", code="unknown_part")
    return every[number - 1], len(every)


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
