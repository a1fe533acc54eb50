"""A long part of which only those paragraphs are parsed that may hold certain words; the others keep their bytes.

A row of paragraphs that can't matter becomes one `<ep:skipped n="57" i="3"/>`, which counts as that many paragraphs, a
table one that counts as a table; controls and all else around them stay. What can't be told from the bytes alone is not
skipped, and a part with text boxes (paragraphs inside of paragraphs), comments or unusual prefixes is left whole.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from copilot.documents.word.names import SKIPPED_NAMESPACE, WORD_NAMESPACES

#: Bytes: a part that is shorter is parsed as a whole in no time.
SHORTEST = 200_000

_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_SIGNS = bytes(b for b in range(256) if not (b < 128 and chr(b).isalnum()))
#: Letters outside of ASCII that match one of ASCII when case does not matter: \u212a, \u017f, \u0130, \u0131.
_ODD_LETTERS = (b"\xe2\x84\xaa", b"\xc5\xbf", b"\xc4\xb0", b"\xc4\xb1")
_ENCODED = re.compile(rb"""\A(?:\xef\xbb\xbf)?<\?xml version=["']1.0["'](?: encoding=["'](?i:utf-8)["'])?[^>]*\?>""")
_ENTITY = re.compile(rb"&[^;]*;")
_START = re.compile(rb"<w:p[ />]")
_OPENED, _CLOSED = (b"<w:p>", b"<w:p "), b"</w:p>"
_SLASH = ord("/")
_TABLE = re.compile(rb"</?w:tbl>")
_TEXTS = re.compile(rb"<w:t(?:>| [^>]*>)([^<]*)")
#: What is needed of paragraphs without the words: fields (they reach over paragraphs), notes (they are counted), and
#: text that stands in no `w:t`. Then what is too unusual to go on: nested paragraphs, comments, CDATA, instructions,
#: tags written in another way than Office does.
_MARKS = re.compile(
    rb"<(?:w:(?:fldChar|footnoteReference|endnoteReference|commentReference|sym|ruby|txbxContent)|m:oMath"
    rb"|mc:AlternateContent|w16se:|[!?])"
)
_BLANKS = (b"\t", b"\r", b"\n")
_BROKEN_TAG = re.compile(rb"<w:(?:p|t|tbl)[\t\r\n]")
_UNUSUAL = (b"<w:txbx", b"<!", b"<?")
_SPACES = re.compile(rb"""xmlns(:[\w.-]+)?\s*=\s*["']([^"']*)""")
_PIECE = 1 << 18
_SKIPPED = re.compile(rb'<ep:skipped [^>]*?i="(\d+)"/>')


@dataclass(frozen=True)
class Lean:
    """A part without what was skipped, and that by number."""

    data: bytes
    skipped: tuple[bytes, ...]

    def whole(self, data: bytes) -> bytes:
        """Return an edited part with everything back in its place."""
        found = [int(number) for number in _SKIPPED.findall(data)]
        if found != list(range(len(self.skipped))):
            raise RuntimeError("an edit has moved or removed paragraphs that it was not to see")
        return _SKIPPED.sub(lambda match: self.skipped[int(match[1])], data)


def key(words: str) -> bytes:
    """Return the letters and digits of a text that decide whether a paragraph may hold it; b"" if none do."""
    return words.encode("utf-8", "ignore").translate(_LOWER, _SIGNS)


def reduced(data: bytes, words: Sequence[str]) -> Lean | None:
    """Return a main part with the paragraphs that may hold one of these words; None when it has to be read whole."""
    keys = [key(each) for each in words]
    head = _ENCODED.match(data)
    if len(data) < SHORTEST or head is None or not all(keys) or not _has_usual_names(data):
        return None
    marks = list(_MARKS.finditer(data, head.end()))
    if any(mark[0].startswith(_UNUSUAL) for mark in marks) or _has_broken_tags(data, head.end()):
        return None
    kept = sorted({*_hits(data, keys), *(mark.start() for mark in marks)})
    out: list[bytes] = []
    skipped: list[bytes] = []
    done = 0
    for start, end, count in _gaps(data, kept):
        counted = f'n="{count}"' if count else 't="1"'
        mark = f'<ep:skipped xmlns:ep="{SKIPPED_NAMESPACE}" {counted} i="{len(skipped)}"/>'
        out += (data[done:start], mark.encode())
        skipped.append(data[start:end])
        done = end
    return Lean(b"".join((*out, data[done:])), tuple(skipped)) if skipped else None


