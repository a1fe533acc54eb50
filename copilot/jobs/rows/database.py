"""Results as a SQLite database: a table of typed columns, one for each list with its parent's key, and citations."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from copilot.errors import LockedError, SettingsError, WorkspaceError
from copilot.jobs.job import Outcome, Source
from copilot.jobs.rows.cells import as_text, whole
from copilot.jobs.rows.plan import Column, Kind, Table, unique
from copilot.jobs.rows.records import Record, cited
from copilot.jobs.rows.writing import Writer

_TYPES: dict[Kind, str] = {"integer": "INTEGER", "number": "REAL", "boolean": "BOOLEAN", "any": ""}
_MAX_COLUMNS = 2000  # SQLITE_MAX_COLUMN
_MAX_INTEGER = 2**63 - 1
_ID = ("id", "INTEGER PRIMARY KEY")
_CITATIONS = ("document", "field", "value", "location", "quote", "confidence")


class DatabaseWriter(Writer):
    """Tables: `results`, one for each list (`parent` is the id of the row that it belongs to), and `citations`.

    Dates are ISO 8601 text, true and false are 1 and 0. Raises SettingsError for more columns than a table may have,
    LockedError while another program writes to the database.
    """

    def _open(self) -> None:
        if len(self.names) > _MAX_COLUMNS:
            hint = "Write JSON Lines instead."
            raise SettingsError(f"The schema has {len(self.names):,} columns, SQLite {_MAX_COLUMNS:,}.", hint=hint)
        _refuse_open(self.path)
        temporary = self.output.file(self.path)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        self._connection = sqlite3.connect(temporary, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF"):  # what is not finished is thrown away
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("BEGIN")
        self._make_tables()

    def _make_tables(self) -> None:
        self._tables = list(_planned(self.table, "", self.columns))
        lists = [(table, column) for table in self._tables for column in table.columns if column.many]
        taken = ["results", "citations", *(_named(t.name) for t in self._tables[1:])]
        names = unique([*taken, *(_named(f"{t.name}.{c.name}" if t.above else c.name) for t, c in lists)])
        for table, name in zip(self._tables, [names[0], *names[2:]], strict=False):
            table.sql = name
        for (table, column), name in zip(lists, names[len(taken) :], strict=True):
            table.lists[column.name] = name
        self._by_name = {table.name: table for table in self._tables}
        self._make_all()

    def _make_all(self) -> None:
        for table in self._tables:
            keys = _keys(self._by_name[table.above].sql) if table.above else [_ID]
            self._make(table.sql, [*keys, *((c.name, _TYPES.get(c.kind, "TEXT")) for c in table.columns if not c.many)])
            for column in table.columns:
                if column.many:
                    value = ("value", _TYPES.get(column.kind, "TEXT"))
                    self._make(table.lists[column.name], [*_keys(table.sql), value])
        result = ("result", "INTEGER NOT NULL REFERENCES results(id)")
        self._make("citations", [_ID, result, *((name, "" if name == "value" else "TEXT") for name in _CITATIONS)])

    def _make(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        names = unique(_clean(name) for name, _ in columns)
        listed = ", ".join(f"{_quoted(name)} {kind}" for name, (_, kind) in zip(names, columns, strict=True))
        self._connection.execute(f"CREATE TABLE {_quoted(table)} ({listed})")

    def _write(self, source: Source, outcome: Outcome, made: Record) -> None:
        with _told(self.path):
            rows = [self._plain(self._by_name[item.table], item.cells, item.item, made) for item in made.items]
            first = self._plain(self._tables[0], self.row(made), "", made)
            key = self._insert("results", [*first, *map(_plain, made.about)])
            self._insert_lists(self._tables[0], self.row(made), key)
            self._insert_items(made, rows, key)
            for each in made.citations:
                value = cited(each, outcome.values)
                cells = [made.document, each.field, value, each.where, each.quote, each.confidence]
                self._insert("citations", [key, *map(_plain, cells)])

    def _insert_items(self, made: Record, rows: Sequence[Sequence[Any]], key: int) -> None:
        """Insert the rows of lists, each under the row that it belongs to, which comes before it."""
        keys = {("results", ""): key}
        for item, cells in zip(made.items, rows, strict=True):
            above, _, number = item.item.rpartition(".")
            table = self._by_name[item.table]
            own = self._insert(table.sql, [keys[table.above, above], int(number), *cells])
            keys[item.table, item.item] = own
            self._insert_lists(table, item.cells, own)

    def _insert_lists(self, table: _Planned, cells: Sequence[Any], key: int) -> None:
        for column, values in zip(table.columns, cells, strict=False):
            if column.many:
                for number, value in enumerate(values or (), start=1):
                    self._insert(table.lists[column.name], [key, number, _plain(value)])

    def _insert(self, table: str, cells: Sequence[Any]) -> int:
        places = ", ".join("?" * (len(cells) + 1))
        done = self._connection.execute(f"INSERT INTO {_quoted(table)} VALUES ({places})", (None, *cells))
        return done.lastrowid or 0

    def _plain(self, table: _Planned, cells: Sequence[Any], item: str, made: Record) -> list[Any]:
        found = []
        for column, value in zip(table.columns, cells, strict=False):
            if column.many:
                continue
            if isinstance(value, int) and abs(value) > _MAX_INTEGER:
                at = f"{table.name}[{item}]." if item else ""
                made.problems.append(f"{at}{column.name}: is rounded, for SQLite keeps 64 bits")
            found.append(_plain(value))
        return found

    def _finish(self, good: bool) -> None:
        connection = getattr(self, "_connection", None)
        if connection is None:
            return
        with contextlib.closing(connection), _told(self.path):
            if good:
                lists = [name for table in self._tables for name in table.lists.values()]
                for name in [*(table.sql for table in self._tables[1:]), *lists]:
                    connection.execute(f"CREATE INDEX {_quoted(f'{name} by parent')} ON {_quoted(name)} (parent)")
                connection.execute('CREATE INDEX "citations by result" ON citations (result)')
                connection.execute("COMMIT")


@dataclass(slots=True)
class _Planned:
    """A table of the plan: `sql` is its name in the database, `above` the table it hangs on, `lists` those below."""

    name: str
    above: str
    columns: Sequence[Column]
    sql: str = ""
    lists: dict[str, str] = field(default_factory=dict)


def _planned(table: Table, above: str, columns: Sequence[Column]) -> Iterator[_Planned]:
    yield _Planned(table.name, above, columns)
    for child in table.children:
        yield from _planned(child, table.name, child.columns)


def _keys(above: str) -> list[tuple[str, str]]:
    return [_ID, ("parent", f"INTEGER NOT NULL REFERENCES {_quoted(above)}(id)"), ("item", "INTEGER")]


def _clean(name: str) -> str:
    return whole(name).replace("\0", "\ufffd")


def _named(name: str) -> str:
    """Return the name of a table; those that begin with sqlite_ are SQLite's own."""
    return f"list_{_clean(name)}" if name.lower().startswith("sqlite_") else _clean(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    """Return a value as SQLite has it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        return float(value) if abs(value) < 10**308 else str(value)
    if value is None or isinstance(value, int | float):
        return value
    return _clean(value.isoformat() if isinstance(value, date) else as_text(value))


def _refuse_open(path: Path) -> None:
    """Raise LockedError where another program has not finished: its journal would spoil the new file."""
    for ending in ("-wal", "-journal"):
        left = Path(os.path.realpath(path) + ending)
        if left.exists() and left.stat().st_size:
            raise LockedError(
                f"{path} is open in another program, or was not closed ({left.name}).",
                hint="Close it there, or write to another name.",
            )


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        hint = "Nothing was put in its place. Check the disk and its room."
        raise WorkspaceError(f"{path} can't be written: {error}.", hint=hint) from error
