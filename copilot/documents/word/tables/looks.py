"""How a table looks: header rows, widths, style, place, and the fill, borders and alignment of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word import build, order
from copilot.documents.word.blocks import Block
from copilot.documents.word.colors import Color, digits
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Number, Words, editor
from copilot.documents.word.measures import Length, shown, twips
from copilot.documents.word.names import Element, child, children, is_on, is_strict, name, new, number, side, value
from copilot.documents.word.tables.grid import Grid, Row, Slot, cell_properties, table_properties
from copilot.documents.word.tables.places import box_of, column_at, table_at
from copilot.documents.word.tables.styles import table_style_id
from copilot.errors import ToolInputError

CellAlign = Literal["left", "center", "right", "justify"]
Vertical = Literal["top", "center", "bottom"]
Edge = Literal["all", "outside", "inside", "top", "bottom", "left", "right", "none"]
BorderStyle = Literal["single", "double", "dotted", "dashed", "thick"]

#: Bits of `w:tblLook` (17.4.55, part 4 14.4.15) by parameter, with the attribute that says the same; * turns it round.
_LOOK = {
    "header_row": (0x0020, "firstRow"),
    "total_row": (0x0040, "lastRow"),
    "first_column": (0x0080, "firstColumn"),
    "last_column": (0x0100, "lastColumn"),
    "banded_rows": (0x0200, "*noHBand"),
    "banded_columns": (0x0400, "*noVBand"),
}
_USUAL_LOOK = 0x04A0
_EDGES = ("top", "left", "bottom", "right")


@editor
def header_row(
    document: Document, table: Words, rows: Annotated[int, Field(ge=0)] = 1, *, keep_rows: bool | None = None
) -> Edit:
    """Let the first `rows` rows be repeated on every page (0: none); `keep_rows` keeps each row on one page.

    Raises ToolInputError "row" or "unchanged"; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    if rows >= len(grid.rows) > 0 and rows > 1:
        hint = f"It has {len(grid.rows)} rows."
        raise ToolInputError(f"{block.where} can't have {rows} header rows.", hint=hint, code="row")
    changed = [_switch_row(row, "tblHeader", row.number <= rows) for row in grid.rows]
    if keep_rows is not None:
        changed += [_switch_row(row, "cantSplit", keep_rows) for row in grid.rows]
    said = f"{rows} header row{'' if rows == 1 else 's'}"
    if keep_rows is not None:
        said += f", rows {'kept on one page' if keep_rows else 'may break across pages'}"
    return _looked(document, block, any(changed), said)


def _switch_row(row: Row, local: str, on: bool) -> bool:
    """Turn an on/off property of a row on or off (17.4.6, 17.4.49); return whether that changed anything."""
    found = child(child(row.element, "w:trPr"), f"w:{local}")
    if bool(is_on(found)) == on:
        return False
    if found is not None and (parent := found.getparent()) is not None:
        parent.remove(found)
    if on:
        order.set_child(order.ensure(row.element, "trPr"), local)
    return True


def _looked(document: Document, block: Block, changed: bool, said: str, *, where: str = "") -> Edit:
    if not changed:
        raise ToolInputError(f"{where or block.where} looks so already: nothing would change.", code="unchanged")
    document.touch(block.story)
    return Edit.of([Hunk(where or block.where, "", f"[{said}]", "format")])


@editor
def table_widths(
    document: Document,
    table: Words,
    widths: Annotated[list[Length], Field(min_length=1)],
    *,
    autofit: bool | None = None,
) -> Edit:
    """Set the widths of all columns: numbers are centimetres, "30%" a share of the text, also "1in" or "72pt".

    `autofit` says whether Word may widen columns to what is in them. Raises ToolInputError "widths" when there are
    not as many as columns, "length"; DocumentError.
    """
    block = table_at(document, table)
    grid = Grid(block)
    if len(widths) != grid.columns:
        reason = f"{len(widths)} widths for the {grid.columns} columns of {block.where}."
        raise ToolInputError(
            reason, hint="Give one for each; columns that merged cells are made of count.", code="widths"
        )
    before = grid.widths
    wanted = lengths(document, block, widths)
    set_widths(grid, wanted)
    if autofit is not None:
        order.set_child(table_properties(block.element), "tblLayout", type="autofit" if autofit else "fixed")
    document.touch(block.story)
    old, now = (", ".join(shown(width) for width in each) for each in (before, wanted))
    return Edit.of([Hunk(f"{block.where}, columns", f"[{old}]", f"[{now}]", "format")])


def lengths(document: Document, block: Block, widths: Sequence[float | str]) -> list[int]:
    """Return widths in twentieths of a point; a percentage is one of the width of the text."""
    return [twips(width, "widths", whole=build.text_width(document, block)) for width in widths]


