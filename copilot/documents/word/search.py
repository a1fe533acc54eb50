"""Find text in a document: plain or by a regular expression, in all of it or in a part."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex as expressions
from rapidfuzz import fuzz, process

from copilot.documents.word.blocks import Block
from copilot.documents.word.build import clean
from copilot.documents.word.document import Document, section_blocks, shortened
from copilot.documents.word.names import every
from copilot.documents.word.text import Line
from copilot.errors import ToolInputError

#: Seconds that a regular expression may take over one document before it is stopped.
TIME_LIMIT = 2.0

_CLOSEST = 3
_QUOTED = 120
_SPACES = re.compile(r"[\t\n]|  ")
_FOLDS = {
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\t\n", " "),
    **dict.fromkeys("\u2010\u2011", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    "\u00ad": "",
    "\u200b": "",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands in a line: [start, end), exact or only in other signs, and what comes in its place."""

    start: int
    end: int
    exact: bool
    new: str = ""


@dataclass
class Search:
    """What is looked for: words, exactly and with any kind of spaces, quotes and hyphens, or a regular expression."""

    find: str
    match_case: bool = True
    whole_word: bool = False
    regex: bool = False
    replace: str = ""
    smart_case: bool = False
    _exact: Any = field(init=False)
    _loose: Any = field(init=False)
    _ends: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._exact = self._pattern(self.find)
        loose = "" if self.regex else _folded(self.find)[0].strip()
        self._loose = self._pattern(loose) if loose else None

    def _pattern(self, words: str) -> Any:
        pattern = words if self.regex else expressions.escape(words)
        if self.whole_word:
            pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
        flags = expressions.V0 | (0 if self.match_case else expressions.IGNORECASE)
        try:
            return expressions.compile(pattern, flags)
        except expressions.error as error:
            hint = "Put a backslash before signs that mean themselves, or leave regex out."
            raise ToolInputError(f"{words!r} is no regular expression: {error}.", hint=hint, code="regex") from None

    def any_case(self) -> Search:
        """Return the same search without regard to capital and small letters."""
        return Search(self.find, False, self.whole_word, self.regex)

    def places(self, line: str) -> list[Place]:
        """Return where the text stands in a line, in order and not overlapping; empty matches are none.

        Raises ToolInputError "regex_time" when the expression takes longer than `TIME_LIMIT` in all its lines.
        """
        exact = [
            Place(m.start(), m.end(), True, self._new(m, line)) for m in self._matches(line) if m.end() > m.start()
        ]
        if self._loose is None or self._same(line):
            return exact
        folded, offsets = _folded(line)
        taken = {index for place in exact for index in range(place.start, place.end)}
        found = ((offsets[m.start()], offsets[m.end() - 1] + 1, m) for m in self._loose.finditer(folded))
        loose = [Place(at, end, False, self._like(line[at:end], self._new(m, folded))) for at, end, m in found]
        kept = [p for p in loose if taken.isdisjoint(range(p.start, p.end))]
        return sorted(exact + kept, key=lambda place: place.start)

    def _same(self, line: str) -> bool:
        """Whether the loose search can't find more than the exact one: neither text holds signs that are folded."""
        return line.isascii() and not _SPACES.search(line) and self._loose.pattern == self._exact.pattern

    def _matches(self, line: str) -> Iterator[Any]:
        if not self.regex:
            yield from self._exact.finditer(line)
            return
        began = time.monotonic()
        left = TIME_LIMIT - self._ends
        try:
            yield from list(self._exact.finditer(line, timeout=max(left, 0.001)))
        except TimeoutError:
            reason = f"The expression {self.find!r} takes more than {TIME_LIMIT:g} seconds on this document."
            hint = "Make it simpler: no repetition inside of a repetition such as (a+)+."
            raise ToolInputError(reason, hint=hint, code="regex_time") from None
        self._ends += time.monotonic() - began

    def _new(self, match: Any, line: str) -> str:
        new = self._expanded(match) if self.regex else self.replace
        return _in_case_of(match[0], new) if self.smart_case else new

    def _like(self, there: str, new: str) -> str:
        """Return the new words with the quotes, spaces and hyphens that stay as they stand there, not as typed."""
        if len(there) != len(self.find) or not self.match_case:
            return new
        start = _shared(self.find, new)
        end = _shared(self.find[start:][::-1], new[start:][::-1])
        return there[:start] + new[start : len(new) - end] + there[len(there) - end :]

    def _expanded(self, match: Any) -> str:
        try:
            return str(match.expand(self.replace))
        except (expressions.error, IndexError) as error:
            hint = r"\1 is the first group in round brackets, \g<name> a named one, \\ a backslash."
            raise ToolInputError(f"{self.replace!r} can't be filled in: {error}.", hint=hint, code="regex") from None


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with together."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _in_case_of(found: str, new: str) -> str:
    """Return the new words in capital or small letters like those that they replace."""
    letters = [sign for sign in found if sign.isalpha()]
    if len(letters) > 1 and all(sign.isupper() for sign in letters):
        return new.upper()
    if letters and letters[0].isupper():
        return new[:1].upper() + new[1:]
    return new[:1].lower() + new[1:] if letters and all(sign.islower() for sign in letters) else new


