from __future__ import annotations

import pytest

from copilot.documents import word
from copilot.documents.hunks import Edited
from copilot.errors import ToolInputError

from .make import (
    NUMBERING,
    SECTION,
    changed_parts,
    docx,
    elements,
    field,
    item,
    lost,
    names,
    p,
    part,
    r,
    table,
    text_box,
)


def texts(content: bytes) -> list[str]:
    return [s.text for s in word.read(content).segments if not s.hidden and s.kind != "property"]


def address(content: bytes, text: str) -> str:
    return next(s.address for s in word.read(content).segments if s.text == text)


def table_address(content: bytes, number: int = 1) -> str:
    return [s.address for s in word.read(content).segments if s.kind == "table"][number - 1]


BASE = docx(
    p("Scope", style="berschrift1"),
    p(r("Plain text.", '<w:sz w:val="20"/>'), properties='<w:jc w:val="both"/>'),
    p("Sub", style="berschrift2"),
    p("Deeper."),
    p("Terms", style="berschrift1"),
    p("The end."),
)


@pytest.mark.parametrize(
    ("at", "position", "expected"),
    [
        ("", "after", ["Scope", "Plain text.", "Sub", "Deeper.", "Terms", "The end.", "NEW"]),
        ("Scope", "after", ["Scope", "NEW", "Plain text.", "Sub", "Deeper.", "Terms", "The end."]),
        ("scope", "before", ["NEW", "Scope", "Plain text.", "Sub", "Deeper.", "Terms", "The end."]),
        ("Scope", "end_of_section", ["Scope", "Plain text.", "Sub", "Deeper.", "NEW", "Terms", "The end."]),
        ("Sub", "end_of_section", ["Scope", "Plain text.", "Sub", "Deeper.", "NEW", "Terms", "The end."]),
        ("Terms", "end_of_section", ["Scope", "Plain text.", "Sub", "Deeper.", "Terms", "The end.", "NEW"]),
        ("Deeper.", "before", ["Scope", "Plain text.", "Sub", "NEW", "Deeper.", "Terms", "The end."]),
    ],
)
def test_paragraphs_go_where_they_should(at: str, position: str, expected: list[str]) -> None:
    edited = word.insert_paragraphs(BASE, "NEW", at=at, position=position)  # type: ignore[arg-type]
    assert texts(edited.content) == expected
    assert not lost(BASE, edited.content)
    assert changed_parts(BASE, edited.content) == {"word/document.xml"}
    assert part(edited.content).endswith(f"{SECTION}</w:body></w:document>")
    assert edited.hunks[0].after == "NEW"


def test_new_text_looks_like_the_text_beside_it() -> None:
    xml = part(word.insert_paragraphs(BASE, "NEW", at="Scope").content)
    assert '<w:pPr><w:jc w:val="both"/></w:pPr><w:r><w:rPr><w:sz w:val="20"/></w:rPr><w:t>NEW</w:t>' in xml


def test_a_bold_word_at_the_beginning_is_not_the_look() -> None:
    content = docx(p(r("Note: ", "<w:b/>"), r("plain words follow.", "<w:i/>")))
    assert "<w:rPr><w:i/></w:rPr><w:t>NEW</w:t>" in part(word.insert_paragraphs(content, "NEW").content)


def test_lines_become_paragraphs_and_styles_go_by_name() -> None:
    edited = word.insert_paragraphs(BASE, "One\n\nTwo\r\nThree", style="quote")
    assert texts(edited.content)[-3:] == ["One", "Two", "Three"]
    assert part(edited.content).count('<w:pStyle w:val="Zitat"/>') == 3
    with pytest.raises(ToolInputError, match="Quote") as caught:
        word.insert_paragraphs(BASE, "x", style="Qoute")
    assert caught.value.code == "unknown_paragraph_style"


def test_beside_a_list_item_stands_a_list_item() -> None:
    content = docx(p("Intro"), item("one"), item("two"), p("Outro"), numbering=NUMBERING)
    edited = word.insert_paragraphs(content, "between", at=address(content, "one"))
    assert "2. between" in word.read(edited.content).markdown


