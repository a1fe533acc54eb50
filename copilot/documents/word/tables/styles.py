"""Word's own table styles, added to a document that has none of that name when one is asked for (17.7.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, add, side
from copilot.errors import ToolInputError

_EDGES = ("top", "left", "bottom", "right", "insideH", "insideV")
#: Office's colours by the name in the theme: the accent, its light tint for bands, its middle tint for lines.
_COLORS = {
    "": ("000000", "CCCCCC", "666666"),
    "accent1": ("4472C4", "D9E2F3", "8EAADB"),
    "accent2": ("ED7D31", "FBE4D5", "F4B083"),
    "accent3": ("A5A5A5", "EDEDED", "C9C9C9"),
    "accent4": ("FFC000", "FFF2CC", "FFD966"),
    "accent5": ("5B9BD5", "DEEAF6", "9CC2E5"),
    "accent6": ("70AD47", "E2EFD9", "A8D08D"),
}
_ACCENT = re.compile(r"(.*?)(?:\s*-?\s*accent\s*([1-6]))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Look:
    """One family of styles: which lines it has, and what it does with header row and bands.

    `lines`: edges that have a line. `header`: "fill" (in the accent, white words), "line" (a line below), "" (bold).
    """

    name: str
    id: str
    priority: int
    lines: tuple[str, ...]
    header: str = ""
    bands: bool = False
    accents: bool = True


_LOOKS = (
    _Look("Table Grid Light", "TableGridLight", 40, _EDGES, accents=False),
    _Look("Plain Table 1", "PlainTable1", 41, _EDGES, bands=True, accents=False),
    _Look("Plain Table 2", "PlainTable2", 42, ("top", "bottom", "insideH"), accents=False),
    _Look("Plain Table 3", "PlainTable3", 43, (), "line", bands=True, accents=False),
    _Look("Plain Table 4", "PlainTable4", 44, (), bands=True, accents=False),
    _Look("Grid Table 1 Light", "GridTable1Light", 46, _EDGES, "line"),
    _Look("Grid Table 2", "GridTable2", 47, ("top", "bottom", "insideH", "insideV"), "line", bands=True),
    _Look("Grid Table 4", "GridTable4", 49, _EDGES, "fill", bands=True),
    _Look("List Table 1 Light", "ListTable1Light", 46, (), "line", bands=True),
    _Look("List Table 2", "ListTable2", 47, ("top", "bottom", "insideH"), bands=True),
    _Look("List Table 3", "ListTable3", 48, ("top", "left", "bottom", "right"), "fill"),
    _Look("List Table 4", "ListTable4", 49, ("top", "left", "bottom", "right", "insideH"), "fill", bands=True),
)


def table_style_id(document: Document, wanted: str) -> str:
    """Return the id of a table style by name, one of Word's added when it is missing.

    Raises ToolInputError "unknown_table style" with the closest names.
    """
    styles = document.styles
    if (found := styles.id_of(wanted, "table")) is not None:
        return found
    if wanted.strip().casefold() == "table grid":
        return styles.table_grid()
    parsed = _ACCENT.fullmatch(wanted.strip())
    stem, accent = (parsed[1].casefold(), f"accent{parsed[2]}" if parsed[2] else "") if parsed else ("", "")
    look = next((each for each in _LOOKS if each.name.casefold() == stem and (each.accents or not accent)), None)
    if look is not None:
        return _define(document, look, accent)
    own = [each.name for each in _LOOKS] + [f"{e.name} Accent {n}" for e in _LOOKS if e.accents for n in range(1, 7)]
    raise ToolInputError.unknown("table style", wanted, [*styles.names("table"), "Table Grid", *own])


def _define(document: Document, look: _Look, accent: str) -> str:
    number = accent.removeprefix("accent")
    shown = f"{look.name} Accent {number}" if number else look.name
    wanted = f"{look.id}-Accent{number}" if number else look.id
    style = document.styles.define("table", shown, wanted)
    if (base := document.styles.default("table")) is not None:
        add(style, "basedOn", val=base)
    add(style, "uiPriority", val=str(look.priority))
    add(add(style, "pPr"), "spacing", after="0", line="240", lineRule="auto")
    properties = add(style, "tblPr")
    add(properties, "tblStyleRowBandSize", val="1")
    add(properties, "tblStyleColBandSize", val="1")
    if look.lines:
        borders = add(properties, "tblBorders")
        for edge in _EDGES:
            if edge in look.lines:
                _line(borders, edge, accent)
    _parts(style, look, accent)
    return document.styles.id_of(shown, "table") or wanted


def _line(borders: Element, edge: str, accent: str, size: str = "4") -> None:
    themed = {"themeColor": accent, "themeTint": "99"} if accent else {}
    add(borders, side(borders, edge), val="single", sz=size, space="0", color=_COLORS[accent][2], **themed)


def _parts(style: Element, look: _Look, accent: str) -> None:
    """Add what the style does with header row, total row, first and last column, and bands (17.7.6.6)."""
    first = _part(style, "firstRow", bold=True, white=look.header == "fill")
    if look.header == "fill":
        _shade(add(first, "tcPr"), _COLORS[accent][0], accent, "")
    elif look.header == "line":
        _line(add(add(first, "tcPr"), "tcBorders"), "bottom", accent, "12")
    last = _part(style, "lastRow", bold=True)
    _line(add(add(last, "tcPr"), "tcBorders"), "top", accent, "12")
    _part(style, "firstCol", bold=True)
    _part(style, "lastCol", bold=True)
    for band in ("band1Vert", "band1Horz") if look.bands else ():
        tint = "33" if accent else ""
        _shade(add(_part(style, band), "tcPr"), _COLORS[accent][1] if accent else "F2F2F2", accent, tint)


def _part(style: Element, kind: str, *, bold: bool = False, white: bool = False) -> Element:
    part = add(style, "tblStylePr", type=kind)
    if bold:
        run = add(part, "rPr")
        add(run, "b")
        add(run, "bCs")
        if white:
            add(run, "color", val="FFFFFF", themeColor="background1")
    return part


def _shade(properties: Element, color: str, accent: str, tint: str) -> None:
    themed = {"themeFill": accent, **({"themeFillTint": tint} if tint else {})} if accent else {}
    add(properties, "shd", val="clear", color="auto", fill=color, **themed)
