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
from typing import Any, Literal

from copilot.plugins.skill import Skill
from copilot.plugins.tool_words import asked_for, is_other, near, plain, shaped, terms, unfolded, weight_of, whole
from copilot.plugins.tools import Tool

_K1, _B = 1.2, 0.3
#: How much a word counts, by where it stands.
_NAME, _SKILL, _SKILL_TEXT, _CUE, _EXAMPLE, _PARAMETER, _TEXT, _MORE = 3.0, 1.5, 0.3, 2.5, 1.2, 0.6, 1.0, 0.3
#: How much of a score goes by how much of the tool's own name the request explains: of "list tables" and "list table
#: rows" the one is meant that is said.
_NAMED = 0.5
#: What remains of the score of a tool that does another thing: creates where something is looked for.
_OTHER_DEED = 0.75
#: And of one of another skill, where the request names one; a name is a word that belongs to a skill, and to nobody
#: else but by chance.
_OTHER_SERVICE, _OWN, _LEAST_BRAND = 0.7, 0.6, 3
#: Examples and cues of one tool that count: a plugin may bring as many as it likes, and would be like every request.
_MOST_EXAMPLES, _MOST_CUES = 16, 24
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
#: Letters of a part of a word made of two, at least, and how much the part counts.
_SHORTEST, _PART = 3, 0.7
#: Words that the beginning of a description has at least: "Purpose: 1." is no sentence.
_LEAD = 6
_SENTENCE = re.compile(r"(?<=[.!?])\s|\n\s*\n")
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
    skill: str

    @property
    def own(self) -> str:
        """Its own name, without the skill's."""
        return self.name.partition(".")[2] or self.name

    @property
    def words(self) -> frozenset[str]:
        """The stems of its own name, without the skill's."""
        skill, _, own = self.name.partition(".")
        return frozenset(terms(own)) - frozenset(terms(skill)) or frozenset(terms(self.name))


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
        groups = _asked(request, self._known, self._postings.__contains__)
        scores = self._scores(groups)
        if only is not None:
            scores = {i: s for i, s in scores.items() if only(self._entries[i].name)}
        likely = nlargest(_COMPARED, scores.items(), key=lambda item: (item[1], -item[0]))
        wanted, said = {t for group in groups for t, weight in group.items() if weight >= 1}, plain(request)
        top = likely[0][1] if likely else 0.0
        meant = {t: weight for group in groups for t, weight in group.items()}
        named = self._services_in(given for group in groups for given in group)
        graded = [
            (score * self._fitting(i, meant, request, named) + _ALIKE * top * self._alike(i, wanted, said), -i)
            for i, score in likely
        ]
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
            made += [_Entry("tool", tool.name, tool.description, tool.examples, skill.name) for tool in skill.tools]
            if _is_found(skill):
                made.append(_Entry("skill", skill.name, skill.description, skill.examples, skill.name))
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
        for term, parts in _compounds(postings).items():  # "worklog" is found by "log", too
            for number, weight in list(postings[term].items()):
                for part in parts:
                    postings[part][number] = max(postings[part].get(number, 0.0), weight * _PART)
        return postings

    def _fields(self) -> Iterator[list[tuple[Iterable[str], float]]]:
        """Yield the fields of each entry, in their order: stems and weight."""
        for skill in self._skills:
            of_skill = [(_words(skill.name), _SKILL), (terms(skill.description[:_READ]), _SKILL_TEXT)]
            yield from ([*of_skill, *_of_tool(tool)] for tool in skill.tools)
            if _is_found(skill):
                yield [(_words(skill.name), _NAME), *_of_text(skill.description), *_of_examples(skill.examples)]

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

    def _fitting(self, number: int, meant: Mapping[str, float], request: str, services: frozenset[str]) -> float:
        """Return what part of a score remains: of a tool whose name says more, or other things, than is asked for."""
        entry = self._entries[number]
        words = {word: self._rarity.get(word, 0.0) * weight_of(word) for word in entry.words}
        held = sum(rarity * min(meant.get(word, 0.0), 1.0) for word, rarity in words.items())
        part = 1 - _NAMED + _NAMED * held / (sum(words.values()) or 1.0)
        part *= _OTHER_DEED if entry.kind == "tool" and is_other(entry.own, request) else 1.0
        return part * (_OTHER_SERVICE if services and entry.skill not in services else 1.0)

    def _services_in(self, words: Iterable[str]) -> frozenset[str]:
        """Return the skills that a request names, by a word that hardly anybody else has ("jira", "hubspot")."""
        return frozenset(skill for word in set(words) if (skill := self._belongs_to(word)))

    def _belongs_to(self, word: str) -> str:
        """Return the skill that a word belongs to: it is in nearly all of its tools, and in hardly any other's."""
        places = self._postings.get(word, {})
        if len(places) < _LEAST_BRAND or near(word):
            return ""
        skill, most = Counter(self._entries[number].skill for number in places).most_common(1)[0]
        return skill if most >= _OWN * max(len(places), self._sizes[skill]) else ""

    @cached_property
    def _sizes(self) -> Mapping[str, int]:
        """How many entries each skill has."""
        return Counter(entry.skill for entry in self._entries)

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
            examples = self._entries[number].examples[:_MOST_EXAMPLES]
            self._lines[number] = [(frozenset(_example(text)), plain(text[:_READ])) for text in examples]
        return self._lines[number]

    def _found(self, number: int, score: float) -> Found:
        entry = self._entries[number]
        return Found(entry.kind, entry.name, first_sentence(entry.description), score)


