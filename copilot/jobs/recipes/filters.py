"""The filters of expressions: `{{ total | money('EUR', 'de') }}`. Each takes time in proportion to what it is given."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

import regex

from copilot.errors import ToolInputError
from copilot.jobs.recipes.locales import LOCALES, MINOR, MONTHS, SIGNS, WRITTEN, Locale
from copilot.jobs.recipes.values import MOST_TEXT, as_text, joined, too_large

_SECONDS = 0.5  # that a regular expression may take
_MOST_DIGITS = 40
_COMPARED = 80  # characters of names that are compared for "Did you mean"
_MOST_REPEATS = 10_000  # of the counts in a regular expression, multiplied: they are unrolled when it is read
_COUNTS = regex.compile(r"\{(\d*)(?:,(\d*))?")
_NUMBER = regex.compile(r"[-−(]?\s*[\d][\d.,'’\s\u00a0\u202f]*")
_DIGITS = regex.compile(r"\d+")
_WORDS = regex.compile(r"\p{L}+")


def _refused(text: str, hint: str = "") -> ToolInputError:
    return ToolInputError(text, hint=hint, code="value")


def _shown(value: Any) -> str:
    text = as_text(value)
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def locale_of(name: Any) -> Locale:
    """Return how a language writes ("de", "en-GB", "de_AT"); raises ToolInputError for one that is not known."""
    wanted = as_text(name).strip().lower().replace("_", "-")
    found = LOCALES.get(wanted) or LOCALES.get(wanted.partition("-")[0])
    if found is None:
        raise ToolInputError.unknown("language", as_text(name), LOCALES)
    return found


# --- numbers ----------------------------------------------------------------------------------------------------------


def number(value: Any, locale: str = "") -> int | float:
    """Return the number in a text: "1.234,50 €" in "de" is 1234.5, "(12.00)" is -12; raises ToolInputError.

    Without a locale the last mark with one or two digits, or more than three, behind it is the decimal mark; "1,234"
    could be both and is refused.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    found = _NUMBER.search(as_text(value))
    if found is None:
        raise _refused(f"There is no number in {_shown(value)}.")
    written = found[0].strip().replace("−", "-")
    negative = written[0] in "-(" or as_text(value)[found.end() :].lstrip().startswith("-")
    digits = _machine(regex.sub(r"[^\d.,'’]", "", written).rstrip(".,'’"), locale_of(locale) if locale else None)
    if len(digits) > _MOST_DIGITS:
        raise _refused(f"The number in {_shown(value)} has more than {_MOST_DIGITS} digits.")
    amount = float(digits) if "." in digits else int(digits)
    return -amount if negative else amount


def _machine(written: str, locale: Locale | None) -> str:
    """Return digits with "." as their decimal mark."""
    written = regex.sub(r"['’]", "", written)
    decimal = locale.decimal if locale else _decimal_mark(written)
    whole, _, rest = written.partition(decimal) if decimal else (written, "", "")
    whole = regex.sub(r"[.,]", "", whole)
    if not rest.isdigit() and rest:
        raise _refused(f"{written!r} is no number where the decimal mark is {decimal!r}.")
    return f"{whole or '0'}.{rest}" if rest else whole


def _decimal_mark(written: str) -> str:
    marks = [sign for sign in written if sign in ".,"]
    if not marks:
        return ""
    last, behind = marks[-1], len(written) - written.rfind(marks[-1]) - 1
    if len(set(marks)) == 2:
        return last
    if len(marks) > 1:
        return ""  # 1.234.567
    if behind != 3 or written.startswith("0"):
        return last
    hint = 'Say whose: {{ amount | number("en") }}.'
    raise _refused(f"{written!r} can be a thousand or a fraction.", hint)


def _decimal(value: Any) -> Decimal:
    found = number(value)
    if not math.isfinite(found):
        raise _refused(f"{found} is no amount.")
    try:
        return Decimal(repr(found))
    except InvalidOperation:  # pragma: no cover - repr of a finite number is one
        raise _refused(f"{_shown(value)} is no number.") from None


