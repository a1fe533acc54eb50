"""The blocks of a document (paragraphs, tables, rows, cells) and the addresses that name them.

An address is a path and a short hash of the text: "p12:3fa2", "t2.r3.c1:90be", "h1.p1:0c4d". Paths:

    p12       paragraph 12 of the body         t2         table 2 of the body
    t2.r3     row 3 of it                      t2.r3.c1   the cell that starts in grid column 1
    t2.r3.c1.p1, t2.r3.c1.t1                   paragraph or table inside a cell
    p12.x1.p1                                  paragraph in text box 1 of paragraph 12
    h1 f1 fn1 en1 cm1                          header, footer, footnote, endnote, comment
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from copilot.documents.word.names import Element, child, children, descend, every, name, number, value, within

BlockKind = Literal["paragraph", "table", "row", "cell"]

_ADDRESS = re.compile(
    r"[\[{(#\s]*((?:p|t|h|f|fn|en|cm)\d+(?:\.[ptrcx]\d+)*)(?::([0-9a-f]{4}))?[\]})\s]*\Z", re.IGNORECASE
)
#: What stands for paragraphs that were not parsed, see lean.py.
SKIPPED = "ep:skipped"
MAX_SPAN = 63  # columns of a table in Word
_WRAPPERS = frozenset({"w:customXml", "w:ins", "w:moveTo", "w:smartTag", "w:sdtContent"})


@dataclass(frozen=True, slots=True)
class Story:
    """A flow of text: the body, a header, one footnote ... `prefix` begins its paths ("" for the body)."""

    part: str
    container: Element
    prefix: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, table, row or cell with its place. `row` and `column` are those of a cell, from 1."""

    element: Element
    kind: BlockKind
    path: str
    where: str
    story: Story
    depth: int = 0
    row: int = 0
    column: int = 0
    span: int = 1
    merged: bool = False  # goes on the cell above (`w:vMerge` without restart)
    boxed: bool = False  # inside of a text box


def short_hash(text: str) -> str:
    """Return the four hex digits that an address carries."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:4]


def parse_address(address: str) -> tuple[str, str] | None:
    """Return path and hash ("" if it has none) of what looks like an address, else None."""
    found = _ADDRESS.match(address)
    return (found[1].lower(), (found[2] or "").lower()) if found else None


def block_elements(container: Element) -> Iterator[Element]:
    """Yield the paragraphs, tables and imported pieces of a container, also those in content controls."""
    for each in container:
        kind = name(each)
        if kind in ("w:p", "w:tbl", "w:altChunk", SKIPPED):
            yield each
        elif kind == "w:sdt":
            for content in children(each, "w:sdtContent"):
                yield from block_elements(content)
        elif kind in _WRAPPERS:
            yield from block_elements(each)
        elif kind == "mc:AlternateContent":
            branch = child(each, "mc:Choice")
            yield from block_elements(branch if branch is not None else each)
        elif kind == "mc:Fallback":
            yield from block_elements(each)


def rows(table: Element) -> Iterator[Element]:
    """Yield the rows of a table, also those in content controls."""
    yield from _nested(table, "w:tr")


def cells(row: Element) -> Iterator[tuple[Element, int, int]]:
    """Yield the cells of a row with grid column (from 1) and how many columns they span."""
    column = 1 + min(max(number(descend(row, "w:trPr", "w:gridBefore")) or 0, 0), MAX_SPAN)
    for cell in _nested(row, "w:tc"):
        span = min(max(number(descend(cell, "w:tcPr", "w:gridSpan")) or 1, 1), MAX_SPAN)
        yield cell, column, span
        column += span


def _nested(parent: Element, wanted: str) -> Iterator[Element]:
    for each in parent:
        kind = name(each)
        if kind == wanted:
            yield each
        elif kind in ("w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo"):
            yield from _nested(each, wanted)


def text_boxes(paragraph: Element) -> Iterator[Element]:
    """Yield the `w:txbxContent` of a paragraph's text boxes, one of each pair of choice and fallback."""
    if next(every(paragraph, "txbxContent"), None) is not None:
        yield from _boxes(paragraph)


