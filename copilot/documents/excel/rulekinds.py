"""Kinds of conditional formats (18.3.1.10, 18.18.12): each as the `cfRule` that the file holds for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from copilot.documents.excel import markup
from copilot.documents.excel.colors import color_attributes
from copilot.documents.excel.formulas import checked_formula
from copilot.documents.excel.stylesheet import element
from copilot.documents.excel.validation import OPERATORS
from copilot.documents.excel.values import typed
from copilot.errors import ToolInputError

RuleKind = Literal[
    "cell_is",
    "formula",
    "color_scale",
    "data_bar",
    "icon_set",
    "top",
    "bottom",
    "above_average",
    "below_average",
    "duplicates",
    "unique",
    "contains_text",
    "not_contains_text",
    "begins_with",
    "ends_with",
    "blank",
    "not_blank",
    "errors",
    "not_errors",
    "dates",
]
Period = Literal[
    "today",
    "yesterday",
    "tomorrow",
    "last_7_days",
    "this_week",
    "last_week",
    "next_week",
    "this_month",
    "last_month",
    "next_month",
]
#: Kinds that show colours, bars or icons instead of a format.
PICTURES = ("color_scale", "data_bar", "icon_set")

#: Rules on texts: type, operator and the formula that Excel writes beside them ({c} the first cell, {t} the text).
_TEXTS: dict[str, tuple[str, str, str]] = {
    "contains_text": ("containsText", "containsText", "NOT(ISERROR(SEARCH({t},{c})))"),
    "not_contains_text": ("notContainsText", "notContains", "ISERROR(SEARCH({t},{c}))"),
    "begins_with": ("beginsWith", "beginsWith", "LEFT({c},LEN({t}))={t}"),
    "ends_with": ("endsWith", "endsWith", "RIGHT({c},LEN({t}))={t}"),
}
#: Rules on what is there, with their formula.
_STATES: dict[str, tuple[str, str]] = {
    "blank": ("containsBlanks", "LEN(TRIM({c}))=0"),
    "not_blank": ("notContainsBlanks", "LEN(TRIM({c}))>0"),
    "errors": ("containsErrors", "ISERROR({c})"),
    "not_errors": ("notContainsErrors", "NOT(ISERROR({c}))"),
}
#: Periods (18.18.82) with their formula.
_PERIODS: dict[str, tuple[str, str]] = {
    "today": ("today", "FLOOR({c},1)=TODAY()"),
    "yesterday": ("yesterday", "FLOOR({c},1)=TODAY()-1"),
    "tomorrow": ("tomorrow", "FLOOR({c},1)=TODAY()+1"),
    "last_7_days": ("last7Days", "AND(TODAY()-FLOOR({c},1)<=6,FLOOR({c},1)<=TODAY())"),
    "this_week": (
        "thisWeek",
        "AND(TODAY()-ROUNDDOWN({c},0)<=WEEKDAY(TODAY())-1,ROUNDDOWN({c},0)-TODAY()<=7-WEEKDAY(TODAY()))",
    ),
    "last_week": (
        "lastWeek",
        "AND(TODAY()-ROUNDDOWN({c},0)>=(WEEKDAY(TODAY())),TODAY()-ROUNDDOWN({c},0)<(WEEKDAY(TODAY())+7))",
    ),
    "next_week": (
        "nextWeek",
        "AND(ROUNDDOWN({c},0)-TODAY()>(7-WEEKDAY(TODAY())),ROUNDDOWN({c},0)-TODAY()<(15-WEEKDAY(TODAY())))",
    ),
    "this_month": ("thisMonth", "AND(MONTH({c})=MONTH(TODAY()),YEAR({c})=YEAR(TODAY()))"),
    "last_month": ("lastMonth", "AND(MONTH({c})=MONTH(EDATE(TODAY(),0-1)),YEAR({c})=YEAR(EDATE(TODAY(),0-1)))"),
    "next_month": ("nextMonth", "AND(MONTH({c})=MONTH(EDATE(TODAY(),0+1)),YEAR({c})=YEAR(EDATE(TODAY(),0+1)))"),
}
#: Icon sets (18.18.42); the last three came with Excel 2010 ([MS-XLSX] 2.6.78) and live in the extension.
ICONS_2010 = ("3Stars", "3Triangles", "5Boxes")
ICONS = (
    "3Arrows",
    "3ArrowsGray",
    "3Flags",
    "3TrafficLights1",
    "3TrafficLights2",
    "3Signs",
    "3Symbols",
    "3Symbols2",
    "4Arrows",
    "4ArrowsGray",
    "4RedToBlack",
    "4Rating",
    "4TrafficLights",
    "5Arrows",
    "5ArrowsGray",
    "5Rating",
    "5Quarters",
    *ICONS_2010,
)
_STEPS = {3: ("0%", "33%", "67%"), 4: ("0%", "25%", "50%", "75%"), 5: ("0%", "20%", "40%", "60%", "80%")}
_SCALES = {2: ["#F8696B", "#63BE7B"], 3: ["#F8696B", "#FFEB84", "#63BE7B"]}


def operand(value: str | int | float | bool, *, date1904: bool) -> str:
    """Return a value to compare with as a formula: numbers and dates as numbers, "=B2" without its sign, else text."""
    from copilot.documents.excel.validation import bound

    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str) and (value.startswith("=") or not isinstance(typed(value), str)):
        return bound(value, "date", date1904=date1904)
    return quoted(value) if isinstance(value, str) else bound(value, "decimal", date1904=date1904)


def quoted(text: str) -> str:
    """Return a text as a formula writes it."""
    return '"' + text.replace('"', '""') + '"'


def formulas_of(prefix: bytes, texts: Sequence[str]) -> bytes:
    """Return `formula` elements."""
    return b"".join(element(prefix, "formula", None, markup.escape(text).encode()) for text in texts)


def compared(operator: str, values: Sequence[str | int | float | bool], *, date1904: bool) -> tuple[str, list[str]]:
    """Return the operator (18.18.15) and formulas of a cell_is rule; raises ToolInputError for too few values."""
    wanted = 2 if operator in ("between", "not_between") else 1
    if len(values) != wanted:
        message = f"{operator} needs {wanted} value{'s' if wanted > 1 else ''}, and {len(values)} are given."
        raise ToolInputError(message, hint='Such as 100, "open", "2026-03-01" or "=B2".', code="arguments")
    return OPERATORS[operator], [operand(value, date1904=date1904) for value in values]


def expression(formula: str) -> str:
    """Return the formula of a formula rule as the file stores it."""
    if not formula:
        hint = 'As it reads in the first cell, such as "=$C2>100".'
        raise ToolInputError("A formula rule needs a formula.", hint=hint, code="arguments")
    return checked_formula(formula if formula.startswith("=") else f"={formula}")[1:]


def text_rule(kind: str, text: str, cell: str) -> tuple[dict[str, str | None], list[str]]:
    """Return the attributes and formulas of a rule on texts."""
    if not text:
        raise ToolInputError(f"{kind} needs a text.", hint='Such as text: "late".', code="arguments")
    name, operator, formula = _TEXTS[kind]
    given = formula.format(c=cell, t=quoted(text))
    return {"type": name, "operator": operator, "text": markup.encode_xstring(text)}, [given]


def state_rule(kind: str, period: str, cell: str) -> tuple[dict[str, str | None], list[str]] | None:
    """Return the attributes and formulas of a rule on blanks, errors or dates; None for another kind."""
    if kind == "dates":
        name, formula = _PERIODS[period]
        return {"type": "timePeriod", "timePeriod": name}, [formula.format(c=cell)]
    if kind not in _STATES:
        return None
    name, formula = _STATES[kind]
    return {"type": name}, [formula.format(c=cell)]


def set_rule(kind: str, rank: int, *, percent: bool) -> dict[str, str | None]:
    """Return the attributes of a rule that looks at all cells of the range together."""
    top: dict[str, str | None] = {"type": "top10", "percent": "1" if percent else None, "rank": str(rank)}
    known: dict[str, dict[str, str | None]] = {
        "top": top,
        "bottom": {**top, "bottom": "1"},
        "above_average": {"type": "aboveAverage"},
        "below_average": {"type": "aboveAverage", "aboveAverage": "0"},
        "duplicates": {"type": "duplicateValues"},
        "unique": {"type": "uniqueValues"},
    }
    return known[kind]


def threshold(prefix: bytes, bound: str | int | float, *, extended: bool = False, automatic: str = "") -> bytes:
    """Return a `cfvo` (18.3.1.11): min, max, a number, "50%", "p90" (percentile), "=B2"; `automatic` for "auto".

    In the extension its value is an `xm:f` element.
    """
    kind, value = _threshold(bound, automatic)
    if not extended:
        return element(prefix, "cfvo", {"type": kind, "val": value})
    inner = f"<xm:f>{markup.escape(value)}</xm:f>".encode() if value is not None else b""
    return element(b"x14:", "cfvo", {"type": kind}, inner)


def _threshold(bound: str | int | float, automatic: str) -> tuple[str, str | None]:
    text = str(bound).strip()
    if text.casefold() in ("min", "max"):
        return text.casefold(), None
    if text.casefold() == "auto" and automatic:
        return automatic, None
    if text.startswith("="):
        return "formula", checked_formula(text)[1:]
    match = re.fullmatch(r"(p?)(-?\d+(?:\.\d+)?)(%?)", text)
    if match is None or (match[1] and match[3]):
        hint = 'It is min, max, a number, "50%", "p90" for a percentile, or a formula such as "=$B$2".'
        raise ToolInputError(f"{bound!r} is no threshold.", hint=hint, code="value")
    return ("percentile" if match[1] else "percent" if match[3] else "num"), match[2]


def color_scale(prefix: bytes, colors: Sequence[str], bounds: Sequence[str | int | float]) -> bytes:
    """Return a `colorScale` (18.3.1.16) of two or three colours."""
    colors = list(colors) or _SCALES[3 if len(bounds) != 2 else 2]
    if len(colors) not in _SCALES or (bounds and len(bounds) != len(colors)):
        hint = "Give as many bounds as colours, the lowest first."
        raise ToolInputError("A colour scale has two or three colours.", hint=hint, code="arguments")
    steps = list(bounds) or (["min", "max"] if len(colors) == 2 else ["min", "p50", "max"])
    made = b"".join(threshold(prefix, step) for step in steps)
    made += b"".join(element(prefix, "color", {**color_attributes(color)}) for color in colors)
    return element(prefix, "colorScale", None, made)


def icon_set(
    prefix: bytes, icons: str, bounds: Sequence[str | int | float], *, reverse: bool, show_value: bool
) -> bytes:
    """Return an `iconSet` (18.3.1.49), of the extension for the sets of Excel 2010."""
    known = next((name for name in ICONS if name.casefold() == icons.replace(" ", "").casefold()), None)
    if known is None:
        raise ToolInputError.unknown("icon set", icons, ICONS)
    count = int(known[0])
    steps = list(bounds) or list(_STEPS[count])
    if len(steps) == count - 1:
        steps = ["0%", *steps]  # the lowest icon has no bound of its own
    if len(steps) != count:
        message = f"{known} has {count} icons, and {len(bounds)} bounds are given."
        raise ToolInputError(
            message, hint=f"Give {count - 1}: where each icon but the lowest begins.", code="arguments"
        )
    extended = known in ICONS_2010
    attributes = {
        "iconSet": known,
        "showValue": None if show_value else "0",
        "reverse": "1" if reverse else None,
    }
    inner = b"".join(threshold(prefix, step, extended=extended) for step in steps)
    return element(b"x14:" if extended else prefix, "iconSet", attributes, inner)


def data_bar(prefix: bytes, color: str, bounds: Sequence[str | int | float], *, show_value: bool) -> bytes:
    """Return a `dataBar` (18.3.1.28) for readers that don't know the extension."""
    low, high = _bar_bounds(bounds)
    steps = [threshold(prefix, "min" if low == "auto" else low), threshold(prefix, "max" if high == "auto" else high)]
    inner = b"".join(steps) + element(prefix, "color", {**color_attributes(color)})
    return element(prefix, "dataBar", {"showValue": None if show_value else "0"}, inner)


