"""Changing slides: their titles, and new ones from the deck's own layouts."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from lxml import etree

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.powerpoint.deck import (
    TITLE_TYPES,
    Deck,
    Slide,
    is_body,
    is_title,
    matching,
    numbers,
    placeholder,
    placeholder_type,
    shapes,
    title_shape,
    tree,
)
from copilot.documents.powerpoint.geometry import chunks, room
from copilot.documents.powerpoint.names import Element, child, children, flavour, is_, like, relation, tags
from copilot.documents.powerpoint.notes import free_id, write_notes
from copilot.documents.powerpoint.paragraphs import Bullet, checked, plain, set_lines, set_text
from copilot.documents.powerpoint.replace import SIGNED
from copilot.errors import DocumentError, ToolInputError

_SLIDE = "application/vnd.openxmlformats-officedocument.presentationml.slide+xml"
# Types of layouts (ST_SlideLayoutType, 19.7.15) that are not for plain content.
_SPECIAL = ("title", "secHead", "vertTx", "vertTitleAndTx", "picTx", "objTx", "blank", "twoTxTwoObj", "twoObj")
_FOOTERS = ("dt", "ftr", "sldNum")
_FIRST_ID = 256  # ST_SlideId, 19.7.13


def set_title(content: bytes, slide: int, text: str) -> Edited:
    """Return the presentation with `text` as the title of a slide, in the format that the title has.

    A slide without any text gets a title even where its layout has none. Raises ToolInputError: no such slide,
    nothing would change, or there is text, none of which is a title.
    """
    new = checked(text, "title").strip()
    if not new:
        raise ToolInputError("The new title is empty.", code="arguments")
    deck = Deck.open(content)
    target = deck.slide(slide)
    root = deck.package.xml(target.part)
    shape = title_shape(root)
    before = "" if shape is None else plain(shape)
    if before == new:
        raise ToolInputError(f"The title of slide {slide} already reads like that.", code="no_change")
    if shape is None:
        shape = _new_title(deck, target, root)
    _write_line(shape, new)
    deck.package.touch(target.part)
    warnings = [SIGNED] if deck.package.signed else []
    return Edited.of(deck.package.save(), [Hunk(f"slide {slide}, title", before, new)], warnings)


def _new_title(deck: Deck, slide: Slide, root: Element) -> Element:
    layout = deck.layout_part(slide)
    model = title_shape(deck.package.xml(layout)) if layout else None
    shape = shape_from(model, root, "Title") if model is not None else _title_of_master(deck, slide, layout, root)
    first = next((e for e in tree(root) if not is_(e, "p:nvGrpSpPr", "p:grpSpPr")), None)
    if first is None:
        tree(root).append(shape)
    else:
        first.addprevious(shape)
    return shape


def _title_of_master(deck: Deck, slide: Slide, layout: str, root: Element) -> Element:
    """Return a title that stands where the master has its own: the layout has none to take the place from."""
    texts = [text for s in shapes(tree(root)) if (text := plain(s).split("\n")[0][:80])]
    masters = [m for m in deck.package.related(layout, "slideMaster") if deck.package.has(m)] if layout else []
    model = title_shape(deck.package.xml(masters[0])) if masters else None
    if texts or model is None:
        hint = f"Its first text is {texts[0]!r}: replace that." if texts else "Add a slide with another layout."
        raise ToolInputError(
            f"Slide {slide.number} has no title, and its layout has no place for one.", hint=hint, code="no_title"
        )
    shape = shape_from(model, root, "Title")
    own, drawn = child(shape, "p:spPr"), child(model, "p:spPr", "a:xfrm")
    if own is not None and drawn is not None:
        own.append(copy.deepcopy(drawn))
    return shape


def shape_from(model: Element, root: Element, name: str) -> Element:
    """Return a new placeholder that takes place and format from a layout's one; not yet on a slide."""
    shape = etree.Element(like(root, "p:sp"))
    shown = etree.SubElement(shape, like(root, "p:nvSpPr"))
    number = free_id(root)
    etree.SubElement(shown, like(root, "p:cNvPr"), id=str(number), name=f"{name} {number - 1}")
    locks = etree.SubElement(shown, like(root, "p:cNvSpPr"))
    etree.SubElement(locks, like(root, "a:spLocks"), noGrp="1")
    place = placeholder(model)
    wanted = ("type", "idx", "orient", "sz")
    kept = {} if place is None else {key: value for key in wanted if (value := place.get(key)) is not None}
    etree.SubElement(etree.SubElement(shown, like(root, "p:nvPr")), like(root, "p:ph"), kept)
    etree.SubElement(shape, like(root, "p:spPr"))
    body = etree.SubElement(shape, like(root, "p:txBody"))
    for part in ("a:bodyPr", "a:lstStyle", "a:p"):
        etree.SubElement(body, like(root, part))
    return shape


