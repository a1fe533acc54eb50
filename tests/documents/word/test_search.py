"""Finding and replacing: regular expressions, parts of a document, one of several places, capital letters."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.documents import word
from copilot.documents.word import search
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import docx, field, p, part, r, table, text_box

CONTENT = docx(
    p("Acme terms", style="berschrift1"),
    p("The Acme team and ACME and acme."),
    p("Pay Acme 10 EUR or 20 EUR.", text_box(p("boxed Acme"))),
    p("Scope", style="berschrift1"),
    table(["Acme", p("inner") + table(["deep Acme"])]),
    p("Last Acme."),
    header1=p("head Acme"),
    footnotes=f'<w:footnote w:id="2">{p("note Acme")}</w:footnote>',
    comments=f'<w:comment w:id="1">{p("said Acme")}</w:comment>',
)


def at(path: str, content: bytes = CONTENT) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


@pytest.mark.parametrize(
    ("within", "places"),
    [
        (["body"], 7),
        (["headers"], 1),
        (["footnotes", "comments"], 2),
        (["header 1"], 1),
        (["Acme terms"], 4),
        (["Scope"], 3),
        ([at("p2")], 1),
        ([at("p3")], 2),
        ([at("t1.r1.c2")], 1),
        ([f"{at('p2')}..{at('p4')}"], 3),
        ([at("p2"), "Scope", at("t1")], 4),
    ],
)
def test_a_part_is_searched(within: list[str], places: int) -> None:
    assert len(word.find(CONTENT, "Acme", match_case=True, within=within)) == places
    edited = word.replace_text(CONTENT, "Acme", "Contoso", within=within)
    assert len(word.find(edited.content, "Contoso")) == places


def test_both_copies_of_a_text_box_in_a_part() -> None:
    edited = word.replace_text(CONTENT, "Acme", "Contoso", within=[at("p3.x1.p1")])
    assert part(edited.content).count("boxed Contoso") == 2


@pytest.mark.parametrize(
    ("within", "reason"),
    [
        (["Scoope"], "Scope"),
        ([at("p2").replace(":", ":0")[:7]], "p2"),
        ([f"{at('p4')}..{at('p2')}"], "does not follow"),
    ],
)
def test_parts_that_are_not_there(within: list[str], reason: str) -> None:
    with pytest.raises(ToolInputError, match=reason):
        word.find(CONTENT, "Acme", within=within)


def test_offsets_are_those_of_the_paragraph() -> None:
    found = word.find(CONTENT, "Acme", within=[at("p2")])
    assert [(f.start, f.end) for f in found] == [(4, 8), (18, 22), (27, 31)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"nth": 2, "match_case": False}, "a Acme b X c acme"),
        ({"all": False, "match_case": False}, "a X b ACME c acme"),
        ({"match_case": False, "smart_case": True}, "a X b X c x"),
    ],
)
def test_one_of_several(options: dict[str, Any], expected: str) -> None:
    assert word.replace_text(docx(p("a Acme b ACME c acme")), "acme", "X", **options).hunks[0].after == expected


def test_smart_case() -> None:
    content = docx(p("Supplier, SUPPLIER, supplier"))
    edited = word.replace_text(content, "supplier", "vendor", match_case=False, smart_case=True)
    assert edited.hunks[0].after == "Vendor, VENDOR, vendor"


def test_a_place_that_is_not_there() -> None:
    with pytest.raises(ToolInputError, match="1 times, not 3") as caught:
        word.replace_text(docx(p("Acme")), "Acme", "X", nth=3)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("text", "pattern", "new", "expected"),
    [
        (["Pay ", r("10", "<w:b/>"), " EUR, 20 EUR"], r"(\d+) EUR", r"EUR \1", "Pay EUR 10, EUR 20"),
        (["2024-05-31"], r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", "31.05.2024"),
        (["Mr Smith"], r"(?P<title>Mrs?) (?P<name>\w+)", r"\g<name>, \g<title>", "Smith, Mr"),
        (["a  b   c"], r" {2,}", " ", "a b c"),
        (["end. "], r"\s+$", "", "end."),
        (["ÄÖ xy"], r"\p{Lu}+", "U", "U xy"),
    ],
)
def test_regular_expressions(text: list[str], pattern: str, new: str, expected: str) -> None:
    assert word.replace_text(docx(p(*text)), pattern, new, regex=True).hunks[0].after == expected


def test_the_formatting_of_what_is_replaced_stays() -> None:
    edited = word.replace_text(docx(p("Pay ", r("10 EUR", "<w:b/>"), " now")), r"(\d+) EUR", r"€\1", regex=True)
    assert '<w:b/></w:rPr><w:t xml:space="preserve">€10</w:t>' in part(edited.content)


@pytest.mark.parametrize(
    ("pattern", "new", "code"),
    [
        ("(", "x", "regex"),
        ("(A)", r"\2", "regex"),
        ("z+", "x", "not_found"),
        ("q*", "x", "not_found"),
        ("A", "A", "unchanged"),
    ],
)
def test_expressions_that_are_wrong(pattern: str, new: str, code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.replace_text(docx(p("A text")), pattern, new, regex=True)
    assert caught.value.code == code


def test_an_expression_that_explodes_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TIME_LIMIT", 0.05)
    with pytest.raises(ToolInputError, match="more than") as caught:
        word.find(docx(p("a" * 60 + "b")), r"(a|aa|a?a)+$", regex=True)
    assert caught.value.code == "regex_time"


def test_text_is_found_wherever_it_stands() -> None:
    deleted = "<w:del w:id='2'><w:r><w:delText>gone</w:delText></w:r></w:del>"
    content = docx(
        p("<w:ins w:id='1' w:author='A'>" + r("in") + "</w:ins>", "side", deleted, "r"),
        p(field("TITLE", "field result")),
        p("<w:sdt><w:sdtPr/><w:sdtContent>" + r("control") + "</w:sdtContent></w:sdt>"),
        p("<w:hyperlink w:anchor='x'>" + r("lin") + "</w:hyperlink>", "ked"),
    )
    for words in ("insider", "field result", "control", "linked"):
        assert len(word.find(content, words)) == 1
        assert word.replace_text(content, words, "new").hunks[0].after == "new"
    assert word.find(content, "gone") == []
