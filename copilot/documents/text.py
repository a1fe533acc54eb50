"""Plain text, Markdown and CSV as segments."""

from __future__ import annotations

import csv
import io
import re
from pathlib import PurePath

from copilot.documents.invisible import invisible
from copilot.documents.segments import Heading, Outline, Reading, Segment, SheetOutline, TableOutline
from copilot.documents.tables import column_letters, markdown_table
from copilot.errors import DocumentError

MAX_BYTES = 64 << 20  # a text file larger than this is data, not a document
MAX_ROWS = 100_000
_ROWS_A_SEGMENT = 500

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*\Z")
_ITEM = re.compile(r"\s*([-*+•]|\d{1,3}[.)])\s+\S")
_FENCE = re.compile(r"\s*(```|~~~)")
_UNDERLINE = re.compile(r"\s{0,3}(=+|-+)\s*\Z")


def decode(content: bytes) -> tuple[str, str]:
    """Return the text and the encoding that it was read with: by byte order mark, UTF-8, UTF-16, else Windows-1252."""
    if content.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return content.decode("utf-32", "replace"), "utf-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "utf-16"
    # Before UTF-8, in which plain words as UTF-16 are valid too: every other byte a NUL.
    if guess := _utf16_without_mark(content):
        return content.decode(guess, "replace"), guess
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    # Windows-1252 leaves five bytes undefined: they are shown as a mark, not dropped.
    return content.decode("cp1252", "replace"), "cp1252"


def _utf16_without_mark(content: bytes) -> str:
    head = content[:4096]
    if b"\0" not in head:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 * half and odd < 0.05 * half else ""


def read(content: bytes, name: str) -> Reading:
    """Return the text as headings, paragraphs, list items and tables. Raises DocumentError (too_large)."""
    text, encoding = _text(content, name)
    if PurePath(name).suffix.lower() in (".csv", ".tsv"):
        return _read_csv(text, encoding, name)
    is_markdown = PurePath(name).suffix.lower() in (".md", ".markdown")
    segments = tuple(_blocks(text, is_markdown))
    title = next((s.text for s in segments if s.kind == "heading"), "")
    return Reading("text", segments, text, title=title, properties={"encoding": encoding}, flags=invisible(text))


def outline(content: bytes, name: str) -> Outline:
    """Return the Markdown headings, or the columns of a CSV. Raises DocumentError (too_large)."""
    reading = read(content, name)
    headings = tuple(Heading(s.text, s.level, s.where) for s in reading.segments if s.kind == "heading")
    if PurePath(name).suffix.lower() not in (".csv", ".tsv"):
        return Outline("text", reading.title, headings)
    rows = csv_rows(decode(content)[0])
    width, height = max((len(r) for r in rows), default=0), len(rows)
    ref = f"A1:{column_letters(width)}{height}" if width else ""
    columns = tuple(rows[0]) if rows else ()
    table = TableOutline(PurePath(name).stem, ref, columns)
    return Outline("text", "", (), (SheetOutline(PurePath(name).stem, ref, columns, (table,)),) if ref else ())


def _text(content: bytes, name: str) -> tuple[str, str]:
    if len(content) > MAX_BYTES:
        raise DocumentError(
            f"{name} is a text of {len(content) >> 20} MB; up to {MAX_BYTES >> 20} MB are read.",
            hint="Split it into smaller files.",
            code="too_large",
        )
    text, encoding = decode(content)
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding


#: What a spreadsheet would run when a cell of a CSV begins with it: a formula, a call, or a DDE link. Numbers, dashes
#: and names with an @ are no such thing.
FORMULA = re.compile(r"[\s\ufeff]*(?:=(?=[^=\s])|[=+@-][^\n]*\||[+@-](?:[^\n]*[-+*/@(])?[A-Za-z_.]+\()")


