"""Fields (17.16), captions, cross-references, tables of contents: what they show, and that it is the right thing."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.documents.word.fieldcodes import fields
from copilot.errors import ToolInputError

from .make import NUMBERING, docx, field, item, p, part, table
from .whole import added_only, at, sound, texts

HEADED = (
    p("Scope", style="berschrift1"),
    p("Some text here."),
    p("Goods", style="berschrift2"),
    p("A picture."),
    table(["a", "b"]),
    item("first item"),
    item("inner item", level=1),
    p("Payment", style="berschrift1"),
)


def document(*blocks: str, strict: bool = False, **parts: str) -> bytes:
    return docx(*(blocks or HEADED), numbering=NUMBERING, strict=strict, **parts)


def shown(content: bytes) -> list[tuple[str, str]]:
    """Kind and result of every field of the body."""
    return [(each.kind, each.shown) for each in fields(Document(content).body)]


@pytest.mark.parametrize(
    ("code", "options", "expected"),
    [
        ("PAGE", {}, ""),
        ("NUMPAGES", {"result": "7"}, "7"),
        ("TITLE \\* Upper", {}, "MY CONTRACT"),
        ('DOCPROPERTY "Client"', {}, "ACME"),
        ("SEQ Note \\* ROMAN", {}, "I"),
        ("REF Mark \\h", {}, "Scope"),
    ],
)
def test_fields_show_what_can_be_computed(code: str, options: dict[str, Any], expected: str) -> None:
    content = word.set_properties(document(), title="My contract", custom={"Client": "ACME"}).content
    content = word.add_bookmark(content, "Mark", at(content, "p1")).content
    edited = word.insert_field(content, at(content, "p2"), code, "text", **options)
    assert shown(edited.content) == [(code.split()[0], expected)]
    assert texts(edited.content)[1] == f"Some text {expected} here."
    assert ('w:dirty="true"' in part(edited.content)) is (expected == "")
    assert sound(content, edited.content) == {"word/document.xml"}
    added_only(content, edited.content)


@pytest.mark.parametrize(
    "code",
    ["INCLUDETEXT c:\\\\a.docx", "DDEAUTO excel x", "MACROBUTTON go x", "includepicture http://x", "ASK a b",
     "IF 1 { x }", "QUOTE { DDE x }", "HYPERLINK https://x", "", "REF Nowhere"],
)  # fmt: skip
def test_fields_that_load_or_run_something_are_refused(code: str) -> None:
    content = document()
    with pytest.raises(ToolInputError):
        word.insert_field(content, at(content, "p2"), code)


@pytest.mark.parametrize("strict", [False, True])
def test_captions_are_numbered_and_references_follow(strict: bool) -> None:
    content = document(strict=strict)
    one = word.add_caption(content, at(content, "p4"), "The goods")
    assert one.hunks[0].after == "Figure 1: The goods"
    two = word.add_caption(one.content, at(one.content, "t1"), "Prices")
    body = texts(two.content)
    assert body.index("Figure 1: The goods") == body.index("A picture.") + 1
    assert body.index("Table 1: Prices") == body.index("a") - 1
    referred = word.cross_reference(two.content, at(two.content, "p2"), "Figure 1", "number", "text")
    assert texts(referred.content)[1] == "Some text Figure 1 here."
    before = word.add_caption(referred.content, at(referred.content, "p1"), "Earlier", "Figure")
    assert texts(before.content)[1:3] == ["Figure 1: Earlier", "Some text Figure 2 here."]
    assert [h.kind for h in before.hunks] == ["structure", "text", "text"]
    sound(content, before.content, strict=strict)


@pytest.mark.parametrize(
    ("to", "show", "kind", "expected"),
    [
        ("Goods", "text", "REF", "Goods"),
        ("first item", "number", "REF", "1"),
        ("inner item", "number", "REF", "1.a)"),
        ("Payment", "page", "PAGEREF", ""),
        ("fn1", "number", "NOTEREF", "1"),
        ("Mark", "text", "REF", "picture"),
    ],
)
def test_cross_references(to: str, show: Any, kind: str, expected: str) -> None:
    content = document()
    content = word.add_footnote(content, at(content, "p4"), "A note.", "picture").content
    content = word.add_bookmark(content, "Mark", at(content, "p4"), "picture").content
    edited = word.cross_reference(content, at(content, "p2"), to, show)
    assert shown(edited.content) == [(kind, expected)]
    assert sound(content, edited.content) == {"word/document.xml"}
    added_only(content, edited.content)
    again = word.cross_reference(edited.content, at(edited.content, "p2"), to, show)
    assert part(again.content).count("bookmarkStart ") == part(edited.content).count("bookmarkStart "), (
        "one mark for both"
    )


def test_what_has_no_number_is_said() -> None:
    content = document()
    with pytest.raises(ToolInputError, match="no number"):
        word.cross_reference(content, at(content, "p2"), "Goods", "number")
    with pytest.raises(ToolInputError, match="No heading"):
        word.cross_reference(content, at(content, "p2"), "Nothing such")


def test_stale_fields_are_brought_up_to_date_and_others_left() -> None:
    content = docx(
        p("See ", field("REF Mark \\h", "old words"), ", ", field("PAGEREF Mark", "3"), field("DATE", "1.1.2020")),
        p('<w:bookmarkStart w:id="0" w:name="Mark"/>', "new words", '<w:bookmarkEnd w:id="0"/>'),
        p(
            "N ",
            field("SEQ N", "4"),
            " ",
            field("SEQ N \\r 7", "1"),
            " ",
            field("SEQ N \\c", "1"),
            " ",
            field("SEQ N", ""),
        ),
        p('<w:fldSimple w:instr=" REF Gone "><w:r><w:t>x</w:t></w:r></w:fldSimple>'),
    )
    edited = word.update_fields(content)
    assert texts(edited.content)[0] == "See new words, 31.1.2020"
    assert texts(edited.content)[2] == "N 1 7 7 8"
    assert edited.warnings == ("1 references lead to a bookmark that is not there: Gone.",)
    assert sound(content, edited.content) == {"word/document.xml"}
    with pytest.raises(ToolInputError) as caught:
        word.update_fields(edited.content)
    assert caught.value.code == "unchanged"
    on_open = word.update_fields(edited.content, on_open=True)
    assert '<w:updateFields w:val="true"/>' in part(on_open.content, "word/settings.xml")


@pytest.mark.parametrize("strict", [False, True])
def test_a_table_of_contents_lists_the_headings(strict: bool) -> None:
    content = document(strict=strict)
    edited = word.insert_toc(content, "Scope", position="before", levels=2)
    assert texts(edited.content)[:5] == ["Contents", "Scope\t", "Goods\t", "Payment\t", ""]
    body = part(edited.content)
    assert '<w:docPartGallery w:val="Table of Contents"/>' in body
    assert 'TOC \\o "1-2" \\h \\z \\u' in body
    codes = [each for each in fields(Document(edited.content).body) if each.kind == "PAGEREF"]
    assert [b.name for b in word.list_bookmarks(edited.content)] == [each.argument for each in codes]
    sound(content, edited.content, strict=strict)
    added_only(content, edited.content)
    with pytest.raises(ToolInputError, match="up to date"):
        word.update_toc(edited.content)


def test_a_table_of_contents_is_updated_where_it_must_be() -> None:
    content = word.insert_toc(document(), "Scope", position="before").content
    old = part(content)
    line = old[old.index('<w:p><w:pPr><w:pStyle w:val="TOC2"') :]
    line = line[: line.index("</w:p>") + 6]
    changed = word.insert_heading(content, "Delivery", 2, at="Scope").content
    changed = word.set_level(changed, [at(changed, "p13")], 2).content
    edited = word.update_toc(changed)
    assert texts(edited.content)[:6] == ["Contents", "Scope\t", "Delivery\t", "Goods\t", "Payment\t", ""]
    assert line in part(edited.content), "a line that is right stays as it was"
    assert part(edited.content).count('w:val="TOC2"') == 3
    assert edited.hunks[0].before == "Scope\nGoods\nPayment"
    assert edited.hunks[0].after == "Scope\nDelivery\nGoods\nPayment"
    assert sound(changed, edited.content) == {"word/document.xml"}


def test_pages_are_those_of_the_last_layout() -> None:
    broken = p("<w:r><w:lastRenderedPageBreak/><w:t>Second</w:t></w:r>", style="berschrift1")
    content = docx(p("First", style="berschrift1"), p("x"), broken, p("Third", style="berschrift1"))
    assert texts(word.insert_toc(content, "First", position="before").content)[1:4] == [
        "First\t1", "Second\t2", "Third\t2",
    ]  # fmt: skip


def test_a_table_of_figures_lists_the_captions() -> None:
    content = document()
    content = word.add_caption(content, at(content, "p4"), "The goods").content
    edited = word.insert_table_of_figures(content, "", title="Figures")
    assert texts(edited.content)[-3:] == ["Figures", "Figure 1: The goods\t", ""]
    sound(content, edited.content)
    more = word.add_caption(edited.content, at(edited.content, "p1"), "Earlier", "Figure").content
    updated = word.update_toc(more)
    assert texts(updated.content)[-4:] == ["Figures", "Figure 1: Earlier\t", "Figure 2: The goods\t", ""]


def test_numbered_headings_come_with_their_numbers() -> None:
    numbered = p("Scope", style="berschrift1", properties='<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>')
    content = document(numbered, p("x"))
    edited = word.insert_toc(content, "")
    assert texts(edited.content)[-2] == "1.\tScope\t"
    reference = word.cross_reference(content, at(content, "p2"), "Scope", "number")
    assert texts(reference.content)[1] == "x 1"
