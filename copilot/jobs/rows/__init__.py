"""Results of a run as a table: CSV, Excel, JSON Lines or SQLite, its columns from the schema of what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from copilot.errors import SettingsError
from copilot.jobs.rows.csvfile import CsvWriter, TsvWriter
from copilot.jobs.rows.database import DatabaseWriter
from copilot.jobs.rows.jsonfile import JsonWriter
from copilot.jobs.rows.schemas import Schema, schema_of
from copilot.jobs.rows.workbook import WorkbookWriter
from copilot.jobs.rows.writing import Writer

__all__ = ["FORMS", "Writer", "schema_of", "writer"]

#: Who writes a file with this ending.
FORMS: dict[str, Callable[[Path, Schema | None, Sequence[str]], Writer]] = {
    ".csv": CsvWriter,
    ".tsv": TsvWriter,
    ".xlsx": WorkbookWriter,
    **dict.fromkeys((".jsonl", ".ndjson"), JsonWriter),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), DatabaseWriter),
}


def writer(path: str | Path, schema: Schema | None = None, *, given: Sequence[str] = ()) -> Writer:
    """Return the writer of a result by the ending of its name, to be used in a `with`.

    `schema` is what `schema_of` returned, None for answers in words. `given` are columns of the table that the rows
    came from, to be repeated beside the results. What is at `path` is replaced at the end. Raises SettingsError for an
    ending that nobody writes.
    """
    found = FORMS.get(Path(path).suffix.lower())
    if found is None:
        hint = f"End its name with {', '.join(FORMS)}."
        raise SettingsError(f"Results can't be written to {path}.", hint=hint)
    return found(Path(path), schema, given)
