"""A long answer in several messages, cut where a reader expects it and each readable by itself.

A cut stands between blocks; in a list between items; in a code block or a table only if it does not fit into one
message: the code block is then closed and opened again (CommonMark 4.5), the table repeats its head (GFM 4.10).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

#: How bad a cut before a line is: what is lower is taken before what is nearer to the limit.
_BLOCK, _ITEM, _LINE, _HEADED, _ROW, _CODE, _WORD = range(7)
#: A message is filled this far before a better cut counts.
_FILLED = 0.4
#: Characters behind what was shown in which its last word ends.
_MOST_WORD = 40
_FENCE = re.compile(r"(?P<quote>(?: {0,3}> ?)*)(?P<space> *)(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
_PADDING = re.compile(r"(?<=\S) {2,}|-{4,}")
_DELIMITER = re.compile(r"[ >]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)|\*\*[^*\n]+\*\*[ \t]*$")
_BREAKS = (re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))
#: What belongs to the character before it: marks, joiners, and what emoji are modified with.
_CLINGS = re.compile("[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31-\u0e3a"
                     "\u200c\u200d\u20d0-\u20f0\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")  # fmt: skip


def utf16(text: str) -> int:
    """Return how many bytes a text has in UTF-16, in which Teams counts them."""
    return len(text.encode("utf-16-le", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Part:
    """One message: `text` is what is sent, `own` the stretch of the whole text that it stands for."""

    text: str
    own: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line, or a part of a long one: what a cut before it costs, and what a message that begins with it, or ends
    behind it, has to repeat and to close. `indent` is how far a list item indents it, which a message that begins with
    it has no list for.
    """

    text: str
    cost: int
    head: str = ""
    tail: str = ""
    block: int = 0
    indent: int = 0


def split(text: str, limit: int, *, size: Callable[[str], int] = utf16, shown: int = 0) -> list[Part]:
    """Return a text in parts of at most `limit`, as `size` counts; the `own` of all of them joined is the text.

    The first part holds at least the first `shown` characters, which somebody has seen already (fewer if they exceed
    the limit). An empty text has no part. Raises ValueError for a limit below 64.
    """
    if limit < 64:
        raise ValueError("a message of less than 64 bytes holds nothing")
    if size(text) <= limit:
        return [Part(text.strip("\n"), text)] if text.strip() else []
    pieces = [small for piece in _pieces(text, limit, size) for small in _small(piece, limit, size)]
    pieces = _cut_behind(pieces, shown)
    sizes = [size(piece.text) for piece in pieces]
    whole: dict[int, int] = {}
    for piece, count in zip(pieces, sizes, strict=True):
        whole[piece.block] = whole.get(piece.block, 0) + count
    fits = {block for block, count in whole.items() if count <= limit * (1 - _FILLED)}
    parts: list[Part] = []
    at = 0
    while at < len(pieces):
        end = _end(pieces, sizes, at, limit, size, fits, 0 if parts else shown)
        parts.append(_part(pieces[at:end]))
        at = end
    return _merged(parts)


def _part(pieces: list[_Piece]) -> Part:
    own = "".join(piece.text for piece in pieces)
    body = own.strip("\n") if pieces[0].cost < _CODE else own.rstrip("\n")
    body, tail = _outdented(body, pieces[0].indent), pieces[-1].tail
    return Part(f"{pieces[0].head}{body}{tail}" if body.strip() or pieces[0].head else "", own)


def _outdented(text: str, indent: int) -> str:
    """Return a text without the indentation of its first lines: four spaces without a list would make code of them."""
    if not indent:
        return text
    lines = text.split("\n")
    inside = (at for at, line in enumerate(lines) if line.strip() and not line.startswith(" " * indent))
    end = next(inside, len(lines))
    return "\n".join([*(line[indent:] for line in lines[:end]), *lines[end:]])


