from __future__ import annotations

import pytest

from copilot.documents import word
from copilot.documents.segments import Segment
from copilot.errors import ToolInputError

from .make import NUMBERING, docx, field, item, p, r, table, text_box

CHANGE = 'w:author="Ann" w:date="2024-05-06T07:08:09Z"'


def shown(content: bytes) -> list[str]:
    """The lines of the Markdown without addresses."""
    lines = [line for line in word.read(content).markdown.split("\n") if line]
    return [line.rpartition(" {")[0] if line.endswith("}") else line for line in lines]


def hidden(content: bytes) -> list[tuple[str, str]]:
    return [(s.text, s.hidden) for s in word.read(content).segments if s.hidden]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        (p("One", style="berschrift1"), "# One"),
        (p("Two", style="berschrift2"), "## Two"),
        (p("Based on", style="Klausel"), "## Based on"),
        (p("Direct", properties='<w:outlineLvl w:val="2"/>'), "### Direct"),
        (p("Body again", style="berschrift1", properties='<w:outlineLvl w:val="9"/>'), "Body again"),
        (p("Undefined", style="Heading3"), "### Undefined"),
        (p("Top", style="Titel"), "# Top"),
        (p("Plain", style="NoSuchStyle"), "Plain"),
        (p("a", "<w:r><w:tab/></w:r>", "b"), "a\tb"),
        (
            p(
                "<m:oMath><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>xy</m:t></m:r></m:den></m:f></m:oMath>"
            ),
            "1/(xy)",
        ),
        (p("See ", "<w:hyperlink w:anchor='top'>" + r("above") + "</w:hyperlink>"), "See [above](#top)"),
        (p(field("PAGE", "7")), "7"),
        (p(field(' HYPERLINK "https://x.example/" ', "site")), "[site](https://x.example/)"),
        (p(field(' HYPERLINK \\l "mark" ', "there")), "[there](#mark)"),
        (p(f"<w:ins {CHANGE}>{r('new')}</w:ins>"), "[inserted by Ann, 2024-05-06: new]"),
        (p("<w:r><w:sym w:font='Wingdings' w:char='F0FC'/></w:r>", "done"), "□done"),
        (p("<w:sdt><w:sdtContent>" + r("chosen") + "</w:sdtContent></w:sdt>"), "chosen"),
    ],
)
def test_one_paragraph(paragraph: str, expected: str, strict: bool) -> None:
    assert shown(docx(paragraph, strict=strict)) == [expected]


def test_a_field_in_a_single_run_shows_its_result() -> None:
    run = (
        '<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>PAGE</w:instrText><w:fldChar w:fldCharType="separate"/>'
        '<w:t>7</w:t><w:fldChar w:fldCharType="end"/></w:r>'
    )
    assert shown(docx(p("Page ", run))) == ["Page 7"]


def test_a_field_that_never_ends_hides_nothing() -> None:
    begin = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
    assert shown(docx(p(begin, "a"), p("b"))) == ["a", "b"]


def test_numbers_are_counted_as_word_counts() -> None:
    blocks = [item("a"), item("b"), item("c", level=1), item("d", level=1), item("e"), item("f", level=1), item("g", 3)]
    content = docx(*blocks, item("dot", 2), item("h"), numbering=NUMBERING)
    assert shown(content) == [
        "1. a",
        "2. b",
        "  2.a) c",
        "  2.b) d",
        "3. e",
        "  3.a) f",
        "7. g",
        "- dot",
        "8. h",  # lists of one abstract definition share their counter
    ]


def test_external_links_show_their_target() -> None:
    content = docx(p("<w:hyperlink r:id='L'>" + r("site") + "</w:hyperlink>"), links={"L": "https://example.com/"})
    reading = word.read(content)
    assert "[site](https://example.com/)" in reading.markdown
    assert "external-links" in reading.flags
    assert "external-content" not in reading.flags


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (r("secret", "<w:vanish/>"), "hidden text"),
        (r("secret", '<w:rStyle w:val="Leise"/>'), "hidden text"),
        (r("secret", '<w:color w:val="FFFFFF"/>'), "white text"),
        (r("secret", '<w:color w:val="FEFEFE"/>'), "white text"),
        (r("secret", '<w:color w:val="000000" w:themeColor="background1"/>'), "white text"),
        (r("secret", '<w:sz w:val="2"/>'), "tiny text"),
        (f"<w:del {CHANGE}><w:r><w:delText>secret</w:delText></w:r></w:del>", "tracked deletion"),
        (f"<w:moveFrom {CHANGE}>{r('secret')}</w:moveFrom>", "tracked deletion"),
    ],
)
def test_what_a_person_does_not_see_is_marked(run: str, reason: str) -> None:
    content = docx(p("Seen ", run))
    reading = word.read(content)
    assert ("secret", reason) in hidden(content)
    assert "secret" not in "".join(s.text for s in reading.segments if not s.hidden)
    assert f"{'deleted by Ann, 2024-05-06' if 'tracked' in reason else reason}: secret]" in reading.markdown
    assert ("tracked-changes" if "tracked" in reason else "hidden-text") in reading.flags


