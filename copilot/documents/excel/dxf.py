"""Differential formats (18.8.14): what a rule changes about how a cell looks."""

from __future__ import annotations

from collections.abc import Mapping

from copilot.documents.excel.colors import color_attributes
from copilot.documents.excel.number_formats import BUILTIN, builtin_id, checked_code
from copilot.documents.excel.stylesheet import StyleSheet, element
from copilot.errors import ToolInputError

Look = Mapping[str, str | bool]

#: What Excel offers first: light red fill with dark red text.
DEFAULT: Look = {"color": "#9C0006", "fill": "#FFC7CE"}
KEYS = ("bold", "italic", "underline", "strike", "color", "fill", "number_format", "border")
_BORDERS = ("thin", "hair", "dotted", "dashed", "dashDot", "dashDotDot", "none")  # Excel offers no thick ones here


def dxf(prefix: bytes, look: Look, sheet: StyleSheet | None = None) -> bytes:
    """Return the `dxf` element of a look; `sheet` numbers a custom number format.

    Keys are bold, italic, underline, strike (true or false), color, fill, border ("thin" or "thin #FF0000") and
    number_format. Raises ToolInputError for another key or a wrong value.
    """
    for key in look:
        if key not in KEYS:
            raise ToolInputError.unknown("format", key, KEYS)
    inner = _font(prefix, look) + _number_format(prefix, look, sheet) + _fill(prefix, look) + _border(prefix, look)
    if not inner:
        hint = 'Such as {"bold": true, "fill": "yellow"}.'
        raise ToolInputError("The format changes nothing.", hint=hint, code="arguments")
    return element(prefix, "dxf", None, inner)


def _font(prefix: bytes, look: Look) -> bytes:
    made = b""
    for key, name in (("bold", "b"), ("italic", "i"), ("strike", "strike")):
        if key in look:
            made += element(prefix, name, None if _flag(look, key) else {"val": "0"})
    if "underline" in look:
        made += element(prefix, "u", None if _flag(look, "underline") else {"val": "none"})
    if "color" in look:
        made += element(prefix, "color", {**color_attributes(str(look["color"]))})
    return element(prefix, "font", None, made) if made else b""


def _flag(look: Look, key: str) -> bool:
    value = look[key]
    if not isinstance(value, bool):
        raise ToolInputError(f"{key} is true or false, not {value!r}.", code="arguments")
    return value


def _number_format(prefix: bytes, look: Look, sheet: StyleSheet | None) -> bytes:
    if "number_format" not in look:
        return b""
    wanted = str(look["number_format"])
    number = builtin_id(wanted)
    code = BUILTIN.get(number, "General") if number is not None else checked_code(wanted)
    if number is None:
        number = sheet.number_format(code) if sheet is not None else 164
    return element(prefix, "numFmt", {"numFmtId": str(number), "formatCode": code})


def _fill(prefix: bytes, look: Look) -> bytes:
    if "fill" not in look:
        return b""
    color = element(prefix, "bgColor", {**color_attributes(str(look["fill"]))})
    return element(prefix, "fill", None, element(prefix, "patternFill", None, color))


def _border(prefix: bytes, look: Look) -> bytes:
    if "border" not in look:
        return b""
    style, _, color = str(look["border"]).partition(" ")
    if style not in _BORDERS:
        raise ToolInputError.unknown("border", style, _BORDERS)
    drawn = element(prefix, "color", {**color_attributes(color or "black")})
    sides = ("left", "right", "top", "bottom")
    return element(prefix, "border", None, b"".join(element(prefix, side, {"style": style}, drawn) for side in sides))


def words(look: Look) -> str:
    """Return a look in words."""
    return ", ".join(
        key if value is True else f"no {key}" if value is False else f"{key} {value}" for key, value in look.items()
    )
