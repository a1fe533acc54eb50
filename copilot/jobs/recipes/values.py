"""Values in a recipe: JSON types and dates, how large they may be, and how they read as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from copilot.errors import ToolInputError

#: Characters of one text that a step makes: a document of some 400 pages.
MOST_TEXT = 1_000_000
#: Values in lists and maps, all levels together, that a step makes.
MOST_VALUES = 200_000
#: Levels of lists and maps in each other.
DEEPEST = 30


def plain(value: Any) -> Any:
    """Return the value as JSON types: a date as "2026-03-01", a tuple as a list, any key as text.

    Raises ToolInputError (code "too_large") beyond MOST_TEXT, MOST_VALUES or DEEPEST.
    """
    return _Plain().of(value, 0)


class _Plain:
    def __init__(self) -> None:
        self._values = 0
        self._characters = 0

    def of(self, value: Any, depth: int) -> Any:
        self._count(value, depth)
        if isinstance(value, Mapping):
            return {as_text(key): self.of(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(each, depth + 1) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise ToolInputError(f"The result is {value}, which is no number.", code="value")
        if isinstance(value, str):
            return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
        if value is None or isinstance(value, bool | int | float):
            return value
        return as_text(value)

    def _count(self, value: Any, depth: int) -> None:
        self._values += 1
        self._characters += len(value) if isinstance(value, str) else 0
        if self._values > MOST_VALUES or self._characters > MOST_TEXT or depth > DEEPEST:
            raise too_large()


def too_large() -> ToolInputError:
    """Return the error for a value that is over a limit."""
    limits = f"{MOST_TEXT:,} characters, {MOST_VALUES:,} values or {DEEPEST} levels"
    return ToolInputError(f"The value is larger than {limits}.", hint="Take less of it.", code="too_large")


def as_text(value: Any) -> str:
    """Return a value as a person writes it: nothing for None, 12 for 12.0, dates as 2026-03-01, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return joined(f"{key}: {as_text(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return joined(as_text(each) for each in value)
    return str(value)


def joined(parts: Iterable[str], between: str = ", ") -> str:
    """Return the parts with `between` in between; raises ToolInputError (code "too_large") for more than MOST_TEXT."""
    found, length = [], 0
    for part in parts:
        length += len(part) + len(between)
        if length > MOST_TEXT:
            raise too_large()
        found.append(part)
    return between.join(found)
