"""Where on a slide something stands, in words that a citation can use."""

from __future__ import annotations

from copilot.documents.powerpoint.deck import is_title, placeholder_type, properties
from copilot.documents.powerpoint.names import Element, children, is_

_PLACEHOLDERS = {
    "": "body",
    "obj": "body",
    "body": "body",
    "subTitle": "subtitle",
    "ftr": "footer",
    "dt": "date",
    "sldNum": "slide number",
    "hdr": "header",
}


def shape_place(shape: Element) -> str:
    """Return what a person would call the shape: title, body, subtitle, footer, or its kind and name."""
    if is_title(shape):
        return "title"
    kind = placeholder_type(shape)
    if kind in _PLACEHOLDERS:
        return _PLACEHOLDERS[kind]
    shown = properties(shape)
    name = "" if shown is None else shown.get("name", "")
    noun = "picture" if is_(shape, "p:pic") else "table" if table_of(shape) is not None else "shape"
    return f"{noun} {name!r}" if name else noun


def table_of(shape: Element) -> Element | None:
    """Return the `a:tbl` of a graphic frame, None for other shapes."""
    return next((t for t in graphic(shape) if is_(t, "a:tbl")), None)


def graphic(shape: Element) -> list[Element]:
    """Return what a graphic frame shows: a table, or the reference to a chart, diagram or object."""
    if not is_(shape, "p:graphicFrame"):
        return []
    return [
        thing
        for graphic in children(shape, "a:graphic")
        for data in children(graphic, "a:graphicData")
        for thing in _seen(data)
    ]


def _seen(data: Element) -> list[Element]:
    found: list[Element] = []
    for element in data:
        if is_(element, "mc:AlternateContent"):
            branches = [b for b in element if is_(b, "mc:Choice", "mc:Fallback")]
            found += list(branches[0]) if branches else []
        else:
            found.append(element)
    return found


def paragraph_place(paragraph: Element) -> str:
    """Return where on its slide a paragraph stands: "title", "table 'Plan', row 2, column 3", ..."""
    cell = ""
    for element in paragraph.iterancestors():
        if is_(element, "a:tc") and not cell:
            cell = cell_place(element)
        elif is_(element, "p:sp", "p:graphicFrame", "p:pic", "p:cxnSp"):
            return shape_place(element) + cell
    return "text" + cell


def cell_place(cell: Element) -> str:
    """Return ", row 2, column 3" for a cell of a table, counted from 1."""
    row = cell.getparent()
    table = None if row is None else row.getparent()
    if row is None or table is None:
        return ""
    return f", row {children(table, 'a:tr').index(row) + 1}, column {children(row, 'a:tc').index(cell) + 1}"
