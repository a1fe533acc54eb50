"""Pictures: put in, replaced, described in words, taken out, listed (ECMA-376 part 1, 20.2 and 20.4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

from lxml import etree

from copilot.documents.hunks import Hunk
from copilot.documents.images import Raster, raster_of
from copilot.documents.operations import FileContent
from copilot.documents.word import build, order, remove
from copilot.documents.word.blocks import Block
from copilot.documents.word.captions import captioned
from copilot.documents.word.document import Document
from copilot.documents.word.drawings import Drawing, drawings, embed_key, emu, find_drawing, next_id, release, target
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.insert import Position, inserted, spot
from copilot.documents.word.measures import Length, shown, twips
from copilot.documents.word.names import Element, add, child, every, is_strict, name, new, relation_key, within
from copilot.documents.word.tables.looks import align_paragraph
from copilot.errors import ToolInputError

_HIGHEST = 12_240  # twentieths of a point: no picture is made higher than this without being asked to
_OTHER_SHAPE = 0.02  # by how much the proportions may differ before a picture in the old frame looks distorted
_SPACES = {
    False: {
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    },
    True: {
        "wp": "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing",
        "a": "http://purl.oclc.org/ooxml/drawingml/main",
        "pic": "http://purl.oclc.org/ooxml/drawingml/picture",
    },
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, chart or shape of a document: `number` and `address` name it, the size is in centimetres."""

    number: int
    kind: str
    address: str
    where: str
    name: str
    alt: str
    width: float | None
    height: float | None
    floating: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


def list_pictures(content: bytes) -> list[Picture]:
    """Return the pictures, charts and shapes of a document, headers and footers included; raises DocumentError."""
    document = Document(content)
    found = []
    for each in drawings(document):
        width, height = each.size or (None, None)
        address = document.address(each.block)
        found.append(
            Picture(
                each.number, each.kind, address, each.block.where, each.name, each.alt, width, height, each.floating
            )
        )
    return found


@editor
def insert_picture(
    document: Document,
    image: FileContent,
    *,
    at: str = "",
    position: Position = "after",
    width: Length | None = None,
    height: Length | None = None,
    alt: Words = "",
    caption: Words = "",
    align: Literal["left", "center", "right"] | None = None,
) -> Edit:
    """Put a PNG, JPEG, GIF, BMP or TIFF picture into a paragraph of its own at a heading or an address, "" the end.

    `image` is what is in its file (an operation names the file). Sizes are in centimetres; one of them keeps the
    proportions, none takes the picture's own size, never wider than the text. `alt` says what it shows; `caption` is
    put below with the next figure number. Raises ToolInputError "image" for other bytes, "length"; DocumentError.
    """
    raster = raster_of(image)
    place = spot(document, at, position)
    near = place.beside or Block(document.body, "paragraph", "", "", place.story)
    size = _size(raster, build.text_width(document, near), width, height)
    part = place.story.part
    relation = document.package.relate(part, "image", _media(document, raster, image))
    made = new(place.element, "p")
    frame = _frame(made, relation, next_id(document), build.clean(alt, "alt"), size)
    add(add(made, "r"), "drawing").append(frame)
    if align is not None:
        align_paragraph(made, align)
    words = f"{raster.kind} picture, {shown(size[0])} x {shown(size[1])}"
    edit = inserted(document, place, [made], [words + (f": {alt}" if alt else "")])
    if caption and (block := document.block_of(made)) is not None:
        order.set_child(order.ensure(made, "pPr"), "keepNext")
        below = captioned(document, block, caption, "", "below")
        if align is not None and (under := made.getnext()) is not None:
            align_paragraph(under, align)
        edit = Edit.of([*edit.hunks, *below.hunks], [*edit.warnings, *below.warnings])
    missing = [] if alt else ["The picture has no alternative text: who can't see it learns nothing of it."]
    return Edit.of(edit.hunks, [*edit.warnings, *missing])


