"""Slips in the words that lead a request: "whats the avarage", "summarze", "repalce"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rapidfuzz.distance import OSA

from copilot.models.builtin.lexing import Token
from copilot.models.builtin.words import ACTING, FUNCTIONS, SUPERLATIVES, VERBS

_FIGURES = frozenset(w for ws in FUNCTIONS.values() for w in ws if " " not in w and len(w) > 4) | SUPERLATIVES
_SHORTEST = 6  # letters; shorter words have too many neighbours


def corrected(tokens: Sequence[Token], first: int, known: Callable[[str], bool]) -> list[Token]:
    """Return the tokens with a misspelt verb at `first` and misspelt figures ("avarage") set right.

    `known` says which words are right as they are. The texts of a request that changes something are left alone.
    """
    kept = list(tokens)
    if first < len(kept):
        kept[first] = _meant(kept[first], VERBS, known)
    if first < len(kept) and kept[first].lower in ACTING - {"make", "create", "generate", "build"}:
        return kept
    return [t if i == first else _meant(t, _FIGURES, known) for i, t in enumerate(kept)]


def _meant(token: Token, words: frozenset[str], known: Callable[[str], bool]) -> Token:
    word = token.lower
    if token.kind != "word" or len(word) < _SHORTEST or not word.isalpha() or word in words or known(word):
        return token
    close = [w for w in words if w[0] == word[0] and abs(len(w) - len(word)) < 2 and OSA.distance(w, word) == 1]
    return replace(token, text=close[0], value=close[0]) if len(close) == 1 else token
