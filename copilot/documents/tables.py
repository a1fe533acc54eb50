"""Tables as Markdown, and back: how every reader writes a table and every user of a reading takes it apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_RULE = re.compile(r"\s*\|?\s*:?-{1,}:?\s*(\|\s*:?-{1,}:?\s*)*\|?\s*\Z")
_BAR = re.compile(r"(?<!\\)\|")


def column_letters(number: int) -> str:
    """Return the letters of a column counted from 1: 1 is "A", 28 is "AB"."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table; the first one is the header. "" for none."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    width = max((len(row) for row in cells), default=0)
    if not width:
        return ""
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in cells]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("|", "\\|")


def table_rows(markdown: str) -> list[list[str]]:
    """Return the cells of a Markdown table (or of tab-separated lines), header first; [] when it is neither."""
    lines = [line for line in markdown.splitlines() if line.strip()]
    if lines and all(line.lstrip().startswith("|") for line in lines):
        return [_cells(line) for line in lines if not _RULE.match(line)]
    if lines and all("\t" in line for line in lines):
        return [[cell.strip() for cell in line.split("\t")] for line in lines]
    return []


def _cells(line: str) -> list[str]:
    bare = line.strip().removeprefix("|")
    bare = bare[:-1] if bare.endswith("|") and not bare.endswith("\\|") else bare
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(bare)]
