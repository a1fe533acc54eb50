"""A formula as tokens: its calls with their arguments, and its operands by what they refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from copilot.documents.excel.refs import MAX_COLUMN, MAX_ROW, Area, column_number
from copilot.errors import ToolInputError

_PREFIX = re.compile(r"(?i)_xlfn\.|_xlws\.|_xludf\.|_xll\.")
_QUOTED = re.compile(r"'((?:[^']|'')+)'!(.*)\Z", re.DOTALL)
_PLAIN = re.compile(r"((?:\[[^\]]*\])?[^'!\[\]]*)!(.*)\Z", re.DOTALL)
_AREA = re.compile(
    r"\$?[A-Za-z]{1,3}\$?[0-9]{1,7}(?::\$?[A-Za-z]{1,3}\$?[0-9]{1,7})?"
    r"|\$?[A-Za-z]{1,3}:\$?[A-Za-z]{1,3}|\$?[0-9]{1,7}:\$?[0-9]{1,7}"
)
_NAME = re.compile(r"[^\W\d][\w.\\?]*|\\[\w.\\?]*")
_BOOK = re.compile(r"(.*)\[([^\]]*)\](.*)\Z", re.DOTALL)
_PART = re.compile(r"\$?([A-Za-z]{0,3})\$?([0-9]{0,7})")

OperandKind = Literal["area", "name", "table", "error", "other"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a formula; `kind` and `subtype` in openpyxl's words ("OPERAND", "RANGE")."""

    text: str
    kind: str
    subtype: str

    @property
    def opens(self) -> bool:
        """Whether it opens a call, a bracket or an array."""
        return self.subtype == "OPEN"

    @property
    def closes(self) -> bool:
        """Whether it closes one."""
        return self.subtype == "CLOSE"

    @property
    def refers(self) -> bool:
        """Whether it is an operand that refers to cells: an address, a name, a table."""
        return self.kind == "OPERAND" and self.subtype == "RANGE"

    @property
    def function(self) -> str:
        """The name of the function that a call opens, in capitals, without prefixes."""
        return _PREFIX.sub("", self.text[:-1].rpartition(":")[2].lstrip("@+")).upper()


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function: its name in capitals, and how many arguments it has."""

    name: str
    arguments: int


@lru_cache(maxsize=8192)
def tokens(formula: str) -> tuple[Token, ...]:
    """Return the pieces of a formula that begins with "="; raises ToolInputError where it can't be cut."""
    from openpyxl.formula import Tokenizer
    from openpyxl.formula.tokenizer import TokenizerError

    try:
        found = Tokenizer(formula).items
    except (TokenizerError, IndexError) as error:
        raise ToolInputError(f"{formula!r} is no formula: {error or 'it breaks off'}.", code="formula") from None
    return tuple(Token(t.value, t.type, t.subtype) for t in found)


def calls(formula: str) -> Iterator[Call]:
    """Yield the calls of a formula, inner ones first."""
    before: tuple[Token, tuple[Place, ...]] | None = None
    stack: tuple[Place, ...] = ()
    for token, around in within(formula):
        if token.closes and token.kind == "FUNC" and stack:
            name, last = stack[-1]
            empty = before is not None and before[0].opens and before[0].kind == "FUNC"
            yield Call(name, 0 if empty else last + 1)
        if token.kind != "WHITE-SPACE":
            before = token, around
        stack = (*around, (token.function if token.kind == "FUNC" else "", 0)) if token.opens else around


#: A function that a token stands in, and in which of its arguments (from 0); "" for a bracket or an array.
Place = tuple[str, int]


def within(formula: str) -> Iterator[tuple[Token, tuple[Place, ...]]]:
    """Yield each token with the calls and brackets that it stands in, the outermost first."""
    stack: list[Place] = []
    for token in tokens(formula):
        if token.closes and stack:
            stack.pop()
        elif token.kind == "SEP" and stack:
            stack[-1] = (stack[-1][0], stack[-1][1] + 1)
        yield token, tuple(stack)
        if token.opens:
            stack.append((token.function if token.kind == "FUNC" else "", 0))


@dataclass(frozen=True, slots=True)
class Operand:
    """What an operand says: the book and the sheets it names ("" for none), and what it means there."""

    book: str
    sheet: str
    last: str
    kind: OperandKind
    body: str

    @property
    def area(self) -> Area | None:
        """The area of an address, its corners in any order; None where it leaves the sheet."""
        return area_of(self.body)


@lru_cache(maxsize=8192)
def operand(text: str) -> Operand:
    """Return what a reference in a formula says."""
    text = text.strip().lstrip("@")
    match = _QUOTED.match(text) or (None if text[:1] == "[" and "!" not in text else _PLAIN.match(text))
    if match is None:
        return Operand("", "", "", _kind(text), text)
    named = match[1].replace("''", "'") if text[:1] == "'" else match[1]
    book, named = _book(named)
    first, _, last = named.partition(":")
    body = match[2].replace(text[: match.start(2)], "")
    return Operand(book, first, last, _kind(body), body)


def _book(named: str) -> tuple[str, str]:
    match = _BOOK.match(named)
    return (match[2], match[3]) if match else ("", named)


def _kind(body: str) -> OperandKind:
    if _AREA.fullmatch(body):
        return "area"
    if body.startswith("#"):
        return "error"
    if _NAME.fullmatch(body):
        return "name"
    return "table" if body.endswith("]") and re.match(r"(?:[^\W\d][\w.\\]*)?\[", body) else "other"


def area_of(text: str) -> Area | None:
    """Return the area of "B3:B1", "A:C" or "2:5" with its corners put in order; None where it leaves the sheet."""
    parts = [_PART.fullmatch(each) for each in text.split(":")]
    rows, columns = [], []
    for part in parts:
        if part is None:
            return None
        rows.append(int(part[2]) if part[2] else 0)
        columns.append(column_number(part[1]) if part[1] else 0)
    if not all(rows):
        rows = [1, MAX_ROW] if not any(rows) else [0]
    if not all(columns):
        columns = [1, MAX_COLUMN] if not any(columns) else [0]
    if min(rows) < 1 or max(rows) > MAX_ROW or min(columns) < 1 or max(columns) > MAX_COLUMN:
        return None
    return Area(min(rows), min(columns), max(rows), max(columns))
