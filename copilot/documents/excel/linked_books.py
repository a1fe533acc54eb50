"""Linked workbooks (ECMA-376 part 1, 18.14): their names by number, and the values that the file keeps of them."""

from __future__ import annotations

import re

from copilot.documents.excel import markup
from copilot.documents.excel.refs import parse_cell
from copilot.documents.excel.values import CellError, Scalar, number
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

At = tuple[int, int]


def parts(workbook: Workbook) -> list[str]:
    """Return the parts of the linked workbooks in the order of their numbers, "" for one that is missing."""
    package = workbook.package
    targets = {r.id: r.target for r in package.relationships(package.main)}
    group = workbook.child("externalReferences")
    found = []
    for element in group if group is not None else ():
        ids = [str(v) for k, v in element.attrib.items() if str(k).endswith("}id")]
        part = targets.get(ids[0], "") if ids else ""
        found.append(part if part and package.has(part) else "")
    return found


def books(workbook: Workbook) -> list[str]:
    """Return the names of the linked workbooks' files in the order of their numbers."""
    package = workbook.package
    found = []
    for part in parts(workbook):
        links = [r.target for r in package.relationships(part)] if part else []
        found.append(re.split(r"[/\\]", links[0])[-1] if links else "")
    return found


def kept_values(workbook: Workbook, part: str) -> dict[str, dict[At, Scalar]]:
    """Return the values that the file keeps of a linked workbook, by the names of its sheets."""
    data = markup.plain(workbook.package.read(part), part)
    prefix = markup.prefix_of(data)
    listed = markup.find_all(data, prefix + b"sheetName")
    names = [markup.attribute(data[e.start : e.inner], b"val") or "" for e in listed]
    found: dict[str, dict[At, Scalar]] = {name: {} for name in names}
    for sheet in markup.find_all(data, prefix + b"sheetData"):
        index = int(markup.attribute(data[sheet.start : sheet.inner], b"sheetId") or 0)
        if index < len(names):
            found[names[index]] = _cells(data, prefix, sheet)
    return found


def _cells(data: bytes, prefix: bytes, sheet: markup.Element) -> dict[At, Scalar]:
    cells: dict[At, Scalar] = {}
    for cell in markup.find_all(data, prefix + b"cell", sheet.inner, sheet.close):
        tag = data[cell.start : cell.inner]
        held = markup.find(data, prefix + b"v", cell.inner, cell.close)
        try:
            at = parse_cell(markup.attribute(tag, b"r") or "")
        except ToolInputError:
            continue
        text = markup.unescape(data[held.inner : held.close].decode("utf-8", "replace")) if held else ""
        cells[at] = _typed(text, markup.attribute(tag, b"t") or "n")
    return cells


def _typed(text: str, kind: str) -> Scalar:
    if kind == "b":
        return text.strip() in ("1", "true")
    if kind == "e":
        return CellError(text)
    if kind != "n":
        return text
    try:
        return number(text) if text.strip() else None
    except ValueError:
        return text
