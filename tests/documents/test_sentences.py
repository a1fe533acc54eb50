"""Where sentences end, and what cuts a long one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.documents.sentences import MAX_SENTENCE, sentences


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith met J. F. Kennedy at 3.5 p.m. on Jan. 5, 2024.", "The fee is $1.5 million."],
        ["See Sec. 4.2 and Fig. 3 for details.", "It applies to all."],
        ["Acme Inc. shall pay within 30 days.", "Later payments bear interest of 4.5 %."],
        ["We use tools, e.g. Excel, i.e. spreadsheets.", "Nothing else."],
        ["Really?!", "Yes.", '"It is done."', "He left."],
        ["No. 5 is alive.", "No.", "That is wrong."],
        ["Yahoo! is a company.", "So is Acme Ltd. and its sister."],
        ["1. The Supplier delivers.", "2. The Customer pays."],
        ["We choose plan B.", "Then we go."],
        ["The U.S. market grew.", "The U.K. market fell."],
        ["Das gilt z.B. für Nr. 5 bzw. Art. 3 der Satzung.", "Mehr nicht."],
        ["Write to ann@acme.example or see www.acme.example today.", "Thanks."],
        ["Version 4.2.1 is out.", "It costs 1.200,50 EUR."],
        ["这是第一句。", "这是第二句。"],
        ["no end mark"],
        [],
    ],
)
def test_ends(expected: list[str]) -> None:
    joined = ("" if any("。" in s for s in expected) else " ").join(expected)
    assert sentences(joined) == expected


def test_items_on_lines_are_apart() -> None:
    assert sentences("Needed:\n- paper\n- ink") == ["Needed:", "- paper", "- ink"]


def test_a_wrapped_line_is_one_sentence() -> None:
    assert sentences("This goes\non here.") == ["This goes on here."]


@given(st.text(alphabet="ab .!?,;:\n\"'()0", max_size=300))
def test_no_word_is_lost(text: str) -> None:
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(len(s) <= MAX_SENTENCE for s in found)


def test_endless_sentences_are_cut_at_commas() -> None:
    found = sentences(", ".join(["some words"] * 200) + ".")
    assert len(found) > 1
    assert all(len(s) <= MAX_SENTENCE for s in found)
    assert found[0].endswith(",")
