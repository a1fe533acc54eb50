"""Paragraphs moved, copied, split, joined and made headings, and what they hold on to (17.3.1, 17.13.6)."""

from __future__ import annotations

import pytest
from lxml import etree

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import SECTION, docx, field, lost, p, part, r, table, text_box

MARK = '<w:bookmarkStart w:id="1" w:name="{}"/><w:bookmarkEnd w:id="1"/>'
CONTROL = "<w:sdt><w:sdtPr/><w:sdtContent>" + r("one two") + "</w:sdtContent></w:sdt>"


def at(content: bytes, path: str) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


def texts(content: bytes) -> list[str]:
    document = Document(content)
    return [document.text(b) if b.kind == "paragraph" else b.path for b in document.blocks if b.depth == 0]


CONTENT = docx(
    p("A", style="berschrift1"),
    p("one"),
    p("two"),
    p("B", style="berschrift1"),
    table(["x", "y"]),
    p("three"),
)


@pytest.mark.parametrize(
    ("moved", "place", "position", "expected"),
    [
        (["p2"], "B", "after", ["A", "two", "B", "one", "t1", "three"]),
        (["p3", "p2"], "", "after", ["A", "B", "t1", "three", "one", "two"]),
        (["p5"], "A", "end_of_section", ["A", "one", "two", "three", "B", "t1"]),
        (["t1"], "A", "before", ["t1", "A", "one", "two", "B", "three"]),
        (["p2", "p5"], "p2", "after", ["A", "one", "three", "two", "B", "t1"]),  # the place itself moves
        (["p1", "p2"], "p2", "after", None),
    ],
)
def test_blocks_move(moved: list[str], place: str, position: str, expected: list[str] | None) -> None:
    addresses = [at(CONTENT, path) for path in moved]
    place = at(CONTENT, place) if place.startswith("p") else place
    if expected is None:
        with pytest.raises(ToolInputError, match="already"):
            word.move_blocks(CONTENT, addresses, place, position)  # type: ignore[arg-type]
        return
    edited = word.move_blocks(CONTENT, addresses, place, position)  # type: ignore[arg-type]
    assert [t for t in texts(edited.content) if t] == expected
    assert not lost(CONTENT, edited.content)
    assert part(edited.content).endswith(f"{SECTION}</w:body></w:document>")


def test_tables_never_touch_after_a_move() -> None:
    content = docx(table(["a"]), p("between"), table(["b"]), p("end"))
    edited = word.move_blocks(content, [at(content, "p1")], "")
    assert texts(edited.content) == ["t1", "", "t2", "end", "between"]
    assert texts(word.delete_blocks(content, [at(content, "p1")]).content) == ["t1", "", "t2", "end"]
    moved = word.move_blocks(content, [at(content, "t2")], at(content, "t1"))
    assert texts(moved.content)[:3] == ["t1", "", "t2"]


def test_a_section_break_stays_when_its_paragraph_moves() -> None:
    content = docx(p("one", properties=SECTION), p("two"), p("three"))
    edited = word.move_blocks(content, [at(content, "p1")], "")
    assert texts(edited.content) == ["", "two", "three", "one"]
    assert "<w:sectPr>" in part(edited.content).split("</w:p>")[0]
    assert part(edited.content).count("<w:sectPr>") == 2


def test_ranges_that_reach_beyond_stay_and_whole_ones_move() -> None:
    content = docx(
        p(f'{MARK.format("whole")}<w:commentRangeStart w:id="7"/>', "one"),
        p("two", '<w:commentRangeEnd w:id="7"/>'),
        p("three"),
    )
    xml = part(word.move_blocks(content, [at(content, "p1")], "").content)
    assert xml.index("commentRangeStart") < xml.index("two") < xml.index("three") < xml.index('w:name="whole"')


def test_moves_that_can_not_be() -> None:
    content = docx(p("one"), table(["cell"]), p("two"), header1=p("head"))
    with pytest.raises(ToolInputError, match="inside"):
        word.move_blocks(content, [at(content, "t1")], at(content, "t1.r1.c1"))
    with pytest.raises(ToolInputError, match="another part"):
        word.move_blocks(content, [at(content, "p1")], at(content, "h1.p1"))
    with pytest.raises(ToolInputError, match="row"):
        word.move_blocks(content, [at(content, "t1.r1")], "")


def test_a_copy_has_nothing_that_stands_only_once() -> None:
    note = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    content = docx(
        p('<w:bookmarkStart w:id="1" w:name="b"/>', "one", '<w:bookmarkEnd w:id="1"/>', note),
        p("two"),
        footnotes=f'<w:footnote w:id="2">{p("n")}</w:footnote>',
    )
    edited = word.copy_blocks(content, [at(content, "p1")], "")
    assert texts(edited.content) == ["one", "two", "one", "n"]
    assert part(edited.content).count("bookmarkStart") == 1
    assert part(edited.content).count("footnoteReference") == 1
    assert edited.warnings == ("The copy has no footnotes.",)
    assert not lost(content, edited.content)


