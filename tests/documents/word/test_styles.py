"""Styles (17.7) and properties of a document: made, changed, and Word's own ones where they are first used."""

from __future__ import annotations

import io
from typing import Any

import docx as python_docx
import pytest

from copilot.documents import word
from copilot.documents.word import builtin
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import docx, p, part
from .whole import at, sound

CONTENT = docx(p("Scope", style="berschrift1"), p("Some text."))


@pytest.mark.parametrize("strict", [False, True])
def test_a_style_is_made_and_used(strict: bool) -> None:
    content = docx(p("Some text."), strict=strict)
    made = word.create_style(
        content, "Clause Text", based_on="Quote", next="Normal", font="Arial", size=11, bold=True, space_after=6,
        alignment="justify", outline_level=2,
    )  # fmt: skip
    assert sound(content, made.content, strict=strict) == {"word/styles.xml"}
    styles = part(made.content, "word/styles.xml")
    assert '<w:name w:val="Clause Text"/><w:basedOn w:val="Zitat"/><w:next w:val="Standard"/><w:qFormat/>' in styles
    assert '<w:pPr><w:spacing w:after="120"/><w:jc w:val="both"/><w:outlineLvl w:val="1"/></w:pPr>' in styles
    assert 'w:customStyle="1"' in styles
    used = word.apply_style(made.content, [at(made.content, "p1")], "clause text")
    assert word.outline(used.content).headings[0].level == 2


def test_a_table_style_has_lines_and_a_header() -> None:
    made = word.create_style(CONTENT, "Price List", "table", grid=True, header_shading="#ddeeff", size=9)
    styles = part(made.content, "word/styles.xml")
    assert '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr><w:tcPr><w:shd w:val="clear"' in styles
    assert styles.index("w:sz ") < styles.index("w:tblBorders")
    sound(CONTENT, made.content)
    read = python_docx.Document(io.BytesIO(made.content))
    assert read.styles["Price List"].type is not None


def test_a_style_is_changed_and_its_linked_one_follows() -> None:
    linked = (
        '<w:style w:type="paragraph" w:styleId="A"><w:name w:val="Lead"/><w:link w:val="B"/></w:style>'
        '<w:style w:type="character" w:styleId="B"><w:name w:val="Lead Char"/><w:link w:val="A"/></w:style>'
    )
    content = docx(p("x", style="A"), styles=linked)
    edited = word.modify_style(content, "lead", color="336699", keep_with_next=True)
    styles = part(edited.content, "word/styles.xml")
    assert styles.count('<w:color w:val="336699"/>') == 2
    assert styles.count("<w:keepNext/>") == 1
    assert sound(content, edited.content) == {"word/styles.xml"}
    with pytest.raises(ToolInputError, match="already"):
        word.modify_style(edited.content, "lead", color="336699")
    renamed = word.rename_style(content, "Lead", "Introduction")
    assert '<w:name w:val="Introduction"/>' in part(renamed.content, "word/styles.xml")
    assert 'w:val="A"' in part(renamed.content)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: word.create_style(CONTENT, "quote"), "name"),
        (lambda: word.create_style(CONTENT, "Subtitle"), "name"),
        (lambda: word.create_style(CONTENT, "a,b"), "name"),
        (lambda: word.create_style(CONTENT, "New", based_on="Quot"), "unknown_paragraph_style"),
        (lambda: word.create_style(CONTENT, "New", "character", alignment="left"), "arguments"),
        (lambda: word.create_style(CONTENT, "New", grid=True), "arguments"),
        (lambda: word.modify_style(CONTENT, "Nothing", bold=True), "unknown_paragraph_style"),
        (lambda: word.modify_style(CONTENT, "Heading 2", based_on="Clause Heading"), "circle"),
        (lambda: word.rename_style(CONTENT, "Heading 1", "Chapter"), "builtin"),
    ],
)
def test_styles_are_checked(call: Any, code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        call()
    assert caught.value.code == code


@pytest.mark.parametrize("strict", [False, True])
def test_words_own_styles_are_made_in_order(strict: bool) -> None:
    content = docx(p("x"), styles="", strict=strict)
    document = Document(content)
    made = {
        style: builtin.ensure(document.styles, style, kind)
        for kind in ("paragraph", "character")
        for style in builtin.names(kind)
    }
    edited = document.save()
    assert sound(content, edited, strict=strict) == {"word/styles.xml"}
    assert len(set(made.values())) == len(made)
    assert "themeColor" not in part(edited, "word/styles.xml"), "there is no theme to take them from"
    again = Document(edited)
    assert {
        style: again.styles.id_of(style, "paragraph") or again.styles.id_of(style, "character") for style in made
    } == made


def test_a_built_in_style_is_there_when_it_is_asked_for() -> None:
    edited = word.apply_style(CONTENT, [at(CONTENT, "p2")], "Intense quote")
    assert '<w:name w:val="Intense Quote"/>' in part(edited.content, "word/styles.xml")
    formatted = word.format_text(CONTENT, find="text", style="Strong")
    assert '<w:rStyle w:val="Strong"/>' in part(formatted.content)


# Properties


@pytest.mark.parametrize("strict", [False, True])
def test_properties_are_made_set_and_deleted(strict: bool) -> None:
    content = docx(p("x"), strict=strict)
    made = word.set_properties(
        content, title="A & B", author="Ann", company="Co", custom={"Client": "ACME", "Count": 3, "Final": True}
    )
    sound(content, made.content, strict=strict)
    assert word.read(made.content).properties == {
        "title": "A & B", "creator": "Ann", "custom Client": "ACME", "custom Count": "3", "custom Final": "true",
    }  # fmt: skip
    assert "<Company>Co</Company>" in part(made.content, "docProps/app.xml")
    changed = word.set_properties(made.content, title="C", custom={"Count": None, "Final": False, "Rate": 0.5})
    assert [(h.before, h.after) for h in changed.hunks] == [("A & B", "C"), ("3", ""), ("true", "false"), ("", "0.5")]
    assert sound(made.content, changed.content, strict=strict) == {"docProps/core.xml", "docProps/custom.xml"}
    with pytest.raises(ToolInputError, match="so already"):
        word.set_properties(changed.content, title="C", custom={"Count": None})
    if not strict:
        assert python_docx.Document(io.BytesIO(changed.content)).core_properties.title == "C"
