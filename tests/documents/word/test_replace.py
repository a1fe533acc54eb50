from __future__ import annotations

import pytest

from copilot.documents import word
from copilot.errors import DocumentError, ToolInputError

from .make import (
    changed_parts,
    docx,
    field,
    lost,
    p,
    part,
    r,
    table,
    text_box,
)

DEL = '<w:del w:author="Ann"><w:r><w:delText>{}</w:delText></w:r></w:del>'
INS = '<w:ins w:author="Ann">{}</w:ins>'
MATH = "<m:oMath><m:r><m:t>{}</m:t></m:r></m:oMath>"


def visible(content: bytes) -> list[str]:
    return [s.text for s in word.read(content).segments if s.kind not in ("property",) and not s.hidden]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        pytest.param(p("Acme delivers."), "Contoso delivers.", id="one run"),
        pytest.param(p("Ac", r("me", "<w:b/>"), " delivers."), "Contoso delivers.", id="across runs"),
        pytest.param(p("A", "c", "m", "e"), "Contoso", id="a run for each letter"),
        pytest.param(p("Acme and Acme"), "Contoso and Contoso", id="twice in one run"),
        pytest.param(p("Acme", "Ac", "me", "Acme"), "ContosoContosoContoso", id="touching"),
        pytest.param(p("<w:hyperlink w:anchor='x'>" + r("Ac") + "</w:hyperlink>", "me"), "Contoso", id="half a link"),
        pytest.param(p(INS.format(r("Ac")), "me"), "Contoso", id="half an insertion"),
        pytest.param(p("<w:smartTag w:element='x'>" + r("Acme") + "</w:smartTag>"), "Contoso", id="smart tag"),
        pytest.param(
            p("<w:sdt><w:sdtContent>" + r("Acme") + "</w:sdtContent></w:sdt>"), "Contoso", id="content control"
        ),
        pytest.param(p("<w:fldSimple w:instr='TITLE'>" + r("Acme") + "</w:fldSimple>"), "Contoso", id="simple field"),
        pytest.param(p(field("DOCPROPERTY Acme", "Acme")), "Contoso", id="complex field"),
        pytest.param(p("Ac", '<w:bookmarkStart w:id="1" w:name="b"/>', "me"), "Contoso", id="bookmark inside"),
        pytest.param(p("Ac", "<w:r><w:lastRenderedPageBreak/></w:r>", "me"), "Contoso", id="page break mark inside"),
        pytest.param(p("Ac", "<w:proofErr w:type='spellStart'/>", "me"), "Contoso", id="proofing mark inside"),
        pytest.param(p("Ac", DEL.format("X"), "me"), "Contoso", id="deletion between"),
    ],
)
def test_text_is_found_wherever_it_stands(paragraph: str, expected: str, strict: bool) -> None:
    before = docx(paragraph, strict=strict)
    edited = word.replace_text(before, "Acme", "Contoso")
    assert edited.hunks[0].after == expected
    assert visible(edited.content)[0] == expected
    assert changed_parts(before, edited.content) == {"word/document.xml"}


@pytest.mark.parametrize(
    ("where", "parts", "blocks"),
    [
        ("header 1", {"header1": p("Acme")}, []),
        ("footer 1", {"footer1": p("Acme")}, []),
        ("footnote 1", {"footnotes": f'<w:footnote w:id="2">{p("Acme")}</w:footnote>'}, []),
        ("endnote 1", {"endnotes": f'<w:endnote w:id="2">{p("Acme")}</w:endnote>'}, []),
        ("table 1, row 1, column 2", {}, [table(["x", "Acme"])]),
        ("table 1, row 1, column 1, table 1, row 1, column 1", {}, [table([table(["Acme"]) + p("")])]),
        ("paragraph 1", {}, ["<w:sdt><w:sdtContent>" + p("Acme") + "</w:sdtContent></w:sdt>"]),
        ("paragraph 1, text box 1", {}, [p(text_box(p("Acme")))]),
    ],
)
def test_every_story_is_searched(where: str, parts: dict[str, str], blocks: list[str]) -> None:
    edited = word.replace_text(docx(*blocks, **parts), "Acme", "Contoso")
    assert [(h.where, h.before, h.after) for h in edited.hunks] == [(where, "Acme", "Contoso")]


