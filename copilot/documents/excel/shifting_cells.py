"""The cells of a sheet when rows or columns are inserted or deleted, on it or on a sheet that they refer to.

One pass over the bytes: rows in front of the place that hold no formula are not even looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from copilot.documents.excel import markup
from copilot.documents.excel.refs import Area, address, column_letters, column_number, parse_cell
from copilot.documents.excel.reftext import REF_ERROR, Pieces, joined, moved, pieces
from copilot.documents.excel.shift import Follower, Shift
from copilot.documents.excel.splice import CellSpan, RowSpan, SheetXml
from copilot.errors import ToolInputError

At = tuple[int, int]

#: Functions that give something else in another place, or for a range of another shape.
_LETTERS = re.compile(rb"[A-Za-z]{1,3}")
_ADDRESS = re.compile(rb"[A-Za-z]{1,3}[0-9]+")
_BY_PLACE = re.compile(r"(?i)\b(?:ROW|COLUMN|CELL|OFFSET|INDIRECT)\s*\(")


@dataclass
class Outcome:
    """What became of a sheet's formulas: `reshaped` may have other values now, `broken` lost what they refer to.

    Places are those afterwards; `broken` and `changed` go with the texts before and after.
    """

    reshaped: list[At] = field(default_factory=list)
    broken: list[tuple[At, str, str]] = field(default_factory=list)
    several: list[At] = field(default_factory=list)
    followed: int = 0
    formulas: bool = False


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a reference of a shared formula's master lies along the axis of the shift, before and after."""

    low: int
    high: int
    low_fixed: bool
    high_fixed: bool
    new_low: int
    new_high: int

    def follows(self, shift: Shift, old: int, new: int) -> bool:
        """Return whether the reference of a cell `old` behind the master is, afterwards, the one `new` behind it."""
        low = self.low if self.low_fixed else self.low + old
        high = self.high if self.high_fixed else self.high + old
        if not 1 <= low <= high <= shift.limit:
            return False
        span = shift.span(low, high)
        if span is None or span[1] - span[0] != high - low:
            return False
        wanted = self.new_low if self.low_fixed else self.new_low + new
        return span == (wanted, self.new_high if self.high_fixed else self.new_high + new)


@dataclass
class _Shared:
    """A shared formula (18.3.1.40): its master's text and place before, and after where there is one by now."""

    parts: Pieces
    at: At
    area: Area | None
    new: Pieces | None = None
    new_at: At = (0, 0)
    spans: list[_Span] | None = None