def _merged(parts: list[Part]) -> list[Part]:
    """Return the parts without those that show nothing: their blank lines belong to the part before."""
    kept: list[Part] = []
    waiting = ""
    for part in parts:
        if part.text.strip():
            kept.append(replace(part, own=waiting + part.own))
            waiting = ""
        elif kept:
            kept[-1] = replace(kept[-1], own=kept[-1].own + part.own)
        else:
            waiting += part.own
    return kept


def _end(
    pieces: list[_Piece],
    sizes: list[int],
    at: int,
    limit: int,
    size: Callable[[str], int],
    fits: set[int],
    shown: int,
) -> int:
    """Return where a part that begins with the piece `at` ends: the best cut that the limit allows."""
    used, chars, last = size(pieces[at].head), 0, at
    rated: list[tuple[bool, int, int]] = []
    for i in range(at, len(pieces)):
        if i > at and chars >= shown:
            rated.append((used >= limit * _FILLED, pieces[i].cost, i))
        used += sizes[i]
        chars += len(pieces[i].text)
        if used + size(pieces[i].tail) > limit and i > at:
            break
        last = i + 1
    if last == len(pieces):
        return last
    allowed = [cut for cut in rated if cut[2] <= last]
    return _best(allowed, pieces, fits) if allowed else last


def _best(cuts: list[tuple[bool, int, int]], pieces: list[_Piece], fits: set[int]) -> int:
    """Return the cut of the lowest cost, the latest of equal ones, in the part that is filled if one there is good."""
    filled = [cut for cut in cuts if cut[0]]
    good = min(filled, key=lambda c: (c[1], -c[2]), default=None)
    if good is not None and good[1] <= _ITEM:
        return good[2]
    early = min(cuts, key=lambda c: (c[1], -c[2]))
    inside = pieces[cuts[-1][2]].block
    if good is None or (early[1] <= _ITEM and inside in fits):
        return early[2]
    return good[2]


# --- the lines of a text ----------------------------------------------------------------------------------------------


