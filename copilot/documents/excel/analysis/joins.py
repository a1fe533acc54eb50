"""Two sets of rows brought together by keys: joined, or compared."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from copilot.documents.excel.analysis.frame import Frame, Row
from copilot.documents.excel.analysis.sources import Source
from copilot.documents.excel.analysis.tally import exact
from copilot.documents.excel.refs import address, quote_sheet
from copilot.documents.excel.values import Percent, Scalar, show, typed
from copilot.errors import ToolInputError

How: TypeAlias = Literal["left", "inner", "right", "outer", "anti"]
Match: TypeAlias = Literal["case", "exact", "loose"]
On: TypeAlias = list[str] | dict[str, str]


def join(
    frame: Frame, right: Source, on: On, how: How = "left", columns: list[str] | None = None, match: Match = "case"
) -> Frame:
    """Add the columns of other rows (right: {file, sheet, table, range}) where the keys `on` are equal.

    `how`: left, inner, right, outer, anti (left rows without a partner). `match`: "case" ignores it as XLOOKUP does,
    "exact", "loose" also ignores spaces and takes "12" for 12. `on` is a list, or a mapping of left to right columns.
    """
    pairs = _pairs(on)
    other = frame.books.frame(right, [r for _, r in pairs])
    left_keys, right_keys = frame.indexes(p[0] for p in pairs), other.indexes(p[1] for p in pairs)
    added = other.indexes(columns) if columns else [i for i in range(len(other.columns)) if i not in right_keys]
    partners = _Index.of(other, right_keys, match)
    work = _Join(frame, other, left_keys, right_keys, added, partners)
    rows = list(work.rows(how, match))
    titles = [*frame.columns, *_apart(frame.columns, [other.columns[i] for i in added])]
    if how == "anti":
        titles = list(frame.columns)
    made = frame.made(titles, rows, notes=[*other.late_notes(), *work.notes()], sources=other.read)
    formula = work.formula(match, how)
    grid = [[""] * len(frame.columns) + [formula] + [""] * (len(added) - 1)] if formula and rows else []
    return frame.made(titles, rows, notes=made.notes, sources=made.sources, formulas=grid)


def _pairs(on: On) -> list[tuple[str, str]]:
    pairs = list(on.items()) if isinstance(on, dict) else [(each, each) for each in on]
    if not pairs:
        raise ToolInputError("A key is needed: the columns that both sides share.", code="arguments")
    return pairs


def _apart(taken: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    known = {name.casefold() for name in taken}
    for name in names:
        made = name
        while made.casefold() in known:
            made += " (right)" if not made.endswith(" (right)") else "'"
        known.add(made.casefold())
        yield made


def normal(value: Scalar, match: str) -> Hashable:
    """Return what two values that match have in common; None for a blank one, which matches nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        if match == "exact":
            return value
        if match == "case":
            return value.casefold()
        bare = " ".join(re.sub(r"\s+", " ", value).split())
        value = typed(bare) if bare else None
        if isinstance(value, str):
            return value.casefold()
    if isinstance(value, bool):
        return "bool", value
    return exact(value) if isinstance(value, (int, float, Percent)) else value


@dataclass
class _Index:
    """Rows by their key."""

    rows: dict[tuple[Hashable, ...], list[Row]] = field(default_factory=dict)
    blank: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, frame: Frame, keys: Sequence[int], match: str) -> _Index:
        """Return the rows of a frame by their keys; those with a blank in it apart."""
        made = cls()
        for row in frame.rows():
            key = _key(row, keys, match)
            made.blank.append(row) if None in key else made.rows.setdefault(key, []).append(row)
        return made

    @property
    def twins(self) -> dict[tuple[Hashable, ...], list[Row]]:
        """The keys that several rows have."""
        return {key: rows for key, rows in self.rows.items() if len(rows) > 1}


def _key(row: Row, keys: Sequence[int], match: str) -> tuple[Hashable, ...]:
    return tuple([normal(row[1][i], match) for i in keys])