def _write_line(shape: Element, text: str) -> None:
    """Write one paragraph (with line breaks, if `text` has any) into a shape."""
    body = child(shape, "p:txBody")
    if body is None:
        body = etree.SubElement(shape, like(shape, "p:txBody"))
        for name in ("a:bodyPr", "a:lstStyle"):
            etree.SubElement(body, like(shape, name))
    present = children(body, "a:p")
    full = [p for p in present if plain(p)] or present
    for paragraph in present:
        if full and paragraph is not full[0]:
            body.remove(paragraph)
    set_text(full[0] if full else etree.SubElement(body, like(shape, "a:p")), text)


def add_slide(
    content: bytes,
    title: str,
    bullets: Sequence[str | Bullet] = (),
    *,
    layout: str | None = None,
    position: int | None = None,
    notes: str = "",
) -> Edited:
    """Return the presentation with one more slide, made from one of its own layouts.

    A bullet may be text that is indented by two spaces (or a tab) for each level. `layout` is a layout's name
    (default: the one with a title and a body); `position` the number that the slide gets (default: the last).
    Raises ToolInputError: unknown layout or position, or a layout without room for bullets.
    """
    deck = Deck.open(content)
    lines = [as_bullet(bullet) for bullet in bullets]
    slide, warnings = insert_slide(deck, title, lines, layout=layout, position=position)
    if len(chunks(lines, room(deck, deck.layout_part(slide)))) > 1:
        warnings.append(f"The points may be more than fits on slide {slide.number}.")
    if notes:
        write_notes(deck, slide, checked(notes, "notes").strip("\n"))
    shown = "\n".join([title, *(f"{'  ' * b.level}- {b.text}" for b in lines)])
    hunks = [Hunk(f"slide {slide.number}", "", shown, "structure")]
    if notes:
        hunks.append(Hunk(f"slide {slide.number}, notes", "", notes))
    return Edited.of(deck.package.save(), hunks, warnings + ([SIGNED] if deck.package.signed else []))


