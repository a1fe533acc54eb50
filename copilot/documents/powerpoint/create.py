"""A new deck from an outline, in the user's template or a plain one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from lxml import etree

from copilot.documents.package import Package
from copilot.documents.powerpoint.deck import Deck, Slide, is_title, shapes, tree
from copilot.documents.powerpoint.edit import choose_layout, insert_slide
from copilot.documents.powerpoint.geometry import POINT, Box, Room, chunks, content_box, place, room
from copilot.documents.powerpoint.names import Element, is_, tags
from copilot.documents.powerpoint.notes import write_notes
from copilot.documents.powerpoint.paragraphs import checked
from copilot.documents.powerpoint.plan import SlidePlan, from_outline
from copilot.documents.powerpoint.tables import add_table, pages, squared, table_fits
from copilot.errors import ToolInputError

_MAIN = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_CONTENT_TYPES = "[Content_Types].xml"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_BORN = datetime(2026, 1, 1)  # what a new deck says about its making: a clock would change its bytes
# What the presentation part refers to that belongs to the template's slides, its reviewers or its macros.
_LEFT_BEHIND = ("slide", "viewProps", "vbaProject", "commentAuthors", "authors")
_TELLS_OF_THE_TEMPLATE = ("subject", "description", "keywords", "category", "lastPrinted", "contentStatus")
_SUBTITLE_LINES = 3
_TITLE_KINDS = {"title": ("title",), "section": ("secHead", "title", "titleOnly")}


def create(outline: str | Sequence[SlidePlan], template: bytes | None = None, *, title: str = "") -> bytes:
    """Return a deck made from an outline (see plan.from_outline) or from ready plans.

    `template` is a presentation or template whose masters and layouts are used; its slides are left out. `title`
    puts a title slide in front of an outline that has none. The same arguments give the same bytes.
    Raises ToolInputError when there is nothing to make slides from, DocumentError for a template that can't be used.
    """
    plans = from_outline(outline) if isinstance(outline, str) else list(outline)
    if title and not (plans and plans[0].kind == "title"):
        plans.insert(0, SlidePlan(title, "title"))
    if not plans or not any(p.title or not p.empty for p in plans):
        raise ToolInputError("There is no slide in the outline.", hint="Write a title line and points below it.")
    deck = Deck.open(plain_template() if template is None else template)
    _empty(deck)
    for plan in plans:
        _add(deck, plan)
    _entitle(deck, next((p.title for p in plans if p.title), ""))
    return deck.package.save()


def _add(deck: Deck, plan: SlidePlan) -> None:
    if plan.kind == "content":
        _add_content(deck, plan)
        return
    lines, rest = plan.bullets, []
    if len(lines) > _SUBTITLE_LINES or any(b.level for b in lines):
        lines, rest = [], lines
    name = _layout(deck, _TITLE_KINDS[plan.kind])
    slide, _ = insert_slide(deck, plan.title, lines, layout=name)
    write_notes(deck, slide, checked(plan.notes, "notes"))
    if rest or plan.table:
        _add_content(deck, SlidePlan("Overview", bullets=rest, table=plan.table))


def _layout(deck: Deck, kinds: Sequence[str]) -> str | None:
    """Return the name of the first layout of one of these types (ST_SlideLayoutType, 19.7.15)."""
    for kind in kinds:
        for name, part in deck.layouts():
            if deck.package.xml(part).get("type") == kind:
                return name
    return None


def _add_content(deck: Deck, plan: SlidePlan) -> None:
    """Add the slides of one topic: its bullets over as many as they need, then its table."""
    body_layout = choose_layout(deck, None, bullets=True)[1]
    space = room(deck, body_layout)
    shared = _share(plan, space)
    made = [_list_above_table(deck, plan, space)] if shared else _lists_then_tables(deck, plan, space)
    if plan.notes:
        write_notes(deck, made[0], checked(plan.notes, "notes"))


def _lists_then_tables(deck: Deck, plan: SlidePlan, space: Room) -> list[Slide]:
    lists = chunks(plan.bullets, space) if plan.bullets else []
    box = content_box(deck, choose_layout(deck, None, bullets=False)[1])
    tables = pages(plan.table, box) if plan.table else []
    count = max(len(lists) + len(tables), 1)
    titles = [plan.title if count == 1 else f"{plan.title} ({i}/{count})" for i in range(1, count + 1)]
    made = [insert_slide(deck, title, bullets)[0] for title, bullets in zip(titles, lists, strict=False)]
    for rows in tables:
        slide = insert_slide(deck, titles[len(made)], ())[0]
        root = deck.package.xml(slide.part)
        add_table(root, rows, box, f"Table {len(made) + 1}")
        deck.package.touch(slide.part)
        made.append(slide)
    return made or [insert_slide(deck, plan.title, ())[0]]


def _upper_part(plan: SlidePlan, space: Room) -> Box:
    """Return the box that the bullets of a slide need above its table."""
    needed = round((sum(space.height_of(b) for b in plan.bullets) + 14) * POINT)
    return Box(space.box.left, space.box.top, space.box.width, needed)


def _lower_part(plan: SlidePlan, space: Room) -> Box:
    top = _upper_part(plan, space).height + 12 * POINT
    return Box(space.box.left, space.box.top + top, space.box.width, space.box.height - top)


def _share(plan: SlidePlan, space: Room) -> bool:
    """Whether a few bullets and a small table fit on one slide."""
    if not plan.bullets or not plan.table or len(plan.bullets) > 4:
        return False
    lower = _lower_part(plan, space)
    return lower.height > space.box.height // 3 and table_fits(plan.table, lower)


def _list_above_table(deck: Deck, plan: SlidePlan, space: Room) -> Slide:
    slide = insert_slide(deck, plan.title, plan.bullets)[0]
    root = deck.package.xml(slide.part)
    body = next(s for s in shapes(tree(root)) if not is_title(s) and is_(s, "p:sp"))
    place(body, _upper_part(plan, space))
    add_table(root, squared(plan.table), _lower_part(plan, space), "Table 1")
    deck.package.touch(slide.part)
    return slide


def _empty(deck: Deck) -> None:
    """Take the slides out of a template with all parts that only they used, and make it a presentation."""
    package = deck.package
    before = _reachable(deck)
    for kind in _LEFT_BEHIND:
        for part in package.related(package.main, kind):
            package.unrelate(package.main, part)
    for kind in ("thumbnail", "extended-properties"):  # a picture of the first slide, and all old titles
        for part in package.related("", kind):
            package.unrelate("", part)
    for part in package.related(package.main, "presProps"):
        _remove_all(package, part, "p:custShow", "p:sldRg")
    _remove_all(package, package.main, "p:sldIdLst", "p:custShowLst", "p14:sectionLst")
    for extension in [e for e in deck.root.iter(*tags("p:ext")) if len(e) == 0]:
        _detach(extension)
    _declare(deck)
    for part in sorted(before - _reachable(deck)):
        package.remove(part)


def _remove_all(package: Package, part: str, *names: str) -> None:
    """Remove all elements with these short names from a part."""
    found = list(package.xml(part).iter(*tags(*names))) if package.has(part) else []
    for element in found:
        _detach(element)
    if found or part == package.main:
        package.touch(part)


def _detach(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _reachable(deck: Deck) -> set[str]:
    """Return the parts that relationships lead to from the package."""
    found: set[str] = set()
    waiting = [""]
    while waiting:
        for relationship in deck.package.relationships(waiting.pop()):
            target = relationship.target
            if not relationship.external and target not in found and deck.package.has(target):
                found.add(target)
                waiting.append(target)
    return found


def _declare(deck: Deck) -> None:
    """Declare the main part as a presentation (a template or slide show is declared as something else)."""
    package = deck.package
    if package.content_type(package.main) == _MAIN:
        return
    for override in package.xml(_CONTENT_TYPES):
        if override.get("PartName", "").casefold() == f"/{package.main}".casefold():
            override.set("ContentType", _MAIN)
            package.touch(_CONTENT_TYPES)


def _entitle(deck: Deck, title: str) -> None:
    """Write the deck's title into its properties."""
    for part in deck.package.related("", "core-properties"):
        if deck.package.has(part):
            root = deck.package.xml(part)
            element = next((e for e in root if str(e.tag).endswith("}title")), None)
            if element is None:
                element = etree.SubElement(root, "{http://purl.org/dc/elements/1.1/}title")
            element.text = title
            for other in [e for e in root if str(e.tag).rpartition("}")[2] in _TELLS_OF_THE_TEMPLATE]:
                root.remove(other)
            deck.package.touch(part)


@lru_cache(maxsize=1)
def plain_template() -> bytes:
    """Return our plain template, the same bytes each time."""
    from copilot.documents.powerpoint.template import default_deck

    made = default_deck()
    core = made.core_properties
    core.author = core.last_modified_by = core.title = core.keywords = core.comments = ""
    core.created = core.modified = _BORN
    core.revision = 1
    stream = io.BytesIO()
    made.save(stream)
    settled = io.BytesIO()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(settled, "w") as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, _ZIP_TIME), source.read(name), zipfile.ZIP_DEFLATED)
    return settled.getvalue()