@pytest.mark.parametrize("strict", [False, True])
def test_headings_use_the_documents_own_style(strict: bool) -> None:
    content = docx(p("Scope", style="Klausel"), p("text"), strict=strict)
    edited = word.insert_heading(content, "New", 2)
    assert part(edited.content).count('<w:pStyle w:val="Klausel"/>') == 2
    first = word.insert_heading(content, "New", 1)
    assert '<w:pStyle w:val="berschrift1"/>' in part(first.content)


@pytest.mark.parametrize("strict", [False, True])
def test_a_missing_heading_style_is_made(strict: bool) -> None:
    content = docx(p("text"), styles="", strict=strict)
    edited = word.insert_heading(content, "New", 3)
    assert changed_parts(content, edited.content) == {"word/document.xml", "word/styles.xml"}
    assert [(h.text, h.level) for h in word.outline(edited.content).headings] == [("New", 3)]
    assert word.apply_style(content, [address(content, "text")], "heading 2").content


def test_lists_get_real_definitions() -> None:
    content = docx(p("Intro"))
    edited = word.add_list(content, ["a", "  b", "c"], kind="numbered")
    assert "word/numbering.xml" in names(edited.content)
    assert word.read(edited.content).markdown.split("\n")[2:] == [
        f"{line} {{{s.address}}}"
        for line, s in zip(["1. a", "  a. b", "2. c"], word.read(edited.content).segments[1:], strict=True)
    ]
    again = word.add_list(edited.content, ["x"], kind="numbered")
    assert "\n1. x" in word.read(again.content).markdown
    order = [tag for tag, _, _ in elements(part(again.content, "word/numbering.xml"))]
    assert order.index(next(t for t in order if t.endswith("}num"))) > order.index(
        next(t for t in order if t.endswith("}abstractNum"))
    )


def test_a_bulleted_list_looks_like_the_one_that_is_there() -> None:
    content = docx(item("one", 2), p("text"), numbering=NUMBERING)
    edited = word.add_list(content, ["a"])
    assert changed_parts(content, edited.content) == {"word/document.xml"}
    assert part(edited.content).count('<w:numId w:val="2"/>') == 2


def test_a_table_between_tables_does_not_melt_into_them() -> None:
    content = docx(table(["a"]), table(["b"]))
    edited = word.add_table(content, [["H1", "H2"], ["1", "2"]], at=table_address(content))
    assert [s.text.split("\n")[0] for s in word.read(edited.content).segments] == ["| a |", "| H1 | H2 |", "| b |"]
    xml = part(edited.content)
    assert "</w:tbl><w:tbl>" not in xml
    assert "<w:tblHeader/>" in xml


def test_tables_take_a_style_by_name_or_the_usual_one() -> None:
    content = docx(p("x"), table(["a"], style="Dunkel"))
    assert part(word.add_table(content, [["h"]]).content).count('<w:tblStyle w:val="Dunkel"/>') == 2
    named = word.add_table(content, [["h"]], style="table grid")
    assert '<w:tblStyle w:val="Raster"/>' in part(named.content)
    with pytest.raises(ToolInputError, match="Dark"):
        word.add_table(content, [["h"]], style="Darker")
    with pytest.raises(ToolInputError, match="empty"):
        word.add_table(content, [])


PRICES = docx(
    p("Prices"),
    table(["Item", "Price"], [p(r("Apple", "<w:b/>")), p(r("1.00", "<w:i/>"))], ["Pear", "2.00"]),
)


@pytest.mark.parametrize("column", [2, "Price", "price", "2"])
@pytest.mark.parametrize("named", ["1", "table 1", "t1"])
def test_a_cell_is_set_and_keeps_its_formatting(named: str, column: int | str) -> None:
    edited = word.set_table_cell(PRICES, named, 2, column, "1.25")
    assert [(h.where, h.before, h.after) for h in edited.hunks] == [("table 1, row 2, column 2", "1.00", "1.25")]
    assert '<w:rPr><w:i/></w:rPr><w:t xml:space="preserve">1.25</w:t>' in part(edited.content)
    assert sum(lost(PRICES, edited.content).values()) == 1


