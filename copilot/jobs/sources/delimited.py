"""CSV as it is found: RFC 4180 and what spreadsheets of all countries make of it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from copilot.documents.text import decode, delimiter_of
from copilot.errors import DocumentError
from copilot.jobs.sources.columns import Columns, header_of
from copilot.jobs.sources.found import Found

#: Characters of one line; a quote that is opened and never closed makes one cell of all that follows.
_LINE = 16 << 20
_LINES = 5_000
_CHUNK = 1 << 20


def rows(table: Path, found: Found) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the rows under the header, each with its number; all values are text. Empty rows are no rows.

    The encoding is that of the byte order mark, else UTF-8, UTF-16, Windows-1252; the separator is guessed. Raises
    DocumentError: unreadable, empty, or broken (no clear header, an open quote).
    """
    try:
        encoding = encoding_of(table)
        with table.open(encoding=encoding, errors="replace", newline="") as stream:
            separator, start = _separator(stream)
            head = header_of(_cells(stream, separator, start, table.name), table.name, found)
    except OSError as error:
        raise DocumentError(f"{table} can't be read: {error.strerror}.", code="unreadable") from error
    if head is None:
        raise DocumentError(f"{table} is empty: it has no header.", code="empty")
    header, _ = head
    columns = Columns(header[1], table.name, header[0])
    return _rows(table, encoding, columns, header[0], found)


def _rows(table: Path, encoding: str, columns: Columns, top: int, found: Found) -> Iterator[tuple[int, dict[str, Any]]]:
    with table.open(encoding=encoding, errors="replace", newline="") as stream:
        separator, start = _separator(stream)
        for number, cells in _cells(stream, separator, start, table.name):
            if number > top and (values := columns.values(cells, number, found)) is not None:
                yield number, values


def encoding_of(table: Path) -> str:
    """Return the encoding of a text file, however large; raises OSError."""
    with table.open("rb") as stream:
        head = stream.read(4096)
        _, guess = decode(head)
        if guess.startswith(("utf-16", "utf-32")):
            return guess
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(head)
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _separator(stream: TextIO) -> tuple[str, int]:
    """Return the separator, and how many lines stand before the table: Excel reads a first line `sep=;` so."""
    sample = stream.read(16384)
    stream.seek(0)
    first = sample.split("\n", 1)[0].rstrip("\r")
    if first[:4].lower() == "sep=" and len(first) == 5:
        return first[4], 1
    return delimiter_of(sample), 0


class _Lines:
    """The lines of a file, none of them endless; `lines` counts those of the present row."""

    def __init__(self, stream: TextIO, table: str) -> None:
        self._stream, self._table = stream, table
        self.lines = self._total = 0
        #: A reader asks for more than there is only within a quote.
        self.is_over = False

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(_LINE):
            self._total += 1
            self.lines += 1
            if len(line) >= _LINE:
                what = f"Line {self._total} of {self._table} has {_LINE:,} characters or more, which no table needs."
                raise DocumentError(what, code="too_large")
            if self.lines > _LINES:
                raise self.open_quote()
            yield line
        self.is_over = True

    def open_quote(self) -> DocumentError:
        """Return the error for a quote that is never closed."""
        where = f"in line {self._total - self.lines + 1} of {self._table}"
        return DocumentError(f"A quote that is opened {where} is not closed.", hint="Check its quotes.")


def _cells(stream: TextIO, separator: str, start: int, table: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold something, with their numbers; `start` lines at the top are none."""
    csv.field_size_limit(max(csv.field_size_limit(), _LINE))  # raised for the whole process, and not lowered again
    for _ in range(start):
        stream.readline()
    lines = _Lines(stream, table)
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=separator), start=start + 1):
            cells = [cell.strip() for cell in row]
            if lines.is_over:
                raise lines.open_quote()
            lines.lines = 0
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise DocumentError(f"{table} can't be read as a CSV: {error}.", hint="Check its quotes.") from error
