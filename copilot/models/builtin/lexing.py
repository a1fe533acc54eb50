"""A request as tokens: quoted strings, formulas, file names, cells, ranges, dates, numbers, words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from copilot.models.builtin.words import stem

TokenKind = Literal["quote", "formula", "file", "range", "cell", "date", "number", "email", "url", "word", "punct"]

_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“”", "`": "`", "‚": "‘’", "”": "”", "’": "’"}
_SUFFIXES = (
    "docx|docm|dotx|dotm|doc|xlsx|xlsm|xltx|xltm|xls|pptx|pptm|potx|ppsx|ppt|pdf|"
    "txt|md|csv|html|json|eml|rtf|odt|ods|odp"
)
_FILE = re.compile(rf"[^\s\"'“”‘’«»`,;:?!*|<>]*[^\s\"'“”‘’«»`,;:?!*|<>/.]\.(?:{_SUFFIXES})\b", re.IGNORECASE)
_FILE_NAME = re.compile(rf"[^\n<>|*?]{{1,200}}\.(?:{_SUFFIXES})", re.IGNORECASE)
_CELL = r"\$?[A-Za-z]{1,3}\$?[1-9][0-9]{0,6}"
_SHEET = r"(?:'[^'\n]+'|[^\W\d][\w.]*)!"
_RANGE = re.compile(rf"(?:{_SHEET})?(?:{_CELL}:{_CELL}|\$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}})(?![\w:])")
_ONE_CELL = re.compile(rf"(?:{_SHEET})?{_CELL}(?![\w:])")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\d{{4}}-\d{{2}}-\d{{2}}(?!\d)|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}(?!\d)"
    rf"|\d{{1,2}}(?:st|nd|rd|th)? {_MONTH},? \d{{4}}(?!\d)|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}(?!\d)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+−]?[$€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?%|[km]\b)?(?![\w])", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://\S+[^\s.,;:?!)]")
#: Words that end in a full stop without ending the sentence, and initials.
_ABBREVIATION = re.compile(
    r"(?:(?:co|ltd|inc|corp|bros|mr|mrs|ms|dr|prof|st|no|jr|sr|dept|approx|vs|plc)|(?-i:[A-Z]))\.(?=,? ?[\w£$€(&])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:[_'’\-&][^\W_]+)*")
_OPERAND = re.compile(rf"\"[^\"]*\"|(?:{_SHEET})?{_CELL}(?::{_CELL})?|\d+(?:\.\d+)?%?|[A-Za-z_][\w.]*(?:\[[^\]]*\])*")
_OPERATOR = re.compile(r"\s*(?:<=|>=|<>|[-+*/^&=<>])\s*")


_PATTERNS: tuple[tuple[TokenKind, re.Pattern[str]], ...] = (
    ("url", _URL), ("email", _EMAIL), ("file", _FILE), ("date", _DATE), ("range", _RANGE), ("cell", _ONE_CELL),
    ("number", _NUMBER), ("word", _ABBREVIATION), ("word", _WORD),
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One piece of a request with its place; `value` is what it stands for (a quoted string without its quotes)."""

    text: str
    start: int
    end: int
    kind: TokenKind
    value: str

    @cached_property
    def lower(self) -> str:
        """The word in small letters with a straight apostrophe; empty for anything that is quoted."""
        return "" if self.kind == "quote" else self.text.lower().replace("’", "'")

    @cached_property
    def stem(self) -> str:
        """The stem of `lower`."""
        return stem(self.lower)

    @cached_property
    def shape(self) -> str:
        """What ranking compares: a word's stem, or the kind in angle brackets."""
        return (
            stem(self.lower.removesuffix("'s"))
            if self.kind == "word"
            else ""
            if self.kind == "punct"
            else f"<{self.kind}>"
        )


def scan(text: str, names: Iterable[str] = ()) -> list[Token]:
    """Return the tokens of `text`; `names` are names of files that are there (they may hold spaces)."""
    known = sorted({n for n in names if n}, key=len, reverse=True)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token = _token(text, position, known)
        tokens.append(token)
        position = token.end
    return tokens


