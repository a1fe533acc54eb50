"""The values that fill a template: looked up by name, shown as text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from copilot.documents.excel.numfmt_dates import Moment, show_moment
from copilot.documents.word.build import clean
from copilot.documents.word.templates.marks import Filter, Mark

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A typed value with the text that its source shows for it: a date as the cell of a workbook has it."""

    value: Any
    text: str


class _Missing:
    """What a lookup gives that finds nothing."""


MISSING: Final = _Missing()

_PICTURE = re.compile(r"'[^']*'|(?i:am/pm)|[dD]+|M+|[yY]+|H+|h+|m+|s+|.", re.DOTALL)
#: Primary languages of dates by their tag, as [MS-LCID] numbers them; others are shown in English.
_LANGUAGES = {"en": 0x09, "de": 0x07, "fr": 0x0C, "es": 0x0A, "it": 0x10, "nl": 0x13, "pt": 0x16}
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


@dataclass
class Scope:
    """What names mean at a place: the item of the loop around it, then what is around that."""

    data: Any
    used: set[Path] = field(default_factory=set)
    path: Path = ()
    outer: Scope | None = None
    number: int = 0
    count: int = 0

    def inside(self, item: Any, path: Path, number: int, count: int) -> Scope:
        """Return the scope of one item of a list; `number` counts from 1."""
        return Scope(item, self.used, path, self, number, count)

    def find(self, name: str) -> tuple[Any, Path]:
        """Return the value of a name, MISSING if there is none, and the path that led to it."""
        if name.startswith("@"):
            return self._loop(name), ()
        if name in ("this", "."):
            self.used.add(self.path)
            return self.data, self.path
        found = _resolve(self.data, name)
        if found is not None:
            value, steps = found
            path = (*self.path, *steps)
            self.used.update(path[:end] for end in range(1, len(path) + 1))
            return value, path
        return self.outer.find(name) if self.outer is not None else (MISSING, ())

    def _loop(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None and not scope.number:
            scope = scope.outer
        if scope is None:
            return MISSING
        known = {"@index": scope.number, "@first": scope.number == 1, "@last": scope.number == scope.count}
        return known.get(name, MISSING)


def _resolve(data: Any, name: str) -> tuple[Any, Path] | None:
    """Return the value that a name leads to and its steps; a key that reads like the whole name comes first."""
    if isinstance(data, Shown):
        return _resolve(data.value, name)
    if isinstance(data, Mapping):
        key = _key(data, name)
        if key is not None:
            return data[key], (str(key),)
        for at in (i for i, sign in enumerate(name) if sign == "."):
            key = _key(data, name[:at])
            rest = _resolve(data[key], name[at + 1 :]) if key is not None else None
            if rest is not None:
                return rest[0], (str(key), *rest[1])
    if is_list(data):
        head, _, tail = name.partition(".")
        if head.isdigit() and int(head) < len(data):
            return _resolve(data[int(head)], tail) if tail else (data[int(head)], ())
    return None


def _key(data: Mapping[Any, Any], name: str) -> Any:
    """Return the key that reads `name`; else the only one that does but for case, and spaces written as _."""
    if name in data:
        return name
    folded = _folded(name)
    same = [key for key in data if _folded(str(key)) == folded]
    return same[0] if len(same) == 1 else None


def _folded(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip()).casefold()


def is_list(value: Any) -> bool:
    """Return whether a value is a list that a loop can go over."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def plain(value: Any) -> Any:
    """Return the value itself of one that comes with its text."""
    return value.value if isinstance(value, Shown) else value


def is_yes(value: Any) -> bool:
    """Return what a condition makes of a value."""
    found = plain(value)
    if isinstance(found, str):
        return bool(found.strip())
    return found is not MISSING and bool(found)


def leaves(data: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every single value in some data; the items of a list share theirs."""
    if isinstance(data, Mapping) and data:
        for key, each in data.items():
            yield from leaves(each, (*path, str(key)))
    elif is_list(data) and data and all(isinstance(each, Mapping) for each in data):
        for each in data:
            yield from leaves(each, path)
    elif path:
        yield path


def shown(value: Any, mark: Mark, language: str = "") -> str:
    """Return the text of a value as its mark wants it.

    Dates without a picture come as ISO dates. Raises ToolInputError "value" for a list, a picture or several values
    where a text is meant, and for one that is no date or number though its picture says so.
    """
    text = _text(value, mark, language)
    for each in mark.filters:
        if each.kind in _LETTERS:
            text = _LETTERS[each.kind](text)
        elif each.kind == "default" and not text.strip():
            text = each.argument
        elif text and each.kind in ("before", "after"):
            text = each.argument + text if each.kind == "before" else text + each.argument
    return clean(text, f"The value of {mark.text}")


def _first_capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _capitals(text: str) -> str:
    return re.sub(r"\b\w", lambda found: found[0].upper(), text)


_LETTERS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": _capitals,
    "first": _first_capital,
}


