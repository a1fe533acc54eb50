"""Replacing words changes these words only."""

from __future__ import annotations

from pathlib import Path

import pytest
from pptx.util import Emu

from copilot.documents import powerpoint
from copilot.errors import ToolInputError
from tests.documents.powerpoint.make import (
    CORPUS_DECKS,
    changed,
    deck,
    lost,
    opened,
    part,
    saved,
    strict,
    text,
    touched,
    with_diagram,
    word_in,
)


@pytest.mark.parametrize(
    ("line", "find", "new", "after"),
    [
        ("Acme grows", "Acme", "Contoso", "Contoso grows"),
        ("Ac|me grows", "Acme", "Contoso", "Contoso grows"),
        ("The |Ac|me| way", "Acme way", "plan", "The plan"),
        ("Acme, Acme|, Ac|me", "Acme", "B", "B, B, B"),
        ("a & <b>", "& <", "and >", "a and >b>"),
        ("Acme\u00a0Ltd", "Acme Ltd", "Contoso", "Contoso"),
        ("Acme\u2019s", "Acme's", "Our", "Our"),
        ("gone |away", "gone ", "", "away"),
        ("ein Fluß", "Fluß", "Strom", "ein Strom"),
    ],
)
def test_across_runs(line: str, find: str, new: str, after: str) -> None:
    edited = powerpoint.replace_text(deck(f"T\n{line}"), find, new)
    assert text(edited.content)[1] == after
    assert [(h.where, h.after) for h in edited.hunks] == [("slide 1, body", after)]


def test_the_format_of_the_first_run_stays_and_others_keep_theirs() -> None:
    edited = powerpoint.replace_text(deck("T\nplain |bold Ac|me end"), "Acme", "Contoso")
    runs = opened(edited.content).slides[0].placeholders[1].text_frame.paragraphs[0].runs
    assert [(r.text, r.font.bold) for r in runs] == [("plain ", None), ("bold Contoso", True), (" end", None)]


def test_a_new_line_becomes_a_line_break_in_the_same_format() -> None:
    edited = powerpoint.replace_text(deck("T\nplain |bold"), "bold", "one\ntwo")
    paragraph = opened(edited.content).slides[0].placeholders[1].text_frame.paragraphs[0]
    assert paragraph.text == "plain one\vtwo"
    assert [r.font.bold for r in paragraph.runs] == [None, True, True]


@pytest.mark.parametrize(
    ("options", "after"),
    [
        ({}, ["Plan", "x plans Planet"]),
        ({"match_case": False}, ["x", "x xs xet"]),
        ({"whole_word": True, "match_case": False}, ["x", "x plans Planet"]),
        ({"slides": [2]}, None),
    ],
)
def test_options(options: dict[str, object], after: list[str] | None) -> None:
    content = deck("Plan\nplan plans Planet", "Other")
    if after is None:
        with pytest.raises(ToolInputError) as caught:
            powerpoint.replace_text(content, "plan", "x", **options)  # type: ignore[arg-type]
        assert caught.value.code == "text_not_found"
        return
    edited = powerpoint.replace_text(content, "plan", "x", **options)  # type: ignore[arg-type]
    assert text(edited.content) == (after if options else ["Plan", "x xs Planet"])


def test_tables_groups_and_notes() -> None:
    made = opened(deck("T\nAcme\nN:Acme again"))
    shapes = made.slides[0].shapes
    shapes.add_table(2, 2, Emu(0), Emu(0), Emu(99), Emu(99)).table.cell(1, 0).text = "Acme cell"
    shapes.add_group_shape().shapes.add_textbox(Emu(0), Emu(0), Emu(9), Emu(9)).text_frame.text = "Acme group"
    edited = powerpoint.replace_text(saved(made), "Acme", "Contoso")
    places = {h.where: h.after for h in edited.hunks}
    assert places["slide 1, notes"] == "Contoso again"
    assert next(t for w, t in places.items() if "row 2, column 1" in w) == "Contoso cell"
    assert "Contoso group" in places.values()
    assert "Acme" not in powerpoint.read(edited.content).markdown


def test_missing_words_offer_the_closest_passages() -> None:
    with pytest.raises(ToolInputError) as caught:
        powerpoint.replace_text(deck("Quarterly results\nRevenue"), "Quartely result", "x")
    assert "Quarterly results" in str(caught.value)
    assert "slide 1, title" in str(caught.value)
    with pytest.raises(ToolInputError, match="match_case=false"):
        powerpoint.replace_text(deck("Quarterly results"), "quarterly", "x")


