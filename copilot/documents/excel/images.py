"""Pictures on a sheet: put in, listed, described in words, taken out (ECMA-376 part 1, 20.5.2.25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.excel import drawings, markup
from copilot.documents.excel.chart_parts import find_chart
from copilot.documents.excel.drawings import PIXEL, Placed
from copilot.documents.excel.pictures import Picture, picture_of
from copilot.documents.excel.places import cell_at
from copilot.documents.excel.verify import check_parts, signature_warning
from copilot.documents.excel.workbook import Workbook
from copilot.documents.hunks import Edited, Hunk
from copilot.documents.operations import FileContent
from copilot.errors import ToolInputError

#: Pixels that a picture covers at most when no size is given: about 17 x 13 cm.
_MOST_WIDE, _MOST_HIGH = 640, 480


@dataclass(frozen=True)
class Image:
    """A picture of a workbook; `number` counts from 1 on its sheet."""

    number: int
    placed: Placed

    @property
    def sheet(self) -> str:
        """The name of its sheet."""
        return self.placed.sheet.name

    @property
    def name(self) -> str:
        """Its name, as Excel's selection pane shows it."""
        return self.placed.name

    @property
    def alt(self) -> str:
        """Its alternative text, "" where it has none."""
        return self.placed.alt

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f"{self.name or 'picture'} ({self.placed.where})"


def list_images(workbook: Workbook, sheet: str | None = None) -> list[Image]:
    """Return the pictures of a workbook, or of one sheet; raises ToolInputError for an unknown sheet."""
    sheets = [workbook.sheet(sheet)] if sheet else list(workbook.sheets)
    return [
        Image(number, p)
        for each in sheets
        for number, p in enumerate((p for p in drawings.placed(workbook, each) if p.kind == "picture"), 1)
    ]


def find_image(workbook: Workbook, image: int | str, sheet: str | None = None) -> Image:
    """Return the picture with that number on its sheet, that name or that alternative text (case does not matter).

    Raises ToolInputError: none, several that fit, with what there is.
    """
    known = list_images(workbook, sheet)
    if not known:
        where = f"{sheet!r}" if sheet else "The workbook"
        raise ToolInputError(f"{where} has no picture.", code="unknown_image")
    text = str(image).strip().casefold()
    fitting = [i for i in known if text in (i.name.casefold(), i.alt.casefold())]
    if not fitting and text.isdigit():
        fitting = [i for i in known if i.number == int(text)]
    listed = "; ".join(f"{i.sheet} {i.number}: {i.name}" for i in known[:12])
    if not fitting:
        raise ToolInputError(f"There is no picture {image!r}.", hint=f"There is: {listed}.", code="unknown_image")
    if len(fitting) > 1:
        hint = f"Name its sheet and its number there: {listed}."
        raise ToolInputError(f"Several pictures fit {image!r}.", hint=hint, code="ambiguous_image")
    return fitting[0]


