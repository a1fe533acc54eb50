"""What the signed-in person typed, as whole values: the only thing that endorses an action without asking.

Values are compared whole and by their type, never as a part of a text: "13" inside a date is not 13, and an address
inside a longer one is not that address. What is piped in, attached or read is nobody's word and does not count.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache

_TRAILING = ".,;:!?)]}»”’'\""
_LEADING = "([{«“‘'\""
_QUOTED = re.compile(r'"([^"\n]+)"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|`([^`\n]+)`|(?<!\w)\'([^\'\n]+)\'(?!\w)')
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+\Z")
#: What a reader of a text could follow: an address with its scheme, or a name with a dot that is no document's.
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,15}://|www\.|mailto:|data:|//)[^\s<>\"'`|)\]}]+"
    r"|(?<![\w@.])[\w-]+(?:\.[\w-]+)*\.(?!(?:docx|docm|xlsx|xlsm|pptx|pptm|pdf|txt|md|csv|eml|msg|png|jpe?g)\b)"
    r"[a-z]{2,24}\b(?:/[^\s<>\"'`|)\]}]*)?",
    re.IGNORECASE,
)
_BETWEEN_LINKS = re.compile(r"[\s<>\"'`|()\[\]{}]+")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d %B %Y", "%B %d %Y", "%d %b %Y", "%b %d %Y")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
#: What is a date or a time, or begins like one: no number in it stands for itself.
_DATED = re.compile(
    r"(?<![\w.-])(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}:\d{2}(?::\d{2})?"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)? {_MONTH}(?:,? \d{{4}})?"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?)(?![\w-])",
    re.IGNORECASE,
)
_CELLS = re.compile(r"(?:[^!\s]+!)?\$?[a-z]{1,3}\$?\d{1,7}(?::\$?[a-z]{1,3}\$?\d{1,7})?\Z", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?\Z")
_LONGEST = 8  # words of a name or a phrase
_MOST_WORDS = 2_000  # of one message: what is longer was pasted, not typed


@dataclass(frozen=True)
class Typed:
    """The person's messages in a thread, and the files they named with them (paths as the workspace shows them).

    `endorses` says whether a value is among what they hold.
    """

    messages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def endorses(self, value: object, kind: str) -> bool:
        """Return whether an argument of this role (slots.RoleKind), or each part of it, is a value that was typed."""
        if value is None or value == "" or value == [] or value == {}:
            return True  # nothing is named
        if isinstance(value, dict):
            return all(self.endorses(k, kind) and self.endorses(v, kind) for k, v in value.items())
        if isinstance(value, list | tuple | set | frozenset):
            return all(self.endorses(each, kind) for each in value)
        if isinstance(value, bool):
            return False
        if isinstance(value, int | float | Decimal):
            return self._number(str(value))
        if isinstance(value, datetime):
            return value.time() == datetime.min.time() and self._date(value.date())
        return self._date(value) if isinstance(value, date) else self._text(str(value), kind)

    def times(self, recipient: str) -> int:
        """Return in how many messages this recipient was typed."""
        name = _plain(recipient).lower()
        return sum(name in each.recipients for each in self._said)

    def said(self, recipient: str, words: Iterable[str]) -> bool:
        """Return whether a message that names the recipient holds one of these words, whole."""
        name, wanted = _plain(recipient).lower(), [word.lower().split() for word in words]
        return any(_holds(each.lower, word) for each in self._said if name in each.recipients for word in wanted)

    def links(self, text: str) -> list[str]:
        """Return the links and addresses in a text that the person did not type."""
        words = (word.rstrip(_TRAILING + "/") for word in _BETWEEN_LINKS.split(text))
        linked = [word for word in words if any(mark in word for mark in (".", ":", "//", "@"))]
        found = [link for word in linked for pattern in (_LINK, _ADDRESS) for link in pattern.findall(word)]
        return [link for link in found if not self._typed_link(link.rstrip(_TRAILING + "/"))]

    def names(self, path: str) -> bool:
        """Return whether the person named this file, by its path or by its whole name."""
        return self._path(path) or self._path(_path(path).rpartition("/")[2])

    def _typed_link(self, link: str) -> bool:
        return self._url(link) or self.times(link) > 0 or self._path(link)

    def _text(self, value: str, kind: str) -> bool:
        match kind:
            case "recipient":
                return self.times(value) > 0
            case "url":
                return self._url(value)
            case "path":
                return self._path(value)
            case _:
                return self._any(value)

    def _any(self, value: str) -> bool:
        """Whether a value of no certain type was typed: a number, a date, a cell, or words in their order."""
        text = " ".join(_plain(value).split())
        if _NUMBER.match(text):
            return self._number(text)
        if (day := _date(text)) is not None:
            return self._date(day)
        if _CELLS.match(text):
            return any(_cell(text) in each.cells for each in self._said)
        return any(text in each.quoted or text in each.phrases for each in self._said) or self._typed_link(text)

    def _number(self, text: str) -> bool:
        number = _number(text)
        return number is not None and any(number in each.numbers for each in self._said)

    def _date(self, day: date) -> bool:
        return any(day in each.dates for each in self._said)

    def _path(self, path: str) -> bool:
        plain = _path(path)
        return any(plain in each.paths for each in self._said) or plain in map(_path, self.files)

    def _url(self, url: str) -> bool:
        plain = _url(url)
        return any(plain in each.urls for each in self._said)

    @property
    def _said(self) -> list[_Message]:
        return [_message(text) for text in self.messages]


class _Message:
    """The values in one message, by their type; each kind is worked out when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)

    @cached_property
    def lower(self) -> list[str]:
        return [token.lower() for token in self.tokens]

    @cached_property
    def recipients(self) -> frozenset[str]:
        return frozenset(_recipients(self.text))

    @cached_property
    def dates(self) -> frozenset[date]:
        return frozenset(day for text, _ in _dated(self.text) if (day := _date(text)) is not None)

    @cached_property
    def loose(self) -> list[str]:
        """The words that are no part of a date."""
        return _tokens(_without_dates(self.text))

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        return frozenset(n for token in self.loose if (n := _number(token)) is not None)

    @cached_property
    def cells(self) -> frozenset[str]:
        return frozenset(_cell(token) for token in (*self.loose, *self.quoted) if _CELLS.match(token))

    @cached_property
    def quoted(self) -> frozenset[str]:
        return frozenset(" ".join(quoted.split()) for quoted in _quotes(self.text))

    @cached_property
    def phrases(self) -> frozenset[str]:
        return frozenset(_phrases(self.tokens))

    @cached_property
    def paths(self) -> frozenset[str]:
        words = [t for t in self.tokens if "." in t or "/" in t or "\\" in t]
        spaced = [p for p in self.phrases if " " in p and re.search(r"\.\w{2,5}\Z", p)]
        return frozenset(_path(name) for name in (*words, *spaced, *self.quoted))

    @cached_property
    def urls(self) -> frozenset[str]:
        return frozenset(_url(t) for t in (*self.tokens, *self.quoted) if _LINK.match(t))


