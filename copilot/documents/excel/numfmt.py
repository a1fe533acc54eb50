"""Number formats: the text that Excel shows for a value (ECMA-376 part 1, 18.8.30 and 18.8.31), as in English (US).

What depends on the width of the column is left out: `*x` fills nothing, `_x` is one space, and a number is never
shown as #### for lack of room; #### stands only where Excel has nothing else to show (a date before its first day).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache

from copilot.documents.excel.cells import Cell
from copilot.documents.excel.number_formats import BUILTIN as _ENGLISH
from copilot.documents.excel.numfmt_dates import Moment, show_moment
from copilot.documents.excel.numfmt_digits import decimal_of, show_general, show_plain, show_scientific
from copilot.documents.excel.styles import Styles
from copilot.documents.excel.values import CellError, Scalar, to_serial
from copilot.errors import ToolInputError

#: The codes of the built-in formats (18.8.30); those of East Asian dates as English (US) shows them.
BUILTIN: dict[int, str] = {
    **_ENGLISH,
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), "m/d/yyyy"),
    **dict.fromkeys(range(32, 36), "h:mm:ss"),
}
#: What Excel shows for a number that a format has no text for.
HASHES = "########"

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _(?P<space>.) | \*(?P<fill>.) | \[(?P<tag>[^\]]*)\]
    | (?P<general>general) | (?P<half>am/pm|a/p) | (?P<exponent>e[+-]) | (?P<moment>y+|m+|d+|h+|s+|e+|g+|b+)
    | (?P<digit>[0\#?]) | (?P<point>\.) | (?P<comma>,) | (?P<percent>%) | (?P<slash>/) | (?P<text>@) | (?P<other>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SECTIONS = re.compile(r'((?:"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]|[^;"\\_*\[]|[_*\\\[](?=;|\Z))*)(?:;|\Z)', re.DOTALL)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d*)?(?:E[+-]?\d+)?)\Z", re.IGNORECASE)
_LOCALE = re.compile(r"\$([^-]*)(?:-([0-9A-Fa-f]{1,8}))?.*\Z", re.DOTALL)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
#: Locale tags that stand for the system's long date and long time.
_SYSTEM = {0xF800: "dddd, mmmm d, yyyy", 0xF400: "h:mm:ss AM/PM"}

Token = tuple[str, str]


@dataclass(frozen=True)
class Section:
    """One section of a code: its tokens, what it applies to (None: not said), and the locale of its names."""

    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None = None
    locale: int = 0
    color: str = ""

    def has(self, *kinds: str) -> bool:
        """Return whether a token of one of these kinds is in it."""
        return any(kind in kinds for kind, _ in self.tokens)

    @property
    def moment(self) -> bool:
        """Whether it shows a date or a time."""
        return self.has("moment", "elapsed", "half")

    def holds(self, value: float) -> bool:
        """Return whether its condition, if it has one, is fulfilled."""
        return self.condition is None or _COMPARE[self.condition[0]](value, self.condition[1])

    @property
    def only_negative(self) -> bool:
        """Whether its condition lets only negative numbers in: they lose their sign."""
        if self.condition is None:
            return False
        sign, limit = self.condition
        return (sign == "<" and limit <= 0) or (sign in ("<=", "=") and limit < 0)


def display(value: Scalar, code: str, *, date1904: bool = False) -> str:
    """Return the text that Excel shows for a value in a cell with this format code.

    Dates and times may be given as such or as serial numbers. Truth values and errors are shown as they are, and so
    is everything whose code can't be read.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, CellError):
        return str(value)
    sections = parse(code)
    if isinstance(value, str):
        return _text(value, sections)
    try:
        number = to_serial(value, date1904=date1904) if isinstance(value, (date, time, timedelta)) else value
    except ToolInputError:
        return HASHES
    return _number(number, sections, date1904=date1904)


def display_cell(cell: Cell, styles: Styles, *, date1904: bool = False) -> str:
    """Return the text that Excel shows for a cell."""
    number = styles.number(cell.style)
    code = styles.code(cell.style) or BUILTIN.get(number, "General")
    return display(cell.value, code, date1904=date1904)


def color_of(value: float, code: str) -> str:
    """Return the colour that a code gives a number ("red", "color 10"), "" for none."""
    numeric, _ = _split(parse(code))
    chosen = _chosen(value, numeric)
    return chosen[0].color if chosen else ""


