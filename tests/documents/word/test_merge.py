"""Mail merge: one document a row, or one of them all; what their files are called, and what the report says."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from typing import Any

import docx as reader
import pytest

from copilot.documents.package import Package
from copilot.documents.word.document import Document
from copilot.documents.word.merge import combine, merge
from copilot.documents.word.templates import Shown
from copilot.errors import ToolInputError

from .make import NUMBERING, TRANSITIONAL, changed_parts, docx, field, item, p, part

SECTION = '<w:sectPr><w:headerReference w:type="default" r:id="rId3"/><w:pgSz w:w="11906" w:h="16838"/></w:sectPr>'
LETTER = docx(
    p("Dear {{name}},"),
    item("First: {{due}}"),
    item("Second"),
    p(field('MERGEFIELD sum \\# "0.00"', "«sum»"), '<w:r><w:footnoteReference w:id="2"/></w:r>'),
    section=SECTION,
    numbering=NUMBERING,
    header1=p("To {{name}}"),
    footnotes=f'<w:footnote w:id="2">{p("Note for {{name}}")}</w:footnote>',
    settings='<w:mailMerge><w:mainDocumentType w:val="formLetters"/></w:mailMerge>',
)
ROWS: list[dict[str, Any]] = [
    {"name": "Ann", "due": Shown(date(2026, 3, 1), "1-Mar"), "sum": 1},
    {"name": "", "due": None, "sum": None},
    {"name": "Bob", "due": Shown(date(2026, 3, 2), "2-Mar"), "sum": 2.5},
]


def texts(content: bytes, kind: str = "body") -> list[str]:
    document = Document(content)
    return [document.text(b) for b in document.blocks if b.kind == "paragraph" and b.story.kind == kind]


def test_one_document_for_each_row() -> None:
    made = merge(LETTER, iter(ROWS))
    first, second = made
    assert (first.name, second.name) == ("001-Ann.docx", "003-Bob.docx")
    assert texts(first.edited.content) == ["Dear Ann,", "First: 1-Mar", "Second", "1.00"]
    assert texts(second.edited.content, "header") == ["To Bob"]
    assert texts(second.edited.content, "footnote") == ["Note for Bob"]
    assert "mailMerge" not in part(first.edited.content, "word/settings.xml")
    assert changed_parts(LETTER, first.edited.content) == {
        "word/document.xml", "word/header1.xml", "word/footnotes.xml", "word/settings.xml",
    }  # fmt: skip
    assert made.report.lines() == ["2 rows merged.", "Row 2 was skipped: it is empty."]


def test_rows_come_one_at_a_time_and_what_fails_is_skipped_with_its_reason() -> None:
    asked: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(5):
            asked.append(number)
            yield {"name": number, "due": [1] if number == 1 else "x"}

    made = merge(LETTER, rows())
    next(made)
    assert asked == [0]
    assert [each.row for each in made] == [3, 4, 5]
    assert made.report.skipped[0][0] == 2
    assert "is a list" in made.report.skipped[0][1]
    assert [(u.name, n) for u, n in made.report.unfilled.items()] == [("sum", 4)]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("{n:03}-{name}.docx", "a/b\\c:d", "001-a-b-c-d.docx"),
        ("{name}", "..", "001.docx"),
        ("{name}.docx", "../../etc/passwd", "etc-passwd.docx"),
        ("{name}.docx", "con", "_con.docx"),
        ("{name}.docx", "Zoë\n Lee ", "Zoë Lee.docx"),
        ("{name}.docx", "x" * 300, "x" * 120 + ".docx"),
        ("{n} {gone} {name.__class__}.docx", "a", "1.docx"),
        ("letter.docx", "a", "letter.docx"),
    ],
)
def test_names_are_safe(pattern: str, name: str, expected: str) -> None:
    assert [each.name for each in merge(LETTER, [{"name": name}], name=pattern)] == [expected]


def test_names_are_unique() -> None:
    rows = [{"name": "A"}, {"name": "a"}, {"name": "a"}]
    assert [m.name for m in merge(LETTER, rows, name="{name}.docx")] == ["A.docx", "a (2).docx", "a (3).docx"]


def test_a_template_that_can_t_be_filled_is_refused_before_any_row() -> None:
    with pytest.raises(ToolInputError, match="never closed"):
        merge(docx(p("{{#if x}}")), [])
    with pytest.raises(ToolInputError, match=r"end in \.docx"):
        merge(LETTER, [], name="{n}.pdf")


def test_all_rows_in_one_document() -> None:
    done = combine(LETTER, ROWS)
    content = done.edited.content
    assert texts(content) == [
        "Dear Ann,", "First: 1-Mar", "Second", "1.00", "Dear Bob,", "First: 2-Mar", "Second", "2.50",
    ]  # fmt: skip
    assert sorted(texts(content, "header")) == ["To Ann", "To Bob"]
    assert sorted(texts(content, "footnote")) == ["Note for Ann", "Note for Bob"]
    made = reader.Document(io.BytesIO(content))
    assert [s.header.paragraphs[0].text for s in made.sections] == ["To Ann", "To Bob"]
    document = Document(content)
    labels = [n.label for b in document.blocks if b.kind == "paragraph" and (n := document.numbering.label(b.element))]
    assert labels == ["1.", "2.", "1.", "2."]
    assert 'w:pgNumType w:start="1"' in part(content)
    assert done.report.done == 2
    assert combine(LETTER, ROWS).edited.content == content
    package = Package.open(content)
    assert len(set(package.names())) == len(package.names())
    assert TRANSITIONAL["w"] in part(content)


def test_nothing_to_combine_is_refused_and_a_wrong_row_is_named() -> None:
    with pytest.raises(ToolInputError, match="no row"):
        combine(LETTER, [{}])
    with pytest.raises(ToolInputError, match="Row 2: "):
        combine(LETTER, [ROWS[0], {"name": "x"}], missing="error")


def test_a_template_s_documents_are_documents() -> None:
    package = Package.open(LETTER)
    main = package.main
    package.add(main, package.read(main), package.content_type(main).replace("document.main", "template.main"))
    made = [m.edited for m in merge(package.save(), ROWS[:1])] + [combine(package.save(), ROWS).edited]
    assert ["document.main" in Package.open(m.content).content_type(main) for m in made] == [True, True]


def test_lists_by_style_begin_anew_in_each_row() -> None:
    style = (
        '<w:style w:type="paragraph" w:styleId="Nummer"><w:name w:val="Number"/><w:pPr><w:numPr><w:numId w:val="3"/>'
        "</w:numPr></w:pPr></w:style>"
    )
    content = docx(p("{{name}}", style="Nummer"), p("b", style="Nummer"), styles=style, numbering=NUMBERING)
    document = Document(combine(content, [ROWS[0], ROWS[2]]).edited.content)
    found = [document.numbering.label(b.element) for b in document.blocks if document.text(b)]
    assert [n.label for n in found if n] == ["7.", "8.", "7.", "8."]
