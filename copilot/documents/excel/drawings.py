"""The drawing of a sheet (SpreadsheetDrawingML, ECMA-376, 20.5): what lies on it, where, and what puts it there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from copilot.documents.excel import elements, markup
from copilot.documents.excel.cells import SheetReader
from copilot.documents.excel.chartxml import STRICT, TRANSITIONAL, Namespaces
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, parse_cell, split_sheet
from copilot.documents.excel.workbook import Sheet, Workbook
from copilot.errors import ToolInputError

_DRAWING = "application/vnd.openxmlformats-officedocument.drawing+xml"
#: English metric units: of a pixel at 96 dots an inch, and of a column and a row of default size.
PIXEL, COLUMN, ROW = 9525, 64 * 9525, 20 * 9525
_ANCHORS = ("twoCellAnchor", "oneCellAnchor", "absoluteAnchor")
#: What an anchor may hold (EG_ObjectChoices, 20.5.2).
_OBJECTS = ("sp", "grpSp", "graphicFrame", "cxnSp", "pic", "contentPart")

Kind = Literal["chart", "chartex", "picture", "other"]
#: left, top, right, bottom in columns and rows from 0; right and bottom are not covered.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Placed:
    """A chart, a picture or another object on a sheet.

    `holder` is the child of the drawing that holds it, `frame` the object's own element; `target` the part that it
    shows ("" for none), `area` the cells that it covers.
    """

    sheet: Sheet
    part: str
    holder: etree._Element
    anchor: etree._Element
    frame: etree._Element
    kind: Kind
    target: str
    area: Area

    @property
    def properties(self) -> etree._Element | None:
        """Its `cNvPr`: id, name, alternative text."""
        return next((e for e in self.frame.iter() if local(e) == "cNvPr"), None)

    @property
    def name(self) -> str:
        """Its name, as Excel's selection pane shows it."""
        return self.properties.get("name", "") if self.properties is not None else ""

    @property
    def alt(self) -> str:
        """Its alternative text."""
        return self.properties.get("descr", "") if self.properties is not None else ""

    @property
    def grouped(self) -> bool:
        """Whether it is part of a group, so that it has no place of its own."""
        return any(local(e) == "grpSp" for e in self.frame.iterancestors())

    @property
    def where(self) -> str:
        """The place as a citation names it."""
        return f"{self.sheet.name}!{self.area}"


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace, "" for comments."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """Return the element at the end of a path of local names, None where one of them is missing."""
    for name in path:
        element = next((e for e in element if local(e) == name), None) if element is not None else None
    return element


def namespaces(workbook: Workbook) -> Namespaces:
    """Return the namespaces of the file's flavour."""
    return STRICT if workbook.package.strict else TRANSITIONAL


def drawing_of(workbook: Workbook, sheet: Sheet) -> str | None:
    """Return the sheet's drawing part, None where it has none."""
    return next((p for p in workbook.package.related(sheet.part, "drawing") if workbook.package.has(p)), None)


def placed(workbook: Workbook, sheet: Sheet) -> list[Placed]:
    """Return what lies on a sheet, in the order of the drawing (the last one on top)."""
    part = drawing_of(workbook, sheet)
    found: list[Placed] = []
    if part is None:
        return found
    targets = {r.id: r.target for r in workbook.package.relationships(part)}
    for holder in workbook.package.xml(part):
        for anchor in _anchors(holder):
            area = _area(anchor)
            found += [_placed(sheet, part, holder, anchor, f, targets, area) for f in _frames(anchor)]
    return found


def _anchors(holder: etree._Element) -> Iterator[etree._Element]:
    """Yield the anchors that a child of the drawing is or holds: of alternate content, those of its first choice."""
    if local(holder) in _ANCHORS:
        yield holder
    elif local(holder) == "AlternateContent":
        for choice in list(holder)[:1]:
            yield from (e for e in choice if local(e) in _ANCHORS)


def _frames(element: etree._Element) -> Iterator[etree._Element]:
    """Yield the charts and pictures in an anchor, those in groups too; anything else as one object."""
    for each in element:
        name = local(each)
        if name == "AlternateContent":
            for choice in list(each)[:1]:
                yield from _frames(choice)
        elif name == "grpSp":
            inside = list(_frames(each))
            yield from inside or [each]
        elif name in _OBJECTS:
            yield each


def _placed(
    sheet: Sheet,
    part: str,
    holder: etree._Element,
    anchor: etree._Element,
    frame: etree._Element,
    targets: dict[str, str],
    area: Area,
) -> Placed:
    kind, relation = _shown(frame)
    return Placed(sheet, part, holder, anchor, frame, kind, targets.get(relation, ""), area)


def _shown(frame: etree._Element) -> tuple[Kind, str]:
    """Return what an object is, and the id of its relationship."""
    if local(frame) == "pic":
        return "picture", _relation(child(frame, "blipFill", "blip"), "embed")
    data = child(frame, "graphic", "graphicData") if local(frame) == "graphicFrame" else None
    chart = child(data, "chart")
    if chart is None or data is None:
        return "other", ""
    extended = "chartex" in data.get("uri", "")
    return ("chartex" if extended else "chart"), _relation(chart, "id")