class _Join:
    """A join under way."""

    def __init__(
        self, left: Frame, right: Frame, left_keys: list[int], right_keys: list[int], added: list[int], index: _Index
    ) -> None:
        self.left, self.right, self.index = left, right, index
        self.left_keys, self.right_keys, self.added = left_keys, right_keys, added
        self._alone: list[Row] = []
        self._loosely = 0
        self._used: set[tuple[Hashable, ...]] = set()
        self._count = self._first = 0

    def rows(self, how: str, match: str) -> Iterator[list[Scalar]]:
        """Yield the joined rows, the left ones in their order, then right ones without a partner."""
        loose: set[tuple[Hashable, ...]] | None = None
        for row in self.left.rows():
            self._count += 1
            self._first = self._first or row[0]
            key = _key(row, self.left_keys, match)
            partners = self.index.rows.get(key, []) if None not in key else []
            if partners:
                self._used.add(key)
            else:
                loose = loose if loose is not None or match == "loose" else self._loose()
                self._loosely += loose is not None and _key(row, self.left_keys, "loose") in loose
                self._alone.append(row)
            yield from self._joined(row, partners, how)
        if how in ("right", "outer"):
            for key, rows in self.index.rows.items():
                if key not in self._used:
                    yield from (self._right_only(row) for row in rows)
            yield from (self._right_only(row) for row in self.index.blank)

    def _loose(self) -> set[tuple[Hashable, ...]]:
        return {_key(row, self.right_keys, "loose") for rows in self.index.rows.values() for row in rows}

    def _joined(self, row: Row, partners: Sequence[Row], how: str) -> Iterator[list[Scalar]]:
        values = list(row[1])
        if how == "anti":
            if not partners:
                yield values
        elif partners:
            yield from ([*values, *(p[1][i] for i in self.added)] for p in partners)
        elif how in ("left", "outer"):
            yield [*values, *[None] * len(self.added)]

    def _right_only(self, row: Row) -> list[Scalar]:
        values: list[Scalar] = [None] * len(self.left.columns)
        for mine, theirs in zip(self.left_keys, self.right_keys, strict=True):
            values[mine] = row[1][theirs]
        return [*values, *(row[1][i] for i in self.added)]

    def notes(self) -> list[str]:
        """Return in words what found no partner, and which keys are not unique."""
        made = [f"{self._count - len(self._alone):,} of {self._count:,} rows have a partner."]
        if self._alone:
            examples = ", ".join(
                " / ".join(show(row[1][i]) or "(blank)" for i in self.left_keys) for row in self._alone[:5]
            )
            made.append(f"Without a partner: {len(self._alone):,} ({examples}).")
        if self._loosely:
            made.append(f'{self._loosely:,} of them would have one with match "loose" (spaces, numbers as text).')
        unused = sum(len(rows) for key, rows in self.index.rows.items() if key not in self._used)
        if unused + len(self.index.blank):
            made.append(f"{unused + len(self.index.blank):,} rows of the other side have no partner.")
        if twins := self.index.twins:
            examples = ", ".join(
                " / ".join(show(rows[0][1][i]) for i in self.right_keys) for rows in list(twins.values())[:5]
            )
            made.append(
                f"{len(twins):,} keys are there several times on the other side ({examples}): rows are repeated."
            )
        return made

    def formula(self, match: str, how: str) -> str:
        """Return the XLOOKUP that gives the first added value of the first row, "" where there is none."""
        left, right = self.left.origin, self.right.origin
        if not left or not right or match != "case" or how != "left" or not self.added or self.index.twins:
            return ""
        if not right.here or not self._first:
            return ""
        cells = [f"{quote_sheet(left.sheet)}!{address(self._first, left.left + i)}" for i in self.left_keys]
        found, wanted = right.place(self.added[0]), [right.place(i) for i in self.right_keys]
        if len(cells) == 1:
            return f"=XLOOKUP({cells[0]},{wanted[0]},{found})"
        masks = "*".join(f"({place}={cell})" for place, cell in zip(wanted, cells, strict=True))
        return f"=XLOOKUP(1,{masks},{found})"


# --- comparing --------------------------------------------------------------------------------------------------


