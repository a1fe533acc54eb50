"""The passages that answer a question best: BM25 over stems, and what kind of answer the question asks for."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from copilot.documents import facts
from copilot.documents.facts import FactKind
from copilot.documents.passages import Passage
from copilot.documents.terms import close_terms, synonyms, terms, weak_terms, words

_K1 = 1.2
_B = 0.5
_HEADING_WEIGHT = 0.45  # a word in the heading above counts this much of a word in the passage
_BEFORE_WEIGHT = 0.25  # a word in the sentence before: what "it" and "this" refer to
_DOCUMENT_WEIGHT = 0.35  # a word anywhere in the same document: "how much do we owe Halden" is about Halden's invoice
_SYNONYM_WEIGHT = 0.35
_TYPO_WEIGHT = 0.7
_WEAK_WEIGHT = 0.3
# Factors for a passage that holds the kind of fact asked for, one that would also do, or none: sharp for what a pattern
# finds reliably (dates, amounts), soft for what it only guesses at (names, places, reasons).
_SHARP = (1.8, 1.4, 0.6)
_SOFT = (1.5, 1.3, 0.8)
_GUESSED: frozenset[FactKind] = frozenset({"person", "place", "reason"})
_SHORT_FACTOR = 0.55  # under four words: a label, unless it holds a figure
_KIND_FACTORS = {
    "heading": 0.35,
    "property": 0.4,
    "header": 0.5,
    "footer": 0.5,
    "revision": 0.8,
    "name": 0.3,
    "validation": 0.4,
}
_CONTENTS = re.compile(r"\.{4,}|(?:\s[.:]){4,}|…{2,}")  # dot leaders of a table of contents
_FOUND = 0.34  # share of the question's weight that a passage must cover to count as an answer

# What a question asks for, by its words; the first that matches decides.
_ASKED: tuple[tuple[str, tuple[FactKind, ...]], ...] = (
    (r"e-?mail|mail address", ("email",)),
    (r"phone|telephone|fax", ("phone",)),
    (r"web ?site|url|link|web address", ("url",)),
    (r"how long|what (?:is the )?(?:term|duration|period)|notice period|how often|how quickly|how soon", ("duration",)),
    (r"when|(?:what|which) (?:date|day|time|year|month|quarter)|deadline|due date|until when", ("date", "duration")),
    (r"what percentage|percent(?:age)?|what share|(?:interest|growth|tax) rate|how high", ("percent",)),
    (
        r"how much|prices?|costs?|fees?|budget|amount|salary|revenue|turnover|worth",
        ("amount", "percent", "number"),
    ),
    (r"how many|number of|count of|how old|how far|how large|how big|how tall", ("number",)),
    (r"(?:in|de)crease|rise|growth|raise", ("percent", "amount", "number")),
    (r"who|whom|whose|which person", ("person",)),
    (r"where|what (?:city|country|place|address|location)|which (?:city|country|state|court)", ("place",)),
    (r"why|what (?:caused|is the reason)|for what reason", ("reason",)),
)
_ASKS = tuple((re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), kinds) for pattern, kinds in _ASKED)
_DEFINITION = re.compile(r"\bwhat (?:is|are|was|were|does)\b|\bdefin|\bmeaning of\b", re.IGNORECASE)
_DEFINES = re.compile(
    r"^\W*(?:(?:the|an?)\s+)?[\w\s\"“”'’()-]{1,60}?\s(?:is|are|was|were|means?|refers? to|shall mean|denotes)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A passage with how well it answers. `covered` is the share of the question's words it holds, 0 to 1."""

    passage: Passage
    score: float
    covered: float

    @property
    def found(self) -> bool:
        """Whether the passage is about the question at all, not only the nearest of what is there."""
        return self.covered >= _FOUND


def asks_for(question: str) -> tuple[FactKind, ...]:
    """Return the kinds of fact that would answer the question; none for an open one."""
    return next((kinds for pattern, kinds in _ASKS if pattern.search(question)), ())