def _size(raster: Raster, room: int, width: float | str | None, height: float | str | None) -> tuple[int, int]:
    """Return width and height in twentieths of a point."""
    own = tuple(max(round(side * 1440), 1) for side in raster.inches)
    wide = twips(width, "width", whole=room) if width is not None else None
    high = twips(height, "height") if height is not None else None
    if wide is not None and high is not None:
        return wide, high
    scale = min(1.0, room / own[0], _HIGHEST / own[1])
    if wide is not None:
        scale = wide / own[0]
    elif high is not None:
        scale = high / own[1]
    return max(round(own[0] * scale), 1), max(round(own[1] * scale), 1)


def _media(document: Document, raster: Raster, data: bytes) -> str:
    """Return the part that holds the picture: one that is there if it holds the very same bytes."""
    package = document.package
    for part in package.names():
        if part.startswith("word/media/") and package.size(part) == len(data) and package.read(part) == data:
            return part
    part = package.unused_name(f"word/media/image{{}}.{raster.ending}")
    package.add(part, data, raster.content_type)
    return part


def _frame(near: Element, relation: str, number: int, alt: str, size: tuple[int, int]) -> Element:
    """Return the `wp:inline` of a picture (20.4.2.8)."""
    spaces = _SPACES[is_strict(near)]
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in spaces.items())
    links = relation_key(near)[1:].partition("}")[0]
    described = f' descr="{escape(alt, quote=True)}"' if alt else ""
    extent = f'cx="{emu(size[0])}" cy="{emu(size[1])}"'
    return etree.fromstring(
        f'<wp:inline {declared} distT="0" distB="0" distL="0" distR="0"><wp:extent {extent}/>'
        f'<wp:effectExtent l="0" t="0" r="0" b="0"/><wp:docPr id="{number}" name="Picture {number}"{described}/>'
        '<wp:cNvGraphicFramePr><a:graphicFrameLocks noChangeAspect="1"/></wp:cNvGraphicFramePr><a:graphic>'
        f'<a:graphicData uri="{spaces["pic"]}"><pic:pic><pic:nvPicPr>'
        f'<pic:cNvPr id="{number}" name="Picture {number}"{described}/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill>'
        f'<a:blip xmlns:r="{links}" r:embed="{relation}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr>'
        f'<a:xfrm><a:off x="0" y="0"/><a:ext {extent}/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
        "</pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline>"
    )


@editor
def replace_picture(document: Document, picture: int | str, image: FileContent, *, proportional: bool = False) -> Edit:
    """Show another picture in the place of one (by number, name, alternative text or address); size and place stay.

    `proportional` changes the height to the new picture's proportions. Raises ToolInputError "image",
    unknown_picture, ambiguous_picture, or "kind" for what is no single picture; DocumentError.
    """
    raster = raster_of(image)
    drawing = find_drawing(document, picture)
    if drawing.kind != "picture" or len(drawing.blips) != 1:
        raise ToolInputError(f"{drawing.label} is no single picture, so it can't be replaced.", code="kind")
    blip = drawing.blips[0]
    part = drawing.block.story.part
    _, old = target(document, drawing, blip)
    media = _media(document, raster, image)
    if media == old:
        raise ToolInputError(f"{drawing.label} shows that picture already.", code="unchanged")
    warnings = list(_bare(drawing, blip))
    blip.set(embed_key(blip, drawing.element), document.package.relate(part, "image", media))
    warnings += _fit(drawing, raster, proportional=proportional)
    document.touch(drawing.block.story)
    if old:
        release(document, part, old)
    after = f"{raster.kind} picture, {raster.width} x {raster.height} pixels"
    before = f"{old.rpartition('.')[2].upper() or 'linked'} picture"
    return Edit.of(
        [Hunk(f"{drawing.block.where}, {drawing.name or drawing.label}", before, after, "structure")], warnings
    )


def _bare(drawing: Drawing, blip: Element) -> list[str]:
    """Take off what belongs to the old picture: its link, its crop, its vector twin; return what to warn about."""
    warnings = []
    linked = relation_key(drawing.element, "link")
    if linked in blip.attrib:
        del blip.attrib[linked]
        warnings.append("The old picture was linked to a file; the new one is kept in the document.")
    for extension in [e for e in blip.iter() if isinstance(e.tag, str) and e.tag.endswith("}svgBlip")]:
        holder = extension.getparent()
        if holder is not None:
            remove.unlink(holder)
    for crop in [e for e in drawing.element.iter() if name(e) == "a:srcRect" and e.attrib]:
        crop.attrib.clear()
        warnings.append("The old picture was cropped; the new one is shown whole.")
    return warnings