def _has_usual_names(data: bytes) -> bool:
    """Return whether `w:` is the one prefix of the one main namespace, and `ep:` is free."""
    spaces = _SPACES.findall(data)
    main = [prefix for prefix, uri in spaces if uri.decode("ascii", "replace") in WORD_NAMESPACES]
    prefixes = [prefix for prefix, _ in spaces]
    return main == [b":w"] and prefixes.count(b":w") == 1 and b":ep" not in prefixes


def _has_broken_tags(data: bytes, start: int) -> bool:
    """Return whether a tag goes on in the next line; Office writes all in one, which is soon seen."""
    return any(data.find(blank, start) >= 0 for blank in _BLANKS) and _BROKEN_TAG.search(data, start) is not None


def _hits(data: bytes, keys: Sequence[bytes]) -> Iterator[int]:
    """Yield a position in every paragraph whose letters hold one of the keys, and perhaps in others beside it."""
    start = 0
    while start < len(data):
        end = data.find(_CLOSED, start + _PIECE)
        end = len(data) if end < 0 else end + len(_CLOSED)
        if _holds(data[start:end], keys):
            yield from _hits_in(data, start, end, keys)
        start = end


def _hits_in(data: bytes, start: int, end: int, keys: Sequence[bytes]) -> Iterator[int]:
    while start < end:
        close = data.find(_CLOSED, start, end)
        close = end if close < 0 else close + len(_CLOSED)
        if _holds(data[start:close], keys):
            yield close - 1
        start = close


def _holds(piece: bytes, keys: Iterable[bytes]) -> bool:
    texts = b"".join(_TEXTS.findall(piece))
    if b"&#" in texts or (not texts.isascii() and any(letter in texts for letter in _ODD_LETTERS)):
        return True
    if b"&" in texts:
        texts = _ENTITY.sub(b"", texts)
    letters = texts.translate(_LOWER, _SIGNS)
    return any(each in letters for each in keys)


def _gaps(data: bytes, kept: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the stretches that hold none of these positions: of so many paragraphs in a row, and (0) tables."""
    at = 0
    for start, end in (*_tables(data, kept), (len(data), len(data))):
        yield from _rows(_paragraphs(data, at, start), kept)
        if start < end:
            yield start, end, 0
        at = end


def _tables(data: bytes, kept: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the tables that lie in no other one and hold none of these positions."""
    end = 0
    while (start := data.find(b"<w:tbl>", end)) >= 0:
        end = _table_end(data, start)
        if bisect_left(kept, start) == bisect_left(kept, end):
            yield start, end


def _table_end(data: bytes, start: int) -> int:
    depth = 0
    for match in _TABLE.finditer(data, start):
        depth += 1 if match[0] == b"<w:tbl>" else -1
        if depth == 0:
            return match.end()
    return len(data)


def _paragraphs(data: bytes, at: int, until: int) -> Iterator[tuple[int, int]]:
    """Yield where each paragraph begins and ends; one that reaches beyond is left out."""
    *pieces, rest = data[at:until].split(_CLOSED)
    for piece in pieces:
        end = at + len(piece) + len(_CLOSED)
        if piece.startswith(_OPENED) and piece[piece.find(b">") - 1] != _SLASH:
            yield at, end
        else:
            yield from _irregular(piece, at, end)
        at = end
    yield from _irregular(rest, at, 0)


def _irregular(piece: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the empty paragraphs in a piece, and the one that ends with it, if it does."""
    for found in _START.finditer(piece):
        close = piece.find(b">", found.start()) + 1
        if close and piece[close - 2] == _SLASH:
            yield at + found.start(), at + close
        elif end:
            yield at + found.start(), end
            return


def _rows(paragraphs: Iterable[tuple[int, int]], kept: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the stretches of paragraphs, one behind the other, that hold none of these positions, and their number."""
    places = iter((*kept, sys.maxsize))
    place = next(places)
    first = last = count = 0
    for start, end in paragraphs:
        while place < start:
            place = next(places)
        if count and (start != last or place < end):
            yield first, last, count
            count = 0
        if place >= end:
            first = first if count else start
            last = end
            count += 1
    if count:
        yield first, last, count
