"""What lawyers, assistants and report writers ask for, from the request to what another reader sees of it."""

from __future__ import annotations

import io
import re
from typing import Any

import docx as python_docx
import pytest

from copilot.documents import word
from copilot.errors import ToolInputError

from .make import NUMBERING, SECTION, docx, field, item, names, p, part, r, table
from .validity import problems
from .whole import at, texts

_NUMBERED = (
    '<w:style w:type="paragraph" w:default="1" w:styleId="Standard"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr>'
    '<w:numPr><w:numId w:val="1"/></w:numPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="TOCH"><w:name w:val="TOC Heading"/><w:basedOn w:val="H1"/>'
    '<w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>'
)
_HEADER = (
    '<w:p><w:bookmarkStart w:id="7" w:name="Ref"/><w:r><w:t>Acme GmbH</w:t></w:r><w:bookmarkEnd w:id="7"/>'
    '<w:sdt><w:sdtPr><w:id w:val="55"/></w:sdtPr><w:sdtContent><w:r><w:t>x</w:t></w:r></w:sdtContent></w:sdt></w:p>'
)
_BOUND = (
    '<w:sdt><w:sdtPr><w:tag w:val="client"/><w:id w:val="5"/><w:text/></w:sdtPr><w:sdtContent>'
    f"{p('Beta Ltd')}</w:sdtContent></w:sdt>"
)


def contract() -> bytes:
    """A contract: numbered headings and clauses, a party cut by runs, a price table, a header."""
    return docx(
        p("between ", r("Acme", "<w:b/>"), r(" Gm"), "bH and “", r("Beta", "<w:b/>"), "”"),
        p("Fees", style="H1"),
        item("The fee and a fee and the fee.", level=1),
        item("Acme GmbH may terminate.", level=1),
        item("Notices: see clause 1.b), please.", level=1),
        table(["Item", "Price"], ["Travel", "200"], ["Total", "200"]),
        p("Apples"),
        p("Pears"),
        p("Plums"),
        _BOUND,
        p("Signed"),
        section=SECTION.replace("<w:pgSz", '<w:headerReference w:type="default" r:id="rId3"/><w:pgSz'),
        styles=_NUMBERED,
        numbering=NUMBERING,
        header1=_HEADER,
    )


def do(content: bytes, *operations: dict[str, Any], track: Any = "off") -> bytes:
    """The edited file; nothing in it may be wrong that was right."""
    done = word.edit(content, operations, track=track, author="Ann").content
    assert not problems(done) - problems(content)
    assert python_docx.Document(io.BytesIO(done)).paragraphs
    return done


def plain(content: bytes) -> list[str]:
    """The paragraphs of the body, as another reader reads them."""
    return [each.text for each in python_docx.Document(io.BytesIO(content)).paragraphs]


def test_a_party_is_renamed_everywhere_and_stays_bold() -> None:
    content = contract()
    done = do(content, {"op": "replace_text", "find": "Acme GmbH", "replace": "Newco AG"})
    assert "Acme" not in word.read(done).markdown
    runs = python_docx.Document(io.BytesIO(done)).paragraphs[0].runs
    assert [run.text for run in runs if run.bold] == ["Newco AG", "Beta"]


def test_typed_quotes_are_not_put_in_the_place_of_the_documents_own() -> None:
    done = do(contract(), {"op": "replace_text", "find": '"Beta"', "replace": '"Gamma"'})
    first = python_docx.Document(io.BytesIO(done)).paragraphs[0]
    assert first.text.endswith("“Gamma”")
    assert "Gamma" in [run.text for run in first.runs if run.bold]


def test_ranges_name_what_stood_there_when_the_batch_began() -> None:
    content = contract()
    fruit = f"{at(content, 'p6')}..{at(content, 'p8')}"
    new = {"op": "insert_paragraphs", "at": at(content, "p7"), "text": "Kept"}
    left = plain(do(content, new, {"op": "delete_blocks", "addresses": [fruit]}))
    assert left[-2:] == ["Kept", "Signed"]
    assert not {"Apples", "Pears", "Plums"} & set(left)
    listed = word.read(do(content, {"op": "set_list", "addresses": [fruit], "kind": "numbered"})).markdown
    assert re.search(r"1\. Apples.*\n.*2\. Pears.*\n.*3\. Plums", listed)
    joined = do(content, {"op": "join_paragraphs", "addresses": [fruit], "separator": ", "})
    assert "Apples, Pears, Plums" in plain(joined)
    with pytest.raises(ToolInputError, match="does not follow"):
        do(content, {"op": "delete_blocks", "addresses": [f"{at(content, 'p8')}..{at(content, 'p6')}"]})


def test_a_comment_on_each_place_of_a_word_in_one_paragraph() -> None:
    content = contract()
    places = word.find(content, "fee", match_case=True)
    asked = [
        {"op": "add_comment", "address": each.address, "words": "fee", "nth": nth, "text": f"Which? {nth}"}
        for nth, each in enumerate(places, 1)
    ]
    assert len(asked) == 3
    assert word.read(do(content, *asked)).markdown.count("on 'fee'") == 3
    with pytest.raises(ToolInputError, match="3 times, not 4"):
        do(content, {**asked[0], "nth": 4})