@pytest.mark.parametrize(
    ("row", "column", "reason"), [(9, 1, "3 rows"), (1, 5, "It has 2"), (2, "Cost", "'Item', 'Price'"), (0, 1, "row 0")]
)
def test_cells_that_are_not_there(row: int, column: int | str, reason: str) -> None:
    with pytest.raises(ToolInputError, match=reason):
        word.set_table_cell(PRICES, "1", row, column, "x")


def test_a_cell_under_a_merge_is_refused_with_the_right_one() -> None:
    start = '<w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr>' + p("tall") + "</w:tc>"
    below = "<w:tc><w:tcPr><w:vMerge/></w:tcPr>" + p("") + "</w:tc>"
    with pytest.raises(ToolInputError, match="row 1"):
        word.set_table_cell(docx(table([start, "a"], [below, "b"])), "1", 2, 1, "x")


def test_a_cell_takes_several_paragraphs_and_loses_the_others() -> None:
    content = docx(table([p("one") + p("two") + p("three")]))
    edited = word.set_table_cell(content, "1", 1, 1, "uno\ndos")
    assert (edited.hunks[0].before, edited.hunks[0].after) == ("one\ntwo\nthree", "uno\ndos")
    assert part(edited.content).count("<w:p>") == 2


def test_a_cell_without_a_paragraph_gets_one() -> None:
    content = docx(table(["<w:tc><w:tcPr/></w:tc>", "b"]))
    assert texts(word.set_table_cell(content, "1", 1, 1, "new").content)[0].startswith("| new | b |")


@pytest.mark.parametrize("values", [["Plum", "3.00"], {"Price": "3.00", "Item": "Plum"}])
def test_a_row_is_added_like_the_one_above(values: list[str] | dict[str, str]) -> None:
    edited = word.add_table_row(PRICES, "1", values)
    assert edited.hunks[0].where == "table 1, row 4"
    assert texts(edited.content)[1].endswith("| Plum | 3.00 |")
    assert not lost(PRICES, edited.content)
    below = word.add_table_row(PRICES, "1", values, after=2)
    assert "<w:rPr><w:b/></w:rPr><w:t>Plum</w:t>" in part(below.content)
    assert texts(below.content)[1].split("\n")[3] == "| Plum | 3.00 |"


def test_a_row_below_the_header_looks_like_a_body_row() -> None:
    edited = word.add_table_row(PRICES, "1", ["Fig", "9"], after=1)
    assert "<w:i/></w:rPr><w:t>9</w:t>" in part(edited.content)


def test_a_table_keeps_its_address_while_its_rows_change() -> None:
    before = table_address(PRICES)
    edited = word.set_table_cell(PRICES, before, 2, 2, "7")
    assert word.set_table_cell(edited.content, before, 3, 2, "8").hunks


def test_strict_files_get_the_words_of_strict_files() -> None:
    content = docx(p("x"), styles="", strict=True)
    numbering = part(word.add_list(content, ["a"]).content, "word/numbering.xml")
    assert '<w:lvlJc w:val="start"/>' in numbering
    assert "w:start=" in numbering
    assert "left" not in numbering
    made = word.add_table(content, [["a"]]).content
    assert "<w:start " in part(made, "word/styles.xml")
    assert "left" not in part(made, "word/styles.xml")


# Rewriting


