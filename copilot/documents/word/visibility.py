"""Why a person would not see a piece of text: hidden, white on white, or too small to read."""

from __future__ import annotations

from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, child, descend, every, name, value, within
from copilot.documents.word.styles import Look, run_look, style_id
from copilot.documents.word.text import Piece

HIDDEN, WHITE, TINY = "hidden text", "white text", "tiny text"

_TINY = 6  # half points: 3 pt and below
_WHITE = 0xF5  # each of red, green and blue from here on is white on paper
_NO_FILL = frozenset({"", "auto", "none", "clear", "white"})


class Visibility:
    """Says of pieces why they are invisible. It keeps what it found out about styles and tables."""

    def __init__(self, document: Document) -> None:
        self._styles = document.styles
        self._tables: dict[str, bool] = {}
        self._default = document.styles.default()
        root = document.package.xml(document.main)
        background = child(root, "w:background")
        self._background = value(background, "color")

    def reason(self, piece: Piece, paragraph: Element) -> str:
        """Return why the piece is invisible, "" if it can be seen."""
        if piece.run is None or not piece.text.strip():
            return ""
        own = run_look(child(piece.run, "w:rPr"))
        if own == Look() and child(piece.run, "w:rPr") is None and self._plain(paragraph):
            return ""
        character = value(descend(piece.run, "w:rPr", "w:rStyle"))
        base = self._styles.look(style_id(paragraph) or self._default)
        look = own.over(self._styles.look(character)).over(base)
        if look.vanish:
            return HIDDEN
        if look.size is not None and look.size <= _TINY:
            return TINY
        white = is_white(look.color) and not is_dark(look.fill) and not self._on_dark(paragraph)
        return WHITE if white else ""

    def _plain(self, paragraph: Element) -> bool:
        look = self._styles.look(style_id(paragraph) or self._default)
        return not look.vanish and not is_white(look.color) and (look.size is None or look.size > _TINY)

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
