"""The data that content controls are bound to: custom XML parts and the document's properties (17.5.2.6)."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from copilot.documents.word.controls.reading import detail
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element

#: Stores that are parts with a fixed meaning: core and extended properties.
_PROPERTIES = {
    "{6C3C8BC8-F283-45AE-878A-BAB7291924A1}": "core-properties",
    "{6668398D-A668-4E3E-A5EB-62B293D839F1}": "extended-properties",
}
_MAPPING = re.compile(r"""xmlns:([\w.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)")""")
#: Steps to elements and attributes, with positions: what Word writes. Nothing that computes.
_PATH = re.compile(r"(?:/{1,2}(?:@?(?:[\w.-]+:)?(?:[\w.-]+|\*)|text\(\)|node\(\))(?:\[\d+\])?)+/?\Z")


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a store: its part, the element, and the attribute ("" for the element's text)."""

    part: str
    element: Element
    attribute: str = ""

    @property
    def text(self) -> str:
        """What stands there."""
        return self.element.get(self.attribute, "") if self.attribute else self.element.text or ""


def node_of(document: Document, control: Element) -> Node | None:
    """Return what a control is bound to, None when it is not bound or the store does not hold it."""
    binding = detail(control, "dataBinding")
    if binding is None:
        return None
    for part in _stores(document, _given(binding, "storeItemID")):
        found = _select(document, part, binding)
        if found:
            return _node(part, found[0])
    return None


def made_node(document: Document, control: Element) -> Node | None:
    """Return a document property that a control is bound to and that has no value yet, made empty; None for others."""
    bound = detail(control, "dataBinding")
    kind = _PROPERTIES.get(_given(bound, "storeItemID").upper())
    parent, _, step = _given(bound, "xpath").rstrip("/").rpartition("/")
    wanted = re.fullmatch(r"([\w.-]+):([\w.-]+)(?:\[1\])?", step)
    uri = {m[1]: m[2] or m[3] for m in _MAPPING.finditer(_given(bound, "prefixMappings"))}.get(
        wanted[1] if wanted else ""
    )
    if kind != "core-properties" or wanted is None or not uri or parent.count("/") != 1:
        return None
    for part in document.package.related("", kind):
        if document.package.has(part):
            return Node(part, etree.SubElement(document.package.xml(part), f"{{{uri}}}{wanted[2]}"))
    return None


def _stores(document: Document, wanted: str) -> list[str]:
    """Return the parts with this store's id; every custom part when none has it, as Word looks on (17.5.2.6)."""
    package = document.package
    if kind := _PROPERTIES.get(wanted.upper()):
        return [part for part in package.related("", kind) if package.has(part)]
    parts = [part for part in package.related(document.main, "customXml") if package.has(part)]
    same = [part for part in parts if _store_id(document, part).upper() == wanted.upper()]
    return same or parts


def _store_id(document: Document, part: str) -> str:
    package = document.package
    for properties in package.related(part, "customXmlProps"):
        if package.has(properties):
            root = package.xml(properties)
            return next((str(v) for k, v in root.attrib.items() if str(k).endswith("}itemID")), "")
    return ""


def _select(document: Document, part: str, binding: Element) -> list[Any]:
    path = _given(binding, "xpath")
    if not _PATH.match(path):
        return []
    spaces = {m[1]: m[2] or m[3] or "" for m in _MAPPING.finditer(_given(binding, "prefixMappings"))}
    spaces = {prefix: uri for prefix, uri in spaces.items() if uri}
    try:
        found = document.package.xml(part).xpath(path, namespaces=spaces or None)
    except etree.XPathError:
        return []
    return list(found) if isinstance(found, list) else []


def _given(binding: Element | None, attribute: str) -> str:
    """Return an attribute of a binding, whose namespace is not always that of the element ([MS-DOCX] 2.6.4.1)."""
    pairs = binding.attrib.items() if binding is not None else ()
    return next((str(v) for k, v in pairs if str(k).rpartition("}")[2] == attribute), "")


def _node(part: str, found: Any) -> Node | None:
    if isinstance(found, etree._Element):
        return Node(part, found)
    parent = found.getparent() if hasattr(found, "getparent") else None
    if parent is None:
        return None
    return Node(part, parent, str(found.attrname) if found.is_attribute else "")


def store(document: Document, node: Node, text: str) -> bool:
    """Write a text into a store; return whether that changed it."""
    if node.text == text:
        return False
    if node.attribute:
        node.element.set(node.attribute, text)
    else:
        node.element.text = text
    document.package.touch(node.part)
    return True


def resize(document: Document, section: Element, count: int) -> bool:
    """Let the data of a repeating section hold `count` items; return whether it is bound to any ([MS-DOCX] 2.6.4)."""
    binding = detail(section, "dataBinding")
    if binding is None:
        return False
    for part in _stores(document, _given(binding, "storeItemID")):
        nodes = [e for e in _select(document, part, binding) if isinstance(e, etree._Element)]
        if not nodes:
            continue
        for _ in range(len(nodes), count):
            made = copy.deepcopy(nodes[-1])
            nodes[-1].addnext(made)
            nodes.append(made)
        for extra in nodes[count:]:
            parent = extra.getparent()
            if parent is not None:
                parent.remove(extra)
        document.package.touch(part)
        return True
    return False


def point_to(section: Element, item: Element, number: int) -> None:
    """Let the controls of an item of a bound repeating section look at the data of item `number`."""
    base = _given(detail(section, "dataBinding"), "xpath")
    base = re.sub(r"\[\d+\]\Z", "", base.rstrip("/"))
    for each in item.iter():
        if isinstance(each.tag, str) and each.tag.endswith("}dataBinding"):
            key = next((k for k in each.attrib if str(k).endswith("}xpath")), None)
            path = str(each.attrib[key]) if key is not None else ""
            if key is not None and base and path.startswith(base):
                rest = re.sub(r"\A\[\d+\]", "", path[len(base) :])
                each.set(key, f"{base}[{number}]{rest}")
