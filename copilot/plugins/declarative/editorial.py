"""Editorial answers: questions that an agent's author answered, and how similar a person's question is to one.

The manifest (v1.7, editorial answers object) leaves open how similarity is measured. Here it is computed from the words
alone, the same on every machine: 10 is the same question, 0 nothing in common.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from copilot.errors import PluginError
from copilot.plugins.declarative.fields import Fields, brief
from copilot.plugins.declarative.texts import Texts
from copilot.plugins.persona import EditorialAnswer

_MOST = 300
#: Below this share of equal letters two questions are not the same one with a slip of the pen.
_ALIKE = 0.85
_SYNONYM = 0.8  # of a word that is there itself
_OTHER_ASKED = 0.85  # "who resets a password?" is not "how do I reset my password?"
_ASKING = re.compile(r"\b(who|whom|whose|where|when|why|which|how (?:many|much|long|often|old|far)|how|what)\b")


def answers(manifest: Fields, texts: Texts) -> tuple[EditorialAnswer, ...]:
    """Return the answers of a manifest, or of the file of its package that it names; addresses are not fetched."""
    found = _listed(manifest).object("editorial_answers")
    if found is None:
        return ()
    found.only(("url", "answers"))
    if found.has("url") and not found.has("answers"):
        found = _from_file(found, texts)
    return tuple(made for each in found.objects("answers", _MOST) if (made := _answer(each)))


def _listed(manifest: Fields) -> Fields:
    """Return a manifest whose answers stand in an object, also where they are written as a bare list."""
    written = manifest.value().get("editorial_answers")
    if not isinstance(written, list):
        return manifest
    manifest.notes.add(f"{manifest.at('editorial_answers')} is a list; it is read as its answers.", "repaired")
    return manifest.with_value({"editorial_answers": {"answers": written}})


def _from_file(fields: Fields, texts: Texts) -> Fields:
    url = fields.raw("url").strip()
    if "://" in url:
        fields.notes.add(f"{fields.at('url')}: {brief(url)} is not fetched; its answers are left out.", "unsupported")
        return fields.with_value({})
    try:
        value = texts.files.json(texts.relative(url))
    except PluginError as error:
        fields.notes.add(f"{fields.at('url')}: its answers are left out. {error}", "unsupported")
        return fields.with_value({})
    inner = value.get("editorial_answers", value) if isinstance(value, dict) else {"answers": value}
    return fields.with_value(inner if isinstance(inner, dict) else {})


def _answer(fields: Fields) -> EditorialAnswer | None:
    fields.only(("question", "answer", "similarity_thresholds"))
    question, answer = fields.text("question"), fields.text("answer")
    if not question or not answer:
        told = f"{fields.place} has no {'question' if not question else 'answer'}, and is ignored."
        fields.notes.add(told, "unsupported")
        return None
    usual = EditorialAnswer(question, answer)
    limits = fields.object("similarity_thresholds")
    if limits is None:
        return usual
    limits.only(("min", "max"))
    close, certain = limits.number("min", 0, 10), limits.number("max", 0, 10)
    close = min(usual.close, certain if certain is not None else 10) if close is None else close
    certain = max(usual.certain, close) if certain is None else certain
    if close > certain:
        fields.notes.add(f"{limits.place}: min is more than max; they are exchanged.", "repaired")
        close, certain = certain, close
    return EditorialAnswer(question, answer, close, certain)


def ranked(question: str, known: Sequence[EditorialAnswer]) -> list[tuple[float, EditorialAnswer]]:
    """Return the answers whose question is close enough by their own measure, the most similar first."""
    scored = [(similarity(question, each.question), each) for each in known]
    return sorted(((score, each) for score, each in scored if score >= max(each.close, 0.1)), key=lambda pair: -pair[0])


def similarity(one: str, other: str) -> float:
    """Return how similar two questions are, from 0 to 10: the share of content words that they have in common."""
    from rapidfuzz.fuzz import ratio

    plain, against = _plain(one), _plain(other)
    if not plain or not against:
        return 0.0
    if plain == against:
        return 10.0
    alike = ratio(plain, against) / 100
    asked, other_asked = _ASKING.findall(plain), _ASKING.findall(against)
    factor = _OTHER_ASKED if asked and other_asked and asked != other_asked else 1.0
    same_figures = re.findall(r"\d+", plain) == re.findall(r"\d+", against)
    letters = alike if alike >= _ALIKE and same_figures and len(plain.split()) == len(against.split()) else 0.0
    return round(10 * factor * max(_shared(one, other), letters if _only_slips(plain, against) else 0.0), 2)


def _shared(one: str, other: str) -> float:
    """Return Dice's coefficient over stems; a synonym counts a little less."""
    from copilot.documents.terms import synonyms, terms

    left, right = set(terms(one)), set(terms(other))
    if not left or not right:
        return 0.0
    both = left & right
    near = sum(1 for term in left - both if synonyms(term) & (right - both))
    return min(1.0, 2 * (len(both) + _SYNONYM * near) / (len(left) + len(right)))


def _only_slips(one: str, other: str) -> bool:
    """Whether each word of one is the other's with a letter changed at most: "polcy", not "Bern" for "Berlin"."""
    from rapidfuzz.distance import DamerauLevenshtein

    pairs = zip(one.split(), other.split(), strict=False)
    return all(DamerauLevenshtein.distance(a, b) <= (1 if len(a) > 4 else 0) for a, b in pairs)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())


def as_hint(close: Iterable[EditorialAnswer]) -> str:
    """Return close answers as the model is shown them."""
    pairs = "\n".join(f"Q: {each.question}\nA: {each.answer}" for each in close)
    return f"Answers that this agent's author wrote to similar questions; use one that fits, word for word:\n{pairs}"
