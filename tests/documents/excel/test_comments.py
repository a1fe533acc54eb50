"""Notes and threaded comments."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import openpyxl
import pytest

from copilot.documents.excel import comments
from copilot.documents.excel.workbook import Workbook
from copilot.errors import ToolInputError

from .books import SHEET, book, changed, hunks, part, with_parts

PLAIN = book({"Data": [[1, 2], [3, 4]], "Other": [[1]]})
CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
WITH_NOTES = sorted(CORPUS.glob("*omment*.xls[xm]"))[:4] if CORPUS.is_dir() else []


def listed(content: bytes, sheet: str | None = None) -> list[comments.Comment]:
    workbook = Workbook.open(content)
    return comments.comments(workbook, workbook.sheet(sheet))


def test_a_note_is_read_by_another_reader() -> None:
    edited = comments.add_comment(PLAIN, "Other!A1", "Line 1\nLine 2 <&>", author="Ann & Co")
    edited = comments.add_comment(edited.content, "Other!B3", "Second", author="Bob")
    note = openpyxl.load_workbook(io.BytesIO(edited.content))["Other"]["A1"].comment
    assert (note.author, note.text) == ("Ann & Co", "Line 1\nLine 2 <&>")
    assert listed(edited.content, "Other") == [
        comments.Comment("A1", "Ann & Co", "Line 1\nLine 2 <&>"),
        comments.Comment("B3", "Bob", "Second"),
    ]
    assert "xl/worksheets/sheet1.xml" not in changed(PLAIN, edited.content)
    boxes = part(edited.content, "xl/drawings/vmlDrawing1.vml")
    assert re.findall(r"_x0000_s(\d+)", boxes) == ["1025", "1026"]
    assert boxes.count('ObjectType="Note"') == 2


def test_the_box_of_a_long_note_is_large_enough() -> None:
    edited = comments.add_comment(PLAIN, "A1", "word " * 200)
    match = re.search(r"<x:Anchor>([^<]*)", part(edited.content, "xl/drawings/vmlDrawing1.vml"))
    assert match is not None
    left, _, top, _, right, _, bottom, _ = (int(n) for n in match[1].split(","))
    assert (right - left) * 64 * (bottom - top) * 20 > 1000 * 7 * 15  # letters of 7 by 15 pixels


def test_a_thread_with_replies_is_resolved_and_deleted() -> None:
    content = comments.add_comment(
        PLAIN, "A1", "Why 1?", author="Ann", threaded=True, date="2026-03-01T10:00:00"
    ).content
    content = comments.reply_comment(content, "A1", "Because.", author="Bob", date="2026-03-02").content
    content = comments.add_comment(
        content, "B2", "And 4?", author="Bob", date="2026-03-03"
    ).content  # threads are in use
    content = comments.resolve_comment(content, "A1").content
    first, second = listed(content)
    assert (first.text, first.author, first.done, first.date) == ("Why 1?", "Ann", True, "2026-03-01T10:00:00.00")
    assert [(r.author, r.text, r.date) for r in first.replies] == [("Bob", "Because.", "2026-03-02T00:00:00.00")]
    assert second.threaded
    assert not second.done
    note = openpyxl.load_workbook(io.BytesIO(content))["Data"]["A1"].comment
    assert note.author == f"tc={first.id}"
    assert note.text.startswith("[Threaded comment]\n\nYour version")
    assert note.text.endswith("Comment:\n    Why 1?\nReply:\n    Because.")
    assert f'xr:uid="{first.id}"' in part(content, "xl/comments1.xml")
    assert 'Ignorable="xr"' in part(content, "xl/comments1.xml")
    assert part(content, "xl/persons/person1.xml").count("<person ") == 2
    edited = comments.delete_comment(content, "A1")
    assert hunks(edited) == [("Data!A1, comment", "Ann: Why 1?\nBob: Because.", "")]
    assert [c.cell for c in listed(edited.content)] == ["B2"]
    gone = comments.delete_comment(edited.content, "B2").content
    assert not listed(gone)
    assert changed(PLAIN, gone) - {SHEET} == {
        "xl/worksheets/_rels/sheet1.xml.rels",
        "xl/_rels/workbook.xml.rels",
        "[Content_Types].xml",
        "xl/persons/person1.xml",
    }
    assert "legacyDrawing" not in part(gone)


def test_the_same_edit_gives_the_same_bytes() -> None:
    made = [comments.add_comment(PLAIN, "A1", "x", threaded=True, date="2026-01-01").content for _ in range(2)]
    assert made[0] == made[1]


def test_what_can_not_be_commented_is_refused() -> None:
    note = comments.add_comment(PLAIN, "A1", "x").content
    merged = part(note).replace(
        "</sheetData>", '</sheetData><mergeCells count="1"><mergeCell ref="C1:D2"/></mergeCells>'
    )
    note = with_parts(note, {SHEET: merged.encode()})
    cases = [
        (lambda: comments.add_comment(note, "A1", "y"), "taken", "has a comment already"),
        (lambda: comments.add_comment(note, "A2", " "), "value", "1 to 32,767"),
        (lambda: comments.add_comment(note, "D2", "y"), "cell_in_the_way", "inside the merged range C1:D2"),
        (lambda: comments.add_comment(note, "A2", "y", threaded=True, date="soon"), "value", "no date"),
        (lambda: comments.reply_comment(note, "A1", "y"), "note", "can't be answered"),
        (lambda: comments.resolve_comment(note, "A2"), "no_comment", "There are comments on: A1"),
        (lambda: comments.delete_comment(note, "B9"), "no_comment", "has no comment"),
    ]
    for call, code, words in cases:
        with pytest.raises(ToolInputError) as caught:
            call()
        assert caught.value.code == code
        assert words in str(caught.value)


@pytest.mark.parametrize("path", WITH_NOTES, ids=lambda p: p.stem[:30])
def test_comments_of_real_files_get_company_and_stay(path: Path) -> None:
    before = path.read_bytes()
    workbook = Workbook.open(before)
    sheet = next((s for s in workbook.worksheets if comments.comments(workbook, s)), workbook.worksheets[0])
    known = listed(before, sheet.name)
    edited = comments.add_comment(before, "XA500", "One more", sheet=sheet.name, threaded=False)
    assert [c for c in listed(edited.content, sheet.name) if c.cell != "XA500"] == known
    assert listed(comments.delete_comment(edited.content, "XA500", sheet.name).content, sheet.name) == known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = openpyxl.load_workbook(io.BytesIO(edited.content))
    assert opened[sheet.name]["XA500"].comment.text == "One more"
