"""Which tool a step means: BM25 over what the tools declare, together with how well the step fills their slots."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]

from copilot.documents.terms import stem
from copilot.models.builtin.clauses import Clause
from copilot.models.builtin.files import Sure
from copilot.models.builtin.lexing import shapes
from copilot.models.builtin.state import State
from copilot.models.builtin.toolview import ToolView, direct_objects


@dataclass(frozen=True)
class Thresholds:
    """Every number that the planner decides by, in one place."""

    words: float = 1.0  # weight of BM25 over the examples, relative to the best tool
    verb: float = 0.6  # the step opens with a verb of the tool
    near_verb: float = 0.3  # with a synonym of one
    question_verb: float = 0.2  # with a question word that opens an example
    cue: float = 0.5  # one of its cue words stands in the step
    object: float = 0.5  # the noun after the verb is one of its examples' (minus: another tool's)
    coverage: float = 0.8  # the share of words that are explained
    grounded: float = 0.12  # each argument found in the request
    most_grounded: int = 5
    doubt: float = 0.15  # each doubt
    write_margin: float = 0.15  # to the next tool, for a call that changes something
    read_margin: float = 0.03
    read_coverage: float = 0.7
    menu: float = 1.1  # below this nothing is worth offering
    menu_margin: float = 1.2  # nor anything that is so much weaker than the best
    rival: float = 1.0  # a weaker call that would fit another file makes a write without a file's name doubtful
    able: float = 1.0  # how much weaker a reading that accounts for all facts may be than one that does not
    question: float = 0.9  # a question of which every word is accounted for is answered from here on
    guess: float = 1.3  # a reading call runs from here on


LIMITS = Thresholds()
_GENERIC = frozenset(
    {
        "add",
        "insert",
        "append",
        "make",
        "create",
        "delete",
        "remove",
        "drop",
        "build",
        "include",
        "draw",
        "show",
        "list",
        "give",
    }
)
_NAMES = ("address", "heading", "sheet", "style", "value", "column", "document", "query")
_WEAK_SLOTS = frozenset({"query"})


@dataclass(frozen=True)
class Candidate:
    """One reading of a step as a call, with its score."""

    state: State
    score: float
    verb: float
    cue: bool
    explicit: int = 0  # how many arguments come from words of the request
    misses_object: bool = False  # the noun after the verb is one of another tool's and not of this one's

    @property
    def view(self) -> ToolView:
        """The tool."""
        return self.state.view

    @property
    def sensible(self) -> bool:
        """Whether a call that changes something accounts for most of the words."""
        return not self.view.acts or len(self.state.unexplained()) < 0.5 * self.state.content()

    @property
    def able(self) -> bool:
        """Whether a reading call accounts for enough of the words, and for every fact among them."""
        coverage = 1 - len(self.state.unexplained()) / self.state.content()
        return coverage >= LIMITS.read_coverage and not self.state.unexplained_facts()

    @property
    def led_to(self) -> bool:
        """Whether the user's words lead to this tool, by its verb or a cue."""
        return self.verb > 0 or self.cue


class Ranking:
    """The tools' examples as an index."""

    def __init__(self, views: Sequence[ToolView]) -> None:
        self._lines = [(view.name, list(line)) for view in views for line in view.lines if line]
        self._index = BM25Okapi([line for _, line in self._lines]) if self._lines else None
        if self._index:
            # The library's idf turns negative for words in more than half of the lines, which is usual among few
            # tools; Lucene's form never does.
            seen = Counter(word for line in self._index.doc_freqs for word in line)
            size = len(self._lines)
            self._index.idf = {w: math.log(1 + (size - n + 0.5) / (n + 0.5)) for w, n in seen.items()}
        self._objects = {view.name: view.objects for view in views}

    def words(self, clause: Clause) -> dict[str, float]:
        """Return how well each tool's best example fits the words of the step, 0 to 1, the best tool at 1."""
        if not self._index:
            return {}
        query = ([stem(clause.inherited_verb)] if clause.inherited_verb else []) + shapes(clause.tokens)
        best: dict[str, float] = {}
        for (name, _), score in zip(self._lines, self._index.get_scores(query), strict=True):
            best[name] = max(best.get(name, 0.0), float(score))
        top = max(best.values(), default=0.0)
        return {name: score / top if top > 0 else 0.0 for name, score in best.items()}

    def score(self, state: State, words: dict[str, float]) -> Candidate:
        """Return the state with its score."""
        view, clause = state.view, state.clause
        verb = _verb(view, clause.verb)
        cue = _has_cue(view, state) or _narrows(view, state)
        explicit = set(state.used.values()) & {
            p.name for p in view.parameters if p.slot.kind not in _WEAK_SLOTS and p.name in state.args
        }
        fitting = self._object(view, state)
        coverage = 1 - min(1.0, len(state.unexplained()) / state.content())
        score = (
            LIMITS.words * words.get(view.name, 0.0)
            + verb
            + LIMITS.cue * cue
            + LIMITS.object * fitting
            + LIMITS.coverage * coverage
            + LIMITS.grounded * min(LIMITS.most_grounded, len(explicit))
            - LIMITS.doubt * len(state.loose)
        )
        return Candidate(state, score + 0.02 * (state.sure > Sure.ONLY), verb, cue, len(explicit), fitting < 0)

    def _object(self, view: ToolView, state: State) -> int:
        start = 0 if state.clause.inherited_verb else 1
        given = {p.name for p in view.parameters if p.slot.kind in _NAMES} | {"document", "shown"}
        tokens = [t for i, t in enumerate(state.tokens) if i >= start and state.used.get(i) not in given]
        named = [o for o in direct_objects(tokens) if o]
        generic = state.clause.verb in _GENERIC  # what "replace" or "set" is followed by is rather a text of the file
        if any(o in view.objects for o in named[-1:] or ()) or any(o in view.objects for o in named):
            return 1
        return -1 if generic and any(o in objects for o in named for objects in self._objects.values()) else 0


def _verb(view: ToolView, verb: str) -> float:
    if verb in ("what", "which", "who", "how", "when", "where", "is", "are", "does", "do"):
        return LIMITS.question_verb if verb in view.verbs else 0.0
    if verb in view.verbs:
        return LIMITS.verb
    return LIMITS.near_verb if verb in view.near_verbs else 0.0


def _narrows(view: ToolView, state: State) -> bool:
    """Whether a call that shows rows was given the text of a cell: "show me the litigation matters"."""
    needed = any(p.required and p.slot.kind == "column" for p in view.parameters)
    given = set(state.used.values())
    return not view.acts and needed and any(p.slot.kind == "value" and p.name in given for p in view.parameters)


def _has_cue(view: ToolView, state: State) -> bool:
    words = [t.stem if t.kind == "word" else "" for t in state.tokens]
    for parts in view.cue_stems:
        if any(words[i : i + len(parts)] == parts for i in range(len(words) - len(parts) + 1)):
            return True
    return False
