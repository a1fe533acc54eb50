"""Comments (17.13.4) in threads as modern Word keeps them ([MS-DOCX] 2.5)."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta, timezone

import docx as python_docx
import pytest

from copilot.documents import word
from copilot.errors import DocumentError, ToolInputError

from .make import docx, field, lost, names, p, part, r, table, text_box
from .whole import added_only, at, sound, texts

DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SIDECARS = ("commentsExtended", "commentsIds", "commentsExtensible", "people")
OLD = (
    '<w:comment w:id="5" w:author="Ann" w:date="2020-01-01T00:00:00Z"><w:p>'
    "<w:r><w:t>Is it?</w:t></w:r></w:p></w:comment>"
)
MARKED = (
    "The ",
    '<w:commentRangeStart w:id="5"/>',
    "old words",
    '<w:commentRangeEnd w:id="5"/>',
    '<w:r><w:commentReference w:id="5"/></w:r>',
    " go on.",
)


def thread(content: bytes) -> list[tuple[str, str, str, bool]]:
    return [(c.id, c.text, c.parent, c.done) for c in word.list_comments(content)]


@pytest.mark.parametrize("strict", [False, True])
def test_the_first_comment_brings_all_parts(strict: bool) -> None:
    content = docx(p("Hello ", r("big", "<w:b/>"), " world."), strict=strict)
    edited = word.add_comment(content, at(content, "p1"), "Why?\nReally.", "big", author="Ann Lee", date=DATE)
    changed = sound(content, edited.content, strict=strict)
    assert {f"word/{name}.xml" for name in ("comments", *SIDECARS)} <= changed
    added_only(content, edited.content)
    comment = word.list_comments(edited.content)[0]
    assert (comment.author, comment.initials, comment.date) == ("Ann Lee", "AL", "2026-01-02T03:04:05Z")
    assert (comment.text, comment.anchor, comment.address) == ("Why?\nReally.", "big", at(content, "p1"))
    marks = re.findall(r'paraId="([0-9A-F]{8})"', part(edited.content, "word/comments.xml"))
    assert len(marks) == 1
    assert 0 < int(marks[0], 16) < 0x80000000
    assert f'w15:paraId="{marks[0]}" w15:done="0"' in part(edited.content, "word/commentsExtended.xml")
    assert f'w16cid:paraId="{marks[0]}"' in part(edited.content, "word/commentsIds.xml")
    assert 'w16cex:dateUtc="2026-01-02T03:04:05Z"' in part(edited.content, "word/commentsExtensible.xml")
    assert 'w15:author="Ann Lee"' in part(edited.content, "word/people.xml")
    assert 'mc:Ignorable="w14"' in part(edited.content, "word/comments.xml")
    if not strict:
        read = python_docx.Document(io.BytesIO(edited.content)).comments
        assert [(c.author, c.text) for c in read] == [("Ann Lee", "Why?\nReally.")]


def test_a_comment_from_old_word_is_answered_and_resolved() -> None:
    content = docx(p(*MARKED), comments=OLD)
    answered = word.reply_comment(content, "cm1", "It is.", author="Bob", date=DATE)
    sound(content, answered.content)
    resolved = word.resolve_comment(content, "cm1").content
    assert sound(content, resolved) >= {"word/comments.xml", "word/commentsExtended.xml"}
    assert {tag.rpartition("}")[2] for tag, _, _ in lost(content, resolved, "word/comments.xml")} == {"p"}, "its paraId"
    assert thread(answered.content) == [("cm1", "Is it?", "", False), ("cm2", "It is.", "cm1", False)]
    assert [c.anchor for c in word.list_comments(answered.content)] == ["old words", "old words"]
    second = word.reply_comment(answered.content, "cm2", "So be it.")
    assert thread(second.content)[2] == ("cm3", "So be it.", "cm1", False), "answers to answers join the thread"
    done = word.resolve_comment(second.content, "cm3")
    assert [each[3] for each in thread(done.content)] == [True, True, True]
    assert [each[3] for each in thread(word.resolve_comment(done.content, "cm1", False).content)] == [False] * 3
    with pytest.raises(ToolInputError, match="resolved already"):
        word.resolve_comment(done.content, "cm1")


def test_a_comment_is_rewritten_and_keeps_its_thread() -> None:
    content = word.reply_comment(docx(p(*MARKED), comments=OLD), "cm1", "It is.").content
    edited = word.edit_comment(content, "comment 1", "Is it?\nReally?")
    assert thread(edited.content) == [("cm1", "Is it?\nReally?", "", False), ("cm2", "It is.", "cm1", False)]
    assert sound(content, edited.content) == {"word/comments.xml"}
    assert thread(word.edit_comment(edited.content, "cm1", "No.").content)[1][2] == "cm1"


def test_a_thread_is_deleted_without_a_trace() -> None:
    content = word.reply_comment(docx(p(*MARKED), comments=OLD), "cm1", "It is.").content
    answer = word.delete_comment(content, "cm2")
    assert thread(answer.content) == [("cm1", "Is it?", "", False)]
    edited = word.delete_comment(content, "cm1")
    assert thread(edited.content) == []
    assert len(edited.hunks) == 2
    assert texts(edited.content) == texts(content)
    assert not re.search("comment(Range|Reference)", part(edited.content))
    for name in SIDECARS[:3]:
        if f"word/{name}.xml" in names(edited.content):
            assert not re.search("(paraId|durableId)=", part(edited.content, f"word/{name}.xml")), name
    sound(content, edited.content)


@pytest.mark.parametrize(
    ("content", "path", "words", "anchor"),
    [
        (docx(p("A ", r("split wo", "<w:b/>"), "rd here")), "p1", "word", "word"),
        (docx(p("A ", '<w:ins w:id="1"><w:r><w:t>new</w:t></w:r></w:ins>', " b")), "p1", "ew b", "ew b"),
        (docx(p("A ", '<w:sdt><w:sdtContent><w:r><w:t>in control</w:t></w:r></w:sdtContent></w:sdt>')), "p1", "control",
         "control"),
        (docx(p("See ", field("REF x", "clause nine"), " now")), "p1", "nine", "clause nine"),
        (docx(table(["a", "b"], ["c", "d"])), "t1", "", "a\nb\nc\nd"),
        (docx(table(["a", "b"], ["c", "d"])), "t1.r2", "", "c\nd"),
        (docx(table(["a", "b"])), "t1.r1.c2", "", "b"),
        (docx(p("All of it")), "p1", "", "All of it"),
        (docx(p("x", '<w:r><w:footnoteReference w:id="7"/></w:r>'),
              footnotes='<w:footnote w:id="7"><w:p><w:r><w:t>in a note</w:t></w:r></w:p></w:footnote>'),
         "fn1.p1", "note", "note"),
    ],
)  # fmt: skip
def test_comments_stand_on_any_text(content: bytes, path: str, words: str, anchor: str) -> None:
    edited = word.add_comment(content, at(content, path), "Hm.", words)
    assert [c.anchor for c in word.list_comments(edited.content)] == [anchor]
    sound(content, edited.content)
    added_only(content, edited.content)


@pytest.mark.parametrize(
    ("content", "path", "code"),
    [
        (docx(p("x"), header1=p("head")), "h1.p1", "place"),
        (docx(p("x", text_box(p("boxed")))), "p1.x1.p1", "place"),
        (docx(p(*MARKED), comments=OLD), "cm1.p1", "place"),
    ],
)
def test_places_for_comments_are_checked(content: bytes, path: str, code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.add_comment(content, at(content, path), "Hm.")
    assert caught.value.code == code


def test_a_batch_names_comments_as_they_were_and_signs_them_itself() -> None:
    content = docx(p("Early words."), p(*MARKED), comments=OLD)
    edited = word.edit(
        content,
        [
            {"op": "add_comment", "address": at(content, "p1"), "words": "Early", "text": "First."},
            {"op": "reply_comment", "comment": "cm1", "text": "Answer."},
            {"op": "resolve_comment", "comment": "cm1"},
        ],
        author="Carol",
        date=datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        track="on",
    )
    assert thread(edited.content) == [
        ("cm1", "First.", "", False), ("cm2", "Is it?", "", True), ("cm3", "Answer.", "cm2", True),
    ]  # fmt: skip
    made = word.list_comments(edited.content)[0]
    assert (made.author, made.date) == ("Carol", "2026-01-02T03:04:05Z")
    sound(content, edited.content)


def test_protection_that_is_for_comments_lets_them_in() -> None:
    settings = '<w:documentProtection w:edit="comments" w:enforcement="1"/>'
    content = docx(p("Some words."), settings=settings)
    operations = [{"op": "add_comment", "address": at(content, "p1"), "text": "Hm."}]
    assert len(word.list_comments(word.edit(content, operations).content)) == 1
    with pytest.raises((DocumentError, ToolInputError), match="protected"):
        word.edit(content, [{"op": "add_footnote", "address": at(content, "p1"), "text": "Hm."}])


def test_an_unknown_comment_is_named_with_those_there_are() -> None:
    content = docx(p(*MARKED), comments=OLD)
    with pytest.raises(ToolInputError, match="cm1 'Is it") as caught:
        word.reply_comment(content, "cm4", "x")
    assert caught.value.code == "unknown_comment"