def rounded(value: Any, digits: int = 0) -> int | float:
    """Return the number rounded as people do, halves away from zero: 2.675 | round(2) is 2.68."""
    places = _between("round", digits, 0, 12)
    found = _decimal(value)
    if found.adjusted() > _MOST_DIGITS:
        return number(value)
    made = found.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return float(made) if places else int(made)


def _grouped(value: Any, digits: int, locale: Locale) -> str:
    found = _decimal(value)
    if found.adjusted() > _MOST_DIGITS:
        raise _refused(f"{value} is too large to be written out.")
    text = f"{found.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,f}"
    return "".join({",": locale.group, ".": locale.decimal}.get(sign, sign) for sign in text)


def decimals(value: Any, digits: int = 2, locale: str = "en") -> str:
    """Return the number as text with so many decimals and marks between the thousands: "1.234,50" in "de"."""
    return _grouped(value, _between("decimals", digits, 0, 12), locale_of(locale))


def money(value: Any, currency: str = "", locale: str = "en") -> str:
    """Return an amount as it is written in a letter: "€1,234.50", in "de" "1.234,50 €", without currency "1,234.50"."""
    how = locale_of(locale)
    code = SIGNS.get(currency, currency.upper())
    amount = _grouped(value, MINOR.get(code, 2), how)
    sign = WRITTEN.get(code, code)
    if not sign:
        return amount
    if not how.before:
        return f"{amount}\u00a0{sign}"
    minus, amount = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    return f"{minus}{sign}{'' if code in WRITTEN else ' '}{amount}"


def absolute(value: Any) -> int | float:
    """Return the number without its sign."""
    return abs(number(value))


def near(value: Any, other: Any, within: float = 0.01) -> bool:
    """Return whether two numbers are the same but for cents: {{ (net + vat) | near(total) }}."""
    return abs(_decimal(value) - _decimal(other)) <= _decimal(within)


# --- dates ------------------------------------------------------------------------------------------------------------


