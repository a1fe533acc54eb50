from __future__ import annotations

import re

import pytest

from copilot.documents import word
from copilot.documents.package import Package
from copilot.documents.segments import Reading, Segment
from copilot.documents.word.numerals import formatted
from copilot.errors import ToolInputError

from .make import NUMBERING, SECTION, TRANSITIONAL, docx, field, item, p, r, table, text_box

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
            "$\\frac{1}{xy}$",
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
    gone = "moved away by Ann, 2024-05-06" if "moveFrom" in run else "deleted by Ann, 2024-05-06"
    assert f"{gone if 'tracked' in reason else reason}: secret]" in reading.markdown
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


def properties(inner: str) -> str:
    return f"<w:sdtPr>{inner}</w:sdtPr>"


def control(said: str, content: str) -> str:
    return f"<w:sdt>{properties(said)}<w:sdtContent>{content}</w:sdtContent></w:sdt>"


CHOICES = '<w:dropDownList><w:listItem w:displayText="Net" w:value="n"/><w:listItem w:value="Gross"/></w:dropDownList>'
BOX = '<w:ffData><w:name w:val="Paid"/><w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox></w:ffData>'
NEXT_SECTION = '<w:sectPr><w:type w:val="continuous"/><w:cols w:num="2"/></w:sectPr>'
WATERMARK = '<w:pict><v:shape id="PowerPlusWaterMarkObject1"><v:textpath string="DRAFT"/></v:shape></w:pict>'


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        (p("a", '<w:r><w:br w:type="page"/></w:r>', "b"), "a[page break]b"),
        (p("a", '<w:bookmarkStart w:id="1" w:name="Price"/>', "b"), "a[bookmark Price] b"),
        (p("a", '<w:bookmarkStart w:id="1" w:name="_Toc1"/>', "b"), "ab"),
        (p(control('<w:alias w:val="Kind"/><w:tag w:val="k"/>', r("x")), "y"), "[control Kind (k): x]y"),
        (p(control(CHOICES, r("Net"))), "[control, drop-down, choices Net | Gross: Net]"),
        (control('<w:tag w:val="a"/>', p("one")), "[control a: one]"),
        (control('<w:tag w:val="a"/><w:showingPlcHdr/>', p("?")), "[control a, not filled in: ?]"),
        (p("Page ", field("PAGE", "")), "Page [field PAGE]"),
        (p(field(" FORMCHECKBOX ", "").replace('"begin"/>', f'"begin">{BOX}</w:fldChar>')), "[form field Paid: ☒]"),
        (p(field("MERGEFIELD Name", "Ann")), "[field MERGEFIELD Name: Ann]"),
        (p("see ", field("REF Price \\h", "5")), "see [5](#Price)"),
        (p("a", properties=f"{SECTION}"), "a [section 1 ends; the next begins on the same page, 2 columns]"),
        (p(f"<w:r><w:ruby><w:rt>{r('up')}</w:rt><w:rubyBase>{r('base')}</w:rubyBase></w:ruby></w:r>"), "base(up)"),
        (p(f"<w:r>{WATERMARK}</w:r>"), "[watermark: DRAFT]"),
    ],
)
def test_marks_between_the_words(paragraph: str, expected: str) -> None:
    assert shown(docx(paragraph, section=NEXT_SECTION)) == [expected]


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


# Tracked changes: all of them, accepted, as it was

INSERTED_END = f"<w:rPr><w:ins {CHANGE}/></w:rPr>"
DELETED_END = f"<w:rPr><w:del {CHANGE}/></w:rPr>"
GONE = f"<w:del {CHANGE}><w:r><w:delText>old</w:delText></w:r></w:del>"
COME = f"<w:ins {CHANGE}>{r('new')}</w:ins>"
NESTED = f'<w:ins w:author="Bob">{GONE}</w:ins>'
BY = "by Ann, 2024-05-06"
ROW = "<w:tr><w:trPr><w:{} {}/></w:trPr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr>"
ROWS = f"<w:tbl><w:tblPr/><w:tblGrid/>{ROW.format('ins', CHANGE)}{ROW.format('del', CHANGE)}</w:tbl>"