@pytest.mark.parametrize(
    ("runs", "before", "expected"),
    [
        (["First. Second."], "Second", ["First. ", "Second."]),
        ([r("Fir", "<w:b/>"), r("st. Sec", "<w:i/>"), "ond."], "Second", ["First. ", "Second."]),
        (["a", "<w:hyperlink w:anchor='x'>" + r("link text") + "</w:hyperlink>", "b"], "text", ["alink ", "textb"]),
        (["a ", "<w:ins w:id='1' w:author='X'>" + r("new words") + "</w:ins>"], "words",
         ["a new ", "words"]),
        (["<w:r><w:t>a</w:t><w:tab/><w:t>b c</w:t></w:r>"], "c", ["a\tb ", "c"]),
    ],
)  # fmt: skip
def test_paragraphs_split(runs: list[str], before: str, expected: list[str]) -> None:
    content = docx(p(*runs, style="Zitat", properties="<w:keepNext/>"), p("next"))
    edited = word.split_paragraph(content, at(content, "p1"), before)
    assert texts(edited.content) == [*expected, "next"]
    assert part(edited.content).count('<w:pStyle w:val="Zitat"/><w:keepNext/>') == 2


def test_runs_that_are_cut_keep_their_formatting_on_both_sides() -> None:
    content = docx(p(r("one two", "<w:b/><w:i/>")))
    xml = part(word.split_paragraph(content, at(content, "p1"), "two").content)
    assert xml.count("<w:rPr><w:b/><w:i/></w:rPr>") == 2


def test_a_section_break_goes_with_the_second_half() -> None:
    content = docx(p("one two", properties=SECTION), p("x"))
    first, second = part(word.split_paragraph(content, at(content, "p1"), "two").content).split("</w:p>")[:2]
    assert "sectPr" not in first
    assert "sectPr" in second


@pytest.mark.parametrize(
    ("paragraph", "before", "code"),
    [
        (p("a ", field("TITLE", "one two")), "two", "field"),
        (p("a ", CONTROL), "two", "control"),
        (p("one"), "three", "not_found"),
        (p("one"), "one", "unchanged"),
    ],
)  # fmt: skip
def test_splits_that_can_not_be(paragraph: str, before: str, code: str) -> None:
    content = docx(paragraph)
    with pytest.raises(ToolInputError) as caught:
        word.split_paragraph(content, at(content, "p1"), before)
    assert caught.value.code == code


def test_paragraphs_join() -> None:
    content = docx(
        p("one", style="Zitat"), '<w:bookmarkEnd w:id="4"/>', p(r("two", "<w:b/>")), p("", properties=SECTION), p("x")
    )
    edited = word.join_paragraphs(content, [at(content, "p2"), at(content, "p1"), at(content, "p3")])
    assert texts(edited.content) == ["one two", "x"]
    assert part(edited.content).count("<w:sectPr>") == 2
    assert "bookmarkEnd" in part(edited.content)
    again = word.split_paragraph(edited.content, at(edited.content, "p1"), "two")
    assert texts(again.content) == ["one ", "two", "x"]


@pytest.mark.parametrize(
    "blocks",
    [(p("a"), table(["x"]), p("b")), (p("a"), p("-"), p("b")), (p("a", properties=SECTION), p("b"))],
)
def test_joins_that_can_not_be(blocks: tuple[str, ...]) -> None:
    content = docx(*blocks)
    last = "p3" if len(blocks) == 3 and "w:tbl" not in blocks[1] else "p2"
    with pytest.raises(ToolInputError):
        word.join_paragraphs(content, [at(content, "p1"), at(content, last)])


@pytest.mark.parametrize(
    ("path", "level", "style"), [("p2", 2, "berschrift2"), ("p1", 0, "Standard"), ("p1", 2, "berschrift2")]
)
def test_levels(path: str, level: int, style: str) -> None:
    edited = word.set_level(CONTENT, [at(CONTENT, path)], level)
    block = next(b for b in Document(edited.content).blocks if b.path == path)
    assert Document(edited.content).styles.level(block.element) == level
    assert style in etree.tostring(block.element).decode()
    with pytest.raises(ToolInputError, match="already"):
        word.set_level(edited.content, [at(edited.content, path)], level)


def test_both_copies_of_a_text_box_are_split() -> None:
    content = docx(p(text_box(p("one two"))))
    edited = word.split_paragraph(content, at(content, "p1.x1.p1"), "two")
    assert part(edited.content).count(">two</w:t>") == 2
    assert "one two" not in part(edited.content)


# What others hold on to


def test_the_content_of_a_note_goes_with_its_last_reference() -> None:
    note = '<w:r><w:footnoteReference w:id="{}"/></w:r>'
    notes = "".join(f'<w:footnote w:id="{n}">{p(f"note {n}")}</w:footnote>' for n in (2, 3))
    content = docx(p("gone", note.format(2), note.format(3)), p("kept", note.format(3)), footnotes=notes)
    edited = word.delete_blocks(content, [at(content, "p1")])
    assert "note 2" not in part(edited.content, "word/footnotes.xml")
    assert "note 3" in part(edited.content, "word/footnotes.xml")
    batch = word.edit(content, [{"op": "delete_blocks", "addresses": [at(content, "p1")]}])
    assert batch.content == edited.content


def test_a_comment_that_begins_before_ends_with_what_is_left() -> None:
    end = '<w:commentRangeEnd w:id="1"/><w:r><w:commentReference w:id="1"/></w:r>'
    content = docx(
        p('<w:commentRangeStart w:id="1"/>', "stays"),
        p("goes", end),
        p("x"),
        comments=f'<w:comment w:id="1">{p("said")}</w:comment>',
    )
    edited = word.delete_blocks(content, [at(content, "p2")])
    assert f"stays</w:t></w:r>{end}</w:p>" in part(edited.content)
    assert "said" in part(edited.content, "word/comments.xml")
    whole = word.delete_blocks(content, [at(content, "p1"), at(content, "p2")])
    assert "said" not in part(whole.content, "word/comments.xml")
