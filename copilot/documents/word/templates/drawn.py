"""A picture that stands in a line of text (ECMA-376 part 1, 20.4.2.8), made from its bytes."""

from __future__ import annotations

import hashlib

from lxml import etree

from copilot.documents.excel.pictures import Picture, picture_of
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, is_strict, new

_PIXEL = 9_525  # English metric units
_WIDEST = 5_731_510  # the text of an A4 page with margins of an inch
_OFFICE = "http://schemas.openxmlformats.org/{}"
_STRICT = "http://purl.oclc.org/ooxml/{}"
_INLINE = (
    '<wp:inline xmlns:wp="{wp}" xmlns:a="{a}" xmlns:pic="{pic}" xmlns:r="{r}" distT="0" distB="0" distL="0" distR="0">'
    '<wp:extent cx="{cx}" cy="{cy}"/><wp:docPr id="{id}" name="Picture {id}"/>'
    '<a:graphic><a:graphicData uri="{pic}"><pic:pic><pic:nvPicPr><pic:cNvPr id="{id}" name="Picture {id}"/>'
    '<pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="{rel}"/><a:stretch><a:fillRect/></a:stretch>'
    '</pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{cx}" cy="{cy}"/></a:xfrm>'
    '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline>'
)


def drawing(
    document: Document, near: Element, part: str, data: bytes, number: int, *, width: int = 0, height: int = 0,
    alt: str = "",
) -> Element:  # fmt: skip
    """Return a `w:drawing` of a picture for a run of `part`; its bytes become a part of their own.

    `width` and `height` are in English metric units; one keeps the proportions, none takes the picture's own size, as
    wide as a page at most. `number` is its id. Raises ToolInputError "image" for bytes that are no picture.
    """
    facts = picture_of(data)
    relation = document.package.relate(part, "image", media(document, data, facts))
    cx, cy = _size(facts, width, height)
    form = _STRICT if is_strict(near) else _OFFICE
    year = "" if is_strict(near) else "2006/"
    filled = _INLINE.format(
        wp=form.format(f"drawingml/{year}wordprocessingDrawing"),
        a=form.format(f"drawingml/{year}main"),
        pic=form.format(f"drawingml/{year}picture"),
        r=form.format(f"officeDocument/{year}relationships"),
        cx=cx,
        cy=cy,
        id=number,
        rel=relation,
    )
    inline = etree.fromstring(filled)
    if alt:
        inline[1].set("descr", alt)
    made = new(near, "drawing")
    made.append(inline)
    return made


def media(document: Document, data: bytes, facts: Picture) -> str:
    """Return the part with a picture's bytes: one that is there if it holds the very same, else a new one."""
    package = document.package
    seed = hashlib.sha256(data).hexdigest()[:12]
    part = f"word/media/picture-{seed}.{facts.ending}"
    if not package.has(part):
        package.add(part, data, facts.content_type)
    return part


def _size(facts: Picture, width: int, height: int) -> tuple[int, int]:
    wide, high = facts.width * _PIXEL, facts.height * _PIXEL
    if width and height:
        return width, height
    scale = min(1.0, _WIDEST / wide)
    if width or height:
        scale = width / wide if width else height / high
    return max(round(wide * scale), 1), max(round(high * scale), 1)