def as_date(value: Any, locale: str = "en-gb") -> date:
    """Return the date in a text: "2026-03-01", "1. März 2026", "March 1, 2026", "01/03/2026" in the locale's order."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = as_text(value)[:200]
    digits = [int(part) for part in _DIGITS.findall(text)[:3] if len(part) <= 4]
    named = next((month for word in _WORDS.findall(text) if (month := _month(word))), 0)
    try:
        return date(*_ymd(digits, named, text, locale_of(locale)))
    except (ValueError, IndexError):
        raise _refused(f"There is no date in {_shown(value)}.", "Write it like 2026-03-01.") from None


def _ymd(digits: list[int], named: int, text: str, locale: Locale) -> tuple[int, int, int]:
    if named:
        first, second = digits[0], digits[1]
        day, year = (second, first) if first > 31 else (first, second)
        return _year(year), named, day
    order = "ymd" if regex.search(r"\d{4}\D+\d{1,2}\D+\d{1,2}", text) else locale.order
    found = dict(zip(order, digits, strict=False))
    return _year(found.get("y", 0)), found.get("m", 0), found.get("d", 0)


def _year(written: int) -> int:
    return written + (2000 if written < 70 else 1900) if written < 100 else written


def _month(word: str) -> int:
    bare = unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode("ascii")
    matches = (n for n, starts in enumerate(MONTHS, 1) if len(bare) > 2 and bare.startswith(starts))
    return next(matches, 0)


def date_text(value: Any, form: str = "", locale: str = "en-gb") -> str:
    """Return a date as text: by `form` ("%d.%m.%Y": %d %m %Y %y and what stands between), else as the locale does."""
    found, wanted = as_date(value, locale), form or locale_of(locale).date
    if unknown := [code for code in regex.findall(r"%.?", wanted) if code not in _CODES]:
        raise _refused(f"{unknown[0]!r} is no part of a date.", f"There is: {', '.join(_CODES)}.")
    return joined((_CODES[p](found) if p in _CODES else p for p in regex.split(r"(%.)", wanted)), "")


_CODES: dict[str, Callable[[date], str]] = {
    "%d": lambda d: f"{d.day:02}",
    "%m": lambda d: f"{d.month:02}",
    "%Y": lambda d: f"{d.year:04}",
    "%y": lambda d: f"{d.year % 100:02}",
}


def plus_days(value: Any, days: Any) -> date:
    """Return the date so many days later, or earlier for less than zero."""
    try:
        return as_date(value) + timedelta(days=number(days))
    except OverflowError:
        raise _refused(f"{_shown(days)} days are too many.") from None


# --- texts ------------------------------------------------------------------------------------------------------------


def upper(value: Any) -> str:
    """Return the text in capitals."""
    return as_text(value).upper()


def lower(value: Any) -> str:
    """Return the text in small letters."""
    return as_text(value).lower()


def trim(value: Any) -> str:
    """Return the text without blanks around it, and one blank where there were several."""
    return " ".join(as_text(value).split())


def replace(value: Any, old: str, new: str) -> str:
    """Return the text with `new` wherever `old` stood."""
    text, found = as_text(value), as_text(old)
    grown = len(as_text(new)) - len(found)
    if not found:
        raise _refused("replace needs the words that are to be replaced.")
    if len(text) + text.count(found) * grown > MOST_TEXT:
        raise too_large()
    return text.replace(found, as_text(new))


def contains(value: Any, words: Any) -> bool:
    """Return whether a text (or an item of a list) holds the words, however they are spaced and in whatever case."""
    if isinstance(value, list | tuple):
        return any(contains(each, words) for each in value)
    return _folded(words) in _folded(value)


def _folded(value: Any) -> str:
    return trim(value).casefold()


def find(value: Any, pattern: str) -> str | None:
    """Return the first place that fits a regular expression (its first group, if it has one); None without any."""
    counts = [int(count[:9]) for pair in _COUNTS.findall(as_text(pattern)) for count in pair if count]
    if math.prod(max(1, count) for count in counts) > _MOST_REPEATS:
        raise _refused(f"The pattern {_shown(pattern)} repeats too often.", "Write * or + instead of the count.")
    try:
        found = regex.search(as_text(pattern)[:1_000], as_text(value)[:MOST_TEXT], timeout=_SECONDS)
    except TimeoutError:
        raise _refused(f"The pattern {_shown(pattern)} takes too long.", "Make it simpler.") from None
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise _refused(f"{_shown(pattern)} is no regular expression: {error}.") from None
    if found is None:
        return None
    return str(found[1] if found.re.groups and found[1] is not None else found[0])


def lines(value: Any) -> list[str]:
    """Return the lines of a text that hold something."""
    return [line.strip() for line in as_text(value).splitlines() if line.strip()]


def split(value: Any, between: str = ",") -> list[str]:
    """Return the parts of a text, without blanks around them."""
    return [part.strip() for part in as_text(value).split(as_text(between) or ",")]


# --- lists ------------------------------------------------------------------------------------------------------------


def _list(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise _refused(f"{name} works on a list, and this is {_shown(value)}.")
    return value


def join(value: Any, between: str = ", ") -> str:
    """Return the items of a list as one text."""
    return joined((as_text(each) for each in _list("join", value)), as_text(between))


def total(value: Any, field: Any = None) -> int | float:
    """Return the sum of a list of numbers, or of one field of its items; None counts nothing."""
    found = _list("sum", value if field is None else column(value, field))
    numbers = [number(each) for each in found if each is not None]
    exact = sum((_decimal(each) for each in numbers), Decimal(0))
    return int(exact) if all(isinstance(each, int) for each in numbers) else float(exact)


def column(value: Any, field: Any) -> list[Any]:
    """Return one field of each item: by its name, or its number counted from 0. None where an item has none."""
    return [_field(each, field) for each in _list("column", value)]


def _field(item: Any, field: Any) -> Any:
    if isinstance(item, Mapping):
        return item.get(field)
    if isinstance(item, list | tuple) and isinstance(field, int):
        return item[field] if -len(item) <= field < len(item) else None
    return None


def where(value: Any, field: Any, wanted: Any) -> list[Any]:
    """Return the items whose field is `wanted`, as text in any case."""
    return [each for each in _list("where", value) if _folded(_field(each, field)) == _folded(wanted)]


def records(value: Any, columns: Any = None) -> list[dict[str, Any]]:
    """Return rows as maps by column; without `columns` the first row names them."""
    rows = list(_list("records", value))
    names = list(_list("records", columns if columns is not None else rows[:1] and rows.pop(0)))
    return [{as_text(n): _field(row, at) for at, n in enumerate(names)} for row in rows]


def grid(value: Any) -> list[list[Any]]:
    """Return maps as rows, the names of the columns first: what excel.create takes."""
    items = [each for each in _list("grid", value) if isinstance(each, Mapping)]
    names = list(dict.fromkeys(name for each in items for name in each))
    if len(names) * len(items) > MOST_TEXT:
        raise too_large()
    return [list(names), *([each.get(name) for name in names] for each in items)]


def length(value: Any) -> int:
    """Return how many items, or characters."""
    if not isinstance(value, list | tuple | Mapping | str):
        raise _refused(f"{_shown(value)} has no length.")
    return len(value)


def first(value: Any) -> Any:
    """Return the first item, None of an empty list."""
    found = _list("first", value)
    return found[0] if found else None


def last(value: Any) -> Any:
    """Return the last item, None of an empty list."""
    found = _list("last", value)
    return found[-1] if found else None


def unique(value: Any) -> list[Any]:
    """Return the items in their order, each once."""
    seen: dict[str, Any] = {}
    for each in _list("unique", value):
        seen.setdefault(as_text(each), each)
    return list(seen.values())


def keys(value: Any) -> list[str]:
    """Return the names in a map."""
    if not isinstance(value, Mapping):
        raise _refused(f"keys works on a map, and this is {_shown(value)}.")
    return [as_text(key) for key in value]


def default(value: Any, instead: Any = "") -> Any:
    """Return the value, or `instead` where there is none: not defined, null or an empty text."""
    from jinja2 import Undefined

    return instead if isinstance(value, Undefined) or value is None or value == "" else value


def stem(value: Any) -> str:
    """Return a file's name without its folder and its suffix: "2026/March.xlsx" is "March"."""
    name = regex.split(r"[/\\]", as_text(value))[-1]
    return str(name.rpartition(".")[0] or name)