def set_widths(grid: Grid, widths: Sequence[int]) -> None:
    """Give the columns and the whole table these widths in twentieths of a point."""
    grid.set_widths(widths)
    order.set_child(table_properties(grid.table), "tblW", w=str(sum(widths)), type="dxa")


@editor
def table_style(
    document: Document,
    table: Words,
    style: str = "",
    *,
    header_row: bool | None = None,
    total_row: bool | None = None,
    first_column: bool | None = None,
    last_column: bool | None = None,
    banded_rows: bool | None = None,
    banded_columns: bool | None = None,
) -> Edit:
    """Give a table a style by name, and say which parts of it the style sets apart (header row, bands, ...).

    Styles of Word such as "Grid Table 4 Accent 1" or "Plain Table 1" are added when the document has none of that
    name. Raises ToolInputError "unknown_table style" with the closest names, "unchanged"; DocumentError.
    """
    block = table_at(document, table)
    flags = {
        "header_row": header_row, "total_row": total_row, "first_column": first_column, "last_column": last_column,
        "banded_rows": banded_rows, "banded_columns": banded_columns,
    }  # fmt: skip
    given = {key: on for key, on in flags.items() if on is not None}
    if not style and not given:
        raise ToolInputError("Give a style, or what it is to set apart.", code="arguments")
    properties = table_properties(block.element)
    changed = False
    if style:
        wanted = table_style_id(document, style)
        changed = value(child(properties, "w:tblStyle")) != wanted
        order.set_child(properties, "tblStyle", val=wanted)
    changed |= bool(given) and set_look(properties, given)
    said = [style] if style else []
    said += [f"{key.replace('_', ' ')} {'on' if on else 'off'}" for key, on in given.items()]
    return _looked(document, block, changed, ", ".join(said))


def set_look(properties: Element, given: dict[str, bool]) -> bool:
    """Set what a table's style sets apart, in both spellings; return whether that changed anything."""
    found = child(properties, "w:tblLook")
    before = _look_bits(found)
    bits = before
    for key, on in given.items():
        bit, attribute = _LOOK[key]
        bits = bits | bit if on != attribute.startswith("*") else bits & ~bit
    if bits == before and found is not None:
        return False
    spelled = {a.lstrip("*"): "1" if bits & bit else "0" for bit, a in _LOOK.values()}
    packed = {} if is_strict(properties) else {"val": f"{bits:04X}"}
    order.set_child(properties, "tblLook", **packed, **spelled)
    return True


def _look_bits(look: Element | None) -> int:
    if look is None:
        return _USUAL_LOOK
    try:
        bits = int(value(look) or "0", 16)
    except ValueError:
        bits = 0
    for bit, attribute in _LOOK.values():
        if (said := value(look, attribute.lstrip("*"))) is not None:
            bits = bits | bit if said in ("1", "true", "on") else bits & ~bit
    return bits


@editor
def table_alignment(
    document: Document,
    table: Words,
    align: Literal["left", "center", "right"] = "left",
    *,
    indent: Length | None = None,
) -> Edit:
    """Put a table to the left, the middle or the right of the text; `indent` moves a left one in (centimetres).

    Raises ToolInputError "unchanged" or "length"; DocumentError.
    """
    block = table_at(document, table)
    properties = table_properties(block.element)
    before = [(value(each), number(each, "w")) for each in children(properties, "w:jc", "w:tblInd")]
    order.set_child(properties, "jc", val=side(properties, align))
    if indent is not None:
        order.set_child(properties, "tblInd", w=str(twips(indent, "indent", least=-31_680)), type="dxa")
    after = [(value(each), number(each, "w")) for each in children(properties, "w:jc", "w:tblInd")]
    warnings = []
    if child(properties, "w:tblpPr") is not None:
        warnings.append(f"{block.where} floats: its place on the page is set apart from its alignment.")
    edit = _looked(document, block, before != after, f"{align}" + (f", indent {indent}" if indent is not None else ""))
    return Edit.of(edit.hunks, warnings)


@editor
def cell_format(
    document: Document,
    table: Words,
    cells: str = "",
    *,
    rows: list[Number] | None = None,
    columns: list[int | str] | None = None,
    fill: Color | None = None,
    align: CellAlign | None = None,
    vertical: Vertical | None = None,
    borders: Edge | None = None,
    border_style: BorderStyle = "single",
    border_color: Color = "auto",
    border_size: Annotated[float, Field(ge=0.25, le=12)] = 0.5,
) -> Edit:
    """Format cells ("r1c1:r2c3"), whole `rows` or `columns`, or all of a table: fill, alignment, borders.

    `fill` is "#FFEECC", a name or "none"; `borders` names the edges of the cells together ("all" is every edge of each,
    "none" takes them away); `border_size` is in points. Raises ToolInputError with the code row, column, cells,
    arguments or unchanged; DocumentError.
    """
    if all(each is None for each in (fill, align, vertical, borders)):
        raise ToolInputError('No formatting is given, such as fill="FFEECC".', code="arguments")
    block = table_at(document, table)
    grid = Grid(block)
    chosen, where = _chosen(document, block, grid, cells, rows, columns)
    line = (border_style, border_size, digits(border_color))
    changed = False
    for row, slot in chosen:
        changed |= _format_cell(slot, fill, align, vertical)
        if borders is not None:
            changed |= _set_borders(slot, _edges(grid, chosen, row, slot, borders), line, borders == "none")
    said = {"fill": fill, "align": align, "vertical": vertical, "borders": borders}
    words = ", ".join(f"{key} {each}" for key, each in said.items() if each is not None)
    return _looked(document, block, changed, words, where=f"{block.where}{where}")


