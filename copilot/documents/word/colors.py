"""Colours of text, fills and lines as WordprocessingML writes them (ECMA-376 part 1, 17.18.38)."""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator

from copilot.documents.colors import NAMES
from copilot.errors import ToolInputError

_HEX = re.compile(r"#?([0-9A-Fa-f]{6})\Z")
_SHORT = re.compile(r"#([0-9A-Fa-f])([0-9A-Fa-f])([0-9A-Fa-f])\Z")
_BY_NAME = {name.replace(" ", ""): digits for name, digits in NAMES.items()}
#: What stands for no colour of one's own: the text's default, no fill.
_NONE = ("auto", "none")


def digits(color: str) -> str:
    """Return "#1F4E78", "1f4e78", "#ccc" or a name ("dark blue", "darkBlue") as RRGGBB; "auto" and "none" are "auto".

    Raises ToolInputError "color" with the closest names.
    """
    try:
        return _digits(color)
    except ValueError as error:
        raise ToolInputError(f"{str(error)[0].upper()}{str(error)[1:]}.", code="color") from None


def _digits(color: str) -> str:
    words = color.strip()
    if found := _HEX.match(words):
        return found[1].upper()
    if short := _SHORT.match(words):
        return "".join(digit * 2 for digit in short.groups()).upper()
    name = re.sub(r"[\s_-]", "", words).lower()
    if name in _NONE:
        return "auto"
    if name in _BY_NAME:
        return _BY_NAME[name]
    close = difflib.get_close_matches(words.lower(), NAMES, 3) or ["black", "dark blue"]
    raise ValueError(f'{color!r} is no colour; write "#1F4E78" or a name such as {", ".join(close)}')


#: A colour as an operation gives it: "#1F4E78", a name, "auto" or "none"; what comes in is RRGGBB or "auto".
Color = Annotated[str, AfterValidator(_digits)]
