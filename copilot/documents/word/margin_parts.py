"""The parts that headers and footers are in, and which section shows which (ECMA-376 part 1, 17.10).

A section without a header of its own kind shows that of the section before it (17.10.5), so a change for one section
must not reach those that take over from it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Literal

from lxml import etree

from copilot.documents.word import order, settings
from copilot.documents.word.document import Document
from copilot.documents.word.drawings import next_id
from copilot.documents.word.names import (
    Element,
    child,
    children,
    is_on,
    name,
    namespace,
    new,
    relation_key,
    relationship,
    value,
)
from copilot.documents.word.sections import Section, sections

Side = Literal["header", "footer"]
Kind = Literal["default", "first", "even"]

SIDES: tuple[Side, Side] = ("header", "footer")
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
_ROOTS = {"header": "hdr", "footer": "ftr"}


class MarginParts:
    """Headers and footers of the sections of a document. Every change marks the main part as changed."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.sections = sections(document)

    def own(self, section: Section, side: Side, kind: Kind) -> str:
        """Return the part that a section names itself, "" when it names none that is there."""
        wanted = relationship(found) if (found := self._reference(section, side, kind)) is not None else ""
        links = self.document.package.relationships(self.document.main)
        part = next((link.target for link in links if link.id == wanted), "")
        return part if part and self.document.package.has(part) else ""

    def shown(self, number: int, side: Side, kind: Kind) -> str:
        """Return the part that a section (by number from 1) shows, its own or taken over; "" for none."""
        return next((p for s in reversed(self.sections[:number]) if (p := self.own(s, side, kind))), "")

    def _reference(self, section: Section, side: Side, kind: Kind) -> Element | None:
        found = children(section.properties, f"w:{side}Reference")
        return next((each for each in found if (value(each, "type") or "default") == kind), None)

    def assign(self, section: Section, side: Side, kind: Kind, part: str) -> None:
        """Let a section show a part; the next one goes on showing what it did."""
        old = self.shown(section.number, side, kind)
        heir = self.sections[section.number] if section.number < len(self.sections) else None
        if heir is not None and not self.own(heir, side, kind):
            self._refer(heir, side, kind, old or self.blank(side))
        self._refer(section, side, kind, part)

    def _refer(self, section: Section, side: Side, kind: Kind, part: str) -> None:
        found = self._reference(section, side, kind)
        if found is None:
            found = order.insert(section.properties, new(section.properties, f"{side}Reference", type=kind))
        link = self.document.package.relate(self.document.main, side, part)
        found.set(relation_key(found), link)
        self._changed()

    def _changed(self) -> None:
        self.document.touch(self.document.stories[0])

    def blank(self, side: Side) -> str:
        """Return a new part with one empty paragraph."""
        near = self.document.body
        space = namespace(near)
        root = etree.Element(
            f"{{{space}}}{_ROOTS[side]}", nsmap={"w": space, "r": relation_key(near)[1:].partition("}")[0]}
        )
        etree.SubElement(root, f"{{{space}}}p")
        return self._add(side, etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True))

    def copy(self, side: Side, part: str) -> str:
        """Return a new part that is a copy of another one, its relationships included."""
        package = self.document.package
        number = next_id(self.document)
        made = self._add(side, package.read(part))
        for each in package.xml(made).iter():
            for key in [k for k in each.attrib if str(k).rpartition("}")[2] in ("paraId", "textId")]:
                del each.attrib[key]
            if name(each) == "wp:docPr":
                each.set("id", str(number))
                number += 1
        for each in [e for e in package.xml(made).iter() if _is_only_once(e)]:
            if (holder := each.getparent()) is not None:
                holder.remove(each)
        package.touch(made)
        links = _links_of(part)
        if package.has(links):
            package.add(_links_of(made), package.read(links), package.content_type(links))
        return made

    def _add(self, side: Side, data: bytes) -> str:
        package = self.document.package
        folder = posixpath.dirname(self.document.main)
        part = package.unused_name(posixpath.join(folder, f"{side}{{}}.xml"))
        package.add(part, data, _TYPE.format(side))
        return part

    # For all sections, or for one

    def everywhere(self, side: Side, kind: Kind) -> list[tuple[Section, str]]:
        """Return the parts that all sections show, each with the first section that names it."""
        if not self.own(self.sections[0], side, kind):
            self._refer(self.sections[0], side, kind, self.blank(side))
        found: dict[str, Section] = {}
        for section in self.sections:
            if part := self.own(section, side, kind):
                found.setdefault(part, section)
        return [(section, part) for part, section in found.items()]

    def alone(self, section: Section, side: Side, kind: Kind, *, keep: bool) -> str:
        """Return a part that this section shows and no other one; with `keep` what it showed is in it."""
        own = self.own(section, side, kind)
        others = [s for s in self.sections if s is not section]
        heir = self.sections[section.number] if section.number < len(self.sections) else None
        shared = any(self.own(s, side, kind_) == own for s in others for kind_ in _kinds())
        shared = shared or any(self.own(section, side, k) == own for k in _kinds() if k != kind)
        if own and not shared and (heir is None or self.own(heir, side, kind)):
            return own
        shown = self.shown(section.number, side, kind)
        part = self.copy(side, shown) if keep and shown else self.blank(side)
        self.assign(section, side, kind, part)
        return part

    # First and even pages

    def is_titled(self, section: Section) -> bool:
        """Return whether the first page of a section has a header and footer of its own (17.10.6)."""
        return bool(is_on(child(section.properties, "w:titlePg")))

    def set_titled(self, section: Section, side: Side) -> None:
        """Give the first page its own header and footer; the other side goes on showing what it did there."""
        if self.is_titled(section):
            return
        other: Side = "footer" if side == "header" else "header"
        usual = self.shown(section.number, other, "default")
        if usual:
            self.assign(section, other, "first", self.copy(other, usual))
        elif self.shown(section.number, other, "first"):
            self.assign(section, other, "first", self.blank(other))
        order.set_child(section.properties, "titlePg")
        self._changed()

    @property
    def is_even(self) -> bool:
        """Whether even pages have headers and footers of their own (17.10.1)."""
        return bool(is_on(self.document.setting("w:evenAndOddHeaders")))

    def set_even(self) -> None:
        """Give even pages their own headers and footers, at first the same as the other pages have."""
        if self.is_even:
            return
        for section in self.sections:
            for side in SIDES:
                if usual := self.own(section, side, "default"):
                    self._refer(section, side, "even", self.copy(side, usual))
                elif (left := self._reference(section, side, "even")) is not None:
                    section.properties.remove(left)
        settings.switch_on(self.document, "evenAndOddHeaders")
        self._changed()


def _kinds() -> Sequence[Kind]:
    return ("default", "first", "even")


def _is_only_once(element: Element) -> bool:
    """Return whether a copy may not have it, too: bookmarks (17.13.6.2), the ids of content controls (17.5.2.18)."""
    holder = element.getparent()
    if holder is not None and name(holder) == "w:sdtPr":
        return name(element) == "w:id"
    return name(element) in ("w:bookmarkStart", "w:bookmarkEnd")


def _links_of(part: str) -> str:
    folder, base = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{base}.rels")
