"""What a message says, and what of it the person typed: words of a quote, a button, a suggestion are not theirs.

Only typed words endorse what is done (trust/typed.py), so whatever may have been put into somebody's mouth counts as
other people's words. A prompt that a link left in the box, and that was sent as it stood there, can't be told apart:
no channel says so.

Sources: Bot Framework -- Activity, "Message activity", "Card action" (imBack, postBack, messageBack); Web Chat,
channelData.postBack and channelData.messageBack; Teams, quoted replies: an HTML attachment with a `blockquote`, and
entities of type quotedReply with a placeholder in the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from copilot.hosts.bot.inbox import Activity
from copilot.hosts.bot.mentions import without_mentions

_PLACEHOLDER = re.compile(r"<quoted\b[^<>]{0,500}/?>")
_WORD = re.compile(r"\S+")
_BUTTON = ("postBack", "messageBack")
_MOST_HTML = 200_000
_MOST_QUOTED = 4_000


@dataclass(frozen=True)
class Heard:
    """A message: `text` is all that the model is told, `own` without what it quotes, `typed` what the person typed."""

    text: str
    own: str
    typed: str


def heard(activity: Activity, offered: Collection[str] = ()) -> Heard:
    """Return what a message says; `offered` are the prompts that were suggested: who clicks on one typed nothing."""
    text = _PLACEHOLDER.sub("", without_mentions(activity)).strip()
    own, quoted = _apart(activity, text)
    typed = "" if _is_button(activity) or own in offered else own
    missing = [each for each in quoted if _plain(each) not in _plain(text)]
    lines = "\n".join(f"> {line}" for each in missing for line in each[:_MOST_QUOTED].splitlines())
    return Heard(f"{text}\n\n{lines}" if lines else text, own, typed)


def _apart(activity: Activity, text: str) -> tuple[str, list[str]]:
    """Return the person's own words, and those that they quote."""
    quoted = list(_previews(activity))
    pages = [each for each in map(_html, activity.get("attachments") or ()) if "<blockquote" in each.lower()]
    if not pages:
        return text, quoted
    own: list[str] = []
    for page in pages:
        if len(page) > _MOST_HTML:
            return "", quoted  # nobody quotes so much; whose words these are is not known
        split = _Quotes()
        split.feed(page)
        split.close()
        own.append("".join(split.own))
        quoted.append("".join(split.quoted).strip())
    # Other clients write the same words with other spaces: what counts as typed is what stands in the message.
    return _tail(text, " ".join(" ".join(own).split())), [each for each in quoted if each]


def _tail(text: str, own: str) -> str:
    """Return the end of a message that is these words, in its own spelling; the words where it does not end so."""
    found, count = list(_WORD.finditer(text)), len(own.split())
    last = found[-count:] if count else []
    return text[last[0].start() :].strip() if last and [each[0] for each in last] == own.split() else own


def _previews(activity: Activity) -> Iterator[str]:
    for entity in activity.get("entities") or ():
        told = entity.get("quotedReply") if entity.get("type") == "quotedReply" else None
        preview = told.get("preview") if isinstance(told, Mapping) else None
        if isinstance(preview, str) and preview.strip():
            yield preview.strip()


def _html(attachment: Mapping[str, Any]) -> str:
    content = attachment.get("content")
    return content if attachment.get("contentType") == "text/html" and isinstance(content, str) else ""


def _is_button(activity: Activity) -> bool:
    data = activity.get("channelData")
    return activity.get("value") is not None or (
        isinstance(data, Mapping) and any(data.get(name) is not None for name in _BUTTON)
    )


def _plain(text: str) -> str:
    return " ".join(text.split())


class _Quotes(HTMLParser):
    """Splits a page into what stands in its quotes, and what does not."""

    def __init__(self) -> None:
        super().__init__()
        self.own: list[str] = []
        self.quoted: list[str] = []
        self._depth = 0
        self._mention = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "blockquote":
            self._depth += 1
        elif self._mention or ("itemtype", "http://schema.skype.com/Mention") in attrs:
            self._mention += tag in ("span", "at")
        elif tag in ("p", "div", "br", "li"):
            self._now.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "blockquote":
            self._depth = max(self._depth - 1, 0)
        elif self._mention and tag in ("span", "at"):
            self._mention -= 1

    def handle_data(self, data: str) -> None:
        if not self._mention:
            self._now.append(data)

    @property
    def _now(self) -> list[str]:
        return self.quoted if self._depth else self.own
