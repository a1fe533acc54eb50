"""Replace text everywhere in a document, across the borders of runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from copilot.documents.hunks import Hunk
from copilot.documents.word import text
from copilot.documents.word.blocks import Block, twin
from copilot.documents.word.build import clean
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.doubts import Doubts
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.names import every, relationship
from copilot.errors import ToolInputError

_WHERE_TEXT_IS_OURS = frozenset({"body", "header", "footer", "footnote", "endnote"})
_CLOSEST = 3
_QUOTED = 120
_FOLDS = {
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\t\n", " "),
    **dict.fromkeys("\u2010\u2011", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    "\u00ad": "",
    "\u200b": "",
}


@dataclass(frozen=True, slots=True)
class Match:
    """A place where the text stands: [start, end) in a paragraph's text, exact or only in other signs."""

    block: Block
    start: int
    end: int
    exact: bool
    free: bool = True  # nothing in it is fixed


@dataclass
class _Search:
    """What is looked for, exactly and with spaces, quotes and hyphens of any kind taken as the same."""

    find: str
    match_case: bool = True
    whole_word: bool = False
    exact: re.Pattern[str] = field(init=False)
    loose: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.exact = self._pattern(self.find)
        self.loose = self._pattern(_folded(self.find)[0].strip())

    def _pattern(self, words: str) -> re.Pattern[str]:
        pattern = re.escape(words)
        if self.whole_word:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        return re.compile(pattern, 0 if self.match_case else re.IGNORECASE)

    def matches(self, line: str) -> Iterator[tuple[int, int, bool]]:
        """Yield start, end and whether it is exact, in order and not overlapping."""
        exact = [(m.start(), m.end(), True) for m in self.exact.finditer(line)]
        if not self.loose.pattern:
            yield from exact
            return
        folded, offsets = _folded(line)
        taken = {index for start, end, _ in exact for index in range(start, end)}
        loose = [(offsets[m.start()], offsets[m.end() - 1] + 1, False) for m in self.loose.finditer(folded)]
        yield from sorted(exact + [m for m in loose if taken.isdisjoint(range(m[0], m[1]))])


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


@dataclass(frozen=True, slots=True)
class Passage:
    """A place where a text was found: where, the paragraph's address, and the words around it."""

    where: str
    address: str
    text: str


def find(content: bytes, query: str, *, match_case: bool = False, whole_word: bool = False) -> list[Passage]:
    """Return where a text stands, comments included, in order. Raises ToolInputError for an empty query."""
    search = _Search(_wanted(query, "query"), match_case, whole_word)
    found: list[Passage] = []
    for block in document.blocks:
        if block.kind == "paragraph":
            line = document.line(block).text
            for start, end, _ in search.matches(line):
                found.append(Passage(block.where, document.address(block), _around(line, start, end)))
    return found


def _around(line: str, start: int, end: int) -> str:
    left, right = max(start - _QUOTED, 0), end + _QUOTED
    passage = f"{'…' if left else ''}{line[left:right]}{'…' if right < len(line) else ''}"
    return " ".join(passage.split())


def _wanted(words: str, argument: str) -> str:
    if not words:
        raise ToolInputError(f"{argument} is empty.")
    return clean(words, argument)


def replace_text(
    content: bytes, find: str, replace: str, *, match_case: bool = True, whole_word: bool = False, all: bool = True
) -> Edit:
    """Replace `find` by `replace` in body, tables, text boxes, headers, footers and notes; the formatting stays.

    Tracked deletions, field codes, equations and comments are left alone. Where the text does not stand exactly as
    given, other kinds of spaces, quotes and hyphens are accepted, with a warning. `all=False` changes the first
    place only. Raises ToolInputError when the text is not there (with the closest passages), DocumentError.
    """
    wanted, new = _wanted(find, "find"), clean(replace, "replace")
    if wanted == new:
        raise ToolInputError("find and replace are the same text: nothing would change.")
    search = _Search(wanted, match_case, whole_word)
    matches = list(_matches(document, search))
    chosen, warnings = _chosen(matches, wanted, all=all)
    if not chosen:
        raise _not_found(document, wanted, matches)
    hunks = []
    doubts = Doubts()
    for block, places in _by_block(chosen):
        line = document.line(block)
        before = line.text
        _doubt(doubts, document, block, line, places, wanted)
        _splice(line, places, new)
        if not all:
            _mirror(document, block, search, new, places)
        after = text.line(block.element, document.fields(block.story.part)).text
        hunks.append(Hunk(block.where, before, after))
    for part in {m.block.story.part for m in chosen}:
        if all:
            _replace_copies(document, part, search, new, exact=chosen[0].exact)
        document.package.touch(part)
    left = [*_other_case(document, search), *_elsewhere(document, search)] if all else []
    return Edit.of(hunks, [*warnings, *doubts.warnings(), *left])


def _matches(document: Document, search: _Search) -> Iterator[Match]:
    for block in document.blocks:
        if block.kind == "paragraph" and block.story.kind in _WHERE_TEXT_IS_OURS:
            line = document.line(block)
            for start, end, exact in search.matches(line.text) if line.text else ():
                yield Match(block, start, end, exact, line.is_free(start, end))


def _chosen(matches: list[Match], wanted: str, *, all: bool) -> tuple[list[Match], list[str]]:
    """Return the matches that are changed: the exact ones that can be edited, else the others, with warnings."""
    free = [m for m in matches if m.free]
    warnings: list[str] = []
    if len(free) < len(matches):
        fixed = ", ".join(sorted({m.block.where for m in matches if not m.free})[:5])
        warnings.append(f"{wanted!r} also stands in an equation or symbol and stays there: {fixed}.")
    exact = [m for m in free if m.exact]
    loose = [m for m in free if not m.exact]
    if exact and loose and all:
        places = ", ".join(dict.fromkeys(m.block.where for m in loose[:5]))
        warnings.append(f"{len(loose)} more with other spaces, quotes or hyphens were not changed: {places}.")
    if not exact and loose:
        warnings.append(f"{wanted!r} stands there with other spaces, quotes or hyphens than given.")
    chosen = exact or loose
    return (chosen if all else chosen[:1]), warnings


