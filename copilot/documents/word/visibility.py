"""Why a person would not see a piece of text: hidden, white on white, or too small to read."""

from __future__ import annotations

import re
from functools import cached_property

from copilot.documents.word.document import Document
from copilot.documents.word.names import (
    WORD_NAMESPACES,
    Element,
    child,
    children,
    descend,
    every,
    is_on,
    name,
    number,
    value,
    within,
)
from copilot.documents.word.styles import Look, run_look, style_id
from copilot.documents.word.text import Piece

HIDDEN, WHITE, TINY, CLEAR = "hidden text", "white text", "tiny text", "transparent text"
SAME, SMALL, OFF = "text in the colour of its background", "in a shape of no size", "text off the page"

_TINY = 6  # half points: 3 pt and below
_WHITE = 0xF0  # each of red, green and blue from here on is white on paper
_NEAR = 24  # of 255: colours that differ less can't be told apart
_NO_FILL = frozenset({"", "auto", "none", "clear", "white"})
_POINT = 12_700  # EMU
_WIDEST = 31_680  # twips: a page is at most 22 inches wide and high (17.6.13)
_FAR = 1584.0  # points: the same
#: Highlights are named (17.18.40).
_NAMED = {
    "black": "000000", "white": "FFFFFF", "yellow": "FFFF00", "red": "FF0000", "blue": "0000FF", "green": "00FF00",
    "cyan": "00FFFF", "magenta": "FF00FF", "darkBlue": "000080", "darkCyan": "008080", "darkGreen": "008000",
    "darkMagenta": "800080", "darkRed": "800000", "darkYellow": "808000", "darkGray": "808080", "lightGray": "C0C0C0",
}  # fmt: skip
#: Names of theme colours as the theme part spells them (17.18.97, 20.1.6.2).
_THEME = {
    "background1": "lt1", "light1": "lt1", "text1": "dk1", "dark1": "dk1",
    "background2": "lt2", "light2": "lt2", "text2": "dk2", "dark2": "dk2", "hyperlink": "hlink",
}  # fmt: skip


_PLAIN = (Look(), None)
_WORD14 = "http://schemas.microsoft.com/office/word/2010/wordml"
#: The properties of a run that can make it invisible.
_MATTERS = frozenset(
    f"{{{space}}}{local}"
    for space in (*WORD_NAMESPACES, _WORD14)
    for local in ("vanish", "webHidden", "color", "sz", "shd", "highlight", "rStyle", "textFill")
)