def as_bullet(text: str | Bullet) -> Bullet:
    """Return a bullet from a line of text: indentation gives its level, a leading "-", "*" or "•" is dropped."""
    if isinstance(text, Bullet):
        return Bullet(checked(text.text, "bullet"), text.level)
    line = checked(text, "bullet").expandtabs(2).rstrip()
    bare = line.lstrip(" ")
    level = min((len(line) - len(bare)) // 2, 8)
    for mark in ("- ", "* ", "• ", "– "):
        bare = bare.removeprefix(mark)
    return Bullet(bare.strip(), level)


def insert_slide(
    deck: Deck, title: str, bullets: Sequence[Bullet], *, layout: str | None = None, position: int | None = None
) -> tuple[Slide, list[str]]:
    """Put a new slide into the deck; return it, and what to warn about. Raises ToolInputError like `add_slide`."""
    count = len(deck.slides())
    if position is not None and not 1 <= position <= count + 1:
        raise ToolInputError(f"A new slide can't become number {position}.", hint=f"Use 1 to {count + 1}.")
    number = position or count + 1
    name, layout_part = choose_layout(deck, layout, bullets=bool(bullets))
    named = "" if layout is None else name
    root, warnings = _compose(deck, layout_part, checked(title, "title").strip(), bullets, named)
    if number > 1 and count:
        _footers_from(deck.slides()[min(number - 1, count) - 1], deck, layout_part, root)
    part = deck.package.unused_name("ppt/slides/slide{}.xml")
    data = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    deck.package.add(part, data, _SLIDE)
    deck.package.relate(part, "slideLayout", layout_part)
    _list_slide(deck, part, number)
    return Slide(number, part, hidden=False), warnings


def choose_layout(deck: Deck, wanted: str | None, *, bullets: bool) -> tuple[str, str]:
    """Return name and part of a layout: the named one, else the plain one for a title with or without bullets."""
    layouts = deck.layouts()
    if not layouts:
        raise DocumentError("The presentation has no slide layouts to make a slide from.", code="broken")
    if wanted is not None:
        for name, part in layouts:
            if name.strip().casefold() == wanted.strip().casefold():
                return name, part
        raise ToolInputError.unknown("layout", wanted, [name for name, _ in layouts])
    titled = [(n, p) for n, p in layouts if title_shape(deck.package.xml(p)) is not None]
    plain_ones = [(n, p) for n, p in titled if deck.package.xml(p).get("type") not in _SPECIAL]
    with_body = [(n, p) for n, p in plain_ones if _body_of(deck, p) is not None]
    for kind in () if bullets else ("titleOnly",):
        for name, part in titled:
            if deck.package.xml(part).get("type") == kind:
                return name, part
    if with_body:
        return _usual(deck, with_body)
    return (([] if bullets else plain_ones) or titled or layouts)[0]


def _usual(deck: Deck, candidates: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the plain layout among those with title and body: by its type, its name, or as the one most used."""
    for kind in ("obj", "tx"):
        for name, part in candidates:
            if deck.package.xml(part).get("type") == kind:
                return name, part
    for name, part in candidates:
        if name.strip().casefold() == "title and content":
            return name, part
    simple = [c for c in candidates if len(_bodies(deck, c[1])) == 1] or list(candidates)
    used = [deck.layout_part(slide) for slide in deck.slides()]
    return max(simple, key=lambda c: used.count(c[1]))


def _bodies(deck: Deck, layout_part: str) -> list[Element]:
    return [s for s in shapes(tree(deck.package.xml(layout_part))) if is_(s, "p:sp") and _takes_bullets(s)]


def _body_of(deck: Deck, layout_part: str) -> Element | None:
    """Return the largest placeholder for text of a layout."""
    return max(_bodies(deck, layout_part), key=_area, default=None)


def _takes_bullets(shape: Element) -> bool:
    return is_body(shape) and placeholder_type(shape) in ("", "obj", "body", "subTitle")


def _area(shape: Element) -> int:
    """Return the area of a shape; one that takes its place from the master counts as large."""
    extent = child(shape, "p:spPr", "a:xfrm", "a:ext")
    if extent is None:
        return 1 << 60
    return numbers(extent.get("cx")) * numbers(extent.get("cy"))


def _compose(
    deck: Deck, layout_part: str, title: str, bullets: Sequence[Bullet], named: str
) -> tuple[Element, list[str]]:
    layout = deck.package.xml(layout_part)
    root = _empty_slide(layout)
    warnings = []
    head = title_shape(layout)
    if head is not None:
        shape = shape_from(head, root, "Title")
        tree(root).append(shape)
        _write_line(shape, title)
    elif title:
        shape = _placed(deck, root, "Title", {"type": "title"}, (0.05, 0.05, 0.9, 0.15))
        _write_line(shape, title)
    body = _body_of(deck, layout_part)
    if bullets and body is None:
        shape = _placed(deck, root, "Text", None, (0.05, 0.25, 0.9, 0.65))
        write_bullets(shape, bullets)
        _mark_bullets(shape)
        warnings.append("The layout has no place for bullets; they stand in a text box.")
    elif body is not None and (bullets or named):
        shape = shape_from(body, root, "Content Placeholder")
        tree(root).append(shape)
        write_bullets(shape, bullets)
    return root, warnings


def _placed(
    deck: Deck, root: Element, name: str, place: dict[str, str] | None, box: tuple[float, float, float, float]
) -> Element:
    """Add a text shape at its own place, for layouts that have none for it; `box` is in parts of the slide."""
    model = etree.Element(like(root, "p:sp"))
    shown = etree.SubElement(etree.SubElement(model, like(root, "p:nvSpPr")), like(root, "p:nvPr"))
    etree.SubElement(shown, like(root, "p:ph"), place or {})
    shape = shape_from(model, root, name)
    tree(root).append(shape)
    if place is None:
        mark = placeholder(shape)
        parent = None if mark is None else mark.getparent()
        if mark is not None and parent is not None:
            parent.remove(mark)
    width, height = deck.size()
    left, top, wide, high = (round(part * side) for part, side in zip(box, (width, height) * 2, strict=True))
    look = child(shape, "p:spPr")
    if look is not None:
        frame = etree.SubElement(look, like(root, "a:xfrm"))
        etree.SubElement(frame, like(root, "a:off"), x=str(left), y=str(top))
        etree.SubElement(frame, like(root, "a:ext"), cx=str(wide), cy=str(high))
        form = etree.SubElement(look, like(root, "a:prstGeom"), prst="rect")
        etree.SubElement(form, like(root, "a:avLst"))
    return shape


def write_bullets(shape: Element, bullets: Sequence[Bullet]) -> None:
    """Make the bullets the paragraphs of a placeholder."""
    body = child(shape, "p:txBody")
    if body is None:
        return
    set_lines(body, [b.text for b in bullets])
    for paragraph, bullet in zip(children(body, "a:p"), bullets, strict=False):
        if bullet.level:
            look = child(paragraph, "a:pPr")
            if look is None:
                look = etree.Element(like(shape, "a:pPr"))
                paragraph.insert(0, look)
            look.set("lvl", str(bullet.level))


def _mark_bullets(shape: Element) -> None:
    """Give the paragraphs of a text box the bullets and indents that a placeholder would inherit."""
    for paragraph in shape.iter(*tags("a:p")):
        look = child(paragraph, "a:pPr")
        if look is None:
            look = etree.Element(like(shape, "a:pPr"))
            paragraph.insert(0, look)
        indent = 285750  # EMU for each level
        look.set("marL", str(indent * (numbers(look.get("lvl")) + 1)))
        look.set("indent", str(-indent))
        etree.SubElement(look, like(shape, "a:buFont"), typeface="Arial")
        etree.SubElement(look, like(shape, "a:buChar"), char="•")


def _empty_slide(layout: Element) -> Element:
    """Return the root of a slide without shapes, in the flavour of the layout."""
    spaces = {prefix: flavour(layout)[prefix] for prefix in ("a", "r", "p")}
    root = etree.Element(like(layout, "p:sld"), nsmap=spaces)
    shapes_root = etree.SubElement(etree.SubElement(root, like(root, "p:cSld")), like(root, "p:spTree"))
    shown = etree.SubElement(shapes_root, like(root, "p:nvGrpSpPr"))
    etree.SubElement(shown, like(root, "p:cNvPr"), id="1", name="")
    etree.SubElement(shown, like(root, "p:cNvGrpSpPr"))
    etree.SubElement(shown, like(root, "p:nvPr"))
    etree.SubElement(shapes_root, like(root, "p:grpSpPr"))
    colours = etree.SubElement(root, like(root, "p:clrMapOvr"))
    etree.SubElement(colours, like(root, "a:masterClrMapping"))
    return root


def _footers_from(neighbour: Slide, deck: Deck, layout_part: str, root: Element) -> None:
    """Give the new slide the footer, date and number that the slide before it shows, where its layout has them."""
    layout = deck.package.xml(layout_part)
    for shape in shapes(tree(deck.package.xml(neighbour.part))):
        model = matching(shape, layout) if placeholder_type(shape) in _FOOTERS and is_(shape, "p:sp") else None
        if model is None or is_title(model) or any(relation(e, n) for e in shape.iter() for n in ("id", "embed")):
            continue
        twin = copy.deepcopy(shape)
        for element in list(twin.iter(*tags("p:extLst", "a:extLst"))):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
        shown = next(twin.iter(*tags("p:cNvPr")))
        shown.set("id", str(free_id(root)))
        own, theirs = placeholder(twin), placeholder(model)
        if own is not None and theirs is not None and theirs.get("idx"):
            own.set("idx", theirs.get("idx", ""))
        tree(root).append(twin)


def _list_slide(deck: Deck, part: str, number: int) -> None:
    """Enter a slide into the presentation's list (and the section of its neighbour) as number `number`."""
    package = deck.package
    relation_id = package.relate(package.main, "slide", part)
    root = deck.root
    present = child(root, "p:sldIdLst")
    if present is None:
        present = etree.Element(like(root, "p:sldIdLst"))
        before = [e for e in root if is_(e, "p:sldMasterIdLst", "p:notesMasterIdLst", "p:handoutMasterIdLst")]
        root.insert(root.index(before[-1]) + 1 if before else 0, present)
    entries = {relation(e): e for e in children(present, "p:sldId")}
    slide_id = max([_FIRST_ID - 1, *(numbers(e.get("id")) for e in entries.values())]) + 1
    entry = etree.Element(like(root, "p:sldId"), id=str(slide_id))
    entry.set(like(root, "r:id"), relation_id)
    previous = deck.slides()[number - 2] if number > 1 else None
    ids = [r.id for r in package.relationships(package.main) if previous is not None and r.target == previous.part]
    neighbour = next((entries[i] for i in ids if i in entries), None)
    present.insert(0 if neighbour is None else present.index(neighbour) + 1, entry)
    _join_section(root, str(slide_id), None if neighbour is None else neighbour.get("id"))
    package.touch(package.main)


def _join_section(root: Element, slide_id: str, neighbour: str | None) -> None:
    """Enter the slide into the section of the slide before it ([MS-PPTX] 2.4.3.6), if the deck has sections."""
    lists = [e for s in root.iter(*tags("p14:section")) for e in children(s, "p14:sldIdLst")]
    for entries in lists:
        for i, element in enumerate(entries):
            if element.get("id") == neighbour:
                entries.insert(i + 1, etree.Element(element.tag, id=slide_id))
                return
    if lists:
        lists[0].insert(0, etree.Element(like(root, "p14:sldId"), id=slide_id))


__all__ = ["TITLE_TYPES", "Bullet", "add_slide", "as_bullet", "choose_layout", "insert_slide", "set_title"]