def _token(text: str, at: int, names: Sequence[str]) -> Token:
    if quoted := _quoted(text, at, names):
        return quoted
    for name in names:
        if (
            text[at : at + len(name)].lower() == name.lower()
            and not text[at + len(name) : at + len(name) + 1].isalnum()
        ):
            return Token(text[at : at + len(name)], at, at + len(name), "file", name)
    if text[at] == "@" and (found := _FILE.match(text, at + 1)):
        return Token(text[at : found.end()], at, found.end(), "file", found[0])
    if text[at] == "=" and not text[max(at - 1, 0) : at].isalnum() and (end := _formula_end(text, at)):
        return Token(text[at:end], at, end, "formula", text[at:end])
    return _plain(text, at)


def _plain(text: str, at: int) -> Token:
    fresh = at == 0 or not (text[at - 1].isalnum() or text[at - 1] == "_")
    for kind, pattern in _PATTERNS if fresh else ():
        if (match := pattern.match(text, at)) and _plausible(kind, match[0]):
            return Token(match[0], at, match.end(), kind, match[0].strip())
    return Token(text[at], at, at + 1, "punct", text[at])


def _plausible(kind: TokenKind, found: str) -> bool:
    if kind == "cell":
        letters = re.sub(r"[^A-Za-z]", "", found.rpartition("!")[2])
        return (len(letters), letters.upper()) <= (3, "XFD") and int(re.sub(r".*?(\d+)\Z", r"\1", found)) <= 1_048_576
    return True


def _quoted(text: str, at: int, names: Sequence[str]) -> Token | None:
    closing = _QUOTES.get(text[at])
    if closing is None or (at and (text[at - 1].isalnum() or (text[at] in "”’" and text[at - 1].isalnum()))):
        return None
    for end in range(at + 1, len(text)):
        after = text[end + 1 : end + 2]
        if text[end] in closing and not (after.isalnum() and text[end] in "'’"):
            if text[end + 1 : end + 2] == "!" and (_ONE_CELL.match(text, at) or _RANGE.match(text, at)):
                return None  # 'My sheet'!B4 is an address
            inner = text[at + 1 : end]
            is_file = inner.lower() in {n.lower() for n in names} or bool(_FILE_NAME.fullmatch(inner))
            return Token(text[at : end + 1], at, end + 1, "file" if is_file else "quote", inner) if inner else None
    return None


def _formula_end(text: str, at: int) -> int:
    """Return where the formula that starts with the = at `at` ends, 0 if there is none."""
    position = end = at + 1
    if re.match(r"[-+]", text[position : position + 1]):
        position += 1
    while True:
        operand = _operand_end(text, position)
        if not operand:
            return end if end > at + 1 else 0
        end = operand
        operator = _OPERATOR.match(text, end)
        if not operator:
            return end
        position = operator.end()


def _operand_end(text: str, at: int) -> int:
    match = _OPERAND.match(text, at)
    end = match.end() if match else at
    return _closing(text, end) if text[end : end + 1] == "(" else end if match else 0


def _closing(text: str, at: int) -> int:
    depth, quoted = 0, False
    for index in range(at, len(text)):
        if text[index] == '"':
            quoted = not quoted
        depth += 0 if quoted else (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return index + 1
    return 0


def number(text: str) -> int | float | None:
    """Return the number that `text` writes, with thousands separators, currency signs, % or k; None if it is none."""
    bare = re.sub(r"[\s,$€£]", "", text).replace("−", "-").lower()
    factor = {"%": 0.01, "k": 1_000, "m": 1_000_000}.get(bare[-1:], 1)
    bare = bare.rstrip("%km")
    if not re.fullmatch(r"[-+]?\d+(?:\.\d+)?", bare):
        return None
    if factor == 1:
        return int(bare) if "." not in bare else float(bare)
    scaled = round(float(bare) * factor, 12)
    return int(scaled) if scaled.is_integer() else scaled


def shapes(tokens: Iterable[Token]) -> list[str]:
    """Return what ranking compares."""
    return [t.shape for t in tokens if t.shape]
