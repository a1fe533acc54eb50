"""Lengths as people write them: "2.5cm", "1in", "72pt", "50%"; a bare number is in centimetres."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from copilot.errors import ToolInputError

#: A length as an operation gives it.
Length = Annotated[float | str, Field(union_mode="left_to_right")]

#: Twentieths of a point in a unit.
_UNITS = {"": 1440 / 2.54, "cm": 1440 / 2.54, "mm": 144 / 2.54, "in": 1440.0, '"': 1440.0, "pt": 20.0}
_LENGTH = re.compile(r'\s*(-?\d+(?:[.,]\d+)?)\s*(cm|mm|in|"|pt|%|)\s*', re.IGNORECASE)
#: English Metric Units in a twentieth of a point (ECMA-376 part 1, 20.1.10.16).
EMU = 635
#: The largest length that Word takes: 22 inches.
LARGEST = 31_680


def twips(given: float | str, argument: str, *, whole: int | None = None, least: int = 1) -> int:
    """Return a length in twentieths of a point; a percentage is one of `whole`.

    Raises ToolInputError "length" for what is none, less than `least` or more than 22 inches.
    """
    found = _LENGTH.fullmatch(str(given))
    if found is None or (found[2] == "%" and whole is None):
        units = 'a number of centimetres, "2.5cm", "1in" or "72pt"' + ("" if whole is None else ' or "50%"')
        raise ToolInputError(f"{argument} is {given!r}, which is no length.", hint=f"Give {units}.", code="length")
    number = float(found[1].replace(",", "."))
    length = round(number * (whole or 0) / 100) if found[2] == "%" else round(number * _UNITS[found[2].lower()])
    if not least <= length <= LARGEST:
        raise ToolInputError(f"{argument} is {given!r}, which no page has room for.", code="length")
    return length


def shown(length: int) -> str:
    """Return a length in twentieths of a point for people, in centimetres."""
    return f"{length / 1440 * 2.54:.2f}".rstrip("0").rstrip(".") + " cm"
