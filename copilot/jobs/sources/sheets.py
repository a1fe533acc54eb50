"""The rows of the first sheet of a workbook, as values."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from copilot.errors import DocumentError
from copilot.jobs.sources.columns import Columns, header_of
from copilot.jobs.sources.found import Found
from copilot.workspace.reading import read_bytes


def rows(table: Path, found: Found) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the rows under the header of the first visible sheet, each with its number.

    Numbers and truth values stay what they are; dates and times become ISO 8601 text; of formulas it is the value that
    was last computed. Raises DocumentError as the readers of workbooks do, or broken for a header that is not clear.
    """
    with _whole(table.name):
        head = header_of(_cells(table, found), table.name, found)
    if head is None:
        raise DocumentError(f"{table} is empty: its first sheet has no header.", code="empty")
    header, cells = head
    return _rows(cells, Columns(header[1], table.name, header[0]), table.name, found)


def _rows(
    cells: Iterator[tuple[int, list[Any]]], columns: Columns, table: str, found: Found
) -> Iterator[tuple[int, dict[str, Any]]]:
    while True:
        with _whole(table):
            row = next(cells, None)
        if row is None:
            return
        if (values := columns.values(row[1], row[0], found)) is not None:
            yield row[0], values


def _cells(table: Path, found: Found) -> Iterator[tuple[int, list[Any]]]:
    from openpyxl import load_workbook

    content = read_bytes(table, str(table))
    _refuse_unsafe(content)
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        sheets = [each for each in book.worksheets if each.sheet_state == "visible"]
        if len(sheets) > 1:
            left = ", ".join(each.title for each in sheets[1:6])
            found.note(f"Only the first sheet of {table.name} ({sheets[0].title}) is read, not {left}.")
        if sheets:
            sheets[0].reset_dimensions()
            for number, row in enumerate(sheets[0].iter_rows(values_only=True), start=1):
                if any(cell not in (None, "") for cell in row):
                    yield number, [_plain(cell) for cell in row]
    finally:
        book.close()


def _refuse_unsafe(content: bytes) -> None:
    """Raise DocumentError for what is no workbook, or one that was made to exhaust whoever reads it."""
    from copilot.documents.package import Package

    package = Package.open(content)
    if package.kind != "excel":
        raise DocumentError("it is no workbook.", code="unsupported")
    for name in package.names():
        if name.endswith((".xml", ".rels")) and b"<!DOCTYPE" in next(iter(package.stream(name)), b"")[:4096]:
            raise DocumentError(f"{name} in it has a DOCTYPE.", code="unsafe")


def _plain(cell: Any) -> Any:
    """Return the value of a cell as JSON has it."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return cell.strip() if isinstance(cell, str) else cell


@contextmanager
def _whole(table: str) -> Iterator[None]:
    """Name the table in every error that its content leads to, and let openpyxl's warnings be.

    What it does not know is lost on saving, which nobody does here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DocumentError as error:
        named = error.message if table in error.message else f"{table} can't be read: {error.message}"
        raise DocumentError(named, hint=error.hint, code=error.code) from error
    except Exception as error:  # openpyxl lets through whatever a damaged part makes of its insides
        what = f"{table} can't be read as a workbook ({type(error).__name__})."
        raise DocumentError(what, hint="Open it in Excel and save it again, or save it as CSV.") from error