def test_both_copies_of_a_text_box_are_changed_and_shown_once() -> None:
    edited = word.replace_text(docx(p(text_box(p("Hello Acme", " Ltd")))), "Acme Ltd", "Contoso")
    assert len(edited.hunks) == 1
    assert part(edited.content).count(">Hello Contoso<") == 2
    assert "Acme" not in part(edited.content)


def test_formatting_of_the_first_run_is_kept_and_nothing_else_changes() -> None:
    before = docx(p(r("Dear ", "<w:i/>"), r("Ac", "<w:b/>"), r("me", "<w:u w:val='single'/>"), " team"), p("Other"))
    after = word.replace_text(before, "Acme", "Contoso").content
    xml = part(after)
    assert '<w:b/></w:rPr><w:t xml:space="preserve">Contoso</w:t>' in xml
    gone = {text for (_, _, text) in lost(before, after)}
    assert gone == {"Ac", "me"}
    assert 'mc:Ignorable="w14"' in xml


def test_tab_and_line_feed_characters_in_the_text_stay_as_written() -> None:
    # Word shows them as spaces (they are no tabs or breaks), but the words beside an edit are not ours to rewrite.
    before = docx("<w:p><w:r><w:t>\tAcme\t and\nthe Acme\nteam</w:t></w:r></w:p>")
    after = part(word.replace_text(before, "Acme", "Contoso").content)
    assert "<w:t>\tContoso\t and\nthe Contoso\nteam</w:t>" in after.replace(' xml:space="preserve"', "")
    new = part(word.replace_text(before, "the Acme", "a\tb").content)
    assert "and\na</w:t><w:tab/><w:t" in new


def test_words_that_stay_keep_their_own_formatting() -> None:
    after = word.replace_text(docx(p("Acme ", r("Inc", "<w:b/>"))), "Acme Inc", "Acme Ltd").content
    assert '<w:b/></w:rPr><w:t xml:space="preserve">Ltd</w:t>' in part(after)


@pytest.mark.parametrize(
    ("paragraph", "find", "replace", "expected"),
    [
        (p("a", "<w:r><w:tab/></w:r>", "b"), "a\tb", "a b", "a b"),
        (p("a", "<w:r><w:br/></w:r>", "b"), "a\nb", "ab", "ab"),
        (p("a", "<w:r><w:noBreakHyphen/></w:r>", "b"), "a\u2011b", "a-b", "a-b"),
        (p("one two"), " two", "\ttwo", "one\ttwo"),
        (p("one two"), " ", "\n", "one\ntwo"),
        (p("one two three"), "two ", "", "one three"),
        (p("a.c abc"), "a.c", "x", "x abc"),
        (p("5 < 6 & 7".replace("&", "&amp;").replace("<", "&lt;")), "< 6 & 7", "> 1 & 2", "5 > 1 & 2"),
        (p("price \\1"), "price", "\\1", "\\1 \\1"),
    ],
)
def test_signs_are_taken_as_they_are(paragraph: str, find: str, replace: str, expected: str) -> None:
    edited = word.replace_text(docx(paragraph), find, replace)
    assert edited.hunks[0].after == expected
    assert visible(edited.content)[0].replace("  \n", "\n") == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "Contoso acme Acmes"),
        ({"match_case": False}, "Contoso Contoso Contosos"),
        ({"whole_word": True}, "Contoso acme Acmes"),
        ({"match_case": False, "whole_word": True}, "Contoso Contoso Acmes"),
        ({"match_case": False, "all": False}, "Contoso acme Acmes"),
    ],
)
def test_options(options: dict[str, bool], expected: str) -> None:
    find = "Acme"
    text = "Acme acme Acmes"
    if options == {}:
        expected = "Contoso acme Contosos"
    assert word.replace_text(docx(p(text)), find, "Contoso", **options).hunks[0].after == expected


@pytest.mark.parametrize(
    "stored",
    ["Acme\u00a0Corp", "Acme  Corp", "Acme\u202fCorp", "Ac\u00adme Corp"],
    ids=["nbsp", "two", "narrow", "shy"],
)
def test_other_spaces_and_soft_hyphens_match_with_a_warning(stored: str) -> None:
    edited = word.replace_text(docx(p(f"The {stored} team")), "Acme Corp", "Contoso")
    assert edited.hunks[0].after == "The Contoso team"
    assert any("other spaces" in w for w in edited.warnings)


def test_typographic_quotes_match_straight_ones() -> None:
    edited = word.replace_text(docx(p("the \u201cBuyer\u2019s\u201d duty")), '"Buyer\'s"', "Seller")
    assert edited.hunks[0].after == "the Seller duty"