@pytest.mark.parametrize(
    ("block", "shown_all", "clean", "original"),
    [
        (p("a ", GONE, COME), f"a [deleted {BY}: old][inserted {BY}: new]", "a new", "a old"),
        (p("a ", NESTED), f"a [deleted {BY}, inserted by Bob: old]", "a", "a"),
        (p(COME, properties=INSERTED_END) + p("b"), f"[inserted {BY}: new¶]\nb", "new\nb", "b"),
        (p("a", properties=DELETED_END) + p("b"), f"a[deleted {BY}: ¶]\nb", "a b", "a\nb"),
        (p(r("a", f"<w:b/><w:rPrChange {CHANGE}/>")), f"[format changed {BY}: a]", "a", "a"),
        (p("a", properties=f"<w:pPrChange {CHANGE}/>"), f"a [paragraph format changed {BY}]", "a", "a"),
        (
            ROWS,
            f"Table 1\n| [inserted row {BY}] x |\n| --- |\n| [deleted row {BY}] x |",
            "Table 1\n| x |\n| --- |",
            "Table 1\n| x |\n| --- |",
        ),
    ],
    ids=["words", "nested", "inserted end", "deleted end", "format", "paragraph format", "rows"],
)
def test_three_views_of_tracked_changes(block: str, shown_all: str, clean: str, original: str) -> None:
    content = docx(block)
    for view, expected in (("all", shown_all), ("clean", clean), ("original", original)):
        markdown = word.read(content, marks=view).markdown
        bare = re.sub(r" \{[a-z0-9.]+:[0-9a-f]{4}\}", "", markdown)
        assert re.sub(r"\n+", "\n", bare) == expected, view


def test_a_clean_view_has_no_trace_of_what_was_deleted() -> None:
    reading = word.read(docx(p("a ", GONE)), marks="clean")
    assert "old" not in reading.markdown
    assert all("old" not in segment.text for segment in reading.segments)


# Beside the text


def test_comments_tell_their_words_and_threads() -> None:
    start, end = '<w:commentRangeStart w:id="1"/>', '<w:commentRangeEnd w:id="1"/>'
    references = '<w:r><w:commentReference w:id="1"/></w:r><w:r><w:commentReference w:id="2"/></w:r>'
    replied = '<w15:commentsEx xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml">'
    replied += '<w15:commentEx w15:paraId="0A" w15:done="1"/><w15:commentEx w15:paraId="0B" w15:paraIdParent="0A"/>'
    comments = "".join(
        f'<w:comment w:id="{key}" w:author="{who}"><w:p w14:paraId="0{mark}">{r(text)}</w:p></w:comment>'
        for key, who, mark, text in ((1, "Ann", "A", "Why?"), (2, "Bob", "B", "Because."))
    )
    content = docx(
        p("We ", start, "pay ", "late", end, references),
        comments=comments,
        extra={"word/extended.xml": f"{replied}</w15:commentsEx>"},
    )
    kind = "http://schemas.microsoft.com/office/2011/relationships/commentsExtended"
    package = Package.open(content)
    package.relate(package.main, kind, "word/extended.xml")
    assert shown(package.save())[1:] == [
        "(comment 1 by Ann, on 'pay late', resolved) Why?",
        "(comment 2 by Bob, reply to comment 1) Because.",
    ]


def test_headers_tell_where_they_are_used() -> None:
    section = '<w:sectPr><w:headerReference w:type="first" r:id="rId2"/><w:headerReference r:id="rId3"/></w:sectPr>'
    content = docx(p("x"), section=section, header1=p("One"), header2=p("Two"))
    assert shown(content) == ["x", "(header 1: first page, not in use) One", "(header 2) Two"]


