"""A cell that is named by its row and column: "set the March takings for York to 4800"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openpyxl.utils.cell import get_column_letter

from copilot.documents.terms import stem
from copilot.models.builtin.files import name_words
from copilot.models.builtin.lexing import Token, number
from copilot.models.builtin.state import State, runs
from copilot.models.builtin.words import STOPWORDS

if TYPE_CHECKING:
    from copilot.documents.excel.regions import Region

_VALUE_CUES = frozenset({"to", "=", "as", "is", "at"})
_PLAIN = ("number", "quote", "date", "formula")


@dataclass(frozen=True)
class Named:
    """A cell at a row and a column that the request names, by these of its words."""

    region: Region
    row: int
    column: int
    words: frozenset[int]

    @property
    def address(self) -> str:
        """The cell's address."""
        return f"{get_column_letter(self.column)}{self.row}"


def named_cell(state: State, sheets: Sequence[str]) -> tuple[Named, Any, frozenset[int]] | None:
    """Return the only cell of the sheets that the step names by row and column, its new value, that value's words.

    None when none is named, or when the words fit several cells equally.
    """
    value = _value(state)
    if value is None or state.doc is None:
        return None
    spoken, index = value
    found = [n for r in state.doc.regions if r.sheet in sheets for n in _in_region(state, r, spoken)]
    most = max((len(n.words) for n in found), default=0)
    best = {(n.region.sheet, n.address): n for n in found if len(n.words) == most}
    if len(best) != 1:
        return None
    named = next(iter(best.values()))
    _spend_context(state, named)
    token = state.tokens[index]
    plain = number(token.value) if token.kind == "number" and not token.value.endswith("%") else None
    if token.kind == "word":
        known = {str(c.value).casefold(): c.value for c in named.region.cells(named.column)}
        if token.lower not in known:
            return None
        return named, known[token.lower], spoken
    return named, token.value if plain is None else plain, spoken


def _value(state: State) -> tuple[frozenset[int], int] | None:
    """Return the tokens that say the new value, and the one that is it."""
    last = max((i for i, t in enumerate(state.tokens) if state.free(i) and t.kind != "punct"), default=-1)
    for index in range(len(state.tokens) - 1, 1, -1):
        token = state.tokens[index]
        if not state.free(index) or token.kind not in (*_PLAIN, "word") or state.before(index) not in _VALUE_CUES:
            continue
        if token.kind != "word" or index == last:
            return frozenset((index - 1, index)), index
    if len(state.tokens) > 1 and state.tokens[1].kind in _PLAIN and not state.clause.inherited_verb and state.free(1):
        return frozenset((1,)), 1
    return None


def _in_region(state: State, region: Region, spoken: frozenset[int]) -> Iterator[Named]:
    if region.header is None:
        return
    labels = list(_labels(state, region, spoken))
    for offset, header in enumerate(region.columns):
        for run in _places(state.tokens, header, spoken):
            for row, column, words in labels:
                if region.area.left + offset != column and not words & run:
                    yield Named(region, row, region.area.left + offset, run | words)


def _labels(state: State, region: Region, spoken: frozenset[int]) -> Iterator[tuple[int, int, frozenset[int]]]:
    """Yield the rows that the step names by a text that stands once in its column, or by a number in the first one."""
    for offset in range(len(region.columns)):
        column = region.area.left + offset
        cells = region.cells(column)
        texts = [str(c.value).casefold() for c in cells if c.value is not None]
        for cell in cells:
            if not isinstance(cell.value, str) and (offset or not isinstance(cell.value, (int, float))):
                continue
            if texts.count(str(cell.value).casefold()) == 1:
                for run in _places(state.tokens, str(cell.value), spoken):
                    yield cell.row, column, run


def _places(tokens: Sequence[Token], name: str, spoken: frozenset[int]) -> list[frozenset[int]]:
    """Return where a name stands, the verb and the value left out."""
    found = [frozenset(run) for run, _ in runs(tokens, name)]
    return [run for run in found if 0 not in run and not run & spoken and not _only_stopwords(tokens, run)]


def _only_stopwords(tokens: Sequence[Token], run: frozenset[int]) -> bool:
    return all(tokens[i].text.islower() and tokens[i].lower in STOPWORDS for i in run)


def _spend_context(state: State, named: Named) -> None:
    """Account for words that name the file, the sheet, the table or the column of the row's name."""
    region = named.region
    texts = (region.sheet, region.title, region.table, *region.columns)
    known = {stem(w) for text in texts for w in re.findall(r"[^\W_]+", text.lower())}
    known |= set(name_words(state.doc)) if state.doc else set()
    state.spend([i for i, t in enumerate(state.tokens) if i and t.kind == "word" and stem(t.lower) in known], "cells")
