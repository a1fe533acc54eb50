"""Any text cut into any runs: edits do what the same edit does to a plain string."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError
from tests.thinning import examples

from .make import docx, p, r

LETTERS = st.text(alphabet="ab <&\u00e9", max_size=4)
RUNS = st.lists(LETTERS, min_size=1, max_size=6)
WORDS = st.text(alphabet="ab <&\n\t\u00e9", min_size=0, max_size=5)


def _paragraph(runs: list[str]) -> bytes:
    wraps = ("{}", "<w:ins>{}</w:ins>", "<w:hyperlink w:anchor='x'>{}</w:hyperlink>")
    pieces = [wraps[i % 3].format(r(escape(t), "<w:b/>" if i % 2 else "")) for i, t in enumerate(runs)]
    return docx(p(*pieces))


def _text(content: bytes) -> str:
    document = Document(content)
    return document.text(document.blocks[0])


@settings(max_examples=examples(150), deadline=None, database=None, derandomize=True)
@given(RUNS, st.text(alphabet="ab <&\u00e9", min_size=1, max_size=3), WORDS)
def test_replacing_is_what_it_is_on_a_string(runs: list[str], find: str, replace: str) -> None:
    assume(find != replace)
    content = _paragraph(runs)
    text = "".join(runs)
    if find not in text:
        try:
            edited = word.replace_text(content, find, replace)
        except ToolInputError:
            return
        assert any("other spaces" in w for w in edited.warnings)
        return
    assert _text(word.replace_text(content, find, replace).content) == text.replace(find, replace)


@settings(max_examples=examples(150), deadline=None, database=None, derandomize=True)
@given(RUNS, WORDS.map(lambda t: t.strip("\n")))
def test_a_rewritten_paragraph_reads_the_new_text(runs: list[str], text: str) -> None:
    content = _paragraph(runs)
    document = Document(content)
    address = document.address(document.blocks[0])
    if text == "".join(runs):
        with pytest.raises(ToolInputError):
            word.replace_paragraph(content, address, text)
        return
    assert _text(word.replace_paragraph(content, address, text).content) == text