def _relation(element: etree._Element | None, name: str) -> str:
    if element is None:
        return ""
    return next((str(v) for k, v in element.attrib.items() if str(k).endswith("}" + name)), "")


def _area(anchor: etree._Element) -> Area:
    """Return the cells under an anchor; those that only an extent tells are estimated from the default sizes."""
    left, top = _corner(child(anchor, "from"))
    if local(anchor) == "twoCellAnchor":
        right, bottom = _corner(child(anchor, "to"), last=True)
    else:
        extent, position = child(anchor, "ext"), child(anchor, "pos")
        if position is not None:
            left, top = _number(position.get("x")) // COLUMN, _number(position.get("y")) // ROW
        wide = _number(extent.get("cx")) if extent is not None else 0
        high = _number(extent.get("cy")) if extent is not None else 0
        right, bottom = left + max(wide - 1, 0) // COLUMN, top + max(high - 1, 0) // ROW
    return Area(top + 1, left + 1, max(bottom, top) + 1, max(right, left) + 1)


def _corner(element: etree._Element | None, *, last: bool = False) -> tuple[int, int]:
    """Return (column, row) of a corner from 0; as the `last` cells that are covered: without an offset, one before."""
    column, row, right, down = (
        _number(getattr(child(element, n), "text", "")) for n in ("col", "row", "colOff", "rowOff")
    )
    return column - (last and not right), row - (last and not down)


def _number(text: str | None) -> int:
    """Return a whole number, 0 for what is none: drawings of other producers are not always exact."""
    match = re.match(r"\s*-?\d+", text or "")
    return max(int(match[0]), 0) if match else 0


def moved(anchor: etree._Element, box: Box, *, keep_size: bool) -> None:
    """Give an anchor another place; `keep_size` keeps its offsets inside of the corner cells."""
    left, top, right, bottom = box
    for name, column, row in (("from", left, top), ("to", right, bottom)):
        corner = child(anchor, name)
        for part, value in (("col", column), ("row", row)):
            found = child(corner, part)
            if found is not None:
                found.text = str(value)
        for part in () if keep_size else ("colOff", "rowOff"):
            found = child(corner, part)
            if found is not None:
                found.text = "0"
    extent, position = child(anchor, "ext"), child(anchor, "pos")
    if position is not None:
        position.set("x", str(left * COLUMN))
        position.set("y", str(top * ROW))
    if extent is not None and not keep_size:
        extent.set("cx", str((right - left) * COLUMN))
        extent.set("cy", str((bottom - top) * ROW))


# --- finding room ------------------------------------------------------------------------------------------------


def box_at(workbook: Workbook, sheet: Sheet, anchor: str, width: int, height: int) -> Box:
    """Return the box whose top left corner is the cell `anchor`; raises ToolInputError where it leaves the sheet."""
    row, column = parse_cell(split_sheet(anchor)[1])
    if column - 1 + width >= MAX_COLUMN or row - 1 + height >= MAX_ROW:
        raise ToolInputError(f"At {anchor} it would leave the sheet.", hint="Choose another cell.", code="address")
    return column - 1, row - 1, column - 1 + width, row - 1 + height


def free_box(workbook: Workbook, sheet: Sheet, width: int, height: int) -> Box:
    """Return the first box right of the data and of tables that covers no other object: below those that are there."""
    used = _used(workbook, sheet)
    left, top = (used.right + 1, used.top - 1) if used else (1, 0)
    if left + width >= MAX_COLUMN:
        left, top = (used.left - 1, used.bottom + 1) if used else (1, 0)
    others = [p.area for p in placed(workbook, sheet)]
    while True:
        mine = Area(top + 1, left + 1, top + height, left + width)
        under = [other.bottom for other in others if other.overlaps(mine)]
        if not under:
            return left, top, left + width, top + height
        top = max(under) + 1


def covering(workbook: Workbook, sheet: Sheet, area: Area) -> list[str]:
    """Return a warning for an object at `area` that hides cells which hold something."""
    if sheet.kind != "worksheet":
        return []
    reader = SheetReader(workbook, sheet)
    hidden = [cell.address for _, cells in reader.rows(area) for cell in cells if not cell.blank]
    if not hidden:
        return []
    more = f" and {len(hidden) - 5:,} more" if hidden[5:] else ""
    return [f"At {sheet.name}!{area} it covers cells that hold something: {', '.join(hidden[:5])}{more}."]


def _used(workbook: Workbook, sheet: Sheet) -> Area | None:
    if sheet.kind != "worksheet":
        return None
    used = Grid.of(workbook, sheet, compute=False, fast=True).used
    tables = [t.area for t in workbook.tables_on(sheet)]
    return Area.around(c for a in [*([used] if used else []), *tables] for c in ((a.top, a.left), (a.bottom, a.right)))


# --- putting in and taking out ---------------------------------------------------------------------------------------


