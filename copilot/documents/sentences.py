"""Text cut into sentences, by rules that hold for business prose: abbreviations, decimals, initials, numbering."""

from __future__ import annotations

import re

# A possible end: the marks, closing quotes and brackets, then white space. What stands around it decides.
_END = re.compile(r"([.!?…]+|[。！？])([\"'”’»)\]*_]*)(\s+|\Z)")
_CJK_END = re.compile(r"(?<=[。！？])(?=\S)")

# A full stop after these never ends a sentence: something always follows.
_TITLE_LIST = """mr mrs ms dr prof rev hon st gen col sgt capt lt gov sen rep fr hr herr sr jr vs cf viz resp approx ca
    no nos nr art sec sect para paras fig figs eq eqs ch chap vol vols p pp ed eds tab abb abs ziff ref refs bzw
    tel ext attn re messrs mme mlle"""
_TITLES = frozenset(_TITLE_LIST.split())
# After these a sentence ends only when the next word begins with a capital letter (and isn't part of a name).
_MAYBE_LIST = """inc ltd co corp llc plc gmbh bros etc al est dept div e.g i.e a.m p.m u.s u.k u.n e.u ph.d m.d b.a z.b
    d.h u.a s.o usw jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun
    min max avg incl excl std ave blvd rd bldg dist"""
_MAYBE = frozenset(_MAYBE_LIST.split())
_NEVER_DOTTED = frozenset({"e.g", "i.e", "z.b", "d.h"})
_LAST_WORD = re.compile(r"([^\s(\[\"“‘]+)\Z")
_ENUMERATION = re.compile(r"(?:\A|\n|[.;:]\s)\s*(?:\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})(?:\.\d{1,3})*)\Z")
_STARTS_LOWER = re.compile(r"[\"'“‘(\[]*[a-zà-öø-ÿß]")
_STARTS_UPPER = re.compile(r"[\"'“‘(\[*_]*[A-ZÀ-ÖØ-ÞŠŽ]")

MAX_SENTENCE = 600  # characters: longer ones are cut at a semicolon or comma, so that a quote stays a quote


def sentences(text: str) -> list[str]:
    """Return the sentences of one block of text, in order; together they hold all its words."""
    found: list[str] = []
    for line in re.split(r"\n\s*\n|\n(?=\s*(?:[-*•]|\d{1,3}[.)])\s)", text):
        found.extend(_of_line(re.sub(r"\s+", " ", line).strip()))
    return [piece for sentence in found for piece in _bounded(sentence)]


def _of_line(line: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for match in _END.finditer(line):
        if match.end() >= len(line) or _ends(line[start : match.start()], match, line[match.end() :]):
            pieces.append(line[start : match.end()].strip())
            start = match.end()
    pieces.append(line[start:].strip())
    return [part for piece in pieces for part in _CJK_END.split(piece) if part]


def _ends(before: str, match: re.Match[str], after: str) -> bool:
    """Whether the mark ends a sentence, by the word before it and the one after it."""
    mark = match[1]
    if mark != ".":
        # "Yahoo! is", "What?! he said": a lower-case word goes on with the same sentence.
        return not _STARTS_LOWER.match(after)
    if _STARTS_LOWER.match(after):
        return False
    if match[2]:
        return True
    found = _LAST_WORD.search(before)
    word = found[1] if found else ""
    folded = word.casefold()
    if not word or folded in _NEVER_DOTTED or _ENUMERATION.search(before):
        return False
    if folded in _TITLES:
        # "No." may be an answer, and "ref." a noun: only what is followed by a number or name is an abbreviation.
        return folded == "no" and len(before.strip()) <= 2 and not after[:1].isdigit()
    if folded in _MAYBE:
        return bool(_STARTS_UPPER.match(after)) and not _goes_on(folded, after)
    if len(word) == 1 and word.isupper():
        return _single_letter_ends(before, after)
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word):
        return bool(_STARTS_UPPER.match(after)) and len(word) > 3
    return True


def _goes_on(word: str, after: str) -> bool:
    """Whether a name or date goes on after the abbreviation: "Acme Inc. Board"? No: only months before numbers do."""
    return word in ("a.m", "p.m") and after[:3] in ("EST", "GMT", "CET", "UTC", "PST")


def _single_letter_ends(before: str, after: str) -> bool:
    """Whether a lone capital ends a sentence: "plan B. Then" does, the initial in "John F. Kennedy" does not."""
    words = before.split()
    if len(words) < 2:
        return False
    if words[-2][:1].isupper() or words[-2].endswith("."):
        return False
    return words[-2].casefold() in (
        "plan",
        "option",
        "type",
        "class",
        "vitamin",
        "schedule",
        "annex",
        "appendix",
        "and",
    )


def _bounded(sentence: str) -> list[str]:
    if len(sentence) <= MAX_SENTENCE:
        return [sentence]
    middle = MAX_SENTENCE
    for mark in ("; ", ": ", ", ", " "):
        at = sentence.rfind(mark, MAX_SENTENCE // 3, MAX_SENTENCE)
        if at > 0:
            middle = at + len(mark)
            break
    return [sentence[:middle].strip(), *_bounded(sentence[middle:].strip())]