def _folded(words: str) -> tuple[str, list[int]]:
    """Return the text with every space, quote and hyphen in its plain form, and where each character came from."""
    folded: list[str] = []
    offsets: list[int] = []
    for index, sign in enumerate(words):
        plain = _FOLDS.get(sign, sign)
        if not plain or (plain == " " and folded and folded[-1] == " "):
            continue
        folded.append(plain)
        offsets.append(index)
    return "".join(folded), offsets


def wanted(words: str, argument: str) -> str:
    """Return the words that are looked for; raises ToolInputError when there are none."""
    if not words:
        raise ToolInputError(f"{argument} is empty.")
    return clean(words, argument)


# Where to look


def lines(document: Document, kinds: Iterable[str] = (), within: Sequence[str] = ()) -> Iterator[tuple[Block, Line]]:
    """Yield every paragraph that has a text, with it: of stories of these kinds ("body"), and of a part if given."""
    allowed = frozenset(kinds)
    chosen = scope(document, within)
    for block in document.blocks:
        if block.kind == "paragraph" and (not allowed or block.story.kind in allowed) and chosen(block):
            line = document.line(block)
            if line.text:
                yield block, line


def scope(document: Document, within: Sequence[str]) -> Callable[[Block], bool]:
    """Return whether a block lies in one of these places; everything does when there are none.

    A place: an address (with all that it holds), two of them with ".." between, the words of a heading (its section),
    or a story: "body", "headers", "footers", "footnotes", "endnotes", "comments", "header 1". Raises ToolInputError.
    """
    if not within:
        return lambda block: True
    paths: set[str] = set()
    for place in within:
        paths |= {block.path for block in _blocks_of(document, place)}
    return lambda block: _is_inside(block.path, paths)


def _is_inside(path: str, paths: set[str]) -> bool:
    steps = path.split(".")
    return any(".".join(steps[:n]) in paths for n in range(1, len(steps) + 1))


def _blocks_of(document: Document, place: str) -> list[Block]:
    folded = " ".join(place.split()).casefold()
    kinds = {block.story.kind for block in document.blocks}
    story = [b for b in document.blocks if folded in (f"{b.story.kind}s", b.story.label) or folded == b.story.kind]
    if folded and (story or folded in {"body", *(f"{kind}s" for kind in kinds)}):
        return story
    if ".." in place:
        return _span(document, *(each.strip() for each in place.split("..", 1)))
    block = document.place(place)
    heading = not document.is_address(place) and document.styles.level(block.element) if block.depth == 0 else 0
    return section_blocks(document, block) if heading else [block]


