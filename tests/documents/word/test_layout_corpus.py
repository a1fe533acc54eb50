"""Tables, pictures, sections and headers on real files: still valid, and nothing else is touched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from copilot.documents import word
from copilot.documents.word.document import Document
from copilot.errors import ToolInputError
from tests.thinning import thinned

from .make import changed_parts
from .test_pictures import png
from .validity import problems

_CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
FILES = thinned(sorted(_CORPUS.glob("*.doc[xm]")) if _CORPUS.is_dir() else [], 6)

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of real files is not here")

#: What an operation may refuse on a file that has no room for it.
_REFUSED = ("unchanged", "merged", "last", "control", "column")
#: What stands in a table may have notes and comments, which go with the last that refers to them.
_WITH_NOTES = r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments\w*)\.xml"
_MARGIN = r"word/(document|header|footer|styles|settings|_rels/document)[^/]*|word/_rels/.*|\[Content_Types\]\.xml"


def _operations(content: bytes) -> list[tuple[dict[str, Any], str]]:
    """Operations, each with the parts that it may change."""
    document = Document(content)
    top = [b for b in document.blocks if b.kind == "paragraph" and b.depth == 0 and b.story.kind == "body"]
    table = next((document.address(b) for b in document.blocks if b.kind == "table"), None)
    place = document.address(top[len(top) // 2])
    found = [
        ({"op": "insert_picture", "image": "x", "at": place, "alt": "a"}, rf"{_MARGIN}|word/media/.*"),
        ({"op": "section_break", "at": place}, "word/document.xml"),
        ({"op": "page_numbers", "of_total": True}, _MARGIN),
        ({"op": "set_header", "text": "A\tB\t{PAGE}", "kind": "first"}, _MARGIN),
    ]
    for fields in (
        {"op": "add_rows", "rows": [["new"]]},
        {"op": "add_column", "after": 1},
        {"op": "delete_column", "column": 1},
        {"op": "merge_cells", "cells": "r1c1:r1c2"},
        {"op": "split_cell", "cell": "r1c1", "columns": 2, "rows": 2},
    ):
        if table is not None:
            found.append(({**fields, "table": table}, _WITH_NOTES))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_real_files_stay_valid(file: Path) -> None:
    content = file.read_bytes()
    before = problems(content)
    for operation, parts in _operations(content):
        try:
            done = word.edit(content, [operation], opener=lambda _: png(), track="off", override_protection=True)
        except ToolInputError as refusal:
            if refusal.code not in _REFUSED:
                raise
            continue
        assert not problems(done.content) - before, operation
        assert all(re.fullmatch(parts, name) for name in changed_parts(content, done.content)), operation
