"""A long document of which only what matters is parsed: the same edit, byte for byte where nothing was touched."""

from __future__ import annotations

import pytest
from lxml import etree

from copilot.documents import word
from copilot.documents.word import lean
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError

from .make import docx, field, p, part, r, table, text_box

EMPTY = '<w:p w:rsidR="00AB12CD"/>'
NOTE = '<w:r><w:footnoteReference w:id="{}"/></w:r>'
FILLER = [p(f"Clause {n} of the agreement.") for n in range(8)]
BODY = [
    *FILLER,
    p("The Corner", r("stone", "<w:b/>"), " clause."),
    EMPTY,
    table(["cell one", "two"], [EMPTY + p("cornerstone here"), p("x") + EMPTY]),
    p(field("TOC", "first entry")),
    *FILLER,
    p("with a note", NOTE.format(2)),
    "<w:sdt><w:sdtPr/><w:sdtContent>" + p("controlled cornerstone") + p("other") + "</w:sdtContent></w:sdt>",
    p("R&amp;D corner\u00adstone and note", NOTE.format(3)),
    table(["a", "b"]),
    table(["outer", p("x") + table(["inner", "other cornerstone"])]),
    table(["outer", p("x") + table(["inner", "nothing"])]),
    '<w:bookmarkStart w:id="1" w:name="b"/>',
    *FILLER,
    p("cornerstone last"),
]
NOTES = "".join(f'<w:footnote w:id="{n}">{p(f"cornerstone note {n}")}</w:footnote>' for n in (2, 3))


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "SHORTEST", 0)


def whole(content: bytes, *arguments: str, **options: bool) -> word.editing.Edited:  # type: ignore[name-defined]
    document = Document(content)
    edit = word.replace_text.on(document, *arguments, **options)
    return document.finish(edit.hunks, edit.warnings)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("find", "options"),
    [
        ("cornerstone", {}),
        ("cornerstone", {"match_case": False}),
        ("cornerstone", {"all": False}),
        ("Clause 3", {}),
        ("note", {}),
        ("R&D", {}),
        ("first entry", {}),
        ("other", {}),
    ],
)
def test_the_edit_is_the_one_of_the_whole_document(find: str, options: dict[str, bool], strict: bool) -> None:
    content = docx(*BODY, footnotes=NOTES, strict=strict)
    assert lean.reduced(part(content).encode(), [find]) is not None
    ours, wanted = (
        word.replace_text(content, find, "key & stone", **options),
        whole(content, find, "key & stone", **options),
    )
    assert ours.hunks == wanted.hunks
    assert ours.warnings == wanted.warnings
    for name in ("word/document.xml", "word/footnotes.xml"):
        first, second = (etree.fromstring(part(e.content, name).encode()) for e in (ours, wanted))
        assert etree.tostring(first, method="c14n") == etree.tostring(second, method="c14n")
    assert word.edit(content, [{"op": "replace_text", "find": find, "replace": "key & stone", **options}]) == ours


def test_what_is_skipped_is_much_and_comes_back_as_it_was() -> None:
    data = part(docx(*BODY, footnotes=NOTES)).encode()
    found = lean.reduced(data, ["stone"])
    assert found is not None
    assert len(found.data) < len(data)
    assert b"Clause 7" not in found.data
    assert found.whole(found.data) == data


def test_paragraphs_that_are_gone_are_noticed() -> None:
    found = lean.reduced(part(docx(*BODY)).encode(), ["stone"])
    assert found is not None
    with pytest.raises(RuntimeError):
        found.whole(found.data.replace(b'i="0"', b'i="1"'))


@pytest.mark.parametrize(
    "body",
    [
        [p(text_box(p("boxed")))],
        ["<!-- <w:p> -->"],
        [p("<![CDATA[x]]>")],
        ['<x:p xmlns:x="http://schemas.openxmlformats.org/wordprocessingml/2006/main"/>'],
        ['<w:p\nw:rsidR="1"/>'],
    ],
)
def test_what_can_not_be_told_by_its_bytes_is_read_whole(body: list[str]) -> None:
    assert lean.reduced(part(docx(*FILLER, *body)).encode(), ["stone"]) is None


@pytest.mark.parametrize(
    ("data", "words"), [(b"<w:p>", ["x"]), (b"", ["x"]), (part(docx(*BODY)).encode(), ["\u4e2d\u6587"])]
)
def test_words_that_have_no_letters_are_looked_for_in_all(data: bytes, words: list[str]) -> None:
    assert lean.reduced(data, words) is None


@pytest.mark.parametrize("text", ["corner&#115;tone", "corner\u017ftone"])
def test_letters_in_disguise_are_found(text: str) -> None:
    content = docx(*FILLER, p(text), *FILLER)
    assert word.replace_text(content, "cornerstone", "x", match_case=False).hunks[0].where == "paragraph 9"


def test_an_error_knows_the_whole_document() -> None:
    with pytest.raises(ToolInputError, match="Clause 3 of the agreement"):
        word.replace_text(docx(*BODY, footnotes=NOTES), "Clauze 3 of the agreement", "x")
