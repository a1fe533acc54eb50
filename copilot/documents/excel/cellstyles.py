"""Named cell styles: those of the workbook, and Excel's built-in ones, made where they are missing (18.8.7)."""

from __future__ import annotations

from copilot.documents.excel.stylesheet import (
    FONT_ORDER,
    StyleSheet,
    attributes_of,
    element,
    parts_of,
    prefixed,
    with_parts,
)
from copilot.errors import ToolInputError

_LIGHTEST, _LIGHTER, _LIGHT = "0.79998168889431442", "0.59999389629810485", "0.39997558519241921"
_BLUE = '<color theme="4"/>'
_WHITE, _DARK = '<color theme="0"/>', '<color theme="1"/>'


def _rgb(color: str) -> str:
    return f'<color rgb="FF{color}"/>'


def _solid(color: str) -> str:
    attributes = color if "=" in color else f'rgb="FF{color}"'
    inner = f'<fgColor {attributes}/><bgColor indexed="64"/>'
    return f'<fill><patternFill patternType="solid">{inner}</patternFill></fill>'


def _box(style: str, color: str) -> str:
    sides = "".join(f'<{s} style="{style}">{_rgb(color)}</{s}>' for s in ("left", "right", "top", "bottom"))
    return f"<border>{sides}<diagonal/></border>"


def _lines(bottom: str, color: str, top: str = "") -> str:
    upper = f'<top style="{top}">{color}</top>' if top else "<top/>"
    return f'<border><left/><right/>{upper}<bottom style="{bottom}">{color}</bottom><diagonal/></border>'


#: Excel's built-in styles (18.8.7 and annex G.2): builtinId, and what each includes: number format, font, fill, border.
#: A font is given as the children that differ from the first font, with its size in front of them if it has one.
BUILTIN: dict[str, tuple[int, dict[str, str]]] = {
    "Comma": (3, {"number": "43"}),
    "Currency": (4, {"number": "44"}),
    "Percent": (5, {"number": "9"}),
    "Comma [0]": (6, {"number": "41"}),
    "Currency [0]": (7, {"number": "42"}),
    "Hyperlink": (8, {"font": '<u/><color theme="10"/>'}),
    "Followed Hyperlink": (9, {"font": '<u/><color theme="11"/>'}),
    "Note": (10, {"fill": _solid("FFFFCC"), "border": _box("thin", "B2B2B2")}),
    "Warning Text": (11, {"font": _rgb("FF0000")}),
    "Title": (15, {"font": '<sz val="18"/><color theme="3"/>'}),
    "Heading 1": (
        16,
        {"font": '<b/><sz val="15"/><color theme="3"/>', "border": _lines("thick", _BLUE)},
    ),
    "Heading 2": (
        17,
        {
            "font": '<b/><sz val="13"/><color theme="3"/>',
            "border": _lines("thick", '<color theme="4" tint="0.499984740745262"/>'),
        },
    ),
    "Heading 3": (
        18,
        {
            "font": '<b/><sz val="11"/><color theme="3"/>',
            "border": _lines("medium", f'<color theme="4" tint="{_LIGHT}"/>'),
        },
    ),
    "Heading 4": (19, {"font": '<b/><sz val="11"/><color theme="3"/>'}),
    "Input": (20, {"font": _rgb("3F3F76"), "fill": _solid("FFCC99"), "border": _box("thin", "7F7F7F")}),
    "Output": (21, {"font": f"<b/>{_rgb('3F3F3F')}", "fill": _solid("F2F2F2"), "border": _box("thin", "3F3F3F")}),
    "Calculation": (22, {"font": f"<b/>{_rgb('FA7D00')}", "fill": _solid("F2F2F2"), "border": _box("thin", "7F7F7F")}),
    "Check Cell": (23, {"font": f"<b/>{_WHITE}", "fill": _solid("A5A5A5"), "border": _box("double", "3F3F3F")}),
    "Linked Cell": (24, {"font": _rgb("FA7D00"), "border": _lines("double", _rgb("FF8001"))}),
    "Total": (25, {"font": f"<b/>{_DARK}", "border": _lines("double", _BLUE, "thin")}),
    "Good": (26, {"font": _rgb("006100"), "fill": _solid("C6EFCE")}),
    "Bad": (27, {"font": _rgb("9C0006"), "fill": _solid("FFC7CE")}),
    "Neutral": (28, {"font": _rgb("9C5700"), "fill": _solid("FFEB9C")}),
    **{
        f"{share}Accent{n}": (
            25 + 4 * n + step,
            {"font": ink, "fill": _solid(f'theme="{n + 3}"' + (f' tint="{tint}"' if tint else ""))},
        )
        for n in range(1, 7)
        for step, (share, tint, ink) in enumerate(
            [("", "", _WHITE), ("20% - ", _LIGHTEST, _DARK), ("40% - ", _LIGHTER, _DARK), ("60% - ", _LIGHT, _WHITE)]
        )
    },
    "Explanatory Text": (53, {"font": f"<i/>{_rgb('7F7F7F')}"}),
}


def style_index(sheet: StyleSheet, name: str) -> int:
    """Return the index in cellStyleXfs of a named style (case does not matter); a built-in one is made if missing.

    Raises ToolInputError "unknown_style" with the closest names.
    """
    wanted = name.strip().casefold()
    known = {}
    for raw in sheet.items(b"cellStyles"):
        given = attributes_of(raw)
        known[given.get("name", "")] = int(given.get("xfId", "0") or 0)
    for each, index in known.items():
        if each.casefold() == wanted:
            return index
    builtin = next((each for each in BUILTIN if each.casefold() == wanted), None)
    if builtin is None:
        raise ToolInputError.unknown("style", name, [*known, *BUILTIN])
    return _made(sheet, builtin)


def _made(sheet: StyleSheet, name: str) -> int:
    number, included = BUILTIN[name]
    attributes = {"numFmtId": included.get("number", "0"), "fontId": "0", "fillId": "0", "borderId": "0"}
    for flag, what in (
        ("applyNumberFormat", "number"),
        ("applyFont", "font"),
        ("applyFill", "fill"),
        ("applyBorder", "border"),
    ):
        attributes[flag] = "1" if what in included else "0"
    attributes |= {"applyAlignment": "0", "applyProtection": "0"}
    if "font" in included:
        attributes["fontId"] = str(sheet.add(b"fonts", _font(sheet, included["font"])))
    for what, group in (("fill", b"fills"), ("border", b"borders")):
        if what in included:
            attributes[f"{what}Id"] = str(sheet.add(group, prefixed(included[what].encode(), sheet.prefix)))
    # A style's format is its own, even if another one is equal: it is never shared.
    index = sheet.append(b"cellStyleXfs", element(sheet.prefix, "xf", attributes))
    named = {"name": name, "xfId": str(index), "builtinId": str(number)}
    sheet.add(b"cellStyles", element(sheet.prefix, "cellStyle", named))
    return index


def _font(sheet: StyleSheet, children: str) -> bytes:
    """Return the workbook's first font with what the style says instead."""
    changes = dict(parts_of(prefixed(f"<font>{children}</font>".encode(), sheet.prefix), sheet.prefix))
    return with_parts(sheet.item(b"fonts", 0), sheet.prefix, FONT_ORDER, changes)
