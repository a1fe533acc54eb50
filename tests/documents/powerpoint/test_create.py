"""New decks: from outlines, from documents, in templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.documents import powerpoint, reading
from copilot.documents.powerpoint import Bullet, SlidePlan
from copilot.documents.segments import Reading, Segment
from copilot.errors import ToolInputError
from tests.documents.makers import rezipped
from tests.documents.powerpoint.make import CORPUS_DECKS, deck, names, opened, part, strict


def shown(plans: list[SlidePlan]) -> list[tuple[str, str, list[tuple[int, str]]]]:
    return [(p.kind, p.title, [(b.level, b.text) for b in p.bullets]) for p in plans]


@pytest.mark.parametrize(
    ("outline", "expected"),
    [
        ("Intro; Market; Plan", [("content", t, []) for t in ("Intro", "Market", "Plan")]),
        ("Intro, Market, Plan", [("content", t, []) for t in ("Intro", "Market", "Plan")]),
        (
            "Why\n  - cost\n  - time\nHow\n  - slowly",
            [("content", "Why", [(0, "cost"), (0, "time")]), ("content", "How", [(0, "slowly")])],
        ),
        ("Why\n- cost\n- time", [("content", "Why", [(0, "cost"), (0, "time")])]),
        ("1. Why\n   - cost\n2. How", [("content", "Why", [(0, "cost")]), ("content", "How", [])]),
        ("Slide 1: Why\n- cost\nSlide 2: How", [("content", "Why", [(0, "cost")]), ("content", "How", [])]),
        (
            "# Deck\nfor you\n## One\n- **a** [b](http://x)\n    - c\n# Part\n## Two\ntext",
            [
                ("title", "Deck", [(0, "for you")]),
                ("content", "One", [(0, "a b (http://x)"), (1, "c")]),
                ("section", "Part", []),
                ("content", "Two", [(0, "text")]),
            ],
        ),
    ],
)
def test_outlines(outline: str, expected: list[tuple[str, str, list[tuple[int, str]]]]) -> None:
    assert shown(powerpoint.from_outline(outline)) == expected


def test_tables_and_notes_of_an_outline() -> None:
    plan = powerpoint.from_outline("## Costs\n| A | B |\n| --- | --- |\n| 1 | 2 |\nNotes: say\nmore")[0]
    assert plan.table == [["A", "B"], ["1", "2"]]
    assert plan.notes == "say\nmore"
    assert plan.bullets == []


def test_no_word_of_a_long_paragraph_is_lost() -> None:
    text = "One sentence stands here and it is not short at all. " * 6
    plan = powerpoint.from_outline(f"## T\n{text}")[0]
    assert " ".join(b.text for b in plan.bullets).split() == text.split()


def test_a_deck_holds_what_the_outline_says() -> None:
    content = powerpoint.create("# Deck\nSub\n## One\n- a\n  - b\nNotes: say\n## Two\n|A|B|\n|---|---|\n|x|1|")
    made = opened(content)
    assert [s.shapes.title.text_frame.text for s in made.slides] == ["Deck", "One", "Two"]
    assert [s.slide_layout.name for s in made.slides] == ["Title Slide", "Title and Content", "Title Only"]
    assert made.slides[1].notes_slide.notes_text_frame.text == "say"
    table = next(s.table for s in made.slides[2].shapes if s.has_table)
    assert [[c.text for c in r.cells] for r in table.rows] == [["A", "B"], ["x", "1"]]
    assert (made.slide_width, made.slide_height) == (12192000, 6858000)
    assert made.core_properties.title == "Deck"


def test_the_same_outline_gives_the_same_bytes() -> None:
    assert powerpoint.create("# A\n## B\n- c") == powerpoint.create("# A\n## B\n- c")


def test_long_lists_are_split_and_nothing_is_lost() -> None:
    bullets = [Bullet(f"Point number {n} " + "with some more words " * (n % 5), n % 2) for n in range(60)]
    content = powerpoint.create([SlidePlan("List", bullets=bullets)])
    made = opened(content)
    assert len(made.slides) > 4
    titles = [s.shapes.title.text_frame.text for s in made.slides]
    assert titles[0] == f"List (1/{len(titles)})"
    found = [p.text for s in made.slides for p in s.placeholders[1].text_frame.paragraphs]
    assert {b.text.strip() for b in bullets} <= {f.strip() for f in found}
    assert max(len(s.placeholders[1].text_frame.paragraphs) for s in made.slides) <= 11


def test_long_tables_are_split_with_their_header() -> None:
    rows = [["Item", "Value"], *([f"Row {n}", str(n)] for n in range(50))]
    made = opened(powerpoint.create([SlidePlan("Table", table=rows)]))
    tables = [s.table for slide in made.slides for s in slide.shapes if s.has_table]
    assert all(t.cell(0, 0).text == "Item" for t in tables)
    assert sum(len(t.rows) - 1 for t in tables) == 50
    for slide in made.slides:
        frame = next(s for s in slide.shapes if s.has_table)
        assert frame.top + sum(r.height for r in frame.table.rows) <= made.slide_height


def test_a_few_points_share_the_slide_with_a_small_table() -> None:
    plan = SlidePlan("Both", bullets=[Bullet("Look")], table=[["A", "B"], ["1", "2"]])
    slide = opened(powerpoint.create([plan])).slides[0]
    body = slide.placeholders[1]
    frame = next(s for s in slide.shapes if s.has_table)
    assert body.top + body.height <= frame.top


def test_nothing_to_make() -> None:
    for outline in ("", "  \n "):
        with pytest.raises(ToolInputError):
            powerpoint.create(outline)


def test_a_template_lends_its_design_and_keeps_none_of_its_slides() -> None:
    template = deck("Secret old title\nSecret body\nN:Secret notes", "Another")
    made = powerpoint.create("# New\n## One\n- a", template)
    assert b"Secret" not in b"".join(part(made, name) for name in names(made))
    assert [s.shapes.title.text_frame.text for s in opened(made).slides] == ["New", "One"]
    assert opened(made).slide_width == opened(template).slide_width


@pytest.mark.parametrize("kind", ["template", "slideshow"])
def test_templates_and_shows_become_presentations(kind: str) -> None:
    template = deck("Old")
    types = part(template, "[Content_Types].xml").replace(b"presentation.main+xml", f"{kind}.main+xml".encode())
    made = powerpoint.create("## One\n- a", rezipped(template, {"[Content_Types].xml": types}))
    assert len(opened(made).slides) == 1


def test_strict_templates() -> None:
    made = powerpoint.create("# New\n## One\n- a\nNotes: n\n## T\n|A|\n|---|\n|1|", strict(deck("Old")))
    assert [h.text for h in powerpoint.outline(made).headings] == ["New", "One", "T"]
    slide = part(made, next(n for n in names(made) if n.startswith("ppt/slides/slide")))
    assert b"purl.oclc.org" in slide


@pytest.mark.parametrize("path", CORPUS_DECKS, ids=lambda p: p.name)
def test_real_decks_as_templates(path: Path) -> None:
    made = powerpoint.create(
        "# New\n## One\n- a\n  - b\n## Costs\n|A|B|\n|---|---|\n|x|1|\nNotes: n", path.read_bytes()
    )
    markdown = powerpoint.read(made).markdown
    assert [h.text for h in powerpoint.outline(made).headings] == ["New", "One", "Costs"]
    assert {"a", "b"} <= {s.text for s in powerpoint.read(made).segments}
    assert "| x | 1 |" in markdown
    if "PresentationViewProperties" not in path.name:  # strict: python-pptx can't open it
        assert len(opened(made).slides) == 3


def test_slides_from_a_document(office: Path) -> None:
    name = "quarterly-report.docx"
    plans = powerpoint.from_reading(reading.read((office / name).read_bytes(), name))
    assert plans[0].kind == "title"
    assert plans[0].title == "Quarterly Report Q3 2026"
    titles = [p.title for p in plans]
    assert "Highlights" in titles
    table = next(p.table for p in plans if p.title == "Revenue by region")
    assert table[0] == ["Region", "Q2 2026", "Q3 2026", "Change"]
    highlights = next(p for p in plans if p.title == "Highlights")
    assert len(highlights.bullets) == 4
    assert not any(b.text.startswith(("Table 1", "Figure 1")) for p in plans for b in p.bullets)


def test_slides_from_a_workbook_say_what_they_leave_out(office: Path) -> None:
    plans = powerpoint.from_reading(reading.read((office / "sales.xlsx").read_bytes(), "sales.xlsx"))
    table = next(p for p in plans if p.table and "Region" in p.table[0] and "Rep" in p.table[0])
    assert len(table.table) == 13
    assert "of 126 rows" in table.left_out
    assert not any("=" in cell for row in table.table for cell in row)


def test_hidden_text_stays_out_of_the_slides() -> None:
    source = Reading(
        "word",
        (
            Segment("Plan", "paragraph 1", "heading", level=1),
            Segment("Seen", "paragraph 2"),
            Segment("Not seen", "paragraph 3", hidden="white text"),
        ),
        "",
    )
    assert "Not seen" not in str(powerpoint.from_reading(source))
