"""Values of cells: from XML to Python, from what somebody typed to XML, and to words for a reader."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from copilot.errors import ToolInputError

ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!")
MAX_TEXT = 32_767
#: Dates before it are texts to Excel.
_FIRST_YEAR = 1900

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?\Z|-?\.\d+\Z")
_GROUPED = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?\Z")
_PERCENT = re.compile(r"(-?\d+(?:\.\d+)?)\s?%\Z")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?Z?\Z")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\Z")


class CellError(str):
    """An error value such as "#DIV/0!"."""

    __slots__ = ()


class Percent(float):
    """A number that was typed with a percent sign: 0.125 for "12.5%"."""

    __slots__ = ()


Scalar: TypeAlias = bool | int | float | str | datetime | date | time | timedelta | None


def number(text: str) -> int | float:
    """Return the number that a `v` element holds."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
        return int(value) if value.is_integer() and abs(value) < 1e15 else value


def from_serial(serial: float, kind: str, *, date1904: bool) -> Scalar:
    """Return the date, time or duration of a serial number (ECMA-376 part 1, 18.17.4); the number if it has none.

    In the 1900 system day 60 is the 29th of February 1900, which never was: days before it are one off.
    """
    if kind == "duration":
        return timedelta(seconds=round(serial * 86_400))
    if kind == "time" and 0 <= serial < 1:
        seconds = round(serial * 86_400)
        return time(seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    if serial < 0 or serial >= 2_958_466:
        return serial
    epoch = datetime(1904, 1, 1) if date1904 else datetime(1899, 12, 31 if serial < 60 else 30)
    moment = epoch + timedelta(days=int(serial), milliseconds=round((serial % 1) * 86_400_000))
    if moment.microsecond and moment.microsecond > 999_000:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return moment.date() if kind == "date" and moment.time() == time() else moment


def to_serial(value: datetime | date | time | timedelta, *, date1904: bool) -> int | float:
    """Return the serial number of a date, time or duration; raises ToolInputError for one before the epoch."""
    if isinstance(value, timedelta):
        return _clean(value / timedelta(days=1))
    if isinstance(value, time):
        return _clean((value.hour * 3600 + value.minute * 60 + value.second) / 86_400)
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    moment = moment.replace(tzinfo=None)
    epoch = datetime(1904, 1, 1) if date1904 else datetime(1899, 12, 30)
    serial = (moment - epoch) / timedelta(days=1)
    if not date1904 and serial < 61:
        serial -= 1
    if serial < 0:
        raise ToolInputError(f"{value} is before the first day that Excel knows.", code="value")
    return _clean(serial)


def _clean(value: float) -> int | float:
    return int(value) if value == int(value) else float(f"{value:.15g}")  # the digits that Excel keeps


def typed(value: object, *, text: bool = False) -> Scalar:
    """Return what Excel would take `value` for if it were typed into a cell; `text` keeps a string as it is.

    Plain and grouped numbers, "12.5%", TRUE and FALSE, ISO dates and times get their type. Everything else stays
    text: leading zeros ("007"), signs ("+49 30"), more than 15 digits. A leading apostrophe forces text.
    Raises ToolInputError for what a cell can't hold.
    """
    if isinstance(value, bool) or value is None or isinstance(value, (datetime, date, time, timedelta)):
        return value
    if isinstance(value, (int, float)):
        return _number_that_fits(value)
    if not isinstance(value, str):
        raise ToolInputError(f"A cell can't hold {value!r}.", hint="Give a number, a text or a date.", code="value")
    if len(value) > MAX_TEXT:
        raise ToolInputError(f"A cell holds at most {MAX_TEXT:,} characters, not {len(value):,}.", code="value")
    if text:
        return value
    return value[1:] if value.startswith("'") else _typed_text(value)


def _number_that_fits(value: int | float) -> Scalar:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise ToolInputError(f"A cell can't hold {value}.", hint="Give a finite number.", code="value")
    if isinstance(value, int) and abs(value) >= 10**15:
        if float(value) != value or abs(value) >= 10**300:
            return str(value)  # Excel keeps 15 digits: as a number the rest would be lost
        return value
    return value


def _typed_text(value: str) -> Scalar:
    bare = value.strip()
    digits = sum(c.isdigit() for c in bare)
    if bare in ("TRUE", "FALSE"):
        return bare == "TRUE"
    if digits <= 15 and (_NUMBER.match(bare) or _GROUPED.match(bare)):
        result = float(bare.replace(",", ""))
        return int(bare.replace(",", "")) if bare.replace(",", "").lstrip("-").isdigit() else result
    if match := _PERCENT.match(bare):
        return Percent(round(float(match[1]) / 100, 12))
    if bare.upper() in ERRORS:
        return CellError(bare.upper())
    return _typed_moment(bare, value)


def _typed_moment(bare: str, value: str) -> Scalar:
    try:
        if match := _DATE.match(bare):
            parts = [int(p) for p in match.groups() if p is not None]
            if parts[0] < _FIRST_YEAR:
                return value
            return datetime(*parts) if len(parts) > 3 else date(*parts)  # type: ignore[arg-type]
        if match := _TIME.match(bare):
            return time(int(match[1]), int(match[2]), int(match[3] or 0))
    except ValueError:
        return value  # "2026-02-30" looks like a date and is none: it stays the text that it is
    return value


def show(value: Scalar, *, kind: str = "general", decimals: int | None = None) -> str:
    """Return a value in words: ISO dates, percents with their sign, numbers without noise."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes" if not value.second else "seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, (int, float)):
        if isinstance(value, Percent) or kind == "percent":
            return f"{show_number(round(float(value) * 100, 10 if decimals is None else max(decimals, 2)))}%"
        return show_number(value, decimals)
    return value


def show_number(value: int | float, decimals: int | None = None) -> str:
    """Return a number as Excel's General format would: at most 15 digits, no trailing zeros."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.15g}"
    if "e" in text or "inf" in text or "nan" in text:
        return text.upper() if "e" in text else text
    if decimals is not None and len(text.partition(".")[2]) > 6:
        return f"{value:.{max(decimals, 2)}f}".rstrip("0").rstrip(".") or "0"
    return text
