"""What messages in Teams say: their HTML as Markdown, and Markdown as the HTML of a message.

Source: Microsoft Graph v1.0, "chatMessage", "chatMessageMention", "chatMessageAttachment".
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from copilot.documents.htmltext import read_html
from copilot.plugins.connections.chat import Attached, Member
from copilot.trust.sanitise import safe_html

from .graph import Json

_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "strike": "~~", "del": "~~", "code": "`"}
_BLOCKS = frozenset({"p", "div", "table", "tr", "h1", "h2", "h3", "h4", "ul", "ol"})
_PREFIXED = {"blockquote": "> ", "li": "  "}
#: Characters of a card or of a quoted message that are handed over.
_MOST = 4000
#: Hidden from whoever reads the message; alternative text of a picture is not.
_SEEN = frozenset({"", "alternative text"})


def to_markdown(content: str, kind: str, attached: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """Return the text of a message as Markdown, and whether parts of it are hidden from those who read it in Teams.

    `attached` are names of attachments by their ids. Hidden parts come at the end, marked as such.
    """
    if kind != "html":
        return content.strip(), False
    page = read_html(content)
    hidden = [each for each in page.stretches if each.hidden not in _SEEN]
    if hidden:
        marked = "\n".join(f"[hidden ({each.hidden}): {each.text}]" for each in hidden)
        return f"{page.visible}\n{marked}".strip(), True
    writer = _Writer(attached or {})
    writer.feed(content)
    writer.close()
    return writer.text(), False


class _Writer(HTMLParser):
    """Writes Markdown; what is prefixed as a whole (quotes, points of a list) is written to a part of its own first."""

    def __init__(self, attached: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self._attached = attached
        self._parts: list[list[str]] = [[]]
        self._lists: list[int] = []
        self._links: list[tuple[str, int]] = []
        self._code = 0

    def text(self) -> str:
        """Return what was written."""
        while len(self._parts) > 1:
            last = self._parts.pop()
            self._parts[-1] += last
        lines = "".join(self._parts[0]).replace("\xa0", " ").split("\n")
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _MARKS and not self._code:
            self._add(_MARKS[tag])
        elif tag in ("pre", "codeblock"):
            self._add("\n```\n" if not self._code else "")
            self._code += 1
        elif tag in _PREFIXED:
            self._parts.append([])
        elif tag in _BLOCKS:
            self._add("\n")
        self._open(tag, given)

    def _open(self, tag: str, given: Mapping[str, str]) -> None:
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ul" else 1)
        elif tag == "a":
            self._links.append((given.get("href", ""), len(self._parts[-1])))
        elif tag in ("br", "hr"):
            self._add("\n" if tag == "br" else "\n---\n")
        elif tag in ("td", "th"):
            self._add("| ")
        elif tag == "at":
            self._add("@")
        elif tag == "emoji":
            self._add(given.get("alt", ""))
        elif tag == "img":
            self._add(f"[picture: {given.get('alt') or 'without a description'}]")
        elif tag == "attachment" and (name := self._attached.get(given.get("id", ""))):
            self._add(f"[attachment: {name}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in _MARKS and not self._code:
            self._add(_MARKS[tag])
        elif tag in ("pre", "codeblock") and self._code:
            self._code -= 1
            self._add("\n```\n" if not self._code else "")
        elif tag in _PREFIXED and len(self._parts) > 1:
            self._close(tag)
        elif tag == "a" and self._links:
            self._leave(*self._links.pop())
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._add("\n")
        elif tag in _BLOCKS:
            self._add("\n")

    def _close(self, tag: str) -> None:
        lines = [line for line in "".join(self._parts.pop()).strip().split("\n") if line.strip() or tag != "li"]
        if tag == "li":
            number = self._lists[-1] if self._lists else 0
            first = f"{number}. " if number else "- "
            self._lists[-1:] = [number + 1] if number else self._lists[-1:]
            self._add("\n" + "\n".join((first if n == 0 else "  ") + line for n, line in enumerate(lines or [""])))
        else:
            self._add("\n" + "\n".join(f"> {line}" for line in lines) + "\n")

    def _leave(self, target: str, start: int) -> None:
        """Tell a link's target behind its text, where the text is not the target."""
        said = "".join(self._parts[-1][start:]).strip()
        if target and said.rstrip("/") != target.rstrip("/"):
            self._add(f" <{target}>")

    def handle_data(self, data: str) -> None:
        self._add(data if self._code else re.sub(r"\s+", " ", data))

    def _add(self, text: str) -> None:
        self._parts[-1].append(text)


def to_html(markdown: str, mentions: Sequence[Member]) -> tuple[str, list[Json]]:
    """Return the HTML of a message, and its mentions: "@name" becomes one; who is not named so stands before the text.

    The HTML holds no links and pictures but what the text says of them (sanitise.safe_html).
    """
    made, told = safe_html(markdown).strip(), []
    before = []
    for number, member in enumerate(mentions):
        name = member.name or member.address
        named, at = html.escape(f"@{name}"), f'<at id="{number}">{html.escape(name)}</at>'
        if named in made:
            made = made.replace(named, at, 1)
        else:
            before.append(at)
        user = {"id": member.id, "displayName": name, "userIdentityType": "aadUser"}
        told.append({"id": number, "mentionText": name, "mentioned": {"user": user}})
    return (f"<p>{' '.join(before)}</p>" if before else "") + made, told


def same_words(one: str, other: str) -> bool:
    """Return whether two texts of messages, as HTML or not, hold the same words: Teams rewrites the HTML."""
    return _words(one) == _words(other)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", html.unescape(re.sub(r"<[^>]+>", " ", text)).casefold())


def attachments(found: Sequence[Any]) -> tuple[Attached, ...]:
    """Return what hangs on a message."""
    return tuple(_attached(each) for each in found if isinstance(each, Mapping))


def _attached(data: Mapping[str, Any]) -> Attached:
    kind, name, url = (str(data.get(key) or "") for key in ("contentType", "name", "contentUrl"))
    content = _parsed(data.get("content"))
    if kind == "reference":
        return Attached(name or "file", url)
    if kind in ("messageReference", "forwardedMessageReference"):
        sender = ((content.get("messageSender") or {}).get("user") or {}).get("displayName") or "somebody"
        return Attached(f"a message of {sender}", kind="quote", text=str(content.get("messagePreview") or "")[:_MOST])
    if "card" in kind:
        return Attached(name or "card", kind="card", text="\n".join(_texts(content))[:_MOST])
    return Attached(name or kind or "attachment", url, "other")


def _parsed(content: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(content) if isinstance(content, str) else content
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts of a card, whatever its form ("Adaptive Cards", "Office 365 connector card")."""
    if depth > 20:
        return
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, str) and key in ("text", "title", "subtitle", "summary", "value", "name"):
                yield each
            elif not isinstance(each, str):
                yield from _texts(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, depth + 1)
