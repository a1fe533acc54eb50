"""A worksheet part as bytes: find rows and cells, exchange some of them, leave every other byte as it is."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from copilot.documents.excel import markup
from copilot.documents.excel.refs import Area, column_number
from copilot.errors import DocumentError, ToolInputError

_R = re.compile(rb"""\sr\s*=\s*["']\s*([A-Za-z]*)([0-9]+)""")


@lru_cache(maxsize=8)
def _cell_pattern(prefix: bytes) -> re.Pattern[bytes]:
    """Return the pattern of a cell: whole (group 1 its column) as most are written, else its start tag (group 2)."""
    c, f, v, inline, t = (re.escape(prefix) + name for name in (b"c", b"f", b"v", b"is", b"t"))
    formula = rb'(?:<%b(?: [a-z]+="[^"]*")*(?:/>|>[^<]*</%b>))?' % (f, f)
    text = rb'<%b><%b(?: xml:space="preserve")?>[^<]*</%b></%b>' % (inline, t, t, inline)
    inner = rb"%b(?:<%b>[^<]*</%b>|%b)?" % (formula, v, v, text)
    usual = rb'([A-Z]{1,3})[0-9]+"(?: s="[0-9]+")?(?: t="[A-Za-z]+")?(?:/>|>%b</%b>)' % (inner, c)
    return re.compile(rb'<%b(?: r="%b|(?=[\s/>])(%b)>)' % (c, usual, markup.ATTRIBUTES))


@lru_cache(maxsize=4096)
def _column(letters: bytes) -> int:
    return column_number(letters.decode())


#: Rows that are looked for one by one; from then on they are known by their numbers.
_FEW = 32

#: Makes a cell's element from the present one (None: there is none yet).
Render = Callable[[bytes | None], bytes]


@dataclass(slots=True)
class RowSpan:
    """Where a row lies: `start` to `inner` its start tag, to `end` all of it."""

    number: int
    start: int
    inner: int
    end: int

    @property
    def empty(self) -> bool:
        """Whether it is written `<row/>`."""
        return self.inner == self.end


@dataclass(slots=True)
class CellSpan:
    """Where a cell lies."""

    column: int
    start: int
    end: int


