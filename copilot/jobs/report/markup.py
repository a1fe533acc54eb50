"""HTML of text that nobody vouches for: made safe, escaped, never markup, a link or another reading direction."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from copilot.trust.sanitise import safe_html, safe_text

#: Characters of one text that are shown: an answer, a value, one side of a change.
MOST = 20_000

_STYLE = re.compile(r' style="text-align:(?:left|right|center)"')
_HEADING = re.compile(r"<(/?)h[1-6]>")
_CLOSED = {"": '<p class="head">', "/": "</p>"}


def text(value: object, *, lines: bool = False) -> str:
    """Return a text escaped for an element or a quoted attribute, without anything that hides or turns it around."""
    return html.escape(safe_text(str(value), lines=lines))


def cut(value: str, most: int = MOST) -> str:
    """Return a text of at most about `most` characters; what was left out is counted at its end."""
    return value if len(value) <= most else f"{value[:most]}… ({len(value) - most:,} more characters)"


def named(value: object) -> str:
    """Return the name of a document, apart from the reading direction of what stands around it."""
    return f"<bdi>{text(cut(str(value), 500))}</bdi>"


def prose(markdown: str) -> str:
    """Return an answer as HTML: no link, image or HTML of its own, no headings among those of the page."""
    made = _STYLE.sub("", safe_html(cut(markdown)))  # a strict policy allows no style in an element
    return f'<div class="prose" dir="auto">{_HEADING.sub(lambda tag: _CLOSED[tag[1]], made)}</div>'


def items(entries: Iterable[str], kind: str = "") -> str:
    """Return a list of entries that are HTML already, "" for none."""
    inside = "".join(f"<li>{entry}</li>" for entry in entries)
    return f"<ul{_class(kind)}>{inside}</ul>" if inside else ""


def rows(heads: Iterable[str], body: str, caption: str, kind: str = "") -> str:
    """Return a table of rows that are HTML already, under plain heads, with a caption for those who can't see it."""
    head = "".join(f'<th scope="col">{text(each)}</th>' for each in heads)
    return (
        f'<table{_class(kind)}><caption class="unseen">{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def folded(summary: str, body: str, *, opened: bool = False, kind: str = "", anchor: str = "") -> str:
    """Return something that opens when its summary is clicked."""
    inside = f'<span class="here" id="{anchor}"></span>{body}' if anchor else body  # a link to what is inside opens it
    return f"<details{_class(kind)}{' open' if opened else ''}><summary>{summary}</summary>\n{inside}</details>\n"


def flag(words: str, kind: str) -> str:
    """Return a small mark that says in words, and besides in colour, what it means."""
    return f'<span class="flag {kind}">{text(words)}</span>'


def spelled(value: Any, depth: int = 4) -> str:
    """Return an extracted value as a person writes it: lists and objects on one line, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if depth and isinstance(value, dict):
        return ", ".join(f"{key}: {spelled(each, depth - 1)}" for key, each in value.items())
    if depth and isinstance(value, (list, tuple)):
        return "; ".join(spelled(each, depth - 1) for each in value)
    return str(value) if not isinstance(value, (dict, list, tuple)) else "…"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
