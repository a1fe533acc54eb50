"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from copilot.errors import DocumentError
from copilot.jobs.sources.found import Found

#: Bytes of one line.
_LINE = 16 << 20


def rows(table: Path, found: Found) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the objects, each with the number of its line; values keep their types. Empty lines are no rows.

    A line that is no object is left out and told. Raises DocumentError (unreadable).
    """
    try:
        table.open("rb").close()
    except OSError as error:
        raise DocumentError(f"{table} can't be read: {error.strerror}.", code="unreadable") from error
    return _rows(table, found)


def _rows(table: Path, found: Found) -> Iterator[tuple[int, dict[str, Any]]]:
    with table.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_LINE), b""), start=1):
            text = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not text:
                continue
            try:
                yield number, _object(text)
            except (ValueError, RecursionError) as error:
                why = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]
                found.skip(f"line {number} ({why})", "lines that are no JSON object")


def _object(text: bytes) -> dict[str, Any]:
    found = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError(f"it is {type(found).__name__}")
    return {" ".join(name.split()): value for name, value in found.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands in it twice")
    return made


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