def _pieces(text: str, limit: int, size: Callable[[str], int]) -> Iterator[_Piece]:
    """Yield the lines of a text with what a cut before each would cost."""
    lines = text.splitlines(keepends=True) if "\r" not in text else re.findall(r"[^\n]*\n|[^\n]+", text)
    if any(c in text for c in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"):
        lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    at, block, blank, headed = 0, 0, True, False
    while at < len(lines):
        fence, table = _FENCE.match(lines[at]), _is_table(lines, at)
        if fence is not None or table:
            block += 1
            cost = _HEADED if headed or lines[at][0] == " " else _BLOCK
            made = _fenced(lines, at, fence, limit, size) if fence is not None else _table(lines, at, limit, size)
            yield replace(made[0], cost=cost, block=block)
            yield from (replace(piece, block=block) for piece in made[1:])
            at += len(made)
            blank, headed = False, False
            continue
        line = lines[at]
        cost = _cost(line, blank)
        block += cost == _BLOCK
        indent = len(line) - len(line.lstrip(" "))
        yield _Piece(line, _HEADED if headed and cost < _HEADED and line.strip() else cost, block=block, indent=indent)
        headed = bool(_HEADING.match(line)) or (headed and not line.strip())
        blank = not line.strip() or bool(_HEADING.match(line))
        at += 1


def _cost(line: str, blank: bool) -> int:
    """Return what a cut before an ordinary line costs; `blank` tells that the line before is."""
    if not line.strip():
        return _WORD  # blank lines stay with what is before them
    if _MARKER.match(line) or _HEADING.match(line):
        return _ITEM if _MARKER.match(line) and not blank else _BLOCK
    if line[0] in " \t":  # more of a list item
        return _HEADED if blank else _ROW
    return _BLOCK if blank else _LINE


def _fenced(lines: list[str], at: int, fence: re.Match[str], limit: int, size: Callable[[str], int]) -> list[_Piece]:
    """Return the lines of a code block, from the one that opens it to the one that closes it."""
    quote, mark = fence["quote"], fence["mark"]
    opening, closing = f"{quote}{mark}{fence['info'].rstrip()}\n", f"\n{quote}{mark}"
    if size(opening) > limit // 8:
        opening = f"{quote}{mark}\n"
    if size(opening) + size(closing) > limit // 2:  # a fence of a thousand ticks
        opening = closing = ""
    ends = re.compile(rf"(?: {{0,3}}> ?)*[ \t]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
    indent = len(fence["space"]) if not quote else 0
    pieces = [_Piece(lines[at], _BLOCK, "", closing, indent=indent)]
    for line in lines[at + 1 :]:
        if quote and not line.lstrip(" ").startswith(">"):
            break
        if ends.match(line.rstrip("\n")):
            return [*pieces, _Piece(line, _WORD, opening, "", indent=indent)]
        pieces.append(_Piece(line, _CODE, opening, closing, indent=indent))
    return pieces


def _is_table(lines: list[str], at: int) -> bool:
    if at + 1 >= len(lines) or "|" not in lines[at]:
        return False
    under = lines[at + 1].rstrip("\n")
    return "-" in under and _DELIMITER.fullmatch(under) is not None


def _table(lines: list[str], at: int, limit: int, size: Callable[[str], int]) -> list[_Piece]:
    """Return the lines of a table, its head first."""
    head = _PADDING.sub(lambda run: "---" if "-" in run[0] else " ", "".join(lines[at : at + 2]))
    head = head if head.endswith("\n") else f"{head}\n"
    pieces = [_Piece(lines[at], _BLOCK), _Piece(lines[at + 1], _WORD)]
    for line in lines[at + 2 :]:
        if not line.strip() or "|" not in line:
            break
        pieces.append(_Piece(line, _ROW, head if size(head) <= limit // 2 else ""))
    return pieces


# --- lines that are longer than a message -----------------------------------------------------------------------------


def _small(piece: _Piece, limit: int, size: Callable[[str], int]) -> Iterator[_Piece]:
    """Yield a line as it is, or cut to what fits: behind sentences, words, or at the limit."""
    room = limit - size(piece.head) - size(piece.tail)
    rest, first = piece.text, True
    while size(rest) > room:
        end = _cut(rest, room, size)
        yield (
            piece
            if first and end == len(rest)
            else replace(piece, text=rest[:end], cost=piece.cost if first else _WORD)
        )
        rest, first = rest[end:], False
    yield piece if first else replace(piece, text=rest, cost=_WORD)


def _cut_behind(pieces: list[_Piece], shown: int) -> list[_Piece]:
    """Return the pieces with the one that the first `shown` characters end in divided there, or at its next word."""
    at, passed = 0, 0
    while at < len(pieces) and passed + len(pieces[at].text) <= shown:
        passed += len(pieces[at].text)
        at += 1
    if at == len(pieces) or not shown - passed:
        return pieces
    text = pieces[at].text
    word = _BREAKS[1].search(text, shown - passed, shown - passed + _MOST_WORD)
    end = word.end() if word else shown - passed
    if end == len(text):
        return pieces
    parts = [replace(pieces[at], text=text[:end]), replace(pieces[at], text=text[end:], cost=_WORD)]
    return [*pieces[:at], *parts, *pieces[at + 1 :]]


def _cut(text: str, room: int, size: Callable[[str], int]) -> int:
    """Return how many characters of a line fit, at least one; behind a sentence or a word if one ends late enough."""
    low, high = 1, min(len(text), room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(text[:middle]) <= room else (low, middle - 1)
    for breaks in _BREAKS:
        ends = [found.end() for found in breaks.finditer(text, low // 2, low)]
        if ends:
            return ends[-1]
    end = low
    while end > 1 and low - end < 32 and end < len(text) and (_CLINGS.match(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return end
