"""Several operations as one edit: what their addresses mean, how they get in each other's way, what is protected."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import docx, p, part, table

CONTENT = docx(
    p("Scope", style="berschrift1"),
    p("First words."),
    p("Second words."),
    p("Third words."),
    table(["a", "b"], ["c", "d"]),
    p("Last words."),
)


def at(path: str, content: bytes = CONTENT) -> str:
    document = Document(content)
    return next(document.address(b) for b in document.blocks if b.path == path)


def texts(content: bytes) -> list[str]:
    document = Document(content)
    return [document.text(b) for b in document.blocks if b.kind == "paragraph" and b.depth == 0]


def test_addresses_mean_the_document_as_it_was_read() -> None:
    done = word.edit(
        CONTENT,
        [
            {"op": "insert_paragraphs", "text": "New.\nNewer.", "at": "Scope"},
            {"op": "delete_blocks", "addresses": [at("p2")]},
            {"op": "replace_paragraph", "address": at("p4"), "text": "Third, changed."},
            {"op": "insert_paragraphs", "text": "Between.", "at": at("p3"), "position": "before"},
            {"op": "set_table_cell", "table": at("t1"), "row": 2, "column": 1, "text": "C"},
            {"op": "set_table_cell", "table": "1", "row": 1, "column": 1, "text": "A"},
            {"op": "set_table_cell", "table": at("t1"), "row": 1, "column": 2, "text": "B"},
            {"op": "apply_style", "addresses": [at("p4")], "style": "Quote"},
        ],
    )
    assert texts(done.content) == [
        "Scope", "New.", "Newer.", "Between.", "Second words.", "Third, changed.", "Last words.",
    ]  # fmt: skip
    markdown = word.read(done.content).markdown
    assert "| A | B |" in markdown
    assert "| C | d |" in markdown
    assert len(done.hunks) == 8
    assert part(done.content).count('w:val="Zitat"') == 1


def test_what_a_batch_has_made_is_a_place_by_its_words() -> None:
    operations = [
        {"op": "insert_heading", "text": "Annex", "level": 2, "at": ""},
        {"op": "insert_paragraphs", "text": "In the annex.", "at": "Annex"},
        {"op": "insert_paragraphs", "text": "Late.", "at": ""},
    ]
    assert texts(word.edit(CONTENT, operations).content)[-3:] == ["Annex", "In the annex.", "Late."]


def test_a_batch_is_what_its_operations_are_one_by_one() -> None:
    one = word.replace_text(CONTENT, "words", "sentences").content
    both = word.edit(CONTENT, [{"op": "replace_text", "find": "words", "replace": "sentences"}])
    assert both.content == one
    assert both == word.edit(CONTENT, [{"op": "replace_text", "find": "words", "replace": "sentences"}])


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        (
            [
                {"op": "delete_blocks", "addresses": [at("p2")]},
                {"op": "replace_paragraph", "address": at("p2"), "text": "x"},
            ],
            r"Operation 2 \(replace_paragraph\): paragraph 2 .* gone: Operation 1 \(delete_blocks\) deleted it",
        ),
        (
            [
                {"op": "replace_text", "find": "First", "replace": "1st"},
                {"op": "replace_paragraph", "address": at("p2"), "text": "x"},
            ],
            r"Operation 2 \(replace_paragraph\): paragraph 2 .* rewritten by Operation 1 \(replace_text\)",
        ),
        (
            [
                {"op": "delete_blocks", "addresses": [at("t1.r1")]},
                {"op": "replace_paragraph", "address": at("t1.r1.c2.p1"), "text": "x"},
            ],
            "Operation 1",
        ),
    ],
)
def test_overlaps_are_refused(operations: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(ToolInputError, match=reason) as caught:
        word.edit(CONTENT, operations)
    assert caught.value.code == "overlap"


def test_words_that_an_operation_before_rewrote_are_an_overlap() -> None:
    batch = [
        {"op": "replace_text", "find": "First words", "replace": "Title"},
        {"op": "replace_text", "find": "words.\nSecond", "replace": "x"},
    ]
    with pytest.raises(ToolInputError) as caught:
        word.edit(CONTENT, batch)
    assert caught.value.code == "not_found"
    batch[1] = {"op": "replace_text", "find": "First", "replace": "1st"}
    with pytest.raises(ToolInputError, match=r"Operation 2 .*'First' stood in paragraph 2 before") as caught:
        word.edit(CONTENT, batch)
    assert caught.value.code == "overlap"


def test_words_in_a_tracked_deletion_and_places_instead_of_addresses_are_explained() -> None:
    content = docx(p("A ", '<w:del w:id="1" w:author="B"><w:r><w:delText>gone words</w:delText></w:r></w:del>', "b"))
    with pytest.raises(ToolInputError, match="stands in paragraph 1 in text that is deleted as a tracked change"):
        word.replace_text(content, "gone words", "x")
    with pytest.raises(ToolInputError, match="deleted there as a tracked change"):
        word.add_comment(content, at("p1", content), "?", "gone words")
    with pytest.raises(ToolInputError, match=f"There is: {at('p3')} 'Second words.'"):
        word.replace_paragraph(CONTENT, "paragraph 3", "x")


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([], "arguments"),
        ([{"op": "replace_texts", "find": "a", "replace": "b"}], "unknown_operation"),
        ([{"op": "replace_text", "find": "a"}], "arguments"),
        ([{"op": "replace_text", "find": "words", "replace": "x"}, {"op": "delete_blocks", "addresses": ["p2:0000"]}],
         "stale_address"),
    ],
)  # fmt: skip
def test_a_wrong_operation_is_named(operations: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        word.edit(CONTENT, operations)
    assert caught.value.code == code


REPLACED = [{"op": "replace_text", "find": "Acme", "replace": "Contoso"}]


@pytest.mark.parametrize("kind", ["readOnly", "comments", "forms"])
def test_protected_documents_are_refused_unless_overridden(kind: str) -> None:
    content = docx(p("Acme"), settings=f'<w:documentProtection w:edit="{kind}" w:enforcement="1"/>')
    with pytest.raises(ToolInputError, match="protected against") as caught:
        word.edit(content, REPLACED)
    assert caught.value.code == "protected"
    done = word.edit(content, REPLACED, override_protection=True)
    assert texts(done.content) == ["Contoso"]
    assert any("protected" in w for w in done.warnings)


@pytest.mark.parametrize("attributes", ['w:edit="readOnly"', 'w:edit="readOnly" w:enforcement="0"', 'w:edit="none"'])
def test_protection_that_is_not_enforced_is_none(attributes: str) -> None:
    content = docx(p("Acme"), settings=f"<w:documentProtection {attributes}/>")
    assert word.edit(content, REPLACED).warnings == ()


def test_documents_that_wish_to_be_left_alone_are_edited_with_a_warning() -> None:
    content = docx(p("Acme"), settings='<w:writeProtection w:recommended="1"/>')
    assert any("reading only" in w for w in word.edit(content, REPLACED).warnings)


_OPEN = '<w:permStart w:id="5" w:edGrp="{}"/>'
_READ_ONLY = '<w:documentProtection w:edit="readOnly" w:enforcement="1"/>'


def _permitted(group: str = "everyone", **parts: str) -> bytes:
    inside = p(_OPEN.format(group), "Acme may be edited."), p("This, too.", '<w:permEnd w:id="5"/>', " Not this.")
    return docx(p("Acme stays."), *inside, settings=_READ_ONLY, **parts)


@pytest.mark.parametrize(
    ("operation", "allowed"),
    [
        ({"op": "replace_text", "find": "may", "replace": "can"}, True),
        ({"op": "replace_text", "find": "too", "replace": "also"}, True),
        ({"op": "insert_paragraphs", "text": "New.", "at": "Acme may be edited."}, True),
        ({"op": "replace_text", "find": "stays", "replace": "goes"}, False),
        ({"op": "replace_text", "find": "Acme", "replace": "Contoso"}, False),
        ({"op": "replace_text", "find": "Not", "replace": "But"}, False),
        ({"op": "insert_paragraphs", "text": "New.", "at": ""}, False),
    ],
)
@pytest.mark.parametrize("track", ["off", "on"])
def test_ranges_that_everybody_may_edit_are_edited(operation: dict[str, Any], allowed: bool, track: Any) -> None:
    content = _permitted()
    if allowed:
        assert word.edit(content, [operation], track=track).hunks
        return
    with pytest.raises(ToolInputError, match="permitted ranges only") as caught:
        word.edit(content, [operation], track=track)
    assert caught.value.code == "protected"
    assert word.edit(content, [operation], track=track, override_protection=True).hunks


def test_ranges_of_others_are_not_ours() -> None:
    with pytest.raises(ToolInputError, match="protected against every change"):
        word.edit(_permitted("administrators"), [{"op": "replace_text", "find": "may", "replace": "can"}])


def test_an_edit_alone_heeds_protection_as_one_of_a_batch_does() -> None:
    content = _permitted()
    assert word.replace_text(content, "may", "can").hunks
    with pytest.raises(ToolInputError, match="permitted ranges only"):
        word.replace_text(content, "stays", "goes")
    with pytest.raises(ToolInputError, match="protected against every change"):
        word.replace_text(docx(p("Acme"), settings=_READ_ONLY), "Acme", "Contoso")
    tracked = docx(p("Acme"), settings=_READ_ONLY.replace("readOnly", "trackedChanges"))
    with pytest.raises(ToolInputError, match="all but tracked changes"):
        word.replace_text(tracked, "Acme", "Contoso")
    assert "w:ins" in part(word.edit(tracked, REPLACED).content)