@lru_cache(maxsize=1024)
def _message(text: str) -> _Message:
    """A thread's messages are looked at for every call; they are parsed once in a process."""
    return _Message(text)


class _Everything(Typed):
    """What a person typed who wrote the call itself."""

    def endorses(self, value: object, kind: str) -> bool:
        """Return True."""
        return True

    def times(self, recipient: str) -> int:
        """Return as often as you like."""
        return sys.maxsize

    def said(self, recipient: str, words: Iterable[str]) -> bool:
        """Return True."""
        return True

    def links(self, text: str) -> list[str]:
        """Return none."""
        return []

    def names(self, path: str) -> bool:
        """Return True."""
        return True


#: For a call that no model made: whoever wrote its arguments typed all of it.
EVERYTHING = _Everything()


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _tokens(message: str) -> list[str]:
    """Return the words of a message without the punctuation around them."""
    words = (word.lstrip(_LEADING).rstrip(_TRAILING) for word in _plain(message).split()[:_MOST_WORDS])
    return [word.removesuffix("'s").removesuffix("’s") for word in words if word]


def _quotes(message: str) -> Iterator[str]:
    for match in _QUOTED.finditer(_plain(message)):
        yield next(group for group in match.groups() if group is not None)


def _phrases(tokens: Sequence[str]) -> Iterator[str]:
    """Yield every run of whole words, up to the longest."""
    for start in range(len(tokens)):
        for length in range(1, min(_LONGEST, len(tokens) - start) + 1):
            yield " ".join(tokens[start : start + length])


def _recipients(message: str) -> Iterator[str]:
    """Yield whom a message names: addresses, handles, what is quoted, and single words that look like a name."""
    for token in _tokens(message):
        if _EMAIL.match(token) or token[0] in "@#" or token[0].isupper() or token[0].isdigit():
            yield token.lower()
    for quoted in _quotes(message):
        yield " ".join(quoted.split()).lower()


def _dated(message: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield what in a message is a date, and where it stands."""
    for match in _DATED.finditer(_plain(message)):
        yield match.group(), match.span()


def _without_dates(message: str) -> str:
    text = _plain(message)
    for _, (start, end) in _dated(message):
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _date(text: str) -> date | None:
    if not _DATED.fullmatch(text):
        return None
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b|,|(?<=\d)\.(?= )", "", text)
    for form in _DATES:
        try:
            return datetime.strptime(plain, form).date()
        except ValueError:
            continue
    return None


def _number(text: str) -> Decimal | None:
    plain = text.strip().rstrip("%").lstrip("$€£")
    if not _NUMBER.match(plain):
        try:
            return Decimal(plain) if re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", plain, re.IGNORECASE) else None
        except InvalidOperation:
            return None
    return Decimal(plain.replace(",", ""))


def _cell(text: str) -> str:
    return text.replace("$", "").upper()


def _path(text: str) -> str:
    plain = _plain(text).replace("\\", "/")
    while plain.startswith("./"):
        plain = plain[2:]
    return plain


def _url(text: str) -> str:
    """Return a link in one spelling: scheme and host in lower case, no slash at its end."""
    plain = _plain(text).rstrip("/")
    scheme, marker, rest = plain.partition("://")
    if not marker:
        scheme, rest = "https", plain
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


def _holds(tokens: Sequence[str], words: Sequence[str]) -> bool:
    return bool(words) and any(tuple(tokens[i : i + len(words)]) == tuple(words) for i in range(len(tokens)))
