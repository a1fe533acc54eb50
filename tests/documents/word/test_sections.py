"""Breaks, sections, headers, footers and page numbers (ECMA-376 part 1, 17.6 and 17.10)."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from docx import Document as open_docx
from docx.enum.section import WD_ORIENT, WD_SECTION

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.documents.word.sections import Margins
from copilot.errors import ToolInputError

from .make import changed_parts, docx, names, p, part, r, table
from .test_pictures import png
from .validity import problems

PAGE = '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1440" w:right="1440" w:bottom="1440" w:left="1440"/>'


def ends(inner: str = "", text: str = "") -> str:
    """A paragraph that ends a section."""
    return p(*([text] if text else []), properties=f"<w:sectPr>{inner}{PAGE}</w:sectPr>")


def heads(*kinds: str) -> str:
    """References to header1 (rId1, as the first part given) and so on."""
    return "".join(f'<w:headerReference w:type="{kind}" r:id="rId{n}"/>' for n, kind in enumerate(kinds, 2))


#: Three sections; the second and third take over the header of the first.
THREE = docx(
    p("One"), ends(heads("default"), "End of one"), p("Two"), ends("", "End of two"), p("Three"),
    section=f"<w:sectPr>{PAGE}</w:sectPr>", header1=p("Old header"),
)  # fmt: skip


def opened(content: bytes) -> Any:
    """The document as python-docx reads it, found valid before."""
    assert not problems(content)
    return open_docx(io.BytesIO(content))


def headers(content: bytes, kind: str = "header") -> list[str]:
    """What each section shows, inherited ones included, as python-docx reads it."""
    return ["\n".join(x.text for x in getattr(s, kind).paragraphs) for s in opened(content).sections]


def at(content: bytes, path: str) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


# Breaks


def test_page_and_column_breaks() -> None:
    content = docx(p("One"), p("Two"))
    xml = part(word.page_break(content, at(content, "p1")).content)
    assert xml.index("One") < xml.index('<w:br w:type="page"/>') < xml.index("Two")
    done = word.column_break(content, at(content, "p2"), "before")
    assert '<w:br w:type="column"/>' in part(done.content)
    assert "one column" in done.warnings[0]
    inside = docx(table(["a"]), p("x"), header1=p("h"))
    for place in ("t1.r1.c1", "h1.p1"):
        with pytest.raises(ToolInputError) as caught:
            word.page_break(inside, at(inside, place))
        assert caught.value.code == "place"


@pytest.mark.parametrize("position", ["after", "before"])
def test_a_section_break_keeps_pages_and_headers(position: str) -> None:
    opening = '<w:type w:val="oddPage"/>' + PAGE + '<w:pgNumType w:fmt="lowerRoman" w:start="3"/><w:titlePg/>'
    content = docx(
        p("One"), p("Two"), p("Three"), section=f"<w:sectPr>{heads('default')}{opening}</w:sectPr>", header1=p("Head")
    )
    place = at(content, "p1" if position == "after" else "p2")
    done = word.section_break(content, place, "continuous", position)  # type: ignore[arg-type]
    assert changed_parts(content, done.content) == {"word/document.xml"}
    first, second = opened(done.content).sections
    assert (first.start_type, second.start_type) == (WD_SECTION.ODD_PAGE, WD_SECTION.CONTINUOUS)
    assert first.page_width == second.page_width
    assert [s.different_first_page_header_footer for s in (first, second)] == [True, False]
    assert [s.header.is_linked_to_previous for s in (first, second)] == [False, True]
    xml = part(done.content)
    assert xml.count('w:start="3"') == 1
    assert xml.count("lowerRoman") == 2
    assert xml.index("One") < xml.index("<w:sectPr>") < xml.index("Two") or "<w:sectPr>" in xml.partition("One")[0]


def test_a_section_break_behind_a_table_gets_a_paragraph_of_its_own() -> None:
    content = docx(p("x"), table(["a"]), p("y"))
    done = word.section_break(content, at(content, "t1")).content
    assert len(opened(done).sections) == 2
    assert re.search(r"</w:tbl><w:p><w:pPr><w:sectPr>", part(done))
    with pytest.raises(ToolInputError, match="ends there already"):
        word.section_break(THREE, at(THREE, "p2"))
    with pytest.raises(ToolInputError) as caught:
        word.section_break(content, at(content, "t1.r1.c1.p1"))
    assert caught.value.code == "place"


LAST = docx(
    p("One"), ends(heads("default"), "Ends."), p("Last."), section=f"<w:sectPr>{PAGE}</w:sectPr>", header1=p("H")
)
_TABLE_LAST = docx(p("One"), ends("", "Ends."), table(["Last."]), section=f"<w:sectPr>{PAGE}</w:sectPr>")


@pytest.mark.parametrize(
    ("content", "operation"),
    [
        (LAST, {"op": "delete_blocks", "addresses": [at(LAST, "p3")]}),
        (LAST, {"op": "move_blocks", "addresses": [at(LAST, "p3")], "at": at(LAST, "p1")}),
        (LAST, {"op": "section_break", "at": at(LAST, "p3")}),
        (_TABLE_LAST, {"op": "delete_blocks", "addresses": [at(_TABLE_LAST, "t1")]}),
        (_TABLE_LAST, {"op": "move_blocks", "addresses": [at(_TABLE_LAST, "t1")], "at": at(_TABLE_LAST, "p1")}),
    ],
)
def test_the_last_section_keeps_a_paragraph(content: bytes, operation: dict[str, Any]) -> None:
    """17.6.17: the properties behind the last block are those of what stands before them since the last break."""
    done = word.edit(content, [operation], track="off").content
    assert re.search(r"</w:sectPr></w:pPr>(<w:r>.*?</w:r>)?</w:p><w:p(/>|>(?!<w:pPr><w:sectPr))", part(done))
    tracked = word.edit(content, [operation], track="on").content
    back = word.reject(tracked, everything=True).content
    assert word.read(back).markdown == word.read(content).markdown
    assert headers(back) == headers(content)
    assert word.read(word.accept(tracked, everything=True).content).markdown == word.read(done).markdown


def test_a_tracked_section_break_that_is_rejected_leaves_the_headers() -> None:
    content = docx(p("One"), p("Two"), section=f"<w:sectPr>{heads('default')}{PAGE}</w:sectPr>", header1=p("H"))
    tracked = word.edit(content, [{"op": "section_break", "at": at(content, "p1")}], track="on").content
    assert headers(tracked) == ["H", "H"]
    assert headers(word.accept(tracked, everything=True).content) == ["H", "H"]
    assert headers(word.reject(tracked, everything=True).content) == ["H"]


@pytest.mark.parametrize(("keep", "width"), [("after", 16838), ("before", 11906)])
def test_removing_a_break_keeps_the_right_pages_and_the_header(keep: str, width: int) -> None:
    wide = '<w:type w:val="continuous"/><w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>'
    content = docx(
        p("One"), ends(heads("default") + '<w:type w:val="evenPage"/>', "End"), p("Two"),
        section=f"<w:sectPr>{wide}</w:sectPr>", header1=p("Head"),
    )  # fmt: skip
    done = word.remove_section_break(content, 1, keep).content  # type: ignore[arg-type]
    (only,) = opened(done).sections
    assert only.page_width.twips == width
    assert only.start_type == WD_SECTION.EVEN_PAGE
    assert headers(done) == ["Head"]
    assert "End" in part(done)
    with pytest.raises(ToolInputError, match="No break follows"):
        word.remove_section_break(done, 1)


# Pages


def test_one_section_becomes_landscape() -> None:
    done = word.page_setup(THREE, 2, orientation="landscape", margins=Margins(left=1, top="0.5in"))
    one, two, three = opened(done.content).sections
    assert (one.orientation, two.orientation, three.orientation) == (
        WD_ORIENT.PORTRAIT, WD_ORIENT.LANDSCAPE, WD_ORIENT.PORTRAIT,
    )  # fmt: skip
    assert (two.page_width.twips, two.page_height.twips) == (16838, 11906)
    assert (two.left_margin.twips, two.top_margin.twips, two.right_margin.twips) == (567, 720, 1440)
    assert [h.where for h in done.hunks] == ["section 2"]
    assert changed_parts(THREE, done.content) == {"word/document.xml"}
    named = word.page_setup(THREE, at(THREE, "p3"), orientation="landscape").content
    assert [s.orientation for s in opened(named).sections][1] == WD_ORIENT.LANDSCAPE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"paper": "letter"}, 'w:w="12240" w:h="15840"'),
        ({"paper": "A5", "orientation": "landscape"}, 'w:w="11906" w:h="8391" w:orient="landscape"'),
        ({"width": "8in", "height": "6in"}, 'w:w="11520" w:h="8640" w:orient="landscape"'),
        ({"columns": 2, "column_space": 1, "column_line": True}, 'w:num="2" w:equalWidth="1" w:space="567" w:sep="1"'),
    ],
)
def test_paper_and_columns(fields: dict[str, Any], expected: str) -> None:
    done = word.page_setup(THREE, **fields)
    assert part(done.content).count(expected) == 3
    assert len(done.hunks) == 3
    assert not problems(done.content)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "page_setup", "section": 4, "paper": "A4"}, "section"),
        ({"op": "page_setup", "paper": "A4"}, "unchanged"),
        ({"op": "page_setup"}, "arguments"),
        ({"op": "page_setup", "paper": "A9"}, "arguments"),
        ({"op": "page_setup", "margins": {"left": 12, "right": 12}}, "margins"),
        ({"op": "page_setup", "margins": {"lefty": 1}}, "arguments"),
        ({"op": "page_setup", "width": "9 miles"}, "length"),
        ({"op": "set_header", "text": "{PAGES}"}, "unknown_field"),
        ({"op": "set_header", "text": "Old header"}, "unchanged"),
        ({"op": "set_header", "text": "x", "section": "Nothing"}, "unknown_heading"),
        ({"op": "page_numbers", "text": "Page"}, "text"),
    ],
)
def test_what_is_refused(operation: dict[str, Any], code: str) -> None:
    content = THREE
    if operation.get("text") == "Old header":
        content = word.set_header(content, "Old header", append=False, align="left").content
        operation = {**operation, "align": "left"}
    with pytest.raises(ToolInputError) as caught:
        word.edit(content, [operation])
    assert caught.value.code == code


# Headers and footers


def test_a_header_for_all_sections_is_written_where_they_take_it_from() -> None:
    done = word.set_header(THREE, "New\nSecond line")
    assert headers(done.content) == ["New\nSecond line"] * 3
    assert changed_parts(THREE, done.content) <= {"word/header1.xml", "word/document.xml", "word/styles.xml"}
    assert [(h.where, h.before, h.after) for h in done.hunks] == [
        ("header of section 1", "Old header", "New\nSecond line")
    ]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (1, ["New", "Old header", "Old header"]),
        (2, ["Old header", "New", "Old header"]),
        (3, ["Old header", "Old header", "New"]),
    ],
)
def test_a_header_for_one_section_leaves_the_others(section: int, expected: list[str]) -> None:
    assert headers(word.set_header(THREE, "New", section=section).content) == expected
    added = headers(word.set_header(THREE, "New", section=section, append=True).content)
    assert added == ["Old header\nNew" if text == "New" else text for text in expected]


def test_a_section_without_a_header_before_it_stays_without_one() -> None:
    content = docx(p("a"), ends(), p("b"))
    assert headers(word.set_header(content, "Mine", section=1).content) == ["Mine", ""]
    assert headers(word.set_footer(content, "All").content, "footer") == ["All", "All"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_new_footer_has_its_part_style_and_fields(strict: bool) -> None:
    content = docx(p("a"), strict=strict)
    done = word.set_footer(content, "Left\tPage {PAGE} of {NUMPAGES}\t{DATE}").content
    assert not problems(done)
    assert changed_parts(content, done) == {
        "word/document.xml", "word/_rels/document.xml.rels", "[Content_Types].xml", "word/footer1.xml",
        "word/styles.xml",
    }  # fmt: skip
    xml = part(done, "word/footer1.xml")
    assert re.findall(r"<w:instrText[^>]*> (\w+) <", xml) == ["PAGE", "NUMPAGES", "DATE"]
    assert xml.count("<w:tab/>") == 2
    assert f'<w:tab w:val="{"end" if strict else "right"}" w:pos="9026"/>' in xml
    assert len(re.findall(r'w:dirty="true"', xml)) == 1
    assert ("purl.oclc.org" in xml) is strict


def test_first_and_even_pages_change_only_what_was_asked() -> None:
    content = docx(p("a"), section=f"<w:sectPr>{PAGE}</w:sectPr>")
    content = word.set_footer(word.set_header(content, "Head").content, "Foot").content
    first = word.set_header(content, "", kind="first").content
    (section,) = opened(first).sections
    assert section.different_first_page_header_footer
    assert [x.text for x in section.first_page_header.paragraphs] == [""]
    assert [x.text for x in section.first_page_footer.paragraphs] == ["Foot"]
    assert headers(first) == ["Head"]
    even = word.set_footer(content, "Even foot", kind="even").content
    assert opened(even).settings.odd_and_even_pages_header_footer
    (section,) = opened(even).sections
    assert [x.text for x in section.even_page_footer.paragraphs] == ["Even foot"]
    assert [x.text for x in section.even_page_header.paragraphs] == ["Head"]
    assert headers(even, "footer") == ["Foot"]


def test_pictures_that_go_with_a_header_are_told_and_formatting_is_kept() -> None:
    picture = '<w:r><w:pict><v:shape id="w"/></w:pict></w:r>'
    old = p(r("Bold", "<w:b/>"), picture, style="Titel", properties='<w:jc w:val="center"/>')
    content = docx(p("a"), section=f"<w:sectPr>{heads('default')}{PAGE}</w:sectPr>", header1=old)
    done = word.set_header(content, "New {PAGE}")
    assert "1 picture or shape" in done.warnings[0]
    xml = part(done.content, "word/header1.xml")
    assert xml.count("<w:b/>") == 6
    assert '<w:pStyle w:val="Titel"/><w:jc w:val="center"/>' in xml
    kept = word.set_header(content, "New", append=True)
    assert not kept.warnings
    assert "v:shape" in part(kept.content, "word/header1.xml")


def test_copies_of_a_header_have_its_links_and_ids_of_their_own() -> None:
    content = word.insert_picture(THREE, png(), at=at(THREE, "h1.p1"), alt="Logo").content
    done = word.set_header(content, "Second", section=2, append=True).content
    assert not problems(done)
    logos = [each for each in word.list_pictures(done) if each.alt == "Logo"]
    assert len(logos) == 2
    assert headers(done) == ["Old header\n", "Old header\n\nSecond", "Old header\n"]


def test_page_numbers() -> None:
    done = word.page_numbers(THREE, of_total=True, format="roman", start=2)
    assert headers(done.content, "footer") == ["1 / 1"] * 3
    xml = part(done.content)
    assert xml.count('w:fmt="lowerRoman"') == 3
    assert xml.count('w:start="2"') == 1
    assert headers(done.content) == ["Old header"] * 3
    with pytest.raises(ToolInputError) as caught:
        word.page_numbers(done.content)
    assert caught.value.code == "unchanged"
    again = word.page_numbers(done.content, 3, start=1)
    assert [h.where for h in again.hunks] == ["section 3"]
    top = word.page_numbers(THREE, 2, position="header", text="- {PAGE} -").content
    assert headers(top) == ["Old header", "Old header\n- 1 -", "Old header"]


def test_page_numbers_that_leave_the_first_page_out() -> None:
    content = word.set_footer(docx(p("a")), "Foot").content
    (section,) = opened(word.page_numbers(content, first_page=False).content).sections
    assert [x.text for x in section.first_page_footer.paragraphs] == ["Foot"]
    assert [x.text for x in section.footer.paragraphs] == ["Foot", "1"]
    titled = docx(p("a"), section=f"<w:sectPr>{PAGE}<w:titlePg/></w:sectPr>")
    (section,) = opened(word.page_numbers(titled).content).sections
    assert [x.text for x in section.first_page_footer.paragraphs] == ["1"]


def test_a_batch_of_all_is_the_same_twice() -> None:
    operations = [
        {"op": "section_break", "at": at(THREE, "p3"), "position": "after"},
        {"op": "page_setup", "section": 3, "orientation": "landscape"},
        {"op": "set_header", "text": "Wide", "section": 3},
        {"op": "page_numbers"},
    ]
    done = word.edit(THREE, operations)
    assert done.content == word.edit(THREE, operations).content
    assert headers(done.content) == ["Old header", "Old header", "Wide", "Old header"]
    assert len([name for name in names(done.content) if "footer" in name]) == 1
