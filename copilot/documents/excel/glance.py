"""A big block of data at a glance: its first and last rows, and what its columns hold; read as a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from copilot.documents.excel.analysis.frame import Frame, Row
from copilot.documents.excel.analysis.profile import profile
from copilot.documents.excel.analysis.sources import Books, Source
from copilot.documents.excel.values import Scalar, show


@dataclass(frozen=True)
class Glance:
    """What a block holds: `head` and `tail` are rows by their number in the sheet, `facts` one row for each column.

    `markdown` shows all of it; `where` is the range for a citation, `rows` how many rows of data there are.
    """

    columns: tuple[str, ...]
    rows: int
    head: dict[int, tuple[Scalar, ...]]
    tail: dict[int, tuple[Scalar, ...]]
    facts: tuple[tuple[Scalar, ...], ...]
    where: str
    markdown: str
    notes: tuple[str, ...]


def glance(
    content: bytes, sheet: str = "", table: str = "", range: str = "", *, head: int = 10, tail: int = 5
) -> Glance:
    """Return a block of data as its first and last rows with a profile of its columns; the largest one of the sheet.

    A sheet of any length takes the same little memory. Raises ToolInputError and DocumentError.
    """
    frame = Books(content).frame(Source(sheet=sheet, table=table, range=range))
    first, last, count = _ends(frame, head, tail)
    facts = profile(frame)
    described = tuple(values for _, values in facts.rows())
    between = count - len(first) - len(last)
    parts = [
        f"{', '.join(facts.sources)}: {count:,} rows of data",
        _grid(frame.columns, [*first, *([(0, ())] if between > 0 else []), *last], between),
        _table(facts.columns, described),
        "\n".join(f"- {note}" for note in facts.notes),
    ]
    return Glance(
        frame.columns,
        count,
        dict(first),
        dict(last),
        described,
        ", ".join(facts.sources),
        "\n\n".join(parts),
        facts.notes,
    )


def _ends(frame: Frame, head: int, tail: int) -> tuple[list[Row], list[Row], int]:
    first: list[Row] = []
    last: deque[Row] = deque(maxlen=tail)
    count = 0
    for row in frame.rows():
        count += 1
        if len(first) < head:
            first.append(row)
        else:
            last.append(row)
    return first, list(last), count


def _grid(columns: Iterable[str], rows: Iterable[Row], between: int) -> str:
    names = list(columns)
    lines = [f"| | {' | '.join(map(_cell, names))} |", "|---" * (len(names) + 1) + "|"]
    for number, values in rows:
        if number:
            lines.append(f"| {number} | {' | '.join(_cell(show(v, decimals=6)) for v in values)} |")
        else:
            lines.append(f"| ... | {between:,} more rows |" + " |" * (len(names) - 1))
    return "\n".join(lines)


def _table(columns: Iterable[str], rows: Iterable[tuple[Scalar, ...]]) -> str:
    names = list(columns)
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(_cell(show(v, decimals=4)) for v in row)} |" for row in rows)])


def _cell(text: str) -> str:
    short = text if len(text) <= 80 else text[:79] + "…"
    return short.replace("|", "\\|").replace("\n", "<br>")
