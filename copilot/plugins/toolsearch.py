"""Find the tools and skills that serve a request: BM25 over what they say of themselves.

The fields are weighed into one count for each word (BM25F: Robertson, Zaragoza, Taylor, "Simple BM25 extension to
multiple weighted fields", 2004), so that a word of a tool's name counts for more than one of its description.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from typing import Literal

from copilot.plugins.skill import Skill
from copilot.plugins.tool_words import near, plain, shaped, terms, weight_of
from copilot.plugins.tools import Tool

_K1, _B = 1.2, 0.3
#: How much a word counts, by where it stands.
_NAME, _SKILL, _SKILL_TEXT, _CUE, _EXAMPLE, _PARAMETER, _TEXT = 3.0, 1.5, 0.3, 2.5, 1.2, 0.6, 1.0
#: Characters of a description that count: what a tool is for stands at its beginning.
_READ = 500
#: Characters of a request that are looked for.
_MOST_ASKED = 2_000
#: How much a whole example that is like the request adds, relative to the best score by words.
_ALIKE = 2.0
#: The best by words, of which the examples are compared.
_COMPARED = 80
#: How much of that goes by rare words; the rest by all of them, in a request of small words only.
_RARE = 0.5
#: A word that nobody uses is read as one that is spelled almost alike (percent), if it has this many letters.
_LIKE, _LONG, _GUESSED = 84, 5, 0.6
_CLAUSES = re.compile(
    r"[.;!?\n]+\s|,?\s+(?:and then|and|then|afterwards|und dann|und|et puis|et)\s+|,\s+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that serves a request: a tool, or a skill whose instructions do; `line` says what it is for."""

    kind: Literal["tool", "skill"]
    name: str
    line: str
    score: float


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something that can be found; `examples` are the shapes and stems of each."""

    kind: Literal["tool", "skill"]
    name: str
    description: str
    examples: tuple[str, ...]


class ToolIndex:
    """An index over the tools of skills and the skills themselves; built when it is first searched."""

    def __init__(self, skills: Iterable[Skill]) -> None:
        self._skills = tuple(skills)
        self._lines: dict[int, list[tuple[frozenset[str], set[str]]]] = {}

    def search(self, request: str, limit: int = 10, *, only: Callable[[str], bool] | None = None) -> list[Found]:
        """Return what serves the request, the best first, at most `limit`; the same for the same request and skills.

        `only` says which names may be returned.
        """
        request = request[:_MOST_ASKED]
        groups = _asked(request, self._known)
        scores = self._scores(groups)
        if only is not None:
            scores = {i: s for i, s in scores.items() if only(self._entries[i].name)}
        likely = nlargest(_COMPARED, scores.items(), key=lambda item: (item[1], -item[0]))
        wanted, said = {t for group in groups for t, weight in group.items() if weight >= 1}, plain(request)
        top = likely[0][1] if likely else 0.0
        graded = [(score + _ALIKE * top * self._alike(i, wanted, said), -i) for i, score in likely]
        best = sorted(graded, reverse=True)[: max(limit, 0)]
        return [self._found(-i, score) for score, i in best if score > 0]

    def search_steps(self, request: str, limit: int = 10, *, only: Callable[[str], bool] | None = None) -> list[Found]:
        """Return what serves a request of several steps: the best of the whole and of each step take turns."""
        request = request[:_MOST_ASKED]
        steps = [part for part in _CLAUSES.split(request) if part and len(terms(part)) > 1]
        asked = [request, *(steps if len(steps) > 1 else [])][:_MOST_STEPS]
        lists = [self.search(text, limit, only=only) for text in asked]
        turns = (found[i] for i in range(limit) for found in lists if i < len(found))
        return list({each.name: each for each in turns if each}.values())[:limit]

    # --- the index ------------------------------------------------------------------------------------------------

    @cached_property
    def _entries(self) -> list[_Entry]:
        made = []
        for skill in self._skills:
            made += [_Entry("tool", tool.name, tool.description, tool.examples) for tool in skill.tools]
            if _is_found(skill):
                made.append(_Entry("skill", skill.name, skill.description, skill.examples))
        return made

    @cached_property
    def _postings(self) -> dict[str, dict[int, float]]:
        """Stem to the entries that have it, each with how much the word counts there."""
        postings: dict[str, dict[int, float]] = defaultdict(dict)
        for number, fields in enumerate(self._fields()):
            for found, weight in fields:
                for term in found:
                    places = postings[term]
                    places[number] = places.get(number, 0.0) + weight
        return postings

    def _fields(self) -> Iterator[list[tuple[Iterable[str], float]]]:
        """Yield the fields of each entry, in their order: stems and weight."""
        for skill in self._skills:
            of_skill = [(terms(skill.name), _SKILL), (terms(skill.description[:_READ]), _SKILL_TEXT)]
            yield from ([*of_skill, *_of_tool(tool)] for tool in skill.tools)
            if _is_found(skill):
                yield [
                    (terms(skill.name), _NAME),
                    (terms(skill.description[:_READ]), _TEXT),
                    *_of_examples(skill.examples),
                ]

    @cached_property
    def _against(self) -> list[float]:
        """What a word's count is set off against in each entry: more where much is said (BM25's k1 and b)."""
        lengths = [0.0] * len(self._entries)
        for places in self._postings.values():
            for number, weight in places.items():
                lengths[number] += weight
        average = sum(lengths) / max(len(lengths), 1) or 1.0
        return [_K1 * (1 - _B + _B * length / average) for length in lengths]

    @cached_property
    def _rarity(self) -> dict[str, float]:
        size = len(self._entries)
        return {term: math.log(1 + (size - len(p) + 0.5) / (len(p) + 0.5)) for term, p in self._postings.items()}

    def _known(self, term: str) -> str | None:
        """Return the term, or one that is spelled almost alike where nobody uses it; None if there is none."""
        if term in self._postings:
            return term
        if len(term) < _LONG:
            return None
        from rapidfuzz import process

        match = process.extractOne(term, self._vocabulary, score_cutoff=_LIKE)
        return str(match[0]) if match else None

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted(term for term in self._postings if len(term) >= _LONG - 1)

    def _scores(self, groups: Sequence[Mapping[str, float]]) -> dict[int, float]:
        """Return the score of each entry that has a word of the request, or one that is related to it.

        Each group is a word with its kin; of them the best one counts, so that a word does not count twice.
        """
        scores: dict[int, float] = defaultdict(float)
        for group in groups:
            best: dict[int, float] = {}
            for term, weight in group.items():
                most = weight * self._rarity.get(term, 0.0) * (_K1 + 1)
                for number, count in self._postings.get(term, {}).items():
                    value = most * count / (count + self._against[number])
                    if value > best.get(number, 0.0):
                        best[number] = value
            for number, value in best.items():
                scores[number] += value
        return scores

    def _alike(self, number: int, wanted: set[str], said: set[str]) -> float:
        """Return how much of the request one of the entry's examples holds, from 0 to 1: rare words, and all words."""
        total = sum(self._rarity.get(term, 0.0) for term in wanted) or 1.0
        best = 0.0
        for rare, words in self._compared(number):
            held = sum(self._rarity.get(term, 0.0) for term in wanted & rare) / total
            best = max(best, _RARE * held + (1 - _RARE) * len(said & words) / len(said | words))
        return best * best  # half of an example is nothing like it

    def _compared(self, number: int) -> list[tuple[frozenset[str], set[str]]]:
        """Return the examples of an entry as stems and as words; kept, because they are compared again and again."""
        if number not in self._lines:
            examples = self._entries[number].examples
            self._lines[number] = [(frozenset(_example(text)), plain(text[:_READ])) for text in examples]
        return self._lines[number]

    def _found(self, number: int, score: float) -> Found:
        entry = self._entries[number]
        return Found(entry.kind, entry.name, first_sentence(entry.description), score)


