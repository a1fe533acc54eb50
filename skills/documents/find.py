"""Words and phrases looked for in passages: what was asked for must be there, no guessing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from copilot.documents import facts
from copilot.documents.passages import Passage
from copilot.documents.terms import STOP_WORDS, stem, terms, words
from copilot.errors import ToolInputError

# Words by which people name where to look, not what to look for.
_GENERIC = frozenset(
    map(stem, ("file", "document", "folder", "occurrence", "every", "everything", "anything", "anywhere"))
)
_QUOTED = re.compile('["“”„]([^"“”„]+)["“”„]')


@dataclass(frozen=True)
class Finder:
    """A query: phrases in double quotes must occur as they are (case and spacing aside), other words in any form."""

    query: str

    def __post_init__(self) -> None:
        if not self.phrases and not self.terms:
            hint = "Name a word, a number or a phrase in quotes."
            raise ToolInputError(f"There is nothing to look for in {self.query!r}.", hint=hint, code="empty_query")

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """The quoted phrases, folded."""
        return tuple(p for q in _QUOTED.findall(self.query) if (p := _folded(q)))

    @cached_property
    def terms(self) -> frozenset[str]:
        """The stems of the words outside quotes, whole dates as one; stop words only when there is nothing else."""
        free = _QUOTED.sub(" ", self.query)
        dates, rest = facts.take_dates(free)
        found = [*terms(rest), *dates]
        said = [t for t in found if t not in _GENERIC]
        return frozenset(said or found or [w for w in words(rest) if w in STOP_WORDS])

    def find(self, found: Sequence[Passage]) -> list[Passage]:
        """Return the passages that hold all phrases and words, fullest first, else in their order.

        Words may also stand in the heading above or the sentence before, but one at least in the passage itself.
        """
        scored = [(self._score(passage), -number, passage) for number, passage in enumerate(found)]
        hits = sorted((s for s in scored if s[0] > 0), key=lambda s: (s[0], s[1]), reverse=True)
        return [passage for _, _, passage in hits]

    def near(self, found: Sequence[Passage], count: int) -> list[Passage]:
        """Return the passages that hold half of the words or more, for a query that no passage holds in full."""
        if self.phrases or len(self.terms) < 2:
            return []
        scored = [
            (len(self.terms & set(terms(p.text))) / len(self.terms), -number, p) for number, p in enumerate(found)
        ]
        best = sorted((s for s in scored if s[0] >= 0.5), key=lambda s: (s[0], s[1]), reverse=True)
        return [passage for _, _, passage in best[:count]]

    def _score(self, passage: Passage) -> float:
        """Return 0 for no hit; more for words that stand close together, in the query's order, or in a heading."""
        folded = _folded(passage.text) if self.phrases else ""
        if any(f" {phrase} " not in f" {folded} " for phrase in self.phrases):
            return 0.0
        if not self.terms:
            return 2.0
        own = {*terms(passage.text), *facts.canonical(passage.text), *words(passage.text)}
        here = self.terms & own
        if not here:
            return 0.0
        missing = self.terms - here
        if missing and not missing <= {*terms(passage.heading), *terms(passage.before)}:
            return 0.0
        spelled = words(passage.text)
        exact = len(set(words(self.query)) & set(spelled)) / len(self.terms)
        together = f" {_folded(self.query)} " in f" {' '.join(spelled)} "
        return 1.0 + len(here) / len(self.terms) + exact + together + (0.5 if passage.kind == "heading" else 0.0)


def _folded(text: str) -> str:
    return " ".join(words(text))
