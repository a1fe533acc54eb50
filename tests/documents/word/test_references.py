"""Notes, comments, links, fields and tables of contents on real files: nothing else changes, and the file is sound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot.documents import word
from copilot.documents.hunks import Edited
from copilot.documents.word.document import Document
from tests.thinning import thinned

from .whole import added_only, sound

_CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = sorted(_CORPUS.glob("*.docx")) if _CORPUS.is_dir() else []

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of real files is not here")


def edits(content: bytes) -> Iterator[Callable[[], Edited]]:
    """What adds to a paragraph in the middle of the body, beside a word that stands once in it."""
    document = Document(content)
    plain = [b for b in document.blocks if b.kind == "paragraph" and b.story.kind == "body" and not b.boxed]
    plain = [b for b in plain if all(p.kind != "fixed" for p in document.line(b).pieces) and document.text(b).strip()]
    if not plain:
        return
    block = plain[len(plain) // 2]
    address, text = document.address(block), document.text(block)
    single = [each for each in re.findall(r"\w+", text) if text.count(each) == 1]
    words = max(single, key=len, default="")
    yield lambda: word.add_footnote(content, address, "A note.", words)
    yield lambda: word.add_comment(content, address, "Why?", words)
    yield lambda: word.add_bookmark(content, "Zz_mark", address, words)
    yield lambda: word.cross_reference(content, address, address)
    yield lambda: word.add_caption(content, address, "Seen here")
    yield lambda: word.insert_toc(content, address)
    yield lambda: word.set_properties(content, custom={"Zz": "new"})
    yield lambda: word.create_style(content, "Zz Style", bold=True)


@pytest.mark.parametrize("file", thinned(FILES, 6), ids=lambda f: f.stem)
def test_additions_take_nothing_away(file: Path) -> None:
    content = file.read_bytes()
    strict = Document(content).package.strict
    for edit in edits(content):
        edited = edit()
        added_only(content, edited.content)
        sound(content, edited.content, strict=strict)