def _by_block(matches: list[Match]) -> list[tuple[Block, list[Match]]]:
    grouped: dict[str, tuple[Block, list[Match]]] = {}
    for match in matches:
        grouped.setdefault(match.block.path, (match.block, []))[1].append(match)
    return list(grouped.values())


def _splice(line: text.Line, places: list[Match], new: str) -> None:
    for place in reversed(places):
        line.splice(*text.trimmed(place.start, line.text[place.start : place.end], new))
    line.flush()


def _mirror(document: Document, block: Block, search: _Search, new: str, places: list[Match]) -> None:
    """Do the same in the other copy of a text box: newer programs read the choice, older ones the fallback."""
    copied = twin(block.element)
    if copied is None:
        return
    fields = document.fields(block.story.part)
    other = text.line(copied, fields)
    exact = places[0].exact
    found = [Match(block, s, e, x) for s, e, x in search.matches(other.text) if x == exact and other.is_free(s, e)]
    _splice(other, found[: len(places)], new)


def _replace_copies(document: Document, part: str, search: _Search, new: str, *, exact: bool) -> None:
    """Do the same in the other copies of text boxes: newer programs read the choice, older ones the fallback."""
    shown = {block.element for block in document.blocks if block.boxed}
    fields = document.fields(part)
    for box in every(document.package.xml(part), "txbxContent"):
        for paragraph in every(box, "p"):
            if paragraph in shown:
                continue
            shown.add(paragraph)
            other = text.line(paragraph, fields)
            found = [m for m in search.matches(other.text) if m[2] == exact and other.is_free(m[0], m[1])]
            for start, end, _ in reversed(found):
                other.splice(*text.trimmed(start, other.text[start:end], new))
            other.flush()


def _doubt(doubts: Doubts, document: Document, block: Block, line: text.Line, places: list[Match], wanted: str) -> None:
    """Gather what Word may undo, and links that say one thing and lead to another."""
    for place in places:
        for piece in line.touched(place.start, place.end):
            if piece.trail.field:
                doubts.add("A field shows this text, and Word computes it anew when fields are updated", block)
            if piece.trail.link is not None and wanted.casefold() in (target := _target(document, block, piece)):
                doubts.add(f"A link still leads to {target}", block)
            doubts.add_controls(piece.element, block)


def _target(document: Document, block: Block, piece: text.Piece) -> str:
    link = relationship(piece.trail.link) if piece.trail.link is not None else ""
    targets = (r.target for r in document.package.relationships(block.story.part) if r.id == link)
    return next(targets, "").casefold()


def _not_found(document: Document, wanted: str, matches: list[Match]) -> ToolInputError:
    if matches:
        places = ", ".join(dict.fromkeys(m.block.where for m in matches[:5]))
        return ToolInputError(f"{wanted!r} stands only where text can't be edited (an equation): {places}.")
    lines = {b.path: document.line(b).text for b in document.blocks if b.kind == "paragraph"}
    lines = {path: line for path, line in lines.items() if line.strip()}
    by_path = {b.path: b for b in document.blocks}
    close = process.extract(wanted, lines, scorer=fuzz.partial_ratio, limit=_CLOSEST, score_cutoff=60)
    offered = [f"{by_path[path].where}: {_closest(wanted, line)!r}" for line, _, path in close]
    hint = f"Closest: {'; '.join(offered)}." if offered else "Nothing in the document is close to it."
    if wanted.casefold() in "\n".join(lines.values()).casefold():
        hint += " It differs in capital letters: match_case=false takes both."
    if "\n" in wanted:
        hint += " A search text can't run over several paragraphs."
    return ToolInputError(f"The document does not contain {shortened(wanted)!r}.", hint=hint, code="not_found")


def _closest(wanted: str, line: str) -> str:
    found = fuzz.partial_ratio_alignment(wanted, line)
    if found is None:
        return shortened(line)
    start, end = found.dest_start, found.dest_end
    while start > 0 and not line[start - 1].isspace():
        start -= 1
    while end < len(line) and not line[end].isspace():
        end += 1
    return shortened(line[start:end], _QUOTED)


def _other_case(document: Document, search: _Search) -> Iterator[str]:
    """Say where the text stands in other letters, capital or small, than those that were looked for."""
    if not search.match_case:
        return
    any_case = _Search(search.find, False, search.whole_word)
    places = [m.block.where for m in _matches(document, any_case) if m.exact]
    if places:
        named = ", ".join(dict.fromkeys(places[:5]))
        yield f"{len(places)} more in other letters (capital or small) were not changed: {named}."


def _elsewhere(document: Document, search: _Search) -> Iterator[str]:
    """Say where else the text stands that is not changed: comments, charts, SmartArt, the title property."""
    for block in document.blocks:
        comment = block.kind == "paragraph" and block.story.kind == "comment"
        if comment and search.exact.search(document.line(block).text):
            yield f"It also stands in {block.story.label}, which is left as it was written."
    for kind, label in (("chart", "a chart"), ("diagramData", "SmartArt")):
        for part in document.package.related(document.main, kind):
            words = "\n".join(map(str, document.package.xml(part).itertext())) if document.package.has(part) else ""
            if search.exact.search(words):
                yield f"It also stands in {label} ({part}), which is not changed."
