"""Tables whose rows are the work of a run: CSV, Excel, JSON Lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from copilot.errors import DocumentError, EverpilotError
from copilot.jobs.job import Source
from copilot.jobs.sources import delimited, jsonlines, sheets
from copilot.jobs.sources.found import Found
from copilot.jobs.sources.places import Opened

#: Columns that name the document of a row; the first that a table has.
DOCUMENT_COLUMNS = ("file", "path")

#: Yields the number of each row, as a spreadsheet counts it, and its values by column.
Rows = Iterator[tuple[int, dict[str, Any]]]
_READERS: dict[str, Callable[[Path, Found], Rows]] = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), delimited.rows),
    **dict.fromkeys((".xlsx", ".xlsm"), sheets.rows),
    **dict.fromkeys((".jsonl", ".ndjson"), jsonlines.rows),
}


def of_rows(table: Path, given: Sequence[str], opened: Opened, found: Found) -> Iterator[Source]:
    """Return a source for each row of a table; `given` is empty, or the one template of all rows.

    A row whose document is not there or lies outside of what is opened is left out and told. Raises DocumentError for
    a table that can't be read, whose columns are not clear, or (at the end) that has no row.
    """
    place = _place(table, opened)
    template = _template(given, opened)
    reader = _READERS.get(place.suffix.lower())
    if reader is None:
        endings = ", ".join(_READERS)
        raise DocumentError(
            f"{table} is no table that can be read.", hint=f"Rows come from {endings}.", code="unsupported"
        )
    return _each(reader(place, found), _Documents(place, template, opened), found, table)


def _each(rows: Rows, documents: _Documents, found: Found, table: Path) -> Iterator[Source]:
    for number, values in rows:
        documents.refuse_two(values)
        try:
            path = documents.of(values)
        except EverpilotError as error:
            found.skip(f"row {number}: {error.message}", "rows whose document can't be used")
            continue
        found.count += 1
        yield Source(key=f"row-{number}-{_hash(path, values)}", path=path, values=values)
    if not found.count:
        why = f": {found.skipped:,} were left out ({'; '.join(found.left)})" if found.skipped else ""
        raise DocumentError(f"{table} has no row to work on{why}.", hint="Put a row below the header.", code="empty")


class _Documents:
    """Which document a row is about: paths as the workspace knows them, or relative to where the table lies."""

    def __init__(self, table: Path, template: str, opened: Opened) -> None:
        self._table, self._template, self._workspace = table, template, opened.workspace

    def refuse_two(self, values: Mapping[str, Any]) -> None:
        """Raise DocumentError where the row names a document and another one is given for all rows."""
        if self._template and (column := document_column(values)) is not None:
            raise DocumentError(
                f"The column {column!r} names documents, and {self._template} was named besides.",
                hint="Name documents in one way.",
            )

    def of(self, values: Mapping[str, Any]) -> str:
        """Return the document of a row, "" for none. Raises DocumentError (missing) and OutsideRootsError."""
        column = document_column(values)
        if column is None:
            return self._template
        given = str(values[column] if values[column] is not None else "").strip()
        if not given:
            raise DocumentError(f"the cell of the column {column!r} is empty.", code="missing")
        return self._found(given)

    def _found(self, given: str) -> str:
        if self._workspace.exists(given):
            return self._workspace.show(self._workspace.resolve(given))
        beside = self._table.parent / given
        if beside.is_file():
            return self._workspace.show(self._workspace.resolve(beside))
        raise DocumentError(f"there is no file {given!r}.", code="missing")


def row_number(key: str) -> int:
    """Return the number of the row, as a spreadsheet counts it, by the key of its source; 0 for none."""
    kind, _, rest = key.partition("-")
    number = rest.partition("-")[0]
    return int(number) if kind == "row" and number.isdecimal() else 0


def document_column(values: Mapping[str, Any]) -> str | None:
    """Return the name of the column that names documents, None if a table has none."""
    names = {name.strip().casefold(): name for name in reversed(list(values))}
    return next((names[each] for each in DOCUMENT_COLUMNS if each in names), None)


def _place(table: Path, opened: Opened) -> Path:
    """Return where the table lies; one of a place elsewhere is fetched. Raises DocumentError (missing)."""
    return table if table.is_file() else opened.workspace.read(str(table)).path


def _template(given: Sequence[str], opened: Opened) -> str:
    if not given:
        return ""
    if len(given) > 1 or not opened.workspace.exists(given[0]):
        raise DocumentError(
            "With a table, only one file can be named besides: the template of all its rows.",
            hint="Name the documents in a column `file` of the table, or leave the table out.",
        )
    return opened.workspace.show(opened.workspace.resolve(given[0]))


def _hash(path: str, values: Mapping[str, Any]) -> str:
    text = json.dumps([path, values], sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
