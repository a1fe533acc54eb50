"""Filling content controls, with the data that they are bound to and everything that shows the same data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copilot.documents.hunks import Hunk
from copilot.documents.operations import FileContents
from copilot.documents.word.controls import binding
from copilot.documents.word.controls.reading import (
    Located,
    is_checked,
    is_placeholder,
    iter_inside,
    located,
    lock_of,
    text_of,
)
from copilot.documents.word.controls.setting import is_temporary, refused, unwrap, write, write_picture, written_as
from copilot.documents.word.document import Document, shortened
from copilot.documents.word.editing import Edit, editor
from copilot.documents.word.names import Element, child, children
from copilot.documents.word.templates.copies import Copier
from copilot.documents.word.templates.values import is_list, plain
from copilot.errors import ToolInputError


@editor
def fill_controls(
    document: Document, values: dict[str, Any], *, pictures: FileContents = None, override_locks: bool = False
) -> Edit:
    """Fill content controls: `values` by tag, title or id; true/false for checkboxes, lists for repeating sections.

    An item of such a list is an object of the controls in it (or a text, where there is one). Dates are ISO dates;
    `pictures` are files for picture controls, by the same names. Data that a control is bound to is written, too, and
    all controls bound to it follow. Raises ToolInputError: unknown control or choice (with the closest), a value of the
    wrong kind, "locked".
    """
    filling = _Filling(document, override_locks)
    for key, given in {**values, **(pictures or {})}.items():
        filling.fill(key, given, located(document))
    if not filling.hunks:
        raise ToolInputError("The controls hold these values already: nothing would change.", code="unchanged")
    return Edit.of(filling.hunks)


class _Filling:
    def __init__(self, document: Document, override_locks: bool) -> None:
        self._document = document
        self._override = override_locks
        self.hunks: list[Hunk] = []

    def fill(self, key: str, given: Any, among: list[Located]) -> None:
        """Fill every control of a name."""
        wanted = key.strip().casefold()
        found = [each for each in among if wanted in each.names]
        if not found:
            known = [each.name for each in among if each.names and not each.copy]
            raise ToolInputError.unknown("content control", key, known)
        for each in found:
            if each.element.getparent() is not None:
                self._fill_one(each, given)

    def _fill_one(self, found: Located, given: Any) -> None:
        self._refuse_locked(found)
        if found.kind == "repeating_section":
            self._repeat(found, given)
            return
        if found.kind == "picture":
            if write_picture(self._document, found, given):
                self._changed(found, "a picture", "another picture")
            return
        before, prompt = self._shown(found), is_placeholder(found.element)
        as_kind = written_as(found, given)
        node = binding.node_of(self._document, found.element)
        if write(self._document, found, as_kind, given):
            self._changed(found, "" if prompt else before, self._shown(found))
        node = binding.made_node(self._document, found.element) if node is None and as_kind.stored else node
        if node is not None:
            self._store(found, node, as_kind.stored, given)
        if is_temporary(found.element):
            unwrap(found.element)

    def _shown(self, found: Located) -> str:
        if found.kind == "checkbox":
            return "checked" if is_checked(found.element) else "not checked"
        return text_of(self._document, found)

    def _changed(self, found: Located, before: str, after: str) -> None:
        if not found.copy:
            self.hunks.append(
                Hunk(f"{found.where}, control {found.name}", shortened(before, 400), shortened(after, 400))
            )
        self._document.touch(found.story)

    def _refuse_locked(self, found: Located) -> None:
        if lock_of(found.element) in ("content", "both") and not self._override:
            hint = "Ask its owner, or pass override_locks: it is filled then, and stays locked."
            raise refused(found, "is locked against editing.", hint, "locked")

    def _store(self, found: Located, node: binding.Node, stored: str, given: Any) -> None:
        """Write the data that a control is bound to, and let the others that show it follow."""
        numeric = node.text.strip() in ("0", "1") and found.kind == "checkbox"
        words = {"true": "1", "false": "0"}.get(stored, stored) if numeric else stored
        if binding.store(self._document, node, words) and not self.hunks:
            self.hunks.append(Hunk(f"{found.where}, data of {found.name}", "", words))
        for each in located(self._document):
            if each.element is found.element or each.element.getparent() is None:
                continue
            other = binding.node_of(self._document, each.element)
            if other is None or (other.element, other.attribute) != (node.element, node.attribute):
                continue
            before = self._shown(each)
            if each.kind != "picture" and write(self._document, each, written_as(each, given), given):
                self._changed(each, before, self._shown(each))

    def _repeat(self, section: Located, given: Any) -> None:
        """Give a repeating section one item for each of a list, and fill the controls in each."""
        items = plain(given)
        if not is_list(items) or not items:
            raise refused(section, "is a repeating section.", "Give a list with at least one item.")
        there = _items(section.element)
        if not there:
            raise refused(section, "holds no item that could be repeated.", code="repeating")
        self._resize(section, there, len(items))
        for element, item in zip(_items(section.element), items, strict=True):
            self._fill_item(section, element, item)

    def _resize(self, section: Located, there: list[Element], count: int) -> None:
        bound = binding.resize(self._document, section.element, count)
        copier = Copier(self._document)
        last = there[-1]
        for number in range(len(there) + 1, count + 1):
            made = copier.copies([there[-1]])[0]
            last.addnext(made)
            made.tail, last.tail = last.tail, None
            last = made
            if bound:
                binding.point_to(section.element, made, number)
        for extra in there[count:]:
            parent = extra.getparent()
            if parent is not None:
                parent.remove(extra)
        if count != len(there):
            self._changed(section, _counted(len(there)), _counted(count))

    def _fill_item(self, section: Located, element: Element, item: Any) -> None:
        inside = [each for each in iter_inside(section, located(self._document)) if element in _around(each.element)]
        if isinstance(plain(item), Mapping):
            for key, given in plain(item).items():
                self.fill(str(key), given, inside)
            return
        if len(inside) != 1:
            names = ", ".join(each.name for each in inside)
            raise refused(section, f"has {len(inside)} controls in an item.", f"Give an object for each item: {names}.")
        self._fill_one(inside[0], item)


def _items(section: Element) -> list[Element]:
    content = child(section, "w:sdtContent")
    return list(children(content, "w:sdt"))


def _counted(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _around(element: Element) -> list[Element]:
    return list(element.iterancestors())
