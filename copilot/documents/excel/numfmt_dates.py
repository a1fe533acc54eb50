"""The dates and times of a number format (18.8.31), on serial numbers of both date systems (18.17.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

Token = tuple[str, str]

_LAST_DAY = 2_958_465  # 9999-12-31
_1904 = 1462  # days between the two systems
_LEAP = 60  # 1900-02-29, which never was, is a day of the 1900 system

_NAMES: dict[int, tuple[str, str]] = {
    0x09: (
        "January February March April May June July August September October November December",
        "Sunday Monday Tuesday Wednesday Thursday Friday Saturday",
    ),
    0x07: (
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag",
    ),
    0x0C: (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "dimanche lundi mardi mercredi jeudi vendredi samedi",
    ),
    0x0A: (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "domingo lunes martes miércoles jueves viernes sábado",
    ),
    0x10: (
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "domenica lunedì martedì mercoledì giovedì venerdì sabato",
    ),
    0x13: (
        "januari februari maart april mei juni juli augustus september oktober november december",
        "zondag maandag dinsdag woensdag donderdag vrijdag zaterdag",
    ),
    0x16: (
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado",
    ),
}
#: Letters of a weekday's short name where it is not three.
_SHORT_DAY = {0x07: 2, 0x13: 2}
#: Short names of months that are not their first three letters.
_SHORT_MONTH: dict[int, dict[int, str]] = {
    0x07: {3: "Mrz"},
    0x0C: {1: "janv.", 2: "févr.", 3: "mars", 4: "avr.", 6: "juin", 7: "juil.", 8: "août", 9: "sept.", 10: "oct.",
           11: "nov.", 12: "déc."},
    0x13: {3: "mrt"},
}  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """A serial number as a calendar and a clock show it; `seconds` are those of the day, `total` all of them."""

    year: int
    month: int
    day: int
    weekday: int
    seconds: Decimal
    total: Decimal

    @classmethod
    def of(cls, serial: float, tokens: Sequence[Token], *, date1904: bool) -> Moment | None:
        """Return the moment of a serial number, rounded to what `tokens` show; None for one that Excel can't show."""
        total = Decimal(f"{serial:.15g}") * 86_400
        total = total.quantize(Decimal(1).scaleb(-_places(tokens)), ROUND_HALF_UP)
        elapsed = any(kind == "elapsed" for kind, _ in tokens)
        if total < 0 and not (elapsed and date1904):
            return None
        days = int(total // 86_400) + (_1904 if date1904 else 0)
        if not 0 <= days <= _LAST_DAY:
            return None
        year, month, day = _calendar(days)
        return cls(year, month, day, (days - 1) % 7, total % 86_400, total)


def _places(tokens: Sequence[Token]) -> int:
    """Return to how many decimals of a second a moment is rounded: what is shown of them, a thousandth without any."""
    if not any(text[0] == "s" for kind, text in tokens if kind in ("moment", "elapsed")):
        return 3
    return sum(kind == "digit" for kind, _ in tokens)


def _calendar(days: int) -> tuple[int, int, int]:
    if days == 0:
        return 1900, 1, 0
    if days == _LEAP:
        return 1900, 2, 29
    found = date(1899, 12, 31 if days < _LEAP else 30) + timedelta(days=days)
    return found.year, found.month, found.day


def show_moment(tokens: Sequence[Token], moment: Moment | None, locale: int = 0) -> str:
    """Return a moment in the tokens of a section, "" for None."""
    if moment is None:
        return ""
    half = any(kind == "half" for kind, _ in tokens)
    made = []
    for index, (kind, text) in enumerate(tokens):
        if kind == "elapsed":
            made.append(_elapsed(text, moment))
        elif kind == "half":
            made.append(_half(text, moment))
        elif kind == "moment":
            made.append(_piece(text, moment, locale & 0xFF, half=half, minutes=_is_minutes(tokens, index)))
        elif kind == "digit":
            made.append(_decimal(tokens, index, moment))
        elif kind in ("literal", "point"):
            made.append(text)
    return "".join(made)


def _is_minutes(tokens: Sequence[Token], index: int) -> bool:
    """Return whether an m means minutes: it follows hours, or seconds follow it."""
    if tokens[index][1][0] != "m":
        return False
    before = next((t[0] for k, t in reversed(tokens[:index]) if k in ("moment", "elapsed")), "")
    after = next((t[0] for k, t in tokens[index + 1 :] if k in ("moment", "elapsed")), "")
    return len(tokens[index][1]) < 3 and (before == "h" or after == "s")


def _elapsed(text: str, moment: Moment) -> str:
    unit = {"h": 3600, "m": 60, "s": 1}[text[0]]
    sign = "-" if moment.total < 0 else ""
    return sign + str(int(abs(moment.total) // unit)).zfill(len(text))


def _half(text: str, moment: Moment) -> str:
    late = moment.seconds >= 43_200
    full = ("AM", "PM")[late]
    return full if len(text) > 3 else (text[2] if late else text[0])


def _decimal(tokens: Sequence[Token], index: int, moment: Moment) -> str:
    """Return the digit of a second's decimals that a 0 behind the point stands for."""
    place = sum(kind == "digit" for kind, _ in tokens[: index + 1])
    return str(int(moment.seconds.scaleb(place) % 10))


def _piece(text: str, moment: Moment, language: int, *, half: bool, minutes: bool) -> str:
    letter, size = text[0], len(text)
    if letter in "hs" or minutes:
        hours = int(moment.seconds // 3600)
        number = {"h": (hours - 1) % 12 + 1 if half else hours, "m": int(moment.seconds // 60 % 60)}
        return str(number.get(letter, int(moment.seconds % 60))).zfill(min(size, 2))
    if letter in "ye":
        return str(moment.year % 100).zfill(2) if letter == "y" and size < 3 else str(moment.year)
    if letter == "b":
        return str((moment.year + 543) % 100 if size < 3 else moment.year + 543)
    if letter == "m":
        return _month(size, moment.month, language)
    return _day(size, moment, language) if letter == "d" else ""


def _names(language: int, index: int) -> list[str]:
    return _NAMES.get(language, _NAMES[0x09])[index].split()


def _month(size: int, month: int, language: int) -> str:
    if size < 3:
        return str(month).zfill(size)
    name = _names(language, 0)[month - 1]
    if size == 3:
        return _SHORT_MONTH.get(language, {}).get(month, name[:3])
    return name[0].upper() if size == 5 else name


def _day(size: int, moment: Moment, language: int) -> str:
    if size < 3:
        return str(moment.day).zfill(size)
    name = _names(language, 1)[moment.weekday]
    return name[: _SHORT_DAY.get(language, 3)] if size == 3 else name
