"""Copies of pieces of a document, with ids of their own where ids have to be unique."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

from copilot.documents.word.document import Document
from copilot.documents.word.names import Element, every, name, namespace, value, within

#: Marks whose ids and names belong to one place only, so that a copy goes without them.
_ONE_PLACE = frozenset(
    f"w:{kind}Range{side}" for kind in ("comment", "moveFrom", "moveTo") for side in ("Start", "End")
) | {"w:bookmarkStart", "w:bookmarkEnd", "w:permStart", "w:permEnd", "w:commentReference"}
_LARGEST = 2**31 - 1
_NOTES = {"w:footnoteReference": ("footnotes", "footnote"), "w:endnoteReference": ("endnotes", "endnote")}


class Copier:
    """Makes copies of elements of a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._used: dict[str, set[int]] = {}
        #: Notes that were copied: their new elements, whose marks have yet to be filled, by reference.
        self.notes: dict[Element, Element] = {}
        self._originals: dict[str, dict[str | None, Element]] = {}

    def remember_notes(self) -> None:
        """Let copies of notes be copies of what the notes are now, whatever becomes of those."""
        package = self._document.package
        for relation, local in _NOTES.values():
            for part in package.related(self._document.main, relation):
                notes = every(package.xml(part), local) if package.has(part) else ()
                self._originals[part] = {value(each, "id"): copy.deepcopy(each) for each in notes}

    def copies(self, elements: Sequence[Element]) -> list[Element]:
        """Return copies of some elements for another place of the same part."""
        made = [copy.deepcopy(each) for each in elements]
        for each in made:
            each.tail = None
        renew(self, made)
        return made

    def unique(self, kind: str) -> int:
        """Return a number that nothing has: of drawings ("docPr", 20.4.2.5), of controls ("sdt", 17.5.2.18)."""
        if kind not in self._used:
            self._used[kind] = set(self._numbers(kind))
        used = self._used[kind]
        above = max(used, default=0) + 1
        made = above if 0 < above < _LARGEST else next(n for n in range(1, len(used) + 2) if n not in used)
        used.add(made)
        return made

    def _numbers(self, kind: str) -> Iterable[int]:
        package = self._document.package
        for part in dict.fromkeys(story.part for story in self._document.stories):
            for each in package.xml(part).iter(f"{{*}}{'docPr' if kind == 'docPr' else 'id'}"):
                given = (each.get("id") if kind == "docPr" else value(each)) or ""
                if given.lstrip("-").isdigit():
                    yield int(given)

    def copy_note(self, reference: Element) -> None:
        """Give a reference to a footnote or endnote in a copy a note of its own (17.11.14)."""
        relation, local = _NOTES[name(reference)]
        package = self._document.package
        for part in package.related(self._document.main, relation):
            notes = list(every(package.xml(part), local)) if package.has(part) else []
            known = {value(each, "id"): each for each in notes}
            own = known.get(value(reference, "id"))
            if own is None:
                continue
            made = copy.deepcopy(self._originals.get(part, known).get(value(own, "id"), own))
            number = str(max(int(key) for key in known if key and key.lstrip("-").isdigit()) + 1)
            for each in (made, reference):
                _number(each, "id", number)
            notes[-1].addnext(made)
            package.touch(part)
            self.notes[reference] = made


def renew(copier: Copier, copies: Iterable[Element]) -> None:
    """Give copies ids of their own, and take away the marks that can stand in one place only."""
    for element in [each for made in copies for each in made.iter()]:
        kind = name(element)
        for key in [k for k in element.attrib if str(k).rpartition("}")[2] in ("paraId", "textId")]:
            del element.attrib[key]
        if kind in _ONE_PLACE and (parent := element.getparent()) is not None:
            parent.remove(element)
        elif kind == "wp:docPr":
            element.set("id", str(copier.unique("docPr")))
        elif kind == "w:id" and within(element, "w:sdtPr") is not None:
            _number(element, "val", str(copier.unique("sdt")))
        elif kind in _NOTES:
            copier.copy_note(element)


def _number(element: Element, attribute: str, given: str) -> None:
    element.set(f"{{{namespace(element)}}}{attribute}", given)