class CellFormulas:
    """The formulas of one sheet; `own` says whether the sheet itself is shifted."""

    def __init__(self, xml: SheetXml, follower: Follower, *, own: bool) -> None:
        self.outcome = Outcome()
        self._xml, self._follower, self._own = xml, follower, own
        self._name = xml.prefix + b"f"
        self._shared: dict[str, _Shared] = {}
        self._searched = False

    def cell(self, raw: bytes, old: At, new: At | None) -> bytes:
        """Return a cell's element with its formula as it is afterwards; `new` is None for a cell that is deleted."""
        found = markup.find(raw, self._name)
        if found is None:
            return raw
        self.outcome.formulas = True
        tag, text = raw[found.start : found.inner], markup.unescape(raw[found.inner : found.close].decode())
        kind = markup.attribute(tag, b"t") or "normal"
        self._follower.reshaped = self._follower.several = False
        if kind == "shared":
            made = self._shared_element(tag, text, old, new)
        elif new is None:
            return raw
        else:
            made = self._element(tag, kind, text, text and self._follower.text(text, own=self._own))
            self._note(new, text, made[1])
        if made == (tag, text):
            return raw
        return raw[: found.start] + self._written(*made) + raw[found.end :]

    def _written(self, tag: bytes, text: str) -> bytes:
        if not text:
            return tag if tag.endswith(b"/>") else tag[:-1].rstrip() + b"/>"
        opened = tag[:-2].rstrip() + b">" if tag.endswith(b"/>") else tag
        return opened + markup.escape(text).encode() + b"</" + self._name + b">"

    def _note(self, at: At, before: str, after: str) -> None:
        out = self.outcome
        out.followed += before != after
        if self._follower.reshaped or (self._own and before and _BY_PLACE.search(before)):
            out.reshaped.append(at)
        if after.count(REF_ERROR) > before.count(REF_ERROR):
            out.broken.append((at, before, after))
        if self._follower.several:
            out.several.append(at)

    def _element(self, tag: bytes, kind: str, old: str, text: str) -> tuple[bytes, str]:
        """Return the tag and text of a formula of its own, of an array, or of a data table."""
        if not self._own or kind == "normal":
            return tag, text
        shift = self._follower.shift
        ref = markup.attribute(tag, b"ref")
        area = shift.area(Area.parse(ref)) if ref else None
        if area is not None and str(area) != ref:
            tag = markup.with_attribute(tag, b"ref", str(area))
        for name, gone in ((b"r1", b"del1"), (b"r2", b"del2")) if kind == "dataTable" else ():
            written = markup.attribute(tag, name)
            cell = shift.cell(*parse_cell(written)) if written else None
            if written and cell is None:
                tag = markup.with_attribute(tag, gone, "1")
            elif cell is not None and address(*cell) != written:
                tag = markup.with_attribute(tag, name, address(*cell))
        return tag, text

    def _shared_element(self, tag: bytes, text: str, old: At, new: At | None) -> tuple[bytes, str]:
        group_id = markup.attribute(tag, b"si") or ""
        if text:
            ref = markup.attribute(tag, b"ref")
            self._shared[group_id] = _Shared(pieces(text), old, Area.parse(ref) if ref else None)
        group = self._shared.get(group_id) or self._search(group_id)
        if group is None or new is None:
            return tag, text
        if group.spans is not None and self._follows(group, group.spans, old, new):
            return tag, ""
        before = moved(group.parts, old[0] - group.at[0], old[1] - group.at[1])
        after = self._follower.pieces(before, own=self._own)
        if self._follower.tables is not None:
            after = pieces(self._follower.tables(joined(after)))
        if self._follower.reshaped or self._follower.several or after is not before or group.new is None:
            self._note(new, joined(before), joined(after))
        if group.new is None:
            group.new, group.new_at = after, new
            group.spans = self._spans(group) if group.at == old else None
            area = self._follower.shift.area(group.area) if self._own and group.area else group.area
            return self._master(tag, group_id, area or Area(*new, *new)), joined(after)
        if after == moved(group.new, new[0] - group.new_at[0], new[1] - group.new_at[1]):
            return tag, ""
        for name in (b"t", b"si", b"ref"):
            tag = markup.with_attribute(tag, name, None)
        return tag, joined(after)

    def _follows(self, group: _Shared, spans: list[_Span], old: At, new: At) -> bool:
        """Return whether a cell of a shared formula is still what its master says: told from numbers alone."""
        axis = 0 if self._follower.shift.rows else 1
        before, after = old[axis] - group.at[axis], new[axis] - group.new_at[axis]
        return all(span.follows(self._follower.shift, before, after) for span in spans)

    def _spans(self, group: _Shared) -> list[_Span] | None:
        """Return where the references of a master lie; None where a look at the numbers would not be enough."""
        rows, found = self._follower.shift.rows, []
        text = joined(group.parts)
        if self._follower.tables is not None or _BY_PLACE.search(text):
            return None
        for before, after in zip(group.parts, group.new or (), strict=True):
            if isinstance(before, str) or isinstance(after, str) or not before.corners:
                continue
            ends = [
                [(c.row, c.fixed_row) if rows else (c.column, c.fixed_column) for c in r.corners]
                for r in (before, after)
            ]
            if before.sheet != before.last or not ends[1] or any(not number for end in ends for number, _ in end):
                return None
            if before.sheet.casefold() != self._follower.sheet.casefold() if before.sheet else not self._own:
                if self._own and not all(fixed for _, fixed in ends[0]):
                    return None  # the cell moves, and what it refers to does not
                continue
            (low, low_fixed), (high, high_fixed) = ends[0][0], ends[0][-1]
            found.append(_Span(low, high, low_fixed, high_fixed, ends[1][0][0], ends[1][-1][0]))
        return found

    def _master(self, tag: bytes, group: str, area: Area) -> bytes:
        if markup.attribute(tag, b"ref") != str(area):
            tag = markup.with_attribute(tag, b"ref", str(area))
        return tag

    def _search(self, group: str) -> _Shared | None:
        """Look for the masters of shared formulas behind the cells that use them: few writers put them there."""
        if self._searched:
            return None
        self._searched = True
        data = self._xml.data
        for row in self._xml.rows():
            for cell in self._xml.cells(row) if b"shared" in data[row.start : row.end] else ():
                found = markup.find(data, self._name, cell.start, cell.end)
                if found is None or found.inner >= found.close:
                    continue
                tag = data[found.start : found.inner]
                key = markup.attribute(tag, b"si") or ""
                if markup.attribute(tag, b"t") == "shared" and key not in self._shared:
                    text = markup.unescape(data[found.inner : found.close].decode())
                    ref = markup.attribute(tag, b"ref")
                    self._shared[key] = _Shared(
                        pieces(text), (row.number, cell.column), Area.parse(ref) if ref else None
                    )
        return self._shared.get(group)