def _text(value: Any, mark: Mark, language: str) -> str:
    found = plain(value)
    picture = next((f for f in mark.filters if f.kind in ("date", "number")), None)
    if found is None or found == "":
        return ""
    if isinstance(found, Mapping) or is_list(found):
        hint = "Go over a list with {{#each ...}}, and name one of several values with a dot."
        kind = "several values" if isinstance(found, Mapping) else "a list"
        raise mark.error(f"{mark.name!r} is {kind}, no text.", hint=hint, code="value")
    if isinstance(found, bytes | bytearray):
        raise mark.error(f"{mark.name!r} is a picture, no text.", hint="Write {{image:name}}.", code="value")
    if picture is not None:
        return _pictured(found, picture, mark, language)
    return value.text if isinstance(value, Shown) else written(found)


def written(value: Any) -> str:
    """Return a single value as text: dates as in ISO 8601, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    return str(value)


def _pictured(value: Any, picture: Filter, mark: Mark, language: str) -> str:
    if picture.kind == "date":
        moment = as_date(value)
        if moment is None:
            hint = "Give it as 2026-03-01."
            raise mark.error(f"{value!r} is no date.", hint=hint, code="value")
        return show_date(moment, picture.argument, language)
    number = _as_number(value)
    if number is None:
        raise mark.error(f"{value!r} is no number.", hint="Give it as 1234.5.", code="value")
    return show_number(number, picture.argument)


def as_date(value: Any) -> datetime | None:
    """Return a date, a date and time, or the text of one in ISO 8601 as a datetime; None for anything else."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None


def _as_number(value: Any) -> float | None:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def show_date(moment: datetime, picture: str, language: str = "") -> str:
    """Return a moment in a date picture as Word has it: d, M, y, H, h, m, s, am/pm (17.16.4.1); M is not m."""
    tokens = _PICTURE.findall(picture)
    half = any(token.lower() == "am/pm" for token in tokens)
    return "".join(_date_piece(token, moment, language, half=half) for token in tokens)


def _date_piece(token: str, moment: datetime, language: str, *, half: bool) -> str:
    if token.startswith("'"):
        return token.strip("'")
    if token.lower() == "am/pm":
        return ("AM", "PM")[moment.hour >= 12] if token.isupper() else ("am", "pm")[moment.hour >= 12]
    letter, size = token[0], len(token)
    if letter in "MdD" and size > 2:
        return _named(letter.lower() * min(size, 4), moment, language)
    hour = (moment.hour - 1) % 12 + 1 if half or letter == "h" else moment.hour
    year = moment.year % 100 if size < 3 else moment.year
    numbers = {"d": moment.day, "D": moment.day, "M": moment.month, "y": year, "Y": year}
    numbers |= {"H": hour, "h": hour, "m": moment.minute, "s": moment.second}
    if letter not in numbers:
        return token
    return str(numbers[letter]).zfill(2 if letter in "yY" else min(size, 2))


def _named(code: str, moment: datetime, language: str) -> str:
    known = _LANGUAGES.get(language.partition("-")[0].lower(), 0x09)
    day = Moment(moment.year, moment.month, moment.day, moment.isoweekday() % 7, Decimal(0), Decimal(0))
    return show_moment([("moment", code)], day, known)


def show_number(number: float, picture: str) -> str:
    """Return a number in a number picture (17.16.4.2), its signs for decimals and thousands as they are to look.

    Of "." and "," the last one is the decimal sign when both are there; alone it is one unless it parts thousands as
    in "#,##0" or "#.##0".
    """
    from copilot.documents.excel.numfmt import display

    point, comma = picture.rfind("."), picture.rfind(",")
    swapped = comma > point >= 0 or (point < 0 <= comma and not re.search(r"[#0],[#0]{3}(?![#0])", picture))
    swapped = swapped or (comma < 0 and bool(re.search(r"#\.#+0(?![#0])", picture)))
    swap = str.maketrans(".,", ",.")
    text = display(number, (picture.translate(swap) if swapped else picture).replace("x", "#"))
    return text.translate(swap) if swapped else text


def picture_bytes(value: Any) -> tuple[bytes, str] | None:
    """Return a picture's bytes and its alternative text from bytes, a data URI, or {"data", "alt"}; None for others."""
    found = plain(value)
    alt = ""
    if isinstance(found, Mapping):
        alt, found = str(found.get("alt", "")), found.get("data")
    if isinstance(found, str) and (begin := _DATA_URI.match(found)):
        try:
            found = base64.b64decode(found[begin.end() :], validate=True)
        except (binascii.Error, ValueError):
            return None
    return (bytes(found), alt) if isinstance(found, bytes | bytearray) and found else None