def _fit(drawing: Drawing, raster: Raster, *, proportional: bool) -> list[str]:
    """Give the frame the proportions of the picture, or return the warning that it has others."""
    extent = child(drawing.element, "wp:extent")
    size = drawing.size
    if size is None or extent is None:
        return []
    ratio = raster.height / raster.width
    if abs(size[1] / size[0] / ratio - 1) <= _OTHER_SHAPE:
        return []
    if not proportional:
        return ["The new picture has other proportions than the frame, so it looks stretched; see `proportional`."]
    high = str(max(round(int(extent.get("cx") or 0) * ratio), 1))
    old = extent.get("cx"), extent.get("cy")
    for each in drawing.element.iter():
        if name(each) in ("wp:extent", "a:ext") and (each.get("cx"), each.get("cy")) == old:
            each.set("cy", high)
    return []


@editor
def alt_text(document: Document, picture: int | str, text: Words) -> Edit:
    """Say in words what a picture, chart or shape shows; "" takes the words away.

    `picture` is its number, name, alternative text or address. Raises ToolInputError unknown_picture,
    ambiguous_picture or unchanged; DocumentError.
    """
    drawing = find_drawing(document, picture)
    before, words = drawing.alt, build.clean(text, "text")
    holders = drawing.described[:1] + [e for e in drawing.described[1:] if e.get("descr")]
    if before == words or not holders:
        raise ToolInputError(f"{drawing.label} is described like that already.", code="unchanged")
    for each in holders:
        key = "descr" if name(each) in ("wp:docPr", "pic:cNvPr") else "alt"
        if words:
            each.set(key, words)
        elif key in each.attrib:
            del each.attrib[key]
    document.touch(drawing.block.story)
    return Edit.of([Hunk(f"{drawing.block.where}, alternative text of {drawing.name or drawing.kind}", before, words)])


@editor
def delete_picture(document: Document, picture: int | str) -> Edit:
    """Delete a picture, chart or shape, and its paragraph when nothing else stands in it; a caption stays.

    `picture` is its number, name, alternative text or address. Raises ToolInputError unknown_picture,
    ambiguous_picture, or "text" for one that holds text; DocumentError.
    """
    drawing = find_drawing(document, picture)
    if next(every(drawing.element, "txbxContent"), None) is not None:
        hint = "Delete the paragraph that it stands in, or its text."
        raise ToolInputError(f"{drawing.label} holds text of its own.", hint=hint, code="text")
    part = drawing.block.story.part
    media = {media for blip in drawing.blips if (media := target(document, drawing, blip)[1])}
    shown_ = f"{drawing.kind} {drawing.name}".strip() + (f": {drawing.alt}" if drawing.alt else "")
    _take_out(drawing)
    document.touch(drawing.block.story)
    for each in sorted(media):
        release(document, part, each)
    return Edit.of([Hunk(drawing.block.where, shown_, "", "structure")])


def _take_out(drawing: Drawing) -> None:
    holder = within(drawing.element, "mc:AlternateContent")
    element = holder if holder is not None and within(holder, "w:p") is drawing.block.element else drawing.element
    if (
        element is drawing.element
        and name(element).startswith("wp:")
        and (frame := within(element, "w:drawing")) is not None
    ):
        element = frame
    run = within(element, "w:r")
    remove.unlink(element)
    if run is not None and all(name(each) in ("", "w:rPr") for each in run):
        remove.unlink(run)
    paragraph = drawing.block.element
    if all(name(each) in ("", "w:pPr") for each in paragraph) and not remove.must_stay(paragraph):
        parent = paragraph.getparent()
        remove.unlink(paragraph)
        if parent is not None:
            remove.end_with_paragraph(parent)


#: The operations of this module.
OPERATIONS = (insert_picture, replace_picture, alt_text, delete_picture)
