"""The words of a model as a channel can show them: safe, and in the Markdown that it knows; every prefix is stable.

What came out once is not taken back by what follows, since a stream in Teams must go on from what was shown. So a line
is held back as long as it can still become a heading or a row of a table.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.hosts.bot.channels import Dialect
from copilot.trust.sanitise import MarkdownSanitiser

#: Columns of a table that a phone and a chat pane show in one line.
_WIDTH = 72
_MENTION = re.compile(r"<(?=/?at\b)", re.IGNORECASE)
_MAYBE_MENTION = re.compile(r"</?a?$", re.IGNORECASE)
_FENCE = re.compile(r"(?: {0,3}> ?)* *(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|(?:\*[ \t]*){3,})")
_DELIMITER = re.compile(r" *\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_CELL = re.compile(r"(?<!\\)\|")
_TICKS = re.compile("`*")
_EMPHASIS = re.compile(r"\*\*|__|(?<!\\)`")
#: Rows begin with a bar: where one may not, it shows only behind words that are on the screen already.
_ROW = re.compile(r" {0,3}\|")
#: Lines that are held back until they end, outside of code and in it.
_OPEN = re.compile(r"[ \t>]*(?:#.*|\|.*|`{3}.*|~{3}.*|[-_*`~ \t]*)")
_CLOSING = re.compile(r"[ \t>]*[`~]*[ \t]*")


class Said:
    """One message of a model while it grows: `feed` pieces of it, and read `text`."""

    def __init__(self, dialect: Dialect) -> None:
        self._sanitiser = MarkdownSanitiser()
        self._lines: _Lines | None = _Lines() if dialect == "teams" else None
        self._held = ""
        self._raw: list[str] = []
        self._out: list[str] = []

    @property
    def text(self) -> str:
        """What can be shown so far."""
        self._out[:] = ["".join(self._out)]
        return self._out[0]

    @property
    def raw(self) -> str:
        """What the model said so far."""
        self._raw[:] = ["".join(self._raw)]
        return self._raw[0]

    @property
    def blank(self) -> bool:
        """Whether there is nothing to show yet."""
        return all(not part or part.isspace() for part in self._out)

    def feed(self, piece: str) -> None:
        """Let the message grow."""
        self._raw.append(piece)
        self._take(self._sanitiser.feed(piece))

    def close(self) -> None:
        """Let out what was held back: nothing follows."""
        self._take(self._sanitiser.close(), end=True)

    def _take(self, safe: str, *, end: bool = False) -> None:
        safe = self._held + safe
        waits = None if end else _MAYBE_MENTION.search(safe)
        at = waits.start() if waits else len(safe)
        self._held = safe[at:]
        plain = _MENTION.sub("< ", safe[:at])
        self._out.append(plain if self._lines is None else self._lines.feed(plain, end=end))


def said(text: str, dialect: Dialect) -> str:
    """Return a whole text of a model as a channel can show it."""
    whole = Said(dialect)
    whole.feed(text)
    whole.close()
    return whole.text


class _Lines:
    """Turns headings into bold lines and tables into aligned text, line by line."""

    def __init__(self) -> None:
        self._rest = ""
        self._begun = False  # a part of the line was passed on
        self._fence = ""
        self._rows: list[str] = []

    def feed(self, text: str, *, end: bool = False) -> str:
        out: list[str] = []
        self._rest += text
        *whole, self._rest = self._rest.split("\n")
        for line in whole:
            self._line(line, "\n", out.append)
        if end:
            self._line(self._rest, "", out.append)
            self._flush(out.append)
            self._rest = ""
        elif self._rest and (self._begun or not self._may_change()):
            self._flush(out.append)
            out.append(self._rest)
            self._rest, self._begun = "", True
        return "".join(out)

    def _may_change(self) -> bool:
        """Return whether the line that has begun may still be a heading, a rule, a fence or a row."""
        held = _CLOSING if self._fence else _OPEN
        return held.fullmatch(self._rest) is not None

    def _line(self, line: str, end: str, say: Callable[[str], object]) -> None:
        if self._begun:
            self._begun = False
            say(line + end)
        elif not self._fence and _ROW.match(line) and self._takes(line):
            self._rows.append(line + end)
        else:
            self._flush(say)
            say(self._ordinary(line) + end)

    def _takes(self, line: str) -> bool:
        """Return whether a row can belong to the table so far: its second line must be the delimiter."""
        return len(self._rows) != 1 or _DELIMITER.fullmatch(line) is not None

    def _ordinary(self, line: str) -> str:
        fence = _FENCE.match(line)
        if fence is not None:
            self._mark(fence[1], line[fence.end() :])
            return line
        if self._fence:
            return line
        heading = _HEADING.fullmatch(line)
        if heading is not None and heading[1]:
            return f"**{_EMPHASIS.sub('', heading[1])}**"
        return "———" if _RULE.fullmatch(line) else line

    def _mark(self, ticks: str, rest: str) -> None:
        """Note that a fence opens or closes a code block."""
        if not self._fence:
            self._fence = "" if "`" in ticks + rest and "`" in rest else ticks
        elif ticks.startswith(self._fence) and not rest.strip():
            self._fence = ""

    def _flush(self, say: Callable[[str], object]) -> None:
        rows, self._rows = self._rows, []
        if len(rows) < 2:
            say("".join(rows))
            return
        say(_aligned([row.rstrip("\n") for row in rows]) + ("\n" if rows[-1].endswith("\n") else ""))


def _aligned(rows: list[str]) -> str:
    """Return a table as text: in columns if they are narrow enough, else each row as a list of its values."""
    heads, *body = [_cells(row) for at, row in enumerate(rows) if at != 1]
    body = [(row + [""] * len(heads))[: len(heads)] for row in body]
    widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
    if sum(widths) + 2 * len(widths) > _WIDTH:
        return "\n".join(_listed(heads, row) for row in body)
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (heads, *body)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    fence = "`" * max(3, 1 + max(len(run) for line in lines for run in _TICKS.findall(line)))
    return "\n".join([fence, *lines, fence])


def _listed(heads: list[str], row: list[str]) -> str:
    pairs = [f"**{_EMPHASIS.sub('', head)}**: {value}" for head, value in zip(heads, row, strict=True) if value]
    return "- " + "; ".join(pairs)


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(inner)]
