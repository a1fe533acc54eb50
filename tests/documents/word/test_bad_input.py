"""What can't be done is refused by name and place; what is odd about a file stands in the way of nothing else."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.documents.word.revisions import accept, reject, revisions
from copilot.errors import DocumentError, ToolInputError

from .make import docx, item, p, part, r

_MARKED = '<w:{0} w:id="{1}"{2}>{3}</w:{0}>'


def _mark(kind: str, text: str, number: int = 7, attributes: str = "") -> str:
    inner = r(text).replace("w:t", "w:delText") if kind == "del" else r(text)
    return _MARKED.format(kind, number, attributes, inner)


CONTENT = docx(p("Scope", style="berschrift1"), p("First words."), p("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"))


def _at(path: str) -> str:
    document = Document(CONTENT)
    return next(document.address(b) for b in document.blocks if b.path == path)


@pytest.mark.parametrize("track", ["off", "on"])
@pytest.mark.parametrize(
    ("operations", "code", "said"),
    [
        (
            [
                {"op": "delete_blocks", "addresses": [_at("p2")]},
                {"op": "split_paragraph", "address": _at("p2"), "before": "words"},
            ],
            "overlap", "Operation 2",
        ),
        ([{"op": "replace_paragraph", "address": "p2:0000", "text": "x"}], "stale_address", "First words"),
        ([{"op": "replace_paragraph", "address": "p99:0000", "text": "x"}], "address", "p99:0000"),
        ([{"op": "replace_text", "find": "(a+)+$", "replace": "x", "regex": True}], None, "(a+)+$"),
        ([{"op": "replace_text", "find": "(a", "replace": "x", "regex": True}], "regex", "regular expression"),
        ([{"op": "apply_style", "addresses": [_at("p2")], "style": "Tittle"}], "unknown_paragraph_style", "Title"),
        ([{"op": "insert_heading", "text": "x", "at": "Skope"}], "unknown_heading", "Scope"),
        (
            [{"op": "replace_text", "find": "First", "replace": ""}, {"op": "delete_blocks", "addresses": ["p9:0000"]}],
            "address", "Operation 2",
        ),
        ([{"op": "accept", "ids": ["7"]}, {"op": "delete_blocks", "addresses": [_at("p2")]}], None, ""),
        ([{"op": "set_table_cell", "table": "1", "row": 1, "column": 1, "text": "x"}], "address", "t1"),
    ],
)  # fmt: skip
def test_a_batch_that_cannot_be_done_says_where(
    operations: list[dict[str, Any]], code: str | None, said: str, track: Any
) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.edit(CONTENT, operations, track=track)
    assert code in (None, caught.value.code)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_an_address_into_deleted_text_is_stale() -> None:
    before = docx(p("one"), p("two words here"))
    address = Document(before).address(Document(before).blocks[1])
    deleted = word.edit(before, [{"op": "delete_blocks", "addresses": [address]}], track="on", author="Us").content
    with pytest.raises(ToolInputError) as caught:
        word.edit(deleted, [{"op": "replace_paragraph", "address": address, "text": "x"}])
    assert caught.value.code in ("address", "stale_address")
    assert word.edit(before, [{"op": "replace_paragraph", "address": address, "text": "x"}]).hunks


@pytest.mark.parametrize("attributes", ["", ' w:author=""', ' w:author="Them"', ' w:date="yesterday"'])
def test_changes_without_author_or_date_are_changes(attributes: str) -> None:
    content = docx(p("a ", _mark("ins", "b", 7, attributes), _mark("del", "c", 7, attributes), " d"))
    assert [(x.kind, x.before, x.after) for x in revisions(content)] == [("insertion", "", "b"), ("deletion", "c", "")]
    texts = [word.read(settle(content, everything=True).content).markdown for settle in (accept, reject)]
    assert "a b d" in texts[0]
    assert "a c d" in texts[1]
    lined = word.edit(content, [{"op": "replace_text", "find": "b", "replace": "B"}], track="on", author="Us").content
    assert "a b" in word.read(accept(reject(lined, author="Us").content, everything=True).content).markdown


_LIST = '<w:num w:numId="1"><w:abstractNumId w:val="4"/></w:num>'
_BROKEN = {
    "a list that is not there": {"numbering": _LIST.replace('"1"', '"9"')},
    "a list without levels": {"numbering": f'<w:abstractNum w:abstractNumId="4"/>{_LIST}'},
    "a list without its definition": {"numbering": _LIST},
    "a list of a style that has none": {
        "numbering": f'<w:abstractNum w:abstractNumId="4"><w:numStyleLink w:val="Titel"/></w:abstractNum>{_LIST}'
    },
    "no lists": {},
}


@pytest.mark.parametrize("case", _BROKEN)
@pytest.mark.parametrize("track", ["off", "on"])
def test_broken_numbering_stands_in_the_way_of_nothing(case: str, track: Any) -> None:
    content = docx(item("one"), item("two", 1, 3), p("three"), **_BROKEN[case])
    assert "two" in word.read(content).markdown
    document = Document(content)
    second, third = (document.address(document.blocks[at]) for at in (1, 2))
    for operation in (
        {"op": "replace_text", "find": "two", "replace": "2"},
        {"op": "insert_paragraphs", "text": "new", "at": second},
        {"op": "set_list", "addresses": [third], "kind": "numbered"},
    ):
        edited = word.edit(content, [operation], track=track).content
        assert word.read(edited).markdown


@pytest.mark.parametrize("gone", ["word/styles.xml", "word/numbering.xml", "word/comments.xml", "word/footnotes.xml"])
@pytest.mark.parametrize("track", ["off", "on"])
def test_missing_parts_stand_in_the_way_of_nothing_else(gone: str, track: Any) -> None:
    parts = {"numbering": "", "comments": "", "footnotes": "", "styles": ""}
    content = _without(docx(p("one two"), item("three"), **parts), gone)
    edited = word.edit(content, [{"op": "replace_text", "find": "two", "replace": "2"}], track=track).content
    assert "2</w:t>" in part(edited)


def test_a_document_without_its_main_part_is_damaged() -> None:
    with pytest.raises(DocumentError, match="no main part"):
        word.edit(_without(docx(p("one")), "word/document.xml"), [{"op": "track", "on": True}])


def _without(content: bytes, gone: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(made, "w") as target:
        for info in source.infolist():
            if info.filename != gone:
                target.writestr(info, source.read(info))
    return made.getvalue()
