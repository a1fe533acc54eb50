"""Where an answer goes on: what a service says of its next page, told as arguments of the next call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from copilot.plugins.openapi.model import Operation
from copilot.plugins.web import Answer

#: Objects of an answer that speak of its pages, and fields that hold an address or a cursor (letters only).
_HOLDERS = frozenset(
    {
        "links",
        "_links",
        "paging",
        "pagination",
        "meta",
        "metadata",
        "page",
        "pageinfo",
        "page_info",
        "response_metadata",
        "cursors",
    }
)
_ADDRESSES = frozenset({"next", "nextlink", "odatanextlink", "nexturl", "nextpageurl", "nextpage", "nexthref"})
_CURSORS = frozenset(
    {
        "nextcursor",
        "nextpagetoken",
        "nexttoken",
        "continuationtoken",
        "endcursor",
        "cursor",
        "nextmarker",
        "marker",
        "after",
        "next",
        "pagetoken",
        "scrollid",
        "nextpage",
        "nextoffset",
    }
)
#: Parameters that take a cursor, the likeliest first.
_TAKES = (
    "cursor",
    "pagetoken",
    "nexttoken",
    "nextcursor",
    "after",
    "continuationtoken",
    "continuation",
    "startingafter",
    "marker",
    "next",
    "nextpagetoken",
    "scrollid",
    "page",
    "offset",
)
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)")
_LONGEST = 2_000


def hint(operation: Operation, answer: Answer, data: Any) -> str:
    """Return how the model asks for what comes next, "" where the service says of nothing that it comes."""
    if url := next(_addresses(answer, data), ""):
        if operation.pages:
            return f"There is more: call again with the same arguments and {operation.pages}={url}"
        if told := _from_query(operation, url):
            return f"There is more: call again with {told}."
        return "There is more, and this tool has no argument to ask for it; ask for other or fewer items."
    return _by_cursor(operation, data)


def _by_cursor(operation: Operation, data: Any) -> str:
    names = {_letters(p.name): p.arg for p in operation.parameters if p.place == "query"}
    taking = next((names[name] for name in _TAKES if name in names), "")
    cursor = next((value for name, value in _told(data) if name in _CURSORS), "")
    if taking and cursor:
        return f"There is more: call again with the same arguments and {taking}={cursor}"
    more = isinstance(data, Mapping) and any(
        data.get(n) is True for n in ("has_more", "hasMore", "hasNextPage", "more")
    )
    if not more:
        return ""
    last = _last_id(data)
    if "startingafter" in names and last:
        return f"There is more: call again with the same arguments and {names['startingafter']}={last}"
    args = ", ".join(arg for name, arg in names.items() if name in (*_TAKES, "skip", "start", "limit", "page"))
    return f"There is more{f'; these arguments lead there: {args}' if args else ''}."


def link_next(header: str) -> str:
    """Return the address that a Link header gives with rel=next (RFC 8288, section 3), "" for none."""
    for target, parameters in _LINK.findall(header[:20_000]):
        found = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", parameters, re.IGNORECASE)
        if found and "next" in (found[1] or found[2]).lower().split():
            return str(target).strip()
    return ""


def is_page(operation: Operation, url: str, path: str) -> bool:
    """Return whether an address is a page of this operation: same origin, same path, another query."""
    here, there = urlsplit(operation.server), urlsplit(url)
    return (here.scheme, here.netloc) == (there.scheme, there.netloc) and there.path == path and not there.fragment


def _addresses(answer: Answer, data: Any) -> Iterator[str]:
    base = answer.url
    if found := link_next(answer.header("link")):
        yield urljoin(base, found)
    for name, value in _told(data):
        if name in _ADDRESSES and re.match(r"https?://|/|\?", value):
            yield urljoin(base, value)


def _told(data: Any) -> Iterator[tuple[str, str]]:
    """Yield name (letters only) and text of what an answer's object says at its top, and in what speaks of pages."""
    if not isinstance(data, Mapping):
        return
    for key, value in data.items():
        if isinstance(value, Mapping) and key.lower() in _HOLDERS:
            yield from _told({k: v for k, v in value.items() if k.lower() != key.lower()})
        text = value.get("href") if isinstance(value, Mapping) and _letters(key) in _ADDRESSES else value
        if isinstance(text, int) and not isinstance(text, bool):
            text = str(text)
        if isinstance(text, str) and 0 < len(text) <= _LONGEST:
            yield _letters(key), text


def _from_query(operation: Operation, url: str) -> str:
    names = {p.name: p.arg for p in operation.parameters if p.place == "query"}
    return ", ".join(f"{names[k]}={v}" for k, v in parse_qsl(urlsplit(url).query) if k in names)


def _last_id(data: Mapping[str, Any]) -> str:
    lists = [v for v in data.values() if isinstance(v, list) and v and isinstance(v[-1], Mapping)]
    return str(lists[0][-1].get("id") or "") if lists else ""


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