def compare(
    frame: Frame,
    right: Source,
    on: On,
    columns: list[str] | None = None,
    match: Match = "case",
    tolerance: Annotated[float, Field(ge=0)] = 0,
) -> Frame:
    """List what differs from other rows (right) by key: rows added, rows removed, cells changed.

    These rows count as before, the right ones as after. Numbers that differ by at most `tolerance` are equal.
    """
    pairs = _pairs(on)
    other = frame.books.frame(right, [r for _, r in pairs])
    left_keys, right_keys = frame.indexes(p[0] for p in pairs), other.indexes(p[1] for p in pairs)
    shared = _shared(frame, other, left_keys, columns)
    before, after = _Index.of(frame, left_keys, match), _Index.of(other, right_keys, match)
    for side, index, keys in (("left", before, left_keys), ("right", after, right_keys)):
        _refuse_twins(side, index, keys)
    rows: list[list[Scalar]] = []
    for key, (old, *_) in before.rows.items():
        names = [old[1][i] for i in left_keys]
        if key not in after.rows:
            rows.append([*names, "removed", None, None, None, frame.where(old[0], left_keys[0])])
            continue
        new = after.rows[key][0]
        rows += [
            [*names, "changed", frame.columns[i], old[1][i], new[1][j], other.where(new[0], j)]
            for i, j in shared
            if _differ(old[1][i], new[1][j], tolerance)
        ]
    for key, (new, *_) in after.rows.items():
        if key not in before.rows:
            names = [new[1][i] for i in right_keys]
            rows.append([*names, "added", None, None, None, other.where(new[0], right_keys[0])])
    titles = [*(frame.columns[i] for i in left_keys), "Change", "Column", "Before", "After", "Where"]
    notes = [_counted(rows, len(left_keys), len(before.rows)), *_blank(before, after), *_only(frame, other, columns)]
    return frame.made(titles, rows, notes=[*other.late_notes(), *notes], sources=other.read)


def _shared(left: Frame, right: Frame, keys: Sequence[int], columns: list[str] | None) -> list[tuple[int, int]]:
    if columns:
        return list(zip(left.indexes(columns), right.indexes(columns), strict=True))
    known = {c.casefold(): j for j, c in enumerate(right.columns)}
    return [(i, known[c.casefold()]) for i, c in enumerate(left.columns) if c.casefold() in known and i not in keys]


def _only(left: Frame, right: Frame, columns: list[str] | None) -> Iterator[str]:
    if columns:
        return
    for name, mine, theirs in (("left", left, right), ("right", right, left)):
        known = {c.casefold() for c in theirs.columns}
        alone = [c for c in mine.columns if c.casefold() not in known]
        if alone:
            yield f"Columns only on the {name} side, not compared: {', '.join(alone)}."


def _refuse_twins(side: str, index: _Index, keys: Sequence[int]) -> None:
    if twins := index.twins:
        rows = next(iter(twins.values()))
        name = " / ".join(show(rows[0][1][i]) for i in keys)
        numbers = ", ".join(str(number) for number, _ in rows[:5])
        message = f"The key {name!r} is there {len(rows)} times on the {side} side (rows {numbers})."
        raise ToolInputError(message, hint="Add a column to the key that tells them apart.", code="ambiguous_key")


def _differ(old: Scalar, new: Scalar, tolerance: float) -> bool:
    if old in (None, "") and new in (None, ""):
        return False
    numbers = [v for v in (old, new) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) == 2:
        return abs(exact(numbers[0]) - exact(numbers[1])) > exact(tolerance)
    return type(old) is not type(new) or old != new


def _counted(rows: Sequence[Sequence[Scalar]], at: int, keys: int) -> str:
    kinds = [row[at] for row in rows]
    told = ", ".join(f"{kinds.count(k):,} {w}" for k, w in _KINDS)
    return f"{told}; {keys:,} keys on the left side."


_KINDS = (("added", "rows added"), ("removed", "rows removed"), ("changed", "cells changed"))


def _blank(before: _Index, after: _Index) -> Iterator[str]:
    count = len(before.blank) + len(after.blank)
    if count:
        yield f"{count:,} rows without a key were not compared."
