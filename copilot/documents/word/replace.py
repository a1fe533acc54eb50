"""Replace text in a document, across the borders of runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as altered

from copilot.documents.hunks import Hunk
from copilot.documents.word import text
from copilot.documents.word.blocks import Block, twin
from copilot.documents.word.build import clean
from copilot.documents.word.document import Document
from copilot.documents.word.doubts import Doubts
from copilot.documents.word.editing import Edit, Number, Words, editor
from copilot.documents.word.names import every, relationship
from copilot.documents.word.search import Place, Search, lines, not_found, wanted
from copilot.errors import ToolInputError

_OURS = ("body", "header", "footer", "footnote", "endnote")
_NAMED = 5  # places that a warning names


@dataclass(frozen=True, slots=True)
class Match:
    """A place in a paragraph; `free` when nothing in it is fixed (an equation, a symbol)."""

    block: Block
    place: Place
    free: bool


@editor
def replace_text(
    document: Document,
    find: Words,
    replace: Words,
    *,
    match_case: bool = True,
    whole_word: bool = False,
    all: bool = True,
    nth: Number | None = None,
    within: list[str] | None = None,
    regex: bool = False,
    smart_case: bool = False,
) -> Edit:
    """Replace `find` by `replace` in body, tables, text boxes, headers, footers and notes; the formatting stays.

    `all=False` changes the first place only, `nth` that one (from 1). `within`: addresses ("p3:1a2b",
    "p3:1a2b..p9:3c4d"), headings (their sections) or stories ("headers", "comments"). `regex`: `find` is a regular
    expression, and \\1 in `replace` its first group. `smart_case`: new words take capitals like the old ones.

    Tracked deletions, field codes, equations, and comments unless they are named, are left alone. Where the text does
    not stand exactly as given, other kinds of spaces, quotes and hyphens are accepted, with a warning. Raises
    ToolInputError when the text is not there (with the closest passages), DocumentError.
    """
    search = Search(wanted(find, "find"), match_case, whole_word, regex, clean(replace, "replace"), smart_case)
    if search.find == search.replace and not regex:
        raise ToolInputError("find and replace are the same text: nothing would change.", code="unchanged")
    whole = not within and nth is None and all
    looked = list(lines(document, () if within else _OURS, within or ()))
    matches = [m for block, line in looked for m in _matches(block, line, search)]
    chosen, warnings = _chosen(matches, search.find, whole=whole)
    if not chosen:
        raise _missing(document, search, matches)
    warnings += _left(document, search, looked) if whole else []
    if not whole:
        chosen = _picked(chosen, search.find, 1 if nth is None and not all else nth)
    return _replaced(document, search, chosen, warnings, copies=whole)


def _replaced(document: Document, search: Search, chosen: list[Match], warnings: list[str], *, copies: bool) -> Edit:
    hunks = []
    doubts = Doubts()
    for block, places in _by_block(chosen):
        line = document.line(block)
        before = line.text
        _doubt(doubts, document, block, line, places, search.find)
        _splice(line, places)
        if not copies:
            _mirror(document, block, before, places)
        after = text.line(block.element, document.fields(block.story.part)).text
        if after != before:
            hunks.append(Hunk(block.where, before, after))
    for story in {m.block.story.part: m.block.story for m in chosen}.values():
        if copies:
            _replace_copies(document, story.part, search, exact=chosen[0].place.exact)
    for story in {m.block.story.part: m.block.story for m in chosen}.values():
        document.touch(story)
    if not hunks:
        raise ToolInputError("What was found reads so already: nothing would change.", code="unchanged")
    return Edit.of(hunks, [*warnings, *doubts.warnings()])


def _matches(block: Block, line: text.Line, search: Search) -> Iterator[Match]:
    for place in search.places(line.text):
        yield Match(block, place, line.is_free(place.start, place.end))


def _chosen(matches: list[Match], words: str, *, whole: bool) -> tuple[list[Match], list[str]]:
    """Return the matches that are changed: the exact ones that can be edited, else the others, with warnings."""
    free = [m for m in matches if m.free]
    warnings: list[str] = []
    if len(free) < len(matches):
        fixed = ", ".join(sorted({m.block.where for m in matches if not m.free})[:_NAMED])
        warnings.append(f"{words!r} also stands in an equation or symbol and stays there: {fixed}.")
    exact = [m for m in free if m.place.exact]
    loose = [m for m in free if not m.place.exact]
    if exact and loose and whole:
        places = ", ".join(dict.fromkeys(m.block.where for m in loose[:_NAMED]))
        warnings.append(f"{len(loose)} more with other spaces, quotes or hyphens were not changed: {places}.")
    if not exact and loose:
        warnings.append(f"{words!r} stands there with other spaces, quotes or hyphens than given.")
    return exact or loose, warnings


def _picked(chosen: list[Match], words: str, nth: int | None) -> list[Match]:
    if nth is None:
        return chosen
    if nth > len(chosen):
        hint = f"The last one is in {chosen[-1].block.where}."
        raise ToolInputError(f"{words!r} stands there {len(chosen)} times, not {nth}.", hint=hint, code="not_found")
    return [chosen[nth - 1]]


def _by_block(matches: list[Match]) -> list[tuple[Block, list[Place]]]:
    grouped: dict[str, tuple[Block, list[Place]]] = {}
    for match in matches:
        grouped.setdefault(match.block.path, (match.block, []))[1].append(match.place)
    return list(grouped.values())


def _splice(line: text.Line, places: list[Place]) -> None:
    for place in reversed(places):
        line.splice(*text.trimmed(place.start, line.text[place.start : place.end], place.new))
    line.flush()


def _mirror(document: Document, block: Block, before: str, places: list[Place]) -> None:
    """Do the same in the other copy of a text box: newer programs read the choice, older ones the fallback."""
    copied = twin(block.element)
    if copied is None:
        return
    other = text.line(copied, document.fields(block.story.part))
    if other.text == before and all(other.is_free(place.start, place.end) for place in places):
        _splice(other, places)


def _replace_copies(document: Document, part: str, search: Search, *, exact: bool) -> None:
    """Do the same in the other copies of text boxes: newer programs read the choice, older ones the fallback."""
    shown = {block.element for block in document.blocks if block.boxed}
    fields = document.fields(part)
    for box in every(document.package.xml(part), "txbxContent"):
        for paragraph in every(box, "p"):
            if paragraph in shown:
                continue
            shown.add(paragraph)
            other = text.line(paragraph, fields)
            found = [p for p in search.places(other.text) if p.exact == exact and other.is_free(p.start, p.end)]
            _splice(other, found)


def _doubt(doubts: Doubts, document: Document, block: Block, line: text.Line, places: list[Place], words: str) -> None:
    """Gather what Word may undo, and links that say one thing and lead to another."""
    for place in places:
        for piece in line.touched(place.start, place.end):
            if piece.trail.field:
                doubts.add("A field shows this text, and Word computes it anew when fields are updated", block)
            if piece.trail.link is not None and words.casefold() in (target := _target(document, block, piece)):
                doubts.add(f"A link still leads to {target}", block)
            doubts.add_controls(piece.element, block)


def _target(document: Document, block: Block, piece: text.Piece) -> str:
    link = relationship(piece.trail.link) if piece.trail.link is not None else ""
    targets = (r.target for r in document.package.relationships(block.story.part) if r.id == link)
    return next(targets, "").casefold()


def _missing(document: Document, search: Search, matches: list[Match]) -> ToolInputError:
    if not matches:
        return not_found(document, search.find, regex=search.regex)
    places = ", ".join(dict.fromkeys(m.block.where for m in matches[:_NAMED]))
    return ToolInputError(f"{search.find!r} stands only where text can't be edited (an equation): {places}.")


def _left(document: Document, search: Search, looked: list[tuple[Block, text.Line]]) -> list[str]:
    return [*_other_case(search, looked), *_elsewhere(document, search)]


def _other_case(search: Search, looked: list[tuple[Block, text.Line]]) -> Iterator[str]:
    """Say where the text stands in other letters, capital or small, than those that were looked for."""
    if not search.match_case:
        return
    folded = altered(search, match_case=False)
    places = []
    for block, line in looked:
        same = {(p.start, p.end) for p in search.places(line.text)}
        places += [block.where for p in folded.places(line.text) if p.exact and (p.start, p.end) not in same]
    if places:
        named = ", ".join(dict.fromkeys(places[:_NAMED]))
        yield f"{len(places)} more in other letters (capital or small) were not changed: {named}."


def _elsewhere(document: Document, search: Search) -> Iterator[str]:
    """Say where else the text stands that is not changed: comments, charts, SmartArt, the title property."""
    for block, line in lines(document, ("comment",)):
        if any(place.exact for place in search.places(line.text)):
            yield f"It also stands in {block.story.label}, which is left as it was written."
    for kind, label in (("chart", "a chart"), ("diagramData", "SmartArt")):
        for part in document.package.related(document.main, kind):
            words = "\n".join(map(str, document.package.xml(part).itertext())) if document.package.has(part) else ""
            if any(place.exact for place in search.places(words)):
                yield f"It also stands in {label} ({part}), which is not changed."


def _words(find: str, *_args: object, within: object = None, regex: bool = False, **_kwargs: object) -> list[str]:
    return [] if within or regex else [find]


replace_text.words = _words

#: The operations of this module.
OPERATIONS = (replace_text,)
