"""The words of requests and of tools made comparable: identifiers split, words stemmed, shapes named, kin known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from itertools import pairwise

from copilot.documents.terms import STOP_WORDS, stem
from copilot.plugins.tool_kin import KIN, PHRASES, SHORT

#: Words that any request or description may hold.
_EMPTY = (STOP_WORDS - {"find", "show", "say", "said", "give"}) | frozenset(
    {"please", "using", "use", "used", "want", "need", "via", "per", "only", "new", "given", "specified", "existing"}
)
#: Letters of a word that count.
_LONGEST = 60
#: Words of many tools and requests, which say little of either.
_FAINT = frozenset(
    {
        *("get", "find", "show", "give", "list", "take", "do", "tell", "say", "said", "put"),
        *("many", "go", "come", "know", "look", "last", "first", "next", "today", "tomorrow", "week"),
        *("day", "month", "year", "one", "two", "back", "out", "up", "off", "down", "all", "long", "far"),
    }
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_|(?<=[^\W\d])(?=\d)")
_WORD = re.compile(r"\w+")
#: What is written in parts and is one word elsewhere: GitHub, OneDrive, to-do, e-mail.
_IN_PARTS = re.compile(
    r"(?<![\w-])(?:[^\W\d_]{1,20}(?:-[^\W\d_]{1,20}){1,2}|[^\W_]{0,20}[a-z][A-Z][^\W_]{1,20})(?![\w-])"
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
#: What stands for one of its kind in a request, whatever it is called; the first group is kept as part of the shape.
_SHAPES = (
    (
        re.compile(
            r"(?<![\w./\\-])[\w./\\-]{1,200}\.(docx|xlsx|xlsm|pptx|pdf|csv|txt|md|json|html|eml)\b", re.IGNORECASE
        ),
        "file",
    ),
    (re.compile(r"https?://\S+"), "url"),
    (
        re.compile(r"(?<![\w@.-])(?:[\w-]{1,63}\.){1,4}(?:com|org|net|io|dev|eu|de|uk|gov|edu)\b(?!@)", re.IGNORECASE),
        "url",
    ),
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]{1,200}"), "mail"),
    (re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|(?<!\w)'[^'\n]{1,200}'(?!\w)"), "quote"),
    (re.compile(r"(?<!\w)=[A-Z(]\S*"), "formula"),
    (re.compile(r"[€$£¥]\s?\d|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|CAD|AUD)\b"), "money"),
    (re.compile(r"(?<!\w)#[A-Za-z][\w-]+"), "channel"),
    (re.compile(r"\bSELECT\s.+", re.DOTALL), "sql"),
    (re.compile(r"\b\d{1,2}(?::\d\d)?\s?[ap]m\b", re.IGNORECASE), "time"),
    (re.compile(r"\b[A-Z][A-Z0-9]{1,9}-\d{1,7}\b"), "ticket"),
    (re.compile(r"-?\d{1,3}\.\d{2,}\s?,\s?-?\d{1,3}\.\d{2,}"), "place"),
    (re.compile(r"(?<![\w./-])(?!and/|or/|his/|he/)[A-Za-z][\w.-]{2,38}/[A-Za-z][\w.-]{2,60}(?![\w/])"), "repository"),
    (re.compile(r"\b[A-Z]{1,3}[1-9]\d{0,6}(?::[A-Z]{1,3}[1-9]\d{0,6})?\b"), "cell"),
)
#: Characters at the beginning of a request in which its question word stands.
_OPENING = 40
_QUESTION = re.compile(
    r"\b(how (?:many|much|long|often|far|old)|who(?:m|se)?|what|when|where|which|why|how|does|did|is|are)\b", re.I
)
#: What tools call the kinds of things.
_MEANS = {
    "‹url›": "url page web",
    "‹ticket›": "issue ticket",
    "‹place›": "coordinates location latitude",
    "‹repository›": "repository",
    "‹money›": "currency amount",
    "‹mail›": "email",
    "‹channel›": "channel",
    "‹sql›": "sql query",
    "‹time›": "time",
    "‹how much›": "total sum amount",
    "‹how many›": "count number",
}
#: Verbs that remove something, and those that make or change it, in the names of tools and in requests.
_REMOVES = "delete remove drop erase cancel clear discard trash purge uninstall unset revoke"
_MAKES = "create add insert update edit set post send write rename move upload"
_ASKS = re.compile(
    r"\s*(?:what|which|who|whose|where|when|why|how|is|are|do|does|did|has|have|am|was|were)\b", re.IGNORECASE
)
#: How much a word of many counts, beside another one, and how much a related word.
FAINT, NEAR = 0.35, 0.5
#: Kin that a word may have before each of them counts for less.
_SENSES = 8


def terms(text: str) -> list[str]:
    """Return the stems of a text's words; identifiers are split, and Chinese, Japanese, Korean into pairs of signs."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found += _terms_of(word)
    return found


