"""A paragraph made two, and several made one, with the containers, ranges and breaks that they hold (17.3.1)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

from copilot.documents.word import runs, text
from copilot.documents.word.names import Element, add, child, descend, every, name, new, value
from copilot.documents.word.order import ensure, put
from copilot.documents.word.text import Fields
from copilot.errors import ToolInputError

#: Containers of runs that may be cut in two; others (content controls, simple fields) are one thing.
_CUT = frozenset({"w:hyperlink", "w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:smartTag", "w:customXml"})
_MARKS = ("Start", "End")


def sibling(paragraph: Element) -> Element:
    """Return an empty paragraph with the properties of another one, its section break left out."""
    made = new(paragraph, "p")
    properties = child(paragraph, "w:pPr")
    if properties is not None:
        taken = copy.deepcopy(properties)
        taken.tail = None
        for each in [e for e in taken if name(e) in ("w:sectPr", "w:pPrChange")]:
            taken.remove(each)
        mark = child(taken, "w:rPr")
        for each in [e for e in mark if name(e) in ("w:ins", "w:del", "w:rPrChange")] if mark is not None else ():
            mark.remove(each)  # type: ignore[union-attr]
        made.append(taken)
    return made


def split(paragraph: Element, fields: Fields, offset: int, where: str) -> Element:
    """Return a new paragraph with what stands behind `offset` of the text; it has yet to be put behind the first.

    A section break goes along, as it ends the section (17.6.18). Raises ToolInputError "field" or "control" when the
    place lies inside of one.
    """
    first = runs.cut(text.line(paragraph, fields), offset, where)
    if first is None:
        raise ToolInputError(f"Nothing stands behind that place in {where}.", code="unchanged")
    _refuse_fields(paragraph, first, where)
    made = sibling(paragraph)
    _give_section(paragraph, made)
    top = _lifted(paragraph, first, where)
    made.extend([top, *top.itersiblings()])
    return made


def _refuse_fields(paragraph: Element, first: Element, where: str) -> None:
    depth = 0
    for run in every(paragraph, "r"):
        if run is first:
            break
        for mark in run:
            depth += {"begin": 1, "end": -1}.get(value(mark, "fldCharType") or "", 0) if name(mark) else 0
    if depth:
        hint = "Choose words before or behind it."
        raise ToolInputError(f"The place lies inside of a field in {where}.", hint=hint, code="field")


def _lifted(paragraph: Element, first: Element, where: str) -> Element:
    """Return the child of the paragraph that begins with `first`, the containers around it cut in two."""
    parent = first.getparent()
    while parent is not None and parent is not paragraph:
        if name(parent) not in _CUT:
            kind = "content control" if name(parent) in ("w:sdtContent", "w:sdt") else "field"
            raise ToolInputError(f"The place lies inside of a {kind} in {where}.", code="control")
        if first.getprevious() is None:
            first, parent = parent, parent.getparent()
            continue
        half = runs.hollow(parent)
        half.extend([first, *first.itersiblings()])
        tail, parent.tail = parent.tail, None
        parent.addnext(half)
        half.tail = tail
        first, parent = half, parent.getparent()
    return first


def _give_section(paragraph: Element, made: Element) -> None:
    section = descend(paragraph, "w:pPr", "w:sectPr")
    if section is not None:
        section.tail = None
        put(ensure(made, "pPr"), section)


def join(paragraphs: Sequence[Element], separator: str, places: Sequence[str]) -> None:
    """Move the content of all paragraphs into the first; the last one's section break goes along.

    Raises ToolInputError when they don't follow each other. `places` are their names for the message.
    """
    neighbours = zip(pairwise(paragraphs), pairwise(places), strict=True)
    between = [_between(*pair, *names) for pair, names in neighbours]
    for paragraph, where in zip(paragraphs[:-1], places, strict=False):
        if descend(paragraph, "w:pPr", "w:sectPr") is not None:
            raise ToolInputError(f"A section ends in {where}, so what follows can't be joined to it.", code="section")
    first = paragraphs[0]
    for paragraph, marks in zip(paragraphs[1:], between, strict=True):
        first.extend(marks)
        content = [each for each in paragraph if name(each) != "w:pPr"]
        if separator and _has_text(first) and any(_has_text(each) for each in content):
            text.set_text(_last_like(first), separator)
        first.extend(content)
        _give_section(paragraph, first)
        parent = paragraph.getparent()
        if parent is not None:
            parent.remove(paragraph)


def _between(above: Element, below: Element, upper: str, lower: str) -> list[Element]:
    """Return the marks of ranges between two paragraphs; raises ToolInputError when something else is there."""
    found = []
    each = above.getnext()
    while each is not None and each is not below:
        if name(each) and not name(each).endswith(_MARKS):
            break
        found.append(each)
        each = each.getnext()
    if each is not below:
        hint = "Join paragraphs that stand one behind the other in the same place."
        raise ToolInputError(f"{lower} does not follow {upper} directly.", hint=hint, code="address")
    return [mark for mark in found if name(mark)]


def _has_text(element: Element) -> bool:
    return any(each.text for each in every(element, "t"))


def _last_like(paragraph: Element) -> Element:
    """Return a new run at the end of a paragraph that looks like its last one."""
    last = [run for run in every(paragraph, "r") if run.getparent() is paragraph]
    if not last:
        return add(paragraph, "r")
    made = runs.like(last[-1])
    paragraph.append(made)
    return made