def test_words_that_stay_keep_links_notes_and_formatting() -> None:
    note = '<w:r><w:footnoteReference w:id="1"/></w:r>'
    content = docx(
        p(
            "Payment is due in ",
            r("30", "<w:b/>"),
            " days",
            note,
            " after ",
            "<w:hyperlink w:anchor='d'>" + r("delivery") + "</w:hyperlink>",
            ".",
        )
    )
    edited = word.replace_paragraph(
        content,
        address(content, "Payment is due in 30 days after delivery."),
        "Payment is due in 60 days after full delivery.",
    )
    xml = part(edited.content)
    assert '<w:b/></w:rPr><w:t xml:space="preserve">60</w:t>' in xml
    assert "footnoteReference" in xml
    assert "delivery</w:t></w:r></w:hyperlink>" in xml
    assert edited.hunks[0].after == "Payment is due in 60 days after full delivery."
    assert texts(edited.content) == ["Payment is due in 60 days after full delivery."]


@pytest.mark.parametrize(
    ("paragraph", "text"),
    [
        (p(), "Filled"),
        (p("old words here"), ""),
        (p("old"), "line one\nline two"),
        (p("<w:r><w:tab/></w:r>"), "no tab"),
        (p("a", "<w:r><w:br/></w:r>", "b"), "c\td"),
        (p('<w:bookmarkStart w:id="1" w:name="b"/>', "old", '<w:bookmarkEnd w:id="1"/>'), "quite different"),
    ],
)
def test_a_paragraph_reads_what_was_asked(paragraph: str, text: str) -> None:
    from copilot.documents.word.document import Document

    content = docx(paragraph, p("next"))
    document = Document(content)
    edited = word.replace_paragraph(content, document.address(document.blocks[0]), text)
    after = Document(edited.content)
    assert after.text(after.blocks[0]) == text
    assert part(edited.content).count("bookmark") == part(content).count("bookmark")


# Addresses


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("p2:0000", "stale"),
        ("p99:0000", "Nothing has the address"),
        ("p2", "lacks its hash"),
        ("nonsense heading", "No heading named"),
    ],
)
def test_bad_addresses_say_what_is_there(given: str, reason: str) -> None:
    with pytest.raises(ToolInputError, match=reason) as caught:
        word.replace_paragraph(BASE, given, "x")
    if given.startswith("p2"):
        assert address(BASE, "Plain text.") in str(caught.value)


def test_a_stale_address_offers_where_the_text_went() -> None:
    old = address(BASE, "Plain text.")
    moved = word.insert_paragraphs(BASE, "NEW", at="Scope").content
    with pytest.raises(ToolInputError) as caught:
        word.delete_blocks(moved, [old])
    assert address(moved, "Plain text.") in str(caught.value)


@pytest.mark.parametrize("form", ["{%s}", "[%s]", " %s "])
def test_addresses_are_taken_with_their_braces(form: str) -> None:
    assert word.delete_blocks(BASE, [form % address(BASE, "Deeper.")]).hunks[0].before == "Deeper."


def test_addresses_reach_every_story() -> None:
    content = docx(p(text_box(p("boxed"))), table(["celled"]), header1=p("headed"))
    for text in ("boxed", "headed"):
        edited = word.replace_paragraph(content, address(content, text), "other")
        assert edited.hunks[0].before == text
    cell = word.find(content, "celled")[0].address
    assert word.replace_paragraph(content, cell, "x").hunks[0].where == "table 1, row 1, column 1"


def test_both_copies_of_a_text_box_are_kept_alike() -> None:
    content = docx(p(text_box(p("boxed text") + p("second"))))
    rewritten = word.replace_paragraph(content, address(content, "boxed text"), "boxed words")
    assert part(rewritten.content).count("words</w:t>") == 2
    assert "boxed text" not in part(rewritten.content)
    assert "second" not in part(delete(content, "second").content)
    assert part(word.apply_style(content, ["second"], "Quote").content).count('w:val="Zitat"') == 2


# Deleting


def delete(content: bytes, *words: str) -> Edited:
    return word.delete_blocks(content, [address(content, text) for text in words])


