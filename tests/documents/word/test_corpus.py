"""Every edit on real files: what it did not touch is the same, and the file still opens."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from docx.package import Package

from copilot.documents import word
from copilot.documents.hunks import Edited
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError
from tests.thinning import thinned

from .make import changed_parts, elements, names, part

_CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = thinned(sorted(_CORPUS.glob("*.doc[xm]"), key=lambda f: f.stat().st_size) if _CORPUS.is_dir() else [], 4)

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of real files is not here")


def _paragraphs(content: bytes) -> list[tuple[str, str]]:
    """Address and text of every paragraph with words in it that an edit may touch."""
    document = Document(content)
    blocks = [b for b in document.blocks if b.kind == "paragraph" and b.story.kind != "comment"]
    return [(document.address(b), text) for b in blocks if len(text := document.text(b).strip()) > 3]


def _added(edit: Callable[[bytes], Edited], content: bytes) -> None:
    """An edit that adds takes nothing away, in any part."""
    edited = edit(content)
    for name in changed_parts(content, edited.content) & set(names(content)):
        gone = elements(part(content, name)) - elements(part(edited.content, name))
        assert not gone, (name, list(gone)[:3])
    _opens(edited.content)


def _opens(content: bytes) -> None:
    assert word.read(content).kind == "word"
    assert Package.open(io.BytesIO(content)).main_document_part is not None


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_additions_take_nothing_away(file: Path) -> None:
    content = file.read_bytes()
    _added(lambda c: word.insert_paragraphs(c, "New text."), content)
    _added(lambda c: word.insert_heading(c, "New heading", 3), content)
    _added(lambda c: word.add_list(c, ["one", "  two"], kind="numbered"), content)
    _added(lambda c: word.add_table(c, [["A", "B"], ["1", "2"]]), content)
    for address, _ in _paragraphs(content)[:1]:
        _added(lambda c, at=address: word.insert_paragraphs(c, "Before.", at=at, position="before"), content)  # type: ignore[misc]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_replacement_changes_that_text_only(file: Path) -> None:
    content = file.read_bytes()
    paragraphs = _paragraphs(content)
    if not paragraphs:
        pytest.skip("no text")
    words = max(paragraphs[len(paragraphs) // 2][1].split(), key=len)
    try:
        edited = word.replace_text(content, words, "Zebra & Co")
    except ToolInputError as error:
        assert "equation" in str(error)  # noqa: PT017 - the one reason to refuse a text that is there
        return
    touched = changed_parts(content, edited.content)
    assert touched <= {n for n in names(content) if n.endswith(".xml") and not n.startswith("_")}
    for name in touched:
        before, after = elements(part(content, name)), elements(part(edited.content, name))
        assert {tag.rpartition("}")[2] for tag, _, _ in before - after} <= {"t"}
        assert sum(before.values()) == sum(after.values())
    assert [h for h in edited.hunks if "Zebra & Co" not in h.after] == []
    assert len(_paragraphs(edited.content)) == len(paragraphs)
    _opens(edited.content)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_paragraph_is_rewritten_deleted_and_styled(file: Path) -> None:
    content = file.read_bytes()
    paragraphs = _paragraphs(content)
    for address, text in (paragraphs[:1] + paragraphs[-1:]) if paragraphs else []:
        edited = word.replace_paragraph(content, address, f"{text} And more.")
        assert edited.hunks[0].after.endswith("And more.")
        _opens(edited.content)
        _opens(word.apply_style(content, [address], "Heading 4").content)
        deleted = word.delete_blocks(content, [address])
        touched = changed_parts(content, deleted.content)
        assert len({n for n in touched if not re.search("comments|footnotes|endnotes", n)}) <= 1
        assert touched
        _opens(deleted.content)