@pytest.mark.parametrize("find", ["", "  "])
def test_nothing_to_look_for(find: str) -> None:
    with pytest.raises(ToolInputError):
        powerpoint.replace_text(deck("A"), find, "x")


def test_letters_that_xml_cannot_hold_are_refused() -> None:
    with pytest.raises(ToolInputError, match="U\\+0000"):
        powerpoint.replace_text(deck("A"), "A", "\0")


def test_fields_are_not_written_into() -> None:
    content = deck("T\nPage here")
    field = '<a:fld id="{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}" type="slidenum"><a:rPr/><a:t>7</a:t></a:fld>'
    content = changed(content, "ppt/slides/slide1.xml", "<a:t>Page here</a:t></a:r>", f"<a:t>Page </a:t></a:r>{field}")
    with pytest.raises(ToolInputError) as caught:
        powerpoint.replace_text(content, "Page 7", "x")
    assert caught.value.code == "no_change"
    edited = powerpoint.replace_text(content, "Page", "Seite")
    assert field.replace("<a:rPr/>", "<a:rPr/>") in part(edited.content, "ppt/slides/slide1.xml").decode()


def test_chart_data_is_named_not_changed(office: Path) -> None:
    content = (office / "kickoff-deck.pptx").read_bytes()
    with pytest.raises(ToolInputError, match="data of a chart on slide 6"):
        powerpoint.replace_text(content, "Hardware", "Devices")
    edited = powerpoint.replace_text(content, "Survey", "Study")
    assert any("chart on slide 6" in warning for warning in edited.warnings)


def test_smartart_is_changed_in_its_data_and_its_drawing() -> None:
    content = with_diagram(deck("T"))
    assert ("slide 1, SmartArt", "Old words") in [(s.where, s.text) for s in powerpoint.read(content).segments]
    edited = powerpoint.replace_text(content, "Old", "New")
    assert [(h.where, h.after) for h in edited.hunks] == [("slide 1, SmartArt", "New words")]
    assert touched(content, edited.content) == {"ppt/diagrams/data1.xml", "ppt/diagrams/drawing1.xml"}


def test_texts_of_masters_are_changed_only_when_asked() -> None:
    made = opened(deck("Acme plan"))
    box = made.slide_layouts[1].placeholders[0]._element
    static = made.slides[0].shapes.add_textbox(Emu(0), Emu(0), Emu(9), Emu(9))
    static.text_frame.text = "Acme Ltd"
    box.getparent().append(static._element)
    content = saved(made)
    edited = powerpoint.replace_text(content, "Acme", "Contoso")
    assert len(edited.hunks) == 1
    assert any("slide master or layout" in warning for warning in edited.warnings)
    both = powerpoint.replace_text(content, "Acme", "Contoso", masters=True)
    assert [h.where for h in both.hunks] == ["slide 1, title", "layout 'Title and Content', shape 'TextBox 3'"]


def test_words_of_comments_stay() -> None:
    path = next((p for p in CORPUS_DECKS if "45545_Comment" in p.name), None)
    if path is None:
        pytest.skip("needs the corpus")
    with pytest.raises(ToolInputError, match="a comment on slide 1"):
        powerpoint.replace_text(path.read_bytes(), "testdoc", "x")


def test_strict_files_stay_strict() -> None:
    content = strict(deck("T\nAc|me"))
    edited = powerpoint.replace_text(content, "Acme", "B\nC")
    assert touched(content, edited.content) == {"ppt/slides/slide1.xml"}
    assert b"schemas.openxmlformats.org/drawingml" not in part(edited.content, "ppt/slides/slide1.xml")


@pytest.mark.parametrize("path", CORPUS_DECKS, ids=lambda p: p.name)
def test_real_decks_lose_nothing(path: Path) -> None:
    content, word = path.read_bytes(), word_in(path)
    if not word:
        pytest.skip("no words on it")
    edited = powerpoint.replace_text(content, word, "Zebra & <Co>")
    assert lost(content, edited.content) == {}
    assert powerpoint.replace_text(content, word, "Zebra & <Co>").content == edited.content
    assert "Zebra & <Co>" in powerpoint.read(edited.content).markdown
    slides = [
        n
        for n in touched(content, edited.content)
        if not n.startswith(("ppt/slides/", "ppt/notesSlides/", "ppt/diagrams/", "ppt/charts/"))
    ]
    assert slides == []
