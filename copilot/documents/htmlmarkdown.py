"""A web page as Markdown: headings, lists, tables and links of its main part, what is hidden marked as such.

What stands beside the main part on every page of a site (navigation, banner, footer, forms) is left out. Nothing is
fetched and no script runs; which text is hidden is decided as in htmltext.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urljoin

from copilot.documents.htmltext import MAX_CHARACTERS, _Open, _Reader, whole

#: Elements whose text is no part of what a page says, and roles of the same kind (WAI-ARIA 1.2, 5.3.4).
_BESIDE = frozenset(
    ("nav", "footer", "aside", "form", "button", "select", "dialog", "svg", "iframe", "noscript", "template", "object")
)
_BESIDE_ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog"))
_MAIN = frozenset(("main", "article"))
_CELLS = frozenset(("td", "th"))
_RAW = frozenset(("script", "style", "template", "title"))
#: Reasons of pieces that are left out, rather than shown as hidden.
_LEFT_OUT = frozenset(("beside", "script", "template", "HTML comment", "page title"))
#: Characters that a main part has at least: with fewer it is a teaser, and the whole page counts.
_LEAST_MAIN = 120
_LINKED = ("http://", "https://")
_DATA = re.compile(r"[ \t\r\f\v\xa0]+")


@dataclass(frozen=True, slots=True)
class MarkdownPage:
    """A page: its title and its main part as Markdown; `hidden`: some is, `cut`: only 2 Mi characters were read."""

    title: str
    markdown: str
    hidden: bool = False
    cut: bool = False


def to_markdown(html: str, base: str = "") -> MarkdownPage:
    """Return a page as Markdown. Links are told with where they lead, seen from the address `base`."""
    reader = _MarkdownReader(base)
    reader.feed(whole(html[:MAX_CHARACTERS]).replace("<![", "<!"))
    reader.close()
    lines = reader.lines()
    return MarkdownPage(
        reader.page_title(),
        _tidied(lines),
        any(line.startswith("[hidden: ") for line in lines),
        len(html) > MAX_CHARACTERS,
    )


class _MarkdownReader(_Reader):
    """Collects the same pieces, with the marks of Markdown among them; remembers where main parts begin and end."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self._parts: list[tuple[int, int]] = []
        self._begun: list[int] = []
        self._rows = 0

    def page_title(self) -> str:
        """Return what stands in the title element."""
        found = (text for text, why in self._pieces if why == "page title")
        return " ".join(next(found, "").split())

    def lines(self) -> list[str]:
        """Return the lines of the main part, else of the whole page; hidden ones are marked."""
        parts = [self._pieces[begin:end] for begin, end in self._parts]
        whole = self._shown(self._pieces)
        main = self._shown([piece for part in parts for piece in [*part, ("\n", "")]])
        return main if sum(map(len, main)) >= _LEAST_MAIN else whole

    def _shown(self, pieces: list[tuple[str, str]]) -> list[str]:
        lines = []
        for why, group in groupby((p for p in pieces if p[1] not in _LEFT_OUT), key=lambda piece: piece[1]):
            for line in "".join(text for text, _ in group).split("\n"):
                if words := _DATA.sub(" ", line).strip():
                    lines.append(f"[hidden: {why}] {words}" if why else words)
        return lines

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _CELLS:  # the cells of a row stay on one line
            self._add(" | ")
            if len(self._open) < 5000:
                self._open.append(self._entered(tag, {name: value or "" for name, value in attrs}))
            return
        super().handle_starttag(tag, attrs)
        if tag in _MAIN:
            self._begun.append(len(self._pieces))
        elif tag == "li":
            self._add("- ")
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._add("#" * int(tag[1]) + " ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _MAIN and self._begun:
            begun = self._begun.pop()
            if not self._begun:  # an article in the main part belongs to it
                self._parts.append((begun, len(self._pieces)))
        if tag == "tr":
            self._add(" |")
        if tag in _CELLS:
            self._closed(tag)
            return
        super().handle_endtag(tag)

    def _closed(self, tag: str) -> None:
        for at in range(len(self._open) - 1, max(0, len(self._open) - 200), -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def _entered(self, tag: str, given: dict[str, str]) -> _Open:
        opened = super()._entered(tag, given)
        beside = tag in _BESIDE or given.get("role", "").strip().lower() in _BESIDE_ROLES
        if tag == "header" and not self._begun:
            beside = True
        if beside and not opened.hidden:
            opened.hidden = "beside"
        return opened

    def _targets(self, tag: str, given: dict[str, str]) -> None:
        """Leave pictures' other texts to their captions, and what a page loads to nobody."""

    def _leave(self, left: _Open) -> None:
        target = urljoin(self._base, left.href) if left.href and not left.href.startswith("#") else ""
        if target.startswith(_LINKED):
            self._pieces.append((f" <{target}>", left.hidden))

    def handle_data(self, data: str) -> None:
        inside = self._open[-1].tag == "pre" or any(each.tag == "pre" for each in self._open[-3:])
        if inside and self._open[-1].raw not in _RAW:
            self._add(data)
            return
        super().handle_data(data)


def _tidied(lines: list[str]) -> str:
    """Return the lines as Markdown: rows of a table stand together, with a rule under the first."""
    blocks: list[list[str]] = []
    row = 0
    for line in lines:
        is_row = line.startswith("| ") and line.endswith(" |")
        row = row + 1 if is_row else 0
        if row > 1 or (line.startswith("- ") and blocks and blocks[-1][-1].startswith("- ")):
            blocks[-1].append(line)
        else:
            blocks.append([line])
        if row == 1:
            blocks[-1].append("|" + " --- |" * (line.count(" | ") + 1))
    return "\n\n".join("\n".join(block) for block in blocks)