CHART = """<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"
xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t>
</a:r></a:p></c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:tx><c:v>2024</c:v></c:tx><c:cat><c:strRef>
<c:strCache><c:pt idx="0"><c:v>North</c:v></c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>
<c:pt idx="0"><c:v>5</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser></c:barChart></c:plotArea></c:chart>
</c:chartSpace>"""
DIAGRAM = """<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"
xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst>
<dgm:pt modelId="1"><dgm:t><a:p><a:r><a:t>Plan</a:t></a:r></a:p></dgm:t></dgm:pt>
<dgm:pt modelId="2" type="pres"/><dgm:pt modelId="3"><dgm:t><a:p><a:r><a:t>Do</a:t></a:r></a:p></dgm:t></dgm:pt>
</dgm:ptLst></dgm:dataModel>"""


@pytest.mark.parametrize(
    ("uri", "reference", "part", "mark", "kind"),
    [
        ("chart", "<c:chart r:id='{}'/>", CHART, "chart: Sales (barChart); 2024: North 5", "chart"),
        ("diagram", "<dgm:relIds r:dm='{}'/>", DIAGRAM, "SmartArt: Plan; Do", "diagram"),
    ],
)
def test_charts_and_diagrams_are_told_in_words(uri: str, reference: str, part: str, mark: str, kind: str) -> None:
    space = f"http://schemas.openxmlformats.org/drawingml/2006/{uri}"
    prefix = reference[1:].partition(":")[0]
    inner = reference.replace(" ", f" xmlns:{prefix}='{space}' ", 1).format("rId2")
    graphic = f"<a:graphic><a:graphicData uri='{space}'>{inner}</a:graphicData></a:graphic>"
    content = docx(p(f"<w:r><w:drawing><wp:inline>{graphic}</wp:inline></w:drawing></w:r>"), extra={"word/g.xml": part})
    package = Package.open(content)
    package.relate(package.main, f"{TRANSITIONAL['r']}/{uri}", "word/g.xml")
    reading = word.read(package.save())
    assert f"![{mark}]" in reading.markdown
    assert reading.omitted == ()
    assert [s.kind for s in reading.segments] == [kind]


def test_what_can_not_be_shown_is_listed() -> None:
    embedded = (
        '<w:object><o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" ProgID="Equation.DSMT4"/></w:object>'
    )
    content = docx(
        p(f"<w:r>{embedded}</w:r>", field('XE "x"', "")),
        '<w:altChunk r:id="rId9"/>',
        f"<w:unknown>{p('lost words')}</w:unknown>",
    )
    assert word.read(content).omitted == (
        "equation in an embedded object Equation.DSMT4 in paragraph 1",
        "imported content (w:altChunk) in word/document.xml",
        "1 XE field (entries that show nothing) in word/document.xml",
        "2 words outside of the known structure in word/document.xml",
    )


# Long documents


def parts_of(content: bytes, budget: int) -> list[Reading]:
    parts, at = [], ""
    while len(parts) < 100:
        reading, at = word.excerpt(content, at=at, budget=budget)
        parts.append(reading)
        if not at:
            return parts
    raise AssertionError("it never ends")


def test_a_cut_before_a_heading_does_not_end_the_reading() -> None:
    content = docx(*(p(f"Chapter {n}", style="berschrift1") + p("words " * 30) for n in range(7)))
    for budget in (200, 250, 600):
        assert "\n\n".join(part.markdown for part in parts_of(content, budget)) == word.read(content).markdown


def test_a_long_table_is_cut_between_rows_under_its_first_row() -> None:
    rows = [["Name", "Price"], *([f"item {n}", str(n)] for n in range(200))]
    content = docx(p("Before"), table(*rows), p("After"))
    parts = parts_of(content, 2_000)
    lines = [line for part in parts for line in part.markdown.split("\n")]
    assert [line for line in lines if "| item" in line] == [f"| item {n} | {n} |" for n in range(200)]
    assert all("| Name | Price |" in part.markdown for part in parts if "| item" in part.markdown)
    assert all(len(part.markdown) < 2_500 for part in parts)
    assert "(rows 1 to " in parts[0].markdown
    assert parts[-1].markdown.endswith("}")
    assert "After" in parts[-1].markdown


