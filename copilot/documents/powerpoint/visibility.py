"""Why a person in front of a slide would not see a shape or a run of text on it.

Colours are followed as far as the run, its shape and the slide's background say them; where a picture or another
filled shape may stand behind, white text counts as seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from copilot.documents.package import Package
from copilot.documents.powerpoint.deck import Deck, Slide, numbers, properties, shapes, tree
from copilot.documents.powerpoint.names import Element, child, children, is_, tags

HIDDEN, OFF, TINY, SMALL = "hidden shape", "off the slide", "tiny text", "in a shape of no size"
WHITE, SAME, CLEAR = "white text", "text in the colour of its background", "transparent text"

_TINY = 400  # hundredths of a point: nobody reads 4 pt on a slide
_POINT = 12_700  # EMU
_WHITE = 0xF0
_NEAR = 24
_LIGHT = ("bg1", "lt1")

Box = tuple[float, float, float, float]


class Sight:
    """What can be seen on one slide."""

    def __init__(self, deck: Deck, slide: Slide) -> None:
        self._size = deck.size()
        self._bright = not _has_background(deck.package, slide.part)
        self._root = deck.package.xml(slide.part)
        self._filled: list[Box] | None = None

    def of_shape(self, shape: Element) -> str:
        """Return why a whole shape is not seen, "" if it is."""
        for element in (shape, *(a for a in shape.iterancestors() if is_(a, "p:grpSp"))):
            shown = properties(element)
            if shown is not None and shown.get("hidden") in ("1", "true"):
                return HIDDEN
        box = box_on_slide(shape)
        if box is not None:
            left, top, right, bottom = box
            if right <= 0 or bottom <= 0 or left >= self._size[0] or top >= self._size[1]:
                return OFF
            if min(right - left, bottom - top) <= _POINT / 2 and is_(shape, "p:sp"):
                return SMALL
        return ""

    def of_run(self, run: Element, shape: Element) -> str:
        """Return why a run of a shape's text is not seen, "" if it is."""
        look = child(run, "a:rPr")
        general = _general(run, shape)
        stated = (each.get("sz") for each in (look, general) if each is not None)
        size = numbers(next((text for text in stated if text), ""))
        if 0 < size <= _TINY:
            return TINY
        fill = look if _fill(look) is not None else general
        if child(fill, "a:noFill") is not None or _alpha(child(fill, "a:solidFill")) < 2_000:
            return CLEAR
        color = _rgb(child(fill, "a:solidFill"))
        if color is None:
            return ""
        cell = next((a for a in run.iterancestors() if is_(a, "a:tc")), None)
        own = child(cell, "a:tcPr") if cell is not None else child(shape, "p:spPr")
        behind = _rgb(child(own, "a:solidFill"))
        if behind is not None:
            return SAME if max(abs(a - b) for a, b in zip(color, behind, strict=True)) <= _NEAR else ""
        white = min(color) >= _WHITE and self._bright and cell is None and not _is_filled(shape)
        return WHITE if white and not self._covered(shape) else ""

    def _covered(self, shape: Element) -> bool:
        """Whether a picture or a filled shape may stand behind a shape; unknown places count as everywhere."""
        if self._filled is None:
            others = (s for s in shapes(tree(self._root)) if is_(s, "p:pic", "p:graphicFrame") or _is_filled(s))
            self._filled = [box_on_slide(s) or (0, 0, *self._size) for s in others]
        box = box_on_slide(shape) or (0, 0, *self._size)
        return any(a < box[2] and b < box[3] and c > box[0] and d > box[1] for a, b, c, d in self._filled)


