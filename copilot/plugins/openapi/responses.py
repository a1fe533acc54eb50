"""Answers of an API as a model reads them: JSON as Markdown, cut where it is long; errors with what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from copilot.errors import ToolInputError
from copilot.plugins.openapi.bodies import is_json
from copilot.plugins.web import Answer

#: Characters of an answer that a model is given, rows and columns of a table, characters of a cell, levels of a list.
MOST_TEXT, MOST_ROWS, MOST_COLUMNS, MOST_CELL, DEEPEST = 20_000, 50, 8, 200, 8
#: Places that a JSONPath may select.
MOST_SELECTED = 2_000

#: What to do, by status (RFC 9110, section 15.5; RFC 6585).
_HINTS = {
    400: "Mend the arguments as it says.",
    401: "The person has to sign in or to mend the credential.",
    403: "The credential may not do this; the person has to get that right.",
    404: "Check the ids: nothing has this address.",
    405: "The service does not offer this any more; use another tool.",
    409: "It is in another state than expected; read it again first.",
    410: "It is gone.",
    412: "It changed meanwhile; read it again first.",
    413: "Send less.",
    422: "Mend the arguments as it says.",
    429: "It is asked too often; wait, and ask for less.",
}
_SERVERS_FAULT = "The service has trouble; try again later."


def data_of(answer: Answer) -> Any:
    """Return the JSON of an answer, or None where it is none: cut short, broken, or another kind of content."""
    text = answer.text.strip()
    if answer.cut or not text or not (is_json(answer.media or "application/json") or text[:1] in "{["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def selected(data: Any, path: str) -> Any:
    """Return the part of the data that a JSONPath selects (RFC 9535): the value itself for one place, else a list.

    Raises ToolInputError for a path that is none, asks for too much, or selects nothing.
    """
    from copilot.plugins import jsonpaths

    try:
        found = list(islice(jsonpaths.values(jsonpaths.compiled(path), data), MOST_SELECTED + 1))
    except jsonpaths.PathError as error:
        hint = "Example: $.items[*].name"
        raise ToolInputError(
            f"{path[:80]!r} is no JSONPath that is taken: {error}.", hint=hint, code="select"
        ) from None
    if not found:
        keys = ", ".join(list(data)[:12]) if isinstance(data, Mapping) else type(data).__name__
        raise ToolInputError(
            f"{path} selects nothing of the answer.", hint=f"At its top there is: {keys}.", code="select"
        )
    if len(found) > MOST_SELECTED:
        raise ToolInputError(f"{path} selects more than {MOST_SELECTED:,} places.", hint="Narrow it.", code="select")
    return found[0] if len(found) == 1 else found


def error_of(answer: Answer, label: str) -> ToolInputError:
    """Return what a status of 400 and above says, for the model: the service's own words (RFC 9457) and what to do."""
    said = _said(answer)
    hint = _HINTS.get(answer.status, _SERVERS_FAULT if answer.status >= 500 else "Mend the call.")
    if answer.status in (429, 503) and (later := answer.header("retry-after")):
        hint = f"It says when to try again: {later[:40]}{' seconds' if later.isdigit() else ''}."
    text = f"{label} answered {answer.status}{f': {said}' if said else ''}"
    return ToolInputError(f"{text.rstrip('.')}.", hint=hint, code=f"http_{answer.status}")


def _said(answer: Answer) -> str:
    """Return an error's words: title and detail of a problem, the message of other forms, the first line of a text."""
    from copilot.plugins.openapi.schemas import shortened

    data = data_of(answer)
    if data is None:
        return shortened(answer.text, 300) if answer.media.startswith("text/plain") else ""
    return shortened("; ".join(dict.fromkeys(_messages(data, 0))), 600)


_WORDS = (
    "title",
    "detail",
    "message",
    "error_description",
    "error",
    "msg",
    "reason",
    "description",
    "errors",
    "details",
    "fault",
    "invalid-params",
    "loc",
    "name",
    "field",
)