def csv_rows(text: str) -> list[list[str]]:
    """Return the rows of a CSV, its separator guessed from the first lines (comma, semicolon, tab or bar)."""
    delimiter = delimiter_of(text)
    limit = csv.field_size_limit(MAX_BYTES)
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        return [[cell.strip() for cell in row] for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DocumentError(f"The CSV can't be read: {error}.", hint="Check its quotes.", code="broken") from error
    finally:
        csv.field_size_limit(limit)


def delimiter_of(text: str) -> str:
    """Return what separates the cells of a CSV, guessed from its first lines: comma, semicolon, tab or bar."""
    sample = text[:16384]
    return max(",;\t|", key=lambda d: _regularity(sample, d))


def _regularity(sample: str, delimiter: str) -> tuple[float, int]:
    """How well `delimiter` cuts the lines into the same number of cells; more cells win a tie."""
    lines = sample.splitlines()[:30]
    lines = lines[:-1] if len(lines) > 2 else lines
    try:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return (0.0, 0)
    if not counts or max(counts) < 2:
        return (0.0, 0)
    most = max(set(counts), key=lambda c: (counts.count(c), c))
    return (counts.count(most) / len(counts) if most > 1 else 0.0, most)


def _read_csv(text: str, encoding: str, name: str) -> Reading:
    rows = csv_rows(text)
    omitted = (f"{len(rows) - MAX_ROWS} rows after row {MAX_ROWS}",) if len(rows) > MAX_ROWS else ()
    rows = rows[:MAX_ROWS]
    segments = []
    for start in range(1, max(len(rows), 2), _ROWS_A_SEGMENT):
        part = rows[start : start + _ROWS_A_SEGMENT]
        if rows:
            where = f"rows {start + 1}-{start + len(part)}" if part else "row 1"
            segments.append(Segment(markdown_table([rows[0], *part]), where, "table"))
    markdown = markdown_table(rows)
    stem = PurePath(name).stem
    formulas = any(cell[:1] in "=+-@\t\r" and FORMULA.match(cell) for row in rows for cell in row if cell)
    flags = (*invisible(text), *(["formula-injection"] if formulas else []))
    return Reading("text", tuple(segments), markdown, flags, omitted, stem, {"encoding": encoding})


def _blocks(text: str, is_markdown: bool) -> list[Segment]:
    """Cut text into blocks at blank lines; in Markdown also at headings, list items, tables and code fences."""
    blocks: list[Segment] = []
    pending: list[str] = []
    first = 1
    fence = False

    def flush(last: int, kind: str = "paragraph") -> None:
        if any(line.strip() for line in pending):
            body = "\n".join(pending) if kind in ("table", "code") else _join(pending)
            blocks.append(Segment(body, _lines(first, last), kind))
        pending.clear()

    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if is_markdown and (fence or _FENCE.match(line)):
            if not fence:
                flush(number - 1)
                first = number
            pending.append(line)
            closing = fence and _FENCE.match(line)
            fence = not closing if fence else True
            if closing:
                flush(number, "code")
            continue
        kind = _block_kind(pending)
        if is_markdown and (found := _HEADING.match(line)):
            flush(number - 1, kind)
            blocks.append(Segment(found[2], f"line {number}", "heading", level=len(found[1])))
        elif is_markdown and len(pending) == 1 and kind == "paragraph" and _UNDERLINE.match(line):
            level = 1 if "=" in line else 2
            blocks.append(Segment(pending.pop().strip(), f"line {number - 1}", "heading", level=level))
        elif not line.strip():
            flush(number - 1, kind)
        else:
            if _ITEM.match(line) or _is_row(line) != (kind == "table" and bool(pending)):
                flush(number - 1, kind)
            if not pending:
                first = number
            pending.append(line)
    flush(text.count("\n") + 1, "code" if fence else _block_kind(pending))
    return blocks


def _block_kind(lines: list[str]) -> str:
    if not lines:
        return "paragraph"
    if _is_row(lines[0]):
        return "table"
    return "list" if _ITEM.match(lines[0]) else "paragraph"


def _is_row(line: str) -> bool:
    bare = line.strip()
    return len(bare) > 2 and bare.startswith("|") and bare.endswith("|")


def _join(lines: list[str]) -> str:
    return re.sub(r"[ \t]+", " ", " ".join(line.strip() for line in lines)).strip()


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first >= last else f"lines {first}-{last}"
