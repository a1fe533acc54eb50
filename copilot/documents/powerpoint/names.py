"""Names of PresentationML and DrawingML, in both flavours (ISO/IEC 29500 transitional and strict).

Tags are asked for by their short name, "a:p"; what is created takes the flavour of the file.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from lxml import etree

Element: TypeAlias = etree._Element

_TRANSITIONAL = {
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
}
_STRICT = {
    "a": "http://purl.oclc.org/ooxml/drawingml/main",
    "c": "http://purl.oclc.org/ooxml/drawingml/chart",
    "dgm": "http://purl.oclc.org/ooxml/drawingml/diagram",
    "m": "http://purl.oclc.org/ooxml/officeDocument/math",
    "p": "http://purl.oclc.org/ooxml/presentationml/main",
    "r": "http://purl.oclc.org/ooxml/officeDocument/relationships",
}
_OTHERS = {
    "cx": "http://schemas.microsoft.com/office/drawing/2014/chartex",
    "dsp": "http://schemas.microsoft.com/office/drawing/2008/diagram",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "p14": "http://schemas.microsoft.com/office/powerpoint/2010/main",
    "p15": "http://schemas.microsoft.com/office/powerpoint/2012/main",
    "p188": "http://schemas.microsoft.com/office/powerpoint/2018/8/main",
}


@lru_cache(maxsize=512)
def tags(*names: str) -> tuple[str, ...]:
    """Return the full tags that the short names ("a:p") may stand for."""
    found = []
    for name in names:
        prefix, _, local = name.partition(":")
        spaces = [space[prefix] for space in (_TRANSITIONAL, _STRICT, _OTHERS) if prefix in space]
        found += [f"{{{space}}}{local}" for space in spaces]
    return tuple(found)


def is_(element: Element, *names: str) -> bool:
    """Return whether the element has one of the short names."""
    return element.tag in tags(*names)


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first descendant along a path of short names, None if a step is missing."""
    for name in path:
        if element is None:
            return None
        wanted = tags(name)
        element = next((c for c in element if c.tag in wanted), None)
    return element


def children(element: Element | None, *names: str) -> list[Element]:
    """Return the children with one of the short names."""
    wanted = tags(*names)
    return [] if element is None else [c for c in element if c.tag in wanted]


def relation(element: Element, name: str = "id") -> str:
    """Return the value of an `r:` attribute (a relationship id), "" if there is none."""
    for tag in tags(f"r:{name}"):
        if value := element.get(tag):
            return value
    return ""


def like(element: Element, name: str) -> str:
    """Return the full tag for a short name in the flavour of `element`'s document."""
    prefix, _, local = name.partition(":")
    return f"{{{flavour(element)[prefix]}}}{local}"


def flavour(element: Element) -> dict[str, str]:
    """Return the namespaces of the flavour that the element's document is written in."""
    used = {etree.QName(element).namespace, *element.nsmap.values()}
    strict = used & set(_STRICT.values()) and not used & {_TRANSITIONAL["p"], _TRANSITIONAL["a"]}
    return {**(_STRICT if strict else _TRANSITIONAL), **_OTHERS}


def strict_xml(data: bytes) -> bytes:
    """Return an XML part written in the transitional flavour with the namespaces of the strict one."""
    for prefix, space in _TRANSITIONAL.items():
        data = data.replace(f'"{space}"'.encode(), f'"{_STRICT[prefix]}"'.encode())
    return data
