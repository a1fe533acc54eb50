"""Loops and conditions: which marks belong together, and how they come to stand beside what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copilot.documents.word import runs
from copilot.documents.word.names import Element, name
from copilot.documents.word.templates.elements import TAG, WAS, copied, new_mark, remove
from copilot.documents.word.templates.marks import Mark

_CUT = frozenset({"w:hyperlink", "w:ins", "w:moveTo", "w:smartTag", "w:customXml"})
_PRECIOUS = frozenset({"w:drawing", "w:pict", "w:object", "w:sectPr", "w:tbl", "w:footnoteReference", "m:oMath"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A mark with its element, and the paragraph that it stands in."""

    mark: Mark
    element: Element
    paragraph: Element


@dataclass
class Pair:
    """The marks of a loop or condition."""

    begin: Placed
    middle: Placed | None = None
    end: Placed | None = None

    @property
    def marks(self) -> list[Placed]:
        """All of them, in order."""
        return [each for each in (self.begin, self.middle, self.end) if each is not None]


def pair(marks: list[Placed]) -> list[Pair]:
    """Return which of the marks of one flow of text belong together, lifted beside what they hold.

    Raises ToolInputError for wrong nesting, and for marks that can't stand beside each other.
    """
    pairs = list(_pairs(marks))
    units: dict[Element, list[tuple[Placed, str]]] = {}
    for each in pairs:
        if len({one.paragraph for one in each.marks}) > 1:
            for unit, placed, role in _units(each):
                units.setdefault(unit, []).append((placed, role))
        else:
            _level(each)
    for unit, placements in units.items():
        _stand_beside(unit, sorted(placements, key=lambda one: one[0].mark.number))
    return pairs


def _pairs(marks: list[Placed]) -> Iterator[Pair]:
    """Yield what belongs together, inner pairs first; raises ToolInputError for wrong nesting."""
    open_pairs: list[Pair] = []
    for each in marks:
        mark = each.mark
        if mark.kind in ("each", "if"):
            open_pairs.append(Pair(each))
            continue
        last = open_pairs[-1] if open_pairs else None
        if last is None:
            raise mark.error("nothing is open that it could belong to.", code="nesting")
        begun = last.begin.mark
        if mark.kind == "else":
            if begun.kind != "if" or last.middle is not None:
                raise mark.error(f"an else belongs to one {{{{#if}}}}, not to {begun.text}.", code="nesting")
            last.middle = each
            continue
        if mark.closes != begun.kind:
            hint = "What was opened last is closed first."
            raise mark.error(f"{begun.text} in {begun.where} is still open.", hint=hint, code="nesting")
        last.end = each
        yield open_pairs.pop()
    if open_pairs:
        begun = open_pairs[-1].begin.mark
        raise begun.error(f"it is never closed with {{{{/{begun.kind}}}}}.", code="nesting")


def _units(pair: Pair) -> Iterator[tuple[Element, Placed, str]]:
    """Yield the paragraph or row that each mark of a pair stands for, and on which side of it the mark belongs."""
    assert pair.end is not None
    common, begin, end = _meet(pair.begin.paragraph, pair.end.paragraph)
    if name(common) == "w:tr":
        begin = end = common
        parent = common.getparent()
        common = parent if parent is not None else common
    for unit in (begin, end):
        if name(unit) not in ("w:p", "w:tr", "w:sdt", "w:customXml"):
            reason = f"its {pair.end.mark.text} in {pair.end.mark.where} is in another table, or in none."
            raise pair.begin.mark.error(reason, hint="Put both in the same table, or both outside.", code="nesting")
    yield begin, pair.begin, "begin"
    if pair.middle is not None:
        chain = [pair.middle.paragraph, *pair.middle.paragraph.iterancestors()]
        middle = next((each for each in chain if each.getparent() is common), None)
        if middle is None or middle in (begin, end):
            raise pair.middle.mark.error("it has to stand in a paragraph or row of its own.", code="nesting")
        yield middle, pair.middle, "middle"
    yield end, pair.end, "end"