def drawing_for(workbook: Workbook, sheet: Sheet) -> str:
    """Return the sheet's drawing part, made and linked if there is none."""
    part = drawing_of(workbook, sheet)
    if part is not None:
        return part
    package, names = workbook.package, namespaces(workbook)
    part = package.unused_name("xl/drawings/drawing{}.xml")
    empty = f'<xdr:wsDr xmlns:xdr="{names.drawing}" xmlns:a="{names.main}"></xdr:wsDr>'
    package.add(part, b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + empty.encode(), _DRAWING)
    relation = package.relate(sheet.part, "drawing", part)
    data = markup.plain(package.read(sheet.part), sheet.part)
    prefix = markup.prefix_of(data)
    made = b"<" + prefix + f'drawing xmlns:r="{names.relationships}" r:id="{relation}"/>'.encode()
    package.write(sheet.part, elements.put(data, prefix, b"drawing", made))
    return part


def put_on(workbook: Workbook, drawing: str, fragment: bytes) -> None:
    """Put an anchor into a drawing part, on top of what is there; every other byte stays."""
    data = markup.plain(workbook.package.read(drawing), drawing)
    root = elements.root_of(data)
    match = re.match(rb"<([^\s/>]+)", data[root.start : root.inner])
    name = match[1] if match else b"wsDr"
    workbook.package.write(drawing, markup.insert_into(data, root, name, fragment))


def next_id(workbook: Workbook, drawing: str) -> int:
    """Return an id that no object of a drawing part has (cNvPr/@id)."""
    found = re.findall(rb"""cNvPr\b[^>]*?\sid\s*=\s*["'](\d+)""", workbook.package.read(drawing))
    return max((int(n) for n in found), default=1) + 1


def take_off(workbook: Workbook, found: Placed) -> None:
    """Remove an object with the parts that only it needs; raises ToolInputError for one in a group."""
    if found.grouped:
        message = f"{found.name!r} at {found.where} is part of a group."
        raise ToolInputError(message, hint="Ungroup it in Excel first.", code="grouped")
    package = workbook.package
    parent = found.holder.getparent()
    if parent is not None:
        parent.remove(found.holder)
    package.touch(found.part)
    if found.target and not _names(workbook, found.part, found.target):
        package.unrelate(found.part, found.target)
        drop_unused(workbook, found.target)


def _names(workbook: Workbook, part: str, target: str) -> bool:
    """Return whether a part still names one of its relationships to `target`."""
    ids = {r.id for r in workbook.package.relationships(part) if r.target == target}
    return any(str(v) in ids for e in workbook.package.xml(part).iter() for k, v in e.attrib.items() if "}" in str(k))


def drop_unused(workbook: Workbook, part: str) -> None:
    """Remove a part to which nothing leads any more, and what then hangs on nothing (its styles, its user shapes)."""
    package = workbook.package
    if not package.has(part) or _reached(workbook, part):
        return
    below = [r.target for r in package.relationships(part) if not r.external]
    package.remove(part)
    for each in below:
        drop_unused(workbook, each)


def _reached(workbook: Workbook, part: str) -> bool:
    package = workbook.package
    sources = ["", *(n for n in package.names() if not n.endswith(".rels"))]
    return any(r.target.casefold() == part.casefold() for s in sources for r in package.relationships(s))


def anchor_xml(box: Box, content: str, names: Namespaces, *, size: tuple[int, int] | None = None) -> bytes:
    """Return an anchor around an object; with `size` (EMU) it keeps its size when cells change theirs.

    It declares its own namespaces, so that it fits into any drawing part.
    """
    left, top, right, bottom = box

    def corner(tag: str, column: int, row: int) -> str:
        place = (
            f"<xdr:col>{column}</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>{row}</xdr:row><xdr:rowOff>0</xdr:rowOff>"
        )
        return f"<xdr:{tag}>{place}</xdr:{tag}>"

    tag = "oneCellAnchor" if size else "twoCellAnchor"
    end = f'<xdr:ext cx="{size[0]}" cy="{size[1]}"/>' if size else corner("to", right, bottom)
    return (
        f'<xdr:{tag} xmlns:xdr="{names.drawing}" xmlns:a="{names.main}">{corner("from", left, top)}{end}'
        f"{content}<xdr:clientData/></xdr:{tag}>"
    ).encode()


def chart_frame(relation: str, number: int, name: str, names: Namespaces) -> str:
    """Return the frame of a chart for `anchor_xml`."""
    return (
        f'<xdr:graphicFrame macro=""><xdr:nvGraphicFramePr><xdr:cNvPr id="{number}" '
        f'name="{markup.escape(name, quote=True)}"/><xdr:cNvGraphicFramePr/></xdr:nvGraphicFramePr>'
        '<xdr:xfrm><a:off x="0" y="0"/><a:ext cx="0" cy="0"/></xdr:xfrm>'
        f'<a:graphic><a:graphicData uri="{names.chart}">'
        f'<c:chart xmlns:c="{names.chart}" xmlns:r="{names.relationships}" r:id="{relation}"/>'
        "</a:graphicData></a:graphic></xdr:graphicFrame>"
    )
