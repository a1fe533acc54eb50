"""The sentences that say most of what a document says: quoted, not written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from copilot.documents import facts
from copilot.documents.passages import Passage
from copilot.documents.terms import LIGHT_WORDS, terms, words

_SHORTEST, _BEST_FROM, _BEST_TO, _LONGEST = 4, 8, 32, 60  # words of a sentence that is worth quoting
_OUTLINE_ONLY = frozenset(
    {"header", "footer", "property", "comment", "revision", "code", "name", "validation", "link", "field"}
)
_LONG_TABLE = 25  # rows: what is longer is data, not a statement
_TOTALS = frozenset({"total", "totals", "sum", "overall", "gesamt", "summe"})
_CUES = frozenset(
    {
        "conclus",
        "summar",
        "result",
        "total",
        "overal",
        "therefor",
        "importan",
        "key",
        "main",
        "recommend",
        "goal",
        "aim",
    }
)


def key_sentences(passages: Sequence[Passage], count: int = 5) -> list[Passage]:
    """Return the `count` passages that are nearest to what the document is about, in its order.

    A sentence scores by its words that are frequent in the document but not in every block (tf-idf against the
    document as centroid), by words it shares with the title and headings, by standing early in the document and
    in its block, and by holding figures; then each next one must differ from those already chosen.
    """
    candidates = [p for p in passages if _quotable(p)]
    if len(candidates) <= count:
        return candidates
    bags = [Counter(t for t in terms(p.text) if t not in LIGHT_WORDS) for p in candidates]
    weights = _weights(bags)
    heading_terms = Counter(t for p in passages if p.kind == "heading" for t in set(terms(p.text)))
    last = max(p.position for p in candidates) or 1
    rows = Counter(p.position for p in candidates if p.kind == "row")
    scores = [
        _centrality(bag, weights)
        * _form(p, rows[p.position])
        * _place(p, last)
        * (1 + 0.3 * _shared(bag, heading_terms))
        for p, bag in zip(candidates, bags, strict=True)
    ]
    chosen = _diverse(scores, bags, count)
    return [candidates[number] for number in sorted(chosen)]


def _quotable(passage: Passage) -> bool:
    """Whether a passage can stand in a summary: visible, a sentence or item of sensible length, no heading."""
    length = len(words(passage.text))
    if passage.hidden or passage.kind in _OUTLINE_ONLY or passage.kind == "heading":
        return False
    return length >= _SHORTEST and not passage.text.rstrip().endswith("?") and any(c.isalpha() for c in passage.text)


def _weights(bags: Sequence[Counter[str]]) -> dict[str, float]:
    """Return the weight of each term: how often the document says it, less for what every sentence holds."""
    document: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    for bag in bags:
        document.update(bag)
        spread.update(bag.keys())
    count = len(bags)
    return {
        term: (1 + math.log(document[term])) * math.log(1 + count / spread[term])
        for term in document
        if spread[term] > 1
    }


def _centrality(bag: Counter[str], weights: dict[str, float]) -> float:
    """Cosine of the sentence to the document's centroid, without its length: rare words don't drag it down."""
    if not bag:
        return 0.0
    return sum(weights.get(term, 0.0) for term in bag) / math.sqrt(len(bag) + 4)


def _form(passage: Passage, rows: int) -> float:
    """How sentence-like a passage is: its length, an end mark, figures.

    Rows rank behind prose, those of a long table (`rows` of them) far behind, except for its totals.
    """
    length = len(words(passage.text))
    factor = 1.0
    if length < _BEST_FROM:
        factor *= 0.5 + 0.5 * length / _BEST_FROM
    elif length > _BEST_TO:
        factor *= 0.85 if length <= _LONGEST else 0.6
    if passage.kind == "row":
        total = bool(_TOTALS & set(words(passage.text)[:6]))
        factor *= 0.9 if total else 0.45 if rows <= _LONG_TABLE else 0.1
    elif not passage.text.rstrip().endswith((".", "!", "…", ".”", '."', ".)", "。")):
        factor *= 0.8
    if facts.has("amount", passage.text) or facts.has("percent", passage.text):
        factor *= 1.15
    return factor * (1.1 if _CUES & set(terms(passage.text)) else 1.0)


def _place(passage: Passage, last: int) -> float:
    early = 1.5 - 0.5 * min(1.0, passage.position / max(last * 0.2, 1))
    return early * (1.1 if passage.first else 1.0)


def _shared(bag: Counter[str], heading_terms: Counter[str]) -> float:
    return sum(term in heading_terms for term in bag) / (len(bag) or 1)


def _diverse(scores: Sequence[float], bags: Sequence[Counter[str]], count: int) -> list[int]:
    """Choose greedily by score times how much is new (maximal marginal relevance)."""
    chosen: list[int] = []
    overlap = [0.0] * len(scores)
    for _ in range(min(count, len(scores))):
        left = [n for n in range(len(scores)) if n not in chosen]
        best = max(left, key=lambda n: (scores[n] * (1 - 0.8 * overlap[n]), -n))
        chosen.append(best)
        for n in left:
            overlap[n] = max(overlap[n], _jaccard(bags[n], bags[best]))
    return chosen


def _jaccard(one: Counter[str], other: Counter[str]) -> float:
    both = len(one.keys() & other.keys())
    return both / (len(one.keys() | other.keys()) or 1) if both else 0.0
