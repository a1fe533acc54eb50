"""The settings of a document (ECMA-376 part 1, 17.15.1): switches that concern all of it."""

from __future__ import annotations

from lxml import etree

from copilot.documents.word import order
from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, child, is_on, namespace
from copilot.documents.word.styles import free_part

PART_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml"


def root(document: Document) -> Element:
    """Return the `w:settings` of a document, made when it has none; the part counts as changed."""
    package = document.package
    part = next((each for each in package.related(document.main, "settings") if package.has(each)), "")
    if not part:
        part = free_part(package, "word/settings.xml")
        space = namespace(document.body)
        package.add(part, etree.tostring(etree.Element(f"{{{space}}}settings", nsmap={"w": space})), PART_TYPE)
        package.relate(document.main, "settings", part)
    found = package.xml(part)
    package.touch(part)
    return found


def switch_on(document: Document, local: str) -> bool:
    """Turn on an on/off setting such as "evenAndOddHeaders"; return whether it was off."""
    if is_on(document.setting(f"w:{local}")):
        return False
    settings = root(document)
    if (found := child(settings, f"w:{local}")) is not None:
        settings.remove(found)
    order.set_child(settings, local)
    return True