#: Steps of a request that are looked for one by one, with the whole of it.
_MOST_STEPS = 7


def first_sentence(text: str, most: int = 160) -> str:
    """Return the first sentence of a description in one line, cut where it is long."""
    line = _SENTENCE.split(text.strip(), maxsplit=1)[0]
    line = " ".join(line.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _compounds(words: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the words that are two of the others, one behind the other, and which."""
    return {
        word: (word[:at], word[at:])
        for word in words
        for at in range(_SHORTEST, len(word) - _SHORTEST + 1)
        if word[:at] in words and word[at:] in words
    }


def _is_found(skill: Skill) -> bool:
    """Whether the skill itself can be found: one whose instructions are worth reading."""
    return not skill.tools or bool(skill.instructions)


def _of_tool(tool: Tool) -> Iterator[tuple[Iterable[str], float]]:
    yield _words(tool.name.partition(".")[2] or tool.name), _NAME
    yield from _of_text(tool.description)
    yield terms(" ".join(tool.arguments.names)[:_READ]), _PARAMETER
    yield terms(" ".join(tool.cues[:_MOST_CUES])[:_READ]), _CUE
    yield from _of_examples(tool.examples[:_MOST_EXAMPLES])


def _of_text(text: str) -> Iterator[tuple[Iterable[str], float]]:
    """Yield the words of a description: what it is for stands in its first sentence, the rest is how to use it."""
    first: list[str] = []
    rest: list[str] = []
    for sentence in _SENTENCE.split(text[:_READ]):
        if len(first) < _LEAD:
            first += _words(sentence)
        else:
            rest += terms(sentence)
    yield first, _TEXT
    yield set(rest).difference(first), _MORE


def _words(text: str) -> list[str]:
    return [*terms(text), *whole(text)]


def _of_examples(examples: Sequence[str]) -> Iterator[tuple[Iterable[str], float]]:
    """Yield the words of examples; what all of them say counts no more than what a few do."""
    times = Counter(term for example in examples for term in set(_example(example)))
    yield from (((term,), _EXAMPLE * min(count, 4) / 4) for term, count in times.items())


def _example(text: str) -> tuple[str, ...]:
    shapes, rest = shaped(text[:_READ])
    return (*shapes, *terms(rest))


def _asked(request: str, known: Callable[[str], str | None], is_known: Callable[[str], bool]) -> list[dict[str, float]]:
    """Return the words of a request, each with its kin, and what they weigh.

    Names of files and what stands in quotes say nothing of the tool, unless the request holds little else.
    """
    shapes, rest = shaped(request)
    given = asked_for(unfolded(rest), is_known)
    if len(given) < 2:
        given = list(dict.fromkeys([*given, *asked_for(unfolded(request), is_known)]))
    groups = [{shape: 1.0, **near(shape)} for shape in dict.fromkeys(shapes)]
    for term in given:
        weight, found = weight_of(term), known(term)
        own = {found: weight if found == term else weight * _GUESSED} if found else {}
        groups.append({**{other: weight * kin for other, kin in near(term).items()}, **own})
    return groups