def test_exact_places_only_when_there_are_some() -> None:
    edited = word.replace_text(docx(p("Acme Corp"), p("Acme\u00a0Corp")), "Acme Corp", "Contoso")
    assert [h.where for h in edited.hunks] == ["paragraph 1"]
    assert any("1 more" in w and "paragraph 2" in w for w in edited.warnings)


@pytest.mark.parametrize(
    "paragraph",
    [
        p(DEL.format("Acme")),
        p("<w:moveFrom w:id='1'>" + r("Acme") + "</w:moveFrom>"),
        p(field("MERGEFIELD Acme", "x")),
        p("Fabrikam"),
    ],
    ids=["deletion", "moved away", "field code", "elsewhere"],
)
def test_deletions_and_field_codes_are_not_text(paragraph: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.replace_text(docx(paragraph), "Acme", "Contoso")
    assert caught.value.code == "not_found"


def test_equations_are_left_alone() -> None:
    before = docx(p("Acme"), p(MATH.format("Acme")))
    edited = word.replace_text(before, "Acme", "x")
    assert len(edited.hunks) == 1
    assert any("equation" in w for w in edited.warnings)
    with pytest.raises(ToolInputError, match="equation"):
        word.replace_text(docx(p(MATH.format("Acme"))), "Acme", "x")


def test_not_found_offers_the_closest_passages() -> None:
    with pytest.raises(ToolInputError, match="Acme Corporation") as caught:
        word.replace_text(docx(p("signed by Acme Corporation today")), "Acmee Corporation", "x")
    assert "paragraph 1" in str(caught.value)


@pytest.mark.parametrize(("find", "replace"), [("", "x"), ("a", "a"), ("a", "x\x00"), ("a\x07", "x")])
def test_senseless_arguments_are_refused(find: str, replace: str) -> None:
    with pytest.raises(ToolInputError):
        word.replace_text(docx(p("a")), find, replace)


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (docx(p("Acme"), extra={"_xmlsignatures/origin.sigs": ""}), "signature"),
        (docx(p("Acme"), settings="<w:trackRevisions/>"), "Track Changes"),
        (docx(p(field("TITLE", "Acme"))), "field"),
        (docx(p("Acme"), comments=f'<w:comment w:id="1">{p("Acme?")}</w:comment>'), "comment 1"),
        (
            docx(
                p("<w:hyperlink r:id='L1'>" + r("acme.com") + "</w:hyperlink> Acme"), links={"L1": "https://acme.com"}
            ),
            "acme.com",
        ),
        (
            docx(p("<w:sdt><w:sdtPr><w:dataBinding/></w:sdtPr><w:sdtContent>" + r("Acme") + "</w:sdtContent></w:sdt>")),
            "filled from data",
        ),
    ],
)
def test_warnings(content: bytes, warning: str) -> None:
    find = "acme" if warning == "acme.com" else "Acme"
    assert any(warning in w for w in word.replace_text(content, find, "x").warnings)


def test_other_letters_are_told() -> None:
    content = docx(p("Acme"), p("ACME and acme"))
    assert any("2 more" in w and "paragraph 2" in w for w in word.replace_text(content, "Acme", "Contoso").warnings)
    assert word.replace_text(content, "Acme", "x", match_case=False).warnings == ()
    with pytest.raises(ToolInputError, match="match_case"):
        word.replace_text(docx(p("ACME")), "Acme", "x")


def test_a_plain_document_gives_no_warning() -> None:
    assert word.replace_text(docx(p("Acme")), "Acme", "x").warnings == ()


def test_the_same_edit_gives_the_same_bytes() -> None:
    content = docx(p("Acme"), header1=p("Acme"))
    assert word.replace_text(content, "Acme", "x") == word.replace_text(content, "Acme", "x")


@pytest.mark.parametrize("content", [b"", b"plain text", b"PK\x03\x04 broken"])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(DocumentError):
        word.replace_text(content, "a", "b")


def test_find_names_place_and_address() -> None:
    content = docx(p("The ", "Acme", " team"), table(["x", "acme"]))
    found = word.find(content, "ACME")
    assert [(f.where, f.text) for f in found] == [
        ("paragraph 1", "The Acme team"),
        ("table 1, row 1, column 2", "acme"),
    ]
    assert word.replace_paragraph(content, found[0].address, "New").hunks[0].before == "The Acme team"