@lru_cache(maxsize=2048)
def parse(code: str) -> tuple[Section, ...]:
    """Return the sections of a code, at most four."""
    texts = [m[1] for m in _SECTIONS.finditer(code)]
    if len(texts) > 1 and not code.endswith(";"):
        texts = texts[:-1] if texts[-1] == "" else texts
    elif len(texts) > 1:
        texts = texts[: code.count(";") + 1]
    return tuple(_section(text) for text in texts[:4]) or (_section("General"),)


def _section(text: str) -> Section:
    tokens: list[Token] = []
    condition, locale, color = None, 0, ""
    for match in _TOKEN.finditer(text):
        kind, found = str(match.lastgroup), match[str(match.lastgroup)]
        if kind != "tag":
            tokens.append(_plain_token(kind, found))
        elif re.fullmatch(r"h+|m+|s+", found, re.IGNORECASE):
            tokens.append(("elapsed", found.lower()))
        elif wanted := _CONDITION.match(found):
            condition = wanted[1], float(wanted[2])
        elif tag := _LOCALE.match(found):
            tokens.append(("literal", tag[1]))
            locale = int(tag[2], 16) if tag[2] else locale
        elif re.fullmatch(r"black|blue|cyan|green|magenta|red|white|yellow|color\s*\d+", found, re.IGNORECASE):
            color = found.lower()
    if locale & 0xFFFF in _SYSTEM:
        return _section(_SYSTEM[locale & 0xFFFF])
    return Section(_settled(tokens), condition, locale & 0xFFFF, color)


def _plain_token(kind: str, found: str) -> Token:
    if kind in ("quoted", "escaped", "other"):
        return "literal", found
    return (kind, found.lower() if kind == "moment" else " " if kind == "space" else found)


def _settled(tokens: Iterable[Token]) -> tuple[Token, ...]:
    """Return tokens with what means nothing where it stands as literals: an exponent without digits, a lone slash."""
    found = [t for t in tokens if t != ("literal", "")]
    moment = any(kind in ("elapsed", "half") or (kind == "moment" and text[0] in "ymdhs") for kind, text in found)
    digits = any(kind == "digit" for kind, _ in found)
    settled: list[Token] = []
    for kind, text in found:
        if kind == "exponent" and not digits:
            settled += [("moment", "e"), ("literal", text[1])]
        elif kind == "space" or (moment and kind in ("slash", "comma", "percent")):
            settled.append(("literal", text))
        else:
            settled.append((kind, text))
    return tuple(settled)


# --- which section ----------------------------------------------------------------------------------------------


def _split(sections: Sequence[Section]) -> tuple[Sequence[Section], Section | None]:
    """Return the sections for numbers and the one for texts (None: texts are shown as they are)."""
    if len(sections) == 4:
        return sections[:3], sections[3]
    if sections[-1].has("text"):
        return sections[:-1], sections[-1]
    return sections, None


def _text(value: str, sections: Sequence[Section]) -> str:
    _, section = _split(sections)
    if section is None:
        return value
    return "".join(value if kind == "text" else text for kind, text in section.tokens if kind in ("text", "literal"))


def _chosen(value: float, sections: Sequence[Section]) -> tuple[Section, bool] | None:
    """Return the section for a number and whether its sign is dropped; None where none applies."""
    if not sections:
        return _section("General"), False
    if any(s.condition for s in sections[:2]):
        return _conditional(value, sections)
    if value < 0 and len(sections) > 1:
        return sections[1], True
    return (sections[2], False) if value == 0 and len(sections) > 2 else (sections[0], False)


def _conditional(value: float, sections: Sequence[Section]) -> tuple[Section, bool] | None:
    first = sections[0] if sections[0].condition else Section(sections[0].tokens, (">", 0.0), sections[0].locale)
    if first.holds(value):
        return first, first.only_negative
    if len(sections) == 1:
        return _section("General"), False
    second = sections[1]
    if second.condition is None and len(sections) > 2:
        second = Section(second.tokens, ("<", 0.0), second.locale)
    if second.holds(value):
        rest = first.condition in ((">", 0.0), (">=", 0.0)) and second.condition is None
        return second, value < 0 and (second.only_negative or rest)
    return (sections[2], False) if len(sections) > 2 else None


# --- numbers ----------------------------------------------------------------------------------------------------


def _number(value: float, sections: Sequence[Section], *, date1904: bool) -> str:
    numeric, _ = _split(sections)
    chosen = _chosen(value, numeric)
    if chosen is None:
        return HASHES
    section, unsigned = chosen
    if section.moment:
        return (
            show_moment(section.tokens, Moment.of(value, section.tokens, date1904=date1904), section.locale) or HASHES
        )
    sign = "-" if value < 0 and not unsigned else ""
    return sign + _magnitude(abs(value), section.tokens)


