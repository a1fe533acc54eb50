"""What came of a document as rows: its values by columns, those of the lists in it, and what is said about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from copilot.jobs.job import Citation, Outcome, Source
from copilot.jobs.rows.cells import fitted
from copilot.jobs.rows.plan import Path, Table

#: From the surest to the least.
CONFIDENCE = ("exact", "near", "missing", "unsupported")
#: Columns of every table, behind those of the values.
ABOUT = ("status", "confidence", "flags", "error")
_STEP = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class Item:
    """A row of a table below: `item` is its place in the lists above ("2" or, in a list in a list, "2.1")."""

    table: str
    item: str
    cells: list[Any]


@dataclass(slots=True)
class Record:
    """One document: `cells` fit the columns of the table, `items` are the rows of the tables below it."""

    document: str
    given: list[Any]
    cells: list[Any]
    items: list[Item]
    status: str
    text: str
    citations: Sequence[Citation]
    confidence: str = ""
    error: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def flags(self) -> list[str]:
        """What a person should look at: fields that are not sure, and values that don't fit."""
        unsure = (f"{each.field}: {each.confidence}" for each in self.citations if each.confidence != "exact")
        return list(dict.fromkeys([*unsure, *self.problems]))

    @property
    def about(self) -> tuple[str, str, str, str]:
        """The cells of the columns ABOUT."""
        return self.status, self.confidence, "; ".join(self.flags), self.error


def record(source: Source, outcome: Outcome, table: Table, given: Sequence[str]) -> Record:
    """Return the rows of one document; `given` are the columns of its own table that are repeated."""
    made = Record(
        name_of(source),
        [fitted_given(source.values.get(name)) for name in given],
        [],
        [],
        outcome.status.value,
        outcome.text,
        outcome.citations,
        worst(outcome.citations),
        error_of(outcome),
    )
    values = outcome.values or {}
    made.cells = _cells(values, table, made, "")
    made.items = list(_items(values, table, made, ""))
    made.problems += [f"{name} is not in the schema" for name in _unknown(values, table, ())]
    return made


def name_of(source: Source) -> str:
    """Return what names a source in a result: its document, and its row where several rows may share one."""
    if not source.path:
        return source.key
    return f"{source.path}#{source.key}" if source.values else source.path


def worst(citations: Sequence[Citation]) -> str:
    """Return the confidence of the least sure field, "" if none is told."""
    return max((each.confidence for each in citations), key=CONFIDENCE.index, default="")


def error_of(outcome: Outcome) -> str:
    """Return why it failed, in one line, with the next step."""
    error = outcome.error or {}
    parts = (str(error.get(name) or "") for name in ("message", "hint"))
    return " ".join(" ".join(parts).split())


def cited(citation: Citation, values: Mapping[str, Any] | None) -> Any:
    """Return the value that a citation is about: "items[0].price" or "items.0.price" is one in a list."""
    found: Any = values or {}
    if isinstance(found, Mapping) and citation.field in found:
        return found[citation.field]
    for step in _STEP.findall(citation.field):
        if isinstance(found, list) and step.isdecimal():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found


def fitted_given(value: Any) -> Any:
    """Return a value of the table that a row came from, as a cell."""
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _cells(values: Any, table: Table, made: Record, at: str) -> list[Any]:
    cells = []
    for column in table.columns:
        cell, why = fitted(_at(values, column.path), column)
        made.problems += [f"{at}{column.name}: {why}"] if why else []
        cells.append(cell)
    return cells


def _items(values: Any, table: Table, made: Record, above: str) -> Iterator[Item]:
    for child in table.children:
        found = _at(values, child.path)
        if found is not None and not isinstance(found, list):
            made.problems.append(f"{child.name}: is no list")
        for number, each in enumerate(found if isinstance(found, list) else (), start=1):
            item = f"{above}{number}"
            yield Item(child.name, item, _cells(each, child, made, f"{child.name}[{item}]."))
            yield from _items(each, child, made, f"{item}.")


def _at(values: Any, path: Path) -> Any:
    for step in path:
        values = values.get(step) if isinstance(values, Mapping) else None
    return values


def _unknown(values: Any, table: Table, at: Path) -> Iterator[str]:
    """Yield the names of values that no column holds."""
    for name, value in values.items() if isinstance(values, Mapping) else ():
        path = (*at, str(name))
        if path in table.known:
            continue
        if any(known[: len(path)] == path for known in table.known):
            yield from _unknown(value, table, path)
        elif value is not None:
            yield ".".join(path)