def whole(text: str) -> list[str]:
    """Return the words that are written in parts, each as one: "GitHub" is "github", "to-do" is "todo"."""
    return [] if text.islower() and "-" not in text else [_as_one(match[0]) for match in _IN_PARTS.finditer(text)]


def unfolded(text: str) -> str:
    """Return a request with short forms and verbs of two words replaced by what tools call it."""
    for pattern, meaning in _unfolding():
        text = pattern.sub(meaning, text)
    return text


def asked_for(text: str, is_known: Callable[[str], bool]) -> list[str]:
    """Return the stems of a request's words, each once; what is known as one word is one, also where it is two."""
    text = _IN_PARTS.sub(lambda match: one if is_known(one := _as_one(match[0])) else match[0], text)
    words = _WORD.findall(text.lower())
    pairs = (stem(one + other) for one, other in pairwise(words) if len(one + other) < _LONGEST)
    return list(dict.fromkeys([*terms(text), *(pair for pair in pairs if is_known(pair))]))


def is_other(name: str, request: str) -> bool:
    """Return whether a tool's name says that it does what a request does not ask for.

    A question is no order to change anything, and nothing is removed that nobody asked to remove.
    """
    first = next(iter(_terms_of_name(name)), "")
    if first in _verbs(_REMOVES):
        return not _verbs(_REMOVES).intersection(_terms_of_name(unfolded(request)))
    return bool(_ASKS.match(request)) and first in _verbs(_MAKES)


def shaped(text: str) -> tuple[list[str], str]:
    """Return the shapes in a text (‹who›, ‹xlsx›, ‹cell›, ‹quote›, ...), and the text without what they stand for."""
    asks = _QUESTION.search(text[:_OPENING])
    found = [f"‹{asks[1].lower()}›"] if asks else []
    for pattern, name in _SHAPES:
        found += [f"‹{(m[1].lower() if m.re.groups else name)}›" for m in pattern.finditer(text)]
        text = pattern.sub(" ", text)
    return found, text


def plain(text: str) -> set[str]:
    """Return every word of a text as it is written, small ones too, and its shapes."""
    shapes, rest = shaped(text)
    return {*shapes, *_WORD.findall(rest.lower())}


def weight_of(term: str) -> float:
    """Return how much a word of a request counts: FAINT for one that says little, else 1."""
    return FAINT if term in _faint() else 1.0


def near(term: str) -> Mapping[str, float]:
    """Return the stems of words that are related to one, and how much each counts."""
    return _kin().get(term, {})


@lru_cache(100_000)
def _terms_of(word: str) -> tuple[str, ...]:
    word = word[:_LONGEST]
    if not word.isascii():
        if signs := _CJK.findall(word):
            return tuple(run[i : i + 2] for run in signs for i in range(len(run) - 1))
        word = _folded(word)
    parts = _CAMEL.sub(" ", word).lower().split()
    return tuple(stem(part) for part in parts if part not in _EMPTY and (len(part) > 1 or not part.isascii()))


def _terms_of_name(text: str) -> list[str]:
    return [stem(part) for word in _WORD.findall(text) for part in _CAMEL.sub(" ", word).lower().split()]


@cache
def _verbs(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words.split())


def _as_one(word: str) -> str:
    return stem(word.replace("-", "").lower())


@cache
def _unfolding() -> tuple[tuple[re.Pattern[str], str], ...]:
    found = [(re.compile(rf"\b{short}\b", re.IGNORECASE), meant) for short, meant in SHORT.items()]
    for phrase, meant in PHRASES.items():
        verb, *rest = phrase.split()
        between = r"(?P<between>(?:\s+[\w'’-]+){0,4}?)"
        pattern = rf"\b{verb}(?:s|ed|ing)?\b{between}\s+{re.escape(' '.join(rest))}\b"
        found.append((re.compile(pattern, re.IGNORECASE), rf"{meant}\g<between>"))
    return tuple(found)


def _folded(text: str) -> str:
    """Return the text without accents; letters that have none stay as they are."""
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in apart if not unicodedata.combining(c))


@cache
def _faint() -> frozenset[str]:
    return frozenset(stem(word) for word in _FAINT)


@cache
def _kin() -> Mapping[str, Mapping[str, float]]:
    made: dict[str, dict[str, float]] = {}
    for group in KIN:
        stems = list(dict.fromkeys(stem(word) for word in group.split()))
        for each in stems:
            made.setdefault(each, {}).update({other: NEAR for other in stems if other != each})
    for each, others in made.items():  # a word of many senses says less of each
        made[each] = dict.fromkeys(others, NEAR * min(1.0, (_SENSES / len(others)) ** 0.5))
    for shape, kin in _MEANS.items():
        made[shape] = {stem(word): 1.0 for word in kin.split()}
    return made
