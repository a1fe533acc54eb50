"""The plain template that new decks start from when the user gives none: 16:9, one accent, readable sizes.

python-pptx brings a 4:3 template of 2007. Its layouts and placeholders are kept (so that every deck has the
standard ones, by type), and laid out anew here: what is written below is the whole design.
"""

from __future__ import annotations

from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck
from pptx.util import Emu, Pt

WIDTH, HEIGHT = Emu(12192000), Emu(6858000)  # 13.333 x 7.5 inches: PowerPoint's own 16:9

_COLOURS = {
    "dk2": "1F3A4D",
    "lt2": "EEF2F5",
    "accent1": "1F6F8B",
    "accent2": "E07A3F",
    "accent3": "5B8C5A",
    "accent4": "8A5A83",
    "accent5": "C9A227",
    "accent6": "6B7A8F",
    "hlink": "1F6F8B",
    "folHlink": "8A5A83",
}
_FONT = "Arial"  # on every system, or there is one with the same widths

# Placeholder boxes by layout and index, in EMU: left, top, width, height. "" is the master.
_LEFT, _TOP, _FULL, _BODY = 640080, 1554480, 10911840, 4480560
_HALF, _RIGHT = 5303520, 6248400
_BOXES: dict[str, dict[int, tuple[int, int, int, int]]] = {
    "": {
        0: (_LEFT, 457200, _FULL, 777240),
        1: (_LEFT, _TOP, _FULL, _BODY),
        2: (_LEFT, 6356350, 2743200, 320040),
        3: (4038600, 6356350, 4114800, 320040),
        4: (8808720, 6356350, 2743200, 320040),
    },
    "Title Slide": {0: (_LEFT, 1920240, _FULL, 1463040), 1: (_LEFT, 3566160, _FULL, 1005840)},
    "Section Header": {0: (_LEFT, 2286000, _FULL, 1188720), 1: (_LEFT, 3566160, _FULL, 1005840)},
    "Two Content": {1: (_LEFT, _TOP, _HALF, _BODY), 2: (_RIGHT, _TOP, _HALF, _BODY)},
    "Comparison": {
        1: (_LEFT, _TOP, _HALF, 502920),
        2: (_LEFT, 2103120, _HALF, 3931920),
        3: (_RIGHT, _TOP, _HALF, 502920),
        4: (_RIGHT, 2103120, _HALF, 3931920),
    },
    "Content with Caption": {
        0: (_LEFT, 457200, 3931920, 1005840),
        1: (4846320, 457200, 6705600, 5577840),
        2: (_LEFT, _TOP, 3931920, _BODY),
    },
    "Picture with Caption": {
        0: (_LEFT, 4892040, _FULL, 502920),
        1: (_LEFT, 457200, _FULL, 4297680),
        2: (_LEFT, 5440680, _FULL, 640080),
    },
    "Vertical Title and Text": {0: (9509760, 457200, 2042160, 5577840), 1: (_LEFT, 457200, 8686800, 5577840)},
}
_TITLE_SIZES = {"": 30, "Title Slide": 44, "Section Header": 38, "Content with Caption": 22, "Picture with Caption": 22}
_BODY_SIZES = (20, 18, 16, 14, 14)
_WITHOUT_BAR = (
    "Blank",
    "Content with Caption",
    "Picture with Caption",
    "Title and Vertical Text",
    "Vertical Title and Text",
)
_BLANK_FOOTERS = ("dt", "ftr", "sldNum")


def default_deck() -> Deck:
    """Return a new presentation without slides, in the plain template."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = WIDTH, HEIGHT
    master = deck.slide_master
    _place(master, "")
    for layout in deck.slide_layouts:
        _place(layout, layout.name)
        _resize_title(layout._element, _TITLE_SIZES.get(layout.name))
    _style_text(master._element)
    _add_bar(master._element, left=_LEFT + 91440, top=1234440, width=1097280, height=36576)
    for name in _WITHOUT_BAR:
        _layout(deck, name)._element.set("showMasterSp", "0")
    for name in ("Title Slide", "Section Header"):
        _fill(_layout(deck, name))
    _recolour(master)
    return deck


def _layout(deck: Deck, name: str) -> Any:
    return next(layout for layout in deck.slide_layouts if layout.name == name)


def _place(owner: Any, name: str) -> None:
    for shape in owner.placeholders:
        index = shape.placeholder_format.idx
        if index in _BOXES.get(name, {}):
            shape.left, shape.top, shape.width, shape.height = (Emu(n) for n in _BOXES[name][index])


def _style_text(master: Any) -> None:
    """Set the master's text styles: titles left and dark, body text in sizes that fit a page of bullets."""
    title = master.find(f".//{qn('p:titleStyle')}/{qn('a:lvl1pPr')}")
    title.set("algn", "l")
    run = title.find(qn("a:defRPr"))
    run.set("sz", str(_TITLE_SIZES[""] * 100))
    run.set("b", "1")
    run.find(f"{qn('a:solidFill')}/{qn('a:schemeClr')}").set("val", "tx2")
    for level, size in enumerate(_BODY_SIZES, start=1):
        style = master.find(f".//{qn('p:bodyStyle')}/{qn(f'a:lvl{level}pPr')}")
        style.find(qn("a:defRPr")).set("sz", str(size * 100))
        space = style.find(f"{qn('a:spcBef')}/{qn('a:spcPct')}")
        space.set("val", "45000" if level == 1 else "20000")


