"""A presentation as slides in their order, over the parts of its package. Holds no state but the package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.package import Package
from copilot.documents.powerpoint.names import Element, child, children, is_, relation, tags
from copilot.errors import DocumentError, ToolInputError

TITLE_TYPES = ("title", "ctrTitle")
_BODY_TYPES = ("", "obj", "body", "subTitle", "tbl", "chart", "dgm")


@dataclass(frozen=True, slots=True)
class Slide:
    """A slide: its number (from 1, in the order of the show, hidden ones counted) and the part that holds it."""

    number: int
    part: str
    hidden: bool


class Deck:
    """The slides, layouts and notes of a PowerPoint file."""

    def __init__(self, package: Package) -> None:
        self.package = package

    @classmethod
    def open(cls, content: bytes) -> Deck:
        """Return the deck in `content`. Raises DocumentError (see Package.open; unsupported for other files)."""
        package = Package.open(content)
        if package.kind != "powerpoint":
            raise DocumentError(f"This is a {package.kind} file, not a PowerPoint presentation.", code="unsupported")
        return cls(package)

    @property
    def root(self) -> Element:
        """The root of the presentation part."""
        return self.package.xml(self.package.main)

    def slides(self) -> list[Slide]:
        """Return the slides in the order of the show; entries that lead nowhere are left out."""
        targets = {r.id: r.target for r in self.package.relationships(self.package.main) if not r.external}
        found: list[Slide] = []
        for entry in children(child(self.root, "p:sldIdLst"), "p:sldId"):
            part = targets.get(relation(entry), "")
            if part and self.package.has(part):
                show = self.package.xml(part).get("show", "1")
                found.append(Slide(len(found) + 1, part, show in ("0", "false")))
        return found

    def lost_slides(self) -> int:
        """Return how many slides the presentation lists without holding them."""
        return len(children(child(self.root, "p:sldIdLst"), "p:sldId")) - len(self.slides())

    def slide(self, number: int) -> Slide:
        """Return one slide; raises ToolInputError when there is no such number."""
        slides = self.slides()
        if not 1 <= number <= len(slides):
            have = f"The presentation has slides 1 to {len(slides)}." if slides else "The presentation has no slides."
            raise ToolInputError(f"There is no slide {number}.", hint=have, code="unknown_slide")
        return slides[number - 1]

    def size(self) -> tuple[int, int]:
        """Return width and height of a slide in EMU (914,400 to the inch)."""
        element = child(self.root, "p:sldSz")
        if element is None:
            return 9144000, 6858000  # the default of the standard, 4:3
        return numbers(element.get("cx"), 9144000), numbers(element.get("cy"), 6858000)

    def notes_part(self, slide: Slide) -> str:
        """Return the name of a slide's notes part, "" if it has none."""
        return self._first(slide.part, "notesSlide")

    def layout_part(self, slide: Slide) -> str:
        """Return the name of a slide's layout part, "" if it has none."""
        return self._first(slide.part, "slideLayout")

    def _first(self, part: str, kind: str) -> str:
        return next((name for name in self.package.related(part, kind) if self.package.has(name)), "")

    def masters(self) -> list[str]:
        """Return the slide masters' part names in order."""
        return [name for name in self.package.related(self.package.main, "slideMaster") if self.package.has(name)]

    def layouts(self) -> list[tuple[str, str]]:
        """Return the layouts of all masters as (name, part), in the order that PowerPoint shows them."""
        found = []
        for master in self.masters():
            targets = {r.id: r.target for r in self.package.relationships(master) if not r.external}
            for entry in children(child(self.package.xml(master), "p:sldLayoutIdLst"), "p:sldLayoutId"):
                part = targets.get(relation(entry), "")
                if part and self.package.has(part):
                    found.append((name_of(self.package.xml(part)), part))
        return found


def name_of(root: Element) -> str:
    """Return the name of a layout."""
    data = child(root, "p:cSld")
    return "" if data is None else data.get("name", "")


def tree(root: Element) -> Element:
    """Return the shape tree of a slide, layout, master or notes part; raises DocumentError if it is missing."""
    found = child(root, "p:cSld", "p:spTree")
    if found is None:
        raise DocumentError("A slide of the presentation has no shape tree: it is damaged.", code="broken")
    return found


def shapes(parent: Element) -> Iterator[Element]:
    """Yield the shapes of a shape tree, those in groups after their group, as a viewer of today shows them.

    Of alternative content the first choice is taken (ECMA-376 part 3, 7.2), unless only the fallback is something
    that can be read.
    """
    for element in parent:
        if is_(element, "p:sp", "p:graphicFrame", "p:pic", "p:cxnSp", "p:contentPart"):
            yield element
        elif is_(element, "p:grpSp"):
            yield element
            yield from shapes(element)
        elif is_(element, "mc:AlternateContent"):
            choice = child(element, "mc:Choice")
            fallback = child(element, "mc:Fallback")
            readable = choice is not None and next(choice.iter(*tags("p:sp", "p:graphicFrame", "p:pic")), None)
            taken = choice if readable is not None else fallback
            if taken is not None:
                yield from shapes(taken)


def properties(shape: Element) -> Element | None:
    """Return a shape's `p:cNvPr`: id, name, alternative text, hidden."""
    return next((child(c, "p:cNvPr") for c in shape if c.tag in _NV and child(c, "p:cNvPr") is not None), None)


_NV = tags("p:nvSpPr", "p:nvGraphicFramePr", "p:nvPicPr", "p:nvCxnSpPr", "p:nvGrpSpPr", "p:nvContentPartPr")


def placeholder(shape: Element) -> Element | None:
    """Return a shape's `p:ph`, None when it is no placeholder."""
    for element in shape:
        if element.tag in _NV:
            return child(element, "p:nvPr", "p:ph")
    return None


def placeholder_type(shape: Element) -> str | None:
    """Return the type of a placeholder ("" for one without, which takes any content), None for other shapes."""
    found = placeholder(shape)
    return None if found is None else found.get("type", "")


def is_title(shape: Element) -> bool:
    """Return whether the shape is the title of its slide."""
    return placeholder_type(shape) in TITLE_TYPES


def is_body(shape: Element) -> bool:
    """Return whether the shape is a placeholder for bullets."""
    return placeholder_type(shape) in _BODY_TYPES


def title_shape(root: Element) -> Element | None:
    """Return the title shape of a slide or layout."""
    return next((s for s in shapes(tree(root)) if is_title(s)), None)


def matching(shape: Element, layout: Element) -> Element | None:
    """Return the placeholder of a layout that a slide's placeholder inherits from: the same index, else the type."""
    place = placeholder(shape)
    if place is None:
        return None
    others = [(s, p) for s in shapes(tree(layout)) if (p := placeholder(s)) is not None]
    same = [s for s, p in others if p.get("idx", "0") == place.get("idx", "0") and not is_title(s)]
    if same and not is_title(shape):
        return same[0]
    kinds = TITLE_TYPES if is_title(shape) else (place.get("type", ""),)
    return next((s for s, p in others if p.get("type", "") in kinds), None)


def numbers(text: str | None, default: int = 0) -> int:
    """Return an attribute as a number, the default when it is none."""
    try:
        return int(float(text)) if text else default
    except ValueError:
        return default
