"""The digits of a number format: placeholders, thousands, scaling, percent, exponents and General (18.8.31)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

Token = tuple[str, str]

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP, Emax=9999, Emin=-9999)
_BLANK = {"0": "0", "?": " ", "#": ""}


def decimal_of(value: float) -> Decimal:
    """Return a number as Excel holds it for showing: its 15 significant digits."""
    return Decimal(value) if isinstance(value, int) and abs(value) < 10**15 else Decimal(f"{value:.15g}")


def show_general(value: float) -> str:
    """Return a number in General: at most 11 characters besides its sign, else with an exponent."""
    sign, number = ("-" if value < 0 else ""), abs(decimal_of(value))
    if not number:
        return "0"
    power = number.adjusted()
    if -5 < power < 0:
        return sign + _fixed(_significant(number, 10 + power))
    if -10 < power < 11:
        exact = _fixed(_EXACT.quantize(number, Decimal("1E-12")))
        short = exact if len(exact) <= 11 else _fixed(_significant(number, 11 if power == 10 else 10))
        if len(short) <= 11:
            return sign + short
    mantissa = _significant(number, 6)
    power = mantissa.adjusted()
    return f"{sign}{_fixed(mantissa.scaleb(-power))}E{'-' if power < 0 else '+'}{abs(power):02}"


def _significant(number: Decimal, digits: int) -> Decimal:
    return _EXACT.quantize(number, Decimal(1).scaleb(number.adjusted() - digits + 1))


def _fixed(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def show_plain(number: Decimal, tokens: Sequence[Token]) -> str:
    """Return a number without its sign in placeholders; literals stay where they are."""
    tokens, grouped, thousands = _commas(tokens)
    percent = sum(kind == "percent" for kind, _ in tokens)
    number = _EXACT.scaleb(number, 2 * percent - 3 * thousands)
    point = next((i for i, (kind, _) in enumerate(tokens) if kind == "point"), len(tokens))
    places = sum(kind == "digit" for kind, _ in tokens[point:])
    digits = f"{_EXACT.quantize(number, Decimal(1).scaleb(-places)):f}"
    whole, _, part = digits.partition(".")
    front = _whole([t for k, t in tokens[:point] if k == "digit"], whole.lstrip("0"), grouped=grouped)
    back = _part([t for k, t in tokens[point:] if k == "digit"], part)
    if not front and point < len(tokens):
        front_text = whole.lstrip("0")
        return _filled(tokens[:point], []) + front_text + _filled(tokens[point:], back)
    return _filled(tokens[:point], front) + _filled(tokens[point:], back)


def _filled(tokens: Sequence[Token], digits: Sequence[str]) -> str:
    left = iter(digits)
    made = []
    for kind, text in tokens:
        if kind == "digit":
            made.append(next(left, ""))
        elif kind in ("literal", "point", "percent", "slash", "comma"):
            made.append(text)
    return "".join(made)


def _commas(tokens: Sequence[Token]) -> tuple[list[Token], bool, int]:
    """Return the tokens without commas that mean something: whether thousands are set apart, how often divided."""
    places = [i for i, (kind, _) in enumerate(tokens) if kind == "digit"]
    point = next((i for i, (kind, _) in enumerate(tokens) if kind == "point"), len(tokens))
    before = [i for i in places if i < point]
    kept: list[Token] = []
    grouped, thousands = False, 0
    for index, token in enumerate(tokens):
        if token[0] != "comma" or not places or index < places[0]:
            kept.append(token)
        elif before and before[0] < index < before[-1]:
            grouped = True
        elif all(kind == "comma" for kind, _ in tokens[_last(places, index) + 1 : index]):
            thousands += 1
        else:
            kept.append(("literal", ","))
    return kept, grouped, thousands


def _last(places: Sequence[int], index: int) -> int:
    return max(i for i in places if i < index)


def _whole(code: Sequence[str], digits: str, *, grouped: bool) -> list[str]:
    """Return what each placeholder of the whole part shows; the first one takes the digits that are too many."""
    if not code:
        return []
    made: list[str] = []
    room = len(code)
    padded = [*[""] * max(0, room - len(digits)), *digits]
    for index, digit in enumerate(padded):
        position = len(padded) - index - 1
        sign = code[max(0, index - (len(padded) - room))]
        shown = digit or _BLANK[sign]
        separator = ("," if shown.strip() else shown) if grouped and position and position % 3 == 0 else ""
        made.append(shown + separator)
    extra = len(made) - room
    return ["".join(made[: extra + 1]), *made[extra + 1 :]]


def _part(code: Sequence[str], digits: str) -> list[str]:
    """Return what each placeholder of the decimals shows: zeros at the end only where the code wants them."""
    significant = len(digits.rstrip("0"))
    return [
        digit if index < significant else _BLANK[sign]
        for index, (sign, digit) in enumerate(zip(code, digits.ljust(len(code), "0"), strict=False))
    ]


def show_scientific(value: float, tokens: Sequence[Token]) -> str:
    """Return a number without its sign with an exponent: a multiple of the number of places before the point."""
    at = next(i for i, (kind, _) in enumerate(tokens) if kind == "exponent")
    mantissa, behind = tokens[:at], tokens[at + 1 :]
    number = _EXACT.scaleb(decimal_of(value), 2 * sum(kind == "percent" for kind, _ in tokens))
    point = next((i for i, (kind, _) in enumerate(mantissa) if kind == "point"), len(mantissa))
    room = max(1, sum(kind == "digit" for kind, _ in mantissa[:point]))
    places = sum(kind == "digit" for kind, _ in mantissa[point:])
    power = number.adjusted() // room * room if number else 0
    scaled = _EXACT.quantize(_EXACT.scaleb(number, -power), Decimal(1).scaleb(-places))
    if scaled and scaled.adjusted() >= room:
        power += room
        scaled = _EXACT.quantize(_EXACT.scaleb(number, -power), Decimal(1).scaleb(-places))
    sign = "-" if power < 0 else "+" if tokens[at][1].endswith("+") else ""
    last = max((i for i, (kind, _) in enumerate(behind) if kind == "digit"), default=-1)
    exponent = _filled(
        behind, _whole([t for k, t in behind[: last + 1] if k == "digit"], str(abs(power)), grouped=False)
    )
    return f"{show_plain(scaled, [t for t in mantissa if t[0] != 'percent'])}{tokens[at][1][0].upper()}{sign}{exponent}"