class Index:
    """Passages made searchable. Of one document or of many; building it is linear in the text.

    `documents` names the document of each passage: a word that stands elsewhere in the same one counts a little.
    """

    def __init__(self, passages: Iterable[Passage], documents: Sequence[str] = ()) -> None:
        self.passages: Sequence[Passage] = tuple(passages)
        self._documents = documents or [""] * len(self.passages)
        self._own = [_bag(p.text) for p in self.passages]
        self._around = [_around(p) for p in self.passages]
        lengths = [sum(bag.values()) for bag in self._own]
        self._average = sum(lengths) / max(len(lengths), 1) or 1.0
        # A row repeats the headers of its table: its length says nothing about what it is about.
        self._lengths = [
            min(n, self._average) if p.kind == "row" else n for n, p in zip(lengths, self.passages, strict=True)
        ]
        self._vocabulary: dict[str, set[str]] = {name: set() for name in self._documents}
        self._postings: dict[str, list[int]] = {}
        for number, (own, around) in enumerate(zip(self._own, self._around, strict=True)):
            self._vocabulary[self._documents[number]] |= own.keys()
            for term in own.keys() | around.keys():
                self._postings.setdefault(term, []).append(number)

    def best(self, question: str, count: int = 5) -> list[Answer]:
        """Return the best passages, best first; equal ones in the order of the document."""
        query = self._query(question)
        if not query:
            return []
        kinds = asks_for(question)
        ordered = terms(question)
        candidates = sorted(
            {n for weighted in query.values() for term in weighted for n in self._postings.get(term, ())}
        )
        scored = [self._answer(n, query, question, kinds, ordered) for n in candidates]
        scored.sort(key=lambda a: -a.score)
        return _distinct(scored, count)

    def _query(self, question: str) -> dict[str, dict[str, float]]:
        """Return for each term of the question the terms that may stand for it, with their weights."""
        query: dict[str, dict[str, float]] = {}
        for term in dict.fromkeys([*terms(question), *facts.canonical(question)]):
            weighted = {term: _WEAK_WEIGHT if term in weak_terms() else 1.0}
            if term not in self._postings:
                weighted |= dict.fromkeys(close_terms(term, self._postings), _TYPO_WEIGHT)
            weighted |= {
                s: _SYNONYM_WEIGHT for s in sorted(synonyms(term)) if s in self._postings and s not in weighted
            }
            query[term] = weighted
        return query

    def _idf(self, term: str) -> float:
        count = len(self._postings.get(term, ()))
        return math.log(1 + (len(self.passages) - count + 0.5) / (count + 0.5))

    def _answer(
        self,
        number: int,
        query: dict[str, dict[str, float]],
        question: str,
        kinds: tuple[FactKind, ...],
        ordered: list[str],
    ) -> Answer:
        passage = self.passages[number]
        score = covered = whole = 0.0
        for term, weighted in query.items():
            best = max((self._term_score(number, t) * w, w * self._presence(number, t)) for t, w in weighted.items())
            weight = weighted[term] * max(self._idf(t) for t in weighted if t == term or t in self._postings)
            score, covered, whole = score + best[0], covered + min(best[1], 1.0) * weight, whole + weight
        share = covered / whole if whole else 0.0
        score *= share
        score *= self._fit(passage, kinds, question) * (1 + 0.15 * self._adjacent(number, ordered))
        return Answer(passage, score, share)

    def _term_score(self, number: int, term: str) -> float:
        frequency = self._own[number].get(term, 0) + self._around[number].get(term, 0.0)
        length = _K1 * (1 - _B + _B * max(self._lengths[number], 4) / self._average)
        return self._idf(term) * frequency * (_K1 + 1) / (frequency + length) if frequency else 0.0

    def _presence(self, number: int, term: str) -> float:
        """How far a passage is about a term: it holds it, its heading does, or at least its document."""
        if term in self._own[number]:
            return 1.0
        elsewhere = _DOCUMENT_WEIGHT if term in self._vocabulary[self._documents[number]] else 0.0
        return max(elsewhere, min(1.0, 2 * self._around[number].get(term, 0.0)))

    def _fit(self, passage: Passage, kinds: tuple[FactKind, ...], question: str) -> float:
        """How well the passage's form fits the question: the kind of fact, a definition, no mere heading."""
        factor = _KIND_FACTORS.get(passage.kind, 1.0)
        if passage.text.rstrip().endswith("?") or _CONTENTS.search(passage.text):
            factor *= 0.5
        if len(passage.text.split()) < 4 and not any(c.isdigit() for c in passage.text):
            factor *= _SHORT_FACTOR
        if kinds:
            best, fair, none = _SOFT if kinds[0] in _GUESSED else _SHARP
            found = [facts.has(kind, passage.text) for kind in kinds]
            factor *= best if found[0] else fair if any(found) else none
        elif _DEFINITION.search(question) and _DEFINES.search(passage.text):
            factor *= 1.25
        return factor

    def _adjacent(self, number: int, ordered: list[str]) -> int:
        """How many neighbouring words of the question are neighbours in the passage too."""
        if len(ordered) < 2:
            return 0
        there = terms(self.passages[number].text)
        pairs = set(pairwise(there))
        return sum(pair in pairs for pair in pairwise(ordered))


def _bag(text: str) -> Counter[str]:
    return Counter([*terms(text), *facts.canonical(text)])


def _around(passage: Passage) -> dict[str, float]:
    """Return the terms that a passage inherits from its heading and the sentence before it."""
    found: dict[str, float] = {}
    for text, weight in ((passage.before, _BEFORE_WEIGHT), (passage.heading, _HEADING_WEIGHT)):
        for term in terms(text):
            found[term] = max(found.get(term, 0.0), weight)
    return found


def _distinct(answers: list[Answer], count: int) -> list[Answer]:
    """Leave out passages whose words were quoted already: headers and repeated rows."""
    seen: set[str] = set()
    kept = []
    for answer in answers:
        key = " ".join(words(answer.passage.text))
        if key not in seen:
            seen.add(key)
            kept.append(answer)
        if len(kept) == count:
            break
    return kept
