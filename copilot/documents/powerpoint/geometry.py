"""How much text a placeholder holds: an estimate from its box and its sizes, with no renderer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from copilot.documents.powerpoint.deck import Deck, is_body, is_title, numbers, placeholder_type, shapes, tree
from copilot.documents.powerpoint.names import Element, child, is_, like
from copilot.documents.powerpoint.paragraphs import Bullet

POINT = 12700  # EMU
_WIDTH_OF_LETTER = 0.5  # of the font size, on average in a proportional font
_LINE = 1.2  # of the font size
_INSET = 14.4  # points, left and right or top and bottom together (21.1.2.1.1: 91440 and 45720 EMU a side)
_SIZES = (32.0, 28.0, 24.0, 20.0, 20.0)  # what PowerPoint takes when nothing says anything


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a slide in EMU."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a body placeholder offers: its box, and for each level font size and space before, in points."""

    box: Box
    sizes: tuple[float, ...]
    spaces: tuple[float, ...]

    @property
    def height(self) -> float:
        """The usable height in points."""
        return self.box.height / POINT - _INSET / 2

    def height_of(self, bullet: Bullet) -> float:
        """Return about how high a bullet stands, in points."""
        level = min(bullet.level, len(self.sizes) - 1)
        size = self.sizes[level]
        indent = 27.0 * (level + 1)
        letters = max((self.box.width / POINT - _INSET - indent) / (size * _WIDTH_OF_LETTER), 8.0)
        lines = sum(max(1, math.ceil(len(part) / letters)) for part in bullet.text.split("\n"))
        return lines * size * _LINE + self.spaces[level]


def box_of(shape: Element | None) -> Box | None:
    """Return the place that a shape states itself, None when it inherits it."""
    frame = child(shape, "p:spPr", "a:xfrm")
    start, extent = child(frame, "a:off"), child(frame, "a:ext")
    if start is None or extent is None:
        return None
    return Box(*(numbers(e.get(k)) for e, k in ((start, "x"), (start, "y"), (extent, "cx"), (extent, "cy"))))


def place(shape: Element, box: Box) -> None:
    """Give a shape a place of its own instead of the one that it inherits."""
    look = child(shape, "p:spPr")
    if look is None:
        return
    frame = child(look, "a:xfrm")
    if frame is None:
        frame = etree.Element(like(shape, "a:xfrm"))
        look.insert(0, frame)
    for element in list(frame):
        frame.remove(element)
    etree.SubElement(frame, like(shape, "a:off"), x=str(box.left), y=str(box.top))
    etree.SubElement(frame, like(shape, "a:ext"), cx=str(box.width), cy=str(box.height))


def room(deck: Deck, layout_part: str) -> Room:
    """Return the room for bullets on slides of a layout."""
    layout = deck.package.xml(layout_part)
    own = _largest_body(layout)
    master_part = next(iter(deck.package.related(layout_part, "slideMaster")), "")
    master = deck.package.xml(master_part) if deck.package.has(master_part) else None
    general = _largest_body(master) if master is not None else None
    box = _grown(deck, box_of(own) or box_of(general) or _default_box(deck))
    styles = (own, general)
    levels = [_level(i, styles, master) for i in range(5)]
    return Room(box, tuple(size for size, _ in levels), tuple(space for _, space in levels))


def content_box(deck: Deck, layout_part: str) -> Box:
    """Return where a table goes on a slide of a layout: the body's box, below the title."""
    space = room(deck, layout_part).box
    title = next((b for s in shapes(tree(deck.package.xml(layout_part))) if is_title(s) and (b := box_of(s))), None)
    if title is not None and title.top + title.height > space.top and title.top < space.top + space.height // 2:
        top = title.top + title.height
        return Box(space.left, top, space.width, max(space.top + space.height - top, space.height // 2))
    return space


def _grown(deck: Deck, box: Box) -> Box:
    """Return a box that is low in its layout as high as its text may make it: down to the foot of the slide."""
    height = deck.size()[1]
    if box.height >= height // 4:
        return box
    return Box(box.left, box.top, box.width, max(height * 9 // 10 - box.top, box.height))


def _default_box(deck: Deck) -> Box:
    width, height = deck.size()
    return Box(width // 20, height // 4, width * 9 // 10, height * 13 // 20)


def _largest_body(root: Element) -> Element | None:
    found = [s for s in shapes(tree(root)) if is_(s, "p:sp") and is_body(s) and placeholder_type(s) != "subTitle"]
    boxes = [(b.width * b.height if (b := box_of(s)) else 1 << 60, i) for i, s in enumerate(found)]
    return found[max(boxes)[1]] if found else None


def _level(level: int, styles: Sequence[Element | None], master: Element | None) -> tuple[float, float]:
    """Return font size and space before of a level in points: the layout's, else the master's, else the default."""
    name = f"a:lvl{level + 1}pPr"
    looks = [child(s, "p:txBody", "a:lstStyle", name) for s in styles]
    looks.append(child(master, "p:txStyles", "p:bodyStyle", name))
    size = next(
        (numbers(f.get("sz")) / 100 for k in looks if (f := child(k, "a:defRPr")) is not None and f.get("sz")), 0
    )
    size = size or _SIZES[level]
    space = next((s for k in looks if (s := child(k, "a:spcBef")) is not None), None)
    points, share = child(space, "a:spcPts"), child(space, "a:spcPct")
    if points is not None:
        return size, numbers(points.get("val")) / 100
    return size, size * numbers(share.get("val"), 20000) / 100000 if share is not None else size * 0.2


def chunks(bullets: Sequence[Bullet], space: Room) -> list[list[Bullet]]:
    """Return the bullets in as few slides as hold them, about equally full; a split list repeats its parents."""
    fewest = _filled(bullets, space, space.height)
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        even = _filled(bullets, space, space.height * share)
        if len(even) == len(fewest):
            return even
    return fewest


def _filled(bullets: Sequence[Bullet], space: Room, limit: float) -> list[list[Bullet]]:
    pages: list[list[Bullet]] = []
    parents: list[Bullet] = []
    used = limit + 1.0
    for bullet in bullets:
        parents = [p for p in parents if p.level < bullet.level]
        height = space.height_of(bullet)
        if used + height > limit:
            pages.append(list(parents) if pages else [])
            used = sum(space.height_of(p) for p in pages[-1])
        pages[-1].append(bullet)
        used += height
        parents.append(bullet)
    return pages