def _formula_mark(prefix: bytes) -> re.Pattern[bytes]:
    return re.compile(b"<" + re.escape(prefix) + rb"f[\s/>]")


def followed_cells(xml: SheetXml, follower: Follower) -> tuple[list[tuple[int, int, bytes]], Outcome]:
    """Return the patches of a sheet that is not shifted itself, and what became of its formulas."""
    formulas = CellFormulas(xml, follower, own=False)
    patches: list[tuple[int, int, bytes]] = []
    if not _concerned(xml, follower):
        return patches, formulas.outcome
    mark, data = _formula_mark(xml.prefix), xml.data
    for row in xml.rows():
        if not mark.search(data, row.start, row.end):
            continue
        for cell in xml.cells(row):
            raw, at = data[cell.start : cell.end], (row.number, cell.column)
            if (made := formulas.cell(raw, at, at)) != raw:
                patches.append((cell.start, cell.end, made))
    return patches, formulas.outcome


def _concerned(xml: SheetXml, follower: Follower) -> bool:
    """Return whether a sheet may hold formulas that refer to another one."""
    other = b"!" if follower.tables is None else b"["
    return xml.data.find(b"!", xml.inner, xml.close) >= 0 or xml.data.find(other, xml.inner, xml.close) >= 0


@lru_cache(maxsize=8)
def _numbers(prefix: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(<" + re.escape(prefix) + rb'c r="[A-Za-z]{1,3})[0-9]+')


class ShiftedCells:
    """The cell data of the sheet that is shifted. `headers` are texts for new cells, by place afterwards."""

    def __init__(self, xml: SheetXml, follower: Follower, headers: Mapping[At, str]) -> None:
        self.formulas = CellFormulas(xml, follower, own=True)
        self._xml, self._shift, self._headers = xml, follower.shift, headers
        self._mark = _formula_mark(xml.prefix)
        self._cell = b"<" + xml.prefix + b"c"
        self._columns: dict[bytes, tuple[int, bytes | None]] = {}

    def patches(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the patches of the cell data, in order; raises ToolInputError when cells would fall off the sheet."""
        shift, new_rows = self._shift, self._new_rows() if self._shift.rows and not self._shift.deletes else b""
        for row in self._xml.rows():
            new = shift.index(row.number) if shift.rows else row.number
            if shift.rows and new is not None and new > row.number and new_rows:
                yield row.start, row.start, new_rows
                new_rows = b""
            if new is None:
                self._gone(row)
                yield row.start, row.end, b""
                continue
            old = self._xml.data[row.start : row.end]
            made = self._by_rows(row, new, old) if shift.rows else self._by_columns(row, old)
            if made != old:
                yield row.start, row.end, made
        if new_rows:
            yield self._xml.close, self._xml.close, new_rows

    def _gone(self, row: RowSpan) -> None:
        """Look into a row that goes: its shared formulas may live on below; what is pushed off must be empty."""
        data = self._xml.data
        if self._mark.search(data, row.start, row.end):
            for cell in self._xml.cells(row):
                self.formulas.cell(data[cell.start : cell.end], (row.number, cell.column), None)
        if not self._shift.deletes:
            for cell in self._xml.cells(row):
                self._refuse_full(data[cell.start : cell.end], row.number, cell.column)

    def _refuse_full(self, raw: bytes, row: int, column: int) -> None:
        if raw.endswith(b"/>") and raw.count(b"<") == 1:
            return
        what = "row" if self._shift.rows else "column"
        message = f"{address(row, column)} holds something and would be pushed off the end of the sheet."
        hint = f"Insert fewer {what}s, or empty that cell first."
        raise ToolInputError(message, hint=hint, code="cell_in_the_way")

    def _by_rows(self, row: RowSpan, new: int, old: bytes) -> bytes:
        data, body = self._xml.data, old[row.inner - row.start :]
        moves, has = new != row.number, self._mark.search(old) is not None
        plain = body.count(self._cell) == body.count(self._cell + b' r="')
        if has or (moves and not plain):
            found, at = [], row.inner
            for cell in self._xml.cells(row):
                raw = data[cell.start : cell.end]
                made = self.formulas.cell(raw, (row.number, cell.column), (new, cell.column)) if has else raw
                found += [data[at : cell.start], self._placed(made, new, cell.column) if moves and not plain else made]
                at = cell.end
            body = b"".join([*found, data[at : row.end]])
        if not moves:
            return old[: row.inner - row.start] + body
        tag = markup.with_attribute(old[: row.inner - row.start], b"r", str(new))
        return tag + (self._renumbered(body, row.number, new) if plain else body)

    def _renumbered(self, body: bytes, old: int, new: int) -> bytes:
        """Return a row's cells, all of which have their address in front, with the number of another row."""
        if body.count(b'%d"' % old) == body.count(self._cell + b' r="'):
            return body.replace(b'%d"' % old, b'%d"' % new)  # nothing but the addresses ends like them
        return _numbers(self._xml.prefix).sub(lambda match: match[1] + b"%d" % new, body)

    def _placed(self, raw: bytes, row: int, column: int) -> bytes:
        head = len(self._cell) + 4
        match = _ADDRESS.match(raw, head) if raw[len(self._cell) : head] == b' r="' else None
        if match is not None:
            return raw[:head] + address(row, column).encode() + raw[match.end() :]
        tag = markup.tag_pattern(self._xml.prefix + b"c").match(raw)
        if tag is None:
            return raw
        return markup.with_attribute(tag[0], b"r", address(row, column)) + raw[tag.end() :]

    def _by_columns(self, row: RowSpan, old: bytes) -> bytes:
        shift, has = self._shift, self._mark.search(old) is not None
        if not (has or row.empty) and old.count(self._cell) == old.count(self._cell + b' r="'):
            return self._by_letters(row, old)
        found, left, placed = [self._spanned(old[: row.inner - row.start])], b"", shift.deletes
        for column, raw in self._segments(row, old):
            if not column:
                found.append(raw)
                continue
            if not placed and column >= shift.at:
                found.append(self._new_cells(row.number, left))
                placed = True
            new = shift.index(column)
            made = self.formulas.cell(raw, (row.number, column), (row.number, new) if new else None) if has else raw
            if new is not None:
                found.append(made if new == column else self._placed(made, row.number, new))
            elif not shift.deletes:
                self._refuse_full(raw, row.number, column)
            left = raw if column == shift.at - 1 else left
        if not placed:
            found.append(self._new_cells(row.number, left))
        return b"".join(found) + (b"" if row.empty else old[self._closing(row) - row.start :])

    def _by_letters(self, row: RowSpan, old: bytes) -> bytes:
        """Return a row without formulas, all of whose cells have their address in front: only that is exchanged."""
        shift, head, close = self._shift, self._cell + b' r="', self._closing(row) - row.start
        first, *cells = old[:close].split(head)
        tag = row.inner - row.start
        found, left, placed = [self._spanned(first[:tag]) + first[tag:]], b"", shift.deletes
        for cell in cells:
            letters = bytes(cell[:3]).rstrip(b'0123456789" />')
            column, new = self._columns.get(letters) or self._column(letters)
            if not placed and column >= shift.at:
                found.append(self._new_cells(row.number, left))
                placed = True
            if new is not None:
                found += (head, new, cell[len(letters) :])
            elif not shift.deletes:
                self._refuse_full(head + cell, row.number, column)
            left = head + cell if column == shift.at - 1 else left
        if not placed:
            found.append(self._new_cells(row.number, left))
        return b"".join(found) + old[close:]

    def _column(self, letters: bytes) -> tuple[int, bytes | None]:
        column = column_number(letters.decode())
        new = self._shift.index(column)
        self._columns[letters] = column, None if new is None else column_letters(new).encode()
        return self._columns[letters]

    def _segments(self, row: RowSpan, old: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (column, bytes) of a row's cells, and (0, bytes) of what lies between them."""
        if row.empty:
            return
        end = self._closing(row) - row.start
        head = self._cell + b' r="'
        if old.count(self._cell) == old.count(head):
            starts = [m.start() for m in re.finditer(re.escape(head), old)]
            yield 0, old[row.inner - row.start : starts[0] if starts else end]
            for start, stop in pairwise([*starts, end]):
                match = _LETTERS.match(old, start + len(head))
                yield column_number(match[0].decode()) if match else 0, old[start:stop]
            return
        at = row.inner
        for cell in self._xml.cells(row):
            yield 0, self._xml.data[at : cell.start]
            yield cell.column, self._xml.data[cell.start : cell.end]
            at = cell.end
        yield 0, self._xml.data[at : row.start + end]

    def _closing(self, row: RowSpan) -> int:
        return self._xml.data.rfind(b"</", row.inner, row.end)

    def _spanned(self, tag: bytes) -> bytes:
        """Return a row's tag with `spans`, a hint to readers, moved along (18.3.1.73)."""
        spans = markup.attribute(tag, b"spans")
        match = re.fullmatch(r"(\d+):(\d+)", spans or "")
        if spans is None:
            return tag
        new = self._shift.span(int(match[1]), int(match[2])) if match else None
        written = f"{new[0]}:{new[1]}" if new else None
        return tag if written == spans else markup.with_attribute(tag, b"spans", written)

    def _new_cells(self, row: int, left: bytes) -> bytes:
        """Return new cells in inserted columns, in the format of the one to the left; headers with their text."""
        style = markup.attribute(left[: left.index(b">") + 1], b"s") if left else None
        made = []
        for column in range(self._shift.at, self._shift.at + self._shift.count):
            text = self._headers.get((row, column))
            if style is None and text is None:
                continue
            tag = self._cell + f' r="{address(row, column)}"'.encode() + (f' s="{style}"'.encode() if style else b"")
            made.append(tag + (b"/>" if text is None else self._text(text)))
        return b"".join(made)

    def _text(self, text: str) -> bytes:
        p = self._xml.prefix
        inner = markup.escape(markup.encode_xstring(text)).encode()
        return b' t="inlineStr"><%bis><%bt>%b</%bt></%bis></%bc>' % (p, p, inner, p, p, p)

    def _new_rows(self) -> bytes:
        """Return the inserted rows, in the format of the row above; nothing where that has none."""
        shift = self._shift
        above = self._xml.row(shift.at - 1) if shift.at > 1 else None
        if above is None:
            return b""
        tag = self._xml.data[above.start : above.inner]
        kept = {name: markup.attribute(tag, name) for name in (b"spans", b"s", b"customFormat", b"ht", b"customHeight")}
        if not kept[b"customHeight"]:
            kept[b"ht"] = None
        attributes = b"".join(b' %b="%b"' % (name, value.encode()) for name, value in kept.items() if value is not None)
        styles = [(c.column, s) for c in self._xml.cells(above) if (s := self._style(c)) is not None]
        if not styles and not any(kept[name] for name in (b"customFormat", b"customHeight")):
            return b""
        return b"".join(self._new_row(row, attributes, styles) for row in range(shift.at, shift.at + shift.count))

    def _new_row(self, row: int, attributes: bytes, styles: list[tuple[int, str]]) -> bytes:
        p = self._xml.prefix
        cells = b"".join(b'<%bc r="%b" s="%b"/>' % (p, address(row, c).encode(), s.encode()) for c, s in styles)
        head = b'<%brow r="%d"' % (p, row) + attributes
        return head + (b">" + cells + b"</%brow>" % p if cells else b"/>")

    def _style(self, cell: CellSpan) -> str | None:
        tag = self._xml.data[cell.start : self._xml.data.index(b">", cell.start) + 1]
        return markup.attribute(tag, b"s")
