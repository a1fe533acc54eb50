"""Tables as they are shown: rows as Markdown with merged cells marked, cut between rows where they are too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from copilot.documents.segments import Segment
from copilot.documents.tables import markdown_table
from copilot.documents.word.blocks import Block
from copilot.documents.word.names import child, descend, value

LEFT, UP = "←", "↑"  # what stands in the place of a cell merged with its neighbour

Cells = tuple[tuple[Block, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its cells as plain and as marked texts (a deleted row has no plain ones), what is hidden or missing."""

    block: Block
    plain: Cells
    marked: Cells
    segments: tuple[Segment, ...] = ()
    omitted: tuple[str, ...] = ()


def filler(cell: Block) -> str:
    """Return what stands for an empty cell that goes on another one (17.4.84, 17.4.22), "" for other cells."""
    if cell.merged:
        return UP
    merge = descend(cell.element, "w:tcPr", "w:hMerge")
    return LEFT if merge is not None and value(merge) != "restart" else ""


def table_markdown(rows: Sequence[Cells]) -> str:
    """Return a table as Markdown; a form with more merged than real cells as lines that name the columns."""
    cells = [cell for row in rows for cell, _ in row]
    fillers = sum(cell.span - 1 for cell in cells)
    if fillers > len(cells):
        lines = ["; ".join(f"c{cell.column}: {text}".rstrip() for cell, text in row) for row in rows]
        return "\n".join(f"- r{row[0][0].row}: {line}" for row, line in zip(rows, lines, strict=True) if row)
    grid: list[list[str]] = []
    for row in rows:
        texts: list[str] = []
        for cell, text in row:
            texts += [""] * (cell.column - 1 - len(texts)) + [text] + [LEFT] * (cell.span - 1)
        grid.append(texts)
    return markdown_table(grid)


def named(table: Block) -> str:
    """Return a table's own title and description (17.4.62, 17.4.63) in words, "" when it has none."""
    properties = child(table.element, "w:tblPr")
    said = [value(child(properties, f"w:{each}")) or "" for each in ("tblCaption", "tblDescription")]
    words = ": ".join(" ".join(each.split()) for each in said if each.strip())
    return f" ({words})" if words else ""


def shown(rows: Sequence[Row], first: int, last: int) -> tuple[str, str]:
    """Return rows [first, last) as plain and as marked Markdown, under the table's first row."""
    chosen = [*([rows[0]] if first and last > first else []), *rows[first:last]]
    plain = table_markdown([row.plain for row in chosen if row.plain])
    return plain, table_markdown([row.marked for row in chosen if row.marked])


def fitting(rows: Sequence[Row], first: int, budget: int) -> int:
    """Return the end of the rows from `first` on that fit into `budget` characters; at least one row fits."""
    used = _length(rows[0]) if first else 0
    for at in range(first, len(rows)):
        used += _length(rows[at])
        if used > budget and at > first:
            return at
    return len(rows)


def _length(row: Row) -> int:
    return sum(len(text) + 3 for _, text in row.marked) + 2