def _between(what: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise _refused(f"{what} takes a number from {least} to {most}, not {_shown(value)}.")
    return value


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": absolute,
    "column": column,
    "contains": contains,
    "date": as_date,
    "date_text": date_text,
    "decimals": decimals,
    "default": default,
    "find": find,
    "first": first,
    "grid": grid,
    "join": join,
    "keys": keys,
    "last": last,
    "length": length,
    "lines": lines,
    "lower": lower,
    "money": money,
    "near": near,
    "number": number,
    "plus_days": plus_days,
    "records": records,
    "replace": replace,
    "round": rounded,
    "split": split,
    "stem": stem,
    "sum": total,
    "text": as_text,
    "trim": trim,
    "unique": unique,
    "upper": upper,
    "where": where,
}


def closest(word: str, known: Sequence[str]) -> str:
    """Return "Did you mean 'a' or 'b'?" for a word that is not known, else what there is."""
    short = {each[:_COMPARED]: each for each in known}  # comparing takes the square of the length, and more
    close = [short[each] for each in get_close_matches(word[:_COMPARED].lower(), short, n=2, cutoff=0.5)]
    if close:
        return f"Did you mean {' or '.join(repr(each) for each in close)}?"
    return f"There is: {', '.join(list(known)[:30])}." if known else ""