def _meet(first: Element, second: Element) -> tuple[Element, Element, Element]:
    """Return the nearest element around two, and its children that hold them."""
    above = {each: below for below, each in _steps(first)}
    for below, each in _steps(second):
        if each in above:
            return each, above[each], below
    raise AssertionError("two paragraphs of one part have an ancestor in common")


def _steps(element: Element) -> Iterator[tuple[Element, Element]]:
    for parent in element.iterancestors():
        yield element, parent
        element = parent


def _stand_beside(unit: Element, placements: list[tuple[Placed, str]]) -> None:
    """Let marks stand before or behind a paragraph or row; in its place when it holds nothing else."""
    own = {placed.element for placed, _ in placements}
    alone = _is_alone(unit, own)
    for placed, role in placements if not alone else ():
        _check_edge(placed, role, unit, own)
    made = [(new_mark(placed.element, placed.mark), role) for placed, role in placements]
    for placed, _ in placements:
        _swap(placed.element, new_mark(placed.element, placed.mark, WAS))
    last = unit
    for element, role in made:
        element.set("beside", "1")
        if alone or role == "begin":
            unit.addprevious(element)
        else:
            tail, last.tail = last.tail, None
            last.addnext(element)
            element.tail, last = tail, element
    if alone:
        first = made[0][0]
        for each in [e for e in unit if name(e).endswith(("Start", "End"))] if name(unit) == "w:p" else ():
            first.addprevious(each)
        first.append(unit)


def _is_alone(unit: Element, own: set[Element]) -> bool:
    """Return whether a paragraph or row holds nothing but these marks."""
    for each in unit.iter():
        if each.tag == TAG and each not in own:
            return False
        if name(each) in _PRECIOUS or (name(each) == "w:t" and (each.text or "").strip()):
            return False
    return True


def _check_edge(placed: Placed, role: str, unit: Element, own: set[Element]) -> None:
    """Raise ToolInputError for a mark of several paragraphs that stands in the middle of one."""
    if role == "middle":
        raise placed.mark.error("it has to stand in a paragraph or row of its own.", code="nesting")
    if name(unit) != "w:p":
        return
    before = True
    for each in unit.iter():
        if each is placed.element:
            before = False
        elif each not in own and _is_content(each) and before == (role == "begin"):
            side = "beginning" if role == "begin" else "end"
            hint = f"Let it stand at the {side} of its paragraph, or in one of its own."
            raise placed.mark.error("its partner is in another paragraph, and text is in the way.", hint=hint)


def _is_content(element: Element) -> bool:
    if element.tag == TAG or (name(element) in _PRECIOUS and name(element) != "w:sectPr"):
        return True
    return name(element) == "w:t" and bool((element.text or "").strip())


def _swap(old: Element, made: Element) -> None:
    parent = old.getparent()
    if parent is not None:
        parent.replace(old, made)


def _level(pair: Pair) -> None:
    """Lift the marks of a pair inside of a paragraph until they stand beside each other."""
    while len({each.element.getparent() for each in pair.marks}) > 1:
        deepest = max(pair.marks, key=lambda each: sum(1 for _ in each.element.iterancestors()))
        _lift(deepest)


def _lift(placed: Placed) -> None:
    """Cut what is around a mark in two, so that the mark stands between the halves."""
    element, parent = placed.element, placed.element.getparent()
    assert parent is not None
    if name(parent) == "w:r":
        half = runs.like(parent)
    elif name(parent) in _CUT:
        half = parent.makeelement(parent.tag, copied(parent))
    else:
        hint = "Put both marks inside of it, or both outside."
        raise placed.mark.error("it stands in a content control or field, its partner does not.", hint=hint)
    behind = list(element.itersiblings())
    half.extend(behind)
    tail, parent.tail = parent.tail, None
    parent.addnext(element)
    element.tail = tail
    if behind:
        element.addnext(half)
        half.tail, element.tail = element.tail, None
    if not [each for each in parent if name(each) not in ("w:rPr", "")] and not _holds_marks(parent):
        remove(parent)


def _holds_marks(element: Element) -> bool:
    return any(each.tag in (TAG, WAS) for each in element)
