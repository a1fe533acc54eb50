"""A stretch of words in a paragraph, and what is put behind or around it: references, links, marks of ranges."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.documents.word import runs, text
from copilot.documents.word.blocks import Block
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.names import Element, child, every, name, namespace, new, number, value, within
from copilot.documents.word.search import Search, wanted, where_deleted
from copilot.errors import ToolInputError

#: Containers that something put behind their last run need not be part of.
_LEFT = frozenset({"w:ins", "w:moveTo", "w:hyperlink", "w:smartTag", "w:fldSimple"})
#: Tracked insertions hold runs only: a link can stand around them, not in them (17.13.5.18, A.1 CT_RunTrackChange).
_TRACKED = frozenset({"w:ins", "w:moveTo"})
#: Properties of a run that text beside it does not take over.
_OWN = frozenset({"w:rPrChange", "w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:vanish", "w:rStyle", "w:vertAlign"})
_OPENING = "([{\u201c\u2018\u00ab\u201e\u00a0/-\"'"  # signs that no space follows
_RANDOM = 2**31 - 2**24  # ids from here on are random ones, of content controls


@dataclass(frozen=True, slots=True)
class Span:
    """The text [start, end) of a paragraph; `whole` when no words were named."""

    block: Block
    start: int
    end: int
    words: str
    whole: bool


def paragraph(document: Document, address: str) -> Block:
    """Return the paragraph at an address or heading, the only one of a cell; raises ToolInputError for other blocks."""
    block = document.place(address)
    if block.kind == "cell":
        inside = [b for b in document.blocks if b.kind == "paragraph" and b.path.startswith(f"{block.path}.")]
        if len(inside) == 1:
            return inside[0]
    if block.kind != "paragraph":
        hint = "Name one of the paragraphs in it."
        raise ToolInputError(f"{address!r} is a {block.kind}, no paragraph.", hint=hint, code="address")
    return block


def span(document: Document, address: str, words: str = "", nth: int | None = None) -> Span:
    """Return the place of words in the paragraph at an address, the `nth` time they stand there; all of it for "".

    Raises ToolInputError when the paragraph does not hold them ("not_found"), or several times without `nth`
    ("ambiguous").
    """
    block = paragraph(document, address)
    line = document.line(block)
    if not words:
        return Span(block, 0, len(line.text), line.text, True)
    places = Search(wanted(words, "words")).places(line.text)
    if not places:
        reads = f"It reads {shortened(line.text, 200)!r}."
        if where_deleted(document, words) == block.where:
            reads += " The words are deleted there as a tracked change: reject that to have them back."
        raise ToolInputError(f"{block.where} does not hold {words!r}.", hint=reads, code="not_found")
    if nth is not None and nth > len(places):
        raise ToolInputError(f"{block.where} holds {words!r} {_times(len(places))}, not {nth}.", code="not_found")
    if len(places) > 1 and nth is None:
        hint = "Give more of the words around it, or say which one with nth where there is such a field."
        raise ToolInputError(f"{block.where} holds {words!r} {len(places)} times.", hint=hint, code="ambiguous")
    place = places[(nth or 1) - 1]
    return Span(block, place.start, place.end, line.text[place.start : place.end], False)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def units(document: Document, place: Span) -> list[Element]:
    """Return the runs and equations of the words, runs cut so that they hold nothing else.

    An equation or symbol that the words touch is taken as a whole.
    """
    element, where = place.block.element, place.block.where
    touched = document.line(place.block).touched(place.start, place.end)
    fixed = [piece for piece in touched if piece.kind == "fixed"]
    start = min([place.start, *(piece.start for piece in fixed)])
    end = max([place.end, *(piece.end for piece in fixed)])
    for offset in (end, start):
        runs.cut(text.line(element, document.fresh_fields(place.block.story.part)), offset, where)
    line = text.line(element, document.fresh_fields(place.block.story.part))
    found = (piece.element if piece.run is None else piece.run for piece in line.touched(start, end))
    return list(dict.fromkeys(found))


def put_behind(document: Document, place: Span, made: Sequence[Element]) -> None:
    """Put runs behind the words, at the end of the paragraph when none are named; never into a field."""
    paragraph_ = place.block.element
    found = [] if place.whole else units(document, place)
    if not found:
        paragraph_.extend(made)
        return
    last = field_end(paragraph_, found[-1])
    while (parent := last.getparent()) is not None and parent is not paragraph_ and _ends(parent, last):
        last = parent
    for each in reversed(made):
        add_behind(last, each)


def write_behind(document: Document, place: Span, made: Sequence[Element]) -> None:
    """Put runs that show a text behind the words, in their look, with a space where they would touch them."""
    line = document.line(place.block).text
    before = line[place.end - 1 : place.end]
    written = list(made)
    if before and not before.isspace() and before not in _OPENING:
        space = new(place.block.element, "r")
        text.set_text(space, " ")
        written.insert(0, space)
    found = [] if place.whole else units(document, place)
    shown = [run for run in every(place.block.element, "r") if child(run, "w:t") is not None]
    like = next((each for each in reversed(found or shown) if name(each) == "w:r"), None)
    for run in written:
        if like is not None and child(run, "w:rPr") is None and (look := _look(like)) is not None:
            run.insert(0, look)
    put_behind(document, place, written)


def write_instead(document: Document, place: Span, made: Sequence[Element]) -> None:
    """Put runs that show a text in the place of the words, in their look.

    Raises ToolInputError "fixed" when the words are a part of a field, an equation or a symbol.
    """
    found = units(document, place)
    holder = place.block.element
    if any(name(e) != "w:r" or field_end(holder, e) is not e or field_begin(holder, e) is not e for e in found):
        reason = f"{place.words!r} in {place.block.where} is a part of a field, an equation or a symbol."
        raise ToolInputError(reason, hint="Choose other words, or write the reference behind them.", code="fixed")
    for run in made:
        if child(run, "w:rPr") is None and (look := _look(found[0])) is not None:
            run.insert(0, look)
    for run in reversed(made):
        add_behind(found[-1], run)
    for each in found:
        if (parent := each.getparent()) is not None:
            parent.remove(each)


def _look(run: Element) -> Element | None:
    """Return a copy of a run's properties without what is about this run only."""
    properties = child(run, "w:rPr")
    if properties is None:
        return None
    kept = copy.deepcopy(properties)
    kept.tail = None
    for each in [e for e in kept if name(e) in _OWN]:
        kept.remove(each)
    return kept if len(kept) else None


