"""Native tables on slides."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from lxml import etree

from copilot.documents.powerpoint.deck import tree
from copilot.documents.powerpoint.geometry import POINT, Box
from copilot.documents.powerpoint.names import Element, like
from copilot.documents.powerpoint.notes import free_id
from copilot.documents.powerpoint.paragraphs import checked

_STYLE = "{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}"  # "Medium Style 2 - Accent 1", which PowerPoint has built in
_NUMBER = re.compile(r"[-+−(]?\s*[$€£¥]?\s*[\d.,'\u00a0\u202f ]*\d[\d.,]*\s*(%|[A-Z]{3}|[$€£¥])?\)?\Z")

Rows = Sequence[Sequence[str]]


def font_size(columns: int) -> float:
    """Return the size in points at which a table of so many columns is still legible and fits."""
    return 14.0 if columns <= 5 else 12.0 if columns <= 8 else 10.0


def widths(rows: Rows, total: int) -> list[int]:
    """Return the columns' widths in EMU: by their longest words and their amount of text, `total` together."""
    columns = list(zip(*rows, strict=True))
    wanted = [max(max(min(len(c), 40) for c in column), 4) + 2 for column in columns]
    found = [total * w // sum(wanted) for w in wanted]
    found[-1] += total - sum(found)
    return found


def row_height(row: Sequence[str], columns: Sequence[int], size: float) -> int:
    """Return about how high a row stands, in EMU."""
    lines = 1
    for cell, width in zip(row, columns, strict=True):
        letters = max((width / POINT - 14.4) / (size * 0.52), 3)
        lines = max(lines, sum(max(1, math.ceil(len(part) / letters)) for part in cell.split("\n")))
    return round((lines * size * 1.2 + 12) * POINT)


def pages(rows: Rows, box: Box) -> list[list[list[str]]]:
    """Return the rows in tables that fit the box, each with the header."""
    square = squared(rows)
    if not square:
        return []
    size = font_size(len(square[0]))
    columns = widths(square, box.width)
    header, found = square[0], [[square[0]]]
    used = row_height(header, columns, size)
    for row in square[1:]:
        height = row_height(row, columns, size)
        if used + height > box.height and len(found[-1]) > 1:
            found.append([header])
            used = row_height(header, columns, size)
        found[-1].append(row)
        used += height
    return found


def table_fits(rows: Rows, box: Box) -> bool:
    """Return whether the whole table fits the box."""
    square = squared(rows)
    columns = widths(square, box.width)
    size = font_size(len(columns))
    return sum(row_height(row, columns, size) for row in square) <= box.height


def squared(rows: Rows) -> list[list[str]]:
    """Return the rows with equally many cells, checked for letters that no document can hold."""
    width = max((len(row) for row in rows), default=0)
    return [[checked(cell, "table") for cell in row] + [""] * (width - len(row)) for row in rows]


def add_table(root: Element, rows: Rows, box: Box, name: str) -> None:
    """Put a table on a slide: the first row is its header, numbers stand to the right."""
    size = font_size(len(rows[0]))
    columns = widths(rows, box.width)
    heights = [row_height(row, columns, size) for row in rows]
    frame = etree.SubElement(tree(root), like(root, "p:graphicFrame"))
    shown = etree.SubElement(frame, like(root, "p:nvGraphicFramePr"))
    etree.SubElement(shown, like(root, "p:cNvPr"), id=str(free_id(root)), name=name)
    locks = etree.SubElement(shown, like(root, "p:cNvGraphicFramePr"))
    etree.SubElement(locks, like(root, "a:graphicFrameLocks"), noGrp="1")
    etree.SubElement(shown, like(root, "p:nvPr"))
    place = etree.SubElement(frame, like(root, "p:xfrm"))
    etree.SubElement(place, like(root, "a:off"), x=str(box.left), y=str(box.top))
    etree.SubElement(place, like(root, "a:ext"), cx=str(sum(columns)), cy=str(sum(heights)))
    uri = like(root, "a:x")[1:].partition("}")[0].replace("/main", "/table")
    data = etree.SubElement(etree.SubElement(frame, like(root, "a:graphic")), like(root, "a:graphicData"), uri=uri)
    table = etree.SubElement(data, like(root, "a:tbl"))
    look = etree.SubElement(table, like(root, "a:tblPr"), firstRow="1", bandRow="1")
    etree.SubElement(look, like(root, "a:tableStyleId")).text = _STYLE
    grid = etree.SubElement(table, like(root, "a:tblGrid"))
    for width in columns:
        etree.SubElement(grid, like(root, "a:gridCol"), w=str(width))
    right = [_is_number_column([row[i] for row in rows[1:]]) for i in range(len(columns))]
    for row, height in zip(rows, heights, strict=True):
        line = etree.SubElement(table, like(root, "a:tr"), h=str(height))
        for text, to_right in zip(row, right, strict=True):
            _cell(line, text, size, to_right=to_right)


def _is_number_column(cells: Sequence[str]) -> bool:
    filled = [c.strip() for c in cells if c.strip()]
    return bool(filled) and all(_NUMBER.match(c) for c in filled)


def _cell(line: Element, text: str, size: float, *, to_right: bool) -> None:
    cell = etree.SubElement(line, like(line, "a:tc"))
    body = etree.SubElement(cell, like(line, "a:txBody"))
    etree.SubElement(body, like(line, "a:bodyPr"))
    etree.SubElement(body, like(line, "a:lstStyle"))
    for part in text.split("\n"):
        paragraph = etree.SubElement(body, like(line, "a:p"))
        if to_right:
            etree.SubElement(paragraph, like(line, "a:pPr"), algn="r")
        if part:
            run = etree.SubElement(paragraph, like(line, "a:r"))
            etree.SubElement(run, like(line, "a:rPr"), sz=str(round(size * 100)))
            etree.SubElement(run, like(line, "a:t")).text = part
        else:
            etree.SubElement(paragraph, like(line, "a:endParaRPr"), sz=str(round(size * 100)))
    etree.SubElement(cell, like(line, "a:tcPr"), anchor="ctr")
