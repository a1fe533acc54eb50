"""A call in the making: which words of the step became which argument, and what is still doubtful."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from copilot.documents.terms import stem
from copilot.models.builtin.clauses import Clause
from copilot.models.builtin.files import FileMention, Sure
from copilot.models.builtin.ground import Doc
from copilot.models.builtin.lexing import Token, scan
from copilot.models.builtin.toolview import Parameter, ToolView
from copilot.models.builtin.words import LIMITERS, STOPWORDS, word_set

#: Nouns that belong to a filled slot: "the Amount *column*", "*cell* B4".
SLOT_NOUNS: dict[str, frozenset[str]] = {
    "column": frozenset(["column", "columns", "field"]),
    "sheet": frozenset(["sheet", "worksheet", "tab"]),
    "table": frozenset(["table"]),
    "cell": frozenset(["cell", "cells"]),
    "range": frozenset(["range", "cells", "cell"]),
    "cell_values": word_set("""cell cells value formula number text"""),
    "row_values": frozenset(["row", "record", "line", "entry"]),
    "style": frozenset(["style"]),
    "heading": frozenset(["heading", "section", "chapter"]),
    "found_text": word_set("""word phrase text term name every occurrence occurrences instances instance"""),
    "text": word_set("""text saying says reads reading titled called named"""),
    "document": frozenset(["file", "document"]),
}


@dataclass
class State:
    """The filling of one tool's parameters from one step, over one choice of documents."""

    view: ToolView
    clause: Clause
    mentions: tuple[FileMention, ...] = ()
    pending: tuple[str, ...] = ()
    args: dict[str, Any] = field(default_factory=dict)
    used: dict[int, str] = field(default_factory=dict)
    docs: list[Doc] = field(default_factory=list)
    sure: Sure = Sure.NAMED
    loose: list[str] = field(default_factory=list)  # why a person should look before this acts
    choices: dict[str, list[str]] = field(default_factory=dict)  # values of a parameter that fit equally
    missing: dict[str, str] = field(default_factory=dict)  # required parameter: why it has no value

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of the step."""
        return self.clause.tokens

    @property
    def doc(self) -> Doc | None:
        """The document that the call is about."""
        return self.docs[0] if self.docs else None

    def copy(self) -> State:
        """Return an independent copy."""
        return State(
            self.view, self.clause, self.mentions, self.pending, dict(self.args), dict(self.used), list(self.docs),
            self.sure,
            list(self.loose), dict(self.choices), dict(self.missing),
        )  # fmt: skip

    def open(self, *kinds: str) -> list[Parameter]:
        """The parameters of these kinds that have no value yet, in order."""
        return [p for p in self.view.parameters if p.slot.kind in kinds and p.name not in self.args]

    def give(self, parameter: Parameter, value: Any, indices: Iterable[int]) -> None:
        """Set an argument and account for the tokens it came from."""
        self.args[parameter.name] = value
        for index in indices:
            self.used[index] = parameter.name

    def spend(self, indices: Iterable[int], why: str) -> None:
        """Account for tokens that are no argument themselves."""
        for index in indices:
            self.used.setdefault(index, why)

    def free(self, index: int) -> bool:
        """Whether the token is there and nothing has been made of it."""
        return 0 <= index < len(self.tokens) and index not in self.used

    def before(self, index: int) -> str:
        """The word before a token."""
        return self.tokens[index - 1].lower if index else ""

    def phrase_ends_at(self, phrase: str, index: int) -> range | None:
        """The tokens of `phrase` when it stands right before `index`, else None."""
        words = phrase.lower().split()
        run = range(index - len(words), index)
        if run.start >= 0 and [self.tokens[i].lower for i in run] == words:
            return run
        return None

    def phrases(self, phrase: str) -> list[range]:
        """Every place where the words stand."""
        words = phrase.lower().split() if phrase[:1].isalnum() else [*phrase]
        size = len(words)
        starts = [i for i, t in enumerate(self.tokens) if t.lower in words[:1]]
        found = [range(i, i + size) for i in starts if i + size <= len(self.tokens)]
        return [r for r in found if [self.tokens[i].lower for i in r] == words]

    def unexplained_facts(self) -> bool:
        """Whether a quoted text, number, address or file is left over: then the call misses the point."""
        left = set(self.unexplained())
        names = {n for d in self.docs for n in part_names(d)}
        return any(t.text in left and (t.kind not in ("word", "punct") or t.lower in names) for t in self.tokens)

    def unexplained(self) -> list[str]:
        """The words that neither an argument nor the tool's own vocabulary accounts for."""
        nouns = frozenset().union(
            *(SLOT_NOUNS.get(p.slot.kind, frozenset()) for p in self.view.parameters if p.name in self.args)
        )
        words = self.view.vocabulary if self.view.acts else self.view.wider_vocabulary
        return [t.text for i, t in enumerate(self.tokens) if i not in self.used and self._puzzling(i, t, nouns, words)]

    def _puzzling(self, index: int, token: Token, nouns: frozenset[str], words: frozenset[str]) -> bool:
        if token.kind == "punct":
            return False
        if token.kind not in ("word", "cell") or token.lower in LIMITERS:
            return True
        if index == 0 and (token.lower in self.view.verbs or token.lower in self.view.near_verbs):
            return False  # the verb has its own weight in the ranking
        return token.lower not in STOPWORDS and token.lower not in nouns and token.stem not in words

    def content(self) -> int:
        """How many tokens carry meaning."""
        return max(1, sum(t.kind != "punct" and t.lower not in STOPWORDS for t in self.tokens))


def part_names(doc: Doc) -> set[str]:
    """The names of a workbook's sheets, tables and columns, in small letters."""
    sheets = doc.outline.sheets if doc.outline else ()
    tables = [t for s in sheets for t in s.tables]
    names = [n for s in sheets for n in (s.name, *s.columns)] + [n for t in tables for n in (t.name, *t.columns)]
    return {n.lower() for n in names}


def runs(tokens: Sequence[Token], name: str) -> list[tuple[range, bool]]:
    """Return where `name` (a header, a sheet, a heading) stands in the tokens, and whether letter by letter."""
    words, stems, whole = _spoken(name)
    if not words:
        return []
    found: list[tuple[range, bool]] = []
    for index, token in enumerate(tokens):
        if token.kind == "quote" and token.value.strip().lower() == whole:
            found.append((range(index, index + 1), True))
        if token.stem != stems[0]:
            continue
        run = tokens[index : index + len(words)]
        given = [t.lower for t in run]
        if given == words:
            found.append((range(index, index + len(words)), True))
        elif len(run) == len(words) and all(given) and [t.stem for t in run] == stems:
            found.append((range(index, index + len(words)), False))
    return found


@lru_cache(maxsize=16384)
def _spoken(name: str) -> tuple[list[str], list[str], str]:
    """Return the words of a name, their stems, and the name as it is compared with a quoted one.

    Every tool asks for the same names of the same documents again.
    """
    words = [t.lower or t.value.lower() for t in scan(name) if t.kind != "punct"]
    return words, [stem(w) for w in words], name.strip().lower()
