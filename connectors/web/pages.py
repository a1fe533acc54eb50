"""What a server answered as Markdown: pages, Office files and PDF, JSON, text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from copilot.documents import reading
from copilot.documents.htmlmarkdown import to_markdown
from copilot.documents.invisible import invisible
from copilot.documents.text import decode
from copilot.errors import DocumentError, ToolInputError
from copilot.plugins.connections.web import Page
from copilot.plugins.web import Answer
from copilot.trust.sanitise import safe_text

_HTML = frozenset({"text/html", "application/xhtml+xml"})
#: The suffix by which a reader of documents knows a type.
_SUFFIXES = {
    "application/pdf": ".pdf",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md",
    "text/plain": ".txt",
}
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
#: Columns and rows of a table that JSON becomes, and characters of a cell.
_COLUMNS, _ROWS, _CELL = 12, 500, 200
#: Characters of a page that are looked at.
_MOST = 4_000_000


def read(answer: Answer) -> Page:
    """Return an answer as a page, without characters that nobody sees; `notes` say so.

    Raises ToolInputError for what can't be read, with the reason.
    """
    page = _read(answer)
    text = page.markdown[:_MOST]
    unseen = invisible(f"{page.title}\n{text}")
    notes = [f"It holds characters that nobody sees ({', '.join(unseen)}); they are left out."] if unseen else []
    notes += ["It is very long: the rest is left out."] if len(page.markdown) > _MOST else []
    clean, title = safe_text(text, lines=True), safe_text(page.title)
    return replace(page, markdown=clean, title=title, notes=(*page.notes, *notes))


def _read(answer: Answer) -> Page:
    media = answer.media or _guessed(answer)
    if media in _HTML:
        return _html(answer, media)
    if media == "application/json" or media.endswith("+json"):
        return Page(answer.url, _json(_text(answer)), _name(answer.url), media)
    return _document(answer, media)


def _html(answer: Answer, media: str) -> Page:
    found = to_markdown(_text(answer), answer.url)
    notes = []
    if found.cut:
        notes.append("The page is very long: only its beginning was read.")
    if found.hidden:
        notes.append("Text marked [hidden: ...] is not seen by a person who opens the page.")
    if not found.markdown:
        notes.append("There is no text in the page without its scripts, which are not run.")
    return Page(answer.url, found.markdown, found.title, media, tuple(notes))


def _document(answer: Answer, media: str) -> Page:
    name = _name(answer.url)
    suffix = _SUFFIXES.get(media, "")
    try:
        found = reading.read(answer.content, name if not suffix or name.lower().endswith(suffix) else f"{name}{suffix}")
    except DocumentError as error:
        raise ToolInputError(f"{answer.url} ({media or 'no type'}): {error}", code=error.code) from None
    notes = [f"Left out: {each}." for each in found.omitted]
    return Page(answer.url, found.markdown, found.title or name, media, tuple(notes))


def _guessed(answer: Answer) -> str:
    head = answer.content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "text/html" if head.startswith((b"<!doctype html", b"<html")) else ""


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])[:100] or "page"


def _text(answer: Answer) -> str:
    """Return the text by the charset of the header, else of the page (HTML, "determining the character encoding")."""
    declared = "charset=" in answer.header("content-type").lower()
    meta = _META.search(answer.content[:1024])
    if declared or meta is None:
        return answer.text if declared else decode(answer.content)[0]
    try:
        return answer.content.decode(meta[1].decode("ascii"), "replace")
    except (LookupError, ValueError):
        return decode(answer.content)[0]


def _json(text: str) -> str:
    """Return JSON as a table, where it is a list of objects or holds one; else as it is, indented."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for path, rows in _lists(value):
        if rows and all(isinstance(row, Mapping) for row in rows):
            rest = {k: v for k, v in value.items() if k != path} if isinstance(value, Mapping) else {}
            head = f"{_code(rest)}\n\n" if rest else ""
            return f"{head}{f'## {path}' if path else ''}\n\n{_table(rows)}".strip()
    return _code(value)


def _lists(value: Any) -> Iterable[tuple[str, list[Any]]]:
    if isinstance(value, list):
        yield "", value
    elif isinstance(value, Mapping):
        yield from ((str(name), each) for name, each in value.items() if isinstance(each, list))


def _code(value: Any) -> str:
    return f"```json\n{json.dumps(value, ensure_ascii=False, indent=1)}\n```"


def _table(rows: list[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(str(name) for row in rows[:_ROWS] for name in row))[:_COLUMNS]
    lines = [names, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in rows[:_ROWS])]
    more = f"\n\n({len(rows) - _ROWS} more rows)" if len(rows) > _ROWS else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + more


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return " ".join(text.replace("|", "\\|").split())[:_CELL]