def _ends(parent: Element, last: Element) -> bool:
    """Return whether something behind `last` may as well stand behind its container."""
    return name(parent) == "w:fldSimple" or (name(parent) in _LEFT and last.getnext() is None)


def field_end(paragraph_: Element, run: Element) -> Element:
    """Return the run that ends the outermost field of the paragraph that `run` lies in, else `run` itself."""
    depth = 0
    seen = False
    for each in every(paragraph_, "r"):
        depth += _depth(each)
        seen = seen or each is run
        if seen and depth <= 0:
            return each
    return run


def field_begin(paragraph_: Element, run: Element) -> Element:
    """Return the run that begins the outermost field of the paragraph that `run` lies in, else `run` itself."""
    depth = 0
    begun = run
    for each in every(paragraph_, "r"):
        if depth <= 0:
            begun = each
        if each is run:
            return begun if depth > 0 and field_end(paragraph_, run) is not run else run
        depth = max(depth + _depth(each), 0)
    return run


def _depth(run: Element) -> int:
    marks = (value(each, "fldCharType") for each in run if name(each) == "w:fldChar")
    return sum({"begin": 1, "end": -1}.get(mark or "", 0) for mark in marks)


def add_behind(element: Element, added: Element) -> None:
    """Insert behind an element without taking its tail (white space between the elements) along."""
    tail, element.tail = element.tail, None
    element.addnext(added)
    added.tail = tail


