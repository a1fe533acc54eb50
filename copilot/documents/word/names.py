"""Names of WordprocessingML elements, the same for transitional and strict files.

`name(element)` gives "w:p" whatever namespace the file uses; new elements take the namespace of their part.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

Element = etree._Element

_OFFICE = "http://schemas.openxmlformats.org/"
_STRICT = "http://purl.oclc.org/ooxml/"
WORD_NAMESPACES = (f"{_OFFICE}wordprocessingml/2006/main", f"{_STRICT}wordprocessingml/main")
#: Of the elements that stand for paragraphs which were not parsed, see lean.py; no file ever holds it.
SKIPPED_NAMESPACE = "urn:everpilot:skipped"
_PREFIXES = {
    WORD_NAMESPACES[0]: "w",
    WORD_NAMESPACES[1]: "w",
    f"{_OFFICE}officeDocument/2006/math": "m",
    f"{_STRICT}officeDocument/math": "m",
    f"{_OFFICE}drawingml/2006/wordprocessingDrawing": "wp",
    f"{_STRICT}drawingml/wordprocessingDrawing": "wp",
    f"{_OFFICE}drawingml/2006/main": "a",
    f"{_STRICT}drawingml/main": "a",
    f"{_OFFICE}drawingml/2006/picture": "pic",
    f"{_STRICT}drawingml/picture": "pic",
    f"{_OFFICE}drawingml/2006/chart": "c",
    f"{_STRICT}drawingml/chart": "c",
    f"{_OFFICE}drawingml/2006/diagram": "dgm",
    f"{_STRICT}drawingml/diagram": "dgm",
    f"{_OFFICE}markup-compatibility/2006": "mc",
    "http://schemas.microsoft.com/office/word/2010/wordprocessingShape": "wps",
    "http://schemas.microsoft.com/office/word/2010/wordml": "w14",
    "http://schemas.microsoft.com/office/word/2015/wordml/symex": "w16se",
    "urn:schemas-microsoft-com:vml": "v",
    SKIPPED_NAMESPACE: "ep",
    "urn:schemas-microsoft-com:office:office": "o",
}
_RELATIONSHIPS = (f"{_OFFICE}officeDocument/2006/relationships", f"{_STRICT}officeDocument/relationships")
XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"

#: `w:val` of an on/off property that means off (ECMA-376 part 1, 17.17.4 and 22.9.2.7).
_OFF = frozenset({"0", "false", "off"})


@lru_cache(maxsize=4096)
def _short(tag: str) -> str:
    namespace, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    return f"{_PREFIXES.get(namespace, '?')}:{local}"


@lru_cache(maxsize=1024)
def _tags(wanted: str) -> frozenset[str]:
    """Return the full tags that have a short name."""
    prefix, _, local = wanted.partition(":")
    return frozenset(f"{{{uri}}}{local}" for uri, short in _PREFIXES.items() if short == prefix)


def name(element: Element) -> str:
    """Return "w:p" and the like; "?:x" in a namespace that is not ours, "" for comments and instructions."""
    return _short(element.tag) if isinstance(element.tag, str) else ""


def namespace(near: Element) -> str:
    """Return the WordprocessingML namespace of the part that `near` stands in."""
    for element in (near, near.getroottree().getroot()):
        found = etree.QName(element).namespace if isinstance(element.tag, str) else None
        if found in WORD_NAMESPACES:
            return found
    return WORD_NAMESPACES[0]


def side(near: Element, given: str) -> str:
    """Return "left" or "right" as the part spells it: "start" and "end" in strict files (17.18.44)."""
    return {"left": "start", "right": "end"}.get(given, given) if is_strict(near) else given


def is_strict(near: Element) -> bool:
    """Return whether the part is strict OOXML."""
    return namespace(near) == WORD_NAMESPACES[1]


def value(element: Element | None, attribute: str = "val") -> str | None:
    """Return an attribute in the element's own namespace (`w:val`), None if the element or it is missing."""
    if element is None or not isinstance(element.tag, str):
        return None
    return element.get(element.tag[: element.tag.rfind("}") + 1] + attribute)


def number(element: Element | None, attribute: str = "val") -> int | None:
    """Return a whole-number attribute, None if it is missing or no number."""
    try:
        return int(float(value(element, attribute) or ""))
    except (ValueError, OverflowError):
        return None


def is_on(element: Element | None) -> bool | None:
    """Return the state of an on/off property such as `w:vanish`; None if it is not given."""
    return None if element is None else (value(element) or "true").lower() not in _OFF


def relationship(element: Element, attribute: str = "id") -> str:
    """Return `r:id` (or another `r:` attribute), "" if it is missing."""
    return next((found for ns in _RELATIONSHIPS if (found := element.get(f"{{{ns}}}{attribute}"))), "")


def relation_key(near: Element, attribute: str = "id") -> str:
    """Return the full name of `r:id` (or another `r:` attribute) as the part of `near` spells it."""
    return f"{{{_RELATIONSHIPS[is_strict(near)]}}}{attribute}"


def child(element: Element | None, wanted: str) -> Element | None:
    """Return the first child of that name ("w:pPr")."""
    if element is not None:
        tags = _tags(wanted)
        for each in element:
            if each.tag in tags:
                return each
    return None


def children(element: Element | None, *wanted: str) -> Iterator[Element]:
    """Yield the children that have one of these names."""
    for each in element if element is not None else ():
        if name(each) in wanted:
            yield each


def descend(element: Element | None, *path: str) -> Element | None:
    """Return the element at the end of a path of first children, None when one is missing."""
    for step in path:
        element = child(element, step)
    return element


def descendants(element: Element, *wanted: str) -> Iterator[Element]:
    """Yield the element's descendants with one of these names, in document order."""
    for each in element.iter():
        if name(each) in wanted and each is not element:
            yield each


def every(root: Element, local: str) -> Iterator[Element]:
    """Yield the root and its descendants that are `w:local`, fast."""
    return root.iter(*(f"{{{ns}}}{local}" for ns in WORD_NAMESPACES))


def within(element: Element, *wanted: str) -> Element | None:
    """Return the nearest ancestor with one of these names."""
    return next((each for each in element.iterancestors() if name(each) in wanted), None)


def new(near: Element, local: str, **attributes: str) -> Element:
    """Return a new element `w:local` for the part of `near`, with `w:` attributes."""
    ns = namespace(near)
    element = near.makeelement(f"{{{ns}}}{local}", nsmap={"w": ns})
    for key, given in attributes.items():
        element.set(f"{{{ns}}}{key}", given)
    return element


def add(parent: Element, local: str, **attributes: str) -> Element:
    """Append a new `w:` element to `parent` and return it."""
    element = new(parent, local, **attributes)
    parent.append(element)
    return element


def first(parent: Element, local: str) -> Element:
    """Return the child `w:local`, made as the first child when it is missing (`w:pPr`, `w:rPr`, `w:pStyle`)."""
    found = child(parent, f"w:{local}")
    if found is None:
        found = new(parent, local)
        parent.insert(0, found)
    return found