def data_bar_2010(
    color: str, bounds: Sequence[str | int | float], *, gradient: bool, negative: str, show_value: bool
) -> bytes:
    """Return an `x14:dataBar` ([MS-XLSX] 2.6.21): with an axis for negative values and a solid fill if asked for."""
    low, high = _bar_bounds(bounds)
    steps = threshold(b"", low, extended=True, automatic="autoMin") + threshold(
        b"", high, extended=True, automatic="autoMax"
    )
    colors = element(b"x14:", "borderColor", {**color_attributes(color)}) if gradient else b""
    colors += element(b"x14:", "negativeFillColor", {**color_attributes(negative)})
    colors += element(b"x14:", "negativeBorderColor", {**color_attributes(negative)}) if gradient else b""
    colors += element(b"x14:", "axisColor", {**color_attributes("#000000")})
    attributes = {
        "minLength": "0",
        "maxLength": "100",
        "border": "1" if gradient else None,
        "gradient": None if gradient else "0",
        "negativeBarBorderColorSameAsPositive": "0" if gradient else None,
        "showValue": None if show_value else "0",
    }
    return element(b"x14:", "dataBar", attributes, steps + colors)


def _bar_bounds(bounds: Sequence[str | int | float]) -> tuple[str | int | float, str | int | float]:
    if len(bounds) not in (0, 2):
        hint = 'Such as [0, 100] or ["min", "p90"].'
        raise ToolInputError(
            "A data bar has two bounds: where it is shortest and longest.", hint=hint, code="arguments"
        )
    return (bounds[0], bounds[1]) if bounds else ("auto", "auto")
