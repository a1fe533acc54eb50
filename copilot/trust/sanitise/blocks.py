"""The lines of a Markdown text: which are code for certain, and what is written out by `Inline`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from copilot.trust.sanitise.inline import FENCE, LIMIT, Inline, Wait

#: As much of a line as can still become the start of a fence, in whatever container.
_PREFIX = re.compile(r"(?:[ \t>]|[-*+]|\d{1,9}[.)]?)*[`~]*")
_LONGEST_PREFIX = 200
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])( {1,4})(?=[^ \t\n])")
_BLANK = re.compile(r"[ \t]*\n")
_CLOSING = re.compile(r"([ \t]*)([`~]*)([ \t]*)")
#: What begins a block that indented lines may belong to, in one dialect or another.
_CONTAINER = (">", ":", "[", "!", "?", "=", "<", "&", "\\")


@dataclass(frozen=True, slots=True)
class _Fence:
    """An open code fence. `inside` tells that it stands in a list item, which a line indented less ends."""

    mark: str
    length: int
    indent: int
    inside: bool


class Blocks:
    """Takes text in pieces and gives each line to `Inline`, or lets it pass where it is code (CommonMark 4.4, 4.5).

    Code is only what is code for every renderer. After a fence that some would see and others not, no line counts as
    code any more (`_lost`), until a line ends every container that the fence can stand in; if it may stand in none,
    for the rest of the text.
    """

    def __init__(self, emit: Callable[[str], object], *, code: bool, links: Callable[[str], bool] | None) -> None:
        self._inline = Inline(emit, code=code, links=links)
        self._code = code
        self._buffer = ""
        self._awaits = ""
        self._fresh = True  # at the start of a line
        self._fence: _Fence | None = None
        self._raw = False  # in a line of indented code
        self._items: list[int] = []  # where the text of the open list items begins
        self._top = True  # in no list and no other container
        self._blank = True  # whether the line before was
        self._indented = False  # whether the line before was indented code
        self._lost = ""  # "", "inside" a container or "anywhere"

    def feed(self, text: str) -> None:
        """Take text and say what can be said."""
        self._buffer += text
        if self._awaits and len(self._buffer) < LIMIT and not any(c in text for c in self._awaits):
            return
        self._advance(end=False)

    def close(self) -> None:
        """Say what was held back."""
        self._advance(end=True)

    def _advance(self, *, end: bool) -> None:
        text, at, self._awaits = self._buffer, 0, ""
        try:
            while at < len(text):
                at = self._start(text, at, end) if self._fresh else self._line(text, at, end)
        except Wait as wait:
            self._awaits = wait.awaits
            at = max(at, wait.at)
        self._buffer = text[at:]

    def _line(self, text: str, at: int, end: bool) -> int:
        """Say the rest of a line; return where the next one begins."""
        if self._raw or self._fence:
            stop = text.find("\n", at) + 1 or len(text)
            self._inline.raw(text[at:stop])
            self._fresh = text[stop - 1] == "\n"
            self._raw = self._raw and not self._fresh
            return stop
        try:
            stop = self._inline.run(text, at, end)
        except Wait as wait:
            wait.at = self._inline.said
            self._fresh = False
            raise
        self._fresh = stop > at and text[stop - 1] == "\n"
        if stop < len(text) and not self._fresh:
            raise Wait(at=stop)
        return stop

    # --- the start of a line --------------------------------------------------------------------------------------

    def _start(self, text: str, at: int, end: bool) -> int:
        """Find out what a line is; return where the rest of it begins."""
        if self._fence:
            return self._in_fence(self._fence, text, at, end)
        prefix = _PREFIX.match(text, at, at + _LONGEST_PREFIX)
        assert prefix is not None
        if prefix.end() == len(text) and not end and len(prefix[0]) < _LONGEST_PREFIX:
            raise Wait(at=at)
        self._fresh = False
        if blank := _BLANK.match(text, at):
            return self._say_blank(blank)
        if len(prefix[0]) == _LONGEST_PREFIX:
            self._lose("")
        fence = FENCE.match(text, at, at + _LONGEST_PREFIX)
        if fence is not None and self._code:
            return self._open(fence, text, at, end)
        self._place(text, at, prefix)
        return at

    def _say_blank(self, blank: re.Match[str]) -> int:
        self._inline.raw(blank[0][:-1])
        self._inline.line_break()
        self._inline.dirty = bool(self._lost)
        self._blank = self._fresh = True
        return blank.end()

    def _place(self, text: str, at: int, prefix: re.Match[str]) -> None:
        """Keep track of what a line does to the containers around, and of indented code."""
        line = text[at : at + _LONGEST_PREFIX]
        spaces = line[: len(line) - len(line.lstrip(" \t"))]
        indent = len(spaces.expandtabs(4))
        word = not indent and (line[:1].isalpha() or line[:1] == "#")
        item = _ITEM.match(line)
        if self._top and indent >= 4 and self._code and not self._lost and (self._blank or self._indented):
            self._raw = self._indented = True
        elif item is not None:
            self._enter(item, indent)
        else:
            self._items = [w for w in self._items if w <= indent]
            self._top = (
                (self._top or (word and self._blank)) and not line.lstrip().startswith(_CONTAINER) and not self._items
            )
        if word and self._blank and self._lost == "inside":
            self._found()
        self._indented = self._raw
        self._blank = False

    def _enter(self, item: re.Match[str], indent: int) -> None:
        """Take a line that begins a list item, if it does so for certain (CommonMark 5.2)."""
        certain = self._blank or self._items or item[2] in "-*+" or item[2][:-1] == "1"
        self._items = [w for w in self._items if w <= indent]
        if certain and indent <= (self._items[-1] if self._items else 0) + 3:
            self._items.append(item.end())
        self._top = False

    def _found(self) -> None:
        self._lost = ""
        self._inline.code, self._inline.dirty = self._code, False

    # --- fences ---------------------------------------------------------------------------------------------------

    def _open(self, fence: re.Match[str], text: str, at: int, end: bool) -> int:
        """Open a fence, or find that it is none, or not for certain; return where the rest of its line begins."""
        stop = text.find("\n", at, at + LIMIT)
        if stop < 0 and not end and len(text) < at + LIMIT:
            self._fresh = True
            raise Wait("\n", at=at)
        long = stop < 0 and len(text) >= at + LIMIT
        info = text[fence.end() : stop if stop >= 0 else len(text)]
        if fence[2][0] == "`" and "`" in info:
            self._place(text, at, fence)
            return at
        certain = None if long else self._certain(fence[1])
        if certain is None:
            self._lose(fence[1])
            self._place(text, at, fence)
            return at
        self._say_opening(fence, info)
        if stop >= 0:
            self._inline.line_break()
        self._fence = _Fence(fence[2][0], len(fence[2]), len(fence[1]), certain)
        self._fresh = stop >= 0
        if self._lost and not fence[1]:
            self._found()
        return stop + 1 if stop >= 0 else len(text)

    def _certain(self, container: str) -> bool | None:
        """Return whether a fence stands in a list item, None where that, or whether it is a fence, is not sure."""
        indent = len(container)
        if container.strip(" ") or self._lost == "anywhere":
            return None
        if not indent:
            return False
        if self._lost:
            return None
        if indent in self._items:
            return True
        return False if indent <= 3 and self._top else None

    def _lose(self, container: str) -> None:
        sure = container.strip(" ") or len(container) >= 4
        self._lost = "inside" if sure and self._lost != "anywhere" else "anywhere"
        self._inline.code = False
        self._inline.dirty = True

    def _say_opening(self, fence: re.Match[str], info: str) -> None:
        self._inline.opening(fence[0])
        self._inline.whole(info)
        self._inline.dirty = False
        self._items = self._items if fence[1] else []
        self._top = self._top or not fence[1]
        self._blank = self._indented = False

    def _in_fence(self, fence: _Fence, text: str, at: int, end: bool) -> int:
        """Find out whether a line ends the fence; return where the rest of it begins."""
        found = _CLOSING.match(text, at, at + LIMIT)
        assert found is not None
        if found.end() == len(text) and not end and found.end() < at + LIMIT:
            raise Wait(at=at)
        self._fresh = False
        indent = len(found[1].expandtabs(4))
        blank = text.startswith("\n", found.end()) and not found[2]
        if fence.inside and indent < fence.indent and not blank and found.end() < len(text):
            self._fence, self._fresh = None, True  # the list item ended, and the fence with it
            return at
        whole = found.end() == len(text) or text.startswith("\n", found.end())
        if whole and found[2] == fence.mark * max(len(found[2]), fence.length):  # noqa: SIM102
            if fence.indent * fence.inside <= indent <= fence.indent * fence.inside + 3:
                self._fence = None
                self._raw = True
                self._blank = False
        return at
