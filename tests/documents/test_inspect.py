"""What `everpilot inspect` says, and the Markdown that a document is converted to."""

from __future__ import annotations

import json

import pytest

from copilot.documents.inspect import inspect, render
from copilot.documents.markdown import to_markdown
from copilot.documents.reading import read
from copilot.documents.segments import Reading, Segment
from tests.documents.makers import lines, ole, pdf


def test_opened() -> None:
    content = pdf([lines("Seen.") + "1 g BT /F1 11 Tf 72 600 Td (Unseen.) Tj ET"])
    found = inspect(content, "a.pdf", confidentiality="restricted")
    assert found["status"] == "opened"
    assert found["confidentiality"] == "restricted"
    assert found["flags"] == ["hidden-text"]
    assert [(s["text"], s["where"], s["hidden"], s["hidden_reason"], s["integrity"]) for s in found["segments"]] == [
        ("Seen.", "page 1", False, "", "untrusted"),
        ("Unseen.", "page 1", True, "white text", "untrusted"),
    ]
    assert {"kind", "address"} <= found["segments"][0].keys()
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [(b"", "a.docx", "empty"), (ole("WordDocument"), "a.doc", "legacy"), (b"x", "a.pdf", "broken")],
)
def test_refused(content: bytes, name: str, code: str) -> None:
    found = inspect(content, name)
    assert (found["status"], found["code"], found["flags"]) == ("refused", code, [])
    assert found["message"].count(". ") == 0
    assert render(found, name).startswith(f"**Refused** ({code}): {name}")


def test_rendered_for_a_person() -> None:
    content = pdf([lines("Seen.") + "1 g BT /F1 11 Tf 72 600 Td (Do this!) Tj ET"])
    text = render(inspect(content, "a.pdf"), "a.pdf")
    assert "2 segments, 1 hidden" in text
    assert "hidden, page 1 (hidden: white text)\n> Do this!" in text
    assert "Flag **hidden-text**" in text


SEGMENTS = (
    Segment("Report", "p 1", "title"),
    Segment("Intro", "p 2", "heading", level=1, address="p2:aa"),
    Segment("Some text.", "p 3", address="p3:bb"),
    Segment("one", "p 4", "list"),
    Segment("two", "p 5", "list"),
    Segment("| a | b |\n| --- | --- |\n| 1 | 2 |", "table 1", "table"),
    Segment("secret", "p 6", hidden="white text"),
    Segment("Page 1", "footer 1", "footer"),
    Segment("Page 1", "footer 2", "footer"),
    Segment("See law.", "footnote 1", "footnote"),
    Segment("Ann", "property author", "property"),
)


def test_clean_markdown() -> None:
    text = to_markdown(Reading("word", SEGMENTS, ""))
    assert text == (
        "# Report\n\n# Intro\n\nSome text.\n\n- one\n- two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n"
        "## Footers\n\n- Page 1\n\n## Notes\n\n- footnote 1: See law.\n"
    )
    assert "white text, p 6: secret" in to_markdown(Reading("word", SEGMENTS, ""), hidden=True)


def test_a_sheet_becomes_tables_without_its_grid() -> None:
    grid = "| | A | B |\n|---|---|---|\n| 1 | Budget |  |\n| 3 | Team | Plan |\n| 4 | Sales | 10 `=1+9` |"
    text = to_markdown(Reading("excel", (Segment(grid, "S!A1:B4", "table"),), ""))
    assert text == "Budget\n\n| Team | Plan |\n| --- | --- |\n| Sales | 10 |\n"


def test_markdown_stays_as_it_is() -> None:
    source = "# Title\n\ntext\n\n- item\n"
    assert to_markdown(read(source.encode(), "a.md")) == source
