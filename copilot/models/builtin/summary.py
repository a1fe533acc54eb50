"""A thread in short, by choosing sentences: for when no language model is there to summarise it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from copilot.documents.sentences import sentences
from copilot.documents.terms import terms
from copilot.models.builtin.memory import text_of

_ASKS = re.compile(r"\b(summar|condense|extract .{0,40}context|context extraction|key points|title for)", re.IGNORECASE)
MOST_SENTENCES = 14


def is_summary_request(text: str) -> bool:
    """Whether a prompt without tools asks for a summary."""
    return bool(_ASKS.search(text))


def summarise(messages: Sequence[BaseMessage]) -> str:
    """Return the sentences that carry most of the words used, in their order."""
    text = "\n\n".join(text_of(m) for m in messages)
    body = re.search(r"(?:messages?|conversation|context)[^\n]*:?\s*\n(.*)", text, re.DOTALL | re.IGNORECASE)
    found = list(dict.fromkeys(s for s in sentences(body[1] if body else text) if len(s) > 15))
    counts = Counter(t for s in found for t in set(terms(s)))
    weights = {i: _weight(s, counts) for i, s in enumerate(found)}
    best = sorted(sorted(weights, key=lambda i: -weights[i])[:MOST_SENTENCES])
    return "Key sentences of the conversation, quoted:\n" + "\n".join(f"- {found[i]}" for i in best)


def _weight(sentence: str, counts: Counter[str]) -> float:
    words = set(terms(sentence))
    asked = 2.0 if re.match(r"(?:human|user)\b", sentence, re.IGNORECASE) else 0.0
    return asked + sum(counts[w] for w in words) / (4 + len(words))