#: Steps of a request that are looked for one by one, with the whole of it.
_MOST_STEPS = 7


def first_sentence(text: str, most: int = 160) -> str:
    """Return the first sentence of a description in one line, cut where it is long."""
    line = re.split(r"(?<=[.!?])\s|\n\s*\n", text.strip(), maxsplit=1)[0]
    line = " ".join(line.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _is_found(skill: Skill) -> bool:
    """Whether the skill itself can be found: one whose instructions are worth reading."""
    return not skill.tools or bool(skill.instructions)


def _of_tool(tool: Tool) -> Iterator[tuple[Iterable[str], float]]:
    yield terms(tool.name.partition(".")[2] or tool.name), _NAME
    yield terms(tool.description[:_READ]), _TEXT
    yield terms(" ".join(tool.arguments.names)), _PARAMETER
    yield terms(" ".join(tool.cues)), _CUE
    yield from _of_examples(tool.examples)


def _of_examples(examples: Sequence[str]) -> Iterator[tuple[Iterable[str], float]]:
    """Yield the words of examples; what all of them say counts no more than what a few do."""
    times = Counter(term for example in examples for term in set(_example(example)))
    yield from (((term,), _EXAMPLE * min(count, 4) / 4) for term, count in times.items())


def _example(text: str) -> tuple[str, ...]:
    shapes, rest = shaped(text[:_READ])
    return (*shapes, *terms(rest))


def _asked(request: str, known: Callable[[str], str | None]) -> list[dict[str, float]]:
    """Return the words of a request, each with its kin, and what they weigh.

    Names of files and what stands in quotes say nothing of the tool, unless the request holds little else.
    """
    shapes, rest = shaped(request)
    given = list(dict.fromkeys(terms(rest)))
    if len(given) < 2:
        given = list(dict.fromkeys([*given, *terms(request)]))
    groups = [{shape: 1.0, **near(shape)} for shape in dict.fromkeys(shapes)]
    for term in given:
        weight, found = weight_of(term), known(term)
        own = {found: weight if found == term else weight * _GUESSED} if found else {}
        groups.append({**{other: weight * kin for other, kin in near(term).items()}, **own})
    return groups
