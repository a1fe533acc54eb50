"""Direct formatting and lists: what is set stands in the schema's order and nothing else changes (17.3, 17.9)."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.documents.word.names import name
from copilot.documents.word.order import ORDER, ranks
from copilot.errors import ToolInputError

from .make import NUMBERING, changed_parts, docx, field, item, lost, names, p, part, r, table, text_box


def at(content: bytes, path: str) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


def in_order(content: bytes, part_name: str = "word/document.xml") -> bool:
    """Whether the children of every property element stand as the schema wants them."""
    for element in etree.fromstring(part(content, part_name).encode()).iter():
        order = ranks(name(element).partition(":")[2]) if name(element).startswith("w:") else {}
        places = [order[local] for each in element if (local := name(each).partition(":")[2]) in order]
        if places != sorted(places):
            return False
    return True


CONTENT = docx(
    p("The ", r("bold", "<w:b/>"), " word and ", r("small", '<w:sz w:val="16"/><w:lang w:val="de-DE"/>'), " print."),
    p("Second.", style="Zitat", properties='<w:spacing w:after="120"/><w:ind w:left="720" w:hanging="360"/>'),
    table(["cell one", "cell two"]),
)


@pytest.mark.parametrize(
    ("find", "options", "expected"),
    [
        ("word", {"bold": True}, '<w:rPr><w:b/><w:bCs/></w:rPr><w:t xml:space="preserve">word</w:t>'),
        ("bold", {"bold": False},
         '<w:rPr><w:b w:val="0"/><w:bCs w:val="0"/></w:rPr><w:t xml:space="preserve">bold</w:t>'),
        ("bold word", {"italic": True}, '<w:rPr><w:b/><w:i/><w:iCs/></w:rPr><w:t xml:space="preserve">bold</w:t>'),
        ("small", {"size": 10.5}, '<w:sz w:val="21"/><w:szCs w:val="21"/><w:lang w:val="de-DE"/>'),
        ("print", {"font": "Arial", "color": "#ff0000"},
         '<w:rFonts w:ascii="Arial" w:hAnsi="Arial" w:cs="Arial"/><w:color w:val="FF0000"/>'),
        ("print", {"underline": "single", "highlight": "yellow"}, '<w:highlight w:val="yellow"/><w:u w:val="single"/>'),
        ("o", {"script": "superscript", "regex": True}, '<w:vertAlign w:val="superscript"/>'),
        ("and", {"style": "quiet"}, '<w:rPr><w:rStyle w:val="Leise"/></w:rPr>'),
    ],
)  # fmt: skip
def test_words_are_formatted(find: str, options: dict[str, Any], expected: str) -> None:
    edited = word.format_text(CONTENT, find=find, **options)
    assert expected in part(edited.content)
    assert in_order(edited.content)
    assert word.find(edited.content, "The bold word and small print.")
    assert changed_parts(CONTENT, edited.content) == {"word/document.xml"}
    with pytest.raises(ToolInputError, match="already"):
        word.format_text(edited.content, find=find, **options)


def test_whole_paragraphs_and_tables_are_formatted_with_their_marks() -> None:
    edited = word.format_text(CONTENT, [at(CONTENT, "p1"), at(CONTENT, "t1")], bold=True)
    assert part(edited.content).count("<w:b/>") == 10 - 1 + 1  # 5 runs, 2 cells, 3 marks
    assert [h.where for h in edited.hunks] == ["paragraph 1", "table 1, row 1, column 1", "table 1, row 1, column 2"]
    assert in_order(edited.content)


def test_fields_stay_whole_when_a_part_of_their_result_is_formatted() -> None:
    content = docx(p("see ", field("REF x", "clause nine"), " there"))
    edited = word.format_text(content, find="nine", bold=True)
    assert word.find(edited.content, "see clause nine there")
    assert part(edited.content).count("fldChar ") == 3


def test_both_copies_of_a_text_box_are_formatted() -> None:
    content = docx(p(text_box(p("boxed words"))))
    assert part(word.format_text(content, find="words", bold=True).content).count("<w:bCs/>") == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"alignment": "center"}, '<w:jc w:val="center"/>'),
        ({"alignment": "justify"}, '<w:jc w:val="both"/>'),
        ({"indent_left": 18}, '<w:ind w:left="360" w:hanging="360"/>'),
        ({"first_line": 10}, '<w:ind w:left="720" w:firstLine="200"/>'),
        ({"space_before": 6, "line_spacing": 1.5},
         '<w:spacing w:after="120" w:before="120" w:line="360" w:lineRule="auto"/>'),
        ({"keep_with_next": True, "page_break_before": False}, '<w:keepNext/><w:pageBreakBefore w:val="0"/>'),
        ({"border": "box"}, '<w:pBdr><w:top w:val="single" w:sz="4" w:space="1" w:color="auto"/><w:left '),
        ({"shading": "ffff00"}, '<w:shd w:val="clear" w:color="auto" w:fill="FFFF00"/>'),
    ],
)  # fmt: skip
def test_paragraphs_are_formatted(options: dict[str, Any], expected: str) -> None:
    edited = word.format_paragraph(CONTENT, [at(CONTENT, "p2")], **options)
    assert expected in part(edited.content)
    assert in_order(edited.content)
    with pytest.raises(ToolInputError, match="already"):
        word.format_paragraph(edited.content, [at(edited.content, "p2")], **options)


def test_strict_files_say_start_for_left() -> None:
    content = docx(p("x"), strict=True)
    xml = part(word.format_paragraph(content, [at(content, "p1")], alignment="left", indent_left=36).content)
    assert '<w:ind w:start="720"/><w:jc w:val="start"/>' in xml


def test_formatting_is_cleared_and_styles_stay() -> None:
    both = [at(CONTENT, "p1"), at(CONTENT, "p2")]
    xml = part(word.clear_formatting(CONTENT, both).content)
    assert "<w:b/>" not in xml
    assert "<w:sz " not in xml
    assert '<w:lang w:val="de-DE"/>' in xml
    assert '<w:pPr><w:pStyle w:val="Zitat"/></w:pPr>' in xml


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"find": "word"}, "arguments"),
        ({"bold": True}, "arguments"),
        ({"find": "nowhere", "bold": True}, "not_found"),
        ({"find": "word", "style": "Loud"}, "unknown_character_style"),
    ],
)
def test_formatting_that_can_not_be(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.format_text(CONTENT, **options)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "fields",
    [{"color": "reddish", "find": "word"}, {"highlight": "pink", "find": "word"}, {"size": 0, "find": "word"}],
)
def test_wrong_settings_are_refused_before_anything_runs(fields: dict[str, Any]) -> None:
    with pytest.raises(ToolInputError, match="can't take this"):
        word.edit(CONTENT, [{"op": "format_text", **fields}])


def test_the_orders_name_no_element_twice() -> None:
    for parent, order in ORDER.items():
        locals_ = order.replace("|", " ").split()
        assert len(locals_) == len(set(locals_)), parent


# Lists


def labels(content: bytes) -> list[str]:
    lines = word.read(content).markdown.split("\n")
    return [line.rpartition(" {")[0] for line in lines if line]


LISTS = docx(item("a"), item("b"), item("c", 1, 1), p("break"), item("d"), item("e"), numbering=NUMBERING)


@pytest.mark.parametrize(
    ("op", "arguments", "expected"),
    [
        ("restart_list", {"address": "p5"}, ["1. a", "2. b", "  2.a) c", "break", "1. d", "2. e"]),
        ("restart_list", {"address": "p5", "start": 5}, ["1. a", "2. b", "  2.a) c", "break", "5. d", "6. e"]),
        ("restart_list", {"address": "p2"}, ["1. a", "1. b", "  1.a) c", "break", "2. d", "3. e"]),
        ("indent_list", {"addresses": ["p6"]}, ["1. a", "2. b", "  2.a) c", "break", "3. d", "  3.a) e"]),
        ("indent_list", {"addresses": ["p3"], "by": -1}, ["1. a", "2. b", "3. c", "break", "4. d", "5. e"]),
        ("set_list", {"addresses": ["p1", "p2"], "kind": "none"}, ["a", "b", "  1.a) c", "break", "2. d", "3. e"]),
        ("set_list", {"addresses": ["p4"], "kind": "bulleted"},
         ["1. a", "2. b", "  2.a) c", "- break", "3. d", "4. e"]),
        ("set_list", {"addresses": ["p5", "p6"], "kind": "numbered", "format": "upperRoman", "start": 3},
         ["1. a", "2. b", "  2.a) c", "break", "III. d", "IV. e"]),
        ("set_list", {"addresses": ["p5", "p6"], "kind": "bulleted"},
         ["1. a", "2. b", "  2.a) c", "break", "- d", "- e"]),
        ("set_list", {"addresses": ["p4"], "kind": "numbered", "level": 1, "start": 4},
         ["1. a", "2. b", "  2.a) c", "  2.d) break", "3. d", "4. e"]),
    ],
)  # fmt: skip
def test_lists(op: str, arguments: dict[str, Any], expected: list[str]) -> None:
    given = {k: at(LISTS, v) if k == "address" else v for k, v in arguments.items()}
    given["addresses"] = [at(LISTS, path) for path in arguments.get("addresses", [])]
    given = {k: v for k, v in given.items() if v != []}
    edited = getattr(word, op)(LISTS, **given)
    assert labels(edited.content) == expected
    assert in_order(edited.content)
    assert in_order(edited.content, "word/numbering.xml")


def test_a_list_goes_on_with_the_one_before() -> None:
    content = docx(item("a"), p("x"), item("b", 3), item("c", 3), numbering=NUMBERING)
    assert labels(content) == ["1. a", "x", "7. b", "8. c"]
    edited = word.continue_list(content, at(content, "p3"))
    assert labels(edited.content) == ["1. a", "x", "2. b", "3. c"]
    assert [h.after for h in edited.hunks] == ["2. b", "3. c"]


def test_a_document_without_numbering_gets_it() -> None:
    content = docx(p("a"), p("b"))
    edited = word.set_list(content, [at(content, "p1"), at(content, "p2")], "numbered")
    assert labels(edited.content) == ["1. a", "2. b"]
    assert "word/numbering.xml" in names(edited.content)
    assert not lost(content, edited.content)


def test_a_list_by_style_is_left_with_the_list_zero() -> None:
    listed = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = f'<w:style w:type="paragraph" w:styleId="L"><w:name w:val="L"/>{listed}</w:style>'
    content = docx(p("a", style="L"), p("b", style="L"), numbering=NUMBERING, styles=styles)
    edited = word.set_list(content, [at(content, "p1")], "none")
    assert labels(edited.content) == ["a", "1. b"]
    assert '<w:numId w:val="0"/>' in part(edited.content)


@pytest.mark.parametrize("op", ["restart_list", "continue_list"])
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (docx(p("plain"), numbering=NUMBERING), "no_list"),
        (docx(item("a", 9), numbering=NUMBERING), "numbering"),
        (docx(item("a", 9)), "numbering"),
        (docx(item("a", 4), numbering='<w:num w:numId="4"/>'), "numbering"),
        (docx(item("a", 4), numbering='<w:num w:numId="4"><w:abstractNumId w:val="77"/></w:num>'), "numbering"),
    ],
)
def test_broken_numbering_is_named(op: str, content: bytes, code: str) -> None:
    with pytest.raises(ToolInputError, match=r"plain|paragraph 1") as caught:
        getattr(word, op)(content, at(content, "p1"))
    assert caught.value.code == code
    assert labels(word.set_list(content, [at(content, "p1")], "numbered").content)[0].startswith("1. ")