def box_on_slide(shape: Element) -> Box | None:
    """Return left, top, right and bottom of a shape in EMU of the slide, its groups counted in (20.1.7.5)."""
    frame = child(shape, "p:xfrm") if is_(shape, "p:graphicFrame") else child(shape, "p:spPr", "a:xfrm")
    start, extent = child(frame, "a:off"), child(frame, "a:ext")
    if start is None or extent is None:
        return None
    x, y = numbers(start.get("x")), numbers(start.get("y"))
    box = (float(x), float(y), float(x + numbers(extent.get("cx"))), float(y + numbers(extent.get("cy"))))
    for group in shape.iterancestors(*tags("p:grpSp")):
        box = _in_group(box, child(group, "p:grpSpPr", "a:xfrm"))
    return box


def _in_group(box: Box, frame: Element | None) -> Box:
    parts = [child(frame, name) for name in ("a:off", "a:ext", "a:chOff", "a:chExt")]
    if any(part is None for part in parts):
        return box
    pairs = [(numbers(p.get(a)), numbers(p.get(b))) for p, (a, b) in zip(parts, _AXES, strict=True) if p is not None]
    off, ext, inner, size = pairs
    across, down = (ext[0] / size[0] if size[0] else 1.0), (ext[1] / size[1] if size[1] else 1.0)
    left, top = off[0] + (box[0] - inner[0]) * across, off[1] + (box[1] - inner[1]) * down
    return left, top, left + (box[2] - box[0]) * across, top + (box[3] - box[1]) * down


_AXES = (("x", "y"), ("cx", "cy"), ("x", "y"), ("cx", "cy"))


def _general(run: Element, shape: Element) -> Element | None:
    """Return the run properties that the shape's own list style gives the level of a run."""
    paragraph = run.getparent()
    look = child(paragraph, "a:pPr")
    level = 1 + (0 if look is None else numbers(look.get("lvl")))
    return child(shape, "p:txBody", "a:lstStyle", f"a:lvl{min(max(level, 1), 9)}pPr", "a:defRPr")


def _fill(look: Element | None) -> Element | None:
    return next(iter(children(look, "a:noFill", "a:solidFill", "a:gradFill", "a:blipFill", "a:pattFill")), None)


def _is_filled(shape: Element) -> bool:
    look = child(shape, "p:spPr")
    fill = _fill(look)
    if fill is not None:
        return not is_(fill, "a:noFill")
    style = child(shape, "p:style", "a:fillRef")
    return style is not None and numbers(style.get("idx")) > 0


def _alpha(fill: Element | None) -> int:
    found = next(fill.iter(*tags("a:alpha")), None) if fill is not None else None
    return 100_000 if found is None else numbers(found.get("val"), 100_000)


def _rgb(fill: Element | None) -> tuple[int, int, int] | None:
    """Return the colour of a solid fill that is written out, or is plainly the light one of the theme."""
    written, named = child(fill, "a:srgbClr"), child(fill, "a:schemeClr")
    if named is not None and named.get("val") in _LIGHT and not len(named):
        return 255, 255, 255
    try:
        packed = int(written.get("val", ""), 16) if written is not None else None
    except ValueError:
        return None
    return None if packed is None or packed > 0xFFFFFF else (packed >> 16, packed >> 8 & 255, packed & 255)


def _has_background(package: Package, slide: str) -> bool:
    """Whether slide, layout or master paint a background that is not the theme's light colour, or show pictures."""
    for part in _chain(package, slide):
        root = package.xml(part)
        back = child(root, "p:cSld", "p:bg")
        if back is not None:
            reference, fill = child(back, "p:bgRef"), child(back, "p:bgPr", "a:solidFill")
            color = _rgb(reference if reference is not None else fill)
            if color is None or min(color) < _WHITE:
                return True
        if part != slide and any(is_(s, "p:pic") or _is_filled(s) for s in shapes(tree(root))):
            return True
        if back is not None:
            return False
    return False


def _chain(package: Package, slide: str) -> Iterator[str]:
    part = slide
    for kind in ("", "slideLayout", "slideMaster"):
        part = part if not kind else next((p for p in package.related(part, kind) if package.has(p)), "")
        if not part:
            return
        yield part
