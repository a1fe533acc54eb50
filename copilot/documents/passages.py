"""A reading cut into passages: what can be quoted, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from copilot.documents.grids import Region, grid, regions
from copilot.documents.segments import Reading, Segment
from copilot.documents.sentences import sentences
from copilot.documents.tables import table_rows

_RANGE = re.compile(
    r"(?P<sheet>.*!)?\$?(?P<c1>[A-Z]{1,3})\$?(?P<r1>\d+):\$?(?P<c2>[A-Z]{1,3})\$?(?P<r2>\d+)\Z", re.DOTALL
)
_NUMERIC = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,' ]*\s?[%€)]?\Z")
_MERGED = frozenset({"↑", "←"})  # what readers put into a cell that is merged with its neighbour
_LABEL_WORDS = 6
_MAX_ROW = 400  # characters of a quoted table row


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, list item, heading or table row.

    `where` is its place in words, `heading` the headings above it, innermost last, `before` the sentence before it
    in the same block. `position` counts the blocks from the start, `first` marks the first sentence of a block.
    `hidden` says why a person would not see it, "" when they do.
    """

    text: str
    where: str
    kind: str = "paragraph"
    heading: str = ""
    before: str = ""
    position: int = 0
    first: bool = True
    hidden: str = ""


def passages(reading: Reading, *, hidden: bool = True) -> tuple[Passage, ...]:
    """Return the document's passages in order; those a person would not see only if `hidden` is true."""
    found: list[Passage] = []
    trail: list[tuple[int, str]] = []
    label = ""
    for position, segment in enumerate(reading.segments):
        if segment.hidden and not hidden:
            continue
        if is_repeated(segment):
            continue
        if segment.kind in ("heading", "title", "slide") and "\n" not in segment.text.strip():
            level = 0 if segment.kind == "title" else segment.level or 1
            trail = [(at, text) for at, text in trail if at < level]
            found.append(_passage(segment, segment.text.strip(), segment.where, _path(trail), position, kind="heading"))
            trail.append((level, segment.text.strip()))
            label = ""
        else:
            following = reading.segments[position + 1 : position + 2]
            label = _label(segment, following) or (label if segment.kind == "list" else "")
            if label and segment.kind == "paragraph":
                kind = "" if _says_something(label) else "heading"
                found.append(_passage(segment, segment.text.strip(), segment.where, _path(trail), position, kind=kind))
                continue
            above = [*trail, (99, label)] if label else trail
            found.extend(_of_segment(segment, _path(above), position))
    return tuple(p for p in found if p.text)


def _says_something(label: str) -> bool:
    """Whether a line before a list is a statement itself: it is long, or holds a figure."""
    return len(label.split()) >= _LABEL_WORDS or any(c.isdigit() for c in label)


def is_repeated(segment: Segment) -> bool:
    """Whether a segment only says again who wrote what stands in the text: a tracked insertion."""
    return segment.kind == "revision" and not segment.hidden


def _label(segment: Segment, following: Sequence[Segment]) -> str:
    """Return the text of a line that introduces the list after it ("Out of scope"): a heading in all but style."""
    text = segment.text.strip()
    introduces = segment.kind == "paragraph" and bool(following) and following[0].kind == "list"
    return text.rstrip(":") if introduces and len(text) <= 80 and not text.endswith((".", "!", "?")) else ""


def _path(trail: Sequence[tuple[int, str]]) -> str:
    return " › ".join(text for _, text in trail)


def _passage(
    segment: Segment,
    text: str,
    where: str,
    heading: str,
    position: int,
    *,
    kind: str = "",
    before: str = "",
    first: bool = True,
) -> Passage:
    return Passage(text, where, kind or segment.kind, heading, before, position, first, segment.hidden)


def _of_segment(segment: Segment, heading: str, position: int) -> Iterator[Passage]:
    rows = [["" if cell in _MERGED else cell for cell in row] for row in table_rows(segment.text)]
    if rows:
        for text, where, header in _rows(rows, segment.where):
            yield _passage(segment, text, where, heading, position, kind="row", before=header)
        return
    before = ""
    for number, sentence in enumerate(sentences(segment.text)):
        yield _passage(segment, sentence, segment.where, heading, position, before=before, first=number == 0)
        before = sentence


def _rows(rows: Sequence[Sequence[str]], where: str) -> Iterator[tuple[str, str, str]]:
    """Yield text, place and header of each row of a table, or of a sheet shown as a grid."""
    sheet = grid(rows)
    if sheet is None:
        header = " ".join(rows[0])
        yield from ((text, place, header) for text, place in row_texts(rows, where))
        return
    yield from (
        (text, place, header) for text, place, header, _ in sheet_rows(regions(sheet), where.rpartition("!")[0])
    )


def sheet_rows(found: Iterable[Region], sheet: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield text, place, header and number of each row of a sheet's regions."""
    for region in found:
        names = region.header.cells if region.header else ()
        header = " ".join(names)
        for labels, rows in (((), region.titles), (names, region.rows)):
            for row in rows:
                place = f"{sheet}!{row.range()}" if sheet else row.range()
                yield _bounded(_labelled(labels, row.cells)), place, header, row.number


def row_texts(rows: Sequence[Sequence[str]], where: str) -> Iterable[tuple[str, str]]:
    """Yield each row of a table as "Header: value; Header: value" with its place.

    A table whose first row does not look like headers (two columns of labels and values) gives "label: value".
    """
    header, body = rows[0], rows[1:]
    pairs = len(header) == 2 and not _is_header(header, body)
    if pairs or not body:
        for number, row in enumerate(rows):
            yield _bounded(": ".join(cell for cell in row if cell)), row_place(where, number, len(rows))
        return
    for number, row in enumerate(body, start=1):
        yield _bounded(_labelled(header, row)), row_place(where, number, len(rows))


def _labelled(header: Sequence[str], row: Sequence[str]) -> str:
    return "; ".join(f"{h}: {c}" if h else c for h, c in zip(_padded(header, len(row)), row, strict=False) if c)


def _is_header(header: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the second cell is a word above a column of numbers: "Item | Price" is, "Name | Ann" is not."""
    values = [row[1] for row in body if len(row) > 1 and row[1]]
    numeric = sum(bool(_NUMERIC.match(value)) for value in values)
    return bool(values) and not _NUMERIC.match(header[1]) and numeric * 2 > len(values)


def _padded(header: Sequence[str], width: int) -> list[str]:
    return [*header, *[""] * (width - len(header))]


def _bounded(text: str) -> str:
    return text if len(text) <= _MAX_ROW else text[: _MAX_ROW - 1].rsplit(" ", 1)[0] + " …"


def row_place(where: str, number: int, count: int) -> str:
    """Return the place of row `number` (from 0) of a table: its own range when the table's range has `count` rows."""
    found = _RANGE.match(where)
    if found and int(found["r2"]) - int(found["r1"]) + 1 == count:
        row = int(found["r1"]) + number
        first, last = f"{found['c1']}{row}", f"{found['c2']}{row}"
        return (found["sheet"] or "") + (first if first == last else f"{first}:{last}")
    if lines := re.fullmatch(r"rows (\d+)-\d+", where):
        return f"row {int(lines[1]) - 1 + number}"
    return f"{where}, row {number + 1}" if where else f"row {number + 1}"
