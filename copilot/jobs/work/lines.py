"""A document as numbered places with their text, in parts that fit a model's window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from copilot.documents.segments import Reading, Segment
from copilot.errors import DocumentError
from copilot.models.toolset import estimate_tokens

#: Parts of one document: more than this is no extraction any more, and costs as much.
MOST_PARTS = 60
_LEFT_OUT = frozenset({"property"})


def lines_of(reading: Reading) -> Iterator[str]:
    """Yield "[where] text" for each piece of a document; what a person would not see says so."""
    for segment in reading.segments:
        if segment.text.strip() and segment.kind not in _LEFT_OUT:
            yield from _lines(segment)


def _lines(segment: Segment) -> Iterator[str]:
    place = f"[{segment.where}; hidden: {segment.hidden}]" if segment.hidden else f"[{segment.where}]"
    text = segment.text.strip().replace("\r\n", "\n")
    yield f"{place} {text}"


def parts(lines: Iterable[str], tokens: int) -> list[str]:
    """Return the lines as texts of about so many tokens at most; a longer line is cut between its own lines or words.

    Raises DocumentError (too_large) where there are more than MOST_PARTS.
    """
    made: list[str] = []
    now: list[str] = []
    size = 0
    for piece in (piece for line in lines for piece in _cut(line, tokens)):
        needs = estimate_tokens([piece]) + 1
        if now and size + needs > tokens:
            made.append("\n".join(now))
            now, size = [], 0
        now.append(piece)
        size += needs
        if len(made) >= MOST_PARTS:
            text = f"The document is too long to extract from: over {MOST_PARTS} times what the model reads at once."
            raise DocumentError(text, hint="Split it, or use a model with a larger window.", code="too_large")
    return [*made, "\n".join(now)] if now else made


def _cut(line: str, tokens: int) -> Iterator[str]:
    if estimate_tokens([line]) <= tokens:
        yield line
        return
    place = line[: line.index("]") + 1] if line.startswith("[") and "]" in line else ""
    most = max(tokens, 1) * 3  # characters: fewer than four bytes each in most scripts
    rest = line
    while rest:
        if estimate_tokens([rest]) <= tokens:
            yield rest
            return
        end = _break(rest, _fitting(rest, most, tokens))
        yield rest[:end]
        rest = rest[end:].lstrip()
        rest = f"{place} {rest}" if rest and place else rest


def _fitting(text: str, most: int, tokens: int) -> int:
    """Return how many characters fit the tokens, at most `most`."""
    while most > 64 and estimate_tokens([text[:most]]) > tokens:
        most //= 2
    return most


def _break(text: str, most: int) -> int:
    least = most // 2
    for mark in ("\n", ". ", " "):
        if (found := text.rfind(mark, least, most)) > 0:
            return found + 1
    return most


def size(texts: Sequence[str]) -> int:
    """Return about how many tokens texts have."""
    return estimate_tokens(texts)