def _magnitude(value: float, tokens: tuple[Token, ...]) -> str:
    kinds = [kind for kind, _ in tokens]
    if "general" in kinds or "text" in kinds:
        shown = show_general(value)
        return "".join(shown if k in ("general", "text") else t for k, t in tokens if k != "fill")
    if "exponent" in kinds:
        return show_scientific(value, tokens)
    if "slash" in kinds and (at := _fraction_at(tokens)) is not None:
        return _fraction(value, tokens, at)
    return show_plain(decimal_of(value), tokens)


def _fraction_at(tokens: Sequence[Token]) -> int | None:
    """Return where the slash of a fraction stands: digits in front, digits or a number behind."""
    at = next(i for i, (kind, _) in enumerate(tokens) if kind == "slash")
    before = any(kind == "digit" for kind, _ in tokens[:at])
    after = any(kind == "digit" or (kind == "literal" and text.isdigit()) for kind, text in tokens[at + 1 :])
    return at if before and after else None


def _fraction(value: float, tokens: tuple[Token, ...], at: int) -> str:
    start = at
    while start and tokens[start - 1][0] == "digit":
        start -= 1
    end = at + 1
    while end < len(tokens) and (
        tokens[end][0] == "digit" or (tokens[end][0] == "literal" and tokens[end][1].isdigit())
    ):
        end += 1
    above, below = "".join(t for _, t in tokens[start:at]), "".join(t for _, t in tokens[at + 1 : end])
    percent = sum(kind == "percent" for kind, _ in tokens)
    exact = Fraction(decimal_of(value)) * 100**percent
    mixed = any(kind == "digit" for kind, _ in tokens[:start])
    whole, top, bottom = _nearest(exact, below, mixed=mixed)
    front = show_plain(Decimal(whole), _whole_shown(tokens[:start], whole, top)) if mixed else _literals(tokens[:start])
    shown = f"{_padded(str(top), above, left=True)}/{_padded(str(bottom), below, left=False)}"
    if mixed and top == 0:
        shown = " " * len(shown) if "0" not in above else shown
    return front + shown + _literals(tokens[end:])


def _whole_shown(tokens: tuple[Token, ...], whole: int, top: int) -> tuple[Token, ...]:
    """Return the tokens of the whole part; a zero without a fraction is shown all the same."""
    if whole or top:
        return tokens
    last = max(i for i, (kind, _) in enumerate(tokens) if kind == "digit")
    return (*tokens[:last], ("digit", "0"), *tokens[last + 1 :])


def _nearest(exact: Fraction, below: str, *, mixed: bool) -> tuple[int, int, int]:
    """Return the whole part, numerator and denominator nearest to a number: as many digits as the code has room for."""
    fixed = int(below) if below.isdigit() and int(below) else 0
    if fixed:
        top, bottom = int((exact * fixed + Fraction(1, 2)) // 1), fixed
    else:
        near = exact.limit_denominator(10 ** min(len(below), 7) - 1)
        top, bottom = near.numerator, near.denominator
    return (top // bottom, top % bottom, bottom) if mixed else (0, top, bottom)


def _padded(digits: str, code: str, *, left: bool) -> str:
    if code.isdigit() and int(code):
        return digits
    missing = [{"0": "0", "?": " "}.get(c, "") for c in code[: max(0, len(code) - len(digits))]]
    pad = "".join(missing)
    return pad + digits if left or "0" in code else digits + pad


def _literals(tokens: Iterable[Token]) -> str:
    return "".join("%" if kind == "percent" else text for kind, text in tokens if kind in ("literal", "percent"))


def rounded(value: float, code: str) -> Decimal:
    """Return a number rounded as its format shows it (the exact number for General, dates and fractions)."""
    numeric, _ = _split(parse(code))
    chosen = _chosen(value, numeric)
    number = decimal_of(value)
    if chosen is None or chosen[0].moment or chosen[0].has("general", "exponent", "slash", "text"):
        return number
    tokens = chosen[0].tokens
    kinds = [kind for kind, _ in tokens]
    places = kinds[kinds.index("point") :].count("digit") if "point" in kinds else 0
    return number.quantize(Decimal(1).scaleb(-places - 2 * kinds.count("percent")), ROUND_HALF_UP)
