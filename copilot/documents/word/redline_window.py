"""The part of two long bodies that differs, found in their bytes, so that only it is parsed and compared."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_NESTING = rb"p|tbl|sdt|customXml|ins|del|moveFrom|moveTo"
#: A tag of a block, or of what may hold blocks; attribute values may hold ">".
_TAG = re.compile(rb"<(/?)(?:w:(" + _NESTING + rb")|mc:AlternateContent)(?=[\s/>])(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_BODY = re.compile(rb"<w:body(?:\s[^<>]*)?>")
_WORTH = 100_000  # bytes: shorter bodies are simply parsed


@dataclass(frozen=True, slots=True)
class Window:
    """Two bodies cut down to the blocks that differ and one more on each side.

    `before` and `after` are whole documents with only those blocks; `head` and `tail` are the bytes of the new
    version around its blocks; `passed` counts the paragraphs and tables that were left out before them.
    """

    before: bytes
    after: bytes
    head: bytes
    tail: bytes
    passed: Counter[str]

    def joined(self, edited: bytes) -> bytes:
        """Return the whole new body with the edited blocks (a document as `after` is) in their place."""
        opened = _BODY.search(edited)
        if opened is None:
            raise ValueError("the window has lost its body")
        return self.head + edited[opened.end() : edited.rindex(b"</w:body>")] + self.tail


def window(before: bytes, after: bytes) -> Window | None:
    """Return the window of two bodies; None when they are short or cut up in a way that bytes don't show."""
    opened = _BODY.search(after)
    if len(after) < _WORTH or opened is None or any(mark in after for mark in (b"<!--", b"<![CDATA[")):
        return None
    same = _common(before, after)
    if same < opened.end() or b"</w:body>" not in after:
        return None
    rest = _common_end(before[same:], after[same:])
    found = _cuts(after, opened.end(), same, len(after) - rest)
    if found is None:
        return None
    start, end, passed = found
    tail = len(after) - end
    if end > after.rindex(b"</w:body>") or tail > rest:
        return None
    close, begin = after[after.rindex(b"</w:body>") :], after[: opened.end()]
    cut = before[start : len(before) - tail], after[start:end]
    return Window(begin + cut[0] + close, begin + cut[1] + close, after[:start], after[end:], passed)


def _common(a: bytes, b: bytes) -> int:
    """Return the length of the longest common beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(a: bytes, b: bytes) -> int:
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _cuts(data: bytes, begin: int, first: int, last: int) -> tuple[int, int, Counter[str]] | None:
    """Return where the blocks around `first`..`last` start and end: one whole block before, one after."""
    starts = [(begin, 0, 0), (begin, 0, 0)]  # offset, paragraphs and tables so far
    paragraphs = tables = 0
    depth = held = 0  # open blocks of all kinds; open paragraphs and tables
    for tag in _TAG.finditer(data, begin):
        kind, closing, alone = tag[2], bool(tag[1]), tag[0].endswith(b"/>")
        block = kind in (b"p", b"tbl")
        if not closing:
            if block and not held:
                paragraphs += kind == b"p"
                tables += kind == b"tbl"
            depth += not alone
            held += block and not alone
        else:
            depth -= 1
            held -= block
        if depth == 0 and block and (closing or alone):
            if tag.end() <= first:
                starts = [starts[1], (tag.end(), paragraphs, tables)]
            elif tag.start() >= last:
                start, *passed = starts[0]
                return start, tag.end(), Counter({"w:p": passed[0], "w:tbl": passed[1]})
    return None
