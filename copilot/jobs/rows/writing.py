"""The one interface of all results: `with writer(path, schema) as out: out.add(source, outcome)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from copilot.errors import EverpilotError
from copilot.jobs.job import Outcome, Source
from copilot.jobs.rows.output import Output, refused
from copilot.jobs.rows.plan import Column, Table, plan, unique
from copilot.jobs.rows.records import ABOUT, Record, record
from copilot.jobs.rows.schemas import Schema


class Writer(ABC):
    """Writes what came of documents, in the order in which they are added, in memory that does not grow with them.

    Nothing is at `path` before the end of the `with`; after an error in it, what was there before still is. `given`
    are columns of the table that the rows came from, to be repeated. Without a schema the answer is a column `text`.
    """

    def __init__(self, path: Path, schema: Schema | None, given: Sequence[str] = ()) -> None:
        self.path = path
        self.table = plan(schema) if schema else Table("results")
        self.given = tuple(given)
        self.with_text = not schema
        text = ["text"] if self.with_text else []
        names = unique(["document", *self.given, *(c.name for c in self.table.columns), *text, *ABOUT])
        #: The names of all columns of the table: document, those given, those of the values, and what is said of them.
        self.names = names
        self.output = Output()
        self.count = 0

    @property
    def columns(self) -> list[Column]:
        """All columns, with their names as they are written."""
        given = [Column(name, (), "any") for name in self.given]
        text = [Column("text", ())] if self.with_text else []
        every = [Column("document", ()), *given, *self.table.columns, *text, *(Column(name, ()) for name in ABOUT)]
        return [Column(name, c.path, c.kind, c.many) for name, c in zip(self.names, every, strict=True)]

    def add(self, source: Source, outcome: Outcome) -> None:
        """Add what came of one document. Raises WorkspaceError when the disk is full."""
        with refused(self.path):
            self._write(source, outcome, record(source, outcome, self.table, self.given))
        self.count += 1

    def row(self, made: Record) -> list[object]:
        """Return the cells of a record for `columns`, except for those of ABOUT."""
        return [made.document, *made.given, *made.cells, *([made.text] if self.with_text else [])]

    def __enter__(self) -> Self:
        try:
            with refused(self.path):
                self._open()
        except BaseException:
            self._close(False)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(kind is None)

    def _close(self, good: bool) -> None:
        try:
            with refused(self.path):
                self._finish(good)
            if good:
                self.output.place()
        except EverpilotError:
            if good:  # else the first error is the one to tell
                raise
        finally:
            self.output.drop()

    @abstractmethod
    def _open(self) -> None:
        """Open the files, by `self.output`, and write their heads."""

    @abstractmethod
    def _write(self, source: Source, outcome: Outcome, made: Record) -> None:
        """Write one document."""

    @abstractmethod
    def _finish(self, good: bool) -> None:
        """Close the files; with `good` they have to be complete. Called also when `_open` failed."""
