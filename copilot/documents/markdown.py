"""A reading as clean Markdown, without addresses: what a document is converted to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from copilot.documents.grids import GridRow, grid, regions
from copilot.documents.passages import is_repeated
from copilot.documents.segments import Reading, Segment
from copilot.documents.tables import markdown_table, table_rows

#: Headings over what does not stand in the flow of the text, in the order they are put at the end.
_APART = {
    "header": "Headers",
    "footer": "Footers",
    "footnote": "Notes",
    "endnote": "Notes",
    "note": "Notes",
    "comment": "Comments",
    "field": "Form fields",
    "validation": "Input rules",
    "name": "Names",
    "link": "Links",
}
_LEFT_OUT = frozenset({"property"})
_ITEM = re.compile(r"\s*([-*+]|\d{1,4}[.)])\s")


def to_markdown(reading: Reading, *, hidden: bool = False) -> str:
    """Return the document as Markdown that ends in a newline.

    Hidden text is left out unless `hidden` is true, in which case it stands under its own heading with the reason. What
    stands beside the text (notes, comments, headers and footers) comes after it, each once.
    """
    if reading.kind == "text":
        return reading.markdown.rstrip() + "\n"
    body: list[str] = []
    apart: dict[str, list[str]] = {}
    last = ""
    for segment in reading.segments:
        if segment.kind in _LEFT_OUT or is_repeated(segment) or not segment.text.strip():
            continue
        if segment.hidden:
            if hidden:
                apart.setdefault("Hidden text", []).append(
                    f"{segment.hidden}, {segment.where}: {_one_line(segment.text)}"
                )
        elif segment.kind in _APART:
            apart.setdefault(_APART[segment.kind], []).append(_beside(segment))
        else:
            compact = segment.kind == "list" and last == "list"
            body.append(("\n" if compact else "\n\n") + _block(segment))
            last = segment.kind
    ends = [
        f"\n\n## {title}\n\n" + "\n".join(f"- {text}" for text in dict.fromkeys(texts))
        for title, texts in apart.items()
    ]
    return ("".join(body) + "".join(ends)).strip() + "\n"


def _block(segment: Segment) -> str:
    text = segment.text.strip()
    if segment.kind == "title" or (segment.kind == "heading" and segment.level <= 1):
        return f"# {_one_line(text)}"
    if segment.kind == "heading":
        return f"{'#' * min(segment.level, 6)} {_one_line(text)}"
    if segment.kind == "list" and not _ITEM.match(text):
        return "  " * max(segment.level - 1, 0) + f"- {_one_line(text)}"
    if segment.kind == "table" and (rows := grid(table_rows(text))) is not None:
        return "\n\n".join(_sheet(rows))
    return text


def _sheet(rows: Sequence[GridRow]) -> Iterator[str]:
    """Yield the tables of a sheet without row numbers and column letters, and the lines of text between them."""
    for region in regions(rows):
        yield from (" ".join(cell for cell in row.cells if cell) for row in region.titles)
        cells = [row.cells for row in ((region.header,) if region.header else ()) + region.rows]
        if cells:
            first = min(next((n for n, cell in enumerate(row) if cell), len(row)) for row in cells)
            yield markdown_table([row[first:] for row in cells])


def _beside(segment: Segment) -> str:
    text = _one_line(segment.text)
    return text if segment.kind in ("header", "footer") else f"{segment.where}: {text}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
