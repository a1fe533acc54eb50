"""Notes and comments that nothing refers to any more, and what else keeps a list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.documents.word.names import Element, children, every, name, value

if TYPE_CHECKING:
    from copilot.documents.word.document import Document

#: Local name of the reference, type of the relationship, and the element that holds the content.
KINDS = (
    ("footnote", "footnotes", "w:footnote"),
    ("endnote", "endnotes", "w:endnote"),
    ("comment", "comments", "w:comment"),
)
_LISTS = ("commentsExtended", "commentsIds", "commentsExtensible")


def references(element: Element) -> set[tuple[str, str]]:
    """Return kind ("footnote") and id of the notes and comments that something refers to."""
    return {(kind, value(each, "id") or "") for kind, _, _ in KINDS for each in every(element, f"{kind}Reference")}


def drop(document: Document, released: set[tuple[str, str]]) -> None:
    """Remove the content of those notes and comments that the document no longer refers to."""
    gone = released - references(document.package.xml(document.main)) if released else set()
    for kind, relation, tag in KINDS:
        ids = {key for each, key in gone if each == kind}
        for part in document.package.related(document.main, relation) if ids else ():
            if document.package.has(part):
                _drop(document, part, tag, ids)


def _drop(document: Document, part: str, tag: str, ids: set[str]) -> None:
    root = document.package.xml(part)
    for each in list(children(root, tag)):
        if value(each, "id") in ids and value(each, "type") in (None, "normal"):
            marks = {mark for p in every(each, "p") for mark in _marks(p)}
            root.remove(each)
            document.package.touch(part)
            if marks and tag == "w:comment":
                _unlist(document, marks)


def _marks(element: Element) -> set[str]:
    """Return the `paraId` values of an element ([MS-DOCX] 2.6.2.3)."""
    return {str(v) for k, v in element.attrib.items() if str(k).rpartition("}")[2] in ("paraId",)}


def _unlist(document: Document, marks: set[str]) -> None:
    """Take a comment out of the lists that go by the id of its paragraph ([MS-DOCX] 2.5.3)."""
    for relation in _LISTS:
        for part in document.package.related(document.main, relation):
            root = document.package.xml(part) if document.package.has(part) else None
            for each in list(root) if root is not None else ():
                if root is not None and name(each) and _marks(each) & marks:
                    root.remove(each)
                    document.package.touch(part)
