"""Colours as people name them, as SpreadsheetML writes them (ECMA-376 part 1, 18.8.3 and 18.8.19)."""

from __future__ import annotations

import re

from copilot.documents.colors import NAMES
from copilot.errors import ToolInputError

#: Places in the theme's list of colours, as `theme` counts them: the first two pairs are swapped (18.8.3).
THEME: dict[str, int] = {
    **{"background1": 0, "text1": 1, "background2": 2, "text2": 3},
    **{f"accent{n}": n + 3 for n in range(1, 7)},
    **{"hyperlink": 10, "followed_hyperlink": 11},
}
_HEX = re.compile(r"#?(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})\Z")
_SHORT = re.compile(r"#([0-9A-Fa-f])([0-9A-Fa-f])([0-9A-Fa-f])\Z")
_TINT = re.compile(r"(.*?)\s*([+-])\s*(\d{1,3})\s*%\Z")


def color_attributes(color: str) -> dict[str, str]:
    """Return the attributes of a colour element (18.8.19): `rgb`, or `theme` with `tint`.

    `color` is "#1F4E78", a name ("dark blue") or a theme colour ("accent1", "accent1 +40%" lighter, "-25%" darker).
    Raises ToolInputError "color" with the closest names.
    """
    text = color.strip()
    if short := _SHORT.match(text):
        text = "#" + "".join(digit * 2 for digit in short.groups())
    if found := _HEX.match(text):
        return {"rgb": "FF" + found[1].upper()}
    tint = _TINT.match(text)
    name = (tint[1] if tint else text).strip().lower().replace("_", " ")
    compact = name.replace(" ", "")
    place = next((n for known, n in THEME.items() if known.replace("_", "") == compact), None)
    if place is not None:
        share = min(int(tint[3]), 100) / 100 if tint else 0.0
        shade = {"tint": repr(-share if tint and tint[2] == "-" else share)} if share else {}
        return {"theme": str(place), **shade}
    by_name = {known.replace(" ", ""): value for known, value in NAMES.items()}
    if compact in by_name and tint is None:
        return {"rgb": "FF" + by_name[compact]}
    error = ToolInputError.unknown("color", color, [*NAMES, *THEME])
    raise ToolInputError(error.message, hint=f'Write it like "#1F4E78". {error.hint}', code="color")


def color_words(attributes: dict[str, str]) -> str:
    """Return a colour element's attributes in words: "#1F4E78", "accent1 +40%", "automatic"."""
    if rgb := attributes.get("rgb"):
        return "#" + rgb[-6:]
    if theme := attributes.get("theme"):
        name = next((known for known, n in THEME.items() if str(n) == theme), f"theme {theme}")
        share = round(float(attributes.get("tint", "0") or 0) * 100)
        return f"{name} {share:+d}%" if share else name
    if indexed := attributes.get("indexed"):
        return "automatic" if indexed in ("64", "65") else f"palette {indexed}"
    return "automatic"
