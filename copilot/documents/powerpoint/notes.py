"""Speaker notes: written into the notes page, which is made when a slide has none."""

from __future__ import annotations

from functools import lru_cache

from lxml import etree

from copilot.documents.hunks import Edited, Hunk
from copilot.documents.package import Package
from copilot.documents.powerpoint.deck import Deck, Slide, numbers, tree
from copilot.documents.powerpoint.names import Element, child, children, is_, like, strict_xml, tags
from copilot.documents.powerpoint.paragraphs import checked, set_lines, text_of
from copilot.documents.powerpoint.related import notes_body
from copilot.documents.powerpoint.replace import SIGNED
from copilot.errors import ToolInputError

_TYPES = "application/vnd.openxmlformats-officedocument.presentationml."
_THEME = "application/vnd.openxmlformats-officedocument.theme+xml"


def set_notes(content: bytes, slide: int, text: str) -> Edited:
    """Return the presentation with `text` as the notes of a slide, a line for each paragraph; "" empties them.

    Raises ToolInputError for a slide that is not there or when nothing would change, DocumentError.
    """
    deck = Deck.open(content)
    before, after = write_notes(deck, deck.slide(slide), checked(text, "notes").strip("\n"))
    if before == after:
        raise ToolInputError(f"The notes of slide {slide} already read like that.", code="no_change")
    warnings = [SIGNED] if deck.package.signed else []
    return Edited.of(deck.package.save(), [Hunk(f"slide {slide}, notes", before, after)], warnings)


def write_notes(deck: Deck, slide: Slide, text: str) -> tuple[str, str]:
    """Write the notes of a slide and return them as they were and as they are."""
    part = deck.notes_part(slide)
    if not part and not text:
        return "", ""
    part = part or _new_page(deck, slide)
    root = deck.package.xml(part)
    body = notes_body(root)
    if body is None:
        body = _new_body(root)
    before = "\n".join(text_of(p) for p in children(body, "a:p"))
    if before != text:
        set_lines(body, text.split("\n"))
        deck.package.touch(part)
    return before, "\n".join(text_of(p) for p in children(body, "a:p"))


def _new_page(deck: Deck, slide: Slide) -> str:
    package = deck.package
    master = next((m for m in package.related(package.main, "notesMaster") if package.has(m)), "") or _new_master(deck)
    part = package.unused_name("ppt/notesSlides/notesSlide{}.xml")
    package.add(part, _flavoured(package, _samples()["page"]), f"{_TYPES}notesSlide+xml")
    package.relate(part, "notesMaster", master)
    package.relate(part, "slide", slide.part)
    package.relate(slide.part, "notesSlide", part)
    return part


def _new_master(deck: Deck) -> str:
    package = deck.package
    part = package.unused_name("ppt/notesMasters/notesMaster{}.xml")
    theme = package.unused_name("ppt/theme/theme{}.xml")
    package.add(part, _flavoured(package, _samples()["master"]), f"{_TYPES}notesMaster+xml")
    package.add(theme, _flavoured(package, _samples()["theme"]), _THEME)
    package.relate(part, "theme", theme)
    entry = etree.Element(like(deck.root, "p:notesMasterId"))
    entry.set(like(deck.root, "r:id"), package.relate(package.main, "notesMaster", part))
    present = child(deck.root, "p:notesMasterIdLst")
    if present is None:
        present = etree.Element(like(deck.root, "p:notesMasterIdLst"))
        before = child(deck.root, "p:sldMasterIdLst")  # the order is that of CT_Presentation, 19.2.1.26
        deck.root.insert(0 if before is None else deck.root.index(before) + 1, present)
    present.append(entry)
    package.touch(package.main)
    return part


def _flavoured(package: Package, data: bytes) -> bytes:
    return strict_xml(data) if package.strict else data


@lru_cache(maxsize=1)
def _samples() -> dict[str, bytes]:
    """Return an empty notes page, a notes master and its theme, as python-pptx makes them."""
    from pptx import Presentation

    made = Presentation()
    page = made.slides.add_slide(made.slide_layouts[6]).notes_slide
    for shape in list(page.placeholders):
        if shape.placeholder_format.type not in (2, 101):  # PP_PLACEHOLDER.BODY and SLIDE_IMAGE
            shape._element.getparent().remove(shape._element)
    master = page.part.notes_master.part
    theme = next(r.target_part for r in master.rels.values() if r.reltype.endswith("/theme"))
    return {"page": page.part.blob, "master": master.blob, "theme": theme.blob}


def _new_body(root: Element) -> Element:
    """Add the placeholder for the notes to a notes page that lost it."""
    shape = etree.SubElement(tree(root), like(root, "p:sp"))
    shown = etree.SubElement(shape, like(root, "p:nvSpPr"))
    etree.SubElement(shown, like(root, "p:cNvPr"), id=str(free_id(root)), name="Notes Placeholder")
    etree.SubElement(shown, like(root, "p:cNvSpPr"))
    place = etree.SubElement(shown, like(root, "p:nvPr"))
    etree.SubElement(place, like(root, "p:ph"), type="body", idx="1")
    etree.SubElement(shape, like(root, "p:spPr"))
    body = etree.SubElement(shape, like(root, "p:txBody"))
    for name in ("a:bodyPr", "a:lstStyle", "a:p"):
        etree.SubElement(body, like(root, name))
    _before_extensions(tree(root), shape)
    return body


def _before_extensions(parent: Element, shape: Element) -> None:
    last = next((e for e in parent if is_(e, "p:extLst")), None)
    if last is not None:
        last.addprevious(shape)


def free_id(root: Element) -> int:
    """Return the lowest shape id above all that a slide uses."""
    return max([1, *(numbers(e.get("id")) for e in root.iter(*tags("p:cNvPr")))]) + 1
