"""Dates, amounts, durations, names and places in text: found by pattern, and made comparable."""

from __future__ import annotations

import re
from typing import Literal

FactKind = Literal[
    "date", "duration", "amount", "number", "percent", "person", "place", "email", "phone", "url", "reason"
]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar",
            "february feb februar",
            "march mar märz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober",
            "november nov",
            "december dec dezember",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_NUMBER_WORD = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|forty-five|fifty|sixty|"
    "ninety|hundred|thousand|million|billion|dozen"
)
_NUMBER = r"\d+(?:[.,' \u00a0]\d{3})*(?:[.,]\d+)?"
_CURRENCY = r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|INR|US\$)\s?)"
_MONEY_WORD = r"(?:dollars?|euros?|pounds?|francs?|cents?|USD|EUR|GBP|CHF|JPY|CAD|AUD)"
_SCALE = r"(?:k|m|mn|bn|tsd|mio|mrd|thousand|million|billion|trillion)"
_UNIT = r"(?:seconds?|minutes?|hours?|(?:business |working |calendar )?days?|weeks?|months?|quarters?|years?|decades?)"

_PATTERNS: dict[FactKind, re.Pattern[str]] = {
    "date": re.compile(
        rf"\b\d{{4}}-\d{{1,2}}-\d{{1,2}}\b|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b"
        rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}})?"
        rf"|\b{_MONTH},?\s+\d{{4}}|\b(?:19|20)\d\d\b|\bQ[1-4]\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
        r"|\b\d{1,2}(?::\d\d)?\s?[ap]\.?m\.?\b|\b\d{1,2}:\d\d\b",
        re.IGNORECASE,
    ),
    "duration": re.compile(rf"\b(?:\d+(?:\.\d+)?|{_NUMBER_WORD})(?:\s*\(\d+\))?[\s-]+{_UNIT}\b", re.IGNORECASE),
    "amount": re.compile(
        rf"{_CURRENCY}\s?{_NUMBER}(?:\s?{_SCALE}\b)?|{_NUMBER}\s?(?:{_SCALE}\s)?\s?(?:{_MONEY_WORD}\b|[€£¥])",
        re.IGNORECASE,
    ),
    "percent": re.compile(r"\d+(?:[.,]\d+)?\s?(?:%|percent\b|per cent\b|basis points\b)", re.IGNORECASE),
    "number": re.compile(rf"{_NUMBER}|\b(?:{_NUMBER_WORD})\b", re.IGNORECASE),
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    "url": re.compile(r"\bhttps?://\S+|\bwww\.\S+", re.IGNORECASE),
    "phone": re.compile(r"(?<!\w)\+?\d[\d ()/.-]{6,}\d(?!\w)"),
    "person": re.compile(
        r"\b(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau)\.?\s+[A-ZÀ-Þ]\w+|\b[A-ZÀ-Þ][a-zà-ÿ]+(?:\s+[A-ZÀ-Þ]\.)*\s+(?:(?:de|van|von|der|la)\s+)*"
        r"[A-ZÀ-Þ][a-zà-ÿ]+(?:-[A-ZÀ-Þ][a-zà-ÿ]+)?|\b(?:CEO|CFO|CTO|COO|CIO)\b"
    ),
    "place": re.compile(
        r"\b(?:in|at|from|near|to|of|located in|based in)\s+(?:the\s+)?[A-ZÀ-Þ][a-zà-ÿ]+"
        r"|\b\d{1,5}[a-z]?,?\s+(?:[A-ZÀ-Þ]\w+\s+)+(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Way|Square|Blvd|Boulevard)\b"
        r"|\b\w+(?:straße|strasse|gasse|platz)\s+\d+|\b\d{5}\s+[A-ZÀ-Þ]|\b[A-Z]{1,2}\d\w?\s+\d[A-Z]{2}\b"
    ),
    "reason": re.compile(
        r"\b(?:because|due to|owing to|since|as a result|caused by|driven by|in order to|so that|thanks to|reason)\b",
        re.IGNORECASE,
    ),
}


def has(kind: FactKind, text: str) -> bool:
    """Return whether the text holds a fact of this kind."""
    return _PATTERNS[kind].search(text) is not None


def canonical(text: str) -> list[str]:
    """Return full dates and large or scaled amounts in one spelling, so that "5 March 2024" meets "2024-03-05"."""
    return [f"date:{d}" for m in _PATTERNS["date"].finditer(text) if (d := _date(m[0]))] + [
        f"amount:{a}" for m in _SCALED.finditer(text) if (a := _amount(m))
    ]


_SCALED = re.compile(rf"({_NUMBER})\s?({_SCALE})?\b", re.IGNORECASE)
_SCALES = {
    **dict.fromkeys(("k", "tsd", "thousand"), 1_000),
    **dict.fromkeys(("m", "mn", "mio", "million"), 1_000_000),
    **dict.fromkeys(("bn", "mrd", "billion"), 1_000_000_000),
    "trillion": 1_000_000_000_000,
}


def _amount(match: re.Match[str]) -> str:
    digits, scale = match[1], (match[2] or "").lower()
    if not scale and not re.search(r"[,.' \u00a0]\d{3}", digits) and len(digits) < 5:
        return ""
    plain = re.sub(r"[,.' \u00a0](?=\d{3}(?:\D|\Z))", "", digits).replace(",", ".")
    try:
        return f"{float(plain) * _SCALES.get(scale, 1):.0f}"
    except ValueError:
        return ""


def take_dates(text: str) -> tuple[list[str], str]:
    """Return the full dates in their one spelling, and the text without them."""
    found = [f"date:{d}" for m in _PATTERNS["date"].finditer(text) if (d := _date(m[0]))]
    return found, _PATTERNS["date"].sub(lambda m: " " if _date(m[0]) else m[0], text)


def _date(text: str) -> str:
    """Return the ISO form of a full date; "" for a partial or ambiguous one (03/04/2024)."""
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        return _iso(found[1], int(found[2]), found[3])
    if found := re.fullmatch(r"(\d{1,2})([./])(\d{1,2})[./](\d{4})", text):
        first, second = int(found[1]), int(found[3])
        if found[2] == "." or first > 12:
            return _iso(found[4], second, first)
        return _iso(found[4], first, second) if second > 12 or first == second else ""
    word = re.search(r"[^\W\d_]{3,}", re.sub(r"\b\d{1,2}(st|nd|rd|th)\b", lambda m: m[0][:-2], text))
    numbers = re.findall(r"\d+", text)
    if word and len(numbers) == 2 and len(numbers[1]) == 4 and word[0].lower() in _MONTHS:
        return _iso(numbers[1], _MONTHS[word[0].lower()], numbers[0])
    return ""


def _iso(year: str, month: int, day: str | int) -> str:
    return f"{year}-{month:02d}-{int(day):02d}" if 1 <= month <= 12 and 1 <= int(day) <= 31 else ""
