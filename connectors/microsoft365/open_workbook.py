"""Changes of cells in a workbook that people have open: by a session, where the file as a whole is locked.

From "Working with Excel in Microsoft Graph". What is to be changed is read first: where it is not what the change was
made from, nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from copilot.documents import excel
from copilot.documents.excel.grid import Grid
from copilot.documents.excel.refs import Area
from copilot.documents.excel.values import CellError, to_serial
from copilot.documents.hunks import Hunk
from copilot.errors import DocumentError, ServiceError, ToolInputError

from .graph import GraphError, at, literal

if TYPE_CHECKING:
    from .graph.client import Graph

_CELL = re.compile(r"(?P<sheet>.+)!(?P<cell>[A-Z]{1,3}[1-9]\d*)\Z")
_SESSION = "workbook-session-id"
#: Cells that one change may have here: each is two calls.
MOST = 200


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell: what it has to be now, and what it becomes, each as Graph writes it (formulas begin with "=")."""

    sheet: str
    cell: str
    before: Any
    after: Any


def cells_of(name: str, before: bytes, after: bytes, hunks: Sequence[Hunk]) -> list[CellChange] | None:
    """Return the cells of a change, None where it is more than that: another format, a row, a sheet."""
    places = [_CELL.match(hunk.where) for hunk in hunks if hunk.kind == "cell"]
    if not name.lower().endswith((".xlsx", ".xlsm")) or len(places) != len(hunks) or not 0 < len(places) <= MOST:
        return None
    found = [(place["sheet"], place["cell"]) for place in places if place]
    if len(found) != len(places):
        return None
    try:
        old, new = excel.Workbook.open(before), excel.Workbook.open(after)
        made = [_change(old, new, sheet.strip("'").replace("''", "'"), cell) for sheet, cell in found]
    except (DocumentError, ToolInputError):
        return None
    return None if None in made else [each for each in made if each is not None]


def _change(old: excel.Workbook, new: excel.Workbook, sheet: str, cell: str) -> CellChange | None:
    (was, style_was), (now, style_now) = _cell(old, sheet, cell), _cell(new, sheet, cell)
    return None if style_was != style_now else CellChange(sheet, cell, was, now)


def _cell(book: excel.Workbook, sheet: str, cell: str) -> tuple[Any, str]:
    """Return a cell as Graph writes it, and the code of its format."""
    area = Area.parse(cell)
    found = Grid.of(book, book.sheet(sheet), area=area).get(area.top, area.left)
    if found is None:
        return "", "General"
    code = book.styles.code(found.style) or "General"
    if found.formula is not None and found.formula.text:
        return f"={found.formula.text.removeprefix('=')}", code
    value = found.value
    if isinstance(value, datetime | date | time | timedelta):
        return to_serial(value, date1904=book.date1904), code
    return ("" if value is None else str(value) if isinstance(value, CellError) else value), code


async def write(graph: Graph, item: str, name: str, cells: Sequence[CellChange]) -> None:
    """Write cells into the workbook at an item's path, in one session that keeps them.

    Raises GraphError; "conflict" when a cell is not what the change was made from.
    """
    what = f"the cells of {name}"
    # A session that nobody uses ends by itself, so it may be begun twice.
    begun = await graph.post(f"{item}/workbook/createSession", {"persistChanges": True}, what=what, idempotent=True)
    headers = {_SESSION: str(begun["id"])}
    try:
        for each in cells:
            await _unchanged(graph, item, each, headers, what)
        for each in cells:
            body = {"formulas": [[each.after]]}  # the same value twice is once, so it may be sent again
            await graph.patch(_range(item, each), body, headers=headers, what=what, idempotent=True)
    finally:
        with suppress(ServiceError):
            await graph.post(f"{item}/workbook/closeSession", {}, headers=headers, what=what, idempotent=True)


async def _unchanged(graph: Graph, item: str, cell: CellChange, headers: dict[str, str], what: str) -> None:
    found = await graph.get(_range(item, cell), headers=headers, what=what)
    now = found.get("formulas")
    if now != [[cell.before]]:
        raise GraphError(
            f"{cell.sheet}!{cell.cell} was changed in the open workbook; nothing was written.",
            hint="Read it again.",
            code="conflict",
        )


def _range(item: str, cell: CellChange) -> str:
    sheet = at("/workbook/worksheets/{}", cell.sheet)
    return f"{item}{sheet}/range(address={at('{}', literal(cell.cell))})"