Chosen = Sequence[tuple[Row, Slot]]


def _chosen(
    document: Document,
    block: Block,
    grid: Grid,
    cells: str,
    rows: Iterable[int] | None,
    columns: Iterable[int | str] | None,
) -> tuple[Chosen, str]:
    """Return the cells that an operation names, and what to call them."""
    if sum(bool(each) for each in (cells, rows, columns)) > 1:
        raise ToolInputError("Give one of cells, rows and columns.", code="arguments")
    every = [(row, slot) for row in grid.rows for slot in row.slots]
    if rows:
        wanted = {grid.row(at).number for at in rows}
        return [each for each in every if each[0].number in wanted], f", rows {', '.join(map(str, sorted(wanted)))}"
    if columns:
        at = [grid.column(column_at(document, block, column)) for column in columns]
        found = [(r, s) for r, s in every if any(start <= s.start and s.end <= end for start, end in at)]
        return found, f", columns {', '.join(map(str, columns))}"
    if not cells:
        return every, ""
    top, left, bottom, right = box_of(cells)
    grid.slot(top, left), grid.slot(bottom, right)
    inside = [(r, s) for r, s in every if top <= r.number <= bottom and s.start < right and s.end >= left]
    return inside, f", {cells}"


def _format_cell(slot: Slot, fill: str | None, align: str | None, vertical: str | None) -> bool:
    before = _looks(slot.cell)
    properties = cell_properties(slot.cell)
    if fill in ("none", "auto"):
        if (found := child(properties, "w:shd")) is not None:
            properties.remove(found)
    elif fill is not None:
        order.set_child(properties, "shd", val="clear", color="auto", fill=digits(fill))
    if vertical is not None:
        order.set_child(properties, "vAlign", val=vertical)
    for paragraph in children(slot.cell, "w:p") if align else ():
        align_paragraph(paragraph, align or "left")
    return before != _looks(slot.cell)


def align_paragraph(paragraph: Element, align: str) -> None:
    """Align a paragraph: "left", "center", "right" or "justify" (17.3.1.13)."""
    order.set_child(order.ensure(paragraph, "pPr"), "jc", val="both" if align == "justify" else side(paragraph, align))


def _looks(cell: Element) -> list[str]:
    """Return what tells whether the formatting of a cell changed."""
    return [f"{name(each)}{sorted(each.attrib.values())}" for each in cell.iter() if name(each) not in ("", "w:tcPr")]


def _edges(grid: Grid, chosen: Chosen, row: Row, slot: Slot, borders: str) -> list[str]:
    """Return the edges of a cell that are meant: those between the chosen cells, or those around them."""
    if borders in ("all", "none"):
        return list(_EDGES)
    taken = {(r.number, column) for r, s in chosen for column in range(s.start, s.end)}
    bottom = grid.chain(row.number, slot)[-1][0].number
    beyond = {
        "top": (row.number - 1, slot.start),
        "bottom": (bottom + 1, slot.start),
        "left": (row.number, slot.start - 1),
        "right": (row.number, slot.end),
    }
    outer = [edge for edge in _EDGES if beyond[edge] not in taken]
    if borders == "inside":
        return [edge for edge in _EDGES if edge not in outer]
    return [edge for edge in outer if borders in ("outside", edge)]


def _set_borders(slot: Slot, edges: Sequence[str], line: tuple[str, float, str], none: bool) -> bool:
    if not edges:
        return False
    before = _looks(slot.cell)
    borders = order.ensure(cell_properties(slot.cell), "tcBorders")
    kind, size, color = line
    for edge in edges:
        spelled = side(borders, edge)
        other = {"left": "start", "right": "end", "start": "left", "end": "right"}.get(spelled)
        if other is not None and (found := child(borders, f"w:{other}")) is not None:
            borders.remove(found)
        made = (
            new(borders, spelled, val="nil")
            if none
            else new(borders, spelled, val=kind, sz=str(round(size * 8)), space="0", color=color)
        )
        order.put(borders, made)
    return before != _looks(slot.cell)


#: The operations of this module.
OPERATIONS = (header_row, table_widths, table_style, table_alignment, cell_format)
