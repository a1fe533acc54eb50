"""Text, Markdown and CSV."""

from __future__ import annotations

import pytest

from copilot.documents.tables import column_letters, markdown_table, table_rows
from copilot.documents.text import csv_rows, decode, outline, read


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        ("naïve €".encode(), "naïve €", "utf-8"),
        ("naïve".encode("utf-8-sig"), "naïve", "utf-8"),
        ("naïve €".encode("utf-16"), "naïve €", "utf-16"),
        ("plain words".encode("utf-16-le"), "plain words", "utf-16-le"),
        ("plain words".encode("utf-16-be"), "plain words", "utf-16-be"),
        ("“naïve” €".encode("cp1252"), "“naïve” €", "cp1252"),
        (b"", "", "utf-8"),
    ],
)
def test_encodings(content: bytes, text: str, encoding: str) -> None:
    assert decode(content) == (text, encoding)


MARKDOWN = """# Plan

First line
second line.

- one
- two

| a | b |
|---|---|
| 1 | 2 |

Under
-----
```
# no heading
```
"""


def test_markdown_blocks_with_their_lines() -> None:
    segments = read(MARKDOWN.encode(), "plan.md").segments
    assert [(s.kind, s.level, s.where, s.text) for s in segments] == [
        ("heading", 1, "line 1", "Plan"),
        ("paragraph", 0, "lines 3-4", "First line second line."),
        ("list", 0, "line 6", "- one"),
        ("list", 0, "line 7", "- two"),
        ("table", 0, "lines 9-11", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("heading", 2, "line 13", "Under"),
        ("code", 0, "lines 15-17", "```\n# no heading\n```"),
    ]
    assert [h.text for h in outline(MARKDOWN.encode(), "plan.md").headings] == ["Plan", "Under"]


def test_plain_text_has_no_headings() -> None:
    assert [s.kind for s in read(b"# not a heading\n\ntext", "a.txt").segments] == ["paragraph", "paragraph"]


@pytest.mark.parametrize(
    "text",
    [
        "name,age\nAnn,5\nBo,6\n",
        "name;age\nAnn;5\nBo;6\n",
        "name\tage\nAnn\t5\nBo\t6\n",
        'name|age\n"Ann"|5\nBo|6',
        "name,age\r\n\r\nAnn,5\r\nBo,6\r\n",
    ],
)
def test_csv_separator_is_guessed(text: str) -> None:
    assert csv_rows(text) == [["name", "age"], ["Ann", "5"], ["Bo", "6"]]


def test_csv_with_separators_in_quotes_and_decimal_commas() -> None:
    rows = csv_rows('city;cost\n"Paris; France";1,5\nRome;2,5\n')
    assert rows == [["city", "cost"], ["Paris; France", "1,5"], ["Rome", "2,5"]]


def test_csv_reading_and_outline() -> None:
    content = b"name,age\nAnn,5\n"
    reading = read(content, "people.csv")
    assert reading.segments[0].kind == "table"
    assert table_rows(reading.markdown) == [["name", "age"], ["Ann", "5"]]
    sheet = outline(content, "people.csv").sheets[0]
    assert (sheet.name, sheet.used, sheet.columns) == ("people", "A1:B2", ("name", "age"))


def test_hidden_characters_are_flagged() -> None:
    assert "hidden-text" in read("ok\U000e0041\U000e0042".encode(), "a.txt").flags
    assert "bidi-controls" in read("abc\u202ecba".encode(), "a.txt").flags
    assert read("שלום".encode(), "a.txt").flags == ()


@pytest.mark.parametrize("rows", [[["a", "b"], ["1|2", "x\ny"]], [["only"]], [["a", ""], ["", "b"]]])
def test_tables_there_and_back(rows: list[list[str]]) -> None:
    assert table_rows(markdown_table(rows)) == [[cell.replace("\n", " ") for cell in row] for row in rows]


def test_no_table() -> None:
    assert table_rows("some | words") == []
    assert markdown_table([]) == ""


@pytest.mark.parametrize(("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (16384, "XFD")])
def test_column_letters(number: int, letters: str) -> None:
    assert column_letters(number) == letters
