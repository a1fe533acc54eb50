"""Words made comparable: case, accents, plurals and endings folded, stop words out, a few business synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"\d+(?:[.,:/-]\d+)*%?|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\W_]+")

_STOP = """a about all also am an and any are as at be because been being both but by can could did do does doing each
    few for from had has have having he her here hers him his how i if in into is it its itself just let me much
    my myself now of on or other our ours own please shall she should so some such tell than that the their theirs
    them then there these they this those to too upon us very was we were what when where which while who whom
    whose why will with would you your yours give show find say says said mention mentions mentioned according
    many der die das ein eine und oder ist im in zu den dem des von mit für auf"""
STOP_WORDS = frozenset(_STOP.split())
# Words that may decide an answer ("out of scope") but say nothing about what a text is about.
_LIGHT = """above after again before below between down during further more most no nor not off once only out over
    same through under until up"""
LIGHT_WORDS = frozenset(_LIGHT.split())

# Verbs that any sentence may hold; in a question they weigh little.
_WEAK = "make get take come go use want need happen look give keep put let see know work thing lot"

_IRREGULAR = {
    "paid": "pay",
    "sold": "sell",
    "sale": "sell",
    "sales": "sell",
    "bought": "buy",
    "spent": "spend",
    "began": "begin",
    "begun": "begin",
    "held": "hold",
    "met": "meet",
    "made": "make",
    "gave": "give",
    "given": "give",
    "left": "leave",
    "led": "lead",
    "lost": "lose",
    "won": "win",
    "grew": "grow",
    "grown": "grow",
    "growth": "grow",
    "fell": "fall",
    "fallen": "fall",
    "rose": "rise",
    "risen": "rise",
    "sent": "send",
    "built": "build",
    "wrote": "write",
    "written": "write",
    "chosen": "choose",
    "chose": "choose",
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "terms": "condition",  # of payment; the singular is a time
    "used": "use",
    "using": "use",
    "costs": "cost",
    "cities": "city",
    "analyses": "analysis",
    "data": "data",
    "january": "jan",
    "february": "feb",
    "march": "mar",
    "april": "apr",
    "june": "jun",
    "july": "jul",
    "august": "aug",
    "september": "sep",
    "sept": "sep",
    "october": "oct",
    "november": "nov",
    "december": "dec",
}

# Endings in the order they are tried: the longest first. (ending, what stays, least letters of the stem)
_ENDINGS: tuple[tuple[str, str, int], ...] = (
    ("izations", "iz", 3),
    ("ization", "iz", 3),
    ("isations", "iz", 3),
    ("isation", "iz", 3),
    ("ated", "", 4),
    ("ating", "", 4),
    ("ates", "", 4),
    ("ate", "", 4),
    ("ators", "", 4),
    ("ator", "", 4),
    ("ations", "", 3),
    ("ation", "", 3),
    ("ments", "", 3),
    ("ment", "", 3),
    ("ances", "", 4),
    ("ance", "", 4),
    ("ences", "", 4),
    ("ence", "", 4),
    ("liable", "liabl", 0),
    ("ables", "", 3),
    ("able", "", 3),
    ("ible", "", 4),
    ("abilities", "abl", 2),
    ("ability", "abl", 2),
    ("ialities", "", 4),
    ("iality", "", 4),
    ("alities", "", 4),
    ("ality", "", 4),
    ("ities", "", 4),
    ("ity", "", 4),
    ("ial", "", 4),
    ("ions", "", 4),
    ("ion", "", 4),
    ("ingly", "", 3),
    ("ings", "", 3),
    ("ing", "", 3),
    ("ies", "i", 2),
    ("edly", "", 3),
    ("ied", "i", 2),
    ("ed", "", 3),
    ("ors", "", 4),
    ("or", "", 4),
    ("ers", "", 4),
    ("er", "", 4),
    ("als", "", 4),
    ("al", "", 4),
    ("ly", "", 4),
    ("sses", "ss", 2),
    ("es", "", 3),
    ("ss", "ss", 1),
    ("us", "us", 1),
    ("is", "is", 1),
    ("s", "", 2),
)

# Groups of words that ask for the same thing in business documents; a synonym weighs less than the word itself.
_GROUPS = (
    "cost price fee charge amount rate expense",
    "pay invoice bill remit settle payment",
    "start begin commence effective commencement",
    "end expire terminate termination expiry cease",
    "end expire term continue duration",
    "cancel terminate notice",
    "length duration term period long",
    "deadline due date latest",
    "boss manager head lead director",
    "responsible owner accountable assign charge",
    "company firm corporation business supplier vendor provider",
    "customer client buyer purchaser",
    "employee staff headcount worker person personnel team",
    "revenue sell turnover income",
    "profit margin earnings income",
    "increase grow rise gain improve up",
    "decrease fall drop decline reduce loss down",
    "risk threat issue problem",
    "goal objective target aim purpose",
    "address location place based located",
    "warranty guarantee",
    "secret confidential confidentiality",
    "law governing jurisdiction court legislation",
    "fine penalty late interest",
    "buy purchase acquire order",
    "contract agreement",
    "make produce manufacture",
    "founded established started incorporated",
    "sign signed signature execute dated",
    "mail email contact phone telephone",
    "limit limited cap ceiling maximum",
    "absent apologies missing",
    "heavy weigh weight",
    "wide width broad diameter across",
    "tall height high",
    "big size large diameter",
    "deep depth",
    "far distance",
    "fast quick speed within",
    "make compose consist contain",
    "happen occur consequence",
    "owe due payable outstanding debt",
    "raise increase",
    "attend present participant",
    "allow permit may",
    "forbid prohibit",
    "decide decision agree",
    "suggest recommend propose",
    "biggest largest highest top most maximum",
    "smallest lowest least minimum",
)


def words(text: str) -> list[str]:
    """Return the words and numbers of a text, accents and case folded."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    return [re.sub(r"['’]s\Z", "", w) for w in _WORD.findall(folded)]


def terms(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order, repeats included."""
    return [stem(w) for w in words(text) if w not in STOP_WORDS]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a word without its ending, so that "terminates", "terminated" and "termination" meet; a number as it is.

    Not a linguist's stem: it only has to be the same for forms of one word.
    """
    word = _IRREGULAR.get(word, word)
    if not word.isascii() or not word.isalpha():
        return word.replace(",", "") if word[:1].isdigit() else word
    for _ in range(3):  # "quarterly" loses two endings; more than three no word has
        before, word = word, _shorter(word)
        if word == before:
            break
    return word


def _shorter(word: str) -> str:
    for ending, stays, least in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: len(word) - len(ending)] + stays
            break
    return _trimmed(word)


def _trimmed(word: str) -> str:
    """Fold what is left of the ending: the doubled consonant of "planned", the e of "price", the y of "delivery"."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsze":
        return word[:-1]
    while len(word) > 5 and word[-1] in "eiy":
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        return word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


@lru_cache(maxsize=1)
def weak_terms() -> frozenset[str]:
    """Return the stems that weigh little in a question."""
    return frozenset(stem(w) for w in _WEAK.split())


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in _GROUPS:
        stems = {stem(w) for w in group.split()}
        for each in stems:
            found.setdefault(each, set()).update(stems - {each})
    return {each: frozenset(others) for each, others in found.items()}


def synonyms(term: str) -> frozenset[str]:
    """Return the stems that may stand for `term` in a business document."""
    return _synonyms().get(term, frozenset())


def close_terms(term: str, vocabulary: Iterable[str]) -> list[str]:
    """Return the terms of a vocabulary that `term` may be a misspelling of: one or two letters apart."""
    if len(term) < 5 or not term.isalpha():
        return []
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    limit = 1 if len(term) < 8 else 2
    near = [v for v in vocabulary if abs(len(v) - len(term)) <= limit and v[:1] == term[:1] and v.isalpha()]
    found = process.extract(term, near, scorer=DamerauLevenshtein.distance, score_cutoff=limit, limit=2)
    return [match[0] for match in found]