def _span(document: Document, start: str, end: str) -> list[Block]:
    first, last = document.place(start), document.place(end)
    paths = [block.path for block in document.blocks]
    at, to = paths.index(first.path), paths.index(last.path)
    if first.story.prefix != last.story.prefix or at > to:
        reason = f"{last.where} does not follow {first.where}, so there is nothing from one to the other."
        raise ToolInputError(reason, hint="Give the upper address first.", code="address")
    return document.blocks[at : to + 1]


# Looking


@dataclass(frozen=True, slots=True)
class Passage:
    """A place where a text was found: where, the paragraph's address, and the words around it.

    `start` and `end` are its offsets in the paragraph's text, in characters.
    """

    where: str
    address: str
    text: str
    start: int = 0
    end: int = 0


def find(
    content: bytes,
    query: str,
    *,
    match_case: bool = False,
    whole_word: bool = False,
    regex: bool = False,
    within: Sequence[str] = (),
) -> list[Passage]:
    """Return where a text (with `regex` a regular expression) stands, comments included, in order.

    `within`: look in these addresses, sections or stories only, see `scope`. Raises ToolInputError for an empty query,
    a place that isn't there, or an expression that takes too long; DocumentError.
    """
    document = Document(content)
    search = Search(wanted(query, "query"), match_case, whole_word, regex)
    return [
        Passage(block.where, document.address(block), _around(line.text, place), place.start, place.end)
        for block, line in lines(document, within=within)
        for place in search.places(line.text)
    ]


def _around(line: str, place: Place) -> str:
    left, right = max(place.start - _QUOTED, 0), place.end + _QUOTED
    passage = f"{'…' if left else ''}{line[left:right]}{'…' if right < len(line) else ''}"
    return " ".join(passage.split())


def not_found(document: Document, words: str, *, regex: bool = False) -> ToolInputError:
    """Return the error for a text that is not there, with the closest passages."""
    if regex:
        return ToolInputError(f"Nothing in the document matches {words!r}.", code="not_found")
    texts = {block.path: (block.where, line.text) for block, line in lines(document) if line.text.strip()}
    choices = {path: text for path, (_, text) in texts.items()}
    close = process.extract(words, choices, scorer=fuzz.partial_ratio, limit=_CLOSEST, score_cutoff=60)
    offered = [f"{texts[path][0]}: {_closest(words, line)!r}" for line, _, path in close]
    hint = f"Closest: {'; '.join(offered)}." if offered else "Nothing in the document is close to it."
    exact = [texts[path][0] for path in texts if words in texts[path][1]]
    if exact and all(place.startswith("comment ") for place in exact):
        hint = f'It stands in {exact[0]} only; comments are looked through when within names them: ["comments"].'
    elif exact:
        hint = f"It stands in {exact[0]}, but not in the places that `within` names, or in a longer word only."
    elif words.casefold() in "\n".join(text for _, text in texts.values()).casefold():
        hint += " It differs in capital letters: match_case=false takes both."
    if not exact and (where := where_deleted(document, words)):
        hint = f"It stands in {where} in text that is deleted as a tracked change: reject that to have it back."
    if "\n" in words:
        hint += " A search text can't run over several paragraphs."
    return ToolInputError(f"The document does not contain {shortened(words)!r}.", hint=hint, code="not_found")


def where_deleted(document: Document, words: str) -> str:
    """Return the first place where a text stands in a tracked deletion (17.13.5.14), "" if it does nowhere."""
    for block in document.blocks:
        if block.kind == "paragraph" and words in "".join(t.text or "" for t in every(block.element, "delText")):
            return block.where
    return ""


def _closest(words: str, line: str) -> str:
    found = fuzz.partial_ratio_alignment(words, line)
    if found is None:
        return shortened(line)
    start, end = found.dest_start, found.dest_end
    while start > 0 and not line[start - 1].isspace():
        start -= 1
    while end < len(line) and not line[end].isspace():
        end += 1
    return shortened(line[start:end], _QUOTED)
