"""The rows of a table in the order of one of its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.documents.word.document import Document
from copilot.documents.word.editing import Edit, Words, editor
from copilot.documents.word.names import descend, is_on
from copilot.documents.word.tables.grid import Grid
from copilot.documents.word.tables.places import column_at, table_at
from copilot.errors import ToolInputError

_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), (3, 2, 1)),
)
_NUMBER = re.compile(
    r"[^\w\s(+\u2212-]{0,2}\s?([-+\u2212(]?)\s?[^\w\s]?(\d[\d.,'\u00a0\u202f ]*)\s?(?:%|[^\w\s]|[A-Z]{3})?\)?"
)


@editor
def sort_table(
    document: Document,
    table: Words,
    column: int | str,
    *,
    descending: bool = False,
    header_rows: Annotated[int, Field(ge=0)] | None = None,
    total_rows: Annotated[int, Field(ge=0)] = 0,
) -> Edit:
    """Sort the rows of a table by a column (number or header): numbers and dates by value, else words; blanks last.

    The first `header_rows` stay on top (None: those marked as header, at least one), the last `total_rows` at the end.
    Raises ToolInputError "merged" for cells merged over several rows, "control", unknown_column, unchanged.
    """
    block = table_at(document, table)
    grid = Grid(block)
    at = column_at(document, block, column) - 1
    marked = sum(bool(is_on(descend(row.element, "w:trPr", "w:tblHeader"))) for row in grid.rows)
    top = max(marked, 1) if header_rows is None else header_rows
    moving = grid.rows[top : len(grid.rows) - total_rows]
    for row in moving:
        if any(slot.merge for slot in row.slots):
            reason = f"Row {row.number} of {block.where} has a cell that is merged over several rows."
            raise ToolInputError(reason, hint="Split it first, with split_cell.", code="merged")
        if row.element.getparent() is not grid.table:
            raise ToolInputError(f"Row {row.number} of {block.where} stands in a content control.", code="control")
    texts = []
    for row in moving:
        slot = row.at(at)
        cell = document.block_of(slot.cell) if slot is not None else None
        texts.append(" ".join(document.text(cell).split()) if cell is not None else "")
    keys = _keys(texts)
    filled = [i for i, words in enumerate(texts) if words]
    ordered = sorted(filled, key=lambda i: keys[i], reverse=descending)  # equal ones stay in the order they were in
    ordered += [i for i, words in enumerate(texts) if not words]
    if ordered == list(range(len(moving))):
        raise ToolInputError(f"{block.where} is in that order already.", code="unchanged")
    elements = [row.element for row in moving]
    places = [grid.table.index(element) for element in elements]
    tails = [element.tail for element in elements]
    for element in elements:
        grid.table.remove(element)
    for place, tail, index in zip(places, tails, ordered, strict=True):
        elements[index].tail = tail
        grid.table.insert(place, elements[index])
    document.touch(block.story)
    shown = [", ".join(texts[i] for i in order) for order in (range(len(texts)), ordered)]
    return Edit.of([Hunk(f"{block.where}, rows", shown[0], shown[1], "structure")])


def _keys(texts: Sequence[str]) -> list[Any]:
    """Return what to compare rows by: numbers when all are numbers, dates when all are dates, else folded words."""
    filled = [words for words in texts if words]
    if filled and all(_NUMBER.fullmatch(words) for words in filled):
        point = _decimal_point(filled)
        return [_number(words, point) if words else 0.0 for words in texts]
    for pattern, groups in _DATES:
        if filled and all(pattern.fullmatch(words) for words in filled):
            found = [pattern.fullmatch(words) for words in texts]
            return [tuple(int(each[group]) for group in groups) if each else () for each in found]
    return [words.casefold() for words in texts]


def _decimal_point(texts: Sequence[str]) -> str:
    """Return the character that the numbers of a column write before their decimals."""
    for words in texts:
        marks: list[str] = re.findall(r"[.,]", words)
        if len(set(marks)) == 2:
            return marks[-1]
        if len(marks) == 1 and not re.search(r"[.,]\d{3}(?!\d)", words):
            return marks[0]
        if len(marks) > 1:
            return "," if marks[0] == "." else "."
    return "."


def _number(words: str, point: str) -> float:
    found = _NUMBER.fullmatch(words)
    digits = re.sub(rf"[^\d{re.escape(point)}]", "", found[2] if found else words).replace(point, ".")
    negative = found is not None and found[1] in ("-", "\u2212", "(") and found[1] != ""
    try:
        return -float(digits) if negative else float(digits)
    except ValueError:
        return 0.0


#: The operations of this module.
OPERATIONS = (sort_table,)
