"""The calculation chain (18.6) and the request to calculate everything when the file is opened."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.documents.excel import markup
from copilot.documents.excel.workbook import Sheet, Workbook


def drop_formulas(workbook: Workbook, sheet: Sheet, addresses: Sequence[str]) -> None:
    """Take cells that hold no formula any more out of the calculation chain; an empty chain is removed."""
    package = workbook.package
    parts = [p for p in package.related(package.main, "calcChain") if package.has(p)]
    if not addresses or not parts:
        return
    data = markup.plain(package.read(parts[0]), parts[0])
    written, left = _without(data, sheet.id, set(addresses))
    if written == data:
        return
    if left:
        package.write(parts[0], written)
    else:
        package.unrelate(package.main, parts[0])
        package.remove(parts[0])


def _without(data: bytes, sheet_id: str, addresses: set[str]) -> tuple[bytes, int]:
    """Return the chain without the cells, and how many are left. An entry without `i` is on the sheet before it."""
    name = markup.prefix_of(data) + b"c"
    pieces, at, left = [], 0, 0
    current, written = "", ""
    for element in markup.find_all(data, name):
        tag = data[element.start : element.inner]
        current = markup.attribute(tag, b"i") or current
        pieces.append(data[at : element.start])
        at = element.end
        if current == sheet_id and markup.attribute(tag, b"r") in addresses:
            continue
        left += 1
        if written != current and markup.attribute(tag, b"i") is None:
            tag = markup.with_attribute(tag, b"i", current)
        written = current
        pieces += [tag, data[element.inner : element.end]]
    return b"".join([*pieces, data[at:]]), left


def set_full_calculation(workbook: Workbook) -> None:
    """Ask the program that opens the file to calculate all formulas (`fullCalcOnLoad`, 18.2.2)."""
    package = workbook.package
    data = markup.plain(package.read(package.main), package.main)
    prefix = markup.prefix_of(data)
    element = markup.find(data, prefix + b"calcPr")
    if element is not None:
        tag = data[element.start : element.inner]
        package.write(
            package.main, markup.replace_tag(data, element, markup.with_attribute(tag, b"fullCalcOnLoad", "1"))
        )
        return
    # The order of the workbook's children is fixed (18.2.27): calcPr follows these, whichever is the last there is.
    for before in (b"definedNames", b"externalReferences", b"functionGroups", b"sheets"):
        element = markup.find(data, prefix + before)
        if element is not None:
            made = b"<" + prefix + b'calcPr fullCalcOnLoad="1"/>'
            package.write(package.main, data[: element.end] + made + data[element.end :])
            return