def test_a_paragraph_is_deleted_and_nothing_else() -> None:
    edited = delete(BASE, "Deeper.")
    assert texts(edited.content) == ["Scope", "Plain text.", "Sub", "Terms", "The end."]
    assert edited.hunks[0].before == "Deeper."
    gone = lost(BASE, edited.content)
    assert sum(gone.values()) == 3  # w:p, w:r, w:t


def test_what_others_hold_on_to_survives() -> None:
    content = docx(
        p("first"),
        p(
            '<w:bookmarkStart w:id="3" w:name="clause"/>',
            "gone",
            '<w:bookmarkEnd w:id="3"/><w:commentRangeStart w:id="8"/>',
        ),
        p("kept", '<w:commentRangeEnd w:id="8"/>'),
    )
    xml = part(delete(content, "gone").content)
    assert 'w:name="clause"' in xml
    assert "commentRangeStart" in xml
    assert "gone" not in xml


def test_a_section_break_stays() -> None:
    content = docx(p("gone", properties=SECTION), p("x"))
    edited = delete(content, "gone")
    assert part(edited.content).count("<w:sectPr>") == 2
    assert any("section break" in w.lower() for w in edited.warnings)


def test_half_a_field_is_not_deleted() -> None:
    runs = field("TOC", "one")
    head, tail = runs[: runs.rindex("<w:r><w:fldChar")], runs[runs.rindex("<w:r><w:fldChar") :]
    content = docx(p(head), p("two", tail), p("x"))
    with pytest.raises(ToolInputError, match="field"):
        delete(content, "one")
    assert texts(delete(content, "one", "two").content) == ["x"]


def test_the_last_paragraph_of_a_cell_is_emptied() -> None:
    content = docx(table(["only", "b"]))
    edited = word.delete_blocks(content, [word.find(content, "only")[0].address])
    assert part(edited.content).count("<w:tc>") == 2
    assert part(edited.content).count("<w:p>") + part(edited.content).count("<w:p/>") == 2


def test_tables_and_rows_are_deleted() -> None:
    from copilot.documents.word.document import Document

    assert texts(word.delete_blocks(PRICES, [table_address(PRICES)]).content) == ["Prices"]
    document = Document(PRICES)
    row = next(document.address(b) for b in document.blocks if b.path == "t1.r2")
    edited = word.delete_blocks(PRICES, [row])
    assert (edited.hunks[0].where, edited.hunks[0].before) == ("table 1, row 2", "Apple\t1.00")
    assert "Apple" not in part(edited.content)


def test_lost_references_are_told() -> None:
    note = '<w:r><w:footnoteReference w:id="5"/></w:r>'
    content = docx(p("gone", note), p("x"), footnotes=f'<w:footnote w:id="5">{p("Note")}</w:footnote>')
    assert any("footnote 1" in w for w in delete(content, "gone").warnings)


# Styles


def test_styles_are_applied_by_name() -> None:
    edited = word.apply_style(BASE, [address(BASE, "Deeper."), "Sub"], "Quote")
    assert [(h.where, h.kind) for h in edited.hunks] == [("paragraph 4", "format"), ("paragraph 3", "format")]
    assert part(edited.content).count('<w:pStyle w:val="Zitat"/>') == 2
    content = docx(table(["a"]))
    assert '<w:tblStyle w:val="Raster"/>' in part(word.apply_style(content, ["t1"], "Table Grid").content)


@pytest.mark.parametrize("style", ["Heading 1", "heading 1", "berschrift1"])
def test_a_style_goes_by_any_of_its_names(style: str) -> None:
    assert word.apply_style(BASE, [address(BASE, "Deeper.")], style).hunks[0].after == "Deeper. [Heading 1]"


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: word.insert_paragraphs(c, "a\nb"),
        lambda c: word.insert_heading(c, "a", 4),
        lambda c: word.add_list(c, ["a"], kind="numbered"),
        lambda c: word.add_table(c, [["a"]]),
    ],
)
def test_the_same_edit_gives_the_same_bytes(edit) -> None:  # type: ignore[no-untyped-def]
    assert edit(BASE) == edit(BASE)
