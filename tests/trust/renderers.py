"""What renderers make of a text: an oracle for the sanitiser, with HTML and linkifying on."""

from __future__ import annotations

import re
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Terminal controls, bidi controls, tags, invisible and private characters.
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff"
    "\ufe00-\ufe0d\ufeff\ufff9-\ufffc\ufffe\uffff\U000e0000-\U0010ffff]"
)
_WORD = re.compile(r"<[A-Za-z][\w.]*(, ?[\w.]+)*>")
_RENDERED = frozenset(
    "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong s hr br table thead tbody tr th td a".split()  # noqa: SIM905
)


@lru_cache(maxsize=1)
def _renderers() -> tuple[MarkdownIt, ...]:
    gfm = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    return MarkdownIt("commonmark", {"html": True}), gfm


def unsafe(text: str) -> list[str]:
    """Return what in a text is not safe to show: [] if nothing is."""
    found = [f"control {c!r}" for c in CONTROLS.findall(text)]
    for renderer in _renderers():
        tokens = renderer.parse(text)
        for block in tokens:
            if block.type == "html_block":
                found.append(f"html {block.content!r}")
            found += _inline(block.children or [], text)
        shown = _Tags()
        shown.feed(renderer.render(text))
        found += [f"tag {tag}" for tag in shown.tags]
    return found


def _inline(children: list[Token], shown: str) -> list[str]:
    """`shown` is the text itself: a renderer may draw the ASCII form of a host in letters again."""
    found = []
    for at, token in enumerate(children):
        if token.type == "image":
            found.append(f"image {token.attrs}")
        elif token.type == "html_inline" and not _WORD.fullmatch(token.content):
            found.append(f"html {token.content!r}")
        elif token.type == "link_open":
            words = "".join(t.content for t in children[at + 1 : _end(children, at)])
            # A renderer writes brackets of an address as %5B and %5D: it is the same address (RFC 3986, section 2.1).
            if not _same(str(token.attrs["href"]), words) and unquote(str(token.attrs["href"])) not in unquote(shown):
                found.append(f"link {words!r} to {token.attrs['href']!r}")
        elif token.type == "text" and CONTROLS.search(token.content):
            found.append(f"control in {token.content!r}")
    return found


def _end(children: list[Token], at: int) -> int:
    return next(n for n in range(at, len(children)) if children[n].type == "link_close")


def _same(href: str, words: str) -> bool:
    """Whether a link leads where its text says; `www.x` and `a@b` are given their scheme."""
    plain = unquote(href).rstrip("/")
    return plain in {prefix + unquote(words).rstrip("/") for prefix in ("", "http://", "mailto:", "https://")}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag not in _RENDERED and (attrs or len(tag) > 12):
            self.tags.append(tag)
        if any(name.startswith("on") or name in ("src", "srcset", "background", "poster") for name in names):
            self.tags.append(f"{tag} {sorted(names)}")
