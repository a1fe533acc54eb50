from __future__ import annotations

import io

import docx as python_docx
import pytest

from copilot.documents import word
from copilot.errors import ToolInputError

from .make import names, part

MARKDOWN = """# Report

Some **bold**, *italic* and `code` with a [link](https://example.com/a?b=1&c=2).

- one
  - deeper
- two

1. first
2. second

Then

1. again

| Item | Price |
| --- | --- |
| Apple | 1.20 |

> said somebody
"""


def test_markdown_becomes_the_same_structure() -> None:
    content = word.create(MARKDOWN, title="Quarter")
    reading = word.read(content)
    lines = [line.rpartition(" {")[0] if line.endswith("}") else line for line in reading.markdown.split("\n") if line]
    assert lines == [
        "# Quarter",
        "# Report",
        "Some bold, italic and code with a [link](https://example.com/a?b=1&c=2) (https://example.com/a?b=1&c=2).",
        "- one",
        "  - deeper",
        "- two",
        "1. first",
        "2. second",
        "Then",
        "1. again",
        "Table 1",
        "| Item | Price |",
        "| --- | --- |",
        "| Apple | 1.20 |",
        "said somebody",
    ]
    assert reading.title == "Quarter"
    assert reading.properties == {"title": "Quarter"}


def test_python_docx_reads_it() -> None:
    document = python_docx.Document(io.BytesIO(word.create(MARKDOWN)))
    assert document.paragraphs[0].style is not None
    assert document.paragraphs[0].style.name == "Heading 1"
    assert [run.text for run in document.paragraphs[1].runs if run.bold] == ["bold"]
    assert [cell.text for cell in document.tables[0].rows[1].cells] == ["Apple", "1.20"]
    assert part(word.create(MARKDOWN)).rstrip().endswith("</w:sectPr></w:body></w:document>")


def test_the_same_text_gives_the_same_bytes() -> None:
    assert word.create(MARKDOWN) == word.create(MARKDOWN)
    assert "docProps/thumbnail.jpeg" not in names(word.create(MARKDOWN))


@pytest.mark.parametrize("markdown", ["", "   \n", "<script>x</script>", "a\n\n---\n\nb", "![x](y.png)", "# \n"])
def test_odd_markdown_makes_a_document(markdown: str) -> None:
    assert word.read(word.create(markdown)).kind == "word"


def test_control_characters_are_refused() -> None:
    with pytest.raises(ToolInputError):
        word.create("a\x00b")


def test_links_that_could_run_something_stay_text() -> None:
    content = word.create("[x](javascript:alert(1)) [y](file:///etc/passwd)")
    assert "external-links" not in word.read(content).flags