def _boxes(element: Element) -> Iterator[Element]:
    for each in element:
        kind = name(each)
        if kind == "w:txbxContent":
            yield each
        elif kind == "mc:AlternateContent":
            branches = [b for b in each if next(every(b, "txbxContent"), None) is not None]
            if branches:
                yield from _boxes(branches[0])
        elif kind:
            yield from _boxes(each)


def walk(story: Story) -> Iterator[Block]:
    """Yield every block of a story in document order, each before what it holds."""
    prefix = f"{story.prefix}." if story.prefix else ""
    yield from _walk(story.container, story, prefix, story.label, 0, boxed=False)


def _walk(container: Element, story: Story, prefix: str, label: str, depth: int, *, boxed: bool) -> Iterator[Block]:
    elements = list(block_elements(container))
    alone = bool(label) and len(elements) == 1
    paragraphs = tables = 0
    for element in elements:
        kind = name(element)
        if kind == "w:p":
            paragraphs += 1
            where = label if alone else _joined(label, f"paragraph {paragraphs}")
            path = f"{prefix}p{paragraphs}"
            yield Block(element, "paragraph", path, where, story, depth, boxed=boxed)
            for index, box in enumerate(text_boxes(element), 1):
                box_label = _joined(where, f"text box {index}")
                yield from _walk(box, story, f"{path}.x{index}.", box_label, depth + 1, boxed=True)
        elif kind == "w:tbl":
            tables += 1
            path, where = f"{prefix}t{tables}", _joined(label, f"table {tables}")
            yield from _walk_table(Block(element, "table", path, where, story, depth, boxed=boxed))
        elif kind == SKIPPED:
            paragraphs += int(element.get("n", "0"))
            tables += int(element.get("t", "0"))


def _walk_table(table: Block) -> Iterator[Block]:
    yield table
    story, depth, boxed = table.story, table.depth + 1, table.boxed
    for r, row in enumerate(rows(table.element), 1):
        path, where = f"{table.path}.r{r}", f"{table.where}, row {r}"
        yield Block(row, "row", path, where, story, depth, r, boxed=boxed)
        for cell, c, span in cells(row):
            merge = descend(cell, "w:tcPr", "w:vMerge")
            merged = merge is not None and value(merge) != "restart"
            cell_path, cell_where = f"{path}.c{c}", f"{where}, column {c}"
            yield Block(cell, "cell", cell_path, cell_where, story, depth, r, c, span, merged, boxed)
            yield from _walk(cell, story, f"{cell_path}.", cell_where, depth + 1, boxed=boxed)


def _joined(label: str, more: str) -> str:
    return f"{label}, {more}" if label else more


def block_text(block: Block, text_of: Callable[[Element], str]) -> str:
    """Return the text that a block's hash is made from: a table's is its first row, which edits below keep."""
    if block.kind == "paragraph":
        return text_of(block.element)
    if block.kind == "cell":
        return cell_text(block.element, text_of)
    row = block.element if block.kind == "row" else next(rows(block.element), None)
    return "" if row is None else row_text(row, text_of)


def row_text(row: Element, text_of: Callable[[Element], str]) -> str:
    """Return the texts of a row's cells, joined with tabs."""
    return "\t".join(cell_text(cell, text_of) for cell, _, _ in cells(row))


def cell_text(cell: Element, text_of: Callable[[Element], str]) -> str:
    """Return the paragraphs of a cell joined with line breaks; nested tables as their rows."""
    parts = []
    for element in block_elements(cell):
        if name(element) == "w:p":
            parts.append(text_of(element))
        elif name(element) == "w:tbl":
            parts.extend(row_text(row, text_of) for row in rows(element))
    return "\n".join(parts)


def twin(paragraph: Element) -> Element | None:
    """Return the paragraph at the same place in the fallback copy of a text box, None if there is none."""
    branch = within(paragraph, "mc:Choice", "mc:Fallback")
    if branch is None or name(branch) != "mc:Choice" or within(paragraph, "w:txbxContent") is None:
        return None
    fallback = child(branch.getparent(), "mc:Fallback")
    if fallback is None:
        return None
    own, others = list(every(branch, "p")), list(every(fallback, "p"))
    at = own.index(paragraph)
    return others[at] if len(own) == len(others) else None
