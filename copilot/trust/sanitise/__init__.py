"""Text from models and documents, made safe to show: every prefix of the output is safe, not only the whole.

Two machines in a row, and how a stream is cut matters to neither:

* `Characters` drops terminal control sequences (ECMA-48), other control characters, bidi controls, Unicode tags and
  invisible characters, which can hide text from a person or rewrite what was printed before;
* `Blocks`, over `Inline`, writes Markdown links and images out, `text (target)`, makes tags of HTML text (`&lt;`),
  and breaks whatever could still be read as a link. Code that is code for every renderer stays byte-equal.

What comes out is Markdown without links, images, link definitions and HTML. Which class a sink takes:

| sink | |
|---|---|
| terminal | `TerminalSanitiser`, `safe_markdown` |
| chat message, .md file, pipe | `MarkdownSanitiser` |
| Adaptive Card | `CardSanitiser`: cards know no code, so nothing is spared as code |
| HTML mail body | `HtmlSanitiser` for a stream as plain text, `safe_html` for a whole Markdown text |
| file name, summary, table cell, log line | `safe_text` |
"""

from __future__ import annotations

import html
from collections.abc import Callable

from copilot.trust.sanitise.blocks import Blocks
from copilot.trust.sanitise.characters import Characters, without_controls

__all__ = [
    "CardSanitiser",
    "HtmlSanitiser",
    "MarkdownSanitiser",
    "TerminalSanitiser",
    "safe_html",
    "safe_markdown",
    "safe_text",
]


class MarkdownSanitiser:
    """Makes a stream of Markdown safe: `feed` each piece, show what comes back, `close` at the end.

    `links` says of an absolute address whether a link there may stay one; the default leaves none. A link that stays
    has its target in ASCII and text without Markdown of its own.
    """

    _code = True

    def __init__(self, links: Callable[[str], bool] | None = None) -> None:
        self._allowed = links
        self._out: list[str] = []
        self._start()

    def _start(self) -> None:
        self._characters = Characters()
        self._blocks = Blocks(self._out.append, code=self._code, links=self._allowed)

    def feed(self, chunk: str) -> str:
        """Return what can be shown now. At most some thousand characters wait until it is known what they are."""
        if shown := self._characters.feed(chunk):
            self._blocks.feed(shown)
        return self._taken()

    def close(self) -> str:
        """Return what was held back. The sanitiser can be used again afterwards, for another stream."""
        self._blocks.close()
        self._start()
        return self._taken()

    def _taken(self) -> str:
        text = "".join(self._out)
        self._out.clear()
        return text


class TerminalSanitiser(MarkdownSanitiser):
    """Makes a stream safe for a terminal, whether it is printed as it is or rendered. No link stays one."""

    def __init__(self) -> None:
        super().__init__()


class CardSanitiser(MarkdownSanitiser):
    """Makes a stream safe for the Markdown of Adaptive Cards' TextBlock.

    It knows emphasis, lists and links (Adaptive Cards, Text features), but no code: what stands between backticks is
    made safe like everything else.
    """

    _code = False


class HtmlSanitiser(TerminalSanitiser):
    """Makes a stream of Markdown text for HTML: the safe text with `&`, `<`, `>` and quotes escaped, and no elements.

    Put it into an element with `white-space: pre-wrap`.
    """

    def feed(self, chunk: str) -> str:
        """Return what can be shown now, escaped."""
        return html.escape(super().feed(chunk))

    def close(self) -> str:
        """Return what was held back, escaped."""
        return html.escape(super().close())


def safe_text(text: str, *, lines: bool = False) -> str:
    """Return one string without anything that controls a terminal or hides text.

    For file names, summaries and quoted document text. Line breaks and tabs become spaces unless `lines`, so that a
    name can't pretend to be another line. Markdown is left alone.
    """
    clean = without_controls(text)
    return clean if lines else clean.replace("\n", " ").replace("\t", " ")


def safe_markdown(text: str) -> str:
    """Return a whole Markdown text made safe, as `TerminalSanitiser` and `MarkdownSanitiser` do for a stream."""
    sanitiser = MarkdownSanitiser()
    return sanitiser.feed(text) + sanitiser.close()


def safe_html(markdown: str) -> str:
    """Return a whole Markdown text as HTML for the body of a mail: no link, no image, no HTML of the text itself."""
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return str(renderer.render(safe_markdown(markdown)))
