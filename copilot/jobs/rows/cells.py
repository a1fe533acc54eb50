"""Values as cells hold them: of the type of their column, or as text with what does not fit told."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from copilot.documents.text import FORMULA
from copilot.jobs.rows.plan import Column, Kind

Cell = str | int | float | bool | date | datetime | None

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_SURROGATES = re.compile("[\ud800-\udfff]")
#: What XML 1.0 (2.2) has no character for, and what a terminal would act on.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARK = "\ufffd"
_DEEPEST = 50
_FORMULA = 8_192  # characters of the longest formula ("Excel specifications and limits")


def fitted(value: Any, column: Column) -> tuple[Any, str]:
    """Return the value as the column has it (a list for one of many), and what is wrong with it, "" if nothing.

    None stays None. Dates become `date` and `datetime`; what does not fit stays as text.
    """
    if value is None:
        return None, ""
    if not column.many:
        return _one(value, column.kind)
    pairs = [_one(each, column.kind) for each in (value if isinstance(value, list) else [value])]
    return [each for each, _ in pairs], next((why for _, why in pairs if why), "")


def _one(value: Any, kind: Kind) -> tuple[Cell, str]:
    if value is None:
        return None, ""
    if isinstance(value, float) and not math.isfinite(value):
        return None, f"{value} is no number"
    found = _FITS[kind](value)
    if found is not None:
        return found, ""
    shown = as_text(value)
    return shown, f"{shown[:40]!r} is no {_WORDS.get(kind, kind)}"


def as_text(value: Any) -> str:
    """Return a value as text: JSON for everything but text itself."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value that JSON and UTF-8 can hold: no NaN, no lone surrogates, not nested without end."""
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {whole(str(name)): plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else whole(str(value))


def whole(text: str) -> str:
    """Return text that UTF-8 can hold: lone surrogates become a mark."""
    return text if text.isascii() else _SURROGATES.sub(_MARK, text)


def visible(text: str) -> str:
    """Return text without control characters, each a mark; lines end with a line feed."""
    return _CONTROLS.sub(_MARK, text.replace("\r\n", "\n").replace("\r", "\n"))


def neutral(text: str) -> str:
    """Return text that no spreadsheet takes for a formula when it opens a CSV: an apostrophe goes before one.

    Numbers, dashes and names with an @ are no formulas.
    """
    head = unicodedata.normalize("NFKC", text[:_FORMULA])  # the wide signs of Japanese keyboards begin formulas, too
    return f"'{text}" if head.lstrip().startswith("=") or FORMULA.match(head) else text


def _text(value: Any) -> Cell:
    return as_text(value)


def _integer(value: Any) -> Cell:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _number(value: Any) -> Cell:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any) -> Cell:
    return value if isinstance(value, bool) else None


def _date(value: Any) -> Cell:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and _DAY.match(value) else None
    except ValueError:
        return None


def _datetime(value: Any) -> Cell:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and "-" in value else None
    except ValueError:
        return None


def _any(value: Any) -> Cell:
    return value if isinstance(value, str | int | float | bool) else as_text(value)


_FITS: dict[Kind, Callable[[Any], Cell]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "any": _any,
    "json": lambda value: json.dumps(plain(value), ensure_ascii=False),
}
_WORDS = {"integer": "whole number", "boolean": "yes or no (true, false)", "datetime": "date with a time"}
