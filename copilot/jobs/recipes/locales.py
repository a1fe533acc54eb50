"""How numbers and dates are written where: the facts that the filters need, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Locale:
    """How a language writes numbers and dates.

    `decimal` and `group` are the marks in numbers; `order` is the order of day, month and year in digits; `before` says
    that a currency's sign stands before the amount.
    """

    decimal: str = "."
    group: str = ","
    order: str = "dmy"
    before: bool = True
    date: str = "%d/%m/%Y"


_EUROPEAN = Locale(",", ".", "dmy", False, "%d.%m.%Y")
_SLASHED = Locale(",", ".", "dmy", False, "%d/%m/%Y")
_SPACED = Locale(",", "\u00a0", "dmy", False, "%d/%m/%Y")
LOCALES: dict[str, Locale] = {
    "en": Locale(order="mdy", date="%m/%d/%Y"),
    "en-us": Locale(order="mdy", date="%m/%d/%Y"),
    "en-gb": Locale(),
    "en-ie": Locale(),
    "en-in": Locale(),
    "de": _EUROPEAN,
    "de-at": _EUROPEAN,
    "de-ch": Locale(".", "’", "dmy", True, "%d.%m.%Y"),
    "fr": _SPACED,
    "fr-ch": Locale(",", "\u00a0", "dmy", False, "%d.%m.%Y"),
    "es": _SLASHED,
    "it": _SLASHED,
    "pt": _SLASHED,
    "pt-br": Locale(",", ".", "dmy", True, "%d/%m/%Y"),
    "nl": Locale(",", ".", "dmy", True, "%d-%m-%Y"),
    "da": _EUROPEAN,
    "sv": Locale(",", "\u00a0", "ymd", False, "%Y-%m-%d"),
    "nb": Locale(",", "\u00a0", "dmy", False, "%d.%m.%Y"),
    "fi": Locale(",", "\u00a0", "dmy", False, "%d.%m.%Y"),
    "pl": Locale(",", "\u00a0", "dmy", False, "%d.%m.%Y"),
    "cs": Locale(",", "\u00a0", "dmy", False, "%d.%m.%Y"),
}

#: Signs and letters of currencies that stand beside amounts, and the code of each (ISO 4217).
SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "kr": "SEK", "Kč": "CZK", "R$": "BRL"}
#: Currencies that are written with their sign; the others are written with their code.
WRITTEN = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}
#: Digits after the decimal mark, where it is not two (ISO 4217, minor unit).
MINOR = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "TND": 3}

#: The first letters of the months, without accents, that tell them apart: January first.
MONTHS: tuple[tuple[str, ...], ...] = (
    ("jan", "ene", "gen", "sty", "led"),
    ("feb", "fev", "lut", "unor"),
    ("mar", "mae", "maa", "brez"),
    ("apr", "avr", "abr", "kwi", "dub"),
    ("may", "mai", "mag", "mei", "maj", "kve"),
    ("jun", "juin", "giu", "cze", "cerven"),
    ("jul", "juil", "lug", "lip"),
    ("aug", "aou", "ago", "sie", "srp"),
    ("sep", "set", "wrz", "zari"),
    ("oct", "okt", "out", "ott", "paz", "rij"),
    ("nov", "lis"),
    ("dec", "dez", "dic", "des", "dic", "gru", "pros"),
)
