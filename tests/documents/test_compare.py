"""Two versions of a document: what was added, removed, changed and moved, with its place."""

from __future__ import annotations

import io
from typing import Any

import pytest
from docx import Document
from openpyxl import Workbook

from copilot.documents.compare import compare, to_markdown, word_difference
from copilot.documents.hunks import Hunk
from tests.documents.makers import lines, pdf

OLD = [
    "The fee is 100 euros a month.",
    "Either party may give notice.",
    "The third paragraph stays as it is.",
    "An end.",
]


def docx(paragraphs: list[str], rows: list[list[str]] | None = None) -> bytes:
    document = Document()
    for text in paragraphs:
        document.add_paragraph(text)
    if rows:
        table = document.add_table(0, len(rows[0]))
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def xlsx(sheets: dict[str, dict[str, Any]]) -> bytes:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for name, cells in sheets.items():
        sheet = workbook.create_sheet(name)
        for address, value in cells.items():
            sheet[address] = value
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def hunks(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    return [(h.before, h.after) for h in compare(docx(old), "a.docx", docx(new), "b.docx").hunks]


def test_the_same_document() -> None:
    found = compare(docx(OLD), "a.docx", docx(OLD), "b.docx")
    assert found.same
    assert to_markdown(found, "a.docx", "b.docx").startswith("No differences")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (["The fee is 120 euros a month.", *OLD[1:]], [(OLD[0], "The fee is 120 euros a month.")]),
        ([*OLD, "Something new at the end."], [("", "Something new at the end.")]),
        (OLD[1:], [(OLD[0], "")]),
        (
            [OLD[0], "Wholly different words instead.", *OLD[2:]],
            [(OLD[1], ""), ("", "Wholly different words instead.")],
        ),
        (
            ["New first.", OLD[0], "Either party may give written notice.", *OLD[2:]],
            [("", "New first."), (OLD[1], "Either party may give written notice.")],
        ),
    ],
    ids=["changed", "added", "removed", "replaced", "two"],
)
def test_differences(new: list[str], expected: list[tuple[str, str]]) -> None:
    assert hunks(OLD, new) == expected


def test_a_moved_paragraph_is_not_removed_and_added() -> None:
    found = compare(docx(OLD), "a.docx", docx([OLD[2], OLD[0], OLD[1], OLD[3]]), "b.docx")
    assert found.hunks == ()
    assert [h.after for h in found.moved] == [OLD[2]]
    assert found.counts() == {"added": 0, "removed": 0, "changed": 0, "moved": 1}


def test_rows_of_a_table_are_compared_one_by_one() -> None:
    rows = [["Item", "Price"], ["Pen", "2"], ["Paper", "9"]]
    changed = [["Item", "Price"], ["Pen", "2"], ["Paper", "11"], ["Ink", "5"]]
    found = compare(docx(["x"], rows), "a.docx", docx(["x"], changed), "b.docx")
    assert [(h.where, h.before, h.after) for h in found.hunks] == [
        ("table 1, row 3", "Paper | 9", "Paper | 11"),
        ("table 1, row 4", "", "Ink | 5"),
    ]


def test_documents_of_different_kinds() -> None:
    found = compare(docx(["Hello world."]), "a.docx", pdf([lines("Hello world.")]), "b.pdf")
    assert found.same


def test_workbooks_cell_by_cell() -> None:
    old = xlsx({"Data": {"A1": "Name", "B1": 10, "B2": "=B1*2", "C9": "gone"}, "Old": {"A1": 1}})
    new = xlsx({"Data": {"A1": "Name", "B1": 12, "B2": "=B1*3", "D1": True}, "New": {"A1": 1, "A2": 2}})
    found = compare(old, "a.xlsx", new, "b.xlsx")
    assert [(h.where, h.kind) for h in found.hunks] == [
        ("Data!B1", "cell"),
        ("Data!D1", "cell"),
        ("Data!B2", "cell"),
        ("Data!C9", "cell"),
        ("Old", "structure"),
        ("New", "structure"),
    ]
    by_place = {h.where: h for h in found.hunks}
    assert (by_place["Data!B1"].before, by_place["Data!B1"].after) == ("10", "12")
    assert "=B1*2" in by_place["Data!B2"].before
    assert "=B1*3" in by_place["Data!B2"].after
    assert by_place["Data!C9"] == Hunk("Data!C9", "gone", "", "cell")
    assert by_place["New"].after == "sheet with 2 cells"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("The fee is 100 euros.", "The fee is 120 euros.", "The fee is ~~100~~**120** euros."),
        ("one two three", "one three", "one ~~two~~ three"),
        ("one three", "one two three", "one **two** three"),
        ("a b c d", "a x y d", "a ~~b c~~**x y** d"),
    ],
)
def test_word_difference(before: str, after: str, shown: str) -> None:
    assert " ".join(word_difference(before, after).split()) == shown


def test_long_equal_stretches_are_shortened() -> None:
    long = "word " * 200
    assert len(word_difference(long + "old " + long, long + "new " + long)) < 300


def test_markdown_says_how_many_and_where() -> None:
    found = compare(docx(OLD), "a.docx", docx(["The fee is 120 euros a month.", *OLD[1:], "More."]), "b.docx")
    text = to_markdown(found, "a.docx", "b.docx")
    assert text.splitlines()[0] == "From a.docx to b.docx: 1 added, 1 changed."
    assert "- paragraph 1: The fee is ~~100~~**120** euros a month." in text


def test_many_rewritten_paragraphs_end_in_time() -> None:
    old = [f"Old paragraph number {n} with its very own words {n * 7}." for n in range(800)]
    new = [f"A new text, the {n}th of them, on other matters {n * 13}." for n in range(800)]
    found = compare("\n\n".join(old).encode(), "a.txt", "\n\n".join(new).encode(), "b.txt")
    counts = found.counts()
    assert counts["removed"] + counts["changed"] == 800
