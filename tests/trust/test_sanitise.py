"""The output sanitiser: what a terminal would obey is gone, what a person should see is there, in every prefix."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from copilot.trust.sanitise import TerminalSanitiser, safe_markdown, safe_text
from tests.thinning import examples

SHOWN = [
    ("plain text\n\twith a tab\n", "plain text\n\twith a tab\n"),
    # control sequences, ECMA-48
    ("a\x1b[31mred\x1b[0m", "ared"),
    ("a\x1b]0;title\x07b", "ab"),
    ("a\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\b", "atextb"),
    ("a\x9b31mb\x9d0;t\x9cc", "abc"),
    ("a\x1bPq#0;2\x1b\\b\x1b_x\x07c\x1b^y\x9cd", "abcd"),
    ("a\x1b(Bb\x1b=c\x1b7d\x1b#8e", "abcde"),
    ("a\x1b[2J\x1b[1;1Hb", "ab"),
    ("a\x1b[\nb", "a\nb"),
    ("a\x1b]unfinished\nthe rest", "a\nthe rest"),
    ("a\x1b", "a"),
    ("a\x1b\x1b[1mb", "ab"),
    ("done\rfail\b\b\x00\x7f\x85", "donefail"),
    ("line\r\nline", "line\nline"),
    ("a\u2028b\u2029c", "a\nb\nc"),
    # bidi controls, tags, invisible characters
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ("\u2066a\u2069\u200fb\u061c", "ab"),
    ("a\U000e0041\U000e0042\U000e007fb", "ab"),
    ("a\u200bb\u2060c\ufeffd\u00ade\u034ff\u3164g", "abcdefg"),
    ("a\ufe01\U000e0101b\ufe0fc", "abc"),
    ("half \ud83d pair", "half \ufffd pair"),
    # the same, written as references that Markdown decodes
    ("a&#x202e;b&#8238;c&rlm;d&#xE0041;e&ZeroWidthSpace;f&shy;g", "abcdefg"),
    ("a&#27;[31mb", "a[31mb"),
    ("R&D &amp; &lt;b&gt; &#8364; &copy; &nosuch; A&B; &", "R&D &amp; &lt;b&gt; &#8364; &copy; &nosuch; A&B; &"),
    ("&#91;a&#93;(u)", "&#91;a&#93;(u)"),  # decoded brackets make no link (CommonMark 2.5)
    # what needs joiners keeps them
    ("👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3", "👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3"),
    ("👍🏽\u200d x", "👍🏽 x"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("क्\u200dष", "क्\u200dष"),
    ("ad\u200dmin", "admin"),
    ("e\u0301 ö 中文 עברית", "e\u0301 ö 中文 עברית"),
    # links and images
    ("see [the site](https://x.example/a?b=1) now", "see the site (https://x.example/a?b=1) now"),
    ("![logo](https://x.example/p.png)", "image: logo (https://x.example/p.png)"),
    ("![](https://x.example/p.png)", "image: https://x.example/p.png"),
    ('[a](https://x.example "title")', 'a (https://x.example "title")'),
    ("[a](<https://x.example/a b>)", "a (https://x.example/a%20b)"),
    ("[a](https://x.example/(b))", "a (https://x.example/(b))"),
    ("[https://x.example](https://x.example)", "https://x.example"),
    ("[https://good.example](https://evil.example)", "https://good.example (https://evil.example)"),
    ("[![a](https://x.example/1)](https://x.example/2)", "image: a (https://x.example/1) (https://x.example/2)"),
    ("[wow!](u)", "wow! (u)"),
    ("wow! [a](u)", "wow! a (u)"),
    ("[a]()", "a"),
    ("[ ] open\n[x] done", "[ ] open\n[x] done"),
    ("a [note] b!", "a [note] b!"),
    ("=SUM(Table1[Q1]:Table1[Q4])", "=SUM(Table1[Q1]:Table1[Q4])"),
    ("as in note [3]: it rains", "as in note [3]: it rains"),
    ("a [b\n[c \\[d]: http://e/", "a [b\n[c \\[d] : http://e/"),
    ("[unfinished", "[unfinished"),
    ("![unfinished](https://x", "image: unfinished (https://x)"),
    # what is no link for us, but could be for a renderer, is broken
    ("[a\nb](https://x.example)", "a\nb (https://x.example)"),
    ("[a](https://x\n.example)", "a (https://x)\n.example)"),
    ("`[a](b)`", "`[a](b)`"),
    ("[a][r]\n\n[r]: https://x.example", "[a][r]\n\n[r] : https://x.example"),
    ("> - [r]:https://x.example", "> - [r] :https://x.example"),
    ("<img src=https://x.example/p.png>", "&lt;img src=https://x.example/p.png>"),
]


@pytest.mark.parametrize(("given_text", "shown"), SHOWN)
def test_what_is_shown(given_text: str, shown: str) -> None:
    assert safe_markdown(given_text) == shown


@pytest.mark.parametrize("text", [text for text, _ in SHOWN])
def test_one_character_at_a_time(text: str) -> None:
    sanitiser = TerminalSanitiser()
    assert "".join(map(sanitiser.feed, text)) + sanitiser.close() == safe_markdown(text)


STRUCTURE = ["[", "]", "(", ")", "![", "](", "]:", "][", "<", ">", "`", "```", "\\", "\n", "\n\n", "!", "> ", "- ", ":"]
CONTROL = [
    "\x1b",
    "\x1b[",
    "\x1b]",
    "\x07",
    "\x9b",
    "31m",
    "\u200d",
    "\u200b",
    "👩",
    "\u202e",
    "\U000e0041",
    "\r",
    "\ufe0f",
]
WORDS = [
    "a",
    "x y",
    "http://e/",
    "[a](http://e/b)",
    "![i](http://e/i.png)",
    "[r]: http://e/",
    "    ",
    "\t",
    '"t"',
    *["&#91;", "&#x202e;", "&#", "&", ";"],
]
FRAGMENTS = st.sampled_from([*STRUCTURE, *CONTROL, *WORDS, "~~~"])
TEXT = st.lists(FRAGMENTS, max_size=14).map("".join) | st.text(max_size=40)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXT, st.data())
def test_how_it_is_cut_does_not_matter(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    sanitiser = TerminalSanitiser()
    assert "".join(map(sanitiser.feed, pieces)) + sanitiser.close() == safe_markdown(text)


def words(markdown: str) -> list[str]:
    """Return the texts that a CommonMark renderer shows."""
    return [token.content for block in MarkdownIt().parse(markdown) for token in block.children or []]


def links(markdown: str) -> list[str]:
    """Return the links and images that a CommonMark renderer makes of a text, without autolinks, which show theirs."""
    found = []
    for block in MarkdownIt().enable("table").parse(markdown):
        for token in block.children or []:
            if token.type == "image" or (token.type == "link_open" and token.info != "auto"):
                found.append(str(token.attrs))
    return found


CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\U000e0000-\U000e0fff]")


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXT)
@example("[a\n](b)")
@example("[a]\n\n[a]:\nhttp://e/")
@example("`[a](`[b](c)")
@example("\\[a](b)")
@example("[a\\](b)](c)")
def test_every_prefix_is_safe(text: str) -> None:
    sanitiser = TerminalSanitiser()
    shown = ""
    for character in text:
        shown += sanitiser.feed(character)
    for prefix in (shown, shown + sanitiser.close()):
        assert not CONTROLS.search("".join(words(prefix)))
        assert not CONTROLS.search(prefix)
        assert links(prefix) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="<[]()!\\\ufffc\ufffd\u3164\uffa0\u2800"))
)
def test_ordinary_text_stays(text: str) -> None:
    invisible = "\u115f\u1160"
    assert safe_markdown(text) == "".join(c for c in text if c not in invisible and unicodedata.category(c) != "Cf")


def test_reusable_after_close() -> None:
    sanitiser = TerminalSanitiser()
    assert sanitiser.feed("a[half\x1b[3") == "a"
    assert sanitiser.close() == "[half"
    assert sanitiser.feed("1m](x)") + sanitiser.close() == "1m](x)".replace("](", "] (")


@pytest.mark.parametrize("text", ["[" * 200_000, "![a](" * 40_000, "[a](b" * 40_000, "\x1b[" * 100_000, "`[" * 100_000])
def test_hostile_text_takes_linear_time(text: str) -> None:
    assert len(safe_markdown(text)) <= 2 * len(text)  # finishes at all: a quadratic one would run into the timeout


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.docx", "report.docx"),
        ("a\nDeleted: b.docx", "a Deleted: b.docx"),
        ("a\x1b[2K\rb.docx", "ab.docx"),
        ("invoice\u202excod.exe", "invoicexcod.exe"),
        ("[x](y).docx", "[x](y).docx"),
        ("bad\udc80name", "bad\ufffdname"),
        ("", ""),
    ],
)
def test_names(name: str, shown: str) -> None:
    assert safe_text(name) == shown


def test_lines_can_be_kept() -> None:
    assert safe_text("a\n\tb\x07", lines=True) == "a\n\tb"