def insert_image(
    content: bytes,
    picture: FileContent,
    cell: str = "",
    sheet: str = "",
    *,
    width: Annotated[int, Field(ge=0, le=10_000)] = 0,
    height: Annotated[int, Field(ge=0, le=10_000)] = 0,
    alt: str = "",
) -> Edited:
    """Put a PNG, JPEG, GIF or BMP picture on a sheet, its top left corner at a cell, else right of the data.

    `picture` is what is in its file (an operation names the file). `width` and `height` are in pixels; one of them
    keeps the proportions, none takes the picture's own size, made smaller if it is large. `alt` describes it for those
    who can't see it. Raises ToolInputError for bytes that are no such picture.
    """
    workbook = Workbook.open(content)
    facts = picture_of(picture)
    wide, high = _size(facts, width, height)
    if cell:
        home, (row, column) = cell_at(workbook, cell, sheet)
        box = (column - 1, row - 1, column, row)
    else:
        home = workbook.sheet(sheet or None)
        box = drawings.free_box(workbook, home, -(-wide // 64), -(-high // 20))
    package, names = workbook.package, drawings.namespaces(workbook)
    drawing = drawings.drawing_for(workbook, home)
    part = _media(workbook, facts, picture)
    relation = package.relate(drawing, "image", part)
    number = drawings.next_id(workbook, drawing)
    size = (wide * PIXEL, high * PIXEL)
    frame = _picture_xml(relation, number, alt, size, names.relationships)
    drawings.put_on(workbook, drawing, drawings.anchor_xml(box, frame, names, size=size))
    check_parts(package, [home.part, drawing])
    placed = next(p for p in drawings.placed(workbook, home) if p.name == f"Picture {number}")
    shown = f"{facts.kind} picture, {wide} x {high} pixels" + (f": {alt}" if alt else "")
    warnings = [] if alt else ["The picture has no alternative text: who can't see it learns nothing of it."]
    warnings += drawings.covering(workbook, home, placed.area) if cell else []
    hunk = Hunk(placed.where, "", shown, "structure")
    return Edited.of(package.save(), [hunk], [*warnings, *signature_warning(package)])


def _size(picture: Picture, width: int, height: int) -> tuple[int, int]:
    """Return the size on the sheet in pixels at 96 dots an inch."""
    if width and height:
        return width, height
    if width or height:
        scale = width / picture.width if width else height / picture.height
    else:
        scale = min(1.0, _MOST_WIDE / picture.width, _MOST_HIGH / picture.height)
    return max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)


def _media(workbook: Workbook, picture: Picture, data: bytes) -> str:
    """Return the part that holds the picture: one that is there if it holds the very same bytes."""
    package = workbook.package
    ending = f".{picture.ending}"
    same = (n for n in package.names() if n.startswith("xl/media/") and n.endswith(ending))
    for name in same:
        if package.size(name) == len(data) and package.read(name) == data:
            return name
    part = package.unused_name("xl/media/image{}" + ending)
    package.add(part, data, picture.content_type)
    return part


def _picture_xml(relation: str, number: int, alt: str, size: tuple[int, int], relationships: str) -> str:
    described = f' descr="{markup.escape(alt, quote=True)}"' if alt else ""
    return (
        f'<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="{number}" name="Picture {number}"{described}/>'
        '<xdr:cNvPicPr><a:picLocks noChangeAspect="1"/></xdr:cNvPicPr></xdr:nvPicPr>'
        f'<xdr:blipFill><a:blip xmlns:r="{relationships}" r:embed="{relation}"/>'
        "<a:stretch><a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr><a:xfrm>"
        f'<a:off x="0" y="0"/><a:ext cx="{size[0]}" cy="{size[1]}"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></xdr:spPr></xdr:pic>'
    )


def delete_image(content: bytes, image: int | str, sheet: str = "") -> Edited:
    """Delete a picture, given by its number on the sheet, its name or its alternative text.

    Its bytes go too unless another place shows them. Raises ToolInputError: unknown picture, one in a group.
    """
    workbook = Workbook.open(content)
    found = find_image(workbook, image, sheet or None)
    hunk = Hunk(found.placed.where, f"{found.name} {found.alt}".strip() or "picture", "", "structure")
    drawings.take_off(workbook, found.placed)
    return Edited.of(workbook.package.save(), [hunk], signature_warning(workbook.package))


def set_alt_text(
    content: bytes, text: str, object: int | str = 1, sheet: str = "", kind: Literal["image", "chart"] = "image"
) -> Edited:
    """Say in words what a picture or a chart shows (its alternative text); "" takes the words away.

    `object` is its number on the sheet or its name, for a chart its title. Raises ToolInputError.
    """
    workbook = Workbook.open(content)
    if kind == "image":
        found = find_image(workbook, object, sheet or None).placed
    else:
        found = find_chart(workbook, object, sheet or None).placed
    properties = found.properties
    before = found.alt
    if properties is None or before == text:
        raise ToolInputError(f"{found.name or kind} is described like that already.", code="unchanged")
    if text:
        properties.set("descr", text)
    else:
        del properties.attrib["descr"]
    workbook.package.touch(found.part)
    check_parts(workbook.package, [found.part])
    hunk = Hunk(f"{found.where}, alternative text of {found.name}", before, text, "text")
    return Edited.of(workbook.package.save(), [hunk], signature_warning(workbook.package))


#: What this module adds to the operations on a workbook.
OPERATIONS = (insert_image, delete_image, set_alt_text)