def test_an_outline_tells_how_much_stands_below_each_heading() -> None:
    content = docx(p("One", style="berschrift1"), p("a b c"), table(["x y"]), p("Two", style="berschrift2"), p("d"))
    assert [(h.words, h.tables, h.pictures) for h in word.outline(content).headings] == [(6, 1, 0), (2, 0, 0)]


# Numbers


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("decimal", ["1", "2", "12", "28"]),
        ("upperRoman", ["I", "II", "XII", "XXVIII"]),
        ("lowerLetter", ["a", "b", "l", "bb"]),
        ("ordinal", ["1st", "2nd", "12th", "28th"]),
        ("cardinalText", ["One", "Two", "Twelve", "Twenty-eight"]),
        ("ordinalText", ["First", "Second", "Twelfth", "Twenty-eighth"]),
        ("decimalZero", ["01", "02", "12", "28"]),
        ("hex", ["1", "2", "C", "1C"]),
        ("chicago", ["*", "†", "§§§", "§§§§§§§"]),
        ("decimalEnclosedCircle", ["①", "②", "⑫", "28"]),
        ("numberInDash", ["- 1 -", "- 2 -", "- 12 -", "- 28 -"]),
        ("russianLower", ["а", "б", "м", "ю"]),
        ("japaneseCounting", ["一", "二", "十二", "二十八"]),
        ("ideographDigital", ["一", "二", "一二", "二八"]),
        ("chineseLegalSimplified", ["壹", "贰", "壹拾贰", "贰拾捌"]),
        ("hebrew1", ["א", "ב", "יב", "כח"]),
        ("thaiNumbers", ["๑", "๒", "๑๒", "๒๘"]),
        ("ideographZodiacTraditional", ["甲子", "乙丑", "乙亥", "辛卯"]),
        ("none", ["", "", "", ""]),
        ("bahtText", ["1", "2", "12", "28"]),
    ],
)
def test_number_formats(form: str, expected: list[str]) -> None:
    assert [formatted(count, form) for count in (1, 2, 12, 28)] == expected


@pytest.mark.parametrize("form", ["lowerRoman", "hebrew1", "chineseCounting", "cardinalText", "lowerLetter"])
def test_numbers_that_a_format_can_not_say_are_decimal(form: str) -> None:
    assert formatted(0, form) == "0"
    assert formatted(10**9, form) == str(10**9)
    assert formatted(-1, form) == "-1"


def test_legal_numbering_and_formats_of_one_s_own() -> None:
    levels = (
        '<w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:isLgl/><w:lvlText w:val="%1.%2"/></w:lvl>'
        '<w:lvl w:ilvl="2"><mc:AlternateContent><mc:Choice Requires="w14"><w:numFmt w:val="custom" '
        'w:format="001, 002, 003, ..."/></mc:Choice><mc:Fallback><w:numFmt w:val="decimal"/></mc:Fallback>'
        '</mc:AlternateContent><w:lvlText w:val="(%3)"/></w:lvl>'
    )
    numbering = f'<w:abstractNum w:abstractNumId="1">{levels}</w:abstractNum>'
    numbering += '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>'
    content = docx(item("a"), item("b", level=1), item("c", level=2), item("d"), numbering=numbering)
    assert shown(content) == ["III. a", "  3.1 b", "    (001) c", "IV. d"]


def test_parts_that_are_missing_are_told() -> None:
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = f'<Relationship Id="rId9" Type="{base}/header" Target="header7.xml"/>'
    rels = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>'
    )
    content = docx(p("a"), extra={"word/_rels/document.xml.rels": rels})
    assert word.read(content).omitted == ("header (word/header7.xml is missing)",)
