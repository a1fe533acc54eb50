"""The elements that stand for a template's marks while it is filled, and how elements are taken out."""

from __future__ import annotations

from collections.abc import Iterable

from copilot.documents.word.names import Element, children, every, name
from copilot.documents.word.templates.marks import Mark

#: The element that a mark becomes; no part is ever written with one, and it needs no namespace.
TAG = "ep-mark"
#: What is left of it in the text where a loop's mark stands beside that paragraph or row.
WAS = "ep-was"


def new_mark(near: Element, mark: Mark, tag: str = TAG) -> Element:
    """Return the element of a mark."""
    return near.makeelement(tag, {"n": str(mark.number)})


def copied(element: Element) -> dict[str, str]:
    """Return the attributes of an element."""
    return {str(key): str(given) for key, given in element.attrib.items()}


def number_of(element: Element) -> int:
    """Return the number of a mark's element."""
    return int(element.get("n", "0"))


def all_marks(elements: Iterable[Element]) -> list[Element]:
    """Return the elements of marks in some elements, themselves included, in order; not those inside of marks."""
    found = [each for element in elements for each in element.iter(TAG, WAS)]
    return [each for each in found if not any(up.tag == TAG for up in each.iterancestors())]


def paragraphs_text(elements: Iterable[Element]) -> str:
    """Return the texts of the paragraphs in some elements, one a line."""
    lines = []
    for element in elements:
        for paragraph in every(element, "p"):
            lines.append("".join(each.text or "" for run in every(paragraph, "r") for each in children(run, "w:t")))
    return "\n".join(line for line in lines if line.strip())


def drop_empty(run: Element) -> None:
    """Remove a run that holds nothing but its properties."""
    if name(run) == "w:r" and all(name(each) in ("w:rPr", "") for each in run):
        remove(run)


def remove(element: Element) -> None:
    """Remove an element, and leave the white space behind it."""
    parent = element.getparent()
    if parent is None:
        return
    tail, element.tail = element.tail, None
    before = element.getprevious()
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    parent.remove(element)