@pytest.mark.parametrize(
    "content",
    [
        docx(p(r("x", '<w:color w:val="FFFFFF"/><w:shd w:fill="000000"/>'))),
        docx(p(r("x", '<w:color w:val="FFFFFF"/>'), properties='<w:shd w:fill="000080"/>')),
        docx(table([p(r("x", '<w:color w:val="FFFFFF"/>'))], style="Dunkel")),
        docx(p(r("x", '<w:vanish w:val="0"/>'))),
        docx(p(r("x", '<w:color w:val="auto"/><w:sz w:val="16"/>'))),
    ],
    ids=["own shading", "paragraph shading", "table style", "not vanished", "small"],
)
def test_what_a_person_sees_is_not_called_hidden(content: bytes) -> None:
    assert hidden(content) == []
    assert "hidden-text" not in word.read(content).flags


def test_tables_show_merges_and_inner_tables() -> None:
    wide = '<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + p("wide") + "</w:tc>"
    start = '<w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr>' + p("tall") + "</w:tc>"
    below = "<w:tc><w:tcPr><w:vMerge/></w:tcPr>" + p("") + "</w:tc>"
    content = docx(table(["A", "B|C", "D"], [wide, start], ["1", table(["inner"]) + p(""), below]))
    assert shown(content) == [
        "Table 1",
        "| A | B\\|C | D |",
        "| --- | --- | --- |",
        "| wide | ← | tall |",
        "| 1 | [table 1 inside: t1.r3.c2.t1] | ↑ |",
        "Table 1, row 3, column 2, table 1",
        "| inner |",
        "| --- |",
    ]


def test_every_story_is_read_with_its_place() -> None:
    note = '<w:r><w:footnoteReference w:id="5"/></w:r>'
    comment = '<w:r><w:commentReference w:id="9"/></w:r>'
    content = docx(
        p("Body", note, comment),
        p(text_box(p("In the box"))),
        header1=p("Top"),
        footnotes=f'<w:footnote w:type="separator" w:id="0">{p("x")}</w:footnote>'
        f'<w:footnote w:id="5">{p("Note")}</w:footnote>',
        comments=f'<w:comment w:id="9" {CHANGE}>{p("Why?")}</w:comment>',
    )
    assert shown(content) == [
        "Body[^1] [comment 1]",
        "(paragraph 2, text box 1) In the box",
        "(header 1) Top",
        "[^1]: Note",
        "(comment 1 by Ann, 2024-05-06) Why?",
    ]
    places = {s.where: (s.kind, s.text) for s in word.read(content).segments}
    assert places["footnote 1"] == ("note", "Note")
    assert places["comment 1"] == ("comment", "Why?")
    assert "comments" in word.read(content).flags


def test_pictures_are_listed_with_their_alternative_text() -> None:
    picture = (
        '<w:r><w:drawing><wp:inline><wp:docPr id="1" name="x" descr="A red fox"/><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic/></a:graphicData>'
        "</a:graphic></wp:inline></w:drawing></w:r>"
    )
    reading = word.read(docx(p("Look: ", picture)))
    assert "![picture: A red fox]" in reading.markdown
    assert reading.omitted == ("picture in paragraph 1 ('A red fox')",)
    assert (
        Segment("A red fox", "paragraph 1", "picture", reading.segments[0].address, 0, "alternative text")
        in reading.segments
    )


@pytest.mark.parametrize(
    ("content", "flag"),
    [
        (docx(p("x"), extra={"word/vbaProject.bin": "x"}), "macros"),
        (docx(p("x"), extra={"_xmlsignatures/origin.sigs": "x"}), "signed"),
        (docx(p(field("DATE", "x"))), "fields"),
        (docx(p(field("INCLUDETEXT http://evil/x", "x"))), "external-content"),
        (docx(p(field("DDEAUTO c:\\\\cmd", "x"))), "external-content"),
    ],
)
def test_flags(content: bytes, flag: str) -> None:
    assert flag in word.read(content).flags


def test_outline_names_headings_and_styles() -> None:
    content = docx(p("Guide", style="Titel"), p("Scope", style="berschrift1"), p("text"), p("Terms", style="Klausel"))
    outline = word.outline(content)
    assert outline.title == "Guide"
    assert [(h.text, h.level, h.where) for h in outline.headings] == [
        ("Scope", 1, "paragraph 2"),
        ("Terms", 2, "paragraph 4"),
    ]
    assert {"Heading 1", "Clause Heading", "Quote", "Table Grid"} <= set(outline.styles)


LONG = docx(
    p("Scope", style="berschrift1"),
    *(p(f"Paragraph {n} of the scope.") for n in range(50)),
    p("Detail", style="berschrift2"),
    p("Fine print."),
    p("Terms", style="berschrift1"),
    p("The terms."),
)


def test_long_documents_are_read_in_parts_without_a_gap() -> None:
    whole = word.read(LONG).markdown
    parts, at = [], ""
    while True:
        reading, at = word.excerpt(LONG, at=at, budget=500)
        parts.append(reading.markdown)
        if not at:
            break
        assert len(parts) < 20
    assert "\n\n".join(parts) == whole
    assert len(parts) > 3


def test_a_section_is_read_by_its_heading() -> None:
    reading, following = word.excerpt(LONG, at="detail")
    assert [s.text for s in reading.segments] == ["Detail", "Fine print."]
    assert following == ""
    scope, _ = word.excerpt(LONG, at="Scope")
    assert scope.segments[-1].text == "Fine print."
    with pytest.raises(ToolInputError, match="Terms"):
        word.excerpt(LONG, at="Term")
