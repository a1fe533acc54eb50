"""The pictures, charts and shapes of a document: where each stands, what it shows, and what describes it (20.4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document
from copilot.documents.word.measures import EMU
from copilot.documents.word.names import Element, child, descendants, name, relation_key, relationship, within
from copilot.errors import ToolInputError

_KINDS = (("picture", "picture"), ("chart", "chart"), ("diagram", "diagram"), ("wordprocessing", "shape"))
_LISTED = 12  # pictures that a message names


@dataclass(frozen=True)
class Drawing:
    """A drawing of a document; `number` counts from 1, headers, footers and notes behind the body.

    `element` is the frame (`wp:inline`, `wp:anchor`) or, of old files, the `w:pict`; `block` the paragraph it is in.
    """

    number: int
    element: Element
    block: Block

    @property
    def kind(self) -> str:
        """What it is: "picture", "group", "chart", "diagram", "shape", "object" (embedded) or "drawing"."""
        if name(self.element) in ("w:pict", "w:object"):
            return "object" if name(self.element) == "w:object" else "picture"
        uris = " ".join(each.get("uri") or "" for each in self.element.iter() if name(each) == "a:graphicData")
        if "wordprocessing" in uris and self.blips:
            return "picture" if len(self.blips) == 1 else "group"
        return next((kind for mark, kind in _KINDS if mark in uris), "drawing")

    @property
    def floating(self) -> bool:
        """Whether it has a place of its own on the page, with the text around it."""
        if name(self.element) == "wp:anchor":
            return True
        return any("position:absolute" in (each.get("style") or "") for each in self.element.iter() if name(each))

    @property
    def described(self) -> list[Element]:
        """The elements that carry its name and alternative text, the one that counts first."""
        wanted = ("wp:docPr", "pic:cNvPr") if name(self.element).startswith("wp:") else ("v:shape", "v:rect")
        found = [each for each in self.element.iter() if name(each) in wanted]
        return found[:1] if len(self.blips) > 1 else found

    @property
    def name(self) -> str:
        """Its name, as Word's selection pane shows it."""
        return next((each.get("name") or each.get("id") or "" for each in self.described), "")

    @property
    def alt(self) -> str:
        """Its alternative text, "" where it has none."""
        words = (each.get("descr") or each.get("alt") or "" for each in self.described)
        return next((each for each in words if each.strip()), "")

    @property
    def size(self) -> tuple[float, float] | None:
        """Width and height in centimetres, None where a style says them."""
        extent = child(self.element, "wp:extent")
        try:
            width, height = (int(extent.get(key) or "") for key in ("cx", "cy")) if extent is not None else (0, 0)
        except ValueError:
            return None
        return (round(width / 360_000, 2), round(height / 360_000, 2)) if width and height else None

    @property
    def blips(self) -> list[Element]:
        """The elements that refer to the bytes of its pictures."""
        return [each for each in self.element.iter() if name(each) in ("a:blip", "v:imagedata")]

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f"{self.kind} {self.number} ({self.block.where})"


def drawings(document: Document) -> Iterator[Drawing]:
    """Yield the drawings of all stories in order, the copies for programs older than Word 2010 left out."""
    number = 0
    for block in document.blocks:
        if block.kind != "paragraph":
            continue
        for element in _frames(block.element):
            number += 1
            yield Drawing(number, element, block)


def _frames(paragraph: Element) -> Iterator[Element]:
    for each in descendants(paragraph, "w:drawing", "w:pict", "w:object"):
        if within(each, "w:p") is not paragraph or within(each, "mc:Fallback", "w:del", "w:moveFrom") is not None:
            continue
        if name(each) == "w:drawing":
            yield from (frame for frame in each if name(frame) in ("wp:inline", "wp:anchor"))
        elif any(name(inner) == "v:imagedata" for inner in each.iter()):
            yield each


def find_drawing(document: Document, wanted: int | str) -> Drawing:
    """Return the drawing with that number, name, alternative text, or the only one of the paragraph at an address.

    Raises ToolInputError "unknown_picture" or "ambiguous_picture", with what there is; "stale_address".
    """
    known = list(drawings(document))
    text = str(wanted).strip().casefold()
    fitting = [each for each in known if text and text in (each.name.casefold(), each.alt.casefold())]
    if not fitting and text.isdigit():
        fitting = [each for each in known if each.number == int(text)]
    if not fitting and isinstance(wanted, str) and document.is_address(wanted):
        place = document.at(wanted)
        fitting = [e for e in known if e.block.path == place.path or e.block.path.startswith(f"{place.path}.")]
    listed = "; ".join(f"{e.number}: {e.name or e.kind} in {e.block.where}" for e in known[:_LISTED])
    if not fitting:
        hint = f"There is: {listed}." if known else "The document has none."
        raise ToolInputError(f"There is no picture {wanted!r}.", hint=hint, code="unknown_picture")
    if len(fitting) > 1:
        hint = f"Give its number: {listed}."
        raise ToolInputError(f"{len(fitting)} pictures fit {wanted!r}.", hint=hint, code="ambiguous_picture")
    return fitting[0]


def next_id(document: Document) -> int:
    """Return an id that no drawing of the document has (20.4.2.5)."""
    parts = dict.fromkeys(story.part for story in document.stories)
    found = [each.get("id") or "" for p in parts for each in document.package.xml(p).iter() if name(each) == "wp:docPr"]
    return max((int(each) for each in found if each.isdigit() and int(each) < 2**31 - 1), default=0) + 1


def target(document: Document, drawing: Drawing, blip: Element) -> tuple[str, str]:
    """Return the relationship id of a picture's bytes and the part they are in; ("", "") where they are linked."""
    key = "embed" if name(blip) == "a:blip" else "id"
    wanted = relationship(blip, key)
    links = document.package.relationships(drawing.block.story.part)
    found = next((each for each in links if each.id == wanted and not each.external), None)
    return (wanted, found.target) if found is not None else ("", "")


def release(document: Document, part: str, media: str) -> None:
    """Drop a part that `part` referred to when nothing does any more."""
    package = document.package
    ids = {each.id for each in package.relationships(part) if each.target == media and not each.external}
    root = package.xml(part)
    if any(str(given) in ids for each in root.iter() for given in each.attrib.values()):
        return
    package.unrelate(part, media)
    others = (name for name in package.names() if name.endswith(".xml"))
    if package.has(media) and not any(r.target == media for other in others for r in package.relationships(other)):
        package.remove(media)


def embed_key(blip: Element, near: Element) -> str:
    """Return the attribute of a blip that names the bytes."""
    return relation_key(near, "embed" if name(blip) == "a:blip" else "id")


def emu(twips: int) -> int:
    """Return a length in English Metric Units."""
    return twips * EMU