def enclose(document: Document, place: Span, start: Element, end: Element) -> Element:
    """Put marks of a range around the words, or around all that a paragraph holds; return the end mark.

    Fields that the words touch are in the range as a whole, as far as the paragraph goes.
    """
    element = place.block.element
    found = [] if place.whole else units(document, place)
    if not found:
        properties = child(element, "w:pPr")
        if properties is None:
            element.insert(0, start)
        else:
            add_behind(properties, start)
        element.append(end)
        return end
    field_begin(element, found[0]).addprevious(start)
    add_behind(field_end(element, found[-1]), end)
    return end


def groups(document: Document, place: Span) -> list[list[Element]]:
    """Return what stands in the words as lists of neighbours that one element can be put around.

    Tracked insertions are cut, so that they lie inside or outside as a whole; fields that show nothing but the words
    are in as a whole. Raises ToolInputError "field" when the words are a part of a field.
    """
    found: list[list[Element]] = []
    for unit in dict.fromkeys(_isolated(run) for run in _with_fields(document, place)):
        last = found[-1][-1] if found else None
        if last is None or last.getparent() is not unit.getparent():
            found.append([unit])
            continue
        while last is not None and last is not unit:
            last = last.getnext()
            if last is not None:
                found[-1].append(last)
    return found


def _with_fields(document: Document, place: Span) -> list[Element]:
    """Return the runs of the words, from the beginning of a field that they begin with to the end of one at the end."""
    found = units(document, place)
    element = place.block.element
    first, last = field_begin(element, found[0]), field_end(element, found[-1])
    every_run = list(every(element, "r"))
    inside = set(every_run[every_run.index(first) : every_run.index(last) + 1]) if found[0] in every_run else set(found)
    simple = any(within(run, "w:fldSimple") is not None for run in found)
    pieces = [p for p in document.line(place.block).pieces if p.length and p.run in inside]
    shown = set(units(document, place))
    if simple or any(piece.run not in shown for piece in pieces) or sum(_depth(run) for run in inside) != 0:
        hint = "Choose words beside it, or all of it."
        reason = f"The words are a part of a field in {place.block.where}."
        raise ToolInputError(reason, hint=hint, code="field")
    return [first, *found, last]


def _isolated(run: Element) -> Element:
    """Return the run, or the tracked insertions around it, cut so that they hold nothing else."""
    unit = run
    while (parent := unit.getparent()) is not None and name(parent) in _TRACKED:
        for half in _cut_off(parent, unit):
            half.attrib.update(parent.attrib)
            half.set(f"{{{namespace(half)}}}id", _fresh_mark(parent))
        unit = parent
    return unit


def _fresh_mark(near: Element) -> str:
    """Return an id that no tracked change or range of the part has (17.13)."""
    root = near.getroottree().getroot()
    found = (number(e, "id") for e in root.iter() if name(e).startswith("w:"))
    return str(1 + max((key for key in found if key is not None and key < _RANDOM), default=0))


def _cut_off(parent: Element, unit: Element) -> Iterator[Element]:
    before, after = list(unit.itersiblings(preceding=True))[::-1], list(unit.itersiblings())
    if before:
        first = parent.makeelement(parent.tag)
        first.extend(before)
        parent.addprevious(first)
        yield first
    if after:
        last = parent.makeelement(parent.tag)
        last.extend(after)
        add_behind(parent, last)
        yield last


def refuse_box(place: Block, what: str) -> None:
    """Raise ToolInputError "address" for a place in a text box, where Word has no notes and comments."""
    if within(place.element, "w:txbxContent") is not None:
        hint = "Name the paragraph that holds the text box."
        raise ToolInputError(f"{place.where} lies in a text box, where Word allows no {what}.", hint=hint, code="place")


def words_of(root: Element) -> str:
    """Return the text of an element as it stands, deletions left out, a line for each paragraph."""
    if name(root) == "w:p":
        return text.line(root, text.field_parts(root)).text
    return "\n".join(words_of(each) for each in every(root, "p"))
