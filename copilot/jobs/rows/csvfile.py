"""Results as CSV (RFC 4180), in UTF-8 with the mark that Excel needs; a list of objects is a file beside it."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from pathlib import Path
from typing import IO, Any

from copilot.jobs.job import Outcome, Source
from copilot.jobs.rows.cells import neutral, visible
from copilot.jobs.rows.plan import unique
from copilot.jobs.rows.records import Record
from copilot.jobs.rows.writing import Writer

#: Between the values of a list in one cell.
JOINT = "; "
_UNFIT = re.compile(r"[^\w.-]+")


class CsvWriter(Writer):
    """Text, numbers as they are, dates as ISO 8601, true and false. Formulas are made text; a record is CRLF-ended."""

    separator = ","

    def _open(self) -> None:
        self._streams: list[IO[str]] = []
        below = list(self.table.below())
        names = unique(_UNFIT.sub("_", table.name) for table in below)
        self._main = self._file(self.path, self.names)
        self._below = {
            table.name: self._file(_named(self.path, name), ["document", "item", *(c.name for c in table.columns)])
            for table, name in zip(below, names, strict=True)
        }

    def _file(self, path: Path, names: list[str]) -> Any:
        stream = self.output.file(path).open("x", encoding="utf-8-sig", newline="")
        self._streams.append(stream)
        writes = csv.writer(stream, delimiter=self.separator, lineterminator="\r\n")
        writes.writerow([_cell(name) for name in names])
        return writes

    def _write(self, source: Source, outcome: Outcome, made: Record) -> None:
        self._main.writerow([_cell(each) for each in (*self.row(made), *made.about)])
        for item in made.items:
            self._below[item.table].writerow([_cell(each) for each in (made.document, item.item, *item.cells)])

    def _finish(self, good: bool) -> None:
        for stream in getattr(self, "_streams", ()):
            stream.close()


class TsvWriter(CsvWriter):
    """The same with tabs between the cells."""

    separator = "\t"


def _named(path: Path, name: str) -> Path:
    """Return the file of a table below: results.items.csv beside results.csv."""
    return path.with_name(f"{path.stem}.{name}{path.suffix}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return neutral(visible(JOINT.join(_bare(each) for each in value if each is not None)))
    return neutral(visible(value)) if isinstance(value, str) else _bare(value)


def _bare(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else json.dumps(value)
