"""Queries in the Keyword Query Language, put together so that no word of them is read as a part of the language.

Source: "Keyword Query Language (KQL) syntax reference"; "Searchable email properties".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from copilot.errors import ToolInputError
from copilot.plugins.connections.search import HitKind, Sought

#: Words that are operators when they are written in capitals.
_OPERATORS = frozenset({"AND", "OR", "NOT", "NEAR", "ONEAR", "XRANK", "WORDS", "ALL", "ANY"})
#: Words stand as they are when they are plain: then other forms of them are found, too.
_PLAIN = re.compile(r"[^\W_]+\Z")
#: What is phrased in a query: "phrases" and words.
_PIECES = re.compile(r'"([^"]*)"|(\S+)')
#: Characters of a query ("KQL: 4,096 characters"); properties and quotes need some of them.
_MOST = 2000

#: The property of each kind that says what is sought; what is missing here a kind does not know.
_IN_SHAREPOINT: frozenset[HitKind] = frozenset({"file", "site", "list"})
_AUTHOR: Mapping[HitKind, str] = {"file": "author", "list": "author", "mail": "from", "chat": "from"}
_TITLE: Mapping[HitKind, str] = {**dict.fromkeys(_IN_SHAREPOINT, "title"), "mail": "subject", "event": "subject"}
_CHANGED = "lastModifiedTime"
_TIME: Mapping[HitKind, str] = {"file": _CHANGED, "list": _CHANGED, "mail": "received", "chat": "sent"}


def query(sought: Sought, kind: HitKind) -> str:
    """Return the query for one kind of hit, "" for a kind that does not know what is sought.

    Raises ToolInputError for a query that is too long, and for what can't be a file type or a place.
    """
    parts = [*words(sought.words)]
    wanted = (
        (sought.author, _AUTHOR.get(kind)),
        (sought.title, _TITLE.get(kind)),
        (sought.file_type, "filetype" if kind == "file" else None),
        (sought.place, "path" if kind in _IN_SHAREPOINT else None),
    )
    for value, name in wanted:
        if value and name is None:
            return ""
        parts += [f"{name}:{_value(value, name)}"] if value and name else []
    if (sought.since or sought.until) and kind not in _TIME:
        return ""
    parts += _between(_TIME.get(kind, ""), sought.since, sought.until)
    made = " ".join(parts)
    if len(made) > _MOST:
        raise ToolInputError(
            f"The search has {len(made):,} characters; at most {_MOST:,} can be.", hint="Use fewer words."
        )
    return made


def words(text: str) -> list[str]:
    """Return the words and phrases of a text as KQL takes them: none is an operator or a property."""
    found = [_word(phrase or word, quoted=not word) for phrase, word in _PIECES.findall(text)]
    return [each for each in found if each]


def _word(text: str, *, quoted: bool) -> str:
    clean = " ".join(re.sub(r'["“”„\x00-\x1f\x7f]', " ", text).split()).strip("*")
    if not re.search(r"\w", clean):
        return ""
    if not quoted and _PLAIN.fullmatch(clean):
        return clean.lower() if clean in _OPERATORS else clean
    return f'"{clean}"'


def _value(value: str, name: str) -> str:
    """Return the value of a property, in quotes."""
    clean = " ".join(re.sub(r'["“”„\x00-\x1f\x7f]', " ", value).split())
    if name == "filetype":
        clean = clean.lstrip(".").lower()
        if not re.fullmatch(r"[a-z0-9]{1,10}", clean):
            raise ToolInputError(f"{value!r} is no file type.", hint="Give an ending such as xlsx.")
        return clean
    if name == "path" and not re.match(r"https://[^\s/]+", clean):
        raise ToolInputError(f"{value!r} is no address of a site or folder.", hint="Give it as https://...")
    return f'"{clean}"'


def _between(name: str, since: date | None, until: date | None) -> list[str]:
    if since and until and until < since:
        raise ToolInputError(f"{until} lies before {since}.", hint="Give the earlier day as since.")
    return [f"{name}{sign}{day.isoformat()}" for sign, day in ((">=", since), ("<=", until)) if day]