def _resize_title(layout: Any, points: int | None) -> None:
    """Give the layout's title this size, flush left, unless it follows the master."""
    for shape in layout.iter(qn("p:sp")):
        place = shape.find(f".//{qn('p:ph')}")
        if place is None or place.get("type") in _BLANK_FOOTERS:
            continue
        for style in shape.iter(*(qn(f"a:lvl{n}pPr") for n in range(1, 10))):
            style.set("algn", "l")
            font = style.find(qn("a:defRPr"))
            if font is None:
                continue
            is_title = place.get("type") in ("title", "ctrTitle")
            if is_title and points:
                font.set("sz", str(points * 100))
                font.attrib.pop("cap", None)
            elif not is_title and font.get("sz"):
                font.set("sz", str(min(int(font.get("sz")), 2000)))
        body = shape.find(f"{qn('p:txBody')}/{qn('a:bodyPr')}")
        if points and body is not None:
            body.set("anchor", "b" if place.get("type") in ("title", "ctrTitle") else "t")


def _add_bar(owner: Any, *, left: int, top: int, width: int, height: int) -> None:
    """Put a small accent rectangle behind everything on `owner`."""
    tree = owner.find(f".//{qn('p:spTree')}")
    bar = etree.fromstring(
        f'<p:sp xmlns:p="{owner.nsmap["p"]}" xmlns:a="{owner.nsmap["a"]}">'
        '<p:nvSpPr><p:cNvPr id="99" name="Accent" descr=""/><p:cNvSpPr/><p:nvPr userDrawn="1"/></p:nvSpPr>'
        f'<p:spPr><a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
        '<a:solidFill><a:schemeClr val="accent1"/></a:solidFill><a:ln><a:noFill/></a:ln></p:spPr>'
        '<p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:endParaRPr lang="en-GB"/></a:p></p:txBody></p:sp>'
    )
    tree.insert(2, bar)


def _fill(layout: Any) -> None:
    """Make a layout dark, with light text and without the master's bar: title and section slides."""
    layout.background.fill.solid()
    layout.background.fill.fore_color.theme_color = 15  # MSO_THEME_COLOR.TEXT_2
    layout._element.set("showMasterSp", "0")
    for colour in layout._element.iter(qn("a:schemeClr")):
        if colour.getparent().getparent().tag == qn("a:defRPr"):
            colour.set("val", "bg1")
            for shade in list(colour):
                colour.remove(shade)
    for shape in layout.placeholders:
        if shape.placeholder_format.idx == 0:
            _light_title(shape._element)


def _light_title(shape: Any) -> None:
    body = shape.find(qn("p:txBody"))
    styles = body.find(qn("a:lstStyle"))
    level = styles.find(qn("a:lvl1pPr"))
    if level is None:
        level = etree.SubElement(styles, qn("a:lvl1pPr"), algn="l")
    font = level.find(qn("a:defRPr"))
    if font is None:
        font = etree.SubElement(level, qn("a:defRPr"), sz=str(Pt(_TITLE_SIZES["Title Slide"]).centipoints))
    if font.find(qn("a:solidFill")) is None:
        paint = etree.Element(qn("a:solidFill"))
        etree.SubElement(paint, qn("a:schemeClr"), val="bg1")
        font.insert(0, paint)


def _recolour(master: Any) -> None:
    """Replace the theme's colours and fonts (the theme is a part that python-pptx keeps as bytes)."""
    part = next(r.target_part for r in master.part.rels.values() if r.reltype.endswith("/theme"))
    theme = etree.fromstring(part.blob)
    theme.set("name", "Everpilot")
    space = {"a": theme.nsmap["a"]}
    for name, value in _COLOURS.items():
        for colour in theme.iterfind(f".//a:clrScheme/a:{name}/a:srgbClr", space):
            colour.set("val", value)
    for font in theme.iterfind(".//a:fontScheme/*/a:latin", space):
        font.set("typeface", _FONT)
    part._blob = etree.tostring(theme, xml_declaration=True, encoding="UTF-8", standalone=True)
