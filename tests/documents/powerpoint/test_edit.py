"""Notes, titles and new slides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from copilot.documents import powerpoint
from copilot.errors import ToolInputError
from tests.documents.makers import rezipped
from tests.documents.powerpoint.make import (
    CORPUS_DECKS,
    changed,
    deck,
    lost,
    names,
    opened,
    part,
    saved,
    strict,
    text,
    touched,
)


def notes(content: bytes, slide: int = 1) -> str:
    return str(opened(content).slides[slide - 1].notes_slide.notes_text_frame.text)


def test_notes_are_made_with_their_master() -> None:
    content = deck("One", "Two")
    edited = powerpoint.set_notes(content, 2, "First line\nSecond & last")
    assert notes(edited.content, 2) == "First line\nSecond & last"
    assert not opened(edited.content).slides[0].has_notes_slide
    assert any("notesMaster" in name for name in names(edited.content))
    more = powerpoint.set_notes(edited.content, 1, "Hello")
    assert sum("notesMasters/notesMaster" in name for name in names(more.content)) == 1
    assert [n for n, _, _ in powerpoint.notes(more.content)] == [1, 2]


def test_notes_are_replaced_in_their_format() -> None:
    content = deck("One\nN:Old words")
    edited = powerpoint.set_notes(content, 1, "New words")
    assert touched(content, edited.content) == {"ppt/notesSlides/notesSlide1.xml"}
    assert [(h.where, h.before, h.after) for h in edited.hunks] == [("slide 1, notes", "Old words", "New words")]
    assert notes(powerpoint.set_notes(edited.content, 1, "").content) == ""


def test_a_note_that_is_there_already_is_no_change() -> None:
    with pytest.raises(ToolInputError) as caught:
        powerpoint.set_notes(deck("One\nN:Same"), 1, "Same")
    assert caught.value.code == "no_change"


@pytest.mark.parametrize("slide", [0, 3, -1])
def test_unknown_slides(slide: int) -> None:
    for edit in (powerpoint.set_notes, powerpoint.set_title):
        with pytest.raises(ToolInputError, match="slides 1 to 2"):
            edit(deck("One", "Two"), slide, "x")


@pytest.mark.parametrize(
    ("title", "new", "runs"),
    [
        ("Our plan", "Our new plan", [("Our new plan", None)]),
        ("Our |plan", "Our |goal", [("Our |", None), ("goal", True)]),
        ("Budget |2026", "Budget 2027", [("Budget ", None), ("2027", True)]),
    ],
)
def test_a_title_keeps_what_stays(title: str, new: str, runs: list[tuple[str, bool | None]]) -> None:
    edited = powerpoint.set_title(deck(title), 1, new)
    found = opened(edited.content).slides[0].shapes.title.text_frame.paragraphs[0].runs
    assert "".join(r.text for r in found) == new
    assert found[-1].font.bold == runs[-1][1]


def test_a_slide_that_lost_its_title_gets_one_from_its_layout() -> None:
    content = deck("One\nBody")
    made = opened(content)
    title = made.slides[0].shapes.title._element
    title.getparent().remove(title)
    edited = powerpoint.set_title(saved(made), 1, "Back again")
    assert opened(edited.content).slides[0].shapes.title.text_frame.text == "Back again"


def test_an_empty_slide_without_a_place_for_a_title_gets_one_where_the_master_has_it() -> None:
    made = opened(deck("One"))
    made.slides.add_slide(made.slide_layouts[6])
    title = opened(powerpoint.set_title(saved(made), 2, "Late").content).slides[1].shapes.title
    own = next(s for s in made.slide_masters[0].placeholders if s.placeholder_format.type == 1)
    assert title is not None
    assert title.text_frame.text == "Late"
    assert (title.left, title.top, title.width, title.height) == (own.left, own.top, own.width, own.height)


def test_a_slide_whose_text_is_in_plain_boxes_is_not_given_a_second_title() -> None:
    made = opened(deck("One"))
    slide = made.slides.add_slide(made.slide_layouts[6])
    slide.shapes.add_textbox(0, 0, 9144, 9144).text_frame.text = "Drawn title"
    with pytest.raises(ToolInputError, match="'Drawn title'") as caught:
        powerpoint.set_title(saved(made), 2, "x")
    assert caught.value.code == "no_title"


def test_a_slide_is_added_in_the_decks_own_layout() -> None:
    content = deck("One\nA", "Two\nB")
    edited = powerpoint.add_slide(content, "New & fresh", ["First", "  Below", "- Third"], position=2, notes="Say it")
    made = opened(edited.content)
    assert [s.shapes.title.text_frame.text for s in made.slides] == ["One", "New & fresh", "Two"]
    new = made.slides[1]
    assert new.slide_layout.name == "Title and Content"
    assert [(p.text, p.level) for p in new.placeholders[1].text_frame.paragraphs] == [
        ("First", 0),
        ("Below", 1),
        ("Third", 0),
    ]
    assert new.notes_slide.notes_text_frame.text == "Say it"
    assert "ppt/slides/slide1.xml" not in touched(content, edited.content)
    assert edited.hunks[0].where == "slide 2"


def test_layouts_by_name() -> None:
    edited = powerpoint.add_slide(deck("One"), "Part two", layout="section header")
    assert opened(edited.content).slides[1].slide_layout.name == "Section Header"
    with pytest.raises(ToolInputError, match="Section Header"):
        powerpoint.add_slide(deck("One"), "x", layout="Section Heading")
    with pytest.raises(ToolInputError, match="1 to 2"):
        powerpoint.add_slide(deck("One"), "x", position=5)


def test_more_than_fits_is_said() -> None:
    assert powerpoint.add_slide(deck("One"), "Long", ["A point of some words"] * 20).warnings
    assert not powerpoint.add_slide(deck("One"), "Short", ["A point of some words"] * 4).warnings


def test_a_layout_without_room_gets_a_text_box() -> None:
    edited = powerpoint.add_slide(deck("One"), "Boxed", ["a", "  b"], layout="Blank")
    slide = opened(edited.content).slides[1]
    assert slide.shapes.title.text_frame.text == "Boxed"
    assert [(p.text, p.level) for p in slide.shapes[1].text_frame.paragraphs] == [("a", 0), ("b", 1)]
    assert edited.warnings


def test_a_new_slide_joins_the_section_of_its_neighbour() -> None:
    content = deck("One", "Two")
    main = part(content, "ppt/presentation.xml").decode()
    ids = re.findall(r'<p:sldId [^>]*?\bid="(\d+)"', main)
    sections = "".join(
        f'<p14:section name="S{n}" id="{{00000000-0000-0000-0000-00000000000{n}}}"><p14:sldIdLst>'
        f'<p14:sldId id="{slide}"/></p14:sldIdLst></p14:section>'
        for n, slide in enumerate(ids)
    )
    extension = (
        '<p:ext uri="{521415D9-36F7-43E2-AB2F-B90AF26B5E84}"><p14:sectionLst '
        'xmlns:p14="http://schemas.microsoft.com/office/powerpoint/2010/main">' + sections + "</p14:sectionLst></p:ext>"
    )
    listed = f"<p:extLst>{extension}</p:extLst></p:presentation>"
    main = re.sub(r"<p:extLst>.*</p:extLst>", "", main, flags=re.DOTALL)
    content = rezipped(content, {"ppt/presentation.xml": main.replace("</p:presentation>", listed).encode()})
    edited = powerpoint.add_slide(content, "Between", ["x"], position=2)
    after = part(edited.content, "ppt/presentation.xml").decode()
    first = after[after.index('name="S0"') : after.index('name="S1"')]
    assert len(re.findall("<p14:sldId ", first)) == 2


def test_footers_of_the_neighbour_are_taken_over() -> None:
    content = deck("One\nBody")
    footer = (
        '<p:sp><p:nvSpPr><p:cNvPr id="9" name="Footer"/><p:cNvSpPr/><p:nvPr><p:ph type="ftr" sz="quarter" idx="11"/>'
        "</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:r><a:t>Acme 2026</a:t></a:r></a:p>"
        "</p:txBody></p:sp></p:spTree>"
    )
    content = changed(content, "ppt/slides/slide1.xml", "</p:spTree>", footer)
    assert "Acme 2026" in text(powerpoint.add_slide(content, "Two", ["x"]).content, 2)


def test_strict_decks_get_strict_parts() -> None:
    content = strict(deck("One\nBody"))
    edited = powerpoint.add_slide(content, "Two", ["x"], notes="Say it")
    new = touched(content, edited.content)
    assert any("notesMaster" in name for name in new)
    for name in new:
        if name != "[Content_Types].xml":
            assert b'"http://schemas.openxmlformats.org/drawingml/2006/main"' not in part(edited.content, name), name
            assert b"schemas.openxmlformats.org/presentationml/2006/main" not in part(edited.content, name), name
    assert [h.text for h in powerpoint.outline(edited.content).headings] == ["One", "Two"]


@pytest.mark.parametrize("path", CORPUS_DECKS, ids=lambda p: p.name)
def test_real_decks(path: Path) -> None:
    content = path.read_bytes()
    count = len(powerpoint.outline(content).headings)
    with_notes = powerpoint.set_notes(content, 1, "One\nTwo")
    added = powerpoint.add_slide(content, "Added", ["One", "  Two"], notes="Say")
    assert powerpoint.notes(with_notes.content)[0][2] == "One\nTwo"
    assert [h.text for h in powerpoint.outline(added.content).headings][count] == "Added"
    assert lost(content, added.content) == {}
    for edited in (with_notes, added):
        others = touched(content, edited.content) & set(names(content))
        assert all(
            "notesSlides" in n or n.endswith(".rels") or n == "[Content_Types].xml" or "presentation" in n
            for n in others
        )
        if "PresentationViewProperties" not in path.name:  # strict: python-pptx can't open it
            assert len(opened(edited.content).slides) == count + (edited is added)
