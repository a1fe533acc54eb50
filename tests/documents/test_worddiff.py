from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.documents import worddiff
from copilot.documents.worddiff import Span


def hunk(where: str, before: str, after: str, kind: str = "text") -> dict[str, Any]:
    return {"where": where, "before": before, "after": after, "kind": kind}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("30 days", "60 days", "[-30-]{+60+} days"),
        ("30 days net", "60 weeks net", "[-30 days-]{+60 weeks+} net"),
        ("a b", "a c b", "a {+c +}b"),
        ("", "new", "{+new+}"),
        ("old", "", "[-old-]"),
        ("same", "same", "same"),
    ],
)
def test_one_line(before: str, after: str, expected: str) -> None:
    forms = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    assert "".join(forms[s.kind].format(s.text) for s in worddiff.inline(before, after)) == expected


WORDS = st.lists(st.sampled_from(["one", "two", " ", ".", "\n", "x"]), max_size=12).map("".join)


@given(WORDS, WORDS)
def test_both_sides_hold_their_whole_text(before: str, after: str) -> None:
    old, new = worddiff.sides(before, after, context=None)
    assert "".join(s.text for s in old) == before
    assert "".join(s.text for s in new) == after
    line = worddiff.inline(before, after, context=None)
    assert "".join(s.text for s in line if s.kind != "added") == before
    assert "".join(s.text for s in line if s.kind != "removed") == after


def test_what_stays_is_cut_to_its_context_and_words_are_not() -> None:
    same = "word " * 100
    line = worddiff.inline(f"A {same}B", f"C {same}D")
    middle = next(s.text for s in line if "…" in s.text)
    assert len(middle) < 3 * worddiff.CONTEXT
    assert set(middle.replace("…", " ").split()) == {"word"}


def test_texts_too_long_to_compare_are_shown_whole() -> None:
    before, after = "a " * 3000, "b " * 3000
    assert worddiff.sides(before, after) == ([Span(before, "removed")], [Span(after, "added")])


HUNKS = [
    hunk("paragraph 3", "The *fee* is 30 days.", "The *fee* is 60 days."),
    hunk("paragraph 1", "Scope [Heading 2]", "Scope [Heading 3]", "format"),
    hunk("paragraph 4", "Moved", "", "structure"),
    hunk("paragraph 9", "", "Moved", "structure"),
    hunk("table 1, row 2", "", "a\n<b>", "structure"),
]


def test_moves_are_one_entry_with_both_places() -> None:
    entries = worddiff.told(HUNKS)
    assert [(e.kind, e.where, e.there) for e in entries] == [
        ("text", "paragraph 3", ""),
        ("format", "paragraph 1", ""),
        ("moved", "paragraph 4", "paragraph 9"),
        ("structure", "table 1, row 2", ""),
    ]
    assert entries[0].to_dict()["before"][1] == {"text": "30", "kind": "removed"}


def test_words_that_come_again_and_again_cost_a_bounded_search(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = "The end. " + "a b c " * 20, "The end. " + "c b a " * 20
    thorough = worddiff.sides(before, after, context=None)
    monkeypatch.setattr(worddiff, "_MOST_STEPS", 8_000)
    bounded = worddiff.sides(before, after, context=None)
    assert len(bounded[0]) < len(thorough[0])
    for spans, text in zip(bounded, (before, after), strict=True):
        assert "".join(span.text for span in spans) == text
        assert all(span.kind != "same" or span.text in before for span in spans)


def test_the_same_text_twice_moves_once() -> None:
    gone = [hunk(f"p{n}", "x", "", "structure") for n in (1, 2)]
    kinds = [e.kind for e in worddiff.told([*gone, hunk("p9", "", "x", "structure")])]
    assert kinds == ["moved", "structure"]


def test_markdown_escapes_the_texts() -> None:
    assert worddiff.markdown(HUNKS).split("\n") == [
        r"- paragraph 3: The \*fee\* is ~~30~~**60** days.",
        r"- paragraph 1: Scope \[Heading ~~2~~\] → Scope \[Heading **3**\]",
        "- paragraph 4 → paragraph 9: Moved",
        r"- table 1, row 2: **a \<b\>**",
    ]


def test_html_holds_nothing_but_its_own_tags() -> None:
    seen: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            seen.add(tag)

    evil = hunk("<script>", "<img src=x onerror=y>", '<a href="javascript:1">')
    page = worddiff.as_html([*HUNKS, evil])
    Tags().feed(page)
    assert seen == {"ul", "li", "del", "ins", "br"}
    assert "is <del>30</del><ins>60</ins> days" in page
