"""Whether a value stands in a text: as it is, as a number in any country's form, or as a date in any form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

_QUOTES = {ord(c): "'" for c in "‘’‚‛`´′"} | {ord(c): '"' for c in "“”„‟«»″"}
_DASHES = {ord(c): "-" for c in "‐‑‒–—―−"}
_DROPPED = {ord(c): None for c in "\u00ad\u200b\u200c\u200d\u2060\ufeff"}
_BROKEN = re.compile(r"(?<=\w)-\s*\n\s*(?=[^\W\d_])")  # a word that goes on in the next line
_SPACE = re.compile(r"[\s|*_#]+")  # marks of Markdown and borders of tables are no words
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene gennaio gen januari janeiro styczeń stycznia",
            "february feb februar février févr fevrier febrero febbraio februari fevereiro luty lutego",
            "march mar märz maerz mrz mars marzo maart março marca marzec",
            "april apr avril avr abril abr aprile kwietnia kwiecień",
            "may mai mayo maggio mag mei maio maj maja",
            "june jun juni juin junio giugno giu junho czerwca czerwiec",
            "july jul juli juillet juil julio luglio lug julho lipca lipiec",
            "august aug août aout agosto ago augustus sierpnia sierpień",
            "september sep sept septembre septiembre settembre set setembro września wrzesień",
            "october oct oktober okt octobre octubre ottobre ott outubro października październik",
            "november nov novembre noviembre novembro listopada listopad",
            "december dec dezember dez décembre déc decembre diciembre dic dicembre dezembro grudnia grudzień",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_ORDERED = re.compile(r"(?<!\d)(\d{4})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})(?!\d)")
_COMMON = re.compile(r"(?<!\d)(\d{1,2})\s?[-/.]\s?(\d{1,2})\s?[-/.]\s?(\d{4}|\d{2})(?!\d)")
_DAY_FIRST = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?\s*(?:of\s+|de\s+|-)?({_MONTH})\b\.?,?\s*(?:de\s+|-)?(\d{{4}}|\d{{2}}\b)",
    re.I,
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s*(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})", re.I)
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?\Z")
# Digits with separators between them, also groups set apart by spaces (SI) or apostrophes (Swiss).
_NUMBER = re.compile(r"[-+(]?\s?\d(?:[\d.,'’٬٫]|[ \u00a0\u202f\u2009](?=\d{3}(?!\d)))*-?")
_CENTURY = 2000
#: Longer texts are not searched for numbers and dates: a quote is a sentence or a row.
_LONGEST = 20_000


def plain(text: str) -> str:
    """Return the text as it is compared: one kind of quotes, dashes and spaces, no soft hyphens, no letter case."""
    joined = _BROKEN.sub("", text.translate(_DROPPED).translate(_DASHES))
    same = unicodedata.normalize("NFKC", joined).translate(_QUOTES).translate(_DASHES)
    return _SPACE.sub(" ", same).strip().casefold()


def stands(value: Any, text: str) -> bool:
    """Return whether a value stands in a text. Every part of a list or object must; true, false and null never do."""
    if isinstance(value, dict):
        return bool(value) and all(stands(each, text) for each in value.values() if each is not None)
    if isinstance(value, list):
        return bool(value) and all(stands(each, text) for each in value)
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int | float):
        return _number_of(value) in set(numbers(text))
    return isinstance(value, str) and _text_stands(value, text)


def _text_stands(value: str, text: str) -> bool:
    wanted = plain(value)
    if not wanted:
        return False
    if _bounded(wanted, plain(text)):
        return True
    if (day := _iso(value)) is not None:
        return day in set(dates(text))
    days = set(dates(value)) if len(value) < 40 else set()
    if days:
        return bool(days & set(dates(text)))
    if _is_figure(value):
        return bool(set(numbers(value)) & set(numbers(text)))
    return False


def _bounded(wanted: str, text: str) -> bool:
    """Return whether it stands there and is not a part of a longer word or number: "13" is not in "2013"."""
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (_joins(text[start - 1 : start], wanted[0]) or _joins(wanted[-1], text[end : end + 1])):
            return True
        start = text.find(wanted, start + 1)
    return False


def _joins(one: str, other: str) -> bool:
    return bool(one and other) and ((one.isdigit() and other.isdigit()) or (one.isalpha() and other.isalpha()))


def _is_figure(value: str) -> bool:
    letters = sum(c.isalpha() for c in value)
    return letters <= 3 and len(value) < 40 and len(_NUMBER.findall(value)) == 1


def numbers(text: str) -> Iterator[Decimal]:
    """Yield every number that a text may hold: 1.234 is 1234 and 1.234, and "(5)" is 5 and -5."""
    for found in _NUMBER.finditer(text[:_LONGEST]):
        written = found[0].strip()
        digits = written.strip("-+( ").rstrip(".,'’-")
        negative = written[:1] in ("-", "(") or written.endswith("-")
        for number in _readings(digits):
            yield number
            if negative:
                yield -number


def _readings(digits: str) -> Iterator[Decimal]:
    joined = re.sub(r"(?<=\d)[ \u00a0\u202f\u2009'’٬](?=\d{3}(?!\d))", "", digits).replace("٫", ",")
    for text in dict.fromkeys((joined, *re.split(r"[ \u00a0\u202f\u2009]", digits))):
        marks = [c for c in text if c in ".,"]
        if not marks:
            yield from _decimal(text)
            continue
        last = marks[-1]
        head, _, tail = text.rpartition(last)
        grouped = _is_grouped(text)
        if grouped:
            yield from _decimal(re.sub(r"[.,]", "", text))
        if marks.count(last) == 1 and (len(set(marks)) > 1 or len(marks) == 1):
            yield from _decimal(re.sub(r"[.,]", "", head) + "." + tail)
        elif not grouped:  # 1.2.3, or a list of numbers: each by itself
            for piece in re.split(r"[.,]", text):
                yield from _decimal(piece)


def _is_grouped(text: str) -> bool:
    """Return whether the only kind of mark parts thousands; in India lakhs and crores: 1,00,000."""
    first, *groups = re.split(r"[.,]", text)
    one_kind = len({c for c in text if c in ".,"}) == 1
    between = {len(group) for group in groups[:-1]}
    return one_kind and 0 < len(first) <= 3 and len(groups[-1]) == 3 and between in (set(), {2}, {3})


def _decimal(text: str) -> Iterator[Decimal]:
    try:
        yield Decimal(unicodedata.normalize("NFKC", text).replace(" ", "")).normalize()
    except (InvalidOperation, ValueError):
        return


def _number_of(value: float) -> Decimal:
    try:
        return Decimal(repr(value)).normalize()
    except InvalidOperation:
        return Decimal("NaN")


def dates(text: str) -> Iterator[date]:
    """Yield every day that a text may mean: 03/04/2025 is the third of April and the fourth of March."""
    text = text[:_LONGEST].translate(_DASHES)
    for year, month, day in _ORDERED.findall(text):
        yield from _days(year, (month, day))
    for one, two, year in _COMMON.findall(text):
        yield from _days(year, (two, one), (one, two))
    for day, month, year in _DAY_FIRST.findall(text):
        yield from _days(year, (_MONTHS[month.casefold()], day))
    for month, day, year in _MONTH_FIRST.findall(text):
        yield from _days(year, (_MONTHS[month.casefold()], day))


def _days(year: str, *readings: tuple[Any, Any]) -> Iterable[date]:
    whole = int(year) + (_CENTURY if len(year) == 2 else 0)
    for month, day in readings:
        for number in (whole, whole - 100) if len(year) == 2 else (whole,):
            try:
                yield date(number, int(month), int(day))
            except ValueError:
                continue


def _iso(value: str) -> date | None:
    found = _ISO.match(value.strip())
    try:
        return date(*map(int, found.groups()[:3])) if found else None
    except ValueError:
        return None