def _messages(data: Any, depth: int) -> Iterator[str]:
    if isinstance(data, str) and data.strip():
        yield data.strip()
    elif isinstance(data, list) and depth < 4:
        for each in data[:5]:
            yield from (
                [" ".join(_messages(each, depth + 1))] if isinstance(each, Mapping) else _messages(each, depth + 1)
            )
    elif isinstance(data, Mapping) and depth < 4:
        for name in _WORDS:
            yield from _messages(data.get(name), depth + 1)
        if depth and not any(name in data for name in _WORDS):
            yield from (
                f"{key}: {each}" for key, value in list(data.items())[:5] for each in _messages(value, depth + 1)
            )


# --- Markdown ---------------------------------------------------------------------------------------------------------


def markdown(answer: Answer, data: Any) -> str:
    """Return an answer as Markdown: tables of lists, lists of objects, text as it is; other content is named only."""
    if data is not None:
        return cut(of_data(data))
    if not answer.content:
        return f"(an empty answer, status {answer.status})"
    if answer.media in ("text/html", "application/xhtml+xml"):
        from copilot.documents.htmltext import read_html

        return cut(read_html(answer.text).visible)
    if answer.media.startswith("text/") or answer.media.endswith(("json", "xml", "yaml", "csv")) or not answer.media:
        return cut(answer.text) + ("\n[cut: the answer is longer]" if answer.cut else "")
    return f"({len(answer.content):,} bytes of {answer.media or 'unknown content'})"


def cut(text: str, most: int = MOST_TEXT) -> str:
    """Return a text, cut at the end of a line if it is too long, and then with how to see the rest."""
    if len(text) <= most:
        return text
    kept = text[:most].rpartition("\n")[0] or text[:most]
    told = f"[cut: the first {len(kept):,} of {len(text):,} characters; use `select`, or ask for fewer, to see others]"
    return f"{kept}\n{told}"


def of_data(data: Any, depth: int = 0) -> str:
    """Return JSON as Markdown."""
    if isinstance(data, list):
        rows = [each for each in data if isinstance(each, Mapping)]
        return _table(rows) if rows and len(rows) == len(data) and depth < 2 else "\n".join(_items(data, depth))
    if isinstance(data, Mapping):
        return "\n".join(_entries(data, depth)) or "(an empty object)"
    return _plain(data)


def _items(data: list[Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    if not data:
        yield f"{indent}(an empty list)"
    for each in data[:MOST_ROWS]:
        if isinstance(each, list | Mapping) and depth < DEEPEST:
            yield f"{indent}-"
            yield of_data(each, depth + 1)
        else:
            yield f"{indent}- {_plain(each)}"
    if len(data) > MOST_ROWS:
        yield f"{indent}[cut: the first {MOST_ROWS} of {len(data):,}; use `select` to see others]"


def _entries(data: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, each in data.items():
        if isinstance(each, list | Mapping) and each and depth < DEEPEST:
            yield f"{indent}- {_line(key)}:"
            inner = of_data(each, depth + 1)
            yield f"\n{inner}\n" if inner.startswith("| ") else inner
        else:
            yield f"{indent}- {_line(key)}: {_plain(each)}"


def _table(rows: list[Mapping[str, Any]]) -> str:
    """Return a table of the columns that most rows have, plain values first."""
    shown = rows[:MOST_ROWS]
    names = list(dict.fromkeys(name for row in shown for name in row))
    plain = [n for n in names if not any(isinstance(row.get(n), list | Mapping) for row in shown)]
    columns = [*plain, *(n for n in names if n not in plain)][:MOST_COLUMNS]
    columns = [n for n in names if n in columns]
    if not columns:
        return f"({len(rows):,} empty objects)"
    lines = [columns, ["---"] * len(columns), *([_plain(row.get(n, "")) for n in columns] for row in shown)]
    text = "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)
    hidden = [_line(n) for n in names if n not in columns]
    text += f"\n[columns left out: {', '.join(hidden[:30])}; use `select` to see them]" if hidden else ""
    more = f"\n[cut: the first {MOST_ROWS} of {len(rows):,} rows; use `select` to see others]"
    return text + (more if len(rows) > MOST_ROWS else "")


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= MOST_CELL else f"{line[:MOST_CELL]}..."


def _line(text: str) -> str:
    return " ".join(text.split())


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
