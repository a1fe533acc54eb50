"""Finding words in a text as a person means them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.errors import ToolInputError

# Letters that a keyboard and Office write differently.
_ALIKE = {
    "'": "['’‘‛′]",
    '"': '["“”„‟″]',
    "-": "[-‐‑‒–—−]",
}
_SPACE = "[ \t\n\u00a0\u2002-\u200a\u202f\u205f\u3000]+"


def pattern(find: str, *, match_case: bool = True, whole_word: bool = False, exact: bool = True) -> re.Pattern[str]:
    """Return the expression that finds `find`.

    Not `exact`, it also finds other kinds of spaces, quotes and dashes, and other letter case.
    """
    text = re.escape(find) if exact else "".join(_loose(piece) for piece in re.findall(r"\s+|\S", find))
    if whole_word:
        text = rf"(?<!\w){text}(?!\w)"
    return re.compile(text, 0 if match_case else re.IGNORECASE)


def _loose(piece: str) -> str:
    if piece.isspace():
        return _SPACE
    for key, group in _ALIKE.items():
        if piece == key or piece in group[1:-1]:
            return _ALIKE[key]
    return re.escape(piece)


def not_found(find: str, passages: Iterable[tuple[str, str]], *, case: bool = False) -> ToolInputError:
    """Return the error for words that are not there, with the closest passages (text, place) that are.

    `case` says that the words do occur in other letter case.
    """
    from rapidfuzz import fuzz, process

    known = {text: place for text, place in passages if text.strip()}
    close = process.extract(find, list(known), scorer=fuzz.partial_ratio, limit=3, score_cutoff=60)
    shown = "; ".join(f"{_around(text, find)!r} ({known[text]})" for text, *_ in close)
    hint = f"Closest: {shown}." if shown else "Read the presentation to see its words."
    if case:
        hint = f"It occurs in other letter case: pass match_case=false. {hint}"
    return ToolInputError(f"{find!r} does not occur in the presentation.", hint=hint, code="text_not_found")


def _around(text: str, find: str) -> str:
    """Return the stretch of a passage that is closest to `find`, short enough to show."""
    from rapidfuzz import fuzz

    flat = " ".join(text.split())
    if len(flat) <= 120:
        return flat
    spot = fuzz.partial_ratio_alignment(find, flat)
    start = max(0, spot.dest_start - 40) if spot is not None else 0
    return ("…" if start else "") + flat[start : start + 120] + "…"
