"""Tables, rows, columns and cells by the words that an operation names them with."""

from __future__ import annotations

import re

from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

_CELLS = re.compile(r"\s*r(\d+)\.?c(\d+)(?:\s*[:-]\s*r(\d+)\.?c(\d+))?\s*", re.IGNORECASE)


def table_at(document: Document, table: str) -> Block:
    """Return a table by address, or by its number in the body ("2", "table 2"); raises ToolInputError.

    In a batch the numbers are those of the document as it was given; those behind are of tables that were made since.
    """
    digits = table.strip().lower().removeprefix("table").strip()
    made = document.new_table(int(digits)) if digits.isdigit() else None
    block = made or document.at(f"t{int(digits)}" if digits.isdigit() else table)
    if block.kind in ("row", "cell"):
        path = block.path.rpartition(".r")[0]
        block = next(b for b in document.blocks if b.path == path)
    if block.kind != "table":
        raise ToolInputError(f"{table!r} is no table but a {block.kind}.", code="address")
    return block


def cells_of(document: Document, table: Block) -> list[Block]:
    """Return the cells of a table, those of tables inside of it left out."""
    return [b for b in document.blocks if b.kind == "cell" and b.path.rpartition(".r")[0] == table.path]


def cell_at(document: Document, table: Block, row: int, column: int | str) -> Block:
    """Return a cell by row and column (a grid column from 1, or its header).

    Raises ToolInputError with the code row, column, unknown_column or merged (hidden under the cell above it).
    """
    inside = cells_of(document, table)
    count = max((b.row for b in inside), default=0)
    if not 1 <= row <= count:
        raise ToolInputError(f"{table.where} has no row {row}.", hint=f"It has {count} rows.", code="row")
    at = column if isinstance(column, int) else column_at(document, table, column)
    found = next((b for b in inside if b.row == row and b.column <= at < b.column + b.span), None)
    if found is None:
        width = max((b.column + b.span - 1 for b in inside if b.row == row), default=0)
        raise ToolInputError(f"Row {row} of {table.where} has no column {at}.", hint=f"It has {width}.", code="column")
    if found.merged:
        above = [b for b in inside if b.column == found.column and b.row < row and not b.merged]
        hint = f"Its text stands in row {above[-1].row}." if above else ""
        raise ToolInputError(f"{found.where} is merged with the cell above it.", hint=hint, code="merged")
    return found


def column_at(document: Document, table: Block, wanted: int | str) -> int:
    """Return the grid column (from 1) of a column by number or header; raises ToolInputError "unknown_column"."""
    if isinstance(wanted, int):
        return wanted
    headers = {" ".join(document.text(b).split()): b.column for b in cells_of(document, table) if b.row == 1}
    folded = {key.casefold(): at for key, at in headers.items()}
    words = " ".join(wanted.split()).casefold()
    if words in folded:
        return folded[words]
    if words.isdigit():
        return int(words)
    raise ToolInputError.unknown("column", wanted, [key for key in headers if key])


def box_of(cells: str) -> tuple[int, int, int, int]:
    """Return first row, first column, last row, last column of "r2c1" or "r2c1:r4c3"; raises ToolInputError."""
    found = _CELLS.fullmatch(cells)
    if found is None:
        hint = 'Write "r2c1" or "r2c1:r4c3": rows and columns count from 1, the header included.'
        raise ToolInputError(f"{cells!r} names no cells of a table.", hint=hint, code="cells")
    row, column = int(found[1]), int(found[2])
    below, right = int(found[3] or row), int(found[4] or column)
    return min(row, below), min(column, right), max(row, below), max(column, right)