class Visibility:
    """Says of pieces why they are invisible. It keeps what it found out about styles and tables."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._styles = document.styles
        self._tables: dict[str, bool] = {}
        self._default = document.styles.default()
        root = document.package.xml(document.main)
        background = child(root, "w:background")
        self._background = value(background, "color")
        self._last: Element | None = None
        self._displaced = ""
        self._base = Look()
        self._is_plain = False
        self._found: dict[tuple[Look, str | None], str] = {}

    def reason(self, piece: Piece, paragraph: Element) -> str:
        """Return why the piece is invisible, "" if it can be seen."""
        if piece.run is None or not piece.text.strip():
            return ""
        if self._last is not paragraph:
            self._enter(paragraph)
        if self._displaced:
            return self._displaced
        properties = child(piece.run, "w:rPr")
        if self._is_plain and (properties is None or _MATTERS.isdisjoint([each.tag for each in properties])):
            return ""
        if is_on(child(properties, "w:webHidden")) and not piece.trail.field and piece.trail.link is None:
            return HIDDEN  # in tables of contents Word itself hides the page numbers from the web
        key = (run_look(properties), value(child(properties, "w:rStyle")))
        if key == _PLAIN and self._is_plain:
            return ""
        if key not in self._found:
            self._found[key] = self._reason(*key, paragraph)
        return self._found[key]

    def _enter(self, paragraph: Element) -> None:
        """Find out once for a paragraph what all its runs share."""
        self._last = paragraph
        self._displaced = _displaced(paragraph)
        self._found.clear()
        style = self._styles.look(style_id(paragraph) or self._default)
        self._base = style.over(self._table_look(paragraph)).over(self._styles.defaults)
        self._is_plain = self._plain(paragraph)

    def _reason(self, own: Look, character: str | None, paragraph: Element) -> str:
        look = own.over(self._styles.look(character)).over(self._base)
        if look.vanish:
            return HIDDEN
        if look.clear:
            return CLEAR
        if look.size is not None and look.size <= _TINY:
            return TINY
        return self._faded(look, paragraph)

    def _faded(self, look: Look, paragraph: Element) -> str:
        color = self._resolved(look.color)
        if is_white(color) and not is_dark(look.fill) and not self._on_dark(paragraph):
            return WHITE
        behind = _rgb(_NAMED.get(look.fill or "", look.fill or "")) or self._behind(paragraph)
        painted = _rgb(color or "")
        if painted is None or behind is None:
            return ""
        return SAME if max(abs(a - b) for a, b in zip(painted, behind, strict=True)) <= _NEAR else ""

    def _behind(self, paragraph: Element) -> tuple[int, int, int] | None:
        """Return the colour of the nearest shading around a paragraph, None if there is none."""
        cell = within(paragraph, "w:tc")
        shades = (descend(paragraph, "w:pPr", "w:shd"), descend(cell, "w:tcPr", "w:shd"))
        found = (_rgb(fill) for shade in shades if (fill := value(shade, "fill")))
        return next((rgb for rgb in found if rgb is not None), _rgb(self._background or ""))

    def _table_look(self, paragraph: Element) -> Look:
        table = within(paragraph, "w:tbl")
        style = value(descend(table, "w:tblPr", "w:tblStyle")) if table is not None else None
        look = self._styles.look(style)
        return Look(look.vanish, look.color, look.size, None, look.clear)

    def _resolved(self, color: str | None) -> str | None:
        if color is None or not color.startswith("@"):
            return color
        return self._theme.get(_THEME.get(color[1:], color[1:]), "FFFFFF" if color[1:] in _LIGHT else None)

    @cached_property
    def _theme(self) -> dict[str, str]:
        package, found = self._document.package, {}
        for part in package.related(self._document.main, "theme")[:1]:
            scheme = next(package.xml(part).iter("{*}clrScheme"), None) if package.has(part) else None
            for entry in scheme if scheme is not None else ():
                for color in entry:
                    found[str(entry.tag).rpartition("}")[2]] = (color.get("lastClr") or color.get("val") or "").upper()
        return found

    def _plain(self, paragraph: Element) -> bool:
        look = self._styles.look(style_id(paragraph) or self._default).over(self._styles.defaults)
        plain = look.vanish is None and look.color in (None, "auto") and look.clear is None
        return plain and (look.size is None or look.size > _TINY) and within(paragraph, "w:tbl") is None

    def _on_dark(self, paragraph: Element) -> bool:
        """Return whether something dark may lie behind a paragraph: shading, a table style, a shape, the page."""
        if is_dark(value(descend(paragraph, "w:pPr", "w:shd"), "fill")) or is_dark(self._background):
            return True
        for each in paragraph.iterancestors():
            kind = name(each)
            if kind == "w:tc" and is_dark(value(descend(each, "w:tcPr", "w:shd"), "fill")):
                return True
            if kind == "w:tbl" and self._table_fills(each):
                return True
            if kind == "w:txbxContent":
                return _shape_fills(each)
        return False

    def _table_fills(self, table: Element) -> bool:
        if is_dark(value(descend(table, "w:tblPr", "w:shd"), "fill")):
            return True
        style = value(descend(table, "w:tblPr", "w:tblStyle")) or ""
        if style not in self._tables:
            shadings = (s for each in self._styles.chain(style) for s in every(each, "shd"))
            self._tables[style] = any(is_dark(value(s, "fill")) or value(s, "themeFill") for s in shadings)
        return self._tables[style]


def _shape_fills(content: Element) -> bool:
    """Return whether the shape around a text box is filled."""
    shape = within(content, "wps:wsp", "v:shape", "v:rect", "v:roundrect")
    if shape is None:
        return False
    if name(shape) == "wps:wsp":
        filled = child(child(shape, "wps:spPr"), "a:noFill") is None
        return filled and any(name(each) in ("a:solidFill", "a:gradFill", "a:fillRef") for each in shape.iter())
    return is_dark((shape.get("fillcolor") or "").lstrip("#").upper())


_LIGHT = ("background1", "light1")


def _displaced(paragraph: Element) -> str:
    """Return why a whole paragraph is not seen: it stands off the page, in a hidden row or a shape of no size."""
    look = child(paragraph, "w:pPr")
    if look is not None and _is_far(look):
        return OFF
    for each in paragraph.iterancestors():
        kind = name(each)
        if kind == "w:tr" and (row := child(each, "w:trPr")) is not None:
            height = child(row, "w:trHeight")
            if is_on(child(row, "w:hidden")):
                return "hidden row"
            if value(height, "hRule") == "exact" and (number(height) or 0) <= 20:
                return "row of no height"
        elif why := _unframed(each, kind):
            return why
    return ""


def _unframed(element: Element, kind: str) -> str:
    if kind in ("wp:anchor", "wp:inline"):
        return _unplaced(element)
    return _unstyled(element.get("style") or "") if kind in ("v:shape", "v:rect", "v:roundrect", "v:group") else ""


def _is_far(look: Element) -> bool:
    frame, indent = child(look, "w:framePr"), child(look, "w:ind")
    places = [number(frame, side) for side in ("x", "y")] if frame is not None else []
    places += [number(indent, side) for side in ("left", "start", "right", "end")] if indent is not None else []
    return any(place is not None and not -_WIDEST // 2 < place < _WIDEST for place in places)


def _unplaced(frame: Element) -> str:
    extent, shown = child(frame, "wp:extent"), child(frame, "wp:docPr")
    if shown is not None and shown.get("hidden") in ("1", "true"):
        return HIDDEN
    width, height = _emu(extent, "cx"), _emu(extent, "cy")
    if extent is not None and min(width, height) <= _POINT:
        return SMALL
    for axis, size in (("wp:positionH", width), ("wp:positionV", height)):
        place = child(frame, axis)
        offset = next((each.text or "" for each in children(place, "wp:posOffset")), "0")
        at = int(offset) if re.fullmatch(r"-?\d{1,12}", offset.strip()) else 0
        if place is not None and (
            at >= _FAR * _POINT or at + size <= (0 if place.get("relativeFrom") == "page" else -2e6)
        ):
            return OFF
    return ""


def _emu(extent: Element | None, side: str) -> int:
    text = "" if extent is None else extent.get(side, "")
    return int(text) if re.fullmatch(r"\d{1,12}", text) else _POINT * 2


def _unstyled(style: str) -> str:
    """Return why a VML shape is not seen, by its CSS-like style (part 4, 19.1.2.19)."""
    said = dict(part.strip().lower().split(":", 1) for part in style.split(";") if ":" in part)
    if said.get("visibility") == "hidden" or said.get("display") == "none" or said.get("mso-hide") == "all":
        return HIDDEN
    sizes = {key: float(m[0]) for key, text in said.items() if (m := re.match(r"-?\d{1,9}(?:\.\d+)?", text.strip()))}
    if any(sizes.get(key, 9.0) < 1 for key in ("width", "height")):
        return SMALL
    places = (sizes.get(key, 0.0) for key in ("left", "top", "margin-left", "margin-top"))
    return OFF if any(not -_FAR / 2 < place < _FAR for place in places) else ""


def is_white(color: str | None) -> bool:
    """Return whether a colour ("FFFFFF") can't be told from paper."""
    return color is not None and (rgb := _rgb(color)) is not None and min(rgb) >= _WHITE


def is_dark(color: str | None) -> bool:
    """Return whether a fill is there and is not itself white; named colours ("yellow") count as there."""
    if color is None or color.lower() in _NO_FILL:
        return False
    rgb = _rgb(color)
    return rgb is None or min(rgb) < _WHITE


def _rgb(color: str) -> tuple[int, int, int] | None:
    try:
        packed = int(color, 16) if len(color) == 6 else None
    except ValueError:
        return None
    return None if packed is None else (packed >> 16, packed >> 8 & 255, packed & 255)
