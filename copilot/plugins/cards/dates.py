"""Dates in cards: ISO 8601 in, the custom and standard format strings of .NET out ("Date and time functions")."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

#: What a date is without a format (formatDateTime, "Prebuilt functions").
ISO = "yyyy-MM-ddTHH:mm:ss.fffZ"
#: Standard format strings of .NET, in its invariant culture's place the one that most cards are written for (en-US).
_STANDARD = {
    "d": "M/d/yyyy",
    "D": "dddd, MMMM d, yyyy",
    "t": "h:mm tt",
    "T": "h:mm:ss tt",
    "f": "dddd, MMMM d, yyyy h:mm tt",
    "F": "dddd, MMMM d, yyyy h:mm:ss tt",
    "g": "M/d/yyyy h:mm tt",
    "G": "M/d/yyyy h:mm:ss tt",
    "m": "MMMM d",
    "M": "MMMM d",
    "y": "MMMM yyyy",
    "Y": "MMMM yyyy",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\\.|([yYMdDHhmsfFtzK])\1*|.", re.DOTALL)
#: Ticks of .NET, 100 ns each since the year 1, at the beginning of 1970.
_TICKS = 621_355_968_000_000_000
_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


def moment(value: Any) -> datetime:
    """Return a time from ISO 8601 text or seconds since 1970; without a zone it is UTC. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
    if not isinstance(value, str) or not 8 <= len(value.strip()) <= 40:
        raise ValueError("no date")
    text = re.sub(r"(\.\d{6})\d+", r"\1", value.strip())
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def formatted(value: Any, pattern: Any = ISO, locale: Any = "") -> str:
    """Return a time, as UTC, in a format string of .NET (custom or standard); names are English. Raises ValueError."""
    return written(moment(value).astimezone(UTC), pattern)


def written(at: datetime, pattern: Any) -> str:
    """Return a time in its own zone in a format string of .NET. Raises ValueError."""
    pattern = str(pattern or ISO)
    if len(pattern) > 200:
        raise ValueError("no format")
    return "".join(_piece(match, at) for match in _TOKEN.finditer(_STANDARD.get(pattern, pattern)))


def _piece(match: re.Match[str], at: datetime) -> str:
    token = match[0]
    if match[1] is None:
        return token[1:-1] if token[0] in "'\"" and len(token) > 1 else token.removeprefix("\\")
    return _LETTERS[match[1]](at, len(token))


def _padded(number: int, width: int) -> str:
    return f"{number:0{min(width, 2)}d}"


def _year(at: datetime, width: int) -> str:
    return f"{at.year % 100:02d}" if width <= 2 else f"{at.year:04d}"


def _month(at: datetime, width: int) -> str:
    name = _MONTHS[at.month - 1]
    return name if width > 3 else name[:3] if width == 3 else _padded(at.month, width)


def _day(at: datetime, width: int) -> str:
    name = _DAYS[at.weekday()]
    return name if width > 3 else name[:3] if width == 3 else _padded(at.day, width)


def _zone(at: datetime, width: int) -> str:
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"{sign}{hours:02d}:{rest:02d}" if width > 2 else f"{sign}{_padded(hours, width)}"


_LETTERS: dict[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "Y": _year,
    "M": _month,
    "d": _day,
    "D": lambda at, width: _padded(at.day, width),
    "H": lambda at, width: _padded(at.hour, width),
    "h": lambda at, width: _padded(at.hour % 12 or 12, width),
    "m": lambda at, width: _padded(at.minute, width),
    "s": lambda at, width: _padded(at.second, width),
    "f": lambda at, width: f"{at.microsecond:06d}0"[: min(width, 7)],
    "F": lambda at, width: f"{at.microsecond:06d}0"[: min(width, 7)].rstrip("0"),
    "t": lambda at, width: ("AM", "PM")[at.hour >= 12][: min(width, 2)],
    "z": _zone,
    "K": lambda at, width: "Z" if not at.utcoffset() else _zone(at, 3),
}


def _added(unit: str, value: Any, count: Any, pattern: Any = ISO, locale: Any = "") -> str:
    return formatted((moment(value) + _UNITS[unit] * _whole(count)).isoformat(), pattern)


def _moved(sign: int, value: Any, count: Any, unit: Any, pattern: Any = ISO, locale: Any = "") -> str:
    return _added(str(unit).lower().removesuffix("s"), value, sign * _whole(count), pattern)


def _whole(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int | float) or abs(count) > 10**7:
        raise ValueError("no count")
    return int(count)


def _is_date(value: Any) -> bool:
    try:
        moment(value)
    except (ValueError, OverflowError):
        return False
    return isinstance(value, str)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "formatDateTime": formatted,
    "formatEpoch": lambda value, pattern=ISO, locale="": formatted(float(value), pattern),
    "formatTicks": lambda value, pattern=ISO, locale="": formatted((float(value) - _TICKS) / 10_000_000, pattern),
    "addDays": lambda *args: _added("day", *args),
    "addHours": lambda *args: _added("hour", *args),
    "addMinutes": lambda *args: _added("minute", *args),
    "addSeconds": lambda *args: _added("second", *args),
    "addToTime": lambda *args: _moved(1, *args),
    "subtractFromTime": lambda *args: _moved(-1, *args),
    "dayOfMonth": lambda value: moment(value).day,
    "dayOfWeek": lambda value: moment(value).isoweekday() % 7,
    "dayOfYear": lambda value: moment(value).timetuple().tm_yday,
    "month": lambda value: moment(value).month,
    "year": lambda value: moment(value).year,
    "date": lambda value: formatted(value, "M/dd/yyyy"),
    "isDate": _is_date,
    "isDateTime": _is_date,
}
