"""Long answers in parts: all of the text, in order, each part readable by itself and within the limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.hosts.bot.channels import Dialect
from copilot.hosts.bot.dialect import Said, said
from copilot.hosts.bot.split import split, utf16

LINES = st.sampled_from(
    [
        "Some words that make a sentence. And one more of them!",
        "- an item of a list",
        "  more of the item",
        "",
        "```py",
        "x = 1",
        "```",
        "~~~~",
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "# A heading",
        "> ```",
        "> quoted",
        "1. first",
        "é😀👩‍👩‍👧" * 20,
        "w" * 300,
        "a\u2028b\x0bc",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES, max_size=40).map("\n".join), st.integers(64, 600), st.integers(0, 200))
def test_the_parts_are_the_whole_text(text: str, limit: int, shown: int) -> None:
    parts = split(text, limit, shown=shown)
    assert "".join(part.own for part in parts) == (text if text.strip() else "")
    assert all(utf16(part.text) <= limit for part in parts)
    assert all(part.text.strip() for part in parts)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400), st.integers(64, 300))
def test_any_text_is_split(text: str, limit: int) -> None:
    assert "".join(part.own for part in split(text, limit)) == (text if text.strip() else "")


WORDS = "one two three four five six seven eight nine ten. "


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        # between blocks, not in them
        (f"{WORDS * 2}\n\n{WORDS * 2}\n\n{WORDS * 2}", ["", ""]),
        # a heading stays with what it is over
        (f"{WORDS * 2}\n\n# Head\n\n{WORDS * 3}", ["# Head"]),
        # between items, and the lines of one stay together
        ("".join(f"- item {n} {WORDS}\n  more of item {n}\n" for n in range(6)), ["- item"]),
        # a code block that fits stays whole
        (f"{WORDS * 2}\n\n```\n" + "code\n" * 30 + f"```\n\n{WORDS * 2}", ["```", "one two"]),
    ],
)
def test_where_it_is_cut(text: str, cuts: list[str]) -> None:
    parts = split(text, 500)
    assert len(parts) > 1
    for part, begin in zip(parts[1:], cuts, strict=False):
        assert part.text.startswith(begin or "one two")
        assert not part.text.startswith("  more")


def test_a_code_block_is_closed_and_opened_again() -> None:
    lines = [f"line {n}" for n in range(100)]
    parts = split("```py\n" + "\n".join(lines) + "\n```\n", 400)
    assert len(parts) > 4
    for part in parts:
        assert part.text.startswith("```py\n")
        assert part.text.endswith("\n```")
    inner = [line for part in parts for line in part.text.split("\n")[1:-1]]
    assert inner == lines


def test_a_table_repeats_its_head() -> None:
    head = "| Name | Price |\n|---|---:|\n"
    rows = [f"| thing {n} | {n} |" for n in range(60)]
    parts = split(head + "\n".join(rows), 400)
    assert len(parts) > 3
    assert all(part.text.startswith(head) for part in parts)
    assert [row for part in parts for row in part.text.splitlines()[2:]] == rows


def test_characters_that_belong_together_stay_together() -> None:
    text = "👩‍👩‍👧e\u0301" * 100
    for part in split(text, 100):
        assert not re.match("[\u0301\u200d]", part.text)


def test_what_was_shown_already_is_in_the_first_part() -> None:
    text = "\n\n".join(WORDS for _ in range(10))
    parts = split(text, 600, shown=280)
    assert parts[0].own.startswith(text[:280])
    with pytest.raises(ValueError, match="64"):
        split(text, 10)


MARKDOWN = """# A [heading](http://evil.example/a) `x`

Text with <at>all</at> and ![p](https://evil.example/p.png).

| Name | Price |
|--- | ---:|
| a thing | 1
| another \\| thing | 2 |

one | line

***
```
# <at>code</at> | no
---
```
## last"""
TEAMS = """**A heading (http://evil.example/a) x**

Text with &lt;at>all&lt;/at> and image: p (https://evil.example/p.png).

```
Name             Price
---------------  -----
a thing          1
another | thing  2
```

one | line

———
```
# < at>code< /at> | no
---
```
**last**"""


@pytest.mark.parametrize("dialect", ["teams", "full", "plain"])
def test_what_came_out_once_is_not_taken_back(dialect: Dialect) -> None:
    whole = said(MARKDOWN, dialect)
    growing, before = Said(dialect), ""
    for character in MARKDOWN:
        growing.feed(character)
        assert growing.text.startswith(before)
        assert "<at" not in growing.text.lower()
        assert "](" not in growing.text
        before = growing.text
    growing.close()
    assert growing.text == whole
    assert (whole == TEAMS) == (dialect == "teams")


def test_a_wide_table_becomes_a_list() -> None:
    text = f"| Name | What |\n|---|---|\n| a | {'long ' * 20}|\n| b | |\n"
    assert said(text, "teams") == f"- **Name**: a; **What**: {('long ' * 20).strip()}\n- **Name**: b\n"


@settings(max_examples=50, deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join), st.integers(1, 9))
def test_pieces_make_no_difference(text: str, size: int) -> None:
    growing = Said("teams")
    for at in range(0, len(text), size):
        growing.feed(text[at : at + size])
    growing.close()
    assert growing.text == said(text, "teams")


def test_code_in_a_list_item_stays_code_by_itself() -> None:
    code = "".join(f"       line {n}\n" for n in range(60))
    parts = split(f"10. First\n\n    Words of the item.\n\n    ```py\n{code}    ```\n\n    More words.\n", 300)
    assert len(parts) > 3
    for part in parts[1:-1]:
        assert part.text.startswith("```py\n")
        assert part.text.endswith("\n```")
    assert "    ```" not in "".join(part.text for part in parts[1:])
    assert parts[-1].text == "More words."
