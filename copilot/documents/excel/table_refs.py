"""Structured references (18.17.2.3) whose table loses columns, or its name changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from copilot.documents.excel.reftext import REF_ERROR, table_references

_LEAF = re.compile(r"\[((?:'.|[^\[\]'])*)\]")
_ESCAPE = re.compile(r"'(.)", re.DOTALL)


def without_columns(text: str, lost: Mapping[str, Collection[str]], known: Mapping[str, Sequence[str]]) -> str:
    """Return a formula whose references to lost columns are #REF!; a range of columns shrinks to those that are left.

    `lost` are columns by table, `known` all columns of these tables in order; names in small letters. A reference that
    names no table is taken for one of the only table there is in `lost`.
    """
    if "[" not in text:
        return text
    for start, end, token in reversed(table_references(text)):
        name, bracket, rest = token.partition("[")
        table = name.casefold() or (next(iter(lost)) if len(lost) == 1 else "")
        if bracket and table in lost:
            text = text[:start] + _token(token, bracket + rest, lost[table], known[table]) + text[end:]
    return text


def _token(token: str, brackets: str, lost: Collection[str], known: Sequence[str]) -> str:
    spans = [m for m in _LEAF.finditer(brackets) if not m[1].strip().startswith("#")]
    if not spans:  # Table[Column], Table[@Column]
        inner = brackets[1:-1].strip()
        return REF_ERROR if _plain(inner) in lost else token
    names = [_plain(m[1]) for m in spans]
    if len(spans) == 1 or not re.search(r"\]\s*:\s*\[", brackets):
        return REF_ERROR if any(n in lost for n in names) else token
    if not any(n in lost for n in names[-2:]):
        return token
    folded = [c.casefold() for c in known]
    if names[-2] not in folded or names[-1] not in folded:
        return token
    low, high = sorted((folded.index(names[-2]), folded.index(names[-1])))
    left = [c for c in known[low : high + 1] if c.casefold() not in lost]
    if not left:
        return REF_ERROR
    head = token[: len(token) - len(brackets)]
    first, last = spans[-2], spans[-1]
    return f"{head}{brackets[: first.start()]}[{_quoted(left[0])}]:[{_quoted(left[-1])}]{brackets[last.end() :]}"


def _plain(column: str) -> str:
    return _ESCAPE.sub(r"\1", column.strip().lstrip("@").strip()).casefold()


def _quoted(column: str) -> str:
    """Return a column's name with the characters escaped that mean something in a reference."""
    return re.sub(r"([\[\]#'@])", r"'\1", column)


def renamed_tables(text: str, names: Mapping[str, str]) -> str:
    """Return a formula whose structured references name other tables; `names` by the old ones in small letters."""
    if "[" not in text:
        return text
    for start, end, token in reversed(table_references(text)):
        name, bracket, rest = token.partition("[")
        if name.casefold() in names:
            text = text[:start] + names[name.casefold()] + bracket + rest + text[end:]
    return text