@pytest.mark.parametrize("track", ["off", "on"])
def test_a_typed_clause_number_becomes_a_live_reference(track: str) -> None:
    content = contract()
    asked = {"op": "cross_reference", "address": at(content, "p5"), "to": at(content, "p4"), "show": "number"}
    done = do(content, {**asked, "words": "1.b)"}, track=track)
    accepted = do(done, {"op": "accept", "everything": True}) if track == "on" else done
    assert "Notices: see clause 1.b), please." in texts(accepted)
    assert re.search(r"REF _Ref\d+ \\r \\h", part(accepted))
    if track == "on":
        assert plain(do(done, {"op": "reject", "everything": True})) == plain(content)


def test_the_title_of_the_contents_takes_no_number_from_the_headings() -> None:
    done = do(contract(), {"op": "insert_toc", "at": at(contract(), "p1"), "title": "Contents"})
    shown = word.read(done).markdown
    assert "# 1. Fees" in shown
    assert not re.search(r"1\. .*Contents", shown)


def test_new_text_stays_out_of_a_control_of_one_value() -> None:
    content = contract()
    done = do(content, {"op": "insert_paragraphs", "at": at(content, "p9"), "text": "After"})
    controls = re.findall(r"<w:sdt>.*?</w:sdt>", part(done))
    assert ["After" in each for each in controls] == [False]
    assert texts(done)[-3:] == ["Beta Ltd", "After", "Signed"]


def test_a_copied_header_has_no_bookmark_or_control_id_twice() -> None:
    done = do(contract(), {"op": "set_header", "text": "Cover", "kind": "first"})
    assert python_docx.Document(io.BytesIO(done)).sections[0].first_page_header.paragraphs[0].text == "Cover"
    even = do(contract(), {"op": "set_header", "text": "More", "kind": "even", "append": True})
    assert "word/header2.xml" in names(even)
    margins = "".join(part(even, name) for name in names(even) if name.startswith("word/header"))
    assert margins.count('w:name="Ref"') == 1
    assert margins.count('<w:id w:val="55"/>') == 1


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "format_text", "find": "Plums", "color": "dark blue"}, 'w:color w:val="002060"'),
        ({"op": "format_text", "find": "Plums", "color": "#abc"}, 'w:color w:val="AABBCC"'),
        ({"op": "format_text", "find": "Plums", "underline": True}, 'w:u w:val="single"'),
        ({"op": "format_paragraph", "addresses": ["p8"], "shading": "yellow"}, 'w:fill="FFFF00"'),
        ({"op": "cell_format", "table": "1", "rows": [1], "fill": "Light Gray"}, 'w:fill="D9D9D9"'),
    ],
)
def test_colours_and_lines_as_people_say_them(operation: dict[str, Any], expected: str) -> None:
    content = contract()
    if "addresses" in operation:
        operation = {**operation, "addresses": [at(content, "p8")]}
    assert expected in part(do(content, operation))


def test_a_total_is_computed_by_word_and_a_new_table_is_named_by_its_number() -> None:
    content = contract()
    total = {
        "op": "insert_field",
        "address": at(content, "t1.r3.c2"),
        "code": '=SUM(ABOVE) \\# "0.00"',
        "result": "200",
    }
    assert '=SUM(ABOVE) \\# "0.00"' in part(do(content, total))
    new = {"op": "add_table", "rows": [["A"], ["1"]], "at": at(content, "p8")}
    done = do(content, new, {"op": "add_caption", "address": "t2", "text": "New", "position": "before"})
    assert any(each.startswith("Table 1: New") for each in plain(done))


@pytest.mark.parametrize(
    ("operation", "code", "said"),
    [
        ({"op": "replace_text", "find": "Zz", "replace": "x"}, "not_found", "does not contain 'Zz'"),
        ({"op": "replace_text", "find": "Check", "replace": "x"}, "not_found", r'within names them: \["comments"\]'),
        (
            {"op": "replace_text", "find": "Pears", "replace": "x", "within": ["comments"]},
            "not_found",
            "stands in para",
        ),
        ({"op": "format_text", "find": "Plums", "color": "blurple"}, None, "purple"),
        ({"op": "add_caption", "address": "t9", "text": "x"}, "address", "There is: t1:"),
        ({"op": "split_paragraph", "address": "p8", "before": "zz"}, "not_found", "does not hold 'zz'. It reads"),
        ({"op": "cross_reference", "address": "p8", "to": "Figure 9"}, "unknown_caption_or_heading", "Figure 1"),
        ({"op": "cross_reference", "address": "p8", "to": "Fees", "words": "a", "after": "b"}, "arguments", "either"),
        ({"op": "insert_field", "address": "p8", "code": "=INCLUDE {x}"}, "field", "can't be inserted"),
        ({"op": "join_paragraphs", "addresses": ["p8"]}, "arguments", "alone"),
        ({"op": "merge_cells", "table": "1", "cells": "r1c1:r1c9"}, "column", "columns 1 to 2"),
    ],
)
def test_refusals_say_what_to_do_next(operation: dict[str, Any], code: str | None, said: str) -> None:
    content = docx(
        *(p(words) for words in ("Fees", "a", "b", "c", "d", "Apples", "Pears", "Plums")),
        p("Figure ", field("SEQ Figure", "1"), ": Logo"),
        table(["Item", "Price"], ["Travel", "200"]),
    )
    content = word.edit(content, [{"op": "add_comment", "address": at(content, "p1"), "text": "Check it"}]).content
    paths = {key: at(content, "p8") for key in ("address",) if operation.get(key) == "p8"}
    listed = {"addresses": [at(content, "p8")]} if "addresses" in operation else {}
    with pytest.raises(ToolInputError, match=said) as refusal:
        word.edit(content, [{**operation, **paths, **listed}])
    assert code is None or refusal.value.code == code