class SheetXml:
    """A worksheet part. `data` is UTF-8 without CDATA; positions are offsets into it."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = markup.plain(data, name)
        self.prefix = markup.prefix_of(self.data)
        self.name = name
        found = markup.tag_pattern(self.prefix + b"sheetData").search(self.data)
        if found is None:
            raise DocumentError(f"The part {name!r} has no cell data: the file is damaged.", code="broken")
        self._start, self.inner = found.start(), found.end()
        closed = found[1].endswith(b"/")
        self.close = self.inner if closed else self.data.find(b"</" + self.prefix + b"sheetData", self.inner)
        if self.close < 0:
            raise DocumentError(f"The part {name!r} is cut off: the file is damaged.", code="broken")
        self.self_closed = closed
        self._index: dict[int, RowSpan] | None = None
        self._numbers: list[int] = []
        self._asked = 0
        self._row_close, self._cell_close = b"</" + self.prefix + b"row", b"</" + self.prefix + b"c"

    def rows(self) -> Iterator[RowSpan]:
        """Yield the rows in their order. A row without a number follows the one before it (18.3.1.73)."""
        number = 0
        data = self.data
        for match in markup.tag_pattern(self.prefix + b"row").finditer(data, self.inner, self.close):
            found = _R.search(match[1])
            number = int(found[2]) if found else number + 1
            yield self._span(match, number)

    def _span(self, match: re.Match[bytes], number: int) -> RowSpan:
        inner = match.end()
        if match[1].endswith(b"/"):
            return RowSpan(number, match.start(), inner, inner)
        closing = self.data.find(self._row_close, inner, self.close)
        if closing < 0:
            raise DocumentError(f"A row in {self.name!r} is not closed: the file is damaged.", code="broken")
        return RowSpan(number, match.start(), inner, self.data.find(b">", closing) + 1)

    def row(self, number: int) -> RowSpan | None:
        """Return a row, None if there is none.

        The first few are found by their number; odd spellings, and many rows, cost one walk over all.
        """
        self._asked += 1
        if self._index is None and self._asked > _FEW:
            self._indexed()
        if self._index is not None:
            return self._index.get(number)
        data = self.data
        at = data.find(b' r="%d"' % number, self.inner, self.close)
        while at >= 0:
            start = data.rfind(b"<", self.inner, at)
            match = markup.tag_pattern(self.prefix + b"row").match(data, start) if start >= 0 else None
            if match is not None and at < match.end():
                return self._span(match, number)
            at = data.find(b' r="%d"' % number, at + 1, self.close)
        last = self._last_row()
        if last is not None and last.number < number:
            return None
        return self._indexed().get(number)

    def _indexed(self) -> dict[int, RowSpan]:
        index: dict[int, RowSpan] = {}
        for row in self.rows():
            index.setdefault(row.number, row)
        self._index, self._numbers = index, sorted(index)
        return index

    def _last_row(self) -> RowSpan | None:
        """Return the last row where it says its number itself."""
        start = self.data.rfind(b"<" + self.prefix + b"row", self.inner, self.close)
        match = markup.tag_pattern(self.prefix + b"row").match(self.data, start) if start >= 0 else None
        found = _R.search(match[1]) if match else None
        return self._span(match, int(found[2])) if match and found else None

    def place_for(self, number: int) -> int:
        """Return where a new row goes: before the first one with a higher number."""
        last = self._last_row()
        if last is not None and last.number < number:
            return self.close
        if self._index is not None:
            after = bisect_right(self._numbers, number)
            return self._index[self._numbers[after]].start if after < len(self._numbers) else self.close
        return next((row.start for row in self.rows() if row.number > number), self.close)

    def cells(self, row: RowSpan) -> Iterator[CellSpan]:
        """Yield the cells of a row. A cell without an address follows the one before it (18.3.1.4)."""
        column = 0
        data = self.data
        if row.empty:
            return
        end = row.inner
        for match in _cell_pattern(self.prefix).finditer(data, row.inner, row.end):
            start, stop = match.span()
            if start < end:
                continue  # lies in the cell before it
            letters = match[1]
            if letters is not None:
                column, end = _column(letters), stop
            else:
                found = _R.search(match[2])
                column = _column(found[1]) if found and found[1] else column + 1
                end = stop if match[2].endswith(b"/") else self._cell_end(stop, row.end)
            yield CellSpan(column, start, end)

    def _cell_end(self, start: int, end: int) -> int:
        data, close = self.data, self._cell_close
        at = data.find(close, start, end)
        while at >= 0:
            after = data[at + len(close) : at + len(close) + 1]
            if after == b">":
                return at + len(close) + 1
            if after.isspace():
                return data.find(b">", at) + 1
            at = data.find(close, at + 1, end)
        raise DocumentError(f"A cell in {self.name!r} is not closed: the file is damaged.", code="broken")

    def has_formulas(self) -> bool:
        """Whether any cell holds a formula."""
        tag = b"<" + self.prefix + b"f"
        return any(self.data.find(tag + end, self.inner, self.close) >= 0 for end in (b">", b" ", b"/", b"\n"))

    def element(self, name: bytes) -> markup.Element | None:
        """Return the first element of the part, before or after the cell data."""
        full = self.prefix + name
        return markup.find(self.data, full, 0, self._start) or markup.find(self.data, full, self.close)

    def elements(self, name: bytes) -> list[markup.Element]:
        """Return the elements of that name behind the cell data."""
        return list(markup.find_all(self.data, self.prefix + name, self.close))

    def attribute(self, element: markup.Element, name: bytes) -> str | None:
        """Return an attribute of an element of the part."""
        return markup.attribute(self.data[element.start : element.inner], name)

    def areas(self, name: bytes, attribute: bytes = b"ref") -> list[Area]:
        """Return the areas that elements like `mergeCell` name; what is no area is left out."""
        found = []
        for element in self.elements(name):
            try:
                found.append(Area.parse(self.attribute(element, attribute) or ""))
            except ToolInputError:
                continue
        return found

    def cell(self, row: int, column: int) -> bytes | None:
        """Return a cell's element, None if there is none."""
        span = self.row(row)
        for cell in self.cells(span) if span else ():
            if cell.column == column:
                return self.data[cell.start : cell.end]
        return None

    def pieces(self, edits: dict[int, dict[int, Render]]) -> list[bytes]:
        """Return the part with the cells of `edits` (by row and column) exchanged, as pieces to be joined."""
        data = cast(bytes, memoryview(self.data))  # slices of a big part are not copied
        patches = sorted(
            self._patches(edits), key=lambda patch: patch[:2]
        )  # what is put in comes before what is exchanged
        pieces: list[bytes] = []
        at = 0
        for start, end, new in patches:
            pieces += [data[at:start], new]
            at = end
        return [*pieces, data[at:]]

    def _patches(self, edits: dict[int, dict[int, Render]]) -> Iterator[tuple[int, int, bytes]]:
        missing: dict[int, dict[int, Render]] = {}
        for number, columns in sorted(edits.items()):
            row = self.row(number)
            if row is None:
                missing[number] = columns
            else:
                yield from self._row_patches(row, columns)
        yield from self._new_rows(missing)
        yield from self._dimension_patch(edits)

    def _row_patches(self, row: RowSpan, edits: dict[int, Render]) -> Iterator[tuple[int, int, bytes]]:
        tag = self._spanned(self.data[row.start : row.inner], edits)
        if row.empty:
            inside = b"".join(edits[c](None) for c in sorted(edits))
            opened = tag[:-2].rstrip() + b">"
            yield row.start, row.end, opened + inside + self._row_close + b">"
            return
        if tag != self.data[row.start : row.inner]:
            yield row.start, row.inner, tag
        left = sorted(edits)
        done: set[int] = set()
        pending: dict[int, bytes] = {}
        last = row.inner
        for cell in self.cells(row):
            while left and left[0] < cell.column:
                column = left.pop(0)
                if column not in done:
                    pending[cell.start] = pending.get(cell.start, b"") + edits[column](None)
            if cell.column in edits and cell.column not in done:
                done.add(cell.column)
                before = pending.pop(cell.start, b"")
                yield cell.start, cell.end, before + edits[cell.column](self.data[cell.start : cell.end])
                left = [c for c in left if c != cell.column]
            last = cell.end
        tail = b"".join(edits[c](None) for c in left if c not in done)
        yield from ((at, at, new) for at, new in pending.items())
        if tail:
            yield last, last, tail

    def _spanned(self, tag: bytes, edits: dict[int, Render]) -> bytes:
        """Return the row's tag with `spans` widened: a hint for readers (18.3.1.73) that must not be wrong."""
        spans = markup.attribute(tag, b"spans")
        match = re.match(r"(\d+):(\d+)\Z", spans or "")
        if not match:
            return tag
        low, high = min(int(match[1]), *edits), max(int(match[2]), *edits)
        widened = f"{low}:{high}"
        return tag if widened == spans else markup.with_attribute(tag, b"spans", widened)

    def _new_rows(self, missing: dict[int, dict[int, Render]]) -> Iterator[tuple[int, int, bytes]]:
        made: dict[int, bytes] = {}
        for number, edits in missing.items():
            inside = b"".join(edits[c](None) for c in sorted(edits))
            tag = b"<" + self.prefix + b'row r="%d">' % number
            at = self.place_for(number)
            made[at] = made.get(at, b"") + tag + inside + self._row_close + b">"
        if self.self_closed and made:
            tag = self.data[self._start : self.inner][:-2].rstrip() + b">"
            yield self._start, self.inner, tag + b"".join(made.values()) + b"</" + self.prefix + b"sheetData>"
            return
        yield from ((at, at, new) for at, new in made.items())

    def _dimension_patch(self, edits: dict[int, dict[int, Render]]) -> Iterator[tuple[int, int, bytes]]:
        element = markup.find(self.data, self.prefix + b"dimension", 0, self._start)
        area = Area.around((r, c) for r, columns in edits.items() for c in columns)
        if element is None or area is None:
            return
        tag = self.data[element.start : element.inner]
        try:
            present = Area.parse(markup.attribute(tag, b"ref") or "")
        except ToolInputError:
            present = area
        grown = Area(
            min(present.top, area.top),
            min(present.left, area.left),
            max(present.bottom, area.bottom),
            max(present.right, area.right),
        )
        if grown != present:
            yield element.start, element.inner, markup.with_attribute(tag, b"ref", str(grown))
